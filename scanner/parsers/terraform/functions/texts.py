"""Functions of text."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform.access import joined
from scanner.parsers.terraform.functions import formats, regexes
from scanner.parsers.terraform.functions.table import function
from scanner.parsers.terraform.templates import SPACE, normal
from scanner.parsers.terraform.values import MAX_TEXT, Mistake, Pieces, Undecided, list_of, text_of

_JOINING = {"Mn", "Mc", "Me", "Cf", "Sk"}
_LAST_NEWLINES = re.compile(r"[\r\n]+\Z")


def characters(text: str) -> str:
    """Return text whose characters are what a reader sees; raise `Undecided` if some are made of several."""
    if text.isascii() and "\r\n" not in text:
        return text
    if "\r\n" in text or any(unicodedata.category(c) in _JOINING or c > "\uffff" or "ᄀ" <= c <= "ᇿ" for c in text):
        raise Undecided("some characters of the text are made of several")
    return text


def _bounded(length: int) -> None:
    if length > MAX_TEXT:
        raise Undecided("the text is too long")


@function(raw=True)
def join(separator: Any, *lists: Any) -> Any:
    """Return texts put together; `Pieces` where some are unknown."""
    for value in (separator, *lists):
        if isinstance(value, Unknown):
            return Unknown(value.reason)
    between, items = text_of(separator), [item for each in lists for item in list_of(each)]
    _bounded(len(between) * len(items))
    parts: list[str | Unknown] = []
    for item in items:
        parts += [between, item if isinstance(item, Unknown) else text_of(item)]
    return joined(parts[1:])


@function(name="format", raw=True, nulls=True)
def _format(template: Any, *arguments: Any) -> Any:
    if isinstance(template, Unknown):
        return Unknown(template.reason)
    return formats.fill(text_of(template), arguments)


@function(holes=True, nulls=True)
def formatlist(template: Any, *arguments: Any) -> list[Any]:
    """Return the template filled in for each item; what is no list stands in each of them."""
    template = text_of(template)
    lengths = {len(each) for each in arguments if isinstance(each, list)}
    if len(lengths) > 1:
        raise Mistake("the lists differ in length")
    length = lengths.pop() if lengths else 1
    _bounded(length * len(template))
    rows = ([each[n] if isinstance(each, list) else each for each in arguments] for n in range(length))
    made, size = [], 0
    for row in rows:
        made.append(formats.fill(template, row))
        size += len(made[-1]) if isinstance(made[-1], str) else 0
        _bounded(size)
    return made


@function()
def split(separator: str, text: str) -> list[str]:
    return text.split(separator) if separator else list(characters(text))


@function()
def replace(text: str, wanted: str, by: str) -> str:
    """Return text with all of something replaced; what stands between slashes is a regular expression."""
    if len(wanted) > 1 and wanted[0] == wanted[-1] == "/":
        made = regexes.replaced(wanted[1:-1], by, text)
    else:
        _bounded(len(text) + (len(text) + 1 if not wanted else text.count(wanted)) * len(by))
        made = text.replace(wanted, by)
    return normal(made)


@function()
def regex(pattern: str, text: str) -> Any:
    found = regexes.first(pattern, text)
    if found is None:
        raise Mistake("the regular expression matches nothing in the text")
    return found


@function()
def regexall(pattern: str, text: str) -> list[Any]:
    return regexes.all_of(pattern, text)


@function()
def substr(text: str, offset: int, length: int) -> str:
    seen = characters(text)
    start = offset if offset >= 0 else max(0, len(seen) + offset)
    return seen[start:] if length < 0 else seen[start : start + length]


@function()
def strrev(text: str) -> str:
    return characters(text)[::-1]


@function()
def lower(text: str) -> str:
    return "".join(_same_length(c, c.lower()) for c in text)


@function()
def upper(text: str) -> str:
    return "".join(_same_length(c, c.upper()) for c in text)


def _same_length(old: str, new: str) -> str:
    return new if len(new) == 1 else old


@function(name="title")
def _title(text: str) -> str:
    def is_word(character: str) -> bool:
        return character.isalnum() or character == "_"

    starts = (n == 0 or not is_word(text[n - 1]) for n in range(len(text)))
    return "".join(_same_length(c, c.upper()) if start else c for c, start in zip(text, starts, strict=True))


@function()
def indent(spaces: int, text: str) -> str:
    if spaces < 0:
        raise Mistake("the number of spaces is negative")
    _bounded(len(text) + spaces * (text.count("\n") + 1))
    return text.replace("\n", "\n" + " " * spaces)


@function()
def chomp(text: str) -> str:
    return _LAST_NEWLINES.sub("", text)


@function()
def trim(text: str, characters: str) -> str:
    return text.strip(characters) if characters else text


@function()
def trimprefix(text: str, prefix: str) -> str:
    return text.removeprefix(prefix)


@function()
def trimsuffix(text: str, suffix: str) -> str:
    return text.removesuffix(suffix)


@function()
def trimspace(text: str) -> str:
    return text.strip(SPACE)


@function(raw=True)
def startswith(text: Any, prefix: Any) -> bool | Unknown:
    """Tell whether text begins so, also where only its beginning is known."""
    if isinstance(text, Pieces) and isinstance(prefix, str):
        known = text.parts[0] if isinstance(text.parts[0], str) else ""
        end = min(len(known), len(prefix))
        if len(known) >= len(prefix) or known[:end] != prefix[:end]:
            return known.startswith(prefix)
    for value in (text, prefix):
        if isinstance(value, Unknown):
            return Unknown(value.reason)
    return text_of(text).startswith(text_of(prefix))


@function()
def endswith(text: str, suffix: str) -> bool:
    return text.endswith(suffix)


@function()
def strcontains(text: str, wanted: str) -> bool:
    return wanted in text
