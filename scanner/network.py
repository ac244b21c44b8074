"""The way from a subnet to the registry of its Region and to other services: gateways that lead out, or VPC endpoints.

Semantics: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
Reading something that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from scanner.model import InsufficientData, Model, Place, Resource
from scanner.policy import Decision, decide
from scanner.regions import partition_by_name
from scanner.workloads import live_only

SUBNET, ROUTE_TABLE = "AWS::EC2::Subnet", "AWS::EC2::RouteTable"
ENDPOINT, NAT_GATEWAY = "AWS::EC2::VPCEndpoint", "AWS::EC2::NatGateway"
TYPES = (SUBNET, ROUTE_TABLE, ENDPOINT, NAT_GATEWAY)


@dataclass(frozen=True)
class Path:
    """How a subnet reaches the registry; `missing` are clauses that say why it does not, none if it does."""

    via: str
    missing: tuple[str, ...] = ()


_tables: WeakKeyDictionary[Model, dict[tuple[str, Place], list[Resource]]] = WeakKeyDictionary()


Resources = Callable[[], tuple[str, ...]]
"""Gives the ARNs of what is asked for; none where nobody can tell."""
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


class Need(NamedTuple):
    """A service that is asked over the network, as its endpoints are called (`logs`): what to do, to which `resources`.

    `principal` is who asks, None for the account of the workload.
    """

    service: str
    actions: tuple[str, ...]
    resources: Resources = lambda: ("*",)
    principal: str | None = None


def path(model: Model, place: Place, subnet_id: str, *, public_ip: bool, images: Resources) -> Path:
    """Return how what runs in a subnet pulls images.

    `public_ip` tells whether it has an address of its own, without which an internet gateway is no way out.  For
    `images` is asked where the policy of an endpoint does not allow everything.
    """
    subnet = _subnet(model, place, subnet_id)
    table = _table(model, place, subnet)
    registry = (Need("ecr.api", ("ecr:GetAuthorizationToken",)), Need("ecr.dkr", PULL, images))
    services = [*(_interface(model, place, subnet, need) for need in registry), _storage(model, place, subnet, table)]
    return _path(model, place, subnet, table, services, public_ip=public_ip)


def path_to(model: Model, place: Place, subnet_id: str, need: Need, *, public_ip: bool) -> Path:
    """Return how what runs in a subnet reaches another service than the registry."""
    subnet = _subnet(model, place, subnet_id)
    service = _interface(model, place, subnet, need)
    return _path(model, place, subnet, _table(model, place, subnet), [service], public_ip=public_ip)


def _path(
    model: Model, place: Place, subnet: Resource, table: Resource, services: list[_Service], *, public_ip: bool
) -> Path:
    if refused := tuple(action for service in services for action in service.refused):
        return Path("VPC endpoints", refused)
    absent = [service for service in services if service.absent]
    if not absent:
        return Path("VPC endpoints")
    if way := _way_out(model, place, subnet, table, public_ip=public_ip):
        return Path(way)
    if doubt := next((service.doubt for service in absent if service.doubt), None) or _elsewhere(table):
        raise InsufficientData(doubt)
    return Path("VPC endpoints", ("no gateway leads out", *(service.absent for service in absent)))


@dataclass(frozen=True)
class _Service:
    """What the endpoints of a service do for a subnet: what they refuse, that there are none, why there may be."""

    refused: tuple[str, ...] = ()
    absent: str = ""
    doubt: str = ""


def _all(model: Model, type: str, place: Place) -> list[Resource]:
    """Return the resources of a type in a place; raise `InsufficientData` where there may be more."""
    if gap := model.hidden(type, place):
        raise InsufficientData(f"the network of {place} was not seen: {gap}")
    if place not in model.scanned:
        raise InsufficientData(f"the network of {place} was not scanned")
    found = _tables.setdefault(model, {})
    if (type, place) not in found:
        found[type, place] = [one for one in model.in_place(type, place) if (one.account, one.region) == place]
    return found[type, place]


def _subnet(model: Model, place: Place, id: str) -> Resource:
    found = next((one for one in _all(model, SUBNET, place) if one["SubnetId"] == id), None)
    if found is None:  # of another account, which shares it
        raise InsufficientData(f"the subnet '{id}' was not seen in {place}")
    return found


def _table(model: Model, place: Place, subnet: Resource) -> Resource:
    """Return the route table of a subnet: the one it is associated with, else the main one of its VPC."""
    main = None
    for table in _all(model, ROUTE_TABLE, place):
        for association in table["Associations"] or ():
            if association["SubnetId"] == subnet["SubnetId"]:
                return table
            if association["Main"] and table["VpcId"] == subnet["VpcId"]:
                main = table
    if main is None:
        raise InsufficientData(f"the route table of '{subnet['SubnetId']}' was not seen")
    return main


def _default_routes(table: Resource) -> Iterator[Mapping[str, Any]]:
    for route in table["Routes"] or ():
        if route["DestinationCidrBlock"] == "0.0.0.0/0" and route["State"] != "blackhole":
            yield route


def _way_out(model: Model, place: Place, subnet: Resource, table: Resource, *, public_ip: bool) -> str | None:
    """Return the gateway that leads to the internet, None if there is none; raise where nobody can tell."""
    for route in _default_routes(table):
        if str(route["GatewayId"] or "").startswith("igw-"):
            return f"internet gateway '{route['GatewayId']}'" if public_ip else None
        if route["NatGatewayId"]:
            return _nat(model, place, route["NatGatewayId"])
        if any(route[key] for key in ("EgressOnlyInternetGatewayId", "CarrierGatewayId")):
            continue
        other = next((value for key, value in route.items() if key.endswith("Id") and value), "something else")
        raise InsufficientData(f"what is behind '{other}', the default route of '{subnet['SubnetId']}', was not seen")
    return None


def _elsewhere(table: Resource) -> str:
    """Return why a service may be reached through another network, or over IPv6; empty if no route leads there."""
    for route in table["Routes"] or ():
        if route["State"] == "blackhole" or route["GatewayId"] == "local" or route["DestinationPrefixListId"]:
            continue
        if route["DestinationIpv6CidrBlock"]:
            return f"whether it is reached over IPv6, as '{table['RouteTableId']}' allows, was not seen"
        if not str(route["GatewayId"] or "").startswith("igw-") and not route["NatGatewayId"]:
            ids = (value for key, value in route.items() if key.endswith(("Id", "Arn")) and value)
            return f"whether its endpoints are reached through '{next(ids, 'another network')}' was not seen"
    return ""


def _nat(model: Model, place: Place, id: str) -> str | None:
    gateway = next((one for one in _all(model, NAT_GATEWAY, place) if one["NatGatewayId"] == id), None)
    if gateway is None:
        raise InsufficientData(f"the NAT gateway '{id}' was not seen in {place}")
    if gateway["ConnectivityType"] == "private":
        raise InsufficientData(f"where the private NAT gateway '{id}' leads was not seen")
    if live_only(gateway, "State") not in (None, "available"):
        return None
    if gateway["SubnetId"] is None:
        raise InsufficientData(f"where the regional NAT gateway '{id}' leads was not seen")
    outward = _default_routes(_table(model, place, _subnet(model, place, gateway["SubnetId"])))
    if any(str(route["GatewayId"] or "").startswith("igw-") for route in outward):
        return f"NAT gateway '{id}'"
    return None


def _usable(model: Model, place: Place, subnet: Resource, service: str) -> list[Resource]:
    """Return the endpoints of a service in the VPC of a subnet; a file shows no state."""
    return [
        one
        for one in _all(model, ENDPOINT, place)
        if one["VpcId"] == subnet["VpcId"]
        and str(one["ServiceName"]).endswith(f".{place.region}.{service}")
        and str(live_only(one, "State") or "available").lower() == "available"
    ]


def _interface(model: Model, place: Place, subnet: Resource, need: Need) -> _Service:
    """An endpoint with private DNS takes the calls of its VPC, whatever gateway there is beside it."""
    service, there = need.service, _usable(model, place, subnet, need.service)
    found = [one for one in there if one["PrivateDnsEnabled"]]
    doubt = f"whether a hosted zone leads to the endpoint of {service}, which has no private DNS, was not seen"
    if not there and (fips := _fips(model, place, subnet, service)):
        doubt, there = f"whether '{fips[0]['ServiceName']}' is used was not seen", fips
    if found:
        return _Service(tuple(_refused(found, need, place)))
    return _Service(absent=f"no endpoint of {service} has private DNS", doubt=doubt if there else "")


def _fips(model: Model, place: Place, subnet: Resource, service: str) -> list[Resource]:
    """Return the endpoints of the FIPS hosts of a service, of which no document says what they are called."""
    here = [one for one in _all(model, ENDPOINT, place) if one["VpcId"] == subnet["VpcId"]]
    of_service = f".{service.partition('.')[0]}"
    return [one for one in here if of_service in str(one["ServiceName"]) and "fips" in str(one["ServiceName"])]


def _storage(model: Model, place: Place, subnet: Resource, table: Resource) -> _Service:
    """Layers are downloaded from a bucket of ECR, so a way to S3 has to be there too."""
    there, id = _usable(model, place, subnet, "s3"), table["RouteTableId"]
    gateways = [one for one in there if one["VpcEndpointType"] == "Gateway" and id in (one["RouteTableIds"] or ())]
    if gateways:
        partition, _ = partition_by_name(place.region)
        layer = f"arn:{partition}:s3:::prod-{place.region}-starport-layer-bucket/layer"
        return _Service(tuple(_refused(gateways, Need("s3", ("s3:GetObject",), lambda: (layer,)), place)))
    interface = any(one["VpcEndpointType"] == "Interface" for one in there)
    doubt = "whether the interface endpoint of S3 serves the layers of images cannot be told"
    return _Service(absent="the route table has no gateway endpoint of S3", doubt=doubt if interface else "")


def _refused(endpoints: list[Resource], need: Need, place: Place) -> Iterator[str]:
    """Yield what the policies of all endpoints of a service refuse; where there is none, everything is allowed."""
    policies = [one["PolicyDocument"] for one in endpoints]
    if None in policies:
        return
    for action in need.actions:
        answers = [_answer(policy, action, need, place) for policy in policies]
        where = f"the policy of the endpoint of {need.service}"
        if Decision.UNDECIDED in answers and Decision.ALLOWED not in answers:
            raise InsufficientData(f"whether {where} allows {action} cannot be told")
        if Decision.ALLOWED not in answers:
            yield f"{where} refuses {action}"


def _answer(policy: Any, action: str, need: Need, place: Place) -> Decision:
    who = need.principal or str(place.account)
    known = {} if need.principal else {"aws:PrincipalAccount": who}
    # What allows this may allow everything; only else it matters what is asked for.
    if decide(policy, who, action, "*", known).decision is Decision.ALLOWED:
        return Decision.ALLOWED
    answers = {decide(policy, who, action, resource, known).decision for resource in need.resources()}
    if Decision.DENIED in answers:
        return Decision.DENIED
    return Decision.UNDECIDED if Decision.UNDECIDED in answers or not answers else Decision.ALLOWED


def subnets_of(workload: Resource) -> tuple[Sequence[str], str]:
    """Return the subnets over which a service on Fargate, or nodes, go out, and where they are named.

    A task on instances goes out over the subnets of the instance, which it does not name: `InsufficientData`.
    """
    if workload.type != "AWS::ECS::Service":
        if not workload["Subnets"]:
            raise InsufficientData(f"the subnets of '{workload.name}' were not seen")
        return workload["Subnets"], "/Subnets"
    if not on_fargate(workload):
        raise InsufficientData(
            f"'{workload.name}' is not said to run on Fargate, and the subnets of instances were not seen"
        )
    network = (workload["NetworkConfiguration"] or {}).get("AwsvpcConfiguration") or {}
    if not network.get("Subnets"):
        raise InsufficientData(f"the subnets of '{workload.name}' were not seen")
    return network["Subnets"], "/NetworkConfiguration"


def on_fargate(service: Resource) -> bool:
    """Tell whether a service says that its tasks run on Fargate."""
    providers = [one["CapacityProvider"] for one in service["CapacityProviderStrategy"] or ()]
    return service["LaunchType"] == "FARGATE" or (
        bool(providers) and all(str(p).startswith("FARGATE") for p in providers)
    )


def has_address(workload: Resource, subnet_id: str, model: Model) -> bool:
    """Tell whether what goes out has a public address: tasks as the service says, nodes as their subnet says."""
    if workload.type == "AWS::ECS::Service":
        return bool(workload["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "ENABLED")
    if workload.type == "AWS::EKS::FargateProfile":
        return False
    subnets = model.in_place(SUBNET, workload.place)
    return any(one["MapPublicIpOnLaunch"] for one in subnets if one["SubnetId"] == subnet_id)
