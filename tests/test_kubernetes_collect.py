"""What runs in EKS clusters, through both doors of `collect`, and what it means that a door was closed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from stub_aws import ACCOUNT, DIGEST, EKS, IMAGE, REGION, SECRET, serve

from scanner.collectors import kubernetes, kubernetes_api, read
from scanner.collectors.live import collect
from scanner.collectors.scheduler import Limits
from scanner.errors import UsageError
from scanner.kubernetes_objects import KINDS, Cluster, call
from scanner.model import plain
from scanner.recorded import CallError

CLUSTER = f"{EKS}:cluster/platform"
AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "api-1", "namespace": "shop", "uid": "u1"},
    "spec": {"containers": [{"name": "api", "image": IMAGE, "env": [{"name": "PASSWORD", "value": SECRET}]}]},
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "api",
                "image": IMAGE,
                "imageID": f"{IMAGE.rpartition(':')[0]}@{DIGEST}",
                "state": {"running": {}},
                "ready": True,
            }
        ],
    },
}


@pytest.fixture(scope="module")
def stub():
    with serve() as running:
        yield running


pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture
def run(stub, tmp_path):
    stub.reset()

    def collected(**options):
        given = {"regions": [REGION], "services": ["eks"], "endpoint_url": stub.url, "limits": Limits(paced=False)}
        snapshot = collect(tmp_path / "s", clock=lambda: AT, **given, **options).snapshot
        resources, gaps = read(snapshot)
        found = [resource for resource in resources if resource.type.startswith("Kubernetes::")]
        return snapshot, found, [gap for gap in gaps if gap.type.startswith("Kubernetes::")]

    return collected


def file_of(folder, *items):
    path = folder / "cluster.json"
    path.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": list(items)}))
    return path


def test_without_a_door_what_runs_is_a_gap_that_says_how(run):
    _, found, gaps = run()
    assert found == []
    assert {gap.type for gap in gaps} == set(kubernetes.TYPES)
    assert all("--kubernetes-api" in gap.message and gap.reason == "NotCollected" for gap in gaps)


def test_a_file_shows_what_runs_and_no_secret(run, tmp_path):
    snapshot, found, gaps = run(kubernetes_files={CLUSTER: [file_of(tmp_path, POD)]})
    (pod,) = found
    assert (pod.type, pod.place.region, pod["Cluster"]) == ("Kubernetes::Pod", REGION, CLUSTER)
    assert plain(pod["ContainerImages"]) == [{"ContainerName": "api", "Image": IMAGE, "ImageDigest": DIGEST}]
    assert "Kubernetes::CronJob" in {gap.type for gap in gaps}  # the file does not say that there are none
    assert not any(SECRET in str(each) for each in snapshot.calls())
    assert {row.operation for row in snapshot.coverage() if row.service == "kubernetes"} >= {"kubernetes:ListPods"}


def test_a_file_of_a_cluster_that_is_not_collected_is_refused(run, tmp_path):
    elsewhere = CLUSTER.replace(REGION, "eu-west-1")
    with pytest.raises(UsageError, match="which is not collected"):
        run(kubernetes_files={elsewhere: [file_of(tmp_path, POD)]})
    assert not (tmp_path / "s").exists()


def test_the_api_of_each_cluster_is_asked_when_it_is_allowed(run, monkeypatch):
    asked = []

    def answer(cluster, credentials, region, partition, now, limits):
        asked.append((cluster["arn"], credentials.access_key, region, partition))
        here = Cluster.of(cluster["arn"])
        refused = CallError("Forbidden", "pods is forbidden", 403)
        return [call(here, kind, 0, now(), None, refused) for kind in KINDS.values()]

    monkeypatch.setattr(kubernetes_api, "calls", answer)
    _, found, gaps = run(ask_clusters=True)
    assert asked == [(CLUSTER, "AKIAIOSFODNN7EXAMPLE", REGION, "aws")]
    assert found == []
    assert {gap.type for gap in gaps} == set(kubernetes.TYPES)
    assert {gap.reason for gap in gaps} == {"Forbidden"}
    assert {gap.account for gap in gaps} == {ACCOUNT}
