"""
title: What runs in the standby pulls nothing from the primary's Region
severity: critical
resource: AWS::ECS::TaskDefinition
rationale: |
  An image name holds the Region of its registry, and Amazon ECR has no name that works in every Region. A task
  definition that was copied to the standby with the primary's registry in it works on every day but one: when the
  primary's Region is lost, the pull fails although the image was replicated.
remediation: |
  Take the Region of the registry from where the stack is deployed:

      Image: !Sub ${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/shop/api@sha256:...

  and register the task definition in the standby again. A cross-Region pull on purpose (in an active-active pair,
  say) is the same dependency; if it is wanted, add an exemption with the reason.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
traps:
  - A Region that the template takes from where it is deployed is right; one that cannot be resolved is unknown.
  - The name of a Region inside the name of a repository is no dependency; the registry's host is what counts.
  - >-
    A cross-Region pull on purpose, in an active-active pair say, is the same dependency: it needs an exemption.
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
  fail:
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
  not_applicable:
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
from scanner.workloads import reference_of, regions_that_fail_over_to


def check(definition, model, parameters):
    place = definition.place
    lost = regions_that_fail_over_to(model, place) - {place.region}
    if not lost:
        yield NotApplicable("No other Region fails over to this one.")
        return
    yield Evidence(primary_regions=sorted(lost))
    containers = definition["ContainerDefinitions"] or []
    for number in range(len(containers)):
        pointer = f"/ContainerDefinitions/{number}/Image"
        try:
            image = reference_of(containers[number]["Image"])
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            yield Undecided(
                f"Where container '{number + 1}' of '{len(containers)}' pulls from is not known: {reason}.", pointer
            )
            continue
        if image.region in lost:
            yield Violation(
                f"Container '{number + 1}' of '{len(containers)}' pulls '{image}'. When '{image.region}' is lost, "
                f"'{place.region}' takes over and cannot pull it; a registry in '{place.region}' was expected.",
                pointer,
            )
