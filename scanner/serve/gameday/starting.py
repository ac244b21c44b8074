"""Whether a task starts: there is something to run it on, its images can be pulled, and the drill says nothing else.

Health is not tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scanner.outcome import LinkState
from scanner.serve.gameday.links import doubt_of, error_of
from scanner.serve.gameday.lost import Lost
from scanner.serve.gameday.pulling import pull
from scanner.serve.gameday.world import Launch, World

FARGATE = frozenset({"FARGATE", "FARGATE_SPOT"})
NO_INSTANCES = "No Container Instances were found in your cluster."


@dataclass(frozen=True)
class Outcome:
    """How a start ends: the digests that are pulled, by container; why it fails; why nobody can tell.

    `unplaced` if it fails before there is a task.
    """

    digests: Mapping[str, str | None] = field(default_factory=dict)
    error: str | None = None
    doubt: str | None = None
    unplaced: bool = False


def start(world: World, lost: Lost, launch: Launch, links: Sequence[LinkState]) -> Outcome:
    """Return how starting a task ends: what fails for certain comes before what nobody can tell.

    `links` are those of the drill for what is started, none if it stands in for nothing that is lost.
    """
    placed = placed_on(launch)
    if placed.error:
        return placed
    for source in _secrets(launch.definition):
        for loss in lost.losses:
            if source.count(":") >= 5 and loss.takes_place(source.split(":")[4], source.split(":")[3]):
                why = "ResourceInitializationError: unable to pull secrets or registry auth"
                return Outcome(error=f"{why}: {source}: {loss} is lost (game day)")
    digests: dict[str, str | None] = {}
    doubt = placed.doubt
    for container in launch.definition["containerDefinitions"]:
        pinned = launch.digests.get(container["name"]) if container.get("versionConsistency") != "disabled" else None
        pulled = pull(world, lost, str(container["image"]), pinned)
        if pulled.error:
            return Outcome(error=f"CannotPullContainerError: {pulled.error}")
        doubt = doubt or pulled.doubt
        digests[container["name"]] = pulled.digest
    if error := error_of(links):
        return Outcome(error=error)
    return Outcome(digests, doubt=doubt or doubt_of(links))


def on_instances(kind: Mapping[str, Any]) -> bool:
    """Tell whether a launch type or a strategy of capacity providers runs tasks on instances of the cluster."""
    providers = {one.get("capacityProvider") for one in kind.get("capacityProviderStrategy") or ()}
    return kind.get("launchType", "FARGATE") not in FARGATE or not providers <= FARGATE


def placed_on(launch: Launch) -> Outcome:
    """Return whether there is something to run a task on; how much room it has is not known, and not tried."""
    if not on_instances(launch.kind):
        return Outcome()
    if launch.instances is None:
        return Outcome(doubt="how many instances its cluster has was not seen")
    if launch.instances == 0 and launch.kind.get("capacityProviderStrategy"):
        return Outcome(doubt="its cluster has no instances, and whether its capacity provider starts some is not known")
    if launch.instances == 0:
        why = "unable to place a task because no container instance met all of its requirements"
        return Outcome(error=f"{why}. Reason: {NO_INSTANCES}", unplaced=True)
    return Outcome()


def _secrets(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the containers of a task definition take secrets from before they start."""
    for container in definition["containerDefinitions"]:
        log = container.get("logConfiguration") or {}
        for secret in (*(container.get("secrets") or ()), *(log.get("secretOptions") or ())):
            yield str(secret.get("valueFrom"))
        credentials = container.get("repositoryCredentials") or {}
        if "credentialsParameter" in credentials:
            yield str(credentials["credentialsParameter"])
