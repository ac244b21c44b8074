"""Amazon ECS: clusters, services and tasks, the task definitions they use, and the images they run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from scanner.collectors import events, schedules, stepfunctions
from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, Rate, chunks, items, pick, structures, tags
from scanner.collectors.ask import cloudformation as _cloudformation
from scanner.collectors.ecs_families import DEFINITION_READ, FAMILY, LIST_FAMILIES, families
from scanner.model import Gap, Resource, Unknown

CLUSTER, SERVICE = "AWS::ECS::Cluster", "AWS::ECS::Service"
TASK, TASK_DEFINITION = "AWS::ECS::Task", "AWS::ECS::TaskDefinition"
TYPES = (CLUSTER, SERVICE, TASK, TASK_DEFINITION, FAMILY)

_REVISION = re.compile(r"arn:[^:]+:ecs:[^:]*:[0-9]*:task-definition/[^:]+:[0-9]+")
_Each = Callable[[Answers], Iterable[dict[str, Any]]]
_PAGE = {"maxResults": 100}
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
_CLUSTER_READ = Rate("cluster read", 20, 50)
_SERVICE_READ = Rate("service read", 20, 100)
_REVISION_READ = Rate("service revision read", 20, 50)
_TASK_READ = Rate("cluster resource read", 20, 100)


def _cluster_arns(answers: Answers) -> list[str]:
    return sorted({arn for _, arn in answers.items(_LIST_CLUSTERS)})


def _clusters(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"clusters": arns} for arns in chunks(_cluster_arns(answers), 100)]


def _in_cluster(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"cluster": arn} for arn in _cluster_arns(answers)]


def _batches(list_ask: Ask, member: str, size: int) -> _Each:
    return lambda answers: [
        {"cluster": answer.parameters["cluster"], member: arns}
        for answer in answers.of(list_ask)
        for arns in chunks(sorted(set(items(answer, list_ask.answer))), size)
    ]


def _revisions(answers: Answers) -> Iterable[dict[str, Any]]:
    arns = {arn for _, service in answers.items(_DESCRIBE_SERVICES) for arn in _revision_arns(service)}
    return [{"serviceRevisionArns": batch} for batch in chunks(sorted(arns), 20)]


def _definitions(answers: Answers) -> Iterable[dict[str, Any]]:
    arns = [service.get("taskDefinition") for _, service in answers.items(_DESCRIBE_SERVICES)]
    arns += [task.get("taskDefinitionArn") for _, task in answers.items(_DESCRIBE_TASKS)]
    arns += events.task_definitions(answers.others.get("events"))
    arns += schedules.task_definitions(answers.others.get("scheduler"))
    arns += stepfunctions.task_definitions(answers.others.get("stepfunctions"))
    return [{"taskDefinition": arn} for arn in sorted({arn for arn in arns if isinstance(arn, str) and arn})]


def _is_revision(parameters: Mapping[str, Any]) -> bool:
    """Tell whether a task definition is asked for by its revision, which is registered once and never used again.

    Only its status may change; a service goes on with an INACTIVE revision, so nobody needs it, and it is not read.
    """
    return _REVISION.fullmatch(str(parameters.get("taskDefinition"))) is not None


_LIST_CLUSTERS = Ask(
    "ListClusters", "clusterArns", (CLUSTER, SERVICE, TASK, TASK_DEFINITION), _PAGE, paged=True, rate=_CLUSTER_READ
)
_DESCRIBE_CLUSTERS = Ask(
    "DescribeClusters",
    "clusters",
    (CLUSTER,),
    {"include": ["CONFIGURATIONS", "SETTINGS", "TAGS"]},
    _clusters,
    rate=_CLUSTER_READ,
    per="100 clusters",
)
_LIST_SERVICES = Ask(
    "ListServices",
    "serviceArns",
    (SERVICE, TASK_DEFINITION),
    _PAGE,
    _in_cluster,
    paged=True,
    rate=_SERVICE_READ,
    per="cluster",
)
_DESCRIBE_SERVICES = Ask(
    "DescribeServices",
    "services",
    (SERVICE, TASK_DEFINITION),
    {"include": ["TAGS"]},
    _batches(_LIST_SERVICES, "services", 10),
    rate=_SERVICE_READ,
    per="10 services",
)
_DESCRIBE_REVISIONS = Ask(
    "DescribeServiceRevisions",
    "serviceRevisions",
    each=_revisions,
    fills=(SERVICE,),
    rate=_REVISION_READ,
    per="20 service revisions",
)
# Where no service revision is answered, tasks show what a service runs.
_LIST_TASKS = Ask(
    "ListTasks",
    "taskArns",
    (TASK, TASK_DEFINITION),
    _PAGE,
    _in_cluster,
    paged=True,
    fills=(SERVICE,),
    rate=_TASK_READ,
    per="cluster",
)
_DESCRIBE_TASKS = Ask(
    "DescribeTasks",
    "tasks",
    (TASK, TASK_DEFINITION),
    {"include": ["TAGS"]},
    _batches(_LIST_TASKS, "tasks", 100),
    fills=(SERVICE,),
    rate=_TASK_READ,
    per="100 tasks",
)
_DESCRIBE_DEFINITION = Ask(
    "DescribeTaskDefinition",
    "taskDefinition",
    (TASK_DEFINITION,),
    each=_definitions,
    fills=(SERVICE,),
    rate=DEFINITION_READ,
    immutable=_is_revision,
    per="task definition",
    reads=(events.RULE, schedules.SCHEDULE, stepfunctions.STATE_MACHINE),
)
CALLS = (
    _LIST_CLUSTERS,
    _DESCRIBE_CLUSTERS,
    _LIST_SERVICES,
    _DESCRIBE_SERVICES,
    _DESCRIBE_REVISIONS,
    _LIST_TASKS,
    _DESCRIBE_TASKS,
    _DESCRIBE_DEFINITION,
    LIST_FAMILIES,
)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return clusters, services, tasks of no service, the task definitions in use, and all families there are."""
    for answer, cluster in answers.items(_DESCRIBE_CLUSTERS):
        yield _cluster(answers, cluster, answer)
    revisions, tasks = _Revisions(answers), _Tasks(answers)
    for answer, service in answers.items(_DESCRIBE_SERVICES):
        yield _service(answers, service, answer, revisions, tasks)
    for answer, task in answers.items(_DESCRIBE_TASKS):
        if not str(task.get("group", "")).startswith("service:"):
            yield _task(answers, task, answer)
    for answer in answers.of(_DESCRIBE_DEFINITION):
        for page in answer.pages:
            yield _definition(answers, page, answer)
    yield from families(answers)
    yield from answers.gaps(CALLS)
    yield from _failures(answers, _DESCRIBE_CLUSTERS, "clusters", "clusterArn")
    yield from _failures(answers, _DESCRIBE_SERVICES, "services", "serviceArn")
    yield from _failures(answers, _DESCRIBE_TASKS, "tasks", "taskArn")


def _failures(answers: Answers, ask: Ask, asked: str, arn: str) -> Iterator[Gap]:
    """Yield a gap for each reason why something asked for was not described; MISSING is a fact: it is gone."""
    missed: dict[str, list[str]] = {}
    for answer in answers.of(ask):
        if answer.error is None:
            described = {_last(item.get(arn)) for item in structures(items(answer, ask.answer))}
            reasons = _reasons(answer)
            for name in answer.parameters[asked]:
                reason = reasons.get(_last(name), "NotAnswered")
                if _last(name) not in described and reason != "MISSING":
                    missed.setdefault(reason, []).append(name)
    for reason, names in missed.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        for type in ask.types:
            yield answers.gap(type, answers.name(ask), reason, f"{names[0]}{more} could not be described")


def _reasons(answer: Answer) -> dict[str, str]:
    failures = structures(items(answer, "failures"))
    return {_last(failure.get("arn")): str(failure.get("reason") or "Unspecified") for failure in failures}


def _last(arn: Any) -> str:
    return str(arn).rpartition("/")[2]


def _string(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) and value else otherwise


def _identified(answers: Answers, ask: Ask, type: str, id: Any) -> Gap | None:
    """Return a gap for what was described without its ARN."""
    if isinstance(id, str) and id:
        return None
    return answers.gap(type, answers.name(ask), MALFORMED, "something was described without its ARN")


def _cluster(answers: Answers, cluster: Mapping[str, Any], answer: Answer) -> Resource | Gap:
    id = cluster.get("clusterArn")
    name = _string(cluster.get("clusterName"), _last(id))
    properties = {
        "ClusterName": name,
        "ClusterSettings": _cloudformation(cluster.get("settings")),
        **pick(cluster, "capacityProviders", "defaultCapacityProviderStrategy", "configuration", "status"),
    }
    return _identified(answers, _DESCRIBE_CLUSTERS, CLUSTER, id) or answers.resource(
        CLUSTER,
        str(id),
        name,
        properties,
        asks=(_DESCRIBE_CLUSTERS,),
        at=answer.at,
        tags=tags(cluster.get("tags")),
    )


_SERVICE_MEMBERS = (
    "taskDefinition desiredCount launchType schedulingStrategy capacityProviderStrategy platformVersion "
    "platformFamily networkConfiguration loadBalancers status runningCount deployments"
)


def _service(
    answers: Answers, service: Mapping[str, Any], answer: Answer, revisions: _Revisions, tasks: _Tasks
) -> Resource | Gap:
    id = service.get("serviceArn")
    name = _string(service.get("serviceName"), _last(id))
    cluster = _string(service.get("clusterArn"), answer.parameters["cluster"])
    known = _revision_arns(service)
    properties = {
        "ServiceName": name,
        "Cluster": cluster,
        "ContainerImages": revisions.images(known) if known else tasks.images(cluster, name, service),
        **pick(service, *_SERVICE_MEMBERS.split()),
    }
    return _identified(answers, _DESCRIBE_SERVICES, SERVICE, id) or answers.resource(
        SERVICE,
        str(id),
        f"{_last(cluster)}/{name}",
        properties,
        asks=(_DESCRIBE_SERVICES, _DESCRIBE_REVISIONS) if known else (_DESCRIBE_SERVICES, _DESCRIBE_TASKS),
        at=answer.at,
        tags=tags(service.get("tags")),
    )


def _task(answers: Answers, task: Mapping[str, Any], answer: Answer) -> Resource | Gap:
    id, definition = task.get("taskArn"), task.get("taskDefinitionArn")
    properties = {
        "Cluster": _string(task.get("clusterArn"), answer.parameters["cluster"]),
        "TaskDefinition": definition,
        "ContainerImages": _task_images([task]),
        **pick(task, "group", "launchType", "lastStatus"),
    }
    # A task that was started without a group has its family as its group.
    name = _string(task.get("group"), f"family:{_last(definition).partition(':')[0]}")
    return _identified(answers, _DESCRIBE_TASKS, TASK, id) or answers.resource(
        TASK, str(id), name, properties, asks=(_DESCRIBE_TASKS,), at=answer.at, tags=tags(task.get("tags"))
    )


_VOLUMES = {
    "efsVolumeConfiguration": "EFSVolumeConfiguration",
    "fileSystemId": "FilesystemId",
    "fsxWindowsFileServerVolumeConfiguration": "FSxWindowsFileServerVolumeConfiguration",
}


def _definition(answers: Answers, page: Mapping[str, Any], answer: Answer) -> Resource | Gap:
    definition = page["taskDefinition"]
    id = definition.get("taskDefinitionArn")
    family = _string(definition.get("family"), _last(id).partition(":")[0])
    properties = {
        "Family": family,
        "Volumes": _cloudformation(definition.get("volumes"), _VOLUMES),
        **pick(
            definition,
            "containerDefinitions",
            "runtimePlatform",
            "executionRoleArn",
            "taskRoleArn",
            "requiresCompatibilities",
            "networkMode",
            "pidMode",
            "ipcMode",
            "cpu",
            "memory",
            "ephemeralStorage",
        ),
    }
    return _identified(answers, _DESCRIBE_DEFINITION, TASK_DEFINITION, id) or answers.resource(
        TASK_DEFINITION,
        str(id),
        family,
        properties,
        asks=(_DESCRIBE_DEFINITION,),
        at=answer.at,
        tags=tags(page.get("tags")),
    )


def _revision_arns(service: Mapping[str, Any]) -> list[str]:
    summaries = structures(service.get("currentServiceRevisions"))
    return [summary["arn"] for summary in summaries if isinstance(summary.get("arn"), str)]


class _Revisions:
    """The service revisions that were described, and why others were not."""

    def __init__(self, answers: Answers) -> None:
        self._found: dict[str, Mapping[str, Any]] = {}
        self._why: dict[str, str] = {}
        operation = answers.name(_DESCRIBE_REVISIONS)
        for answer in answers.of(_DESCRIBE_REVISIONS):
            self._found |= {str(r.get("serviceRevisionArn")): r for r in structures(items(answer, "serviceRevisions"))}
            reasons = _reasons(answer)
            error = f"{answer.error.code}: {answer.error.message}" if answer.error else None
            for arn in answer.parameters["serviceRevisionArns"]:
                self._why[arn] = f"{operation}: {error or reasons.get(_last(arn), 'not answered')}"

    def images(self, arns: Sequence[str]) -> Any:
        """Return what the revisions run; a revision without a digest has none that AWS established."""
        missing = next((arn for arn in arns if arn not in self._found), None)
        if missing:
            why = self._why.get(missing, "ecs:DescribeServiceRevisions was not asked")
            return Unknown(f"what {_last(missing)} runs was not seen: {why}")
        images = [image for arn in arns for image in structures(self._found[arn].get("containerImages"))]
        return _distinct(
            {
                "ContainerName": image.get("containerName"),
                "Image": image.get("image"),
                "ImageDigest": image.get("imageDigest"),
            }
            for image in images
        )


class _Tasks:
    """The tasks of services, for endpoints that answer no service revisions."""

    def __init__(self, answers: Answers) -> None:
        self._by_group: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for answer, task in answers.items(_DESCRIBE_TASKS):
            key = (_last(answer.parameters["cluster"]), str(task.get("group")))
            self._by_group.setdefault(key, []).append(task)
        self._definitions = {
            answer.parameters["taskDefinition"]: page["taskDefinition"]
            for answer in answers.of(_DESCRIBE_DEFINITION)
            for page in answer.pages
        }
        gaps = (*answers.gaps((_LIST_TASKS, _DESCRIBE_TASKS)), *_failures(answers, _DESCRIBE_TASKS, "tasks", "taskArn"))
        self._gap = next(iter(gaps), None)

    def images(self, cluster: str, name: str, service: Mapping[str, Any]) -> Any:
        """Return what the tasks of a service run, or, of a service that runs none, what it would."""
        if self._gap:
            return Unknown(f"what the service runs was not seen: {self._gap}")
        tasks = self._by_group.get((_last(cluster), f"service:{name}"))
        if tasks:
            return _task_images(tasks)
        definition = self._definitions.get(_string(service.get("taskDefinition"), ""))
        if service.get("desiredCount") == 0 and definition is not None:
            containers = structures(definition.get("containerDefinitions"))
            return [{"ContainerName": c.get("name"), "Image": c.get("image"), "ImageDigest": None} for c in containers]
        return Unknown("neither a service revision nor a task shows what the service runs")


def _task_images(tasks: Iterable[Mapping[str, Any]]) -> Any:
    containers = [container for task in tasks for container in structures(task.get("containers"))]
    if not containers:
        return Unknown("the task shows no containers")
    return _distinct(
        {
            "ContainerName": container.get("name"),
            "Image": container.get("image") or Unknown("the task does not show the image of its container"),
            "ImageDigest": container.get("imageDigest") or Unknown("the task does not show the digest of its image"),
        }
        for container in containers
    )


def _distinct(images: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({repr(sorted(image.items(), key=lambda item: item[0])): image for image in images}.values())
