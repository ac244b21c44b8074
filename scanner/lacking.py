"""What the replica of a registry lacks: both shards side by side, in bounded memory.

The repositories beside one another are compared in one query, since they are asked about next, and once for whatever
grace times.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from scanner.database import file_of, query
from scanner.images import SAMPLE, Lacking, time_of
from scanner.shards import Count

TOGETHER = 2_000_000
"""How many images of both sides are compared in one query, unless one repository has more."""
APART = 100_000
"""How many images of both sides are worth a query of their own, if they are alike and those beside them are not."""
TIMES = 1_000
"""How many push times are kept of what the replica of one repository lacks, the last ones."""
_LAST_TIMES = f"max(epoch_us(pushed_at), {TIMES})"
_ALL_TIMES = "list(epoch_us(pushed_at)) FILTER (pushed_at IS NOT NULL)"
_LACKING = f"""
    SELECT repository, count(pushed_at), count(*) - count(pushed_at),
        min(row(epoch_us(pushed_at), digest), {SAMPLE}) FILTER (pushed_at IS NOT NULL),
        min(digest, {SAMPLE}) FILTER (pushed_at IS NULL), {{times}}
    FROM (
        SELECT repository, digest, pushed_at FROM read_parquet($here)
        WHERE repository BETWEEN $first AND $last AND status = 'ACTIVE'
    ) {{absent}} GROUP BY repository
"""  # noqa: S608 - nothing from outside
_ABSENT = """
    ANTI JOIN (SELECT repository, digest FROM read_parquet($there) WHERE repository BETWEEN $first AND $last)
    USING (repository, digest)
"""
_ALIKE = """
    SELECT count(*)
    FROM (SELECT repository, digest FROM read_parquet($here) WHERE repository BETWEEN $first AND $last) AS here
    POSITIONAL JOIN
        (SELECT repository, digest FROM read_parquet($there) WHERE repository BETWEEN $first AND $last) AS there
    WHERE here.repository = there.repository AND here.digest = there.digest
"""
"""How many rows are the same on both sides, one beside the other: if all are, nothing is lacking."""
_DIFFERING = """
    WITH differing AS MATERIALIZED (
        SELECT repository, digest, unnest(tags) AS tag FROM (
            SELECT repository, digest, tags FROM read_parquet($here)
            WHERE repository BETWEEN $first AND $last AND len(tags) > 0
        ) ANTI JOIN (
            SELECT repository, digest, tags FROM read_parquet($there) WHERE repository BETWEEN $first AND $last
        ) USING (repository, digest, tags)
    ), there AS (
        SELECT repository, digest, tags FROM read_parquet($there)
        WHERE repository BETWEEN $first AND $last AND repository IN (SELECT repository FROM differing)
    )
    SELECT repository FROM differing SEMI JOIN there USING (repository, digest)
    UNION SELECT repository FROM differing SEMI JOIN (SELECT repository, unnest(tags) AS tag FROM there)
    USING (repository, tag)
    UNION SELECT repository FROM (
        SELECT repository, unnest(tags) AS tag FROM (
            SELECT repository, digest, tags FROM read_parquet($there)
            WHERE repository BETWEEN $first AND $last AND len(tags) > 0
        ) ANTI JOIN (
            SELECT repository, digest, tags FROM read_parquet($here) WHERE repository BETWEEN $first AND $last
        ) USING (repository, digest, tags)
    ) SEMI JOIN (
        SELECT repository, unnest(tags) AS tag FROM read_parquet($here) WHERE repository BETWEEN $first AND $last
    ) USING (repository, tag)
"""
"""The repositories that have a tag which, there, is on another image, on one more, or lacks on the same one."""
_TAGS = """
    SELECT repository, sum(len(tags))::BIGINT FROM read_parquet($here)
    WHERE repository BETWEEN $first AND $last GROUP BY repository
"""


class Shard(Protocol):
    """A shard that was looked at: where it is, and how many images each repository in it has."""

    path: Path
    counts: Mapping[str, Count]


class Runs:
    """Repositories beside one another, in runs of up to `most` images, or of one repository that has more."""

    def __init__(self, sizes: Iterable[tuple[str, int]], most: int) -> None:
        self._first: list[str] = []
        self._last: list[str] = []
        self.sizes: list[int] = []
        for name, size in sizes:
            self._add(name, name, size, begin=not self.sizes or self.sizes[-1] + size > most)

    def joined(self, odd: Container[int], most: int) -> Runs:
        """Return the same with neighbours as one, up to `most` images, of which all are `odd`, or none is."""
        found = Runs((), most)
        for number, size in enumerate(self.sizes):
            other = not number or (number in odd) != (number - 1 in odd)
            found._add(*self.span(number), size, begin=other or found.sizes[-1] + size > most)
        return found

    def _add(self, first: str, last: str, size: int, *, begin: bool) -> None:
        if begin:
            self._first.append(first)
            self._last.append(last)
            self.sizes.append(0)
        self._last[-1] = last
        self.sizes[-1] += size

    def of(self, name: str) -> int:
        """Return the number of the run that a repository belongs to."""
        return bisect_right(self._first, name) - 1

    def span(self, number: int) -> tuple[str, str]:
        """Return the first and the last repository of a run."""
        return self._first[number], self._last[number]


class Comparison:
    """What a replica lacks of the repositories of a registry.  Any thread may ask; what was found once is kept."""

    def __init__(self, here: Shard, there: Shard | None) -> None:
        self._here, self._there = here, there
        sizes = Counter({name: count.images for name, count in here.counts.items()})
        sizes.update({name: count.images for name, count in there.counts.items()} if there else {})
        uneven = [name for name in sizes if _images(here, name) != _images(there, name)]
        pieces = Runs(sorted(sizes.items()), APART)
        self._runs = pieces.joined(set(map(pieces.of, uneven)), TOGETHER)
        self._uneven = set(map(self._runs.of, uneven))
        self._lacking: dict[int, dict[str, Lacking]] = {}
        self._differing: dict[int, tuple[frozenset[str], Mapping[str, int]]] = {}
        self._lock = threading.Lock()

    def lacking(self, name: str, *, every_time: bool = False) -> Lacking:
        """Tell what a replica lacks of a repository, with the last push times, or with every one."""
        if every_time:
            return self._found((name, name), _ALL_TIMES)[name]
        number = self._runs.of(name)
        with self._lock:
            if number not in self._lacking:
                alike = number not in self._uneven and self._is_alike(number)
                self._lacking[number] = {} if alike else self._found(self._runs.span(number), _LAST_TIMES)
        return self._lacking[number].get(name) or Lacking(self._here.counts[name].active)

    def tags(self, name: str) -> int | None:
        """Return how many tags a repository has, None if any of them may be on another image there, or on none."""
        number = self._runs.of(name)
        with self._lock:
            if number not in self._differing:
                span = self._runs.span(number)
                differing = frozenset(name for (name,) in self._asked(_DIFFERING, span))
                self._differing[number] = differing, dict(self._asked(_TAGS, span))
        differing, tags = self._differing[number]
        return None if name in differing else tags[name]

    def _is_alike(self, number: int) -> bool:
        """Tell whether both sides hold the same, row by row: that takes a third of the time of a search."""
        ((same,),) = self._asked(_ALIKE, self._runs.span(number))
        return bool(2 * same == self._runs.sizes[number])

    def _found(self, span: tuple[str, str], times: str) -> dict[str, Lacking]:
        sql = _LACKING.format(times=times, absent=_ABSENT if self._there else "")
        return {name: self._of(name, *found) for name, *found in self._asked(sql, span)}

    def _of(self, name: str, dated: int, undated: int, oldest: Any, unknown: Any, newest: Any) -> Lacking:
        return Lacking(
            self._here.counts[name].active,
            dated,
            undated,
            tuple((time_of(time), _text(digest)) for time, digest in oldest or ()),
            tuple(map(_text, unknown or ())),
            array("q", sorted(newest or ())),
        )

    def _asked(self, sql: str, span: tuple[str, str]) -> list[tuple[Any, ...]]:
        both = [shard.path for shard in (self._here, self._there) if shard]
        parameters = {"here": file_of(self._here.path), "first": span[0], "last": span[1]}
        if self._there and "$there" in sql:
            parameters["there"] = file_of(self._there.path)
        return query(both, sql, parameters)


def _images(shard: Shard | None, name: str) -> int:
    found = shard.counts.get(name) if shard else None
    return found.images if found else 0


def _text(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"
