"""
title: The standby has each EKS cluster, at a Kubernetes version close to the primary's
severity: high
resource: AWS::EKS::Cluster
across: standby
rationale: |
  Manifests that work on one minor version of Kubernetes can be refused by another, since each release removes APIs;
  EKS upgrades a control plane one minor version at a time, and that takes longer than a failover may. A standby
  cluster that is not there, or that is several versions behind, turns the failover into a migration.
remediation: |
  Create the cluster in the standby from the code of the primary's, or upgrade it, the standby first:

      aws eks update-cluster-version --region <standby> --name <cluster> --kubernetes-version <version>

  In CloudFormation: `Version` of `AWS::EKS::Cluster`, from one parameter for both Regions. Clusters are compared by
  name; if the standby's has another name, give both one name or add an exemption that says which cluster takes over.
references:
  - https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html
  - https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
traps:
  - During an upgrade the standby may be one minor version ahead, and a cluster that is being updated is unknown.
  - >-
    Versions are numbers: '1.9' is two minor versions below '1.11'.
  - Only clusters of one name are compared; a name with the Region in it has no counterpart.
controls:
  aws-well-architected: [REL13-BP04]
parameters:
  max_skew:
    type: integer
    minimum: 0
    default: 1
    description: How many minor versions the two clusters may be apart, in either direction.

examples:
  pass:
    - {primary: {Version: "1.33", Status: ACTIVE}, standby: {Version: "1.33", Status: ACTIVE}}
    - {primary: {Version: "1.33"}, standby: {Version: "1.32"}}  # files show no status
    - {primary: {Version: "1.33"}, standby: {Version: "1.34"}}  # the standby is upgraded first
    - Resources:
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, Version: "1.31"}}
      Parameters: {max_skew: 2}
  fail:
    - {primary: {Version: "1.33"}, standby: {Version: "1.31"}}
    - {primary: {Version: "1.9"}, standby: {Version: "1.11"}}  # numbers, not text
    - {primary: {Version: "1.33"}, standby: {Version: "2.33"}}
    - {primary: {Version: "1.33"}, standby: {Version: "1.33", Status: FAILED}}
    - {primary: {Version: "1.33"}, standby: null}
    - Resources:  # clusters are compared by name
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop-us-east-1, Version: "1.33"}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop-us-west-2, Version: "1.33"}}
  unknown:
    - {primary: {Version: "1.33"}, standby: {Status: ACTIVE}}  # no version is declared, so EKS takes its newest
    - {primary: {Version: "1.33"}, standby: {Version: newest}}
    - {primary: {Version: "1.33", Status: ACTIVE}, standby: {Version: "1.33", Status: UPDATING}}
    - Resources: &alone
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop, Version: "1.33"}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Cluster", Operation: "eks:ListClusters", Region: us-west-2}]
  not_applicable:
    - Resources: *alone  # with backup and restore the cluster is built when it is needed
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

import re

from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only


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


def judge_status(standby):
    status = live_only(standby, "Status")
    yield Evidence(standby_status=status)
    if status == "UPDATING":
        yield Undecided(f"'{standby.id}' is being updated; scan again when it is done.")
    elif status not in (None, "ACTIVE"):
        yield Violation(f"The status of '{standby.id}' is '{status}'; 'ACTIVE' was expected.", "", (standby,))


def judge_versions(primary, standby, max_skew):
    here, there = version(primary), version(standby)
    if here is None or there is None:
        unread = primary if here is None else standby
        yield Undecided(f"'{unread['Version']}' is not a Kubernetes version such as '1.33'.", "/Version")
    elif here[0] != there[0] or abs(here[1] - there[1]) > max_skew:
        yield Violation(
            f"'{primary.name}' runs Kubernetes '{primary['Version']}' and its standby '{standby['Version']}'; "
            f"at most '{max_skew}' minor versions between them were expected.",
            "/Version",
            (standby,),
        )


def version(cluster):
    """Return (major, minor), None if the version is not written so."""
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", cluster["Version"] or "")
    return match and (int(match[1]), int(match[2]))
