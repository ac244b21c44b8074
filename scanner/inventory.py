"""The inventory: a committed file that names live resources one a line, so that findings about them have a line.

Code scanning shows findings at lines of files of the repository.  What lives in an account has none, unless the
repository lists it.  A line holds the type and the id of a resource; the revision of a task definition and the like
are left out, so that lines stay while a resource does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from scanner.checkout import from_root
from scanner.errors import UsageError
from scanner.model import Resource

HEAD = "# Live resources, one a line: regionproof inventory SNAPSHOT -o FILE writes it, --sarif-anchor FILE reads it.\n"

_FAMILY = re.compile(r"(.+:task-definition/[^:]+):\d+")
_LONGEST = 2048
_PASSING = ("AWS::ECS::Task", "Kubernetes::Pod")
"""Types of what comes and goes by itself."""


@dataclass(frozen=True)
class Inventory:
    """An inventory that was read: its path, and for each resource (type and id) the number and length of its line.

    The path leads to it from the root of its repository; where there is none, from the working directory.
    """

    path: str
    lines: Mapping[str, tuple[int, int]]

    def find(self, type: str, id: str) -> tuple[int, int] | None:
        """Return the number of a resource's line, from 1, and its length; None if it is not listed."""
        return self.lines.get(entry(type, id) or "")


def entry(type: str, id: str) -> str | None:
    """Return the line of a resource, None for one that has none."""
    family = _FAMILY.fullmatch(id)
    text = f"{type} {family[1] if family else id}"
    left_out = type in _PASSING or type.startswith("Regionproof::") or not text.isprintable() or len(text) > _LONGEST
    return None if left_out else text


def write(resources: Iterable[Resource], out: TextIO) -> int:
    """Write the live ones among resources, sorted, each once; return how many lines that are."""
    lines = sorted({line for each in resources if not each.locations and (line := entry(each.type, each.id))})
    out.write(HEAD)
    out.writelines(f"{line}\n" for line in lines)
    return len(lines)


def read(path: Path) -> Inventory:
    """Read an inventory; raise `UsageError` if it cannot be read or is none."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", _HINT) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is no inventory: it is not UTF-8", _HINT) from error
    found: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(lines, start=1):
        line = line.rstrip()
        if line and not line.startswith("#"):
            if len(line.split(" ", 1)) != 2 or "::" not in line.split(" ", 1)[0]:
                raise UsageError(f"{path}:{number}: is no inventory: a line is a type and an id", _HINT)
            found.setdefault(line, (number, len(line)))
    return Inventory(from_root(path), found)


_HINT = "`regionproof inventory SNAPSHOT -o FILE` writes one."
