"""Terraform's functions, each three-valued."""

from __future__ import annotations

from scanner.guarded import Unknown
from scanner.parsers.terraform.functions import (  # noqa: F401 - declare their functions
    collections,
    conversions,
    encodings,
    files,
    lists,
    networks,
    numbers,
    texts,
)
from scanner.parsers.terraform.functions.files import template
from scanner.parsers.terraform.functions.table import FUNCTIONS, Function

__all__ = ["find", "template"]

_LATER = {"bcrypt", "plantimestamp", "timestamp", "uuid"}


def find(name: str) -> Function | Unknown:
    """Return a function by its name; unknown with the reason if what it gives is not worked out."""
    name = name.removeprefix("core::")
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name in _LATER:
        return Unknown(f"what '{name}' gives is known when it is applied")
    return Unknown(f"the function '{name}' is not worked out")
