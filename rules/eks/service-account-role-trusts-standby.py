r"""
title: The role of a service account trusts the standby's cluster
severity: medium
link: identity
resource: Kubernetes::ServiceAccount
needs: [AWS::EKS::Cluster, AWS::EKS::PodIdentityAssociation, AWS::IAM::Role]
across: standby
when: pair.dr_class != 'backup-restore'
rationale: |
  A role for service accounts (IRSA) is given to pods by the OpenID Connect issuer of their cluster, which the trust
  policy of the role names. Each cluster has an issuer of its own. Where the policy names that of the primary alone, a
  pod in the standby carries the same annotation, starts, and has every call to AWS refused (AssumeRoleWithWebIdentity
  is not authorized).
remediation: |
  Add the issuer of the standby's cluster to the trust policy of the role, in a statement of its own:

      {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
       "Principal": {"Federated": "arn:aws:iam::<account>:oidc-provider/oidc.eks.<standby>.amazonaws.com/id/<id>"},
       "Condition": {"StringEquals": {
         "oidc.eks.<standby>.amazonaws.com/id/<id>:sub": "system:serviceaccount:<namespace>:<name>",
         "oidc.eks.<standby>.amazonaws.com/id/<id>:aud": "sts.amazonaws.com"}}}

      aws iam create-open-id-connect-provider --url https://oidc.eks.<standby>.amazonaws.com/id/<id> --client-id-list sts.amazonaws.com
      aws iam update-assume-role-policy --role-name <role> --policy-document file://trust.json

  (`AssumeRolePolicyDocument` of `AWS::IAM::Role`, `assume_role_policy` of `aws_iam_role`), or move the service account to
  EKS Pod Identity, whose trust policy names no cluster.
references:
  - https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
  - https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
  - https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [AC-3]
traps:
  - A service account without the annotation gets no role this way, as most workloads that never call AWS; it is not judged.
  - The standby's account may name a role of its own; the one that it names is judged, and where it is not there yet, the primary's.
  - A service account may have moved to EKS Pod Identity in the standby, which names no issuer; its association counts.
  - The policy has to allow the very account (`sub`), so the issuer alone is not enough.
  - Whether the issuer is registered as an identity provider of the account is not collected; a pass says that the policy would trust it.
  - A role of another account is only seen if that account was scanned and something in it names the role.
  - An issuer in a template is known only after the deployment, so of files it is undecided.
examples:
  pass:
    - Resources: &both
        primary: &primary
          Type: Kubernetes::ServiceAccount
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            RoleArn: arn:aws:iam::111122223333:role/api
        standby: &standby
          Type: Kubernetes::ServiceAccount
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            RoleArn: arn:aws:iam::111122223333:role/api
        cluster: &cluster {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, OpenIdConnectIssuerUrl: "https://oidc.eks.us-west-2.amazonaws.com/id/WEST"}}
        role: &trusting
          Type: AWS::IAM::Role
          Properties:
            RoleName: api
            AssumeRolePolicyDocument:
              Statement:
                - Effect: Allow
                  Action: sts:AssumeRoleWithWebIdentity
                  Principal: {Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/WEST"}
                  Condition:
                    StringEquals:
                      oidc.eks.us-west-2.amazonaws.com/id/WEST:sub: system:serviceaccount:web:api
                      oidc.eks.us-west-2.amazonaws.com/id/WEST:aud: sts.amazonaws.com
    - Resources: {primary: *primary, cluster: *cluster, role: *trusting}  # it is not there yet, and everything for it is
    - Resources:  # the standby has a role of its own
        primary: *primary
        standby: {Type: Kubernetes::ServiceAccount, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: api, RoleArn: "arn:aws:iam::111122223333:role/api-west"}}
        cluster: *cluster
        role: &pinned
          Type: AWS::IAM::Role
          Properties:
            RoleName: api
            AssumeRolePolicyDocument:
              Statement:
                - Effect: Allow
                  Action: sts:AssumeRoleWithWebIdentity
                  Principal: {Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EAST"}
                  Condition: {StringEquals: {"oidc.eks.us-east-1.amazonaws.com/id/EAST:sub": "system:serviceaccount:web:api"}}
        own:
          Type: AWS::IAM::Role
          Properties:
            RoleName: api-west
            AssumeRolePolicyDocument: {Statement: {Effect: Allow, Action: "sts:AssumeRoleWithWebIdentity", Principal: {Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/WEST"}, Condition: {StringLike: {"oidc.eks.us-west-2.amazonaws.com/id/WEST:sub": "system:serviceaccount:web:*"}}}}
    - Resources:  # the standby uses Pod Identity
        primary: *primary
        standby: &bare {Type: Kubernetes::ServiceAccount, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: api, RoleArn: null}}
        cluster: *cluster
        role: *pinned
        identity: &identity {Type: AWS::EKS::PodIdentityAssociation, Region: us-west-2, Properties: {ClusterName: shop, Namespace: web, ServiceAccount: api, RoleArn: "arn:aws:iam::111122223333:role/api"}}
    - Resources: {primary: *primary, cluster: *cluster, role: *pinned, identity: *identity}
    - Resources:  # each cluster is named after its Region
        primary: {Type: Kubernetes::ServiceAccount, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop-us-east-1", Namespace: web, Name: api, RoleArn: "arn:aws:iam::111122223333:role/api"}}
        standby: {Type: Kubernetes::ServiceAccount, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop-us-west-2", Namespace: web, Name: api, RoleArn: "arn:aws:iam::111122223333:role/api"}}
        cluster: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop-us-west-2, OpenIdConnectIssuerUrl: "https://oidc.eks.us-west-2.amazonaws.com/id/WEST"}}
        role: *trusting
  fail:
    - Resources: {primary: *primary, standby: *standby, cluster: *cluster, role: *pinned}
    - Resources: &missing {primary: *primary, cluster: *cluster, role: *pinned}
    - Resources: {primary: *primary, standby: *bare, cluster: *cluster, role: *pinned}  # no role at all
    - Resources:  # the issuer, and another account
        primary: *primary
        standby: *standby
        cluster: *cluster
        role: {Type: AWS::IAM::Role, Properties: {RoleName: api, AssumeRolePolicyDocument: {Statement: {Effect: Allow, Action: "sts:AssumeRoleWithWebIdentity", Principal: {Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/WEST"}, Condition: {StringEquals: {"oidc.eks.us-west-2.amazonaws.com/id/WEST:sub": "system:serviceaccount:web:other"}}}}}}
  unknown:
    - Resources: {primary: *primary, standby: *standby, cluster: *cluster}  # nobody may read roles
      Gaps: [{Reason: AccessDenied, Type: "AWS::IAM::Role", Operation: "iam:GetRole"}]
    - Resources: &blank {primary: *primary, standby: *standby, cluster: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, OpenIdConnectIssuerUrl: null}}, role: *trusting}
    - Resources:
        primary: *primary
        standby: *standby
        cluster: *cluster
        role: {Type: AWS::IAM::Role, Properties: {RoleName: api, AssumeRolePolicyDocument: {Unknown: "iam:GetRole was denied"}}}
    - Resources:  # a condition on something that nobody knows
        primary: *primary
        standby: *standby
        cluster: *cluster
        role: {Type: AWS::IAM::Role, Properties: {RoleName: api, AssumeRolePolicyDocument: {Statement: {Effect: Allow, Action: "sts:AssumeRoleWithWebIdentity", Principal: {Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/WEST"}, Condition: {StringEquals: {"aws:SourceVpc": vpc-1}}}}}}
    - Resources: *missing  # nobody looked into the standby's cluster
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::ServiceAccount", Operation: "eks:ListClusters", Region: us-west-2}]
    - Resources: {primary: *primary, standby: *bare, cluster: *cluster, role: *pinned}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::PodIdentityAssociation", Operation: "eks:ListPodIdentityAssociations", Region: us-west-2}]
  not_applicable:
    - Resources: {primary: {Type: Kubernetes::ServiceAccount, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: web, Name: default, RoleArn: null}}, cluster: *cluster}
    - Resources: {primary: *primary, role: *pinned}  # the cluster is missing; eks-cluster-version-parity says so
    - Resources: *missing
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.policy import Decision, decide
from scanner.regions import partition_by_name
from scanner.roles import role_of
from scanner.rule import Evidence, NotApplicable, Undecided, Violation


def check(twin, model, parameters):
    account, standby = twin.primary, twin.standby
    if not account["RoleArn"]:
        yield NotApplicable("It names no role, so its pods get none this way.")
        return
    cluster = twin.find("AWS::EKS::Cluster", account["Cluster"].rpartition("/")[2])
    if cluster is None:
        yield NotApplicable("The standby has no such cluster; eks-cluster-version-parity judges that.")
        return
    who = f"Service account '{account['Namespace']}/{account['Name']}'"
    own = standby["RoleArn"] if standby is not None else None
    if own is None and has_identity(account, cluster, model):
        yield Evidence(standby_role="by Pod Identity")
    elif own is None and standby is not None:
        what = f"{who} names no role in '{cluster.id}', and has no Pod Identity there"
        yield Violation(f"{what}; one was expected.", "/RoleArn", (standby,))
    else:
        yield from judge(role_of(model, own or account["RoleArn"], account.place), account, cluster, who)


def has_identity(account, cluster, model):
    name = f"{cluster.name}/{account['Namespace']}/{account['Name']}"
    return model.find("AWS::EKS::PodIdentityAssociation", name, cluster.place) is not None


def judge(role, account, cluster, who):
    """Judge whether the trust policy of a role lets the pods of an account assume it from a cluster."""
    issuer = (cluster["OpenIdConnectIssuerUrl"] or "").removeprefix("https://")
    if not issuer:
        raise InsufficientData(f"the issuer of '{cluster.id}' was not seen")
    provider = f"arn:{partition_by_name(cluster.region)[0]}:iam::{role.account}:oidc-provider/{issuer}"
    token = {
        f"{issuer}:sub": f"system:serviceaccount:{account['Namespace']}:{account['Name']}",
        f"{issuer}:aud": "sts.amazonaws.com",
    }
    answer = decide(role["AssumeRolePolicyDocument"], provider, "sts:AssumeRoleWithWebIdentity", role.id, token)
    yield Evidence(standby_role=role.id)
    what = f"{who} may not assume '{role.name or role.id}' from '{cluster.id}'"
    if answer.decision is Decision.DENIED:
        yield Violation(f"{what}; a trust in '{provider}' was expected: {answer.reasons[0]}.", "/RoleArn", (role,))
    elif answer.decision is Decision.UNDECIDED:
        yield Undecided(
            f"Whether {who[:1].lower()}{who[1:]} may assume '{role.id}' is not known: {answer.reasons[0]}.", "/RoleArn"
        )
