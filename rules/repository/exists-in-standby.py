"""
title: The repository exists in the standby
severity: critical
link: repository
resource: AWS::ECR::Repository
needs: [AWS::ECR::Image]
across: standby
parameters:
  grace:
    description: A repository whose first image is younger than this may still be on its way.
    type: string
    format: duration
    default: 30m
rationale: |
  A replica keeps the name of its repository: an image that is pulled as `shop/web` in the primary has to be found as
  `shop/web` in the standby. ECR creates the repository there with the first image it replicates, unless no rule covers
  the name, the destination's registry policy forbids it, or a creation template cannot be applied.
remediation: |
  Create the repository in the standby, with the settings that it has in the primary: replication copies none of them.

      aws ecr create-repository --region <standby> --repository-name <name> --image-tag-mutability IMMUTABLE

  In CloudFormation: deploy the stack that holds the `AWS::ECR::Repository` in both Regions; in Terraform: one
  `aws_ecr_repository` for each. Then make sure that a
  replication rule covers the name, and copy what is there with `aws ecr start-replication-backfill`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
traps:
  - >-
    ECR creates the repository with the first image it replicates: before the first push it need not be there, and
    minutes after it may be on its way.
  - >-
    A repository of another name does not count, however alike: a pull asks for the same name.
  - Where no rule copies them, a pull through cache of the standby makes its repositories when they are first pulled from, so they need not be there.
  - Code says nothing of images; a repository that only code declares is no failure where a replication rule covers its name, for the first push after the rule makes the replica.
  - Archived images are not replicated, so a repository that holds nothing else has no replica.
controls:
  nist-800-53: [CP-6]
  iso-27001-2022: [A.8.14]
examples:
  pass:
    - primary: {RepositoryName: shop/web}
      standby: {RepositoryName: shop/web}
  fail:
    - Resources:  # a rule that covers other names does not bring it
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        here:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules: [{Destinations: [{RegistryId: "111122223333", Region: us-west-2}], RepositoryFilters: [{Filter: lab/, FilterType: PREFIX_MATCH}]}]
    - primary: {RepositoryName: shop/web}
      standby: null
    - primary: {RepositoryName: shop/web}
      standby: {RepositoryName: web}
    - Resources:
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web, Digest: first, Tags: ["1"], PushedAt: "2026-10-30T00:00:00Z"}]
    - Resources:  # at the grace time exactly
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web, Digest: first, Tags: ["1"], PushedAt: "2026-10-31T23:30:00Z"}]
    - Resources:  # one image of two can be pulled
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web, Digest: old, Status: ARCHIVED}, {Repository: shop/web, Digest: first}]
    - Resources:  # a cache in the primary, and none in the standby that would fetch it again
        nginx: &nginx {Type: AWS::ECR::Repository, Properties: {RepositoryName: hub/nginx}}
        here: &hub {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub/, UpstreamRegistryUrl: registry-1.docker.io}]}}
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: []}}
      Images: &cached [{Repository: hub/nginx, Digest: first}]
    - Resources:  # a rule for everything, which the standby has too, does not say that it was not pushed
        nginx: *nginx
        here: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [&all {EcrRepositoryPrefix: ROOT, UpstreamRegistryUrl: quay.io}]}}
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*all]}}
      Images: *cached
    - Resources:  # replication should have brought it, whatever the caches are
        nginx: *nginx
        here:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{RegistryId: "111122223333", Region: us-west-2}]}]}
            PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}
      Images: *cached
  unknown:
    - Resources:  # nothing was listed, as in code: the first push makes the replica
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        here: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{RegistryId: "111122223333", Region: us-west-2}]}]}}}
    - Resources:  # nothing was listed, as in code, and whether replication will bring it is known in part
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        here: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: {Unknown: "data.http.rules is not known"}}}}
    - Resources:  # both Regions cache it, and whether replication should have brought it was not seen
        nginx: *nginx
        here:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}
            PullThroughCacheRules: [{EcrRepositoryPrefix: hub/, UpstreamRegistryUrl: registry-1.docker.io}]
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}]}}
      Images: *cached
    - Resources:  # whether it is a cache was not seen
        nginx: *nginx
        here: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}}}
      Images: *cached
    - Resources: {nginx: *nginx, here: *hub, there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}}}}
      Images: *cached
    - Resources:
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Gaps:
        - {Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}
    - Resources:  # nobody looked there
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Scanned: [us-east-1]
    - Resources:  # whether there was anything to replicate was not seen to the end
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web, Incomplete: "page 1 of ecr:DescribeImages was throttled"}]
    - Resources:  # the first push was minutes ago
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web, Digest: first, Tags: ["1"], PushedAt: "2026-10-31T23:50:00Z"}]
  not_applicable:
    - primary: {RepositoryName: assets-us-east-1}  # named after its Region: another rule looks for assets-us-west-2
      standby: null
    - Resources:  # the standby's cache makes it again with the first pull
        nginx: *nginx
        here: *hub
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}]}}
      Images: *cached
    - Resources:  # what is archived is not replicated
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web, Digest: old, Status: ARCHIVED}]
    - Resources:  # nothing was pushed, so replication has had no reason to create it
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Images: [{Repository: shop/web}]
    - Resources:
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
"""

from scanner.images import RepositoryKey
from scanner.replication import counterpart_name, replicates_once_pushed
from scanner.rule import NotApplicable, Undecided, Violation
from scanner.workloads import cached_instead


def check(twin, model, parameters):
    if twin.standby is not None:
        return
    name, standby = twin.primary.name, twin.pair.standby
    if counterpart_name(name, twin.primary.place, standby) is not None:
        yield NotApplicable("The repository is named after its Region, so its counterpart has another name.")
        return
    absent = Violation(f"Repository '{name}' does not exist in '{standby}'; one of the same name was expected.")
    primary = RepositoryKey.of(twin.primary.place, name)
    if twin.primary.locations and primary not in model.images:
        # a file does not say what is in a repository; it is declared to hold something
        yield to_come(name, standby, model) if replicates_once_pushed(twin, model) else absent
        return
    found = model.images.missing(primary, None, model.as_of - parameters["grace"])
    if not found.images:
        yield NotApplicable("The repository holds no image that could be pulled, so there was nothing to replicate.")
    elif cached_instead(model, primary, standby):
        yield NotApplicable("A pull through cache of the standby makes the repository with the first pull.")
    elif not found.missing:
        yield Undecided(
            f"Repository '{name}' is not in '{standby}' yet; no image in it is older than the grace time, and replication "
            "creates it with the first one."
        )
    else:
        yield absent


def to_come(name, standby, model):
    """Return what holds for a repository of the code that a replication rule covers: it is new, or nobody looked."""
    if model.planned:
        return NotApplicable(f"The repository is new; replication creates it in '{standby}' with its first image.")
    return Undecided(
        f"Replication creates repository '{name}' in '{standby}' with the first image that is pushed; whether older images "
        "should be there is not in the code, so collect a snapshot to know."
    )
