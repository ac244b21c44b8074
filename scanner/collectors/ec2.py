"""Amazon VPC: the ways from a subnet to a registry.  A route says by its state whether its gateway is attached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scanner.collectors.ask import MALFORMED, Answers, Ask, Rate, cloudformation, document, pick, structures, tags
from scanner.model import Gap, Resource

ENDPOINT, SUBNET = "AWS::EC2::VPCEndpoint", "AWS::EC2::Subnet"
ROUTE_TABLE, NAT_GATEWAY = "AWS::EC2::RouteTable", "AWS::EC2::NatGateway"
SECURITY_GROUP = "AWS::EC2::SecurityGroup"
TYPES = (ENDPOINT, SUBNET, ROUTE_TABLE, NAT_GATEWAY, SECURITY_GROUP)

# https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
_READ = Rate("non-mutating", 20, 100)


def _ask(operation: str, answer: str, type: str, size: int) -> Ask:
    tokens = ("NextToken", "NextToken")
    return Ask(operation, answer, (type,), {"MaxResults": size}, paged=True, tokens=tokens, rate=_READ)


_ENDPOINTS = _ask("DescribeVpcEndpoints", "VpcEndpoints", ENDPOINT, 1000)
_SUBNETS = _ask("DescribeSubnets", "Subnets", SUBNET, 1000)
_ROUTE_TABLES = _ask("DescribeRouteTables", "RouteTables", ROUTE_TABLE, 100)
_NAT_GATEWAYS = _ask("DescribeNatGateways", "NatGateways", NAT_GATEWAY, 1000)
_SECURITY_GROUPS = _ask("DescribeSecurityGroups", "SecurityGroups", SECURITY_GROUP, 1000)
CALLS = (_ENDPOINTS, _SUBNETS, _ROUTE_TABLES, _NAT_GATEWAYS, _SECURITY_GROUPS)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return what a network is made of; none of it has a name that another Region would share."""
    for ask, member, kind, read in (
        (_ENDPOINTS, "VpcEndpointId", "vpc-endpoint", _endpoint),
        (_SUBNETS, "SubnetId", "subnet", _subnet),
        (_ROUTE_TABLES, "RouteTableId", "route-table", _route_table),
        (_NAT_GATEWAYS, "NatGatewayId", "natgateway", _nat_gateway),
        (_SECURITY_GROUPS, "GroupId", "security-group", _security_group),
    ):
        for answer, described in answers.items(ask):
            yield _resource(answers, ask, member, kind, described, read, answer.at)
    yield from answers.gaps(CALLS)


def _resource(
    answers: Answers,
    ask: Ask,
    member: str,
    kind: str,
    described: Mapping[str, Any],
    read: Callable[[Mapping[str, Any]], dict[str, Any]],
    at: str,
) -> Resource | Gap:
    (type,), target, id = ask.types, answers.target, described.get(member)
    if not isinstance(id, str) or not id:
        return answers.gap(type, answers.name(ask), MALFORMED, f"something was answered without its {member}")
    arn = f"arn:{target.partition}:ec2:{target.region}:{target.account}:{kind}/{id}"
    labels = tags(described.get("Tags"))
    return answers.resource(type, arn, None, {member: id, **read(described)}, asks=(ask,), at=at, tags=labels)


def _endpoint(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    policy, groups = endpoint.get("PolicyDocument"), endpoint.get("Groups")
    return {
        **pick(endpoint, "VpcId", "VpcEndpointType", "ServiceName", "ServiceRegion", "PrivateDnsEnabled", "State"),
        **pick(endpoint, "SubnetIds", "RouteTableIds"),
        "SecurityGroupIds": None if groups is None else [group.get("GroupId") for group in structures(groups)],
        "PolicyDocument": None if policy is None else document(policy, "the endpoint's policy"),
    }


def _subnet(subnet: Mapping[str, Any]) -> dict[str, Any]:
    return pick(subnet, "VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "State")


def _route_table(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **pick(table, "VpcId"),
        "Routes": cloudformation(structures(table.get("Routes"))),
        "Associations": cloudformation(structures(table.get("Associations"))),
    }


def _security_group(group: Mapping[str, Any]) -> dict[str, Any]:
    return pick(group, "GroupName", "VpcId")


def _nat_gateway(gateway: Mapping[str, Any]) -> dict[str, Any]:
    # Before there were private ones, all were public.
    return {"ConnectivityType": "public", **pick(gateway, "VpcId", "SubnetId", "ConnectivityType", "State")}
