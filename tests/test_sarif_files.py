"""SARIF beyond one file and one scan: splitting above the limits, baselines, code flows, calls of modules."""

import gzip
import io
import json
import os
import random
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import reports
import validation

from scanner.finding import Baseline, BaselineState, Fate, Former, Severity, Status
from scanner.model import Location
from scanner.output import replacing
from scanner.reporters import REPORTERS, sarif

SARIF = REPORTERS["sarif"]


def runs(report, **options):
    out = io.StringIO()
    SARIF.write(report, out, **options)
    return json.loads(out.getvalue())["runs"]


def categories(log):
    return [run["automationDetails"]["id"].rpartition("/")[0].removeprefix("regionproof/") for run in log["runs"]]


def many(live, code=0):
    """Return a report with so many failures."""
    resources = [reports.repository(f"r{n}") for n in range(live)] + [
        reports.templated(f"t{n}", "t.yaml", n + 1) for n in range(code)
    ]
    found = (reports.finding(reports.PARITY_RULE, Status.FAIL, each, "No.") for each in resources)
    return replace(reports.clean(), findings=tuple(found))


@pytest.fixture
def files(tmp_path, monkeypatch):
    def write(report, **options):
        remarks = SARIF.write_files(report, tmp_path / "r.sarif", replacing, **options)
        logs = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("r*.sarif"), key=lambda p: p.stem)]
        return remarks, logs

    monkeypatch.setattr(sarif, "MOST_RESULTS", 4)
    monkeypatch.setattr(sarif, "SHOWN_RESULTS", 3)
    return write


def test_what_fits_is_one_file_and_nothing_is_said(files, tmp_path):
    remarks, (log,) = files(many(3, 2))
    assert remarks == []
    assert categories(log) == ["live/111122223333+444455556666", "iac/default"]
    out = io.StringIO()
    SARIF.write(many(3, 2), out)
    assert (tmp_path / "r.sarif").read_text() == out.getvalue()


def test_exactly_the_limit_is_one_file_and_one_more_is_two(files):
    remarks, (log,) = files(many(4), category="x")
    assert len(log["runs"][0]["results"]) == 4
    assert remarks == [f"{remarks[0].partition(':')[0]}: 4 results (live); code scanning keeps 3 of an upload"]
    remarks, logs = files(many(5), category="x")
    assert [[len(run["results"]) for run in log["runs"]] for log in logs] == [[4], [1]]
    assert "goes on in r.2.sarif; upload all 2 files" in remarks[0]


def test_every_result_is_in_one_file_and_every_category_is_once(files):
    remarks, logs = files(many(9, 6), category="x")
    found = [result["guid"] for log in logs for run in log["runs"] for result in run["results"]]
    assert len(found) == len(set(found)) == 15
    assert sorted(name for log in logs for name in categories(log)) == [
        "x/iac",
        "x/iac/2",
        "x/live",
        "x/live/2",
        "x/live/3",
    ]
    guids = [run["automationDetails"]["guid"] for log in logs for run in log["runs"]]
    assert len(guids) == len(set(guids))
    assert "r.2.sarif and so on; upload all 4 files" in remarks[0]


def test_on_standard_output_it_goes_on_in_further_runs(monkeypatch):
    monkeypatch.setattr(sarif, "MOST_RESULTS", 4)
    found = runs(many(9), category="x")
    assert [len(run["results"]) for run in found] == [4, 4, 1]
    assert categories({"runs": found}) == ["x/live", "x/live/2", "x/live/3"]


def test_a_file_is_never_larger_than_what_is_taken(files, tmp_path, monkeypatch):
    monkeypatch.setattr(sarif, "MOST_RESULTS", 25_000)
    monkeypatch.setattr(sarif, "MOST_BYTES", 1_000_000)
    noise = random.Random(1)
    report = many(2000)
    noisy = (replace(each, evidence={"seen": noise.randbytes(1000).hex()}) for each in report.findings)
    report = replace(report, findings=tuple(noisy))
    _, logs = files(report)
    assert len(logs) > 2
    assert sum(len(run["results"]) for log in logs for run in log["runs"]) == 2000
    for path in tmp_path.glob("r*.sarif"):
        assert len(gzip.compress(path.read_bytes(), 6)) < 1_000_000


def test_a_device_has_no_second_one(files, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    out = io.StringIO()
    assert SARIF.write_files(many(9), tmp_path / "pipe", lambda _: nullcontext(out)) == []
    assert len(json.loads(out.getvalue())["runs"]) == 3
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_files_of_an_earlier_longer_report_are_emptied(files):
    files(many(9), category="x")
    remarks, logs = files(many(2), category="x")
    assert [[len(run["results"]) for run in log["runs"]] for log in logs] == [[2], [0], [0]]
    assert [categories(log) for log in logs] == [["x/live"], ["x/live/2"], ["x/live/3"]]
    assert "upload all 3 files" in remarks[0]


@pytest.mark.parametrize("profile", ["github", "full"])
def test_every_part_is_valid(files, tmp_path, profile):
    files(replace(reports.sample(), findings=(*many(5, 5).findings, *reports.sample().findings)), profile=profile)
    paths = list(tmp_path.glob("r*.sarif"))
    assert len(paths) > 2
    for path in paths:
        assert validation.schema_problems(path) == []
        assert validation.gh_lint(path, profile)[:2] == (0, 0)


def compared(**fates):
    """Return a report that was compared, and whose baseline had a failure of each fate."""
    first, second, *rest = reports.sample().findings
    found = (
        replace(first, baseline_state=BaselineState.NEW),
        replace(second, baseline_state=BaselineState.UPDATED),
        *(replace(each, baseline_state=BaselineState.UNCHANGED) for each in rest),
    )
    former = tuple(
        Former(
            replace(
                reports.finding(reports.POLICY_RULE, Status.FAIL, reports.repository(fate), "It failed."),
                baseline_state=BaselineState.ABSENT,
            ),
            fate,
            "So it is.",
        )
        for fate in Fate
    )
    baseline = Baseline("old.json", "0" * 64, "a798c24e-313e-5b0a-a58c-23be53169fd3", reports.AS_OF, former)
    return replace(reports.sample(), findings=found, baseline=baseline)


def test_full_says_what_is_absent_and_github_carries_forward_what_nobody_judged(tmp_path):
    github, full = (runs(compared(), profile=profile)[0] for profile in ("github", "full"))
    assert github["baselineGuid"] == full["baselineGuid"] != full["automationDetails"]["guid"]
    states = [result.get("baselineState") for result in github["results"]]
    assert states[:3] == ["new", "updated", "unchanged"]
    assert "absent" not in states
    carried = [each for each in github["results"] if each["properties"].get("regionproof/carriedForward")]
    assert [(each["kind"], each["level"], each["properties"]["regionproof/fate"]) for each in carried] == [
        ("fail", "error", "undecided"),
        ("fail", "error", "not_scanned"),
    ]
    absent = [
        each["properties"]["regionproof/fate"] for each in full["results"] if each.get("baselineState") == "absent"
    ]
    assert absent == ["fixed", "undecided", "gone", "not_scanned"]
    for profile in ("github", "full"):
        path = tmp_path / f"{profile}.sarif"
        with path.open("w", encoding="utf-8") as out:
            SARIF.write(compared(), out, profile=profile)
        assert validation.schema_problems(path) == []
        assert validation.gh_lint(path, profile)[:2] == (0, 0)
        assert validation.multitool(path)[:2] == (0, 0)


def test_the_pull_path_is_one_flow_and_every_step_has_a_place():
    flow = runs(reports.sample())[0]["results"][0]["codeFlows"][-1]
    (thread,) = flow["threadFlows"]
    assert [step["location"]["message"]["text"] for step in thread["locations"]] == [
        "Service 'payments/api' runs a container.",
        "Task definition 'api' names its image.",
        f"Its image '{reports.DIGEST}' is pulled from repository 'payments/api' in 'us-east-1', where it is present.",
        "The standby would pull it from repository 'payments/api' in 'us-west-2', where it is absent.",
    ]
    places = [step["location"]["physicalLocation"]["artifactLocation"] for step in thread["locations"]]
    assert places[0] == {"uri": "infra/ecs.yaml", "uriBaseId": "SRCROOT"}
    assert {place["uriBaseId"] for place in places[1:]} == {"LIVE"}


@dataclass(frozen=True, order=True)
class Called(Location):
    """A place that calls of modules lead to."""

    through: tuple[Location, ...] = ()


def test_calls_of_modules_and_related_resources_of_files_are_linked():
    calls = (Location("main.tf", 3), Location("modules/ecr/main.tf", 9))
    resource = reports.repository("a", locations={"": Called("modules/repository/main.tf", 1, through=calls)})
    related = (reports.repository("live"), reports.templated("b", "other.yaml", 5))
    finding = reports.finding(reports.PARITY_RULE, Status.FAIL, resource, "They differ.", related=related)
    (_, run) = runs(replace(reports.sample(), findings=(finding,)))
    result = run["results"][0]
    assert result["message"]["text"] == (
        "They differ. See [related resource](3), [call of the module](4), [call of the module](5)."
    )
    places = [
        (
            each["id"],
            each["physicalLocation"]["artifactLocation"]["uri"],
            each["physicalLocation"]["region"]["startLine"],
        )
        for each in result["relatedLocations"]
    ]
    assert places[2:] == [(3, "other.yaml", 5), (4, "main.tf", 3), (5, "modules/ecr/main.tf", 9)]
    assert [id for id, *_ in places] == [1, 2, 3, 4, 5]


def test_an_exemption_beside_what_it_covers_is_in_the_source():
    where = Location("infra/stacks/ecr #1.yaml", 13)
    resource = reports.templated("a", where.path, 14)
    for location, kind in ((where, "inSource"), (Location("regionproof.yaml", 1), "external"), (None, "external")):
        exemption = replace(reports.WAIVED, location=location)
        finding = reports.finding(reports.PARITY_RULE, Status.FAIL, resource, "No.", exemption=exemption)
        result = runs(replace(reports.sample(), findings=(finding,)), profile="full")[1]["results"][0]
        assert result["suppressions"][0]["kind"] == kind


@pytest.mark.parametrize(
    ("accounts", "inputs", "expected"),
    [
        (["1"], ["infra"], ["live/1", "iac/infra"]),
        (["2", "1", "1"], ["b", "a"], ["live/1+2", "iac/a+b"]),
        (["1", "2", "3", "4"], ["a", "b", "c", "d"], ["live/default", "iac/default"]),
        ([], ["."], ["live/default", "iac/default"]),
        (["1"], [str(Path("/builds/77/infra").absolute())], ["live/1", "iac/infra"]),
        (["1"], ["../infra/live", "..\\b"], ["live/1", "iac/b+infra%2Flive"]),
        (["1"], ["x" * 101], ["live/1", "iac/default"]),
    ],
)
def test_the_category_says_what_was_asked(accounts, inputs, expected):
    sample = reports.sample()
    row = next(row for row in sample.coverage if row.service != "file")
    report = replace(
        sample,
        coverage=tuple(replace(row, account=each, status="failed") for each in accounts),
        inputs=(sample.inputs[0], *(replace(sample.inputs[1], path=path) for path in inputs)),
    )
    assert categories({"runs": runs(report)}) == expected


def test_severity_is_that_of_the_finding_and_not_of_its_rule():
    finding = replace(reports.sample().findings[0], severity=Severity.LOW)
    result = runs(replace(reports.clean(), findings=(finding,)))[0]["results"][0]
    assert (result["level"], result["rank"]) == ("note", 20.0)
