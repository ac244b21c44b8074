"""Things that are slow to get, and too many to keep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Shelf(Generic[_Key, _Value]):
    """Keeps the `most` things that were asked for last; `get` makes one.  Any thread may ask, one makes it."""

    def __init__(self, get: Callable[[_Key], _Value], most: int) -> None:
        self._get, self._most = get, most
        self._lock = threading.Lock()
        self._places: dict[_Key, _Place[_Value]] = {}

    def __getitem__(self, key: _Key) -> _Value:
        with self._lock:
            place = self._places.pop(key, None) or _Place()
            self._places[key] = place  # the last asked for is the last to go
            while len(self._places) > self._most:
                del self._places[next(iter(self._places))]
        with place.lock:
            if not place.value:
                place.value.append(self._get(key))
            return place.value[0]

    def __len__(self) -> int:
        return len(self._places)


class _Place(Generic[_Value]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: list[_Value] = []
