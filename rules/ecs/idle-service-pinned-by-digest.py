r"""
title: ECS services that wait in the standby name their images by digest
severity: high
link: established
resource: AWS::ECS::Service
needs: [AWS::ECS::TaskDefinition, AWS::ECR::Repository, AWS::ECR::Image]
across: standby
rationale: |
  ECS resolves a tag to a digest when a deployment starts tasks. A service whose desired count was 0 since it was
  deployed has no digest yet: what its tag means is decided on the day of the failover, by whatever the standby's
  registry holds then. A digest in the task definition decides it at deployment.
remediation: |
  Resolve the tag in the pipeline and register the task definition with the digest:

      aws ecr describe-images --region <standby> --repository-name <repository> --image-ids imageTag=<tag> \
          --query 'imageDetails[0].imageDigest'

  In CloudFormation: `Image: !Sub ${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/shop/api@${Digest}` under
  `ContainerDefinitions` of `AWS::ECS::TaskDefinition`; in Terraform: `image` in `container_definitions` of
  `aws_ecs_task_definition`. Immutable tags come close: see the traps.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
controls:
  nist-800-53: [CM-2]
  aws-well-architected: [REL13-BP04]
traps:
  - A tag that nobody can move, and that means the same image in both Regions already, is as good as a digest; the rule passes.
  - Immutability with exclusions counts only for tags that no exclusion matches; where tags may move with exclusions it is the other way round.
  - A registry in an account of its own is compared with the same account's in the primary's Region.
  - A service that runs tasks has its digests established by ECS, whatever its task definition names; it is not judged here.
examples:
  pass:
    - Resources:
        primary: &primary
          Type: AWS::ECS::Service
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 2}
        standby: &waiting
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0, TaskDefinition: {Ref: task}}
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api@sha256:00000000000000000000000000000000000000000000000000000000000000aa"
    - Resources:  # a tag of an immutable repository, which means one image on both sides
        primary: *primary
        standby: *waiting
        task: &tagged
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2"}]
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/api, ImageTagMutability: IMMUTABLE}
      Images: &same
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}
    - Resources:  # the tag is none of those that may still move
        primary: *primary
        standby: *waiting
        task: *tagged
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/api
            ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
            ImageTagMutabilityExclusionFilters:
              - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: dev-*}
      Images: *same
    - Resources:  # tasks ran before it was scaled to 0, so ECS knows the digest
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            DesiredCount: 0
            TaskDefinition: {Ref: task}
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
        task: *tagged
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/api, ImageTagMutability: {Unknown: "a parameter without a value"}}
    - Resources:  # tags may move but for those like this one
        primary: *primary
        standby: *waiting
        task: *tagged
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/api
            ImageTagMutability: MUTABLE_WITH_EXCLUSION
            ImageTagMutabilityExclusionFilters:
              - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: 1.*}
      Images: *same
    - Resources:  # the registry is another account's, in both Regions
        primary: *primary
        standby: *waiting
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "444455556666.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2"}]}
        repository: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: shop/api, ImageTagMutability: IMMUTABLE}}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Account: "444455556666"}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Account: "444455556666", Region: us-west-2}
        - {Repository: shop/api, Digest: api-11, Tags: ["1.2"]}
    - Resources:  # the standby is another account, with a registry of its own
        primary: *primary
        standby: {Type: AWS::ECS::Service, Account: "444455556666", Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0, TaskDefinition: {Ref: task}}}
        task:
          Type: AWS::ECS::TaskDefinition
          Account: "444455556666"
          Region: us-west-2
          Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "444455556666.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2"}]}
        repository: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: shop/api, ImageTagMutability: IMMUTABLE}}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Account: "444455556666", Region: us-west-2}
      Pairs: [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "444455556666", region: us-west-2}}]
  fail:
    - Resources:  # tags may move but for others
        primary: *primary
        standby: *waiting
        task: *tagged
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/api
            ImageTagMutability: MUTABLE_WITH_EXCLUSION
            ImageTagMutabilityExclusionFilters:
              - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: release-*}
      Images: *same
    - Resources:
        primary: *primary
        standby: *waiting
        task: *tagged
        repository: &mutable {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/api}}
      Images: *same
    - Resources:  # as an account shows it: a revision without a digest
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            DesiredCount: 0
            TaskDefinition: {Ref: task}
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: null}
        task: *tagged
        repository: *mutable
    - Resources:  # nobody can move the tag, but it means another image in the primary
        primary: *primary
        standby: *waiting
        task: *tagged
        repository: &immutable
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/api, ImageTagMutability: IMMUTABLE}
      Images:
        - {Repository: shop/api, Digest: api-13, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}
    - Resources:  # an exclusion matches the tag
        primary: *primary
        standby: *waiting
        task: *tagged
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/api
            ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
            ImageTagMutabilityExclusionFilters:
              - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: 1.*}
      Images: *same
    - Resources:  # the tags of other registries move as their owners like
        primary: *primary
        standby: *waiting
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, ContainerDefinitions: [{Name: proxy, Image: "public.ecr.aws/nginx/nginx:1.27"}]}
  unknown:
    - Resources: {primary: *primary, standby: *waiting, task: *tagged}  # code elsewhere may declare the repository
    - Resources: {primary: *primary, standby: *waiting, task: *tagged}  # whether the tag may move was not seen
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources: {primary: *primary, standby: *waiting, task: *tagged, repository: *immutable}  # no list of images
    - Resources:  # the task definition was not seen
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 0, TaskDefinition: "api:7"}
    - Resources: {primary: *primary}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-west-2}]
  not_applicable:
    - Resources:  # it runs tasks
        primary: *primary
        standby:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, DesiredCount: 1, TaskDefinition: {Ref: task}}
        task: *tagged
    - Resources: {primary: *primary}  # nothing waits there; ecs-service-in-standby says so
    - Resources: {primary: *primary, standby: *waiting, task: *tagged, repository: *mutable}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.movable import may_change
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only, reference_of


def check(twin, model, parameters):
    standby, pair = twin.standby, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore no service waits in the standby.")
    elif standby is None:
        yield NotApplicable("The standby has no such service; ecs-service-in-standby judges that.")
    elif standby["DesiredCount"] != 0:
        yield NotApplicable("The standby's service runs tasks, so ECS established its digests.")
    else:
        rows = []
        yield Evidence(containers=rows)
        for image in images_of(standby, model):
            yield from judge(image, standby, pair, model, rows)


def images_of(service, model):
    """Return what AWS says the service would run, where an account shows that, else what is defined."""
    shown = live_only(service, "ContainerImages")
    if shown:
        return shown
    definition = service["TaskDefinition"] and model.get("AWS::ECS::TaskDefinition", service["TaskDefinition"])
    if not definition:
        raise InsufficientData(f"the task definition '{service['TaskDefinition']}' of '{service.id}' was not seen")
    return definition["ContainerDefinitions"] or ()


def judge(image, standby, pair, model, rows):
    name = image["ContainerName"] or image["Name"]
    reference = reference_of(image["Image"])
    pinned = bool(reference.digest or image["ImageDigest"])
    rows.append({"container": name, "image": str(reference), "pinned": pinned})
    if pinned:
        return
    try:
        why = may_change(reference, standby, pair, model)
    except InsufficientData as gap:
        reason = str(gap).rstrip(".")
        yield Undecided(
            f"Container '{name}' waits with '{reference}', whose tag may move: {reason}.", "/TaskDefinition"
        )
        return
    if why:
        yield Violation(
            f"Container '{name}' of '{standby.id}' waits with '{reference}': {why}; a digest was expected.",
            "/TaskDefinition",
            (standby,),
        )
