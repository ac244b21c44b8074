r"""
title: Somebody is told when replication to the standby fails
severity: medium
resource: AWS::Account::Region
across: standby
needs: [AWS::ECR::Registry, AWS::Events::Rule]
rationale: |
  Replication promises no time and no success, and a failure is not retried where anybody sees it: ECR sends an event
  'ECR Replication Action' to the default event bus of the destination's Region, on a best-effort basis. Without a rule
  that matches it, the copy that is missing is found on the day it is needed.
remediation: |
  In the standby, put a rule on the default bus and give it a target that reaches people:

      aws events put-rule --region <standby> --name ecr-replication-failed --event-pattern \
        '{"source":["aws.ecr"],"detail-type":["ECR Replication Action"],"detail":{"result":["FAILED"]}}'
      aws events put-targets --region <standby> --rule ecr-replication-failed --targets Id=alarm,Arn=<SNS topic>

  In CloudFormation `AWS::Events::Rule`, in Terraform `aws_cloudwatch_event_rule` and `aws_cloudwatch_event_target`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
  - https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
controls:
  aws-well-architected: [REL13-BP04, REL06-BP01]
  nist-800-53: [SI-4]
traps:
  - A rule need not name ECR to catch the event; one that forwards everything to a central bus does too.
  - A rule of the same name that is disabled, has no target, or is on another bus catches nothing.
  - A pattern that names some repositories leaves the others silent, and which ones fail is not known beforehand.
  - ECR sends events on a best-effort basis, so a rule that passes does not show that every failure is heard; whether the images are there is judged by itself.
  - An operator of a pattern that is not understood may match, so it is neither an alarm nor none.
examples:
  pass:
    - Resources:
        region: &region {Type: AWS::Account::Region, Properties: {RegionName: us-east-1}}
        registry: &registry
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
        rule:
          Type: AWS::Events::Rule
          Region: us-west-2
          Properties:
            Name: ecr-replication-failed
            EventPattern: &pattern {source: [aws.ecr], detail-type: [ECR Replication Action], detail: {result: [FAILED]}}
            Targets: &targets [{Id: alarm, Arn: "arn:aws:sns:us-west-2:111122223333:oncall"}]
    - Resources:  # everything goes to a central bus
        region: *region
        registry: *registry
        rule:
          Type: AWS::Events::Rule
          Region: us-west-2
          Properties:
            Name: forward
            EventPattern: {source: [{prefix: "aws."}]}
            Targets: [{Id: bus, Arn: "arn:aws:events:us-west-2:444455556666:event-bus/central"}]
  fail:
    - Resources: {region: *region, registry: *registry}
    - Resources:
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: a, State: DISABLED, EventPattern: *pattern, Targets: *targets}}
    - Resources:
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: a, EventPattern: *pattern, Targets: []}}
    - Resources:
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: a, EventBusName: mine, EventPattern: *pattern, Targets: *targets}}
    - Resources:  # in the primary, where the event is not sent
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Properties: {Name: a, EventPattern: *pattern, Targets: *targets}}
    - Resources:  # that it succeeded
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: a, EventPattern: {source: [aws.ecr], detail: {result: [SUCCESS]}}, Targets: *targets}}
    - Resources:  # a schedule
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: a, ScheduleExpression: rate(1 hour), Targets: *targets}}
  unknown:
    - Resources:  # nobody said where the file with the rule is deployed
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: null, Properties: {Name: a, EventPattern: *pattern, Targets: *targets}}
    - Resources:  # nor in which account
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Account: null, Region: us-west-2, Properties: {Name: a, EventPattern: *pattern, Targets: *targets}}
    - Resources:  # some repositories
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: a, EventPattern: {source: [aws.ecr], detail: {repository-name: [shop/web]}}, Targets: *targets}}
    - Resources:
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: a, EventPattern: {source: [{novel: aws.ecr}]}, Targets: *targets}}
    - Resources:
        region: *region
        registry: *registry
        rule: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: a, EventPattern: *pattern, Targets: {Unknown: denied}}}
    - Resources: {region: *region, registry: *registry}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::Events::Rule", Operation: "events:ListRules", Region: us-west-2}]
    - Resources: {region: *region, registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Unknown: denied}}}}
  not_applicable:
    - Resources:  # nothing is replicated there
        region: *region
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}]}]}}}
    - Resources:
        region: *region
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "444455556666"}]}]}}}
"""

from scanner.events import ANY, matches
from scanner.model import InsufficientData
from scanner.replication import rules_of, sends_to
from scanner.rule import Evidence, NotApplicable, Undecided, Violation


def check(twin, model, parameters):
    primary, standby = twin.primary.place, twin.pair.standby
    if not replicates_to(model, primary, standby):
        yield NotApplicable(f"The registry of '{primary}' does not replicate to '{standby}'.")
        return
    doubts = []
    for rule in model.in_place("AWS::Events::Rule", standby):
        try:
            heard = hears(rule, failure(primary, standby))
        except InsufficientData as gap:
            doubts.append(f"'{rule.name or rule.id}': {gap}")
            continue
        if heard and None in (rule.account, rule.region):
            doubts.append(f"where '{rule.name or rule.id}' is was not said")
        elif heard:
            yield Evidence(rule=rule["Name"])
            return
        if heard is None:
            doubts.append(f"whether the pattern of '{rule.name or rule.id}' matches every failure cannot be told")
    if gap := model.hidden("AWS::Events::Rule", standby):
        doubts.append(str(gap))
    if doubts:
        yield Undecided(f"Whether a rule in '{standby}' hears failures of replication is not known: {doubts[0]}.")
    else:
        yield Violation(
            f"No enabled rule with a target on the default event bus of '{standby}' matches a failed "
            "'ECR Replication Action'; one was expected."
        )


def replicates_to(model, primary, standby):
    registry = model.find("AWS::ECR::Registry", "registry", primary)
    if registry is None:
        raise InsufficientData(f"the registry of '{primary}' was not seen")
    return any(sends_to(rule, standby) for rule in rules_of(registry))


def hears(rule, event):
    """Return whether a rule sends the event somewhere, None if that hangs on what is not known."""
    on_default = rule["EventBusName"].rpartition("/")[2] == "default"
    if not on_default or rule["State"] == "DISABLED" or rule["EventPattern"] is None:
        return False
    matched = matches(rule["EventPattern"], event)
    return matched if matched is False or rule["Targets"] else False


def failure(primary, standby):
    """Return the event that ECR sends when a copy fails."""
    return {
        "version": "0",
        "id": ANY,
        "time": ANY,
        "source": "aws.ecr",
        "detail-type": "ECR Replication Action",
        "account": standby.account,
        "region": standby.region,
        "resources": [ANY],
        "detail": {
            "result": "FAILED",
            "repository-name": ANY,
            "image-digest": ANY,
            "image-tag": ANY,
            "source-account": primary.account,
            "source-region": primary.region,
            "action-type": "REPLICATE",
        },
    }
