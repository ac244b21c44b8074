"""What a drill says of a workload: a verdict, the links of its chain, and what somebody has to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from scanner.model import Place, Resource


class State(StrEnum):
    """Whether one link of a chain holds.  A link that is not needed was judged, and does not apply."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    NOT_NEEDED = "not needed"


class Outcome(StrEnum):
    """Whether a workload would start in the standby, worst first."""

    FAILS = "does not recover"
    UNKNOWN = "cannot tell"
    AFTER = "recovers after actions"
    RECOVERS = "recovers"


@dataclass(frozen=True, slots=True)
class LinkState:
    """One link of a workload's chain: `link` is its id in `scanner.chain`.

    `reason` is a sentence, empty where the link holds or is not needed.  `rule_id`, `fingerprint` and `subject` are
    those of the finding that decided, `also` are ids of other rules that say the same; all empty where no rule did.
    """

    link: str
    state: State
    reason: str = ""
    rule_id: str = ""
    fingerprint: str = ""
    subject: Resource | None = None
    accepted_until: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """Something that somebody has to do, or that a pipeline does, before the workload runs in the standby.

    `command` is a line for a shell, empty where there is none that fits everybody.  `estimate` is how long it takes,
    None where nobody can say; `basis` says what it rests on.  `undo` is the command that takes it back.
    """

    title: str
    command: str = ""
    estimate: timedelta | None = None
    basis: str = ""
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What becomes of one workload.

    `standby` is None where no pair names one.  `links` are in the order of the chain; links that no rule was asked
    about are left out.  `estimate` is the least time that the actions take, `is_estimate_whole` tells whether every
    action has one.  `image_age` is the age of the oldest image that is missing in the standby, zero if none is, None
    if that was not seen: what is older than the RPO should have been there.  `needs` are names of tiers.  `checks`
    show whether it runs there, once it should.
    """

    workload: Resource
    standby: Place | None
    dr_class: str | None
    outcome: Outcome
    reason: str
    links: tuple[LinkState, ...]
    actions: tuple[Action, ...] = ()
    tier: str | None = None
    owner: str | None = None
    needs: tuple[str, ...] = ()
    rto: timedelta | None = None
    rpo: timedelta | None = None
    image_age: timedelta | None = None
    checks: tuple[Action, ...] = ()

    @property
    def name(self) -> str:
        """Return what people call the workload."""
        return self.workload.name or self.workload.id

    @property
    def broken(self) -> LinkState | None:
        """Return the first link that is broken, None if none is."""
        return next((link for link in self.links if link.state is State.BROKEN), None)

    @property
    def unknown(self) -> tuple[LinkState, ...]:
        """Return the links of which nobody knows whether they hold."""
        return tuple(link for link in self.links if link.state is State.UNKNOWN)

    @property
    def estimate(self) -> timedelta:
        """Return the sum of what is known of how long the actions take."""
        return sum((action.estimate for action in self.actions if action.estimate), timedelta())

    @property
    def is_estimate_whole(self) -> bool:
        """Tell whether every action has an estimate."""
        return all(action.estimate is not None for action in self.actions)

    @property
    def within_rto(self) -> bool | None:
        """Tell whether it fits into the RTO; None where that is not declared, or not known."""
        if self.rto is None or self.outcome not in (Outcome.AFTER, Outcome.RECOVERS):
            return None
        if self.estimate > self.rto:
            return False
        return True if self.is_estimate_whole else None

    def outline(self) -> Recovery:
        """Return it without what a report has no room for: what decided links that hold, and how to check it."""
        kept = (State.BROKEN, State.UNKNOWN)
        links = tuple(one if one.state in kept else LinkState(one.link, one.state, one.reason) for one in self.links)
        return replace(self, links=links, checks=())
