"""Image references: what `111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.2@sha256:...` says.

The grammar is that of the container runtimes (github.com/distribution/reference) with the registry hosts of Amazon ECR
in every partition; it needs the text alone.  Beside it stands which references the workloads of a model make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
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

_MENTION = re.compile(rf"{_ECR.pattern}/(?P<name>{_REPOSITORY.pattern})(?::(?P<tag>{_TAG.pattern}))?(?P<at>@sha256:)?")
_MENTION_ARN = re.compile(
    rf"arn:[a-z-]+:ecr:[a-z0-9-]+:\d{{12}}:repository/(?P<name>{_REPOSITORY.pattern})(:[0-9a-f]{{64}})?"
)

# Registries from which EKS add-ons and node components are pulled.  AWS fills them in every Region, so nobody
# replicates them; the account differs between Regions.  From
# https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html; those of the isolated partitions from
# get-ecr-uri.sh of github.com/awslabs/amazon-eks-ami.
_EKS_COMMON = (
    "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 ca-central-1 "
    "eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2"
)
_EKS_REGISTRIES = {
    **dict.fromkeys(_EKS_COMMON.split(), "602401143452"),
    "af-south-1": "877085696533",
    "ap-east-1": "800184023465",
    "ap-east-2": "533267051163",
    "ap-south-2": "900889452093",
    "ap-southeast-3": "296578399912",
    "ap-southeast-4": "491585149902",
    "ap-southeast-5": "151610086707",
    "ap-southeast-6": "333609536671",
    "ap-southeast-7": "121268973566",
    "ca-west-1": "761377655185",
    "cn-north-1": "918309763551",
    "cn-northwest-1": "961992271922",
    "eu-central-2": "900612956339",
    "eu-isoe-west-1": "249663109785",
    "eu-south-1": "590381155156",
    "eu-south-2": "455263428931",
    "il-central-1": "066635153087",
    "me-central-1": "759879836304",
    "me-south-1": "558608220178",
    "mx-central-1": "730335286997",
    "us-gov-east-1": "151742754352",
    "us-gov-west-1": "013241004608",
    "us-iso-east-1": "725322719131",
    "us-iso-west-1": "608367168043",
    "us-isob-east-1": "187977181151",
    "us-isof-south-1": "676585237158",
}
_EKS_ADDON_ACCOUNTS = frozenset(_EKS_REGISTRIES.values())


def eks_registry_account(region: str) -> str | None:
    """Return the account of AWS's own registry for EKS in a Region, None for one that AWS does not list."""
    return _EKS_REGISTRIES.get(region)


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


@dataclass(frozen=True)
class Mention:
    """A repository of a private ECR registry that a text names, and the tag if it names that and no digest."""

    repository: str
    tag: str | None = None


def mentions(text: str) -> Iterator[Mention]:
    """Yield the repositories of private ECR registries that a text names, whatever else it says.

    Image references are found, and ARNs of repositories and images.
    """
    if ".dkr" in text:
        for match in _MENTION.finditer(text):
            yield Mention(match["name"], None if match["at"] else match["tag"] or "latest")
    if ":repository/" in text:
        for match in _MENTION_ARN.finditer(text):
            yield Mention(match["name"].removesuffix("/sha256") if match[2] else match["name"])


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

    def of(self, repository: str) -> Sequence[Use]:
        """Return the uses of one repository."""
        return self._by_repository.get(repository, ())

    @cached_property
    def _by_repository(self) -> Mapping[str, Sequence[Use]]:
        found: dict[str, list[Use]] = {}
        for use in self.seen:
            found.setdefault(use.reference.repository, []).append(use)
        return found


TASK_DEFINITION, FUNCTION = "AWS::ECS::TaskDefinition", "AWS::Lambda::Function"
KUBERNETES = (
    "Kubernetes::CronJob",
    "Kubernetes::DaemonSet",
    "Kubernetes::Deployment",
    "Kubernetes::Job",
    "Kubernetes::Pod",
    "Kubernetes::StatefulSet",
)
WORKLOADS = ("AWS::ECS::Service", "AWS::ECS::Task", FUNCTION, *KUBERNETES)
"""Whatever runs containers; `ContainerImages` of each says which images a live one runs."""

_WORKLOADS = (*WORKLOADS, TASK_DEFINITION)
_Found = tuple[dict[Place | None, tuple[Use, ...]], tuple[tuple[Resource, str], ...]]
_all_uses: WeakKeyDictionary[Model, _Found] = WeakKeyDictionary()
_by_registry: WeakKeyDictionary[Model, dict[Place, Uses]] = WeakKeyDictionary()


def uses(model: Model, registry: Place) -> Uses:
    """Return which workloads, in any place that was scanned, pull from the private registry of a place.

    `unseen` speaks of workloads in the registry's own account and Region: what other accounts might pull can never
    be known to the end.  A task definition counts as a workload where a template declares it.
    """
    known = _by_registry.setdefault(model, {})
    if registry not in known:  # every repository of it asks
        known[registry] = _uses(model, registry)
    return known[registry]


def _uses(model: Model, registry: Place) -> Uses:
    if model not in _all_uses:
        _all_uses[model] = _find_uses(model, registry)
    seen, unread = _all_uses[model]
    reasons = [f"{gap}" for type in _WORKLOADS if (gap := model.hidden(type, registry))]
    if registry not in model.scanned:
        reasons.append(f"{registry} was not scanned")
    reasons += [f"'{workload.id}': {reason}" for workload, reason in unread if _may_be_in(workload, registry)]
    return Uses(seen.get(registry, ()), tuple(dict.fromkeys(reasons)))


def _find_uses(model: Model, registry: Place) -> _Found:
    """Return what workloads pull, by registry (None for all that is not ECR), and those of which that was not seen."""
    seen: list[Use] = []
    unread: list[tuple[Resource, str]] = []
    for type in _WORKLOADS:
        for workload in model.connected(type, registry):
            if type != TASK_DEFINITION or workload.locations:
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
    if workload.type == TASK_DEFINITION:
        return workload["ContainerDefinitions"] or ()
    try:
        running: Sequence[Mapping[str, Any]] | None = workload["ContainerImages"]
    except InsufficientData:
        if not workload.locations or workload.type in KUBERNETES:
            raise
        running = None  # a template cannot say what runs, only what would
    if running or workload.type in KUBERNETES:
        return running or ()
    if workload.type == FUNCTION:
        image = (workload["Code"] or {}).get("ImageUri") if workload["PackageType"] == "Image" else None
        return [{"ContainerName": workload.name, "Image": image}] if image else ()
    id = workload["TaskDefinition"]
    definition = model.get(TASK_DEFINITION, id) if id else None
    if definition is None:
        raise InsufficientData(f"its task definition '{id}' was not seen" if id else "it names no task definition")
    return definition["ContainerDefinitions"] or ()


def _may_be_in(workload: Resource, place: Place) -> bool:
    return workload.account in (None, place.account) and workload.region in (None, place.region)
