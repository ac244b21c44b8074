"""The manifests of image indexes: which platforms an image is made of, and the digest of each.

Only ecr:BatchGetImage gives them, the API that pulls.  It is asked where a rule that is off by default was selected,
and then only for the indexes that workloads run.  A manifest never changes: its digest is that of its bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from scanner.collectors.ask import NOT_COLLECTED, Answer, Answers, Ask, Batch, Rate, items, structures
from scanner.collectors.ecr_images import IMAGE
from scanner.model import Gap, Resource, Unknown
from scanner.recorded import Stage

MANIFEST = "AWS::ECR::ImageManifest"
INDEXES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NOT_FOUND = "ImageNotFound"
_REFERENCE = "vnd.docker.reference.type"
_KEPT = ("imageId", "imageManifest", "imageManifestMediaType", "failureCode", "failureReason")


def _of_one(page: Mapping[str, Any], id: Any) -> dict[str, Any] | None:
    """Return what an answer about many images says of one, None if it says nothing."""
    found = {member: [_kept(each) for each in structures(page.get(member)) if _is(each, id)] for member in _MEMBERS}
    return found if any(found.values()) else None


_MEMBERS = ("images", "failures")


def _is(structure: Mapping[str, Any], id: Mapping[str, Any]) -> bool:
    given = structure.get("imageId")
    return isinstance(given, dict) and given.get("imageDigest") == id["imageDigest"]


def _kept(structure: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: structure[key] for key in _KEPT if key in structure}
    return {**kept, "imageId": {"imageDigest": structure["imageId"]["imageDigest"]}}


def _by_digest(parameters: Mapping[str, Any]) -> bool:
    """Tell whether images are asked for by their digests, which say the same for ever."""
    ids = structures(parameters.get("imageIds"))
    return bool(ids) and all(_DIGEST.fullmatch(str(id.get("imageDigest"))) for id in ids)


BATCH_GET_IMAGE = Ask(
    "BatchGetImage",
    "images",
    parameters={"acceptedMediaTypes": list(INDEXES)},
    each=lambda _: (),  # `digests` chooses
    fills=(MANIFEST,),
    rate=Rate("image pulls", 2000, 100),
    immutable=_by_digest,
    per="100 image indexes in use",
    reads=(IMAGE,),
    stage=Stage.DIGESTS,
    batch=Batch("imageIds", 100, _of_one),
)


def manifests(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the manifest of each index that was asked for; why one could not be read is `Unknown` in it.

    No list of them is ever whole: a gap says so.
    """
    for answer in answers.of(BATCH_GET_IMAGE):
        found = _manifest(answers, answer)
        if found:
            yield found
    message = "only the indexes that workloads run are asked for, and only for a rule that reads them"
    yield answers.gap(MANIFEST, answers.name(BATCH_GET_IMAGE), NOT_COLLECTED, message)


def _manifest(answers: Answers, answer: Answer) -> Resource | None:
    target, repository = answers.target, answer.parameters["repositoryName"]
    digest = answer.parameters["imageIds"][0]["imageDigest"]
    failure = next(iter(structures(items(answer, "failures"))), None)
    if failure and failure.get("failureCode") == _NOT_FOUND:
        return None
    name = f"{repository}/{digest}"
    return answers.resource(
        MANIFEST,
        f"arn:{target.partition}:ecr:{target.region}:{target.account}:repository/{name}",
        name,
        {"RepositoryName": repository, "ImageDigest": digest, **_content(answers, answer, failure)},
        asks=(BATCH_GET_IMAGE,),
        at=answer.at,
    )


def _content(answers: Answers, answer: Answer, failure: Mapping[str, Any] | None) -> dict[str, Any]:
    operation = answers.name(BATCH_GET_IMAGE)
    image = next(iter(structures(items(answer, "images"))), None)
    if answer.error:
        unread = f"{operation}: {answer.error.code}: {answer.error.message}"
    elif failure or image is None:
        unread = f"{operation}: {(failure or {}).get('failureCode')}: {(failure or {}).get('failureReason')}"
    else:
        try:
            index = json.loads(image["imageManifest"])
            return {
                "MediaType": image.get("imageManifestMediaType") or index["mediaType"],
                "Manifests": [_child(child) for child in index["manifests"]],
            }
        except (KeyError, TypeError, ValueError, AttributeError):
            unread = f"{operation}: the manifest is not one of an image index"
    return {"MediaType": Unknown(unread), "Manifests": Unknown(unread)}


def _child(child: Mapping[str, Any]) -> dict[str, Any]:
    platform = child.get("platform")
    properties = {
        "Digest": child["digest"],
        "MediaType": child.get("mediaType"),
        "ArtifactType": child.get("artifactType"),
        "Platform": {key[:1].upper() + key[1:]: value for key, value in platform.items()} if platform else None,
        "ReferenceType": (child.get("annotations") or {}).get(_REFERENCE),
    }
    return {key: value for key, value in properties.items() if value is not None}
