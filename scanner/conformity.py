"""Whether a document is what its schema describes, and what to say, with file and line, if it is not."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date
from typing import Any

from scanner import duration
from scanner.assets import schema
from scanner.documents import Document, pointer
from scanner.errors import ConfigError


def validate(document: Document, name: str, path: str) -> None:
    """Raise `ConfigError` with file:line for the first thing that a document breaks in `schemas/<name>.json`."""
    from jsonschema import Draft202012Validator, FormatChecker

    checker = FormatChecker(formats=())
    checker.checks("duration", raises=ValueError)(lambda v: not isinstance(v, str) or duration.parse(v) is not None)
    checker.checks("date", raises=ValueError)(lambda v: not isinstance(v, str) or date.fromisoformat(v) is not None)
    validator = Draft202012Validator(schema(name), format_checker=checker)
    errors = sorted(validator.iter_errors(document.value), key=_order)
    if errors:
        raise _explained(errors[0], document, name, path)


def message(error: Any) -> str:
    """Return what jsonschema found wrong in the words of YAML, not in those of Python or JSON Schema."""
    if error.validator == "format":
        return f"'{error.instance}' is not a {error.schema['format']}"
    if error.validator == "type":
        if error.instance is None and not error.absolute_path:
            return "the file is empty"
        wanted = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        return f"{' or '.join(_TYPES[each] for each in wanted)} was expected, not {_what(error.instance)}"
    return str(error.message)


_TYPES = {
    "object": "a mapping of keys",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def _what(value: object) -> str:
    if value is None or isinstance(value, list | dict):
        return {type(None): "nothing", list: "a list", dict: "a mapping"}[type(value)]
    return f"'{value}'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _order(error: Any) -> tuple[list[str], bool]:
    """Put a key that nobody knows before one that is missing: it is the reason."""
    return list(map(str, error.absolute_path)), error.validator != "additionalProperties"


def at(document: Document, path: str, parts: Sequence[str | int]) -> str:
    """Return `file:line` of the value that `parts` lead to, the file alone if that is not known."""
    location = document.locations.get(pointer(*parts))
    return f"{path}:{location.line}" if location else path


def _explained(error: Any, document: Document, name: str, path: str) -> ConfigError:
    parts = list(error.absolute_path)
    if error.validator in ("oneOf", "anyOf") and all(each.validator == "required" for each in error.context):
        choices = ", or ".join(" and ".join(f"'{key}'" for key in each.validator_value) for each in error.context)
        few = "one" if error.validator == "oneOf" else "at least one"
        return ConfigError(f"{at(document, path, parts)}: {'.'.join(map(str, parts))}: {few} of {choices} is needed")
    if error.validator == "oneOf" and error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        key = next(key for key in error.instance if key not in known)
        near = difflib.get_close_matches(str(key), known, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known keys here: {', '.join(known)}."
        return ConfigError(f"{at(document, path, [*parts, key])}: unknown key '{key}'", hint)
    where = ".".join(map(str, parts))
    hint = error.schema.get("description", "") or f"`regionproof schema {name}` describes the file."
    return ConfigError(f"{at(document, path, parts)}: {where + ': ' if where else ''}{message(error)}", hint)
