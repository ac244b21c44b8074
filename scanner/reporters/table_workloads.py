"""The failures of a report workload by workload: what stands in the way of each, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from scanner.finding import Finding, Report, Status
from scanner.references import WORKLOADS
from scanner.reporters.layout import Page
from scanner.reporters.table_parts import STYLES, counted, name_of, name_rows, place_of, said_of

_Workload = tuple[str, str, str, str]


def failures_by_workload(failures: Sequence[Finding], report: Report, page: Page) -> Iterator[str]:
    """Return the failures of each workload, and then those of what many workloads share, by where it is.

    A failure of a workload is one about it; that of a repository stands under the repository, whoever pulls from it.
    """
    undecided: dict[_Workload, int] = {}
    for finding in report.findings:
        if finding.status is Status.UNKNOWN:
            undecided[_workload(finding)] = undecided.get(_workload(finding), 0) + 1
    about: dict[_Workload, list[Finding]] = {}
    shared: list[Finding] = []
    for finding in failures:
        is_workload = finding.resource.type in WORKLOADS
        (about.setdefault(_workload(finding), []) if is_workload else shared).append(finding)
    worst_first = sorted(about.items(), key=lambda item: (_worst(item[1]), -len(item[1]), item[0]))
    for workload, found in worst_first:
        yield ""
        title = f"{workload[0]} ({_kind(workload[1])}): {counted(len(found), 'failure')}"
        open = undecided.get(workload, 0)
        yield from _titled(f"{title}, {open:,} undecided" if open else title, found, page)
        yield from _by_place(found, page, named=False)
    if shared:
        yield ""
        yield from _titled(f"What workloads share: {counted(len(shared), 'failure')}", shared, page)
        yield from _by_place(shared, page, named=True)


def _titled(title: str, found: Sequence[Finding], page: Page) -> Iterator[str]:
    worst = min((finding.severity for finding in found), key=lambda severity: severity.rank)
    lines = page.wrapped(title, label=f"{worst.value.upper():<8}  ")
    yield from (page.styled(line, STYLES[worst]) for line in lines)


def _by_place(found: Sequence[Finding], page: Page, *, named: bool) -> Iterator[str]:
    ordered = sorted(found, key=lambda f: (place_of(f, page), f.severity.rank, name_of(f), f.rule_id))
    for place, group in groupby(ordered, key=lambda f: place_of(f, page)):
        yield from page.wrapped(place, 2)
        yield from name_rows([_row(finding, named=named) for finding in group], page)


def _row(finding: Finding, *, named: bool) -> tuple[str, str]:
    about = f"{name_of(finding)}: " if named else ""
    return finding.severity.value, f"{about}{said_of(finding)} [{finding.rule_id}]"


def _worst(found: Sequence[Finding]) -> int:
    return min(finding.severity.rank for finding in found)


def _workload(finding: Finding) -> _Workload:
    resource = finding.resource
    return (name_of(finding), resource.type, resource.account or "", resource.region or "")


def _kind(type: str) -> str:
    return type.removeprefix("AWS::").replace("::", " ")
