"""Amazon EKS: clusters and what the EKS API knows of their nodes, add-ons and identities; pods and images it does not.

The Kubernetes versions that EKS knows are asked only of Regions in which there is a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, cloudformation, moment, pick, structures, tags
from scanner.model import Gap, Resource, Unknown

CLUSTER, NODEGROUP = "AWS::EKS::Cluster", "AWS::EKS::Nodegroup"
ADDON, FARGATE_PROFILE = "AWS::EKS::Addon", "AWS::EKS::FargateProfile"
POD_IDENTITY, CLUSTER_VERSION = "AWS::EKS::PodIdentityAssociation", "AWS::EKS::ClusterVersion"
TYPES = (CLUSTER, NODEGROUP, ADDON, FARGATE_PROFILE, POD_IDENTITY, CLUSTER_VERSION)

_PAGE = {"maxResults": 100}
_Each = Callable[[Answers], Iterable[dict[str, Any]]]


def _clusters(member: str) -> _Each:
    return lambda answers: [{member: name} for _, name in answers.items(_LIST_CLUSTERS)]


def _within(list_ask: Ask, member: str) -> _Each:
    return lambda answers: [
        {"clusterName": answer.parameters["clusterName"], member: name} for answer, name in answers.items(list_ask)
    ]


def _associations(answers: Answers) -> Iterable[dict[str, Any]]:
    return [
        {"clusterName": answer.parameters["clusterName"], "associationId": item["associationId"]}
        for answer, item in answers.items(_LIST_ASSOCIATIONS)
        if isinstance(item, dict) and isinstance(item.get("associationId"), str)
    ]


def _where_clusters_are(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{}] if any(True for _ in answers.items(_LIST_CLUSTERS)) else []


_LIST_CLUSTERS = Ask("ListClusters", "clusters", TYPES, _PAGE, paged=True)
DESCRIBE_CLUSTER = Ask("DescribeCluster", "cluster", (CLUSTER,), each=_clusters("name"), per="cluster")
_LIST_NODEGROUPS = Ask(
    "ListNodegroups", "nodegroups", (NODEGROUP,), _PAGE, _clusters("clusterName"), paged=True, per="cluster"
)
_DESCRIBE_NODEGROUP = Ask(
    "DescribeNodegroup", "nodegroup", (NODEGROUP,), each=_within(_LIST_NODEGROUPS, "nodegroupName"), per="node group"
)
_LIST_ADDONS = Ask("ListAddons", "addons", (ADDON,), _PAGE, _clusters("clusterName"), paged=True, per="cluster")
_DESCRIBE_ADDON = Ask("DescribeAddon", "addon", (ADDON,), each=_within(_LIST_ADDONS, "addonName"), per="add-on")
_LIST_PROFILES = Ask(
    "ListFargateProfiles",
    "fargateProfileNames",
    (FARGATE_PROFILE,),
    _PAGE,
    _clusters("clusterName"),
    paged=True,
    per="cluster",
)
_DESCRIBE_PROFILE = Ask(
    "DescribeFargateProfile",
    "fargateProfile",
    (FARGATE_PROFILE,),
    each=_within(_LIST_PROFILES, "fargateProfileName"),
    per="Fargate profile",
)
_LIST_ASSOCIATIONS = Ask(
    "ListPodIdentityAssociations",
    "associations",
    (POD_IDENTITY,),
    _PAGE,
    _clusters("clusterName"),
    paged=True,
    per="cluster",
)
_DESCRIBE_ASSOCIATION = Ask(
    "DescribePodIdentityAssociation",
    "association",
    (POD_IDENTITY,),
    each=_associations,
    per="Pod Identity association",
)
_DESCRIBE_VERSIONS = Ask(
    "DescribeClusterVersions",
    "clusterVersions",
    (CLUSTER_VERSION,),
    {"includeAll": True, **_PAGE},
    _where_clusters_are,
    paged=True,
    per="Region with clusters",
)
CALLS = (
    _LIST_CLUSTERS,
    DESCRIBE_CLUSTER,
    _LIST_NODEGROUPS,
    _DESCRIBE_NODEGROUP,
    _LIST_ADDONS,
    _DESCRIBE_ADDON,
    _LIST_PROFILES,
    _DESCRIBE_PROFILE,
    _LIST_ASSOCIATIONS,
    _DESCRIBE_ASSOCIATION,
    _DESCRIBE_VERSIONS,
)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return clusters, node groups, add-ons, Fargate profiles, Pod Identity associations, and Kubernetes versions."""
    for ask, type, read in (
        (DESCRIBE_CLUSTER, CLUSTER, _cluster),
        (_DESCRIBE_NODEGROUP, NODEGROUP, _nodegroup),
        (_DESCRIBE_ADDON, ADDON, _addon),
        (_DESCRIBE_PROFILE, FARGATE_PROFILE, _profile),
        (_DESCRIBE_ASSOCIATION, POD_IDENTITY, _association),
    ):
        for answer in answers.of(ask):
            for page in answer.pages:
                yield _resource(answers, ask, type, answer, page[ask.answer], read)
    for answer, version in answers.items(_DESCRIBE_VERSIONS):
        yield from _version(answers, version, answer)
    yield from answers.gaps(CALLS)


def _resource(
    answers: Answers,
    ask: Ask,
    type: str,
    answer: Answer,
    described: dict[str, Any],
    read: Callable[[dict[str, Any]], dict[str, Any]],
) -> Resource | Gap:
    id = described.get(_ARNS[type])
    parts = [{**described, **answer.parameters}.get(key) for key in _NAMES[type]]
    name = "/".join(map(str, parts))
    if not isinstance(id, str) or not all(isinstance(part, str) for part in parts):
        return answers.gap(type, answers.name(ask), MALFORMED, f"'{name}' was answered without its ARN or its name")
    labels = tags(described.get("tags"))
    return answers.resource(type, id, name, read(described), asks=(ask,), at=answer.at, tags=labels)


_NAMES = {
    CLUSTER: ("name",),
    NODEGROUP: ("clusterName", "nodegroupName"),
    ADDON: ("clusterName", "addonName"),
    FARGATE_PROFILE: ("clusterName", "fargateProfileName"),
    POD_IDENTITY: ("clusterName", "namespace", "serviceAccount"),
}
_ARNS = {
    CLUSTER: "arn",
    NODEGROUP: "nodegroupArn",
    ADDON: "addonArn",
    FARGATE_PROFILE: "fargateProfileArn",
    POD_IDENTITY: "associationArn",
}


def _cluster(cluster: dict[str, Any]) -> dict[str, Any]:
    properties = pick(
        cluster,
        "name",
        "version",
        "status",
        "platformVersion",
        "resourcesVpcConfig",
        "roleArn",
        "encryptionConfig",
        "upgradePolicy",
        "computeConfig",
        "accessConfig",
        "storageConfig",
        "zonalShiftConfig",
        "kubernetesNetworkConfig",
        "deletionProtection",
    )
    issuer = cluster.get("identity")
    for member in ("oidc", "issuer"):
        issuer = issuer.get(member) if isinstance(issuer, dict) else None
    return {**properties, "Logging": _logging(cluster.get("logging")), "OpenIdConnectIssuerUrl": issuer}


def _logging(logging: Any) -> dict[str, Any] | None:
    """Return CloudFormation's form: only what is switched on."""
    if not isinstance(logging, dict):
        return None
    switched_on = [setup for setup in structures(logging.get("clusterLogging")) if setup.get("enabled")]
    types = [kind for setup in switched_on for kind in setup.get("types") or ()]
    return {"ClusterLogging": {"EnabledTypes": [{"Type": kind} for kind in types]}}


def _nodegroup(nodegroup: dict[str, Any]) -> dict[str, Any]:
    return pick(
        nodegroup,
        "clusterName",
        "nodegroupName",
        "version",
        "releaseVersion",
        "amiType",
        "instanceTypes",
        "scalingConfig",
        "capacityType",
        "nodeRole",
        "status",
        "subnets",
        "labels",
        "taints",
    )


def _addon(addon: dict[str, Any]) -> dict[str, Any]:
    return pick(addon, "clusterName", "addonName", "addonVersion", "serviceAccountRoleArn", "status")


def _profile(profile: dict[str, Any]) -> dict[str, Any]:
    properties = pick(profile, "clusterName", "fargateProfileName", "podExecutionRoleArn", "subnets", "status")
    selectors = [cloudformation(selector) for selector in structures(profile.get("selectors"))]
    return {**properties, "Selectors": selectors}


def _association(association: dict[str, Any]) -> dict[str, Any]:
    return pick(
        association,
        "clusterName",
        "namespace",
        "serviceAccount",
        "roleArn",
        "targetRoleArn",
        "disableSessionTags",
        "associationArn",
        "associationId",
    )


def _version(answers: Answers, version: Any, answer: Answer) -> Iterator[Resource | Gap]:
    """Yield a Kubernetes version; the clusters of Outposts have a list of their own."""
    described = version if isinstance(version, dict) else {}
    name, account, region = described.get("clusterVersion"), *answers.target.place
    if not (isinstance(name, str) and name):
        message = "a version was answered without its number"
        yield answers.gap(CLUSTER_VERSION, answers.name(_DESCRIBE_VERSIONS), MALFORMED, message)
    elif described.get("clusterType") in (None, "eks"):
        properties = {
            "ClusterVersion": name,
            "VersionStatus": _status(described),
            "DefaultVersion": described.get("defaultVersion"),
            "EndOfStandardSupportDate": moment(described.get("endOfStandardSupportDate")),
            "EndOfExtendedSupportDate": moment(described.get("endOfExtendedSupportDate")),
        }
        id = f"aws://{account}/{region}/eks/versions/{name}"
        yield answers.resource(CLUSTER_VERSION, id, name, properties, asks=(_DESCRIBE_VERSIONS,), at=answer.at)


def _status(version: dict[str, Any]) -> Any:
    """Return the support of a version; older answers have it in another member, in lower case."""
    status = version.get("versionStatus") or version.get("status")
    if not isinstance(status, str):
        return Unknown("EKS does not say whether it supports the version")
    return status.upper().replace("-", "_")
