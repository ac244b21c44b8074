"""The files of infrastructure code under a path: which of them may be read, and which a format has taken."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from errno import ELOOP
from pathlib import Path

from pathspec import GitIgnoreSpec

from scanner.errors import UsageError

MAX_BYTES = 10_000_000
"""A larger file is not read.  CloudFormation itself takes templates of up to 1 MB."""

_SKIPPED = {"__pycache__", "node_modules"}
_IGNORE = ".gitignore"
_WORKFLOWS = ".github"
_DOCUMENTS = (".json", ".yaml", ".yml", ".template")
_MADE_OF_ALL = (".tf", ".tf.json", ".tfvars", ".tfvars.json")
"""A module of Terraform is all of these in its folder: one that is not read is a gap, and never passed over."""


@dataclass(frozen=True)
class File:
    """A file that may be read; `path` is how reports name it, `/` between its parts."""

    at: Path
    path: str

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Return the path without its last part; empty for a file beside where the scan began."""
        return self.path.rpartition("/")[0]

    def data(self, limit: int = MAX_BYTES) -> bytes:
        """Return what is in the file, cut one byte after `limit`; raise `OSError`."""
        with self.at.open("rb") as stream:
            return stream.read(limit + 1)


class Tree:
    """The files under a path, in order; a format takes those it reads, and the next sees the rest.

    Hidden folders (but that of GitHub's workflows), symbolic links, what package managers install and what
    `.gitignore` names are left out of a folder; a path that is given by itself is always read.  A link in the place of
    a file of Terraform counts as a file that cannot be read; `links` tells of the others that may stand for code.
    """

    def __init__(self, path: Path, unreadable: Callable[[OSError, str], None], named: Path | None = None) -> None:
        """Look under `path`; raise `UsageError` if there is nothing, call `unreadable` for what is closed.

        `named` is the path that reports name in place of `path`.
        """
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder")
        self._path, self._unreadable = path, unreadable
        self._prefix = shown_prefix(named or path, folder=path.is_dir())
        self._is_folder = path.is_dir()
        self._links: dict[str, Path] = {}
        self._files = {file.path: file for file in (self._walk(path) if self._is_folder else [self._file(path)])}
        self._taken: set[str] = set()

    def files(self, *suffixes: str) -> Iterator[File]:
        """Return the files no format has taken whose names end so; a file given by itself, whatever its name is."""
        for path, file in self._files.items():
            if path not in self._taken and (not suffixes or not self._is_folder or path.endswith(suffixes)):
                yield file

    def take(self, *files: File) -> None:
        """Keep files from the formats that come later."""
        self._taken.update(file.path for file in files)

    def take_below(self, folder: str) -> None:
        """Keep all files in and below a folder from the formats that come later."""
        below = f"{folder}/".lstrip("/")
        self._taken.update(path for path in self._files if path.startswith(below))

    def get(self, path: str) -> File | None:
        """Return a file by the path that reports name, taken or not."""
        return self._files.get(path)

    def links(self) -> Iterator[tuple[str, bool]]:
        """Yield the links to folders, and those in the place of YAML and JSON: is what they lead to read itself?"""
        root = self._path.resolve()
        for path, at in sorted(self._links.items()):
            target = Path(os.path.realpath(at))
            if not target.is_relative_to(root):
                yield path, False
                continue
            shown = self._shown(self._path / target.relative_to(root))
            below = self._prefix if target == root else f"{shown}/"
            yield path, shown in self._files or any(each.startswith(below) for each in self._files)

    def folders(self) -> frozenset[str]:
        """Return the folders in which there are files, taken or not, at any depth."""
        return frozenset(path[:at] for path in self._files for at, sign in enumerate(path) if sign == "/")

    def beside(self, file: File, name: str) -> File | None:
        """Return a file by the relative path that another one names it with; None if it is not inside the tree.

        What `.gitignore` and the rules about hidden folders leave out is found here; what a symbolic link leads to, or
        a path out of the tree, is not.
        """
        at = self._inside(file, name)
        return self._file(at) if at is not None and _is_plain_file(at) else None

    def inside(self, file: File, name: str) -> list[File]:
        """Return the files, in order, of a folder that another file names as `beside` takes it; those below are not.

        A folder that is not there, or not inside the tree, has none.
        """
        at = self._inside(file, name)
        try:
            found = sorted(at.iterdir()) if at is not None else []
        except OSError:
            return []
        return [self._file(each) for each in found if _is_plain_file(each)]

    def below(self, file: File, name: str) -> list[str] | None:
        """Return the files in and below a folder that another file names, by their paths from there; None as above."""
        at = self._inside(file, name)
        if at is None or not at.is_dir():
            return None
        found = []
        for parent, folders, files in os.walk(at):
            folders.sort()
            here = Path(parent).relative_to(at)
            found += [(here / each).as_posix() for each in sorted(files) if _is_plain_file(Path(parent) / each)]
        return found

    def shown(self, file: File) -> str:
        """Return the path of a file below what was asked for, `/` between its parts."""
        return file.at.relative_to(self._path if self._is_folder else self._path.parent).as_posix()

    def _inside(self, file: File, name: str) -> Path | None:
        """Return the path that a relative one beside a file means, None if it leads out of the tree."""
        root = self._path if self._is_folder else self._path.parent
        parts: list[str] = []
        for part in (file.at.parent.relative_to(root) / name).parts:
            if part == "..":
                if not parts:
                    return None
                parts.pop()
            else:
                parts.append(part)
        at = root
        try:
            for part in parts:
                at = at / part
                if at.is_symlink() or Path(name).is_absolute():
                    return None
        except OSError:  # a name that no file can have
            return None
        return at

    def _walk(self, folder: Path) -> Iterator[File]:
        ignored = _Ignored(folder)
        for parent, names, files in os.walk(
            folder, onerror=lambda e: self._unreadable(e, self._shown(Path(e.filename)))
        ):
            here = Path(parent)
            ignored.enter(here)
            names[:] = sorted(
                name
                for name in names
                if (name == _WORKFLOWS or not name.startswith("."))
                and name not in _SKIPPED
                and not ignored.folder(here / name)
            )
            self._links |= {self._shown(at): at for name in names if (at := here / name).is_symlink()}
            for name in sorted(files):
                at = here / name
                if ignored.file(at):
                    continue
                if _is_plain_file(at):
                    yield self._file(at)
                elif name.endswith(_MADE_OF_ALL) and at.is_symlink():
                    self._unreadable(OSError(ELOOP, "a symbolic link, which is not followed"), self._shown(at))
                elif name.endswith(_DOCUMENTS) and at.is_symlink():
                    self._links[self._shown(at)] = at

    def _file(self, at: Path) -> File:
        return File(at, self._shown(at))

    def _shown(self, at: Path) -> str:
        root = self._path if self._is_folder else self._path.parent
        path = self._prefix + at.relative_to(root).as_posix()
        return path.encode("utf-8", "backslashreplace").decode("utf-8")  # names of files are any bytes


def shown_prefix(path: Path, *, folder: bool) -> str:
    """Return what the paths that reports name begin with for what is under a path: nothing, or a folder and a `/`."""
    root = path if folder else path.parent
    outside = path.is_absolute() or ".." in path.parts
    return "" if outside or root == Path() else f"{root.as_posix()}/"


def _is_plain_file(at: Path) -> bool:
    try:
        return stat.S_ISREG(at.lstat().st_mode)
    except (OSError, ValueError):  # not there, or not to be named
        return False


class _Ignored:
    """What the `.gitignore` files of a repository leave out, from its top down to the folder that is walked."""

    def __init__(self, folder: Path) -> None:
        self._specs: list[tuple[Path, GitIgnoreSpec]] = []
        top = folder.resolve()
        above = [top, *top.parents]
        repository = next((n for n, each in enumerate(above) if (each / ".git").exists()), None)
        self._real, self._given = top, folder
        for each in reversed(above[1 : (repository or 0) + 1]):
            self._add(each)
        if self._matches(top, folder=True):  # it was asked for by name
            self._specs.clear()

    def enter(self, folder: Path) -> None:
        """Read the `.gitignore` of a folder that is walked."""
        self._add(self._resolved(folder))

    def folder(self, at: Path) -> bool:
        return self._matches(self._resolved(at), folder=True)

    def file(self, at: Path) -> bool:
        return self._matches(self._resolved(at), folder=False)

    def _resolved(self, at: Path) -> Path:
        return self._real / at.relative_to(self._given)

    def _add(self, folder: Path) -> None:
        try:
            lines = (folder / _IGNORE).read_bytes().decode("utf-8", "replace").splitlines()
            self._specs.append((folder, GitIgnoreSpec.from_lines(lines)))
        except (OSError, ValueError):  # none there, or none that git would understand either
            return

    def _matches(self, at: Path, *, folder: bool) -> bool:
        verdict = False
        for base, spec in self._specs:
            if at == base or not at.is_relative_to(base):
                continue
            name = at.relative_to(base).as_posix() + ("/" if folder else "")
            found = spec.check_file(name).include
            verdict = verdict if found is None else found
        return verdict
