"""JSON text as Terraform writes it."""

from __future__ import annotations

import json
from typing import Any

from scanner.parsers.terraform.values import text_of

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPES = str.maketrans(_ESCAPED)


def encoded(value: Any) -> str:
    """Return a known value as JSON: keys in order, and what HTML would take for its own escaped."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(key)}:{encoded(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encoded, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    return "null" if value is None else text_of(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)
