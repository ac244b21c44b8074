"""Objects of expressions that are evaluated when somebody asks: `var`, and resources and modules with instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from scanner.model import Unknown
from scanner.parsers.terraform.instances import Expansion


class Node:
    """A resource, a data source or a call of a module by its address, whatever instances it has."""

    def __init__(self, expanded: Callable[[], Expansion], make: Callable[[Any, Mapping[str, Any]], Any]) -> None:
        self._expanded, self._make = expanded, make
        self._made: dict[Any, Any] = {}

    @cached_property
    def expansion(self) -> Expansion:
        """Return the instances; evaluated when somebody asks."""
        self.__dict__["expansion"] = Expansion({}, "its count or for_each refers to itself")
        return self._expanded()

    def at(self, key: Any) -> Any:
        """Return an instance; raise `KeyError` if there is none of this key."""
        if key not in self._made:
            self._made[key] = self._make(key, self.expansion.keyed[key])
        return self._made[key]

    def instances(self) -> Iterator[Any]:
        """Yield the instances that are there for certain."""
        return (self.at(key) for key in self.expansion.keyed)

    def doubtful(self) -> Any:
        """Return an instance that stands for those that may be there."""
        return self._make("*", self.expansion.unknown)

    def attribute(self, name: str) -> Any:
        """Return an attribute; raise `KeyError` if there certainly is none."""
        if self.expansion.single:
            return self.at(None).attribute(name)
        return self._absent(name)

    def index(self, key: Any) -> Any:
        """Return an element; raise `KeyError` if there certainly is none."""
        if isinstance(key, Unknown):
            return key
        if isinstance(key, bool) or not isinstance(key, (str, int, float)):
            return self._absent(key)
        if self.expansion.single:
            return self.at(None).attribute(key) if isinstance(key, str) else self._absent(key)
        if self.expansion.numbered and isinstance(key, str) and key.isdecimal():
            key = int(key)
        return self.at(key) if key in self.expansion.keyed else self._absent(key)

    def whole(self) -> Any:
        """Return all of it as a value."""
        found = self.expansion
        if found.open:
            return Unknown(found.open)
        if found.single:
            return self.at(None).whole()
        if found.numbered:
            return [self.at(key) for key in found.keyed]
        return {key: self.at(key) for key in found.keyed}

    def _absent(self, key: Any) -> Unknown:
        if self.expansion.open:
            return Unknown(self.expansion.open)
        raise KeyError(str(key))


class Names:
    """An object whose attributes a function makes, such as `var`."""

    def __init__(self, make: Callable[[str], Any], all: Callable[[], Sequence[str]]) -> None:
        self._make, self._all = make, all

    def attribute(self, name: str) -> Any:
        """Return an attribute; raise `KeyError` if there certainly is none."""
        return self._make(name)

    def index(self, key: Any) -> Any:
        """Return an element; raise `KeyError` if there certainly is none."""
        if isinstance(key, Unknown):
            return key
        if not isinstance(key, str):
            raise KeyError(str(key))
        return self._make(key)

    def whole(self) -> Any:
        """Return all of it as a value."""
        return {name: self._make(name) for name in self._all()}
