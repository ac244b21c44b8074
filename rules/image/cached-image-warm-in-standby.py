r"""
title: What the standby would pull through a cache is in that cache already
severity: high
link: external
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
needs: [AWS::ECR::Repository, AWS::ECR::Image]
across: standby
rationale: |
  A pull-through cache fills itself on the first pull, per Region. Nothing pulls in a standby, so its cache is empty on
  the day it is needed: each first pull then goes to a vendor that may be slow, limited or down too, and needs a way to
  the internet. Once an image is in the cache, ECR serves it even if the upstream cannot be reached.
remediation: |
  Pull in the standby on a schedule, from a build or a small task there, by the digest that the primary runs:

      docker pull <account>.dkr.ecr.<standby>.amazonaws.com/<prefix>/<image>@<digest>

  or let ECR replicate the cache repositories of the primary: they are replicated like any other.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
traps:
  - A tag may have moved upstream since; an image that is pulled by tag passes if the tag is in the cache, on whatever bytes.
  - Lambda cannot pull through a cache, so a function is not judged; lambda-repository-policy-allows-lambda is about it.
  - The prefix of a cache rule covers whole path segments, so `hub` does not cover `hubble/web`.
  - Only a rule of the standby's own registry makes a cache there; the primary's does not.
controls:
  aws-well-architected: [REL13-BP02]
examples:
  pass:
    - Resources: &resources
        web: &web
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: web
            ContainerImages:
              - ContainerName: proxy
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/hub/library/nginx:1.27
                ImageDigest: nginx
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/hubble/web:1", ImageDigest: web-1}
              - {ContainerName: envoy, Image: "public.ecr.aws/envoy:1", ImageDigest: {Unknown: not shown}}
        cache: &cache
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}
      Images: [{Repository: hub/library/nginx, Digest: nginx, Region: us-west-2}]
    - Resources: *resources  # the tag is there, on newer bytes
      Images: [{Repository: hub/library/nginx, Digest: newer, Tags: ["1.27"], Region: us-west-2}]
    - Resources:  # a pod
        web: &pod
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages:
              - ContainerName: proxy
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/hub/library/nginx:1.27@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
                ImageDigest: sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
        cache: *cache
      Images: [{Repository: hub/library/nginx, Digest: "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", Region: us-west-2}]
  fail:
    - Resources: *resources  # nothing was ever pulled there
      Images: [{Repository: hub/library/nginx, Digest: nginx}, {Repository: hub/library/nginx, Region: us-west-2}]
    - Resources: *resources  # not even the repository is there
      Images: [{Repository: hub/library/nginx, Digest: nginx}, {Repository: shop/other, Region: us-west-2}]
    - Resources: *resources  # it is archived there
      Images: [{Repository: hub/library/nginx, Digest: nginx, Region: us-west-2, Status: ARCHIVED}]
    - Resources:  # pulled by digest, so the tag does not help
        web: *pod
        cache: *cache
      Images: [{Repository: hub/library/nginx, Digest: newer, Tags: ["1.27"], Region: us-west-2}]
    - Resources:  # one rule for every repository
        web: *pod
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: ROOT, UpstreamRegistryUrl: registry-1.docker.io}
      Images: [{Repository: hub/library/nginx, Region: us-west-2}]
  unknown:
    - Resources: {web: *web}  # which caches the standby has was not seen
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribePullThroughCacheRules", Region: us-west-2}]
    - Resources: *resources
      Images: [{Repository: hub/library/nginx, Region: us-west-2, Incomplete: ThrottlingException}]
    - Resources: *resources
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
  not_applicable:
    - {Cluster: payments, ServiceName: api}  # a file does not say what runs
    - Resources:  # the primary has a cache, the standby has none
        web: *web
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: []}}
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Properties: {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}
    - Resources:  # Lambda cannot pull through a cache
        proxy:
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: proxy
            PackageType: Image
            ContainerImages:
              - {ContainerName: proxy, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/hub/library/nginx:1.27", ImageDigest: nginx}
        cache: *cache
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import FUNCTION, cache_of, live_only, replicas


def check(twin, model, parameters):
    workload = twin.primary
    if workload.locations and live_only(workload, "ContainerImages") is None:
        yield NotApplicable("A file does not say which images run; collect a snapshot to know.")
        return
    if workload.type == FUNCTION:
        yield NotApplicable("Lambda cannot pull through a cache.")
        return
    rows, outcomes = [], []
    for replica in replicas(workload, twin.pair, model):
        try:
            cache = None if replica.external else cache_of(model, replica.repository)
            if cache is None:
                continue
            rows.append(
                {"container": replica.container, "repository": str(replica.repository), "upstream": cache.upstream}
            )
            if not warm(replica, model):
                outcomes.append(cold(replica, cache.upstream))
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"Whether an image is in a cache is not known: {reason}.", replica.pointer))
    if not rows and not outcomes:
        yield NotApplicable("The standby would pull none of its images through a cache.")
        return
    yield Evidence(containers=rows)
    yield from outcomes


def warm(replica, model):
    """Tell whether the cache holds what would be pulled: the digest, or any image of the tag that was asked for."""
    found = replica.image
    if found is None and replica.reference.digest is None and replica.repository in model.images:
        found = model.images.tagged(replica.repository, replica.reference.tag)
    return found is not None and found.status == "ACTIVE"


def cold(replica, upstream):
    """Return that a cache does not hold what would be pulled through it."""
    return Violation(
        f"Container '{replica.container}' runs '{replica.source.name}@{replica.digest}', which "
        f"'{replica.repository.account}/{replica.repository.region}' would first have to fetch from '{upstream}'; it was "
        "expected in the cache already.",
        replica.pointer,
    )
