"""The images of one registry, left in its shard: questions are answered by queries, in bounded memory.

What stays in memory is how many images each repository has, what replicas lack, and the images looked at last.  A
question about a repository is answered for those beside it too, since they are asked about next: what a replica lacks
takes one look at both shards, whatever the grace times.
"""

from __future__ import annotations

import glob
import re
import threading
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scanner import shards
from scanner.database import query
from scanner.errors import AGAIN, SnapshotError
from scanner.images import SAMPLE, Among, Image, Lacking, Listing, Missing, TagDifferences, time_of

TOGETHER = 2_000_000
"""How many images of both sides are compared in one query, unless one repository has more."""
PAGE = 20_000
"""How many images are read at once; a repository that has more is read alone."""
ROWS_A_QUERY = 1_000
"""How many images are read in the time that a query for one of them takes."""
KEPT = 200_000
"""How many images stay in memory when they were looked at, unless one repository has more."""
TIMES = 1_000
"""How many push times are kept of what the replica of one repository lacks, the last ones."""

_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_LAST_TIMES = f"max(epoch_us(pushed_at), {TIMES})"
_ALL_TIMES = "list(epoch_us(pushed_at)) FILTER (pushed_at IS NOT NULL)"
_NEWEST = "pushed_at DESC NULLS LAST, digest"
_PAGE = f"""
    SELECT {shards.LOADED} FROM read_parquet(?) WHERE repository BETWEEN ? AND ? ORDER BY repository, digest
"""  # noqa: S608 - nothing from outside
_NAMED = f"""
    SELECT {shards.LOADED} FROM read_parquet(?) WHERE digest IN (SELECT unhex(unnest(?::VARCHAR[])))
"""  # noqa: S608 - nothing from outside
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
"""
"""The repositories that have a tag which, there, is on another image or lacks on the same one."""
_TAGS = """
    SELECT repository, sum(len(tags))::BIGINT FROM read_parquet($here)
    WHERE repository BETWEEN $first AND $last GROUP BY repository
"""


class _Shelf:
    """Things that took a query, of which the last are kept: up to `most` by their weights.  Any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._lock = threading.Lock()
        self._things: dict[Any, tuple[int, Any]] = {}

    def get(self, key: Any, make: Callable[[], tuple[int, Any]]) -> Any:
        with self._lock:
            found = self._things.pop(key, None)
            if found is not None:
                self._things[key] = found  # the last asked for is the last to go
                return found[1]
        made = make()
        with self._lock:
            if key not in self._things:
                self._held += made[0]
                self._things[key] = made
            while self._held > self._most and len(self._things) > 1:
                self._held -= self._things.pop(next(iter(self._things)))[0]
        return made[1]

    def __contains__(self, key: object) -> bool:
        return key in self._things


_shelf = _Shelf(KEPT)


class Registry:
    """The images of the repositories of one registry, in the shard at `path`.  Any thread may ask.

    Raises `SnapshotError` as `shards.counts` does, and if the shard turns out damaged later; `RegionproofError` if
    there is neither memory nor room on the disk for a query.
    """

    def __init__(self, path: Path, counts: Mapping[str, shards.Count] | None = None) -> None:
        self.path = path
        self.counts: Mapping[str, shards.Count] = shards.counts(path) if counts is None else counts
        self._pages = _Runs(((name, count.images) for name, count in self.counts.items()), PAGE)
        self._asked: Counter[int] = Counter()
        self._named: tuple[frozenset[str] | None, Mapping[tuple[str, str], Image]] = None, {}
        self._comparisons: dict[Registry | None, _Comparison] = {}
        self._key, self._lock = object(), threading.Lock()

    def __reduce__(self) -> Any:
        return Registry, (self.path, self.counts)

    @property
    def is_large(self) -> bool:
        """Tell whether its images are read in more than one go."""
        return len(self._pages.sizes) > 1

    def images(self, name: str) -> Listing:
        """Return what is stored of one repository."""
        if name not in self.counts:
            return Listing(())
        number = self._pages.of(name)
        page: Mapping[str, Listing] = _shelf.get((self._key, number), lambda: self._page(number))
        return page[name]

    def holds(self, name: str) -> bool:
        """Tell whether to read a repository, and those beside it, now costs less than more queries about single images.

        That is so if they were read a moment ago, or asked about so often that the queries took as long.
        """
        if name not in self.counts:
            return True
        number = self._pages.of(name)
        if (self._key, number) in _shelf:
            return True
        self._asked[number] += ROWS_A_QUERY
        if self._asked[number] < self._pages.sizes[number]:
            return False
        del self._asked[number]
        return True

    def where(
        self, name: str, condition: str, *values: str, order: str = "digest", most: int | None = None
    ) -> tuple[Image, ...]:
        """Return the images of one repository for which a condition holds, sorted, all or so many."""
        limit = "" if most is None else f"LIMIT {most}"
        source = "FROM read_parquet(?) WHERE repository = ?"
        asked = f"SELECT {shards.LOADED} {source} AND {condition} ORDER BY {order} {limit}"

        def make() -> tuple[int, tuple[Image, ...]]:
            found = self._read(asked, name, *values)
            return len(found) + 1, tuple(image for _, image in found)

        found: tuple[Image, ...] = _shelf.get((self._key, name, asked, values), make)
        return found

    def named(self, digests: frozenset[str]) -> Mapping[tuple[str, str], Image]:
        """Return the images of these digests, by repository and digest; the answer about the last ones is kept."""
        with self._lock:
            if self._named[0] is not digests:
                wanted = sorted(digest.removeprefix("sha256:") for digest in digests if _DIGEST.fullmatch(digest))
                rows = self._read(_NAMED, wanted)
                self._named = digests, {(name, image.digest): image for name, image in rows}
            return self._named[1]

    def compared(self, replica: Registry | None) -> _Comparison:
        """Return the comparison with another registry; with nothing, if that is known to be empty."""
        with self._lock:
            if replica not in self._comparisons:
                self._comparisons[replica] = _Comparison(self, replica)
            return self._comparisons[replica]

    def _page(self, number: int) -> tuple[int, Mapping[str, Listing]]:
        found: dict[str, list[Image]] = {}
        rows = self._read(_PAGE, *self._pages.span(number))
        for repository, image in rows:
            found.setdefault(repository, []).append(image)
        return len(rows), {name: Listing(tuple(images)) for name, images in found.items()}

    def _read(self, sql: str, *parameters: Any) -> list[tuple[str, Image]]:
        try:
            return list(map(shards.image, query([self.path], sql, [file_of(self), *parameters])))
        except OverflowError as error:
            raise SnapshotError(f"{self.path} cannot be read: {error}", AGAIN) from error


def file_of(registry: Registry) -> str:
    """Return a shard as DuckDB takes it."""
    return glob.escape(str(registry.path))


class _Runs:
    """Repositories beside one another, in runs of up to `most` images, or of one repository that has more."""

    def __init__(self, sizes: Iterable[tuple[str, int]], most: int) -> None:
        self._first: list[str] = []
        self._last: list[str] = []
        self.sizes: list[int] = []
        for name, size in sizes:
            if not self.sizes or self.sizes[-1] + size > most:
                self._first.append(name)
                self._last.append(name)
                self.sizes.append(0)
            self._last[-1] = name
            self.sizes[-1] += size

    def of(self, name: str) -> int:
        """Return the number of the run that a repository belongs to."""
        return bisect_right(self._first, name) - 1

    def span(self, number: int) -> tuple[str, str]:
        """Return the first and the last repository of a run."""
        return self._first[number], self._last[number]


class _Comparison:
    """What a replica lacks of the repositories of a registry.  Any thread may ask; what was found once is kept."""

    def __init__(self, here: Registry, there: Registry | None) -> None:
        self._here, self._there = here, there
        sizes = Counter({name: count.images for name, count in here.counts.items()})
        sizes.update({name: count.images for name, count in there.counts.items()} if there else {})
        self._runs = _Runs(sorted(sizes.items()), TOGETHER)
        self._uneven = {self._runs.of(name) for name in sizes if _images(here, name) != _images(there, name)}
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
        both = [registry for registry in (self._here, self._there) if registry]
        parameters = {"here": file_of(self._here), "first": span[0], "last": span[1]}
        if self._there and "$there" in sql:
            parameters["there"] = file_of(self._there)
        return query([registry.path for registry in both], sql, parameters)


def _images(registry: Registry | None, name: str) -> int:
    found = registry.counts.get(name) if registry else None
    return found.images if found else 0


def _text(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


class StoredListing(Listing):
    """The images of one repository, in the shard of a registry."""

    def __init__(self, registry: Registry, name: str, incomplete: str | None = None) -> None:
        vars(self).update(registry=registry, name=name, incomplete=incomplete)

    registry: Registry
    name: str

    def __reduce__(self) -> Any:
        return StoredListing, (self.registry, self.name, self.incomplete)

    @property
    def images(self) -> tuple[Image, ...]:
        """The images, read whenever they are asked for."""
        return self.loaded.images

    @property
    def loaded(self) -> Listing:
        """Return the same in memory, to ask about very many of its images."""
        return self.registry.images(self.name)

    @property
    def count(self) -> int:
        """Return how many images it holds."""
        found = self.registry.counts.get(self.name)
        return found.images if found else 0

    def get(self, digest: str, among: Among | None = None) -> Image | None:
        """Return the image of that digest; `among` gives all that will be asked about, in any repository."""
        if among is not None and self.registry.is_large and digest in (digests := among()):
            return self.registry.named(digests).get((self.name, digest))
        if self._is_near():
            return self.loaded.get(digest)
        if not _DIGEST.fullmatch(digest):
            return None
        found = self.registry.where(self.name, "digest = unhex(?)", digest.removeprefix("sha256:"))
        return found[0] if found else None

    def tagged(self, tag: str) -> Image | None:
        """Return the image that has the tag."""
        if self._is_near():
            return self.loaded.tagged(tag)
        found = self.registry.where(self.name, "list_contains(tags, ?)", tag)
        return found[-1] if found else None

    def referrers(self, digest: str) -> tuple[Image, ...]:
        """Return the images whose subject is `digest`."""
        if self._is_near():
            return self.loaded.referrers(digest)
        if not _DIGEST.fullmatch(digest):
            return ()
        return self.registry.where(self.name, "subject = unhex(?)", digest.removeprefix("sha256:"))

    def newest(self, count: int) -> tuple[Image, ...]:
        """Return the tagged ACTIVE images that were pushed last; those without a push time come after all others."""
        if self._is_near():
            return self.loaded.newest(count)
        return self.registry.where(self.name, "status = 'ACTIVE' AND len(tags) > 0", order=_NEWEST, most=count)

    def missing(self, replica: Listing | None, older_than: datetime) -> Missing:
        """Compare it with a replica; one of None is known not to exist."""
        if not self.count:
            return Missing(0, 0, 0, None, ())
        there = self._twin(replica)
        if replica is not None and there is None:
            return self.loaded.missing(replica.loaded, older_than)
        comparison = self.registry.compared(there)
        found = comparison.lacking(self.name)
        if not found.tells(older_than):
            found = comparison.lacking(self.name, every_time=True)
        return found.missing(older_than)

    def tag_differences(self, replica: Listing, older_than: datetime) -> TagDifferences:
        """Compare the tags of images that are not younger than `older_than` with those of a replica."""
        there = self._twin(replica)
        tags = self.registry.compared(there).tags(self.name) if there and self.count else None
        if tags is not None:
            return TagDifferences(tags, {}, {})
        return self.loaded.tag_differences(replica.loaded, older_than)

    def _twin(self, replica: Listing | None) -> Registry | None:
        """Return the registry of a replica, if it has the same name there."""
        return replica.registry if isinstance(replica, StoredListing) and replica.name == self.name else None

    def _is_near(self) -> bool:
        return self.registry.holds(self.name)
