"""The image shard of one registry: every image of every repository, as Parquet.

A shard that was written here says so (`_VERSION` in its metadata): it holds each image once, sorted by repository and
digest.  Of any other the columns and every row are looked at first.  DuckDB is loaded when a shard is read or written,
never before.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from scanner import database
from scanner.errors import AGAIN, SnapshotError
from scanner.images import Image, time_of

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)
_DIGESTS, _TIMES = ("digest", "subject"), ("pushed_at", "last_pulled_at", "last_archived_at", "last_activated_at")
_WORDS = ("status", "media_type", "artifact_media_type")  # columns in which few words say the same again and again
COLUMNS = {
    "repository": ("repositoryName", "VARCHAR"),
    "digest": ("imageDigest", "VARCHAR"),
    "tags": ("imageTags", "VARCHAR[]"),
    "pushed_at": ("imagePushedAt", "DOUBLE"),
    "last_pulled_at": ("lastRecordedPullTime", "DOUBLE"),
    "last_archived_at": ("lastArchivedAt", "DOUBLE"),
    "last_activated_at": ("lastActivatedAt", "DOUBLE"),
    "size": ("imageSizeInBytes", "BIGINT"),
    "status": ("imageStatus", "VARCHAR"),
    "media_type": ("imageManifestMediaType", "VARCHAR"),
    "artifact_media_type": ("artifactMediaType", "VARCHAR"),
    "subject": ("subjectManifestDigest", "VARCHAR"),
}
"""The columns of a shard: the member of ecr:DescribeImages that each holds, and its type in a line of a spool.

Digests are `sha256:<64 hex>`, times are seconds since 1970 as AWS has them (exact to the microsecond until the year
2106); the shard has them as 32 bytes and as timestamps.
"""

SCHEMA_VERSION = "1"
_ACTIVE = "ACTIVE"  # what an image is whose status AWS did not tell
_VERSION = "regionproof_images"
MEMORY = "1GB"  # DuckDB takes two hundred bytes a row while it sorts; what is more goes to a file
_FEW = 1_000  # words that are worth to be numbers while images are sorted
_LINE = 2**24  # bytes of the longest line that DuckDB reads if it is told nothing else
_KEPT = "512MB"  # of it is kept for the next shard, at most: to get it anew takes a twentieth of the time
_lock = threading.Lock()
_threads: dict[int, ThreadPoolExecutor] = {}
_sorters: dict[int, Any] = {}


def _stored(column: str, member: str) -> str:
    if column in _DIGESTS:
        return f"unhex(substr({member}, 8)) AS {column}"
    if column in _TIMES:
        return f"make_timestamptz(CAST({member} * 1000000 AS BIGINT)) AS {column}"  # the cast rounds
    if column == "tags":
        return f"coalesce({member}, []) AS {column}"
    if column == "repository":
        return f"CAST({member} AS {column}) AS {column}"  # see `Spool._sort`
    if column in _WORDS:
        return f"CAST({_word(column, member)} AS word) AS {column}"
    return f"{member} AS {column}"


def _word(column: str, member: str) -> str:
    return f"coalesce({member}, '{_ACTIVE}')" if column == "status" else member


def _loaded(column: str) -> str:
    if column in _DIGESTS:
        return f"'sha256:' || lower(hex({column}))"
    return f"epoch_us({column})" if column in _TIMES else column


def _kind(column: str, type: str) -> str:
    return "BLOB" if column in _DIGESTS else "TIMESTAMP WITH TIME ZONE" if column in _TIMES else type


_KINDS = {column: _kind(column, type) for column, (_, type) in COLUMNS.items()}
_STORED = ", ".join(_stored(column, member) for column, (member, _) in COLUMNS.items())
LOADED = ", ".join(map(_loaded, COLUMNS))
"""What is selected from a shard for `image`."""

_MEMBERS = ", ".join(f"{member}: '{type}'" for member, type in COLUMNS.values())
_IMAGES = f"""
    SELECT {_STORED} FROM read_json(
        {{}}, format = 'newline_delimited', columns = {{{{{_MEMBERS}}}}}, maximum_object_size = {{}}
    )
"""  # noqa: S608 - nothing from outside
_SORTED = "SELECT * FROM ({}) ORDER BY repository, digest"
_NAMED = "SELECT * REPLACE (CAST(repository AS VARCHAR) AS repository) FROM ({})"
_FIRST = """
    SELECT DISTINCT ON (repository, digest) * EXCLUDE line FROM (SELECT *, row_number() OVER () AS line FROM ({}))
    ORDER BY repository, digest, line
"""
_TEXT = "CREATE OR REPLACE TYPE word AS VARCHAR"
_NAMES = "CREATE OR REPLACE TYPE {} AS ENUM (SELECT unnest(?::VARCHAR[]) AS name ORDER BY name)"
_UNFIT = """
    SELECT repository, CASE WHEN repository = before AND digest = previous THEN 'an image is there twice'
        WHEN repository < before OR digest < previous THEN 'the images are not in order'
        ELSE 'a digest is not one of SHA-256, or a name or a status is missing' END
    FROM (
        SELECT repository, digest, subject, status,
            lag(repository) OVER () AS before, lag(digest) OVER () AS previous FROM read_parquet(?)
    )
    WHERE repository IS NULL OR status IS NULL OR digest IS NULL OR octet_length(digest) <> 32
        OR octet_length(subject) <> 32 OR repository < before OR (repository = before AND digest <= previous)
    LIMIT 1
"""
_COUNTS = """
    SELECT repository, count(*), count(*) FILTER (status = 'ACTIVE')
    FROM read_parquet(?) GROUP BY repository ORDER BY repository
"""


class Count(NamedTuple):
    """How many images a repository has, and how many of them are ACTIVE."""

    images: int
    active: int


def counts(path: Path) -> dict[str, Count]:
    """Return repository -> how many images, sorted.

    Raises `SnapshotError` that names the shard if it cannot be read, is of another version, or holds an image twice or
    what is no image.
    """
    file = [database.file_of(path)]
    stamp = database.query([path], "SELECT value FROM parquet_kv_metadata(?) WHERE key = ?", [*file, _VERSION])
    version = stamp[0][0].decode("utf-8", "replace") if stamp else None
    if version not in (None, SCHEMA_VERSION):
        raise SnapshotError(
            f"{path} is an image shard of schema version {version}; this regionproof reads {SCHEMA_VERSION}",
            "Use the regionproof that collected it, or collect again.",
        )
    columns = database.query([path], "DESCRIBE SELECT * FROM read_parquet(?)", file)
    if (found := {name: kind for name, kind, *_ in columns}) != _KINDS:
        differing = min(name for name in found.keys() | _KINDS.keys() if found.get(name) != _KINDS.get(name))
        raise SnapshotError(f"{path} is no image shard: its column '{differing}' is not as it should be", AGAIN)
    if version is None:
        for repository, problem in database.query([path], _UNFIT, file):
            raise SnapshotError(f"{path} cannot be relied on: {problem}, in '{repository}'", AGAIN)
    return {name: Count(*found) for name, *found in database.query([path], _COUNTS, file)}


class Lines(NamedTuple):
    """Images of a repository on their way to a shard.

    `text` has a line of JSON for each, with the members of `COLUMNS`; `words` are all the statuses and media types in
    them.
    """

    text: bytes
    words: frozenset[str]


class Spool:
    """Images on their way to a shard.  Threads may add while a target is asked; nothing stays in memory.

    A file of JSON Lines between Python and DuckDB is three times faster than parameters.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._repositories, self._words = set[str](), {_ACTIVE}
        self._longest = 0  # of what was added at once, in bytes: no line is longer
        self._out: IO[bytes] | None = None
        self.repeats = False
        """Whether an image was added more than once: the first stays."""

    def __del__(self) -> None:
        """Close what an interrupted run leaves open."""
        if self._out is not None:
            self._out.close()

    def add(self, repository: str, lines: Lines) -> None:
        """Add images of a repository; see `repeats`.  Raises `OSError`."""
        with self._lock:
            self._repositories.add(repository)
            if len(self._words) <= _FEW:
                self._words |= lines.words
            self._longest = max(self._longest, len(lines.text))
            if self._out is None:
                self._out = self._path.open("wb")
            self._out.write(lines.text)

    def write(self, path: Path) -> None:
        """Write what was added, if anything was, to `path`, sorted by repository and digest.

        The same images give the same bytes with the same DuckDB.  Raises `OSError` if it cannot be written.
        """
        import duckdb

        if self._out is None:
            return
        try:
            self._out.close()
            _thread().submit(self._sort, path).result()
        except duckdb.IOException as error:  # a full disk is one, whoever finds it full
            raise OSError(f"{path}: cannot be written: {str(error).partition(': {')[0]}") from error
        finally:
            self._path.unlink(missing_ok=True)

    def _sort(self, path: Path) -> None:
        """Write the shard, then look at it as whoever reads it would have to.

        While they are sorted, names of repositories are numbers in the order of the names, which takes less to compare
        and to move; so are statuses and media types, also for the Parquet writer.  DuckDB is told how long a line can
        be: what it reads lines into then stays in the processor's cache.
        """
        images = _IMAGES.format(quoted(database.file_of(self._path)), min(self._longest, _LINE))
        query = (_FIRST if self.repeats else _SORTED).format(images)
        with sorter(path.with_name(".sorting")) as connection:
            connection.execute(_NAMES.format("repository"), [list(self._repositories)])
            if len(self._words) > _FEW:
                connection.execute(_TEXT)
            else:
                connection.execute(_NAMES.format("word"), [list(self._words)])
            connection.execute(copy(_NAMED.format(query), path))
            for repository, problem in connection.execute(_UNFIT, [database.file_of(path)]).fetchall():
                raise ValueError(f"{path} cannot be written: {problem}, in '{repository}'")


def copy(query: str, path: Path) -> str:
    """Return the statement that writes what a query gives as a shard.

    In Parquet's first version: some readers know the encodings of the second only in part.
    """
    return (
        f"COPY ({query}) TO {quoted(path)} "
        "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, WRITE_BLOOM_FILTER false, "
        f"KV_METADATA {{{_VERSION}: '{SCHEMA_VERSION}'}})"
    )


def quoted(path: Path | str) -> str:
    """Return a path as a literal of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def lines(rows: Iterable[Any], words: Iterable[str]) -> Lines:
    """Return rows, as dicts or msgspec structures, and all the statuses and media types in them, as lines."""
    import msgspec

    return Lines(msgspec.json.Encoder().encode_lines(rows), frozenset(words))


def image_lines(repository: str, images: Sequence[Image]) -> Lines:
    """Return the images of a repository as lines."""
    words = {getattr(image, column) for image in images for column in _WORDS} - {None}
    return lines((_row(repository, image) for image in images), words)


def _thread() -> ThreadPoolExecutor:
    """Return the one thread that sorts: each of many would keep memory for DuckDB.  A forked process has its own."""
    from concurrent.futures import ThreadPoolExecutor

    with _lock:
        return _threads.setdefault(os.getpid(), ThreadPoolExecutor(1))


@contextmanager
def sorter(temporary: Path) -> Iterator[Any]:
    """Give the database in which shards are sorted: opening it takes as long as to sort thousands of images.

    What does not fit into its memory goes to the folder `temporary`, which is gone afterwards.
    """
    sorter = _sorters.pop(os.getpid(), None) or _connect()  # a process that was forked has its own
    try:
        sorter.execute(f"SET temp_directory = {quoted(temporary)}")
        yield sorter
    except BaseException:
        sorter.close()
        raise
    if temporary.exists():  # no other folder can take its place, and only closing removes it
        sorter.close()
    else:
        _sorters[os.getpid()] = sorter


def _connect() -> Any:
    import duckdb

    # One thread makes the bytes repeatable; no file is read twice; nothing is ever fetched or installed.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": MEMORY,
        "block_allocator_memory": _KEPT,
        "enable_external_file_cache": False,
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
    }
    sorter = duckdb.connect(":memory:", config=settings)
    sorter.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return sorter


def _row(repository: str, image: Image) -> dict[str, Any]:
    row = {member: getattr(image, column) for column, (member, _) in COLUMNS.items() if column != "repository"}
    for column in _TIMES:
        member = COLUMNS[column][0]
        if row[member] is not None:
            row[member] = (row[member] - _EPOCH) / _SECOND
    return {"repositoryName": repository, **row}


def image(row: Sequence[Any]) -> tuple[str, Image]:
    """Return the repository and the image of a row of `LOADED`; raise `OverflowError` beyond the calendar."""
    repository, digest, tags, pushed, pulled, archived, activated, size, status, media, artifact, subject = row
    return repository, Image(
        digest,
        tuple(tags or ()),
        _time(pushed),
        size,
        status,
        media,
        artifact,
        subject,
        _time(pulled),
        _time(archived),
        _time(activated),
    )


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else time_of(microseconds)
