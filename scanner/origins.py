"""What a change brings: the findings that would not be there, or not in the same words, without it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

from scanner.causes import Key, is_code
from scanner.changes import Changes
from scanner.finding import Finding, Origin
from scanner.overlay import unnumbered

_COUNTED = re.compile(r"'?(?P<some>\d[\d,]*)'? of '?\d[\d,]*'? ")
"""How a message begins that counts: so many of so many."""
_QUOTED = re.compile(r"(?:, )?'[^']*'")


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

    What somebody accepted, and does not any more, was not there.
    With fewer of them, those that it names have to be among those that were named: others may have come instead.
    Lines of files move with what is written above them.
    """
    if was is None or was.status is not finding.status or (was.exemption and not finding.exemption):
        return False
    texts = [unnumbered(each.message) for each in (was, finding)]
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


def is_shown(finding: Finding, edits: Sequence[Changes], new: frozenset[str], differing: Container[Key]) -> bool:
    """Tell whether a finding is about changed lines, or `new` by its fingerprint.

    Lines count that say something else of a resource, which is then among those that are `differing`: a comment, or
    code that is only written in another way, brings nothing.  What a changed file may declare is shown, where that
    cannot be read.
    """
    if finding.origin is Origin.CHANGE or finding.fingerprint in new:
        return True
    if finding.cause is not None and finding.resource.name is None and not finding.resource.locations:
        return any(each.lines.get(finding.cause.path) for each in edits)
    about = [one for one in (finding.resource, *finding.related) if not is_code(one) or (one.type, one.id) in differing]
    where = [one.locate("") for one in about]
    where += [finding.location] if finding.resource in about else []
    places = [place for each in where if each is not None for place in (each, *each.through)]
    return any(each.touches(place) for each in edits for place in places)
