"""What a collection saw, account by Region by service: the table that `regionproof collect` closes with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from scanner.finding import Coverage
from scanner.reporters.layout import NARROWEST, Page

MOST_ROWS = 40
"""How many services, in an account and Region, are listed that were not answered in full."""
_HEADER = ("service", "complete", "partial", "failed")


def table(rows: Sequence[Coverage], width: int = 100) -> str:
    """Return the table: how many accounts and Regions answered each service in full, and where and why others not."""
    page = Page(max(width, NARROWEST), color=False, unicode=False)
    asked = sorted(row for row in rows if row.asked)
    services = [list(group) for _, group in groupby(asked, lambda row: (row.account, row.region, row.service))]
    missed = [found for found in services if _status(found) != "complete"]
    text = page.columns([_HEADER, *_counts(services, page)], 2, right=(1, 2, 3)) if services else []
    text += page.columns([_line(found, page) for found in missed[:MOST_ROWS]], 2) if missed else []
    if len(missed) > MOST_ROWS:
        text.append(f"  and {len(missed) - MOST_ROWS:,} more that were not answered in full")
    for sentence in filter(None, (not_enabled(rows), *left_out(rows), reused_answers(rows))):
        text += page.wrapped(sentence, 2)
    targets = {(row.account, row.region) for row in asked}
    complete = len(targets) - len({(row.account, row.region) for row in asked if row.missed})
    text.append(f"  {complete:,} of {len(targets):,} accounts x Regions were answered in full")
    return "\n".join(text) + "\n"


def not_enabled(rows: Sequence[Coverage]) -> str:
    """Return in which Regions nothing was asked, because the account has not opted in; empty if there are none."""
    accounts: dict[tuple[str, str], list[str]] = {}
    for row in sorted(rows):
        if not row.asked:
            accounts.setdefault((row.region, row.message), []).append(row.account)
    said = [
        f"{region} in {names[0] if len(names) == 1 else f'{len(names):,} accounts'} ({status})"
        for (region, status), names in sorted(accounts.items())
    ]
    return f"not enabled: {', '.join(said)}" if said else ""


def left_out(rows: Sequence[Coverage]) -> list[str]:
    """Return what was not asked on purpose and why, a sentence for each operation and reason."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row.left_out:
            counts[row.operation, row.left_out_reason] += row.left_out
    return [f"left out: {operation} x{count:,}, since {why}" for (operation, why), count in sorted(counts.items())]


def reused_answers(rows: Sequence[Coverage]) -> str:
    """Return how many answers were taken from an earlier snapshot, and of when; empty if there are none."""
    count = sum(row.reused for row in rows)
    if not count:
        return ""
    day = min(row.reused_from for row in rows if row.reused)[:10]
    return f"{count:,} answer{'' if count == 1 else 's'} reused from an earlier snapshot, the oldest of {day}"


def _counts(services: Sequence[Sequence[Coverage]], page: Page) -> Iterator[tuple[str, ...]]:
    counts: dict[str, Counter[str]] = {}
    for found in services:
        counts.setdefault(found[0].service, Counter())[_status(found)] += 1
    for service, statuses in sorted(counts.items()):
        numbers = (f"{statuses[status]:,}" if statuses[status] else "-" for status in _HEADER[1:])
        yield page.clean(service), *numbers


def _line(rows: Sequence[Coverage], page: Page) -> tuple[str, str, str]:
    first = rows[0]
    return page.clean(f"{first.account}/{first.region}"), page.clean(first.service), page.clean(_why(rows))


def _status(rows: Sequence[Coverage]) -> str:
    if not any(row.missed for row in rows):
        return "complete"
    return "failed" if all(row.status == "failed" for row in rows) else "partial"


def _why(rows: Sequence[Coverage]) -> str:
    if _status(rows) == "failed":
        codes: Counter[str] = Counter()
        for row in rows:
            codes.update(dict(row.errors))
        return f"failed: {', '.join(f'{code} x{count}' for code, count in sorted(codes.items()))}"
    named = (
        f"{row.operation.partition(':')[2]} {code} x{count}" for row in rows if row.missed for code, count in row.errors
    )
    return f"partial: {', '.join(named)}"
