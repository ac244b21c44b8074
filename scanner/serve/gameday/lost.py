"""What fails, and what is left out of answers, when something is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scanner.loss import Loss
from scanner.model import Place
from scanner.serve.models import Catalogue, Service
from scanner.serve.query import Query, Refused, cluster_name

_GONE = {
    "ecs": ("ClusterNotFoundException", 400),
    "eks": ("ResourceNotFoundException", 404),
    "ecr": ("RepositoryNotFoundException", 400),
}


class Lost:
    """The losses of a game day, as requests meet them."""

    def __init__(self, losses: Sequence[Loss], catalogue: Catalogue) -> None:
        self.losses, self._catalogue = tuple(losses), catalogue

    def refuse_place(self, place: Place, service: Service | None, partition: str) -> None:
        """Raise what a request for a service meets in a place: 503 where a Region is lost, 403 in a lost account.

        A service that a partition has but once (IAM, Organizations, Route 53, ...) is lost with the Region that
        controls it, from wherever it is asked; what it did before goes on, such as roles that containers have.
        """
        home = self._catalogue.home(service, partition) if service else None
        for loss in self.losses:
            if loss.kind == "account" and loss.account == place.account:
                raise denied(loss)
            if loss.kind == "region" and loss.region == (home or place.region):
                raise unreachable(loss, f"{service.name} is controlled from there" if home and service else "")

    def refuse(self, query: Query) -> None:
        """Raise what a question about something lost meets."""
        if query.service == "ecr":
            self._refuse_registry(query)
        if query.service == "sts" and query.operation == "AssumeRole":
            account = f"{query.parameters['RoleArn']}:::::".split(":")[4]
            for loss in self.losses:
                if loss.kind == "account" and loss.account == account:
                    raise denied(loss, "AccessDenied")
        if query.service in ("ecs", "eks"):
            for name in _clusters(query):
                for loss in self.losses:
                    if loss.kind == "cluster" and loss.takes_cluster(query.service, *query.place, name):
                        raise gone(query.service, loss)

    def _refuse_registry(self, query: Query) -> None:
        account = query.parameters.get("registryId") or query.place.account
        named = [query.parameters.get("repositoryName"), *(query.parameters.get("repositoryNames") or ())]
        for loss in self.losses:
            if loss.kind == "registry" and loss.takes_repository(account, query.place.region, ""):
                raise unreachable(loss)
            if loss.kind == "account" and loss.account == account:
                raise denied(loss)
            if any(name and loss.takes_repository(account, query.place.region, name) for name in named):
                raise gone("ecr", loss)

    def left_out(self, query: Query, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer without the clusters and repositories that are lost."""
        key = (query.service, query.operation)
        if key not in _LISTS:
            return answer
        member, name = _LISTS[key]
        kept = [item for item in answer.get(member) or () if not self._took(query, name(item))]
        lost = [item for item in answer.get(member) or () if self._took(query, name(item))]
        if not lost:
            return answer
        answer = {**answer, member: kept}
        if query.operation == "DescribeClusters":
            missing = [{"arn": item["clusterArn"], "reason": "MISSING"} for item in lost]
            answer["failures"] = [*(answer.get("failures") or ()), *missing]
        return answer

    def _took(self, query: Query, name: str) -> bool:
        if query.service == "ecr":
            return any(loss.takes_repository(*query.place, name) for loss in self.losses)
        return any(loss.takes_cluster(query.service, *query.place, name) for loss in self.losses)

    def repository(self, account: str, region: str, name: str) -> Loss | None:
        """Return what a repository, and with it its images, is lost with, None if it is not."""
        return next((loss for loss in self.losses if loss.takes_repository(account, region, name)), None)


def unreachable(loss: Loss, why: str = "") -> Refused:
    """Return what every call to a lost Region or registry ends in; SDKs try it again, as they would."""
    return Refused("ServiceUnavailable", f"{loss} is lost (game day){f'; {why}' if why else ''}", 503)


def denied(loss: Loss, code: str = "AccessDeniedException") -> Refused:
    """Return what every call in a lost account ends in."""
    return Refused(code, f"{loss} is lost (game day)", 403)


def gone(service: str, loss: Loss) -> Refused:
    """Return what a call about something that is gone ends in."""
    code, status = _GONE[service]
    return Refused(code, f"{loss} is lost (game day)", status)


_LISTS: Mapping[tuple[str, str], tuple[str, Callable[[Any], str]]] = {
    ("ecr", "DescribeRepositories"): ("repositories", lambda item: str(item.get("repositoryName"))),
    ("ecs", "ListClusters"): ("clusterArns", lambda item: str(item).rpartition("/")[2]),
    ("ecs", "DescribeClusters"): ("clusters", lambda item: str(item.get("clusterName"))),
    ("eks", "ListClusters"): ("clusters", str),
}
"""Operations that list what may be lost: the list in the answer, and how its items are named."""


def _clusters(query: Query) -> Iterator[str]:
    """Yield the cluster that a question is about."""
    if query.service == "eks":
        own = query.operation in ("DescribeCluster", "UpdateClusterConfig", "UpdateClusterVersion", "DeleteCluster")
        name = query.parameters.get("clusterName") or (query.parameters.get("name") if own else None)
    else:
        name = cluster_name(query.place, query.parameters.get("cluster"))
    if isinstance(name, str):
        yield name
