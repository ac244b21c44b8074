"""Repairs that the drill asks for: log groups that are missing, and keys that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.serve.gameday.world import Write, refused


def create_log_group(write: Write) -> dict[str, Any]:
    """Create a log group whose absence was seen; of others nobody knows whether they are there."""
    name = write.parameters["logGroupName"]
    asked = {"logGroupNamePrefix": name}
    listed = write.listed("logs", "DescribeLogGroups", "logGroups", **asked)
    if any(group.get("logGroupName") == name for group in listed):
        raise refused("ResourceAlreadyExistsException", "The specified log group already exists")
    arn = write.arn("logs", f"log-group:{name}:*")
    group = {"logGroupName": name, "creationTime": int(write.now * 1000), "arn": arn}
    write.edits.append("logs", "DescribeLogGroups", "logGroups", group, **asked)
    return {}


def enable_key(write: Write) -> dict[str, Any]:
    """Let a key be used again."""
    key = _key(write)
    if key["KeyState"] in ("PendingDeletion", "PendingImport"):
        state = "deletion" if key["KeyState"] == "PendingDeletion" else "import"
        raise refused("KMSInvalidStateException", f"{key['Arn']} is pending {state}.")
    _set(write, {**key, "KeyState": "Enabled", "Enabled": True})
    return {}


def cancel_key_deletion(write: Write) -> dict[str, Any]:
    """Keep a key that was to be deleted; it is disabled then."""
    key = _key(write)
    if key["KeyState"] != "PendingDeletion":
        raise refused("KMSInvalidStateException", f"{key['Arn']} is not pending deletion.")
    kept = {name: value for name, value in key.items() if name != "DeletionDate"}
    _set(write, {**kept, "KeyState": "Disabled", "Enabled": False})
    return {"KeyId": key["Arn"]}


def _key(write: Write) -> Mapping[str, Any]:
    named = write.parameters["KeyId"]
    keys = write.listed("kms", "ListKeys", "Keys")
    if not any(named in (one.get("KeyId"), one.get("KeyArn")) for one in keys):
        raise refused("NotFoundException", f"Key '{named}' does not exist")
    for answer in write.record.of("kms", "DescribeKey"):
        for page in answer.pages:
            if named in (page["KeyMetadata"].get("KeyId"), page["KeyMetadata"].get("Arn")):
                return dict(page["KeyMetadata"])
    raise write.query.not_recorded(f"key '{named}' was not described")


def _set(write: Write, new: Mapping[str, Any]) -> None:
    write.edits.update("kms", "DescribeKey", "KeyMetadata", lambda one: one.get("Arn") == new["Arn"], new)


KEY_WRITES = {"EnableKey": enable_key, "CancelKeyDeletion": cancel_key_deletion}
"""The operations of KMS."""
