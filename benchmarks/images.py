"""Is every image in the standby too?  100 million rows, exactly, beside other ways to ask.

    python -m benchmarks.images [--rows 100000000] [--runs 3] [--folder DIR] [--quick]

The estate: registries with five repositories of 100,000 images, and their replicas in another Region.  There are as
many of one kind of registry as of the other; in the replica of one kind one repository lacks a tenth of its images, so
10 % of the repositories are unequal and 1 % of the images are missing.  2 % are archived, 1 % have no push time, and a
few were pushed within the grace time.  The rows are written as shards of a snapshot, in the format and by the statement
of the product, 1, 10 and 100 % of them as snapshots of their own; the smallest has half the images a repository, since
it would have only one registry.  100 million rows take 5 GB of disk, which are given back at the end.  Every contender
is a process of its own, they take turns, and all must find the same.
Where the machine is busy, CPU says more than seconds.  Linux only: memory is read from /proc.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tabulate import tabulate

REPOSITORIES, IMAGES, KINDS = 5, 100_000, 2
REGIONS = ("us-east-1", "us-west-2")
START = "start"
"""The snapshot of hardly any images."""
AT = "2026-11-01T00:00:00Z"
OLDER_THAN = datetime(2026, 10, 31, 23, tzinfo=UTC)
MEMORY, WHOLE_MEMORY = "256MB", "4GB"
_NOW = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
_ROWS = f"""
    SELECT 'team/service-' || service AS repository, unhex(sha256($kind || '/' || service || '/' || image)) AS digest,
        CASE WHEN image % 3 = 0 THEN [] ELSE ['1.' || (image // 50) || '.' || (image % 50)] END AS tags,
        CASE WHEN image % 100 = 99 THEN NULL
            ELSE make_timestamptz(({_NOW} - (hash(image, service, $kind) % 60000000)::BIGINT) * 1000000)
        END AS pushed_at,
        CASE WHEN image % 2 = 0 THEN NULL
            ELSE make_timestamptz(({_NOW} - (hash(service, image) % 6000000)::BIGINT) * 1000000)
        END AS last_pulled_at,
        NULL::TIMESTAMPTZ AS last_archived_at, NULL::TIMESTAMPTZ AS last_activated_at,
        (20000000 + hash($kind, image) % 200000000)::BIGINT AS size,
        CASE WHEN image % 50 = 7 THEN 'ARCHIVED' ELSE 'ACTIVE' END AS status,
        'application/vnd.oci.image.manifest.v1+json' AS media_type, NULL::VARCHAR AS artifact_media_type,
        NULL::BLOB AS subject
    FROM range({REPOSITORIES}) services(service), range($images) images(image)
    WHERE NOT ($standby AND $kind * {REPOSITORIES} + service = 3 AND image % 10 = 0)
    ORDER BY repository, digest
"""


# --- the estate ----------------------------------------------------------------------------------------------------


def generate(folder: Path, registries: int, images: int) -> dict[str, float]:
    """Write a snapshot of so many registries and their replicas, with so many images a repository.

    Return how many rows, and bytes a row.
    """
    from scanner.recorded import Target
    from scanner.snapshot import SnapshotWriter

    writer = SnapshotWriter(folder)
    targets, rows, size = [], 0, 0
    for account in range(registries):
        for region in REGIONS:
            target = Target(f"{100_000_000_000 + account}", region, "aws", None, ("ecr",))
            part = writer.begin(target)
            spool = _Generated(account % KINDS, region, images, folder.parent)
            part._spool = spool  # type: ignore[assignment]
            part.add(_listed(target, spool.counts))
            part.finish(started_at=AT, finished_at=AT)
            targets.append(target)
            rows += sum(spool.counts.values())
            size += (folder / "targets" / target.account / region / "images.parquet").stat().st_size
    writer.finish(targets)
    return {"rows": rows, "bytes a row": size / rows}


class _Generated:
    """Stands for the spool of a target: the rows come from a query, or are those of a registry of the same kind."""

    repeats = False

    def __init__(self, kind: int, region: str, images: int, written: Path) -> None:
        self._written = written / f"{kind}-{region}-{images}.parquet"
        self._rows = _ROWS.replace("$kind", str(kind)).replace("$standby", str(region == REGIONS[1]))
        self._rows = self._rows.replace("$images", str(images))
        lacking = region == REGIONS[1] and kind == 0
        self.counts = {
            f"team/service-{n}": images * 9 // 10 if lacking and n == 3 else images for n in range(REPOSITORIES)
        }

    def write(self, path: Path) -> None:
        from scanner import shards

        if self._written.exists():
            shutil.copyfile(self._written, path)
            return
        with _database(WHOLE_MEMORY, threads=1) as database:
            database.execute(f"CREATE TEMP TABLE images AS {self._rows}")
            database.execute(shards.copy("SELECT * FROM images ORDER BY repository, digest", path))
        shutil.copyfile(path, self._written)


def _listed(target: Any, counts: dict[str, int]) -> Iterator[Any]:
    from scanner.recorded import Call

    for name, count in counts.items():
        parameters = {"repositoryName": name, "filter": {"imageStatus": "ANY"}}
        yield Call("ecr", "DescribeImages", parameters, target.account, target.region, 0, None, None, count, AT)


def columns(folder: Path) -> dict[str, float]:
    """Return bytes a row of each column of a shard, of three of them alone, and of the tables of an export."""
    from scanner.export import export
    from scanner.snapshot import Snapshot

    here = str(folder / f"targets/100000000000/{REGIONS[0]}/images.parquet")
    copy = folder / "copy.parquet"
    with _database(WHOLE_MEMORY, threads=1) as database:
        found = _columns(database, here)
        database.execute(_THREE.format(here, copy))
        found["digest, repository, time in a file of their own"] = sum(_columns(database, str(copy)).values())
        export(Snapshot.open(folder), folder.with_name("tables"))
        exported = _columns(database, str(folder.with_name("tables") / "images/*/*.parquet"))
    copy.unlink()
    found["tables of an export, all columns"] = sum(exported.values())
    found["tables of an export: digest, repository, time"] = sum(exported[name] for name in _THREE_COLUMNS)
    return found


_THREE_COLUMNS = ("repository", "digest", "pushed_at")
_THREE = """
    COPY (SELECT repository, digest, pushed_at FROM read_parquet('{}') ORDER BY repository, digest)
    TO '{}' (FORMAT parquet, COMPRESSION zstd)
"""


def _columns(database: Any, file: str) -> dict[str, float]:
    (rows,) = database.execute("SELECT count(*) FROM read_parquet(?)", [file]).fetchone()
    sizes = database.execute(
        "SELECT split_part(path_in_schema, ',', 1), sum(total_compressed_size) FROM parquet_metadata(?) "
        "GROUP BY ALL ORDER BY 2 DESC",
        [file],
    ).fetchall()
    return {name: size / rows for name, size in sizes}


# --- contenders ----------------------------------------------------------------------------------------------------


def ours(folder: Path, measure: Callable[[str], None]) -> Any:
    """Open the snapshot, and ask for each repository what its replica lacks.

    What a process does once, whatever there is to compare, is measured apart: by a snapshot of hardly any images
    before, and by the same comparison again, when it has its memory.
    """
    from scanner.images import ImageIndex
    from scanner.snapshot import Snapshot

    measure("imports")
    _all_missing(ImageIndex(Snapshot.open(folder.with_name(START)).images()))
    measure("start-up")
    snapshot = Snapshot.open(folder)
    measure("verify (SHA-256)")
    index = ImageIndex(snapshot.images())
    measure("open (counts)")
    found = _all_missing(index)
    measure("missing")
    _all_missing(index, datetime(2026, 10, 25, tzinfo=UTC))
    measure("another grace time")
    index = ImageIndex(snapshot.images())
    measure("open again")
    _all_missing(index)
    measure("missing again")
    return found


def _all_missing(index: Any, older_than: datetime = OLDER_THAN) -> Any:
    found = [
        index.missing(key, key._replace(region=REGIONS[1]), older_than) for key in index if key.region == REGIONS[0]
    ]
    return sum(each.missing for each in found), sum(each.missing > 0 for each in found)


def loop(folder: Path, measure: Callable[[str], None]) -> Any:
    """Join two files at a time, by hand."""
    with _database(MEMORY) as database:
        measure("imports")
        rows = []
        for here, there in _pairs(folder):
            rows += database.execute(
                _ABSENT.format(here="?", there="?", by="", key=""), [here, OLDER_THAN, there]
            ).fetchall()
        measure("missing")
    return sum(missing for _, missing in rows), len(rows)


_ABSENT = """
    SELECT repository{key}, count(*) FROM (
        SELECT repository, digest{by} FROM read_parquet({here})
        WHERE status = 'ACTIVE' AND (pushed_at IS NULL OR pushed_at <= ?)
    ) ANTI JOIN (SELECT repository, digest{by} FROM read_parquet({there})) USING (repository, digest{key}) GROUP BY ALL
"""


def whole(folder: Path, measure: Callable[[str], None]) -> Any:
    """Join all files at once."""
    with _database(WHOLE_MEMORY) as database:
        measure("imports")
        files = [f"{[pair[side] for pair in _pairs(folder)]!r}, filename = true" for side in (0, 1)]
        by = ", filename.split('/')[-3] AS account"
        sql = _ABSENT.format(here=files[0], there=files[1], by=by, key=", account")
        rows = database.execute(sql, [OLDER_THAN]).fetchall()
        measure("missing")
    return sum(row[-1] for row in rows), len(rows)


def sets(folder: Path, measure: Callable[[str], None]) -> Any:
    """Read rows into Python as Python has them, texts and times, and compare a set for each account."""
    import duckdb

    measure("imports")
    columns = "repository, 'sha256:' || lower(hex(digest)), status, pushed_at"
    missing, unequal = 0, set()
    for number, pair in enumerate(_pairs(folder)):
        here, there = (duckdb.execute(f"SELECT {columns} FROM read_parquet(?)", [file]).fetchall() for file in pair)
        known = {(repository, digest) for repository, digest, _, _ in there}
        wanted = {
            (repository, digest)
            for repository, digest, status, pushed_at in here
            if status == "ACTIVE" and (pushed_at is None or pushed_at <= OLDER_THAN)
        }
        absent = wanted - known
        missing += len(absent)
        unequal |= {(number, repository) for repository, _ in absent}
    measure("missing")
    return missing, len(unequal)


def bare(folder: Path, measure: Callable[[str], None]) -> Any:
    """Compare sets in Python of nothing but bytes, one for each repository, with as little else as can be."""
    import duckdb

    measure("imports")
    missing = unequal = 0
    for here, there in _pairs(folder):
        sides: list[dict[str, set[bytes]]] = [{}, {}]
        for side, file in zip(sides, (here, there), strict=True):
            cursor = duckdb.execute("SELECT repository, digest, status, epoch(pushed_at) FROM read_parquet(?)", [file])
            while rows := cursor.fetchmany(10_000):
                for repository, digest, status, pushed_at in rows:
                    known = side.setdefault(repository, set())
                    old = pushed_at is None or pushed_at <= OLDER_THAN.timestamp()
                    if side is sides[1] or (status == "ACTIVE" and old):
                        known.add(digest)
        absent = [len(digests - sides[1].get(name, set())) for name, digests in sides[0].items()]
        missing, unequal = missing + sum(absent), unequal + sum(map(bool, absent))
    measure("missing")
    return missing, unequal


def objects(folder: Path, measure: Callable[[str], None]) -> Any:
    """Ask the same of lists of images in memory, a repository at a time."""
    from scanner.images import ImageIndex, Listing
    from scanner.snapshot import Snapshot

    snapshot = Snapshot.open(folder)
    listings = snapshot.images()
    measure("imports")
    missing = unequal = 0
    for key in sorted(key for key in listings if key.region == REGIONS[0]):
        pair = key, key._replace(region=REGIONS[1])
        index = ImageIndex({each: Listing(listings[each].images) for each in pair})
        found = index.missing(*pair, OLDER_THAN)
        missing, unequal = missing + found.missing, unequal + (found.missing > 0)
    measure("missing")
    return missing, unequal


def read(folder: Path, measure: Callable[[str], None]) -> Any:
    """Read the columns that a comparison needs, and compare nothing."""
    with _database(MEMORY) as database:
        measure("imports")
        for here, there in _pairs(folder):
            database.execute(
                "SELECT max(octet_length(digest)), max(repository), max(status), max(pushed_at) FROM read_parquet(?)",
                [here],
            ).fetchall()
            database.execute(
                "SELECT max(octet_length(digest)), max(repository) FROM read_parquet(?)", [there]
            ).fetchall()
        measure("missing")
    return None


CONTENDERS = {"ours": ours, "loop": loop, "whole": whole, "sets": sets, "bare": bare, "objects": objects, "read": read}
SLOW = ("whole", "sets", "bare", "objects")
"""What runs once."""
SHARES = {"sets": 10, "bare": 100, "objects": 100}
"""What runs on a part of the rows only: a tenth, a hundredth."""
TITLES = {
    "ours": "ours, by `ImageIndex`",
    "loop": "DuckDB, a loop over the files by hand",
    "whole": f"DuckDB, one anti-join ({WHOLE_MEMORY} of memory)",
    "sets": "Python, sets of digests as text, for each account",
    "bare": "Python, bare sets of bytes, for each repository",
    "objects": "Python, lists of images",
    "read": "reading the columns alone",
}


def _pairs(folder: Path) -> list[tuple[str, str]]:
    accounts = sorted((folder / "targets").iterdir())
    return [(f"{at}/{REGIONS[0]}/images.parquet", f"{at}/{REGIONS[1]}/images.parquet") for at in accounts]


def _database(memory: str, threads: int = 2) -> Any:
    import duckdb

    folder = str(Path(tempfile.gettempdir()) / f"benchmark-{time.time_ns()}")
    settings = {"threads": threads, "memory_limit": memory, "temp_directory": folder}
    database = duckdb.connect(":memory:", config=settings)
    database.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return database


def measured(name: str, folder: Path) -> dict[str, Any]:
    """Run one contender here; return what it found, and CPU and wall seconds of each of its phases."""
    phases: dict[str, tuple[float, float]] = {}
    last = [time.perf_counter(), time.process_time()]

    def measure(phase: str) -> None:
        now = time.perf_counter(), time.process_time()
        phases[phase] = (now[0] - last[0], now[1] - last[1])
        last[:] = now

    found = CONTENDERS[name](folder, measure)
    status = Path("/proc/self/status").read_text().splitlines()
    memory = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
    return {"found": found, "phases": phases, "memory": memory}


# --- the run -------------------------------------------------------------------------------------------------------


def run(name: str, folder: Path) -> dict[str, Any]:
    """Run one contender in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.images", "--contender", name, "--folder", str(folder)]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return found


SHOWN = ("start-up", "verify (SHA-256)", "open (counts)", "missing", "missing again", "another grace time")


def growth(folders: dict[int, Path], runs: int) -> tuple[list[list[str]], dict[int, Any]]:
    """Measure ours, alone, on snapshots of different sizes: the best of some runs, and CPU a row.

    Return also what it found in each.
    """
    rows, lacking = [], {}
    for count, folder in folders.items():
        found = min((run("ours", folder) for _ in range(runs)), key=lambda each: each["phases"]["missing again"][1])
        lacking[count] = found["found"]
        wall_and_cpu = [found["phases"][name] for name in SHOWN]
        start, _, opened, missing, again, _ = (cpu / count * 1e9 for _, cpu in wall_and_cpu)
        rows.append(
            [
                f"{count:,}",
                *(f"{wall:.2f} ({cpu:.2f})" for wall, cpu in wall_and_cpu),
                *(f"{each:.0f}" for each in (again, missing, missing + opened, missing + opened + start)),
                f"{found['memory']:.0f}",
            ]
        )
    return rows, lacking


def compare(sizes: dict[str, tuple[int, Path]], runs: int, missing: dict[int, Any]) -> list[list[str]]:
    """Run all contenders in turns; return a row of each: medians, and CPU and wall a row in proportion to ours.

    All must find what is `missing` in a snapshot of so many rows.
    """
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in sizes}
    for number in range(runs):
        for name, (_, folder) in sizes.items():
            if number == 0 or name not in SLOW:
                results[name].append(run(name, folder))
    for name, (size, _) in sizes.items():
        for found in (each["found"] for each in results[name] if name != "read"):
            if found != missing[size]:
                raise SystemExit(f"{name} does not agree: {found}, not {missing[size]}")
    figures = {
        name: tuple(
            statistics.median(each["phases"]["missing"][kind] for each in found) / sizes[name][0] for kind in (0, 1)
        )
        for name, found in results.items()
    }
    rows = []
    for name, (wall, cpu) in figures.items():
        size, memory = sizes[name][0], max(each["memory"] for each in results[name])
        ratios = (wall / figures["ours"][0], cpu / figures["ours"][1])
        seconds = [f"{wall * size:.1f}", f"{cpu * size:.1f}"]
        rows.append([TITLES[name], f"{size:,}", *seconds, *(f"{each:.2f} x" for each in ratios), f"{memory:.0f}"])
    return rows


def main() -> None:
    """Generate, measure, print, tidy up."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000, help="of both sides together")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to generate; a temporary folder if not given")
    parser.add_argument("--quick", action="store_true", help="2 million rows: to see that it runs")
    parser.add_argument("--contender", choices=CONTENDERS, help="one contender on a snapshot at --folder, as JSON")
    given = parser.parse_args()
    if given.contender:
        print(json.dumps(measured(given.contender, given.folder)))
        return
    rows, runs = (2_000_000, 1) if given.quick else (given.rows, given.runs)
    folder = Path(tempfile.mkdtemp(prefix="regionproof-images-", dir=given.folder))
    try:
        folders: dict[int, Path] = {}
        generate(folder / START, KINDS, 10)
        for share in (100, 10, 1):
            images = rows // share // REPOSITORIES // 2
            registries = max(KINDS, images // IMAGES)
            at = folder / str(share)
            found = generate(at, registries, images // registries)
            folders[int(found["rows"])] = at
            print(f"{found['rows']:,.0f} rows, {found['bytes a row']:.1f} bytes a row", file=sys.stderr)
        of_share = dict(zip((100, 10, 1), sorted(folders), strict=True))
        titles = ["rows", *SHOWN, "ns a row: again", "first", "with opening", "with start-up", "MB"]
        grown, missing = growth(folders, runs)
        print(f"\nwall (CPU) in seconds\n{tabulate(grown, titles)}")
        counts = {name: of_share[SHARES.get(name, 1)] for name in CONTENDERS}
        sizes = {name: (count, folders[count]) for name, count in counts.items()}
        titles = ["", "rows", "wall", "CPU", "wall/ours", "CPU/ours", "MB"]
        print(f"\nper row in proportion to ours\n{tabulate(compare(sizes, runs, missing), titles)}")
        room = columns(folders[of_share[100]]).items()
        print(f"\nbytes a row\n{tabulate([(name, f'{size:.2f}') for name, size in room])}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
