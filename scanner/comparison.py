"""Two reports compared: what is new, what is fixed, and what merely is not there any more.

A failure is fixed only if its rule judged its subject again.  One that could not be decided, whose subject is gone,
or that nobody looked at, is said to be that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from scanner.finding import UNJUDGED, BaselineState, Coverage, Fate, Finding, Former, Report, Status
from scanner.model import Location, Place, Resource
from scanner.sweeping import rarely_swept

_Subject = tuple[str, str, str, str | None, str | None, str]
_Key = tuple[_Subject, Place | None]
_DECLARED = "Regionproof::"


class Kind(StrEnum):
    """What a difference is; the order is that in which differences are told."""

    NEW = "new"
    FIXED = "fixed"
    CHANGED = "changed"
    UNDECIDED = "undecided"
    GONE = "gone"
    NOT_SCANNED = "not_scanned"


@dataclass(frozen=True, slots=True)
class Difference:
    """One finding that is not as it was; `before` or `after` is None where there is none.  `reason` is a sentence."""

    kind: Kind
    before: Finding | None
    after: Finding | None
    reason: str

    @property
    def finding(self) -> Finding:
        """Return the finding that differs: as it is if it is new or changed, else as it was."""
        first, second = (
            (self.after, self.before) if self.kind in (Kind.NEW, Kind.CHANGED) else (self.before, self.after)
        )
        found = first or second
        assert found is not None  # noqa: S101 - one of them always is there
        return found


@dataclass(frozen=True)
class Comparison:
    """All that differs between two reports.

    `rules` and `places` are those of one report only, `worse` the operations and files that were answered in full
    before and are not now, `better` the other way round, `notes` what else makes the two less comparable.
    """

    differences: tuple[Difference, ...]
    rules_gone: tuple[str, ...]
    rules_new: tuple[str, ...]
    places_gone: tuple[str, ...]
    places_new: tuple[str, ...]
    worse: tuple[Coverage, ...]
    better: tuple[Coverage, ...]
    notes: tuple[str, ...]


def compare(old: Report, new: Report) -> Comparison:
    """Return what differs between two reports, an older and a newer one of the same estate."""
    rules = {rule.id for rule in old.rules}, {rule.id for rule in new.rules}
    places = _places(old), _places(new)
    missed = _missed(old), _missed(new)
    return Comparison(
        differences=tuple(differences(old, new)),
        rules_gone=tuple(sorted(rules[0] - rules[1])),
        rules_new=tuple(sorted(rules[1] - rules[0])),
        places_gone=tuple(sorted(places[0] - places[1])),
        places_new=tuple(sorted(places[1] - places[0])),
        worse=tuple(row for key, row in sorted(missed[1].items()) if key not in missed[0]),
        better=tuple(row for key, row in sorted(missed[0].items()) if key not in missed[1]),
        notes=tuple(_notes(old, new)),
    )


def known(report: Report) -> dict[str, Finding]:
    """Return the findings of a report by fingerprint, as they were when they were last decided.

    A failure that an earlier report had, and that could not be judged since, still counts as one.
    """
    found = {finding.fingerprint: finding for finding in report.findings}
    for former in report.baseline.former if report.baseline else ():
        if former.fate in UNJUDGED:
            found[former.finding.fingerprint] = former.finding
    return found


def state(before: Finding | None, after: Finding) -> BaselineState:
    """Return how a finding compares with the one of the same fingerprint in the baseline."""
    if before is None or (after.is_open_failure and not _covers(before, after)):
        return BaselineState.NEW
    return BaselineState.UNCHANGED if _said(before) == _said(after) else BaselineState.UPDATED


def former(found: Iterable[Difference]) -> Iterator[Former]:
    """Yield the failures among those differences that are none now."""
    for one in found:
        if one.before is not None and one.before.status is Status.FAIL and one.kind.value in tuple(Fate):
            yield Former(one.before, Fate(one.kind.value), one.reason)


def differences(old: Report, new: Report) -> list[Difference]:
    """Return what differs, kind by kind: failures first, the worst before the others, as the reports order them."""
    with rarely_swept(100_000):
        return _differences(old, new)


def _differences(old: Report, new: Report) -> list[Difference]:
    before = known(old)
    now = _Now(new)
    judged = {_key(finding) for finding in before.values()}
    found = [one for after in new.findings for one in _of_new(after, before.get(after.fingerprint), judged, old)]
    found += [one for was in before.values() if was.fingerprint not in now.findings for one in _of_old(was, now)]
    order = {kind: at for at, kind in enumerate(Kind)}
    return sorted(found, key=lambda one: (order[one.kind], _order(one.finding)))


def _order(finding: Finding) -> tuple[bool, int]:
    return finding.status is not Status.FAIL, finding.severity.rank


def _covers(before: Finding, after: Finding) -> bool:
    """Tell whether a failure was known already, and is no worse than it was."""
    return before.is_open_failure and before.severity.rank <= after.severity.rank


def _said(finding: Finding) -> tuple[object, ...]:
    return finding.status, finding.severity, finding.message, finding.exemption is None


def _of_new(after: Finding, before: Finding | None, judged: set[_Key], old: Report) -> Iterator[Difference]:
    """Yield what a finding of the new report differs in from the old one; at most one difference."""
    is_new = state(before, after) is BaselineState.NEW
    match after.status:
        case Status.FAIL if after.is_open_failure and is_new:
            yield Difference(Kind.NEW, before, after, _why_new(after, before, old))
        case Status.UNKNOWN if before is None:
            if _key(after) not in judged and not _is_gap(after):  # else it is told elsewhere
                yield Difference(Kind.UNDECIDED, None, after, after.message)
        case Status.UNKNOWN if before is not None and before.status is not Status.UNKNOWN:
            yield Difference(Kind.UNDECIDED, before, after, after.message)
        case Status.PASS if before is not None and before.status is Status.FAIL:
            yield Difference(Kind.FIXED, before, after, after.message or "The rule passes.")
        case Status.NOT_APPLICABLE if before is not None and before.status is Status.FAIL:
            yield Difference(Kind.GONE, before, after, _not_applicable(after))
        case _ if before is not None and _changed(before, after):
            yield Difference(Kind.CHANGED, before, after, _how(before, after))


def _changed(before: Finding, after: Finding) -> bool:
    """Tell whether a finding says something else; of verdicts that were good before and after, the words may differ."""
    if before.status is not after.status:
        return True
    return after.status in (Status.FAIL, Status.UNKNOWN) and _said(before) != _said(after)


def _why_new(after: Finding, before: Finding | None, old: Report) -> str:
    if before is not None and before.status is Status.FAIL:
        if before.exemption is not None:
            return f"The exemption until {before.exemption.expires} covers it no longer."
        return f"It was {before.severity.value} before."
    if before is not None:
        return f"The verdict was {_word(before.status)} before."
    if after.rule_id not in {rule.id for rule in old.rules}:
        return "The rule did not run before."
    if after.source == "live" and _place(after.resource.account, after.resource.region) not in _places(old):
        return "The account and Region were not scanned before."
    return "It was not found before."


def _how(before: Finding, after: Finding) -> str:
    parts = []
    if before.status is not after.status:
        parts.append(f"{_word(before.status)} -> {_word(after.status)}")
    if before.severity is not after.severity:
        parts.append(f"{before.severity.value} -> {after.severity.value}")
    if (before.exemption is None) != (after.exemption is None):
        parts.append("no longer exempted" if after.exemption is None else f"exempted until {after.exemption.expires}")
    if before.message != after.message:
        parts.append(f"it said: {before.message}")
    return "; ".join(parts)


def _of_old(was: Finding, now: _Now) -> Iterator[Difference]:
    """Yield what became of a finding that the new report does not have; at most one difference."""
    if _is_gap(was):
        return  # a gap that is closed is told of the coverage
    kind, after, reason = now.fate(was)
    if was.status is Status.FAIL or (was.status is Status.UNKNOWN and kind in (Kind.GONE, Kind.NOT_SCANNED)):
        yield Difference(kind, was, after, reason)
    elif was.status is Status.UNKNOWN and kind is Kind.FIXED:
        yield Difference(Kind.CHANGED, was, after, "It can be decided now.")
    elif was.status is not Status.UNKNOWN and kind is Kind.UNDECIDED:
        yield Difference(kind, was, after, reason)


class _Now:
    """The newer report, ready to be asked what became of a finding."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.findings = {finding.fingerprint: finding for finding in report.findings}
        self.rules = {rule.id for rule in report.rules}
        self.broken = {broken.rule_id: broken.reason for broken in report.broken_rules}
        self.places = _places(report)
        self.accounts = {row.account for row in report.coverage}
        self.files = {row.operation: row for row in report.coverage if row.service == "file"}
        self.by_key: dict[_Key, list[Finding]] = {}
        self.by_subject: dict[_Subject, list[Finding]] = {}
        self.gaps: dict[str, list[Finding]] = {}
        for finding in report.findings:
            self.by_key.setdefault(_key(finding), []).append(finding)
            self.by_subject.setdefault(_subject(finding), []).append(finding)
            if _is_gap(finding):
                self.gaps.setdefault(finding.rule_id, []).append(finding)

    def fate(self, was: Finding) -> tuple[Kind, Finding | None, str]:
        """Return what became of a finding that is not there, the finding that shows it, and how that is known."""
        if was.rule_id not in self.rules:
            return Kind.NOT_SCANNED, None, "The rule did not run."
        if self.report.not_shown:
            return Kind.NOT_SCANNED, None, "The newer report is narrowed and does not show all verdicts."
        if same := self.by_key.get(_key(was)):
            return _judged(same)
        if gap := next((gap for gap in self.gaps.get(was.rule_id, ()) if _hides(gap, was)), None):
            return Kind.UNDECIDED, gap, gap.message
        if others := self.by_subject.get(_subject(was)):
            kind, after, reason = _judged(others)
            if kind is Kind.FIXED and was.counterpart is not None:
                standby = _place(was.counterpart.account, was.counterpart.region)
                return Kind.NOT_SCANNED, None, f"It is no longer compared with '{standby}'."
            return kind, after, reason
        return self._unlooked(was) or self._gone(was)

    def _unlooked(self, was: Finding) -> tuple[Kind, Finding | None, str] | None:
        """Return why nothing can be said of a finding of whose subject there is no trace, None if it was looked for."""
        resource = was.resource
        if was.rule_id in self.broken:
            return Kind.UNDECIDED, None, f"The rule failed: {self.broken[was.rule_id]}."
        if resource.type.startswith(_DECLARED):
            return None if self.report.config_sha256 else (Kind.NOT_SCANNED, None, "No configuration was read.")
        if was.source == "iac":
            return self._unread(_file(was))
        seen = _place(resource.account, resource.region) in self.places
        if resource.region is None:
            seen = resource.account in self.accounts
        return None if seen else (Kind.NOT_SCANNED, None, "The account and Region were not scanned.")

    def _unread(self, where: Location | None) -> tuple[Kind, Finding | None, str] | None:
        if where is None:
            return Kind.NOT_SCANNED, None, "Nothing says which file it was in."
        row = self.files.get(where.path)
        if row is not None:
            return (
                (Kind.UNDECIDED, None, f"'{where.path}' was not read in full: {row.message}.") if row.missed else None
            )
        folders = [each.path for each in self.report.inputs if each.kind == "iac"]
        if any(PurePosixPath(where.path).is_relative_to(folder) for folder in folders):
            return None
        return Kind.NOT_SCANNED, None, f"'{where.path}' was not scanned."

    def _gone(self, was: Finding) -> tuple[Kind, Finding | None, str]:
        if was.resource.type.startswith(_DECLARED):
            return Kind.GONE, None, "It is not declared any more."
        return (
            Kind.GONE,
            None,
            "The resource is not there any more."
            if was.source == "live"
            else ("No file that was scanned declares it any more."),
        )


def _is_gap(finding: Finding) -> bool:
    """Tell whether a finding is about subjects that may exist unseen; that is told of the coverage, too."""
    if finding.status is not Status.UNKNOWN or finding.resource.name is not None:
        return False
    id = finding.resource.id
    return id.startswith("aws://") or not (id.startswith("arn:") or "#" in id)


def _judged(findings: list[Finding]) -> tuple[Kind, Finding, str]:
    """Return what the verdicts on a subject say of a failure that is not among them."""
    by_status = {finding.status: finding for finding in reversed(findings)}
    if unknown := by_status.get(Status.UNKNOWN):
        return Kind.UNDECIDED, unknown, unknown.message
    if passed := by_status.get(Status.PASS):
        return Kind.FIXED, passed, passed.message or "The rule passes."
    if failed := by_status.get(Status.FAIL):
        return Kind.FIXED, failed, "It is not among the failures of the resource any more."
    return Kind.GONE, findings[0], _not_applicable(findings[0])


def _not_applicable(finding: Finding) -> str:
    return f"The rule is not about it any more: {finding.message}"


def _hides(gap: Finding, was: Finding) -> bool:
    """Tell whether a gap may hide the subject of a finding; of what files do not say, accounts know nothing."""
    if was.source == "live" and not gap.resource.id.startswith("aws://") and gap.resource.id != gap.resource.type:
        return False
    ours = (gap.resource.account, was.resource.account), (gap.resource.region, was.resource.region)
    return all(where is None or at is None or where == at for where, at in ours)


def _key(finding: Finding) -> _Key:
    standby = finding.counterpart
    return _subject(finding), None if standby is None else Place(standby.account, standby.region)


def _subject(finding: Finding) -> _Subject:
    resource = finding.resource
    name = resource.name if resource.name is not None else resource.id
    return finding.rule_id, finding.source, resource.type, resource.account, resource.region, name


def _file(finding: Finding) -> Location | None:
    return finding.location or _any_location(finding.resource)


def _any_location(resource: Resource) -> Location | None:
    return next((each for each in resource.locations.values() if each.path), None)


def _places(report: Report) -> set[str]:
    """Return the accounts and Regions that were looked at; that one is not enabled is known, too."""
    return {_place(row.account, row.region) for row in report.coverage if row.service != "file"}


def _place(account: str | None, region: str | None) -> str:
    return f"{account or '*'}/{region or '*'}"


def _missed(report: Report) -> dict[tuple[str, str, str, str], Coverage]:
    return {(row.account, row.region, row.service, row.operation): row for row in report.coverage if row.missed}


def _notes(old: Report, new: Report) -> Iterator[str]:
    if old.as_of > new.as_of:
        yield "The first report is the newer one."
    if old.config_sha256 != new.config_sha256:
        yield "The configuration is another one."
    if old.tool_version != new.tool_version:
        yield f"regionproof was {old.tool_version}, and is {new.tool_version}."
    if set(old.pairs) != set(new.pairs):
        yield "The pairs of primary and standby are others."
    if new.not_shown:
        yield f"The newer report leaves out {new.not_shown:,} verdicts, so what it lacks says nothing."


def _word(status: Status) -> str:
    return status.value.replace("_", " ")
