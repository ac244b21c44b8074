"""Where a root module keeps its state: its `backend` or `cloud` block as a resource of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.documents import pointer
from scanner.model import Resource, Unknown, guard
from scanner.parsers.terraform.instances import Values
from scanner.parsers.terraform.modules import Module
from scanner.parsers.terraform.syntax import Block
from scanner.parsers.terraform.variables import NOTHING
from scanner.vocabulary import complete

BACKEND = "Terraform::Backend"

_ATTRIBUTES = {
    "address": "Address",
    "bucket": "Bucket",
    "dynamodb_table": "DynamoDBTable",
    "hostname": "Address",
    "key": "Key",
    "path": "Key",
    "prefix": "Key",
    "region": "Region",
    "use_lockfile": "UseLockfile",
}
_NEEDED = {"s3": ("Bucket", "Key"), "gcs": ("Bucket",), "http": ("Address",)}
"""What a backend cannot do without: left out, it is given to `terraform init`."""


def blocks(module: Module) -> Iterator[tuple[str, Block]]:
    """Yield the type and the block of each backend of a module; `cloud` is one."""
    for settings in module.settings:
        for block in settings.body.blocks:
            if block.type == "backend" and block.labels:
                yield block.labels[0], block
            elif block.type == "cloud":
                yield "cloud", block


def resources(module: Module) -> Iterator[Resource]:
    """Yield the backend of a root module.  It may refer to nothing; what is left out may come from the command line."""
    for type, block in blocks(module):
        values = Values(block, NOTHING)
        properties: dict[str, Any] = {"Type": type}
        for name, value in values.all().items():
            if name in _ATTRIBUTES and value is not None:
                properties[_ATTRIBUTES[name]] = value
        for needed in _NEEDED.get(type, ()):
            properties.setdefault(needed, Unknown(f"{needed} is left to -backend-config"))
        locations = {
            "" if not at else pointer(_ATTRIBUTES[at[1:]]): where
            for at, where in values.locations.items()
            if not at or at[1:] in _ATTRIBUTES
        }
        made = [part for key in ("Type", "Bucket", "Key") if isinstance(part := properties.get(key), str)]
        named = "/".join(made) if len(made) == 3 else None
        yield Resource(
            BACKEND,
            f"{block.location.path}#backend.{type}",
            named,
            None,
            None,
            guard(complete(BACKEND, properties)),
            locations=locations,
        )
        return
