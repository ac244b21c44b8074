"""Infrastructure code as resources of the model; which format reads a file is decided by what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.parsers.addresses import Addresses
from scanner.parsers.reading import Deployments, Parsed, Places, Reading
from scanner.parsers.tree import MAX_BYTES, Tree

if TYPE_CHECKING:
    from scanner.parsers.kubernetes.tools import Tools

__all__ = ["MAX_BYTES", "Parsed", "Places", "parse"]

FORMATS: dict[str, tuple[str, ...]] = {
    "ci": (".yml", ".yaml"),
    "cdk": ("manifest.json", "cdk.json"),
    "terraform": (".tf", ".tf.json", ".tfvars", ".tfvars.json", "terragrunt.hcl"),
    "terraform.plan": (".json", ".tfstate", ".tfplan"),
    "kubernetes.helm": ("Chart.yaml",),
    "kubernetes.kustomize": ("kustomization.yaml", "kustomization.yml", "Kustomization"),
    "templates": (".json", ".template", ".yaml", ".yml"),
    "kubernetes.manifests": (".json", ".yaml", ".yml"),
}
"""The modules that read, and how the names of the files that they look at end; without such a file none is loaded.

Each has `read(tree, reading)`, and takes from the tree what it understands.  Those whose files belong together, such as
the folder of a chart, come before those that read file by file.
"""


def parse(
    path: Path,
    places: Places,
    named: Path | None = None,
    deployments: Deployments | None = None,
    after: Mapping[str, Addresses] | None = None,
    tools: Tools | None = None,
) -> Parsed:
    """Read infrastructure code in a file, or in a folder and below; raise `UsageError` when there is no such path.

    Paths in the result begin with `path` as it was given, or inside the folder if it is absolute or leads out of the
    current one; with `named`, as if that had been given.  `deployments` say what `places` say, and more.  `after` are
    the `addresses` of the code after a change, if this is how it was before: what is only forgotten is not declared.
    `tools` render charts and overlays where reading them leaves something open; None: nothing is run.
    """
    reading = Reading(places, deployments, after, tools)
    tree = Tree(path, lambda error, folder: reading.failed(folder, f"{folder}: {error.strerror}"), named)
    for name, endings in FORMATS.items():
        if any(tree.files(*endings)):
            read = import_module(f"scanner.parsers.{name}").read
            if not reading.attempt([str(named or path)], read, tree, reading):
                break  # which files it would have kept from the others, nobody knows
    reading.linked(tree.links())
    return reading.result()
