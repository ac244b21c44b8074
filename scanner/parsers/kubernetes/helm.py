"""The door of Helm: each values file of a chart is an environment, for which its templates are read without Helm.

What an environment is for says `iac:` by the path of its values file.  Values that are given on a command line are not
in the files; what depends on the release or on the cluster is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scanner.config import IacMapping
from scanner.documents import Document, load, load_all, pointer
from scanner.errors import DocumentError
from scanner.finding import Exemption
from scanner.guarded import Unknown
from scanner.model import Gap, Location, Resource
from scanner.parsers.exemptions import MARK, Problem
from scanner.parsers.kubernetes import manifests
from scanner.parsers.kubernetes.comments import in_annotations, in_template, in_text
from scanner.parsers.kubernetes.contexts import context
from scanner.parsers.kubernetes.dependencies import installed
from scanner.parsers.kubernetes.golang import OPEN
from scanner.parsers.kubernetes.helm_tool import by_helm
from scanner.parsers.kubernetes.helmignore import Ignored
from scanner.parsers.kubernetes.objects import TYPES, Object, Source, objects
from scanner.parsers.kubernetes.releases import through, values_of
from scanner.parsers.kubernetes.render import Renderer
from scanner.parsers.kubernetes.rendered import Rendered, Tree, resolved, unknown
from scanner.parsers.kubernetes.scopes import Changed, Template, Undecidable
from scanner.parsers.kubernetes.settled import Part, gap
from scanner.parsers.kubernetes.templates import is_notes, templates
from scanner.parsers.kubernetes.values import laid, located
from scanner.parsers.reading import Reading
from scanner.parsers.tree import MAX_BYTES, File
from scanner.parsers.tree import Tree as Files
from scanner.scalars import KUBERNETES

_CHART = "Chart.yaml"
_VALUES = re.compile(r"(?:values[-._][^/]+|[^/]+[-._]values|(?:values|environments|envs)/[^/]+)\.ya?ml")
_PACKED = re.compile(r"charts/[^/]+\.tgz")


@dataclass
class Chart:
    """A chart in a folder: what `Chart.yaml` says, its default values, its templates and the charts in it.

    `text` is that of the values, `file` the one of the description; `ignored` are files that Helm passes over.
    """

    folder: str
    file: File
    document: Document
    values: Tree
    environments: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Chart] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    requirements: Document | None = None
    text: str = ""
    ignored: frozenset[str] = frozenset()

    @property
    def dependencies(self) -> list[tuple[Mapping[str, Any], Location | None]]:
        """Return the charts that it depends on, with where that is written."""
        written = self.requirements or self.document
        listed = written.value.get("dependencies") if isinstance(written.value, dict) else None
        return [
            (each, written.locations.get(pointer("dependencies", number)))
            for number, each in enumerate(listed if isinstance(listed, list) else ())
            if isinstance(each, dict)
        ]

    @property
    def about(self) -> Mapping[str, Any]:
        """Return what `Chart.yaml` says."""
        about: Mapping[str, Any] = self.document.value
        return about

    @property
    def is_library(self) -> bool:
        """Tell whether it only holds templates for others."""
        return self.about.get("type") == "library"


def read(tree: Files, reading: Reading) -> None:
    """Read every chart."""
    folders = {file.folder: file for file in list(tree.files(_CHART)) if file.name == _CHART}
    for folder, file in folders.items():
        inner = any(_is_inside(folder, f"{other}/charts" if other else "charts") for other in folders)
        if not inner and not reading.attempt([file.path], _read, folder, file, tree, reading):
            tree.take_below(folder)


def _is_inside(folder: str, other: str) -> bool:
    return folder.startswith(f"{other}/")


def _read(folder: str, file: File, tree: Files, reading: Reading) -> None:
    present = tree.folders()
    charts = _Charts(tree, reading)
    chart = charts.chart(folder, file)
    if chart is None:
        return
    open: dict[str, str] = {}
    names = _environments(chart, file, reading)
    for path, deployments in names.items():
        for where in deployments:
            source = Source(path, where, len(deployments) > 1, present)
            declared = list(charts.declared(chart, file, path, source))
            open[path] = reading.add(declared) or open.get(path, "")
            reading.placed(where.account, where.region, Location(path, 1))
    for declared in charts.released(chart, file, present):
        open[file.path] = reading.add(declared) or open.get(file.path, "")
    first = next(filter(None, open.values()), "")
    for path in charts.seen:
        left = open.get(path, "") if path in open else first if path == file.path else ""
        reading.done(path, charts.wrong.get(path) or left)


def _environments(chart: Chart, file: File, reading: Reading) -> dict[str, list[IacMapping]]:
    """Return the deployments of a chart by the file that stands for each.

    That is `Chart.yaml` where `iac:` says which values files are laid over each other; then of the others those count
    that have a place of their own, else each of them.
    """
    if chart.is_library:
        return {}
    if chart.folder in reading.releases:  # code says how it is installed, and the configuration how else it is
        own = [where for where in reading.deployed(file.path) if where.values or where.cluster or where.release]
        return {file.path: own} if own else {}
    layered = [where for where in reading.deployed(file.path) if where.values]
    for where in layered:
        reading.uses.take("values", where.values)
    found = {file.path: layered} if layered else {}
    for path in chart.environments or [_join(chart.folder, "values.yaml")]:
        own = [where for where in reading.deployed(path) if not where.values and (where.region or not layered)]
        found |= {path: own} if own else {}
    return found


def _is_packed(dependency: Mapping[str, Any], name: str) -> bool:
    """Tell whether a file is the package of a chart that another one says it depends on."""
    return re.fullmatch(rf"charts/{re.escape(str(dependency.get('name')))}-v?[0-9][^/]*", name) is not None


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


class _Charts:
    """Reads the files of a chart, and of those in it."""

    def __init__(self, tree: Files, reading: Reading) -> None:
        self._tree, self._reading = tree, reading
        self._all = list(tree.files())
        self._values: dict[str, Tree] = {}
        self._texts: dict[str, str] = {}
        self._ignored: frozenset[str] | None = None
        self.seen: list[str] = []
        self.wrong: dict[str, str] = {}

    def chart(self, folder: str, file: File) -> Chart | None:
        """Return the chart in a folder, None if its description cannot be read."""
        inside = [each for each in self._all if not folder or _is_inside(each.path, folder)]
        if self._ignored is None:
            self._ignored = self._ignores(folder, inside)
        self._tree.take(*[each for each in inside if each.path in self._ignored])
        inside = [each for each in inside if each.path not in self._ignored]
        document = self._document(file)
        if document is None or not isinstance(document.value, dict):
            self._tree.take(*inside)
            return None
        chart = Chart(folder, file, document, Tree({}, {}), ignored=self._ignored)
        named: dict[str, list[Chart]] = {}
        charts = [each for each in inside if each.name == _CHART and each.path != file.path]
        for each in sorted(charts, key=lambda each: each.path.count("/")):
            name = each.path.removeprefix(f"{folder}/" if folder else "").split("/")
            if len(name) == 3 and name[0] == "charts" and not name[1].startswith(("_", ".")):
                part = self.chart(each.folder, each)
                if part:
                    named.setdefault(str(part.about.get("name")), []).append(part)
        for own, found in named.items():
            if len(found) == 1:
                chart.parts[own] = found[0]
            else:
                chart.problems.append(f"which of the charts in it that are called '{own}' is meant is not evaluated")
        for each in inside:
            self._file(chart, each, each.path.removeprefix(f"{folder}/" if folder else ""))
        return chart

    def _file(self, chart: Chart, file: File, name: str) -> None:
        if name.startswith("templates/"):
            text = self._text(file)
            if text is None:
                chart.problems.append(f"{file.path} cannot be read")
            else:
                chart.files[file.path] = text
                if MARK in text.lower().encode():
                    self._exempted(file, in_template(text, file.path))
        elif name in ("values.yaml", "values.yml"):
            chart.values = self._tree_of(file)
            chart.text = self._texts.get(file.path, "") if name == "values.yaml" else ""
        elif name == "requirements.yaml":  # of charts of the first version
            chart.requirements = self._document(file)
            chart.problems += [] if chart.requirements else [f"{file.path} cannot be read"]
        elif _VALUES.fullmatch(name):
            chart.environments.append(file.path)
            self._tree_of(file)
        elif _PACKED.fullmatch(name) and not any(_is_packed(each, name) for each, _ in chart.dependencies):
            chart.problems.append(f"{file.path} is packed, and is not read")
        elif not name.startswith(("charts/", "crds/", "ci/", "templates/")) and name != _CHART:
            return
        self._tree.take(file)

    def _ignores(self, folder: str, inside: Sequence[File]) -> frozenset[str]:
        """Return the templates, and the files of charts in it, that a chart passes over."""
        begin = f"{folder}/" if folder else ""
        file = next((each for each in inside if each.path == f"{begin}.helmignore"), None)
        ignored = Ignored((file and self._text(file)) or "")
        found = [each for each in inside if each.path.removeprefix(begin).startswith(("templates/", "charts/"))]
        return frozenset(each.path for each in found if each.path.removeprefix(begin) in ignored)

    def _text(self, file: File) -> str | None:
        try:
            data = file.data()
            if len(data) > MAX_BYTES:
                raise DocumentError(file.path, 0, 0, f"larger than {MAX_BYTES} bytes")
            text = manifests.decoded(file, data).replace("\r\n", "\n")
            if OPEN in text:
                raise DocumentError(file.path, 0, 0, "a character for private use")
        except (DocumentError, OSError) as error:
            manifests.fail(file, error, self._tree, self._reading)
            return None
        self._reading.read(file.path, data)
        self.seen.append(file.path)
        self._texts[file.path] = text
        return text

    def _document(self, file: File) -> Document | None:
        text = self._text(file)
        try:
            return None if text is None else load(text, file.path, dialect=KUBERNETES)
        except DocumentError as error:
            self.seen.remove(file.path)
            manifests.fail(file, error, self._tree, self._reading)
            return None

    def _exempted(self, file: File, found: Iterator[Exemption | Problem]) -> None:
        if problem := self._reading.exempted(found):
            self.wrong[file.path] = problem

    def _tree_of(self, file: File) -> Tree:
        if file.path not in self._values:
            document = self._document(file)
            if document is None:
                self._values[file.path] = Tree({"": Unknown(f"{file.path} cannot be read")}, {})
            else:
                text = manifests.decoded(file, file.data())
                if MARK in text.lower().encode():
                    self._exempted(file, in_text([document], [], text, file.path))
                found = located(document.value, document.locations, "")
                self._values[file.path] = found if isinstance(found, Tree) else Tree({}, {})
        return self._values[file.path]

    def _laid(self, chart_file: File, name: str) -> tuple[Tree | None, str]:
        """Return the values in a file that is named from a chart, None if there is no such file in the tree."""
        file = self._tree.beside(chart_file, name)
        if file is None:
            return None, ""
        self._tree.take(file)
        return self._tree_of(file), file.path

    def declared(self, chart: Chart, file: File, path: str, source: Source) -> Iterator[Resource | Gap]:
        """Yield what a chart declares in the environment of a values file, or of those that `iac:` names."""
        values, layers = Tree({}, {}), list[Any]()
        names = source.where.values or ([path.rpartition("/")[2]] if path in chart.environments else [])
        for name in names:
            over, text = self._laid(file, name) if source.where.values else (self._values.get(path), path)
            if over is None:
                yield from source.gap(f"the values file '{name}' is not among the scanned files", Location(path, 1))
                return
            values = laid(values, over)
            layers.append(self._texts.get(text))
        if "" in values or "" in chart.values:
            yield from source.gap("the values of the chart cannot be read", Location(path, 1))
            return
        yield from self._settled(chart, values, layers, source)

    def released(self, chart: Chart, file: File, present: frozenset[str]) -> Iterator[list[Resource | Gap]]:
        """Yield what a chart declares in each of its releases that other code declares."""
        releases = self._reading.releases.get(chart.folder, [])
        for release in releases:
            where = replace(release.where, path=file.path)
            source = Source(file.path, where, len(releases) > 1, present, release.unplaced)
            values = values_of(release)
            if isinstance(values, Unknown):
                yield list(source.gap(values.reason, release.at))
            else:
                found = self._settled(chart, values, list(release.values), source)
                yield [through(one, release.at) for one in found]

    def _settled(self, chart: Chart, values: Tree, layers: list[Any], source: Source) -> Iterator[Resource | Gap]:
        """Yield what a chart declares; where reading it leaves something open, as Helm renders it if it is there."""
        parts = _rendered(chart, values, source.where)
        if self._reading.tools:
            parts, version, more = by_helm(self._reading.tools, chart, layers, source.where, parts)
            if version:
                self._reading.rendered(source.path, version)
            for path, data in more.items():
                self._reading.read(path, data)
        for part in parts:
            if wrong := self._reading.exempted(in_annotations(source, part.objects)):
                self.wrong.setdefault(part.path, wrong)
            for message, where, types in part.open:
                yield from source.gap(message, where, *types)
            yield from source.declared(part.objects)


def _rendered(chart: Chart, values: Tree, where: IacMapping) -> list[Part]:
    """Return what the templates of a chart give, and what is not known beside that."""
    root = installed(chart, values)
    charts = list(root.all())
    parts = [gap(reason, at) for each in charts for reason, at in each.problems]
    parts += [gap(problem, None) for each in charts for problem in each.chart.problems]
    if any(not each.chart.files and not each.chart.dependencies for each in charts):
        parts.append(gap("no templates of the chart are among the scanned files", Location(where.path, 1)))
    named, bodies = templates(root)
    texts = {path: text for each in charts for path, text in each.chart.files.items()}
    renderer = Renderer(named)
    doubts: list[tuple[Location, str]] = []
    for each, template in bodies:
        if isinstance(template, Part):
            parts.append(template)
            continue
        part = Part(template.path if sum(one.chart is each.chart for one in charts) == 1 else "")
        first = Location(template.path, 1)
        try:
            rendered = renderer.render(template, context(each, template.path, where))
        except Undecidable as problem:
            doubts += [(first, str(problem))] if isinstance(problem, Changed) else []
            part.open.append((str(problem), first, ()))
        else:
            _add(part, rendered, template, texts)
        if not is_notes(template.path):
            parts.append(part)
    for at, reason in [*renderer.refusals, *doubts][:1]:
        _doubt([one for part in parts for one in part.objects], f"{at.path}:{at.line}: {reason}")
    return parts


def _add(part: Part, rendered: Rendered, template: Template, texts: Mapping[str, str]) -> None:
    """Add the objects of a rendered template to those of a part, and what cannot be read of it."""
    first = Location(template.path, 1)
    for at, reason, kinds in rendered.absent:
        types = tuple(f"Kubernetes::{kind}" for kind in kinds if f"Kubernetes::{kind}" in TYPES)
        if types:
            part.open.append((reason.partition(": ")[2], at, types))
    if "apiVersion" not in rendered.text and OPEN not in rendered.text:
        return
    for one in load_all(rendered.text, template.path, dialect=KUBERNETES):
        if isinstance(one, DocumentError):
            part.open.append((f"what it gives is not YAML: {one.problem}", first, ()))
        elif isinstance(one.value, str) and OPEN in one.value:
            part.open.append((unknown(one.value, rendered.unknowns).reason, first, ()))
        else:
            document, written = resolved(one, rendered, texts)
            part.objects += [replace(each, written=written) for each in objects(document, template.path)]


def _doubt(found: Sequence[Object], reason: str) -> None:
    for one in found:
        one.doubt = one.doubt or reason
