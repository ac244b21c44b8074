"""What a kustomization does to the objects it includes: patches, names, replicas and images, in its order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from scanner.documents import Document, load_all
from scanner.errors import DocumentError
from scanner.model import Location, Unknown
from scanner.parsers.kubernetes.manifests import Manifests
from scanner.parsers.kubernetes.objects import POD_LISTS, Object
from scanner.parsers.kubernetes.patches import Unfit, is_relevant, merge, operate
from scanner.scalars import KUBERNETES

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
_DIGEST = r"(?::[A-Za-z0-9_.{}-]*)?(?:@sha256:[A-Za-z0-9_.{}-]*)?"


def transform(overlay: Overlay, built: Built, files: Files) -> None:
    """Change the objects of an overlay, in the order in which Kustomize does."""
    _patches(built, files, _merged(overlay))
    _patches(built, files, overlay.entries("patches"))
    _names(overlay, built)
    _patches(built, files, overlay.entries("patchesJson6902"))
    _replicas(overlay, built)
    for number, (entry, _) in enumerate(overlay.entries("images")):
        for one in built.objects:
            _images(one, entry, partial(overlay.locate, "images", number))
    for name, reason in _UNREAD.items():
        if overlay.fields.get(name):
            where = overlay.locate(name)
            for one in built.objects:
                one.doubt = one.doubt or f"{where.path}:{where.line}: {reason}, which is not read here"


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
        target = entry.get("target")
        for document in documents:
            _apply(document, target, built, where)


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
    read = list(load_all(text, where.path, dialect=KUBERNETES))
    if any(isinstance(each, DocumentError) for each in read):
        return None
    # The lines of a patch in a text are those of the text; its entry is what can be named.
    return [Document(each.value, dict.fromkeys(each.locations, where)) for each in read if isinstance(each, Document)]


def _apply(document: Document, target: Any, built: Built, where: Location) -> None:
    patch = document.value
    operations = isinstance(patch, list)
    if not operations and not isinstance(patch, dict):
        return
    target = target if isinstance(target, dict) else None if operations else _own_target(patch)
    if target is None:
        _doubt(built.objects, where, "a patch that does not say what it is for")
        return
    relevant = _relevant(patch)
    for one in list(built.objects):
        fits = _fits(target, one)
        if fits is None and relevant:
            one.doubt = one.doubt or f"{where.path}:{where.line}: whether the patch is for it cannot be told"
        if not fits:
            continue
        before = one.named("name")
        try:
            if operations:
                operate(one, patch, document.locations.get("/0", where))
            elif merge(one, patch, document.locations):
                built.objects.remove(one)
        except Unfit as problem:
            one.doubt = one.doubt or f"{where.path}:{where.line}: {problem}"
        if before and before != one.named("name"):
            one.names |= {before}


def _own_target(patch: Mapping[str, Any]) -> dict[str, Any] | None:
    metadata, version = patch.get("metadata"), patch.get("apiVersion")
    metadata = metadata if isinstance(metadata, dict) else {}
    name = metadata.get("name")
    if not isinstance(name, str) or not isinstance(version, str) or "kind" not in patch:
        return None
    group = version.rpartition("/")[0]
    namespace = {"namespace": metadata["namespace"]} if "namespace" in metadata else {}
    return {"group": group, "kind": patch["kind"], "name": name, "exact": True, **namespace}


def _relevant(patch: Any) -> bool:
    if isinstance(patch, list):
        return any(not isinstance(each, dict) or is_relevant(str(each.get("path"))) for each in patch)
    return any(key in patch for key in ("spec", "$patch")) or "annotations" in (patch.get("metadata") or ())


def _fits(target: Mapping[str, Any], one: Object) -> bool | None:
    """Tell whether a patch is for an object, None if that cannot be told."""
    if not one.matters:
        return False
    exact = bool(target.get("exact"))
    names = {*one.names, one.named("name") or ""}
    version = str(one.value.get("apiVersion")).rpartition("/")[2]
    answers = [
        _matches(target.get("group"), {one.group}, exact=exact or "group" in target),
        _matches(target.get("version"), {version}, exact=True),
        _matches(target.get("kind"), {one.kind}, exact=exact),
        _matches(target.get("name"), names, exact=exact),
        None if target.get("namespace") and _renamed(target["namespace"], one) else True,
        None if target.get("labelSelector") or target.get("annotationSelector") else True,
    ]
    return False if False in answers else None if None in answers else True


def _renamed(namespace: Any, one: Object) -> bool:
    """Tell whether the namespace that a patch names is another than the object has now: it may have had that before."""
    return bool(namespace != one.named("namespace"))


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


# Names, namespaces, replicas


def _names(overlay: Overlay, built: Built) -> None:
    namespace = overlay.fields.get("namespace")
    prefix, suffix = (overlay.fields.get(key) or "" for key in ("namePrefix", "nameSuffix"))
    accounts: dict[str, str] = {}
    for one in built.objects:
        if not one.matters:
            continue
        metadata = one.value.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            continue
        if isinstance(namespace, str) and namespace and one.kind != "ClusterSecretStore":
            metadata["namespace"] = namespace
            one.locations["/metadata/namespace"] = overlay.locate("namespace")
        name = one.named("name")
        if name and (prefix or suffix):
            one.names |= {name}
            metadata["name"] = f"{prefix}{name}{suffix}"
            if one.kind == "ServiceAccount":
                accounts[name] = metadata["name"]
    for one in built.objects:
        spec = one.pod_spec()
        if isinstance(spec, dict) and spec.get("serviceAccountName") in [*accounts]:
            spec["serviceAccountName"] = accounts[spec["serviceAccountName"]]


def _replicas(overlay: Overlay, built: Built) -> None:
    for entry, _ in overlay.entries("replicas"):
        if not isinstance(entry, dict):
            continue
        for one in built.objects:
            spec = one.value.get("spec") if one.kind in ("Deployment", "StatefulSet") else None
            if isinstance(spec, dict) and entry.get("name") in {*one.names, one.named("name")}:
                spec["replicas"] = entry.get("count")


# Images


def _images(one: Object, entry: Any, locate: Callable[[str], Location]) -> None:
    spec = one.pod_spec()
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not isinstance(spec, dict):
        return
    for group in POD_LISTS:
        containers = spec.get(group)
        for number, container in enumerate(containers if isinstance(containers, list) else ()):
            image = container.get("image") if isinstance(container, dict) else None
            if not isinstance(image, str) or not _is_named(image, entry["name"]):
                continue
            if group == "ephemeralContainers":  # of which older versions do not know
                container["image"] = Unknown(f"whether Kustomize renames '{image}' depends on its version")
                continue
            container["image"] = _new(image, entry)
            key = next((key for key in ("newName", "newTag", "digest", "tagSuffix") if entry.get(key)), "name")
            one.locations[f"{one.pods}/{group}/{number}/image"] = locate(key)
    volumes = spec.get("volumes")
    for volume in volumes if isinstance(volumes, list) else ():
        source = volume.get("image") if isinstance(volume, dict) else None
        reference = source.get("reference") if isinstance(source, dict) else None
        if isinstance(source, dict) and isinstance(reference, str) and _is_named(reference, entry["name"]):
            source["reference"] = Unknown("whether Kustomize renames the image of a volume depends on its version")


def _is_named(image: str, name: str) -> bool:
    return image.startswith(name) and re.fullmatch(_DIGEST, image[len(name) :]) is not None


def _new(image: str, entry: Mapping[str, Any]) -> Any:
    """Return an image as an entry of `images` changes it."""
    name, rest = entry["name"], image[len(entry["name"]) :]
    tag, _, digest = rest.partition("@")
    tag = tag.removeprefix(":")
    for key in ("newName", "newTag", "digest", "tagSuffix"):
        if entry.get(key) is not None and not isinstance(entry[key], str):
            return Unknown(f"{key} of image '{name}' is not text; write it in quotes")
    if entry.get("newTag") or entry.get("digest"):
        tag, digest = entry.get("newTag") or "", entry.get("digest") or ""
    elif entry.get("tagSuffix"):
        tag, digest = tag + entry["tagSuffix"], ""
    return f"{entry.get('newName') or name}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
