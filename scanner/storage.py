"""What stands at s3://: copies of it for as long as a command runs, and what the command writes there.

Everything else works with files.  They stand in a private folder that goes when the command ends, however it ends.
The SDK is loaded when somebody names the first s3:// and never before.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.errors import RegionproofError, SnapshotError, UsageError
from scanner.finding import Input, Report

if TYPE_CHECKING:
    from scanner.collectors.mirror import Mirror
    from scanner.collectors.objects import Bucket

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_HINT = "It is s3://BUCKET/PREFIX; an access point is named by its alias."


def is_remote(text: str) -> bool:
    """Tell whether a path of the command line is one of S3."""
    return text.startswith(SCHEME)


class Storage:
    """The s3:// paths of one command, as files.  What is no s3:// path is the path that it is.

    `profile` names the credentials, None those of the environment; `kms_key` tells what objects are encrypted with,
    None for whatever their bucket says.  Every method raises `UsageError`, `StorageError` or `CredentialsError`.
    """

    def __init__(self, *, profile: str | None = None, kms_key: Callable[[], str | None] = lambda: None) -> None:
        self._profile, self._kms_key = profile, kms_key
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._buckets: dict[str, Bucket] = {}
        self._copies: set[Path] = set()
        self._packs: list[Path] = []

    def __enter__(self) -> Storage:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._folder is None:
            return
        if isinstance(error, RegionproofError):
            error.args, error.hint = (self.shown(str(error)),), self.shown(error.hint)
        self._folder.cleanup()

    def snapshot(self, text: str, only: Container[str] | None = None) -> Path:
        """Return where the snapshot is, or `only` the parts of some names; raise `SnapshotError` for an unfinished one.

        Whether they are what the manifest says, `Snapshot.open` finds out.
        """
        if not is_remote(text):
            return Path(text)
        bucket, key = self._parsed(text)
        path = self._at("from", bucket.name, key)
        if path not in self._copies:
            self._get_snapshot(bucket, key, path, only)
            self._copies.add(path)
        return path

    def file(self, text: str) -> Path:
        """Return where a file is."""
        if not is_remote(text):
            return Path(text)
        bucket, key = self._named(text)
        path = self._at("from", bucket.name, key)
        if path not in self._copies:
            bucket.download(key, path)
            self._copies.add(path)
        return path

    def folder(self, text: str) -> Path:
        """Return where a folder is, with all that is in it."""
        if not is_remote(text):
            return Path(text)
        bucket, key = self._parsed(text)
        path, prefix = self._at("from", bucket.name, key), _below(key)
        names = [each.removeprefix(prefix) for each in bucket.tags(prefix)]
        if not names:
            raise UsageError(f"{text}: there is nothing", "Check the name.")
        for name in names:
            _must_be_path(text, name)
        bucket.download_all(prefix, names, path)
        return path

    def outgoing(self, text: str) -> Path:
        """Return where to write what `send` takes there."""
        if not is_remote(text):
            return Path(text)
        bucket, key = self._named(text)
        return self._at("to", bucket.name, key)

    def outgoing_pack(self, text: str) -> Path:
        """Return where to write a folder that must not be there yet; its manifest is sent last."""
        path = self.outgoing(text)
        if is_remote(text):
            bucket, key = self._parsed(text)
            if bucket.tags(_below(key)):
                raise UsageError(
                    f"{text} is not empty, and a pack is never mixed with anything", "Choose a new prefix."
                )
            self._packs.append(path)
        return path

    def send(self) -> None:
        """Write to S3 what stands in the places that were asked for, and was not sent yet."""
        if self._folder is None:
            return
        root = Path(self._folder.name) / "to"
        for path in sorted(root.rglob("*"), key=lambda each: (each.name == "manifest.json", each)):
            if path.is_file():
                name, _, key = path.relative_to(root).as_posix().partition("/")
                is_new = any(path.is_relative_to(pack) for pack in self._packs)
                self._bucket(name).put(key, path, "" if is_new else None)
                path.unlink()

    def mirrored(self, text: str) -> tuple[Path, Mirror | None]:
        """Return where to write a snapshot, and what keeps it at S3."""
        if not is_remote(text):
            return Path(text), None
        from scanner.collectors.mirror import Mirror

        bucket, key = self._parsed(text)
        path = self._at("from", bucket.name, key)
        return path, Mirror(path, bucket, _below(key))

    def shown(self, text: str) -> str:
        """Return text in which our folder is called what it stands for."""
        if self._folder is None:
            return text
        for part in ("from", "to"):
            text = text.replace(f"{self._folder.name}/{part}/", SCHEME)
        return text

    def inputs(self, inputs: Iterable[Input]) -> tuple[Input, ...]:
        """Return what was read under the names of the command line."""
        return tuple(replace(each, path=self.shown(each.path)) for each in inputs)

    def named(self, report: Report) -> Report:
        """Return a report that names what was read as the command line does."""
        baseline = report.baseline and replace(report.baseline, path=self.shown(report.baseline.path))
        return replace(report, inputs=self.inputs(report.inputs), baseline=baseline)

    def _get_snapshot(self, bucket: Bucket, key: str, path: Path, only: Container[str] | None) -> None:
        from scanner.collectors.objects import NotThereError
        from scanner.snapshot import MANIFEST, Snapshot

        prefix = _below(key)
        try:
            bucket.download(prefix + MANIFEST, path / MANIFEST)
        except NotThereError:
            where = f"{SCHEME}{bucket.name}/{key}"
            if bucket.tags(f"{prefix}targets/"):
                hint = f"'regionproof collect -o {where} --resume' finishes it."
                raise SnapshotError(f"the snapshot {where} is unfinished", hint) from None
            hint = "Check the name, or collect one: regionproof collect -o s3://BUCKET/PREFIX."
            raise UsageError(f"there is no snapshot at {where}", hint) from None
        names = [part.relative_to(path).as_posix() for part in Snapshot.listed(path).parts(only)]
        bucket.download_all(prefix, names, path)

    def _named(self, text: str) -> tuple[Bucket, str]:
        bucket, key = self._parsed(text)
        if not key:
            raise UsageError(f"{text}: no name in the bucket", _HINT)
        return bucket, key

    def _parsed(self, text: str) -> tuple[Bucket, str]:
        name, _, key = text.removeprefix(SCHEME).partition("/")
        if not _BUCKET.fullmatch(name):
            raise UsageError(f"{text}: '{name}' is not the name of a bucket", _HINT)
        if key := key.removesuffix("/"):
            _must_be_path(text, key)
        return self._bucket(name), key

    def _bucket(self, name: str) -> Bucket:
        if name not in self._buckets:
            from scanner.collectors.objects import Bucket

            self._buckets[name] = Bucket(name, profile=self._profile, kms_key=self._kms_key())
        return self._buckets[name]

    def _at(self, *names: str) -> Path:
        if self._folder is None:
            parent = Path(tempfile.gettempdir()).resolve()
            self._folder = tempfile.TemporaryDirectory(prefix="regionproof-", dir=parent)  # nobody else can look in
        return Path(self._folder.name).joinpath(*names)


def _below(key: str) -> str:
    return f"{key}/" if key else ""


def _must_be_path(text: str, key: str) -> None:
    if any(part in ("", ".", "..") for part in key.split("/")) or not key.isprintable():
        raise UsageError(f"{text}: '{key}' is no name that a file can have, too", _HINT)
