"""
title: Infrastructure code creates what runs workloads in the standby
severity: critical
link: delivery
resource: [AWS::ECS::Cluster, AWS::ECS::Service, AWS::EKS::Cluster]
across: standby
needs: [AWS::CloudFormation::StackSet]
rationale: |
  Two copies of an image run nothing. The cluster and the services have to exist in the standby, or be created there
  while the primary is lost, when consoles are slow and nobody remembers the settings. Only code that names the
  standby's Region does that twice alike. A resource that merely exists there, made by hand, cannot be made again.
remediation: |
  Take the Region out of the code and deploy it to both: in CloudFormation, one template as two stacks
  (`aws cloudformation deploy --region <standby> ...`) or a stack set with both Regions. A template does not name the
  Region it is deployed to, so say it in `regionproof.yaml`:

      iac:
        - {path: infra/service.yaml, region: <primary>}
        - {path: infra/service.yaml, region: <standby>}

  and give the folder to the scan: `regionproof scan <snapshot> infra/`.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
controls:
  aws-well-architected: [REL08-BP05, REL13-BP04]
  nist-800-53: [CP-7]
  iso-27001-2022: [A.5.30]
  dora: [Art. 11]
traps:
  - Code that takes its Region from the deployment names none; where `regionproof.yaml` does not say where it goes it is undecided and not missing.
  - What a stack or a stack set made in the standby needs no folder of code; a tag that only CloudFormation can set names the stack, and where the standby could not be seen it is undecided.
  - Where CloudFormation chooses the names, the counterpart has another; the logical id and the stack, or its stack set, tell that the same code made both.
  - Code that is there and that nothing switches on in the standby, by a condition that is false or a count of 0, creates nothing, so it is missing.
  - A stack set that put a stack into the standby may leave the resource out there by a condition, so it is undecided and neither missing nor there.
  - A service of the same name in another cluster, and code for another Region, are not this one.
examples:
  pass:
    - Resources:  # a stack of the standby made it
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments, Tags: [{Key: "aws:cloudformation:stack-name", Value: StackSet-platform}]}}
    - Resources:
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments}}
    - Resources:
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api}}
        standby: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0}}
    - Resources:
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop}}
    - Resources:  # one template, two stacks of one name; CloudFormation chose the names of the clusters
        primary: &generated {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments-Cluster-1A, Tags: [{Key: "aws:cloudformation:stack-name", Value: payments}, {Key: "aws:cloudformation:logical-id", Value: Cluster}]}}
        other: &other {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments-Queue-3C, Tags: [{Key: "aws:cloudformation:stack-name", Value: payments}, {Key: "aws:cloudformation:logical-id", Value: Queue}]}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments-Cluster-2B, Tags: [{Key: "aws:cloudformation:stack-name", Value: payments}, {Key: "aws:cloudformation:logical-id", Value: Cluster}]}}
    - Resources:  # the stacks are named after their Regions
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop-1A, Tags: [{Key: "aws:cloudformation:stack-name", Value: shop-us-east-1}, {Key: "aws:cloudformation:logical-id", Value: Cluster}]}}
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop-2B, Tags: [{Key: "aws:cloudformation:stack-name", Value: shop-us-west-2}, {Key: "aws:cloudformation:logical-id", Value: Cluster}]}}
    - Resources:  # a stack set made both
        primary: &of-set {Type: AWS::ECS::Cluster, Properties: {ClusterName: platform-1A, Tags: [{Key: "aws:cloudformation:stack-name", Value: StackSet-platform-0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f}, {Key: "aws:cloudformation:stack-id", Value: "arn:aws:cloudformation:us-east-1:111122223333:stack/StackSet-platform-0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f/1"}, {Key: "aws:cloudformation:logical-id", Value: Cluster}]}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: platform-2B, Tags: [{Key: "aws:cloudformation:stack-name", Value: StackSet-platform-ffffffff-0a1b-2c3d-4e5f-ffffffffffff}, {Key: "aws:cloudformation:logical-id", Value: Cluster}]}}
    - Resources:  # each is named after its Region
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments-us-east-1}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments-us-west-2}}
  fail:
    - Resources: &alone
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
    - Resources:  # a service of the same name in another cluster is another service
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api}}
        standby: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: staging, ServiceName: api}}
    - Resources:  # the code is there, and its condition is false in the standby
        primary: {Type: AWS::ECS::Cluster, Condition: IsPrimary, Properties: {ClusterName: payments}}
        standby: {Type: AWS::ECS::Cluster, Condition: IsPrimary, Region: us-west-2, Properties: {ClusterName: payments}}
      Conditions: {IsPrimary: {"Fn::Equals": [{Ref: "AWS::Region"}, us-east-1]}}
    - Resources:  # neither was made by a stack
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: hand-made}}
    - Resources:  # backup and restore needs the code most of all
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources:  # the code is there, for another Region
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
        other: {Type: AWS::ECS::Cluster, Region: eu-west-1, Properties: {ClusterName: payments}}
    - Resources:  # the same stack made another cluster there, and another stack one of this logical id
        primary: *generated
        other: *other
        foreign: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: shop-Cluster-4D, Tags: [{Key: "aws:cloudformation:stack-name", Value: shop}, {Key: "aws:cloudformation:logical-id", Value: Cluster}]}}
        untagged: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: hand-made}}
    - Resources:  # its stack set has stacks elsewhere alone
        primary: *of-set
        set: {Type: AWS::CloudFormation::StackSet, Properties: {StackSetName: platform, StackInstances: [{Account: "111122223333", Region: us-east-1, StackId: &made "arn:aws:cloudformation:us-east-1:111122223333:stack/StackSet-platform-0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f/1"}, {Account: "111122223333", Region: eu-west-1, StackId: "arn:2"}]}}
    - Resources:  # another stack set has one there, in another account too
        primary: *of-set
        set: {Type: AWS::CloudFormation::StackSet, Properties: {StackSetName: platform, StackInstances: [{Account: "111122223333", Region: us-east-1, StackId: *made}, {Account: "444455556666", Region: us-west-2, StackId: "arn:2"}]}}
        another: {Type: AWS::CloudFormation::StackSet, Properties: {StackSetName: shop, StackInstances: [{Account: "111122223333", Region: us-west-2, StackId: "arn:3"}]}}
  unknown:
    - Resources:  # of a template that nobody said the Region of
        primary: *generated
        somewhere: {Type: AWS::ECS::Cluster, Region: null, Properties: {ClusterName: payments-Cluster-1A, Tags: [{Key: "aws:cloudformation:stack-name", Value: payments}, {Key: "aws:cloudformation:logical-id", Value: Cluster}]}}
    - Resources:  # its stack set put a stack there, which shows no such cluster
        primary: *of-set
        set: {Type: AWS::CloudFormation::StackSet, Properties: {StackSetName: platform, StackInstances: [{Account: "111122223333", Region: us-east-1, StackId: *made}, {Account: "111122223333", Region: us-west-2, StackId: "arn:2"}]}}
    - Resources: {primary: *of-set}  # where its stack set put stacks was not seen
    - Resources:
        primary: *of-set
        set: {Type: AWS::CloudFormation::StackSet, Properties: {StackSetName: platform, StackInstances: {Unknown: "cloudformation:ListStackInstances was denied"}}}
    - Resources: *alone  # a stack of the standby may have made it, and nobody could look
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Cluster", Operation: "ecs:ListClusters", Region: us-west-2}]
    - Resources:  # the Region is a parameter of the deployment, and nobody declared its value
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
        standby: {Type: AWS::ECS::Cluster, Region: null, Properties: {ClusterName: payments}}
    - Resources:  # the name is not declared, so AWS will choose it
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: {Ref: ClusterName}}}
    - Resources:
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: {Ref: ClusterName}}}
    - Resources:  # whether its condition holds there is a parameter of the deployment
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
        standby: {Type: AWS::ECS::Cluster, Condition: Enabled, Region: us-west-2, Properties: {ClusterName: payments}}
      Conditions: {Enabled: {"Fn::Equals": [{Ref: Enabled}, "yes"]}}
  not_applicable:
    - Resources: *alone
      Pairs: [{primary: eu-west-1, standby: us-west-2}]
"""

import re

from scanner.model import InsufficientData
from scanner.rule import Evidence, Undecided, Violation

STACK, STACK_ID, LOGICAL_ID = (f"aws:cloudformation:{name}" for name in ("stack-name", "stack-id", "logical-id"))
STACK_SET = "AWS::CloudFormation::StackSet"
OF_STACK_SET = re.compile(r"(StackSet-.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def check(twin, model, parameters):
    primary, standby = twin.primary, twin.pair.standby
    if primary.name is None:
        raise InsufficientData(f"the name of '{primary.id}' is not known, so its counterpart is not either")
    if stack := stack_of(twin) or stack_of_same_code(twin, model):
        yield Evidence(stack=stack)
        return
    declared = (model.declared(primary.type, name, standby) for name in twin.names(primary.type, primary.name))
    found = next((one for one in declared if one is not None), None)
    location = found.locate("") if found else None
    yield Evidence(declared=found is not None, file=location.path if location else None)
    if found is None:
        yield from missing(twin, model)


def missing(twin, model):
    """Yield what it means that none of the code that was scanned creates the counterpart."""
    primary, standby = twin.primary, twin.pair.standby
    none = f"None of the code that was scanned creates '{primary.type}' '{primary.name}'"
    if gap := model.hidden(primary.type, standby):
        yield Undecided(f"{none} in '{standby}', and whether a stack made it there was not seen: {gap}.")
    elif doubt := stack_set_there(primary, standby, model):
        yield Undecided(f"{none} in '{standby}', and {doubt}.")
    elif (declared := model.declared(primary.type, primary.name, primary.place)) is None:
        yield Undecided("No code that was scanned creates it, in the primary neither; its code may be elsewhere.")
    else:
        where = declared.locate("")
        yield Violation(
            f"{none} in '{standby}': none declares it, or a condition or a count leaves it out there; code for the standby "
            f"was expected, as for the primary in '{where.path}:{where.line}'."
        )


def stack_of(twin):
    """Return the stack that made the counterpart, None if none did or the counterpart was not seen."""
    try:
        return twin.standby.tags.get(STACK) if twin.standby else None
    except InsufficientData:
        return None


def stack_of_same_code(twin, model):
    """Return the stack of the standby that made one from the same logical id and template, None if none was seen."""
    primary, standby = twin.primary, twin.pair.standby
    logical = primary.tags.get(LOGICAL_ID)
    if logical is None:
        return None
    made = (one for one in model.in_place(primary.type, standby) if one.tags.get(LOGICAL_ID) == logical)
    for other in made:
        if (other.account, other.region) == standby and origin(other) == origin(primary):
            return other.tags[STACK]
    return None


def origin(resource):
    """Return the name of the stack that made a resource, without its Region; of a stack set all have the same."""
    name = str(resource.tags.get(STACK))
    of_set = OF_STACK_SET.fullmatch(name)
    return of_set[1] if of_set else name.replace(str(resource.region), "<region>")


def stack_set_there(primary, standby, model):
    """Return why the stack set that made a resource may make it in the standby, empty if no stack set can."""
    if not OF_STACK_SET.fullmatch(str(primary.tags.get(STACK))):
        return ""
    for stack_set in model.of_type(STACK_SET):
        try:
            stacks = {one["StackId"]: (one["Account"], one["Region"]) for one in stack_set["StackInstances"] or ()}
        except InsufficientData as gap:
            return f"where stack set '{stack_set.name}' put its stacks was not seen: {gap}"
        if primary.tags.get(STACK_ID) in stacks:
            there = standby in stacks.values()
            return f"what stack set '{stack_set.name}' leaves out of its stack there was not seen" if there else ""
    return "where the stack set that made the primary's put its stacks was not seen"
