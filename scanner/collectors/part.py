"""What is counted while the shard of a target is written."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence

from scanner.recorded import Call
from scanner.snapshot import TargetWriter


class Count:
    """A number that grows, from any thread."""

    def __init__(self) -> None:
        self.value, self._lock = 0, threading.Lock()

    def add(self, number: int) -> None:
        """Add to it."""
        with self._lock:
            self.value += number


class Part:
    """The shard of a target, what of it can be reused (see `since.Known`), and what is counted in it."""

    def __init__(self, writer: TargetWriter, reusable: Mapping[tuple[str, str, str], Sequence[Call]]) -> None:
        self.writer, self.reusable = writer, reusable
        self.calls = self.images = self.reused = 0
        self.errors: Counter[str] = Counter()

    def add(self, calls: Sequence[Call]) -> None:
        """Add calls to the shard."""
        self.writer.add(calls)
        self.calls += len(calls)
        self.images += sum(call.rows or 0 for call in calls)
        self.reused += sum(call.reused is not None for call in calls)
        self.errors.update(call.error.code for call in calls if call.error and not call.not_configured)
