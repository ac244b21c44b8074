"""`regionproof collect --dry-run`: what would be asked where, how often, and for which rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from scanner.collectors import Answers, needs
from scanner.collectors.ask import Ask
from scanner.collectors.discovery import Found
from scanner.collectors.wanted import Scope
from scanner.recorded import Stage, Target
from scanner.reporters.layout import NARROWEST, Page
from scanner.rule import Rule


def text(found: Found, needed: Collection[str] | None, rules: Sequence[Rule], scope: Scope, width: int = 100) -> str:
    """Return the plan as a table; `needed` and `scope` are what `collect` would be given."""
    page = Page(max(width, NARROWEST), color=False, unicode=False)
    targets = found.plan.targets
    lines = [f"{len(targets):,} accounts x Regions would be asked:"]
    lines += page.columns([tuple(map(page.clean, row)) for row in _places(found)], 2)
    if targets:
        asked = [(service, ask) for service in targets[0].services for ask in needs.asks(service, needed)]
        lines += ["", "Of each of them:", *page.columns(_rows(targets[0], asked, rules, scope), 2)]
        known = sum(_times(targets[0], service, ask) for service, ask in asked)
        total = f"{known:,} x {len(targets):,} = {known * len(targets):,} requests are known beforehand"
        lines += ["", *page.wrapped(f"{total}; further pages, and what is asked per something, come on top.")]
        if not scope.whole and any(ask.stage is Stage.IMAGES for _, ask in asked):
            lines += page.wrapped(f"The images of other repositories are left out: {scope.reason}.")
    told = "Nothing was written, and nothing asked but who we are and which accounts and Regions there are."
    return "\n".join([*lines, *page.wrapped(told)]) + "\n"


def _places(found: Found) -> Iterator[tuple[str, str]]:
    plan = found.plan
    for account in plan.answers:
        regions = [target.region for target in plan.targets if target.account == account]
        refused = plan.refused.get(account)
        yield account, f"cannot be entered: {refused.code}" if refused else ", ".join(regions) or "no Region"
    for place, status in sorted(plan.not_enabled.items()):
        yield str(place), f"left out: {status}"
    for left_out, reason in found.left_out.items():
        yield left_out.id, f"left out: {reason}"


def _rows(
    target: Target, asked: Sequence[tuple[str, Ask]], rules: Sequence[Rule], scope: Scope
) -> list[tuple[str, str]]:
    rows = [("operation", "requests, and what for")]
    for service, ask in asked:
        often = f"1 per {ask.per}" if ask.per else str(_times(target, service, ask))
        if ask.stage is Stage.IMAGES and not scope.whole:
            often += " in scope or in use" if scope.every else " in use"
        reasons = [rule.id for rule in rules if ask in needs.asks(service, rule.needs)]
        often += ", paged" if ask.paged else ""
        rows.append((f"{service}:{ask.operation}", f"{often}; {_why(reasons, rules)}"))
    return rows


def _times(target: Target, service: str, ask: Ask) -> int:
    """Return how many calls there are, pages aside, however much there is."""
    return 0 if ask.per else len(list(ask.each(Answers(target, service, []))))


def _why(reasons: Sequence[str], rules: Sequence[Rule]) -> str:
    if not reasons:
        return "for no enabled rule, but --services"
    if len(reasons) == len(rules):
        return "for every enabled rule"
    return "for " + ", ".join(reasons[:2]) + (f" and {len(reasons) - 2} more" if len(reasons) > 2 else "")
