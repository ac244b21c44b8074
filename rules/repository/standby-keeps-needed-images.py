"""
title: The standby's lifecycle policy keeps the images that are needed
severity: high
link: lifecycle
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
  within:
    description: An image that the policy will reach within this time counts as removed.
    type: string
    format: duration
    default: 7d
  newest:
    description: So many of the newest tagged images of the primary are needed where no workload is known to run any.
    type: integer
    minimum: 1
    default: 3
  releases:
    description: So many of the newest tagged images of the primary are needed beside what runs, to roll back to.
    type: integer
    minimum: 0
    default: 0
rationale: |
  A lifecycle policy acts in its own Region alone, on what it finds there. Nothing pulls from a standby, its push times are
  its own, and replicas may have lost their tags: a policy that is harmless in the primary can remove, in the standby, the
  very image that production runs. An image that the policy moves to the archive cannot be pulled either.

  The policy is worked out offline, image by image. Needed are the images that workloads run and those their tags name.
remediation: |
  Loosen the rule that is named: a greater count or age, a pattern that leaves releases out, and in a standby no rule for
  untagged images and none that counts from the last pull.

      aws ecr get-lifecycle-policy --region <standby> --repository-name <name> --query lifecyclePolicyText --output text > policy.json
      aws ecr put-lifecycle-policy --region <standby> --repository-name <name> --lifecycle-policy-text file://policy.json

  In CloudFormation: `LifecyclePolicy` of `AWS::ECR::Repository`; for repositories to come, of
  `AWS::ECR::RepositoryCreationTemplate`. In Terraform: `aws_ecr_lifecycle_policy`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/lp_creation.html
traps:
  - >-
    The text of a policy does not tell what it removes: it is worked out on the digests in the standby, where push
    times and neighbours are others than in the primary.
  - The children of an index are untagged by nature, and the index protects them; signatures are too, and go only with what they sign.
  - A replica that lost its tag falls to a rule for untagged images although the primary's copy is tagged.
  - An image that is moved to the archive is still listed, and cannot be pulled.
  - >-
    A repository that is still to be created gets the policy of the creation template with the longest prefix that is for
    replication. All copies will be new then, and nobody knows in which order they come, so a count smaller than the
    number of images decides nothing.
  - Of a repository that is named after its Region, as the CDK makes them, the standby has its own, with a policy of its own; its own build of a needed tag is needed too.
controls:
  nist-800-53: [CM-3, CP-9]
  aws-well-architected: [REL13-BP04]
examples:
  pass:
    - Resources: &no-policy  # nothing removes anything
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
    - Resources: &newest-two
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: &keeps-two
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            LifecyclePolicy:
              LifecyclePolicyText: >-
                {"rules": [{"rulePriority": 1, "action": {"type": "expire"},
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2}}]}
        web: &runs-second
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:2}
      Images: &three-releases
        - {Repository: shop/web, Digest: first, Tags: ["1"]}
        - {Repository: shop/web, Digest: second, Tags: ["2"]}
        - {Repository: shop/web, Digest: third, Tags: ["3"]}
        - {Repository: shop/web, Digest: first, Tags: ["1"], Region: us-west-2, PushedAt: "2026-10-01T00:00:00Z"}
        - {Repository: shop/web, Digest: second, Tags: ["2"], Region: us-west-2, PushedAt: "2026-10-02T00:00:00Z"}
        - {Repository: shop/web, Digest: third, Tags: ["3"], Region: us-west-2, PushedAt: "2026-10-03T00:00:00Z"}
    - Resources: *newest-two  # children of an index are protected by it, and the index is among the newest
      Images:
        - &index {Repository: shop/web, Digest: list, Tags: ["2"], MediaType: application/vnd.oci.image.index.v1+json}
        - {<<: *index, Region: us-west-2, PushedAt: "2026-10-03T00:00:00Z"}
        - {Repository: shop/web, Digest: amd64, Region: us-west-2, PushedAt: "2026-10-02T00:00:00Z", MediaType: application/vnd.oci.image.manifest.v1+json}
    - Resources:  # the signature has no tag, and what it signs has one
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: &drops-untagged
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            LifecyclePolicy:
              LifecyclePolicyText: >-
                {"rules": [{"rulePriority": 1, "action": {"type": "expire"},
                "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}}]}
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:2}
              - {ContainerName: signature, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web, ImageDigest: signed}
      Images:
        - {Repository: shop/web, Digest: second, Tags: ["2"]}
        - {Repository: shop/web, Digest: second, Tags: ["2"], Region: us-west-2}
        - {Repository: shop/web, Digest: signed, Subject: second, Region: us-west-2}
    - Resources: *newest-two  # one release to roll back to
      Parameters: {releases: 2}
      Images: &dated
        - {Repository: shop/web, Digest: first, Tags: ["1"], PushedAt: "2026-09-01T00:00:00Z"}
        - {Repository: shop/web, Digest: second, Tags: ["2"], PushedAt: "2026-09-02T00:00:00Z"}
        - {Repository: shop/web, Digest: third, Tags: ["3"], PushedAt: "2026-09-03T00:00:00Z"}
        - {Repository: shop/web, Digest: first, Tags: ["1"], Region: us-west-2, PushedAt: "2026-10-01T00:00:00Z"}
        - {Repository: shop/web, Digest: second, Tags: ["2"], Region: us-west-2, PushedAt: "2026-10-02T00:00:00Z"}
        - {Repository: shop/web, Digest: third, Tags: ["3"], Region: us-west-2, PushedAt: "2026-10-03T00:00:00Z"}
    - Resources: &to-come  # not created yet: the template with the longest prefix counts, and untagged images are not needed
        primary: &web {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        web: *runs-second
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - {Prefix: ROOT, AppliedFor: [REPLICATION], LifecyclePolicy: &one-day '{"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}}]}'}
              - {Prefix: shop, AppliedFor: [REPLICATION], LifecyclePolicy: '{"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}}]}'}
      Images: &in-primary
        - {Repository: shop/web, Digest: first, Tags: ["1"], PushedAt: "2020-10-01T00:00:00Z"}
        - {Repository: shop/web, Digest: second, Tags: ["2"], PushedAt: "2020-10-01T00:00:00Z"}
    - Resources: &after-eight-days  # by then it will be judged where it is
        primary: *web
        web: *runs-second
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - {Prefix: shop, AppliedFor: [REPLICATION], LifecyclePolicy: '{"rules": [{"rulePriority": 1, "action": {"type": "transition", "targetStorageClass": "archive"}, "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 8}}]}'}
      Images:
        - {Repository: shop/web, Digest: second, Tags: ["2"], PushedAt: "2020-10-01T00:00:00Z", LastPulledAt: "2020-10-02T00:00:00Z"}
    - Resources: &keeps-two-to-come  # as many as there are, the archived one left out
        primary: *web
        web: *runs-second
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - {Prefix: shop, AppliedFor: [REPLICATION], LifecyclePolicy: '{"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2}}]}'}
      Images:
        - {Repository: shop/web, Digest: first, Tags: ["1"]}
        - {Repository: shop/web, Digest: second, Tags: ["2"]}
        - {Repository: shop/web, Digest: third, Tags: ["3"], Status: ARCHIVED}
    - Resources: &named-after-region  # the standby's own repository has no policy, whatever the replica's does
        primary: &assets {Type: AWS::ECR::Repository, Properties: {RepositoryName: assets-us-east-1}}
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: assets-us-east-1, LifecyclePolicy: {LifecyclePolicyText: *one-day}}}
        own: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: assets-us-west-2}}
        web: &runs-asset
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages: [{ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/assets-us-east-1:abc"}]
      Images: &asset
        - {Repository: assets-us-east-1, Digest: first, Tags: [abc]}
        - {Repository: assets-us-east-1, Digest: first, Tags: [abc], Region: us-west-2}
        - {Repository: assets-us-west-2, Digest: first, Tags: [abc], Region: us-west-2}
    - Resources:  # what its policy removes is under a tag that nothing needs
        primary: *assets
        own: &drops-all {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: assets-us-west-2, LifecyclePolicy: {LifecyclePolicyText: *one-day}}}
        web: *runs-asset
      Images:
        - {Repository: assets-us-east-1, Digest: first, Tags: [abc]}
        - {Repository: assets-us-east-1, Digest: old, Tags: [old]}
        - {Repository: assets-us-west-2, Digest: other, Tags: [old], Region: us-west-2}
  fail:
    - Resources: *newest-two  # two releases to roll back to, of which one goes
      Parameters: {releases: 3}
      Images: *dated
    - Resources:  # one day after it came, it goes again
        primary: *web
        web: *runs-second
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - {Prefix: shop, AppliedFor: [REPLICATION], LifecyclePolicy: *one-day}
      Images: *in-primary
    - Resources:  # the standby's own repository, of the same build
        primary: *assets
        own: *drops-all
        web: *runs-asset
      Images: *asset
    - Resources:  # of a build of its own
        primary: *assets
        own: *drops-all
        web: *runs-asset
      Images:
        - {Repository: assets-us-east-1, Digest: first, Tags: [abc]}
        - {Repository: assets-us-west-2, Digest: other, Tags: [abc], Region: us-west-2}
    - Resources:  # it has no repository of its own: the replica counts
        primary: *assets
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: assets-us-east-1, LifecyclePolicy: {LifecyclePolicyText: *one-day}}}
        web: *runs-asset
      Images: *asset
    - Resources:  # the running image is the third newest
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: *keeps-two
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1}
      Images: *three-releases
    - Resources:  # nothing runs: the newest three are needed
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: *keeps-two
      Images: *three-releases
    - Resources:  # the image will be 30 days old in the standby within a week
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            LifecyclePolicy:
              LifecyclePolicyText: >-
                {"rules": [{"rulePriority": 1, "action": {"type": "transition", "targetStorageClass": "archive"},
                "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 30}}]}
        web: *runs-second
      Images:
        - {Repository: shop/web, Digest: second, Tags: ["2"], PushedAt: "2026-10-05T00:00:00Z"}
        - {Repository: shop/web, Digest: second, Tags: ["2"], PushedAt: "2026-10-05T00:00:00Z", Region: us-west-2}
    - Resources:  # the replica lost its tag to an immutable one
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: *drops-untagged
        web: *runs-second
      Images:
        - &plain {Repository: shop/web, Digest: second, Tags: ["2"], MediaType: application/vnd.oci.image.manifest.v1+json}
        - {<<: *plain, Tags: [], Region: us-west-2}
  unknown:
    - Resources: *keeps-two-to-come  # which of three will come last is not known
      Images:
        - {Repository: shop/web, Digest: first, Tags: ["1"]}
        - {Repository: shop/web, Digest: second, Tags: ["2"]}
        - {Repository: shop/web, Digest: third, Tags: ["3"]}
    - Resources:
        primary: *web
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: {Unknown: "ecr:DescribeRepositoryCreationTemplates was denied"}}}
      Images: *in-primary
    - Resources:  # whether the standby has its own repository was not seen
        primary: *assets
        web: *runs-asset
      Images: *asset
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources: *newest-two
      Images:
        - {Repository: shop/web, Digest: second, Tags: ["2"]}
        - {Repository: shop/web, Region: us-west-2, Incomplete: "page 2 of ecr:DescribeImages was throttled"}
    - Resources: *newest-two
      Images: *three-releases
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources:
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/web, LifecyclePolicy: {Unknown: "ecr:GetLifecyclePolicy was denied"}}
    - Resources:  # an untagged image beside an index may be one of its children
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby: *drops-untagged
        web: *runs-second
      Images:
        - *plain
        - {<<: *plain, Tags: [], Region: us-west-2}
        - {<<: *index, Tags: ["9"], Region: us-west-2}
    - Resources:
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/web, LifecyclePolicy: {LifecyclePolicyText: "no JSON"}}
        web: *runs-second
      Images: *three-releases
  not_applicable:
    - primary: {RepositoryName: shop/web}
      standby: null
    - Resources: *newest-two  # files alone
    - Resources: *to-come
    - Resources: *to-come  # every pipeline pushes to both, so ECR creates nothing
      Images: *in-primary
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
"""

from scanner.images import RepositoryKey
from scanner.lifecycle import as_copied, evaluate
from scanner.references import uses
from scanner.replication import counterpart, lifecycle_to_come
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import needed_digests


def check(twin, model, parameters):
    name, standby = twin.primary.name, twin.pair.standby
    primary, there = RepositoryKey.of(twin.primary.place, name), counterpart(twin)
    replica = RepositoryKey.of(standby, there.name) if there else None
    only_files = bool(twin.primary.locations) and (replica or primary) not in model.images
    if only_files and (there is None or there["LifecyclePolicy"] is not None):
        yield NotApplicable("A file does not say which images a repository holds; collect a snapshot to know.")
        return
    text = policy_text(there, twin, model)
    if text is None:
        if there is None:
            yield NotApplicable("The repository does not exist in the standby, and no template will give it a policy.")
        return
    found = uses(model, twin.primary.place)
    running = found.of(name)
    if not running and found.unseen:
        yield Undecided(f"Workloads may need images that were not seen: {found.unseen[0]}.")
        return
    needed, unresolved = needed_digests(model, running, primary, parameters["newest"])
    if parameters["releases"]:
        releases, _ = needed_digests(model, (), primary, parameters["releases"])
        needed = releases | needed  # of what is both, it counts that it runs
    copies = model.images.images(replica) if replica else as_copied(model.images.images(primary), model.as_of)
    if there and there.name != name:
        needed |= own_builds(needed, model.images.images(primary), copies)
    outcome = evaluate(text, copies, model.as_of, needed)

    due = outcome.due(model.as_of + parameters["within"])
    removed = sorted((due[digest] for digest in needed if digest in due), key=lambda r: (r.on_or_after, r.digest))
    unclear = sorted(digest for digest in needed if digest in outcome.undecided)
    yield Evidence(
        needed=len(needed), removed={r.digest: r.on_or_after.isoformat() for r in removed}, undecided=unclear
    )
    where = f"repository '{there.name if there else name}' in '{standby}'"
    if there is None:
        where = f"the creation template for {where}"
    if removed:
        first = removed[0]
        yield Violation(
            f"Lifecycle rule '{first.rule_priority}' of {where} will '{first.action}' "
            f"'{first.digest}', {needed[first.digest]}, from '{first.on_or_after:%Y-%m-%d}' on; '{len(removed)}' of "
            f"'{len(needed)}' needed images go, and all were expected to stay.",
            related=(there,) if there else (),
        )
    elif unclear:
        yield Undecided(
            f"Whether the lifecycle policy of {where} keeps image '{unclear[0]}' cannot be "
            f"decided: {outcome.undecided[unclear[0]]}."
        )
    elif unresolved or found.unseen:
        yield Undecided(f"Workloads may need images that were not seen: {(unresolved or found.unseen)[0]}.")


def policy_text(repository, twin, model):
    """Return the lifecycle policy of a repository, or the one it will have once ECR creates it; None for none."""
    if repository is None:
        return lifecycle_to_come(model, twin.primary.name, twin.pair)
    policy = repository["LifecyclePolicy"]
    return policy["LifecyclePolicyText"] if policy else None


def own_builds(needed, originals, copies):
    """Return digest -> why for what the standby has built itself under the tags of images that are needed."""
    tags = {tag for image in originals if image.digest in needed for tag in image.tags}
    builds = ((image, tags.intersection(image.tags)) for image in copies if image.digest not in needed)
    return {image.digest: f"the standby's own build of '{min(shared)}'" for image, shared in builds if shared}
