"""Infrastructure code as resources of the model; which format reads a file is decided by what is in it."""

from __future__ import annotations

from pathlib import Path

from scanner.parsers import cdk, ci, templates, terraform
from scanner.parsers.kubernetes import helm, kustomize, manifests
from scanner.parsers.reading import Deployments, Parsed, Places, Reading
from scanner.parsers.terraform import plan
from scanner.parsers.tree import MAX_BYTES, Tree

__all__ = ["MAX_BYTES", "Parsed", "Places", "parse"]

FORMATS = (ci, cdk, terraform, plan, helm, kustomize, templates, manifests)
"""The modules that read: each has `read(tree, reading)`, and takes from the tree what it understands.

Those whose files belong together, such as the folder of a chart, come before those that read file by file.
"""


def parse(path: Path, places: Places, named: Path | None = None, deployments: Deployments | None = None) -> Parsed:
    """Read infrastructure code in a file, or in a folder and below; raise `UsageError` when there is no such path.

    Paths in the result begin with `path` as it was given, or inside the folder if it is absolute or leads out of the
    current one; with `named`, as if that had been given.  `deployments` say what `places` say, and more.
    """
    reading = Reading(places, deployments)
    tree = Tree(path, lambda error, folder: reading.failed(folder, f"{folder}: {error.strerror}"), named)
    for format in FORMATS:
        format.read(tree, reading)
    return reading.result()
