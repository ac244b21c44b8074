"""What `import`, `moved` and `removed` blocks say of live objects, and what a change is laid over then."""

from pathlib import Path

import pytest
from terraform_trees import ACCOUNT, PROVIDER, messages, of_type, reader

from scanner.model import Resource, guard
from scanner.overlay import overlay
from scanner.parsers import parse
from scanner.parsers.addresses import Addresses

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = f"arn:aws:%s:us-east-1:{ACCOUNT}:%s"
UNNAMED = 'resource "aws_ecr_repository" "this" { name = var.open }\n'
OPEN = 'variable "open" { type = string }\n'


@pytest.fixture
def read(tmp_path, monkeypatch):
    return reader(tmp_path, monkeypatch)


def ids(parsed, type):
    return [(one.name, one.id) for one in of_type(parsed, type)]


@pytest.mark.parametrize(
    ("type", "body", "id", "found"),
    [
        ("aws_ecr_repository", "name = var.open", "shop/web", ("shop/web", ARN % ("ecr", "repository/shop/web"))),
        ("aws_ecr_repository", "name_prefix = 1", "web@us-east-1", ("web", ARN % ("ecr", "repository/web"))),
        ("aws_ecs_service", "name = var.open", "shop/api", ("shop/api", ARN % ("ecs", "service/shop/api"))),
        ("aws_kms_key", "", KEY, (KEY, ARN % ("kms", f"key/{KEY}"))),
        ("aws_subnet", "", "subnet-1", ("subnet-1", ARN % ("ec2", "subnet/subnet-1"))),
        (
            "aws_secretsmanager_secret",
            "name = var.open",
            ARN % ("secretsmanager", "secret:db-AbCdEf"),
            (None, ARN % ("secretsmanager", "secret:db-AbCdEf")),
        ),
        (
            "aws_ecs_task_definition",
            "family = var.open",
            ARN % ("ecs", "task-definition/api:7"),
            ("api", "main.tf#aws_ecs_task_definition.this"),  # what is applied is another revision of it
        ),
    ],
)
def test_an_import_says_which_live_object_a_resource_is(read, type, body, id, found):
    text = f'resource "{type}" "this" {{\n {body}\n}}\nimport {{\n to = {type}.this\n id = "{id}"\n}}\n'
    made = read(PROVIDER + OPEN + text).resources
    (resource,) = [one for one in made if one.type not in ("AWS::Account::Region", "AWS::ECR::Registry")]
    assert (resource.name, resource.id) == found


def test_what_the_code_says_for_certain_counts_before_an_import(read):
    text = (
        'resource "aws_ecr_repository" "this" { name = "mine" }\nimport {\n to = aws_ecr_repository.this\n id = "x"\n}'
    )
    assert ids(read(PROVIDER + text), "AWS::ECR::Repository") == [("mine", ARN % ("ecr", "repository/mine"))]


def test_an_import_with_for_each_is_of_instances_in_modules(read):
    files = {
        "main.tf": PROVIDER
        + """
import {
  for_each = { a = "shop/a", b = "shop/b" }
  to = module.all.aws_ecr_repository.this[each.key]
  id = each.value
}
module "all" { source = "./repositories" }
""",
        "repositories/main.tf": 'variable "n" { default = null }\n'
        'resource "aws_ecr_repository" "this" {\n for_each = toset(["a", "b"])\n name = var.m\n}\n',
    }
    assert {name for name, _ in ids(read(files), "AWS::ECR::Repository")} == {"shop/a", "shop/b"}


def test_an_import_in_the_json_syntax(read):
    files = {
        "main.tf": PROVIDER + OPEN + UNNAMED + UNNAMED.replace('"this" {', '"each" {\n for_each = toset(["a"])\n', 1),
        "imports.tf.json": """{"import": [
            {"to": "aws_ecr_repository.this", "id": "web"},
            {"for_each": {"a": "b"}, "to": "aws_ecr_repository.each[each.key]", "id": "${each.value}"}
        ]}""",
    }
    parsed = read(files)
    assert ids(parsed, "AWS::ECR::Repository") == [("web", ARN % ("ecr", "repository/web"))]
    assert "a key in 'to' is not" in messages(parsed)[0]


def test_an_identity_names_attributes(read):
    text = UNNAMED + 'import {\n to = aws_ecr_repository.this\n identity = { name = "web", account_id = "1" }\n}'
    assert ids(read(PROVIDER + OPEN + text), "AWS::ECR::Repository") == [("web", ARN % ("ecr", "repository/web"))]


@pytest.mark.parametrize("id", ["var.open", '"arn:aws:s3:::x"', "1"])
@pytest.mark.parametrize("key", ['["a"]', "[var.open]"])
def test_an_import_of_something_unknown_is_a_gap_and_no_new_resource(read, id, key):
    text = f"""
resource "aws_ecs_service" "this" {{
  for_each = {{ a = 1 }}
  name     = var.open
}}
import {{
  to = aws_ecs_service.this{key}
  id = {id}
}}
"""
    parsed = read(PROVIDER + OPEN + text)
    if id.startswith('"arn') and key == '["a"]':  # a live object that is known by its ARN
        assert ids(parsed, "AWS::ECS::Service") == [(None, "arn:aws:s3:::x")]
        return
    assert ids(parsed, "AWS::ECS::Service") == []
    (said,) = messages(parsed)
    assert "which object 'aws_ecs_service.this[\"a\"]' imports is not known" in said


def test_an_import_that_depends_on_what_it_imports_ends(read):
    text = UNNAMED + "import {\n to = aws_ecr_repository.this\n id = aws_ecr_repository.this.name\n}"
    parsed = read(PROVIDER + OPEN + text)
    assert ids(parsed, "AWS::ECR::Repository") == []
    assert len(messages(parsed)) == 1


def test_the_overlay_finds_the_live_object_by_the_id_that_is_imported(read):
    live = Resource("AWS::KMS::Key", ARN % ("kms", f"key/{KEY}"), None, ACCOUNT, "us-east-1", guard({"KeyId": KEY}))
    text = (
        f'resource "aws_kms_key" "this" {{ is_enabled = false }}\nimport {{\n to = aws_kms_key.this\n id = "{KEY}"\n}}'
    )
    code = read(PROVIDER + text).resources
    (after,) = [one for one in overlay([live], code) if one.type == "AWS::KMS::Key"]
    assert (after.name, after["Enabled"], after.locations[""].line) == (None, False, 5)


REMOVED = "removed {\n from = %s\n lifecycle { destroy = %s }\n}\n"
WEB = 'resource "aws_ecr_repository" "web" { name = "web" }\n'


@pytest.mark.parametrize(("destroy", "stays"), [("false", True), ("true", False)])
def test_what_is_only_forgotten_stays_live(read, destroy, stays):
    before = PROVIDER + WEB
    after = read(PROVIDER + REMOVED % ("aws_ecr_repository.web", destroy))
    live = Resource(
        "AWS::ECR::Repository",
        ARN % ("ecr", "repository/web"),
        "web",
        ACCOUNT,
        "us-east-1",
        guard({"RepositoryName": "web"}),
    )
    declared = _again(before, after.addresses)
    there = {one.id for one in overlay([live], after.resources, declared)}
    assert (live.id in there) is stays


def _again(text, after):
    Path("main.tf").write_text(text)
    return parse(Path(), lambda _: [], after=after).resources


def test_what_moved_is_not_another_resource(read):
    text = 'resource "aws_kms_key" "%s" {}\n'
    after = read(PROVIDER + text % "new" + "moved {\n from = aws_kms_key.old\n to = aws_kms_key.new\n}\n")
    (now,) = of_type(after, "AWS::KMS::Key")
    (was,) = [one for one in _again(PROVIDER + text % "old", after.addresses) if one.type == "AWS::KMS::Key"]
    assert was.id == now.id == "main.tf#aws_kms_key.new"


@pytest.mark.parametrize(
    ("address", "forgotten", "now"),
    [
        ("a.b", False, "a.c"),
        ('a.b["k"]', False, 'a.c["k"]'),
        ("a.bb", False, "a.bb"),
        ("module.m[0].a.b", True, "module.n[0].a.b"),
        ("module.mm.a.b", False, "module.mm.a.b"),
        ("x.y", False, "x.y"),
    ],
)
def test_addresses(address, forgotten, now):
    known = Addresses({"module.m"}, [("a.b", "a.c"), ("module.m", "module.n"), ("x.y", "x.z"), ("x.z", "x.y")])
    assert (known.is_forgotten(address), known.moved(address)) == (forgotten, now)
