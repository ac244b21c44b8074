"""Resources of Terraform as resources of the model: the attribute maps in `schemas/terraform`, applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.model import Gap, Resource
from scanner.parsers.registry import Piece
from scanner.parsers.terraform.declared import Declared


def resources(declared: Sequence[Declared], suffix: str) -> Iterator[Resource | Piece | Gap]:
    """Return what the instances of one environment are in the model, with the references between them.

    Satellites (`aws_ecr_lifecycle_policy`) become properties of the resource that they are about.  `suffix` tells
    environments apart in ids.
    """
    del declared, suffix
    yield from ()
