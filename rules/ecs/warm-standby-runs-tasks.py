r"""
title: ECS services of a warm standby run tasks
severity: high
resource: AWS::ECS::Service
across: standby
rationale: |
  A warm standby is a small copy that serves all the time; that is what separates its recovery time of minutes from
  the tens of minutes of a pilot light. A service whose desired count is 0, whose tasks do not start, or whose last
  deployment failed, serves nothing, and nobody has seen that its image starts there.
remediation: |
  Keep at least one task, and the least of its scaling target at 1:

      aws ecs update-service --region <standby> --cluster <cluster> --service <service> --desired-count 1
      aws application-autoscaling register-scalable-target --region <standby> --service-namespace ecs \
          --scalable-dimension ecs:service:DesiredCount --resource-id service/<cluster>/<service> --min-capacity 1

  In CloudFormation: `DesiredCount` of `AWS::ECS::Service` and `MinCapacity` of
  `AWS::ApplicationAutoScaling::ScalableTarget`; in Terraform: `desired_count` of `aws_ecs_service` and `min_capacity` of
  `aws_appautoscaling_target`. If nothing shall run, declare the pair's `dr_class` as `pilot-light`.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html
controls:
  aws-well-architected: [REL13-BP02]
  soc-2: [A1.2]
traps:
  - A service that is scaled to 0 at night is no warm standby at night; the rule fails, and an exemption may say that it is meant.
  - A service that the primary itself keeps at 0 needs no tasks in the standby; it is not judged.
  - During a deployment counts are in motion, so the verdict is unknown rather than a failure.
  - Where no dr_class is declared the rule cannot tell a pilot light from a broken warm standby; only tasks that run decide it.
examples:
  pass:
    - Resources: &steady
        primary: &primary
          Type: AWS::ECS::Service
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 4}
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            DesiredCount: 1
            RunningCount: 1
            Deployments: [{Status: PRIMARY, RolloutState: COMPLETED}]
      Pairs: &warm [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}]
    - Resources: *steady
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources: *steady  # no class is declared, but it is as good as a warm standby
    - Resources:  # a file shows what is wanted, not what runs
        primary: *primary
        standby: &declared
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 1}
      Pairs: *warm
    - Resources:  # deployments by another controller are not shown
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 2, RunningCount: 2, Deployments: []}
      Pairs: *warm
  fail:
    - Resources: &asleep  # at night, say
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0, RunningCount: 0, Deployments: []}
      Pairs: *warm
    - Resources: *asleep
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources:  # tasks are wanted, none runs
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            DesiredCount: 1
            RunningCount: 0
            Deployments: [{Status: PRIMARY, RolloutState: COMPLETED}]
      Pairs: *warm
    - Resources:  # the old tasks run, the new ones never started
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            DesiredCount: 1
            RunningCount: 1
            Deployments: [{Status: PRIMARY, RolloutState: FAILED}]
      Pairs: *warm
  unknown:
    - Resources: *asleep  # no class is declared: a pilot light would be right so
    - Resources:  # a deployment is under way
        primary: *primary
        standby: &rolling
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            DesiredCount: 2
            RunningCount: 0
            Deployments: [{Status: PRIMARY, RolloutState: IN_PROGRESS}, {Status: ACTIVE, RolloutState: COMPLETED}]
      Pairs: *warm
    - Resources: {primary: *primary, standby: *rolling}
    - Resources:  # fewer than wanted
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 2, RunningCount: 1, Deployments: []}
      Pairs: *warm
    - Resources:
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: {Ref: Count}}
      Pairs: *warm
    - Resources: {primary: *primary}
      Pairs: *warm
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-west-2}]
  not_applicable:
    - Resources: *asleep
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: pilot-light}]
    - Resources: *asleep
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources: {primary: *primary}  # ecs-service-in-standby says that it is missing
      Pairs: *warm
    - Resources:  # the primary keeps it at 0 too
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0}}
        standby: *declared
      Pairs: *warm
"""

from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only

WITHOUT = ("pilot-light", "backup-restore")


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    if pair.dr_class in WITHOUT:
        yield NotApplicable(f"A pair of class '{pair.dr_class}' needs no tasks in the standby.")
    elif primary["DesiredCount"] == 0:
        yield NotApplicable("The primary itself keeps the service at a desired count of 0.")
    elif standby is None:
        yield NotApplicable("The standby has no such service; ecs-service-in-standby judges that.")
    else:
        yield from judge(standby, pair)


def judge(standby, pair):
    wanted, running = standby["DesiredCount"], live_only(standby, "RunningCount")
    rollouts = [each["RolloutState"] for each in live_only(standby, "Deployments") or ()]
    yield Evidence(desired_count=wanted, running_count=running, rollouts=rollouts)
    if "IN_PROGRESS" in rollouts:
        yield Undecided(f"A deployment of '{standby.id}' is under way; scan again when it is done.", "/DesiredCount")
        return
    found = wrong(wanted, running, rollouts)
    if found and pair.dr_class is None:
        yield Undecided(
            f"'{standby.id}' {found}: right for a pilot light, wrong for a warm standby; declare the pair's `dr_class`.",
            "/DesiredCount",
        )
    elif found:
        yield Violation(
            f"'{standby.id}' {found}; in a pair of class '{pair.dr_class}' tasks that run were expected.",
            "/DesiredCount",
            (standby,),
        )
    elif running is not None and running < wanted:
        yield Undecided(
            f"'{standby.id}' runs {running} of {wanted} tasks and is not steady; scan again.", "/DesiredCount"
        )


def wrong(wanted, running, rollouts):
    """Return what keeps the service from serving, None if nothing does; `running` is None in a file."""
    if wanted == 0:
        return "has a desired count of '0'"
    if running == 0:
        return f"runs none of '{wanted}' tasks"
    return "is at a deployment that failed" if "FAILED" in rollouts else None
