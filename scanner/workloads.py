"""What running workloads pull, and where the standby of a pair would pull it from.

As with a `Twin`, reading something here that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from scanner.images import Image, RepositoryKey
from scanner.model import InsufficientData, Model, Pair, Place, Resource, Unknown
from scanner.references import FUNCTION, KUBERNETES, TASK_DEFINITION, WORKLOADS, InvalidReference, Reference, Use, parse
from scanner.replication import ROOT, by_prefix, counterpart_name, replicates, rules_of

__all__ = [
    "FUNCTION",
    "KUBERNETES",
    "TASK_DEFINITION",
    "WORKLOADS",
    "Cache",
    "Container",
    "Replica",
    "cache_of",
    "cached_instead",
    "can_pull",
    "containers",
    "definition_of",
    "digest_of",
    "find_image",
    "is_absent",
    "live_only",
    "needed_digests",
    "reference_of",
    "regions_that_fail_over_to",
    "replicas",
    "repository_there",
    "standby_registry",
    "standbys_for",
]


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


class Container:
    """One container that a definition names: reading what was not seen of it raises `InsufficientData`.

    `pointer` leads to its image in the properties of the definition.
    """

    def __init__(self, described: Callable[[], Mapping[str, Any]], pointer: str, number: int) -> None:
        self._described, self.pointer, self._number = described, pointer, str(number)

    @property
    def name(self) -> str | None:
        """Return its name, None if it has none."""
        described = self._described()
        return described.get("ContainerName") or described.get("Name")

    def __str__(self) -> str:
        """Return what messages call it: its name, or its number in the list if that was not seen."""
        try:
            return self.name or self._number
        except InsufficientData:
            return self._number

    @property
    def reference(self) -> Reference:
        """Return where its image is pulled from."""
        return reference_of(self._described().get("Image"))

    @property
    def digest(self) -> str | None:
        """Return the digest that AWS established when it started the container, None if it did not."""
        return self._described().get("ImageDigest")


def _image_of(function: Resource) -> Mapping[str, Any]:
    return {"Name": function.name, "Image": (function["Code"] or {}).get("ImageUri")}


def containers(workload: Resource) -> list[Container]:
    """Return the containers that a task definition names, or that any other workload runs.

    Of a function in a file that is the image it would be made of; one that is an archive has none.  Raises
    `InsufficientData` if the list itself was not seen.
    """
    if workload.type == FUNCTION and workload.locations and live_only(workload, "ContainerImages") is None:
        if workload["PackageType"] != "Image":
            return []
        return [Container(lambda: _image_of(workload), "/Code/ImageUri", 1)]
    key, image = ("ContainerDefinitions", "/Image") if workload.type == TASK_DEFINITION else ("ContainerImages", "")
    listed = workload[key] or ()
    return [
        Container(partial(listed.__getitem__, number), f"/{key}/{number}{image}", number)
        for number in range(len(listed))
    ]


def definition_of(workload: Resource, model: Model) -> Resource:
    """Return what names the containers of a workload: the task definition of a service or task, else itself."""
    if workload.type not in ("AWS::ECS::Service", "AWS::ECS::Task"):
        return workload
    id = workload["TaskDefinition"]
    definition = model.get(TASK_DEFINITION, id) if id else None
    if definition is None:
        raise InsufficientData(f"its task definition '{id}' was not seen" if id else "it names no task definition")
    return definition


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
    tagged = model.images.tagged(reference.key, reference.tag)
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


def repository_there(model: Model, reference: Reference, pair: Pair) -> RepositoryKey:
    """Return the repository from which the standby would pull an image: replication never renames one."""
    source = _own(reference)
    return RepositoryKey.of(standby_registry(model, Place(source.account, source.region), pair), source.name)


def _own(reference: Reference) -> RepositoryKey:
    if reference.key is None:
        raise InsufficientData(f"'{reference}' is in no private ECR registry")
    return reference.key


def find_image(model: Model, repository: RepositoryKey, digest: str) -> Image | None:
    """Return an image, None if it, or its whole repository, is known not to exist; else raise `InsufficientData`."""
    try:
        return model.images.get(repository, digest, partial(_digests_that_run, model))
    except InsufficientData:
        if is_absent(model, repository):
            return None
        raise


def is_absent(model: Model, repository: RepositoryKey) -> bool:
    """Tell whether a repository is known not to exist; raise `InsufficientData` if nobody looked.

    Files alone do not say so: replication makes repositories that none of them declares.
    """
    place = Place(repository.account, repository.region)
    if repository in model.images or model.find("AWS::ECR::Repository", repository.name, place) is not None:
        return False
    if model.is_only_declared(place) and not model.images.holds(place):
        raise InsufficientData(f"the images of {repository} were not listed: no account was asked in '{place}'")
    return True


_running: WeakKeyDictionary[Model, frozenset[str]] = WeakKeyDictionary()


def _digests_that_run(model: Model) -> frozenset[str]:
    """Return the digests that AWS established for the workloads that are judged: these will be asked about."""
    if model not in _running:
        found: set[str] = set()
        for workload in (one for type in WORKLOADS for one in model.subjects(type)):
            with suppress(InsufficientData):
                found |= {image["ImageDigest"] or "" for image in workload["ContainerImages"] or ()}
        _running[model] = frozenset(found)
    return _running[model]


def can_pull(model: Model, use: Use, repository: RepositoryKey) -> bool:
    """Tell whether the image that a workload uses could be pulled from `repository`: an archived one could not.

    Raises `InsufficientData` if which image it is, or whether it is there, was not seen.
    """
    image = find_image(model, repository, digest_of(model, use.reference, use.digest))
    return image is not None and image.status == "ACTIVE"


def needed_digests(
    model: Model, running: Sequence[Use], repository: RepositoryKey, newest: int
) -> tuple[dict[str, str], list[str]]:
    """Return digest -> why it is needed, a clause, for the images of a repository that its standby cannot do without.

    They are those that workloads run (`running`, the uses of the repository), else the `newest` tagged ones.  Of an
    image that a live workload and a file need, the live one tells.  Also return what runs under a tag that no image
    has any more.
    """
    if not running:
        found = model.images.newest(repository, newest)
        return {image.digest: f"one of the newest '{newest}' tagged ones" for image in found}, []
    needed: dict[str, str] = {}
    unresolved: list[str] = []
    for use in sorted(running, key=lambda use: bool(use.workload.locations)):
        try:
            needed.setdefault(digest_of(model, use.reference, use.digest), f"which '{use.workload.id}' runs")
        except InsufficientData as gap:
            unresolved.append(str(gap))
    return needed, unresolved


def undeclared_at_most(user: Resource, model: Model) -> bool:
    """Tell whether what `user` names and nobody found may exist all the same: only files were asked, and not all."""
    return bool(user.locations) and not model.planned


class Cache(NamedTuple):
    """The rule by which a pull-through cache fills a repository: its prefix, `ROOT` for all others, and from where."""

    prefix: str
    upstream: str


def cache_of(model: Model, repository: RepositoryKey) -> Cache | None:
    """Return how a pull-through cache fills a repository on demand, None if none does.

    The longest prefix wins, and covers whole path segments.  Raises `InsufficientData` if the rules of the registry
    were not seen.
    """
    registry = model.find("AWS::ECR::Registry", "registry", Place(repository.account, repository.region))
    rules = (registry and registry["PullThroughCacheRules"]) or ()
    for rule in by_prefix(rules, "EcrRepositoryPrefix", repository.name):
        return Cache(rule["EcrRepositoryPrefix"], rule["UpstreamRegistryUrl"] or rule["UpstreamRegistry"])
    return None


def cached_instead(model: Model, repository: RepositoryKey, standby: Place) -> bool:
    """Tell whether no replication brings a repository to a standby, for pull-through caches fill it on both sides.

    A rule for everything (`ROOT`) does not say so, for images may be pushed below it as well.  Raises
    `InsufficientData` if what was seen of the rules of caches and of replication leaves it open.
    """
    registry = model.find("AWS::ECR::Registry", "registry", Place(repository.account, repository.region))
    with suppress(InsufficientData):  # then the caches alone may decide
        if registry is not None and replicates(rules_of(registry), repository.name, standby):
            return False
    both = (repository, RepositoryKey.of(standby, repository.name))
    if not all((cache := cache_of(model, key)) is not None and cache.prefix != ROOT for key in both):
        return False
    return registry is None or not replicates(rules_of(registry), repository.name, standby)


_failing_over: WeakKeyDictionary[Model, dict[tuple[Place, bool], frozenset[str]]] = WeakKeyDictionary()


def regions_that_fail_over_to(model: Model, place: Place, *, deployed: bool = False) -> frozenset[str]:
    """Return the Regions of the primaries whose standby `place` is; empty if it is known to be no standby.

    `Model.pairs_of` gives the other side.  An active-active pair counts in both directions; with `deployed`, pairs of
    the class backup-restore are left out, which have nothing in the standby that could start.  Raises
    `InsufficientData` if nothing was found but pairs follow from replication rules, some of which were not seen.
    """
    known = _failing_over.setdefault(model, {})
    if (place, deployed) not in known:
        pairs = [
            pair for pair in model.pairs_about(place.account) if not (deployed and pair.dr_class == "backup-restore")
        ]
        known[place, deployed] = frozenset(region for pair in pairs for region in _primary_regions(pair, place))
    found = known[place, deployed]
    if not found and model.pairs_derived and (reason := model.unseen_replication()):
        raise InsufficientData(f"which Regions are standbys follows from replication rules not all seen: {reason}")
    return found


def standbys_for(model: Model, place: Place) -> list[Place]:
    """Return where what is in `place` is to start when a Region is lost: its standbys, and itself if it is one.

    Pairs of the class backup-restore are left out.  Raises `InsufficientData` as `Model.pairs_of` does.
    """
    found = {pair.standby for pair in model.pairs_of(place) if pair.dr_class != "backup-restore"}
    if regions_that_fail_over_to(model, place, deployed=True):
        found.add(place)
    return sorted(found)


def _primary_regions(pair: Pair, place: Place) -> Iterator[str]:
    directions = [(pair.primary, pair.standby)]
    if pair.dr_class == "active-active":
        directions.append((pair.standby, pair.primary))
    for primary, standby in directions:
        # A standby without an account is in the account of its primary; a pair with none is in every account.
        if standby.region == place.region and (standby.account or primary.account) in (None, place.account):
            yield primary.region


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
        return _own(self.reference)

    @cached_property
    def repository(self) -> RepositoryKey:
        """Return the repository the standby would pull from: replication's, or the one that has the image instead."""
        there = repository_there(self._model, self.reference, self._pair)
        if self.counterpart is None or find_image(self._model, there, self.digest) is not None:
            return there
        return there if find_image(self._model, self.counterpart, self.digest) is None else self.counterpart

    @cached_property
    def counterpart(self) -> RepositoryKey | None:
        """Return what the standby has for itself of a repository that is named after its Region, None of any other."""
        there = repository_there(self._model, self.reference, self._pair)
        here, place = (Place(key.account, key.region) for key in (self.source, there))
        name = counterpart_name(there.name, here, place)
        return None if name is None else RepositoryKey.of(place, name)

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

    `ContainerImages` of any live workload is read; an empty list of them raises `InsufficientData`.
    """
    images = workload["ContainerImages"]
    if not images:
        raise InsufficientData(f"which containers '{workload.id}' runs was not seen")
    return [Replica(model, pair, images, number) for number in range(len(images))]
