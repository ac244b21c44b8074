"""The shards of a collection that was split, put together: all of them, or none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from scanner.errors import UsageError
from scanner.parts import directory, kept
from scanner.snapshot import Snapshot, SnapshotWriter
from scanner.split import Shard

_SAME = "Collect all shards with one version, one configuration and the same options."


def merge(paths: Sequence[Path], output: Path, keep: Callable[[Path], None] = kept) -> Snapshot:
    """Make one snapshot of all shards of a collection, at `output`; what an interrupted merge left there is done again.

    `keep` is told of each file that is whole.
    Raises `SnapshotError` for a shard that is damaged or unfinished, and `UsageError` for shards that do not belong
    together, if one is missing, and for two that hold the same target.
    """
    shards = {path: Snapshot.open(path) for path in paths}
    _must_belong_together(shards)
    first = next(iter(shards.values()))
    writer = SnapshotWriter(output, resume=True, config_sha256=first.config_sha256, keep=keep)
    for snapshot in shards.values():
        for target in snapshot.targets:
            at = directory(output, target)
            shutil.rmtree(at, ignore_errors=True)
            shutil.copytree(directory(snapshot.path, target), at)
            for file in sorted(at.iterdir()):
                keep(file)
    return writer.finish(
        [target for snapshot in shards.values() for target in snapshot.targets],
        botocore_version=first.botocore_version,
        not_enabled={place: status for each in shards.values() for place, status in each.not_enabled.items()},
    )


def _must_belong_together(shards: dict[Path, Snapshot]) -> None:
    seen: dict[Shard, Path] = {}
    for path, snapshot in shards.items():
        if snapshot.shard is None:
            raise UsageError(f"{path} is a whole snapshot, and no shard of one", "Name what --shard wrote.")
        if snapshot.shard in seen:
            what = f"{path} and {seen[snapshot.shard]} are both shard {snapshot.shard}"
            raise UsageError(f"{what}: each account is in both", "Name each shard once.")
        seen[snapshot.shard] = path
    _must_be_alike(shards)
    _must_be_whole(seen)
    _must_not_overlap(shards)


def _must_be_alike(shards: dict[Path, Snapshot]) -> None:
    """Raise `UsageError` if shards were not collected in the same way."""
    facts: tuple[tuple[str, Callable[[Snapshot], object]], ...] = (
        ("another number of shards", lambda one: one.shard and one.shard.of),
        ("another configuration", lambda one: one.config_sha256),
        ("another version of regionproof", lambda one: one.tool_version),
        ("another version of botocore", lambda one: one.botocore_version),
        ("other services", lambda one: {service for target in one.targets for service in target.services} or None),
    )
    for what, fact in facts:
        told = {path: found for path, one in shards.items() if (found := fact(one)) is not None}
        for path, found in told.items():  # a shard without accounts tells of no services
            first = next(iter(told))
            if found != told[first]:
                raise UsageError(f"{path} was collected with {what} than {first}", _SAME)
    if len({one.config_sha256 for one in shards.values()}) > 1:
        raise UsageError("some shards were collected with a configuration, and some without", _SAME)


def _must_be_whole(seen: dict[Shard, Path]) -> None:
    of = next(iter(seen)).of
    missing = [str(shard) for shard in (Shard(index, of) for index in range(of)) if shard not in seen]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise UsageError(
            f"of {of} shards {len(missing)} are missing: {', '.join(missing[:5])}{more}",
            "Collect them, or name their folders; a report on a part would look like one on all.",
        )


def _must_not_overlap(shards: dict[Path, Snapshot]) -> None:
    for path, snapshot in shards.items():
        for target in snapshot.targets:
            if snapshot.shard is not None and not snapshot.shard.holds(target.account):
                what = f"{path} holds {target.place}, which is not of shard {snapshot.shard}"
                raise UsageError(f"{what}: it may be in two of them", "Collect the shard again.")
