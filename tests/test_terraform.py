"""The door of Terraform code: instances, blocks, variables, environments, and which modules are estates."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from terraform_trees import (
    ACCOUNT,
    PROVIDER,
    REPLICATION,
    REPOSITORY,
    call,
    messages,
    named,
    of_type,
    property,
    reader,
    repositories,
    rules,
    status,
    unknown,
)

from scanner.config import Config, IacMapping, pair
from scanner.finding import Status
from scanner.parsers.terraform import instances, walk
from scanner.rule import load_rules
from scanner.scan import scan


@pytest.fixture
def read(tmp_path, monkeypatch):
    return reader(tmp_path, monkeypatch)


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
    text = 'variable "n" {}\nlocals {\n self = local.self\n}\n'
    text += f'resource "aws_ecr_repository" "this" {{\n {argument}\n name = "a"\n}}\n'
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


def test_a_key_that_is_not_known_hides_how_many_there_are(read):
    text = 'variable "n" {}\nresource "aws_ecr_repository" "this" {\n for_each = %s\n name = each.key\n}\n'
    for keys in ('toset(["a", var.n])', "{ a = 1, (var.n) = 2 }"):
        parsed = read(PROVIDER + text % keys)
        assert repositories(parsed) == []
        assert [gap.type for gap in parsed.gaps] == ["AWS::ECR::Repository"]
    assert named(read(PROVIDER + text % "{ a = var.n }")) == ["a"]  # what is not known is no key


MANY = 'resource "aws_ecr_repository" "this" {\n for_each = toset(split(",", "%s"))\n name = each.value\n}\n'


def test_many_instances_and_no_more(read, monkeypatch):
    assert instances.MOST == 10_000
    monkeypatch.setattr(instances, "MOST", 200)
    keys = [f"r{n}" for n in range(201)]
    assert len(repositories(read(PROVIDER + MANY % ",".join(keys[1:])))) == 200
    parsed = read(PROVIDER + MANY % ",".join(keys))
    assert repositories(parsed) == []
    assert "its for_each has 201 keys; up to 200 are looked at" in messages(parsed)[0]


def test_modules_in_modules_do_not_multiply_without_end(read, monkeypatch):
    monkeypatch.setattr(walk, "MOST", 500)
    repository = 'resource "aws_ecr_repository" "this" {\n count = 10000\n name = "r-${count.index}"\n}\n'
    call = 'module "m" {\n source = "./m"\n count = 10000\n}\n'
    parsed = read({"main.tf": PROVIDER + call, "m/main.tf": repository})
    assert any("more than 500 resources" in message for message in messages(parsed))


@pytest.mark.parametrize("key", ["{}", "[]", "true", "null", "1.5", '"x"', "{ a = 1 }", "7"])
@pytest.mark.parametrize("of", ["var", "local", "module", "module.m", "aws_ecr_repository.other", "data.aws_region"])
def test_a_key_of_any_kind_names_nothing(read, of, key):
    text = PROVIDER + call() + 'data "aws_region" "r" {}\nlocals {\n a = 1\n}\n'
    text += 'resource "aws_ecr_repository" "other" {\n count = 2\n name = "other-${count.index}"\n}\n'
    parsed = read({"main.tf": text + REPOSITORY % f'try({of}[{key}], "none")', "m/main.tf": ""})
    assert named(parsed) == ["none", "other-0", "other-1"]


# Dynamic blocks.

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
            'variable "v" {\n type = object({ name = optional(string, "web"), t = optional(any) })\n default = {}\n}',
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


def test_a_sensitive_output_is_never_shown(read):
    module = 'output "v" {\n value = "hunter2"\n sensitive = true\n}\n'
    parsed = read({"main.tf": PROVIDER + REPOSITORY % "module.m.v" + call(), "m/main.tf": module})
    assert "is sensitive" in property(parsed, "AWS::ECR::Repository", "RepositoryName")["unknown"]


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
        IacMapping("main.tf", ACCOUNT, None, var_files=("east.tfvars",), workspace="blue"),
        IacMapping("main.tf", None, "eu-west-1", workspace="green"),
    ]
    parsed = read(files, iac)
    assert repositories(parsed) == [("web-blue", ACCOUNT, "us-east-1"), ("web-green", None, "eu-west-1")]


def test_a_file_of_variables_that_the_configuration_names_and_is_not_there(read):
    text = PROVIDER + 'variable "a" {\n default = "x"\n}\n' + REPOSITORY % "var.a"
    parsed = read(text, [IacMapping("main.tf", None, None, var_files=("nowhere.tfvars",))])
    assert (
        "'nowhere.tfvars', which is not there" in property(parsed, "AWS::ECR::Repository", "RepositoryName")["unknown"]
    )


def test_files_of_variables_of_other_modules_are_no_environments(read):
    files = {
        "main.tf": PROVIDER
        + REPOSITORY % "var.a"
        + 'variable "a" {\n default = "x"\n}\n'
        + call("m", "", "./modules/m"),
        "modules/m/main.tf": REPOSITORY % '"m"',
        "modules/m/terraform.tfvars": 'a = "m"\n',
        "examples/dev.tfvars": 'a = "e"\n',
        "prod-sample.tfvars": 'a = "s"\n',
    }
    parsed = read(files)
    assert named(parsed) == ["m", "x"]
    assert set(status(parsed).values()) == {"complete"}


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


def test_that_nothing_is_judged_does_not_look_well(read):
    parsed = read({"modules/y/main.tf": REPOSITORY % '"a"'})
    assert parsed.files == [("modules/y/main.tf", "partial", "nothing is judged: a module that nothing here calls")]


def test_why_the_region_of_a_root_module_is_not_known_is_said(read):
    parsed = read('variable "region" {}\nprovider "aws" {\n region = var.region\n}\n' + REPOSITORY % '"a"')
    ((_, _, message),) = parsed.files
    assert message == "main.tf:2: what provider 'aws' is for: var.region has no default, and no tfvars sets it"


def test_two_root_modules_call_one_module(read):
    module = 'variable "name" {}\n' + 'resource "aws_ecs_task_definition" "this" {\n family = var.name\n}\n'
    root = PROVIDER + 'module "m" {\n source = "../m"\n name = "%s"\n}\n'
    parsed = read({"m/main.tf": module, "a/main.tf": root % "a", "b/main.tf": root % "b"})
    assert sorted((one.id, one.name) for one in of_type(parsed, "AWS::ECS::TaskDefinition")) == [
        ("a/main.tf#module.m.aws_ecs_task_definition.this", "a"),
        ("b/main.tf#module.m.aws_ecs_task_definition.this", "b"),
    ]
