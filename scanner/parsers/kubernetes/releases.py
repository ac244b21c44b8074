"""Releases of charts that other code declares: the values they lay over those of the chart."""

from __future__ import annotations

from dataclasses import replace

from scanner.guarded import Unknown
from scanner.model import Gap, Location, Resource
from scanner.parsers.kubernetes.rendered import Tree
from scanner.parsers.kubernetes.values import laid, located
from scanner.parsers.reading import Release


def values_of(release: Release) -> Tree | Unknown:
    """Return the values that a release lays over those of its chart; `Unknown` if that may set any of them."""
    values = Tree({}, {})
    for layer in release.values:
        over = located(layer, {}, "") if isinstance(layer, dict) else layer
        if not isinstance(over, Tree):
            return Unknown(f"the values of the release are not known: {layer.reason}")
        values = laid(values, over)
    return values


def through(one: Resource | Gap, at: Location) -> Resource | Gap:
    """Return what a release declares, with the code of that on the way to where it is written."""
    if isinstance(one, Gap):
        return one
    return replace(one, locations={key: replace(each, through=(at,)) for key, each in one.locations.items()})
