"""What is judged group by group is the same, byte for byte, as what is judged at once."""

import io
from datetime import UTC, datetime

import pytest
from clones import copies
from hypothesis import given
from hypothesis import strategies as st

from scanner import groups, stored, survey
from scanner.collectors import read
from scanner.config import Config
from scanner.config import read as read_config
from scanner.images import ImageIndex, RepositoryKey
from scanner.model import Pair, Place
from scanner.pairs import PairIndex
from scanner.reporters import REPORTERS
from scanner.rule import load_rule, load_rules
from scanner.scan import scan
from scanner.section import EVERYTHING, Section
from scanner.snapshot import Snapshot
from scanner.stored import Registry
from scanner.survey import Union

RULES = load_rules()
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def text(report):
    out = io.StringIO()
    REPORTERS["json"].write(report, out)
    return out.getvalue()


@pytest.fixture
def judged(monkeypatch):
    """Return the groups that were judged, and what each was asked about beyond itself."""
    seen, judge = [], groups._judge

    def spy(work, group):
        verdicts = judge(work, group)
        seen.append((group, verdicts.beyond.get(group, frozenset())))
        return verdicts

    monkeypatch.setattr(groups, "_judge", spy)
    return seen


def both(path, config, **options):
    whole = text(scan([path], RULES, config, NOW, at_once=10**6, **options))
    assert text(scan([path], RULES, config, NOW, at_once=0, **options)) == whole


def test_copies_that_have_nothing_to_do_with_each_other_are_judged_apart(demo, tmp_path, judged):
    copies(Snapshot.open(demo / "snapshot"), tmp_path / "s", count=2)
    both(tmp_path / "s", read_config(demo / "regionproof.yaml"))
    assert [len(group) for group, _ in judged] == [3, 2]  # what regionproof.yaml declares names the first of them
    assert not any(beyond for _, beyond in judged)


def test_images_of_a_group_do_not_stay_in_memory(demo, tmp_path, judged, monkeypatch):
    copies(Snapshot.open(demo / "snapshot"), tmp_path / "s", count=2)
    seen, judge = [], groups.judge

    def spy(*arguments):
        before, found = stored._shelf._held, judge(*arguments)
        seen.append((before, stored._shelf._held > 0))
        return found

    monkeypatch.setattr(groups, "judge", spy)
    stored.put_away()
    scan([tmp_path / "s"], RULES, read_config(demo / "regionproof.yaml"), NOW, at_once=0)
    assert seen == [(0, True), (0, True)]
    assert stored._shelf._held == 0


def test_large_registries_are_no_reason_to_judge_everything_at_once(demo, tmp_path, judged, monkeypatch):
    monkeypatch.setattr(Registry, "is_large", True)
    copies(Snapshot.open(demo / "snapshot"), tmp_path / "s", count=2)
    both(tmp_path / "s", read_config(demo / "regionproof.yaml"))
    assert [len(group) for group, _ in judged] == [3, 2]
    assert not any(beyond for _, beyond in judged)


def test_copies_that_point_at_each_other_are_judged_together(demo, tmp_path, judged):
    copies(Snapshot.open(demo / "snapshot"), tmp_path / "s", count=2, stray=0.03, lost=0.02, seed=1)
    both(tmp_path / "s", Config())
    assert sorted(len(group) for group, _ in judged) == [1, 4]


def test_what_nobody_foresaw_is_found_out_and_judged_again(demo, tmp_path, judged, monkeypatch):
    look = survey._look

    def blind(*arguments):
        seen = look(*arguments)
        seen.named.clear()
        return seen

    monkeypatch.setattr(survey, "_look", blind)
    copies(Snapshot.open(demo / "snapshot"), tmp_path / "s", count=2, stray=0.01, seed=2)
    both(tmp_path / "s", Config())
    assert any(beyond for _, beyond in judged)


def test_a_rule_that_looks_at_everything_has_everything_judged_at_once(demo, tmp_path, judged):
    rule = tmp_path / "rules" / "security" / "looks.py"
    rule.parent.mkdir(parents=True)
    rule.write_text(LOOKS)
    looks = load_rule("security-looks", rule, trusted=True)
    copies(Snapshot.open(demo / "snapshot"), tmp_path / "s", count=2)
    whole, parts = (scan([tmp_path / "s"], [looks], Config(), NOW, at_once=most) for most in (10**6, 0))
    assert text(whole) == text(parts)
    assert [beyond for _, beyond in judged if EVERYTHING in beyond]
    assert len(judged[-1][0]) == 5


LOOKS = '''"""
title: There are not too many clusters
severity: low
resource: AWS::ECS::Cluster
rationale: "-"
remediation: "-"
references: []
"""

from scanner.rule import Violation


def check(cluster, model, parameters):
    count = sum(1 for _ in model.of_type("AWS::ECS::Cluster"))
    yield Violation(f"There are '{count}' clusters.")
'''


def test_rules_of_packs_and_small_estates_are_judged_at_once(demo, judged):
    from dataclasses import replace

    foreign = [replace(rule, foreign=True) for rule in RULES[:1]]
    scan([demo / "snapshot"], foreign, Config(), NOW, at_once=0)
    scan([demo / "snapshot"], RULES[:1], Config(), NOW)
    assert judged == []


def section(demo, units):
    snapshot = Snapshot.open(demo / "snapshot")
    common = survey.survey([snapshot], (), (), Config(), _Local()).common
    return Section(common, frozenset(units), *read(snapshot, snapshot.by_account.get(min(units), ())), ImageIndex())


class _Local:
    slots, dashboard = 1, None

    def run(self, function, shared, batches):
        return (function(shared, batch) for batch in batches)


PIPELINE = "AWS::CodePipeline::Pipeline"
HERE, THERE = "111122223333", "444455556666"
AWAY = Place(THERE, "us-east-1")
ASKED = {
    "get": lambda model: model.get("AWS::IAM::Role", f"arn:aws:iam::{THERE}:role/x"),
    "find": lambda model: model.find("AWS::ECS::Cluster", "x", AWAY),
    "in_place": lambda model: list(model.in_place("AWS::ECS::Cluster", AWAY)),
    "connected": lambda model: list(model.connected("AWS::ECS::Service", AWAY)),
    "hidden": lambda model: model.hidden("AWS::ECS::Cluster", AWAY),
    "image": lambda model: RepositoryKey(*AWAY, "x") in model.images,
    "missing": lambda model: model.images.missing(
        RepositoryKey(HERE, "us-east-1", "x"), RepositoryKey(*AWAY, "x"), NOW
    ),
}


@pytest.mark.parametrize("question", ASKED)
def test_a_question_about_another_account_is_noted(demo, question):
    from contextlib import suppress

    from scanner.model import InsufficientData

    part = section(demo, [HERE])
    with suppress(InsufficientData):
        ASKED[question](part)
    assert part.beyond == {THERE}


EVERY = {
    "of_type": lambda model: model.of_type("AWS::ECS::Cluster"),
    "named": lambda model: list(model.named("AWS::ECS::Cluster", "x")),
    "hidden": lambda model: model.hidden("AWS::ECS::Cluster"),
    "gaps": lambda model: model.gaps,
    "gaps_hiding": lambda model: model.gaps_hiding("AWS::ECS::Cluster"),
    "images": lambda model: list(model.images),
}


@pytest.mark.parametrize("question", EVERY)
def test_a_question_about_everything_is_noted(demo, question):
    part = section(demo, [HERE])
    EVERY[question](part)
    assert part.beyond == {EVERYTHING}


def test_what_every_part_holds_is_no_question_about_others(demo):
    part = section(demo, [HERE])
    pipelines = [one.id for one in read(Snapshot.open(demo / "snapshot"))[0] if one.type == PIPELINE]
    assert sorted(one.id for one in part.of_type(PIPELINE)) == sorted(pipelines)
    assert part.hidden(PIPELINE) is None
    assert list(part.in_place(PIPELINE, AWAY)) == []
    assert list(part.of_type("Regionproof::Recovery::Tier")) == []
    assert part.beyond == frozenset()


units = st.sampled_from("abcdefgh")


@given(st.lists(st.lists(units, min_size=1, max_size=4), max_size=8))
def test_a_union_joins_what_is_connected_and_nothing_else(links):
    union = Union("abcdefgh")
    for link in links:
        union.join(link)
    found = union.groups()
    assert sorted(unit for group in found for unit in group) == list("abcdefgh")
    together = {(one, other) for group in found for one in group for other in group}
    reached = {(unit, unit) for unit in "abcdefgh"} | {(a, b) for link in links for a in link for b in link}
    while len(more := reached | {(a, d) for a, b in reached for c, d in reached if b == c}) > len(reached):
        reached = more
    assert together == reached


places = st.builds(Place, st.sampled_from([None, "a", "b", "c"]), st.sampled_from(["x", "y"]))


@given(st.lists(st.builds(Pair, places, places)), st.sampled_from([None, "a", "b", "c"]))
def test_the_pairs_of_an_account_are_those_that_name_it_or_every_account(pairs, account):
    def about(pair):
        sides = {pair.primary.account, pair.standby.account}
        return account is None or pair.primary.account is None or account in sides

    assert PairIndex(pairs).about(account) == list(filter(about, pairs))


def test_pairs_from_every_account_to_one_connect_all():
    accounts = ["1", "2"]
    assert survey._sides(None, "1", accounts) == accounts
    assert survey._sides("1", None, accounts) == ["1"]
    assert survey._sides("1", "3", accounts) == ["1"]
    assert survey._sides(None, None, accounts) == []
