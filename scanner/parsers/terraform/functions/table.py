"""How a function of Terraform is written: a Python function whose parameters say what they take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.access import unknown_in
from scanner.parsers.terraform.scope import Scope
from scanner.parsers.terraform.values import Mistake, dict_of, integer_of, list_of, number_of, text_of, truth_of

FUNCTIONS: dict[str, Function] = {}
"""Every function that is worked out, by its name."""

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "str": text_of,
    "int": integer_of,
    "float": number_of,
    "bool": truth_of,
    "list[Any]": list_of,
    "dict[str, Any]": dict_of,
    "Any": lambda value: value,
}


@dataclass(frozen=True)
class Function:
    """A function: how it is called, and what it makes of null and of unknown values.

    With `holes`, a list or map may have unknown parts; with `raw`, an argument may be unknown as a whole too.
    Otherwise the result is unknown where anything is.
    """

    name: str
    make: Callable[..., Any]
    required: int
    conversions: tuple[Callable[[Any], Any], ...]
    rest: Callable[[Any], Any] | None
    holes: bool
    raw: bool
    nulls: bool
    scoped: bool

    def __call__(self, arguments: list[Any], scope: Scope) -> Any:
        """Return the result; raise `Mistake` for arguments that the function does not take."""
        most = len(self.conversions)
        if len(arguments) < self.required or (self.rest is None and len(arguments) > most):
            raise Mistake(f"'{self.name}' does not take {len(arguments)} arguments")
        reason = None if self.raw else self._unknown(arguments)
        if reason is not None:
            return Unknown(reason)
        conversions = [*self.conversions, *[self.rest] * (len(arguments) - most)]
        converted = [self._converted(value, by) for value, by in zip(arguments, conversions, strict=False)]
        return self.make(scope, *converted) if self.scoped else self.make(*converted)

    def _unknown(self, arguments: list[Any]) -> str | None:
        if self.holes:
            return next((value.reason for value in arguments if isinstance(value, Unknown)), None)
        return unknown_in(arguments)

    def _converted(self, value: Any, conversion: Any) -> Any:
        if isinstance(value, Unknown):
            return value
        if value is None:
            if self.nulls:
                return None
            raise Mistake(f"'{self.name}' does not take null")
        return conversion(value)


def function(
    *, name: str = "", holes: bool = False, raw: bool = False, nulls: bool = False, scoped: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function of Terraform, called as the Python function is but for underscores around the name."""

    def declare(make: Callable[..., Any]) -> Callable[..., Any]:
        called = name or make.__name__.strip("_")
        parameters = list(inspect.signature(make).parameters.values())[scoped:]
        single = [each for each in parameters if each.kind is not each.VAR_POSITIONAL]
        rest = next((_CONVERSIONS[each.annotation] for each in parameters if each not in single), None)
        FUNCTIONS[called] = Function(
            called,
            make,
            sum(each.default is each.empty for each in single),
            tuple(_CONVERSIONS[each.annotation] for each in single),
            rest,
            holes,
            raw,
            nulls,
            scoped,
        )
        return make

    return declare
