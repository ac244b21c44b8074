"""What `cdk synth` writes is read: places, images, nested stacks, and the lines of the program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.config import IacMapping
from scanner.model import plain
from scanner.parsers import parse

FIXTURE = Path(__file__).parent / "fixtures" / "cdk"
EAST, WEST = ("111122223333", "us-east-1"), ("444455556666", "us-west-2")
HASH = "250c4bd2c110b496b4d693329276cbdcdc3b7eb6452e29254178f70ee40cd0f0"
STACKS = 3


def nothing(_):
    return []


@pytest.fixture
def app(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "app")
    return tmp_path / "app"


@pytest.fixture(scope="module")
def shop():
    return parse(FIXTURE, nothing)


def of(parsed, type, place=EAST):
    return [one for one in parsed.resources if one.type == type and (one.account, one.region) == place]


def images(parsed, place):
    (task,) = of(parsed, "AWS::ECS::TaskDefinition", place)
    return [container["Image"] for container in plain(task.properties)["ContainerDefinitions"]]


@pytest.mark.parametrize("place", [EAST, WEST])
def test_the_images_of_a_stack_are_known(shop, place):
    registry = f"{place[0]}.dkr.ecr.{place[1]}.amazonaws.com"
    assert images(shop, place) == [
        f"{registry}/shop/web:1.0",
        f"{registry}/cdk-hnb659fds-container-assets-{place[0]}-{place[1]}:{HASH}",
        f"{registry}/shop/cache:7",
        f"{registry}/base/side:2",
    ]
    (function,) = of(shop, "AWS::Lambda::Function", place)
    assert function.name == {"us-east-1": "resize-east", "us-west-2": "resize-west"}[place[1]]
    assert function["Code"]["ImageUri"].endswith(HASH)


def test_a_stack_for_any_place_is_where_the_configuration_says(app):
    parsed = parse(app, lambda path: [EAST, ("444455556666", None)] if "Anywhere" in path else [])
    assert not of(parsed, "AWS::Lambda::Function", (None, None))
    registry = "444455556666.dkr.ecr"
    assert all("unknown" in image for image in images(parsed, ("444455556666", None)))
    assert len(of(parsed, "AWS::ECR::Repository", EAST)) == 2  # it is declared twice, with the same name
    assert not any(registry in str(image) for image in images(parse(app, nothing), (None, None)))


@pytest.mark.parametrize(
    ("environment", "mapping", "expected"),
    [
        (EAST, IacMapping("x", None, None), "manifest"),
        (EAST, IacMapping("x", *EAST, parameters=(("P", "own"),)), "own"),
        (EAST, IacMapping("x", *WEST, parameters=(("P", "other"),)), "manifest"),
        (("unknown-account", "unknown-region"), IacMapping("x", *WEST, parameters=(("P", "own"),)), "own"),
        (("unknown-account", "us-east-1"), IacMapping("x", *WEST, parameters=(("P", "own"),)), "manifest"),
        (EAST, IacMapping("x", *EAST, parameters="gone.json"), None),
    ],
)
def test_parameters_are_of_the_manifest_and_the_configuration(tmp_path, environment, mapping, expected):
    body = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": {"Ref": "P"}}}
    template = {"Parameters": {"P": {"Type": "String"}}, "Resources": {"R": body}}
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://{}/{}".format(*environment),
        "properties": {"templateFile": "t.json", "parameters": {"P": "manifest"}},
    }
    (tmp_path / "t.json").write_text(json.dumps(template))
    (tmp_path / "manifest.json").write_text(json.dumps({"version": "1", "artifacts": {"A": artifact}}))
    found = parse(tmp_path, nothing, deployments=lambda _: [mapping]).resources
    assert [one.name for one in found if one.type == "AWS::ECR::Repository"] == [expected]


def test_nothing_is_read_twice(shop):
    assert len(shop.files) == 2 + 2 * STACKS
    assert {status for _, status, _ in shop.files} == {"complete"}
    assert [one.name for one in of(shop, "AWS::ECR::Repository")] == ["shop/web", "shop/cache"]
    assert len([one for one in shop.resources if one.type == "AWS::CloudFormation::Stack"]) == STACKS


@pytest.mark.parametrize(
    ("type", "name", "line", "column"),
    [
        ("AWS::ECR::Repository", "shop/web", 20, 24),
        ("AWS::ECR::Repository", "shop/cache", 12, 18),
        ("AWS::ECS::Cluster", "inner-us-east-1", 13, 5),
        ("AWS::ECS::TaskDefinition", "web", 21, 18),
        ("AWS::Lambda::Function", "resize-east", 29, 5),
        ("AWS::ECR::Registry", "registry", 33, 5),
    ],
)
def test_resources_are_where_the_program_makes_them(shop, type, name, line, column):
    (resource,) = [one for one in of(shop, type) if one.name == name]
    where = resource.locate("")
    assert (where.path, where.line, where.column) == ("bin/app.js", line, column)
    assert where.through[-1].path.startswith("cdk.out/East")


def test_properties_lead_to_the_template(shop):
    (task,) = of(shop, "AWS::ECS::TaskDefinition")
    where = task.locate("/ContainerDefinitions/1/Image")
    template = json.loads((FIXTURE / where.through[0].path).read_text())
    line = (FIXTURE / where.through[0].path).read_text().splitlines()[where.through[0].line - 1]
    assert str(where) == "bin/app.js:21:18"
    assert '"Image": {' in line
    assert "Task79114B6B" in template["Resources"]


def test_a_nested_stack_leads_to_the_one_around_it(shop):
    (cache,) = [one for one in of(shop, "AWS::ECR::Repository") if one.name == "shop/cache"]
    paths = [where.path for where in cache.locate("").through]
    assert paths == ["cdk.out/East.template.json", "bin/app.js", "cdk.out/EastImages144E721B.nested.template.json"]


def test_without_the_program_the_template_is_named(app):
    shutil.rmtree(app / "bin")
    parsed = parse(app, nothing)
    assert {one.locate("").path.split("/")[0] for one in parsed.resources} == {"cdk.out"}
    alone = parse(app / "cdk.out", nothing)
    assert len(alone.resources) == len(parsed.resources)


def test_lines_are_only_of_files_in_the_tree(app):
    """A call in a file that is elsewhere, though one here ends alike, is not taken for it."""
    metadata = app / "cdk.out" / "East.metadata.json"
    value = json.loads(metadata.read_text())
    stack = value["/East/Web/Resource"][1]
    assert stack["type"] == "aws:cdk:creationStack"
    stack["data"] = ["new Repository (/opt/lib/bin/app.js:1:1)", "new Shop (C:\\shop\\bin\\app.js:2:2)", "text", 7]
    value["/East/Resize/Resource"] = {"type": "no list"}
    metadata.write_text(json.dumps(value))
    parsed = parse(app, nothing)
    assert of(parsed, "AWS::ECR::Repository")[0].locate("").path == "cdk.out/East.template.json"


def test_lines_that_debugging_adds_are_read_too(app):
    """Before 2.276 they stood in the manifest, beside the logical id."""
    manifest = app / "cdk.out" / "manifest.json"
    value = json.loads(manifest.read_text())
    trace = ["new Repository (/x/node_modules/aws-cdk-lib/r.js:1:9)", "new Shop (file:///srv/shop/bin/app.js:20:24)"]
    value["artifacts"]["East"]["metadata"] = {
        "/East/Web/Resource": [{"type": "aws:cdk:logicalId", "data": "Web3C8945DB", "trace": trace}],
        "/East/One": [{"type": "aws:cdk:logicalId", "data": "Replication", "trace": trace}],
        "/East/Two": [{"type": "aws:cdk:logicalId", "data": "Replication", "trace": trace}],
    }
    del value["artifacts"]["East"]["additionalMetadataFile"]
    manifest.write_text(json.dumps(value))
    parsed = parse(app, nothing)
    assert str(of(parsed, "AWS::ECR::Repository")[0].locate("")) == "bin/app.js:20:24"
    assert of(parsed, "AWS::ECR::Registry")[0].locate("").path == "cdk.out/East.template.json"


def test_assets_are_no_code_of_their_own(app):
    template = '{"Resources": {"R": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "copy"}}}}'
    (app / "cdk.out" / "asset.0123").mkdir()
    (app / "cdk.out" / "asset.0123" / "stack.json").write_text(template)
    (app / "own.json").write_text(template.replace("copy", "own"))
    names = {one.name for one in parse(app, nothing).resources if one.type == "AWS::ECR::Repository"}
    assert names == {"shop/web", "shop/cache", "own"}


def test_an_assembly_that_git_ignores_is_found_by_its_settings(app):
    (app / ".git").mkdir()
    (app / ".gitignore").write_text("cdk.out\n")
    assert parse(app, nothing).files == []
    (app / "cdk.json").write_text('{"app": "node bin/app.js"}')
    parsed = parse(app, nothing)
    assert of(parsed, "AWS::ECR::Repository")[0].locate("").path == "bin/app.js"
    assert parsed.gaps == []


@pytest.mark.parametrize(("settings", "gaps"), [('{"app": "node bin/app.js"}', 1), ("{}", 0), ("{", 0), ("[]", 0)])
def test_a_program_that_was_not_synthesized_is_a_gap(tmp_path, settings, gaps):
    (tmp_path / "cdk.json").write_text(settings)
    parsed = parse(tmp_path, nothing)
    assert [(gap.reason, gap.type, "cdk synth" in gap.message) for gap in parsed.gaps] == [
        ("Unresolved", None, True)
    ] * gaps
    assert [file for file, _, _ in parsed.files] == ["cdk.json"] * gaps


STACK = '{"version": "1", "artifacts": {"A": {"type": "aws:cloudformation:stack", "properties": {"templateFile": %s}}}}'


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (STACK % '"gone.json"', "manifest.json: there is no gone.json, the template of a stack"),
        (STACK % "7", "manifest.json: there is no 7, the template of a stack"),
        (STACK % '"../up.json"', "there is no ../up.json"),
        (STACK % '"a.json"', "a.json:1:"),
        ((STACK % '"a.json"')[:-1], "manifest.json:1:"),
        ((STACK % '"\xe9"').encode("latin-1"), "manifest.json: not UTF-8 text"),
    ],
)
def test_what_an_assembly_lacks_is_a_gap(tmp_path, manifest, message):
    (tmp_path / "in").mkdir()
    (tmp_path / "up.json").write_text("{}")
    (tmp_path / "in" / "a.json").write_text("{")
    (tmp_path / "in" / "manifest.json").write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
    (gap,) = parse(tmp_path / "in", nothing).gaps
    assert gap.reason == "ParseError"
    assert message in gap.message


@pytest.mark.parametrize("text", ["{}", "[]", '{"version": "1", "artifacts": ["aws:cloudformation:stack"]}', "{"])
def test_other_manifests_are_left_alone(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert parse(tmp_path, nothing).files == []


def test_assemblies_may_name_each_other(tmp_path):
    inner = '{"version": "1", "artifacts": {"A": {"type": "cdk:cloud-assembly", "properties": {"directoryName": %s}}}}'
    (tmp_path / "in").mkdir()
    (tmp_path / "manifest.json").write_text(inner % '"in"')
    (tmp_path / "in" / "manifest.json").write_text(inner % '".."')
    assert [file for file, _, _ in parse(tmp_path, nothing).files] == ["in/manifest.json", "manifest.json"]


KEYS = [
    *("version", "artifacts", "A", "type", "properties", "templateFile", "file", "environment", "metadata", "data"),
    *("parameters", "additionalMetadataFile", "directoryName", "files", "source", "path", "trace", "/A"),
]
WORDS = [
    *("aws:cloudformation:stack", "cdk:asset-manifest", "cdk:cloud-assembly", "aws:cdk:logicalId", "a.json", "R", ".."),
    *("aws:cdk:creationStack", "aws:cdk:templateFile", "f (/x/a.json:1:0)", "aws://1/us-east-1", "manifest.json"),
]
TREES = st.recursive(
    st.sampled_from(WORDS) | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)
ARTIFACTS = st.fixed_dictionaries({}, optional=dict.fromkeys(("properties", "metadata", "environment"), TREES))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([WORDS[0], WORDS[2]]), ARTIFACTS, TREES)
def test_any_assembly_gives_resources_and_gaps(type, artifact, other):
    manifest = {"version": "1", "artifacts": {"A": {"type": type, **artifact}, "B": other}}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        (folder / "a.json").write_text('{"Resources": {"R": {"Type": "AWS::ECS::Cluster"}}}')
        assert any(file == "manifest.json" for file, _, _ in parse(folder, nothing).files)


@pytest.mark.skipif(not os.environ.get("REGIONPROOF_CDK"), reason="REGIONPROOF_CDK names no folder with aws-cdk-lib")
@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
def test_what_the_cdk_writes_today_is_read_alike(app, shop):
    shutil.rmtree(app / "cdk.out")
    modules = Path(os.environ["REGIONPROOF_CDK"], "node_modules")
    environment = {**os.environ, "NODE_PATH": str(modules)}
    command = ["node", "bin/app.js", str(app / "cdk.out")]
    subprocess.run(command, cwd=app, check=True, env=environment, capture_output=True)
    today = parse(app, nothing)
    assert today.gaps == []
    assert {place: images(today, place) for place in (EAST, WEST)} == {
        place: images(shop, place) for place in (EAST, WEST)
    }
    assert lines(today) == lines(shop)


def lines(parsed):
    found = (one for one in parsed.resources if one.type != "AWS::Account::Region")
    return {(one.type, one.name, one.region, str(one.locate("")).removeprefix("cdk.out")) for one in found if one.name}
