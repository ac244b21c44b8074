"""How a drill is told: one module a format, imported when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, TextIO

from scanner.drill import DrillReport


@dataclass(frozen=True)
class Writer:
    """One format: `module` is its module in this package, `suffix` the end of the names of its files."""

    module: str
    suffix: str

    def write(self, report: DrillReport, out: TextIO, **options: Any) -> None:
        """Write a drill to a text stream; `table` takes `width`, `color` and `unicode`, the others take no options."""
        import_module(f"{__name__}.{self.module}").write(report, out, **options)


WRITERS: dict[str, Writer] = {
    "table": Writer("table", ".drill.txt"),
    "json": Writer("json", ".drill.json"),
    "markdown": Writer("markdown", ".drill.md"),
}
