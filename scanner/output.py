"""Where results go: one format to a file or standard output, several to a directory; whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from scanner.errors import OutputError, UsageError
from scanner.reporters import REPORTERS


@dataclass(frozen=True)
class Destination:
    """One report to write; `path` None is standard output."""

    format: str
    path: Path | None


class Format(Protocol):
    """What has to be known of a format: the end of the names of its files, with the dot."""

    @property
    def suffix(self) -> str:
        """Return it."""


def destinations(
    formats: Sequence[str],
    output: str | None,
    known: Mapping[str, Format] = REPORTERS,
    *,
    located: Callable[[str], Path] = Path,
) -> list[Destination]:
    """Read `--format F[=FILE][,...]` and `-o PATH`; `located` gives the file that a name stands for.

    `known` are the formats there are.
    `-o` names a file for one format and a directory for several; `-` is standard output.  Raises `UsageError` for an
    unknown format, for an empty name, and for two documents at one place.
    """
    if output == "":
        raise UsageError("--output: no name", "Give a file or a folder; - is standard output.")
    given = [spec for group in formats for spec in group.split(",") if spec] or ["table"]
    plain = [spec for spec in given if "=" not in spec]
    named = [_destination(spec, output, known, several=len(plain) > 1) for spec in given]
    found = [Destination(format, None if name is None else located(name)) for format, name in named]
    if sum(destination.path is None for destination in found) > 1:
        raise UsageError("two reports cannot share standard output", "Give files: --format json=a.json,sarif=b.sarif.")
    paths = [destination.path.absolute() for destination in found if destination.path is not None]
    if twice := [path for at, path in enumerate(paths) if path in paths[:at]]:
        raise UsageError(f"two reports cannot share {twice[0].name}", "Give each a file of its own.")
    return found


def _destination(
    spec: str, output: str | None, known: Mapping[str, Format], *, several: bool
) -> tuple[str, str | None]:
    format, _, file = spec.partition("=")
    if format not in known:
        raise UsageError(f"unknown format '{format}'", f"Formats: {', '.join(sorted(known))}.")
    if file or output is None:
        return format, file if file not in ("", "-") else None
    if output == "-":
        return format, None
    is_folder = several or Path(output).is_dir() or output.endswith("/")
    return format, f"{output.rstrip('/')}/regionproof{known[format].suffix}" if is_folder else output


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Open a text file that takes the place of `path` only when it was written to the end; raise `OutputError`.

    A device or a pipe, such as /dev/null, is written into: nothing may take its place.  A link stays one, and what it
    points to is replaced.
    """
    temporary = None
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            with path.open("w", encoding="utf-8", newline="\n") as out:
                yield out
            return
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
        temporary = None
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}", "What stood there is untouched."
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def must_be_new(path: Path, what: str) -> None:
    """Raise `UsageError` unless a folder, as which `what` is written, can be put at `path`."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UsageError(f"{path} is no folder; {what} is one", "Choose another place.")
    if path.exists() and any(path.iterdir()):
        raise UsageError(f"{path} is not empty, and {what} is never mixed with anything", "Choose a new folder.")


@contextlib.contextmanager
def new_folder(path: Path, what: str) -> Iterator[Path]:
    """Give a folder that stands at `path` when all of it is written; raise as `must_be_new`, and `OutputError`."""
    must_be_new(path, what)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        temporary.chmod(0o755)
        yield temporary
        if path.exists():
            path.rmdir()
        temporary.rename(path)
        temporary = None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}", "No part of it was left.") from error
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
