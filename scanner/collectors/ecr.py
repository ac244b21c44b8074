"""Amazon ECR: the registry, its repositories, and every image in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import Answer, Answers, Ask, cloudformation, document, items, pick, structures
from scanner.collectors.ecr_images import rows
from scanner.model import Gap, Resource

REGISTRY, REPOSITORY = "AWS::ECR::Registry", "AWS::ECR::Repository"
TYPES = (REGISTRY, REPOSITORY)
SETTINGS = ("REGISTRY_POLICY_SCOPE", "BLOB_MOUNTING", "BASIC_SCAN_TYPE_VERSION")

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
    rows=rows,
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
