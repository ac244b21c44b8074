"""The lifecycle evaluator: which image goes, by which rule, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.images import Image
from scanner.lifecycle import INDEX_TYPES, claims, evaluate, selections
from scanner.model import InsufficientData

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def image(name, *tags, age=1, **changes):
    changes = {"media_type": MANIFEST, "pushed_at": NOW - timedelta(days=age), **changes}
    return Image(digest=name, tags=tags, **changes)


def rule(priority=1, action="expire", *, age=None, count=None, by="sinceImagePushed", tags=None, patterns=None, **more):
    selection = {"tagStatus": "tagged" if tags or patterns else "any", **more}
    if tags:
        selection["tagPrefixList"] = tags
    if patterns:
        selection["tagPatternList"] = patterns
    if age is not None:
        selection |= {"countType": by, "countUnit": "days", "countNumber": age}
    else:
        selection |= {"countType": "imageCountMoreThan", "countNumber": count}
    target = {"targetStorageClass": "archive"} if action == "transition" else {}
    return {"rulePriority": priority, "selection": selection, "action": {"type": action, **target}}


def policy(*rules):
    return json.dumps({"rules": list(rules)})


def due(images, *rules, days=0):
    outcome = evaluate(policy(*rules), images, NOW)
    return {digest: removal.rule_priority for digest, removal in outcome.due(NOW + timedelta(days=days)).items()}


ABC = [
    image("a", "beta-1", age=10),
    image("b", "beta-2", "prod-2", age=9),
    image("c", "beta-3", age=8),
]


@pytest.mark.parametrize(
    ("images", "rules", "expected"),
    [
        # The first two are worked examples of the user guide (lifecycle_policy_examples.html).
        (ABC, [rule(1, tags=["prod"], count=1), rule(2, tags=["beta"], count=1)], {"a": 2}),
        (
            [
                image("a", "beta-1", "prod-1", age=10),
                image("b", "beta-2", "prod-2", age=9),
                image("c", "beta-3", age=8),
            ],
            [rule(1, tags=["prod"], count=1), rule(2, tags=["beta"], count=1)],
            {"a": 1},
        ),
        (
            [image("a", "alpha-1", age=12), image("b", "alpha-2", "beta-2", age=10), image("c", age=8)],
            [rule(1, count=1)],
            {"a": 1, "b": 1},
        ),
        ([image("a", "alpha-1"), image("b", "alpha-1", "beta-1")], [rule(tags=["alpha", "beta"], age=1)], {"b": 1}),
        (
            [image("a", "alpha-1", age=20), image("b", age=20), image("c", age=3)],
            [rule(1, tags=["alpha"], age=5), rule(2, age=10)],
            {"a": 1, "b": 2},
        ),
        ([image("a", "prod1web"), image("b", "prod")], [rule(patterns=["prod*web"], age=1)], {"a": 1}),
        ([image("a", "v1"), image("b", "xv1")], [rule(patterns=["v*"], age=1)], {"a": 1}),
        ([image("a", "v1"), image("b", "v[1]")], [rule(tags=["v[1"], age=1)], {"b": 1}),
        ([image("a", "v1"), image("b")], [rule(tagStatus="untagged", age=1)], {"b": 1}),
        ([image("a", "v1", age=5), image("b", "v2", age=4)], [rule(count=2)], {}),
        ([], [rule(count=1)], {}),
    ],
)
def test_which_rule_takes_which_image(images, rules, expected):
    assert due(images, *rules) == expected


def test_a_rule_that_keeps_an_image_protects_it_from_later_rules():
    images = [image("old", "release-1", age=400), image("new", "release-2", age=1)]
    rules = [rule(1, tags=["release"], count=10), rule(2, age=14)]
    assert due(images, *rules, days=3650) == {}


def test_a_later_rule_still_counts_what_an_earlier_one_took():
    images = [image("a", "x-1", age=3), image("b", "x-2", "y-2", age=2), image("c", "y-3", age=4)]
    assert due(images, rule(1, tags=["x"], age=1), rule(2, tags=["y"], count=1)) == {"a": 1, "b": 1, "c": 2}


def test_the_order_in_the_text_is_no_matter():
    first, second = rule(1, tags=["v"], count=5), rule(2, age=1)
    assert due([image("a", "v1")], second, first) == due([image("a", "v1")], first, second) == {}


def test_age_rules_say_when_each_image_will_be_reached():
    outcome = evaluate(policy(rule(age=14)), [image("a", "v1", age=10), image("b", "v2", age=20)], NOW)
    assert outcome.removals["a"].on_or_after == NOW + timedelta(days=4)
    assert outcome.removals["b"].on_or_after == NOW - timedelta(days=6)
    assert set(outcome.due(NOW)) == {"b"}
    assert set(outcome.due(NOW + timedelta(days=4))) == {"a", "b"}


def test_an_age_beyond_the_calendar_is_never():
    assert due([image("a", "v1")], rule(age=10**9), days=10**5) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, -40),
        ({"last_pulled_at": NOW - timedelta(days=5)}, -5),
        ({"last_activated_at": NOW - timedelta(days=3)}, -3),
        ({"last_pulled_at": NOW - timedelta(days=5), "last_activated_at": NOW - timedelta(days=3)}, -3),
        ({"last_pulled_at": NOW - timedelta(days=2), "last_activated_at": NOW - timedelta(days=3)}, -2),
    ],
)
def test_a_pull_rule_counts_from_the_last_use_and_an_unused_image_from_its_push(changes, expected):
    outcome = evaluate(
        policy(rule(action="transition", age=30, by="sinceImagePulled")), [image("a", "v1", age=40, **changes)], NOW
    )
    assert outcome.removals["a"].on_or_after == NOW + timedelta(days=expected + 30)
    assert outcome.removals["a"].action == "transition"


def test_archived_images_are_seen_only_by_rules_for_the_archive():
    archived = image("a", "v1", age=400, status="ARCHIVED", last_archived_at=NOW - timedelta(days=100))
    active = image("b", "v2", age=400)
    expiry = rule(2, age=90, by="sinceImageTransitioned", storageClass="archive")
    assert due([archived, active], rule(1, "transition", age=30)) == {"b": 1}
    assert due([archived, active], rule(1, "transition", age=30), expiry) == {"a": 2, "b": 1}
    assert due([archived, active], rule(1, count=1)) == {}


def test_referrers_share_the_fate_of_their_subject():
    images = [
        image("old", "v1", age=30),
        image("new", "v2", age=1),
        image("old.sig", age=30, subject="old"),
        image("old.sig.sig", age=30, subject="old.sig"),
        image("new.sig", age=30, subject="new"),
        image("lost.sig", age=30, subject="gone"),
    ]
    rules = [rule(1, tags=["v"], count=1), rule(2, tagStatus="untagged", age=1)]
    outcome = evaluate(policy(*rules), images, NOW)
    assert {d: r.rule_priority for d, r in outcome.removals.items()} == {"old": 1, "old.sig": 1, "old.sig.sig": 1}
    assert outcome.undecided == {"lost.sig": "the image it refers to, 'gone', is not in the repository"}


def test_images_that_refer_to_each_other_are_undecided():
    images = [image("a", subject="b"), image("b", subject="a")]
    assert set(evaluate(policy(rule(age=1)), images, NOW).undecided) == {"a", "b"}


@pytest.mark.parametrize("index", [{"media_type": kind} for kind in (*sorted(INDEX_TYPES), None)])
def test_an_untagged_image_beside_an_index_may_be_its_child(index):
    images = [image("list", "v1", age=30, **index), image("part", age=30)]
    outcome = evaluate(policy(rule(tagStatus="untagged", age=1)), images, NOW)
    assert outcome.removals == {}
    assert set(outcome.undecided) == {"part"}


def test_an_untagged_index_alone_is_nobodys_child():
    assert due([image("list", media_type=INDEX)], rule(tagStatus="untagged", age=1)) == {"list": 1}


def test_an_untagged_image_that_no_rule_reaches_is_kept():
    images = [image("list", "v1", media_type=INDEX), image("part", age=30)]
    outcome = evaluate(policy(rule(tags=["x"], age=1)), images, NOW)
    assert (outcome.removals, outcome.undecided) == ({}, {})


def test_what_may_not_count_makes_a_count_uncertain():
    images = [image("old", "v1", age=3), image("signature", age=2, subject="new"), image("new", "v2", age=1)]
    outcome = evaluate(policy(rule(count=2)), images, NOW)
    assert outcome.removals == {}
    assert outcome.undecided == {"old": "it may or may not be among the newest 2"}
    assert set(evaluate(policy(rule(count=1)), images, NOW).removals) == {"old"}


def test_a_tagged_image_may_belong_to_a_younger_index():
    images = [
        image("amd64", "v1-amd64", age=3),
        image("list", "v1", age=2, media_type=INDEX),
        image("new", "v2", age=1),
    ]
    outcome = evaluate(policy(rule(count=1)), images, NOW)
    assert set(outcome.removals) == {"list"}
    assert outcome.undecided == {"amd64": "it may belong to an index, which would protect it"}


def test_images_of_one_moment_have_no_order():
    images = [image("a", "v1", age=3), image("b", "v2", age=3), image("c", "v3", age=9)]
    outcome = evaluate(policy(rule(count=1)), images, NOW)
    assert set(outcome.removals) == {"c"}
    assert set(outcome.undecided) == {"a", "b"}


def test_a_push_time_that_is_not_known_decides_nothing():
    images = [image("a", "v1", pushed_at=None), image("b", "v2", age=3)]
    assert set(evaluate(policy(rule(count=1)), images, NOW).undecided) == {"a", "b"}
    assert evaluate(policy(rule(count=2)), images, NOW).undecided == {}
    assert set(evaluate(policy(rule(age=1)), images, NOW).undecided) == {"a"}


def test_one_rule_for_any_tag_status_in_each_storage_class():
    """The acceptance tests of Terraform's provider put this policy to ECR."""
    archive = rule(1, "transition", age=90, by="sinceImagePulled")
    expire = rule(2, age=365, by="sinceImageTransitioned", storageClass="archive")
    stored = image("b", age=400, status="ARCHIVED", last_archived_at=NOW - timedelta(days=365))
    assert due([image("a", "v1", age=90), stored], archive, expire) == {"a": 1, "b": 2}


def test_an_image_is_left_to_the_first_rule_that_it_meets():
    text = policy(
        rule(2, "transition", age=30, by="sinceImagePulled"),
        rule(1, tags=["release"], count=10),
        rule(3, age=365, by="sinceImageTransitioned", storageClass="archive"),
    )
    images = [image("a", "release-1"), image("b", "x"), image("c"), image("d", "y", status="ARCHIVED")]
    pulled = (2, "sinceImagePulled")
    assert claims(text, images) == {
        "a": (1, "imageCountMoreThan"), "b": pulled, "c": pulled, "d": (3, "sinceImageTransitioned")
    }  # fmt: skip
    assert selections(text) == [
        (1, "tagged", "imageCountMoreThan"),
        (2, "any", "sinceImagePulled"),
        (3, "any", "sinceImageTransitioned"),
    ]
    assert claims(policy(rule(tags=["v"], age=1)), images) == {}


@pytest.mark.parametrize(
    ("selection", "status"),
    [
        ({"tagPatternList": ["*"]}, "*"),
        ({"tagPatternList": ["*", "*"]}, "*"),
        ({"tagPatternList": ["*", "v*"]}, "tagged"),
        ({"tagPrefixList": ["*"]}, "tagged"),  # a star in a prefix is no wildcard
    ],
)
def test_a_rule_for_whatever_tag_says_so(selection, status):
    chosen = {"tagStatus": "tagged", "countType": "imageCountMoreThan", "countNumber": 1, **selection}
    text = json.dumps({"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": chosen}]})
    assert selections(text) == [(1, status, "imageCountMoreThan")]


GOOD = rule(age=1)


def changed(part, **changes):
    value = json.loads(json.dumps(GOOD))
    (value if part is None else value[part]).update(changes)
    return policy(value)


BAD = [
    "",
    "null",
    "[]",
    "{}",
    '{"rules": {}}',
    '{"rules": ["x"]}',
    '{"rules": [], "x": 1}',
    "[" * 100_000,
    changed(None, rulePriority=0),
    changed(None, rulePriority=True),
    changed(None, rulePriority="1"),
    changed(None, other=1),
    changed("selection", tagStatus="signed"),
    changed("selection", tagStatus=["any"]),
    changed("selection", tagStatus="tagged"),
    changed("selection", tagPrefixList=["v"]),
    changed("selection", tagStatus="tagged", tagPrefixList=["v"], tagPatternList=["v*"]),
    changed("selection", tagStatus="tagged", tagPrefixList="v"),
    changed("selection", tagStatus="tagged", tagPatternList=["*" * 5]),
    changed("selection", countType="sinceImageDreamt"),
    changed("selection", countUnit="weeks"),
    changed("selection", countUnit=None),
    changed("selection", countNumber=0),
    changed("selection", countNumber=1.5),
    changed("selection", storageClass="glacier"),
    changed("selection", exceptTags=["v"]),
    changed("selection", storageClass="archive"),
    changed("selection", countType="sinceImageTransitioned"),
    changed("selection", countType="sinceImageTransitioned", storageClass="archive", countNumber=89),
    policy(rule(1, "transition", age=90, by="sinceImageTransitioned", storageClass="archive")),
    policy(rule(1, "expire", age=90, by="sinceImagePulled")),
    policy(rule(1, age=1), rule(2, tags=["v"], age=1)),
    policy(rule(1, age=1), rule(2, age=2)),
    policy(rule(1, tagStatus="untagged", age=1), rule(2, tagStatus="untagged", count=1)),
    changed("action", type="delete"),
    changed("action", targetStorageClass="glacier"),
    policy(GOOD, GOOD),
]


@pytest.mark.parametrize("text", BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_policy_that_is_not_understood_decides_nothing(text):
    with pytest.raises(InsufficientData):
        evaluate(text, [image("a", "v1", age=99)], NOW)


tags = st.lists(st.sampled_from(["v1", "v2", "beta", "x"]), max_size=2, unique=True)
pushes = st.one_of(st.none(), st.integers(0, 60).map(lambda days: NOW - timedelta(days=days)))
images = st.lists(st.tuples(tags, pushes, st.sampled_from([MANIFEST, INDEX])), max_size=8).map(
    lambda rows: [Image(str(n), tuple(t), p, media_type=m) for n, (t, p, m) in enumerate(rows)]
)
tag_lists = st.sampled_from([["v"], ["v", "b"], ["x"]])
tagged = st.one_of(
    st.builds(lambda n, t: rule(count=n, tags=t), st.integers(1, 5), tag_lists),
    st.builds(lambda n, t: rule(age=n, tags=t), st.integers(1, 50), tag_lists),
)
untagged = st.builds(lambda n: rule(age=n, tagStatus="untagged"), st.integers(1, 50))
last = st.one_of(
    st.builds(lambda n: rule(count=n), st.integers(1, 5)), st.builds(lambda n: rule(age=n), st.integers(1, 50))
)


def numbered(rules):
    return [{**each, "rulePriority": number} for number, each in enumerate(rules, 1)]


some_rules = st.tuples(st.lists(tagged, max_size=3), st.lists(untagged, max_size=1)).flatmap(
    lambda found: st.permutations([*found[0], *found[1]])
)
rules = st.tuples(some_rules, last).map(lambda found: numbered([*found[0], found[1]]))


@given(images, rules, st.randoms())
def test_every_image_has_one_fate_whatever_the_order_of_the_list(images, rules, random):
    outcome = evaluate(policy(*rules), images, NOW)
    assert not outcome.removals.keys() & outcome.undecided.keys()
    shuffled = list(images)
    random.shuffle(shuffled)
    assert evaluate(policy(*rules), shuffled, NOW) == outcome


@given(images, rules, st.randoms())
def test_the_fate_of_an_image_does_not_hang_on_what_else_is_asked_about(images, rules, random):
    outcome = evaluate(policy(*rules), images, NOW)
    asked = {image.digest for image in images if random.random() < 0.3} | {"sha256:" + "f" * 64}
    some = evaluate(policy(*rules), images, NOW, asked)
    assert some.removals == {digest: found for digest, found in outcome.removals.items() if digest in asked}
    assert some.undecided == {digest: found for digest, found in outcome.undecided.items() if digest in asked}


@given(images, some_rules.map(numbered))
def test_a_rule_of_lower_priority_changes_nothing_for_images_that_others_match(images, rules):
    before = evaluate(policy(*rules), images, NOW)
    after = evaluate(policy(*rules, rule(99, age=1)), images, NOW)
    assert before.removals.items() <= after.removals.items()


@given(images, st.integers(1, 6))
def test_keeping_more_never_removes_more(images, count):
    fewer, more = (evaluate(policy(rule(count=n)), images, NOW) for n in (count + 1, count))
    assert fewer.removals.keys() <= more.removals.keys()
