"""How somebody sees that a workload runs in the standby: commands that only read, and that the standby answers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from scanner.drill.actions import command, kind_and_name, kubectl
from scanner.drill.subjects import Subjects
from scanner.model import InsufficientData, Model, Resource
from scanner.outcome import Action
from scanner.references import FUNCTION, KUBERNETES
from scanner.workloads import Replica, replicas

_SERVICES = "services[].[serviceName,status,desiredCount,runningCount]"
_FUNCTION = "[Configuration.State,Configuration.LastUpdateStatus,Code.ResolvedImageUri]"
_ROLLED_OUT = ("Kubernetes::Deployment", "Kubernetes::StatefulSet", "Kubernetes::DaemonSet")


def checks(subjects: Subjects, model: Model) -> tuple[Action, ...]:
    """Return a check for each image, by digest, and one for the workload; what was not seen has none."""
    found = dict.fromkeys(_images(subjects, model))
    with suppress(InsufficientData):
        found |= dict.fromkeys(_workload(subjects))
    return tuple(found)


def _images(subjects: Subjects, model: Model) -> Iterator[Action]:
    with suppress(InsufficientData):
        for replica in replicas(subjects.workload, subjects.pair, model):
            with suppress(InsufficientData):
                if not replica.external:
                    yield _image(replica)


def _image(replica: Replica) -> Action:
    there = replica.repository
    registry = {"registry_id": there.account} if there.account.isdigit() else {}  # else what the caller is in
    read = command(
        "aws ecr batch-get-image",
        region=there.region,
        **registry,
        repository_name=there.name,
        image_ids=f"imageDigest={replica.digest}",
        query="[images[].imageId,failures]",
    )
    return Action(f"See that '{there.name}' has the image of '{replica.container}'.", read)


def _workload(subjects: Subjects) -> Iterator[Action]:
    one = subjects.standby or subjects.workload
    region = subjects.pair.standby.region
    if one.type in KUBERNETES:
        if subjects.standby is None:
            return  # then which cluster takes over may not be known, and the primary's is lost
        yield Action(f"See that '{one.name}' is rolled out.", _in_cluster(one))
    elif one.type in _READERS:
        what, options = _READERS[one.type](one)
        yield Action(f"See the state of '{one.name}'.", command(what, region=region, **options))


def _in_cluster(one: Resource) -> str:
    name = shlex.quote(kind_and_name(one))
    return kubectl(one, f"rollout status {name} --timeout=10m" if one.type in _ROLLED_OUT else f"get {name}")


def _service(one: Resource) -> tuple[str, dict[str, str]]:
    cluster, _, name = str(one.name).partition("/")
    return "aws ecs describe-services", {"cluster": cluster, "services": name, "query": _SERVICES}


def _task(one: Resource) -> tuple[str, dict[str, str]]:
    family = str(one["TaskDefinition"]).rpartition("/")[2].partition(":")[0]
    return "aws ecs list-tasks", {"cluster": str(one["Cluster"]).rpartition("/")[2], "family": family}


def _function(one: Resource) -> tuple[str, dict[str, str]]:
    return "aws lambda get-function", {"function_name": str(one.name), "query": _FUNCTION}


def _rule(one: Resource) -> tuple[str, dict[str, str]]:
    return "aws events describe-rule", {"name": str(one.name), "query": "State"}


def _schedule(one: Resource) -> tuple[str, dict[str, str]]:
    return "aws scheduler get-schedule", {"name": str(one.name).rpartition("/")[2], "query": "State"}


def _job(one: Resource) -> tuple[str, dict[str, str]]:
    name = str(one.name).partition(":")[0]
    return "aws batch describe-job-definitions", {"job_definition_name": name, "status": "ACTIVE"}


_READERS: Mapping[str, Callable[[Resource], tuple[str, dict[str, str]]]] = {
    "AWS::ECS::Service": _service,
    "AWS::ECS::Task": _task,
    FUNCTION: _function,
    "AWS::Events::Rule": _rule,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::Batch::JobDefinition": _job,
}
