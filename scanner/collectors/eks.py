"""Amazon EKS: clusters and what the EKS API knows of their nodes and add-ons; pods and images it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, cloudformation, pick, structures, tags
from scanner.model import Gap, Resource

CLUSTER, NODEGROUP = "AWS::EKS::Cluster", "AWS::EKS::Nodegroup"
ADDON, FARGATE_PROFILE = "AWS::EKS::Addon", "AWS::EKS::FargateProfile"
TYPES = (CLUSTER, NODEGROUP, ADDON, FARGATE_PROFILE)

_PAGE = {"maxResults": 100}
_Each = Callable[[Answers], Iterable[dict[str, Any]]]


def _clusters(member: str) -> _Each:
    return lambda answers: [{member: name} for _, name in answers.items(_LIST_CLUSTERS)]


def _within(list_ask: Ask, member: str) -> _Each:
    return lambda answers: [
        {"clusterName": answer.parameters["clusterName"], member: name} for answer, name in answers.items(list_ask)
    ]


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
CALLS = (
    _LIST_CLUSTERS,
    DESCRIBE_CLUSTER,
    _LIST_NODEGROUPS,
    _DESCRIBE_NODEGROUP,
    _LIST_ADDONS,
    _DESCRIBE_ADDON,
    _LIST_PROFILES,
    _DESCRIBE_PROFILE,
)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return clusters, node groups, add-ons and Fargate profiles."""
    for ask, type, read in (
        (DESCRIBE_CLUSTER, CLUSTER, _cluster),
        (_DESCRIBE_NODEGROUP, NODEGROUP, _nodegroup),
        (_DESCRIBE_ADDON, ADDON, _addon),
        (_DESCRIBE_PROFILE, FARGATE_PROFILE, _profile),
    ):
        for answer in answers.of(ask):
            for page in answer.pages:
                yield _resource(answers, ask, type, answer, page[ask.answer], read)
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
    name = "/".join(str(answer.parameters[key]) for key in _NAMES[type])
    if not isinstance(id, str):
        return answers.gap(type, answers.name(ask), MALFORMED, f"'{name}' was answered without its ARN")
    labels = tags(described.get("tags"))
    return answers.resource(type, id, name, read(described), asks=(ask,), at=answer.at, tags=labels)


_NAMES = {
    CLUSTER: ("name",),
    NODEGROUP: ("clusterName", "nodegroupName"),
    ADDON: ("clusterName", "addonName"),
    FARGATE_PROFILE: ("clusterName", "fargateProfileName"),
}
_ARNS = {CLUSTER: "arn", NODEGROUP: "nodegroupArn", ADDON: "addonArn", FARGATE_PROFILE: "fargateProfileArn"}


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
    return {**properties, "Logging": _logging(cluster.get("logging"))}


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
