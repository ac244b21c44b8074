"""What if: the model as it would be if something were so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from scanner.errors import UsageError
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import InsufficientData, Model, Pair, Place, Resource, guard
from scanner.vocabulary import complete

_REPOSITORY = "AWS::ECR::Repository"


@dataclass(frozen=True)
class Assumption:
    """Something to take for granted: images of repositories that match `glob` are in every standby of theirs."""

    glob: str

    @classmethod
    def parse(cls, text: str) -> Assumption:
        """Return what `replicated:GLOB` means; raise `UsageError` for anything else."""
        kind, colon, glob = text.partition(":")
        if kind != "replicated" or not colon or not glob:
            raise UsageError(
                f"--assume: '{text}' is nothing that can be assumed",
                "Possible is replicated:GLOB, for example --assume 'replicated:prod/*'.",
            )
        return cls(glob)

    def __str__(self) -> str:
        return f"replicated:{self.glob}"


def failing_back(model: Model) -> Model:
    """Return the model with every pair turned round: the standby is what is lost, and the primary takes over."""
    turned = [replace(pair, primary=pair.standby, standby=pair.primary) for pair in _bound(model)]
    return model.amended(pairs=turned)


def _bound(model: Model) -> Iterator[Pair]:
    """Yield the pairs with their accounts where these follow, so that they can be turned round."""
    for pair in model.pairs:
        if pair.standby.account is None and pair.primary.account is not None:
            pair = replace(pair, standby=Place(pair.primary.account, pair.standby.region))
        yield pair


def assuming(model: Model, assumptions: Sequence[Assumption]) -> Model:
    """Return the model in which what is assumed is so: repositories are there, with the images of the primary's.

    Only what is known of the primary's can be assumed of the copy; what the standby has of its own stays.
    Raises `UsageError` for an assumption that is about no repository.
    """
    copies: dict[RepositoryKey, list[RepositoryKey]] = {}
    made: dict[str, Resource] = {}
    used: set[Assumption] = set()
    for repository in model.of_type(_REPOSITORY):
        matching = [one for one in assumptions if fnmatchcase(str(repository.name), one.glob)]
        if not matching:
            continue
        used.update(matching)
        for there in _standbys(model, repository):
            source, copy = (RepositoryKey.of(place, str(repository.name)) for place in (repository.place, there))
            copies.setdefault(copy, []).append(source)
            with suppress(InsufficientData):
                if model.find(_REPOSITORY, repository.name, there) is None:
                    replica = _copy(repository, there)
                    made[replica.id] = replica
    for one in assumptions:
        if one not in used:
            raise UsageError(
                f"--assume {one}: no repository that was seen has such a name",
                "The glob is matched against whole names, as in 'prod/*'.",
            )
    return model.amended(made.values(), images=_with_copies(model.images, copies))


def _standbys(model: Model, repository: Resource) -> list[Place]:
    with suppress(InsufficientData):
        return [pair.standby for pair in model.pairs_of(repository.place)]
    return []


def _copy(repository: Resource, there: Place) -> Resource:
    """Return a repository as replication makes it where no template applies: with AWS's defaults, and no policies."""
    id = repository.id.replace(f":{repository.region}:{repository.account}:", f":{there.region}:{there.account}:")
    properties = guard(complete(_REPOSITORY, {"RepositoryName": repository.name}))
    return Resource(_REPOSITORY, id, repository.name, there.account, there.region, properties)


def _with_copies(images: ImageIndex, copies: Mapping[RepositoryKey, Sequence[RepositoryKey]]) -> ImageIndex:
    listings = {key: listing for key in images if (listing := images.listing(key)) is not None}
    copied = {copy: _copied(images, copy, sources) for copy, sources in copies.items()}
    return ImageIndex({**listings, **copied})


def _copied(images: ImageIndex, copy: RepositoryKey, sources: Sequence[RepositoryKey]) -> Listing:
    """Return what a repository holds once the ACTIVE images of others are replicated to it.

    Replication takes tags along, away from what they meant there, and restores what is archived there.
    """
    own = images.listing(copy)
    reason = own.incomplete if own else None
    brought: dict[str, Image] = {}
    for source in sources:
        listing = images.listing(source)
        if listing is None or listing.incomplete:
            reason = reason or f"the images of {source}, which are assumed to be there, were not all listed"
        brought |= {one.digest: one for one in (listing.images if listing else ()) if one.status == "ACTIVE"}
    taken = {tag for one in brought.values() for tag in one.tags}
    kept = {
        one.digest: replace(one, tags=tuple(tag for tag in one.tags if tag not in taken))
        for one in (own.images if own else ())
    }
    return Listing(tuple((kept | brought).values()), reason)
