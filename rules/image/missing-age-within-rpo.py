r"""
title: No image has been missing in the standby for longer than the RPO
severity: high
resource: AWS::ECR::Repository
needs: [AWS::ECR::Image]
across: standby
rationale: |
  A recovery point objective says how much may be lost; for images it is the age of the oldest one that would be. ECR
  promises no time for replication (most images take less than 30 minutes), has no metric of its lag, and tells of a
  failure by an event only. What can be known is what is missing now, and since when it could have been there.
remediation: |
  Copy what is missing, and let a deployment wait until its image has arrived:

      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<account>
      aws ecr describe-image-replication-status --region <primary> --repository-name <repository> \
          --image-id imageDigest=<digest> --query 'replicationStatuses[].status'

  If the objective is shorter than replication can be trusted to be, push to both Regions. Declare the objective as
  `rpo` of the pair in `regionproof.yaml`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
traps:
  - What `imagePushedAt` means of a replica is not documented, so no two times are subtracted; the age of what is missing is measured.
  - How long replication takes as a rule, its 95th percentile say, is told by events of ECR alone, and no store of events is collected; so only what is missing now is judged.
  - An image without a push time cannot be too old for certain, so it is undecided.
  - Without a declared RPO no age is too great; nothing missing passes, and anything missing is undecided.
  - Archived images of the primary are not replicated, so they are not missing.
  - Where no rule copies them, pull through caches on both sides hold what was pulled on each; image-cached-image-warm-in-standby judges what is needed.
  - A repository that is named after its Region has another name in the standby; repository-name-has-no-region judges that.
controls:
  aws-well-architected: [REL13-BP01]
  soc-2: [A1.2]
examples:
  pass:
    - &all-there
      Resources: &both
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
      Pairs: &hourly [{primary: us-east-1, standby: us-west-2, rpo: 1h}]
      Images:
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Digest: first, Region: us-west-2, PushedAt: "2026-10-31T23:59:00Z"}  # copied late
    - Resources: *both  # no objective, and nothing is missing
      Images: [{Repository: shop/web, Digest: first}, {Repository: shop/web, Digest: first, Region: us-west-2}]
    - Resources: *both  # missing for less than an hour
      Pairs: *hourly
      Images:
        - {Repository: shop/web, Digest: first, PushedAt: "2026-10-31T23:00:01Z"}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: *both  # archived, so not to be replicated
      Pairs: *hourly
      Images: [{Repository: shop/web, Digest: old, Status: ARCHIVED}, {Repository: shop/web, Region: us-west-2}]
  fail:
    - Resources: *both  # for exactly an hour
      Pairs: *hourly
      Images:
        - {Repository: shop/web, Digest: first, PushedAt: "2026-10-31T23:00:00Z"}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: *both  # one of two has no push time, the other is late
      Pairs: *hourly
      Images:
        - {Repository: shop/web, Digest: first, PushedAt: null}
        - {Repository: shop/web, Digest: second}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: {primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}}  # no repository there
      Pairs: *hourly
      Images: [{Repository: shop/web, Digest: first}]
  unknown:
    - Resources: *both  # no objective
      Images: [{Repository: shop/web, Digest: first}, {Repository: shop/web, Region: us-west-2}]
    - Resources: *both  # nobody knows for how long
      Pairs: *hourly
      Images: [{Repository: shop/web, Digest: first, PushedAt: null}, {Repository: shop/web, Region: us-west-2}]
    - Resources: *both
      Pairs: *hourly
      Images: [{Repository: shop/web, Digest: first}]
    - Resources: *both
      Pairs: *hourly
      Images: [{Repository: shop/web, Digest: first}, {Repository: shop/web, Region: us-west-2, Incomplete: ThrottlingException}]
    - Resources:  # whether a cache fills it was not seen
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        here: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}}}
      Pairs: *hourly
      Images: [{Repository: shop/web, Digest: first}]
  not_applicable:
    - Resources: *both  # files alone
      Pairs: *hourly
    - Resources:  # each cache holds what was pulled in its own Region
        nginx: {Type: AWS::ECR::Repository, Properties: {RepositoryName: hub/nginx}}
        here: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [&hub {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}]}}
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*hub]}}
      Pairs: *hourly
      Images: [{Repository: hub/nginx, Digest: first}]
    - Resources:  # named after its Region: another rule looks into assets-us-west-2
        assets: {Type: AWS::ECR::Repository, Properties: {RepositoryName: assets-us-east-1}}
      Pairs: *hourly
      Images: [{Repository: assets-us-east-1, Digest: first}]
"""

from datetime import timedelta

from scanner.duration import words
from scanner.images import RepositoryKey
from scanner.replication import counterpart_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import cached_instead


def check(twin, model, parameters):
    name, rpo = twin.primary.name, twin.pair.rpo
    primary, standby = RepositoryKey.of(twin.primary.place, name), RepositoryKey.of(twin.pair.standby, name)
    if twin.primary.locations and primary not in model.images:
        yield NotApplicable("A file does not say which images a repository holds; collect a snapshot to know.")
        return
    found = model.images.missing(primary, standby if twin.standby else None, model.as_of - (rpo or timedelta()))
    oldest = found.oldest_missing_at
    age = model.as_of - oldest if oldest else None
    yield Evidence(
        images=found.images,
        missing=found.missing,
        oldest_missing_at=oldest.isoformat() if oldest else None,
        oldest_missing_age=str(age) if age is not None else None,
        rpo=str(rpo) if rpo is not None else None,
        sample=list(found.sample),
    )
    what = f"Repository '{name}' lacks {found.missing} of {found.images} images in '{twin.pair.standby}'"
    if not found.missing:
        return
    if counterpart_name(name, twin.primary.place, twin.pair.standby) is not None:
        yield NotApplicable("The repository is named after its Region, so its counterpart has another name.")
    elif cached_instead(model, primary, twin.pair.standby):
        yield NotApplicable("Pull through caches fill it on both sides, each with what is pulled there.")
    elif rpo is None:
        yield Undecided(f"{what}; declare `rpo` of the pair in regionproof.yaml to say how old the oldest may be.")
    elif age is None:
        yield Undecided(f"{what}, and since when is not known: ECR shows no push time.")
    else:
        yield Violation(f"{what}, the oldest for '{words(age)}'; less than '{words(rpo)}', the RPO, was expected.")
