"""The programs `helm` and `kustomize`, where they are installed: what they make of a copy of some files.

They are given files by name and content, and see nothing else: a folder of their own that is gone afterwards, an
environment in which there is no home, no cluster, no plugin, no other program and no way out through a proxy, on most
Linux systems no network either, and limits of time, memory and output.  https://helm.sh/docs/helm/helm_template/ and
https://kubectl.docs.kubernetes.io/references/kustomize/ describe them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scanner.redaction import scrub

_MEMORY = 2 << 30
_FILES = 1 << 20
_REMARK = 200
_OLDEST_HELM = 3
"""Those before it took other arguments, and asked a cluster."""
_NOWHERE = "http://127.0.0.1:9"
_ALONE = ("/usr/bin/unshare", "--map-root-user", "--net", "--")
"""Runs a program in a place without any network, where a Linux has it and lets its users do that."""
_VERSION = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*")


class ToolError(Exception):
    """A tool did not answer.  The text is a clause that can be printed: what it said, or why it was ended."""


class NotAsked(Exception):
    """A tool is not asked, for it would need what is not there, or answer for something else than what was read."""


@dataclass(frozen=True)
class Limits:
    """How long a tool may take, in seconds, for one answer and for all of a scan, and how many bytes it may print."""

    seconds: float = 20.0
    total: float = 300.0
    output: int = 10_000_000


@dataclass(frozen=True)
class Program:
    """A program: its name in messages, where it is, and what prints its version."""

    name: str
    path: Path
    version: tuple[str, ...]
    build: tuple[str, ...]


class Tools:
    """The tools of one scan.  Each is None where it is not installed."""

    def __init__(self, helm: Path | None = None, kustomize: Path | None = None, limits: Limits | None = None) -> None:
        """Take the programs; one that is called `kubectl` is Kustomize, too."""
        self.helm = Program("helm", helm, ("version", "--template={{.Version}}"), ("template",)) if helm else None
        self.kustomize = _kustomize(kustomize) if kustomize else None
        self._limits = limits or Limits()
        self._left = self._limits.total
        self._versions: dict[str, str] = {}
        self._alone: tuple[str, ...] | None = None

    def version(self, program: Program) -> str:
        """Return the name and version of a program; raise `ToolError` if it does not say one that is understood."""
        if program.name not in self._versions:
            self._versions[program.name] = ""
            found = _VERSION.search(self._run(program, program.version, {}).rpartition("kustomizeVersion")[2])
            self._versions[program.name] = found[0].removeprefix("v") if found else ""
        version = self._versions[program.name]
        if not version or (program is self.helm and int(version.partition(".")[0]) < _OLDEST_HELM):
            raise ToolError(f"{program.name} does not say a version that is known")
        return f"{program.name} {version}"

    def ask(self, program: Program, arguments: Sequence[str], files: Mapping[str, bytes]) -> str:
        """Return what a program prints of files, by their relative paths; raise `ToolError`."""
        self.version(program)
        return self._run(program, (*program.build, *arguments), files)

    def _run(self, program: Program, arguments: Sequence[str], files: Mapping[str, bytes]) -> str:
        if not os.access(program.path, os.X_OK):
            raise ToolError(f"{program.name} cannot be run")
        if self._left <= 0:
            raise ToolError(f"{program.name} was not asked, for the time of all answers is used up")
        begin = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="regionproof-", ignore_cleanup_errors=True) as folder:
                home = _laid_out(Path(folder), files)
                command = [*self._prefix(), str(program.path), *arguments]
                seconds = min(self._limits.seconds, self._left)
                run = _Run(command, home.parent / "files", _environment(home), seconds, self._limits.output)
                return run.answer(program.name)
        except OSError as error:
            raise ToolError(f"{program.name} cannot be run: {error.strerror}") from error
        finally:
            self._left -= time.monotonic() - begin

    def _prefix(self) -> tuple[str, ...]:
        if self._alone is None:
            self._alone = _ALONE if _works((*_ALONE, _ALONE[0], "--version")) else ()
        return self._alone


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=5, check=False).returncode == 0  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False


def find(path: str, scanned: Iterable[Path]) -> Tools:
    """Return the tools in the folders of a `PATH`, but none that comes with what is scanned, or with its repository."""
    refused = [_top(each) for each in scanned]
    folders = [each for each in path.split(os.pathsep) if Path(each).is_absolute()]

    def which(name: str) -> Path | None:
        for folder in folders:
            at = shutil.which(name, path=folder)
            if at is None or not Path(at).is_absolute():
                continue
            places = (Path(os.path.normpath(at)), Path(at).resolve(), Path(at).parent.resolve())
            if not any(place.is_relative_to(top) for place in places for top in refused):
                return Path(at)
        return None

    return Tools(which("helm"), which("kustomize") or which("kubectl"))


def _kustomize(path: Path) -> Program:
    if path.stem == "kubectl":
        return Program("kubectl kustomize", path, ("version", "--client", "--output=json"), ("kustomize",))
    return Program("kustomize", path, ("version",), ("build",))


def _top(path: Path) -> Path:
    """Return the repository that a path is in, else its folder: a change may bring any file of these."""
    at = path.resolve()
    folder = at if at.is_dir() else at.parent
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def _laid_out(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder; return the home beside them, which is empty."""
    for name in ("files", "home", "bin"):
        (folder / name).mkdir()
    for name, data in files.items():
        at = folder / "files" / name
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data)
    return folder / "home"


def _environment(home: Path) -> dict[str, str]:
    proxies = {key: _NOWHERE for name in ("http", "https", "all") for key in (f"{name}_proxy", f"{name.upper()}_PROXY")}
    homes = ("HOME", "USERPROFILE", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    return {
        **proxies,
        **dict.fromkeys(homes, str(home)),
        "PATH": str(home.parent / "bin"),  # nothing is there: no git, no plugin
        "KUBECONFIG": str(home / "none"),
        "KUBERC": "off",
        "LC_ALL": "C",
    }


class _Run:
    """One run of a program, which ends with all that it has begun."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float, most: int
    ) -> None:
        self._command, self._folder, self._environment = command, folder, environment
        self._seconds, self._most = seconds, most
        self._ended = ""

    def answer(self, name: str) -> str:
        """Return what it prints; raise `ToolError`, and `OSError` if it cannot be started."""
        with subprocess.Popen(  # noqa: S603 - no shell, and the program is none of what is scanned
            self._command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            _limited(process.pid)
            timer = threading.Timer(self._seconds, self._end, (process, f"took more than {self._seconds:g} seconds"))
            timer.start()
            try:
                printed, said = self._streams(process)
                code = process.wait()
            finally:
                timer.cancel()
        if self._ended:
            raise ToolError(f"{name} {self._ended}")
        if code != 0:
            raise ToolError(f"{name} says: {_remark(said)}" if said.strip() else f"{name} ended with {code}")
        try:
            return printed.decode("utf-8")
        except UnicodeDecodeError:
            raise ToolError(f"{name} prints what is not text") from None

    def _streams(self, process: subprocess.Popen[bytes]) -> list[bytes]:
        streams = [stream for stream in (process.stdout, process.stderr) if stream]
        with ThreadPoolExecutor(len(streams)) as pool:
            try:
                return list(pool.map(lambda stream: self._read(process, stream), streams))
            except BaseException:  # an interrupt, which the pool would not hear of before it ends
                _kill(process)
                raise

    def _read(self, process: subprocess.Popen[bytes], stream: IO[bytes]) -> bytes:
        data = stream.read(self._most + 1)
        if len(data) > self._most:
            self._end(process, f"prints more than {self._most} bytes")
        return data

    def _end(self, process: subprocess.Popen[bytes], why: str) -> None:
        self._ended = self._ended or why
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:  # its number may be that of another one by now
        return
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _limited(pid: int) -> None:
    """Keep a process from taking all memory, or filling a disk, where the system has such limits."""
    if sys.platform == "linux":
        import resource

        with suppress(OSError, ValueError):  # it has ended, or its limits are narrower
            resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FILES, _FILES))


def _remark(said: bytes) -> str:
    """Return what an error says, as a line of text that can be printed."""
    text = said.decode("utf-8", "replace").strip()
    error = re.search(
        r"^(?:error|fatal error|panic): *(.+?)(?:\n\s*\n|\Z)", text, re.IGNORECASE | re.MULTILINE | re.DOTALL
    )
    line = error[1] if error else text.splitlines()[-1]
    line = scrub(line)
    clean = " ".join("".join(sign if sign.isprintable() else " " for sign in line).split())
    return f"{clean[:_REMARK]}..." if len(clean) > _REMARK else clean
