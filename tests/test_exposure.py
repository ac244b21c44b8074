"""Whom a policy lets in at all, what it forbids outright, and what it grants."""

import pytest

from scanner.exposure import denial, denies_some, forbids, grants, public
from scanner.model import InsufficientData, Unknown, guard


def allow(principal="*", **rest):
    return {"Effect": "Allow", "Principal": principal, "Action": "ecr:BatchGetImage", **rest}


def where(operator, key, value):
    return allow(Condition={operator: {key: value}})


DENY = {"Effect": "Deny", "Principal": "*", "Action": "ecr:*"}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([allow()], True),
        ([allow({"AWS": "*"})], True),
        ([allow({"AWS": ["111122223333", "*"]})], True),
        ([allow({"AWS": "111122223333"})], False),
        ([allow({"Service": "lambda.amazonaws.com"})], False),
        ([{"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "ecr:*"}], True),
        ([where("StringEquals", "aws:PrincipalOrgID", "o-1")], False),
        ([where("StringLike", "AWS:PrincipalOrgID", ["o-1", "o-2"])], False),
        ([where("StringLike", "aws:PrincipalOrgID", "*")], None),
        ([where("StringLike", "aws:PrincipalOrgID", ["o-1", "*"])], None),
        ([where("ArnLike", "aws:PrincipalArn", "arn:aws:iam::111122223333:*")], False),
        ([where("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/deploy")], None),  # anybody may make such a role
        ([where("ArnLike", "aws:PrincipalArn", "arn:aws:iam::1111*:role/deploy")], None),
        ([where("ArnLike", "aws:SourceArn", "arn:aws:s3:::bucket*")], None),
        ([where("ArnEquals", "aws:SourceArn", "arn:aws:s3:::bucket")], False),
        ([where("StringLike", "aws:PrincipalOrgID", "o-*")], None),
        ([where("StringEquals", "aws:SourceAccount", "${aws:PrincipalAccount}")], None),
        ([where("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-1/*")], False),
        ([where("ForAllValues:StringLike", "aws:PrincipalOrgPaths", "o-1/*")], None),  # true of no value at all
        ([where("StringEqualsIfExists", "aws:PrincipalOrgID", "o-1")], None),
        ([where("StringNotEquals", "aws:PrincipalOrgID", "o-1")], None),
        ([where("IpAddress", "aws:SourceIp", "192.0.2.0/24")], None),
        ([where("StringEquals", "aws:SourceVpce", "vpce-1")], False),
        ([allow(), DENY], None),
        ([allow({"AWS": "111122223333"}), DENY], False),
        ([{**DENY, "Condition": {"Bool": {"aws:SecureTransport": False}}}], False),
        ([where("IpAddress", "aws:SourceIp", "192.0.2.0/24"), allow()], True),
        ([allow({"Novel": "x"})], None),
        ([{"Effect": "Permit", "Principal": "*"}], None),
        ([{"Effect": "Allow", "Action": "ecr:*"}], None),
        (["text"], None),
        ([allow(Condition=["x"])], None),
        ([allow(Condition=Unknown("denied"))], None),
        ([Unknown("denied")], None),
        ([], None),
    ],
)
def test_public(statements, expected):
    answer, reason = public(guard({"Statement": statements}))
    assert answer is expected
    assert bool(reason) is (expected is not False)


def test_no_policy_is_not_public():
    assert public(None) == (False, "")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (DENY, True),
        ({**DENY, "Action": "ecr:Delete*"}, False),
        ({**DENY, "Principal": {"AWS": "444455556666"}}, False),
        ({**DENY, "Principal": {"AWS": "arn:aws:iam::111122223333:role/ci"}}, None),
        ({**DENY, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": False}}}, None),
        (allow(), False),
        ({"Effect": "Deny"}, None),
    ],
)
def test_forbids(statement, expected):
    arn = "arn:aws:ecr:us-west-2:111122223333:repository/web"
    assert forbids(guard({"Statement": [statement]}), "111122223333", "ecr:BatchDeleteImage", arn) is expected


def test_grants():
    broad = {"Sid": "a", "Effect": "Allow", "Principal": "*", "NotAction": "ecr:Get*", "NotResource": "arn:aws:x"}
    narrow = allow({"AWS": "111122223333"}, Resource=["arn:aws:y"])
    found = list(grants(guard({"Statement": [DENY, broad, narrow]})))
    assert [(g.name, g.everybody, g.actions, g.all_but_actions, g.resources) for g in found] == [
        ("statement 'a'", True, (), True, ("*",)),
        ("a statement", False, ("ecr:BatchGetImage",), False, ("arn:aws:y",)),
    ]


@pytest.mark.parametrize("statement", [{"Effect": "Allow", "Principal": "*"}, Unknown("denied"), "text"])
def test_what_cannot_be_read_grants_nobody_knows_what(statement):
    with pytest.raises(InsufficientData):
        list(grants(guard({"Statement": [statement]})))


PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allow(), False),
        (DENY, True),
        ({**DENY, "Action": "ecr:getdownloadurl*", "Principal": {"AWS": "444455556666"}}, True),
        ({**DENY, "Action": "ecr:ReplicateImage"}, False),
        ({"Effect": "Deny", "Principal": "*", "NotAction": "ecr:BatchGetImage"}, True),
        ({"Effect": "Deny", "Principal": "*", "NotAction": ["ecr:BatchGet*", "ecr:GetDownload*"]}, False),
        ({**DENY, "Action": Unknown("not seen")}, None),
        ({**DENY, "Effect": Unknown("not seen")}, None),
        ({**DENY, "Effect": "Permit"}, None),
        ("Deny", None),
        (Unknown("not seen"), None),
    ],
)
def test_whether_a_policy_denies_a_pull_to_anybody(statement, expected):
    assert denies_some(guard({"Statement": [statement]}), PULL) is expected
    assert denies_some(guard({"Statement": [allow(), statement]}), PULL) is expected


def test_a_policy_that_is_none_denies_nobody_and_one_that_is_malformed_may():
    assert denies_some(None, PULL) is False
    assert denies_some("{", PULL) is None


@pytest.mark.parametrize(
    ("transport", "context", "expected"),
    [
        ("false", {"aws:SecureTransport": "true"}, (False, "")),
        ("False", {"aws:securetransport": "false"}, (True, "statement 'Tls' applies")),
        (False, {"aws:SecureTransport": "false"}, (True, "statement 'Tls' applies")),
        ("false", None, (None, "whether statement 'Tls' applies hangs on its condition")),
    ],
)
def test_a_denial_is_told_by_its_statement(transport, context, expected):
    statement = {**DENY, "Sid": "Tls", "Condition": {"Bool": {"aws:SecureTransport": transport}}}
    answer, reason = denial(guard({"Statement": [statement]}), "111122223333", "ecr:BatchGetImage", "*", context)
    assert (answer, reason if answer is not False else "") == expected
