"""The SQL of docs/query.md, run on the demo: it gives what the model and a plain loop over the images give."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from scanner import shards
from scanner.export import export
from scanner.images import ImageIndex, RepositoryKey
from scanner.model import InsufficientData
from scanner.snapshot import Snapshot

PAGE = (Path(__file__).parent.parent / "docs" / "query.md").read_text(encoding="utf-8")
SQL = dict(re.findall(r"```sql\n-- ([^\n]+)\n(.+?)```", PAGE, re.DOTALL))
HOME, EAST, WEST = "111122223333", "us-east-1", "us-west-2"


def rows_of(table: str) -> dict[str, str]:
    """Return column -> type as the page has them."""
    (section,) = re.findall(rf"^## {table}\n(.+?)^## |\*\*", PAGE, re.DOTALL | re.MULTILINE)[:1]
    return dict(re.findall(r"^\| `(\w+)` \| ([A-Z\[\] ]+) \|", section, re.MULTILINE))


@pytest.fixture(scope="module")
def snapshot(demo):
    return Snapshot.open(demo / "snapshot")


@pytest.fixture(scope="module")
def images(snapshot):
    return {(key.account, key.region, key.name): listing.images for key, listing in snapshot.images().items()}


@pytest.fixture(scope="module")
def tables(snapshot, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    export(snapshot, folder / "tables")
    return folder


@pytest.fixture(params=["views", "views of tables"])
def database(request, demo, tables, monkeypatch):
    """Give the snapshot, and then its tables: every question is answered alike."""
    monkeypatch.chdir(tables if request.param == "views of tables" else demo)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(SQL[request.param])
        yield connection


def test_every_column_is_told_with_its_type(database):
    place = {"account": "VARCHAR", "region": "VARCHAR"}
    for table in ("images", "lists"):
        columns = database.execute(f"DESCRIBE {table}").fetchall()
        assert place | rows_of(table) == {name: kind for name, kind, *_ in columns}
    assert list(rows_of("images")) == list(shards.COLUMNS)


def test_the_views_hold_every_image_and_every_list(database, images):
    found = database.execute("SELECT account, region, repository, lower(hex(digest)) FROM images").fetchall()
    assert sorted(found) == sorted(
        (*place, image.digest.removeprefix("sha256:")) for place, listed in images.items() for image in listed
    )
    lists = database.execute("SELECT account, region, repository, images FROM lists").fetchall()
    assert {tuple(place): count for *place, count in lists} == {place: len(each) for place, each in images.items()}


def test_images_that_only_the_primary_has(database, snapshot, images):
    index = ImageIndex(snapshot.images())
    expected = {}
    for account, region, name in images:
        key, standby = RepositoryKey(account, region, name), RepositoryKey(account, WEST, name)
        if (account, region) != (HOME, EAST):
            continue
        try:
            found = index.missing(key, standby, snapshot.as_of)
            expected[name] = (found.missing, found.oldest_missing_at, "whole")
        except InsufficientData:  # then nobody knows, and the third column says why
            pushed = [image.pushed_at for image in images[account, region, name]]
            why = "AccessDeniedException" if standby in index else "not listed: no such repository, or not asked for"
            expected[name] = (len(pushed), min(pushed), why)
    found = database.execute(SQL["images that only the primary has"]).fetchall()
    assert {name: tuple(rest) for name, *rest in found} == {name: row for name, row in expected.items() if row[0]}
    assert {why for *_, why in expected.values()} > {"whole", "AccessDeniedException"}


def test_how_much_later_the_standby_has_it(database, images):
    lags = defaultdict(list)
    for (account, region, name), listed in images.items():
        there = {image.digest: image.pushed_at for image in images.get((account, WEST, name), ())}
        for image in listed if region == EAST else ():
            if image.digest in there:
                lags[name].append(there[image.digest] - image.pushed_at)
    found = database.execute(SQL["how much later the standby has what the primary has"]).fetchall()
    assert {name: (count, worst) for name, count, _, worst in found} == {
        name: (len(each), max(each)) for name, each in lags.items()
    }
    assert {name: median for name, _, median, _ in found}["shop/web"] == timedelta(minutes=4)


def test_storage_by_registry(database, images):
    sizes, counts = Counter(), Counter()
    for (account, region, _), listed in images.items():
        for image in listed:
            sizes[account, region, image.status] += image.size
            counts[account, region, image.status] += 1
    found = database.execute(SQL["storage by registry"]).fetchall()
    assert {tuple(place): count for *place, _, count, _ in found} == counts
    assert {tuple(place): size for *place, _, _, size in found} == {k: round(v / 1e9, 3) for k, v in sizes.items()}


def test_tags_that_name_another_image(database, images):
    def tagged(*place):
        return {tag: image.digest[7:] for image in images.get(place, ()) for tag in image.tags}

    expected = [
        (name, tag, digest, theirs[tag])
        for account, region, name in images
        for theirs in [tagged(account, WEST, name)]
        for tag, digest in (tagged(account, region, name) if region == EAST else {}).items()
        if theirs.get(tag, digest) != digest
    ]
    assert database.execute(SQL["tags that name another image in the standby"]).fetchall() == sorted(expected)
    assert expected


def test_the_oldest_that_were_never_pulled(database, images):
    never = [
        (image.pushed_at, *place, image.digest)
        for place, listed in images.items()
        for image in listed
        if image.last_pulled_at is None and place[1] != WEST
    ]
    found = database.execute(SQL["the oldest images that were never pulled"]).fetchall()
    assert [(pushed, *place) for *place, _, pushed, _ in found] == [each[:-1] for each in sorted(never)[:20]]
    assert found


def test_lists_that_ended_early(database):
    found = database.execute(SQL["lists that ended early"]).fetchall()
    assert found == [(HOME, WEST, "shop/recommender", 0, "AccessDeniedException")]


@pytest.mark.parametrize(("table", "first"), [("images", []), ("exported_images", [("region", "string")])])
def test_the_tables_of_athena_have_the_columns_of_a_shard(table, first):
    """Of its syntax nothing is known here: Athena was not asked."""
    (columns,) = re.findall(rf"CREATE EXTERNAL TABLE {table} \((.+?)\n\)", PAGE, re.DOTALL)
    kinds = {
        "VARCHAR": "string",
        "BLOB": "binary",
        "VARCHAR[]": "array<string>",
        "BIGINT": "bigint",
        "TIMESTAMP WITH TIME ZONE": "timestamp",
    }
    expected = first + [(name, kinds[kind]) for name, kind in rows_of("images").items()]
    assert re.findall(r"(\w+) ([\w<>]+)", columns) == expected
