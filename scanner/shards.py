"""The image shard of one registry: every image of every repository, as Parquet.

A shard that was written here says so (`_VERSION` in its metadata): it holds each image once, sorted by repository and
digest.  Of any other the columns and every row are looked at first.  DuckDB is loaded when a shard is read or written,
never before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple

from scanner import database
from scanner.errors import AGAIN, SnapshotError
from scanner.images import Image, time_of

_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)
_DIGESTS, _TIMES = ("digest", "subject"), ("pushed_at", "last_pulled_at", "last_archived_at", "last_activated_at")
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
_VERSION = "regionproof_images"
_MEMORY = "1GB"  # DuckDB takes two hundred bytes a row while it sorts; what is more goes to a file
_one_at_a_time = threading.Lock()


def _stored(column: str, member: str) -> str:
    if column in _DIGESTS:
        return f"unhex(substr({member}, 8)) AS {column}"
    if column in _TIMES:
        return f"make_timestamptz(CAST({member} * 1000000 AS BIGINT)) AS {column}"  # the cast rounds
    if column == "tags":
        return f"coalesce({member}, []) AS {column}"
    return f"coalesce({member}, 'ACTIVE') AS {column}" if column == "status" else f"{member} AS {column}"


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

_FIRST = """
    SELECT DISTINCT ON (repository, digest) * EXCLUDE line FROM (SELECT *, row_number() OVER () AS line FROM images)
    ORDER BY repository, digest, line
"""
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


class Spool:
    """Images on their way to a shard.  Threads may add while a target is asked; nothing stays in memory.

    A file of JSON Lines between Python and DuckDB is three times faster than parameters.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._out: IO[bytes] | None = None
        self.repeats = False
        """Whether an image was added more than once: the first stays."""

    def __del__(self) -> None:
        """Close what an interrupted run leaves open."""
        if self._out is not None:
            self._out.close()

    def add(self, lines: bytes) -> None:
        """Add rows as lines of JSON with the members of `COLUMNS`; see `repeats`.  Raises `OSError`."""
        with self._lock:
            if self._out is None:
                self._out = self._path.open("wb")
            self._out.write(lines)

    def write(self, path: Path) -> None:
        """Write what was added, if anything was, to `path`, sorted by repository and digest.

        The same images give the same bytes with the same DuckDB.  Raises `OSError` if it cannot be written.
        """
        import duckdb

        if self._out is None:
            return
        try:
            self._out.close()
            with _one_at_a_time:
                self._sort(path)
        except duckdb.IOException as error:  # a full disk is one, whoever finds it full
            raise OSError(f"{path}: cannot be written: {str(error).partition(': {')[0]}") from error
        finally:
            self._path.unlink(missing_ok=True)

    def _sort(self, path: Path) -> None:
        """Write the shard, then look at it as whoever reads it would have to."""
        query = _FIRST if self.repeats else "SELECT * FROM images ORDER BY repository, digest"
        with _connect(path.with_name(".sorting")) as connection:
            source = connection.read_json(
                database.file_of(self._path), columns=dict(COLUMNS.values()), format="newline_delimited"
            )
            source.project(_STORED).create_view("images")
            connection.execute(copy(query, path))
            for repository, problem in connection.execute(_UNFIT, [database.file_of(path)]).fetchall():
                raise ValueError(f"{path} cannot be written: {problem}, in '{repository}'")


def copy(query: str, path: Path) -> str:
    """Return the statement that writes what a query gives as a shard.

    In Parquet's first version: some readers know the encodings of the second only in part.
    """
    quoted = str(path).replace("'", "''")
    return (
        f"COPY ({query}) TO '{quoted}' "
        f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{_VERSION}: '{SCHEMA_VERSION}'}})"
    )


def lines(rows: Iterable[Any]) -> bytes:
    """Return rows, as dicts or msgspec structures, as lines for a spool."""
    import msgspec

    return msgspec.json.Encoder().encode_lines(rows)


def image_lines(repository: str, images: Iterable[Image]) -> bytes:
    """Return the images of a repository as lines for a spool."""
    return lines(_row(repository, image) for image in images)


def _connect(temporary: Path) -> Any:
    import duckdb

    # One thread makes the bytes repeatable; nothing is ever fetched or installed.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": _MEMORY,
        "temp_directory": str(temporary),
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


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
