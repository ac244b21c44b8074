"""What there is to ask: who we are, the accounts of the organization, and their Regions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from scanner.collectors import COLLECTORS, needs
from scanner.collectors.organization import Account, members
from scanner.collectors.roles import Entry, Roles, keys
from scanner.collectors.session import Identity, Sessions
from scanner.collectors.targets import Asker, Plan, known_partitions
from scanner.collectors.targets import plan as make_plan
from scanner.config import Organization
from scanner.errors import RegionproofError, UsageError
from scanner.regions import check, partition_of
from scanner.split import Shard

_FIRST = "us-east-1"
"""Where we ask who we are, if nobody named a Region."""

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Found:
    """What is to be collected, and how it is entered; `left_out` are accounts of the organization that are not."""

    plan: Plan
    roles: Roles
    left_out: Mapping[Account, str]


def find(
    sessions: Sessions,
    clock: Clock,
    *,
    regions: Sequence[str] = (),
    accounts: Sequence[str] = (),
    organization: Organization | None = None,
    role_name: str | None = None,
    whole: bool = False,
    services: Sequence[str] = (),
    needed: Collection[str] | None = None,
    shard: Shard | None = None,
) -> Found:
    """Find out which Regions of which accounts there are to ask; see `collect` for what is given and raised."""
    unknown = sorted(set(services) - set(COLLECTORS))
    if unknown:
        known = ", ".join(sorted(COLLECTORS))
        raise UsageError(f"'{unknown[0]}' is not a service that is collected", f"Known are {known}.")
    first = regions[0] if regions else sessions.region or _FIRST
    home = partition_of(first, known_partitions()).home
    check(regions, partition_of(first, known_partitions()).id, known_partitions())
    door, identity = _enter(sessions, (first, home) if regions else (home,))
    organization = organization or Organization()
    entry = Entry(
        role_name or organization.role_name,
        organization.external_id,
        organization.session_tags,
        organization.session_policy,
        organization.delegated_role,
    )
    roles = Roles(entry, sessions.client, home=door, clock=clock)
    left_out: Mapping[Account, str] = {}
    if whole:
        client = sessions.client("organizations", home, keys(roles.delegated()))
        listed = members(client, include_ous=organization.include_ous, exclude=organization.exclude)
        accounts, left_out = [account.id for account in listed.accounts], listed.left_out
    if shard is not None:
        accounts = [account for account in accounts or [identity.account] if shard.holds(account)]
        if not accounts:  # then no account is of this shard, which is nobody's mistake
            return Found(Plan((), {}, {}, {}), roles, left_out)
    asker = Asker(identity.account, identity.partition, home, sessions.client, roles, clock)
    todo = make_plan(asker, entry, accounts, regions=regions, services=services or needs.services(needed))
    return Found(todo, roles, left_out)


def _enter(sessions: Sessions, regions: Sequence[str]) -> tuple[str, Identity]:
    """Return the first Region whose STS says who we are, and what it says; raise what the last of them raises.

    None of them is needed more than another: the home of the partition may be what is lost, and an account need not
    have opted in to the Region that somebody names first.
    """
    for region in dict.fromkeys(regions[:-1]):
        with suppress(RegionproofError):
            return region, sessions.identity(region)
    return regions[-1], sessions.identity(regions[-1])
