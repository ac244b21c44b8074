"""The door of Terraform code: root modules, environments, modules, providers, instances, and what stays unknown."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.config import Config, IacMapping, pair
from scanner.finding import Status
from scanner.guarded import plain
from scanner.model import Unknown
from scanner.parsers import parse
from scanner.parsers.terraform import walk
from scanner.rule import load_rules
from scanner.scan import scan

ACCOUNT = "111122223333"
PROVIDER = f'provider "aws" {{\n  region = "us-east-1"\n  allowed_account_ids = ["{ACCOUNT}"]\n}}\n'
STANDBY = 'provider "aws" {\n  alias = "standby"\n  region = "us-west-2"\n}\n'
REPOSITORY = 'resource "aws_ecr_repository" "this" {\n  name = %s\n}\n'


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return a function that parses a tree of files, given by their texts, as `regionproof scan .` does."""
    monkeypatch.chdir(tmp_path)

    def read(files, iac=(), at="."):
        for name, text in ({"main.tf": files} if isinstance(files, str) else files).items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        config = Config(iac=tuple(iac))
        return parse(Path(at), config.places, config.deployments)

    return read


def of_type(parsed, type):
    return [one for one in parsed.resources if one.type == type]


def repositories(parsed):
    """Return (name, account, Region) of the repositories."""
    return sorted(((r.name, r.account, r.region) for r in of_type(parsed, "AWS::ECR::Repository")), key=str)


def named(parsed):
    return sorted(name for name, _, _ in repositories(parsed))


def status(parsed):
    return {path: status for path, status, _ in parsed.files}


def messages(parsed):
    return [gap.message for gap in parsed.gaps]


def property(parsed, type, name):
    (one,) = of_type(parsed, type)
    return plain(dict(one.properties.raw())[name])


def unknown(text):
    return {"unknown": text}


# Instances.


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ('name = "web"', ["web"]),
        ('count = 2\n name = "web-${count.index}"', ["web-0", "web-1"]),
        ('count = 0\n name = "web"', []),
        ('count = "1"\n name = "web"', ["web"]),
        ('for_each = toset(["a", "b"])\n name = each.value', ["a", "b"]),
        ('for_each = { a = "x", b = "y" }\n name = "${each.key}-${each.value}"', ["a-x", "b-y"]),
        ("for_each = {}\n name = each.key", []),
        ('for_each = { for n in ["a", "b"] : n => n if n != "b" }\n name = each.key', ["a"]),
    ],
)
def test_instances(read, arguments, names):
    parsed = read(PROVIDER + f'resource "aws_ecr_repository" "this" {{\n{arguments}\n}}\n')
    assert named(parsed) == names
    assert parsed.gaps == []
    assert status(parsed) == {"main.tf": "complete"}


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("count = var.n", "its count is not known: var.n has no default, and no tfvars sets it"),
        ("for_each = var.n", "its for_each is not known: var.n has no default, and no tfvars sets it"),
        ("count = 1000000000", "its count is 1000000000; up to 10000 are looked at"),
        ("count = -1", "its count is not a number"),
        ("count = local.self", "its count is not known: local.self refers to itself"),
        ("for_each = null", "its for_each is neither a map nor a set"),
    ],
)
def test_how_many_there_are_is_not_known(read, argument, reason):
    text = f'variable "n" {{}}\nlocals {{\n self = local.self\n}}\nresource "aws_ecr_repository" "this" {{\n {argument}\n name = "a"\n}}\n'
    parsed = read(PROVIDER + text)
    assert repositories(parsed) == []  # neither dropped, nor one
    (gap,) = parsed.gaps
    assert (gap.reason, gap.type, gap.account, gap.region) == (
        "Unresolved",
        "AWS::ECR::Repository",
        ACCOUNT,
        "us-east-1",
    )
    assert reason in gap.message
    assert gap.message.startswith("main.tf:9: ")
    assert status(parsed) == {"main.tf": "partial"}


def test_keys_that_are_known_are_there_beside_one_that_is_not(read):
    text = 'variable "n" {}\nresource "aws_ecr_repository" "this" {\n for_each = toset(["a", var.n])\n name = each.value\n}\n'
    parsed = read(PROVIDER + text)
    assert named(parsed) in ([], ["a"])
    assert [gap.type for gap in parsed.gaps] == ["AWS::ECR::Repository"]


MANY = 'resource "aws_ecr_repository" "this" {\n for_each = toset(split(",", "%s"))\n name = each.value\n}\n'


def test_ten_thousand_instances_and_no_more(read):
    keys = [f"r{n}" for n in range(10_001)]
    assert len(repositories(read(PROVIDER + MANY % ",".join(keys[1:])))) == 10_000
    parsed = read(PROVIDER + MANY % ",".join(keys))
    assert repositories(parsed) == []
    assert "its for_each has 10001 keys; up to 10000 are looked at" in messages(parsed)[0]


def test_modules_in_modules_do_not_multiply_without_end(read, monkeypatch):
    monkeypatch.setattr(walk, "MOST", 500)
    repository = 'resource "aws_ecr_repository" "this" {\n count = 10000\n name = "r-${count.index}"\n}\n'
    call = 'module "m" {\n source = "./m"\n count = 10000\n}\n'
    parsed = read({"main.tf": PROVIDER + call, "m/main.tf": repository})
    assert any("more than 500 resources" in message for message in messages(parsed))


# Dynamic blocks.

REPLICATION = 'resource "aws_ecr_replication_configuration" "this" {\n replication_configuration {\n%s\n }\n}\n'
NESTED = """
dynamic "rule" {
  for_each = [{ to = ["us-west-2", "eu-west-1"], prefixes = ["prod/"] }]
  content {
    dynamic "destination" {
      for_each = rule.value.to
      content {
        region      = destination.value
        registry_id = "111122223333"
      }
    }
    dynamic "repository_filter" {
      for_each = rule.value.prefixes
      iterator = prefix
      content {
        filter      = prefix.value
        filter_type = "PREFIX_MATCH"
      }
    }
  }
}
"""


def rules(parsed):
    (registry,) = [one for one in of_type(parsed, "AWS::ECR::Registry") if one.region == "us-east-1"]
    return plain(dict(registry.properties.raw())["ReplicationConfiguration"])


def test_nested_dynamic_blocks_over_literal_lists(read):
    parsed = read(PROVIDER + REPLICATION % NESTED)
    assert rules(parsed) == {
        "Rules": [
            {
                "Destinations": [
                    {"Region": "us-west-2", "RegistryId": ACCOUNT},
                    {"Region": "eu-west-1", "RegistryId": ACCOUNT},
                ],
                "RepositoryFilters": [{"Filter": "prod/", "FilterType": "PREFIX_MATCH"}],
            }
        ]
    }
    (registry,) = [one for one in of_type(parsed, "AWS::ECR::Registry") if one.region == "us-east-1"]
    second = registry.locations["/ReplicationConfiguration/Rules/0/Destinations/1/Region"]
    assert (second.line, second.column) == (14, 9)


@pytest.mark.parametrize("inner", ["{}", "[]", "toset([])"])
def test_a_dynamic_block_over_nothing_is_not_there(read, inner):
    parsed = read(PROVIDER + REPLICATION % f'dynamic "rule" {{\n for_each = {inner}\n content {{}}\n}}\n')
    assert rules(parsed) == {"Rules": []}


def test_a_dynamic_block_over_something_unknown_is_unknown(read):
    text = NESTED.replace('["us-west-2", "eu-west-1"]', "var.to")
    parsed = read('variable "to" {}\n' + PROVIDER + REPLICATION % text)
    (rule,) = rules(parsed)["Rules"]
    assert "var.to has no default, and no tfvars sets it" in rule["Destinations"]["unknown"]
    assert rule["RepositoryFilters"] == [{"Filter": "prod/", "FilterType": "PREFIX_MATCH"}]


def test_one_unknown_inside_jsonencode_does_not_hide_the_rest(read):
    text = """variable "tag" {}
resource "aws_ecs_task_definition" "web" {
  family                = "web"
  container_definitions = jsonencode([
    { name = "proxy", image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/proxy:1" },
    { name = "web", image = "web:${var.tag}" },
  ])
}
"""
    first, second = property(read(PROVIDER + text), "AWS::ECS::TaskDefinition", "ContainerDefinitions")
    assert first["Image"] == "111122223333.dkr.ecr.us-east-1.amazonaws.com/proxy:1"
    assert second["Name"] == "web"
    assert "var.tag" in second["Image"]["unknown"]


# Variables and environments.


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ('variable "v" {\n default = "web"\n}', "var.v"),
        ('variable "v" {\n default = { name = "web" }\n}', "var.v.name"),
        (
            'variable "v" {\n type = object({ name = optional(string, "web"), tag = optional(string) })\n default = {}\n}',
            "var.v.name",
        ),
        (
            'variable "v" {\n type = map(object({ name = optional(string, "web") }))\n default = { a = {} }\n}',
            'var.v["a"].name',
        ),
        ('variable "v" {\n type = list(string)\n default = ["web"]\n}', "var.v[0]"),
        ('variable "v" {\n type = string\n default = "web"\n nullable = false\n}', "var.v"),
        ('locals {\n a = "w"\n b = "${local.a}eb"\n}', "local.b"),
    ],
)
def test_values_of_variables_and_locals(read, variable, name):
    assert named(read(PROVIDER + variable + "\n" + REPOSITORY % name)) == ["web"]


def test_a_sensitive_variable_is_never_shown(read):
    text = 'variable "v" {\n default = "hunter2"\n sensitive = true\n}\n'
    parsed = read(PROVIDER + text + REPOSITORY % "var.v")
    assert property(parsed, "AWS::ECR::Repository", "RepositoryName") == unknown(
        "var.v is sensitive, so its value is not used"
    )


def test_files_of_variables_that_apply_always(read):
    parsed = read(
        {
            "main.tf": PROVIDER
            + 'variable "a" {}\nvariable "b" {}\nvariable "c" {}\n'
            + REPOSITORY % '"${var.a}${var.b}${var.c}"',
            "terraform.tfvars": 'a = "1"\nb = "1"\nc = "1"\nother = "not declared"\n',
            "terraform.tfvars.json": '{"b": "2", "c": "2"}',
            "x.auto.tfvars": 'c = "3"\n',
        }
    )
    assert named(parsed) == ["123"]
    assert set(status(parsed).values()) == {"complete"}


ENVIRONMENTS = {
    "main.tf": 'variable "region" {}\nvariable "standby" {\n default = false\n}\n'
    + 'provider "aws" {\n region = var.region\n}\n'
    + 'resource "aws_ecr_repository" "this" {\n count = var.standby ? 0 : 1\n name = "web"\n}\n'
}


def test_each_file_of_variables_is_an_environment(read):
    files = {
        "env/east.tfvars": 'region = "us-east-1"\n',
        "env/west/terraform.tfvars": 'region = "us-west-2"\nstandby = true\n',
    }
    parsed = read({**ENVIRONMENTS, **files})
    assert repositories(parsed) == [("web", None, "us-east-1")]
    assert [one.id for one in of_type(parsed, "AWS::ECR::Repository")] == [
        "main.tf#aws_ecr_repository.this[0]@env/east.tfvars"
    ]


def test_each_environment_has_its_own_verdicts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = """variable "name" {}
provider "aws" {
  region              = "us-east-1"
  allowed_account_ids = ["111122223333"]
}
provider "aws" {
  alias  = "standby"
  region = "us-west-2"
}
resource "aws_ecr_repository" "this" {
  name = var.name
}
resource "aws_ecr_repository" "standby" {
  provider = aws.standby
  count    = var.name == "prod" ? 1 : 0
  name     = var.name
}
"""
    Path("main.tf").write_text(text)
    for name in ("prod", "dev"):
        Path(f"{name}.tfvars").write_text(f'name = "{name}"\n')
    pairs = (pair({"primary": "us-east-1", "standby": "us-west-2"}),)
    rules = [rule for rule in load_rules() if rule.id == "repository-exists-in-standby"]
    report = scan([Path()], rules, Config(pairs=pairs), datetime(2026, 11, 20, tzinfo=UTC))
    found = {f.resource.name: f.status for f in report.findings if f.resource.region == "us-east-1"}
    assert found == {"prod": Status.PASS, "dev": Status.FAIL}


def test_what_the_configuration_says_of_environments(read):
    files = {**ENVIRONMENTS, "east.tfvars": 'region = "us-east-1"\n', "only.tfvars": 'region = "us-east-2"\n'}
    files["main.tf"] = files["main.tf"].replace('"web"', '"web-${terraform.workspace}"')
    iac = [
        IacMapping("main.tf", ACCOUNT, None, ("east.tfvars",), "blue"),
        IacMapping("main.tf", None, "eu-west-1", (), "green"),
    ]
    parsed = read(files, iac)
    assert repositories(parsed) == [("web-blue", ACCOUNT, "us-east-1"), ("web-green", None, "eu-west-1")]


def test_the_workspace_is_not_known(read):
    parsed = read(PROVIDER + REPOSITORY % "terraform.workspace")
    assert "declare it under 'iac:'" in property(parsed, "AWS::ECR::Repository", "RepositoryName")["unknown"]


def test_a_file_of_variables_that_nobody_takes_is_named(read):
    parsed = read({"a/main.tf": PROVIDER, "b/main.tf": PROVIDER, "env/prod.tfvars": 'x = "y"\n'})
    (message,) = [text for path, _, text in parsed.files if path == "env/prod.tfvars"]
    assert "name it in var_files" in message


# Which modules are estates.


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"main.tf": PROVIDER + REPOSITORY % '"a"'}, ["a"]),
        ({"main.tf": REPOSITORY % '"a"'}, ["a"]),
        ({"main.tf": 'variable "n" {}\n' + REPOSITORY % '"a"'}, []),
        ({"main.tf": 'variable "n" {}\n' + REPOSITORY % '"a"', "terraform.tfvars": 'n = "a"\n'}, ["a"]),
        ({"main.tf": 'terraform {\n backend "s3" {}\n}\nvariable "n" {}\n' + REPOSITORY % '"a"'}, ["a"]),
        ({"modules/x/main.tf": REPOSITORY % '"a"'}, []),
        ({"examples/x/main.tf": PROVIDER + REPOSITORY % '"a"'}, []),
        ({"tests/x/main.tf": PROVIDER + REPOSITORY % '"a"', "tests/x/terraform.tfvars": ""}, []),
        ({"envs/test/main.tf": "terraform {\n cloud {}\n}\n" + PROVIDER + REPOSITORY % '"a"'}, ["a"]),
        ({"main.tf": 'module "x" {\n source = "./x"\n}\n', "x/main.tf": PROVIDER + REPOSITORY % '"a"'}, ["a"]),
        ({"main.tf": PROVIDER + REPOSITORY % '"a"', "x.tf": 'module "self" {\n source = "./"\n}\n'}, ["a"]),
    ],
)
def test_which_modules_are_estates(read, files, names):
    assert named(read(files)) == names


def test_an_example_is_an_estate_for_whoever_asks_for_it(read):
    assert named(read({"examples/x/main.tf": PROVIDER + REPOSITORY % '"a"'}, at="examples/x")) == ["a"]


def test_files_that_are_no_estate_say_so_and_leave_nothing_open(read):
    files = {"examples/x/main.tf": PROVIDER, "modules/y/main.tf": REPOSITORY % '"a"', "main.tf": PROVIDER}
    parsed = read(files)
    assert parsed.gaps == []
    assert parsed.files == [
        ("examples/x/main.tf", "complete", "not an estate: it is under 'examples' and has no backend"),
        ("main.tf", "complete", ""),
        ("modules/y/main.tf", "complete", "a module that nothing here calls"),
    ]


def test_two_root_modules_call_one_module(read):
    module = 'variable "name" {}\n' + 'resource "aws_ecs_task_definition" "this" {\n family = var.name\n}\n'
    root = PROVIDER + 'module "m" {\n source = "../m"\n name = "%s"\n}\n'
    parsed = read({"m/main.tf": module, "a/main.tf": root % "a", "b/main.tf": root % "b"})
    assert sorted((one.id, one.name) for one in of_type(parsed, "AWS::ECS::TaskDefinition")) == [
        ("a/main.tf#module.m.aws_ecs_task_definition.this", "a"),
        ("b/main.tf#module.m.aws_ecs_task_definition.this", "b"),
    ]


# Modules.


def call(name="m", arguments="", source="./m"):
    return f'module "{name}" {{\n source = "{source}"\n{arguments}\n}}\n'


MODULE = (
    'variable "name" {\n default = "web"\n}\n'
    + REPOSITORY % "var.name"
    + 'output "url" {\n value = aws_ecr_repository.this.repository_url\n}\n'
)


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
    text += 'resource "aws_ecs_task_definition" "t" {\n family = "t"\n container_definitions = jsonencode([for o in values(module.outer) : { name = "t", image = "${o.url}:1" }])\n}\n'
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
        "x_override.tf": 'resource "aws_ecr_repository" "this" {\n name = "b"\n}\nprovider "aws" {\n region = "eu-west-1"\n}\n',
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
            'provider "aws" {\n region = "us-east-1"\n assume_role {\n role_arn = "arn:aws:iam::444455556666:role/x"\n}\n}\n',
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


def test_modules_that_nest_without_end_stop(read):
    files = {f"m{n}/main.tf": call("n", "", f"../m{n + 1}") for n in range(40)}
    parsed = read({"main.tf": PROVIDER + call("n", "", "./m0"), **files, "m40/main.tf": MODULE})
    assert [gap.type for gap in parsed.gaps] == [None]


WORDS = st.sampled_from(
    [
        "a",
        "var.x",
        "local.x",
        "local.y",
        "module.m",
        "module.m.out",
        "each.key",
        "count.index",
        "aws_ecr_repository.r",
        "1",
        "null",
        '"x"',
    ]
    + [
        "[local.x]",
        "{ a = var.x }",
        "toset([local.y])",
        "aws_ecr_repository.r[0].arn",
        "data.aws_region.r.region",
        "-1",
        "true",
        "module.m[*].out",
    ]
)
BODIES = st.lists(
    st.tuples(
        st.sampled_from(["count", "for_each", "name", "provider", "providers", "region", "source", "default", "value"]),
        WORDS,
    ),
    max_size=4,
)
HEADERS = st.sampled_from(
    [
        'resource "aws_ecr_repository" "r"',
        'resource "aws_ecr_replication_configuration" "r"',
        'module "m"',
        'provider "aws"',
        'variable "x"',
        "locals",
        "terraform",
    ]
    + [
        'output "out"',
        'data "aws_region" "r"',
        'dynamic "rule"',
        "lifecycle",
        "moved",
        "removed",
        "import",
        'backend "s3"',
        "resource",
        "provider",
    ]
)


@st.composite
def blocks(draw, depth=2):
    lines = [f"{name} = {word}" for name, word in dict(draw(BODIES)).items()]
    if draw(st.booleans()):
        lines.append('source = "./m"')
    lines += draw(st.lists(blocks(depth - 1), max_size=2)) if depth else []
    return draw(HEADERS) + " {\n" + "\n".join(lines) + "\n}"


@given(st.lists(blocks(), max_size=5), st.lists(blocks(), max_size=4))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_nothing_that_is_written_makes_it_fail(tmp_path_factory, root, module):
    at = tmp_path_factory.mktemp("tree")
    (at / "m").mkdir()
    (at / "main.tf").write_text("\n".join(root))
    (at / "m" / "main.tf").write_text("\n".join(module))
    parsed = parse(at, lambda _: [])
    assert len(parsed.files) == 2
