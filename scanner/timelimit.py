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
        self._over = threading.Event()
        self._call = 0
        self._running = self._firing = False

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
            self._end_for_sure()  # it may have come while the lines above ran
            self.taken = time.monotonic() - started
            raise

    def _end(self) -> None:
        # Without a lock: the exception may come between any two steps, and would leave the lock locked.
        self._running = False
        while self._firing:
            time.sleep(0)
        _step()

    def _end_for_sure(self) -> None:
        while True:
            try:
                return self._end()
            except OverTime:
                continue

    def _watch(self) -> None:
        last, ticks = 0, 0
        while not self._over.wait(self.seconds / _TICKS):
            self._firing = True  # said before `_running` is read, as `_end` says that before it reads this
            ticks = ticks + 1 if self._running and self._call == last else 0
            last = self._call
            if ticks >= _TICKS:  # and again at each tick that follows, for code that catches everything
                _raise_in(self._thread)
            self._firing = False


def _step() -> None:
    """Do nothing: an exception that was set in this thread and not raised yet is raised as this is called.

    To take it back (`PyThreadState_SetAsyncExc` with NULL) would leave CPython 3.11 looking for it for ever.
    """


def _raise_in(thread: int) -> None:
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(OverTime))
