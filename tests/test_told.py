"""What the organization benchmark compares: a snapshot that says something else than was told is found out."""

import pytest

from benchmarks.estate import Estate
from benchmarks.told import COMPLETE, NOT_ENABLED, differences, told

ESTATE = Estate(accounts=6, denied=5, opted_out=2, throttled=3, forbidden=4)
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
FIRST, SECOND, THIRD, FOURTH, FIFTH, _ = ESTATE.account_ids
PRINTED = """\
snapshot: 99 answers from 15 accounts x Regions.
  service         complete  partial  failed
  account               12        -       -
  ecs                    7        5       -
  secretsmanager        10        -       2
  sts                    -        -       3
  not enabled: eu-west-1 in 3 accounts (DISABLED)
  5 of 15 accounts x Regions were answered in full
"""


@pytest.fixture
def expected():
    return told(ESTATE, REGIONS, ("ecs", "secretsmanager"))


def test_the_simulation_tells_what_is_wrong_where(expected):
    assert expected[FIRST, "eu-west-1", "ecs"] == COMPLETE
    assert expected[SECOND, "eu-west-1", "account"] == NOT_ENABLED
    assert (SECOND, "eu-west-1", "ecs") not in expected
    assert expected[SECOND, "us-west-2", "account"] == COMPLETE
    assert expected[THIRD, "us-east-1", "ecs"] == ("partial", ("ecs:DescribeClusters ThrottlingException x1",))
    forbidden = ("failed", ("secretsmanager:ListSecrets AccessDeniedException x1",))
    assert expected[FOURTH, "us-east-1", "secretsmanager"] == forbidden
    assert {service for account, _, service in expected if account == FIFTH} == {"sts"}
    assert expected[FIFTH, "eu-west-1", "sts"] == ("failed", ("sts:AssumeRole AccessDenied x1",))


def test_a_coverage_as_told_has_no_differences(expected):
    assert differences(expected, dict(expected), PRINTED) == []


@pytest.mark.parametrize(
    ("item", "said", "difference"),
    [
        (
            (THIRD, "us-east-1", "ecs"),
            COMPLETE,
            "told partial ecs:DescribeClusters ThrottlingException x1, shown complete",
        ),
        ((FIRST, "us-east-1", "ecs"), None, "told complete, shown nothing"),
        ((SECOND, "eu-west-1", "ecs"), COMPLETE, "told nothing, shown complete"),
        ((SECOND, "eu-west-1", "account"), None, "told not enabled DISABLED, shown nothing"),
        ((FIRST, "us-east-1", "ecs"), ("failed", ("ecs:X Y x1",)), "told complete, shown failed ecs:X Y x1"),
    ],
    ids=["hidden", "not asked", "asked for nothing", "Region forgotten", "failed"],
)
def test_whatever_a_snapshot_says_otherwise_is_a_difference(expected, item, said, difference):
    shown = {**expected, item: said} if said else {key: value for key, value in expected.items() if key != item}
    assert differences(expected, shown, PRINTED) == [f"{'/'.join(item)}: {difference}"]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("7        5       -", "12        -       -", "ecs 7 5 -"),
        ("5 of 15", "15 of 15", "5 of 15 accounts x Regions were answered in full"),
    ],
)
def test_a_table_that_hides_something_is_a_difference(expected, before, after, line):
    assert differences(expected, dict(expected), PRINTED.replace(before, after)) == [f"the table does not say: {line}"]
