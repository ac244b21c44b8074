"""The signer: botocore's signatures, to the letter, and only where plain Signature Version 4 is asked for."""

from datetime import UTC, datetime, timedelta

import botocore.auth
import botocore.session
import pytest
from botocore.auth import AUTH_TYPE_MAPS, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.collectors import signer

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
OURS = AUTH_TYPE_MAPS["v4-regionproof"]
texts = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "X-Amz-Target", "User-Agent", "X-Amz-Meta", "Date", "Authorization", "Expect"]),
    st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), max_size=12),
)
paths = st.sampled_from(["/", "/clusters", "/clusters/a%20b/../c", "/x?b=2&a=1&a=%2F", "/2015-03-31/functions/?M=1"])


def signed(by, monkeypatch, credentials, place, at, request):
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: at)
    method, scheme, path, given, data, context = request
    made = AWSRequest(method, f"{scheme}://host.example:8443{path}", headers=given, data=data)
    made.context.update(context)
    by(credentials, *place).add_auth(made)
    return list(made.prepare().headers.items())


@given(
    credentials=st.builds(Credentials, texts, texts, st.none() | texts),
    place=st.tuples(st.sampled_from(["ecr", "ecs"]), st.sampled_from(["us-east-1", "eu-south-1"])),
    days=st.integers(0, 2),
    request=st.tuples(
        st.sampled_from(["POST", "GET"]),
        st.sampled_from(["https", "http"]),
        paths,
        headers,
        st.sampled_from([b"", b"{}", b'{"maxResults": 1000}', {"Action": "List"}]),
        st.sampled_from(
            [{}, {"payload_signing_enabled": False}, {"checksum": {"request_algorithm": {"in": "trailer"}}}]
        ),
    ),
)
@settings(max_examples=300, deadline=None)
def test_signatures_are_those_of_botocore(credentials, place, days, request):
    at = NOON + timedelta(days=days)
    with pytest.MonkeyPatch.context() as patch:
        theirs = signed(SigV4Auth, patch, credentials, place, at, request)
        assert signed(OURS, patch, credentials, place, at, request) == theirs


def test_a_signer_that_is_used_again_signs_the_new_request(monkeypatch):
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "x")
    again = OURS(credentials, "ecr", "us-east-1")
    for path, at in (("/", NOON), ("/other", NOON + timedelta(days=1))):
        request = ("POST", "https", path, {"X-Amz-Target": path}, b"{}", {})
        place = ("ecr", "us-east-1")
        theirs = signed(SigV4Auth, monkeypatch, credentials, place, at, request)
        assert signed(lambda *_: again, monkeypatch, credentials, place, at, request) == theirs


@pytest.mark.parametrize(
    ("version", "context", "chosen"),
    [
        ("v4", {}, "v4-regionproof"),
        ("v4", {"auth_type": None}, "v4-regionproof"),
        ("v4", {"auth_type": "v4"}, "v4-regionproof"),
        ("v4", {"auth_type": "v4a"}, None),
        ("v4", {"auth_type": "none"}, None),
        ("v4", {"auth_type": "v4-unsigned-body"}, None),
        ("v4", {"auth_type": "v4", "unsigned_payload": True}, None),
        ("s3v4", {}, None),
        ("v4-query", {}, None),
        ("bearer", {"auth_type": "bearer"}, None),
    ],
)
def test_what_is_no_plain_signature_version_4_is_left_to_botocore(version, context, chosen):
    assert signer.signed_by(version, context, signing_name="ecr") == chosen


def test_botocores_own_signers_stay_what_they_are():
    """Pins the place where signers are named, and the hook that chooses among them."""
    client = botocore.session.Session().create_client(
        "ecr", "us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x"
    )
    makers = []

    def note(*_, request_signer, signature_version, **__):
        credentials = {"signing_name": "ecr", "region_name": "us-east-1", "signature_version": signature_version}
        makers.append(type(request_signer.get_auth_instance(**credentials)))
        raise InterruptedError

    client.meta.events.register("before-sign", note)
    with pytest.raises(InterruptedError):
        client.describe_registry()
    client.meta.events.register_first("choose-signer.ecr", signer.signed_by)
    with pytest.raises(InterruptedError):
        client.describe_registry()
    assert makers == [AUTH_TYPE_MAPS["v4"], OURS]
    assert OURS is not AUTH_TYPE_MAPS["v4"]
