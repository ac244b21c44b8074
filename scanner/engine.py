"""Rules meet the model: every subject gets a verdict, and nothing unseen gets a good one."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from scanner.config import Config
from scanner.finding import Counterpart, Exemption, ExemptionState, Finding, Status
from scanner.model import Gap, InsufficientData, Model, Place, Properties, Resource, Twin
from scanner.rule import Evidence, NotApplicable, Rule, Subject, Undecided, Violation

_ORDER = {Status.FAIL: 0, Status.UNKNOWN: 1, Status.PASS: 2, Status.NOT_APPLICABLE: 3}


def evaluate(model: Model, rules: Iterable[Rule], config: Config) -> tuple[Finding, ...]:
    """Judge every resource by every rule about its type; return the findings, worst first.

    Each rule and subject give one finding for each violation, or exactly one that says why there is none; each rule
    and gap give one `unknown`.
    """
    found: list[Finding] = []
    for rule in rules:
        for type in rule.resource:
            for resource in model.of_type(type):
                found += judge(rule, resource, model, config)
        found += _unseen(rule, model)
    return tuple(_numbered(sorted(found, key=_sort_key)))


def judge(rule: Rule, resource: Resource, model: Model, config: Config) -> Iterator[Finding]:
    """Return the findings of one rule about one resource, against each of its standbys if the rule is `across`."""
    if not config.in_scope(resource):
        yield _finding(rule, Status.NOT_APPLICABLE, resource, "The repository is outside scope.repositories.")
        return
    if not rule.across:
        yield from _verdict(rule, resource, resource, model)
        return
    try:
        twins = model.twins(resource)
    except InsufficientData as gap:
        yield _finding(rule, Status.UNKNOWN, resource, _sentence(str(gap)))
        return
    if not twins:
        yield _finding(rule, Status.NOT_APPLICABLE, resource, "No pair has this account and Region as its primary.")
    for twin in twins:
        yield from _verdict(rule, resource, twin, model)


def exempt(
    findings: Sequence[Finding], exemptions: Sequence[Exemption], model: Model
) -> tuple[tuple[Finding, ...], tuple[tuple[Exemption, ExemptionState], ...]]:
    """Attach exemptions to the failures they cover, and say what became of each exemption.

    An expired exemption covers nothing.  The clock is the data's own (`model.as_of`), so that a scan of last week's
    snapshot says today what it said then.
    """
    today = model.as_of.date()
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
    return finding.location is not None and exemption.span.holds(finding.location)


def _verdict(rule: Rule, resource: Resource, subject: Subject, model: Model) -> Iterator[Finding]:
    evidence: dict[str, object] = {}
    decided: list[tuple[Status, str, str, tuple[Resource, ...]]] = []
    try:
        if not rule.applies_to(subject):
            decided.append((Status.NOT_APPLICABLE, "The rule does not apply to this resource.", "", ()))
        else:
            for outcome in rule.check(subject, model, rule.parameters):
                match outcome:
                    case Evidence():
                        evidence.update(outcome)
                    case Violation():
                        decided.append((Status.FAIL, outcome.message, outcome.pointer, outcome.related))
                    case Undecided():
                        decided.append((Status.UNKNOWN, outcome.message, outcome.pointer, ()))
                    case NotApplicable():
                        decided.append((Status.NOT_APPLICABLE, outcome.message, "", ()))
                    case _:
                        raise TypeError(f"a check yields outcomes, not {outcome!r}")
    except InsufficientData as gap:
        decided.append((Status.UNKNOWN, _sentence(str(gap)), "", ()))
    except Exception as error:  # noqa: BLE001 - a broken rule must neither pass a resource nor stop the scan
        decided.append((Status.UNKNOWN, f"The rule failed: {type(error).__name__}: {error}.", "", ()))
    for status, message, pointer, related in decided or [(Status.PASS, f"{rule.title}.", "", ())]:
        finding = _finding(rule, status, resource, message, pointer, subject)
        yield replace(finding, evidence=dict(evidence), related=related)


def _finding(
    rule: Rule, status: Status, resource: Resource, message: str, pointer: str = "", subject: Subject | None = None
) -> Finding:
    counterpart = _counterpart(subject) if isinstance(subject, Twin) else None
    key = (
        rule.id,
        resource.type,
        f"{resource.account}/{resource.region}",
        resource.name if resource.name is not None else resource.id,
        f"{counterpart.account}/{counterpart.region}" if counterpart else "",
        pointer,
    )
    fingerprint = hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Finding(rule.id, status, rule.severity, resource, message, counterpart, pointer, fingerprint=fingerprint)


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
        for gap in model.gaps:
            if gap.type == type and _concerns(rule, gap, model):
                hidden.setdefault(replace(gap, type=None), []).append(gap)
    for gaps in hidden.values():
        gap, types = gaps[0], [str(gap.type) for gap in gaps]
        place = "/".join(part for part in (gap.account, gap.region) if part)
        id = f"aws://{place}" if place else gap.path or types[0]
        resource = Resource(types[0], id, None, gap.account, gap.region, Properties())
        pointer = f"/{gap.operation or gap.path or ''}"  # keeps gaps of one place apart
        message = _sentence(f"resources of type {', '.join(types)} may exist unseen: {gap}")
        yield replace(_finding(rule, Status.UNKNOWN, resource, message, pointer), pointer="")


def _concerns(rule: Rule, gap: Gap, model: Model) -> bool:
    if not rule.across or gap.account is None or gap.region is None:
        return True
    try:
        return bool(model.pairs_of(Place(gap.account, gap.region)))
    except InsufficientData:
        return True


def _sort_key(finding: Finding) -> tuple[object, ...]:
    resource = finding.resource
    return (
        _ORDER[finding.status],
        finding.severity.rank,
        finding.rule_id,
        resource.account or "",
        resource.region or "",
        resource.type,
        resource.id,
        str(finding.counterpart),
        finding.pointer,
        finding.message,
    )


def _numbered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Tell findings apart that have one fingerprint: of revisions of a family, or of what is live and what a file says.

    Subjects of one name are numbered first, the live ones before those of files, so that a verdict that changes
    changes the fingerprint of no other subject.
    """
    ordered = list(findings)
    subjects: defaultdict[tuple[object, ...], set[tuple[bool, str]]] = defaultdict(set)
    for finding in ordered:
        subjects[_subject(finding)].add(_rank(finding))
    places = {
        (subject, rank): number for subject, ranks in subjects.items() for number, rank in enumerate(sorted(ranks))
    }
    seen: Counter[str] = Counter()
    for finding in ordered:
        place = places[_subject(finding), _rank(finding)]
        fingerprint = _again(finding.fingerprint, f"subject {place}") if place else finding.fingerprint
        nth = seen[fingerprint]
        seen[fingerprint] += 1
        yield replace(finding, fingerprint=_again(fingerprint, str(nth)) if nth else fingerprint)


def _subject(finding: Finding) -> tuple[object, ...]:
    resource = finding.resource
    return finding.rule_id, resource.type, resource.name or resource.id, resource.account, resource.region


def _rank(finding: Finding) -> tuple[bool, str]:
    return bool(finding.resource.locations), finding.resource.id


def _again(fingerprint: str, salt: str) -> str:
    return hashlib.sha256(f"{fingerprint}\0{salt}".encode()).hexdigest()[:32]


def _sentence(text: str) -> str:
    text = text.strip()
    if ":" not in text.partition(" ")[0]:  # the name of an operation is written as AWS writes it
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


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
