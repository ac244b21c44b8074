"""Measures collection against plain boto3 and against what it could cost at best; prints ratios.

    python -m benchmarks.collection [--quick] [--runs N] [--only cpu,calls,memory,requests,latency,quota]

Every contender is a process of its own, every figure the median of N runs.  Only ratios and counts are goals.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from tabulate import tabulate

from benchmarks import product
from benchmarks.estate import REGIONS, Estate, floor
from benchmarks.loopback import Server, contend, serving

_LATENCY = 40


@dataclass(frozen=True)
class Row:
    """A line of the table; `goal` is a bound on `figure`, None for what is only shown."""

    what: str
    figure: float
    unit: str
    goal: str = ""
    met: bool | None = None
    note: str = ""


def at_least(what: str, figure: float, bound: float, unit: str = "x", note: str = "") -> Row:
    """Return a row whose figure should not be smaller."""
    return Row(what, figure, unit, f">= {bound:g}", figure >= bound, note)


def at_most(what: str, figure: float, bound: float, unit: str = "x", note: str = "") -> Row:
    """Return a row whose figure should not be greater."""
    return Row(what, figure, unit, f"<= {bound:g}", figure <= bound, note)


@dataclass(frozen=True)
class Size:
    """How much is done: the whole benchmark, or a smoke test of it."""

    quick: bool
    runs: int

    def of(self, whole: int, quick: int) -> int:
        """Return one of two numbers."""
        return quick if self.quick else whole


def _ours(server: Server, estate: Estate, regions: int = 1, services: tuple[str, ...] = ("ecr",), **more: Any) -> Any:
    return contend("ours", server, estate, regions=REGIONS[:regions], services=services, **more)


def _plain(server: Server, estate: Estate, threads: int = 8, retries: str = "standard", **more: Any) -> Any:
    return contend("plain", server, estate, regions=REGIONS[:1], threads=threads, retries=retries, **more)


def cpu(size: Size) -> Iterator[Row]:
    """(a) CPU per image listed, in pages of 1,000."""
    estate = Estate(accounts=size.of(8, 2), repositories=1, images=size.of(100_000, 2000))
    total = estate.accounts * estate.images
    used: dict[str, list[float]] = {"plain": [], "written": [], "memory": [], "disk": []}
    with serving(estate) as server:
        for _ in range(size.runs):
            for name, measured in (
                ("plain", _plain(server, estate)),
                ("written", _plain(server, estate, parquet=True)),
                ("memory", _ours(server, estate, in_memory=True)),
                ("disk", _ours(server, estate)),
            ):
                used[name].append(measured["cpu"] * 1000 / total * 1000)
    plain, written, memory, disk = (median(figures) for figures in used.values())
    yield Row("CPU per 1,000 images, plain boto3", plain, "ms")
    yield Row("CPU per 1,000 images, plain boto3 and a Parquet writer", written, "ms")
    yield Row("CPU per 1,000 images, ours, to memory", memory, "ms")
    yield Row("CPU per 1,000 images, ours, with the snapshot", disk, "ms")
    yield at_least("CPU per image: plain / ours, both to memory", plain / memory, 15)
    yield at_least("CPU per image: plain with Parquet / ours with the snapshot", written / disk, 12)


def calls(size: Size) -> Iterator[Row]:
    """(b) CPU per small call."""
    estate = Estate(accounts=size.of(64, 2), repositories=size.of(25, 3), images=50)
    used: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(size.runs):
        for name, figures in used.items():
            with serving(estate) as server:
                ours = name == "ours"
                measured = _ours(server, estate, in_memory=True) if ours else _plain(server, estate, threads=16)
                figures.append(measured["cpu"] * 1000 / server.counters()["requests"])
    theirs, own = (median(figures) for figures in used.values())
    yield Row("CPU per small call, plain boto3", theirs, "ms")
    yield Row("CPU per small call, ours", own, "ms")
    yield at_least("CPU per small call: plain / ours", theirs / own, 4)


def memory(size: Size) -> Iterator[Row]:
    """(c) Memory held for few and for many targets."""
    services = product.services()
    held: dict[int, float] = {}
    for targets in (size.of(50, 2), size.of(200, 4), size.of(400, 6)):
        regions = 2
        estate = Estate(accounts=targets // regions, repositories=3, images=200)
        with serving(estate) as server:
            held[targets] = _ours(server, estate, regions, services)["rss"]
    few, some, many = held
    for targets, rss in held.items():
        what = f"memory, {targets} targets x {len(services)} services"
        yield at_most(what, rss, 250, "MB") if targets == some else Row(what, rss, "MB")
    yield Row(f"memory, {many} targets / {few} targets", held[many] / held[few], "x", note="flat is 1")


def requests(size: Size) -> Iterator[Row]:
    """(d) Requests against the fewest that would do."""
    estate = Estate(accounts=2, repositories=size.of(60, 12), images=2500, clusters=2, services=size.of(130, 25))
    regions = 2
    with serving(estate) as server:
        _ours(server, estate, regions, ("ecr", "ecs", "eks"))
        asked = server.counters()["operations"]
    fewest = floor(estate, estate.accounts * regions, asked)
    for operation in sorted(asked):
        if asked[operation] != fewest.get(operation):
            yield Row(
                f"requests: {operation}", asked[operation], "", note=f"floor {fewest.get(operation, 'not known')}"
            )
    counted = sum(count for operation, count in asked.items() if operation in fewest)
    yield at_most("requests / floor", counted / sum(fewest.values()), 1.05, note=f"{counted} requests")


def latency(size: Size) -> Iterator[Row]:
    """(e) Wall time when each request takes 40 ms longer."""
    estate = Estate(accounts=size.of(96, 4), repositories=size.of(30, 2), images=100)
    ratios, cpus = [], []
    for _ in range(size.runs):
        with serving(estate, latency=_LATENCY) as server:
            measured = _ours(server, estate)
            counted = server.counters()
        best = counted["requests"] * _LATENCY / 1000 / product.in_flight(estate.accounts)
        ratios.append(measured["wall"] / best)
        cpus.append(measured["cpu"] / measured["wall"])
    note = f"{product.in_flight(estate.accounts)} in flight allowed, {counted['most_in_flight']} seen"
    yield at_most(f"wall / best, {_LATENCY} ms a request", median(ratios), 1.3, note=note)
    yield Row("CPU / wall in that run", median(cpus), "x", note="near 1, one core is the bound and not the latency")


def quota(size: Size) -> Iterator[Row]:
    """(f) A quota the client does not know: throttling, how much of the quota is used, and what is lost."""
    estate = Estate(accounts=size.of(4, 2), repositories=size.of(150, 20), images=100)
    with serving(estate) as server:
        whole = _ours(server, estate)
    settled = size.of(10, 1)
    for limit in (10, 7, 20):
        with serving(estate, quota=limit) as server:
            found = _ours(server, estate, paced=True)
            counted = server.counters()
        throttled, used = _shares(counted, limit * estate.accounts, settled)
        name = f"quota {limit}/s, ours:"
        yield at_most(f"{name} throttled after {settled} s", throttled * 100, 2, "%")
        yield at_least(f"{name} quota used", used * 100, 85, "%", note=f"{found['wall']:.0f} s")
        lost = sum(found["failed"].values())
        same = found["fingerprint"] == whole["fingerprint"]
        yield at_most(f"{name} calls lost", lost, 0, "", note="same content" if same else "content differs")
    for retries in ("standard", "adaptive"):
        with serving(estate, quota=10) as server:
            found = _plain(server, estate, threads=16, retries=retries)
            counted = server.counters()
        throttled, used = _shares(counted, 10 * estate.accounts, settled)
        name = f"quota 10/s, plain boto3, {retries}:"
        yield Row(f"{name} throttled after {settled} s", throttled * 100, "%")
        yield Row(f"{name} quota used", used * 100, "%", note=f"{found['wall']:.0f} s")
        yield Row(f"{name} calls lost", sum(found["failed"].values()), "")


def _shares(counted: dict[str, Any], per_second: float, settled: int) -> tuple[float, float]:
    """Return which part of the requests was throttled, and of the quota used, in the seconds after `settled`.

    The last second is left out: it is not a whole one.
    """
    seconds = {int(second): count for second, count in counted["seconds"].items()}
    refused = {int(second): count for second, count in counted["throttled_seconds"].items()}
    window = range(settled, max(seconds))
    asked = sum(seconds.get(second, 0) for second in window)
    no = sum(refused.get(second, 0) for second in window)
    if not asked:
        return float("nan"), float("nan")
    return no / asked, (asked - no) / (per_second * len(window))


PARTS: dict[str, Callable[[Size], Iterator[Row]]] = {
    part.__name__: part for part in (cpu, calls, memory, requests, latency, quota)
}


def main(arguments: list[str]) -> None:
    """Measure, and print a table."""
    parser = ArgumentParser("python -m benchmarks.collection", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: small, one run, no figure means anything")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to run: {','.join(PARTS)}")
    options = parser.parse_args(arguments)
    size = Size(options.quick, 1 if options.quick else options.runs)
    rows = []
    for name in options.only.split(","):
        print(f"measuring {name} ...", file=sys.stderr)
        rows += [
            (
                row.what,
                f"{row.figure:,.2f}",
                row.unit,
                row.goal,
                {None: "", True: "met", False: "MISSED"}[row.met],
                row.note,
            )
            for row in PARTS[name](size)
        ]
    print(f"regionproof {product.version()}, median of {size.runs}{', quick' if size.quick else ''}")
    print(tabulate(rows, headers=("", "figure", "", "goal", "", ""), disable_numparse=True))


if __name__ == "__main__":
    main(sys.argv[1:])
