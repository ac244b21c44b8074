"""Where the resources of a plan, or of a state, are in its text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from scanner.model import Location

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_ADDRESS = re.compile(rf'"address"\s*:\s*{_TEXT}')
_STATE = re.compile(
    rf'(?:"module"\s*:\s*{_TEXT}\s*,\s*)?"mode"\s*:\s*"managed"\s*,\s*"type"\s*:\s*{_TEXT}\s*,\s*"name"\s*:\s*{_TEXT}'
)


def places(text: str, path: str, *, state: bool) -> Mapping[str, Location]:
    """Return address -> where it is first written; the instances of a resource of a state share one."""
    made: dict[str, Location] = {}
    line, start, seen = 1, 0, 0  # `start` is where the line begins
    for match in (_STATE if state else _ADDRESS).finditer(text):
        at = match.start()
        line += text.count("\n", seen, at)
        start = max(start, text.rfind("\n", seen, at) + 1)
        seen = at
        address = ".".join(_unescaped(part) for part in match.groups() if part is not None)
        if address not in made:
            made[address] = Location(path, line, at - start + 1)
    return made


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:  # a control character, which is no JSON
        return text
