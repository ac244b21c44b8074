"""
title: Every tier has a runbook for its recovery
severity: medium
resource: Regionproof::Recovery::Tier
needs: [Regionproof::Recovery::Runbook]
rationale: |
  At three in the morning, with the primary's consoles slow, people do what is written down. What is not written is in
  the head of somebody who may be on holiday. Auditors ask for the plan with its owner and the date of its last review.
remediation: |
  Write the runbook and record it in a file that `evidence` of `regionproof.yaml` names:

      version: 1
      runbooks:
        - path: runbooks/failover.md
          reviewed: 2026-08-01
          covers: {tiers: [tier-0]}
          scenario: failover
          resources: ["arn:aws:ecs:us-west-2:111122223333:cluster/payments"]

  One that is kept elsewhere is named by `url` and the `sha256` of what was reviewed.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
controls:
  nist-800-53: [CP-2]
  iso-27001-2022: [A.5.30]
  dora: [Art. 11]
  nis2: ["4.1"]
traps:
  - A runbook in a wiki is one too, if its address and the digest of what was reviewed are on record.
  - A runbook for the way back does not tell the way there.
  - Evidence that could not be read may name the runbook, so its absence is then not decided.
examples:
  pass:
    - Resources:
        tier: &tier {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"]}}
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Tiers: [tier-0], Scenario: failover}}
    - Resources:  # a restore is what backup and restore does
        tier: *tier
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://wiki.example.com/restore", Tiers: [tier-0], Scenario: restore}}
  fail:
    - Resources: {tier: *tier}
    - Resources:
        tier: *tier
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failback.md, Tiers: [tier-0], Scenario: failback}}
    - Resources:  # for another tier, and for one service
        tier: *tier
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Tiers: [tier-1], Scenario: failover}}
        other: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/api.md, Workloads: [payments/api], Scenario: failover}}
  unknown:
    - Resources: {tier: *tier}
      Gaps: [{Reason: ParseError, Type: "Regionproof::Recovery::Runbook", Path: docs/dr.yaml, Account: null, Region: null}]
    - Resources:
        tier: *tier
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Tiers: [tier-0], Scenario: {Unknown: not read}}}
"""

from scanner.model import InsufficientData
from scanner.recovery import covers
from scanner.rule import Evidence, Violation

RUNBOOK = "Regionproof::Recovery::Runbook"


def check(tier, model, parameters):
    for runbook in model.of_type(RUNBOOK):
        if covers(runbook, tier, model) and runbook["Scenario"] != "failback":
            yield Evidence(runbook=runbook["Source"])
            return
    if gap := model.hidden(RUNBOOK):
        raise InsufficientData(f"a runbook for tier '{tier['Name']}' may exist unseen: {gap}")
    yield Violation(f"No runbook for a failover of tier '{tier['Name']}' is on record; one was expected.")
