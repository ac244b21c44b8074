"""The templates of charts that are in each other: which includes mean which, and which are rendered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scanner.errors import DocumentError
from scanner.parsers.kubernetes.dependencies import Installed
from scanner.parsers.kubernetes.gotemplate import Block, parse
from scanner.parsers.kubernetes.scopes import Template
from scanner.parsers.kubernetes.settled import Part, gap

_COMMON = """
{{- define "common.images.image" -}}
{{- with default .imageRoot.registry ((.global).imageRegistry) -}}{{ . }}/{{- end -}}
{{- .imageRoot.repository -}}
{{- if .imageRoot.digest -}}@{{ .imageRoot.digest }}{{- else -}}:
{{- with default ((.chart).AppVersion) .imageRoot.tag -}}{{ . }}{{- else -}}{{ fail "the image has no tag" }}{{- end -}}
{{- end -}}
{{- end -}}
"""
"""How charts that depend on Bitnami's library chart `common` write an image, for those that do not bring it along."""


def is_notes(path: str) -> bool:
    """Tell whether a template only gives notes, whatever else it refuses."""
    return path.endswith("NOTES.txt")


def templates(root: Installed) -> tuple[dict[str, Template], list[tuple[Installed, Template | Part]]]:
    """Return the templates that others include, by name, and those that are rendered.

    Of two of one name that counts which is nearer to the top, then the first in the order of their paths.
    """
    named = _defined(parse(_COMMON, root.chart.folder), root.chart.folder, _COMMON)
    listed: list[tuple[int, str, Installed, str, str]] = []
    for each in root.all():
        for path, text in each.chart.files.items():
            at = f"{each.path}/{path.removeprefix(f'{each.chart.folder}/')}"
            listed.append((at.count("/"), at, each, path, text))
    bodies: list[tuple[Installed, Template | Part]] = []
    for _, at, each, path, text in sorted(listed, key=lambda one: one[:2], reverse=True):
        try:
            nodes = parse(text, path)
        except DocumentError as error:
            bodies.append((each, gap(str(error), None)))
            continue
        named.update(_defined(nodes, path, text))
        if not at.rpartition("/")[2].startswith("_") and not each.chart.is_library:
            bodies.append((each, Template(nodes, path, text)))
    return named, bodies[::-1]


def _defined(nodes: Sequence[Any], path: str, text: str) -> dict[str, Template]:
    """Return the templates that others may include, by name."""
    found: dict[str, Template] = {}
    for node in nodes:
        if isinstance(node, Block):
            for _, body in node.branches:
                if node.word in ("define", "block"):
                    found[node.name] = Template(body, path, text)
                found |= _defined(body, path, text)
    return found
