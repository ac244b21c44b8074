"""Writes sarif_om objects as SARIF 2.1.0 text.

`jschema_to_python`, which sarif_om comes with, drops a `level` that equals the schema's default and so changes the
verdict, writes the name `state` where the standard says `status`, and keeps the whole log in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, TextIO

import attr
import sarif_om as om

from scanner.reporters.text import dumps, timestamp

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_RENAMED = {(om.Suppression, "state"): "status"}
_ALWAYS = {
    (om.Result, "level"),
    (om.Result, "kind"),
    (om.ReportingConfiguration, "level"),
    (om.Notification, "level"),
}


_NO_DEFAULT = object()


def write(out: TextIO, runs: Iterable[tuple[om.Run, Iterable[om.Result]]]) -> None:
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


def _write_run(out: TextIO, run: om.Run, results: Iterable[om.Result]) -> None:
    if run.results is not None:
        raise ValueError("results are given apart from their run")
    head = encode(run)
    out.writelines(f"{'{' if at == 0 else ','}\n{dumps(key)}: {dumps(head[key])}" for at, key in enumerate(head))
    out.write(',\n"results": [')
    between = "\n"
    for result in results:
        out.write(f"{between}{dumps(encode(result))}")
        between = ",\n"
    out.write("\n]\n}")


def encode(value: Any) -> Any:
    """Return sarif_om objects, or plain data that holds some, as plain JSON data; raise TypeError for anything else."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if type(value).__module__.partition(".")[0] != "sarif_om":
        raise TypeError(f"SARIF has no place for a {type(value).__name__}")
    return dict(_members(value))


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    kind: Any = type(value)
    plan = _plan(kind)
    for attribute, member in vars(value).items():
        if attribute not in plan:
            raise TypeError(f"{kind.__name__} has no attribute '{attribute}'")
        name, default = plan[attribute]
        if member is not None and member != default:
            yield name, encode(member)


@cache
def _plan(kind: Any) -> dict[str, tuple[str, Any]]:
    """Return attribute -> name in SARIF and the value that need not be written."""
    return {
        field.name: (
            _RENAMED.get((kind, field.name), field.metadata["schema_property_name"]),
            _NO_DEFAULT if (kind, field.name) in _ALWAYS else _default(field.default),
        )
        for field in attr.fields(kind)
    }


def _default(default: Any) -> Any:
    if default is attr.NOTHING:
        return _NO_DEFAULT
    return default.factory() if isinstance(default, attr.Factory) else default  # type: ignore[arg-type]


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise TypeError("a time in SARIF is in UTC; this one has no zone")
    return timestamp(moment)
