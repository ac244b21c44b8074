"""What the answers of Lambda, CloudFormation, EC2 and KMS mean, and what it means that there is none."""

from __future__ import annotations

import copy
import json
from functools import cache

import botocore.session
import pytest
from stub_aws import ACCOUNT, DIGEST, HEALTHY, IMAGE, REGION, SECRET

from scanner.collectors import COLLECTORS, Answers, awslambda, ec2, ecr, ecs, eks, kms, read
from scanner.collectors.ask import UNPUBLISHED
from scanner.errors import SnapshotError
from scanner.model import Gap, Resource, Unknown, plain
from scanner.recorded import Call, CallError, Target, redacted
from scanner.snapshot import SnapshotWriter

NEW = ("lambda", "cloudformation", "ec2", "kms")
HERE = Target(ACCOUNT, REGION, "aws", None, ("cloudformation", "ec2", "ecr", "kms", "lambda"))
DENIED = CallError("AccessDeniedException", "not you", 400)
AT = "2026-11-20T08:00:00Z"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:fn"
RESOLVED = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/api@{DIGEST}"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/1"
KEY, ALIAS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-1", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/images"
IDLE, FOREIGN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/2", f"arn:aws:kms:{REGION}:999988887777:key/3"
TEMPLATE = f"""
Parameters: {{Password: {{Type: String, Default: {SECRET}}}}}
Resources:
  Cluster:
    Type: AWS::ECS::Cluster
    Properties: {{ClusterName: !Sub "{SECRET}-${{AWS::Region}}", Where: us-west-2}}
"""

ANSWERS: dict[str, list[tuple[str, dict, dict]]] = {
    "lambda": [
        (
            "ListFunctions",
            {},
            {
                "Functions": [
                    {
                        "FunctionName": "fn",
                        "FunctionArn": FUNCTION,
                        "PackageType": "Image",
                        "Role": f"arn:aws:iam::{ACCOUNT}:role/fn",
                        "Architectures": ["arm64"],
                        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": [], "VpcId": "vpc-1"},
                        "Environment": {"Variables": {"PASSWORD": SECRET}},
                    },
                    {"FunctionName": "archive", "FunctionArn": f"{FUNCTION}2", "PackageType": "Zip"},
                ]
            },
        ),
        ("ListAliases", {"FunctionName": "fn"}, {"Aliases": [{"Name": "live", "FunctionVersion": "3"}]}),
        *(
            (
                "GetFunction",
                {"FunctionName": "fn", "Qualifier": version},
                {
                    "Configuration": {
                        "FunctionName": "fn",
                        "ImageConfigResponse": {"ImageConfig": {"Command": [SECRET], "EntryPoint": [SECRET]}},
                        "Environment": {"Variables": {"PASSWORD": SECRET}},
                    },
                    "Code": {"ImageUri": IMAGE, "ResolvedImageUri": RESOLVED, "Location": f"https://x/?{SECRET}"},
                    "Tags": {"team": "shop", "Location": "here"},
                },
            )
            for version in ("$LATEST", "3")
        ),
    ],
    "cloudformation": [
        (
            "DescribeStacks",
            {},
            {
                "Stacks": [
                    {
                        "StackId": STACK,
                        "StackName": "shop",
                        "StackStatus": "UPDATE_COMPLETE",
                        "CreationTime": AT,
                        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
                        "Parameters": [{"ParameterKey": "Password", "ParameterValue": SECRET}],
                        "Outputs": [{"OutputKey": "Password", "OutputValue": SECRET}],
                        "Tags": [{"Key": "team", "Value": "shop"}],
                    }
                ]
            },
        ),
        ("GetTemplate", {"StackName": STACK}, {"TemplateBody": TEMPLATE, "StagesAvailable": ["Original"]}),
        (
            "ListStackSets",
            {},
            {
                "Summaries": [
                    {"StackSetName": "all", "StackSetId": "all:1", "Status": "ACTIVE", "DriftStatus": "DRIFTED"}
                ]
            },
        ),
        (
            "ListStackInstances",
            {"StackSetName": "all"},
            {
                "Summaries": [
                    {
                        "Account": ACCOUNT,
                        "Region": "us-west-2",
                        "Status": "CURRENT",
                        "StackInstanceStatus": {"DetailedStatus": "SUCCEEDED"},
                        "DriftStatus": "IN_SYNC",
                        "LastDriftCheckTimestamp": AT,
                    }
                ]
            },
        ),
    ],
    "ec2": [
        (
            "DescribeVpcEndpoints",
            {},
            {
                "VpcEndpoints": [
                    {
                        "VpcEndpointId": "vpce-1",
                        "VpcEndpointType": "Interface",
                        "VpcId": "vpc-1",
                        "ServiceName": f"com.amazonaws.{REGION}.ecr.dkr",
                        "State": "available",
                        "PrivateDnsEnabled": True,
                        "SubnetIds": ["subnet-1"],
                        "Groups": [{"GroupId": "sg-1", "GroupName": "x"}],
                        "PolicyDocument": '{"Statement": []}',
                        "Tags": [{"Key": "team", "Value": "net"}],
                    }
                ]
            },
        ),
        (
            "DescribeSubnets",
            {},
            {"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24", "State": "available"}]},
        ),
        (
            "DescribeRouteTables",
            {},
            {
                "RouteTables": [
                    {
                        "RouteTableId": "rtb-1",
                        "VpcId": "vpc-1",
                        "Routes": [
                            {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "blackhole"}
                        ],
                        "Associations": [{"Main": True, "RouteTableAssociationId": "a", "RouteTableId": "rtb-1"}],
                    }
                ]
            },
        ),
        (
            "DescribeNatGateways",
            {},
            {"NatGateways": [{"NatGatewayId": "nat-1", "SubnetId": "subnet-1", "VpcId": "vpc-1", "State": "deleted"}]},
        ),
        (
            "DescribeSecurityGroups",
            {},
            {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web", "VpcId": "vpc-1", "Description": SECRET}]},
        ),
    ],
    "kms": [
        ("ListKeys", {}, {"Keys": [{"KeyId": "mrk-1", "KeyArn": KEY}, {"KeyId": "2", "KeyArn": IDLE}]}),
        ("ListAliases", {}, {"Aliases": [{"AliasName": "alias/images", "AliasArn": ALIAS, "TargetKeyId": "mrk-1"}]}),
        (
            "DescribeKey",
            {"KeyId": KEY},
            {
                "KeyMetadata": {
                    "KeyId": "mrk-1",
                    "Arn": KEY,
                    "KeyState": "PendingDeletion",
                    "Enabled": False,
                    "KeyManager": "CUSTOMER",
                    "MultiRegion": True,
                    "MultiRegionConfiguration": {"MultiRegionKeyType": "PRIMARY"},
                }
            },
        ),
        ("GetKeyPolicy", {"KeyId": KEY}, {"Policy": '{"Statement": [{"Effect": "Allow"}]}'}),
    ],
}
"""Operation, parameters beside the constant ones, and a right answer, of each call of each service."""


def ask_of(service: str, operation: str):
    (ask,) = [ask for ask in COLLECTORS[service].CALLS if ask.operation == operation]
    return ask


def call(service: str, operation: str, parameters: dict, answer, page: int = 0) -> Call:
    given = {**ask_of(service, operation).parameters, **parameters}
    response, error = (None, answer) if isinstance(answer, CallError) else (answer, None)
    return redacted(Call(service, operation, given, ACCOUNT, REGION, page, response, error, None, AT))


def registry(*keys: str) -> Answers:
    """Return answers of ECR in which repositories are encrypted with these keys."""
    found = [
        {"repositoryName": f"r{n}", "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": key}}
        for n, key in enumerate(keys)
    ]
    return Answers(HERE, "ecr", [call("ecr", "DescribeRepositories", {}, {"repositories": found})])


def answers(service: str, *more: tuple, keys: tuple = (KEY,), **changes) -> Answers:
    """Return the right answers of a service with some operations answered otherwise, and some more."""
    told = [(o, p, changes.get(o, answer)) for o, p, answer in ANSWERS[service] if changes.get(o, answer) is not None]
    calls = [call(service, *one) for one in (*told, *more)]
    return Answers(HERE, service, calls, {"ecr": registry(*keys)})


def found_in(given: Answers) -> tuple[dict[str, Resource], list[Gap]]:
    items = list(COLLECTORS[given.service].resources(given))
    return {r.id: r for r in items if isinstance(r, Resource)}, [item for item in items if isinstance(item, Gap)]


def raw(resource: Resource, name: str):
    return dict(resource.properties.raw())[name]


@cache
def model(service: str):
    return botocore.session.get_session().get_service_model(service)


def misfits(value, shape, at: str = "") -> list[str]:
    """Return the members of an answer that AWS does not have, or has of another kind."""
    if shape.type_name == "structure":
        unknown = [f"{at}/{key}" for key in value if key not in shape.members]
        inner = [misfits(v, shape.members[k], f"{at}/{k}") for k, v in value.items() if k in shape.members]
        return unknown + [misfit for found in inner for misfit in found]
    if shape.type_name == "list":
        return [misfit for item in value for misfit in misfits(item, shape.member, at)]
    kinds = {"map": dict, "boolean": bool, "integer": int, "string": str, "timestamp": str}
    return [] if isinstance(value, kinds[shape.type_name]) else [at]


TOLD = [(service, *one) for service, told in ANSWERS.items() for one in told]
IDS = [f"{service}:{operation}-{len(json.dumps(p))}" for service, operation, p, _ in TOLD]
CALLS = [(service, ask) for service in NEW for ask in COLLECTORS[service].CALLS]
CALL_IDS = [f"{service}:{ask.operation}" for service, ask in CALLS]


@pytest.mark.parametrize(("service", "operation", "parameters", "answer"), TOLD, ids=IDS)
def test_the_answers_told_here_have_the_form_of_aws(service, operation, parameters, answer):
    shape = model(service).operation_model(operation).output_shape
    assert misfits(answer, shape) == []


@pytest.mark.parametrize(("service", "ask"), CALLS, ids=CALL_IDS)
def test_the_table_of_calls_agrees_with_the_sdk(service, ask):
    operation = model(service).operation_model(ask.operation)
    assert not ask.answer or ask.answer in operation.output_shape.members
    assert ask.paged == (ask.tokens[0] in operation.input_shape.members)
    assert not ask.paged or ask.tokens[1] in operation.output_shape.members
    assert set(ask.parameters) <= set(operation.input_shape.members)
    assert ask.types or ask.fills
    assert {*ask.types, *ask.fills} <= set(COLLECTORS[service].TYPES)


@pytest.mark.parametrize("service", NEW)
def test_right_answers_leave_no_gap(service):
    resources, gaps = found_in(answers(service))
    assert gaps == []
    assert {resource.type for resource in resources.values()} == set(COLLECTORS[service].TYPES)
    assert {operation for operation, _, _ in ANSWERS[service]} == {ask.operation for ask in COLLECTORS[service].CALLS}


def test_every_call_says_what_it_fills_and_how_often_it_may_be_asked():
    for service, module in {"ecr": ecr, "ecs": ecs, "eks": eks}.items():
        for ask in module.CALLS:
            assert ask.types or ask.fills, ask
            assert {*ask.types, *ask.fills} <= {*module.TYPES, ecr.IMAGE}, ask
            assert service != "ecs" or ask.rate != UNPUBLISHED
    assert {ask.operation for ask in ecr.CALLS if ecr.IMAGE in ask.fills} == {"DescribeRepositories", "DescribeImages"}


# --- what was denied ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "MalformedResponse"])
@pytest.mark.parametrize(("service", "ask"), CALLS, ids=CALL_IDS)
def test_a_failed_call_is_a_gap_or_unknown_and_never_a_fact(service, ask, code):
    resources, gaps = found_in(answers(service, **{ask.operation: CallError(code, "no", 400)}))
    name = f"{service}:{ask.operation}"
    assert {(gap.type, gap.operation, gap.reason) for gap in gaps if gap.operation == name} == {
        (type, name, code) for type in ask.types
    }
    if ask.types:
        return
    told = json.dumps([plain(resource.properties) for resource in resources.values()])
    assert f'"unknown": "{name} in {ACCOUNT}/{REGION}: {code}: no"' in told


@pytest.mark.parametrize(("service", "ask"), CALLS, ids=CALL_IDS)
def test_a_call_nobody_made_is_a_gap_or_unknown(service, ask):
    told = [call(service, *one) for one in ANSWERS[service] if one[0] != ask.operation]
    resources, gaps = found_in(Answers(HERE, service, told, {"ecr": registry(KEY)}))
    name = f"{service}:{ask.operation}"
    unknown = json.dumps([plain(resource.properties) for resource in resources.values()])
    assert name in {gap.operation for gap in gaps if gap.reason == "NotCollected"} or f"{name} was not asked" in unknown


@pytest.mark.parametrize("odd", [None, 7, "", "\0", [], {}, {"a": [1]}, [[]], [{}]], ids=lambda odd: repr(odd)[:20])
@pytest.mark.parametrize("service", NEW)
def test_no_odd_member_stops_reading(service, odd, tmp_path):
    """Replace each member of each item in turn; what AWS never answers is a gap, `Unknown` or a damaged snapshot."""

    def twisted(value):
        if isinstance(value, list):
            return [twisted(item) for item in value]
        return dict.fromkeys(value, odd) if isinstance(value, dict) else value

    told = copy.deepcopy(ANSWERS[service])
    calls = [call(service, o, p, {k: twisted(v) for k, v in answer.items()}) for o, p, answer in told]
    writer = SnapshotWriter(tmp_path / "s")
    writer.write(HERE, calls, {}, started_at=AT, finished_at=AT)
    snapshot = writer.finish([HERE])
    try:
        resources, gaps = read(snapshot)
    except SnapshotError:
        return
    assert gaps
    assert {resource.account for resource in resources} == {ACCOUNT}


@pytest.mark.parametrize("service", NEW)
def test_all_pages_are_read(service):
    ask = next(ask for ask in COLLECTORS[service].CALLS if ask.paged)
    (items,) = [answer[ask.answer] for operation, _, answer in ANSWERS[service] if operation == ask.operation]
    pages = [call(service, ask.operation, {}, {ask.answer: page}, n) for n, page in enumerate(([], items))]
    rest = [call(service, *one) for one in ANSWERS[service] if one[0] != ask.operation]
    given = Answers(HERE, service, [*reversed(pages), *rest], {"ecr": registry(KEY)})
    assert found_in(given)[0].keys() == found_in(answers(service))[0].keys()
    torn = Answers(HERE, service, [*pages, call(service, ask.operation, {}, DENIED, 2), *rest])
    resources, gaps = found_in(torn)
    assert set(ask.types) <= {gap.type for gap in gaps}
    assert resources


# --- Lambda ------------------------------------------------------------------------------------------------------


def test_a_function_that_is_an_image():
    resources, _ = found_in(answers("lambda"))
    assert resources.keys() == {FUNCTION}
    function = resources[FUNCTION]
    assert (function.name, dict(function.tags)) == ("fn", {"team": "shop", "Location": "here"})
    assert plain(function.properties) == {
        "FunctionName": "fn",
        "PackageType": "Image",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/fn",
        "Architectures": ["arm64"],
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": [], "VpcId": "vpc-1"},
        "Code": {"ImageUri": IMAGE},
        "ResolvedImageUri": RESOLVED,
        "Aliases": [{"Name": "live", "FunctionVersion": "3"}],
        "ContainerImages": [{"ContainerName": "fn", "Image": IMAGE, "ImageDigest": DIGEST}],
    }


def lambda_calls(aliases: list, **resolved: str) -> Answers:
    listed = [call("lambda", *one) for one in ANSWERS["lambda"] if one[0] == "ListFunctions"]
    named = call("lambda", "ListAliases", {"FunctionName": "fn"}, {"Aliases": aliases})
    got = [
        call(
            "lambda",
            "GetFunction",
            {"FunctionName": "fn", "Qualifier": version.replace("v", "") if version != "latest" else "$LATEST"},
            {"Code": {"ImageUri": IMAGE, "ResolvedImageUri": uri}},
        )
        for version, uri in resolved.items()
    ]
    return Answers(HERE, "lambda", [*listed, named, *got])


def test_versions_that_an_alias_names_run_too():
    weights = {"Name": "live", "FunctionVersion": "3", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}
    given = lambda_calls([weights], latest=f"x@{DIGEST}", v2=f"x@sha256:{'2' * 64}", v3=f"x@sha256:{'3' * 64}")
    (ask,) = [ask for ask in awslambda.CALLS if ask.operation == "GetFunction"]
    assert [parameters["Qualifier"] for parameters in ask.each(given)] == ["$LATEST", "2", "3"]
    images = found_in(given)[0][FUNCTION]["ContainerImages"]
    assert {image["ImageDigest"][-1] for image in images} == {"a", "2", "3"}


@pytest.mark.parametrize(
    ("aliases", "resolved"),
    [
        ([{"Name": "live"}], {"latest": f"x@{DIGEST}"}),
        ([{"Name": "live", "FunctionVersion": 7}], {"latest": f"x@{DIGEST}"}),
        ([{"Name": "live", "FunctionVersion": "9"}], {"latest": f"x@{DIGEST}"}),
        ([], {"latest": "x:v1"}),
        ([], {"latest": "x@sha256:short"}),
    ],
    ids=["no version", "odd version", "version not asked", "not resolved", "no digest"],
)
def test_what_an_alias_runs_is_unknown_rather_than_left_out(aliases, resolved):
    images = found_in(lambda_calls(aliases, **resolved))[0][FUNCTION]["ContainerImages"]
    assert '"unknown"' in json.dumps(plain(images))


@pytest.mark.parametrize("package", ["Tar", 7])
def test_a_package_nobody_knows_is_a_gap(package):
    function = {"FunctionName": "fn", "FunctionArn": FUNCTION, "PackageType": package}
    resources, gaps = found_in(answers("lambda", ListFunctions={"Functions": [function]}))
    assert resources == {}
    assert {(gap.type, gap.reason) for gap in gaps} == {("AWS::Lambda::Function", "MalformedResponse")}


# --- CloudFormation ----------------------------------------------------------------------------------------------


def test_a_stack_and_a_stack_set():
    resources, _ = found_in(answers("cloudformation"))
    stack = resources[STACK]
    assert (stack.name, dict(stack.tags)) == ("shop", {"team": "shop"})
    assert plain(stack["DriftInformation"]) == {"StackDriftStatus": "NOT_CHECKED"}
    assert plain(stack["TemplateBody"]) == {
        "Parameters": {"Password": {"Type": "[redacted]", "Default": "[redacted]"}},
        "Resources": {
            "Cluster": {
                "Type": "AWS::ECS::Cluster",
                "Properties": {"ClusterName": {"Fn::Sub": "[redacted]"}, "Where": "[redacted; mentions us-west-2]"},
            }
        },
    }
    stack_set = resources[f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stackset/all:1"]
    assert plain(stack_set.properties) == {
        "StackSetName": "all",
        "StackSetId": "all:1",
        "Status": "ACTIVE",
        "DriftStatus": "DRIFTED",
        "StackInstances": [
            {
                "Account": ACCOUNT,
                "Region": "us-west-2",
                "Status": "CURRENT",
                "StackInstanceStatus": {"DetailedStatus": "SUCCEEDED"},
                "DriftStatus": "IN_SYNC",
                "LastDriftCheckTimestamp": AT,
            }
        ],
    }


def test_a_drift_that_is_not_answered_is_unknown():
    stack = {"StackId": STACK, "StackName": "shop", "StackStatus": "CREATE_COMPLETE"}
    resources, _ = found_in(answers("cloudformation", DescribeStacks={"Stacks": [stack]}))
    assert isinstance(raw(resources[STACK], "DriftInformation"), Unknown)


@pytest.mark.parametrize(
    "body", [None, "", "{", "- a", "just text", {"Resources": []}, {}, 7, "a: &a [*a]", "x: !!python/name:os.system"]
)
def test_a_template_that_is_none_is_unknown(body):
    resources, _ = found_in(answers("cloudformation", GetTemplate={"TemplateBody": body}))
    assert isinstance(raw(resources[STACK], "TemplateBody"), Unknown)


# --- EC2 ---------------------------------------------------------------------------------------------------------


def test_the_network():
    resources, _ = found_in(answers("ec2"))
    here = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
    assert {id: plain(resource.properties) for id, resource in resources.items()} == {
        f"{here}:vpc-endpoint/vpce-1": {
            "VpcEndpointId": "vpce-1",
            "VpcId": "vpc-1",
            "VpcEndpointType": "Interface",
            "ServiceName": f"com.amazonaws.{REGION}.ecr.dkr",
            "PrivateDnsEnabled": True,
            "State": "available",
            "SubnetIds": ["subnet-1"],
            "SecurityGroupIds": ["sg-1"],
            "PolicyDocument": {"Statement": []},
        },
        f"{here}:subnet/subnet-1": {
            "SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24", "State": "available",
        },
        f"{here}:route-table/rtb-1": {
            "RouteTableId": "rtb-1",
            "VpcId": "vpc-1",
            "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "blackhole"}],
            "Associations": [{"Main": True, "RouteTableAssociationId": "a", "RouteTableId": "rtb-1"}],
        },
        f"{here}:natgateway/nat-1": {
            "NatGatewayId": "nat-1",
            "ConnectivityType": "public",
            "VpcId": "vpc-1",
            "SubnetId": "subnet-1",
            "State": "deleted",
        },
        f"{here}:security-group/sg-1": {"GroupId": "sg-1", "GroupName": "web", "VpcId": "vpc-1"},
    }  # fmt: skip
    assert dict(resources[f"{here}:vpc-endpoint/vpce-1"].tags) == {"team": "net"}


def test_an_endpoint_policy_that_cannot_be_read_is_unknown():
    endpoint = {"VpcEndpointId": "vpce-1", "PolicyDocument": "{"}
    resources, _ = found_in(answers("ec2", DescribeVpcEndpoints={"VpcEndpoints": [endpoint]}))
    (found,) = [r for r in resources.values() if r.type == ec2.ENDPOINT]
    assert isinstance(raw(found, "PolicyDocument"), Unknown)


# --- KMS ---------------------------------------------------------------------------------------------------------


def test_the_keys_of_images_are_described_and_the_others_exist():
    resources, _ = found_in(answers("kms"))
    assert plain(resources[KEY].properties) == {
        "KeyId": "mrk-1",
        "KeyState": "PendingDeletion",
        "Enabled": False,
        "KeyManager": "CUSTOMER",
        "MultiRegion": True,
        "MultiRegionConfiguration": {"MultiRegionKeyType": "PRIMARY"},
        "KeyPolicy": {"Statement": [{"Effect": "Allow"}]},
    }
    assert (resources[KEY].name, resources[IDLE].name) == ("mrk-1", None)
    assert isinstance(raw(resources[IDLE], "KeyState"), Unknown)
    assert plain(resources[ALIAS].properties) == {"AliasName": "alias/images", "TargetKeyId": "mrk-1"}


def test_the_keys_of_repositories_templates_and_secrets_are_asked_for():
    template = {"prefix": "a", "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "alias/images"}}
    told = [
        call("ecr", "DescribeRepositories", {}, HEALTHY["ecr:DescribeRepositories"]),
        call("ecr", "DescribeRepositoryCreationTemplates", {}, {"repositoryCreationTemplates": [template, {}]}),
    ]
    (ask,) = [ask for ask in kms.CALLS if ask.operation == "DescribeKey"]
    secrets = [{"Name": "a", "KmsKeyId": "alias/b"}, {"Name": "c"}, {"KmsKeyId": "alias/aws/secretsmanager"}]
    listed = call("secretsmanager", "ListSecrets", {}, {"SecretList": secrets})
    others = {"ecr": Answers(HERE, "ecr", told), "secretsmanager": Answers(HERE, "secretsmanager", [listed])}
    asked = [parameters["KeyId"] for parameters in ask.each(Answers(HERE, "kms", [], others))]
    assert asked == ["alias/b", "alias/images", "arn:aws:kms:us-east-1:1:key/k"]
    assert list(ask.each(Answers(HERE, "kms", []))) == []


def test_the_keys_of_secrets_and_parameters_are_asked_for():
    secrets = [{"KmsKeyId": "alias/secrets"}, {"Name": "plain"}]
    parameters = [{"KeyId": "parameters"}, {"KeyId": "alias/aws/ssm"}, {"Type": "String"}]
    others = {
        "secretsmanager": Answers(
            HERE, "secretsmanager", [call("secretsmanager", "ListSecrets", {}, {"SecretList": secrets})]
        ),
        "ssm": Answers(HERE, "ssm", [call("ssm", "DescribeParameters", {}, {"Parameters": parameters})]),
    }
    (ask,) = [ask for ask in kms.CALLS if ask.operation == "DescribeKey"]
    assert list(ask.each(Answers(HERE, "kms", [], others))) == [{"KeyId": "alias/secrets"}, {"KeyId": "parameters"}]


def test_a_key_that_is_gone_is_a_fact_and_one_that_is_denied_is_not():
    gone = CallError("NotFoundException", "no such key", 400)
    listed = {"Keys": []}
    resources, gaps = found_in(answers("kms", ListKeys=listed, DescribeKey=gone))
    assert (resources.keys(), gaps) == ({ALIAS}, [])
    resources, _ = found_in(answers("kms", DescribeKey=DENIED))
    assert "AccessDeniedException" in raw(resources[KEY], "KeyState").reason


def test_a_key_of_another_account_that_may_not_be_described_is_unknown():
    resources, _ = found_in(answers("kms", ("DescribeKey", {"KeyId": FOREIGN}, DENIED), keys=(KEY, FOREIGN)))
    assert all("AccessDeniedException" in raw(resources[FOREIGN], name).reason for name in ("KeyState", "KeyPolicy"))


def test_no_policy_of_a_key_is_never_a_fact():
    absent = CallError("NotFoundException", "the key of another account is not found", 400)
    resources, _ = found_in(answers("kms", GetKeyPolicy=absent))
    assert isinstance(raw(resources[KEY], "KeyPolicy"), Unknown)
    assert not call("kms", "GetKeyPolicy", {"KeyId": KEY}, absent).not_configured
    assert call("kms", "DescribeKey", {"KeyId": KEY}, absent).not_configured


# --- ECR ---------------------------------------------------------------------------------------------------------


def test_scan_frequencies_are_asked_in_batches_and_missed_one_by_one():
    names = [f"r{n:02}" for n in range(27)]
    listed = call("ecr", "DescribeRepositories", {}, {"repositories": [{"repositoryName": n} for n in names]})
    (ask,) = [ask for ask in ecr.CALLS if ask.operation == "BatchGetRepositoryScanningConfiguration"]
    batches = [p["repositoryNames"] for p in ask.each(Answers(HERE, "ecr", [listed]))]
    assert [len(batch) for batch in batches] == [25, 2]
    answer = {
        "scanningConfigurations": [{"repositoryName": n, "scanFrequency": "MANUAL"} for n in names[2:25]],
        "failures": [{"repositoryName": "r00", "failureCode": "REPOSITORY_NOT_FOUND", "failureReason": "gone"}],
    }
    told = [
        call("ecr", ask.operation, {"repositoryNames": batch}, said)
        for batch, said in zip(batches, (answer, DENIED), strict=True)
    ]
    found = {r.name: r for r in ecr.resources(Answers(HERE, "ecr", [listed, *told])) if isinstance(r, Resource)}
    assert found["r02"]["ScanFrequency"] == "MANUAL"
    for name, reason in {"r00": "REPOSITORY_NOT_FOUND", "r01": "not answered", "r26": "AccessDenied"}.items():
        assert reason in raw(found[name], "ScanFrequency").reason


def test_what_ecr_says_of_the_replication_of_an_image():
    ask = ecr.DESCRIBE_STATUS

    def asked(digest: str, response, error=None) -> Call:
        parameters = {"repositoryName": "r", "imageId": {"imageDigest": digest}}
        return Call("ecr", ask.operation, parameters, ACCOUNT, REGION, 0, response, error, None, AT)

    status = {"region": "us-west-2", "registryId": ACCOUNT, "status": "FAILED", "failureCode": "KMS_KEY"}
    calls = [asked("sha256:a", {"replicationStatuses": [status]}), asked("sha256:b", None, DENIED)]
    calls.append(asked("sha256:c", {"replicationStatuses": []}))
    registry, *_ = ecr.resources(Answers(HERE, "ecr", calls))
    failed, denied, never_begun = registry["ReplicationStatuses"]
    assert plain(failed) == {
        "RepositoryName": "r", "ImageDigest": "sha256:a",
        "Region": "us-west-2", "RegistryId": ACCOUNT, "Status": "FAILED", "FailureCode": "KMS_KEY",
    }  # fmt: skip
    assert plain(never_begun) == {"RepositoryName": "r", "ImageDigest": "sha256:c"}
    assert denied["ImageDigest"] == "sha256:b"
    assert all("AccessDenied" in dict(denied.raw())[name].reason for name in ("Region", "Status", "FailureCode"))


# --- secrets -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template", [TEMPLATE, {"Resources": {"a": {"Type": "X", "Metadata": SECRET}}}, SECRET, [SECRET]]
)
def test_no_secret_reaches_the_snapshot(template):
    told = [call(service, *one) for service, every in ANSWERS.items() for one in every]
    told.append(call("cloudformation", "GetTemplate", {"StackName": STACK}, {"TemplateBody": template}))
    assert SECRET not in json.dumps([one.response for one in told])
    assert [redacted(one) for one in told] == told  # redacting what is redacted changes nothing
