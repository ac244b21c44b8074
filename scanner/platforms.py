"""Which processor a workload runs on, and which processors an image is for.  Names are Go's: amd64, arm64."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scanner.images import RepositoryKey
from scanner.model import InsufficientData, Model, Place, Resource
from scanner.workloads import FUNCTION, definition_of

MANIFEST = "AWS::ECR::ImageManifest"
_PROCESSORS = {"X86_64": "amd64", "x86_64": "amd64", "ARM64": "arm64", "arm64": "arm64"}


def processor(workload: Resource, model: Model) -> str | None:
    """Return the processor that a workload, or a task definition, runs on, None where its nodes decide.

    Raises `InsufficientData` if what says so was not seen.
    """
    if workload.type == FUNCTION:
        (architecture,) = workload["Architectures"] or ("x86_64",)
        return _processor(architecture)
    if workload.type.startswith("Kubernetes::"):
        return None
    definition = definition_of(workload, model)
    architecture = (definition["RuntimePlatform"] or {}).get("CpuArchitecture")
    if architecture is None:
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html: Fargate's default
        return "amd64" if _on_fargate(workload, definition) else None
    return _processor(architecture)


def _processor(architecture: Any) -> str:
    if architecture not in _PROCESSORS:
        raise InsufficientData(f"the architecture '{architecture}' is not known here")
    return _PROCESSORS[architecture]


def node_processors(nodegroup: Resource) -> frozenset[str]:
    """Return the processors of the Linux nodes of a node group, none for one of Windows.

    The type of its image says it; where that is of your own, the instance types do.
    """
    ami = nodegroup["AmiType"] or ""
    if ami.startswith("WINDOWS"):
        return frozenset()
    for part, name in (("_ARM_64", "arm64"), ("_x86_64", "amd64")):
        if part in ami:
            return frozenset({name})
    types = nodegroup["InstanceTypes"] or ()
    if not types:
        raise InsufficientData(
            f"neither the type of its image ('{ami}') nor instance types tell what '{nodegroup.id}' is"
        )
    return frozenset(_instance_processor(type) for type in types)


# Graviton has a `g` behind the generation (m7g, c6gn, im4gn), the first one was a1; Grace is in p6e-gb200:
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_INSTANCE = re.compile(r"[a-z]+(?:-[a-z0-9]+)?[0-9]+(?P<options>[a-z]*)(?:-[a-z0-9]+)?\.[a-z0-9-]+")


def _instance_processor(type: str) -> str:
    match = _INSTANCE.fullmatch(type)
    if match is None or type.startswith("mac"):
        raise InsufficientData(f"which processor instances of '{type}' have is not known here")
    graviton = "g" in match["options"] or type.startswith("a1.")
    return "arm64" if graviton or "-gb" in type else "amd64"


def _on_fargate(workload: Resource, definition: Resource) -> bool:
    launched = workload["LaunchType"] if workload is not definition else None
    return (launched or definition["RequiresCompatibilities"]) in ("FARGATE", ["FARGATE"])


def platforms(model: Model, repository: RepositoryKey, digest: str, *others: RepositoryKey) -> Mapping[str, str]:
    """Return digest -> platform (`linux/arm64`) of what an image index names, attestations left out.

    The index is read in `repository`, else in one of the `others`: a digest means the same bytes everywhere.  Raises
    `InsufficientData` if nobody read it.
    """
    manifest = _manifest(model, (repository, *others), digest)
    found = {}
    for child in manifest["Manifests"] or ():
        platform = child["Platform"] or {}
        system, architecture = platform.get("Os"), platform.get("Architecture")
        if child["ReferenceType"] is None and architecture != "unknown":
            found[child["Digest"]] = f"{system}/{architecture}"
    return found


def _manifest(model: Model, repositories: tuple[RepositoryKey, ...], digest: str) -> Resource:
    why = f"the index '{digest}' was not read"
    for repository in repositories:
        place = Place(repository.account, repository.region)
        try:
            found = model.find(MANIFEST, f"{repository.name}/{digest}", place)
        except InsufficientData as gap:
            why = str(gap)
        else:
            if found is not None:
                return found
    raise InsufficientData(why)
