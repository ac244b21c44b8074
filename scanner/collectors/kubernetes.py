"""Kubernetes: what runs in EKS clusters.  Each pod counts to what made it: a Deployment, a CronJob, ...

AWS's own API shows none of it.  The lists come from the API of a cluster (`kubernetes_api`) or from files that
kubectl made (`kubernetes_file`); both are recorded as the same calls, so they are read here in one way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scanner.collectors import eks
from scanner.collectors.ask import MALFORMED, NOT_COLLECTED, Answer, Answers, Ask, items
from scanner.kubernetes_objects import (
    KINDS,
    NOT_SERVED,
    ROLE,
    Cluster,
    Kind,
    declared,
    distinct,
    finished,
    of_pods,
    pod_spec,
    running,
    settings,
)
from scanner.model import Gap, Resource, Unknown

_BETWEEN = {"Deployment": "ReplicaSet", "CronJob": "Job"}
"""What stands between a workload and its pods."""
_SETTINGS = tuple(KINDS[name] for name in ("ServiceAccount", "ExternalSecret", "SecretStore", "ClusterSecretStore"))
"""What runs nothing, and says what pods may read."""
_WORKLOADS = tuple(kind for kind in KINDS.values() if kind.name not in ("Pod", "ReplicaSet") and kind not in _SETTINGS)


def _type(kind: Kind) -> str:
    return f"Kubernetes::{kind.name}"


_RUNNING = (*(_type(kind) for kind in _WORKLOADS), _type(KINDS["Pod"]))
TYPES = (*_RUNNING, *(_type(kind) for kind in _SETTINGS))
SERVICE_ACCOUNT = _type(KINDS["ServiceAccount"])


def _asked(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"cluster": arn} for arn in sorted(_recorded(answers))]


def _recorded(answers: Answers) -> set[str]:
    return {str(answer.parameters["cluster"]) for ask in CALLS for answer in answers.of(ask)}


def _ask(kind: Kind) -> Ask:
    filled = {"Pod": _RUNNING[:-1], "ReplicaSet": ("Kubernetes::Deployment",), "Job": ("Kubernetes::CronJob",)}
    return Ask(
        kind.operation,
        "items",
        (_type(kind),) if _type(kind) in TYPES else (),
        each=_asked,
        absent=frozenset({NOT_SERVED}) if kind.optional else frozenset(),
        paged=True,
        tokens=("continue", "continue"),
        fills=filled.get(kind.name, ()),
        actions=("eks:DescribeCluster",),
        reads=(eks.CLUSTER,),
    )


_ASKS = {name: _ask(kind) for name, kind in KINDS.items()}
CALLS = tuple(_ASKS.values())


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the workloads of every cluster that was asked, and pods that none of them made.

    A cluster that was seen but not asked is a gap, and so are those that nobody listed.
    """
    for arn in sorted(_recorded(answers)):
        yield from _Cluster(answers, Cluster.of(arn)).found()
    yield from answers.gaps(CALLS)
    yield from _unasked(answers)


def _unasked(answers: Answers) -> Iterator[Gap]:
    target, others = answers.target, answers.others.get("eks")
    listing = others and others.get(eks.CALLS[0], {})
    prefix = f"arn:{target.partition}:eks:{target.region}:{target.account}:cluster/"
    names = items(listing, eks.CALLS[0].answer) if listing else []
    missed = [f"{prefix}{name}" for name in sorted(names) if f"{prefix}{name}" not in _recorded(answers)]
    if missed:
        more = f" (and of {len(missed) - 1} more)" if len(missed) > 1 else ""
        how = f"add --kubernetes-api, or --kubernetes {missed[0]}=FILE"
        message = f"what runs in '{missed[0]}'{more} was not collected; {how}"
        yield from _hidden(answers, NOT_COLLECTED, message)
    if not listing:
        yield from _hidden(answers, NOT_COLLECTED, "nobody asked which EKS clusters there are")
    elif listing.error:
        yield from _hidden(answers, listing.error.code, f"not all EKS clusters were listed: {listing.error.message}")


def _hidden(answers: Answers, reason: str, message: str) -> Iterator[Gap]:
    for type in TYPES:
        yield answers.gap(type, "eks:ListClusters", reason, message)


class _Cluster:
    """The objects of one cluster, and what made what."""

    def __init__(self, answers: Answers, cluster: Cluster) -> None:
        self._answers, self._cluster = answers, cluster
        self._lists = {name: answers.get(ask, {"cluster": cluster.arn}) for name, ask in _ASKS.items()}
        self._owners = {
            item["metadata"]["uid"]: (kind, item)
            for kind in KINDS.values()
            for item in self._items(kind)
            if kind.name != "Pod" and item.get("metadata", {}).get("uid")
        }
        self._pods: dict[str | None, list[Mapping[str, Any]]] = {}
        for pod in self._items(KINDS["Pod"]):
            if not finished(pod):
                self._pods.setdefault(self._top(pod), []).append(pod)

    def found(self) -> Iterator[Resource | Gap]:
        """Return the workloads, and the pods of none."""
        for kind in _WORKLOADS:
            for item in self._items(kind):
                if not (kind.name == "Job" and (_ended(item) or self._top(item))):
                    yield self._resource(kind, item, self._images(kind, item))
        for pod in self._pods.get(None, ()):
            yield self._resource(KINDS["Pod"], pod, distinct(running(pod)))
        for kind in _SETTINGS:
            for item in self._items(kind):
                yield self._setting(kind, item)

    def _items(self, kind: Kind) -> list[Mapping[str, Any]]:
        answer = self._lists[kind.name]
        return items(answer, "items") if answer else []

    def _top(self, item: Mapping[str, Any]) -> str | None:
        """Return the uid of the workload that made an object, None if nothing that was seen did."""
        top = None
        for _ in range(2):  # a pod, its ReplicaSet or Job, and what made that
            uid = _controller(item)
            if uid not in self._owners:
                break
            kind, item = self._owners[uid]
            top = uid if kind in _WORKLOADS else None
        return top

    def _images(self, kind: Kind, item: Mapping[str, Any]) -> Any:
        for name in filter(None, ("Pod", _BETWEEN.get(kind.name))):
            if reason := self._missed(name):
                return Unknown(f"what it runs was not seen: {reason}")
        uid = item.get("metadata", {}).get("uid")
        if uid is None:
            return Unknown("it was listed without its uid, so nobody can tell which pods are its own")
        template = declared(pod_spec(kind, item))
        images = [image for pod in self._pods.get(uid, ()) for image in running(pod)]
        if kind.name == "CronJob":
            images = template + images  # the next run pulls what the template says, whatever runs now
        elif not images and _wanted(kind, item) == 0:
            images = template
        return distinct(images) or Unknown("no pod shows what it runs")

    def _missed(self, name: str) -> str | None:
        answer, operation = self._lists[name], self._answers.name(_ASKS[name])
        if answer is None:
            return f"{operation} was not asked"
        return f"{operation}: {answer.error.code}: {answer.error.message}" if answer.error else None

    def _resource(self, kind: Kind, item: Mapping[str, Any], images: Any) -> Resource | Gap:
        answers, cluster, metadata = self._answers, self._cluster, item.get("metadata", {})
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if not name or not namespace:
            message = f"something was listed without its name or namespace in '{cluster.name}'"
            return answers.gap(_type(kind), answers.name(_ASKS[kind.name]), MALFORMED, message)
        properties = {
            "Cluster": cluster.arn,
            "Namespace": namespace,
            "Name": name,
            "Kind": kind.name,
            "Replicas": _replicas(kind, item),
            **of_pods(pod_spec(kind, item)),
            "ContainerImages": images,
        }
        via = dict.fromkeys((kind.name, _BETWEEN.get(kind.name, "Pod"), "Pod"))
        return answers.resource(
            _type(kind),
            f"{cluster.arn}/{namespace}/{kind.name}/{name}",
            f"{cluster.name}/{namespace}/{name}",
            properties,
            asks=[_ASKS[name] for name in via],
            at=self._at(kind),
        )

    def _setting(self, kind: Kind, item: Mapping[str, Any]) -> Resource | Gap:
        answers, cluster, metadata = self._answers, self._cluster, item.get("metadata", {})
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if not name or not (namespace or kind.name == "ClusterSecretStore"):
            message = f"something was listed without its name or namespace in '{cluster.name}'"
            return answers.gap(_type(kind), answers.name(_ASKS[kind.name]), MALFORMED, message)
        path = [namespace, name] if kind.name != "ClusterSecretStore" else [name]
        properties = {"Cluster": cluster.arn, "Name": name, **settings(kind, item)}
        if kind.name != "ClusterSecretStore":
            properties["Namespace"] = namespace
        return answers.resource(
            _type(kind),
            "/".join((cluster.arn, *path[:-1], kind.name, name)),
            "/".join((cluster.name, *path)),
            properties,
            asks=[_ASKS[kind.name]],
            at=self._at(kind),
        )

    def _at(self, kind: Kind) -> str | None:
        answer: Answer | None = self._lists[kind.name]
        return answer.at if answer else None


def roles(answers: Answers | None) -> list[Any]:
    """Return the ARNs of the roles that service accounts name; none if nobody asked."""
    accounts = [item for _, item in answers.items(_ASKS["ServiceAccount"])] if answers else []
    return [item.get("metadata", {}).get("annotations", {}).get(ROLE) for item in accounts]


def _controller(item: Mapping[str, Any]) -> str | None:
    owners = item.get("metadata", {}).get("ownerReferences", ())
    return next((owner.get("uid") for owner in owners if owner.get("controller")), None)


def _ended(job: Mapping[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    return any(each.get("type") in ("Complete", "Failed") and each.get("status") == "True" for each in conditions)


def _replicas(kind: Kind, item: Mapping[str, Any]) -> Any:
    if kind.name in ("Pod", "CronJob"):
        return None
    wanted = _wanted(kind, item)
    return Unknown("the answer does not say how many pods there should be") if wanted is None else wanted


def _wanted(kind: Kind, item: Mapping[str, Any]) -> int | None:
    """Return how many pods there should be, None if the object does not say."""
    spec, status = item.get("spec", {}), item.get("status", {})
    wanted: int | None = spec.get("replicas")
    if kind.name == "DaemonSet":
        wanted = status.get("desiredNumberScheduled")
    elif kind.name == "Job":
        wanted = 0 if spec.get("suspend") else spec.get("parallelism")
    return wanted
