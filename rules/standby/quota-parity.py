"""
title: Quotas of the standby admit what runs in the primary
severity: high
link: quota
resource: AWS::ServiceQuotas::Quota
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
  - The primary's quota may be far above what runs there, so a declared peak replaces it.
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
    - primary: *primary
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 199, Default: false}
    - primary: *primary  # AWS's default
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 6, Default: true}
    - Resources:  # more will run there than the quota of the primary admits
        primary: {Type: AWS::ServiceQuotas::Quota, Properties: *primary}
        standby: {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 200, Default: false}}
      Parameters: {peak: {fargate/L-3032A538: 201}}
  unknown:
    - primary: *primary
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: {Unknown: "servicequotas:ListServiceQuotas was denied"}}
    - primary: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: {Unknown: denied}}
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 6}
    - primary: *primary
      standby: null
    - primary: *primary
      standby: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: null}
  not_applicable:
    - Resources:
        primary: {Type: AWS::ServiceQuotas::Quota, Properties: *primary}
        standby: {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: fargate, QuotaCode: L-3032A538, Value: 6}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, Violation


def check(twin, model, parameters):
    primary, standby = twin.primary, twin.standby
    if standby is None:
        raise InsufficientData(f"quota '{primary.name}' was not seen in '{twin.pair.standby}'")
    peak = parameters["peak"].get(primary.name)
    needed, have = value(primary) if peak is None else peak, value(standby)
    yield Evidence(needed=needed, standby=have, standby_has_default=standby["Default"])
    if have < needed:
        what = "the declared peak" if peak is not None else "the primary's"
        yield Violation(
            f"Quota '{primary['QuotaName'] or primary.name}' is '{have:.12g}' in '{twin.pair.standby}'; "
            f"{what} '{needed:.12g}' or more was expected.",
            "/Value",
            (standby,),
        )


def value(quota):
    found = quota["Value"]
    if found is None:
        raise InsufficientData(f"the value of quota '{quota.name}' in '{quota.place}' was not seen")
    return found
