"""The calls of one account and Region, by question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.recorded import Call, CallError, Target, canonical
from scanner.serve.models import Catalogue
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
    """What one account and Region answered.  The calls of an operation are put in order when it is first asked for."""

    def __init__(self, target: Target, calls: Iterable[Call], catalogue: Catalogue) -> None:
        self.place, self.partition, self._catalogue = target.place, target.partition, catalogue
        self._calls: dict[tuple[str, str], list[Call]] = {}
        for call in calls:
            self._calls.setdefault((call.service, call.operation), []).append(call)
        self._answers: dict[tuple[str, str], dict[str, Answer]] = {}
        self.changed: frozenset[str] = frozenset()
        """The services of which something is answered otherwise than it was recorded."""
        self.version = 0
        """How often something was changed."""

    def find(self, query: Query) -> Answer | None:
        """Return what was answered to this very question."""
        return self._of(query.service, query.operation).get(query.key)

    def of(self, service: str, operation: str) -> Iterator[Answer]:
        """Yield every answer of an operation."""
        yield from self._of(service, operation).values()

    def listed(self, service: str, operation: str, member: str, **parameters: str) -> Sequence[Any] | None:
        """Return a whole list, None if it was not asked for or not answered to the end."""
        answer = self._of(service, operation).get(canonical(parameters))
        return None if answer is None or answer.error else answer.items(member)

    def put(self, service: str, operation: str, answer: Answer) -> None:
        """Answer a question, named as `Query` names them, in this way from now on."""
        key = (service, operation)
        self._answers[key] = {**self._of(*key), canonical(answer.parameters): answer}
        self._note(service)

    def change(self, service: str, operation: str, change: Callable[[Answer], Answer]) -> None:
        """Change every answer of an operation; whoever reads it meanwhile has the old ones."""
        key = (service, operation)
        self._answers[key] = {question: change(answer) for question, answer in self._of(*key).items()}
        self._note(service)

    def _note(self, service: str) -> None:
        self.changed |= {service}
        self.version += 1

    def _of(self, service: str, operation: str) -> Mapping[str, Answer]:
        key = (service, operation)
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = self._grouped(service, operation, self._calls.get(key, ()))
        return found

    def _grouped(self, service: str, operation: str, calls: Iterable[Call]) -> dict[str, Answer]:
        model = self._catalogue.operation(service, operation)
        token, size = (model.paging.token, model.paging.size) if model and model.paging else (None, None)
        grouped: dict[str, tuple[dict[str, Any], list[Call]]] = {}
        for call in calls:
            parameters = normalized(self.place, service, operation, call.parameters, (token, size))
            grouped.setdefault(canonical(parameters), (parameters, []))[1].append(call)
        return {key: _answer(parameters, group, size) for key, (parameters, group) in grouped.items()}


def _answer(parameters: Mapping[str, Any], calls: Sequence[Call], size: str | None) -> Answer:
    calls = sorted(calls, key=lambda call: call.page)
    pages = tuple(call.response for call in calls if call.response is not None)
    return Answer(parameters, calls[0].parameters.get(size) if size else None, pages, calls[-1].error)
