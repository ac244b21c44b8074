"""
title: What runs in the standby pulls nothing from the primary's Region
severity: critical
link: reference
resource:
  - AWS::ECS::TaskDefinition
  - AWS::Lambda::Function
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
rationale: |
  An image name holds the Region of its registry, and Amazon ECR has no name that works in every Region. A task
  definition that was copied to the standby with the primary's registry in it works on every day but one: when the
  primary's Region is lost, the pull fails although the image was replicated.
remediation: |
  Take the Region of the registry from where the stack is deployed:

      Image: !Sub ${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/shop/api@sha256:...

  and register the task definition in the standby again. A cross-Region pull on purpose (in an active-active pair,
  say) is the same dependency; if it is wanted, add an exemption with the reason.
  In Terraform take the Region from `data.aws_region.current`; in Kubernetes use one overlay for each Region, with
  `images:` of Kustomize or a value of Helm for the registry.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_EKS.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
traps:
  - A cross-Region pull on purpose, in an active-active pair say, is the same dependency; the rule fails, and an exemption says why it is wanted.
  - Nodes can rewrite the names of registries (the mirrors of containerd), which no API shows; the name itself is judged.
  - A Region that comes from a parameter nobody resolved is undecided, not taken for the default.
  - A repository whose name holds the name of a Region is no registry there; only the host is read.
  - A function may only pull from its own Region, so a template that names the primary's fails before it is deployed.
  - Where the pair is a backup to restore from, nothing is deployed in the standby that could pull.
controls:
  aws-well-architected: [REL13-BP04]
  dora: [Art. 11]
examples:
  pass:
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2"}
              - {Name: proxy, Image: "public.ecr.aws/nginx/nginx:1.27"}
    - Resources:  # the template names the Region it is deployed to
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Image: {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/shop/api:1.2"}
    - Resources:  # the name of a repository may well contain the name of a Region
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/assets-us-east-1:1.2"}
    - Resources:  # a third Region is no part of this pair
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.2"}]
    - Resources:  # functions that are archives pull nothing, and Deployments of the standby pull there
        zip: {Type: AWS::Lambda::Function, Region: us-west-2, Properties: {FunctionName: zip, PackageType: Zip}}
        resize:
          Type: AWS::Lambda::Function
          Region: us-west-2
          Properties:
            FunctionName: resize
            PackageType: Image
            Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3"}
        web:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages:
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/web:3", ImageDigest: web-3}
  fail:
    - Resources:
        resize:
          Type: AWS::Lambda::Function
          Region: us-west-2
          Properties:
            FunctionName: resize
            PackageType: Image
            Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3"}
    - Resources:
        web:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages:
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:3", ImageDigest: web-3}
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}
    - Resources:  # the same registry by its other name, in another account
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: proxy, Image: "public.ecr.aws/nginx/nginx:1.27"}
              - {Name: api, Image: "444455556666.dkr-ecr.us-east-1.on.aws/shop/api:1.2"}
    - Resources:  # on purpose or not, each side of an active-active pair needs the other here
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-east-1
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2"}]
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
  unknown:
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: {Ref: Image}}]
    - Resources: &unplaced  # where the template is deployed to is not declared
        task:
          Type: AWS::ECS::TaskDefinition
          Region: null
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Image: {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/shop/api:1.2"}
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "not an image"}]}
    - Resources:  # pairs follow from replication rules, which nobody may read
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]
      Pairs: derived
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribeRegistry"}]
    - Resources:  # which image a function of a template is made of hangs on a parameter
        resize:
          Type: AWS::Lambda::Function
          Region: us-west-2
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: {Ref: Image}}}
  not_applicable:
    - Resources:  # a backup to restore from: nothing is deployed there yet
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Family: api  # it is in the primary
      ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]
    - Resources:  # two accounts in one Region: the pair does not protect from the loss of that Region
        task:
          Type: AWS::ECS::TaskDefinition
          Account: "444455556666"
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "444455556666.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]
      Pairs: [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "444455556666", region: us-east-1}}]
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import containers, regions_that_fail_over_to


def check(definition, model, parameters):
    place, name = definition.place, definition.name or definition.id
    lost = regions_that_fail_over_to(model, place, deployed=True) - {place.region}
    if not lost:
        yield NotApplicable("No other Region fails over to this one.")
        return
    yield Evidence(primary_regions=sorted(lost))
    for container in containers(definition):
        try:
            image = container.reference
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            yield Undecided(
                f"Where container '{container}' of '{name}' pulls from is not known: {reason}.", container.pointer
            )
            continue
        if image.region in lost:
            yield Violation(
                f"Container '{container}' of '{name}' pulls '{image}', which cannot be had when '{image.region}' is lost; "
                f"a registry in '{place.region}', which takes over, was expected.",
                container.pointer,
            )
