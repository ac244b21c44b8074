"""A drill for a person at a terminal: what does not recover, and which link breaks first."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TextIO

from scanner.chain import title
from scanner.drill import DrillReport, Shared
from scanner.outcome import Action, Outcome, Recovery
from scanner.reporters.drill import told
from scanner.reporters.drill.told import Group
from scanner.reporters.kinds import type_word
from scanner.reporters.layout import NARROWEST, Page
from scanner.reporters.objectives import against_rpo, against_rto
from scanner.reporters.table_parts import arrow, counted, coverage_gaps, heading, name_rows, times
from scanner.reporters.text import inert, printable

_STYLES = {Outcome.FAILS: "red", Outcome.UNKNOWN: "yellow", Outcome.AFTER: "cyan", Outcome.RECOVERS: "green"}
_SIGNS = {
    Outcome.FAILS: ("✕", "x"),
    Outcome.UNKNOWN: ("?", "?"),
    Outcome.AFTER: ("!", "!"),
    Outcome.RECOVERS: ("✓", "+"),
}
_TITLES = {
    Outcome.FAILS: "Does not recover, by the link that breaks first",
    Outcome.UNKNOWN: "Cannot tell, by what is not known first",
    Outcome.AFTER: "Recovers after actions",
    Outcome.RECOVERS: "Recovers",
}
_KINDS = {"iac": "infrastructure code", "against": "snapshot that the code is laid over"}
_MOST_SHARED, _MOST_GROUPS, _MOST_ROWS, _MOST_STEPS, _MOST_NAMES = 8, 24, 10, 12, 60


def write(report: DrillReport, out: TextIO, *, width: int = 80, color: bool = False, unicode: bool = True) -> None:
    """Write a drill as text.

    Args:
        report: What to write.
        out: Where to.
        width: Columns of the terminal; nothing is wider but a word of a command that cannot be broken, unless the
            terminal is narrower than 48 columns.
        color: Whether to use ANSI colours.
        unicode: Whether `out` takes more than ASCII; if not, everything else is written as escapes.
    """
    page = Page(max(width, NARROWEST), color, unicode)
    for at, section in enumerate(_sections(report, page)):
        lines = list(section)
        if at and lines:
            out.write("\n")
        out.writelines(f"{inert(line)}\n" for text in lines for line in text.split("\n"))


def _sections(report: DrillReport, page: Page) -> Iterator[Iterator[str]]:
    by_outcome = {outcome: [one for one in report.drill.recoveries if one.outcome is outcome] for outcome in Outcome}
    yield _header(report, page)
    yield _shared(report.drill.shared, page)
    for outcome in (Outcome.FAILS, Outcome.UNKNOWN):
        yield _undone(outcome, by_outcome[outcome], report, page)
    yield _after(by_outcome[Outcome.AFTER], page)
    yield _fine(by_outcome[Outcome.RECOVERS], page)
    yield coverage_gaps(report.missed, page)
    yield _apart(report, page)
    yield _end(report, page)


def _header(report: DrillReport, page: Page) -> Iterator[str]:
    drill = report.drill
    as_of = f"{report.as_of:%Y-%m-%d %H:%M} UTC"
    first = page.wrapped(f"regionproof {report.tool_version}, drill on paper, as of {as_of}")
    yield from (page.styled(line, "bold") for line in first)
    yield from _end(report, page)
    for at, each in enumerate(report.inputs):
        kind = _KINDS.get(each.kind, each.kind)
        yield from page.wrapped(f"{each.path} ({kind})", label=" " * 9 if at else "Data     ")
    routes = sorted({_route(one, page) for one in drill.recoveries})
    for at, route in enumerate(routes[:4]):
        yield from page.wrapped(route, label=" " * 9 if at else "Standby  ")
    if len(routes) > 4:
        yield from page.wrapped(f"and {counted(len(routes) - 4, 'more')}", label=" " * 9)
    if drill.recoveries:
        yield from page.wrapped(told.tally([against_rto(one) for one in drill.recoveries]), label="RTO      ")
        images = told.tally([against_rpo(one) for one in drill.recoveries])
        yield from page.wrapped(f"of images: {images}", label="RPO      ")
    yield from page.wrapped(told.judged(report), label="Chain    ")
    for at, assumption in enumerate(report.assumptions):
        lines = page.wrapped(assumption, label=" " * 9 if at else "Assumed  ")
        yield from (page.styled(line, "yellow") for line in lines)


def _shared(shared: Sequence[Shared], page: Page) -> Iterator[str]:
    if not shared:
        return
    yield heading("What several need", len(shared), page, "broken; one repair each")
    for each in shared[:_MOST_SHARED]:
        label = f"{len(each.workloads):>3}{times(page)}  "
        where = f"{each.subject.account or 'account unknown'}/{each.subject.region or 'Region unknown'}"
        name = f"{type_word(each.subject.type)} '{each.subject.name or each.subject.id}' in {where}"
        yield from page.wrapped(f"{each.link}: {name}", 2, label)
        yield from page.wrapped(told.brief(each.reason), 2 + len(label))
    if len(shared) > _MOST_SHARED:
        yield from page.wrapped(f"and {len(shared) - _MOST_SHARED:,} more; the JSON has them all", 2)


def _undone(outcome: Outcome, found: Sequence[Recovery], report: DrillReport, page: Page) -> Iterator[str]:
    if not found:
        return
    yield heading(_TITLES[outcome], len(found), page)
    groups = told.by_reason(found)
    for at, group in enumerate(groups[:_MOST_GROUPS]):
        if at:
            yield ""
        yield from _group(group, outcome, page)
    if len(groups) > _MOST_GROUPS:
        rest = sum(len(group.recoveries) for group in groups[_MOST_GROUPS:])
        yield from page.wrapped(f"and {counted(rest, 'more workload')}; the JSON has them all", 2)
    if any(group.link and group.link.rule_id in report.rules for group in groups):
        yield ""
        label = "How to mend it  " if outcome is Outcome.FAILS else "What is read  "
        yield from page.wrapped("regionproof rules show ID", 2, label)


def _group(group: Group, outcome: Outcome, page: Page) -> Iterator[str]:
    sign = f"{page.sign(*_SIGNS[outcome])} "
    link = group.link
    if link is not None:
        by = f" [{link.rule_id}]" if link.rule_id else ""
        head = page.wrapped(f"{link.link}: {title(link.link)}{by}", label=sign)
        yield from (page.styled(line, _STYLES[outcome]) for line in head)
    yield from page.wrapped(told.brief(group.reason), 2, "" if link else sign)
    shown = group.recoveries[:_MOST_ROWS]
    for route, each in groupby(sorted(shown, key=lambda one: _route(one, page)), key=lambda one: _route(one, page)):
        yield from page.wrapped(route, 4)
        yield from _rows(list(each), page)
    if len(group.recoveries) > len(shown):
        yield from page.wrapped(f"and {counted(len(group.recoveries) - len(shown), 'more workload')}", 6)


def _rows(found: Sequence[Recovery], page: Page) -> Iterator[str]:
    rows = [(f"{one.name} ({type_word(one.workload.type)})", "; ".join(told.about(one))) for one in found]
    yield from name_rows(rows, page, 6)


def _after(found: Sequence[Recovery], page: Page) -> Iterator[str]:
    if not found:
        return
    yield heading(_TITLES[Outcome.AFTER], len(found), page)
    for at, one in enumerate(found[:_MOST_STEPS]):
        if at:
            yield ""
        head = page.wrapped(f"{one.name} ({type_word(one.workload.type)})", label=f"{page.sign(*_SIGNS[one.outcome])} ")
        yield from (page.styled(line, _STYLES[one.outcome]) for line in head)
        notes = "; ".join((_route(one, page), *told.about(one)))
        yield from page.wrapped(notes, 2)
        for number, action in enumerate(one.actions, 1):
            yield from _step(number, action, page)
        lines = page.wrapped(told.held_against_rto(one), 2)
        yield from (page.styled(line, "red") if one.within_rto is False else line for line in lines)
    if len(found) > _MOST_STEPS:
        yield ""
        yield from page.wrapped(f"and {counted(len(found) - _MOST_STEPS, 'more workload')}; the JSON has them all", 2)


def _step(number: int, action: Action, page: Page) -> Iterator[str]:
    label = f"{number:>2}. "
    yield from page.wrapped(action.title, 2, label)
    if action.command:
        yield from _command(action.command, 2 + len(label), page)
    yield from page.wrapped(told.takes(action), 2 + len(label))


def _command(command: str, indent: int, page: Page) -> Iterator[str]:
    """Return a command on lines that a shell takes for one; what no terminal should be given is escaped."""
    room = page.width - indent - 2
    line, lines = "", []
    for word in map(shlex.quote, shlex.split(command)):
        word = word if page.unicode and word.isprintable() else word.encode("ascii", "backslashreplace").decode("ascii")
        if line and len(line) + 1 + len(word) > room:
            lines.append(f"{line} \\")
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    yield from (" " * indent + printable(each) for each in [*lines, line])


def _fine(found: Sequence[Recovery], page: Page) -> Iterator[str]:
    if not found:
        return
    yield heading(_TITLES[Outcome.RECOVERS], len(found), page)
    names = [one.name for one in found[:_MOST_NAMES]]
    more = [f"and {counted(len(found) - _MOST_NAMES, 'more')}"] if len(found) > _MOST_NAMES else []
    yield from page.wrapped(", ".join([*names, *more]), 2, f"{page.sign(*_SIGNS[Outcome.RECOVERS])} ")


def _apart(report: DrillReport, page: Page) -> Iterator[str]:
    waiting = report.drill.waiting
    if waiting:
        yield heading("Standbys that run there or pull from there", len(waiting), page)
        places: dict[str, list[str]] = {}
        for one in waiting:
            places.setdefault(f"{one.account}/{one.region}", []).append(one.name or one.id)
        for place, names in sorted(places.items()):
            more = f" and {len(names) - _MOST_ROWS:,} more" if len(names) > _MOST_ROWS else ""
            yield from page.wrapped(f"{place}: {', '.join(names[:_MOST_ROWS])}{more}", 2)
        yield ""
    for sentence in told.unmatched(report):
        yield from page.wrapped(sentence, label="Not seen     ")
    if report.drill.others:
        yield from page.wrapped(counted(report.drill.others, "workload"), label="Not touched  ")


def _end(report: DrillReport, page: Page) -> Iterator[str]:
    worst = next((one.outcome for one in report.drill.recoveries), Outcome.RECOVERS)
    style = "yellow" if worst is Outcome.RECOVERS and (report.missed or report.not_judged) else _STYLES[worst]
    yield from (page.styled(line, style) for line in page.wrapped(told.sentence_of(report)))


def _route(one: Recovery, page: Page) -> str:
    here = f"{one.workload.account or 'account unknown'}/{one.workload.region or 'Region unknown'}"
    return f"{here} {arrow(page)} {told.standby_of(one)}"
