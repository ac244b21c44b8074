"""Resources as plans and states record them: values known, unknown until apply, or secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.model import Location, Unknown
from scanner.parsers.terraform.clusters import EKS
from scanner.parsers.terraform.configuration import Configuration, items, obj
from scanner.parsers.terraform.declared import Attribute, Declared
from scanner.parsers.terraform.maps import attribute_map
from scanner.parsers.terraform.providers import CREDENTIALS
from scanner.regions import is_name

_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]*:(?P<region>[a-z0-9-]*):(?P<account>\d{12})?:.*", re.S)
_DEEPEST = 100
_REACHED_BY = (("host",), ("token",), ("cluster_ca_certificate",), ("exec", "args"))

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Recorded:
    """One instance in a plan or state.

    `resource` is its address without the index, `provider` the key of its provider, by which its place may be found.
    """

    address: str
    resource: str
    type: str
    values: dict[str, Any]
    provider: str


def lean(section: str, value: Any) -> Any:
    """Return a section of a plan without the resources of which the model knows nothing: most of them, as a rule."""
    if section == "resource_changes":
        kept = [change for change in map(obj, items(value)) if _is_mapped(change) and "deposed" not in change]
        return [
            {"address": each.get("address"), "change": {"after_unknown": obj(each.get("change")).get("after_unknown")}}
            for each in kept
        ]
    if section in ("planned_values", "values"):
        return {"root_module": _lean_module(obj(value).get("root_module"), 0)}
    return value


def _lean_module(module: Any, depth: int) -> Mapping[str, Any]:
    if depth > _DEEPEST:
        raise ValueError(f"modules are nested deeper than {_DEEPEST} levels")
    described = obj(module)
    return {
        "address": described.get("address"),
        "resources": [each for each in map(obj, items(described.get("resources"))) if _is_mapped(each)],
        "child_modules": [_lean_module(each, depth + 1) for each in items(described.get("child_modules"))],
    }


def _is_mapped(resource: Mapping[str, Any]) -> bool:
    type = resource.get("type")
    return isinstance(type, str) and attribute_map(type) is not None


def planned(plan: Mapping[str, Any]) -> list[Recorded]:
    """Return the resources that will be there once a plan, made `lean`, is applied, or that a shown state has."""
    shown = [*_shown(obj(plan.get("planned_values") or plan.get("values")).get("root_module"))]
    addresses = {str(each.get("address")) for _, each in shown}
    configuration = Configuration(plan.get("configuration"), plan.get("variables"), addresses)
    unknown = {
        str(change["address"]): obj(change.get("change")).get("after_unknown")
        for change in map(obj, items(plan.get("resource_changes")))
        if "address" in change and "deposed" not in change
    }
    return [
        made
        for module, each in shown
        if (made := _planned(module, each, configuration, unknown.get(str(each.get("address")))))
    ]


def _shown(module: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the managed resources of a module and of those below, with the address of the module."""
    described = obj(module)
    address = described.get("address")
    for each in map(obj, items(described.get("resources"))):
        if each.get("mode", "managed") == "managed" and "deposed_key" not in each:
            yield address if isinstance(address, str) else "", each
    for child in items(described.get("child_modules")):
        yield from _shown(child)


def _planned(module: str, each: Mapping[str, Any], configuration: Configuration, unknown: Any) -> Recorded | None:
    type, name, address = each.get("type"), each.get("name"), each.get("address")
    described = attribute_map(type) if isinstance(type, str) else None
    if described is None or not isinstance(type, str) or not isinstance(address, str):
        return None
    own = f"{type}.{name}"
    index = address.removeprefix(f"{module}." if module else "").removeprefix(own)

    blocks = _blocks(described["attributes"]) if "attributes" in described else frozenset()

    def missing(path: Path) -> Any:
        if path and path[-1] not in blocks and configuration.leaves_out(module, own, path):
            return None  # AWS, or the provider, will choose it
        found = configuration.refers(module, own, index, path)
        where = ".".join(map(str, (address, *path)))
        return Attribute(*found) if found else Unknown(f"'{where}' is known only after apply")

    given = each.get("values")
    shown = given if isinstance(given, dict) else Unknown(f"the plan does not show the values of '{address}'")
    values = _overlaid(shown, unknown, missing, ())
    values = _overlaid(values, each.get("sensitive_values"), lambda path: _secret(address, path), ())
    return Recorded(
        address, f"{module}.{own}".removeprefix("."), type, _object(type, values), configuration.provider(module, own)
    )


def _blocks(attributes: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the attributes that are, or may be, blocks."""
    found: set[str] = set()
    for name, given in attributes.items():
        for rule in given if isinstance(given, list) else [given]:
            if isinstance(rule, dict) and rule.get("as") in ("object", "list"):
                found |= {name, *_blocks(rule["attributes"])}
    return frozenset(found)


def stored(state: Mapping[str, Any]) -> list[Recorded]:
    """Return the resources that a state file has."""
    made = []
    for each in map(obj, items(state.get("resources"))):
        type, module = each.get("type"), each.get("module")
        if not isinstance(type, str) or each.get("mode", "managed") != "managed" or not attribute_map(type):
            continue
        base = f"{module}.{type}.{each.get('name')}" if isinstance(module, str) else f"{type}.{each.get('name')}"
        instances = [one for one in map(obj, items(each.get("instances"))) if "deposed" not in one]
        made += [_stored(base, type, str(each.get("provider", "")), one) for one in instances]
    return made


def _stored(base: str, type: str, provider: str, instance: Mapping[str, Any]) -> Recorded:
    key = instance.get("index_key")
    address = f"{base}[{key}]" if isinstance(key, int) else base if key is None else f'{base}["{key}"]'
    values: Any = instance.get("attributes")
    if not isinstance(values, dict):
        raise ValueError(f"'{address}' is recorded as Terraform 0.11 did")
    for steps in items(instance.get("sensitive_attributes")):
        path = [obj(step).get("value") for step in items(steps)]
        values = _hidden(values, path, address, ())
    return Recorded(address, base, type, _object(type, values), provider)


def _object(type: str, values: Any) -> dict[str, Any]:
    """Return the values of a resource, each of them unknown where all are unknown together."""
    if isinstance(values, Unknown):
        return dict.fromkeys(obj(attribute_map(type)).get("attributes", {}), values)
    return dict(obj(values))


def _secret(address: str, path: Path) -> Unknown:
    where = ".".join(map(str, (address, *path)))
    return Unknown(f"'{where}' is sensitive, so it is not read")


def _overlaid(value: Any, marks: Any, make: Callable[[Path], Any], path: Path) -> Any:
    """Return a value in which each part that is marked with true is what `make` says of it."""
    if marks is True:
        return make(path)
    if len(path) > _DEEPEST or not marks:
        return value
    if isinstance(marks, dict) and (value is None or isinstance(value, dict)):
        made = dict(value or {})
        for key, mark in marks.items():
            if key in made or _is_marked(mark):
                made[key] = _overlaid(made.get(key), mark, make, (*path, key))
        return made
    if isinstance(marks, list) and (value is None or isinstance(value, list)):
        listed = list(value or []) + [None] * (len(marks) - len(value or []))
        return [
            _overlaid(each, mark, make, (*path, number))
            for number, (each, mark) in enumerate(zip(listed, [*marks, *[None] * len(listed)], strict=False))
        ]
    return value


def _is_marked(marks: Any) -> bool:
    """Tell whether anything in marks is true."""
    level = [marks]
    for _ in range(_DEEPEST):
        if any(each is True for each in level):
            return True
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
        ]
    return bool(level)


def _hidden(value: Any, path: Sequence[Any], address: str, before: Path) -> Any:
    """Return a value without the secret at a path; all of it is secret where the path leads nowhere."""
    if isinstance(value, Unknown):
        return value
    if not path:
        return _secret(address, before)
    step = path[0]
    if isinstance(value, dict) and isinstance(step, str):
        if step not in value:
            return value
        return {**value, step: _hidden(value[step], path[1:], address, (*before, step))}
    if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
        inner = _hidden(value[step], path[1:], address, (*before, step))
        return [*value[:step], inner, *value[step + 1 :]]
    return _secret(address, before) if before else value


# Where they are.


class Places:
    """The account and the Region of each provider, and of each resource, as far as a plan or state says so."""

    def __init__(self, recorded: Sequence[Recorded], plan: Mapping[str, Any]) -> None:
        self._recorded = {one.address: one for one in recorded}
        self._configuration = Configuration(plan.get("configuration"), plan.get("variables"), self._recorded)
        self._accounts: dict[str, str | None] = {}
        self._regions: dict[str, str | None] = {}
        self._seen: dict[str, set[tuple[str, str]]] = {}
        for one in recorded:
            if (found := _of_arn(one.values)) is not None:
                self._seen.setdefault(one.provider, set()).add(found)

    def place(self, one: Recorded) -> tuple[str | None, str | None]:
        """Return (account, Region) of a resource; its ARN says it best."""
        if not one.type.startswith("aws_"):
            cluster = self.cluster(one)
            return self.place(cluster) if cluster else (None, None)
        account, region = _of_arn(one.values) or ("", "")
        written = one.values.get("region")
        if is_name(written):
            region = region or str(written)
        return account or self._account(one.provider), region or self._region(one.provider)

    def cluster(self, one: Recorded) -> Recorded | None:
        """Return the EKS cluster of the plan that the provider of an object of Kubernetes speaks to, if that is one."""
        found = {
            target[0]
            for path in _REACHED_BY
            if (target := self._configuration.provider_refers(one.provider, *path)) is not None
        }
        cluster = self._recorded.get(found.pop()) if len(found) == 1 else None
        return cluster if cluster is not None and cluster.type == EKS else None

    def _account(self, provider: str) -> str | None:
        if provider not in self._accounts:
            found = self._declared_account(provider) or self._only(provider, 0)
            default = self._default_of(provider)
            self._accounts[provider] = found or (self._account(default) if default else None)
        return self._accounts[provider]

    def _default_of(self, provider: str) -> str:
        """Return the configuration whose account an alias is for, empty for what has credentials of its own, or none.

        As in code: that is known only where neither has any.
        """
        alias = _alias(provider)
        if not alias:
            return ""
        default = provider.removesuffix(f".{alias}")
        written = [self._configuration.provider_arguments(each) for each in (provider, default)]
        return "" if any(each is None or not each.isdisjoint(CREDENTIALS) for each in written) else default

    def fallback(self, one: Recorded, place: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
        """Return what of a place that the code does not say holds for a resource: for an alias, its account at most."""
        if not _alias(one.provider):
            return place
        return (place[0] if self._default_of(one.provider) else None), None

    def _declared_account(self, provider: str) -> str | None:
        role = self._configuration.provider_value(provider, "assume_role", "role_arn")
        if isinstance(role, str) and (match := _ARN.fullmatch(role)):
            return match["account"]
        allowed = self._configuration.provider_value(provider, "allowed_account_ids")
        return str(allowed[0]) if isinstance(allowed, list) and len(allowed) == 1 else None

    def _region(self, provider: str) -> str | None:
        if provider not in self._regions:
            written = self._configuration.provider_value(provider, "region")
            self._regions[provider] = str(written) if is_name(written) else self._only(provider, 1)
        return self._regions[provider]

    def _only(self, provider: str, part: int) -> str | None:
        """Return the account or the Region that all ARNs of a provider have."""
        found = {each[part] for each in self._seen.get(provider, ()) if each[part]}
        return found.pop() if provider and len(found) == 1 else None


def _alias(provider: str) -> str:
    """Return the alias in `aws.dr` and `module.x:aws.dr` of a plan, `provider["..."].dr` of a state, or ""."""
    return provider.rpartition("]")[2].rpartition(":")[2].partition(".")[2]


def _of_arn(values: Mapping[str, Any]) -> tuple[str, str] | None:
    for name in ("arn", "association_arn", "id"):
        value = values.get(name)
        if isinstance(value, str) and (match := _ARN.fullmatch(value)):
            return match["account"] or "", match["region"]
    return None


def declared(
    recorded: Sequence[Recorded],
    places: Places,
    written: Mapping[str, Location],
    path: str,
    place: tuple[str | None, str | None],
    cluster: str | None = None,
) -> list[Declared]:
    """Return recorded resources as declared ones; `place`, and `cluster`, is where they are if nothing else says so."""
    made = []
    for one in recorded:
        account, region = places.place(one)
        name: str | Unknown | None = None
        if one.type.startswith("aws_"):
            at_most = places.fallback(one, place)
            account, region = account or at_most[0], region or at_most[1]
        elif (found := places.cluster(one)) is not None:
            account, region = account or place[0], region
            given = found.values.get("name")
            name = given if isinstance(given, str) else Unknown(f"the name of '{found.address}' is not known")
        elif cluster is not None:
            (account, region), name = place, cluster
        else:
            name = Unknown(f"the plan does not show what provider '{one.provider}' speaks to")
        at = written.get(one.address) or written.get(one.resource) or Location(path, 1)
        made.append(Declared(one.address, one.type, False, one.values, account, region, path, {"": at}, cluster=name))
    return made
