"""The file door: what kubectl printed of a cluster, for estates in which nobody may ask its API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scanner.collectors.ask import NOT_COLLECTED
from scanner.errors import DocumentError, UsageError
from scanner.kubernetes_objects import KINDS, Cluster, Kind, call, load, reduced
from scanner.recorded import Call, CallError

COMMAND = f"kubectl get {','.join(kind.plural for kind in KINDS.values() if not kind.optional)} -A -o json"
"""Makes a file with every kind that is in every cluster."""
MAX_BYTES = 256 * 2**20
"""A larger file is not read.  kubectl prints 5 to 10 kB for a pod: this is room for about 30,000 of them."""

_HINT = f"Make it with: {COMMAND} > FILE"
_SHOWABLE = re.compile(r"[0-9A-Za-z]{1,64}")


class FromFiles(NamedTuple):
    """The calls that the files of a cluster stand for, and how many objects of other kinds were passed over."""

    calls: list[Call]
    ignored: int


def read_files(paths: Sequence[Path], cluster_arn: str, at: str) -> FromFiles:
    """Return what the files of one cluster show, as calls to its API; `at` is when they were made (RFC 3339, UTC).

    A file holds one list in JSON: that of `kubectl get ... -A -o json`, or of `kubectl get --raw`, which says what
    was asked.  A kind of which nothing is there may not have been asked for, so it is recorded as not collected; one
    that an operator brings is not recorded.
    Raises `UsageError` for an ARN that is none of an EKS cluster, and `DocumentError` for a file that is no such list.
    """
    try:
        cluster = Cluster.of(cluster_arn)
    except ValueError as error:
        raise UsageError(f"'{cluster_arn}' is {error}", "Write it as --kubernetes CLUSTER_ARN=FILE.") from None
    found = _Found()
    for path in paths:
        _read(path, found)
    calls = [each for kind in KINDS.values() for each in found.calls(cluster, kind, at)]
    return FromFiles(calls, found.ignored)


class _Found:
    """What was in the files: reduced objects of each kind that is known to have been asked for."""

    def __init__(self) -> None:
        self._items: dict[str, dict[Any, dict[str, Any]]] = {}
        self._partial: set[str] = set()
        self.ignored = 0

    def asked(self, kind: Kind) -> None:
        self._items.setdefault(kind.name, {})

    def add(self, kind: Kind, item: Any) -> None:
        self.asked(kind)
        kept, items = reduced(kind, item), self._items[kind.name]
        items[kept.get("metadata", {}).get("uid") or len(items)] = kept  # two files may show one object

    def ends_early(self, kind: Kind) -> None:
        self._partial.add(kind.name)

    def calls(self, cluster: Cluster, kind: Kind, at: str) -> list[Call]:
        if kind.name not in self._items and kind.optional:
            return []  # kubectl refuses to list what the cluster does not know
        if kind.name not in self._items:
            raw = f"kubectl get --raw {kind.path}"
            message = f"no file shows any; if there are none, add the file that this makes: {raw}"
            return [call(cluster, kind, 0, at, None, CallError(NOT_COLLECTED, message))]
        pages = [call(cluster, kind, 0, at, list(self._items[kind.name].values()), None)]
        if kind.name in self._partial:
            error = CallError("IncompleteList", "the file holds the first part of a list; make it without a limit")
            pages.append(call(cluster, kind, 1, at, None, error))
        return pages


def _read(path: Path, found: _Found) -> None:
    document = _document(path)
    kind_of_list, items = document.get("kind"), document.get("items", "missing")
    items = [] if items is None else items  # an empty list may be null in Go's JSON
    if not isinstance(kind_of_list, str) or not kind_of_list.endswith("List"):
        is_a = f"a {kind_of_list}" if isinstance(kind_of_list, str) and _SHOWABLE.fullmatch(kind_of_list) else "no kind"
        raise _error(path, f"this is {is_a}, not a List of Kubernetes")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _error(path, "its 'items' are not a list of objects")
    only = _kind(document, "List")
    if only:
        found.asked(only)
    kinds = set()
    for item in items:
        kind = only or (_kind(item) if kind_of_list == "List" else None)
        if kind is None:
            found.ignored += 1
        else:
            kinds.add(kind)
            found.add(kind, item)
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and metadata.get("continue"):
        for kind in {*kinds, *([only] if only else [])}:
            found.ends_early(kind)


def _kind(item: Mapping[str, Any], suffix: str = "") -> Kind | None:
    """Return the kind of an object or list; others may have the same name in another API group."""
    name = item.get("kind")
    kind = KINDS.get(name.removesuffix(suffix)) if isinstance(name, str) and name.endswith(suffix) else None
    return kind if kind and item.get("apiVersion") in (kind.api_version, *kind.older) else None


def _document(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _error(path, error.strerror or type(error).__name__) from None
    if len(data) > MAX_BYTES:
        hint = "Give a file for each kind: --kubernetes may be repeated."
        raise DocumentError(str(path), 0, 0, f"larger than {MAX_BYTES} bytes", hint)
    try:
        document = load(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _error(path, "not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise DocumentError(str(path), error.lineno, error.colno, f"not JSON: {error.msg}", _HINT) from None
    except RecursionError:
        raise _error(path, "nested too deeply") from None
    except ValueError:
        raise _error(path, "a number that JSON does not know") from None
    if not isinstance(document, dict):
        raise _error(path, "not a JSON object")
    return document


def _error(path: Path, problem: str) -> DocumentError:
    return DocumentError(str(path), 0, 0, problem, _HINT)
