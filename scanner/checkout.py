"""The git repository that infrastructure code is in: which revision of what, as far as it can be told offline."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from scanner.changes import SAFE
from scanner.finding import Checkout


def checkout(paths: Iterable[Path]) -> Checkout | None:
    """Return the working tree that all of these files and folders are in, None if there is no such one.

    None, too, if reports could not name all of them from one place, as with folders that are no part of the working
    directory.
    """
    found = {_begin(path) for path in paths}
    if len(found) != 1:
        return None
    begin = found.pop()
    root = _root(begin)
    if root is None:
        return None
    base = begin.relative_to(root).as_posix()
    return Checkout(
        "" if base == "." else f"{base}/",
        https(_git(root, "config", "--get", "remote.origin.url")),
        _git(root, "rev-parse", "--verify", "--quiet", "HEAD") or None,
        _git(root, "symbolic-ref", "--quiet", "--short", "HEAD") or None,
    )


def from_root(path: Path) -> str:
    """Return what leads to a file from the root of its repository; where there is none, from the working directory."""
    file = path.resolve()
    return Path(os.path.relpath(file, _root(file.parent) or Path.cwd())).as_posix()


def _root(folder: Path) -> Path | None:
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def _begin(path: Path) -> Path:
    """Return the folder from which reports name what is under a path."""
    outside = path.is_absolute() or ".." in path.parts
    return (path if path.is_dir() else path.parent).resolve() if outside else Path.cwd().resolve()


_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]+):(?P<path>[^:].*)")
_CODECOMMIT = re.compile(r"codecommit:(?::(?P<region>[a-z0-9-]+):)?//(?:[^@/]+@)?(?P<name>[A-Za-z0-9._-]+)")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def https(remote: str) -> str | None:
    """Return the https address of a remote, None for one that has none, such as a folder.

    `git@host:path`, ssh and http are rewritten; user, password, port, query and fragment are left out, for they may
    hold secrets, or say how to connect and not what to.
    """
    if found := _CODECOMMIT.fullmatch(remote):
        if not found["region"]:
            return None
        return f"https://git-codecommit.{found['region']}.amazonaws.com/v1/repos/{found['name']}"
    host, path = "", ""
    if "://" in remote:
        try:
            parts = urlsplit(remote)
            host, path = parts.hostname or "", unquote(parts.path, errors="replace")
        except ValueError:
            return None
        if parts.scheme not in ("https", "http", "ssh", "git", "git+ssh", "ssh+git"):
            return None
    elif (found := _SCP.fullmatch(remote)) and len(found["host"]) > 1:  # one letter is a drive
        host, path = found["host"], found["path"]
    path = "/".join(part for part in PurePosixPath(path).parts if part not in ("/", "..")).removesuffix(".git")
    if not path or not _HOST.fullmatch(host):
        return None
    return f"https://{host.lower()}/{quote(path, safe='/-._~')}"


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *SAFE, "-C", str(folder), *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except OSError:
        return ""  # without git a report just says less
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""
