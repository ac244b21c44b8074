"""Keeps a snapshot in a bucket while it is written to a folder here, stage by stage, the manifest last.

Two runs cannot both win, and neither can spoil what the other wrote.  A run first claims the place, with an object that
it alone could write; a run that resumes takes the claim over.  Each object is then written on condition that nobody
else has written it since it was last seen, and before the manifest everything is looked at once more.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from scanner.collectors.objects import ABSENT, Bucket, TakenError
from scanner.errors import RegionproofError, StorageError, UsageError
from scanner.parts import CALLS, IMAGES, TARGET, pretty, sha256
from scanner.snapshot import MANIFEST, Snapshot

CATALOGUE = "tables/images/symlink.txt"
"""Names the image shards of a snapshot, one a line, as Athena wants it of a table; docs/query.md has the table."""

_CLAIM = f".{MANIFEST}.partial"
_PARTS = "|".join(map(re.escape, (*CALLS.values(), IMAGES, TARGET)))
_PART = re.compile(rf"targets/[0-9]{{12}}/[a-z0-9-]+/({_PARTS})")
_GO_ON = "What is there stays: collect --resume goes on from it."


class Mirror:
    """The place of one snapshot: the objects of a bucket whose keys begin with `prefix`, which ends in `/` or is empty.

    `keep` may be called by any thread.
    """

    def __init__(self, folder: Path, bucket: Bucket, prefix: str) -> None:
        self._folder, self._bucket, self._prefix = folder, bucket, prefix
        self._url = f"s3://{bucket.name}/{prefix}"
        self._tags: dict[str, str] = {}
        """What was last seen or written of each object, by its name below the prefix."""
        self._hashes: dict[str, str] = {}

    def begin(self, *, resume: bool) -> None:
        """Claim the place, and with `resume` get what an earlier run has left there.

        Raises `UsageError` for what is no place for a snapshot, as it is raised for a folder.
        """
        there = self._list()
        _refuse(self._url, set(there), resume)
        claim = pretty({"run": uuid.uuid4().hex, "writes": "a snapshot of regionproof"}).encode()
        self._tags = {_CLAIM: there.get(_CLAIM, ABSENT)}
        self._put(_CLAIM, claim)
        if resume:
            self._tags = {**self._list(), _CLAIM: self._tags[_CLAIM]}  # somebody may have taken it over already
            parts = [name for name in self._tags if _PART.fullmatch(name)]
            self._bucket.download_all(self._prefix, parts, self._folder)
            self._hashes = {name: sha256(self._folder / name) for name in parts}

    def keep(self, part: Path) -> None:
        """Write a file of the folder to the bucket; raise `StorageError` and others, and `OSError`."""
        name = part.relative_to(self._folder).as_posix()
        try:
            if name == MANIFEST:
                self._finish()
            self._keep(name, part)
        except RegionproofError as error:
            error.hint = f"{error.hint} {_GO_ON}".strip()
            raise

    def _finish(self) -> None:
        """Make sure that what the manifest names is what stands there, and nothing else does."""
        parts = Snapshot.listed(self._folder).parts()
        named = [part.relative_to(self._folder).as_posix() for part in parts]
        for name, (part, expected) in zip(named, parts.items(), strict=True):
            if self._hashes.get(name) != expected:  # another process has written it to the folder
                self._keep(name, part)
        shards = [f"{self._url}{name}\n" for name in named if name.endswith(IMAGES)]
        self._put(CATALOGUE, "".join(shards).encode())
        there = self._list()
        for name in [_CLAIM, CATALOGUE, *named]:
            if there.get(name) != self._tags[name]:
                raise StorageError(f"{self._url}{name}: another run writes this snapshot", "Let it finish, or stop it.")
        for name in sorted(there.keys() - {_CLAIM, CATALOGUE, *named}):
            self._bucket.delete(self._prefix + name)  # of a try before, which does not count

    def _keep(self, name: str, part: Path) -> None:
        self._put(name, part)
        self._hashes[name] = sha256(part)

    def _put(self, name: str, content: Path | bytes) -> None:
        try:
            tag = self._tags.get(name, ABSENT)
            self._tags[name] = self._bucket.put(self._prefix + name, content, tag)
        except TakenError:
            raise StorageError(
                f"{self._url}{name}: another run writes this snapshot", "Let it finish, or stop it."
            ) from None

    def _list(self) -> dict[str, str]:
        found = self._bucket.tags(self._prefix)
        return {key.removeprefix(self._prefix): tag for key, tag in found.items()}


def _refuse(url: str, names: set[str], resume: bool) -> None:
    if MANIFEST in names:
        raise UsageError(f"{url} is a finished snapshot, which is never overwritten", "Choose another prefix.")
    if any(name not in (_CLAIM, CATALOGUE) and not _PART.fullmatch(name) for name in names):
        raise UsageError(f"{url} is not empty and not a snapshot", "Choose an empty or a new prefix.")
    if names and not resume:
        raise UsageError(f"{url} is an unfinished snapshot", "Finish it with --resume, or choose another prefix.")
