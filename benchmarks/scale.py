"""What evaluation by groups of accounts, and Dask, are worth, and how long 10,000 accounts take.

    python -m benchmarks.scale [--accounts 200] [--only memory|workers|overhead|simulation] [--quick]

`memory`: the most memory of a scan of a growing organization of accounts that have nothing to do with each other,
group by group and all at once.  `workers`: the same scan by one and by two workers of a local Dask cluster.
`overhead`: tasks that do nothing.  `simulation`: a collection of 10,000 accounts, in simulated time.  Linux only:
memory is read from /proc.
"""

from __future__ import annotations

import heapq
import json
import random
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.estate import REGIONS, Estate, account_id
from benchmarks.evaluation import memory as held
from benchmarks.loopback import ROOT, environment, serving

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TEMPLATE = Estate(repositories=20, images=50, services=10, functions=10)


def organization(accounts: int, folder: Path) -> Path:
    """Write a snapshot of accounts that are alike, two Regions each: the first is collected, the others are copies."""
    from scanner.recorded import from_line, to_line
    from scanner.snapshot import Snapshot, SnapshotWriter

    with serving(TEMPLATE) as server:
        command = [
            sys.executable,
            "-m",
            "scanner",
            "collect",
            "-o",
            str(folder / "one"),
            "--regions",
            "us-east-1,us-west-2",
        ]
        command += ["--endpoint-url", server.url]
        subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True)
    one, first = Snapshot.open(folder / "one"), account_id(0)
    writer, targets = SnapshotWriter(folder / "all"), []
    for source in one.targets:
        lines = [to_line(call) for call in one.calls_of(source)]
        images = {key.name: listing for key, listing in one.images_of(source).items()}
        for number in range(accounts):
            target = replace(source, account=account_id(number))
            calls = [from_line(json.loads(line.replace(first, target.account)), target) for line in lines]
            writer.write(target, calls, images, started_at=one.started_at, finished_at=one.finished_at)
            targets.append(target)
    writer.finish(targets)
    return folder / "all"


def scanned(snapshot: Path, executor: Any = None, *, at_once: int = 0) -> dict[str, Any]:
    """Scan a snapshot by the rules that are on by default; return figures of it."""
    from scanner.config import Config
    from scanner.engine import selected
    from scanner.model import Pair, Place
    from scanner.rule import load_rules
    from scanner.scan import scan

    config = Config(pairs=(Pair(Place(None, REGIONS[0]), Place(None, REGIONS[1])),))
    rules = selected(load_rules(), config)
    before = held("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    report = scan([snapshot], rules, config, NOW, executor=executor, at_once=at_once)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"findings": len(report.findings), "wall": wall, "cpu": cpu, "before": before, "most": held("VmHWM")}


def _part(name: str, snapshot: Path) -> dict[str, Any]:
    """Measure one part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", "--part", name, "--snapshot", str(snapshot)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def part(name: str, snapshot: Path) -> dict[str, Any]:
    """Return what one part measures."""
    if name in ("groups", "whole"):
        return scanned(snapshot, at_once=0 if name == "groups" else 10**9)
    return by_workers(snapshot, int(name))


def by_workers(snapshot: Path, workers: int) -> dict[str, Any]:
    """Scan with so many workers; the start of the cluster, and a first scan that loads all code, do not count."""
    import distributed

    from scanner.executors import Dask

    with (
        distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        executor = Dask(client)
        scanned(snapshot, executor)
        timed = _Timed(executor)
        figures = scanned(snapshot, timed)
        return {**figures, "busy": sum(timed.taken) / figures["wall"]}


class _Timed:
    """An executor that keeps how long each task took."""

    dashboard = None

    def __init__(self, executor: Any) -> None:
        self._executor, self.slots = executor, executor.slots
        self.taken: list[float] = []

    def run(self, function: Any, shared: Any, batches: Any) -> Iterator[Any]:
        """Yield what the function returns."""
        for found, taken in self._executor.run(partial(_clocked, function), shared, batches):
            self.taken.append(taken)
            yield found


def _clocked(function: Any, shared: Any, batch: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    return function(shared, batch), time.perf_counter() - started


def memory(accounts: int, folder: Path) -> None:
    """Print the memory of scans of a quarter, a half and all of the accounts."""
    rows = []
    for count in (accounts // 4, accounts // 2, accounts):
        place = folder / str(count)
        place.mkdir()
        snapshot = organization(count, place)
        groups, whole = _part("groups", snapshot), _part("whole", snapshot)
        assert groups["findings"] == whole["findings"]
        rows.append(
            [count, groups["findings"]]
            + [f"{one['most'] - one['before']:,.0f}" for one in (groups, whole)]
            + [f"{one['cpu']:,.1f}" for one in (groups, whole)]
        )
    print(tabulate(rows, ["accounts", "findings", "groups, MB", "at once, MB", "groups, CPU s", "at once, CPU s"]))


def workers(accounts: int, folder: Path) -> None:
    """Print how much faster two workers are than one, median of three runs side by side."""
    snapshot = organization(accounts, folder)
    rows = [[_part(number, snapshot) for number in ("1", "2")] for _ in range(3)]
    one, two = sorted(rows, key=lambda row: row[0]["wall"] / row[1]["wall"])[1]
    print(f"one worker {one['wall']:.1f} s, two {two['wall']:.1f} s: {one['wall'] / two['wall']:.2f} times as fast")
    one, two = sorted(rows, key=lambda row: row[1]["busy"] / row[0]["busy"])[1]
    print(f"workers at work on average: {one['busy']:.2f} of one, {two['busy']:.2f} of two")


def _nothing(shared: Any, batch: Sequence[Any]) -> int:
    del shared
    return len(batch)


def overhead(targets: int) -> None:
    """Print what a target costs beside its work, in batches and one by one."""
    import distributed

    from scanner.executors import Dask, batched

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        executor = Dask(client)
        for most, count in ((50, targets), (1, targets // 10)):
            batches = batched([(1, number) for number in range(count)], executor.slots, most)
            started, cpu = time.perf_counter(), time.process_time()
            assert sum(executor.run(_nothing, None, batches)) == count
            taken = (time.perf_counter() - started) / count * 1000
            used = (time.process_time() - cpu) / count * 1000
            print(
                f"{most} a task: {taken:.3f} ms a target ({len(batches)} tasks); "
                f"{used:.3f} ms CPU in the process of the scheduler"
            )


REQUESTS, CPU = 66, 0.0028
"""Of a typical target, and CPU seconds of each with all that follows from it, as `benchmarks.organization` measured."""
LATENCY, IN_FLIGHT, START = 0.040, 32, 60.0
"""Seconds of a request, how many a process makes at a time, and seconds until a machine begins."""
LARGEST_FAMILY, FAMILY_RATE = 0.4, 10.0
"""The part of a target's requests that AWS counts together, and how many of those a second it bears."""
FARGATE = {"vCPU": 0.04048, "GB": 0.004445}
"""US dollars an hour: https://aws.amazon.com/fargate/pricing/, us-east-1, Linux, x86."""


def simulation(accounts: int, regions: int) -> None:
    """Print how long an organization takes, by number of machines of one processor and two gigabytes."""
    chance = random.Random(1)
    # Most accounts are alike, a few are a hundred times as large.
    sizes = [REQUESTS * min(100.0, chance.paretovariate(1.6) * 0.6) for _ in range(accounts)]
    rows = []
    for machines in (1, 4, 16, 64, 256):
        ends = [START] * machines
        heapq.heapify(ends)
        for batch in _batches(sizes, regions, machines):
            begin = heapq.heappop(ends)
            heapq.heappush(ends, begin + _seconds(batch, regions))
        wall = max(ends)
        price = sum(ends) / 3600 * (FARGATE["vCPU"] + 2 * FARGATE["GB"])
        rows.append([machines, f"{wall / 60:,.1f}", f"{sum(ends) / 3600:,.1f}", f"{price:,.2f}"])
    total = sum(sizes) * regions
    print(
        f"{accounts:,} accounts x {regions} Regions, {total:,.0f} requests, {total / accounts / regions:,.0f} a target"
    )
    print(tabulate(rows, ["machines", "minutes", "machine hours", "US $"]))


def _batches(sizes: Sequence[float], regions: int, machines: int) -> list[list[float]]:
    from scanner.executors import batched

    return batched([(regions, size) for size in sizes], machines)


def _seconds(batch: Sequence[float], regions: int) -> float:
    """Return how long a machine takes for a batch: its processor, latency or its largest target bind it."""
    requests = sum(batch) * regions
    return max(requests * CPU, requests * LATENCY / IN_FLIGHT, max(batch) * LARGEST_FAMILY / FAMILY_RATE)


def main() -> None:
    """Measure, print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--only", choices=["memory", "workers", "overhead", "simulation"])
    parser.add_argument("--quick", action="store_true", help="8 accounts: to see that it runs")
    parser.add_argument("--part", help="one part, as JSON")
    parser.add_argument("--snapshot", type=Path)
    given = parser.parse_args()
    if given.part:
        print(json.dumps(part(given.part, given.snapshot)))
        return
    _measure(given)


def _measure(given: Namespace) -> None:
    accounts = 8 if given.quick else given.accounts
    with tempfile.TemporaryDirectory() as folder:
        if given.only in (None, "memory"):
            memory(accounts, Path(folder))
        if given.only in (None, "workers"):
            place = Path(folder) / "workers"
            place.mkdir()
            workers(accounts, place)
    if given.only in (None, "overhead"):
        overhead(300 if given.quick else 30_000)
    if given.only in (None, "simulation"):
        simulation(100 if given.quick else 10_000, 3)


if __name__ == "__main__":
    main()
