"""Evidence files: drills and runbooks that people recorded, as resources of the model.

A file that cannot be read, and a glob that finds none, is a gap: there may be evidence in it, so nobody can say that
there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanner.config import Config
from scanner.conformity import at, validate
from scanner.documents import Document, load, pointer
from scanner.errors import ConfigError, DocumentError
from scanner.model import Gap, Location, Resource, guard
from scanner.recovery import DRILL, RUNBOOK
from scanner.vocabulary import complete

MAX_BYTES = 10_000_000
"""A larger file is not read."""

_TYPES = {
    ("ecs", "cluster"): "AWS::ECS::Cluster",
    ("ecs", "service"): "AWS::ECS::Service",
    ("eks", "cluster"): "AWS::EKS::Cluster",
    ("lambda", "function"): "AWS::Lambda::Function",
    ("ecr", "repository"): "AWS::ECR::Repository",
}
"""Service and kind in an ARN to the type of resource."""
_CAPITALS = {"signed_off_by": "SignedOffBy", "control_plane": "ControlPlane"}


@dataclass
class Evidence:
    """What the evidence files hold.

    `files` are (path, status, message) of each: `complete`, or `failed` when it could not be read.  `sha256` is that
    of those that were read.
    """

    resources: list[Resource] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    files: list[tuple[str, str, str]] = field(default_factory=list)
    sha256: str = ""


def read(config: Config) -> Evidence:
    """Read the evidence files that a configuration names; none, if it says nothing of evidence and has no tiers.

    Raises `ConfigError` for a glob that leads out of the folder of the configuration.
    """
    found = Evidence()
    if config.path is None or config.evidence is None:
        if config.tiers:
            _missed(found, "NotDeclared", "regionproof.yaml names no evidence files", config.path or "")
        return found
    folder = Path(config.path).parent
    digest = hashlib.sha256()
    seen: set[Path] = set()
    for glob, location in config.evidence:
        files = _files(folder, glob, location, config.path)
        if not files:
            where = str(location or config.path)
            _failed(found, "NotFound", f"{config.path}: no file is '{glob}'", where)
        for file in files:
            if file not in seen:
                seen.add(file)
                _read(found, file, folder, config, digest)
    found.sha256 = digest.hexdigest()
    return found


def _files(folder: Path, glob: str, location: Location | None, path: str) -> list[Path]:
    where = f"{path}:{location.line}" if location else path
    if Path(glob).is_absolute() or ".." in Path(glob).parts:
        raise ConfigError(f"{where}: evidence: '{glob}' leads out of the folder", "Keep evidence beside this file.")
    try:
        files = sorted(file for file in folder.glob(glob) if file.is_file())
    except (ValueError, NotImplementedError) as error:
        raise ConfigError(f"{where}: evidence: '{glob}' is no glob: {error}") from error
    return [file for file in files if _is_inside(file, folder)]


def _is_inside(file: Path, folder: Path) -> bool:
    """Tell whether a file, links followed, is in a folder."""
    return file.resolve().is_relative_to(folder.resolve())


def _read(found: Evidence, file: Path, folder: Path, config: Config, digest: Any) -> None:
    path = file.as_posix()
    try:
        data = _bytes(file)
        document = load(data.decode("utf-8-sig"), path)
        validate(document, "evidence", path)
        resources = list(_resources(document, file, folder, config))
    except UnicodeDecodeError:
        _failed(found, "ParseError", f"{path}: not UTF-8 text", path)
    except OSError as error:
        _failed(found, "ParseError", f"{path}: {error.strerror}", path)
    except (DocumentError, ConfigError) as error:
        _failed(found, "ParseError", str(error), path)
    else:
        digest.update(f"{hashlib.sha256(data).hexdigest()}  {path}\n".encode("utf-8", "surrogateescape"))
        found.resources += resources
        found.files.append((path, "complete", ""))


def _bytes(file: Path) -> bytes:
    with file.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DocumentError(file.as_posix(), 0, 0, f"larger than {MAX_BYTES} bytes")
    return data


def _failed(found: Evidence, reason: str, message: str, path: str) -> None:
    found.files.append((path, "failed", message))
    _missed(found, reason, message, path)


def _missed(found: Evidence, reason: str, message: str, path: str) -> None:
    found.gaps += [Gap(reason, message, type, path=path) for type in (DRILL, RUNBOOK)]


def _resources(document: Document, file: Path, folder: Path, config: Config) -> Iterator[Resource]:
    known = {tier.name for tier in config.tiers}
    path = file.as_posix()
    for key, type, read in (("drills", DRILL, _drill), ("runbooks", RUNBOOK, _runbook)):
        scope = "scope" if type == DRILL else "covers"
        for number, entry in enumerate(document.value.get(key, ())):
            for nth, name in enumerate(entry[scope].get("tiers", ())):
                if name not in known:
                    where = at(document, path, [key, number, scope, "tiers", nth])
                    raise ConfigError(f"{where}: no tier '{name}' is declared in {config.path}")
            given = read(entry)
            if "path" in entry:
                where = at(document, path, [key, number, "path"])
                given["Sha256"] = _digest(file.parent / entry["path"], folder, where)
            properties = guard(complete(type, given))
            name = "/".join(str(given[part]) for part in (("Date", "Scenario") if type == DRILL else ("Source",)))
            locations = dict(_located(document, pointer(key, number), scope))
            yield Resource(type, f"{path}#{key}/{number}", name, None, None, properties, locations=locations)


def _located(document: Document, entry: str, scope: str) -> Iterator[tuple[str, Location]]:
    """Yield (pointer into the properties, where it is written) for what an entry says."""
    for at_, location in document.locations.items():
        if at_ != entry and not at_.startswith(f"{entry}/"):
            continue
        parts = at_.removeprefix(entry).split("/")[1:]
        if parts[:1] == [scope]:
            parts = parts[1:]
        if parts:
            parts[0] = _SOURCES.get(parts[0], next(iter(_capital({parts[0]: None}))))
        if parts or at_ == entry:
            yield pointer(*parts), location


_SOURCES = {"path": "Source", "url": "Source"}


def _drill(entry: Mapping[str, Any]) -> dict[str, Any]:
    scope = entry["scope"]
    return {**_capital({key: value for key, value in entry.items() if key != "scope"}), **_capital(scope)}


def _runbook(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in entry.items() if key in ("reviewed", "scenario", "sha256", "traffic")}
    resources = [{"Type": _type(arn), "Arn": arn} for arn in entry.get("resources", ())]
    source = entry.get("path") or entry.get("url")
    return {**_capital(kept), **_capital(entry["covers"]), "Source": source, "Resources": resources}


def _capital(structure: Mapping[str, Any]) -> dict[str, Any]:
    """Return a structure with the names of properties."""
    return {
        _CAPITALS.get(key, key[:1].upper() + key[1:]): _capital(value) if isinstance(value, dict) else value
        for key, value in structure.items()
    }


def _type(arn: str) -> str | None:
    _, _, service, _, _, rest = arn.split(":", 5)
    kind = rest.replace(":", "/").partition("/")[0]
    return _TYPES.get((service, kind))


def _digest(file: Path, folder: Path, where: str) -> str:
    """Return the digest of a runbook's file; raise `ConfigError` if it is not there, or not in the folder."""
    if not _is_inside(file, folder):
        raise ConfigError(f"{where}: the runbook is outside the folder of regionproof.yaml")
    if not file.is_file():
        raise ConfigError(f"{where}: there is no such runbook")
    return hashlib.sha256(file.read_bytes()).hexdigest()
