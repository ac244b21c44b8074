"""
title: Every Region that runs workloads is in a pair
severity: high
link: pair
resource: AWS::Account::Region
needs: [AWS::ECS::Service, AWS::ECS::Task, AWS::EKS::Cluster, AWS::Lambda::Function]
rationale: |
  Every other rule compares a primary with its standby. A Region that is in no pair is compared with nothing, so its
  workloads look well only because nobody asked. It is how a service that a team started elsewhere drops out of the
  plan: Well-Architected asks for a defined recovery strategy for each workload.
remediation: |
  Name the Region as the primary of a pair in `regionproof.yaml`:

      pairs:
        - {primary: <this Region>, standby: <another Region>, dr_class: pilot-light}

  Where pairs follow from replication rules instead, add a rule to the standby
  (`aws ecr put-replication-configuration`, `AWS::ECR::ReplicationConfiguration`, `aws_ecr_replication_configuration`). If the workloads are not worth recovering, add an exemption that says so.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
traps:
  - A service that runs no tasks, and shall run none, is no workload.
  - A function counts if it is a container image; what is an archive is not of this scan.
  - A standby that serves a little of everything is in the pair too, and needs none of its own.
controls:
  aws-well-architected: [REL13-BP02]
  nist-800-53: [CP-10]
  iso-27001-2022: [A.5.30]
  soc-2: [A1.2]
  dora: [Art. 11]
examples:
  pass:
    - Resources: &primary
        region: {Type: AWS::Account::Region, Properties: {RegionName: us-east-1}}
        api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 2}}
    - Resources:  # a standby that serves a little of everything is in the pair too
        region: {Type: AWS::Account::Region, Region: us-west-2, Properties: {RegionName: us-west-2}}
        api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 1}}
    - Resources: *primary  # what was not seen cannot put the Region out of its pair
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources:  # the pair follows from a replication rule
        region: {Type: AWS::Account::Region, Properties: {RegionName: us-east-1}}
        api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 2}}
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
      Pairs: derived
  fail:
    - Resources:  # a function that is a container image
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        resize: {Type: AWS::Lambda::Function, Region: eu-west-1, Properties: {FunctionName: resize, PackageType: Image}}
    - Resources:
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        api: {Type: AWS::ECS::Service, Region: eu-west-1, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 2}}
    - Resources:
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        nightly: {Type: AWS::ECS::Task, Region: eu-west-1, Properties: {Group: "family:nightly"}}
    - Resources:
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        shop: {Type: AWS::EKS::Cluster, Region: eu-west-1, Properties: {Name: shop, Version: "1.33"}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: eu-west-1}]
    - Resources:  # scaled to zero, and the last tasks have not stopped
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        api: {Type: AWS::ECS::Service, Region: eu-west-1, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0, RunningCount: 1}}
    - Resources:  # the pair is another account's
        region: {Type: AWS::Account::Region, Properties: {RegionName: us-east-1}}
        api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 2}}
      Pairs: [{primary: {account: "444455556666", region: us-east-1}, standby: {account: "444455556666", region: us-west-2}}]
  unknown:
    - Resources: &elsewhere
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: eu-west-1}]
    - Resources:  # whether it runs anything was not seen
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        api:
          Type: AWS::ECS::Service
          Region: eu-west-1
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: {Unknown: not a number}}
    - Resources: *primary  # pairs follow from replication rules, which nobody may read
      Pairs: derived
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribeRegistry"}]
    - Resources:  # nor whose it is
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        api: {Type: AWS::ECS::Service, Account: null, Region: eu-west-1, Properties: {Cluster: payments, ServiceName: api}}
    - Resources:  # a file does not say where it would run
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        api: {Type: AWS::ECS::Service, Region: null, Properties: {Cluster: payments, ServiceName: api}}
    - Resources:  # nobody listed the functions
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::Lambda::Function", Operation: "lambda:ListFunctions", Region: eu-west-1}]
  not_applicable:
    - Resources: {region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}}  # nothing runs
    - Resources:  # a function that is an archive needs no image
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        zip: {Type: AWS::Lambda::Function, Region: eu-west-1, Properties: {FunctionName: zip}}
    - Resources:  # a service that runs no tasks is no workload
        region: {Type: AWS::Account::Region, Region: eu-west-1, Properties: {RegionName: eu-west-1}}
        api: {Type: AWS::ECS::Service, Region: eu-west-1, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0, RunningCount: 0}}
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Violation
from scanner.workloads import FUNCTION, live_only, regions_that_fail_over_to

TYPES = ("AWS::ECS::Service", "AWS::ECS::Task", "AWS::EKS::Cluster", FUNCTION)
NAMED = 5


def check(region, model, parameters):
    place = region.place
    standbys = sorted(str(pair.standby) for pair in model.pairs_of(place))
    primaries = sorted(regions_that_fail_over_to(model, place))
    yield Evidence(standbys=standbys, stands_by_for=primaries)
    if standbys or primaries:
        return
    running, doubt = workloads_in(place, model)
    if running:
        some = ", ".join(f"'{workload.name or workload.id}'" for workload in running[:NAMED])
        yield Evidence(workloads=len(running))
        yield Violation(
            f"'{place}' is in no pair, so nothing takes over what runs there, {some} ({len(running)} in all); a pair was "
            "expected.",
            "/RegionName",
            tuple(running[:NAMED]),
        )
    elif doubt:
        raise InsufficientData(doubt)
    else:
        yield NotApplicable("No workload runs in this Region.")


def workloads_in(place, model):
    """Return the workloads that run in a place, and why there may be more, None if there are none."""
    running = []
    doubts = [f"workloads may run here unseen: {gap}" for type in TYPES if (gap := model.hidden(type, place))]
    for type in TYPES:
        for workload in model.in_place(type, place):
            try:
                if runs(workload) and workload.place == place:  # a place that is not known raises
                    running.append(workload)
            except InsufficientData as gap:
                doubts.append(f"whether '{workload.id}' runs here is not known: {gap}")
    return sorted(running, key=lambda workload: workload.id), next(iter(doubts), None)


def runs(workload):
    """Tell whether a service has tasks, or shall have, and a function is an image; others run by being there."""
    if workload.type == FUNCTION:
        return workload["PackageType"] == "Image"
    if workload.type != "AWS::ECS::Service":
        return True
    return workload["DesiredCount"] != 0 or (live_only(workload, "RunningCount") or 0) > 0
