"""The pages of ecr:DescribeImages: the one answer of which an account may have a hundred thousand items.

A page is read into typed structures in one go.  One that does not fit, or that may hold a secret, is read again item
by item: what can be read of it stays, and the reason why the rest cannot is kept.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from scanner.collectors.ask import Rows
from scanner.redaction import scrub, suspicious

IMAGE = "AWS::ECR::Image"
"""What the rows of the image index are; no template declares one."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PREFIX, _LENGTH = "sha256:", 71
_LAST_SECOND = 253402300799
"""Of the year 9999, the last that Python's times have."""
_Digest = Annotated[str, msgspec.Meta(min_length=_LENGTH, max_length=_LENGTH)]
_Time = Annotated[float, msgspec.Meta(ge=0, le=_LAST_SECOND)]


class Row(msgspec.Struct, omit_defaults=True, gc=False):
    """An image of a repository, with AWS's names; times are seconds since 1970, as AWS has them.

    No row refers to itself, so the garbage collector need not walk through a thousand of them a page (`gc=False`).
    """

    imageDigest: _Digest
    imageTags: list[str] | None = None
    imagePushedAt: _Time | None = None
    imageSizeInBytes: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    imageStatus: str | None = None
    imageManifestMediaType: str | None = None
    artifactMediaType: str | None = None
    subjectManifestDigest: _Digest | None = None
    lastRecordedPullTime: _Time | None = None
    lastArchivedAt: _Time | None = None
    lastActivatedAt: _Time | None = None
    repositoryName: str = ""


class _Page(msgspec.Struct, gc=False):
    imageDetails: list[Row]
    nextToken: str | None = None


_decode = msgspec.json.Decoder(_Page).decode


def rows(body: bytes, parameters: Mapping[str, Any]) -> Rows:
    """Return the images that one page of a repository's list describes."""
    repository = parameters["repositoryName"]
    try:
        page = _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _carefully(body, repository)
    words = _words(page.imageDetails)
    if not (_digests(page.imageDetails) and _harmless(page.imageDetails, words)):
        return _carefully(body, repository)
    for row in page.imageDetails:
        row.repositoryName = repository
        if row.imageTags:
            row.imageTags.sort()
    return Rows(page.imageDetails, words, page.nextToken or None)


def _digests(images: Sequence[Row]) -> bool:
    """Tell whether every digest of a page, all of which have the length of one, is one.

    All are looked at in one go, since one by one takes many times as long: if each begins with the prefix, and nothing
    else of them is no hexadecimal digit, then all are digests.
    """
    digests = [image.imageDigest for image in images]
    digests += [image.subjectManifestDigest for image in images if image.subjectManifestDigest is not None]
    together, count = "".join(digests), len(digests)
    if any(together[at::_LENGTH] != letter * count for at, letter in enumerate(_PREFIX)):
        return False
    return together.encode().translate(None, b"0123456789abcdef") == b"sh:" * count


def digests_of(together: bytes) -> tuple[bytes, ...]:
    """Return the digests of a text that is nothing but digests."""
    return struct.unpack(f"{_LENGTH}s" * (len(together) // _LENGTH), together)


def beginnings_of(together: bytes) -> tuple[bytes, ...]:
    """Return the first 60 bits of each of them, as hexadecimal digits."""
    begin = f"{len(_PREFIX)}x15s{_LENGTH - len(_PREFIX) - 15}x"
    return struct.unpack(begin * (len(together) // _LENGTH), together)


def _words(images: Sequence[Row]) -> frozenset[str]:
    """Return the statuses and media types of images."""
    words = {image.imageStatus for image in images}
    words |= {image.imageManifestMediaType for image in images}
    words |= {image.artifactMediaType for image in images}
    return frozenset(word for word in words if word is not None)


def _harmless(images: Sequence[Row], words: frozenset[str]) -> bool:
    """Tell whether no text of a page needs to be scrubbed or refused.

    Tags are looked at apart from the few words of the rest: most are all in small letters, which is soon seen.
    """
    tags = [tag for image in images for tag in image.imageTags or ()]
    together = ("\n".join(tags), "\n".join(words))
    return not any("\0" in text or suspicious(text) for text in together)


def _carefully(body: bytes, repository: str) -> Rows:
    try:
        page = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Rows(error=f"the body is not JSON: {type(error).__name__}")
    if not isinstance(page, dict):
        return Rows(error="the body is not a JSON object")
    details, token = page.get("imageDetails"), page.get("nextToken")
    if not isinstance(details, list):
        return Rows(
            error="'imageDetails' is not a list" if "imageDetails" in page else "the answer has no 'imageDetails'"
        )
    if not isinstance(token, (str, type(None))):
        return Rows(error="'nextToken' is not a string")
    found, problem = [], None
    for detail in details:
        try:
            found.append(_row(detail, repository))
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            problem = problem or f"an image could not be read: {error}"
    return Rows(found, _words(found), token or None, problem)


def _row(detail: Any, repository: str) -> Row:
    size = detail.get("imageSizeInBytes")
    if size is not None and not (type(size) is int and 0 <= size < 2**63):
        raise ValueError(f"{size!r} is not a size in bytes")
    return Row(
        imageDigest=_digest(detail.get("imageDigest")),
        imageTags=_tags(detail.get("imageTags")),
        imagePushedAt=_time(detail.get("imagePushedAt")),
        imageSizeInBytes=size,
        imageStatus=_text(detail.get("imageStatus")),
        imageManifestMediaType=_text(detail.get("imageManifestMediaType")),
        artifactMediaType=_text(detail.get("artifactMediaType")),
        subjectManifestDigest=_digest(detail["subjectManifestDigest"]) if detail.get("subjectManifestDigest") else None,
        lastRecordedPullTime=_time(detail.get("lastRecordedPullTime")),
        lastArchivedAt=_time(detail.get("lastArchivedAt")),
        lastActivatedAt=_time(detail.get("lastActivatedAt")),
        repositoryName=repository,
    )


def _tags(value: Any) -> list[str]:
    if value is not None and not isinstance(value, list):
        raise TypeError("its tags are no list")
    return sorted(_text(tag) or "" for tag in value or ())


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{scrub(str(value))[:100]!r} is not a sha256 digest")
    return value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    value.encode()  # a lone surrogate is no text
    if "\0" in value:
        raise ValueError(f"{value!r} is no text")
    return scrub(value)


def _time(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a time")
    if not 0 <= value <= _LAST_SECOND:
        raise ValueError(f"{value!r} is not a time")
    return float(value)
