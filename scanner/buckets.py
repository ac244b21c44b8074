"""Buckets of S3: where one is, and what its replication brings to another Region.  Objects are never listed.

Semantics: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
Reading something that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.model import InsufficientData, Model, Place, Resource

BUCKET = "AWS::S3::Bucket"


def seen(model: Model, name: str) -> Resource:
    """Return the bucket of a name, of which there is one in the world; raise where it was not seen."""
    for bucket in model.named(BUCKET, name):
        if bucket.region is None:
            raise InsufficientData(f"the Region of bucket '{name}' is not known")
        return bucket
    raise InsufficientData(f"bucket '{name}' was not seen")


def bucket_of(model: Model, name: str, place: Place) -> Resource:
    """Return the bucket that something in a place names; raise where it was not seen."""
    return model.find(BUCKET, name, place) or seen(model, name)


def survives(bucket: Resource, model: Model, lost: str) -> str | None:
    """Return why what a bucket holds is there when a Region is lost, None if it is not."""
    if bucket.region != lost:
        return f"it is in {bucket.region}"
    copy = copied(bucket, model)
    return None if copy is None else f"it is replicated to {copy.name}"


def copied(bucket: Resource, model: Model, key: str | None = None) -> Resource | None:
    """Return a bucket of another Region that gets a copy of all objects, or of the one with `key`; None if none does.

    S3 replicates versioned buckets alone, and objects that are encrypted with KMS only where a rule selects them;
    what keys objects have was not seen, so a rule that leaves those out raises `InsufficientData`.
    """
    if (bucket["VersioningConfiguration"] or {}).get("Status") != "Enabled":
        return None
    doubts = []
    for rule in (bucket["ReplicationConfiguration"] or {}).get("Rules") or ():
        if rule["Status"] == "Enabled":
            destination = str(rule["Destination"]["Bucket"]).rpartition(":")[2]
            try:
                copy = seen(model, destination)
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
