"""
title: The standby of payments runs enough tasks to serve at once
severity: critical
resource: AWS::ECS::Service
across: standby
rationale: |
  Payments may not wait for tasks to start: its standby carries a share of the tasks of the primary at all times, and
  grows from there.
remediation: |
  Raise the desired count of the service in the standby, and the minimum of its scaling.

      aws ecs update-service --region <standby> --cluster <cluster> --service <service> --desired-count <tasks>
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
traps:
  - A service that is switched off in the primary needs nothing in the standby.
  - The share is rounded up, so that one task in the primary asks for one in the standby.
parameters:
  share:
    description: The least share of the primary's tasks that the standby runs, in percent.
    type: integer
    minimum: 1
    maximum: 100
    default: 50
examples:
  pass:
    - primary: {Cluster: payments, ServiceName: api, DesiredCount: 4}
      standby: {Cluster: payments, ServiceName: api, DesiredCount: 2}
    - primary: {Cluster: payments, ServiceName: api, DesiredCount: 0}  # switched off
      standby: null
  fail:
    - primary: {Cluster: payments, ServiceName: api, DesiredCount: 4}
      standby: {Cluster: payments, ServiceName: api, DesiredCount: 1}
    - primary: {Cluster: payments, ServiceName: api, DesiredCount: 1}  # the share is rounded up
      standby: {Cluster: payments, ServiceName: api, DesiredCount: 0}
    - primary: {Cluster: payments, ServiceName: api, DesiredCount: 4}
      standby: null
    - Parameters: {share: 100}
      Resources:
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 4}}
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 3}
  unknown:
    - primary: {Cluster: payments, ServiceName: api, DesiredCount: 4}
      standby: {Cluster: payments, ServiceName: api, DesiredCount: {Unknown: a parameter without a value}}
  not_applicable:
    - primary: {Cluster: shop, ServiceName: web, DesiredCount: 4}
      standby: null
"""

from scanner.rule import Evidence, NotApplicable, Violation


def check(twin, model, parameters):
    if not twin.primary.name.startswith("payments/"):
        yield NotApplicable("The service is not one of payments.")
        return
    wanted = -(-twin.primary["DesiredCount"] * parameters["share"] // 100)
    if wanted == 0:
        return
    there = 0 if twin.standby is None else twin.standby["DesiredCount"]
    yield Evidence(wanted=wanted, there=there)
    if there < wanted:
        yield Violation(
            f"The standby of '{twin.primary.name}' runs '{there}' tasks in '{twin.pair.standby}'; "
            f"at least '{wanted}' were expected.",
            "/DesiredCount",
        )
