"""The manifest of an evidence pack: the SHA-256 of every file, each chained to the one before; and whether it holds.

It shows what was changed, removed or added since.  Who can write the folder can also write a new manifest: the seal,
kept or signed somewhere else, is what tells a genuine pack from another.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from scanner.errors import UsageError

MANIFEST = "manifest.json"
KIND = "regionproof evidence pack"
VERSION = "1.0.0"
_LARGEST = 256 * 1024 * 1024
_BLOCK = 1024 * 1024


class Entry(msgspec.Struct, frozen=True):
    """One file of a pack: its path in POSIX form, its size, its hash, and its link to all entries before it."""

    path: str
    bytes: int
    sha256: str
    chain: str


class Manifest(msgspec.Struct, frozen=True):
    """What `manifest.json` holds.  `seal` is the hash of all the rest."""

    kind: str
    schema_version: str
    tool_version: str
    scan_id: str
    as_of: str
    files: tuple[Entry, ...]
    seal: str


@dataclass(frozen=True)
class Verdict:
    """What a look at a pack found: the seal it carries, how many files it names, and what is wrong with it."""

    seal: str
    files: int
    problems: tuple[str, ...]


def seal(folder: Path, *, tool_version: str, scan_id: str, as_of: str) -> Manifest:
    """Write the manifest over all files of a folder, and return it."""
    entries, link = [], scan_id
    for path in sorted(_files(folder)):
        size, digest = _hash(folder / path)
        link = _chained(link, path, size, digest)
        entries.append(Entry(path, size, digest, link))
    facts = {"kind": KIND, "schema_version": VERSION, "tool_version": tool_version, "scan_id": scan_id, "as_of": as_of}
    manifest = Manifest(**facts, files=tuple(entries), seal=_seal(facts, entries))
    (folder / MANIFEST).write_text(_text(manifest), encoding="utf-8", newline="\n")
    return manifest


def verify(folder: Path) -> Verdict:
    """Compare a pack with its manifest; raise `UsageError` for what is no pack.

    Nothing outside the folder is opened, whatever the manifest says, and no link is followed.
    """
    data = _manifest_bytes(folder)
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{folder / MANIFEST}: no manifest of an evidence pack: {error}", _HINT) from None
    if manifest.kind != KIND:
        raise UsageError(f"{folder / MANIFEST}: no manifest of an evidence pack", _HINT)
    if not manifest.schema_version.startswith("1."):
        raise UsageError(
            f"{folder}: a pack of version {manifest.schema_version[:20]}; this regionproof reads 1.x",
            "Use a newer regionproof.",
        )
    problems = [*_of_manifest(manifest, data), *_of_files(folder, manifest)]
    return Verdict(manifest.seal, len(manifest.files), tuple(problems))


_HINT = "`regionproof scan --evidence DIR` writes a pack."


def _manifest_bytes(folder: Path) -> bytes:
    path = folder / MANIFEST
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise UsageError(f"{path}: no regular file, or too large for a manifest", _HINT)
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{folder}: no evidence pack: {MANIFEST}: {error.strerror or error}", _HINT) from None


def _of_manifest(manifest: Manifest, data: bytes) -> Iterator[str]:
    """Yield what is wrong with a manifest in itself."""
    if data != _text(manifest).encode("utf-8", "surrogatepass"):
        yield f"{MANIFEST}: not as it was written"
    link, seen = manifest.scan_id, set()
    for entry in manifest.files:
        link = _chained(link, entry.path, entry.bytes, entry.sha256)
        if entry.path in seen:
            yield f"{entry.path}: listed twice"
        seen.add(entry.path)
        if entry.chain != link:
            yield f"{entry.path}: its link does not follow from the files before it"
            link = entry.chain  # so that one wrong link is told once
    facts = {name: getattr(manifest, name) for name in ("kind", "schema_version", "tool_version", "scan_id", "as_of")}
    if manifest.seal != _seal(facts, manifest.files):
        yield f"{MANIFEST}: the seal does not fit what it says"


def _of_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    listed = {entry.path: entry for entry in manifest.files}
    there: set[str] = set()
    for path in sorted(_entries(folder)):
        there.add(path)
        mode = (folder / path).lstat().st_mode
        if stat.S_ISLNK(mode):
            yield f"{path}: a link, which a pack never holds"
        elif not stat.S_ISREG(mode):
            if not stat.S_ISDIR(mode) or not any(name.startswith(f"{path}/") for name in listed):
                yield f"{path}: not in the manifest"
        elif path not in listed:
            if path != MANIFEST:
                yield f"{path}: not in the manifest"
        else:
            yield from _of_file(folder, listed[path])
    for path in sorted(listed.keys() - there):
        yield f"{path}: {'missing' if _is_inside(path) else 'leads out of the pack, or is no path of a file in it'}"


def _of_file(folder: Path, entry: Entry) -> Iterator[str]:
    try:
        size, digest = _hash(folder / entry.path)
    except OSError as error:
        yield f"{entry.path}: cannot be read: {error.strerror or error}"
        return
    if size != entry.bytes:
        yield f"{entry.path}: has {size:,} bytes, the manifest says {entry.bytes:,}"
    elif digest != entry.sha256:
        yield f"{entry.path}: its SHA-256 is {digest}, the manifest says {entry.sha256}"


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and not set(path) & {"\\", "\0", ":"}


def _files(folder: Path) -> Iterator[str]:
    return (path for path in _entries(folder) if (folder / path).is_file())


def _entries(folder: Path) -> Iterator[str]:
    """Yield everything below a folder by its path in POSIX form; links are not followed."""
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            yield (Path(root) / name).relative_to(folder).as_posix()


def _hash(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _chained(link: str, path: str, size: int, digest: str) -> str:
    return _sha256(json.dumps([link, path, size, digest]))


def _seal(facts: Mapping[str, str], entries: Any) -> str:
    return _sha256(json.dumps([facts, [[one.path, one.bytes, one.sha256, one.chain] for one in entries]]))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _text(manifest: Manifest) -> str:
    """Return the one text of a manifest: a file a line."""
    facts = msgspec.to_builtins(manifest)
    files = ",\n".join(f"  {json.dumps(entry)}" for entry in facts.pop("files"))
    last = facts.pop("seal")
    head = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in facts.items())
    return f'{{\n{head}"files": [\n{files}\n],\n"seal": {json.dumps(last)}\n}}\n'
