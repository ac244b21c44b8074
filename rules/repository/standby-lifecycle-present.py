"""
title: The standby's repository has a lifecycle policy
severity: low
resource: AWS::ECR::Repository
across: standby
rationale: |
  Replication copies every push and no deletion, and the primary's lifecycle policy acts in the primary alone. Without one
  of its own, the standby's repository keeps every image that was ever pushed: it costs more from month to month, and at
  100,000 images replication into it fails.
remediation: |
  Give the repository a policy made for a standby: count images, keep more than the primary does, and leave out rules that
  count from the last pull.

      aws ecr put-lifecycle-policy --region <standby> --repository-name <name> --lifecycle-policy-text file://standby.json

  In CloudFormation: `LifecyclePolicy` of `AWS::ECR::Repository`, and of `AWS::ECR::RepositoryCreationTemplate` for
  repositories to come; in Terraform: `aws_ecr_lifecycle_policy`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/lp_creation.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
controls:
  security-hub: [ECR.3]
traps:
  - Where the rule that copies the repository also replicates deletions, the standby shrinks with the primary and needs no policy.
  - A repository that keeps everything because a law says so has no policy on purpose; it fails until an exemption says so.
  - The policy of the primary does nothing in the standby, so that it has one does not count.
examples:
  pass:
    - primary: {RepositoryName: shop/web}
      standby: {RepositoryName: shop/web, LifecyclePolicy: {LifecyclePolicyText: '{"rules": []}'}}
    - Resources:  # what the registry does is not asked for
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}}}
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, LifecyclePolicy: {LifecyclePolicyText: '{"rules": []}'}}}
  fail:
    - primary: {RepositoryName: shop/web, LifecyclePolicy: {LifecyclePolicyText: '{"rules": []}'}}
      standby: {RepositoryName: shop/web}
    - Resources:  # deletions are replicated elsewhere, and for others
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules:
                - {Destinations: [{Region: us-west-2, RegistryId: "111122223333"}], DeleteReplication: {Enabled: false}}
                - {Destinations: [{Region: us-west-2, RegistryId: "111122223333"}], RepositoryFilters: [{Filter: base/}], DeleteReplication: {Enabled: true}}
                - {Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}], DeleteReplication: {Enabled: true}}
        primary: &web {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: &copy {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
  unknown:
    - primary: {RepositoryName: shop/web}
      standby: {RepositoryName: shop/web, LifecyclePolicy: {Unknown: "ecr:GetLifecyclePolicy was denied"}}
    - Resources:
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}}}
        primary: *web
        standby: *copy
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}], DeleteReplication: {Unknown: the installed botocore does not know deleteReplication}}]
        primary: *web
        standby: *copy
  not_applicable:
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}], DeleteReplication: {Enabled: true}}]
        primary: *web
        standby: *copy
    - primary: {RepositoryName: shop/web}
      standby: null
"""

from scanner.replication import covers, rules_of, sends_to
from scanner.rule import NotApplicable, Violation


def check(twin, model, parameters):
    if twin.standby is None:
        yield NotApplicable("The repository does not exist in the standby, so nothing grows there.")
        return
    if twin.standby["LifecyclePolicy"] is not None:
        return
    name, standby = twin.primary.name, twin.pair.standby
    registry = model.find("AWS::ECR::Registry", "registry", twin.primary.place, code=bool(twin.primary.locations))
    for rule in rules_of(registry) if registry else ():
        if sends_to(rule, standby) and covers(rule, name) and (rule["DeleteReplication"] or {}).get("Enabled"):
            yield NotApplicable("Deletions are replicated, so the standby keeps what the primary keeps.")
            return
    yield Violation(f"Repository '{name}' has no lifecycle policy in '{standby}'; one made for a standby was expected.")
