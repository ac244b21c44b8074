"""Values of Terraform expressions: known, unknown, or known in part.

A value is None (null), a bool, an int or a float, text, a list, a dict with text keys, or `Unknown` with the reason.
Lists and dicts may hold `Unknown` at any depth.  A whole number is always an int.
"""

from __future__ import annotations

from typing import Any

from scanner.guarded import Unknown


class Set(list[Any]):
    """A set: a list in Terraform's order, without doubles."""


class Encoded(Unknown):
    """Text that encodes a structure of which a part is unknown; `value` is that structure."""

    __slots__ = ("value",)
    value: Any

    def __init__(self, reason: str, value: Any) -> None:
        super().__init__(reason)
        object.__setattr__(self, "value", value)

    def __reduce__(self) -> Any:
        return Encoded, (self.reason, self.value)
