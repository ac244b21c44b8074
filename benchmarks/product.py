"""The product, as the benchmarks run it: all that they know of its inside is here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.told import Item, Said
from scanner.collectors import COLLECTORS, live, needs
from scanner.collectors.scheduler import IN_FLIGHT, Limits
from scanner.parts import TargetWriter
from scanner.recorded import Stage, Target
from scanner.rule import load_rules
from scanner.snapshot import Snapshot, SnapshotWriter

ROLE = "RegionproofReadOnly"


def version() -> str:
    """Return the version of the product."""
    from scanner import __version__

    return __version__


def services() -> tuple[str, ...]:
    """Return every service that is collected."""
    return tuple(COLLECTORS)


_NAMED_ONLY = frozenset({"logs"})
"""Services that are asked about what definitions name, and those of the estate name nothing of them."""


def services_of_rules() -> tuple[str, ...]:
    """Return the services that are asked for the rules that are on by default."""
    needed = frozenset[str]().union(*(rule.needs for rule in load_rules() if not rule.optional))
    return tuple(service for service in needs.services(needed) if service not in _NAMED_ONLY)


def coverage(path: Path) -> dict[Item, Said]:
    """Return what a snapshot says that it saw."""
    rows: dict[Item, list[Any]] = {}
    for row in Snapshot.open(path).coverage():
        rows.setdefault((row.account, row.region, row.service), []).append(row)
    return {item: _said(found) for item, found in rows.items()}


def _said(rows: Sequence[Any]) -> Said:
    if not rows[0].asked:
        return "not enabled", (rows[0].message,)
    missed = tuple(f"{row.operation} {code} x{count}" for row in rows if row.missed for code, count in row.errors)
    failed = all(row.status == "failed" for row in rows)
    return ("failed" if failed else "partial") if any(row.missed for row in rows) else "complete", missed


def in_flight(targets: int) -> int:
    """Return how many requests it allows itself at once."""
    del targets  # the limit is one of all targets together
    return IN_FLIGHT


def collect(
    path: Path,
    *,
    url: str,
    accounts: Sequence[str],
    regions: Sequence[str],
    services: Sequence[str],
    paced: bool = False,
) -> Snapshot:
    """Collect a snapshot; `paced` keeps to AWS's rates from the first request on."""
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    return live.collect(
        path,
        regions=regions,
        accounts=accounts,
        role_name=ROLE,
        services=services,
        endpoint_url=url,
        clock=lambda: now,
        limits=Limits(paced=paced),
    ).snapshot


def to_memory() -> None:
    """Make `collect` keep nothing on disk: every target is dropped as soon as it would have been written."""

    class Nothing(TargetWriter):
        def add_images(self, repository: str, lines: Any) -> None:
            pass

        def finish(self, **_: Any) -> None:
            self._lines.clear()

    class Nowhere(SnapshotWriter):
        def begin(self, target: Target, stage: Stage = Stage.CALLS) -> TargetWriter:
            return Nothing(self.path / target.account / target.region, target, stage)

        def finish(self, *_: Any, **__: Any) -> Any:
            return None

    mock.patch.object(live, "SnapshotWriter", Nowhere).start()


def content(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a snapshot holds: a fingerprint of its answers, how many images, and which calls failed."""
    fingerprint = hashlib.sha256()
    failed: dict[str, int] = {}
    images = 0
    for call in sorted(snapshot.calls(), key=_key):
        error = call.error.code if call.error else None
        fingerprint.update(repr((_key(call), call.response, call.rows, error)).encode())
        images += call.rows or 0
        if error and not error.endswith("NotFoundException"):
            failed[error] = failed.get(error, 0) + 1
    for key, listing in sorted(snapshot.images().items()):
        fingerprint.update(repr((key, [image.digest for image in listing.images], listing.incomplete)).encode())
    return {"fingerprint": fingerprint.hexdigest(), "images": images, "failed": failed}


def _key(call: Any) -> tuple[Any, ...]:
    return call.account, call.region, call.service, call.operation, repr(sorted(call.parameters.items())), call.page
