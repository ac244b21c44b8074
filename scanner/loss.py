"""What a drill takes away: a Region, an account, a registry, a cluster or a repository.

Nothing here asks AWS, and nothing here judges: a loss only says what goes with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scanner.errors import UsageError
from scanner.regions import is_name, partition_by_name

FORMS = (
    "us-east-1",
    "account:111122223333",
    "registry:111122223333/us-east-1",
    "cluster:arn:aws:ecs:us-east-1:111122223333:cluster/payments",
    "repository:arn:aws:ecr:us-east-1:111122223333:repository/prod/payments",
)
"""One example of each form that a loss is written in."""

_ACCOUNT = re.compile(r"[0-9]{12}")
_ARN = re.compile(r"arn:[a-z-]+:([a-z]+):([a-z0-9-]+):([0-9]{12}):([a-z]+)/([^\s:]+)")
_GLOBAL = ("AWS::IAM::",)
"""How the types begin of what works on in every Region, wherever it was seen."""
_OUTSIDE = frozenset({"AWS::ECS::TaskDefinition", "AWS::EKS::ClusterVersion"})
"""What ECS and EKS keep outside of clusters."""


@dataclass(frozen=True)
class Loss:
    """Something that is lost.

    `kind` is region, account, registry, cluster or repository.  `account`, `region` and `name` (of a cluster or a
    repository) are None where the kind has none; `service` is that of a cluster: ecs or eks.
    """

    kind: str
    account: str | None = None
    region: str | None = None
    name: str | None = None
    service: str | None = None

    @classmethod
    def parse(cls, text: str) -> Loss:
        """Return the loss that a text such as those of `FORMS` means; raise `UsageError` if it means none."""
        if is_name(text):
            return cls("region", region=text)
        kind, _, rest = text.partition(":")
        found = _READERS[kind](cls, rest) if kind in _READERS else None
        if found is None:
            raise UsageError(f"'{text}' is nothing that can be lost", f"Possible are {', '.join(FORMS)}.")
        return found

    def takes(self, type: str, id: str, name: str | None, account: str | None, region: str | None) -> bool:
        """Tell whether a resource of the model is lost: its type, id, name and place are as in `Resource`.

        What nothing says the place of is not taken, nor what works on in every Region (IAM).
        """
        if self.kind == "region":
            return region == self.region and not type.startswith(_GLOBAL)
        if self.kind == "account":
            return account == self.account
        if (account, region) != (self.account, self.region):
            return False
        if self.kind == "registry":
            return type.startswith("AWS::ECR::")
        if self.kind == "repository":
            return self._is_of_repository(type, name)
        return self._is_in_cluster(type, id, name)

    def takes_place(self, account: str | None, region: str | None) -> bool:
        """Tell whether all of an account and Region is lost."""
        return (self.kind == "region" and region == self.region) or (self.kind == "account" and account == self.account)

    def takes_repository(self, account: str | None, region: str | None, name: str) -> bool:
        """Tell whether a repository, and with it its images, is lost."""
        return self.takes("AWS::ECR::Repository", "", name, account, region)

    def takes_cluster(self, service: str, account: str | None, region: str | None, name: str) -> bool:
        """Tell whether a cluster of a service (ecs, eks) is lost."""
        return self.takes(f"AWS::{service.upper()}::Cluster", "", name, account, region)

    def _is_of_repository(self, type: str, name: str | None) -> bool:
        """Tell whether a name is that of the repository, or begins with it as those of its images do."""
        if type == "AWS::ECR::Repository":
            return name == self.name
        return type == "AWS::ECR::ImageManifest" and name is not None and name.rpartition("/")[0] == self.name

    def _is_in_cluster(self, type: str, id: str, name: str | None) -> bool:
        mine = ("AWS::ECS::",) if self.service == "ecs" else ("AWS::EKS::", "Kubernetes::")
        if not type.startswith(mine) or type in _OUTSIDE:
            return False
        if type == "AWS::ECS::Task":  # its name is that of its group
            return f":task/{self.name}/" in id
        return name is not None and name.partition("/")[0] == self.name

    def __str__(self) -> str:
        """Return it in the form that `parse` reads."""
        if self.kind == "region":
            return str(self.region)
        if self.kind == "account":
            return f"account:{self.account}"
        if self.kind == "registry":
            return f"registry:{self.account}/{self.region}"
        partition, service = partition_by_name(str(self.region))[0], self.service or "ecr"
        return f"{self.kind}:arn:{partition}:{service}:{self.region}:{self.account}:{self.kind}/{self.name}"


def _account(cls: type[Loss], rest: str) -> Loss | None:
    return cls("account", account=rest) if _ACCOUNT.fullmatch(rest) else None


def _registry(cls: type[Loss], rest: str) -> Loss | None:
    account, _, region = rest.partition("/")
    if not _ACCOUNT.fullmatch(account) or not is_name(region):
        return None
    return cls("registry", account=account, region=region)


def _cluster(cls: type[Loss], rest: str) -> Loss | None:
    match = _ARN.fullmatch(rest)
    if match is None or match[1] not in ("ecs", "eks") or match[4] != "cluster" or "/" in match[5]:
        return None
    return cls("cluster", match[3], match[2], match[5], match[1]) if is_name(match[2]) else None


def _repository(cls: type[Loss], rest: str) -> Loss | None:
    match = _ARN.fullmatch(rest)
    if match is None or match[1] != "ecr" or match[4] != "repository" or not is_name(match[2]):
        return None
    return cls("repository", match[3], match[2], match[5])


_READERS = {"account": _account, "registry": _registry, "cluster": _cluster, "repository": _repository}
