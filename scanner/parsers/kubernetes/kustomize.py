"""The door of Kustomize: each overlay that no other one includes is what is applied, and is read without being run.

https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/ says what the fields mean.  What cannot be read
here (replacements, plugins, charts, what is fetched) leaves open what it may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scanner.documents import Document, load, pointer
from scanner.errors import DocumentError
from scanner.model import Gap, Location, Resource
from scanner.parsers.exemptions import MARK
from scanner.parsers.kubernetes import manifests
from scanner.parsers.kubernetes.comments import in_annotations, in_text
from scanner.parsers.kubernetes.kustomize_tool import by_kustomize
from scanner.parsers.kubernetes.manifests import Manifests
from scanner.parsers.kubernetes.naming import refer
from scanner.parsers.kubernetes.objects import Object, Source, is_local
from scanner.parsers.kubernetes.settled import Part
from scanner.parsers.kubernetes.transform import transform
from scanner.parsers.reading import Reading
from scanner.parsers.tree import File, Tree
from scanner.scalars import KUBERNETES, KUSTOMIZE

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_GROUP = "kustomize.config.k8s.io"
_MAX_DEPTH = 50
_SECRET = re.compile(r"""\bkind["']?\s*:\s*["']?Secret\b""")
_OTHERS = {
    "helmCharts": "renders charts, which may declare workloads",
    "helmChartInflationGenerator": "renders charts, which may declare workloads",
    "generators": "runs plugins, which may declare workloads",
}


@dataclass(frozen=True)
class Overlay:
    """A kustomization: its file and what is written in it."""

    file: File
    data: bytes
    document: Document

    @property
    def fields(self) -> Mapping[str, Any]:
        """Return its fields."""
        fields: Mapping[str, Any] = self.document.value
        return fields

    @property
    def is_component(self) -> bool:
        """Tell whether it changes what others include."""
        return self.fields.get("kind") == "Component"

    def entries(self, name: str) -> Iterator[tuple[Any, Location]]:
        """Yield the items of a field that is a list, with where each is written."""
        listed = self.fields.get(name)
        for number, entry in enumerate(listed if isinstance(listed, list) else ()):
            yield entry, self.locate(name, number)

    def locate(self, *at: str | int) -> Location:
        """Return where a value is written, or the first line."""
        return self.document.locations.get(pointer(*at)) or Location(self.file.path, 1)


@dataclass
class Built:
    """What an overlay gives: objects, what it leaves open, whether there are secrets, and whether names change."""

    objects: list[Object] = field(default_factory=list)
    open: list[tuple[Location, str]] = field(default_factory=list)
    broken: list[Manifests] = field(default_factory=list)
    secrets: bool = False
    renames: bool = False


def read(tree: Tree, reading: Reading) -> None:
    """Read every overlay."""
    kustomizations = _Kustomizations(tree, reading)
    kustomizations.find()
    for path in kustomizations.roots():
        kustomizations.attempt(path)
    for path in kustomizations.circles():
        kustomizations.attempt(path)
    kustomizations.close()


class _Kustomizations:
    """The kustomizations of a tree, by the path of their file."""

    def __init__(self, tree: Tree, reading: Reading) -> None:
        self._tree, self._reading, self._folders = tree, reading, tree.folders()
        self._overlays: dict[str, Overlay] = {}
        self._built: dict[str, Built] = {}
        self._files: dict[str, Manifests | None] = {}
        self._open: dict[str, str] = {}
        self._crashed = set[str]()

    def find(self) -> None:
        """Read all kustomizations."""
        for file in list(self._tree.files(*NAMES)):
            if file.name in NAMES and not self._reading.attempt([file.path], self._overlay, file):
                self._open[file.path] = ""
                self._tree.take_below(file.folder)

    def _overlay(self, file: File) -> Overlay | None:
        if file.path not in self._overlays and file.path not in self._open:
            try:
                data = file.data()
                document = load(manifests.decoded(file, data), file.path, dialect=KUBERNETES)
            except (DocumentError, OSError) as error:
                manifests.fail(file, error, self._tree, self._reading)
                self._open[file.path] = ""
                # Nobody knows which files around it are parts of it; none of them is a manifest by itself.
                self._tree.take(*[each for each in self._tree.files() if each.folder == file.folder])
                return None
            if not _is_kustomization(document.value):
                return None
            self._tree.take(file)
            self._reading.read(file.path, data)
            self._overlays[file.path] = Overlay(file, data, document)
            self._exemptions(self._overlays[file.path])
        return self._overlays.get(file.path)

    def roots(self) -> list[str]:
        """Return the overlays that no other one includes."""
        included = {
            other.file.path
            for overlay in list(self._overlays.values())
            for name in ("resources", "bases", "components")
            for entry, _ in overlay.entries(name)
            if isinstance(entry, str) and (other := self._folder(overlay, entry)) and other is not overlay
        }
        return [
            path for path, overlay in list(self._overlays.items()) if path not in included and not overlay.is_component
        ]

    def attempt(self, path: str) -> None:
        """Declare what an overlay gives; if that crashes, what overlays are made of is kept from other formats."""
        files, built = dict(self._files), dict(self._built)
        if not self._reading.attempt([path], self._declare, path):
            self._files, self._built = files, built  # others read again what they share with it
            self._crashed.add(path)
            for overlay in self._overlays.values():
                self._tree.take_below(overlay.file.folder)

    def _declare(self, path: str) -> None:
        """Declare what an overlay gives, wherever it is for."""
        built = self._settled(self._overlays[path], self._build(self._overlays[path], ()))
        deployments = self._reading.deployed(path)
        for where in deployments:
            source = Source(path, where, len(deployments) > 1, self._folders)
            declared: list[Resource | Gap] = [*source.declared(built.objects)]
            for location, reason in built.open:
                declared += source.gap(reason, location)
            for each in built.broken:
                declared += manifests.problems(each, source)
            wrong = self._reading.exempted(in_annotations(source, built.objects))
            open = self._reading.add(declared)
            self._open[path] = wrong or self._open.get(path, "") or open
            self._reading.placed(where.account, where.region, Location(path, 1))

    def _settled(self, overlay: Overlay, built: Built) -> Built:
        """Return what an overlay gives; where reading it leaves something open, as Kustomize builds it."""
        path, tools = overlay.file.path, self._reading.tools
        built = Built([one for one in refer(built) if not is_local(one)], built.open, built.broken)
        if tools is None:
            return built
        read = Part(path, built.objects, [(reason, where, ()) for where, reason in built.open])
        read.open += [("a file is broken", None, ()) for _ in built.broken]
        part, version, files = by_kustomize(tools, self._tree, overlay, self._folder, read)
        if not version:
            open = [(where or Location(path, 1), reason) for reason, where, _ in part.open[: len(built.open)]]
            return Built(part.objects, open, built.broken)
        self._reading.rendered(path, version)
        for file, data in files.items():
            self._reading.read(file.path, data)
        return Built(part.objects)

    def circles(self) -> Iterator[str]:
        """Yield one overlay of each circle of overlays that include each other, and no other one does."""
        for path, overlay in list(self._overlays.items()):
            if path not in self._built and path not in self._crashed and not overlay.is_component:
                if self._crashed:  # then it may be in no circle, but included by what nobody has built
                    self._reading.failed(path, f"{path}: an overlay that may include it crashed regionproof")
                else:
                    yield path

    def close(self) -> None:
        """Note what was read."""
        for path in self._overlays:
            self._reading.done(path, self._open.get(path, ""))
        for path, found in self._files.items():
            if found is not None and path not in self._overlays:
                problem = str(found.broken[0]) if found.broken else ""
                self._reading.done(path, self._open.get(path) or problem)

    def _exemptions(self, overlay: Overlay) -> None:
        if MARK in overlay.data.lower():
            text = overlay.data.decode("utf-8-sig", "replace")
            path = overlay.file.path
            problem = self._reading.exempted(in_text([overlay.document], [], text, path))
            if problem:
                self._open[path] = problem

    def _build(self, overlay: Overlay, above: tuple[str, ...], onto: Built | None = None) -> Built:
        path = overlay.file.path
        built = Built() if onto is None else onto
        for name in ("resources", "bases"):
            for entry, where in overlay.entries(name):
                self._include(overlay, entry, where, built, (*above, path))
        for entry, where in overlay.entries("components"):
            found = self._folder(overlay, entry) if isinstance(entry, str) else None
            if found is None or found.file.path in (*above, path) or len(above) > _MAX_DEPTH:
                built.open.append((where, _missing(entry, found is not None)))
            elif not found.is_component:
                built.open.append((where, f"'{entry}' is no component, which Kustomize refuses"))
            else:
                self._build(found, (*above, path), built)
        for name, reason in _OTHERS.items():
            if overlay.fields.get(name):
                built.open.append((overlay.locate(name), reason))
        transform(overlay, built, lambda name: self._file(overlay, name))
        self._built[path] = built
        return built

    def _include(self, overlay: Overlay, entry: Any, where: Location, built: Built, above: tuple[str, ...]) -> None:
        other = self._folder(overlay, entry) if isinstance(entry, str) else None
        if other is not None:
            if other.file.path in above or len(above) > _MAX_DEPTH:
                built.open.append((where, _missing(entry, True)))
                return
            if other.is_component:
                built.open.append((where, f"'{entry}' is a component, which Kustomize refuses here"))
                return
            inner = self._built.get(other.file.path) or self._build(other, above)
            built.open += [each for each in inner.open if each not in built.open]
            built.broken += [each for each in inner.broken if each not in built.broken]
            built.renames |= inner.renames
            built.secrets |= inner.secrets
            self._add(built, inner.objects, where)
            return
        found = self._file(overlay, entry) if isinstance(entry, str) else None
        if found is None:
            built.open.append((where, _missing(entry, False)))
        else:
            if found.broken:
                built.broken.append(found)
            built.secrets |= _SECRET.search(found.text) is not None
            self._add(built, found.objects, where)

    def _add(self, built: Built, found: list[Object] | Any, where: Location) -> None:
        there = {_identity(one) for one in built.objects}
        for one in found:
            if one.kind == "Kustomization" and one.group == _GROUP:
                continue
            if _identity(one) in there and one.matters:
                message = f"{one.kind} '{one.named('name')}' is included twice, which Kustomize refuses"
                built.open.append((where, message))
            else:
                there.add(_identity(one))
                built.objects.append(one.copy())

    def _folder(self, overlay: Overlay, entry: str) -> Overlay | None:
        """Return the kustomization in the folder that an entry names, None if that is no folder of the tree."""
        for name in NAMES:
            if file := self._tree.beside(overlay.file, f"{entry}/{name}"):
                return self._overlay(file)
        return None

    def _file(self, overlay: Overlay, entry: str) -> Manifests | None:
        """Return what is in a file that an entry names, None if there is no such file in the tree."""
        file = self._tree.beside(overlay.file, entry)
        if file is None:
            return None
        if file.path not in self._files:
            self._files[file.path] = None
            try:
                data = file.data()
                found = self._files[file.path] = manifests.manifests(file, data, KUSTOMIZE)
            except (DocumentError, OSError) as error:
                manifests.fail(file, error, self._tree, self._reading)
                return None
            self._tree.take(file)
            self._reading.read(file.path, data)
            if problem := manifests.exempted(found, self._reading):
                self._open[file.path] = problem
        return self._files[file.path]


def _identity(one: Object) -> tuple[str, ...]:
    return (one.group, one.kind, *one.id)


def _is_kustomization(value: Any) -> bool:
    """Tell the kustomizations of Kustomize from those of Flux, which has a kind of that name."""
    version = value.get("apiVersion", _GROUP) if isinstance(value, dict) else None
    return isinstance(version, str) and version.startswith(_GROUP)


def _missing(entry: Any, included: bool) -> str:
    if included:
        return f"'{entry}' includes itself"
    fetched = isinstance(entry, str) and (
        "://" in entry or "?ref=" in entry or entry.startswith(("github.com", "git@"))
    )
    return f"'{entry}' is not among the scanned files{', and nothing is fetched' if fetched else ''}"
