"""Attributes that nobody writes: what AWS makes of the names and the place of a resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scanner.model import Unknown
from scanner.parsers.terraform import documents
from scanner.parsers.terraform.maps import attribute_map
from scanner.regions import partition_by_name

_PART = re.compile(r"\{(/?)(\w+)(?:=([^{}]*))?\}")
_PLACE = {"account", "region", "partition", "suffix"}
_DATA = "data."

Get = Callable[[str], Any]


def computed(type: str, attribute: str, get: Get, account: str | None, region: str | None) -> Any:
    """Return what a computed attribute of a resource is worth; None if that cannot be known before apply.

    `get` gives the attributes that are declared: None for one that is left out, `Unknown` for one that is not known.
    The type of a data source is written `data.aws_iam_role`: what it leaves out, somebody else has chosen.
    """
    is_data, name = type.startswith(_DATA), type.removeprefix(_DATA)
    if name in documents.TYPES:
        return documents.document(name, get) if attribute in ("json", "minified_json") else None
    described = attribute_map(name)
    template = _templates(described).get(attribute) if described else None
    if template is None:
        return None
    if is_data and name.startswith("aws_ecr_") and (registry := get("registry_id")) is not None:
        account = registry if isinstance(registry, str) else None
    return _filled(template, get, account, region, defaults=not is_data)


def names(type: str, get: Get, account: str | None, region: str | None) -> Iterator[str]:
    """Return the texts by which other resources may refer to one, as far as they are known."""
    described = attribute_map(type)
    for attribute, template in _templates(described).items() if described else ():
        if not {part[1] for part in _PART.findall(template)} - _PLACE:  # the account alone names nothing
            continue
        for value in (get(attribute), _filled(template, get, account, region, defaults=True)):
            if isinstance(value, str) and value:
                yield value
    for attribute in ("arn", "id"):
        if isinstance(value := get(attribute), str) and value:
            yield value


def arn(type: str, get: Get, account: str | None, region: str | None) -> str | None:
    """Return the ARN of a resource: the one that a state shows, else the one that AWS will make of its name."""
    for attribute in ("arn", "association_arn", "id"):
        if isinstance(value := get(attribute), str) and value.startswith("arn:"):
            return value
    described = attribute_map(type)
    template = described.get("arn") if described else None
    return _filled(template, get, account, region, defaults=True) if template else None


def _templates(described: Mapping[str, Any]) -> dict[str, str]:
    own = {"arn": described["arn"]} if "arn" in described else {}
    return {**described.get("computed", {}), **own}


def _filled(template: str, get: Get, account: str | None, region: str | None, *, defaults: bool) -> str | None:
    partition, suffix = partition_by_name(region) if region else (None, None)
    place = {"account": account, "region": region, "partition": partition, "suffix": suffix}
    made, end = "", 0
    for match in _PART.finditer(template):
        slash, name, default = match.groups()
        value = place[name] if name in place else get(name)
        if value is None and default is not None and defaults:
            value = default
        if isinstance(value, Unknown) or not isinstance(value, str) or not (value or default):
            return None
        made += template[end : match.start()] + (f"/{value.removeprefix('/')}" if slash else value)
        end = match.end()
    return made + template[end:]
