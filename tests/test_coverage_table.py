"""The closing table of a collection says what was seen, and hides no gap among many good targets."""

from scanner.finding import Coverage
from scanner.reporters.coverage import MOST_ROWS, table


def row(account, operation="ListClusters", status="complete", errors=(), service="ecs"):
    return Coverage(account, "us-east-1", service, f"{service}:{operation}", status, 3, errors=errors)


def test_each_service_is_complete_or_says_why_not():
    denied = row("111122223333", "DescribeImages", "partial", (("AccessDeniedException", 2),), "ecr")
    refused = row("111122223333", "ListClusters", "failed", (("ThrottlingException", 3),), "eks")
    lines = table([row("111122223333"), denied, row("111122223333", "DescribeRegistry", service="ecr"), refused], 300)
    assert "ecs complete" in lines
    assert "ecr partial: DescribeImages AccessDeniedException x2" in lines
    assert "eks failed: ThrottlingException x3" in lines
    assert "0 of 1 accounts x Regions were answered in full" in lines


def test_among_many_targets_only_the_gaps_are_listed():
    many = [row(f"{number:012}") for number in range(500)]
    denied = row("999999999999", status="failed", errors=(("AccessDenied", 1),))
    lines = table([*many, denied]).splitlines()
    assert len(lines) == 2
    assert lines[0].split() == ["999999999999/us-east-1", "ecs", "failed:", "AccessDenied", "x1"]
    assert "500 of 501" in lines[1]
    bad = [row(f"{number:012}", status="failed", errors=(("AccessDenied", 1),)) for number in range(500)]
    assert f"and {500 - MOST_ROWS} more" in table(bad)


def test_what_aws_says_cannot_steer_the_terminal():
    assert "\x1b" not in table([row("111122223333", status="failed", errors=(("\x1b[31mEvil", 1),))])


def test_nothing_collected():
    assert table([]) == "  0 of 0 accounts x Regions were answered in full\n"
