"""Expressions to values, three-valued: what depends on something unknown is unknown, and nothing else is."""

from __future__ import annotations

from typing import Any, Protocol

from scanner.guarded import Unknown
from scanner.parsers.terraform.nodes import Expr


class Lazy(Protocol):
    """An object whose attributes are evaluated when they are read: `var`, `module.x`, `aws_ecr_repository`."""

    def attribute(self, name: str) -> Any:
        """Return a value or a `Lazy`; raise `KeyError` if there certainly is none."""

    def index(self, key: Any) -> Any:
        """Return an element, by number or text; raise `KeyError` if there certainly is none."""

    def whole(self) -> Any:
        """Return all of it as a value."""


class Scope(Protocol):
    """What the names in an expression stand for."""

    def lookup(self, name: str) -> Any:
        """Return what the first name of a reference stands for, a value or a `Lazy`; raise `KeyError` if nothing."""

    def read(self, path: str) -> bytes | Unknown | None:
        """Return the bytes of a file that the code names; None if there certainly is none, unknown outside the tree."""

    def names(self, path: str) -> list[str] | Unknown:
        """Return the paths of all files below a folder that the code names, relative to it, `/` between their parts."""


def evaluate(expression: Expr, scope: Scope) -> Any:
    """Return the value of an expression; `Unknown` also for one that Terraform would refuse to evaluate."""
    raise NotImplementedError
