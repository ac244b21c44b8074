"""A game day: what is lost fails, what a recovery does shows, and nothing is pretended that nobody knows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from game import (
    AT,
    EAST,
    EU,
    GONE,
    HOME,
    LOST,
    OTHER,
    OTHER_LEFT,
    SESSION,
    UNKNOWN,
    WEB,
    WEST,
    Game,
    Holder,
    digest_of,
    refusal,
    told,
)

from scanner.chain import CHAIN
from scanner.collectors.discovery import find
from scanner.collectors.live import collect_targets
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.demo import NOBODY
from scanner.drill_record import read_log
from scanner.errors import UsageError
from scanner.loss import Loss
from scanner.serve import gameday
from scanner.serve import serve as serve_snapshot
from scanner.serve.gameday.links import STARTING
from scanner.snapshot import SnapshotWriter


@pytest.fixture(scope="module")
def hold(tmp_path_factory):
    holder = Holder(tmp_path_factory)
    yield holder
    holder.end()


@pytest.fixture
def game(hold) -> Game:
    return hold(EAST)


class TestALostRegion:
    @pytest.mark.parametrize(
        ("service", "region", "operation", "parameters"),
        [
            ("ecr", EAST, "describe_repositories", {}),
            ("ecs", EAST, "update_service", {"service": "web", "desiredCount": 2}),
            ("sts", EAST, "get_caller_identity", {}),
            ("s3", EAST, "list_buckets", {}),
            ("ec2", EAST, "describe_subnets", {}),
            ("elbv2", EAST, "describe_load_balancers", {}),  # a service that nothing was collected of
            (
                "secretsmanager",
                EAST,
                "replicate_secret_to_regions",
                {"SecretId": "a", "AddReplicaRegions": [{"Region": WEST}]},
            ),
            ("iam", WEST, "list_roles", {}),  # wherever it is asked, us-east-1 answers
            ("iam", WEST, "create_role", {"RoleName": "a", "AssumeRolePolicyDocument": "{}"}),
            ("organizations", WEST, "list_accounts", {}),
            ("account", WEST, "list_regions", {}),
            ("route53", WEST, "list_hosted_zones", {}),
            ("cloudfront", WEST, "list_distributions", {}),
        ],
    )
    def test_its_calls_fail_as_those_of_an_unreachable_service_do(self, game, service, region, operation, parameters):
        assert refusal(getattr(game.client(service, region), operation), **parameters) == LOST

    @pytest.mark.parametrize(
        ("service", "operation", "parameters", "refused"),
        [
            ("sts", "get_caller_identity", {}, None),
            ("ecr", "describe_repositories", {}, None),
            ("s3", "list_buckets", {"BucketRegion": WEST}, None),
            ("globalaccelerator", "list_accelerators", {}, UNKNOWN),  # is controlled from us-west-2
        ],
    )
    def test_others_answer_as_ever(self, game, service, operation, parameters, refused):
        ask = getattr(game.client(service), operation)
        if refused:
            assert refusal(ask, **parameters) == refused
        else:
            assert ask(**parameters)["ResponseMetadata"]["HTTPStatusCode"] == 200

    def test_the_message_says_so_and_clients_try_again(self, hold):
        game = hold(EAST, "account:444455556666")
        with pytest.raises(ClientError, match=r"us-east-1 is lost \(game day\)"):
            game.client("eks", EAST, attempts=2).list_clusters()
        calls = [line for line in game.log() if line.get("service") == "eks"]
        assert [(call["operation"], call["outcome"], call["status"]) for call in calls] == [("ListClusters", *LOST)] * 2

    def test_what_is_left_can_be_collected_by_its_own_doors(self, game):
        sessions = Sessions(endpoint_url=game.url, credentials=NOBODY, limits=Limits(paced=False))

        found = find(sessions, lambda: AT, accounts=[HOME], regions=[WEST], role_name="RegionproofReadOnly")

        assert [target.place for target in found.plan.targets] == [(HOME, WEST)]

    def test_in_another_partition_other_regions_matter(self):
        catalogue = gameday.GameFront(told(), [], lambda: AT).catalogue
        homes = {partition: catalogue.home(catalogue.named("iam"), partition) for partition in ("aws-cn", "aws-us-gov")}
        assert homes == {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
        assert catalogue.home(catalogue.named("ecs"), "aws") is None


CLUSTER = f"cluster:arn:aws:ecs:{WEST}:{HOME}:cluster/storefront"
REPOSITORY = f"repository:arn:aws:ecr:{WEST}:{HOME}:repository/shop/web"
POD_CLUSTER = f"cluster:arn:aws:eks:{WEST}:{HOME}:cluster/analytics"


@pytest.mark.parametrize(
    ("loss", "service", "account", "operation", "parameters", "refused"),
    [
        (f"account:{OTHER}", "ecs", OTHER, "list_clusters", {}, ("AccessDeniedException", 403)),
        (f"account:{OTHER}", "ecs", HOME, "list_clusters", {}, None),
        (
            f"account:{OTHER}",
            "sts",
            None,
            "assume_role",
            {"RoleArn": f"arn:aws:iam::{OTHER}:role/Reader", "RoleSessionName": "me"},
            ("AccessDenied", 403),
        ),
        (
            f"account:{OTHER}",
            "ecr",
            None,
            "describe_images",
            {"registryId": OTHER, "repositoryName": "abc"},
            ("AccessDeniedException", 403),
        ),
        (f"registry:{HOME}/{WEST}", "ecr", None, "describe_repositories", {}, LOST),
        (f"registry:{HOME}/{WEST}", "ecr", None, "create_repository", {"repositoryName": "abc"}, LOST),
        (f"registry:{HOME}/{WEST}", "ecr", OTHER, "describe_repositories", {}, None),
        (f"registry:{HOME}/{WEST}", "ecs", None, "list_clusters", {}, None),
        (
            REPOSITORY,
            "ecr",
            None,
            "describe_images",
            {"repositoryName": "shop/web"},
            ("RepositoryNotFoundException", 400),
        ),
        (
            REPOSITORY,
            "ecr",
            None,
            "describe_repositories",
            {"repositoryNames": ["shop/web"]},
            ("RepositoryNotFoundException", 400),
        ),
        (REPOSITORY, "ecr", None, "describe_images", {"repositoryName": "shop/search"}, None),
        (CLUSTER, "ecs", None, "list_services", {"cluster": "storefront"}, ("ClusterNotFoundException", 400)),
        (
            CLUSTER,
            "ecs",
            None,
            "list_services",
            {"cluster": CLUSTER.removeprefix("cluster:")},
            ("ClusterNotFoundException", 400),
        ),
        (CLUSTER, "ecs", None, "list_services", {"cluster": "ledger"}, None),
        (POD_CLUSTER, "eks", None, "describe_cluster", {"name": "analytics"}, ("ResourceNotFoundException", 404)),
        (POD_CLUSTER, "eks", None, "list_nodegroups", {"clusterName": "analytics"}, ("ResourceNotFoundException", 404)),
        (POD_CLUSTER, "eks", None, "describe_cluster", {"name": "fulfilment"}, None),
    ],
)
def test_what_is_in_the_loss_is_gone_and_nothing_else(hold, loss, service, account, operation, parameters, refused):
    ask = getattr(hold(loss).client(service, account=account), operation)
    if refused:
        assert refusal(ask, **parameters) == refused
    else:
        assert ask(**parameters)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_lists_leave_out_what_is_gone(hold):
    ecs, eks, ecr = hold(CLUSTER).client("ecs"), hold(POD_CLUSTER).client("eks"), hold(REPOSITORY).client("ecr")
    assert [arn.rpartition("/")[2] for arn in ecs.list_clusters()["clusterArns"]] == ["ledger"]
    found = ecs.describe_clusters(clusters=["storefront", "ledger"])
    assert [cluster["clusterName"] for cluster in found["clusters"]] == ["ledger"]
    assert [failure["reason"] for failure in found["failures"]] == ["MISSING"]
    assert eks.list_clusters()["clusters"] == ["fulfilment"]
    names = {repository["repositoryName"] for repository in ecr.describe_repositories()["repositories"]}
    assert "shop/search" in names
    assert "shop/web" not in names


def shown(ecs, cluster, service) -> Mapping:
    return ecs.describe_services(cluster=cluster, services=[service])["services"][0]


class TestServices:
    def test_a_service_whose_image_is_there_reaches_what_it_wants(self, game):
        ecs = game.client("ecs")
        begun = ecs.update_service(cluster="storefront", service="web", desiredCount=3)["service"]
        assert (begun["runningCount"], begun["deployments"][0]["rolloutState"]) == (2, "IN_PROGRESS")
        ecs.get_waiter("services_stable").wait(cluster="storefront", services=["web"])
        now = shown(ecs, "storefront", "web")
        assert (now["runningCount"], now["pendingCount"], now["deployments"][0]["rolloutState"]) == (3, 0, "COMPLETED")
        assert "steady state" in now["events"][0]["message"]

    def test_its_tasks_are_as_many_as_run(self, hold):
        ecs, asked = hold(EAST, "eu-west-1").client("ecs"), {"cluster": "storefront", "serviceName": "web"}
        before = ecs.list_tasks(**asked)["taskArns"]
        assert len(before) == 2
        for count, kept in ((3, 2), (1, 1)):
            ecs.update_service(cluster="storefront", service="web", desiredCount=count)
            arns = ecs.list_tasks(**asked)["taskArns"]
            assert (len(arns), len(set(arns) & set(before))) == (count, kept)
        family = {"networkMode": "bridge", "containerDefinitions": [{"name": "web", "image": f"{WEB}:build-0736"}]}
        ecs.register_task_definition(family="storefront-web", **family)
        ecs.update_service(cluster="storefront", service="web", taskDefinition="storefront-web")
        (arn,) = ecs.list_tasks(cluster="storefront", family="storefront-web")["taskArns"]
        (task,) = ecs.describe_tasks(cluster="storefront", tasks=[arn])["tasks"]
        assert arn not in before
        assert task["containers"][0]["image"] == f"{WEB}:build-0736"
        assert task["containers"][0]["imageDigest"].startswith("sha256:")

    def test_one_that_pulls_from_the_lost_region_keeps_what_ran(self, game):
        ecs = game.client("ecs")
        ecs.update_service(cluster="storefront", service="cart", desiredCount=2)
        now = shown(ecs, "storefront", "cart")
        assert (now["runningCount"], now["deployments"][0]["failedTasks"]) == (1, 1)
        message = now["events"][0]["message"]
        assert "CannotPullContainerError" in message
        assert "us-east-1 is lost" in message

    def test_one_whose_images_were_not_seen_waits(self, game):
        ecs = game.client("ecs")
        ecs.update_service(cluster="storefront", service="recommender", desiredCount=2)
        now = shown(ecs, "storefront", "recommender")
        assert (now["runningCount"], now["pendingCount"]) == (1, 1)
        assert "cannot be told" in now["events"][0]["message"]

    def test_an_image_that_comes_later_is_pulled_then(self, game):
        ecs, ecr = game.client("ecs"), game.client("ecr")
        ecs.update_service(cluster="storefront", service="invoice", desiredCount=2)
        assert "archived" in shown(ecs, "storefront", "invoice")["events"][0]["message"]
        image = {"repositoryName": "shop/invoice", "imageId": {"imageTag": "1.14.0"}}
        restored = ecr.update_image_storage_class(**image, targetStorageClass="STANDARD")
        assert restored["imageStatus"] == "ACTIVATING"
        assert shown(ecs, "storefront", "invoice")["runningCount"] == 2
        described = ecr.describe_images(repositoryName="shop/invoice", imageIds=[image["imageId"]])["imageDetails"]
        assert (described[0]["imageStatus"], described[0]["lastActivatedAt"]) == ("ACTIVE", AT)

    def test_what_was_built_by_hand_is_collected_like_anything_else(self, game, tmp_path):
        ecs = game.client("ecs")
        assert ecs.create_cluster(clusterName="rescue")["cluster"]["status"] == "ACTIVE"
        assert ecs.create_cluster(clusterName="rescue")["cluster"]["clusterName"] == "rescue"
        for number in (1, 2):
            definition = ecs.register_task_definition(
                family="rescue-web",
                networkMode="awsvpc",
                containerDefinitions=[{"name": "web", "image": f"{WEB}:build-0736"}],
            )["taskDefinition"]
            assert definition["revision"] == number
        network = {"awsvpcConfiguration": {"subnets": ["subnet-c6697354f47a8b643"]}}
        wanted = {"cluster": "rescue", "serviceName": "web", "taskDefinition": "rescue-web", "desiredCount": 2}
        assert refusal(ecs.create_service, **wanted) == ("InvalidParameterException", 400)  # awsvpc needs a network
        ecs.create_service(**wanted, networkConfiguration=network, launchType="FARGATE")
        assert refusal(ecs.create_service, **wanted) == ("InvalidParameterException", 400)  # it is there
        now = shown(ecs, "rescue", "web")
        assert (now["runningCount"], now["taskDefinition"]) == (2, definition["taskDefinitionArn"])

        sessions = Sessions(endpoint_url=game.url, credentials=NOBODY, limits=Limits(max_attempts=1, paced=False))
        west = next(target for target in told().targets if target.place == (HOME, WEST))
        target = replace(west, services=("ecs",))
        copy = collect_targets([target], SnapshotWriter(tmp_path / "s"), sessions, lambda: AT)
        assert not [call for call in copy.calls() if call.error]
        found = [page for call in copy.calls() for page in (call.response or {}).get("serviceRevisions", ())]
        image = next(one["containerImages"][0] for one in found if "/rescue/" in one["serviceArn"])
        assert image["imageDigest"].startswith("sha256:")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"launchType": "EC2"}, "No Container Instances"),
            (
                {"secrets": [{"name": "A", "valueFrom": f"arn:aws:secretsmanager:{EAST}:{HOME}:secret:a-123456"}]},
                "ResourceInitializationError",
            ),
            ({"secrets": [{"name": "A", "valueFrom": "/shop/flags"}]}, "steady state"),
            ({"image": f"{WEB}:0.0.0"}, "not found"),
            ({"image": f"{HOME}.dkr.ecr.{WEST}.amazonaws.com/shop/nothing:1"}, "does not exist"),
            ({"image": f"{HOME}.dkr.ecr.{WEST}.amazonaws.com/ecr-public/new/image:1"}, "pull-through cache"),
            ({"image": f"{HOME}.dkr.ecr.ap-south-1.amazonaws.com/shop/web:1"}, "not in this snapshot"),
            ({"image": "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/pause:3.5"}, "us-east-1 is lost"),
            ({"image": "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.5"}, "steady state"),
            ({"image": "public.ecr.aws/nginx/nginx:1"}, "steady state"),
            ({"image": "UPPER/case@@"}, "CannotPullContainerError"),
        ],
    )
    def test_tasks_start_only_if_they_could(self, game, request, change, message):
        ecs, name = game.client("ecs"), f"try-{request.node.callspec.indices['change']}"
        container = {
            "name": "a",
            "image": f"{WEB}:build-0736",
            **{k: v for k, v in change.items() if k != "launchType"},
        }
        ecs.register_task_definition(family=name, containerDefinitions=[container])
        kind = {"launchType": change.get("launchType", "FARGATE")}
        ecs.create_service(cluster="ledger", serviceName=name, taskDefinition=f"{name}:1", desiredCount=1, **kind)
        now = shown(ecs, "ledger", name)
        assert message in now["events"][0]["message"]
        assert now["runningCount"] == (1 if message == "steady state" else 0)

    @pytest.mark.parametrize(
        ("operation", "parameters", "refused"),
        [
            ("update_service", {"cluster": "nowhere", "service": "web"}, ("ClusterNotFoundException", 400)),
            ("update_service", {"cluster": "ledger", "service": "nobody"}, ("ServiceNotFoundException", 400)),
            ("update_service", {"cluster": "ledger", "service": "authorizer", "taskDefinition": "never:1"}, UNKNOWN),
            ("create_service", {"cluster": "ledger", "serviceName": "x"}, ("InvalidParameterException", 400)),
            ("register_task_definition", {"family": "x", "containerDefinitions": []}, ("ClientException", 400)),
            (
                "register_task_definition",
                {"family": "x", "containerDefinitions": [{"name": "a"}]},
                ("ClientException", 400),
            ),
            ("delete_service", {"cluster": "ledger", "service": "authorizer"}, ("NotSimulated", 501)),
        ],
    )
    def test_what_aws_would_refuse_is_refused(self, game, operation, parameters, refused):
        assert refusal(getattr(game.client("ecs"), operation), **parameters) == refused


class TestImages:
    def test_a_copy_needs_a_repository_that_is_left(self, game):
        ecr, put = game.client("ecr"), {"repositoryName": "shop/web", "imageTag": "rescued"}
        assert refusal(ecr.put_image, **put, imageManifest=GONE[EAST]) == ("LayersNotFoundException", 400)
        ecr.put_image(**put, imageManifest=GONE[EU], imageDigest=digest_of(GONE[EU]))
        found = ecr.describe_images(repositoryName="shop/web", imageIds=[{"imageTag": "rescued"}])["imageDetails"][0]
        assert (found["imageDigest"], found["imageTags"], found["imagePushedAt"]) == (
            digest_of(GONE[EU]),
            ["rescued"],
            AT,
        )

    def test_a_tag_is_moved_unless_it_is_immutable(self, game):
        ecr = game.client("ecr")
        ecr.create_repository(repositoryName="rescue/web")
        put = {"repositoryName": "rescue/web", "imageManifest": GONE[EU]}
        ecr.put_image(**put, imageTag="a")
        assert refusal(ecr.put_image, **put, imageTag="a") == ("ImageAlreadyExistsException", 400)
        assert refusal(ecr.put_image, **put) == ("ImageAlreadyExistsException", 400)
        wrong = {**put, "imageDigest": digest_of(OTHER_LEFT)}
        assert refusal(ecr.put_image, **wrong) == ("ImageDigestDoesNotMatchException", 400)
        ecr.put_image(**put, imageTag="b")
        other = {"repositoryName": "rescue/web", "imageManifest": OTHER_LEFT}
        ecr.put_image(**other, imageTag="a")
        assert self.tags(ecr) == {digest_of(GONE[EU]): ["b"], digest_of(OTHER_LEFT): ["a"]}
        ecr.put_image_tag_mutability(repositoryName="rescue/web", imageTagMutability="IMMUTABLE")
        assert refusal(ecr.put_image, **other, imageTag="b") == ("ImageTagAlreadyExistsException", 400)
        manifests = ecr.batch_get_image(repositoryName="rescue/web", imageIds=[{"imageTag": "b"}])["images"]
        assert [image["imageManifest"] for image in manifests] == [GONE[EU]]

    def tags(self, ecr):
        described = ecr.describe_images(repositoryName="rescue/web")["imageDetails"]
        return {image["imageDigest"]: image["imageTags"] for image in described}

    @pytest.mark.parametrize(
        ("operation", "parameters", "refused"),
        [
            ("create_repository", {"repositoryName": "shop/web"}, ("RepositoryAlreadyExistsException", 400)),
            (
                "set_repository_policy",
                {"repositoryName": "no/such", "policyText": "{}"},
                ("RepositoryNotFoundException", 400),
            ),
            (
                "set_repository_policy",
                {"repositoryName": "shop/web", "policyText": "[]"},
                ("InvalidParameterException", 400),
            ),
            (
                "set_repository_policy",
                {"repositoryName": "abc", "policyText": "{}", "registryId": OTHER},
                ("NotSimulated", 501),
            ),
            ("put_image", {"repositoryName": "shop/recommender", "imageManifest": "{}"}, UNKNOWN),  # not all was listed
            (
                "update_image_storage_class",
                {"repositoryName": "shop/web", "imageId": {"imageTag": "0"}, "targetStorageClass": "STANDARD"},
                ("ImageNotFoundException", 400),
            ),
            ("start_image_scan", {"repositoryName": "shop/web", "imageId": {"imageTag": "0"}}, ("NotSimulated", 501)),
        ],
    )
    def test_what_ecr_would_refuse_is_refused(self, game, operation, parameters, refused):
        assert refusal(getattr(game.client("ecr"), operation), **parameters) == refused


ALLOWED = {"Sid": "GameDay", "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [ALLOWED]})
RULES = {"rules": [{"destinations": [{"region": EU, "registryId": HOME}]}]}
ROLE = f"arn:aws:iam::{HOME}:role/a"
VPC, SUBNET = "vpc-e676505322024939e", "subnet-c6697354f47a8b643"


@pytest.mark.parametrize(
    ("service", "write", "given", "read", "asked", "expected"),
    [
        (
            "ecr",
            "set_repository_policy",
            {"repositoryName": "shop/web", "policyText": POLICY},
            "get_repository_policy",
            {"repositoryName": "shop/web"},
            POLICY,
        ),
        (
            "ecr",
            "put_lifecycle_policy",
            {"repositoryName": "shop/web", "lifecyclePolicyText": POLICY},
            "get_lifecycle_policy",
            {"repositoryName": "shop/web"},
            POLICY,
        ),
        ("ecr", "put_registry_policy", {"policyText": POLICY}, "get_registry_policy", {}, POLICY),
        ("ecr", "put_replication_configuration", {"replicationConfiguration": RULES}, "describe_registry", {}, EU),
        (
            "ecr",
            "put_image_tag_mutability",
            {"repositoryName": "shop/search", "imageTagMutability": "IMMUTABLE"},
            "describe_repositories",
            {"repositoryNames": ["shop/search"]},
            "'IMMUTABLE'",
        ),
        (
            "eks",
            "update_nodegroup_config",
            {"clusterName": "analytics", "nodegroupName": "general", "scalingConfig": {"desiredSize": 5}},
            "describe_nodegroup",
            {"clusterName": "analytics", "nodegroupName": "general"},
            "'desiredSize': 5",
        ),
        (
            "lambda",
            "update_function_code",
            {"FunctionName": "receipts", "ImageUri": f"{WEB}:build-0736"},
            "get_function",
            {"FunctionName": "receipts"},
            "shop/web@sha256:",
        ),
        (
            "lambda",
            "create_function",
            {
                "FunctionName": "rescue",
                "Role": ROLE,
                "PackageType": "Image",
                "Code": {"ImageUri": f"{WEB}:build-0736"},
            },
            "list_functions",
            {},
            "'rescue'",
        ),
        (
            "ec2",
            "create_vpc_endpoint",
            {
                "VpcId": VPC,
                "ServiceName": "com.amazonaws.us-west-2.kms",
                "VpcEndpointType": "Interface",
                "SubnetIds": [SUBNET],
            },
            "describe_vpc_endpoints",
            {},
            "us-west-2.kms",
        ),
        (
            "secretsmanager",
            "create_secret",
            {"Name": "rescue/db", "SecretString": "hunter2"},
            "describe_secret",
            {"SecretId": "rescue/db"},
            "secret:rescue/db-",
        ),
        (
            "ssm",
            "put_parameter",
            {"Name": "/rescue/db", "Value": "hunter2", "Type": "SecureString"},
            "describe_parameters",
            {},
            "'/rescue/db'",
        ),
    ],
)
def test_what_is_written_is_read(game, service, write, given, read, asked, expected):
    client = game.client(service)
    assert expected not in said(getattr(client, read), asked)
    getattr(client, write)(**given)
    assert expected in said(getattr(client, read), asked)


def said(ask, parameters) -> str:
    try:
        return str(ask(**parameters))
    except ClientError as error:
        return str(error)


@pytest.mark.parametrize(
    ("service", "operation", "asked", "expected"),
    [
        ("events", "describe_rule", {"Name": "replication-failed"}, "'ENABLED'"),
        ("events", "describe_rule", {"Name": "none"}, "ResourceNotFoundException"),
        ("events", "describe_rule", {"Name": "replication-failed", "EventBusName": "other"}, "NotRecorded"),
        (
            "batch",
            "describe_job_definitions",
            {"jobDefinitionName": "none", "status": "ACTIVE"},
            "'jobDefinitions': []",
        ),
        ("batch", "describe_job_definitions", {"jobDefinitionName": "none", "status": "INACTIVE"}, "NotRecorded"),
        ("ecs", "list_tasks", {"cluster": "ledger", "family": "ledger-authorizer"}, ":task/ledger/"),
        ("ecs", "list_tasks", {"cluster": "ledger", "family": "none"}, "'taskArns': []"),
        ("ecs", "list_tasks", {"cluster": "ledger", "startedBy": "me"}, "'taskArns': []"),
        ("ecs", "list_tasks", {"cluster": "ledger", "launchType": "FARGATE"}, "NotRecorded"),
        ("lambda", "get_function", {"FunctionName": "none"}, "NotRecorded"),
        ("scheduler", "get_schedule", {"Name": "none"}, "NotRecorded"),
    ],
)
def test_what_a_runbook_checks_is_answered(game, service, operation, asked, expected):
    assert expected in said(getattr(game.client(service), operation), asked)


def test_an_image_is_seen_by_its_digest(hold):
    game = hold(EAST, "eu-west-1")
    ecr, asked = game.client("ecr"), {"repositoryName": "shop/web", "registryId": HOME}
    ids = [{"imageDigest": digest_of(GONE[EAST])}, {"imageTag": "build-0736"}]
    answer = ecr.batch_get_image(**asked, imageIds=ids)
    assert [image["imageId"]["imageTag"] for image in answer["images"]] == ["build-0736"]
    assert [failure["failureCode"] for failure in answer["failures"]] == ["ImageNotFound"]
    archived = ecr.batch_get_image(repositoryName="shop/invoice", imageIds=[{"imageTag": "1.14.0"}])
    assert [failure["failureCode"] for failure in archived["failures"]] == ["ImageInaccessible"]
    assert refusal(ecr.batch_get_image, repositoryName="shop/recommender", imageIds=ids) == UNKNOWN


def test_a_lifecycle_policy_is_deleted_once(game):
    ecr, asked = game.client("ecr"), {"repositoryName": "shop/catalog"}
    assert ecr.delete_lifecycle_policy(**asked)["lifecyclePolicyText"]
    none = ("LifecyclePolicyNotFoundException", 400)
    assert refusal(ecr.get_lifecycle_policy, **asked) == refusal(ecr.delete_lifecycle_policy, **asked) == none


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "refused"),
    [
        (
            "eks",
            "update_nodegroup_config",
            {"clusterName": "none", "nodegroupName": "general"},
            ("ResourceNotFoundException", 404),
        ),
        (
            "eks",
            "update_nodegroup_config",
            {"clusterName": "analytics", "nodegroupName": "none"},
            ("ResourceNotFoundException", 404),
        ),
        (
            "eks",
            "update_nodegroup_config",
            {"clusterName": "analytics", "nodegroupName": "general", "scalingConfig": {"desiredSize": 99}},
            ("InvalidParameterException", 400),
        ),
        (
            "lambda",
            "update_function_code",
            {"FunctionName": "none", "ImageUri": f"{WEB}:build-0736"},
            ("ResourceNotFoundException", 404),
        ),
        (
            "lambda",
            "update_function_code",
            {"FunctionName": "receipts", "ImageUri": f"{WEB}:0"},
            ("InvalidParameterValueException", 400),
        ),
        (
            "lambda",
            "update_function_code",
            {"FunctionName": "receipts", "ImageUri": f"{HOME}.dkr.ecr.{EU}.amazonaws.com/shop/web:1"},
            ("InvalidParameterValueException", 400),
        ),
        ("lambda", "update_function_code", {"FunctionName": "receipts", "ZipFile": b"x"}, ("NotSimulated", 501)),
        (
            *("lambda", "update_function_code", {"FunctionName": "receipts", "ImageUri": "UPPER/case@@"}),
            ("InvalidParameterValueException", 400),
        ),
        (
            *("lambda", "update_function_code"),
            {"FunctionName": "receipts", "ImageUri": WEB.replace("web", "recommender:1")},
            UNKNOWN,
        ),
        (
            *("lambda", "create_function", {"FunctionName": "f", "Role": ROLE, "Code": {"ZipFile": b"x"}}),
            ("NotSimulated", 501),
        ),
        (
            *("lambda", "create_function"),
            {
                "FunctionName": "receipts",
                "Role": ROLE,
                "PackageType": "Image",
                "Code": {"ImageUri": f"{WEB}:build-0736"},
            },
            ("ResourceConflictException", 409),
        ),
        ("ec2", "create_vpc_endpoint", {"VpcId": "vpc-0", "ServiceName": "a"}, ("InvalidVpcId.NotFound", 400)),
        (
            *("secretsmanager", "create_secret", {"Name": "x", "AddReplicaRegions": [{"Region": EU}]}),
            ("InvalidParameterException", 400),
        ),
        (
            "ec2",
            "create_vpc_endpoint",
            {"VpcId": VPC, "ServiceName": "a", "SubnetIds": ["subnet-0"]},
            ("InvalidSubnetId.NotFound", 400),
        ),
        ("secretsmanager", "create_secret", {"Name": "checkout/psp"}, ("ResourceExistsException", 400)),
        ("secretsmanager", "get_secret_value", {"SecretId": "checkout/psp"}, UNKNOWN),
        ("ssm", "put_parameter", {"Name": "/a", "Value": "x"}, ("ValidationException", 400)),
        ("kms", "schedule_key_deletion", {"KeyId": "a"}, ("NotSimulated", 501)),
        (
            "s3",
            "put_bucket_versioning",
            {"Bucket": "a", "VersioningConfiguration": {"Status": "Enabled"}},
            ("NotSimulated", 501),
        ),
    ],
)
def test_other_services_refuse_as_aws_would(game, service, operation, parameters, refused):
    assert refusal(getattr(game.client(service), operation), **parameters) == refused


def test_a_parameter_is_written_again_only_when_that_is_meant(game):
    ssm, given = game.client("ssm"), {"Name": "/rescue/flag", "Value": "on"}
    assert ssm.put_parameter(**given, Type="String")["Version"] == 1
    assert refusal(ssm.put_parameter, **given) == ("ParameterAlreadyExists", 400)
    assert ssm.put_parameter(**given, Overwrite=True)["Version"] == 2


def test_places_that_were_not_collected_cannot_be_changed(game):
    assert refusal(game.client("ecs", "ap-south-1").create_cluster, clusterName="a") == UNKNOWN


def test_the_log_tells_everything_but_values(hold, tmp_path):
    path = tmp_path / "log.jsonl"
    with gameday.serve(told(), [Loss.parse(EAST)], lambda: AT, log=path, about={"snapshot": "0123"}) as endpoint:
        game = Game(endpoint.url, path)
        game.client("ecs").update_service(cluster="storefront", service="web", desiredCount=2)
        game.client("secretsmanager").create_secret(Name="a/b", SecretString="hunter2")
        raw = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        ssm = SESSION.create_client(
            "ssm", WEST, endpoint_url=game.url, aws_access_key_id="AKIA", aws_secret_access_key="x", config=raw
        )
        assert refusal(ssm.put_parameter, Name="/a", Type="String", Value=["hunter2"]) == (
            "InvalidParameterException",
            400,
        )
        game.client("ecr").describe_repositories()
        refusal(game.client("ecr", EAST).describe_repositories)
    head, *calls, end = game.log()
    assert (head["lost"], head["snapshot"], head["at"]) == ([EAST], "0123", "2026-11-21T09:30:00.000Z")
    assert [(call["service"], call["operation"], call["outcome"], "changed" in call) for call in calls] == [
        ("ecs", "UpdateService", "ok", True),
        ("secretsmanager", "CreateSecret", "ok", True),
        ("ssm", "PutParameter", "InvalidParameterException", False),
        ("ecr", "DescribeRepositories", "ok", False),
        ("ecr", "DescribeRepositories", "ServiceUnavailable", False),
    ]
    assert calls[0]["subject"] == {"cluster": "storefront", "desiredCount": 2, "service": "web"}
    assert end["services"] == [{"arn": f"arn:aws:ecs:{WEST}:{HOME}:service/storefront/web", "desired": 2, "running": 2}]
    assert "hunter2" not in path.read_text()
    assert [(one.arn, one.wanted, one.ran) for one in read_log(path).workloads] == [(end["services"][0]["arn"], 2, 2)]


def test_the_snapshot_stays_as_it_was(game):
    game.client("ecs").create_cluster(clusterName="only-in-memory")
    with serve_snapshot(told()) as endpoint:
        arns = Game(endpoint.url, game.path).client("ecs").list_clusters()["clusterArns"]
    assert sorted(arn.rpartition("/")[2] for arn in arns) == ["ledger", "storefront"]


@pytest.mark.parametrize("loss", ["ap-south-1", "account:999999999999", f"registry:{HOME}/ap-south-1"])
def test_nothing_that_was_not_collected_can_be_lost(loss):
    with (
        pytest.raises(UsageError, match="nothing of it is in the snapshot"),
        gameday.serve(told(), [Loss.parse(loss)], lambda: AT),
    ):
        pass


def test_a_log_is_never_written_over(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("an older one\n")
    for file, message in ((path, "exists already"), (tmp_path / "none" / "log.jsonl", "cannot be written")):
        with pytest.raises(UsageError, match=message), gameday.serve(told(), [Loss.parse(EAST)], lambda: AT, log=file):
            pass
    assert path.read_text() == "an older one\n"


def test_a_port_that_is_taken_leaves_no_log(game, tmp_path):
    port, losses = int(game.url.rpartition(":")[2]), [Loss.parse(EAST)]
    with (
        pytest.raises(UsageError, match="cannot be used"),
        gameday.serve(told(), losses, lambda: AT, port=port, log=tmp_path / "log"),
    ):
        pass
    assert not (tmp_path / "log").exists()


PAGE = (Path(__file__).parent.parent / "docs" / "game-day.md").read_text()
SERVICES = {
    "ECS": "ecs",
    "ECR": "ecr",
    "EKS": "eks",
    "Lambda": "lambda",
    "Application Auto Scaling": "application-autoscaling",
    "EC2 Auto Scaling": "autoscaling",
    "EventBridge": "events",
    "EventBridge Scheduler": "scheduler",
    "Secrets Manager": "secretsmanager",
    "Parameter Store": "ssm",
    "EC2": "ec2",
    "KMS": "kms",
    "CloudWatch Logs": "logs",
}


def rows(heading) -> list[tuple[str, str]]:
    """Return the cells of the first table under a heading of the page."""
    lines = PAGE.partition(f"## {heading}\n")[2].splitlines()
    table = [line for line in takewhile(lambda line: not line.startswith("## "), lines) if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|", 1)) for line in table[2:]]


def test_the_page_names_every_write():
    told = {
        SERVICES[service]: set(re.findall("`([A-Z][A-Za-z]+)`", cell)) for service, cell in rows("What can be done")
    }
    assert told == {service: set(writes) for service, writes in gameday.WRITES.items()}


def test_the_page_names_every_link_once():
    told = [re.findall("`([a-z]+)`", links) for links, _ in rows("What starts")]
    assert sorted(link for each in told for link in each) == sorted(link.id for link in CHAIN)
    assert {link for each in told[1:5] for link in each} == STARTING
