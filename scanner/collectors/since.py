"""Answers that can never change are taken from an earlier snapshot instead of being asked for again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from scanner import __version__
from scanner.collectors import COLLECTORS, needs
from scanner.parts import CALLS
from scanner.recorded import Call, Target, canonical
from scanner.snapshot import Snapshot

PARTS = frozenset(CALLS.values())
"""The parts of an earlier snapshot that are read."""
_IMMUTABLE = {
    (service, ask.operation): ask.immutable for service in COLLECTORS for ask in needs.every(service) if ask.immutable
}
_Key = tuple[str, str, str]
Known = Callable[[Target], Mapping[_Key, Sequence[Call]]]


def key(service: str, operation: str, parameters: Mapping[str, Any]) -> _Key:
    """Return what an answer is found by."""
    return service, operation, canonical(parameters)


def nothing(target: Target) -> dict[_Key, Sequence[Call]]:  # noqa: ARG001 - the signature of `Known`
    """Return no answers: there is no earlier snapshot."""
    return {}


def answers_of(earlier: Snapshot) -> Known:
    """Return what gives the answers of an earlier snapshot for a target, of immutable calls only, marked as reused.

    An answer with an error, or with a failure in it, is never reused.  Nothing is, if another version of regionproof
    collected the snapshot: it may have redacted what this one keeps.  Only the answers of the targets at hand are held
    in memory.
    """
    targets = {record.target.place: record.target for record in earlier.records}
    if earlier.tool_version != __version__:
        return nothing

    def known(target: Target) -> dict[_Key, Sequence[Call]]:
        there = targets.get(target.place)
        calls = [call for call in earlier.calls_of(there) if _fit(call)] if there else []
        groups = groupby(calls, lambda call: key(call.service, call.operation, call.parameters))
        marked = {name: [replace(call, reused=earlier.sha256) for call in group] for name, group in groups}
        return {name: group for name, group in marked.items() if all(call.error is None for call in group)}

    return known


def _fit(call: Call) -> bool:
    immutable = _IMMUTABLE.get((call.service, call.operation))
    failures = call.response is not None and call.response.get("failures")
    return immutable is not None and immutable(call.parameters) and not failures
