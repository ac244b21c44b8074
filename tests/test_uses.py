"""Slips under `iac` in the configuration: what no code takes is told, with the line and the nearest name."""

import json

import pytest

from scanner.cli import main
from scanner.config import read
from scanner.uses import Uses, slips

TEMPLATE = """\
Parameters: {Stage: {Type: String, Default: dev}}
Resources:
  Web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: !Sub "${Stage}/web"}}
"""
ROOT = """\
variable "stage" { default = "dev" }
provider "aws" { region = "us-east-1" }
resource "aws_ecr_repository" "web" { name = "${var.stage}/web" }
"""
FILES = {
    "infra/web.yaml": TEMPLATE,
    "live/main.tf": ROOT,
    "live/prod.tfvars": 'stage = "prod"\nstaeg = "x"\n',
    "chart/Chart.yaml": "{apiVersion: v2, name: api, version: 1.0.0}\n",
    "chart/templates/none.yaml": "",
}
PLACE = "account: '111122223333', region: us-east-1"


@pytest.fixture
def scan(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1763596800")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def call(entry, *paths):
        (tmp_path / "regionproof.yaml").write_text(f"version: 1\niac:\n  - {{{entry}}}\n")
        with pytest.raises(SystemExit) as stop:
            main(["scan", *(paths or ["."]), "--format", "json", "--fail-on", "never", "--fail-on-incomplete"])
        done = capsys.readouterr()
        rows = [row for row in json.loads(done.out)["coverage"] if row["operation"] == "regionproof.yaml"]
        return [row["message"] for row in rows], done.err, stop.value.code

    return call


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (f"path: infar, {PLACE}", "path 'infar' is that of no code that was scanned; did you mean 'infra'?"),
        (f"path: '*/web.yml', {PLACE}", "path '*/web.yml' is that of no code that was scanned"),
        (
            f"path: infra, {PLACE}, parameters: {{Stgae: prod}}",
            "parameters: 'Stgae' is not declared by 'infra'; did you mean 'Stage'?",
        ),
        (f"path: infra, {PLACE}, parameters: prod.json", "parameters: there is no 'prod.json'"),
        (f"path: live, {PLACE}, parameters: {{Stage: prod}}", "parameters: 'live' is no template"),
        (
            "path: live, var_files: [prod.tfvars]",
            "var_files: 'staeg' is not declared by 'live'; did you mean 'stage'?",
        ),
        ("path: live, var_files: [pord.tfvars]", "var_files: there is no 'pord.tfvars'"),
        ("path: infra, workspace: prod", "workspace: 'infra' is no root module of Terraform"),
        (f"path: infra, {PLACE}, values: [dr.yaml]", "values: 'infra' is no chart"),
    ],
)
def test_what_no_code_takes_is_told_and_the_scan_is_not_complete(scan, entry, said):
    (message,), err, code = scan(entry)
    assert message.startswith(f"iac: line 3: {said}")
    assert err.startswith(f"warning: regionproof.yaml: iac: line 3: {said}")
    assert code == 3


@pytest.mark.parametrize(
    "entry",
    [
        f"path: ., {PLACE}",
        f"path: infra/, {PLACE}, parameters: {{Stage: prod}}",
        "path: live, workspace: prod",
        f"path: chart, {PLACE}, values: [dr.yaml]",  # that it is not there is told of the chart
    ],
)
def test_what_code_takes_is_not_told(scan, entry):
    assert scan(entry)[:2] == ([], "")


def test_an_entry_for_code_that_this_scan_was_not_given_is_no_slip(scan):
    assert scan(f"path: infra, {PLACE}", "live")[0] == []
    assert scan(f"path: 'envs/*', {PLACE}", "live")[0] == []
    assert len(scan(f"path: lvie, {PLACE}", "live")[0]) == 1


def test_an_entry_that_does_not_match_as_the_scan_was_started_is_told(tmp_path):
    """Of a folder out of the working directory, reports name what is below it, and so has an entry."""
    (tmp_path / "infra").mkdir()
    path = tmp_path / "regionproof.yaml"
    path.write_text(f"version: 1\niac: [{{path: infra, {PLACE}}}]\n")
    said = [slips(read(path), Uses({"web.yaml"}), [folder]) for folder in (tmp_path / "infra", tmp_path / "other")]
    assert [len(each) for each in said] == [1, 0]


def test_a_slip_is_no_success_where_nothing_could_be_read(scan, tmp_path):
    (tmp_path / "infra" / "web.yaml").write_text("Resources: {Web: {Type: AWS::ECR::Repository")
    messages, _, code = scan(f"path: infra, {PLACE}, workspace: prod", "infra")
    assert (len(messages), code) == (1, 4)


def test_a_plan_was_made_with_the_files_of_variables(scan, tmp_path):
    plan = {"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {"root_module": {}}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert scan("path: plan.json, workspace: prod, var_files: [a.tfvars]", "plan.json")[0] == []


def test_a_name_is_declared_if_one_of_the_scanned_paths_declares_it():
    here, there = Uses(), Uses()
    here.take("parameters", "x", ["A", "B"], ["A"])
    there.take("parameters", "x", ["A", "B"], ["B"])
    here.add(there)
    assert here.taken["parameters", "x"].names == {"A": True, "B": True}


def test_entries_know_their_lines_and_are_alike_without_them(tmp_path):
    path = tmp_path / "regionproof.yaml"
    path.write_text("version: 1\niac:\n  - {path: a, region: us-east-1}\n  - {path: a, region: us-east-1}\n")
    first, second = read(path).iac
    assert (first.location.line, second.location.line) == (3, 4)
    assert first == second
