"""Collecting: whatever AWS answers, every fact is kept, every failure is a gap, and nothing is asked that writes."""

from __future__ import annotations

import _thread
import gzip
import json
import re
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path

import pytest
from stub_aws import (
    ACCOUNT,
    CLUSTER,
    DEFINITION,
    DIGEST,
    EKS,
    HEALTHY,
    IMAGE,
    REGION,
    REVISION,
    SECRET,
    SERVICE,
    TASK,
    error,
    serve,
    slow,
    sts_error,
)

from scanner import collectors
from scanner.collectors import Answers, ecr, ecs, eks
from scanner.collectors.discovery import find
from scanner.collectors.live import collect, collect_targets
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.config import Organization
from scanner.errors import CredentialsError, RegionproofError, SnapshotError, UsageError
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import Gap, Model, Place, Resource, Unknown, plain
from scanner.recorded import NOT_CONFIGURED
from scanner.snapshot import Call, CallError, Snapshot, SnapshotWriter, Target

ONCE = Limits(connect_timeout=20, read_timeout=20, max_attempts=1, max_throttles=1, paced=False)
HASTY = Limits(connect_timeout=20, read_timeout=1, max_attempts=1, max_throttles=1, paced=False)
HERE = Target(ACCOUNT, REGION, "aws", None, ("ecr", "ecs", "eks"))
COLLECTORS = {service: collectors.COLLECTORS[service] for service in HERE.services}
TYPES = {type for module in COLLECTORS.values() for type in module.TYPES} - {ecr.MANIFEST}  # nobody asks for it here
ASKS = [(service, ask) for service in HERE.services for ask in COLLECTORS[service].CALLS]
OPERATIONS = [f"{service}:{ask.operation}" for service, ask in ASKS]


pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture(scope="module")
def endpoint():
    with serve() as stub:
        yield stub


@pytest.fixture
def stub(endpoint):
    endpoint.reset()
    return endpoint


@cache
def sessions(url: str, limits: Limits) -> Sessions:
    """Return sessions that are made once: loading the SDK's models takes longer than a test."""
    return Sessions(endpoint_url=url, limits=limits)


def ticking():
    seconds = count(1_790_000_000)
    return lambda: datetime.fromtimestamp(next(seconds), UTC)


def run(stub, path: Path, *, limits: Limits = ONCE, regions=(REGION,), services=HERE.services, **rest) -> Snapshot:
    given = {"regions": regions, "services": services, "endpoint_url": stub.url, "limits": limits}
    return collect(path / "s", clock=ticking(), **given, **rest).snapshot


def failing(operation: str, answer):
    return lambda asked, parameters: (answer() if callable(answer) else answer) if asked == operation else None


def read(snapshot: Snapshot) -> tuple[list[Resource], list[Gap]]:
    """Return what a snapshot shows, without the gaps of the services that nobody asks here."""
    resources, gaps = collectors.read(snapshot)
    return resources, [gap for gap in gaps if gap.type in TYPES]


def repr_short(value) -> str:
    return repr(value)[:20]


def errors_of(snapshot: Snapshot) -> dict[str, CallError]:
    return {f"{call.service}:{call.operation}": call.error for call in snapshot.calls() if call.error}


def by_type(snapshot: Snapshot) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for resource in read(snapshot)[0]:
        found.setdefault(resource.type, []).append(resource)
    return found


def gaps_in(snapshot: Snapshot) -> list[Gap]:
    """Return what was not seen of the services that were asked."""
    return read(snapshot)[1]


def written(path: Path) -> str:
    files = [file for file in path.rglob("*") if file.is_file()]
    data = [gzip.decompress(f.read_bytes()) if f.suffix == ".gz" else f.read_bytes() for f in files]
    return b"\n".join(data).decode("utf-8", "replace")


# --- what is asked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_reading_operations_are_asked(operation):
    assert re.fullmatch(r"(ecr|ecs|eks):(Describe|List|Get|BatchGet)\w+", operation)


def test_the_table_of_calls_agrees_with_the_sdk():
    import botocore.session

    session = botocore.session.get_session()
    for service, ask in ASKS:
        model = session.get_service_model(service).operation_model(ask.operation)
        assert ask.answer in model.output_shape.members
        assert set(ask.parameters) <= set(model.input_shape.members)
        assert ask.paged == ("nextToken" in model.input_shape.members), ask
        assert ask.absent <= NOT_CONFIGURED
        if maximum := ask.parameters.get("maxResults"):
            largest = 50 if ask.operation == "ListReplicationBackfills" else 1000
            assert maximum == (largest if service == "ecr" else 100)
    for module in COLLECTORS.values():
        assert {type for ask in module.CALLS for type in ask.types} | {ecr.REGISTRY, ecr.MANIFEST} >= set(module.TYPES)


def test_everything_is_asked_and_recorded_as_it_came(stub, tmp_path):
    snapshot = run(stub, tmp_path)
    assert {f"{call.service}:{call.operation}" for call in snapshot.calls()} == {*OPERATIONS, "account:ListRegions"}
    assert all(row.status == "complete" for row in snapshot.coverage())
    answers = {f"{call.service}:{call.operation}": call.response for call in snapshot.calls()}
    assert answers["ecr:DescribeRepositories"] == HEALTHY["ecr:DescribeRepositories"]  # members of tomorrow as well
    assert answers["ecr:GetLifecyclePolicy"]["lastEvaluatedAt"] == -18000.0
    asked = dict(stub.asked)
    assert asked["ecr:DescribeImages"] == {
        "repositoryName": "team/api", "maxResults": 1000, "filter": {"imageStatus": "ANY"},
    }  # fmt: skip
    assert asked["ecs:DescribeClusters"]["include"] == ["CONFIGURATIONS", "SETTINGS", "TAGS"]
    assert stub.count("ecr:GetAccountSetting") == 3
    assert asked["ecs:ListTaskDefinitionFamilies"] == {"maxResults": 100, "status": "ACTIVE"}
    assert stub.count("ecs:DescribeTaskDefinition") == 1  # the service and the task use the same
    assert SECRET not in written(tmp_path)
    assert "AKIAIOSFODNN7EXAMPLE" not in written(tmp_path)


def test_the_resources_are_cloudformation_shaped(stub, tmp_path):
    resources, gaps = read(run(stub, tmp_path))
    assert gaps == []
    regions = [resource for resource in resources if resource.type == "AWS::Account::Region"]
    assert {region.region for region in regions} == {REGION, "us-west-2"}
    assert {resource.place for resource in resources if resource not in regions} == {Place(ACCOUNT, REGION)}
    (region,) = (region for region in regions if region.region == REGION)
    assert (region.id, region.name, region["RegionName"]) == (f"aws://{ACCOUNT}/{REGION}", "region", REGION)
    seen = {r.type: (r.id, r.name, plain(r.properties)) for r in resources if r not in regions}
    assert seen["AWS::ECR::Registry"] == (
        f"aws://{ACCOUNT}/{REGION}/ecr",
        "registry",
        {
            "RegistryId": ACCOUNT,
            "ReplicationConfiguration": {
                "Rules": [
                    {
                        "Destinations": [{"Region": "us-west-2", "RegistryId": ACCOUNT}],
                        "RepositoryFilters": [{"Filter": "team/", "FilterType": "PREFIX_MATCH"}],
                        "DeleteReplication": {"Enabled": True},
                    }
                ]
            },
            "PolicyText": {"Version": "2012-10-17", "Statement": []},
            "RepositoryCreationTemplates": [
                {
                    "Prefix": "team",
                    "AppliedFor": ["REPLICATION"],
                    "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                    "ImageTagMutabilityExclusionFilters": [
                        {
                            "ImageTagMutabilityExclusionFilterType": "WILDCARD",
                            "ImageTagMutabilityExclusionFilterValue": "dev-*",
                        }
                    ],
                    "ResourceTags": [{"Key": "a", "Value": "b"}],
                }
            ],
            "PullThroughCacheRules": [{"EcrRepositoryPrefix": "hub", "UpstreamRegistryUrl": "registry-1.docker.io"}],
            "ScanningConfiguration": {"ScanType": "BASIC", "Rules": []},
            "SigningConfiguration": {
                "Rules": [
                    {
                        "SigningProfileArn": f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/shop",
                        "RepositoryFilters": [{"Filter": "team/*", "FilterType": "WILDCARD_MATCH"}],
                    }
                ]
            },
            "PullTimeUpdateExclusions": [f"arn:aws:iam::{ACCOUNT}:role/scanner"],
            "ReplicationBackfills": [
                {
                    "ReplicationBackfillId": "backfill-1",
                    "Destination": {"Region": "us-west-2", "RegistryId": ACCOUNT},
                    "Status": "COMPLETE",
                    "Progress": {
                        "TotalReplicationCount": 3,
                        "CompletedReplicationCount": 3,
                        "FailedReplicationCount": 0,
                        "FailureCodes": [],
                    },
                    "StartedAt": "2026-05-28T20:26:40.500000Z",
                    "EndedAt": "2026-05-28T20:27:40Z",
                }
            ],
            "ReplicationStatuses": {
                "unknown": f"ecr:DescribeImageReplicationStatus was not asked in {ACCOUNT}/{REGION}"
            },
            "ReplicationStatusesLeftOut": {
                "unknown": f"ecr:DescribeImageReplicationStatus was not asked in {ACCOUNT}/{REGION}"
            },
            "AccountSettings": {"REGISTRY_POLICY_SCOPE": "V2", "BLOB_MOUNTING": "V2", "BASIC_SCAN_TYPE_VERSION": "V2"},
        },
    )
    assert seen["AWS::ECR::Repository"] == (
        f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/api",
        "team/api",
        {
            "RepositoryName": "team/api",
            "ImageTagMutability": "IMMUTABLE",
            "ImageScanningConfiguration": {"ScanOnPush": True},
            "EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": "arn:aws:kms:us-east-1:1:key/k"},
            "LifecyclePolicy": {"LifecyclePolicyText": '{"rules": []}'},
            "RepositoryPolicyText": {"Statement": [{"Effect": "Allow"}]},
            "ScanFrequency": "SCAN_ON_PUSH",
        },
    )
    image = {"ContainerName": "api", "Image": IMAGE, "ImageDigest": DIGEST}
    assert seen["AWS::ECS::Service"] == (
        SERVICE,
        "shop/api",
        {
            "ServiceName": "api",
            "Cluster": CLUSTER,
            "TaskDefinition": DEFINITION,
            "DesiredCount": 2,
            "ContainerImages": [image],
        },
    )
    assert seen["AWS::ECS::Task"][1:] == (
        "family:nightly",
        {
            "Cluster": CLUSTER,
            "TaskDefinition": DEFINITION,
            "Group": "family:nightly",
            "ContainerImages": [{**image, "ContainerName": "job"}],
        },
    )
    assert seen["AWS::ECS::TaskDefinition"][2] == {
        "Family": "api",
        "ContainerDefinitions": [
            {
                "Name": "api",
                "Image": IMAGE,
                "Environment": [{"Name": "PASSWORD", "Value": "[redacted]"}],
                "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "/ecs/web"}},
            }
        ],
        "Volumes": [{"Name": "v", "EFSVolumeConfiguration": {"FilesystemId": "fs-1"}}],
    }
    assert seen["AWS::EKS::Cluster"][2]["Logging"] == {"ClusterLogging": {"EnabledTypes": [{"Type": "api"}]}}
    assert seen["AWS::EKS::Nodegroup"][1] == "platform/general"
    assert seen["AWS::EKS::Addon"][1] == "platform/coredns"
    assert seen["AWS::EKS::FargateProfile"][1:] == (
        "platform/default",
        {
            "ClusterName": "platform",
            "FargateProfileName": "default",
            "Selectors": [{"Namespace": "shop", "Labels": {"app": "x"}}],
        },
    )
    assert seen["AWS::EKS::PodIdentityAssociation"] == (
        f"{EKS}:podidentityassociation/platform/a-1",
        "platform/shop/api",
        {
            "ClusterName": "platform",
            "Namespace": "shop",
            "ServiceAccount": "api",
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/api",
            "AssociationArn": f"{EKS}:podidentityassociation/platform/a-1",
            "AssociationId": "a-1",
        },
    )
    assert seen["AWS::EKS::ClusterVersion"] == (
        f"aws://{ACCOUNT}/{REGION}/eks/versions/1.33",
        "1.33",
        {
            "ClusterVersion": "1.33",
            "VersionStatus": "STANDARD_SUPPORT",
            "EndOfStandardSupportDate": "2026-07-29T00:00:00Z",
        },
    )
    assert {resource.type: dict(resource.tags) for resource in resources if resource.tags} == {
        "AWS::ECS::Service": {"team": "shop"},
        "AWS::EKS::Cluster": {"team": "platform"},
    }
    assert all(resource.observed_at for resource in resources if resource.type != "AWS::Account::Region")


def test_the_images_are_indexed(stub, tmp_path):
    snapshot = run(stub, tmp_path)
    image = Image(DIGEST, ("v1",), datetime.fromtimestamp(1700000000.5, UTC), 7)
    assert snapshot.images() == {RepositoryKey(ACCOUNT, REGION, "team/api"): Listing((image,))}
    (call,) = [call for call in snapshot.calls() if call.operation == "DescribeImages"]
    assert (call.response, call.rows, call.error) == (None, 1, None)


# --- what goes wrong ---------------------------------------------------------------------------------------------

FAULTS = {
    "denied": (
        lambda: error(400, "AccessDeniedException", f"no: aws_secret_access_key={SECRET}"),
        "AccessDeniedException",
    ),
    "throttled": (lambda: error(400, "ThrottlingException", "Rate exceeded"), "ThrottlingException"),
    "5xx": (lambda: (503, "<html><body>Service Unavailable</body></html>"), "503"),
    "timeout": (lambda: slow(1.5), "ReadTimeoutError"),
    "malformed": (lambda: (200, "<html>welcome to the hotel network</html>"), "MalformedResponse"),
    "no key": (lambda: (200, "{}"), "MalformedResponse"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("service", "ask"), ASKS, ids=OPERATIONS)
def test_a_failed_call_is_a_recorded_error_and_gaps_of_its_types(stub, tmp_path, service, ask, fault):
    answer, code = FAULTS[fault]
    operation = f"{service}:{ask.operation}"
    stub.script = failing(operation, answer)
    writer = SnapshotWriter(tmp_path / "s")
    target = Target(ACCOUNT, REGION, "aws", None, (service,))
    snapshot = collect_targets([target], writer, sessions(stub.url, HASTY if fault == "timeout" else ONCE), ticking())
    errors = errors_of(snapshot)
    assert set(errors) == {operation}
    assert errors[operation].code == code
    resources, gaps = read(snapshot)
    gaps = [gap for gap in gaps if gap.operation]  # not those of the services that were left out
    assert {(gap.type, gap.reason, gap.operation) for gap in gaps} == {(type, code, operation) for type in ask.types}
    assert {(gap.account, gap.region) for gap in gaps} <= {(ACCOUNT, REGION)}
    if not ask.types:
        assert _unknown(resources) or not snapshot.images()[RepositoryKey(ACCOUNT, REGION, "team/api")].images
    assert SECRET not in written(tmp_path)


def _unknown(resources) -> str:
    text = json.dumps([plain(resource.properties) for resource in resources])
    return text if '"unknown"' in text else ""


@pytest.mark.parametrize(
    ("operation", "code", "type", "property"),
    [
        (
            "ecr:GetRepositoryPolicy",
            "RepositoryPolicyNotFoundException",
            "AWS::ECR::Repository",
            "RepositoryPolicyText",
        ),
        ("ecr:GetLifecyclePolicy", "LifecyclePolicyNotFoundException", "AWS::ECR::Repository", "LifecyclePolicy"),
        ("ecr:GetRegistryPolicy", "RegistryPolicyNotFoundException", "AWS::ECR::Registry", "PolicyText"),
        (
            "ecr:GetSigningConfiguration",
            "SigningConfigurationNotFoundException",
            "AWS::ECR::Registry",
            "SigningConfiguration",
        ),
    ],
)
def test_not_configured_is_a_fact_and_denied_is_not(stub, tmp_path, operation, code, type, property):
    stub.script = failing(operation, error(400, code))
    snapshot = run(stub, tmp_path / "absent")
    (resource,) = by_type(snapshot)[type]
    assert resource[property] is None
    assert gaps_in(snapshot) == []
    stub.script = failing(operation, error(400, "AccessDeniedException"))
    (resource,) = by_type(run(stub, tmp_path / "denied"))[type]
    assert isinstance(dict(resource.properties.raw())[property], Unknown)


def test_an_unknown_account_setting_hides_that_setting_only(stub, tmp_path):
    def script(operation, parameters):
        if operation == "ecr:GetAccountSetting" and parameters["name"] == "BLOB_MOUNTING":
            return error(400, "InvalidParameterException", "no such setting")
        return None

    stub.script = script
    (registry,) = by_type(run(stub, tmp_path))["AWS::ECR::Registry"]
    assert registry["AccountSettings"]["REGISTRY_POLICY_SCOPE"] == "V2"
    assert isinstance(dict(registry["AccountSettings"].raw())["BLOB_MOUNTING"], Unknown)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"repositories": null}', "not a list"),
        ('{"repositories": {}}', "not a list"),
        ('{"repositories": [1]}', "not a list"),
        ('{"repositories": [], "nextToken": 7}', "not a string"),
        ('{"repositories": [{"a": NaN}]}', "not JSON"),
        ('{"repositories": [' + '{"a":' * 100 + "1" + "}" * 100 + "]}", "nested too deeply"),
        ('{"repositories": ' + "[" * 200_000, "not JSON"),
        ('{"repositories": [{"repositoryName": "cut', "not JSON"),
        ("", "not JSON"),
    ],
)
def test_a_body_that_is_no_answer_is_malformed(stub, tmp_path, body, problem):
    stub.script = failing("ecr:DescribeRepositories", (200, body))
    snapshot = run(stub, tmp_path, services=("ecr",))
    found = errors_of(snapshot)["ecr:DescribeRepositories"]
    assert (found.code, found.status) == ("MalformedResponse", 200)
    assert problem in found.message


def test_a_connection_that_breaks_is_a_recorded_error(stub, tmp_path):
    stub.script = failing("ecs:ListClusters", (0, ""))
    assert errors_of(run(stub, tmp_path))["ecs:ListClusters"].code == "ConnectionClosedError"


def test_an_error_body_that_is_none_is_a_recorded_error(stub, tmp_path):
    stub.script = failing("ecs:ListClusters", (400, "[1, 2]"))
    snapshot = run(stub, tmp_path)
    assert "ecs:ListClusters" in errors_of(snapshot)
    assert {gap.type for gap in gaps_in(snapshot)} == set(ecs.TYPES) - {"AWS::ECS::TaskDefinitionFamily"}


def test_retries_are_counted_and_may_succeed(stub, tmp_path):
    answers = iter([error(400, "ThrottlingException")])
    stub.script = lambda operation, _: next(answers, None) if operation == "ecs:ListClusters" else None
    limits = Limits(2, 2, max_attempts=2, max_throttles=2, paced=False)
    assert errors_of(run(stub, tmp_path / "a", limits=limits, services=("ecs",))) == {}
    stub.script = failing("ecs:ListClusters", error(400, "ThrottlingException"))
    failed = errors_of(run(stub, tmp_path / "b", limits=limits, services=("ecs",)))
    assert failed["ecs:ListClusters"].attempts == 2


def test_an_operation_that_this_sdk_does_not_know_is_a_recorded_error(stub, tmp_path, monkeypatch):
    newer = replace(ecs.CALLS[0], operation="ListDaemonsOfTomorrow")
    monkeypatch.setattr(ecs, "CALLS", (newer,))
    error = errors_of(run(stub, tmp_path, services=("ecs",)))["ecs:ListDaemonsOfTomorrow"]
    assert error.code == "UnknownOperation"
    assert re.fullmatch(r"botocore [\d.]+ does not know it; upgrade boto3", error.message)


ODD = [None, 7, "", "\0", "\ud800", "../../x", [], {}, {"a": [1]}, [[]], [{"arn": []}], "x" * 5000]


@pytest.mark.parametrize("odd", ODD, ids=repr_short)
def test_no_odd_member_of_an_answer_stops_a_run(stub, tmp_path, odd):
    """Replace every member of every item of an answer in turn; the run ends, and so does reading it."""

    def twisted(value):
        if isinstance(value, list):
            return [twisted(item) for item in value]
        return dict.fromkeys(value, odd) if isinstance(value, dict) else value

    stub.script = lambda operation, _: (
        {key: twisted(value) for key, value in HEALTHY[operation].items()} if operation in HEALTHY else None
    )
    snapshot = run(stub, tmp_path)
    snapshot.images()
    resources, gaps = read(snapshot)
    assert {resource.place for resource in resources} == {Place(ACCOUNT, REGION)}
    Model(resources, gaps=gaps, images=ImageIndex(snapshot.images()), scanned=[HERE.place], as_of=snapshot.as_of)


# --- paging ------------------------------------------------------------------------------------------------------


def _pages(operation: str, pages: list, key: str = "nextToken"):
    """Answer page n to token tn; the last page has no token."""

    def script(asked, parameters):
        if asked != operation:
            return None
        number = int(parameters.get(key, "t0")[1:])
        page = pages[number]
        more = {key: f"t{number + 1}"} if isinstance(page, dict) and number + 1 < len(pages) else {}
        return {**page, **more} if isinstance(page, dict) else page

    return script


def repository(name: str) -> dict:
    return {"repositoryName": name, "repositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"}


def image(n: int, **more) -> dict:
    return {"imageDigest": f"sha256:{n:064x}", **more}


def test_all_pages_are_read_and_no_token_is_kept(stub, tmp_path):
    stub.script = _pages("ecr:DescribeRepositories", [{"repositories": [repository(n)]} for n in ("a", "b", "c")])
    snapshot = run(stub, tmp_path, services=("ecr",))
    calls = [call for call in snapshot.calls() if call.operation == "DescribeRepositories"]
    assert [(call.page, call.parameters) for call in calls] == [(n, {"maxResults": 1000}) for n in range(3)]
    assert [resource.name for resource in by_type(snapshot)["AWS::ECR::Repository"]] == ["a", "b", "c"]
    assert "nextToken" not in written(tmp_path)


def test_what_was_listed_before_a_failure_is_kept_and_the_rest_is_a_gap(stub, tmp_path):
    pages = [{"repositories": [repository("a")]}, error(400, "AccessDeniedException", "no")]
    stub.script = _pages("ecr:DescribeRepositories", pages)
    snapshot = run(stub, tmp_path, services=("ecr",))
    resources, gaps = read(snapshot)
    assert [resource.name for resource in resources if resource.type == "AWS::ECR::Repository"] == ["a"]
    assert ("AWS::ECR::Repository", "AccessDeniedException") in {(gap.type, gap.reason) for gap in gaps}
    (row,) = [row for row in snapshot.coverage() if row.operation == "ecr:DescribeRepositories"]
    assert row.status == "partial"


def test_an_image_list_that_ends_early_keeps_what_was_seen(stub, tmp_path):
    pages = [{"imageDetails": [image(1), image(2)]}, error(400, "AccessDeniedException", "no")]
    stub.script = _pages("ecr:DescribeImages", pages)
    (listing,) = run(stub, tmp_path).images().values()
    assert [found.digest[-1] for found in listing.images] == ["1", "2"]
    assert listing.incomplete == "AccessDeniedException: no"


def test_images_of_all_pages_are_one_list(stub, tmp_path):
    stub.script = _pages("ecr:DescribeImages", [{"imageDetails": [image(n), image(n + 1)]} for n in (5, 3, 4)])
    (listing,) = run(stub, tmp_path).images().values()
    assert [int(found.digest[7:], 16) for found in listing.images] == [3, 4, 5, 6]
    assert listing.incomplete is None


def test_a_token_that_comes_back_ends_the_list_as_an_error(stub, tmp_path):
    body = {"repositories": [repository("a")], "nextToken": "again"}
    stub.script = failing("ecr:DescribeRepositories", body)
    snapshot = run(stub, tmp_path, services=("ecr",))
    assert errors_of(snapshot)["ecr:DescribeRepositories"].code == "PaginationLoop"
    assert stub.count("ecr:DescribeRepositories") == 2
    assert "AWS::ECR::Repository" in {gap.type for gap in read(snapshot)[1]}


def test_a_list_without_end_ends(stub, tmp_path, monkeypatch):
    monkeypatch.setattr("scanner.collectors.here.MAX_PAGES", 5)
    tokens = count()
    stub.script = lambda operation, _: (
        {"repositories": [], "nextToken": f"t{next(tokens)}"} if operation == "ecr:DescribeRepositories" else None
    )
    snapshot = run(stub, tmp_path, services=("ecr",))
    assert errors_of(snapshot)["ecr:DescribeRepositories"].code == "PaginationLoop"


@pytest.mark.parametrize(
    "detail",
    [
        {"imageDigest": "sha512:" + "a" * 128},
        {"imageDigest": "sha256:" + "A" * 64},
        {},
        image(1, imageTags=[1]),
        image(1, imageTags="v1"),
        image(1, imageTags=["v\0"]),
        image(1, imageTags=["\ud800"]),
        image(1, imagePushedAt="yesterday"),
        image(1, imagePushedAt=1e300),
        image(1, imageSizeInBytes=-1),
        image(1, imageSizeInBytes=2**63),
        image(1, subjectManifestDigest="sha256:"),
    ],
)
def test_an_image_that_cannot_be_read_is_never_dropped_silently(stub, tmp_path, detail):
    stub.script = failing("ecr:DescribeImages", {"imageDetails": [image(7), detail]})
    (listing,) = run(stub, tmp_path).images().values()
    assert [found.digest[-1] for found in listing.images] == ["7"]
    assert listing.incomplete.startswith("MalformedResponse: an image could not be read")


# --- accounts, credentials, Regions -------------------------------------------------------------------------------


def test_another_account_is_entered_by_its_role(stub, tmp_path):
    run(stub, tmp_path, accounts=("222233334444",), role_name="RegionproofReadOnly", services=("ecr",))
    (assumed,) = [parameters for operation, parameters in stub.asked if operation == "sts:AssumeRole"]
    assert assumed["RoleArn"] == "arn:aws:iam::222233334444:role/RegionproofReadOnly"
    assert "ASIAIOSFODNN7EXAMPLE" not in written(tmp_path)


def test_an_account_that_cannot_be_entered_is_coverage(stub, tmp_path):
    stub.script = failing("sts:AssumeRole", sts_error(403, "AccessDenied", "not authorized to perform sts:AssumeRole"))
    snapshot = run(stub, tmp_path, accounts=(ACCOUNT, "222233334444"), role_name="R")
    resources, gaps = read(snapshot)
    hidden = [gap for gap in gaps if gap.account != ACCOUNT]
    assert {gap.type for gap in hidden} == TYPES
    assert {(gap.account, gap.reason, gap.operation) for gap in hidden} == {
        ("222233334444", "AccessDenied", "sts:AssumeRole")
    }
    assert {resource.type for resource in resources if resource.account == ACCOUNT} > TYPES
    (row,) = [row for row in snapshot.coverage() if row.account != ACCOUNT]
    assert (row.service, row.operation, row.status) == ("sts", "sts:AssumeRole", "failed")


def test_services_that_were_left_out_are_gaps(stub, tmp_path):
    _, gaps = read(run(stub, tmp_path, services=("ecr",)))
    assert {gap.type for gap in gaps} == {
        type for service, module in COLLECTORS.items() if service != "ecr" for type in module.TYPES
    }
    assert {gap.reason for gap in gaps} == {"NotCollected"}


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_credentials_that_aws_does_not_accept(stub, tmp_path, code):
    stub.script = failing("sts:GetCallerIdentity", sts_error(403, code, "no"))
    with pytest.raises(CredentialsError, match=code) as caught:
        run(stub, tmp_path)
    assert "aws sso login" in caught.value.hint
    assert not (tmp_path / "s").exists()


def test_no_credentials(stub, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsError, match="credentials"):
        run(stub, tmp_path)


def test_unknown_profile(stub, tmp_path):
    with pytest.raises(CredentialsError, match="nobody"):
        run(stub, tmp_path, profile="nobody")


def test_an_endpoint_that_is_not_there(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RegionproofError, match="EndpointConnectionError") as caught:
            collect(tmp_path / "s", regions=[REGION], clock=ticking(), endpoint_url=url, limits=ONCE)
    assert not isinstance(caught.value, CredentialsError)
    assert "--endpoint-url" in caught.value.hint


@pytest.mark.parametrize("answer", [(503, "<html></html>"), (200, "<x></x>"), (200, "not xml")])
def test_an_endpoint_that_is_not_aws(stub, tmp_path, answer):
    stub.script = failing("sts:GetCallerIdentity", answer)
    with pytest.raises(RegionproofError):
        run(stub, tmp_path)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"regions": ["us-esat-1"]}, "'us-esat-1' is not a Region", "Did you mean us-east-1.*upgrade boto3"),
        ({"regions": ["../../etc"]}, "is not a Region", "upgrade boto3"),
        ({"regions": ["cn-north-1"]}, "partition aws-cn", "Leave it out"),
        ({"services": ["lamda"]}, "'lamda' is not a service", "ecr, ecs, eks, elbv2, events"),
        ({"accounts": ["222233334444"]}, "no role to enter account 222233334444", "--role-name"),
        ({"accounts": ["../etc"], "role_name": "R"}, "not an account id", ""),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(stub, tmp_path, options, message, hint):
    with pytest.raises(UsageError, match=message) as caught:
        run(stub, tmp_path, **options)
    assert re.search(hint, caught.value.hint)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "s").exists()


def test_the_plan_is_every_region_of_every_account(stub):
    sessions = Sessions(endpoint_url=stub.url, limits=ONCE)
    targets = find(
        sessions,
        ticking(),
        regions=["us-west-2", REGION],
        services=["ecs", "ecr"],
        accounts=["999988887777", ACCOUNT],
        organization=Organization(role_name="R"),
    ).plan.targets
    role = "arn:aws:iam::999988887777:role/R"
    assert targets == (
        Target(ACCOUNT, REGION, "aws", None, ("ecr", "ecs")),
        Target(ACCOUNT, "us-west-2", "aws", None, ("ecr", "ecs")),
        Target("999988887777", REGION, "aws", role, ("ecr", "ecs")),
        Target("999988887777", "us-west-2", "aws", role, ("ecr", "ecs")),
    )


def test_a_china_account_has_china_arns(stub):
    stub.arn = f"arn:aws-cn:iam::{ACCOUNT}:user/me"
    sessions = Sessions(endpoint_url=stub.url, limits=ONCE)
    entered = {"accounts": ["222233334444"], "organization": Organization(role_name="R")}
    (target,) = find(sessions, ticking(), regions=["cn-north-1"], services=["ecr"], **entered).plan.targets
    assert target.role_arn == "arn:aws-cn:iam::222233334444:role/R"


# --- interruption ------------------------------------------------------------------------------------------------


def test_an_interrupted_run_keeps_what_is_finished_and_resumes(stub, tmp_path):
    finished, asked = threading.Event(), count()

    def script(operation, parameters):
        if operation == "ecs:ListClusters" and next(asked) == 1:  # one account goes on, the other waits for its end
            finished.wait(10)
            _thread.interrupt_main()

    def wait_for_one_account():
        while not [*(tmp_path / "s/targets").glob(f"*/{REGION}")]:
            pass
        finished.set()

    stub.script = script
    watcher = threading.Thread(target=wait_for_one_account)
    watcher.start()
    options = {"accounts": (ACCOUNT, "222233334444"), "role_name": "R", "limits": Limits(2, 15, 1, 1, paced=False)}
    with pytest.raises(KeyboardInterrupt):
        run(stub, tmp_path, **options)
    watcher.join()
    with pytest.raises(SnapshotError, match="unfinished"):
        Snapshot.open(tmp_path / "s")
    stub.script = lambda operation, parameters: None
    stub.asked.clear()
    snapshot = run(stub, tmp_path, resume=True, **options)
    assert len(snapshot.targets) == 2
    assert stub.count("ecr:DescribeRegistry") <= 1  # the finished account was not asked again
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("request", "target"))]


def test_two_runs_over_the_same_answers_are_equal_but_for_their_times(stub, tmp_path):
    frozen = datetime(2026, 11, 23, 12, 0, 0, 5, UTC)
    for name in ("a", "b"):
        collect(
            tmp_path / name, regions=[REGION, "us-west-2"], clock=lambda: frozen, endpoint_url=stub.url, limits=ONCE
        )
    assert Snapshot.open(tmp_path / "a") == Snapshot.open(tmp_path / "b")
    assert written(tmp_path / "a") == written(tmp_path / "b")
    assert Snapshot.open(tmp_path / "a").started_at == "2026-11-23T12:00:00.000005Z"


# --- what answers mean ------------------------------------------------------------------------------------------


def answers(service: str, *answered: tuple) -> Answers:
    """Make answers of (operation, parameters beside the constant ones, response or error)."""
    asks = {ask.operation: ask for ask in collectors.COLLECTORS[service].CALLS}
    calls = []
    for operation, parameters, answer in answered:
        ask = asks[operation]
        response, problem = (None, answer) if isinstance(answer, CallError) else (answer, None)
        given = {**ask.parameters, **parameters}
        calls.append(
            Call(service, operation, given, ACCOUNT, REGION, 0, response, problem, None, "2026-11-20T08:00:00Z")
        )
    return Answers(HERE, service, calls)


def ecs_answers(**changes) -> Answers:
    """Return the healthy answers of ECS with some operations answered otherwise."""
    parameters = {
        "ListClusters": {},
        "DescribeClusters": {"clusters": [CLUSTER]},
        "ListServices": {"cluster": CLUSTER},
        "DescribeServices": {"cluster": CLUSTER, "services": [SERVICE]},
        "DescribeServiceRevisions": {"serviceRevisionArns": [REVISION]},
        "ListTasks": {"cluster": CLUSTER},
        "DescribeTasks": {"cluster": CLUSTER, "tasks": [TASK]},
        "DescribeTaskDefinition": {"taskDefinition": DEFINITION},
        "ListTaskDefinitionFamilies": {},
    }
    return answers("ecs", *[(o, p, changes.get(o, HEALTHY[f"ecs:{o}"])) for o, p in parameters.items()])


def service_of(found: Answers) -> Resource:
    (service,) = [r for r in ecs.resources(found) if isinstance(r, Resource) and r.type == "AWS::ECS::Service"]
    return service


def gaps_of(found: Answers) -> list[Gap]:
    return [item for item in COLLECTORS[found.service].resources(found) if isinstance(item, Gap)]


def test_the_families_that_could_be_started_are_known_though_nothing_uses_them():
    found = list(ecs.resources(ecs_answers()))
    families = [one for one in found if isinstance(one, Resource) and one.type == "AWS::ECS::TaskDefinitionFamily"]
    assert [(one.name, one["Family"]) for one in families] == [("api", "api"), ("spare", "spare")]
    assert families[1].id == f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/spare"
    odd = ecs_answers(ListTaskDefinitionFamilies={"families": ["api", None, ""]})
    assert [gap.type for gap in gaps_of(odd)] == ["AWS::ECS::TaskDefinitionFamily"] * 2
    refused = ecs_answers(ListTaskDefinitionFamilies=CallError("AccessDeniedException", "no", 400))
    assert [gap.type for gap in gaps_of(refused)] == ["AWS::ECS::TaskDefinitionFamily"]


def old_service(**more) -> dict:
    """Return a service as endpoints without service revisions answer it."""
    service = {**HEALTHY["ecs:DescribeServices"]["services"][0], **more}
    service.pop("currentServiceRevisions")
    return {"services": [service]}


def service_task(**container) -> dict:
    containers = [{"name": "api", "image": IMAGE, **container}]
    return {"tasks": [{"taskArn": TASK, "clusterArn": CLUSTER, "group": "service:api", "containers": containers}]}


@pytest.mark.parametrize(
    ("reason", "expected"), [("MISSING", set()), ("ACCESS_DENIED", {"ACCESS_DENIED"}), (None, {"NotAnswered"})]
)
@pytest.mark.parametrize(
    ("operation", "key", "arn", "types"),
    [
        ("DescribeClusters", "clusters", CLUSTER, {"AWS::ECS::Cluster"}),
        ("DescribeServices", "services", SERVICE, {"AWS::ECS::Service", "AWS::ECS::TaskDefinition"}),
        ("DescribeTasks", "tasks", TASK, {"AWS::ECS::Task", "AWS::ECS::TaskDefinition"}),
    ],
)  # fmt: skip
def test_only_missing_is_a_fact(operation, key, arn, types, reason, expected):
    failures = [{"arn": arn, "reason": reason}] if reason else []
    gaps = gaps_of(ecs_answers(**{operation: {key: [], "failures": failures}}))
    assert {gap.reason for gap in gaps} == expected
    assert {gap.type for gap in gaps} == (types if expected else set())


def test_several_revisions_are_all_run_and_none_twice():
    other = f"{REVISION}2"
    service = {
        **HEALTHY["ecs:DescribeServices"]["services"][0],
        "currentServiceRevisions": [{"arn": REVISION}, {"arn": other}],
    }
    images = [
        {"containerName": "api", "image": IMAGE, "imageDigest": DIGEST},
        {"containerName": "side", "image": "redis:7"},
    ]
    revisions = [{"serviceRevisionArn": arn, "containerImages": images} for arn in (REVISION, other)]
    found = ecs_answers(
        DescribeServices={"services": [service]}, DescribeServiceRevisions={"serviceRevisions": revisions}
    )
    assert plain(service_of(found)["ContainerImages"]) == [
        {"ContainerName": "api", "Image": IMAGE, "ImageDigest": DIGEST},
        {"ContainerName": "side", "Image": "redis:7", "ImageDigest": None},
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (CallError("AccessDeniedException", "no", 400, 1), "AccessDeniedException: no"),
        ({"serviceRevisions": [], "failures": [{"arn": REVISION, "reason": "MISSING"}]}, "MISSING"),
        ({"serviceRevisions": []}, "not answered"),
    ],
)
def test_a_revision_that_was_not_seen_is_unknown(answer, reason):
    images = dict(service_of(ecs_answers(DescribeServiceRevisions=answer)).properties.raw())["ContainerImages"]
    assert reason in images.reason


def test_without_revisions_the_tasks_say_what_runs():
    found = ecs_answers(DescribeServices=old_service(), DescribeTasks=service_task(imageDigest=DIGEST))
    expected = [{"ContainerName": "api", "Image": IMAGE, "ImageDigest": DIGEST}]
    assert plain(service_of(found)["ContainerImages"]) == expected
    assert "AWS::ECS::Task" not in {r.type for r in ecs.resources(found) if isinstance(r, Resource)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"DescribeTasks": {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]}},
            "neither a service revision",
        ),
        ({"ListTasks": CallError("AccessDeniedException", "no", 400, 1)}, "AccessDeniedException"),
        ({"DescribeTasks": CallError("ThrottlingException", "no", 400, 1)}, "ThrottlingException"),
    ],
)
def test_without_revisions_and_tasks_what_runs_is_unknown(changes, reason):
    found = ecs_answers(DescribeServices=old_service(), **changes)
    images = dict(service_of(found).properties.raw())["ContainerImages"]
    assert isinstance(images, Unknown)
    assert reason in images.reason


def test_a_task_that_shows_no_digest_leaves_it_unknown():
    found = ecs_answers(DescribeServices=old_service(), DescribeTasks=service_task())
    (image,) = service_of(found)["ContainerImages"]
    assert image["Image"] == IMAGE
    assert isinstance(dict(image.raw())["ImageDigest"], Unknown)


def test_a_service_scaled_to_zero_has_no_digest_yet():
    found = ecs_answers(DescribeServices=old_service(desiredCount=0))
    assert plain(service_of(found)["ContainerImages"]) == [
        {"ContainerName": "api", "Image": IMAGE, "ImageDigest": None}
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        (None, "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"a":' * 99 + "1" + "}" * 99, "nested too deeply"),
    ],
)
def test_a_policy_that_cannot_be_read_is_unknown(text, reason):
    found = answers(
        "ecr",
        ("DescribeRepositories", {}, {"repositories": [repository("r")]}),
        ("GetRepositoryPolicy", {"repositoryName": "r"}, {"policyText": text}),
        ("GetRegistryPolicy", {}, {"policyText": text}),
    )
    registry, found_repository, *_ = ecr.resources(found)
    for resource, property in ((registry, "PolicyText"), (found_repository, "RepositoryPolicyText")):
        assert reason in dict(resource.properties.raw())[property].reason


def test_what_an_old_snapshot_did_not_ask_is_a_gap():
    found = answers("eks", ("ListClusters", {}, {"clusters": ["a"]}))
    assert {(gap.type, gap.reason) for gap in gaps_of(found)} == {
        (type, "NotCollected") for type in COLLECTORS["eks"].TYPES
    }
    assert {gap.type for gap in gaps_of(answers("ecs"))} == set(COLLECTORS["ecs"].TYPES)


def test_many_failures_of_one_kind_are_one_gap():
    arns = [f"{DEFINITION}{n}" for n in range(5)]
    tasks = [{"taskArn": f"{TASK}{n}", "taskDefinitionArn": arn, "containers": []} for n, arn in enumerate(arns)]
    denied = CallError("AccessDeniedException", "no", 400, 1)
    found = answers(
        "ecs",
        ("ListClusters", {}, {"clusterArns": [CLUSTER]}),
        ("DescribeClusters", {"clusters": [CLUSTER]}, HEALTHY["ecs:DescribeClusters"]),
        ("ListServices", {"cluster": CLUSTER}, {"serviceArns": []}),
        ("ListTasks", {"cluster": CLUSTER}, {"taskArns": [task["taskArn"] for task in tasks]}),
        ("DescribeTasks", {"cluster": CLUSTER, "tasks": [task["taskArn"] for task in tasks]}, {"tasks": tasks}),
        *[("DescribeTaskDefinition", {"taskDefinition": arn}, denied) for arn in arns],
        ("ListTaskDefinitionFamilies", {}, {"families": []}),
    )
    (gap,) = gaps_of(found)
    assert gap.message == "no (and 4 more)"


@pytest.mark.parametrize("size", [10, 11, 25])
def test_services_are_described_ten_at_a_time(size):
    arns = [f"{SERVICE}{n:02}" for n in range(size)]
    found = answers(
        "ecs",
        ("ListClusters", {}, {"clusterArns": [CLUSTER]}),
        ("ListServices", {"cluster": CLUSTER}, {"serviceArns": arns}),
    )
    (ask,) = [ask for ask in ecs.CALLS if ask.operation == "DescribeServices"]
    batches = [parameters["services"] for parameters in ask.each(found)]
    assert [arn for batch in batches for arn in batch] == arns
    assert max(map(len, batches)) <= 10


def test_things_without_a_name_are_gaps_not_crashes():
    found = answers(
        "ecr",
        ("DescribeRepositories", {}, {"repositories": [{}]}),
        ("DescribeRegistry", {}, {"replicationConfiguration": {}}),
    )
    assert "MalformedResponse" in {gap.reason for gap in gaps_of(found)}
    nothing = ecs_answers(
        DescribeClusters={"clusters": [{}]}, DescribeServices={"services": [{}]}, DescribeTasks={"tasks": [{}]},
        DescribeTaskDefinition={"taskDefinition": {}},
    )  # fmt: skip
    assert "MalformedResponse" in {gap.reason for gap in gaps_of(nothing)}
    cluster = answers("eks", ("DescribeCluster", {"name": "platform"}, {"cluster": {}}))
    assert "MalformedResponse" in {gap.reason for gap in gaps_of(cluster)}


@pytest.mark.parametrize(
    ("version", "seen"),
    [
        ({"clusterVersion": "1.29", "status": "unsupported"}, {"1.29": "UNSUPPORTED"}),
        ({"clusterVersion": "1.31", "versionStatus": "EXTENDED_SUPPORT", "status": "x"}, {"1.31": "EXTENDED_SUPPORT"}),
        ({"clusterVersion": "1.33", "clusterType": "eks-local-outposts", "versionStatus": "STANDARD_SUPPORT"}, {}),
        ({"clusterVersion": "1.33"}, {"1.33": "unknown"}),
        ({"clusterVersion": 1.33}, None),
        ("1.33", None),
    ],
)
def test_kubernetes_versions_have_the_support_that_eks_names(version, seen):
    found = answers(
        "eks",
        ("ListClusters", {}, {"clusters": ["a"]}),
        ("DescribeClusterVersions", {}, {"clusterVersions": [version]}),
    )
    versions = [item for item in eks.resources(found) if item.type == eks.CLUSTER_VERSION]
    if seen is None:
        assert [gap.reason for gap in versions] == ["MalformedResponse"]
        return
    shown = {one.name: plain(one.properties)["VersionStatus"] for one in versions}
    assert {name: status if isinstance(status, str) else "unknown" for name, status in shown.items()} == seen


def test_kubernetes_versions_are_asked_only_where_a_cluster_is():
    (ask,) = [ask for ask in eks.CALLS if ask.operation == "DescribeClusterVersions"]
    assert list(ask.each(answers("eks", ("ListClusters", {}, {"clusters": []})))) == []
    assert list(ask.each(answers("eks", ("ListClusters", {}, {"clusters": ["a", "b"]})))) == [{}]


def test_an_association_without_a_service_account_is_a_gap():
    found = answers(
        "eks",
        (
            "DescribePodIdentityAssociation",
            {"clusterName": "a", "associationId": "a-1"},
            {"association": {"associationArn": "arn", "namespace": "shop"}},
        ),
    )
    assert "MalformedResponse" in {gap.reason for gap in gaps_of(found) if gap.type == eks.POD_IDENTITY}


def test_task_definitions_that_rules_run_are_described():
    (ask,) = [ask for ask in ecs.CALLS if ask.operation == "DescribeTaskDefinition"]
    targets = [
        {"Id": "1", "Arn": "a", "EcsParameters": {"TaskDefinitionArn": DEFINITION}},
        {"Id": "2", "Arn": "arn:aws:lambda:x"},
        {"Id": "3", "EcsParameters": "odd"},
    ]
    rules = answers("events", ("ListTargetsByRule", {"Rule": "nightly"}, {"Targets": targets}))
    found = Answers(HERE, "ecs", [], {"events": rules})
    assert list(ask.each(found)) == [{"taskDefinition": DEFINITION}]


def test_answers_that_are_none_cost_what_their_service_tells_and_nothing_else(tmp_path):
    at = "2026-11-20T08:00:00Z"
    forged = {
        ("ecr", "DescribeRegistry"): {"replicationConfiguration": 1},
        ("eks", "ListClusters"): HEALTHY["eks:ListClusters"],
        ("eks", "DescribeCluster"): HEALTHY["eks:DescribeCluster"],
    }
    parameters = {"ListClusters": {"maxResults": 100}, "DescribeCluster": {"name": "platform"}}
    calls = [
        Call(service, operation, parameters.get(operation, {}), ACCOUNT, REGION, 0, answer, None, None, at)
        for (service, operation), answer in forged.items()
    ]
    writer = SnapshotWriter(tmp_path / "s")
    writer.write(HERE, calls, {}, started_at=at, finished_at=at)
    resources, gaps = read(writer.finish([HERE]))
    hidden = {gap.type for gap in gaps if gap.reason == "MalformedResponse"}
    assert hidden == set(ecr.TYPES) & TYPES
    assert {resource.type for resource in resources} == {"AWS::Account::Region", "AWS::EKS::Cluster"}


@pytest.mark.parametrize("kind", [AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError])
def test_an_answer_that_nothing_can_follow_from_fails_the_call_and_not_the_run(stub, tmp_path, monkeypatch, kind):
    def odd(answers):
        raise kind("correct-horse-battery-staple")

    (ask,) = [ask for ask in ecs.CALLS if ask.operation == "DescribeServices"]
    monkeypatch.setattr(ecs, "CALLS", tuple(replace(a, each=odd) if a is ask else a for a in ecs.CALLS))
    snapshot = run(stub, tmp_path)
    assert {name: error.code for name, error in errors_of(snapshot).items()} == {
        "ecs:DescribeServices": "MalformedResponse"
    }
    resources, gaps = read(snapshot)
    assert {(gap.type, gap.reason) for gap in gaps} == {(type, "MalformedResponse") for type in ask.types}
    assert "AWS::ECS::Task" in {resource.type for resource in resources}
    assert SECRET not in written(tmp_path)
    (row,) = [row for row in snapshot.coverage() if row.missed]
    assert (row.operation, row.status) == ("ecs:DescribeServices", "failed")
