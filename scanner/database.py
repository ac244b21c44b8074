"""The database by which image shards are read: one for the process, in bounded memory, whatever is asked of it.

What does not fit goes to a folder for temporary files, which is there only while it is needed.  No file stays open
after a query.
"""

from __future__ import annotations

import atexit
import glob
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from scanner.errors import AGAIN, RegionproofError, SnapshotError

MEMORY = "256MB"
THREADS = 2

_lock = threading.Lock()
_databases: dict[int, tuple[Any, Path]] = {}


def file_of(path: Path) -> str:
    """Return a path as DuckDB takes it, which else reads wildcards in it."""
    return glob.escape(str(path))


def query(shards: Sequence[Path], sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a query about image shards; any thread may ask.

    Raises `SnapshotError` that names the shards if they cannot be read, and `RegionproofError` if there is neither
    memory nor room for temporary files.
    """
    import duckdb

    cursor, folder = _cursor()
    try:
        with cursor:
            return list(cursor.execute(sql, parameters).fetchall())
    except duckdb.Error as error:
        text = str(error).partition("\n")[0]
        if isinstance(error, duckdb.OutOfMemoryException) or str(folder) in text:
            raise RegionproofError(
                f"comparing images took more than {MEMORY} of memory, and the rest did not fit into {folder.parent}",
                "Make room there, or set TMPDIR to a folder on a larger disk.",
            ) from error
        raise SnapshotError(f"{' or '.join(map(str, shards))} cannot be read: {text}", AGAIN) from error


def _cursor() -> tuple[Any, Path]:
    """Return a connection for one thread, and where temporary files go; a process that was forked has its own."""
    import duckdb

    with _lock:
        if os.getpid() not in _databases:
            folder = Path(tempfile.gettempdir()) / f"regionproof-{uuid4().hex}"
            settings: dict[str, str | bool | int | float | list[str]] = {
                "threads": THREADS,
                "memory_limit": MEMORY,
                "temp_directory": str(folder),
                "enable_external_file_cache": False,  # a shard is read once, and the memory is small
                "autoload_known_extensions": False,
                "autoinstall_known_extensions": False,
            }
            database = duckdb.connect(":memory:", config=settings)
            database.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            atexit.register(database.close)  # which takes the temporary files with it
            _databases[os.getpid()] = database, folder
        database, folder = _databases[os.getpid()]
        return database.cursor(), folder
