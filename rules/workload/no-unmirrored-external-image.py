r"""
title: No image comes from a registry outside of the estate
severity: high
link: external
resource:
  - AWS::ECS::TaskDefinition
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
needs: [AWS::ECR::Repository, AWS::ECR::Image]
rationale: |
  An image that is pulled from another vendor's registry ties the recovery to that vendor: it may be down, it may limit
  anonymous pulls just when everything starts at once, and its tag may have moved or gone. The way to it leads through
  the internet, which the private subnets of a standby often lack. Amazon ECR Public is run by AWS and is no exception:
  it is not in the standby's Region.
remediation: |
  Copy the image into your own registry and replicate it, or let a pull-through cache of the standby hold it:

      aws ecr create-pull-through-cache-rule --region <standby> --ecr-repository-prefix <prefix> \
          --upstream-registry-url <upstream>    # --credential-arn <secret> if it wants a login
      docker pull <account>.dkr.ecr.<standby>.amazonaws.com/<prefix>/<image>@<digest>    # warm it

  In CloudFormation: `AWS::ECR::PullThroughCacheRule`, in Terraform: `aws_ecr_pull_through_cache_rule`. Then name the
  copy in the definition. What is accepted stands under `allowed` in `regionproof.yaml`:

      rules:
        parameters:
          workload-no-unmirrored-external-image: {allowed: ["registry.example.com/"]}
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
  - https://docs.aws.amazon.com/AmazonECR/latest/public/public-service-quotas.html
traps:
  - Amazon ECR Public is run by AWS, and is outside of the Region all the same, so it counts as external.
  - The registries of EKS add-ons are filled by AWS in every Region, so they do not.
  - A registry that the estate runs itself looks like another vendor's; it is declared under `allowed`.
  - Where the standby's cache holds the image, nodes may be told to use it, which no API shows, so it is undecided.
  - A name without a host is an image of Docker Hub.
  - A standby that has a counterpart of its own starts that one, which is judged instead.
controls:
  aws-well-architected: [REL13-BP02]
parameters:
  allowed:
    type: array
    items: {type: string, minLength: 1}
    default: []
    description: Beginnings of image names, complete with their host, that are accepted although they are external.
examples:
  pass:
    - Resources:
        task: &own
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}
              - {Name: cni, Image: "602401143452.dkr.ecr.us-east-1.amazonaws.com/amazon-k8s-cni:v1"}
    - Resources:  # what starts in the standby is its own, which is judged by itself
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "nginx:1.27"}]}}
        there: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/hub/nginx:1.27"}]}}
    - Resources:  # declared
        web: &deployment
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages: [{ContainerName: web, Image: "registry.example.com/web:3", ImageDigest: web-3}]
      Parameters: {allowed: [registry.example.com/]}
  fail:
    - Resources:
        task: &hub
          Type: AWS::ECS::TaskDefinition
          Properties: {Family: api, ContainerDefinitions: [{Name: proxy, Image: "nginx:1.27"}]}
        registry: &nothing {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: []}}
    - Resources: {web: *deployment, registry: *nothing}
      Parameters: {allowed: [registry.example.com/web2]}
    - Resources:  # in the standby itself
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, ContainerDefinitions: [{Name: proxy, Image: "public.ecr.aws/nginx/nginx:1.27"}]}
        registry: *nothing
    - Resources: &cold  # the standby has a cache for it, which does not hold it
        task: *hub
        cache: &cache
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}
      Images:
        - {Repository: hub/library/nginx, Digest: older, Tags: ["1.26"], Region: us-west-2}
    - Resources: *cold  # nothing was ever pulled through it
    - Resources: *cold  # it holds it in the archive, from where it cannot be pulled
      Images: [{Repository: hub/library/nginx, Digest: nginx, Tags: ["1.27"], Region: us-west-2, Status: ARCHIVED}]
    - Resources:  # the cache is of another team's images
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: proxy, Image: "quay.io/other/web:1"}]}}
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: quay, UpstreamRegistryUrl: quay.io, UpstreamRepositoryPrefix: team}
      Images: [{Repository: quay/other/web, Digest: web, Tags: ["1"], Region: us-west-2}]
    - Resources:  # the cache holds an image of that name, of another registry
        task: *hub
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: quay.io}
      Images: [{Repository: hub/library/nginx, Digest: nginx, Tags: ["1.27"], Region: us-west-2}]
  unknown:
    - Resources: *cold  # the cache holds it, and the definition does not name the cache
      Images: [{Repository: hub/library/nginx, Digest: nginx, Tags: ["1.27"], Region: us-west-2}]
    - Resources: &by-digest
        task:
          Type: AWS::ECS::TaskDefinition
          Properties: {Family: api, ContainerDefinitions: [{Name: proxy, Image: "quay.io/team/web@sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"}]}
        cache:  # the whole registry, of one team
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: ROOT, UpstreamRegistryUrl: quay.io, UpstreamRepositoryPrefix: team}
      Images: [{Repository: web, Digest: "sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", Region: us-west-2}]
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Properties: {Family: api, ContainerDefinitions: [{Name: proxy, Image: "quay.io/team/web@sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"}]}
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: quay, UpstreamRegistryUrl: quay.io, UpstreamRepositoryPrefix: ROOT}
      Images: [{Repository: quay/team/web, Digest: "sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", Region: us-west-2}]
    - Resources: {task: *hub, registry: *nothing}  # whether the standby has a definition of its own was not seen
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::TaskDefinition", Operation: "ecs:ListServices", Region: us-west-2}]
    - Resources:  # the images of its repository were not listed
        task: *hub
        cache: *cache
        repository: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: hub/library/nginx}}
    - Resources: *cold  # the cache may hold it: nobody may list its repositories
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources: {task: *hub}  # which caches the standby has was not seen
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribePullThroughCacheRules", Region: us-west-2}]
    - Resources: *cold  # what the cache holds was not seen to the end
      Images: [{Repository: hub/library/nginx, Region: us-west-2, Incomplete: ThrottlingException}]
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: {Ref: Image}}]}}
  not_applicable:
    - Resources: {task: {Type: AWS::ECS::TaskDefinition, Region: eu-west-1, Properties: {Family: api}}}  # in no pair
    - Resources: {task: *hub}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.images import RepositoryKey
from scanner.model import InsufficientData, Place
from scanner.replication import cached_as
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import containers, standbys_for

HUB = ("docker.io", "registry-1.docker.io")


def check(definition, model, parameters):
    here = definition.place
    standbys = [place for place in standbys_for(model, here) if place == here or not replaced(definition, place, model)]
    if not standbys:
        yield NotApplicable("Nothing of this account and Region is to start in a standby.")
        return
    named, external, outcomes = containers(definition), [], []
    for container in named:
        try:
            reference = container.reference
            if reference.is_ecr or str(reference).startswith(tuple(parameters["allowed"])):
                continue
            external.append(str(reference))
            outcomes.append(judge(container, cached_in(model, standbys, reference)))
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"Whether an image is external is not known: {reason}.", container.pointer))
    yield Evidence(containers=len(named), external=external)
    yield from outcomes


def replaced(definition, place, model):
    """Tell whether a standby has a counterpart of its own, which is judged by itself."""
    return model.find(definition.type, definition.name, place, code=bool(definition.locations)) is not None


def judge(container, cached):
    """Judge an image from outside, of which the repositories `cached` of the standbys' caches hold a copy."""
    what = f"Container '{container}' pulls '{container.reference}', from outside of your registries"
    if cached:
        return Undecided(f"{what}; '{cached[0]}' holds it, and whether nodes use that is not known.", container.pointer)
    return Violation(
        f"{what}, and no cache of a standby holds it; a registry of yours was expected.", container.pointer
    )


def cached_in(model, standbys, reference):
    """Return the repositories of pull-through caches that hold an image, in any of the standbys."""
    found = []
    for place in standbys:
        registry = model.find("AWS::ECR::Registry", "registry", place)
        for rule in (registry and registry["PullThroughCacheRules"]) or ():
            name = cached_as(rule, reference.repository) if caches(rule, reference) else None
            if name is not None and holds(model, RepositoryKey.of(place, name), reference):
                found.append(str(RepositoryKey.of(place, name)))
    return found


def caches(rule, reference):
    """Tell whether a cache is of the registry that an image is in."""
    upstream = rule["UpstreamRegistryUrl"]
    return upstream == reference.host or (upstream in HUB and reference.host in HUB)


def holds(model, key, reference):
    """Tell whether the digest, or the tag, that a reference names can be pulled from a repository."""
    place = Place(key.account, key.region)
    if key not in model.images and model.find("AWS::ECR::Repository", key.name, place) is None:
        return False
    by_digest = reference.digest is not None
    image = model.images.get(key, reference.digest) if by_digest else model.images.tagged(key, reference.tag)
    return image is not None and image.status == "ACTIVE"
