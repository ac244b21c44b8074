"""The JSON report keeps what `schemas/report.json` promises."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import reports
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from scanner.assets import schema
from scanner.finding import BrokenRule, Severity, Status
from scanner.model import Unknown, guard
from scanner.reporters import REPORTERS
from scanner.reporters.text import dumps, jsonable

SAMPLES = ["sample", "clean", "nothing", "hostile"]


def written(report):
    out = io.StringIO()
    REPORTERS["json"].write(report, out)
    return out.getvalue()


def loaded(report):
    return json.loads(written(report))


def test_schema_is_a_valid_schema_whose_every_object_lets_unknown_keys_pass():
    Draft202012Validator.check_schema(schema("report"))
    assert '"additionalProperties": false' not in json.dumps(schema("report"))


@pytest.mark.parametrize("name", SAMPLES)
def test_report_validates(name):
    validator = Draft202012Validator(schema("report"), format_checker=FormatChecker())
    assert [error.message for error in validator.iter_errors(loaded(getattr(reports, name)()))] == []


def test_broken_rules_are_listed_by_id():
    broken = (BrokenRule("team-b", "ValueError: no", 1), BrokenRule("team-a", "it took longer than 10 s", 2))
    assert loaded(replace(reports.clean(), broken_rules=broken))["broken_rules"] == [
        {"rule_id": "team-a", "reason": "it took longer than 10 s", "subjects": 2},
        {"rule_id": "team-b", "reason": "ValueError: no", "subjects": 1},
    ]
    assert loaded(reports.clean())["broken_rules"] == []


@pytest.mark.parametrize("key", ["findings", "coverage", "as_of", "summary"])
def test_schema_requires_what_it_promises(key):
    report = loaded(reports.sample())
    del report[key]
    assert not Draft202012Validator(schema("report")).is_valid(report)


def test_every_property_in_the_schema_is_described():
    def undescribed(node, path):
        for name, child in node.get("properties", {}).items():
            if "$ref" not in child and "description" not in child:
                yield f"{path}/{name}"
            yield from undescribed(child, f"{path}/{name}")

    parts = {"": schema("report"), **schema("report")["$defs"]}
    assert [found for name, part in parts.items() for found in undescribed(part, name)] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_same_report_gives_same_bytes_in_utf8(name):
    first = written(getattr(reports, name)())
    assert first.encode("utf-8") == written(getattr(reports, name)()).encode("utf-8")
    assert first.endswith("}\n")


def test_order_of_rules_and_coverage_does_not_show():
    report = reports.sample()
    turned = replace(
        report, rules=report.rules[::-1], coverage=report.coverage[::-1], exemptions=report.exemptions[::-1]
    )
    assert written(turned) == written(report)


def test_every_finding_is_there_once_in_the_order_of_the_report():
    report = reports.sample()
    found = loaded(report)["findings"]
    assert [each["fingerprint"] for each in found] == [each.fingerprint for each in report.findings]
    assert len({each["id"] for each in found}) == len(found)


def test_summary_counts():
    report = reports.sample()
    summary = loaded(report)["summary"]
    assert summary["by_status"] == {"pass": 4, "fail": 6, "not_applicable": 1, "unknown": 4}
    assert summary["fail_by_severity"] == {"critical": 2, "high": 1, "medium": 2, "low": 0, "info": 0}
    assert summary["fail_exempted"] == 1
    assert summary["complete"] is False
    assert sum(summary["by_status"].values()) == len(report.findings)


def test_a_report_is_complete_only_if_everything_was_answered():
    assert loaded(reports.clean())["summary"]["complete"] is True


def test_finding_says_what_was_judged_and_by_what_evidence():
    found = loaded(reports.sample())["findings"][0]
    assert found["resource"] == {
        "id": "arn:aws:ecs:us-east-1:111122223333:service/payments/api",
        "type": "AWS::ECS::Service",
        "name": "payments/api",
        "account_id": "111122223333",
        "region": "us-east-1",
        "location": None,
        "tags": {},
    }
    assert found["evidence"] == {
        "digests": [reports.DIGEST],
        "missing": 1,
        "operations": ["ecs:DescribeServices"],
        "observed_at": None,
    }
    assert found["counterpart"]["exists"] is False
    assert found["location"] is None
    assert found["source"] == "live"
    assert [each["name"] for each in found["related"]] == ["payments/api"]


def test_finding_in_a_file_says_where():
    found = next(each for each in loaded(reports.sample())["findings"] if each["source"] == "iac")
    assert found["location"] == {
        "path": "infra/stacks/ecr #1.yaml",
        "start_line": 16,
        "start_column": 7,
        "end_line": None,
        "end_column": None,
    }


def test_a_rule_cannot_forge_where_its_evidence_comes_from():
    first = reports.sample().findings[0]
    forged = replace(first, evidence={"operations": ["iam:Everything"], "observed_at": "1999"})
    found = loaded(replace(reports.sample(), findings=(forged,)))["findings"][0]
    assert found["evidence"] == {"operations": ["ecs:DescribeServices"], "observed_at": None}


def test_remediation_is_said_once_a_rule():
    text = written(reports.sample())
    assert text.count("start a replication backfill") == len(reports.sample().rules)


def test_exempted_finding_carries_its_exemption_and_exemptions_their_state():
    report = loaded(reports.sample())
    exempted = [each for each in report["findings"] if each["exemption"]]
    assert [each["exemption"]["reason"] for each in exempted] == ["Sandboxes are not recovered"]
    assert Counter(each["state"] for each in report["exemptions"]) == {"active": 1, "expired": 1, "unused": 1}


def test_objectives_are_in_seconds():
    first, second = loaded(reports.sample())["pairs"]
    assert (first["rpo_seconds"], first["rto_seconds"]) == (3600, 1800)
    assert second == {
        "primary": {"account_id": None, "region": "eu-west-1"},
        "standby": {"account_id": None, "region": "eu-central-1"},
        "dr_class": None,
        "image_distribution": None,
        "rpo_seconds": None,
        "rto_seconds": None,
    }


def test_hostile_text_arrives_as_it_was_but_for_lone_surrogates():
    found = loaded(reports.hostile())["findings"][0]
    assert found["message"] == reports.HOSTILE.replace("\udc80", "\\udc80")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (guard({"A": [1, Unknown("denied")]}), {"A": [1, {"unknown": "denied"}]}),
        ({"b": 1, "a": {"d": (), "c": None}}, {"a": {"c": None, "d": []}, "b": 1}),
        ({1: True}, {"1": True}),
        ([float("inf"), 0.5], ["inf", 0.5]),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (date(2026, 1, 2), "2026-01-02"),
        ({"z", "a"}, ["a", "z"]),
        (b"raw", "b'raw'"),
        (Severity.HIGH, "high"),
    ],
)
def test_any_evidence_becomes_plain_sorted_data(value, expected):
    assert json.dumps(jsonable(value)) == json.dumps(expected)


@given(
    st.recursive(st.text() | st.floats() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_any_evidence_can_be_written_and_read(value):
    dumps(jsonable(value)).encode("utf-8")
    json.loads(dumps(jsonable(value)))


def test_statuses_and_severities_are_those_of_the_schema():
    properties = schema("report")["$defs"]["finding"]["properties"]
    assert properties["status"]["enum"] == [status.value for status in Status]
    assert schema("report")["$defs"]["severity"]["enum"] == [severity.value for severity in Severity]
