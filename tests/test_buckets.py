"""What is still there of a bucket when its Region is lost."""

from datetime import UTC, datetime

import pytest

from scanner.buckets import BUCKET, bucket_of, seen, survives
from scanner.images import ImageIndex
from scanner.model import InsufficientData, Model, Place, Resource, Unknown, guard

HERE, AWAY = Place("111122223333", "us-east-1"), Place("111122223333", "us-west-2")
KMS = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}


def bucket(name, region="us-east-1", *, versioning="Enabled", rules=()):
    properties = {
        "BucketName": name,
        "VersioningConfiguration": versioning and {"Status": versioning},
        "ReplicationConfiguration": {"Rules": list(rules)} if rules else None,
    }
    return Resource(BUCKET, f"arn:aws:s3:::{name}", name, HERE.account, region, guard(properties))


def rule(to="copy", status="Enabled", *, criteria=KMS, prefix=None, filter=None):
    target = {"Bucket": f"arn:aws:s3:::{to}"}
    given = {"Status": status, "Prefix": prefix, "Filter": filter, "SourceSelectionCriteria": criteria}
    return {**given, "Destination": target}


def model(*buckets):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Model(buckets, pairs=(), images=ImageIndex({}), scanned=[HERE, AWAY], as_of=now)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (bucket("state", "us-west-2"), "it is in us-west-2"),
        (bucket("state"), None),
        (bucket("state", rules=[rule()]), "it is replicated to copy"),
        (bucket("state", rules=[rule("unseen"), rule()]), "it is replicated to copy"),
        (bucket("state", rules=[rule(filter={"Prefix": ""})]), "it is replicated to copy"),
        (bucket("state", versioning="Suspended", rules=[rule()]), None),
        (bucket("state", versioning=None, rules=[rule()]), None),
        (bucket("state", rules=[rule(status="Disabled")]), None),
        (bucket("state", rules=[rule("near")]), None),
    ],
)
def test_what_is_elsewhere_or_copied_there_survives(state, why):
    assert survives(state, model(state, bucket("copy", "us-west-2"), bucket("near")), "us-east-1") == why


@pytest.mark.parametrize(
    ("state", "doubt"),
    [
        (bucket("state", rules=[rule("unseen")]), "bucket 'unseen' was not seen"),
        (bucket("state", rules=[rule(prefix="a/")]), "a part alone"),
        (bucket("state", rules=[rule(filter={"Prefix": "a/"})]), "a part alone"),
        (bucket("state", rules=[rule(filter={"TagFilter": {"Key": "k"}})]), "a part alone"),
        (bucket("state", rules=[rule(criteria=None)]), "encrypted with KMS"),
        (bucket("state", rules=[rule(criteria={"SseKmsEncryptedObjects": {"Status": "Disabled"}})]), "with KMS"),
        (bucket("state", rules=[rule(criteria=Unknown("denied"))]), "denied"),
        (bucket("state", rules=[rule("nowhere")]), "the Region of bucket 'nowhere' is not known"),
    ],
)
def test_what_a_rule_leaves_out_leaves_it_open(state, doubt):
    with pytest.raises(InsufficientData, match=doubt):
        survives(state, model(state, bucket("copy", "us-west-2"), bucket("nowhere", None)), "us-east-1")


def test_a_bucket_is_found_wherever_it_is():
    found = model(bucket("copy", "us-west-2"))
    assert bucket_of(found, "copy", HERE) is seen(found, "copy")
    with pytest.raises(InsufficientData, match="was not seen"):
        bucket_of(found, "other", HERE)
