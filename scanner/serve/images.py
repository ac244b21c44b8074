"""ecr:DescribeImages and ecr:ListImages, from the image index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from scanner.images import Image, Listing, RepositoryKey
from scanner.recorded import CallError
from scanner.serve.paging import cut
from scanner.serve.query import Query, Refused, replayed
from scanner.serve.record import Record

OPERATIONS = frozenset({"DescribeImages", "ListImages"})
_MOST_IDS = 100


def answer(query: Query, record: Record, listings: Mapping[RepositoryKey, Listing]) -> dict[str, Any] | None:
    """Return the images that are asked for, None if the repository's were not recorded."""
    name = query.parameters["repositoryName"]
    recorded = next((a for a in record.of("ecr", "DescribeImages") if a.parameters.get("repositoryName") == name), None)
    if recorded is None or query.parameters.keys() - {"repositoryName", "imageIds", "filter"}:
        return None
    listing = listings.get(RepositoryKey.of(query.place, name), Listing(()))
    if "imageIds" in query.parameters:
        return {"imageDetails": _by_id(query, listing.images, recorded.error)}
    images = _filtered(query, listing.images, recorded.parameters.get("filter") or {})
    if query.operation == "ListImages":
        ids = [row for image in images for row in _ids(image)]
        return cut(query, ids, recorded.error, lambda rows: {"imageIds": rows})
    return cut(query, images, recorded.error, lambda page: {"imageDetails": [detail(query, i) for i in page]})


def detail(query: Query, image: Image) -> dict[str, Any]:
    """Return an image as ecr:DescribeImages does."""
    members = {
        "registryId": query.place.account,
        "repositoryName": query.parameters["repositoryName"],
        "imageDigest": image.digest,
        "imageTags": list(image.tags) or None,
        "imageSizeInBytes": image.size,
        "imagePushedAt": _epoch(image.pushed_at),
        "imageManifestMediaType": image.media_type,
        "artifactMediaType": image.artifact_media_type,
        "lastRecordedPullTime": _epoch(image.last_pulled_at),
        "subjectManifestDigest": image.subject,
        "imageStatus": image.status,
        "lastArchivedAt": _epoch(image.last_archived_at),
        "lastActivatedAt": _epoch(image.last_activated_at),
    }
    return {key: value for key, value in members.items() if value is not None}


def _epoch(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()


def _ids(image: Image) -> list[dict[str, str]]:
    digest = {"imageDigest": image.digest}
    return [{**digest, "imageTag": tag} for tag in image.tags] or [digest]


_TAGGED: Mapping[str, Callable[[Image], bool]] = {
    "ANY": lambda _: True,
    "TAGGED": lambda image: bool(image.tags),
    "UNTAGGED": lambda image: not image.tags,
}


def _filtered(query: Query, images: Sequence[Image], recorded: Mapping[str, Any]) -> Sequence[Image]:
    """Return the images a filter lets through, if what was recorded is sure to hold them all."""
    asked = query.parameters.get("filter") or {}
    tagged, status = asked.get("tagStatus", "ANY"), asked.get("imageStatus", "ACTIVE")
    whole = recorded.get("tagStatus", "ANY") in ("ANY", tagged) and recorded.get("imageStatus", "ACTIVE") in (
        "ANY",
        status,
    )
    if not whole:
        raise query.not_recorded(f"images were listed with the filter {dict(recorded)}")
    if tagged not in _TAGGED:
        raise Refused("InvalidParameterException", "tagStatus is TAGGED, UNTAGGED or ANY.")
    if tagged == status == "ANY":
        return images
    return [image for image in images if _TAGGED[tagged](image) and status in ("ANY", image.status)]


def _by_id(query: Query, images: Sequence[Image], error: CallError | None) -> list[dict[str, Any]]:
    """Return the images with these ids; one that is not there fails the whole call."""
    ids = query.parameters["imageIds"]
    if query.size is not None or query.token is not None or len(ids) > _MOST_IDS:
        raise Refused("InvalidParameterException", f"imageIds are not paged; there can be {_MOST_IDS}.")
    by_digest = {image.digest: image for image in images}
    by_tag = {tag: image for image in images for tag in image.tags}
    found: dict[str, Image] = {}
    for id in ids:
        digest, tag = id.get("imageDigest"), id.get("imageTag")
        image = by_tag.get(tag) if tag else by_digest.get(digest)
        if image is None or (digest and image.digest != digest):
            raise replayed(error) if error else _no_image(query, digest, tag)
        found[image.digest] = image
    return [detail(query, image) for image in found.values()]


def _no_image(query: Query, digest: str | None, tag: str | None) -> Refused:
    return Refused(
        "ImageNotFoundException",
        f"The image with imageId {{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}} does not exist within"
        f" the repository with name '{query.parameters['repositoryName']}' in the registry with id"
        f" '{query.place.account}'",
    )
