"""The door of plans and states: `terraform show -json`, and the state file itself.

A state holds secrets.  Attributes that no map names are dropped, and what Terraform marks as sensitive is not read.
Format: https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.model import Gap, Location
from scanner.parsers.reading import Reading
from scanner.parsers.terraform.configuration import items, obj
from scanner.parsers.terraform.mapping import resources
from scanner.parsers.terraform.maps import model_type
from scanner.parsers.terraform.recorded import Places, declared, lean, planned, stored
from scanner.parsers.terraform.sections import sections
from scanner.parsers.terraform.written import places
from scanner.parsers.tree import File, Tree

MAX_BYTES = 100_000_000
"""A larger plan is not read; those of large roots have some ten MB."""

_SUFFIXES = (".json", ".tfstate", ".tfplan")
_MARKS = tuple('"terraform_version"'.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How a file begins into which Windows PowerShell has redirected what `terraform show -json` prints."""
_KEPT = {
    "format_version",
    "terraform_version",
    "version",
    "lineage",
    "planned_values",
    "values",
    "resource_changes",
    "deferred_changes",
    "configuration",
    "variables",
    "complete",
    "errored",
    "resources",
}
_STATE = 4
_CHUNK = 1_000_000


def read(tree: Tree, reading: Reading) -> None:
    """Read every plan and every state."""
    for file in tree.files(*_SUFFIXES):
        if not reading.attempt([file.path], _read, file, tree, reading):
            tree.take(file)


def _read(file: File, tree: Tree, reading: Reading) -> None:
    try:
        data = file.data(MAX_BYTES) if _is_marked(file) else b""
        document = _document(data, file)
    except OSError as error:
        reading.failed(file.path, f"{file.path}: {error.strerror}")
        tree.take(file)
        return
    except ValueError as error:
        reading.failed(file.path, f"{file.path}: {error}")
        tree.take(file)
        return
    if document is not None:
        tree.take(file)
        reading.read(file.path, data)
        del data
        _declare(*document, file.path, reading)


def _is_marked(file: File) -> bool:
    """Tell whether a file may be a plan or a state, without having all of it in memory: many others are JSON too."""
    before = b""
    with file.at.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            before = before[-len(_MARKS[-1]) :] + chunk
            if any(mark in before for mark in _MARKS):
                return True
    return False


def _document(data: bytes, file: File) -> tuple[Mapping[str, Any], Mapping[str, Location]] | None:
    """Return what is needed of the plan or state in a file, and where its resources are written.

    None if it is neither; raises `ValueError` if it is broken.
    """
    if data.startswith(_UTF_16):
        data = data.decode("utf-16").encode()
    if data[:_CHUNK].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return None
    named = file.name.endswith(".tfstate") or b'"format_version"' in data
    if len(data) > MAX_BYTES and named:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
        made = {key: lean(key, value) for key, value in sections(text) if key in _KEPT}
    except ValueError as error:
        if named:
            raise ValueError(f"not JSON: {error}") from None
        return None
    kind = _kind(made)
    return (made, places(text, file.path, state=kind == "state")) if kind else None


def _kind(document: Mapping[str, Any]) -> str:
    """Return `plan` or `state`, empty for something else; raise `ValueError` for one of an unknown version."""
    if isinstance(document.get("format_version"), str) and ("planned_values" in document or "values" in document):
        if document["format_version"].partition(".")[0] not in ("0", "1"):
            raise ValueError(f"the format version {document['format_version']} of the plan is not known")
        return "plan"
    if "lineage" in document and isinstance(document.get("resources"), list):
        if document.get("version") != _STATE:
            raise ValueError(f"the version {document.get('version')} of the state is not known")
        return "state"
    return ""


def _declare(document: Mapping[str, Any], written: Mapping[str, Location], path: str, reading: Reading) -> None:
    try:
        recorded = planned(document) if "format_version" in document else stored(document)
    except ValueError as error:
        reading.failed(path, f"{path}: {error}")
        return
    where = Places(recorded, document)
    instances = reading.instances(path)
    clusters: dict[tuple[str | None, str | None], set[str | None]] = {}
    for one in reading.deployments(path):  # the plan was made with them
        clusters.setdefault((one.account, one.region), set()).add(one.cluster)
        reading.uses.take("var_files", one.var_files)
        reading.uses.take("workspace", one.workspace)
    known = all(None not in where.place(one) for one in recorded)
    open = ""
    for place in instances[:1] if known else instances:
        suffix = f"@{place[0] or '*'}/{place[1] or '*'}" if len(instances) > 1 and not known else ""
        cluster = next(iter(clusters.get(place, ()))) if len(clusters.get(place, ())) == 1 else None  # of several, none
        found = declared(recorded, where, written, path, place, cluster)
        gap = reading.add([*_openings(document, path, place), *resources(found, suffix)])
        open = open or gap
        for account, region in [(one.account, one.region) for one in found] or [place]:
            reading.placed(account, region, Location(path, 1))
    reading.done(path, open)


def _openings(document: Mapping[str, Any], path: str, place: tuple[str | None, str | None]) -> Iterator[Gap]:
    """Return a gap for each way in which a plan does not show all that will be there."""
    if document.get("errored") is True:
        yield Gap("Unresolved", f"{path}: Terraform failed while it made the plan", None, *place, path=path)
    deferred = [obj(obj(each).get("resource_change")) for each in items(document.get("deferred_changes"))]
    for change in deferred:
        type = model_type(str(change.get("type")))
        if type is not None:
            message = f"{path}: '{change.get('address')}' is deferred to a later plan"
            yield Gap("Unresolved", message, type, *place, path=path)
    if document.get("complete") is False and not deferred:
        yield Gap("Unresolved", f"{path}: the plan leaves out a part of the changes", None, *place, path=path)
