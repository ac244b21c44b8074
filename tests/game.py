"""A game day that tests hold: the demo estate, served with something lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from scanner.demo import Estate, estate
from scanner.images import Image, Listing, RepositoryKey
from scanner.loss import Loss
from scanner.recorded import Call
from scanner.serve import gameday

HOME, OTHER, EAST, WEST, EU = "111122223333", "444455556666", "us-east-1", "us-west-2", "eu-west-1"
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
WEB = f"{HOME}.dkr.ecr.{WEST}.amazonaws.com/shop/web"
GONE = {EAST: '{"gone": true}', EU: '{"left": true}'}
"""Manifests of images that only one Region has."""
OTHER_LEFT = '{"left": "too"}'


def digest_of(manifest: str) -> str:
    return f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"


SCHEDULE = {
    "Arn": f"arn:aws:scheduler:{WEST}:{HOME}:schedule/default/nightly",
    "Name": "nightly",
    "GroupName": "default",
    "State": "DISABLED",
    "CreationDate": AT.timestamp(),
    "LastModificationDate": AT.timestamp(),
}
TARGET = {"Arn": f"arn:aws:ecs:{WEST}:{HOME}:cluster/ledger", "RoleArn": f"arn:aws:iam::{HOME}:role/events"}
NODES = "eks-general-12c4"


@cache
def told() -> Estate:
    """Return the demo estate, with more in us-west-2, and images of shop/web that only us-east-1, or eu-west-1, has.

    There is a schedule that is switched off, and the Auto Scaling group of a node group is known.
    """
    known = estate()
    images = dict(known.images())
    for region, manifest in GONE.items():
        key = RepositoryKey(HOME, region, "shop/web")
        images[key] = Listing((*images[key].images, Image(digest_of(manifest), ("only-here",))))
    images[key] = Listing((*images[key].images, Image(digest_of(OTHER_LEFT))))
    calls = tuple(each for call in known.calls() for each in _with_more(call))
    return replace(known, _images=images, _calls=calls)


def _with_more(call: Call) -> Iterator[Call]:
    if (call.account, call.region) != (HOME, WEST):
        yield call
    elif call.operation == "ListSchedules":
        yield replace(call, response={"Schedules": [{**SCHEDULE, "Target": {"Arn": TARGET["Arn"]}}]})
        whole = {"ScheduleExpression": "rate(1 day)", "Target": TARGET, "FlexibleTimeWindow": {"Mode": "OFF"}}
        asked = {"Name": "nightly", "GroupName": "default"}
        yield replace(call, operation="GetSchedule", parameters=asked, response={**SCHEDULE, **whole})
    elif call.operation == "DescribeNodegroup" and call.parameters["clusterName"] == "analytics":
        group = {**call.response["nodegroup"], "resources": {"autoScalingGroups": [{"name": NODES}]}}
        yield replace(call, response={"nodegroup": group})
    else:
        yield call


SESSION = Session()


@dataclass
class Game:
    """A game day that is being held."""

    url: str
    path: Path

    def client(self, service, region=WEST, account=None, attempts=1):
        return SESSION.create_client(
            service,
            region,
            endpoint_url=self.url,
            aws_access_key_id=f"ASIA{account}" if account else "AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )

    def log(self) -> list[Mapping]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


class Holder:
    """Holds a game day with these losses; each is held once, and its tests change different things."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory, self._running = factory, ExitStack()
        self._held: dict[tuple[str, ...], Game] = {}

    def __call__(self, *losses: str) -> Game:
        if losses not in self._held:
            path = self._factory.mktemp("game") / "log.jsonl"
            serving = gameday.serve(told(), [Loss.parse(loss) for loss in losses], lambda: AT, log=path)
            self._held[losses] = Game(self._running.enter_context(serving).url, path)
        return self._held[losses]

    def end(self) -> None:
        self._running.close()


def refusal(ask, *arguments, **parameters) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        ask(*arguments, **parameters)
    return raised.value.response["Error"]["Code"], raised.value.response["ResponseMetadata"]["HTTPStatusCode"]


LOST = ("ServiceUnavailable", 503)
UNKNOWN = ("NotRecorded", 501)
