"""Where a report cannot be written, exit code 4 says so, and the report before it stays."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import reports

from scanner.cli import main
from scanner.errors import OutputError, UsageError
from scanner.output import destinations, replacing
from scanner.reporters import REPORTERS

TEMPLATE = "Resources: {web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web}}}\n"
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.fixture
def scan(tmp_path):
    (tmp_path / "web.yaml").write_text(TEMPLATE)

    def run(*arguments, **options):
        command = [sys.executable, "-m", "scanner", "scan", "web.yaml", *map(str, arguments)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1763596800"}
        return subprocess.run(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, **options)

    return run


def test_every_format_is_a_file_of_its_own(scan, tmp_path):
    done = scan("--format", ",".join(REPORTERS), "-o", "out", stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {f"regionproof{reporter.suffix}" for reporter in REPORTERS.values()}
    assert len(written) == len(REPORTERS)


def test_options_reach_the_format_they_are_of(scan, tmp_path):
    service = "Type: AWS::ECS::Service, Properties: {ServiceName: f, Cluster: c, TaskDefinition: t}"
    (tmp_path / "web.yaml").write_text(f"Resources: {{f: {{{service}}}}}\n")
    (tmp_path / "regionproof.yaml").write_text(
        'version: 1\naccounts: ["111122223333"]\npairs: [{primary: us-east-1, standby: us-west-2}]\n'
        "iac: [{path: web.yaml, region: us-east-1}]\n"
    )
    done = scan("--group-by", "workload", "--select", "standby-iac-present", stdout=subprocess.PIPE)
    assert "CRITICAL  c/f (ECS Service): 1 failure" in done.stdout
    assert scan("--group-by", "account").returncode == 2
    assert scan("--markdown-for", "comment", "--format", "markdown=out.md").returncode in (0, 1)
    assert (tmp_path / "out.md").read_text().startswith("## regionproof: ")


@needs_dev_full
@pytest.mark.parametrize("format", REPORTERS)
def test_a_full_device_is_an_output_error(format, tmp_path):
    report = reports.sample()
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left on device"), replacing(full) as out:
        REPORTERS[format].write(report, out)
    assert full.is_symlink()
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@needs_dev_full
@pytest.mark.parametrize("format", ["table", "json", "junit"])
def test_a_full_standard_output_exits_4(format, scan):
    with Path("/dev/full").open("w") as full:
        done = scan("--format", format, stdout=full)
    assert done.returncode == 4, done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def gone():
    """Return what a command writes to when nobody reads any more."""
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "w")


def full():
    """Return what a command writes to when there is no room left."""
    return os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")


COMMANDS = {
    "scan": (["scan", "web.yaml", "--select", "repository-exists-in-standby", "--fail-on-incomplete"], 3),
    "convert": (["convert", "report.json", "--format", "csv"], 0),
    "diff": (["diff", "report.json", "report.json"], 0),
    "schema": (["schema", "report"], 141),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("where", [gone, pytest.param(full, marks=needs_dev_full)])
def test_what_nobody_reads_keeps_its_exit_code_and_what_is_lost_exits_4(command, where, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("web.yaml").write_text(TEMPLATE)
    with Path("report.json").open("w") as out:
        REPORTERS["json"].write(reports.sample(), out)
    arguments, code = COMMANDS[command]
    out = where()
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    with contextlib.suppress(OSError):
        out.close()
    said = capsys.readouterr().err
    assert stop.value.code == (code if where is gone else 4), said
    assert ("No space left on device" in said) == (where is not gone)
    assert "Errno" not in said


def test_a_closed_standard_output_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("web.yaml").write_text(TEMPLATE)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as stop:
        main(["scan", "web.yaml"])
    assert stop.value.code == 4
    assert "standard output is closed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["diff a.json b.json", "inventory snapshot", "convert a.json", "scan .", "demo", "collect", "init"]
)
def test_a_name_that_is_empty_is_a_mistake(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "-o", ""])
    assert stop.value.code == 2
    assert "--output: no name" in capsys.readouterr().err


def test_a_disk_that_fills_up_leaves_the_old_report_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"), replacing(path) as out:
        out.write("new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_a_crash_while_writing_leaves_the_old_report_and_no_litter(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as out:
        out.write("new\udc80")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_is_read_only(scan, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "r.json").write_text("old")
    folder.chmod(0o500)
    done = scan("--format", "json=out/r.json", stdout=subprocess.PIPE)
    folder.chmod(0o700)
    assert done.returncode == 4
    assert (folder / "r.json").read_text() == "old"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_in_which_nobody_can_make_files(scan):
    done = scan("--format", "json=/proc/self/regionproof.json", stdout=subprocess.PIPE)
    assert done.returncode == 4
    assert "cannot be written" in done.stderr
    assert "What stood there is untouched." in done.stderr


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "kept").mkdir()
    target, link = tmp_path / "kept" / "report.json", tmp_path / "latest.json"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as out:
        out.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with replacing(pipe) as out:
        out.write("through")
    reader.join(timeout=10)
    assert read == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize(
    ("formats", "output", "message"),
    [
        (["json=a.json,csv=./a.json"], None, "two reports cannot share a.json"),
        (["json=out/regionproof.csv", "csv,table"], "out", "two reports cannot share regionproof.csv"),
        (["json,json"], "out", "two reports cannot share regionproof.json"),
        (["json"], "", "--output: no name"),
    ],
)
def test_a_report_takes_the_place_of_no_other_of_the_same_scan(formats, output, message):
    with pytest.raises(UsageError, match=message):
        destinations(formats, output)


@pytest.mark.parametrize(
    ("formats", "output", "paths"),
    [
        (["junit"], "a.xml", ["a.xml"]),
        (["junit,csv"], "out", ["out/regionproof.junit.xml", "out/regionproof.csv"]),
        (["jsonl=-", "ocsf=o.jsonl"], None, [None, "o.jsonl"]),
        (["markdown"], None, [None]),
        (["gitlab", "asff=x"], "out/", ["out/regionproof.gitlab.json", "x"]),
    ],
)
def test_destinations(formats, output, paths):
    found = [each.path and str(each.path) for each in destinations(formats, output)]
    assert found == paths
