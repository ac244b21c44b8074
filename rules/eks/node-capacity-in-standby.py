r"""
title: Each EKS cluster has something to run its pods in the standby
severity: high
link: capacity
resource: AWS::EKS::Cluster
needs: [AWS::EKS::Nodegroup, AWS::EKS::FargateProfile]
across: standby
rationale: |
  A control plane runs no pods. A standby cluster may well have no nodes while it waits, but it needs a way to get them:
  a node group that may grow, EKS Auto Mode, or Fargate profiles for the namespaces of the workloads. Without one every
  pod stays Pending, and the failover begins with designing node groups.
remediation: |
  Define the capacity beforehand; it may wait at size 0:

      aws eks create-nodegroup --region <standby> --cluster-name <cluster> --nodegroup-name <node group> \
          --scaling-config minSize=0,desiredSize=0,maxSize=<most> --subnets <subnets> --node-role <role>

  In CloudFormation: `ScalingConfig` of `AWS::EKS::Nodegroup`, `ComputeConfig` of `AWS::EKS::Cluster`, or
  `AWS::EKS::FargateProfile`; in Terraform: `aws_eks_node_group`, `compute_config` of `aws_eks_cluster`, or
  `aws_eks_fargate_profile`.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
  - https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
  - https://docs.aws.amazon.com/eks/latest/userguide/automode.html
controls:
  aws-well-architected: [REL13-BP02]
traps:
  - Node groups at a desired size of 0 are right for a cluster that waits; what counts is how far they may grow.
  - Karpenter's node pools, and nodes that manage themselves, are visible only inside the cluster; where the primary has nothing else either, the verdict is unknown.
  - Fargate runs only the namespaces that its profiles select; profiles alone have to select all that the primary's do.
  - A selector may name namespaces by a pattern, or some pods by labels; patterns are matched, and labels that the primary's profile has not leave it undecided.
  - Auto Mode without its built-in node pools runs what node pools inside the cluster say, which is not seen here.
examples:
  pass:
    - Resources: &nodes
        primary: &primary {Type: AWS::EKS::Cluster, Properties: {Name: shop}}
        primary-nodes: &primary-nodes {Type: AWS::EKS::Nodegroup, Properties: {ClusterName: shop, NodegroupName: general, ScalingConfig: {MaxSize: 8}}}
        standby: &standby {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop}}
        standby-nodes:  # it waits at 0
          Type: AWS::EKS::Nodegroup
          Region: us-west-2
          Properties: {ClusterName: shop, NodegroupName: general, Status: ACTIVE, ScalingConfig: {MinSize: 0, DesiredSize: 0, MaxSize: 1}}
    - Resources:
        primary: *primary
        primary-nodes: *primary-nodes
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, ComputeConfig: {Enabled: true, NodePools: [general-purpose]}}}
    - Resources: &fargate
        primary: *primary
        primary-profile: {Type: AWS::EKS::FargateProfile, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: web}, {Namespace: jobs}]}}
        standby: *standby
        standby-profile: &profile
          Type: AWS::EKS::FargateProfile
          Region: us-west-2
          Properties: {ClusterName: shop, FargateProfileName: f, Status: ACTIVE, Selectors: [{Namespace: jobs}, {Namespace: web}, {Namespace: kube-system}]}
    - Resources:  # the standby's profile selects by a pattern
        primary: *primary
        primary-profile: {Type: AWS::EKS::FargateProfile, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: prod-web}, {Namespace: prod-jobs, Labels: [{Key: a, Value: b}]}]}}
        standby: *standby
        standby-profile: {Type: AWS::EKS::FargateProfile, Region: us-west-2, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: "prod-*"}]}}
    - Resources:  # by the same labels
        primary: *primary
        primary-profile: {Type: AWS::EKS::FargateProfile, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: web, Labels: [{Key: a, Value: b}]}]}}
        standby: *standby
        standby-profile: {Type: AWS::EKS::FargateProfile, Region: us-west-2, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: web, Labels: [{Key: a, Value: b}]}]}}
  fail:
    - Resources: &nothing {primary: *primary, primary-nodes: *primary-nodes, standby: *standby}
    - Resources:  # the only node group cannot have a node
        primary: *primary
        primary-nodes: *primary-nodes
        standby: *standby
        standby-nodes: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: general, ScalingConfig: {MaxSize: 0}}}
    - Resources:  # it was never made
        primary: *primary
        primary-nodes: *primary-nodes
        standby: *standby
        standby-nodes: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: general, Status: CREATE_FAILED, ScalingConfig: {MaxSize: 8}}}
    - Resources:  # the nodes are another cluster's
        primary: *primary
        primary-nodes: *primary-nodes
        standby: *standby
        standby-nodes: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: tools, NodegroupName: general, ScalingConfig: {MaxSize: 8}}}
    - Resources:  # a namespace of the primary's profiles is left out
        primary: *primary
        primary-profile: {Type: AWS::EKS::FargateProfile, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: web}, {Namespace: jobs}]}}
        standby: *standby
        standby-profile: {Type: AWS::EKS::FargateProfile, Region: us-west-2, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: web}]}}
    - Resources:  # the primary is in Auto Mode
        primary: &auto {Type: AWS::EKS::Cluster, Properties: {Name: shop, ComputeConfig: {Enabled: true, NodePools: [general-purpose]}}}
        standby: *standby
  unknown:
    - Resources:  # Fargate runs Karpenter itself, and what Karpenter brings is not shown
        primary: *primary
        primary-profile: {Type: AWS::EKS::FargateProfile, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: karpenter}, {Namespace: kube-system}]}}
        standby: *standby
        standby-profile: {Type: AWS::EKS::FargateProfile, Region: us-west-2, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: karpenter}, {Namespace: kube-system}]}}
    - Resources:  # the standby's profile selects some pods of the namespace
        primary: *primary
        primary-profile: {Type: AWS::EKS::FargateProfile, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: web}, {Namespace: web, Labels: [{Key: a, Value: b}]}]}}
        standby: *standby
        standby-profile: {Type: AWS::EKS::FargateProfile, Region: us-west-2, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: web, Labels: [{Key: a, Value: b}]}]}}
    - Resources: {primary: *primary, standby: *standby}  # Karpenter, or nodes that manage themselves
    - Resources:  # node pools inside the cluster
        primary: *auto
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, ComputeConfig: {Enabled: true, NodePools: []}}}
    - Resources:  # which namespaces the primary's nodes run was not seen
        primary: *primary
        primary-nodes: *primary-nodes
        standby: *standby
        standby-profile: *profile
    - Resources: *nothing
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Nodegroup", Operation: "eks:ListNodegroups", Region: us-west-2}]
    - Resources:  # node groups in a file of which nobody said where it is deployed
        primary: *primary
        primary-nodes: *primary-nodes
        standby: *standby
        nodes: {Type: AWS::EKS::Nodegroup, Region: null, Properties: {ClusterName: shop, NodegroupName: general, ScalingConfig: {MaxSize: 8}}}
    - Resources:  # sizes that nobody declared
        primary: *primary
        primary-nodes: *primary-nodes
        standby: *standby
        standby-nodes: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: general}}
  not_applicable:
    - Resources: {primary: *primary, primary-nodes: *primary-nodes}  # eks-cluster-version-parity says that it is missing
    - Resources: *nothing
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from fnmatch import fnmatchcase

from scanner.clusters import auto_mode, growing, is_active, parts
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

SYSTEM = ("karpenter", "kube-system")
PROFILE = "AWS::EKS::FargateProfile"


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore the cluster is created when it is needed.")
    elif standby is None:
        yield NotApplicable("The standby has no such cluster; eks-cluster-version-parity judges that.")
    elif auto_mode(standby):
        yield from judge_auto_mode(standby)
    elif not growing(standby, model):
        yield from judge_profiles(primary, standby, model)


def judge_auto_mode(standby):
    pools = standby["ComputeConfig"]["NodePools"] or ()
    yield Evidence(auto_mode_node_pools=sorted(pools))
    if not pools:
        yield Undecided(
            f"'{standby.id}' is in Auto Mode without built-in node pools; those inside the cluster were not seen."
        )


def selectors(cluster, model):
    """Return what the Fargate profiles of a cluster select."""
    profiles = [profile for profile in parts(model, PROFILE, cluster) if is_active(profile)]
    return [selector for profile in profiles for selector in profile["Selectors"] or ()]


def selected(wanted, there):
    """Tell whether selectors take the pods of another: all (True), none (False), or perhaps some (None)."""
    found = [one for one in there if fnmatchcase(wanted["Namespace"], one["Namespace"])]
    if any(not one["Labels"] or one["Labels"] == wanted["Labels"] for one in found):
        return True
    return None if found else False


def judge_profiles(primary, standby, model):
    """Judge a standby whose pods only Fargate can run, if anything can."""
    here, there = selectors(primary, model), selectors(standby, model)
    managed = auto_mode(primary) or bool(growing(primary, model))
    names, others = sorted({one["Namespace"] for one in here}), sorted({one["Namespace"] for one in there})
    yield Evidence(fargate_namespaces=others, primary_fargate_namespaces=names)
    answers = [(one["Namespace"], selected(one, there)) for one in here]
    left = sorted(name for name, answer in answers if answer is False)
    partly = sorted(name for name, answer in answers if answer is None)
    if left:
        yield Violation(
            f"No Fargate profile of '{standby.id}' selects namespace '{left[0]}', and no node group may grow; "
            "a way to run its pods was expected.",
            "",
            (standby,),
        )
    elif partly:
        yield Undecided(f"Whether Fargate profiles of '{standby.id}' select all pods of '{partly[0]}' was not seen.")
    elif there and managed:
        yield Undecided(f"'{standby.id}' has Fargate alone; which namespaces the primary's nodes run was not seen.")
    elif managed:
        yield Violation(
            f"'{standby.id}' has no node group that may grow, no Auto Mode and no Fargate profile; one was expected.",
            "",
            (standby,),
        )
    elif set(names) <= set(SYSTEM):
        yield Undecided("What gives both clusters their nodes, Karpenter perhaps, is not shown by the EKS API.")
