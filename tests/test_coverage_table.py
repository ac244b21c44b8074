"""The closing table of a collection says what was seen, and hides no gap among many good targets."""

from scanner.finding import NOT_ENABLED, Coverage
from scanner.reporters.coverage import MOST_ROWS, table


def row(account, operation="ListClusters", status="complete", errors=(), service="ecs", **rest):
    return Coverage(account, "us-east-1", service, f"{service}:{operation}", status, 3, errors=errors, **rest)


def off(account, region="ap-east-1", status="DISABLED"):
    return Coverage(account, region, "account", "account:ListRegions", NOT_ENABLED, 0, message=status)


def words(text):
    return [line.split() for line in text.splitlines()]


def test_each_service_is_complete_or_says_why_not():
    denied = row("111122223333", "DescribeImages", "partial", (("AccessDeniedException", 2),), "ecr")
    refused = row("111122223333", "ListClusters", "failed", (("ThrottlingException", 3),), "eks")
    lines = words(
        table([row("111122223333"), denied, row("111122223333", "DescribeRegistry", service="ecr"), refused], 300)
    )
    assert lines[:4] == [
        ["service", "complete", "partial", "failed"],
        ["ecr", "-", "1", "-"],
        ["ecs", "1", "-", "-"],
        ["eks", "-", "-", "1"],
    ]
    where = "111122223333/us-east-1"
    assert lines[4] == [where, "ecr", "partial:", "DescribeImages", "AccessDeniedException", "x2"]
    assert lines[5] == [where, "eks", "failed:", "ThrottlingException", "x3"]
    assert " ".join(lines[6]) == "0 of 1 accounts x Regions were answered in full"
    assert len(lines) == 7


def test_an_operation_that_is_denied_makes_a_service_partial_not_failed():
    rows = [row("1"), row("1", "ListTasks", "failed", (("AccessDenied", 1),))]
    assert words(table(rows))[2] == ["1/us-east-1", "ecs", "partial:", "ListTasks", "AccessDenied", "x1"]


def test_among_many_targets_what_is_complete_is_counted_and_what_is_not_is_listed():
    many = [row(f"{number:012}") for number in range(1499)]
    denied = row("999999999999", status="failed", errors=(("AccessDenied", 1),))
    lines = words(table([*many, denied]))
    assert lines[1] == ["ecs", "1,499", "-", "1"]
    assert lines[2] == ["999999999999/us-east-1", "ecs", "failed:", "AccessDenied", "x1"]
    assert " ".join(lines[3]) == "1,499 of 1,500 accounts x Regions were answered in full"
    assert len(lines) == 4
    bad = [row(f"{number:012}", status="failed", errors=(("AccessDenied", 1),)) for number in range(1500)]
    text = table(bad)
    assert f"and {1500 - MOST_ROWS:,} more" in text
    assert len(text.splitlines()) == 2 + MOST_ROWS + 2


def test_regions_that_are_not_enabled_are_told_and_are_no_gap():
    enabling = off("1", "me-south-1", "ENABLING")
    text = table([row("1"), off("1"), off("2"), enabling], 300)
    assert "not enabled: ap-east-1 in 2 accounts (DISABLED), me-south-1 in 1 (ENABLING)" in text
    assert "1 of 1 accounts x Regions were answered in full" in text
    assert "account " not in text.replace("accounts", "").splitlines()[1]
    thousand = table([row("1"), *(off(f"{number:012}") for number in range(1000))])
    assert "ap-east-1 in 1,000 accounts (DISABLED)" in thousand
    assert len(thousand.splitlines()) == 4


def test_reused_answers_are_told():
    reused = [
        row("1", reused=2, reused_from="2026-11-02T10:00:00Z"),
        row("2", reused=1, reused_from="2026-10-31T10:00:00Z"),
        row("3"),
    ]
    assert "3 answers reused from an earlier snapshot, the oldest of 2026-10-31" in table(reused)
    assert "reused" not in table([row("1")])


def test_what_aws_says_cannot_steer_the_terminal():
    evil = [row("111122223333", status="failed", errors=(("\x1b[31mEvil", 1),)), off("1", "\x1b[2J", "\x9b1m")]
    assert not {"\x1b", "\x9b"} & set(table(evil))


def test_nothing_collected():
    assert table([]) == "  0 of 0 accounts x Regions were answered in full\n"
