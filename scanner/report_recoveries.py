"""What becomes of workloads in a JSON report, and how that becomes what the rest of the code knows."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from scanner.model import Place, Properties, Resource
from scanner.outcome import Action, LinkState, Outcome, Recovery, State

_NOTHING = Properties()


class PlaceItem(msgspec.Struct):
    """An account and a Region."""

    account_id: str | None
    region: str

    def place(self) -> Place:
        """Return it as the model has it."""
        return Place(self.account_id, self.region)


def seconds(number: int | None) -> timedelta | None:
    """Return a duration, None if there is none."""
    return None if number is None else timedelta(seconds=number)


class _Subject(msgspec.Struct):
    id: str
    type: str
    name: str | None
    account_id: str | None
    region: str | None

    def resource(self) -> Resource:
        return Resource(self.type, self.id, self.name, self.account_id, self.region, _NOTHING)


class _Link(msgspec.Struct):
    link: str
    state: State
    reason: str | None
    rule_id: str | None
    fingerprint: str | None
    subject: _Subject | None
    accepted_until: str | None
    also: tuple[str, ...]

    def link_state(self) -> LinkState:
        subject = self.subject.resource() if self.subject else None
        texts = (self.reason or "", self.rule_id or "", self.fingerprint or "")
        return LinkState(self.link, self.state, *texts, subject, self.accepted_until, self.also)


class _Action(msgspec.Struct):
    title: str
    command: str | None
    estimate_seconds: int | None
    basis: str | None
    undo: str | None

    def action(self) -> Action:
        estimate = seconds(self.estimate_seconds)
        return Action(self.title, self.command or "", estimate, self.basis or "", self.undo or "")


class RecoveryItem(msgspec.Struct):
    """What becomes of one workload; of its links, those that `because` tells are told in full."""

    workload: _Subject
    standby: PlaceItem | None
    dr_class: str | None
    outcome: Outcome
    reason: str
    tier: str | None
    owner: str | None
    needs: tuple[str, ...]
    rto_seconds: int | None
    rpo_seconds: int | None
    image_age_seconds: int | None
    actions: tuple[_Action, ...]
    links: dict[str, State]
    because: tuple[_Link, ...]

    def recovery(self) -> Recovery:
        """Return it as a drill has it."""
        told = {one.link: one.link_state() for one in self.because}
        rto, rpo, age = map(seconds, (self.rto_seconds, self.rpo_seconds, self.image_age_seconds))
        return Recovery(
            self.workload.resource(),
            self.standby.place() if self.standby else None,
            self.dr_class,
            self.outcome,
            self.reason,
            tuple(told.get(link) or LinkState(link, state) for link, state in self.links.items()),
            tuple(each.action() for each in self.actions),
            self.tier,
            self.owner,
            self.needs,
            rto,
            rpo,
            age,
        )
