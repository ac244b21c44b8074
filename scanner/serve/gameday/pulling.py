"""Whether an image could be pulled now: by digest, from a repository that is not lost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scanner.images import Image, Listing
from scanner.model import Place
from scanner.references import InvalidReference, Reference, parse
from scanner.serve.gameday.lost import Lost
from scanner.serve.gameday.world import World


@dataclass(frozen=True)
class Pull:
    """What a pull comes to: `digest` is what is there; `error` is why it fails; `doubt` why nobody can tell.

    An image outside of ECR has none of these: it is not in the snapshot, and not lost with a Region either.
    """

    digest: str | None = None
    error: str | None = None
    doubt: str | None = None


def pull(world: World, lost: Lost, image: str, digest: str | None = None) -> Pull:
    """Return what pulling an image comes to; with `digest`, it is pulled by that, whatever its tag means."""
    try:
        reference = parse(image)
    except InvalidReference as error:
        return Pull(error=str(error))
    if digest is not None and reference.digest is None:
        reference, image = replace(reference, digest=digest), f"{image}@{digest}"
    key = reference.key
    if key is None or reference.is_aws_managed:
        return _lost_with_aws(lost, reference) or Pull(digest=reference.digest)
    if loss := lost.repository(*key):
        return Pull(error=f"failed to resolve ref {image}: {loss} is lost (game day)")
    listing = world.listing(key)
    if listing is None:
        return _unlisted(world, reference, image)
    found = _find(listing, reference)
    if found is not None:
        archived = f"failed to resolve ref {image}: the image is {found.status.lower()} (game day)"
        return Pull(found.digest) if found.status == "ACTIVE" else Pull(error=archived)
    if listing.incomplete:
        return Pull(doubt=f"the images of {key} were not all listed: {listing.incomplete}")
    if _is_cached(world, reference):
        return Pull(doubt=f"a pull-through cache would have to fetch {image}")
    return Pull(error=f"failed to resolve ref {image}: not found")


def _lost_with_aws(lost: Lost, reference: Reference) -> Pull | None:
    """Return the failure of a pull from a registry that AWS has in each Region, in one that is lost."""
    for loss in lost.losses:
        if loss.kind == "region" and loss.region == reference.region:
            return Pull(error=f"failed to resolve ref {reference}: {loss} is lost (game day)")
    return None


def _unlisted(world: World, reference: Reference, image: str) -> Pull:
    record = world.there(reference.place) if reference.place else None
    listed = record.listed("ecr", "DescribeRepositories", "repositories") if record else None
    names = None if listed is None else {repository.get("repositoryName") for repository in listed}
    if names is None or reference.repository in names:
        return Pull(doubt=f"the images of {reference.key} are not in this snapshot")
    if _is_cached(world, reference):
        return Pull(doubt=f"a pull-through cache would have to fetch {image}")
    return Pull(error=f"failed to resolve ref {image}: the repository does not exist")


def _find(listing: Listing, reference: Reference) -> Image | None:
    for image in listing.images:
        if image.digest == reference.digest if reference.digest else reference.tag in image.tags:
            return image
    return None


def _is_cached(world: World, reference: Reference) -> bool:
    """Tell whether a pull-through cache may fetch what is not there; where its rules were not seen, it may."""
    record = world.there(reference.place or Place(None, ""))
    rules = record.listed("ecr", "DescribePullThroughCacheRules", "pullThroughCacheRules") if record else None
    if rules is None:
        return True
    prefixes = (str(rule.get("ecrRepositoryPrefix")) for rule in rules)
    return any(prefix == "ROOT" or reference.repository.startswith(f"{prefix}/") for prefix in prefixes)
