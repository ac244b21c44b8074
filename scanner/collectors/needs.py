"""From the types that rules read to what is asked: no service, and no call, that nobody needs.

What is left out is not silence: where an answer would be read, `Answers` says that nobody asked.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from scanner.collectors import AFTERWARDS, COLLECTORS, kubernetes
from scanner.collectors.ask import Ask


def services(needed: Collection[str] | None) -> tuple[str, ...]:
    """Return the services to ask for resources of the types `needed`; None means all of them."""
    return tuple(service for service in COLLECTORS if asks(service, needed))


def asks(service: str, needed: Collection[str] | None) -> tuple[Ask, ...]:
    """Return what to ask of a service, in order: whatever describes or fills a type that is `needed`.

    None means all, except for what is only asked for a rule that names it.
    An ask that follows from others of its service needs no more than its types: theirs include them.
    """
    if needed is None:
        return COLLECTORS[service].CALLS
    types = _with_others(frozenset(needed))
    return tuple(ask for ask in every(service) if _tells(ask, types))


def every(service: str) -> tuple[Ask, ...]:
    """Return whatever may be asked of a service, in order."""
    return (*COLLECTORS[service].CALLS, *AFTERWARDS.get(service, ()))


@lru_cache
def _with_others(needed: frozenset[str]) -> frozenset[str]:
    """Return the types, and those of other services that have to be seen before one can ask for them."""
    asks = [ask for service in COLLECTORS for ask in every(service)] + list(kubernetes.CALLS)
    more = needed.union(*(ask.reads for ask in asks if _tells(ask, needed)))
    return needed if more == needed else _with_others(more)


def _tells(ask: Ask, types: Collection[str]) -> bool:
    return not set(types).isdisjoint((*ask.types, *ask.fills))
