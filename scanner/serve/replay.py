"""What a recording answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from scanner.images import Listing, RepositoryKey
from scanner.model import Place
from scanner.recorded import Call, Target
from scanner.serve import accounts, images, members
from scanner.serve.models import Catalogue
from scanner.serve.paging import page_of
from scanner.serve.query import Query, Refused, replayed
from scanner.serve.record import Answer, Record
from scanner.serve.shelf import Shelf

_GLOBAL = frozenset({("ec2", "DescribeRegions"), ("s3", "ListBuckets")})
_GLOBAL_SERVICES = frozenset({"account", "iam", "organizations"})
"""What answers the same in every Region, so that what was asked in one of them answers in all."""
_RECORDS, _LISTINGS = 64, 16
"""How many targets are kept in memory: their calls, and the images of their registries."""


class Recording(Protocol):
    """What can be served: a `scanner.snapshot.Snapshot`, or anything that reads like one."""

    @property
    def targets(self) -> Sequence[Target]:
        """The accounts and Regions it speaks of."""

    def calls(self) -> Iterable[Call]:
        """Return every recorded call."""

    def images(self) -> Mapping[RepositoryKey, Listing]:
        """Return the images of every repository that was asked for."""


@runtime_checkable
class Divided(Protocol):
    """A recording that can be read target by target, as a snapshot can: nothing is read before it is asked for."""

    def calls_of(self, target: Target) -> Iterable[Call]:
        """Return the calls of one target."""

    def images_of(self, target: Target) -> Mapping[RepositoryKey, Listing]:
        """Return the images of one target's repositories."""


class Replay:
    """Answers from a recording.  Any thread may ask."""

    def __init__(self, recording: Recording, catalogue: Catalogue) -> None:
        self._targets = {target.place: target for target in recording.targets}
        calls_of, images_of = _readers(recording)
        self.calls_of = calls_of
        """What reads the recorded calls of a target."""
        self._records: Shelf[Target, Record] = Shelf(
            lambda target: Record(target, calls_of(target), catalogue), _RECORDS
        )
        self._listings: Shelf[Target, Mapping[RepositoryKey, Listing]] = Shelf(images_of, _LISTINGS)
        self._by_account: dict[str, list[Target]] = defaultdict(list)
        for target in sorted(self._targets.values(), key=lambda target: target.place):
            self._by_account[target.account].append(target)
        own = (target.account for target in self._targets.values() if target.role_arn is None)
        self.home: str = next(own, min(self._by_account))
        """The account of every caller that did not assume a role here: the one the recording began in."""

    def record(self, target: Target) -> Record:
        """Return the calls of a target."""
        return self._records[target]

    def images(self, target: Target) -> Mapping[RepositoryKey, Listing]:
        """Return the images of a target's repositories."""
        return self._listings[target]

    @property
    def targets(self) -> Sequence[Target]:
        """Return the accounts and Regions that were collected."""
        return tuple(self._targets.values())

    def target(self, place: Place) -> Target | None:
        """Return the target of an account and Region, None if it was not collected."""
        return self._targets.get(place)

    def answer(self, query: Query) -> dict[str, Any]:
        """Return the answer, in the form it was recorded in; raise `Refused`."""
        found = self._found(query)
        if found is not None:
            return page_of(query, found)
        account = str(query.place.account)
        if (query.service, query.operation) == accounts.LIST_ACCOUNTS and account == self.home and not query.parameters:
            return accounts.answer(query, self._by_account)
        target = self.target(query.place)
        if target is None:
            raise query.not_recorded("this account and Region were not collected")
        record = self.record(target)
        if query.service == "ecr" and query.operation in images.OPERATIONS:
            listed = images.answer(query, record, self.images(target))
            return members.compose(query, record) if listed is None else listed
        return members.compose(query, record)

    def _found(self, query: Query) -> Answer | None:
        """Return what was answered to this very question, there or, if the place does not matter, elsewhere."""
        if query.service == "ecr" and query.operation in images.OPERATIONS:
            return None
        target = self.target(query.place)
        found = self.record(target).find(query) if target else None
        everywhere = query.service in _GLOBAL_SERVICES or (query.service, query.operation) in _GLOBAL
        if found is not None or not everywhere:
            return found
        others = self._by_account.get(str(query.place.account), ())
        answers = [answer for other in others if (answer := self.record(other).find(query))]
        return min(answers, key=lambda answer: answer.error is not None, default=None)

    def caller(self, account: str, *, assumed: bool) -> dict[str, str]:
        """Return the answer of sts:GetCallerIdentity."""
        known = self._by_account.get(account)
        partition = known[0].partition if known else "aws"
        who = f"sts::{account}:assumed-role/replay/regionproof" if assumed else f"iam::{account}:user/replay"
        return {"Account": account, "Arn": f"arn:{partition}:{who}", "UserId": "REPLAY"}

    def assume(self, role_arn: str, region: str) -> str:
        """Return the account of a role; raise the recorded error, or AccessDenied for an account we do not have."""
        account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
        targets = self._by_account.get(account)
        if not targets:
            user = self.caller(self.home, assumed=False)["Arn"]
            message = f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise Refused("AccessDenied", message, 403)
        for target in [target for target in targets if target.region == region] or targets:
            for refused in self.record(target).of("sts", "AssumeRole"):
                if refused.error:
                    raise replayed(refused.error)
        return account


def _readers(
    recording: Recording,
) -> tuple[Callable[[Target], Iterable[Call]], Callable[[Target], Mapping[RepositoryKey, Listing]]]:
    """Return what reads the calls and the images of one target."""
    if isinstance(recording, Divided):
        return recording.calls_of, lambda target: _in_memory(recording.images_of(target))
    by_place: dict[Place, list[Call]] = defaultdict(list)
    for call in recording.calls():
        by_place[Place(call.account, call.region)].append(call)
    listings = recording.images()
    return lambda target: by_place.get(target.place, ()), lambda _: listings


def _in_memory(listings: Mapping[RepositoryKey, Listing]) -> Mapping[RepositoryKey, Listing]:
    """Return lists that are not read again for each page of an answer."""
    return {key: Listing(listing.images, listing.incomplete) for key, listing in listings.items()}
