"""What became of the entries of `iac` in a configuration: which code they are about, and what of them it takes.

A slip there is silent by itself: code that no entry is about has no place, and a template whose parameter is spelled
otherwise has its default.  So what nothing takes is told.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from scanner.config import Config, IacMapping
from scanner.config import patterns as patterns_of

Given = tuple[object, ...] | str
"""The value of a key of an entry, as `IacMapping` has it."""

_TAKERS = {
    "parameters": "template",
    "var_files": "root module of Terraform",
    "workspace": "root module of Terraform",
    "values": "chart",
}
"""The keys of an entry that are for one kind of code, and who takes them."""


@dataclass
class Taken:
    """What takers made of one value.

    That is each name in it and whether one declares that, what they declare, and the files that it names in vain.
    """

    names: dict[str, bool] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


@dataclass
class Uses:
    """Which paths of code were looked up in `iac`, and what was taken from the entries for them."""

    paths: set[str] = field(default_factory=set)
    taken: dict[tuple[str, Given], Taken] = field(default_factory=dict)

    def take(
        self,
        key: str,
        given: Given | None,
        names: Iterable[str] = (),
        declared: Collection[str] = (),
        missing: str = "",
    ) -> None:
        """Note that code takes the value of a key: names in it, what the code declares, a file that is not there."""
        if not given:
            return
        taken = self.taken.setdefault((key, given), Taken())
        for name in names:
            taken.names[name] = taken.names.get(name, False) or name in declared
        taken.declared.update(declared)
        if missing:
            taken.missing.add(missing)

    def add(self, other: Uses) -> None:
        """Take what was noted elsewhere."""
        self.paths |= other.paths
        for key, taken in other.taken.items():
            own = self.taken.setdefault(key, Taken())
            for name, declared in taken.names.items():
                own.names[name] = own.names.get(name, False) or declared
            own.declared |= taken.declared
            own.missing |= taken.missing


def slips(config: Config, uses: Uses, scanned: Iterable[Path]) -> list[str]:
    """Return what of `iac` is about nothing that was scanned, or taken by nothing, each with the line it stands in.

    An entry for code that is there and was not given to this scan is none.
    """
    folder = Path(config.path or "").parent
    places = [path for path in scanned if path.is_dir()]
    return [
        f"line {entry.location.line}: {said}" if entry.location else said
        for entry in config.iac
        for said in _of_entry(entry, uses, folder, places)
    ]


def _of_entry(entry: IacMapping, uses: Uses, folder: Path, scanned: Sequence[Path]) -> Iterator[str]:
    if not any(fnmatchcase(f"/{path}", pattern) for path in uses.paths for pattern in patterns_of(entry.path)):
        if not _is_elsewhere(entry.path, folder, scanned):
            places = {str(at) for path in uses.paths for at in (path, *PurePosixPath(path).parents)} - {"."}
            yield f"path '{entry.path}' is that of no code that was scanned{_near(entry.path, places)}"
        return
    for key, taker in _TAKERS.items():
        given = getattr(entry, key)
        taken = uses.taken.get((key, given))
        if given and taken is None:
            yield f"{key}: '{entry.path}' is no {taker}"
        for name in sorted(taken.missing if taken else ()):
            yield f"{key}: there is no '{name}'"
        for name in sorted(name for name, declared in (taken.names if taken else {}).items() if not declared):
            yield f"{key}: '{name}' is not declared by '{entry.path}'{_near(name, taken.declared if taken else ())}"


def _is_elsewhere(path: str, folder: Path, scanned: Sequence[Path]) -> bool:
    """Tell whether an entry may be about code beside the configuration that this scan was not given."""
    if any(_is_in(folder, each) for each in scanned):
        return False
    named = path.removeprefix("./").strip("/")
    if any(sign in named for sign in "*?["):
        return True
    there = [at for each in (folder, Path()) if (at := each / named).exists()]
    return any(not any(_is_in(at, each) for each in scanned) for at in there)


def _is_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word.strip("/"), sorted(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
