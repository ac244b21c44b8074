"""What the load server answers, rendered once into the bytes of a whole HTTP response."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from benchmarks import queries
from benchmarks.estate import REGIONS, Estate, account_id, account_number
from benchmarks.replies import error, response

_EPOCH = 1_760_000_000
_Parameters = Mapping[str, Any]


def _json(value: Any) -> bytes:
    return response(200, json.dumps(value, separators=(",", ":")).encode())


THROTTLED = error(400, "ThrottlingException", "Rate exceeded")
FORBIDDEN = error(400, "AccessDeniedException", "User is not authorized to perform: secretsmanager:ListSecrets")
NO_REGION = error(400, "UnrecognizedClientException", "The security token included in the request is invalid.")


class Answers:
    """Answers of an estate; each is rendered when it is asked for the first time."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._rendered: dict[tuple[Any, ...], bytes] = {}
        self._ecr = _Ecr(estate)

    def get(self, account: str, region: str, service: str, operation: str, parameters: _Parameters) -> bytes:
        """Return the response to a call that is neither denied nor throttled."""
        if service == "ecr":
            return self._ecr.get(account, operation, parameters)
        key = (account, region, service, operation, json.dumps(parameters, sort_keys=True))
        found = self._rendered.get(key)
        if found is None:
            found = self._render(account, region, service, operation, parameters)
            if len(self._rendered) < 200_000:
                self._rendered[key] = found
        return found

    def _render(self, account: str, region: str, service: str, operation: str, parameters: _Parameters) -> bytes:
        found = queries.answer(self._estate, account, service, operation, parameters)
        if found is not None:
            return found
        if service in _MAKERS and operation in _MAKERS[service]:
            arn = f"arn:aws:{service}:{region}:{account}"
            return _json(_MAKERS[service][operation](self._estate, arn, account, parameters))
        return empty(service, operation)


class _Ecr:
    """The hot path: pages are the same for every repository and every account, and are rendered once."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._constant = {operation: _json(answer) for operation, answer in _REGISTRY.items()}
        self._repositories: dict[tuple[int, int, int], bytes] = {}
        self._images: dict[tuple[int, int], bytes] = {}

    def get(self, account: str, operation: str, parameters: _Parameters) -> bytes:
        constant = self._constant.get(operation)
        if constant is not None:
            return constant
        if operation in _ABSENT:
            return _ABSENT[operation]
        page, size = int(parameters.get("nextToken") or 0), int(parameters.get("maxResults") or 100)
        if operation == "DescribeImages":
            key = (page, size)
            if key not in self._images:
                self._images[key] = _page("imageDetails", image, self._estate.images, page, size)
            return self._images[key]
        if operation == "DescribeRepositories":
            count = self._estate.repositories_of(account_number(account))
            place = (count, page, size)
            if place not in self._repositories:
                self._repositories[place] = _page("repositories", repository, count, page, size)
            return self._repositories[place]
        if operation == "BatchGetRepositoryScanningConfiguration":
            names = parameters.get("repositoryNames", [])
            found = [{"repositoryName": name, "scanOnPush": True, "scanFrequency": "SCAN_ON_PUSH"} for name in names]
            return _json({"scanningConfigurations": found, "failures": []})
        return empty("ecr", operation)


def _page(key: str, make: Callable[[int], Any], count: int, page: int, size: int) -> bytes:
    items = [make(number) for number in range(page * size, min(count, (page + 1) * size))]
    more = {"nextToken": str(page + 1)} if (page + 1) * size < count else {}
    return _json({key: items, **more})


def image(number: int) -> dict[str, Any]:
    """Return an image as ecr:DescribeImages does."""
    chance = random.Random(number)
    tags = [f"v1.{number}.0", f"{chance.getrandbits(160):040x}"][: 1 + number % 2]
    pushed = _EPOCH - number * 977
    return {
        "registryId": account_id(0),
        "repositoryName": "team/service",
        "imageDigest": f"sha256:{chance.getrandbits(256):064x}",
        "imageTags": tags,
        "imageSizeInBytes": 10_000_000 + chance.getrandbits(26),
        "imagePushedAt": pushed + 0.123,
        "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactMediaType": "application/vnd.oci.image.config.v1+json",
        "imageStatus": "ACTIVE",
        "lastRecordedPullTime": pushed + 3600.5,
    }


def repository(number: int) -> dict[str, Any]:
    """Return a repository as ecr:DescribeRepositories does."""
    name = f"team-{number % 10}/service-{number:05}"
    return {
        "repositoryArn": f"arn:aws:ecr:us-east-1:{account_id(0)}:repository/{name}",
        "registryId": account_id(0),
        "repositoryName": name,
        "repositoryUri": f"{account_id(0)}.dkr.ecr.us-east-1.amazonaws.com/{name}",
        "createdAt": _EPOCH - 0.5,
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "pull", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["ecr:BatchGetImage"]}],
}
_LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 5000},
            "action": {"type": "expire"},
        }
    ]
}
_REPLICATION = {
    "rules": [{"destinations": [{"region": "us-west-2", "registryId": account_id(0)}], "repositoryFilters": []}]
}
_REGISTRY: dict[str, Any] = {
    "DescribeRegistry": {"registryId": account_id(0), "replicationConfiguration": _REPLICATION},
    "GetRegistryScanningConfiguration": {"scanningConfiguration": {"scanType": "BASIC", "rules": []}},
    "DescribeRepositoryCreationTemplates": {"repositoryCreationTemplates": []},
    "DescribePullThroughCacheRules": {"pullThroughCacheRules": []},
    "GetAccountSetting": {"name": "REGISTRY_POLICY_SCOPE", "value": "V2"},
    "ListPullTimeUpdateExclusions": {"pullTimeUpdateExclusions": []},
    "ListReplicationBackfills": {"backfills": [], "replicationBackfills": []},
    "GetRepositoryPolicy": {"policyText": json.dumps(_POLICY)},
    "GetLifecyclePolicy": {"lifecyclePolicyText": json.dumps(_LIFECYCLE), "lastEvaluatedAt": _EPOCH},
}
_ABSENT = {
    "GetRegistryPolicy": error(400, "RegistryPolicyNotFoundException", "There is none."),
    "GetSigningConfiguration": error(400, "SigningConfigurationNotFoundException", "There is none."),
}


# --- the other services: (estate, ARN prefix, account, parameters) -> answer -------------------------------------


def _listed(key: str, items: Sequence[Any], parameters: _Parameters) -> dict[str, Any]:
    page, size = int(parameters.get("nextToken") or 0), int(parameters.get("maxResults") or 10)
    more = {"nextToken": str(page + 1)} if (page + 1) * size < len(items) else {}
    return {key: items[page * size : (page + 1) * size], **more}


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _definition_arn(estate: Estate, arn: str, cluster: str, number: int) -> str:
    return f"{arn}:task-definition/{cluster}-{number % max(1, estate.definitions)}:7"


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _service(estate: Estate, arn: str, id: str) -> dict[str, Any]:
    *_, cluster, name = id.split("/")
    return {
        "serviceArn": id,
        "serviceName": name,
        "clusterArn": f"{arn}:cluster/{cluster}",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 2,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "taskDefinition": _definition_arn(estate, arn, cluster, _number(name)),
        "currentServiceRevisions": [{"arn": f"{arn}:service-revision/{cluster}/{name}/1", "runningTaskCount": 2}],
        "tags": [],
    }


def _revision(id: str) -> dict[str, Any]:
    shown = image(_number(id.split("/")[-2]))["imageDigest"]
    name = f"{account_id(0)}.dkr.ecr.us-east-1.amazonaws.com/team-0/service-00000:v1"
    return {
        "serviceRevisionArn": id,
        "containerImages": [{"containerName": "app", "image": name, "imageDigest": shown}],
    }


def _task(estate: Estate, arn: str, id: str) -> dict[str, Any]:
    *_, cluster, name = id.split("/")
    return {
        "taskArn": id,
        "clusterArn": f"{arn}:cluster/{cluster}",
        "group": "family:nightly",
        "taskDefinitionArn": _definition_arn(estate, arn, cluster, _number(name)),
        "containers": [{"name": "app", "image": "busybox:1"}],
    }


def _definition(id: str) -> dict[str, Any]:
    family = _name(id).partition(":")[0]
    container = {"name": "app", "image": "busybox:1", "environment": [{"name": "A", "value": "b"}]}
    role = f"arn:aws:iam::{id.split(':')[4]}:role/{queries.ROLE}"
    definition = {"taskDefinitionArn": id, "family": family, "executionRoleArn": role}
    return {"taskDefinition": {**definition, "containerDefinitions": [container]}}


def _eks_cluster(arn: str, name: str) -> dict[str, Any]:
    return {"cluster": {"name": name, "arn": f"{arn}:cluster/{name}", "version": "1.33", "status": "ACTIVE"}}


def _nodegroup(arn: str, cluster: str, name: str) -> dict[str, Any]:
    id = f"{arn}:nodegroup/{cluster}/{name}/1"
    return {"nodegroup": {"nodegroupName": name, "clusterName": cluster, "nodegroupArn": id, "version": "1.33"}}


def _association(arn: str, cluster: str) -> dict[str, Any]:
    return {
        "clusterName": cluster,
        "namespace": "default",
        "serviceAccount": "app",
        "roleArn": f"arn:aws:iam::{arn.split(':')[4]}:role/{queries.ROLE}",
        "associationArn": f"{arn}:podidentityassociation/{cluster}/a-1",
        "associationId": "a-1",
    }


def _quota(service: str, code: str) -> dict[str, Any]:
    shown = {"QuotaName": code, "Value": 1000.0, "Unit": "None", "Adjustable": True, "GlobalQuota": False}
    return {"ServiceCode": service, "QuotaCode": code, **shown}


def _function(arn: str, number: int) -> dict[str, Any]:
    return {"FunctionName": f"f-{number}", "FunctionArn": f"{arn}:function:f-{number}", "PackageType": "Zip"}


def _functions(estate: Estate, arn: str, parameters: _Parameters) -> dict[str, Any]:
    start = int(parameters.get("Marker") or 0)
    found = [_function(arn, number) for number in range(start, min(estate.functions, start + 50))]
    return {"Functions": found, **({"NextMarker": str(start + 50)} if start + 50 < estate.functions else {})}


def _accounts(estate: Estate, parameters: _Parameters) -> dict[str, Any]:
    arn = f"arn:aws:organizations::{account_id(0)}:account/o-load"
    found = [
        {"Id": id, "Arn": f"{arn}/{id}", "Name": f"account-{id}", "Status": "ACTIVE", "State": "ACTIVE"}
        for id in estate.account_ids
    ]
    page = int(parameters.get("NextToken") or 0)
    more = {"NextToken": str(page + 1)} if (page + 1) * 20 < len(found) else {}
    return {"Accounts": found[page * 20 : (page + 1) * 20], **more}


def _regions(estate: Estate, account: str, parameters: _Parameters) -> dict[str, Any]:
    number = account_number(account)
    regions = [
        {
            "RegionName": region,
            "RegionOptStatus": "DISABLED" if estate.is_opted_out(number, region) else "ENABLED_BY_DEFAULT",
        }
        for region in REGIONS
    ]
    wanted = parameters.get("RegionOptStatusContains")
    return {"Regions": [region for region in regions if not wanted or region["RegionOptStatus"] in wanted]}


_ORGANIZATION = {
    "Id": "o-load",
    "Arn": f"arn:aws:organizations::{account_id(0)}:organization/o-load",
    "MasterAccountId": account_id(0),
    "FeatureSet": "ALL",
}
_Maker = Callable[[Estate, str, str, _Parameters], dict[str, Any]]
_MAKERS: Mapping[str, Mapping[str, _Maker]] = {
    "ecs": {
        "ListClusters": lambda e, arn, _, p: _listed(
            "clusterArns", [f"{arn}:cluster/c-{number}" for number in range(e.clusters)], {"maxResults": 100, **p}
        ),
        "DescribeClusters": lambda _, __, ___, p: {
            "clusters": [{"clusterArn": id, "clusterName": _name(id), "status": "ACTIVE"} for id in p["clusters"]],
            "failures": [],
        },
        "ListServices": lambda e, arn, _, p: _listed(
            "serviceArns", [f"{arn}:service/{_name(p['cluster'])}/s-{number}" for number in range(e.services)], p
        ),
        "DescribeServices": lambda e, arn, _, p: {
            "services": [_service(e, arn, id) for id in p["services"]],
            "failures": [],
        },
        "DescribeServiceRevisions": lambda _, __, ___, p: {
            "serviceRevisions": [_revision(id) for id in p["serviceRevisionArns"]],
            "failures": [],
        },
        "ListTasks": lambda e, arn, _, p: _listed(
            "taskArns",
            [f"{arn}:task/{_name(p['cluster'])}/t-{number}" for number in range(e.tasks)],
            {"maxResults": 100, **p},
        ),
        "DescribeTasks": lambda e, arn, _, p: {"tasks": [_task(e, arn, id) for id in p["tasks"]], "failures": []},
        "DescribeTaskDefinition": lambda _, __, ___, p: _definition(p["taskDefinition"]),
        "ListTaskDefinitionFamilies": lambda _, __, ___, p: _listed("families", ["web"], p),
    },
    "eks": {
        "ListClusters": lambda e, _, __, p: _listed(
            "clusters", [f"k-{number}" for number in range(e.eks_clusters)], {"maxResults": 100, **p}
        ),
        "DescribeCluster": lambda _, arn, __, p: _eks_cluster(arn, p["name"]),
        "ListNodegroups": lambda e, _, __, p: _listed(
            "nodegroups", [f"n-{number}" for number in range(e.nodegroups)], {"maxResults": 100, **p}
        ),
        "DescribeNodegroup": lambda _, arn, __, p: _nodegroup(arn, p["name"], p["nodegroupName"]),
        "ListAddons": lambda *_: {"addons": []},
        "ListFargateProfiles": lambda *_: {"fargateProfileNames": []},
        "ListPodIdentityAssociations": lambda _, arn, __, p: {"associations": [_association(arn, p["name"])]},
        "DescribePodIdentityAssociation": lambda _, arn, __, p: {"association": _association(arn, p["name"])},
        "DescribeClusterVersions": lambda *_: {"clusterVersions": []},
    },
    "service-quotas": {
        "ListServiceQuotas": lambda _, __, ___, p: {"Quotas": [_quota(p["ServiceCode"], p["QuotaCode"])]},
    },
    "lambda": {"ListFunctions": lambda e, arn, _, p: _functions(e, arn, p)},
    "organizations": {
        "ListAccounts": lambda e, _, __, p: _accounts(e, p),
        "DescribeOrganization": lambda *_: {"Organization": _ORGANIZATION},
    },
    "account": {"ListRegions": lambda e, _, account, p: _regions(e, account, p)},
}


@cache
def empty(service: str, operation: str) -> bytes:
    """Return the answer of an operation that found nothing: its lists, empty; a 404 if botocore has no such thing."""
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError
    from botocore.session import get_session

    try:
        model = get_session().get_service_model(service)
        shape = model.operation_model(operation).output_shape
    except (UnknownServiceError, OperationNotFoundError):
        return error(404, "UnknownOperationException", f"{service}:{operation} is not answered here")
    members = shape.members if shape else {}
    if model.protocol in ("query", "ec2"):
        lists = [m.serialization.get("name", name) for name, m in members.items() if m.type_name == "list"]
        return queries.result(operation, "".join(f"<{name}/>" for name in lists), model.protocol == "query")
    return _json({name: [] for name, member in members.items() if member.type_name == "list"})
