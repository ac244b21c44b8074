"""What the demo's places have besides registries and workloads: networks, keys, quotas, an alarm."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scanner.collectors import COLLECTORS
from scanner.collectors.ask import Ask, once
from scanner.collectors.servicequotas import QUOTAS
from scanner.demo.words import Recorder, sha256
from scanner.recorded import Call

SERVICES = (
    "lambda",
    "cloudformation",
    "ec2",
    "codepipeline",
    "codebuild",
    "s3",
    "events",
    "service-quotas",
    "arc-region-switch",
    "kms",
)
_LIMITS = {
    "L-1216C47A": ("Running On-Demand Standard instances", 640.0),
    "L-03A36CE1": ("Images per repository", 20_000.0),
    "L-CFEB8E8D": ("Registered repositories", 10_000.0),
    "L-1194D53C": ("Clusters", 100.0),
    "L-3032A538": ("Fargate On-Demand vCPU resource count", 128.0),
    "L-B99A9384": ("Concurrent executions", 1_000.0),
}
"""By code, the name of a quota and its value."""
_RAISED = {("us-east-1", "L-3032A538"): 256.0}
"""What somebody had raised, in one Region."""
_PATTERN = {"source": ["aws.ecr"], "detail-type": ["ECR Replication Action"], "detail": {"result": ["FAILED"]}}


def calls(recorder: Recorder, contents: Mapping[str, Any]) -> Iterator[Call]:
    """Return what the services answer about one place; lists that nothing is said about are empty."""
    told = [
        *_network(recorder),
        *_keys(recorder, contents.get("repositories") or {}),
        *_quotas(recorder),
        *_alarm(recorder, contents.get("alarm", False)),
    ]
    yield from told
    known = {(call.service, call.operation) for call in told}
    for service in SERVICES:
        for ask in COLLECTORS[service].CALLS:
            if ask.each is once and (service, ask.operation) not in known:
                yield recorder.answered(service, ask.operation, dict(ask.parameters), {ask.answer: []})
    where = {"BucketRegion": recorder.place.region}
    yield recorder.answered("s3", "ListBuckets", {**_asked("s3", "ListBuckets").parameters, **where}, {"Buckets": []})


def _asked(service: str, operation: str) -> Ask:
    return next(ask for ask in COLLECTORS[service].CALLS if ask.operation == operation)


def _answered(recorder: Recorder, service: str, operation: str, asked: Mapping[str, Any], items: Any) -> Call:
    ask = _asked(service, operation)
    return recorder.answered(service, operation, {**ask.parameters, **asked}, {ask.answer: items})


def _network(recorder: Recorder) -> Iterator[Call]:
    """Two private subnets that lead to a NAT gateway in a public one."""
    words = str(recorder.place)
    vpc, gateway = f"vpc-{sha256(words)[:17]}", f"nat-{sha256(words)[:17]}"
    subnets = {zone: f"subnet-{sha256(f'{words} {zone}')[:17]}" for zone in ("a", "b", "public")}
    described = [{"SubnetId": id, "VpcId": vpc, "State": "available"} for id in subnets.values()]
    tables = [
        {
            "RouteTableId": f"rtb-{sha256(f'{words} {name}')[:17]}",
            "VpcId": vpc,
            "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "State": "active", **way}],
            "Associations": [association],
        }
        for name, way, association in (
            ("main", {"NatGatewayId": gateway}, {"Main": True}),
            ("public", {"GatewayId": f"igw-{sha256(words)[:17]}"}, {"Main": False, "SubnetId": subnets["public"]}),
        )
    ]
    nat = {"NatGatewayId": gateway, "SubnetId": subnets["public"], "VpcId": vpc, "State": "available"}
    yield _answered(recorder, "ec2", "DescribeSubnets", {}, described)
    yield _answered(recorder, "ec2", "DescribeRouteTables", {}, tables)
    yield _answered(recorder, "ec2", "DescribeNatGateways", {}, [{**nat, "ConnectivityType": "public"}])


def _keys(recorder: Recorder, repositories: Mapping[str, Any]) -> Iterator[Call]:
    """Return the keys that repositories are encrypted with."""
    arns = sorted({settings["encryption"]["kmsKey"] for settings in repositories.values() if "encryption" in settings})
    listed = [{"KeyArn": arn, "KeyId": arn.rpartition("/")[2]} for arn in arns]
    yield _answered(recorder, "kms", "ListKeys", {}, listed)
    for arn in arns:
        metadata = {
            "Arn": arn,
            "KeyId": arn.rpartition("/")[2],
            "KeyState": "Enabled",
            "Enabled": True,
            "KeyManager": "CUSTOMER",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "MultiRegion": False,
        }
        root = {"AWS": f"arn:aws:iam::{recorder.account}:root"}
        policy = {"Statement": [{"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}]}
        yield _answered(recorder, "kms", "DescribeKey", {"KeyId": arn}, metadata)
        yield _answered(recorder, "kms", "GetKeyPolicy", {"KeyId": arn}, json.dumps(policy))


def _quotas(recorder: Recorder) -> Iterator[Call]:
    for service, code in QUOTAS:
        name, value = _LIMITS[code]
        value = _RAISED.get((recorder.place.region, code), value)
        quota = {"ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": value}
        asked = {"ServiceCode": service, "QuotaCode": code}
        yield _answered(recorder, "service-quotas", "ListServiceQuotas", asked, [{**quota, "Adjustable": True}])


def _alarm(recorder: Recorder, wanted: bool) -> Iterator[Call]:
    name = "ecr-replication-failed"
    rule = {"Name": name, "Arn": recorder.arn("events", f"rule/{name}"), "EventBusName": "default", "State": "ENABLED"}
    rules = [{**rule, "EventPattern": json.dumps(_PATTERN)}] if wanted else []
    yield _answered(recorder, "events", "ListRules", {}, rules)
    if wanted:
        target = {"Id": "oncall", "Arn": recorder.arn("sns", "oncall")}
        yield _answered(recorder, "events", "ListTargetsByRule", {"Rule": name}, [target])
