"""The demo's clusters, as Amazon EKS describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from scanner.demo.surroundings import subnets
from scanner.demo.words import Recorder, epoch, sha256, uuid
from scanner.recorded import Call

_CREATED = datetime.fromisoformat("2026-01-12T09:00:00Z")
_VERSIONS = [
    {
        "clusterVersion": version,
        "clusterType": "eks",
        "defaultVersion": version == "1.34",
        "versionStatus": status,
        "endOfStandardSupportDate": epoch(datetime.fromisoformat(f"{end}T00:00:00Z")),
    }
    for version, status, end in (
        ("1.35", "STANDARD_SUPPORT", "2027-03-27"),
        ("1.34", "STANDARD_SUPPORT", "2026-12-02"),
        ("1.33", "STANDARD_SUPPORT", "2026-12-01"),
        ("1.32", "EXTENDED_SUPPORT", "2026-03-23"),
        ("1.31", "EXTENDED_SUPPORT", "2025-11-26"),
    )
]
"""What the invented estate is told; the dates are invented too."""


def calls(recorder: Recorder, clusters: Mapping[str, Any]) -> Iterator[Call]:
    """Return what EKS answers about the clusters of one place."""
    yield recorder.answered("eks", "ListClusters", {}, {"clusters": sorted(clusters)})
    for name, described in sorted(clusters.items()):
        yield recorder.answered("eks", "DescribeCluster", {"name": name}, {"cluster": _eks(recorder, name, described)})
        scope = {"clusterName": name}
        yield recorder.answered("eks", "ListNodegroups", scope, {"nodegroups": sorted(described["nodegroups"])})
        for group, settings in sorted(described["nodegroups"].items()):
            answer = {"nodegroup": _nodegroup(recorder, name, group, described["version"], settings)}
            yield recorder.answered("eks", "DescribeNodegroup", {**scope, "nodegroupName": group}, answer)
        yield recorder.answered("eks", "ListAddons", scope, {"addons": sorted(described["addons"])})
        for addon, version in sorted(described["addons"].items()):
            answer = {"addon": _addon(recorder, name, addon, version)}
            yield recorder.answered("eks", "DescribeAddon", {**scope, "addonName": addon}, answer)
        profiles = described.get("fargate", {})
        yield recorder.answered("eks", "ListFargateProfiles", scope, {"fargateProfileNames": sorted(profiles)})
        for profile, namespace in sorted(profiles.items()):
            answer = {"fargateProfile": _fargate_profile(recorder, name, profile, namespace)}
            yield recorder.answered("eks", "DescribeFargateProfile", {**scope, "fargateProfileName": profile}, answer)
        yield from _identities(recorder, name, described.get("identities", {}))
    if clusters:
        yield recorder.answered("eks", "DescribeClusterVersions", {"includeAll": True}, {"clusterVersions": _VERSIONS})


def _identities(recorder: Recorder, cluster: str, roles: Mapping[str, str]) -> Iterator[Call]:
    found = [_association(recorder, cluster, account, role) for account, role in sorted(roles.items())]
    summary = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId")
    listed = [{member: association[member] for member in summary} for association in found]
    scope = {"clusterName": cluster}
    yield recorder.answered("eks", "ListPodIdentityAssociations", scope, {"associations": listed})
    for association in found:
        asked = {**scope, "associationId": association["associationId"]}
        yield recorder.answered("eks", "DescribePodIdentityAssociation", asked, {"association": association})


def _association(recorder: Recorder, cluster: str, service_account: str, role: str) -> dict[str, Any]:
    namespace, _, name = service_account.partition("/")
    id = f"a-{sha256(f'{recorder.place} {cluster} {service_account}')[:17]}"
    return {
        "clusterName": cluster,
        "namespace": namespace,
        "serviceAccount": name,
        "roleArn": recorder.role(role),
        "associationArn": recorder.arn("eks", f"podidentityassociation/{cluster}/{id}"),
        "associationId": id,
        "tags": {},
        "createdAt": epoch(_CREATED),
        "modifiedAt": epoch(_CREATED),
    }


def _eks(recorder: Recorder, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    words = f"{recorder.place} {name}"
    return {
        "name": name,
        "arn": recorder.arn("eks", f"cluster/{name}"),
        "createdAt": epoch(_CREATED),
        "version": described["version"],
        "platformVersion": described["platform"],
        "status": "ACTIVE",
        "endpoint": f"https://{sha256(words)[:32].upper()}.gr7.{recorder.place.region}.eks.amazonaws.com",
        "roleArn": recorder.role("eks-cluster"),
        "resourcesVpcConfig": {
            "subnetIds": subnets(recorder.place),
            "securityGroupIds": [],
            "clusterSecurityGroupId": f"sg-{sha256(words)[:17]}",
            "vpcId": f"vpc-{sha256(str(recorder.place))[:17]}",
            "endpointPublicAccess": False,
            "endpointPrivateAccess": True,
            "publicAccessCidrs": [],
        },
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
        "logging": {"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]},
        "upgradePolicy": {"supportType": "STANDARD"},
        "identity": {"oidc": {"issuer": f"https://{issuer(recorder.account, recorder.place.region, name)}"}},
        "accessConfig": {"authenticationMode": "API"},
        "health": {"issues": []},
        "tags": {"team": name},
    }


def issuer(account: str, region: str | None, cluster: str) -> str:
    """Return who issues the tokens of a cluster's service accounts."""
    return f"oidc.eks.{region}.amazonaws.com/id/{sha256(f'{account}/{region} {cluster}')[:32].upper()}"


def _fargate_profile(recorder: Recorder, cluster: str, name: str, namespace: str) -> dict[str, Any]:
    words = f"{recorder.place} {cluster} {name}"
    return {
        "fargateProfileName": name,
        "fargateProfileArn": recorder.arn("eks", f"fargateprofile/{cluster}/{name}/{uuid(words)}"),
        "clusterName": cluster,
        "createdAt": epoch(_CREATED),
        "podExecutionRoleArn": recorder.role("eks-fargate"),
        "subnets": subnets(recorder.place),
        "selectors": [{"namespace": namespace, "labels": {}}],
        "status": "ACTIVE",
        "health": {"issues": []},
        "tags": {},
    }


def _nodegroup(
    recorder: Recorder, cluster: str, name: str, version: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    least, desired, most = settings["size"]
    return {
        "nodegroupName": name,
        "nodegroupArn": recorder.arn("eks", f"nodegroup/{cluster}/{name}/{uuid(f'{recorder.place} {cluster} {name}')}"),
        "clusterName": cluster,
        "version": version,
        "releaseVersion": settings["release"],
        "createdAt": epoch(_CREATED),
        "modifiedAt": epoch(_CREATED),
        "status": "ACTIVE",
        "capacityType": "ON_DEMAND",
        "scalingConfig": {"minSize": least, "desiredSize": desired, "maxSize": most},
        "instanceTypes": ["m7g.large"],
        "subnets": subnets(recorder.place),
        "amiType": "AL2023_ARM_64_STANDARD",
        "nodeRole": recorder.role("eks-node"),
        "diskSize": 20,
        "health": {"issues": []},
        "updateConfig": {"maxUnavailable": 1},
        "tags": {},
    }


def _addon(recorder: Recorder, cluster: str, name: str, version: str) -> dict[str, Any]:
    return {
        "addonName": name,
        "addonArn": recorder.arn("eks", f"addon/{cluster}/{name}/{uuid(f'{recorder.place} {cluster} {name}')}"),
        "clusterName": cluster,
        "addonVersion": version,
        "status": "ACTIVE",
        "health": {"issues": []},
        "createdAt": epoch(_CREATED),
        "modifiedAt": epoch(_CREATED),
        "tags": {},
    }
