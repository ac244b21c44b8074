r"""
title: Images of workloads are pinned by digest
severity: medium
resource:
  - AWS::ECS::Service
  - AWS::ECS::Task
  - AWS::Lambda::Function
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
needs: [AWS::ECS::TaskDefinition]
across: standby
when: pair.dr_class != 'backup-restore'
rationale: |
  A tag is a promise that somebody else keeps. On the day of a failover the standby asks its own registry what a tag
  means, and gets whatever was pushed last, or nothing where a tag was lost on the way. A digest names the bytes. ECS
  resolves tags when it deploys a service and keeps to the digests, and Lambda does so when a function is deployed;
  Kubernetes and tasks of no service ask again each time.
remediation: |
  Resolve the tag once, where the image is built, and deploy the digest:

      aws ecr describe-images --region <primary> --repository-name <repository> --image-ids imageTag=<tag> \
          --query 'imageDetails[0].imageDigest'

  `Image: <registry>/<repository>@sha256:...` in CloudFormation and in Kubernetes (`digest:` under `images:` of
  Kustomize); `aws_ecr_image` in Terraform reads the digest of a tag. For services of ECS leave `versionConsistency` at
  `enabled`, its default.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
  - https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
controls:
  nist-800-53: [CM-2, SI-7]
traps:
  - A service of ECS that was deployed by tag keeps the digest it was deployed with, unless `versionConsistency` is disabled; it passes.
  - A service that was never scaled above zero has no digest yet, whatever its version consistency, so it fails.
  - A file cannot show the digest that AWS will record at the deployment, so a tag in it is undecided.
  - Images that AWS itself puts into every Region, those of EKS add-ons, are left out.
  - Where both a tag and a digest are written, the digest decides.
examples:
  pass:
    - Resources:
        api: &by-digest
          Type: AWS::ECS::Task
          Properties:
            Cluster: payments
            Group: family:api
            ContainerImages:
              - ContainerName: api
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
                ImageDigest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
    - Resources: &service  # AWS recorded what it deployed
        api: &api
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            TaskDefinition: {Ref: task}
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
              - {ContainerName: mesh, Image: "public.ecr.aws/mesh:1", ImageDigest: mesh}
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: log, Image: "fluentd@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", VersionConsistency: disabled}
              - {Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}
    - Resources:
        resize: &function
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages:
              - {ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3", ImageDigest: resize-3}
    - Resources:  # an add-on beside it
        web:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages:
              - {ContainerName: web, Image: "registry.example.com/web@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", ImageDigest: "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"}
              - {ContainerName: cni, Image: "602401143452.dkr.ecr.us-east-1.amazonaws.com/amazon-k8s-cni:v1", ImageDigest: cni}
    - Resources:  # a template with digests
        api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: task}}}
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"}]
  fail:
    - Resources:
        web:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages: [{ContainerName: web, Image: "registry.example.com/web:3", ImageDigest: web-3}]
    - Resources:  # the next task of no service asks for the tag again
        nightly:
          Type: AWS::ECS::Task
          Properties:
            Cluster: payments
            Group: family:nightly
            ContainerImages: [{ContainerName: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job", ImageDigest: job-7}]
    - Resources:  # version consistency is off, so whatever runs now may be something else tomorrow
        api: *api
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", VersionConsistency: disabled}]
    - Resources:  # never deployed above zero tasks
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            TaskDefinition: {Ref: task}
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: null}]
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: []}}
    - Resources:  # a template that turns it off
        api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: task}}}
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", VersionConsistency: disabled}]
  unknown:
    - Resources: &template  # the digest is recorded at the deployment
        api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: task}}}
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]
    - Resources:
        resize:
          Type: AWS::Lambda::Function
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3"}}
    - Resources:
        resize:
          Type: AWS::Lambda::Function
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: {Ref: Image}}}
    - Resources:  # AWS does not show what it resolved
        resize:
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages:
              - ContainerName: resize
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3
                ImageDigest: {Unknown: not shown}
    - {Cluster: payments, ServiceName: api, TaskDefinition: null, ContainerImages: []}  # AWS names none of its containers
    - Resources: {api: *api}  # the task definition was not seen
      Gaps: [{Reason: ThrottlingException, Type: "AWS::ECS::TaskDefinition", Operation: "ecs:DescribeTaskDefinition"}]
  not_applicable:
    - Resources: *template  # nothing runs in the standby before it is restored
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources: {zip: {Type: AWS::Lambda::Function, Properties: {FunctionName: zip, PackageType: Zip}}}
    - Resources:
        web:
          Type: Kubernetes::DaemonSet
          Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: shop, Name: web}
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import FUNCTION, KUBERNETES, containers, definition_of, live_only

SERVICE = "AWS::ECS::Service"


def check(twin, model, parameters):
    workload = twin.primary
    declared = workload.locations and live_only(workload, "ContainerImages") is None
    if declared and workload.type in KUBERNETES:
        yield NotApplicable("A file does not say which images run; collect a snapshot to know.")
        return
    named = containers(definition_of(workload, model) if declared else workload)
    if not named and not declared and workload.type != FUNCTION:
        raise InsufficientData(f"which containers '{workload.id}' runs was not seen")
    if not named:
        yield NotApplicable("It is made of no container images.")
        return
    pinned, outcomes = 0, []
    for container in named:
        pointer = "" if declared and workload.type != FUNCTION else container.pointer
        try:
            if container.reference.is_aws_managed or container.reference.digest:
                pinned += 1
                continue
            why = loose(workload, container, model, declared)
            if why:
                what = f"Container '{container}' is deployed as '{container.reference}', by tag, and {why}"
                outcomes.append(Violation(f"{what}; a digest was expected.", pointer))
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"Whether a container is pinned by digest is not known: {reason}.", pointer))
    yield Evidence(containers=len(named), by_digest=pinned)
    yield from outcomes


def loose(workload, container, model, declared):
    """Return why a container that is deployed by tag may run other bytes next time, None if AWS keeps to a digest."""
    if workload.type not in (SERVICE, FUNCTION):
        return "every start asks for the tag again"
    if workload.type == SERVICE and consistency(workload, container, model) == "disabled":
        return "its version consistency is disabled"
    if declared:
        raise InsufficientData(f"AWS resolves '{container.reference}' when it is deployed; collect a snapshot to know")
    return None if container.digest else "AWS has recorded no digest for it"


def consistency(service, container, model):
    """Return the version consistency of a container; one that no definition names was added by AWS."""
    definitions = definition_of(service, model)["ContainerDefinitions"] or ()
    named = next((each for each in definitions if each["Name"] == container.name), None)
    return named and named["VersionConsistency"]
