"""The tables of a snapshot hold what its shards hold, in the order that makes them small; all of them, or none."""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from scanner import shards
from scanner.cli import main
from scanner.errors import OutputError, RegionproofError, SnapshotError, UsageError
from scanner.export import Exported, export
from scanner.images import Image, Listing
from scanner.recorded import Call, CallError, Target
from scanner.snapshot import Snapshot, SnapshotWriter

AT, NOON = "2026-11-01T00:00:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)
HOME, OTHER = "111122223333", "444455556666"
DENIED = CallError("AccessDeniedException", "no: that is denied")


def digest(number: int) -> str:
    return f"sha256:{hashlib.sha256(str(number).encode()).hexdigest()}"


def images(count: int, first: int = 0) -> tuple[Image, ...]:
    made = [Image(digest(n), (f"v{n}",), NOON + timedelta(minutes=n), n) for n in range(first, first + count)]
    return tuple(sorted(made, key=lambda image: image.digest))


def taken(folder, *registries) -> Snapshot:
    """Return a snapshot of registries, as (account, Region, repository -> images or an error)."""
    writer, targets = SnapshotWriter(folder), []
    for account, region, repositories in registries:
        target = Target(account, region, "aws", None, ("ecr",))
        calls, listings = [], {}
        for name, found in repositories.items():
            error = found if isinstance(found, CallError) else None
            listings[name] = Listing(() if error else found)
            parameters = {"repositoryName": name, "filter": {"imageStatus": "ANY"}}
            rows = len(listings[name].images)
            calls.append(Call("ecr", "DescribeImages", parameters, account, region, 0, None, error, rows, AT))
        writer.write(target, calls, listings, started_at=AT, finished_at=AT)
        targets.append(target)
    return writer.finish(targets)


def rows(folder, table):
    source = f"read_parquet('{folder}/{table}/*/*.parquet', hive_types = {{account: VARCHAR}})"
    return duckdb.execute(f"SELECT account, * EXCLUDE (account) FROM {source}").fetchall()


def test_every_account_has_its_images_and_its_lists(tmp_path):
    both, west = images(4), images(6, 2)
    snapshot = taken(
        tmp_path / "s",
        (HOME, "us-east-1", {"b": both, "a": images(1)}),
        (HOME, "us-west-2", {"b": west, "empty": (), "closed": DENIED}),
        (OTHER, "us-east-1", {"empty": ()}),
        ("777788889999", "us-east-1", {}),
    )
    assert export(snapshot, tmp_path / "t") == Exported(accounts=2, lists=6, images=11)
    stored = rows(tmp_path / "t", "images")
    found = [(account, region, name, f"sha256:{at.hex()}") for account, region, name, at, *_ in stored]
    expected = [
        *((HOME, "us-east-1", "a", image.digest) for image in images(1)),
        *((HOME, "us-east-1", "b", image.digest) for image in both),
        *((HOME, "us-west-2", "b", image.digest) for image in west),
    ]
    assert found == sorted(expected, key=lambda row: (row[0], row[2], row[3], row[1]))
    assert rows(tmp_path / "t", "lists") == [
        (HOME, "us-east-1", "a", 1, None),
        (HOME, "us-east-1", "b", 4, None),
        (HOME, "us-west-2", "b", 6, None),
        (HOME, "us-west-2", "closed", 0, "AccessDeniedException"),
        (HOME, "us-west-2", "empty", 0, None),
        (OTHER, "us-east-1", "empty", 0, None),
    ]


def test_a_digest_in_two_regions_takes_its_room_once(tmp_path):
    many = images(20_000)
    one = taken(tmp_path / "one", (HOME, "us-east-1", {"a": many}))
    two = taken(tmp_path / "two", (HOME, "us-east-1", {"a": many}), (HOME, "us-west-2", {"a": many}))
    export(one, tmp_path / "1")
    export(two, tmp_path / "2")
    sizes = [next((tmp_path / name / "images").rglob("*.parquet")).stat().st_size for name in "12"]
    assert sizes[1] < 1.3 * sizes[0]


def test_what_does_not_fit_into_memory_goes_to_the_disk_and_is_gone(tmp_path, monkeypatch):
    many = {"a": images(30_000)}
    snapshot = taken(tmp_path / "s", (HOME, "us-east-1", many), (HOME, "us-west-2", many))
    monkeypatch.setattr(shards, "MEMORY", "20MB")
    monkeypatch.setattr(shards, "_sorters", {})
    assert export(snapshot, tmp_path / "t").images == 60_000
    assert sorted(path.name for path in (tmp_path / "t").rglob("*")) == sorted(
        ["images", "lists", f"account={HOME}", f"account={HOME}", "images.parquet", "lists.parquet"]
    )


def test_too_little_memory_is_told_and_nothing_is_left(tmp_path, monkeypatch):
    snapshot = taken(tmp_path / "s", (HOME, "us-east-1", {"a": images(30_000)}))
    monkeypatch.setattr(shards, "MEMORY", "1MB")
    monkeypatch.setattr(shards, "_sorters", {})
    with pytest.raises(RegionproofError, match="took more than 1MB of memory"):
        export(snapshot, tmp_path / "t")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_snapshot_without_lists_has_no_tables(tmp_path):
    with pytest.raises(RegionproofError, match="no repository was asked for its images"):
        export(taken(tmp_path / "s", (HOME, "us-east-1", {})), tmp_path / "t")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_nothing_is_mixed_with_anything(tmp_path):
    snapshot = taken(tmp_path / "s", (HOME, "us-east-1", {"a": images(1)}))
    (tmp_path / "file").write_text("")
    for at, said in ((tmp_path / "s", "never mixed"), (tmp_path / "file", "is no folder")):
        with pytest.raises(UsageError, match=said):
            export(snapshot, at)
    (tmp_path / "empty").mkdir()
    export(snapshot, tmp_path / "empty")
    with pytest.raises(OutputError, match="cannot be written"):
        export(snapshot, tmp_path / "file" / "t")


def test_a_shard_that_the_snapshot_does_not_name_is_none_of_its_own(tmp_path):
    snapshot = taken(tmp_path / "s", (HOME, "us-east-1", {"a": images(1)}), (HOME, "us-west-2", {}))
    targets = tmp_path / "s" / "targets" / HOME
    shutil.copyfile(targets / "us-east-1" / "images.parquet", targets / "us-west-2" / "images.parquet")
    assert export(snapshot, tmp_path / "t").images == 1


@pytest.mark.parametrize("damage", [b"", b"PAR1 no more"])
def test_a_damaged_shard_is_named_and_nothing_is_left(tmp_path, damage):
    snapshot = taken(tmp_path / "s", (HOME, "us-east-1", {"a": images(1)}), (OTHER, "us-east-1", {"a": images(1)}))
    shard = tmp_path / "s" / "targets" / OTHER / "us-east-1" / "images.parquet"
    shard.write_bytes(damage)
    with pytest.raises(SnapshotError, match=f"{OTHER}/us-east-1/images.parquet"):
        export(snapshot, tmp_path / "t")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_the_command_says_what_it_wrote_and_what_is_wrong(tmp_path, demo, monkeypatch, capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["export", *map(str, arguments)])
        done = capsys.readouterr()
        assert done.out == ""
        return stop.value.code, done.err

    monkeypatch.chdir(tmp_path)
    code, said = run(demo / "snapshot", "-o", "tables")
    assert (code, said) == (0, "2,509 images of 47 repositories in 2 accounts, in tables.\n")
    assert run(demo / "snapshot", "-o", "tables")[0] == 2
    assert run("none", "-o", "t")[0] == 4
    assert run(demo / "snapshot", "-o", "")[0] == 2
    shutil.copytree(demo / "snapshot", "s")
    next((tmp_path / "s").rglob("images.parquet")).write_bytes(b"x")
    code, said = run("s", "-o", "t")
    assert code == 4
    assert "images.parquet is damaged" in said
