"""Regions: which partition they are in, and when an account may use them.

Nothing here asks AWS or loads an SDK: `partitions` reads the data that botocore ships (`partitions.json`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.errors import UsageError

ENABLED = frozenset({"ENABLED", "ENABLED_BY_DEFAULT"})
"""The opt-in statuses in which workloads can run; while a Region is ENABLING (it may take hours) they cannot."""
STATUSES = ENABLED | {"ENABLING", "DISABLING", "DISABLED"}
"""Every opt-in status of account:ListRegions."""

_BY_NAME = (
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("", "aws", "amazonaws.com"),
)
_NAME = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-[0-9]{1,2}")
_OF_EC2 = {"opt-in-not-required": "ENABLED_BY_DEFAULT", "opted-in": "ENABLED", "not-opted-in": "DISABLED"}


@dataclass(frozen=True)
class Partition:
    """A partition (`aws`, `aws-cn`, `aws-us-gov`, `aws-eusc`, ...).

    `home` is the Region in which its global services (IAM, Organizations) live; every account has it.
    """

    id: str
    home: str
    regions: frozenset[str]


def partitions(data: Mapping[str, Any]) -> tuple[Partition, ...]:
    """Return the partitions of botocore's `partitions.json`, without pseudo Regions such as `aws-global`."""
    return tuple(
        Partition(
            entry["id"],
            entry["outputs"]["implicitGlobalRegion"],
            frozenset(name for name in entry["regions"] if re.fullmatch(entry["regionRegex"], name)),
        )
        for entry in data["partitions"]
    )


def partition_of(region: str, known: Iterable[Partition]) -> Partition:
    """Return the partition of a Region; raise `UsageError` for one that is not known."""
    known = tuple(known)
    for partition in known:
        if region in partition.regions:
            return partition
    raise _unknown(region, [name for partition in known for name in partition.regions])


def partition_by_name(region: str) -> tuple[str, str]:
    """Return the partition of a Region and the domain of its services, for example (aws, amazonaws.com).

    The name alone decides, which also works for a Region that is newer than botocore.
    """
    return next((id, suffix) for prefix, id, suffix in _BY_NAME if region.startswith(prefix))


def check(regions: Iterable[str], partition: str, known: Sequence[Partition]) -> None:
    """Raise `UsageError` for a Region that is not known, or that is in another partition than the credentials."""
    for region in regions:
        other = partition_of(region, known).id
        if other != partition:
            raise UsageError(f"{region} is in partition {other}, the credentials are in {partition}", "Leave it out.")


def is_name(text: object) -> bool:
    """Tell whether something has the form of a Region's name, known or not."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def status_of_ec2(status: object) -> str | None:
    """Return ec2:DescribeRegions' `OptInStatus` in the words of account:ListRegions, None if it is no known one."""
    return _OF_EC2.get(status) if isinstance(status, str) else None


def _unknown(region: str, known: Sequence[str]) -> UsageError:
    near = difflib.get_close_matches(region, known, n=5, cutoff=0.5)
    near.sort(key=lambda name: sorted(name) != sorted(region))  # swapped letters are the likeliest slip
    hint = f"Did you mean {near[0]}? " if near else ""
    return UsageError(
        f"'{region}' is not a Region that this boto3 knows", f"{hint}If it is a newer Region, upgrade boto3."
    )
