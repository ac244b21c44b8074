"""Packs of rules that are installed as Python packages.

A distribution names the package of its rules under the entry-point group `regionproof.rules`; the package holds
`<group>/<name>.yaml|.py` like any other folder of rules.  It is found without being imported: an import would run
its code, whatever `--no-python-rules` says.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from scanner.errors import RuleError

GROUP = "regionproof.rules"


def installed() -> list[Traversable]:
    """Return the folder of rules of each installed pack, by name; raise `RuleError` for one that is not there."""
    named = {(point.name, point.value): point for point in entry_points(group=GROUP)}
    return [_folder(point) for _, point in sorted(named.items())]


def _folder(point: EntryPoint) -> Traversable:
    package, *inner = point.module.split(".")
    folder = _files(find_spec(package))
    for name in inner:
        folder = folder / name if folder else None
    if folder is None or not folder.is_dir():
        name = point.dist.name if point.dist else point.name
        raise RuleError(
            f"the pack '{name}' names the package '{point.value}', which is not there", "Install the pack again."
        )
    return folder


def _files(spec: ModuleSpec | None) -> Traversable | None:
    """Return the files of a package that was found and not imported."""
    if spec is None or not spec.submodule_search_locations:
        return None
    reader = getattr(spec.loader, "get_resource_reader", lambda _: None)(spec.name)
    if reader is not None and hasattr(reader, "files"):
        files: Traversable = reader.files()
        return files
    return Path(next(iter(spec.submodule_search_locations)))
