"""Answers that real accounts gave over eight years, and the SDK's own examples, become resources without a crash."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import botocore.session
import pytest

from scanner import collectors
from scanner.collectors import Answers, ecr
from scanner.model import Gap, Resource, Unknown, plain
from scanner.snapshot import Call, CallError, Target

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
SERVICES = {"api.ecr": "ecr", "ecs": "ecs", "eks": "eks"}
COLLECTORS = {service: collectors.COLLECTORS[service] for service in SERVICES.values()}
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recorded answers are not in this checkout")


def epoch(value):
    """Return an answer with its recorded times as AWS sends them: seconds since 1970."""
    if isinstance(value, list):
        return [epoch(item) for item in value]
    if isinstance(value, dict):
        if value.get("__class__") == "datetime":
            parts = [value[part] for part in ("year", "month", "day", "hour", "minute", "second", "microsecond")]
            return datetime(*parts, tzinfo=UTC).timestamp()
        return {key: epoch(item) for key, item in value.items() if key != "ResponseMetadata"}
    return value


DEPENDENT = {
    "cluster": "default", "clusters": [], "services": [], "tasks": [], "taskDefinition": "x", "serviceRevisionArns": [],
    "clusterName": "c", "name": "n", "nodegroupName": "g", "addonName": "a", "fargateProfileName": "p",
}  # fmt: skip
"""Parameters of calls that follow from earlier answers, where a test does not care."""


def recorded(
    scenario: str, region: str, parameters: dict[str, dict | None] | None = None, number: str = "1"
) -> dict[str, Answers]:
    """Return the answers of a scenario: of each operation the `number`th, and those that `parameters` names.

    `parameters` are those of calls that follow from earlier answers; None leaves a recording out.
    """
    account = "644160558196"
    target = Target(account, region, "aws", None, tuple(COLLECTORS))
    asks = {(service, ask.operation): ask for service, module in COLLECTORS.items() for ask in module.CALLS}
    calls = []
    for file in sorted((RECORDINGS / scenario).glob("*_*.json")):
        prefix, operation, order = re.fullmatch(r"(.+)\.(\w+)_(\d+)\.json", file.name).groups()
        ask = asks.get((SERVICES.get(prefix), operation))
        given = (parameters or {}).get(f"{operation}_{order}", {} if order == number else None)
        if ask is None or given is None:
            continue
        if not given and not ask.each(Answers(target, SERVICES[prefix], [])):
            given = DEPENDENT
        recording = json.loads(file.read_text())
        data = epoch(recording["data"])
        error = None
        if recording["status_code"] >= 300:
            error = CallError(data["Error"]["Code"], data["Error"]["Message"], recording["status_code"], 1)
        response = None if error else data
        at = "2026-11-20T08:00:00Z"
        merged = {**ask.parameters, **given}
        calls.append(Call(SERVICES[prefix], operation, merged, account, region, 0, response, error, None, at))
    return {service: Answers(target, service, calls) for service in COLLECTORS}


def resources(answers: Answers) -> dict[str, Resource]:
    found = COLLECTORS[answers.service].resources(answers)
    return {resource.type: resource for resource in found if isinstance(resource, Resource)}


def raw(resource: Resource) -> dict:
    return dict(resource.properties.raw())


CLUSTER = "arn:aws:ecs:us-east-1:644160558196:cluster/Default"


@needs_recordings
def test_a_service_of_2018_has_no_revisions_and_an_old_arn():
    service_arn = "arn:aws:ecs:us-east-1:644160558196:service/home-web"
    found = resources(
        recorded(
            "ecs_service",
            "us-east-1",
            {
                "DescribeClusters_1": {"clusters": [CLUSTER]},
                "ListServices_1": {"cluster": CLUSTER},
                "DescribeServices_1": {"cluster": CLUSTER, "services": [service_arn]},
            },
        )["ecs"]
    )
    service = found["AWS::ECS::Service"]
    assert (service.id, service.name) == (service_arn, "Default/home-web")
    assert (service["DesiredCount"], service["LaunchType"], service["PlatformVersion"]) == (2, "FARGATE", "LATEST")
    assert service["TaskDefinition"].endswith("task-definition/task-public-no-vpc:1")
    assert isinstance(raw(service)["ContainerImages"], Unknown)
    cluster = found["AWS::ECS::Cluster"]
    assert (cluster.id, cluster.name, cluster["Status"], cluster["ClusterSettings"]) == (
        CLUSTER,
        "Default",
        "ACTIVE",
        None,
    )


@needs_recordings
def test_a_task_of_2018_shows_no_image():
    arns = [f"arn:aws:ecs:us-east-1:644160558196:task/{n}" for n in ("5c937854-4075-4d9c-baa0-60f8f2b8f49b",)]
    found = resources(
        recorded(
            "ecs_task",
            "us-east-1",
            {"ListTasks_1": {"cluster": CLUSTER}, "DescribeTasks_1": {"cluster": CLUSTER, "tasks": arns}},
        )["ecs"]
    )
    task = found["AWS::ECS::Task"]
    assert task.name.startswith("family:")
    assert task["Cluster"] == CLUSTER
    (container,) = task["ContainerImages"]
    assert container["ContainerName"]
    assert "does not show" in dict(container.raw())["Image"].reason


@needs_recordings
def test_a_task_definition_of_2018():
    found = resources(
        recorded("ecs_task_def", "us-east-1", {"DescribeTaskDefinition_1": {"taskDefinition": "ecs-read-only-root:1"}})[
            "ecs"
        ]
    )
    definition = found["AWS::ECS::TaskDefinition"]
    assert definition.name == "ecs-read-only-root"
    (container,) = definition["ContainerDefinitions"]
    assert (container["Name"], container["Image"]) == ("Db", "redis:latest")
    assert container["LogConfiguration"]["Options"]["awslogs-region"] == "us-east-1"
    assert definition["RuntimePlatform"] is None


@needs_recordings
def test_images_of_2018_and_a_redacted_registry_id():
    answers = recorded("ecr_image_query", "us-east-1", {"DescribeImages_1": {"repositoryName": "c7n-test"}})["ecr"]
    repository = resources(answers)["AWS::ECR::Repository"]
    assert (repository.account, repository.region, repository.name) == ("644160558196", "us-east-1", "c7n-test")
    assert plain(repository["ImageScanningConfiguration"]) == {"ScanOnPush": True}
    (ask,) = [ask for ask in ecr.CALLS if ask.rows]
    (answer,) = answers.of(ask)
    page = ask.rows(json.dumps(answer.pages[0]).encode(), {"repositoryName": "c7n-test"})
    assert (page.token, page.problem, page.error) == (None, None, None)
    (image,) = page.items
    assert image.imageDigest == "sha256:1efe7a31d4efda630d96685b336815bb1c1b620416fbc0de3a61acf0f861d239"
    assert (image.imageTags, image.imageSizeInBytes, image.repositoryName) == (["latest"], 8106854, "c7n-test")
    assert image.imagePushedAt == datetime(2018, 10, 18, 12, 32, 40, tzinfo=UTC).timestamp()


@needs_recordings
@pytest.mark.parametrize(
    ("scenario", "operation", "name", "property", "others"),
    [
        (
            "ecr_no_policy",
            "GetRepositoryPolicy_1",
            "test-ecr-no-policy",
            "RepositoryPolicyText",
            {"DescribeRepositories_1": None, "DescribeRepositories_2": {}},
        ),
        ("ecr_lifecycle_update", "GetLifecyclePolicy_1", "c7n", "LifecyclePolicy", {}),
    ],
)
def test_a_real_400_that_says_there_is_none(scenario, operation, name, property, others):
    given = {operation: {"repositoryName": name}, **others}
    answers = recorded(scenario, "us-east-1", given)["ecr"]
    repositories = [r for r in ecr.resources(answers) if isinstance(r, Resource) and r.type == "AWS::ECR::Repository"]
    (repository,) = [r for r in repositories if r.name == name]
    assert repository[property] is None


@needs_recordings
def test_a_lifecycle_policy_that_was_never_evaluated():
    answers = recorded("ecr_lifecycle_update", "us-east-1", {"GetLifecyclePolicy_2": {"repositoryName": "c7n"}})["ecr"]
    repository = resources(answers)["AWS::ECR::Repository"]
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rules[0]["selection"]["countNumber"] == 14


@needs_recordings
def test_an_eks_cluster_of_2018():
    answers = recorded("eks_query", "us-east-1", {"DescribeCluster_1": {"name": "dev"}})["eks"]
    cluster = resources(answers)["AWS::EKS::Cluster"]
    assert (cluster.id, cluster.name, cluster["Version"]) == (
        "arn:aws:eks:us-east-1:644160558196:cluster/dev",
        "dev",
        "1.10",
    )
    assert cluster["ResourcesVpcConfig"]["VpcId"] == "vpc-d2d616b5"
    assert (cluster["Logging"], cluster["PlatformVersion"]) == (None, None)


@needs_recordings
def test_a_node_group_of_2021():
    given = {"clusterName": "example", "nodegroupName": "deleted-example"}
    answers = recorded("eks_nodegroup_delete", "eu-central-1", {"DescribeNodegroup_1": given})["eks"]
    nodegroup = resources(answers)["AWS::EKS::Nodegroup"]
    assert nodegroup.name == "example/deleted-example"
    assert (nodegroup["Version"], nodegroup["ReleaseVersion"]) == ("1.19", "1.19.6-20210526")
    assert plain(nodegroup["ScalingConfig"]) == {"MinSize": 1, "MaxSize": 1, "DesiredSize": 1}
    assert dict(nodegroup.tags) == {"ClusterName": "example", "Name": "deleted-example"}


@needs_recordings
@pytest.mark.parametrize("scenario", sorted(path.name for path in RECORDINGS.glob("*") if path.is_dir()))
@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_every_recording_is_read_without_a_crash(scenario, number):
    for service, answers in recorded(scenario, "us-east-1", number=number).items():
        for found in COLLECTORS[service].resources(answers):
            assert isinstance(found, (Resource, Gap))


def examples() -> Iterator[tuple[str, str, int, dict, dict]]:
    loader = botocore.session.get_session().get_component("data_loader")
    for service, module in COLLECTORS.items():
        documented = loader.load_service_model(service, "examples-1")["examples"]
        for operation in {ask.operation for ask in module.CALLS}:
            for number, example in enumerate(documented.get(operation, ())):
                yield service, operation, number, example.get("input", {}), example.get("output", {})


@pytest.mark.parametrize(
    ("service", "operation", "number", "given", "output"),
    [pytest.param(*example, id="-".join(map(str, example[:3]))) for example in sorted(examples(), key=lambda e: e[:3])],
)
def test_the_sdk_s_own_examples_are_read_without_a_crash(service, operation, number, given, output):
    (ask, *_) = [ask for ask in COLLECTORS[service].CALLS if ask.operation == operation]
    target = Target("012345678910", "us-west-2", "aws", None, tuple(COLLECTORS))
    at = "2026-11-20T08:00:00Z"
    call = Call(service, operation, {**DEPENDENT, **given}, *target.place, 0, output, None, None, at)
    found = list(COLLECTORS[service].resources(Answers(target, service, [call])))
    types = {item.type for item in found if isinstance(item, Resource)}
    described = {
        "DescribeRepositories": "AWS::ECR::Repository",
        "DescribeClusters": "AWS::ECS::Cluster",
        "DescribeServices": "AWS::ECS::Service",
        "DescribeTasks": "AWS::ECS::Task",
        "DescribeTaskDefinition": "AWS::ECS::TaskDefinition",
    }
    if (type := described.get(operation)) and output.get(ask.answer):
        assert type in types
