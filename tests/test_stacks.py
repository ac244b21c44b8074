"""Stacks that a stack brings with it: nested stacks, stack sets, and the applications of SAM."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from scanner.config import read as read_config
from scanner.engine import exempt
from scanner.errors import ConfigError
from scanner.finding import Finding, Severity, Status
from scanner.images import ImageIndex
from scanner.model import Model, plain
from scanner.parsers import parse
from scanner.parsers.budget import MAX_STACKS
from scanner.parsers.registry import REGISTRY
from scanner.parsers.stacks import MAX_NESTED

ACCOUNT, REGION = "111122223333", "us-east-1"
UNKNOWN = object()

PARENT = """
Parameters: {{Env: {{Type: String, Default: prod}}, Unset: {{Type: String}}}}
Conditions: {{Maybe: !Equals [!Ref Unset, x], Never: !Equals [a, b]}}
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
{more}    Properties:
      TemplateURL: {url}
      Parameters: {parameters}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {{Family: web, ContainerDefinitions: [{{Name: web, Image: !GetAtt Nested.Outputs.Uri}}]}}
"""
CHILD = """
Parameters:
  Name: {Type: String, Default: by-default}
  Names: {Type: CommaDelimitedList, Default: ""}
  Stored: {Type: "AWS::SSM::Parameter::Value<String>", Default: /x}
Resources:
  Repo: {Type: "AWS::ECR::Repository", Properties: {RepositoryName: !Ref Name}}
  Replication:
    Type: AWS::ECR::ReplicationConfiguration
    Properties: {ReplicationConfiguration: {Rules: []}}
Outputs:
  Uri: {Value: !Sub "${Repo.RepositoryUri}:1"}
  Empty: {}
"""


def written(folder, files):
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))


def read(folder, files, places=lambda _: [(ACCOUNT, REGION)]):
    written(folder, files)
    return parse(folder, places)


def of(parsed, type):
    return [one for one in parsed.resources if one.type == type]


def repositories(parsed):
    return [(one.name, one.account, one.region) for one in of(parsed, "AWS::ECR::Repository")]


def parent(parameters="{}", url="./nested/child.yaml", more=""):
    return PARENT.format(parameters=parameters, url=url, more=more)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("{}", "by-default"),
        ("{Name: given}", "given"),
        ("{Name: !Sub '${Env}/web'}", "prod/web"),
        ("{Name: 7}", "7"),
        ("{Name: !Ref AWS::NoValue}", "by-default"),
        ("!Ref AWS::NoValue", "by-default"),
        ("!If [Never, {Name: a}, {Name: b}]", "b"),
        ("{Name: !Ref Unset}", None),
        ("{Name: !Ref Task}", None),
        ("{Name: [a]}", None),
        ("{Name: !GetAtt Nested.Outputs.Uri}", None),
        ("!If [Maybe, {Name: a}, {Name: b}]", None),
        ("text", None),
        (f"{{Name: {'x' * 5000}}}", None),
    ],
)
def test_a_nested_stack_has_the_parameters_of_its_parent(tmp_path, parameters, expected):
    parsed = read(tmp_path, {"main.yaml": parent(parameters), "nested/child.yaml": CHILD})
    assert repositories(parsed) == [(expected, ACCOUNT, REGION)]
    assert parsed.gaps == []
    (task,) = of(parsed, "AWS::ECS::TaskDefinition")
    image = plain(task.properties)["ContainerDefinitions"][0]["Image"]
    assert (image == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{expected}:1") is (expected is not None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("!Select [1, !Ref Names]", "b"), ("!Ref Stored", None)],
)
def test_values_given_are_of_the_kind_of_the_parameter(tmp_path, value, expected):
    child = CHILD.replace("RepositoryName: !Ref Name", f"RepositoryName: {value}")
    files = {"main.yaml": parent("{Names: 'a, b', Stored: /mine}"), "nested/child.yaml": child}
    assert repositories(read(tmp_path, files)) == [(expected, ACCOUNT, REGION)]


def test_outputs_that_are_not_there_are_unknown(tmp_path):
    for output in ("Empty", "Missing"):
        text = parent().replace("Outputs.Uri", f"Outputs.{output}")
        (task,) = of(read(tmp_path, {"main.yaml": text, "nested/child.yaml": CHILD}), "AWS::ECS::TaskDefinition")
        image = plain(task.properties)["ContainerDefinitions"][0]["Image"]
        assert image == {"unknown": f"nested/child.yaml has no output '{output}'"}


def test_a_nested_stack_is_no_stack_by_itself(tmp_path):
    places = {"main.yaml": [(ACCOUNT, "us-east-1"), (ACCOUNT, "us-west-2")], "nested/child.yaml": [(ACCOUNT, "x-y-1")]}
    files = {"main.yaml": parent("{Name: !Ref 'AWS::Region'}"), "nested/child.yaml": CHILD}
    parsed = read(tmp_path, files, lambda path: places[path])
    assert repositories(parsed) == [("us-east-1", ACCOUNT, "us-east-1"), ("us-west-2", ACCOUNT, "us-west-2")]
    assert parsed.files == [("main.yaml", "complete", ""), ("nested/child.yaml", "complete", "")]
    assert [one.region for one in of(parsed, "AWS::ECR::Registry")] == ["us-east-1", "us-west-2"]


def test_one_template_may_be_nested_many_times(tmp_path):
    twice = parent("{}") + parent("{}").partition("Resources:")[2].replace("Nested", "Other").replace("Task:", "T:")
    child = CHILD.replace("Properties: {RepositoryName: !Ref Name}", "Properties: {}")
    parsed = read(tmp_path, {"a.yaml": twice, "b.yaml": parent(), "nested/child.yaml": child})
    assert sorted(one.id for one in of(parsed, "AWS::ECR::Repository")) == [
        "nested/child.yaml#Repo@a.yaml#Nested",
        "nested/child.yaml#Repo@a.yaml#Other",
        "nested/child.yaml#Repo@b.yaml#Nested",
    ]


def test_lines_lead_through_the_parent(tmp_path):
    parsed = read(tmp_path, {"main.yaml": parent("{Name: x}"), "nested/child.yaml": CHILD})
    (repository,) = of(parsed, "AWS::ECR::Repository")
    where = repository.locate("/RepositoryName")
    assert str(where) == "nested/child.yaml:7:69"
    assert [str(each) for each in where.through] == ["main.yaml:6:5"]


@pytest.mark.parametrize(
    ("url", "more", "names", "types", "message"),
    [
        ("./nested/child.yaml", "    Condition: Never\n", [], [], ""),
        (
            "./nested/child.yaml",
            "    Condition: Maybe\n",
            [],
            ["AWS::CloudFormation::Stack", "AWS::ECR::Registry", "AWS::ECR::Repository"],
            "parameter 'Unset' has no default",
        ),
        ("https://bucket.s3.amazonaws.com/child.yaml", "", ["by-default"], [None], "not in the scanned files"),
        ("./gone.yaml", "", ["by-default"], [None], "there is no ./gone.yaml"),
        ("../up.yaml", "", ["by-default"], [None], "there is no ../up.yaml"),
        ("/nested/child.yaml", "", ["by-default"], [None], "there is no /nested/child.yaml"),
        ("!Ref Unset", "", ["by-default"], [None], "parameter 'Unset' has no default"),
        ("!If [Maybe, nested/child.yaml, x]", "", [], [None], "parameter 'Unset' has no default"),
        ("!If [Never, x, nested/child.yaml]", "", ["by-default"], [], ""),
        ("!Sub nested/${Child}.yaml", "", ["by-default"], [None], "'Child' is neither"),
        ("!Sub nested/${Env}.yaml", "", ["by-default"], [None], "there is no nested/prod.yaml"),
        ("[]", "", ["by-default"], [None], "not in the scanned files"),
        ("gone.yaml", "    Metadata: {'aws:asset:path': nested/child.yaml}\n", ["by-default"], [], ""),
    ],
)
def test_where_the_template_of_a_nested_stack_is(tmp_path, url, more, names, types, message):
    (tmp_path / "in").mkdir()
    (tmp_path / "up.yaml").write_text(CHILD)
    parsed = read(tmp_path / "in", {"main.yaml": parent(url=url, more=more), "nested/child.yaml": CHILD})
    assert [name for name, _, _ in repositories(parsed)] == names
    assert sorted((gap.type for gap in parsed.gaps), key=str) == types
    assert all(message in gap.message and gap.account == ACCOUNT for gap in parsed.gaps)


def test_a_template_with_any_name_may_be_nested(tmp_path):
    files = {"main.yaml": parent(url="child.txt"), "child.txt": "Resources: {R: {Type: 'AWS::ECR::Repository'}}"}
    assert [one.id for one in of(read(tmp_path, files), "AWS::ECR::Repository")] == ["child.txt#R@main.yaml#Nested"]


@pytest.mark.parametrize(("content", "message"), [("a: [", "child.txt:2:1"), ("[]", "child.txt:1:1: no template")])
def test_a_broken_nested_template_is_a_gap(tmp_path, content, message):
    parsed = read(tmp_path, {"main.yaml": parent(url="child.txt"), "child.txt": content})
    assert [gap.reason for gap in parsed.gaps] == ["ParseError", "Unresolved"]
    assert message in parsed.gaps[0].message
    assert "child.txt, its template, cannot be read" in parsed.gaps[1].message


def stack(url, **properties):
    return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, **properties}}


REPO = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "r"}}


def test_circles_are_gaps_and_nothing_in_them_is_lost(tmp_path):
    parsed = read(
        tmp_path,
        {
            "a.json": {"Resources": {"B": stack("b.json"), "R": REPO}},
            "b.json": {"Resources": {"A": stack("a.json"), "Self": stack("b.json")}},
            "c.json": {"Resources": {"C": stack("c.json")}},
        },
    )
    assert repositories(parsed) == [("r", ACCOUNT, REGION)]
    assert sorted(gap.message.partition(" ")[2] for gap in parsed.gaps) == [
        "'A': a.json nests itself", "'C': c.json nests itself", "'Self': b.json nests itself",
    ]  # fmt: skip


def test_outputs_may_not_wait_for_each_other(tmp_path):
    child = {
        "Parameters": {"P": {"Type": "String"}},
        "Resources": {"R": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": {"Ref": "P"}}}},
        "Outputs": {"O": {"Value": {"Ref": "P"}}},
    }
    nested = {
        name: stack("child.json", Parameters={"P": {"Fn::GetAtt": [other, "Outputs.O"]}})
        for name, other in (("A", "B"), ("B", "A"))
    }
    chain = {
        f"N{n}": stack("child.json", Parameters={"P": {"Fn::Sub": f"${{N{n + 1}.Outputs.O}}${{N{n + 1}.Outputs.O}}"}})
        for n in range(300)
    }
    parsed = read(tmp_path, {"main.json": {"Resources": {**nested, **chain}}, "child.json": child})
    assert {name for name, _, _ in repositories(parsed)} == {None}


def test_nesting_has_an_end(tmp_path):
    deep = {f"s{n}.json": {"Resources": {"S": stack(f"s{n + 1}.json")}} for n in range(MAX_NESTED + 3)}
    (gap,) = read(tmp_path / "deep", {**deep, f"s{MAX_NESTED + 3}.json": {"Resources": {"R": REPO}}}).gaps
    assert f"stacks are nested deeper than {MAX_NESTED}" in gap.message
    wide = {f"s{n}.json": {"Resources": {f"S{each}": stack(f"s{n + 1}.json") for each in range(8)}} for n in range(5)}
    parsed = read(tmp_path / "wide", {**wide, "s5.json": {"Resources": {"R": {"Type": "AWS::ECR::Repository"}}}})
    assert any("there are too many nested stacks" in gap.message for gap in parsed.gaps)
    assert len(of(parsed, "AWS::ECR::Repository")) < MAX_STACKS


# Parameters that the configuration gives.

ROLES = """
Parameters: {Role: {Type: String}, Names: {Type: CommaDelimitedList, Default: x}}
Conditions: {IsPrimary: !Equals [!Ref Role, primary]}
Resources:
  Repo: {Type: "AWS::ECR::Repository", Properties: {RepositoryName: !Join ["/", !Ref Names]}}
  Replication:
    Type: AWS::ECR::ReplicationConfiguration
    Condition: IsPrimary
    Properties: {ReplicationConfiguration: {Rules: []}}
"""


def deployed(folder, files, *entries):
    written(folder, {"regionproof.yaml": {"version": 1, "accounts": [ACCOUNT], "iac": [*entries]}})
    config = read_config(folder / "regionproof.yaml")
    written(folder / "infra", files)
    return parse(folder / "infra", config.places, deployments=config.deployments)


def test_each_deployment_has_parameters_of_its_own(tmp_path):
    parsed = deployed(
        tmp_path,
        {"main.yaml": ROLES},
        {"path": "main.yaml", "region": "us-east-1", "parameters": {"Role": "primary", "Names": ["a", 1, True]}},
        {"path": "main.yaml", "region": "us-west-2", "parameters": {"Role": "standby"}},
        {"path": "main.yaml", "region": "us-west-2", "parameters": {"Role": "standby"}},
        {"path": "main.yaml", "region": "eu-west-1"},
        {"path": "main.yaml", "region": "eu-west-1", "parameters": {"Names": "second"}},
    )
    assert repositories(parsed) == [
        ("a/1/true", ACCOUNT, "us-east-1"), ("x", ACCOUNT, "us-west-2"), ("x", ACCOUNT, "eu-west-1"),
        ("second", ACCOUNT, "eu-west-1"),
    ]  # fmt: skip
    registries = {one.region: dict(one.properties.raw())["ReplicationConfiguration"] for one in of(parsed, REGISTRY)}
    assert registries["us-east-1"] == {"Rules": []}
    assert registries["us-west-2"].reason == "ReplicationConfiguration is not declared in the scanned files"
    assert registries["eu-west-1"].reason.startswith("declared twice")


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        ('{"Parameters": {"Names": "a"}, "Tags": {}}', "a", None),
        ('{"Names": "a"}', "a", None),
        ('[{"ParameterKey": "Names", "ParameterValue": "a"}]', "a", None),
        ('["Names=a", "Role=x=y"]', "a", None),
        ("Names: a", "a", None),
        ('[{"ParameterKey": "Names", "UsePreviousValue": true}]', None, "keeps the value that it had"),
        ('{"Parameters": []}', None, "given.json holds no parameters"),
        ("[7]", None, "given.json holds no parameters"),
        ("7", None, "given.json holds no parameters"),
        ("{", None, "the parameters of main.yaml cannot be read"),
        (None, None, "there is no given.json beside main.yaml"),
    ],
)
def test_parameters_may_be_in_a_file(tmp_path, content, name, reason):
    files = {"main.yaml": ROLES} | ({} if content is None else {"given.json": content})
    parsed = deployed(tmp_path, files, {"path": "main.yaml", "region": REGION, "parameters": "given.json"})
    (repository,) = of(parsed, "AWS::ECR::Repository")
    assert repository.name == name
    value = dict(repository.properties.raw())["RepositoryName"]
    assert value == name if reason is None else reason in value.reason


@pytest.mark.parametrize("parameters", [7, [], {"A": {"b": 1}}, {"A": [[]]}, ""])
def test_other_parameters_are_refused(tmp_path, parameters):
    with pytest.raises(ConfigError, match=r"iac\.0\.parameters"):
        deployed(tmp_path, {}, {"path": "x", "region": REGION, "parameters": parameters})


def test_an_exemption_reaches_what_a_resource_brings(tmp_path):
    entry = {"rule": "registry-standby-differs-from-primary", "until": "2030-01-01", "reason": "r", "owner": "o"}
    body = {"Resources": {"N": {**stack("child.yaml"), "Metadata": {"regionproof": {"ignore": [entry]}}}}}
    parsed = read(tmp_path, {"main.json": body, "child.yaml": CHILD})
    (exemption,) = parsed.exemptions
    where = of(parsed, "AWS::ECR::Repository")[0].locate("")
    assert where.path == "child.yaml"
    assert exemption.span.holds(where.through[0])
    (repository,) = of(parsed, "AWS::ECR::Repository")
    finding = Finding(entry["rule"], Status.FAIL, Severity.LOW, repository, "m")
    model = Model(parsed.resources, images=ImageIndex({}), as_of=datetime(2026, 11, 1, tzinfo=UTC))
    (exempted,), _ = exempt([finding], parsed.exemptions, model.as_of)
    assert exempted.exemption == exemption


# Stack sets.

FIXTURES = Path(__file__).parent / "fixtures"


def test_a_block_of_yaml_keeps_its_lines():
    found = parse(FIXTURES / "stacks", lambda _: [(ACCOUNT, REGION)]).resources
    west, east = (one for one in found if one.type == "AWS::ECS::Cluster")
    assert (west.region, west.name, east.region) == ("us-west-2", "standby", "eu-west-1")
    assert str(west.locate("/ClusterName")) == "main.yaml:40:39"
    assert str(west.locate("")) == "main.yaml:39:13"
    assert [str(each) for each in west.locate("").through] == ["main.yaml:25:5"]


@pytest.mark.skipif(not find_spec("cfnlint"), reason="cfn-lint is not installed")
def test_cfn_lint_finds_no_error_in_the_fixtures():
    files = [*(FIXTURES / "stacks").rglob("*.yaml"), *(FIXTURES / "cdk").rglob("East*.template.json")]
    start = "from cfnlint.runner import main; main()"
    command = [sys.executable, "-c", start, "--ignore-checks", "W", "--regions", REGION, "--", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert len(files) == 5


GROUP = {"DeploymentTargets": {"Accounts": ["1" * 12, "2" * 12]}, "Regions": ["us-east-1", "us-west-2"]}


def stack_set(*groups, **properties):
    return {
        "Type": "AWS::CloudFormation::StackSet",
        "Properties": {"StackSetName": "s", "TemplateBody": CHILD, "StackInstancesGroup": [*groups], **properties},
    }


def test_a_stack_set_declares_its_template_in_each_account_and_region(tmp_path):
    body = {"Resources": {"Set": stack_set(GROUP)}}
    parsed = read(tmp_path, {"main.json": body})
    assert repositories(parsed) == [
        ("by-default", account, region) for account in ("1" * 12, "2" * 12) for region in ("us-east-1", "us-west-2")
    ]
    assert {one.id for one in of(parsed, "AWS::Account::Region")} == {
        f"aws://{account}/{region}"
        for account, region in [
            (ACCOUNT, REGION),
            *((account, region) for account in ("1" * 12, "2" * 12) for region in ("us-east-1", "us-west-2")),
        ]
    }
    where = of(parsed, "AWS::ECR::Repository")[0].locate("/RepositoryName")
    assert (where.path, where.line, where.through[0].path) == ("main.json", 1, "main.json")


@pytest.mark.parametrize(
    ("targets", "accounts"),
    [
        ({"Accounts": ["1" * 12]}, ["1" * 12]),
        ({"Accounts": [111111111111]}, ["1" * 12]),
        ({"Accounts": {"Fn::GetAtt": "Set.X"}}, [None]),
        ({"OrganizationalUnitIds": ["ou-a"]}, [None]),
        ({"OrganizationalUnitIds": ["ou-a"], "Accounts": ["1" * 12], "AccountFilterType": "INTERSECTION"}, [None]),
        ({"OrganizationalUnitIds": ["ou-a"], "Accounts": ["1" * 12], "AccountFilterType": "DIFFERENCE"}, [None]),
        ({"OrganizationalUnitIds": ["ou-a"], "Accounts": ["1" * 12], "AccountFilterType": "UNION"}, ["1" * 12, None]),
        ({"AccountsUrl": "s3://x/accounts.csv"}, [None]),
        ({"Ref": "P"}, [None]),
        ("text", [None]),
    ],
)
def test_the_accounts_of_an_organization_are_not_known(tmp_path, targets, accounts):
    body = {
        "Parameters": {"P": {"Type": "String"}},
        "Resources": {"Set": stack_set({**GROUP, "DeploymentTargets": targets})},
    }
    assert repositories(read(tmp_path, {"main.json": body})) == [
        ("by-default", account, region) for account in accounts for region in ("us-east-1", "us-west-2")
    ]


@pytest.mark.parametrize(
    ("base", "overrides", "expected"),
    [
        ([], [], "by-default"),
        ([("Name", "base")], [], "base"),
        ([("Name", "base")], [("Name", "own")], "own"),
        ([("Name", {"Ref": "P"})], [], None),
        ({"Ref": "P"}, [], None),
        ({"Ref": "P"}, [("Name", "own")], "own"),
        ([], {"Ref": "P"}, None),
        ({"Ref": "AWS::NoValue"}, [], "by-default"),
    ],
)
def test_a_group_may_override_parameters(tmp_path, base, overrides, expected):
    def entries(pairs):
        return pairs if isinstance(pairs, dict) else [{"ParameterKey": k, "ParameterValue": v} for k, v in pairs]

    group = {**GROUP, "ParameterOverrides": entries(overrides), "Regions": ["us-east-1"]}
    body = {"Parameters": {"P": {"Type": "String"}}, "Resources": {"Set": stack_set(group, Parameters=entries(base))}}
    parsed = read(tmp_path, {"main.json": body})
    assert {name for name, _, _ in repositories(parsed)} == {expected}


def test_groups_for_units_are_told_apart(tmp_path):
    units = {"DeploymentTargets": {"OrganizationalUnitIds": ["ou-a"]}, "Regions": ["us-east-1"]}
    body = {"Resources": {"Set": stack_set(units, units)}}
    ids = [one.id for one in of(read(tmp_path, {"main.json": body}), "AWS::ECR::Repository")]
    assert ids == ["main.json#Repo@main.json#Set@*/us-east-1", "main.json#Repo@main.json#Set@*1/us-east-1"]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"StackInstancesGroup": []}, "declares no StackInstancesGroup"),
        ({"StackInstancesGroup": {"Ref": "P"}}, "'P' is neither"),
        ({"TemplateBody": {"Ref": "P"}}, "'P' is neither"),
        ({"TemplateBody": ["x"]}, "its TemplateBody is no text"),
        ({"TemplateBody": "[]"}, "its TemplateBody is no template"),
        ({"TemplateBody": "a: ["}, "its TemplateBody: "),
    ],
)
def test_what_is_not_known_of_a_stack_set_is_a_gap(tmp_path, properties, message):
    (gap,) = read(tmp_path, {"main.json": {"Resources": {"Set": stack_set(GROUP, **properties)}}}).gaps
    assert (gap.type, gap.account, gap.region) == (None, ACCOUNT, REGION)
    assert message in gap.message


def test_the_template_of_a_stack_set_may_be_a_file(tmp_path):
    properties = {"StackSetName": "s", "TemplateURL": "child.yaml"}
    body = {"Resources": {"Set": {"Type": "AWS::CloudFormation::StackSet", "Properties": properties}}}
    parsed = read(tmp_path, {"main.json": body, "child.yaml": CHILD}, lambda path: [("3" * 12, f"for-{path[:4]}-1")])
    assert repositories(parsed) == [("by-default", "3" * 12, "for-chil-1")]  # its instances are not declared there
    properties["StackInstancesGroup"] = [GROUP]
    parsed = read(tmp_path, {"main.json": body}, lambda path: [("3" * 12, f"for-{path[:4]}-1")])
    assert {region for _, _, region in repositories(parsed)} == {"us-east-1", "us-west-2"}
