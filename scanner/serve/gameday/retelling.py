"""The estate of a game day as a recording of its own, so that what was changed can be judged like any snapshot.

What a collector would ask of the services that were changed is asked again; everything else is as it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from scanner.collectors import COLLECTORS, Answers, Ask
from scanner.images import Listing, RepositoryKey
from scanner.recorded import IMAGES, Call, CallError, LeftOut, Target, redacted
from scanner.serve.gameday.world import World
from scanner.serve.models import Operation
from scanner.serve.query import Refused
from scanner.serve.replay import Recording
from scanner.serve.wire import Heard, checked

_MOST_PAGES = 10_000


@runtime_checkable
class _Selective(Protocol):
    """A recording that says what was not asked on purpose."""

    def left_out(self, target: Target) -> tuple[LeftOut, ...]:
        """Return what was not asked of a target."""


class Retelling:
    """What a collection would find now; reads like a snapshot.  Nobody may change the world meanwhile."""

    def __init__(self, world: World, recording: Recording) -> None:
        self._world, self._recording = world, recording

    @property
    def targets(self) -> Sequence[Target]:
        """Return the accounts and Regions."""
        return self._world.targets

    def calls_of(self, target: Target) -> Iterable[Call]:
        """Return the calls of a target."""
        calls = list(self._world.calls_of(target))
        changed = self._world.changed(target)
        asked = [service for service in COLLECTORS if service in changed and service in target.services]
        if not asked:
            return calls
        again = {(service, ask.operation) for service in asked for ask in COLLECTORS[service].CALLS} - {IMAGES}
        kept = [call for call in calls if (call.service, call.operation) not in again]
        answers: dict[str, Answers] = {}
        for service in COLLECTORS:
            if service in asked:
                kept += self._asked(target, service, kept, answers)
            answers[service] = Answers(target, service, kept, dict(answers))
        return kept

    def version(self, account: str) -> int:
        """Return a number that is another one once something was changed in an account."""
        return self._world.version(account)

    def images(self) -> Mapping[RepositoryKey, Listing]:
        """Return the images of every repository."""
        return {**self._recorded, **self._world.pushed}

    @cached_property
    def _recorded(self) -> Mapping[RepositoryKey, Listing]:
        return self._recording.images()

    def left_out(self, target: Target) -> tuple[LeftOut, ...]:
        """Return what was not asked of a target on purpose."""
        return self._recording.left_out(target) if isinstance(self._recording, _Selective) else ()

    def _asked(
        self, target: Target, service: str, before: Sequence[Call], others: Mapping[str, Answers]
    ) -> Iterator[Call]:
        calls = [call for call in before if call.service == service]
        known = {(call.operation, str(call.parameters.get("repositoryName"))) for call in calls}
        for ask in COLLECTORS[service].CALLS:
            answers = Answers(target, service, calls, others)
            for given in ask.parameters_of(answers):
                if ask.rows is None:
                    new = list(self._pages(target, service, ask, given))
                elif (ask.operation, str(given.get("repositoryName"))) not in known:
                    new = [_call(target, service, ask, given, 0, None)]
                else:
                    continue
                calls += new
                yield from new

    def _pages(self, target: Target, service: str, ask: Ask, given: Mapping[str, Any]) -> Iterator[Call]:
        operation = self._world.catalogue.operation(service, ask.operation)
        token: str | None = None
        for number in range(_MOST_PAGES):
            try:
                page = self._page(target, operation, {**given, **({ask.tokens[0]: token} if token else {})})
            except Refused as refused:
                error = CallError(refused.code, refused.message, refused.status)
                yield _call(target, service, ask, given, number, None, error)
                return
            token = page.pop(ask.tokens[1], None) if ask.paged else None
            yield redacted(_call(target, service, ask, given, number, page))
            if not token:
                return

    def _page(self, target: Target, operation: Operation | None, given: dict[str, Any]) -> dict[str, Any]:
        if operation is None:
            raise Refused("NotRecorded", "this botocore does not know the operation", 501)
        asked = checked(Heard(target.place, operation, given, "json", assumed=False))
        return dict(self._world.answer(asked.query))


def _call(
    target: Target,
    service: str,
    ask: Ask,
    given: Mapping[str, Any],
    page: int,
    response: Mapping[str, Any] | None,
    error: CallError | None = None,
) -> Call:
    rows = 0 if ask.rows is not None and error is None else None
    place = (target.account, target.region)
    return Call(service, ask.operation, given, *place, page, response, error, rows, "1970-01-01T00:00:00Z")
