"""Frameworks and their controls: what they are called, and how the findings of a report fall on them.

A rule says which controls ask for it; `schemas/controls/<framework>.json` says what those are called.  Nothing here
says whether a control is met: a control may ask for more than any rule sees.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from scanner.assets import asset, schema
from scanner.finding import Finding, Report, Status


@dataclass(frozen=True)
class Framework:
    """A catalogue of controls: its name, who publishes it, where to read it, and the titles of those rules name.

    `source` says what ids and titles were compared with; `version` is empty where the title says all.
    """

    id: str
    title: str
    organization: str
    link: str
    description: str
    source: str
    controls: Mapping[str, str]
    version: str = ""


@dataclass(frozen=True)
class Control:
    """What the rules that a control asks for found.

    `title` is empty where it is not known; `statuses` counts findings, `exempted` those failures among them that
    somebody decided to live with.
    """

    id: str
    title: str
    rules: tuple[str, ...]
    statuses: Mapping[Status, int]
    exempted: int


@cache
def frameworks() -> Mapping[str, Framework]:
    """Return the known frameworks, by id."""
    names = sorted(entry.name.removesuffix(".json") for entry in (asset("schemas") / "controls").iterdir())
    return {name: Framework(id=name, **schema(f"controls/{name}")) for name in names}


def title(framework: str, control: str) -> str:
    """Return what a control is called, "" where that is not known: packs may map to frameworks of their own."""
    known = frameworks().get(framework)
    return known.controls.get(control, "") if known else ""


def by_control(report: Report, framework: str) -> list[Control]:
    """Return the controls of a framework that the rules of a report name, in the framework's own order."""
    rules: dict[str, list[str]] = {}
    for rule in report.rules:
        for control in rule.controls.get(framework, ()):
            rules.setdefault(control, []).append(rule.id)
    by_rule: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_rule.setdefault(finding.rule_id, []).append(finding)
    return [
        _control(framework, id, sorted(names), [f for name in names for f in by_rule.get(name, ())])
        for id, names in sorted(rules.items(), key=lambda item: natural(item[0]))
    ]


def of_report(report: Report) -> list[str]:
    """Return the frameworks that the rules of a report name, sorted."""
    return sorted({framework for rule in report.rules for framework in rule.controls})


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key that sorts CP-6 before CP-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", text)]


def _control(framework: str, id: str, rules: Iterable[str], findings: Iterable[Finding]) -> Control:
    found = list(findings)
    exempted = sum(1 for finding in found if finding.status is Status.FAIL and finding.exemption)
    return Control(id, title(framework, id), tuple(rules), Counter(finding.status for finding in found), exempted)
