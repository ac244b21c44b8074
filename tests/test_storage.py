"""Snapshots and reports at s3://, kept by a moto server in its own process: the same as in a folder, or an error."""

from __future__ import annotations

import json
import re
import shutil
import stat
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("moto.server", reason="moto is not installed")

import boto3
from front_s3 import CUT, LATE, LOST, error
from front_s3 import serve as serve_front
from test_moto import moto_endpoint  # noqa: F401 - a fixture

from scanner.cli import main
from scanner.collectors import objects
from scanner.collectors.mirror import Mirror
from scanner.collectors.scheduler import Limits
from scanner.demo.estate import tell
from scanner.errors import StorageError, UsageError
from scanner.serve import serve
from scanner.snapshot import Snapshot, SnapshotWriter

ACCOUNT, REGIONS = "111122223333", ("us-east-1", "us-west-2")
PUSHED = datetime(2026, 11, 1, 6, tzinfo=UTC)
COLLECT = ["collect", "--services", "ecr", "--regions", ",".join(REGIONS), "--endpoint-url"]
CLIENT = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SOURCE_DATE_EPOCH": "1795154400",
}
BUCKET = "evidence"
AWAY = f"s3://{BUCKET}/nightly/1"
CLAIM, CATALOGUE, MANIFEST = ".snapshot.json.partial", "tables/images/symlink.txt", "snapshot.json"
EAST, WEST = (f"targets/{ACCOUNT}/{region}" for region in REGIONS)


@pytest.fixture(scope="module")
def estate():
    builds = {"prefix": "b-", "count": 3, "first": PUSHED, "every": "1m"}
    places = {f"{ACCOUNT}/{region}": {"repositories": {"app": {"builds": builds}}} for region in REGIONS}
    with serve(tell({"at": datetime(2026, 11, 20, 6, tzinfo=UTC), "places": places})) as endpoint:
        yield endpoint.url


@pytest.fixture(scope="module")
def local(estate, tmp_path_factory):
    """Return a snapshot in a folder."""
    folder = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        run(*COLLECT, estate, "-o", str(folder / "snapshot"))
    return folder / "snapshot"


@pytest.fixture(scope="module")
def running(moto_endpoint):  # noqa: F811
    S3.append(boto3.client("s3", "us-east-1", endpoint_url=moto_endpoint, **CLIENT))
    S3[0].create_bucket(Bucket=BUCKET)
    with serve_front(moto_endpoint) as front:
        yield front
    S3.clear()


@pytest.fixture
def front(running, credentials, monkeypatch, tmp_path):
    """Return what stands before S3, with one empty bucket; nothing is left of a command, however it ended."""
    running.reset()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.url)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795154400")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("scanner.collectors.session.Limits", partial(Limits, paced=False))
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    yield running
    for key in listed():
        S3[0].delete_object(Bucket=BUCKET, Key=key)
    assert list((tmp_path / "tmp").iterdir()) == []


S3 = []
"""A client of the moto server itself."""


def listed(prefix=""):
    found = S3[0].list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
    return [item["Key"] for item in found]


def get(key):
    return S3[0].get_object(Bucket=BUCKET, Key=key)["Body"].read()


def put(key, data):
    S3[0].put_object(Bucket=BUCKET, Key=key, Body=data)


def stored(prefix=""):
    """Return every object below a prefix, by its name."""
    return {key: get(key) for key in listed(prefix)}


def run(*arguments, code=0):
    """Run a command, which must end with this code."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == code


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def there(front, local):
    """Put the snapshot at S3."""
    for name, data in files(local).items():
        put(f"nightly/1/{name}", data)
    front.reset()


def below(prefix="nightly/1/"):
    return {key.removeprefix(prefix): data for key, data in stored(prefix).items()}


def download(folder):
    for name, data in below().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def said(capsys):
    return " ".join(capsys.readouterr().err.split())


@pytest.fixture
def bucket(front):
    return objects.Bucket(BUCKET)


@pytest.fixture
def write(bucket, local, tmp_path):
    """Return what writes the snapshot to S3 as a collection does, from a folder of its own each time."""
    snapshot, folders = Snapshot.open(local), iter(range(9))

    def write(*, resume=False, elsewhere=False):
        folder = tmp_path / f"folder-{next(folders)}"
        mirror = Mirror(folder, bucket, "nightly/1/")
        mirror.begin(resume=resume)
        keep = (lambda part: part.name == MANIFEST and mirror.keep(part)) if elsewhere else mirror.keep
        writer = SnapshotWriter(folder, resume=resume, keep=keep)
        for target in snapshot.targets:
            calls = list(snapshot.calls_of(target))
            images = {key.name: listing for key, listing in snapshot.images_of(target).items()}
            if not writer.done(target):
                writer.write(target, calls, images, started_at=snapshot.started_at, finished_at=snapshot.finished_at)
        writer.finish(snapshot.targets)

    return write


def test_a_snapshot_is_the_same_as_in_a_folder(front, estate, local):
    run(*COLLECT, estate, "-o", AWAY)
    assert front.keys("PUT")[0].endswith(CLAIM)
    assert front.keys("PUT")[-1].endswith(MANIFEST)
    written = below()
    assert json.loads(written.pop(CLAIM))["run"]
    shards = [f"{AWAY}/{target}/images.parquet" for target in (EAST, WEST)]
    assert written.pop(CATALOGUE).decode().splitlines() == shards
    assert written == files(local)
    assert all(each.headers.get("x-amz-checksum-sha256") for each in front.asked if each.method == "PUT")
    assert not [name for each in front.asked for name in each.headers if "encryption" in name]  # the bucket decides


def test_a_report_is_the_same_as_in_a_folder(there, local, capsys):
    shutil.copytree(local, "here")
    run("scan", "here", "--format", "table,json=here.json")
    table = capsys.readouterr().out
    run("scan", f"{AWAY}/", "--format", f"json=s3://{BUCKET}/r/a.json,table,html=s3://{BUCKET}/r/a.html")
    assert capsys.readouterr().out == table.replace("here (snapshot)", f"{AWAY} (snapshot)")
    report, other = json.loads(stored()["r/a.json"]), json.loads(Path("here.json").read_text())
    assert [each["path"] for each in report["inputs"]] == [AWAY]
    ids = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f-]{21}"  # of a scan and its findings: they are told by what was scanned
    told = [json.dumps({**each, "inputs": [each["inputs"][0]["sha256"]]}) for each in (report, other)]
    assert re.sub(ids, "id", told[0]) == re.sub(ids, "id", told[1])
    run("convert", "here.json", "-o", f"s3://{BUCKET}/r/b.json", "--format", "json")
    assert stored()["r/b.json"] == Path("here.json").read_bytes()
    assert S3[0].head_object(Bucket=BUCKET, Key="r/a.html")["ContentType"] == "text/html"


def test_every_command_reads_from_there(there, local, capsys, tmp_path):
    report = f"s3://{BUCKET}/r/regionproof.json"
    run("scan", AWAY, "--format", "json,sarif", "-o", f"s3://{BUCKET}/r/")
    assert {"r/regionproof.json", "r/regionproof.sarif"} <= stored().keys()
    run("scan", AWAY, "--baseline", report)
    assert f"Baseline {report}" in " ".join(capsys.readouterr().out.split())
    run("diff", report, report, "--format", "json", "-o", f"s3://{BUCKET}/r/diff.json")
    assert json.loads(stored()["r/diff.json"])["old"]["path"] == report
    run("inventory", AWAY, "-o", f"s3://{BUCKET}/r/inventory")
    assert b"AWS::ECR::Repository arn:aws:ecr:us-east-1" in stored()["r/inventory"]
    (tmp_path / "template.yaml").write_text("Resources: {Shop: {Type: 'AWS::ECR::Repository'}}")
    run("scan", "template.yaml", "--against", AWAY, "--format", "json=against.json")
    inputs = {each["kind"]: each["path"] for each in json.loads(Path("against.json").read_text())["inputs"]}
    assert inputs == {"iac": "template.yaml", "against": AWAY}


def test_an_evidence_pack_is_put_there_and_verified(there, front, local, capsys):
    pack = f"s3://{BUCKET}/packs/1"
    run("scan", AWAY, "--evidence", pack)
    assert front.keys("PUT")[-1] == f"{BUCKET}/packs/1/manifest.json"
    assert stored()[f"packs/1/inputs/snapshot-{json.loads(stored()['packs/1/inputs.json'])[0]['sha256'][:12]}.json"]
    run("verify", pack)
    assert f"{pack}: " in capsys.readouterr().out
    run("scan", AWAY, "--evidence", pack, code=2)
    assert "never mixed with anything" in said(capsys)
    put("packs/1/coverage.json", b"[]")
    run("verify", f"s3://{BUCKET}/nothing", code=2)
    run("verify", pack, code=1)
    assert "coverage.json: has 2 bytes" in capsys.readouterr().out


def test_tables_are_put_there(there, capsys):
    tables = f"s3://{BUCKET}/tables/1"
    run("export", AWAY, "-o", tables)
    assert f"in {tables}." in said(capsys)
    names = [f"tables/1/{table}/account={ACCOUNT}/{table}.parquet" for table in ("images", "lists")]
    assert [name for name in sorted(stored()) if name.startswith("tables/")] == names
    run("export", AWAY, "-o", tables, code=2)
    assert "never mixed with anything" in said(capsys)


def test_since_reads_calls_only(there, front, estate, tmp_path):
    run(*COLLECT, estate, "-o", "next", "--since", AWAY)
    assert sorted(front.keys("GET")) == sorted(
        f"{BUCKET}/nightly/1/{name}" for name in files(tmp_path / "next") if name.endswith((".gz", MANIFEST))
    )


def test_a_served_snapshot_is_a_copy(there, monkeypatch):
    opened = []
    monkeypatch.setattr("scanner.serve.Endpoint.wait", lambda self: opened.append(self.url))
    run("serve", AWAY)
    assert opened


def test_an_interrupted_run_is_resumed(front, estate, local, capsys):
    front.once("PUT", f"{WEST}/images.parquet", error(403, "AccessDenied", "not you"))
    run(*COLLECT, estate, "-o", AWAY, code=4)
    told = said(capsys)
    assert f"writing {AWAY}/{WEST}/images.parquet: AccessDenied: not you" in told
    assert "docs/storage.md" in told
    assert "--resume goes on" in told
    assert f"nightly/1/{MANIFEST}" not in listed()
    run("inventory", AWAY, code=4)
    assert f"the snapshot {AWAY} is unfinished" in said(capsys)
    claim = below()[CLAIM]
    front.reset()
    run(*COLLECT, estate, "-o", AWAY, "--resume")
    assert not [key for key in front.keys("PUT") if EAST in key]  # what is done is not asked for, and not written again
    assert {name: data for name, data in below().items() if name not in (CLAIM, CATALOGUE)} == files(local)
    assert below()[CLAIM] != claim


WRITTEN = (
    CLAIM,
    *(f"{target}/{part}" for target in (EAST, WEST) for part in ("calls.jsonl.gz", "images.parquet", "target.json")),
    CATALOGUE,
)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_run_that_ends_anywhere_is_resumed_to_the_same(front, write, local, name):
    """It ends when this was written, and does not know that it was."""
    front.once("PUT", name, LATE)
    with pytest.raises(StorageError, match="AccessDenied"):
        write()
    assert f"nightly/1/{MANIFEST}" not in listed()
    write(resume=True)
    assert listed() == sorted(f"nightly/1/{each}" for each in (*WRITTEN, MANIFEST))
    assert Snapshot.open(download(Path("other"))).images() == Snapshot.open(local).images()


def test_a_manifest_that_was_written_counts(front, write):
    front.once("PUT", MANIFEST, LATE)
    with pytest.raises(StorageError, match="AccessDenied"):
        write()
    assert Snapshot.open(download(Path("other"))).targets
    with pytest.raises(UsageError, match="never overwritten"):
        write(resume=True)


def test_what_was_damaged_meanwhile_is_asked_for_again(front, write):
    front.once("PUT", f"{WEST}/target.json", error(403, "AccessDenied"))
    with pytest.raises(StorageError, match="AccessDenied"):
        write()
    put(f"nightly/1/{EAST}/calls.jsonl.gz", b"not what the record says")
    with pytest.raises(UsageError, match="is an unfinished snapshot"):
        write()
    write(resume=True)
    assert Snapshot.open(download(Path("other"))).targets


@pytest.mark.parametrize("damaged", [False, True])
def test_what_other_processes_wrote_is_kept_at_the_end(front, write, damaged):
    front.once("PUT", f"{WEST}/target.json", error(403, "AccessDenied"))
    with pytest.raises(StorageError, match="AccessDenied"):
        write()
    if damaged:
        put(f"nightly/1/{EAST}/calls.jsonl.gz", b"not what the record says")
    front.reset()
    write(resume=True, elsewhere=True)
    assert any(EAST in key for key in front.keys("PUT")) == damaged
    assert Snapshot.open(download(Path("other"))).targets


def test_a_finished_snapshot_is_never_overwritten(there, front, bucket, write, tmp_path):
    before = stored()
    for resume in (False, True):
        with pytest.raises(UsageError, match="never overwritten"):
            write(resume=resume)
    with pytest.raises(UsageError, match="not empty and not a snapshot"):
        Mirror(tmp_path, bucket, "nightly/").begin(resume=True)
    assert stored() == before
    assert not front.keys("PUT")


@pytest.mark.parametrize("name", [CLAIM, f"{WEST}/calls.jsonl.gz", f"{WEST}/target.json", CATALOGUE, MANIFEST])
def test_of_two_runs_one_gives_way(front, write, name):
    """Whatever another run has written first stays as it is, and there is no manifest over parts of two runs."""

    def another(asked):
        if asked.method == "PUT" and asked.key.endswith(name):
            front.script = lambda _: None
            put(f"nightly/1/{name}", b"of another run")

    front.script = another
    with pytest.raises(StorageError, match=re.escape(f"{AWAY}/{name}: another run writes this snapshot")):
        write()
    assert get(f"nightly/1/{name}") == b"of another run"
    assert name == MANIFEST or f"nightly/1/{MANIFEST}" not in listed()


def test_what_another_run_changed_behind_us_is_noticed(front, write):
    def another(asked):
        if asked.method == "PUT" and asked.key.endswith(CATALOGUE):
            put(f"nightly/1/{EAST}/images.parquet", b"of another run")

    front.script = another
    with pytest.raises(StorageError, match=f"{EAST}/images.parquet: another run writes this snapshot"):
        write()
    assert f"nightly/1/{MANIFEST}" not in listed()


def test_who_resumes_takes_over(front, write):
    """The run that began is still there; it gives way at the end, and at once where the other has written."""

    def another(asked):
        if asked.method == "PUT" and asked.key.endswith(CATALOGUE):
            front.script = lambda _: None
            write(resume=True)

    front.script = another
    with pytest.raises(StorageError, match="another run writes this snapshot"):
        write()
    assert Snapshot.open(download(Path("other"))).targets


def test_who_was_taken_over_at_once_gives_way(front, write):
    lists = []

    def another(asked):
        lists.extend([asked] if "list-type" in asked.query else [])
        if len(lists) == 2:  # it has claimed the place, and looks what is there
            front.script = lambda _: None
            put(f"nightly/1/{CLAIM}", b"of another run")

    front.script = another
    with pytest.raises(StorageError, match=f"{CLAIM}: another run writes this snapshot"):
        write(resume=True)


def test_leftovers_of_a_try_before_go(front, write):
    other = f"nightly/1/targets/{ACCOUNT}/eu-west-1/images.parquet"
    put(other, b"of a Region that is not asked any more")
    write(resume=True)
    assert other not in listed()
    assert Snapshot.open(download(Path("other"))).targets


@pytest.mark.parametrize("name", [f"{EAST}/images.parquet", MANIFEST])
def test_a_request_whose_answer_was_lost_is_no_conflict(front, write, name):
    front.once("PUT", name, LOST)
    write()
    assert [key for key in front.keys("PUT") if key.endswith(name)] == [f"{BUCKET}/nightly/1/{name}"] * 2
    assert Snapshot.open(download(Path("other"))).targets


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (f"{EAST}/images.parquet", b"PAR1", f"{AWAY}/{EAST}/images.parquet is damaged: its SHA-256 is"),
        (f"{EAST}/calls.jsonl.gz", None, f"{AWAY}/{EAST}/calls.jsonl.gz: there is no such object"),
        (MANIFEST, b"{", f"{AWAY}/snapshot.json cannot be read"),
        (MANIFEST, None, f"the snapshot {AWAY} is unfinished"),
    ],
)
def test_a_damaged_snapshot_is_refused(there, name, data, message, capsys):
    if data is None:
        S3[0].delete_object(Bucket=BUCKET, Key=f"nightly/1/{name}")
    else:
        put(f"nightly/1/{name}", data)
    run("inventory", AWAY, code=4)
    assert message in said(capsys)


def test_a_download_that_is_cut_short_is_tried_again(there, front, capsys):
    front.once("GET", f"{EAST}/images.parquet", CUT)
    run("inventory", AWAY)
    assert len([key for key in front.keys("GET") if key.endswith(f"{EAST}/images.parquet")]) == 2
    front.script = lambda asked: CUT if asked.key.endswith("images.parquet") else None
    capsys.readouterr()
    run("inventory", AWAY, code=4)
    assert "images.parquet" in said(capsys)


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (error(403, "AccessDenied", "not you"), 4, "AccessDenied: not you docs/storage.md has the policy"),
        (error(404, "NoSuchBucket"), 2, f"there is no bucket '{BUCKET}'"),
        (error(403, "InvalidAccessKeyId"), 4, "S3 does not accept these credentials: InvalidAccessKeyId"),
        (error(400, "ExpiredToken"), 4, "S3 does not accept these credentials: ExpiredToken"),
        (error(403, "RequestTimeTooSkewed"), 4, "The clock of this machine is wrong"),
        (error(503, "SlowDown"), 4, "S3 had too many requests, 8 times: SlowDown"),
        (error(500, "InternalError"), 4, "InternalError: said so Try again later"),
        (error(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-west-1"}), 2, "the bucket is in eu-west-1"),
        (error(403, "Weird", "AKIAIOSFODNN7EXAMPLE"), 4, "Weird: [redacted"),
    ],
    ids=lambda each: re.sub(r"\W+", " ", str(each))[:30],
)
def test_what_s3_refuses_is_told(front, answer, code, message, capsys):
    front.script = lambda asked: answer
    run("convert", f"s3://{BUCKET}/r.json", code=code)
    told = said(capsys)
    assert message in told
    assert f"s3://{BUCKET}/r.json" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("s3://", 2, "'' is not the name of a bucket"),
        ("s3://My_Bucket/x", 2, "'My_Bucket' is not the name of a bucket"),
        (f"s3://{BUCKET}/a/../b", 2, "'a/../b' is no name that a file can have"),
        (f"s3://{BUCKET}/a//b", 2, "'a//b' is no name that a file can have"),
        ("s3://no-such-bucket/x", 2, "there is no bucket 'no-such-bucket'"),
        (f"s3://{BUCKET}/nothing", 2, f"there is no snapshot at s3://{BUCKET}/nothing"),
        (f"s3://{BUCKET}", 2, f"there is no snapshot at s3://{BUCKET}"),
    ],
)
def test_a_place_where_nothing_can_be_is_told(front, path, code, message, capsys):
    run("inventory", path, code=code)
    assert message in said(capsys)


def test_a_bucket_is_no_name_of_a_report(front, capsys):
    for arguments in (("x.json", "-o", f"s3://{BUCKET}"), (f"s3://{BUCKET}/",)):
        run("convert", *arguments, code=2)
        assert "no name in the bucket" in said(capsys)


def test_nobodys_credentials_are_told(front, monkeypatch, capsys):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    run("inventory", AWAY, code=4)
    assert f"reading {AWAY}/snapshot.json: Unable to locate credentials" in said(capsys)


def test_the_region_of_the_bucket_is_found(there, front):
    front.once("GET", MANIFEST, error(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-west-1"}))
    run("inventory", AWAY)
    assert {re.search(r"/\d+/([^/]+)/s3/", each.headers["authorization"])[1] for each in front.asked} == {
        "us-east-1",  # that of the first request only
        "eu-west-1",
    }


def test_a_report_that_cannot_be_written_leaves_what_stood_there(there, front, capsys):
    put("r.json", b"before")
    front.once("PUT", "r.json", error(403, "AccessDenied"))
    run("scan", AWAY, "--format", f"json=s3://{BUCKET}/r.json", code=4)
    assert f"writing s3://{BUCKET}/r.json: AccessDenied" in said(capsys)
    assert stored()["r.json"] == b"before"


def test_the_key_of_the_configuration_encrypts(there, front, tmp_path):
    (tmp_path / "regionproof.yaml").write_text("version: 1\nstorage: {kms_key: alias/evidence}\n")
    run("scan", AWAY, "--format", f"json=s3://{BUCKET}/r.json")
    run("convert", f"s3://{BUCKET}/r.json", "--format", f"csv=s3://{BUCKET}/r.csv")
    written = [each for each in front.asked if each.method == "PUT"]
    assert [each.headers["x-amz-server-side-encryption-aws-kms-key-id"] for each in written] == ["alias/evidence"] * 2
    assert {each.headers["x-amz-server-side-encryption"] for each in written} == {"aws:kms"}


def test_an_interrupt_leaves_nothing_behind(there, monkeypatch, capsys):
    seen = []

    def stopped(self, key, path):
        (folder,) = Path(tempfile.gettempdir()).iterdir()
        seen.append(stat.S_IMODE(folder.stat().st_mode))
        raise KeyboardInterrupt

    monkeypatch.setattr(objects.Bucket, "download", stopped)
    run("inventory", AWAY, code=130)
    assert seen == [0o700]


@pytest.fixture
def large(monkeypatch, tmp_path):
    """Return a file that is written in two pieces."""
    monkeypatch.setattr(objects, "_LARGE", 5 << 20)
    monkeypatch.setattr(objects, "_PIECE", 5 << 20)
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * (6 << 12))
    return path


def test_a_large_object_is_written_in_pieces(front, bucket, large):
    tag = bucket.put("large", large, objects.ABSENT)
    assert stored()["large"] == large.read_bytes()
    assert bucket.tags("") == {"large": tag}
    assert [each.query.partition("&")[0] for each in front.asked if each.method == "PUT"] == [
        "partNumber=1",
        "partNumber=2",
    ]
    assert bucket.put("large", large, objects.ABSENT) == tag  # as after a lost answer
    large.write_bytes(large.read_bytes()[::-1])
    with pytest.raises(objects.TakenError):
        bucket.put("large", large, objects.ABSENT)


def test_nothing_is_left_of_an_upload_that_fails(front, bucket, large):
    front.script = lambda asked: error(403, "AccessDenied") if asked.query.startswith("partNumber=2") else None
    with pytest.raises(StorageError, match="writing s3://evidence/large: AccessDenied"):
        bucket.put("large", large)
    assert stored() == {}
    assert "Uploads" not in S3[0].list_multipart_uploads(Bucket=BUCKET)


def test_the_policy_allows_what_is_asked_and_no_more():
    page = (Path(__file__).parent.parent / "docs" / "storage.md").read_text(encoding="utf-8")
    allowed, denied = (json.loads(text)["Statement"] for text in re.findall(r"```json\n(.+?)```", page, re.DOTALL))
    actions = {"s3:ListBucket", *allowed[1]["Action"]}
    calls = set(re.findall(r"_call\(\s*\"(\w+)\"|get_paginator\(\"(\w+)\"", Path(objects.__file__).read_text()))
    needed = {
        "list_objects_v2": "s3:ListBucket",
        "get_object": "s3:GetObject",
        "head_object": "s3:GetObject",
        "put_object": "s3:PutObject",
        "create_multipart_upload": "s3:PutObject",
        "upload_part": "s3:PutObject",
        "complete_multipart_upload": "s3:PutObject",
        "abort_multipart_upload": "s3:AbortMultipartUpload",
        "delete_object": "s3:DeleteObject",
    }
    assert {"".join(call) for call in calls} == needed.keys()
    assert actions == set(needed.values())
    assert denied[0]["Effect"] == "Deny"


@pytest.mark.parametrize("command", ["demo", "init"])
def test_what_is_written_to_the_disk_only_says_so(command, credentials, capsys):
    run(command, "-o", AWAY, code=2)
    assert "writes to the disk only" in said(capsys)


def test_the_endpoint_of_the_estate_is_none_for_storage(credentials):
    assert objects.Bucket(BUCKET)._client.meta.endpoint_url == "https://s3.amazonaws.com"


@pytest.mark.usefixtures("front")
def test_shards_are_merged_from_s3_to_s3(estate, tmp_path):
    for index in range(2):
        run(*COLLECT, estate, "--shard", f"{index}/2", "-o", f"s3://{BUCKET}/shards/{index}")
    run(*COLLECT, estate, "-o", "whole")

    run("collect", "--merge", f"s3://{BUCKET}/shards/0", f"s3://{BUCKET}/shards/1", "-o", AWAY)

    run("scan", AWAY, "--format", "json", "-o", "away.json", "--fail-on", "never")
    run("scan", "whole", "--format", "json", "-o", "whole.json", "--fail-on", "never")
    away, whole = (json.loads((tmp_path / name).read_text()) for name in ("away.json", "whole.json"))
    verdicts = [[(one["fingerprint"], one["status"]) for one in each["findings"]] for each in (away, whole)]
    assert verdicts[0] == verdicts[1]
    assert away["coverage"] == whole["coverage"]
    assert get(f"nightly/1/{MANIFEST}")
    run("collect", "--merge", f"s3://{BUCKET}/shards/0", f"s3://{BUCKET}/shards/1", "-o", AWAY, code=2)
