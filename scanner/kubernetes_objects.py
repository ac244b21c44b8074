"""What is kept of Kubernetes objects, and what their pods run.

An allowlist names every field that is kept: names, owners, images, counts.  Environment values, arguments and
annotations (which hold whole manifests) are gone before anything is recorded, because nobody copies them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from scanner.model import Unknown
from scanner.recorded import Call, CallError
from scanner.references import InvalidReference, Reference, parse

SERVICE = "kubernetes"
NOT_SERVED = "NotServed"
"""The error code of a list of a kind that a cluster does not know, so of which it has none."""


@dataclass(frozen=True)
class Kind:
    """A kind of object that is listed: its name, API version, and plural as in the path of its list.

    One that an operator brings is not in every cluster; `older` are the versions in which earlier ones serve it.
    """

    name: str
    api_version: str
    plural: str
    older: tuple[str, ...] = ()

    @property
    def optional(self) -> bool:
        """Tell whether a cluster may not know the kind at all."""
        return bool(self.older)

    @property
    def operation(self) -> str:
        """Return the name of the call that lists it."""
        return f"List{self.name}s"

    @property
    def path(self) -> str:
        """Return the path of its list in all namespaces."""
        return self.paths[0]

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path of its list in each version, the newest first."""
        versions = (self.api_version, *self.older)
        return tuple(f"/{'api' if version == 'v1' else 'apis'}/{version}/{self.plural}" for version in versions)


_EXTERNAL = "external-secrets.io"
KINDS: Mapping[str, Kind] = {
    name: Kind(name, version, f"{name.lower()}s", (f"{_EXTERNAL}/v1beta1",) if version.startswith(_EXTERNAL) else ())
    for name, version in (
        ("Pod", "v1"),
        ("Deployment", "apps/v1"),
        ("ReplicaSet", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("Job", "batch/v1"),
        ("CronJob", "batch/v1"),
        ("ServiceAccount", "v1"),
        ("ExternalSecret", f"{_EXTERNAL}/v1"),
        ("SecretStore", f"{_EXTERNAL}/v1"),
        ("ClusterSecretStore", f"{_EXTERNAL}/v1"),
    )
}
"""By name, in the order they are asked: an owner that is listed after its pods is still there, or was deleted."""


class Cluster(NamedTuple):
    """An EKS cluster, as its ARN names it."""

    arn: str
    region: str
    account: str
    name: str

    @classmethod
    def of(cls, arn: Any) -> Cluster:
        """Return what an ARN says; raise `ValueError` if it is not that of an EKS cluster."""
        match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
        if match is None:
            raise ValueError("not the ARN of an EKS cluster, as arn:aws:eks:us-east-1:111122223333:cluster/shop")
        return cls(arn, *match.groups())


_ARN = re.compile(
    r"arn:aws[a-z-]*:eks:([a-z]{2,8}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2}):([0-9]{12}):cluster/([0-9A-Za-z][\w-]{0,99})",
    re.ASCII,
)


def call(cluster: Cluster, kind: Kind, page: int, at: str, items: list[Any] | None, error: CallError | None) -> Call:
    """Return the record of one page of a list, or of why there is none; the same whoever asked."""
    response = None if items is None else {"items": items}
    return Call(
        SERVICE,
        kind.operation,
        {"cluster": cluster.arn},
        cluster.account,
        cluster.region,
        page,
        response,
        error,
        None,
        at,
    )


_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,252}")
_WORD = re.compile(r"[0-9A-Za-z]{1,64}")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_ARN_OF = re.compile(r"arn:[!-~]{1,2040}")
_KEY = re.compile(r"[!-~]{1,2048}")
ROLE = "eks.amazonaws.com/role-arn"
"""The annotation of a service account that names its role."""
_IMAGE = re.compile(r"[!-~]{1,1100}")
_METADATA = {
    "name": _NAME,
    "namespace": _NAME,
    "uid": _NAME,
    "ownerReferences": [{"kind": _WORD, "uid": _NAME, "controller": bool}],
}
_CONTAINERS = [{"name": _NAME, "image": _IMAGE}]
_POD = {
    "initContainers": _CONTAINERS,
    "containers": _CONTAINERS,
    "ephemeralContainers": _CONTAINERS,
    "volumes": [{"name": _NAME, "image": {"reference": _IMAGE}}, "image"],
    "serviceAccountName": _NAME,
    "imagePullSecrets": [{"name": _NAME}],
}
_STORE = {"name": _NAME, "kind": _WORD}
_PROVIDER = {"spec": {"provider": {"aws": {"service": _WORD, "region": _REGION, "role": _ARN_OF}}}}
_STATUSES = [{"name": _NAME, "imageID": _IMAGE, "state": {"waiting": {"reason": _WORD}}}]
_TEMPLATE = {"spec": _POD}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "Pod": {
        "spec": _POD,
        "status": {
            "phase": _WORD,
            "initContainerStatuses": _STATUSES,
            "containerStatuses": _STATUSES,
            "ephemeralContainerStatuses": _STATUSES,
        },
    },
    "Deployment": {"spec": {"replicas": int, "template": _TEMPLATE}},
    "ReplicaSet": {},
    "StatefulSet": {"spec": {"replicas": int, "template": _TEMPLATE}},
    "DaemonSet": {"spec": {"template": _TEMPLATE}, "status": {"desiredNumberScheduled": int}},
    "Job": {
        "spec": {"parallelism": int, "suspend": bool, "template": _TEMPLATE},
        "status": {"conditions": [{"type": _WORD, "status": _WORD}]},
    },
    "CronJob": {"spec": {"jobTemplate": {"spec": {"template": _TEMPLATE}}}},
    "ServiceAccount": {"metadata": {**_METADATA, "annotations": {ROLE: _ARN_OF}}},
    "ExternalSecret": {
        "spec": {
            "secretStoreRef": _STORE,
            "data": [{"remoteRef": {"key": _KEY}, "sourceRef": {"storeRef": _STORE}}],
            "dataFrom": [
                {
                    "extract": {"key": _KEY},
                    "find": {},
                    "sourceRef": {"storeRef": _STORE, "generatorRef": {"kind": _WORD}},
                }
            ],
        }
    },
    "SecretStore": _PROVIDER,
    "ClusterSecretStore": _PROVIDER,
}
"""By kind: the fields that are kept.  A list may name the member without which an item of it is left out."""


def reduced(kind: Kind, item: Any) -> dict[str, Any]:
    """Return what is kept of an object; what is not of the type it should be reads as if it said nothing."""
    kept: dict[str, Any] = _keep(item, {"metadata": _METADATA, **_SHAPES[kind.name]}) or {}
    return kept


def _keep(value: Any, shape: Any) -> Any:
    if value is None or type(value) is Unknown:
        return value
    if isinstance(shape, Mapping):
        members = value if isinstance(value, dict) else {}
        kept = {key: _keep(members.get(key), inner) for key, inner in shape.items()}
        return {key: item for key, item in kept.items() if item is not None}
    if isinstance(shape, list):
        # Nothing may vanish from a list because it is malformed: what remains of it is an item that says nothing.
        items = [_keep(item, shape[0]) or {} for item in (value if isinstance(value, list) else [{}])]
        return [item for item in items if len(shape) == 1 or shape[1] in item]
    if isinstance(shape, re.Pattern):
        return value if isinstance(value, str) and shape.fullmatch(value) else None
    return value if type(value) is shape and 0 <= value < 2**31 else None


def _keys(shape: Any) -> Iterator[str]:
    if isinstance(shape, Mapping):
        yield from shape
    for inner in shape.values() if isinstance(shape, Mapping) else shape if isinstance(shape, list) else ():
        yield from _keys(inner)


_KEYS = {*_keys([_METADATA, *_SHAPES.values()]), "apiVersion", "items", "kind", "metadata", "continue"}


def load(text: str) -> Any:
    """Return JSON data without the members that no object is asked for; raise `ValueError` or `RecursionError`.

    They are dropped while the text is read, so that a large answer does not stand in memory with all it holds.
    """

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if key in _KEYS}

    return json.loads(text, object_pairs_hook=kept, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def pod_spec(kind: Kind, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the specification of the pods of a reduced object: a pod's own, else that of its template."""
    spec: Mapping[str, Any] = item.get("spec", {})
    if kind.name == "CronJob":
        spec = spec.get("jobTemplate", {}).get("spec", {})
    return spec if kind.name == "Pod" else spec.get("template", {}).get("spec", {})


def of_pods(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a workload that its pods share."""
    return {
        "ServiceAccountName": spec.get("serviceAccountName"),
        "ImagePullSecrets": [{"Name": each.get("name")} for each in spec.get("imagePullSecrets", ())],
    }


def settings(kind: Kind, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a service account, an external secret or a store of secrets."""
    spec = item.get("spec", {})
    if kind.name == "ServiceAccount":
        return {"RoleArn": item.get("metadata", {}).get("annotations", {}).get(ROLE)}
    if kind.name == "ExternalSecret":
        return {"RemoteRefs": [*_remote(spec, "data", "remoteRef"), *_remote(spec, "dataFrom", "extract")]}
    provider = spec.get("provider")
    if provider is None:
        return {"Aws": Unknown("the store does not show its provider")}
    aws = provider.get("aws")
    if aws is None:
        return {"Aws": None}
    unseen = Unknown("the store does not show it")
    return {
        "Aws": {
            "Service": aws.get("service", unseen),
            "Region": aws.get("region", unseen),
            "Role": aws.get("role"),
        }
    }


def _remote(spec: Mapping[str, Any], member: str, reference: str) -> Iterator[dict[str, Any]]:
    """Yield what an external secret fetches, and through which store; generators of values fetch nothing."""
    for entry in _structures(spec.get(member)):
        source = entry.get("sourceRef", {})
        if "generatorRef" in source:
            continue
        store = source.get("storeRef", spec.get("secretStoreRef", {}))
        key = entry.get(reference, {}).get("key")
        yield {
            "Key": key or Unknown("what it fetches is searched for, or not shown"),
            "StoreName": store.get("name", Unknown("its store is not shown")),
            "StoreKind": store.get("kind", "SecretStore"),
        }


def finished(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod has ended, and runs nothing any more."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def declared(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the images of a template; nothing runs from it, so no digest is established."""
    return [_entry(name, image, None) for _, name, image in _images(spec)]


def running(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the images of a pod, with the digests that its nodes say they run."""
    status = pod.get("status", {})
    found = []
    for group, name, image in _images(pod.get("spec", {})):
        shown = {each.get("name"): each for each in _structures(status.get(f"{group[:-1]}Statuses"))}
        found.append(_entry(name, image, _digest(group, image, shown.get(name) if name else None)))
    return found


def distinct(images: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return images without repetition, in the order of their first."""
    return list({repr(list(image.items())): image for image in images}.values())


def _images(spec: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str | None]]:
    for group in ("initContainers", "containers", "ephemeralContainers"):
        # Every pod has a container; one that shows none hides what it runs.
        for container in spec.get(group) or ([{}] if group == "containers" else []):
            yield group, container.get("name"), container.get("image")
    for volume in _structures(spec.get("volumes")):
        yield "volumes", volume.get("name"), volume["image"].get("reference")


def _entry(name: str | None, image: str | None, digest: Any) -> dict[str, Any]:
    return {
        "ContainerName": name,
        "Image": Unknown("the pod does not show the image of its container") if image is None else image,
        "ImageDigest": digest,
    }


def _structures(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


_IMAGE_ID = re.compile(r"(?:docker-pullable://)?(?P<name>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")


def _digest(group: str, image: str | None, status: Mapping[str, Any] | None) -> Any:
    """Return the digest of the manifest that a container runs, `Unknown` where its pod does not establish one."""
    wanted = _reference(image or "")
    if wanted and wanted.digest and wanted.digest.startswith("sha256:"):
        return wanted.digest  # nothing else can run, whatever name the node found the image under
    if group == "volumes":
        return Unknown("Kubernetes does not show the digest of an image volume")
    waiting = (status or {}).get("state", {}).get("waiting")
    if waiting is not None and waiting.get("reason") != "CrashLoopBackOff":
        return Unknown(f"the container is waiting ({waiting.get('reason', 'no reason given')})")
    image_id = (status or {}).get("imageID")
    if not image_id:
        return Unknown("the pod does not show the digest of its image")
    match = _IMAGE_ID.fullmatch(image_id)
    if match is None:
        return Unknown("the node shows the digest of a configuration, which is not that of a manifest")
    # A node names an image that it has under several names by any of them, and they need not share a digest.
    if wanted is None or _repository(_reference(f"{match['name']}@{match['digest']}")) != _repository(wanted):
        return Unknown("the node names the image by another repository than the one it was asked for")
    return match["digest"]


def _reference(image: str) -> Reference | None:
    try:
        return parse(image)
    except InvalidReference:
        return None


def _repository(reference: Reference | None) -> Any:
    return reference and (reference.key or (reference.host, reference.repository))
