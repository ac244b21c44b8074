"""What a collection should say that it saw: the simulation knows what it answers, refuses and throttles to the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from benchmarks.estate import Estate

Item = tuple[str, str, str]
"""Account, Region, service."""
Said = tuple[str, tuple[str, ...]]
"""`complete`, `partial`, `failed` or `not enabled`, and what is missing: operation, error code and how often."""
COMPLETE: Said = ("complete", ())
NOT_ENABLED: Said = ("not enabled", ("DISABLED",))


def told(estate: Estate, regions: Sequence[str], services: Collection[str]) -> dict[Item, Said]:
    """Return what is to be said of each service in each account and Region.

    `services` are asked, and `account`, which says what Regions there are.
    """
    items: dict[Item, Said] = {}
    for number, account in enumerate(estate.account_ids):
        for region in regions:
            said = _said(estate, number, region, services)
            items |= {(account, region, service): what for service, what in said.items()}
    return items


def _said(estate: Estate, number: int, region: str, services: Collection[str]) -> Mapping[str, Said]:
    if estate.is_denied(number):
        return {"sts": ("failed", ("sts:AssumeRole AccessDenied x1",))}
    if estate.is_opted_out(number, region):
        return {"account": NOT_ENABLED}
    said = dict.fromkeys(("account", *services), COMPLETE)
    if estate.is_throttled(number):
        said["ecs"] = ("partial", ("ecs:DescribeClusters ThrottlingException x1",))
    if estate.is_forbidden(number):
        said["secretsmanager"] = ("failed", ("secretsmanager:ListSecrets AccessDeniedException x1",))
    return said


def differences(expected: Mapping[Item, Said], shown: Mapping[Item, Said], printed: str) -> list[str]:
    """Return in which items a snapshot, and in which services the table that was printed, say something else."""
    found = [
        f"{'/'.join(item)}: told {_words(expected.get(item))}, shown {_words(shown.get(item))}"
        for item in sorted(expected.keys() | shown.keys())
        if expected.get(item) != shown.get(item)
    ]
    lines = {" ".join(line.split()) for line in printed.splitlines()}
    return found + [f"the table does not say: {line}" for line in _table(expected) if line not in lines]


def _words(said: Said | None) -> str:
    return "nothing" if said is None else " ".join((said[0], *said[1]))


def _table(expected: Mapping[Item, Said]) -> Iterator[str]:
    """Yield the lines that the closing table must have, without the spaces between its columns."""
    counts: dict[str, Counter[str]] = {}
    asked: dict[tuple[str, str], bool] = {}
    for (account, region, service), said in expected.items():
        if said != NOT_ENABLED:
            counts.setdefault(service, Counter())[said[0]] += 1
            asked[account, region] = asked.get((account, region), True) and said == COMPLETE
    for service, statuses in sorted(counts.items()):
        yield " ".join(
            (service, *(f"{statuses[s]:,}" if statuses[s] else "-" for s in ("complete", "partial", "failed")))
        )
    yield f"{sum(asked.values()):,} of {len(asked):,} accounts x Regions were answered in full"
