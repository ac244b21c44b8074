"""
title: A repository named after the primary Region has a counterpart in the standby
severity: high
resource: AWS::ECR::Repository
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
parameters:
  newest:
    description: So many of the newest tagged images of the primary are needed where no workload is known to run any.
    type: integer
    minimum: 1
    default: 3
rationale: |
  Replication keeps the name of a repository. What is called `cdk-hnb659fds-container-assets-<account>-us-east-1` arrives in
  the standby under the primary's name, while a stack that is deployed there, as every CDK stack is, pulls from the
  repository with the standby's name. Only what was published there as well can start.
remediation: |
  Deploy the application to both Regions, so that each publishes its own assets, or publish them without deploying.

      cdk deploy --all --context region=<standby>
      npx cdk-assets publish --path cdk.out/<stack in the standby>.assets.json

  Or push images to repositories whose names hold no Region (`shop/web`), by a pipeline or with
  `AppStagingSynthesizer`, and let ECR replicate those. In CloudFormation: a `RepositoryName` without `${AWS::Region}`; in
  Terraform: a `name` without the Region.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
controls:
  aws-well-architected: [REL13-BP04]
traps:
  - An application that is deployed in each Region publishes its assets in each, so the counterpart with the needed images is enough.
  - A build in each Region gives one asset two digests, so a tag that is the hash of its sources, as with the CDK, counts as well.
  - Any other tag may name an older build there, `latest` above all, so an image that is there under one of those alone is undecided.
  - Only the primary's own Region in the name matters; that of another one does no harm.
  - A Region is a word of its own in the name, so `us-east-10` and `bus-east-1` do not hold `us-east-1`.
  - An account number in the name is that of the standby's account in the counterpart.
examples:
  pass:
    - primary: {RepositoryName: shop/web}
      standby: {RepositoryName: shop/web}
    - primary: {RepositoryName: assets-us-west-2}
      standby: null
    - primary: {RepositoryName: assets-us-east-10}
      standby: null
    - primary: {RepositoryName: bus-east-1/tickets}
      standby: null
    - Resources: &bootstrapped
        east: &east {Type: AWS::ECR::Repository, Properties: {RepositoryName: cdk-hnb659fds-container-assets-111122223333-us-east-1}}
        west: &west {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: cdk-hnb659fds-container-assets-111122223333-us-west-2}}
    - Resources: &runs
        east: *east
        west: *west
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/cdk-hnb659fds-container-assets-111122223333-us-east-1:5f0d", ImageDigest: built-in-the-east}
      Images:  # the same asset, built twice; an older one was never published there
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: built-in-the-east, Tags: [5f0d]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: old, Tags: [01aa]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Digest: built-in-the-west, Tags: [5f0d], Region: us-west-2}
    - Resources: *runs  # the same digest under no tag
      Images:
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: built-in-the-east, Tags: [5f0d]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Digest: built-in-the-east, Region: us-west-2}
    - Resources:  # the account of the standby is in its name
        east: *east
        west: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: cdk-hnb659fds-container-assets-444455556666-us-west-2}}
      Pairs: [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "444455556666", region: us-west-2}}]
  fail:
    - Resources: {east: *east}
    - Resources:  # the replica under the primary's name is nobody's
        east: *east
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: cdk-hnb659fds-container-assets-111122223333-us-east-1}}
    - Resources: *runs
      Images:
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: built-in-the-east, Tags: [5f0d]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Digest: old, Tags: [01aa], Region: us-west-2}
    - Resources: *bootstrapped  # nothing is known to run: the newest are needed
      Images:
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: first, Tags: [5f0d]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Region: us-west-2}
    - Resources: *runs  # archived, it cannot be pulled
      Images:
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: built-in-the-east, Tags: [5f0d]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Digest: built-in-the-east, Tags: [5f0d], Status: ARCHIVED, Region: us-west-2}
  unknown:
    - Resources: {east: *east}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources: *runs
      Images:
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: built-in-the-east, Tags: [5f0d]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Region: us-west-2, Incomplete: "page 1 of ecr:DescribeImages was throttled"}
    - Resources: &moving  # a tag that moves may mean an older build there
        east: *east
        west: *west
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/cdk-hnb659fds-container-assets-111122223333-us-east-1:latest", ImageDigest: built-in-the-east}
      Images:
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: built-in-the-east, Tags: [latest, "1.2"]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Digest: built-in-the-west, Tags: [latest, "1.2"], Region: us-west-2}
    - Resources: *bootstrapped  # what runs was not seen
      Images:
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: first, Tags: [5f0d]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Digest: first, Tags: [5f0d], Region: us-west-2}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources:  # the tag that runs is gone
        east: *east
        west: *west
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages: [{ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/cdk-hnb659fds-container-assets-111122223333-us-east-1:gone"}]
      Images:
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-east-1, Digest: first, Tags: [5f0d]}
        - {Repository: cdk-hnb659fds-container-assets-111122223333-us-west-2, Digest: first, Tags: [5f0d], Region: us-west-2}
  not_applicable:
    - Resources: {west: *west}
"""

import re

from scanner.images import RepositoryKey
from scanner.references import uses
from scanner.replication import counterpart_name
from scanner.rule import Evidence, Undecided, Violation
from scanner.workloads import needed_digests

HASH = re.compile("[0-9a-f]{4,64}")
"""A tag made of what the image was built from."""


def check(twin, model, parameters):
    name, place, standby = twin.primary.name, twin.primary.place, twin.pair.standby
    other = counterpart_name(name, place, standby)
    if other is None:
        return
    if model.find("AWS::ECR::Repository", other, standby, code=bool(twin.primary.locations)) is None:
        yield Violation(
            f"Repository '{name}' has its Region in its name and no counterpart in '{standby}'; '{other}' was expected."
        )
        return
    here, there = RepositoryKey.of(place, name), RepositoryKey.of(standby, other)
    if twin.primary.locations and here not in model.images:
        return
    found = uses(model, place)
    running = found.of(name)
    if not running and found.unseen:
        yield Undecided(f"Workloads may need images that were not seen: {found.unseen[0]}.")
        return
    needed, unresolved = needed_digests(model, running, here, parameters["newest"])
    tags_of = {
        digest: tags_there(digest, here, there, model) for digest in needed if not can_be_pulled(there, digest, model)
    }
    absent = [digest for digest, tags in tags_of.items() if not tags]
    rebuilt = [digest for digest, tags in tags_of.items() if tags and not any(map(HASH.fullmatch, tags))]
    yield Evidence(counterpart=other, needed=len(needed), absent=sorted(absent)[:5])
    if absent:
        yield Violation(
            f"Repository '{other}' in '{standby}' has '{absent[0]}' neither by digest nor by tag, {needed[absent[0]]}; "
            f"{len(absent)} of {len(needed)} needed images are absent, and all were expected."
        )
    elif rebuilt:
        yield Undecided(
            f"Image '{rebuilt[0]}' of repository '{name}' is in its counterpart '{other}' in '{standby}' under the tag "
            f"'{tags_of[rebuilt[0]][0]}' alone, on other bytes; whether that is the same build is not known."
        )
    elif unresolved or found.unseen:
        yield Undecided(f"Workloads may need images that were not seen: {(unresolved or found.unseen)[0]}.")


def can_be_pulled(repository, digest, model):
    image = model.images.get(repository, digest)
    return image is not None and image.status == "ACTIVE"


def tags_there(digest, here, there, model):
    """Return the tags of an image under which some build can be pulled from the counterpart."""
    image = model.images.get(here, digest)
    found = {tag: model.images.tagged(there, tag) for tag in (image.tags if image else ())}
    return [tag for tag, build in found.items() if build is not None and build.status == "ACTIVE"]
