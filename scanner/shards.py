"""The image shard of one registry: every image of every repository, as Parquet.

DuckDB is loaded when a shard is read or written, never before.
"""

from __future__ import annotations

import glob
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from scanner.images import Image

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND, _SECOND = timedelta(microseconds=1), timedelta(seconds=1)
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

_one_at_a_time = threading.Lock()  # DuckDB takes two hundred bytes a row while it sorts


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


_STORED = ", ".join(_stored(column, member) for column, (member, _) in COLUMNS.items())
_READ = f"SELECT {', '.join(map(_loaded, COLUMNS))} FROM read_parquet(?) ORDER BY repository, digest"  # noqa: S608 - nothing from outside

_FIRST = """
    SELECT DISTINCT ON (repository, digest) * EXCLUDE line FROM (SELECT *, row_number() OVER () AS line FROM images)
    ORDER BY repository, digest, line
"""


class Spool:
    """Images on their way to a shard.  Threads may add while a target is asked; nothing stays in memory.

    A file of JSON Lines between Python and DuckDB is three times faster than parameters.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._out: IO[bytes] | None = None
        self.repeats = False
        """Whether an image was added more than once: the first stays."""

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
            columns = dict(COLUMNS.values())
            with _one_at_a_time:
                source = _connect().read_json(glob.escape(str(self._path)), columns=columns, format="newline_delimited")
                images = source.project(_STORED)
                images = images.query("images", _FIRST) if self.repeats else images.order("repository, digest")
                images.write_parquet(str(path), compression="zstd")
        except duckdb.IOException as error:  # a full disk is one, whoever finds it full
            raise OSError(f"{path}: cannot be written: {str(error).partition(': {')[0]}") from error
        finally:
            self._path.unlink(missing_ok=True)


def lines(rows: Iterable[Any]) -> bytes:
    """Return rows, as dicts or msgspec structures, as lines for a spool."""
    import msgspec

    return msgspec.json.Encoder().encode_lines(rows)


def image_lines(repository: str, images: Iterable[Image]) -> bytes:
    """Return the images of a repository as lines for a spool."""
    return lines(_row(repository, image) for image in images)


def read(path: Path) -> Iterator[tuple[str, Image]]:
    """Yield (repository, image) sorted by repository and digest; raise `ValueError` if this is no image shard."""
    import duckdb

    try:
        result = _connect().execute(_READ, [glob.escape(str(path))])
        while rows := result.fetchmany(10_000):
            yield from map(_image, rows)
    except (duckdb.Error, OverflowError, TypeError) as error:
        raise ValueError(f"{error}") from error


def _connect() -> Any:
    import duckdb

    # One thread makes the bytes repeatable; nothing is ever fetched or installed.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
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


def _image(row: tuple[Any, ...]) -> tuple[str, Image]:
    named = dict(zip(COLUMNS, row, strict=True))
    repository = named.pop("repository")
    for name in _TIMES:
        if named[name] is not None:
            named[name] = _EPOCH + named[name] * _MICROSECOND
    named["tags"] = tuple(named["tags"] or ())
    return repository, Image(**named)
