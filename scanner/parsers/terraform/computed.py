"""Attributes that nobody writes: what AWS makes of the names and the place of a resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def computed(type: str, attribute: str, get: Callable[[str], Any], account: str | None, region: str | None) -> Any:
    """Return what a computed attribute of a resource is worth; None if that cannot be known before apply.

    `get` gives the attributes that are declared: None for one that is left out, `Unknown` for one that is not known.
    """
    del type, attribute, get, account, region
    return None
