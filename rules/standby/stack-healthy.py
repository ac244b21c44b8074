"""
title: Stacks of the standby are complete and have not drifted
severity: medium
link: delivery
resource: [AWS::CloudFormation::Stack, AWS::CloudFormation::StackSet]
rationale: |
  A warm standby is as good as its last deployment. A stack whose update failed, or that somebody changed by hand, is not
  what the code says, and the failover would run on the difference. AWS shows drift only of stacks that somebody asked it
  to look at: NOT_CHECKED is not IN_SYNC.
remediation: |
  Mend the stack, then look for drift and do so on a schedule:

      aws cloudformation detect-stack-drift --region <standby> --stack-name <stack>
      aws cloudformation detect-stack-set-drift --stack-set-name <stack set>
      aws cloudformation describe-stack-resource-drifts --region <standby> --stack-name <stack>
references:
  - https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CM-3, CM-6]
traps:
  - NOT_CHECKED says that nobody looked for drift, which is neither drift nor its absence.
  - A look for drift that is long ago says nothing of today.
  - An update that is in progress is not a failed one; a stack set shows its stacks as OUTDATED meanwhile.
  - A stack without anything that runs containers is another's business.
  - ROLLBACK_COMPLETE ends with COMPLETE and is a creation that failed.
parameters:
  interval: {type: string, format: duration, default: 30d, description: "How old the last look for drift may be."}
examples:
  pass:
    - Resources: &healthy
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties:
            StackName: payments
            StackStatus: UPDATE_COMPLETE
            DriftInformation: {StackDriftStatus: IN_SYNC, LastCheckTimestamp: "2026-10-02T00:00:00Z"}
            TemplateBody: &template {Resources: {topic: {Type: "AWS::SNS::Topic"}, api: {Type: "AWS::ECS::Service"}}}
      Pairs: &warm [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}]
    - Resources: *healthy  # whatever the class is
    - Resources:  # the last update was taken back: the stack is what it was before
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties:
            StackName: payments
            StackStatus: UPDATE_ROLLBACK_COMPLETE
            DriftInformation: {StackDriftStatus: IN_SYNC, LastCheckTimestamp: "2026-10-31T00:00:00Z"}
            TemplateBody: *template
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources: &set
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances:
              - {Account: "111122223333", Region: us-west-2, Status: CURRENT, StackInstanceStatus: {DetailedStatus: SUCCEEDED}, DriftStatus: IN_SYNC, LastDriftCheckTimestamp: "2026-10-31T00:00:00Z"}
              - {Account: "111122223333", Region: us-east-1, Status: OUTDATED, StackInstanceStatus: {DetailedStatus: FAILED}, DriftStatus: DRIFTED}
      Pairs: *warm
  fail:
    - Resources:
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties: {StackName: payments, StackStatus: UPDATE_ROLLBACK_FAILED, DriftInformation: {StackDriftStatus: IN_SYNC, LastCheckTimestamp: "2026-10-31T00:00:00Z"}, TemplateBody: *template}
      Pairs: *warm
    - Resources:  # its creation failed
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties: {StackName: payments, StackStatus: ROLLBACK_COMPLETE, DriftInformation: {StackDriftStatus: IN_SYNC, LastCheckTimestamp: "2026-10-31T00:00:00Z"}, TemplateBody: *template}
      Pairs: *warm
    - Resources:
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties: {StackName: payments, StackStatus: CREATE_COMPLETE, DriftInformation: {StackDriftStatus: DRIFTED, LastCheckTimestamp: "2026-10-31T00:00:00Z"}, TemplateBody: *template}
      Pairs: *warm
    - Resources:
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances: [{Account: "111122223333", Region: us-west-2, Status: OUTDATED, StackInstanceStatus: {DetailedStatus: SUCCEEDED}, DriftStatus: IN_SYNC, LastDriftCheckTimestamp: "2026-10-31T00:00:00Z"}]
      Pairs: *warm
    - Resources:
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances: [{Account: "111122223333", Region: us-west-2, Status: CURRENT, StackInstanceStatus: {DetailedStatus: FAILED}, DriftStatus: IN_SYNC, LastDriftCheckTimestamp: "2026-10-31T00:00:00Z"}]
      Pairs: *warm
    - Resources:
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances: [{Account: "111122223333", Region: us-west-2, Status: CURRENT, StackInstanceStatus: {DetailedStatus: SUCCEEDED}, DriftStatus: DRIFTED}]
      Pairs: *warm
    - Resources:  # an operation that ended, and left it behind
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances: [{Account: "111122223333", Region: us-west-2, Status: INOPERABLE, StackInstanceStatus: null, DriftStatus: IN_SYNC, LastDriftCheckTimestamp: "2026-10-31T00:00:00Z"}]
      Pairs: *warm
  unknown:
    - Resources:  # an operation of the stack set is under way
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances: [{Account: "111122223333", Region: us-west-2, Status: OUTDATED, StackInstanceStatus: {DetailedStatus: RUNNING}, DriftStatus: IN_SYNC, LastDriftCheckTimestamp: "2026-10-31T00:00:00Z"}]
      Pairs: *warm
    - Resources:
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances: [{Account: "111122223333", Region: us-west-2, Status: OUTDATED, StackInstanceStatus: {DetailedStatus: PENDING}, DriftStatus: IN_SYNC, LastDriftCheckTimestamp: "2026-10-31T00:00:00Z"}]
      Pairs: *warm
    - Resources:  # the last look is a day too old
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances: [{Account: "111122223333", Region: us-west-2, Status: CURRENT, StackInstanceStatus: {DetailedStatus: SUCCEEDED}, DriftStatus: IN_SYNC, LastDriftCheckTimestamp: "2026-10-01T00:00:00Z"}]
      Pairs: *warm
    - Resources: &unchecked
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties: {StackName: payments, StackStatus: CREATE_COMPLETE, DriftInformation: {StackDriftStatus: NOT_CHECKED}, TemplateBody: *template}
      Pairs: *warm
    - Resources:  # the last look is a day too old
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties: {StackName: payments, StackStatus: CREATE_COMPLETE, DriftInformation: {StackDriftStatus: IN_SYNC, LastCheckTimestamp: "2026-10-01T00:00:00Z"}, TemplateBody: *template}
      Pairs: *warm
    - Resources:
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties: {StackName: payments, StackStatus: UPDATE_IN_PROGRESS, DriftInformation: {StackDriftStatus: IN_SYNC, LastCheckTimestamp: "2026-10-31T00:00:00Z"}, TemplateBody: *template}
      Pairs: *warm
    - Resources: *unchecked  # not healthy, and whether it has to be was not declared
    - Resources:
        stack:
          Type: AWS::CloudFormation::Stack
          Region: us-west-2
          Properties: {StackName: payments, StackStatus: CREATE_FAILED, DriftInformation: {StackDriftStatus: IN_SYNC, LastCheckTimestamp: "2026-10-31T00:00:00Z"}, TemplateBody: *template}
    - Resources:
        stack: {Type: AWS::CloudFormation::Stack, Region: us-west-2, Properties: {StackName: payments, StackStatus: CREATE_COMPLETE, DriftInformation: {Unknown: denied}, TemplateBody: *template}}
      Pairs: *warm
    - Resources:  # what it holds was not seen
        stack: {Type: AWS::CloudFormation::Stack, Region: us-west-2, Properties: {StackName: payments, StackStatus: CREATE_COMPLETE, TemplateBody: {Unknown: denied}}}
      Pairs: *warm
    - Resources:
        set:
          Type: AWS::CloudFormation::StackSet
          Properties:
            StackSetName: platform
            StackInstances: [{Account: "111122223333", Region: us-west-2, Status: CURRENT, StackInstanceStatus: {DetailedStatus: SUCCEEDED}, DriftStatus: NOT_CHECKED}]
      Pairs: *warm
    - Resources:
        set: {Type: AWS::CloudFormation::StackSet, Properties: {StackSetName: platform, StackInstances: {Unknown: denied}}}
      Pairs: *warm
  not_applicable:
    - Resources: *unchecked
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: pilot-light}]
    - Resources:  # in the primary
        stack: {Type: AWS::CloudFormation::Stack, Properties: {StackName: payments, StackStatus: CREATE_FAILED, TemplateBody: *template}}
      Pairs: *warm
    - Resources:  # nothing that runs containers
        stack: {Type: AWS::CloudFormation::Stack, Region: us-west-2, Properties: {StackName: audit, StackStatus: CREATE_FAILED, TemplateBody: {Resources: {topic: {Type: "AWS::SNS::Topic"}}}}}
      Pairs: *warm
    - Resources:
        set: {Type: AWS::CloudFormation::StackSet, Properties: {StackSetName: platform, StackInstances: [{Account: "111122223333", Region: eu-west-1, Status: OUTDATED}]}}
      Pairs: *warm
    - Resources:  # a template has no state yet
        stack: {Type: AWS::CloudFormation::Stack, Region: us-west-2, Properties: {StackName: payments}}
      Pairs: *warm
"""

from scanner.model import Place
from scanner.recovery import age, pairs_to
from scanner.rule import NotApplicable, Undecided, Violation
from scanner.workloads import live_only

KINDS = ("AWS::ECR::", "AWS::ECS::", "AWS::EKS::", "AWS::Lambda::", "AWS::EC2::", "AWS::ElasticLoadBalancingV2::")
READY = ("warm-standby", "active-active")


def check(stack, model, parameters):
    is_set = stack.type == "AWS::CloudFormation::StackSet"
    yield from (
        of_set(stack, model, parameters["interval"]) if is_set else of_stack(stack, model, parameters["interval"])
    )


def of_stack(stack, model, interval):
    classes = {pair.dr_class for pair in pairs_to(model, stack.place)}
    if not classes & {None, *READY}:
        yield NotApplicable("No pair has a standby here that has to be ready.")
        return
    status = live_only(stack, "StackStatus")
    if status is None:
        yield NotApplicable("A template has no state yet.")
        return
    resources = stack["TemplateBody"]["Resources"]
    if not any(str(resources[id]["Type"]).startswith(KINDS) for id in resources):
        yield NotApplicable("The stack has nothing that runs containers.")
        return
    problems = [*states(stack, status), *drift(stack, model, interval)]
    yield from problems if classes & set(READY) else undeclared(problems)


def states(stack, status):
    named = f"Stack '{stack['StackName']}' is '{status}'"
    if status.endswith("_IN_PROGRESS"):
        yield Undecided(f"{named}; how that ends is not known.", "/StackStatus")
    elif not status.endswith("_COMPLETE") or status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        yield Violation(f"{named}; a state such as 'UPDATE_COMPLETE' was expected.", "/StackStatus")


def drift(stack, model, interval):
    found, named = stack["DriftInformation"] or {}, f"Stack '{stack['StackName']}'"
    status, checked = found.get("StackDriftStatus"), found.get("LastCheckTimestamp")
    yield from drifted(named, status, checked, model, interval, "/DriftInformation")


def drifted(named, status, checked, model, interval, pointer):
    if status == "DRIFTED":
        yield Violation(f"{named} has drifted from its template; 'IN_SYNC' was expected.", pointer)
    elif status != "IN_SYNC":
        yield Undecided(f"{named} has the drift status '{status}': nobody knows whether it drifted.", pointer)
    elif (since := age(model, checked)) > interval:
        yield Undecided(
            f"{named} was last looked at for drift {since.days} days ago, more than {interval.days}.", pointer
        )


def of_set(stack_set, model, interval):
    here, problems = set(), []
    for number, instance in enumerate(stack_set["StackInstances"] or ()):
        place = Place(instance["Account"], instance["Region"])
        classes = {pair.dr_class for pair in pairs_to(model, place)} & {None, *READY}
        here |= classes
        found = []
        if classes:
            named = f"The stack of stack set '{stack_set['StackSetName']}' in '{place}'"
            checked = instance["DriftStatus"], instance["LastDriftCheckTimestamp"]
            found += instances(named, instance, f"/StackInstances/{number}")
            found += drifted(named, *checked, model, interval, f"/StackInstances/{number}")
        problems += found if classes & set(READY) else undeclared(found)
    if not here:
        yield NotApplicable("The stack set has no stack in a standby that has to be ready.")
    yield from problems


def instances(named, instance, pointer):
    detailed = (instance["StackInstanceStatus"] or {}).get("DetailedStatus")
    if detailed in ("PENDING", "RUNNING"):
        yield Undecided(f"{named} is '{detailed}'; how that ends is not known.", pointer)
        return
    if instance["Status"] != "CURRENT":
        yield Violation(f"{named} is '{instance['Status']}'; 'CURRENT' was expected.", pointer)
    if detailed != "SUCCEEDED":
        yield Violation(f"{named} is '{detailed}'; 'SUCCEEDED' was expected.", pointer)


def undeclared(problems):
    """Yield that it is not known whether a problem matters: only a standby that has to be ready need be healthy."""
    for problem in problems:
        yield Undecided(f"{problem.message} No dr_class of the pair says whether that matters.", problem.pointer)
