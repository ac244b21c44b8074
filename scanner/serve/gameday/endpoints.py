"""Amazon EC2 on a game day: VPC endpoints."""

from __future__ import annotations

import hashlib
from typing import Any

from scanner.serve.gameday.world import Write, refused


def create_vpc_endpoint(write: Write) -> dict[str, Any]:
    """Create an endpoint in a VPC, and where it has to be, in subnets, that were seen."""
    given = write.parameters
    subnets = {one["SubnetId"]: one["VpcId"] for one in write.listed("ec2", "DescribeSubnets", "Subnets")}
    if given["VpcId"] not in subnets.values():
        raise refused("InvalidVpcId.NotFound", f"The vpc ID '{given['VpcId']}' does not exist")
    for subnet in given.get("SubnetIds") or ():
        if subnets.get(subnet) != given["VpcId"]:
            raise refused("InvalidSubnetId.NotFound", f"The subnet ID '{subnet}' does not exist")
    seed = f"{write.place} {sorted(given.items(), key=str)} {write.at.isoformat()}"
    endpoint = {
        "VpcEndpointType": "Gateway",
        "PolicyDocument": '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}',
        "PrivateDnsEnabled": given.get("VpcEndpointType") == "Interface",
        "RouteTableIds": [],
        "SubnetIds": [],
        "Groups": [{"GroupId": group} for group in given.get("SecurityGroupIds") or ()],
        **{key: given[key] for key in _KEPT if key in given},
        "VpcEndpointId": f"vpce-{hashlib.sha256(seed.encode()).hexdigest()[:17]}",
        "State": "available",
        "CreationTimestamp": f"{write.at:%Y-%m-%dT%H:%M:%SZ}",
        "Tags": [],
    }
    write.edits.append("ec2", "DescribeVpcEndpoints", "VpcEndpoints", endpoint)
    return {"VpcEndpoint": {**endpoint, "State": "pending"}}


_KEPT = ("VpcEndpointType", "VpcId", "ServiceName", "PolicyDocument", "RouteTableIds", "SubnetIds", "PrivateDnsEnabled")

WRITES = {"CreateVpcEndpoint": create_vpc_endpoint}
