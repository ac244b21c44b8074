"""Releases of Helm charts that Terraform declares: which chart of the scanned files, with which values.

https://registry.terraform.io/providers/hashicorp/helm/latest/docs/resources/release
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from scanner.config import IacMapping
from scanner.documents import load_value
from scanner.errors import DocumentError
from scanner.guarded import Unknown
from scanner.parsers.kubernetes.golang import Int64
from scanner.parsers.reading import Release
from scanner.parsers.terraform.declared import Declared
from scanner.parsers.terraform.values import Encoded
from scanner.parsers.tree import Tree
from scanner.scalars import KUBERNETES

RELEASE = "helm_release"

_SETS = ("set", "set_list", "set_sensitive", "set_wo")
"""In the order in which they are applied, over `values`."""
_DOT = re.compile(r"(?<!\\)\.")
_WORDS = {"true": True, "false": False, "null": None}
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")


def release(one: Declared, root: str, tree: Tree) -> Release | str:
    """Return the release that an instance declares, or why its chart cannot be read here."""
    chart, repository = one.values.get("chart"), one.values.get("repository")
    unknown = next((each for each in (chart, repository) if isinstance(each, Unknown)), None)
    if unknown is not None:
        return f"which chart it is is not known: {unknown.reason}"
    if repository or not isinstance(chart, str):
        return f"chart '{chart}' is in a repository; scan what `helm template` makes of it"
    folder = posixpath.normpath(posixpath.join(root, chart))
    folder = "" if folder == "." else folder
    if tree.get(posixpath.join(folder, "Chart.yaml")) is None:
        return f"chart '{chart}' is not among the scanned files; scan what `helm template` makes of it"
    named = {key: value if isinstance(value := one.values.get(key), str) else None for key in ("name", "namespace")}
    namespace = named["namespace"] or (None if one.values.get("namespace") is not None else "default")
    cluster = one.cluster_arn
    unplaced = cluster.reason if isinstance(cluster, Unknown) else ""
    name = None if isinstance(cluster, Unknown) else cluster.rpartition("/")[2]
    where = IacMapping(folder, one.account, one.region, name, namespace, named["name"])
    return Release(folder, where, tuple(_layers(one.values)), one.locations[""], unplaced)


def _layers(given: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what is laid over the values of the chart, each an object or `Unknown`."""
    for each in _listed(given.get("values")):
        yield from _texts(each)
    for name in _SETS:
        for each in _listed(given.get(name)):
            yield _set(each, name)


def _listed(given: Any) -> list[Any]:
    return [] if given is None else given if isinstance(given, list) else [given]


def _texts(given: Any) -> Iterator[Any]:
    if isinstance(given, Encoded):
        given = given.value
    elif isinstance(given, str):
        try:
            given = load_value(given, "values.yaml", KUBERNETES)
        except DocumentError as error:
            given = Unknown(f"its values are not YAML: {error.problem}")
    if given is not None:
        yield given if isinstance(given, (dict, Unknown)) else Unknown("its values are no object")


def _set(given: Any, kind: str) -> Any:
    """Return the object that one `set` lays over the values: of `a.b` it is {"a": {"b": ...}}."""
    name = given.get("name") if isinstance(given, dict) else given
    if not isinstance(name, str):
        return name if isinstance(name, Unknown) else Unknown(f"a '{kind}' has no name")
    made = _value(given, kind)
    if "[" in name:  # an item of a list: the list is known in part at most
        name, made = name.partition("[")[0], Unknown(f"a part of it is laid over by '{kind}'")
    for part in reversed(_DOT.split(name)):
        made = {part.replace("\\.", "."): made}
    return made


def _value(given: Mapping[str, Any], kind: str) -> Any:
    value = given.get("value")
    if kind in ("set_sensitive", "set_wo"):
        return Unknown(f"'{kind}' gives a secret")
    if not isinstance(value, str):
        return Int64(value) if type(value) is int else value
    if given.get("type") in ("string", "literal"):
        return value
    if "\\" in value or "," in value or value.startswith("{"):
        return Unknown("the value is a list, or has an escape in it")
    return _WORDS[value] if value in _WORDS else Int64(value) if _WHOLE.fullmatch(value) else value
