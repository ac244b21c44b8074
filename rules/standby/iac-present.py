"""
title: Infrastructure code creates what runs workloads in the standby
severity: critical
resource: [AWS::ECS::Cluster, AWS::ECS::Service, AWS::EKS::Cluster]
across: standby
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
  aws-well-architected: [REL13-BP04]
  iso-27001-2022: [A.5.30]
  dora: [Art. 11]
traps:
  - Code that takes its Region from the deployment names none; where `regionproof.yaml` does not say where it goes it is undecided and not missing.
  - What a stack or a stack set made in the standby needs no folder of code; a tag that only CloudFormation can set names the stack, and where the standby could not be seen it is undecided.
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
    - Resources:  # each is named after its Region
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments-us-east-1}}
        standby: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments-us-west-2}}
  fail:
    - Resources: &alone
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
    - Resources:  # a service of the same name in another cluster is another service
        primary: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api}}
        standby: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: staging, ServiceName: api}}
    - Resources:  # backup and restore needs the code most of all
        primary: {Type: AWS::EKS::Cluster, Properties: {Name: shop}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources:  # the code is there, for another Region
        primary: {Type: AWS::ECS::Cluster, Properties: {ClusterName: payments}}
        other: {Type: AWS::ECS::Cluster, Region: eu-west-1, Properties: {ClusterName: payments}}
  unknown:
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
  not_applicable:
    - Resources: *alone
      Pairs: [{primary: eu-west-1, standby: us-west-2}]
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, Undecided, Violation


def check(twin, model, parameters):
    primary, standby = twin.primary, twin.pair.standby
    if primary.name is None:
        raise InsufficientData(f"the name of '{primary.id}' is not known, so its counterpart is not either")
    if stack := stack_of(twin):
        yield Evidence(stack=stack)
        return
    declared = (model.declared(primary.type, name, standby) for name in twin.names(primary.type, primary.name))
    found = next((one for one in declared if one is not None), None)
    location = found.locate("") if found else None
    yield Evidence(declared=found is not None, file=location.path if location else None)
    if found is None:
        none = f"None of the code that was scanned creates '{primary.type}' '{primary.name}'"
        if gap := model.hidden(primary.type, standby):
            yield Undecided(f"{none} in '{standby}', and whether a stack made it there was not seen: {gap}.")
        elif model.declared(primary.type, primary.name, primary.place) is None:
            yield Undecided("No code that was scanned creates it, in the primary neither; its code may be elsewhere.")
        else:
            yield Violation(f"{none} in '{standby}'; code for the standby was expected, as for the primary.")


def stack_of(twin):
    """Return the stack that made the counterpart, None if none did or the counterpart was not seen."""
    try:
        return twin.standby.tags.get("aws:cloudformation:stack-name") if twin.standby else None
    except InsufficientData:
        return None
