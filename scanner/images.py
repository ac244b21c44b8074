"""The image index: every image of every repository, answering set questions.

Rules never loop over images; they ask `missing`, `get`, `tags`.  A repository that was not listed to the end answers
what is certain (an image that was seen exists) and raises `InsufficientData` for the rest (absence proves nothing).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from scanner.model import InsufficientData, Place

SAMPLE = 5
"""How many missing digests a finding names; the counts are always exact."""

INDEXES = frozenset(
    ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
)
"""The media types of an image index."""


class RepositoryKey(NamedTuple):
    """One repository of one registry."""

    account: str
    region: str
    name: str

    @classmethod
    def of(cls, place: Place, name: str) -> RepositoryKey:
        """Return the key of repository `name` in the registry of `place`."""
        return cls(str(place.account), place.region, name)

    def __str__(self) -> str:
        return f"{self.account}/{self.region}/{self.name}"


@dataclass(frozen=True, slots=True)
class Image:
    """One image as ecr:DescribeImages gives it; times are aware and in UTC, `size` is in bytes.

    `digest` and `subject` are `sha256:<64 hex>`; `status` is ACTIVE, ARCHIVED or ACTIVATING (older answers lack it:
    ACTIVE).  What an answer did not hold is None.
    """

    digest: str
    tags: tuple[str, ...] = ()
    pushed_at: datetime | None = None
    size: int | None = None
    status: str = "ACTIVE"
    media_type: str | None = None
    artifact_media_type: str | None = None
    subject: str | None = None
    last_pulled_at: datetime | None = None
    last_archived_at: datetime | None = None
    last_activated_at: datetime | None = None

    @property
    def is_index(self) -> bool:
        """Tell whether it names an image for each of several platforms; raise `InsufficientData` if nothing says so."""
        if self.media_type is None:
            raise InsufficientData(f"what kind of image '{self.digest}' is was not seen")
        return self.media_type in INDEXES


@dataclass(frozen=True)
class Missing:
    """How one repository compares with its replica.

    Of `images` ACTIVE images in the primary, `missing` are not in the standby although they are older than the grace
    time and `pending` are not there yet but younger.  `oldest_missing_at` is when the oldest missing one was pushed,
    `sample` names up to `SAMPLE` of them, oldest first.
    """

    images: int
    missing: int
    pending: int
    oldest_missing_at: datetime | None
    sample: tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """The images of one repository; `incomplete` says why the list ended early, None when it is whole."""

    images: tuple[Image, ...]
    incomplete: str | None = None


class ImageIndex:
    """The images of all repositories that were listed."""

    __slots__ = ("_by_digest", "_listings")

    def __init__(self, listings: Mapping[RepositoryKey, Listing] | None = None) -> None:
        self._listings = dict(listings or {})
        self._by_digest: dict[RepositoryKey, dict[str, Image]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, name):
            raise TypeError("the model cannot be changed")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise TypeError("the model cannot be changed")

    def __reduce__(self) -> Any:
        return ImageIndex, (self._listings,)

    def __iter__(self) -> Iterator[RepositoryKey]:
        return iter(sorted(self._listings))

    def __contains__(self, key: RepositoryKey) -> bool:
        return key in self._listings

    def images(self, key: RepositoryKey) -> tuple[Image, ...]:
        """Return every image of a repository; raise `InsufficientData` if it was not listed to the end."""
        listing = self._listings.get(key)
        if listing is None:
            raise InsufficientData(f"the images of {key} were not listed")
        if listing.incomplete:
            raise InsufficientData(f"the images of {key} were not all listed: {listing.incomplete}")
        return listing.images

    def listing(self, key: RepositoryKey) -> Listing | None:
        """Return what was listed of a repository, to the end or not; None if nobody asked."""
        return self._listings.get(key)

    def get(self, key: RepositoryKey, digest: str) -> Image | None:
        """Return an image by digest, None if it is known not to be there; else raise `InsufficientData`."""
        if key not in self._by_digest and key in self._listings:
            self._by_digest[key] = {image.digest: image for image in self._listings[key].images}
        found = self._by_digest.get(key, {}).get(digest)
        if found is None:
            self.images(key)  # absence is only known of a whole list
        return found

    def tags(self, key: RepositoryKey) -> Mapping[str, Image]:
        """Return tag -> image of a repository; raise `InsufficientData` if it was not listed to the end."""
        return {tag: image for image in self.images(key) for tag in image.tags}

    def referrers(self, key: RepositoryKey, digest: str) -> tuple[Image, ...]:
        """Return the images of a repository whose subject is `digest`: its signatures, SBOMs, attestations.

        Raises `InsufficientData` if the repository was not listed to the end.
        """
        return tuple(image for image in self.images(key) if image.subject == digest)

    def missing(self, primary: RepositoryKey, standby: RepositoryKey, older_than: datetime) -> Missing:
        """Compare a repository with its replica, digest by digest.

        An image pushed at or after `older_than`, or with no push time, and not yet in the standby counts as pending
        only if it is younger; one with no push time counts as missing.  Archived images of the primary are left out,
        since ECR replicates what is pushed or restored and archiving is per Region.
        """
        there = {image.digest for image in self.images(standby)}
        active = [image for image in self.images(primary) if image.status == "ACTIVE"]
        absent = [image for image in active if image.digest not in there]
        pending = [image for image in absent if image.pushed_at is not None and image.pushed_at > older_than]
        missing = sorted(
            (image for image in absent if image.pushed_at is None or image.pushed_at <= older_than),
            key=lambda image: (image.pushed_at is None, image.pushed_at, image.digest),
        )
        oldest = missing[0].pushed_at if missing else None
        return Missing(len(active), len(missing), len(pending), oldest, tuple(i.digest for i in missing[:SAMPLE]))


def listings(rows: Iterable[tuple[RepositoryKey, Image]]) -> dict[RepositoryKey, Listing]:
    """Group (repository, image) rows into whole listings."""
    grouped: dict[RepositoryKey, list[Image]] = {}
    for key, image in rows:
        grouped.setdefault(key, []).append(image)
    return {key: Listing(tuple(images)) for key, images in grouped.items()}
