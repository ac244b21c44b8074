"""The door of Terraform code: modules, providers, data sources, backends, exemptions, broken and hostile files."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from terraform_trees import (
    ACCOUNT,
    MODULE,
    PROVIDER,
    REPLICATION,
    REPOSITORY,
    STANDBY,
    call,
    messages,
    named,
    of_type,
    property,
    reader,
    repositories,
    rules,
    status,
)

from scanner.config import IacMapping
from scanner.guarded import plain
from scanner.model import Unknown
from scanner.parsers import parse
from scanner.parsers.terraform import modules, walk


@pytest.fixture
def read(tmp_path, monkeypatch):
    return reader(tmp_path, monkeypatch)


# Modules.


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("", ["web"]),
        ('name = "api"', ["api"]),
        ("name = null", [None]),
        ('for_each = toset(["a", "b"])\n name = each.key', ["a", "b"]),
        ('count = 2\n name = "n${count.index}"', ["n0", "n1"]),
        ("count = 0", []),
    ],
)
def test_calls_of_modules(read, arguments, names):
    assert named(read({"main.tf": PROVIDER + call(arguments=arguments), "m/main.tf": MODULE})) == names


def test_a_call_whose_count_is_not_known_leaves_a_gap_for_what_is_in_it(read):
    text = (
        'variable "n" {}\n' + PROVIDER + STANDBY + call(arguments="count = var.n\n providers = { aws = aws.standby }")
    )
    parsed = read({"main.tf": text, "m/main.tf": MODULE})
    assert repositories(parsed) == []
    (gap,) = parsed.gaps
    assert (gap.type, gap.region, gap.path) == ("AWS::ECR::Repository", "us-west-2", "main.tf")


def test_outputs_go_through_modules_and_resources(read):
    outer = (
        call("inner", "name = var.name", "../inner")
        + 'variable "name" {}\noutput "url" {\n value = module.inner.url\n}\n'
    )
    text = PROVIDER + call("outer", 'for_each = toset(["x"])\n name = each.key', "./outer")
    text += """
resource "aws_ecs_task_definition" "t" {
  family                = "t"
  container_definitions = jsonencode([for o in values(module.outer) : { name = "t", image = "${o.url}:1" }])
}
"""
    parsed = read({"main.tf": text, "outer/main.tf": outer, "inner/main.tf": MODULE})
    (container,) = property(parsed, "AWS::ECS::TaskDefinition", "ContainerDefinitions")
    assert container["Image"] == f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/x:1"


def test_findings_say_through_which_calls_they_were_reached(read):
    outer = 'module "inner" {\n source = "../inner"\n}\n'
    parsed = read({"main.tf": PROVIDER + call("outer", "", "./outer"), "outer/main.tf": outer, "inner/main.tf": MODULE})
    (one,) = of_type(parsed, "AWS::ECR::Repository")
    where = one.locations["/RepositoryName"]
    assert str(where) == "inner/main.tf:5:3"
    assert [str(each) for each in where.through] == ["main.tf:5:1", "outer/main.tf:1:1"]


@pytest.mark.parametrize("source", ["./m", "./m/../m", ".//m"])
def test_relative_sources(read, source):
    assert named(read({"main.tf": PROVIDER + call(source=source), "m/main.tf": MODULE})) == ["web"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("./nowhere", "module './nowhere' is not among the scanned files"),
        ("../outside", "module '../outside' is not among the scanned files"),
        ("acme/thing/aws", "module 'acme/thing/aws' is not in .terraform/modules"),
        ("git::https://example.com/x.git", "module 'git::https://example.com/x.git' is not in .terraform/modules"),
        ("./a", "module './a' calls itself"),
    ],
)
def test_a_module_that_is_not_there_may_declare_anything(read, source, reason):
    files = {
        "main.tf": PROVIDER + call("x", 'name = "web"', source),
        "a/main.tf": call("y", "", "../b"),
        "b/main.tf": call("z", "", "../a"),
    }
    parsed = read(files)
    gaps = [gap for gap in parsed.gaps if reason in gap.message or source == "./a"]
    assert [(gap.type, gap.account, gap.region) for gap in gaps] == [(None, ACCOUNT, "us-east-1")]
    assert "partial" in status(parsed).values()


def test_a_module_that_terraform_has_installed_is_read(read):
    listed = {
        "Modules": [
            {"Key": "", "Source": "", "Dir": "."},
            {"Key": "m", "Source": "acme/m/aws", "Dir": ".terraform/modules/m"},
        ]
    }
    files = {
        "infra/main.tf": PROVIDER + call(source="acme/m/aws"),
        "infra/.terraform/modules/modules.json": json.dumps(listed),
        "infra/.terraform/modules/m/main.tf": MODULE,
    }
    assert named(read(files)) == ["web"]


@pytest.mark.parametrize(
    "listed",
    [
        "",
        "{",
        "[]",
        '{"Modules": 1}',
        '{"Modules": [{"Key": "m", "Dir": "../.."}]}',
        '{"Modules": [{"Key": "m", "Dir": "/etc"}]}',
    ],
)
def test_a_broken_list_of_installed_modules_installs_nothing(read, listed):
    parsed = read({"main.tf": PROVIDER + call(source="acme/m/aws"), ".terraform/modules/modules.json": listed})
    assert [gap.reason for gap in parsed.gaps] == ["Unresolved"]


def test_override_files_change_what_is_there(read):
    files = {
        "main.tf": PROVIDER
        + 'resource "aws_ecr_repository" "this" {\n name = "a"\n image_tag_mutability = "IMMUTABLE"\n}\n',
        "x_override.tf": REPOSITORY % '"b"' + 'provider "aws" {\n region = "eu-west-1"\n}\n',
    }
    parsed = read(files)
    assert repositories(parsed) == [("b", ACCOUNT, "eu-west-1")]
    assert property(parsed, "AWS::ECR::Repository", "ImageTagMutability") == "IMMUTABLE"


def test_the_json_syntax(read):
    code = {
        "//": "written by a tool",
        "provider": {"aws": [{"region": "us-east-1"}, {"alias": "standby", "region": "us-west-2"}]},
        "variable": {"name": {"default": "web"}},
        "resource": {
            "aws_ecr_repository": {
                "this": {
                    "name": "${var.name}",
                    "provider": "aws.standby",
                    "image_scanning_configuration": {"scan_on_push": True},
                }
            },
            "aws_ecr_replication_configuration": {
                "this": {
                    "replication_configuration": {
                        "dynamic": {
                            "rule": {
                                "for_each": ["eu-west-1"],
                                "content": {"destination": [{"region": "${rule.value}", "registry_id": "1"}]},
                            }
                        }
                    }
                }
            },
        },
    }
    parsed = read({"cdk.tf.json": json.dumps(code, indent=1)})
    assert repositories(parsed) == [("web", None, "us-west-2")]
    (repository,) = of_type(parsed, "AWS::ECR::Repository")
    assert plain(repository["ImageScanningConfiguration"]) == {"ScanOnPush": True}
    assert repository.locations["/RepositoryName"].line > 10
    (registry,) = [one for one in of_type(parsed, "AWS::ECR::Registry") if one.region == "us-east-1"]
    assert plain(registry["ReplicationConfiguration"])["Rules"][0]["Destinations"][0]["Region"] == "eu-west-1"


# Maps of known modules.


def test_a_module_of_the_registry_that_is_known_by_a_map(read):
    arguments = """
  for_each = toset(["web", "api"])
  repository_name = each.key
  repository_image_tag_mutability = "MUTABLE"
  create_registry_replication_configuration = each.key == "web"
  registry_replication_rules = [{
    destinations = [{ region = "us-west-2", registry_id = "111122223333" }]
  }]
"""
    parsed = read(PROVIDER + call("ecr", arguments, "terraform-aws-modules/ecr/aws"))
    assert named(parsed) == ["api", "web"]
    assert parsed.gaps == []
    one = of_type(parsed, "AWS::ECR::Repository")[0]
    assert one["ImageTagMutability"] == "MUTABLE"
    assert str(one.locations[""]) == "main.tf:5:1"
    assert str(one.locations["/ImageTagMutability"]) == "main.tf:10:3"
    assert rules(parsed)["Rules"][0]["Destinations"] == [{"Region": "us-west-2", "RegistryId": ACCOUNT}]


def test_an_input_that_a_map_does_not_know_leaves_its_resources_in_doubt(read):
    parsed = read(PROVIDER + call("ecr", 'repository_name = "a"\n surprise = true', "terraform-aws-modules/ecr/aws"))
    assert repositories(parsed) == []
    assert all("its input 'surprise'" in message for message in messages(parsed))
    assert "AWS::ECR::Repository" in {gap.type for gap in parsed.gaps}


@pytest.mark.parametrize(
    ("source", "arguments", "type", "name"),
    [
        ("terraform-aws-modules/ecs/aws//modules/cluster", 'cluster_name = "main"', "AWS::ECS::Cluster", "main"),
        ("terraform-aws-modules/ecs/aws", 'cluster_name = "main"', "AWS::ECS::Cluster", "main"),
        (
            "terraform-aws-modules/ecs/aws",
            'cluster_name = "main"\n services = { web = {} }',
            "AWS::ECS::Service",
            "main/web",
        ),
        (
            "terraform-aws-modules/eks/aws",
            'cluster_name = "main"\n cluster_version = "1.33"',
            "AWS::EKS::Cluster",
            "main",
        ),
        (
            "terraform-aws-modules/eks/aws",
            'name = "main"\n addons = { coredns = {} }',
            "AWS::EKS::Addon",
            "main/coredns",
        ),
        (
            "git::https://github.com/terraform-aws-modules/terraform-aws-eks.git?ref=v20.0.0",
            'cluster_name = "main"',
            "AWS::EKS::Cluster",
            "main",
        ),
        (
            "terraform-aws-modules/lambda/aws",
            'function_name = "f"\n package_type = "Image"\n image_uri = "x"',
            "AWS::Lambda::Function",
            "f",
        ),
        (
            "cloudposse/ecr/aws",
            'namespace = "eg"\n stage = "prod"\n name = "web"',
            "AWS::ECR::Repository",
            "eg-prod-web",
        ),
        ("cloudposse/ecr/aws", 'image_names = ["a/b"]', "AWS::ECR::Repository", "a/b"),
    ],
)
def test_what_maps_of_modules_declare(read, source, arguments, type, name):
    parsed = read(PROVIDER + call("x", arguments, source))
    assert [one.name for one in of_type(parsed, type)] == [name]
    assert None not in {gap.type for gap in parsed.gaps}


def test_containers_of_the_service_module_in_both_spellings(read):
    arguments = """
  name        = "web"
  cluster_arn = "arn:aws:ecs:us-east-1:111122223333:cluster/main"
  container_definitions = {
    old = { image = "old:1", readonly_root_filesystem = false }
    new = { image = "new:1", readonlyRootFilesystem = true, user = "1000" }
  }
"""
    parsed = read(PROVIDER + call("web", arguments, "terraform-aws-modules/ecs/aws//modules/service"))
    containers = property(parsed, "AWS::ECS::TaskDefinition", "ContainerDefinitions")
    assert [(c["Name"], c["Image"], c["ReadonlyRootFilesystem"]) for c in containers] == [
        ("new", "new:1", True),
        ("old", "old:1", False),
    ]
    assert "ignore_changes" in property(parsed, "AWS::ECS::Service", "DesiredCount")["unknown"]
    assert {gap.type for gap in parsed.gaps} == {"AWS::IAM::Role"}


def test_load_balancers_and_volumes_of_the_service_module(read):
    arguments = """
  name          = "web"
  load_balancer = { one = { target_group_arn = "arn", container_name = "web", container_port = 80 } }
  volume        = { data = { efs_volume_configuration = { file_system_id = "fs-1" } } }
"""
    parsed = read(PROVIDER + call("web", arguments, "terraform-aws-modules/ecs/aws//modules/service"))
    (balancer,) = property(parsed, "AWS::ECS::Service", "LoadBalancers")
    assert (balancer["TargetGroupArn"], balancer["ContainerPort"]) == ("arn", 80)
    (volume,) = property(parsed, "AWS::ECS::TaskDefinition", "Volumes")
    assert (volume["Name"], volume["EFSVolumeConfiguration"]["FilesystemId"]) == ("data", "fs-1")


@pytest.mark.parametrize(
    ("arguments", "count"),
    [("", 1), ("encryption_config = null", 0), ("cluster_encryption_config = {}", 0)],
)
def test_whether_the_eks_module_encrypts_secrets(read, arguments, count):
    parsed = read(PROVIDER + call("eks", f'name = "x"\n {arguments}', "terraform-aws-modules/eks/aws"))
    (one,) = of_type(parsed, "AWS::EKS::Cluster")
    assert len(plain(one.properties).get("EncryptionConfig", [])) == count


def test_a_module_that_makes_nothing_of_interest_leaves_no_gap(read):
    assert read(PROVIDER + call("label", "", "cloudposse/label/null")).gaps == []


# Providers.


@pytest.mark.parametrize(
    ("provider", "resource", "place"),
    [
        (PROVIDER, "", (ACCOUNT, "us-east-1")),
        (PROVIDER + STANDBY, "provider = aws.standby", (ACCOUNT, "us-west-2")),
        (PROVIDER + STANDBY, 'region = "eu-west-1"', (ACCOUNT, "eu-west-1")),
        (PROVIDER + STANDBY, 'provider = aws.standby\n region = "eu-west-1"', (ACCOUNT, "eu-west-1")),
        (PROVIDER, "region = var.unset", (ACCOUNT, None)),
        (PROVIDER, "provider = aws.nowhere", (None, None)),
        ("", "", (None, None)),
        ('provider "aws" {}\n', "", (None, None)),
        ('provider "aws" {\n region = var.unset\n}\n', "", (None, None)),
        ('provider "aws" {\n region = "us-east-1"\n allowed_account_ids = ["1", "2"]\n}\n', "", (None, "us-east-1")),
        (
            PROVIDER.replace("allowed", 'assume_role {\n role_arn = "arn:aws:iam::444455556666:role/x"\n }\n allowed'),
            "",
            ("444455556666", "us-east-1"),
        ),
        (
            PROVIDER + STANDBY.replace("alias", 'profile = "other"\n alias'),
            "provider = aws.standby",
            (None, "us-west-2"),
        ),
        (
            PROVIDER + STANDBY.replace("alias", "assume_role {\n role_arn = var.unset\n }\n alias"),
            "provider = aws.standby",
            (None, "us-west-2"),
        ),
    ],
)
def test_the_place_of_a_resource(read, provider, resource, place):
    text = f'variable "unset" {{}}\n{provider}resource "aws_ecr_repository" "this" {{\n name = "a"\n {resource}\n}}\n'
    (found,) = repositories(read({"main.tf": text, "terraform.tfvars": ""}))
    assert found[1:] == place


@pytest.mark.parametrize(
    ("provider", "resource", "place"),
    [
        ('provider "aws" {}\n', "", ("444455556666", "eu-west-1")),
        ('provider "aws" {\n region = var.unset\n}\n', "", ("444455556666", "eu-west-1")),
        (PROVIDER, "", (ACCOUNT, "us-east-1")),  # what the code says for certain counts
        ('provider "aws" {}\n' + STANDBY, "provider = aws.standby", ("444455556666", "us-west-2")),
        (
            'provider "aws" {}\nprovider "aws" {\n alias = "x"\n region = var.unset\n}\n',
            "provider = aws.x",
            ("444455556666", None),
        ),
    ],
)
def test_what_the_configuration_says_of_the_place(read, provider, resource, place):
    text = f'variable "unset" {{}}\n{provider}resource "aws_ecr_repository" "this" {{\n name = "a"\n {resource}\n}}\n'
    (found,) = repositories(read(text, [IacMapping("main.tf", "444455556666", "eu-west-1")]))
    assert found[1:] == place


def test_a_root_module_may_be_deployed_to_several_places(read):
    iac = [IacMapping(".", ACCOUNT, "us-east-1"), IacMapping("main.tf", ACCOUNT, "us-west-2")]
    parsed = read(
        'provider "aws" {}\n' + REPOSITORY % '"a"',
        [one for one in iac if one.path != "."] + [IacMapping("main.tf", ACCOUNT, "us-east-1")],
    )
    assert repositories(parsed) == [("a", ACCOUNT, "us-east-1"), ("a", ACCOUNT, "us-west-2")]


@pytest.mark.parametrize(
    ("module", "arguments", "region"),
    [
        ("", "", "us-east-1"),
        ("", "providers = { aws = aws.standby }", "us-west-2"),
        ("", "providers = { aws = aws }", "us-east-1"),
        ("provider = aws.other", "providers = { aws.other = aws.standby }", "us-west-2"),
        ("", "providers = { aws.other = aws.standby }", "us-east-1"),
        ("provider = aws.other", "", None),
    ],
)
def test_providers_of_modules(read, module, arguments, region):
    inner = f'resource "aws_ecr_repository" "this" {{\n name = data.aws_region.here.region\n {module}\n}}\n'
    inner += 'data "aws_region" "here" {\n' + module + "\n}\n"
    parsed = read({"main.tf": PROVIDER + STANDBY + call(arguments=arguments), "m/main.tf": inner})
    (found,) = repositories(parsed)
    assert found[0] == found[2] == region


def test_providers_go_through_two_modules(read):
    outer = call("inner", "providers = { aws = aws.b }", "../inner")
    files = {
        "main.tf": PROVIDER + STANDBY + call("outer", "providers = { aws.b = aws.standby }", "./outer"),
        "outer/main.tf": outer
        + "terraform {\n required_providers {\n aws = {\n configuration_aliases = [aws.b]\n }\n }\n}\n",
        "inner/main.tf": REPOSITORY % '"a"',
    }
    assert repositories(read(files)) == [("a", ACCOUNT, "us-west-2")]


def test_the_region_of_a_destination_is_not_that_of_the_resource(read):
    text = REPLICATION % 'rule {\n destination {\n region = "us-west-2"\n registry_id = "1"\n}\n}\n'
    text = text.replace("replication_configuration {", 'region = "eu-west-1"\n replication_configuration {', 1)
    parsed = read(PROVIDER + text.replace('"aws_ecr_region', '"aws_ecr'))
    registries = {
        one.region: plain(one.properties)["ReplicationConfiguration"] for one in of_type(parsed, "AWS::ECR::Registry")
    }
    assert registries["eu-west-1"]["Rules"][0]["Destinations"][0]["Region"] == "us-west-2"
    assert "unknown" in registries["us-east-1"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("data.aws_caller_identity.this.account_id", ACCOUNT),
        ("data.aws_region.this.region", "us-east-1"),
        ("data.aws_region.this.name", "us-east-1"),
        ("data.aws_region.named.id", "eu-west-1"),
        ("data.aws_partition.this.dns_suffix", "amazonaws.com"),
        ("data.aws_ecr_repository.this.repository_url", f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/shared"),
        ("data.aws_ecr_repository.other.repository_url", "444455556666.dkr.ecr.us-east-1.amazonaws.com/shared"),
        ("data.terraform_remote_state.network.outputs.x", None),
        ("data.aws_ssm_parameter.x.value", None),
        ("nothing.at.all", None),
    ],
)
def test_data_sources(read, expression, value):
    text = """
data "aws_caller_identity" "this" {}
data "aws_region" "this" {}
data "aws_region" "named" {
  name = "eu-west-1"
}
data "aws_partition" "this" {}
data "aws_ecr_repository" "this" {
  name = "shared"
}
data "aws_ecr_repository" "other" {
  name = "shared"
  registry_id = "444455556666"
}
data "terraform_remote_state" "network" {
  backend = "s3"
}
data "aws_ssm_parameter" "x" {
  name = "/x"
}
"""
    parsed = read(PROVIDER + text + REPOSITORY % expression)
    (one,) = of_type(parsed, "AWS::ECR::Repository")
    found = dict(one.properties.raw())["RepositoryName"]
    assert found == value if value else isinstance(found, Unknown)


def test_ignored_changes_make_a_value_unknown(read):
    text = """
resource "aws_ecs_service" "web" {
  name            = "web"
  cluster         = "main"
  desired_count   = 2
  launch_type     = "FARGATE"
  lifecycle {
    ignore_changes = [desired_count]
  }
}
"""
    parsed = read(PROVIDER + text)
    assert "ignore_changes" in property(parsed, "AWS::ECS::Service", "DesiredCount")["unknown"]
    assert property(parsed, "AWS::ECS::Service", "LaunchType") == "FARGATE"
    parsed = read(PROVIDER + text.replace("[desired_count]", "all"))
    assert "ignore_changes" in property(parsed, "AWS::ECS::Service", "LaunchType")["unknown"]
    assert property(parsed, "AWS::ECS::Service", "ServiceName") == "web"


DEPLOYMENT = """
resource "kubernetes_deployment" "web" {
  metadata {
    name = "web"
  }
  spec {
    template {
      spec {
        container {
          image = "web:1"
        }
      }
    }
  }
}
"""


@pytest.mark.parametrize(
    ("provider", "region"),
    [
        ("", None),
        ("host = module.eks.cluster_endpoint", "us-west-2"),
        ('token = "${data.aws_eks_cluster_auth.x.token}"', "us-east-1"),
        ("host = aws_eks_cluster.west.endpoint", "us-west-2"),
        ("host = aws_eks_cluster.west.endpoint\n token = data.aws_eks_cluster_auth.x.token", None),
        ('exec {\n args = ["--cluster-name", module.eks.cluster_name]\n }', "us-west-2"),
    ],
)
def test_where_the_cluster_of_a_workload_is(read, provider, region):
    text = PROVIDER + STANDBY + DEPLOYMENT + f'provider "kubernetes" {{\n {provider}\n}}\n'
    text += 'data "aws_eks_cluster_auth" "x" {\n name = "x"\n}\n'
    text += 'resource "aws_eks_cluster" "west" {\n name = "west"\n provider = aws.standby\n}\n'
    text += call("eks", 'cluster_name = "x"\n providers = { aws = aws.standby }', "terraform-aws-modules/eks/aws")
    (one,) = of_type(read(text), "Kubernetes::Deployment")
    assert one.region == region


def test_the_cluster_of_a_workload_is_where_everything_is(read):
    (one,) = of_type(read({"main.tf": PROVIDER + call(), "m/main.tf": DEPLOYMENT}), "Kubernetes::Deployment")
    assert (one.account, one.region) == (ACCOUNT, "us-east-1")


# Backends.


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            'backend "s3" {\n bucket = "b"\n key = "k"\n region = "us-east-1"\n dynamodb_table = "t"\n}',
            {
                "Type": "s3",
                "Bucket": "b",
                "Key": "k",
                "Region": "us-east-1",
                "DynamoDBTable": "t",
                "UseLockfile": False,
            },
        ),
        ('backend "gcs" {\n bucket = "b"\n}', {"Type": "gcs", "Bucket": "b"}),
        ('cloud {\n hostname = "tf.example.com"\n}', {"Type": "cloud", "Address": "tf.example.com"}),
        ('backend "local" {}', {"Type": "local"}),
    ],
)
def test_backends(read, block, expected):
    (found,) = of_type(read(f"terraform {{\n{block}\n}}\n" + PROVIDER), "Terraform::Backend")
    assert {key: value for key, value in plain(found.properties).items() if key in expected} == expected
    assert found.locations[""].line == 2


def test_what_a_backend_leaves_to_the_command_line_is_unknown(read):
    (found,) = of_type(read('terraform {\n backend "s3" {}\n}\n' + PROVIDER), "Terraform::Backend")
    assert "unknown" in plain(found.properties)["Bucket"]
    assert found.name is None


# Exemptions, broken files, hostile input.


@pytest.mark.parametrize(
    ("above", "beside", "inside"),
    [("# regionproof:ignore=%s", "", ""), ("", "  # regionproof:ignore=%s", ""), ("", "", "  # regionproof:ignore=%s")],
)
def test_exemptions_in_comments(read, above, beside, inside):
    rule = "repository-exists-in-standby until=2027-03-01 reason=Goes away"
    above, beside, inside = (text % rule if text else "" for text in (above, beside, inside))
    parsed = read(f'{PROVIDER}\n{above}\nresource "aws_ecr_repository" "this" {{{beside}\n{inside}\n  name = "a"\n}}\n')
    (exemption,) = parsed.exemptions
    assert exemption.resource == "main.tf#aws_ecr_repository.this" + ("/name" if inside else "")
    (one,) = of_type(parsed, "AWS::ECR::Repository")
    assert exemption.span.holds(one.locations["/RepositoryName" if inside else ""])


def test_an_exemption_that_cannot_be_understood_is_said(read):
    parsed = read("# regionproof:ignore=x\n" + PROVIDER)
    assert status(parsed) == {"main.tf": "partial"}


def test_a_broken_file_is_a_gap_and_the_rest_is_read(read):
    parsed = read(
        {"main.tf": PROVIDER + REPOSITORY % '"a"', "b.tf": 'resource "aws_ecr_repository" "b" {\n  name = \n'}
    )
    assert named(parsed) == ["a"]
    assert status(parsed) == {"b.tf": "failed", "main.tf": "complete"}
    assert [(gap.reason, gap.path) for gap in parsed.gaps if gap.type is None] == [("ParseError", "b.tf")]


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        ('variable "v" {\n default = "a"\n type = }{\n}\n', "var.v"),
        ("locals {\n v = = 1\n}\n", 'try(local.v, "fallback")'),
        ("locals {\n v = = 1\n}\n", 'try(var.v, module.m.x, aws_kms_key.k, data.aws_region.r, "fallback")'),
    ],
)
def test_what_may_be_in_a_broken_part_is_unknown(read, broken, name):
    parsed = read({"main.tf": PROVIDER + REPOSITORY % name, "broken.tf": broken})
    assert isinstance(dict(of_type(parsed, "AWS::ECR::Repository")[0].properties.raw())["RepositoryName"], Unknown)


def test_a_block_of_which_a_part_could_not_be_read_may_say_more(read):
    broken = 'resource "aws_ecr_repository" "b" {\n  name = "b"\n  image_tag_mutability = = "IMMUTABLE"\n}\n'
    parsed = read({"main.tf": PROVIDER, "b.tf": broken})
    assert repositories(parsed) == []
    assert "AWS::ECR::Repository" in {gap.type for gap in parsed.gaps}
    parsed = read({"main.tf": PROVIDER + REPOSITORY % '"a"', "b.tf": "", "x_override.tf": "resource {{"})
    assert repositories(parsed) == []


def test_a_broken_file_of_an_example_hides_nothing_of_the_estate(read):
    parsed = read({"main.tf": PROVIDER, "examples/x/main.tf": "resource {{{"})
    assert parsed.gaps == []
    assert status(parsed) == {"examples/x/main.tf": "partial", "main.tf": "complete"}


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\x00", b"\0" * 100, b"", b"\xef\xbb\xbf" + PROVIDER.encode(), PROVIDER.replace("\n", "\r\n").encode()],
)
def test_odd_bytes(read, tmp_path, data):
    (tmp_path / "odd.tf").write_bytes(data)
    parsed = read({"main.tf": REPOSITORY % '"a"'})
    assert named(parsed) == ["a"]


def test_a_file_that_is_too_large_is_a_gap(read, monkeypatch):
    monkeypatch.setattr(modules, "MAX_BYTES", 1000)
    parsed = read({"main.tf": PROVIDER, "large.tf": "# " + "x" * 1000})
    assert status(parsed) == {"large.tf": "failed", "main.tf": "complete"}
    parsed = read(REPOSITORY % 'try(local.in_the_large_file, "a")' + PROVIDER)
    assert [name for name, _, _ in repositories(parsed)] == [None]


@pytest.mark.parametrize(("name", "text"), [("x.auto.tfvars", "a = = 1\n"), ("terraform.tfvars.json", "{")])
def test_a_broken_file_of_variables_is_a_gap(read, name, text):
    parsed = read({"main.tf": 'variable "a" {\n default = "x"\n}\n' + PROVIDER + REPOSITORY % "var.a", name: text})
    assert status(parsed) == {name: "failed", "main.tf": "complete"}
    assert [name for name, _, _ in repositories(parsed)] == [None]


def test_files_that_code_reads(read):
    text = REPOSITORY % 'templatefile("${path.module}/name.tpl", { n = jsondecode(file("${path.module}/n.json")).n })'
    files = {
        "infra/main.tf": PROVIDER + call(source="../m"),
        "m/main.tf": text,
        "m/name.tpl": "r-${n}",
        "m/n.json": '{"n": 1}',
    }
    assert named(read(files)) == ["r-1"]
    before = read(files).sha256
    assert before != read({**files, "m/n.json": '{"n": 1 }'}).sha256


def test_terragrunt_is_a_gap(read):
    parsed = read({"live/terragrunt.hcl": 'terraform {\n source = "../modules/x"\n}\n', "modules/x/main.tf": MODULE})
    assert [gap.path for gap in parsed.gaps] == ["live/terragrunt.hcl"]
    assert status(parsed) == {"live/terragrunt.hcl": "partial", "modules/x/main.tf": "partial"}


def test_symbolic_links_are_not_followed(read, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "main.tf").write_text(MODULE)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "m").symlink_to(tmp_path / "out")
    parsed = read({"in/main.tf": PROVIDER + call()}, at="in")
    assert repositories(parsed) == []
    assert "not among the scanned files" in messages(parsed)[0]


def test_a_long_chain_of_locals_ends(read):
    chain = "".join(f"  l{n} = local.l{n + 1}\n" for n in range(3000))
    parsed = read(PROVIDER + f'locals {{\n{chain}  l3000 = "a"\n}}\n' + REPOSITORY % "local.l0")
    assert len(repositories(parsed)) == 1


def test_modules_without_resources_do_not_multiply_without_end(read, monkeypatch):
    monkeypatch.setattr(walk, "MOST", 500)
    files = {f"m{n}/main.tf": call("n", "count = 10000", f"../m{n + 1}") for n in range(3)}
    parsed = read(
        {"main.tf": PROVIDER + call("n", "", "./m0"), **files, "m3/main.tf": call("x", "", "../m4"), "m4/main.tf": ""}
    )
    assert any("more than 500 resources and modules" in message for message in messages(parsed))


def test_what_takes_too_long_together_is_unknown(read, monkeypatch):
    monkeypatch.setattr(walk, "STEPS", 20_000)
    name = '"${count.index}${join("", [for n in range(1000) : ""])}"'
    text = f'resource "aws_ecr_repository" "this" {{\n count = 100\n name = {name}\n}}\n'
    found = repositories(read(PROVIDER + text))
    assert len(found) == 100
    assert 0 < sum(name is not None for name, _, _ in found) < 20


def test_dynamic_blocks_do_not_multiply_without_end(read):
    over = 'split(",", "%s")' % ("x," * 3000)
    inner = f'dynamic "destination" {{\n for_each = {over}\n content {{\n region = "us-west-2"\n }}\n }}\n'
    parsed = read(PROVIDER + REPLICATION % f'dynamic "rule" {{\n for_each = {over}\n content {{\n {inner} }}\n }}\n')
    (registry,) = [one for one in of_type(parsed, "AWS::ECR::Registry") if one.region == "us-east-1"]
    assert "blocks and arguments are made" in json.dumps(plain(registry.properties))


def test_modules_that_nest_without_end_stop(read):
    files = {f"m{n}/main.tf": call("n", "", f"../m{n + 1}") for n in range(40)}
    parsed = read({"main.tf": PROVIDER + call("n", "", "./m0"), **files, "m40/main.tf": MODULE})
    assert [gap.type for gap in parsed.gaps] == [None]


WORDS = """a|var.x|local.x|local.y|module.m|module.m.out|each.key|count.index|aws_ecr_repository.r|1|null|"x"|[local.x]
{ a = var.x }|toset([local.y])|aws_ecr_repository.r[0].arn|data.aws_region.r.region|-1|true
module.m[*].out|var[{}]|module[local.x]"""
NAMES = ["count", "for_each", "name", "provider", "providers", "region", "source", "default", "value"]
HEADERS = """resource "aws_ecr_repository" "r"|resource "aws_ecr_replication_configuration" "r"
module "m"|provider "aws"|locals|variable "x"|terraform|output "out"|data "aws_region" "r"
dynamic "rule"|lifecycle|moved|removed|import
backend "s3"|resource|provider"""


def one_of(words):
    return st.sampled_from(words.replace("\n", "|").split("|"))


BODIES = st.dictionaries(st.sampled_from(NAMES), one_of(WORDS), max_size=4)


@st.composite
def blocks(draw, depth=2):
    lines = [f"{name} = {word}" for name, word in draw(BODIES).items()]
    if draw(st.booleans()):
        lines.append('source = "./m"')
    lines += draw(st.lists(blocks(depth - 1), max_size=2)) if depth else []
    return draw(one_of(HEADERS)) + " {\n" + "\n".join(lines) + "\n}"


@given(st.lists(blocks(), max_size=5), st.lists(blocks(), max_size=4))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_nothing_that_is_written_makes_it_fail(tmp_path_factory, root, module):
    at = tmp_path_factory.mktemp("tree")
    (at / "m").mkdir()
    (at / "main.tf").write_text("\n".join(root))
    (at / "m" / "main.tf").write_text("\n".join(module))
    parsed = parse(at, lambda _: [])
    assert len(parsed.files) == 2
