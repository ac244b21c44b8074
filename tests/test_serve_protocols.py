"""Every service is answered in its own protocol, and a client reads there what was recorded."""

import contextlib
import http.client
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import PROTOCOL_PARSERS, ResponseParserError, create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.collectors.transport import _parsed
from scanner.demo import NOBODY
from scanner.model import Place
from scanner.recorded import Call, CallError, Target
from scanner.serve import reading, serve, writing
from scanner.serve.faults import TOKEN, Fault, Faults
from scanner.serve.messages import Request
from scanner.serve.models import CBOR, Catalogue
from scanner.serve.replay import Divided
from scanner.serve.shelf import Shelf
from scanner.snapshot import Snapshot, SnapshotWriter

AT = "2026-11-20T06:00:00Z"
HOME, OTHER, THIRD = "111122223333", "444455556666", "777788889999"
SERVICES = (
    "lambda", "account", "inspector2", "cloudformation", "ec2", "s3", "kms", "secretsmanager", "ssm", "events",
    "service-quotas", "organizations", "codepipeline", "codebuild", "arc-region-switch",
)  # fmt: skip
EAST = Target(HOME, "us-east-1", "aws", None, SERVICES)
WEST = Target(HOME, "us-west-2", "aws", None, SERVICES)
FAR = Target(OTHER, "eu-west-1", "aws", f"arn:aws:iam::{OTHER}:role/Reader", SERVICES)
DENIED = CallError("AccessDeniedException", "User: x is not <authorized> & so on", 400)
HOSTILE = "a<b>&\"'c\r\nd \N{SNOWMAN}\t]]>"


@dataclass
class Told:
    """A recording that is told; nothing of it is redacted."""

    told: list = field(default_factory=list)
    targets: tuple = (EAST, WEST, FAR)

    def calls(self):
        return self.told

    def images(self):
        return {}


def calls(service, operation, parameters, *answers, target=EAST):
    return [
        Call(
            service,
            operation,
            parameters,
            target.account,
            target.region,
            page,
            None if isinstance(answer, CallError) else answer,
            answer if isinstance(answer, CallError) else None,
            None,
            AT,
        )
        for page, answer in enumerate(answers)
    ]


ENDPOINTS = [
    {
        "VpcEndpointId": f"vpce-{n}",
        "VpcEndpointType": "Interface",
        "PrivateDnsEnabled": n % 2 == 0,
        "SubnetIds": ["subnet-1", "subnet-2"][:n],
        "Groups": [{"GroupId": "sg-1", "GroupName": HOSTILE}],
        "CreationTimestamp": "2026-01-02T03:04:05.678000Z",
        "Tags": [{"Key": "Name", "Value": ""}],
    }
    for n in range(5)
]
FILTERS = [{"Name": "vpc-endpoint-type", "Values": ["Interface", "Gateway"]}, {"Name": "vpc-id", "Values": ["vpc-1"]}]
STACK = {
    "StackName": "shop",
    "StackStatus": "CREATE_COMPLETE",
    "CreationTime": "2026-01-02T03:04:05Z",
    "DisableRollback": False,
    "Parameters": [{"ParameterKey": "Region", "ParameterValue": HOSTILE}],
    "Capabilities": [],
    "Outputs": [{"OutputKey": "a", "OutputValue": "b"}],
}
TEMPLATE = {"Resources": {"A": {"Type": "AWS::ECR::Repository"}}, "Description": HOSTILE}
INSTANCE = {"StackSetId": "s:1", "Region": "us-west-2", "Account": HOME, "StackInstanceStatus": {"DetailedStatus": "x"}}
BUCKETS = [{"Name": f"bucket-{n}", "CreationDate": "2026-01-02T03:04:05Z"} for n in range(3)]
REPLICATION = {
    "ReplicationConfiguration": {
        "Role": "arn:aws:iam::1:role/r",
        "Rules": [
            {
                "ID": "all",
                "Priority": 1,
                "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}]}},
                "Status": "Enabled",
                "Destination": {"Bucket": "arn:aws:s3:::b", "Metrics": {"Status": "Enabled"}},
                "DeleteMarkerReplication": {"Status": "Disabled"},
            },
            {"ID": "two", "Status": "Disabled", "Destination": {"Bucket": "arn:aws:s3:::c"}},
        ],
    }
}
PIPELINE = {
    "pipeline": {
        "name": "ship",
        "version": 7,
        "roleArn": "arn:aws:iam::1:role/r",
        "stages": [
            {
                "name": "Source",
                "actions": [
                    {
                        "name": "image",
                        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "ECR", "version": "1"},
                        "configuration": {"RepositoryName": "shop/api", "ImageTag": HOSTILE},
                        "region": "us-east-1",
                        "runOrder": 1,
                    }
                ],
            }
        ],
    },
    "metadata": {"pipelineArn": "arn:p", "created": "2026-01-02T03:04:05.500000Z", "updated": "2026-01-02T03:04:05Z"},
}
PROJECT = {"name": "build", "created": "2026-01-02T03:04:05Z", "timeoutInMinutes": 60, "badge": {"badgeEnabled": False}}
PLAN = {"arn": "arn:aws:arc-region-switch::1:plan/a:1", "owner": HOME, "name": "a", "regions": ["us-east-1"]}
KEY = {"KeyId": "k", "KeyState": "Enabled", "MultiRegion": True, "CreationDate": 1750000000.125, "Enabled": True}

EXAMPLES = [
    *calls("lambda", "ListFunctions", {"MaxItems": 50}, {"Functions": [{"FunctionName": "f", "CodeSize": 3}]}),
    *calls("lambda", "GetFunction", {"FunctionName": "f:1/x"}, {"Code": {"ImageUri": "u"}, "Tags": {"a": HOSTILE}}),
    *calls("account", "ListRegions", {"MaxResults": 50}, {"Regions": [{"RegionName": "us-east-1"}]}),
    *calls("account", "GetRegionOptStatus", {"RegionName": "af-south-1"}, {"RegionOptStatus": "DISABLED"}),
    *calls(
        "inspector2",
        "ListCoverage",
        {"maxResults": 200, "filterCriteria": {"resourceType": [{"comparison": "EQUALS", "value": "AWS_ECR"}]}},
        {"coveredResources": [{"accountId": HOME, "resourceId": "r", "lastScannedAt": 1750000000.5}]},
    ),
    *calls("cloudformation", "DescribeStacks", {}, {"Stacks": [STACK, {**STACK, "StackName": "two"}]}),
    *calls(
        "cloudformation", "GetTemplate", {"StackName": "shop", "TemplateStage": "Original"}, {"TemplateBody": TEMPLATE}
    ),
    *calls("cloudformation", "ListStacks", {"StackStatusFilter": ["CREATE_COMPLETE"]}, {"StackSummaries": []}),
    *calls("cloudformation", "ListStackInstances", {"StackSetName": "s", "MaxResults": 100}, {"Summaries": [INSTANCE]}),
    *calls("ec2", "DescribeVpcEndpoints", {"Filters": FILTERS, "MaxResults": 1000}, {"VpcEndpoints": ENDPOINTS}),
    *calls(
        "ec2", "DescribeSubnets", {"SubnetIds": ["subnet-1"], "DryRun": False}, {"Subnets": [{"SubnetId": "subnet-1"}]}
    ),
    *calls(
        "ec2", "DescribeRegions", {"AllRegions": True}, {"Regions": [{"RegionName": "us-east-1", "OptInStatus": "x"}]}
    ),
    *calls("s3", "ListBuckets", {"MaxBuckets": 1000}, {"Buckets": BUCKETS, "Owner": {"ID": "me"}}),
    *calls("s3", "GetBucketReplication", {"Bucket": "bucket-1"}, REPLICATION),
    *calls("s3", "GetBucketVersioning", {"Bucket": "bucket-1"}, {"Status": "Enabled", "MFADelete": "Disabled"}),
    *calls("s3", "GetBucketVersioning", {"Bucket": "bucket-2"}, {}),
    *calls("s3", "GetBucketLocation", {"Bucket": "bucket-1"}, {"LocationConstraint": "us-west-2"}),
    *calls("s3", "GetBucketLocation", {"Bucket": "bucket-2"}, {"LocationConstraint": None}),
    *calls("s3", "HeadBucket", {"Bucket": "bucket-1"}, {"BucketRegion": "us-west-2", "AccessPointAlias": False}),
    *calls("kms", "DescribeKey", {"KeyId": "k"}, {"KeyMetadata": KEY}),
    *calls("secretsmanager", "ListSecrets", {"MaxResults": 100}, {"SecretList": [{"Name": "s", "CreatedDate": 1.5}]}),
    *calls("ssm", "DescribeParameters", {"MaxResults": 50}, {"Parameters": [{"Name": "/a", "Version": 2}]}),
    *calls("events", "ListRules", {"Limit": 100}, {"Rules": [{"Name": "r", "EventPattern": HOSTILE}]}),
    *calls("service-quotas", "GetServiceQuota", {"ServiceCode": "ec2", "QuotaCode": "L-1"}, {"Quota": {"Value": 5.0}}),
    *calls("codepipeline", "GetPipeline", {"name": "ship"}, PIPELINE),
    *calls(
        "codebuild",
        "BatchGetProjects",
        {"names": ["build", HOSTILE]},
        {"projects": [PROJECT], "projectsNotFound": ["x"]},
    ),
    *calls("arc-region-switch", "ListPlans", {"maxResults": 100}, {"plans": [PLAN]}),
]
JSON = ("json", "rest-json")


@pytest.fixture(scope="module")
def endpoint():
    with serve(Told(EXAMPLES)) as running:
        yield running


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """Ambient AWS settings are none of our business."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@cache
def _client(url, service, region, account):
    keys = {"aws_access_key_id": f"ASIA{account}", "aws_secret_access_key": "x"} if account else None
    return Sessions(endpoint_url=url, credentials=NOBODY, limits=Limits(max_attempts=1)).client(service, region, keys)


def client(endpoint, service, region="us-east-1", account=None):
    return _client(endpoint.url, service, region, account)


@cache
def catalogue():
    return Catalogue(SERVICES)


def ask(endpoint, call, **more):
    """Ask what a call asked, with a real client."""
    asked = client(endpoint, call.service, **more)
    operation = next(method for method, name in asked.meta.method_to_api_mapping.items() if name == call.operation)
    return getattr(asked, operation)(**call.parameters)


def understood(call):
    """Return what botocore's parser makes of a recorded body."""
    service = catalogue().named(call.service)
    message = {"status_code": 200, "headers": {}, "body": json.dumps(call.response).encode(), "context": {}}
    return create_parser(service.protocols[0]).parse(message, service.operation(call.operation).output)


@pytest.mark.parametrize(
    "call", EXAMPLES, ids=lambda call: f"{call.service}-{call.operation}-{len(str(call.response))}"
)
def test_a_client_reads_what_was_recorded(endpoint, call):
    answer = ask(endpoint, call)
    if catalogue().named(call.service).protocols[0] in JSON:
        expected = understood(call)
        del answer["ResponseMetadata"], expected["ResponseMetadata"]
        assert answer == expected
    else:
        del answer["ResponseMetadata"]
        assert _parsed(answer) == call.response


def test_every_service_and_every_protocol_is_asked():
    assert {call.service for call in EXAMPLES} == set(SERVICES) - {"organizations"}
    spoken = {protocol for service in SERVICES for protocol in catalogue().named(service).protocols}
    assert spoken == set(PROTOCOL_PARSERS)


def scalars(kind):
    times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
    characters = st.characters(exclude_categories=("Cs",), exclude_characters="\ufffe\uffff", min_codepoint=32)
    return {
        "string": st.text(characters | st.sampled_from("\t\r\n<>&"), max_size=6),
        "timestamp": times.map(lambda time: time.isoformat().replace("+00:00", "Z")),
        "integer": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
        "boolean": st.booleans(),
        "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
        "double": st.floats(allow_nan=False, allow_infinity=False),
    }[kind]


def structures(shape, depth=5, without=()):
    """Return the strategy of data of a shape, as botocore reads it; no members are of the types `without`."""
    if shape.type_name == "structure":
        wanted = {
            name: member for name, member in shape.members.items() if depth > 0 and member.type_name not in without
        }
        members = {name: structures(member, depth - 1, without) for name, member in wanted.items()}
        if shape.is_tagged_union:
            return st.one_of([st.fixed_dictionaries({name: member}) for name, member in members.items()])
        return st.fixed_dictionaries({}, optional=members)
    if shape.type_name == "list":
        flat = bool(shape.serialization.get("flattened"))  # an empty one cannot be written
        return st.lists(structures(shape.member, depth - 1, without), min_size=flat, max_size=2)
    if shape.type_name == "map":
        return st.dictionaries(scalars("string"), structures(shape.value, depth - 1, without), max_size=2)
    return scalars(shape.type_name)


SHAPES = [
    ("ec2", "DescribeVpcEndpoints"),
    ("cloudformation", "DescribeStacks"),
    ("cloudformation", "ListStackInstances"),
    ("s3", "ListBuckets"),
    ("s3", "GetBucketReplication"),
    ("codepipeline", "GetPipeline"),
    ("arc-region-switch", "ListPlans"),
    ("lambda", "ListFunctions"),
    ("kms", "ListAliases"),
]


@pytest.mark.parametrize(("service", "name"), SHAPES, ids=lambda each: each)
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_written_reads_as_it_was(service, name, data):
    operation = catalogue().operation(service, name)
    protocol = CBOR if CBOR in operation.service.protocols else operation.service.protocols[0]
    recorded = data.draw(structures(operation.output))
    response = writing.answer(protocol, operation, recorded)
    if protocol in JSON:
        assert json.loads(response.body) == recorded
        return
    message = {"status_code": 200, "headers": {}, "body": response.body, "context": {}}
    read = create_parser(protocol).parse(message, operation.output)
    if (recorded and name == "GetBucketReplication") or name != "GetBucketReplication":
        assert _parsed(read) == recorded


def serialized(operation, parameters):
    """Return the request that botocore makes of parameters."""
    protocol = CBOR if CBOR in operation.service.protocols else operation.service.protocols[0]
    model = operation.service.model.operation_model(operation.name)
    made = create_serializer(protocol).serialize_to_request(parameters, model)

    prepare_request_dict(made, "http://127.0.0.1:1")
    request = create_request_object(made).prepare()
    target = request.url.removeprefix("http://127.0.0.1:1") or "/"
    body = request.body or b""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return protocol, Request(request.method, target, headers, body if isinstance(body, bytes) else body.encode())


ASKED = [
    ("ec2", "DescribeVpcEndpoints"),
    ("ec2", "DescribeRouteTables"),
    ("cloudformation", "ListStackInstances"),
    ("cloudformation", "ListStacks"),
    ("inspector2", "ListCoverage"),
    ("lambda", "ListFunctions"),
    ("codepipeline", "ListPipelineExecutions"),
    ("ssm", "DescribeParameters"),
]


@pytest.mark.parametrize(("service", "name"), ASKED, ids=lambda each: each)
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_asked_is_read_as_it_was(service, name, data):
    operation = catalogue().operation(service, name)
    parameters = data.draw(structures(operation.input, 4, ("timestamp",)).map(without_empty))
    if ParamValidator().validate(parameters, operation.input).has_errors():
        return
    protocol, request = serialized(operation, parameters)
    read, found = reading.read(request, operation.service, protocol)
    assert read is operation
    assert found == parameters


def without_empty(value):
    """Return parameters without what the protocols of forms cannot say."""
    if isinstance(value, dict):
        kept = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [item for item in map(without_empty, value) if item not in ({}, [])]
    return value


def code_of(ask, *arguments, **parameters):
    with pytest.raises(ClientError) as raised:
        ask(*arguments, **parameters)
    said = raised.value.response
    return said["Error"]["Code"], said["Error"]["Message"], said["ResponseMetadata"]["HTTPStatusCode"]


REFUSED = [
    ("lambda", "get_function", "GetFunction", {"FunctionName": "f"}),
    ("kms", "describe_key", "DescribeKey", {"KeyId": "k"}),
    ("cloudformation", "describe_stacks", "DescribeStacks", {"StackName": "s"}),
    ("ec2", "describe_vpc_endpoints", "DescribeVpcEndpoints", {"VpcEndpointIds": ["vpce-1"]}),
    ("s3", "get_bucket_replication", "GetBucketReplication", {"Bucket": "bucket"}),
    ("codepipeline", "get_pipeline", "GetPipeline", {"name": "p"}),
]


@pytest.mark.parametrize(("service", "method", "operation", "parameters"), REFUSED, ids=lambda each: str(each)[:20])
def test_errors_are_those_that_were_recorded(service, method, operation, parameters):
    error = CallError("Some.ErrorCode", "Not <here> & now \N{SNOWMAN}", 404)
    with serve(Told(calls(service, operation, parameters, error))) as endpoint:
        assert code_of(getattr(client(endpoint, service), method), **parameters) == (error.code, error.message, 404)
        code, message, status = code_of(getattr(client(endpoint, service, "us-west-2"), method), **parameters)
        assert (code, status) == ("NotRecorded", 501)
        assert operation in message


def test_the_error_of_a_head_is_its_status():
    gone = CallError("404", "Not Found", 404)
    with serve(Told(calls("s3", "HeadBucket", {"Bucket": "gone"}, gone))) as endpoint:
        assert code_of(client(endpoint, "s3").head_bucket, Bucket="gone") == ("404", "Not Found", 404)


LISTS = [
    (
        "lambda",
        "list_functions",
        "ListFunctions",
        {"MaxItems": 50},
        "Functions",
        lambda n: {"FunctionName": str(n)},
        {},
    ),
    (
        "kms",
        "list_aliases",
        "ListAliases",
        {"Limit": 100},
        "Aliases",
        lambda n: {"AliasName": str(n)},
        {"Truncated": True},
    ),
    ("events", "list_rules", "ListRules", {"Limit": 50}, "Rules", lambda n: {"Name": str(n)}, {}),
    (
        "ec2",
        "describe_vpc_endpoints",
        "DescribeVpcEndpoints",
        {"MaxResults": 1000},
        "VpcEndpoints",
        lambda n: {"VpcEndpointId": str(n)},
        {},
    ),
    (
        "cloudformation",
        "list_stack_instances",
        "ListStackInstances",
        {"StackSetName": "s", "MaxResults": 100},
        "Summaries",
        lambda n: {"Region": str(n)},
        {},
    ),
    (
        "s3",
        "list_buckets",
        "ListBuckets",
        {"MaxBuckets": 1000},
        "Buckets",
        lambda n: {"Name": str(n)},
        {"Owner": {"ID": "me"}},
    ),
    (
        "codepipeline",
        "list_pipelines",
        "ListPipelines",
        {"maxResults": 1000},
        "pipelines",
        lambda n: {"name": str(n)},
        {},
    ),
    (
        "inspector2",
        "list_coverage",
        "ListCoverage",
        {"maxResults": 200},
        "coveredResources",
        lambda n: {"resourceId": str(n)},
        {},
    ),
    ("organizations", "list_accounts", "ListAccounts", {"MaxResults": 20}, "Accounts", lambda n: {"Id": str(n)}, {}),
    ("arc-region-switch", "list_plans", "ListPlans", {"maxResults": 100}, "plans", lambda n: {"name": str(n)}, {}),
]


@pytest.mark.parametrize(
    ("service", "method", "operation", "parameters", "member", "item", "frame"), LISTS, ids=lambda each: str(each)[:20]
)
def test_lists_are_paged_as_recorded_or_as_asked(service, method, operation, parameters, member, item, frame):
    items = [item(n) for n in range(7)]
    last = {**frame, "Truncated": False} if "Truncated" in frame else frame
    pages = [{**frame, member: items[:3]}, {**frame, member: []}, {**last, member: items[3:]}]
    paging = catalogue().operation(service, operation).paging
    with serve(Told(calls(service, operation, parameters, *pages))) as endpoint:
        asked = getattr(client(endpoint, service), method)
        assert [len(page[member]) for page in walk(asked, parameters, paging)] == [3, 0, 4]
        assert [len(page[member]) for page in walk(asked, {**parameters, paging.size: 2}, paging)] == [2, 2, 2, 1]
        cut = [page[member] for page in walk(asked, {**parameters, paging.size: 2}, paging)]
        assert _parsed({"items": [each for page in cut for each in page]})["items"] == items
        foreign = code_of(asked, **{**parameters, paging.token: "bm9wZQ=="})
        assert (foreign[0], foreign[2]) == ("InvalidParameterException", 400)


def walk(asked, parameters, paging):
    """Yield the pages of a list as its tokens lead."""
    token = None
    while True:
        page = asked(**parameters, **({paging.token: token} if token else {}))
        token = page.get(paging.following)
        assert paging.more is None or page.get(paging.more) == bool(token)
        yield page
        if not token:
            return


def test_a_list_of_no_chosen_size_has_the_pages_that_were_recorded():
    pages = [{"Stacks": [{**STACK, "StackName": str(n)}]} for n in range(3)]
    with serve(Told(calls("cloudformation", "DescribeStacks", {}, *pages, DENIED))) as endpoint:
        found = iter(client(endpoint, "cloudformation").get_paginator("describe_stacks").paginate())
        assert [next(found)["Stacks"][0]["StackName"] for _ in range(3)] == ["0", "1", "2"]
        assert code_of(next, found) == (DENIED.code, DENIED.message, 400)


def test_what_is_global_is_answered_in_every_region():
    regions = {"Regions": [{"RegionName": "us-east-1"}]}
    told = [
        *calls("account", "ListRegions", {}, DENIED),
        *calls("account", "ListRegions", {}, regions, target=WEST),
        *calls("ec2", "DescribeRegions", {}, regions, target=WEST),
        *calls("ec2", "DescribeVpcs", {}, {"Vpcs": []}, target=WEST),
        *calls("s3", "ListBuckets", {}, {"Buckets": BUCKETS}, target=WEST),
    ]
    with serve(Told(told)) as endpoint:
        assert code_of(client(endpoint, "account").list_regions)[0] == DENIED.code  # this target was told so itself
        for region in ("us-west-2", "ap-south-1"):
            assert client(endpoint, "account", region).list_regions()["Regions"] == regions["Regions"]
            assert client(endpoint, "ec2", region).describe_regions()["Regions"] == regions["Regions"]
            assert len(client(endpoint, "s3", region).list_buckets()["Buckets"]) == 3
        assert code_of(client(endpoint, "ec2").describe_vpcs)[0] == "NotRecorded"
        assert code_of(client(endpoint, "ec2", account=OTHER).describe_regions)[0] == "NotRecorded"


def test_the_accounts_of_an_organization_are_those_of_the_recording():
    accounts = [f"{number:012}" for number in range(1, 46)]
    targets = tuple(
        Target(
            account, "us-east-1", "aws", None if account == accounts[7] else f"arn:aws:iam::{account}:role/R", ("ecs",)
        )
        for account in accounts
    )
    with serve(Told([], targets)) as endpoint:
        pages = list(client(endpoint, "organizations").get_paginator("list_accounts").paginate())
        assert [len(page["Accounts"]) for page in pages] == [20, 20, 5]
        found = [account for page in pages for account in page["Accounts"]]
        assert [account["Id"] for account in found] == accounts
        assert {(account["Status"], account["State"]) for account in found} == {("ACTIVE", "ACTIVE")}
        member = client(endpoint, "organizations", account=accounts[0])
        assert code_of(member.list_accounts)[0] == "NotRecorded"
        granted = client(endpoint, "sts").assume_role(RoleArn=targets[1].role_arn, RoleSessionName="me")
        assert granted["Credentials"]["Expiration"] == datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_accounts_that_were_recorded_are_answered_as_they_were():
    told = calls("organizations", "ListAccounts", {}, DENIED, target=WEST)
    with serve(Told(told)) as endpoint:
        assert code_of(client(endpoint, "organizations").list_accounts)[0] == DENIED.code


@pytest.fixture(params=["json", CBOR])
def spoken(request, monkeypatch):
    """Make clients that prefer a protocol, as SDKs of other years and languages do."""
    others = [protocol for protocol in PROTOCOL_PARSERS if protocol != request.param]
    monkeypatch.setattr("botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", (request.param, *others))
    return request.param


RAW = {**PIPELINE, "metadata": {"pipelineArn": "arn:p", "created": 1767323045.5, "updated": 1767323045}}


@pytest.mark.parametrize("recorded", [PIPELINE, RAW], ids=["parsed", "raw"])
def test_a_service_is_answered_in_the_protocol_that_its_client_speaks(spoken, recorded):
    told = calls("codepipeline", "GetPipeline", {"name": "ship"}, recorded)
    told += calls("codebuild", "ListProjects", {}, {"projects": ["a", "b"]}, DENIED)
    with serve(Told(told)) as endpoint:
        asked = _client.__wrapped__(endpoint.url, "codepipeline", "us-east-1", None)
        assert asked.meta.service_model.resolved_protocol == spoken
        answer = asked.get_pipeline(name="ship")
        kind = answer.pop("ResponseMetadata")["HTTPHeaders"]["content-type"]
        assert kind == ("application/cbor" if spoken == CBOR else "application/x-amz-json-1.1")
        assert _parsed(answer) == PIPELINE
        assert code_of(asked.get_pipeline, name="no")[0] == "NotRecorded"
        builds = _client.__wrapped__(endpoint.url, "codebuild", "us-east-1", None)
        pages = iter(builds.get_paginator("list_projects").paginate())
        assert next(pages)["projects"] == ["a", "b"]
        assert code_of(next, pages) == (DENIED.code, DENIED.message, 400)


SCOPE = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "body", "status"),
    [
        ("ec2", "POST", "/", {}, b"", 400),
        ("ec2", "POST", "/", {}, b"Action=Nope", 400),
        ("ec2", "GET", "/?Action=DescribeVpcs", {}, b"", 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&Filter.1.Name=a&Filter.1=b", 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&Filter.x.Name=a", 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&Filter=a", 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&Filter.1.Nope=a", 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&MaxResults=ten", 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&MaxResults=0", 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&DryRun=maybe", 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&" + b"a.b" * 90_000, 400),
        ("ec2", "POST", "/", {}, b"Action=DescribeVpcs&" + b"a." * 90_000 + b"=1", 400),
        ("ec2", "POST", "/", {}, b"&".join(b"a%d=1" % n for n in range(2000)), 400),
        ("ec2", "POST", "/", {}, b"Action=%00%01%ed%a0%80", 400),
        ("cloudformation", "POST", "/", {}, b"Action=DescribeStacks&StackName.1=a", 400),
        ("cloudformation", "POST", "/", {}, b"Action=DeleteStack&StackName=a", 501),
        ("s3", "GET", "/b/k%00?x=1", {}, None, 400),
        ("s3", "GET", "/b?max-keys=ten", {}, None, 400),
        ("s3", "DELETE", "/b", {}, None, 501),
        ("s3", "TRACE", "/", {}, None, 501),
        ("lambda", "GET", "/2015-03-31/functions/?MaxItems=1&Nope=2", {}, None, 400),
        ("inspector2", "POST", "/coverage/list", {}, b"[", 400),
        ("inspector2", "POST", "/coverage/list", {}, b"[]", 400),
        ("inspector2", "POST", "/coverage/list", {}, b'{"maxResults": "1"}', 400),
        ("codepipeline", "POST", "/service/CodePipeline_20150709/operation/Nope", {"smithy-protocol": "x"}, b"", 404),
        ("codepipeline", "POST", "/nope", {"smithy-protocol": "rpc-v2-cbor"}, b"", 404),
        *(
            (
                "codepipeline",
                "POST",
                "/service/CodePipeline_20150709/operation/GetPipeline",
                {"smithy-protocol": "x"},
                body,
                400,
            )
            for body in (
                b"\xff",
                b"\x7b{}",
                b"\x81" * 5000,
                b"\x80",
                b"\xbf",
                b"\xa1\x80\x01",
                b"\xa1\x64name\xf9\x7e\x00",
                b"\xa1\x64name\x41\xff",
                b"\xa1\x64name\x61\xff",
                b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"\xa1\x64name\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
                b"\xa0",
                b"",
            )
        ),
        ("monitoring", "POST", "/", {}, b"", 501),
        ("nonesuch", "POST", "/", {}, b"", 501),
    ],
)
def test_hostile_requests_get_clean_errors(endpoint, capfd, service, method, path, headers, body, status):
    connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=30)
    connection.request(method, path, body, {"Authorization": SCOPE.format(service), **headers})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status == status
    if service in ("ec2", "cloudformation", "s3") and method != "TRACE":
        read = create_parser({"ec2": "ec2", "s3": "rest-xml"}.get(service, "query")).parse(
            {"status_code": status, "headers": {}, "body": text, "context": {}}, None
        )
        assert read["Error"]["Code"]
    assert capfd.readouterr() == ("", "")


FAULTS = [
    ("lambda", "list_functions", "AccessDeniedException", "ThrottlingException", "ExpiredTokenException"),
    ("kms", "list_keys", "AccessDeniedException", "ThrottlingException", "ExpiredTokenException"),
    ("cloudformation", "describe_stacks", "AccessDenied", "Throttling", "ExpiredToken"),
    ("ec2", "describe_vpcs", "UnauthorizedOperation", "RequestLimitExceeded", "RequestExpired"),
    ("s3", "list_buckets", "AccessDenied", "SlowDown", "ExpiredToken"),
    ("codepipeline", "list_pipelines", "AccessDeniedException", "ThrottlingException", "ExpiredTokenException"),
]


@pytest.mark.parametrize(("service", "method", "deny", "throttle", "expired"), FAULTS, ids=lambda each: each)
def test_faults_are_said_in_the_words_of_the_service(service, method, deny, throttle, expired):
    kinds = {"deny": deny, "throttle": throttle, "expired-token": expired, "5xx": "ServiceUnavailable"}
    for kind, code in kinds.items():
        with serve(Told([]), faults=Faults([Fault(kind, service)])) as endpoint:
            assert code_of(getattr(client(endpoint, service), method))[0] == code


BROKEN = [
    ("ec2", "DescribeVpcEndpoints", {"VpcEndpoints": ENDPOINTS}, "VpcEndpoints"),
    ("cloudformation", "DescribeStacks", {"Stacks": [STACK]}, "Stacks"),
    ("s3", "ListBuckets", {"Buckets": BUCKETS}, "Buckets"),
    ("codepipeline", "ListPipelines", {"pipelines": [{"name": "p"}]}, "pipelines"),
    ("lambda", "ListFunctions", {"Functions": [{"FunctionName": "f"}]}, "Functions"),
]


@pytest.mark.parametrize(("service", "operation", "answer", "member"), BROKEN, ids=lambda each: str(each)[:20])
@pytest.mark.parametrize("kind", ["truncate", "drop", "reset", "wrong-json", "not-json", "empty"])
def test_an_answer_that_is_spoilt_is_not_taken_for_one(service, operation, answer, member, kind):
    told = calls(service, operation, {}, answer)
    refused = contextlib.suppress(BotoCoreError, ClientError, ResponseParserError, AttributeError, KeyError)
    with serve(Told(told), faults=Faults([Fault(kind, service, operation)])) as endpoint, refused:
        read = ask(endpoint, told[0])
        assert member not in read or kind == "wrong-json"
        assert read.get(member) != answer[member]


@pytest.mark.parametrize(("service", "operation", "answer", "member"), BROKEN, ids=lambda each: str(each)[:20])
def test_a_loop_gives_the_first_page_for_ever(service, operation, answer, member):
    paging = catalogue().operation(service, operation).paging
    told = calls(service, operation, {}, answer, {**answer, member: []})
    with serve(Told(told), faults=Faults([Fault("loop", service, operation)])) as endpoint:
        first = ask(endpoint, told[0])
        asked = client(endpoint, service)
        method = next(method for method, name in asked.meta.method_to_api_mapping.items() if name == operation)
        second = getattr(asked, method)(**{paging.token: first[paging.following]})
    assert first[paging.following] == second[paging.following] == TOKEN
    assert len(first[member]) == len(second[member]) == len(answer[member])


class Watched(Snapshot):
    """A snapshot that notes which targets are read."""

    def calls_of(self, target):
        self.read.append(("calls", target.place))
        return super().calls_of(target)

    def images_of(self, target):
        self.read.append(("images", target.place))
        return super().images_of(target)


def test_a_snapshot_is_read_target_by_target(tmp_path):
    writer = SnapshotWriter(tmp_path / "s")
    targets = [Target(HOME, region, "aws", None, ("ecr", "ecs")) for region in ("us-east-1", "us-west-2")]
    for target in targets:
        told = calls("ecs", "ListClusters", {"maxResults": 100}, {"clusterArns": []}, target=target)
        told += calls("ecr", "DescribeImages", {"repositoryName": "aa"}, DENIED, target=target)
        writer.write(target, told, {}, started_at=AT, finished_at=AT)
    writer.finish(targets)
    snapshot = Watched.open(tmp_path / "s")
    snapshot.read = []
    assert isinstance(snapshot, Divided)
    with serve(snapshot) as endpoint:
        assert snapshot.read == []
        ecs = client(endpoint, "ecs")
        threads = [threading.Thread(target=ecs.list_clusters) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert snapshot.read == [("calls", Place(HOME, "us-east-1"))]
        assert code_of(client(endpoint, "ecr", "us-west-2").list_images, repositoryName="aa")[0] == DENIED.code
        places = [place for _, place in snapshot.read[1:]]
        assert set(places) == {Place(HOME, "us-west-2")}


def test_a_shelf_keeps_what_was_asked_for_last():
    made = []

    def make(key):
        made.append(key)
        if key == "bad":
            raise ValueError(key)
        return key.upper()

    shelf = Shelf(make, 2)
    assert [shelf[key] for key in "abacab"] == ["A", "B", "A", "C", "A", "B"]
    assert made == ["a", "b", "c", "b"]
    assert len(shelf) == 2
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            shelf["bad"]
    assert made[-2:] == ["bad", "bad"]


@pytest.mark.parametrize(
    ("service", "operation", "token", "following", "size", "member", "more"),
    [
        ("lambda", "ListFunctions", "Marker", "NextMarker", "MaxItems", "Functions", None),
        ("kms", "ListAliases", "Marker", "NextMarker", "Limit", "Aliases", "Truncated"),
        ("s3", "ListBuckets", "ContinuationToken", "ContinuationToken", "MaxBuckets", "Buckets", None),
        ("cloudformation", "DescribeStacks", "NextToken", "NextToken", None, "Stacks", None),
        ("events", "ListRules", "NextToken", "NextToken", "Limit", "Rules", None),
        ("ecs", "ListServices", "nextToken", "nextToken", "maxResults", "serviceArns", None),
        ("organizations", "ListAccounts", "NextToken", "NextToken", "MaxResults", "Accounts", None),
    ],
)
def test_pages_are_named_as_the_service_names_them(service, operation, token, following, size, member, more):
    paging = catalogue().operation(service, operation).paging
    found = (paging.token, paging.following, paging.size, paging.member, paging.more)
    assert found == (token, following, size, member, more)


def test_services_are_found_by_the_name_that_requests_are_signed_for():
    assert catalogue().signed("servicequotas").name == "service-quotas"
    assert catalogue().signed("arc-region-switch").name == "arc-region-switch"
    assert catalogue().signed("ec2").protocols == ("ec2",)
    assert set(catalogue().signed("codebuild").protocols) == {CBOR, "json"}
    assert catalogue().signed("nonesuch") is None


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_a_policy_of_iam_reads_as_it_was_wherever_it_is_asked_for(region):
    document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": f"100%25 + {HOSTILE[:8]}"}]}
    parameters = {"RoleName": "r", "PolicyName": "p"}
    told = calls("iam", "GetRolePolicy", parameters, {**parameters, "PolicyDocument": document})
    with serve(Told(told)) as endpoint:
        answer = client(endpoint, "iam", region).get_role_policy(**parameters)
    assert answer["PolicyDocument"] == document
