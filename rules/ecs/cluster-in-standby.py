r"""
title: Each ECS cluster is in the standby, and active
severity: critical
link: cluster
resource: AWS::ECS::Cluster
across: standby
rationale: |
  Services and tasks start in a cluster. In every strategy above backup and restore it is there before the primary is
  lost: creating it then is a change of the control plane in the middle of a failover, by people who are busy. A pilot
  light may be content with code that creates the cluster in the standby.
remediation: |
  Deploy the stack of the cluster to the standby's Region, or at least keep its code beside the primary's:

      aws ecs create-cluster --region <standby> --cluster-name <cluster> --settings name=containerInsights,value=enabled

  In CloudFormation: `AWS::ECS::Cluster` in a stack of the standby's Region; in Terraform: `aws_ecs_cluster` with the
  provider of that Region. Clusters are compared by name; give both Regions the same one, the
  Region in it apart.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/clusters.html
controls:
  aws-well-architected: [REL13-BP02]
  soc-2: [A1.2]
traps:
  - Clusters are compared by name, where the Region in a name stands for the standby's; one of another name has no counterpart.
  - Nothing in its name says that a cluster is of an environment nobody recovers; it is judged like any other until an exemption says so.
  - With backup and restore the cluster is created when it is needed, so its absence is no finding.
  - A pilot light may hold the cluster as code alone; the code that was scanned has to create it in the standby's Region.
examples:
  pass:
    - {primary: {Status: ACTIVE}, standby: {Status: ACTIVE}}
    - {primary: {}, standby: {}}  # files show no status
    - Resources: &code  # an account without the cluster, and code that creates it
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments, Status: ACTIVE}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: pilot-light}]
    - Resources:  # each is named after its Region
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments-us-east-1}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments-us-west-2}}
  fail:
    - Resources: &alone
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments, Status: ACTIVE}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}]
    - Resources: *alone  # the code that was scanned creates it in the primary alone
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: pilot-light}]
    - Resources: *alone  # a class that is not declared is judged like pilot light
    - {primary: {Status: ACTIVE}, standby: {Status: FAILED}}
    - {primary: {Status: ACTIVE}, standby: {Status: INACTIVE}}
    - Resources:  # clusters are compared by name
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments-us-east-1}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments-west}}
    - Resources:  # another environment, until an exemption says that nobody recovers it
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: sandbox}}
  unknown:
    - Resources: *alone
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Cluster", Operation: "ecs:ListClusters", Region: us-west-2}]
    - {primary: {Status: ACTIVE}, standby: {Status: PROVISIONING}}
    - Resources: *alone  # a file that could not be read may create it
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: pilot-light}]
      Gaps: [{Reason: ParseError, Path: standby.yaml, Region: us-west-2}]
  not_applicable:
    - Resources: *alone
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only

SERVES = ("warm-standby", "active-active")


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore the cluster is created when it is needed.")
    elif standby is not None:
        yield from judge_status(standby)
    elif pair.dr_class in SERVES:
        yield missing(primary, pair, "")
    else:
        yield from judge_code(primary, pair, model)


def judge_status(standby):
    status = live_only(standby, "Status")
    yield Evidence(standby_status=status)
    if status == "PROVISIONING":
        yield Undecided(f"'{standby.id}' is being provisioned; scan again when it is done.")
    elif status not in (None, "ACTIVE"):
        yield Violation(f"The status of '{standby.id}' is '{status}'; 'ACTIVE' was expected.", "", (standby,))


def judge_code(primary, pair, model):
    """Accept the cluster as code, as a pilot light may have it."""
    try:
        declared = model.declared(primary.type, primary.name, pair.standby)
    except InsufficientData as gap:
        reason = str(gap).rstrip(".")
        yield Undecided(f"'{primary.name}' is not in '{pair.standby}', and code for it was not seen: {reason}.")
        return
    yield Evidence(declared=declared is not None)
    if declared is None:
        yield missing(primary, pair, ", nor does the code that was scanned create it")


def missing(primary, pair, code):
    return Violation(
        f"No ECS cluster named '{primary.name}' exists in '{pair.standby}'{code}; an active one was expected.",
        "/ClusterName",
    )
