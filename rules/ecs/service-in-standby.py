r"""
title: Each ECS service is in the standby, ready to run the same release
severity: critical
link: definition
resource: AWS::ECS::Service
needs: [AWS::ECS::TaskDefinition, AWS::ECR::Image]
across: standby
rationale: |
  A replicated image starts nothing. In every strategy above backup and restore the standby holds the service
  beforehand, with a task definition of the same release: with pilot light at a desired count of 0, with warm standby
  and active-active with tasks that run (ecs-warm-standby-runs-tasks). A service that is missing, draining or left at an
  older release is found out during the failover.
remediation: |
  Deploy the service to the standby from the same release as the primary, with its own registry in the image names:

      aws cloudformation deploy --region <standby> --stack-name <stack> --template-file service.yaml \
          --parameter-overrides ImageDigest=<digest>

  For a pilot light set `DesiredCount: 0` on `AWS::ECS::Service`; for a warm standby keep at least one task:

      aws ecs update-service --region <standby> --cluster <cluster> --service <service> --desired-count 1

  In Terraform: one `aws_ecs_service` for each Region, with the image from a variable both share.
  Services are compared by the names of cluster and service; give both Regions the same ones, the Region in
  them apart.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
controls:
  aws-well-architected: [REL13-BP02, REL13-BP04]
  nist-800-53: [CP-10]
  soc-2: [A1.2]
traps:
  - A desired count of 0 is right in a pilot light; whether a warm standby runs tasks is for ecs-warm-standby-runs-tasks.
  - Services are compared by the names of cluster and service, where the Region in a name stands for the standby's.
  - A service of the same name in another cluster is another service.
  - A repository that is named after its account and Region, as CDK's are, has its counterpart under the standby's.
  - While a deployment is under way two releases run, so nothing is compared.
  - The standby may name by digest what the primary names by tag, so the digests that run are compared where they are known.
examples:
  pass:
    - Resources: &both
        primary: &primary
          Type: AWS::ECS::Service
          Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: primary-task}, DesiredCount: 2}
        primary-task: &primary-task
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]
        standby:  # a pilot light
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: standby-task}, DesiredCount: 0}
        standby-task: &standby-task
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2"}]
    - Resources:  # as accounts show it: the primary runs a tag, the standby waits with the digest it means
        primary:
          Type: AWS::ECS::Service
          Properties: &running
            Cluster: payments
            ServiceName: api
            TaskDefinition: {Ref: primary-task}
            DesiredCount: 2
            RunningCount: 2
            Status: ACTIVE
            ContainerImages:
              - ContainerName: api
                Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"
                ImageDigest: sha256:00000000000000000000000000000000000000000000000000000000000000aa
        primary-task: *primary-task
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            TaskDefinition: {Ref: standby-task}
            DesiredCount: 0
            RunningCount: 0
            Status: ACTIVE
            ContainerImages:
              - ContainerName: api
                Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api@sha256:00000000000000000000000000000000000000000000000000000000000000aa"
                ImageDigest: null
        standby-task: *standby-task
    - Resources:  # different tags, one digest
        primary: {Type: AWS::ECS::Service, Properties: *running}
        primary-task: *primary-task
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            TaskDefinition: {Ref: standby-task}
            Status: ACTIVE
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:stable", ImageDigest: null}
        standby-task: *standby-task
      Images:
        - Repository: shop/api
          Digest: sha256:00000000000000000000000000000000000000000000000000000000000000aa
          Tags: [stable]
          Region: us-west-2
    - Resources:  # CDK's repositories carry account and Region in their names, and its tags the hash of the asset
        primary: *primary
        primary-task:
          Type: AWS::ECS::TaskDefinition
          Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/cdk-hnb659fds-container-assets-111122223333-us-east-1:4f3a"}]}
        standby: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: standby-task}, DesiredCount: 0}}
        standby-task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/cdk-hnb659fds-container-assets-111122223333-us-west-2:4f3a"}]}
    - Resources:  # a warm standby, smaller than the primary
        primary: *primary
        primary-task: *primary-task
        standby: &warm
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: standby-task}, DesiredCount: 1, RunningCount: 1, Status: ACTIVE}
        standby-task: *standby-task
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}]
    - Resources:  # each is named after its Region
        primary:
          Type: AWS::ECS::Service
          Properties: {Cluster: payments, ServiceName: api-us-east-1, TaskDefinition: {Ref: primary-task}}
        primary-task: *primary-task
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api-us-west-2, TaskDefinition: {Ref: standby-task}}
        standby-task: *standby-task
  fail:
    - Resources:  # no name says that it is the same
        primary:
          Type: AWS::ECS::Service
          Properties: {Cluster: payments, ServiceName: api-us-east-1, TaskDefinition: {Ref: primary-task}}
        primary-task: *primary-task
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api-west, TaskDefinition: {Ref: standby-task}}
        standby-task: *standby-task
    - Resources: &alone
        primary: *primary
        primary-task: *primary-task
    - Resources:  # the same name in another cluster is another service
        primary: *primary
        primary-task: *primary-task
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: staging, ServiceName: api, TaskDefinition: {Ref: standby-task}}
        standby-task: *standby-task
    - Resources:
        primary: *primary
        primary-task: *primary-task
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: standby-task}, Status: DRAINING}
        standby-task: *standby-task
    - Resources:  # an older release
        primary: *primary
        primary-task: *primary-task
        standby: &waiting
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: standby-task}, DesiredCount: 0}
        standby-task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.1"}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}
        - {Repository: shop/api, Digest: api-11, Tags: ["1.1"], Region: us-west-2}
    - Resources:  # another image
        primary: *primary
        primary-task: *primary-task
        standby: *waiting
        standby-task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api-legacy:1.2"}]
    - Resources:  # a container is missing
        primary: *primary
        primary-task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}
              - {Name: log, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/log:9"}
        standby: *waiting
        standby-task: *standby-task
  unknown:
    - Resources: *alone
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-west-2}]
    - Resources:  # the standby's task definition was not seen
        primary: *primary
        primary-task: *primary-task
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, TaskDefinition: "api:7"}
    - Resources:  # different tags, and no list of images that says what they mean
        primary: *primary
        primary-task: *primary-task
        standby: *waiting
        standby-task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:stable"}]
    - Resources:  # a deployment is under way: two releases run
        primary:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            TaskDefinition: {Ref: primary-task}
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.1", ImageDigest: api-11}
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
        primary-task: *primary-task
        standby: *waiting
        standby-task: *standby-task
  not_applicable:
    - Resources: *alone  # with backup and restore the service is created when it is needed
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - {Cluster: payments, ServiceName: api, Status: DRAINING}  # it is being deleted
"""

from scanner.model import InsufficientData
from scanner.releases import by_name, differences
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore the service is created when it is needed.")
    elif live_only(primary, "Status") in ("DRAINING", "INACTIVE"):
        yield NotApplicable("The service is being deleted.")
    elif standby is None:
        yield Violation(
            f"No ECS service named '{primary.name}' exists in '{pair.standby}'; one was expected.", "/ServiceName"
        )
    else:
        yield from unless_unseen(judge_status, standby)
        yield from unless_unseen(judge_containers, primary, standby, model)


def unless_unseen(judge, *arguments):
    """Yield what one part of the rule finds; if it cannot judge, the other parts still do."""
    try:
        yield from judge(*arguments)
    except InsufficientData as gap:
        yield Undecided(f"The standby could not be compared: {str(gap).rstrip('.')}.")


def judge_status(standby):
    status = live_only(standby, "Status")
    yield Evidence(standby_status=status)
    if status not in (None, "ACTIVE"):
        yield Violation(f"The status of '{standby.id}' is '{status}'; 'ACTIVE' was expected.", "", (standby,))


def judge_containers(primary, standby, model):
    """Require the same containers, and of each the same image apart from the registry."""
    here, there = containers(primary, model), containers(standby, model)
    yield Evidence(containers=sorted(here), standby_containers=sorted(there))
    wrong = []
    for difference in differences(here, there, model):
        if isinstance(difference, InsufficientData):
            yield Undecided(f"{str(difference)[:1].upper()}{str(difference)[1:]}.", "/TaskDefinition")
        else:
            wrong.append(difference)
    if wrong:
        yield Violation(f"'{standby.id}' would run another release: {'; '.join(wrong)}.", "/TaskDefinition", (standby,))


def containers(service, model):
    """Return container name -> its images: what runs now where an account shows that, else the one defined."""
    definition = service["TaskDefinition"] and model.get("AWS::ECS::TaskDefinition", service["TaskDefinition"])
    if not definition:
        raise InsufficientData(f"the task definition '{service['TaskDefinition']}' of '{service.id}' was not seen")
    running = by_name(live_only(service, "ContainerImages") or ())
    named = {}
    for container in definition["ContainerDefinitions"] or ():
        name = container["Name"]
        named[name] = running.get(name) or [container]
    return named
