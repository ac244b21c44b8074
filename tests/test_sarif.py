"""The SARIF report is valid, is what code scanning takes, and never says more or less than the scan does."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
import reports
import sarif_om as om
import validation

from scanner.finding import BrokenRule, Coverage, ExemptionState, Finding, Report, Severity, Status
from scanner.model import Location
from scanner.reporters import REPORTERS
from scanner.reporters.paths import encoded, synthetic_path
from scanner.reporters.sarif_anchor import Anchors
from scanner.reporters.sarif_encoder import encode, write
from scanner.reporters.sarif_tool import pascal_case, semantic

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CASES = [
    (name, profile) for name in ("sample", "compared", "clean", "nothing", "hostile") for profile in ("github", "full")
]


def written(report: Report, **options) -> str:
    out = io.StringIO()
    REPORTERS["sarif"].write(report, out, **options)
    return out.getvalue()


def runs(report: Report, **options) -> list[dict]:
    return json.loads(written(report, **options))["runs"]


def results(report: Report, **options) -> list[dict]:
    return [result for run in runs(report, **options) for result in run["results"]]


def with_findings(*findings: Finding) -> Report:
    return replace(reports.clean(), findings=findings)


def nodes(value):
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


@pytest.fixture
def file(name, profile, tmp_path):
    path = tmp_path / "report.sarif"
    path.write_text(written(getattr(reports, name)(), profile=profile), encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "profile"), CASES)
def test_official_schema(file):
    assert validation.schema_problems(file) == []


@pytest.mark.parametrize(("name", "profile"), CASES)
def test_code_scanning_lint(file, profile):
    errors, warnings, said = validation.gh_lint(file, profile)
    assert (errors, warnings) == (0, 0), said


@pytest.mark.parametrize(("name", "profile"), CASES)
def test_multitool(file):
    errors, warnings, said = validation.multitool(file)
    assert (errors, warnings) == (0, 0), said


@pytest.mark.parametrize(("name", "profile"), CASES)
def test_sarif_tools(file, name, profile):
    assert validation.sarif_tools(file) == len(results(getattr(reports, name)(), profile=profile))


@pytest.mark.parametrize(("name", "profile"), CASES)
def test_defect_dojo_takes_all_of_it(file, name, profile):
    log = json.loads(file.read_text(encoding="utf-8"))
    found = validation.defect_dojo(log)
    failures = [each for each in results(getattr(reports, name)(), profile=profile) if each["kind"] == "fail"]
    assert len(found) == len(failures)
    assert len({each["unique_id_from_tool"] for each in found}) == len(found)
    assert {each["date"] for each in found} <= {"2026-11-20T06:00:00Z"}
    assert [each["false_positive"] for each in found] == [bool(each.get("suppressions")) for each in failures]


def test_defect_dojo_gives_our_severities():
    found = validation.defect_dojo(json.loads(written(reports.sample())))
    assert Counter(each["severity"] for each in found) == {"Critical": 2, "High": 1, "Medium": 2 + 3}


@pytest.mark.parametrize(("name", "profile"), CASES)
def test_same_report_gives_same_bytes_in_utf8(name, profile):
    first = written(getattr(reports, name)(), profile=profile)
    assert first.encode("utf-8") == written(getattr(reports, name)(), profile=profile).encode("utf-8")


def test_github_profile_holds_the_open_failures_and_the_gaps():
    found = Counter(result["ruleId"] for result in results(reports.sample()))
    assert found == {
        "image-running-digest-in-standby": 2,
        "repository-policy-parity": 1,
        "repository-tag-mutability-parity": 2,
        "coverage-gap": 3,
    }
    assert {result["kind"] for result in results(reports.sample())} == {"fail"}
    assert not any("suppressions" in result for result in results(reports.sample()))


def test_full_profile_holds_every_finding_and_says_what_is_suppressed():
    found = results(reports.sample(), profile="full")
    assert Counter(result["kind"] for result in found) == {"fail": 6 + 3, "pass": 4, "open": 4, "notApplicable": 1}
    suppressed = [result for result in found if result["suppressions"]]
    assert [result["suppressions"][0]["status"] for result in suppressed] == ["accepted"]
    assert suppressed[0]["suppressions"][0]["justification"] == "Sandboxes are not recovered."
    assert all("suppressions" in result for result in found)


@pytest.mark.parametrize("profile", ["github", "full"])
def test_level_and_kind_are_always_written_and_agree(profile):
    for result in results(reports.sample(), profile=profile):
        assert (result["level"] == "none") == (result["kind"] != "fail")
        assert ("rank" in result) == (result["kind"] == "fail")


@pytest.mark.parametrize(
    ("severity", "level", "score"),
    [
        (Severity.CRITICAL, "error", "9.5"),
        (Severity.HIGH, "error", "8.0"),
        (Severity.MEDIUM, "warning", "5.5"),
        (Severity.LOW, "note", "2.0"),
        (Severity.INFO, "note", None),
    ],
)
def test_severity(severity, level, score):
    rule = reports.rule("a-b", "A title", severity)
    finding = reports.finding(rule, Status.FAIL, reports.repository("x"), "No.")
    (run,) = runs(replace(with_findings(finding), rules=(rule,)))
    descriptor = run["tool"]["driver"]["rules"][0]
    assert run["results"][0]["level"] == descriptor["defaultConfiguration"]["level"] == level
    assert descriptor["properties"].get("security-severity") == score
    assert ("security" in descriptor["properties"]["tags"]) == (score is not None)


def test_runs_are_those_of_the_sources_present():
    def sources(report):
        return [run["automationDetails"]["id"].split("/")[1] for run in runs(report)]

    assert sources(reports.sample()) == ["live", "iac"]
    assert sources(reports.clean()) == ["live"]
    assert sources(reports.nothing()) == ["live"]
    files = tuple(row for row in reports.sample().coverage if row.service == "file")
    assert sources(replace(reports.nothing(), coverage=files)) == ["iac"]
    assert runs(reports.nothing())[0]["results"] == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "regionproof/live/111122223333+444455556666/2026-11-20T06:00:00Z"),
        ({"scope": "my org/prod"}, "regionproof/live/my%20org%2Fprod/2026-11-20T06:00:00Z"),
        ({"category": "nightly"}, "nightly/live/2026-11-20T06:00:00Z"),
    ],
)
def test_category(options, expected):
    assert runs(reports.clean(), **options)[0]["automationDetails"]["id"] == expected


def test_categories_of_two_runs_differ_and_stay_from_scan_to_scan():
    later = replace(reports.sample(), as_of=datetime.fromisoformat("2026-11-21T06:00:00Z"))
    first, second = ([run["automationDetails"] for run in runs(each)] for each in (reports.sample(), later))
    assert first[0]["correlationGuid"] != first[1]["correlationGuid"]
    assert [each["correlationGuid"] for each in first] == [each["correlationGuid"] for each in second]
    assert {each["guid"] for each in first}.isdisjoint(each["guid"] for each in second)


def test_every_guid_is_one_the_standard_accepts():
    logs = [runs(reports.sample(), profile=profile) for profile in ("github", "full")]
    found = [
        node[key] for node in nodes(logs) if isinstance(node, dict) for key in node if key.lower().endswith("guid")
    ]
    assert len(found) > 50
    assert [guid for guid in found if not GUID.fullmatch(guid)] == []


def test_live_result_is_anchored_at_a_path_of_its_own():
    result = results(reports.sample())[0]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"] == {
        "uri": "aws/111122223333/us-east-1/ecs/service/payments/api",
        "uriBaseId": "LIVE",
    }
    assert location["logicalLocations"][0]["fullyQualifiedName"] == reports.sample().findings[0].resource.id
    fingerprint = reports.sample().findings[0].fingerprint
    assert result["partialFingerprints"] == {
        "regionproofFinding/v1": fingerprint,
        "primaryLocationLineHash": f"{fingerprint[:16]}:1",
    }


def test_result_from_a_file_is_anchored_there_and_leaves_the_line_hash_to_github():
    result = next(each for each in runs(reports.sample())[1]["results"] if each["ruleId"] != "coverage-gap")
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "infra/stacks/ecr%20%231.yaml", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 16, "startColumn": 7, "endLine": 16, "endColumn": 8},
    }
    assert list(result["partialFingerprints"]) == ["regionproofFinding/v1"]


def test_counterpart_is_a_related_location():
    by_rule = {result["ruleId"]: result["relatedLocations"][0] for result in results(reports.sample())[:4]}
    absent = by_rule["image-running-digest-in-standby"]
    assert absent["message"]["text"] == "Expected counterpart in 'us-west-2' (absent)."
    uri = absent["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "aws/111122223333/us-west-2/ecs/service/payments/worker"
    present = by_rule["repository-tag-mutability-parity"]["logicalLocations"][0]
    assert present["fullyQualifiedName"] == reports.PRESENT.id
    assert "(not seen)" in by_rule["repository-policy-parity"]["message"]["text"]


PATHS = """
arn:aws:ecr:eu-west-1:1:repository/a/b AWS::ECR::Repository - - aws/1/eu-west-1/ecr/repository/a/b
arn:aws-cn:ecs:cn-north-1:1:task-def/f:3 AWS::ECS::TaskDefinition - - aws-cn/1/cn-north-1/ecs/task-def/f/3
arn:aws:s3:::bucket AWS::S3::Bucket - - aws/_/global/s3/bucket
aws://1/us-gov-west-1/ecr AWS::ECR::Registry 1 us-gov-west-1 aws-us-gov/1/us-gov-west-1/ecr/registry
aws://1/us-east-1 AWS::Account::Region 1 us-east-1 aws/1/us-east-1/account/region
t.yaml#Web AWS::ECS::TaskDefinition - us-east-1 aws/_/us-east-1/ecs/taskdefinition/t.yaml%23Web
"""


@pytest.mark.parametrize("row", PATHS.strip().splitlines())
def test_synthetic_path(row):
    id, type, account, region, expected = (None if cell == "-" else cell for cell in row.split())
    assert synthetic_path(id, type, account, region) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("../../x", "_/_/x"),
        ("./a//b/", "a/b"),
        ("a b%41é.tf", "a%20b%2541%C3%A9.tf"),
        ("C:/x", "C%3A/x"),
        ("\udc80", "%3F"),
        ("", "_"),
        ("/", "_"),
    ],
)
def test_paths_are_relative_and_encoded(path, expected):
    assert encoded(path) == expected


def test_long_paths_stay_short_and_apart():
    assert len(encoded("x" * 10_000)) < 100
    assert encoded("x" * 10_000) != encoded("x" * 10_001)


def test_a_region_never_ends_before_it_starts():
    region = Anchors().in_file(Location("a", 7, 3, 6, 1)).region
    assert (region.end_line, region.end_column) == (7, 4)


def test_rules_are_sorted_and_indexed_and_the_gap_rule_is_last():
    for run in runs(reports.sample(), profile="full"):
        ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert ids == [*sorted(rule.id for rule in reports.sample().rules), "coverage-gap"]
        assert all(ids[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_rule_says_why_how_to_fix_where_to_read_and_which_controls():
    rule = runs(reports.clean())[0]["tool"]["driver"]["rules"][0]
    assert rule["name"] == "ImageRunningDigestInStandby"
    markdown = rule["help"]["markdown"]
    assert [line for line in markdown.splitlines() if line.startswith("## ")] == [
        "## Why",
        "## Fix",
        "## References",
        "## Controls",
    ]
    assert "```\naws ecr help\n```" in markdown
    assert "| NIST SP 800-53 | CP-6, CP-9(6) |" in markdown
    assert rule["helpUri"].startswith("https://docs.aws.amazon.com/")
    assert rule["properties"]["tags"] == [
        "disaster-recovery",
        "availability",
        "security",
        "ecs",
        "aws-well-architected/rel13-bp02",
        "nist-800-53/cp-6",
        "nist-800-53/cp-9(6)",
    ]


def test_a_rule_that_says_only_its_title_is_still_complete():
    rule = reports.rule("a-b", "T", Severity.LOW, rationale="", remediation="", references=(), controls={})
    descriptor = runs(replace(reports.clean(), rules=(rule,), findings=()))[0]["tool"]["driver"]["rules"][0]
    assert descriptor["help"] == {"text": "T", "markdown": "## Why\n\nT"}
    assert descriptor["fullDescription"]["text"] == "T."
    assert "helpUri" not in descriptor


def test_tags_are_at_most_ten():
    rule = reports.rule("a-b", "T", Severity.LOW, controls={"nist-800-53": tuple(f"CP-{n}" for n in range(30))})
    (run,) = runs(replace(reports.clean(), rules=(rule,), findings=()))
    assert len(run["tool"]["driver"]["rules"][0]["properties"]["tags"]) == 10
    assert len(run["tool"]["driver"]["rules"][0]["relationships"]) == 30


def test_relationships_resolve():
    (run,) = runs(reports.clean())
    assert [each["name"] for each in run["taxonomies"]] == ["acme", "AWS Well-Architected Framework", "NIST SP 800-53"]
    targets = [each["target"] for rule in run["tool"]["driver"]["rules"] for each in rule.get("relationships", [])]
    assert len(targets) == 3 * 3 + 1
    for target in targets:
        taxonomy = run["taxonomies"][target["toolComponent"]["index"]]
        assert taxonomy["guid"] == target["toolComponent"]["guid"]
        assert (taxonomy["taxa"][target["index"]]["id"], taxonomy["taxa"][target["index"]]["guid"]) == (
            target["id"],
            target["guid"],
        )
        assert taxonomy["taxa"][target["index"]]["name"]


def test_each_gap_is_a_notification_and_the_scan_was_successful():
    for run, expected in zip(
        runs(reports.sample()), (["call-throttled", "access-denied"], ["file-not-read"]), strict=True
    ):
        (invocation,) = run["invocations"]
        assert invocation["executionSuccessful"] is True
        assert invocation["startTimeUtc"] == invocation["endTimeUtc"] == "2026-11-20T06:00:00Z"
        gaps = invocation["toolExecutionNotifications"]
        assert [gap["descriptor"]["id"] for gap in gaps] == expected
        descriptors = [each["id"] for each in run["tool"]["driver"]["notifications"]]
        assert all(descriptors[gap["descriptor"]["index"]] == gap["descriptor"]["id"] for gap in gaps)
        assert {gap["level"] for gap in gaps} == {"warning"}


def test_a_rule_that_failed_is_named_and_the_run_was_successful():
    broken = BrokenRule(reports.DIGEST_RULE.id, "ValueError: no", 3)
    (run,) = runs(replace(reports.clean(), broken_rules=(broken,)))
    (notice,) = run["invocations"][0]["toolExecutionNotifications"]
    assert (notice["descriptor"]["id"], notice["level"]) == ("rule-failed", "warning")
    rule = run["tool"]["driver"]["rules"][notice["associatedRule"]["index"]]
    assert rule["id"] == notice["associatedRule"]["id"] == reports.DIGEST_RULE.id
    assert rule["guid"] == notice["associatedRule"]["guid"]
    assert notice["message"]["text"] == f"Rule '{reports.DIGEST_RULE.id}' failed for 3 subjects: ValueError: no."


def test_a_part_says_that_it_is_one_before_it_closes_the_alerts_of_the_rest():
    sarif, part = REPORTERS["sarif"], replace(reports.sample(), not_shown=12)
    for run in runs(part):
        notice = run["invocations"][0]["toolConfigurationNotifications"][0]
        assert (notice["descriptor"]["id"], notice["level"]) == ("report-narrowed", "warning")
        assert run["tool"]["driver"]["notifications"][notice["descriptor"]["index"]]["id"] == "report-narrowed"
        assert notice["message"]["text"].startswith("12 verdicts not shown. This is a part of the verdicts, and ")
    (said,) = sarif.remarks(part, profile="github", category=None)
    assert "--sarif-category" in said
    assert "--baseline and without --new-only" in said
    assert sarif.remarks(part, category="changes") == sarif.remarks(reports.sample()) == []
    assert "report-narrowed" not in {
        notice["descriptor"]["id"]
        for run in runs(reports.sample())
        for notice in run["invocations"][0]["toolConfigurationNotifications"]
    }


def test_exemptions_that_do_nothing_are_said():
    notices = runs(reports.sample())[0]["invocations"][0]["toolConfigurationNotifications"]
    assert [notice["descriptor"]["id"] for notice in notices] == ["exemption-unused", "exemption-expired"]
    assert notices[0]["message"]["text"].endswith("matches no failing finding.")
    report = reports.sample()
    (unused,) = (exemption for exemption, state in report.exemptions if state is ExemptionState.UNUSED)
    rules = tuple(rule for rule in report.rules if rule.id != unused.rule)
    notices = runs(replace(report, rules=rules, findings=()))[0]["invocations"][0]["toolConfigurationNotifications"]
    assert notices[0]["message"]["text"].endswith("is about a rule that did not run.")


def test_gaps_become_one_failure_an_account_region_and_service():
    rows = tuple(Coverage("1", "r", "ecr", f"ecr:Op{n}", "failed", 1, errors=(("AccessDenied", 1),)) for n in range(7))
    (result,) = results(
        replace(reports.nothing(), coverage=(*rows, Coverage("1", "r", "ecr", "ecr:Fine", "complete", 1)))
    )
    assert result["level"] == "warning"
    assert result["message"]["text"].startswith(
        "7 of 8 operations of 'ecr' in account '1', Region 'r' were not answered in full"
    )
    assert result["message"]["text"].endswith("and 2 more.")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "aws/1/r/ecr/coverage"


def test_a_gap_keeps_its_fingerprint_when_its_errors_change():
    def fingerprint(code):
        row = Coverage("1", "r", "ecr", "ecr:Op", "failed", 1, errors=((code, 1),))
        return results(replace(reports.nothing(), coverage=(row,)))[0]["partialFingerprints"]

    assert fingerprint("AccessDenied") == fingerprint("Throttling")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("No replica", "No replica."),
        ("No replica.", "No replica."),
        ("Two\nlines", "Two lines."),
        ("[click](https://evil.example)", "[click] (https://evil.example)."),
        ("\x1b[2J\u202eabc", "\\x1b[2J\\u202eabc."),
        ("x" * 5000, "x" * 1995 + " ..."),
    ],
)
def test_messages_are_one_safe_sentence(message, expected):
    finding = replace(reports.sample().findings[0], message=message)
    assert results(with_findings(finding))[0]["message"]["text"] == expected


def test_no_text_a_person_reads_holds_control_characters():
    keys = {"text", "markdown", "name", "fullyQualifiedName", "uri"}
    found = [
        node[key]
        for node in nodes(runs(reports.hostile(), profile="full"))
        if isinstance(node, dict)
        for key in keys & node.keys()
        if isinstance(node[key], str)
    ]
    assert len(found) > 100
    assert [text for text in found if not text.replace("\n", "").isprintable()] == []


def test_long_evidence_is_left_to_the_json_report():
    finding = replace(reports.sample().findings[0], evidence={"digests": ["x" * 100] * 100})
    properties = results(with_findings(finding))[0]["properties"]
    assert "regionproof/evidence" not in properties
    assert "JSON report" in properties["regionproof/evidenceOmitted"]


def test_results_are_written_one_a_line():
    lines = written(reports.sample(), profile="full").splitlines()
    assert (
        sum(line.startswith('{"guid"') or line.startswith('{"correlationGuid"') or '"ruleId"' in line for line in lines)
        >= 18
    )


def test_encoder_keeps_a_level_that_is_the_default_of_the_schema():
    assert encode(om.Result(message=om.Message(text="x"), level="warning", kind="fail")) == {
        "message": {"text": "x"},
        "level": "warning",
        "kind": "fail",
    }


def test_encoder_calls_the_state_of_a_suppression_status():
    assert encode(om.Suppression(kind="external", state="accepted")) == {"kind": "external", "status": "accepted"}


def test_encoder_wants_results_apart_from_their_run():
    run = om.Run(tool=om.Tool(driver=om.ToolComponent(name="x")), results=[])
    with pytest.raises(ValueError, match="apart"):
        write(io.StringIO(), [(run, [])])


def test_encoder_refuses_what_it_does_not_know():
    result = om.Result(message=om.Message(text="x"))
    result.levle = "error"
    with pytest.raises(TypeError, match="levle"):
        encode(result)
    with pytest.raises(TypeError, match="set"):
        encode({"tags": {1, 2}})
    with pytest.raises(TypeError, match="zone"):
        encode(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.0.0", "1.0.0"),
        ("1.2", "1.2.0"),
        ("1.0.0rc1", "1.0.0-rc.1"),
        ("0.3.1.dev4+g12", "0.3.1-dev.4+g12"),
        ("unknown", "0.0.0"),
    ],
)
def test_semantic_version(version, expected):
    assert semantic(version) == expected


def test_names_are_pascal_case():
    assert pascal_case("repository-tag-parity_v2") == "RepositoryTagParityV2"
    assert pascal_case("--") == "Rule"
