"""A time limit for code that is not ours, in any thread and on any platform that runs CPython.

One daemon thread looks at the clock for another.  When a call takes too long it has `OverTime` raised there, between
two steps of Python code.  So a loop ends, and so does a recursion; what cannot be ended is one long step outside
Python: a regular expression that backtracks for hours, a sleep, a read of a socket.  It is reported when it returns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

_Result = TypeVar("_Result")
_TICKS = 4  # how often the clock is looked at during one limit


class OverTime(BaseException):
    """The call took too long.  No `Exception`, so that code which survives everything does not survive this."""


class TimeLimit:
    """Runs calls of the thread that enters it, each for at most about `seconds`; `taken` is what the last one took."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.taken = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._call = 0
        self._running = self._fired = False

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        threading.Thread(target=self._watch, name="regionproof-time-limit", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Return what the function returns; raise `OverTime` if it takes too long."""
        started = time.monotonic()
        try:
            try:
                self._call += 1
                self._running = True
                return function(*arguments)
            finally:
                self._end()
                self.taken = time.monotonic() - started
        except OverTime:
            self._end()  # it may have come while the lines above ran
            self.taken = time.monotonic() - started
            raise

    def _end(self) -> None:
        with self._lock:
            self._running = False
            if self._fired:  # if it has not been raised yet, it must not be raised any more
                self._fired = False
                _raise_in(self._thread, None)

    def _watch(self) -> None:
        last, ticks = 0, 0
        while not self._over.wait(self.seconds / _TICKS):
            with self._lock:
                ticks = ticks + 1 if self._running and self._call == last else 0
                last = self._call
                if ticks >= _TICKS:  # and again at each tick that follows, for code that catches everything
                    self._fired = True
                    _raise_in(self._thread, OverTime)


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Have an exception raised in a thread; None takes back one that was not raised yet."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind) if kind else None)
