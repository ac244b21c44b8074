"""AWS Account Management: which Regions an account may use.

One answer speaks of the whole account, so it is kept with each of its targets.  Where account:ListRegions was not
answered, ec2:DescribeRegions was asked, which knows the same in other words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.collectors.ask import Answer, Answers, Ask, items, structures
from scanner.model import Gap, Resource, Unknown, guard
from scanner.regions import STATUSES, is_name, status_of_ec2

REGION = "AWS::Account::Region"
TYPES = (REGION,)

LIST_REGIONS = Ask(
    "ListRegions", "Regions", parameters={"MaxResults": 50}, paged=True, tokens=("NextToken", "NextToken"), fills=TYPES
)
DESCRIBE_REGIONS = Ask("DescribeRegions", "Regions", parameters={"AllRegions": True}, fills=TYPES)
CALLS = (LIST_REGIONS,)
FALLBACK = (("account", LIST_REGIONS), ("ec2", DESCRIBE_REGIONS))
"""What to ask for the opt-in statuses: the next one only if the one before was not answered to its end."""


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the Region of the target, and each other one that the account was seen to have.

    `answers.others["ec2"]` are those of ec2:DescribeRegions.  A status that nobody could tell is `Unknown`.
    """
    sources = [(answers, LIST_REGIONS), (answers.others["ec2"], DESCRIBE_REGIONS)]
    found: dict[str, Resource] = {}
    for source, ask in sources:
        for answer in source.of(ask):
            for region, status in statuses(ask, answer).items():
                if region not in found:
                    found[region] = _region(answers, region, status, (source.name(ask),), answer.at)
    own = answers.target.region
    if own not in found:
        reasons = [_silence(source, ask, own) for source, ask in sources]
        found[own] = _region(answers, own, Unknown("; ".join(reasons)), (), None)
    yield from found.values()


def statuses(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Return the opt-in status, in the words of account:ListRegions, of each Region that an answer names."""
    found = {}
    for entry in structures(items(answer, ask.answer)):
        region, said = entry.get("RegionName"), entry.get("RegionOptStatus", entry.get("OptInStatus"))
        status = said if ask is LIST_REGIONS else status_of_ec2(said)
        if is_name(region):
            known = isinstance(status, str) and status in STATUSES
            found[str(region)] = status if known else Unknown(f"{said!r} is no opt-in status that is known")
    return found


def _silence(answers: Answers, ask: Ask, region: str) -> str:
    message = f"{answers.name(ask)} does not name {region}"
    reason = answers.value(ask, {}, lambda _: Unknown(message))
    return str(reason.reason)


def _region(answers: Answers, region: str, status: Any, operations: tuple[str, ...], at: str | None) -> Resource:
    account = answers.target.account
    properties = guard({"RegionName": region, "RegionOptStatus": status})
    return Resource(
        REGION, f"aws://{account}/{region}", "region", account, region, properties,
        operations=operations, observed_at=at,
    )  # fmt: skip
