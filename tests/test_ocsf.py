"""OCSF events are what the schema of OCSF 1.5.0 says, with the cloud and datetime profiles."""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest
import reports
from jsonschema import Draft202012Validator, FormatChecker

from scanner.finding import Status
from scanner.reporters import REPORTERS


def events(report):
    out = io.StringIO()
    REPORTERS["ocsf"].write(report, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture(scope="module")
def validator():
    ocsf = pytest.importorskip("ocsf_json_schema", reason="ocsf-json-schema is not installed")
    schema = ocsf.OcsfJsonSchemaEmbedded(ocsf.get_ocsf_schema(version="1.5.0"))
    found = schema.get_class_schema(class_name="compliance_finding", profiles=["cloud", "datetime"])
    return Draft202012Validator(found, format_checker=FormatChecker())


@pytest.mark.parametrize("name", ["sample", "compared", "clean", "nothing", "hostile"])
def test_every_event_validates(name, validator):
    found = events(getattr(reports, name)())
    assert [
        f"{list(error.path)}: {error.message[:200]}" for each in found for error in validator.iter_errors(each)
    ] == []


def test_the_schema_notices_what_others_get_wrong(validator):
    (event, *_) = events(reports.sample())
    for key, value in (("cloud", None), ("time", "2026-11-20"), ("class_uid", 2004), ("compliance", [])):
        assert not validator.is_valid(event | {key: value})
    assert not validator.is_valid({key: value for key, value in event.items() if key != "cloud"})
    assert not validator.is_valid(event | {"risk_details_of_no_profile": "x"})


STATUSES = """
fail           3  1  Fail
exempted       3  3  Fail
pass           1  1  Pass
unknown        2  1  Warning
not_applicable 99 1  Not_applicable
"""


@pytest.mark.parametrize("row", STATUSES.strip().splitlines())
def test_status(row):
    name, compliance, lifecycle, caption = row.split()
    found = reports.sample().findings
    at = next(
        at
        for at, each in enumerate(found)
        if (each.exemption is not None, each.status) == (name == "exempted", "fail" if name == "exempted" else name)
    )
    event = events(reports.sample())[at]
    assert event["compliance"]["status_id"] == event["compliance"]["checks"][0]["status_id"] == int(compliance)
    assert event["compliance"]["status"] == caption.replace("_", " ")
    assert event["status_id"] == int(lifecycle)


def test_times_are_milliseconds_and_with_a_zone():
    event = events(reports.sample())[0]
    assert event["time"] == int(reports.AS_OF.timestamp()) * 1000
    assert event["time_dt"] == "2026-11-20T06:00:00Z"


def test_type_is_class_and_activity():
    for event in events(reports.sample()):
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] == 200301


def test_an_event_says_where_what_and_by_which_control():
    event = events(reports.sample())[0]
    assert event["cloud"] == {
        "provider": "AWS",
        "region": "us-east-1",
        "account": {"uid": "111122223333", "type_id": 10, "type": "AWS Account"},
    }
    assert event["resources"][0]["uid"] == "arn:aws:ecs:us-east-1:111122223333:service/payments/api"
    assert "NIST SP 800-53 CP-9(6)" in " ".join(event["compliance"]["requirements"]).replace(" Rev. 5", "")
    assert event["evidences"][0]["data"]["digests"] == [reports.DIGEST]
    assert event["metadata"]["event_code"] == event["finding_info"]["analytic"]["uid"] == reports.DIGEST_RULE.id


def test_the_counterpart_is_a_resource_where_there_is_one():
    found = {len(event["resources"]) for event in events(reports.sample())}
    assert found == {1, 2}
    (both,) = (event for event in events(reports.sample()) if len(event["resources"]) == 2)
    assert [each["region"] for each in both["resources"]] == ["us-east-1", "us-west-2"]


def test_what_passes_is_information_and_asks_for_nothing():
    passed = [event for event in events(reports.sample()) if event["compliance"]["status_id"] == 1]
    assert {event["severity_id"] for event in passed} == {1}
    assert not any("remediation" in event for event in passed)


def test_uids_are_stable_and_apart():
    found = events(reports.sample())
    assert len({event["metadata"]["uid"] for event in found}) == len(found)
    assert [event["finding_info"]["uid"] for event in found[:15]] == [f.fingerprint for f in reports.sample().findings]


def test_each_gap_is_a_warning():
    found = Counter(event["compliance"]["status"] for event in events(reports.sample()))
    unknown = sum(each.status is Status.UNKNOWN for each in reports.sample().findings)
    assert found["Warning"] == unknown + 3


LIVES = """
payments/worker  2 1 Fail
ledger           1 1 Fail
sandbox/try      1 3 Fail
ok/0             3 4 Pass
ok/1             1 1 Pass
shop/mended      3 4 Pass
shop/sold        3 5 Not_applicable
shop/hidden      2 1 Warning
shop/elsewhere   2 1 Warning
"""


@pytest.mark.parametrize("row", LIVES.strip().splitlines())
def test_a_finding_is_created_updated_and_closed(row):
    name, activity, status, caption = row.split()
    event = next(each for each in events(reports.compared()) if each["resources"][0]["name"] == name)
    assert (event["activity_id"], event["status_id"]) == (int(activity), int(status))
    assert event["type_uid"] == 200300 + int(activity)
    assert event["compliance"]["status"] == caption.replace("_", " ")


def test_without_a_baseline_everything_is_created():
    assert {event["activity_id"] for event in events(reports.sample())} == {1}


def test_what_becomes_known_later_keeps_the_uid_of_its_finding():
    lost = next(each.finding for each in reports.compared().baseline.former)
    (event,) = (each for each in events(reports.compared()) if each["finding_info"]["uid"] == lost.fingerprint)
    assert event["message"] == "It was a failure of the baseline. It is mended."
    assert event["unmapped"]["regionproof"]["baseline_state"] == "absent"


def test_a_part_says_so():
    (event,) = (each for each in events(reports.compared()) if each["metadata"]["event_code"] == "report-narrowed")
    assert event["compliance"]["status"] == "Warning"
    assert event["message"].startswith("1,200 verdicts that concern no line changed since main not shown")
