"""A snapshot: what AWS answered, as it answered, after redaction; written once, verified whenever it is opened.

A directory of one shard a target (account x Region), and a manifest with the SHA-256 of every part, written last:

    snapshot.json
    targets/<account>/<region>/  (see `scanner.parts`)

schemas/snapshot.json says what stands in them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from scanner import __version__, parts, shards
from scanner.assets import schema
from scanner.errors import AGAIN, SnapshotError, UsageError
from scanner.finding import NOT_ENABLED, Coverage
from scanner.images import Listing, RepositoryKey
from scanner.model import Place
from scanner.parts import (
    SCHEMA_VERSION,
    Keep,
    TargetRecord,
    TargetWriter,
    calls,
    directory,
    entry_of,
    fsync,
    kept,
    lines,
    pretty,
    read_record,
    record_of,
    sha256,
)
from scanner.recorded import IMAGES, Call, CallError, LeftOut, Stage, Target
from scanner.split import Shard
from scanner.stored import Registry, StoredListing

__all__ = ["Call", "CallError", "Snapshot", "SnapshotWriter", "Target", "TargetRecord"]

MANIFEST = "snapshot.json"
_TARGETS = "targets"


class Snapshot:
    """A finished snapshot.  `started_at` and `finished_at` (RFC 3339, UTC) span all targets."""

    def __init__(self, path: Path, manifest: Mapping[str, Any], sha256: str) -> None:
        self.path, self.sha256 = path, sha256
        self.schema_version: str = manifest["schema_version"]
        self.tool_version: str = manifest["tool"]["version"]
        self.botocore_version: str | None = manifest["botocore_version"]
        self.config_sha256: str | None = manifest["config_sha256"]
        self.started_at: str = manifest["started_at"]
        self.finished_at: str = manifest["finished_at"]
        shard = manifest.get("shard")
        self.shard = Shard(shard["index"], shard["of"]) if shard else None
        self.records = tuple(record_of(entry) for entry in manifest["targets"])
        self._by_target = {record.target: record for record in self.records}
        self.not_enabled = {
            Place(entry["account"], entry["region"]): str(entry["status"]) for entry in manifest.get("not_enabled", ())
        }

    @classmethod
    def open(cls, path: Path, *, only: Container[str] | None = None) -> Snapshot:
        """Open and verify a snapshot; raise `SnapshotError` that names what is missing or damaged, and what to do.

        Who reads parts of some names `only` need not have the others.
        """
        snapshot = cls.listed(path)
        for part, expected in snapshot.parts(only).items():
            _verify(part, expected)
        return snapshot

    @classmethod
    def listed(cls, path: Path) -> Snapshot:
        """Return a snapshot of which only the manifest was read; raise `SnapshotError`."""
        manifest, sha256 = _read_manifest(path)
        try:
            snapshot = cls(path, manifest, sha256)
        except ValueError as error:
            raise SnapshotError(f"{path / MANIFEST}: {error}", AGAIN) from None
        places = [target.place for target in snapshot.targets]
        if len(set(places)) != len(places):
            raise SnapshotError(f"{path / MANIFEST}: a target is listed twice", AGAIN)
        return snapshot

    def parts(self, only: Container[str] | None = None) -> dict[Path, str]:
        """Return where the parts (of some names) stand, and the SHA-256 of each."""
        return {
            directory(self.path, record.target) / name: expected
            for record in self.records
            for name, expected in record.parts.items()
            if only is None or name in only
        }

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return what was asked, sorted by account and Region."""
        return tuple(record.target for record in self.records)

    @cached_property
    def by_account(self) -> dict[str, list[Target]]:
        """Return the targets of each account."""
        found: dict[str, list[Target]] = {}
        for target in self.targets:
            found.setdefault(target.account, []).append(target)
        return found

    @property
    def as_of(self) -> datetime:
        """Return the time the data speaks of: when the first call was made."""
        return datetime.fromisoformat(self.started_at)

    def calls(self) -> Iterator[Call]:
        """Yield all calls, sorted by account, Region, service, operation, parameters and page."""
        for record in self.records:
            yield from self.calls_of(record.target)

    def calls_of(self, target: Target) -> Iterator[Call]:
        """Yield the calls of one target, sorted by service, operation, parameters and page."""
        return calls(directory(self.path, target), self._record(target))

    def lines_of(self, target: Target) -> Iterator[bytes]:
        """Yield the calls of a target's first stage, as lines of JSON."""
        return lines(directory(self.path, target) / parts.CALLS[Stage.CALLS])

    def images(self) -> dict[RepositoryKey, Listing]:
        """Return the images of every repository that was asked for; a list that ended early says why."""
        listings: dict[RepositoryKey, Listing] = {}
        for record in self.records:
            listings |= self._images_of(record)
        return listings

    def images_of(self, target: Target) -> dict[RepositoryKey, Listing]:
        """Return the images of one target's repositories."""
        return self._images_of(self._record(target))

    def left_out(self, target: Target) -> tuple[LeftOut, ...]:
        """Return what was not asked of a target on purpose."""
        return self._record(target).left_out

    def coverage(self) -> tuple[Coverage, ...]:
        """Return how each operation was answered in each account and Region, and which Regions are not enabled."""
        asked = (row for record in self.records for row in self._coverage_of(record))
        return tuple(sorted((*asked, *self.coverage_not_enabled())))

    def coverage_of(self, targets: Iterable[Target]) -> list[Coverage]:
        """Return how each operation was answered in some targets."""
        return [row for target in targets for row in self._coverage_of(self._record(target))]

    def coverage_not_enabled(self) -> list[Coverage]:
        """Return which Regions are not enabled."""
        operation = ("account", "account:ListRegions", NOT_ENABLED, 0)
        return [
            Coverage(place.account or "", place.region, *operation, message=status)
            for place, status in self.not_enabled.items()
        ]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Snapshot):
            return NotImplemented
        return self._content() == other._content()

    __hash__ = None  # type: ignore[assignment]

    def _content(self) -> tuple[Any, ...]:
        times = [(record.started_at, record.finished_at) for record in self.records]
        versions = (self.schema_version, self.tool_version, self.botocore_version, self.config_sha256)
        return versions, self.targets, times, self.not_enabled, list(self.calls()), self.images()

    def _record(self, target: Target) -> TargetRecord:
        return self._by_target[target]

    def _coverage_of(self, record: TargetRecord) -> Iterator[Coverage]:
        place = (record.target.account, record.target.region)
        left_out = {tuple(item.operation.split(":")): item for item in record.left_out}
        for key, group in groupby(self.calls_of(record.target), key=lambda call: (call.service, call.operation)):
            yield _coverage(*place, *key, tuple(group), left_out.pop(key, None))
        for (service, operation), item in left_out.items():
            yield _coverage(*place, service, operation, (), item)

    def _images_of(self, record: TargetRecord) -> dict[RepositoryKey, Listing]:
        target = record.target
        part = directory(self.path, target) / parts.IMAGES
        registry = Registry(part, None if parts.IMAGES in record.parts else {})
        listings: dict[RepositoryKey, Listing] = {}
        for call in self.calls_of(target):
            if (call.service, call.operation) == IMAGES:
                key = RepositoryKey(target.account, target.region, str(call.parameters.get("repositoryName")))
                if key in listings:
                    raise SnapshotError(f"{part}: the images of '{key.name}' were listed twice", AGAIN)
                reason = f"{call.error.code}: {call.error.message}" if call.error else None
                listings[key] = found = StoredListing(registry, key.name, reason)
                if found.count != (call.rows or 0):
                    raise SnapshotError(
                        f"{part}: '{key.name}' should have {call.rows} images, not {found.count}", AGAIN
                    )
        if unasked := registry.counts.keys() - {key.name for key in listings}:
            raise SnapshotError(f"{part}: nobody asked for the images of '{min(unasked)}'", AGAIN)
        return listings


class SnapshotWriter:
    """Writes a snapshot target by target; `finish` makes it one.  A killed run loses the targets in flight only."""

    def __init__(
        self, path: Path, *, resume: bool = False, config_sha256: str | None = None, keep: Keep = kept
    ) -> None:
        """Begin at `path`; raise `UsageError` if something else stands there, or, without `resume`, anything."""
        self.path, self.config_sha256, self._keep = path, config_sha256, keep
        _refuse(path, resume)

    def done(self, target: Target, stage: Stage | None = None) -> bool:
        """Tell whether a stage of this target stands whole on disk, asked for the same services; None: all there is."""
        try:
            record = self._recorded(target, stage)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False
        return _asked(record.target) == _asked(target)

    def begin(self, target: Target, stage: Stage = Stage.CALLS) -> TargetWriter:
        """Begin a stage of a target; nothing of it counts until its writer has finished."""
        return TargetWriter(directory(self.path, target), target, stage, self._keep)

    def calls_before(self, target: Target, stage: Stage) -> Iterator[Call]:
        """Yield the calls of the stages of a target before one, sorted as those of a snapshot."""
        final = directory(self.path, target)
        return calls(final, read_record(final), parts.before(stage))

    def lines_of(self, target: Target, stage: Stage) -> Iterator[bytes]:
        """Yield the calls of a stage that is done, as lines of JSON."""
        return lines(directory(self.path, target) / parts.CALLS[stage])

    def images_of(self, target: Target) -> Path | None:
        """Return where the image shard of a target stands, None if it has no images."""
        final = directory(self.path, target)
        return final / parts.IMAGES if parts.IMAGES in read_record(final).parts else None

    def write(
        self,
        target: Target,
        calls: Iterable[Call],
        listings: Mapping[str, Listing],
        *,
        started_at: str,
        finished_at: str,
    ) -> None:
        """Write one target: its calls (redacted here, whoever made them) and its repositories' images, if any."""
        part = self.begin(target)
        part.add(calls)
        for name in sorted(listings):
            part.add_images(name, shards.image_lines(name, listings[name].images))
        part.finish(started_at=started_at, finished_at=finished_at)

    def finish(
        self,
        targets: Sequence[Target],
        *,
        botocore_version: str | None = None,
        not_enabled: Mapping[Place, str] | None = None,
        shard: Shard | None = None,
        at: str = "",
    ) -> Snapshot:
        """Write the manifest over these targets, all of which must be done; return the finished snapshot.

        `not_enabled` are the Regions that are no targets because the account has not opted in to them, and the status.
        `shard` is which part of a collection it is; one that no account is of has no targets, and is of the time `at`.
        """
        records = [self._recorded(target) for target in sorted(targets, key=lambda target: target.place)]
        entries = [entry_of(self._with_own_hash(record)) for record in records]
        manifest: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": "regionproof", "version": __version__},
            "botocore_version": botocore_version,
            "config_sha256": self.config_sha256,
            "started_at": min((record.started_at for record in records), default=at),
            "finished_at": max((record.finished_at for record in records), default=at),
            "targets": entries,
            "not_enabled": [
                {**place._asdict(), "status": status} for place, status in sorted((not_enabled or {}).items())
            ],
        }
        if shard is not None:
            manifest["shard"] = {"index": shard.index, "of": shard.of}
        self.path.mkdir(parents=True, exist_ok=True)
        partial = self.path / f".{MANIFEST}.partial"
        partial.write_text(pretty(manifest), encoding="utf-8")
        fsync(partial)
        partial.replace(self.path / MANIFEST)
        fsync(self.path)
        self._keep(self.path / MANIFEST)
        return Snapshot.listed(self.path)  # the parts were verified a moment ago, by `_recorded`

    def _recorded(self, target: Target, stage: Stage | None = None) -> TargetRecord:
        """Return the record of a target whose parts (of a stage, or all) are whole; raise `ValueError` and others."""
        final = directory(self.path, target)
        record = read_record(final)
        if record.target.place != target.place:
            raise ValueError(f"{final} holds something else")
        needed = {parts.CALLS[stage or Stage.CALLS], *(record.of(stage) if stage else record.parts)}
        for name in sorted(needed):
            if sha256(final / name) != record.parts[name]:
                raise ValueError(f"{final / name} is damaged")
        return record

    def _with_own_hash(self, record: TargetRecord) -> TargetRecord:
        own = sha256(directory(self.path, record.target) / parts.TARGET)
        return replace(record, parts={**record.parts, parts.TARGET: own})


def _refuse(path: Path, resume: bool) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"{path} is a file; a snapshot is a directory", "Choose another place.")
    if (path / MANIFEST).exists():
        raise UsageError(f"{path} is a finished snapshot, which is never overwritten", "Choose another directory.")
    names = {entry.name for entry in path.iterdir()}
    if names - {_TARGETS, f".{MANIFEST}.partial"}:
        raise UsageError(f"{path} is not empty and not a snapshot", "Choose an empty or a new directory.")
    if names and not resume:
        raise UsageError(f"{path} is an unfinished snapshot", "Finish it with --resume, or choose another directory.")


def _read_manifest(path: Path) -> tuple[dict[str, Any], str]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    part = path / MANIFEST
    if not path.exists():
        raise SnapshotError(f"there is no snapshot at {path}", "Check the path, or collect one: regionproof collect.")
    if not part.is_file():
        if (path / _TARGETS).is_dir():
            raise SnapshotError(f"the snapshot {path} is unfinished", "'regionproof collect --resume' finishes it.")
        raise SnapshotError(f"{path} is not a snapshot: it has no {MANIFEST}", "Check the path.")
    try:
        text = part.read_bytes()
        manifest = json.loads(text)
        version = manifest.get("schema_version") if isinstance(manifest, dict) else None
        if isinstance(version, str) and version != SCHEMA_VERSION:
            raise SnapshotError(
                f"{path} is a snapshot of schema version {version}; this regionproof reads {SCHEMA_VERSION}",
                "Use the regionproof that collected it, or collect again.",
            )
        error = best_match(Draft202012Validator(schema("snapshot")).iter_errors(manifest))
        if error is not None:
            raise SnapshotError(f"{part}: {error.json_path}: {error.message}", AGAIN)
    except (OSError, ValueError, RecursionError) as problem:
        raise SnapshotError(f"{part} cannot be read: {problem}", AGAIN) from None
    return manifest, hashlib.sha256(text).hexdigest()


def _verify(part: Path, expected: str) -> None:
    try:
        actual = sha256(part)
    except FileNotFoundError:
        raise SnapshotError(f"{part} is missing", AGAIN) from None
    except OSError as error:
        raise SnapshotError(f"{part} cannot be read: {error}", AGAIN) from None
    if actual != expected:
        raise SnapshotError(f"{part} is damaged: its SHA-256 is {actual}, the manifest says {expected}", AGAIN)


def _asked(target: Target) -> tuple[Any, ...]:
    return target.place, target.partition, target.role_arn, sorted(target.services)


def _coverage(
    account: str, region: str, service: str, operation: str, calls: Sequence[Call], left_out: LeftOut | None
) -> Coverage:
    failed = [call.error for call in calls if call.error and not call.not_configured]
    silent = sum(1 for call in calls if call.error and not call.not_configured and not call.rows)
    status = "complete" if not failed else "failed" if silent == len(calls) else "partial"
    return Coverage(
        account,
        region,
        service,
        f"{service}:{operation}",
        status,
        calls=len(calls),
        not_configured=sum(call.not_configured for call in calls),
        errors=tuple(sorted(Counter(error.code for error in failed).items())),
        message=failed[0].message if failed else "",
        reused=sum(call.reused is not None for call in calls),
        reused_from=min((call.at for call in calls if call.reused is not None), default=""),
        left_out=left_out.count if left_out else 0,
        left_out_reason=left_out.reason if left_out else "",
    )
