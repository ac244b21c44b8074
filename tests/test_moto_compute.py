"""A moto server, in its own process, shows what collecting finds of functions, stacks, networks and keys."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

pytest.importorskip("moto.server", reason="moto is not installed")

import boto3
from test_moto import moto_endpoint  # noqa: F401 - a fixture

from scanner.collectors import read
from scanner.collectors.live import collect
from scanner.collectors.session import Limits
from scanner.model import Unknown, plain

ACCOUNT, REGION = "123456789012", "eu-west-1"  # a Region of which the other estate has nothing
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/fn:v1"
SECRET = "correct-horse-battery-staple"
TEMPLATE = json.dumps(
    {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": SECRET}},
            "Table": {"Type": "AWS::EC2::EIP", "Metadata": {"where": "us-east-1"}},
        },
    }
)


def fill(url: str) -> dict[str, str]:
    """Create the estate; return the ids of what is in it."""

    def client(service: str):
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client(service, region_name=REGION, endpoint_url=url, **keys)

    kms = client("kms")
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    idle = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/images", TargetKeyId=key)
    encryption = {"encryptionType": "KMS", "kmsKey": key}
    client("ecr").create_repository(repositoryName="team/fn", encryptionConfiguration=encryption)
    gone = {"encryptionType": "KMS", "kmsKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/gone"}
    client("ecr").create_repository(repositoryName="team/gone", encryptionConfiguration=gone)

    iam = client("iam")
    role = iam.create_role(RoleName="fn", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    function = client("lambda")
    settings = {"Role": role, "Environment": {"Variables": {"PASSWORD": SECRET}}}
    function.create_function(FunctionName="fn", PackageType="Image", Code={"ImageUri": IMAGE}, Publish=True, **settings)
    function.create_alias(FunctionName="fn", Name="live", FunctionVersion="1")

    stacks = client("cloudformation")
    stack = stacks.create_stack(StackName="shop", TemplateBody=TEMPLATE, Tags=[{"Key": "team", "Value": "shop"}])
    stacks.create_stack_set(StackSetName="everywhere", TemplateBody=TEMPLATE)
    stacks.create_stack_instances(StackSetName="everywhere", Accounts=[ACCOUNT], Regions=["us-west-1"])

    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        RouteTableIds=[table],
        PolicyDocument='{"Version": "2012-10-17", "Statement": []}',
    )["VpcEndpoint"]["VpcEndpointId"]
    return {
        "key": key, "idle": idle, "stack": stack["StackId"], "vpc": vpc, "subnet": subnet, "table": table,
        "gateway": gateway, "nat": nat, "endpoint": endpoint, "role": role,
    }  # fmt: skip


@pytest.fixture(scope="module")
def estate(moto_endpoint, tmp_path_factory):  # noqa: F811
    ids = fill(moto_endpoint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.delenv("AWS_PROFILE", raising=False)
        snapshot = collect(
            tmp_path_factory.mktemp("moto") / "snapshot",
            regions=[REGION],
            services=["ecr", "lambda", "cloudformation", "ec2", "kms"],
            clock=lambda: datetime.now(UTC),
            endpoint_url=moto_endpoint,
            limits=Limits(max_attempts=1),
        ).snapshot
    resources, gaps = read(snapshot)
    return ids, snapshot, resources, [gap for gap in gaps if gap.reason != "NotCollected"]


def one(estate, type: str, **properties):
    (found,) = [
        resource
        for resource in estate[2]
        if resource.type == type and all(resource[name] == value for name, value in properties.items())
    ]
    return found


def test_everything_was_answered(estate):
    assert estate[3] == []
    failed = {(c.service, c.operation, c.error.code) for c in estate[1].calls() if c.error and c.service != "ecr"}
    assert failed == {("kms", "DescribeKey", "NotFoundException"), ("account", "ListRegions", "404")}  # moto lacks it


def test_the_function_and_the_image_it_runs(estate):
    function = one(estate, "AWS::Lambda::Function")
    assert function.name == "fn"
    assert function["Role"] == estate[0]["role"]
    assert function["Code"]["ImageUri"] == IMAGE
    assert plain(function["Aliases"])[0]["FunctionVersion"] == "1"
    (image,) = function["ContainerImages"]
    assert (image["ContainerName"], image["Image"]) == ("fn", IMAGE)
    assert function["ResolvedImageUri"] == f"{IMAGE.removesuffix(':v1')}@{image['ImageDigest']}"


def test_the_stack_and_its_types(estate):
    stack = one(estate, "AWS::CloudFormation::Stack", StackName="shop")
    assert (stack.id, stack["StackStatus"]) == (estate[0]["stack"], "CREATE_COMPLETE")
    assert stack.tags == {"team": "shop"}
    resources = plain(stack["TemplateBody"])["Resources"]
    assert {id: resource["Type"] for id, resource in resources.items()} == {
        "Cluster": "AWS::ECS::Cluster", "Table": "AWS::EC2::EIP",
    }  # fmt: skip
    assert resources["Cluster"]["Properties"] == {"ClusterName": "[redacted]"}
    assert resources["Table"]["Metadata"] == {"where": "[redacted; mentions us-east-1]"}
    assert isinstance(dict(stack.properties.raw())["DriftInformation"], Unknown)  # moto shows none


def test_where_the_stack_set_has_its_stacks(estate):
    stack_set = one(estate, "AWS::CloudFormation::StackSet")
    assert stack_set.name == "everywhere"
    (instance,) = stack_set["StackInstances"]
    assert (instance["Account"], instance["Region"], instance["Status"]) == (ACCOUNT, "us-west-1", "CURRENT")


def test_the_way_out_of_the_subnet(estate):
    ids = estate[0]
    assert one(estate, "AWS::EC2::Subnet", SubnetId=ids["subnet"])["VpcId"] == ids["vpc"]
    table = one(estate, "AWS::EC2::RouteTable", RouteTableId=ids["table"])
    assert [route["State"] for route in table["Routes"] if route["GatewayId"] == ids["gateway"]] == ["active"]
    assert [association["SubnetId"] for association in table["Associations"]] == [ids["subnet"]]
    nat = one(estate, "AWS::EC2::NatGateway", NatGatewayId=ids["nat"])
    assert (nat["SubnetId"], nat["State"], nat["ConnectivityType"]) == (ids["subnet"], "available", "public")
    endpoint = one(estate, "AWS::EC2::VPCEndpoint", VpcEndpointId=ids["endpoint"])
    assert (endpoint["ServiceName"], endpoint["State"]) == (f"com.amazonaws.{REGION}.s3", "available")
    assert plain(endpoint["RouteTableIds"]) == [ids["table"]]
    assert plain(endpoint["PolicyDocument"]) == {"Version": "2012-10-17", "Statement": []}


def test_the_keys(estate):
    keys = {r.id: r for r in estate[2] if r.type == "AWS::KMS::Key"}
    assert f"arn:aws:kms:{REGION}:{ACCOUNT}:key/gone" not in keys  # the list of keys was seen whole: it is gone
    key = keys[estate[0]["key"]]
    assert (key["KeyState"], key["Enabled"], key["KeyManager"], key["MultiRegion"]) == (
        "Enabled", True, "CUSTOMER", True,
    )  # fmt: skip
    assert key.name.startswith("mrk-")
    assert key["KeyPolicy"]["Statement"]
    idle = keys[estate[0]["idle"]]
    assert all(isinstance(dict(idle.properties.raw())[name], Unknown) for name in ("KeyState", "KeyPolicy"))
    assert one(estate, "AWS::KMS::Alias", AliasName="alias/images")["TargetKeyId"] == key["KeyId"]


def test_no_secret_is_on_disk(estate):
    text = b"".join(gzip.decompress(part.read_bytes()) for part in estate[1].path.rglob("calls.jsonl.gz"))
    assert b'"TemplateBody"' in text
    assert SECRET.encode() not in text
