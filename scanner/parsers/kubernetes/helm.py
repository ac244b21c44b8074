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
from scanner.parsers.kubernetes.functions import OPEN
from scanner.parsers.kubernetes.gotemplate import Block, parse
from scanner.parsers.kubernetes.helm_tool import by_helm
from scanner.parsers.kubernetes.objects import TYPES, Source, objects
from scanner.parsers.kubernetes.releases import through, values_of
from scanner.parsers.kubernetes.render import Renderer, Template, Undecidable
from scanner.parsers.kubernetes.rendered import Tree, resolved, unknown
from scanner.parsers.kubernetes.settled import Part, gap
from scanner.parsers.kubernetes.values import enabled, located, member, merged
from scanner.parsers.reading import Reading
from scanner.parsers.tree import MAX_BYTES, File
from scanner.parsers.tree import Tree as Files

_CHART = "Chart.yaml"
_VALUES = re.compile(r"(?:values[-._][^/]+|[^/]+[-._]values|(?:values|environments|envs)/[^/]+)\.ya?ml")
_COMMON = """
{{- define "common.images.image" -}}
{{- with default .imageRoot.registry ((.global).imageRegistry) -}}{{ . }}/{{- end -}}
{{- .imageRoot.repository -}}
{{- if .imageRoot.digest -}}@{{ .imageRoot.digest }}{{- else -}}:
{{- default (required "the image has no tag" ((.chart).AppVersion)) .imageRoot.tag -}}{{- end -}}
{{- end -}}
"""
"""How charts that depend on Bitnami's library chart `common` write an image, for those that do not bring it along."""
_TEMPLATES = (".yaml", ".yml", ".tpl", ".json", ".txt")


@dataclass
class Chart:
    """A chart in a folder: what `Chart.yaml` says, its default values, its templates and the charts in it.

    `text` is that of the values, `file` the one of the description.
    """

    folder: str
    file: File
    document: Document
    values: Tree
    environments: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Chart] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    text: str = ""

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
        if not any(_is_inside(folder, f"{other}/charts" if other else "charts") for other in folders):
            _read(folder, file, tree, reading)


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


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


class _Charts:
    """Reads the files of a chart, and of those in it."""

    def __init__(self, tree: Files, reading: Reading) -> None:
        self._tree, self._reading = tree, reading
        self._all = list(tree.files())
        self._values: dict[str, Tree] = {}
        self._texts: dict[str, str] = {}
        self.seen: list[str] = []
        self.wrong: dict[str, str] = {}

    def chart(self, folder: str, file: File) -> Chart | None:
        """Return the chart in a folder, None if its description cannot be read."""
        inside = [each for each in self._all if not folder or _is_inside(each.path, folder)]
        document = self._document(file)
        if document is None or not isinstance(document.value, dict):
            self._tree.take(*inside)
            return None
        chart = Chart(folder, file, document, Tree({}, {}))
        charts = [each for each in inside if each.name == _CHART and each.path != file.path]
        for each in sorted(charts, key=lambda each: each.path.count("/")):
            name = each.path.removeprefix(f"{folder}/" if folder else "").split("/")
            if len(name) == 3 and name[0] == "charts":
                part = self.chart(each.folder, each)
                if part:
                    chart.parts[str(part.about.get("name"))] = part
        for each in inside:
            self._file(chart, each, each.path.removeprefix(f"{folder}/" if folder else ""))
        return chart

    def _file(self, chart: Chart, file: File, name: str) -> None:
        if name.startswith("templates/") and name.endswith(_TEMPLATES):
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
        elif _VALUES.fullmatch(name):
            chart.environments.append(file.path)
            self._tree_of(file)
        elif not name.startswith(("charts/", "crds/", "ci/", "templates/")) and name != _CHART:
            return
        self._tree.take(file)

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
            return None if text is None else load(text, file.path)
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
        values, layers = chart.values, list[Any]()
        names = source.where.values or ([path.rpartition("/")[2]] if path in chart.environments else [])
        for name in names:
            over, text = self._laid(file, name) if source.where.values else (self._values.get(path), path)
            if over is None:
                yield from source.gap(f"the values file '{name}' is not among the scanned files", Location(path, 1))
                return
            values = merged(values, over)
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
            values = values_of(release, chart.values)
            if isinstance(values, Unknown):
                yield list(source.gap(values.reason, release.at))
            else:
                found = self._settled(chart, values, list(release.values), source)
                yield [through(one, release.at) for one in found]

    def _settled(self, chart: Chart, values: Tree, layers: list[Any], source: Source) -> Iterator[Resource | Gap]:
        """Yield what a chart declares; where reading it leaves something open, as Helm renders it if it is there."""
        parts = list(self._rendered(chart, values, source.where, {}))
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

    def _rendered(self, chart: Chart, values: Tree, where: IacMapping, above: Mapping[str, Template]) -> Iterator[Part]:
        for problem in chart.problems:
            yield gap(problem, None)
        if not chart.files and not chart.about.get("dependencies"):
            yield gap("no templates of the chart are among the scanned files", Location(where.path, 1))
        named, bodies = {**_defined(parse(_COMMON, chart.folder), chart.folder, _COMMON), **above}, {}
        for each in _with_parts(chart):
            for path, text in each.files.items():
                try:
                    nodes = parse(text, path)
                except DocumentError as error:
                    yield gap(str(error), None)
                    continue
                named.update(_defined(nodes, path, text))
                if each is chart:
                    bodies[path] = Template(nodes, path, text)
        texts = {path: text for each in _with_parts(chart) for path, text in each.files.items()}
        renderer = Renderer(named)
        for path, template in bodies.items():
            name = path.rpartition("/")[2]
            if not name.startswith("_") and name != "NOTES.txt":
                yield self._template(chart, renderer, template, values, where, texts)
        yield from self._dependencies(chart, values, where, named)

    def _template(
        self,
        chart: Chart,
        renderer: Renderer,
        template: Template,
        values: Tree,
        where: IacMapping,
        texts: Mapping[str, str],
    ) -> Part:
        part = Part(template.path)
        first = Location(template.path, 1)
        try:
            rendered = renderer.render(template, _context(chart, template.path, values, where))
        except Undecidable as problem:
            part.open.append((str(problem), first, ()))
            return part
        for at, reason, kinds in rendered.absent:
            types = tuple(f"Kubernetes::{kind}" for kind in kinds if f"Kubernetes::{kind}" in TYPES)
            if types:
                part.open.append((reason.partition(": ")[2], at, types))
        if "apiVersion" not in rendered.text and OPEN not in rendered.text:
            return part
        for one in load_all(rendered.text, template.path):
            if isinstance(one, DocumentError):
                part.open.append((f"what it gives is not YAML: {one.problem}", first, ()))
            elif isinstance(one.value, str) and OPEN in one.value:
                part.open.append((unknown(one.value, rendered.unknowns).reason, first, ()))
            else:
                document, written = resolved(one, rendered, texts)
                for each in objects(document, template.path):
                    part.objects.append(replace(each, written=written))
        return part

    def _dependencies(
        self, chart: Chart, values: Tree, deployment: IacMapping, named: Mapping[str, Template]
    ) -> Iterator[Part]:
        listed = chart.about.get("dependencies")
        listed = listed if isinstance(listed, list) else []
        declared = {str(d.get("name")): (d, n) for n, d in enumerate(listed) if isinstance(d, dict)}
        for name in dict.fromkeys((*declared, *chart.parts)):
            dependency, number = declared.get(name, ({}, 0))
            where = chart.document.locations.get(pointer("dependencies", number))
            on = enabled(dependency, values)
            if on is False:
                continue
            part = chart.parts.get(name)
            if part is None and name == "common" and "bitnami" in str(dependency.get("repository")):
                continue  # a library, which declares nothing by itself
            if part is None:
                yield gap(f"the chart '{name}' that it depends on is not in the scanned files", where)
            elif on is None:
                yield gap(f"whether the chart '{name}' is enabled is not known", where)
            elif not part.is_library:
                inner = merged(part.values, member(values, str(dependency.get("alias") or name)))
                inner = merged(inner, Tree({"global": member(values, "global")}, {}))
                yield from self._rendered(part, inner, deployment, named)


def _with_parts(chart: Chart) -> Iterator[Chart]:
    for part in chart.parts.values():
        yield from _with_parts(part)
    yield chart


def _defined(nodes: Sequence[Any], path: str, text: str) -> dict[str, Template]:
    """Return the templates that others may include, by name."""
    found: dict[str, Template] = {}
    for node in nodes:
        if isinstance(node, Block):
            for _, body in node.branches:
                if node.word in ("define", "block"):
                    found[node.name] = Template(body, path, text)
                found |= _defined(body, path, text)
    return found


def _context(chart: Chart, path: str, values: Tree, where: IacMapping) -> dict[str, Any]:
    asked = "only who installs the chart can say it; give it as '{}' under 'iac:' in regionproof.yaml"
    about = chart.about
    named = {"name": "Name", "version": "Version", "appVersion": "AppVersion", "type": "Type"}
    return {
        "Values": values,
        "Chart": {title: about[key] for key, title in named.items() if key in about},
        "Release": {
            "Name": where.release or Unknown(asked.format("release")),
            "Namespace": where.namespace or Unknown(asked.format("namespace")),
            "Service": "Helm",
            "IsInstall": Unknown("it is true once"),
            "IsUpgrade": Unknown("it is false once"),
            "Revision": Unknown("it counts"),
        },
        "Capabilities": Unknown("only the cluster can say what it can do"),
        "Files": Unknown("files of the chart are not evaluated"),
        "Template": {"Name": path, "BasePath": _join(chart.folder, "templates")},
    }
