"""Amazon ECR: the registry, its repositories, and every image in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from scanner.collectors import ecr_registry
from scanner.collectors.ask import UNPUBLISHED, Answers, Ask, chunks, document, items, pick, structures
from scanner.collectors.ecr_images import IMAGE, rows
from scanner.collectors.ecr_manifests import BATCH_GET_IMAGE, INDEXES, MANIFEST, manifests
from scanner.collectors.ecr_registry import (
    DESCRIBE_STATUS,
    DESCRIBE_TEMPLATES,
    MOST_STATUSES,
    REGISTRY,
    STATUS,
    registry,
    with_exclusions,
)
from scanner.model import Gap, Resource, Unknown
from scanner.recorded import Stage

__all__ = [
    "AFTERWARDS",
    "CALLS",
    "DESCRIBE_STATUS",
    "IMAGE",
    "INDEXES",
    "MANIFEST",
    "MOST_STATUSES",
    "REGISTRY",
    "REPOSITORY",
    "STATUS",
    "TYPES",
    "keys",
    "listed",
    "names",
    "registry",
    "resources",
]

REPOSITORY = "AWS::ECR::Repository"
TYPES = (REGISTRY, REPOSITORY, MANIFEST)

# ECR publishes quotas of what pulls and pushes only, one for each operation.  The calls that come once for each
# repository are kept apart, so that they do not wait for one another.
_POLICIES = replace(UNPUBLISHED, family="repository policies")
_LIFECYCLES = replace(UNPUBLISHED, family="lifecycle policies")
_LISTINGS = replace(UNPUBLISHED, family="images")


def _repositories(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"repositoryName": name} for name in names(answers)]


def _batches(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"repositoryNames": batch} for batch in chunks(names(answers), 25)]


def names(answers: Answers) -> list[str]:
    """Return the names of the repositories that a registry was seen to have, sorted."""
    found = (_name(repository) for _, repository in answers.items(_DESCRIBE_REPOSITORIES))
    return sorted({name for name in found if name})


def _name(repository: Any) -> str | None:
    """Return the name of a repository, None if it has none that could be asked for."""
    name = repository.get("repositoryName") if isinstance(repository, dict) else None
    return name if isinstance(name, str) and name.isascii() and name.isprintable() else None


_DESCRIBE_REPOSITORIES = Ask(
    "DescribeRepositories", "repositories", (REPOSITORY,), parameters={"maxResults": 1000}, paged=True, fills=(IMAGE,)
)
_GET_POLICY = Ask(
    "GetRepositoryPolicy",
    "policyText",
    each=_repositories,
    absent=frozenset({"RepositoryPolicyNotFoundException"}),
    fills=(REPOSITORY,),
    rate=_POLICIES,
    per="repository",
)
_GET_LIFECYCLE = Ask(
    "GetLifecyclePolicy",
    "lifecyclePolicyText",
    each=_repositories,
    absent=frozenset({"LifecyclePolicyNotFoundException"}),
    fills=(REPOSITORY,),
    rate=_LIFECYCLES,
    per="repository",
)
_GET_FREQUENCIES = Ask(
    "BatchGetRepositoryScanningConfiguration",
    "scanningConfigurations",
    each=_batches,
    fills=(REPOSITORY,),
    per="25 repositories",
)
_DESCRIBE_IMAGES = Ask(
    "DescribeImages",
    "imageDetails",
    parameters={"maxResults": 1000, "filter": {"imageStatus": "ANY"}},  # the default leaves archived images out
    each=_repositories,
    paged=True,
    fills=(IMAGE,),
    rate=_LISTINGS,
    rows=rows,
    per="repository",
    stage=Stage.IMAGES,
)
CALLS = (
    *ecr_registry.CALLS,
    _DESCRIBE_REPOSITORIES,
    _GET_POLICY,
    _GET_LIFECYCLE,
    _GET_FREQUENCIES,
    _DESCRIBE_IMAGES,
)
AFTERWARDS = (DESCRIBE_STATUS, BATCH_GET_IMAGE)
"""What is asked of single digests, and only for a rule that names what it tells of."""


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the registry and its repositories; what could not be read of one is `Unknown` in it."""
    yield registry(answers)
    frequencies = _frequencies(answers)
    for answer, repository in answers.items(_DESCRIBE_REPOSITORIES):
        yield _repository(answers, repository, answer.at, frequencies)
    yield from manifests(answers)
    yield from answers.gaps(CALLS)


def listed(answers: Answers) -> tuple[dict[str, bool], bool]:
    """Return of each repository whether its images were listed to the end, and whether no other repository exists."""
    repositories = answers.of(_DESCRIBE_REPOSITORIES)
    known = dict.fromkeys(names(answers), False)
    for answer in answers.of(_DESCRIBE_IMAGES):
        known[answer.parameters["repositoryName"]] = answer.error is None
    return known, bool(repositories) and all(answer.error is None for answer in repositories)


def keys(answers: Answers) -> set[str]:
    """Return the KMS keys that the repositories and the creation templates of a registry name: ids, ARNs, aliases."""
    found = (*answers.items(_DESCRIBE_REPOSITORIES), *answers.items(DESCRIBE_TEMPLATES))
    encryptions = [item.get("encryptionConfiguration") for _, item in found]
    named = [encryption.get("kmsKey") for encryption in structures(encryptions)]
    return {key for key in named if isinstance(key, str) and key}


def _frequencies(answers: Answers) -> dict[str, Any]:
    """Return the scan frequency of each repository that was asked about, or why it was not seen."""
    operation = answers.name(_GET_FREQUENCIES)
    found: dict[str, Any] = {}
    for answer in answers.of(_GET_FREQUENCIES):
        why = f"{answer.error.code}: {answer.error.message}" if answer.error else "not answered"
        found |= {name: Unknown(f"{operation}: {why}") for name in answer.parameters["repositoryNames"]}
        for failure in structures(items(answer, "failures")):
            reason = f"{failure.get('failureCode')}: {failure.get('failureReason')}"
            found[str(failure.get("repositoryName"))] = Unknown(f"{operation}: {reason}")
        for scanning in structures(items(answer, _GET_FREQUENCIES.answer)):
            frequency = scanning.get("scanFrequency")
            if isinstance(frequency, str):
                found[str(scanning.get("repositoryName"))] = frequency
    return found


def _repository(answers: Answers, repository: Any, at: str, frequencies: Mapping[str, Any]) -> Resource | Gap:
    name = _name(repository)
    if not name:
        message = "a repository without a name was answered"
        return answers.gap(REPOSITORY, answers.name(_DESCRIBE_REPOSITORIES), "MalformedResponse", message)
    target = answers.target
    # What answers from before a feature lack is what ECR did then: the defaults of today.
    properties = {
        "RepositoryName": name,
        "ImageTagMutability": "MUTABLE",
        "ImageScanningConfiguration": {"ScanOnPush": False},
        "EncryptionConfiguration": {"EncryptionType": "AES256"},
        **pick(repository, "imageTagMutability", "imageScanningConfiguration", "encryptionConfiguration"),
        "LifecyclePolicy": answers.value(
            _GET_LIFECYCLE,
            {"repositoryName": name},
            lambda answer: {"LifecyclePolicyText": answer.pages[0]["lifecyclePolicyText"]},
        ),
        "RepositoryPolicyText": answers.value(
            _GET_POLICY,
            {"repositoryName": name},
            lambda answer: document(answer.pages[0].get("policyText"), f"the policy of '{name}'"),
        ),
        "ScanFrequency": frequencies.get(
            name, Unknown(f"{answers.name(_GET_FREQUENCIES)} was not asked in {target.place}")
        ),
    }
    arn = (
        repository.get("repositoryArn")
        or f"arn:{target.partition}:ecr:{target.region}:{target.account}:repository/{name}"
    )
    asks = (_DESCRIBE_REPOSITORIES, _GET_POLICY, _GET_LIFECYCLE, _GET_FREQUENCIES)
    return answers.resource(REPOSITORY, str(arn), name, with_exclusions(properties, repository), asks=asks, at=at)
