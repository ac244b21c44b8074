"""Which processor the nodes of a node group have."""

import pytest

from scanner.model import InsufficientData, Resource, guard
from scanner.platforms import node_processors


def group(ami, *types):
    properties = guard({"AmiType": ami, "InstanceTypes": list(types)})
    return Resource("AWS::EKS::Nodegroup", "arn", "shop/n", "111122223333", "us-east-1", properties)


@pytest.mark.parametrize(
    ("ami", "processor"),
    [
        ("AL2_x86_64", "amd64"),
        ("AL2_ARM_64", "arm64"),
        ("AL2_x86_64_GPU", "amd64"),
        ("AL2023_ARM_64_STANDARD", "arm64"),
        ("AL2023_x86_64_NEURON", "amd64"),
        ("BOTTLEROCKET_ARM_64_NVIDIA", "arm64"),
        ("BOTTLEROCKET_x86_64_FIPS", "amd64"),
    ],
)
def test_the_type_of_the_image_says_it(ami, processor):
    assert node_processors(group(ami, "m7g.large", "m7i.large")) == {processor}


@pytest.mark.parametrize(
    ("type", "processor"),
    [
        *(
            (type, "arm64")
            for type in ("a1.large", "m7g.large", "c6gn.xlarge", "im4gn.large", "is4gen.medium", "t4g.nano")
        ),
        *((type, "arm64") for type in ("g5g.xlarge", "hpc7g.16xlarge", "x2gd.metal", "p6e-gb200.36xlarge")),
        *(
            (type, "amd64")
            for type in ("m5.large", "g4dn.xlarge", "g6.xlarge", "gr6.4xlarge", "m7i-flex.large", "m7a.large")
        ),
        *(
            (type, "amd64")
            for type in ("u-6tb1.metal", "u7i-12tb.224xlarge", "p6-b200.48xlarge", "inf2.xlarge", "t3a.nano")
        ),
    ],
)
def test_instances_tell_it_where_the_image_is_of_somebody_else(type, processor):
    assert node_processors(group("CUSTOM", type)) == {processor}


def test_instances_of_both_processors_are_of_both():
    assert node_processors(group("CUSTOM", "m7g.large", "m7i.large")) == {"amd64", "arm64"}


@pytest.mark.parametrize("types", [(), ("mac2.metal",), ("large",)])
def test_what_says_nothing_is_not_known(types):
    with pytest.raises(InsufficientData):
        node_processors(group("CUSTOM", *types))


def test_windows_runs_no_image_of_linux():
    assert node_processors(group("WINDOWS_FULL_2022_x86_64")) == set()
