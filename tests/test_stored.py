"""Images that stay in their shards: the same answers as from memory, and never a count of what cannot be relied on."""

import pickle
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import database, lacking, shards, stored
from scanner.errors import RegionproofError, SnapshotError
from scanner.images import SAMPLE, Image, ImageIndex, Listing, RepositoryKey
from scanner.model import InsufficientData
from scanner.stored import Registry, StoredListing

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NAMES = ("a", "a/b", "a0", "b", "z/ü")
HERE, THERE = (RepositoryKey("111122223333", region, "") for region in ("us-east-1", "us-west-2"))


def digest(number):
    return f"sha256:{number:064x}"


def shard(path, listings):
    """Write the images of repositories as a shard, of which there is none without images."""
    if not any(listings.values()):
        return Registry(path, {})
    spool = shards.Spool(path.with_name("rows"))
    for name, images in listings.items():
        spool.add(name, shards.image_lines(name, images))
    spool.write(path)
    return Registry(path)


def stored_index(folder, here, there, incomplete=()):
    found = {}
    for place, side in ((HERE, here), (THERE, there)):
        registry = shard(folder / f"{place.region}.parquet", side)
        for name in side:
            reason = "ThrottlingException" if (place, name) in incomplete else None
            found[place._replace(name=name)] = StoredListing(registry, name, reason)
    return ImageIndex(found)


hours = st.none() | st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.5000001, 1.0, 24.0, 48.0])
some_images = st.lists(
    st.builds(
        lambda number, age, status, tags, kind, subject: Image(
            digest(number),
            tags=tuple(sorted(tags)),
            pushed_at=None if age is None else NOON - timedelta(hours=age),
            status=status,
            media_type=kind,
            subject=None if subject is None else digest(subject),
        ),
        st.integers(0, 9),
        hours,
        st.sampled_from(["ACTIVE", "ACTIVE", "ARCHIVED", "ACTIVATING"]),
        st.sets(st.sampled_from(["1", "2", "3", "latest", "v'\n"]), max_size=2),
        st.none() | st.just("application/vnd.oci.image.index.v1+json"),
        st.none() | st.integers(0, 9),
    ),
    unique_by=lambda image: image.digest,
    max_size=8,
).map(lambda images: tuple(sorted(images, key=lambda image: image.digest)))
sides = st.dictionaries(st.sampled_from(NAMES), some_images, max_size=5)
copied = st.sets(st.sampled_from(NAMES))


@pytest.fixture(scope="module", autouse=True)
def small():
    """Let few images be many: so that runs and pages end, and kept times do not suffice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lacking, "TOGETHER", 7)
        patch.setattr(lacking, "APART", 3)
        patch.setattr(stored, "PAGE", 4)
        patch.setattr(lacking, "_LAST_TIMES", "max(epoch_us(pushed_at), 2)")
        patch.setattr(stored, "_shelf", stored._Shelf(6))
        yield


def outcome(ask):
    try:
        return ask()
    except InsufficientData as gap:
        return str(gap)


def naive(here, there, older_than):
    """Compare two lists as one would by hand."""
    known = {image.digest for image in there}
    absent = [image for image in here if image.status == "ACTIVE" and image.digest not in known]
    pending = [image for image in absent if image.pushed_at and image.pushed_at > older_than]
    late = [image for image in absent if image not in pending]
    oldest = min((image.pushed_at for image in late if image.pushed_at), default=None)
    return sum(image.status == "ACTIVE" for image in here), len(late), len(pending), oldest


@given(sides, sides, copied, st.sets(st.tuples(st.sampled_from([HERE, THERE]), st.sampled_from(NAMES)), max_size=2))
@settings(max_examples=15, deadline=None)
def test_what_is_missing_is_the_naive_set_difference(tmp_path_factory, here, there, same, incomplete):
    there |= {name: here[name] for name in same & here.keys()}
    index = stored_index(tmp_path_factory.mktemp("estate"), here, there, incomplete)
    for older_than in (NOON, NOON - timedelta(hours=0.5), NOON - timedelta(hours=30)):
        for name in NAMES:
            primary, standby = HERE._replace(name=name), THERE._replace(name=name)
            if {(HERE, name), (THERE, name)} & incomplete or name not in here or name not in there:
                with pytest.raises(InsufficientData):
                    index.missing(primary, standby, older_than)
                continue
            found = index.missing(primary, standby, older_than)
            expected = naive(here[name], there[name], older_than)
            assert (found.images, found.missing, found.pending, found.oldest_missing_at) == expected
            assert len(set(found.sample)) == min(SAMPLE, found.missing)


@given(sides, sides, copied, st.sets(st.tuples(st.sampled_from([HERE, THERE]), st.sampled_from(NAMES)), max_size=1))
@settings(max_examples=10, deadline=None)
def test_a_shard_answers_whatever_is_asked_as_memory_does(tmp_path_factory, here, there, same, incomplete):
    there |= {name: here[name] for name in same & here.keys()}
    index = stored_index(tmp_path_factory.mktemp("estate"), here, there, incomplete)
    memory = ImageIndex(
        {
            key: Listing((here if key.region == HERE.region else there)[key.name], index.listing(key).incomplete)
            for key in index
        }
    )
    older_than = NOON - timedelta(hours=0.5)
    questions = [
        *((lambda each, k=k, d=d: each.get(k, digest(d))) for k in index for d in range(10)),
        *((lambda each, k=k, t=t: each.tagged(k, t)) for k in index for t in ("1", "latest", "v'\n", "none", None)),
        *((lambda each, k=k, d=d: each.referrers(k, digest(d))) for k in index for d in range(3)),
        *((lambda each, k=k: each.missing(k, None, older_than)) for k in index),
        *((lambda each, k=k, n=n: each.newest(k, n)) for k in index for n in (0, 3)),
        *((lambda each, k=k: (each.count(k), each.images(k))) for k in index),
    ]
    for name in NAMES:
        for other in (name, "b"):
            pair = HERE._replace(name=name), THERE._replace(name=other)
            questions += [
                lambda each, pair=pair: each.missing(*pair, older_than),
                lambda each, pair=pair: each.tag_differences(*pair, older_than),
                lambda each, pair=pair: each.tag_differences(*pair[::-1], NOON),
            ]
    for ask in questions:
        assert outcome(lambda ask=ask: ask(index)) == outcome(lambda ask=ask: ask(memory))
    assert {key: index.listing(key) for key in index} == {key: memory.listing(key) for key in memory}


IMAGES = tuple(Image(digest(n), (f"v{n}",), NOON - timedelta(hours=n), n) for n in range(6))


@pytest.mark.parametrize("turned", [False, True])
def test_a_tag_on_one_more_image_is_told_from_a_shard_as_from_memory(tmp_path, turned):
    """Such a tag moved while the images were listed, on one of the two sides."""
    once = Image(digest(1), ("t",)), Image(digest(2), ())
    twice = once[0], Image(digest(2), ("t",))
    here, there = (twice, once) if turned else (once, twice)
    index = stored_index(tmp_path, {"a": here}, {"a": there})
    for each in (index, ImageIndex({key: Listing(index.images(key)) for key in index})):
        with pytest.raises(InsufficientData, match="'t' moved while the images were listed"):
            each.tag_differences(HERE._replace(name="a"), THERE._replace(name="a"), NOON)


def test_a_registry_without_images_has_no_shard_and_lacks_all(tmp_path):
    index = stored_index(tmp_path, {"a": IMAGES}, {"a": ()})
    assert not (tmp_path / "us-west-2.parquet").exists()
    for here, there in (tuple(index), tuple(index)[::-1]):
        whole = index.count(here)
        found = index.missing(here, there, NOON), index.tag_differences(here, there, NOON)
        assert (found[0].images, found[0].missing, found[1].tags, found[1].lost) == (whole, whole, whole, {})
        assert (index.get(there, digest(9)), index.tagged(there, "v9"), index.referrers(there, digest(9))) == (
            None,
            None,
            (),
        )
        assert (index.newest(there, 9), len(index.images(here))) == (index.images(there)[:9], whole)


def test_what_was_asked_does_not_change_how_an_index_is_written(tmp_path):
    """The engine compares a model with what it was by this; what comes back answers as before."""
    index = stored_index(tmp_path, {"a": IMAGES}, {"a": IMAGES[:4]})
    before = pickle.dumps(index)
    here, there = index
    first = index.missing(here, there, NOON), index.get(here, digest(1)), index.tag_differences(here, there, NOON)
    assert pickle.dumps(index) == before
    copy = pickle.loads(before)
    assert (
        copy.missing(here, there, NOON),
        copy.get(here, digest(1)),
        copy.tag_differences(here, there, NOON),
    ) == first
    assert first[0].missing == 2


def together(monkeypatch, most, apart=100):
    monkeypatch.setattr(lacking, "TOGETHER", most)
    monkeypatch.setattr(lacking, "APART", apart)


def test_a_shard_is_read_once_for_whatever_grace_times(tmp_path, monkeypatch):
    index = stored_index(tmp_path, dict.fromkeys(("a", "b"), IMAGES), dict.fromkeys(("a", "b"), IMAGES[1:]))
    asked = []
    together(monkeypatch, 100)
    monkeypatch.setattr(lacking, "query", lambda *given: asked.append(given) or database.query(*given))
    for name in ("a", "b"):
        for older_than in (NOON, NOON - timedelta(days=9)):
            index.missing(HERE._replace(name=name), THERE._replace(name=name), older_than)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("there", "missing", "queries"),
    [
        ({"a": IMAGES, "b": IMAGES}, (0, 0), 1),
        ({"a": IMAGES, "b": (*IMAGES[1:], Image(digest(9)))}, (0, 1), 2),  # as many, but not the same
        ({"a": IMAGES[:1], "b": IMAGES}, (5, 0), 1),
        ({"a": (*IMAGES, Image(digest(9))), "b": IMAGES}, (0, 0), 1),
        ({"a": IMAGES, "b": IMAGES, "aa": IMAGES}, (0, 0), 1),
    ],
)
def test_what_is_alike_needs_no_search(tmp_path, monkeypatch, there, missing, queries):
    index, asked = stored_index(tmp_path, {"a": IMAGES, "b": IMAGES}, there), []
    together(monkeypatch, 100)
    monkeypatch.setattr(lacking, "query", lambda *given: asked.append(given) or database.query(*given))
    found = [index.missing(HERE._replace(name=name), THERE._replace(name=name), NOON) for name in ("a", "b")]
    assert (tuple(each.missing for each in found), [each.images for each in found]) == (missing, [6, 6])
    assert len(asked) == queries


@pytest.mark.parametrize(
    ("most", "apart", "runs"),
    [
        (100, 24, ["alike a-b", "search c-d", "alike e-e"]),  # 12 images each, but 11 of c
        (100, 12, ["alike a-b", "search c-c", "alike d-e"]),
        (12, 12, ["alike a-a", "alike b-b", "search c-c", "alike d-d", "alike e-e"]),
        (100, 100, ["search a-e"]),
    ],
)
def test_few_that_differ_do_not_make_all_be_searched(tmp_path, monkeypatch, most, apart, runs):
    here, asked = dict.fromkeys("abcde", IMAGES), []
    index = stored_index(tmp_path, here, {**here, "c": IMAGES[1:]})
    together(monkeypatch, most, apart)
    monkeypatch.setattr(lacking, "query", lambda *given: asked.append(given) or database.query(*given))
    assert [index.missing(HERE._replace(name=name), THERE._replace(name=name), NOON).missing for name in "abcde"] == [
        0,
        0,
        1,
        0,
        0,
    ]
    kinds = [("alike" if "POSITIONAL" in sql else "search", values) for _, sql, values in asked]
    assert [f"{kind} {values['first']}-{values['last']}" for kind, values in kinds] == runs


def test_a_large_repository_is_read_once_queries_have_taken_as_long(tmp_path, monkeypatch):
    index = stored_index(tmp_path, {"a": IMAGES}, {})
    key, asked = HERE._replace(name="a"), []
    monkeypatch.setattr(stored, "ROWS_A_QUERY", 2)
    monkeypatch.setattr(stored, "query", lambda *given: asked.append(given) or database.query(*given))
    assert [index.get(key, digest(n)) for n in (0, 9, 0, 1, 2, 9)] == [IMAGES[0], None, *IMAGES[:3], None]
    assert ["BETWEEN" in sql for _, sql, _ in asked] == [False, False, True]


def test_what_will_be_asked_about_is_looked_for_together(tmp_path, monkeypatch):
    index = stored_index(tmp_path, {"a": IMAGES, "b": IMAGES[3:]}, {"a": IMAGES[:1]})
    asked, wanted = [], frozenset(map(digest, (0, 4, 9))) | {"", "sha256:no"}
    monkeypatch.setattr(stored, "query", lambda *given: asked.append(given) or database.query(*given))
    a, b = (HERE._replace(name=name) for name in ("a", "b"))
    found = [index.get(key, digest(n), lambda: wanted) for n in (0, 4, 9) for key in (a, b)]
    assert found == [IMAGES[0], None, IMAGES[4], IMAGES[4], None, None]
    assert len(asked) == 1
    assert index.get(a, digest(5), lambda: wanted) == IMAGES[5]
    assert index.get(THERE._replace(name="a"), digest(0), lambda: pytest.fail("it is small")) == IMAGES[0]


def test_no_file_stays_open_and_any_thread_may_ask(tmp_path):
    index = stored_index(tmp_path, dict.fromkeys(NAMES, IMAGES), dict.fromkeys(NAMES, IMAGES[2:]))
    found = []

    def ask():
        for name in NAMES:
            pair = HERE._replace(name=name), THERE._replace(name=name)
            found.append(
                (index.missing(*pair, NOON).missing, len(index.images(pair[0])), index.get(pair[1], digest(0)))
            )

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(2, 6, None)] * 8 * len(NAMES)
    descriptors = Path("/proc/self/fd")
    if descriptors.exists():
        assert not [each for each in descriptors.iterdir() if each.exists() and "us-east-1" in str(each.resolve())]


# --- what cannot be relied on --------------------------------------------------------------------------------------

ROW = {"repository": "'a'", "digest": f"unhex('{1:064x}')"}


def forged(path, *rows, options="FORMAT parquet", kinds=()):
    """Write a shard as another program might."""
    kinds = {**shards._KINDS, **dict(kinds)}
    selected = []
    for row in rows:
        values = {"tags": "[]", "status": "'ACTIVE'", **ROW, **row}
        cells = (f"CAST({values.get(name, 'NULL')} AS {kind}) AS {name}" for name, kind in kinds.items() if kind)
        selected.append(f"SELECT {', '.join(cells)}")
    duckdb.execute(f"COPY ({' UNION ALL '.join(selected)}) TO '{path}' ({options})")
    return path


def other(number, repository="a"):
    return {"repository": f"'{repository}'", "digest": f"unhex('{number:064x}')"}


def test_a_shard_from_before_versions_is_one_of_the_first(tmp_path):
    path = forged(tmp_path / "x.parquet", ROW, other(2), other(1, "b"))
    assert shards.counts(path) == {"a": (2, 2), "b": (1, 1)}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([ROW, ROW], "an image is there twice, in 'a'"),
        ([other(2), other(1)], "not in order, in 'a'"),
        ([other(1, "b"), other(1, "a")], "not in order, in 'a'"),
        ([ROW, {"digest": "unhex('00')"}], "'a'"),
        ([{"digest": f"unhex('{1:0128x}')"}], "a digest is not one of SHA-256, .* in 'a'"),
        ([{"digest": "NULL"}], "a digest is not one of SHA-256, .* in 'a'"),
        ([{"subject": "unhex('00')"}], "a digest is not one of SHA-256, .* in 'a'"),
        ([{"repository": "NULL"}], "a name or a status is missing, in 'None'"),
        ([{"status": "NULL"}], "a name or a status is missing, in 'a'"),
    ],
)
def test_rows_that_no_collection_writes_are_refused(tmp_path, rows, problem):
    path = forged(tmp_path / "x.parquet", *rows)
    with pytest.raises(SnapshotError, match=rf"x\.parquet cannot be relied on: .*{problem}") as caught:
        shards.counts(path)
    assert "collect it again" in caught.value.hint


@pytest.mark.parametrize(
    ("kinds", "column"),
    [
        ({"digest": "VARCHAR"}, "digest"),
        ({"subject": None}, "subject"),
        ({"vulnerabilities": "BIGINT"}, "vulnerabilities"),
        ({"pushed_at": "BIGINT"}, "pushed_at"),
    ],
)
def test_other_columns_are_refused(tmp_path, kinds, column):
    row = {"digest": "'sha256:00'"} if kinds.get("digest") else {}
    path = forged(tmp_path / "x.parquet", row, kinds=kinds)
    with pytest.raises(SnapshotError, match=rf"x\.parquet is no image shard: its column '{column}'"):
        shards.counts(path)


def test_a_shard_of_another_version_is_refused(tmp_path):
    path = forged(tmp_path / "x.parquet", ROW, options="FORMAT parquet, KV_METADATA {regionproof_images: '2'}")
    with pytest.raises(SnapshotError, match=r"x\.parquet is an image shard of schema version 2; .* reads 1") as caught:
        shards.counts(path)
    assert "regionproof that collected it" in caught.value.hint


def test_what_is_written_here_says_its_version_and_holds_an_image_once(tmp_path):
    shard(tmp_path / "x.parquet", {"a": IMAGES})
    rows = duckdb.execute("SELECT key, value FROM parquet_kv_metadata(?)", [str(tmp_path / "x.parquet")]).fetchall()
    assert rows == [(b"regionproof_images", b"1")]
    with pytest.raises(ValueError, match=r"x\.parquet cannot be written: an image is there twice, in 'a'"):
        shard(tmp_path / "x.parquet", {"a": (*IMAGES, IMAGES[0])})
    with pytest.raises(ValueError, match="a digest is not one of SHA-256"):
        shard(tmp_path / "x.parquet", {"a": (Image("sha256:00"),)})
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_what_does_not_fit_into_memory_is_sorted_on_the_disk_and_leaves_nothing_there(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "MEMORY", "100MB")
    monkeypatch.setattr(shards, "_sorters", {})
    images = tuple(
        Image(f"sha256:{number * 7919 % 30_011:064x}", tags=(f"{number:01000}",)) for number in range(1, 30_001)
    )
    found = shard(tmp_path / "x.parquet", {"a": images})
    assert shards._sorters == {}  # it was closed, since it had used the disk
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
    digests = duckdb.execute("SELECT hex(digest) FROM read_parquet(?)", [str(found.path)]).fetchall()
    assert digests == sorted(digests)
    assert len(digests) == 30_000
    shard(tmp_path / "y.parquet", {"a": IMAGES})
    assert len(shards._sorters) == 1


@pytest.mark.parametrize("count", [3, 1_500])
def test_of_media_types_there_may_be_few_or_many(tmp_path, count):
    images = tuple(
        sorted((Image(digest(n), media_type=f"type/{n}") for n in range(count)), key=lambda each: each.digest)
    )
    words = shards.image_lines("a", images).words
    spool = shards.Spool(tmp_path / "rows")
    for image in images:
        spool.add("a", shards.image_lines("a", [image]))
    assert len(spool._words) == min(len(words), 1_001)
    spool.write(tmp_path / "x.parquet")
    assert Registry(tmp_path / "x.parquet").images("a").images == images
    kinds = duckdb.execute("DESCRIBE SELECT media_type FROM read_parquet(?)", [str(tmp_path / "x.parquet")]).fetchall()
    assert kinds[0][1] == "VARCHAR"


def test_an_error_while_a_shard_is_written_is_not_the_next_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_sorters", {})
    no_json, of_a = shards.Lines(b"{", frozenset()), shards.image_lines("a", IMAGES)
    untold = shards.image_lines("a", [Image(digest(1), media_type="m")])._replace(words=frozenset())
    for repository, lines in (("a", no_json), ("b", of_a), ("a", untold)):
        spool = shards.Spool(tmp_path / "rows")
        spool.add(repository, lines)
        with pytest.raises(duckdb.Error):
            spool.write(tmp_path / "x.parquet")
        assert shards._sorters == {}
    assert shard(tmp_path / "x.parquet", {"a'b": IMAGES}).counts == {"a'b": (6, 6)}


def test_a_shard_that_turns_out_damaged_is_a_gap_with_its_name(tmp_path):
    index = stored_index(tmp_path, {"a": IMAGES}, {"a": IMAGES[:4]})
    here, there = index
    (tmp_path / "us-west-2.parquet").write_bytes(b"PAR1 but not really PAR1")
    for ask in (
        lambda: index.missing(here, there, NOON),
        lambda: index.tag_differences(here, there, NOON),
        lambda: index.images(there),
        lambda: index.get(there, digest(0)),
        lambda: index.tagged(there, "v0"),
        lambda: index.referrers(there, digest(0)),
    ):
        with pytest.raises(InsufficientData, match=r"us-west-2\.parquet cannot be read: .*collect it again"):
            ask()
    with pytest.raises(SnapshotError, match=r"us-west-2\.parquet cannot be read"):
        list(index.listing(there).images)
    assert index.missing(here, None, NOON).missing == 6


def test_without_memory_and_room_a_question_is_refused_with_the_next_step(tmp_path, monkeypatch):
    import random

    def some(seed):
        numbers = random.Random(seed).sample(range(10**9), 20_000)
        return {"a": [Image(f"sha256:{number:064d}") for number in sorted(numbers)]}

    index = stored_index(tmp_path, some(1), some(2))
    monkeypatch.setattr(database, "_databases", {})
    monkeypatch.setattr(database, "MEMORY", "2MB")
    monkeypatch.setattr(database.tempfile, "gettempdir", lambda: str(tmp_path / "us-east-1.parquet"))
    with pytest.raises(RegionproofError, match=r"took more than 2MB of memory") as caught:
        index.listing(HERE._replace(name="a")).missing(index.listing(THERE._replace(name="a")), NOON)
    assert "TMPDIR" in caught.value.hint
