"""The links of one workload's chain, out of the verdicts of the rules about what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scanner.chain import CHAIN
from scanner.drill.subjects import Subjects
from scanner.finding import Finding, Status
from scanner.loss import Loss
from scanner.model import Resource
from scanner.outcome import LinkState, State
from scanner.rule import Rule

_SHARED = {
    "AWS::ECS::Cluster": "cluster",
    "AWS::EKS::Cluster": "cluster",
    "AWS::ECR::Registry": "registry",
    "AWS::ECR::Repository": "repository",
}
"""The link that breaks when something of the standby's goes with the loss; of any other type it is the definition."""

DELIVERY, BACKUP_RESTORE = "delivery", "backup-restore"

_STATES = {Status.FAIL: State.BROKEN, Status.UNKNOWN: State.UNKNOWN, Status.PASS: State.HOLDS}
_WORST = (State.BROKEN, State.UNKNOWN, State.HOLDS)


class Verdicts:
    """The findings of the rules that judge links, ready to be asked for."""

    def __init__(self, findings: Iterable[Finding], rules: Sequence[Rule]) -> None:
        self.rules = {link.id: tuple(rule for rule in rules if rule.link == link.id) for link in CHAIN}
        known = {rule.id: rule for rule in rules if rule.link}
        self._severity = {id: rule.severity for id, rule in known.items()}
        self._found: dict[tuple[str, str, str], list[Finding]] = {}
        for finding in findings:
            if finding.rule_id in known:
                key = (finding.rule_id, finding.resource.type, finding.resource.id)
                self._found.setdefault(key, []).append(finding)

    def about(self, rule: Rule, resource: Resource) -> Sequence[Finding]:
        """Return what a rule found of a resource."""
        return self._found.get((rule.id, resource.type, resource.id), ())

    def breaks(self, finding: Finding) -> bool:
        """Tell whether a failure is as bad as its rule's failures are; one that is less bad only reminds."""
        return finding.status is Status.FAIL and finding.severity == self._severity[finding.rule_id]


def links(subjects: Subjects, verdicts: Verdicts, loss: Loss | None) -> Iterator[LinkState]:
    """Yield the state of each link that some rule was asked about."""
    gone = dict(_lost_too(subjects, loss)) if loss else {}
    for link in CHAIN:
        if link.id in gone:
            yield gone[link.id]
        elif link.id == DELIVERY and subjects.pair.dr_class != BACKUP_RESTORE:
            yield LinkState(link.id, State.NOT_NEEDED)  # what is there already only has to be started
        elif verdicts.rules[link.id]:
            yield _link(link.id, verdicts.rules[link.id], subjects, verdicts)


def judged(link: LinkState, resources: Iterable[Resource], verdicts: Verdicts) -> LinkState:
    """Return a link with the finding of its rule that says the same of one of some resources, if there is one."""
    for rule in verdicts.rules[link.link]:
        for resource in resources:
            for finding in verdicts.about(rule, resource):
                found = _state(link.link, finding, verdicts)
                if found.state is link.state:
                    return replace(found, reason=link.reason)
    return link


def _link(id: str, rules: Sequence[Rule], subjects: Subjects, verdicts: Verdicts) -> LinkState:
    found = [state for rule in rules for state in _states(id, rule, subjects, verdicts)]
    if not found:
        return LinkState(id, State.NOT_NEEDED)
    worst = min(found, key=_rank)
    alike = {state.rule_id for state in found if state.state is worst.state is not State.HOLDS}
    return replace(worst, also=tuple(sorted(alike - {worst.rule_id})))


def _rank(one: LinkState) -> tuple[object, ...]:
    """Return what orders states: the worst first, what somebody accepted last, and always in one order."""
    subject = one.subject.id if one.subject else ""
    first = (_WORST.index(one.state), one.accepted_until is not None, not one.reason)
    return (*first, one.rule_id, subject, one.fingerprint, one.reason)


def _states(id: str, rule: Rule, subjects: Subjects, verdicts: Verdicts) -> Iterator[LinkState]:
    for type in rule.resource:
        if type in subjects.doubts:
            reason = subjects.doubts[type]
            yield LinkState(id, State.UNKNOWN, f"What it needs was not all seen: {reason.rstrip('.')}.", rule.id)
        for resource in subjects.of_type(type):
            if not subjects.counts(resource, across=rule.across):
                continue
            findings = verdicts.about(rule, resource)
            if not findings:
                yield LinkState(id, State.UNKNOWN, f"{rule.id} said nothing of '{resource.id}'.", rule.id)
            yield from (
                _state(id, finding, verdicts) for finding in findings if _is_about(finding, subjects) and _says(finding)
            )


def _state(id: str, finding: Finding, verdicts: Verdicts) -> LinkState:
    state = _STATES[finding.status]
    if state is State.BROKEN and not verdicts.breaks(finding):
        return LinkState(id, State.HOLDS, finding.message, finding.rule_id, finding.fingerprint, finding.resource)
    if state is State.HOLDS:
        return LinkState(id, state, "", finding.rule_id, finding.fingerprint, finding.resource)
    accepted = str(finding.exemption.expires) if finding.exemption else None
    return LinkState(id, state, finding.message, finding.rule_id, finding.fingerprint, finding.resource, accepted)


def _says(finding: Finding) -> bool:
    return finding.status is not Status.NOT_APPLICABLE


def _is_about(finding: Finding, subjects: Subjects) -> bool:
    """Tell whether a finding is about this standby, or about none in particular."""
    there, standby = finding.counterpart, subjects.pair.standby
    if there is None:
        return True
    place = finding.resource.account, finding.resource.region
    if finding.resource.type.startswith("AWS::ECR::") or place != subjects.workload.place:
        return there.region == standby.region  # images may have an account of their own
    return (there.account, there.region) == standby


def _lost_too(subjects: Subjects, loss: Loss) -> Iterator[tuple[str, LinkState]]:
    """Yield the links that break because what the standby needs goes with the loss."""
    standby = subjects.pair.standby
    if loss.takes_place(*standby):
        yield "region", LinkState("region", State.BROKEN, f"The standby '{standby}' is lost too.")
        return
    for one in subjects.there():
        if loss.takes(one.type, one.id, one.name, one.account, one.region):
            link = _SHARED.get(one.type, "definition")
            yield link, LinkState(link, State.BROKEN, f"'{one.id}', which the standby needs, is lost too.", subject=one)
