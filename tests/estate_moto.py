"""Fills a moto server with an estate of two Regions whose standby lags behind, and says what is there.

Run as a script: python tests/estate_moto.py http://127.0.0.1:5000
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass

import boto3

ACCOUNT = "123456789012"  # moto's own
PRIMARY, STANDBY = "us-east-1", "us-west-2"
MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Truth:
    """What was created.  `tags` maps (Region, repository, tag) to a digest, `digests` (Region, repository) to all."""

    tags: dict[tuple[str, str, str], str]
    digests: dict[tuple[str, str], frozenset[str]]
    missing: dict[str, frozenset[str]]  # repository -> digests the standby lacks
    stale: frozenset[tuple[str, str]]  # (repository, tag) that names another digest in the standby
    absent: frozenset[str]  # repositories the standby lacks
    services: dict[tuple[str, str], str]  # (Region, cluster/service) -> the image its task definition names
    clusters: dict[str, frozenset[str]]  # Region -> EKS clusters
    nodegroups: dict[str, frozenset[str]]


def fill(endpoint_url: str) -> Truth:
    """Create the estate at a moto server; return what is there."""
    images = {
        PRIMARY: {"team/api": ["v1", "v2", "v3"], "team/web": ["v1", "latest"], "team/jobs": ["v1"], "empty": []},
        STANDBY: {"team/api": ["v1", "v2"], "team/web": ["v1", "latest"], "empty": []},
    }
    tags = {}
    for region, repositories in images.items():
        ecr = _client("ecr", region, endpoint_url)
        for repository, names in repositories.items():
            ecr.create_repository(repositoryName=repository, imageTagMutability=_mutability(region, repository))
            for name in names:
                tags[region, repository, name] = _push(
                    ecr, repository, name, stale=(region, name) == (STANDBY, "latest")
                )
    ecr = _client("ecr", PRIMARY, endpoint_url)
    destination = {"region": STANDBY, "registryId": ACCOUNT}
    ecr.put_replication_configuration(replicationConfiguration={"rules": [{"destinations": [destination]}]})
    ecr.put_lifecycle_policy(repositoryName="team/api", lifecyclePolicyText=LIFECYCLE)
    ecr.set_repository_policy(repositoryName="team/api", policyText=POLICY)
    services = {}
    for region in images:
        services |= _ecs(region, endpoint_url)
        _eks(region, endpoint_url)
    return _truth(tags, images, services)


LIFECYCLE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 50},
                "action": {"type": "expire"},
            }
        ]
    }
)
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "pull",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
                "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            }
        ],
    }
)


def _client(service: str, region: str, endpoint_url: str):
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, region_name=region, endpoint_url=endpoint_url, **keys)


def _mutability(region: str, repository: str) -> str:
    return "IMMUTABLE" if (region, repository) == (PRIMARY, "team/api") else "MUTABLE"


def _push(ecr, repository: str, tag: str, *, stale: bool) -> str:
    config = hashlib.sha256(f"{repository}:{tag}:{'old' if stale else 'new'}".encode()).hexdigest()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": f"sha256:{config}"},
        "layers": [],
    }
    text = json.dumps(manifest)
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    ecr.put_image(
        repositoryName=repository,
        imageTag=tag,
        imageDigest=digest,  # moto makes up one that is the same for every image, unless it is told
        imageManifest=text,
        imageManifestMediaType=MEDIA_TYPE,
    )
    return digest


def _ecs(region: str, endpoint_url: str) -> dict[tuple[str, str], str]:
    ecs = _client("ecs", region, endpoint_url)
    ecs.create_cluster(clusterName="shop")
    image = f"{ACCOUNT}.dkr.ecr.{PRIMARY}.amazonaws.com/team/api:v3"  # the standby names the primary's registry
    container = {
        "name": "api",
        "image": image,
        "essential": True,
        "memory": 128,
        "environment": [{"name": "DATABASE_URL", "value": f"postgres://app:hunter2@db.{PRIMARY}.example.com/shop"}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": PRIMARY, "awslogs-group": "api"}},
    }
    ecs.register_task_definition(family="api", containerDefinitions=[container], networkMode="bridge")
    ecs.create_service(
        cluster="shop", serviceName="api", taskDefinition="api", desiredCount=1 if region == PRIMARY else 0
    )
    if region == PRIMARY:
        _run_job(ecs, region, _subnet(region, endpoint_url))
    return {(region, "shop/api"): image}


def _subnet(region: str, endpoint_url: str) -> tuple[str, str]:
    ec2 = _client("ec2", region, endpoint_url)
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.describe_security_groups()["SecurityGroups"][0]
    return subnet["SubnetId"], group["GroupId"]


def _run_job(ecs, region: str, network: tuple[str, str]) -> None:
    image = f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/team/jobs:v1"
    ecs.register_task_definition(
        family="nightly",
        containerDefinitions=[{"name": "job", "image": image, "memory": 128}],
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
    )
    ecs.run_task(
        cluster="shop",
        taskDefinition="nightly",
        launchType="FARGATE",
        group="family:nightly",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [network[0]], "securityGroups": [network[1]]}},
    )


def _eks(region: str, endpoint_url: str) -> None:
    eks = _client("eks", region, endpoint_url)
    role = f"arn:aws:iam::{ACCOUNT}:role/eks"
    version = "1.33" if region == PRIMARY else "1.31"
    eks.create_cluster(
        name="platform",
        version=version,
        roleArn=role,
        resourcesVpcConfig={"subnetIds": ["subnet-12345678", "subnet-87654321"]},
    )
    if region == PRIMARY:
        eks.create_nodegroup(
            clusterName="platform",
            nodegroupName="general",
            subnets=["subnet-12345678"],
            nodeRole=role,
            scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2},
        )


def _truth(tags, images, services) -> Truth:
    digests = {
        (region, repository): frozenset(tags[region, repository, name] for name in names)
        for region, repositories in images.items()
        for repository, names in repositories.items()
    }
    shared = images[PRIMARY].keys() & images[STANDBY].keys()
    return Truth(
        tags=tags,
        digests=digests,
        missing={name: digests[PRIMARY, name] - digests[STANDBY, name] for name in sorted(shared)},
        stale=frozenset(
            (repository, tag)
            for region, repository, tag in tags
            if region == PRIMARY
            and tags.get((STANDBY, repository, tag), digest := tags[region, repository, tag]) != digest
        ),
        absent=frozenset(images[PRIMARY].keys() - images[STANDBY].keys()),
        services=services,
        clusters={PRIMARY: frozenset({"platform"}), STANDBY: frozenset({"platform"})},
        nodegroups={PRIMARY: frozenset({"platform/general"}), STANDBY: frozenset()},
    )


if __name__ == "__main__":
    print(fill(sys.argv[1]))
