r"""
title: Fargate can start the tasks of a failover within the declared RTO
severity: medium
link: launch
resource: AWS::ECS::Service
across: standby
rationale: |
  ECS starts the tasks of a service on Fargate at a limited rate. AWS documents 500 a minute for each service in some
  Regions and 125 in others, and 20 a second for an account and Region together. A recovery time that leaves less
  room than these rates need cannot be met, however ready everything else is. Which Regions have which rate is not
  known to this rule with certainty: between the two rates its verdict is unknown until the parameters say.
remediation: |
  Keep more tasks running in the standby, so that fewer have to start, or declare a longer `rto` for the pair:

      aws ecs update-service --region <standby> --cluster <cluster> --service <service> --desired-count <more>

  In CloudFormation: `DesiredCount` of `AWS::ECS::Service`, in Terraform `desired_count` of `aws_ecs_service`. Look up the
  quotas of the standby's Region and set `slowest` and `fastest` to them:

      aws service-quotas list-service-quotas --region <standby> --service-code ecs
references:
  - https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html
controls:
  aws-well-architected: [REL13-BP01]
traps:
  - Instances that have to start first have other rates; services that do not run on Fargate are not judged.
  - The services of an account share a rate, so what all of them start together is counted too.
  - Tasks that run in the standby already do not have to start, and are taken off.
  - AWS documents two rates without our knowing which one holds in a Region; between them the verdict is unknown.
parameters:
  share:
    type: integer
    minimum: 1
    maximum: 100
    default: 50
    description: Per cent of the RTO that starting tasks may take; the rest is for noticing, deciding and switching.
  slowest:
    type: integer
    minimum: 1
    default: 125
    description: Tasks a minute that ECS starts of one service on Fargate, at least.
  fastest:
    type: integer
    minimum: 1
    default: 500
    description: Tasks a minute that ECS starts of one service on Fargate, at most; the quota of the Region if you know it.
  together:
    type: integer
    minimum: 1
    default: 1200
    description: Tasks a minute that Fargate starts in an account and Region together.

examples:
  pass:
    - Resources:  # 125 minutes' worth of tasks at 125 a minute would be too many; two minutes' worth are not
        primary: &large {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 250}}
        standby: &idle
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 0, RunningCount: 0}
      Pairs: &four [{primary: us-east-1, standby: us-west-2, rto: 4m}]  # half of it is exactly enough
    - Resources:  # services of another Region, and one that the standby does not have, start nothing here
        primary: *large
        elsewhere: {Type: AWS::ECS::Service, Region: eu-west-1, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 9000}}
        alone: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: web, LaunchType: FARGATE, DesiredCount: 9000}}
        standby: *idle
      Pairs: *four
      Parameters: {fastest: 125}
    - Resources:  # most tasks run already
        primary: &huge
          Type: AWS::ECS::Service
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 5000, CapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT}]}
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 4900, RunningCount: 4900}
      Pairs: &ten [{primary: us-east-1, standby: us-west-2, rto: 10m}]
    - Resources:  # a file shows no tasks that run, but how many will
        primary: *huge
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 4900}
      Pairs: *ten
    - Resources: {primary: &many {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 2000}}, standby: *idle}
      Pairs: *ten
      Parameters: {slowest: 500}
    - Resources: {primary: *large, standby: *idle}
      Pairs: [{primary: us-east-1, standby: us-west-2, rto: 2m}]
      Parameters: {share: 100}
  fail:
    - Resources: {primary: *huge, standby: *idle}  # 10 minutes even at the faster rate, and 5 are there
      Pairs: *ten
    - Resources:  # one task more than fits
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 251}}
        standby: *idle
      Pairs: [{primary: us-east-1, standby: us-west-2, rto: 4m}]
      Parameters: {fastest: 125}
    - Resources:  # each service alone would fit; together they do not
        primary: &half {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 601}}
        other: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: web, LaunchType: FARGATE, DesiredCount: 600}}
        standby: *idle
        standby-other:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: web, LaunchType: FARGATE, DesiredCount: 0, RunningCount: 0}
      Pairs: [{primary: us-east-1, standby: us-west-2, rto: 2m}]
      Parameters: {slowest: 5000, fastest: 5000}
    - Resources:  # a whole minute is the least that counts
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, DesiredCount: 1}}
        standby: *idle
      Pairs: [{primary: us-east-1, standby: us-west-2, rto: 1m}]
  unknown:
    - Resources: {primary: *many, standby: *idle}  # 4 minutes at the faster rate, 16 at the slower
      Pairs: *ten
    - Resources:  # the default of the cluster decides where it runs
        primary: *large
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0}
      Pairs: *ten
    - Resources: {primary: *large}
      Pairs: *ten
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-west-2}]
    - Resources:  # how many tasks the other service needs was not seen
        primary: *large
        other: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: web, LaunchType: FARGATE, DesiredCount: {Ref: Count}}}
        standby: *idle
        standby-other:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: web, LaunchType: FARGATE, DesiredCount: 0}
      Pairs: *ten
    - Resources: {primary: *large, standby: *idle}  # other services may be there unseen
      Pairs: *ten
      Gaps: [{Reason: ThrottlingException, Type: "AWS::ECS::Service", Operation: "ecs:DescribeServices"}]
  not_applicable:
    - Resources: {primary: *huge, standby: *idle}  # no recovery time is declared
    - Resources:  # instances start at another rate
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LaunchType: EC2, DesiredCount: 5000}}
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, LaunchType: EC2, DesiredCount: 0}
      Pairs: *ten
    - Resources:  # and so do instances that ECS manages
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, LaunchType: MANAGED_INSTANCES, DesiredCount: 5000}}
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, LaunchType: MANAGED_INSTANCES, DesiredCount: 0}
      Pairs: *ten
    - Resources:  # a capacity provider of their own
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 5000, CapacityProviderStrategy: [{CapacityProvider: own}]}}
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0, CapacityProviderStrategy: [{CapacityProvider: own}]}
      Pairs: *ten
    - Resources: {primary: *large, standby: *idle}
      Pairs: [{primary: us-east-1, standby: us-west-2, rto: 4m, dr_class: backup-restore}]
    - Resources: {primary: *large}  # ecs-service-in-standby says that it is missing
      Pairs: *ten
"""

from weakref import WeakKeyDictionary

from scanner.model import InsufficientData, Twin
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only

FARGATE = ("FARGATE", "FARGATE_SPOT")

counts = WeakKeyDictionary()


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore the service is created when it is needed.")
    elif pair.rto is None:
        yield NotApplicable("The pair declares no `rto`, so there is no time to fit into.")
    elif standby is None:
        yield NotApplicable("The standby has no such service; ecs-service-in-standby judges that.")
    elif not on_fargate(standby):
        yield NotApplicable("The standby's service does not run on Fargate; instances start at another rate.")
    else:
        yield from judge(to_start(primary, standby), all_to_start(pair, model), pair, parameters)


def judge(own, together, pair, parameters):
    budget = pair.rto.total_seconds() / 60 * parameters["share"] / 100
    slow, fast, shared = (
        -(-count // rate)
        for count, rate in (
            (own, parameters["slowest"]),
            (own, parameters["fastest"]),
            (together, parameters["together"]),
        )
    )
    least, most = max(fast, shared), max(slow, shared)
    yield Evidence(tasks=own, tasks_together=together, minutes_at_least=least, minutes_at_most=most, budget=budget)
    what = f"A failover starts {own} of {together} tasks in the account for this service, which takes"
    room = f"at most '{budget:g}', '{parameters['share']}' percent of the RTO, was expected"
    if least > budget:
        yield Violation(f"{what} '{least}' or more minutes; {room}.", "/DesiredCount")
    elif most > budget:
        yield Undecided(f"{what} '{least}' to '{most}' minutes, by the rate of the Region; {room}.", "/DesiredCount")


def on_fargate(service):
    if service["LaunchType"] is not None:
        return service["LaunchType"] in FARGATE
    strategy = service["CapacityProviderStrategy"]
    if not strategy:
        raise InsufficientData(f"'{service.id}' runs where the default of its cluster says, which is not read here")
    return any(each["CapacityProvider"] in FARGATE for each in strategy)


def to_start(primary, standby):
    """Return how many tasks the standby is short of the primary's."""
    running = live_only(standby, "RunningCount")
    return max(0, primary["DesiredCount"] - (standby["DesiredCount"] if running is None else running))


def all_to_start(pair, model):
    """Return how many tasks all services of the primary that have a counterpart on Fargate would start."""
    known = counts.setdefault(model, {})
    if pair not in known:  # every service of the primary asks
        known[pair] = counted(model, pair)
    if isinstance(known[pair], str):
        raise InsufficientData(known[pair])
    return known[pair]


def counted(model, pair):
    """Return what the services of a primary ask for together, or why that cannot be counted."""
    if gap := model.hidden("AWS::ECS::Service", pair.primary):
        return f"other services that start at the same time may exist unseen: {gap}"
    total = 0
    for service in model.in_place("AWS::ECS::Service", pair.primary):
        if (service.account, service.region) == pair.primary:
            try:
                standby = Twin(model, service, pair).standby
                total += to_start(service, standby) if standby is not None and on_fargate(standby) else 0
            except InsufficientData as gap:
                return str(gap)
    return total
