"""Where a CloudFormation template declares exemptions: in comments, and in the metadata of resources."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.documents import Document, pointer
from scanner.finding import Exemption
from scanner.model import Location
from scanner.parsers.exemptions import Problem, Span, exemption, in_comments, line_of_key


def exemptions(document: Document, text: str, path: str) -> Iterator[Exemption | Problem]:
    """Return the exemptions of a template, and those that cannot be understood."""
    yield from in_comments(text, path, lambda: _spans(document, text, path))
    yield from _in_metadata(document, path)


def _spans(document: Document, text: str, path: str) -> Iterator[Span]:
    """Return the resources, and all that is inside their properties."""
    lines = text.splitlines()
    for at, location in document.locations.items():
        _, *parts = at.split("/")
        if parts[:1] != ["Resources"] or len(parts) < 2 or (len(parts) > 2 and parts[2] != "Properties"):
            continue
        own = line_of_key(lines, location)
        named = {own, location.line} if len(parts) == 2 else {own}  # `Type` may be the line below the comment
        yield Span(f"{path}#{'/'.join(parts[1:])}", frozenset(named), len(parts), location)


def _in_metadata(document: Document, path: str) -> Iterator[Exemption | Problem]:
    declared = document.value.get("Resources")
    for logical, body in declared.items() if isinstance(declared, dict) else ():
        metadata = body.get("Metadata") if isinstance(body, dict) else None
        if not isinstance(metadata, dict) or "regionproof" not in metadata:
            continue
        at = pointer("Resources", logical, "Metadata", "regionproof")
        reach, where = document.locations.get(pointer("Resources", logical)), document.locations.get(at)
        if reach is None or where is None:
            yield Problem(Location(path, 1), "this file gives no lines, so nothing in it can be exempted")
            continue
        ours = metadata["regionproof"]
        entries = ours.get("ignore") if isinstance(ours, dict) else None
        if not isinstance(entries, list) or len(ours) != 1:
            yield Problem(where, "Metadata.regionproof holds a list `ignore`, and nothing else")
            continue
        for number, entry in enumerate(entries):
            place = document.locations.get(at + pointer("ignore", number), where)
            yield exemption(entry, place, f"{path}#{logical}", reach)
