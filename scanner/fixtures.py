"""Packs of rules and their fixtures: folders of input beside the findings that are expected of it.

PACK/<group>/<name>.yaml|.py      the rules
PACK/tests/<case>/expected.yaml   the findings (schemas/fixture.json)
PACK/tests/<case>/...             templates and snapshots, and a regionproof.yaml if one is needed
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from scanner import config, conformity
from scanner.assets import schema
from scanner.documents import Document, load, pointer
from scanner.engine import selected
from scanner.errors import DocumentError, RegionproofError, RuleError, UsageError
from scanner.finding import Finding, Status
from scanner.rule import Rule, load_pack, load_rule
from scanner.scan import scan
from scanner.testing import AS_OF

TESTS, EXPECTED = "tests", "expected.yaml"


@dataclass(frozen=True)
class Pack:
    """Rules, and the cases they are tried on, each a folder."""

    rules: tuple[Rule, ...]
    cases: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Expected:
    """One expected finding, and `file:line` where it is expected."""

    rule: str
    status: Status
    resource: str
    pointer: str | None
    place: str

    def is_met_by(self, finding: Finding) -> bool:
        return (
            (finding.rule_id, finding.status) == (self.rule, self.status)
            and fnmatchcase(finding.resource.id, self.resource)
            and self.pointer in (None, finding.pointer)
        )


def find(path: Path) -> Pack:
    """Return the pack in a folder, or one rule in a file; raise `UsageError` or `RuleError` if there is none."""
    if path.is_file():
        if path.suffix not in (".yaml", ".py"):
            raise UsageError(f"{path}: not a rule", "A rule is a file GROUP/NAME.yaml or GROUP/NAME.py.")
        return Pack((load_rule(f"{path.absolute().parent.name}-{path.stem}", path),))
    if not path.is_dir():
        raise UsageError(f"{path}: no such file or folder", "Give a folder of rules, or the file of one.")
    rules = tuple(load_pack(path))
    if not rules:
        raise UsageError(f"{path}: no rules in this folder", "Rules live in FOLDER/<group>/<name>.yaml or .py.")
    taken: dict[str, Rule] = {}
    for rule in rules:
        if (other := taken.setdefault(rule.id, rule)) is not rule:
            raise RuleError(f"{rule.path}: rule id '{rule.id}' is taken by {other.path}", "Rename the file.")
    return Pack(rules, tuple(_cases(path)))


def _cases(pack: Path) -> Iterator[Path]:
    for case in sorted(pack.glob(f"{TESTS}/*/")):
        if case.name.startswith((".", "_")):
            continue
        if not (case / EXPECTED).is_file():
            raise UsageError(
                f"{case}: a fixture without {EXPECTED}",
                "`regionproof schema fixture` describes the file that it needs.",
            )
        yield case


def problems(case: Path, rules: Sequence[Rule]) -> Iterator[str]:
    """Judge a case by rules; return what was expected and did not come, and what came and was not expected."""
    as_of, expected = _read(case / EXPECTED, rules)
    findings = _judge(case, rules, as_of)
    for one in expected:
        if not any(one.is_met_by(finding) for finding in findings):
            at = f" at '{one.pointer}'" if one.pointer is not None else ""
            came = [f for f in findings if f.rule_id == one.rule and fnmatchcase(f.resource.id, one.resource)]
            instead = "; ".join(f"{f.status}{f' at {f.pointer!r}' if f.pointer else ''}: {f.message}" for f in came)
            yield (
                f"{one.place}: {one.rule} should give {one.status} for '{one.resource}'{at}, "
                f"but gives {instead or 'nothing'}"
            )
    for finding in findings:
        if finding.status in (Status.FAIL, Status.UNKNOWN) and not any(one.is_met_by(finding) for one in expected):
            at = f" at '{finding.pointer}'" if finding.pointer else ""
            yield (
                f"{case / EXPECTED}: {finding.rule_id} gives {finding.status} for '{finding.resource.id}'{at}, "
                f"which is not expected: {finding.message}"
            )


def without_cases(pack: Pack) -> list[str]:
    """Return the ids of rules that no case expects anything of, none if the pack has no cases."""
    named = {one.rule for case in pack.cases for one in _read(case / EXPECTED, pack.rules)[1]}
    return [rule.id for rule in pack.rules if rule.id not in named] if pack.cases else []


def _judge(case: Path, rules: Sequence[Rule], as_of: datetime) -> tuple[Finding, ...]:
    settings = next((case / name for name in config.NAMES if (case / name).is_file()), None)
    given = config.read(settings) if settings else config.Config()
    chosen = selected(rules, replace(given, select=given.select or ("*",)))  # optional rules are tried, too
    left_out = (EXPECTED, *config.NAMES)
    inputs = [entry for entry in sorted(case.iterdir()) if entry.name not in left_out and entry.name[0] != "."]
    try:
        return scan(inputs, chosen, given, as_of).findings
    except RegionproofError as error:
        raise UsageError(f"{case}: {error}", error.hint) from error


def _read(file: Path, rules: Sequence[Rule]) -> tuple[datetime, list[_Expected]]:
    from jsonschema import Draft202012Validator

    try:
        document = load(file.read_bytes().decode("utf-8"), str(file))
    except DocumentError as error:
        raise UsageError(str(error), error.hint) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8 text") from error
    errors = sorted(Draft202012Validator(schema("fixture")).iter_errors(document.value), key=lambda e: str(e.path))
    if errors:
        where = _place(document, file, *errors[0].absolute_path)
        raise UsageError(
            f"{where}: {conformity.message(errors[0])}", "`regionproof schema fixture` describes the file."
        )
    expected = [_expected(document, file, number) for number in range(len(document.value["findings"]))]
    known = {rule.id for rule in rules}
    for one in expected:
        if one.rule not in known:
            raise UsageError(f"{one.place}: no rule '{one.rule}' in this pack", f"Known: {', '.join(sorted(known))}.")
    return datetime.fromisoformat(document.value.get("as_of", AS_OF).replace("Z", "+00:00")), expected


def _expected(document: Document, file: Path, number: int) -> _Expected:
    entry: dict[str, Any] = document.value["findings"][number]
    place = _place(document, file, "findings", number)
    status = Status(entry.get("status", "fail"))
    return _Expected(entry["rule"], status, entry["resource"], entry.get("pointer"), place)


def _place(document: Document, file: Path, *parts: str | int) -> str:
    location = document.locations.get(pointer(*parts))
    return f"{file}:{location.line}" if location else str(file)
