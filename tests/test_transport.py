"""The transport: one client serves every account, and only what AWS answers is an answer."""

import botocore.session
import pytest
from botocore.credentials import Credentials
from stub_aws import ACCOUNT, REGION, serve

from scanner.collectors import COLLECTORS
from scanner.collectors.session import Sessions
from scanner.collectors.transport import Failed, Transport, _foreign
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
