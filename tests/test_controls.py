"""Findings by control: counted once for each rule that a control asks for, and never more certain than they are."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import date
from io import StringIO

import pytest
import reports
from jsonschema import Draft202012Validator

from scanner.assets import schema
from scanner.controls import by_control, frameworks, natural, of_report, title
from scanner.finding import Exemption, Severity, Status
from scanner.reporters import REPORTERS

A = reports.rule("a-one", "One", Severity.HIGH, controls={"nist-800-53": ("CP-10", "CP-6"), "acme": ("x",)})
B = reports.rule("b-two", "Two", Severity.LOW, controls={"nist-800-53": ("CP-6",)})
C = reports.rule("c-three", "Three", Severity.LOW, controls={})
EXEMPTION = Exemption("a-one", "*", "It is known.", "platform", date(2027, 1, 1))


def report(*findings, rules=(A, B, C)):
    return replace(reports.sample(), rules=rules, findings=findings)


def finding(rule, status, **fields):
    return reports.finding(rule, status, reports.repository("web"), "It is so.", **fields)


@pytest.mark.parametrize("framework", frameworks().values(), ids=lambda framework: framework.id)
def test_every_framework_says_what_it_is_and_what_its_controls_are_called(framework):
    assert framework.link.startswith("https://")
    assert framework.title
    assert framework.organization
    assert framework.description.endswith(".")
    assert framework.source.endswith(".")
    assert list(framework.controls) == sorted(framework.controls, key=natural)
    for id, name in framework.controls.items():
        assert re.fullmatch(r"[A-Za-z0-9.() -]+", id)
        assert name[0].isupper()
        assert not name.endswith(".")


def test_a_control_counts_the_findings_of_its_rules():
    exempted = finding(A, Status.FAIL, exemption=EXEMPTION)
    counted = by_control(
        report(finding(A, Status.FAIL), exempted, finding(B, Status.UNKNOWN), finding(C, Status.FAIL)), "nist-800-53"
    )
    assert [(each.id, each.title, each.rules) for each in counted] == [
        ("CP-6", "Alternate Storage Site", ("a-one", "b-two")),
        ("CP-10", "System Recovery and Reconstitution", ("a-one",)),
    ]
    assert [(each.statuses, each.exempted) for each in counted] == [
        (Counter({Status.FAIL: 2, Status.UNKNOWN: 1}), 1),
        (Counter({Status.FAIL: 2}), 1),
    ]


def test_a_control_whose_rules_found_nothing_to_judge_is_listed_with_zeros():
    (control,) = by_control(report(rules=(B,)), "nist-800-53")
    assert (control.id, control.statuses, control.exempted) == ("CP-6", {}, 0)


def test_a_framework_that_only_a_pack_knows_has_no_titles():
    assert of_report(report()) == ["acme", "nist-800-53"]
    assert title("acme", "x") == title("nist-800-53", "ZZ-1") == ""
    assert [each.id for each in by_control(report(), "acme")] == ["x"]


def test_the_json_report_has_every_framework():
    out = StringIO()
    REPORTERS["json"].write(report(finding(A, Status.PASS)), out)
    document = json.loads(out.getvalue())
    Draft202012Validator(schema("report")).validate(document)
    assert list(document["controls"]) == ["acme", "nist-800-53"]
    assert document["controls"]["acme"]["title"] is None
    assert document["controls"]["nist-800-53"]["controls"]["CP-6"] == {
        "title": "Alternate Storage Site",
        "rules": ["a-one", "b-two"],
        "by_status": {"pass": 1, "fail": 0, "not_applicable": 0, "unknown": 0},
        "fail_exempted": 0,
    }


def test_the_table_has_the_frameworks_that_are_asked_for():
    def lines(**options):
        out = StringIO()
        REPORTERS["table"].write(report(finding(A, Status.FAIL, exemption=EXEMPTION)), out, **options)
        return out.getvalue().splitlines()

    assert not any("CP-10" in line for line in lines())
    text = lines(controls=("nist-800-53",), width=60)
    assert [line.split()[:6] for line in text if line.startswith("  CP-")] == [
        ["CP-6", "0", "1", "0", "0", "0"],
        ["CP-10", "0", "1", "0", "0", "0"],
    ]
    assert any("(2 controls that rules are mapped to)" in line for line in text)
    assert any("(0 controls that rules are mapped to)" in line for line in lines(controls=("nis2",)))
    assert max(map(len, text)) <= 60
