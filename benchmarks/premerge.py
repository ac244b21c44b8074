"""How fast infrastructure code is read and judged, side by side with the tools that people have in that place.

    python -m benchmarks.premerge [--only cloudformation] [--runs 3] [--quick]
    python -m benchmarks.premerge --only terraform --checkov CHECKOV [--tree FOLDER]

Every part makes a set of files in a folder of its own and runs each contender over it as a process of its own, start
included, in turn; a figure is the median of the runs.  Both read every file and apply all their rules.  Linux only:
memory is `ru_maxrss`, in kilobytes there.

    cloudformation  150 templates of services, networks and registries, YAML and JSON, some of them with nested stacks
    terraform       the root modules of 20 teams in two Regions, with shared modules, or a folder that is there; Checkov
                    has to be installed elsewhere, for it pins what others need
    start           `regionproof --help`, and one small template: the wall time
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from benchmarks import templates, terraform


class Used(NamedTuple):
    """What one process cost: seconds of wall and CPU, MB at most, and how it ended."""

    wall: float
    cpu: float
    memory: float
    code: int


class Row(NamedTuple):
    """One contender of a part, by its name, and what it cost in the median."""

    part: str
    name: str
    used: Used


def run(command: list[str], folder: Path) -> Used:
    """Run a process and say what it cost; what it prints is thrown away."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    started = time.perf_counter()
    actions = [(os.POSIX_SPAWN_DUP2, nowhere, 1), (os.POSIX_SPAWN_DUP2, nowhere, 2)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    before = Path.cwd()
    os.chdir(folder)
    try:
        process = os.posix_spawn(command[0], command, environment, file_actions=actions)
    finally:
        os.chdir(before)
    _, status, usage = os.wait4(process, 0)
    os.close(nowhere)
    cpu = usage.ru_utime + usage.ru_stime
    return Used(time.perf_counter() - started, cpu, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status))


def compare(part: str, contenders: dict[str, list[str]], folder: Path, runs: int) -> list[Row]:
    """Run contenders in turn, so that what else the machine does meets them alike.

    The product is compiled first, as it is when it is installed: the others are.
    """
    compileall.compile_dir(Path(__file__).parents[1] / "scanner", quiet=1)
    found: dict[str, list[Used]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, command in contenders.items():
            found[name].append(run(command, folder))
    return [Row(part, name, _median(each)) for name, each in found.items()]


def _median(runs: list[Used]) -> Used:
    wall, cpu, memory = (statistics.median(run[at] for run in runs) for at in range(3))
    return Used(wall, cpu, memory, runs[-1].code)


def ours(*arguments: str) -> list[str]:
    """Return the command of the product."""
    return [sys.executable, "-m", "scanner", *arguments]


def cloudformation(folder: Path, runs: int, quick: bool) -> list[Row]:
    """Compare with cfn-lint."""
    size = templates.write(folder, 20 if quick else 150)
    print(f"cloudformation: {size.files} templates, {size.resources} resources, {size.bytes / 1000:,.0f} kB")
    (folder / "regionproof.yaml").write_text(templates.CONFIG)
    theirs = [sys.executable, "-c", "from cfnlint.runner import main; main()", "--regions", "us-east-1", "--"]
    files = sorted(map(str, (folder / "infra").rglob("*.*")))
    contenders = {
        "regionproof": ours("scan", "infra", "--config", "regionproof.yaml", "--format", "sarif"),
        "cfn-lint": [*theirs, *files],
    }
    return compare("cloudformation", contenders, folder, runs)


def of_terraform(folder: Path, runs: int, quick: bool, *, checkov: str | None, tree: Path | None) -> list[Row]:
    """Compare with Checkov, if there is one, on a tree that is there or on one that is made."""
    if tree is None:
        size = terraform.write(folder, 2 if quick else 20)
        print(f"terraform: {size.files} files, {size.bytes / 1000:,.0f} kB")
    else:
        shutil.copytree(tree, folder / "infra")
    (folder / "regionproof.yaml").write_text(terraform.CONFIG)
    contenders = {"regionproof": ours("scan", "infra", "--config", "regionproof.yaml", "--format", "sarif")}
    if checkov is not None:
        theirs = [
            checkov,
            "--framework",
            "terraform",
            "--compact",
            "--quiet",
            "-o",
            "sarif",
            "--output-file-path",
            "out",
        ]
        contenders["Checkov"] = [*theirs, "-d", "infra"]
    return compare("terraform", contenders, folder, runs)


def start(folder: Path, runs: int, quick: bool) -> list[Row]:
    """Look at what a run costs at least."""
    (folder / "one.yaml").write_text(templates.SMALL)
    contenders = {"regionproof --help": ours("--help"), "regionproof scan one.yaml": ours("scan", "one.yaml")}
    return compare("start", contenders, folder, 3 if quick else max(runs, 5))


PARTS: dict[str, Callable[..., list[Row]]] = {
    "cloudformation": cloudformation,
    "terraform": of_terraform,
    "start": start,
}


def _lines(rows: list[Row]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        first = next(each.used for each in rows if each.part == row.part)
        ratio = f"{row.used.cpu / first.cpu:.1f} x" if row.used is not first else ""
        yield row.part, row.name, row.used.wall, row.used.cpu, row.used.memory, ratio, row.used.code


def main() -> None:
    """Measure, print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(PARTS), action="append")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--checkov", help="the path of Checkov's command, for the part terraform")
    parser.add_argument("--tree", type=Path, help="a folder of Terraform to measure in place of the one that is made")
    parser.add_argument("--quick", action="store_true", help="few files, once: to see that it runs")
    parser.add_argument("--keep", type=Path, help="a folder for the files, which stay there")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    given = parser.parse_args()
    parts = PARTS | {"terraform": partial(of_terraform, checkov=given.checkov, tree=given.tree)}
    rows = []
    for part in given.only or PARTS:
        folder = Path(tempfile.mkdtemp()) if given.keep is None else given.keep / part
        folder.mkdir(parents=True, exist_ok=True)
        rows += parts[part](folder, 1 if given.quick else given.runs, given.quick)
        if given.keep is None:
            shutil.rmtree(folder)
    if given.json:
        print(json.dumps([{"part": part, "name": name, **used._asdict()} for part, name, used in rows]))
        return
    heads = ("part", "contender", "wall, s", "CPU, s", "MB at most", "CPU / ours", "exit code")
    print(tabulate(list(_lines(rows)), heads, floatfmt=".2f"))


if __name__ == "__main__":
    main()
