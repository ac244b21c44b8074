"""GitHub annotations and GitLab Code Quality: what each shows, in the words it wants, and no more than it takes."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
import reports

from scanner.finding import Coverage, Severity, Status
from scanner.model import Location
from scanner.reporters import REPORTERS


def github(report):
    out = io.StringIO()
    REPORTERS["github"].write(report, out)
    return out.getvalue().splitlines()


def gitlab(report):
    out = io.StringIO()
    REPORTERS["gitlab"].write(report, out)
    return json.loads(out.getvalue())


def failures(severity, count, **fields):
    rule = reports.rule(f"a-{severity.value}", f"Title {severity.value}", severity)
    return [reports.finding(rule, Status.FAIL, reports.repository(f"{n}", **fields), "No.") for n in range(count)]


def test_github_gets_open_failures_and_gaps_worst_first():
    levels = [line.split()[0] for line in github(reports.sample())]
    assert levels == ["::error"] * 3 + ["::warning"] * 5
    assert not any("sandbox" in line or "team/" in line or "ok/" in line for line in github(reports.sample()))


def test_a_failure_in_a_file_is_at_its_line():
    (line,) = (line for line in github(reports.sample()) if "billing" in line)
    assert line.startswith("::warning file=infra/stacks/ecr #1.yaml,line=16,title=medium%3A Tag mutability")


def test_an_end_line_is_said():
    found = failures(Severity.HIGH, 1, locations={"": Location("a.yaml", 3, 1, 9, 1)})
    assert github(replace(reports.clean(), findings=tuple(found)))[0].startswith(
        "::error file=a.yaml,line=3,endLine=9,title="
    )


@pytest.mark.parametrize(("count", "shown", "more"), [(9, 9, None), (10, 10, None), (11, 9, "2"), (1_500, 9, "1,491")])
def test_of_each_level_ten_are_shown_and_the_last_says_how_many_more(count, shown, more):
    found = tuple(failures(Severity.CRITICAL, count) + failures(Severity.LOW, 1))
    *errors, notice = github(replace(reports.clean(), findings=found))
    assert notice.startswith("::notice ")
    assert len([line for line in errors if "title=critical" in line]) == shown
    assert len(errors) <= 10
    assert (errors[-1] == f"::error title=regionproof::{more} more, which the other reports show.") is (
        more is not None
    )


def test_never_more_than_fifty_for_a_job():
    found = tuple(each for severity in Severity for each in failures(severity, 40))
    assert len(github(replace(reports.clean(), findings=found))) == 30


def test_a_gap_is_not_lost_among_failures_of_its_level():
    rows = tuple(Coverage("1", "r", f"s{n}", "s:Op", "failed", 1, errors=(("AccessDenied", 1),)) for n in range(9))
    found = tuple(failures(Severity.MEDIUM, 40))
    lines = github(replace(reports.clean(), findings=found, coverage=rows))
    assert [line.startswith("::warning title=not seen::") for line in lines] == [True] * 3 + [False] * 7
    assert "40 more" in lines[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100% sure", "x: 100%25 sure."),
        ("a%0Ab", "x: a%250Ab."),
        ("a\nb", "x: a b."),
        ("a::b, c", "x: a::b, c."),
        ("a\r\n::error::b", "x: a  ::error::b."),
    ],
)
def test_messages_are_escaped(text, expected):
    found = reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository("x"), text)
    (line,) = github(replace(reports.clean(), findings=(found,)))
    assert line.split("::", 2)[2] == expected


def test_properties_are_escaped():
    rule = reports.rule("a-b", "T: 1, 2 % 3", Severity.HIGH)
    found = reports.finding(rule, Status.FAIL, reports.repository("x", locations={"": Location("a,b:c%.tf", 1)}), "No.")
    (line,) = github(replace(reports.clean(), rules=(rule,), findings=(found,)))
    assert line == "::error file=a%2Cb%3Ac%25.tf,line=1,title=high%3A T%3A 1%2C 2 %25 3::x: No."


def test_nothing_found_is_nothing_said():
    assert github(reports.clean()) == []
    assert gitlab(reports.clean()) == []


@pytest.mark.parametrize("name", ["sample", "compared", "hostile"])
def test_gitlab_issues_are_as_its_documentation_says(name):
    found = gitlab(getattr(reports, name)())
    assert found
    for issue in found:
        assert issue.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        path = issue["location"]["path"]
        assert path
        assert not path.startswith(("/", "./", "../"))
        assert "/../" not in path
        assert issue["location"]["lines"]["begin"] >= 1
        assert re.fullmatch("[0-9a-f]{32}", issue["fingerprint"])
    assert len({issue["fingerprint"] for issue in found}) == len(found)  # GitLab shows only one of equal ones


def test_gitlab_gets_open_failures_and_gaps():
    found = gitlab(reports.sample())
    assert [issue["severity"] for issue in found] == ["blocker", "blocker", "critical", "major", "major"] + [
        "major"
    ] * 3
    paths = [issue["location"]["path"] for issue in found]
    assert paths[0] == "aws/111122223333/us-east-1/ecs/service/payments/api"
    assert paths[4] == "infra/stacks/ecr #1.yaml"
    assert paths[-3:] == [
        "aws/111122223333/us-east-1/ecs/coverage",
        "aws/111122223333/us-west-2/ecr/coverage",
        "infra/broken.yaml",
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("infra/a.yaml", "infra/a.yaml"),
        ("./infra//a.yaml", "infra/a.yaml"),
        ("/abs/a.yaml", "abs/a.yaml"),
        ("../a.yaml", "a.yaml"),
        ("a\\b.yaml", "a/b.yaml"),
        ("a b é.tf", "a b é.tf"),
        ("..", "_"),
    ],
)
def test_gitlab_paths_are_relative(path, expected):
    found = failures(Severity.LOW, 1, locations={"": Location(path, 1)})
    (issue,) = gitlab(replace(reports.clean(), findings=tuple(found)))
    assert issue["location"]["path"] == expected


def test_github_says_first_what_the_report_leaves_out_and_what_it_was_compared_with():
    first, second, *rest = github(reports.compared())
    assert first.startswith(
        "::notice title=regionproof::1,200 verdicts that concern no line changed since main not shown: this is a part"
    )
    assert second.startswith("::notice title=regionproof::Compared with monday.json, as of 2026-11-20 06:00 UTC; ")
    assert "1 undecided now, 1 gone, 1 not looked at." in second
    assert [line.split()[0] for line in rest] == [line.split()[0] for line in github(reports.sample())]


def test_github_shows_no_more_notices_for_what_it_says_first():
    report = replace(
        reports.clean(), findings=tuple(failures(Severity.LOW, 30)), baseline=reports.baseline(), not_shown=3
    )
    assert [line for line in github(report) if line.startswith("::notice")][-1].endswith(
        "::23 more, which the other reports show."
    )
    assert len(github(report)) == 10


def test_gitlab_keeps_what_nobody_could_judge_again():
    found = {issue["fingerprint"]: issue["description"] for issue in gitlab(reports.compared())}
    former = reports.compared().baseline.former
    kept = [each for each in former if each.finding.fingerprint in found]
    assert [each.fate.value for each in kept] == ["undecided", "not_scanned"]
    assert found[kept[0].finding.fingerprint] == "shop/hidden: Not judged again (It is hidden.) It was: No."
