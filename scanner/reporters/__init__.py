"""How a report is written: one module a format, imported when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from scanner.finding import Report

Opener = Callable[[Path], AbstractContextManager[TextIO]]


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
            **options: `sarif` takes `profile` (`github` or `full`), `scope`, `category` and `inventory`; `table` takes
                `width` (columns), `color`, `unicode`, `group_by` (`rule` or `workload`) and `controls` (ids of
                frameworks); `markdown` takes `markdown_for` (`step` or `comment`); the others take none.
        """
        self._module().write(report, out, **options)

    def write_files(self, report: Report, path: Path, opened: Opener, **options: Any) -> list[str]:
        """Write a report to a file, or to several where readers of the format take no larger ones.

        `opened` opens a file to write to.  Returns what there is to say about it.
        """
        module = self._module()
        if hasattr(module, "write_files"):
            remarks: list[str] = module.write_files(report, path, opened, **options)
            return remarks
        with opened(path) as out:
            module.write(report, out, **options)
        return []

    def remarks(self, report: Report, **options: Any) -> list[str]:
        """Return what whoever asked for the report has to know before they hand it on, a sentence each."""
        module = self._module()
        found: list[str] = module.remarks(report, **options) if hasattr(module, "remarks") else []
        return found

    def _module(self) -> Any:
        return import_module(f"{__name__}.{self.module}")


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
