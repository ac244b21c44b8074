"""What somebody has to do before a workload that is ready in the standby runs there, and how long that takes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from scanner.drill.judge import Verdicts
from scanner.drill.subjects import STARTERS, Subjects
from scanner.model import InsufficientData, Model, Resource
from scanner.outcome import Action
from scanner.references import KUBERNETES
from scanner.starters import RULE, is_disabled
from scanner.workloads import live_only, replicas

_SERVICE, _NODES = "AWS::ECS::Service", "AWS::EKS::Nodegroup"
_LAUNCH = "launch"
_RESTORE = timedelta(minutes=20)
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html"""


def actions(subjects: Subjects, verdicts: Verdicts, model: Model) -> Iterator[Action]:
    """Yield the steps in their order; raise `InsufficientData` where whether one is needed was not seen."""
    workload, standby = subjects.workload, subjects.standby
    if standby is None and (subjects.pair.dr_class == "backup-restore" or workload.type in STARTERS):
        yield Action(
            f"Create '{workload.name or workload.id}' in '{subjects.pair.standby}' from its infrastructure code.",
            basis="How long the code takes is measured by a drill only.",
        )
    if standby is not None:
        if workload.type in KUBERNETES:
            yield from _of_nodes(subjects)
            yield from _of_replicas(workload, standby)
        elif workload.type == _SERVICE:
            yield from _of_service(subjects, standby, verdicts)
        elif is_disabled(standby):
            yield _enabled(standby)
    yield from _of_images(subjects, model)
    if workload.type == _SERVICE and workload["LoadBalancers"]:
        yield Action("Send its traffic to the standby.", basis="The runbook of its tier says how.")


def _of_images(subjects: Subjects, model: Model) -> Iterator[Action]:
    """Yield the wait for each image that is on its way back from the archive; the links judge what was not seen."""
    with suppress(InsufficientData):
        for replica in replicas(subjects.workload, subjects.pair, model):
            with suppress(InsufficientData):
                if not replica.external and replica.image is not None and replica.image.status == "ACTIVATING":
                    name = f"{replica.repository.name}@{replica.digest}"
                    yield Action(f"Wait until '{name}' is restored.", "", _RESTORE, "AWS: up to about 20 minutes.")


def _enabled(standby: Resource) -> Action:
    """Return what starts a rule or a schedule that is disabled; only that of a rule is one command."""
    where = {"region": str(standby.region), "name": str(standby.name)}
    commands = ("", "") if standby.type != RULE else (f"aws events {each}-rule" for each in ("enable", "disable"))
    done, undone = (command(each, **where) if each else "" for each in commands)
    return Action(f"Enable '{standby.name}', which is disabled.", done, timedelta(), "One call.", undone)


def _of_service(subjects: Subjects, standby: Resource, verdicts: Verdicts) -> Iterator[Action]:
    service = subjects.workload
    if service["SchedulingStrategy"] == "DAEMON":
        return
    running = live_only(standby, "RunningCount")
    short = service["DesiredCount"] - (standby["DesiredCount"] if running is None else running)
    if short <= 0:
        return
    cluster, _, name = str(standby.name).partition("/")

    def scaled_to(count: int) -> str:
        given = {"region": str(standby.region), "cluster": cluster, "service": name, "desired_count": str(count)}
        return command("aws ecs update-service", **given)

    title = f"Scale '{standby.name}' up by {short} to {service['DesiredCount']} tasks."
    estimate, basis = _launch_time(subjects, verdicts)
    yield Action(title, scaled_to(service["DesiredCount"]), estimate, basis, scaled_to(standby["DesiredCount"]))


def _launch_time(subjects: Subjects, verdicts: Verdicts) -> tuple[timedelta | None, str]:
    """Return how long ECS takes to start the tasks, as the rule about launch rates reckons it."""
    for rule in verdicts.rules[_LAUNCH]:
        for finding in verdicts.about(rule, subjects.workload):
            there = finding.counterpart
            if there and (there.account, there.region) == subjects.pair.standby:
                minutes = finding.evidence.get("minutes_at_most")
                if isinstance(minutes, int):
                    return timedelta(minutes=minutes), f"The slowest launch rate of Fargate, by {rule.id}."
    return None, "How fast its instances start is not known."


def _of_nodes(subjects: Subjects) -> Iterator[Action]:
    for group in sorted(subjects.of_type(_NODES), key=lambda one: one.id):
        scaling = group["ScalingConfig"] or {}
        if scaling.get("DesiredSize") == 0 and scaling.get("MaxSize"):
            given = {
                "region": str(group.region),
                "cluster_name": group["ClusterName"],
                "nodegroup_name": group["NodegroupName"],
            }
            start, stop = (
                command("aws eks update-nodegroup-config", **given, scaling_config=f"minSize={size},desiredSize={size}")
                for size in (1, 0)
            )
            basis = "How fast instances start is not known."
            yield Action(f"Start nodes of '{group.name}', which has none.", start, None, basis, stop)


def _of_replicas(workload: Resource, standby: Resource) -> Iterator[Action]:
    if workload.type not in ("Kubernetes::Deployment", "Kubernetes::StatefulSet"):
        return
    wanted, have = workload["Replicas"], standby["Replicas"]
    if wanted is None or have is None or have >= wanted:
        return
    up, down = (kubectl(standby, f"scale {shlex.quote(kind_and_name(standby))} --replicas={n}") for n in (wanted, have))
    basis = "How fast pods start is not known."
    yield Action(f"Scale '{standby.name}' from {have} to {wanted} replicas.", up, None, basis, down)


def kind_and_name(workload: Resource) -> str:
    """Return what kubectl calls a workload of a cluster."""
    return f"{workload.type.rpartition('::')[2].lower()}/{workload['Name']}"


def kubectl(workload: Resource, what: str) -> str:
    """Return a line for a shell about a workload of a cluster, of which `what` is quoted already."""
    context, namespace = (shlex.quote(str(workload[name])) for name in ("Cluster", "Namespace"))
    return f"kubectl --context {context} --namespace {namespace} {what}"


def command(what: str, **options: str) -> str:
    """Return a line for a shell: names come from accounts, and are quoted."""
    given = [f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in options.items()]
    return " ".join([what, *given])


def needed_actions(subjects: Subjects, verdicts: Verdicts, model: Model) -> tuple[tuple[Action, ...], str]:
    """Return the actions, and why there may be others, empty if there are none."""
    found: list[Action] = []
    reason = ""
    try:
        found.extend(actions(subjects, verdicts, model))  # keeps what came before one that was not seen
    except InsufficientData as gap:
        reason = str(gap)
    return tuple(found), reason


def image_age(subjects: Subjects, model: Model) -> timedelta | None:
    """Return the age of the oldest image that is missing in the standby; see `Recovery.image_age`."""
    workload = subjects.workload
    ages = [timedelta()]
    with suppress(InsufficientData):
        for replica in replicas(workload, subjects.pair, model):
            if not replica.external and replica.image is None:
                pushed = replica.original and replica.original.pushed_at
                if not pushed:
                    return None
                ages.append(timedelta(seconds=int((model.as_of - pushed).total_seconds())))  # as reports have it
        return max(ages)
    return None
