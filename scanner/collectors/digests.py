"""Which single digests are asked about: what a standby lacks, and the image indexes that workloads run.

The shards on the disk say it, by queries whose memory is bounded, however many images there are.
"""

from __future__ import annotations

import glob
import os
import platform
import shutil
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scanner.collectors import ecr
from scanner.collectors.ask import Answers, Ask, UnreadableError
from scanner.collectors.wanted import Mentioned
from scanner.images import ImageIndex
from scanner.model import InsufficientData, Model, Pair, Place, Resource
from scanner.recorded import LeftOut, Stage, Target
from scanner.replication import replicates, rules_of
from scanner.snapshot import SnapshotWriter

_MEMORY = "256MB"
_NOW = datetime.fromtimestamp(0, UTC)  # of a model that nobody asks for the time


class Digests:
    """Chooses digests, when the images of every target are on the disk.  Any thread may ask; one is served at a time.

    `pairs` are the declared ones, None derives them from the replication rules.
    """

    def __init__(
        self, writer: SnapshotWriter, targets: Collection[Target], pairs: Sequence[Pair] | None, mentioned: Mentioned
    ) -> None:
        self._writer, self._pairs = writer, pairs
        self._targets: Mapping[Place, Target] = {target.place: target for target in targets}
        self._folder = writer.path / "targets" / ".digests"  # other processes may work on the same snapshot
        self._lock = threading.Lock()
        self._running = set(mentioned.digests)
        for target in targets:
            if mentioned.tags and (shard := writer.images_of(target)):
                self._running |= self._tagged(shard, mentioned)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()

    def of(self, ask: Ask, answers: Answers) -> tuple[list[dict[str, Any]], LeftOut | None]:
        """Return the parameters to ask with, and what is left out."""
        shard = self._writer.images_of(answers.target)
        if shard is None:
            return [], None
        if ask is ecr.DESCRIBE_STATUS:
            return self._missing(ask, answers, shard)
        with self._lock, self._database() as database:
            rows = database.execute(_INDEXES, [_path(shard), list(ecr.INDEXES)]).fetchall()
        return [
            {**ask.parameters, "repositoryName": name, "imageIds": [{"imageDigest": digest}]} for name, digest in rows
        ], None

    def _missing(self, ask: Ask, answers: Answers, shard: Path) -> tuple[list[dict[str, Any]], LeftOut | None]:
        """Return the images that a standby lacks although a rule copies them there: those that run, then the newest."""
        standbys = [target for target in map(self._targets.get, self._standbys(answers)) if target]
        query, paths = _lacking([self._writer.images_of(standby) for standby in standbys])
        with self._lock, self._database() as database:
            for number, standby in enumerate(standbys):
                copied = [(number, name) for name in self._copied(answers, standby)]
                if copied:
                    database.executemany("INSERT INTO copied VALUES (?, ?)", copied)
            parameters = [_path(shard), *paths]
            (count,) = database.execute(f"SELECT count(*) FROM ({query})", parameters).fetchone()  # noqa: S608
            rows = database.execute(f"{query} {_FIRST}", parameters).fetchall() if count else []
        questions = [{**ask.parameters, "repositoryName": name, "imageId": {"imageDigest": d}} for name, d, *_ in rows]
        reason = f"{ecr.MOST_STATUSES} a registry are asked about, those that run first, then the newest"
        more = count - len(rows)
        return questions, LeftOut(answers.name(ask), more, reason) if more else None

    def _standbys(self, answers: Answers) -> list[Place]:
        registry = ecr.registry(answers)
        place = answers.target.place
        model = Model([registry], pairs=self._pairs, images=ImageIndex(), scanned=[place], as_of=_NOW)
        with suppress(InsufficientData):
            return sorted({pair.standby for pair in model.pairs_of(place)} - {place})
        return []

    def _copied(self, answers: Answers, standby: Target) -> Iterator[str]:
        """Yield the repositories that a rule copies to a standby of which it is known what it holds."""
        rules = _rules(ecr.registry(answers))
        calls = self._writer.calls_before(standby, Stage.DIGESTS)
        known, whole = ecr.listed(Answers(standby, "ecr", [call for call in calls if call.service == "ecr"]))
        for name in ecr.names(answers):
            with suppress(InsufficientData):
                if known.get(name, whole) and replicates(rules, name, standby.place):
                    yield name

    def _tagged(self, shard: Path, mentioned: Mentioned) -> set[str]:
        """Return the digests of the images in a shard that have a tag by which a workload names one."""
        with self._database() as database:
            database.executemany("INSERT INTO tagged VALUES (?, ?)", sorted(mentioned.tags))
            return {digest for (digest,) in database.execute(_TAGGED, [_path(shard)]).fetchall()}

    @contextmanager
    def _database(self) -> Iterator[Any]:
        """Open a database that knows what runs; what does not fit in its memory goes to a folder that is removed."""
        import duckdb

        folder = self._folder / f"{platform.node()}-{os.getpid()}"
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1,
            "memory_limit": _MEMORY,
            "temp_directory": str(folder),
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
        }
        try:
            with duckdb.connect(":memory:", config=settings) as database:
                database.execute(_TABLES)
                database.execute("INSERT INTO running SELECT unhex(substr(unnest(?), 8))", [sorted(self._running)])
                yield database
        except duckdb.OutOfMemoryException:
            raise UnreadableError("there was not enough memory or disk to compare the images") from None
        except duckdb.IOException as error:  # a full disk is one
            raise OSError(f"{folder}: {str(error).partition(': {')[0]}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # not empty: another process has a folder in it
                self._folder.rmdir()


def _rules(registry: Resource) -> list[Mapping[str, Any]]:
    with suppress(InsufficientData):
        return list(rules_of(registry))
    return []


def _path(shard: Path) -> str:
    return glob.escape(str(shard))


_TABLES = """
    SET enable_progress_bar = false;
    CREATE TABLE running (digest BLOB);
    CREATE TABLE tagged (repository VARCHAR, tag VARCHAR);
    CREATE TABLE copied (standby INTEGER, repository VARCHAR);
"""
_DIGEST = "'sha256:' || lower(hex(digest))"
_TAGGED = f"""
    SELECT DISTINCT {_DIGEST} FROM (SELECT repository, digest, unnest(tags) AS tag FROM read_parquet(?))
    SEMI JOIN tagged USING (repository, tag)
"""  # noqa: S608 - nothing from outside
_INDEXES = f"""
    SELECT repository, {_DIGEST} FROM read_parquet(?)
    WHERE media_type IN (SELECT unnest(?)) AND digest IN (SELECT digest FROM running) ORDER BY ALL
"""  # noqa: S608 - nothing from outside
_FIRST = f"ORDER BY runs DESC, pushed_at DESC NULLS LAST, repository, named LIMIT {ecr.MOST_STATUSES}"


def _lacking(standbys: Sequence[Path | None]) -> tuple[str, list[str]]:
    """Return the query for the images of a shard that one of the standbys lacks, and the paths of their shards."""
    joins, lacks, paths = [], ["false"], []
    for number, shard in enumerate(standbys):
        lacked = f"repository IN (SELECT repository FROM copied WHERE standby = {number})"  # noqa: S608
        if shard is not None:
            there = f"(SELECT repository, digest, true AS there_{number} FROM read_parquet(?))"  # noqa: S608
            joins.append(f"LEFT JOIN {there} USING (repository, digest)")
            lacked += f" AND there_{number} IS NULL"
            paths.append(_path(shard))
        lacks.append(f"({lacked})")
    query = f"""
        SELECT repository, {_DIGEST} AS named, digest IN (SELECT digest FROM running) AS runs, pushed_at
        FROM (SELECT repository, digest, pushed_at FROM read_parquet(?) WHERE status = 'ACTIVE') {" ".join(joins)}
        WHERE {" OR ".join(lacks)}
    """  # noqa: S608 - nothing from outside
    return query, paths
