r"""
title: Quotas of the standby admit what runs in the primary
severity: high
link: quota
resource: AWS::ServiceQuotas::Quota
needs: [AWS::ECS::Service, AWS::ECS::Task, AWS::ECS::TaskDefinition, AWS::EKS::FargateProfile]
across: standby
when: pair.dr_class != 'backup-restore'
rationale: |
  Quotas are set by Region. The primary's were raised over the years, one request at a time; the standby's are AWS's
  defaults until somebody remembers. A failover that asks for more tasks than the quota admits stops there, in the hour
  in which everybody asks for an increase.
remediation: |
  Ask for the increase ahead of time, since people may have to grant it:

      aws service-quotas request-service-quota-increase --region <standby> \
        --service-code <service> --quota-code <quota> --desired-value <value>

  In Terraform `aws_servicequotas_service_quota`. Where less than the primary's quota is needed, say how much under the
  parameter `peak`.
references:
  - https://docs.aws.amazon.com/servicequotas/latest/userguide/request-quota-increase.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_manage_service_limits_limits_considered.html
controls:
  aws-well-architected: [REL01-BP02, REL13-BP04]
  nist-800-53: [CP-2(2)]
traps:
  - The primary's quota may be far above what runs there, so a declared peak replaces it, and a difference is bad only where the standby's does not admit what is in use.
  - How much is in use can be added up for tasks on Fargate alone; of anything else it is undecided whether the standby's quota is enough.
  - Where AWS lists no value of the account its default applies, which the evidence says; a value that could not be read is undecided.
  - The standby of backup and restore is raised when it is built, so the rule does not apply to it.
parameters:
  peak:
    type: object
    additionalProperties: {type: number}
    default: {}
    description: "What the standby has to admit at most, by <service>/<quota code>, for example fargate/L-3032A538: 200."
examples:
  pass:
    - primary: &primary {ServiceCode: fargate, QuotaCode: L-3032A538, QuotaName: Fargate vCPU, Value: 200, Default: false}
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 200, Default: true}
    - Resources:  # the declared peak is what counts
        primary: {Type: AWS::ServiceQuotas::Quota, Properties: *primary}
        standby: {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 40, Default: true}}
      Parameters: {peak: {fargate/L-3032A538: 40}}
  fail:
    - Resources:  # less than the primary's, and enough for what runs there
        primary: &there {Type: AWS::ServiceQuotas::Quota, Properties: *primary}
        standby: &least {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 6, Default: true}}
        api: &api {Type: AWS::ECS::Service, Properties: {Cluster: shop, ServiceName: api, LaunchType: FARGATE, DesiredCount: 4, TaskDefinition: {Ref: large}}}
        job: &job {Type: AWS::ECS::Task, Properties: {Cluster: shop, Group: "family:job", LaunchType: FARGATE, TaskDefinition: {Ref: large}}}
        spot: &spot {Type: AWS::ECS::Service, Properties: {Cluster: shop, ServiceName: spot, CapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT}], DesiredCount: 9, TaskDefinition: {Ref: large}}}
        instances: &instances {Type: AWS::ECS::Service, Properties: {Cluster: shop, ServiceName: node, LaunchType: EC2, DesiredCount: 9, TaskDefinition: {Ref: large}}}
        other: &other {Type: AWS::ECS::Task, Properties: {Cluster: shop, Group: "family:other", LaunchType: EC2, TaskDefinition: {Ref: large}}}
        small: &small {Type: AWS::ECS::Service, Properties: {Cluster: shop, ServiceName: web, CapacityProviderStrategy: [{CapacityProvider: FARGATE}], DesiredCount: 2, TaskDefinition: {Ref: small-one}}}
        large: &large {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, Cpu: 1 vCPU}}
        small-one: &small-one {Type: AWS::ECS::TaskDefinition, Properties: {Family: web, Cpu: "512"}}
    - Resources:  # not enough for what runs there
        primary: *there
        standby: *least
        api: {Type: AWS::ECS::Service, Properties: {Cluster: shop, ServiceName: api, LaunchType: FARGATE, DesiredCount: 5, TaskDefinition: {Ref: large}}}
        job: *job
        small: {Type: AWS::ECS::Service, Properties: {Cluster: shop, ServiceName: web, LaunchType: FARGATE, DesiredCount: 1, TaskDefinition: {Ref: small-one}}}
        large: *large
        small-one: *small-one
    - Resources:  # more will run there than the quota of the primary admits
        primary: *there
        standby: {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 200, Default: false}}
      Parameters: {peak: {fargate/L-3032A538: 201}}
    - primary: *primary  # with nothing running, any difference is one
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 199, Default: false}
  unknown:
    - primary: *primary
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: {Unknown: "servicequotas:ListServiceQuotas was denied"}}
    - primary: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: {Unknown: denied}}
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 6}
    - primary: *primary
      standby: null
    - primary: *primary
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: null}
    - primary: {ServiceCode: lambda, QuotaCode: L-B99A9384, Value: 3000}  # how many run at once was not asked
      standby: {ServiceCode: lambda, QuotaCode: L-B99A9384, Value: 1000}
    - Resources:  # pods on Fargate
        primary: *there
        standby: *least
        profile: {Type: AWS::EKS::FargateProfile, Properties: {ClusterName: shop, FargateProfileName: all}}
    - Resources:  # the default of the cluster
        primary: *there
        standby: *least
        api: {Type: AWS::ECS::Service, Properties: {Cluster: shop, ServiceName: api, DesiredCount: 1, TaskDefinition: {Ref: large}}}
        large: *large
    - Resources:
        primary: *there
        standby: *least
        api: *api
        large: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, Cpu: many}}
    - Resources:
        primary: *there
        standby: *least
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-east-1}]
  not_applicable:
    - Resources:
        primary: {Type: AWS::ServiceQuotas::Quota, Properties: *primary}
        standby: {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 6}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, Undecided, Violation
from scanner.workloads import definition_of

FARGATE = "fargate/L-3032A538"
PROFILE = "AWS::EKS::FargateProfile"


def check(twin, model, parameters):
    primary, standby = twin.primary, twin.standby
    if standby is None:
        raise InsufficientData(f"quota '{primary.name}' was not seen in '{twin.pair.standby}'")
    peak = parameters["peak"].get(primary.name)
    needed, have = value(primary) if peak is None else peak, value(standby)
    yield Evidence(needed=needed, standby=have, standby_has_default=standby["Default"])
    if have >= needed:
        return
    what = f"Quota '{primary['QuotaName'] or primary.name}' is '{have:.12g}' in '{twin.pair.standby}'"
    if peak is not None:
        yield Violation(f"{what}; the declared peak '{needed:.12g}' or more was expected.", "/Value", (standby,))
        return
    try:
        running = in_use(primary, model)
    except InsufficientData as gap:
        reason = str(gap).rstrip(".")
        yield Undecided(
            f"{what}, less than the primary's '{needed:.12g}'; whether that is enough is not known, and `peak` may say it: "
            f"{reason}.",
            "/Value",
        )
        return
    yield Evidence(in_use=running)
    yield Violation(
        f"{what}; the primary's '{needed:.12g}', of which '{running:.12g}' is in use, or more was expected.",
        "/Value",
        (standby,),
        "medium" if running <= have else None,
    )


def value(quota):
    found = quota["Value"]
    if found is None:
        raise InsufficientData(f"the value of quota '{quota.name}' in '{quota.place}' was not seen")
    return found


def in_use(quota, model):
    """Return how much of a quota runs in its place; only that of Fargate can be added up."""
    if quota.name != FARGATE:
        raise InsufficientData("what of it is in use was not asked")
    place = quota.place
    for type in ("AWS::ECS::Service", "AWS::ECS::Task", PROFILE):
        if gap := model.hidden(type, place):
            raise InsufficientData(str(gap))
    if next(model.in_place(PROFILE, place), None) is not None:
        raise InsufficientData("pods of EKS run on Fargate too, and what they take was not seen")
    services = (one for one in model.in_place("AWS::ECS::Service", place) if on_fargate(one))
    tasks = (one for one in model.in_place("AWS::ECS::Task", place) if one["LaunchType"] == "FARGATE")
    wanted = sum(one["DesiredCount"] * processors(definition_of(one, model)) for one in services)
    return wanted + sum(processors(definition_of(one, model)) for one in tasks)


def on_fargate(service):
    if service["LaunchType"] is not None:
        return service["LaunchType"] == "FARGATE"
    strategy = service["CapacityProviderStrategy"]
    if not strategy:
        raise InsufficientData(f"'{service.id}' runs where the default of its cluster says, which is not read here")
    return any(each["CapacityProvider"] == "FARGATE" for each in strategy)


def processors(definition):
    """Return the vCPU of a task definition, which writes them as '1024' or '1 vCPU'."""
    written = str(definition["Cpu"]).lower()
    number = written.removesuffix("vcpu").strip()
    if not number.replace(".", "", 1).isdecimal():
        raise InsufficientData(f"the vCPU '{written}' of '{definition.id}' are no number")
    return float(number) if "vcpu" in written else float(number) / 1024
