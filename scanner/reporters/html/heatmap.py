"""What was decided where: a table of accounts by Regions."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from scanner.finding import NOT_ENABLED, Report, Severity
from scanner.reporters.text import cut

MOST_ACCOUNTS, MOST_REGIONS = 60, 24
"""How many rows and columns are shown, those with most failures first."""
_Key = tuple[str, str]


class Cell(NamedTuple):
    """One account in one Region: the classes of its colours, what it says, and that in words."""

    css: str
    text: str
    words: str


@dataclass(frozen=True)
class HeatMap:
    """The table; `rows` are (account, cells), one cell for each of `regions`; `hidden` how many accounts have none."""

    regions: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    hidden_accounts: int
    hidden_regions: int


def heat_map(report: Report) -> HeatMap:
    """Return how many of the decided verdicts failed, by account and Region, and where some could not be decided."""
    counts: dict[_Key, Counter[str]] = defaultdict(Counter)
    for finding in report.findings:
        if finding.resource.account and finding.resource.region:
            status = "exempted" if finding.exemption else finding.status.value
            found = counts[finding.resource.account, finding.resource.region]
            found[status] += 1
            found["grave"] += status == "fail" and finding.severity in (Severity.CRITICAL, Severity.HIGH)
    missed: Counter[_Key] = Counter()
    disabled: set[_Key] = set()
    for row in report.coverage:
        if row.account and row.region:
            key = row.account, row.region
            missed[key] += row.missed
            if row.status == NOT_ENABLED:
                disabled.add(key)
    keys = {*counts, *missed, *disabled}
    accounts = _worst({account for account, _ in keys}, counts, 0)
    regions = _worst({region for _, region in keys}, counts, 1)
    shown = tuple(sorted(regions[:MOST_REGIONS])), sorted(accounts[:MOST_ACCOUNTS])
    rows = tuple(
        (
            cut(account, 40),
            tuple(_cell(counts.get(key), missed.get(key), key in disabled) for key in ((account, r) for r in shown[0])),
        )
        for account in shown[1]
    )
    names = tuple(cut(region, 40) for region in shown[0])
    return HeatMap(names, rows, len(accounts) - len(rows), len(regions) - len(names))


def _worst(names: set[str], counts: dict[_Key, Counter[str]], part: int) -> list[str]:
    failures: Counter[str] = Counter()
    for key, statuses in counts.items():
        failures[key[part]] += statuses["fail"] + statuses["unknown"]
    return sorted(names, key=lambda name: (-failures[name], name))


def _cell(statuses: Counter[str] | None, missed: int | None, disabled: bool) -> Cell:
    if disabled:
        return Cell("off", "\N{EN DASH}", "not enabled")
    if statuses is None and missed is None:
        return Cell("off", "", "not scanned")
    found = statuses or Counter()
    failed, unknown = found["fail"], found["unknown"]
    decided = failed + found["pass"] + found["exempted"]
    hatched = " hatch" if unknown or missed else ""
    not_known = f", {unknown:,} not known" if unknown else ", not all answered" if missed else ""
    if failed:
        return Cell(
            f"{'bad' if found['grave'] else 'warn'}{hatched}", f"✕ {failed:,} / {decided:,}", f"fail{not_known}"
        )
    if hatched:
        return Cell(f"unk{hatched}", f"? {unknown:,}" if unknown else "?", f"{decided:,} passed{not_known}")
    if not decided:
        return Cell("off", "0", "nothing to judge")
    return Cell("ok", f"✓ {decided:,}", "pass, some exempted" if found["exempted"] else "all pass")
