"""What is written for Security Hub is what BatchImportFindings takes, by its model and by its documented limits."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import botocore.session
import pytest
import reports
from botocore.validate import ParamValidator

from scanner.finding import Status
from scanner.model import Place
from scanner.reporters import REPORTERS
from scanner.reporters.asff import _PARTITIONS, _TYPES

SAMPLES = ["sample", "compared", "clean", "hostile"]


@pytest.fixture(scope="module")
def model():
    return botocore.session.get_session().get_service_model("securityhub")


def written(report):
    out = io.StringIO()
    REPORTERS["asff"].write(report, out)
    return out.getvalue()


def batches(report):
    return [json.loads(line) for line in written(report).splitlines()]


def imported(report):
    return [finding for batch in batches(report) for finding in batch["Findings"]]


def nodes(value):
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_request_is_one_that_botocore_would_send(name, model):
    shape = model.operation_model("BatchImportFindings").input_shape
    found = batches(getattr(reports, name)())
    assert found
    for batch in found:
        assert ParamValidator().validate(batch, shape).generate_report() == ""


def test_enumerations_are_those_of_the_model(model):
    """botocore does not check them."""
    finding = model.shape_for("AwsSecurityFinding").members
    for each in imported(reports.sample()):
        assert each["Severity"]["Label"] in finding["Severity"].members["Label"].enum
        assert each["Compliance"]["Status"] in finding["Compliance"].members["Status"].enum
        assert each["RecordState"] in finding["RecordState"].enum
        assert each.get("Workflow", {}).get("Status", "NEW") in finding["Workflow"].members["Status"].enum
    resource = finding["Resources"].member.members
    assert set(_PARTITIONS) <= set(resource["Partition"].enum)
    details = {name.lower() for name in resource["Details"].members}
    assert [type for type in _TYPES.values() if type.lower() not in details] == []


LIMITS = {
    ("Id",): 512,
    ("ProductArn",): 2048,
    ("GeneratorId",): 512,
    ("Title",): 256,
    ("Description",): 1024,
    ("Remediation", "Recommendation", "Text"): 512,
    ("Note", "Text"): 512,
    ("Severity", "Original"): 64,
}


@pytest.mark.parametrize("path", LIMITS, ids=".".join)
@pytest.mark.parametrize("name", SAMPLES)
def test_documented_lengths(name, path):
    for finding in imported(getattr(reports, name)()):
        value = finding
        for key in path:
            value = value.get(key, {})
        assert len(value or "x") <= LIMITS[path]
        assert value != ""


@pytest.mark.parametrize("name", SAMPLES)
def test_documented_counts_and_sizes(name):
    for batch in batches(getattr(reports, name)()):
        assert 1 <= len(batch["Findings"]) <= 100
        for finding in batch["Findings"]:
            assert len(json.dumps(finding).encode("utf-8")) < 240_000
            assert 1 <= len(finding["Resources"]) <= 32
            assert len(finding["ProductFields"]) <= 50
            assert max(map(len, finding["ProductFields"].values())) <= 2048
            assert len(finding["Compliance"].get("RelatedRequirements", ())) <= 32
            for resource in finding["Resources"]:
                assert len(resource["Id"]) <= 512
                assert len(resource.get("Region", "")) <= 16
                assert all(len(key) <= 128 and len(value) <= 256 for key, value in resource.get("Tags", {}).items())
            assert "" not in [node for node in nodes(finding) if isinstance(node, str)]


def test_a_batch_has_at_most_a_hundred_and_is_about_one_place():
    found = tuple(
        replace(reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository(f"{n}", place), "No."))
        for place in (reports.EAST, Place(reports.OTHER, "eu-west-1"))
        for n in range(150)
    )
    sizes = []
    for batch in batches(replace(reports.clean(), findings=found)):
        (arn,) = {finding["ProductArn"] for finding in batch["Findings"]}
        (account,) = {finding["AwsAccountId"] for finding in batch["Findings"]}
        sizes.append((arn, account, len(batch["Findings"])))
    east = "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default"
    abroad = "arn:aws:securityhub:eu-west-1:444455556666:product/444455556666/default"
    assert sizes == [
        (east, "111122223333", 100),
        (east, "111122223333", 50),
        (abroad, "444455556666", 100),
        (abroad, "444455556666", 50),
    ]


def test_a_batch_has_at_most_six_megabytes():
    tags = {f"{n:03}" + "k" * 125: "v" * 256 for n in range(50)}
    many = tuple(reports.repository(f"r{n}", tags=tags) for n in range(32))
    found = tuple(
        reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository(f"{n}", tags=tags), "No.", related=many)
        for n in range(20)
    )
    lines = written(replace(reports.clean(), findings=found)).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 6_000_100


@pytest.mark.parametrize(
    ("region", "partition", "named"),
    [
        ("us-east-1", "aws", "aws"),
        ("cn-north-1", "aws-cn", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc", None),  # ASFF has no word for it
    ],
)
def test_partition(region, partition, named):
    found = reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository("x", Place("1" * 12, region)), "No.")
    (finding,) = imported(replace(reports.clean(), findings=(found,)))
    assert finding["ProductArn"].startswith(f"arn:{partition}:securityhub:{region}:")
    assert finding["Resources"][0].get("Partition") == named


def by_resource(report):
    return {finding["Resources"][0]["Id"].rpartition("repository/")[2]: finding for finding in imported(report)}


def test_each_status():
    found = by_resource(reports.sample())
    denied = {"ReasonCode": "INSUFFICIENT_DATA", "Description": reports.DENIED}
    assert found["ledger"]["Compliance"]["Status"] == "FAILED"
    assert found["team/9"]["Compliance"]["Status"] == "WARNING"
    assert found["team/9"]["Compliance"]["StatusReasons"] == [denied]
    assert found["ok/1"]["Compliance"]["Status"] == "PASSED"
    assert found["ok/1"]["Severity"]["Label"] == "INFORMATIONAL"
    na = [each for each in imported(reports.sample()) if each["Compliance"]["Status"] == "NOT_AVAILABLE"]
    assert [each["Compliance"]["StatusReasons"][0]["ReasonCode"] for each in na] == ["NOT_APPLICABLE"]


def test_only_an_exempted_failure_is_suppressed_and_says_why():
    suppressed = [each for each in imported(reports.sample()) if "Workflow" in each]
    (finding,) = suppressed
    assert finding["Workflow"] == {"Status": "SUPPRESSED"}
    assert finding["Compliance"]["Status"] == "FAILED"
    assert finding["Note"]["Text"] == "Exempted until 2027-03-01 by platform: Sandboxes are not recovered"


def test_gaps_are_warnings_and_what_has_no_account_is_counted():
    found = imported(reports.sample())
    assert sum(each["GeneratorId"] == "regionproof/coverage-gap" for each in found) == 2
    (rest,) = (each for each in found if each["GeneratorId"] == "regionproof/not-in-security-hub")
    assert rest["Description"].startswith("1 more verdicts are about what is in no known account")
    assert len(found) == 15 + 2 + 1


def test_ids_stay_from_scan_to_scan_and_are_apart():
    ids = [each["Id"] for each in imported(reports.sample())]
    assert len(set(ids)) == len(ids)
    later = replace(reports.sample(), as_of=reports.AS_OF.replace(day=21))
    assert [each["Id"] for each in imported(later)] == ids
    assert imported(later)[0]["UpdatedAt"] > imported(reports.sample())[0]["UpdatedAt"]


def test_nothing_placed_is_nothing_to_import():
    assert written(reports.nothing()) == ""


def test_what_is_mended_or_gone_is_archived_and_what_was_not_judged_is_not():
    found = {each["Resources"][0]["Id"].rpartition("/")[2]: each for each in imported(reports.compared())}
    state = {name: (found[name]["RecordState"], found[name]["Compliance"]["Status"]) for name in reports.FATES.values()}
    assert state == {
        "mended": ("ARCHIVED", "PASSED"),
        "sold": ("ARCHIVED", "NOT_AVAILABLE"),
        "hidden": ("ACTIVE", "WARNING"),
        "elsewhere": ("ACTIVE", "WARNING"),
    }
    assert found["hidden"]["Description"] == "It was a failure of the baseline. It is hidden."
    assert found["worker"]["ProductFields"]["regionproof/BaselineState"] == "unchanged"
    archived = [each for each in imported(reports.compared()) if each["RecordState"] == "ARCHIVED"]
    assert len(archived) == 2


def test_each_finding_of_a_part_says_so():
    for finding in imported(reports.compared()):
        assert finding["ProductFields"]["regionproof/NotShown"].startswith("1,200 verdicts that concern no line")
