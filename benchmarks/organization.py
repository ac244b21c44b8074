"""Collects a simulated organization with the real command line, in one command, and shows what came of it.

    python -m benchmarks.organization [--accounts 500] [--regions 3] [--latency 20] [--quota 0]

Some accounts cannot be entered, some have not opted in to the last Region, some never get an answer to one call, some
may not make another, and one is a giant.  The closing table must say so, and nothing else may be missing: what the
snapshot says is compared with what the simulation was told, for each service in each account and Region.  Exit code 1
if there is a difference.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from benchmarks import product
from benchmarks.estate import REGIONS, Estate
from benchmarks.loopback import ROOT, Server, environment, serving
from benchmarks.told import Item, Said, differences, told

_COMMAND = (sys.executable, "-m", "scanner", "collect")
_MOST_LINES = 40


def _command(server: Server, estate: Estate, regions: int, output: Path) -> list[str]:
    """Return the command line; accounts are listed where the command does not know organizations."""
    shown = subprocess.run(
        [*_COMMAND, "--help"], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    ).stdout
    accounts = ["--organization"] if "--organization" in shown else ["--accounts", ",".join(estate.account_ids)]
    named = ["--regions", ",".join(REGIONS[:regions]), "--role-name", product.ROLE]
    return [*_COMMAND, "-o", str(output), *accounts, *named, "--endpoint-url", server.url]


@dataclass(frozen=True)
class Measured:
    """The figures of one collection, what it printed, and what its snapshot says that it saw."""

    figures: Mapping[str, float]
    printed: str
    shown: Mapping[Item, Said]
    unknown: Mapping[str, int]
    """Operations that the load server does not answer."""


def measure(estate: Estate, regions: int, *, latency: float, quota: float) -> Measured:
    """Collect the estate."""
    with serving(estate, latency=latency, quota=quota) as server, tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "snapshot"
        command = _command(server, estate, regions, output)
        said = Path(folder) / "said"
        started = time.monotonic()
        with said.open("w") as out:
            process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=out, stderr=out)
            _, status, used = os.wait4(process.pid, 0)  # what this one process used, not all that ever ran
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
        counted = server.counters()
        size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
        figures = {
            "accounts x Regions": estate.accounts * regions,
            "exit code": process.returncode,
            "wall, s": wall,
            "CPU, s": used.ru_utime + used.ru_stime,
            "memory, MB": used.ru_maxrss / 1024,
            "requests": counted["requests"],
            "requests / s": counted["requests"] / wall,
            "throttled": sum(counted["throttled"].values()),
            "sts:AssumeRole": counted["operations"].get("sts:AssumeRole", 0),
            "snapshot, MB": size / 1e6,
        }
        unknown = {operation: count for operation, count in counted["unknown"].items() if count}
        shown = product.coverage(output) if process.returncode == 0 else {}
        return Measured(figures, said.read_text(), shown, unknown)


def main(arguments: list[str]) -> int:
    """Measure, print the figures below what the command printed, and return 1 if that is not what was told."""
    parser = ArgumentParser("python -m benchmarks.organization", description=__doc__)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--regions", type=int, default=3, choices=range(1, len(REGIONS) + 1))
    parser.add_argument("--latency", type=float, default=20, metavar="MS")
    parser.add_argument("--quota", type=float, default=0, metavar="N")
    options = parser.parse_args(arguments)
    estate = Estate(
        accounts=options.accounts,
        repositories=3,
        images=500,
        giant=options.accounts // 2,
        denied=25,
        opted_out=20,
        throttled=35,
        forbidden=45,
    )
    measured = measure(estate, options.regions, latency=options.latency, quota=options.quota)
    print(measured.printed)
    print(f"regionproof {product.version()}")
    figures = [(name, f"{figure:,.0f}") for name, figure in measured.figures.items()]
    print(tabulate(figures, disable_numparse=True))
    expected = told(estate, REGIONS[: options.regions], product.services_of_rules())
    return _compare(expected, measured)


def _compare(expected: Mapping[Item, Said], measured: Measured) -> int:
    """Print whether what was shown is what was told; return the exit code."""
    right = sum(measured.shown.get(item) == said for item, said in expected.items())
    print(f"coverage as told: {right:,} of {len(expected):,}")
    found = differences(expected, measured.shown, measured.printed)
    found += [
        f"{operation} x{count}: the load server does not know it" for operation, count in measured.unknown.items()
    ]
    for line in found[:_MOST_LINES]:
        print(f"  {line}")
    if len(found) > _MOST_LINES:
        print(f"  and {len(found) - _MOST_LINES:,} more")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
