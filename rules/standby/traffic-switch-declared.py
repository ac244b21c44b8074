"""
title: Traffic can be sent to the standby without the primary's Region
severity: medium
link: traffic
optional: true
resource: AWS::ECS::Service
needs: ["AWS::ARCRegionSwitch::Plan", "Regionproof::Recovery::Tier", "Regionproof::Recovery::Runbook"]
across: standby
rationale: |
  A standby that runs helps nobody before traffic reaches it. What answers during a failure is the data plane: health
  checks of Route 53 and routing controls of ARC do their work in many Regions, while to change a DNS record, an
  accelerator or a distribution takes a control plane that is in one Region. That of Route 53 is in us-east-1, so whoever
  changes records by hand when us-east-1 is lost may find that nobody can. No account shows how it is meant; the rule
  reads plans of ARC Region switch and the runbooks that are declared, and is off unless it is selected.
remediation: |
  Let a plan of ARC Region switch shift traffic, with a step of Route 53 health checks or ARC routing controls, or
  declare in an evidence file how the runbook of the tier does it:

      runbooks:
        - path: failover.md
          reviewed: 2026-09-30
          covers: {tiers: [tier-0]}
          scenario: failover
          traffic: {by: dns-failover}

  Records that fail over by themselves are `Failover` and `HealthCheckId` of `AWS::Route53::RecordSet`
  (`failover_routing_policy` and `health_check_id` of `aws_route53_record` in Terraform).
references:
  - https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html
  - https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover.html
  - https://docs.aws.amazon.com/r53recovery/latest/dg/region-switch.html
controls:
  aws-well-architected: [REL11-BP04, REL13-BP02]
traps:
  - A plan switches traffic only by a step of health checks or routing controls; one that scales services alone sends nobody there.
  - Of a plan only the workflow that activates the standby counts, or the one that deactivates the primary.
  - A service without a load balancer takes no traffic from outside, and is not judged.
  - Global Accelerator and CloudFront may fail over by health checks, or by a change at their control plane; where that is in the primary's Region and nothing is declared, it is undecided.
  - That a runbook says nothing of traffic is no failure; nobody can tell from an account how it is meant.
examples:
  pass:
    - Resources:
        api: &api {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LoadBalancers: [{ContainerName: api}]}}
        tier: &tier {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"]}}
        runbook: &failover {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Tiers: [tier-0], Scenario: failover, Traffic: {By: dns-failover}}}
    - Resources:  # by hand, through a control plane elsewhere
        api: {Type: AWS::ECS::Service, Region: eu-west-1, Properties: {Cluster: payments, ServiceName: api, LoadBalancers: [{ContainerName: api}]}}
        tier: *tier
        runbook: &by-hand {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Tiers: [tier-0], Scenario: failover, Traffic: {By: dns-record-change}}}
      Pairs: [{primary: eu-west-1, standby: us-west-2}]
    - Resources:  # an accelerator that goes by health checks, though its control plane is in the primary's Region
        api: &west {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, LoadBalancers: [{ContainerName: api}]}}
        tier: *tier
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Workloads: [payments/api], Scenario: restore, Pair: {Primary: us-west-2, Standby: us-east-1}, Traffic: {By: global-accelerator, ControlPlane: global}}}
      Pairs: &to-east [{primary: us-west-2, standby: us-east-1}]
    - Resources:  # a plan, whatever a runbook says
        api: *api
        tier: *tier
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Regions: [us-east-1, us-west-2]
            Workflows:
              - WorkflowTargetAction: activate
                WorkflowTargetRegion: null
                Steps:
                  - {ExecutionBlockType: ECSServiceScaling, ExecutionBlockConfiguration: {EcsCapacityIncreaseConfig: {Services: [{ClusterArn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]}}}
                  - {ExecutionBlockType: Parallel, ExecutionBlockConfiguration: {ParallelConfig: {Steps: [{ExecutionBlockType: Route53HealthCheck, ExecutionBlockConfiguration: {}}]}}}
    - Resources:  # one that takes the primary away, though its runbook changes records
        api: *api
        tier: *tier
        runbook: *by-hand
        plan:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: payments
            Regions: [us-east-1, us-west-2]
            Workflows:
              - WorkflowTargetAction: deactivate
                WorkflowTargetRegion: us-east-1
                Steps:
                  - {ExecutionBlockType: ARCRoutingControl, ExecutionBlockConfiguration: {ArcRoutingControlConfig: {}}}
                  - {ExecutionBlockType: ECSServiceScaling, ExecutionBlockConfiguration: {EcsCapacityIncreaseConfig: {Services: [{ClusterArn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]}}}
  fail:
    - {Resources: {api: *api, tier: *tier, runbook: *by-hand}}
    - {Resources: {api: *api, tier: *tier, runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Tiers: [tier-0], Scenario: failover, Traffic: {By: none}}}}}
    - {Resources: {api: *api, tier: *tier, runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Tiers: [tier-0], Scenario: failover, Traffic: {By: client, ControlPlane: us-east-1}}}}}
    - {Resources: {api: *api, tier: *tier, runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Tiers: [tier-0], Scenario: failover, Traffic: {By: cloudfront, ControlPlane: us-east-1}}}}}
  unknown:
    - {Resources: {api: *api}}  # of no tier
    - {Resources: {api: *api, tier: *tier}}  # nobody says
    - {Resources: {api: *api, tier: *tier, runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Tiers: [tier-0], Scenario: failover, Traffic: null}}}}
    - {Resources: {api: *api, tier: *tier, runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Tiers: [tier-0], Scenario: failover, Traffic: {By: cloudfront}}}}}
    - {Resources: {api: *west, tier: *tier, runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: failover.md, Tiers: [tier-0], Scenario: failover, Traffic: {By: global-accelerator}}}}, Pairs: *to-east}
    - Resources:  # for the way back, for another tier, for another pair
        api: *api
        tier: *tier
        back: {Type: Regionproof::Recovery::Runbook, Properties: {Source: failback.md, Tiers: [tier-0], Scenario: failback, Traffic: {By: dns-failover}}}
        other: {Type: Regionproof::Recovery::Runbook, Properties: {Source: other.md, Tiers: [tier-1], Scenario: failover, Traffic: {By: dns-failover}}}
        reverse: {Type: Regionproof::Recovery::Runbook, Properties: {Source: reverse.md, Tiers: [tier-0], Scenario: failover, Pair: {Primary: us-west-2, Standby: us-east-1}, Traffic: {By: dns-failover}}}
    - {Resources: {api: *api, tier: *tier}, Gaps: [{Reason: ParseError, Type: "Regionproof::Recovery::Runbook", Path: dr.yaml, Account: null, Region: null}]}
    - Resources:  # in China the control plane of Route 53 is another one
        api: {Type: AWS::ECS::Service, Region: cn-north-1, Properties: {Cluster: payments, ServiceName: api, LoadBalancers: [{ContainerName: api}]}}
        tier: *tier
        runbook: *by-hand
      Pairs: [{primary: cn-north-1, standby: cn-northwest-1}]
    - Resources:  # plans that send nobody to the standby
        api: *api
        tier: *tier
        scales:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: scales
            Regions: [us-east-1, us-west-2]
            Workflows: [{WorkflowTargetAction: activate, WorkflowTargetRegion: us-west-2, Steps: [{ExecutionBlockType: ECSServiceScaling, ExecutionBlockConfiguration: {EcsCapacityIncreaseConfig: {Services: [{ClusterArn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]}}}]}]
        back:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: back
            Regions: [us-east-1, us-west-2]
            Workflows:
              - {WorkflowTargetAction: activate, WorkflowTargetRegion: us-east-1, Steps: [{ExecutionBlockType: Route53HealthCheck, ExecutionBlockConfiguration: {}}, {ExecutionBlockType: ECSServiceScaling, ExecutionBlockConfiguration: {EcsCapacityIncreaseConfig: {Services: [{ClusterArn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]}}}]}
              - {WorkflowTargetAction: deactivate, WorkflowTargetRegion: us-west-2, Steps: [{ExecutionBlockType: Route53HealthCheck, ExecutionBlockConfiguration: {}}]}
        elsewhere:
          Type: AWS::ARCRegionSwitch::Plan
          Properties:
            Name: elsewhere
            Regions: [us-east-1, eu-west-1]
            Workflows:
              - {WorkflowTargetAction: activate, WorkflowTargetRegion: null, Steps: [{ExecutionBlockType: Route53HealthCheck, ExecutionBlockConfiguration: {}}, {ExecutionBlockType: ECSServiceScaling, ExecutionBlockConfiguration: {EcsCapacityIncreaseConfig: {Services: [{ClusterArn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]}}}]}
    - {Resources: {api: *api, tier: *tier}, Gaps: [{Reason: AccessDeniedException, Type: "AWS::ARCRegionSwitch::Plan", Operation: "arc-region-switch:ListPlansInRegion"}]}
    - {Resources: {api: *api, tier: *tier, runbook: *by-hand}, Gaps: [{Reason: AccessDeniedException, Type: "AWS::ARCRegionSwitch::Plan", Operation: "arc-region-switch:ListPlansInRegion"}]}
    - {Resources: {api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LoadBalancers: {Unknown: "ecs:DescribeServices was denied"}}}, tier: *tier}}
  not_applicable:
    - {Resources: {api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LoadBalancers: []}}, tier: *tier, runbook: *by-hand}}
"""

from scanner.model import InsufficientData
from scanner.recovery import RUNBOOK, covers, plans_of, tier_of
from scanner.regions import partition_by_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

SWITCHES = ("ARCRoutingControl", "Route53HealthCheck")
# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html
CONTROL_PLANES = {"dns-record-change": "us-east-1", "cloudfront": "us-east-1", "global-accelerator": "us-west-2"}
AT = "/LoadBalancers"


def check(twin, model, parameters):
    service, pair = twin.primary, twin.pair
    if not service["LoadBalancers"]:
        yield NotApplicable("It has no load balancer, so no traffic is sent to it.")
        return
    tier = tier_of(model, service)
    if tier is None:
        raise InsufficientData(f"no tier covers '{service.name}', so nobody declares how traffic is sent elsewhere")
    plans, doubts = plans_of(model, tier)
    for plan in plans:
        if switches(plan, pair):
            yield Evidence(by=f"plan '{plan['Name']}'")
            return
    yield from by_runbook(twin, model, tier, doubts)


def by_runbook(twin, model, tier, doubts):
    """Judge what the runbooks of a service say: one that works is enough."""
    said = [outcome for runbook in runbooks(twin, model, tier) for outcome in judge(runbook, twin.pair)]
    good = [outcome for outcome in said if isinstance(outcome, Evidence)]
    if good or (said and not doubts):
        yield from good or said
        return
    gap = model.hidden(RUNBOOK)
    unseen = [*([str(gap)] if gap else []), *doubts]
    why = unseen[0] if unseen else "no plan that was seen does it, and no runbook says how"
    yield Undecided(f"How traffic is sent from '{twin.primary.name}' to '{twin.pair.standby}' is not known: {why}.", AT)


def switches(plan, pair):
    """Tell whether a plan sends traffic from the primary's Region to the standby's."""
    if not {pair.primary.region, pair.standby.region} <= set(plan["Regions"] or ()):
        return False
    wanted = {"activate": pair.standby.region, "deactivate": pair.primary.region}
    for workflow in plan["Workflows"] or ():
        region = wanted.get(workflow["WorkflowTargetAction"])
        if workflow["WorkflowTargetRegion"] in (None, region) and any(map(is_switch, workflow["Steps"] or ())):
            return True
    return False


def is_switch(step):
    blocks = step["ExecutionBlockConfiguration"] or {}
    inner = [one for name in blocks for one in blocks[name]["Steps"] or ()]
    return step["ExecutionBlockType"] in SWITCHES or any(map(is_switch, inner))


def runbooks(twin, model, tier):
    """Yield the runbooks that say how the traffic of a service gets to the standby."""
    regions = twin.pair.primary.region, twin.pair.standby.region
    for runbook in model.of_type(RUNBOOK):
        between = runbook["Pair"]
        if between and (between["Primary"], between["Standby"]) != regions:
            continue
        named = twin.primary.name in (runbook["Workloads"] or ())
        if (named or covers(runbook, tier, model)) and runbook["Scenario"] != "failback" and runbook["Traffic"]:
            yield runbook


def judge(runbook, pair):
    by, declared = runbook["Traffic"]["By"], runbook["Traffic"]["ControlPlane"]
    what, lost = f"Runbook '{runbook['Source']}' sends traffic to the standby by '{by}'", pair.primary.region
    usual = CONTROL_PLANES.get(by)
    if by == "none":
        yield Violation(
            f"Runbook '{runbook['Source']}' says that nothing sends traffic to the standby.", AT, (runbook,)
        )
    elif declared == lost or (declared is None and by == "dns-record-change" and usual == lost):
        yield Violation(
            f"{what}, for which the control plane in '{lost}' has to work; one outside of the primary's Region, or none, "
            "was expected.",
            AT,
            (runbook,),
        )
    elif declared is None and usual and partition_by_name(lost)[0] != "aws":
        yield Undecided(f"{what}, and where its control plane is, is not known here; declare `control_plane`.", AT)
    elif declared is None and usual == lost:
        yield Undecided(
            f"{what}, whose control plane is in '{lost}'; declare `control_plane: global` if none is used.", AT
        )
    else:
        yield Evidence(by=f"runbook '{runbook['Source']}'", traffic=by)
