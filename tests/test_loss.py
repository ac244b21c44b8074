"""What a drill can take away, and what goes with it."""

from __future__ import annotations

import pytest

from scanner.errors import UsageError
from scanner.loss import FORMS, Loss

HOME, OTHER = "111122223333", "444455556666"
ECS = f"cluster:arn:aws:ecs:us-east-1:{HOME}:cluster/shop"
EKS = f"cluster:arn:aws-us-gov:eks:us-gov-west-1:{HOME}:cluster/shop"
REPOSITORY = f"repository:arn:aws:ecr:us-east-1:{HOME}:repository/prod/web"
TASK = f"arn:aws:ecs:us-east-1:{HOME}:task/shop/0123"


@pytest.mark.parametrize("text", [*FORMS, "us-gov-west-1", EKS, "registry:111122223333/cn-north-1"])
def test_a_loss_is_written_as_it_is_read(text):
    assert str(Loss.parse(text)) == text
    assert Loss.parse(str(Loss.parse(text))) == Loss.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "us-east", "US-EAST-1", "region:us-east-1", "account:", "account:1234", "account:aws", "planet:mars"),
        *("registry:111122223333", "registry:111122223333/east", "registry:us-east-1/111122223333", "cluster:shop"),
        "cluster:arn:aws:ecs:us-east-1:111122223333:service/shop/web",
        "cluster:arn:aws:ecs:us-east-1:111122223333:cluster/shop/web",
        "cluster:arn:aws:ecr:us-east-1:111122223333:cluster/shop",
        "cluster:arn:aws:ecs:east:111122223333:cluster/shop",
        "repository:arn:aws:ecr:us-east-1:111122223333:repository/",
        "repository:arn:aws:ecr:us-east-1:111122223333:repository/a:tag",
        "repository:arn:aws:ecs:us-east-1:111122223333:repository/a",
        "repository:prod/web",
    ],
)
def test_what_cannot_be_lost_is_a_usage_error_that_shows_what_can(text):
    with pytest.raises(UsageError, match="nothing that can be lost") as raised:
        Loss.parse(text)
    assert all(form in raised.value.hint for form in FORMS)


@pytest.mark.parametrize(
    ("loss", "type", "id", "name", "account", "region", "taken"),
    [
        ("us-east-1", "AWS::ECS::Service", "x", "shop/web", HOME, "us-east-1", True),
        ("us-east-1", "AWS::ECS::Service", "x", "shop/web", OTHER, "us-east-1", True),
        ("us-east-1", "AWS::ECS::Service", "x", "shop/web", HOME, "us-east-2", False),
        ("us-east-1", "AWS::ECS::Service", "x", "shop/web", HOME, None, False),  # nothing says where it is
        ("us-east-1", "AWS::IAM::Role", "x", "task", HOME, "us-east-1", False),  # seen there, and works on elsewhere
        (f"account:{HOME}", "AWS::IAM::Role", "x", "task", HOME, "us-east-1", True),
        (f"account:{HOME}", "AWS::ECS::Service", "x", "shop/web", OTHER, "us-east-1", False),
        (f"account:{HOME}", "AWS::ECS::Service", "x", "shop/web", None, "us-east-1", False),
        (f"registry:{HOME}/us-east-1", "AWS::ECR::Registry", "x", "registry", HOME, "us-east-1", True),
        (f"registry:{HOME}/us-east-1", "AWS::ECR::Repository", "x", "prod/web", HOME, "us-east-1", True),
        (f"registry:{HOME}/us-east-1", "AWS::ECR::ImageManifest", "x", "a/sha256:1", HOME, "us-east-1", True),
        (f"registry:{HOME}/us-east-1", "AWS::ECR::Repository", "x", "prod/web", HOME, "us-west-2", False),
        (f"registry:{HOME}/us-east-1", "AWS::ECR::Repository", "x", "prod/web", OTHER, "us-east-1", False),
        (f"registry:{HOME}/us-east-1", "AWS::ECS::Service", "x", "shop/web", HOME, "us-east-1", False),
        (ECS, "AWS::ECS::Cluster", "x", "shop", HOME, "us-east-1", True),
        (ECS, "AWS::ECS::Cluster", "x", "shop", HOME, "us-west-2", False),
        (ECS, "AWS::ECS::Service", "x", "shop/web", HOME, "us-east-1", True),
        (ECS, "AWS::ECS::Service", "x", "shop-2/web", HOME, "us-east-1", False),
        (ECS, "AWS::ECS::Service", "x", None, HOME, "us-east-1", False),
        (ECS, "AWS::ECS::Task", TASK, "service:web", HOME, "us-east-1", True),
        (ECS, "AWS::ECS::Task", TASK.replace("shop", "shop-2"), "shop", HOME, "us-east-1", False),
        (ECS, "AWS::ECS::TaskDefinition", "x", "shop", HOME, "us-east-1", False),
        (ECS, "AWS::EKS::Cluster", "x", "shop", HOME, "us-east-1", False),
        (ECS, "Kubernetes::Deployment", "x", "shop/a/web", HOME, "us-east-1", False),
        (EKS, "Kubernetes::Deployment", "x", "shop/a/web", HOME, "us-gov-west-1", True),
        (EKS, "AWS::EKS::Nodegroup", "x", "shop/general", HOME, "us-gov-west-1", True),
        (EKS, "AWS::EKS::ClusterVersion", "x", "shop", HOME, "us-gov-west-1", False),
        (EKS, "AWS::ECS::Cluster", "x", "shop", HOME, "us-gov-west-1", False),
        (REPOSITORY, "AWS::ECR::Repository", "x", "prod/web", HOME, "us-east-1", True),
        (REPOSITORY, "AWS::ECR::Repository", "x", "prod/web/next", HOME, "us-east-1", False),
        (REPOSITORY, "AWS::ECR::Repository", "x", "prod/web", HOME, "us-west-2", False),
        (REPOSITORY, "AWS::ECR::ImageManifest", "x", "prod/web/sha256:12", HOME, "us-east-1", True),
        (REPOSITORY, "AWS::ECR::ImageManifest", "x", "prod/web/next/sha256:12", HOME, "us-east-1", False),
        (REPOSITORY, "AWS::ECR::ImageManifest", "x", None, HOME, "us-east-1", False),
        (REPOSITORY, "AWS::ECR::Registry", "x", "registry", HOME, "us-east-1", False),
    ],
)
def test_a_loss_takes_what_is_in_it_and_nothing_else(loss, type, id, name, account, region, taken):
    assert Loss.parse(loss).takes(type, id, name, account, region) is taken


@pytest.mark.parametrize(
    ("loss", "taken"),
    [("us-east-1", True), ("us-west-2", False), (f"account:{HOME}", True), (f"account:{OTHER}", False), (ECS, False)],
)
def test_a_region_and_an_account_take_whole_places(loss, taken):
    assert Loss.parse(loss).takes_place(HOME, "us-east-1") is taken


def test_repositories_and_clusters_are_asked_for_by_their_names():
    assert Loss.parse(REPOSITORY).takes_repository(HOME, "us-east-1", "prod/web")
    assert Loss.parse("us-east-1").takes_repository(OTHER, "us-east-1", "any")
    assert not Loss.parse(REPOSITORY).takes_repository(HOME, "us-east-1", "prod/api")
    assert Loss.parse(ECS).takes_cluster("ecs", HOME, "us-east-1", "shop")
    assert not Loss.parse(ECS).takes_cluster("eks", HOME, "us-east-1", "shop")
