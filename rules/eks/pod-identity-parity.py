r"""
title: Each service account with a Pod Identity has one in the standby's cluster
severity: medium
link: identity
resource: AWS::EKS::PodIdentityAssociation
needs: [AWS::EKS::Cluster]
across: standby
rationale: |
  EKS Pod Identity gives the pods of a service account a role, by an association that belongs to one cluster. Manifests
  carry none of it. Without its association in the standby a pod starts there with no role, or with that of its node,
  and every call it makes to AWS is refused. Roles for service accounts by OpenID Connect (IRSA) are a matter of
  trust policies, which eks-service-account-role-trusts-standby reads.
remediation: |
  Create the association in the standby's cluster:

      aws eks create-pod-identity-association --region <standby> --cluster-name <cluster> --namespace <namespace> \
          --service-account <service account> --role-arn <role>

  In CloudFormation: `AWS::EKS::PodIdentityAssociation`; in Terraform: `aws_eks_pod_identity_association`. Roles are
  global, so both Regions may name one.
references:
  - https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [AC-3]
traps:
  - A workload that makes no calls to AWS has no association in the primary, so nothing is expected of the standby.
  - The standby's role may be another one, since some estates have a role for each Region; its name is not compared.
  - An account is known by cluster, namespace and name together; the same name in another namespace is another account.
examples:
  pass:
    - Resources: &both
        primary: &primary
          Type: AWS::EKS::PodIdentityAssociation
          Properties: {ClusterName: shop, Namespace: web, ServiceAccount: api, RoleArn: "arn:aws:iam::111122223333:role/api"}
        standby: &standby
          Type: AWS::EKS::PodIdentityAssociation
          Region: us-west-2
          Properties: {ClusterName: shop, Namespace: web, ServiceAccount: api, RoleArn: "arn:aws:iam::111122223333:role/api-west"}
        cluster: &cluster {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop}}
    - Resources:  # the same role in both
        primary: *primary
        standby:
          Type: AWS::EKS::PodIdentityAssociation
          Region: us-west-2
          Properties: {ClusterName: shop, Namespace: web, ServiceAccount: api, RoleArn: "arn:aws:iam::111122223333:role/api"}
  fail:
    - Resources:  # the clusters are named after their Regions
        primary: {Type: AWS::EKS::PodIdentityAssociation, Properties: {ClusterName: shop-us-east-1, Namespace: web, ServiceAccount: api, RoleArn: "arn:aws:iam::111122223333:role/api"}}
        cluster: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop-us-west-2}}
    - Resources: &missing {primary: *primary, cluster: *cluster}
    - Resources:
        primary: *primary
        cluster: *cluster
        standby:  # another namespace
          Type: AWS::EKS::PodIdentityAssociation
          Region: us-west-2
          Properties: {ClusterName: shop, Namespace: jobs, ServiceAccount: api, RoleArn: "arn:aws:iam::111122223333:role/api"}
    - Resources:  # no role in the standby
        primary: *primary
        standby: {Type: AWS::EKS::PodIdentityAssociation, Region: us-west-2, Properties: {ClusterName: shop, Namespace: web, ServiceAccount: api}}
  unknown:
    - Resources: *missing
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::PodIdentityAssociation", Operation: "eks:ListPodIdentityAssociations", Region: us-west-2}]
    - Resources:
        primary: *primary
        standby:
          Type: AWS::EKS::PodIdentityAssociation
          Region: us-west-2
          Properties: {ClusterName: shop, Namespace: web, ServiceAccount: api, RoleArn: {Ref: Role}}
    - Resources: {primary: *primary}  # whether the cluster is there was not seen
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Cluster", Operation: "eks:ListClusters", Region: us-west-2}]
  not_applicable:
    - Resources: {primary: *primary}  # the cluster is missing; eks-cluster-version-parity says so
    - Resources: *missing
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources: {standby: *standby, cluster: *cluster}  # the primary's workload has no identity
"""

from scanner.rule import Evidence, NotApplicable, Violation


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore the cluster is created when it is needed.")
    elif standby is not None:
        yield Evidence(role=primary["RoleArn"], standby_role=standby["RoleArn"])
        if not standby["RoleArn"]:
            yield Violation(
                f"'{standby.id}' names no role; one was expected, as in the primary.", "/RoleArn", (standby,)
            )
    elif twin.find("AWS::EKS::Cluster", primary["ClusterName"]) is None:
        yield NotApplicable("The standby has no such cluster; eks-cluster-version-parity judges that.")
    else:
        yield Violation(
            f"Service account '{primary['Namespace']}/{primary['ServiceAccount']}' has no Pod Identity in cluster "
            f"'{primary['ClusterName']}' of '{pair.standby}'; one was expected, as in the primary.",
            "/ServiceAccount",
        )
