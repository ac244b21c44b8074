"""The contract of a collector: what to ask of a service, and how its answers are read.

A service module has `CALLS` (in the order they are asked), `TYPES` (what its answers describe) and `resources()`,
which is pure: it turns `Answers` into resources and gaps, whether the answers were made a second or a year ago.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from scanner.model import Gap, Properties, Resource, Unknown, guard
from scanner.recorded import Call, CallError, LeftOut, Stage, Target, canonical

NOT_COLLECTED = "NotCollected"
"""The reason of a gap where nobody asked."""
MALFORMED = "MalformedResponse"
"""The error code of an answer that is not what the operation answers."""
UNREADABLE = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What reading an answer raises that has another form than AWS gives it."""
_DEEPEST_POLICY = 32


@dataclass(frozen=True)
class Rate:
    """How many requests a second a family of operations is allowed, in an account and Region; `burst` at once.

    Operations of one family draw on one bucket of AWS.  A quota that AWS does not publish is begun with a guess, and
    found out from its throttling; a published one is never passed.
    """

    family: str
    per_second: float
    burst: int
    published: bool = True


UNPUBLISHED = Rate("other", 10, 10, published=False)


class UnreadableError(Exception):
    """Answers that are not what AWS gives.  The message is a clause, and quotes nothing of them."""


@dataclass(frozen=True)
class Rows:
    """One page of a list that goes to a shard: msgspec structures, and the token of the next page.

    `words` are all the statuses and media types in them (see `shards.Lines`).  `problem` is why not all items could be
    read, `error` why the page is none.
    """

    items: list[Any] = field(default_factory=list)
    words: frozenset[str] = frozenset()
    token: str | None = None
    problem: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Batch:
    """How AWS takes many questions in one: as items of the list `member`, at most so many.

    `of_one` returns what an answer says of one item, None if it says nothing.
    """

    member: str
    most: int
    of_one: Callable[[Mapping[str, Any], Any], dict[str, Any] | None]


def once(answers: Answers) -> Iterable[dict[str, Any]]:  # noqa: ARG001 - the signature of `Ask.each`
    """Return one empty set of parameters: the call is made once."""
    return [{}]


@dataclass(frozen=True)
class Ask:
    """One operation to ask of a target.

    `answer` is the top-level key that a right answer holds, empty where AWS may leave it out of one.  `types`
    are the resource types that may stay unseen when the call fails; those that depend on its answer are among them.
    `fills` are the types that merely lack properties then: those are `Unknown`.  `parameters` are constant, `each`
    yields those that follow from earlier answers of the target.  `absent` are the error codes that say "there is
    none", a fact.  `tokens` are the names of the paging token in the request and in the answer of a `paged` list.
    `actions` are the IAM actions it needs, if they are not the operation's own.  `immutable` tells, from its
    parameters, whether a call is answered the same for ever.  With `rows`, the items of all pages become rows of the
    image index: it reads the body of a page that was asked with these parameters.  `stage` is when it is asked: no
    stage needs the answers of a later one.  With `batch`, each question has one item, and many are asked at a time.
    """

    operation: str
    answer: str
    types: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    each: Callable[[Answers], Iterable[dict[str, Any]]] = once
    absent: frozenset[str] = frozenset()
    paged: bool = False
    tokens: tuple[str, str] = ("nextToken", "nextToken")
    fills: tuple[str, ...] = ()
    rate: Rate = UNPUBLISHED
    actions: tuple[str, ...] = ()
    immutable: Callable[[Mapping[str, Any]], bool] | None = None
    rows: Callable[[bytes, Mapping[str, Any]], Rows] | None = None
    per: str = ""
    reads: tuple[str, ...] = ()
    stage: Stage = Stage.CALLS
    batch: Batch | None = None

    def parameters_of(self, answers: Answers) -> list[dict[str, Any]]:
        """Return all parameters it is made with; raise `UnreadableError` if earlier answers are none that AWS gives."""
        try:
            return [{**self.parameters, **parameters} for parameters in self.each(answers)]
        except UNREADABLE as error:
            raise UnreadableError(f"what it follows from is not what AWS answers: {type(error).__name__}") from error


class Collector(Protocol):
    """A service module."""

    @property
    def CALLS(self) -> tuple[Ask, ...]:
        """What to ask, in order."""

    @property
    def TYPES(self) -> tuple[str, ...]:
        """The resource types its answers describe."""

    def resources(self, answers: Answers) -> Iterator[Resource | Gap]:
        """Return what the answers say."""


@dataclass(frozen=True)
class Answer:
    """All pages of one answer, in order, and the error that ended them; `at` is the time of the first."""

    parameters: Mapping[str, Any]
    pages: tuple[Mapping[str, Any], ...]
    error: CallError | None
    at: str


class Answers:
    """What one service of one target answered; `others` are the services of the target that were asked before it.

    `left_out` is what was not asked of the target on purpose.
    """

    def __init__(
        self,
        target: Target,
        service: str,
        calls: Iterable[Call],
        others: Mapping[str, Answers] | None = None,
        left_out: Iterable[LeftOut] = (),
    ) -> None:
        self.left_out = {item.operation: item for item in left_out}
        self.target, self.service, self.others = target, service, others or {}
        self.calls = tuple(call for call in calls if call.service == service)
        pages: dict[tuple[str, str], list[Call]] = {}
        for call in self.calls:
            pages.setdefault((call.operation, canonical(call.parameters)), []).append(call)
        self._answers = {key: _answer(calls) for key, calls in pages.items()}
        self._by_operation: dict[str, list[Answer]] = {}
        for (operation, _), answer in sorted(self._answers.items()):
            self._by_operation.setdefault(operation, []).append(answer)

    def of(self, ask: Ask) -> Sequence[Answer]:
        """Return every answer to `ask`, sorted by parameters."""
        return self._by_operation.get(ask.operation, ())

    def get(self, ask: Ask, parameters: Mapping[str, Any]) -> Answer | None:
        """Return the answer to `ask` with these parameters (beside its constant ones), None if nobody asked."""
        return self._answers.get((ask.operation, canonical({**ask.parameters, **parameters})))

    def items(self, ask: Ask) -> Iterator[tuple[Answer, Any]]:
        """Yield each item of the lists that all answers to `ask` hold, with the answer that holds it."""
        for answer in self.of(ask):
            for item in items(answer, ask.answer):
                yield answer, item

    def value(self, ask: Ask, parameters: Mapping[str, Any], read: Callable[[Answer], Any]) -> Any:
        """Return what `read` makes of an answer, None if AWS said there is none, else `Unknown`."""
        answer = self.get(ask, parameters)
        if answer is None:
            return Unknown(f"{self.name(ask)} was not asked in {self.target.place}")
        if answer.error is None:
            return read(answer)
        if answer.error.code in ask.absent:
            return None
        return Unknown(f"{self.name(ask)} in {self.target.place}: {answer.error.code}: {answer.error.message}")

    def name(self, ask: Ask) -> str:
        """Return the operation as reports name it, for example `ecr:DescribeRepositories`."""
        return f"{self.service}:{ask.operation}"

    def resource(
        self,
        type: str,
        id: str,
        name: str | None,
        properties: Mapping[str, Any],
        *,
        asks: Sequence[Ask],
        at: str | None,
        tags: Mapping[str, str] | None = None,
    ) -> Resource:
        """Return a resource of the target; account and Region are the target's, whatever the answer says."""
        guarded: Properties = guard({key: value for key, value in properties.items() if value is not None})
        operations = tuple(self.name(ask) for ask in asks)
        account, region = self.target.place
        return Resource(type, id, name, account, region, guarded, tags or {}, {}, operations, at)

    def gap(self, type: str, operation: str, reason: str, message: str) -> Gap:
        """Return a gap in this target."""
        return Gap(reason, message, type, self.target.account, self.target.region, operation)

    def gaps(self, asks: Iterable[Ask]) -> Iterator[Gap]:
        """Yield what failed calls, and calls nobody made, may hide: one gap for each operation, type and reason."""
        for ask in asks:
            missed: dict[str, list[str]] = {}
            for reason, message in self._missed(ask):
                missed.setdefault(reason, []).append(message)
            for reason, messages in missed.items():
                more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
                for type in ask.types:
                    yield self.gap(type, self.name(ask), reason, f"{messages[0]}{more}")

    def _missed(self, ask: Ask) -> Iterator[tuple[str, str]]:
        """Yield the reason and the message of each call that was not answered, or not made."""
        try:
            expected = ask.parameters_of(self)
        except UnreadableError as error:
            yield MALFORMED, str(error)
            return
        for parameters in expected:
            answer = self.get(ask, parameters)
            if answer is None:
                yield NOT_COLLECTED, "it was not asked"
            elif answer.error and answer.error.code not in ask.absent:
                yield answer.error.code, answer.error.message


def _answer(calls: list[Call]) -> Answer:
    calls.sort(key=lambda call: call.page)
    pages = tuple(call.response for call in calls if call.response is not None)
    return Answer(calls[0].parameters, pages, calls[-1].error, calls[0].at)


def items(answer: Answer, key: str) -> list[Any]:
    """Return the items of the list `key` of all pages."""
    lists = [page.get(key) for page in answer.pages]
    return [item for items in lists if isinstance(items, list) for item in items]


def structures(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list that may be absent."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def strings(values: Iterable[Any]) -> list[str]:
    """Return the distinct strings among `values`, sorted; what has no text cannot be asked for."""
    return sorted({value for value in values if isinstance(value, str) and value})


def moment(value: Any) -> Any:
    """Return a time as RFC 3339 text in UTC, from seconds since 1970 or such text; None stays, else `Unknown`."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            at = datetime.fromtimestamp(value, UTC)
        else:
            return None if value is None else Unknown("AWS answered a time that is none")
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return Unknown("AWS answered a time that is none")


def chunks(values: Sequence[str], size: int) -> Iterator[list[str]]:
    """Yield `values` in lists of at most `size`."""
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


_FREE = frozenset({"options", "dockerLabels", "driverOpts", "labels", "tags"})


def cloudformation(value: Any, names: Mapping[str, str] | None = None) -> Any:
    """Return an answer's structure with CloudFormation's property names: `imageTagMutability`, `ImageTagMutability`.

    `names` are those that differ by more than their first letter.  The keys of maps (labels, log options) stay.
    """
    names = names or {}
    if isinstance(value, list):
        return [cloudformation(item, names) for item in value]
    if isinstance(value, dict):
        return {
            names.get(key, key[:1].upper() + key[1:]): item if key in _FREE else cloudformation(item, names)
            for key, item in value.items()
            if item is not None
        }
    return value


def pick(structure: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the properties made of these members of a structure, without those it lacks."""
    picked: dict[str, Any] = cloudformation({key: structure[key] for key in keys if structure.get(key) is not None})
    return picked


def document(text: Any, what: str) -> Any:
    """Return the object that a policy's JSON text holds, `Unknown` if it holds none."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return Unknown(f"{what} is not JSON")
    if not isinstance(value, dict):
        return Unknown(f"{what} is not a JSON object")
    return value if shallow(value, _DEEPEST_POLICY) else Unknown(f"{what} is nested too deeply")


def shallow(value: Any, depth: int) -> bool:
    """Tell whether JSON data is nested at most `depth` deep."""
    level = [value]
    while level and depth >= 0:
        depth -= 1
        inner = [item for item in level if isinstance(item, (dict, list))]
        level = [child for item in inner for child in (item.values() if isinstance(item, dict) else item)]
    return not level


def tags(pairs: Any) -> dict[str, str]:
    """Return tags as a dict, from any form AWS uses: a map, or pairs of `key` and `value`, or of `Key` and `Value`."""
    if isinstance(pairs, dict):
        return {str(key): str(value) for key, value in pairs.items()}
    lower = [{key.lower(): value for key, value in pair.items()} for pair in structures(pairs)]
    return {str(pair.get("key")): str(pair.get("value") or "") for pair in lower}
