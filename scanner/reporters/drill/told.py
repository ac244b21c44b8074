"""What every format of a drill says in the same words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from scanner import duration
from scanner.chain import CHAIN, NEEDS
from scanner.drill import DrillReport
from scanner.loss import Loss
from scanner.outcome import Action, LinkState, Outcome, Recovery, State
from scanner.reporters.objectives import Objective, against_rpo

VERBS = {
    Outcome.FAILS: ("does not recover", "do not recover"),
    Outcome.UNKNOWN: ("is undecided", "are undecided"),
    Outcome.AFTER: ("recovers after actions", "recover after actions"),
    Outcome.RECOVERS: ("recovers", "recover"),
}
"""What is said of one and of several."""
STATES = {
    State.BROKEN: ("is broken", "are broken"),
    State.UNKNOWN: ("is not known", "are not known"),
    State.HOLDS: ("holds", "hold"),
    State.NOT_NEEDED: ("is not needed", "are not needed"),
}
"""What is said of one link and of several."""

_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_ORDER = {link.id: at for at, link in enumerate((*CHAIN, NEEDS))}


def brief(text: str) -> str:
    """Return text with twelve digits of each digest, as `docker images` shows them."""
    return _DIGEST.sub(r"\1", text)


class Group(NamedTuple):
    """Recoveries that end for the same reason; `link` is None where that is no link."""

    link: LinkState | None
    reason: str
    recoveries: tuple[Recovery, ...]


def by_reason(recoveries: Iterable[Recovery]) -> list[Group]:
    """Return recoveries that fail, or that nobody can tell of, by what decides: what most have in common first."""
    found: dict[tuple[str, str, str], list[tuple[LinkState | None, Recovery]]] = {}
    for one in recoveries:
        link = deciding(one)
        key = (link.link, link.rule_id, link.reason) if link else ("", "", one.reason)
        found.setdefault(key, []).append((link, one))
    groups = [Group(each[0][0], key[2], tuple(one for _, one in each)) for key, each in found.items()]
    return sorted(groups, key=lambda group: (-len(group.recoveries), _place(group.link), group.recoveries[0].name))


def deciding(one: Recovery) -> LinkState | None:
    """Return the link that decides: the first that is broken, else the first that is not known; None for no link."""
    if one.outcome is Outcome.FAILS:
        return one.broken
    return next(iter(one.unknown), None) if one.outcome is Outcome.UNKNOWN else None


def _place(link: LinkState | None) -> int:
    return _ORDER.get(link.link, len(_ORDER)) if link else len(_ORDER)


def besides(one: Recovery) -> Iterator[str]:
    """Yield what else is broken or not known than the link that decides."""
    first = deciding(one)
    for state, word in ((State.BROKEN, "also broken"), (State.UNKNOWN, "not known")):
        others = [link.link for link in one.links if link.state is state and link is not first]
        if others:
            yield f"{word}: {', '.join(others)}"


def about(one: Recovery) -> Iterator[str]:
    """Yield who answers for a workload, what its objectives do not get, and what else there is to say."""
    if one.tier or one.owner:
        yield ", ".join(part for part in (one.tier, one.owner) if part)
    link = deciding(one)
    if link is not None and link.accepted_until:
        yield f"accepted until {link.accepted_until}"
    if against_rpo(one) is Objective.MISSED and one.image_age and one.rpo:
        yield f"misses an image of {duration.words(one.image_age)}, RPO {duration.words(one.rpo)}"
    yield from besides(one)


def standby_of(one: Recovery) -> str:
    """Return where a workload is to start."""
    if one.standby is not None:
        return str(one.standby)
    return "no standby" if one.outcome is Outcome.FAILS else "standby not known"


def takes(action: Action) -> str:
    """Return how long an action takes, and what that rests on."""
    time = "nobody can say how long"
    if action.estimate is not None:
        time = f"at least {duration.words(action.estimate)}" if action.estimate else "at once"
    return f"{time}: {action.basis}" if action.basis else f"{time}."


def held_against_rto(one: Recovery) -> str:
    """Return how long all actions take against the RTO, as a sentence."""
    rto = f"the RTO of {duration.words(one.rto)}" if one.rto is not None else ""
    if not one.actions:
        return f"Nothing has to be done{f': within {rto}' if rto else ''}."
    if one.within_rto is False:
        return f"At least {duration.words(one.estimate)}: longer than {rto}."
    if not one.is_estimate_whole:
        known = f"At least {duration.words(one.estimate)}; " if one.estimate else ""
        sentence = f"{known}how long all of it takes is not known"
        return f"{sentence[:1].upper()}{sentence[1:]}{f', so whether within {rto} is not either' if rto else ''}."
    time = f"About {duration.words(one.estimate)}" if one.estimate else "At once"
    return f"{time}{f': within {rto}' if rto else '; no RTO is declared'}."


def sentence_of(report: DrillReport) -> str:
    """Return the drill in one sentence."""
    recoveries = report.drill.recoveries
    counts = Counter(one.outcome for one in recoveries)
    parts = [f"{counts[outcome]:,} {VERBS[outcome][counts[outcome] != 1]}" for outcome in Outcome if counts[outcome]]
    of, more = workloads(recoveries), "; there may be others unseen" if report.drill.unseen else ""
    return f"Without {lost(report.drill.loss)}: of {of}, {', '.join(parts) or 'none is to be recovered'}{more}."


def workloads(recoveries: Sequence[Recovery]) -> str:
    """Return how many workloads there are, and in how many standbys if that is another number."""
    number = len({(one.workload.type, one.workload.id) for one in recoveries})
    said = f"{number:,} workload{'' if number == 1 else 's'}"
    return said if number == len(recoveries) else f"{said} in {len(recoveries):,} standbys"


def lost(loss: Loss | None) -> str:
    """Return what is lost, as a sentence says it."""
    if loss is None:
        return "each primary"
    if loss.kind in ("region", "account"):
        return f"{'Region' if loss.kind == 'region' else 'account'} {loss.region or loss.account}"
    name = f"'{loss.name}' in " if loss.name else "of "
    kind = f"{loss.service.upper()} {loss.kind}" if loss.service else loss.kind
    return f"{kind} {name}{loss.account}/{loss.region}"


def tally(found: Sequence[Objective]) -> str:
    """Return how many objectives are met and missed."""
    counts = Counter(found)
    declared = len(found) - counts[Objective.NONE]
    if not declared:
        return "none is declared"
    parts = [(Objective.MISSED, "missed by"), (Objective.UNKNOWN, "not known for"), (Objective.MET, "met by")]
    said = ", ".join(f"{word} {counts[objective]:,}" for objective, word in parts if counts[objective])
    return f"{said} of {declared:,}" if len(said.split(",")) == 1 else f"{said}; {declared:,} declare one"


def judged(report: DrillReport) -> str:
    """Return how much of the chain was judged."""
    left = [link.id for link in CHAIN if link.id in report.not_judged]
    text = f"{len(CHAIN) - len(left)} of {len(CHAIN)} links judged"
    return f"{text}; no rule that was asked judges {', '.join(left)}" if left else text


def unmatched(report: DrillReport) -> list[str]:
    """Return a sentence for each reason why workloads were not seen, and each glob of a tier that names none."""
    hidden = [f"Other workloads may go with it unseen: {reason.rstrip('.')}." for reason in report.drill.unseen]
    return hidden + [f"'{glob}' of tier '{tier}' names nothing that was seen." for tier, glob in report.unmatched]
