"""How a report is written: one module a format, imported when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, TextIO

from scanner.finding import Report


@dataclass(frozen=True)
class Reporter:
    """One report format.

    `module` is its module in this package, which has a function `write(report, out, **options)`; `suffix` is that of
    its files, dot included.
    """

    module: str
    suffix: str

    def write(self, report: Report, out: TextIO, **options: Any) -> None:
        """Write a report to a text stream.

        Args:
            report: What to write.  The same report gives the same text, always.
            out: Where to.  It must be able to take any character the format gives; UTF-8 can.
            **options: `sarif` takes `profile` (`github` or `full`), `scope` and `category`; `table` takes `width`
                (columns), `color`, `unicode`, `group_by` (`rule` or `workload`) and `controls` (ids of frameworks);
                `markdown` takes `markdown_for` (`step` or `comment`); the others take none.
        """
        import_module(f"{__name__}.{self.module}").write(report, out, **options)


REPORTERS: dict[str, Reporter] = {
    "table": Reporter("table", ".txt"),
    "json": Reporter("json", ".json"),
    "sarif": Reporter("sarif", ".sarif"),
    "jsonl": Reporter("jsonl", ".jsonl"),
    "markdown": Reporter("markdown", ".md"),
    "junit": Reporter("junit", ".junit.xml"),
    "csv": Reporter("csv", ".csv"),
    "ocsf": Reporter("ocsf", ".ocsf.jsonl"),
    "asff": Reporter("asff", ".asff.jsonl"),
    "github": Reporter("github", ".github.txt"),
    "gitlab": Reporter("gitlab", ".gitlab.json"),
    "html": Reporter("html", ".html"),
}
