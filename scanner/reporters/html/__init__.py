"""The report for whoever answers for recovery, and for the auditor who prints it: one file that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, TextIO

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from scanner.finding import Report
from scanner.reporters.html.page import page
from scanner.reporters.text import cut, inert, printable

_LONGEST = 1200
_NAMES = {"style": "style.css", "script": "script.js"}


def write(report: Report, out: TextIO) -> None:
    """Write a report as one HTML file.

    Style, script and pictures stand inside it, and its Content-Security-Policy names the hashes of style and script,
    so that nothing else runs, whatever names in the estate say.
    """
    inline = {name: Markup(_asset(file)) for name, file in _NAMES.items()}  # noqa: S704 - files of ours
    hashes = {f"{name}_hash": _csp_hash(text) for name, text in inline.items()}
    out.writelines(_environment().get_template("report.html").generate(**page(report), **inline, **hashes))


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        finalize=_inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _inert(value: Any) -> Any:
    """Return what a template prints: text from outside loses controls, bidi marks and commands of build servers.

    It is escaped afterwards.  `Markup` is what this package has built itself, escaped where it had to be.
    """
    return (
        value
        if isinstance(value, Markup) or not isinstance(value, str)
        else cut(inert(printable(value[:4000])), _LONGEST)
    )
