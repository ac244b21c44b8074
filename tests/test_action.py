"""The action for GitHub, the hook for pre-commit and the job for GitLab, as far as they run here."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
BROKEN = "Resources: {Web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web}}}\n"
CONFIG = """
version: 1
accounts: ["111122223333"]
pairs: [{primary: us-east-1, standby: us-west-2}]
iac: [{path: "*.yaml", region: us-east-1}, {path: west.yml, region: us-west-2}]
"""


def test_no_input_is_ever_part_of_a_command():
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")


def test_every_input_is_used_and_has_a_default():
    text = (ROOT / "action.yml").read_text()
    for name, given in ACTION["inputs"].items():
        assert f"inputs.{name}" in text, name
        assert "default" in given
        assert given["description"].endswith(".")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])


def test_the_script_reads_what_the_step_gives_it():
    given = set(STEPS["Scan"]["env"]) - {"SCRIPT"}
    read = set(re.findall(r"\$\{?([A-Z_]+)", (ROOT / "docs/ci/scan.sh").read_text()))
    assert read - {"RUNNER_TEMP", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "REGIONPROOF"} == given


@pytest.fixture
def runner(tmp_path):
    """Return a function that runs the scan of the action in a repository, and gives outputs, summary and stdout."""
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "regionproof.yaml").write_text(CONFIG)
    (repository / "west.yml").write_text("AWSTemplateFormatVersion: '2010-09-09'\nResources: {}\n")
    program = tmp_path / "regionproof"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m scanner "$@"\n')
    program.chmod(0o755)

    def run(files, **given):
        for name, text in files.items():
            (repository / name).write_text(text)
        defaults = {name.upper().replace("-", "_"): each["default"] for name, each in ACTION["inputs"].items()}
        outputs, summary = tmp_path / "outputs", tmp_path / "summary"
        for file in (outputs, summary):
            file.write_text("")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GITHUB_"))},
            **defaults,
            **{"BASE": "", "RUNNER_TEMP": str(tmp_path), "REGIONPROOF": str(program), "PYTHONPATH": str(ROOT)},
            **{"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary), **given},
        }
        done = subprocess.run(
            ["bash", str(ROOT / "docs/ci/scan.sh")], cwd=repository, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        return found, summary.read_text(), done

    run.repository = repository
    return run


def test_a_finding_fails_the_action_and_is_annotated(runner):
    found, summary, done = runner({"web.yaml": BROKEN})
    assert found["exit-code"] == "1"
    report = json.loads(Path(found["json-file"]).read_text())
    assert any(one["rule_id"] == "repository-exists-in-standby" for one in report["findings"])
    (run,) = json.loads(Path(found["sarif-file"]).read_text())["runs"]
    assert run["automationDetails"]["id"].startswith("regionproof/iac/")
    assert "repository" in summary
    assert re.search(r"^::error file=web\.yaml,line=1,.*::.*web", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"FAIL_ON": "never"}, "0"),
        ({"FAIL_ON": "never", "FAIL_ON_INCOMPLETE": "true"}, "3"),
        ({"ARGS": "--select repository-tag-mutability-parity"}, "0"),
        ({"PATHS": "missing\n"}, "2"),
        ({"CONFIG": "missing.yaml"}, "2"),
        ({"PATHS": "--help"}, "2"),
        ({"PATHS": "$(touch ran)\n`touch ran`"}, "2"),
        ({"NEW_ONLY": "true"}, "2"),
    ],
)
def test_the_exit_code_is_that_of_the_scan(runner, given, code):
    found, _, done = runner({"web.yaml": BROKEN}, **given)
    assert found["exit-code"] == code, done.stderr
    assert not (runner.repository / "ran").exists()


def test_the_category_is_in_the_file_whose_word_counts(runner):
    found, _, _ = runner({"web.yaml": BROKEN}, CATEGORY="nightly")
    (run,) = json.loads(Path(found["sarif-file"]).read_text())["runs"]
    assert run["automationDetails"]["id"].startswith("nightly/iac/")


def test_in_a_pull_request_its_own_lines_count(runner):
    commit = ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"]
    for arguments in (["init", "-q"], ["add", "-A"], commit):
        subprocess.run(["git", *arguments], cwd=runner.repository, check=True)
    found, _, _ = runner({"web.yaml": BROKEN}, BASE="HEAD")
    assert found["exit-code"] == "1"
    for arguments in (["add", "-A"], commit):
        subprocess.run(["git", *arguments], cwd=runner.repository, check=True)
    assert runner({}, BASE="HEAD")[0]["exit-code"] == "0"
    assert runner({}, BASE="HEAD", CHANGED_SINCE="none")[0]["exit-code"] == "1"


def test_the_hook_names_a_command_that_there_is():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["pass_filenames"], hook["require_serial"], hook["language"]) == (False, True, "python")
    done = subprocess.run(
        [sys.executable, "-m", "scanner", *hook["entry"].split()[1:], "--help"],
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    assert b"Usage: regionproof scan" in done.stdout
    files = re.compile(hook["files"])
    assert all(files.search(name) for name in ("a/b.tf", "x.tf.json", "prod.tfvars", "k.yml", "k.yaml", "t.template"))
    assert not files.search("README.md")


def test_the_script_is_shell_that_bash_reads():
    assert shutil.which("bash")
    subprocess.run(["bash", "-n", str(ROOT / "docs/ci/scan.sh")], check=True)


def test_the_job_for_gitlab_writes_what_it_promises():
    job = yaml.safe_load((ROOT / "docs/ci/gitlab.yml").read_text())["regionproof"]
    command = job["script"][0]
    assert job["artifacts"]["reports"]["codequality"] in command
    assert job["artifacts"]["reports"]["junit"] in command
