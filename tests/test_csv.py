"""The CSV report is what spreadsheets and scripts expect, and runs nothing."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
import reports

from scanner.finding import Status
from scanner.reporters import REPORTERS


def written(report):
    out = io.StringIO(newline="")
    REPORTERS["csv"].write(report, out)
    return out.getvalue()


def rows(report):
    return list(csv.DictReader(io.StringIO(written(report), newline="")))


def test_one_row_a_verdict_and_one_a_gap():
    found = rows(reports.sample())
    assert [row["fingerprint"] for row in found[:15]] == [each.fingerprint for each in reports.sample().findings]
    gaps = [row for row in found if row["rule_id"] == "coverage-gap"]
    assert len(found) == 15 + len(gaps) == 18
    assert {row["status"] for row in gaps} == {"unknown"}
    assert gaps[-1]["file"] == "infra/broken.yaml"


def test_lines_end_in_crlf_and_texts_stand_in_quotes():
    text = written(reports.sample())
    assert text.count("\r\n") == text.count("\n") == 19
    assert '"111122223333"' in text  # an account id is no number
    assert ",16," in text  # a line is one
    assert text.startswith('"status",')


def test_an_exempted_failure_says_by_whom_and_until_when():
    row = next(row for row in rows(reports.sample()) if row["exempted_until"])
    assert (row["status"], row["exempted_until"], row["exemption_owner"]) == ("fail", "2027-03-01", "platform")


def test_what_was_not_seen_of_the_standby_is_not_absent():
    found = {row["resource_name"]: row["standby_exists"] for row in rows(reports.sample())}
    assert (found["ledger"], found["payments/worker"], found["payments/api"]) == ("not seen", "no", "yes")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'=1"),
        (" =1", "'=1"),
        ("\r\n=1", "'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("a\nb", "a b"),
        ("x" * 40_000, "x" * 31_996 + " ..."),
    ],
)
def test_no_cell_is_a_formula_or_longer_than_a_cell_may_be(text, expected):
    found = reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository("x"), text)
    assert rows(replace(reports.clean(), findings=(found,)))[0]["message"] == expected


def test_an_empty_report_still_has_its_header():
    assert written(reports.nothing()).count("\r\n") == 1


def test_the_baseline_is_a_column_and_what_became_of_its_failures_a_row():
    found = rows(reports.compared())
    state = {row["resource_name"]: (row["status"], row["baseline_state"]) for row in found}
    assert state["payments/worker"] == ("fail", "unchanged")
    assert [row["status"] for row in found if row["baseline_state"] == "absent"] == [
        "fixed",
        "gone",
        "undecided",
        "not_scanned",
    ]
    (mended,) = (row for row in found if row["resource_name"] == "shop/mended")
    assert mended["message"] == "It was a failure of the baseline. It is mended."
    assert state["ok/0"][0] != "fixed"  # its verdict of now says that it passes


def test_a_part_says_so():
    (row,) = (row for row in rows(reports.compared()) if row["rule_id"] == "report-narrowed")
    assert row["status"] == "unknown"
    assert row["message"].startswith("1,200 verdicts that concern no line changed since main not shown")
    assert not any(row["rule_id"] == "report-narrowed" for row in rows(reports.sample()))
