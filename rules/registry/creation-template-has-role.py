"""
title: Creation templates with a KMS key or tags have a role to use them
severity: high
resource: AWS::ECR::Registry
needs: [AWS::IAM::Role]
rationale: |
  When ECR creates a repository for a replica by a template, it does so as itself, which may neither use a KMS key nor set
  tags. For those the template needs a role that ECR can assume. Without one the creation fails, so the replication of
  every image of a new repository fails too, and only an event says so.
remediation: |
  Give the template a role of the standby's own account that trusts `ecr.amazonaws.com` and allows `ecr:CreateRepository`,
  `ecr:ReplicateImage` and `ecr:TagResource`, and on the key `kms:CreateGrant`, `kms:RetireGrant` and `kms:DescribeKey`.

      aws ecr update-repository-creation-template --region <standby> --prefix <prefix> --custom-role-arn <role>

  In CloudFormation: `CustomRoleArn` of `AWS::ECR::RepositoryCreationTemplate`; in Terraform: `custom_role_arn` of
  `aws_ecr_repository_creation_template`. Copy what failed with `aws ecr start-replication-backfill`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates-custom.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates-create-iam.html
controls:
  nist-800-53: [CP-6]
traps:
  - Encryption with KMS and no key of one's own uses the key that AWS manages, and needs the role all the same.
  - A template that neither encrypts with KMS nor sets tags needs no role.
  - A role of another account cannot be used, so that one is named is not enough.
  - That a role is named does not say that it exists, or that ECR may assume it; its trust policy is read, and one that was not seen is unknown.
  - A role that code declares may not have been made yet; it counts for the templates of that code, and an account answers with the roles it has.
  - Templates for pull through cache or create on push alone do not make replicas and are not judged.
examples:
  pass:
    - Resources:  # the role is in the same code
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - Prefix: prod
                AppliedFor: [REPLICATION]
                EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-west-2:111122223333:key/west"}
                ResourceTags: [{Key: team, Value: shop}]
                CustomRoleArn: {"Fn::GetAtt": [role, Arn]}
        role: &role
          Type: AWS::IAM::Role
          Region: us-west-2
          Properties:
            RoleName: ecr-template
            AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: ecr.amazonaws.com}, Action: "sts:AssumeRole"}}
    - Resources:  # nothing that needs a role
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: ROOT, AppliedFor: [REPLICATION], ImageTagMutability: IMMUTABLE, ResourceTags: []}]}
    - Resources:  # not for replicas
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - {Prefix: ROOT, AppliedFor: [REPLICATION]}
              - {Prefix: hub, AppliedFor: [PULL_THROUGH_CACHE], EncryptionConfiguration: {EncryptionType: KMS}}
  fail:
    - Resources:  # ECR may not assume the role
        registry: &tagging
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION], ResourceTags: [{Key: a, Value: b}], CustomRoleArn: "arn:aws:iam::111122223333:role/ecr-template"}]}
        role: {Type: AWS::IAM::Role, Properties: {RoleName: ecr-template, AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: "sts:AssumeRole"}}}}
    - Resources:  # the key that AWS manages
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION], EncryptionConfiguration: {EncryptionType: KMS}}]}
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION], EncryptionConfiguration: {EncryptionType: KMS_DSSE}}]}
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION], ResourceTags: [{Key: team, Value: shop}]}]}
    - Resources:  # a role of another account
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - Prefix: prod
                AppliedFor: [REPLICATION]
                ResourceTags: [{Key: team, Value: shop}]
                CustomRoleArn: arn:aws:iam::444455556666:role/ecr-template
    - Resources:  # no ARN of a role
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION], ResourceTags: [{Key: a, Value: b}], CustomRoleArn: ecr-template}]}
  unknown:
    - Resources: {registry: *tagging}  # whether the role exists was not seen
    - Resources:  # nor whom it trusts
        registry: *tagging
        role: {Type: AWS::IAM::Role, Properties: {RoleName: ecr-template, AssumeRolePolicyDocument: {Unknown: "iam:GetRole was denied"}}}
    - Resources:  # it trusts ECR on a condition
        registry: *tagging
        role: {Type: AWS::IAM::Role, Properties: {RoleName: ecr-template, AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: ecr.amazonaws.com}, Action: "sts:AssumeRole", Condition: {StringEquals: {"aws:SourceOrgID": o-example}}}}}}
    - Resources:
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: {Unknown: "ecr:DescribeRepositoryCreationTemplates was denied"}}}
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION], EncryptionConfiguration: {EncryptionType: KMS}, CustomRoleArn: {Unknown: a parameter without a value}}]}
    - Resources:  # which registries are standbys follows from rules that nobody may read
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION]}], ReplicationConfiguration: {Rules: []}}}
      Pairs: derived
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribeRegistry"}]
  not_applicable:
    - Resources:  # no template for replicas
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: []}}
    - Resources:  # no pair has it as its standby
        registry: {Type: AWS::ECR::Registry, Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION], ResourceTags: [{Key: a, Value: b}]}]}}
"""

from scanner.model import InsufficientData
from scanner.policy import Decision, decide
from scanner.roles import role_of
from scanner.rule import NotApplicable, Undecided, Violation
from scanner.workloads import regions_that_fail_over_to

ECR = "ecr.amazonaws.com"


def check(registry, model, parameters):
    if not regions_that_fail_over_to(model, registry.place):
        yield NotApplicable("The registry is no standby of any pair, so no replica is created in it.")
        return
    templates = registry["RepositoryCreationTemplates"] or []
    judged = False
    for number in range(len(templates)):
        at = f"/RepositoryCreationTemplates/{number}"
        try:
            template = templates[number]
            if "REPLICATION" not in (template["AppliedFor"] or []):
                continue
            judged = True
            problem = what_is_wrong(template, registry, model)
        except InsufficientData as gap:
            judged = True
            yield Undecided(f"Whether a creation template has the role it needs was not seen: {gap}.", at)
            continue
        if problem:
            yield Violation(
                f"Creation template '{template['Prefix']}' of registry '{registry.place}' {problem}; a role of account "
                f"'{registry.account}' was expected.",
                f"{at}/CustomRoleArn",
            )
    if not judged:
        yield NotApplicable("No creation template of the registry is for replication.")


def what_is_wrong(template, registry, model):
    encryption = (template["EncryptionConfiguration"] or {}).get("EncryptionType", "AES256")
    asked = [f"encrypts with '{encryption}'"] if encryption != "AES256" else []
    asked += ["sets tags"] if template["ResourceTags"] else []
    role = template["CustomRoleArn"] if asked else None
    if not asked:
        return None
    if is_role_of(role, registry.account):
        has = distrust(role_of(model, role, registry.place))
    else:
        has = f"has '{role}' for a role" if role else "has no role"
    return has and f"{' and '.join(asked)} and {has}"


def distrust(role):
    """Return that ECR may not assume a role, None if it may."""
    answer = decide(role["AssumeRolePolicyDocument"], ECR, "sts:AssumeRole", role.id)
    if answer.decision is Decision.UNDECIDED:
        raise InsufficientData(f"whether '{ECR}' may assume '{role.id}': {answer.reasons[0]}")
    return f"has '{role.id}' for a role, which '{ECR}' may not assume" if answer.decision is Decision.DENIED else None


def is_role_of(arn, account):
    return bool(arn) and f":iam::{account}:role/" in arn
