"""What a change touches, as git tells it: lines of files, and how the code was before."""

from __future__ import annotations

import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from scanner.errors import UsageError
from scanner.resource import Location

_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
SAFE = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-optional-locks")
"""So that reading a repository runs no program that its configuration names."""
_WHOLE = (1, 2**31)


@dataclass(frozen=True)
class Changes:
    """What differs from a revision: for each file, by the path that reports name, the lines (first, last)."""

    revision: str
    lines: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def touches(self, location: Location) -> bool:
        """Tell whether a line of a location, or of a module call on the way to it, was changed."""
        if any(self.touches(call) for call in location.through):
            return True
        first, last = location.line, max(location.end_line or location.line, location.line)
        ranges = self.lines.get(location.path, ())
        return any(begin <= last and first <= end for begin, end in ranges)


def since(revision: str, folder: Path, prefix: str) -> Changes:
    """Return what the files under a folder, saved or not yet committed, differ in from a revision.

    `prefix` is how reports name the folder, with a `/` at its end.  Raises `UsageError` if git is not there, the folder
    is no part of a repository, or there is no such revision.
    """
    commit = _commit(revision, folder)
    plain = ("--relative", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
    diff = _git(folder, "diff", *plain, "-M", "-U0", commit, "--", ".")
    lines = {prefix + path: ranges for path, ranges in _lines(diff)}
    new = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", ".").split(b"\0")
    return Changes(revision, lines | {prefix + _text(name): [_WHOLE] for name in new if name})


@contextmanager
def before(revision: str, folder: Path) -> Iterator[Path]:
    """Give a copy of the files under a folder as they were at a revision; raise as `since` does."""
    commit = _commit(revision, folder)
    with tempfile.TemporaryDirectory(prefix="regionproof-") as temporary:
        if _git(folder, "ls-tree", commit, "--", ".").strip():
            archive = _git(folder, "archive", "--format=tar", commit, "--", ".")
            with tarfile.open(fileobj=BytesIO(archive)) as tar:
                files = [member for member in tar.getmembers() if member.isfile() or member.isdir()]
                tar.extractall(temporary, members=files, filter="data")
        yield Path(temporary)


def _commit(revision: str, folder: Path) -> str:
    if revision.startswith("-"):
        raise UsageError(f"--changed-since: '{revision}' is no revision", "Give a branch, a tag or a commit.")
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False)
    if not found.strip():
        hint = "Give a branch, a tag or a commit; in CI, fetch it first (actions/checkout with fetch-depth: 0)."
        raise UsageError(f"--changed-since: git knows no revision '{revision}' in {folder.resolve()}", hint)
    return _text(found.strip())


def _lines(diff: bytes) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Yield each file of a diff without context, and the lines that are new in it, or that stand around a deletion."""
    path: str | None = None
    ranges: list[tuple[int, int]] = []
    for line in diff.split(b"\n"):
        if line.startswith(b"+++ "):
            if path is not None:
                yield path, ranges
            name = line[4:].rstrip(b"\r\t")
            path, ranges = (None if name == b"/dev/null" else _text(_unquoted(name)[2:])), []
        elif path is not None and (hunk := _HUNK.match(line)):
            at, count = int(hunk[1]), int(hunk[2] or b"1")
            ranges.append((at, at + count - 1) if count else (at, at + 1))
    if path is not None:
        yield path, ranges


def _unquoted(name: bytes) -> bytes:
    """Return a name that git wrote in quotes, for it has a quote, a backslash or a control character in it."""
    if not name.startswith(b'"'):
        return name
    return re.sub(rb"\\([0-7]{3}|.)", lambda found: _escaped(found[1]), name[1:-1])


def _escaped(code: bytes) -> bytes:
    letters = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
    return bytes([int(code, 8)]) if len(code) == 3 else letters.get(code, code)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _git(folder: Path, *arguments: str, check: bool = True) -> bytes:
    try:
        done = subprocess.run(["git", *SAFE, "-C", str(folder), *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise UsageError(f"--changed-since: git cannot be run: {error.strerror}", "Install git.") from error
    if check and done.returncode:
        problem = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(
            f"--changed-since: {problem[-1] if problem else 'git failed'}", "Scan a folder of a git repository."
        )
    return done.stdout
