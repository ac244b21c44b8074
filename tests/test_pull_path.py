"""The way from a workload to the copy of its image, as failures about a container tell it."""

import hashlib
from datetime import UTC, datetime

import pytest

from scanner.finding import Counterpart, Finding, Severity, Status
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import Location, Model, Pair, Place, Resource, Unknown, guard
from scanner.pull_path import with_paths

EAST, WEST = Place("111122223333", "us-east-1"), Place("111122223333", "us-west-2")
FAR = Place("111122223333", "eu-west-1")
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
DIGEST = f"sha256:{hashlib.sha256(b'x').hexdigest()}"
HERE, THERE = (RepositoryKey.of(place, "shop/web") for place in (EAST, WEST))
SERVICE, DEFINITION = "AWS::ECS::Service", "AWS::ECS::TaskDefinition"
FAMILY = "arn:aws:ecs:us-east-1:111122223333:task-definition/web:7"


def resource(type, properties, *, id=None, line=None):
    locations = {"": Location("infra.yaml", line)} if line else {}
    return Resource(type, id or f"{type}/web", "web", *EAST, guard(properties), locations=locations)


def service(**properties):
    image = {"ContainerName": "app", "Image": f"{ECR}/shop/web:1", "ImageDigest": DIGEST}
    return resource(SERVICE, {"TaskDefinition": FAMILY, "ContainerImages": [image], **properties})


def definition(**rest):
    return resource(
        DEFINITION, {"ContainerDefinitions": [{"Name": "app", "Image": f"{ECR}/shop/web:1"}]}, id=FAMILY, **rest
    )


def path(subject, *others, images=None, pointer="/ContainerImages/0", status=Status.FAIL, there=WEST, pairs=None):
    listings = {HERE: Listing((Image(DIGEST, ("1",)),)), THERE: Listing(())} if images is None else images
    model = Model(
        [subject, *others],
        pairs=pairs or [Pair(EAST, WEST)],
        images=ImageIndex(listings),
        scanned=[EAST, WEST],
        as_of=datetime(2026, 11, 1, tzinfo=UTC),
    )
    counterpart = Counterpart(*there, None, False) if there else None
    finding = Finding("a-b", status, Severity.HIGH, subject, "No.", counterpart, pointer)
    (found,) = with_paths([finding], model)
    return [(step.kind, step.id, step.region, step.image, step.exists) for step in found.path]


IMAGE = ("image", "arn:aws:ecr:us-east-1:111122223333:repository/shop/web", "us-east-1", DIGEST, True)
REPLICA = ("replica", "arn:aws:ecr:us-west-2:111122223333:repository/shop/web", "us-west-2", DIGEST, False)


def test_from_the_service_to_the_replica():
    assert path(service(), definition()) == [
        ("workload", f"{SERVICE}/web", "us-east-1", "", True),
        ("definition", FAMILY, "us-east-1", "", True),
        IMAGE,
        REPLICA,
    ]


def test_a_definition_that_was_not_seen_is_no_step():
    assert [kind for kind, *_ in path(service())] == ["workload", "image", "replica"]


def test_code_begins_at_the_service_that_starts_the_definition():
    unseen = Unknown("only a live resource shows it")
    declared = resource(SERVICE, {"TaskDefinition": FAMILY, "ContainerImages": unseen}, line=3)
    found = path(definition(line=12), declared, pointer="/ContainerDefinitions/0/Image")
    assert [kind for kind, *_ in found] == ["workload", "definition", "image", "replica"]
    assert found[2:] == [IMAGE, REPLICA]


def test_what_was_not_seen_is_said_to_be_neither_there_nor_absent():
    (_, _, image, replica) = path(service(), definition(), images={})
    assert (image[4], replica[4]) == (False, False)  # no repository of that name in places that were scanned
    cut = {HERE: Listing((), "denied"), THERE: Listing((), "denied")}
    (_, _, image, replica) = path(service(), definition(), images=cut)
    assert (image[3:], replica[3:]) == ((DIGEST, None), (DIGEST, None))


def test_a_tag_stands_where_the_digest_is_not_known():
    image = {"ContainerName": "app", "Image": f"{ECR}/shop/web:1", "ImageDigest": None}
    cut = {HERE: Listing((), "denied"), THERE: Listing((), "denied")}
    found = path(service(ContainerImages=[image]), images=cut)
    assert [step[3:] for step in found] == [("", True), ("1", None), ("1", None)]


@pytest.mark.parametrize(
    "given",
    [
        {"pointer": ""},
        {"pointer": "/DesiredCount"},
        {"pointer": "/ContainerImages/7"},
        {"status": Status.UNKNOWN},
        {"status": Status.PASS},
        {"pointer": "/ContainerImages/0/Secrets/0"},
    ],
)
def test_what_is_not_about_one_image_has_no_path(given):
    assert path(service(), **given) == []


def test_a_finding_that_compares_with_nothing_is_about_the_only_standby():
    assert path(service(), there=None)[1:] == [IMAGE, REPLICA]
    assert path(service(), there=None, pairs=[Pair(EAST, WEST), Pair(EAST, FAR)])[1:] == [IMAGE]


def test_a_way_to_a_standby_that_nothing_declares_ends_at_the_image():
    assert path(service(), there=FAR)[1:] == [IMAGE]


@pytest.mark.parametrize("image", ["public.ecr.aws/nginx/nginx:1", "nginx", "::", None])
def test_an_image_from_elsewhere_has_no_path(image):
    assert path(service(ContainerImages=[{"ContainerName": "app", "Image": image, "ImageDigest": None}])) == []
