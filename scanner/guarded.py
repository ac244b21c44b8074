"""Values that were not seen: containers in which reading one raises, so that missing data never becomes a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, SupportsIndex


class InsufficientData(Exception):
    """A decision needed something that nobody has seen.  The text says what, and why it was not seen."""


def _immutable(*_: object, **__: object) -> NoReturn:
    raise TypeError("the model cannot be changed")


class Unknown:
    """Stands in `Properties` where a value was not seen: a denied call, an unresolved parameter."""

    __slots__ = ("reason",)
    reason: str

    def __init__(self, reason: str) -> None:
        object.__setattr__(self, "reason", reason)

    def __reduce__(self) -> Any:
        return Unknown, (self.reason,)

    def __repr__(self) -> str:
        return f"Unknown({self.reason!r})"

    def _raise(self, *_: object) -> NoReturn:
        raise InsufficientData(self.reason)

    __eq__ = __ne__ = __bool__ = __str__ = __len__ = __iter__ = __getitem__ = __contains__ = _raise
    __hash__ = None  # type: ignore[assignment]
    __setattr__ = __delattr__ = _immutable


def _seen(value: Any) -> Any:
    if type(value) is Unknown:
        raise InsufficientData(value.reason)
    return value


_get = dict.get  # without a look for `super` at each read


class Properties(dict[str, Any]):
    """A read-only dict in which reading an unknown value raises, and an absent key is None: known not to be set."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        value = _get(self, key)
        return _seen(value) if type(value) is Unknown else value

    def __iter__(self) -> Iterator[str]:
        """Return the keys; that this is defined keeps `dict(p)` and `{**p}` from copying unknown values unread."""
        yield from super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, `default` if it is known not to be set; raise if it was not seen."""
        value = _get(self, key)
        if type(value) is Unknown:
            return _seen(value)
        return default if value is None else value

    def copy(self) -> dict[str, Any]:
        """Return a plain copy; raise if a value was not seen."""
        return dict(self.items())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def values(self) -> Any:
        """Return the values; raise if one was not seen."""
        return [_seen(v) for v in super().values()]

    def items(self) -> Any:
        """Return the items; raise if a value was not seen."""
        return [(k, _seen(v)) for k, v in super().items()]

    def raw(self) -> Iterable[tuple[str, Any]]:
        """Return the items without raising; an unknown value is an `Unknown`."""
        return super().items()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, dict) or self.keys() != other.keys():
            return False
        return all(value == other[key] for key, value in self.items())

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None
    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _immutable

    def __reduce_ex__(self, _: object) -> Any:
        return Properties, (dict(super().items()),)


class Items(list[Any]):
    """A read-only list in which reading an unknown item raises."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return [_seen(i) for i in item] if isinstance(index, slice) else _seen(item)

    def __iter__(self) -> Iterator[Any]:
        return map(_seen, super().__iter__())

    def __reversed__(self) -> Iterator[Any]:
        return iter(self.copy()[::-1])

    def __add__(self, other: Any) -> Any:
        return self.copy() + other

    def __radd__(self, other: Any) -> Any:
        return other + self.copy()

    def __mul__(self, times: SupportsIndex) -> Any:
        return self.copy() * times

    __rmul__ = __mul__

    def copy(self) -> list[Any]:
        """Return a plain copy; raise if an item was not seen."""
        return list(self)

    def raw(self) -> Iterator[Any]:
        """Return the items without raising; an unknown item is an `Unknown`."""
        return super().__iter__()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list) or len(self) != len(other):
            return False
        return all(a == b for a, b in zip(self, other, strict=True))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None
    __setitem__ = __delitem__ = __iadd__ = __imul__ = append = clear = extend = _immutable
    insert = pop = remove = reverse = sort = _immutable

    def __reduce_ex__(self, _: object) -> Any:
        return Items, (list(super().__iter__()),)


# JMESPath decides by the name of a value's type what it is.
Properties.__name__, Items.__name__ = "dict", "list"


def guard(value: Any) -> Any:
    """Return a copy of plain data in which every container is guarded; `Unknown` may stand anywhere in it."""
    if isinstance(value, (Properties, Items)):
        return value
    if isinstance(value, dict):
        return Properties({k: guard(v) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        return Items(guard(v) for v in value)
    return value


def plain(value: Any) -> Any:
    """Return guarded data as plain JSON data for reports; an unknown value becomes `{"unknown": reason}`."""
    if type(value) is Unknown:
        return {"unknown": value.reason}
    if isinstance(value, Properties):
        return {k: plain(v) for k, v in value.raw()}
    if isinstance(value, Items):
        return [plain(v) for v in value.raw()]
    return value
