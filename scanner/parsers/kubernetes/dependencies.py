"""Charts in charts: which of them are installed, under which name and with which values.

https://helm.sh/docs/topics/charts/#chart-dependencies says what the fields mean.  That a chart has the version that
is asked for is taken for granted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanner.guarded import Unknown
from scanner.model import Location
from scanner.parsers.kubernetes.rendered import Tree
from scanner.parsers.kubernetes.values import at, member, merged, opened, with_globals

MAX_CHARTS = 500
"""A few charts may name those in them again and again; no more than these are read."""

if TYPE_CHECKING:
    from scanner.parsers.kubernetes.helm import Chart


@dataclass
class Installed:
    """A chart as it is installed: its name there, its path among the charts, its default values and those in it.

    `problems` are (reason, location) of charts of which nobody knows what they declare.
    """

    chart: Chart
    name: str
    path: str
    values: Tree
    parts: list[Installed] = field(default_factory=list)
    problems: list[tuple[str, Location | None]] = field(default_factory=list)

    def all(self) -> Iterator[Installed]:
        """Yield it and the charts in it."""
        yield self
        for part in self.parts:
            yield from part.all()


def installed(chart: Chart, given: Tree) -> Installed:
    """Return a chart with those in it that its values turn on; `values` are then all that its templates see."""
    made = _with_all(chart, str(chart.about.get("name")), "", [])
    values = _coalesced(made, given)
    _switch(made, values, member(values, "tags"))
    _import(made)
    made.values = _coalesced(made, given)
    _hand_down(made)
    return made


def _with_all(chart: Chart, name: str, above: str, counted: list[Installed], *, plain: bool = False) -> Installed:
    """Return a chart with all that are in it.

    Helm does not look at what those say of others that are in a chart which says nothing of any: `plain`.
    `counted` are the charts so far.
    """
    made = Installed(chart, name, f"{above}{name}", chart.values)
    counted.append(made)
    plain = plain or not chart.dependencies
    wanted = [] if plain else [each for each, _ in chart.dependencies if each.get("name") in chart.parts]
    names = [(str(each["name"]), _named(each)) for each in wanted]
    used = {own for own, _ in names}
    for own, other in [*names, *((own, own) for own in chart.parts if own not in used)]:
        if len(counted) >= MAX_CHARTS:
            made.problems.append((f"there are more than {MAX_CHARTS} charts in each other", None))
            break
        made.parts.append(_with_all(chart.parts[own], other, f"{made.path}/charts/", counted, plain=plain))
    return made


def _named(dependency: Mapping[str, Any]) -> str:
    return str(dependency.get("alias") or dependency.get("name"))


def _coalesced(made: Installed, given: Tree) -> Tree:
    """Return the values of a chart: those given, then its own; in those of a chart in it its own come last."""
    names = frozenset(part.name for part in made.parts)
    values = merged(made.values, given, names)
    for part in made.parts:
        below = with_globals(member(values, part.name), values)
        values = Tree({**values, part.name: _coalesced(part, below)}, values.where, values.open)
    return values


def _switch(made: Installed, values: Tree, tags: Tree, *, plain: bool = False) -> None:
    """Take away the charts that are turned off, and note those of which nobody can tell."""
    off = set()
    plain = plain or not made.chart.dependencies
    for dependency, where in made.chart.dependencies:
        name, own = _named(dependency), str(dependency.get("name"))
        on = True if plain else _enabled(dependency, values, tags)
        if on is None:
            made.problems.append((f"whether the chart '{own}' is enabled is not known", where))
        if not on:
            off.add(name)
        elif own not in made.chart.parts and not _is_known_library(dependency):
            reason = f"the chart '{own}' that it depends on is not in the scanned files"
            made.problems.append((reason, where))
            made.values = _open(made.values, name, dependency, reason)
    made.parts = [part for part in made.parts if part.name not in off]
    for part in made.parts:
        _switch(part, member(values, part.name), merged(member(part.values, "tags"), tags), plain=plain)


def _is_known_library(dependency: Mapping[str, Any]) -> bool:
    """Tell whether a chart is one that declares nothing, and of which the templates that write images are known."""
    return dependency.get("name") == "common" and "bitnami" in str(dependency.get("repository"))


def _open(values: Tree, name: str, dependency: Mapping[str, Any], reason: str) -> Tree:
    """Return the values of a chart to which one that was not read adds its own, and what is imported of them."""
    if dependency.get("import-values"):
        return opened(values, reason)
    return Tree({**values, name: opened(member(values, name), reason)}, values.where, values.open)


def _enabled(dependency: Mapping[str, Any], values: Tree, tags: Tree) -> bool | None:
    """Tell whether a chart that another one depends on is installed, None if that is not known."""
    for condition in str(dependency.get("condition") or "").strip().split(","):
        value = at(values, condition)
        if isinstance(value, Unknown):
            return None
        if isinstance(value, bool):
            return value
    names = dependency.get("tags")
    given = [tags.get(str(tag)) for tag in (names if isinstance(names, list) else ())]
    if any(isinstance(each, Unknown) for each in given):
        return None
    switches = [each for each in given if isinstance(each, bool)]
    return True in switches if switches else True


def _import(made: Installed) -> None:
    """Lay what a chart imports of the values of those in it below its own."""
    for part in made.parts:
        _import(part)
    found = Tree({}, {})
    named = {part.name: part for part in made.parts}
    for dependency, _ in made.chart.dependencies:
        source, wanted = named.get(_named(dependency)), dependency.get("import-values")
        if source is None or not isinstance(wanted, list):
            continue
        own = merged(source.values, member(made.values, source.name), None)
        for entry in wanted:
            found = merged(_imported(own, entry), found, None)
    made.values = merged(found, made.values, None)


def _imported(values: Tree, entry: Any) -> Tree:
    if isinstance(entry, str):
        child, parent = f"exports.{entry}", "."
    elif isinstance(entry, dict):
        child, parent = str(entry.get("child")), str(entry.get("parent"))
    else:
        return Tree({}, {})
    found = at(values, child)
    if not isinstance(found, Tree):
        return Tree({}, {})
    for name in reversed([] if parent == "." else parent.split(".")):
        found = Tree({name: found}, {})
    return found


def _hand_down(made: Installed) -> None:
    for part in made.parts:
        part.values = member(made.values, part.name)
        _hand_down(part)
