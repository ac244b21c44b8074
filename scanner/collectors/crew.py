"""How many requests are worth having in flight at a time.

Threads that wait for AWS cost nothing, and dozens of them are needed.  Threads that wait for one another cost much:
where an endpoint answers as fast as Python reads, each further one only takes the interpreter from the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil, inf

_WINDOW = 64
_AMPLE = 1.5
_FEWEST = 3
_UNSENT = 2e-5
"""A request that waited no longer, in seconds, was never sent."""
_BOUND = 0.6
"""The share of a processor from which on it, and not AWS, is what requests may be waiting for."""


class Crew:
    """Finds `size`, at most `most`, from how long requests wait, and how long the processor works for them.

    The one that waited least waited for no other thread: how many are read meanwhile is how many may wait for AWS.
    As long as the process leaves its processor idle, there are as many as may be.  `worked` gives the seconds that
    the process has worked so far.
    """

    def __init__(self, most: int, worked: Callable[[], float] = time.process_time) -> None:
        self.size = self._most = most
        self._worked = worked
        self._seen, self._least, self._used = 0, inf, 0.0
        self._since, self._before = 0.0, 0.0

    def learn(self, begun: float, ended: float, processor: float) -> None:
        """Take note of a request: when it was begun and ended, and the seconds that a processor worked for it."""
        if not self._seen:
            self._since, self._before = ended, self._worked()
        self._seen += 1
        self._used += processor
        if (waited := ended - begun - processor) > _UNSENT:
            self._least = min(self._least, waited)
        if self._seen > _WINDOW:
            bound = self._worked() - self._before >= _BOUND * (ended - self._since)
            self.size = self._worth() if bound and self._used and self._least < inf else self._most
            self._seen, self._least, self._used = 0, inf, 0.0

    def _worth(self) -> int:
        waiting = self._least * self._seen / self._used
        return min(self._most, max(_FEWEST, ceil(_AMPLE * (1 + waiting))))
