"""Infrastructure code before a change and with it: as git has it at a revision, or laid over what is live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scanner import changes
from scanner.config import Config
from scanner.errors import UsageError
from scanner.estate import Estate, add_parsed, is_snapshot, read_paths
from scanner.overlay import overlay

if TYPE_CHECKING:
    from scanner.parsers import Parsed
    from scanner.parsers.addresses import Addresses


def laid_over(
    against: Path, paths: Sequence[Path], code: Estate, config: Config, was_config: Config, since: str | None
) -> tuple[Estate, Estate]:
    """Return the estate without the change, and with it; raise `UsageError` for what is no snapshot, or is one."""
    if not is_snapshot(against):
        raise UsageError(f"{against}: no snapshot", "--against takes a snapshot; `regionproof collect` makes one.")
    for path in paths:
        if is_snapshot(path):
            raise UsageError(f"{path}: a snapshot", "With --against, the paths are infrastructure code.")
    live = read_paths([against], config)
    live.live = live.resources
    was = [_before(path, since, was_config, code.addresses) for path in paths] if since else []
    declared = [one for parsed in was for one in parsed.resources] if since else None
    after = replace(live, resources=overlay(live.resources, code.resources, declared, code.gaps), planned=True)
    after.gaps = [*live.gaps, *code.gaps]
    after.scanned = live.scanned | code.scanned
    after.coverage = [*live.coverage, *code.coverage]
    after.inputs = [*code.inputs, *(replace(one, kind="against") for one in live.inputs)]
    after.exemptions = code.exemptions
    if declared is None:  # then the code is there, and changes nothing
        live.resources = [*live.resources, *code.resources]
        live.gaps, live.exemptions = after.gaps, after.exemptions
    else:
        live.resources = overlay(live.resources, declared)
        live.gaps = [*live.gaps, *(gap for parsed in was for gap in parsed.gaps)]
        live.exemptions = [one for parsed in was for one in parsed.exemptions]
        live.planned = True
    live.scanned = after.scanned
    return live, after


def as_it_was(paths: Sequence[Path], code: Estate, config: Config, since: str) -> Estate:
    """Return what the code declared at the revision `since`."""
    estate = Estate()
    for path in paths:
        parsed = _before(path, since, config, code.addresses)
        add_parsed(estate, parsed)
        estate.exemptions += parsed.exemptions
    return estate


def _before(path: Path, since: str, config: Config, after: Mapping[str, Addresses]) -> Parsed:
    from scanner.parsers import Parsed, parse

    with changes.before(since, _folder(path)) as copy:
        at = copy if path.is_dir() else copy / path.name
        if not at.exists():
            return Parsed([], [], [], "", [])
        return parse(at, config.places, path, config.deployments, after, config.tools)


def differing(since: str, paths: Sequence[Path], config: Config) -> list[changes.Changes]:
    """Return what the code, and the configuration beside it, differ in from a revision; raise `UsageError`."""
    from scanner.parsers.tree import shown_prefix

    for path in paths:
        if is_snapshot(path):
            raise UsageError(f"{path}: a snapshot", "--changed-since is about infrastructure code in a git repository.")
    found = [changes.since(since, _folder(path), shown_prefix(path, folder=path.is_dir())) for path in paths]
    return [*found, *changes.configured_since(since, config, found)]


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent
