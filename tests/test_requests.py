"""How many requests a collection makes: exact counts, against the load server of the benchmarks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scanner.collectors.live import collect

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 23, tzinfo=UTC)


class LoadServer:
    def __init__(self, urls: dict[str, str]) -> None:
        self.url, self._counters = urls["endpoint"], urls["counters"]

    def counters(self) -> dict:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self._counters, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def load_server(**estate: int):
    options = [f"--{name.replace('_', '-')}={value}" for name, value in estate.items()]
    command = [sys.executable, "-m", "benchmarks.server", "--max-seconds=300", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield LoadServer(json.loads(process.stdout.readline()))
        finally:
            process.terminate()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def asked(tmp_path: Path, collected: tuple[str, ...], regions=("us-east-1",), **estate: int) -> dict[str, int]:
    """Collect an estate; return how often each operation was asked."""
    with load_server(**estate) as server:
        snapshot = collect(
            tmp_path / "s", regions=regions, services=collected, endpoint_url=server.url, clock=lambda: NOW
        ).snapshot
        assert all(row.status == "complete" for row in snapshot.coverage())
        return server.counters()["operations"]


@pytest.mark.parametrize(
    ("repositories", "images", "lists", "pages"),
    [(0, 0, 1, 0), (1, 1000, 1, 1), (3, 1001, 1, 2), (2, 0, 1, 1)],
    ids=["nothing", "one full page", "one image more", "no images"],
)
def test_a_registry_is_read_in_as_few_requests_as_there_are_pages(tmp_path, repositories, images, lists, pages):
    counts = asked(tmp_path, ("ecr",), repositories=repositories, images=images)
    assert counts["ecr:DescribeRepositories"] == lists
    assert counts.get("ecr:DescribeImages", 0) == repositories * pages
    assert counts.get("ecr:GetRepositoryPolicy", 0) == repositories
    assert counts.get("ecr:GetLifecyclePolicy", 0) == repositories
    assert counts["ecr:GetAccountSetting"] == 3
    assert counts["ecr:DescribeRegistry"] == counts["ecr:GetRegistryPolicy"] == 1


def test_ecs_is_described_in_full_batches(tmp_path):
    counts = asked(tmp_path, ("ecs",), clusters=2, services=125, tasks=101, definitions=7)
    assert {operation: count for operation, count in counts.items() if operation.startswith("ecs:")} == {
        "ecs:ListClusters": 1,
        "ecs:DescribeClusters": 1,  # 100 at a time
        "ecs:ListServices": 2 * 2,  # 100 a page
        "ecs:DescribeServices": 2 * 13,  # 10 at a time
        "ecs:DescribeServiceRevisions": 13,  # 250 revisions, 20 at a time, whatever their cluster
        "ecs:ListTasks": 2 * 2,
        "ecs:DescribeTasks": 2 * 2,  # 100 at a time
        "ecs:DescribeTaskDefinition": 2 * 7,  # once for each that is in use
        "ecs:ListTaskDefinitionFamilies": 1,
    }


def test_clusters_are_described_a_hundred_at_a_time(tmp_path):
    counts = asked(tmp_path, ("ecs",), clusters=101, services=0, tasks=0)
    assert counts["ecs:ListClusters"] == counts["ecs:DescribeClusters"] == 2
    assert counts["ecs:ListServices"] == counts["ecs:ListTasks"] == 101
    assert "ecs:DescribeServices" not in counts
    assert "ecs:DescribeTaskDefinition" not in counts


def test_eks_is_asked_once_for_each_thing(tmp_path):
    counts = asked(tmp_path, ("eks",), eks_clusters=3, nodegroups=2)
    assert counts["eks:ListClusters"] == 1
    assert counts["eks:DescribeCluster"] == counts["eks:ListNodegroups"] == 3
    assert counts["eks:DescribeNodegroup"] == 6


def test_every_target_costs_the_same(tmp_path):
    one = asked(tmp_path / "one", ("ecr", "ecs"), repositories=3)
    two = asked(tmp_path / "two", ("ecr", "ecs"), ("us-east-1", "us-west-2"), repositories=3)
    for once in ("sts:GetCallerIdentity", "account:ListRegions"):
        assert one.pop(once) == two.pop(once) == 1
    assert two == {operation: 2 * count for operation, count in one.items()}


def test_the_load_server_throttles_and_counts(tmp_path):
    with load_server(quota=4, repositories=0) as server:
        snapshot = collect(
            tmp_path / "s", regions=["us-east-1"], services=["ecr"], endpoint_url=server.url, clock=lambda: NOW
        ).snapshot
        counters = server.counters()
    refused = {code for row in snapshot.coverage() for code, _ in row.errors}
    assert refused <= {"ThrottlingException"}
    assert sum(counters["throttled"].values()) > 0
    assert sum(counters["seconds"].values()) == counters["requests"] - 2  # sts and account have no quota
    assert sum(counters["throttled_seconds"].values()) == sum(counters["throttled"].values())


def benchmark(module: str, *options: str) -> str:
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_quick_benchmark_runs_to_its_end():
    table = benchmark("collection", "--quick", "--only=cpu,calls,memory,requests,latency")
    for part in ("CPU per image", "CPU per small call", "memory", "requests / floor", "wall / best"):
        assert part in table
    assert float(re.search(r"requests / floor +([\d.]+)", table)[1]) <= 1.05


def test_an_organization_is_covered_as_the_simulation_was_told():
    said = benchmark("organization", "--accounts=45", "--regions=1", "--latency=0")
    told, of = re.search(r"coverage as told: ([\d,]+) of ([\d,]+)", said).groups()
    assert told == of
    assert int(of) > 44 * 10  # the services of 44 accounts; one cannot be entered
