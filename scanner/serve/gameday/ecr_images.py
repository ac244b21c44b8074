"""Images on a game day: tags that are moved, images that are brought back, and copies of what is left elsewhere.

Layers cannot be uploaded here, so an image is put only where it is, or is left in some repository, already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from scanner.images import Image, Listing, RepositoryKey
from scanner.serve.gameday.ecr import named, repository_of, where
from scanner.serve.gameday.world import World, Write, refused
from scanner.serve.query import Query


def put_image(write: Write) -> dict[str, Any]:
    """Put a manifest, or a tag on one that is there; its layers have to be in a registry that is not lost."""
    repository, key, listing = _images(write)
    manifest, tag = write.parameters["imageManifest"], write.parameters.get("imageTag")
    digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    if write.parameters.get("imageDigest", digest) != digest:
        raise refused("ImageDigestDoesNotMatchException", f"The manifest has the digest '{digest}'.")
    old = next((image for image in listing.images if image.digest == digest), None)
    if old is not None and (tag is None or tag in old.tags):
        raise refused(
            "ImageAlreadyExistsException", f"Image with digest '{digest}' and tag '{tag}' already exists{where(write)}"
        )
    holder = next((image for image in listing.images if tag and tag in image.tags), None)
    if holder is not None and repository.get("imageTagMutability") == "IMMUTABLE":
        message = f"The image tag '{tag}' already exists in the '{key.name}' repository and cannot be overwritten"
        raise refused("ImageTagAlreadyExistsException", f"{message} because the tag is immutable.")
    image = old or _copied(write, digest)
    images = [_without(each, tag) for each in listing.images if each.digest != digest]
    images.append(replace(image, tags=tuple(sorted({*image.tags, *([tag] if tag else ())}))))
    write.world.push(key, replace(listing, images=tuple(sorted(images, key=lambda each: each.digest))))
    write.world.manifests[digest] = manifest
    id = {"imageDigest": digest, **({"imageTag": tag} if tag else {})}
    return {"image": {**named(write), "imageId": id, "imageManifest": manifest}}


def _without(image: Image, tag: str | None) -> Image:
    return replace(image, tags=tuple(each for each in image.tags if each != tag))


def _copied(write: Write, digest: str) -> Image:
    """Return an image as it is when it has been copied from a repository that is not lost."""
    for key, image in write.world.everywhere(digest):
        if write.lost.repository(*key) is None and image.status == "ACTIVE":
            return replace(image, tags=(), pushed_at=write.at, last_pulled_at=None)
    why = "no repository that is left has this image, and layers cannot be uploaded here (game day)"
    raise refused("LayersNotFoundException", f"The layers of '{digest}' do not exist: {why}")


def restore(write: Write) -> dict[str, Any]:
    """Bring an image back from the archive, or put it there."""
    _, key, listing = _images(write)
    id, wanted = write.parameters["imageId"], write.parameters["targetStorageClass"]
    image = next((each for each in listing.images if _is(each, id)), None)
    if image is None:
        raise refused("ImageNotFoundException", f"The image with imageId {json.dumps(id)} does not exist{where(write)}")
    times: dict[str, datetime] = {"last_activated_at" if wanted == "STANDARD" else "last_archived_at": write.at}
    status = "ACTIVE" if wanted == "STANDARD" else "ARCHIVED"
    changed: Image = replace(image, status=status, **times)  # type: ignore[arg-type]
    images = tuple(changed if each is image else each for each in listing.images)
    write.world.push(key, replace(listing, images=images))
    was = image.status if image.status == status else "ACTIVATING" if wanted == "STANDARD" else status
    return {**named(write), "imageId": {"imageDigest": image.digest}, "imageStatus": was}


def _is(image: Image, id: Mapping[str, str]) -> bool:
    digest, tag = id.get("imageDigest"), id.get("imageTag")
    return digest in (None, image.digest) and (tag is None or tag in image.tags) and bool(digest or tag)


def _images(write: Write) -> tuple[dict[str, Any], RepositoryKey, Listing]:
    repository = repository_of(write)
    key = RepositoryKey.of(write.place, repository["repositoryName"])
    listing = write.world.listing(key)
    if listing is None or listing.incomplete:
        raise write.query.not_recorded(f"the images of {key} were not all listed")
    return repository, key, listing


def read_manifests(world: World, query: Query) -> dict[str, Any] | None:
    """Return which images are there, as far as the snapshot shows; None if their repository was not listed.

    The manifest is left out of those whose manifest nobody recorded.
    """
    name = query.parameters["repositoryName"]
    listing = world.listing(RepositoryKey.of(query.place, name))
    if listing is None or listing.incomplete or "registryId" in query.parameters:
        return None
    images, failures = [], []
    for id in query.parameters["imageIds"]:
        found = next((image for image in listing.images if _is(image, id)), None)
        if found is None:
            why = "Requested image not found"
            failures.append({"imageId": id, "failureCode": "ImageNotFound", "failureReason": why})
        elif found.status != "ACTIVE":
            why = f"The image is {found.status.lower()} (game day)"
            failures.append({"imageId": id, "failureCode": "ImageInaccessible", "failureReason": why})
        else:
            images.append(_shown(world, query, found, id))
    return {"images": images, "failures": failures}


def _shown(world: World, query: Query, image: Image, id: Mapping[str, str]) -> dict[str, Any]:
    known = {
        "imageManifest": world.manifests.get(image.digest),
        "imageManifestMediaType": image.media_type,
    }
    return {
        "registryId": query.place.account,
        "repositoryName": query.parameters["repositoryName"],
        "imageId": {**id, "imageDigest": image.digest},
        **{key: value for key, value in known.items() if value is not None},
    }


WRITES = {"PutImage": put_image, "UpdateImageStorageClass": restore}
