"""The resource policy evaluator: allowed, denied, or not decidable."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import InsufficientData, Unknown, guard
from scanner.patterns import OPERATORS, compare, glob, matches_arn
from scanner.policy import ANYONE, Answer, Decision, Grant, decide, decide_all, grants, permits

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
        (ANYONE, "*", ALLOWED),
        (ANYONE, {"AWS": "*"}, ALLOWED),
        (ANYONE, {"AWS": ACCOUNT}, UNDECIDED),
        (ANYONE, {"Service": "*"}, UNDECIDED),
        (ANYONE, {"Service": "lambda.amazonaws.com"}, UNDECIDED),
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
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-example"}}, DENIED),
        ({"StringNotEquals": {"aws:PrincipalOrgID": ["o-other", "o-example"]}}, DENIED),
        ({"StringNotEquals": {"aws:PrincipalOrgID": ["o-other", "o-third"]}}, ALLOWED),
        ({"StringNotEquals": {"aws:PrincipalOrgID": ["o-other", "${aws:PrincipalTag/org}"]}}, UNDECIDED),
        ({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}, UNDECIDED),
        ({"StringNotLike": {"aws:PrincipalOrgID": "o-ex*"}}, DENIED),
        ({"StringNotLike": {"aws:PrincipalOrgID": "p-*", "aws:PrincipalAccount": ACCOUNT}}, DENIED),
        ({"ArnNotEquals": {"aws:SourceArn": ROLE}}, DENIED),
        ({"ArnNotLike": {"aws:SourceArn": f"arn:aws:iam::{OTHER}:role/*"}}, ALLOWED),
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


@pytest.mark.parametrize(
    ("operator", "wanted", "have", "expected"),
    [
        ("stringequals", "a", "a", True),
        ("stringequals", "a*", "a*", None),  # in the question a star is a pattern, here it is a letter
        ("stringlike", "web-*", "web-*", True),
        ("stringlike", "*", "web-*", True),
        ("stringlike", "web-?", "web-*", None),
        ("stringlike", "web-?", "web-?", None),  # it is, but a `?` is not worked out
        ("stringlike", "web-*", "web-?", True),
        ("stringlike", "web-a", "web-*", None),
        ("arnlike", "arn:aws:lambda:*:1:function:*", "arn:aws:lambda:us-west-2:1:function:*", True),
        ("arnlike", "arn:aws:lambda:us-east-1:1:function:*", "arn:aws:lambda:us-west-2:1:function:*", False),
        ("arnlike", "arn:aws:lambda:us-west-2:1:function:a", "arn:aws:lambda:us-west-2:1:function:*", None),
        ("arnlike", "arn:aws:lambda:us-west-2:1:function:a", "arn:aws:lambda:us-west-2:1:function:b", False),
        ("stringlike", "arn:aws:lambda:us-east-1:1:function:*", "arn:aws:lambda:us-west-2:1:function:*", False),
    ],
)
def test_a_question_about_all_that_a_pattern_matches(operator, wanted, have, expected):
    assert compare(OPERATORS[operator], wanted, have) is expected


letters = st.text("ab*?:", max_size=6)


@given(letters, letters, st.text("ab:", max_size=6))
def test_a_pattern_stands_for_each_value_that_it_matches(wanted, pattern, value):
    found = compare(OPERATORS["stringlike"], wanted, pattern)
    if found is not None and glob(pattern, value) and pattern.count(":") == value.count(":"):
        assert glob(wanted, value) is found


@given(letters, st.text("ab:", max_size=6))
def test_an_arn_is_never_surely_matched_where_a_plain_pattern_does_not(pattern, arn):
    found = matches_arn(pattern, arn)
    assert found is None or found is glob(pattern, arn) or pattern == "*"


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


@given(st.text(max_size=30))
def test_text_that_is_no_policy_decides_nothing(text):
    found = decide(text, ACCOUNT, ACTION, ARN).decision
    assert found is (DENIED if text.strip() == "null" else UNDECIDED)


@given(policies, st.integers(0, 3))
def test_without_one_statement_nothing_allowed_is_lost_but_by_an_allow_and_nothing_denied_but_by_a_deny(policy, at):
    gone = policy[at % len(policy)]
    rest = [each for each in policy if each is not gone]
    if not rest:
        return
    before, after = width(policy), width(rest)
    assert after <= before if gone["Effect"] == "Allow" else after >= before


@given(policies, statements("Deny"), st.integers(0, 3))
def test_what_a_deny_forbids_stays_forbidden_whatever_else_goes(policy, deny, at):
    if width([statement(), deny]) != WIDTH.index(DENIED):
        return
    rest = [each for number, each in enumerate(policy) if number != at % len(policy)]
    assert width([*policy, deny]) == width([*rest, deny]) == WIDTH.index(DENIED)


@given(actions, principals, resources, conditions)
def test_not_action_is_the_complement_of_action(action, principal, resource, condition):
    rest = {"Principal": principal, "Resource": resource, "Condition": condition}
    direct, negated = (
        width([statement("Deny", Action=first, NotAction=second, **rest), statement()])
        for first, second in ((action, None), (None, action))
    )
    # Of a statement and its complement at most one applies; the other one leaves the plain Allow as it is.
    assert WIDTH.index(ALLOWED) in (direct, negated)


@given(principals, st.sampled_from([ACCOUNT, ROLE, OTHER, "lambda.amazonaws.com"]))
def test_not_principal_is_the_complement_of_principal(named, asked):
    direct = ask(statement(Principal=named), principal=asked).decision
    negated = ask(statement(Principal=None, NotPrincipal=named), principal=asked).decision
    assert {direct, negated} in ({ALLOWED, DENIED}, {UNDECIDED})


@given(
    st.sampled_from(
        [
            "NumericLessThan",
            "DateGreaterThan",
            "IpAddress",
            "StringNotEqualsIgnoreCase",
            "Null",
            "ForAllValues:StringLike",
        ]
    ),
    st.sampled_from(["aws:PrincipalAccount", "aws:SourceIp"]),
    st.sampled_from(["Allow", "Deny"]),
)
def test_a_condition_that_is_not_understood_decides_nothing(operator, key, effect):
    found = ask(
        statement(), statement(effect, Condition={operator: {key: "x"}}), context={"aws:PrincipalAccount": ACCOUNT}
    )
    assert found.decision is (ALLOWED if effect == "Allow" else UNDECIDED)
    assert ask(statement(Condition={operator: {key: "x"}}), context={key: "x"}).decision is UNDECIDED


PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
LAMBDA = {"Service": "Lambda.amazonaws.com"}


def granted(*statements):
    found = grants(guard({"Statement": list(statements)}), PULL, ARN)
    return {(grant.principal, tuple(grant.context.items())): grant.answer.decision for grant in found}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([statement()], {(ACCOUNT, ()): ALLOWED}),
        ([statement(Principal={"AWS": [ACCOUNT, ROOT, OTHER]})], {(ACCOUNT, ()): ALLOWED, (OTHER, ()): ALLOWED}),
        ([statement(Principal={"AWS": ROLE})], {(ROLE, ()): ALLOWED}),
        ([statement(Principal=LAMBDA)], {("lambda.amazonaws.com", ()): ALLOWED}),
        ([statement(Principal="*")], {(ANYONE, ()): ALLOWED}),
        ([statement(Principal=None, NotPrincipal={"AWS": OTHER})], {(ANYONE, ()): UNDECIDED}),
        ([statement(Action=PULL[0])], {}),
        ([statement(Action=PULL[0]), statement(Action=PULL[1])], {(ACCOUNT, ()): ALLOWED}),
        ([statement(), statement("Deny", Action=PULL[1])], {}),
        ([statement(), statement("Deny", Action=PULL[1], Condition={"Bool": {"x": True}})], {(ACCOUNT, ()): UNDECIDED}),
        ([statement(Condition={"Bool": {"x": True}})], {(ACCOUNT, ()): UNDECIDED}),
        (
            [statement(Principal=LAMBDA, Condition={"StringLike": {"aws:sourceArn": ["a:*", "b:*"]}})],
            {("lambda.amazonaws.com", (("aws:sourcearn", arn),)): ALLOWED for arn in ("a:*", "b:*")},
        ),
        (
            [statement(Condition={"StringEquals": {"k": "1"}}), statement(Condition={"StringEquals": {"k": "2"}})],
            {(ACCOUNT, (("k", "1"),)): ALLOWED, (ACCOUNT, (("k", "2"),)): ALLOWED},
        ),
        ([statement("Deny")], {}),
    ],
)
def test_who_is_let_do_all_of_it(statements, expected):
    assert granted(*statements) == expected


def test_a_condition_with_too_many_ways_to_meet_it_is_not_taken_apart():
    values = [str(number) for number in range(100)]
    assert len(granted(statement(Condition={"StringEquals": {"a": values, "b": values[:10]}}))) == 1000
    with pytest.raises(InsufficientData, match="too many values"):
        granted(statement(Condition={"StringEquals": {"a": values, "b": values[:11]}}))


def test_no_policy_grants_nothing():
    assert grants(None, PULL, ARN) == []
    assert grants(json.dumps({"Statement": statement()}), PULL, ARN) == [
        Grant(ACCOUNT, {}, Answer(ALLOWED, ("a statement applies",)))
    ]


@pytest.mark.parametrize("policy", MALFORMED, ids=[str(number) for number in range(len(MALFORMED))])
def test_what_aws_would_not_accept_grants_nothing_and_says_so(policy):
    with pytest.raises(InsufficientData):
        grants(guard(policy), PULL, ARN)


@pytest.mark.parametrize("hidden", ["Effect", "Principal", "Condition"])
def test_grants_that_were_not_seen_are_not_left_out(hidden):
    with pytest.raises(InsufficientData, match="not seen"):
        granted(statement(), statement(**{hidden: HIDDEN}))
    with pytest.raises(InsufficientData, match="not seen"):
        granted(statement(), HIDDEN)


def test_all_actions_are_as_narrow_as_the_narrowest():
    policy = guard(
        {"Statement": [statement(Action=PULL[0]), statement(Action="ecr:X", Condition={"Bool": {"x": True}})]}
    )
    for others, expected in (([], ALLOWED), (["ecr:X"], UNDECIDED), (["ecr:X", "ecr:Y"], DENIED)):
        assert decide_all(policy, ACCOUNT, [PULL[0], *others], ARN).decision is expected


visible = st.sampled_from(["*", ARN, None])


def plain_statements(effect):
    return st.builds(
        lambda p, a, r, c: statement(effect, Principal=p, Action=a, Resource=r, Condition=c),
        principals, st.sampled_from(["*", "ecr:*", *PULL, list(PULL)]), visible, conditions,
    )  # fmt: skip


plain_policies = st.lists(st.sampled_from(["Allow", "Deny"]).flatmap(plain_statements), min_size=1, max_size=4)


@given(plain_policies, plain_statements("Deny"))
def test_another_deny_grants_nobody_anything(policy, deny):
    before, after = granted(*policy), granted(*policy, deny)
    assert after.keys() <= before.keys()
    assert all(WIDTH.index(found) <= WIDTH.index(before[who]) for who, found in after.items())


@given(plain_policies)
def test_a_grant_is_what_the_policy_decides(policy):
    for (principal, context), found in granted(*policy).items():
        asked = [ask_for(policy, principal, action, dict(context)) for action in PULL]
        assert found is min(asked, key=WIDTH.index)


def ask_for(policy, principal, action, context):
    return decide(guard({"Statement": policy}), principal, action, ARN, context).decision


# --- the policies of an identity ---------------------------------------------------------------------------------


GET_IMAGE = "ecr:BatchGetImage"
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
    answer = permits(policies, GET_IMAGE, ARN)
    assert answer.decision is expected
    assert answer.reasons


def test_what_is_of_no_resource_is_only_allowed_on_all():
    token = "ecr:GetAuthorizationToken"
    assert permits([own(grant())], token, "*").decision is ALLOWED
    assert permits([own(grant(Resource="arn:aws:ecr:*:*:repository/*"))], token, "*").decision is DENIED


def test_a_condition_whose_key_is_known_is_evaluated():
    region = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    for known, expected in (("us-east-1", ALLOWED), ("us-west-2", DENIED)):
        answer = permits([own(grant(Condition=region))], GET_IMAGE, ARN, {"aws:RequestedRegion": known})
        assert answer.decision is expected


def test_a_denial_by_a_statement_is_told_from_no_permission():
    assert permits([own(grant("Deny"))], GET_IMAGE, ARN).explicit
    assert not permits([], GET_IMAGE, ARN).explicit
    assert "on" in permits([], GET_IMAGE, ARN).reasons[0]


@given(st.lists(st.sampled_from([own(grant()), own(grant("Deny")), own(grant(Action="s3:*")), None]), max_size=5))
def test_what_was_not_seen_never_allows(policies):
    seen, more = permits(policies, GET_IMAGE, ARN).decision, permits([*policies, UNSEEN], GET_IMAGE, ARN)
    assert more.decision is (DENIED if more.explicit else UNDECIDED)
    assert not more.explicit or seen is DENIED
