"""sample-reports/ is what the demo writes today, and what machines accept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import validation
from jsonschema import Draft202012Validator

from scanner.assets import schema
from scanner.reporters import REPORTERS
from scanner.reporters.drill import WRITERS

SAMPLES = Path(__file__).parents[1] / "sample-reports"
REPORTS = tuple(f"regionproof{one.suffix}" for one in (*REPORTERS.values(), *WRITERS.values()))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "scanner", "demo"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "regionproof-demo", done


def hash_of_snapshot(folder):
    inputs = json.loads((folder / "regionproof.json").read_text(encoding="utf-8"))["inputs"]
    return next(one["sha256"] for one in inputs if one["kind"] == "snapshot")


@pytest.mark.parametrize("name", REPORTS)
def test_the_samples_are_what_the_demo_writes(written, name):
    # The snapshot's own hash covers library versions and Parquet bytes, which are the machine's.
    now, then = (
        (folder / name).read_bytes().decode().replace(hash_of_snapshot(folder), "") for folder in (written[0], SAMPLES)
    )
    assert now == then


def test_there_is_a_sample_of_every_format_and_of_nothing_else():
    assert {file.name for file in SAMPLES.iterdir()} == {*REPORTS, "regionproof.yaml", "README.md"}


def test_the_demo_says_what_to_open(written):
    folder, done = written
    assert "CRITICAL" in done.stdout
    for name in REPORTS:
        assert name in done.stderr
        assert (folder / name).stat().st_size > 1000


def test_the_json_sample_keeps_its_promise():
    report = json.loads((SAMPLES / "regionproof.json").read_text())
    Draft202012Validator(schema("report")).validate(report)
    assert report["summary"]["complete"] is False
    images = [f for f in report["findings"] if f["rule_id"] == "repository-images-replicated" and f["status"] == "fail"]
    for finding in images:
        assert {"images", "missing", "oldest_missing_at", "sample"} <= finding["evidence"].keys()
    assert images


def test_every_sarif_profile_passes_every_validator(written, tmp_path):
    folder = written[0]
    scanned = [str(folder / "snapshot"), str(folder / "infra"), "--config", str(folder / "regionproof.yaml")]
    for profile in ("github", "full"):
        path = tmp_path / f"{profile}.sarif"
        command = [sys.executable, "-m", "scanner", "scan", *scanned, "--format", f"sarif={path}"]
        done = subprocess.run([*command, "--sarif-profile", profile], capture_output=True, text=True, timeout=300)
        assert done.returncode == 1, done.stderr
        assert validation.schema_problems(path) == []
        assert validation.gh_lint(path, profile)[:2] == (0, 0)
        assert validation.multitool(path)[:2] == (0, 0)
