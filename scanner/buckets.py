"""Buckets of S3: where one is, and what its replication brings to another Region.  Objects are never listed.

Reading something that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.model import InsufficientData, Model, Resource

BUCKET = "AWS::S3::Bucket"


def seen(name: str, model: Model) -> Resource:
    """Return the bucket of a name, of which there is one in the world."""
    for bucket in model.of_type(BUCKET):
        if bucket.name == name and bucket.region is None:
            raise InsufficientData(f"the Region of bucket '{name}' is not known")
        if bucket.name == name:
            return bucket
    raise InsufficientData(f"bucket '{name}' was not seen")


def copied(bucket: Resource, model: Model, key: str | None = None) -> Resource | None:
    """Return a bucket of another Region that gets a copy of all objects, or of the one with `key`; None if none does.

    Raises `InsufficientData` if one may.
    """
    if (bucket["VersioningConfiguration"] or {}).get("Status") != "Enabled":
        return None
    doubts = []
    for rule in (bucket["ReplicationConfiguration"] or {}).get("Rules") or ():
        if rule["Status"] == "Enabled":
            destination = str(rule["Destination"]["Bucket"]).rpartition(":")[2]
            try:
                copy = seen(destination, model)
            except InsufficientData as gap:
                doubts.append(str(gap))
                continue
            doubt = _left_out(rule, key) if copy.region != bucket.region else ""
            if copy.region != bucket.region and not doubt:
                return copy
            doubts += [f"'{copy.name}' gets a copy, but {doubt}"] if doubt else []
    if doubts:
        raise InsufficientData(doubts[0])
    return None


def _left_out(rule: Mapping[str, Any], key: str | None) -> str:
    """Return what a replication rule does not copy, empty if it copies all that is asked for."""
    if not _covers(rule, key):
        return "of a part alone, and which part is needed is not known"
    encrypted = (rule["SourceSelectionCriteria"] or {}).get("SseKmsEncryptedObjects") or {}
    return "" if encrypted.get("Status") == "Enabled" else "not of objects that are encrypted with KMS"


def _covers(rule: Mapping[str, Any], key: str | None) -> bool:
    """Tell whether a replication rule is about all objects of the bucket, or about the one with the key."""
    given = rule["Filter"] or {}
    narrowed = [name for name in given if given[name] and name != "Prefix"]
    prefix = rule["Prefix"] or given.get("Prefix") or ""
    return not narrowed and (not prefix or (key is not None and key.startswith(prefix)))
