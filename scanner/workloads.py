"""What running workloads pull, and where the standby of a pair would pull it from.

As with a `Twin`, reading something here that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from scanner.images import Image, RepositoryKey
from scanner.model import InsufficientData, Model, Pair, Place, Resource, Unknown
from scanner.references import InvalidReference, Reference, parse


def live_only(resource: Resource, name: str) -> Any:
    """Return a property that only an account can show, None for a resource of a file: it has none yet.

    Raises `InsufficientData` if the account was asked and the property was not seen.
    """
    unseen = any(key == name and type(value) is Unknown for key, value in resource.properties.raw())
    return None if unseen and resource.locations else resource[name]


def reference_of(image: Any) -> Reference:
    """Return what an image reference in a property says; raise `InsufficientData` if it says nothing."""
    try:
        return parse(image or "")
    except InvalidReference as error:
        raise InsufficientData(str(error)) from error


def digest_of(model: Model, reference: Reference, established: str | None) -> str:
    """Return the digest an image reference means.

    It is the one AWS `established` when it started the container, else the one the reference names, else the one its
    tag has now in its repository.  Raises `InsufficientData` if none of these is known.
    """
    digest = established or reference.digest
    if digest:
        return digest
    if reference.key is None or reference.tag is None:
        raise InsufficientData(f"which digest '{reference}' means cannot be told outside a private ECR registry")
    tagged = model.images.tags(reference.key).get(reference.tag)
    if tagged is None:
        raise InsufficientData(f"no image in {reference.key} has the tag '{reference.tag}'")
    return tagged.digest


def standby_registry(model: Model, registry: Place, pair: Pair) -> Place:
    """Return the registry from which the standby of a workload's pair would pull what is in `registry` today.

    A registry that is in the standby's Region already is its own.  Otherwise it is the standby of the registry's own
    pair, which need not be the workload's: images often live in an account of their own.
    """
    if registry.region == pair.standby.region:
        return registry
    if registry == pair.primary:
        return pair.standby
    found = {other.standby for other in model.pairs_of(registry) if other.standby.region == pair.standby.region}
    if len(found) != 1:
        which = "no standby" if not found else "more than one standby"
        raise InsufficientData(f"the registry {registry} has {which} in {pair.standby.region}; declare one in `pairs`")
    return found.pop()


def find_image(model: Model, repository: RepositoryKey, digest: str) -> Image | None:
    """Return an image, None if it, or its whole repository, is known not to exist; else raise `InsufficientData`."""
    try:
        return model.images.get(repository, digest)
    except InsufficientData:
        place = Place(repository.account, repository.region)
        if repository not in model.images and model.find("AWS::ECR::Repository", repository.name, place) is None:
            return None
        raise


_unseen: WeakKeyDictionary[Model, str | None] = WeakKeyDictionary()
_failing_over: WeakKeyDictionary[Model, dict[Place, frozenset[str]]] = WeakKeyDictionary()


def regions_that_fail_over_to(model: Model, place: Place) -> frozenset[str]:
    """Return the Regions of the primaries whose standby `place` is; empty if it is known to be no standby.

    `Model.pairs_of` gives the other side.  An active-active pair counts in both directions.  Raises
    `InsufficientData` if nothing was found but pairs follow from replication rules, some of which were not seen.
    """
    known = _failing_over.setdefault(model, {})
    if place not in known:
        known[place] = frozenset(region for pair in model.pairs for region in _primary_regions(pair, place))
    found = known[place]
    if not found and model.pairs_derived:
        if model not in _unseen:
            _unseen[model] = _unseen_replication(model)
        if reason := _unseen[model]:
            raise InsufficientData(f"which Regions are standbys follows from replication rules not all seen: {reason}")
    return found


def _primary_regions(pair: Pair, place: Place) -> Iterator[str]:
    directions = [(pair.primary, pair.standby)]
    if pair.dr_class == "active-active":
        directions.append((pair.standby, pair.primary))
    for primary, standby in directions:
        # A standby without an account is in the account of its primary; a pair with none is in every account.
        if standby.region == place.region and (standby.account or primary.account) in (None, place.account):
            yield primary.region


def _unseen_replication(model: Model) -> str | None:
    if gap := model.hidden("AWS::ECR::Registry"):
        return str(gap)
    for registry in model.of_type("AWS::ECR::Registry"):
        try:
            model.pairs_of(registry.place)
        except InsufficientData as reason:
            return str(reason)
    return None


class Replica:
    """The image of one running container, and its copy where the standby would pull it.

    `pointer` leads to the container in the workload's properties.  Each property raises `InsufficientData` when what
    it says was not seen, so that one container may be undecided while the others are judged.
    """

    def __init__(self, model: Model, pair: Pair, images: Any, number: int) -> None:
        self._model, self._pair, self._images, self._number = model, pair, images, number
        self.pointer = f"/ContainerImages/{number}"

    @property
    def container(self) -> str:
        """Return the name of the container, or its number in the list if it has none."""
        name: str | None = self._images[self._number]["ContainerName"]
        return name or str(self._number)

    @cached_property
    def reference(self) -> Reference:
        """Return where the container's image is pulled from today."""
        return reference_of(self._images[self._number]["Image"])

    @property
    def external(self) -> bool:
        """Tell whether somebody else keeps the image: another vendor, the ECR Public Gallery, or AWS for EKS."""
        return not self.reference.is_ecr or self.reference.is_aws_managed

    @cached_property
    def digest(self) -> str:
        """Return the digest that runs, or that a service with no tasks would run."""
        return digest_of(self._model, self.reference, self._images[self._number]["ImageDigest"])

    @cached_property
    def source(self) -> RepositoryKey:
        """Return the repository the image is pulled from today."""
        if self.reference.key is None:
            raise InsufficientData(f"'{self.reference}' is in no private ECR registry")
        return self.reference.key

    @cached_property
    def repository(self) -> RepositoryKey:
        """Return the repository the standby would pull from: replication never renames one."""
        registry = standby_registry(self._model, Place(self.source.account, self.source.region), self._pair)
        return RepositoryKey.of(registry, self.source.name)

    @cached_property
    def original(self) -> Image | None:
        """Return the image where it is pulled from today, None if it is known to be gone."""
        return find_image(self._model, self.source, self.digest)

    @cached_property
    def image(self) -> Image | None:
        """Return the copy in the standby, None if it is known not to exist."""
        return find_image(self._model, self.repository, self.digest)


def replicas(workload: Resource, pair: Pair, model: Model) -> list[Replica]:
    """Return the image of each container that a workload of the pair's primary runs now, with its copy.

    `ContainerImages` of a live service or task is read; an empty list of them raises `InsufficientData`.
    """
    images = workload["ContainerImages"]
    if not images:
        raise InsufficientData(f"which containers '{workload.id}' runs was not seen")
    return [Replica(model, pair, images, number) for number in range(len(images))]
