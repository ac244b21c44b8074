"""What a kustomization says of images: other names, tags and digests for those of a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scanner.model import Location, Unknown
from scanner.parsers.kubernetes.objects import POD_LISTS, Object
from scanner.parsers.kubernetes.settled import OF_VERSION

_DIGEST = r"(?::[A-Za-z0-9_.{}-]*)?(?:@sha256:[A-Za-z0-9_.{}-]*)?"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@-]*")
"""Names that as regular expressions, which they are, say no more than that a dot is any character."""
_KEYS = ("newName", "newTag", "digest", "tagSuffix")


def change(one: Object, entry: Any, locate: Callable[[str], Location]) -> None:
    """Change the images of an object as an entry of `images` says; `locate` says where its members are written."""
    spec = one.pod_spec()
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not isinstance(spec, dict):
        return
    for at, holder, key in _images(spec):
        image = holder[key]
        is_meant = _is_named(image, entry["name"])
        if is_meant is False:
            continue
        if is_meant is None:
            holder[key] = Unknown(f"whether '{entry['name']}' is a pattern for '{image}' is not evaluated")
        elif not at.startswith(("containers", "initContainers")):  # of which older versions do not know
            holder[key] = Unknown(f"whether Kustomize renames '{image}' {OF_VERSION}")
        else:
            holder[key] = _new(image, entry)
            written = next((key for key in _KEYS if entry.get(key)), "name")
            one.locations[f"{one.pods}/{at}/{key}"] = locate(written)


def _images(spec: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the images of pods that are known: where they are, and the object and the member that hold them."""
    for group in POD_LISTS:
        containers = spec.get(group)
        for number, container in enumerate(containers if isinstance(containers, list) else ()):
            if isinstance(container, dict) and isinstance(container.get("image"), str):
                yield f"{group}/{number}", container, "image"
    volumes = spec.get("volumes")
    for number, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        source = volume.get("image") if isinstance(volume, dict) else None
        if isinstance(source, dict) and isinstance(source.get("reference"), str):
            yield f"volumes/{number}/image", source, "reference"


def _is_named(image: str, name: str) -> bool | None:
    """Tell whether an image is of a name, None if that is a pattern."""
    if not _PLAIN.fullmatch(name):
        return None
    return re.fullmatch(re.escape(name).replace(r"\.", ".") + _DIGEST, image) is not None


def _new(image: str, entry: Mapping[str, Any]) -> Any:
    """Return an image as an entry of `images` changes it."""
    for key in _KEYS:
        if entry.get(key) is not None and not isinstance(entry[key], str):
            return Unknown(f"{key} of image '{entry['name']}' is not text; write it in quotes")
    if entry.get("tagSuffix") and not entry.get("newTag") and not entry.get("digest"):
        return Unknown(f"how often Kustomize puts a suffix behind a tag {OF_VERSION}")
    name, tag, digest = _parts(image)
    if entry.get("newTag") or entry.get("digest"):
        tag, digest = entry.get("newTag") or "", entry.get("digest") or ""
    return f"{entry.get('newName') or name}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"


def _parts(image: str) -> tuple[str, str, str]:
    """Return the name, the tag and the digest of an image; a colon before the first slash is that of a port."""
    whole, _, digest = image.partition("@")
    domain, slash, rest = whole.partition("/") if "/" in whole[1:] else ("", "", whole)
    name, _, tag = rest.partition(":")
    return f"{domain}{slash}{name}", tag, digest
