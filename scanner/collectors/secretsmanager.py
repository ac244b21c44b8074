"""AWS Secrets Manager: which secrets there are and where they are replicated to; values are never asked for.

All secrets are listed.  Only those are described whose replication a verdict can hang on: those that show a primary
Region, so have replicas or are one, and those that a task definition of the target names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors import ecs
from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, moment, strings, structures, tags
from scanner.model import Gap, Resource

SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - the name of a type
TYPES = (SECRET,)


def _worth_describing(answers: Answers) -> Iterable[dict[str, Any]]:
    wanted = set(_named(answers.others.get("ecs")))
    listed = structures([secret for _, secret in answers.items(_LIST_SECRETS)])
    arns = [s.get("ARN") for s in listed if s.get("PrimaryRegion") or not wanted.isdisjoint(_spellings(s))]
    return [{"SecretId": arn} for arn in strings(arns)]


def _named(tasks: Answers | None) -> list[str]:
    """Return what the task definitions of the target take secrets from, without JSON key, stage and version."""
    containers = [
        container
        for answer in (tasks.of(_DESCRIBE_DEFINITION) if tasks else ())
        for page in answer.pages
        for container in structures((page.get("taskDefinition") or {}).get("containerDefinitions"))
    ]
    sources = [secret.get("valueFrom") for container in containers for secret in structures(container.get("secrets"))]
    for container in containers:
        log = container.get("logConfiguration")
        options = log.get("secretOptions") if isinstance(log, dict) else None
        sources += [option.get("valueFrom") for option in structures(options)]
        credentials = container.get("repositoryCredentials")
        sources.append(credentials.get("credentialsParameter") if isinstance(credentials, dict) else None)
    return [":".join(source.split(":")[:7]) for source in strings(sources)]


def _spellings(secret: dict[str, Any]) -> list[str]:
    """Return how a task definition may name a secret: its ARN, with or without the six random characters; its name."""
    arn = secret.get("ARN")
    return strings([arn, arn.rpartition("-")[0] if isinstance(arn, str) else None, secret.get("Name")])


(_DESCRIBE_DEFINITION,) = (ask for ask in ecs.CALLS if ask.operation == "DescribeTaskDefinition")
_TOKENS = ("NextToken", "NextToken")
_LIST_SECRETS = Ask(
    "ListSecrets",
    "SecretList",
    (SECRET,),
    {"MaxResults": 100, "IncludePlannedDeletion": False},  # a secret that waits for its deletion cannot be read
    paged=True,
    tokens=_TOKENS,
)
_DESCRIBE_SECRET = Ask(
    "DescribeSecret", "ARN", each=_worth_describing, fills=(SECRET,), per="secret in use", reads=(ecs.TASK_DEFINITION,)
)
CALLS = (_LIST_SECRETS, _DESCRIBE_SECRET)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the secrets; the replicas of those that were not described are `Unknown`."""
    for answer, secret in answers.items(_LIST_SECRETS):
        yield _secret(answers, secret, answer)
    yield from answers.gaps(CALLS)


def keys(answers: Answers) -> set[str]:
    """Return the KMS keys that secrets name, but for the one that AWS manages: ids, ARNs, aliases."""
    secrets = structures([each for _, each in answers.items(_LIST_SECRETS)])
    named = strings(secret.get("KmsKeyId") for secret in secrets)
    return {key for key in named if not key.endswith("alias/aws/secretsmanager")}


def _secret(answers: Answers, secret: dict[str, Any], answer: Answer) -> Resource | Gap:
    arn, name = secret.get("ARN"), secret.get("Name")
    if not (isinstance(arn, str) and arn and isinstance(name, str) and name):
        return answers.gap(SECRET, answers.name(_LIST_SECRETS), MALFORMED, "a secret without a name was answered")
    properties = {
        "Name": name,
        "KmsKeyId": secret.get("KmsKeyId"),
        "PrimaryRegion": secret.get("PrimaryRegion"),
        "DeletedDate": moment(secret.get("DeletedDate")),
        "ReplicaRegions": answers.value(_DESCRIBE_SECRET, {"SecretId": arn}, _replicas),
    }
    labels = {str(tag.get("Key")): str(tag.get("Value") or "") for tag in structures(secret.get("Tags"))}
    return answers.resource(SECRET, arn, name, properties, asks=CALLS, at=answer.at, tags=tags(labels))


def _replicas(answer: Answer) -> list[dict[str, Any]]:
    replicas = structures(answer.pages[0].get("ReplicationStatus"))
    return [
        {key: replica.get(key) for key in ("Region", "KmsKeyId", "Status", "StatusMessage")} for replica in replicas
    ]
