"""A served snapshot answers as AWS did: collecting from it gives it again, and no client can make it guess."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from scanner.collectors.discovery import find
from scanner.collectors.live import collect_targets
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.config import Organization
from scanner.demo import NOBODY, estate
from scanner.errors import UsageError
from scanner.images import Image, Listing
from scanner.model import Place
from scanner.recorded import Call, CallError, Target
from scanner.serve import MOST_BYTES, serve
from scanner.serve.paging import cut
from scanner.serve.query import Query, Refused
from scanner.snapshot import Snapshot, SnapshotWriter

AT = "2026-11-20T06:00:00.000000Z"
HOME, OTHER, SHUT = "111122223333", "444455556666", "777788889999"
EAST = Target(HOME, "us-east-1", "aws", None, ("ecr", "ecs", "eks"))
WEST = Target(HOME, "us-west-2", "aws", None, ("ecs",))
FAR = Target(OTHER, "us-east-1", "aws", f"arn:aws:iam::{OTHER}:role/Reader", ("ecs",))
CLOSED = Target(SHUT, "us-east-1", "aws", f"arn:aws:iam::{SHUT}:role/Reader", ("ecs", "eks"))
DENIED = CallError("AccessDeniedException", "User: arn:aws:iam::111122223333:user/x is not authorized", 400)
THROTTLED = CallError("ThrottlingException", "Rate exceeded", 400, 2)
CLUSTER = "arn:aws:ecs:us-east-1:111122223333:cluster/shop"
SERVICES = [f"arn:aws:ecs:us-east-1:111122223333:service/shop/s{n:02}" for n in range(14)]


def call(target, service, operation, parameters=None, answer=None, page=0, rows=None) -> Call:
    response, error = (None, answer) if isinstance(answer, CallError) else (answer, None)
    return Call(
        service, operation, parameters or {}, target.account, target.region, page, response, error, rows, AT
    )  # fmt: skip


def pages(target, service, operation, parameters, *answers) -> list[Call]:
    return [call(target, service, operation, parameters, answer, page) for page, answer in enumerate(answers)]


def image(name: str, number: int) -> Image:
    return Image(
        digest=f"sha256:{sha256(f'{name}:{number}'.encode()).hexdigest()}",
        tags=() if number % 10 == 3 else (f"v{number}",),
        pushed_at=datetime(2026, 1, 1, 3, 4, 5, 678901, UTC) + timedelta(minutes=number),
        size=1000 + number,
        status="ARCHIVED" if number % 10 == 7 else "ACTIVE",
        media_type="application/vnd.oci.image.manifest.v1+json",
        last_archived_at=datetime(2026, 3, 1, tzinfo=UTC) if number % 10 == 7 else None,
    )


def listing(name: str, count: int, why: str | None = None) -> Listing:
    return Listing(tuple(sorted((image(name, n) for n in range(count)), key=lambda i: i.digest)), why)


LISTINGS = {
    "aa": listing("aa", 2100),
    "bb": listing("bb", 7, f"ThrottlingException: {THROTTLED.message}"),
    "cc": Listing((), f"AccessDeniedException: {DENIED.message}"),
}


def repository(name: str) -> dict:
    return {
        "repositoryName": name,
        "repositoryArn": f"arn:aws:ecr:us-east-1:111122223333:repository/{name}",
        "registryId": HOME,
        "createdAt": 1750000000.123,
        "aMemberThatIsNewerThanThisSDK": {"x": [1, None, "\N{SNOWMAN}"]},
    }


def ecr_calls() -> list[Call]:
    none = CallError("RegistryPolicyNotFoundException", "Registry policy does not exist", 400)
    thousand = {"maxResults": 1000}
    calls = [
        call(EAST, "ecr", "DescribeRegistry", {}, DENIED),
        call(EAST, "ecr", "GetRegistryPolicy", {}, none),
        call(EAST, "ecr", "GetRegistryScanningConfiguration", {}, THROTTLED),
        call(EAST, "ecr", "DescribeRepositoryCreationTemplates", thousand, {"repositoryCreationTemplates": []}),
        *pages(
            EAST,
            "ecr",
            "DescribePullThroughCacheRules",
            thousand,
            *(
                {"pullThroughCacheRules": [{"ecrRepositoryPrefix": prefix}] if prefix else []}
                for prefix in ("p", "", "q")
            ),
        ),
        *pages(
            EAST,
            "ecr",
            "DescribeRepositories",
            thousand,
            {"repositories": [repository("aa")]},
            {"repositories": [repository("bb"), repository("cc")]},
        ),
    ]
    calls += [
        call(EAST, "ecr", "GetSigningConfiguration", {}, DENIED),
        *pages(
            EAST,
            "ecr",
            "ListPullTimeUpdateExclusions",
            thousand,
            {"pullTimeUpdateExclusions": ["arn:aws:iam::111122223333:role/a"]},
            {"pullTimeUpdateExclusions": ["arn:aws:iam::111122223333:role/b"]},
        ),
        call(EAST, "ecr", "ListReplicationBackfills", {"maxResults": 50}, {"backfills": []}),
        call(
            EAST,
            "ecr",
            "BatchGetRepositoryScanningConfiguration",
            {"repositoryNames": ["aa", "bb", "cc"]},
            {"scanningConfigurations": [{"repositoryName": "aa", "scanFrequency": "MANUAL"}], "failures": []},
        ),
    ]
    calls += [
        call(EAST, "ecr", "GetAccountSetting", {"name": name}, {"name": name, "value": "V2"})
        for name in ("REGISTRY_POLICY_SCOPE", "BLOB_MOUNTING", "BASIC_SCAN_TYPE_VERSION")
    ]
    for name, error in {"aa": None, "bb": THROTTLED, "cc": DENIED}.items():
        asked = {"repositoryName": name}
        gone = CallError("RepositoryPolicyNotFoundException", "Repository policy does not exist", 400)
        calls.append(call(EAST, "ecr", "GetRepositoryPolicy", asked, gone))
        calls.append(call(EAST, "ecr", "GetLifecyclePolicy", asked, {**asked, "lifecyclePolicyText": '{"rules":[]}'}))
        asked = {**asked, **thousand, "filter": {"imageStatus": "ANY"}}
        calls.append(call(EAST, "ecr", "DescribeImages", asked, error, rows=len(LISTINGS[name].images)))
    return calls


def ecs_calls() -> list[Call]:
    scope, most = {"cluster": CLUSTER}, {"maxResults": 100}
    described = [
        {"serviceArn": arn, "serviceName": arn[-3:], "clusterArn": CLUSTER, "tags": [{"key": "k", "value": "v"}]}
        for arn in SERVICES
    ]
    cluster = {"clusterArn": CLUSTER, "clusterName": "shop", "settings": [], "tags": []}
    return [
        call(EAST, "ecs", "ListClusters", most, {"clusterArns": [CLUSTER]}),
        call(
            EAST,
            "ecs",
            "DescribeClusters",
            {"clusters": [CLUSTER], "include": ["CONFIGURATIONS", "SETTINGS", "TAGS"]},
            {"clusters": [cluster], "failures": []},
        ),
        *pages(
            EAST, "ecs", "ListServices", {**scope, **most}, {"serviceArns": SERVICES[:9]}, {"serviceArns": SERVICES[9:]}
        ),
        *(
            call(EAST, "ecs", "DescribeServices", {**scope, "services": arns, "include": ["TAGS"]}, answer)
            for arns, answer in (
                (SERVICES[:10], {"services": described[:9], "failures": [{"arn": SERVICES[9], "reason": "MISSING"}]}),
                (SERVICES[10:], DENIED),
            )
        ),
        *pages(EAST, "ecs", "ListTasks", {**scope, **most}, {"taskArns": []}, THROTTLED),
        call(EAST, "ecs", "ListTaskDefinitionFamilies", {**most, "status": "ACTIVE"}, {"families": ["web"]}),
    ]


def no_ecs(target) -> list[Call]:
    return [
        call(target, "ecs", "ListClusters", {"maxResults": 100}, {"clusterArns": []}),
        call(target, "ecs", "ListTaskDefinitionFamilies", {"maxResults": 100, "status": "ACTIVE"}, {"families": []}),
    ]


def eks_calls() -> list[Call]:
    most, scope = {"maxResults": 100}, {"clusterName": "k"}
    gone = CallError("ResourceNotFoundException", "No cluster found for name: k.", 404)
    return [
        call(EAST, "eks", "ListClusters", most, {"clusters": ["k"]}),
        call(EAST, "eks", "DescribeCluster", {"name": "k"}, gone),
        call(EAST, "eks", "ListNodegroups", {**most, **scope}, {"nodegroups": ["n/1"]}),
        call(
            EAST, "eks", "DescribeNodegroup", {**scope, "nodegroupName": "n/1"}, {"nodegroup": {"nodegroupName": "n/1"}}
        ),
        call(EAST, "eks", "ListAddons", {**most, **scope}, CallError("AccessDeniedException", "no", 403)),
        call(EAST, "eks", "ListFargateProfiles", {**most, **scope}, {"fargateProfileNames": []}),
        call(EAST, "eks", "ListPodIdentityAssociations", {**most, **scope}, {"associations": []}),
        call(EAST, "eks", "DescribeClusterVersions", {**most, "includeAll": True}, {"clusterVersions": []}),
    ]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Snapshot:
    writer = SnapshotWriter(tmp_path_factory.mktemp("recorded") / "s")
    refused = CallError("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole", 403)
    by_target = {
        EAST: [*ecr_calls(), *ecs_calls(), *eks_calls()],
        WEST: no_ecs(WEST),
        FAR: no_ecs(FAR),
        CLOSED: [call(CLOSED, "sts", "AssumeRole", {"RoleArn": CLOSED.role_arn}, refused)],
    }
    for target, calls in by_target.items():
        writer.write(target, calls, LISTINGS if target is EAST else {}, started_at=AT, finished_at=AT)
    return writer.finish(list(by_target))


@pytest.fixture(scope="module")
def endpoint(recorded):
    with serve(recorded) as running:
        yield running


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """Ambient AWS settings are none of our business."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@cache
def _client(url, service, region, account):
    keys = {"aws_access_key_id": f"ASIA{account}", "aws_secret_access_key": "x"} if account else None
    return Sessions(
        endpoint_url=url, credentials=NOBODY, limits=Limits(max_attempts=1, max_throttles=1, paced=False)
    ).client(service, region, keys)


def client(endpoint, service="ecr", region="us-east-1", account=None):
    return _client(endpoint.url, service, region, account)


def again(endpoint, targets, path: Path) -> Snapshot:
    sessions = Sessions(
        endpoint_url=endpoint.url, credentials=NOBODY, limits=Limits(max_attempts=2, max_throttles=2, paced=False)
    )
    return collect_targets(targets, SnapshotWriter(path), sessions, lambda: datetime(2030, 1, 1, tzinfo=UTC))


def timeless(snapshot) -> list[Call]:
    return [replace(call, at="") for call in snapshot.calls()]


def test_collecting_from_a_served_snapshot_gives_it_again(recorded, endpoint, tmp_path):
    copy = again(endpoint, recorded.targets, tmp_path / "copy")
    assert timeless(copy) == timeless(recorded)
    assert copy.images() == recorded.images()
    assert copy.targets == recorded.targets


def test_collecting_from_a_collected_estate_gives_it_again(tmp_path):
    with serve(estate()) as endpoint:
        first = again(endpoint, estate().targets, tmp_path / "first")
    with serve(first) as endpoint:
        second = again(endpoint, first.targets, tmp_path / "second")
    assert timeless(second) == timeless(first)
    assert second.images() == first.images()
    assert not any(call.error and call.error.code == "NotRecorded" for call in first.calls())


def test_planning_asks_sts(endpoint):
    sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=Limits(paced=False))
    role = Organization(role_name="Reader")
    found = find(
        sessions,
        lambda: datetime(2030, 1, 1, tzinfo=UTC),
        regions=["us-east-1"],
        accounts=[HOME, OTHER],
        organization=role,
    )
    targets = found.plan.targets
    assert [(target.account, target.role_arn) for target in targets] == [(HOME, None), (OTHER, FAR.role_arn)]


def code_of(ask, *arguments, **parameters) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        ask(*arguments, **parameters)
    return raised.value.response["Error"]["Code"], raised.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_roles_lead_into_the_accounts_of_the_snapshot_only(endpoint):
    sts = client(endpoint, "sts")
    assert sts.get_caller_identity()["Account"] == HOME
    keys = sts.assume_role(RoleArn=FAR.role_arn, RoleSessionName="me")["Credentials"]
    assert keys["AccessKeyId"] == f"ASIA{OTHER}"
    assert client(endpoint, "sts", account=OTHER).get_caller_identity()["Account"] == OTHER
    assert code_of(sts.assume_role, RoleArn="arn:aws:iam::999999999999:role/x", RoleSessionName="me") == (
        "AccessDenied",
        403,
    )
    assert code_of(sts.assume_role, RoleArn=CLOSED.role_arn, RoleSessionName="me") == ("AccessDenied", 403)
    assert code_of(sts.get_session_token) == ("NotRecorded", 501)


@pytest.mark.parametrize("size", [1, 2, 3, 999])
def test_lists_are_cut_to_the_size_that_is_asked_for(endpoint, size):
    found = client(endpoint).get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": size})
    by_page = [[r["repositoryName"] for r in page["repositories"]] for page in found]
    assert [name for page in by_page for name in page] == ["aa", "bb", "cc"]
    assert all(len(page) == size for page in by_page[:-1])


def test_recorded_pages_are_replayed_as_they_were(endpoint):
    found = (
        client(endpoint)
        .get_paginator("describe_pull_through_cache_rules")
        .paginate(PaginationConfig={"PageSize": 1000})
    )
    assert [len(page["pullThroughCacheRules"]) for page in found] == [1, 0, 1]


def test_services_are_listed_ten_by_ten_by_default(endpoint):
    ecs = client(endpoint, "ecs")
    assert [len(page["serviceArns"]) for page in ecs.get_paginator("list_services").paginate(cluster="shop")] == [10, 4]


def test_a_list_that_ended_early_ends_early_for_everyone(endpoint):
    pages = client(endpoint, "ecs").get_paginator("list_tasks").paginate(cluster=CLUSTER)
    assert code_of(list, pages) == ("ThrottlingException", 400)
    given = {"repositoryName": "bb", "filter": {"imageStatus": "ANY"}, "PaginationConfig": {"PageSize": 3}}
    pages = iter(client(endpoint).get_paginator("list_images").paginate(**given))
    assert [len(next(pages)["imageIds"]) for _ in range(3)] == [3, 3, 1]
    assert code_of(next, pages) == ("ThrottlingException", 400)


@pytest.mark.parametrize(
    ("filter", "wanted"),
    [
        ({}, lambda i: i.status == "ACTIVE"),
        ({"imageStatus": "ANY"}, lambda i: True),
        ({"imageStatus": "ARCHIVED"}, lambda i: i.status == "ARCHIVED"),
        ({"tagStatus": "UNTAGGED"}, lambda i: not i.tags and i.status == "ACTIVE"),
        ({"tagStatus": "TAGGED", "imageStatus": "ANY"}, lambda i: i.tags),
    ],
)
def test_images_are_filtered_and_paged(endpoint, filter, wanted):
    expected = [i for i in LISTINGS["aa"].images if wanted(i)]
    given = {"repositoryName": "aa", **({"filter": filter} if filter else {})}
    pages = list(client(endpoint).get_paginator("describe_images").paginate(**given))
    found = [detail for page in pages for detail in page["imageDetails"]]
    assert [detail["imageDigest"] for detail in found] == [i.digest for i in expected]
    assert [len(page["imageDetails"]) for page in pages[:-1]] == [100] * (len(pages) - 1)
    assert found[0]["imagePushedAt"].astimezone(UTC) == expected[0].pushed_at
    ids = client(endpoint).get_paginator("list_images").paginate(**given).build_full_result()["imageIds"]
    assert [row["imageDigest"] for row in ids] == [i.digest for i in expected]


def test_images_are_looked_up_by_id(endpoint):
    ecr = client(endpoint)
    one, two = image("aa", 1), image("aa", 7)
    found = ecr.describe_images(repositoryName="aa", imageIds=[{"imageDigest": one.digest}, {"imageTag": "v7"}])
    assert {detail["imageDigest"] for detail in found["imageDetails"]} == {one.digest, two.digest}
    unknown = [{"imageTag": "v1"}, {"imageTag": "v9999"}]
    assert code_of(ecr.describe_images, repositoryName="aa", imageIds=unknown) == ("ImageNotFoundException", 400)
    # Absence from half a list proves nothing.
    assert code_of(ecr.describe_images, repositoryName="bb", imageIds=unknown) == ("ThrottlingException", 400)
    assert code_of(ecr.describe_images, repositoryName="cc") == ("AccessDeniedException", 400)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("ecr", "describe_repositories", {"repositoryNames": ["aa", "nope"]}, "RepositoryNotFoundException"),
        ("ecr", "describe_images", {"repositoryName": "nope"}, "RepositoryNotFoundException"),
        ("ecr", "get_lifecycle_policy", {"repositoryName": "nope"}, "RepositoryNotFoundException"),
        ("ecr", "get_lifecycle_policy", {"repositoryName": "aa", "registryId": OTHER}, "NotRecorded"),
        ("ecr", "batch_get_image", {"repositoryName": "aa", "imageIds": [{"imageTag": "v1"}]}, "NotRecorded"),
        ("ecr", "delete_repository", {"repositoryName": "aa"}, "NotRecorded"),
        ("ecr", "list_images", {"repositoryName": "aa", "nextToken": "bm9wZQ=="}, "InvalidParameterException"),
        ("ecr", "list_images", {"repositoryName": "aa", "nextToken": "\N{SNOWMAN}"}, "InvalidParameterException"),
        (
            "ecr",
            "describe_images",
            {"repositoryName": "aa", "imageIds": [{"imageTag": "v1"}], "maxResults": 1},
            "InvalidParameterException",
        ),
        ("ecr", "list_images", {"repositoryName": "aa", "filter": {"tagStatus": "x"}}, "InvalidParameterException"),
        ("ecr", "list_images", {"repositoryName": "aa", "maxResults": 1001}, "InvalidParameterException"),
        ("ecs", "list_services", {"cluster": "nope"}, "ClusterNotFoundException"),
        ("ecs", "list_services", {}, "ClusterNotFoundException"),
        ("ecs", "list_services", {"cluster": "shop", "launchType": "EC2"}, "NotRecorded"),
        ("ecs", "describe_services", {"cluster": "shop", "services": ["s12"]}, "AccessDeniedException"),
        ("ecs", "describe_tasks", {"cluster": "shop", "tasks": ["t"]}, "NotRecorded"),
        ("ecs", "describe_task_definition", {"taskDefinition": "web"}, "NotRecorded"),
        ("ecs", "describe_clusters", {"clusters": ["shop"], "include": ["STATISTICS"]}, "NotRecorded"),
        ("ecs", "run_task", {"taskDefinition": "web"}, "NotRecorded"),
        ("eks", "describe_cluster", {"name": "nope"}, "ResourceNotFoundException"),
        ("eks", "describe_cluster", {"name": "k"}, "ResourceNotFoundException"),
        ("eks", "describe_nodegroup", {"clusterName": "k", "nodegroupName": "x"}, "ResourceNotFoundException"),
        ("eks", "describe_addon", {"clusterName": "k", "addonName": "x"}, "NotRecorded"),
        ("eks", "list_addons", {"clusterName": "k"}, "AccessDeniedException"),
        ("eks", "delete_cluster", {"name": "k"}, "NotRecorded"),
    ],
)
def test_what_is_not_there_and_what_nobody_asked_are_told_apart(endpoint, service, operation, parameters, code):
    asked = getattr(client(endpoint, service), operation)
    assert code_of(asked, **parameters)[0] == code


def test_members_are_described_by_name_as_by_arn(endpoint):
    ecs = client(endpoint, "ecs")
    answer = ecs.describe_services(cluster="shop", services=["s03", SERVICES[1], "s09", "nope"])
    assert [service["serviceName"] for service in answer["services"]] == ["s03", "s01"]
    assert all("tags" not in service for service in answer["services"])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING", "MISSING"]
    assert answer["failures"][1]["arn"] == f"{SERVICES[0][:-4]}/nope"
    tagged = ecs.describe_services(cluster=CLUSTER, services=["s03"], include=["TAGS"])
    assert tagged["services"][0]["tags"]
    foreign = SERVICES[3].replace("us-east-1", "us-west-2")
    assert ecs.describe_services(cluster="shop", services=[foreign])["failures"] == [
        {"arn": foreign, "reason": "MISSING"}
    ]
    assert ecs.describe_clusters(clusters=["shop"])["clusters"][0]["clusterArn"] == CLUSTER
    assert ecs.describe_clusters()["failures"][0]["arn"].endswith(":cluster/default")


def test_names_with_slashes_are_found_in_paths(endpoint):
    answer = client(endpoint, "eks").describe_nodegroup(clusterName="k", nodegroupName="n/1")
    assert answer["nodegroup"]["nodegroupName"] == "n/1"


def test_task_definitions_and_revisions_of_the_estate():
    with serve(estate()) as endpoint:
        ecs = client(endpoint, "ecs")
        newest = ecs.describe_task_definition(taskDefinition="storefront-web")["taskDefinition"]
        assert (newest["revision"], newest["family"]) == (188, "storefront-web")
        assert ecs.describe_task_definition(taskDefinition="storefront-web:188")["taskDefinition"] == newest
        services = ecs.describe_services(cluster="storefront", services=["web"])["services"]
        arn = services[0]["currentServiceRevisions"][0]["arn"]
        revisions = ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
        assert revisions[0]["taskDefinition"] == newest["taskDefinitionArn"]


@pytest.mark.parametrize(
    ("region", "account"), [("eu-west-1", HOME), ("us-west-2", OTHER), ("us-east-1", "999999999999")]
)
def test_places_that_were_not_collected_are_refused(endpoint, region, account):
    assert code_of(client(endpoint, "ecs", region, account).list_clusters) == ("NotRecorded", 501)


def test_services_that_were_not_collected_are_refused(endpoint):
    assert code_of(client(endpoint, "lambda").list_functions) == ("NotRecorded", 501)
    assert code_of(client(endpoint, "ecr", "us-west-2").describe_repositories) == ("NotRecorded", 501)


SIGNED = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
ECR, EKS, STS = (SIGNED.format(service) for service in ("ecr", "eks", "sts"))
TARGET = "AmazonEC2ContainerRegistry_V20150921.ListImages"


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/", {}, b"{}", 403),
        ("POST", "/", {"Authorization": "Bearer x"}, b"{}", 403),
        ("POST", "/", {"Authorization": ECR}, b"{}", 404),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.Nope"}, b"{}", 404),
        ("GET", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b"", 404),
        ("POST", "/x/../../etc/passwd", {"Authorization": ECR, "X-Amz-Target": TARGET}, b"{}", 404),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b"{", 400),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b"\xff\xfe", 400),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b"[" * 200_000, 400),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b"[]", 400),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b'{"repositoryName": {"a": 1}}', 400),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b'{"maxResults": NaN}', 400),
        (
            "POST",
            "/",
            {"Authorization": ECR, "X-Amz-Target": TARGET},
            b'{"repositoryName": "aa", "maxResults": "9"}',
            400,
        ),
        (
            "POST",
            "/",
            {"Authorization": ECR, "X-Amz-Target": TARGET},
            b'{"repositoryName": "aa", "nextToken": "\\ud800"}',
            400,
        ),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b'{"repositoryName": "\\ud800"}', 400),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET}, b" " * (MOST_BYTES + 1), 413),
        ("POST", "/", {"Authorization": ECR, "X-Amz-Target": TARGET, "Host": "evil.example"}, b"{}", 403),
        ("POST", "/", {"Authorization": ECR, "Transfer-Encoding": "chunked"}, None, 411),
        ("POST", "/", {"Authorization": ECR, "Content-Length": "-1"}, None, 411),
        ("GET", "/nope", {"Authorization": EKS}, None, 404),
        ("GET", "//[", {"Authorization": EKS}, None, 404),
        ("GET", "/clusters?maxResults=ten", {"Authorization": EKS}, None, 400),
        ("GET", "/clusters?maxResults=0", {"Authorization": EKS}, None, 400),
        ("GET", "/clusters?nextToken=x", {"Authorization": EKS}, None, 400),
        ("GET", "/clusters?" + "a&" * 200, {"Authorization": EKS}, None, 400),
        ("GET", "/clusters/%ff%00", {"Authorization": EKS}, None, 404),
        ("POST", "/", {"Authorization": STS}, b"Action=", 400),
        ("POST", "/", {"Authorization": STS}, b"\xff", 400),
        ("POST", "/", {"Authorization": STS}, b"Action=AssumeRole", 400),
        (
            "POST",
            "/",
            {"Authorization": STS},
            b"Action=AssumeRole&RoleArn=x%3Cy" + b"z" * 20 + b"&RoleSessionName=me",
            403,
        ),
        ("TRACE", "/", {"Authorization": EKS}, None, 501),
        ("OPTIONS", "/clusters", {"Authorization": EKS, "Origin": "http://evil.example"}, None, 404),
    ],
)
def test_hostile_requests_get_clean_errors(endpoint, capfd, method, path, headers, body, status):
    connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read()
    assert response.status == status
    assert b"<" in text if headers.get("Authorization") == STS else json.loads(text)["message"]
    assert capfd.readouterr() == ("", "")


def test_a_connection_is_kept_and_heads_have_no_body(endpoint):
    connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        connection.connect()
        first = connection.sock
        for method in ("HEAD", "GET"):
            connection.request(method, "/clusters", headers={"Authorization": EKS})
            body = connection.getresponse().read()
        assert connection.sock is first
        assert json.loads(body) == {"clusters": ["k"]}


def test_what_is_no_http_is_answered_and_hung_up_on(endpoint, capfd):
    host, _, port = endpoint.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/9.9 what\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b" 400 " in answer
    assert capfd.readouterr() == ("", "")


def test_errors_that_aws_never_sent_keep_their_name(recorded, tmp_path):
    lost = CallError("ReadTimeoutError", "Read timeout on endpoint URL", None, 5)
    odd = CallError("Bad\r\nHeader: code", "m", 400)
    writer = SnapshotWriter(tmp_path / "s")
    calls = [call(WEST, "ecs", "ListClusters", {"maxResults": 100}, lost), call(WEST, "ecs", "ListServices", {}, odd)]
    writer.write(WEST, calls, {}, started_at=AT, finished_at=AT)
    with serve(writer.finish([WEST])) as endpoint:
        ecs = client(endpoint, "ecs", "us-west-2")
        assert code_of(ecs.list_clusters) == ("ReadTimeoutError", 501)
        assert code_of(ecs.list_services)[1] == 400


def test_what_only_says_the_default_changes_nothing(endpoint):
    ecr, ecs = client(endpoint), client(endpoint, "ecs")
    plain = ecr.get_lifecycle_policy(repositoryName="aa")
    assert ecr.get_lifecycle_policy(repositoryName="aa", registryId=HOME)["repositoryName"] == plain["repositoryName"]
    assert len(ecs.describe_services(cluster="shop", services=["s03"], include=[])["services"]) == 1
    asked = {"cluster": "shop", "desiredStatus": "RUNNING", "maxResults": 100}
    assert ecs.list_tasks(**asked)["taskArns"] == []
    foreign = CLUSTER.replace("us-east-1", "us-west-2")
    assert code_of(ecs.list_tasks, cluster=foreign)[0] == "ClusterNotFoundException"


def test_images_that_were_listed_with_a_filter_answer_no_wider_question(tmp_path):
    writer = SnapshotWriter(tmp_path / "s")
    some = Listing((Image(f"sha256:{'0' * 64}", ("v1",)),))
    asked = {"repositoryName": "aa", "filter": {"tagStatus": "TAGGED"}}
    writer.write(
        WEST, [call(WEST, "ecr", "DescribeImages", asked, rows=1)], {"aa": some}, started_at=AT, finished_at=AT
    )
    with serve(writer.finish([WEST])) as endpoint:
        ecr = client(endpoint, "ecr", "us-west-2")
        assert len(ecr.describe_images(**asked)["imageDetails"]) == 1
        assert code_of(ecr.describe_images, repositoryName="aa") == ("NotRecorded", 501)
        assert code_of(ecr.describe_images, **{**asked, "filter": {"imageStatus": "ANY"}}) == ("NotRecorded", 501)
        assert code_of(ecr.describe_repositories) == ("NotRecorded", 501)


def test_a_recording_that_makes_no_sense_is_answered_with_an_error(tmp_path, capfd):
    writer = SnapshotWriter(tmp_path / "s")
    calls = [call(WEST, "ecr", "DescribeRepositories", {}, {"repositories": [{}]})]
    writer.write(WEST, calls, {}, started_at=AT, finished_at=AT)
    with serve(writer.finish([WEST])) as endpoint:
        ecr = client(endpoint, "ecr", "us-west-2")
        assert code_of(ecr.describe_repositories, repositoryNames=["aa"]) == ("InternalFailure", 500)
    assert capfd.readouterr() == ("", "")


def test_the_endpoint_stops_although_a_client_holds_on(recorded):
    with serve(recorded) as endpoint:
        connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=30)
        connection.request("GET", "/clusters", headers={"Authorization": EKS})
        connection.getresponse().read()
    assert connection.sock.recv(1) == b""
    connection.close()
    endpoint.wait()
    assert endpoint.url not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(ConnectionRefusedError):
        connection.request("GET", "/")


def test_a_port_that_is_taken_is_a_usage_error(recorded, endpoint):
    port = int(endpoint.url.rpartition(":")[2])
    with pytest.raises(UsageError, match="cannot be used"), serve(recorded, port):
        pass
    with pytest.raises(UsageError), serve(recorded, 70000):
        pass


@given(st.integers(0, 60), st.integers(1, 20), st.booleans())
def test_cutting_loses_nothing_and_ends(length, size, broken):
    query = Query(Place(HOME, "us-east-1"), "ecs", "ListTasks", {"cluster": "x"}, size=size, member="taskArns")
    items, seen, error = list(range(length)), [], THROTTLED if broken else None
    tokens = [None]
    for _ in range(-(-length // size) + (not length) * (not broken)):
        page = cut(replace(query, token=tokens[-1]), items, error, lambda page: {"taskArns": page})
        seen += page["taskArns"]
        tokens.append(page.get("nextToken"))
    assert seen == items
    assert len(set(tokens)) == len(tokens) - (not broken)
    if broken:
        with pytest.raises(Refused, match="Rate exceeded"):
            cut(replace(query, token=tokens[-1]), items, error, dict)
    for token in filter(None, tokens):
        with pytest.raises(Refused, match="nextToken"):
            cut(replace(query, token=token, parameters={"cluster": "y"}), items, error, dict)
