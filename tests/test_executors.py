"""Where work runs changes nothing in what comes of it; a worker that is lost costs nothing but its task."""

import io
import os
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import executors
from scanner.cli import main
from scanner.collectors.live import collect
from scanner.collectors.scheduler import Limits
from scanner.config import Config
from scanner.errors import RegionproofError, UsageError
from scanner.executors import Local, batched, executor
from scanner.reporters import REPORTERS
from scanner.rule import load_rules
from scanner.scan import scan

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)


def clock():
    return NOW


@pytest.fixture(scope="module")
def dask():
    """Return two workers on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dask.system.CPU_COUNT", 2)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")  # workers have credentials of their own
        patch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with executor("dask") as found:
            yield found


class Deadly:
    """An executor whose first task kills the worker that it runs on."""

    def __init__(self, inner, marker):
        self.inner, self.marker, self.slots, self.dashboard = inner, marker, inner.slots, None

    def run(self, function, shared, batches):
        return self.inner.run(partial(dies_once, function, self.marker), shared, batches)


def dies_once(function, marker, shared, batch):
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        os.kill(os.getpid(), signal.SIGKILL)
    except FileExistsError:
        pass
    return function(shared, batch)


def text(report):
    out = io.StringIO()
    REPORTERS["json"].write(report, out)
    return out.getvalue()


def test_a_scan_on_workers_one_of_which_is_killed_gives_the_same_report(dask, demo, tmp_path):
    rules = [rule for rule in load_rules() if rule.group in ("image", "repository", "workload", "evidence")]
    here, there = (
        text(scan([demo / "snapshot"], rules, Config(), NOW, executor=runs))
        for runs in (None, Deadly(dask, str(tmp_path / "died")))
    )
    assert (tmp_path / "died").exists()
    assert here == there


def test_a_collection_by_workers_gives_the_same_snapshot(dask, endpoint, credentials, tmp_path):
    def collected(name, runs):
        found = collect(
            tmp_path / name,
            clock=clock,
            accounts=["111122223333", "444455556666"],
            regions=["us-east-1", "us-west-2"],
            role_name="RegionproofReadOnly",
            services=["ecr", "ecs"],
            endpoint_url=endpoint.url,
            limits=Limits(paced=False),
            executor=runs,
        )
        return found.snapshot

    assert collected("there", Deadly(dask, str(tmp_path / "died"))) == collected("here", None)
    assert (tmp_path / "died").exists()


def fails(shared, batch):
    raise RegionproofError(f"{shared} {batch}")


def test_what_a_task_raises_is_raised(dask):
    with pytest.raises(RegionproofError, match="shared \\[1\\]"):
        list(dask.run(fails, "shared", [[1]]))


def test_a_worker_with_another_version_is_refused(dask, monkeypatch):
    monkeypatch.setattr(executors, "__version__", "0.0.0")
    with pytest.raises(RegionproofError, match=r"a Dask worker has regionproof .*, and not 0\.0\.0"):
        list(dask.run(fails, None, [[1]]))


def test_in_this_process_one_batch_comes_after_the_other():
    assert list(Local().run(lambda shared, batch: (shared, *batch), 0, [[1, 2], [3]])) == [(0, 1, 2), (0, 3)]


@pytest.mark.parametrize("name", ["ray", "dask:", "dask:8786", "local:", "", "dask-tcp://x:1"])
def test_an_executor_that_is_none_is_refused(name):
    with pytest.raises(UsageError, match="no executor"), executor(name):
        pass


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="Dask is not installed") as error, executor("dask"):
        pass
    assert "pip install 'regionproof[dask]'" in error.value.hint


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(executors, "_ANSWER", 0.2)
    with (
        pytest.raises(RegionproofError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        executor("dask:tcp://127.0.0.1:9"),
    ):
        pass


def test_a_scheduler_without_workers_is_named(monkeypatch):
    import distributed

    monkeypatch.setattr(executors, "_WORKER", 0.2)
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        pytest.raises(RegionproofError, match="has no workers"),
        executor(f"dask:{cluster.scheduler_address}"),
    ):
        pass


def test_the_command_line_has_it(demo, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    snapshot = str(demo / "snapshot")
    with pytest.raises(SystemExit) as stop:
        main(["scan", snapshot, "--executor", "ray"])
    assert (stop.value.code, "no executor 'ray'" in capsys.readouterr().err) == (2, True)
    with pytest.raises(SystemExit) as stop:
        main(["scan", snapshot, "--executor", "dask", "--evidence", "pack"])
    assert (stop.value.code, "exclude each other" in capsys.readouterr().err) == (2, True)


@given(st.lists(st.integers(1, 120)), st.integers(1, 8))
def test_batches_hold_everything_once_and_are_no_heavier_than_allowed(weights, slots):
    batches = batched(enumerate_weighed(weights), slots)
    assert sorted(item for batch in batches for item in batch) == list(range(len(weights)))
    for batch in batches:
        assert batch
        assert len(batch) == 1 or sum(weights[item] for item in batch) <= 50


def enumerate_weighed(weights):
    return [(weight, number) for number, weight in enumerate(weights)]


def test_few_targets_are_spread_over_all_workers():
    assert len(batched([(1, number) for number in range(16)], 2)) == 8
    assert len(batched([(1, number) for number in range(30_000)], 2)) == 600
    assert batched([], 2) == []


def test_rules_travel_as_text():
    import pickle

    rules = load_rules()
    for rule in rules:
        again = pickle.loads(pickle.dumps(rule))
        assert (again.summary(), again.needs, again.foreign) == (rule.summary(), rule.needs, rule.foreign)
    assert Path(rules[0].path).name in pickle.dumps(rules[0]).decode("latin-1")
