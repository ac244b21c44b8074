"""A moto server, in its own process, shows what collecting finds of the services around the workloads."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import boto3
import pytest

pytest.importorskip("moto.server", reason="moto is not installed")

from test_moto import moto_endpoint  # noqa: F401 - a fixture

from scanner.collectors import COLLECTORS, read
from scanner.collectors.live import collect
from scanner.collectors.session import Limits
from scanner.model import plain

PRIMARY, STANDBY = "us-east-1", "us-west-2"
HIDDEN = "correct-horse-battery-staple"
SERVICES = ("secretsmanager", "ssm", "s3", "codepipeline", "codebuild", "events")


def _fill(url: str) -> None:
    def client(service):
        return boto3.client(
            service, region_name=PRIMARY, endpoint_url=url, aws_access_key_id="testing", aws_secret_access_key="testing"
        )

    client("secretsmanager").create_secret(
        Name="shop/db", SecretString=HIDDEN, AddReplicaRegions=[{"Region": STANDBY}], Description=HIDDEN
    )
    for n in range(60):
        client("ssm").put_parameter(Name=f"/shop/{n:02}", Value=HIDDEN, Type="SecureString")
    s3 = client("s3")
    for name in ("plain", "versioned"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    role = boto3.client(
        "iam", region_name=PRIMARY, endpoint_url=url, aws_access_key_id="testing", aws_secret_access_key="testing"
    ).create_role(
        RoleName="ship",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "codepipeline.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )["Role"]["Arn"]
    kind = {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}
    build = {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}
    stages = [
        ("Source", {"actionTypeId": kind, "configuration": {"S3Bucket": "plain", "OAuthToken": HIDDEN}}),
        ("Build", {"actionTypeId": build, "configuration": {"ProjectName": "build", "UserParameters": HIDDEN}}),
    ]
    client("codepipeline").create_pipeline(
        pipeline={
            "name": "ship",
            "roleArn": role,
            "artifactStore": {"type": "S3", "location": "plain"},
            "stages": [{"name": name, "actions": [{"name": name, **action}]} for name, action in stages],
        }
    )
    client("codebuild").create_project(
        name="build",
        source={"type": "S3", "location": "plain/source.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "img",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "TOKEN", "value": HIDDEN}],
        },
        serviceRole=role,
    )
    events = client("events")
    events.put_rule(Name="lag", EventPattern=json.dumps({"source": ["aws.ecr"]}))
    events.put_targets(Rule="lag", Targets=[{"Id": "1", "Arn": f"arn:aws:sns:{PRIMARY}:1:t", "Input": f'"{HIDDEN}"'}])


@pytest.fixture(scope="module")
def snapshot(moto_endpoint, tmp_path_factory):  # noqa: F811 - the fixture
    _fill(moto_endpoint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.delenv("AWS_PROFILE", raising=False)
        return collect(
            tmp_path_factory.mktemp("moto") / "snapshot",
            regions=[PRIMARY, STANDBY],
            services=SERVICES,
            clock=lambda: datetime.now(UTC),
            endpoint_url=moto_endpoint,
            limits=Limits(max_attempts=1, max_throttles=1, paced=False),
        ).snapshot


@pytest.fixture(scope="module")
def seen(snapshot):
    resources, gaps = read(snapshot)
    types = {type for service in SERVICES for type in COLLECTORS[service].TYPES}
    assert [gap for gap in gaps if gap.type in types] == []
    return {(r.type, r.region, r.name): r for r in resources}


def _names(seen, type: str, region: str) -> set[str]:
    return {name for kind, where, name in seen if (kind, where) == (type, region)}


@pytest.mark.parametrize(
    ("type", "primary", "standby"),
    [
        ("AWS::SecretsManager::Secret", {"shop/db"}, {"shop/db"}),
        ("AWS::SSM::Parameter", {f"/shop/{n:02}" for n in range(60)}, set()),  # more than a page
        ("AWS::S3::Bucket", {"plain", "versioned"}, set()),
        ("AWS::CodePipeline::Pipeline", {"ship"}, set()),
        ("AWS::CodeBuild::Project", {"build"}, set()),
        ("AWS::Events::Rule", {"lag"}, set()),
    ],
)
def test_exactly_what_was_created_is_found(seen, type, primary, standby):
    assert _names(seen, type, PRIMARY) == primary
    assert _names(seen, type, STANDBY) == standby


def test_what_was_set_is_found(seen):
    versioning = {
        name: seen["AWS::S3::Bucket", PRIMARY, name]["VersioningConfiguration"] for name in ("plain", "versioned")
    }
    assert versioning["plain"] is None
    assert plain(versioning["versioned"]) == {"Status": "Enabled"}
    assert seen["AWS::S3::Bucket", PRIMARY, "plain"]["ReplicationConfiguration"] is None
    rule = seen["AWS::Events::Rule", PRIMARY, "lag"]
    assert plain(rule["EventPattern"]) == {"source": ["aws.ecr"]}
    assert [target["Id"] for target in rule["Targets"]] == ["1"]
    assert seen["AWS::SecretsManager::Secret", STANDBY, "shop/db"]["PrimaryRegion"] == PRIMARY
    stages = seen["AWS::CodePipeline::Pipeline", PRIMARY, "ship"]["Stages"]
    assert stages[1]["Actions"][0]["Configuration"]["ProjectName"] == "build"


def test_no_secret_is_on_disk(snapshot):
    for part in snapshot.path.rglob("calls.jsonl.gz"):
        assert HIDDEN.encode() not in gzip.decompress(part.read_bytes())
