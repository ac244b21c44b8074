"""Asking a Kubernetes API server: what it answers is recorded, what goes wrong is too, and the token goes nowhere."""

from __future__ import annotations

import base64
import json
import logging
import socket
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from botocore.credentials import Credentials
from kubernetes_objects import CLUSTER, SECRET, pod
from stub_kubernetes import TRICKLE, serve
from test_kubernetes import HERE, eks, read, read_files, write

from scanner.collectors import Answers, kubernetes, kubernetes_api
from scanner.collectors.session import Limits
from scanner.kubernetes_objects import KINDS
from scanner.recorded import to_line

ONCE = Limits(connect_timeout=20, read_timeout=20, max_attempts=1)
KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
SESSION = "FwoGZXIvYXdzEXAMPLEsession"
AT = "2026-11-01T00:00:00Z"


@pytest.fixture(scope="module")
def server():
    with serve() as running:
        yield running


@pytest.fixture
def stub(server):
    server.reset()
    return server


def ask(stub, limits=ONCE, **cluster):
    described = {**stub.cluster, **cluster}
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", KEY, SESSION)
    found = kubernetes_api.calls(described, credentials, "us-east-1", "aws", lambda: AT, limits)
    text = "".join(map(to_line, found))
    assert SECRET not in text
    assert not [word for word in (KEY, SESSION, "k8s-aws-v1", "X-Amz", *stub.tokens) if word and word in text]
    return found


def errors(found):
    return {made.operation: made.error for made in found if made.error}


def codes(found):
    return {made.operation: made.error.code for made in found if made.error}


def failing(name, answer):
    return lambda kind, query: answer if kind == name else None


LISTS = [kind.operation for kind in KINDS.values()]


def test_both_doors_record_the_same(stub, tmp_path):
    path = write(tmp_path / "all.json", stub.things)
    assert ask(stub) == read_files([path], CLUSTER, AT).calls
    assert {(method, query["limit"]) for method, _, query in stub.asked} == {("GET", "500")}
    assert [kind for _, kind, _ in stub.asked] == list(KINDS)


def test_the_lists_of_an_empty_cluster_are_facts(stub):
    stub.things = []
    assert read(ask(stub)) == ([], [])


@pytest.mark.parametrize("items", ["null", "[]"])
def test_no_items_may_be_null(stub, items):
    stub.script = lambda kind, query: (200, f'{{"kind": "{kind}List", "metadata": {{}}, "items": {items}}}', {})
    assert read(ask(stub)) == ([], [])


def test_pages_are_followed(stub):
    pods = [pod(name=f"api-{number}") for number in range(3)]

    def script(kind, query):
        if kind == "Pod":
            number = int(query.get("continue", "0&=").removesuffix("&="))
            return stub.page("Pod", pods[number : number + 1], f"{number + 1}&=" if number < 2 else "")
        return stub.page(kind, [])

    stub.script = script
    found = ask(stub)
    assert [made.page for made in found if made.operation == "ListPods"] == [0, 1, 2]
    assert [r.name for r in read(found)[0]] == ["shop/web/api-0", "shop/web/api-1", "shop/web/api-2"]


def test_a_list_that_expires_is_begun_once_more(stub):
    gone = [(410, "{}", {}), None]

    def script(kind, query):
        if kind == "Pod":
            return gone.pop(0) or stub.page("Pod") if "continue" in query else stub.page("Pod", [pod()], "next")
        return None

    stub.script = script
    found = ask(stub)
    assert errors(found) == {}
    assert [query.get("continue") for _, kind, query in stub.asked if kind == "Pod"] == [None, "next", None, "next"]
    assert [made.page for made in found if made.operation == "ListPods"] == [0, 1]


def test_a_list_that_expires_again_is_a_gap(stub):
    stub.script = lambda kind, query: (
        ((410, "{}", {}) if query.get("continue") else stub.page("Pod", [pod()], "next")) if kind == "Pod" else None
    )
    found = ask(stub)
    assert codes(found) == {"ListPods": "Expired"}
    assert [made.page for made in found if made.operation == "ListPods"] == [0, 1]
    assert ("Kubernetes::Pod", "Expired") in {(gap.type, gap.reason) for gap in read(found)[1]}


@pytest.mark.parametrize("following", ["same", None], ids=["same", "always-new"])
def test_a_list_without_end_ends(stub, following, monkeypatch):
    monkeypatch.setattr(kubernetes_api, "MAX_PAGES", 5)
    stub.script = lambda kind, query: (
        stub.page("Pod", [], following or f"{query.get('continue', '')}x") if kind == "Pod" else None
    )
    assert codes(ask(stub)) == {"ListPods": "PaginationLoop"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("status", "code"), [(401, "Unauthorized"), (403, "Forbidden"), (404, "404"), (429, "429"), (500, "500")]
)
def test_a_refusal_is_a_gap(stub, kind, status, code):
    if status == 404 and KINDS[kind].optional:
        return  # the test below
    stub.script = failing(kind, (status, json.dumps({"kind": "Status", "message": SECRET}), {}))
    found = ask(stub)
    assert codes(found) == {f"List{kind}s": code}
    assert errors(found)[f"List{kind}s"].status == status
    (asked,) = [each for each in kubernetes.CALLS if each.operation == f"List{kind}s"]
    assert {(gap.type, gap.reason) for gap in read(found)[1]} == {(type, code) for type in asked.types}


def test_a_kind_of_an_operator_that_nobody_installed_is_a_fact(stub):
    stub.script = lambda kind, query: (404, "{}", {}) if KINDS[kind].optional else stub.page(kind, [])
    found = ask(stub)
    assert set(codes(found).values()) == {"NotServed"}
    assert len(codes(found)) == 3
    assert read(found) == ([], [])


def test_an_older_operator_is_asked_in_its_version(stub):
    asked = []

    def script(kind, query):
        asked.append(kind)
        return (404, "{}", {}) if kind == "SecretStore" and asked.count(kind) == 1 else None

    stub.script = script
    found = ask(stub)
    assert (codes(found), asked.count("SecretStore")) == ({}, 2)
    assert [r.name for r in read(found)[0] if r.type == "Kubernetes::SecretStore"] == ["shop/web/api"]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_fails_for_a_moment_is_asked_again(stub, status):
    failures = [(status, "{}", {"Retry-After": "86400"})]
    stub.script = lambda kind, query: failures.pop() if failures and kind == "Pod" else None
    found = ask(stub, Limits(20, 20, 2))
    assert (codes(found), len(stub.asked)) == ({}, len(KINDS) + 1)


def test_how_often_it_was_asked_is_recorded(stub):
    stub.script = failing("Pod", (503, "{}", {}))
    assert errors(ask(stub, Limits(20, 20, 2)))["ListPods"].attempts == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_follows_no_redirect(stub, status):
    with serve() as other:
        location = {"Location": f"{other.cluster['endpoint']}/api/v1/pods"}
        stub.script = lambda kind, query: (status, "", location)
        assert set(codes(ask(stub)).values()) == {"Redirect"}
        stub.script = lambda kind, query: (status, "", {"Location": "/apis/batch/v1/jobs"})
        assert set(codes(ask(stub)).values()) == {"Redirect"}
        assert (other.asked, len(stub.asked)) == ([], 2 * len(KINDS))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>sign in</html>",
        "[]",
        "{}",
        '{"kind": "PodList"}',
        '{"kind": "PodList", "items": {}}',
        '{"kind": "PodList", "items": [7]}',
        '{"kind": "PodList", "items": [], "metadata": {"continue": 7}}',
        '{"kind": "SecretList", "items": []}',
        '{"kind": "PodList", "items": NaN}',
        '{"kind": "PodList", "items": ' * 100_000,
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
    ids=lambda body: repr(body)[:40],
)
def test_an_answer_that_is_no_list_is_a_gap(stub, body):
    stub.script = failing("Pod", (200, body, {"Content-Length": str(len(body.encode()))}))
    assert codes(ask(stub)) == {"ListPods": "MalformedResponse"}


def test_half_a_body_is_a_gap(stub):
    _, body, _ = stub.page("Pod")
    stub.script = failing("Pod", (200, body, {"Content-Length": str(len(body) + 1)}))
    assert codes(ask(stub)) == {"ListPods": "ProtocolError"}
    stub.script = failing("Pod", (200, body[: len(body) // 2], {}))
    assert codes(ask(stub)) == {"ListPods": "MalformedResponse"}


def test_a_body_that_is_too_large_is_a_gap(stub, monkeypatch):
    monkeypatch.setattr(kubernetes_api, "_LARGEST", 1000)
    stub.script = failing("Pod", (200, " " * 1001, {}))
    assert codes(ask(stub))["ListPods"] == "MalformedResponse"


def test_a_body_that_trickles_is_given_up(stub, monkeypatch):
    monkeypatch.setattr(kubernetes_api, "_DEADLINE", 0.1)
    stub.script = failing("Pod", TRICKLE)
    assert codes(ask(stub))["ListPods"] == "ReadTimeoutError"


def test_a_server_that_says_nothing_is_given_up(stub):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}"
        found = ask(stub, Limits(0.1, 0.1, 1), endpoint=endpoint)
    assert set(codes(found)) == set(LISTS)


def test_another_authority_is_not_trusted(stub):
    other = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    found = ask(stub, certificateAuthority={"data": other})
    assert codes(found) == dict.fromkeys(LISTS, "SSLError")
    assert stub.tokens == []


def test_a_certificate_for_another_host_is_not_trusted(stub):
    found = ask(stub, endpoint=stub.cluster["endpoint"].replace("127.0.0.1", "localhost"))
    assert codes(found) == dict.fromkeys(LISTS, "SSLError")
    assert stub.tokens == []


@pytest.mark.parametrize(
    "authority",
    [None, {}, "text", {"data": "[redacted]"}, {"data": 7}, {"data": ""}, {"data": base64.b64encode(b"x").decode()}],
    ids=repr,
)
def test_without_a_certificate_authority_nobody_is_asked(stub, authority):
    found = ask(stub, certificateAuthority=authority)
    assert codes(found) == dict.fromkeys(LISTS, "InvalidCertificateAuthority")
    assert stub.tokens == []


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        (None, "NoEndpoint"),
        ("", "NoEndpoint"),
        (7, "InvalidEndpoint"),
        ("http://x.eks.amazonaws.com", "InvalidEndpoint"),
        ("https://x.eks.amazonaws.com.evil.example", "InvalidEndpoint"),
        ("https://evilamazonaws.com", "InvalidEndpoint"),
        ("https://x.eks.amazonaws.com@evil.example", "InvalidEndpoint"),
        ("https://me@x.eks.amazonaws.com", "InvalidEndpoint"),
        ("https://x.eks.amazonaws.com/path", "InvalidEndpoint"),
        ("https://x.eks.amazonaws.com?a=b", "InvalidEndpoint"),
        ("https://x.eks.amazonaws.com:port", "InvalidEndpoint"),
        ("https://[", "InvalidEndpoint"),
    ],
    ids=repr,
)
def test_the_token_goes_to_no_other_endpoint(stub, endpoint, code):
    assert codes(ask(stub, endpoint=endpoint)) == dict.fromkeys(LISTS, code)


@pytest.mark.parametrize(
    ("vpc", "hint"),
    [
        ({"endpointPublicAccess": False}, "it is private"),
        ({"endpointPublicAccess": True}, "publicAccessCidrs"),
        (None, "publicAccessCidrs"),
    ],
    ids=["private", "public", "not-shown"],
)
def test_an_endpoint_out_of_reach_says_why_and_is_tried_once(stub, vpc, hint):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = ask(stub, endpoint=f"https://127.0.0.1:{port}", resourcesVpcConfig=vpc)
    assert codes(found) == dict.fromkeys(LISTS, "NewConnectionError")
    assert all(hint in error.message for error in errors(found).values())


def test_a_private_name_that_nobody_resolves_says_why(stub, monkeypatch):
    def unresolved(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    found = ask(stub, endpoint="https://x.gr7.us-east-1.eks.amazonaws.com")
    assert codes(found) == dict.fromkeys(LISTS, "NameResolutionError")


def test_no_proxy_gets_the_token(stub, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert codes(ask(stub)) == {}


def test_a_cluster_that_cannot_be_asked_leaves_a_gap_for_every_type(stub):
    found = ask(stub, endpoint=None)
    gaps = list(kubernetes.resources(Answers(HERE, "kubernetes", found, eks())))
    assert {(gap.type, gap.reason) for gap in gaps} == {(type, "NoEndpoint") for type in kubernetes.TYPES}


def test_the_token_says_who_asks_which_cluster(stub):
    ask(stub)
    scheme, _, token = stub.tokens[0].partition(" ")
    prefix, _, encoded = token.partition(".")
    assert (scheme, prefix) == ("Bearer", "k8s-aws-v1")
    assert "=" not in encoded
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    assert (url.scheme, url.netloc, url.path) == ("https", "sts.us-east-1.amazonaws.com", "/")
    assert {query[key] for key in ("Action", "X-Amz-Expires")} == {"GetCallerIdentity", "60"}
    assert query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id"
    assert query["X-Amz-Security-Token"] == SESSION


def test_the_signature_is_for_one_cluster():
    keys = Credentials("AKIAIOSFODNN7EXAMPLE", KEY)
    one, other = (kubernetes_api._token(name, keys, "cn-north-1", "aws-cn") for name in ("shop", "other"))
    assert one != other
    assert b"https://sts.cn-north-1.amazonaws.com.cn/?" in base64.urlsafe_b64decode(one[11:] + "==")


def test_the_token_is_in_no_log(stub, caplog):
    with caplog.at_level(logging.DEBUG):
        ask(stub)
        ask(stub, endpoint="https://127.0.0.1:9")
    assert stub.tokens
    assert not [token for token in stub.tokens if token.partition(" ")[2] in caplog.text]


class Broken:
    access_key = secret_key = token = property(lambda self: 1 / 0)

    def get_frozen_credentials(self):
        raise RuntimeError(KEY)


@pytest.mark.parametrize("credentials", [None, Broken()], ids=["none", "broken"])
def test_without_credentials_nobody_is_asked(stub, credentials):
    found = kubernetes_api.calls(stub.cluster, credentials, "us-east-1", "aws", lambda: AT, ONCE)
    assert set(codes(found)) == set(LISTS)
    assert stub.tokens == []
    assert KEY not in "".join(map(to_line, found))


def test_a_cluster_without_its_arn_is_an_error(stub):
    with pytest.raises(ValueError, match="not the ARN of an EKS cluster"):
        ask(stub, arn=None)
