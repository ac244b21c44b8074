"""Writes sarif_om objects as SARIF 2.1.0 text.

`jschema_to_python`, which sarif_om comes with, drops a `level` that equals the schema's default and so changes the
verdict, writes the name `state` where the standard says `status`, and keeps the whole log in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, Protocol

import attr
import msgspec
import sarif_om as om

from scanner.reporters.text import dumps, timestamp

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_FAST = msgspec.json.Encoder()
_RENAMED = {(om.Suppression, "state"): "status"}
_ALWAYS = {
    (om.Result, "level"),
    (om.Result, "kind"),
    (om.ReportingConfiguration, "level"),
    (om.Notification, "level"),
}


class Stream(Protocol):
    """What text is written to."""

    def write(self, text: str, /) -> int:
        """Write a text."""


def write(out: Stream, runs: Iterable[tuple[om.Run, Iterable[om.Result]]]) -> None:
    """Write a SARIF log, one result a line, without ever holding more than one result.

    Args:
        out: Where to.
        runs: Each run without its results, and its results.
    """
    out.write(f'{{\n"$schema": {dumps(SCHEMA)},\n"version": "2.1.0",\n"runs": [')
    between = "\n"
    for run, results in runs:
        out.write(between)
        _write_run(out, run, results)
        between = ",\n"
    out.write("\n]\n}\n")


def _write_run(out: Stream, run: om.Run, results: Iterable[om.Result]) -> None:
    if run.results is not None:
        raise ValueError("results are given apart from their run")
    head = encode(run)
    for at, key in enumerate(head):
        out.write(f"{'{' if at == 0 else ','}\n{dumps(key)}: {dumps(head[key])}")
    out.write(',\n"results": [')
    between = "\n"
    for result in results:
        out.write(f"{between}{compact(encode(result))}")
        between = ",\n"
    out.write("\n]\n}")


def compact(data: Any) -> str:
    """Return plain JSON data as `dumps` does, in a fraction of the time where it is all plain ASCII."""
    try:
        text = _FAST.encode(data).decode("ascii")
    except (UnicodeError, OverflowError):
        return dumps(data)
    return dumps(data) if "##" in text or "\x7f" in text else text


class Plain:
    """Data that is plain JSON data already, so that nobody has to look at all of it again."""

    __slots__ = ("data",)

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data


_AS_THEY_ARE = frozenset({str, bool, int, float, type(None)})


def encode(value: Any) -> Any:
    """Return sarif_om objects, or plain data that holds some, as plain JSON data; raise TypeError for anything else."""
    kind: Any = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is Plain:
        return value.data
    if kind is list or kind is tuple:
        return [encode(item) for item in value]
    if kind is dict:
        return {str(key): encode(item) for key, item in value.items()}
    if kind is datetime:
        return _utc(value)
    return _members(value, _plan(kind))


def _members(value: Any, plan: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    members = {}
    for attribute, member in vars(value).items():
        if member is None:
            continue
        if attribute not in plan:
            raise TypeError(f"{type(value).__name__} has no attribute '{attribute}'")
        name, default = plan[attribute]
        if default is None or member != default:
            members[name] = member if type(member) is str else encode(member)
    return members


@cache
def _plan(kind: Any) -> dict[str, tuple[str, Any]]:
    """Return attribute -> name in SARIF and the value that need not be written, None if there is none."""
    if kind.__module__.partition(".")[0] != "sarif_om":
        raise TypeError(f"SARIF has no place for a {kind.__name__}")
    return {
        field.name: (
            _RENAMED.get((kind, field.name), field.metadata["schema_property_name"]),
            None if (kind, field.name) in _ALWAYS else _default(field.default),
        )
        for field in attr.fields(kind)
    }


def _default(default: Any) -> Any:
    if default is attr.NOTHING:
        return None
    return default.factory() if isinstance(default, attr.Factory) else default  # type: ignore[arg-type]


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise TypeError("a time in SARIF is in UTC; this one has no zone")
    return timestamp(moment)
