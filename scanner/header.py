"""The files of rules: read with suspicion, and refused with file and line.  Nothing in them is run here."""

from __future__ import annotations

import ast
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from scanner.documents import load, load_value, pointer
from scanner.errors import DocumentError, RuleError
from scanner.model import Location

MAX_BYTES = 1_000_000
"""A rule file larger than this is refused: headers are read by people."""

_DOCSTRING = re.compile(r'([rR]?)"""(.*?)"""(?:\n|\Z)', re.DOTALL)


@dataclass(frozen=True)
class RuleFile:
    """One file of a pack: `id` is its path as a rule's id, `path` the path as it is written in reports."""

    id: str
    file: Traversable
    path: str

    @property
    def is_python(self) -> bool:
        """Tell whether the rule is code."""
        return self.path.endswith(".py")


def files(pack: Traversable, *, python: bool) -> Iterator[RuleFile]:
    """Yield the rules of a pack, `<group>/<name>.yaml` and `.py`, in order.

    A group `tests` is none: it holds fixtures; nor is what begins with `.` or `_`.
    Raises `RuleError` for a file that is none, or that is outside the pack's folder, and for code unless `python`.
    """
    for group in _entries(pack):
        if group.name == "tests" or not group.is_dir():
            continue
        for file in _entries(group):
            stem, _, suffix = file.name.rpartition(".")
            if suffix == "yml":
                raise RuleError(f"{file}:1: a rule's file ends in .yaml or .py", "Rename the file.")
            if suffix not in ("yaml", "py"):
                continue
            if suffix == "py" and not python:
                raise RuleError(f"{file}:1: Python rules are refused by --no-python-rules", "Remove it from the pack.")
            _must_be_inside(file, pack)
            yield RuleFile(f"{group.name}-{stem}", file, str(file))


def _entries(folder: Traversable) -> list[Traversable]:
    found = (entry for entry in folder.iterdir() if not entry.name.startswith((".", "_")))
    return sorted(found, key=lambda entry: entry.name)


def _must_be_inside(file: Traversable, pack: Traversable) -> None:
    if isinstance(file, Path) and isinstance(pack, Path) and not file.resolve().is_relative_to(pack.resolve()):
        raise RuleError(
            f"{file}:1: it is a link to '{file.resolve()}', outside the pack", "Copy the file into the pack."
        )


@dataclass(frozen=True)
class Header:
    """The header of a rule: its `value`, and the whole `text` of the file it was read from."""

    path: str
    text: str
    source: str
    value: Any

    def at(self, *parts: str | int) -> str:
        """Return `file:line` of a value in the header, or of the nearest that contains it."""
        for end in range(len(parts), -1, -1):
            if location := self.locations.get(pointer(*parts[:end])):
                return f"{self.path}:{location.line}"
        return f"{self.path}:1"

    @cached_property
    def locations(self) -> Mapping[str, Location]:
        """Return where each value is written, by JSON Pointer."""
        return load(self.source, self.path).locations


def read(file: RuleFile) -> Header:
    """Read the header of a rule: a YAML file, or the docstring of a Python file; raise `RuleError`."""
    text = _text(file)
    source = _docstring(text, file.path) if file.is_python else text
    try:
        return Header(file.path, text, source, load_value(source, file.path))
    except DocumentError as error:
        raise RuleError(str(error), error.hint) from error


def _text(file: RuleFile) -> str:
    path = file.path
    try:
        if isinstance(file.file, Path):  # what is too large, or never ends, is not even read
            status = file.file.stat()
            if not stat.S_ISREG(status.st_mode):
                raise RuleError(f"{path}:1: it is no regular file")
            _must_be_small(path, status.st_size)
        data = file.file.read_bytes()
    except OSError as error:
        raise RuleError(f"{path}:1: it cannot be read: {error.strerror}") from error
    _must_be_small(path, len(data))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RuleError(f"{path}:{line}: not UTF-8 text", "Save the file as UTF-8.") from error


def _must_be_small(path: str, size: int) -> None:
    if size > MAX_BYTES:
        raise RuleError(f"{path}:1: {size} bytes is too large for a rule (at most {MAX_BYTES})")


def _docstring(text: str, path: str) -> str:
    """Return the docstring of a Python file, behind as many line breaks as make its line numbers the file's."""
    if (plain := _DOCSTRING.match(text)) and _is_literal(*plain.groups()):
        return plain[2]
    try:
        first = ast.parse(text, path).body[0]
    except IndexError:
        raise RuleError(f"{path}:1: a Python rule begins with a docstring that holds its header") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise not_python(path, error) from error
    if not (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    ):
        raise RuleError(f"{path}:1: a Python rule begins with a docstring that holds its header")
    return "\n" * (first.lineno - 1) + first.value.value


def _is_literal(raw: str, content: str) -> bool:
    """Tell whether a string stands for itself, so that nobody has to parse the file to know what it says."""
    if "\r" in content or "\0" in content or '"""' in content:
        return False
    return "\\" not in content or (raw != "" and '\\"' not in content and not content.endswith("\\"))


def not_python(path: str, error: BaseException) -> RuleError:
    """Return the error for a file that Python does not read."""
    reason = getattr(error, "msg", None) or str(error) or type(error).__name__
    return RuleError(f"{path}:{getattr(error, 'lineno', None) or 1}: not Python: {reason}")
