"""Systems in the words of Terraform and of CloudFormation, and how to compare what the doors make of them."""

import base64
import json

from scanner.model import Gap, Location, Resource, Unknown, plain
from scanner.parsers import cloudformation
from scanner.parsers.registry import Piece, fold
from scanner.parsers.terraform.declared import Attribute, Declared
from scanner.parsers.terraform.mapping import resources

ACCOUNT, REGION = "111122223333", "us-east-1"
UNKNOWN = {"unknown": "?"}
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"


def declare(address, values, *, place=(ACCOUNT, REGION), path="main.tf", locations=None, doubt=""):
    """Return a declared resource whose type is the first part of its address."""
    parts = address.removeprefix("data.").split(".")
    written = {"": Location(path, 1)} if locations is None else locations
    return Declared(address, parts[0], address.startswith("data."), values, *place, path, written, doubt)


def read(*declared, suffix=""):
    """Return what the model has of declared resources; one registry for all of its pieces."""
    made = list(resources(declared, suffix))
    found = [one for one in made if isinstance(one, Resource)]
    return found + fold(one for one in made if isinstance(one, Piece)), [one for one in made if isinstance(one, Gap)]


def one(found, type):
    (resource,) = [each for each in found if each.type == type]
    return resource


def shown(value):
    """Return properties as plain data, in which every unknown is the same: the doors give other reasons."""
    if isinstance(value, dict):
        return UNKNOWN if set(value) == {"unknown"} else {key: shown(each) for key, each in value.items()}
    return [shown(each) for each in value] if isinstance(value, list) else value


def summary(found):
    """Return what the doors must agree upon; the ids of the resources, one of each type, are their types."""
    found = [each for each in found if each.type != "AWS::Account::Region"]
    ids = {each.id: each.type for each in found}

    def named(value):
        if isinstance(value, dict):
            return {key: named(each) for key, each in value.items()}
        return [named(each) for each in value] if isinstance(value, list) else ids.get(value, value)

    return {
        each.type: (
            each.name,
            each.account,
            each.region,
            dict(each.tags),
            named(shown(plain(each.properties))),
        )
        for each in found
    }


def block(**attributes):
    return [attributes]


def in_base64(text):
    return base64.b64encode(text.encode()).decode()


CASES = {
    "repository": (
        [
            (
                "aws_ecr_repository.web",
                {
                    "name": "shop/web",
                    "image_tag_mutability": "IMMUTABLE_WITH_EXCLUSION",
                    "image_tag_mutability_exclusion_filter": block(filter="latest*", filter_type="WILDCARD"),
                    "image_scanning_configuration": block(scan_on_push=True),
                    "encryption_configuration": block(encryption_type="KMS", kms_key="alias/ecr"),
                    "tags": {"team": "shop"},
                    "force_delete": True,
                },
            ),
            ("aws_ecr_lifecycle_policy.web", {"repository": "shop/web", "policy": '{"rules": []}'}),
            (
                "aws_ecr_repository_policy.web",
                {"repository": Attribute("aws_ecr_repository.web", "name"), "policy": json.dumps(DENY)},
            ),
        ],
        {
            "AWS::ECR::Repository": {
                "RepositoryName": "shop/web",
                "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "ImageTagMutabilityExclusionFilters": [
                    {
                        "ImageTagMutabilityExclusionFilterValue": "latest*",
                        "ImageTagMutabilityExclusionFilterType": "WILDCARD",
                    }
                ],
                "ImageScanningConfiguration": {"ScanOnPush": True},
                "EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": "alias/ecr"},
                "LifecyclePolicy": {"LifecyclePolicyText": '{"rules": []}'},
                "RepositoryPolicyText": DENY,
                "Tags": [{"Key": "team", "Value": "shop"}],
            }
        },
    ),
    "repository with nothing": ([("aws_ecr_repository.web", {})], {"AWS::ECR::Repository": {}}),
    "repository of a state": (
        [
            (
                "aws_ecr_repository.web",
                {
                    "name": "web",
                    "image_tag_mutability_exclusion_filter": [],
                    "encryption_configuration": block(encryption_type="AES256", kms_key=""),
                    "image_scanning_configuration": [None],
                    "tags": None,
                },
            )
        ],
        {"AWS::ECR::Repository": {"RepositoryName": "web"}},
    ),
    "replication": (
        [
            (
                "aws_ecr_replication_configuration.this",
                {
                    "replication_configuration": block(
                        rule=block(
                            destination=[{"region": "us-west-2", "registry_id": ACCOUNT}, {"region": Unknown("var.r")}],
                            repository_filter=block(filter="prod", filter_type="PREFIX_MATCH"),
                        )
                    )
                },
            )
        ],
        {
            "AWS::ECR::ReplicationConfiguration": {
                "ReplicationConfiguration": {
                    "Rules": [
                        {
                            "Destinations": [
                                {"Region": "us-west-2", "RegistryId": ACCOUNT},
                                {"Region": {"Fn::ImportValue": "r"}},
                            ],
                            "RepositoryFilters": [{"Filter": "prod", "FilterType": "PREFIX_MATCH"}],
                        }
                    ]
                }
            }
        },
    ),
    "no replication": (
        [("aws_ecr_replication_configuration.this", {"replication_configuration": []})],
        {"AWS::ECR::ReplicationConfiguration": {"ReplicationConfiguration": {"Rules": []}}},
    ),
    "registry": (
        [
            ("aws_ecr_registry_policy.this", {"policy": json.dumps(DENY)}),
            (
                "aws_ecr_registry_scanning_configuration.this",
                {
                    "scan_type": "ENHANCED",
                    "rule": block(
                        scan_frequency="CONTINUOUS_SCAN", repository_filter=block(filter="*", filter_type="WILDCARD")
                    ),
                },
            ),
            (
                "aws_ecr_repository_creation_template.this",
                {
                    "prefix": "ROOT",
                    "applied_for": ["REPLICATION"],
                    "custom_role_arn": "arn:aws:iam::111122223333:role/ecr",
                    "encryption_configuration": block(encryption_type="KMS"),
                    "image_tag_mutability": "IMMUTABLE",
                    "lifecycle_policy": '{"rules": []}',
                    "resource_tags": {"b": "2", "a": "1"},
                },
            ),
            (
                "aws_ecr_pull_through_cache_rule.this",
                {
                    "ecr_repository_prefix": "hub",
                    "upstream_registry_url": "registry-1.docker.io",
                    "credential_arn": "arn:x",
                },
            ),
        ],
        {
            "AWS::ECR::RegistryPolicy": {"PolicyText": DENY},
            "AWS::ECR::RegistryScanningConfiguration": {
                "ScanType": "ENHANCED",
                "Rules": [
                    {
                        "ScanFrequency": "CONTINUOUS_SCAN",
                        "RepositoryFilters": [{"Filter": "*", "FilterType": "WILDCARD"}],
                    }
                ],
            },
            "AWS::ECR::RepositoryCreationTemplate": {
                "Prefix": "ROOT",
                "AppliedFor": ["REPLICATION"],
                "CustomRoleArn": "arn:aws:iam::111122223333:role/ecr",
                "EncryptionConfiguration": {"EncryptionType": "KMS"},
                "ImageTagMutability": "IMMUTABLE",
                "LifecyclePolicy": '{"rules": []}',
                "ResourceTags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
            },
            "AWS::ECR::PullThroughCacheRule": {
                "EcrRepositoryPrefix": "hub",
                "UpstreamRegistryUrl": "registry-1.docker.io",
                "CredentialArn": "arn:x",
            },
        },
    ),
    "ECS": (
        [
            ("aws_ecs_cluster.this", {"name": "apps", "setting": block(name="containerInsights", value="enabled")}),
            (
                "aws_ecs_cluster_capacity_providers.this",
                {
                    "cluster_name": "apps",
                    "capacity_providers": ["FARGATE"],
                    "default_capacity_provider_strategy": block(capacity_provider="FARGATE", base=1, weight=100),
                },
            ),
            (
                "aws_ecs_service.web",
                {
                    "name": "web",
                    "cluster": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/apps",
                    "task_definition": Attribute("aws_ecs_task_definition.web", "arn"),
                    "desired_count": 2,
                    "launch_type": "FARGATE",
                    "platform_version": "1.4.0",
                    "capacity_provider_strategy": [],
                    "network_configuration": block(subnets=["subnet-1"], security_groups=[], assign_public_ip=True),
                    "load_balancer": block(
                        target_group_arn="arn:t", elb_name="", container_name="web", container_port=80
                    ),
                },
            ),
            (
                "aws_ecs_task_definition.web",
                {
                    "family": "web",
                    "container_definitions": json.dumps(
                        [
                            {
                                "name": "web",
                                "Image": IMAGE,
                                "essential": True,
                                "environment": [{"name": "A", "value": "1"}],
                                "secrets": [{"name": "S", "valueFrom": "arn:s"}],
                                "logConfiguration": {
                                    "logDriver": "awslogs",
                                    "options": {"awslogs-region": "us-east-1"},
                                },
                                "readonlyRootFilesystem": True,
                                "memory": 512,
                                "command": ["run"],
                            }
                        ]
                    ),
                    "runtime_platform": block(cpu_architecture="ARM64", operating_system_family="LINUX"),
                    "execution_role_arn": Attribute("aws_iam_role.pull", "arn"),
                    "requires_compatibilities": ["FARGATE"],
                    "network_mode": "awsvpc",
                    "cpu": 256,
                    "memory": "512",
                    "volume": block(
                        name="data",
                        efs_volume_configuration=block(
                            file_system_id="fs-1", authorization_config=block(access_point_id="fsap-1", iam="ENABLED")
                        ),
                    ),
                },
            ),
            (
                "aws_iam_role.pull",
                {
                    "name": "pull",
                    "path": "/",
                    "assume_role_policy": json.dumps(DENY),
                    "managed_policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
                },
            ),
            ("aws_iam_role_policy.pull", {"name": "Inline", "role": "pull", "policy": json.dumps(DENY)}),
        ],
        {
            "AWS::ECS::Cluster": {
                "ClusterName": "apps",
                "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}],
                "CapacityProviders": ["FARGATE"],
                "DefaultCapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Base": 1, "Weight": 100}],
            },
            "AWS::ECS::Service": {
                "ServiceName": "web",
                "Cluster": {"Ref": "ECSCluster"},
                "TaskDefinition": {"Ref": "ECSTaskDefinition"},
                "DesiredCount": 2,
                "LaunchType": "FARGATE",
                "PlatformVersion": "1.4.0",
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"], "AssignPublicIp": "ENABLED"}},
                "LoadBalancers": [{"TargetGroupArn": "arn:t", "ContainerName": "web", "ContainerPort": 80}],
            },
            "AWS::ECS::TaskDefinition": {
                "Family": "web",
                "ContainerDefinitions": [
                    {
                        "Name": "web",
                        "Image": IMAGE,
                        "Essential": True,
                        "Environment": [{"Name": "A", "Value": "1"}],
                        "Secrets": [{"Name": "S", "ValueFrom": "arn:s"}],
                        "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-region": "us-east-1"}},
                        "ReadonlyRootFilesystem": True,
                        "Memory": 512,
                        "Command": ["run"],
                    }
                ],
                "RuntimePlatform": {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
                "ExecutionRoleArn": {"Fn::GetAtt": ["IAMRole", "Arn"]},
                "RequiresCompatibilities": ["FARGATE"],
                "NetworkMode": "awsvpc",
                "Cpu": "256",
                "Memory": "512",
                "Volumes": [
                    {
                        "Name": "data",
                        "EFSVolumeConfiguration": {
                            "FilesystemId": "fs-1",
                            "AuthorizationConfig": {"AccessPointId": "fsap-1", "IAM": "ENABLED"},
                        },
                    }
                ],
            },
            "AWS::IAM::Role": {
                "RoleName": "pull",
                "AssumeRolePolicyDocument": DENY,
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
                "Policies": [{"PolicyName": "Inline", "PolicyDocument": DENY}],
            },
        },
    ),
    "service of the default cluster": (
        [("aws_ecs_service.web", {"name": "web", "desired_count": 1, "task_definition": "web:7"})],
        {"AWS::ECS::Service": {"ServiceName": "web", "DesiredCount": 1, "TaskDefinition": "web:7"}},
    ),
    "EKS": (
        [
            (
                "aws_eks_cluster.this",
                {
                    "name": "kube",
                    "version": "1.33",
                    "role_arn": "arn:aws:iam::111122223333:role/eks",
                    "vpc_config": block(subnet_ids=["subnet-1"], endpoint_public_access=False, public_access_cidrs=[]),
                    "enabled_cluster_log_types": ["api", "audit"],
                    "encryption_config": block(provider=block(key_arn="arn:k"), resources=["secrets"]),
                    "upgrade_policy": block(support_type="STANDARD"),
                    "compute_config": block(enabled=True, node_pools=["system"]),
                    "deletion_protection": True,
                },
            ),
            (
                "aws_eks_node_group.this",
                {
                    "cluster_name": Attribute("aws_eks_cluster.this", "id"),
                    "node_group_name": "spot",
                    "version": "1.33",
                    "instance_types": ["m7g.large"],
                    "ami_type": "AL2023_ARM_64_STANDARD",
                    "capacity_type": "SPOT",
                    "scaling_config": block(min_size=0, max_size=4, desired_size=2),
                    "subnet_ids": ["subnet-1"],
                    "node_role_arn": "arn:aws:iam::111122223333:role/node",
                },
            ),
            ("aws_eks_addon.this", {"cluster_name": "kube", "addon_name": "vpc-cni", "addon_version": "v1"}),
            (
                "aws_eks_fargate_profile.this",
                {
                    "cluster_name": "kube",
                    "fargate_profile_name": "batch",
                    "pod_execution_role_arn": "arn:aws:iam::111122223333:role/pod",
                    "subnet_ids": ["subnet-1"],
                    "selector": block(namespace="batch", labels={"a": "b"}),
                },
            ),
            (
                "aws_eks_pod_identity_association.this",
                {"cluster_name": "kube", "namespace": "shop", "service_account": "web", "role_arn": "arn:r"},
            ),
        ],
        {
            "AWS::EKS::Cluster": {
                "Name": "kube",
                "Version": "1.33",
                "RoleArn": "arn:aws:iam::111122223333:role/eks",
                "ResourcesVpcConfig": {"SubnetIds": ["subnet-1"], "EndpointPublicAccess": False},
                "Logging": {"ClusterLogging": {"EnabledTypes": [{"Type": "api"}, {"Type": "audit"}]}},
                "EncryptionConfig": [{"Provider": {"KeyArn": "arn:k"}, "Resources": ["secrets"]}],
                "UpgradePolicy": {"SupportType": "STANDARD"},
                "ComputeConfig": {"Enabled": True, "NodePools": ["system"]},
                "DeletionProtection": True,
            },
            "AWS::EKS::Nodegroup": {
                "ClusterName": {"Ref": "EKSCluster"},
                "NodegroupName": "spot",
                "Version": "1.33",
                "InstanceTypes": ["m7g.large"],
                "AmiType": "AL2023_ARM_64_STANDARD",
                "CapacityType": "SPOT",
                "ScalingConfig": {"MinSize": 0, "MaxSize": 4, "DesiredSize": 2},
                "Subnets": ["subnet-1"],
                "NodeRole": "arn:aws:iam::111122223333:role/node",
            },
            "AWS::EKS::Addon": {"ClusterName": "kube", "AddonName": "vpc-cni", "AddonVersion": "v1"},
            "AWS::EKS::FargateProfile": {
                "ClusterName": "kube",
                "FargateProfileName": "batch",
                "PodExecutionRoleArn": "arn:aws:iam::111122223333:role/pod",
                "Subnets": ["subnet-1"],
                "Selectors": [{"Namespace": "batch", "Labels": [{"Key": "a", "Value": "b"}]}],
            },
            "AWS::EKS::PodIdentityAssociation": {
                "ClusterName": "kube",
                "Namespace": "shop",
                "ServiceAccount": "web",
                "RoleArn": "arn:r",
            },
        },
    ),
    "user data": (
        [
            ("aws_launch_template.this", {"name": "nodes", "user_data": in_base64(f"docker pull {IMAGE}")}),
            ("aws_launch_configuration.this", {"name": "old", "user_data": f"docker pull {IMAGE}"}),
            ("aws_instance.this", {"user_data_base64": in_base64(f"docker pull {IMAGE}")}),
        ],
        {
            "AWS::EC2::LaunchTemplate": {
                "LaunchTemplateName": "nodes",
                "LaunchTemplateData": {"UserData": {"Fn::Base64": f"docker pull {IMAGE}"}},
            },
            "AWS::AutoScaling::LaunchConfiguration": {
                "LaunchConfigurationName": "old",
                "UserData": in_base64(f"docker pull {IMAGE}"),
            },
            "AWS::EC2::Instance": {"UserData": {"Fn::Base64": f"docker pull {IMAGE}"}},
        },
    ),
    "function": (
        [
            (
                "aws_lambda_function.this",
                {
                    "function_name": "thumb",
                    "package_type": "Image",
                    "image_uri": IMAGE,
                    "architectures": ["arm64"],
                    "role": Attribute("aws_iam_role.this", "arn"),
                    "vpc_config": block(subnet_ids=["subnet-1"], security_group_ids=["sg-1"]),
                },
            ),
            ("aws_iam_role.this", {"assume_role_policy": json.dumps(DENY)}),
        ],
        {
            "AWS::Lambda::Function": {
                "FunctionName": "thumb",
                "PackageType": "Image",
                "Code": {"ImageUri": IMAGE},
                "Architectures": ["arm64"],
                "Role": {"Fn::GetAtt": "IAMRole.Arn"},
                "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
            },
            "AWS::IAM::Role": {"AssumeRolePolicyDocument": DENY, "Policies": []},
        },
    ),
    "network": (
        [
            (
                "aws_vpc_endpoint.ecr",
                {
                    "vpc_id": "vpc-1",
                    "vpc_endpoint_type": "Interface",
                    "service_name": "com.amazonaws.us-east-1.ecr.dkr",
                    "private_dns_enabled": True,
                    "security_group_ids": ["sg-1"],
                },
            ),
            (
                "aws_vpc_endpoint_subnet_association.a",
                {"vpc_endpoint_id": Attribute("aws_vpc_endpoint.ecr", "id"), "subnet_id": "subnet-1"},
            ),
            (
                "aws_vpc_endpoint_policy.a",
                {"vpc_endpoint_id": Attribute("aws_vpc_endpoint.ecr", "id"), "policy": json.dumps(DENY)},
            ),
            ("aws_subnet.a", {"vpc_id": "vpc-1", "cidr_block": "10.0.0.0/24", "availability_zone": "us-east-1a"}),
            ("aws_nat_gateway.a", {"subnet_id": "subnet-1", "vpc_id": Unknown("?")}),
            ("aws_route_table.a", {"vpc_id": "vpc-1"}),
        ],
        {
            "AWS::EC2::VPCEndpoint": {
                "VpcId": "vpc-1",
                "VpcEndpointType": "Interface",
                "ServiceName": "com.amazonaws.us-east-1.ecr.dkr",
                "PrivateDnsEnabled": True,
                "SecurityGroupIds": ["sg-1"],
                "SubnetIds": ["subnet-1"],
                "PolicyDocument": DENY,
            },
            "AWS::EC2::Subnet": {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24", "AvailabilityZone": "us-east-1a"},
            "AWS::EC2::NatGateway": {"SubnetId": "subnet-1"},
            "AWS::EC2::RouteTable": {"VpcId": "vpc-1"},
        },
    ),
    "secrets and keys": (
        [
            (
                "aws_secretsmanager_secret.db",
                {"name": "db", "kms_key_id": "alias/s", "replica": block(region="us-west-2", kms_key_id="alias/t")},
            ),
            ("aws_ssm_parameter.url", {"name": "/shop/url", "type": "String", "value": "never kept"}),
            ("aws_kms_key.this", {"is_enabled": True, "multi_region": True, "policy": json.dumps(DENY)}),
            ("aws_kms_alias.this", {"name": "alias/ecr", "target_key_id": Attribute("aws_kms_key.this", "key_id")}),
        ],
        {
            "AWS::SecretsManager::Secret": {
                "Name": "db",
                "KmsKeyId": "alias/s",
                "ReplicaRegions": [{"Region": "us-west-2", "KmsKeyId": "alias/t"}],
            },
            "AWS::SSM::Parameter": {"Name": "/shop/url", "Type": "String"},
            "AWS::KMS::Key": {"Enabled": True, "MultiRegion": True, "KeyPolicy": DENY},
            "AWS::KMS::Alias": {"AliasName": "alias/ecr", "TargetKeyId": "AWS::KMS::Key"},
        },
    ),
    "bucket": (
        [
            ("aws_s3_bucket.this", {"bucket": "artifacts", "versioning": block(enabled=True, mfa_delete=False)}),
            (
                "aws_s3_bucket_versioning.this",
                {"bucket": "artifacts", "versioning_configuration": block(status="Enabled")},
            ),
            (
                "aws_s3_bucket_replication_configuration.this",
                {
                    "bucket": Attribute("aws_s3_bucket.this", "id"),
                    "role": "arn:r",
                    "rule": block(
                        id="all",
                        status="Enabled",
                        priority=0,
                        filter=block(prefix=""),
                        destination=block(bucket="arn:aws:s3:::copy", storage_class="STANDARD"),
                        delete_marker_replication=block(status="Disabled"),
                        source_selection_criteria=block(sse_kms_encrypted_objects=block(status="Enabled")),
                    ),
                },
            ),
        ],
        {
            "AWS::S3::Bucket": {
                "BucketName": "artifacts",
                "VersioningConfiguration": {"Status": "Enabled"},
                "ReplicationConfiguration": {
                    "Role": "arn:r",
                    "Rules": [
                        {
                            "Id": "all",
                            "Status": "Enabled",
                            "Priority": 0,
                            "Filter": {},
                            "Destination": {"Bucket": "arn:aws:s3:::copy", "StorageClass": "STANDARD"},
                            "DeleteMarkerReplication": {"Status": "Disabled"},
                            "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
                        }
                    ],
                },
            }
        },
    ),
    "pipeline": (
        [
            (
                "aws_codepipeline.one",
                {
                    "name": "one",
                    "role_arn": "arn:r",
                    "artifact_store": block(location="artifacts", type="S3", region=""),
                    "stage": block(
                        name="Build",
                        action=block(
                            name="Build",
                            category="Build",
                            owner="AWS",
                            provider="CodeBuild",
                            version="1",
                            run_order=1,
                            region="us-west-2",
                            configuration={"ProjectName": "web"},
                        ),
                    ),
                },
            ),
            (
                "aws_codebuild_project.web",
                {
                    "name": "web",
                    "service_role": "arn:r",
                    "source": block(type="CODEPIPELINE"),
                    "artifacts": block(type="CODEPIPELINE"),
                    "environment": block(
                        type="LINUX_CONTAINER",
                        image=IMAGE,
                        compute_type="BUILD_GENERAL1_SMALL",
                        environment_variable=block(name="A", value="1", type="PLAINTEXT"),
                    ),
                },
            ),
        ],
        {
            "AWS::CodePipeline::Pipeline": {
                "Name": "one",
                "RoleArn": "arn:r",
                "ArtifactStore": {"Location": "artifacts", "Type": "S3"},
                "Stages": [
                    {
                        "Name": "Build",
                        "Actions": [
                            {
                                "Name": "Build",
                                "ActionTypeId": {
                                    "Category": "Build",
                                    "Owner": "AWS",
                                    "Provider": "CodeBuild",
                                    "Version": "1",
                                },
                                "RunOrder": 1,
                                "Region": "us-west-2",
                                "Configuration": {"ProjectName": "web"},
                            }
                        ],
                    }
                ],
            },
            "AWS::CodeBuild::Project": {
                "Name": "web",
                "ServiceRole": "arn:r",
                "Source": {"Type": "CODEPIPELINE"},
                "Artifacts": {"Type": "CODEPIPELINE"},
                "Environment": {
                    "Type": "LINUX_CONTAINER",
                    "Image": IMAGE,
                    "ComputeType": "BUILD_GENERAL1_SMALL",
                    "EnvironmentVariables": [{"Name": "A", "Value": "1", "Type": "PLAINTEXT"}],
                },
            },
        },
    ),
    "pipeline of two Regions": (
        [
            (
                "aws_codepipeline.two",
                {
                    "name": "two",
                    "artifact_store": [
                        {"location": "east", "type": "S3", "region": "us-east-1"},
                        {"location": "west", "type": "S3", "region": "us-west-2"},
                    ],
                },
            )
        ],
        {
            "AWS::CodePipeline::Pipeline": {
                "Name": "two",
                "ArtifactStores": [
                    {"Region": "us-east-1", "ArtifactStore": {"Location": "east", "Type": "S3"}},
                    {"Region": "us-west-2", "ArtifactStore": {"Location": "west", "Type": "S3"}},
                ],
            }
        },
    ),
    "events": (
        [
            (
                "aws_cloudwatch_event_rule.nightly",
                {"name": "nightly", "schedule_expression": "rate(1 day)", "is_enabled": False},
            ),
            (
                "aws_cloudwatch_event_target.nightly",
                {
                    "rule": "nightly",
                    "target_id": "run",
                    "arn": "arn:cluster",
                    "role_arn": "arn:r",
                    "ecs_target": block(
                        task_definition_arn=Attribute("aws_ecs_task_definition.job", "arn"), task_count=2
                    ),
                    "dead_letter_config": block(arn="arn:q"),
                },
            ),
            ("aws_ecs_task_definition.job", {"family": "job", "container_definitions": "[]"}),
        ],
        {
            "AWS::Events::Rule": {
                "Name": "nightly",
                "ScheduleExpression": "rate(1 day)",
                "State": "DISABLED",
                "Targets": [
                    {
                        "Id": "run",
                        "Arn": "arn:cluster",
                        "RoleArn": "arn:r",
                        "EcsParameters": {"TaskDefinitionArn": {"Ref": "ECSTaskDefinition"}, "TaskCount": 2},
                        "DeadLetterConfig": {"Arn": "arn:q"},
                    }
                ],
            },
            "AWS::ECS::TaskDefinition": {"Family": "job", "ContainerDefinitions": []},
        },
    ),
    "schedule, state machine and job": (
        [
            (
                "aws_scheduler_schedule.this",
                {
                    "name": "nightly",
                    "schedule_expression": "rate(1 day)",
                    "target": block(
                        arn="arn:cluster",
                        role_arn="arn:r",
                        ecs_parameters=block(
                            task_definition_arn=Attribute("aws_ecs_task_definition.job", "arn"), launch_type="FARGATE"
                        ),
                    ),
                },
            ),
            ("aws_ecs_task_definition.job", {"family": "job", "container_definitions": "[]"}),
            ("aws_sfn_state_machine.this", {"name": "m", "role_arn": "arn:r", "definition": '{"States": {"A": {}}}'}),
            (
                "aws_batch_job_definition.this",
                {
                    "name": "b",
                    "type": "container",
                    "container_properties": json.dumps({"Image": IMAGE, "command": ["x"]}),
                    "ecs_properties": json.dumps({"taskProperties": [{"containers": [{"image": IMAGE, "name": "a"}]}]}),
                    "eks_properties": block(pod_properties=block(containers=block(image=IMAGE), init_containers=[])),
                    "node_properties": json.dumps(
                        {"nodeRangeProperties": [{"targetNodes": "0:", "container": {"image": IMAGE}}]}
                    ),
                },
            ),
        ],
        {
            "AWS::Scheduler::Schedule": {
                "Name": "nightly",
                "ScheduleExpression": "rate(1 day)",
                "Target": {
                    "Arn": "arn:cluster",
                    "RoleArn": "arn:r",
                    "EcsParameters": {"TaskDefinitionArn": {"Ref": "ECSTaskDefinition"}, "LaunchType": "FARGATE"},
                },
            },
            "AWS::ECS::TaskDefinition": {"Family": "job", "ContainerDefinitions": []},
            "AWS::StepFunctions::StateMachine": {
                "StateMachineName": "m",
                "RoleArn": "arn:r",
                "Definition": {"States": {"A": {}}},
            },
            "AWS::Batch::JobDefinition": {
                "JobDefinitionName": "b",
                "Type": "container",
                "ContainerProperties": {"Image": IMAGE},
                "EcsProperties": {"TaskProperties": [{"Containers": [{"Image": IMAGE, "Name": "a"}]}]},
                "EksProperties": {"PodProperties": {"Containers": [{"Image": IMAGE}]}},
                "NodeProperties": {"NodeRangeProperties": [{"TargetNodes": "0:", "Container": {"Image": IMAGE}}]},
            },
        },
    ),
    "event pattern": (
        [
            (
                "aws_cloudwatch_event_rule.push",
                {"name": "push", "event_pattern": '{"source": ["aws.ecr"]}', "state": "ENABLED"},
            )
        ],
        {"AWS::Events::Rule": {"Name": "push", "EventPattern": {"source": ["aws.ecr"]}}},
    ),
}


def _logical(type):
    return type.removeprefix("AWS::").replace("::", "")


def expected(bodies):
    """Return what CloudFormation's parser makes of a template with one resource of each type."""
    template = {"Resources": {_logical(type): {"Type": type, "Properties": body} for type, body in bodies.items()}}
    return cloudformation.resources(template, "main.tf", ACCOUNT, REGION)[0]
