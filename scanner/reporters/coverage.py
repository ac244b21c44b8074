"""What a collection saw, account by Region by service: the table that `regionproof collect` closes with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from scanner.finding import Coverage
from scanner.reporters.layout import NARROWEST, Page

MOST_ROWS = 40
"""Above this many targets, only those that were not answered in full are listed."""


def table(rows: Sequence[Coverage], width: int = 100) -> str:
    """Return the table: a line for each account and Region, and why a service is not complete."""
    page = Page(max(width, NARROWEST), color=False, unicode=False)
    targets = {place: list(group) for place, group in groupby(sorted(rows), lambda row: (row.account, row.region))}
    listed = {place: found for place, found in targets.items() if len(targets) <= MOST_ROWS or _gaps(found)}
    lines = [(f"{account}/{region}", "; ".join(_services(found))) for (account, region), found in listed.items()]
    text = page.columns([tuple(map(page.clean, line)) for line in lines[:MOST_ROWS]], 2) if lines else []
    if len(lines) > MOST_ROWS:
        text.append(f"  and {len(lines) - MOST_ROWS:,} more that were not answered in full")
    complete = sum(not _gaps(found) for found in targets.values())
    text.append(f"  {complete:,} of {len(targets):,} accounts x Regions were answered in full")
    return "\n".join(text) + "\n"


def _services(rows: Sequence[Coverage]) -> Iterator[str]:
    for service, group in groupby(rows, lambda row: row.service):
        found = list(group)
        if not _gaps(found):
            yield f"{service} complete"
            continue
        if all(row.status == "failed" for row in found):
            codes: Counter[str] = Counter()
            for row in found:
                codes.update(dict(row.errors))
            yield f"{service} failed: {', '.join(f'{code} x{count}' for code, count in sorted(codes.items()))}"
            continue
        why = [
            f"{row.operation.partition(':')[2]} {code} x{count}" for row in _gaps(found) for code, count in row.errors
        ]
        yield f"{service} partial: {', '.join(why)}"


def _gaps(rows: Sequence[Coverage]) -> list[Coverage]:
    return [row for row in rows if row.status != "complete"]
