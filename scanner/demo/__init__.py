"""`regionproof demo`: an invented estate, served on loopback and collected for real; no credentials, no network."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from scanner.demo.estate import ROLE, Estate, estate
from scanner.model import Place
from scanner.recorded import Call

__all__ = ["LOST", "NOBODY", "Estate", "Inputs", "estate", "run"]

NOBODY = {"aws_access_key_id": "REPLAYREPLAYREPLAY", "aws_secret_access_key": "replay"}
"""The demo's credentials: none that anybody else would accept."""


LOST = "us-east-1"
"""What the drill of the demo takes away."""


@dataclass(frozen=True)
class Inputs:
    """What the demo wrote for `scan`: a snapshot and a folder of templates, the configuration, and the time of it."""

    paths: tuple[Path, ...]
    config: Path
    as_of: datetime


def run(directory: Path) -> Inputs:
    """Write a snapshot, and what a scan reads beside it, into `directory`; the same bytes each time.

    The snapshot is collected from the served estate, as any account would be, and from files such as kubectl makes of
    what runs in EKS clusters.  It takes the place of one that the demo left there before; any other snapshot raises
    `UsageError`.
    """
    from scanner.collectors.discovery import find
    from scanner.collectors.live import collect_targets
    from scanner.collectors.scheduler import Limits
    from scanner.collectors.session import Sessions
    from scanner.rule import load_rules
    from scanner.serve import serve
    from scanner.snapshot import SnapshotWriter

    told = estate()

    def clock() -> datetime:
        return told.at

    if _is_ours(directory, told):
        shutil.rmtree(directory / "snapshot")
    inside = _clusters(told, directory / "kubernetes")
    writer = SnapshotWriter(directory / "snapshot")
    with serve(told) as endpoint:
        sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=Limits(paced=False))
        accounts = sorted({target.account for target in told.targets})
        regions = sorted({target.region for target in told.targets}, reverse=True)
        found = find(sessions, clock, accounts=accounts, regions=regions, role_name=ROLE)
        collect_targets(
            found.plan.targets,
            writer,
            sessions,
            clock,
            roles=found.roles,
            known=lambda target: [*found.plan.calls_of(target), *inside.get(target.place, ())],
            needed=frozenset().union(*(rule.needs for rule in load_rules() if rule.link or not rule.optional)),
        )
    _copy(files("scanner.demo") / "files", directory)
    return Inputs((directory / "snapshot", directory / "infra"), directory / "regionproof.yaml", told.at)


def _clusters(told: Estate, directory: Path) -> dict[Place, list[Call]]:
    """Write a file for each EKS cluster, and return what is read from them, by place."""
    from scanner.collectors.kubernetes_file import read_files
    from scanner.recorded import timestamp

    found: dict[Place, list[Call]] = {}
    directory.mkdir(parents=True, exist_ok=True)
    for arn, listed in told.clusters.items():
        _, _, _, region, account, named = arn.split(":")
        path = directory / f"{region}-{named.rpartition('/')[2]}.json"
        path.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
        calls = read_files([path], arn, timestamp(told.at)).calls
        found.setdefault(Place(account, region), []).extend(calls)
    return found


def _is_ours(directory: Path, told: Estate) -> bool:
    """Tell whether the demo wrote what stands in `directory`: its configuration, and a snapshot of its one moment."""
    ours = (files("scanner.demo") / "files" / "regionproof.yaml").read_bytes()
    try:
        manifest = json.loads((directory / "snapshot" / "snapshot.json").read_text(encoding="utf-8"))
        begun = datetime.fromisoformat(manifest["started_at"])
        return (directory / "regionproof.yaml").read_bytes() == ours and begun == told.at
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _copy(source: Traversable, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, directory / entry.name)
        else:
            (directory / entry.name).write_bytes(entry.read_bytes())
