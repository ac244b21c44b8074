"""Modules of the registry that many use: what they make of their inputs, for they are never downloaded.

`schemas/terraform/modules/index.json` names them by their source.  Each has a map beside it, a module in Terraform's
own language, that declares what the real one would of the types that the model knows; or the types that may be in it,
none for one that makes nothing of interest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from scanner.assets import asset
from scanner.parsers.terraform.modules import Module, of_one_file
from scanner.parsers.terraform.syntax import Block
from scanner.parsers.tree import File

UNSEEN = "regionproof_unseen"
"""The type of the data source by which a map says that something is in the module alone."""

OF_CALL = {"source", "version", "count", "for_each", "providers", "depends_on"}
"""Arguments of a call that are no inputs."""

_GIT = re.compile(
    r"(?:git::)?(?:https://|ssh://git@|git@)?github\.com[/:]([\w.-]+)/terraform-([a-z0-9]+)-([\w-]+?)(?:\.git)?(//[^?]*)?(?:\?.*)?"
)
_MAPS = "schemas/terraform/modules"


def is_map(module: Module) -> bool:
    """Tell whether a module is one of our maps, in which no location means anything to a user."""
    return module.folder.startswith(_MAPS)


def doubt(module: Module, call: Block) -> str:
    """Return why what a map declares may not be so: the call gives an input that the map does not know."""
    if not is_map(module):
        return ""
    ignored = _ignored()[module.folder]
    for name in call.body.attributes:
        known = name in module.variables or name in OF_CALL or any(fnmatchcase(name, each) for each in ignored)
        if not known:
            return f"what its input '{name}' makes of it is not known"
    return ""


def normal(source: str) -> str:
    """Return the source of a module as the registry names it: `terraform-aws-modules/ecs/aws//modules/cluster`."""
    found = _GIT.fullmatch(source)
    if found is not None:
        return f"{found[1]}/{found[3]}/{found[2]}{found[4] or ''}"
    return source.removeprefix("registry.terraform.io/").removeprefix("registry.opentofu.org/")


def mapped_module(source: str) -> Module | None:
    """Return the map of a module, None if it has none."""
    name = _listed().get(normal(source), {}).get("map")
    return None if name is None else _map(name)


def hidden(source: str) -> list[str] | None:
    """Return the types that may be in a module, None if nothing is known of it."""
    entry = _listed().get(normal(source)) or next(
        (one for pattern, one in _listed().items() if "*" in pattern and fnmatchcase(normal(source), pattern)), None
    )
    types: list[str] | None = None if entry is None else entry.get("types")
    return types


@cache
def _listed() -> Mapping[str, Any]:
    text = (asset("schemas") / "terraform" / "modules" / "index.json").read_text(encoding="utf-8")
    listed: dict[str, Any] = json.loads(text)["modules"]
    return listed


@cache
def _ignored() -> Mapping[str, list[str]]:
    return {f"{_MAPS}/{one['map']}": one.get("ignored", []) for one in _listed().values() if "map" in one}


@cache
def _map(name: str) -> Module:
    data = (asset("schemas") / "terraform" / "modules" / name).read_bytes()
    path = f"{_MAPS}/{name}"
    return of_one_file(f"{_MAPS}/{name}", File(Path(path), path), data)
