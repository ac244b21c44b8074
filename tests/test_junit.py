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


@pytest.mark.parametrize("name", ["sample", "clean", "nothing", "hostile"])
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
        "image": {"Failure": 2},
        "registry": {"Skipped": 1},
        "repository": {"Failure": 3, "Skipped": 1, "Error": 4, "passed": 4},
        "coverage": {"Error": 3, "passed": 5},
    }


def test_a_case_names_rule_resource_standby_and_place():
    case = next(iter(next(iter(read(reports.sample())))))
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
