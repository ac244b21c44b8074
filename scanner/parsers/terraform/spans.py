"""What exemptions in comments of Terraform files can be about: blocks of resources, and what is written in them."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.parsers.exemptions import Span
from scanner.parsers.terraform.modules import Module
from scanner.parsers.terraform.syntax import Block, Body


def spans(module: Module, path: str) -> Iterator[Span]:
    """Yield the resources, calls and backends in a file of a module, with their attributes and nested blocks."""
    blocks = [*module.managed.values(), *module.data.values(), *module.calls.values(), *module.settings]
    for block in blocks:
        if block.location.path == path:
            labels = ("module", *block.labels) if block.type == "module" else block.labels or (block.type,)
            yield from _block(block, f"{path}#{'.'.join(labels)}", 1)


def _block(block: Block, name: str, depth: int) -> Iterator[Span]:
    yield Span(name, frozenset({block.location.line}), depth, block.location)
    yield from _body(block.body, name, depth + 1)


def _body(body: Body, name: str, depth: int) -> Iterator[Span]:
    for attribute in body.attributes.values():
        yield Span(f"{name}/{attribute.name}", frozenset({attribute.location.line}), depth, attribute.location)
    for block in body.blocks:
        yield from _block(block, f"{name}/{block.type}", depth)
