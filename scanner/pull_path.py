"""The way from a workload to the copy of its image in the standby, told for each failure that lies on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from scanner.finding import Finding, Status, Step
from scanner.images import RepositoryKey
from scanner.model import InsufficientData, Model, Pair, Place, Resource
from scanner.regions import partition_by_name
from scanner.workloads import (
    TASK_DEFINITION,
    WORKLOADS,
    Container,
    Replica,
    containers,
    definition_of,
    digest_of,
    find_image,
    repository_there,
)

_CONTAINER = re.compile(r"/(?:ContainerImages|ContainerDefinitions)/(\d+)(?:/Image(?:Digest)?)?|/Code/ImageUri")
_REPOSITORY = "AWS::ECR::Repository"


def with_paths(findings: Iterable[Finding], model: Model) -> Iterator[Finding]:
    """Give each failure about the image of a container its `path`; the others stay as they are."""
    services: dict[str, Resource] | None = None
    for finding in findings:
        at = _CONTAINER.fullmatch(finding.pointer)
        if finding.status is not Status.FAIL or not at or finding.resource.type not in (*WORKLOADS, TASK_DEFINITION):
            yield finding
            continue
        if services is None:
            services = _services(model, Place(finding.resource.account, finding.resource.region or ""))
        path: tuple[Step, ...] = ()
        with suppress(InsufficientData, IndexError):  # then which image it is was not seen
            path = tuple(_path(finding, int(at[1] or 0), model, services))
        yield replace(finding, path=path) if path else finding


def _services(model: Model, place: Place) -> dict[str, Resource]:
    """Return the first service that starts each task definition, by the definition's id."""
    found: dict[str, Resource] = {}
    for service in model.connected("AWS::ECS::Service", place):
        with suppress(InsufficientData):
            if isinstance(id := service["TaskDefinition"], str):
                found.setdefault(id, service)
    return found


def _path(finding: Finding, number: int, model: Model, services: dict[str, Resource]) -> Iterator[Step]:
    resource = finding.resource
    container = containers(resource)[number]
    source = container.reference.key
    if source is None:
        raise InsufficientData(f"'{container.reference}' is in no private ECR registry")
    yield from _to_definition(finding, model, services)
    image = container.reference.digest or container.reference.tag or ""
    exists = None
    with suppress(InsufficientData):
        image = digest_of(model, container.reference, container.digest)
        exists = find_image(model, source, image) is not None
    yield _repository("image", source, image, exists, model)
    with suppress(InsufficientData):
        yield _replica(_there(finding, container, number, model), image, model)


def _replica(there: RepositoryKey, image: str, model: Model) -> Step:
    exists = None
    with suppress(InsufficientData):
        exists = find_image(model, there, image) is not None if image.startswith("sha256:") else None
    return _repository("replica", there, image, exists, model)


def _to_definition(finding: Finding, model: Model, services: dict[str, Resource]) -> Iterator[Step]:
    resource = finding.resource
    if resource.type == TASK_DEFINITION:
        if resource.id in services:
            yield _step("workload", services[resource.id], "/TaskDefinition")
        yield _step("definition", resource, finding.pointer)
        return
    yield _step("workload", resource, finding.pointer)
    with suppress(InsufficientData):
        definition = definition_of(resource, model)
        if definition is not resource:
            yield _step("definition", definition, "/ContainerDefinitions")


def _there(finding: Finding, container: Container, number: int, model: Model) -> RepositoryKey:
    pair = _pair(finding, model)
    if container.pointer.startswith("/ContainerImages/"):
        replica = Replica(model, pair, finding.resource["ContainerImages"], number)
        with suppress(InsufficientData):
            return replica.repository
    return repository_there(model, container.reference, pair)


def _pair(finding: Finding, model: Model) -> Pair:
    """Return the pair that a finding is about; one that compares with no standby is about the only one there is."""
    there = finding.counterpart
    pairs = [
        pair
        for pair in model.pairs_of(finding.resource.place)
        if there is None or pair.standby == (there.account, there.region)
    ]
    if len(pairs) != 1:
        raise InsufficientData("which standby it is about is not known")
    return pairs[0]


def _step(kind: str, resource: Resource, pointer: str) -> Step:
    where = resource.locate(pointer)
    return Step(kind, resource.type, resource.id, resource.name, resource.account, resource.region, where)


def _repository(kind: str, key: RepositoryKey, image: str, exists: bool | None, model: Model) -> Step:
    place = Place(key.account, key.region)
    declared = None
    with suppress(InsufficientData):
        declared = model.find(_REPOSITORY, key.name, place)
    if declared is not None:
        return replace(_step(kind, declared, ""), image=image, exists=exists)
    id = f"arn:{partition_by_name(key.region)[0]}:ecr:{key.region}:{key.account}:repository/{key.name}"
    return Step(kind, _REPOSITORY, id, key.name, key.account, key.region, None, image, exists)
