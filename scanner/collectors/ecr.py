"""Amazon ECR: the registry, its repositories, and every image in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from scanner.collectors import ecr_registry
from scanner.collectors.ask import UNPUBLISHED, Answers, Ask, chunks, document, items, pick, structures
from scanner.collectors.ecr_registry import AFTERWARDS, DESCRIBE_TEMPLATES, REGISTRY, registry, with_exclusions
from scanner.images import Image
from scanner.model import Gap, Resource, Unknown
from scanner.redaction import scrub

__all__ = ["AFTERWARDS", "CALLS", "IMAGE", "REGISTRY", "REPOSITORY", "TYPES", "images", "keys", "resources"]

REPOSITORY = "AWS::ECR::Repository"
IMAGE = "AWS::ECR::Image"
"""What the rows of the image index are; no template declares one."""
TYPES = (REGISTRY, REPOSITORY)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# ECR publishes quotas of what pulls and pushes only, one for each operation.  The calls that come once for each
# repository are kept apart, so that they do not wait for one another.
_POLICIES = replace(UNPUBLISHED, family="repository policies")
_LIFECYCLES = replace(UNPUBLISHED, family="lifecycle policies")
_LISTINGS = replace(UNPUBLISHED, family="images")


def _repositories(answers: Answers) -> Iterable[dict[str, Any]]:
    names = {_name(repository) for _, repository in answers.items(_DESCRIBE_REPOSITORIES)}
    return [{"repositoryName": name} for name in sorted(name for name in names if name)]


def _batches(answers: Answers) -> Iterable[dict[str, Any]]:
    names = [parameters["repositoryName"] for parameters in _repositories(answers)]
    return [{"repositoryNames": batch} for batch in chunks(names, 25)]


def _name(repository: Any) -> str | None:
    """Return the name of a repository, None if it has none that could be asked for."""
    name = repository.get("repositoryName") if isinstance(repository, dict) else None
    return name if isinstance(name, str) and name.isascii() and name.isprintable() else None


def images(details: Sequence[Any]) -> tuple[list[Image], str | None]:
    """Return the images that `imageDetails` describe, by digest, and why not all could be read (None if all were)."""
    found: dict[str, Image] = {}
    problem = None
    for detail in details:
        try:
            image = _image(detail)
        except (ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
            problem = problem or f"an image could not be read: {error}"
        else:
            found[image.digest] = image
    return [found[digest] for digest in sorted(found)], problem


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
)
_GET_LIFECYCLE = Ask(
    "GetLifecyclePolicy",
    "lifecyclePolicyText",
    each=_repositories,
    absent=frozenset({"LifecyclePolicyNotFoundException"}),
    fills=(REPOSITORY,),
    rate=_LIFECYCLES,
)
_GET_FREQUENCIES = Ask(
    "BatchGetRepositoryScanningConfiguration", "scanningConfigurations", each=_batches, fills=(REPOSITORY,)
)
_DESCRIBE_IMAGES = Ask(
    "DescribeImages",
    "imageDetails",
    parameters={"maxResults": 1000, "filter": {"imageStatus": "ANY"}},  # the default leaves archived images out
    each=_repositories,
    paged=True,
    fills=(IMAGE,),
    rate=_LISTINGS,
    images=images,
)
CALLS = (
    *ecr_registry.CALLS,
    _DESCRIBE_REPOSITORIES,
    _GET_POLICY,
    _GET_LIFECYCLE,
    _GET_FREQUENCIES,
    _DESCRIBE_IMAGES,
)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the registry and its repositories; what could not be read of one is `Unknown` in it."""
    yield registry(answers)
    frequencies = _frequencies(answers)
    for answer, repository in answers.items(_DESCRIBE_REPOSITORIES):
        yield _repository(answers, repository, answer.at, frequencies)
    yield from answers.gaps(CALLS)


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


def _image(detail: Any) -> Image:
    size = detail.get("imageSizeInBytes")
    if size is not None and not (type(size) is int and 0 <= size < 2**63):
        raise ValueError(f"{size!r} is not a size in bytes")
    return Image(
        digest=_digest(detail.get("imageDigest")),
        tags=_tags(detail.get("imageTags")),
        pushed_at=_time(detail.get("imagePushedAt")),
        size=size,
        status=_text(detail.get("imageStatus")) or "ACTIVE",
        media_type=_text(detail.get("imageManifestMediaType")),
        artifact_media_type=_text(detail.get("artifactMediaType")),
        subject=_digest(detail["subjectManifestDigest"]) if detail.get("subjectManifestDigest") else None,
        last_pulled_at=_time(detail.get("lastRecordedPullTime")),
        last_archived_at=_time(detail.get("lastArchivedAt")),
        last_activated_at=_time(detail.get("lastActivatedAt")),
    )


def _tags(value: Any) -> tuple[str, ...]:
    if value is not None and not isinstance(value, list):
        raise TypeError("its tags are no list")
    return tuple(sorted(_text(tag) or "" for tag in value or ()))


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{scrub(str(value))[:100]!r} is not a sha256 digest")
    return value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    value.encode()  # a lone surrogate is no text
    if "\0" in value:
        raise ValueError(f"{value!r} is no text")
    return scrub(value)


def _time(value: Any) -> datetime | None:
    """Return the time of an epoch second, as the JSON protocol has it."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a time")
    return datetime.fromtimestamp(value, UTC)
