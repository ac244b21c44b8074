"""The JUnit report is read by junitparser, and says of each verdict what a test says."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import pytest
import reports

from scanner.finding import Status
from scanner.reporters import REPORTERS

junitparser = pytest.importorskip("junitparser", reason="junitparser is not installed")


def read(report):
    out = io.StringIO()
    REPORTERS["junit"].write(report, out)
    return junitparser.JUnitXml.fromstring(out.getvalue().encode("utf-8"))


def outcomes(suite):
    return Counter(type(case.result[0]).__name__ if case.result else "passed" for case in suite)


@pytest.mark.parametrize("name", ["sample", "compared", "clean", "nothing", "hostile"])
def test_counts_are_those_that_junitparser_counts(name):
    xml = read(getattr(reports, name)())
    stated = [(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) for suite in xml]
    total = (xml.tests, xml.failures, xml.errors, xml.skipped)
    for suite in xml:
        suite.update_statistics()
    xml.update_statistics()
    assert stated == [(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) for suite in xml]
    assert total == (xml.tests, xml.failures, xml.errors, xml.skipped)


def test_each_status_is_what_a_build_makes_of_it():
    suites = {suite.name: outcomes(suite) for suite in read(reports.sample())}
    assert suites == {
        "recovery": {"Failure": 2},
        "image": {"Failure": 2},
        "registry": {"Skipped": 1},
        "repository": {"Failure": 3, "Skipped": 1, "Error": 4, "passed": 4},
        "coverage": {"Error": 3, "passed": 5},
    }


def test_a_case_names_rule_resource_standby_and_place():
    case = next(case for suite in read(reports.sample()) if suite.name == "image" for case in suite)
    assert case.name == "image-running-digest-in-standby: payments/api -> 111122223333/us-west-2"
    assert case.classname == "111122223333.us-east-1.ecs"
    (failure,) = case.result
    assert (failure.type, failure.message) == ("critical", reports.sample().findings[0].message)
    assert "start a replication backfill" in failure.text


def test_an_exempted_failure_is_skipped_and_says_why():
    (case,) = (case for suite in read(reports.sample()) for case in suite if "sandbox" in case.name)
    assert case.result[0].message.startswith("Exempted until 2027-03-01 (platform: Sandboxes are not recovered): ")


def test_what_could_not_be_decided_is_an_error_not_a_failure():
    (case,) = (case for suite in read(reports.sample()) for case in suite if "team/9" in case.name)
    assert (type(case.result[0]).__name__, case.result[0].type) == ("Error", "unknown")


def test_names_of_cases_are_apart():
    names = Counter((case.classname, case.name) for suite in read(reports.sample()) for case in suite)
    assert names.most_common(1)[0][1] == 1


def test_characters_that_xml_forbids_are_visible_escapes():
    found = reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository("a\x00b"), "\x1b[0m \ufffe ]]> <b>.")
    suite = next(iter(read(replace(reports.clean(), findings=(found,)))))
    case = next(iter(suite))
    assert "a\\x00b" in case.name
    assert case.result[0].message == "\\x1b[0m \\ufffe ]]> <b>."


def test_a_file_says_where():
    (case,) = (case for suite in read(reports.sample()) for case in suite if "billing" in case.name)
    assert (case._elem.get("file"), case._elem.get("line")) == ("infra/stacks/ecr #1.yaml", "16")


def test_it_begins_with_the_workloads():
    suite = next(iter(read(reports.sample())))
    assert suite.name == "recovery"
    assert [case.name for case in suite] == [
        "would recover: Service payments/api -> us-west-2",
        "would recover: Service payments/worker -> us-west-2",
    ]
    assert next(iter(suite)).result[0].message.startswith("Does not recover: The digest 'sha256:5f5f5f5f5f5f\u2026'")
    assert next(iter(read(reports.nothing()))).name == "coverage"


def test_what_became_of_a_failure_of_the_baseline_is_said_and_only_mended_or_gone_passes():
    (suite,) = (suite for suite in read(reports.compared()) if suite.name == "baseline")
    found = {case.name.split("/")[1].split()[0]: case for case in suite}
    kinds = {name: type(case.result[0]).__name__ if case.result else "passed" for name, case in found.items()}
    assert kinds == {"mended": "passed", "sold": "passed", "hidden": "Error", "elsewhere": "Skipped"}
    assert found["mended"].system_out == "Was a failure of the baseline, fixed: It is mended."
    assert found["elsewhere"].result[0].message == "Was a failure of the baseline, not looked at: It is elsewhere."


def test_the_report_says_what_it_leaves_out_and_what_it_was_compared_with():
    *_, suite = read(reports.compared())
    told = {each.name: each.value for each in suite.properties()}
    assert told["regionproof.not_shown"] == "1200"
    assert (told["regionproof.changed_since"], told["regionproof.baseline"]) == ("main", "monday.json")
    assert told["regionproof.complete"] == "false"
    said = suite._elem.find("system-out").text.splitlines()
    assert said[0].startswith("1,200 verdicts that concern no line changed since main not shown: this is a part")
    assert "failures: 2 new, 1 unchanged, 2 updated, 2 fixed, 1 undecided now, 1 gone, 1 not looked at." in said[1]
    first = next(case for suite in read(reports.compared()) if suite.name == "image" for case in suite)
    assert first.result[0].message.startswith("updated: The digest")
