"""What is counted while a stage of a target is written."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence

from scanner.parts import TargetWriter
from scanner.progress import Finished
from scanner.recorded import Call, LeftOut, Target


class Count:
    """A number that grows, from any thread."""

    def __init__(self) -> None:
        self.value, self._lock = 0, threading.Lock()

    def add(self, number: int) -> None:
        """Add to it."""
        with self._lock:
            self.value += number


class Part:
    """A stage of a target, what of it can be reused (see `since.Known`), and what is counted in it.

    `left_out` is what was not asked on purpose.
    """

    def __init__(self, writer: TargetWriter, reusable: Mapping[tuple[str, str, str], Sequence[Call]]) -> None:
        self.writer, self.reusable = writer, reusable
        self.calls = self.images = self.reused = 0
        self.errors: Counter[str] = Counter()
        self.left_out: list[LeftOut] = []

    def add(self, calls: Sequence[Call]) -> None:
        """Add calls to the shard."""
        self.writer.add(calls)
        self.calls += len(calls)
        self.images += sum(call.rows or 0 for call in calls)
        self.reused += sum(call.reused is not None for call in calls)
        self.errors.update(call.error.code for call in calls if call.error and not call.not_configured)

    def told(self, target: Target, seconds: float) -> Finished:
        """Return what there is to tell of it."""
        return Finished(target.place, target.services, self.calls, self.images, self.reused, seconds, self.errors)
