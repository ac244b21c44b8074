"""Image references: what `111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.2@sha256:...` says.

The grammar is that of the container runtimes (github.com/distribution/reference) with the registry hosts of Amazon ECR
in every partition; it needs the text alone.  Beside it stand the two ways in which ECR matches repository names, and
which references the workloads of a model make.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from scanner.images import RepositoryKey
from scanner.model import InsufficientData, Model, Place, Resource

MAX_LENGTH = 1024
"""Longer texts are refused: ECR allows 256 characters for a repository, 300 for a tag, 71 for a digest."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::\d{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,299}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?P<fips>-fips)?\.(?P<region>[a-z0-9]+(?:-[a-z0-9]+)+)\."
    r"(?P<suffix>amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn"
    r"|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)(?::443)?"
)

# Registries from which EKS add-ons and node components are pulled, one account per group of Regions.  From
# https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html; those of the isolated partitions from
# get-ecr-uri.sh of github.com/awslabs/amazon-eks-ami.  AWS fills them in every Region, so nobody replicates them.
_EKS_ADDON_ACCOUNTS = frozenset(
    re.findall(
        r"\d{12}",
        """
        602401143452 877085696533 800184023465 533267051163 900889452093 296578399912 491585149902 151610086707
        333609536671 121268973566 761377655185 900612956339 590381155156 455263428931 066635153087 759879836304
        558608220178 730335286997 918309763551 961992271922 151742754352 013241004608
        725322719131 187977181151 608367168043 249663109785 676585237158
        """,
    )
)


class InvalidReference(ValueError):
    """A text that names no image.  The message is a clause that says why."""


@dataclass(frozen=True)
class Reference:
    """Where an image is pulled from.

    `host` and `repository` are complete (`nginx` is `library/nginx` at `docker.io`).  `tag` is `latest` when neither
    tag nor digest was written; where both are, the digest decides.  `account` and `region` are None, `fips` and
    `dual_stack` false, unless the host is a private ECR registry.
    """

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None
    account: str | None = None
    region: str | None = None
    fips: bool = False
    dual_stack: bool = False

    @property
    def is_ecr(self) -> bool:
        """Tell whether the image is in a private ECR registry."""
        return self.account is not None

    @property
    def is_ecr_public(self) -> bool:
        """Tell whether the image is in the Amazon ECR Public Gallery."""
        return self.host in ("public.ecr.aws", "ecr-public.aws.com")

    @property
    def is_aws_managed(self) -> bool:
        """Tell whether AWS itself fills the registry in every Region (the images of EKS add-ons)."""
        return self.account in _EKS_ADDON_ACCOUNTS

    @property
    def place(self) -> Place | None:
        """Return the account and Region of a private ECR registry, None for any other."""
        return Place(self.account, self.region) if self.account and self.region else None

    @property
    def key(self) -> RepositoryKey | None:
        """Return the repository's key in the image index, None outside private ECR registries."""
        return RepositoryKey.of(self.place, self.repository) if self.place else None

    def __str__(self) -> str:
        return render(self)


@lru_cache(maxsize=65536)
def parse(image: str) -> Reference:
    """Return what an image reference says; raise `InvalidReference` if it is none."""
    if len(image) > MAX_LENGTH:
        raise InvalidReference(f"an image reference of {len(image)} characters is too long (at most {MAX_LENGTH})")
    name, at, digest = image.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InvalidReference(f"'{digest}' in image reference '{image}' is not a digest")
    # A colon after the last slash begins a tag; one before it belongs to the host's port.
    folder, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise InvalidReference(f"'{tag}' in image reference '{image}' is not a tag")
    host, repository = _host_and_repository(f"{folder}{slash}{last}")
    if not _HOST.fullmatch(host) or not _REPOSITORY.fullmatch(repository):
        raise InvalidReference(f"'{image}' is not an image reference")
    return Reference(
        host=host,
        repository=repository,
        tag=tag if colon else None if at else "latest",
        digest=digest if at else None,
        **_registry(host),
    )


def render(reference: Reference) -> str:
    """Return the reference as text, complete with host and tag or digest; `parse` reads the same back."""
    tag = f":{reference.tag}" if reference.tag else ""
    digest = f"@{reference.digest}" if reference.digest else ""
    return f"{reference.host}/{reference.repository}{tag}{digest}"


def _host_and_repository(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    # The runtimes' own rule: without a dot, a port, capitals or `localhost` the first part is a folder of Docker Hub.
    if not slash or not (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        first, rest = "docker.io", name
    host = first.lower()
    if host == "index.docker.io":
        host = "docker.io"
    if host == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    return host, rest


def _registry(host: str) -> dict[str, Any]:
    match = _ECR.fullmatch(host)
    if match is None:
        return {}
    return {
        "account": match["account"],
        "region": match["region"],
        "fips": match["fips"] is not None,
        "dual_stack": match["suffix"].startswith("on."),
    }


def matches_prefix(prefix: str, repository: str) -> bool:
    """Tell whether a PREFIX_MATCH filter of a replication rule covers a repository.

    The filter is a plain prefix of the name, not a path: `prod` covers `production/web` too.
    """
    return repository.startswith(prefix)


def sends_to(rule: Mapping[str, Any], destination: Place) -> bool:
    """Tell whether a rule of a ReplicationConfiguration names a registry among its destinations."""
    return any(
        item.get("Region") == destination.region and item.get("RegistryId") == destination.account
        for item in rule.get("Destinations") or ()
    )


def replicates(rule: Mapping[str, Any], repository: str, destination: Place) -> bool:
    """Tell whether a rule of a ReplicationConfiguration copies a repository to a registry.

    A rule without filters covers every repository.
    """
    if not sends_to(rule, destination):
        return False
    filters = rule.get("RepositoryFilters") or ()
    return not filters or any(_covers(item, repository) for item in filters)


def _covers(item: Mapping[str, Any], repository: str) -> bool:
    if item.get("FilterType") not in (None, "PREFIX_MATCH"):
        raise InsufficientData(f"replication filters of type '{item.get('FilterType')}' are not understood")
    return matches_prefix(item.get("Filter") or "", repository)


def template_for(templates: Iterable[Mapping[str, Any]], repository: str) -> Mapping[str, Any] | None:
    """Return the repository creation template that ECR would use for a new repository, None if none fits.

    Unlike a replication filter, a template's prefix covers whole path segments: ECR appends a slash to it.  The
    longest prefix wins; `ROOT` stands for everything that no other template covers.
    """
    best: Mapping[str, Any] | None = None
    length = -1
    for template in templates:
        given = template.get("Prefix")
        prefix = "" if given == "ROOT" else f"{str(given).rstrip('/')}/"
        if len(prefix) > length and repository.startswith(prefix):
            best, length = template, len(prefix)
    return best


@dataclass(frozen=True)
class Use:
    """A container image that a workload runs, or would run.

    `digest` is the one AWS established when the workload started, else the one the reference names, else None.
    """

    workload: Resource
    container: str
    reference: Reference
    digest: str | None


@dataclass(frozen=True)
class Uses:
    """The workloads that pull from one registry; `unseen` says why there may be others, empty if there are none."""

    seen: tuple[Use, ...]
    unseen: tuple[str, ...]

    def of(self, repository: str) -> list[Use]:
        """Return the uses of one repository."""
        return [use for use in self.seen if use.reference.repository == repository]


_WORKLOADS = ("AWS::ECS::Service", "AWS::ECS::Task", "AWS::ECS::TaskDefinition")
_Found = tuple[dict[Place | None, tuple[Use, ...]], tuple[tuple[Resource, str], ...]]
_all_uses: WeakKeyDictionary[Model, _Found] = WeakKeyDictionary()


def uses(model: Model, registry: Place) -> Uses:
    """Return which ECS workloads, in any place that was scanned, pull from the private registry of a place.

    `unseen` speaks of workloads in the registry's own account and Region: what other accounts might pull can never
    be known to the end.  A task definition counts as a workload where a template declares it.
    """
    if model not in _all_uses:
        _all_uses[model] = _find_uses(model)
    seen, unread = _all_uses[model]
    reasons = [f"{gap}" for type in _WORKLOADS if (gap := model.hidden(type, registry))]
    if registry not in model.scanned:
        reasons.append(f"{registry} was not scanned")
    reasons += [f"'{workload.id}': {reason}" for workload, reason in unread if _may_be_in(workload, registry)]
    return Uses(seen.get(registry, ()), tuple(dict.fromkeys(reasons)))


def _find_uses(model: Model) -> _Found:
    """Return what workloads pull, by registry (None for all that is not ECR), and those of which that was not seen."""
    seen: list[Use] = []
    unread: list[tuple[Resource, str]] = []
    for type in _WORKLOADS:
        for workload in model.of_type(type):
            if type != "AWS::ECS::TaskDefinition" or workload.locations:
                _read_uses(workload, model, seen, unread)
    by_registry: dict[Place | None, list[Use]] = {}
    for use in seen:
        by_registry.setdefault(use.reference.place, []).append(use)
    return {place: tuple(uses) for place, uses in by_registry.items()}, tuple(unread)


def _read_uses(workload: Resource, model: Model, seen: list[Use], unread: list[tuple[Resource, str]]) -> None:
    try:
        containers = _containers(workload, model)
    except InsufficientData as gap:
        unread.append((workload, str(gap)))
        return
    for number in range(len(containers)):
        try:
            container = containers[number]
            name = container.get("ContainerName") or container.get("Name") or str(number)
            reference = parse(container.get("Image") or "")
            seen.append(Use(workload, name, reference, container.get("ImageDigest") or reference.digest))
        except (InsufficientData, InvalidReference) as gap:
            unread.append((workload, str(gap)))


def _containers(workload: Resource, model: Model) -> Sequence[Mapping[str, Any]]:
    if workload.type == "AWS::ECS::TaskDefinition":
        return workload["ContainerDefinitions"] or ()
    try:
        running: Sequence[Mapping[str, Any]] | None = workload["ContainerImages"]
    except InsufficientData:
        if not workload.locations:
            raise
        running = None  # a template cannot say what runs, only what would
    if running:
        return running
    id = workload["TaskDefinition"]
    definition = model.get("AWS::ECS::TaskDefinition", id) if id else None
    if definition is None:
        raise InsufficientData(f"its task definition '{id}' was not seen" if id else "it names no task definition")
    return definition["ContainerDefinitions"] or ()


def _may_be_in(workload: Resource, place: Place) -> bool:
    return workload.account in (None, place.account) and workload.region in (None, place.region)
