"""The size of the estate that the load server pretends to hold, and the fewest requests that show all of it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1")
_FIRST_ACCOUNT = 111122220000
FIXED = {
    "ecr:DescribeRegistry": 1,
    "ecr:GetRegistryPolicy": 1,
    "ecr:GetRegistryScanningConfiguration": 1,
    "ecr:DescribeRepositoryCreationTemplates": 1,
    "ecr:DescribePullThroughCacheRules": 1,
    "ecr:GetAccountSetting": 3,
    "ecr:GetSigningConfiguration": 1,
    "ecr:ListPullTimeUpdateExclusions": 1,
    "ecr:ListReplicationBackfills": 1,
}
"""How often each call about a registry is needed."""


@dataclass(frozen=True)
class Estate:
    """What every account holds in every Region, and what is wrong with some accounts.

    `images` are per repository; `services` and `tasks` (of no service) are per ECS cluster; `definitions` are the
    distinct task definitions of a cluster; `nodegroups` and `functions` are per EKS cluster and per Region.  The
    account `giant` (a number, counted from 0) has ten times the repositories.  One account in `denied` cannot be
    entered, one in `opted_out` has not opted in to the last Region, one in `throttled` never gets an answer to
    ecs:DescribeClusters, and one in `forbidden` may not ask secretsmanager:ListSecrets; 0 means none.  The first
    account, whose credentials the run begins with, is none of them.
    """

    accounts: int = 1
    repositories: int = 10
    images: int = 1000
    clusters: int = 1
    services: int = 5
    tasks: int = 2
    definitions: int = 3
    eks_clusters: int = 1
    nodegroups: int = 1
    functions: int = 5
    giant: int = -1
    denied: int = 0
    opted_out: int = 0
    throttled: int = 0
    forbidden: int = 0

    @classmethod
    def add_options(cls, parser: ArgumentParser) -> None:
        """Add one option for each field."""
        for field in fields(cls):
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)

    @classmethod
    def of(cls, options: Namespace) -> Estate:
        """Return the estate that options describe."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})

    def options(self) -> list[str]:
        """Return the options that describe this estate."""
        return [f"--{name.replace('_', '-')}={value}" for name, value in asdict(self).items()]

    @property
    def account_ids(self) -> tuple[str, ...]:
        """Return the ids of all accounts."""
        return tuple(account_id(number) for number in range(self.accounts))

    def repositories_of(self, number: int) -> int:
        """Return how many repositories account `number` has in each Region."""
        return self.repositories * (10 if number == self.giant else 1)

    def is_denied(self, number: int) -> bool:
        """Tell whether nobody may enter the account."""
        return self.denied > 0 and number % self.denied == self.denied - 1

    def is_throttled(self, number: int) -> bool:
        """Tell whether some calls of the account are always throttled."""
        return self.throttled > 0 and number % self.throttled == self.throttled - 1

    def is_forbidden(self, number: int) -> bool:
        """Tell whether the account's role may not ask one of the operations."""
        return self.forbidden > 0 and number % self.forbidden == self.forbidden - 1

    def is_opted_out(self, number: int, region: str, regions: Sequence[str] = REGIONS[:3]) -> bool:
        """Tell whether the account has not opted in to the Region."""
        return self.opted_out > 0 and number % self.opted_out == self.opted_out - 1 and region == regions[-1]


def account_id(number: int) -> str:
    """Return the id of account `number`."""
    return str(_FIRST_ACCOUNT + number)


def account_number(id: str) -> int:
    """Return which account an id belongs to."""
    return int(id) - _FIRST_ACCOUNT


def pages(items: int, size: int) -> int:
    """Return how many pages or batches of `size` hold `items`."""
    return -(-items // size)


def floor(estate: Estate, targets: int, asked: Mapping[str, int]) -> dict[str, int]:
    """Return the fewest requests of each operation that show an estate of `targets` alike; none for what is not known.

    Of the calls about a registry, only those that were `asked` are counted: the floor is that of the same facts.
    Lists hold at least one page.
    """
    repositories, services = estate.repositories, estate.clusters * estate.services
    each = {operation: count for operation, count in FIXED.items() if operation in asked}
    each |= {
        "ecr:DescribeRepositories": max(1, pages(repositories, 1000)),
        "ecr:GetRepositoryPolicy": repositories,
        "ecr:GetLifecyclePolicy": repositories,
        "ecr:DescribeImages": repositories * max(1, pages(estate.images, 1000)),
        "ecs:ListClusters": max(1, pages(estate.clusters, 100)),
        "ecs:DescribeClusters": pages(estate.clusters, 100),
        "ecs:ListServices": estate.clusters * max(1, pages(estate.services, 100)),
        "ecs:DescribeServices": estate.clusters * pages(estate.services, 10),
        "ecs:DescribeServiceRevisions": pages(services, 20),
        "ecs:ListTasks": estate.clusters * max(1, pages(estate.tasks, 100)),
        "ecs:DescribeTasks": estate.clusters * pages(estate.tasks, 100),
        "ecs:DescribeTaskDefinition": estate.clusters * min(estate.definitions, estate.services + estate.tasks),
        "ecs:ListTaskDefinitionFamilies": 1,
        "eks:ListClusters": 1,
        "eks:DescribeCluster": estate.eks_clusters,
        "eks:ListNodegroups": estate.eks_clusters,
        "eks:DescribeNodegroup": estate.eks_clusters * estate.nodegroups,
        "eks:ListAddons": estate.eks_clusters,
        "eks:ListFargateProfiles": estate.eks_clusters,
        "eks:ListPodIdentityAssociations": estate.eks_clusters,
        "eks:DescribePodIdentityAssociation": estate.eks_clusters,
        "eks:DescribeClusterVersions": 1 if estate.eks_clusters else 0,
    }
    services_asked = {operation.partition(":")[0] for operation in asked}
    counts = {
        operation: count * targets
        for operation, count in each.items()
        if count and operation.partition(":")[0] in services_asked
    }
    counts["sts:GetCallerIdentity"] = 1
    if estate.accounts > 1:
        counts["sts:AssumeRole"] = estate.accounts - 1
    return counts
