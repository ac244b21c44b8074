"""Secrets Manager and Parameter Store on a game day: that something is there; its value is forgotten at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scanner.serve.gameday.world import Write, refused
from scanner.serve.record import Answer

_LISTED = {"IncludePlannedDeletion": False}


def create_secret(write: Write) -> dict[str, Any]:
    """Create a secret."""
    name = write.parameters["Name"]
    if write.parameters.get("AddReplicaRegions"):
        raise refused(
            "InvalidParameterException", "Game day creates no replicas; create the secret where it is needed."
        )
    if any(one.get("Name") == name for one in write.listed("secretsmanager", "ListSecrets", "SecretList", **_LISTED)):
        message = f"The operation failed because the secret {name} already exists."
        raise refused("ResourceExistsException", message)
    arn = write.arn("secretsmanager", f"secret:{name}-{write.at:%H%M%S}")
    secret = {"ARN": arn, "Name": name, "CreatedDate": write.now, "Tags": write.parameters.get("Tags") or []}
    if "KmsKeyId" in write.parameters:
        secret["KmsKeyId"] = write.parameters["KmsKeyId"]
    write.edits.append("secretsmanager", "ListSecrets", "SecretList", secret, **_LISTED)
    for id in (arn, name):
        write.edits.answer("secretsmanager", "DescribeSecret", {"SecretId": id}, {**secret, "ReplicationStatus": []})
    return {"ARN": arn, "Name": name}


def put_value(write: Write) -> dict[str, Any]:
    """Take note of a new value."""
    secret = _secret(write)
    if secret.get("PrimaryRegion"):
        why = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
        raise refused("InvalidRequestException", why)
    stages = write.parameters.get("VersionStages") or ["AWSCURRENT"]
    version = write.parameters.get("ClientRequestToken") or f"game-day-{next(write.world.numbers)}"
    return {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version, "VersionStages": stages}


def stop_replication(write: Write) -> dict[str, Any]:
    """Let a replica be a secret of its own, whatever became of its primary."""
    secret = _secret(write)
    if not secret.get("PrimaryRegion"):
        raise refused("InvalidRequestException", "The secret is not a replica.")
    arn = secret["ARN"]

    def alone(described: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in described.items() if key != "PrimaryRegion"}

    def changed(answer: Answer) -> Answer:
        return replace(answer, pages=tuple(alone(page) if page.get("ARN") == arn else page for page in answer.pages))

    write.edits.update("secretsmanager", "ListSecrets", "SecretList", lambda one: one.get("ARN") == arn, alone(secret))
    write.record.change("secretsmanager", "DescribeSecret", changed)
    return {"ARN": arn}


def _secret(write: Write) -> Mapping[str, Any]:
    named = write.parameters["SecretId"]
    listed = write.listed("secretsmanager", "ListSecrets", "SecretList", **_LISTED)
    found = next((one for one in listed if named in (one.get("ARN"), one.get("Name"))), None)
    if found is None:
        raise refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    return dict(found)


def put_parameter(write: Write) -> dict[str, Any]:
    """Create a parameter, or write it again."""
    given = write.parameters
    name = given["Name"]
    listed = write.listed("ssm", "DescribeParameters", "Parameters")
    old = next((one for one in listed if one.get("Name") == name), None)
    if old is not None and not given.get("Overwrite"):
        message = (
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
        )
        raise refused("ParameterAlreadyExists", message)
    if old is None and "Type" not in given:
        raise refused("ValidationException", "A parameter type is required when you create a parameter.")
    kept = {key: given[key] for key in ("Name", "Type", "KeyId", "Tier", "DataType", "Description") if key in given}
    version = int((old or {}).get("Version") or 0) + 1
    new = {
        "Tier": "Standard",
        "DataType": "text",
        **(old or {}),
        **kept,
        "Version": version,
        "LastModifiedDate": write.now,
    }
    new["ARN"] = write.arn("ssm", f"parameter/{name.removeprefix('/')}")
    if old is None:
        write.edits.append("ssm", "DescribeParameters", "Parameters", new)
    else:
        write.edits.update("ssm", "DescribeParameters", "Parameters", lambda one: one.get("Name") == name, new)
    return {"Version": version, "Tier": new["Tier"]}


SECRET_WRITES = {
    "CreateSecret": create_secret,
    "PutSecretValue": put_value,
    "StopReplicationToReplica": stop_replication,
}
PARAMETER_WRITES = {"PutParameter": put_parameter}
