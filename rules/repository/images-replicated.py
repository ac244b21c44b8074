"""
title: Every image of the repository is in the standby
severity: medium
resource: AWS::ECR::Repository
needs: [AWS::ECR::Image]
across: standby
parameters:
  grace:
    description: A younger image may still be on its way. AWS promises no time; most replicate in less than 30 minutes.
    type: string
    format: duration
    default: 30m
  releases:
    description: >-
      Judge only so many releases of each repository, the tagged images that were pushed last: 3, say, to be able to roll
      back that far. Null judges every image.
    type: [integer, "null"]
    minimum: 1
    default: null
rationale: |
  That replication is configured proves nothing about what is there. ECR copies what is pushed after a rule was made; an
  image that is older, or whose replication failed, is missing without a word until somebody pulls it. Only the digests on
  both sides tell. Archived images of the primary are left out, for they cannot be pulled there either.

  Where only what can be rolled back to matters, set `releases`. ECR does not say which images were released, and earlier
  revisions of task definitions are not read, so those count that are tagged and were pushed last;
  image-running-digest-in-standby judges what runs, however old it is.
remediation: |
  Copy the missing images; the digest must stay the same, so do not build them again.

      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<standby account>
      aws ecr describe-image-replication-status --region <primary> --repository-name <name> --image-id imageDigest=<digest>

  Where the status is FAILED, CloudTrail in the standby has the denied ReplicateImage or CreateRepository call. A lifecycle
  policy of the standby may also have removed them.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-backfill.html
  - https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageReplicationStatus.html
traps:
  - An image that was pushed minutes ago may still be on its way.
  - >-
    The same tag on both sides proves nothing: two builds have two digests.
  - An image that is archived in the primary cannot be pulled there either, so it is not expected in the standby.
  - >-
    Half a list proves no absence: an answer that ended early is unknown.
  - History from before replication, or that the standby's lifecycle policy removed, may be missing on purpose; with `releases` only the last tagged images count.
  - The children of an index and signatures are no releases by themselves, so with `releases` they are left to the rules about them unless they are tagged.
  - Where no rule copies them, pull through caches on both sides hold what was pulled on each; image-cached-image-warm-in-standby judges what is needed.
  - A repository that is named after its Region has another name in the standby; repository-name-has-no-region judges that.
controls:
  nist-800-53: [CP-9]
examples:
  pass:
    - Resources: &both
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
      Images:
        - {Repository: shop/web, Digest: first, Tags: ["1"]}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
    - Resources: *both
      Images:  # pushed ten minutes ago
        - {Repository: shop/web, Digest: first, PushedAt: "2026-10-31T23:50:00Z"}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: *both
      Images:  # archived in the primary
        - {Repository: shop/web, Digest: old, Status: ARCHIVED}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: *both
      Images:  # the standby may keep more
        - {Repository: shop/web}
        - {Repository: shop/web, Digest: old, Region: us-west-2}
    - Resources:  # nothing to replicate
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web}]
    - Resources: *both  # the releases are there; history and what was never released are not
      Parameters: {releases: 2}
      Images: &four
        - {Repository: shop/web, Digest: third, Tags: ["3"], PushedAt: "2026-10-03T00:00:00Z"}
        - {Repository: shop/web, Digest: untagged, PushedAt: "2026-10-04T00:00:00Z"}
        - {Repository: shop/web, Digest: archived, Tags: ["4"], PushedAt: "2026-10-05T00:00:00Z", Status: ARCHIVED}
        - {Repository: shop/web, Digest: first, Tags: ["1"], PushedAt: "2026-10-01T00:00:00Z"}
        - {Repository: shop/web, Digest: second, Tags: ["2"], PushedAt: "2026-10-02T00:00:00Z"}
        - {Repository: shop/web, Digest: third, Region: us-west-2}
        - {Repository: shop/web, Digest: second, Region: us-west-2}
    - Resources: *both  # no more than are judged, so when they were pushed does not matter
      Parameters: {releases: 2}
      Images:
        - {Repository: shop/web, Digest: first, Tags: ["1"], PushedAt: null}
        - {Repository: shop/web, Digest: second, Tags: ["2"]}
        - {Repository: shop/web, Digest: untagged}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
        - {Repository: shop/web, Digest: second, Region: us-west-2}
  fail:
    - Resources: *both  # the third release is not there
      Parameters: {releases: 3}
      Images: *four
    - Resources: *both
      Images: *four
    - Resources: {primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}}
      Parameters: {releases: 1}
      Images: [{Repository: shop/web, Digest: first, Tags: ["1"]}, {Repository: shop/web, Digest: second, Tags: ["2"]}]
    - Resources: *both
      Images:
        - {Repository: shop/web, Digest: first, Tags: ["1"]}
        - {Repository: shop/web, Digest: second, Tags: ["2"]}
        - {Repository: shop/web, Digest: first, Tags: ["1"], Region: us-west-2}
    - Resources: *both
      Images:  # the tag is there, on other content
        - {Repository: shop/web, Digest: built-in-the-east, Tags: ["1"]}
        - {Repository: shop/web, Digest: built-in-the-west, Tags: ["1"], Region: us-west-2}
    - Resources:  # a rule copies what the cache holds, so it should be there
        nginx: &nginx {Type: AWS::ECR::Repository, Properties: {RepositoryName: hub/nginx}}
        here:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
            PullThroughCacheRules: [&hub {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}]
        there: &caches {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*hub]}}
      Images: [{Repository: hub/nginx, Digest: first}]
    - Resources: *both
      Parameters: {grace: 5m}
      Images:
        - {Repository: shop/web, Digest: first, PushedAt: "2026-10-31T23:50:00Z"}
        - {Repository: shop/web, Region: us-west-2}
    - Resources:
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web, Digest: first}]
  unknown:
    - Resources: *both  # which of them was pushed last is not known
      Parameters: {releases: 1}
      Images:
        - {Repository: shop/web, Digest: first, Tags: ["1"], PushedAt: null}
        - {Repository: shop/web, Digest: second, Tags: ["2"]}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: *both
      Images:
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Region: us-west-2, Incomplete: "page 2 of ecr:DescribeImages was throttled"}
    - Resources: *both
      Images: [{Repository: shop/web, Digest: first}]
    - Resources: *both
      Images:
        - {Repository: shop/web, Incomplete: "ecr:DescribeImages was denied"}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
    - Resources:
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web, Digest: first}]
      Scanned: [us-east-1]
    - Resources: &cache  # whether a cache fills it was not seen
        nginx: *nginx
        copy: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: hub/nginx}}
        here: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}}}
      Images: &fetched [{Repository: hub/nginx, Digest: first}, {Repository: hub/nginx, Digest: newer, Region: us-west-2}]
  not_applicable:
    - Resources: *both  # files alone
    - Resources:  # each cache holds what was pulled in its own Region
        nginx: *nginx
        copy: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: hub/nginx}}
        here: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [*hub]}}
        there: *caches
      Images: *fetched
    - Resources:  # named after its Region: another rule looks into assets-us-west-2
        assets: {Type: AWS::ECR::Repository, Properties: {RepositoryName: assets-us-east-1}}
      Images: [{Repository: assets-us-east-1, Digest: first}]
"""

from scanner.images import ImageIndex, Listing, RepositoryKey
from scanner.model import InsufficientData
from scanner.replication import counterpart_name
from scanner.rule import Evidence, NotApplicable, Violation
from scanner.workloads import cached_instead


def check(twin, model, parameters):
    name = twin.primary.name
    primary, standby = RepositoryKey.of(twin.primary.place, name), RepositoryKey.of(twin.pair.standby, name)
    if twin.primary.locations and primary not in model.images:
        yield NotApplicable("A file does not say which images a repository holds; collect a snapshot to know.")
        return
    index, count = model.images, parameters["releases"]
    if count is not None:
        needed = Listing(releases(index.images(primary), count))
        index = ImageIndex({primary: needed, standby: index.listing(standby)})
    found = index.missing(primary, standby if twin.standby else None, model.as_of - parameters["grace"])
    oldest = found.oldest_missing_at.isoformat() if found.oldest_missing_at else None
    yield Evidence(
        images=found.images,
        missing=found.missing,
        pending=found.pending,
        oldest_missing_at=oldest,
        sample=list(found.sample),
    )
    if found.missing and counterpart_name(name, twin.primary.place, twin.pair.standby) is not None:
        yield NotApplicable("The repository is named after its Region, so its counterpart has another name.")
    elif found.missing and cached_instead(model, primary, twin.pair.standby):
        yield NotApplicable("Pull through caches fill it on both sides, each with what is pulled there.")
    elif found.missing:
        since = f", the oldest pushed at '{found.oldest_missing_at:%Y-%m-%d %H:%M}'" if oldest else ""
        what = "images" if count is None else "releases"
        yield Violation(
            f"Repository '{name}' lacks {found.missing} of {found.images} {what} in '{twin.pair.standby}'{since}; all that "
            "are older than the grace time were expected there."
        )


def releases(images, count):
    """Return the `count` tagged images that were pushed last."""
    tagged = [image for image in images if image.tags and image.status == "ACTIVE"]
    if len(tagged) <= count:
        return tuple(tagged)
    undated = [image.digest for image in tagged if image.pushed_at is None]
    if undated:
        raise InsufficientData(
            f"when '{undated[0]}' was pushed, and so whether it is one of the last '{count}', is not known"
        )
    return tuple(sorted(tagged, key=lambda image: image.pushed_at, reverse=True)[:count])
