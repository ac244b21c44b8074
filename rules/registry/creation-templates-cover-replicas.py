r"""
title: A creation template covers every repository that replication creates
severity: high
resource: AWS::ECR::Registry
needs: [AWS::ECR::Repository]
across: standby
when: pair.image_distribution != 'dual-push'
rationale: |
  Replication creates the repositories that the standby lacks, and copies no setting: mutable tags, AES256, no lifecycle
  policy and, worst, no repository policy, so that whoever pulls from another account is refused. A repository creation
  template for replication sets them, but only at the moment of creation: one that comes later changes nothing.
remediation: |
  Make a template in the standby before the next new repository is pushed to; `ROOT` covers what no other one does.

      aws ecr create-repository-creation-template --region <standby> --prefix ROOT --applied-for REPLICATION \
        --image-tag-mutability IMMUTABLE --repository-policy file://policy.json --lifecycle-policy file://lifecycle.json

  With encryption by KMS or with tags, add `--custom-role-arn`. In CloudFormation:
  `AWS::ECR::RepositoryCreationTemplate`; in Terraform: `aws_ecr_repository_creation_template`. Or create the repository in
  the standby itself.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CM-2, CM-6]
traps:
  - A repository that is in the standby already, or that code creates there, needs no template.
  - The prefix of a template covers whole segments, so the filter `prod` copies `production/web` and the template `prod` does not cover it.
  - A template for pull through cache or create on push alone is not for replicas.
  - Where the closest template is not for replication and a less specific one is, AWS does not say what happens, and neither does this rule.
  - AWS GovCloud (US) is documented to have no creation templates, so there the lack of one is unknown and not a failure.
examples:
  pass:
    - Resources: &covered
        registry: &source
          Type: AWS::ECR::Registry
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}], RepositoryFilters: [{Filter: prod}]}]}}
        web: &web {Type: AWS::ECR::Repository, Properties: {RepositoryName: prod/web}}
        target:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION]}]}
    - Resources:  # ROOT covers the rest
        registry: *source
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: production/web}}
        target: &root
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [PULL_THROUGH_CACHE]}, {Prefix: ROOT, AppliedFor: [PULL_THROUGH_CACHE, REPLICATION]}]}
    - Resources:  # it exists there
        registry: *source
        web: *web
        copy: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: prod/web}}
        target: &none {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: []}}
    - Resources:  # a repository that no rule copies needs no template
        registry: *source
        web: *web
        other: {Type: AWS::ECR::Repository, Properties: {RepositoryName: sandbox/web}}
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION]}]}}
  fail:
    - Resources: &without {registry: *source, web: *web, target: *none}
    - Resources:  # the filter covers it, the template of the same prefix does not
        registry: *source
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: production/web}}
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [REPLICATION]}]}}
    - Resources:  # a template for something else
        registry: *source
        web: *web
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: [{Prefix: prod, AppliedFor: [CREATE_ON_PUSH]}]}}
    - Resources: *without  # one repository is enough
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
  unknown:
    - Resources: *covered
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
    - Resources: *without  # whether the repository is there was not seen
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources:
        registry: *source
        web: *web
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: {Unknown: "ecr:DescribeRepositoryCreationTemplates was denied"}}}
    - Resources: {registry: *source, web: *web, target: *root}  # the closest template is not for replication
    - Resources:  # GovCloud
        registry:
          Type: AWS::ECR::Registry
          Region: us-gov-west-1
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-gov-east-1, RegistryId: "111122223333"}]}]}}
        web: {Type: AWS::ECR::Repository, Region: us-gov-west-1, Properties: {RepositoryName: prod/web}}
        target: {Type: AWS::ECR::Registry, Region: us-gov-east-1, Properties: {RepositoryCreationTemplates: []}}
      Pairs: [{primary: us-gov-west-1, standby: us-gov-east-1}]
    - Resources: {registry: *source, web: *web}  # the standby's registry was not seen
  not_applicable:
    - Resources: {registry: *source, target: *none}  # there is no repository to replicate
    - Resources: *without
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
"""

from scanner.model import InsufficientData
from scanner.regions import partition_by_name
from scanner.replication import replicated, template_for
from scanner.rule import Evidence, NotApplicable, Undecided, Violation


def check(twin, model, parameters):
    primary, standby = twin.primary.place, twin.pair.standby
    names = replicated(twin.primary, standby, model)
    gap = model.hidden("AWS::ECR::Repository", primary)
    if not names and not gap:
        yield NotApplicable(f"No repository of '{primary}' is replicated to '{standby}'.")
        return
    if twin.standby is None:
        raise InsufficientData(f"the registry of '{standby}' was not seen")
    uncovered, doubts = [], []
    for name in names:
        try:
            exists = model.find("AWS::ECR::Repository", name, standby, code=True) is not None
            if not exists and template_for(twin.standby["RepositoryCreationTemplates"], name) is None:
                uncovered.append(name)
        except InsufficientData as reason:
            doubts.append(str(reason))
    yield Evidence(replicated=len(names), uncovered=uncovered)

    if uncovered and partition_by_name(standby.region)[0] == "aws-us-gov":
        yield Undecided(
            f"Whether '{standby.region}' has repository creation templates at all is not documented clearly."
        )
    elif uncovered:
        some = ", ".join(f"'{name}'" for name in uncovered[:5])
        yield Violation(
            f"No creation template of '{standby}' covers what '{primary}' replicates there for the first time, "
            f"{some} ({len(uncovered)} in all); one for each was expected.",
            related=(twin.standby,),
        )
    elif doubts:
        yield Undecided(f"Whether a template covers each new repository cannot be told: {doubts[0]}.")
    elif gap:
        yield Undecided(f"Repositories that need a template may exist unseen: {gap}.")
