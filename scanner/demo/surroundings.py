"""What stands around the demo's registries and workloads, as AWS describes it: networks, keys, secrets, quotas, ...

A service of which a place tells nothing answers that it has nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from scanner.collectors.servicequotas import QUOTAS
from scanner.demo.words import Recorder, epoch, rfc3339, sha256
from scanner.model import Place
from scanner.recorded import Call

_CREATED = datetime.fromisoformat("2026-01-12T09:00:00Z")
_DEFAULTS = {
    ("ec2", "L-1216C47A"): ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5),
    ("ecr", "L-03A36CE1"): ("Images per repository", 100_000),
    ("ecr", "L-CFEB8E8D"): ("Registered repositories", 100_000),
    ("eks", "L-1194D53C"): ("Clusters", 100),
    ("fargate", "L-3032A538"): ("Fargate On-Demand vCPU resource count", 6),
    ("lambda", "L-B99A9384"): ("Concurrent executions", 1000),
}
_ENABLED = ("eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2")
_DISABLED = ("ap-east-1", "me-south-1")


def calls(recorder: Recorder, described: Mapping[str, Any]) -> Iterator[Call]:
    """Return what these services answer about one place."""
    yield from _regions(recorder)
    yield from _network(recorder, described.get("network", {}))
    yield from _load_balancing(recorder, described.get("ecs", {}))
    yield from _logs(recorder, described.get("ecs", {}))
    yield from _keys(recorder, described.get("keys", {}))
    yield from _secrets(recorder, described.get("secrets", {}))
    yield from _parameters(recorder, described.get("parameters", ()))
    yield from _buckets(recorder, described.get("buckets", {}))
    yield from _quotas(recorder, described.get("quotas", {}))
    yield from _inspector(recorder)


def _regions(recorder: Recorder) -> Iterator[Call]:
    named = [{"RegionName": region, "RegionOptStatus": "ENABLED_BY_DEFAULT"} for region in _ENABLED]
    named += [{"RegionName": region, "RegionOptStatus": "DISABLED"} for region in _DISABLED]
    yield recorder.answered("account", "ListRegions", {}, {"Regions": named})


def subnets(place: Place) -> list[str]:
    """Return the ids of the two subnets in which nearly everything of a place runs."""
    return [_id("subnet", place, zone) for zone in "ab"]


def isolated_subnet(place: Place) -> str:
    """Return the id of the subnet, if a place has one, whose route table is its own."""
    return _id("subnet", place, "isolated")


def _id(kind: str, place: Place, words: str) -> str:
    return f"{kind}-{sha256(f'{place} {words}')[:17]}"


def _network(recorder: Recorder, described: Mapping[str, Any]) -> Iterator[Call]:
    """Return a VPC with two private subnets, and the way out of them: a NAT gateway, endpoints, or none."""
    place = recorder.place
    vpc, gateway, public = (
        f"vpc-{sha256(str(place))[:17]}",
        _id("nat", place, "gateway"),
        _id("subnet", place, "public"),
    )
    out = {"DestinationCidrBlock": "0.0.0.0/0", "Origin": "CreateRoute", "State": "active"}
    nat = bool(described.get("nat"))
    found = {"routes": (subnets(place), [{**out, "NatGatewayId": gateway}] if nat else [])}
    if nat:
        found["public"] = ([public], [{**out, "GatewayId": _id("igw", place, "gateway")}])
    if described.get("isolated"):
        found["isolated"] = ([isolated_subnet(place)], [])
    ids = [id for inside, _ in found.values() for id in inside]
    answer = {"Subnets": [_subnet(recorder, vpc, id, number) for number, id in enumerate(ids)]}
    yield recorder.answered("ec2", "DescribeSubnets", {}, answer)
    tables = [_table(place, vpc, words, inside, routes) for words, (inside, routes) in found.items()]
    yield recorder.answered("ec2", "DescribeRouteTables", {}, {"RouteTables": tables})
    table = tables[0]["RouteTableId"]
    endpoints = [_endpoint(recorder, vpc, table, name) for name in described.get("endpoints", ())]
    yield recorder.answered("ec2", "DescribeVpcEndpoints", {}, {"VpcEndpoints": endpoints})
    made = {
        "NatGatewayId": gateway,
        "VpcId": vpc,
        "SubnetId": public,
        "State": "available",
        "ConnectivityType": "public",
    }
    yield recorder.answered("ec2", "DescribeNatGateways", {}, {"NatGateways": [made] if nat else []})
    group = {"GroupId": security_group(place), "GroupName": "tasks", "VpcId": vpc, "Description": "Tasks", "Tags": []}
    yield recorder.answered("ec2", "DescribeSecurityGroups", {}, {"SecurityGroups": [group]})


def _table(place: Place, vpc: str, words: str, inside: Iterable[str], routes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the route table of some subnets."""
    table = _id("rtb", place, words)
    local = {
        "DestinationCidrBlock": "10.0.0.0/16",
        "GatewayId": "local",
        "Origin": "CreateRouteTable",
        "State": "active",
    }
    associations = [
        {
            "RouteTableAssociationId": f"rtbassoc-{sha256(f'{id} {table}')[:17]}",
            "RouteTableId": table,
            "SubnetId": id,
            "Main": False,
            "AssociationState": {"State": "associated"},
        }
        for id in inside
    ]
    return {"RouteTableId": table, "VpcId": vpc, "Routes": [local, *routes], "Associations": associations, "Tags": []}


def _subnet(recorder: Recorder, vpc: str, id: str, number: int) -> dict[str, Any]:
    return {
        "SubnetId": id,
        "SubnetArn": recorder.arn("ec2", f"subnet/{id}"),
        "VpcId": vpc,
        "CidrBlock": f"10.0.{number}.0/24",
        "AvailabilityZone": f"{recorder.place.region}{'aba'[number]}",
        "MapPublicIpOnLaunch": False,
        "State": "available",
        "Tags": [],
    }


def _endpoint(recorder: Recorder, vpc: str, table: str, service: str) -> dict[str, Any]:
    gateway = service == "s3"
    return {
        "VpcEndpointId": f"vpce-{sha256(f'{recorder.place} {service}')[:17]}",
        "VpcEndpointType": "Gateway" if gateway else "Interface",
        "VpcId": vpc,
        "ServiceName": f"com.amazonaws.{recorder.place.region}.{service}",
        "State": "available",
        "PrivateDnsEnabled": not gateway,
        "RouteTableIds": [table] if gateway else [],
        "SubnetIds": [] if gateway else subnets(recorder.place),
        "Groups": [],
        "PolicyDocument": json.dumps({"Statement": [_ALL]}),
        "Tags": [],
    }


_ALL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def security_group(place: Place) -> str:
    """Return the id of the security group of all tasks of a place."""
    return f"sg-{sha256(str(place))[:17]}"


def target_group(place: Place, name: str) -> str:
    """Return the ARN of the target group of a service."""
    resource = f"targetgroup/{name}/{sha256(f'{place} {name}')[:16]}"
    return f"arn:aws:elasticloadbalancing:{place.region}:{place.account}:{resource}"


def _load_balancing(recorder: Recorder, clusters: Mapping[str, Any]) -> Iterator[Call]:
    place = recorder.place
    balancer = recorder.arn("elasticloadbalancing", f"loadbalancer/app/public/{sha256(str(place))[:16]}")
    found = [
        {
            "TargetGroupArn": target_group(place, name),
            "TargetGroupName": name,
            "Protocol": "HTTP",
            "Port": 8080,
            "VpcId": f"vpc-{sha256(str(place))[:17]}",
            "LoadBalancerArns": [balancer],
            "TargetType": "ip",
        }
        for cluster in sorted(clusters)
        for name, service in sorted(clusters[cluster]["services"].items())
        if service.get("public")
    ]
    yield recorder.answered("elbv2", "DescribeTargetGroups", {}, {"TargetGroups": found})


def _logs(recorder: Recorder, clusters: Mapping[str, Any]) -> Iterator[Call]:
    """Return the log groups of all families but those that nobody made one for."""
    for cluster, described in sorted(clusters.items()):
        for kind in ("services", "tasks", "registered"):
            for name, workload in sorted(described.get(kind, {}).items()):
                group = f"/ecs/{cluster}-{name}"
                arn = recorder.arn("logs", f"log-group:{group}")
                found = {"logGroupName": group, "creationTime": int(epoch(_CREATED)) * 1000, "arn": f"{arn}:*"}
                answer = {"logGroups": [] if workload.get("no_logs") else [found]}
                yield recorder.answered("logs", "DescribeLogGroups", {"logGroupNamePrefix": group}, answer)


def _keys(recorder: Recorder, keys: Mapping[str, Any]) -> Iterator[Call]:
    arns = {id: recorder.arn("kms", f"key/{id}") for id in sorted(keys)}
    listed = [{"KeyId": id, "KeyArn": arn} for id, arn in arns.items()]
    yield recorder.answered("kms", "ListKeys", {}, {"Keys": listed, "Truncated": False})
    yield recorder.answered("kms", "ListAliases", {}, {"Aliases": [], "Truncated": False})
    for id, arn in arns.items():
        state = keys[id].get("state", "Enabled")
        metadata = {
            "AWSAccountId": recorder.account,
            "KeyId": id,
            "Arn": arn,
            "CreationDate": epoch(_CREATED),
            "Enabled": state == "Enabled",
            "Description": "",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": state,
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "MultiRegion": False,
        }
        yield recorder.answered("kms", "DescribeKey", {"KeyId": arn}, {"KeyMetadata": metadata})
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Account",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{recorder.account}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
        asked = {"KeyId": arn, "PolicyName": "default"}
        yield recorder.answered("kms", "GetKeyPolicy", asked, {"Policy": json.dumps(policy), "PolicyName": "default"})


def _secrets(recorder: Recorder, secrets: Mapping[str, Any]) -> Iterator[Call]:
    found = [_secret(recorder, name, described) for name, described in sorted(secrets.items())]
    asked = {"IncludePlannedDeletion": False}
    yield recorder.answered("secretsmanager", "ListSecrets", asked, {"SecretList": found})
    for secret in found:
        replicas = [
            {"Region": region, "KmsKeyId": "alias/aws/secretsmanager", "Status": status}
            for region, status in sorted(secrets[secret["Name"]].get("replicas", {}).items())
        ]
        answer = {**secret, "ReplicationStatus": replicas}
        yield recorder.answered("secretsmanager", "DescribeSecret", {"SecretId": secret["ARN"]}, answer)


def secret_arn(place: Place, name: str) -> str:
    """Return the ARN of a secret; its replicas have the same, but for the Region."""
    return f"arn:aws:secretsmanager:{place.region}:{place.account}:secret:{name}-{sha256(name)[:6]}"


def _secret(recorder: Recorder, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    primary = described.get("primary") or (recorder.place.region if described.get("replicas") else None)
    secret = {"ARN": secret_arn(recorder.place, name), "Name": name, "CreatedDate": epoch(_CREATED), "Tags": []}
    return {**secret, "PrimaryRegion": primary} if primary else secret


def _parameters(recorder: Recorder, names: Iterable[str]) -> Iterator[Call]:
    found = [
        {
            "Name": name,
            "ARN": recorder.arn("ssm", f"parameter{name}"),
            "Type": "String",
            "LastModifiedDate": epoch(_CREATED),
            "Version": 1,
            "Tier": "Standard",
            "DataType": "text",
        }
        for name in sorted(names)
    ]
    yield recorder.answered("ssm", "DescribeParameters", {}, {"Parameters": found})


def _buckets(recorder: Recorder, buckets: Mapping[str, Any]) -> Iterator[Call]:
    region = recorder.place.region
    found = [{"Name": name, "CreationDate": rfc3339(_CREATED), "BucketRegion": region} for name in sorted(buckets)]
    yield recorder.answered("s3", "ListBuckets", {"BucketRegion": region}, {"Buckets": found})
    for name in sorted(buckets):
        described, asked = buckets[name], {"Bucket": name}
        versioning = {"Status": "Enabled"} if described.get("versioned") else {}
        yield recorder.answered("s3", "GetBucketVersioning", asked, versioning)
        if "copied_to" not in described:
            message = "The replication configuration was not found"
            code = "ReplicationConfigurationNotFoundError"
            yield recorder.refused("s3", "GetBucketReplication", asked, code, message)
            continue
        rule = {
            "ID": "standby",
            "Priority": 1,
            "Filter": {},
            "Status": "Enabled",
            "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
            "Destination": {
                "Bucket": f"arn:aws:s3:::{described['copied_to']}",
                "EncryptionConfiguration": {"ReplicaKmsKeyID": "alias/aws/s3"},
            },
            "DeleteMarkerReplication": {"Status": "Disabled"},
        }
        configuration = {"Role": recorder.role("s3-replication"), "Rules": [rule]}
        yield recorder.answered("s3", "GetBucketReplication", asked, {"ReplicationConfiguration": configuration})


def _quotas(recorder: Recorder, raised: Mapping[str, float]) -> Iterator[Call]:
    for service, code in QUOTAS:
        name, default = _DEFAULTS[service, code]
        quota = {
            "ServiceCode": service,
            "QuotaCode": code,
            "QuotaName": name,
            "QuotaArn": recorder.arn("servicequotas", f"{service}/{code}"),
            "Value": float(raised.get(f"{service}/{code}", default)),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
        asked = {"ServiceCode": service, "QuotaCode": code}
        yield recorder.answered("service-quotas", "ListServiceQuotas", asked, {"Quotas": [quota]})


def _inspector(recorder: Recorder) -> Iterator[Call]:
    """Return an Inspector that is off: what runs is known from ECS and EKS."""
    off = {"status": "DISABLED", "errorCode": "RESOURCE_NOT_FOUND", "errorMessage": "Inspector is off"}
    state = {"ec2": off, "ecr": off, "lambda": off, "lambdaCode": off, "codeRepository": off}
    account = {"accountId": recorder.account, "state": off, "resourceState": state}
    asked = {"accountIds": [recorder.account]}
    answer = {"accounts": [account], "failedAccounts": []}
    yield recorder.answered("inspector2", "BatchGetAccountStatus", asked, answer)
