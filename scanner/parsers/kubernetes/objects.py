"""Objects of Kubernetes as files declare them, and the resources of the model that they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from scanner.config import IacMapping
from scanner.documents import Document
from scanner.kubernetes_objects import KINDS, ROLE, Kind, declared, of_pods, reduced, settings
from scanner.model import Gap, InsufficientData, Location, Resource, Unknown, guard
from scanner.regions import partition_by_name
from scanner.vocabulary import complete

POD_LISTS = ("initContainers", "containers", "ephemeralContainers")
"""The lists of a pod whose items have an image."""
SETTINGS = ("ServiceAccount", "ExternalSecret", "SecretStore", "ClusterSecretStore")
"""Kinds that run nothing, and say what pods may read."""
TYPES = tuple(f"Kubernetes::{name}" for name in KINDS if name != "ReplicaSet")
"""What objects may become."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.:-]{0,251}[a-z0-9])?")
_PODS = {"Pod": "/spec", "CronJob": "/spec/jobTemplate/spec/template/spec"}
_TEMPLATE = "/spec/template/spec"
_OLD = ("apps/", "extensions/", "batch/", "external-secrets.io/")
_DELIVERS = {
    ("argoproj.io", "Application"): ("source", "sources"),
    ("argoproj.io", "ApplicationSet"): ("template",),
    ("helm.toolkit.fluxcd.io", "HelmRelease"): ("chart",),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): ("path",),
}
"""Objects that tell a controller to apply others, by API group and kind, with the fields that say what."""
_LOCAL = "config.kubernetes.io/local-config"
_TEST_HOOKS = {"test", "test-success", "test-failure"}


@dataclass
class Object:
    """One object: plain data in which `Unknown` may stand anywhere, and where its values are written.

    `locations` are by JSON Pointer into it.  `doubt` is why nobody can say what its pods are.  `former` are the ids it
    had before something renamed it, the first one first; `affixes` are what was put around its name.  `written` is what
    stands there of it, where `value` says that more may.
    """

    value: dict[str, Any]
    locations: dict[str, Location]
    path: str
    doubt: str = ""
    former: tuple[tuple[str, str], ...] = ()
    affixes: tuple[tuple[str, str], ...] = ()
    written: dict[str, Any] | None = None

    @property
    def group(self) -> str:
        """Return its API group, empty for the core group and for what is not known."""
        version = self.value.get("apiVersion")
        return version.rpartition("/")[0] if isinstance(version, str) else ""

    @property
    def kind(self) -> str:
        """Return its kind, empty if that is not known."""
        kind = self.value.get("kind")
        return kind if isinstance(kind, str) else ""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Return its metadata, empty if that is no object."""
        metadata = self.value.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    def named(self, key: str) -> str | None:
        """Return its `name` or `namespace`, None if it has none that is known."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) and value else None

    @property
    def id(self) -> tuple[str, str]:
        """Return its namespace, `default` if it names none, and its name."""
        return self.named("namespace") or "default", self.named("name") or ""

    @property
    def ids(self) -> tuple[tuple[str, str], ...]:
        """Return the ids it had, and the one it has."""
        return (*self.former, self.id)

    def copy(self) -> Object:
        """Return a copy that can be patched."""
        return replace(self, value=deepcopy(self.value), locations=dict(self.locations))

    def locate(self, at: str) -> Location:
        """Return where a value is written, or its nearest parent that is."""
        while at and at not in self.locations:
            at = at.rpartition("/")[0]
        return self.locations.get(at) or Location(self.path, 1)

    @property
    def pods(self) -> str:
        """Return the JSON Pointer of the specification of its pods."""
        return _PODS.get(self.kind, _TEMPLATE) if self.kind in KINDS else _TEMPLATE

    def pod_spec(self) -> Any:
        """Return the specification of its pods, None if it has none, `Unknown` where that is not known."""
        value: Any = self.value
        for part in self.pods.split("/")[1:]:
            if isinstance(value, Unknown):
                break
            value = value.get(part) if isinstance(value, dict) else None
        return value

    @property
    def runs(self) -> bool:
        """Tell whether pods come of it, or may."""
        spec = self.pod_spec()
        runs = self.kind in KINDS and self.kind not in SETTINGS
        return runs or isinstance(spec, Unknown) or (isinstance(spec, dict) and "containers" in spec)

    @property
    def matters(self) -> bool:
        """Tell whether it becomes a resource."""
        return self.kind in SETTINGS or self.runs


def objects(document: Document, path: str) -> Iterator[Object]:
    """Yield the objects of a document, those inside of lists too; nothing if it is of something else."""
    value = document.value
    if not isinstance(value, dict) or "apiVersion" not in value or "kind" not in value:
        return
    items = value.get("items")
    kind = value["kind"]
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        yield Object(value, dict(document.locations), path)
        return
    inside: list[dict[str, Location]] = [{} for _ in items]
    for at, location in document.locations.items():
        _, _, rest = at.partition("/items/")
        number, slash, inner = rest.partition("/")
        if at.startswith("/items/") and number.isdecimal() and int(number) < len(items):
            inside[int(number)][slash + inner] = location
    for item, locations in zip(items, inside, strict=True):
        if isinstance(item, dict):
            kinds = {"apiVersion": value["apiVersion"], "kind": kind.removesuffix("List")} if kind != "List" else {}
            yield from objects(Document({**kinds, **item}, locations), path)


@dataclass(frozen=True)
class Source:
    """What a set of objects is applied from: its file, the deployment it is for, and whether it has others.

    `present` tells whether a folder is among the scanned files.  `unplaced` is why its cluster is not known, where
    other code was to say it.
    """

    path: str
    where: IacMapping
    several: bool = False
    present: frozenset[str] = field(default_factory=frozenset)
    unplaced: str = ""

    def declared(self, found: Iterable[Object]) -> Iterator[Resource | Gap]:
        """Yield the workloads among objects, and gaps for those that nobody can read."""
        for one in found:
            yield from self._declared(one)

    def gap(self, message: str, location: Location | None, *types: str) -> Iterator[Gap]:
        """Yield the gaps of something that may declare workloads of these types, or of any."""
        at = f"{location.path}:{location.line}: " if location else ""
        for type in types or TYPES:
            yield Gap("Unresolved", f"{at}{message}", type, self.where.account, self.where.region, path=self.where.path)

    def _declared(self, one: Object) -> Iterator[Resource | Gap]:
        kind = KINDS.get(one.kind if one.kind != "ReplicaSet" else "")
        version = one.value.get("apiVersion")
        if isinstance(one.value.get("kind"), Unknown):
            yield from self.gap("the kind of an object is not known", one.locate(""))
        elif _is_owned(one) or _is_test(one):
            return
        elif kind and (isinstance(version, Unknown) or version in (kind.api_version, *kind.older)):
            yield self._setting(one, kind) if kind.name in SETTINGS else self._workload(one, kind)
        elif kind and isinstance(version, str) and version.startswith(_OLD):
            message = f"{kind.name} '{one.named('name')}' is of '{version}', which EKS does not serve"
            yield from self.gap(message, one.locate("/apiVersion"), _type(kind))
        elif (one.group, one.kind) in _DELIVERS:
            yield from self._delivered(one)
        elif one.runs:
            yield self._workload(one, KINDS["Pod"])

    def _delivered(self, one: Object) -> Iterator[Gap]:
        spec = one.value.get("spec")
        fields = _DELIVERS[one.group, one.kind]
        paths = [*_paths([spec.get(each) for each in fields])] if isinstance(spec, dict) else []
        if not paths or not all(self._is_present(path) for path in paths):
            message = f"{one.kind} '{one.named('name')}' applies what is not in the scanned files"
            yield from self.gap(message, one.locate(""))

    def _is_present(self, path: str) -> bool:
        path = path.strip("./")
        return bool(path) and any(folder == path or folder.endswith(f"/{path}") for folder in self.present)

    def _workload(self, one: Object, kind: Kind) -> Resource:
        images, locations = self._images(one)
        replicas = {} if kind.name in ("Pod", "CronJob") else {"Replicas": _replicas(one, kind)}
        properties = {"Kind": kind.name, **replicas, **self._of_pods(one), "ContainerImages": images}
        return self._resource(one, kind, properties, {**locations, **_written(one)})

    def _setting(self, one: Object, kind: Kind) -> Resource:
        written = {"": one.locate(""), "/RoleArn": one.locate(f"/metadata/annotations/{ROLE.replace('/', '~1')}")}
        return self._resource(one, kind, _settings(one, kind), written)

    def _resource(
        self, one: Object, kind: Kind, properties: dict[str, Any], locations: Mapping[str, Location]
    ) -> Resource:
        where = self.where
        cluster, name = self._cluster(), self._name(one, kind)
        scope = [] if kind.name == "ClusterSecretStore" else [self._namespace(one)]
        properties = {"Cluster": cluster, **({"Namespace": scope[0]} if scope else {}), "Name": name, **properties}
        known = all(isinstance(part, str) for part in (cluster, *scope, name))
        path = "/".join(part for part in (one.named("namespace"), one.kind, one.named("name")) if part)
        line = "" if one.named("name") else f":{one.locate('').path}:{one.locate('').line}"
        several = f"@{where.account or '*'}/{where.region or '*'}" if self.several else ""
        return Resource(
            _type(kind),
            "/".join((cluster, *scope, kind.name, name)) if known else f"{self.path}#{path}{line}{several}",
            "/".join((where.cluster or "", *scope, name)) if known else None,
            where.account,
            where.region,
            guard(complete(_type(kind), properties)),
            locations=locations,
        )

    def _cluster(self) -> Any:
        where = self.where
        if where.account and where.region and where.cluster:
            partition = partition_by_name(where.region)[0]
            return f"arn:{partition}:eks:{where.region}:{where.account}:cluster/{where.cluster}"
        return Unknown(
            self.unplaced
            or f"nothing says which account, Region and cluster '{self.path}' is for; say so under 'iac:' in "
            "regionproof.yaml"
        )

    def _namespace(self, one: Object) -> Any:
        if one.metadata.get("namespace") is not None:
            return _named(one.metadata["namespace"], "namespace")
        name = one.named("name") or one.kind
        missing = f"nothing says the namespace of '{name}'; say so under 'iac:' in regionproof.yaml"
        return self.where.namespace or Unknown(missing)

    def _name(self, one: Object, kind: Kind) -> Any:
        if one.kind != kind.name:
            return Unknown(f"the pods that a {one.kind} makes have names of their own")
        written = one.metadata.get("name")
        return Unknown("its name is chosen when it is made") if written is None else _named(written, "name")

    def _of_pods(self, one: Object) -> dict[str, Any]:
        try:
            kept = _kept(one)
            secrets = kept.pop("imagePullSecrets", None)
            made = of_pods(guard(kept))
            if secrets is not None:  # each of the names may not be known
                names = [_mapping(each).get("name") for each in secrets] if isinstance(secrets, list) else []
                made["ImagePullSecrets"] = [{"Name": name} for name in names] if names else secrets
            spec = _mapping(one.pod_spec())
            account = spec.get("serviceAccountName")
            account = spec.get("serviceAccount") if account in (None, "") else account  # its older name
            return made | ({} if account is None else {"ServiceAccountName": _named(account, "serviceAccountName")})
        except InsufficientData as gap:
            return {"ServiceAccountName": Unknown(str(gap)), "ImagePullSecrets": Unknown(str(gap))}

    def _images(self, one: Object) -> tuple[Any, dict[str, Location]]:
        """Return the images of the pods, with where each is written."""
        try:
            images = declared(_kept(one))
        except InsufficientData as gap:
            return Unknown(str(gap)), {}
        places = [one.locate(at) for at in _pointers(one)]
        locations: dict[str, Location] = {}
        for number, place in enumerate(places[: len(images)]):
            locations[f"/ContainerImages/{number}"] = locations[f"/ContainerImages/{number}/Image"] = place
        return images, locations


def _named(value: Any, what: str) -> Any:
    """Return a name, `Unknown` for what something has yet to be put in for."""
    if isinstance(value, Unknown) or (isinstance(value, str) and _NAME.fullmatch(value)):
        return value
    return Unknown(f"its {what} is none that Kubernetes takes")


def _settings(one: Object, kind: Kind) -> dict[str, Any]:
    member = {"ServiceAccount": "RoleArn", "ExternalSecret": "RemoteRefs"}.get(kind.name, "Aws")
    try:
        made = settings(kind, guard(reduced(kind, one.value)))
    except InsufficientData as gap:
        return {member: Unknown(str(gap))}
    annotations = one.metadata.get("annotations")
    if one.doubt:
        return {member: Unknown(one.doubt)}
    if made.get("RoleArn", "") is None and isinstance(annotations, dict) and annotations.get(ROLE) is not None:
        return {member: Unknown("the role that it names is no ARN")}
    return made


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _kept(one: Object) -> dict[str, Any]:
    """Return what is kept of the specification of the pods; raise `InsufficientData` where that is not known."""
    spec = one.pod_spec()
    if one.doubt:
        raise InsufficientData(one.doubt)
    if isinstance(spec, Unknown):
        raise InsufficientData(spec.reason)
    pod: dict[str, Any] = reduced(KINDS["Pod"], {"spec": _mapping(spec)}).get("spec", {})
    return pod


def _pointers(one: Object) -> Iterator[str]:
    """Yield the JSON Pointers of the images, in the order in which `declared` gives them."""
    spec = _mapping(one.pod_spec())
    for group in POD_LISTS:
        listed = spec.get(group) or ([{}] if group == "containers" else [])
        for number in range(len(listed) if isinstance(listed, list) else 1):
            yield f"{one.pods}/{group}/{number}/image"
    volumes = spec.get("volumes")
    for number, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        if isinstance(volume, dict) and volume.get("image") is not None:
            yield f"{one.pods}/volumes/{number}/image/reference"


def _written(one: Object) -> dict[str, Location]:
    """Return where the properties that are no lists are written, and the whole."""
    sources = {
        "": "",
        "/ContainerImages": f"{one.pods}/containers",
        "/Name": "/metadata/name",
        "/Namespace": "/metadata/namespace",
        "/Replicas": "/spec/replicas",
        "/ServiceAccountName": f"{one.pods}/serviceAccountName",
        "/ImagePullSecrets": f"{one.pods}/imagePullSecrets",
    }
    return {to: one.locate(at) for to, at in sources.items() if to == "" or at in one.locations}


def _replicas(one: Object, kind: Kind) -> Any:
    spec = _mapping(one.value.get("spec"))
    if one.doubt:
        return Unknown(one.doubt)
    if kind.name == "DaemonSet":
        return Unknown("its nodes say how many pods a DaemonSet has")
    if kind.name == "Job":
        suspended = spec.get("suspend")
        if suspended is not None and not isinstance(suspended, (bool, Unknown)):
            return Unknown("'suspend' is neither true nor false")
        return suspended if isinstance(suspended, Unknown) else 0 if suspended else spec.get("parallelism", 1)
    return spec.get("replicas", Unknown("no number of replicas is declared, so an autoscaler may choose it"))


def _type(kind: Kind) -> str:
    return f"Kubernetes::{kind.name}"


def _is_owned(one: Object) -> bool:
    owners = one.metadata.get("ownerReferences")
    return isinstance(owners, list) and any(
        isinstance(each, dict) and each.get("controller") is True for each in owners
    )


def is_local(one: Object) -> bool:
    """Tell whether Kustomize only works with an object, and leaves it out of what is applied."""
    annotations = one.metadata.get("annotations")
    return isinstance(annotations, dict) and annotations.get(_LOCAL) == "true"


def _is_test(one: Object) -> bool:
    """Tell whether Helm applies an object only when somebody asks for a test."""
    annotations = one.metadata.get("annotations")
    hook = annotations.get("helm.sh/hook") if isinstance(annotations, dict) else None
    return isinstance(hook, str) and {each.strip() for each in hook.split(",")} <= _TEST_HOOKS


def _paths(value: Any) -> Iterator[str]:
    """Yield the folders that an object for a controller names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _paths(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("path", "chart") and isinstance(each, str):
                yield each
            elif isinstance(each, (dict, list)):
                yield from _paths(each)
