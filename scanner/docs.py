"""Rules as Markdown: what the header says, and what each example really gives."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from scanner.finding import Status
from scanner.rule import Rule
from scanner.testing import examples, run


def rule_page(rule: Rule) -> str:
    """Return a page about one rule, examples and the findings they give included."""
    return "\n".join(_page(rule)) + "\n"


def _page(rule: Rule) -> Iterator[str]:
    header = rule.header
    across = ", compared with its counterpart in each standby" if rule.across else ""
    yield f"# {rule.id}\n\n{rule.title}.\n"
    yield f"Severity **{rule.severity}**; judges {' and '.join(f'`{type}`' for type in rule.resource)}{across}.\n"
    yield f"## Why\n\n{header['rationale'].strip()}\n"
    if "assert" in header:
        yield f"## Asserts\n\n```\n{header['assert']}\n```\n"
    yield f"## Fix\n\n{header['remediation'].strip()}\n"
    if header.get("parameters"):
        yield "## Parameters\n"
        for name, spec in header["parameters"].items():
            yield f"- `{name}` (default `{spec['default']}`): {spec['description']}"
        yield ""
    if header.get("controls"):
        yield "## Controls\n"
        yield from (f"- {name}: {', '.join(ids)}" for name, ids in sorted(header["controls"].items()))
        yield ""
    yield "## References\n"
    yield from (f"- <{url}>" for url in header["references"])
    yield "\n## Examples\n"
    for status, example in examples(rule):
        yield f"{status.replace('_', ' ').capitalize()}:\n"
        text = yaml.safe_dump(example, sort_keys=False, allow_unicode=True, width=110)
        yield "\n".join(f"    {line}" for line in text.rstrip().splitlines()) + "\n"
        for finding in run(rule, example):
            if finding.status in (Status.FAIL, Status.UNKNOWN):
                yield f"> {finding.status}: {finding.message}\n"
