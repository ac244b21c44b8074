"""
title: The standby registry replicates back to the primary
severity: medium
resource: AWS::ECR::Registry
needs: [Regionproof::Recovery::Runbook]
across: standby
when: pair.image_distribution != 'dual-push'
rationale: |
  After a failover, releases are pushed in the standby. Unless its registry replicates to the primary, the primary comes
  back with the images of the day it was lost, and failing back starts what nobody runs any more. A rule in each direction
  does not loop: ECR copies an image once, from the registry that it was pushed to.
remediation: |
  Add a rule from the standby to the primary; `put-replication-configuration` replaces all rules, so start from those that
  are there.

      aws ecr describe-registry --region <standby> --query replicationConfiguration > replication.json
      # add {"destinations": [{"region": "<primary>", "registryId": "<primary account>"}]} to the rules
      aws ecr put-replication-configuration --region <standby> --replication-configuration file://replication.json

  In CloudFormation: `AWS::ECR::ReplicationConfiguration` in the standby; in Terraform:
  `aws_ecr_replication_configuration`. For another account, its registry policy has to allow it. Where images get back in
  another way, name the runbook under `evidence:` in `regionproof.yaml`, with `scenario: failback`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
controls:
  nist-800-53: [CP-10]
  dora: [Art. 11]
traps:
  - Rules in both directions do not loop, for a replica is not replicated again, so they are what is asked for.
  - Replication in one direction can be a decision; nothing in AWS says so, so it fails until a runbook for failing back, or an exemption, does.
  - A rule of the standby for another account's registry in the primary's Region does not bring anything back.
  - Where pipelines push to both registries, they bring new images to the primary again, and the rule does not apply.
examples:
  pass:
    - primary: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}}
      standby: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-east-1, RegistryId: "111122223333"}]}]}}
  fail:
    - Resources:  # a runbook for going over brings nothing back
        registry: &primary {Type: AWS::ECR::Registry, Properties: {}}
        standby: &one-way {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {ReplicationConfiguration: {Rules: []}}}
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Scenario: failover}}
    - primary: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}}
      standby: {ReplicationConfiguration: {Rules: []}}
    - primary: {}
      standby: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-east-1, RegistryId: "444455556666"}]}]}}
    - Resources: {registry: *primary, standby: *one-way}  # what else was not seen is no runbook
      Gaps: [{Reason: AccessDeniedException, Operation: "sts:AssumeRole", Account: "444455556666"}]
    - primary: {}
      standby: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}]}]}}
  unknown:
    - Resources: {registry: *primary, standby: *one-way}  # the file that names runbooks could not be read
      Gaps: [{Reason: ParseError, Type: "Regionproof::Recovery::Runbook", Path: dr/runbooks.yaml, Account: null, Region: null}]
    - primary: {}
      standby: {ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}}
    - primary: {}
      standby: null
    - Resources: {registry: {Type: AWS::ECR::Registry, Properties: {}}}
      Scanned: [us-east-1]
  not_applicable:
    - Resources:  # a runbook says how
        registry: *primary
        standby: *one-way
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failback.md, Scenario: failback}}
    - Resources:
        registry: {Type: AWS::ECR::Registry, Properties: {}}
        standby: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {ReplicationConfiguration: {Rules: []}}}
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
"""

from scanner.model import InsufficientData
from scanner.recovery import RUNBOOK
from scanner.replication import rules_of, sends_to
from scanner.rule import Evidence, NotApplicable, Undecided, Violation


def check(twin, model, parameters):
    primary, standby = twin.primary.place, twin.pair.standby
    if twin.standby is None:
        raise InsufficientData(f"the registry of '{standby}' was not seen")
    rules = rules_of(twin.standby)
    yield Evidence(rules_of_standby=len(rules))
    if any(sends_to(rule, primary) for rule in rules):
        return
    runbook = next((each for each in model.of_type(RUNBOOK) if each["Scenario"] == "failback"), None)
    if runbook is not None:
        yield NotApplicable(f"Runbook '{runbook['Source']}' says how to fail back.")
    elif gap := next(
        (gap for gap in model.gaps_hiding(RUNBOOK) if gap.type == RUNBOOK), None
    ):  # others hide nothing in a file
        yield Undecided(f"A runbook for failing back may exist unseen: {gap}.")
    else:
        yield Violation(
            f"No replication rule of registry '{standby}' (of {len(rules)}) has '{primary}' among its destinations; "
            "one was expected, for failing back.",
            related=(twin.standby,),
        )
