"""Of user data the names of registries are found, and nothing else of it is kept."""

import base64
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terraform_cases import declare, read

from scanner.documents import load
from scanner.model import Unknown, plain
from scanner.parsers.cloudformation import resources
from scanner.parsers.terraform.values import Pieces
from scanner.parsers.user_data import encoded, images
from scanner.vocabulary import TAGS

UNKNOWN = object()
HOST = "111122223333.dkr.ecr.us-east-1.amazonaws.com"


def shown(found):
    return [UNKNOWN if isinstance(each, Unknown) else (each["Image"], each["Region"]) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("echo us-east-1 > region", []),
        (f"docker pull {HOST}/shop/web:1.2", [(f"{HOST}/shop/web:1.2", "us-east-1")]),
        (f"docker login -u AWS -p hunter2 https://{HOST}\n", [(HOST, "us-east-1")]),
        (f"crictl pull {HOST}:443/web@sha256:{'0' * 64}", [(f"{HOST}:443/web@sha256:{'0' * 64}", "us-east-1")]),
        ("pull 111122223333.dkr-ecr.us-east-1.on.aws/a", [("111122223333.dkr-ecr.us-east-1.on.aws/a", "us-east-1")]),
        ("pull 111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a",
         [("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a", "us-gov-west-1")]),
        ("pull $ACCOUNT.dkr.ecr.eusc-de-east-1.amazonaws.eu",
         [("*.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1")]),
        ("pull 111122223333.dkr.ecr.us-east-1.$SUFFIX/a", [("111122223333.dkr.ecr.us-east-1", "us-east-1")]),
        ("pull 111122223333.dkr.ecr.${REGION}.amazonaws.com/a", [UNKNOWN]),
        (f"pull {HOST}/a; pull $A.dkr.ecr.$R.amazonaws.com/b", [(f"{HOST}/a", "us-east-1"), UNKNOWN]),
        (f"{HOST}/b {HOST}/a {HOST}/b", [(f"{HOST}/a", "us-east-1"), (f"{HOST}/b", "us-east-1")]),
        ("Content-Type: text/x-sh\nContent-Transfer-Encoding: base64\n\nZWNobw==", [UNKNOWN]),
        ("write_files:\n- encoding: b64\n  content: ZWNobw==", [UNKNOWN]),
        ("docker pull public.ecr.aws/nginx/nginx:1.27", []),
    ],
)  # fmt: skip
def test_what_a_script_names(text, expected):
    assert shown(images(text)) == expected
    assert shown(encoded(base64.b64encode(text.encode()).decode())) == expected


@pytest.mark.parametrize(
    "text", ["no base64!", base64.b64encode(gzip.compress(b"docker", mtime=0)).decode(), "A" * 200_000, "é"]
)
def test_what_cannot_be_read_is_unknown(text):
    assert isinstance(encoded(text), Unknown)


@given(st.text())
def test_any_text_can_be_looked_through(text):
    assert isinstance(images(text), list)
    encoded(text)


TEMPLATE = """
Parameters:
  Image: {Type: String}
  Known: {Type: String, Default: 444455556666.dkr.ecr.eu-west-1.amazonaws.com/known}
  Password: {Type: String, Default: hunter2}
Conditions: {Open: !Equals [!Ref Image, x]}
Resources:
  Role: {Type: "AWS::IAM::Role", Properties: {}}
  Custom: {Type: "Custom::Image", Properties: {}}
  It:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateName: nodes
      LaunchTemplateData:
        KeyName: hunter2
        UserData: %s
"""
KNOWN = ("444455556666.dkr.ecr.eu-west-1.amazonaws.com/known", "eu-west-1")
OWN = ("111122223333.dkr.ecr.us-west-2.amazonaws.com", "us-west-2")


@pytest.mark.parametrize(
    ("user_data", "expected"),
    [
        ("!Base64 'export P=hunter2'", []),
        ("!Base64 {'Fn::Sub': 'export P=${Password} R=${Role.Arn} S=${AWS::StackName}'}", []),
        ("!Base64 {'Fn::Sub': 'P=hunter2 ${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}'}", [OWN]),
        ("!Base64 {'Fn::Sub': 'hunter2 ${Known} ${Image}'}", [KNOWN, UNKNOWN]),
        ("!Base64 {'Fn::Sub': ['hunter2 ${K}', {K: !Ref Known}]}", [KNOWN]),
        ("!Base64 {'Fn::Sub': 'hunter2 ${Custom.Uri}'}", [UNKNOWN]),
        ("!Base64 {'Fn::Sub': 'x ${!HOME} ${Nothing}'}", [UNKNOWN]),
        ("!Base64 {'Fn::Join': [' ', [hunter2 , !Ref Known, !Ref Role, !Sub '${Image}']]}", [KNOWN, UNKNOWN]),
        ("!Base64 {'Fn::Join': ['', [!Ref Role, ' hunter2']]}", []),
        ("!Base64 'x {{resolve:ssm-secure:/hunter2}} y'", [UNKNOWN]),
        ("!Base64 {'Fn::ImportValue': hunter2}", [UNKNOWN]),
        ("!Base64 {'Fn::If': [Open, hunter2, other]}", [UNKNOWN]),
        ("!Base64 {'Fn::Sub': [1, 2, 3]}", [UNKNOWN]),
        ("!If [Open, hunter2, other]", UNKNOWN),
        ("!Ref Image", UNKNOWN),
        ("hunter2!", UNKNOWN),
        ("{hunter2: 1}", UNKNOWN),
        ("!Ref AWS::NoValue", []),
    ],
)
def test_what_a_template_makes_of_it(user_data, expected):
    text = TEMPLATE % user_data
    found, gaps = resources(load(text, "t.yaml", TAGS), "t.yaml", "111122223333", "us-west-2")
    (it,) = (one for one in found if one.type == "AWS::EC2::LaunchTemplate")
    value = dict(it.properties.raw())["UserDataImages"]
    assert (UNKNOWN if isinstance(value, Unknown) else shown(value.raw())) == expected
    assert "hunter2" not in f"{plain(it.properties)} {it.tags} {it.locations} {gaps}"
    assert it.properties.keys() == {"LaunchTemplateName", "UserDataImages"}
    assert it.locate("/UserDataImages").line > 14


OPEN = Unknown("it is hunter2")


@pytest.mark.parametrize(
    ("type", "attributes", "expected"),
    [
        ("aws_instance", {}, None),
        ("aws_instance", {"user_data": "export P=hunter2"}, []),
        ("aws_instance", {"user_data": f"P=hunter2 docker pull {HOST}/a"}, [(f"{HOST}/a", "us-east-1")]),
        ("aws_instance", {"user_data": OPEN}, UNKNOWN),
        ("aws_instance", {"user_data": Pieces("hunter2", (f"P=hunter2 {HOST}/a ", OPEN))},
         [(f"{HOST}/a", "us-east-1"), UNKNOWN]),
        ("aws_instance", {"user_data": Pieces("hunter2", (OPEN, ".dkr.ecr.us-east-1.", OPEN, "/a"))},
         [("*.dkr.ecr.us-east-1", "us-east-1"), UNKNOWN]),
        ("aws_instance", {"user_data": "0123456789abcdef0123456789abcdef01234567"}, [UNKNOWN]),
        ("aws_launch_template", {"user_data": "hunter2!"}, UNKNOWN),
        ("aws_launch_template", {"user_data": Pieces("hunter2", ("aGk", OPEN))}, UNKNOWN),
    ],
)  # fmt: skip
def test_what_terraform_makes_of_it(type, attributes, expected):
    found, gaps = read(declare(f"{type}.it", {"key_name": "hunter2", **attributes}))
    value = dict(found[0].properties.raw()).get("UserDataImages")
    raw = UNKNOWN if isinstance(value, Unknown) else value if value is None else shown(value.raw())
    assert raw == expected
    assert "hunter2" not in f"{plain(found[0].properties)} {gaps}"
