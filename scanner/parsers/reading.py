"""What the formats have read so far, whatever the format: one place where it all comes together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from scanner.config import IacMapping
from scanner.errors import RegionproofError
from scanner.finding import Exemption
from scanner.model import Gap, Location, Resource, Unknown, guard, plain
from scanner.parsers.addresses import Addresses
from scanner.parsers.exemptions import Problem
from scanner.parsers.registry import REGISTRY, Piece, fold, undeclared
from scanner.uses import Uses

if TYPE_CHECKING:
    from scanner.parsers.kubernetes.tools import Tools

Places = Callable[[str], Sequence[tuple[str | None, str | None]]]
"""Gives the (account, Region) instances of the code at a path; none means one whose place is not known."""

Deployments = Callable[[str], Sequence[IacMapping]]
"""Gives the entries of `iac` in the configuration for the code at a path, of which `Places` are the short form."""


@dataclass(frozen=True)
class Release:
    """A chart in the scanned files that other code installs: its folder, what it is installed as, and by which code.

    `values` are laid over those of the chart, the last one on top; each is an object, or `Unknown` if any may be set.
    `unplaced` is why it is not known into which cluster; empty if it is.
    """

    chart: str
    where: IacMapping
    values: tuple[Any, ...]
    at: Location
    unplaced: str = ""


@dataclass(frozen=True)
class Parsed:
    """What the files under a path declare.

    `files` are (path, status, message) of every file that was understood as infrastructure code: `complete`,
    `partial` when it leaves something open or an exemption in it cannot be understood, or `failed` when it could not
    be read; other files are not mentioned.  `sha256` is that of the files that were read.  `uses` is what the code
    makes of `iac` in the configuration, `addresses` what root modules of Terraform, by their folders, say of addresses
    that were in use before.
    """

    resources: list[Resource]
    gaps: list[Gap]
    files: list[tuple[str, str, str]]
    sha256: str
    exemptions: list[Exemption]
    uses: Uses = field(default_factory=Uses)
    addresses: dict[str, Addresses] = field(default_factory=dict)


class Reading:
    """What has been read so far.  Registries are put together at the end, for their pieces may be in many files."""

    def __init__(
        self,
        places: Places,
        deployments: Deployments | None = None,
        after: Mapping[str, Addresses] | None = None,
        tools: Tools | None = None,
    ) -> None:
        """Take what the configuration says; `after` is what the code says later, where this is how it was before.

        `tools` are asked about charts and overlays where reading them leaves something open; None: nothing is run.
        """
        self.after = after or {}
        self.tools = tools
        self.addresses: dict[str, Addresses] = {}
        self.releases: dict[str, list[Release]] = {}
        self._places, self._deployments = places, deployments
        self._placed: dict[tuple[str | None, str | None], Location] = {}
        self._resources: list[Resource] = []
        self._pieces: list[Piece] = []
        self._gaps: list[Gap] = []
        self._files: list[tuple[str, str, str]] = []
        self._exemptions: list[Exemption] = []
        self._digests: dict[str, str] = {}
        self._rendered: dict[str, str] = {}
        self.uses = Uses()

    def released(self, release: Release) -> None:
        """Take the release of a chart that a format behind this one reads."""
        known = self.releases.setdefault(release.chart, [])
        if not any(each.at == release.at and each.where == release.where for each in known):
            known.append(release)

    def instances(self, path: str) -> list[tuple[str | None, str | None]]:
        """Return the (account, Region) pairs that the configuration gives a file; (None, None) if it gives none."""
        self.uses.paths.add(path)
        return list(dict.fromkeys(self._places(path))) or [(None, None)]

    def deployments(self, path: str) -> list[IacMapping]:
        """Return what the configuration says of how the code at a path is deployed; empty if it says nothing."""
        self.uses.paths.add(path)
        if self._deployments is not None:
            return list(self._deployments(path))
        return [IacMapping(path, account, region) for account, region in self._places(path)]

    def deployed(self, path: str) -> list[IacMapping]:
        """Return each of the `deployments` once, under the path itself; one that says nothing if there is none."""
        found = [replace(one, path=path) for one in self.deployments(path)]
        return list(dict.fromkeys(found)) or [IacMapping(path, None, None)]

    def placed(self, account: str | None, region: str | None, where: Location) -> None:
        """Note a place that code is for, though it may declare nothing there."""
        self._placed.setdefault((account, region), where)

    def attempt(self, paths: Sequence[str], read: Callable[..., object], *arguments: Any) -> bool:
        """Read what belongs together, and tell whether that went well.

        If it crashes, nothing counts that was taken meanwhile, and the files at `paths` could not be read: a mistake
        in a parser costs no other file its verdicts.  What they declare may be for any place, whatever the
        configuration says: a provider or a stack may name its own.
        """
        lists: list[list[Any]] = [self._resources, self._pieces, self._gaps, self._files, self._exemptions]
        before = [len(each) for each in lists]
        releases = {chart: list(known) for chart, known in self.releases.items()}
        try:
            read(*arguments)
        except RegionproofError:  # what somebody asked for cannot be done
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody knows what the files declare
            problem = crashed(error)
            for each, length in zip(lists, before, strict=True):
                del each[length:]
            self.releases = releases
            for path in paths:
                self._failed(path, f"{path}: {problem}", [(None, None)])
            return False
        return True

    def read(self, path: str, data: bytes) -> None:
        """Note that a file was read, so that the report can say of which bytes it speaks."""
        self._digests[path] = hashlib.sha256(data).hexdigest()

    def add(self, declared: Iterable[Resource | Piece | Gap]) -> str:
        """Take what code declares; return the message of the first gap in it, empty if there is none."""
        first = ""
        for one in declared:
            match one:
                case Resource():
                    self._resources.append(one)
                case Piece():
                    self._pieces.append(one)
                case Gap():
                    self._gaps.append(one)
                    first = first or one.message
        return first

    def exempted(self, found: Iterable[Exemption | Problem]) -> str:
        """Take the exemptions that a file declares; return what is wrong with those that cannot be understood."""
        problems = []
        for one in found:
            if isinstance(one, Problem):
                problems.append(str(one))
            else:
                self._exemptions.append(one)
        return "; ".join(problems)

    def rendered(self, path: str, tool: str) -> None:
        """Note that a tool, by its name and version, was asked about what a file describes, and answered."""
        self._rendered[path] = f"rendered by {tool} where reading the files leaves something open"

    def done(self, path: str, message: str = "") -> None:
        """Note that a file was understood; `message` says what it leaves open."""
        note = self._rendered.get(path, "")
        text = f"{message} ({note})" if message and note else message or note
        self._files.append((path, "partial" if message else "complete", text))

    def passed_over(self, path: str, why: str = "") -> None:
        """Note that a file was understood and declares nothing of an estate; `why` says so where it may surprise."""
        self._files.append((path, "complete", why))

    def linked(self, links: Iterable[tuple[str, bool]]) -> None:
        """Note symbolic links, which are not followed, and whether what each leads to is read in its own place."""
        note = self.done if self._files else self.failed  # where nothing is judged, that must not look well
        for path, is_read in list(links):
            if is_read:
                self.passed_over(path, "a symbolic link to files that are read in their own place")
            else:
                note(path, f"{path}: a symbolic link to what is not scanned; it is not followed")

    def failed(self, path: str, message: str) -> None:
        """Note that a file, or a folder, could not be read: it may declare anything, wherever it is for."""
        self._failed(path, message, self.instances(path))

    def _failed(self, path: str, message: str, places: Iterable[tuple[str | None, str | None]]) -> None:
        self._files.append((path, "failed", message))
        for account, region in places:
            self._gaps.append(Gap("ParseError", message, None, account, region, path=path))

    def result(self) -> Parsed:
        """Return all of it, with the registry and the Region of each place that something is for."""
        resources = _distinct([*self._resources, *fold(self._pieces)])
        for one in resources:
            self._placed.setdefault((one.account, one.region), one.locations[""])
        made = regions(self._placed, resources)
        there = {resource.id for resource in resources if resource.type == REGISTRY}
        resources += made
        resources += [registry for region in made if (registry := undeclared(region)).id not in there]
        lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(self._digests.items()))
        sha256 = hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
        self.uses.paths.update(path for path, _, _ in self._files)
        failed = {path for path, status, _ in self._files if status == "failed"}
        files = [each for each in self._files if each[1] == "failed" or each[0] not in failed]
        return Parsed(resources, self._gaps, sorted(files), sha256, self._exemptions, self.uses, self.addresses)


def crashed(error: Exception) -> str:
    """Say where a parser crashed, and nothing of what it read, in which secrets may be."""
    at = extract_tb(error.__traceback__)[-1]
    return f"regionproof crashed while it read this: {type(error).__name__} in {Path(at.filename).name}:{at.lineno}"


def regions(places: dict[tuple[str | None, str | None], Location], found: Iterable[Resource]) -> list[Resource]:
    """Return an AWS::Account::Region for each known place, with where it is named, of which `found` has none."""
    there = {one.id for one in found if one.type == "AWS::Account::Region"}
    made = []
    for (account, region), location in places.items():
        id = f"aws://{account}/{region}"
        if account and region and id not in there:
            properties = guard({"RegionName": region})
            locations = {"": location}
            made.append(
                Resource("AWS::Account::Region", id, "region", account, region, properties, locations=locations)
            )
    return made


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
