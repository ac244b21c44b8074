"""What a kustomization does to the objects it includes: patches, names, replicas and images, in its order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from scanner.documents import Document, load_all
from scanner.errors import DocumentError
from scanner.model import Location
from scanner.parsers.kubernetes.images import change
from scanner.parsers.kubernetes.manifests import Manifests
from scanner.parsers.kubernetes.naming import rename
from scanner.parsers.kubernetes.objects import Object
from scanner.parsers.kubernetes.patches import Unfit, is_relevant, merge, operate
from scanner.scalars import KUSTOMIZE

if TYPE_CHECKING:
    from scanner.parsers.kubernetes.kustomize import Built, Overlay

Files = Callable[[str], Manifests | None]
"""Gives what is in the file that an overlay names, None if there is no such file in the tree."""
_LITERAL = re.compile(r"[A-Za-z0-9-]*")
_UNREAD = {
    "replacements": "replacements copy values from one object to others",
    "transformers": "plugins may change every object",
    "configurations": "the fields that are transformed are configured elsewhere",
}
_SCALED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
_FIELDS = frozenset(
    (
        *("apiVersion", "kind", "metadata", "openapi", "namePrefix", "nameSuffix", "namespace", "commonLabels"),
        *("labels", "commonAnnotations", "patchesStrategicMerge", "patchesJson6902", "patches", "images"),
        *("imageTags", "replacements", "replicas", "vars", "sortOptions", "resources", "components", "crds"),
        *("bases", "configMapGenerator", "secretGenerator", "helmGlobals", "helmCharts", "generators"),
        *("helmChartInflationGenerator", "generatorOptions", "configurations", "transformers", "validators"),
        "buildMetadata",
    )
)
"""What a kustomization may say; one that says anything else is refused."""


def transform(overlay: Overlay, built: Built, files: Files) -> None:
    """Change the objects of an overlay, in the order in which Kustomize does."""
    for name in overlay.fields:
        if name not in _FIELDS:
            _refuse(built, overlay.locate(name), f"'{name}' is no field that Kustomize knows")
    _patches(built, files, _merged(overlay))
    _patches(built, files, overlay.entries("patches"))
    rename(overlay, built)
    _patches(built, files, overlay.entries("patchesJson6902"))
    _replicas(overlay, built)
    for field in ("images", "imageTags"):
        for number, (entry, _) in enumerate(overlay.entries(field)):
            for one in built.objects:
                change(one, entry, partial(overlay.locate, field, number))
    for name, reason in _UNREAD.items():
        if overlay.fields.get(name):
            _doubt(built.objects, overlay.locate(name), f"{reason}, which is not read here")


def _merged(overlay: Overlay) -> Iterator[tuple[Any, Location]]:
    for entry, where in overlay.entries("patchesStrategicMerge"):
        yield ({"patch": entry} if isinstance(entry, str) and "\n" in entry.strip() else {"path": entry}), where


# Patches


def _patches(built: Built, files: Files, entries: Iterator[tuple[Any, Location]]) -> None:
    for entry, where in entries:
        documents = _documents(entry, where, files)
        if documents is None:
            _doubt(built.objects, where, "a patch that is not among the scanned files, or cannot be read")
            continue
        for document in documents:
            _apply(document, entry, built, where)


def _documents(entry: Any, where: Location, files: Files) -> list[Document] | None:
    """Return the documents of a patch, None if they cannot be read."""
    if not isinstance(entry, dict):
        return None
    path, text = entry.get("path"), entry.get("patch")
    if isinstance(path, str) and text is None:
        found = files(path)
        return list(found.documents) if found and not found.broken else None
    if not isinstance(text, str):
        return None
    read = list(load_all(text, where.path, dialect=KUSTOMIZE))
    if any(isinstance(each, DocumentError) for each in read):
        return None
    # The lines of a patch in a text are those of the text; its entry is what can be named.
    return [Document(each.value, dict.fromkeys(each.locations, where)) for each in read if isinstance(each, Document)]


def _apply(document: Document, entry: Mapping[str, Any], built: Built, where: Location) -> None:
    patch, target = document.value, entry.get("target")
    operations = isinstance(patch, list)
    if not operations and not isinstance(patch, dict):
        return
    target = target if isinstance(target, dict) else None if operations else _own_target(patch)
    if not target:
        _doubt(built.objects, where, "a patch that does not say what it is for")
        built.open.append((where, "a patch of every object may make others of them"))
        return
    options = entry.get("options")
    renames = isinstance(options, dict) and bool(options.get("allowNameChange"))
    if isinstance(options, dict) and options.get("allowKindChange"):
        _doubt(built.objects, where, "a patch that changes kinds")
        return
    fitting = [(one, _fits(target, one)) for one in built.objects]
    if target.get("exact") and len([fits for _, fits in fitting if fits is not False]) != 1:
        _refuse(built, where, f"there is not one {target['kind']} '{target['name']}' that the patch is for")
        return
    for one, fits in fitting:
        if fits is None and _relevant(patch, renames=renames):
            _doubt([one], where, "whether the patch is for it cannot be told")
        if not fits:
            continue
        before = one.id
        try:
            if operations:
                operate(one, patch, document.locations.get("/0", where))
            elif merge(one, patch, document.locations, renames=renames):
                built.objects.remove(one)
        except Unfit as problem:
            _doubt([one], where, str(problem))
        if before != one.id:
            one.former += (before,)


def _own_target(patch: Mapping[str, Any]) -> dict[str, Any] | None:
    metadata, version = patch.get("metadata"), patch.get("apiVersion")
    metadata = metadata if isinstance(metadata, dict) else {}
    name = metadata.get("name")
    if not isinstance(name, str) or not isinstance(version, str) or "kind" not in patch:
        return None
    group, _, number = version.rpartition("/")
    own = {"group": group, "version": number, "kind": patch["kind"], "name": name}
    return {**own, "id": (metadata.get("namespace") or "default", name), "exact": True}


def _relevant(patch: Any, *, renames: bool) -> bool:
    if isinstance(patch, list):
        return any(not isinstance(each, dict) or is_relevant(str(each.get("path"))) for each in patch)
    return renames or any(key in patch for key in ("spec", "$patch")) or "annotations" in (patch.get("metadata") or ())


def _fits(target: Mapping[str, Any], one: Object) -> bool | None:
    """Tell whether a patch is for an object, None if that cannot be told."""
    exact = bool(target.get("exact"))
    version = str(one.value.get("apiVersion")).rpartition("/")[2]
    answers = [
        _matches(target.get("group"), {one.group}, exact=exact),
        _matches(target.get("version"), {version}, exact=exact),
        _matches(target.get("kind"), {one.kind}, exact=exact),
    ]
    if exact:
        answers.append(target["id"] in one.ids)
    else:
        known = (one.ids[0], one.id)  # those in between count for nothing
        answers.append(_matches(target.get("name"), {name for _, name in known}, exact=False))
        answers.append(_matches(target.get("namespace"), {namespace for namespace, _ in known}, exact=False))
        answers.append(None if target.get("labelSelector") or target.get("annotationSelector") else True)
    return False if False in answers else None if None in answers else True


def _matches(wanted: Any, given: set[str], *, exact: bool) -> bool | None:
    """Tell whether one of the texts is what is wanted; a pattern that is more than a word is not evaluated."""
    if wanted in (None, "") and not (exact and wanted == ""):
        return True
    if not isinstance(wanted, str):
        return None
    if exact or _LITERAL.fullmatch(wanted):
        return wanted in given
    return True if wanted == ".*" else None


def _doubt(found: list[Object], where: Location, reason: str) -> None:
    for one in found:
        one.doubt = one.doubt or f"{where.path}:{where.line}: {reason}"


def _refuse(built: Built, where: Location, reason: str) -> None:
    """Note what Kustomize makes nothing of, or what is for an object that was not seen."""
    _doubt(built.objects, where, f"{reason}, which Kustomize refuses")


def _replicas(overlay: Overlay, built: Built) -> None:
    for entry, where in overlay.entries("replicas"):
        if not isinstance(entry, dict):
            continue
        name, count = entry.get("name"), entry.get("count")
        found = [one for one in built.objects if one.kind in _SCALED and name in {name for _, name in one.ids}]
        if not found:
            _refuse(built, where, f"there is no '{name}' of which the number of replicas is set")
        for one in found:
            spec = one.value.setdefault("spec", {})
            if isinstance(spec, dict):
                spec["replicas"] = count
