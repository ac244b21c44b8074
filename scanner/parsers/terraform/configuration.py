"""The configuration in a plan: which provider a resource has, and what the expressions in it refer to.

A plan does not hold expressions, only the names that they refer to.  An expression that names one attribute of one
resource is taken for that attribute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from scanner.parsers.addresses import INDEX

_INDEX, _INDEXES = INDEX.pattern, INDEX
_STEP = re.compile(rf"([^.\[\]]+)((?:{_INDEX})*)")
_MODULE = re.compile(rf"module\.[^.\[\]]+(?:{_INDEX})?")
_ITSELF = {"each", "each.key", "count", "count.index"}
_DEEPEST = 50


def obj(value: Any) -> Mapping[str, Any]:
    """Return a value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Sequence[Any]:
    """Return a value if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


class Configuration:
    """The `configuration` of a plan, whose variables have the values `variables`."""

    def __init__(self, given: Any, variables: Any, addresses: Container[str]) -> None:
        self._root = obj(obj(given).get("root_module"))
        self._providers = obj(obj(given).get("provider_config"))
        self._variables = {name: obj(each).get("value") for name, each in obj(variables).items()}
        self._addresses = addresses
        self._resources: dict[str, dict[str, Mapping[str, Any]]] = {}

    def provider(self, module: str, resource: str) -> str:
        """Return the key of the provider of a resource of a module; empty if it is not known."""
        key = self._resource(module, resource).get("provider_config_key")
        return key if isinstance(key, str) else ""

    def provider_value(self, key: str, *path: str) -> Any:
        """Return what an argument of a provider is worth, None if it is not written out; a block is a list."""
        module, found = self._argument(key, path)
        return self._constant(found, module, 0)

    def provider_refers(self, key: str, *path: str) -> tuple[str, str] | None:
        """Return (address, attribute) of what an argument of a provider refers to, as `refers` does."""
        module, found = self._argument(key, path)
        return self._target(obj(found).get("references"), module, "", 0)

    def _argument(self, key: str, path: Sequence[str]) -> tuple[str, Any]:
        """Return the module in which a provider is configured, and the expression of an argument of it."""
        described = obj(self._providers.get(key))
        module, found = described.get("module_address"), described.get("expressions")
        for part in path:
            found = obj(next(iter(items(found)), None) if isinstance(found, list) else found).get(part)
        return module if isinstance(module, str) else "", found

    def provider_arguments(self, key: str) -> frozenset[str] | None:
        """Return the arguments and blocks that a provider is configured with, None if the plan does not show it."""
        described = self._providers.get(key)
        return frozenset(obj(obj(described).get("expressions"))) if isinstance(described, dict) else None

    def refers(self, module: str, resource: str, index: str, path: Sequence[str | int]) -> tuple[str, str] | None:
        """Return (address, attribute) of what one value of a resource refers to.

        `index` is that of the resource, such as `["a"]`; `path` leads to the value.  None if that is not one
        attribute of one resource that `addresses` hold.
        """
        _, found = self._expression(module, resource, path)
        return self._target(obj(found).get("references"), module, index, 0)

    def leaves_out(self, module: str, resource: str, path: Sequence[str | int]) -> bool:
        """Tell whether the configuration is known not to have an argument, for the block around it is written out.

        Blocks are never known to be left out: a plan does not show those that `dynamic` makes.
        """
        around, found = self._expression(module, resource, path)
        return isinstance(around, dict) and found is None

    def _expression(self, module: str, resource: str, path: Sequence[str | int]) -> tuple[Any, Any]:
        """Return the block around an argument, None if the plan does not show it, and the expression in it."""
        around: Any = None
        found: Any = self._resource(module, resource).get("expressions")
        for part in path:
            around = found
            if isinstance(part, int):  # the blocks of a set are in another order here
                found = found[0] if isinstance(found, list) and len(found) == 1 and part == 0 else None
            else:
                found = obj(found).get(part)
            if "references" in obj(around) or "constant_value" in obj(around):  # inside the value of an expression
                return None, None
        return around, found

    # How the modules are nested.

    def _module(self, address: str) -> Mapping[str, Any]:
        found = self._root
        for step in _MODULE.findall(address):
            name = _INDEXES.sub("", step).removeprefix("module.")
            found = obj(obj(obj(found.get("module_calls")).get(name)).get("module"))
        return found

    def _resource(self, module: str, resource: str) -> Mapping[str, Any]:
        if module not in self._resources:
            listed = items(self._module(module).get("resources"))
            self._resources[module] = {str(obj(each).get("address")): obj(each) for each in listed}
        return self._resources[module].get(resource, {})

    def _call(self, module: str) -> tuple[str, str, Mapping[str, Any]]:
        """Return the module that calls another one, the index of the call, and its arguments."""
        steps = _MODULE.findall(module)
        above, last = ".".join(steps[:-1]), steps[-1]
        name = _INDEXES.sub("", last).removeprefix("module.")
        call = obj(obj(self._module(above).get("module_calls")).get(name))
        return above, last[len(f"module.{name}") :], obj(call.get("expressions"))

    # What expressions say.

    def _constant(self, expression: Any, module: str, depth: int) -> Any:
        described = obj(expression)
        if "constant_value" in described:
            return described["constant_value"]
        name = _single(described.get("references"))
        if depth > _DEEPEST or not name.startswith("var."):
            return None
        steps = _STEP.findall(name)
        if module:
            above, _, arguments = self._call(module)
            inner = self._constant(arguments.get(steps[1][0]), above, depth + 1) if len(steps) > 1 else None
            if inner is None and len(steps) > 1 and steps[1][0] not in arguments:
                inner = obj(obj(self._module(module).get("variables")).get(steps[1][0])).get("default")
        else:
            inner = self._variables.get(steps[1][0]) if len(steps) > 1 else None
        return _walk(inner, steps[1][1], steps[2:]) if len(steps) > 1 else None

    def _target(self, references: Any, module: str, index: str, depth: int) -> tuple[str, str] | None:
        name = _single(references)
        steps = _STEP.findall(name)
        if depth > _DEEPEST or len(steps) < 2:
            return None
        if steps[0][0] == "var":
            if not module:
                return None
            above, own, arguments = self._call(module)
            return self._target(obj(arguments.get(steps[1][0])).get("references"), above, own, depth + 1)
        if steps[0][0] == "module":
            return self._output(steps, module, index, depth) if len(steps) > 2 else None
        base = f"{module}.{steps[0][0]}.{steps[1][0]}" if module else f"{steps[0][0]}.{steps[1][0]}"
        at = self._existing(base, steps[1][1], index, self._addresses.__contains__)
        return None if at is None else (at, steps[2][0] if len(steps) > 2 else "id")

    def _output(self, steps: Sequence[Any], module: str, index: str, depth: int) -> tuple[str, str] | None:
        base = f"{module}.module.{steps[1][0]}" if module else f"module.{steps[1][0]}"
        inner = f"{base}{steps[1][1] or ''}"
        output = obj(obj(self._module(inner).get("outputs")).get(steps[2][0]))
        return self._target(obj(output.get("expression")).get("references"), inner, index, depth + 1)

    def _existing(self, base: str, written: str, index: str, exists: Callable[[str], bool]) -> str | None:
        """Return the address of what `base` names: the instance that is written, the only one, or the one alike."""
        for suffix in [written] if written else ["", index]:
            if exists(base + suffix):
                return base + suffix
        return None


def _single(references: Any) -> str:
    """Return the one name among references; empty if there are more.

    Terraform lists `a.b.c` with `a.b`, and `each.key` beside `a.b[each.key]`.
    """
    names = [str(each) for each in items(references) if str(each) not in _ITSELF]
    longest = [
        name
        for name in names
        if not any(other != name and other.startswith((f"{name}.", f"{name}[")) for other in names)
    ]
    distinct = list(dict.fromkeys(longest))
    return distinct[0] if len(distinct) == 1 else ""


def _walk(value: Any, indexes: str, steps: Sequence[tuple[str, str]]) -> Any:
    """Return the part of the value of a variable that a reference names."""
    parts = [*_INDEXES.findall(indexes)]
    for name, more in steps:
        parts += [name, *_INDEXES.findall(more)]
    for part in parts:
        key = part[1:-1].strip('"') if part.startswith("[") else part
        if isinstance(value, list) and key.isascii() and key.isdecimal() and len(key) < 10:
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = obj(value).get(key)
    return value
