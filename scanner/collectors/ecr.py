"""Amazon ECR: the registry, its repositories, and every image in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from scanner.collectors.ask import Answer, Answers, Ask, cloudformation, document, items, pick, structures
from scanner.images import Image
from scanner.model import Gap, Resource
from scanner.redaction import scrub

REGISTRY, REPOSITORY = "AWS::ECR::Registry", "AWS::ECR::Repository"
TYPES = (REGISTRY, REPOSITORY)
SETTINGS = ("REGISTRY_POLICY_SCOPE", "BLOB_MOUNTING", "BASIC_SCAN_TYPE_VERSION")

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_EXCLUSION = {
    "filterType": "ImageTagMutabilityExclusionFilterType",
    "filter": "ImageTagMutabilityExclusionFilterValue",
}


def _settings(answers: Answers) -> Iterable[dict[str, Any]]:  # noqa: ARG001 - the signature of `Ask.each`
    return [{"name": name} for name in SETTINGS]


def _repositories(answers: Answers) -> Iterable[dict[str, Any]]:
    names = {_name(repository) for _, repository in answers.items(_DESCRIBE_REPOSITORIES)}
    return [{"repositoryName": name} for name in sorted(name for name in names if name)]


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


_DESCRIBE_REGISTRY = Ask("DescribeRegistry", "replicationConfiguration")
_GET_REGISTRY_POLICY = Ask("GetRegistryPolicy", "policyText", absent=frozenset({"RegistryPolicyNotFoundException"}))
_GET_SCANNING = Ask("GetRegistryScanningConfiguration", "scanningConfiguration")
_DESCRIBE_TEMPLATES = Ask(
    "DescribeRepositoryCreationTemplates", "repositoryCreationTemplates", parameters={"maxResults": 1000}, paged=True
)
_DESCRIBE_CACHE_RULES = Ask(
    "DescribePullThroughCacheRules", "pullThroughCacheRules", parameters={"maxResults": 1000}, paged=True
)
_GET_SETTING = Ask("GetAccountSetting", "value", each=_settings)
_DESCRIBE_REPOSITORIES = Ask(
    "DescribeRepositories", "repositories", (REPOSITORY,), parameters={"maxResults": 1000}, paged=True
)
_GET_POLICY = Ask(
    "GetRepositoryPolicy",
    "policyText",
    each=_repositories,
    absent=frozenset({"RepositoryPolicyNotFoundException"}),
)
_GET_LIFECYCLE = Ask(
    "GetLifecyclePolicy",
    "lifecyclePolicyText",
    each=_repositories,
    absent=frozenset({"LifecyclePolicyNotFoundException"}),
)
_DESCRIBE_IMAGES = Ask(
    "DescribeImages",
    "imageDetails",
    parameters={"maxResults": 1000, "filter": {"imageStatus": "ANY"}},  # the default leaves archived images out
    each=_repositories,
    paged=True,
    images=images,
)
CALLS = (
    _DESCRIBE_REGISTRY,
    _GET_REGISTRY_POLICY,
    _GET_SCANNING,
    _DESCRIBE_TEMPLATES,
    _DESCRIBE_CACHE_RULES,
    _GET_SETTING,
    _DESCRIBE_REPOSITORIES,
    _GET_POLICY,
    _GET_LIFECYCLE,
    _DESCRIBE_IMAGES,
)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the registry and its repositories; what could not be read of one is `Unknown` in it."""
    yield _registry(answers)
    for answer, repository in answers.items(_DESCRIBE_REPOSITORIES):
        yield _repository(answers, repository, answer.at)
    yield from answers.gaps(CALLS)


def _registry(answers: Answers) -> Resource:
    account, region = answers.target.account, answers.target.region
    properties = {
        "RegistryId": account,
        "ReplicationConfiguration": answers.value(_DESCRIBE_REGISTRY, {}, _replication),
        "PolicyText": answers.value(_GET_REGISTRY_POLICY, {}, lambda answer: _policy(answer, "the registry policy")),
        "RepositoryCreationTemplates": answers.value(_DESCRIBE_TEMPLATES, {}, _templates),
        "PullThroughCacheRules": answers.value(_DESCRIBE_CACHE_RULES, {}, _cache_rules),
        "ScanningConfiguration": answers.value(
            _GET_SCANNING, {}, lambda answer: cloudformation(answer.pages[0]["scanningConfiguration"])
        ),
        "AccountSettings": {
            name: answers.value(_GET_SETTING, {"name": name}, lambda answer: answer.pages[0]["value"])
            for name in SETTINGS
        },
    }
    asked = answers.get(_DESCRIBE_REGISTRY, {})
    at = asked.at if asked else None
    return answers.resource(REGISTRY, f"aws://{account}/{region}/ecr", "registry", properties, asks=CALLS[:6], at=at)


def _replication(answer: Answer) -> dict[str, Any]:
    rules = answer.pages[0]["replicationConfiguration"].get("rules")
    return {"Rules": cloudformation(structures(rules))}


def _policy(answer: Answer, what: str) -> Any:
    return document(answer.pages[0].get("policyText"), what)


def _templates(answer: Answer) -> list[dict[str, Any]]:
    templates = structures(items(answer, "repositoryCreationTemplates"))
    return [_with_exclusions(_without_times(template), template) for template in templates]


def _cache_rules(answer: Answer) -> list[dict[str, Any]]:
    return [_without_times(rule) for rule in structures(items(answer, "pullThroughCacheRules"))]


def _without_times(structure: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = cloudformation(structure)
    return {key: value for key, value in properties.items() if key not in ("CreatedAt", "UpdatedAt")}


def _with_exclusions(properties: dict[str, Any], structure: dict[str, Any]) -> dict[str, Any]:
    """Add the exclusion filters under the names CloudFormation has for their members."""
    filters = structure.get("imageTagMutabilityExclusionFilters")
    if filters is None:
        return properties
    return {**properties, "ImageTagMutabilityExclusionFilters": cloudformation(filters, _EXCLUSION)}


def _repository(answers: Answers, repository: Any, at: str) -> Resource | Gap:
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
            _GET_POLICY, {"repositoryName": name}, lambda answer: _policy(answer, f"the policy of '{name}'")
        ),
    }
    arn = (
        repository.get("repositoryArn")
        or f"arn:{target.partition}:ecr:{target.region}:{target.account}:repository/{name}"
    )
    asks = (_DESCRIBE_REPOSITORIES, _GET_POLICY, _GET_LIFECYCLE)
    return answers.resource(REPOSITORY, str(arn), name, _with_exclusions(properties, repository), asks=asks, at=at)


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
