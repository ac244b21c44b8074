"""The resource policy evaluator: allowed, denied, or not decidable."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import InsufficientData, Unknown, guard
from scanner.policy import Decision, decide, permits

ACCOUNT = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ci"
OTHER = "444455556666"
ACTION = "ecr:ReplicateImage"
ARN = f"arn:aws:ecr:us-west-2:{OTHER}:repository/prod/web"
ALLOWED, DENIED, UNDECIDED = Decision.ALLOWED, Decision.DENIED, Decision.UNDECIDED


def statement(effect="Allow", **changes):
    base = {"Effect": effect, "Principal": {"AWS": ROOT}, "Action": "ecr:*", "Resource": "*"}
    base.update(changes)
    return {name: value for name, value in base.items() if value is not None}


def ask(*statements, principal=ACCOUNT, context=None):
    return decide(guard({"Version": "2012-10-17", "Statement": list(statements)}), principal, ACTION, ARN, context)


@pytest.mark.parametrize(
    ("asked", "principal", "expected"),
    [
        (ACCOUNT, "*", ALLOWED),
        (ACCOUNT, {"AWS": "*"}, ALLOWED),
        (ACCOUNT, {"AWS": ACCOUNT}, ALLOWED),
        (ACCOUNT, {"AWS": ROOT}, ALLOWED),
        (ACCOUNT, {"AWS": [OTHER, ROOT]}, ALLOWED),
        (ACCOUNT, {"AWS": OTHER}, DENIED),
        (ACCOUNT, {"AWS": ROLE}, UNDECIDED),
        (ACCOUNT, {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}, UNDECIDED),
        (ACCOUNT, {"Service": "lambda.amazonaws.com"}, DENIED),
        (ACCOUNT, {"Federated": "cognito-identity.amazonaws.com"}, DENIED),
        (ACCOUNT, {"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}, UNDECIDED),
        (ROLE, {"AWS": ROLE}, ALLOWED),
        (ROLE, {"AWS": ACCOUNT}, ALLOWED),
        (ROLE, {"AWS": f"{ROLE}-2"}, DENIED),
        (ROLE, {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/session"}, UNDECIDED),
        (ROLE, {"AWS": f"arn:aws:iam::{OTHER}:role/ci"}, DENIED),
        ("lambda.amazonaws.com", {"Service": "lambda.amazonaws.com"}, ALLOWED),
        ("lambda.amazonaws.com", {"Service": ["ecs.amazonaws.com", "Lambda.amazonaws.com"]}, ALLOWED),
        ("lambda.amazonaws.com", {"Service": "ecs.amazonaws.com"}, DENIED),
        ("lambda.amazonaws.com", {"AWS": ACCOUNT}, DENIED),
        ("lambda.amazonaws.com", {"AWS": "*"}, UNDECIDED),
        ("lambda.amazonaws.com", "*", ALLOWED),
    ],
)
def test_principals(asked, principal, expected):
    assert ask(statement(Principal=principal), principal=asked).decision is expected


@pytest.mark.parametrize(
    ("asked", "excluded", "expected"),
    [
        (ACCOUNT, {"AWS": OTHER}, ALLOWED),
        (ACCOUNT, {"AWS": ACCOUNT}, DENIED),
        (ACCOUNT, {"AWS": ROLE}, UNDECIDED),
        (ROLE, {"AWS": ROLE}, DENIED),
    ],
)
def test_excluded_principals(asked, excluded, expected):
    assert ask(statement(Principal=None, NotPrincipal=excluded), principal=asked).decision is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Action": "*"}, ALLOWED),
        ({"Action": "ecr:replicateimage"}, ALLOWED),
        ({"Action": "ECR:Replicate*"}, ALLOWED),
        ({"Action": "ecr:ReplicateImag?"}, ALLOWED),
        ({"Action": ["ecr:CreateRepository", "ecr:ReplicateImage"]}, ALLOWED),
        ({"Action": "ecr:CreateRepository"}, DENIED),
        ({"Action": "ecr:[R]eplicateImage"}, DENIED),
        ({"Action": None, "NotAction": "ecr:CreateRepository"}, ALLOWED),
        ({"Action": None, "NotAction": "ecr:*"}, DENIED),
    ],
)
def test_actions(changes, expected):
    assert ask(statement(**changes)).decision is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Resource": ARN}, ALLOWED),
        ({"Resource": [ARN.replace("web", "api"), ARN]}, ALLOWED),
        ({"Resource": f"arn:aws:ecr:us-west-2:{OTHER}:repository/*"}, ALLOWED),
        ({"Resource": f"arn:aws:ecr:us-west-2:{OTHER}:repository/prod/w?b"}, ALLOWED),
        ({"Resource": f"arn:aws:ecr:*:{OTHER}:repository/*"}, ALLOWED),
        ({"Resource": f"arn:aws:ecr:us-east-1:{OTHER}:repository/*"}, DENIED),
        ({"Resource": f"arn:aws:ecr:us-west-2:{OTHER}:repository/PROD/*"}, DENIED),
        ({"Resource": "arn:aws:ecr:*"}, UNDECIDED),
        ({"Resource": "arn:aws:ecr:us-west-2:${aws:PrincipalAccount}:repository/*"}, UNDECIDED),
        ({"Resource": None}, ALLOWED),
        ({"Resource": None, "NotResource": ARN}, DENIED),
        ({"Resource": None, "NotResource": ARN.replace("web", "api")}, ALLOWED),
    ],
)
def test_resources(changes, expected):
    assert ask(statement(**changes)).decision is expected


CONTEXT = {"aws:PrincipalAccount": ACCOUNT, "aws:PrincipalOrgID": "o-example", "aws:SourceArn": ROLE}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"aws:PrincipalOrgID": "o-example"}}, ALLOWED),
        ({"StringEquals": {"AWS:principalorgid": ["o-other", "o-example"]}}, ALLOWED),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-other"}}, DENIED),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-ex*"}}, DENIED),
        ({"StringLike": {"aws:PrincipalOrgID": "o-ex*"}}, ALLOWED),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}, ALLOWED),
        ({"ArnEquals": {"aws:SourceArn": f"arn:aws:iam::{OTHER}:role/*"}}, DENIED),
        ({"StringEquals": {"aws:SourceVpc": "vpc-1"}}, UNDECIDED),
        ({"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalTag/org}"}}, UNDECIDED),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-example"}}, UNDECIDED),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-example/*"}}, UNDECIDED),
        ({"Bool": {"aws:SecureTransport": True}}, UNDECIDED),
        ({"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:PrincipalAccount": OTHER}}, DENIED),
        ({"StringEquals": {"aws:SourceVpc": "vpc-1"}, "StringLike": {"aws:PrincipalAccount": OTHER}}, DENIED),
        ({"StringEquals": {"aws:PrincipalAccount": Unknown("hidden")}}, UNDECIDED),
        ({}, ALLOWED),
    ],
)
def test_conditions(condition, expected):
    assert ask(statement(Condition=condition), context=CONTEXT).decision is expected


def test_no_policy_and_no_statement_deny():
    assert decide(None, ACCOUNT, ACTION, ARN).decision is DENIED
    assert decide(None, ACCOUNT, ACTION, ARN).reasons == (f"no statement allows '{ACTION}' to '{ACCOUNT}'",)


def test_a_certain_deny_beats_everything():
    vague = statement("Deny", Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}})
    found = ask(statement(), vague, statement("Deny", Sid="Stop"))
    assert found.decision is DENIED
    assert found.reasons == ("statement 'Stop' applies",)


def test_a_vague_deny_leaves_an_allow_undecided_but_adds_nothing_to_no_allow():
    vague = statement("Deny", Sid="Vpc", Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}})
    found = ask(statement(), vague)
    assert found.decision is UNDECIDED
    assert found.reasons == ("whether statement 'Vpc' applies hangs on its condition",)
    assert ask(vague).decision is DENIED


MALFORMED = [
    [],
    "not json",
    "[" * 100_000,
    {},
    {"Statement": []},
    {"Statement": "x"},
    {"Statement": ["x"]},
    {"Statement": [statement()], "Extra": 1},
    {"Statement": [statement(Effect="Permit")]},
    {"Statement": [statement(Effect=None)]},
    {"Statement": [statement(Principal=None)]},
    {"Statement": [statement(Principal="someone")]},
    {"Statement": [statement(Principal={})]},
    {"Statement": [statement(Principal={"AWS": []})]},
    {"Statement": [statement(Principal={"Robot": "x"})]},
    {"Statement": [statement(NotPrincipal={"AWS": OTHER})]},
    {"Statement": [statement(Action=None)]},
    {"Statement": [statement(Action=3)]},
    {"Statement": [statement(NotAction="ecr:*")]},
    {"Statement": [statement(NotResource="*")]},
    {"Statement": [statement(Condition="x")]},
    {"Statement": [statement(Condition={"StringEquals": "x"})]},
    {"Statement": [statement(Condition={"StringEquals": {"aws:PrincipalAccount": {}}})]},
    {"Statement": [statement(Extra="x")]},
    {"Statement": [statement(), statement("Deny"), statement(Extra="x")]},
    {"Statement": [statement(Principal={"AWS": OTHER}, Action=3)]},
]


@pytest.mark.parametrize("policy", MALFORMED, ids=[str(number) for number in range(len(MALFORMED))])
def test_what_aws_would_not_accept_decides_nothing(policy):
    found = decide(guard(policy), ACCOUNT, ACTION, ARN)
    assert found.decision is UNDECIDED
    assert len(found.reasons) == 1


HIDDEN = Unknown("the value was not seen")


@pytest.mark.parametrize(
    "policy",
    [
        {"Statement": HIDDEN},
        {"Statement": [HIDDEN]},
        {"Statement": [statement(Effect=HIDDEN)]},
        {"Statement": [statement(Principal=HIDDEN)]},
        {"Statement": [statement(Principal={"AWS": HIDDEN})]},
        {"Statement": [statement(Principal={"AWS": [HIDDEN]})]},
        {"Statement": [statement(Action=[HIDDEN])]},
        {"Statement": [statement(Resource=HIDDEN)]},
        {"Statement": [statement(Condition=HIDDEN)]},
        {"Statement": [statement(), HIDDEN]},
        {"Statement": [statement(), statement("Deny", Resource=HIDDEN)]},
    ],
)
def test_what_was_not_seen_decides_nothing(policy):
    found = decide(guard(policy), ACCOUNT, ACTION, ARN)
    assert found.decision is UNDECIDED
    assert found.reasons == ("the value was not seen",)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"Statement": [HIDDEN, statement("Deny")]}, DENIED),
        ({"Statement": [statement(), statement(Resource=HIDDEN)]}, ALLOWED),
        ({"Statement": [statement("Deny", Resource=HIDDEN)]}, DENIED),
        ({"Statement": [statement(Resource=HIDDEN, Principal={"AWS": OTHER})]}, DENIED),
    ],
)
def test_what_was_not_seen_does_not_hide_what_is_certain(policy, expected):
    assert decide(guard(policy), ACCOUNT, ACTION, ARN).decision is expected


def test_the_json_text_of_a_policy_is_read_too():
    assert decide(json.dumps({"Statement": statement()}), ACCOUNT, ACTION, ARN).decision is ALLOWED


def test_many_wildcards_do_not_stop_the_evaluator():
    resource = f"arn:aws:ecr:us-west-2:{OTHER}:repository/" + "a" * 250
    pattern = f"arn:aws:ecr:us-west-2:{OTHER}:repository/" + "*a" * 2000 + "b"
    assert decide(guard({"Statement": [statement(Resource=pattern)]}), ACCOUNT, ACTION, resource).decision is DENIED


principals = st.sampled_from(["*", {"AWS": ROOT}, {"AWS": ROLE}, {"AWS": OTHER}, {"Service": "lambda.amazonaws.com"}])
actions = st.sampled_from(["*", "ecr:*", ACTION, "ecr:CreateRepository", ["ecr:Replicate*", "s3:*"]])
resources = st.sampled_from(["*", ARN, "arn:aws:ecr:*", "arn:aws:s3:::bucket", HIDDEN, None])
conditions = st.sampled_from(
    [
        None,
        {},
        {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}},
        {"StringEquals": {"aws:PrincipalAccount": OTHER}},
        {"Bool": {"aws:SecureTransport": "true"}},
    ]
)


def statements(effect):
    return st.builds(
        lambda p, a, r, c: statement(effect, Principal=p, Action=a, Resource=r, Condition=c),
        principals,
        actions,
        resources,
        conditions,
    )


policies = st.lists(st.sampled_from(["Allow", "Deny"]).flatmap(statements), min_size=1, max_size=4)
WIDTH = [DENIED, UNDECIDED, ALLOWED]


def width(found):
    return WIDTH.index(ask(*found, context={"aws:PrincipalAccount": ACCOUNT}).decision)


@given(policies, statements("Deny"), st.integers(0, 4))
def test_another_deny_never_widens(policy, extra, at):
    assert width([*policy[:at], extra, *policy[at:]]) <= width(policy)


@given(policies, statements("Allow"), st.integers(0, 4))
def test_another_allow_never_narrows(policy, extra, at):
    assert width([*policy[:at], extra, *policy[at:]]) >= width(policy)


@given(policies, st.randoms())
def test_the_order_of_statements_is_no_matter(policy, random):
    shuffled = list(policy)
    random.shuffle(shuffled)
    assert width(shuffled) == width(policy)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*statement(), "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(anything)
def test_nonsense_is_never_allowed(value):
    assert decide(guard({"Statement": value}), ACCOUNT, ACTION, ARN).decision is UNDECIDED


# --- the policies of an identity ---------------------------------------------------------------------------------


PULL = "ecr:BatchGetImage"
UNSEEN = InsufficientData("iam:GetPolicyVersion was denied")


def own(*statements):
    return guard({"Version": "2012-10-17", "Statement": list(statements)})


def grant(effect="Allow", **changes):
    base = {"Effect": effect, "Action": "ecr:*", "Resource": "*", **changes}
    return {name: value for name, value in base.items() if value is not None}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], DENIED),
        ([None], DENIED),
        ([own(grant())], ALLOWED),
        ([own(grant(Action="ecr:Batch*"))], ALLOWED),
        ([own(grant(Action=["s3:*", "ECR:batchgetimage"]))], ALLOWED),
        ([own(grant(Action="ecr:GetAuthorizationToken"))], DENIED),
        ([own(grant(Action=None, NotAction="iam:*"))], ALLOWED),
        ([own(grant(Action=None, NotAction="ecr:*"))], DENIED),
        ([own(grant(Resource=ARN))], ALLOWED),
        ([own(grant(Resource=ARN.replace("us-west-2", "us-east-1")))], DENIED),
        ([own(grant(Resource=ARN.replace("us-west-2", "*")))], ALLOWED),
        ([own(grant(Resource=["arn:aws:s3:::a", ARN]))], ALLOWED),
        ([own(grant(Resource=None, NotResource=ARN))], DENIED),
        ([own(grant(Resource=None, NotResource="arn:aws:s3:::a"))], ALLOWED),
        ([own(grant(Resource="arn:aws:ecr:${aws:RequestedRegion}:*:repository/*"))], UNDECIDED),
        ([own(grant(Condition={"StringEquals": {"aws:RequestedRegion": "us-west-2"}}))], UNDECIDED),
        ([own(grant(Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, Action="s3:*"))], DENIED),
        ([own(grant()), own(grant("Deny"))], DENIED),
        ([own(grant()), own(grant("Deny", Resource="arn:aws:s3:::a"))], ALLOWED),
        ([own(grant()), own(grant("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}))], UNDECIDED),
        ([own(grant()), UNSEEN], UNDECIDED),
        ([UNSEEN], UNDECIDED),
        ([UNSEEN, own(grant("Deny"))], DENIED),
        ([own(grant(Principal="*"))], UNDECIDED),
        ([own(grant(NotPrincipal={"AWS": ROLE}))], UNDECIDED),
        ([own(grant(Resource=None))], UNDECIDED),
        ([own(grant(Action=None))], UNDECIDED),
        ([own(grant()), "no policy"], UNDECIDED),
        ([own(grant()), own(Unknown("not resolved"))], UNDECIDED),
        ([own(grant(Action=Unknown("not resolved")))], UNDECIDED),
    ],
)
def test_the_policies_of_an_identity(policies, expected):
    answer = permits(policies, PULL, ARN)
    assert answer.decision is expected
    assert answer.reasons


def test_what_is_of_no_resource_is_only_allowed_on_all():
    token = "ecr:GetAuthorizationToken"
    assert permits([own(grant())], token, "*").decision is ALLOWED
    assert permits([own(grant(Resource="arn:aws:ecr:*:*:repository/*"))], token, "*").decision is DENIED


def test_a_condition_whose_key_is_known_is_evaluated():
    region = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    for known, expected in (("us-east-1", ALLOWED), ("us-west-2", DENIED)):
        answer = permits([own(grant(Condition=region))], PULL, ARN, {"aws:RequestedRegion": known})
        assert answer.decision is expected


def test_a_denial_by_a_statement_is_told_from_no_permission():
    assert permits([own(grant("Deny"))], PULL, ARN).explicit
    assert not permits([], PULL, ARN).explicit
    assert "on" in permits([], PULL, ARN).reasons[0]


@given(st.lists(st.sampled_from([own(grant()), own(grant("Deny")), own(grant(Action="s3:*")), None]), max_size=5))
def test_what_was_not_seen_never_allows(policies):
    seen, more = permits(policies, PULL, ARN).decision, permits([*policies, UNSEEN], PULL, ARN)
    assert more.decision is (DENIED if more.explicit else UNDECIDED)
    assert not more.explicit or seen is DENIED
