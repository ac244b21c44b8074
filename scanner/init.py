"""`regionproof init`: drafts regionproof.yaml from what the account shows.

Pairs follow from the registries' replication rules: what is copied somewhere is meant to run there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scanner.collectors.discovery import find
from scanner.collectors.organization import EXCLUDED, Members, members
from scanner.collectors.session import Sessions
from scanner.collectors.targets import known_partitions
from scanner.collectors.transport import call_error
from scanner.model import Place
from scanner.regions import is_name, partition_of

_AT_ONCE = 8


@dataclass(frozen=True)
class Replication:
    """Where the registries of one account copy to, by Region, and why those of a Region could not be read."""

    destinations: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def survey(sessions: Sessions, clock: Callable[[], datetime], *, organization: bool, role_name: str) -> str:
    """Ask which Regions the account of the credentials has enabled, and draft the file; no other account is entered.

    With `organization`, its accounts are listed.  Raises as `find` and `members` do.
    """
    plan = find(sessions, clock, services=("ecr",)).plan
    (account,) = plan.answers
    regions = [target.region for target in plan.targets]
    listed = None
    if organization:
        home = partition_of(regions[0] if regions else sessions.region or "us-east-1", known_partitions()).home
        listed = members(sessions.client("organizations", home))
    return draft(account, look(sessions.client, regions), members=listed, role_name=role_name)


def look(client_for: Callable[[str, str, None], Any], regions: Iterable[str]) -> Replication:
    """Ask the registry of each Region where it replicates to (ecr:DescribeRegistry); never raises for an answer."""

    def ask(region: str) -> tuple[Place, ...] | str:
        try:
            return tuple(_destinations(client_for("ecr", region, None).describe_registry()))
        except Exception as raised:  # noqa: BLE001 - a draft says what it could not see, and goes on
            error = call_error(raised)
            return f"{error.code}: {error.message}"

    names = sorted(set(regions))
    with ThreadPoolExecutor(_AT_ONCE, "init") as threads:
        answers = dict(zip(names, threads.map(ask, names), strict=True))
    return Replication(
        {region: answer for region, answer in answers.items() if not isinstance(answer, str)},
        {region: answer for region, answer in answers.items() if isinstance(answer, str)},
    )


def _destinations(answer: Mapping[str, Any]) -> Iterator[Place]:
    for rule in answer["replicationConfiguration"]["rules"]:
        for destination in rule["destinations"]:
            yield Place(destination["registryId"], destination["region"])


def draft(
    account: str, replication: Replication, *, members: Members | None = None, role_name: str = "RegionproofReadOnly"
) -> str:
    """Return the text of a regionproof.yaml: one account, or with `members` the organization they are of.

    Whatever came from AWS is quoted: a name cannot become YAML.
    """
    pairs = list(dict.fromkeys(_pairs(account, replication)))
    regions = sorted({place.region for pair in pairs for place in pair})
    lines = [
        "# Drafted by `regionproof init`; `regionproof schema config` describes every key.",
        "version: 1",
        *(_organization(members, role_name) if members else [f"accounts: [{_quoted(account)}]"]),
        "",
        *_regions(regions),
        *_declared(account, pairs, everywhere=members is None),
        *(f"# not seen in {region}: {_quoted(reason)}" for region, reason in sorted(replication.unread.items())),
    ]
    return "\n".join(lines) + "\n"


def _pairs(account: str, replication: Replication) -> Iterator[tuple[Place, Place]]:
    for region, destinations in sorted(replication.destinations.items()):
        for place in destinations:
            # A copy in the same Region stands by for nothing; what has not the form of a place would not be read.
            if place.region != region and is_name(place.region) and _is_account(place.account):
                yield Place(account, region), place


def _is_account(text: object) -> bool:
    return isinstance(text, str) and len(text) == 12 and text.isascii() and text.isdecimal()


def _regions(regions: Sequence[str]) -> list[str]:
    if not regions:
        return ["# regions: [us-east-1, us-west-2]  # left out: every Region that an account has enabled"]
    return [f"regions: [{', '.join(regions)}]"]


def _declared(account: str, pairs: Sequence[tuple[Place, Place]], *, everywhere: bool) -> list[str]:
    if not pairs:
        return [
            f"# No registry of {account} replicates to another Region; declare what stands by for what:",
            "# pairs:",
            "#   - {primary: us-east-1, standby: us-west-2, dr_class: pilot-light, rpo: 1h, rto: 4h}",
        ]
    lines = [f"pairs:  # from the replication rules of {account}; add dr_class, rpo and rto"]
    for primary, standby in pairs:
        ends = [primary.region, standby.region]
        if standby.account != account or not everywhere:
            ends = [f"{{account: {_quoted(place.account)}, region: {place.region}}}" for place in (primary, standby)]
        lines.append(f"  - {{primary: {ends[0]}, standby: {ends[1]}}}")
    return lines


def _organization(members: Members, role_name: str) -> list[str]:
    excluded = [account for account, reason in members.left_out.items() if reason == EXCLUDED]
    lines = ["organization:", f"  role_name: {_quoted(role_name)}"]
    if excluded:
        lines += ["  exclude:", *(f"    - {_quoted(account.id)}  # {_quoted(account.name)}" for account in excluded)]
    lines.append(f"  # {len(members.accounts)} accounts are collected from:")
    lines += [f"  #   {account.id} {_quoted(account.name)}" for account in members.accounts]
    lines += [
        f"  # left out: {account.id} {_quoted(account.name)}: {_quoted(reason)}"
        for account, reason in members.left_out.items()
        if reason != EXCLUDED
    ]
    return lines


def _quoted(text: object) -> str:
    """Return text in double quotes, ASCII on one line, as JSON and YAML both read it."""
    return json.dumps(str(text))
