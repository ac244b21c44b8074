"""
title: A tag means the same image in the standby as in the primary
severity: high
resource: AWS::ECR::Repository
needs: [AWS::ECR::Image]
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
remediation: |
  Find out which digest is meant, and give it the tag in the standby.

      aws ecr describe-images --region <primary> --repository-name <name> --image-ids imageTag=<tag>
      aws ecr batch-get-image --region <standby> --repository-name <name> --image-ids imageDigest=<digest> \\
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
    - Resources: *both
      Images:
        - {Repository: shop/web, Digest: built-in-the-east, Tags: ["1"]}
        - {Repository: shop/web, Digest: built-in-the-west, Tags: ["1"], Region: us-west-2}
    - Resources: *both
      Images:  # the tag moved as long ago as the grace time
        - {Repository: shop/web, Digest: second, Tags: [latest], PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/web, Digest: first, Tags: [latest], Region: us-west-2}
    - Resources: *both
      Images:  # replicated without its tag
        - {Repository: shop/web, Digest: first, Tags: ["1"]}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
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
from scanner.rule import Evidence, NotApplicable, Violation
from scanner.workloads import cached_instead


def check(twin, model, parameters):
    name = twin.primary.name
    primary, standby = RepositoryKey.of(twin.primary.place, name), RepositoryKey.of(twin.pair.standby, name)
    if twin.standby is None:
        yield NotApplicable("The repository does not exist in the standby, so no tag does.")
        return
    if twin.primary.locations and primary not in model.images:
        yield NotApplicable("A file does not say which images a repository holds; collect a snapshot to know.")
        return
    older_than = model.as_of - parameters["grace"]
    here, there = model.images.tags(primary), model.images.tags(standby)

    moved, lost = [], []
    for tag, image in sorted(here.items()):
        if image.status != "ACTIVE" or (image.pushed_at is not None and image.pushed_at > older_than):
            continue
        if tag in there:
            if there[tag].digest != image.digest:
                moved.append(tag)
        elif model.images.get(standby, image.digest) is not None:
            lost.append(tag)

    yield Evidence(tags=len(here), moved=len(moved), lost=len(lost), sample=[*moved, *lost][:5])
    if (moved or lost) and cached_instead(model, primary, twin.pair.standby):
        yield NotApplicable("Pull through caches fill it on both sides, each with what is pulled there.")
        return
    if moved:
        example = moved[0]
        yield Violation(
            f"'{len(moved)}' of '{len(here)}' tags of repository '{name}' name another image in '{twin.pair.standby}': "
            f"'{example}' is '{there[example].digest}' there and '{here[example].digest}' was expected."
        )
    if lost:
        yield Violation(
            f"'{len(lost)}' of '{len(here)}' tags of repository '{name}' are missing in '{twin.pair.standby}' although their "
            f"images are there: '{lost[0]}' was expected on '{here[lost[0]].digest}'."
        )
