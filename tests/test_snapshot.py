"""A snapshot says exactly what was written, refuses what is damaged, and holds no secret."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import redaction, shards
from scanner.assets import schema
from scanner.config import Config
from scanner.errors import SnapshotError, UsageError
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import InsufficientData
from scanner.recorded import LeftOut, Stage
from scanner.redaction import redact, scrub
from scanner.scan import scan
from scanner.snapshot import Call, CallError, Snapshot, SnapshotWriter, Target
from scanner.stored import Registry

ACCOUNT = "111122223333"
AT = "2026-11-20T08:00:00.000001Z"
EAST = Target(ACCOUNT, "us-east-1", "aws", None, ("ecr", "ecs"))
WEST = Target(ACCOUNT, "us-west-2", "aws", "arn:aws:iam::111122223333:role/RegionproofReadOnly", ("ecr", "ecs"))


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def call(
    operation="ListClusters", *, service="ecs", target=EAST, parameters=None, page=0, response=None, **rest
) -> Call:
    error, rows = rest.get("error"), rest.get("rows")
    if response is None and error is None and rows is None:
        response = {"clusterArns": []}
    return Call(service, operation, parameters or {}, target.account, target.region, page, response, error, rows, AT)


def images_call(repository: str, rows: int, error: CallError | None = None, target: Target = EAST) -> Call:
    parameters = {"repositoryName": repository, "maxResults": 1000}
    return call("DescribeImages", service="ecr", target=target, parameters=parameters, rows=rows, error=error)


FULL = Image(
    digest("full"),
    ("a", "b"),
    datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    12345678901,
    "ARCHIVED",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.dev.cosign.simplesigning.v1+json",
    digest("subject"),
    datetime(2026, 2, 2, tzinfo=UTC),
    datetime(2026, 3, 2, tzinfo=UTC),
    datetime(2026, 4, 2, tzinfo=UTC),
)
BARE = Image(digest("bare"))
DENIED = CallError("AccessDeniedException", "no", 400, 1)


def write(path: Path, targets=(EAST, WEST), *, finish=True) -> Snapshot | None:
    writer = SnapshotWriter(path, config_sha256="0" * 64)
    for target in targets:
        calls = [
            call(page=1, target=target, error=CallError("ThrottlingException", "slow", 400, 5)),
            call(page=0, target=target, response={"clusterArns": ["arn:aws:ecs:us-east-1:111122223333:cluster/a"]}),
            images_call("b/repo", 1, DENIED, target),
            images_call("a/repo", 2, target=target),
            images_call("empty", 0, target=target),
        ]
        listings = {
            "a/repo": Listing(tuple(sorted((FULL, BARE), key=lambda image: image.digest))),
            "b/repo": Listing((BARE,), "AccessDeniedException: no"),
            "empty": Listing(()),
        }
        writer.write(target, calls, listings, started_at=AT, finished_at="2026-11-20T08:01:00Z")
    return writer.finish(targets, botocore_version="1.44.5") if finish else None


def test_what_is_written_is_read(tmp_path):
    snapshot = write(tmp_path / "s", (WEST, EAST))
    assert snapshot == Snapshot.open(tmp_path / "s")
    assert snapshot.targets == (EAST, WEST)
    assert (snapshot.schema_version, snapshot.botocore_version, snapshot.config_sha256) == ("1", "1.44.5", "0" * 64)
    assert (snapshot.started_at, snapshot.finished_at) == (AT, "2026-11-20T08:01:00Z")
    assert snapshot.as_of == datetime(2026, 11, 20, 8, 0, 0, 1, UTC)
    order = [(c.region, c.operation, c.parameters.get("repositoryName"), c.page) for c in snapshot.calls()]
    east = [
        ("us-east-1", "DescribeImages", "a/repo", 0),
        ("us-east-1", "DescribeImages", "b/repo", 0),
        ("us-east-1", "DescribeImages", "empty", 0),
        ("us-east-1", "ListClusters", None, 0),
        ("us-east-1", "ListClusters", None, 1),
    ]
    assert order == [*east, *(("us-west-2", *rest) for _, *rest in east)]


def test_images_keep_every_column_and_say_when_a_list_ended_early(tmp_path):
    images = write(tmp_path / "s").images()
    index = ImageIndex(images)
    assert len(images) == 6
    assert index.get(RepositoryKey(ACCOUNT, "us-east-1", "a/repo"), FULL.digest) == FULL
    assert index.get(RepositoryKey(ACCOUNT, "us-west-2", "a/repo"), BARE.digest) == BARE
    partial = RepositoryKey(ACCOUNT, "us-east-1", "b/repo")
    assert index.get(partial, BARE.digest) == BARE  # presence is a fact
    with pytest.raises(InsufficientData, match="AccessDeniedException: no"):
        index.get(partial, FULL.digest)  # absence is not
    assert index.images(RepositoryKey(ACCOUNT, "us-east-1", "empty")) == ()


def test_equal_content_gives_equal_bytes(tmp_path):
    write(tmp_path / "one")
    write(tmp_path / "other", (WEST, EAST))
    files = {path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()}
    assert len(files) == 7
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes(), file


def test_snapshots_differ_when_an_answer_does(tmp_path):
    one = write(tmp_path / "one", (EAST,))
    writer = SnapshotWriter(tmp_path / "other", config_sha256="0" * 64)
    calls = [c for c in one.calls() if c.page == 0]
    listings = {key.name: listing for key, listing in one.images().items()}
    writer.write(EAST, calls, listings, started_at=AT, finished_at="2026-11-20T08:01:00Z")
    assert writer.finish([EAST], botocore_version="1.44.5") != one
    assert one != "a snapshot"


def test_coverage_counts_what_was_answered(tmp_path):
    rows = {row.operation: row for row in write(tmp_path / "s", (EAST,)).coverage()}
    assert (rows["ecr:DescribeImages"].status, rows["ecr:DescribeImages"].calls) == ("partial", 3)
    assert rows["ecs:ListClusters"].errors == (("ThrottlingException", 1),)
    assert rows["ecs:ListClusters"].message == "slow"


@pytest.mark.parametrize(
    ("codes", "status", "not_configured"),
    [
        (["LifecyclePolicyNotFoundException", None], "complete", 1),
        (["AccessDeniedException", "AccessDeniedException"], "failed", 0),
        (["AccessDeniedException", "LifecyclePolicyNotFoundException"], "partial", 1),
        (["RepositoryNotFoundException"], "failed", 0),
    ],
)
def test_coverage_status(tmp_path, codes, status, not_configured):
    writer = SnapshotWriter(tmp_path / "s")
    calls = [
        call("GetLifecyclePolicy", service="ecr", parameters={"repositoryName": str(n)}, **_answer(code))
        for n, code in enumerate(codes)
    ]
    writer.write(EAST, calls, {}, started_at=AT, finished_at=AT)
    (row,) = writer.finish([EAST]).coverage()
    assert (row.status, row.calls, row.not_configured) == (status, len(codes), not_configured)


def _answer(code):
    return {"error": CallError(code, "", 400, 1)} if code else {"response": {"lifecyclePolicyText": "{}"}}


def test_the_files_keep_the_published_schema(tmp_path):
    write(tmp_path / "s")
    document = schema("snapshot")
    jsonschema.Draft202012Validator.check_schema(document)
    jsonschema.validate(json.loads((tmp_path / "s/snapshot.json").read_text()), document)
    line_schema = {"$ref": "#/$defs/call", "$defs": document["$defs"]}
    with gzip.open(tmp_path / f"s/targets/{ACCOUNT}/us-east-1/calls.jsonl.gz", "rt") as lines:
        for line in lines:
            jsonschema.validate(json.loads(line), line_schema)


def test_the_image_shard_has_the_published_columns(tmp_path):
    import duckdb

    write(tmp_path / "s")
    shard = str(tmp_path / f"s/targets/{ACCOUNT}/us-east-1/images.parquet")
    columns = duckdb.connect().execute("DESCRIBE SELECT * FROM read_parquet(?)", [shard]).fetchall()
    time = "TIMESTAMP WITH TIME ZONE"
    assert {name: kind for name, kind, *_ in columns} == {
        "repository": "VARCHAR",
        "digest": "BLOB",
        "tags": "VARCHAR[]",
        "pushed_at": time,
        "last_pulled_at": time,
        "last_archived_at": time,
        "last_activated_at": time,
        "size": "BIGINT",
        "status": "VARCHAR",
        "media_type": "VARCHAR",
        "artifact_media_type": "VARCHAR",
        "subject": "BLOB",
    }


def test_a_path_with_wildcards_is_a_path(tmp_path):
    assert len(write(tmp_path / "s[1]*?'", (EAST,)).images()) == 3


def test_no_image_shard_without_images(tmp_path):
    writer = SnapshotWriter(tmp_path / "s")
    writer.write(EAST, [call()], {}, started_at=AT, finished_at=AT)
    snapshot = writer.finish([EAST])
    assert snapshot.images() == {}
    assert not list(tmp_path.rglob("images.parquet"))


# --- damage -----------------------------------------------------------------------------------------------------

PART = f"targets/{ACCOUNT}/us-east-1"


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("part", ["calls.jsonl.gz", "images.parquet", "target.json"])
def test_a_changed_part_is_named(tmp_path, part):
    write(tmp_path / "s")
    _flip(tmp_path / "s" / PART / part)
    with pytest.raises(SnapshotError, match=f"{part} is damaged") as caught:
        Snapshot.open(tmp_path / "s")
    assert "collect it again" in caught.value.hint


@pytest.mark.parametrize("part", ["calls.jsonl.gz", "images.parquet", "target.json"])
def test_a_missing_part_is_named(tmp_path, part):
    write(tmp_path / "s")
    (tmp_path / "s" / PART / part).unlink()
    with pytest.raises(SnapshotError, match=f"{part} is missing"):
        Snapshot.open(tmp_path / "s")


def test_a_part_that_is_a_directory_is_named(tmp_path):
    write(tmp_path / "s")
    (tmp_path / "s" / PART / "calls.jsonl.gz").unlink()
    (tmp_path / "s" / PART / "calls.jsonl.gz").mkdir()
    with pytest.raises(SnapshotError, match=r"calls\.jsonl\.gz cannot be read"):
        Snapshot.open(tmp_path / "s")


def _edit(path: Path, change) -> None:
    manifest = json.loads((path / "snapshot.json").read_text())
    change(manifest)
    (path / "snapshot.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(schema_version="2"), "schema version 2"),
        (lambda m: m.update(schema_version=7), "schema_version"),
        (lambda m: m.pop("targets"), "targets"),
        (lambda m: m["targets"].clear(), "targets"),
        (lambda m: m["targets"][0].update(account="../../../etc"), "account"),
        (lambda m: m["targets"][0].update(account="111122223333\n"), "account"),
        (lambda m: m["targets"][0].update(account="١١١١٢٢٢٢٣٣٣٣"), "account"),
        (lambda m: m["targets"][0].update(region=".."), "region"),
        (lambda m: m["targets"][0].update(region="us-east-1\n"), "Region"),
        (lambda m: m["targets"][0].update(region="../us-east-1"), "region"),
        (lambda m: m["targets"][0]["parts"].update({"../../x": "0" * 64}), "parts"),
        (lambda m: m["targets"][0]["parts"].pop("calls.jsonl.gz"), "parts"),
        (lambda m: m["targets"].append(m["targets"][0]), "twice"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(tmp_path, change, message):
    write(tmp_path / "s")
    _edit(tmp_path / "s", change)
    with pytest.raises(SnapshotError, match=message):
        Snapshot.open(tmp_path / "s")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '"x"', "[" * 100_000, '{"a": \ud800}'.encode("utf-8", "surrogatepass")]
)
def test_a_manifest_that_is_none_is_refused(tmp_path, text):
    write(tmp_path / "s")
    (tmp_path / "s/snapshot.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SnapshotError, match=r"snapshot\.json"):
        Snapshot.open(tmp_path / "s")


def _forge(path: Path, part: str, data: bytes) -> Snapshot:
    """Replace a part and its hash."""
    (path / PART / part).write_bytes(data)
    _edit(path, lambda m: m["targets"][0]["parts"].update({part: hashlib.sha256(data).hexdigest()}))
    return Snapshot.open(path)


@pytest.mark.parametrize(
    "data",
    [
        b"not gzip",
        gzip.compress(b'{"service": "ecs"}\n', mtime=0)[:-9],
        gzip.compress(b"not json\n", mtime=0),
        gzip.compress(b"[]\n", mtime=0),
        gzip.compress(b'{"service": "ecs"}\n', mtime=0),
        gzip.compress(b"\xff\xfe\n", mtime=0),
        gzip.compress(b'{"parameters": [], "service": "ecs"}\n', mtime=0),
        gzip.compress(b"[" * 100_000 + b"\n", mtime=0),
    ],
)
def test_calls_that_cannot_be_read_are_named(tmp_path, data):
    write(tmp_path / "s")
    snapshot = _forge(tmp_path / "s", "calls.jsonl.gz", data)
    with pytest.raises(SnapshotError, match=r"calls\.jsonl\.gz cannot be read"):
        list(snapshot.calls())


def test_images_that_cannot_be_read_are_named(tmp_path):
    write(tmp_path / "s")
    snapshot = _forge(tmp_path / "s", "images.parquet", b"PAR1 but not really PAR1")
    with pytest.raises(SnapshotError, match=r"images\.parquet cannot be read"):
        snapshot.images()


@pytest.mark.parametrize(("rows", "message"), [(3, "should have 3 images, not 2"), (1, "should have 1 images, not 2")])
def test_images_that_do_not_belong_to_the_calls_are_refused(tmp_path, rows, message):
    writer = SnapshotWriter(tmp_path / "s")
    listings = {"r": Listing((FULL, BARE))}
    writer.write(EAST, [images_call("r", rows)], listings, started_at=AT, finished_at=AT)
    with pytest.raises(SnapshotError, match=message):
        writer.finish([EAST]).images()


def test_images_nobody_asked_for_are_refused(tmp_path):
    writer = SnapshotWriter(tmp_path / "s")
    writer.write(EAST, [], {"r": Listing((BARE,))}, started_at=AT, finished_at=AT)
    with pytest.raises(SnapshotError, match="nobody asked"):
        writer.finish([EAST]).images()


def test_a_place_in_two_snapshots_is_refused(tmp_path):
    write(tmp_path / "one", (EAST,))
    write(tmp_path / "other", (EAST, WEST))
    now = datetime(2026, 11, 21, tzinfo=UTC)
    with pytest.raises(UsageError, match=r"other: '111122223333/us-east-1' is in another snapshot"):
        scan([tmp_path / "one", tmp_path / "other"], [], Config(), now)


def test_images_listed_twice_are_refused(tmp_path):
    writer = SnapshotWriter(tmp_path / "s")
    twice = [images_call("r", 1), replace(images_call("r", 1), parameters={"repositoryName": "r", "filter": {}})]
    writer.write(EAST, twice, {"r": Listing((BARE,))}, started_at=AT, finished_at=AT)
    with pytest.raises(SnapshotError, match=r"images\.parquet: the images of 'r' were listed twice"):
        writer.finish([EAST]).images()


def test_what_is_no_snapshot_is_refused_with_the_next_step(tmp_path):
    with pytest.raises(SnapshotError, match="there is no snapshot"):
        Snapshot.open(tmp_path / "nothing")
    with pytest.raises(SnapshotError, match="is not a snapshot"):
        Snapshot.open(tmp_path)
    write(tmp_path / "s", finish=False)
    with pytest.raises(SnapshotError, match="unfinished") as caught:
        Snapshot.open(tmp_path / "s")
    assert "collect --resume" in caught.value.hint


# --- where a snapshot may be written -----------------------------------------------------------------------------


def test_a_finished_snapshot_is_never_overwritten(tmp_path):
    write(tmp_path / "s")
    for resume in (False, True):
        with pytest.raises(UsageError, match="never overwritten"):
            SnapshotWriter(tmp_path / "s", resume=resume)


def test_what_is_not_a_snapshot_is_never_written_into(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(UsageError, match="not empty"):
            SnapshotWriter(tmp_path, resume=resume)
        with pytest.raises(UsageError, match="is a file"):
            SnapshotWriter(tmp_path / "notes.txt", resume=resume)


def test_a_refused_run_leaves_nothing_behind(tmp_path):
    SnapshotWriter(tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_resume_keeps_what_is_done(tmp_path):
    write(tmp_path / "s", (EAST,), finish=False)
    stale = tmp_path / "s" / f"targets/{ACCOUNT}/.us-west-2.partial"
    stale.mkdir(parents=True)
    (stale / "calls.jsonl.gz").write_bytes(b"half")
    with pytest.raises(UsageError, match="unfinished"):
        SnapshotWriter(tmp_path / "s")
    writer = SnapshotWriter(tmp_path / "s", resume=True)
    assert writer.done(EAST)
    assert not writer.done(WEST)
    assert not writer.done(Target(ACCOUNT, "us-east-1", "aws", None, ("ecr",)))
    writer.write(WEST, [call(target=WEST)], {}, started_at=AT, finished_at=AT)
    assert writer.finish([EAST, WEST]).targets == (EAST, WEST)
    assert not stale.exists()


@pytest.mark.parametrize("part", ["calls.jsonl.gz", "images.parquet", "target.json"])
def test_a_damaged_target_is_not_done(tmp_path, part):
    write(tmp_path / "s", (EAST,), finish=False)
    _flip(tmp_path / "s" / PART / part)
    writer = SnapshotWriter(tmp_path / "s", resume=True)
    assert not writer.done(EAST) or part == "target.json"  # a flipped space in target.json changes nothing
    writer.write(EAST, [call()], {}, started_at=AT, finished_at=AT)
    assert writer.done(EAST)


def stage(path, stage, calls, rows=(), **more):
    writer = SnapshotWriter(path, resume=True).begin(EAST, stage)
    writer.add(calls)
    for name, images in dict(rows).items():
        writer.add_images(name, shards.image_lines(name, images))
    writer.finish(started_at=AT, finished_at="2026-11-20T08:02:00Z", **more)


def staged(path):
    """Write a target in three stages, and return its writer."""
    stage(path, Stage.CALLS, [call(), call("DescribeRegistry", service="ecr")])
    left_out = [LeftOut("ecr:DescribeImages", 3, "nobody reads them")]
    stage(path, Stage.IMAGES, [images_call("r", 1)], {"r": (BARE,)}, left_out=left_out)
    stage(path, Stage.DIGESTS, [call("DescribeImageReplicationStatus", service="ecr")])
    return SnapshotWriter(path, resume=True)


def test_stages_of_a_target_are_one_sorted_list_of_calls(tmp_path):
    snapshot = staged(tmp_path / "s").finish([EAST])
    assert [f"{one.service}:{one.operation}" for one in snapshot.calls()] == [
        "ecr:DescribeImageReplicationStatus", "ecr:DescribeImages", "ecr:DescribeRegistry", "ecs:ListClusters",
    ]  # fmt: skip
    assert [len(listing.images) for listing in snapshot.images().values()] == [1]
    (record,) = snapshot.records
    assert (record.started_at, record.finished_at) == (AT, "2026-11-20T08:02:00Z")
    rows = {row.operation: row for row in snapshot.coverage()}
    assert (rows["ecr:DescribeImages"].left_out, rows["ecr:DescribeImages"].left_out_reason) == (3, "nobody reads them")
    assert Snapshot.open(tmp_path / "s") == snapshot


def test_a_stage_is_done_by_itself(tmp_path):
    stage(tmp_path / "s", Stage.CALLS, [call()])
    writer = SnapshotWriter(tmp_path / "s", resume=True)
    assert [writer.done(EAST, each) for each in Stage] == [True, False, False]
    assert [call.operation for call in writer.calls_before(EAST, Stage.IMAGES)] == ["ListClusters"]


def test_a_stage_that_was_cut_off_is_not_done_and_those_before_are(tmp_path):
    """A second try that is killed before its last step: the parts are new, and the record speaks of the old ones."""
    writer = staged(tmp_path / "s")
    folder = tmp_path / "s" / PART
    record = (folder / "target.json").read_bytes()
    stage(tmp_path / "s", Stage.IMAGES, [images_call("q", 2)], {"q": (BARE, FULL)})
    assert [writer.done(EAST, each) for each in Stage] == [True, True, False]  # what followed from it goes
    (folder / "target.json").write_bytes(record)
    assert [writer.done(EAST, each) for each in Stage] == [True, False, False]
    assert not writer.done(EAST)
    with pytest.raises((ValueError, FileNotFoundError)):
        writer.finish([EAST])
    stage(tmp_path / "s", Stage.IMAGES, [images_call("r", 0)])
    snapshot = writer.finish([EAST])
    assert [listing.images for listing in snapshot.images().values()] == [()]
    assert sorted(part.name for part in folder.iterdir()) == sorted(snapshot.records[0].parts)


def test_the_first_stage_begins_a_target_anew(tmp_path):
    writer = staged(tmp_path / "s")
    stage(tmp_path / "s", Stage.CALLS, [call()])
    assert [writer.done(EAST, each) for each in Stage] == [True, False, False]
    assert [row.left_out for row in writer.finish([EAST]).coverage()] == [0]


def test_a_target_in_the_wrong_place_is_not_done(tmp_path):
    write(tmp_path / "s", (EAST,), finish=False)
    (tmp_path / "s" / PART).rename(tmp_path / "s" / PART.replace("us-east-1", "us-west-2"))
    writer = SnapshotWriter(tmp_path / "s", resume=True)
    assert not writer.done(EAST)
    assert not writer.done(WEST)


@pytest.mark.parametrize(
    ("account", "region"),
    [("1", "us-east-1"), ("../etc", "us-east-1"), (ACCOUNT, "us-east-1/.."), (ACCOUNT, "aws-global"), (ACCOUNT, "")],
)
def test_names_that_are_none_make_no_target(account, region):
    with pytest.raises(ValueError, match="is not"):
        Target(account, region, "aws", None, ())


@pytest.mark.parametrize(
    "region", ["us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7", "mx-central-1"]
)
def test_every_partition_has_targets(region):
    assert Target(ACCOUNT, region, "aws", None, ()).region == region


# --- redaction ---------------------------------------------------------------------------------------------------

SECRET = "correct-horse-battery-staple"
SESSION = "IQoJb3JpZ2luX2VjE" + "Aa1/+" * 30
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----"

FIELDS = [
    ("ecs", {"environment": [{"name": "PASSWORD", "value": SECRET}]}),
    ("ecs", {"environment": [{"name": "PASSWORD", "value": SECRET, "note": [SECRET]}, SECRET]}),
    ("ecs", {"environment": {"PASSWORD": SECRET, "NOTHING": None}}),
    ("ecs", {"command": ["run", f"--password={SECRET}"]}),
    ("ecs", {"entryPoint": ["sh", "-c", SECRET]}),
    ("ecs", {"healthCheck": {"command": ["CMD", f"curl -u x:{SECRET}"]}}),
    ("ecs", {"dockerLabels": {"token": SECRET}}),
    ("ecs", {"logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": SECRET, "n": [SECRET]}}}),
    ("ecs", {"logConfiguration": {"options": [SECRET]}}),
    ("ecs", {"firelensConfiguration": {"type": "fluentbit", "options": {"apikey": SECRET}}}),
    ("ecs", {"dockerVolumeConfiguration": {"driverOpts": {"o": f"password={SECRET}"}}}),
    ("ecs", {"overrides": {"containerOverrides": [{"name": "a", "command": [SECRET]}]}}),
    ("ecs", {"overrides": {"containerOverrides": [{"environment": [{"name": "a", "value": SECRET}]}]}}),
    ("eks", {"addon": {"configurationValues": json.dumps({"password": SECRET})}}),
    ("eks", {"cluster": {"certificateAuthority": {"data": SECRET}}}),
]
TEXTS = [
    (f"https://b.s3.amazonaws.com/x?X-Amz-Signature={SECRET}&X-Amz-Expires=60", SECRET),
    (f"https://b.s3.amazonaws.com/x?x-amz-security-token={SECRET}", SECRET),
    (f"see https%3A%2F%2Fb?X-Amz-Credential%3D{SECRET}&y", SECRET),
    ("user AKIAIOSFODNN7EXAMPLE is not authorized", "AKIAIOSFODNN7EXAMPLE"),
    ("xASIAIOSFODNN7EXAMPLEx", "ASIAIOSFODNN7EXAMPLE"),
    (f"key: {PEM} end", "MIIEpAIBAAKCAQEA7"),
    (PEM[:60], "MIIEpAIBAAKCAQEA7"),
    (json.dumps({"key": PEM}), "MIIEpAIBAAKCAQEA7"),
    ("LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFcEE=", "BSU0EgUFJJVkFURSBLRVk"),
    (f"token {SESSION}", SESSION),
    (f"aws_secret_access_key = {SECRET}", SECRET),
    (f'{{"SessionToken": "{SECRET}"}}', SECRET),
    (json.dumps(json.dumps({"SecretAccessKey": SECRET})), SECRET),
]


@pytest.mark.parametrize(("service", "answer"), FIELDS)
def test_no_field_that_people_keep_secrets_in_is_kept(service, answer):
    redacted = redact(service, answer)
    assert SECRET not in json.dumps(redacted)
    assert redact(service, redacted) == redacted


@pytest.mark.parametrize(("text", "secret"), TEXTS)
def test_no_credential_is_kept_in_any_string(text, secret):
    assert secret in text
    assert secret not in scrub(text)
    assert "[redacted]" in scrub(text)
    assert scrub(scrub(text)) == scrub(text)


PIECES = [
    *(text for text, _ in TEXTS),
    *"aZ09._/+-\n:=%é",
    *(
        "x-amz-signature",
        "x-amz-credential=a",
        "secret_access_key",
        "Secret_Access_Key=a",
        "sessiontoken:a",
        "%3Da",
        "=a",
    ),
    *("-----begin private key-----", "ls0tls1crudjti", "akia", "AKIA", "a" * 40, "A" * 16, "fwogzxivyxdz", "AQoDaqo"),
]


@given(st.lists(st.sampled_from([piece for text in PIECES for piece in (text, text.lower())]), max_size=8).map("".join))
def test_a_quick_look_at_a_text_passes_no_credential(text):
    thorough = text
    for pattern, replacement in redaction._CREDENTIALS:
        thorough = pattern.sub(replacement, thorough)
    assert scrub(text) == thorough
    assert redaction.suspicious(text) or thorough == text


def test_nothing_secret_is_written(tmp_path):
    calls = [
        call("DescribeTasks", service=service, parameters={"n": n}, response={"deep": [{"in": answer}]})
        for n, (service, answer) in enumerate(FIELDS)
    ]
    for n, (text, _) in enumerate(TEXTS):
        calls += [
            call("DescribeX", service="ecr", parameters={"n": n, "text": text}, response={"a": [text], text: 1}),
            call("DescribeY", service="ecr", parameters={"n": n}, error=CallError(text, text, 400, 1)),
        ]
    writer = SnapshotWriter(tmp_path / "s")
    writer.write(EAST, calls, {}, started_at=AT, finished_at=AT)
    writer.finish([EAST])
    written = b"".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    )
    assert b"DescribeY" in written
    for secret in {SECRET, *(secret for _, secret in TEXTS)}:
        assert secret.encode() not in written
        assert json.dumps(secret)[1:-1].encode() not in written


def test_what_rules_need_is_kept():
    definition = {
        "taskDefinition": {
            "family": "api",
            "containerDefinitions": [
                {
                    "name": "api",
                    "image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/api@" + digest("api"),
                    "environment": [
                        {
                            "name": "QUEUE",
                            "value": "https://sqs.us-east-1.amazonaws.com/1/q?from=eu-west-1,prod-us-east-1a",
                        },
                        {"name": "PLAIN", "value": "x"},
                    ],
                    "secrets": [{"name": "P", "valueFrom": "arn:aws:secretsmanager:us-east-1:111122223333:secret:p"}],
                    "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::config/prod.env"}],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {"awslogs-region": "us-east-1", "mode": "eu-gov-1 us-gov-west-1"},
                    },
                }
            ],
        }
    }
    expected = json.loads(json.dumps(definition))
    container = expected["taskDefinition"]["containerDefinitions"][0]
    container["environment"][0]["value"] = "[redacted; mentions eu-west-1, us-east-1]"
    container["environment"][1]["value"] = "[redacted]"
    container["logConfiguration"]["options"]["mode"] = "[redacted; mentions us-gov-west-1]"
    assert redact("ecs", definition) == expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(_JSON, st.sampled_from(TEXTS), st.text(max_size=5), st.sampled_from(["ecr", "ecs", "eks"]))
@settings(max_examples=150, deadline=None)
def test_redaction_keeps_the_rest_and_is_stable(answer, planted, around, service):
    text, secret = planted
    mixed = {"answer": answer, "planted": [{around: f"{around} {text}"}]}
    redacted = redact(service, mixed)
    assert secret not in json.dumps(redacted, ensure_ascii=False)
    assert redact(service, redacted) == redacted
    assert set(redacted) == {"answer", "planted"}


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = datetime(2106, 2, 7)  # seconds since 1970, as AWS has them, are whole microseconds until then


@given(st.lists(st.builds(
    Image,
    digest=st.binary(min_size=32, max_size=32).map(lambda b: f"sha256:{b.hex()}"),
    tags=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), max_size=3).map(tuple),
    pushed_at=st.none() | st.datetimes(datetime(1970, 1, 1), EXACT, timezones=st.just(UTC)),
    size=st.none() | st.integers(0, 2**63 - 1),
    subject=st.none() | st.binary(min_size=32, max_size=32).map(lambda b: f"sha256:{b.hex()}"),
), max_size=5, unique_by=lambda image: image.digest))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_images_round_trip(tmp_path_factory, images):
    images = tuple(sorted(images, key=lambda image: image.digest))
    writer = SnapshotWriter(tmp_path_factory.mktemp("round") / "s")
    writer.write(EAST, [images_call("r", len(images))], {"r": Listing(images)}, started_at=AT, finished_at=AT)
    assert writer.finish([EAST]).images() == {RepositoryKey(ACCOUNT, "us-east-1", "r"): Listing(images)}


@given(st.lists(st.floats(0, 2e11) | st.integers(0, 2**42).map(lambda n: n / 2_000_000), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_seconds_of_aws_are_rounded_to_the_nearest_microsecond_as_python_does(tmp_path_factory, seconds):
    part = tmp_path_factory.mktemp("round") / "images.parquet"
    spool = shards.Spool(part.with_name("rows"))
    rows = [{"repositoryName": "r", "imageDigest": digest(str(n)), "imagePushedAt": at} for n, at in enumerate(seconds)]
    spool.add("r", shards.lines(rows, ()))
    spool.write(part)
    images = Registry(part).images("r").images
    found = {image.digest: (image.pushed_at - EPOCH) // timedelta(microseconds=1) for image in images}
    assert found == {row["imageDigest"]: round(row["imagePushedAt"] * 1_000_000) for row in rows}


def test_of_images_that_repeat_the_first_stays(tmp_path):
    """In the order in which they were added, which is neither that of the shard nor that of their members."""
    names = [(name, str(number)) for number in range(3000) for name in ("b", "a")]
    added = [*((*name, ["v2", "v3"]) for name in names), *((*name, [tag]) for tag in ("v1", "v9") for name in names)]
    parts = [tmp_path / "repeats.parquet", tmp_path / "once.parquet"]
    for part, images in zip(parts, (added, added[: len(names)]), strict=True):
        spool = shards.Spool(tmp_path / "rows")
        spool.repeats = len(images) > len(names)
        keys = ("repositoryName", "imageDigest", "imageTags")
        for r, d, tags in images:
            spool.add(r, shards.lines([dict(zip(keys, (r, digest(d), tags), strict=True))], ()))
        spool.write(part)
    repeats, once = map(Registry, parts)
    assert [repeats.images(name) for name in ("a", "b")] == [once.images(name) for name in ("a", "b")]
    assert parts[0].read_bytes() == parts[1].read_bytes()


def test_a_hundred_thousand_images_round_trip(tmp_path):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    images = tuple(
        sorted(
            (Image(digest(str(n)), (f"v{n}",), start + timedelta(seconds=n), n) for n in range(100_000)),
            key=lambda image: image.digest,
        )
    )
    writer = SnapshotWriter(tmp_path / "s")
    writer.write(EAST, [images_call("r", len(images))], {"r": Listing(images)}, started_at=AT, finished_at=AT)
    (listing,) = writer.finish([EAST]).images().values()
    assert listing.images == images


def test_reading_a_snapshot_needs_neither_boto3_nor_a_database_until_it_does():
    heavy = "{'boto3', 'botocore', 'duckdb', 'jsonschema'}"
    code = f"import sys, scanner.snapshot, scanner.collectors; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
