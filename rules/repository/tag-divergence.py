r"""
title: A tag means the same image in the standby as in the primary
severity: high
link: tag
resource: AWS::ECR::Repository
needs:
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
  - AWS::ECR::Image
across: standby
parameters:
  grace:
    description: A tag whose image was pushed more recently than this may still be on its way.
    type: string
    format: duration
    default: 30m
rationale: |
  What is started by tag in the standby gets whatever image the tag names there. A build in each Region gives one tag two
  digests. Where the standby's tags are immutable and a tag is taken, ECR replicates the image without the tag: the pull
  by tag fails or gives the older image, and a lifecycle rule for untagged images may remove the new one.

  A tag by which a workload of either Region starts, or infrastructure code would start one, is the serious case. One that
  no workload names is of medium severity, and of info one that is only named beside a digest, which decides.
remediation: |
  Find out which digest is meant, and give it the tag in the standby.

      aws ecr describe-images --region <primary> --repository-name <name> --image-ids imageTag=<tag>
      aws ecr batch-get-image --region <standby> --repository-name <name> --image-ids imageDigest=<digest> \
        --query 'images[0].imageManifest' --output text > manifest.json
      aws ecr put-image --region <standby> --repository-name <name> --image-tag <tag> --image-manifest file://manifest.json

  Push in the primary alone and let ECR replicate, keep tag mutability equal on both sides, and refer to images by digest
  in task definitions and CloudFormation templates.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
traps:
  - A tag that moved minutes ago may not have been replicated yet.
  - >-
    A standby with immutable tags takes the image and drops a tag that is taken: the digest is there, the tag is not.
  - A tag whose image is missing altogether is no divergence; repository-images-replicated judges that.
  - Of a reference with tag and digest the digest is pulled, so such a tag is of severity info unless something else starts by it alone.
  - >-
    A tag that nothing names may be deployed or rolled back to some day: it is judged too, at medium severity. Where
    workloads were not seen one of them may start by it, so no severity is lowered.
  - What runs tells its digest, but a copy of it in the standby is started from the reference, so the tag that is named there counts.
  - In pull through caches on both sides that no rule copies, a tag is what upstream called so when it was pulled, so they are not compared.
controls:
  nist-800-53: [CM-2, SI-7]
  aws-well-architected: [REL13-BP04]
examples:
  pass:
    - Resources: &both
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
      Images:
        - {Repository: shop/web, Digest: first, Tags: ["1", latest]}
        - {Repository: shop/web, Digest: first, Tags: ["1", latest], Region: us-west-2}
    - Resources: *both
      Images:  # the image is missing altogether: that is for images-replicated to say
        - {Repository: shop/web, Digest: first, Tags: ["1"]}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: *both
      Images:  # the tag moved minutes ago
        - {Repository: shop/web, Digest: second, Tags: [latest], PushedAt: "2026-10-31T23:50:00Z"}
        - {Repository: shop/web, Digest: first, Tags: [latest], Region: us-west-2}
  fail:
    - Resources: *both  # nothing names the tag
      Images: &two-builds
        - {Repository: shop/web, Digest: built-in-the-east, Tags: ["1"]}
        - {Repository: shop/web, Digest: built-in-the-west, Tags: ["1"], Region: us-west-2}
    - Resources: &started  # a service starts by the tag, though its digest is known
        primary: &here {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: &there {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages: [{ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1", ImageDigest: built-in-the-east}]
      Images: *two-builds
    - Resources: *started  # of three tags, one by which a service starts
      Images:
        - {Repository: shop/web, Digest: built-in-the-east, Tags: ["1", "2", "3"]}
        - {Repository: shop/web, Digest: built-in-the-west, Tags: ["1", "2", "3"], Region: us-west-2}
    - Resources:  # the standby's own code names its own registry
        primary: *here
        standby: *there
        web: &west
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/web:1"}]}
      Images: *two-builds
    - Resources: &pinned  # the digest decides, whatever becomes of the tag
        primary: *here
        standby: *there
        web:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: web
            ContainerDefinitions:
              - {Name: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
      Images: *two-builds
    - Resources: {<<: *pinned, west: *west}  # pinned here, and not there
      Images: *two-builds
    - Resources: *both  # who starts by it was not seen
      Images: *two-builds
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources: *both
      Images: *two-builds
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-west-2}]
    - Resources: *pinned  # who else starts by it was not seen
      Images: *two-builds
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources: *both
      Images:  # the tag moved as long ago as the grace time
        - {Repository: shop/web, Digest: second, Tags: [latest], PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/web, Digest: first, Tags: [latest], Region: us-west-2}
    - Resources: *both
      Images:  # replicated without its tag
        - {Repository: shop/web, Digest: first, Tags: ["1"]}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
    - Resources: *both
      Images:  # when it was pushed is not known
        - {Repository: shop/web, Digest: second, Tags: [latest], PushedAt: null}
        - {Repository: shop/web, Digest: first, Tags: [latest], Region: us-west-2}
  unknown:
    - Resources: *both
      Images: [{Repository: shop/web, Digest: first, Tags: ["1"]}]
    - Resources: *both
      Images:
        - {Repository: shop/web, Digest: first, Tags: ["1"], Incomplete: "page 2 of ecr:DescribeImages was throttled"}
        - {Repository: shop/web, Digest: first, Tags: ["1"], Region: us-west-2}
    - Resources:  # whether a cache fills it was not seen
        nginx: &nginx {Type: AWS::ECR::Repository, Properties: {RepositoryName: hub/nginx}}
        copy: &copy {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: hub/nginx}}
        here: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}}}
      Images: &fetched [{Repository: hub/nginx, Digest: first, Tags: [latest]}, {Repository: hub/nginx, Digest: newer, Tags: [latest], Region: us-west-2}]
  not_applicable:
    - Resources:  # each cache took the tag from upstream when it was pulled there
        nginx: *nginx
        copy: *copy
        here: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [&hub {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}]}}
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*hub]}}
      Images: *fetched
    - primary: {RepositoryName: shop/web}
      standby: null
    - primary: {RepositoryName: shop/web}  # files alone
      standby: {RepositoryName: shop/web}
"""

from scanner.images import RepositoryKey
from scanner.references import uses
from scanner.rule import Evidence, NotApplicable, Violation
from scanner.workloads import cached_instead

STARTED, PINNED, UNNAMED = (
    "by which workloads start",
    "that workloads name beside a digest",
    "that no workload seen names",
)
SEVERITY = {STARTED: None, PINNED: "info", UNNAMED: "medium"}
"""What workloads do with tags, and how bad it is if such a tag means another image; None is the rule's severity."""


def check(twin, model, parameters):
    name = twin.primary.name
    primary, standby = RepositoryKey.of(twin.primary.place, name), RepositoryKey.of(twin.pair.standby, name)
    if twin.standby is None:
        yield NotApplicable("The repository does not exist in the standby, so no tag does.")
        return
    if twin.primary.locations and primary not in model.images:
        yield NotApplicable("A file does not say which images a repository holds; collect a snapshot to know.")
        return
    found = model.images.tag_differences(primary, standby, model.as_of - parameters["grace"])
    differing = found.moved | {tag: (digest, None) for tag, digest in found.lost.items()}
    yield Evidence(tags=found.tags, moved=len(found.moved), lost=len(found.lost), sample=list(differing)[:5])
    if not differing:
        return
    if cached_instead(model, primary, twin.pair.standby):
        yield NotApplicable("Pull through caches fill it on both sides, each with what is pulled there.")
        return
    named, unseen = references(model, twin)
    for what, severity in SEVERITY.items():
        tags = [tag for tag in differing if named.get(tag, (UNNAMED, None))[0] == what]
        if not tags:
            continue
        tag, doubt = tags[0], None if what == STARTED else unseen
        here, copy = differing[tag]
        there = f"'{copy}'" if copy else "no image"
        note = f"; '{named[tag][1]}' names it" if tag in named else ""
        note += f"; workloads that were not seen may start by it: {doubt}" if doubt else ""
        yield Violation(
            f"{len(tags)} of {found.tags} tags of repository '{name}', {what}, mean other images in "
            f"'{twin.pair.standby}': '{tag}' is on {there} there, and on '{here}' was expected{note}.",
            severity=None if doubt else severity,
        )


def references(model, twin):
    """Return tag -> what workloads do with it and which one does, on either side, and why there may be others."""
    named, unseen = {}, []
    for place in (twin.primary.place, twin.pair.standby):
        found = uses(model, place)
        unseen += found.unseen
        for use in found.of(twin.primary.name):
            by_tag = use.reference.digest is None
            if by_tag or use.reference.tag not in named:
                named[use.reference.tag] = (STARTED if by_tag else PINNED, use.workload.id)
    return named, unseen[0] if unseen else None
