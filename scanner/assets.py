"""Where `rules/` and `schemas/` are.

They live beside this package in a checkout, where people edit them, and inside it in a wheel.
This is the only module that knows.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any


def asset(name: str) -> Traversable:
    """Return the directory `rules` or `schemas`."""
    packaged = files("scanner") / name
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / name


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema `schemas/<name>.json`, for example `report` or `resources/AWS-ECR-Repository`."""
    loaded: dict[str, Any] = json.loads((asset("schemas") / f"{name}.json").read_text(encoding="utf-8"))
    return loaded
