"""Helm and Kustomize as they are, where they are installed, and how what is read is compared with what they make."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from code_trees import WEST, read

from scanner.guarded import Unknown

_FOLDER = os.environ.get("REGIONPROOF_KUBE_TOOLS", "")
HELM, KUBECTL = ((_FOLDER and shutil.which(name, path=_FOLDER)) or "" for name in ("helm", "kubectl"))
WHY = "REGIONPROOF_KUBE_TOOLS names no folder that holds helm and kubectl"


class Refused(Exception):
    """The tool makes nothing of it.  The text is what it says."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML as the tools of Kubernetes do: `yes` is true and 010 is 8, but 1:30 and dates are text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's name
        first: [
            (
                tag,
                re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|(?:0|[1-9][0-9_]*))$") if "int" in tag else by,
            )
            for tag, by in found
            if "timestamp" not in tag and "value" not in tag
        ]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def run(tool: str, *arguments: object) -> str:
    """Return what a tool prints; raise `Refused`."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def helm(chart: Path, *values: Path, release: str = "live", namespace: str = "web") -> str:
    """Return what Helm makes of a chart with values files laid over its own."""
    layers = [each for path in values for each in ("--values", path)]
    return run(HELM, "template", release, chart, "--namespace", namespace, *layers)


def kustomize(overlay: Path) -> str:
    """Return what Kustomize makes of an overlay."""
    return run(KUBECTL, "kustomize", "--load-restrictor", "LoadRestrictionsNone", overlay)


def resources(text: str, folder: Path) -> list[Any]:
    """Return the resources that the objects in a text of YAML are, as those of manifests are read."""
    items = [each for each in yaml.load_all(text, _Loader) if each]
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    return _kubernetes(read(folder, {"rendered.json": json.dumps(listed)}, WEST))


def _kubernetes(parsed: Any) -> list[Any]:
    return [one for one in parsed.resources if one.type.startswith("Kubernetes::")]


def _known(resource: Any) -> dict[str, Any]:
    return dict(resource.properties.raw())


def differences(parsed: Any, real: list[Any]) -> list[str]:
    """Return where what is read is not what a tool made: known values that differ, and objects without a doubt."""
    found, left = [], list(real)
    open_types = {gap.type for gap in parsed.gaps}
    mine = _kubernetes(parsed)
    named = [one for one in mine if not _nameless(one)]
    for one in named:
        same = [each for each in left if each.type == one.type and each.id == one.id]
        if not same:
            found.append(f"{one.type} {one.id} is made by no tool")
            continue
        left.remove(same[0])
        found += [f"{one.id}{each}" for each in _differ(_known(one), _known(same[0]), "")]
    maybe = [one.type for one in mine if _nameless(one)]
    for each in left:
        if each.type in maybe:
            maybe.remove(each.type)
        elif not open_types & {None, each.type}:
            found.append(f"{each.type} {each.id} is missing")
    found += [f"a {each} is made by no tool" for each in maybe if None not in open_types and each not in open_types]
    return found


def is_open(parsed: Any) -> bool:
    """Tell whether anything of what is read is not known, beside the replicas and names that a controller chooses."""
    unknown = [
        name for one in _kubernetes(parsed) for name in _unknowns(_known(one)) if name not in ("Replicas", "Name")
    ]
    return bool(parsed.gaps or unknown)


def _unknowns(value: Any, name: str = "") -> Iterator[str]:
    if type(value) is Unknown:
        yield name
    elif isinstance(value, dict):
        for key in dict.keys(value):
            yield from _unknowns(dict.get(value, key), name or key)
    elif isinstance(value, list):
        for each in list.__iter__(value):
            yield from _unknowns(each, name)


def _nameless(resource: Any) -> bool:
    return resource.name is None


def _differ(mine: Any, real: Any, at: str) -> list[str]:
    if type(mine) is Unknown:
        return []
    if type(real) is Unknown:
        return [f"{at}: {mine!r} is not {real!r}"]
    if isinstance(mine, dict) and isinstance(real, dict):
        pairs = [
            (key, dict.get(mine, key), dict.get(real, key)) for key in sorted({*dict.keys(mine), *dict.keys(real)})
        ]
    elif isinstance(mine, list) and isinstance(real, list) and list.__len__(mine) == list.__len__(real):
        pairs = [(n, *both) for n, both in enumerate(zip(list.__iter__(mine), list.__iter__(real), strict=True))]
    else:
        return [] if type(mine) is type(real) and mine == real else [f"{at}: {mine!r} is not {real!r}"]
    return [each for key, first, second in pairs for each in _differ(first, second, f"{at}/{key}")]
