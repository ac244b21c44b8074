"""Exemptions in Kubernetes code: in comments, and in the annotation `regionproof/ignore` of an object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.documents import Document
from scanner.finding import Exemption
from scanner.parsers.exemptions import Problem, Span, entries, exemption, in_comments, line_of_key
from scanner.parsers.kubernetes.objects import Object

ANNOTATION = "regionproof/ignore"
"""Holds a line `<rule>[,<rule>] until=... reason=... [owner=...]` for each exemption."""
_FIRST = ("/apiVersion", "/kind", "/metadata")


def exemptions(
    documents: Sequence[Document], found: Sequence[Object], text: str, path: str
) -> Iterator[Exemption | Problem]:
    """Return the exemptions of a file with these documents, and those that cannot be understood."""
    yield from in_comments(text, path, lambda: _spans(documents, found, text, path))
    for one in found:
        yield from _annotated(one, path)


def _spans(documents: Sequence[Document], found: Sequence[Object], text: str, path: str) -> Iterator[Span]:
    lines = text.splitlines()
    for locations, name in (
        *((one.locations, f"{path}#{one.kind}/{one.named('name') or ''}") for one in found),
        *((document.locations, path) for document in documents if not found),
    ):
        for at, location in locations.items():
            named = {line_of_key(lines, location)}
            if not at:  # a comment above any of the first keys is about the whole
                named |= {line_of_key(lines, locations[key]) for key in _FIRST if key in locations}
            yield Span(name + at, frozenset(named), at.count("/"), location)


def _annotated(one: Object, path: str) -> Iterator[Exemption | Problem]:
    annotations = one.metadata.get("annotations")
    text = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    if text is None:
        return
    where = one.locate(f"/metadata/annotations/{ANNOTATION.replace('/', '~1')}")
    if not isinstance(text, str):
        yield Problem(where, f"the annotation {ANNOTATION} is not text")
        return
    for line in filter(None, map(str.strip, text.splitlines())):
        read = entries(line)
        if isinstance(read, str):
            yield Problem(where, read)
            continue
        for entry in read:
            yield exemption(entry, where, f"{path}#{one.kind}/{one.named('name') or ''}", one.locations.get(""))
