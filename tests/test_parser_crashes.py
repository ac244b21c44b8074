"""A mistake in a parser makes a gap of what it read: no verdict rests on half of it, and other files keep theirs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scanner import parsers
from scanner.cli import main
from scanner.errors import UsageError
from scanner.model import Resource
from scanner.parsers import parse
from scanner.parsers.kubernetes import kustomize
from scanner.parsers.reading import Reading

TEMPLATE = """\
Resources:
  web:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: NAME}
  more:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: NAME-more}
"""
HCL = """\
resource "aws_ecr_repository" "web" { name = "NAME" }
resource "aws_ecr_repository" "more" { name = "NAME-more" }
"""
PLAN = {
    "format_version": "1.2",
    "terraform_version": "1.11.4",
    "planned_values": {
        "root_module": {
            "resources": [
                {
                    "address": f"aws_ecr_repository.{name}",
                    "mode": "managed",
                    "type": "aws_ecr_repository",
                    "name": name,
                    "provider_name": "registry.terraform.io/hashicorp/aws",
                    "values": {"name": f"NAME-{name}"},
                }
                for name in ("web", "more")
            ]
        }
    },
}
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec: {template: {spec: {containers: [{name: web, image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1}]}}}
"""
MANIFEST = {
    "version": "36.0.0",
    "artifacts": {"stack": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "stack.template.json"}}},
}
STACK = {"Resources": {"web": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "NAME"}}}}
JOB = "push: {script: [docker push 111122223333.dkr.ecr.us-east-1.amazonaws.com/NAME:1]}\n"
FORMATS = {
    "templates": {"a.yaml": TEMPLATE},
    "cdk": {"manifest.json": json.dumps(MANIFEST), "stack.template.json": json.dumps(STACK)},
    "terraform": {"main.tf": HCL},
    "terraform.plan": {"plan.json": json.dumps(PLAN)},
    "kubernetes.helm": {"Chart.yaml": "{apiVersion: v2, name: shop, version: 1.0.0}", "templates/web.yaml": DEPLOYMENT},
    "kubernetes.kustomize": {"kustomization.yaml": "resources: [web.yaml]\n", "web.yaml": DEPLOYMENT},
    "kubernetes.manifests": {"web.yaml": DEPLOYMENT},
    "ci": {".gitlab-ci.yml": JOB},
}
"""Of each format, the files of one unit; the first of them stands for it in reports."""


@pytest.fixture
def clumsy(monkeypatch, crashes):
    """Crash, once a resource was taken, over whatever is declared in the folder `bad`."""
    crashes()
    add = Reading.add

    def crash(self, declared):
        declared = list(declared)
        said = add(self, declared)
        if any(isinstance(one, Resource) and "bad/" in f"{one.id} {one.locations[''].path}" for one in declared):
            raise KeyError("hunter2")
        return said

    monkeypatch.setattr(Reading, "add", crash)


def write(folder: Path, files: dict[str, str]) -> None:
    for name in ("bad", "good"):
        for path, text in files.items():
            at = folder / name / path
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(text.replace("NAME", name))


def test_every_format_is_here():
    assert set(FORMATS) == set(parsers.FORMATS)


@pytest.mark.parametrize("format", FORMATS)
def test_what_crashes_a_parser_is_a_gap_and_the_rest_is_read(tmp_path, clumsy, format):
    write(tmp_path, FORMATS[format])
    parsed = parse(tmp_path, lambda _: [])
    paths = {one.locations[""].path for one in parsed.resources}
    assert any("good/" in path for path in paths)
    assert not any("bad/" in path for path in paths)
    unit = next(iter(FORMATS[format]))
    told = {path: (status, message) for path, status, message in parsed.files}
    at = next(path for path in told if path.endswith(f"bad/{unit}"))
    assert told[at][0] == "failed"
    assert "regionproof crashed while it read this: KeyError in test_parser_crashes.py:" in told[at][1]
    assert "hunter2" not in str(parsed)
    assert len(told) == len(parsed.files)
    assert [(gap.type, gap.reason) for gap in parsed.gaps if gap.path == at] == [(None, "ParseError")]


@pytest.mark.parametrize("format", FORMATS)
def test_what_crashes_a_format_ends_the_reading_with_a_gap(tmp_path, monkeypatch, crashes, format):
    """Not the resources that other formats would find in its files."""
    crashes()

    def crash(tree, reading):
        raise RecursionError

    monkeypatch.setattr(f"scanner.parsers.{format}.read", crash)
    write(tmp_path, FORMATS[format])
    parsed = parse(tmp_path, lambda _: [])
    assert parsed.resources == []
    (gap,) = parsed.gaps
    assert (gap.type, gap.account, gap.region, gap.path) == (None, None, None, str(tmp_path))
    assert [(path, status) for path, status, _ in parsed.files] == [(str(tmp_path), "failed")]


def test_what_is_asked_for_and_cannot_be_done_is_no_crash(tmp_path, monkeypatch, crashes):
    crashes()
    with pytest.raises(UsageError, match="no such file"):
        parse(tmp_path / "none", lambda _: [])


CONFIG = """\
version: 1
accounts: ["111122223333"]
pairs: [{primary: us-east-1, standby: us-west-2}]
iac: [{path: good, region: us-east-1}, {path: bad, region: us-west-2}]
"""


def test_a_standby_that_crashes_a_parser_is_unknown(tmp_path, monkeypatch, capsys, clumsy):
    write(tmp_path, FORMATS["templates"])
    (tmp_path / "regionproof.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["scan", ".", "--select", "repository-exists-in-standby", "--format", "json", "--fail-on", "never"])
    report = json.loads(capsys.readouterr().out)
    found = {(each["status"], each["resource"]["name"]) for each in report["findings"]}
    assert {("unknown", "good"), ("unknown", "good-more")} <= found
    assert "pass" not in {status for status, _ in found}
    assert stop.value.code == 0


def test_what_a_root_module_left_open_before_it_crashed_is_open_in_the_next_one(tmp_path, clumsy):
    """Both call one module, in which something is not known."""
    write(tmp_path, {"main.tf": 'module "m" { source = "../m" }\n' + HCL})
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "main.tf").write_text('module "far" { source = "git::https://example.com/far" }\n')
    alone = tmp_path / "alone"
    for name in ("good", "m"):
        (alone / name).mkdir(parents=True)
        (alone / name / "main.tf").write_text((tmp_path / name / "main.tf").read_text())
    open = [gap.reason for gap in parse(alone, lambda _: []).gaps]
    assert open
    shutil.rmtree(alone)
    assert sorted(gap.reason for gap in parse(tmp_path, lambda _: []).gaps) == sorted([*open, "ParseError"])


SHARED = DEPLOYMENT.replace(
    "metadata: {name: NAME}",
    "# regionproof:ignore=workload-image-tag-exists until=2027-01-01 reason=shared\nmetadata: {name: shared}",
)


def test_a_base_that_a_crashed_overlay_shares_keeps_its_exemptions_for_others(tmp_path, clumsy):
    write(tmp_path, {"kustomization.yaml": "resources: [../base.yaml]\nnamespace: NAME\n"})
    (tmp_path / "base.yaml").write_text(SHARED)
    parsed = parse(tmp_path, lambda _: [])
    assert [each.reason for each in parsed.exemptions] == ["shared"]
    assert {path: status for path, status, _ in parsed.files} == {
        path: "failed" if "bad/" in path else "complete" for path, *_ in parsed.files
    }


def test_a_template_that_a_crashed_one_nests_too_is_read_for_the_other(tmp_path, clumsy):
    nesting = "Resources: {inner: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ../inner.txt}}}\n"
    own = TEMPLATE.removeprefix("Resources:\n")
    write(tmp_path, {"a.yaml": nesting.replace("Resources: {", "Resources:\n  ").replace("}}}", "}}") + own})
    inner = "Resources:\n  # regionproof:ignore=repository-encryption-parity until=2027-01-01 reason=shared\n"
    (tmp_path / "inner.txt").write_text(inner + own.replace("NAME", "inner"))
    parsed = parse(tmp_path, lambda _: [])
    names = {one.name for one in parsed.resources if one.type == "AWS::ECR::Repository"}
    assert names == {"good", "good-more", "inner", "inner-more"}
    assert [each.reason for each in parsed.exemptions] == ["shared"]


def test_what_only_a_crashed_overlay_includes_is_not_declared_by_itself(tmp_path, monkeypatch, crashes):
    """It crashes before anything is built: nobody knows what would have become of its base."""
    crashes()
    build = kustomize._Kustomizations._build

    def crash(self, overlay, *rest):
        if overlay.file.path == "bad/kustomization.yaml":
            raise AttributeError
        return build(self, overlay, *rest)

    monkeypatch.setattr(kustomize._Kustomizations, "_build", crash)
    write(tmp_path, {"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": "resources: [web.yaml]\n"})
    for name in ("bad", "good"):
        (tmp_path / name / "base" / "web.yaml").write_text(DEPLOYMENT.replace("NAME", name))
    parsed = parse(tmp_path, lambda _: [])
    assert {one.id for one in parsed.resources if one.type == "Kubernetes::Deployment"} == {
        "good/kustomization.yaml#Deployment/good"
    }
    failed = {path for path, status, _ in parsed.files if status == "failed"}
    assert failed == {gap.path for gap in parsed.gaps} == {"bad/kustomization.yaml", "bad/base/kustomization.yaml"}


def test_what_an_overlay_cannot_be_read_into_is_a_gap_and_the_rest_is_read(tmp_path, monkeypatch, crashes):
    crashes()
    load = kustomize.load

    def crash(text, path, **more):
        if "bad/" in path:
            raise AttributeError
        return load(text, path, **more)

    monkeypatch.setattr(kustomize, "load", crash)
    write(tmp_path, FORMATS["kubernetes.kustomize"])
    (tmp_path / "good" / "kustomization.yaml").write_text("resources: [web.yaml, ../bad]\n")
    parsed = parse(tmp_path, lambda _: [])
    assert {one.id for one in parsed.resources if one.type == "Kubernetes::Deployment"} == {
        "good/kustomization.yaml#Deployment/good"
    }
    assert {"bad/kustomization.yaml", "good/kustomization.yaml"} == {gap.path for gap in parsed.gaps}


def test_what_crashed_may_be_for_any_place(tmp_path, clumsy):
    """A provider leads out of the Region that the configuration gives the folder."""
    write(tmp_path, FORMATS["terraform"])
    parsed = parse(tmp_path, lambda _: [("111122223333", "us-east-1")])
    assert [(gap.type, gap.account, gap.region) for gap in parsed.gaps] == [(None, None, None)]
