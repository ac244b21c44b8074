"""Infrastructure as code as resources of the model; which parser reads a file is decided by what is in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from scanner.documents import Document, load
from scanner.errors import DocumentError, UsageError
from scanner.finding import Exemption
from scanner.model import Gap, Location, Resource, Unknown, guard, plain
from scanner.parsers import cloudformation, cloudformation_exemptions
from scanner.parsers.exemptions import MARK, Problem
from scanner.parsers.registry import REGISTRY, Piece, fold, undeclared
from scanner.recovery import DECLARED
from scanner.vocabulary import TAGS

PARSERS = {"cloudformation": cloudformation}
"""Format to the module that reads it."""

MAX_BYTES = 10_000_000
"""A larger file is not read.  CloudFormation itself takes templates of up to 1 MB."""

Places = Callable[[str], Sequence[tuple[str | None, str | None]]]
"""Gives the (account, Region) instances of the template at a path; none means one whose place is not known."""

_SUFFIXES = (".json", ".template", ".yaml", ".yml")
_MARKS = (b"Resources", b"AWS::")
_SKIPPED = {"__pycache__", "node_modules"}


@dataclass(frozen=True)
class Parsed:
    """What the files under a path declare.

    `files` are (path, status, message) of every template: `complete`, `partial` when it leaves something open or an
    exemption in it cannot be understood, or `failed` when it could not be read; other files are not mentioned.
    `sha256` is that of the templates.
    """

    resources: list[Resource]
    gaps: list[Gap]
    files: list[tuple[str, str, str]]
    sha256: str
    exemptions: list[Exemption]


def parse(path: Path, places: Places) -> Parsed:
    """Read a template, or all templates in a folder and below; raise `UsageError` when there is no such path.

    Hidden folders, symbolic links and what package managers install are left out of a folder.  Paths in the result
    begin with `path` as it was given, or inside the folder if it is absolute or leads out of the current one.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder")
    reading = _Reading(places)
    for file in _files(path, lambda error: reading.unreadable(error, path)) if path.is_dir() else [path]:
        reading.read(file, _shown(file, path))
    return reading.result()


def _files(folder: Path, on_error: Callable[[OSError], None]) -> Iterator[Path]:
    for parent, names, files in os.walk(folder, onerror=on_error):
        names[:] = sorted(name for name in names if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            file = Path(parent, name)
            if name.endswith(_SUFFIXES) and file.is_file() and not file.is_symlink():
                yield file


def _shown(file: Path, path: Path) -> str:
    if path.is_absolute() or ".." in path.parts:
        file = file.relative_to(path if path.is_dir() else path.parent)
    return file.as_posix().encode("utf-8", "backslashreplace").decode("utf-8")  # names of files are any bytes


class _Reading:
    """What has been read so far.  Registries are put together at the end, for their pieces may be in many files."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.instances: dict[tuple[str | None, str | None], Location] = {}
        self.resources: list[Resource] = []
        self.pieces: list[Piece] = []
        self.gaps: list[Gap] = []
        self.files: list[tuple[str, str, str]] = []
        self.exemptions: list[Exemption] = []
        self.digest = hashlib.sha256()

    def read(self, file: Path, path: str) -> None:
        try:
            data = _bytes(file)
            document = _template(data, path)
        except (DocumentError, OSError) as error:
            self.failed(path, str(error) if isinstance(error, DocumentError) else f"{path}: {error.strerror}")
            return
        if document is not None:
            self.digest.update(f"{hashlib.sha256(data).hexdigest()}  {path}\n".encode("utf-8", "surrogateescape"))
            self.template(document, path, self.exempted(document, data, path) if MARK in data.lower() else [])

    def unreadable(self, error: OSError, path: Path) -> None:
        folder = _shown(Path(error.filename), path)
        self.failed(folder, f"{folder}: {error.strerror}")

    def exempted(self, document: Document, data: bytes, path: str) -> list[Problem]:
        """Take the exemptions that a template declares; return those that cannot be understood."""
        found = list(cloudformation_exemptions.exemptions(document, data.decode("utf-8-sig"), path))
        self.exemptions += [one for one in found if isinstance(one, Exemption)]
        return [one for one in found if isinstance(one, Problem)]

    def template(self, document: Document, path: str, problems: Sequence[Problem]) -> None:
        instances = list(dict.fromkeys(self.places(path))) or [(None, None)]
        before = len(self.gaps)
        for account, region in instances:
            suffix = f"@{account or '*'}/{region or '*'}" if len(instances) > 1 else ""
            for one in cloudformation.declarations(document, path, account, region, suffix=suffix):
                match one:
                    case Resource():
                        if not one.type.startswith(DECLARED):  # evidence is not for a template to give
                            self.resources.append(one)
                    case Piece():
                        self.pieces.append(one)
                    case Gap():
                        self.gaps.append(one)
            self.instances.setdefault((account, region), Location(path, 1))
        message = "; ".join(map(str, problems)) or next((gap.message for gap in self.gaps[before:]), "")
        self.files.append((path, "partial" if message else "complete", message))

    def failed(self, path: str, message: str) -> None:
        self.files.append((path, "failed", message))
        for account, region in self.places(path) or [(None, None)]:
            self.gaps.append(Gap("ParseError", message, None, account, region, path=path))

    def result(self) -> Parsed:
        resources = _distinct([*self.resources, *fold(self.pieces)])
        regions = cloudformation.regions(self.instances, resources)
        there = {resource.id for resource in resources if resource.type == REGISTRY}
        resources += regions
        resources += [registry for region in regions if (registry := undeclared(region)).id not in there]
        return Parsed(resources, self.gaps, self.files, self.digest.hexdigest(), self.exemptions)


def _bytes(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _template(data: bytes, path: str) -> Document | None:
    """Return the template in a file, None if there is none; raise `DocumentError` if it is broken."""
    named, suspect = _is_named_template(path), all(mark in data for mark in _MARKS)
    if not (named or suspect or b"Resources" in data):
        return None
    if len(data) > MAX_BYTES and (named or suspect):
        raise DocumentError(path, 0, 0, f"larger than {MAX_BYTES} bytes")
    try:
        document = load(data.decode("utf-8-sig"), path, TAGS)
    except UnicodeDecodeError:
        if named:
            raise DocumentError(path, 0, 0, "not UTF-8 text") from None
        return None
    except DocumentError:
        if named or suspect:
            raise
        return None
    return document if cloudformation.recognises(document.value) else None


def _is_named_template(path: str) -> bool:
    """Tell `stack.template` and `stack.yaml.template` from the templates of other tools, `nginx.conf.template`."""
    name = PurePosixPath(path)
    return name.suffix == ".template" and name.with_suffix("").suffix in ("", ".json", ".yaml", ".yml")


def _distinct(resources: Iterable[Resource]) -> list[Resource]:
    """Merge resources of one id: what two declarations say differently is unknown, because one of them loses."""
    made: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        key = (resource.type, resource.id)
        made[key] = _merged(made[key], resource) if key in made else resource
    return list(made.values())


def _merged(one: Resource, other: Resource) -> Resource:
    places = sorted(f"{where.path}:{where.line}" for where in (one.locations[""], other.locations[""]))
    reason = f"declared twice: {' and '.join(places)}"
    left, right = dict(one.properties.raw()), dict(other.properties.raw())
    properties = {
        name: left[name]
        if name in left and name in right and plain(left[name]) == plain(right[name])
        else Unknown(reason)
        for name in {**left, **right}
    }
    return replace(one, properties=guard(properties))
