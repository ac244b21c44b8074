"""Runs one contender in this process and prints what it cost: CPU and wall seconds, and the most memory it held.

    python -m benchmarks.contender NAME SETTINGS FOLDER

The clock starts when everything is imported: how long Python takes to start is another benchmark's question.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def _ours(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    import boto3  # noqa: F401 - loaded before the clock starts, as is all that the product imports on its way
    import duckdb  # noqa: F401
    import idna  # noqa: F401
    import jsonschema  # noqa: F401

    from benchmarks import product
    from scanner.collectors import signer  # noqa: F401

    in_memory = settings.pop("in_memory", False)
    if in_memory:
        product.to_memory()
    started = _now()
    snapshot = product.collect(folder / "snapshot", **settings)
    used = _since(started)
    return used if in_memory else {**used, **product.content(snapshot)}


def _plain(settings: dict[str, Any], _: Path) -> dict[str, Any]:
    import boto3  # noqa: F401 - loaded before the clock starts

    from benchmarks import plain

    started = _now()
    found = plain.collect(**settings)
    return {**_since(started), **found}


def _now() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, time.monotonic()


def _since(started: tuple[float, float]) -> dict[str, Any]:
    cpu, wall = _now()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes, on Linux
    return {"cpu": cpu - started[0], "wall": wall - started[1], "rss": peak}


if __name__ == "__main__":
    name, settings, folder = sys.argv[1:]
    print(json.dumps({"ours": _ours, "plain": _plain}[name](json.loads(settings), Path(folder))))
