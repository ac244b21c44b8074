"""The image index: every image of every repository, answering set questions.

Rules never loop over images; they ask `missing`, `get`, `tagged`.  A repository that was not listed to the end answers
what is certain (an image that was seen exists) and raises `InsufficientData` for the rest (absence proves nothing).

A `Listing` is in memory; those of a snapshot (`scanner.stored`) stay in its shards and answer by queries.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from scanner.errors import RegionproofError
from scanner.model import InsufficientData, Place

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)
Among = Callable[[], frozenset[str]]
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


def microseconds(time: datetime) -> int:
    """Return an aware time in microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(microseconds: int) -> datetime:
    """Return a time from microseconds since 1970; raise `OverflowError` beyond the calendar."""
    return _EPOCH + timedelta(0, 0, microseconds)


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


@dataclass(frozen=True, slots=True)
class Lacking:
    """What the replica of one repository lacks, whatever the grace time.

    Of `images` ACTIVE images, `dated` are not there and have a push time, `undated` are not there and have none.
    `oldest` and `unknown_age` are the first `SAMPLE` of either, by time and digest; `newest` are the last push times of
    the former, ascending, in microseconds since 1970: all of them, or as many as are kept.
    """

    images: int
    dated: int = 0
    undated: int = 0
    oldest: tuple[tuple[datetime, str], ...] = ()
    unknown_age: tuple[str, ...] = ()
    newest: Sequence[int] = ()

    def tells(self, older_than: datetime) -> bool:
        """Tell whether enough push times were kept to say what is missing and what is only pending."""
        return len(self.newest) == self.dated or self.newest[0] <= microseconds(older_than)

    def missing(self, older_than: datetime) -> Missing:
        """Return what is missing and what is only pending, if `tells`."""
        pending = len(self.newest) - bisect_right(self.newest, microseconds(older_than))
        late = [(time, digest) for time, digest in self.oldest if time <= older_than]
        sample = (*(digest for _, digest in late), *self.unknown_age)[:SAMPLE]
        missing = self.dated - pending + self.undated
        return Missing(self.images, missing, pending, late[0][0] if late else None, sample)


@dataclass(frozen=True, slots=True)
class TagDifferences:
    """How the tags of one repository compare with those of its replica, in both cases sorted by tag.

    The images have `tags` tags in all.  Of them `moved` (tag -> digest here, digest there) are on another image there,
    and `lost` (tag -> digest) are on none although their image is there.
    """

    tags: int
    moved: dict[str, tuple[str, str]]
    lost: dict[str, str]


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of one repository; `incomplete` says why the list ended early, None when it is whole.

    What it answers, it answers of the images that it holds.  Listings are equal if they hold the same.
    """

    images: tuple[Image, ...]
    incomplete: str | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Listing):
            return NotImplemented
        return (self.incomplete, self.images) == (other.incomplete, other.images)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return Listing, (self.images, self.incomplete)

    @property
    def loaded(self) -> Listing:
        """Return the same in memory, to ask about very many of its images."""
        return self

    @property
    def count(self) -> int:
        """Return how many images it holds."""
        return len(self.images)

    def get(self, digest: str, among: Among | None = None) -> Image | None:  # noqa: ARG002 - for those that are stored
        """Return the image of that digest; `among` gives all that will be asked about, in any repository."""
        return self._by_digest.get(digest)

    def tagged(self, tag: str) -> Image | None:
        """Return the image that has the tag; raise `InsufficientData` if several do."""
        return only(tag, self.by_tag.get(tag, ()))

    def referrers(self, digest: str) -> tuple[Image, ...]:
        """Return the images whose subject is `digest`."""
        return tuple(image for image in self.images if image.subject == digest)

    def newest(self, count: int) -> tuple[Image, ...]:
        """Return the tagged ACTIVE images that were pushed last; those without a push time come after all others."""
        tagged = [image for image in self.images if image.tags and image.status == "ACTIVE"]
        return tuple(sorted(tagged, key=lambda image: image.pushed_at or _NEVER, reverse=True)[:count])

    def missing(self, replica: Listing | None, older_than: datetime) -> Missing:
        """Compare it with a replica; one of None is known not to exist."""
        active = [image for image in self.images if image.status == "ACTIVE"]
        absent = [image for image in active if replica is None or replica.get(image.digest) is None]
        dated = sorted((image.pushed_at, image.digest) for image in absent if image.pushed_at is not None)
        undated = sorted(image.digest for image in absent if image.pushed_at is None)
        newest = array("q", (microseconds(time) for time, _ in dated))
        oldest, unknown_age = tuple(dated[:SAMPLE]), tuple(undated[:SAMPLE])
        return Lacking(len(active), len(dated), len(undated), oldest, unknown_age, newest).missing(older_than)

    def tag_differences(self, replica: Listing, older_than: datetime) -> TagDifferences:
        """Compare the tags of images that are not younger than `older_than` with those of a replica.

        Raises `InsufficientData` if a tag that is not on the same images there is on several.
        """
        moved, lost = {}, {}
        for tag, images in sorted(self.by_tag.items(), key=lambda item: item[0]):
            old = [image for image in images if image.pushed_at is None or image.pushed_at <= older_than]
            if all(image.status != "ACTIVE" for image in old):
                continue
            there = replica.loaded.by_tag.get(tag, ())
            if {image.digest for image in there} == {image.digest for image in images}:
                continue
            if not there and all(replica.get(image.digest) is None for image in images):
                continue
            image, twin = only(tag, images), only(tag, there)
            if image and twin:
                moved[tag] = (image.digest, twin.digest)
            elif image:
                lost[tag] = image.digest
        return TagDifferences(sum(len(image.tags) for image in self.images), moved, lost)

    @cached_property
    def _by_digest(self) -> Mapping[str, Image]:
        return {image.digest: image for image in self.images}

    @cached_property
    def by_tag(self) -> Mapping[str, Sequence[Image]]:
        """The images that have each tag: one, unless it moved while they were listed."""
        found: dict[str, list[Image]] = {}
        for image in self.images:
            for tag in image.tags:
                found.setdefault(tag, []).append(image)
        return found


def only(tag: str, images: Sequence[Image]) -> Image | None:
    """Return the image that has a tag, None if none has; raise `InsufficientData` if several do.

    A tag is on one image at a time: one that is pushed while the pages of a list are fetched may be on two of them.
    """
    if len(images) > 1:
        raise InsufficientData(f"tag '{tag}' moved while the images were listed: it is on {len(images)} of them")
    return images[0] if images else None


class ImageIndex:
    """The images of all repositories that were listed.  Any thread may ask.

    What cannot be read any more, or not in the memory there is, raises `InsufficientData` that says so.
    """

    __slots__ = ("_listings", "_registries")

    def __init__(self, listings: Mapping[RepositoryKey, Listing] | None = None) -> None:
        self._listings = dict(listings or {})
        self._registries = frozenset((key.account, key.region) for key in self._listings)

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

    def __bool__(self) -> bool:
        """Tell whether any repository was listed."""
        return bool(self._listings)

    def holds(self, registry: Place) -> bool:
        """Tell whether any repository of a registry was listed."""
        return registry in self._registries

    def images(self, key: RepositoryKey) -> tuple[Image, ...]:
        """Return every image of a repository, of which there may be 100,000.

        Raises `InsufficientData` if it was not listed to the end, as all do that say what is not there.
        """
        listing = self._whole(key)
        with _readable(key):
            return listing.images

    def count(self, key: RepositoryKey) -> int:
        """Return how many images a repository has, whatever their status; raise as `images`."""
        return self._whole(key).count

    def listing(self, key: RepositoryKey) -> Listing | None:
        """Return what was listed of a repository, to the end or not; None if nobody asked."""
        return self._listings.get(key)

    def get(self, key: RepositoryKey, digest: str, among: Among | None = None) -> Image | None:
        """Return an image by digest, None if it is known not to be there; else raise `InsufficientData`.

        Who is going to ask about many in many repositories may give a function that says which, `among`: they are then
        looked for together.
        """
        listing = self._listings.get(key)
        with _readable(key):
            found = listing.get(digest, among) if listing else None
        if found is None:
            self._whole(key)  # absence is only known of a whole list
        return found

    def tagged(self, key: RepositoryKey, tag: str | None) -> Image | None:
        """Return the image that has a tag, None if none has; raise as `images`, and if several have it."""
        listing = self._whole(key)
        with _readable(key):
            return listing.tagged(tag) if tag is not None else None

    def referrers(self, key: RepositoryKey, digest: str) -> tuple[Image, ...]:
        """Return the images whose subject is `digest`: its signatures, SBOMs, attestations; raise as `images`."""
        listing = self._whole(key)
        with _readable(key):
            return listing.referrers(digest)

    def newest(self, key: RepositoryKey, count: int) -> tuple[Image, ...]:
        """Return up to `count` tagged ACTIVE images, those first that were pushed last; raise as `images`."""
        listing = self._whole(key)
        with _readable(key):
            return listing.newest(count)

    def missing(self, primary: RepositoryKey, standby: RepositoryKey | None, older_than: datetime) -> Missing:
        """Compare a repository with its replica, digest by digest; a `standby` of None is known not to exist.

        An image that is not in the standby is pending if it was pushed after `older_than`, else missing; so is one
        that has no push time.  Archived images of the primary are left out, since ECR replicates what is pushed or
        restored and archiving is per Region.  Raises as `images`.
        """
        replica = None if standby is None else self._whole(standby)
        listing = self._whole(primary)
        with _readable(primary):
            return listing.missing(replica, older_than)

    def tag_differences(self, primary: RepositoryKey, standby: RepositoryKey, older_than: datetime) -> TagDifferences:
        """Compare the tags of a repository with those of its replica; raise as `images`.

        Tags of images that were pushed after `older_than`, or cannot be pulled, are left out.
        """
        listing, replica = self._whole(primary), self._whole(standby)
        with _readable(primary):
            return listing.tag_differences(replica, older_than)

    def _whole(self, key: RepositoryKey) -> Listing:
        listing = self._listings.get(key)
        if listing is None:
            raise InsufficientData(f"the images of {key} were not listed")
        if listing.incomplete:
            raise InsufficientData(f"the images of {key} were not all listed: {listing.incomplete}")
        return listing


@contextmanager
def _readable(key: RepositoryKey) -> Iterator[None]:
    try:
        yield
    except RegionproofError as error:
        raise InsufficientData(f"the images of {key} could not be read: {error}. {error.hint}".rstrip(". ")) from error
