"""What the names in an expression stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from scanner.guarded import Unknown


class Lazy(Protocol):
    """An object whose attributes are evaluated when they are read: `var`, `module.x`, `aws_ecr_repository`."""

    def attribute(self, name: str) -> Any:
        """Return a value or a `Lazy`; raise `KeyError` if there certainly is none."""

    def index(self, key: Any) -> Any:
        """Return an element, by number or text; raise `KeyError` if there certainly is none."""

    def whole(self) -> Any:
        """Return all of it as a value; what it holds may be `Lazy` again."""


class Scope(Protocol):
    """What the names in an expression stand for, and the files that it may read."""

    def lookup(self, name: str) -> Any:
        """Return what the first name of a reference stands for, a value or a `Lazy`; raise `KeyError` if nothing."""

    def read(self, path: str) -> bytes | Unknown | None:
        """Return the bytes of a file that the code names; None if there certainly is none, unknown outside the tree."""

    def names(self, path: str) -> list[str] | Unknown:
        """Return the paths of all files below a folder that the code names, relative to it, `/` between their parts."""


class Bound:
    """A scope with some names more: the variables of a `for`, those of a template file."""

    def __init__(self, scope: Scope, names: Mapping[str, Any], *, only: bool = False) -> None:
        """Add names; with `only`, what the scope itself knows is hidden."""
        self._scope, self._names, self._only = scope, names, only

    def lookup(self, name: str) -> Any:
        """Return one of the names, or what the scope knows."""
        if name in self._names or self._only:
            return self._names[name]
        return self._scope.lookup(name)

    def read(self, path: str) -> bytes | Unknown | None:
        """Read as the scope does."""
        return self._scope.read(path)

    def names(self, path: str) -> list[str] | Unknown:
        """List as the scope does."""
        return self._scope.names(path)
