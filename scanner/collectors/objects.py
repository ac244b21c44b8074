"""Objects in a bucket: the one place that snapshots and reports at s3:// are read and written by.

Every object is written whole or not at all, with its SHA-256, which S3 checks; one that must not be there yet, or must
be the one that was seen, is written on that condition.  Region, credentials and endpoint are the SDK's affair: the
endpoint of the estate that is scanned is none for what is stored.
"""

from __future__ import annotations

import base64
import hashlib
import io
import mimetypes
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions, explained
from scanner.errors import CredentialsError, RegionproofError, StorageError, UsageError
from scanner.redaction import scrub

ABSENT = ""
"""The tag of an object that must not be there."""

_ATTEMPTS = 8
_TRIES, _SIDE_BY_SIDE = 3, 16
_BLOCK = 1 << 20
_LARGE, _PIECE = 64 << 20, 16 << 20
_HOME = "us-east-1"  # S3 tells from there where a bucket is
_METADATA = "regionproof-sha256"
_NETWORK = "Check the network and the proxy; AWS_ENDPOINT_URL_S3 names another endpoint."
_ACCESS = "docs/storage.md has the policy; a missing object looks like this, too, where s3:ListBucket is not allowed."
_OTHER_REGION = frozenset(
    {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_NOT_ACCEPTED = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})
_TURNED_AWAY = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"})


class NotThereError(StorageError):
    """There is no such object."""


class TakenError(StorageError):
    """Somebody else has written the object meanwhile."""


class Bucket:
    """A bucket.  `tag` is what S3 calls an ETag: it changes whenever an object is written."""

    def __init__(self, name: str, *, profile: str | None = None, kms_key: str | None = None) -> None:
        """Raise `CredentialsError` if there is no such profile; `kms_key` encrypts, not the bucket's default key."""
        sessions = Sessions(profile=profile, limits=Limits(max_attempts=_ATTEMPTS))
        self.name = name
        self._client = sessions.client("s3", sessions.region or _HOME)
        self._key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}

    def tags(self, prefix: str) -> dict[str, str]:
        """Return the tags of all objects whose key begins with `prefix`; folders that a console made are left out."""
        with self._told("listing", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            found = [item for page in pages for item in page.get("Contents", ())]
        return {item["Key"]: item["ETag"] for item in found if not (item["Key"].endswith("/") and not item["Size"])}

    def download(self, key: str, path: Path) -> None:
        """Write an object to a new file; raise `NotThereError` if there is none."""
        from botocore.exceptions import BotoCoreError

        path.parent.mkdir(parents=True, exist_ok=True)
        with self._told("reading", key):
            for left in reversed(range(_TRIES)):
                body = self._call("get_object", key)["Body"]
                try:
                    with body, path.open("wb") as file:
                        for block in body.iter_chunks(_BLOCK):
                            file.write(block)
                except BotoCoreError:  # cut short: the SDK does not try again once the body has begun
                    if not left:
                        raise
                else:
                    return

    def download_all(self, prefix: str, names: Iterable[str], folder: Path) -> None:
        """Write the objects of these names below a prefix to files of the same names in a folder, many at a time."""
        pool = ThreadPoolExecutor(_SIDE_BY_SIDE, "download")
        try:
            for got in [pool.submit(self.download, prefix + name, folder / name) for name in names]:
                got.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def put(self, key: str, content: Path | bytes, tag: str | None = None) -> str:
        """Write an object, and return its tag.

        With a tag, only if it is that of what stands there (`ABSENT`: nothing does); else raise `TakenError`.  A
        request whose answer was lost is sent again, and then meets what it has written itself: that is no conflict.
        """
        condition = {} if tag is None else {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as body:
            sha256 = hashlib.file_digest(body, "sha256")
            put = self._put_in_pieces if body.tell() > _LARGE else self._put_whole
            body.seek(0)
            try:
                with self._told("writing", key):
                    return put(key, body, {**self._key, **_kind(key)}, condition, sha256)
            except TakenError:
                if found := self._ours(key, sha256.hexdigest()):
                    return found
                raise

    def delete(self, key: str) -> None:
        """Remove an object."""
        with self._told("removing", key):
            self._call("delete_object", key)

    def _put_whole(
        self, key: str, body: IO[bytes], given: dict[str, Any], condition: dict[str, str], sha256: Any
    ) -> str:
        named = {"Metadata": {_METADATA: sha256.hexdigest()}, "ChecksumSHA256": _base64(sha256)}
        answer = self._call("put_object", key, Body=body, **named, **given, **condition)
        return str(answer["ETag"])

    def _put_in_pieces(
        self, key: str, body: IO[bytes], given: dict[str, Any], condition: dict[str, str], sha256: Any
    ) -> str:
        """Write a large object; nothing of it is left if that fails, unless S3 cannot be reached any more."""
        named = {"Metadata": {_METADATA: sha256.hexdigest()}, "ChecksumAlgorithm": "SHA256"}
        upload = {"UploadId": self._call("create_multipart_upload", key, **named, **given)["UploadId"]}
        pieces: list[dict[str, Any]] = []
        try:
            while piece := body.read(_PIECE):
                one = {"PartNumber": len(pieces) + 1, "ChecksumSHA256": _base64(hashlib.sha256(piece))}
                pieces.append({**one, "ETag": self._call("upload_part", key, Body=piece, **one, **upload)["ETag"]})
            all_of_them = {"MultipartUpload": {"Parts": pieces}, **upload, **condition}
            return str(self._call("complete_multipart_upload", key, **all_of_them)["ETag"])
        except BaseException:
            with suppress(Exception):
                self._call("abort_multipart_upload", key, **upload)
            raise

    def _ours(self, key: str, sha256: str) -> str | None:
        """Return the tag of an object if it is what we meant to write."""
        with self._told("reading", key):
            found = self._call("head_object", key)
        return str(found["ETag"]) if found.get("Metadata", {}).get(_METADATA) == sha256 else None

    def _call(self, operation: str, key: str, **given: Any) -> Any:
        return getattr(self._client, operation)(Bucket=self.name, Key=key, **given)

    @contextmanager
    def _told(self, doing: str, key: str) -> Iterator[None]:
        """Turn what the SDK raises into what, where, and what to do next."""
        from botocore.exceptions import ClientError

        where = f"s3://{self.name}/{key}"
        with explained(f"{doing} {where}", _NETWORK):
            try:
                yield
            except ClientError as error:
                raise _error(doing, where, self.name, error.response) from None


def _error(doing: str, where: str, bucket: str, response: dict[str, Any]) -> RegionproofError:
    code, metadata = str(response["Error"].get("Code")), response.get("ResponseMetadata", {})
    said = scrub(f"{code}: {response['Error'].get('Message')}")
    status = metadata.get("HTTPStatusCode", 400)
    if code == "NoSuchBucket":
        return UsageError(f"{where}: there is no bucket '{bucket}'", "Check the name, and whose credentials are used.")
    if code in ("NoSuchKey", "404"):
        return NotThereError(f"{where}: there is no such object", "Check the name.")
    if status in (409, 412) or code == "NoSuchUpload":
        return TakenError(f"{where}: written by somebody else meanwhile", "Let one run at a time write there.")
    if code in _OTHER_REGION:
        region = metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region", "another Region")
        return UsageError(f"{where}: the bucket is in {region}: {said}", "Name its Region: AWS_DEFAULT_REGION.")
    if code in _NOT_ACCEPTED:
        return CredentialsError(f"{where}: S3 does not accept these credentials: {said}", "Sign in again.")
    if code == "RequestTimeTooSkewed":
        return StorageError(f"{doing} {where}: {said}", "The clock of this machine is wrong: set it.")
    if code in _TURNED_AWAY or status == 503:
        return StorageError(f"{doing} {where}: S3 had too many requests, {_ATTEMPTS} times: {said}", "Try again later.")
    if status == 403:
        return StorageError(f"{doing} {where}: {said}", _ACCESS)
    return StorageError(f"{doing} {where}: {said}", "Try again later." if status >= 500 else "")


def _base64(sha256: Any) -> str:
    return base64.b64encode(sha256.digest()).decode()


def _kind(key: str) -> dict[str, str]:
    """Return the content type, so that a browser shows a page."""
    kind, encoding = mimetypes.guess_type(key)
    return {"ContentType": kind} if kind and not encoding else {}
