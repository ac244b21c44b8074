"""Waits for targets while they are collected, and tells how far they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, Queue
from typing import Protocol

from scanner.collectors.part import Count
from scanner.collectors.scheduler import Counts
from scanner.model import Place
from scanner.progress import Finished, Progress, State
from scanner.recorded import Stage, Target

_TICK = 0.4
"""Seconds between two looks at how far we are."""


class Watch:
    """Tells `progress` of targets, each of which takes as many rounds as `rounds` says of its place."""

    def __init__(
        self, progress: Progress, state: State, rounds: Mapping[Place, int], counts: Counts, images: Count
    ) -> None:
        self._progress, self._state, self._counts, self._images = progress, state, counts, images
        self._left = dict(rounds)
        self._told: dict[Place, Finished] = {}

    def wait(self, pending: Sequence[Future[Finished]]) -> None:
        """Return when all of them are done; raise what the first of them raises."""
        ended: Queue[Future[Finished]] = Queue()
        for future in pending:
            future.add_done_callback(ended.put)
        for _ in pending:
            while (done := _next(ended)) is None:
                self._progress.tick(self._now())
            self.take(done.result())

    def take(self, target: Finished) -> None:
        """Take note of a target that ended a round."""
        before = self._told.pop(target.place, None)
        target = before.and_then(target) if before else target
        self._left[target.place] -= 1
        if self._left[target.place]:
            self._told[target.place] = target
            return
        self._state = replace(self._state, done=self._state.done + 1)
        self._progress.finished(target, self._now())

    def _now(self) -> State:
        requests, throttled = self._counts.requests, self._counts.throttled
        return replace(self._state, requests=requests, throttled=throttled, images=self._images.value)


def _next(ended: Queue[Future[Finished]]) -> Future[Finished] | None:
    try:
        return ended.get(timeout=_TICK)
    except Empty:
        return None


class Crew(Protocol):
    """Who asks targets; `counts` and `images` are what was asked and listed so far."""

    counts: Counts
    images: Count

    def ask(self, due: Mapping[Target, Sequence[Stage]], watch: Watch) -> None:
        """Collect stages of targets, and tell `watch` of each."""

    def close(self) -> None:
        """Return when the requests in flight have ended."""
