"""The attribute maps: what the attributes of Terraform's resource types are called in the model.

Each is one file of `schemas/terraform`; `schemas/terraform-map.json` describes what can be said in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from scanner.assets import asset

__all__ = ["attribute_map", "mapped", "model_type"]


@cache
def mapped() -> frozenset[str]:
    """Return the Terraform types that have a map."""
    names = (entry.name for entry in (asset("schemas") / "terraform").iterdir())
    return frozenset(name.removesuffix(".json") for name in names if name.endswith(".json"))


def attribute_map(type: str) -> Mapping[str, Any] | None:
    """Return the map of a Terraform type, None for one of which the model knows nothing."""
    return _load(type) if type in mapped() else None


def model_type(type: str) -> str | None:
    """Return the type in the model that resources of a Terraform type become, or become part of; None for others."""
    found = attribute_map(type)
    return found.get("type") if found else None


@cache
def _load(type: str) -> Mapping[str, Any]:
    text = (asset("schemas") / "terraform" / f"{type}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
