"""
title: The standby registry admits what the primary replicates
severity: critical
resource: AWS::ECR::Registry
needs: [AWS::ECR::Repository]
across: standby
when: pair.image_distribution != 'dual-push'
rationale: |
  Replication to another account needs the permission of that account: its registry policy must allow the source account
  `ecr:ReplicateImage`, and `ecr:CreateRepository` unless a repository of that name is already there. A creation template
  that sets tags needs `ecr:TagResource` as well. Without it every replication fails, and only an event says so.
remediation: |
  Put a statement into the registry policy of the standby, or create the repositories there beforehand.

      aws ecr put-registry-policy --region <standby> --policy-text '{"Version": "2012-10-17", "Statement": [{
        "Sid": "ReplicationFromPrimary", "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::<primary account>:root"},
        "Action": ["ecr:ReplicateImage", "ecr:CreateRepository", "ecr:TagResource"],
        "Resource": "arn:aws:ecr:<standby>:<standby account>:repository/*"}]}'

  In CloudFormation: `AWS::ECR::RegistryPolicy`, in Terraform: `aws_ecr_registry_policy`, in the standby. Copy what failed with `aws ecr start-replication-backfill`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions-create-replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
traps:
  - A policy names the source by account id or by the ARN of its root, and both count; whether it belongs to an
    organization was not seen, so such a condition is unknown.
  - >-
    The resource has to be that of the standby's Region: a statement that was copied from the primary admits nothing.
  - A repository that is already there needs no `ecr:CreateRepository`; one that a template gives tags needs
    `ecr:TagResource` too.
  - A registry policy of scope V1 is asked about replicating and creating alone, one of V2 about setting tags too, and V2 is the default.
  - Within one account no policy is asked, so a pair of that kind is left out.
controls:
  nist-800-53: [AC-3, CP-6]
examples:
  pass:
    - &granted
      Pairs: &to-vault [{primary: us-east-1, standby: {account: "444455556666", region: us-west-2}}]
      Resources:
        registry: &source
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "444455556666"}]}]}
        web: &web {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates: []
            PolicyText:
              Version: "2012-10-17"
              Statement:
                - Effect: Allow
                  Principal: {AWS: "arn:aws:iam::111122223333:root"}
                  Action: ["ecr:ReplicateImage", "ecr:CreateRepository"]
                  Resource: arn:aws:ecr:us-west-2:444455556666:repository/*
    - Pairs: *to-vault
      Resources:  # the repository is there already, so nothing has to be created
        registry: *source
        web: *web
        copy: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: shop/web}}
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates: [{Prefix: ROOT, AppliedFor: [REPLICATION], ResourceTags: [{Key: a, Value: b}]}]
            PolicyText:
              Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "ecr:ReplicateImage", Resource: "*"}
    - Pairs: *to-vault
      Resources:  # the whole organization may replicate, and with scope V1 nobody asks who may set tags
        registry: *source
        web: *web
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties:
            AccountSettings: {REGISTRY_POLICY_SCOPE: V1}
            RepositoryCreationTemplates: [{Prefix: ROOT, AppliedFor: [REPLICATION], ResourceTags: [{Key: a, Value: b}]}]
            PolicyText:
              Statement:
                Effect: Allow
                Principal: "*"
                Action: ["ecr:ReplicateImage", "ecr:CreateRepository"]
                Resource: "*"
                Condition: {StringEquals: {"aws:PrincipalAccount": "111122223333"}}
  fail:
    - Pairs: *to-vault
      Resources:  # no policy
        registry: *source
        web: *web
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [], PolicyText: null}
    - Pairs: *to-vault
      Resources:  # the policy names the repositories of another Region
        registry: *source
        web: *web
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates: []
            PolicyText:
              Statement:
                - Effect: Allow
                  Principal: {AWS: "111122223333"}
                  Action: "ecr:*"
                  Resource: arn:aws:ecr:us-east-1:444455556666:repository/*
    - Pairs: *to-vault
      Resources:  # a repository has to be created, with tags
        registry: *source
        web: *web
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates: [{Prefix: shop, AppliedFor: [REPLICATION], ResourceTags: [{Key: a, Value: b}]}]
            PolicyText:
              Statement:
                - Effect: Allow
                  Principal: {AWS: "111122223333"}
                  Action: ["ecr:ReplicateImage", "ecr:CreateRepository"]
                  Resource: "*"
    - Pairs: *to-vault
      Resources:
        registry: *source
        web: *web
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates: []
            PolicyText:
              Statement:
                - {Effect: Allow, Principal: "*", Action: "ecr:*", Resource: "*"}
                - {Effect: Deny, Principal: "*", Action: "ecr:ReplicateImage", Resource: "*"}
    - Pairs: *to-vault
      Resources:  # with scope V2 setting tags is asked for too
        registry: *source
        web: *web
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties:
            AccountSettings: {REGISTRY_POLICY_SCOPE: V2}
            RepositoryCreationTemplates: [{Prefix: ROOT, AppliedFor: [REPLICATION], ResourceTags: [{Key: a, Value: b}]}]
            PolicyText:
              Statement:
                - Effect: Allow
                  Principal: {AWS: "111122223333"}
                  Action: ["ecr:ReplicateImage", "ecr:CreateRepository"]
                  Resource: "*"
  unknown:
    - Pairs: *to-vault
      Resources:
        registry: *source
        web: *web
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties: {PolicyText: {Unknown: "ecr:GetRegistryPolicy was denied"}}
    - Pairs: *to-vault
      Resources:  # whether the account belongs to the organization was not seen
        registry: *source
        web: *web
        vault:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates: []
            PolicyText:
              Statement:
                Effect: Allow
                Principal: "*"
                Action: ["ecr:ReplicateImage", "ecr:CreateRepository"]
                Resource: "*"
                Condition: {StringEquals: {"aws:PrincipalOrgID": o-example}}
    - <<: *granted
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
  not_applicable:
    - Pairs: [{primary: us-east-1, standby: {account: "444455556666", region: us-west-2}, image_distribution: dual-push}]
      Resources:  # every pipeline pushes to both registries
        registry: *source
        web: *web
        vault: {Type: AWS::ECR::Registry, Account: "444455556666", Region: us-west-2, Properties: {PolicyText: null}}
    - Pairs: *to-vault
      Resources:  # there is no repository to replicate
        registry: *source
        vault: {Type: AWS::ECR::Registry, Account: "444455556666", Region: us-west-2, Properties: {PolicyText: {Statement: []}}}
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
"""

from scanner.model import InsufficientData
from scanner.policy import Decision, decide
from scanner.regions import partition_by_name
from scanner.replication import replicated, template_for
from scanner.rule import Evidence, NotApplicable, Undecided, Violation


def check(twin, model, parameters):
    primary, standby = twin.primary.place, twin.pair.standby
    if primary.account == standby.account:
        yield NotApplicable("Within one account, replication asks no registry policy.")
        return
    if twin.standby is None:
        raise InsufficientData(f"the registry of '{standby}' was not seen")
    policy = twin.standby["PolicyText"]
    names = replicated(twin.primary, standby, model)
    gap = model.hidden("AWS::ECR::Repository", primary)
    if not names and not gap:
        yield NotApplicable(f"No repository of '{primary}' is replicated to '{standby}'.")
        return
    yield Evidence(repositories=len(names))

    barred = {}
    for action, needed in (
        ("ecr:ReplicateImage", always),
        ("ecr:CreateRepository", is_new),
        ("ecr:TagResource", is_tagged),
    ):
        refused, unclear = {}, {}
        for name in names:
            known = {"aws:PrincipalAccount": primary.account}
            answer = decide(policy, primary.account, action, replica_arn(name, standby), known)
            if answer.decision is not Decision.ALLOWED and needed(name, twin, model):
                (refused if answer.decision is Decision.DENIED else unclear)[name] = answer.reasons[0]
        if refused:
            barred[action] = refused
        elif unclear:
            name = min(unclear)
            yield Undecided(
                f"Whether the registry policy of '{standby}' lets account '{primary.account}' perform '{action}' for "
                f"'{name}' cannot be decided: {unclear[name]}."
            )
    if barred:
        actions = " and ".join(f"'{action}'" for action in barred)
        refused = sorted(set().union(*barred.values()))
        some = ", ".join(f"'{name}'" for name in refused[:5])
        yield Violation(
            f"The registry policy of '{standby}' does not let account '{primary.account}' perform {actions} for "
            f"{len(refused)} of {len(names)} replicated repositories, among them {some}; an Allow was expected.",
            related=(twin.standby,),
        )
    if gap:
        yield Undecided(f"Repositories that the policy would have to admit may exist unseen: {gap}.")


def always(name, twin, model):
    return True


def is_new(name, twin, model):
    return model.find("AWS::ECR::Repository", name, twin.pair.standby) is None


def is_tagged(name, twin, model):
    """Tell whether ECR will set tags on the replica; with scope V1 a registry policy is not asked about that."""
    if not is_new(name, twin, model):
        return False
    template = template_for(twin.standby["RepositoryCreationTemplates"], name)
    if template is None or not template["ResourceTags"]:
        return False
    return (twin.standby["AccountSettings"] or {}).get("REGISTRY_POLICY_SCOPE") != "V1"


def replica_arn(name, standby):
    return f"arn:{partition_by_name(standby.region)[0]}:ecr:{standby.region}:{standby.account}:repository/{name}"
