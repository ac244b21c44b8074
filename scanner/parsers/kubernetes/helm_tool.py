"""What Helm makes of a chart, of which only what the files decide is taken.

Helm gets a copy of what was read of the chart.  Templates that ask for what is not in files are in it under names that
Helm includes and does not run.  It is asked twice, as if by two clusters, once for an upgrade: what differs is theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from scanner.config import IacMapping
from scanner.errors import DocumentError
from scanner.guarded import Unknown
from scanner.parsers.kubernetes.gotemplate import parse
from scanner.parsers.kubernetes.objects import Object
from scanner.parsers.kubernetes.reach import Reach, texts
from scanner.parsers.kubernetes.settled import Part, printed, settle
from scanner.parsers.kubernetes.tools import NotAsked, Program, ToolError, Tools
from scanner.parsers.tree import File

if TYPE_CHECKING:
    from scanner.parsers.kubernetes.helm import Chart

_HEADER = re.compile(r"^---\n# Source: (.*)\n", re.MULTILINE)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,51}[a-z0-9])?")
_IGNORE, _NOTES = ".helmignore", "NOTES.txt"
_TEXT = ("name", "version", "appVersion", "type")
_OTHER_IN_YAML_1_1 = re.compile(
    r"[yn]|yes|no|on|off|[-+]?0[0-9_]+|[-+]?[0-9][0-9_]*_[0-9_.]*|[-+]?0b[01_]+|[-+]?\.(?:inf|nan)", re.IGNORECASE
)
_EXPONENT = 1_000_000
"""From here on Helm prints some numbers as 1e+06: whether this one depends on how it was given."""
_CLUSTERS = (
    ("--kube-version=v1.29.0", "--api-versions=first.regionproof/v1"),
    ("--kube-version=v1.34.1", "--api-versions=second.regionproof/v1", "--is-upgrade"),
)


def by_helm(
    tools: Tools, chart: Chart, layers: list[Any], where: IacMapping, parts: list[Part]
) -> tuple[list[Part], str, dict[str, bytes]]:
    """Return what was read of a chart with what Helm makes of it.

    `layers` are the values that are laid over those of the chart, each a text of YAML, or data.  Then the version of
    Helm and what else it got, by path, both empty if it was not asked or did not answer.
    """
    program = tools.helm
    if program is None or not any(part.is_open for part in parts):
        return parts, "", {}
    try:
        asked = _Asked(chart, layers, where)
        asked.must_settle(part.path for part in parts if part.is_open)
    except (NotAsked, OSError):
        return parts, "", {}
    try:
        made = asked.made(tools, program)
    except ToolError as error:
        told = [part.remarked(str(error)) if part.is_open and part.path in asked.run else part for part in parts]
        return told, "", {}
    parts = [settle(part, made[part.path]) if part.path in made else part for part in parts]
    return parts, tools.version(program), asked.ignored


class _Asked:
    """One chart with its values: which of its templates Helm may run, and the files that it gets."""

    def __init__(self, chart: Chart, layers: list[Any], where: IacMapping) -> None:
        """Raise `NotAsked` where the files that were read do not say what Helm would read."""
        self._chart, self._where = chart, where
        self._all = dict(_named(chart, "chart"))
        self._is_whole = not any(_misses(each) for each in self._all.values())
        for each in self._all.values():
            _must_be_readable(each, each is chart)
        self.ignored = {path: data for each in self._all.values() for path, data in _ignored(each)}
        self._layers = [_layer(each) for each in layers]
        for name in (where.release, where.namespace):
            if name is not None and not _NAME.fullmatch(name):
                raise NotAsked
        self.run = self._decided()

    def _decided(self) -> set[str]:
        """Return the paths of the templates whose output the files decide; raise `NotAsked`."""
        where = self._where
        known = ["Service", *(["Name"] if where.release else []), *(["Namespace"] if where.namespace else [])]
        charts = self._all.values()
        said = [*self._layers, *((each.values, each.about, [*each.files]) for each in charts)]
        missing = [one for chart in charts for one in _missing(chart)]
        lacking = {str(one[key]) for one in missing for key in ("name", "alias") if one.get(key)}
        reach = Reach(known, texts(said), lacking)
        bodies = {}
        for each in charts:
            for path, text in each.files.items():
                try:
                    bodies[path] = parse(text, path)
                except DocumentError:
                    raise NotAsked from None
                reach.add(path, bodies[path], counts=self._is_whole or each is self._chart)
        templates = {path for path in bodies if not _is_part(path)}
        run = {path for path in templates if not (path.endswith(f"/{_NOTES}") or reach.why(path))}
        if any(reach.mutates(path) or reach.shares(bodies[path]) for path in templates - run):
            raise NotAsked
        return run

    def must_settle(self, paths: Iterable[str]) -> None:
        """Raise `NotAsked` if Helm can tell nothing of these templates."""
        if not self.run & {*paths}:
            raise NotAsked

    def files(self) -> dict[str, bytes]:
        """Return what Helm gets."""
        found: dict[str, str] = {}
        ignored: dict[str, bytes] = {}
        for folder, chart in self._all.items():
            found[f"{folder}/Chart.yaml"] = json.dumps(_about(chart))
            if _path(chart) in self.ignored:
                ignored[f"{folder}/{_IGNORE}"] = self.ignored[_path(chart)]
            if chart.text:
                found[f"{folder}/values.yaml"] = chart.text
            for path, text in chart.files.items():
                at = path.removeprefix(f"{chart.folder}/" if chart.folder else "")
                parent, _, name = at.rpartition("/")
                is_kept = path in self.run or _is_part(path)
                found[f"{folder}/{parent}/{name if is_kept else f'_not-run-{name}'}"] = text
        for number, layer in enumerate(self._layers):
            found[f"values/{number}.yaml"] = layer if isinstance(layer, str) else json.dumps(layer)
        return {name: text.encode() for name, text in found.items()} | ignored

    def made(self, tools: Tools, program: Program) -> dict[str, list[Object]]:
        """Return what comes of each template that the files decide; raise `ToolError`."""
        files = self.files()
        answers = [self._objects(tools.ask(program, each, files)) for each in self._arguments()]
        return {
            path: answers[0].get(path, [])
            for path in self.run
            if len({json.dumps([one.value for one in each.get(path, [])]) for each in answers}) == 1
        }

    def _arguments(self) -> Iterator[list[str]]:
        values = [f"--values=values/{number}.yaml" for number in range(len(self._layers))]
        for number, cluster in enumerate(_CLUSTERS):
            namespace = self._where.namespace or f"namespace-{number}"
            name = self._where.release or f"release-{number}"
            yield [f"--namespace={namespace}", *values, *cluster, "--", name, "./chart"]

    def _objects(self, text: str) -> dict[str, list[Object]]:
        sources = dict(_sources(self._chart, str(self._chart.about.get("name"))))
        above, *rest = _HEADER.split(text)
        found: dict[str, list[Object]] = {}
        for source, body in zip(rest[::2], rest[1::2], strict=True):
            path = sources.get(source)
            # A body that begins with a separator could name another template as its source.
            if path is None or not body.strip() or path not in self.run:
                raise ToolError(f"helm prints something of {source[:80]!r}, which is no template that it was to run")
            found.setdefault(path, []).extend(printed(body, path, "helm"))
        if above.strip():
            raise ToolError("helm prints something that is of no template")
        return found


def _is_part(path: str) -> bool:
    """Tell whether Helm takes a template only as a part of others."""
    return path.rpartition("/")[2].startswith("_")


def _named(chart: Chart, folder: str) -> Iterator[tuple[str, Chart]]:
    """Yield a chart and those in it, by the folders of the copy."""
    yield folder, chart
    for part in chart.parts.values():
        yield from _named(part, f"{folder}/charts/{part.folder.rpartition('/')[2]}")


def _sources(chart: Chart, name: str) -> Iterator[tuple[str, str]]:
    """Yield how Helm names the templates of a chart, and of those in it, and their paths."""
    for path in chart.files:
        yield f"{name}/{path.removeprefix(f'{chart.folder}/' if chart.folder else '')}", path
    for part_name, part in chart.parts.items():
        aliases = [each.get("alias") for each in _dependencies(chart) if each.get("name") == part_name]
        for alias in (part_name, *filter(None, aliases)):
            yield from _sources(part, f"{name}/charts/{alias}")


def _dependencies(chart: Chart) -> list[dict[str, Any]]:
    listed = chart.about.get("dependencies")
    return [each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, dict)]


def _misses(chart: Chart) -> bool:
    """Tell whether a chart that another one depends on was not read."""
    packed = any((chart.file.at.parent / "charts").glob("*.tgz"))
    return packed or bool(_missing(chart))


def _missing(chart: Chart) -> list[dict[str, Any]]:
    """Return what a chart says of those that it depends on and that were not read."""
    return [each for each in _dependencies(chart) if str(each.get("name")) not in chart.parts]


def _must_be_readable(chart: Chart, is_first: bool) -> None:
    """Raise `NotAsked` where Helm would read something else of a chart than what was read here."""
    about = chart.about
    listed = about.get("dependencies") or []
    is_old = about.get("apiVersion") != "v2" and (chart.parts or not is_first)  # these depend on others by another file
    odd = any(not isinstance(about.get(key, ""), str) for key in _TEXT) or _dependencies(chart) != listed
    if chart.problems or is_old or odd or any(each.get("import-values") for each in _missing(chart)):
        raise NotAsked
    if "" in chart.values or (chart.values and not chart.text) or _has_more(chart):
        raise NotAsked


def _has_more(chart: Chart) -> bool:
    """Tell whether Helm would see templates or charts in a folder that were not read: links, other names."""
    folder = chart.file.at.parent
    if sum(1 for _ in folder.glob("charts/*/Chart.yaml")) != len(chart.parts):
        return True
    if (folder / "templates").is_symlink() or (folder / _IGNORE).is_symlink():
        return True
    for at in (folder / "templates").rglob("*"):
        name = at.relative_to(folder).as_posix().encode("utf-8", "backslashreplace").decode()
        shown = f"{chart.folder}/{name}" if chart.folder else name
        if at.is_symlink() or not (at.is_dir() or shown in chart.files or shown in chart.ignored):
            return True
    return False


def _path(chart: Chart) -> str:
    return f"{chart.folder}/{_IGNORE}" if chart.folder else _IGNORE


def _ignored(chart: Chart) -> Iterator[tuple[str, bytes]]:
    """Yield the path and content of the file that says which others of a chart Helm passes over, if there is one."""
    file = File(chart.file.at.parent / _IGNORE, _path(chart))
    if file.at.is_file():
        yield file.path, file.data()


def _about(chart: Chart) -> dict[str, Any]:
    """Return what `Chart.yaml` says, without what is not there, and without which clusters it is for."""
    about = {key: value for key, value in chart.about.items() if key not in ("kubeVersion", "dependencies")}
    kept = [each for each in _dependencies(chart) if str(each.get("name")) in chart.parts]
    return {**about, **({"dependencies": kept} if kept else {})}


def _layer(layer: Any) -> Any:
    """Return values that are laid over those of a chart; raise `NotAsked` where they are not known to the end."""
    if isinstance(layer, str):
        return layer
    if isinstance(layer, Unknown) or _is_unsure(layer):
        raise NotAsked
    return layer


def _is_unsure(value: Any) -> bool:
    """Tell whether data holds what is not known, or what Helm may have read as something else: words, long numbers."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, dict):
        return any(map(_is_unsure, value.values()))
    if isinstance(value, list):
        return any(map(_is_unsure, value))
    if isinstance(value, (int, float)) and abs(value) >= _EXPONENT:
        return True
    return isinstance(value, str) and _OTHER_IN_YAML_1_1.fullmatch(value) is not None
