"""Live AWS: what to ask, and what the answers of a snapshot mean.

One module a service; `live` makes the calls.  Nothing here imports boto3 before a call is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from scanner.collectors import (
    account,
    arcregionswitch,
    awslambda,
    batch,
    cloudformation,
    codebuild,
    codepipeline,
    ec2,
    ecr,
    ecs,
    eks,
    elbv2,
    events,
    iam,
    inspector2,
    kms,
    kubernetes,
    logs,
    s3,
    schedules,
    secretsmanager,
    servicequotas,
    ssm,
    stepfunctions,
)
from scanner.collectors.ask import MALFORMED, NOT_COLLECTED, UNREADABLE, Answers, Ask, Collector
from scanner.model import Gap, Resource
from scanner.recorded import Call, LeftOut, Target

__all__ = ["AFTERWARDS", "ASSUME_ROLE", "COLLECTORS", "Answers", "Ask", "Collector", "Told", "read"]

COLLECTORS: Mapping[str, Collector] = {
    "events": events,
    "scheduler": schedules,
    "stepfunctions": stepfunctions,
    "batch": batch,
    "ecs": ecs,
    "eks": eks,
    "lambda": awslambda,
    "secretsmanager": secretsmanager,
    "ssm": ssm,
    "cloudformation": cloudformation,
    "ec2": ec2,
    "elbv2": elbv2,
    "logs": logs,
    "codepipeline": codepipeline,
    "codebuild": codebuild,
    "s3": s3,
    "service-quotas": servicequotas,
    "arc-region-switch": arcregionswitch,
    "inspector2": inspector2,
    "ecr": ecr,
    "kms": kms,
    "iam": iam,
}
"""By service, as botocore names it, in the order they are asked: workloads after what starts them, then images, then
what those need."""
AFTERWARDS: Mapping[str, Sequence[Ask]] = {"ecr": ecr.AFTERWARDS}
"""What is asked of a service only for a rule that names what it tells of: by itself, nobody needs it."""
ASSUME_ROLE = ("sts", "AssumeRole")
"""The call whose failure keeps us out of an account."""


class Told(Protocol):
    """What can be read: a snapshot, or what reads like one."""

    @property
    def targets(self) -> Sequence[Target]:
        """The accounts and Regions it speaks of."""

    def calls_of(self, target: Target) -> Iterable[Call]:
        """Return the calls of one target."""

    def left_out(self, target: Target) -> Iterable[LeftOut]:
        """Return what was not asked of a target on purpose."""


def read(snapshot: Told, targets: Sequence[Target] | None = None) -> tuple[list[Resource], list[Gap]]:
    """Return every resource a snapshot shows, and everything it does not; raise `SnapshotError` if it is damaged.

    With `targets`, only what those show: all targets of an account are given, or none.
    """
    resources: list[Resource] = []
    gaps: list[Gap] = []
    targets = snapshot.targets if targets is None else targets
    told = {target.place for target in targets}  # each target tells of its Region, the first of all others
    for target in targets:
        found = list(_read_target(target, list(snapshot.calls_of(target)), snapshot.left_out(target)))
        gaps += [item for item in found if isinstance(item, Gap)]
        there = [item for item in found if isinstance(item, Resource)]
        resources += [one for one in there if one.place == target.place or one.place not in told]
        told |= {one.place for one in there}
    return resources, gaps


def _read_target(target: Target, calls: list[Call], left_out: Iterable[LeftOut]) -> Iterator[Resource | Gap]:
    yield from account.resources(Answers(target, "account", calls, {"ec2": Answers(target, "ec2", calls)}))
    refused = next((c.error for c in calls if (c.service, c.operation) == ASSUME_ROLE and c.error), None)
    asked: dict[str, Answers] = {}
    for service, collector in COLLECTORS.items():
        if refused:
            yield from _unseen(target, collector, refused.code, refused.message, ":".join(ASSUME_ROLE))
        elif service in target.services:
            answers = Answers(target, service, calls, dict(asked), left_out)
            yield from _told(collector, answers)
            asked[service] = answers
            if service == "eks":
                asked["kubernetes"] = Answers(target, "kubernetes", calls, dict(asked))
        else:
            message = f"{service} was not among the services that were collected"
            yield from _unseen(target, collector, NOT_COLLECTED, message, None)
    if "kubernetes" in asked:
        yield from _told(kubernetes, asked["kubernetes"])
    else:
        yield from _unseen(target, kubernetes, NOT_COLLECTED, "the EKS clusters were not collected", None)


def _told(collector: Collector, answers: Answers) -> Iterator[Resource | Gap]:
    """Yield what answers say.  Some that are none that AWS gives cost what their service tells, and nothing else."""
    try:
        found = list(collector.resources(answers))
    except UNREADABLE as error:
        message = f"the answers of {answers.service} are none that AWS gives: {type(error).__name__}"
        yield from _unseen(answers.target, collector, MALFORMED, message, None)
    else:
        yield from found


def _unseen(target: Target, collector: Collector, reason: str, message: str, operation: str | None) -> Iterator[Gap]:
    for type in collector.TYPES:
        yield Gap(reason, message, type, target.account, target.region, operation)
