"""YAML text as Terraform writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scanner.parsers.terraform.values import text_of


def encoded(value: Any) -> str:
    """Return a known value as YAML: keys in order, every text quoted unless it has lines."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    """Yield the lines of a value; a container begins on a line of its own."""
    if isinstance(value, dict) and value:
        for key in sorted(value):
            yield from _entry(f"{_scalar(key)}:", value[key], "" if isinstance(value[key], list) else "  ")
    elif isinstance(value, list) and value:
        for item in value:
            if isinstance(item, (dict, list)) and item:
                first, *rest = _lines(item)
                yield f"- {first}"
                yield from (f"  {line}" for line in rest)
            else:
                yield from _entry("-", item, "  ")
    else:
        yield _scalar(value)


def _entry(head: str, value: Any, margin: str) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield head
        yield from (margin + line for line in _lines(value))
    elif isinstance(value, str) and "\n" in value:
        body = value.rstrip("\n")
        kept = len(value) - len(body)
        yield f"{head} |" + ("-" if kept == 0 else "+" if kept > 1 else "")
        yield from ("  " + line if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None else text_of(value)
