"""
title: The standby does not cache images out of the primary Region's registry
severity: high
resource: AWS::ECR::Registry
needs:
  - AWS::ECR::Image
  - AWS::ECS::Service
  - AWS::ECS::Task
  - AWS::ECS::TaskDefinition
  - AWS::Lambda::Function
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
across: standby
rationale: |
  A pull through cache rule can have another ECR registry as its upstream. Images then come to the standby when they are
  first pulled there: in a standby where nothing runs, that is during the failover, from a Region that is gone. What was
  cached before is still served, everything else is not.
remediation: |
  Bring your own images to the standby by replication, and delete the rule or point it at a registry elsewhere.

      aws ecr put-replication-configuration --region <primary> --replication-configuration file://replication.json
      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<standby account>
      aws ecr delete-pull-through-cache-rule --region <standby> --ecr-repository-prefix <prefix>

  In CloudFormation: `AWS::ECR::ReplicationConfiguration` in place of `AWS::ECR::PullThroughCacheRule`; in Terraform:
  `aws_ecr_replication_configuration` in place of `aws_ecr_pull_through_cache_rule`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-private-wildcards.html
controls:
  aws-well-architected: [REL13-BP02]
traps:
  - Where every image that workloads need is in the cache by digest, as where the standby pulls all the time, the upstream is not needed.
  - An upstream in a third Region is not lost with the primary.
  - The cache may keep a repository under another name, so the images are looked for where the rule keeps them.
  - That the tag is in the cache proves nothing, for it may name an older image.
examples:
  pass:
    - primary: {}
      standby: {PullThroughCacheRules: []}
    - primary: {}
      standby:  # a third Region, and the internet
        PullThroughCacheRules:
          - {EcrRepositoryPrefix: shop, UpstreamRegistry: ecr, UpstreamRegistryUrl: 111122223333.dkr.ecr.eu-west-1.amazonaws.com}
          - {EcrRepositoryPrefix: hub, UpstreamRegistry: docker-hub, UpstreamRegistryUrl: registry-1.docker.io}
          - {EcrRepositoryPrefix: public, UpstreamRegistry: ecr-public}
    - Resources: &cached  # what runs is in the cache, under the name it has there
        registry: &source {Type: AWS::ECR::Registry, Properties: {}}
        target: &caches
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            PullThroughCacheRules:
              - {EcrRepositoryPrefix: east, UpstreamRegistry: ecr, UpstreamRegistryUrl: 111122223333.dkr.ecr.us-east-1.amazonaws.com, UpstreamRepositoryPrefix: shop}
        web: {Type: AWS::ECS::Service, Properties: {ServiceName: web, ContainerImages: [{ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:2, ImageDigest: second}]}}
        copy: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: east/web}}
      Images: [{Repository: east/web, Digest: second, Region: us-west-2}]
    - Resources: &pulls  # the standby pulls through the cache itself; another workload needs nothing of it
        registry: *source
        target: *caches
        web: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {ServiceName: web, ContainerImages: [{ContainerName: web, Image: 111122223333.dkr.ecr.us-west-2.amazonaws.com/east/web:2, ImageDigest: second}]}}
        base: {Type: AWS::ECS::Service, Properties: {ServiceName: base, ContainerImages: [{ContainerName: base, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/base/x:1, ImageDigest: base}]}}
        own: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {ServiceName: own, ContainerImages: [{ContainerName: own, Image: 111122223333.dkr.ecr.us-west-2.amazonaws.com/own/x:1, ImageDigest: own}]}}
      Images: [{Repository: east/web, Digest: second, Region: us-west-2}]
  fail:
    - Resources: *cached  # an older image under the tag
      Images: [{Repository: east/web, Digest: first, Tags: ["2"], Region: us-west-2}]
    - Resources: *cached  # archived
      Images: [{Repository: east/web, Digest: second, Status: ARCHIVED, Region: us-west-2}]
    - Resources: *cached  # files alone: nothing shows what is cached
    - Resources: *pulls
      Images: [{Repository: east/web, Digest: first, Region: us-west-2}]
    - Resources: {registry: *source, target: *caches}  # no workload proves that anything is cached
    - Resources:  # the registry of another account in the primary Region
        registry: *source
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: ROOT, UpstreamRegistryUrl: 444455556666.dkr.ecr.us-east-1.amazonaws.com}]}}
        base: {Type: AWS::ECR::Repository, Account: "444455556666", Properties: {RepositoryName: base/x}}
    - Resources: *cached  # one missing image is enough
      Images: [{Repository: east/web, Digest: first, Region: us-west-2}]
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
  unknown:
    - primary: {}
      standby: {PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}}
    - primary: {}
      standby: {PullThroughCacheRules: [{EcrRepositoryPrefix: shop, UpstreamRegistry: ecr}]}  # which registry is not said
    - primary: {}
      standby: null
    - Resources: *cached
      Images: [{Repository: east/web, Region: us-west-2, Incomplete: "page 1 of ecr:DescribeImages was throttled"}]
    - Resources: *cached  # others may need more
      Images: [{Repository: east/web, Digest: second, Region: us-west-2}]
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources: *pulls
      Images: [{Repository: east/web, Digest: second, Region: us-west-2}]
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-west-2}]
  not_applicable:
    - Resources: {target: *caches}
"""

from scanner.images import RepositoryKey
from scanner.model import InsufficientData
from scanner.references import InvalidReference, parse, uses
from scanner.replication import by_prefix, cached_as
from scanner.rule import Evidence, Undecided, Violation
from scanner.workloads import can_pull


def check(twin, model, parameters):
    primary, standby = twin.primary.place, twin.pair.standby
    if twin.standby is None:
        raise InsufficientData(f"the registry of '{standby}' was not seen")
    for rule in twin.standby["PullThroughCacheRules"] or []:
        upstream = upstream_of(rule)
        if upstream is not None and upstream.region == primary.region:
            yield from judge(rule, upstream, twin, model)


def judge(rule, upstream, twin, model):
    prefix, standby = rule["EcrRepositoryPrefix"], twin.pair.standby
    direct, through = uses(model, upstream), uses(model, standby)
    needed = [(use, cached_as(rule, use.reference.repository)) for use in direct.seen]
    needed += [(use, name) for use in through.seen if is_cached_by(rule, name := use.reference.repository, twin)]
    needed = [(use, name) for use, name in needed if name is not None]
    cold, doubts = [], [*direct.unseen, *through.unseen]
    for use, name in needed:
        key = RepositoryKey.of(standby, name)
        try:
            if (twin.primary.locations and key not in model.images) or not can_pull(model, use, key):
                cold.append(f"'{use.reference}', which '{use.workload.id}' runs")
        except InsufficientData as gap:
            doubts.append(str(gap))
    yield Evidence(prefix=prefix, upstream=str(upstream), needed=len(needed), not_cached=len(cold))
    if cold or not (needed or doubts):
        what = (
            f"lacks {len(cold)} of {len(needed)} images, among them {cold[0]}"
            if cold
            else "is not known to hold any image"
        )
        yield Violation(
            f"Cache '{prefix}' of registry '{standby}' fills itself from '{upstream}', which is lost with the primary, and "
            f"{what}; replicas were expected.",
            related=(twin.standby,),
        )
    elif doubts:
        yield Undecided(
            f"Whether cache '{prefix}' of registry '{standby}' holds all that is needed is not known: {doubts[0]}."
        )


def upstream_of(rule):
    """Return the place of the ECR registry that a rule caches, None if it is another kind of registry."""
    url = rule["UpstreamRegistryUrl"]
    if url is None and rule["UpstreamRegistry"] == "ecr":
        raise InsufficientData(f"which registry '{rule['EcrRepositoryPrefix']}' caches is not said")
    try:
        return parse(f"{url}/any").place
    except InvalidReference:
        return None


def is_cached_by(rule, repository, twin):
    fitting = by_prefix(twin.standby["PullThroughCacheRules"], "EcrRepositoryPrefix", repository)
    return bool(fitting) and fitting[0] is rule
