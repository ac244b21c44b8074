"""Whether an image was pushed, in the registry that a reference names or in one that is paired with it.

An image goes by the name that a reference gives it: a digest or a tag.

Reading something here that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from scanner.images import Image, RepositoryKey
from scanner.model import InsufficientData, Model, Place
from scanner.replication import counterpart_name
from scanner.workloads import cache_of, find_image, is_absent


def tagged(model: Model, repository: RepositoryKey, tag: str) -> Image | None:
    """Return the image of a tag, None if it, or its whole repository, is known not to exist."""
    if is_absent(model, repository):
        return None
    return model.images.tagged(repository, tag)


def held(model: Model, repository: RepositoryKey, name: str) -> Image | None:
    """Return the image of a digest or a tag, None if it, or its whole repository, is known not to exist."""
    return find_image(model, repository, name) if ":" in name else tagged(model, repository, name)


def elsewhere(model: Model, repository: RepositoryKey, wanted: str) -> tuple[Place, Image] | None:
    """Return where a registry that is paired with that of a repository has an image; None if none has.

    The repository there has the same name, or is named after its own Region.
    """
    unseen: InsufficientData | None = None
    for place in _paired(model, Place(repository.account, repository.region)):
        own = counterpart_name(repository.name, Place(repository.account, repository.region), place)
        for name in filter(None, (repository.name, own)):
            try:
                found = held(model, RepositoryKey.of(place, name), wanted)
            except InsufficientData as gap:
                unseen = gap
                continue
            if found is not None:
                return place, found
    if unseen is not None:
        raise unseen
    return None


def not_pushed(
    model: Model, repository: RepositoryKey, name: str, grace: timedelta, *, started: bool = False
) -> tuple[bool, str]:
    """Return whether it is certain that an image which its repository does not hold will not come, and a clause why.

    It may, where no paired registry has it either and nothing has `started` it yet, or one has it since less than
    `grace`.
    """
    other = elsewhere(model, repository, name)
    if other is None:
        return started, "which neither Region has" + (" any more" if started else "; it may not be pushed yet")
    place, image = other
    only = f"which '{place}' has and '{repository.account}/{repository.region}' does not"
    if image.pushed_at and image.pushed_at > model.as_of - grace:
        return False, f"{only}; pushed at '{image.pushed_at.isoformat()}', it may still be on its way"
    return True, only


def will_not_come(
    model: Model, repository: RepositoryKey, name: str, grace: timedelta, *, started: bool = False
) -> tuple[bool, str]:
    """Return as `not_pushed` does, for what can pull through a cache: that may bring the image when it is asked."""
    if cache := cache_of(model, repository):
        return False, f"which '{cache.upstream}' may still bring to '{repository.account}/{repository.region}'"
    return not_pushed(model, repository, name, grace, started=started)


def _paired(model: Model, place: Place) -> Iterator[Place]:
    """Yield the places that are the standby of one, or of which it is the standby."""
    found = [pair.standby for pair in model.pairs_of(place)]
    found += [
        Place(pair.primary.account or place.account, pair.primary.region)
        for pair in model.pairs
        if pair.standby.region == place.region and pair.standby.account in (None, place.account)
    ]
    yield from dict.fromkeys(each for each in found if each != place)
