"""Where work runs: in this process, or in the processes of a Dask cluster.

Dask (`dask.distributed`) is loaded when it is asked for, never before.  It starts tasks again that a lost worker had;
what a task does must therefore be the same when it is done twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from scanner import __version__
from scanner.errors import RegionproofError, UsageError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

TARGETS = 50
"""About so many targets are one task: enough that what a task costs beside its work does not count."""
_ATTEMPTS = 3
_ANSWER, _WORKER = 10, 60
"""Seconds that a scheduler may take to answer, and a first worker to join it."""
_SHARE = 4  # tasks for each that can run at a time: those that end early leave no worker idle for long


class Executor(Protocol):
    """Runs a function on batches of work; `slots` is how many batches it works on at a time."""

    slots: int
    dashboard: str | None

    def run(
        self, function: Callable[[Any, Sequence[_Item]], _Result], shared: Any, batches: Sequence[Sequence[_Item]]
    ) -> Iterator[_Result]:
        """Yield `function(shared, batch)` of each batch, whichever ends first; raise what the first of them raises."""


class Local:
    """Runs one batch after the other, in this process."""

    slots = 1
    dashboard: str | None = None

    def run(
        self, function: Callable[[Any, Sequence[_Item]], _Result], shared: Any, batches: Sequence[Sequence[_Item]]
    ) -> Iterator[_Result]:
        """Yield what the function returns, batch by batch."""
        for batch in batches:
            yield function(shared, batch)


class Dask:
    """Runs batches as tasks of a Dask cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.slots = max(1, sum(client.nthreads().values()))
        self.dashboard: str | None = client.dashboard_link

    def run(
        self, function: Callable[[Any, Sequence[_Item]], _Result], shared: Any, batches: Sequence[Sequence[_Item]]
    ) -> Iterator[_Result]:
        """Yield what the function returns.

        A task whose worker is lost is done again by another.  What they share is a task of its own, and no data that
        was sent to a worker, so that the loss of a worker does not lose it.  Raises `RegionproofError` if a task
        ends worker after worker, and for a worker without this version of regionproof.
        """
        import distributed

        with _explained():
            kept = self._client.submit(_keep, shared, pure=False)
            futures = self._client.map(
                _checked, batches, version=__version__, function=function, shared=kept, pure=False, retries=_ATTEMPTS
            )
            try:
                for future in _ended(distributed, futures):
                    yield future.result()
                    future.release()
            finally:
                self._client.cancel(futures)


def _ended(distributed: Any, futures: Sequence[Any]) -> Iterable[Any]:
    ended: Iterable[Any] = distributed.as_completed(futures)
    return ended


def _keep(shared: _Item) -> _Item:
    return shared


def _checked(batch: Any, version: str, function: Callable[[Any, Any], _Result], shared: Any) -> _Result:
    if version != __version__:
        raise RegionproofError(
            f"a Dask worker has regionproof {__version__}, and not {version}",
            "Install the same version on all of them.",
        )
    return function(shared, batch)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what Dask raises of its own into errors a user can act on."""
    from distributed import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise RegionproofError(
            f"a task ended one Dask worker after the other: {error}",
            "Most often its memory was not enough: give the workers more, or start fewer on a machine.",
        ) from None
    except ModuleNotFoundError as error:
        raise RegionproofError(
            f"a Dask worker lacks a module: {error}", "Install regionproof on all of them."
        ) from None


def batched(items: Iterable[tuple[int, _Item]], slots: int, most: int = TARGETS) -> list[list[_Item]]:
    """Return items, each with its weight, in batches of weight `most`; of less, where that keeps all slots busy."""
    weighed = list(items)
    most = max(1, min(most, math.ceil(sum(weight for weight, _ in weighed) / (slots * _SHARE))))
    batches: list[list[_Item]] = []
    room = 0
    for weight, item in sorted(weighed, key=lambda one: -one[0]):  # the longest first: nobody waits for it at the end
        if not batches or room < weight:
            batches.append([])
            room = most
        batches[-1].append(item)
        room -= weight
    return batches


@contextmanager
def executor(name: str) -> Iterator[Executor | None]:
    """Give the executor that `--executor` names: `local`, `dask`, or `dask:` and the address of a scheduler.

    `local` is None: whoever has work does it the way that is best in one process.  `dask` is a cluster of processes on
    this machine, one for each processor.  Raises `UsageError` for any other name and where Dask is not installed, and
    `RegionproofError` for a scheduler that does not answer.
    """
    kind, _, address = name.partition(":")
    if name == "local":
        yield None
        return
    if kind != "dask" or (address and "://" not in address) or name.endswith(":"):
        raise UsageError(f"--executor: no executor '{name}'", "Give local, dask, or dask:tcp://HOST:8786.")
    try:
        import distributed
    except ImportError:
        raise UsageError("--executor: Dask is not installed", "Install it: pip install 'regionproof[dask]'.") from None
    with _cluster(distributed, address) as client:
        yield Dask(client)


@contextmanager
def _cluster(distributed: Any, address: str) -> Iterator[Any]:
    """Give a client of the cluster at an address, or of a new one on this machine."""
    if not address:
        from dask.system import CPU_COUNT

        with (
            distributed.LocalCluster(
                n_workers=CPU_COUNT, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(address, timeout=_ANSWER)
    except (OSError, TimeoutError, ValueError) as error:
        hint = "Check the address, and that its port can be reached from here: dask scheduler prints both."
        raise RegionproofError(f"no Dask scheduler answers at {address}: {error}", hint) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_WORKER)
        except TimeoutError:
            hint = f"Start some where regionproof is installed: dask worker {address}."
            raise RegionproofError(f"the Dask scheduler at {address} has no workers", hint) from None
        yield client
