"""What brings a finding: the verdict as it would be without a change, and the code of the change that causes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from scanner.changes import Changes
from scanner.finding import Finding, Origin
from scanner.model import Location, Resource
from scanner.overlay import differing, says_something

_Key = tuple[str, str]
_Placed = tuple[str, str | None, str | None]
_DECLARED = "Regionproof::"
_COUNTED = re.compile(r"'?(?P<some>\d[\d,]*)'? of '?\d[\d,]*'? ")
"""How a message begins that counts: so many of so many."""
_LINE = re.compile(r"(\.(?:tf|tfvars|hcl|json|ya?ml|template|tpl)):\d+(?::\d+)?\b")
_QUOTED = re.compile(r"(?:, )?'[^']*'")


@dataclass(frozen=True)
class Changed:
    """A resource that a change is about, as it is after it, or was if it is gone, and where the code of that is."""

    resource: Resource
    at: Location


def is_code(resource: Resource) -> bool:
    """Tell what infrastructure code declares; what regionproof.yaml does has a place in a file, too."""
    return bool(resource.locations) and not resource.type.startswith(_DECLARED)


def traced(findings: Iterable[Finding], before: Iterable[Finding]) -> Iterator[Finding]:
    """Give each finding its origin: was the verdict the same, in the same words, without the change?

    Where nobody knows what the code was before, what only code declares counts as new.
    """
    was = {finding.fingerprint: finding for finding in before}
    for finding in findings:
        origin = Origin.BOTH if is_code(finding.resource) else Origin.LIVE
        yield replace(finding, origin=origin if _was_so(finding, was.get(finding.fingerprint)) else Origin.CHANGE)


def brought(findings: Iterable[Finding], before: Iterable[Finding]) -> frozenset[str]:
    """Return the fingerprints of the findings that were none, or said something else, before a change."""
    was = {finding.fingerprint: finding for finding in before}
    return frozenset(one.fingerprint for one in findings if not _was_so(one, was.get(one.fingerprint)))


def _was_so(finding: Finding, was: Finding | None) -> bool:
    """Tell whether a finding was there before, in the same words; also one about fewer things, of which it counts.

    With fewer of them, those that it names have to be among those that were named: others may have come instead.
    Lines of files move with what is written above them.
    """
    if was is None or was.status is not finding.status:
        return False
    texts = [_LINE.sub(r"\1", each.message) for each in (was, finding)]
    if texts[0] == texts[1]:
        return True
    left, right = map(_COUNTED.match, texts)
    if left is None or right is None or was.severity is not finding.severity:
        return False
    before, after = (int(each["some"].replace(",", "")) for each in (left, right))
    rest = [each.string[each.end() :] for each in (left, right)]
    if after < before:
        named = [set(_QUOTED.findall(each.replace(", '", "'"))) for each in rest]
        if not named[1] <= named[0]:
            return False
        rest = [_QUOTED.sub("", each) for each in rest]
    return after <= before and rest[0] == rest[1]


def changed(before: Iterable[Resource], after: Sequence[Resource], edits: Sequence[Changes]) -> list[Changed]:
    """Return what code declares otherwise than it was, then what it declared and does not any more.

    `before` is what was there, live or by code; of what is gone, `edits` tell the lines around it.
    """
    was: dict[_Key, Resource] = {}
    for one in before:
        was.setdefault((one.type, one.id), one)
    now = {(one.type, one.id): one for one in after}
    found = [
        Changed(one, at)
        for key, one in now.items()
        if _is_told(one) and (at := _changed_at(one, was.get(key))) is not None
    ]
    for key, one in was.items():
        if _is_told(one) and not (key in now and now[key].locations):
            at = _deleted(one.locations.get(""), edits)
            found += [Changed(one, at)] if at else []
    return found


def _is_told(one: Resource) -> bool:
    return is_code(one) and says_something(one)


def _changed_at(one: Resource, was: Resource | None) -> Location | None:
    """Return where a resource says what it was not before, None if it says nothing new."""
    if was is None:
        return one.locate("")
    whole = one.locate("")
    places = [one.locate(at) for at in differing(one.properties, was.properties)]
    return next((place for place in places if place != whole), whole) if places else None


def _deleted(was: Location | None, edits: Sequence[Changes]) -> Location | None:
    """Return the changed line of a file that is nearest to where something stood, None if the file is gone."""
    if was is None:
        return None
    lines = [max(begin, 1) for each in edits for begin, _ in each.lines.get(was.path, ())]
    return Location(was.path, min(lines, key=lambda line: abs(line - was.line))) if lines else None


class Causes:
    """Finds the code of a change that brings a finding; `needs` are the types that each rule reads."""

    def __init__(self, changes: Sequence[Changed], needs: Mapping[str, frozenset[str]]) -> None:
        self._needs = needs
        self._by_key = {(each.resource.type, each.resource.id): each for each in reversed(changes)}
        self._by_id = {each.resource.id: each for each in reversed(changes)}
        self._by_place: dict[_Placed, tuple[int, Changed]] = {}
        for number, each in enumerate(changes):
            one = each.resource
            self._by_place.setdefault((one.type, one.account, one.region), (number, each))
        places = {each.at for each in changes}
        self._only = places.pop() if len(places) == 1 else None

    def given(self, finding: Finding) -> Finding:
        """Return a finding that a change brings with the place of the code that causes it, as far as that is known."""
        own = finding.resource
        if finding.cause is not None or (own.type, own.id) in self._by_key:
            return finding
        at = self._named(finding) or self._read(finding) or _related(finding) or self._only
        return replace(finding, cause=at) if at else finding

    def _named(self, finding: Finding) -> Location | None:
        """Return the change of something that the finding names."""
        ids = [one.id for one in finding.related]
        ids += [step.id for step in finding.path]
        ids += [finding.counterpart.id] if finding.counterpart and finding.counterpart.id else []
        return next((self._by_id[id].at for id in ids if id in self._by_id), None)

    def _read(self, finding: Finding) -> Location | None:
        """Return the change of something that the rule reads, in the places that the finding is about."""
        types = self._needs.get(finding.rule_id, frozenset())
        own, standby = finding.resource, finding.counterpart
        places = [(own.account, own.region)]
        places += [(standby.account, standby.region)] if standby else []
        for account, region in places:
            keys = product(types, {account, None}, {region, None})
            found = [self._by_place[key] for key in keys if key in self._by_place]
            if found:
                return min(found, key=lambda each: each[0])[1].at
        return None


def _related(finding: Finding) -> Location | None:
    return next((at for one in finding.related if is_code(one) and (at := one.locate(""))), None)


def is_shown(finding: Finding, edits: Sequence[Changes], new: frozenset[str]) -> bool:
    """Tell whether a finding is about changed lines, or `new` by its fingerprint.

    So is what a changed file may declare, where that cannot be read.
    """
    if finding.origin is Origin.CHANGE or finding.fingerprint in new:
        return True
    if finding.cause is not None and finding.resource.name is None and not finding.resource.locations:
        return any(each.lines.get(finding.cause.path) for each in edits)
    where = [finding.location, *(one.locate("") for one in (finding.resource, *finding.related))]
    places = [place for each in where if each is not None for place in (each, *each.through)]
    return any(each.touches(place) for each in edits for place in places)
