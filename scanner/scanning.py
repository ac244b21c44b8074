"""How a repository's images are scanned, once the registry's own rules are applied.

Semantics: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from scanner.model import InsufficientData, Model, Resource
from scanner.workloads import live_only

RANKS = ("MANUAL", "SCAN_ON_PUSH", "CONTINUOUS_SCAN")
"""Frequencies, from seldom to always.  MANUAL means that nothing scans by itself."""
REGISTRY = "AWS::ECR::Registry"


def frequency(model: Model, repository: Resource) -> str:
    """Return which of `RANKS` a repository has; raise `InsufficientData` if that was not seen.

    An account shows it; of a template it follows from the rules of the registry and the repository's own setting.
    """
    shown = live_only(repository, "ScanFrequency")
    if shown is not None:
        if shown not in RANKS:
            raise InsufficientData(f"the scan frequency '{shown}' of '{repository.id}' is not understood")
        return str(shown)
    if not repository.locations:
        raise InsufficientData(f"how '{repository.id}' is scanned was not seen")
    registry = model.find(REGISTRY, "registry", repository.place, code=True)
    if registry is None or repository.name is None:
        raise InsufficientData(f"how the registry of '{repository.place}' scans was not seen")
    scanning = registry["ScanningConfiguration"]
    found = [rule["ScanFrequency"] for rule in scanning["Rules"] or () if _covers(rule, repository.name)]
    if found:
        return str(max(found, key=RANKS.index)) if set(found) <= set(RANKS) else _not_understood(found)
    on_push = repository["ImageScanningConfiguration"]["ScanOnPush"] if scanning["ScanType"] == "BASIC" else False
    return "SCAN_ON_PUSH" if on_push else "MANUAL"


def _not_understood(found: Any) -> str:
    raise InsufficientData(f"the scan frequencies {found} are not understood")


def _covers(rule: Mapping[str, Any], name: str) -> bool:
    filters = rule["RepositoryFilters"] or ()
    return any(_matches(item["Filter"], item["FilterType"], name) for item in filters)


def _matches(pattern: Any, kind: Any, name: str) -> bool:
    """Match a filter of kind WILDCARD: without an asterisk it is a part of the name."""
    if kind not in (None, "WILDCARD") or not isinstance(pattern, str):
        raise InsufficientData(f"scanning filters of type '{kind}' are not understood")
    return fnmatchcase(name, pattern if "*" in pattern else f"*{pattern}*")
