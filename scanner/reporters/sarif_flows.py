"""The ways that SARIF results show: down the chain of each workload that a finding stops, and to one image.

A flow goes through the links in the order in which they would break, past those that are not needed, and ends at the
last one that does not hold: what comes after it explains nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

import sarif_om as om

from scanner.chain import title
from scanner.finding import Finding, Report
from scanner.model import Location, Resource
from scanner.outcome import LinkState, Outcome, Recovery, State
from scanner.reporters.drill.told import STATES, workloads
from scanner.reporters.kinds import type_word
from scanner.reporters.sarif_anchor import Anchors, logical, message
from scanner.reporters.sarif_encoder import Plain, encode
from scanner.reporters.text import cut, printable

_MOST_CHAINS = 3
"""How many workloads of those that need the same thing are shown, the worst first."""
_LONGEST_NAME, _LONGEST_ASIDE = 256, 300
"""How much is said of a name, and of a link that another result is about, which says all of it."""
_OPEN = (State.BROKEN, State.UNKNOWN)
_KINDS = {State.HOLDS: "true", State.BROKEN: "false", State.UNKNOWN: "unknown"}
"""A link is a condition; these are the standard's words for what one evaluates to."""
_VERDICTS = {
    Outcome.FAILS: "does not recover",
    Outcome.UNKNOWN: "may not recover",
    Outcome.AFTER: "recovers after actions",
    Outcome.RECOVERS: "recovers",
}


class Flows:
    """The code flows of the findings of a report."""

    def __init__(self, report: Report, anchors: Anchors) -> None:
        self._anchors = anchors
        self._stopped: dict[str, list[Recovery]] = {}
        for one in report.recoveries or ():
            for fingerprint in {link.fingerprint for link in one.links if link.state in _OPEN and link.fingerprint}:
                self._stopped.setdefault(fingerprint, []).append(one)
        self._deciding: dict[str, Finding] = {}
        self._written: dict[tuple[str, str], Location] = {}
        shown = {_key(one.workload) for stopped in self._stopped.values() for one in stopped[:_MOST_CHAINS]}
        for finding in report.findings:
            if finding.fingerprint in self._stopped:
                self._deciding.setdefault(finding.fingerprint, finding)
            if finding.resource.locations and _key(finding.resource) in shown:
                self._note(finding.resource)

    def _note(self, workload: Resource) -> None:
        """Keep where a workload is written: a report that was read again knows it of its findings only."""
        if where := workload.locate(""):
            self._written.setdefault(_key(workload), where)

    def of(self, finding: Finding) -> list[om.CodeFlow] | None:
        """Return the chains that a finding stops, the worst first, then the way to its image; None for neither."""
        stopped = self._stopped.get(finding.fingerprint, ())
        others = _in_the_way_of(stopped) if len(stopped) > 1 else ""
        flows = [self._chain(one, finding, others) for one in stopped[:_MOST_CHAINS]]
        if finding.path:
            steps = [self._anchors.step(step) for step in finding.path]
            flows.append(_flow("From the workload to the copy of its image in the standby.", steps))
        return flows or None

    def _chain(self, one: Recovery, finding: Finding, others: str) -> om.CodeFlow:
        workload = one.workload
        place = self._anchors.of(workload, self._written.get(_key(workload)))
        start = om.Location(
            message=message(f"{_start(one)}{others}"),
            physical_location=place,
            logical_locations=[logical(workload.id, workload.name)],
        )
        steps = [om.ThreadFlowLocation(execution_order=1, importance="essential", location=start)]
        at_workload, before = Plain(encode(place)), True
        for at, link in enumerate(_way(one.links), start=2):
            if link.state in _OPEN:
                before, importance, where = False, "essential", self._open(link, finding, start)
            else:
                importance, where = "important" if before else "unimportant", _held(link, at_workload)
            steps.append(
                om.ThreadFlowLocation(
                    execution_order=at,
                    importance=importance,
                    kinds=[_KINDS[link.state]],
                    location=where,
                    state=_state(link.link, link.state),
                )
            )
        return _flow(f"What {_named(workload)} needs to start, up to the last link that does not hold.", steps)

    def _open(self, link: LinkState, finding: Finding, workload: om.Location) -> om.Location:
        """Return where the finding is that decided a link, or what it is about, or else the workload."""
        if decided := self._deciding.get(link.fingerprint):
            where = self._anchors.location_of(decided)
        elif link.subject:
            where = om.Location(
                physical_location=self._anchors.of(link.subject, None),
                logical_locations=[logical(link.subject.id, link.subject.name)],
            )
        else:
            where = om.Location(physical_location=workload.physical_location)
        own = link.fingerprint == finding.fingerprint
        words = f"{'Here link' if own else 'Link'} '{link.link}' {STATES[link.state][0]}"
        if link.accepted_until:
            words += f", accepted until '{link.accepted_until}'"
        if link.rule_id and not own:
            words += f" ({link.rule_id})"
        where.message = message(f"{words}: {link.reason if own else cut(link.reason, _LONGEST_ASIDE)}")
        return where


def _flow(about: str, steps: list[om.ThreadFlowLocation]) -> om.CodeFlow:
    return om.CodeFlow(message=message(about), thread_flows=[om.ThreadFlow(locations=steps)])


def _way(links: Sequence[LinkState]) -> Iterator[LinkState]:
    """Yield the links that are needed, up to the last one that does not hold."""
    last = max(at for at, link in enumerate(links) if link.state in _OPEN)
    return (link for link in links[: last + 1] if link.state is not State.NOT_NEEDED)


def _start(one: Recovery) -> str:
    counts = Counter(link.state for link in one.links)
    said = ", ".join(f"{counts[state]} {STATES[state][counts[state] != 1]}" for state in STATES if counts[state])
    where = f"is to start in '{one.standby}'" if one.standby else "has no known standby"
    return f"{_named(one.workload)} {where} and {_VERDICTS[one.outcome]}: of its links {said}."


def _in_the_way_of(stopped: Sequence[Recovery]) -> str:
    shown = f", of which {_MOST_CHAINS} are shown" if len(stopped) > _MOST_CHAINS else ""
    return f" This is in the way of {workloads(stopped)}{shown}."


def _held(link: LinkState, place: Plain) -> om.Location:
    if link.reason:
        return om.Location(
            message=message(f"Link '{link.link}' holds, but mind: {link.reason}"), physical_location=place
        )
    return om.Location(message=_holds(link.link), physical_location=place)


@lru_cache(64)
def _holds(link: str) -> Plain:
    return Plain(encode(message(f"Link '{link}' holds: {title(link)}")))


@lru_cache(256)
def _state(link: str, state: State) -> Plain:
    return Plain({cut(printable(link), _LONGEST_NAME): {"text": state.value}})


def _named(workload: Resource) -> str:
    return f"{type_word(workload.type)} '{cut(workload.name or workload.id, _LONGEST_NAME)}'"


def _key(resource: Resource) -> tuple[str, str]:
    return resource.type, resource.id
