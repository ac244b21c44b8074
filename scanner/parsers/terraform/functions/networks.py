"""Functions of IP networks."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from scanner.parsers.terraform.functions.table import function
from scanner.parsers.terraform.values import Mistake, Undecided

_MOST_SUBNETS = 1000


def _network(prefix: str) -> IPv4Network | IPv6Network:
    if "/" not in prefix:
        raise Mistake("the text is not a network")
    try:
        return ip_network(prefix, strict=False)
    except ValueError:  # Terraform takes a few that Python does not
        raise Undecided("the text is not understood as a network") from None


def _subnet(network: IPv4Network | IPv6Network, bits: int, number: int) -> str:
    length = network.prefixlen + bits
    if bits < 0 or length > network.max_prefixlen or not 0 <= number < 1 << bits:
        raise Mistake("the network has no such part")
    address = int(network.network_address) + (number << (network.max_prefixlen - length))
    return str(type(network)((address, length)))


@function()
def cidrsubnet(prefix: str, bits: int, number: int) -> str:
    return _subnet(_network(prefix), bits, number)


@function()
def cidrsubnets(prefix: str, *bits: int) -> list[str]:
    network, end, made = _network(prefix), 0, []
    if len(bits) > _MOST_SUBNETS:
        raise Undecided("the network is divided into too many parts")
    for each in bits:
        if not 0 < each <= network.max_prefixlen - network.prefixlen:
            raise Mistake("the network has no such part")
        size = 1 << (network.max_prefixlen - network.prefixlen - each)
        number = -(-end // size)
        made.append(_subnet(network, each, number))
        end = (number + 1) * size
    return made


@function()
def cidrhost(prefix: str, number: int) -> str:
    network = _network(prefix)
    at = number if number >= 0 else network.num_addresses + number
    if not 0 <= at < network.num_addresses:
        raise Mistake("the network has no such address")
    return str(network[at])


@function()
def cidrnetmask(prefix: str) -> str:
    network = _network(prefix)
    if network.version != 4:
        raise Mistake("only IPv4 networks have a mask")
    return str(network.netmask)
