"""The attribute maps: what the attributes of Terraform's resource types are called in the model.

Each is one file of `schemas/terraform`; `schemas/terraform-map.json` describes what can be said in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from scanner.assets import asset
from scanner.vocabulary import types

_CLOUD_CONTROL = "awscc_"
_REGISTRY = "AWS::ECR::Registry"

__all__ = ["attribute_map", "mapped", "model_type"]


@cache
def mapped() -> frozenset[str]:
    """Return the Terraform types that have a map."""
    names = (entry.name for entry in (asset("schemas") / "terraform").iterdir())
    return frozenset(name.removesuffix(".json") for name in names if name.endswith(".json"))


def attribute_map(type: str) -> Mapping[str, Any] | None:
    """Return the map of a Terraform type, None for one of which the model knows nothing."""
    if type in mapped():
        return _load(type)
    return _of_cloud_control(type) if type.startswith(_CLOUD_CONTROL) else None


def model_type(type: str) -> str | None:
    """Return the type in the model that resources of a Terraform type become, or become part of; None for others."""
    found = attribute_map(type) or {}
    gap = found.get("gap", {}).get("types", ())
    return found.get("type") or (gap[0] if len(gap) == 1 else None)


@cache
def _load(type: str) -> Mapping[str, Any]:
    text = (asset("schemas") / "terraform" / f"{type}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def _of_cloud_control(type: str) -> Mapping[str, Any] | None:
    """Return a map that says that a resource of the provider awscc is not read: it is named as CloudFormation's."""
    name = type.removeprefix(_CLOUD_CONTROL).replace("_", "")
    known = {each.removeprefix("AWS::").replace("::", "").lower(): each for each in types() if each.startswith("AWS::")}
    found = known.get(name, _REGISTRY if type.startswith(f"{_CLOUD_CONTROL}ecr_") else None)
    reason = "what the provider awscc makes is not read; declare it with the provider aws"
    return {"gap": {"reason": reason, "types": [found]}} if found else None
