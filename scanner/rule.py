"""Rules, and how to load them.

A rule is one file, `rules/<group>/<name>.yaml` or `.py`, and its id is its path: `<group>-<name>`.  Its header (the
YAML file, or the docstring of the Python file, read without running it) says everything about the rule except, in
Python, how to decide: there `check(subject, model, parameters)` does.  The subject is a `Resource`; in a rule with
`across: standby` it is a `Twin`, and the rule is asked once for each standby.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources.abc import Traversable
from pathlib import Path
from types import ModuleType
from typing import Any

import jmespath

from scanner import duration
from scanner.assets import asset, schema
from scanner.documents import load
from scanner.errors import DocumentError, RuleError
from scanner.finding import RuleSummary, Severity
from scanner.model import InsufficientData, Location, Model, Properties, Resource, Twin, Unknown, guard

ALWAYS_READ = frozenset({"AWS::ECR::Registry"})
"""What the engine reads for every rule: pairs that are not declared follow from the registries."""
MAX_BYTES = 1_000_000
"""A rule file larger than this is refused: headers are read by people."""


@dataclass(frozen=True)
class Violation:
    """All that a rule has to say about a bad subject.

    `message` is a sentence; `pointer` a JSON Pointer into the subject's properties (the primary's, in an `across`
    rule); `related` names other resources that take part.
    """

    message: str
    pointer: str = ""
    related: tuple[Resource, ...] = ()


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
    An `optional` rule is off unless it is selected.  `locations` maps JSON Pointers into the header to where it is
    written.
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
    when: Any = None
    optional: bool = False
    locations: Mapping[str, Location] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Return the folder of the rule."""
        return self.id.partition("-")[0]

    def applies_to(self, subject: Subject) -> bool:
        """Tell whether the rule is about this subject; raise `InsufficientData` if that hangs on something unseen."""
        return self.when is None or truth(self.when.search(root(subject)))

    def with_parameters(self, given: Mapping[str, Any], severity: Severity | None) -> Rule:
        """Return the rule with the values and the severity that `regionproof.yaml` sets; raise `RuleError`."""
        values = {**self.parameters, **{name: self._value(name, value) for name, value in given.items()}}
        changes = {"parameters": Properties(values), "severity": severity or self.severity}
        return Rule(**{**{f: getattr(self, f) for f in self.__dataclass_fields__}, **changes})

    def _value(self, name: str, value: Any) -> Any:
        declared = self.header.get("parameters", {})
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise RuleError(f"rule {self.id} has no parameter '{name}'", f"Its parameters are: {known}.")
        problem = _schema_problem(declared[name], value)
        if problem:
            raise RuleError(f"parameter '{name}' of rule {self.id}: {problem}")
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

    Raises `RuleError` naming the file for a rule that cannot be used, and for two rules of one id.
    """
    rules: dict[str, Rule] = {}
    for number, pack in enumerate([asset("rules"), *folders]):
        for rule in load_pack(pack, trusted=number == 0, python=python):
            if rule.id in rules:
                raise RuleError(
                    f"{rule.path}: rule id '{rule.id}' is taken by {rules[rule.id].path}", "Rename the file."
                )
            rules[rule.id] = rule
    return [rules[id] for id in sorted(rules)]


def load_pack(pack: Traversable, *, trusted: bool = False, python: bool = True) -> Iterator[Rule]:
    """Load the rules of one folder, by group and file; `tests` and what begins with `.` or `_` is left out.

    Raises `RuleError` for a rule that cannot be used, one that lies outside the folder (a link), and one that is code
    unless `python` says that may be.
    """
    for group in _entries(pack):
        if group.name == "tests" or not group.is_dir():
            continue
        for file in _entries(group):
            stem, _, suffix = file.name.rpartition(".")
            if suffix not in ("yaml", "py"):
                continue
            if suffix == "py" and not trusted and not python:
                raise RuleError(f"{file}: Python rules are refused by --no-python-rules", "Remove it from the pack.")
            if isinstance(file, Path) and isinstance(pack, Path) and not file.resolve().is_relative_to(pack.resolve()):
                raise RuleError(f"{file}: leads out of {pack}", "Copy the file into the pack.")
            yield load_rule(f"{group.name}-{stem}", file, trusted=trusted)


def _entries(folder: Traversable) -> list[Traversable]:
    found = (entry for entry in folder.iterdir() if not entry.name.startswith((".", "_")))
    return sorted(found, key=lambda entry: entry.name)


def load_rule(id: str, file: Traversable, *, trusted: bool = False) -> Rule:
    """Load one rule file; a trusted one (ours, tested) is not validated against schemas/rule.json again."""
    path = str(file)
    text = _text(file)
    source = text if path.endswith(".yaml") else _docstring(text, path)
    try:
        document = load(source, path)
    except DocumentError as error:
        raise RuleError(str(error), error.hint) from error
    header = document.value
    if not trusted and (problem := _schema_problem(schema("rule"), header)):
        raise RuleError(f"{path}: {problem}", "schemas/rule.json describes the header of a rule.")
    check = _expression_check(header, path) if path.endswith(".yaml") else _python_check(id, text, path)
    resource = header["resource"]
    subjects = (resource,) if isinstance(resource, str) else tuple(resource)
    return Rule(
        id=id,
        path=path,
        title=header["title"],
        severity=Severity(header["severity"]),
        resource=subjects,
        needs=ALWAYS_READ.union(subjects, header.get("needs", ())),
        across=header.get("across") == "standby",
        header=header,
        parameters=Properties(
            {name: _typed(spec, spec["default"]) for name, spec in header.get("parameters", {}).items()}
        ),
        check=check,
        when=_compile(header["when"], path) if "when" in header else None,
        optional=header.get("optional", False),
        locations=document.locations,
    )


def root(subject: Subject) -> Mapping[str, Any]:
    """Return what expressions see: a resource's properties, or `{primary, standby, pair}` in an `across` rule."""
    if isinstance(subject, Resource):
        return subject.properties
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


def truth(value: Any) -> bool:
    """Return JMESPath's truth of a value: false for null, false, and empty strings, lists and objects."""
    if isinstance(value, Unknown):
        raise InsufficientData(value.reason)
    return not (value is None or value is False or (isinstance(value, (str, list, dict)) and len(value) == 0))


def _expression_check(header: Mapping[str, Any], path: str) -> Check:
    test = _compile(header["assert"], path)
    each = _compile(header["each"], path) if "each" in header else None
    at = "/" + header["property"].replace(".", "/") if "property" in header else ""
    message = _message(header["message"], path)

    def check(subject: Subject, _: Model, __: Mapping[str, Any]) -> Iterator[Outcome]:
        seen = root(subject)
        if each is None:
            if not truth(test.search(seen)):
                yield Violation(message(seen), at)
            return
        for number, item in enumerate(each.search(seen) or []):
            if not truth(test.search(item)):
                yield Violation(message(item), f"/{header['each']}/{number}{at}")

    return check


def _message(template: str, path: str) -> Callable[[Any], str]:
    parts = re.split(r"\{([^{}]+)\}", template)
    compiled = [_compile(part, path) if odd % 2 else part for odd, part in enumerate(parts)]

    def fill(seen: Any) -> str:
        return "".join(part if isinstance(part, str) else _shown(part.search(seen)) for part in compiled)

    return fill


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _python_check(id: str, text: str, path: str) -> Check:
    module = ModuleType(f"regionproof_rule_{id.replace('-', '_')}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # dataclasses look their module up here
    try:
        exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102 - a Python rule is code its owner trusts
        check: Check = module.check
    except Exception as error:
        raise RuleError(f"{path}: the rule does not load: {type(error).__name__}: {error}") from error
    return check


def _text(file: Traversable) -> str:
    data = file.read_bytes()
    if len(data) > MAX_BYTES:
        raise RuleError(f"{file}: {len(data)} bytes is too large for a rule (at most {MAX_BYTES})")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RuleError(f"{file}: not UTF-8 text") from error


def _docstring(text: str, path: str) -> str:
    try:
        first = ast.parse(text, path).body[0]
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError) as error:
        raise RuleError(f"{path}:{getattr(error, 'lineno', None) or 1}: not Python: {error}") from error
    if not (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    ):
        raise RuleError(f"{path}:1: a Python rule begins with a docstring that holds its header")
    return "\n" * (first.lineno - 1) + first.value.value  # so that line numbers are those of the file


def _compile(expression: str, path: str) -> Any:
    try:
        return jmespath.compile(expression)
    except (jmespath.exceptions.JMESPathError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RuleError(f"{path}: '{expression}' is not JMESPath: {reason}") from error


def _typed(spec: Mapping[str, Any], value: Any) -> Any:
    return duration.parse(value) if spec.get("format") == "duration" else value


def _schema_problem(definition: Mapping[str, Any], value: Any) -> str | None:
    """Return the first thing `value` breaks in a JSON Schema, None if it is valid."""
    from jsonschema import Draft202012Validator, FormatChecker

    checker = FormatChecker(formats=())
    checker.checks("duration", raises=ValueError)(
        lambda text: not isinstance(text, str) or bool(duration.parse(text) or 1)
    )
    errors = Draft202012Validator(dict(definition), format_checker=checker).iter_errors(value)
    worst = min(errors, key=lambda error: (list(map(str, error.absolute_path)), error.message), default=None)
    if worst is None:
        return None
    place = "/".join(map(str, worst.absolute_path))
    return f"{place}: {worst.message}" if place else worst.message
