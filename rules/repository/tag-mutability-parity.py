"""
title: Tags are as mutable in the standby as in the primary
severity: medium
resource: AWS::ECR::Repository
across: standby
when: standby
rationale: |
  Replication does not copy tag mutability: a repository that ECR creates in the standby is MUTABLE unless a creation
  template says otherwise. Mutable replicas of immutable tags may be overwritten where nobody expects it, and an immutable
  replica of a mutable repository refuses moved tags: ECR then replicates the image without the tag.
remediation: |
  Give the standby's repository the setting of the primary's.

      aws ecr put-image-tag-mutability --region <standby> --repository-name <name> --image-tag-mutability IMMUTABLE

  For `*_WITH_EXCLUSION` add `--image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=<pattern>`. In
  CloudFormation: `ImageTagMutability` and `ImageTagMutabilityExclusionFilters` of `AWS::ECR::Repository`; for repositories
  to come, an `AWS::ECR::RepositoryCreationTemplate` in the standby with `AppliedFor: [REPLICATION]`. In Terraform:
  `image_tag_mutability` and `image_tag_mutability_exclusion_filter` of `aws_ecr_repository`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
traps:
  - A setting that is left out is AWS's default, MUTABLE, and equal to one that says so.
  - Exclusion filters have no order, so the same ones in another order are equal.
  - >-
    A pull through cache moves the tags of its repositories as upstream does, which immutable ones do not allow: where one
    fills the repository on either side, no parity is asked for, and a standby with immutable tags is what fails.
  - Code that declares a repository and no rule of a cache makes it for images of its own, so it is judged; in an account, rules that were not seen leave it open.
  - Under a cache rule for everything (`ROOT`) images may be cached or pushed, so whether parity is asked for is unknown.
controls:
  nist-800-53: [CM-2]
  aws-well-architected: [REL13-BP04]
examples:
  pass:
    - primary: {ImageTagMutability: IMMUTABLE}
      standby: {ImageTagMutability: IMMUTABLE}
    - primary: {}  # AWS's default is MUTABLE
      standby: {ImageTagMutability: MUTABLE}
    - primary: &latest-and-dev
        ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
        ImageTagMutabilityExclusionFilters:
          - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: latest}
          - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: dev-*}
      standby:  # in another order
        ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
        ImageTagMutabilityExclusionFilters:
          - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: dev-*}
          - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: latest}
  fail:
    - primary: {ImageTagMutability: IMMUTABLE}
      standby: {}
    - primary: {ImageTagMutability: MUTABLE}
      standby: {ImageTagMutability: IMMUTABLE}
    - primary: *latest-and-dev
      standby:
        ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
        ImageTagMutabilityExclusionFilters:
          - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: latest}
    - Resources: &cached-here  # what moves in the cache would be replicated without its tag
        nginx: &moves {Type: AWS::ECR::Repository, Properties: {RepositoryName: hub/nginx}}
        copy: &stays {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: hub/nginx, ImageTagMutability: IMMUTABLE}}
        here: &caches-here {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [&hub {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}]}}
    - Resources:  # neither leaves the cache its tags
        nginx: &stays-here {Type: AWS::ECR::Repository, Properties: {RepositoryName: hub/nginx, ImageTagMutability: IMMUTABLE}}
        copy:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: hub/nginx
            ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
            ImageTagMutabilityExclusionFilters: [{ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: latest}]
        there: &caches-there {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*hub]}}
    - Resources:  # no cache is for this one
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: hubble/web, ImageTagMutability: IMMUTABLE}}
        copy: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: hubble/web}}
        there: *caches-there
    - Resources:  # code declares no caches, so a repository in it is none
        nginx: *stays-here
        copy: &moves-there {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: hub/nginx}}
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: {Unknown: the file does not declare it}}}
  unknown:
    - Resources:  # a rule for everything
        nginx: *stays-here
        copy: *moves-there
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: ROOT, UpstreamRegistryUrl: quay.io}]}}
    - primary: {ImageTagMutability: IMMUTABLE}
      standby: {ImageTagMutability: {Unknown: "a variable without a value"}}
    - primary: *latest-and-dev
      standby: {ImageTagMutability: IMMUTABLE_WITH_EXCLUSION, ImageTagMutabilityExclusionFilters: {Unknown: "a variable"}}
  not_applicable:
    - Resources:  # a cache fills the standby's
        nginx: *stays-here
        copy: *moves-there
        there: *caches-there
    - Resources:  # a cache fills the primary's, which should be mutable itself
        nginx: *stays-here
        copy: *moves-there
        here: *caches-here
    - primary: {ImageTagMutability: IMMUTABLE}
      standby: null
"""

from scanner.images import RepositoryKey
from scanner.model import InsufficientData
from scanner.replication import ROOT
from scanner.rule import NotApplicable, Violation
from scanner.workloads import cache_of


def check(twin, model, parameters):
    expected, found = setting_of(twin.primary), setting_of(twin.standby)
    if found == expected:
        return
    reason = "as in the primary"
    if expected != "MUTABLE" and (is_cache(twin.primary, model) or is_cache(twin.standby, model)):
        if found == "MUTABLE":
            yield NotApplicable("A pull through cache fills the repository, and its tags have to be mutable for that.")
            return
        expected, reason = "MUTABLE", "for a pull through cache fills it"
    yield Violation(
        f"The tags of repository '{twin.primary.name}' are '{found}' in '{twin.pair.standby}'; '{expected}' was "
        f"expected, {reason}.",
        "/ImageTagMutability",
    )


def setting_of(repository):
    """Return the mutability of a repository's tags, with the patterns that are excluded from it in order."""
    filters = repository["ImageTagMutabilityExclusionFilters"] or ()
    excluded = sorted(item["ImageTagMutabilityExclusionFilterValue"] or "" for item in filters)
    return repository["ImageTagMutability"] + (f" except {', '.join(excluded)}" if excluded else "")


def is_cache(repository, model):
    """Tell whether a pull through cache fills a repository; raise `InsufficientData` if that was not seen.

    Code that declares a repository and no rule of a cache makes it for images of its own: a cache makes its own.
    """
    try:
        cache = cache_of(model, RepositoryKey.of(repository.place, repository.name))
    except InsufficientData:
        if repository.locations:
            return False
        raise
    if cache is not None and cache.prefix == ROOT:
        raise InsufficientData(
            f"whether a cache for everything fills '{repository.name}' in {repository.place} is not known"
        )
    return cache is not None
