"""A set of CloudFormation templates as teams have them: made by a rule, so that every machine measures the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CONFIG = """version: 1
accounts: ["111122223333"]
pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}]
iac:
  - {path: infra, region: us-east-1}
  - {path: infra, region: us-west-2}
"""
SMALL = "Resources: {Web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web}}}\n"


class Size(NamedTuple):
    """How much there is to read."""

    files: int
    resources: int
    bytes: int


def write(folder: Path, count: int) -> Size:
    """Write so many templates below `infra`: in ten a network, eight services and a parent of the next service."""
    made = {}
    for number in range(count):
        kind = number % 10
        body = network(number) if kind == 0 else parent(number) if kind == 9 else service(number)
        name = f"infra/team-{number // 10}/{('network', 'parent')[kind == 9] if kind in (0, 9) else f'service-{kind}'}"
        made[f"{name}.json" if number % 4 == 3 else f"{name}.yaml"] = body
    size = 0
    for path, body in made.items():
        text = json.dumps(body, indent=2) if path.endswith(".json") else yaml.safe_dump(body, sort_keys=False)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        size += len(text)
    return Size(len(made), sum(len(body["Resources"]) for body in made.values()), size)


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


def _template(resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {"AWSTemplateFormatVersion": "2010-09-09", **sections, "Resources": resources}


def network(number: int) -> dict[str, Any]:
    """A VPC with subnets in three zones, their routes, and the endpoints that images are pulled through."""
    made: dict[str, Any] = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": f"10.{number % 250}.0.0/16"}},
        "Pull": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "pull", "VpcId": ref("Vpc")},
        },
    }
    for zone in range(3):
        made[f"Subnet{zone}"] = {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": ref("Vpc"),
                "CidrBlock": f"10.{number % 250}.{zone}.0/24",
                "AvailabilityZone": {"Fn::Select": [zone, {"Fn::GetAZs": ""}]},
            },
        }
        made[f"Routes{zone}"] = {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": ref("Vpc")}}
        made[f"Route{zone}"] = {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"SubnetId": ref(f"Subnet{zone}"), "RouteTableId": ref(f"Routes{zone}")},
        }
    for name in ("ecr.api", "ecr.dkr", "logs", "sts"):
        made[f"Endpoint{name.title().replace('.', '')}"] = {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcId": ref("Vpc"),
                "ServiceName": sub(f"com.amazonaws.${{AWS::Region}}.{name}"),
                "VpcEndpointType": "Interface",
                "PrivateDnsEnabled": True,
                "SubnetIds": [ref(f"Subnet{zone}") for zone in range(3)],
                "SecurityGroupIds": [ref("Pull")],
            },
        }
    outputs = {f"Subnet{zone}": {"Value": ref(f"Subnet{zone}")} for zone in range(3)}
    return _template(made, Outputs=outputs)


def _role(*actions: str) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow]}}],
        },
    }


def service(number: int) -> dict[str, Any]:
    """A service with its repository, roles, logs, secret and alarm."""
    name = f"team-{number // 10}/service-{number % 10}"
    lifecycle = {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 10},
                "action": {"type": "expire"},
            }
        ]
    }
    container = {
        "Name": "app",
        "Essential": True,
        "Image": sub("${Repository.RepositoryUri}:${Version}"),
        "PortMappings": [{"ContainerPort": 8080}],
        "Environment": [{"Name": f"SETTING_{each}", "Value": sub(f"${{Environment}}-{each}")} for each in range(12)],
        "Secrets": [{"Name": "PASSWORD", "ValueFrom": ref("Secret")}],
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": ref("Logs"),
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": "app",
            },
        },
    }
    alarm = {
        "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 5,
        "Threshold": 80,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    made: dict[str, Any] = {
        "Repository": {
            "Type": "AWS::ECR::Repository",
            "Properties": {
                "RepositoryName": name,
                "ImageTagMutability": ("IMMUTABLE", "MUTABLE")[number % 3 == 0],
                "LifecyclePolicy": {"LifecyclePolicyText": json.dumps(lifecycle)},
            },
        },
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": f"cluster-{number}"}},
        "Pull": _role("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:GetAuthorizationToken"),
        "Run": _role("s3:GetObject", "sqs:ReceiveMessage"),
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": f"{name}/password"}},
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": f"service-{number}",
                "Cpu": {"Fn::FindInMap": ["Sizes", ref("Environment"), "Cpu"]},
                "Memory": {"Fn::FindInMap": ["Sizes", ref("Environment"), "Memory"]},
                "NetworkMode": "awsvpc",
                "RequiresCompatibilities": ["FARGATE"],
                "ExecutionRoleArn": arn("Pull"),
                "TaskRoleArn": arn("Run"),
                "ContainerDefinitions": [container, {**container, "Name": "sidecar", "PortMappings": []}],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "ServiceName": f"service-{number}",
                "Cluster": ref("Cluster"),
                "TaskDefinition": ref("Task"),
                "LaunchType": "FARGATE",
                "DesiredCount": {"Fn::If": ["IsStandby", 1, 3]},
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ref("Subnets")}},
            },
        },
        "Busy": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
    }
    return _template(
        made,
        Parameters={
            "Environment": {"Type": "String", "Default": "prod", "AllowedValues": ["prod", "dev"]},
            "Version": {"Type": "String", "Default": f"1.{number}"},
            "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"},
        },
        Mappings={"Sizes": {"prod": {"Cpu": "1024", "Memory": "2048"}, "dev": {"Cpu": "256", "Memory": "512"}}},
        Conditions={"IsStandby": {"Fn::Equals": [ref("AWS::Region"), "us-west-2"]}},
    )


def parent(number: int) -> dict[str, Any]:
    """The registry of a team, and a stack that nests its network and one of its services."""
    rule = {
        "Destinations": [{"Region": "us-west-2", "RegistryId": ref("AWS::AccountId")}],
        "RepositoryFilters": [{"Filter": f"team-{number // 10}/", "FilterType": "PREFIX_MATCH"}],
    }
    subnets = [{"Fn::GetAtt": ["Network", f"Outputs.Subnet{zone}"]} for zone in range(3)]
    made: dict[str, Any] = {
        "Network": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": f"./{_file('network', number - 9)}"},
        },
        "Nested": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {
                "TemplateURL": f"./{_file('service-8', number - 1)}",
                "Parameters": {"Version": f"2.{number}", "Subnets": {"Fn::Join": [",", subnets]}},
            },
        },
    }
    if number == 9:
        made["Replication"] = {
            "Type": "AWS::ECR::ReplicationConfiguration",
            "Properties": {"ReplicationConfiguration": {"Rules": [rule]}},
        }
    return _template(made)


def _file(name: str, number: int) -> str:
    return f"{name}.json" if number % 4 == 3 else f"{name}.yaml"
