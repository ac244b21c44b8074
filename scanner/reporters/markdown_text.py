"""Text and names of others in Markdown that a web page renders: readable, and never a link, a mention or markup."""

from __future__ import annotations

import re
from html import escape

from scanner.reporters.text import cut, inert, printable

_RISKY = re.compile(r"[\\`*_\[\]<>&|~$@#^{}!=]|.:.|^[-+:]|www\.", re.IGNORECASE)
_IS_CODE = re.compile(r"`[A-Za-z0-9_.:/-]+`[.,;:]?")
_IS_TIME = re.compile(r"[0-9]{2}:[0-9]{2}")
_NAMED = re.compile(r"(?P<open>\(?)'(?P<name>[^']+)'(?P<end>\)?[.,;:]?)")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_NEEDS_ENTITIES = re.compile(r"[`|\\]")


def code(text: str, limit: int) -> str:
    """Return a name as code.  It can stand in a cell of a table, too."""
    line = _line(text, limit)
    if not line:
        return ""
    if _NEEDS_ENTITIES.search(line):  # a code span cannot hold these everywhere, but text can hold references to them
        return f"<code>{_PUNCTUATION.sub(lambda found: f'&#{ord(found[0])};', line)}</code>"
    return f"`{line}`"


def prose(text: str, limit: int) -> str:
    """Return a sentence, what could be markup in it as code; it must not begin a line."""
    words = _line(text, limit).split(" ")
    return " ".join(word if _is_plain(word) else _word(word, limit) for word in words)


def _word(word: str, limit: int) -> str:
    """Return a word as code; the quotes of a name and what ends a sentence stay outside, or are left out."""
    if found := _NAMED.fullmatch(word):
        return f"{found['open']}{code(found['name'], limit)}{found['end']}"
    return code(word, limit)


def _is_plain(word: str) -> bool:
    return bool(_IS_CODE.fullmatch(word) or _IS_TIME.fullmatch(word)) or not _RISKY.search(word)


def html(text: str, limit: int) -> str:
    """Return a sentence for a line that is HTML; what a web page could make a mention or a link of is code."""
    words = _line(text, limit).split(" ")
    return " ".join(f"<code>{escape(word)}</code>" if _RISKY.search(word) else escape(word) for word in words)


def fenced(text: str, limit: int, language: str = "text") -> str:
    """Return lines as a block of code; `language` is one of our own."""
    lines = [inert(printable(line).rstrip()) for line in text[: 2 * limit].strip().splitlines()]
    body = cut("\n".join(lines), limit)
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def _line(text: str, limit: int) -> str:
    return inert(cut(" ".join(printable(text[: 2 * limit]).split()), limit))
