"""Image references: the grammar, and which of them workloads make."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.loaders import Loader
from hypothesis import example, given
from hypothesis import strategies as st

from scanner.images import ImageIndex, RepositoryKey
from scanner.model import Gap, Location, Model, Place, Resource, Unknown, guard
from scanner.references import (
    InvalidReference,
    Reference,
    parse,
    render,
    uses,
)
from scanner.regions import partition_by_name

HEX = "0123456789abcdef" * 4
EAST, WEST = Place("111122223333", "us-east-1"), Place("111122223333", "us-west-2")

HOSTS = [
    ("111122223333.dkr.ecr.us-east-1.amazonaws.com", "us-east-1", False, False),
    ("111122223333.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", True, False),
    ("111122223333.dkr-ecr.eu-west-1.on.aws", "eu-west-1", False, True),
    ("111122223333.dkr-ecr-fips.us-gov-west-1.on.aws", "us-gov-west-1", True, True),
    ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", False, False),
    ("111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", False, False),
    ("111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", False, False),
    ("111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", False, False),
    ("111122223333.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", False, False),
    ("111122223333.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", False, False),
    ("111122223333.dkr.ecr.us-east-1.amazonaws.com:443", "us-east-1", False, False),
]


@pytest.mark.parametrize(("host", "region", "fips", "dual_stack"), HOSTS)
def test_the_registry_hosts_of_every_partition(host, region, fips, dual_stack):
    reference = parse(f"{host}/shop/web:1.2")
    assert reference == Reference(host, "shop/web", "1.2", None, "111122223333", region, fips, dual_stack)
    assert reference.is_ecr
    assert reference.place == Place("111122223333", region)
    assert reference.key == RepositoryKey("111122223333", region, "shop/web")


def known_regions():
    """Every Region that botocore knows, with its partition and the domain of its services."""
    for entry in Loader().load_data("partitions")["partitions"]:
        for region in entry["regions"]:
            if not region.endswith("-global"):
                yield region, entry["id"], entry["outputs"]["dnsSuffix"]


@pytest.mark.parametrize(("region", "partition", "suffix"), list(known_regions()))
def test_every_region_of_botocore_has_registry_hosts_and_a_partition(region, partition, suffix):
    for fips in ("", "-fips"):
        reference = parse(f"111122223333.dkr.ecr{fips}.{region}.{suffix}/shop/web:1.2")
        assert (reference.place, reference.fips) == (Place("111122223333", region), bool(fips))
    assert partition_by_name(region) == (partition, suffix)


@pytest.mark.parametrize(
    "host",
    [
        "11112222333.dkr.ecr.us-east-1.amazonaws.com",
        "111122223333.dkr.ecr.us-east-1.amazonaws.com.evil.example",
        "111122223333.dkr.ecr.us-east-1.amazonaws.org",
        "x111122223333.dkr.ecr.us-east-1.amazonaws.com",
        "111122223333.dkr.ecr.us-east-1.amazonaws.com:5000",
        "111122223333.ecr.us-east-1.amazonaws.com",
    ],
)
def test_hosts_that_only_look_like_ecr(host):
    reference = parse(f"{host}/shop/web:1.2")
    assert not reference.is_ecr
    assert reference.place is None
    assert reference.key is None


@pytest.mark.parametrize(
    ("image", "host", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io", "library/nginx", "latest", None),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27", None),
        (f"nginx@sha256:{HEX}", "docker.io", "library/nginx", None, f"sha256:{HEX}"),
        (f"nginx:1.27@sha256:{HEX}", "docker.io", "library/nginx", "1.27", f"sha256:{HEX}"),
        ("grafana/grafana", "docker.io", "grafana/grafana", "latest", None),
        ("docker.io/nginx", "docker.io", "library/nginx", "latest", None),
        ("index.docker.io/library/nginx", "docker.io", "library/nginx", "latest", None),
        ("localhost/app", "localhost", "app", "latest", None),
        ("localhost:5000/team/app:2", "localhost:5000", "team/app", "2", None),
        ("GHCR.io/owner/app", "ghcr.io", "owner/app", "latest", None),
        ("public.ecr.aws/nginx/nginx:stable", "public.ecr.aws", "nginx/nginx", "stable", None),
        ("a__b/c--d.e_f", "docker.io", "a__b/c--d.e_f", "latest", None),
    ],
)
def test_other_registries_are_completed_as_the_runtimes_do(image, host, repository, tag, digest):
    assert parse(image) == Reference(host, repository, tag, digest)


@pytest.mark.parametrize(
    "image",
    [
        "",
        " nginx",
        "nginx ",
        "nginx:",
        "nginx@",
        "nginx@sha256:abc",
        f"nginx@sha256:{HEX.upper()}",
        "nginx@md5:d41d8cd98f00b204e9800998ecf8427e",
        "nginx:a b",
        "nginx:.x",
        "Nginx",
        "https://example.com/app",
        "example.com/",
        "/app",
        "example.com//app",
        "example.com/app/",
        "example.com/a..b",
        "example.com/../etc",
        "${registry}/app",
        "$(cat /etc/passwd)",
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/Shop",
        "example.com:port/app",
        "a/b:c/d",
        "app\n",
        "x" * 2000,
    ],
)
def test_what_is_no_reference_says_so(image):
    with pytest.raises(InvalidReference):
        parse(image)


def test_public_gallery_and_aws_managed_registries_are_known():
    assert parse("public.ecr.aws/docker/library/redis:7").is_ecr_public
    assert not parse("public.ecr.aws/docker/library/redis:7").is_ecr
    addon = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/coredns:v1.11.1"
    assert parse(addon).is_aws_managed
    assert parse(addon.replace("602401143452", "877085696533")).is_aws_managed
    assert not parse(addon.replace("602401143452", "111122223333")).is_aws_managed
    assert not parse("nginx").is_aws_managed


component = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,3}", fullmatch=True)
repositories = st.lists(component, min_size=1, max_size=4).map("/".join)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,40}", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
hosts = st.sampled_from([host for host, *_ in HOSTS] + ["public.ecr.aws", "ghcr.io", "localhost:5000", "quay.io"])
suffixes = st.one_of(
    tags.map(":{}".format), digests.map("@{}".format), st.tuples(tags, digests).map(lambda pair: ":{}@{}".format(*pair))
)


@given(hosts, repositories, suffixes)
def test_a_complete_reference_is_rendered_as_it_was_written(host, repository, suffix):
    text = f"{host}/{repository}{suffix}"
    assert render(parse(text)) == text


@given(st.one_of(st.text(max_size=60), st.tuples(repositories, suffixes).map("".join)))
@example("docker.io/docker.io/x")
def test_completing_a_reference_twice_changes_nothing(text):
    try:
        reference = parse(text)
    except InvalidReference:
        return
    assert parse(str(reference)) == reference


ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
FILE = {"": Location("infra.yaml", 1)}


def workload(type, properties, *, place=EAST, locations=None):
    id = f"{type}/{place.region}/{len(properties)}"
    return Resource(type, id, "web", place.account, place.region, guard(properties), locations=locations or {})


def definition(image, **changes):
    containers = [{"Name": "app", "Image": image}]
    properties = {"Family": "web", "ContainerDefinitions": containers}
    return Resource("AWS::ECS::TaskDefinition", "web:1", "web", *EAST, guard(properties), **changes)


def model(*resources, gaps=(), scanned=(EAST, WEST)):
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return Model(resources, gaps=gaps, pairs=(), images=ImageIndex(), scanned=scanned, as_of=when)


def test_a_running_service_says_what_it_runs():
    images = [{"ContainerName": "app", "Image": f"{ECR}/shop/web:1", "ImageDigest": f"sha256:{HEX}"}]
    service = workload("AWS::ECS::Service", {"ContainerImages": images})
    found = uses(model(service), EAST)
    assert [(u.workload, u.container, u.reference.repository, u.digest) for u in found.seen] == [
        (service, "app", "shop/web", f"sha256:{HEX}")
    ]
    assert found.unseen == ()
    assert found.of("shop/web")
    assert not found.of("shop")
    assert uses(model(service), WEST).seen == ()


def test_a_service_of_a_template_runs_what_its_task_definition_says():
    service = workload("AWS::ECS::Service", {"TaskDefinition": "web:1"}, locations=FILE)
    found = uses(model(service, definition(f"{ECR}/shop/web@sha256:{HEX}")), EAST)
    assert [u.digest for u in found.seen] == [f"sha256:{HEX}"]


def test_what_runs_is_no_matter_for_a_template():
    given = {"TaskDefinition": "web:1", "ContainerImages": Unknown("not in a file")}
    service = workload("AWS::ECS::Service", given, locations=FILE)
    found = uses(model(service, definition(f"{ECR}/shop/web:1")), EAST)
    assert len(found.seen) == 1
    assert found.unseen == ()


@pytest.mark.parametrize(("changes", "count"), [({"locations": FILE}, 1), ({}, 0)])
def test_a_task_definition_is_a_workload_only_where_a_template_declares_it(changes, count):
    assert len(uses(model(definition(f"{ECR}/shop/web:1", **changes)), EAST).seen) == count


@pytest.mark.parametrize(
    "properties",
    [
        {"ContainerImages": Unknown("no access")},
        {"ContainerImages": [{"ContainerName": "app", "Image": Unknown("no access")}]},
        {"ContainerImages": [{"ContainerName": "app", "Image": "no reference!"}]},
        {"TaskDefinition": "web:9"},
        {"TaskDefinition": None},
        {"TaskDefinition": Unknown("no access")},
    ],
)
def test_a_workload_that_cannot_be_read_may_run_anything(properties):
    found = uses(model(workload("AWS::ECS::Service", properties)), EAST)
    assert found.seen == ()
    assert len(found.unseen) == 1
    assert uses(model(workload("AWS::ECS::Service", properties)), WEST).unseen == ()


def test_gaps_and_places_not_scanned_may_hide_workloads():
    gap = Gap("AccessDeniedException", "no", "AWS::ECS::Service", "111122223333", "us-east-1", "ecs:ListServices")
    assert any("AccessDeniedException" in reason for reason in uses(model(gaps=[gap]), EAST).unseen)
    assert uses(model(gaps=[gap]), WEST).unseen == ()
    assert any("not scanned" in reason for reason in uses(model(scanned=[WEST]), EAST).unseen)
