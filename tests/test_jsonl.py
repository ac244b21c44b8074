"""JSON Lines say what the JSON report says, line by line, and how one knows that none is missing."""

from __future__ import annotations

import io
import json
import tracemalloc
from dataclasses import replace

import pytest
import reports
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from scanner.assets import schema
from scanner.finding import BrokenRule
from scanner.reporters import REPORTERS

REGISTRY = Registry().with_resource(
    "https://regionproof.dev/schema/report-1.json", Resource.from_contents(schema("report"))
)
VALIDATOR = Draft202012Validator(schema("report-line"), registry=REGISTRY, format_checker=FormatChecker())
SAMPLES = ["sample", "clean", "nothing", "hostile"]


def written(report, format="jsonl"):
    out = io.StringIO()
    REPORTERS[format].write(report, out)
    return out.getvalue()


def records(report):
    return [json.loads(line) for line in written(report).splitlines()]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_validates(name):
    found = records(getattr(reports, name)())
    assert [error.message for each in found for error in VALIDATOR.iter_errors(each)] == []


@pytest.mark.parametrize("record", ["header", "rule", "coverage", "exemption", "recovery", "finding", "trailer"])
def test_the_schema_wants_what_it_promises(record):
    line = next(each for each in records(reports.sample()) if each["record"] == record)
    assert not VALIDATOR.is_valid({"record": record})
    assert VALIDATOR.is_valid(line | {"added_later": 1})


def test_records_unknown_to_a_reader_are_allowed():
    assert VALIDATOR.is_valid({"record": "workload"})
    assert not VALIDATOR.is_valid({"id": "no record"})


def test_order_is_header_parts_trailer():
    broken = (BrokenRule("team-a", "ValueError: no", 1),)
    found = [each["record"] for each in records(replace(reports.sample(), broken_rules=broken))]
    order = ["header", "rule", "broken_rule", "coverage", "exemption", "recovery", "finding", "trailer"]
    assert list(dict.fromkeys(found)) == order
    assert (found.count("header"), found.count("trailer")) == (1, 1)


def test_the_trailer_counts_the_lines_so_that_a_cut_file_is_known():
    *rest, trailer = records(reports.sample())
    assert trailer["complete"] is True
    for record, count in trailer["counts"].items():
        assert sum(each["record"] == record for each in rest) == count
    assert sum(trailer["counts"].values()) == len(rest) - 1
    assert trailer["summary"]["complete"] is False  # of what was to be seen, not of the file


def test_nothing_of_the_json_report_is_lost():
    whole = json.loads(written(reports.sample(), "json"))
    header, *lines, trailer = records(reports.sample())
    kept = {
        record: [{k: v for k, v in each.items() if k != "record"} for each in lines if each["record"] == record]
        for record in trailer["counts"]
    }
    assert kept["finding"] == whole["findings"]
    assert kept["coverage"] == whole["coverage"]
    assert kept["exemption"] == whole["exemptions"]
    assert kept["recovery"] == whole["recoveries"]
    assert {rule.pop("id"): rule for rule in kept["rule"]} == whole["rules"]
    assert trailer["summary"] == whole["summary"]
    rest = whole.keys() - {
        "findings",
        "coverage",
        "exemptions",
        "recoveries",
        "rules",
        "summary",
        "broken_rules",
        "controls",
        "$schema",
    }
    assert {key: header[key] for key in rest} == {key: whole[key] for key in rest}


def test_memory_does_not_grow_with_the_findings():
    def peak(count):
        report = replace(reports.clean(), findings=reports.clean().findings * count)
        tracemalloc.start()
        REPORTERS["jsonl"].write(report, Discard())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(1_000) < peak(10) + 100_000


class Discard(io.TextIOBase):
    def write(self, text):
        return len(text)
