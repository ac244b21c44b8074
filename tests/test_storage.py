"""Snapshots and reports at s3://, kept by a moto server in its own process: the same as in a folder, or an error."""

from __future__ import annotations

import json
import re
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="moto is not installed")

import boto3
from front_s3 import CUT, LOST, error
from front_s3 import serve as serve_front
from test_moto import moto_endpoint  # noqa: F401 - a fixture

from scanner.cli import main
from scanner.collectors import objects
from scanner.collectors.scheduler import Limits
from scanner.demo.estate import tell
from scanner.serve import serve
from scanner.snapshot import Snapshot

ACCOUNT, REGIONS = "111122223333", ("us-east-1", "us-west-2")
PUSHED = datetime(2026, 11, 1, 6, tzinfo=UTC)
COLLECT = ["collect", "--services", "ecr", "--regions", ",".join(REGIONS), "--endpoint-url"]
BUCKET = "evidence"


@pytest.fixture(scope="module")
def estate():
    builds = {"prefix": "b-", "count": 3, "first": PUSHED, "every": "1m"}
    places = {f"{ACCOUNT}/{region}": {"repositories": {"app": {"builds": builds}}} for region in REGIONS}
    with serve(tell({"at": datetime(2026, 11, 20, 6, tzinfo=UTC), "places": places})) as endpoint:
        yield endpoint.url


@pytest.fixture(scope="module")
def running(moto_endpoint):  # noqa: F811
    with serve_front(moto_endpoint) as front:
        yield front


@pytest.fixture
def front(running, credentials, monkeypatch, tmp_path):
    """Return S3 with one empty bucket; everything that is read and written goes there, and a temporary folder is known."""
    running.reset()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.url)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795154400")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("scanner.collectors.session.Limits", partial(Limits, paced=False))
    monkeypatch.setattr("botocore.retries.standard.time.sleep", lambda seconds: None, raising=False)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    client().create_bucket(Bucket=BUCKET)
    yield running
    running.reset()
    for key in stored():
        client().delete_object(Bucket=BUCKET, Key=key)
    assert list((tmp_path / "tmp").iterdir()) == []  # nothing is left behind, however a command ended


def client():
    return boto3.client("s3", region_name="us-east-1")


def stored(prefix=""):
    """Return every object below a prefix, by its name."""
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return {key: client().get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def run(*arguments, code=0):
    """Run a command, which must end with this code."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == code


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


CLAIM, CATALOGUE, TARGET = ".snapshot.json.partial", "tables/images/symlink.txt", f"targets/{ACCOUNT}/us-east-1"


@pytest.fixture
def collected(front, estate, tmp_path):
    """Return a snapshot in a folder, and the same one at S3."""
    run(*COLLECT, estate, "-o", "local")
    run(*COLLECT, estate, "-o", f"s3://{BUCKET}/nightly/1")
    front.reset()
    return tmp_path / "local"


def test_a_snapshot_is_the_same_as_in_a_folder(collected):
    there = {key.removeprefix("nightly/1/"): data for key, data in stored().items()}
    assert json.loads(there.pop(CLAIM))["run"]
    shards = [f"s3://{BUCKET}/nightly/1/targets/{ACCOUNT}/{region}/images.parquet" for region in REGIONS]
    assert there.pop(CATALOGUE).decode().splitlines() == shards
    assert there == files(collected)


def test_a_report_is_the_same_as_in_a_folder(collected, capsys):
    run("scan", "local", "--format", "table,json=here.json")
    table = capsys.readouterr().out
    away = f"s3://{BUCKET}/nightly/1"
    run("scan", away, "--format", f"json=s3://{BUCKET}/r/a.json,table,html=s3://{BUCKET}/r/a.html")
    assert capsys.readouterr().out == table.replace("local (snapshot)", f"{away} (snapshot)")
    report, other = json.loads(stored()["r/a.json"]), json.loads(Path("here.json").read_text())
    assert [each["path"] for each in report["inputs"]] == [away]
    ids = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f-]{22}"  # of a scan and its findings: they are told by what was scanned
    told = [json.dumps({**each, "inputs": [each["inputs"][0]["sha256"]]}) for each in (report, other)]
    assert re.sub(ids, "id", told[0]) == re.sub(ids, "id", told[1])
    run("convert", "here.json", "-o", f"s3://{BUCKET}/r/b.json", "--format", "json")
    assert stored()["r/b.json"] == Path("here.json").read_bytes()
    assert stored()["r/a.html"].startswith(b"<!DOCTYPE html>")
    assert client().head_object(Bucket=BUCKET, Key="r/a.html")["ContentType"] == "text/html"
