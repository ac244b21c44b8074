"""The parts of one target in a snapshot: what each stage of its collection wrote, and the record that makes them count.

    targets/<account>/<region>/target.json  calls.jsonl.gz  [images.jsonl.gz  images.parquet]  [digests.jsonl.gz]

A stage is written beside the place where it will stand.  The record is put there last, and names the SHA-256 of every
part: a run that is killed at any moment leaves the stages before whole, and this one not begun.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from heapq import merge
from pathlib import Path
from typing import Any

from scanner import shards
from scanner.errors import AGAIN, SnapshotError
from scanner.recorded import Call, LeftOut, Stage, Target, from_line, redacted, sort_key, to_line

SCHEMA_VERSION = "1"
TARGET, IMAGES = "target.json", "images.parquet"
Keep = Callable[[Path], None]
"""Is given each file of a snapshot when it is on the disk, in the order that makes them count."""
CALLS: Mapping[Stage, str] = {stage: f"{stage}.jsonl.gz" for stage in Stage}
"""The calls of each stage."""


def kept(part: Path) -> None:
    """Keep a file where it is, and nowhere else."""


@dataclass(frozen=True)
class TargetRecord:
    """A target that was collected: when it was begun and finished (RFC 3339), and the SHA-256 of its parts.

    `left_out` is what was not asked on purpose.
    """

    target: Target
    started_at: str
    finished_at: str
    parts: Mapping[str, str]
    left_out: tuple[LeftOut, ...] = ()

    def of(self, stage: Stage) -> dict[str, str]:
        """Return the parts that a stage wrote."""
        names = (CALLS[stage], IMAGES) if stage is Stage.IMAGES else (CALLS[stage],)
        return {name: self.parts[name] for name in names if name in self.parts}


def directory(path: Path, target: Target) -> Path:
    """Return where the parts of a target stand in the snapshot at `path`."""
    return path / "targets" / target.account / target.region


def entry_of(record: TargetRecord) -> dict[str, Any]:
    """Return a record as JSON data."""
    times = {"started_at": record.started_at, "finished_at": record.finished_at}
    left_out = {"left_out": list(map(asdict, record.left_out))} if record.left_out else {}
    return {**asdict(record.target), **times, "parts": dict(sorted(record.parts.items())), **left_out}


def record_of(entry: Mapping[str, Any]) -> TargetRecord:
    """Return a record from JSON data; raise `KeyError`, `TypeError` or `ValueError` if it is none."""
    target = Target(entry["account"], entry["region"], entry["partition"], entry["role_arn"], tuple(entry["services"]))
    left_out = tuple(LeftOut(**item) for item in entry.get("left_out", ()))
    return TargetRecord(target, entry["started_at"], entry["finished_at"], dict(entry["parts"]), left_out)


def read_record(final: Path) -> TargetRecord:
    """Return what stands in a target's directory; raise `OSError`, or as `record_of`."""
    entry = json.loads((final / TARGET).read_text(encoding="utf-8"))
    if entry["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"{final} is of schema version {entry['schema_version']}")
    return record_of(entry)


def before(stage: Stage) -> list[Stage]:
    """Return the stages before one."""
    return list(Stage)[: list(Stage).index(stage)]


def calls(final: Path, record: TargetRecord, stages: Iterable[Stage] = Stage) -> Iterator[Call]:
    """Yield the calls of (stages of) a target, sorted by service, operation, parameters and page.

    Raises `SnapshotError` for a part that cannot be read.
    """
    found = [_calls(final / CALLS[stage], record.target) for stage in stages if CALLS[stage] in record.parts]
    # Each stage has operations of its own, in the same order: so no parameters need to be compared.
    return found[0] if len(found) == 1 else merge(*found, key=lambda call: (call.service, call.operation))


def _calls(part: Path, target: Target) -> Iterator[Call]:
    try:
        for line in lines(part):
            yield from_line(json.loads(line), target)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{part} cannot be read: {type(error).__name__}: {error}", AGAIN) from None


def lines(part: Path) -> Iterator[bytes]:
    """Yield the lines of a part of calls; raise `SnapshotError`."""
    try:
        with gzip.open(part, "rb") as stream:
            yield from stream
    except (OSError, EOFError, zlib.error) as error:
        raise SnapshotError(f"{part} cannot be read: {type(error).__name__}: {error}", AGAIN) from None


class TargetWriter:
    """Writes a stage of one target, beside the place where it will stand; any thread may add to it."""

    def __init__(self, final: Path, target: Target, stage: Stage = Stage.CALLS, keep: Keep = kept) -> None:
        self._final, self._target, self._stage, self._keep = final, target, stage, keep
        self._partial = final.with_name(f".{target.region}.partial")
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        self._lines: list[tuple[Any, bytes]] = []
        self._spool = shards.Spool(self._partial / "images.rows")

    def add(self, calls: Iterable[Call]) -> None:
        """Add calls; what is secret in them goes no further."""
        for call in map(redacted, calls):
            self._lines.append((sort_key(call), to_line(call).encode("ascii") + b"\n"))

    def add_images(self, repository: str, lines: shards.Lines) -> None:
        """Add images of a repository.  Raises `OSError`."""
        self._spool.add(repository, lines)

    def images_repeat(self) -> None:
        """Take note that an image was added more than once: the first stays."""
        self._spool.repeats = True

    def finish(self, *, started_at: str, finished_at: str, left_out: Sequence[LeftOut] = ()) -> None:
        """Put the stage in its place; what stands there of it, and of the stages after it, goes.  Raises `OSError`."""
        partial = self._partial
        with (
            (partial / CALLS[self._stage]).open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as out,
        ):
            out.writelines(line for _, line in sorted(self._lines))
        self._spool.write(partial / IMAGES)
        parts = {part.name: sha256(part) for part in sorted(partial.iterdir())}
        record = TargetRecord(self._target, started_at, finished_at, parts, tuple(left_out))
        if self._stage is not Stage.CALLS:
            record = self._with_those_before(record)
        entry = {**entry_of(record), "schema_version": SCHEMA_VERSION}
        (partial / TARGET).write_text(pretty(entry), encoding="utf-8")
        for part in partial.iterdir():
            fsync(part)
        self._put(record.parts, parts)
        for name in (*parts, TARGET):
            self._keep(self._final / name)

    def _with_those_before(self, record: TargetRecord) -> TargetRecord:
        there = read_record(self._final)
        parts = {name: value for stage in before(self._stage) for name, value in there.of(stage).items()}
        operations = {item.operation for item in record.left_out}
        left_out = [item for item in there.left_out if item.operation not in operations]
        return TargetRecord(
            self._target,
            there.started_at,
            max(there.finished_at, record.finished_at),
            {**parts, **record.parts},
            (*left_out, *record.left_out),
        )

    def _put(self, counted: Container[str], parts: Iterable[str]) -> None:
        partial, final = self._partial, self._final
        fsync(partial)
        if self._stage is Stage.CALLS:
            shutil.rmtree(final, ignore_errors=True)
            partial.rename(final)
        else:
            for name in (*parts, TARGET):  # the record last: until it stands there, the rest does not count
                (partial / name).replace(final / name)
            for part in final.iterdir():
                if part.name != TARGET and part.name not in counted:  # of a try before, which does not count
                    part.unlink()
            fsync(final)
            partial.rmdir()
        fsync(final.parent)


def pretty(value: Any) -> str:
    """Return JSON text for people."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def sha256(part: Path) -> str:
    """Return the SHA-256 of a file; raise `OSError`."""
    with part.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
