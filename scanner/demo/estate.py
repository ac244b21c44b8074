"""The demo estate as a recording: what AWS would answer about an invented company."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from scanner.collectors import COLLECTORS
from scanner.demo import eks, iam, kubernetes, operations, registry, surroundings, workloads
from scanner.demo.words import Recorder, place
from scanner.images import Listing, RepositoryKey
from scanner.recorded import Call, Target

ROLE = "RegionproofReadOnly"


@dataclass(frozen=True)
class Estate:
    """A recording that was never collected; `scanner.serve` serves it like a snapshot.  `at` is when it is told of.

    `clusters` are what kubectl prints of its EKS clusters, by their ARNs.
    """

    at: datetime
    targets: tuple[Target, ...]
    clusters: Mapping[str, Mapping[str, Any]]
    _calls: tuple[Call, ...]
    _images: Mapping[RepositoryKey, Listing]

    def calls(self) -> tuple[Call, ...]:
        """Return every answer."""
        return self._calls

    def images(self) -> Mapping[RepositoryKey, Listing]:
        """Return the images of every repository."""
        return self._images


def estate() -> Estate:
    """Return the demo estate of `estate.yaml`; the same one each time."""
    import yaml

    return tell(yaml.safe_load((files("scanner.demo") / "estate.yaml").read_text(encoding="utf-8")))


def tell(described: Mapping[str, Any]) -> Estate:
    """Return the estate that is described in the words of `estate.yaml`."""
    registries = registry.Registries(described["places"])
    at = described["at"].astimezone(UTC)
    calls: list[Call] = []
    images: dict[RepositoryKey, Listing] = {}
    clusters: dict[str, dict[str, Any]] = {}
    for name, contents in described["places"].items():
        recorder = Recorder(place(name), at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        answered = _calls(recorder, contents, registries)
        calls += [*answered, *iam.calls(recorder, answered, described, contents.get("eks", {}))]
        clusters.update(kubernetes.clusters(recorder, contents.get("eks", {}), registries))
        for repository in registries.repositories(recorder.place):
            images[RepositoryKey.of(recorder.place, repository)] = registries.listing(recorder.place, repository)
    return Estate(at, _targets(described["places"]), clusters, tuple(calls), images)


def _calls(recorder: Recorder, contents: Mapping[str, Any], registries: registry.Registries) -> list[Call]:
    return [
        *registry.calls(recorder, contents, registries),
        *workloads.ecs_calls(recorder, contents.get("ecs", {}), registries),
        *eks.calls(recorder, contents.get("eks", {})),
        *operations.calls(recorder, contents, registries),
        *surroundings.calls(recorder, contents),
    ]


def _targets(places: Mapping[str, Any]) -> tuple[Target, ...]:
    """Return the targets; the run begins in the first account, and enters others by a role."""
    home = place(next(iter(places))).account
    found = sorted(place(name) for name in places)
    return tuple(
        Target(
            str(account),
            region,
            "aws",
            None if account == home else f"arn:aws:iam::{account}:role/{ROLE}",
            tuple(sorted(COLLECTORS)),
        )
        for account, region in found
    )
