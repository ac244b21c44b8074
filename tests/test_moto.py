"""A moto server, in its own process, shows what collecting finds in an account somebody else has made."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

pytest.importorskip("moto.server", reason="moto is not installed")

from estate_moto import ACCOUNT, LIFECYCLE, PRIMARY, STANDBY, Truth, fill

from scanner.collectors import read
from scanner.collectors.live import collect
from scanner.collectors.scheduler import Limits
from scanner.config import Config
from scanner.engine import selected
from scanner.finding import Status
from scanner.images import ImageIndex, RepositoryKey
from scanner.model import Place, Unknown, plain
from scanner.rule import load_rules
from scanner.scan import scan
from scanner.snapshot import Snapshot


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(600):
        assert server.poll() is None, "moto ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("moto does not listen")


@pytest.fixture(scope="module")
def moto_endpoint():
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def estate(moto_endpoint, tmp_path_factory) -> tuple[Truth, Snapshot]:
    truth = fill(moto_endpoint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.delenv("AWS_PROFILE", raising=False)
        snapshot = collect(
            tmp_path_factory.mktemp("moto") / "snapshot",
            regions=[PRIMARY, STANDBY],
            services=["ecr", "ecs", "eks"],
            clock=lambda: datetime.now(UTC),
            endpoint_url=moto_endpoint,
            limits=Limits(max_attempts=1, max_throttles=1, paced=False),
        ).snapshot
    return truth, snapshot


@pytest.fixture(scope="module")
def seen(estate):
    resources, gaps = read(estate[1])
    gaps = [gap for gap in gaps if gap.reason != "NotCollected"]  # services that nobody asks here
    return {(r.type, r.region, r.name): r for r in resources}, gaps


def _names(seen, type: str, region: str) -> set[str]:
    return {name for kind, where, name in seen[0] if (kind, where) == (type, region)}


@pytest.mark.parametrize("region", [PRIMARY, STANDBY])
def test_exactly_the_repositories_that_were_created_are_found(estate, seen, region):
    created = {repository for where, repository in estate[0].digests if where == region}
    assert _names(seen, "AWS::ECR::Repository", region) == created


def test_exactly_the_digests_that_were_pushed_are_found(estate):
    truth, snapshot = estate
    listings = snapshot.images()
    assert {
        (key.region, key.name): {i.digest for i in listing.images} for key, listing in listings.items()
    } == truth.digests
    assert not any(listing.incomplete for listing in listings.values())


def test_exactly_the_tags_that_were_pushed_are_found(estate):
    truth, snapshot = estate
    index = ImageIndex(snapshot.images())
    tags = {
        (key.region, key.name, tag): image.digest for key in index for image in index.images(key) for tag in image.tags
    }
    assert tags == truth.tags


def test_what_the_standby_lacks_is_what_was_left_out(estate):
    truth, snapshot = estate
    index = ImageIndex(snapshot.images())
    for repository, missing in truth.missing.items():
        primary, standby = (RepositoryKey.of(Place(ACCOUNT, region), repository) for region in (PRIMARY, STANDBY))
        assert index.missing(primary, standby, datetime.now(UTC)).missing == len(missing)
    assert {name: len(digests) for name, digests in truth.missing.items()} == {"empty": 0, "team/api": 1, "team/web": 1}
    assert truth.stale == {("team/web", "latest")}
    assert truth.absent == {"team/jobs"}


def test_policies_and_replication_rules_are_found(seen):
    repository = seen[0]["AWS::ECR::Repository", PRIMARY, "team/api"]
    assert repository["LifecyclePolicy"]["LifecyclePolicyText"] == LIFECYCLE
    assert repository["RepositoryPolicyText"]["Statement"][0]["Sid"] == "pull"
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    other = seen[0]["AWS::ECR::Repository", STANDBY, "team/api"]
    assert (other["LifecyclePolicy"], other["RepositoryPolicyText"]) == (None, None)
    rules = {
        region: seen[0]["AWS::ECR::Registry", region, "registry"]["ReplicationConfiguration"]
        for region in (PRIMARY, STANDBY)
    }
    assert plain(rules[PRIMARY]) == {"Rules": [{"Destinations": [{"Region": STANDBY, "RegistryId": ACCOUNT}]}]}
    assert plain(rules[STANDBY]) == {"Rules": []}


@pytest.mark.parametrize("region", [PRIMARY, STANDBY])
def test_exactly_the_workloads_that_were_created_are_found(estate, seen, region):
    truth = estate[0]
    services = {name for where, name in truth.services if where == region}
    assert _names(seen, "AWS::ECS::Service", region) == services
    assert _names(seen, "AWS::ECS::Cluster", region) == {"shop"}
    assert _names(seen, "AWS::EKS::Cluster", region) == truth.clusters[region]
    assert _names(seen, "AWS::EKS::Nodegroup", region) == truth.nodegroups[region]
    assert _names(seen, "AWS::ECS::Task", region) == ({"family:nightly"} if region == PRIMARY else set())
    for name in services:
        service = seen[0]["AWS::ECS::Service", region, name]
        (definition,) = [r for r in seen[0].values() if r.id == service["TaskDefinition"]]
        (container,) = definition["ContainerDefinitions"]
        assert container["Image"] == truth.services[region, name]
        assert plain(container["Environment"]) == [{"Name": "DATABASE_URL", "Value": f"[redacted; mentions {PRIMARY}]"}]
        assert container["LogConfiguration"]["Options"]["awslogs-region"] == PRIMARY


def test_what_moto_lacks_is_unseen_not_absent(seen):
    resources, gaps = seen
    gaps = [gap for gap in gaps if gap.reason != "NotCollected"]
    assert {(gap.type, gap.operation) for gap in gaps} == {
        ("AWS::EKS::Addon", "eks:ListAddons"),
        ("AWS::EKS::PodIdentityAssociation", "eks:ListPodIdentityAssociations"),
        ("AWS::EKS::ClusterVersion", "eks:DescribeClusterVersions"),
    }
    assert {gap.region for gap in gaps} == {PRIMARY, STANDBY}
    registry = dict(resources["AWS::ECR::Registry", PRIMARY, "registry"].properties.raw())
    assert isinstance(registry["RepositoryCreationTemplates"], Unknown)
    for property in ("SigningConfiguration", "PullTimeUpdateExclusions", "ReplicationBackfills"):
        assert isinstance(registry[property], Unknown)
    assert isinstance(registry["PullThroughCacheRules"], Unknown)
    assert all(isinstance(value, Unknown) for _, value in registry["AccountSettings"].raw())
    service = dict(resources["AWS::ECS::Service", PRIMARY, "shop/api"].properties.raw())
    assert isinstance(service["ContainerImages"], Unknown)  # moto answers no service revisions and starts no tasks
    (standby,) = resources["AWS::ECS::Service", STANDBY, "shop/api"]["ContainerImages"]
    assert standby["ImageDigest"] is None  # desired count 0: nothing was resolved yet


def test_no_secret_of_the_estate_is_on_disk(estate):
    import gzip

    for part in estate[1].path.rglob("calls.jsonl.gz"):
        assert b"hunter2" not in gzip.decompress(part.read_bytes())


@pytest.fixture(scope="module")
def failures(estate):
    truth, snapshot = estate
    grace = {"grace": "0s"}  # the images were pushed a moment ago
    by_digest = ("repository-images-replicated", "repository-tag-divergence", "repository-exists-in-standby")
    config = Config(parameters=dict.fromkeys(by_digest, grace), select=by_digest)
    report = scan([snapshot.path], selected(load_rules(), config), config, datetime.now(UTC))
    found = {rule: {} for rule in by_digest}
    for finding in report.findings:
        if finding.status is Status.FAIL:
            found[finding.rule_id][finding.resource.name] = finding
    assert report.pairs_derived
    return truth, found


def test_exactly_the_missing_digests_are_reported_missing(failures):
    truth, found = failures
    missing = {name: digests for name, digests in truth.missing.items() if digests}
    missing |= {name: truth.digests[PRIMARY, name] for name in truth.absent}
    reported = found["repository-images-replicated"]
    assert {name: frozenset(finding.evidence["sample"]) for name, finding in reported.items()} == missing
    assert {name: finding.evidence["missing"] for name, finding in reported.items()} == {
        name: len(digests) for name, digests in missing.items()
    }


def test_a_stale_tag_is_caught_though_every_tag_is_there(failures):
    truth, found = failures
    stale = {repository for repository, _ in truth.stale}
    for repository in stale:
        tags = {
            region: {t for r, n, t in truth.tags if (r, n) == (region, repository)} for region in (PRIMARY, STANDBY)
        }
        assert tags[PRIMARY] == tags[STANDBY]
    assert found["repository-tag-divergence"].keys() == stale
    assert all(tag in found["repository-tag-divergence"][name].message for name, tag in truth.stale)


def test_exactly_the_absent_repositories_are_named(failures):
    truth, found = failures
    assert found["repository-exists-in-standby"].keys() == truth.absent
