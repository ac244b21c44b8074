"""The transport: one client serves every account, and only what AWS answers is an answer."""

import json

import botocore.session
import pytest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from stub_aws import ACCOUNT, REGION, serve

from scanner.collectors import COLLECTORS
from scanner.collectors.session import Sessions
from scanner.collectors.transport import Failed, Transport, _foreign, _loaded
from scanner.recorded import Target

HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
S3 = b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@pytest.fixture(scope="module")
def models():
    session = botocore.session.get_session()
    return {service: session.get_service_model(service) for service in ("s3", "ec2", "cloudformation")}


@pytest.mark.parametrize(
    ("service", "operation", "body", "right"),
    [
        ("s3", "GetBucketVersioning", b"<VersioningConfiguration " + S3 + b"/>", True),
        ("s3", "GetBucketVersioning", b'<?xml version="1.0"?>\n<VersioningConfiguration ' + S3 + b"></V>", True),
        ("s3", "GetBucketVersioning", HTML, False),
        ("s3", "GetBucketVersioning", b"<html></html>", False),
        ("s3", "GetBucketVersioning", b"", False),
        ("ec2", "DescribeSubnets", b'<DescribeSubnetsResponse xmlns="http://ec2/"/>', True),
        ("ec2", "DescribeSubnets", b"<DescribeVpcsResponse/>", False),
        ("ec2", "DescribeSubnets", HTML, False),
        ("cloudformation", "DescribeStacks", b"<DescribeStacksResponse></DescribeStacksResponse>", True),
        ("cloudformation", "DescribeStacks", b"<html/>", False),
    ],
)
def test_a_page_of_something_else_is_no_answer(models, service, operation, body, right):
    assert (_foreign(body, models[service].operation_model(operation)) is None) is right


def test_each_request_is_signed_as_the_account_that_is_asked():
    """Pins the hook, and the key of the signing context, by which one client signs for every account."""
    signed = []
    keys = {ACCOUNT: None, "222233334444": Credentials("ASIA222233334444", "x", "the-token")}
    ask = COLLECTORS["ecr"].CALLS[0]

    class Watched(Sessions):
        def once(self, service, region):
            client = super().once(service, region)
            session = client._endpoint.http_session
            send = session.send

            def watched(request):
                signed.append((request.headers["Authorization"], request.headers.get("X-Amz-Security-Token")))
                return send(request)

            session.send = watched
            return client

    with serve() as stub:
        ours = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "x"}
        transport = Transport(Watched(endpoint_url=stub.url, credentials=ours), lambda target: keys[target.account])
        for account in (ACCOUNT, "222233334444", ACCOUNT):
            target = Target(account, REGION, "aws", None, ("ecr",))
            assert transport.ask(target, "ecr", ask, {}, None).body["registryId"] == ACCOUNT
    assert ["ASIA222233334444" in str(authorization) for authorization, _ in signed] == [False, True, False]
    assert [token is not None and "the-token" in str(token) for _, token in signed] == [False, True, False]


def test_credentials_that_cannot_be_refreshed_are_an_error_of_the_request():
    def refuse(_):
        raise RuntimeError("the role is gone")

    with serve() as stub:
        ours = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "x"}
        transport = Transport(Sessions(endpoint_url=stub.url, credentials=ours), refuse)
        target = Target("222233334444", REGION, "aws", None, ("ecr",))
        with pytest.raises(Failed) as failed:
            transport.ask(target, "ecr", COLLECTORS["ecr"].CALLS[0], {}, None)
    assert (failed.value.error.code, failed.value.error.message) == ("RuntimeError", "the role is gone")


texts = st.text(max_size=5) | st.sampled_from(["\ud800", "\0", "é"])
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
data = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@given(data=data, ascii=st.booleans())
def test_bodies_are_read_as_the_standard_library_reads_them(data, ascii):
    body = json.dumps(data, ensure_ascii=ascii).encode(errors="surrogatepass")
    try:
        expected = json.loads(body)
    except ValueError as error:
        with pytest.raises(type(error)):
            _loaded(body)
    else:
        assert repr(_loaded(body)) == repr(expected)


@pytest.mark.parametrize("body", [b"1e400", b'\xef\xbb\xbf{"a": 1}', b'{"a": 1, "a": 2}', b'"\\ud800"'])
def test_rarities_are_read_as_the_standard_library_reads_them(body):
    assert repr(_loaded(body)) == repr(json.loads(body))


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b"{'a': 1}", b"[1,]", b"", b"{} {}", b'"\xff"'])
def test_what_is_no_json_is_refused(body):
    with pytest.raises(ValueError, match=r"JSON|decode|Expecting|Extra"):
        _loaded(body)
