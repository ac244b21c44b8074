"""The command line is a contract: names, exit codes, where output goes, and how it complains."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from scanner.cli import main

WEB = """\
Resources:
  web:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: web}
"""
CONFIG = """\
version: 1
accounts: ["111122223333"]
pairs: [{primary: us-east-1, standby: us-west-2}]
iac:
  - {path: east.yaml, region: us-east-1}
  - {path: west.yaml, region: us-west-2}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1763596800")
    (tmp_path / "regionproof.yaml").write_text(CONFIG)
    (tmp_path / "east.yaml").write_text(WEB)
    (tmp_path / "west.yaml").write_text(
        "Resources: {other: {Type: AWS::ECR::Repository, Properties: {RepositoryName: x}}}\n"
    )
    return tmp_path


@pytest.fixture
def run(here, capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return stop.value.code, done.out, done.err

    return call


def test_findings_exit_1_and_name_the_repository(run):
    code, out, _ = run("scan", ".", "--select", "repository-exists-in-standby")
    assert code == 1
    assert "web" in out
    assert "repository-exists-in-standby" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--select", "repository-exists-in-standby", "--fail-on", "never"], 0),
        (["--select", "repository-tag-mutability-parity"], 0),
        (["--select", "registry", "--fail-on-incomplete"], 3),
        (["--select", "registry"], 0),
        (["--select", "registry,repository", "--fail-on-incomplete"], 1),
        (["--ignore", "repository-exists-in-standby,registry,standby,workload", "--select", "repository"], 0),
    ],
)
def test_exit_codes(run, arguments, expected):
    assert run("scan", ".", *arguments)[0] == expected


@pytest.mark.parametrize(
    ("primary", "said"),
    [
        ("us-east-1", False),
        ("us-eas-1", True),
        ("{account: '111122223333', region: us-east-1}", False),
        ("{account: '444455556666', region: us-east-1}", True),
    ],
)
def test_a_pair_that_nothing_was_scanned_of_does_not_look_well(run, here, primary, said):
    (here / "regionproof.yaml").write_text(
        f"version: 1\naccounts: ['111122223333']\npairs: [{{primary: {primary}, standby: us-west-2}}]\n"
        "iac: [{path: '*', region: us-east-1}]\n"
    )
    assert (", the primary of a pair" in " ".join(run("scan", ".")[1].split())) == said


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (["scan", "nowhere"], 2, "nowhere: no such file or folder", "Give a snapshot"),
        (["scan", "."], 2, "unknown key 'regoins'", "Did you mean 'regions'?"),
        (["scan", ".", "--format", "pdf"], 2, "unknown format 'pdf'", "Formats: asff, csv"),
        (["scan", ".", "--baseline", ""], 2, "--baseline: no name", "leave the option out"),
        (["scan", ".", "--against", "", "--new-only"], 2, "--against: no name", "leave the option out"),
        (["scan", ".", "--changed-since", ""], 2, "--changed-since: no name", "leave the option out"),
        (["scan", ".", "--sarif-anchor", ""], 2, "--sarif-anchor: no name", "leave the option out"),
        (["scan", ".", "--evidence", ""], 2, "--evidence: no name", "leave the option out"),
        (["scan", ".", "--format", "json,sarif"], 2, "cannot share standard output", "Give files"),
        (["scan", ".", "--select", "repository-exist-in-standby"], 2, "no rule", "repository-exists-in-standby"),
        (["scan", ".", "--config", "none.yaml"], 2, "none.yaml: cannot be read", "existing file"),
        (["scan", ".", "--rules", "none"], 2, "none: no such folder of rules", "<group>"),
        (["scan", ".", "--rules", "empty"], 2, "empty: no rules in this folder", "<group>"),
        (["scan", ".", "--select", "secuirty"], 2, "no rule 'secuirty'", "Did you mean 'security'?"),
        (["scan", ".", "--ignore", "nonsense*"], 2, "no rule 'nonsense*'", "`regionproof rules list` names them."),
        (["scan", ".", "--controls", "nist-800-35"], 2, "no framework 'nist-800-35'", "Did you mean 'nist-800-53'?"),
        (["scan", ".", "--fail-on", "worst"], 2, "'worst' is not one of", ""),
        (["scan"], 2, "Missing argument 'PATH...'", ""),
        (["frobnicate"], 2, "No such command 'frobnicate'", ""),
        (
            ["rules", "show", "image-running"],
            2,
            "no rule 'image-running'",
            "Did you mean 'image-running-digest-in-standby'?",
        ),
        (["rules", "show", "standby"], 2, "no rule 'standby'", "Did you mean 'standby-"),
        (["rules", "show", "nonsense"], 2, "no rule 'nonsense'", "`regionproof rules list` names them."),
        (["schema", "reprot"], 2, "no schema 'reprot'", "Did you mean 'report'?"),
        (["collect", "-o", "s", "--regions", "us-esat-1"], 2, "us-esat-1", "us-east-1"),
        (["collect", "-o", "s", "--regions", "us-east-1"], 4, "credentials", "AWS_PROFILE"),
        (["collect", "-o", "s", "--regions", "us-east-1", "--profile", "nobody"], 4, "nobody", "AWS_PROFILE"),
        (["collect", "-o", "s"], 4, "credentials", "AWS_PROFILE"),
        (
            ["collect", "-o", "s", "--organization", "--accounts", "111122223333"],
            2,
            "--accounts exclude",
            "one of them",
        ),
        (["collect", "-o", "s", "--max-rate", "0"], 2, "0.0 is not in the range", ""),
        (["collect", "-o", "s", "--log-format", "xml"], 2, "'xml' is not one of", ""),
        (["collect", "-o", "s", "--since", "none"], 4, "there is no snapshot at none", "regionproof collect"),
        (["scan", "empty"], 4, "nothing to scan", "regionproof collect"),
    ],
)
def test_bad_input_gets_a_place_and_a_next_step(run, here, arguments, code, message, hint):
    (here / "empty").mkdir()
    if "regoins" in message:
        (here / "regionproof.yaml").write_text("version: 1\nregoins: []\n")
    if arguments[0] == "collect":
        (here / "regionproof.yaml").unlink()
    got, out, err = run(*arguments)
    assert (got, out) == (code, "")
    assert message in err
    assert hint in err
    assert "Traceback" not in err
    assert not (here / "s" / "snapshot.json").exists()


def test_when_nothing_could_be_read_that_is_no_success(run, here):
    (here / "east.yaml").write_text("Resources: {a: {Type: AWS::ECR::Repository")
    code, out, err = run("scan", "east.yaml")
    assert code == 4
    assert "nothing could be scanned: east.yaml:2:1: " in err
    assert "east.yaml" in out
    code, out, _ = run("scan", "east.yaml", "west.yaml", "--fail-on-incomplete")
    assert code == 3
    assert "east.yaml" in out


def test_no_python_rules(run, here):
    folder = here / "mine" / "team"
    folder.mkdir(parents=True)
    (folder / "named.py").write_text('"""not: loaded"""\nraise SystemExit(77)\n')
    code, _, err = run("scan", ".", "--rules", "mine", "--no-python-rules")
    assert code == 2
    assert "named.py:1: Python rules are refused" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [", "team/broken.yaml:2"),
        ("title: T\nseverity: urgent\n", "team/broken.yaml:1: 'examples'"),
        ("!!python/object/apply:os.system ['true']\n", "unknown tag"),
    ],
)
def test_a_broken_rule_is_refused_with_its_file(run, here, text, message):
    folder = here / "mine" / "team"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text(text)
    code, _, err = run("scan", ".", "--rules", "mine")
    assert code == 2
    assert message in err


def test_formats_go_where_they_are_told(run, here):
    code, out, _ = run("scan", ".", "--format", "table,json=deep/report.json,sarif=r.sarif")
    assert code == 1
    assert "web" in out
    assert json.loads((here / "deep" / "report.json").read_text())["schema_version"] == "1.4.0"
    assert json.loads((here / "r.sarif").read_text())["version"] == "2.1.0"
    run("scan", ".", "--format", "json,sarif", "-o", "reports")
    assert sorted(path.name for path in (here / "reports").iterdir()) == ["regionproof.json", "regionproof.sarif"]
    run("scan", ".", "--format", "json", "-o", "one.json")
    assert (here / "one.json").read_bytes() == (here / "reports" / "regionproof.json").read_bytes()


def test_a_report_that_cannot_be_written_leaves_the_old_one(run, here):
    (here / "reports").write_text("a file, not a folder")
    code, _, err = run("scan", ".", "--format", "json=reports/r.json")
    assert code == 4
    assert "cannot be written" in err
    assert (here / "reports").read_text() == "a file, not a folder"


def test_same_input_same_bytes(run):
    assert run("scan", ".", "--format", "json")[1] == run("scan", ".", "--format", "json")[1]
    assert run("scan", ".", "--format", "sarif")[1] == run("scan", ".", "--format", "sarif")[1]


def test_exemptions_cover_until_their_day(run, here):
    exempt = "exemptions: [{rule: repository-exists-in-standby, resource: '*/web', reason: r, owner: o, expires: %s}]\n"
    today = datetime.fromtimestamp(1763596800, UTC).date().isoformat()
    (here / "regionproof.yaml").write_text(CONFIG + exempt % today)
    assert run("scan", ".", "--select", "repository-exists-in-standby")[0] == 0
    (here / "regionproof.yaml").write_text(CONFIG + exempt % "2025-11-19")
    code, out, _ = run("scan", ".", "--select", "repository-exists-in-standby")
    assert code == 1
    assert "expired" in out


def test_controls_group_the_report_and_change_no_verdict(run, here):
    plain, asked = (
        run("scan", ".", "--select", "repository", *more) for more in ([], ["--controls", "nist-800-53,nis2"])
    )
    assert asked[0] == plain[0] == 1
    assert "NIST SP 800-53 (" not in plain[1]
    section = asked[1].partition("NIST SP 800-53 (")[2].partition("\n\n")[0]
    rows = {line.split()[0]: line.split()[1:6] for line in section.splitlines()[2:] if line.strip()}
    assert rows["CP-6"] == ["1", "0", "0", "0", "1"]  # `web` is missing, `x` has no standby
    assert "Alternate Storage Site" in section
    assert "No rule that ran is mapped to a control of it." in asked[1].partition("NIS2 (")[2]
    run("scan", ".", "--select", "repository", "--controls", "nist-800-53", "-o", "out.txt")
    assert "Alternate Storage Site" in (here / "out.txt").read_text()


def test_rules_list_show_and_test(run):
    _, out, _ = run("rules", "list")
    assert "image-running-digest-in-standby" in out
    _, out, _ = run("rules", "show", "image-running-digest-in-standby")
    assert "## Why" in out
    assert "> **fail**: " in out
    code, out, _ = run("rules", "test")
    assert code == 0
    assert "0 wrong" in out


def test_schema_prints_json(run):
    for name in ("report", "config", "rule", "snapshot"):
        assert json.loads(run("schema", name)[1])["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("problem", ["unfinished", "damaged", "missing", "version", "not json"])
def test_a_snapshot_that_cannot_be_trusted_is_refused(run, here, demo, problem):
    import shutil

    copy = here / "copy"
    shutil.copytree(demo / "snapshot", copy)
    manifest = copy / "snapshot.json"
    part = next(copy.glob("targets/*/us-east-1/calls.jsonl.gz"))
    if problem == "unfinished":
        manifest.unlink()
    elif problem == "damaged":
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
    elif problem == "missing":
        part.unlink()
    elif problem == "version":
        manifest.write_text(manifest.read_text().replace('"schema_version": "1"', '"schema_version": "7"'))
    else:
        manifest.write_text("{")
    code, out, err = run("scan", copy)
    assert (code, out) == (4, "")
    assert "copy" in err
    assert len(err.splitlines()) == 2


def test_live_findings_are_shown_at_the_lines_of_an_inventory(run, here, demo):
    config = ("--config", demo / "regionproof.yaml")
    code, out, err = run("inventory", demo / "snapshot", demo / "infra", *config)
    assert (code, err) == (0, "")
    assert run("inventory", demo / "snapshot", *config, "-o", "dr/inventory.txt")[0] == 0
    assert (here / "dr" / "inventory.txt").read_text() == out
    lines = out.splitlines()
    assert lines[1:] == sorted(lines[1:])
    select = ("--select", "repository-exists-in-standby", "--format", "sarif", "--sarif-category", "/a/b/")
    code, out, _ = run("scan", demo / "snapshot", *config, *select, "--sarif-anchor", "dr/inventory.txt")
    assert code == 1
    report = json.loads(out)["runs"][0]
    assert report["automationDetails"]["id"].startswith("a/b/live/")
    failures = [each for each in report["results"] if each["ruleId"] != "coverage-gap"]
    assert failures
    for each in failures:
        (where,) = each["locations"]
        line = lines[where["physicalLocation"]["region"]["startLine"] - 1]
        assert line == f"AWS::ECR::Repository {where['logicalLocations'][0]['fullyQualifiedName']}"
        assert where["physicalLocation"]["artifactLocation"]["uri"] == "dr/inventory.txt"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--sarif-category", " / "], "--sarif-category: no name"),
        (["--sarif-category", "a\x1b[2J"], "--sarif-category: no name"),
        (["--sarif-anchor", "none.txt"], "none.txt: cannot be read"),
        (["--sarif-anchor", "east.yaml"], "east.yaml:1: is no inventory"),
    ],
)
def test_options_of_sarif_that_say_nothing_are_refused_before_the_work(run, options, problem):
    code, out, err = run("scan", ".", "--format", "sarif", *options)
    assert (code, out) == (2, "")
    assert problem in err


def test_interrupt_leaves_a_snapshot_that_resumes(here, demo, endpoint):
    """Ctrl-C in the middle of a collection: exit 130, and --resume finishes to the same snapshot."""
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    command = [sys.executable, "-m", "scanner", "collect", "-o", "s", "--endpoint-url", endpoint.url]
    command += ["--regions", "us-east-1,us-west-2,eu-west-1", "--services", "ecr,ecs"]
    process = subprocess.Popen(command, cwd=here, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (here / "s" / "targets").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    done = subprocess.run(
        [*command, "--resume"], cwd=here, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (here / "s" / "snapshot.json").exists()
