"""One rule, one subject: what the rule says, and what becomes of a rule that does not behave.

A rule that raises, that never ends or that says what no rule may say gives `unknown`, with its name and the reason,
for that subject alone.  After a few that never end it is not asked any more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Self

from scanner.finding import BrokenRule, Severity, Status
from scanner.guarded import InsufficientData, Items, Properties, Unknown
from scanner.model import Model, Resource
from scanner.rule import Evidence, NotApplicable, Outcome, Rule, Subject, Undecided, Violation
from scanner.timelimit import OverTime, TimeLimit

_LONGEST_REASON = 500
_NAMED = re.compile(r"[^\s:./]+[:./][^\s:]")
_NOTHING: Mapping[str, Any] = Properties()


@dataclass(frozen=True)
class Limits:
    """How much a rule may ask for.

    `seconds` it may take for one subject (the first may have to prepare an index of the whole model, on a machine
    that is busy), `timeouts` it may take longer before it is not asked any more, `total` seconds code from a pack may
    take for all subjects together, `outcomes` a rule may yield for one subject.
    """

    seconds: float = 60.0
    timeouts: int = 3
    total: float = 900.0
    outcomes: int = 10_000


class Misbehaviour(Exception):
    """What a rule did that no rule may do, as a clause about it."""


class Decision(NamedTuple):
    """One thing that is said about a subject; `severity` is its own, None for that of the rule."""

    status: Status
    message: str
    pointer: str = ""
    related: tuple[Resource, ...] = ()
    severity: Severity | None = None


Failures = Mapping[str, Mapping[str, int]]
"""How often each rule failed: by its id, by the reason."""


def broken(failures: Iterable[Failures]) -> tuple[BrokenRule, ...]:
    """Return the rules that failed, sorted, each with the reason that came most often."""
    counts: dict[str, Counter[str]] = {}
    for each in failures:
        for id, reasons in each.items():
            counts.setdefault(id, Counter()).update(reasons)
    return tuple(
        BrokenRule(id, min(reasons, key=lambda reason: (-reasons[reason], reason)), reasons.total())
        for id, reasons in sorted(counts.items())
    )


class Judge:
    """Asks rules about subjects of a model, and keeps count of those that fail."""

    def __init__(self, model: Model, limits: Limits) -> None:
        self._model, self._limits = model, limits
        self._time = TimeLimit(limits.seconds)
        self._timeouts: Counter[str] = Counter()
        self._taken: dict[str, float] = {}
        self._given_up: dict[str, str] = {}
        self._failures: dict[str, Counter[str]] = {}

    def __enter__(self) -> Self:
        self._time.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._time.__exit__(*error)

    @property
    def failures(self) -> Failures:
        """Return how often each rule that failed did, by the reason."""
        return self._failures

    def decide(self, rule: Rule, subject: Subject) -> tuple[list[Decision], Mapping[str, Any]]:
        """Return what a rule says about a subject, at least one thing, and the evidence it gives."""
        if rule.id in self._given_up:
            return [self._failed(rule, f"it was not asked, since it took {self._given_up[rule.id]}")], _NOTHING
        decided: list[Decision] = []
        evidence: dict[str, Any] = {}
        try:
            self._time.call(self._ask, rule, subject, decided, evidence)
        except InsufficientData as gap:
            decided.append(Decision(Status.UNKNOWN, sentence(self._text(gap) or "what it needed was not seen")))
        except KeyboardInterrupt:
            raise
        except OverTime:
            self._timeouts[rule.id] += 1
            if self._timeouts[rule.id] >= self._limits.timeouts:
                self._given_up[rule.id] = f"longer than {self._limits.seconds:g} s for others"
            decided.append(self._failed(rule, f"it took longer than {self._limits.seconds:g} s"))
        except Misbehaviour as error:
            decided.append(self._failed(rule, str(error)))
        except BaseException as error:  # noqa: BLE001 - a broken rule must neither pass a resource nor stop the scan
            text = self._text(error)
            decided.append(self._failed(rule, f"{type(error).__name__}: {text}" if text else type(error).__name__))
        if rule.foreign:
            self._add_up(rule)
        return decided or [Decision(Status.PASS, f"{rule.title}.")], evidence or _NOTHING

    def _ask(self, rule: Rule, subject: Subject, decided: list[Decision], evidence: dict[str, Any]) -> None:
        if not rule.applies_to(subject):
            decided.append(Decision(Status.NOT_APPLICABLE, "The rule does not apply to this resource."))
            return
        for outcome in rule.check(subject, self._model, rule.parameters):
            if rule.foreign:
                _must_be_plain(outcome)
            if isinstance(outcome, Evidence):
                evidence.update(outcome)
                continue
            decided.append(_decision(outcome))
            if len(decided) > self._limits.outcomes:
                del decided[:]
                raise Misbehaviour(f"it said more than {self._limits.outcomes} things about one subject")

    def _add_up(self, rule: Rule) -> None:
        self._taken[rule.id] = self._taken.get(rule.id, 0.0) + self._time.taken
        if self._taken[rule.id] >= self._limits.total:
            self._given_up.setdefault(rule.id, f"longer than {self._limits.total:g} s altogether")

    def _failed(self, rule: Rule, reason: str) -> Decision:
        self._failures.setdefault(rule.id, Counter())[reason] += 1
        return Decision(Status.UNKNOWN, sentence(f"Rule '{rule.id}' failed: {reason}"))

    def _text(self, error: BaseException) -> str:
        """Return the text of an error, whatever its class makes of that."""
        try:
            return self._time.call(str, error)[:_LONGEST_REASON]
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - the class is of the rule's making
            return ""


def _decision(outcome: Outcome) -> Decision:
    match outcome:
        case Violation():
            return Decision(Status.FAIL, outcome.message, outcome.pointer, outcome.related, _severity(outcome))
        case Undecided():
            return Decision(Status.UNKNOWN, outcome.message, outcome.pointer)
        case NotApplicable():
            return Decision(Status.NOT_APPLICABLE, outcome.message)
    raise Misbehaviour(f"a check yields outcomes, not {type(outcome).__name__}")


def _severity(violation: Violation) -> Severity | None:
    if violation.severity is None:
        return None
    try:
        return Severity(violation.severity)
    except ValueError as error:
        raise Misbehaviour(f"it says severity '{violation.severity}', which there is not") from error


_PLAIN = (str, int, float, date, type(None), Unknown)


def _must_be_plain(outcome: Any) -> None:
    """Raise `Misbehaviour` if an outcome holds anything but text, resources and plain data: reports must be written."""
    if isinstance(outcome, Evidence):
        _must_be_data(outcome, 0)
        return
    texts = [getattr(outcome, name) for name in ("message", "pointer") if hasattr(outcome, name)]
    if not all(type(text) is str for text in texts):
        raise Misbehaviour("its message or pointer is no text")
    if type(getattr(outcome, "severity", None)) not in (str, Severity, type(None)):
        raise Misbehaviour("its severity is no text")
    related = getattr(outcome, "related", ())
    if type(related) is not tuple or not all(type(resource) is Resource for resource in related):
        raise Misbehaviour("what it calls related are no resources")


def _must_be_data(value: Any, depth: int) -> None:
    if depth > 64:
        raise Misbehaviour("its evidence is nested too deeply")
    items: Iterable[Any] = ()
    if isinstance(value, Properties):
        items = [item for _, item in value.raw()]
    elif isinstance(value, Items):
        items = value.raw()
    elif isinstance(value, dict):
        items = (*value.keys(), *value.values())
    elif isinstance(value, (list, tuple, set, frozenset)):
        items = value
    elif not isinstance(value, _PLAIN):
        raise Misbehaviour(f"its evidence holds a {type(value).__name__}, which is no plain data")
    for item in items:
        _must_be_data(item, depth + 1)


def sentence(text: str) -> str:
    """Return a clause as a sentence: capital, period."""
    text = capitalized(text.strip())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def capitalized(text: str) -> str:
    """Return a clause with a capital, unless it begins with the name of an operation, a file or an object of code."""
    return text if _NAMED.match(text) else f"{text[:1].upper()}{text[1:]}"
