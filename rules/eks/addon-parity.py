r"""
title: Each EKS add-on is in the standby's cluster, near the primary's version
severity: medium
link: addons
resource: AWS::EKS::Addon
needs: [AWS::EKS::Cluster]
across: standby
rationale: |
  Pods rely on add-ons without naming them: volumes on a CSI driver, identities on the Pod Identity agent, names on
  CoreDNS. A cluster whose add-ons are missing, degraded or several versions away takes the same manifests and behaves
  otherwise, and the difference shows when the workloads arrive.
remediation: |
  Install the add-on in the standby's cluster at the version of the primary's:

      aws eks create-addon --region <standby> --cluster-name <cluster> --addon-name <add-on> --addon-version <version>
      aws eks update-addon --region <standby> --cluster-name <cluster> --addon-name <add-on> --addon-version <version>

  In CloudFormation: `AWS::EKS::Addon` with `AddonVersion` from one parameter for both Regions; in Terraform:
  `aws_eks_addon` with `addon_version`.
references:
  - https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
controls:
  aws-well-architected: [REL13-BP04]
traps:
  - What Helm or a manifest installed is invisible to the EKS API and counts as missing; let EKS manage it in both Regions, or exempt it.
  - EKS Auto Mode brings networking, DNS, storage and identities along, so a standby in Auto Mode needs no add-ons for them.
  - A build of one version (`-eksbuild.6`) is not a difference; only minor versions count, up to `max_skew`.
parameters:
  max_skew:
    type: integer
    minimum: 0
    default: 1
    description: How many minor versions the two add-ons may be apart, in either direction.

examples:
  pass:
    - Resources:
        primary: &primary
          Type: AWS::EKS::Addon
          Properties: {ClusterName: shop, AddonName: aws-ebs-csi-driver, AddonVersion: v1.50.1-eksbuild.1, Status: ACTIVE}
        standby: &standby
          Type: AWS::EKS::Addon
          Region: us-west-2
          Properties: {ClusterName: shop, AddonName: aws-ebs-csi-driver, AddonVersion: v1.50.0-eksbuild.6, Status: ACTIVE}
        cluster: &cluster {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop}}
    - {primary: {AddonVersion: v1.20.4-eksbuild.2}, standby: {AddonVersion: v1.21.0-eksbuild.1}}
    - {primary: {AddonVersion: v1.20.4-eksbuild.2}, standby: {AddonVersion: v1.19.0-eksbuild.1}}
    - {primary: {AddonVersion: preview}, standby: {AddonVersion: preview}}
    - Resources:  # the clusters are named after their Regions
        primary: &named {Type: AWS::EKS::Addon, Properties: {ClusterName: shop-us-east-1, AddonName: coredns, AddonVersion: v1.12.4-eksbuild.6}}
        standby: {Type: AWS::EKS::Addon, Region: us-west-2, Properties: {ClusterName: shop-us-west-2, AddonName: coredns, AddonVersion: v1.12.4-eksbuild.6}}
  fail:
    - Resources:
        primary: *named
        cluster: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop-us-west-2}}
    - Resources: {primary: *primary, cluster: *cluster}  # also if Helm installed it there, which EKS does not show
    - {primary: {AddonVersion: v1.20.4-eksbuild.2}, standby: {AddonVersion: v1.18.0-eksbuild.1}}
    - {primary: {AddonVersion: v1.9.0}, standby: {AddonVersion: v1.11.0}}  # numbers, not text
    - {primary: {AddonVersion: v1.20.4}, standby: {AddonVersion: v2.20.4}}
    - Resources:
        primary: *primary
        standby:
          Type: AWS::EKS::Addon
          Region: us-west-2
          Properties: {ClusterName: shop, AddonName: aws-ebs-csi-driver, AddonVersion: v1.49.0-eksbuild.6, Status: ACTIVE}
      Parameters: {max_skew: 0}
    - {primary: {AddonVersion: v1.20.4}, standby: {AddonVersion: v1.20.4, Status: DEGRADED}}
    - Resources:  # Auto Mode brings no such add-on along
        primary:
          Type: AWS::EKS::Addon
          Properties: {ClusterName: shop, AddonName: aws-efs-csi-driver, AddonVersion: v2.1.0-eksbuild.1}
        cluster: &auto {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, ComputeConfig: {Enabled: true}}}
    - Resources:
        primary: &dns
          Type: AWS::EKS::Addon
          Properties: {ClusterName: shop, AddonName: coredns, AddonVersion: v1.12.4-eksbuild.6}
        cluster: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, ComputeConfig: {Enabled: false}}}
  unknown:
    - {primary: {AddonVersion: v1.20.4}, standby: {}}  # no version is declared, so EKS takes its default
    - {primary: {AddonVersion: v1.20.4}, standby: {AddonVersion: newest}}
    - {primary: {AddonVersion: v1.20.4}, standby: {AddonVersion: v1.20.4, Status: UPDATING}}
    - {primary: {AddonVersion: v1.20.4}, standby: {AddonVersion: v1.20.4, Status: CREATING}}
    - Resources: {primary: *primary, cluster: *cluster}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Addon", Operation: "eks:ListAddons", Region: us-west-2}]
  not_applicable:
    - Resources: {primary: *primary}  # the cluster is missing; eks-cluster-version-parity says so
    - Resources: {primary: *primary, standby: *standby, cluster: *cluster}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources: {primary: *dns, cluster: *auto}
"""

from scanner.clusters import apart, version
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only

IN_AUTO_MODE = (
    "aws-ebs-csi-driver",
    "coredns",
    "eks-node-monitoring-agent",
    "eks-pod-identity-agent",
    "kube-proxy",
    "vpc-cni",
)


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore the cluster is created when it is needed.")
    elif standby is None:
        yield judge_absence(twin)
    else:
        yield from judge_status(standby)
        yield from judge_versions(primary, standby, parameters["max_skew"])


def judge_absence(twin):
    primary, pair = twin.primary, twin.pair
    cluster = twin.find("AWS::EKS::Cluster", primary["ClusterName"])
    if cluster is None:
        return NotApplicable("The standby has no such cluster; eks-cluster-version-parity judges that.")
    if primary["AddonName"] in IN_AUTO_MODE and (cluster["ComputeConfig"] or {}).get("Enabled"):
        return NotApplicable("The standby's cluster is in Auto Mode, which brings this add-on along.")
    return Violation(
        f"EKS manages no add-on '{primary['AddonName']}' in cluster '{cluster.name}' of '{pair.standby}'; one "
        "was expected, as in the primary.",
        "/AddonName",
        (cluster,),
    )


def judge_status(standby):
    status = live_only(standby, "Status")
    yield Evidence(standby_status=status)
    if status in ("CREATING", "UPDATING"):
        yield Undecided(f"'{standby.id}' is '{status}'; scan again when it is done.")
    elif status not in (None, "ACTIVE"):
        yield Violation(f"The status of '{standby.id}' is '{status}'; 'ACTIVE' was expected.", "", (standby,))


def judge_versions(primary, standby, max_skew):
    here, there = primary["AddonVersion"], standby["AddonVersion"]
    yield Evidence(primary_version=here, standby_version=there)
    one, other = version(here), version(there)
    if here == there:
        return
    if one is None or other is None:
        yield Undecided(f"'{here if one is None else there}' is not a version such as 'v1.12.4'.", "/AddonVersion")
    elif apart(one, other, max_skew):
        yield Violation(
            f"Add-on '{primary['AddonName']}' is at '{here}' and in the standby at '{there}'; a difference of at most "
            f"{max_skew} in the minor version was expected.",
            "/AddonVersion",
            (standby,),
        )
