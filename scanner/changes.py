"""What a change touches, as git tells it: lines of files, and how the code was before."""

from __future__ import annotations

import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

from scanner.config import NAMES, Config, parse
from scanner.errors import ConfigError, UsageError
from scanner.resource import Location

_HUNK = re.compile(rb"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
SAFE = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-optional-locks")
"""So that reading a repository runs no program that its configuration names."""
_WHOLE = (1, 2**31)
MOST_TEXTS = 2_000
"""Of a larger change nobody looks at the words."""


@dataclass(frozen=True)
class Changes:
    """What differs from a revision: for each file, by the path that reports name, the lines (first, last).

    `texts` are the lines that are new in a file that was there, by their numbers, up to `MOST_TEXTS` of them.
    `names` are what files are called now that had another name, None if they are gone.
    """

    revision: str
    lines: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    texts: dict[str, dict[int, str]] = field(default_factory=dict)
    names: dict[str, str | None] = field(default_factory=dict)

    def touches(self, location: Location) -> bool:
        """Tell whether a line of a location, or of a module call on the way to it, was changed."""
        if any(self.touches(call) for call in location.through):
            return True
        return self.inside(location) is not None

    def inside(self, location: Location) -> tuple[int, int] | None:
        """Return the first and the last changed line of a location itself, None if none of it was changed."""
        first, last = location.line, max(location.end_line or location.line, location.line)
        found = [(begin, end) for begin, end in self.lines.get(location.path, ()) if begin <= last and first <= end]
        return (max(found[0][0], first), min(found[-1][1], last)) if found else None


def since(revision: str, folder: Path, prefix: str, only: str = ".") -> Changes:
    """Return what the files under a folder, saved or not yet committed, differ in from a revision.

    `prefix` is how reports name the folder, with a `/` at its end; `only` is the one file that counts, if not all do.
    Raises `UsageError` if git is not there, the folder is no part of a repository, or there is no such revision.
    """
    commit = _commit(revision, folder)
    plain = ("--relative", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
    diff = _git(folder, "diff", *plain, "-M", "-U0", commit, "--", only)
    files = list(_files(diff))
    new = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", only).split(b"\0")
    lines = {prefix + one.path: [hunk.lines for hunk in one.hunks] for one in files if one.path is not None}
    names = {
        prefix + one.was: None if one.path is None else prefix + one.path
        for one in files
        if one.was is not None and one.was != one.path
    }
    lines |= {prefix + _text(name): [_WHOLE] for name in new if name}
    return Changes(revision, lines, _texts(files, prefix), names)


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


def configured_before(revision: str, config: Config) -> Config:
    """Return a configuration as it was at a revision; as it is where it was not there, or cannot be understood.

    Which rules run, and what is evidence, it says as it does now.
    """
    path = Path(config.path) if config.path is not None else None
    folder = path.parent if path else Path()
    for name in (path.name,) if path else NAMES:  # one that is gone now was in the working directory
        with suppress(UsageError, ConfigError):
            commit = _commit(revision, folder)
            was = parse(_git(folder, "show", f"{commit}:./{name}"), config.path or name)
            break
    else:
        return config
    kept = {name: getattr(was, name) for name in ("accounts", "pairs", "repositories", "exemptions", "iac", "tiers")}
    return replace(config, **kept)


def configured_since(revision: str, config: Config, found: Sequence[Changes]) -> list[Changes]:
    """Return what the file of a configuration differs in, if git knows it and that is not among what was `found`."""
    if config.path is None or any(config.path in each.lines for each in found):
        return []
    path = Path(config.path)
    try:
        made = since(revision, path.parent, config.path.removesuffix(path.name), path.name)
    except UsageError:
        return []
    return [made] if made.lines.get(config.path) != [_WHOLE] else []


def _commit(revision: str, folder: Path) -> str:
    if revision.startswith("-"):
        raise UsageError(f"--changed-since: '{revision}' is no revision", "Give a branch, a tag or a commit.")
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False)
    if not found.strip():
        hint = "Give a branch, a tag or a commit; in CI, fetch it first (actions/checkout with fetch-depth: 0)."
        raise UsageError(f"--changed-since: git knows no revision '{revision}' in {folder.resolve()}", hint)
    return _text(found.strip())


@dataclass(frozen=True)
class _Hunk:
    """The lines that are new from `at` on, or, where there are none, the lines around what is gone."""

    at: int
    new: tuple[bytes, ...]

    @property
    def lines(self) -> tuple[int, int]:
        return (self.at, self.at + len(self.new) - 1) if self.new else (self.at, self.at + 1)


@dataclass(frozen=True)
class _File:
    """A file of a diff: what it was called and is called now, None for neither there nor here, and what differs."""

    was: str | None
    path: str | None
    hunks: list[_Hunk]


def _files(diff: bytes) -> Iterator[_File]:
    """Yield each file of a diff without context in which lines differ.

    The lines of a hunk are counted: what one says may look like the header of a file.
    """
    was: str | None = None
    file: _File | None = None
    lines = iter(diff.split(b"\n"))
    for line in lines:
        if line.startswith(b"--- "):
            was = _named(line)
        elif line.startswith(b"+++ "):
            if file is not None:
                yield file
            file = _File(was, _named(line), [])
        elif file is not None and (hunk := _HUNK.match(line)):
            gone, new = (int(hunk[number] or b"1") for number in (1, 3))
            file.hunks.append(_Hunk(int(hunk[2]), tuple(_new(lines, gone, new))))
    if file is not None:
        yield file


def _named(line: bytes) -> str | None:
    name = line[4:].rstrip(b"\r\t")
    return None if name == b"/dev/null" else _text(_unquoted(name)[2:])


def _new(lines: Iterator[bytes], gone: int, new: int) -> Iterator[bytes]:
    """Yield the new lines of a hunk, and take those that are gone."""
    for line in lines:
        if line.startswith(b"+"):
            new -= 1
            yield line[1:]
        elif line.startswith(b"-"):
            gone -= 1
        if gone <= 0 and new <= 0:
            return


def _texts(files: Sequence[_File], prefix: str) -> dict[str, dict[int, str]]:
    made: dict[str, dict[int, str]] = {}
    left = MOST_TEXTS
    for path, hunk in ((one.path, hunk) for one in files for hunk in one.hunks):
        left -= len(hunk.new)
        if path is not None and left >= 0:
            made.setdefault(prefix + path, {}).update((hunk.at + n, _text(line)) for n, line in enumerate(hunk.new))
    return made


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
