"""
title: Each EKS cluster is in the standby, at a supported version near the primary's
severity: high
link: cluster
resource: AWS::EKS::Cluster
needs: [AWS::EKS::ClusterVersion]
across: standby
rationale: |
  Manifests that work on one minor version of Kubernetes can be refused by another, since each release removes APIs;
  EKS upgrades a control plane one minor version at a time, and that takes longer than a failover may. A standby
  cluster that is not there, or that is several versions behind, turns the failover into a migration. When standard
  support ends EKS charges for extended support, and in the end upgrades the cluster at a time of its own choice.
remediation: |
  Create the cluster in the standby from the code of the primary's, or upgrade it, the standby first:

      aws eks update-cluster-version --region <standby> --name <cluster> --kubernetes-version <version>

  In CloudFormation: `Version` of `AWS::EKS::Cluster`, in Terraform: `version` of `aws_eks_cluster`, from one parameter for
  both Regions. Clusters are compared by name, where the Region in a name stands for the standby's; if the standby's has another name, give both one name or
  add an exemption that says which cluster takes over.
references:
  - https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html
  - https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CM-2]
  security-hub: [EKS.2]
parameters:
  max_skew:
    type: integer
    minimum: 0
    default: 1
    description: How many minor versions the two clusters may be apart, in either direction.
  extended_support:
    type: boolean
    default: false
    description: Whether a version that EKS supports only in extended support is good enough for the standby.
traps:
  - While clusters are upgraded one after the other they differ by a minor version; `max_skew` allows for that.
  - Extended support may be what an organization decided on; `extended_support` accepts it, and never a version without support.
  - Files do not say what EKS supports, so a cluster that only a file declares is judged by its version alone.
  - Clusters that are named after their Regions, and alike for the rest, are counterparts.
  - Versions are compared as numbers, since 1.9 is older than 1.11.

examples:
  pass:
    - {primary: {Version: "1.33", Status: ACTIVE}, standby: {Version: "1.33", Status: ACTIVE}}
    - {primary: {Version: "1.33"}, standby: {Version: "1.32"}}  # files show no status
    - {primary: {Version: "1.33"}, standby: {Version: "1.34"}}  # the standby is upgraded first
    - Resources:
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, Version: "1.31"}}
      Parameters: {max_skew: 2}
    - Resources: &supported
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, Version: "1.33"}}
        version: {Type: AWS::EKS::ClusterVersion, Region: us-west-2, Properties: {ClusterVersion: "1.33", VersionStatus: STANDARD_SUPPORT}}
        old: {Type: AWS::EKS::ClusterVersion, Region: us-west-2, Properties: {ClusterVersion: "1.29", VersionStatus: UNSUPPORTED}}
    - Resources: &extended
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.31"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, Version: "1.31"}}
        version: {Type: AWS::EKS::ClusterVersion, Region: us-west-2, Properties: {ClusterVersion: "1.31", VersionStatus: EXTENDED_SUPPORT}}
      Parameters: {extended_support: true}
    - Resources:  # each is named after its Region
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop-us-east-1, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop-us-west-2, Version: "1.33"}}
  fail:
    - Resources: *extended
    - Resources: &unsupported
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.29"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, Version: "1.29"}}
        version: {Type: AWS::EKS::ClusterVersion, Region: us-west-2, Properties: {ClusterVersion: "1.29", VersionStatus: UNSUPPORTED}}
    - Resources: *unsupported
      Parameters: {extended_support: true}
    - {primary: {Version: "1.33"}, standby: {Version: "1.31"}}
    - {primary: {Version: "1.9"}, standby: {Version: "1.11"}}  # numbers, not text
    - {primary: {Version: "1.33"}, standby: {Version: "2.33"}}
    - {primary: {Version: "1.33"}, standby: {Version: "1.33", Status: FAILED}}
    - {primary: {Version: "1.33"}, standby: null}
    - Resources:  # clusters are compared by name
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop-us-east-1, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop-west, Version: "1.33"}}
  unknown:
    - {primary: {Version: "1.33"}, standby: {Status: ACTIVE}}  # no version is declared, so EKS takes its newest
    - {primary: {Version: "1.33"}, standby: {Version: newest}}
    - {primary: {Version: "1.33", Status: ACTIVE}, standby: {Version: "1.33", Status: UPDATING}}
    - {primary: {Version: "1.33", Status: ACTIVE}, standby: {Version: "1.33", Status: CREATING}}
    - Resources:  # EKS lists versions, and not this one
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, Version: "1.33"}}
        version: {Type: AWS::EKS::ClusterVersion, Region: us-west-2, Properties: {ClusterVersion: "1.34", VersionStatus: STANDARD_SUPPORT}}
    - Resources:  # a word for its support that is not known here
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, Version: "1.33"}}
        version: {Type: AWS::EKS::ClusterVersion, Region: us-west-2, Properties: {ClusterVersion: "1.33", VersionStatus: PREVIEW}}
    - Resources:  # what EKS supports was not seen
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, Version: "1.33"}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::ClusterVersion", Operation: "eks:DescribeClusterVersions", Region: us-west-2}]
    - Resources: &alone
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Cluster", Operation: "eks:ListClusters", Region: us-west-2}]
  not_applicable:
    - Resources: *alone  # with backup and restore the cluster is built when it is needed
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.clusters import apart, support, version
from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only

SUPPORTED = "STANDARD_SUPPORT"
KNOWN = (SUPPORTED, "EXTENDED_SUPPORT", "UNSUPPORTED")


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    if standby is None:
        if pair.dr_class == "backup-restore":
            yield NotApplicable("With backup and restore the cluster is created when it is needed.")
        else:
            yield Violation(
                f"No EKS cluster named '{primary.name}' exists in '{pair.standby}'; one was expected.", "/Name"
            )
        return
    yield from judge_status(standby)
    yield Evidence(primary_version=primary["Version"], standby_version=standby["Version"])
    yield from judge_versions(primary, standby, parameters["max_skew"])
    yield from judge_support(standby, model, parameters["extended_support"])


def judge_status(standby):
    status = live_only(standby, "Status")
    yield Evidence(standby_status=status)
    if status in ("CREATING", "PENDING", "UPDATING"):
        yield Undecided(f"'{standby.id}' is '{status}'; scan again when it is done.")
    elif status not in (None, "ACTIVE"):
        yield Violation(f"The status of '{standby.id}' is '{status}'; 'ACTIVE' was expected.", "", (standby,))


def judge_versions(primary, standby, max_skew):
    here, there = version(primary["Version"]), version(standby["Version"])
    if here is None or there is None:
        unread = primary if here is None else standby
        yield Undecided(f"'{unread['Version']}' is not a Kubernetes version such as '1.33'.", "/Version")
    elif apart(here, there, max_skew):
        yield Violation(
            f"'{primary.name}' runs Kubernetes '{primary['Version']}' and its standby '{standby['Version']}'; "
            f"a difference of at most {max_skew} in the minor version was expected.",
            "/Version",
            (standby,),
        )


def judge_support(standby, model, extended):
    """Require that EKS supports the standby's version, where an account says what it supports."""
    try:
        found = support(model, standby.place, standby["Version"])
        status = found and found["VersionStatus"]
    except InsufficientData as gap:
        yield Undecided(f"Whether EKS supports the standby's version was not seen: {str(gap).rstrip('.')}.", "/Version")
        return
    yield Evidence(standby_support=status, standard_support_ends=found and found["EndOfStandardSupportDate"])
    accepted = (None, SUPPORTED, "EXTENDED_SUPPORT") if extended else (None, SUPPORTED)
    if status in accepted:
        return
    if status in KNOWN:
        yield Violation(
            f"Kubernetes '{standby['Version']}' of '{standby.id}' is in '{status}'; '{accepted[-1]}' was expected.",
            "/Version",
            (standby,),
        )
    else:
        yield Undecided(f"The support of the standby's version is '{status}', which is not known here.", "/Version")
