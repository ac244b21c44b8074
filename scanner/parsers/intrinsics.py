"""What CloudFormation's intrinsic functions give, as far as a template alone can say: a value, or why there is none."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.documents import pointer
from scanner.model import Unknown
from scanner.parsers.budget import Budget
from scanner.regions import partition_by_name
from scanner.vocabulary import text

NO_VALUE = object()
"""What `AWS::NoValue` gives: the property, or the item of a list, is not there."""

MAX_DEPTH = 64
"""Expressions and references nested deeper than this give `Unknown`."""

MAX_TEXT = 100_000
"""Longer texts give `Unknown`: references to references can double at every step."""

_LONGEST_VALUE = 4096  # CloudFormation's own limit for the value of a parameter
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass
class Trace:
    """Where a value comes from: `source` points into the template, `target` into the properties that are made of it.

    `origins` collects, for each target, its source.
    """

    source: str
    target: str
    origins: dict[str, str]

    def into(self, source: str, target: str | None = None) -> Trace:
        """Return the trace of a part: `source` and `target` are JSON Pointers relative to this value."""
        return Trace(self.source + source, self.target + (source if target is None else target), self.origins)


class Resolver:
    """Evaluates the expressions of one template for one place.

    `refer(logical id, attribute)` gives what `Ref` (attribute None) or `Fn::GetAtt` of a resource is worth.  `given`
    are values of parameters, which stand above their defaults; they may be `Unknown`.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        account: str | None,
        region: str | None,
        refer: Callable[[str, str | None], Any],
        given: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.template, self.account, self.region, self._refer = template, account, region, refer
        self.given, self.budget = given or {}, budget or Budget()
        self._conditions: dict[str, bool | Unknown | None] = {}

    def resolve(self, value: Any, trace: Trace | None = None) -> Any:
        """Return a value with every function replaced; `Unknown` stands where the template does not say."""
        budget = self.budget
        if budget.depth >= MAX_DEPTH:
            return Unknown("the expression is nested too deeply, or refers to itself")
        budget.steps += 1
        if budget.spent:
            return Unknown("the template takes too long to evaluate")
        budget.depth += 1
        try:
            if trace:
                trace.origins[trace.target] = trace.source
            return self._resolved(value, trace)
        finally:
            budget.depth -= 1

    def condition(self, name: Any) -> bool | Unknown:
        """Return what a condition of the template is: true, false, or unknown."""
        if not isinstance(name, str):
            return Unknown("a condition is named by something else than text")
        if name not in self._conditions:
            body = _section(self.template, "Conditions").get(name, NO_VALUE)
            self._conditions[name] = None  # being evaluated
            self._conditions[name] = (
                Unknown(f"condition '{name}' is not defined") if body is NO_VALUE else self._decide(body)
            )
        known = self._conditions[name]
        return Unknown(f"condition '{name}' refers to itself") if known is None else known

    def pick(self, value: Any, trace: Trace | None = None) -> tuple[Any, Trace | None]:
        """Follow `Fn::If` to the branch that holds; return it unevaluated, with its trace."""
        for _ in range(MAX_DEPTH):
            if not (isinstance(value, dict) and value.keys() == {"Fn::If"}):
                break
            branch = self._branch(value["Fn::If"])
            if type(branch) is Unknown:
                return branch, trace
            value = value["Fn::If"][branch]
            trace = trace and trace.into(f"/Fn::If/{branch}", "")
        return value, trace

    def _branch(self, argument: Any) -> Any:
        """Return 1 or 2, the branch of an `Fn::If` that holds, or `Unknown`."""
        if not _is_list(argument, 3):
            return Unknown("Fn::If needs a condition and two values")
        holds = self.condition(argument[0])
        return holds if type(holds) is Unknown else 1 if holds else 2

    def _resolved(self, value: Any, trace: Trace | None) -> Any:
        if isinstance(value, str):
            return _checked(value)
        if isinstance(value, list):
            return self._list(value, trace)
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if function := _FUNCTIONS.get(name):
                return function(self, argument, trace)
        for name in value:
            if name.startswith("Fn::"):
                return Unknown(f"{name} is not evaluated")
        made = {key: self.resolve(item, trace and trace.into(pointer(key))) for key, item in value.items()}
        return {key: item for key, item in made.items() if item is not NO_VALUE}

    def _list(self, items: list[Any], trace: Trace | None) -> list[Any]:
        made: list[Any] = []
        for number, item in enumerate(items):
            one = self.resolve(item, trace and trace.into(f"/{number}", f"/{len(made)}"))
            if one is not NO_VALUE:
                made.append(one)
        return made

    # Functions: each takes the argument as written and gives a value or `Unknown`.

    def _ref(self, name: Any, _: Trace | None = None) -> Any:
        if not isinstance(name, str):
            return Unknown("Ref names nothing")
        if name.startswith("AWS::"):
            return self._pseudo(name)
        parameters = _section(self.template, "Parameters")
        if name not in parameters:
            return self._refer(name, None)
        value = _parameter(name, parameters[name], self.given.get(name, NO_VALUE))
        self.budget.steps += len(value) if isinstance(value, list) else 0
        return value

    def _pseudo(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name == "AWS::AccountId" and self.account:
            return self.account
        if self.region:
            known = dict(zip(("AWS::Partition", "AWS::URLSuffix"), partition_by_name(self.region), strict=True))
            known["AWS::Region"] = self.region
            if name in known:
                return known[name]
        return Unknown(f"{name} is not known; declare under 'iac:' in regionproof.yaml where the template is deployed")

    def _get_att(self, argument: Any, _: Trace | None = None) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not _is_list(parts, 2) or not all(isinstance(part, str) for part in parts):
            return Unknown("Fn::GetAtt names no attribute")
        return self._refer(parts[0], parts[1])

    def _sub(self, argument: Any, _: Trace | None = None) -> Any:
        template, given = argument if _is_list(argument, 2) else (argument, {})
        if not isinstance(template, str) or not isinstance(given, dict):
            return Unknown("Fn::Sub has no text")
        parts = _VARIABLE.split(template)
        for at in range(1, len(parts), 2):
            value = self._variable(parts[at].strip(), given)
            if type(value) is Unknown:
                return value
            parts[at] = value
        return self._joined(parts)

    def _variable(self, name: str, given: Mapping[str, Any]) -> Any:
        if name.startswith("!"):
            return f"${{{name[1:]}}}"
        function = self._get_att if "." in name else self._ref
        return text(self.resolve(given[name]) if name in given else function(name), f"${{{name}}}")

    def _join(self, argument: Any, _: Trace | None = None) -> Any:
        if not _is_list(argument, 2):
            return Unknown("Fn::Join needs a delimiter and a list")
        delimiter, items = self.resolve(argument[0]), self.resolve(argument[1])
        if type(items) is Unknown:
            return items
        if not isinstance(delimiter, str) or not isinstance(items, list):
            return Unknown("Fn::Join needs a delimiter and a list")
        parts = [text(item, "an item of Fn::Join") for item in items]
        unknown = _first_unknown(parts)
        return self._joined(parts, delimiter) if unknown is None else unknown

    def _joined(self, parts: list[str], delimiter: str = "") -> Any:
        length = sum(map(len, parts)) + len(delimiter) * len(parts)
        self.budget.steps += length // 100
        if length > MAX_TEXT:
            return Unknown(f"the text is longer than {MAX_TEXT} characters")
        return _checked(delimiter.join(parts))

    def _select(self, argument: Any, _: Trace | None = None) -> Any:
        if not _is_list(argument, 2):
            return Unknown("Fn::Select needs an index and a list")
        index, items = text(self.resolve(argument[0]), "the index"), self.resolve(argument[1])
        for value in (index, items):
            if type(value) is Unknown:
                return value
        if (
            isinstance(items, list)
            and index.isascii()
            and index.isdecimal()
            and len(index) < 10
            and int(index) < len(items)
        ):
            return items[int(index)]
        return Unknown("Fn::Select picks an item that is not there")

    def _split(self, argument: Any, _: Trace | None = None) -> Any:
        if not _is_list(argument, 2) or not isinstance(argument[0], str) or not argument[0]:
            return Unknown("Fn::Split needs a delimiter and a text")
        whole = text(self.resolve(argument[1]), "the text of Fn::Split")
        return whole if type(whole) is Unknown else whole.split(argument[0])

    def _find_in_map(self, argument: Any, _: Trace | None = None) -> Any:
        if not isinstance(argument, list) or len(argument) not in (3, 4):
            return Unknown("Fn::FindInMap needs a map and two keys")
        keys = [text(self.resolve(key), "a key of Fn::FindInMap") for key in argument[:3]]
        for key in keys:
            if type(key) is Unknown:
                return key
        found: Any = self.template.get("Mappings")
        for key in keys:
            found = found.get(key, NO_VALUE) if isinstance(found, dict) else NO_VALUE
        if found is NO_VALUE and len(argument) == 4 and isinstance(argument[3], dict):
            found = argument[3].get("DefaultValue", NO_VALUE)
        return (
            Unknown(f"Fn::FindInMap finds nothing under {'/'.join(keys)}") if found is NO_VALUE else self.resolve(found)
        )

    def _if(self, argument: Any, trace: Trace | None = None) -> Any:
        branch = self._branch(argument)
        if type(branch) is not Unknown:
            return self.resolve(argument[branch], trace and trace.into(f"/Fn::If/{branch}", ""))
        if not _is_list(argument, 3):
            return branch
        # The value is known all the same when it is one text or number either way.
        one, other = (self.resolve(each) for each in argument[1:])
        return one if isinstance(one, (str, int)) and type(other) is type(one) and one == other else branch

    def _base64(self, argument: Any, _: Trace | None = None) -> Any:
        value = text(self.resolve(argument), "the text of Fn::Base64")
        return value if type(value) is Unknown else base64.b64encode(value.encode("utf-8", "replace")).decode("ascii")

    def _length(self, argument: Any, _: Trace | None = None) -> Any:
        items = self.resolve(argument)
        if type(items) is Unknown:
            return items
        return len(items) if isinstance(items, list) else Unknown("Fn::Length needs a list")

    def _to_json(self, argument: Any, _: Trace | None = None) -> Any:
        value = self.resolve(argument)
        unknown = _first_unknown(value)
        if unknown is not None:
            return unknown
        return (
            Unknown("Fn::ToJsonString has no value") if value is NO_VALUE else json.dumps(value, separators=(",", ":"))
        )

    def _import_value(self, argument: Any, _: Trace | None = None) -> Any:
        name = self.resolve(argument)
        return Unknown(f"{repr(name) if isinstance(name, str) else 'a value'} is exported by another stack")

    def _unknown(self, argument: Any, _: Trace | None = None) -> Any:
        return Unknown(str(argument))

    # Conditions: true, false, or unknown.

    def _decide(self, body: Any) -> bool | Unknown:
        if self.budget.depth >= MAX_DEPTH:
            return Unknown("the condition is nested too deeply")
        self.budget.depth += 1
        try:
            return self._decided(body)
        finally:
            self.budget.depth -= 1

    def _decided(self, body: Any) -> bool | Unknown:
        if not isinstance(body, dict) or len(body) != 1:
            return Unknown("a condition is not a function")
        ((name, argument),) = body.items()
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::Equals" and _is_list(argument, 2):
            return self._equal(*argument)
        if name == "Fn::Not" and _is_list(argument, 1):
            inner = self._decide(argument[0])
            return inner if type(inner) is Unknown else not inner
        if name in ("Fn::And", "Fn::Or") and isinstance(argument, list):
            return self._every(argument, decisive=name == "Fn::Or")
        return Unknown(f"{name} is not evaluated in a condition")

    def _every(self, parts: list[Any], *, decisive: bool) -> bool | Unknown:
        """One false decides `And` and one true `Or`, whatever is unknown beside it."""
        decided = [self._decide(part) for part in parts]
        if any(part is decisive for part in decided):
            return decisive
        return next((part for part in decided if type(part) is Unknown), not decisive)

    def _equal(self, left: Any, right: Any) -> bool | Unknown:
        sides = [self.resolve(left), self.resolve(right)]
        for side in sides:
            unknown = _first_unknown(side)
            if unknown is not None:
                return unknown  # type: ignore[no-any-return]
        one, other = ("" if side is NO_VALUE else side for side in sides)
        if isinstance(one, (list, dict)) or isinstance(other, (list, dict)):
            return bool(one == other)
        return bool(text(one, "") == text(other, ""))


def _parameter(name: str, body: Any, given: Any) -> Any:
    body = body if isinstance(body, dict) else {}
    kind = body.get("Type", "String")
    if isinstance(kind, str) and kind.startswith("AWS::SSM::Parameter::Value<"):
        return Unknown(f"parameter '{name}' is read from Parameter Store")
    if given is NO_VALUE and "Default" not in body:
        return Unknown(f"parameter '{name}' has no default")
    about = f"{'the default' if given is NO_VALUE else 'the value'} of parameter '{name}'"
    value = text(body["Default"] if given is NO_VALUE else given, about)
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return Unknown(f"{about} is too long")
    if isinstance(value, str) and isinstance(kind, str) and (kind == "CommaDelimitedList" or kind.startswith("List<")):
        return [item.strip() for item in value.split(",")]
    return value


def _first_unknown(value: Any) -> Any:
    if type(value) is Unknown:
        return value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for item in inner if (found := _first_unknown(item)) is not None), None)


def _checked(value: str) -> Any:
    at = value.find("{{resolve:")
    return value if at < 0 else Unknown(f"the dynamic reference {value[at : at + 100]} is resolved by AWS alone")


def _section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = template.get(name)
    return section if isinstance(section, dict) else {}


def _is_list(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length


_FUNCTIONS: dict[str, Callable[[Resolver, Any, Trace | None], Any]] = {
    "Ref": Resolver._ref,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::Sub": Resolver._sub,
    "Fn::Join": Resolver._join,
    "Fn::Select": Resolver._select,
    "Fn::Split": Resolver._split,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::If": Resolver._if,
    "Fn::Base64": Resolver._base64,
    "Fn::Length": Resolver._length,
    "Fn::ToJsonString": Resolver._to_json,
    "Fn::ImportValue": Resolver._import_value,
    "Unknown": Resolver._unknown,  # how examples of rules write what was not seen
}
