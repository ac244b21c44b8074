"""Amazon ECR: the settings of a registry, which no repository has of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from scanner.collectors.ask import UNPUBLISHED, Answer, Answers, Ask, cloudformation, document, items, structures
from scanner.collectors.ecr_images import IMAGE
from scanner.model import Resource, Unknown
from scanner.recorded import Stage

REGISTRY = "AWS::ECR::Registry"
SETTINGS = ("REGISTRY_POLICY_SCOPE", "BLOB_MOUNTING", "BASIC_SCAN_TYPE_VERSION")

_EXCLUSION = {
    "filterType": "ImageTagMutabilityExclusionFilterType",
    "filter": "ImageTagMutabilityExclusionFilterValue",
}
_FILLS = (REGISTRY,)
_PAGE = {"maxResults": 1000}


def _settings(answers: Answers) -> Iterable[dict[str, Any]]:  # noqa: ARG001 - the signature of `Ask.each`
    return [{"name": name} for name in SETTINGS]


_DESCRIBE_REGISTRY = Ask("DescribeRegistry", "replicationConfiguration", fills=_FILLS)
_GET_POLICY = Ask(
    "GetRegistryPolicy", "policyText", absent=frozenset({"RegistryPolicyNotFoundException"}), fills=_FILLS
)
_GET_SCANNING = Ask("GetRegistryScanningConfiguration", "scanningConfiguration", fills=_FILLS)
DESCRIBE_TEMPLATES = Ask(
    "DescribeRepositoryCreationTemplates", "repositoryCreationTemplates", parameters=_PAGE, paged=True, fills=_FILLS
)
_DESCRIBE_CACHE_RULES = Ask(
    "DescribePullThroughCacheRules", "pullThroughCacheRules", parameters=_PAGE, paged=True, fills=_FILLS
)
_GET_SETTING = Ask("GetAccountSetting", "value", each=_settings, fills=_FILLS)
_GET_SIGNING = Ask(
    "GetSigningConfiguration",
    "signingConfiguration",
    absent=frozenset({"SigningConfigurationNotFoundException"}),
    fills=_FILLS,
)
_LIST_EXCLUSIONS = Ask(
    "ListPullTimeUpdateExclusions", "pullTimeUpdateExclusions", parameters=_PAGE, paged=True, fills=_FILLS
)
_LIST_BACKFILLS = Ask("ListReplicationBackfills", "backfills", parameters={"maxResults": 50}, paged=True, fills=_FILLS)
CALLS = (
    _DESCRIBE_REGISTRY,
    _GET_POLICY,
    _GET_SCANNING,
    DESCRIBE_TEMPLATES,
    _DESCRIBE_CACHE_RULES,
    _GET_SETTING,
    _GET_SIGNING,
    _LIST_EXCLUSIONS,
    _LIST_BACKFILLS,
)
STATUS = "AWS::ECR::ReplicationStatus"
"""What `needs` calls the `ReplicationStatuses` of a registry."""
MOST_STATUSES = 50
"""So many images of a registry are asked about: each costs a request, and shows why it is not in the standby."""
DESCRIBE_STATUS = Ask(
    "DescribeImageReplicationStatus",
    "replicationStatuses",
    each=lambda _: (),  # `digests` chooses
    fills=(STATUS,),
    rate=replace(UNPUBLISHED, family="replication status"),
    per=f"image that a standby lacks, {MOST_STATUSES} a registry",
    reads=(REGISTRY, IMAGE),
    stage=Stage.DIGESTS,
)


def registry(answers: Answers) -> Resource:
    """Return the registry; what could not be read of it is `Unknown` in it."""
    account, region = answers.target.account, answers.target.region
    properties = {
        "RegistryId": account,
        "ReplicationConfiguration": answers.value(_DESCRIBE_REGISTRY, {}, _replication),
        "PolicyText": answers.value(
            _GET_POLICY, {}, lambda answer: document(answer.pages[0].get("policyText"), "the registry policy")
        ),
        "RepositoryCreationTemplates": answers.value(DESCRIBE_TEMPLATES, {}, _templates),
        "PullThroughCacheRules": answers.value(_DESCRIBE_CACHE_RULES, {}, _cache_rules),
        "ScanningConfiguration": answers.value(
            _GET_SCANNING, {}, lambda answer: cloudformation(answer.pages[0]["scanningConfiguration"])
        ),
        "SigningConfiguration": answers.value(_GET_SIGNING, {}, _signing),
        "PullTimeUpdateExclusions": answers.value(
            _LIST_EXCLUSIONS, {}, lambda answer: items(answer, _LIST_EXCLUSIONS.answer)
        ),
        "ReplicationBackfills": answers.value(_LIST_BACKFILLS, {}, _backfills),
        "ReplicationStatuses": _statuses(answers),
        "ReplicationStatusesLeftOut": _left_out(answers),
        "AccountSettings": {
            name: answers.value(_GET_SETTING, {"name": name}, lambda answer: answer.pages[0]["value"])
            for name in SETTINGS
        },
    }
    asked = answers.get(_DESCRIBE_REGISTRY, {})
    at = asked.at if asked else None
    return answers.resource(REGISTRY, f"aws://{account}/{region}/ecr", "registry", properties, asks=CALLS, at=at)


def with_exclusions(properties: dict[str, Any], structure: dict[str, Any]) -> dict[str, Any]:
    """Add the exclusion filters of a repository or template under the names CloudFormation has for their members."""
    filters = structure.get("imageTagMutabilityExclusionFilters")
    if filters is None:
        return properties
    return {**properties, "ImageTagMutabilityExclusionFilters": cloudformation(filters, _EXCLUSION)}


def _replication(answer: Answer) -> dict[str, Any]:
    rules = answer.pages[0]["replicationConfiguration"].get("rules")
    return {"Rules": cloudformation(structures(rules))}


def _templates(answer: Answer) -> list[dict[str, Any]]:
    templates = structures(items(answer, "repositoryCreationTemplates"))
    return [with_exclusions(_without_times(template), template) for template in templates]


def _cache_rules(answer: Answer) -> list[dict[str, Any]]:
    return [_without_times(rule) for rule in structures(items(answer, "pullThroughCacheRules"))]


def _without_times(structure: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = cloudformation(structure)
    return {key: value for key, value in properties.items() if key not in ("CreatedAt", "UpdatedAt")}


def _signing(answer: Answer) -> dict[str, Any]:
    return {"Rules": cloudformation(structures(answer.pages[0]["signingConfiguration"].get("rules")))}


def _backfills(answer: Answer) -> list[dict[str, Any]]:
    return [
        {**cloudformation(backfill), **_times(backfill, "startedAt", "endedAt")}
        for backfill in structures(items(answer, _LIST_BACKFILLS.answer))
    ]


def _times(structure: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return members that are epoch seconds as RFC 3339 text."""
    return {key[:1].upper() + key[1:]: _time(structure[key]) for key in keys if structure.get(key) is not None}


def _time(value: Any) -> Any:
    try:
        time = datetime.fromtimestamp(value, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return Unknown("the time that ECR answered is none")
    return time.isoformat().replace("+00:00", "Z")


def _statuses(answers: Answers) -> Any:
    """Return what ECR says of the replication of single images; nothing is known of those nobody asked about."""
    asked = answers.of(DESCRIBE_STATUS)
    if not asked:
        return Unknown(f"{answers.name(DESCRIBE_STATUS)} was not asked in {answers.target.place}")
    return [status for answer in asked for status in _of_image(answers, answer)]


def _left_out(answers: Answers) -> Any:
    """Return how many images that a standby lacks were not asked about."""
    if not answers.of(DESCRIBE_STATUS):
        return Unknown(f"{answers.name(DESCRIBE_STATUS)} was not asked in {answers.target.place}")
    left_out = answers.left_out.get(answers.name(DESCRIBE_STATUS))
    return left_out.count if left_out else 0


def _of_image(answers: Answers, answer: Answer) -> Iterator[dict[str, Any]]:
    parameters = answer.parameters
    image = {"RepositoryName": parameters["repositoryName"], "ImageDigest": parameters["imageId"]["imageDigest"]}
    members = ("Region", "RegistryId", "Status", "FailureCode")
    if answer.error:
        why = f"{answers.name(DESCRIBE_STATUS)}: {answer.error.code}: {answer.error.message}"
        yield {**image, **{member: Unknown(why) for member in members}}
    statuses = structures(items(answer, DESCRIBE_STATUS.answer))
    if not statuses and not answer.error:
        yield image  # replication of it was never begun
    for status in statuses:
        yield {**image, **{key: value for key, value in cloudformation(status).items() if key in members}}
