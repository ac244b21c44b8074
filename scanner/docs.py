"""Rules as Markdown: what the header says, what it takes to judge, and what each example really gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from scanner import controls
from scanner.chain import CHAIN, NEEDS
from scanner.finding import Finding, Status
from scanner.model import Location
from scanner.rule import ALWAYS_READ, Rule
from scanner.testing import examples, run

MARK = "<!-- Made from the rules by `regionproof rules docs`; edit the rule instead. -->"
"""Begins every page, and tells pages apart that somebody wrote by hand."""
INDEX, LINKS = "README.md", "chain.md"

_HEADINGS = {
    Status.PASS: "Passes",
    Status.FAIL: "Fails",
    Status.UNKNOWN: "Unknown",
    Status.NOT_APPLICABLE: "Does not apply",
}
_COMMENT = re.compile(r"(?:^|\s)#\s+(\S.*)$")


def pages(rules: Sequence[Rule]) -> dict[str, str]:
    """Return file name -> text: a page for each rule, the index, and the chain of a drill."""
    made = {f"{rule.id}.md": f"{MARK}\n\n{rule_page(rule)}" for rule in rules}
    return {INDEX: f"{MARK}\n\n{index(rules)}", LINKS: f"{MARK}\n\n{chain(rules)}", **made}


def rule_page(rule: Rule) -> str:
    """Return a page about one rule, examples and the findings they give included."""
    return "\n\n".join(block.strip("\n") for block in _page(rule)) + "\n"


def index(rules: Sequence[Rule]) -> str:
    """Return a table of rules for each group, with links to their pages."""
    optional = sum(rule.optional for rule in rules)
    blocks = [
        "# Rules",
        f"{len(rules)} rules, {optional} of them optional: they run only when `--select` or `rules.select` names them.",
        "`regionproof rules show ID` prints a page.",
    ]
    for group, members in groupby(sorted(rules, key=lambda rule: rule.id), key=lambda rule: rule.group):
        rows = ["| rule | severity | what holds when it passes | controls |", "|---|---|---|---|"]
        rows += [_row(rule) for rule in members]
        blocks += [f"## {group}", "\n".join(rows)]
    return "\n\n".join(blocks) + "\n"


def chain(rules: Sequence[Rule]) -> str:
    """Return the links of a drill in their order, with the rules that judge each."""
    rows = ["| | link | what has to hold | rules that judge it |", "|---:|---|---|---|"]
    for number, link in enumerate(CHAIN, 1):
        judges = [
            f"[{rule.id}]({rule.id}.md)" for rule in sorted(rules, key=lambda rule: rule.id) if rule.link == link.id
        ]
        rows.append(f"| {number} | `{link.id}` | {link.title} | {', '.join(judges) or 'none'} |")
    rows.append(f"| | `{NEEDS.id}` | {NEEDS.title} | none: the drill does, out of `depends_on` |")
    about = (
        "`regionproof drill` takes each workload through these links, in the order in which they would break. A rule"
        " judges what the workload needs; [how a drill works](../drill.md) says more."
    )
    return "\n\n".join(["# The chain of a drill", about, "\n".join(rows)]) + "\n"


def _row(rule: Rule) -> str:
    marks = f"{rule.severity}{', optional' if rule.optional else ''}"
    named = "; ".join(f"{_framework(name)} {', '.join(ids)}" for name, ids in _controls(rule))
    return f"| [{rule.id}]({rule.id}.md) | {marks} | {rule.title} | {named} |".replace("  |", " |")


def _page(rule: Rule) -> Iterator[str]:
    header = rule.header
    yield f"# {rule.id}"
    yield f"{rule.title}."
    yield _judged(rule)
    yield f"## Why\n\n{header['rationale'].strip()}"
    yield "## How it is judged"
    yield from _logic(header)
    if "traps" in header:
        yield "Where a simpler check would be wrong:"
        yield _list(header["traps"])
    if header.get("parameters"):
        yield "## Parameters\n\nSet them in `regionproof.yaml` under `rules.parameters`."
        yield _list(_parameter(name, spec) for name, spec in header["parameters"].items())
    yield "## What it reads"
    yield from _data(rule)
    yield f"## Fix\n\n{header['remediation'].strip()}"
    if header.get("controls"):
        yield "## Controls"
        yield _list(_control(name, id) for name, ids in _controls(rule) for id in ids)
    yield "## References"
    yield _list(f"<{url}>" for url in header["references"])
    yield "## Examples"
    yield from _examples(rule)


def _judged(rule: Rule) -> str:
    types = " and ".join(f"`{type}`" for type in rule.resource)
    across = ", against its counterpart in each standby" if rule.across else ""
    optional = " It is optional: it runs only when it is selected." if rule.optional else ""
    link = f" `regionproof drill` asks it about the link `{rule.link}`." if rule.link else ""
    return f"Severity **{rule.severity}**. Judges each {types}{across}.{optional}{link}"


def _logic(header: Mapping[str, Any]) -> Iterator[str]:
    if "assert" not in header:
        yield "By code: `check` in the file of the rule. It passes where nothing below is found."
    for key, what in (
        ("when", "It applies where this JMESPath is true:"),
        ("each", "Each item of this list is judged on its own:"),
        ("assert", "This JMESPath must be true:"),
    ):
        if key in header:
            yield what
            yield f"```\n{header[key].strip()}\n```"


def _parameter(name: str, spec: Mapping[str, Any]) -> str:
    limits = [f"{word} {spec[key]}" for key, word in (("minimum", "at least"), ("maximum", "at most")) if key in spec]
    types = [spec["type"]] if isinstance(spec["type"], str) else spec["type"]
    kind = ", ".join([spec.get("format", " or ".join(types)), *limits])
    default = "null" if spec["default"] is None else spec["default"]
    return f"`{name}` ({kind}; default `{default}`): {' '.join(spec['description'].split())}"


def _data(rule: Rule) -> Iterator[str]:
    from scanner.permissions import actions

    own = ALWAYS_READ & {*rule.resource, *rule.header.get("needs", ())}
    named = ", ".join(f"`{type}`" for type in sorted(rule.needs - ALWAYS_READ | own))
    pairs = "" if own else "; also `AWS::ECR::Registry`, for pairs follow from it where none are declared"
    yield f"{named}{pairs}."
    if any(type.startswith("Kubernetes::") for type in rule.needs):
        yield "What runs in EKS is read from a file of kubectl's, or from the cluster's own API."
    yield "From a live account, that takes these permissions (`regionproof permissions` prints the policy):"
    yield f"```\n{chr(10).join(actions(rule.needs))}\n```"


def _controls(rule: Rule) -> list[tuple[str, Sequence[str]]]:
    return sorted(rule.header.get("controls", {}).items())


def _framework(name: str) -> str:
    known = controls.frameworks().get(name)
    return known.title if known else name


def _control(framework: str, id: str) -> str:
    title = controls.title(framework, id)
    return f"{_framework(framework)} {id}{f': {title}' if title else ''}"


def _examples(rule: Rule) -> Iterator[str]:
    """Yield every example that says something of its own: all but further passes without a comment."""
    lines = _source(rule)
    last = None
    numbers = dict.fromkeys(Status, 0)
    for status, example in examples(rule):
        notes = _notes(lines, rule.locations.get(f"/examples/{status.value}/{numbers[status]}"))
        numbers[status] += 1
        plain = status in (Status.PASS, Status.NOT_APPLICABLE) and numbers[status] > 1 and not notes
        if plain:
            continue
        if status is not last:
            yield f"### {_HEADINGS[status]}"
        last = status
        if notes:
            yield _sentence("; ".join(notes))
        yield f"```yaml\n{_dump(example)}```"
        yield from _given(rule, status, run(rule, example))


def _given(rule: Rule, status: Status, findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        if status is not Status.PASS and finding.status is status:
            where = f" (at `{finding.pointer}`)" if finding.pointer else ""
            lowered = f" (severity {finding.severity})" if finding.severity is not rule.severity else ""
            yield f"> **{finding.status}**: {finding.message}{where}{lowered}"


def _source(rule: Rule) -> list[str]:
    file = Path(rule.path)  # a pack in an archive has no file: its comments are not shown
    return file.read_text(encoding="utf-8").split("\n") if file.is_file() else []


def _notes(lines: Sequence[str], location: Location | None) -> list[str]:
    """Return the comments inside an example: they say what it is about."""
    if location is None:
        return []
    last = location.end_line or location.line
    if last > location.line and not lines[last - 1][: (location.end_column or 1) - 1].strip():
        last -= 1  # what ends with an alias goes to where the next one begins
    found = (_COMMENT.search(line) for line in lines[location.line - 1 : last])
    return [match[1].strip().rstrip(".") for match in found if match]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _dump(example: Mapping[str, Any]) -> str:
    return yaml.safe_dump(example, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {' '.join(item.split())}" for item in items)
