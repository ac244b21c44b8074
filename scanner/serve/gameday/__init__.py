"""A snapshot as its accounts would answer when something is lost, for people and scripts that fail over.

Calls to what is lost fail.  The few writes that a recovery needs change the estate in memory, never the snapshot;
all others are refused as `NotSimulated` (501), and what was not collected as `NotRecorded`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from scanner.errors import UsageError
from scanner.loss import Loss
from scanner.regions import partition_by_name
from scanner.serve import Endpoint
from scanner.serve.gameday import (
    ecr,
    ecr_images,
    ecs,
    endpoints,
    functions,
    nodegroups,
    repairs,
    running,
    scaling,
    secrets,
    services,
    starters,
    tasks,
)
from scanner.serve.gameday.links import Judge
from scanner.serve.gameday.log import Log, subject
from scanner.serve.gameday.lost import Lost
from scanner.serve.gameday.settling import Settling
from scanner.serve.gameday.world import World, Write, not_simulated
from scanner.serve.messages import Request, Response
from scanner.serve.query import Query, Refused
from scanner.serve.replay import Recording
from scanner.serve.wire import Asked, Front, Heard, checked
from scanner.serve.writing import error

__all__ = ["serve"]

WRITES: Mapping[str, Mapping[str, Callable[[Write], dict[str, Any]]]] = {
    "application-autoscaling": scaling.WRITES,
    "autoscaling": nodegroups.GROUP_WRITES,
    "ec2": endpoints.WRITES,
    "ecr": {**ecr.WRITES, **ecr_images.WRITES},
    "ecs": {**ecs.WRITES, **services.WRITES, **running.WRITES},
    "eks": nodegroups.WRITES,
    "events": starters.RULE_WRITES,
    "kms": repairs.KEY_WRITES,
    "lambda": functions.WRITES,
    "logs": {"CreateLogGroup": repairs.create_log_group},
    "scheduler": starters.SCHEDULE_WRITES,
    "secretsmanager": secrets.SECRET_WRITES,
    "ssm": secrets.PARAMETER_WRITES,
}
"""The operations that change something here, by service."""
_LAYERS = "layers cannot be uploaded here; PutImage takes the manifest of an image that is left in some repository"
_WHY_NOT = {
    "cloudformation": "what a stack would create is not known here; call what its resources need",
    "ecr:CompleteLayerUpload": _LAYERS,
    "ecr:GetAuthorizationToken": _LAYERS,
    "ecr:InitiateLayerUpload": _LAYERS,
    "ecr:UploadLayerPart": _LAYERS,
    "elbv2": "traffic is sent nowhere here",
    "globalaccelerator": "traffic is sent nowhere here",
    "route53": "traffic is sent nowhere here",
}
"""Why an operation, or what a service does, is not simulated, where authors of scripts may wonder."""
_READ_HERE: Mapping[tuple[str, str], Callable[[World, Query], dict[str, Any] | None]] = {
    ("application-autoscaling", "DescribeScalableTargets"): scaling.read_targets,
    ("ecr", "BatchGetImage"): ecr_images.read_manifests,
    ("ecs", "ListTasks"): tasks.read_stopped,
}
"""What is read of the estate where nobody asked when the snapshot was made; None where nobody knows."""
_READS = ("Describe", "List", "Get", "BatchGet", "BatchCheck", "Search", "Lookup")


@contextmanager
def serve(
    recording: Recording,
    losses: Sequence[Loss],
    clock: Callable[[], datetime],
    *,
    port: int = 0,
    log: Path | None = None,
    about: Mapping[str, str] | None = None,
    judge: Judge | None = None,
) -> Iterator[Endpoint]:
    """Serve a snapshot with something lost until the block ends; port 0 is any free one.

    `log` is a file that does not exist yet; `about` is what its first line says of the snapshot.  `judge` says what
    the drill says of the estate whenever tasks have to start; without it only their images are tried.  Raises
    `UsageError` if the port or the file cannot be used, or if a loss takes nothing of the snapshot.
    """
    _must_be_there(recording, losses)
    front = GameFront(recording, losses, clock, judge)
    endpoint = Endpoint(front, port)
    try:
        if log is not None:
            front.log = Log.open(log)
            front.log.begin(clock(), losses, about or {})
        yield endpoint
    finally:
        endpoint.close()
        front.end()


def _must_be_there(recording: Recording, losses: Sequence[Loss]) -> None:
    for loss in losses:
        if not any(_touches(loss, target.account, target.region) for target in recording.targets):
            raise UsageError(f"{loss}: nothing of it is in the snapshot", "Lose what was collected.")


def _touches(loss: Loss, account: str, region: str) -> bool:
    return loss.account in (None, account) and loss.region in (None, region)


class _Unfit(Refused):
    """The refusal of parameters that are not those of the operation; its message may quote a secret."""


class GameFront(Front):
    """Turns requests into responses, as long as what they are for is not lost, and writes down what came of each."""

    log: Log | None = None

    def __init__(
        self,
        recording: Recording,
        losses: Sequence[Loss],
        clock: Callable[[], datetime],
        judge: Judge | None = None,
    ) -> None:
        super().__init__(recording)
        self.world = World(recording, self.catalogue)
        self.replay = self.world
        self._lost = Lost(losses, self.catalogue)
        self._settling = Settling(self.world, self._lost, recording, judge)
        self._clock, self._writing = clock, threading.Lock()

    def respond(self, request: Request) -> Response:
        """Answer a request; whatever is wrong with it becomes an error in the form of its service."""
        at = self._clock()
        noted: dict[str, Any] = {}
        outcome: dict[str, Any] = {"outcome": "InternalFailure", "status": 500}
        try:
            asked = self._asked(request, noted)
            response = self.tell(asked, self._data(asked, at))
            changed = {"changed": True} if _is_write(asked.query.service, asked.query.operation) else {}
            outcome = {"outcome": "ok", "status": response.status, **changed}
        except Refused as refused:
            outcome = {"outcome": refused.code, "status": refused.status}
            if not isinstance(refused, _Unfit):
                outcome["message"] = refused.message
            response = error(refused, self.protocol(request))
        finally:
            if self.log:
                self.log.call(at, {**noted, **outcome})
        return response

    def end(self) -> None:
        """Write down what became of the services that were changed; the endpoint answers no more."""
        if self.log:
            self.log.end(self._clock(), list(self._settling.states()))
            self.log.close()

    def _asked(self, request: Request, noted: dict[str, Any]) -> Asked:
        """Return what a request asks for, noted down; raise `Refused` if it cannot be had."""
        signed = self.signed(request)
        noted |= {"account": signed.place.account, "region": signed.place.region, "service": signed.scope}
        heard: Heard | Refused
        try:
            heard = self.heard(request)
            noted |= {"service": heard.operation.service.name, "operation": heard.operation.name}
            noted["subject"] = subject(heard.parameters)
        except Refused as refused:
            heard = refused
        partition = partition_by_name(signed.place.region)[0]
        self._lost.refuse_place(signed.place, self.catalogue.signed(signed.scope), partition)
        if isinstance(heard, Refused):
            raise heard
        service, operation = heard.operation.service.name, heard.operation.name
        if _is_write(service, operation) and _write_of(service, operation) is None:
            name = f"{service}:{operation}"
            raise not_simulated(name, _WHY_NOT.get(name) or _WHY_NOT.get(service, ""))
        try:
            asked = checked(heard)
        except Refused as refused:
            raise _Unfit(refused.code, refused.message, refused.status) from None
        self._lost.refuse(asked.query)
        return asked

    def _data(self, asked: Asked, at: datetime) -> dict[str, Any]:
        query = asked.query
        write = _write_of(query.service, query.operation)
        if write is None:
            return self._lost.left_out(query, self._read(asked))
        with self._writing:
            return self._written(query, write, at)

    def _read(self, asked: Asked) -> dict[str, Any]:
        try:
            return self.data(asked)
        except Refused as refused:
            read = _READ_HERE.get(asked.question[1:])
            found = read(self.world, asked.query) if read and refused.code == "NotRecorded" else None
            if found is None:
                raise
            return found

    def _written(self, query: Query, write: Callable[[Write], dict[str, Any]], at: datetime) -> dict[str, Any]:
        edits = self.world.edits(query.place)
        if edits is None:
            raise query.not_recorded("this account and Region were not collected")
        answer = write(Write(self.world, self._lost, query, edits, at))
        self._settling.settle(at)
        return answer


def _is_write(service: str, operation: str) -> bool:
    """Tell whether an operation changes something, or is asked for to change it; those of STS are not."""
    is_login = (service, operation) == ("ecr", "GetAuthorizationToken")
    return service != "sts" and (is_login or not operation.startswith(_READS))


def _write_of(service: str, operation: str) -> Callable[[Write], dict[str, Any]] | None:
    return WRITES.get(service, {}).get(operation)
