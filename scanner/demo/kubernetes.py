"""What runs in the demo's EKS clusters, as `kubectl get ... -A -o json` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.demo.registry import Registries
from scanner.demo.words import Recorder, sha256, uuid

_ESO = "external-secrets.io/v1"
_API = {
    "Pod": "v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "ServiceAccount": "v1",
    "SecretStore": _ESO,
    "ExternalSecret": _ESO,
}
"""The API versions that are not apps/v1."""


def clusters(
    recorder: Recorder, described: Mapping[str, Any], registries: Registries
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the ARN of each cluster of a place, and the list of what runs in it."""
    for name, cluster in sorted(described.items()):
        objects = _Objects(recorder, name, registries, nodes=bool(cluster["nodegroups"]))
        items = [
            item
            for kind, workloads in cluster.get("runs", {}).items()
            for full_name, workload in workloads.items()
            for item in objects.of(kind, full_name, workload)
        ]
        items += [objects.account(full_name, role) for full_name, role in cluster.get("accounts", {}).items()]
        items += [
            item
            for full_name, key in cluster.get("external_secrets", {}).items()
            for item in objects.external_secret(full_name, key)
        ]
        yield recorder.arn("eks", f"cluster/{name}"), {"apiVersion": "v1", "kind": "List", "items": items}


class _Objects:
    """Makes the objects of one cluster; without nodes its pods wait."""

    def __init__(self, recorder: Recorder, cluster: str, registries: Registries, *, nodes: bool) -> None:
        self._recorder, self._cluster, self._registries, self._nodes = recorder, cluster, registries, nodes

    def of(self, kind: str, full_name: str, workload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Return a workload, what stands between it and its pods, and the pods."""
        namespace, _, name = full_name.partition("/")
        template = self._template(workload)
        replicas = workload.get("replicas", 1)
        match kind:
            case "CronJob":
                made = self._object(kind, namespace, name, {"jobTemplate": {"spec": {"template": template}}})
                job = self._object("Job", namespace, f"{name}-29391600", {"template": template}, made)
                yield from (made, {**job, "status": {"conditions": [{"type": "Complete", "status": "True"}]}})
                return
            case "DaemonSet":
                made = self._object(kind, namespace, name, {"template": template})
                made = {**made, "status": {"desiredNumberScheduled": replicas if self._nodes else 0}}
            case _:
                made = self._object(kind, namespace, name, {"replicas": replicas, "template": template})
        yield made
        owner = made
        if kind == "Deployment":
            name = f"{name}-{sha256(str(template))[:10]}"
            owner = self._object("ReplicaSet", namespace, name, {"replicas": replicas}, made)
            yield owner
        for number in range(replicas if self._nodes or kind != "DaemonSet" else 0):
            yield self._pod(namespace, f"{name}-{number}", workload, owner)

    def account(self, full_name: str, role: str | None) -> dict[str, Any]:
        """Return a service account, and the role that it names if it names one."""
        namespace, _, name = full_name.partition("/")
        made = self._object("ServiceAccount", namespace, name, {})
        if role:
            made["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": self._recorder.role(role)}
        return made

    def external_secret(self, full_name: str, key: str) -> Iterator[dict[str, Any]]:
        """Return what fetches a secret of Secrets Manager, and the store of its namespace that it does so through."""
        namespace, _, name = full_name.partition("/")
        aws = {"service": "SecretsManager", "region": self._recorder.place.region}
        yield self._object("SecretStore", namespace, "secrets-manager", {"provider": {"aws": aws}})
        data = [{"secretKey": "url", "remoteRef": {"key": key}}]
        store = {"kind": "SecretStore", "name": "secrets-manager"}
        yield self._object("ExternalSecret", namespace, name, {"secretStoreRef": store, "data": data})

    def _object(
        self,
        kind: str,
        namespace: str,
        name: str,
        spec: Mapping[str, Any],
        owner: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        metadata: dict[str, Any] = {"name": name, "namespace": namespace}
        metadata["uid"] = uuid(f"{self._recorder.place} {self._cluster} {kind} {namespace}/{name}")
        if owner:
            reference = {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
            metadata["ownerReferences"] = [{**reference, "controller": True}]
        return {"apiVersion": _API.get(kind, "apps/v1"), "kind": kind, "metadata": metadata, "spec": dict(spec)}

    def _template(self, workload: Mapping[str, Any]) -> dict[str, Any]:
        place = self._recorder.place
        containers = [
            {"name": name, "image": self._registries.uri(place, image)}
            for name, image in workload["containers"].items()
        ]
        return {"spec": {"serviceAccountName": workload.get("account", "default"), "containers": containers}}

    def _pod(self, namespace: str, name: str, workload: Mapping[str, Any], owner: Mapping[str, Any]) -> dict[str, Any]:
        pod = self._object("Pod", namespace, name, self._template(workload)["spec"], owner)
        if not self._nodes:
            return {**pod, "status": {"phase": "Pending"}}
        statuses = [self._status(name, image) for name, image in workload["containers"].items()]
        return {**pod, "status": {"phase": "Running", "containerStatuses": statuses}}

    def _status(self, container: str, image: str) -> dict[str, Any]:
        place = self._recorder.place
        uri = self._registries.uri(place, image)
        repository = uri.partition("@")[0] if "@" in uri else uri.rpartition(":")[0]
        id = f"{repository}@{self._registries.digest(place, image)}"
        return {"name": container, "image": uri, "imageID": id, "state": {"running": {}}}
