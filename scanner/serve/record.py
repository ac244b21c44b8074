"""The calls of one account and Region, by question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.model import Place
from scanner.recorded import Call, CallError, Target, canonical
from scanner.serve.query import Query, normalized


@dataclass(frozen=True)
class Answer:
    """What was answered to one question: its pages, then the error that ended them, if any.

    `size` is the page size that was asked for, None for the default.
    """

    parameters: Mapping[str, Any]
    size: int | None
    pages: tuple[Mapping[str, Any], ...]
    error: CallError | None

    def items(self, member: str) -> list[Any]:
        """Return the items of a list over all pages."""
        return [item for page in self.pages for item in page.get(member) or ()]


class Record:
    """What one account and Region answered."""

    def __init__(self, target: Target, calls: Iterable[Call]) -> None:
        place = target.place
        self.place, self.partition = place, target.partition
        grouped: dict[tuple[str, str], dict[str, list[Call]]] = {}
        for call in calls:
            parameters = normalized(place, call.service, call.operation, call.parameters)
            by_key = grouped.setdefault((call.service, call.operation), {})
            by_key.setdefault(canonical(parameters), []).append(call)
        self._answers = {
            operation: {key: _answer(place, group) for key, group in by_key.items()}
            for operation, by_key in grouped.items()
        }

    def find(self, query: Query) -> Answer | None:
        """Return what was answered to this very question."""
        return self._answers.get((query.service, query.operation), {}).get(query.key)

    def of(self, service: str, operation: str) -> Iterator[Answer]:
        """Yield every answer of an operation."""
        yield from self._answers.get((service, operation), {}).values()

    def listed(self, service: str, operation: str, member: str, **parameters: str) -> Sequence[Any] | None:
        """Return a whole list, None if it was not asked for or not answered to the end."""
        answer = self._answers.get((service, operation), {}).get(canonical(parameters))
        return None if answer is None or answer.error else answer.items(member)


def _answer(place: Place, calls: list[Call]) -> Answer:
    calls.sort(key=lambda call: call.page)
    first, last = calls[0], calls[-1]
    parameters = normalized(place, first.service, first.operation, first.parameters)
    pages = tuple(call.response for call in calls if call.response is not None)
    return Answer(parameters, first.parameters.get("maxResults"), pages, last.error)
