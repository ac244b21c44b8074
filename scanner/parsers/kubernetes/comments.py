"""Exemptions in Kubernetes code: in comments, and in the annotation `regionproof/ignore` of a workload.

A comment is about what is written on its line, as in every format; the annotation is about the workload, wherever its
images are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scanner.documents import Document
from scanner.finding import Exemption
from scanner.model import Location, Resource
from scanner.parsers.exemptions import Problem, Span, entries, exemption, in_comments, line_of_key
from scanner.parsers.kubernetes.objects import Object, Source

ANNOTATION = "regionproof/ignore"
"""Holds a line `<rule>[,<rule>] until=... reason=... [owner=...]` for each exemption."""
_FIRST = ("/apiVersion", "/kind", "/metadata")


def in_text(
    documents: Sequence[Document], found: Sequence[Object], text: str, path: str
) -> Iterator[Exemption | Problem]:
    """Return the exemptions in the comments of a file with these documents, or with these objects."""
    return in_comments(text, path, lambda: _spans(documents, found, text, path))


def in_template(text: str, path: str) -> Iterator[Exemption | Problem]:
    """Return the exemptions in the comments of a template: each is about one line."""
    count = text.count("\n") + 1
    spans = (
        Span(f"{path}:{line}", frozenset((line,)), 0, Location(path, line, 1, line + 1, 1))
        for line in range(1, count + 1)
    )
    return in_comments(text, path, lambda: spans)


def in_annotations(source: Source, found: Iterable[Object]) -> Iterator[Exemption | Problem]:
    """Return the exemptions in the annotations of workloads."""
    for one in found:
        annotations = one.metadata.get("annotations")
        text = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
        if text is None:
            continue
        where = one.locate(f"/metadata/annotations/{ANNOTATION.replace('/', '~1')}")
        for made in source.declared([one]):
            if isinstance(made, Resource):
                yield from _annotated(text, where, made)


def _annotated(text: object, where: Location, resource: Resource) -> Iterator[Exemption | Problem]:
    if not isinstance(text, str):
        yield Problem(where, f"the annotation {ANNOTATION} is not text")
        return
    for line in filter(None, map(str.strip, text.splitlines())):
        read = entries(line)
        if isinstance(read, str):
            yield Problem(where, read)
            continue
        for entry in read:
            made = exemption(entry, where, resource.id, where)
            if isinstance(made, Exemption):
                made = replace(made, resource=re.sub(r"([*?\[])", r"[\1]", resource.id), span=None)
            yield made


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
