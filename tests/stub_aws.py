"""An AWS endpoint on loopback that answers what a test tells it to, in the four protocols that are asked for."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ACCOUNT, REGION = "111122223333", "us-east-1"
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER, SERVICE = f"{ECS}:cluster/shop", f"{ECS}:service/shop/api"
REVISION, TASK = f"{ECS}:service-revision/shop/api/1", f"{ECS}:task/shop/abc"
DEFINITION = f"{ECS}:task-definition/api:7"
EKS = f"arn:aws:eks:{REGION}:{ACCOUNT}"
DIGEST = "sha256:" + "a" * 64
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/api:v1"
SECRET = "correct-horse-battery-staple"

HEALTHY = {
    "account:ListRegions": {
        "Regions": [
            {"RegionName": "us-east-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"},
            {"RegionName": "us-west-2", "RegionOptStatus": "ENABLED_BY_DEFAULT"},
        ]
    },
    "ecr:DescribeRegistry": {
        "registryId": ACCOUNT,
        "replicationConfiguration": {
            "rules": [
                {
                    "destinations": [{"region": "us-west-2", "registryId": ACCOUNT}],
                    "repositoryFilters": [{"filter": "team/", "filterType": "PREFIX_MATCH"}],
                    "deleteReplication": {"enabled": True},
                }
            ]
        },
    },
    "ecr:GetRegistryPolicy": {"registryId": ACCOUNT, "policyText": '{"Version": "2012-10-17", "Statement": []}'},
    "ecr:GetRegistryScanningConfiguration": {
        "registryId": ACCOUNT,
        "scanningConfiguration": {"scanType": "BASIC", "rules": []},
    },
    "ecr:DescribeRepositoryCreationTemplates": {
        "repositoryCreationTemplates": [
            {
                "prefix": "team",
                "appliedFor": ["REPLICATION"],
                "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "dev-*"}],
                "resourceTags": [{"Key": "a", "Value": "b"}],
                "createdAt": 1.0,
            }
        ]
    },
    "ecr:DescribePullThroughCacheRules": {
        "pullThroughCacheRules": [{"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"}]
    },
    "ecr:GetAccountSetting": {"name": "REGISTRY_POLICY_SCOPE", "value": "V2"},
    "ecr:GetSigningConfiguration": {
        "registryId": ACCOUNT,
        "signingConfiguration": {
            "rules": [
                {
                    "signingProfileArn": f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/shop",
                    "repositoryFilters": [{"filter": "team/*", "filterType": "WILDCARD_MATCH"}],
                }
            ]
        },
    },
    "ecr:ListPullTimeUpdateExclusions": {"pullTimeUpdateExclusions": [f"arn:aws:iam::{ACCOUNT}:role/scanner"]},
    "ecr:ListReplicationBackfills": {
        "registryId": ACCOUNT,
        "backfills": [
            {
                "replicationBackfillId": "backfill-1",
                "destination": {"region": "us-west-2", "registryId": ACCOUNT},
                "status": "COMPLETE",
                "progress": {
                    "totalReplicationCount": 3,
                    "completedReplicationCount": 3,
                    "failedReplicationCount": 0,
                    "failureCodes": [],
                },
                "startedAt": 1_780_000_000.5,
                "endedAt": 1_780_000_060.0,
            }
        ],
    },
    "ecr:BatchGetRepositoryScanningConfiguration": {
        "scanningConfigurations": [{"repositoryName": "team/api", "scanOnPush": True, "scanFrequency": "SCAN_ON_PUSH"}],
        "failures": [],
    },
    "ecr:DescribeRepositories": {
        "repositories": [
            {
                "repositoryName": "team/api",
                "repositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/api",
                "registryId": "11111111111",
                "imageTagMutability": "IMMUTABLE",
                "imageScanningConfiguration": {"scanOnPush": True},
                "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "arn:aws:kms:us-east-1:1:key/k"},
                "memberOfTomorrow": {"kept": True},
            }
        ]
    },
    "ecr:GetRepositoryPolicy": {"policyText": '{"Statement": [{"Effect": "Allow"}]}'},
    "ecr:GetLifecyclePolicy": {"lifecyclePolicyText": '{"rules": []}', "lastEvaluatedAt": -18000.0},
    "ecr:DescribeImages": {
        "imageDetails": [
            {"imageDigest": DIGEST, "imageTags": ["v1"], "imagePushedAt": 1700000000.5, "imageSizeInBytes": 7}
        ]
    },
    "ecs:ListClusters": {"clusterArns": [CLUSTER]},
    "ecs:DescribeClusters": {
        "clusters": [
            {"clusterArn": CLUSTER, "clusterName": "shop", "status": "ACTIVE", "capacityProviders": ["FARGATE"]}
        ],
        "failures": [],
    },
    "ecs:ListServices": {"serviceArns": [SERVICE]},
    "ecs:DescribeServices": {
        "services": [
            {
                "serviceArn": SERVICE,
                "serviceName": "api",
                "clusterArn": CLUSTER,
                "taskDefinition": DEFINITION,
                "desiredCount": 2,
                "currentServiceRevisions": [{"arn": REVISION}],
                "tags": [{"key": "team", "value": "shop"}],
            }
        ],
        "failures": [],
    },
    "ecs:DescribeServiceRevisions": {
        "serviceRevisions": [
            {
                "serviceRevisionArn": REVISION,
                "containerImages": [{"containerName": "api", "image": IMAGE, "imageDigest": DIGEST}],
            }
        ],
        "failures": [],
    },
    "ecs:ListTasks": {"taskArns": [TASK]},
    "ecs:DescribeTasks": {
        "tasks": [
            {
                "taskArn": TASK,
                "clusterArn": CLUSTER,
                "taskDefinitionArn": DEFINITION,
                "group": "family:nightly",
                "containers": [{"name": "job", "image": IMAGE, "imageDigest": DIGEST}],
                "overrides": {"containerOverrides": [{"name": "job", "command": [SECRET]}]},
            }
        ],
        "failures": [],
    },
    "ecs:ListTaskDefinitionFamilies": {"families": ["api", "spare"]},
    "ecs:DescribeTaskDefinition": {
        "taskDefinition": {
            "taskDefinitionArn": DEFINITION,
            "family": "api",
            "containerDefinitions": [
                {
                    "name": "api",
                    "image": IMAGE,
                    "environment": [{"name": "PASSWORD", "value": SECRET}],
                    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web"}},
                },
            ],
            "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
        }
    },
    "eks:ListClusters": {"clusters": ["platform"]},
    "eks:DescribeCluster": {
        "cluster": {
            "name": "platform",
            "arn": f"{EKS}:cluster/platform",
            "version": "1.33",
            "logging": {
                "clusterLogging": [{"types": ["api"], "enabled": True}, {"types": ["audit"], "enabled": False}]
            },
            "certificateAuthority": {"data": SECRET},
            "tags": {"team": "platform"},
        }
    },
    "eks:ListNodegroups": {"nodegroups": ["general"]},
    "eks:DescribeNodegroup": {
        "nodegroup": {
            "nodegroupName": "general",
            "clusterName": "platform",
            "nodegroupArn": f"{EKS}:nodegroup/platform/general/1",
            "scalingConfig": {"minSize": 0, "maxSize": 3},
        }
    },
    "eks:ListAddons": {"addons": ["coredns"]},
    "eks:DescribeAddon": {
        "addon": {
            "addonName": "coredns",
            "clusterName": "platform",
            "addonArn": f"{EKS}:addon/platform/coredns/1",
            "addonVersion": "v1.12.1-eksbuild.2",
            "configurationValues": SECRET,
        }
    },
    "eks:ListFargateProfiles": {"fargateProfileNames": ["default"]},
    "eks:DescribeFargateProfile": {
        "fargateProfile": {
            "fargateProfileName": "default",
            "clusterName": "platform",
            "fargateProfileArn": f"{EKS}:fargateprofile/platform/default/1",
            "selectors": [{"namespace": "shop", "labels": {"app": "x"}}],
        }
    },
    "eks:ListPodIdentityAssociations": {"associations": [{"associationId": "a-1", "clusterName": "platform"}]},
    "eks:DescribePodIdentityAssociation": {
        "association": {
            "clusterName": "platform",
            "namespace": "shop",
            "serviceAccount": "api",
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/api",
            "associationArn": f"{EKS}:podidentityassociation/platform/a-1",
            "associationId": "a-1",
            "externalId": SECRET,
        }
    },
    "eks:DescribeClusterVersions": {
        "clusterVersions": [
            {
                "clusterVersion": "1.33",
                "clusterType": "eks",
                "versionStatus": "STANDARD_SUPPORT",
                "endOfStandardSupportDate": 1785283200.0,
            }
        ]
    },
}
"""Right answers, holding secrets where people keep them."""
EMPTY = {
    "events:ListRules": {"Rules": []},
    "lambda:ListFunctions": {"Functions": []},
    "scheduler:ListSchedules": {"Schedules": []},
    "states:ListStateMachines": {"stateMachines": []},
}
"""Right answers, too, where there is nothing.  All other operations are unknown: nobody asks for those again."""

Answer = dict | tuple | None
Script = Callable[[str, dict], Answer]
"""From `service:Operation` and its parameters to a body, (status, body text), or None for the healthy answer."""


def error(status: int, code: str, message: str = "") -> tuple[int, str]:
    return status, json.dumps({"__type": f"com.amazonaws#{code}", "message": message})


def slow(seconds: float) -> tuple[int, str]:
    time.sleep(seconds)
    return 200, "{}"


class Stub:
    """A running endpoint.  `script` may be changed at any time; `asked` counts the requests of each operation."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.reset()

    def reset(self) -> None:
        self.script: Script = lambda operation, parameters: None
        self.asked: list[tuple[str, dict]] = []
        self.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/scanner/me"

    def answer(self, operation: str, parameters: dict) -> tuple[int, str]:
        self.asked.append((operation, parameters))
        answer = self.script(operation, parameters)
        if isinstance(answer, tuple):
            return answer
        if operation == "sts:GetCallerIdentity" and answer is None:
            return 200, _xml("GetCallerIdentity", f"<Arn>{self.arn}</Arn><Account>{ACCOUNT}</Account>")
        if operation == "sts:AssumeRole" and answer is None:
            keys = "<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            token = "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
            return 200, _xml("AssumeRole", f"<Credentials>{keys}{token}</Credentials>")
        answer = {**HEALTHY, **EMPTY}.get(operation) if answer is None else answer
        if answer is None:
            return error(400, "UnknownOperationException", operation)
        return 200, json.dumps(answer)

    def count(self, operation: str) -> int:
        return sum(1 for name, _ in self.asked if name == operation)


def sts_error(status: int, code: str, message: str = "") -> tuple[int, str]:
    return status, f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


def _xml(operation: str, result: str) -> str:
    return f"<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"


_PATHS = [
    (r"/clusters", "ListClusters"),
    (r"/clusters/(?P<name>[^/]+)", "DescribeCluster"),
    (r"/clusters/(?P<clusterName>[^/]+)/node-groups", "ListNodegroups"),
    (r"/clusters/(?P<clusterName>[^/]+)/node-groups/(?P<nodegroupName>[^/]+)", "DescribeNodegroup"),
    (r"/clusters/(?P<clusterName>[^/]+)/addons", "ListAddons"),
    (r"/clusters/(?P<clusterName>[^/]+)/addons/(?P<addonName>[^/]+)", "DescribeAddon"),
    (r"/clusters/(?P<clusterName>[^/]+)/fargate-profiles", "ListFargateProfiles"),
    (r"/clusters/(?P<clusterName>[^/]+)/fargate-profiles/(?P<fargateProfileName>[^/]+)", "DescribeFargateProfile"),
    (r"/clusters/(?P<clusterName>[^/]+)/pod-identity-associations", "ListPodIdentityAssociations"),
    (
        r"/clusters/(?P<clusterName>[^/]+)/pod-identity-associations/(?P<associationId>[^/]+)",
        "DescribePodIdentityAssociation",
    ),
    (r"/cluster-versions", "DescribeClusterVersions"),
]
_OTHERS = {
    "/listRegions": "account:ListRegions",
    "/2015-03-31/functions": "lambda:ListFunctions",
    "/schedules": "scheduler:ListSchedules",
}
_TARGETS = {
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "AWSEvents": "events",
    "AWSOrganizationsV20161128": "organizations",
    "AWSStepFunctions": "states",
}


def _operation(headers, path: str, body: bytes) -> tuple[str, dict]:
    target = headers.get("X-Amz-Target")
    if target:
        prefix, _, operation = target.partition(".")
        return f"{_TARGETS.get(prefix, prefix)}:{operation}", json.loads(body)
    split = urlsplit(path)
    for pattern, operation in _PATHS:
        if match := re.fullmatch(pattern, split.path):
            query = {key: values[0] for key, values in parse_qs(split.query).items()}
            return f"eks:{operation}", {**query, **match.groupdict()}
    if split.path in _OTHERS:
        return _OTHERS[split.path], json.loads(body or "{}")
    form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    if "Action" not in form:
        return split.path, form
    if form["Action"] == "DescribeRegions":
        return "ec2:DescribeRegions", form
    return f"sts:{form['Action']}", form


@contextmanager
def serve() -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet, or each answer waits for a delayed ACK

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text = stub.answer(*_operation(self.headers, self.path, body))
            if status == 0:  # hang up
                self.close_connection = True
                return
            data = text.encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # the client did not wait

        do_GET = do_POST

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = Stub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
