"""What the transform of AWS SAM makes of functions, state machines and applications."""

from __future__ import annotations

import pytest

from scanner.documents import Document, load
from scanner.model import Unknown, plain
from scanner.parsers import parse
from scanner.parsers.cloudformation import resources
from scanner.parsers.sam import expand
from scanner.vocabulary import TAGS

ACCOUNT, REGION = "111122223333", "us-east-1"
HEAD = """Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    PackageType: Image
    Timeout: 30
    VpcConfig: {SubnetIds: [s-1], SecurityGroupIds: [g-1]}
    Environment: {Variables: {A: a, B: b}}
Parameters: {P: {Type: String}}
Resources:
"""


def read(body, head=HEAD):
    return resources(load(head + body, "t.yaml", TAGS), "t.yaml", ACCOUNT, REGION)


def function(body, head=HEAD):
    found, gaps = read(f"  F:\n    Type: AWS::Serverless::Function\n{body}", head)
    (made,) = [one for one in found if one.type == "AWS::Lambda::Function"]
    return made, gaps


URI = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/web:1"


def test_a_function_with_an_image():
    made, gaps = function(
        f"""    Properties:
      FunctionName: web
      ImageUri: !Sub "${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.amazonaws.com/web:1"
      Architectures: [arm64]
      Role: arn:aws:iam::{ACCOUNT}:role/web
      Policies: [AWSLambdaExecute]
"""
    )
    assert made.name == "web"
    assert made["Code"]["ImageUri"] == URI
    assert (made["PackageType"], made["Architectures"]) == ("Image", ["arm64"])
    assert made["Role"] == f"arn:aws:iam::{ACCOUNT}:role/web"
    assert "Policies" not in made.properties.raw()
    assert gaps == []
    assert str(made.locate("")) == "t.yaml:11:5"
    assert str(made.locate("/Code/ImageUri")) == "t.yaml:14:17"
    assert str(made.locate("/PackageType")) == "t.yaml:4:18"
    assert str(made.locate("/VpcConfig/SubnetIds/0")) == "t.yaml:6:29"


@pytest.mark.parametrize(
    ("own", "name", "expected", "line"),
    [
        ("{PackageType: Zip}", "PackageType", "Zip", 12),
        ("{Timeout: 5}", "Timeout", 5, 12),
        ("{}", "Timeout", 30, 5),
        (
            "{VpcConfig: {SubnetIds: [s-2]}}",
            "VpcConfig",
            {"SubnetIds": ["s-1", "s-2"], "SecurityGroupIds": ["g-1"]},
            12,
        ),
        ("{Environment: {Variables: {B: c}}}", "Environment", {"Variables": {"A": "a", "B": "c"}}, 12),
        ("{VpcConfig: !Ref 'AWS::NoValue'}", "VpcConfig", None, None),
        ("{Timeout: !Ref 'AWS::AccountId'}", "Timeout", ACCOUNT, 12),
    ],
)
def test_globals_are_merged_as_sam_does(own, name, expected, line):
    made, _ = function(f"    Properties: {own}\n")
    raw = plain(made.properties)
    value = raw.get(name)
    value = {key: value[key] for key in expected} if isinstance(expected, dict) else value
    assert value == expected
    assert line is None or made.locate(f"/{name}").line == line


def test_parts_of_merged_lists_keep_their_places():
    made, _ = function("    Properties:\n      VpcConfig:\n        SubnetIds:\n          - s-2\n")
    assert [made.locate(f"/VpcConfig/SubnetIds/{n}").line for n in (0, 1)] == [6, 15]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    Metadata: {Dockerfile: Dockerfile, DockerContext: .}\n    Properties: {}\n", "--image-repository"),
        ("    Properties: {}\n", "--image-repository"),
        ("    Properties: {PackageType: !Ref P}\n", "SAM gives no code"),
        ("    Properties: {PackageType: Image, ImageUri: !Ref P}\n", "parameter 'P' has no default"),
    ],
)
def test_an_image_that_is_built_is_unknown(body, reason):
    made, _ = function(body)
    assert reason in plain(made.properties)["Code"]["ImageUri"]["unknown"]


def test_code_in_a_bucket_is_no_image():
    made, _ = function("    Properties: {CodeUri: src/}\n", HEAD.replace("Image", "Zip"))
    assert made["Code"].get("ImageUri") is None


def test_the_role_of_a_function_is_made_by_sam():
    found, gaps = read("  F: {Type: 'AWS::Serverless::Function', Properties: {FunctionName: web}}\n")
    (role,) = [one for one in found if one.type == "AWS::IAM::Role"]
    (made,) = [one for one in found if one.type == "AWS::Lambda::Function"]
    assert (made["Role"], role.id, role.name, gaps) == (role.id, "t.yaml#FRole", None, [])
    assert plain(role.properties)["Policies"] == [{"unknown": "SAM makes it for 'F'"}]
    assert role.locate("") == made.locate("")


def test_rules_of_events_are_made_by_sam():
    events = "{Nightly: {Type: Schedule}, Put: {Type: S3}, Odd: 7}"
    found, gaps = read(f"  F: {{Type: 'AWS::Serverless::Function', Properties: {{Role: x, Events: {events}}}}}\n")
    (rule,) = [one for one in found if one.type == "AWS::Events::Rule"]
    assert (rule.id, gaps) == ("t.yaml#FNightly", [])
    assert type(dict(rule.properties.raw())["EventPattern"]) is Unknown
    body = f"  F: {{Type: 'AWS::Serverless::Function', Condition: Off, Properties: {{Role: x, Events: {events}}}}}\n"
    _, gaps = read(body)
    assert {gap.type for gap in gaps} == {"AWS::Lambda::Function", "AWS::Events::Rule"}  # nobody defined the condition


def test_what_is_written_stands_above_what_sam_makes():
    found, gaps = read(
        """  FRole: {Type: "AWS::IAM::Role", Properties: {RoleName: mine}}
  F: {Type: "AWS::Serverless::Function", Properties: {Role: !GetAtt FRole.Arn}}
  S: {Type: "AWS::Serverless::Api"}
  G: {Type: [x]}
  H: text
"""
    )
    assert [one.name for one in found if one.type == "AWS::IAM::Role"] == ["mine"]
    assert gaps == []


def test_without_the_transform_nothing_is_made():
    document = Document({"Resources": {"F": {"Type": "AWS::Serverless::Function"}}}, {})
    assert expand(document) is document
    assert expand(Document([], {})).value == []
    value = {"Transform": ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"], "Resources": {"F": {"Type": "x"}}}
    assert expand(Document(value, {})).value == value
    properties = {"Fn::If": ["C", {}, {}]}
    value["Resources"]["F"] = {"Type": "AWS::Serverless::Function", "Properties": properties}
    assert expand(Document(value, {})).value["Resources"]["F"]["Properties"] == properties


def test_state_machines():
    text = """Transform: AWS::Serverless-2016-10-31
Globals: {StateMachine: {Type: EXPRESS}}
Resources:
  A:
    Type: AWS::Serverless::StateMachine
    Properties: {Name: a, Definition: {StartAt: x}, Events: {E: {Type: Schedule}}}
  B: {Type: "AWS::Serverless::StateMachine", Properties: {Role: r, DefinitionUri: states.json}}
  C: {Type: "AWS::Serverless::StateMachine", Properties: {Role: r, DefinitionUri: {Bucket: b, Key: k}}}
  D: {Type: "AWS::Serverless::StateMachine", Properties: !Ref X}
"""
    document = expand(load(text, "t.yaml", TAGS))
    made = document.value["Resources"]
    assert {body["Type"] for name, body in made.items() if len(name) == 1} == {"AWS::StepFunctions::StateMachine"}
    assert made["A"]["Properties"] == {
        "StateMachineName": "a",
        "StateMachineType": "EXPRESS",
        "Definition": {"StartAt": "x"},
        "RoleArn": {"Fn::GetAtt": ["ARole", "Arn"]},
    }
    assert str(document.locations["/Resources/A/Properties/StateMachineName"]) == "t.yaml:6:24"
    assert str(document.locations["/Resources/A/Properties/StateMachineType"]) == "t.yaml:2:32"
    assert {"ARole", "AE"} <= made.keys()
    assert "Unknown" in made["B"]["Properties"]["DefinitionString"]
    assert made["C"]["Properties"]["DefinitionS3Location"] == {"Bucket": "b", "Key": "k"}
    assert made["D"]["Properties"] == {"Ref": "X"}
    assert len(document.locations) == len(list(document.locations))


def test_an_application_is_a_nested_stack(tmp_path):
    (tmp_path / "template.yaml").write_text(
        """Transform: AWS::Serverless-2016-10-31
Resources:
  Local: {Type: "AWS::Serverless::Application", Properties: {Location: app/template.yaml, Parameters: {N: web}}}
  Public:
    Type: AWS::Serverless::Application
    Properties: {Location: {ApplicationId: "arn:aws:serverlessrepo:x", SemanticVersion: 1.0.0}}
"""
    )
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "template.yaml").write_text(
        """Transform: AWS::Serverless-2016-10-31
Parameters: {N: {Type: String}}
Resources:
  F: {Type: "AWS::Serverless::Function", Properties: {FunctionName: !Ref N, PackageType: Image, Role: x}}
"""
    )
    parsed = parse(tmp_path, lambda _: [(ACCOUNT, REGION)])
    (made,) = [one for one in parsed.resources if one.type == "AWS::Lambda::Function"]
    assert made.name == "web"
    assert type(dict(made["Code"].raw())["ImageUri"]) is Unknown
    assert [(gap.type, "not in the scanned files" in gap.message) for gap in parsed.gaps] == [(None, True)]
    assert [(path, status) for path, status, _ in parsed.files] == [
        ("app/template.yaml", "complete"), ("template.yaml", "partial"),
    ]  # fmt: skip
