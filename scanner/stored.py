"""The images of one registry, left in its shard: questions are answered by queries, in bounded memory.

What stays in memory is how many images each repository has, what replicas lack (`scanner.lacking`), and the images
looked at last.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scanner import shards
from scanner.database import file_of, query
from scanner.errors import AGAIN, SnapshotError
from scanner.images import Among, Image, Listing, Missing, TagDifferences, only
from scanner.lacking import Comparison, Runs

PAGE = 20_000
"""How many images are read at once; a repository that has more is read alone."""
ROWS_A_QUERY = 1_000
"""How many images are read in the time that a query for one of them takes."""
KEPT = 200_000
"""How many images stay in memory when they were looked at, unless one repository has more."""
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_NEWEST = "pushed_at DESC NULLS LAST, digest"
_PAGE = f"""
    SELECT {shards.LOADED} FROM read_parquet(?) WHERE repository BETWEEN ? AND ? ORDER BY repository, digest
"""  # noqa: S608 - nothing from outside
_NAMED = f"""
    SELECT {shards.LOADED} FROM read_parquet(?) WHERE digest IN (SELECT unhex(unnest(?::VARCHAR[])))
"""  # noqa: S608 - nothing from outside


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

    def clear(self) -> None:
        """Keep none of them."""
        with self._lock:
            self._things.clear()
            self._held = 0

    def __contains__(self, key: object) -> bool:
        return key in self._things


_shelf = _Shelf(KEPT)


def put_away() -> None:
    """Keep no image in memory: those who ask from now on ask about others."""
    _shelf.clear()


class Registry:
    """The images of the repositories of one registry, in the shard at `path`.  Any thread may ask.

    Raises `SnapshotError` as `shards.counts` does, and if the shard turns out damaged later; `RegionproofError` if
    there is neither memory nor room on the disk for a query.
    """

    def __init__(self, path: Path, counts: Mapping[str, shards.Count] | None = None) -> None:
        self.path = path
        self.counts: Mapping[str, shards.Count] = shards.counts(path) if counts is None else counts
        self._pages = Runs(((name, count.images) for name, count in self.counts.items()), PAGE)
        self._asked: Counter[int] = Counter()
        self._named: tuple[frozenset[str] | None, Mapping[tuple[str, str], Image]] = None, {}
        self._comparisons: dict[Registry | None, Comparison] = {}
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
        self._asked.pop(number, None)  # another thread may have come first
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

    def compared(self, replica: Registry | None) -> Comparison:
        """Return the comparison with another registry; with nothing, if that is known to be empty and has no shard."""
        replica = replica if replica and replica.counts else None
        with self._lock:
            if replica not in self._comparisons:
                self._comparisons[replica] = Comparison(self, replica)
            return self._comparisons[replica]

    def _page(self, number: int) -> tuple[int, Mapping[str, Listing]]:
        found: dict[str, list[Image]] = {}
        rows = self._read(_PAGE, *self._pages.span(number))
        for repository, image in rows:
            found.setdefault(repository, []).append(image)
        return len(rows), {name: Listing(tuple(images)) for name, images in found.items()}

    def _read(self, sql: str, *parameters: Any) -> list[tuple[str, Image]]:
        try:
            return list(map(shards.image, query([self.path], sql, [file_of(self.path), *parameters])))
        except OverflowError as error:
            raise SnapshotError(f"{self.path} cannot be read: {error}", AGAIN) from error


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
        """Return the image that has the tag; raise `InsufficientData` if several do."""
        if self._is_near():
            return self.loaded.tagged(tag)
        return only(tag, self.registry.where(self.name, "list_contains(tags, ?)", tag))

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
        """Compare the tags of images that are not younger than `older_than` with those of a replica; raise as there."""
        there = self._twin(replica)
        tags = self.registry.compared(there).tags(self.name) if there and there.counts and self.count else None
        if tags is not None:
            return TagDifferences(tags, {}, {})
        return self.loaded.tag_differences(replica.loaded, older_than)

    def _twin(self, replica: Listing | None) -> Registry | None:
        """Return the registry of a replica, if it has the same name there."""
        return replica.registry if isinstance(replica, StoredListing) and replica.name == self.name else None

    def _is_near(self) -> bool:
        return self.registry.holds(self.name)
