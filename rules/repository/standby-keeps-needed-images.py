"""
title: The standby's lifecycle policy keeps the images that are needed
severity: high
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
  - The children of an index are untagged by nature, and the index protects them.
  - A replica that lost its tag falls to a rule for untagged images although the primary's copy is tagged.
  - An image that is moved to the archive is still listed, and cannot be pulled.
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
  fail:
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
        standby: &drops-untagged
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            LifecyclePolicy:
              LifecyclePolicyText: >-
                {"rules": [{"rulePriority": 1, "action": {"type": "expire"},
                "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}}]}
        web: *runs-second
      Images:
        - &plain {Repository: shop/web, Digest: second, Tags: ["2"], MediaType: application/vnd.oci.image.manifest.v1+json}
        - {<<: *plain, Tags: [], Region: us-west-2}
  unknown:
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
"""

from scanner.images import RepositoryKey
from scanner.lifecycle import evaluate
from scanner.references import uses
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import needed_digests


def check(twin, model, parameters):
    if twin.standby is None:
        yield NotApplicable("The repository does not exist in the standby, so no policy acts on it.")
        return
    policy = twin.standby["LifecyclePolicy"]
    if policy is None:
        return
    name, standby = twin.primary.name, twin.pair.standby
    if twin.primary.locations and RepositoryKey.of(standby, name) not in model.images:
        yield NotApplicable("A file does not say which images a repository holds; collect a snapshot to know.")
        return
    found = uses(model, twin.primary.place)
    primary = RepositoryKey.of(twin.primary.place, name)
    running = found.of(name)
    if not running and found.unseen:
        yield Undecided(f"Workloads may need images that were not seen: {found.unseen[0]}.")
        return
    needed, unresolved = needed_digests(model, running, primary, parameters["newest"])
    replicas = model.images.images(RepositoryKey.of(standby, name))
    outcome = evaluate(policy["LifecyclePolicyText"], replicas, model.as_of)

    due = outcome.due(model.as_of + parameters["within"])
    removed = sorted((due[digest] for digest in needed if digest in due), key=lambda r: (r.on_or_after, r.digest))
    unclear = sorted(digest for digest in needed if digest in outcome.undecided)
    yield Evidence(
        needed=len(needed), removed={r.digest: r.on_or_after.isoformat() for r in removed}, undecided=unclear
    )
    if removed:
        first = removed[0]
        yield Violation(
            f"Lifecycle rule '{first.rule_priority}' of repository '{name}' in '{standby}' will '{first.action}' "
            f"'{first.digest}', {needed[first.digest]}, from '{first.on_or_after:%Y-%m-%d}' on; '{len(removed)}' of "
            f"'{len(needed)}' needed images go, and all were expected to stay.",
            related=(twin.standby,),
        )
    elif unclear:
        yield Undecided(
            f"Whether the lifecycle policy of repository '{name}' in '{standby}' keeps image '{unclear[0]}' cannot be "
            f"decided: {outcome.undecided[unclear[0]]}."
        )
    elif unresolved or found.unseen:
        yield Undecided(f"Workloads may need images that were not seen: {(unresolved or found.unseen)[0]}.")
