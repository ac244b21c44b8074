"""Amazon ECR on a game day: repositories, their policies and those of the registry.

Neither replication nor lifecycle policies do anything here.
"""

from __future__ import annotations

import json
from typing import Any

from scanner.images import Listing, RepositoryKey
from scanner.regions import partition_by_name
from scanner.serve.gameday.world import Write, not_simulated, refused
from scanner.serve.record import Answer


def create_repository(write: Write) -> dict[str, Any]:
    """Create a repository without images and policies."""
    name = write.parameters["repositoryName"]
    if any(one["repositoryName"] == name for one in _repositories(write)):
        raise refused(
            "RepositoryAlreadyExistsException", f"The repository with name '{name}' already exists{where(write)}"
        )
    domain = f"dkr.ecr.{write.place.region}.{partition_by_name(write.place.region)[1]}"
    repository = {
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": False},
        "encryptionConfiguration": {"encryptionType": "AES256"},
        **{key: value for key, value in write.parameters.items() if key not in ("tags", "registryId")},
        "registryId": write.place.account,
        "repositoryArn": write.arn("ecr", f"repository/{name}"),
        "repositoryUri": f"{write.place.account}.{domain}/{name}",
        "createdAt": write.now,
    }
    write.edits.append("ecr", "DescribeRepositories", "repositories", repository)
    for operation, kind in (("GetRepositoryPolicy", "Repository policy"), ("GetLifecyclePolicy", "Lifecycle policy")):
        code = f"{operation.removeprefix('Get')}NotFoundException"
        message = f"{kind} does not exist for the repository with name '{name}'{where(write)}"
        write.edits.fail("ecr", operation, {"repositoryName": name}, code, message)
    asked = {"repositoryName": name, "filter": {"imageStatus": "ANY"}}
    write.record.put("ecr", "DescribeImages", Answer(asked, None, (), None))
    write.world.push(RepositoryKey.of(write.place, name), Listing(()))
    return {"repository": repository}


def set_mutability(write: Write) -> dict[str, Any]:
    """Change whether tags can be moved."""
    repository = repository_of(write)
    kept = ("imageTagMutability", "imageTagMutabilityExclusionFilters")
    changes = {key: write.parameters[key] for key in kept if key in write.parameters}
    arn, new = repository["repositoryArn"], {**repository, **changes}
    write.edits.update("ecr", "DescribeRepositories", "repositories", lambda one: one.get("repositoryArn") == arn, new)
    return {**named(write), **changes}


def set_policy(write: Write) -> dict[str, Any]:
    """Set the policy of a repository."""
    repository_of(write)
    page = {**named(write), "policyText": _policy(write.parameters["policyText"])}
    write.edits.answer("ecr", "GetRepositoryPolicy", {"repositoryName": page["repositoryName"]}, page)
    return page


def put_lifecycle(write: Write) -> dict[str, Any]:
    """Set the lifecycle policy of a repository; nothing expires by it here."""
    repository_of(write)
    page = {**named(write), "lifecyclePolicyText": _policy(write.parameters["lifecyclePolicyText"])}
    write.edits.answer("ecr", "GetLifecyclePolicy", {"repositoryName": page["repositoryName"]}, page)
    return page


def delete_lifecycle(write: Write) -> dict[str, Any]:
    """Delete the lifecycle policy of a repository."""
    repository_of(write)
    name = write.parameters["repositoryName"]
    old = next(
        (one for one in write.record.of("ecr", "GetLifecyclePolicy") if one.parameters == {"repositoryName": name}),
        None,
    )
    if old is None:
        raise write.query.not_recorded("whether there is one was not seen")
    code, message = "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository"
    if old.error:
        raise refused(code, old.error.message)
    write.edits.fail(
        "ecr", "GetLifecyclePolicy", {"repositoryName": name}, code, f"{message} with name '{name}'{where(write)}"
    )
    return dict(old.pages[0])


def put_registry_policy(write: Write) -> dict[str, Any]:
    """Set the policy of the registry."""
    page = {"registryId": write.place.account, "policyText": _policy(write.parameters["policyText"])}
    write.edits.answer("ecr", "GetRegistryPolicy", {}, page)
    return page


def put_replication(write: Write) -> dict[str, Any]:
    """Set the replication rules of the registry; nothing is replicated by them here."""
    configuration = write.parameters["replicationConfiguration"]
    page = {"registryId": write.place.account, "replicationConfiguration": configuration}
    write.edits.answer("ecr", "DescribeRegistry", {}, page)
    return {"replicationConfiguration": configuration}


def _policy(text: str) -> str:
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict):
        raise refused("InvalidParameterException", "Invalid parameter: the policy is not a JSON object.")
    return text


def _repositories(write: Write) -> list[Any]:
    return write.listed("ecr", "DescribeRepositories", "repositories")


def repository_of(write: Write) -> dict[str, Any]:
    """Return the repository that a call names; raise ECR's error if it does not exist."""
    name = write.parameters["repositoryName"]
    if "registryId" in write.parameters:
        raise not_simulated(f"ecr:{write.query.operation} of another registry", "use keys of its account")
    found = next((one for one in _repositories(write) if one["repositoryName"] == name), None)
    if found is None:
        raise refused("RepositoryNotFoundException", f"The repository with name '{name}' does not exist{where(write)}")
    return dict(found)


def named(write: Write) -> dict[str, Any]:
    """Return what answers about a repository begin with."""
    return {"registryId": write.place.account, "repositoryName": write.parameters["repositoryName"]}


def where(write: Write) -> str:
    """Return how ECR's messages end."""
    return f" in the registry with id '{write.place.account}'"


WRITES = {
    "CreateRepository": create_repository,
    "DeleteLifecyclePolicy": delete_lifecycle,
    "PutImageTagMutability": set_mutability,
    "PutLifecyclePolicy": put_lifecycle,
    "PutRegistryPolicy": put_registry_policy,
    "PutReplicationConfiguration": put_replication,
    "SetRepositoryPolicy": set_policy,
}
