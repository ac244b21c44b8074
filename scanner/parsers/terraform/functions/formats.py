"""The verbs of `format`: those of Go's fmt package that Terraform knows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.access import joined, unknown_in
from scanner.parsers.terraform.functions.jsons import encoded
from scanner.parsers.terraform.values import Mistake, Undecided, integer_of, number_of, text_of, truth_of

_VERB = re.compile(r"%(?P<flags>[-+ 0#]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?(?:\[(?P<at>\d+)\])?(?P<verb>.)", re.S)
_MAX_WIDTH = 1000


def fill(template: str, arguments: Sequence[Any]) -> Any:
    """Return the template with its verbs filled in; `Pieces` where an argument is unknown."""
    parts: list[str | Unknown] = []
    at = used = last = 0
    for found in _VERB.finditer(template):
        parts.append(template[last : found.start()])
        last = found.end()
        if found["verb"] == "%":
            parts.append("%")
            continue
        at = int(found["at"][:9]) if found["at"] else at + 1
        if not 0 < at <= len(arguments):
            raise Mistake("'format' has too few arguments")
        used = max(used, at)
        parts.append(_filled(found, arguments[at - 1]))
    if "%" in template[last:]:
        raise Mistake("the template of 'format' ends in the middle of a verb")
    if used < len(arguments):
        raise Mistake("'format' has too many arguments")
    return joined([*parts, template[last:]])


def _filled(verb: re.Match[str], value: Any) -> str | Unknown:
    reason = unknown_in(value)
    plain = not (verb["flags"] or verb["width"] or verb["precision"])
    if reason is not None:
        return value if plain and isinstance(value, Unknown) and verb["verb"] in "vs" else Unknown(reason)
    width = int(verb["width"][:9] or 0)
    if width > _MAX_WIDTH or int((verb["precision"] or "0")[:9]) > _MAX_WIDTH:
        raise Undecided("a verb of 'format' makes too much text")
    text = _written(verb, value)
    if "-" in verb["flags"]:
        return text.ljust(width)
    if "0" in verb["flags"]:
        sign = text[:1] if text[:1] in ("-", "+") else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


def _written(verb: re.Match[str], value: Any) -> str:
    kind, precision = verb["verb"], verb["precision"]
    if value is None and kind != "v":
        raise Mistake("'format' does not take null for this verb")
    match kind:
        case "v":
            return text_of(value) if isinstance(value, str) and "#" not in verb["flags"] else encoded(value)
        case "s" | "q":
            text = text_of(value)
            text = text if precision is None else text[: int(precision or 0)]
            return json.dumps(text, ensure_ascii=False) if kind == "q" else text
        case "t":
            return text_of(truth_of(value))
        case "b" | "d" | "o" | "x" | "X":
            return _whole(kind, verb["flags"], value)
        case "e" | "E" | "f" | "g" | "G":
            return _fraction(kind, verb["flags"], precision, value)
        case _:
            raise Mistake(f"'format' has no verb '{kind}'")


def _whole(kind: str, flags: str, value: Any) -> str:
    if "#" in flags or (isinstance(value, str) and kind in "xX"):
        raise Undecided("this verb of 'format' is not worked out")
    return _signed(format(integer_of(value), kind), flags)


def _fraction(kind: str, flags: str, precision: str | None, value: Any) -> str:
    found = number_of(value)
    if kind in "gG":
        if precision is not None or abs(found) >= 1e20:
            raise Undecided("this verb of 'format' is not worked out")
        return _signed(text_of(found), flags)
    return _signed(format(float(found), f".{int(precision or 0) if precision is not None else 6}{kind}"), flags)


def _signed(text: str, flags: str) -> str:
    if text.startswith("-"):
        return text
    return "+" + text if "+" in flags else " " + text if " " in flags else text
