"""Whether two workloads run, or would run, one release: the same containers, each of the same image.

A release is compared apart from its registry, since each Region pulls from its own.  Reading something here that
nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scanner.model import InsufficientData, Model, Resource, Twin
from scanner.references import Reference
from scanner.workloads import digest_of, reference_of

Containers = Mapping[str, Sequence[Mapping[str, Any]]]
"""Container name to the images it runs, of which there are two while a deployment is under way."""


_RUNNING = ("warm-standby", "active-active")


def counterpart(twin: Twin, model: Model) -> Resource | None:
    """Return what the standby has of a workload: what is in its cluster, else what scanned code would put there.

    Code does not count where a class of pair asks for what runs.  None if it is known that there is neither; raises
    `InsufficientData` if some of it was not seen.
    """
    primary, standby = twin.primary, twin.standby
    if standby is not None or twin.pair.dr_class in _RUNNING or not model.has_code or primary.name is None:
        return standby
    found = (model.declared(primary.type, name, twin.pair.standby) for name in twin.names(primary.type, primary.name))
    return next((one for one in found if one is not None), None)


def by_name(images: Sequence[Mapping[str, Any]]) -> Containers:
    """Return the items of a `ContainerImages` property by the name of their container."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for image in images:
        found.setdefault(image["ContainerName"] or "", []).append(image)
    return found


def differences(here: Containers, there: Containers, model: Model) -> Iterator[str | InsufficientData]:
    """Yield in what the standby's containers (`there`) differ, as clauses, and what could not be compared."""
    for name in sorted(here.keys() - there.keys()):
        yield f"only the primary has container '{name}'"
    for name in sorted(there.keys() - here.keys()):
        yield f"only the standby has container '{name}'"
    for name in sorted(here.keys() & there.keys()):
        try:
            image, other = _image_of(name, here[name]), _image_of(name, there[name])
            if not _same(image, other, model):
                yield f"container '{name}' is {_shown(*image)} in the primary and {_shown(*other)} in the standby"
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            yield InsufficientData(f"the images of container '{name}' could not be compared: {reason}")


def _image_of(name: str, found: Sequence[Mapping[str, Any]]) -> tuple[Reference, str | None]:
    """Return a container's only image and its digest, None if nothing says which it is."""
    if len(found) > 1:
        raise InsufficientData(f"container '{name}' runs more than one image, so a deployment is under way")
    reference = reference_of(found[0]["Image"])
    return reference, (found[0]["ImageDigest"] if reference.is_ecr else None) or reference.digest


def _shown(reference: Reference, digest: str | None) -> str:
    return f"'{reference}'" if not digest or reference.digest else f"'{reference}' ('{digest[:19]}')"


def _neutral(reference: Reference) -> str:
    """Return a repository's name with marks for its own account and Region, which CDK's assets carry in it."""
    name = reference.repository
    for part in filter(None, (reference.account, reference.region)):
        name = name.replace(part, "*")
    return name


def _same(image: tuple[Reference, str | None], other: tuple[Reference, str | None], model: Model) -> bool:
    """Tell whether two images are one release: the same digest, or, where one has none yet, the same tag.

    Whether a tag means the same image in both Regions is for repository-tag-divergence to say.
    """
    (reference, digest), (other_reference, other_digest) = image, other
    if _neutral(reference) != _neutral(other_reference):
        return False
    if digest and other_digest:
        return digest == other_digest
    if reference.tag and reference.tag == other_reference.tag:
        return True
    return digest_of(model, reference, digest) == digest_of(model, other_reference, other_digest)
