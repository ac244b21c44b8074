"""A stage of a target while it is written, and what is counted meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence

from scanner import shards
from scanner.collectors.ask import Rows
from scanner.collectors.ecr_images import beginnings_of, digests_of
from scanner.parts import TargetWriter
from scanner.progress import Finished
from scanner.recorded import Call, LeftOut, Target


class Count:
    """A number that any thread may add to."""

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


class Images:
    """The images of one repository, on their way to the shard; `problem` is why not all of them could be read.

    A list that moves while it is read may name an image on two pages.  That is looked for at the end, all at once: to
    look up each image among those before it takes as long as to decode it, since those of all the repositories that
    are listed side by side are in no processor's cache.  Digests that begin differently differ, and those of one list
    nearly always do: only if two begin alike are they compared whole.
    """

    def __init__(self, writer: TargetWriter, repository: str, total: Count) -> None:
        self._writer, self._repository, self._total = writer, repository, total
        self._named = 0
        self._digests: list[bytes] = []  # one text a page, so that the garbage collector has no strings to walk through
        self.problem: str | None = None

    def add(self, rows: Rows) -> None:
        """Add a page of them."""
        self.problem = self.problem or rows.problem
        self._named += len(rows.items)
        self._digests.append("".join([image.imageDigest for image in rows.items]).encode())
        self._total.add(len(rows.items))
        self._writer.add_images(self._repository, shards.lines(rows.items, rows.words))

    def count(self) -> int:
        """Return how many there are, when all are added; tell the writer if some were named more than once."""
        if len(set[bytes]().union(*map(beginnings_of, self._digests))) == self._named:
            return self._named
        distinct = len(set[bytes]().union(*map(digests_of, self._digests)))
        if distinct < self._named:
            self._writer.images_repeat()
            self._total.add(distinct - self._named)
            self._named = distinct
        return distinct
