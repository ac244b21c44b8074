"""Answers to questions that nobody asked in these words, composed from answers to others.

What was described one way is given another way; that something does not exist is said only where a whole list shows
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scanner.serve.derived import derive
from scanner.serve.query import Query, Refused, replayed
from scanner.serve.record import Answer, Record


@dataclass(frozen=True)
class _Batch:
    """A Describe operation of ECS: the parameter that names members, the list that answers, the id in its items.

    `listing` is the List operation and its member that shows which there are.
    """

    asked: str
    answer: str
    arn: str
    kind: str
    listing: tuple[str, str] | None


_BATCHES = {
    "DescribeClusters": _Batch("clusters", "clusters", "clusterArn", "cluster", ("ListClusters", "clusterArns")),
    "DescribeServices": _Batch("services", "services", "serviceArn", "service", ("ListServices", "serviceArns")),
    "DescribeTasks": _Batch("tasks", "tasks", "taskArn", "task", ("ListTasks", "taskArns")),
    "DescribeServiceRevisions": _Batch(
        "serviceRevisionArns", "serviceRevisions", "serviceRevisionArn", "service-revision", None
    ),
}
_ON_DEMAND = {
    "TAGS": "tags",
    "SETTINGS": "settings",
    "STATISTICS": "statistics",
    "ATTACHMENTS": "attachments",
    "CONFIGURATIONS": "configuration",
}


def compose(query: Query, record: Record) -> dict[str, Any]:
    """Return an answer made of other answers; raise `Refused` for what does not exist or was not recorded."""
    _must_exist(query, record)
    if query.service == "ecs" and query.operation in _BATCHES:
        return _batch(query, record, _BATCHES[query.operation])
    single: Callable[[Query, Record], dict[str, Any]] | None = {
        ("ecr", "DescribeRepositories"): _repositories,
        ("ecr", "BatchGetImage"): _manifests,
        ("ecs", "DescribeTaskDefinition"): _task_definition,
    }.get((query.service, query.operation))
    if single is not None:
        return single(query, record)
    derived = derive(query, record)
    if derived is None:
        raise query.not_recorded()
    return derived


def _must_exist(query: Query, record: Record) -> None:
    """Raise AWS's error if a list shows that what the question is about does not exist."""
    parameters = query.parameters
    name = parameters.get("repositoryName")
    if query.service == "ecr" and isinstance(name, str) and "registryId" not in parameters:
        repositories = record.listed("ecr", "DescribeRepositories", "repositories")
        if repositories is not None and name not in {repository["repositoryName"] for repository in repositories}:
            raise _no_repository(query, name)
    if query.service == "ecs" and isinstance(cluster := parameters.get("cluster"), str):
        clusters = record.listed("ecs", "ListClusters", "clusterArns")
        if clusters is not None and not any(_names(arn, cluster) for arn in clusters):
            raise Refused("ClusterNotFoundException", "Cluster not found.")
    if query.service == "eks":
        _must_exist_in_eks(query, record)


_IN_EKS = (
    ("nodegroupName", "ListNodegroups", "nodegroups", "No node group found for name: {}."),
    ("addonName", "ListAddons", "addons", "No addon: {} found in cluster: {}"),
    ("fargateProfileName", "ListFargateProfiles", "fargateProfileNames", "No Fargate Profile found with name: {}."),
)


def _must_exist_in_eks(query: Query, record: Record) -> None:
    parameters = query.parameters
    cluster = parameters.get("clusterName") or parameters.get("name")
    if not isinstance(cluster, str):
        return
    clusters = record.listed("eks", "ListClusters", "clusters")
    if clusters is not None and cluster not in clusters:
        raise Refused("ResourceNotFoundException", f"No cluster found for name: {cluster}.", 404)
    for parameter, operation, member, message in _IN_EKS:
        names = record.listed("eks", operation, member, clusterName=cluster)
        if parameter in parameters and names is not None and parameters[parameter] not in names:
            raise Refused("ResourceNotFoundException", message.format(parameters[parameter], cluster), 404)


def _repositories(query: Query, record: Record) -> dict[str, Any]:
    whole = next((answer for answer in record.of("ecr", "DescribeRepositories") if not answer.parameters), None)
    if whole is None or query.parameters.keys() != {"repositoryNames"}:
        raise query.not_recorded()
    by_name = {repository["repositoryName"]: repository for repository in whole.items("repositories")}
    found = []
    for name in query.parameters["repositoryNames"]:
        if name not in by_name:
            raise replayed(whole.error) if whole.error else _no_repository(query, name)
        found.append(by_name[name])
    return {"repositories": found}


def _manifests(query: Query, record: Record) -> dict[str, Any]:
    """Return the manifests of many images; each was recorded as if it had been asked for alone."""
    found: dict[str, list[Any]] = {"images": [], "failures": []}
    for id in query.parameters["imageIds"]:
        one = record.find(replace(query, parameters={**query.parameters, "imageIds": [id]}))
        if one is None:
            raise query.not_recorded(f"{id} with these parameters")
        if one.error:
            raise replayed(one.error)
        for member, items in found.items():
            items += one.items(member)
    return found


def _no_repository(query: Query, name: str) -> Refused:
    return Refused(
        "RepositoryNotFoundException",
        f"The repository with name '{name}' does not exist in the registry with id '{query.place.account}'",
    )


def _batch(query: Query, record: Record, batch: _Batch) -> dict[str, Any]:
    cluster = query.parameters.get("cluster")
    answers = [answer for answer in record.of("ecs", query.operation) if answer.parameters.get("cluster") == cluster]
    described = [
        _shown(item, query) for answer in answers if _includes(answer, query) for item in answer.items(batch.answer)
    ]
    found, failures = [], []
    for wanted in query.parameters.get(batch.asked) or ["default"]:
        member = next((item for item in described if _names(item.get(batch.arn), wanted)), None)
        if member is None:
            failures.append(_failure(query, record, batch, answers, wanted))
        else:
            found.append(member)
    return {batch.answer: found, "failures": failures}


def _failure(query: Query, record: Record, batch: _Batch, answers: list[Answer], wanted: str) -> Mapping[str, Any]:
    """Return why a member is not described; raise the error of the call that asked for it."""
    for answer in answers:
        for failure in answer.items("failures"):
            if _names(failure.get("arn"), wanted):
                return dict(failure)
    for answer in answers:
        if answer.error and any(_names(arn, wanted) for arn in answer.parameters.get(batch.asked) or ()):
            raise replayed(answer.error)
    scope = {"cluster": query.parameters["cluster"]} if "cluster" in query.parameters else {}
    listed = record.listed("ecs", *batch.listing, **scope) if batch.listing else None
    if listed is None or any(_names(arn, wanted) for arn in listed):
        raise query.not_recorded(f"'{wanted}' with these parameters")
    path = "/".join((batch.kind, *scope.values(), wanted))
    arn = f"arn:{record.partition}:ecs:{query.place.region}:{query.place.account}:{path}"
    return {"arn": wanted if wanted.startswith("arn:") else arn, "reason": "MISSING"}


def _names(arn: Any, wanted: str) -> bool:
    """Tell whether `wanted`, an ARN or a name, is the one an ARN belongs to."""
    return arn == wanted or (isinstance(arn, str) and "/" not in wanted and arn.rpartition("/")[2] == wanted)


def _includes(answer: Answer, query: Query) -> bool:
    return set(query.parameters.get("include") or ()) <= set(answer.parameters.get("include") or ())


def _shown(described: Mapping[str, Any], query: Query) -> dict[str, Any]:
    """Return what was described without what is shown only to those who ask for it."""
    hidden = {_ON_DEMAND[name] for name in _ON_DEMAND.keys() - set(query.parameters.get("include") or ())}
    return {key: value for key, value in described.items() if key not in hidden}


def _task_definition(query: Query, record: Record) -> dict[str, Any]:
    wanted = query.parameters["taskDefinition"]
    found = [page for page in _definitions(query, record) if _defines(page["taskDefinition"], wanted)]
    if not found:
        raise query.not_recorded(f"'{wanted}' with these parameters")
    return max(found, key=lambda page: page["taskDefinition"]["revision"])


def _definitions(query: Query, record: Record) -> Iterator[dict[str, Any]]:
    for answer in record.of("ecs", "DescribeTaskDefinition"):
        if _includes(answer, query):
            yield from (_shown(page, query) for page in answer.pages)


def _defines(definition: Mapping[str, Any], wanted: str) -> bool:
    family, revision = definition.get("family"), definition.get("revision")
    return wanted in (definition.get("taskDefinitionArn"), family, f"{family}:{revision}")
