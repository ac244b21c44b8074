"""The first section of the page: workload by workload, would it start in the standby, and which link breaks first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from scanner import duration
from scanner.chain import CHAIN, NEEDS, title
from scanner.drill.shared import shared
from scanner.finding import Report, Tier
from scanner.outcome import Action, LinkState, Outcome, Recovery, State
from scanner.reporters.brief import brief
from scanner.reporters.by_workload import WorkloadVerdict, by_tier, by_workload, judged
from scanner.reporters.drill.told import STATES, deciding, held_against_rto, standby_of, workloads
from scanner.reporters.html.words import RECOVERY, Sign, count, name, objectives, plural
from scanner.reporters.kinds import type_word
from scanner.reporters.objectives import Objective, against_rpo
from scanner.reporters.text import cut

_MOST_CARDS, _MOST_CARDS_OF_A_TIER, _MOST_SHARED, _MOST_STEPS, _MOST_NAMES = 120, 48, 8, 5, 3
_LONGEST_REASON = 240
STEP = 8
"""How far the marks of a chain are from each other, in SVG units."""
_MARKS: Mapping[State, tuple[str, str]] = {
    State.HOLDS: ("ok", "M{x} 4v6"),
    State.BROKEN: ("bad", "M{left} 3l6 8m-6 0l6-8"),
    State.UNKNOWN: ("unk", "M{left} 7a3 3.5 0 1 1 6 0a3 3.5 0 1 1-6 0"),
    State.NOT_NEEDED: ("mute", "M{x} 6.5v1"),
}


class Chain(NamedTuple):
    """The chain of a workload as a row of marks: (class, path) of each state, how wide, and the same in words."""

    paths: list[tuple[str, str]]
    width: int
    words: str


class Step(NamedTuple):
    """Something that has to be done, and how long it takes."""

    title: str
    command: str
    time: str


class Card(NamedTuple):
    """One workload: its verdict, what and where it is, its chain, what breaks first, why, and what has to be done."""

    sign: Sign
    name: str
    type: str
    where: str
    chain: Chain | None
    link: str
    title: str
    reason: str
    notes: list[str]
    steps: list[Step]


class Block(NamedTuple):
    """The workloads of one tier: those with a card, the names of those that recover, and how many have neither."""

    title: str
    facts: str
    counts: list[tuple[Sign, int]]
    cards: list[Card]
    fine: list[str]
    hidden: int


class SharedRow(NamedTuple):
    """Something that is broken for several workloads: how many, its link, what it is, what is wrong, and for whom."""

    number: int
    link: str
    subject: str
    reason: str
    names: str


def _marks(states: Iterable[tuple[int, State]]) -> list[tuple[str, str]]:
    """Return a path for each state, of which each has a shape of its own beside its colour."""
    drawn: dict[State, str] = {}
    for at, state in states:
        x = STEP * at + STEP // 2
        drawn[state] = drawn.get(state, "") + _MARKS[state][1].format(x=x, left=x - 3)
    return [(_MARKS[state][0], path) for state, path in drawn.items()]


LEGEND = [(_marks([(0, state)])[0], state.value) for state in State]
"""A mark of each state, and what it stands for."""
_PLACES = {link.id: at for at, link in enumerate((*CHAIN, NEEDS))}


def headline(report: Report) -> tuple[Sign, str]:
    """Return the one sentence that the page begins with."""
    outcomes = Counter(verdict.recovery for verdict in by_workload(report))
    every = workloads(report.recoveries or ())
    if report.recoveries is None:
        return RECOVERY[Outcome.UNKNOWN], "No drill was made, so there is no verdict on recovery"
    if outcomes[Outcome.FAILS]:
        return RECOVERY[Outcome.FAILS], f"{outcomes[Outcome.FAILS]:,} of {every} would not recover in the standby"
    if not outcomes:
        return RECOVERY[Outcome.UNKNOWN], "No workload was seen, so there is no verdict on recovery"
    if unknown := outcomes[Outcome.UNKNOWN]:
        return RECOVERY[Outcome.UNKNOWN], f"Whether {unknown:,} of {every} would recover cannot be told"
    if not report.complete or report.unseen:
        return RECOVERY[Outcome.UNKNOWN], f"Nothing speaks against {every}, but not everything was seen"
    if after := outcomes[Outcome.AFTER]:
        return RECOVERY[Outcome.AFTER], f"{every} would recover in the standby, {after:,} of them after actions"
    return RECOVERY[Outcome.RECOVERS], f"{every} would recover in the standby"


def links_judged(report: Report) -> str:
    """Return how much of the chain was judged, empty where there is no chain."""
    return f"{judged(report)} of {len(CHAIN)} links of the chain were judged." if report.recoveries else ""


def tally(report: Report) -> list[tuple[Sign, int, float, float]]:
    """Return (sign, number, start, width) of each part of the bar, of which the whole is 100 wide."""
    outcomes = Counter(verdict.recovery for verdict in by_workload(report))
    total, at, parts = outcomes.total() or 1, 0, []
    for outcome in Outcome:
        number = outcomes[outcome]
        parts.append((RECOVERY[outcome], number, round(100 * at / total, 2), round(100 * number / total, 2)))
        at += number
    return parts


def shared_rows(report: Report) -> list[SharedRow]:
    """Return what several workloads need and what is broken, that for the most first."""
    rows = []
    for one in shared(report.recoveries or ())[:_MOST_SHARED]:
        names = list(dict.fromkeys(cut(each.name, 60) for each in one.workloads))
        more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
        subject = f"{type_word(one.subject.type)} {name(one.subject)}"
        reason = cut(brief(one.reason[:4000]), _LONGEST_REASON)
        rows.append(SharedRow(len(names), one.link, subject, reason, f"{', '.join(names[:_MOST_NAMES])}{more}"))
    return rows


def blocks(report: Report) -> list[Block]:
    """Return the blocks of a page that takes so many cards, those of the first tiers before those of the last."""
    found, room = [], _MOST_CARDS
    for tier, verdicts in by_tier(report):
        found.append(_block(tier, verdicts, min(room, _MOST_CARDS_OF_A_TIER)))
        room -= len(found[-1].cards)
    return found


def _block(tier: Tier | None, verdicts: list[WorkloadVerdict], room: int) -> Block:
    outcomes = Counter(verdict.recovery for verdict in verdicts)
    counts = [(plural(RECOVERY[one], outcomes[one]), outcomes[one]) for one in Outcome if outcomes[one]]
    wanting = [verdict.outline for verdict in verdicts if verdict.recovery is not Outcome.RECOVERS]
    fine = [cut(verdict.name, 80) for verdict in verdicts if verdict.recovery is Outcome.RECOVERS]
    hidden = max(len(wanting) - room, 0) + max(len(fine) - _MOST_CARDS_OF_A_TIER, 0)
    facts: list[str] = []
    if tier is not None:
        facts = [fact for fact in (tier.dr_class, *objectives(tier.rpo, tier.rto), tier.owner) if fact]
    return Block(
        cut(tier.name, 80) if tier else "In no declared tier",
        " · ".join(cut(fact, 60) for fact in facts),
        counts,
        [_card(one) for one in wanting[:room]],
        fine[:_MOST_CARDS_OF_A_TIER],
        hidden,
    )


def _card(one: Recovery) -> Card:
    link = deciding(one)
    place = cut(one.workload.region or "Region not known", 30)
    standby = cut(one.standby.region, 30) if one.standby else standby_of(one)
    after = one.outcome is Outcome.AFTER
    return Card(
        RECOVERY[one.outcome],
        name(one.workload),
        type_word(one.workload.type),
        f"{place} → {standby}",
        _chain(one.links),
        link.link if link else "",
        title(link.link) if link else "",
        "" if after else cut(brief(one.reason[:4000]), _LONGEST_REASON),
        _notes(one, link),
        _steps(one) if after else [],
    )


def _chain(links: tuple[LinkState, ...]) -> Chain | None:
    known = [(link, _PLACES[link.link]) for link in links if link.link in _PLACES]
    if not known:
        return None
    width = STEP * (1 + max(len(CHAIN) - 1, *(at for _, at in known)))
    return Chain(_marks((at, link.state) for link, at in known), width, _in_words([link for link, _ in known]))


def _in_words(links: list[LinkState]) -> str:
    parts = []
    for state, (one, several) in STATES.items():
        found = [link.link for link in links if link.state is state]
        if found:
            named = f" ({', '.join(found)})" if state in (State.BROKEN, State.UNKNOWN) else ""
            parts.append(f"{len(found)} {one if len(found) == 1 else several}{named}")
    return f"Of {count(len(links), 'link')} that {'was' if len(links) == 1 else 'were'} judged: {', '.join(parts)}."


def _notes(one: Recovery, first: LinkState | None) -> list[str]:
    """Return what else there is to say, in short sentences."""
    notes = []
    for state, word in ((State.BROKEN, "Also broken"), (State.UNKNOWN, "Not known")):
        others = [link.link for link in one.links if link.state is state and link is not first]
        if others:
            notes.append(f"{word}: {', '.join(cut(each, 30) for each in others)}.")
    if first is not None and first.accepted_until:
        notes.append(f"Accepted until {cut(first.accepted_until, 20)}; it is broken all the same.")
    if against_rpo(one) is Objective.MISSED and one.image_age and one.rpo:
        notes.append(f"An image of {duration.words(one.image_age)} is missing; the RPO is {duration.words(one.rpo)}.")
    if one.outcome is Outcome.AFTER:
        notes.append(held_against_rto(one))
    return notes


def _time(action: Action) -> str:
    if action.estimate is None:
        return "nobody can say how long"
    return duration.words(action.estimate) if action.estimate else "at once"


def _steps(one: Recovery) -> list[Step]:
    steps = [
        Step(
            cut(action.title, _LONGEST_REASON),
            cut(action.command, 2 * _LONGEST_REASON),
            _time(action),
        )
        for action in one.actions[:_MOST_STEPS]
    ]
    if len(one.actions) > _MOST_STEPS:
        steps.append(Step(f"and {count(len(one.actions) - _MOST_STEPS, 'more action')}", "", ""))
    return steps
