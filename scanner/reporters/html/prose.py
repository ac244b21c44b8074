"""What rules say about why and how to mend it, which is Markdown, as HTML; and which links may be followed."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from scanner.reporters.text import cut, inert, printable, printable_lines

_LONGEST = 6000
_LONGEST_LINK = 500
_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```[^\n]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}|\t)[^\n]*(?:\n|\Z)|^[ \t]*\n(?=(?: {4}|\t)))+", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LANGUAGES = (
    ("AWS CLI", re.compile(r"^\s*aws [a-z]", re.MULTILINE)),
    ("Terraform", re.compile(r"^\s*(?:resource|data|provider|module|variable) \"", re.MULTILINE)),
    ("CloudFormation", re.compile(r"\bType: AWS::")),
    ("kubectl", re.compile(r"^\s*kubectl ", re.MULTILINE)),
)


def markdown(text: str) -> Markup:
    """Return the paragraphs, code and `code spans` of a Markdown text; everything else stays as it is written."""
    return Markup("").join(_blocks(inert(cut(text[: 2 * _LONGEST], _LONGEST))))


def link(url: str) -> str | None:
    """Return a link that may be followed: to a host, by HTTPS, with nothing in it that a browser would mend."""
    if len(url) > _LONGEST_LINK or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme == "https" and parts.hostname and "@" not in parts.netloc else None


def _blocks(text: str) -> Iterator[Markup]:
    at = 0
    for fence in _FENCED.finditer(text):
        yield from _indented(text[at : fence.start()])
        yield _code(fence[1])
        at = fence.end()
    yield from _indented(text[at:])


def _indented(text: str) -> Iterator[Markup]:
    at = 0
    for block in _INDENTED.finditer(text):
        yield from _paragraphs(text[at : block.start()])
        yield _code(textwrap.dedent(block[0].expandtabs(4)))
        at = block.end()
    yield from _paragraphs(text[at:])


def _paragraphs(text: str) -> Iterator[Markup]:
    for paragraph in re.split(r"\n\s*\n", text):
        if words := printable(paragraph).strip():
            parts = _SPAN.split(" ".join(words.split()))
            spans = (
                Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
            )
            yield Markup("<p>{}</p>").format(Markup("").join(spans))


def _code(text: str) -> Markup:
    clean = printable_lines(text.strip("\n"))
    language = next((name for name, known in _LANGUAGES if known.search(clean)), "")
    caption = Markup("<figcaption>{}</figcaption>").format(language) if language else ""
    return Markup('<figure class="code">{}<pre><code>{}</code></pre></figure>').format(caption, clean)
