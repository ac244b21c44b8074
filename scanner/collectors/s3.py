"""Amazon S3: whether the buckets of a Region are versioned and replicated; objects are never listed or read.

Every bucket of the Region is looked at, with two requests: which of them holds state or artifacts that a failover
needs is known to infrastructure code, not to S3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, cloudformation, strings
from scanner.model import Gap, Resource

BUCKET = "AWS::S3::Bucket"
TYPES = (BUCKET,)


def _here(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"BucketRegion": answers.target.region}]


def _buckets(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"Bucket": name} for name in strings(bucket.get("Name") for _, bucket in answers.items(_LIST_BUCKETS))]


_LIST_BUCKETS = Ask(
    "ListBuckets",
    "Buckets",
    (BUCKET,),
    {"MaxBuckets": 1000},
    _here,
    paged=True,
    tokens=("ContinuationToken", "ContinuationToken"),
    actions=("s3:ListAllMyBuckets",),
)
_GET_VERSIONING = Ask("GetBucketVersioning", "", each=_buckets, fills=(BUCKET,), per="bucket")
_GET_REPLICATION = Ask(
    "GetBucketReplication",
    "ReplicationConfiguration",
    each=_buckets,
    absent=frozenset({"ReplicationConfigurationNotFoundError"}),
    fills=(BUCKET,),
    actions=("s3:GetReplicationConfiguration",),
    per="bucket",
)
CALLS = (_LIST_BUCKETS, _GET_VERSIONING, _GET_REPLICATION)
_NAMES = {"ID": "Id", "Tag": "TagFilter", "Tags": "TagFilters"}


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the buckets of the Region."""
    for answer, bucket in answers.items(_LIST_BUCKETS):
        yield _bucket(answers, bucket, answer)
    yield from answers.gaps(CALLS)


def _bucket(answers: Answers, bucket: dict[str, Any], answer: Answer) -> Resource | Gap:
    name = bucket.get("Name")
    if not (isinstance(name, str) and name):
        return answers.gap(BUCKET, answers.name(_LIST_BUCKETS), MALFORMED, "a bucket without a name was answered")
    properties = {
        "BucketName": name,
        "VersioningConfiguration": answers.value(_GET_VERSIONING, {"Bucket": name}, _versioning),
        "ReplicationConfiguration": answers.value(_GET_REPLICATION, {"Bucket": name}, _replication),
    }
    id = f"arn:{answers.target.partition}:s3:::{name}"
    return answers.resource(BUCKET, id, name, properties, asks=CALLS, at=answer.at)


def _versioning(answer: Answer) -> dict[str, Any] | None:
    """Return None for a bucket that was never versioned: S3 then answers an empty element."""
    status = answer.pages[0].get("Status")
    return None if status is None else {"Status": status}


def _replication(answer: Answer) -> Any:
    return cloudformation(answer.pages[0]["ReplicationConfiguration"], _NAMES)
