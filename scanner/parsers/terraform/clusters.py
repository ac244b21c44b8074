"""Which EKS cluster a provider such as `kubernetes` or `helm` speaks to: how it is reached says so.

https://registry.terraform.io/providers/hashicorp/kubernetes/latest/docs
https://registry.terraform.io/providers/hashicorp/helm/latest/docs
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanner.kubernetes_objects import Cluster as Arn
from scanner.model import Unknown
from scanner.parsers.terraform import providers
from scanner.parsers.terraform.declared import Attribute
from scanner.parsers.terraform.instances import Values, references
from scanner.parsers.terraform.lazy import Node
from scanner.parsers.terraform.modules import text
from scanner.parsers.terraform.providers import DEFAULT, Fallback, Provider, known
from scanner.parsers.terraform.syntax import Block, Body

if TYPE_CHECKING:
    from scanner.parsers.terraform.names import Instance
    from scanner.parsers.terraform.resource import ResourceInstance

EKS = "aws_eks_cluster"
"""The type of a cluster; `aws_eks_cluster_auth`, a data source, is about one too."""
_INSIDE = "kubernetes"
"""The block (or the attribute, since version 3) of the provider `helm` that says how the cluster is reached."""
_REACHED_BY = ("host", "cluster_ca_certificate", "token")
_CONTEXTS = ("config_context", "config_context_cluster")
_NAMES = ("--cluster-name", "--cluster-id", "-i")
_HOST = re.compile(r"https://[0-9A-F]{32}\.[a-z0-9]+\.([a-z0-9-]+)\.eks(?:-[a-z]+)?\.[a-z0-9.-]+/?", re.IGNORECASE)
_SEVERAL = "what provider '{}' speaks to may be in several places"


@dataclass(frozen=True)
class Cluster:
    """The cluster that a provider speaks to: its name, and the account and the Region it is in."""

    name: str | Unknown
    place: Provider


def of(here: Instance, name: str) -> Cluster:
    """Return the cluster of a configuration that is referred to in a module, `helm` or `helm.<alias>`."""
    caller = here.caller
    if caller is not None:
        for inner, outer in providers.passed(caller.block.body.attributes.get("providers")):
            if inner == name:
                return caller.instance.cluster(outer)
    block = next((each for each in here.module.providers if provider_name(each) == name), None)
    if caller is not None and (block is None or not (block.body.attributes or block.body.blocks)) and "." not in name:
        return caller.instance.cluster(name)
    fallback = here.environment.fallback
    if block is None:
        unsaid = Unknown(f"provider '{name}' is not configured")
        return _declared(
            Cluster(unsaid, Provider(unsaid, unsaid) if "." in name else _everything(here, name)), fallback
        )
    if block.body.problems:
        problem = block.body.problems[0]
        unread = Unknown(f"a part of it could not be read: {problem.location}: {problem.message}")
        return _declared(Cluster(unread, Provider(unread, unread)), fallback)
    return _declared(_configured(here, name, block), fallback)


def _declared(found: Cluster, fallback: Fallback) -> Cluster:
    """Return a cluster with what the configuration says where the code does not, unless it is about another place."""
    account, region = known(found.place)
    if isinstance(found.name, str) or fallback.cluster is None:
        return found
    if (account or fallback.account, region or fallback.region) != (
        fallback.account or account,
        fallback.region or region,
    ):
        return found
    unsaid = Unknown("regionproof.yaml names its cluster, and not where that is")
    place = Provider(account or fallback.account or unsaid, region or fallback.region or unsaid)
    return Cluster(fallback.cluster, place)


def _configured(here: Instance, name: str, block: Block) -> Cluster:
    given = _settings(here, block)
    found = [_of_instance(one) for one in _reached(here, given)] + list(_of_contexts(given))
    said = _said(given.get("exec"))
    if not found:
        place = _place(here, name, block, said, given.get("host"))
        unsaid = Unknown(f"the configuration of provider '{name}' does not say which cluster it is")
        return Cluster(unsaid if said.name is None else said.name, place)
    places = {known(one.place): one.place for one in found}
    several = Unknown(_SEVERAL.format(name))
    place = next(iter(places.values())) if len(places) == 1 else Provider(several, several)
    names = [*(one.name for one in found), *([said.name] if isinstance(said.name, str) else ())]
    for unknown in names:
        if isinstance(unknown, Unknown):
            return Cluster(unknown, place)
    if len({str(each) for each in names}) > 1:
        return Cluster(Unknown(f"the configuration of provider '{name}' names several clusters"), place)
    return Cluster(names[0], place)


def _settings(here: Instance, block: Block) -> Mapping[str, Any]:
    """Return how the cluster is reached."""
    values: Any = Values(block, here).all()
    if block.labels[0] == "helm":
        values = values.get(_INSIDE)
    first = values[0] if isinstance(values, list) and len(values) == 1 else values
    return first if isinstance(first, dict) else {}


def _reached(here: Instance, given: Mapping[str, Any]) -> Iterator[ResourceInstance]:
    """Yield the clusters of which the configuration has an attribute that is known after apply."""
    for key in _REACHED_BY:
        value = given.get(key)
        if isinstance(value, Attribute) and (found := here.root.clusters.get(value.address)):
            yield found


def _of_instance(one: ResourceInstance) -> Cluster:
    name = one.values.get("name")
    unsaid = name if isinstance(name, Unknown) else Unknown(f"the name of '{one.address}' is not declared")
    return Cluster(name if isinstance(name, str) else unsaid, one.place)


def _of_contexts(given: Mapping[str, Any]) -> Iterator[Cluster]:
    """Yield the clusters that contexts are named after, as `aws eks update-kubeconfig` does it."""
    for key in _CONTEXTS if given.get("host") is None else ():  # a host counts before a context
        try:
            arn = Arn.of(given.get(key))
        except ValueError:
            continue
        yield Cluster(arn.name, Provider(arn.account, arn.region))


@dataclass(frozen=True)
class _Said:
    """What the command that makes tokens is given; None for what it is not."""

    name: str | Unknown | None = None
    region: str | Unknown | None = None


def _said(given: Any) -> _Said:
    first = given[0] if isinstance(given, list) and given else given
    arguments = first.get("args") if isinstance(first, dict) else None
    if not isinstance(arguments, list):
        return _Said()
    return _Said(_option(arguments, _NAMES), _option(arguments, ("--region",)))


def _option(arguments: list[Any], names: tuple[str, ...]) -> Any:
    for number, each in enumerate(arguments):
        if not isinstance(each, str):
            continue
        name, equals, value = each.partition("=")
        if name in names:
            following = arguments[number + 1] if number + 1 < len(arguments) else None
            found = value if equals else following
            return found if isinstance(found, (str, Unknown)) else None
    return None


def _place(here: Instance, name: str, block: Block, said: _Said, host: Any) -> Provider:
    """Return where the cluster is, as far as what the configuration refers to, or spells out, says it."""
    found = {known(one): one for one in _places_of(here, block.body)}
    several = Unknown(_SEVERAL.format(name))
    spelled = _HOST.fullmatch(host) if isinstance(host, str) else None
    regions = {one for one in (spelled and spelled[1], said.region) if isinstance(one, str)}
    if len(found) > 1 or len(regions) > 1:
        return Provider(several, several)
    region = next(iter(regions), None)
    if region is None and isinstance(said.region, Unknown):
        return Provider(several, said.region)
    if found:
        place = next(iter(found.values()))
        return place if region in (None, known(place)[1]) else Provider(several, several)
    if region is not None:
        accounts = {known(one)[0]: one.account for one in _configurations(here)}
        return Provider(next(iter(accounts.values())) if len(accounts) == 1 else several, region)
    if any(path[0] == "module" for path in _references(block.body)):
        return _everything(here, name)
    unsaid = Unknown(f"the configuration of provider '{name}' does not say where its cluster is")
    return Provider(unsaid, unsaid)


def _everything(here: Instance, name: str) -> Provider:
    """Return where all of `aws` is, if that is one place."""
    found = {known(one): one for one in _configurations(here)}
    several = Unknown(_SEVERAL.format(name))
    return next(iter(found.values())) if len(found) == 1 else Provider(several, several)


def _configurations(here: Instance) -> Iterator[Provider]:
    aliases = {each for block in here.module.providers if (each := provider_name(block)).startswith(f"{DEFAULT}.")}
    return map(here.provider, {DEFAULT, *aliases})


def _places_of(here: Instance, body: Body) -> Iterator[Provider]:
    """Yield where the clusters, or the modules that declare them, are that a body refers to."""
    for path in _references(body):
        node: Any = None
        match path:
            case ["module", str(name), *_] if name in here.module.calls:
                node = here.call(name)
            case ["data", str(type), str(name), *_] if type.startswith(EKS) and (type, name) in here.module.data:
                node = here.node(type, name, data=True)
            case [str(type), str(name), *_] if type == EKS and (type, name) in here.module.managed:
                node = here.node(type, name, data=False)
        for one in node.instances() if isinstance(node, Node) else ():
            yield from [one.place] if hasattr(one, "place") else _places_in(one)


def _places_in(module: Instance) -> list[Provider]:
    """Return where the clusters of a module are; if it declares none itself, where its provider is."""
    named = [name for type, name in module.module.managed if type == EKS]
    nodes = [module.node(EKS, name, data=False) for name in named]
    found = [one.place for node in nodes if isinstance(node, Node) for one in node.instances()]
    return found or [module.provider(DEFAULT)]


def _references(body: Body) -> Iterator[list[Any]]:
    for attribute in body.attributes.values():
        yield from references(attribute.expression)
    for block in body.blocks:
        yield from _references(block.body)


def provider_name(provider: Block) -> str:
    """Return the name of a configuration: `aws`, or `aws.<alias>`."""
    alias = text(provider.body.attributes.get("alias"))
    return provider.labels[0] if alias is None else f"{provider.labels[0]}.{alias}"
