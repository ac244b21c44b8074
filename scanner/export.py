"""The images of a snapshot as two tables, for whoever asks them in SQL: one file of each for every account.

    images/account=<account>/images.parquet    region, and the columns of a shard; sorted by repository, digest, region
    lists/account=<account>/lists.parquet      region, and which repositories were asked for; is each list whole?

The folders are partitions, as Hive, Athena, Spark and DuckDB take them.  docs/query.md says what the columns mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scanner import database, shards
from scanner.errors import AGAIN, RegionproofError, SnapshotError
from scanner.images import Listing, RepositoryKey
from scanner.output import new_folder
from scanner.parts import IMAGES, directory
from scanner.snapshot import Snapshot

WHAT = "a folder of tables"
_REGISTRY = "SELECT {} AS region, * FROM read_parquet({})"
_IMAGES = "SELECT * FROM ({}) ORDER BY repository, digest, region"
_LISTS = """
    SELECT unnest(?::VARCHAR[]) AS region, unnest(?::VARCHAR[]) AS repository, unnest(?::BIGINT[]) AS images,
        unnest(?::VARCHAR[]) AS error
    ORDER BY region, repository
"""


class Exported(NamedTuple):
    """What was written: of how many accounts, and how many lists and images."""

    accounts: int
    lists: int
    images: int


def export(snapshot: Snapshot, path: Path) -> Exported:
    """Write the tables into a new folder, whole or not at all; an account that was asked about no repository has none.

    Raises `UsageError`, `OutputError`, `SnapshotError`, and `RegionproofError` for a snapshot without lists.
    """
    accounts = lists = images = 0
    shown = snapshot.parts({IMAGES})
    with new_folder(path, WHAT) as folder:
        for account, targets in snapshot.by_account.items():
            listings = {key: found for target in targets for key, found in snapshot.images_of(target).items()}
            if listings:
                accounts += 1
                lists += _write_lists(listings, _place(folder, "lists", account))
                found = {target.region: directory(snapshot.path, target) / IMAGES for target in targets}
                registries = {region: shard for region, shard in found.items() if shard in shown}
                images += _write_images(registries, _place(folder, "images", account)) if registries else 0
        if not lists:
            raise RegionproofError(
                f"{snapshot.path}: no repository was asked for its images",
                "Collect for rules that need them, or with --services ecr.",
            )
    return Exported(accounts, lists, images)


def _place(folder: Path, table: str, account: str) -> Path:
    place = folder / table / f"account={account}"
    place.mkdir(parents=True)
    return place / f"{table}.parquet"


def _write_images(registries: Mapping[str, Path], path: Path) -> int:
    """Write the images of some Regions, by their shards; return how many.

    The copies that an image has in several Regions stand side by side: only then does its digest, of which nothing
    else can be compressed, take its 32 bytes once.
    """
    every = (
        _REGISTRY.format(shards.quoted(region), shards.quoted(database.file_of(shard)))
        for region, shard in registries.items()
    )
    return _copy(_IMAGES.format(" UNION ALL ".join(every)), path)


def _write_lists(listings: Mapping[RepositoryKey, Listing], path: Path) -> int:
    """Write which repositories were asked for, and why a list ended early; return how many."""
    rows = [(key.region, key.name, listing.count, _error(listing)) for key, listing in listings.items()]
    return _copy(_LISTS, path, [list(column) for column in zip(*rows, strict=True)])


def _error(listing: Listing) -> str | None:
    return listing.incomplete.partition(":")[0] if listing.incomplete else None


def _copy(query: str, path: Path, parameters: Sequence[Any] = ()) -> int:
    import duckdb

    statement = f"COPY ({query}) TO {shards.quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
    try:
        with shards.sorter(path.with_name(".sorting")) as connection:
            ((count,),) = connection.execute(statement, parameters).fetchall()
    except duckdb.OutOfMemoryException as error:
        raise RegionproofError(
            f"sorting the images of an account took more than {shards.MEMORY} of memory, and the rest did not fit "
            f"beside {path.name}",
            "Make room on that disk, or export to a larger one.",
        ) from error
    except duckdb.IOException as error:
        raise OSError(f"{path}: {str(error).partition(': {')[0]}") from error
    except duckdb.Error as error:
        raise SnapshotError(str(error).partition("\n")[0], AGAIN) from error
    return int(count)
