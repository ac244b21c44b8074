"""What a snapshot answers to ECR, ECS, EKS and STS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from scanner.images import Listing, RepositoryKey
from scanner.model import Place
from scanner.recorded import Call, Target
from scanner.serve import images, members
from scanner.serve.paging import page_of
from scanner.serve.query import Query, Refused, replayed
from scanner.serve.record import Record


class Recording(Protocol):
    """What can be served: a `scanner.snapshot.Snapshot`, or anything that reads like one."""

    @property
    def targets(self) -> Sequence[Target]:
        """The accounts and Regions it speaks of."""

    def calls(self) -> Iterable[Call]:
        """Return every recorded call."""

    def images(self) -> Mapping[RepositoryKey, Listing]:
        """Return the images of every repository that was asked for."""


class Replay:
    """Answers from a recording.  Read-only once made, so that any thread may ask."""

    def __init__(self, recording: Recording) -> None:
        targets = {target.place: target for target in recording.targets}
        by_place: dict[Place, list[Call]] = defaultdict(list)
        for call in recording.calls():
            by_place[Place(call.account, call.region)].append(call)
        self._listings = recording.images()
        self._records = {place: Record(target, by_place[place]) for place, target in targets.items()}
        self._partitions = {target.account: target.partition for target in targets.values()}
        own = (target.account for target in targets.values() if target.role_arn is None)
        self.home: str = next(own, min(self._partitions))
        """The account of every caller that did not assume a role here: the one the recording began in."""

    def answer(self, query: Query) -> dict[str, Any]:
        """Return the body of the answer; raise `Refused`."""
        record = self._records.get(query.place)
        if record is None:
            raise query.not_recorded("this account and Region were not collected")
        if query.service == "ecr" and query.operation in images.OPERATIONS:
            listed = images.answer(query, record, self._listings)
            return members.compose(query, record) if listed is None else listed
        recorded = record.find(query)
        return members.compose(query, record) if recorded is None else page_of(query, recorded)

    def caller(self, account: str, *, assumed: bool) -> dict[str, str]:
        """Return the answer of sts:GetCallerIdentity."""
        partition = self._partitions.get(account, "aws")
        who = f"sts::{account}:assumed-role/replay/regionproof" if assumed else f"iam::{account}:user/replay"
        return {"Account": account, "Arn": f"arn:{partition}:{who}", "UserId": "REPLAY"}

    def assume(self, role_arn: str, region: str) -> str:
        """Return the account of a role; raise the recorded error, or AccessDenied for an account we do not have."""
        account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
        if account not in self._partitions:
            user = self.caller(self.home, assumed=False)["Arn"]
            message = f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise Refused("AccessDenied", message, 403)
        records = [record for place, record in sorted(self._records.items()) if place.account == account]
        records.sort(key=lambda record: record.place.region != region)
        for record in records[: 1 if records[0].place.region == region else None]:
            for refused in record.of("sts", "AssumeRole"):
                if refused.error:
                    raise replayed(refused.error)
        return account
