"""Whose key encrypts a repository: an account shows that there is none, a file does not."""

from datetime import UTC, datetime

import pytest

from scanner.images import ImageIndex
from scanner.keys import is_customers, key_of, named_key
from scanner.model import Gap, InsufficientData, Location, Model, Place, Resource, guard

HERE = Place("111122223333", "us-west-2")
ARN = "arn:aws:kms:us-west-2:111122223333:key/west"


def repository(key=None, kind="KMS", **rest):
    properties = guard({"EncryptionConfiguration": {"EncryptionType": kind, "KmsKey": key}})
    return Resource("AWS::ECR::Repository", "arn:aws:ecr:x", "web", *HERE, properties, **rest)


def key(manager="CUSTOMER"):
    return Resource("AWS::KMS::Key", ARN, None, *HERE, guard({"KeyId": "west", "KeyManager": manager}))


def alias(target="west"):
    properties = guard({"AliasName": "alias/images", "TargetKeyId": target})
    return Resource("AWS::KMS::Alias", "arn:alias", "alias/images", *HERE, properties)


def model(*resources, gaps=()):
    return Model(
        resources,
        gaps=gaps,
        pairs=(),
        images=ImageIndex({}),
        scanned=[HERE],
        asked=[HERE],
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize("named", [ARN, "west", "alias/images", "arn:aws:kms:us-west-2:111122223333:alias/images"])
def test_a_key_is_found_by_each_of_its_names(named):
    assert key_of(model(key(), alias()), repository(), named).id == ARN


def test_an_alias_may_lead_to_an_arn():
    assert key_of(model(key(), alias(ARN)), repository(), "alias/images").id == ARN


@pytest.mark.parametrize("named", [ARN, "alias/images"])
def test_what_an_account_does_not_show_is_not_there(named):
    assert key_of(model(), repository(), named) is None


def test_an_alias_without_a_key_leads_nowhere():
    assert key_of(model(alias(None)), repository(), "alias/images") is None


@pytest.mark.parametrize(
    ("made", "named", "reason"),
    [
        (model(), "arn:aws:kms:us-west-2:999988887777:key/far", "of another account"),
        (model(key(), alias()), "arn:aws:kms:us-west-2:999988887777:alias/images", "of another account"),
        (model(gaps=[Gap("AccessDenied", "no", "AWS::KMS::Key", *HERE)]), ARN, "may exist unseen"),
        (model(gaps=[Gap("AccessDenied", "no", "AWS::KMS::Alias", *HERE)]), "alias/images", "may exist unseen"),
    ],
)
def test_what_was_not_seen_is_not_absent(made, named, reason):
    with pytest.raises(InsufficientData, match=reason):
        key_of(made, repository(), named)


@pytest.mark.parametrize("named", [ARN, "alias/images"])
def test_a_file_may_name_a_key_that_other_code_makes(named):
    with pytest.raises(InsufficientData, match="not declared in the scanned files"):
        key_of(model(), repository(locations={"": Location("a.yaml", 1)}), named)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (repository(), False),
        (repository(ARN, "AES256"), False),
        (repository(ARN), True),
        (repository("alias/aws/ecr"), False),
        (repository("alias/images"), True),
    ],
)
def test_whose_key_it_is(given, expected):
    assert is_customers(model(key()), given) is expected


def test_the_key_that_aws_manages_is_named_by_its_arn_too():
    assert is_customers(model(key("AWS")), repository(ARN)) is False


def test_whose_a_key_was_that_is_gone_is_unknown():
    with pytest.raises(InsufficientData, match="does not exist"):
        is_customers(model(), repository(ARN))
    assert named_key(repository(ARN)) == ARN
