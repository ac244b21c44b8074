"""
title: The primary registry replicates directly to the standby
severity: critical
resource: AWS::ECR::Registry
needs: [GitHub::Actions::Workflow, GitLab::CI::Pipeline]
across: standby
when: pair.image_distribution != 'dual-push'
rationale: |
  Amazon ECR keeps images in one Region. They reach another Region only through a rule in the replication configuration
  of the registry that they are pushed to. A replication action happens once for a push: what registry A sends to B is
  not sent on by a rule of B, so only a rule of the primary that names the standby itself counts.
remediation: |
  Add a rule to the primary's replication configuration; `put-replication-configuration` replaces all rules, so start
  from those that `aws ecr describe-registry` shows.

      aws ecr put-replication-configuration --region <primary> --replication-configuration '{"rules": [
        {"destinations": [{"region": "<standby>", "registryId": "<standby account>"}]}]}'

  In CloudFormation: `AWS::ECR::ReplicationConfiguration`, in Terraform: `aws_ecr_replication_configuration`; one for each
  account and Region. Only images pushed from then on are copied; copy those that are there with
  `aws ecr start-replication-backfill`. Where a pipeline pushes every image
  to both Regions itself, declare `image_distribution: dual-push` for the pair: the rules about images still judge what
  is there.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-backfill.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
traps:
  - A chain over a third Region looks connected and carries nothing on; only a rule that names the standby itself
    counts.
  - Pipelines that push to both registries need no rule; declare `image_distribution` as dual-push, and image-running-digest-in-standby still judges what is there.
  - Where a CI file pushes images to both Regions and nothing is declared, that may be meant instead of a rule, so it is undecided and asks to be declared.
  - A destination in the standby's Region but in another account is another registry, so it does not count.
controls:
  aws-well-architected: [REL13-BP02]
  nist-800-53: [CP-6, CP-9]
  iso-27001-2022: [A.8.14]
  soc-2: [A1.2]
  dora: [Art. 12]
examples:
  pass:
    - ReplicationConfiguration:
        Rules:
          - Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}]
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
    - Resources:  # a standby in another account
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "444455556666"}]}]}
      Pairs: [{primary: us-east-1, standby: {account: "444455556666", region: us-west-2}}]
  fail:
    - ReplicationConfiguration: {Rules: []}
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "444455556666"}]}]}
    - Resources:  # a chain over a third Region does not carry an image on
        primary:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}]}]}
        between:
          Type: AWS::ECR::Registry
          Region: eu-west-1
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
    - Resources: {registry: &none {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: []}}}, ci: &both {Type: GitHub::Actions::Workflow, Properties: {Name: build, Path: .github/workflows/build.yml, PushesImagesTo: [us-east-1, us-west-2]}}}
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: replication}]  # it is declared not to count
    - Resources: {registry: *none, ci: {Type: GitHub::Actions::Workflow, Properties: {Name: build, Path: .github/workflows/build.yml, PushesImagesTo: [us-east-1, {Unknown: a variable}]}}}
  unknown:
    - Resources: {registry: *none, ci: *both}
    - Resources: {registry: *none, ci: {Type: GitLab::CI::Pipeline, Properties: {Name: gitlab-ci, Path: .gitlab-ci.yml, PushesImagesTo: [eu-west-1, us-east-1, us-west-2]}}}
    - ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: {Unknown: a parameter}}]}]}
    - Resources:
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}}}
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: replication}]
  not_applicable:
    - Resources:  # every pipeline pushes to both registries
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: []}}}
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
    - Resources:
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {ReplicationConfiguration: {Rules: []}}}
"""

from scanner.replication import pushing_to_both, rules_of, sends_to
from scanner.rule import Evidence, Undecided, Violation


def check(twin, model, parameters):
    rules, standby = rules_of(twin.primary), twin.pair.standby
    yield Evidence(rules=len(rules))
    if any(sends_to(rule, standby) for rule in rules):
        return
    missing = f"No replication rule of registry '{twin.primary.place}' (of {len(rules)}) has '{standby}' among its"
    if workflow := pushing_to_both(twin.pair, model):
        yield Undecided(
            f"{missing} destinations, and '{workflow.id}' pushes images to both Regions; if that is how all of them get "
            "there, declare 'image_distribution: dual-push' for the pair.",
            "/ReplicationConfiguration",
        )
        return
    yield Violation(f"{missing} destinations; at least one was expected.", "/ReplicationConfiguration")
