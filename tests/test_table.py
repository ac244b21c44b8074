"""The table shows every failure, hides no gap, fits the terminal, and cannot be made to steer it."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date

import pytest
import reports
from hypothesis import given
from hypothesis import strategies as st

from scanner.finding import BrokenRule, Coverage, Exemption, ExemptionState, Finding, Report, Severity, Status
from scanner.model import Place, Resource, guard
from scanner.reporters import REPORTERS
from scanner.reporters.causes import cause
from scanner.reporters.layout import NARROWEST, wrap

ANSI = re.compile(r"\x1b\[[0-9;]+m")


def written(report: Report, **options) -> str:
    out = io.StringIO()
    REPORTERS["table"].write(report, out, **options)
    return out.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


def with_findings(*findings: Finding) -> Report:
    return replace(reports.clean(), findings=findings)


def section(text: str, title: str) -> str:
    return text[text.index(title) :].partition("\n\n")[0]


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [48, 60, 80, 120, 200])
@pytest.mark.parametrize("name", ["sample", "clean", "nothing", "hostile"])
def test_nothing_is_wider_than_the_terminal(name, width, unicode):
    text = written(getattr(reports, name)(), width=width, unicode=unicode, controls=["nist-800-53", "acme"])
    assert max(map(len, text.splitlines())) <= width


def test_a_terminal_narrower_than_words_gets_the_narrowest_page():
    assert max(map(len, written(reports.sample(), width=10).splitlines())) <= NARROWEST


@pytest.mark.parametrize("width", [80, 200])
def test_every_open_failure_is_shown_and_no_exempted_one(width):
    text = flat(written(reports.sample(), width=width))
    for finding in reports.sample().findings:
        if finding.status is Status.FAIL:
            shown = finding.resource.name in text and flat(finding.message) in text
            assert shown == (finding.exemption is None), finding.resource.name


def test_failures_come_worst_first_each_rule_once_with_its_fix_and_next_step():
    text = written(reports.sample(), width=200)
    order = [
        line.split()[0]
        for line in text.splitlines()
        if line.split()[:1] and line.split()[0] in {"CRITICAL", "HIGH", "MEDIUM"}
    ]
    assert order == ["CRITICAL", "HIGH", "MEDIUM"]
    assert "CRITICAL  Images that run are in the standby (2 failures)" in text
    assert text.count("Fix   Push the image to the standby, or start a replication backfill.\n") == 3
    assert text.count("regionproof rules show image-running-digest-in-standby") == 1
    assert "aws ecr help" not in text


def test_of_two_rules_of_one_severity_the_more_frequent_comes_first():
    few, many = (reports.rule(f"a-{n}", f"Title {n}", Severity.HIGH) for n in ("few", "many"))
    found = [reports.finding(few, Status.FAIL, reports.repository("x"), "No.")]
    found += [reports.finding(many, Status.FAIL, reports.repository(f"{n}"), "No.") for n in range(3)]
    text = written(replace(with_findings(*found), rules=(few, many)))
    assert text.index("Title many") < text.index("Title few")


def test_failures_of_one_rule_that_are_less_severe_stand_apart():
    rule = reports.rule("a-b", "Tags agree", Severity.HIGH)
    found = [reports.finding(rule, Status.FAIL, reports.repository(f"{n}"), "No.") for n in range(3)]
    found[0], found[2] = (replace(each, severity=Severity.INFO) for each in (found[0], found[2]))
    text = written(replace(with_findings(*found), rules=(rule,)))
    assert text.index("HIGH      Tags agree (1 failure)") < text.index("INFO      Tags agree (2 failures)")


def test_rows_stand_under_where_they_are():
    text = written(reports.sample(), width=200)
    assert "  111122223333/us-east-1 → us-west-2\n    payments/api" in text
    assert "  444455556666/eu-west-1 → eu-central-1\n    ledger  The standby repository has no policy.\n" in text


def test_a_standby_in_another_account_is_named_with_it():
    standby = replace(reports.PRESENT, account=reports.OTHER)
    found = reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository("x"), "No.", counterpart=standby)
    assert "111122223333/us-east-1 → 444455556666/us-west-2" in written(with_findings(found))


def test_a_place_in_the_heading_is_not_told_again_in_each_row():
    said = "Not in '111122223333/us-west-2' but in '111122223333/us-east-1' and '111122223333/eu-west-1'."
    found = reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository("x"), said)
    assert "Not in 'us-west-2' but in 'us-east-1' and '111122223333/eu-west-1'." in flat(written(with_findings(found)))
    same = replace(reports.PRESENT, account=reports.OTHER, region="us-east-1")
    kept = "In '444455556666/us-east-1', not in '111122223333/us-east-1'."
    found = reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository("x"), kept, counterpart=same)
    assert kept in flat(written(with_findings(found)))


def test_a_rule_without_remediation_still_names_the_next_step():
    rule = reports.rule("a-b", "T", Severity.LOW, remediation="")
    found = reports.finding(rule, Status.FAIL, reports.repository("x"), "No.")
    text = written(replace(with_findings(found), rules=(rule,)))
    assert "  More  regionproof rules show a-b\n" in text
    assert "Fix" not in text


def test_failure_in_a_file_says_where():
    assert "(infra/stacks/ecr #1.yaml:16:7)" in written(reports.sample(), width=200)


def test_identifiers_stay_whole_at_80_columns():
    text = written(reports.sample(), width=80)
    for word in (reports.DIGEST, "ecr:GetLifecyclePolicy", "repository-tag-mutability-parity", "AccessDeniedException"):
        assert word in text


def test_wide_terminals_are_used():
    assert len(written(reports.sample(), width=200).splitlines()) < len(
        written(reports.sample(), width=80).splitlines()
    )
    assert f"payments/api     The digest '{reports.DIGEST}' that container 'app' runs" in written(
        reports.sample(), width=200
    )


def test_unknowns_are_grouped_by_cause_with_the_rules_and_subjects_under_it():
    text = section(written(reports.sample(), width=200), "Unknown")
    cause = reports.DENIED.removeprefix("The lifecycle policy was not seen: ")
    assert text.startswith("Unknown (4 could not be decided)")
    assert text.splitlines()[1:] == [
        f"  4×  {cause}",  # noqa: RUF001
        "      111122223333/us-east-1 → us-west-2",
        "        repository-policy-parity          team/0, team/1, team/2",
        "        repository-tag-mutability-parity  team/9",
    ]


def test_one_denied_call_is_told_once_whatever_rules_wanted_of_it():
    call = "images of 'a' were not all listed: AccessDeniedException: User: 'x' may not: no"
    said = (f"The {call}.", f"Whether it is there is not known: the {call}.", "Something else: the end.")
    found = [
        reports.finding(reports.PARITY_RULE, Status.UNKNOWN, reports.repository(f"{n}"), message)
        for n, message in enumerate(said)
    ]
    text = section(written(with_findings(*found), width=200), "Unknown")
    assert f"  2×  The {call}.\n" in text  # noqa: RUF001
    assert "  1×  Something else: the end.\n" in text  # noqa: RUF001
    assert text.count("AccessDeniedException") == 1


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Nothing was seen.", "Nothing was seen."),
        ("A: b: c.", "A: b: c."),
        ("A: b: ThrottlingException.", "B: ThrottlingException."),
        ("A: b: ThrottlingException: User: c: Denied: d.", "B: ThrottlingException: User: c: Denied: d."),
        ("A: ecr:Get in 1/r: Denied: d.", "ecr:Get in 1/r: Denied: d."),
        ("Denied: d: e.", "Denied: d: e."),
        ("infra/main.tf: unresolved: count.", "infra/main.tf: unresolved: count."),
        ("main.tf:3: AccessDenied: d.", "main.tf:3: AccessDenied: d."),
        ("Rule 'a-b' failed: ValueError: no.", "Rule 'a-b' failed: ValueError: no."),
        ("'a' was looked for in 1/r, which was not scanned.", "Nothing was scanned of 1/r."),
        ("Its copy: 'b: X' was looked for in 1/r, which was not scanned.", "Nothing was scanned of 1/r."),
        ("", ""),
    ],
)
def test_a_cause_begins_with_what_was_not_answered(message, expected):
    assert cause(message) == expected


def test_many_rules_places_and_subjects_of_a_cause_are_cut_and_said_to_be():
    found = [
        reports.finding(reports.rule(f"a-{rule:02}", "T", Severity.LOW), Status.UNKNOWN, subject, "No.")
        for rule in range(14)
        for region in range(5)
        for subject in [reports.repository(f"n{n}", Place("1", f"r-{region}")) for n in range(5)]
    ]
    text = section(written(with_findings(*found)), "Unknown")
    assert "a-11  n0, n1, n2 and 2 more\n" in text
    assert text.count("and 2 more rules\n") == 4
    assert "a-12" not in text
    assert "and in 1 more place" in text


def test_many_reasons_are_cut_and_said_to_be():
    found = [
        reports.finding(reports.PARITY_RULE, Status.UNKNOWN, reports.repository(f"{n}"), f"Reason {n}.")
        for n in range(25)
    ]
    assert "and 5 more reasons; the JSON report has them all" in written(with_findings(*found))


def test_coverage_gaps_name_place_operation_error_and_count():
    text = section(written(reports.sample()), "Coverage gaps")
    assert text.startswith("Coverage gaps (3 not answered in full)")
    assert "  111122223333/us-west-2\n    ecr:GetLifecyclePolicy  AccessDeniedException (9 of 9 calls)" in text
    assert "ecs:DescribeTasks  ThrottlingException (2 of 40 calls)" in text
    assert "infra/broken.yaml  line 3: found a tab where indentation was expected" in text
    assert "DescribeRegistry" not in text


def test_many_gaps_are_cut_and_said_to_be():
    rows = tuple(
        Coverage("1", "r", "ecr", f"ecr:Op{n:03}", "failed", 1, errors=(("AccessDenied", 1),)) for n in range(50)
    )
    text = written(replace(reports.nothing(), coverage=rows))
    assert "and 10 more; the JSON report has them all" in text
    assert "incomplete: 50 of 50 operations were not answered in full" in flat(text)


def test_a_pair_whose_primary_was_not_scanned_is_said():
    header = flat(written(replace(reports.clean(), unseen=(Place(None, "us-eas-1"),))).partition("Failures")[0])
    assert "Nothing was scanned of */us-eas-1, the primary of a pair: no verdict is about it." in header
    two = (Place("111122223333", "us-eas-1"), Place(None, "eu-wset-1"))
    header = flat(written(replace(reports.clean(), unseen=two)).partition("Failures")[0])
    assert "of 111122223333/us-eas-1, */eu-wset-1, which are 2 primaries of pairs" in header
    assert "Nothing was scanned" not in written(reports.clean())


def test_an_exemption_of_a_rule_that_did_not_run_is_not_called_unmatched():
    unused = Exemption("other-rule", "*", "Later", "me", date(2099, 1, 1))
    report = replace(reports.sample(), exemptions=((unused, ExemptionState.UNUSED),))
    (line,) = section(written(report, width=200), "Exemptions").splitlines()[1:]
    assert line == "  unused   other-rule for *: no rule of this name ran, until 2099-01-01 (me: Later)"


def test_exemptions_are_one_line_each_those_that_do_nothing_first():
    lines = section(written(reports.sample(), width=200), "Exemptions").splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["expired", "unused", "active"]
    assert "suppresses nothing since 2026-09-30 (platform: Goes away in summer)" in lines[0]
    assert "1 finding until 2027-03-01" in lines[2]


def test_broken_rules_are_named_with_what_they_did():
    broken = (BrokenRule("team-b", "ValueError: no", 1), BrokenRule("team-a", "it took longer than 10 s", 1200))
    lines = section(written(replace(reports.clean(), broken_rules=broken), width=100), "Broken rules").splitlines()
    assert lines[0].startswith("Broken rules (2 failed, so what they judge is unknown)")
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "team-a it took longer than 10 s (1,200 subjects)",
        "team-b ValueError: no (1 subject)",
    ]
    assert "Broken rules" not in written(reports.clean())


def test_summary_counts():
    assert flat(written(reports.sample())).endswith(
        "4 rules: 6 fail (1 exempted), 4 pass, 4 unknown, 1 not applicable; "
        "incomplete: 2 of 8 operations were not answered in full; 1 of 2 files was not read in full"
    )


def test_no_failures_is_said_plainly_only_if_nothing_is_open():
    unknown = next(each for each in reports.sample().findings if each.status is Status.UNKNOWN)
    assert "  None.\n" in written(reports.clean())
    assert written(reports.clean()).endswith("4 rules: 0 fail, 4 pass, 0 unknown, 0 not applicable; complete\n")
    assert "None in what was seen" in written(with_findings(unknown))
    assert "None in what was seen" in written(replace(reports.clean(), coverage=reports.sample().coverage))
    assert written(reports.nothing()).endswith("; nothing was scanned\n")


def test_header_says_what_was_scanned():
    text = written(reports.sample(), width=120)
    assert text.startswith("regionproof 0.1.0, as of 2026-11-20 06:00 UTC\n")
    assert "Scanned  nightly/2026-11-20 (snapshot)\nScanned  infra (infrastructure code)\n" in text
    assert "2 accounts × 3 Regions, 8 operations asked; 2 files read" in text  # noqa: RUF001
    assert "111122223333/us-east-1 → 111122223333/us-west-2 (warm-standby, RPO 1h, RTO 30m)" in text
    assert "*/eu-west-1 → */eu-central-1" in text
    assert "replication rules" not in text
    assert "(derived from the registries' replication rules)" in written(replace(reports.sample(), pairs_derived=True))
    assert "nothing was compared with a standby" in written(reports.nothing())


def test_many_pairs_are_cut_and_said_to_be():
    text = written(replace(reports.sample(), pairs=reports.sample().pairs * 6))
    assert "and 4 more" in text


def test_what_has_no_name_or_place_is_still_shown():
    lost = replace(reports.service("x"), id="t.yaml#Web", name=None, account=None, region=None)
    text = written(with_findings(reports.finding(reports.DIGEST_RULE, Status.FAIL, lost, "No.", counterpart=None)))
    assert "account unknown/Region unknown\n    t.yaml#Web  No." in text


def test_what_people_declare_is_in_no_account():
    tier = Resource("Regionproof::Recovery::Tier", "tier-0", "tier-0", None, None, guard({}))
    text = written(with_findings(reports.finding(reports.DIGEST_RULE, Status.FAIL, tier, "No.", counterpart=None)))
    assert "\n  declared\n    tier-0  No." in text
    assert "unknown/" not in text


@pytest.mark.parametrize("name", ["sample", "clean", "nothing", "hostile"])
def test_same_report_gives_same_text_and_ends_in_a_newline(name):
    first = written(getattr(reports, name)())
    assert first == written(getattr(reports, name)())
    assert first.endswith("\n")
    assert "\n\n\n" not in first


@pytest.mark.parametrize("color", [False, True])
def test_no_control_character_gets_through(color):
    text = ANSI.sub("", written(reports.hostile(), color=color)) if color else written(reports.hostile())
    assert text.replace("\n", "").isprintable()
    assert "\\x1b[31mred\\x1b[0m" in text
    assert "\\u202egnp" in text


def test_colour_adds_nothing_but_colour():
    plain, colored = written(reports.sample()), written(reports.sample(), color=True)
    assert "\x1b" not in plain
    assert ANSI.sub("", colored) == plain != colored


@pytest.mark.parametrize("name", ["sample", "clean", "nothing", "hostile"])
def test_ascii_only(name):
    assert written(getattr(reports, name)(), unicode=False).isascii()


def test_ascii_keeps_what_a_name_says_as_an_escape():
    found = reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository("café"), "No.")
    assert "caf\\xe9" in written(with_findings(found), unicode=False)
    assert "café" in written(with_findings(found))


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("a bc d", 4, ["a bc", "d"]),
        ("re-use it", 5, ["re-use"[:3], "use", "it"]),
        ("abc/defgh/i", 6, ["abc/", "defgh/", "i"]),
        ("of 'r.io/a-b/c:2.8.0', which", 16, ["of", "'r.io/a-b/", "c:2.8.0', which"]),
        ("a/b@sha256:cdef", 12, ["a/b@", "sha256:cdef"]),
        ("arn:aws:kms:r:1:key/6f1c-2a52-90f4", 28, ["arn:aws:kms:r:1:key/", "6f1c-2a52-90f4"]),
        ("v1.18.0-build.22", 9, ["v1.18.0-", "build.22"]),
        ("is arn:aws:a:b", 11, ["is", "arn:aws:a:b"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("", 5, [""]),
    ],
)
def test_wrap(text, width, expected):
    assert wrap(text, width) == expected


@given(st.text(), st.integers(1, 50))
def test_wrap_loses_nothing_but_white_space(text, width):
    lines = wrap(text, width)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [48, 80, 200])
@pytest.mark.parametrize("name", ["sample", "clean", "nothing", "hostile"])
def test_by_workload_nothing_is_wider_than_the_terminal_either(name, width, unicode):
    text = written(getattr(reports, name)(), width=width, unicode=unicode, group_by="workload")
    assert max(map(len, text.splitlines())) <= width
    assert unicode or text.isascii()


@pytest.mark.parametrize("width", [80, 200])
def test_by_workload_every_open_failure_is_shown_and_no_exempted_one(width):
    text = flat(written(reports.sample(), width=width, group_by="workload"))
    for finding in reports.sample().findings:
        if finding.status is Status.FAIL:
            shown = finding.resource.name in text and flat(finding.message) in text
            assert shown == (finding.exemption is None), finding.resource.name


def test_a_workload_has_its_failures_under_it_and_what_is_shared_comes_last():
    text = written(reports.sample(), width=200, group_by="workload").partition("\nUnknown (")[0]
    heads = [line for line in text.splitlines() if line[:1].isalpha() and line.split()[0].isupper()]
    assert heads == [
        "CRITICAL  payments/api (ECS Service): 1 failure",
        "CRITICAL  payments/worker (ECS Service): 1 failure",
        "HIGH      What workloads share: 3 failures",
    ]
    assert "    high  ledger: The standby repository has no policy. [repository-policy-parity]" in text


def test_the_workload_with_the_worst_and_most_failures_is_first():
    low, high = (reports.rule(f"a-{s.value}", "T", s, "AWS::ECS::Service") for s in (Severity.LOW, Severity.HIGH))
    found = [reports.finding(low, Status.FAIL, reports.service("a"), f"{n}.", pointer=f"/{n}") for n in range(3)]
    found += [reports.finding(high, Status.FAIL, reports.service(name), "No.") for name in ("b", "c")]
    found += [reports.finding(low, Status.FAIL, reports.service("c"), "No.")]
    found += [reports.finding(high, Status.UNKNOWN, reports.service("b"), "Not seen.")]
    text = written(with_findings(*found), group_by="workload", width=100)
    heads = [line for line in text.splitlines() if "(ECS Service)" in line]
    assert heads == [
        "HIGH      c (ECS Service): 2 failures",
        "HIGH      b (ECS Service): 1 failure, 1 undecided",
        "LOW       a (ECS Service): 3 failures",
    ]


def test_services_of_one_name_in_two_places_stand_apart():
    found = [
        reports.finding(reports.DIGEST_RULE, Status.FAIL, reports.service("a", place), "No.")
        for place in (reports.EAST, Place("9", "eu-west-1"))
    ]
    assert written(with_findings(*found), group_by="workload").count("a (ECS Service): 1 failure") == 2


def test_no_line_is_a_command_of_a_build_server():
    found = reports.finding(
        reports.PARITY_RULE, Status.FAIL, reports.repository("::add-mask::x"), "::error::x ##[endgroup]"
    )
    text = written(with_findings(found), width=200)
    assert "    \\:add-mask::x" in text
    assert "#\\[endgroup]" in text
