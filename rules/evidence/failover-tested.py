"""
title: Every tier has had its failover tested within the interval
severity: high
resource: Regionproof::Recovery::Tier
needs: [Regionproof::Recovery::Drill, AWS::ARCRegionSwitch::Plan]
rationale: |
  The only recovery that works is the one that is tested: Well-Architected asks for regular exercises, and auditors for
  the record of the last one, with its date, scope and result. A failover that nobody has tried for a year meets new
  services, new quotas and new people.
remediation: |
  Hold the exercise and record it in a file that `evidence` of `regionproof.yaml` names:

      version: 1
      drills:
        - date: 2026-09-14
          scope: {tiers: [tier-0]}
          scenario: failover
          outcome: success
          rto: 24m
          rpo: 1m
          signed_off_by: Head of platform
          link: https://wiki.example.com/dr/2026-09-14

  Executing a plan of ARC Region switch that scales the services of the tier counts too. Resolve the warnings that its
  evaluation shows: `aws arc-region-switch get-plan-evaluation-status --plan-arn <plan>`.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_dr_tested.html
  - https://docs.aws.amazon.com/r53recovery/latest/dg/working-with-rs-execution-blocks.html
controls:
  aws-well-architected: [REL13-BP03]
  nist-800-53: [CP-4]
  iso-27001-2022: [A.5.30]
  soc-2: [A1.3]
  dora: [Art. 24, Art. 25]
  nis2: ["4.1"]
traps:
  - A drill that covered one service of a tier, or another tier, does not show that this tier recovers.
  - A tabletop exercise, a failback and a drill that did not succeed are no tested failover.
  - A game day on a served snapshot moves nothing that runs, so the drill record that it leaves is none either.
  - Executing a plan of another application says nothing about this tier, so the plan has to name a cluster of it.
  - Activating the primary again is the way back; only another Region that was activated counts, and where both are active one that was deactivated.
  - Evidence that could not be read may hold the drill, so its absence is then not decided.
  - AWS may warn that a plan would no longer work, so where plans were not seen a drill alone decides nothing.
  - FIS experiments and runs of CI are not asked for, since that one ended well does not say that a workload recovered; a drill records them by its link.
  - Graceful executions, which need the primary, and ungraceful ones both count; which it was goes into the evidence.
parameters:
  interval: {type: string, format: duration, default: 365d, description: "How old the last drill of a tier may be."}
  critical: {type: array, items: {type: string}, default: [tier-0], description: "Tiers that are tested more often."}
  critical_interval: {type: string, format: duration, default: 183d, description: "How old the last drill of those may be."}
examples:
  pass:
    - Resources: &tested
        tier: &tier {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"]}}
        drill: &drill
          Type: Regionproof::Recovery::Drill
          Properties: {Date: "2026-05-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}
    - Resources:  # the day itself is within the interval
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-1, Clusters: ["shop"]}}
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2025-11-01", Tiers: [tier-1], Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # what shows it is a run of CI
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Tiers: [tier-0], Scenario: failover, Outcome: success, Link: "https://github.com/example/dr/actions/runs/1"}}
    - Resources:  # on the day of the data
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-11-01", Tiers: [tier-0], Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # all that the only pair has
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Pair: {Primary: us-east-1, Standby: us-west-2}, Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # either Region of an active-active pair may have been lost in the test
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Pair: {Primary: us-west-2, Standby: us-east-1}, Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources:  # a failed attempt beside a good one
        tier: *tier
        drill: *drill
        failed: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-01", Tiers: [tier-0], Scenario: failover, Outcome: failure, Link: "https://wiki.example.com/0"}}
    - Resources: *tested  # AWS evaluates no plan of a file, so one that cannot be read has no warnings
      Gaps: [{Reason: ParseError, Type: "AWS::ARCRegionSwitch::Plan", Path: infra/plan.yaml, Account: null, Region: null}]
    - Resources: &executed
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Region: us-west-2
          Properties: &plan
            Name: payments
            Workflows: &workflows
              - Steps:
                  - ExecutionBlockConfiguration:
                      EcsCapacityIncreaseConfig: {Services: [{ClusterArn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]}
            Evaluation: {State: passed, Warnings: []}
            Executions: [{ExecutionAction: activate, ExecutionState: completed, Mode: graceful, EndTime: "2026-09-01T10:00:00Z"}]
    - Resources:  # inside a parallel step; a warning that was resolved
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows:
              - Steps:
                  - ExecutionBlockConfiguration:
                      ParallelConfig:
                        Steps:
                          - ExecutionBlockConfiguration:
                              EksResourceScalingConfig: {EksClusters: [{ClusterArn: "arn:aws:eks:us-west-2:111122223333:cluster/payments"}]}
            Evaluation: {State: passed, Warnings: [{WarningStatus: resolved, WarningMessage: it was}]}
            Executions: [{ExecutionAction: activate, ExecutionState: completedMonitoringApplicationHealth, Mode: ungraceful, EndTime: "2026-09-01T10:00:00Z"}]
    - Resources:  # both Regions are active, so doing without one is the test
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            RecoveryApproach: activeActive
            Workflows: *workflows
            Evaluation: {State: passed, Warnings: []}
            Executions: [{ExecutionAction: deactivate, ExecutionRegion: us-east-1, ExecutionState: completed, Mode: graceful, EndTime: "2026-09-01T10:00:00Z"}]
    - Resources:
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            RecoveryApproach: activePassive
            PrimaryRegion: us-east-1
            Workflows: *workflows
            Evaluation: {State: passed, Warnings: []}
            Executions: [{ExecutionAction: activate, ExecutionRegion: us-west-2, ExecutionState: completed, Mode: graceful, EndTime: "2026-09-01T10:00:00Z"}]
  fail:
    - Resources:  # a drill the other way round, which is the way back
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Pair: {Primary: us-west-2, Standby: us-east-1}, Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # the way back
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            RecoveryApproach: activePassive
            PrimaryRegion: us-east-1
            Workflows: *workflows
            Evaluation: {State: passed, Warnings: []}
            Executions: [{ExecutionAction: activate, ExecutionRegion: us-east-1, ExecutionState: completed, Mode: graceful, EndTime: "2026-09-01T10:00:00Z"}]
    - Resources:  # both Regions are active, and one came back
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            RecoveryApproach: activeActive
            Workflows: *workflows
            Evaluation: {State: passed, Warnings: []}
            Executions: [{ExecutionAction: activate, ExecutionRegion: us-east-1, ExecutionState: completed, Mode: graceful, EndTime: "2026-09-01T10:00:00Z"}]
    - Resources:
        tier: *tier
    - Resources:  # a day too old for tier-0
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-05-01", Tiers: [tier-0], Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # a day too old
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-1, Clusters: ["shop"]}}
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2025-10-31", Tiers: [tier-1], Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # another tier
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Tiers: [tier-1], Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # one service of the tier
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Workloads: [payments/api], Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # which of the pairs the tier is in does not follow from a drill of one
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Pair: {Primary: us-east-1, Standby: us-west-2}, Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
      Pairs: [{primary: us-east-1, standby: us-west-2}, {primary: eu-west-1, standby: eu-central-1}]
    - Resources:
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Tiers: [tier-0], Scenario: tabletop, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # a snapshot that was served is no estate that failed over
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Tiers: [tier-0], Scenario: game-day, Outcome: success, Rto: 5m, SignedOffBy: Head of platform, Link: "https://wiki.example.com/1"}}
    - Resources:
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Tiers: [tier-0], Scenario: failover, Outcome: partial, Link: "https://wiki.example.com/1"}}
    - Resources:  # nothing shows what happened
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-10-01", Tiers: [tier-0], Scenario: failover, Outcome: success}}
    - Resources:  # a plan of another application
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["shop"]}}
        plan: {Type: AWS::ARCRegionSwitch::Plan, Region: us-west-2, Properties: *plan}
    - Resources:
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: *workflows
            Evaluation: {State: passed, Warnings: []}
            Executions: [{ExecutionAction: deactivate, ExecutionState: completed, Mode: graceful, EndTime: "2026-09-01T10:00:00Z"}]
    - Resources:
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: *workflows
            Evaluation: {State: passed, Warnings: []}
            Executions: [{ExecutionAction: activate, ExecutionState: canceled, Mode: graceful, EndTime: "2026-09-01T10:00:00Z"}]
    - Resources:  # tested, and AWS warns that it would no longer work
        tier: *tier
        drill: *drill
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Workflows: *workflows
            Evaluation: {State: actionRequired, Warnings: [{WarningStatus: active, WarningMessage: the service is gone}]}
            Executions: []
  unknown:
    - Resources: {tier: *tier, drill: *drill}  # a plan that was not seen may have warnings
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ARCRegionSwitch::Plan", Operation: "arc-region-switch:ListPlansInRegion"}]
    - Resources: {tier: *tier}  # no evidence files are named, or one cannot be read
      Gaps: [{Reason: ParseError, Type: "Regionproof::Recovery::Drill", Path: docs/dr.yaml, Account: null, Region: null}]
    - Resources: {tier: *tier}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ARCRegionSwitch::Plan", Operation: "arc-region-switch:ListPlansInRegion"}]
    - Resources:  # the drill is younger than the data
        tier: *tier
        drill: {Type: Regionproof::Recovery::Drill, Properties: {Date: "2026-11-02", Tiers: [tier-0], Scenario: failover, Outcome: success, Link: "https://wiki.example.com/1"}}
    - Resources:  # whose plan it is was not seen
        tier: *tier
        plan: {Type: AWS::ARCRegionSwitch::Plan, Properties: {Name: payments, Workflows: {Unknown: denied}}}
    - Resources:
        tier: *tier
        plan: {Type: AWS::ARCRegionSwitch::Plan, Properties: {Name: payments, Workflows: *workflows, Evaluation: {State: passed, Warnings: []}, Executions: {Unknown: denied}}}
    - Resources:  # how the plan was evaluated was not seen
        tier: *tier
        drill: *drill
        plan: {Type: AWS::ARCRegionSwitch::Plan, Properties: {Name: payments, Workflows: *workflows, Evaluation: {Unknown: denied}, Executions: []}}
"""

from datetime import timedelta

from scanner.model import InsufficientData
from scanner.recovery import REHEARSALS, age, covers, is_failover, plans_of, recoveries
from scanner.rule import Evidence, Undecided, Violation

DRILL = "Regionproof::Recovery::Drill"


def check(tier, model, parameters):
    critical = tier["Name"] in parameters["critical"]
    interval = parameters["critical_interval" if critical else "interval"]
    plans, doubts = plans_of(model, tier)
    unread, later = [], False
    for when, what in held(tier, model, plans, unread):
        before = age(model, when)
        if before < timedelta(0):
            later = True
        elif before <= interval:
            yield Evidence(last=what)
            break
    else:
        gap = model.hidden(DRILL)
        unseen = [*([str(gap)] if gap else []), *doubts, *unread]
        if later:
            yield Undecided(f"A test of tier '{tier['Name']}' is dated after the data that is judged.")
        elif unseen:
            yield Undecided(f"A test of tier '{tier['Name']}' may exist unseen: {unseen[0]}.")
        else:
            yield Violation(
                f"No successful failover of tier '{tier['Name']}' within {interval.days} days is on record{only(tier, model)}; "
                "one with a link to its report, or a completed execution of its plan, was expected."
            )
    yield from warnings(tier, plans)
    for doubt in doubts:
        yield Undecided(f"Whether a plan has warnings about tier '{tier['Name']}' is not known: {doubt}.")


def held(tier, model, plans, unread):
    """Yield when and what each successful failover of the tier was."""
    for drill in model.of_type(DRILL):
        try:
            if covers(drill, tier, model) and is_failover(drill) and drill["Link"]:
                yield drill["Date"], f"drill of {drill['Date']}"
        except InsufficientData as gap:
            unread.append(str(gap))
    for plan in plans:
        try:
            for execution in recoveries(plan):
                yield execution["EndTime"], f"{execution['Mode']} execution of {execution['EndTime']}"
        except InsufficientData as gap:
            unread.append(f"the executions of plan '{plan['Name']}' were not seen: {gap}")


def only(tier, model):
    """Return a clause on the newest rehearsal of the tier, nothing if there was none."""
    held = [
        (drill["Date"], drill["Scenario"])
        for drill in model.of_type(DRILL)
        if covers(drill, tier, model) and drill["Scenario"] in REHEARSALS
    ]
    return "" if not held else ", and the '{1}' of '{0}' lost nothing that runs".format(*max(held))


def warnings(tier, plans):
    for plan in plans:
        try:
            open_ones = [
                w["WarningMessage"] for w in plan["Evaluation"]["Warnings"] or () if w["WarningStatus"] == "active"
            ]
        except InsufficientData as gap:
            yield Undecided(f"How plan '{plan['Name']}' of tier '{tier['Name']}' was evaluated was not seen: {gap}.")
            continue
        if open_ones:
            yield Violation(
                f"The evaluation of plan '{plan['Name']}' of tier '{tier['Name']}' has open warnings "
                f"('{len(open_ones)}'), the first of which says '{open_ones[0]}'; none was expected.",
                related=(plan,),
            )
