"""Terraform's resources are the resources that CloudFormation's parser makes of the equivalent template."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from terraform_cases import ACCOUNT, CASES, DENY, IMAGE, REGION, block, declare, expected, one, read, summary

from scanner.assets import schema
from scanner.model import Location, Unknown, plain
from scanner.parsers.registry import LISTS
from scanner.parsers.terraform.computed import computed
from scanner.parsers.terraform.declared import Attribute
from scanner.parsers.terraform.maps import attribute_map, mapped
from scanner.parsers.terraform.values import Encoded
from scanner.vocabulary import definition, types

NAMES = json.loads((Path(__file__).parent / "fixtures" / "terraform" / "attributes.json").read_text())


@pytest.mark.parametrize("case", CASES)
def test_both_doors_agree(case):
    declared, bodies = CASES[case]
    found, gaps = read(*(declare(*each) for each in declared))
    assert summary(found) == summary(expected(bodies))
    assert gaps == []


# The maps.


@pytest.mark.parametrize("type", sorted(mapped()))
def test_a_map_is_as_its_schema_says(type):
    Draft202012Validator(schema("terraform-map")).validate(attribute_map(type))


def _rules(attributes):
    for name, described in attributes.items():
        for rule in described if isinstance(described, list) else [described]:
            yield name, {"to": rule} if isinstance(rule, str) else rule


def _unnamed(attributes, known):
    """Return the attributes that the provider does not know; the keys of JSON text and of maps are not its own."""
    for name, rule in _rules(attributes):
        if name not in known:
            yield name
        elif rule.get("as") != "json" and name != "annotations":
            yield from _unnamed(rule.get("attributes", {}), known[name] or {})
        for key in ("with", "without"):
            if key in rule and rule[key] not in known[name]:
                yield rule[key]


@pytest.mark.parametrize("type", sorted(mapped()))
def test_a_map_names_attributes_of_the_provider(type):
    described = attribute_map(type)
    templates = {**described.get("computed", {}), "arn": described.get("arn", "")}
    satellite = described.get("satellite", {})
    used = {name for template in templates.values() for name in re.findall(r"\{/?(\w+)", template)}
    used -= {"partition", "region", "account", "suffix"}
    used |= {satellite["of"]} if satellite else set()
    used |= {satellite["through"]["attribute"]} if "through" in satellite else set()
    known = NAMES.get(type, {})
    assert [*_unnamed(described.get("attributes", {}), known)] == []
    assert used | described.get("computed", {}).keys() <= known.keys()


FREE = {
    "AWS::ECR::Registry/ScanningConfiguration/Rules",
    "AWS::S3::Bucket/ReplicationConfiguration/Rules/Filter",
    "AWS::CodeBuild::Project/SecondarySources",
    "AWS::CodeBuild::Project/SecondaryArtifacts",
    "AWS::CodePipeline::Pipeline/ArtifactStore/EncryptionKey",
    "AWS::CodePipeline::Pipeline/ArtifactStores/ArtifactStore/EncryptionKey",
    "AWS::CloudFormation::StackSet/AutoDeployment",
    "AWS::ECS::Service/LoadBalancers",
    "AWS::Events::Rule/Targets/BatchParameters",
    "AWS::EC2::RouteTable/Routes",  # a route has one of many targets, most of which no rule reads
}
"""Where the vocabulary leaves open what an object has."""


def _undefined(attributes, described, at):
    for _, rule in _rules(attributes):
        inner, path = described, at
        for part in rule["to"].split("/") if rule["to"] else []:
            inner = inner.get("items", inner)
            if path in FREE:
                break
            path = f"{path}/{part}"
            if part not in inner.get("properties", {}):
                yield path
                break
            inner = inner["properties"][part]
        else:
            yield from _undefined(rule.get("attributes", {}), inner, path)


@pytest.mark.parametrize("type", sorted(name for name in mapped() if "type" in attribute_map(name)))
def test_a_map_names_properties_of_the_vocabulary(type):
    described = attribute_map(type)
    model = described["type"]
    assert model in types()
    place, at = definition(model), model
    into = [described.get("piece"), described.get("satellite", {}).get("into")]
    if into[0] == "AccountSettings":  # name and value are one of its properties
        return
    for part in filter(None, into):
        place, at = place["properties"][part], f"{at}/{part}"
    assert [*_undefined(described.get("attributes", {}), place, at)] == []
    constants = dict.fromkeys(described.get("constants", {}), "")
    assert [*_undefined({path: path for path in constants}, place, at)] == []
    through = described.get("satellite", {}).get("through")
    if through:
        assert through["into"] in definition(model)["properties"]
        assert through["type"] in mapped()


def test_the_registry_lists_are_mapped_as_objects():
    assert {attribute_map(type).get("piece") for type in mapped()} >= {*LISTS, "ReplicationConfiguration", "PolicyText"}


# What is not known.


def properties(found, type):
    return plain(one(found, type).properties)


def test_unknown_leaves_stay_unknown_and_the_rest_is_known():
    containers = [{"name": "web", "image": Unknown("var.tag has no value")}, {"name": "log", "image": IMAGE}]
    task = declare(
        "aws_ecs_task_definition.web",
        {"family": "web", "container_definitions": Encoded("partly", containers), "cpu": Unknown("var.cpu")},
    )
    found = properties(read(task)[0], "AWS::ECS::TaskDefinition")
    assert [each["Image"] for each in found["ContainerDefinitions"]] == [{"unknown": "var.tag has no value"}, IMAGE]
    assert found["Cpu"] == {"unknown": "var.cpu"}


@pytest.mark.parametrize(
    ("values", "path", "reason"),
    [
        ({"container_definitions": Unknown("later")}, ["ContainerDefinitions"], "later"),
        (
            {"container_definitions": "[{"},
            ["ContainerDefinitions"],
            "it is not JSON: not JSON: Expecting property name",
        ),
        ({"container_definitions": "web"}, ["ContainerDefinitions"], "it is not JSON"),
        (
            {"container_definitions": '["web"]'},
            ["ContainerDefinitions", 0],
            "it is text, which the provider does not take",
        ),
        ({"runtime_platform": Unknown("later")}, ["RuntimePlatform"], "later"),
        ({"runtime_platform": [Unknown("later")]}, ["RuntimePlatform"], "later"),
        ({"volume": [{"name": Unknown("later")}]}, ["Volumes", 0, "Name"], "later"),
        ({"volume": Unknown("later")}, ["Volumes"], "later"),
        (
            {"execution_role_arn": Attribute("aws_iam_role.elsewhere", "arn")},
            ["ExecutionRoleArn"],
            "'aws_iam_role.elsewhere",
        ),
    ],
)
def test_what_is_unknown_says_why(values, path, reason):
    found = properties(read(declare("aws_ecs_task_definition.t", values))[0], "AWS::ECS::TaskDefinition")
    for part in path:
        found = found[part]
    assert found["unknown"].startswith(reason)


@pytest.mark.parametrize(
    ("region", "store", "stores"),
    [
        (None, {"Location": "a"}, None),
        ("us-west-2", None, [{"Region": "us-west-2", "ArtifactStore": {"Location": "a"}}]),
        (
            Unknown("?"),
            {"unknown": "?"},
            [{"Region": {"unknown": "?"}, "ArtifactStore": {"Location": "a"}}],
        ),
    ],
)
def test_an_artifact_store_whose_region_is_unknown_may_be_the_only_one(region, store, stores):
    pipeline = declare("aws_codepipeline.p", {"name": "p", "artifact_store": block(location="a", region=region)})
    found = properties(read(pipeline)[0], "AWS::CodePipeline::Pipeline")
    assert (found.get("ArtifactStore"), found.get("ArtifactStores")) == (store, stores)


def test_terraform_starts_no_tasks_where_cloudformation_would_start_one():
    found = properties(read(declare("aws_ecs_service.s", {"name": "s"}))[0], "AWS::ECS::Service")
    assert found["DesiredCount"] == 0


def test_what_may_not_be_there_is_a_gap_and_a_registry_setting_that_may_not_be_there_is_unknown():
    doubt = "the count of it is not known"
    found, gaps = read(
        declare("aws_ecr_repository.web", {"name": "web"}, doubt=doubt),
        declare("aws_ecr_registry_policy.this", {"policy": "{}"}, doubt=doubt),
    )
    assert [(gap.type, gap.message) for gap in gaps] == [
        ("AWS::ECR::Repository", f"main.tf:1: 'aws_ecr_repository.web': {doubt}")
    ]
    assert properties(found, "AWS::ECR::Registry")["PolicyText"] == {"unknown": doubt}


# Satellites.

POLICY = json.dumps(DENY)


@pytest.mark.parametrize(
    ("repository", "doubt", "expected"),
    [
        ("web", "", DENY),
        ("api", "", None),
        (Attribute("aws_ecr_repository.web", "name"), "", DENY),
        (Attribute("aws_ecr_repository.api", "name"), "", None),
        (Attribute("data.aws_ecr_repository.x", "name"), "", UNKNOWN := "whether"),
        (Unknown("?"), "", UNKNOWN),
        ("web", "its count is not known", "its count is not known"),
        (None, "", None),
    ],
)
def test_a_policy_belongs_to_the_repository_that_it_names(repository, doubt, expected):
    found, _ = read(
        declare("aws_ecr_repository.web", {"name": "web"}),
        declare("aws_ecr_repository_policy.p", {"repository": repository, "policy": POLICY}, doubt=doubt),
        declare("aws_ecr_repository.api", {"name": "api"}, place=(ACCOUNT, "us-west-2")),
    )
    web = next(each for each in found if each.name == "web")
    policy = plain(web.properties).get("RepositoryPolicyText")
    if isinstance(expected, str):
        assert policy["unknown"].startswith(expected)
    else:
        assert policy == expected


def test_a_repository_without_a_known_name_may_have_the_policy_of_any_name():
    found, _ = read(
        declare("aws_ecr_repository.web", {"name": Unknown("var.name")}),
        declare("aws_ecr_repository_policy.p", {"repository": "web", "policy": POLICY}),
    )
    assert "unknown" in properties(found, "AWS::ECR::Repository")["RepositoryPolicyText"]


def test_a_policy_is_not_that_of_the_same_name_in_another_region():
    found, _ = read(
        declare("aws_ecr_repository.east", {"name": "web"}),
        declare("aws_ecr_repository.west", {"name": "web"}, place=(ACCOUNT, "us-west-2")),
        declare("aws_ecr_repository_policy.p", {"repository": "web", "policy": POLICY}, place=(ACCOUNT, "us-west-2")),
    )
    assert {each.region: plain(each.properties).get("RepositoryPolicyText") for each in found} == {
        "us-east-1": None,
        "us-west-2": DENY,
    }


@pytest.mark.parametrize("place", [(ACCOUNT, None), (None, None)])
def test_where_the_region_of_a_policy_is_unknown_it_may_be_that_of_either_repository(place):
    found, _ = read(
        declare("aws_ecr_repository.east", {"name": "web"}),
        declare("aws_ecr_repository.west", {"name": "web"}, place=(ACCOUNT, "us-west-2")),
        declare("aws_ecr_repository_policy.p", {"repository": "web", "policy": POLICY}, place=place),
    )
    assert all("unknown" in plain(each.properties)["RepositoryPolicyText"] for each in found)


def test_two_policies_of_one_repository_are_unknown_unless_they_are_the_same():
    web = declare("aws_ecr_repository.web", {"name": "web"})
    one_of, same, other = (
        declare(f"aws_ecr_repository_policy.{name}", {"repository": "web", "policy": text}, locations={"": at})
        for name, text, at in (
            ("a", POLICY, Location("a.tf", 1)),
            ("b", json.dumps(DENY, indent=1), Location("b.tf", 2)),
            ("c", '{"Statement": []}', Location("c.tf", 3)),
        )
    )
    assert properties(read(web, one_of, same)[0], "AWS::ECR::Repository")["RepositoryPolicyText"] == DENY
    assert properties(read(web, one_of, other)[0], "AWS::ECR::Repository")["RepositoryPolicyText"] == {
        "unknown": "declared twice: a.tf:1 and c.tf:3"
    }


def test_two_replication_configurations_of_one_registry_are_declared_twice_as_in_cloudformation():
    found, _ = read(*(declare(f"aws_ecr_replication_configuration.{name}", {}) for name in "ab"))
    assert properties(found, "AWS::ECR::Registry")["ReplicationConfiguration"] == {
        "unknown": "declared twice: main.tf:1"
    }


def test_roles_gather_their_policies():
    found, _ = read(
        declare("aws_iam_role.r", {"name": "r", "inline_policy": block(name="own", policy=POLICY)}),
        declare(
            "aws_iam_role_policy.one", {"role": Attribute("aws_iam_role.r", "id"), "name": "one", "policy": POLICY}
        ),
        declare("aws_iam_role_policy.own", {"role": "r", "name": "own", "policy": POLICY}),
        declare("aws_iam_role_policy.maybe", {"role": Unknown("?"), "name": "maybe", "policy": POLICY}),
        declare("aws_iam_role_policy_attachment.aws", {"role": "r", "policy_arn": "arn:aws:iam::aws:policy/X"}),
        declare(
            "aws_iam_role_policy_attachment.own", {"role": "r", "policy_arn": Attribute("aws_iam_policy.p", "arn")}
        ),
        declare(
            "aws_iam_policy_attachment.many", {"roles": ["q", "r"], "policy_arn": f"arn:aws:iam::{ACCOUNT}:policy/x/q"}
        ),
        declare("aws_iam_policy.p", {"name": "p", "policy": POLICY}),
        declare("aws_iam_policy.q", {"name": "q", "path": "/x/", "policy": POLICY}),
    )
    role = properties(found, "AWS::IAM::Role")
    assert [each.get("PolicyName", "unknown") for each in role["Policies"]] == ["own", "one", "p", "q", "unknown"]
    assert role["ManagedPolicyArns"] == ["arn:aws:iam::aws:policy/X"]


def test_the_routes_of_other_resources_are_not_all_the_routes():
    table = Attribute("aws_route_table.t", "id")
    found, _ = read(
        declare("aws_route_table.t", {"vpc_id": "vpc-1"}),
        declare("aws_route.r", {"route_table_id": table, "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}),
        declare("aws_route_table_association.a", {"route_table_id": table, "subnet_id": "subnet-1"}),
        declare("aws_main_route_table_association.m", {"route_table_id": table, "vpc_id": "vpc-1"}),
    )
    made = properties(found, "AWS::EC2::RouteTable")
    assert made["Routes"][0] == {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}
    assert made["Associations"][:2] == [{"SubnetId": "subnet-1"}, {"Main": True}]
    assert all("unknown" in rest for rest in (made["Routes"][1], made["Associations"][2]))
    written = declare(
        "aws_route_table.t", {"route": block(cidr_block="0.0.0.0/0", nat_gateway_id="nat-1", gateway_id="")}
    )
    routes = properties(read(written)[0], "AWS::EC2::RouteTable")["Routes"]
    assert routes == [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}]


def test_account_settings_that_are_not_declared_are_not_known():
    found, _ = read(
        declare("aws_ecr_account_setting.a", {"name": "BLOB_MOUNTING", "value": "ENABLED"}),
        declare("aws_ecr_account_setting.b", {"name": "REGISTRY_POLICY_SCOPE", "value": "V2"}),
    )
    made = properties(found, "AWS::ECR::Registry")["AccountSettings"]
    assert made.pop("BASIC_SCAN_TYPE_VERSION")["unknown"]
    assert made == {"BLOB_MOUNTING": "ENABLED", "REGISTRY_POLICY_SCOPE": "V2"}
    found, _ = read(declare("aws_ecr_account_setting.a", {"name": Unknown("?"), "value": "ENABLED"}))
    assert properties(found, "AWS::ECR::Registry")["AccountSettings"] == {"unknown": "?"}


# Ids, names, references and computed attributes.


@pytest.mark.parametrize(
    ("address", "values", "id", "name"),
    [
        ("aws_ecr_repository.a", {"name": "a/b"}, "arn:aws:ecr:us-east-1:111122223333:repository/a/b", "a/b"),
        ("aws_ecr_repository.a", {}, "main.tf#aws_ecr_repository.a@x", None),
        ("aws_ecs_cluster.a", {"name": "a"}, "arn:aws:ecs:us-east-1:111122223333:cluster/a", "a"),
        ("aws_ecs_service.a", {"name": "s", "cluster": "a"}, "arn:aws:ecs:us-east-1:111122223333:service/a/s", "a/s"),
        ("aws_ecs_service.a", {"name": "s", "cluster": Unknown("?")}, "main.tf#aws_ecs_service.a@x", None),
        ("aws_ecs_task_definition.a", {"family": "f"}, "main.tf#aws_ecs_task_definition.a@x", "f"),
        (
            "aws_ecs_task_definition.a",
            {"family": "f", "arn": "arn:aws:ecs:us-east-1:111122223333:task-definition/f:7"},
            "arn:aws:ecs:us-east-1:111122223333:task-definition/f:7",
            "f",
        ),
        ("aws_eks_cluster.a", {"name": "k"}, "arn:aws:eks:us-east-1:111122223333:cluster/k", "k"),
        ("aws_iam_role.a", {"name": "r"}, "arn:aws:iam::111122223333:role/r", "r"),
        ("aws_iam_role.a", {"name": "r", "path": "/x/"}, "arn:aws:iam::111122223333:role/x/r", "r"),
        ("aws_iam_role.a", {"name": "r", "path": Unknown("?")}, "main.tf#aws_iam_role.a@x", "r"),
        ("aws_lambda_function.a", {"function_name": "f"}, "arn:aws:lambda:us-east-1:111122223333:function:f", "f"),
        ("aws_ssm_parameter.a", {"name": "/a/b"}, "arn:aws:ssm:us-east-1:111122223333:parameter/a/b", "/a/b"),
        ("aws_ssm_parameter.a", {"name": "a"}, "arn:aws:ssm:us-east-1:111122223333:parameter/a", "a"),
        ("aws_s3_bucket.a", {"bucket": "b"}, "arn:aws:s3:::b", "b"),
        ("aws_kms_alias.a", {"name": "alias/a"}, "arn:aws:kms:us-east-1:111122223333:alias/a", "alias/a"),
        ("aws_cloudwatch_event_rule.a", {"name": "n"}, "arn:aws:events:us-east-1:111122223333:rule/n", "n"),
        ("aws_codepipeline.a", {"name": "n"}, "arn:aws:codepipeline:us-east-1:111122223333:n", "n"),
        ("aws_codebuild_project.a", {"name": "n"}, "arn:aws:codebuild:us-east-1:111122223333:project/n", "n"),
    ],
)
def test_ids_are_arns_where_these_are_known(address, values, id, name):
    (made,) = read(declare(address, values), suffix="@x")[0]
    assert (made.id, made.name) == (id, name)


@pytest.mark.parametrize(
    ("region", "partition", "domain"),
    [
        ("us-east-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
    ],
)
def test_computed_attributes_are_those_of_the_partition(region, partition, domain):
    def get(attribute):
        return {"name": "web"}.get(attribute)

    assert computed("aws_ecr_repository", "repository_url", get, ACCOUNT, region) == (
        f"{ACCOUNT}.dkr.ecr.{region}.{domain}/web"
    )
    assert (
        computed("aws_ecs_cluster", "arn", get, ACCOUNT, region)
        == f"arn:{partition}:ecs:{region}:{ACCOUNT}:cluster/web"
    )
    assert computed("aws_iam_role", "arn", get, ACCOUNT, region) == f"arn:{partition}:iam::{ACCOUNT}:role/web"
    assert computed("data.aws_partition", "partition", get, None, region) == partition


@pytest.mark.parametrize(
    ("type", "attribute", "values", "account", "region"),
    [
        ("aws_ecr_repository", "repository_url", {"name": "web"}, None, REGION),
        ("aws_ecr_repository", "repository_url", {"name": "web"}, ACCOUNT, None),
        ("aws_ecr_repository", "repository_url", {"name": Unknown("?")}, ACCOUNT, REGION),
        ("aws_ecr_repository", "repository_url", {}, ACCOUNT, REGION),
        ("aws_ecs_task_definition", "arn", {"family": "web"}, ACCOUNT, REGION),
        ("aws_ecs_task_definition", "revision", {"family": "web"}, ACCOUNT, REGION),
        ("data.aws_iam_role", "arn", {"name": "web"}, ACCOUNT, REGION),
        ("data.aws_ecr_repository", "arn", {"name": "web", "registry_id": Unknown("?")}, ACCOUNT, REGION),
        ("aws_instance", "arn", {}, ACCOUNT, REGION),
    ],
)
def test_what_apply_will_tell_is_not_made_up(type, attribute, values, account, region):
    assert computed(type, attribute, values.get, account, region) is None


def test_a_repository_of_another_registry_has_the_url_of_that():
    values = {"name": "web", "registry_id": "444455556666"}
    url = computed("data.aws_ecr_repository", "repository_url", values.get, ACCOUNT, REGION)
    assert url == "444455556666.dkr.ecr.us-east-1.amazonaws.com/web"


@pytest.mark.parametrize(
    ("given", "id"),
    [
        ("web", "main.tf#aws_ecs_task_definition.web"),
        ("web:3", "web:3"),
        (Attribute("aws_ecs_task_definition.web", "arn"), "main.tf#aws_ecs_task_definition.web"),
        (
            Attribute("aws_ecs_cluster.web", "arn"),
            {"unknown": "'aws_ecs_cluster.web.arn' is known only after deployment"},
        ),
    ],
)
def test_a_service_names_its_task_definition(given, id):
    found, _ = read(
        declare("aws_ecs_service.s", {"name": "s", "task_definition": given}),
        declare("aws_ecs_task_definition.web", {"family": "web"}),
        declare("aws_ecs_cluster.web", {"name": Unknown("?")}),
    )
    assert properties(found, "AWS::ECS::Service")["TaskDefinition"] == id


def test_a_service_of_a_cluster_that_has_no_arn_yet_knows_its_name():
    found, _ = read(
        declare(
            "aws_ecs_service.s", {"name": "s", "cluster": Attribute("aws_ecs_cluster.c", "id")}, place=(None, REGION)
        ),
        declare("aws_ecs_cluster.c", {"name": "apps"}, place=(None, REGION)),
    )
    service = one(found, "AWS::ECS::Service")
    assert (service.name, service["Cluster"]) == ("apps/s", "main.tf#aws_ecs_cluster.c")


def test_a_state_machine_names_task_definitions_of_the_code():
    states = {
        "A": {"Parameters": {"TaskDefinition": Attribute("aws_ecs_task_definition.t", "arn"), "Cluster": Unknown("?")}}
    }
    found, _ = read(
        declare("aws_sfn_state_machine.m", {"name": "m", "definition": Encoded("partly", {"States": states})}),
        declare("aws_ecs_task_definition.t", {"family": "t"}),
    )
    made = properties(found, "AWS::StepFunctions::StateMachine")["Definition"]["States"]["A"]["Parameters"]
    assert made == {"TaskDefinition": "main.tf#aws_ecs_task_definition.t", "Cluster": {"unknown": "?"}}


def test_a_service_account_has_the_role_of_its_annotation():
    annotations = {"eks.amazonaws.com/role-arn": "arn:r", "other": "x"}
    account = declare("kubernetes_service_account_v1.a", {"metadata": block(name="web", annotations=annotations)})
    made = properties(read(account)[0], "Kubernetes::ServiceAccount")
    assert (made["Name"], made["Namespace"], made["RoleArn"]) == ("web", "default", "arn:r")


def test_stacks_and_charts_stand_for_what_is_not_seen():
    found, gaps = read(
        declare("aws_cloudformation_stack.a", {"name": "a"}),
        declare("helm_release.b", {"name": "b"}, place=(None, None)),
        declare("awscc_ecr_repository.d", {}),
        declare("awscc_ecr_replication_configuration.e", {}),
        declare("awscc_ec2_vpc_endpoint.f", {}),
        declare("awscc_iam_user.g", {}),
        declare("aws_vpc.c", {}),
    )
    assert [each.type for each in found] == ["AWS::CloudFormation::Stack"]
    others = {"AWS::ECR::Repository", "AWS::ECR::Registry", "AWS::EC2::VPCEndpoint"}
    assert {gap.type for gap in gaps} == {None, *others, *(type for type in types() if type.startswith("Kubernetes::"))}


@pytest.mark.parametrize(
    ("type", "kind", "around"),
    [
        ("kubernetes_deployment", "Deployment", lambda pod: block(replicas="3", template=block(spec=pod))),
        ("kubernetes_deployment_v1", "Deployment", lambda pod: block(replicas="3", template=block(spec=pod))),
        ("kubernetes_stateful_set_v1", "StatefulSet", lambda pod: block(replicas="3", template=block(spec=pod))),
        ("kubernetes_daemon_set_v1", "DaemonSet", lambda pod: block(template=block(spec=pod))),
        ("kubernetes_job_v1", "Job", lambda pod: block(template=block(spec=pod))),
        ("kubernetes_pod_v1", "Pod", lambda pod: pod),
        (
            "kubernetes_cron_job_v1",
            "CronJob",
            lambda pod: block(job_template=block(spec=block(template=block(spec=pod)))),
        ),
    ],
)
def test_workloads_of_kubernetes(type, kind, around):
    pod = block(
        service_account_name="web",
        image_pull_secrets=block(name="pull"),
        container=[{"name": "web", "image": IMAGE}, {"name": "log", "image": Unknown("?")}],
        init_container=block(name="init", image="busybox"),
    )
    found, _ = read(declare(f"{type}.web", {"metadata": block(name="web"), "spec": around(pod)}, place=(None, None)))
    made = properties(found, f"Kubernetes::{kind}")
    assert (made["Name"], made["Namespace"], made["Kind"]) == ("web", "default", kind)
    assert [each["Image"] for each in made["ContainerImages"]] == [IMAGE, {"unknown": "?"}, "busybox"]
    assert made["ImagePullSecrets"] == [{"Name": "pull"}]
    assert "unknown" in made["Cluster"]
    if "replicas" in around(pod)[0]:
        assert made["Replicas"] == 3
    unseen, _ = read(declare(f"{type}.web", {"metadata": block(name="web"), "spec": Unknown("?")}))
    assert properties(unseen, f"Kubernetes::{kind}")["ContainerImages"] == {"unknown": "?"}
    assert properties(unseen, f"Kubernetes::{kind}")["Name"] == "web"


# Where it is written.


def test_findings_lead_to_the_line_in_a_heredoc():
    text = '[\n  {\n    "name": "web",\n    "image": "x"\n  }\n]\n'
    written = {"": Location("main.tf", 3, 1, 14, 2), "/container_definitions": Location("main.tf", 5, 27, 12, 4)}
    task = declare("aws_ecs_task_definition.t", {"container_definitions": text}, locations=written)
    (made,) = read(task)[0]
    assert made.locate("/ContainerDefinitions/0/Image") == Location("main.tf", 9)
    assert made.locate("/ContainerDefinitions/0/Essential") == Location("main.tf", 7)
    assert made.locate("/Family") == Location("main.tf", 3, 1, 14, 2)


def test_findings_lead_into_an_encoded_structure_and_to_the_satellite():
    image, policy = Location("main.tf", 9, 15), Location("policy.tf", 4, 12)
    written = {"": Location("main.tf", 1), "/container_definitions/0/image": image}
    text = json.dumps([{"name": "web", "image": "x"}])
    (made,) = read(declare("aws_ecs_task_definition.t", {"container_definitions": text}, locations=written))[0]
    assert made.locate("/ContainerDefinitions/0/Image") == image
    found, _ = read(
        declare("aws_ecr_repository.web", {"name": "web"}),
        declare(
            "aws_ecr_repository_policy.p",
            {"repository": "web", "policy": POLICY},
            locations={"": Location("policy.tf", 1), "/policy/Statement/0/Effect": policy},
        ),
    )
    assert found[0].locate("/RepositoryPolicyText/Statement/0/Effect") == policy
    assert found[0].locate("/RepositoryPolicyText/Statement/0/Action") == Location("policy.tf", 1)


def test_findings_lead_to_the_policy_that_is_added_to_a_list():
    found, _ = read(
        declare("aws_iam_role.r", {"name": "r", "inline_policy": block(name="own", policy=POLICY)}),
        declare("aws_iam_role_policy.p", {"role": "r", "policy": POLICY}, locations={"": Location("p.tf", 7)}),
    )
    assert found[0].locate("/Policies/1/PolicyDocument/Statement") == Location("p.tf", 7)
    assert found[0].locate("/Policies/0/PolicyDocument/Statement") == Location("main.tf", 1)


# Documents.


def document(type="aws_iam_policy_document", **values):
    return computed(f"data.{type}", "json", values.get, ACCOUNT, REGION)


def test_a_policy_document_is_its_json():
    made = document(
        policy_id="P",
        statement=[
            {
                "sid": "Pull",
                "actions": ["ecr:BatchGetImage"],
                "resources": ["arn:aws:ecr:*:*:repository/&{aws:username}"],
                "principals": [
                    {"type": "AWS", "identifiers": ["a"]},
                    {"type": "AWS", "identifiers": ["b"]},
                    {"type": "Service", "identifiers": ["ecs.amazonaws.com"]},
                ],
                "condition": [{"test": "StringEquals", "variable": "aws:RequestedRegion", "values": ["us-east-1"]}],
            },
            {
                "effect": "Deny",
                "not_actions": ["s3:*"],
                "not_resources": ["*"],
                "principals": block(type="*", identifiers=["*"]),
            },
        ],
    )
    assert json.loads(made) == {
        "Version": "2012-10-17",
        "Id": "P",
        "Statement": [
            {
                "Sid": "Pull",
                "Effect": "Allow",
                "Action": ["ecr:BatchGetImage"],
                "Resource": ["arn:aws:ecr:*:*:repository/${aws:username}"],
                "Principal": {"AWS": ["a", "b"], "Service": ["ecs.amazonaws.com"]},
                "Condition": {"StringEquals": {"aws:RequestedRegion": ["us-east-1"]}},
            },
            {"Effect": "Deny", "NotAction": ["s3:*"], "NotResource": ["*"], "Principal": "*"},
        ],
    }


def statement(sid, effect="Allow"):
    return {"Sid": sid, "Effect": effect}


def test_sources_come_first_and_overrides_last():
    made = document(
        source_policy_documents=[
            json.dumps({"Version": "2008-10-17", "Statement": [statement("a"), statement("b")]}),
            "",
        ],
        statement=[{"sid": "b", "effect": "Deny"}, {"sid": ""}],
        override_policy_documents=[json.dumps({"Statement": statement("a", "Deny")})],
    )
    assert json.loads(made) == {
        "Version": "2012-10-17",
        "Statement": [statement("a", "Deny"), statement("b", "Deny"), {"Effect": "Allow"}],
    }


@pytest.mark.parametrize("override", [Unknown("?"), "{", json.dumps([])])
def test_an_unknown_override_may_replace_each_statement_with_a_sid(override):
    made = document(statement=[{"sid": "a"}, {"effect": "Deny"}], override_policy_documents=[override])
    assert [isinstance(each, Unknown) for each in made.value["Statement"]] == [True, False, True]


@pytest.mark.parametrize(
    ("block", "key"),
    [
        ({"actions": Unknown("?")}, "Action"),
        ({"principals": Unknown("?")}, "Principal"),
        ({"principals": [{"type": Unknown("?"), "identifiers": ["a"]}]}, "Principal"),
        ({"condition": [{"test": Unknown("?")}]}, "Condition"),
        ({"effect": Unknown("?")}, "Effect"),
        ({"sid": Unknown("?")}, None),
    ],
)
def test_what_is_unknown_in_a_document_stays_unknown(block, key):
    made = document(statement=[block])
    (found,) = made.value["Statement"]
    assert isinstance(found[key] if key else found, Unknown)


def test_a_policy_document_reaches_the_resource():
    text = document(statement=[{"effect": "Deny", "actions": Unknown("var.actions")}])
    found, _ = read(declare("aws_ecr_registry_policy.p", {"policy": text}))
    assert properties(found, "AWS::ECR::Registry")["PolicyText"]["Statement"] == [
        {"Effect": "Deny", "Action": {"unknown": "var.actions"}}
    ]


def test_a_lifecycle_document_is_its_json():
    selection = block(tag_status="tagged", tag_prefix_list=["v"], count_type="imageCountMoreThan", count_number=9)
    made = document(
        "aws_ecr_lifecycle_policy_document", rule=block(priority=1, description="keep", selection=selection)
    )
    assert json.loads(made) == {
        "rules": [
            {
                "rulePriority": 1,
                "description": "keep",
                "selection": {
                    "tagStatus": "tagged",
                    "tagPrefixList": ["v"],
                    "countType": "imageCountMoreThan",
                    "countNumber": 9,
                },
                "action": {"type": "expire"},
            }
        ]
    }


# Anything at all.

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False)
LEAVES |= st.builds(Unknown, st.just("?")) | st.builds(Attribute, st.just("aws_ecs_cluster.x"), st.just("id"))
LEAVES |= st.sampled_from(["[{}]", '{"a": [1]}', "arn:aws:iam::1:role/x", "x"])
KEYS = sorted({name for type in mapped() for name, _ in _rules(attribute_map(type).get("attributes", {}))})
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_that_terraform_may_say_makes_it_crash(data):
    declared = []
    for type in data.draw(st.lists(st.sampled_from(sorted(mapped())), min_size=1, max_size=4)):
        names = [*attribute_map(type).get("attributes", {}), "repository", "role", "bucket", "tags", "arn", "id"]
        values = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=4))
        declared.append(declare(f"{type}.x{len(declared)}", values, doubt=data.draw(st.sampled_from(["", "?"]))))
    found, _ = read(*declared)
    for each in found:
        plain(each.properties)
    for type in ("aws_iam_policy_document", "aws_ecr_lifecycle_policy_document"):
        document(type, **{name: data.draw(VALUES) for name in ("statement", "rule", "override_policy_documents")})
