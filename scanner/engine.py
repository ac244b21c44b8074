"""Rules meet the model: every subject gets a verdict, and nothing unseen gets a good one."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NoReturn

from scanner.config import Config
from scanner.finding import BrokenRule, Counterpart, Exemption, ExemptionState, Finding, Severity, Status
from scanner.model import Gap, InsufficientData, Location, Model, Place, Properties, Resource, Twin
from scanner.rule import Rule, Subject
from scanner.sweeping import rarely_swept
from scanner.verdict import Decision, Failures, Judge, Limits, Misbehaviour, broken, sentence

_ORDER = {Status.FAIL: 0, Status.UNKNOWN: 1, Status.PASS: 2, Status.NOT_APPLICABLE: 3}
_RANK = {severity: severity.rank for severity in Severity}


@dataclass(frozen=True)
class Assessment:
    """What came of an evaluation: the findings, worst first, the rules that failed, and the model as it was given.

    That is another object than the one given if a rule changed that.
    """

    findings: tuple[Finding, ...]
    broken: tuple[BrokenRule, ...]
    model: Model


def evaluate(model: Model, rules: Iterable[Rule], config: Config) -> tuple[Finding, ...]:
    """Judge every resource by every rule about its type; return the findings, worst first.

    Each rule and subject give one finding for each violation, or exactly one that says why there is none; each rule
    and gap give one `unknown`.
    """
    return assess(model, rules, config).findings


def assess(model: Model, rules: Iterable[Rule], config: Config, limits: Limits | None = None) -> Assessment:
    """Judge as `evaluate` does, and say which rules failed.

    No rule can change the model by ordinary means.  Code from packs can by force (`object.__setattr__`), and Python
    cannot prevent it; so code from packs is asked last, and then the model is compared with how it was.  If it was
    changed, all is judged again on a copy, each such rule on a copy of its own, and what the guilty say is void.
    """
    rules, limits = list(rules), limits or Limits()
    foreign = [rule for rule in rules if rule.foreign]
    own = [rule for rule in rules if not rule.foreign]
    if not foreign:
        return _joined([judge(model, own, config, limits)], model)
    before = pickle.dumps(model)
    parts = [judge(model, group, config, limits) for group in (own, *([rule] for rule in foreign))]
    if not _changed(model, before):
        return _joined(parts, model)
    model = pickle.loads(before)  # noqa: S301 - we wrote it ourselves a moment ago
    parts = [judge(model, own, config, limits)]
    parts += [_judged_alone(rule, before, model, config, limits) for rule in foreign]
    return _joined(parts, model)


_Part = tuple[list[Finding], Failures]


def _judged_alone(rule: Rule, before: bytes, model: Model, config: Config, limits: Limits) -> _Part:
    """Judge by one rule on a copy; if it changes that, its verdicts are void."""
    copy: Model = pickle.loads(before)  # noqa: S301 - as above
    as_it_was = pickle.dumps(copy)
    part = judge(copy, [rule], config, limits)
    return judge(model, [replace(rule, check=_void)], config, limits) if _changed(copy, as_it_was) else part


def _void(*_: object) -> NoReturn:
    raise Misbehaviour("it changed the model, so nothing it says can be relied on")


def _changed(model: Model, before: bytes) -> bool:
    try:
        return pickle.dumps(model) != before
    except Exception:  # noqa: BLE001 - what was put into it cannot be written
        return True


def _joined(parts: Sequence[_Part], model: Model) -> Assessment:
    findings = [finding for found, _ in parts for finding in found]
    return Assessment(arranged(findings), broken(failures for _, failures in parts), model)


def arranged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return all findings of a scan, worst first, those with one fingerprint told apart."""
    return tuple(_numbered(_ordered(findings)))


def judge(
    model: Model, rules: Sequence[Rule], config: Config, limits: Limits | None = None
) -> tuple[list[Finding], Failures]:
    """Judge what a model, or a part of one, is asked about: the findings in no order, and how often rules failed."""
    by_type: dict[str, list[Rule]] = {}
    for rule in rules:
        for type in rule.resource:
            by_type.setdefault(type, []).append(rule)
    found: list[Finding] = []
    with rarely_swept(), Judge(model, limits or Limits()) as judge:
        for type, about in by_type.items():
            for resource in model.subjects(type):
                found += _about(resource, about, judge, model, config)
        found += (finding for rule in rules for finding in _unseen(rule, model))
        return found, judge.failures


def _about(resource: Resource, rules: Sequence[Rule], judge: Judge, model: Model, config: Config) -> Iterator[Finding]:
    """Return the findings about one resource, against each of its standbys where a rule is `across`."""
    if not config.in_scope(resource):
        outside = Decision(Status.NOT_APPLICABLE, "The repository is outside scope.repositories.")
        yield from (_finding(rule, resource, outside) for rule in rules)
        return
    compared: list[tuple[Twin, Counterpart]] = []
    undecided: Decision | None = None
    if any(rule.across for rule in rules):
        try:
            compared = [(twin, _counterpart(twin)) for twin in model.twins(resource)]
        except InsufficientData as gap:
            undecided = Decision(Status.UNKNOWN, sentence(str(gap)))
        if not compared and undecided is None:
            undecided = Decision(Status.NOT_APPLICABLE, "No pair has this account and Region as its primary.")
    for rule in rules:
        if not rule.across:
            yield from _verdict(rule, resource, resource, None, judge)
        elif undecided:
            yield _finding(rule, resource, undecided)
        else:
            for twin, counterpart in compared:
                yield from _verdict(rule, resource, twin, counterpart, judge)


def exempt(
    findings: Sequence[Finding], exemptions: Sequence[Exemption], as_of: datetime
) -> tuple[tuple[Finding, ...], tuple[tuple[Exemption, ExemptionState], ...]]:
    """Attach exemptions to the failures they cover, and say what became of each exemption.

    An expired exemption covers nothing.  The clock is the data's own (`as_of`), so that a scan of last week's
    snapshot says today what it said then.
    """
    today = as_of.date()
    used: set[int] = set()
    covered = []
    for finding in findings:
        for number, exemption in enumerate(exemptions):
            if finding.status is Status.FAIL and exemption.expires >= today and _covers(exemption, finding):
                used.add(number)
                finding = replace(finding, exemption=exemption)
                break
        covered.append(finding)
    states = tuple(
        (
            exemption,
            ExemptionState.EXPIRED
            if exemption.expires < today
            else ExemptionState.ACTIVE
            if number in used
            else ExemptionState.UNUSED,
        )
        for number, exemption in enumerate(exemptions)
    )
    return tuple(covered), states


def _covers(exemption: Exemption, finding: Finding) -> bool:
    if exemption.rule != finding.rule_id:
        return False
    if exemption.span is None:
        return fnmatchcase(finding.resource.id, exemption.resource)
    places = (finding.location, *finding.location.through) if finding.location else ()
    return any(exemption.span.holds(place) for place in places)


def _verdict(
    rule: Rule, resource: Resource, subject: Subject, counterpart: Counterpart | None, judge: Judge
) -> Iterator[Finding]:
    decisions, evidence = judge.decide(rule, subject)
    return (_finding(rule, resource, decision, counterpart, evidence) for decision in decisions)


_NOTHING = Properties()


def _finding(
    rule: Rule,
    resource: Resource,
    decision: Decision,
    counterpart: Counterpart | None = None,
    evidence: Mapping[str, object] = _NOTHING,
) -> Finding:
    status, message, pointer, related, own = decision
    name = resource.name if resource.name is not None else resource.id
    standby = f"{counterpart.account}/{counterpart.region}" if counterpart else ""
    key = f"{rule.id}\0{resource.type}\0{resource.account}/{resource.region}\0{name}\0{standby}\0{pointer}"
    if own is not None:  # else a worse failure of the same subject would pass for one that was known already
        key += f"\0{own}"
    fingerprint = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Finding(
        rule.id,
        status,
        rule.severity if own is None else max(rule.severity, own, key=_RANK.__getitem__),
        resource,
        message,
        counterpart,
        pointer,
        evidence,
        related,
        None,
        fingerprint,
    )


def _counterpart(twin: Twin) -> Counterpart:
    place, dr_class = twin.pair.standby, twin.pair.dr_class
    try:
        standby = twin.standby
    except InsufficientData:
        return Counterpart(place.account, place.region, None, None, dr_class)
    return Counterpart(place.account, place.region, standby.id if standby else None, standby is not None, dr_class)


def _unseen(rule: Rule, model: Model) -> Iterator[Finding]:
    """Return one `unknown` for each gap that may hide subjects of the rule, however many types of them it hides."""
    hidden: dict[Gap, list[Gap]] = {}
    for type in rule.resource:
        for gap in model.blind_spots():
            if gap.type == type and _concerns(rule, gap, model):
                hidden.setdefault(replace(gap, type=None), []).append(gap)
    for gaps in hidden.values():
        gap, types = gaps[0], [str(gap.type) for gap in gaps]
        place = "/".join(part for part in (gap.account, gap.region) if part)
        id = f"aws://{place}" if place else gap.path or types[0]
        resource = Resource(types[0], id, None, gap.account, gap.region, Properties())
        pointer = f"/{gap.operation or gap.path or ''}"  # keeps gaps of one place apart
        message = sentence(f"resources of type {', '.join(types)} may exist unseen: {gap}")
        finding = _finding(rule, resource, Decision(Status.UNKNOWN, message, pointer))
        yield replace(finding, pointer="", cause=_written(gap))


def _written(gap: Gap) -> Location | None:
    """Return where the file is that left a gap, with the line that its message begins with."""
    if gap.path is None:
        return None
    line = re.match(re.escape(gap.path) + r":(\d{1,9})(?::(\d{1,9}))?:", gap.message)
    return Location(gap.path, int(line[1]), int(line[2] or 1)) if line else Location(gap.path, 1)


def _concerns(rule: Rule, gap: Gap, model: Model) -> bool:
    if not rule.across or gap.account is None or gap.region is None:
        return True
    try:
        return bool(model.pairs_of(Place(gap.account, gap.region)))
    except InsufficientData:
        return True


def _ordered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the worst first: by status, severity and rule, then by resource."""
    groups: dict[tuple[int, int, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((_ORDER[finding.status], _RANK[finding.severity], finding.rule_id), []).append(finding)
    counterparts: dict[int, str] = {}
    for key in sorted(groups):
        yield from sorted(groups.pop(key), key=lambda finding: _sort_key(finding, counterparts))


def _sort_key(finding: Finding, counterparts: dict[int, str]) -> tuple[str, ...]:
    resource, counterpart = finding.resource, finding.counterpart
    if id(counterpart) not in counterparts:  # one object speaks for a resource in all findings about it
        counterparts[id(counterpart)] = str(counterpart)
    return (
        resource.account or "",
        resource.region or "",
        resource.type,
        resource.id,
        counterparts[id(counterpart)],
        finding.pointer,
        finding.message,
    )


def _numbered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Tell findings apart that have one fingerprint: of revisions of a family, or of what is live and what a file says.

    Subjects of one name are numbered first, the live ones before those of files, so that a verdict that changes
    changes the fingerprint of no other subject.
    """
    found = list(findings)
    numbers = _numbers(found)
    seen: dict[str, int] = {}
    for finding in found:
        number = numbers.get(id(finding.resource), 0)
        fingerprint = _again(finding.fingerprint, f"subject {number}") if number else finding.fingerprint
        nth = seen.get(fingerprint, 0)
        seen[fingerprint] = nth + 1
        if nth:
            fingerprint = _again(fingerprint, str(nth))
        yield finding if fingerprint is finding.fingerprint else replace(finding, fingerprint=fingerprint)


def _numbers(findings: Iterable[Finding]) -> dict[int, int]:
    """Return the number of each subject (by identity) that shares its name with another, from 0."""
    subjects = {id(finding.resource): finding.resource for finding in findings}
    alike: dict[tuple[object, ...], list[Resource]] = {}
    for one in subjects.values():
        alike.setdefault((one.type, one.name or one.id, one.account, one.region), []).append(one)
    numbers: dict[int, int] = {}
    for ones in alike.values():
        if len(ones) > 1:
            ranks = sorted({_rank(one) for one in ones})  # copies of one subject have one rank
            numbers |= {id(one): ranks.index(_rank(one)) for one in ones}
    return numbers


def _rank(resource: Resource) -> tuple[bool, str]:
    return bool(resource.locations), resource.id


def _again(fingerprint: str, salt: str) -> str:
    return hashlib.sha256(f"{fingerprint}\0{salt}".encode()).hexdigest()[:32]


def selected(rules: Sequence[Rule], config: Config) -> list[Rule]:
    """Return the rules that `select` and `ignore` leave, with the configured parameters and severities.

    Without `select`, those that are optional are left out.
    """
    chosen = [
        rule
        for rule in rules
        if (_matches(rule.id, config.select) if config.select else not rule.optional)
        and not _matches(rule.id, config.ignore)
    ]
    return [rule.with_parameters(config.parameters.get(rule.id, {}), config.severity.get(rule.id)) for rule in chosen]


def _matches(id: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(id, pattern) or id.startswith(f"{pattern}-") for pattern in patterns)


def unmatched(patterns: Mapping[str, Iterable[str]], rules: Sequence[Rule]) -> list[tuple[str, str]]:
    """Return (where, pattern) for each pattern in `patterns` that names no rule."""
    return [
        (where, pattern)
        for where, group in patterns.items()
        for pattern in group
        if not any(_matches(rule.id, [pattern]) for rule in rules)
    ]
