"""Records of rehearsals: our own reader reads them, no rule takes them for a failover, nothing is written over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from scanner import recovery
from scanner.config import read as read_config
from scanner.drill_record import DrillRecord, draft, of_game_day, outcome_of, read_log, write
from scanner.errors import UsageError
from scanner.evidence import read
from scanner.images import ImageIndex
from scanner.model import Model
from scanner.rule import Violation, load_rules

CONFIG = """\
version: 1
scope:
  workloads:
    tier-0: {clusters: [payments], rpo: 5m, rto: 15m, owner: payments}
evidence: [dr/*.yaml]
"""
PAPER = DrillRecord(
    date(2026, 10, 30),
    "tabletop",
    "partial",
    tiers=["tier-0"],
    pair=("us-east-1", "us-west-2"),
    rpo=timedelta(minutes=90),
    issues=["payments/api: 'sha256:12' is missing: yes # no.", "payments/\N{SNOWMAN} cannot be told."],
)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def evidence_of(folder, text):
    (folder / "dr").mkdir(exist_ok=True)
    (folder / "dr" / "drill.yaml").unlink(missing_ok=True)
    write(folder / "dr" / "drill.yaml", text)
    (folder / "regionproof.yaml").write_text(CONFIG)
    config = read_config(folder / "regionproof.yaml")
    return config, read(config)


def test_a_draft_is_read_as_it_was_meant(tmp_path):
    _, found = evidence_of(tmp_path, draft(PAPER, ["Made by\n- a tool: yes", "of a snapshot"]))
    assert not found.gaps
    (drill,) = found.resources
    kept = ("Date", "Scenario", "Outcome", "Tiers", "Rto", "Rpo", "Issues", "SignedOffBy")
    assert [drill[name] for name in kept] == [
        *("2026-10-30", "tabletop", "partial", ["tier-0"], None, "1h30m"),
        *(list(PAPER.issues), None),
    ]
    assert (drill["Pair"]["Primary"], drill["Pair"]["Standby"]) == ("us-east-1", "us-west-2")


def test_what_people_add_is_read_too(tmp_path):
    text = draft(PAPER)
    signed = text.replace("# signed_off_by: who accepts this result", "signed_off_by: Head of platform")
    assert signed != text
    _, found = evidence_of(tmp_path, signed)
    assert [drill["SignedOffBy"] for drill in found.resources] == ["Head of platform"]


@pytest.mark.parametrize("scenario", recovery.REHEARSALS)
def test_no_rehearsal_is_a_tested_failover(tmp_path, scenario):
    rehearsed = replace(PAPER, scenario=scenario, outcome="success", rto=timedelta(minutes=1))
    text = draft(rehearsed) + "  signed_off_by: me\n  link: https://wiki.example.com/1\n"
    config, found = evidence_of(tmp_path, text)
    assert not found.gaps
    model = Model([*config.tiers, *found.resources], pairs=(), images=ImageIndex({}), as_of=NOW)
    (rule,) = (rule for rule in load_rules() if rule.id == "evidence-failover-tested")
    parameters = {"interval": timedelta(days=365), "critical": [], "critical_interval": timedelta(days=183)}
    (violation,) = (
        result for result in rule.check(config.tiers[0], model, parameters) if isinstance(result, Violation)
    )
    assert f"the '{scenario}' of '2026-10-30' lost nothing that runs" in violation.message


@pytest.mark.parametrize("scenario", ["failover", "failback", "restore"])
def test_what_ran_has_to_be_signed_off(tmp_path, scenario):
    text = draft(PAPER).replace("tabletop", scenario)
    _, found = evidence_of(tmp_path, text)
    assert not found.resources
    assert all("drills.0: 'signed_off_by' is a required property" in gap.message for gap in found.gaps)
    assert len(found.gaps) == 2


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (replace(PAPER, tiers=[], pair=None), "nothing was drilled"),
        (replace(PAPER, scenario="failover"), "tabletop or game-day, not failover"),
    ],
)
def test_what_nobody_did_is_not_recorded(record, message):
    with pytest.raises(UsageError, match=message):
        draft(record)


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "old.yaml").write_text("signed\n")
    for file, message in (("old.yaml", "exists already"), ("none/new.yaml", "cannot be written")):
        with pytest.raises(UsageError, match=message):
            write(tmp_path / file, draft(PAPER))
    assert (tmp_path / "old.yaml").read_text() == "signed\n"


@pytest.mark.parametrize(
    ("recovers", "outcome"),
    [([True, True], "success"), ([True, False], "partial"), ([False], "failure"), ([], "failure")],
)
def test_the_outcome_is_that_of_the_workloads(recovers, outcome):
    assert outcome_of(recovers) == outcome


HEAD = {"at": "2026-10-30T09:00:00.000Z", "game_day": 1, "lost": ["us-east-1"]}
SCALED = {
    "at": "2026-10-30T09:12:30.000Z",
    **{"service": "ecs", "operation": "UpdateService", "region": "us-west-2", "outcome": "ok", "changed": True},
}
REFUSED = {**SCALED, "region": "us-east-1", "outcome": "ServiceUnavailable", "changed": False}
ARN = "arn:aws:ecs:us-west-2:111122223333:service/payments/"
STUCK = {"link": "network", "state": "broken", "reason": "No way leads out."}
END = {
    "at": "2026-10-30T10:00:00.000Z",
    "ended": True,
    "services": [
        {"arn": f"{ARN}api", "desired": 2, "running": 2},
        {"arn": f"{ARN}web", "desired": 3, "running": 1, "links": [STUCK]},
    ],
}


def log_of(folder, *lines):
    path = folder / "log.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def test_a_game_day_is_recorded_from_its_log(tmp_path):
    day = read_log(log_of(tmp_path, HEAD, REFUSED, REFUSED, SCALED, {**REFUSED, "region": "eu-west-1"}, END))
    assert (day.lost, day.took) == (("us-east-1",), timedelta(minutes=12, seconds=30))
    record = of_game_day(day)
    assert (record.scenario, record.outcome, record.rto) == ("game-day", "partial", day.took)
    assert record.workloads == ("payments/api", "payments/web")
    assert record.issues == (
        "payments/web ran 1 of 3 tasks.",
        "payments/web: link 'network' is broken: No way leads out.",
        "ecs:UpdateService in us-east-1 ended in ServiceUnavailable, 2 times.",
        "ecs:UpdateService in eu-west-1 ended in ServiceUnavailable, once.",
    )
    assert day.about == (
        "A game day on a served snapshot, without us-east-1: 2026-10-30 09:00:00 to 10:00:00 UTC.",
        "payments/api ran 2 of 2 tasks.",
        "payments/web ran 1 of 3 tasks.",
    )
    whole = of_game_day(day, tiers=["tier-0"])
    assert (whole.tiers, whole.workloads) == (["tier-0"], ())
    _, found = evidence_of(tmp_path, draft(whole))
    assert [(drill["Scenario"], drill["Rto"]) for drill in found.resources] == [("game-day", "12m30s")]


def test_what_is_not_known_is_one_issue(tmp_path):
    unknown = [{"link": link, "state": "unknown", "reason": f"Why {link}."} for link in ("digest", "tag")]
    for links, sentence in (
        (unknown, "payments/api: links 'digest', 'tag' are not known: Why digest."),
        (unknown[1:], "payments/api: link 'tag' is not known: Why tag."),
    ):
        state = {"arn": f"{ARN}api", "desired": 1, "running": 1, "links": [STUCK, *links]}
        record = of_game_day(read_log(log_of(tmp_path, HEAD, SCALED, {**END, "services": [state]})))
        assert record.issues == ("payments/api: link 'network' is broken: No way leads out.", sentence)


@pytest.mark.parametrize(
    ("ran", "links", "outcome"),
    [
        (2, [], "success"),
        (0, [], "failure"),
        (1, [], "failure"),
        (2, [STUCK], "failure"),
        (2, [{**STUCK, "state": "unknown"}], "failure"),
    ],
)
def test_what_runs_has_recovered_only_if_the_drill_finds_nothing_wrong(tmp_path, ran, links, outcome):
    state = {"arn": "arn:aws:ecs:us-west-2:111122223333:task-definition/migrate:3", "desired": 2, "running": ran}
    if not ran:
        state["desired"] = 0  # what wants nothing has not recovered
    record = of_game_day(read_log(log_of(tmp_path, HEAD, SCALED, {**END, "services": [{**state, "links": links}]})))
    assert bool(record.issues) is (outcome == "failure")
    assert (record.outcome, record.workloads) == (outcome, ("family:migrate",))
    assert any("'network'" in issue for issue in record.issues) is bool(links)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEAD, SCALED], "its log has no end"),  # it was killed
        ([HEAD, {**END, "services": []}], "no service or function was created or changed"),
    ],
)
def test_a_game_day_without_a_result_is_not_recorded(tmp_path, lines, message):
    with pytest.raises(UsageError, match=message):
        of_game_day(read_log(log_of(tmp_path, *lines)))


@pytest.mark.parametrize(
    "lines",
    [
        *([], ["x"], [[]], [{}], [{**HEAD, "game_day": 2}]),
        [HEAD, {"at": 1, "changed": True}],
        [HEAD, {**END, "services": [{}]}],
    ],
)
def test_what_is_no_log_is_a_usage_error(tmp_path, lines):
    with pytest.raises(UsageError, match="is not the log of a game day"):
        read_log(log_of(tmp_path, *lines))


def test_a_log_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_log(tmp_path / "none")
