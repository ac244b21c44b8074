"""Functions of files: only those that the scope gives are read, and nothing is asked of the machine."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Callable
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.functions.encodings import DIGESTS
from scanner.parsers.terraform.functions.table import function
from scanner.parsers.terraform.nodes import Expr
from scanner.parsers.terraform.scope import Scope
from scanner.parsers.terraform.syntax import parse_template
from scanner.parsers.terraform.templates import normal
from scanner.parsers.terraform.values import MAX_TEXT, Mistake, Set, Undecided, dict_of, kind, text_of
from scanner.resource import Location

_MOST_ALTERNATIVES = 64
_BRACES = re.compile(r"\{([^{}]*)\}")


def _bytes(scope: Scope, path: str) -> bytes | Unknown:
    data = scope.read(path)
    if data is None:
        raise Mistake(f"there is no file '{path}'")
    if not isinstance(data, Unknown) and len(data) > MAX_TEXT:
        return Unknown(f"the file '{path}' is too large")
    return data


def _text(scope: Scope, path: str) -> str | Unknown:
    data = _bytes(scope, path)
    if isinstance(data, Unknown):
        return data
    try:
        return normal(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise Mistake(f"the file '{path}' is not UTF-8 text") from None


@function(scoped=True)
def file(scope: Scope, path: str) -> str | Unknown:
    return _text(scope, path)


@function(scoped=True)
def fileexists(scope: Scope, path: str) -> bool | Unknown:
    data = scope.read(path)
    return data if isinstance(data, Unknown) else data is not None


@function(scoped=True)
def filebase64(scope: Scope, path: str) -> str | Unknown:
    data = _bytes(scope, path)
    return data if isinstance(data, Unknown) else base64.b64encode(data).decode()


def _declare(name: str, digest: Callable[[bytes], Any]) -> None:
    def in_hexadecimal(scope: Scope, path: str) -> str | Unknown:
        data = _bytes(scope, path)
        return data if isinstance(data, Unknown) else str(digest(data).hexdigest())

    def in_base64(scope: Scope, path: str) -> str | Unknown:
        data = _bytes(scope, path)
        return data if isinstance(data, Unknown) else base64.b64encode(digest(data).digest()).decode()

    function(name=f"file{name}", scoped=True)(in_hexadecimal)
    if name in ("sha256", "sha512"):
        function(name=f"filebase64{name}", scoped=True)(in_base64)


for _name, _digest in DIGESTS.items():
    _declare(_name, _digest)


@function(scoped=True)
def fileset(scope: Scope, path: str, pattern: str) -> Any:
    """Return the files below a folder whose paths match; `**` stands for any folders."""
    names = scope.names(path)
    if isinstance(names, Unknown):
        return names
    patterns = [each.split("/") for each in _alternatives(pattern)]
    return Set(sorted(name for name in names if any(_matches(name.split("/"), each) for each in patterns)))


def _alternatives(pattern: str) -> list[str]:
    made, at = [pattern], 0
    while at < len(made):
        found = _BRACES.search(made[at])
        if found is None:
            at += 1
            continue
        whole = made[at]
        made[at : at + 1] = [whole[: found.start()] + each + whole[found.end() :] for each in found[1].split(",")]
        if len(made) > _MOST_ALTERNATIVES:
            raise Undecided("the pattern of 'fileset' has too many alternatives")
    return made


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Match a path, part by part; how far `**` reaches is tried for all positions at once."""
    reached = {0}
    for each in pattern:
        if each == "**":
            reached = set(range(min(reached), len(parts) + 1)) if reached else set()
        else:
            reached = {n + 1 for n in reached if n < len(parts) and _part(each, parts[n])}
    return len(parts) in reached


def _part(pattern: str, text: str) -> bool:
    if any(c in pattern for c in "[]\\{}"):
        raise Undecided("this pattern of 'fileset' is not worked out")
    reached = {0}
    for c in pattern:
        if c == "*":
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        else:
            reached = {n + 1 for n in reached if n < len(text) and c in ("?", text[n])}
    return len(text) in reached


@function()
def basename(path: str) -> str:
    return posixpath.basename(path.rstrip("/")) or ("/" if path else ".")


@function()
def dirname(path: str) -> str:
    return posixpath.normpath(posixpath.dirname(path) or ".")


@function()
def pathexpand(path: str) -> str | Unknown:
    return Unknown("the home folder is of who runs Terraform") if path.startswith("~") else path


@function()
def abspath(_path: str) -> Unknown:
    return Unknown("where the code lies is of who runs Terraform")


@function(holes=True)
def templatefile(_path: str, _variables: Any) -> Unknown:
    """Stand for the function; the evaluator fills in the template, with `template`."""
    raise NotImplementedError


def template(arguments: list[Any], scope: Scope) -> tuple[Expr, dict[str, Any]] | Unknown:
    """Return the template of a file, and the variables it is filled in with."""
    if len(arguments) != 2:
        raise Mistake("'templatefile' takes two arguments")
    for value in arguments:
        if isinstance(value, Unknown):
            return Unknown(value.reason)
    path = text_of(arguments[0])
    text = _text(scope, path)
    if not isinstance(arguments[1], dict):
        raise Mistake(f"{kind(arguments[1])} holds no variables for 'templatefile'")
    return text if isinstance(text, Unknown) else (parse_template(text, Location(path, 1)), dict_of(arguments[1]))
