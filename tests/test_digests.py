"""What is asked of single digests: only what somebody reads, only of those that matter, and no more than the cap."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fault_file import HOME, ONCE, OTHER, service
from test_stages import Heard

from scanner.collectors import Answers, batches, digests, ecr, needs, read, since
from scanner.collectors.live import collect_targets
from scanner.collectors.session import Sessions
from scanner.collectors.wanted import Mentioned, Scope
from scanner.demo import NOBODY
from scanner.demo.estate import tell
from scanner.images import Image, Listing
from scanner.model import InsufficientData, Pair, Place, plain
from scanner.recorded import Call, Stage, Target
from scanner.redaction import redact
from scanner.serve import serve
from scanner.serve.faults import Fault
from scanner.shards import image_lines
from scanner.snapshot import Snapshot, SnapshotWriter

AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
FIRST = datetime(2026, 11, 1, 6, tzinfo=UTC)
EAST, WEST, FAR = f"{HOME}/us-east-1", f"{HOME}/us-west-2", f"{OTHER}/us-west-2"
OCI = "application/vnd.oci.image.index.v1+json"
STATUSES, MANIFESTS = frozenset({ecr.STATUS}), frozenset({ecr.MANIFEST, "AWS::ECS::Service", "AWS::ECS::Task"})
RUNNING = frozenset({ecr.STATUS, "AWS::ECS::Service"})
CHILD = "sha256:" + "c" * 64


def manifest(digest, **more):
    children = [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": CHILD,
            "size": 7,
            "platform": {"architecture": "arm64", "os": "linux", "variant": "v8", "os.version": "10"},
        },
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest,
            "size": 7,
            "platform": {"architecture": "unknown", "os": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest", "note": "correct-horse"},
        },
    ]
    return {"schemaVersion": 2, "mediaType": OCI, "manifests": children, "annotations": {"x": "correct-horse"}, **more}


@dataclass
class Told:
    """An estate of indexes, whose registries answer questions about each of its digests."""

    estate: object

    def __post_init__(self):
        self.targets, self.at = self.estate.targets, self.estate.at
        found = self.estate.images().items()
        self._images = {
            key: Listing(
                tuple(replace(i, media_type=OCI if "config" not in i.tags else "text/plain") for i in one.images)
            )
            for key, one in found
        }

    def images(self):
        return self._images

    def calls(self):
        about = "DescribeImageReplicationStatus"  # told of each digest below
        yield from (call for call in self.estate.calls() if call.operation != about)
        for key, listing in self._images.items():
            for image in listing.images:
                yield from self.about(key, image.digest)

    def about(self, key, digest):
        id, at = {"imageDigest": digest}, "2026-11-20T06:00:00Z"
        asked = {"repositoryName": key.name}
        status = {"region": "us-west-2", "registryId": HOME, "status": "FAILED", "failureCode": "KMS"}
        answer = {**asked, "imageId": id, "replicationStatuses": [status]}
        place = (key.account, key.region, 0)
        given = {**asked, "imageId": id}
        yield Call("ecr", "DescribeImageReplicationStatus", given, *place, answer, None, None, at)
        given = {**asked, "imageIds": [id], "acceptedMediaTypes": list(ecr.INDEXES)}
        image = {"registryId": HOME, **asked, "imageId": {**id, "imageTag": "x"}, "imageManifestMediaType": OCI}
        answer = {"images": [{**image, "imageManifest": json.dumps(manifest(digest))}], "failures": []}
        yield Call("ecr", "BatchGetImage", given, *place, answer, None, None, at)


def estate(**places):
    """Return an estate; `app` has 70 builds of which the standby lacks those named, `own` is replicated nowhere."""
    builds = {"prefix": "b", "count": 70, "first": FIRST, "every": "1h"}
    lacks = [f"b{n:04}" for n in range(1, 71)] if places.get("all") else ["b0002", "b0004"]
    east = {
        "replication": [{"to": WEST, "prefixes": ["a"]}],
        "repositories": {
            "app": {"builds": builds},
            "absent": {"releases": {"1": FIRST}},
            "own": {"releases": {"1": FIRST, "2": FIRST}},
        },
        "ecs": {"shop": {"services": {"app": service("app") | {"containers": {"app": "app:b0002"}}}}},
    }
    west = {"repositories": {"app": {"replica_of": EAST, "lacks": lacks}, "own": {"releases": {"9": FIRST}}}}
    return Told(tell({"at": AT, "places": {EAST: east, WEST: west}}))


def run(path, told, needed, *faults, pairs=None, resume=False, earlier=None, scope=None):
    heard = Heard(*faults)
    asked = []
    with serve(told, faults=heard) as endpoint:
        sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=ONCE)
        snapshot = collect_targets(
            told.targets,
            SnapshotWriter(path, resume=resume),
            sessions,
            lambda: AT,
            needed=needed,
            pairs=pairs,
            scope=scope,
            reusable=since.answers_of(earlier) if earlier else since.nothing,
        )
    asked += [
        place for place, operation in heard.heard if operation in ("DescribeImageReplicationStatus", "BatchGetImage")
    ]
    return snapshot, asked


def digest_of(told, region, repository, tag):
    found = next(one for key, one in told.images().items() if (key.region, key.name) == (region, repository))
    return next(image.digest for image in found.images if tag in image.tags)


def registry(snapshot, region="us-east-1"):
    resources, _ = read(snapshot)
    return next(one for one in resources if one.type == ecr.REGISTRY and one.region == region)


def statuses(snapshot):
    return [(each["RepositoryName"], each["ImageDigest"]) for each in registry(snapshot)["ReplicationStatuses"]]


# --- replication ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("needed", [None, frozenset({ecr.IMAGE}), MANIFESTS], ids=["all", "images", "manifests"])
def test_nobody_is_asked_about_replication_unless_a_rule_reads_it(tmp_path, needed):
    snapshot, _ = run(tmp_path / "s", estate(), needed)
    assert "DescribeImageReplicationStatus" not in {call.operation for call in snapshot.calls()}
    with pytest.raises(InsufficientData, match="was not asked"):
        registry(snapshot)["ReplicationStatuses"]
    with pytest.raises(InsufficientData, match="was not asked"):
        registry(snapshot)["ReplicationStatusesLeftOut"]


def test_ecr_is_asked_in_the_source_about_what_a_standby_lacks(tmp_path):
    told = estate()
    snapshot, asked = run(tmp_path / "s", told, RUNNING)
    assert set(asked) == {"us-east-1"}
    lacked = {("app", digest_of(told, "us-east-1", "app", tag)) for tag in ("b0002", "b0004")}
    lacked.add(("absent", digest_of(told, "us-east-1", "absent", "1")))  # the whole repository is not there
    assert set(statuses(snapshot)) == lacked
    first = registry(snapshot)["ReplicationStatuses"][0]
    assert {key: first[key] for key in ("Region", "RegistryId", "Status", "FailureCode")} == {
        "Region": "us-west-2", "RegistryId": HOME, "Status": "FAILED", "FailureCode": "KMS",
    }  # fmt: skip
    assert registry(snapshot)["ReplicationStatusesLeftOut"] == 0
    assert Snapshot.open(tmp_path / "s") == snapshot
    assert not (tmp_path / "s" / "targets" / ".digests").exists()


def test_those_that_run_come_first_then_the_newest_and_the_rest_is_counted(tmp_path):
    told = estate(all=True)
    snapshot, asked = run(tmp_path / "s", told, RUNNING)
    assert len(asked) == ecr.MOST_STATUSES == 50
    found = {digest for _, digest in statuses(snapshot)}
    newest = {digest_of(told, "us-east-1", "app", f"b{n:04}") for n in range(22, 71)}
    assert found == newest | {digest_of(told, "us-east-1", "app", "b0002")}
    assert registry(snapshot)["ReplicationStatusesLeftOut"] == 21
    (row,) = [row for row in snapshot.coverage() if row.operation == "ecr:DescribeImageReplicationStatus"]
    assert (row.calls, row.left_out) == (50, 21)
    assert row.left_out_reason == "50 a registry are asked about, those that run first, then the newest"


@pytest.mark.parametrize(
    ("pairs", "count"),
    [
        ((Pair(Place(None, "us-east-1"), Place(None, "us-west-2")),), 3),
        ((Pair(Place(None, "us-east-1"), Place(None, "eu-west-1")),), 0),  # nobody collects it
        ((Pair(Place(None, "us-west-2"), Place(None, "us-east-1")),), 0),  # no rule copies anything there
        ((), 0),
    ],
    ids=["declared", "not collected", "the other way", "none"],
)
def test_declared_pairs_say_which_standby_counts(tmp_path, pairs, count):
    _, asked = run(tmp_path / "s", estate(), RUNNING, pairs=pairs)
    assert len(asked) == count


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (Fault("deny", "ecr", "DescribeImages", region="us-west-2"), 1),  # of a repository that is not there at all
        (Fault("deny", "ecr", "DescribeRepositories", region="us-west-2"), 0),
        (Fault("deny", "ecr", "DescribeRegistry", region="us-east-1"), 0),
        (Fault("deny", "ecr", "DescribeImages", region="us-east-1"), 0),
    ],
)
def test_what_was_not_seen_is_not_taken_for_missing(tmp_path, fault, count):
    _, asked = run(tmp_path / "s", estate(), RUNNING, fault)
    assert len(asked) == count


def test_a_question_that_is_denied_leaves_that_image_unknown(tmp_path):
    snapshot, _ = run(tmp_path / "s", estate(), RUNNING, Fault("deny", "ecr", "DescribeImageReplicationStatus"))
    for status in registry(snapshot)["ReplicationStatuses"]:
        with pytest.raises(InsufficientData, match="AccessDenied"):
            status["Status"]
    (row,) = [row for row in snapshot.coverage() if row.operation == "ecr:DescribeImageReplicationStatus"]
    assert row.status == "failed"


def test_a_run_that_ended_before_resumes_with_the_digests_alone(tmp_path):
    told = estate()
    whole, asked = run(tmp_path / "s", told, RUNNING)
    (tmp_path / "s" / "snapshot.json").unlink()
    (tmp_path / "s" / "targets" / HOME / "us-east-1" / "digests.jsonl.gz").unlink()
    heard = Heard()
    with serve(told, faults=heard) as endpoint:
        sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=ONCE)
        writer = SnapshotWriter(tmp_path / "s", resume=True)
        again = collect_targets(told.targets, writer, sessions, lambda: AT, needed=RUNNING)
    assert again == whole
    assert heard.heard == [("us-east-1", "DescribeImageReplicationStatus")] * len(asked)


def shard(writer, target, repositories):
    """Write a registry: what each repository holds, as Images."""
    at = "2026-11-20T06:00:00Z"
    place = (target.account, target.region, 0)
    rule = {"destinations": [{"region": r, "registryId": HOME} for r in ("us-west-2", "eu-west-1")]}
    settings = {"replicationConfiguration": {"rules": [rule]}}
    there = {"repositories": [{"repositoryName": name} for name in repositories]}
    first = writer.begin(target)
    first.add(
        [
            Call("ecr", "DescribeRegistry", {}, *place, settings, None, None, at),
            Call("ecr", "DescribeRepositories", {"maxResults": 1000}, *place, there, None, None, at),
        ]
    )
    first.finish(started_at=at, finished_at=at)
    calls = [
        Call("ecr", "DescribeImages", {"repositoryName": name}, *place, None, None, len(images), at)
        for name, images in repositories.items()
    ]
    second = writer.begin(target, Stage.IMAGES)
    second.add(calls)
    for name, images in repositories.items():
        second.add_images(name, image_lines(name, images))
    second.finish(started_at=at, finished_at=at)


names = st.sampled_from(["a", "b"])
numbers = st.integers(0, 9)
holdings = st.dictionaries(names, st.sets(numbers, max_size=8), max_size=2)


@settings(deadline=None, max_examples=60)
@given(
    primary=holdings, west=holdings, europe=holdings, running=st.sets(numbers, max_size=4), archived=st.sets(numbers)
)
def test_the_query_finds_what_sets_find(tmp_path_factory, primary, west, europe, running, archived):
    def image(number):
        status = "ARCHIVED" if number in archived else "ACTIVE"
        pushed = FIRST + timedelta(hours=number % 4) if number else None
        return Image(f"sha256:{number:064x}", pushed_at=pushed, status=status)

    targets = [Target(HOME, region, "aws", None, ("ecr",)) for region in ("us-east-1", "us-west-2", "eu-west-1")]
    writer = SnapshotWriter(tmp_path_factory.mktemp("sets") / "s")
    for target, held in zip(targets, (primary, west, europe), strict=True):
        shard(writer, target, {name: tuple(map(image, sorted(found))) for name, found in held.items()})
    mentioned = Mentioned(digests={image(number).digest for number in running})
    chooser = digests.Digests(writer, targets, None, mentioned)
    answers = Answers(targets[0], "ecr", writer.calls_before(targets[0], Stage.IMAGES))
    asked, left_out = chooser.of(ecr.DESCRIBE_STATUS, answers)
    lacking = [
        (number not in running, -(number % 4) if number else 1, name, number)
        for name, found in primary.items()
        for number in found - archived
        if any(number not in there.get(name, ()) for there in (west, europe))
    ]
    assert [(each["repositoryName"], int(each["imageId"]["imageDigest"][7:], 16)) for each in asked] == [
        (name, number) for _, _, name, number in sorted(lacking)
    ]
    assert left_out is None


# --- manifests -----------------------------------------------------------------------------------------------------


def found_manifests(snapshot):
    resources, gaps = read(snapshot)
    return {(r.region, r.name): r for r in resources if r.type == ecr.MANIFEST}, [
        g for g in gaps if g.type == ecr.MANIFEST
    ]


def test_the_indexes_that_run_are_read_in_each_registry_that_holds_them(tmp_path):
    told = estate()
    snapshot, asked = run(tmp_path / "s", told, MANIFESTS)
    assert asked == ["us-east-1"]  # the standby lacks b2, and nothing else runs
    digest = digest_of(told, "us-east-1", "app", "b0002")
    found, gaps = found_manifests(snapshot)
    (one,) = found.values()
    assert one.id == f"arn:aws:ecr:us-east-1:{HOME}:repository/app/{digest}"
    assert (one.name, plain(one.properties)) == (
        f"app/{digest}",
        {
            "RepositoryName": "app",
            "ImageDigest": digest,
            "MediaType": OCI,
            "Manifests": [
                {
                    "Digest": CHILD,
                    "MediaType": "application/vnd.oci.image.manifest.v1+json",
                    "Platform": {"Architecture": "arm64", "Os": "linux", "Variant": "v8"},
                },
                {
                    "Digest": digest,
                    "MediaType": "application/vnd.oci.image.manifest.v1+json",
                    "Platform": {"Architecture": "unknown", "Os": "unknown"},
                    "ReferenceType": "attestation-manifest",
                },
            ],
        },
    )
    assert {(gap.region, gap.reason) for gap in gaps} == {("us-east-1", "NotCollected"), ("us-west-2", "NotCollected")}
    assert "correct-horse" not in str(list(snapshot.calls()))


def test_a_tag_that_a_workload_names_counts_in_every_registry(tmp_path):
    """A service that runs nothing names a tag of the primary; the standby's copy may have lost it."""
    told = estate()
    digest = digest_of(told, "us-east-1", "app", "b0003")
    path = tmp_path / "s"
    run(path, told, frozenset({ecr.IMAGE}))
    writer = SnapshotWriter(tmp_path / "other")
    seen = Snapshot.open(path)
    for target in told.targets:
        listings = {key.name: listing for key, listing in seen.images_of(target).items()}
        writer.write(target, seen.calls_of(target), listings, started_at="2026-11-20T06:00:00Z", finished_at="x")
    chooser = digests.Digests(
        writer, told.targets, None, Mentioned({"app"}, {("app", "b0003"), ("own", "b0004")}, set())
    )
    for target in told.targets:
        asked, _ = chooser.of(ecr.AFTERWARDS[1], Answers(target, "ecr", ()))
        assert [(each["repositoryName"], each["imageIds"]) for each in asked] == [("app", [{"imageDigest": digest}])]


def test_many_are_asked_for_in_one_request_and_recorded_one_by_one():
    ids = [f"sha256:{n:064x}" for n in range(250)]
    batch = ecr.AFTERWARDS[1].batch
    single = [{"repositoryName": name, "imageIds": [{"imageDigest": id}]} for name in ("a", "b") for id in ids]
    joined = list(batches.together(batch, single))
    assert [(each["repositoryName"], len(each["imageIds"])) for each in joined] == [
        (name, size) for name in ("a", "b") for size in (100, 100, 50)
    ]
    first = joined[0]
    page = {
        "images": [{"imageId": {"imageDigest": ids[1]}, "imageManifest": "{}", "registryId": HOME}],
        "failures": [{"imageId": {"imageDigest": ids[2]}, "failureCode": "ImageNotFound", "failureReason": "gone"}],
    }
    call = Call("ecr", "BatchGetImage", first, HOME, "us-east-1", 0, page, None, None, "2026-11-20T06:00:00Z")
    one, two, three, *_ = batches.apart(batch, call)
    assert [each.parameters["imageIds"] for each in (one, two)] == [[{"imageDigest": id}] for id in ids[:2]]
    assert (one.response, one.error.code) == (None, "MalformedResponse")  # the answer is silent about it
    assert two.response["images"] == [{"imageId": {"imageDigest": ids[1]}, "imageManifest": "{}"}]
    assert [failure["failureCode"] for failure in three.response["failures"]] == ["ImageNotFound"]


def manifests_of(*failures, answer=None):
    """Return what is read of one index whose answer is this."""
    target = Target(HOME, "us-east-1", "aws", None, ("ecr",))
    id = {"imageDigest": CHILD}
    response = {"images": [{"imageId": id, **answer}] if answer else [], "failures": list(failures)}
    given = {"repositoryName": "app", "imageIds": [id]}
    call = Call("ecr", "BatchGetImage", given, HOME, "us-east-1", 0, redact("ecr", response), None, None, "x")
    return [item for item in ecr.resources(Answers(target, "ecr", [call])) if item.type == ecr.MANIFEST]


def test_an_image_that_is_gone_is_no_manifest_and_any_other_failure_is_unknown():
    (gap,) = manifests_of({"failureCode": "ImageNotFound"})
    assert gap.reason == "NotCollected"
    one, _ = manifests_of({"failureCode": "KmsError", "failureReason": "the key is disabled"})
    with pytest.raises(InsufficientData, match="KmsError: the key is disabled"):
        one["Manifests"]


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        json.dumps({"manifests": None}),
        json.dumps(manifest("sha256:short")),
        json.dumps(manifest(CHILD) | {"manifests": [7]}),
        json.dumps(manifest(CHILD) | {"manifests": [{"digest": CHILD, "mediaType": "m" * 256}]}),
        json.dumps(manifest(CHILD, padding="x" * (1 << 20))),
        '{"manifests":' + "[" * 50_000,
        7,
        None,
    ],
    ids=lambda text: str(text)[:20],
)
def test_a_manifest_that_is_none_is_not_kept_and_unknown(text):
    one, _ = manifests_of(answer={"imageManifest": text, "imageManifestMediaType": OCI})
    with pytest.raises(InsufficientData, match="not one of an image index"):
        one["Manifests"]
    kept = redact("ecr", {"imageManifest": text})["imageManifest"]
    assert kept is None or kept == "[redacted]"


def test_only_what_the_type_needs_is_kept_of_a_manifest():
    kept = redact("ecr", {"imageManifest": json.dumps(manifest(CHILD))})
    assert "correct-horse" not in str(kept)
    assert redact("ecr", kept) == kept
    assert set(json.loads(kept["imageManifest"])) == {"mediaType", "manifests"}


def test_manifests_are_reused_and_new_ones_asked_for(tmp_path):
    told = estate()
    before, asked = run(tmp_path / "before", told, MANIFESTS)
    assert len(asked) == 1
    after, again = run(tmp_path / "after", told, MANIFESTS, earlier=before)
    assert again == []
    (row,) = [row for row in after.coverage() if row.operation == "ecr:BatchGetImage"]
    assert row.reused == 1
    assert found_manifests(after)[0].keys() == found_manifests(before)[0].keys()


def test_a_failure_is_never_reused(tmp_path):
    told = estate()
    before, _ = run(tmp_path / "before", told, MANIFESTS, Fault("deny", "ecr", "BatchGetImage"))
    _, again = run(tmp_path / "after", told, MANIFESTS, earlier=before)
    assert len(again) == 1
    failed = Call("ecr", "BatchGetImage", {"imageIds": [{"imageDigest": CHILD}]}, HOME, "us-east-1", 0,
                  {"images": [], "failures": [{"failureCode": "KmsError"}]}, None, None, "x")  # fmt: skip
    assert not since._fit(failed)
    assert since._fit(replace(failed, response={"images": [{}], "failures": []}))
    assert not since._fit(replace(failed, parameters={"imageIds": [{"imageTag": "v1"}]}, response={}))


def test_collecting_from_a_served_snapshot_gives_it_again(tmp_path):
    needed = MANIFESTS | RUNNING
    first, _ = run(tmp_path / "first", estate(all=True), needed, scope=Scope(every=False))
    served = Snapshot.open(tmp_path / "first")
    with serve(served) as endpoint:
        sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=ONCE)
        writer = SnapshotWriter(tmp_path / "second")
        second = collect_targets(first.targets, writer, sessions, lambda: AT, needed=needed, scope=Scope(every=False))
    assert second == first
    assert [record.left_out for record in second.records] == [record.left_out for record in first.records]
    operations = {call.operation for call in second.calls()}
    assert operations >= {"BatchGetImage", "DescribeImageReplicationStatus"}


def test_only_a_rule_that_names_them_needs_what_is_asked_of_digests():
    assert {ask.stage for ask in needs.asks("ecr", None)} == {Stage.CALLS, Stage.IMAGES}
    assert [ask.operation for ask in needs.asks("ecr", STATUSES) if ask.stage is not Stage.CALLS] == [
        "DescribeImages",
        "DescribeImageReplicationStatus",
    ]
    assert "BatchGetImage" in {ask.operation for ask in needs.asks("ecr", MANIFESTS)}
