"""Collects a simulated organization with the real command line, in one command, and shows what came of it.

    python -m benchmarks.organization [--accounts 500] [--regions 3] [--latency 20] [--quota 0]

Some accounts cannot be entered, some have not opted in to the last Region, some never get an answer to one call,
and one is a giant.  The closing table must say so, and nothing else may be missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks import product
from benchmarks.estate import REGIONS, Estate
from benchmarks.loopback import ROOT, Server, environment, serving

_COMMAND = (sys.executable, "-m", "scanner", "collect")


def _command(server: Server, estate: Estate, regions: int, output: Path) -> list[str]:
    """Return the command line; accounts are listed where the command does not know organizations."""
    shown = subprocess.run(
        [*_COMMAND, "--help"], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    ).stdout
    accounts = ["--organization"] if "--organization" in shown else ["--accounts", ",".join(estate.account_ids)]
    named = ["--regions", ",".join(REGIONS[:regions]), "--role-name", product.ROLE]
    return [*_COMMAND, "-o", str(output), *accounts, *named, "--endpoint-url", server.url]


def measure(estate: Estate, regions: int, *, latency: float, quota: float) -> tuple[dict[str, Any], str]:
    """Return the figures of one collection, and what it printed."""
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
        return figures, said.read_text()


def main(arguments: list[str]) -> None:
    """Measure, and print the figures below what the command printed."""
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
    )
    figures, said = measure(estate, options.regions, latency=options.latency, quota=options.quota)
    print(said)
    print(f"regionproof {product.version()}")
    print(tabulate([(name, f"{figure:,.0f}") for name, figure in figures.items()], disable_numparse=True))


if __name__ == "__main__":
    main(sys.argv[1:])
