"""Rules, and how to load them.

A rule is one file, `rules/<group>/<name>.yaml` or `.py`, and its id is its path: `<group>-<name>`.  Its header (the
YAML file, or the docstring of the Python file, read without running it) says everything about the rule except, in
Python, how to decide: there `check(subject, model, parameters)` does.  The subject is a `Resource`; in a rule with
`across: standby` it is a `Twin`, and the rule is asked once for each standby.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from scanner import code, duration, header
from scanner.assets import asset, schema
from scanner.conformity import message
from scanner.errors import RuleError
from scanner.expressions import Expression, truth
from scanner.finding import RuleSummary, Severity
from scanner.header import Header, RuleFile
from scanner.model import InsufficientData, Location, Model, Resource, Twin, Unknown, guard
from scanner.syntax import ExpressionError

ALWAYS_READ = frozenset({"AWS::ECR::Registry"})
"""What the engine reads for every rule: pairs that are not declared follow from the registries."""


@dataclass(frozen=True)
class Violation:
    """All that a rule has to say about a bad subject.

    `message` is a sentence; `pointer` a JSON Pointer into the subject's properties (the primary's, in an `across`
    rule); `related` names other resources that take part.  `severity` is that of this failure where it is less bad
    than the rule's failures are, as `low`: a failure is never worse than its rule.
    """

    message: str
    pointer: str = ""
    related: tuple[Resource, ...] = ()
    severity: str | None = None


@dataclass(frozen=True)
class Undecided:
    """One part of a subject that could not be judged, while the rest can: the reason, and where."""

    message: str
    pointer: str = ""


@dataclass(frozen=True)
class NotApplicable:
    """The rule is not about this subject after all; a rule that says so says nothing else."""

    message: str


class Evidence(dict[str, Any]):
    """What was counted or compared, as plain JSON data; it goes with the verdict whichever way that falls."""


Outcome = Violation | Undecided | NotApplicable | Evidence
Subject = Resource | Twin
Check = Callable[[Any, Model, Mapping[str, Any]], Iterator[Outcome]]


@dataclass(frozen=True, eq=False)
class Rule:
    """A loaded rule.  `header` is the header as written; `parameters` its defaults, durations as timedelta.

    `needs` are the types it reads, those of its subjects among them; `AWS::ECR::Image` stands for the image index.
    `link` is the link of `scanner.chain` that a failure breaks, None if it breaks none.
    An `optional` rule is off unless it is selected.  A `foreign` one is code that did not come with this package.
    `written` is the file it was read from.
    """

    id: str
    path: str
    title: str
    severity: Severity
    resource: tuple[str, ...]
    needs: frozenset[str]
    across: bool
    header: Mapping[str, Any]
    parameters: Mapping[str, Any]
    check: Check
    when: Expression | None = None
    link: str | None = None
    optional: bool = False
    foreign: bool = False
    written: Header | None = None

    def __reduce__(self) -> Any:
        """Pickle the text of the rule: what decides is made from it again, where it may lack the file."""
        return _again, (self.id, self.written, self.foreign, self.parameters, self.severity)

    @property
    def group(self) -> str:
        """Return the folder of the rule."""
        return self.id.partition("-")[0]

    @property
    def locations(self) -> Mapping[str, Location]:
        """Return where values of the header are written, by JSON Pointer."""
        return self.written.locations if self.written else {}

    def applies_to(self, subject: Subject) -> bool:
        """Tell whether the rule is about this subject; raise `InsufficientData` if that hangs on something unseen."""
        return self.when is None or truth(self.when.search(root(subject)))

    def with_parameters(self, given: Mapping[str, Any], severity: Severity | None) -> Rule:
        """Return the rule with the values and the severity that `regionproof.yaml` sets; raise `RuleError`."""
        values = {**self.parameters, **{name: self._value(name, value) for name, value in given.items()}}
        return replace(self, parameters=guard(values), severity=severity or self.severity)

    def _value(self, name: str, value: Any) -> Any:
        declared = self.header.get("parameters", {})
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise RuleError(f"rule {self.id} has no parameter '{name}'", f"Its parameters are: {known}.")
        if problem := _schema_problem(declared[name], value):
            raise RuleError(f"parameter '{name}' of rule {self.id}: {problem[1]}")
        return _typed(declared[name], value)

    def summary(self) -> RuleSummary:
        """Return what a report says about the rule."""
        header = self.header
        return RuleSummary(
            id=self.id,
            title=self.title,
            severity=self.severity,
            resource=self.resource,
            rationale=header["rationale"].strip(),
            remediation=header["remediation"].strip(),
            references=tuple(header["references"]),
            controls={name: tuple(ids) for name, ids in sorted(header.get("controls", {}).items())},
            parameters={
                name: duration.render(value) if isinstance(value, timedelta) else value
                for name, value in sorted(self.parameters.items())
            },
            across=self.across,
        )


def load_rules(folders: Sequence[Traversable] = (), *, python: bool = True) -> list[Rule]:
    """Load the built-in rules and those in `folders`, sorted by id; `python=False` refuses rules that are code.

    Raises `RuleError` naming file and line for a rule that cannot be used, and for two rules of one id.
    """
    rules: dict[str, Rule] = {}
    for number, pack in enumerate([asset("rules"), *folders]):
        trusted = number == 0
        for file in header.files(pack, python=python or trusted):
            if file.id in rules:
                raise RuleError(
                    f"{file.path}:1: rule id '{file.id}' is taken by {rules[file.id].path}", "Rename the file."
                )
            rules[file.id] = _load(file, trusted=trusted)
    return [rules[id] for id in sorted(rules)]


def load_pack(pack: Traversable, *, trusted: bool = False, python: bool = True) -> Iterator[Rule]:
    """Load the rules of one folder, by group and file; raise `RuleError` for one that cannot be used."""
    for file in header.files(pack, python=python or trusted):
        yield _load(file, trusted=trusted)


def load_rule(id: str, file: Traversable, *, trusted: bool = False) -> Rule:
    """Load the rule of one file; raise `RuleError`.

    One that is trusted (ours, tested) is not validated again, and its code is not run before somebody asks it.
    """
    return _load(RuleFile(id, file, str(file)), trusted=trusted)


def _load(file: RuleFile, *, trusted: bool) -> Rule:
    read = header.read(file)
    if not trusted and (problem := _schema_problem(schema("rule"), read.value)):
        at, message = problem
        raise RuleError(f"{read.at(*at)}: {message}", "schemas/rule.json describes the header of a rule.")
    return _rule(file, read, trusted=trusted)


def _again(id: str, read: Header, foreign: bool, parameters: Mapping[str, Any], severity: Severity) -> Rule:
    """Return a rule that was pickled."""
    made = _rule(RuleFile(id, Path(read.path), read.path), read, trusted=not foreign)
    return replace(made, parameters=parameters, severity=severity)


def _rule(file: RuleFile, read: Header, *, trusted: bool) -> Rule:
    value = read.value
    resource = value["resource"]
    subjects = (resource,) if isinstance(resource, str) else tuple(resource)
    return Rule(
        id=file.id,
        path=file.path,
        title=value["title"],
        severity=Severity(value["severity"]),
        resource=subjects,
        needs=ALWAYS_READ.union(subjects, value.get("needs", ())),
        across=value.get("across") == "standby",
        header=value,
        parameters=guard({name: _typed(spec, spec["default"]) for name, spec in value.get("parameters", {}).items()}),
        check=code.check_of(file, read, lazy=trusted) if file.is_python else _expression_check(read),
        when=_expression(value["when"], read, "when") if "when" in value else None,
        link=value.get("link"),
        optional=value.get("optional", False),
        foreign=file.is_python and not trusted,
        written=read,
    )


def root(subject: Subject) -> Mapping[str, Any]:
    """Return what expressions see: a resource's properties, or `{primary, standby, pair}` in an `across` rule."""
    return subject.properties if isinstance(subject, Resource) else _twin_root(subject)


def forget() -> None:
    """Let go of the subjects that were looked at last, and of their model."""
    _twin_root.cache_clear()


@lru_cache(maxsize=2)  # one rule after the other is asked about the same twin
def _twin_root(subject: Twin) -> Mapping[str, Any]:
    pair = subject.pair
    standby: Any
    try:
        standby = subject.standby.properties if subject.standby else None
    except InsufficientData as gap:  # an expression that does not ask for it is decided all the same
        standby = Unknown(str(gap))
    described: Mapping[str, Any] = guard(
        {
            "primary": subject.primary.properties,
            "standby": standby,
            "pair": {
                "primary": pair.primary._asdict(),
                "standby": pair.standby._asdict(),
                "dr_class": pair.dr_class,
                "image_distribution": pair.image_distribution,
            },
        }
    )
    return described


def _expression_check(read: Header) -> Check:
    value = read.value
    if "assert" not in value:
        raise RuleError(f"{read.at()}: a YAML rule says under `assert` what must be true")
    test = _expression(value["assert"], read, "assert")
    each = _expression(value["each"], read, "each") if "each" in value else None
    at = "/" + value["property"].replace(".", "/") if "property" in value else ""
    message = _message(read)

    def check(subject: Subject, _: Model, __: Mapping[str, Any]) -> Iterator[Outcome]:
        seen = root(subject)
        if each is None:
            if not truth(test.search(seen)):
                yield Violation(message(seen), at)
            return
        for number, item in enumerate(each.search(seen) or []):
            if not truth(test.search(item)):
                yield Violation(message(item), f"/{each.text}/{number}{at}")

    return check


def _message(read: Header) -> Callable[[Any], str]:
    parts = re.split(r"\{([^{}]+)\}", read.value["message"])
    compiled = [_expression(part, read, "message") if odd % 2 else part for odd, part in enumerate(parts)]

    def fill(seen: Any) -> str:
        return "".join(part if isinstance(part, str) else _shown(part.search(seen)) for part in compiled)

    return fill


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _expression(text: str, read: Header, key: str) -> Expression:
    try:
        return Expression(text)
    except ExpressionError as error:
        shown = text if len(text) <= 80 else f"{text[:76]} ..."
        raise RuleError(f"{read.at(key)}: '{shown}' is not JMESPath that a rule may use: {error}") from error


def _typed(spec: Mapping[str, Any], value: Any) -> Any:
    return duration.parse(value) if spec.get("format") == "duration" else value


def _schema_problem(definition: Mapping[str, Any], value: Any) -> tuple[list[str | int], str] | None:
    """Return where and how `value` first breaks a JSON Schema, None if it is valid."""
    from jsonschema import Draft202012Validator, FormatChecker

    checker = FormatChecker(formats=())
    checker.checks("duration", raises=ValueError)(
        lambda text: not isinstance(text, str) or bool(duration.parse(text) or 1)
    )
    errors = Draft202012Validator(dict(definition), format_checker=checker).iter_errors(value)
    worst = min(errors, key=lambda error: (list(map(str, error.absolute_path)), error.message), default=None)
    if worst is None:
        return None
    at = list(worst.absolute_path)
    place = "/".join(map(str, at))
    return at, f"{place}: {message(worst)}" if place else message(worst)
