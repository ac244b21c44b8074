from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from scanner import vocabulary
from scanner.assets import schema
from scanner.documents import Document, load
from scanner.errors import UsageError
from scanner.model import Gap, Location, Resource, Unknown, plain
from scanner.parsers import MAX_BYTES, parse
from scanner.parsers.cloudformation import Template, at, recognises, resources
from scanner.parsers.registry import Piece, fold
from scanner.parsers.stacks import Context, Source
from scanner.vocabulary import TAGS

ACCOUNT, REGION = "111122223333", "us-east-1"
FIXTURES = Path(__file__).parent / "fixtures" / "cloudformation"
UNKNOWN = object()

HEAD = """
Parameters:
  Env: {Type: String, Default: prod}
  Count: {Type: Number, Default: 3}
  Flag: {Type: String, Default: true}
  NoDefault: {Type: String}
  FromStore: {Type: "AWS::SSM::Parameter::Value<String>", Default: /x}
  Names: {Type: CommaDelimitedList, Default: "a, b,c"}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>", Default: "s-1,s-2"}
  Long: {Type: String, Default: "%s"}
Mappings:
  ByRegion:
    us-east-1: {Short: use1, Standby: us-west-2, List: [x, y]}
    us-west-2: {Short: usw2, Standby: us-east-1, List: [z]}
  ByAccount:
    111122223333: {Name: main}
Conditions:
  Yes: !Equals [!Ref Env, prod]
  No: !Not [!Condition Yes]
  Maybe: !Equals [!Ref NoDefault, x]
  Loop: !And [!Condition Yes, !Condition Loop]
  Broken: {"Fn::Equals": [a]}
Resources:
  Repo: {Type: "AWS::ECR::Repository", Properties: {RepositoryName: !Sub "${Env}/web"}}
  Generated: {Type: "AWS::ECR::Repository"}
  Cluster: {Type: "AWS::ECS::Cluster", Properties: {ClusterName: apps}}
  Kube: {Type: "AWS::EKS::Cluster", Properties: {Name: kube}}
  Service: {Type: "AWS::ECS::Service", Properties: {ServiceName: web, Cluster: !Ref Cluster}}
  Bucket: {Type: "AWS::S3::Bucket"}
  One: {Type: "AWS::ECR::Repository", Properties: {RepositoryName: !Ref Two}}
  Two: {Type: "AWS::ECR::Repository", Properties: {RepositoryName: !Ref One}}
""" % ("x" * 5000)


def template(text):
    return load(text, "t.yaml", TAGS)


def evaluate(expression, account=ACCOUNT, region=REGION):
    """Return what an expression is worth somewhere in a resource; an unknown is {"unknown": reason}."""
    text = f"{HEAD}  Task: {{Type: 'AWS::ECS::TaskDefinition', Properties: {{Volumes: [{{Value: {expression}}}]}}}}\n"
    found, _ = resources(template(text), "t.yaml", account, region)
    return plain(one(found, "AWS::ECS::TaskDefinition").properties)["Volumes"][0].get("Value")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("plain", "plain"),
        ("!Ref Env", "prod"),
        ("!Ref Count", "3"),
        ("!Ref Flag", "true"),
        ("!Ref Names", ["a", "b", "c"]),
        ("!Ref Subnets", ["s-1", "s-2"]),
        ("!Ref NoDefault", UNKNOWN),
        ("!Ref FromStore", UNKNOWN),
        ("!Ref Long", UNKNOWN),
        ("!Ref Missing", UNKNOWN),
        ("!Ref [Env]", UNKNOWN),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::AccountId", ACCOUNT),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::StackName", UNKNOWN),
        ("!Ref AWS::NoValue", None),
        ("!Ref Repo", "prod/web"),
        ("!Ref Generated", UNKNOWN),
        ("!Ref Cluster", "apps"),
        ("!Ref Kube", "kube"),
        ("!Ref Service", f"arn:aws:ecs:us-east-1:{ACCOUNT}:service/apps/web"),
        ("!Ref Bucket", UNKNOWN),
        ("!Ref One", UNKNOWN),
        ("!GetAtt Repo.Arn", f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/prod/web"),
        ("!GetAtt [Repo, Arn]", f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/prod/web"),
        ("!GetAtt Repo.RepositoryUri", f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/prod/web"),
        ("!GetAtt Cluster.Arn", f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/apps"),
        ("!GetAtt Kube.Endpoint", UNKNOWN),
        ("!GetAtt Bucket.Arn", UNKNOWN),
        ("!GetAtt Repo", UNKNOWN),
        ("!GetAtt [Repo, !Ref Env]", UNKNOWN),
        ('!Sub "${Env}-${AWS::Region}-${!Literal}"', "prod-us-east-1-${Literal}"),
        ('!Sub "${Repo.RepositoryUri}:1"', f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/prod/web:1"),
        ('!Sub ["${A}/${Env}", {A: !Ref Count}]', "3/prod"),
        ('!Sub ["${A}", {A: !Ref NoDefault}]', UNKNOWN),
        ('!Sub ["${A}", {A: !Ref Names}]', UNKNOWN),
        ('!Sub "${NoDefault}"', UNKNOWN),
        ('!Sub "${Env"', "${Env"),
        ("!Sub [x]", UNKNOWN),
        ('!Sub "{{resolve:ssm:/${Env}}}"', UNKNOWN),
        ("!Join ['-', [a, !Ref Env, 1, true]]", "a-prod-1-true"),
        ("!Join [',', !Ref Names]", "a,b,c"),
        ("!Join ['-', [a, !Ref NoDefault]]", UNKNOWN),
        ("!Join ['-', [a, !Ref AWS::NoValue]]", "a"),
        ("!Join ['-', !Ref NoDefault]", UNKNOWN),
        ("!Join ['-', [[a]]]", UNKNOWN),
        ("!Join ['-']", UNKNOWN),
        ("!Join ['-', text]", UNKNOWN),
        ("!Select [1, !Ref Names]", "b"),
        ("!Select ['0', [a, !Ref NoDefault]]", "a"),
        ("!Select [1, [a, !Ref NoDefault]]", UNKNOWN),
        ("!Select [7, [a]]", UNKNOWN),
        ("!Select [-1, [a]]", UNKNOWN),
        ("!Select [!Ref NoDefault, [a]]", UNKNOWN),
        ("!Select [1]", UNKNOWN),
        ("!Select [3, !Split [':', !GetAtt Repo.Arn]]", "us-east-1"),
        ("!Split [',', 'a,b']", ["a", "b"]),
        ("!Split [',', !Ref NoDefault]", UNKNOWN),
        ("!Split ['', 'a']", UNKNOWN),
        ("!FindInMap [ByRegion, !Ref AWS::Region, Standby]", "us-west-2"),
        ("!FindInMap [ByAccount, !Ref AWS::AccountId, Name]", "main"),
        ("!FindInMap [ByRegion, us-west-2, List]", ["z"]),
        ("!FindInMap [ByRegion, nowhere, Short]", UNKNOWN),
        ("!FindInMap [ByRegion, nowhere, Short, {DefaultValue: x}]", "x"),
        ("!FindInMap [ByRegion, !Ref NoDefault, Short]", UNKNOWN),
        ("!FindInMap [ByRegion]", UNKNOWN),
        ("!If [Yes, a, b]", "a"),
        ("!If [No, a, b]", "b"),
        ("!If [Yes, a, !Ref NoDefault]", "a"),
        ("!If [Maybe, a, b]", UNKNOWN),
        ("!If [Maybe, a, a]", "a"),
        ("!If [Maybe, [a], [a]]", UNKNOWN),
        ("!If [Maybe, !Ref NoDefault, a]", UNKNOWN),
        ("!If [Loop, a, b]", UNKNOWN),
        ("!If [Broken, a, b]", UNKNOWN),
        ("!If [Undefined, a, b]", UNKNOWN),
        ("!If [Yes, a]", UNKNOWN),
        ("!If [[Yes], a, b]", UNKNOWN),
        ("!If [Yes, !Ref AWS::NoValue, b]", None),
        ("[a, !If [No, b, !Ref AWS::NoValue], c]", ["a", "c"]),
        ("{a: 1, b: !Ref AWS::NoValue}", {"a": 1}),
        ("!Base64 text", "dGV4dA=="),
        ("!Base64 {Ref: NoDefault}", UNKNOWN),
        ("{'Fn::Length': !Ref Names}", 3),
        ("{'Fn::Length': !Ref NoDefault}", UNKNOWN),
        ("{'Fn::Length': text}", UNKNOWN),
        ("{'Fn::ToJsonString': {a: !Ref Env}}", '{"a":"prod"}'),
        ("{'Fn::ToJsonString': {a: [!Ref NoDefault]}}", UNKNOWN),
        ("{'Fn::ToJsonString': !Ref AWS::NoValue}", UNKNOWN),
        ("!ImportValue shared", UNKNOWN),
        ("!GetAZs ''", UNKNOWN),
        ("!Cidr [10.0.0.0/16, 1, 8]", UNKNOWN),
        ("!Transform {Name: Macro}", UNKNOWN),
        ("{a: 1, 'Fn::Transform': {Name: Macro}}", UNKNOWN),
        ("{'Fn::ForEach::X': [I, [a], {}]}", UNKNOWN),
        ("'{{resolve:secretsmanager:x}}'", UNKNOWN),
        ("{Unknown: nobody looked}", UNKNOWN),
    ],
)
def test_intrinsics(expression, expected):
    value = evaluate(expression)
    assert (UNKNOWN if isinstance(value, dict) and "unknown" in value else value) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Ref AWS::NotificationARNs", "AWS::NotificationARNs is not known"),
        ("!Ref AWS::Region", "declare under 'iac:'"),
        ("!Ref NoDefault", "parameter 'NoDefault' has no default"),
        ("!Ref FromStore", "parameter 'FromStore' is read from Parameter Store"),
        ("!Ref Missing", "'Missing' is neither a parameter nor a resource"),
        ("!GetAtt Kube.Endpoint", "'Kube.Endpoint' is known only after deployment"),
        ("!GetAtt Repo.RepositoryUri", "the account and Region of 'Repo' are not known"),
        ("!ImportValue shared", "'shared' is exported by another stack"),
        ("!Ref Generated", "the RepositoryName of 'Generated' is not declared"),
        ("!Ref One", "refers to itself"),
        ("!If [Loop, a, b]", "condition 'Loop' refers to itself"),
        ("'x{{resolve:ssm:/x}}'", "the dynamic reference {{resolve:ssm:/x}} is resolved by AWS alone"),
    ],
)
def test_reasons(expression, expected):
    assert expected in evaluate(expression, None, None)["unknown"]


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
        ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
        ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
    ],
)
def test_partitions(region, partition, suffix):
    assert evaluate('!Sub "${AWS::Partition} ${AWS::URLSuffix}"', region=region) == f"{partition} {suffix}"


T, F, U = "!Equals [a, a]", "!Equals [a, b]", "!Equals [!Ref P, b]"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (T, True),
        (F, False),
        (U, None),
        ("!Equals [1, '1']", True),
        ("!Equals [true, 'true']", True),
        ("!Equals [[a], [a]]", True),
        ("!Equals [[a], a]", False),
        ("!Equals [[!Ref P], [a]]", None),
        (f"!Not [{T}]", False),
        (f"!Not [{U}]", None),
        (f"!And [{T}, {T}]", True),
        (f"!And [{T}, {F}]", False),
        (f"!And [{U}, {F}]", False),
        (f"!And [{U}, {T}]", None),
        (f"!Or [{F}, {F}]", False),
        (f"!Or [{U}, {T}]", True),
        (f"!Or [{U}, {F}]", None),
        ("!Contains [a]", None),
        ("!Not []", None),
        ("text", None),
        ("{Condition: C}", None),
        ("{Condition: [C]}", None),
    ],
)
def test_conditions_are_three_valued(condition, expected):
    condition = condition.replace("!Contains", "!Select")
    text = f"""
Parameters: {{P: {{Type: String}}}}
Conditions: {{C: {condition}}}
Resources:
  R: {{Type: "AWS::ECR::Repository", Condition: C, Properties: {{RepositoryName: web}}}}
"""
    found, gaps = resources(template(text), "t.yaml", ACCOUNT, REGION)
    there = any(one.type == "AWS::ECR::Repository" for one in found)
    assert there is (expected is True)
    assert [(gap.reason, gap.type, gap.account, gap.region, gap.path) for gap in gaps] == (
        [("Unresolved", "AWS::ECR::Repository", ACCOUNT, REGION, "t.yaml")] if expected is None else []
    )


def test_deep_references_end_as_unknown():
    chain = "\n".join(
        f"  R{n}: {{Type: 'AWS::ECR::Repository', Properties: {{RepositoryName: !Sub '${{R{n + 1}}}${{R{n + 1}}}'}}}}"
        for n in range(500)
    )
    chain += "\n  R500: {Type: 'AWS::ECR::Repository', Properties: {RepositoryName: xxxxxxxxxx}}"
    found, _ = resources(template(f"Resources:\n{chain}"), "t.yaml", ACCOUNT, REGION)
    names = {one.id.rpartition("#")[2] for one in found if one.name is None}
    assert {"R0", "R300"} <= names
    conditions = "\n".join(f"  C{n}: !Or [!Condition C{n + 1}, !Condition C{n + 1}]" for n in range(500))
    text = f"Conditions:\n{conditions}\nResources: {{R: {{Type: 'AWS::ECR::Repository', Condition: C0}}}}"
    _, gaps = resources(template(text), "t.yaml", ACCOUNT, REGION)
    assert [gap.reason for gap in gaps] == ["Unresolved"]


def test_costly_templates_end_as_unknown():
    uses = "!Ref P," * 5000
    text = f"""
Parameters: {{P: {{Type: CommaDelimitedList, Default: "{"," * 4000}"}}}}
Resources: {{T: {{Type: "AWS::ECS::TaskDefinition", Properties: {{Family: x, Volumes: [{uses} !Ref P]}}}}}}
"""
    found, _ = resources(template(text), "t.yaml", ACCOUNT, REGION)
    volumes = plain(one(found, "AWS::ECS::TaskDefinition").properties)["Volumes"]
    assert volumes[-1] == {"unknown": "the template takes too long to evaluate"}


def by_type(found, type):
    return [one for one in found if one.type == type]


def one(found, type):
    (only,) = by_type(found, type)
    return only


@pytest.fixture
def web():
    """The fixture `web.yaml` in us-east-1."""
    return parse(FIXTURES / "web.yaml", lambda _: [(ACCOUNT, REGION)])


def test_repository(web):
    repository = one(web.resources, "AWS::ECR::Repository")
    assert repository.id == f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/prod/web"
    assert repository.name == "prod/web"
    assert repository.tags == {"team": "shop"}
    assert plain(repository.properties) == {
        "RepositoryName": "prod/web",
        "ImageTagMutability": "MUTABLE",
        "ImageScanningConfiguration": {"ScanOnPush": True},
        "EncryptionConfiguration": {"EncryptionType": "AES256"},
        "RepositoryPolicyText": {"Version": "2012-10-17", "Statement": []},
        "LifecyclePolicy": {"LifecyclePolicyText": '{"rules": []}\n'},
        "ScanFrequency": {"unknown": "only a live resource shows its ScanFrequency"},
    }


def test_a_rule_refers_to_the_task_definitions_it_starts():
    text = f"""{HEAD}  Task: {{Type: "AWS::ECS::TaskDefinition", Properties: {{Family: nightly}}}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: nightly
      Targets:
        - {{Id: task, Arn: a, EcsParameters: {{TaskDefinitionArn: !Ref Task, TaskCount: 2}}}}
        - {{Id: log, Arn: b}}
        - {{Id: other, Arn: c, EcsParameters: {{TaskDefinitionArn: !Ref Elsewhere}}}}
        - {{Id: named, Arn: d, EcsParameters: {{TaskDefinitionArn: "arn:aws:ecs:x:y:task-definition/z:1"}}}}
"""
    found, _ = resources(template(text), "t.yaml", ACCOUNT, REGION)
    targets = plain(one(found, "AWS::Events::Rule")["Targets"])
    assert targets[0]["EcsParameters"] == {
        "TaskDefinitionArn": one(found, "AWS::ECS::TaskDefinition").id,
        "TaskCount": 2,
    }
    assert "EcsParameters" not in targets[1]
    assert "unknown" in targets[2]["EcsParameters"]["TaskDefinitionArn"]
    assert targets[3]["EcsParameters"]["TaskDefinitionArn"] == "arn:aws:ecs:x:y:task-definition/z:1"


def test_service_refers_by_ids(web):
    service = one(web.resources, "AWS::ECS::Service")
    assert service.name == "apps/web"
    assert service.id == f"arn:aws:ecs:us-east-1:{ACCOUNT}:service/apps/web"
    assert service["Cluster"] == one(web.resources, "AWS::ECS::Cluster").id
    assert service["TaskDefinition"] == one(web.resources, "AWS::ECS::TaskDefinition").id == "web.yaml#Task"
    assert (service["DesiredCount"], service["SchedulingStrategy"]) == (2, "REPLICA")
    assert type(dict(service.properties.raw())["ContainerImages"]) is Unknown


def test_names_of_eks_parts(web):
    names = {resource.type: resource.name for resource in web.resources if resource.type.startswith("AWS::EKS::")}
    assert names == {
        "AWS::EKS::Cluster": "kube",
        "AWS::EKS::Nodegroup": "kube/blue",
        "AWS::EKS::Addon": "kube/coredns",
        "AWS::EKS::FargateProfile": "kube/batch",
    }
    cluster = one(web.resources, "AWS::EKS::Cluster")
    assert cluster.id == f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/kube"
    assert "write it in quotes" in dict(cluster.properties.raw())["Version"].reason
    assert one(web.resources, "AWS::EKS::Addon").id == "web.yaml#Dns"
    assert one(web.resources, "AWS::EKS::Nodegroup").tags == {"team": "shop"}


def test_registry_is_folded(web):
    registry = one(web.resources, "AWS::ECR::Registry")
    assert (registry.id, registry.name) == (f"aws://{ACCOUNT}/us-east-1/ecr", "registry")
    assert registry["ReplicationConfiguration"] == {
        "Rules": [{"Destinations": [{"Region": "us-west-2", "RegistryId": ACCOUNT}]}]
    }
    assert registry["PolicyText"] == {"Version": "2012-10-17", "Statement": []}
    assert [rule["EcrRepositoryPrefix"] for rule in registry["PullThroughCacheRules"]] == ["hub", "quay"]
    raw = dict(registry.properties.raw())
    assert "not declared in the scanned files" in raw["RepositoryCreationTemplates"].reason
    assert "not declared in the scanned files" in raw["AccountSettings"].reason


@pytest.mark.parametrize(
    ("type", "at", "line", "column", "end_line", "end_column"),
    [
        ("AWS::ECR::Repository", "", 10, 5, 20, 35),
        ("AWS::ECR::Repository", "/RepositoryName", 12, 23, 12, 40),
        ("AWS::ECR::Repository", "/ImageScanningConfiguration/ScanOnPush", 14, 21, 14, 27),
        ("AWS::ECR::Repository", "/RepositoryPolicyText/Statement", 15, 29, 15, 73),
        ("AWS::ECR::Repository", "/LifecyclePolicy/LifecyclePolicyText", 17, 30, 18, 24),
        ("AWS::ECR::Repository", "/EncryptionConfiguration", 10, 5, 20, 35),
        ("AWS::ECR::Registry", "", 22, 5, 29, 48),
        ("AWS::ECR::Registry", "/ReplicationConfiguration/Rules/0/Destinations/0/Region", 28, 25, 28, 72),
        ("AWS::ECR::Registry", "/PolicyText", 33, 19, 33, 63),
        ("AWS::ECR::Registry", "/PullThroughCacheRules/1/EcrRepositoryPrefix", 39, 39, 39, 43),
        ("AWS::ECS::Service", "/DesiredCount", 51, 37, 51, 38),
        ("AWS::ECS::TaskDefinition", "/ContainerDefinitions/1/Image", 62, 18, 62, 25),
        ("AWS::Account::Region", "/RegionName", 1, 1, None, None),
    ],
)
def test_lines(web, type, at, line, column, end_line, end_column):
    where = one(web.resources, type).locate(at)
    assert (where.path, where.line, where.column) == ("web.yaml", line, column)
    assert (where.end_line, where.end_column) == (end_line, end_column)


def test_instances():
    places = [(ACCOUNT, "us-east-1"), (ACCOUNT, "us-west-2"), (None, None)]
    parsed = parse(FIXTURES / "web.yaml", lambda _: places)
    repositories = by_type(parsed.resources, "AWS::ECR::Repository")
    assert [(one.account, one.region) for one in repositories] == places
    assert repositories[2].id == "web.yaml#Repo@*/*"
    services = by_type(parsed.resources, "AWS::ECS::Service")
    assert services[1]["TaskDefinition"] == f"web.yaml#Task@{ACCOUNT}/us-west-2"
    assert services[1]["DesiredCount"] == 0
    assert services[2].name == "apps/web"
    registries = by_type(parsed.resources, "AWS::ECR::Registry")
    assert [one.id for one in registries] == [
        f"aws://{ACCOUNT}/us-east-1/ecr", f"aws://{ACCOUNT}/us-west-2/ecr", "web.yaml#Replication@*/*",
    ]  # fmt: skip
    assert type(dict(registries[1].properties.raw())["ReplicationConfiguration"]) is Unknown
    regions = by_type(parsed.resources, "AWS::Account::Region")
    assert [(one.id, one["RegionName"]) for one in regions] == [
        (f"aws://{ACCOUNT}/us-east-1", "us-east-1"), (f"aws://{ACCOUNT}/us-west-2", "us-west-2"),
    ]  # fmt: skip


def test_nothing_is_known_without_a_place():
    parsed = parse(FIXTURES / "web.yaml", lambda _: [])
    assert one(parsed.resources, "AWS::ECR::Repository").id == "web.yaml#Repo"
    assert not by_type(parsed.resources, "AWS::Account::Region")
    service = one(parsed.resources, "AWS::ECS::Service")
    assert service["Cluster"] == "web.yaml#Cluster"
    registry = dict(one(parsed.resources, "AWS::ECR::Registry").properties.raw())
    assert "AWS::Region is not known" in registry["ReplicationConfiguration"].reason
    assert "account of the registry is not known" in registry["RegistryId"].reason


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ("Cluster: !Ref Named", f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/apps"),
        ("Cluster: !GetAtt Named.Arn", f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/apps"),
        ("Cluster: apps", f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/apps"),
        ("Cluster: other", f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/other"),
        ("Cluster: arn:aws:ecs:eu-west-1:444455556666:cluster/x", "arn:aws:ecs:eu-west-1:444455556666:cluster/x"),
        ("Cluster: !Ref Unnamed", "t.yaml#Unnamed"),
        ("Cluster: !If [Yes, !Ref Unnamed, other]", "t.yaml#Unnamed"),
        ("Cluster: !Ref AWS::NoValue", f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/default"),
        ("LaunchType: EC2", f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/default"),
        ("Cluster: !Ref P", UNKNOWN),
        ("Cluster: !If [Maybe, !Ref Unnamed, !Ref Named]", UNKNOWN),
    ],
)
def test_cluster_of_a_service(cluster, expected):
    text = f"""
Parameters: {{P: {{Type: String}}}}
Conditions: {{Yes: !Equals [a, a], Maybe: !Equals [a, !Ref P]}}
Resources:
  Service: {{Type: "AWS::ECS::Service", Properties: {{ServiceName: web, TaskDefinition: "web:3", {cluster}}}}}
  Unnamed: {{Type: "AWS::ECS::Cluster"}}
  Named: {{Type: "AWS::ECS::Cluster", Properties: {{ClusterName: apps}}}}
"""
    found, _ = resources(template(text), "t.yaml", ACCOUNT, REGION)
    service = one(found, "AWS::ECS::Service")
    value = dict(service.properties.raw())["Cluster"]
    assert (UNKNOWN if type(value) is Unknown else value) == expected
    known = isinstance(expected, str) and expected.startswith("arn:")
    assert service.name == (f"{expected.rpartition('/')[2]}/web" if known else None)
    assert service["TaskDefinition"] == "web:3"


def test_cluster_without_a_place():
    text = "Resources: {S: {Type: 'AWS::ECS::Service', Properties: {ServiceName: web, Cluster: apps}}}"
    found, _ = resources(template(text), "t.yaml", None, REGION)
    service = one(found, "AWS::ECS::Service")
    assert service.name == "apps/web"
    assert type(dict(service.properties.raw())["Cluster"]) is Unknown


def test_place_of_each_resource():
    text = {
        "Resources": {
            "here": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": {"Ref": "AWS::Region"}}},
            "there": {"Type": "AWS::ECR::Repository", "Region": "eu-west-1", "Properties": {"RepositoryName": "x"}},
            "registry": {
                "Type": "AWS::ECR::Registry",
                "Properties": {"RepositoryCreationTemplates": {"Unknown": "denied"}},
            },
            "task": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {"Family": "f", "Cpu": {"Fn::GetAtt": "there.RepositoryUri"}},
            },
        }
    }
    found, gaps = resources(
        text, "e.yaml", ACCOUNT, REGION, place_of=lambda _, body: (ACCOUNT, body.get("Region", REGION))
    )
    assert gaps == []
    assert [(r.region, r.name) for r in by_type(found, "AWS::ECR::Repository")] == [
        ("us-east-1", "us-east-1"), ("eu-west-1", "x"),
    ]  # fmt: skip
    assert one(found, "AWS::ECS::TaskDefinition")["Cpu"] == f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/x"
    registry = one(found, "AWS::ECR::Registry")
    assert registry.id == f"aws://{ACCOUNT}/us-east-1/ecr"
    assert plain(registry.properties) == {
        "RegistryId": ACCOUNT,
        "ReplicationConfiguration": {"Rules": []},
        "RepositoryCreationTemplates": {"unknown": "denied"},
        "PullThroughCacheRules": [],
        "ScanningConfiguration": {"ScanType": "BASIC", "Rules": []},
        **{
            name: {"unknown": f"only a live resource shows its {name}"}
            for name in (
                "PullTimeUpdateExclusions", "ReplicationBackfills", "ReplicationStatuses",
                "ReplicationStatusesLeftOut", "SigningConfiguration",
            )
        },
    }  # fmt: skip
    assert registry["PolicyText"] is None
    assert [r.id for r in by_type(found, "AWS::Account::Region")] == [
        f"aws://{ACCOUNT}/us-east-1", f"aws://{ACCOUNT}/eu-west-1",
    ]  # fmt: skip
    assert all(resource.locations[""].path == "e.yaml" for resource in found)


REPOSITORY = "Resources:\n  R:\n    Type: AWS::ECR::Repository\n    Properties: {RepositoryName: web%s}\n"
REPLICATION = """Resources:
  R:
    Type: AWS::ECR::ReplicationConfiguration
    Properties: {ReplicationConfiguration: {Rules: []}}
"""


def parsed(folder, files, places=lambda _: [(ACCOUNT, REGION)]):
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return parse(folder, places)


def raw(resource, name):
    return dict(resource.properties.raw())[name]


def test_folder(tmp_path):
    result = parsed(
        tmp_path,
        {
            "b.yaml": REPOSITORY % "-b",
            "a/a.json": json.dumps(load(REPOSITORY % "-a", "x").value),
            "c.template": REPOSITORY % "-c",
            "values.yaml": "Resources: {limits: {cpu: 1}}",
            "k8s.yaml": "kind: Pod\n---\nkind: Pod\nResources: 1\n",
            "package.json": "{}",
            "notes.txt": REPOSITORY % "-txt",
            "nginx.conf.template": "server { Resources }",
            "utf16.yaml": "Resources: {limits: {cpu: 1}}".encode("utf-16"),
            "latin.yaml": b"Resources: \xe9",
            "list.json": '["Resources"]',
            ".git/x.yaml": REPOSITORY % "-git",
            "node_modules/x.yaml": REPOSITORY % "-node",
            ".terraform/x.yaml": REPOSITORY % "-terraform",
            "__pycache__/x.yaml": REPOSITORY % "-cache",
        },
    )
    assert result.files == [
        ("a/a.json", "complete", ""),
        ("b.yaml", "complete", ""),
        ("c.template", "complete", ""),
    ]
    assert [one.name for one in by_type(result.resources, "AWS::ECR::Repository")] == ["web-b", "web-c", "web-a"]
    assert result.gaps == []
    assert one(result.resources, "AWS::ECR::Registry").locations[""].path == "b.yaml"


def test_paths_begin_as_given(tmp_path, monkeypatch):
    parsed(tmp_path, {"infra/a.yaml": REPOSITORY % ""})
    monkeypatch.chdir(tmp_path)
    seen = []
    for path in (
        Path("infra"),
        Path("infra/a.yaml"),
        Path(),
        tmp_path / "infra",
        tmp_path / "infra/a.yaml",
        Path("../") / tmp_path.name,
    ):
        assert [file for file, _, _ in parse(path, lambda shown: seen.append(shown) or []).files] == [seen[-1]]
    assert seen == ["infra/a.yaml", "infra/a.yaml", "infra/a.yaml", "a.yaml", "a.yaml", "infra/a.yaml"]
    with pytest.raises(UsageError):
        parse(Path("nowhere"), lambda _: [])


def test_a_single_file_needs_no_suffix(tmp_path):
    file = tmp_path / "stack"
    file.write_text(REPOSITORY % "")
    assert parse(file, lambda _: []).files == [("stack", "complete", "")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.yaml", (REPOSITORY % "") + "  R: {}\n", "x.yaml:5:3: duplicate key 'R', first on line 2"),
        ("x.yaml", (REPOSITORY % "").replace("\n", "\r\n") + "\t- x\n", "x.yaml:5:1: "),
        ("x.yaml", (REPOSITORY % "") + "---\na: 1\n", "x.yaml:5:1: expected a single document"),
        ("x.yaml", (REPOSITORY % "") + "X: !Unheard of\n", "x.yaml:5:4: unknown tag '!Unheard'"),
        ("x.json", '{"Resources": {"R": {"Type": "AWS::ECR::Repository"', "x.json:1:"),
        ("x.template", "a: [", "x.template:2:1: "),
        ("x.yaml.template", "a: [", "x.yaml.template:2:1: "),
        ("x.template", b"\xff\xfe\x00", "x.template: UTF-16 text; CloudFormation reads UTF-8"),
        ("x.template", b"a: 1\nb: \xff\x00", "x.template:2:4: not UTF-8 text"),
        ("x.yaml", (REPOSITORY % "-\xe9").encode("latin-1"), "x.yaml:4:38: not UTF-8 text"),
        ("x.yaml", (REPOSITORY % "").encode("utf-16"), "x.yaml: UTF-16 text; CloudFormation reads UTF-8"),
        ("x.json", b"\xfe\xff" + (REPOSITORY % "").encode("utf-16-be"), "x.json: UTF-16 text"),
        ("x.yaml", (REPOSITORY % "").encode() + b"#" * (2 * MAX_BYTES), f"x.yaml: larger than {MAX_BYTES} bytes"),
        ("x.yaml", (REPOSITORY % "") + "X: " + "[" * 200_000, "nested deeper than 100 levels"),
    ],
)
def test_broken_templates_are_gaps(tmp_path, name, content, message):
    result = parsed(tmp_path, {name: content, "z.yaml": REPOSITORY % "-z"})
    (gap,) = result.gaps
    assert message in gap.message
    assert (gap.reason, gap.type, gap.account, gap.region, gap.path) == ("ParseError", None, ACCOUNT, REGION, name)
    assert result.files == [(name, "failed", gap.message), ("z.yaml", "complete", "")]
    assert [one.name for one in by_type(result.resources, "AWS::ECR::Repository")] == ["web-z"]


@pytest.mark.parametrize("content", ["a: [", b"\x00\x01Resources", "Resources: [", "x" * 100, b"#" * (2 * MAX_BYTES)])
def test_other_broken_files_are_ignored(tmp_path, content):
    result = parsed(tmp_path, {"x.yaml": content})
    assert (result.files, result.gaps, result.resources) == ([], [], [])


def test_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    parsed(outside, {"a.yaml": REPOSITORY % ""})
    inside.mkdir()
    (inside / "file.yaml").symlink_to(outside / "a.yaml")
    (inside / "folder").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    os.mkfifo(inside / "pipe.yaml")
    found = parse(inside, lambda _: [])
    assert [one for one in found.resources if one.type == "AWS::ECR::Repository"] == []
    assert {path: status for path, status, _ in found.files} == dict.fromkeys(["file.yaml", "folder", "loop"], "failed")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders_are_gaps(tmp_path):
    parsed(tmp_path, {"a.yaml": REPOSITORY % "", "b/b.yaml": REPOSITORY % ""})
    (tmp_path / "a.yaml").chmod(0)
    (tmp_path / "b").chmod(0)
    try:
        assert [gap.reason for gap in parse(tmp_path, lambda _: []).gaps] == ["ParseError", "ParseError"]
    finally:
        (tmp_path / "b").chmod(0o700)


def test_what_cannot_be_read_is_a_gap(tmp_path, monkeypatch):
    def denied(top, onerror):
        onerror(PermissionError(13, "Permission denied", str(tmp_path / "b")))
        return iter([(str(tmp_path), [], ["a.yaml"])])

    parsed(tmp_path, {"a.yaml": REPOSITORY % ""})
    monkeypatch.setattr("scanner.parsers.tree.os.walk", denied)
    result = parse(tmp_path, lambda _: [])
    assert result.files == [("a.yaml", "complete", ""), ("b", "failed", "b: Permission denied")]


def test_names_of_files_may_be_any_bytes(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text(REPOSITORY % "")
    assert parse(tmp_path, lambda _: []).files == [("\\udcff.yaml", "complete", "")]


def test_a_registry_may_be_declared_in_many_files(tmp_path):
    policy = "Resources: {P: {Type: AWS::ECR::RegistryPolicy, Properties: {PolicyText: {Statement: []}}}}".replace(
        "AWS::ECR::RegistryPolicy", "'AWS::ECR::RegistryPolicy'"
    )
    result = parsed(tmp_path, {"a.yaml": REPLICATION, "b.yaml": policy})
    registry = one(result.resources, "AWS::ECR::Registry")
    assert registry["ReplicationConfiguration"] == {"Rules": []}
    assert registry["PolicyText"] == {"Statement": []}
    assert registry.locate("/PolicyText").path == "b.yaml"
    assert len(parsed(tmp_path, {}, lambda _: []).resources) == 2  # of unknown places: they may be different ones


def test_a_singleton_declared_twice_is_unknown(tmp_path):
    result = parsed(tmp_path, {"a.yaml": REPLICATION, "b.yaml": "# x\n" + REPLICATION})
    registry = one(result.resources, "AWS::ECR::Registry")
    assert raw(registry, "ReplicationConfiguration").reason == "declared twice: a.yaml:3 and b.yaml:4"


def conflicts(result):
    found = [one for one in result.resources if one.type == "AWS::ECR::Registry"]
    return [(one.region, plain(item)) for one in found for item in one["ConflictingDeclarations"] or ()]


def test_where_a_singleton_is_declared_twice_is_told(tmp_path):
    result = parsed(tmp_path, {"a.yaml": REPLICATION, "b.yaml": "# x\n" + REPLICATION})
    places = ["a.yaml:3", "b.yaml:4"]
    assert conflicts(result) == [(REGION, {"Property": "ReplicationConfiguration", "Places": places, "Certain": True})]


def test_one_template_for_two_regions_declares_nothing_twice(tmp_path):
    both = lambda path: [(ACCOUNT, REGION), (ACCOUNT, "us-west-2")]  # noqa: E731
    assert conflicts(parsed(tmp_path, {"a.yaml": REPLICATION}, both)) == []
    found = conflicts(parsed(tmp_path, {"b.yaml": REPLICATION}, both))
    assert [(region, item["Certain"]) for region, item in found] == [(REGION, True), ("us-west-2", True)]


@pytest.mark.parametrize(
    ("ids", "certain"),
    [
        (("a.tf#x@dev", "a.tf#x@prod"), False),  # one declaration in two environments
        (("a.tf#x@dev", "b.tf#y@prod"), False),
        (("a.tf#x@prod", "b.tf#y@prod"), True),
        (("a.tf#x", "b.tf#y@prod"), True),
        (("a.tf#x@dev", "a.tf#x@prod", "b.tf#y@prod"), True),
        (("a.tf#x", "a.tf#x@prod"), False),
    ],
)
def test_environments_of_one_declaration_may_not_meet(ids, certain):
    pieces = [Piece("PolicyText", {}, id, ACCOUNT, REGION, Location(id.partition("#")[0], 1), {}) for id in ids]
    (registry,) = fold(pieces)
    (conflict,) = registry["ConflictingDeclarations"]
    (raw_value,) = (value for name, value in conflict.raw() if name == "Certain")
    assert (raw_value is True) == certain


def test_a_prefix_declared_twice_is_unknown(tmp_path):
    rule = "Resources: {P: {Type: 'AWS::ECR::PullThroughCacheRule', Properties: {EcrRepositoryPrefix: hub}}}"
    result = parsed(tmp_path, {"a.yaml": rule, "b.yaml": rule})
    registry = one(result.resources, "AWS::ECR::Registry")
    assert raw(registry, "PullThroughCacheRules").reason == "declared twice: a.yaml:1 and b.yaml:1"


def test_a_resource_declared_twice_keeps_what_both_say(tmp_path):
    immutable = (REPOSITORY % "").replace("}", ", ImageTagMutability: IMMUTABLE}")
    result = parsed(tmp_path, {"a.yaml": REPOSITORY % "", "b.yaml": immutable})
    repository = one(result.resources, "AWS::ECR::Repository")
    assert repository["RepositoryName"] == "web"
    assert raw(repository, "ImageTagMutability").reason == "declared twice: a.yaml:3 and b.yaml:3"


def test_uncertain_pieces_make_the_registry_uncertain():
    text = """
Parameters: {P: {Type: String}}
Conditions: {C: !Equals [!Ref P, x]}
Resources:
  R: {Type: "AWS::ECR::ReplicationConfiguration", Condition: C, Properties: {ReplicationConfiguration: {Rules: []}}}
  T: {Type: "AWS::ECR::RepositoryCreationTemplate", Condition: C, Properties: {Prefix: x}}
  U: {Type: "AWS::ECR::RepositoryCreationTemplate", Properties: {Prefix: y, AppliedFor: [REPLICATION]}}
  W: {Type: "AWS::ECR::RegistryPolicy"}
  G: {Type: "AWS::ECR::Registry", Condition: C}
"""
    found, gaps = resources(template(text), "t.yaml", ACCOUNT, REGION)
    assert gaps == []
    registry = plain(one(found, "AWS::ECR::Registry").properties)
    unknown = {"unknown": "parameter 'P' has no default"}
    assert registry["ReplicationConfiguration"] == registry["ScanningConfiguration"] == unknown
    assert registry["RepositoryCreationTemplates"] == [
        unknown,
        {
            "Prefix": "y",
            "AppliedFor": ["REPLICATION"],
            "EncryptionConfiguration": {"EncryptionType": "AES256"},
            "ImageTagMutability": "MUTABLE",
        },
    ]
    assert registry["PolicyText"] == {"unknown": "'W' does not set its PolicyText"}


@pytest.mark.parametrize(
    ("body", "types", "message"),
    [
        ("Transform: AWS::Serverless-2016-10-31", [], ""),
        ("Transform: [AWS::LanguageExtensions]", [], ""),
        ("Transform: {Name: 'AWS::Include'}", [None], "t.yaml:4: transform AWS::Include may add resources"),
        ("Transform: [Ours]", [None], "transform Ours may add resources"),
        ("  S: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: 'https://x'}}", [None], "nested stack"),
        (
            "  S: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: ./x.yaml}}",
            [None],
            "not in the scanned files",
        ),
        ("  S: {Type: 'AWS::CloudFormation::StackSet'}", [None], "nested stack"),
        ("  S: {Type: 'Our::Own::Thing::MODULE'}", [None], "module Our::Own::Thing::MODULE"),
        ("  'Fn::ForEach::X': [N, [a], {'R${N}': {Type: 'AWS::ECS::Cluster'}}]", ["AWS::ECS::Cluster"], "ForEach"),
        ("  'Fn::ForEach::X': [N, [a], {R: {Type: 'AWS::ECR::RegistryPolicy'}}]", ["AWS::ECR::Registry"], "ForEach"),
        ("  'Fn::ForEach::X': [N, [a], {R: {Type: !Ref N}}]", [None], "ForEach"),
        ("  S: {Type: 'AWS::ECS::Cluster', Properties: !Transform {Name: x}}", ["AWS::ECS::Cluster"], "Fn::Transform"),
        ("  S: {Type: 'AWS::ECS::Cluster', Condition: [x]}", ["AWS::ECS::Cluster"], "condition"),
        ("  S: text", [], ""),
        ("  S: {Type: [x]}", [], ""),
    ],
)
def test_what_a_template_leaves_open(body, types, message):
    text = f"Resources:\n  R: {{Type: 'AWS::S3::Bucket'}}\n\n{body}\n"
    _, gaps = resources(template(text), "t.yaml", ACCOUNT, REGION)
    assert [gap.type for gap in gaps] == types
    assert all(message in gap.message and gap.reason == "Unresolved" for gap in gaps)


def test_a_file_that_leaves_something_open_is_partial(tmp_path):
    (file,) = parsed(tmp_path, {"a.yaml": "Transform: Ours\n" + REPOSITORY % ""}).files
    assert file == ("a.yaml", "partial", "a.yaml:1: transform Ours may add resources")


def test_the_digest_is_that_of_the_templates(tmp_path):
    first = parsed(tmp_path, {"a.yaml": REPOSITORY % ""}).sha256
    assert parsed(tmp_path, {"other.yaml": "x: 1"}).sha256 == first
    assert parsed(tmp_path, {"a.yaml": REPOSITORY % "-2"}).sha256 != first


@pytest.mark.parametrize(
    ("type", "given", "name", "expected"),
    [
        ("AWS::ECS::Service", {"DesiredCount": "0"}, "DesiredCount", 0),
        ("AWS::ECS::Service", {"DesiredCount": "many"}, "DesiredCount", UNKNOWN),
        ("AWS::ECS::Service", {"DesiredCount": True}, "DesiredCount", UNKNOWN),
        ("AWS::ECS::Service", {}, "DesiredCount", 1),
        ("AWS::ECS::Service", {}, "ContainerImages", UNKNOWN),
        ("AWS::ECS::Service", {}, "ServiceName", UNKNOWN),
        ("AWS::ECS::Service", {"Other": 1.5}, "Other", 1.5),
        (
            "AWS::ECR::Repository",
            {"ImageScanningConfiguration": {}},
            "ImageScanningConfiguration",
            {"ScanOnPush": False},
        ),
        ("AWS::ECR::Repository", {"ImageScanningConfiguration": []}, "ImageScanningConfiguration", UNKNOWN),
        ("AWS::ECR::Repository", {"RepositoryName": 7}, "RepositoryName", "7"),
        ("AWS::ECR::Repository", {"RepositoryName": ["a"]}, "RepositoryName", UNKNOWN),
        ("AWS::ECR::Repository", {"RepositoryPolicyText": '{"a": 1}'}, "RepositoryPolicyText", {"a": 1}),
        ("AWS::ECR::Repository", {"RepositoryPolicyText": "{"}, "RepositoryPolicyText", UNKNOWN),
        ("AWS::ECR::Repository", {"RepositoryPolicyText": "[" * 9999}, "RepositoryPolicyText", UNKNOWN),
        ("AWS::ECR::Repository", {"RepositoryPolicyText": "text"}, "RepositoryPolicyText", UNKNOWN),
        ("AWS::EKS::Cluster", {"Version": 1.3}, "Version", UNKNOWN),
        ("AWS::EKS::Cluster", {"Version": "1.30"}, "Version", "1.30"),
        ("AWS::EKS::Cluster", {"ComputeConfig": {"Enabled": "False"}}, "ComputeConfig", {"Enabled": False}),
        ("AWS::EKS::Nodegroup", {"InstanceTypes": "m5.large"}, "InstanceTypes", UNKNOWN),
    ],
)
def test_properties_take_the_kind_the_schema_names(type, given, name, expected):
    value = vocabulary.complete(type, given)[name]
    assert (UNKNOWN if value.__class__ is Unknown else value) == expected


@pytest.mark.parametrize("type", sorted(vocabulary.types()))
def test_schemas(type):
    definition = schema(f"resources/{type.replace('::', '-')}")
    Draft202012Validator.check_schema(definition)
    assert definition["title"] == type
    assert definition["x-source"]
    assert set(definition["x-name"]) <= set(definition["properties"])
    for described in definition["properties"].values():
        assert described["description"].endswith(".")
        if "default" in described:
            Draft202012Validator(described).validate(described["default"])
    completed = {k: v for k, v in vocabulary.complete(type, {}).items() if v.__class__ is not Unknown}
    Draft202012Validator(definition).validate(completed)


def test_vocabulary():
    assert vocabulary.types() == {
        "AWS::Batch::JobDefinition",
        "AWS::Scheduler::Schedule",
        "AWS::StepFunctions::StateMachine",
        "Kubernetes::ServiceAccount",
        "Kubernetes::ExternalSecret",
        "Kubernetes::SecretStore",
        "Kubernetes::ClusterSecretStore",
        "AWS::ARCRegionSwitch::Plan", "AWS::Account::Region", "AWS::CloudFormation::Stack",
        "AWS::CloudFormation::StackSet", "AWS::CodeBuild::Project", "AWS::CodePipeline::Pipeline",
        "AWS::AutoScaling::LaunchConfiguration", "AWS::EC2::Instance", "AWS::EC2::LaunchTemplate",
        "AWS::EC2::NatGateway", "AWS::EC2::RouteTable", "AWS::EC2::Subnet", "AWS::EC2::VPCEndpoint",
        "AWS::EC2::SecurityGroup", "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::Logs::LogGroup",
        "AWS::ECS::TaskDefinitionFamily",
        "AWS::ECR::ImageManifest",
        "AWS::ECR::Registry", "AWS::ECR::Repository", "AWS::ECS::Cluster", "AWS::ECS::Service", "AWS::ECS::Task",
        "AWS::ECS::TaskDefinition", "AWS::EKS::Addon", "AWS::EKS::Cluster", "AWS::EKS::ClusterVersion",
        "AWS::EKS::FargateProfile", "AWS::EKS::Nodegroup", "AWS::EKS::PodIdentityAssociation", "AWS::Events::Rule",
        "AWS::InspectorV2::AccountStatus",
        "AWS::IAM::Role",
        "AWS::InspectorV2::ImageInUse", "AWS::KMS::Alias", "AWS::KMS::Key", "AWS::Lambda::Function",
        "AWS::S3::Bucket", "AWS::SSM::Parameter", "AWS::SecretsManager::Secret", "AWS::ServiceQuotas::Quota",
        "GitHub::Actions::Workflow", "GitLab::CI::Pipeline",
        "Kubernetes::CronJob", "Kubernetes::DaemonSet", "Kubernetes::Deployment", "Kubernetes::Job",
        "Kubernetes::Pod", "Kubernetes::StatefulSet", "Regionproof::Recovery::Drill",
        "Regionproof::Recovery::Runbook", "Regionproof::Recovery::Tier", "Terraform::Backend",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"AWSTemplateFormatVersion": "2010-09-09"}, True),
        ({"Resources": {"a": {"Type": "x"}}}, True),
        ({"Resources": {"a": {"Type": 1}, "b": "c"}}, False),
        ({"Resources": []}, False),
        (["Resources"], False),
        (None, False),
    ],
)
def test_recognises(value, expected):
    assert recognises(value) is expected


NAMES = st.sampled_from(["A", "B", "C", "AWS::Region", "AWS::NoValue", "A.Arn", "B.RepositoryUri", "x"])
WORDS = NAMES | st.none() | st.booleans() | st.integers(-2, 3) | st.just("${A}${B.Arn}") | st.just("{{resolve:ssm:x}}")
KEYS = [
    *TAGS.values(),
    "Fn::ForEach::X",
    "Type",
    "Condition",
    "Properties",
    "RepositoryName",
    "Cluster",
    "Rules",
    "Tags",
]
TREES = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2)
        | st.tuples(st.sampled_from(KEYS), inner).map(lambda pair: dict([pair]))
    ),
    max_leaves=12,
)
BODIES = st.fixed_dictionaries(
    {
        "Type": st.sampled_from(
            [
                *sorted(vocabulary.types()),
                *("AWS::ECR::RegistryPolicy", "AWS::ECR::PullThroughCacheRule", "AWS::IAM::Policy"),
                *("AWS::Serverless::Function", "AWS::Serverless::StateMachine", "AWS::Serverless::Application"),
            ]
        )
        | TREES
    },
    optional={
        "Condition": NAMES | TREES,
        "Properties": TREES
        | st.dictionaries(
            st.sampled_from(
                [
                    *("RepositoryName", "Cluster", "TaskDefinition", "ClusterName", "Name", "Family", "Tags"),
                    *("PolicyText", "TemplateURL", "TemplateBody", "Parameters", "StackInstancesGroup", "Events"),
                    *("VpcConfig", "ImageUri", "DefinitionUri", "Location", "Roles"),
                ]
            ),
            TREES,
        ),
    },
)
TEMPLATES = st.fixed_dictionaries(
    {"Resources": st.dictionaries(st.sampled_from(["A", "B", "C"]), BODIES, min_size=1) | TREES},
    optional={
        "Conditions": st.dictionaries(st.sampled_from(["A", "B", "C"]), TREES) | TREES,
        "Parameters": TREES | st.dictionaries(st.sampled_from(["A", "x"]), TREES),
        "Mappings": TREES,
        "Transform": TREES | st.just("AWS::Serverless-2016-10-31"),
        "Globals": TREES | st.dictionaries(st.sampled_from(["Function", "StateMachine"]), TREES),
        "Outputs": st.dictionaries(st.sampled_from(["A", "B"]), st.fixed_dictionaries({"Value": TREES})) | TREES,
    },
)


@settings(max_examples=300, deadline=None)
@given(TEMPLATES, st.sampled_from([(ACCOUNT, REGION), (None, None), (None, REGION)]))
def test_any_template_gives_resources_and_gaps(body, place):
    found, gaps = resources(body, "t.yaml", *place)
    assert all(isinstance(gap, Gap) for gap in gaps)
    for resource in found:
        json.dumps(plain(resource.properties))
        assert resource.name is None or isinstance(resource.name, str)
        assert resource.locations[""].path == "t.yaml"


@settings(max_examples=100, deadline=None)
@given(TEMPLATES, TREES, TREES, st.sampled_from(["AWS::CloudFormation::Stack", "AWS::CloudFormation::StackSet"]))
def test_any_template_may_be_nested(body, parameters, groups, type):
    properties = {"TemplateURL": "a", "Parameters": parameters, "StackInstancesGroup": groups}
    output = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": {"Fn::GetAtt": "S.Outputs.A"}}}
    outer = {"Resources": {"S": {"Type": type, "Properties": properties}, "A": output}}
    context = Context(lambda *_: Source(Document(body, {}), "child.yaml"))
    template = Template(Source(Document(outer, {}), "t.yaml"), at(ACCOUNT, REGION), context)
    for one in template.declarations():
        if isinstance(one, Resource):
            json.dumps(plain(one.properties))
            assert one.locations[""].path in ("t.yaml", "child.yaml")


# --- roles and their policies ------------------------------------------------------------------------------------

ROLES = """
Parameters: {Somebody: {Type: String}, Prod: {Type: String}}
Conditions: {Prod: !Equals [!Ref Prod, "yes"], Never: !Equals [a, b]}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: pull
      Policies: [{PolicyName: own, PolicyDocument: {Statement: []}}]
  Other: {Type: AWS::IAM::Role, Properties: {}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: api, ExecutionRoleArn: !GetAtt Role.Arn, TaskRoleArn: "arn:aws:iam::111122223333:role/app"}
  Named: %s
"""


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            "{Type: AWS::IAM::Policy, Properties: {Roles: [!Ref Role], PolicyDocument: {Statement: [1]}}}",
            ["own", "Named"],
        ),
        (
            "{Type: AWS::IAM::ManagedPolicy, Properties: {Roles: [!Ref Other, pull], PolicyDocument: {}}}",
            ["own", "Named"],
        ),
        ("{Type: AWS::IAM::RolePolicy, Properties: {RoleName: !Ref Role, PolicyDocument: {}}}", ["own", "Named"]),
        ("{Type: AWS::IAM::Policy, Properties: {Roles: [!Ref Other, somebody], PolicyDocument: {}}}", ["own"]),
        ("{Type: AWS::IAM::Policy, Properties: {Users: [somebody], PolicyDocument: {}}}", ["own"]),
        ("{Type: AWS::IAM::Policy, Condition: Never, Properties: {Roles: [!Ref Role], PolicyDocument: {}}}", ["own"]),
        (
            "{Type: AWS::IAM::Policy, Condition: Prod, Properties: {Roles: [!Ref Role], PolicyDocument: {}}}",
            ["own", UNKNOWN],
        ),
        ("{Type: AWS::IAM::Policy, Properties: {Roles: [!Ref Somebody], PolicyDocument: {}}}", ["own", UNKNOWN]),
        ("{Type: AWS::IAM::Policy, Properties: {Roles: !Ref Somebody, PolicyDocument: {}}}", ["own", UNKNOWN]),
        ("{Type: AWS::S3::Bucket}", ["own"]),
    ],
)
def test_a_role_has_the_policies_that_name_it(policy, expected):
    found, _ = resources(template(ROLES % policy), "t.yaml", ACCOUNT, REGION)
    (role,) = (each for each in by_type(found, "AWS::IAM::Role") if each.name == "pull")
    assert [UNKNOWN if isinstance(each, Unknown) else each["PolicyName"] for each in role["Policies"].raw()] == expected
    task = one(found, "AWS::ECS::TaskDefinition")
    assert (task["ExecutionRoleArn"], task["TaskRoleArn"]) == (role.id, "arn:aws:iam::111122223333:role/app")


@pytest.mark.parametrize(
    ("properties", "id"),
    [
        ("RoleName: pull", f"arn:aws:iam::{ACCOUNT}:role/pull"),
        ("RoleName: pull, Path: /", f"arn:aws:iam::{ACCOUNT}:role/pull"),
        ("RoleName: pull, Path: /app/", "t.yaml#Role"),  # its ARN holds the path
        ("Path: /", "t.yaml#Role"),
    ],
)
def test_the_arn_of_a_role_is_known_by_its_name(properties, id):
    text = (
        f"Resources:\n  Role: {{Type: AWS::IAM::Role, Properties: {{{properties}}}}}\n"
        "  Template:\n    Type: AWS::ECR::RepositoryCreationTemplate\n"
        "    Properties: {Prefix: shop, AppliedFor: [REPLICATION], CustomRoleArn: !GetAtt Role.Arn}\n"
    )
    found, _ = resources(template(text), "t.yaml", ACCOUNT, REGION)
    assert one(found, "AWS::IAM::Role").id == id
    (made,) = one(found, "AWS::ECR::Registry")["RepositoryCreationTemplates"].raw()
    named = next(value for key, value in made.raw() if key == "CustomRoleArn")
    assert (named == id) if id.startswith("arn:") else isinstance(named, Unknown)


def test_a_role_whose_name_is_not_known_may_have_the_policies_of_any_name():
    policy = "{Type: AWS::IAM::Policy, Properties: {Roles: [somebody], PolicyDocument: {}}}"
    found, _ = resources(template(ROLES % policy), "t.yaml", ACCOUNT, REGION)
    (other,) = (each for each in by_type(found, "AWS::IAM::Role") if each.name is None)
    assert [type(each) for each in other["Policies"].raw()] == [Unknown]
