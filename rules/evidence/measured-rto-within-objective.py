"""
title: Every tier recovered within its objectives in its last test
severity: high
resource: Regionproof::Recovery::Tier
needs: [Regionproof::Recovery::Drill, AWS::ARCRegionSwitch::Plan]
rationale: |
  An objective that the last test missed is missed in the next disaster too. ARC Region switch measures the time that
  an execution took to recover; of other drills somebody has to write it down. What was not measured was not shown.
remediation: |
  Find the slowest step of the last drill, shorten it and test again; or agree on an objective that can be met. Record
  `rto` and `rpo` of the drill in the evidence file. What an execution took:

      aws arc-region-switch list-plan-executions --plan-arn <plan>
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_dr_tested.html
  - https://docs.aws.amazon.com/r53recovery/latest/dg/working-with-rs-execution-blocks.html
controls:
  aws-well-architected: [REL13-BP03]
  nist-800-53: [CP-10, CP-10(4)]
  dora: [Art. 24, Art. 25]
traps:
  - A drill of one service of the tier, and one that ended in part, took less or more than the tier would; they do not count.
  - What was rehearsed on paper or on a served snapshot waited for nothing real, so its time does not count.
  - The last test counts, so a slow one that was repeated in time is no failure; of the executions of a plan the hour decides too.
  - A plan that waits for somebody's approval measures that wait too, so a time above the objective is then undecided.
  - A recovery that took exactly the objective met it.
examples:
  pass:
    - Resources:  # exactly the objectives
        tier: &tier {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"], Rto: 15m, Rpo: 1m}}
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 15m, Rpo: 60s}}
    - Resources:  # nothing was lost
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 0s, Rpo: 0s}}
    - Resources:  # a loss of data is not always measured
        tier: *tier
        drill: &good {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 12m}}
    - Resources:  # the tier has no objective for the loss of data
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"], Rto: 15m}}
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 12m, Rpo: 1h}}
    - Resources: &executed
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: &workflows
              - Steps:
                  - ExecutionBlockType: ECSServiceScaling
                    ExecutionBlockConfiguration:
                      EcsCapacityIncreaseConfig: {Services: [{ClusterArn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]}
            Executions: [{ExecutionAction: activate, ExecutionState: completed, EndTime: "2026-09-01T10:00:00Z", ActualRecoveryTime: PT15M0S}]
    - Resources:  # an approval was waited for, and all the same it took no longer
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: &waits
              - Steps:
                  - {ExecutionBlockType: ManualApproval, ExecutionBlockConfiguration: {}}
                  - ExecutionBlockType: ECSServiceScaling
                    ExecutionBlockConfiguration:
                      EcsCapacityIncreaseConfig: {Services: [{ClusterArn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]}
            Executions: [{ExecutionAction: activate, ExecutionState: completed, EndTime: "2026-09-01T10:00:00Z", ActualRecoveryTime: PT15M}]
    - Resources:  # repeated on the same day; an older one was never measured
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: *workflows
            Executions:
              - {ExecutionAction: activate, ExecutionState: completed, EndTime: "2026-08-01T09:00:00Z"}
              - {ExecutionAction: activate, ExecutionState: completed, EndTime: "2026-09-01T16:00:00Z", ActualRecoveryTime: PT12M}
              - {ExecutionAction: activate, ExecutionState: completed, EndTime: "2026-09-01T09:00:00Z", ActualRecoveryTime: PT1H}
    - Resources: {tier: *tier, drill: *good}  # AWS executes no plan of a file, so one that cannot be read was not tested
      Gaps: [{Reason: ParseError, Type: "AWS::ARCRegionSwitch::Plan", Path: infra/plan.yaml, Account: null, Region: null}]
  fail:
    - Resources:  # on the day of the data
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-11-01", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 1h}}
    - Resources:
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 15m1s}}
    - Resources:
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 1m, Rpo: 61s}}
    - Resources:  # nobody measured
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: failover, Outcome: success}}
    - Resources:  # the last one counts, and not the drill of a part
        tier: *tier
        drill: *good
        part: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-03", Workloads: [payments/api], Scenario: failover, Outcome: success, Rto: 2m}}
        partial: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-02", Tiers: [tier-0], Scenario: failover, Outcome: partial, Rto: 2m}}
        last: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 1h}}
    - Resources:
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: *workflows
            Executions: [{ExecutionAction: activate, ExecutionState: completed, EndTime: "2026-09-01T10:00:00Z", ActualRecoveryTime: PT15M0.5S}]
  unknown:
    - Resources:  # an approval was waited for
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: *waits
            Executions: [{ExecutionAction: activate, ExecutionState: completed, EndTime: "2026-09-01T10:00:00Z", ActualRecoveryTime: PT1H}]
    - Resources:  # how long it took was not shown
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: *workflows
            Executions: [{ExecutionAction: activate, ExecutionState: completed, EndTime: "2026-09-01T10:00:00Z"}]
    - Resources: {tier: *tier, drill: *good}  # a later one may exist unseen
      Gaps: [{Reason: ParseError, Type: "Regionproof::Recovery::Drill", Path: docs/dr.yaml, Account: null, Region: null}]
    - Resources: {tier: *tier, drill: *good}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ARCRegionSwitch::Plan", Operation: "arc-region-switch:ListPlansInRegion"}]
    - Resources:
        tier: *tier
        drill: *good
        plan: {Type: AWS::ARCRegionSwitch::Plan, Properties: {Name: payments, Workflows: {Unknown: denied}}}
  not_applicable:
    - Resources: {tier: *tier}  # that nothing was tested is another rule's finding
    - Resources:  # what was rehearsed on a served snapshot took no time that counts
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: game-day, Outcome: success, Rto: 1h}}
    - Resources:  # so is that there is no objective
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"]}}
        drill: *good
    - Resources:  # the day after the data
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-11-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Rto: 1h}}
"""

from datetime import timedelta

from scanner.duration import words
from scanner.model import InsufficientData
from scanner.recovery import age, covers, is_failover, iso_duration, objective, plans_of, recoveries, waits
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

DRILL = "Regionproof::Recovery::Drill"


def check(tier, model, parameters):
    rto, rpo = objective(tier, "Rto"), objective(tier, "Rpo")
    if rto is None:
        yield NotApplicable(f"Tier '{tier['Name']}' declares no rto.")
        return
    if gap := model.hidden(DRILL):
        raise InsufficientData(f"a later test of tier '{tier['Name']}' may exist unseen: {gap}")
    tests = [test for test in of_tier(tier, model) if test[0] >= timedelta(0)]
    if not tests:
        yield NotApplicable(f"No successful failover of tier '{tier['Name']}' is on record.")
        return
    last = min(test[0] for test in tests)
    for _, name, took, lost, waited in (test for test in tests if test[0] == last):
        yield Evidence(test=name, rto_seconds=seconds(took), rpo_seconds=seconds(lost))
        if took is None:
            yield Violation(f"The {name} of tier '{tier['Name']}' records no measured rto; one was expected.", "/Rto")
        elif took > rto and waited:
            yield Undecided(
                f"The {name} of tier '{tier['Name']}' took '{words(took)}', more than its rto '{words(rto)}', and its plan waits for an "
                "approval; how long it waited was not seen.",
                "/Rto",
            )
        elif took > rto:
            yield Violation(
                f"The {name} of tier '{tier['Name']}' took '{words(took)}'; at most '{words(rto)}', its rto, was expected.",
                "/Rto",
            )
        if lost is not None and rpo is not None and lost > rpo:
            yield Violation(
                f"The {name} of tier '{tier['Name']}' lost the data of '{words(lost)}'; at most '{words(rpo)}', its rpo, was expected.",
                "/Rpo",
            )


def seconds(measured):
    return None if measured is None else measured.total_seconds()


def of_tier(tier, model):
    """Yield the age, name, measured times and whether it waited for somebody, of each successful failover."""
    for drill in model.of_type(DRILL):
        if covers(drill, tier, model) and is_failover(drill):
            took, lost = objective(drill, "Rto"), objective(drill, "Rpo")
            yield age(model, drill["Date"]), f"drill of '{drill['Date']}'", took, lost, False
    plans, doubts = plans_of(model, tier)
    if doubts:
        raise InsufficientData(f"a later test of tier '{tier['Name']}' may exist unseen: {doubts[0]}")
    for plan in plans:
        last = max(recoveries(plan), key=lambda execution: execution["EndTime"] or "", default=None)
        if last is not None:
            took = iso_duration(last["ActualRecoveryTime"])
            name = f"execution of '{last['EndTime']}' of plan '{plan['Name']}'"
            yield age(model, last["EndTime"]), name, took, None, waits(plan["Workflows"])
