"""What runs containers, whatever kind of workload it is, and what an image is for."""

from datetime import UTC, datetime

import pytest

from scanner.images import INDEXES, Image, ImageIndex, Listing, RepositoryKey
from scanner.model import InsufficientData, Location, Model, Pair, Place, Resource, Unknown, guard
from scanner.platforms import platforms, processor
from scanner.references import WORKLOADS, uses
from scanner.roles import policies_of
from scanner.workloads import cache_of, containers, needed_digests, regions_that_fail_over_to, standbys_for

EAST, WEST = Place("111122223333", "us-east-1"), Place("111122223333", "us-west-2")
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
DIGEST = f"sha256:{'a' * 64}"
FILE = {"": Location("infra.yaml", 1)}
UNSEEN = Unknown("only a live resource shows it")


def resource(type, properties, place=EAST, *, name="web", id=None, file=False):
    locations = FILE if file else {}
    return Resource(type, id or f"{type}/{place}/{name}", name, *place, guard(properties), locations=locations)


def model(*resources, pairs=(), images=None):
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return Model(resources, pairs=pairs, images=images or ImageIndex(), scanned=[EAST, WEST], as_of=when)


@pytest.mark.parametrize("type", WORKLOADS)
def test_whatever_runs_an_image_uses_its_repository(type):
    image = {"ContainerName": "app", "Image": f"{ECR}/shop/web:1", "ImageDigest": DIGEST}
    live = resource(type, {"ContainerImages": [image], "PackageType": "Image"})
    (use,) = uses(model(live), EAST).of("shop/web")
    assert (use.workload, use.container, use.digest) == (live, "app", DIGEST)
    (container,) = containers(live)
    assert (str(container), container.digest, container.pointer) == ("app", DIGEST, "/ContainerImages/0")


@pytest.mark.parametrize("type", WORKLOADS)
def test_a_workload_of_which_nothing_was_seen_may_use_anything(type):
    found = uses(model(resource(type, {"ContainerImages": UNSEEN})), EAST)
    assert (found.seen, len(found.unseen)) == ((), 1)
    with pytest.raises(InsufficientData):
        containers(resource(type, {"ContainerImages": UNSEEN, "PackageType": "Image"}))


@pytest.mark.parametrize(
    ("package", "code", "used"),
    [("Image", {"ImageUri": f"{ECR}/shop/web:1"}, ["shop/web"]), ("Image", None, []), ("Zip", {"ImageUri": "x"}, [])],
)
def test_a_function_of_a_file_would_run_its_image(package, code, used):
    declared = {"PackageType": package, "Code": code, "ContainerImages": UNSEEN}
    found = uses(model(resource("AWS::Lambda::Function", declared, file=True)), EAST)
    assert [use.reference.repository for use in found.seen] == used
    assert found.unseen == ()


@pytest.mark.parametrize("file_first", [True, False])
def test_an_image_that_a_live_workload_needs_is_told_of_that_and_not_of_a_file(file_first):
    named = [{"Name": "app", "ContainerName": "app", "Image": f"{ECR}/shop/web@{DIGEST}"}]
    declared = resource("AWS::ECS::TaskDefinition", {"ContainerDefinitions": named}, id="a.yaml#Task", file=True)
    live = resource("AWS::ECS::Service", {"ContainerImages": named}, id="the service")
    running = uses(model(live, declared), EAST).of("shop/web")
    ordered = sorted(running, key=lambda use: bool(use.workload.locations) != file_first)
    needed, _ = needed_digests(model(live, declared), ordered, RepositoryKey(*EAST, "shop/web"), 3)
    assert needed == {DIGEST: "which 'the service' runs"}


def test_a_function_of_a_file_gives_its_container_its_name():
    declared = {"PackageType": "Image", "Code": {"ImageUri": f"{ECR}/shop/web:1"}, "ContainerImages": UNSEEN}
    (container,) = containers(resource("AWS::Lambda::Function", declared, file=True))
    assert str(container) == "web"


def test_the_prefix_of_a_cache_covers_whole_segments_and_the_longest_wins():
    rules = [
        {"EcrRepositoryPrefix": prefix, "UpstreamRegistryUrl": url, "UpstreamRegistry": None}
        for prefix, url in (("ROOT", "root"), ("hub", "hub"), ("hub/library", "library"))
    ]
    with_all = model(resource("AWS::ECR::Registry", {"PullThroughCacheRules": rules}, name="registry"))
    without = model(resource("AWS::ECR::Registry", {"PullThroughCacheRules": rules[1:]}, name="registry"))
    upstream = {
        name: cache_of(with_all, RepositoryKey.of(EAST, name)) for name in ("hub/a", "hub/library/a", "hubble/a")
    }
    assert {name: cache.upstream for name, cache in upstream.items()} == {
        "hub/a": "hub", "hub/library/a": "library", "hubble/a": "root",
    }  # fmt: skip
    assert cache_of(without, RepositoryKey.of(EAST, "hubble/a")) is None


@pytest.mark.parametrize(
    ("dr_class", "here", "there"),
    [
        (None, [WEST], [WEST]),
        ("pilot-light", [WEST], [WEST]),
        ("backup-restore", [], []),
        ("active-active", [EAST, WEST], [EAST, WEST]),
    ],
)
def test_where_what_is_in_a_place_is_to_start(dr_class, here, there):
    whole = model(pairs=[Pair(EAST, WEST, dr_class)])
    assert (standbys_for(whole, EAST), standbys_for(whole, WEST)) == (here, there)
    assert regions_that_fail_over_to(whole, WEST) == {"us-east-1"}


@pytest.mark.parametrize(
    ("type", "properties", "expected"),
    [
        ("AWS::Lambda::Function", {"Architectures": ["arm64"]}, "arm64"),
        ("AWS::Lambda::Function", {}, "amd64"),
        ("Kubernetes::Pod", {}, None),
        ("AWS::ECS::TaskDefinition", {"RuntimePlatform": {"CpuArchitecture": "X86_64"}}, "amd64"),
        ("AWS::ECS::TaskDefinition", {"RequiresCompatibilities": ["FARGATE"]}, "amd64"),
        ("AWS::ECS::TaskDefinition", {"RequiresCompatibilities": ["EC2", "FARGATE"]}, None),
        ("AWS::ECS::TaskDefinition", {}, None),
    ],
)
def test_what_a_workload_runs_on(type, properties, expected):
    assert processor(resource(type, properties), model()) == expected


@pytest.mark.parametrize(("launched", "expected"), [("EC2", None), ("FARGATE", "amd64"), (None, "amd64")])
def test_how_a_service_is_launched_decides_before_what_its_definition_allows(launched, expected):
    definition = resource("AWS::ECS::TaskDefinition", {"RequiresCompatibilities": ["FARGATE"]}, id="web:1")
    service = resource("AWS::ECS::Service", {"TaskDefinition": "web:1", "LaunchType": launched})
    assert processor(service, model(definition)) == expected


def test_attestations_of_an_index_are_no_platforms():
    children = [
        {"Digest": "a", "Platform": {"Architecture": "amd64", "Os": "linux"}},
        {"Digest": "b", "Platform": {"Architecture": "unknown", "Os": "unknown"}},
        {"Digest": "c", "Platform": {"Architecture": "amd64", "Os": "linux"}, "ReferenceType": "attestation-manifest"},
    ]
    manifest = resource("AWS::ECR::ImageManifest", {"Manifests": children}, WEST, name=f"shop/web/{DIGEST}")
    here, there = RepositoryKey.of(EAST, "shop/web"), RepositoryKey.of(WEST, "shop/web")
    assert platforms(model(manifest), here, DIGEST, there) == {"a": "linux/amd64"}
    with pytest.raises(InsufficientData):
        platforms(model(), here, DIGEST, there)


def test_what_kind_of_image_nobody_saw_is_not_known():
    assert all(Image(DIGEST, media_type=type).is_index for type in INDEXES)
    assert not Image(DIGEST, media_type="application/vnd.oci.image.manifest.v1+json").is_index
    with pytest.raises(InsufficientData):
        _ = Image(DIGEST).is_index


def test_what_refers_to_an_image_is_only_known_of_a_whole_list():
    key = RepositoryKey.of(EAST, "shop/web")
    signature = Image(f"sha256:{'b' * 64}", subject=DIGEST)
    assert ImageIndex({key: Listing((signature, Image(DIGEST)))}).referrers(key, DIGEST) == (signature,)
    with pytest.raises(InsufficientData):
        ImageIndex({key: Listing((signature,), "throttled")}).referrers(key, DIGEST)


def test_of_a_role_in_a_file_the_managed_policies_are_known_by_name():
    arns = [
        "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        "arn:aws:iam::111122223333:policy/own",
        UNSEEN,
    ]
    known, *unseen = policies_of(resource("AWS::IAM::Role", {"ManagedPolicyArns": arns}, file=True))
    assert "ecr:BatchGetImage" in known["Statement"]["Action"]
    assert [type(each) for each in unseen] == [InsufficientData, InsufficientData]
    (lost,) = policies_of(resource("AWS::IAM::Role", {"ManagedPolicyArns": UNSEEN}, file=True))
    assert isinstance(lost, InsufficientData)


def test_of_a_live_role_the_policies_say_what_they_say():
    live = {"Policies": [{"PolicyDocument": {"a": 1}}], "ManagedPolicies": [{"PolicyDocument": UNSEEN}]}
    own, managed = policies_of(resource("AWS::IAM::Role", live))
    assert own == {"a": 1}
    assert isinstance(managed, InsufficientData)
