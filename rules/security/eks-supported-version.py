r"""
title: EKS clusters and node groups run a version in standard support
severity: high
resource: [AWS::EKS::Cluster, AWS::EKS::Nodegroup]
needs: [AWS::EKS::ClusterVersion]
optional: true
rationale: |
  EKS supports a Kubernetes version for some 14 months, then for another year as extended support at a higher price, and
  then upgrades clusters by itself. Nodes keep their version until somebody upgrades them, and get no fixes after that.
remediation: |
  Upgrade the control plane by one minor version at a time, then the node groups:

      aws eks update-cluster-version --region <region> --name <cluster> --kubernetes-version <version>
      aws eks update-nodegroup-version --region <region> --cluster-name <cluster> --nodegroup-name <node group>

  In CloudFormation: `Version` of `AWS::EKS::Cluster` and `AWS::EKS::Nodegroup`; in Terraform: `version` of
  `aws_eks_cluster` and `aws_eks_node_group`.
references:
  - https://docs.aws.amazon.com/securityhub/latest/userguide/eks-controls.html
  - https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
controls:
  security-hub: [EKS.2, EKS.9]
traps:
  - What EKS supports changes every few months, so it is read from EKS in the Region and not from a list in this rule.
  - Extended support may be what an organization decided on; `extended_support` accepts it, and never a version without support.
  - A file does not say what EKS supports; without a snapshot beside it the verdict is unknown.
parameters:
  extended_support:
    type: boolean
    default: false
    description: Whether a version in extended support is good enough.

examples:
  pass:
    - Resources:
        shop: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
        nodes: {Type: AWS::EKS::Nodegroup, Properties: {ClusterName: shop, NodegroupName: n, Version: "1.33"}}
        version: &standard {Type: AWS::EKS::ClusterVersion, Properties: {ClusterVersion: "1.33", VersionStatus: STANDARD_SUPPORT}}
    - Resources: &extended
        shop: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.31"}}
        version: {Type: AWS::EKS::ClusterVersion, Properties: {ClusterVersion: "1.31", VersionStatus: EXTENDED_SUPPORT}}
      Parameters: &accepted {extended_support: true}
  fail:
    - Resources: *extended
    - Resources: &gone
        shop: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.29"}}
        version: &old {Type: AWS::EKS::ClusterVersion, Properties: {ClusterVersion: "1.29", VersionStatus: UNSUPPORTED}}
    - Resources: *gone
      Parameters: *accepted
    - Resources:
        nodes: {Type: AWS::EKS::Nodegroup, Properties: {ClusterName: shop, NodegroupName: n, Version: "1.29"}}
        version: *old
  unknown:
    - {Version: "1.33"}  # nobody asked EKS
    - Resources: {shop: {Type: AWS::EKS::Cluster, Properties: {Name: shop}}, version: *standard}  # EKS takes its default
    - Resources: {shop: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.34"}}, version: *standard}
    - Resources:
        shop: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
        version: {Type: AWS::EKS::ClusterVersion, Properties: {ClusterVersion: "1.33", VersionStatus: PREVIEW}}
"""

from scanner.clusters import support
from scanner.model import InsufficientData
from scanner.rule import Evidence, Undecided, Violation

KNOWN = ("STANDARD_SUPPORT", "EXTENDED_SUPPORT", "UNSUPPORTED")


def check(resource, model, parameters):
    found = support(model, resource.place, resource["Version"])
    if found is None:
        raise InsufficientData(f"no account was asked what EKS supports in '{resource.place}'")
    status, accepted = found["VersionStatus"], KNOWN[: 2 if parameters["extended_support"] else 1]
    yield Evidence(version=resource["Version"], support=status, standard_support_ends=found["EndOfStandardSupportDate"])
    if status not in KNOWN:
        yield Undecided(
            f"The support of version '{resource['Version']}' is '{status}', which is not known here.", "/Version"
        )
    elif status not in accepted:
        yield Violation(
            f"Kubernetes '{resource['Version']}' of '{resource.name}' is in '{status}'; '{accepted[-1]}' was expected.",
            "/Version",
        )
