"""The Markdown report is short, says what it leaves out, and shows the text of others as text."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import reports

from scanner.finding import BaselineState, Coverage, Severity, Status
from scanner.reporters import REPORTERS
from scanner.reporters.markdown import LIMITS
from scanner.reporters.markdown_text import code, fenced, html, prose


def written(report, **options):
    out = io.StringIO()
    REPORTERS["markdown"].write(report, out, **options)
    return out.getvalue()


def many(count, message="No."):
    found = [reports.finding(reports.DIGEST_RULE, Status.FAIL, reports.service(f"{n}"), message) for n in range(count)]
    return replace(reports.clean(), findings=tuple(found), recoveries=reports.recoveries(found))


def test_what_limits_the_report_stands_above_the_numbers():
    head = written(replace(reports.clean(), not_shown=7, changed_since="main", unseen=(reports.WEST,))).partition("|")[
        0
    ]
    assert "- 7 verdicts that concern no line changed since main not shown: this is a part" in head
    assert "- Nothing was scanned of 111122223333/us-west-2, the primary of a pair: no verdict is about it." in head
    assert "- There are no pairs, so nothing was compared" in written(reports.nothing()).partition("|")[0]
    assert "\n- " not in written(replace(reports.clean(), pairs_derived=False))


def test_failures_of_the_baseline_that_nobody_could_judge_again_are_listed():
    text = written(replace(reports.clean(), baseline=reports.baseline()))
    assert "- Compared with monday.json, as of 2026-11-20 06:00 UTC; failures: 0 new, 0 unchanged, 0 updated" in text
    assert "| `image-running-digest-in-standby` `shop/lost` | undecided now: A call was denied. |" in text
    assert "shop/mended" not in text


def test_a_narrowed_report_does_not_count_what_it_leaves_out_as_none():
    text = written(replace(reports.clean(), baseline=reports.baseline(), not_shown=87))
    assert "UTC; failures: 0 new, 1 fixed, 1 undecided now." in text
    updated = reports.finding(reports.DIGEST_RULE, Status.FAIL, reports.service("shop/web"), "No.")
    updated = replace(updated, baseline_state=BaselineState.UPDATED)
    text = written(replace(reports.clean(), baseline=reports.baseline(), findings=(updated,), not_shown=87))
    assert "UTC; failures: 1 updated, 1 fixed, 1 undecided now." in text


def test_it_begins_with_the_verdict():
    text = written(reports.sample())
    assert text.startswith("## regionproof: 5 failures, 4 undecided\n")
    for row in (
        "fail, critical | 2 |",
        "fail, high | 1 |",
        "fail, medium | 2 |",
        "| fail, exempted | 1 |",
        "| unknown | 4 |",
    ):
        assert row in text
    assert "**Incomplete: 3 of 10 operations and files were not answered in full.**" in text


def test_the_workloads_come_before_the_counts_and_those_that_recover_in_one_line():
    passed = [
        reports.finding(reports.DIGEST_RULE, Status.PASS, reports.service(f"shop/{n}"), "It is there.")
        for n in range(2)
    ]
    found = (*reports.sample().findings, *passed)
    text = written(replace(reports.sample(), findings=found, recoveries=reports.recoveries(found)))
    head, _, rest = text.partition("### Verdicts")
    assert "4 workloads, as far as the rules judge: does not recover: 2, recovers: 2." in head
    (row,) = (line for line in head.splitlines() if "`payments/worker`" in line)
    assert row.endswith(
        "| `payments/worker`<br>`us-east-1` to `us-west-2` | " + "2 of 3 containers run images that are"
        " not in 'us-west-2', the oldest pushed on '2026-10-02'. |"
    )
    assert "recovers: `shop/0`, `shop/1`\n" in head
    assert "| fail, critical" not in head
    assert "fail, critical | 2 |" in rest
    assert "Would each workload" not in written(reports.nothing())


def test_many_workloads_are_cut_and_said_to_be():
    assert "| | 10 more workloads | |" in written(many(60))


def test_each_failure_says_how_it_compares_with_the_baseline():
    text = written(reports.compared())
    assert "<b>critical</b> (updated) <code>payments/api</code>" in text
    assert "<b>high</b> (new) <code>ledger</code>" in text


def test_a_report_without_gaps_says_so_and_one_of_nothing_too():
    assert "Complete: all of 6 operations and files" in written(reports.clean())
    assert "**Nothing was scanned.**" in written(reports.nothing())
    assert "What was not seen" not in written(reports.clean())


def test_gaps_and_reasons_are_told():
    text = written(reports.sample())
    assert "| 4 | `ecr:GetLifecyclePolicy` in 111122223333/us-west-2: AccessDeniedException. |" in text
    assert "| `111122223333/us-west-2 ecr` | 1 of 2 operations of 'ecr'" in text
    assert "| `infra/broken.yaml` | 'infra/broken.yaml' was not read in full" in text


def test_the_worst_findings_come_first_and_how_to_fix_a_rule_once():
    text = written(reports.sample())
    order = [line.split("<b>")[1].split("</b>")[0] for line in text.splitlines() if "<summary>" in line]
    assert order == ["critical", "critical", "high", "medium", "medium"]
    assert text.count("<details>") == text.count("</details>") == 5
    assert text.count("start a replication backfill") == 3
    assert "sandbox" not in text


@pytest.mark.parametrize(("kind", "shown"), [("step", 200), ("comment", None)])
@pytest.mark.parametrize("message", ["No.", "é" * 3000])
def test_it_is_cut_below_what_github_takes_and_says_by_how_much(kind, shown, message):
    text = written(many(3_000, message), markdown_for=kind)
    assert len(text.encode("utf-8")) <= LIMITS[kind]
    details = text.count("<details>")
    assert details == text.count("</details>") > 10
    assert shown is None or message != "No." or details == shown
    assert text.endswith(f"\n{3_000 - details:,} more failures; the other reports have all.\n")


def test_limits_are_below_those_of_github():
    assert LIMITS["step"] < 1024 * 1000
    assert LIMITS["comment"] < 64 * 1000


def test_many_rules_reasons_and_gaps_are_cut_and_said_to_be():
    rules = tuple(reports.rule(f"a-{n:02}", f"Title {n}", Severity.LOW) for n in range(40))
    found = [reports.finding(rule, Status.FAIL, reports.repository("x"), "No.") for rule in rules]
    found += [reports.finding(rules[0], Status.UNKNOWN, reports.repository("x"), f"Reason {n}.") for n in range(15)]
    rows = tuple(Coverage("1", "r", f"s{n:02}", "s:Op", "failed", 1, errors=(("Denied", 1),)) for n in range(30))
    text = written(replace(reports.clean(), rules=rules, findings=tuple(found), coverage=rows))
    assert "| | 10 more rules | 10 |" in text
    assert "| 5 | 5 more reasons |" in text
    assert "| | 10 more gaps |" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop/web", "`shop/web`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("a`b", "<code>a&#96;b</code>"),
        ("a\\b", "<code>a&#92;b</code>"),
        ("<b>", "`<b>`"),
        ("", ""),
        ("a\nb", "`a b`"),
    ],
)
def test_names_are_code(text, expected):
    assert code(text, 100) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The role 'x' is not there: no.", "The role 'x' is not there: no."),
        ("Ask @team or #12.", "Ask `@team` or `#12.`"),
        ("see https://evil.example or www.evil.example", "see `https://evil.example` or `www.evil.example`"),
        ("*bold* _it_ [x](y) <b>", "`*bold*` `_it_` `[x](y)` `<b>`"),
        ("'AWS::ECS::Service' a:b :smile:", "`AWS::ECS::Service` `a:b` `:smile:`"),
        ("runs 'shop/web@sha256:5f', ('x@y'): no", "runs `shop/web@sha256:5f`, (`x@y`): no"),
        ("'a@b''c' 'a|b'.", "`'a@b''c'` <code>a&#124;b</code>."),
        ("set `rpo` first", "set `rpo` first"),
        ("- item", "`-` item"),
        ("a|b", "<code>a&#124;b</code>"),
    ],
)
def test_sentences_are_text_with_code_in_it(text, expected):
    assert prose(text, 200) == expected


def test_a_line_of_html_is_escaped():
    assert html("<script> & @me", 100) == "<code>&lt;script&gt;</code> <code>&amp;</code> <code>@me</code>"


def test_a_fence_is_longer_than_any_in_it():
    assert fenced("a\n```\nb\n````\n", 100) == "`````text\na\n```\nb\n````\n`````"
    assert fenced("\x1b[0m\n::error::x", 100) == "```text\n\\x1b[0m\n\\:error::x\n```"
