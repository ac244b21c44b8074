"""
title: The standby's lifecycle policy does not archive what nobody pulls
severity: critical
link: lifecycle
resource: AWS::ECR::Repository
needs: [AWS::ECR::Image]
across: standby
when: pair.dr_class != 'active-active'
rationale: |
  A lifecycle rule that counts `sinceImagePulled` archives every image that was not pulled for so many days, counting from
  the push of one that never was. In the primary that spares what runs. In a standby nothing pulls, so in the end it
  archives every replica, those that production runs first of all, and an archived image cannot be pulled.
remediation: |
  Take the rule out of the standby's policy; count images or days since the push instead.

      aws ecr get-lifecycle-policy --region <standby> --repository-name <name> --query lifecyclePolicyText --output text > policy.json
      aws ecr put-lifecycle-policy --region <standby> --repository-name <name> --lifecycle-policy-text file://policy.json

  In CloudFormation: `LifecyclePolicy` of `AWS::ECR::Repository` and of `AWS::ECR::RepositoryCreationTemplate`; in
  Terraform: `aws_ecr_lifecycle_policy`. Bring back what is archived with
  `aws ecr update-image-storage-class --target-storage-class STANDARD`, which takes up to 20 minutes.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
controls:
  nist-800-53: [CP-9]
  iso-27001-2022: [A.8.13]
traps:
  - In an active-active pair both sides pull, so the rule does not apply, and standby-keeps-needed-images works out what is archived.
  - An image is left to the first rule whose tags it meets, so a rule for later priorities that no tagged image gets to does no harm.
  - A pattern `*` is for every image that has a tag, as `any` is, so no images have to be seen.
  - A rule for tags that no image of the primary has archives no release.
  - Of a repository that is named after its Region the standby has its own, whose policy is the one that counts.
  - For a repository that is still to be created, the policy of the creation template is the one that counts.
examples:
  pass:
    - primary: {RepositoryName: shop/web}
      standby: {RepositoryName: shop/web}  # no policy
    - primary: {RepositoryName: shop/web}
      standby:
        RepositoryName: shop/web
        LifecyclePolicy: {LifecyclePolicyText: '{"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 100}}]}'}
    - primary: {RepositoryName: shop/web}
      standby:  # untagged images alone
        RepositoryName: shop/web
        LifecyclePolicy: {LifecyclePolicyText: '{"rules": [{"rulePriority": 1, "action": {"type": "transition", "targetStorageClass": "archive"}, "selection": {"tagStatus": "untagged", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 90}}]}'}
    - Resources: &previews  # the rule is for tags that no release has
        primary: &web {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        standby:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            LifecyclePolicy: {LifecyclePolicyText: '{"rules": [{"rulePriority": 1, "action": {"type": "transition", "targetStorageClass": "archive"}, "selection": {"tagStatus": "tagged", "tagPrefixList": ["pr-"], "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 30}}]}'}
      Images: [{Repository: shop/web, Digest: first, Tags: [v1]}, {Repository: shop/web, Digest: child}, {Repository: shop/web, Digest: old, Tags: [pr-1], Status: ARCHIVED}]
    - Resources: &after-releases  # every tagged image is left to an earlier rule
        primary: *web
        standby:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            LifecyclePolicy:
              LifecyclePolicyText: >-
                {"rules": [{"rulePriority": 1, "action": {"type": "expire"},
                "selection": {"tagStatus": "tagged", "tagPrefixList": ["v"], "countType": "imageCountMoreThan", "countNumber": 100}},
                {"rulePriority": 2, "action": {"type": "transition", "targetStorageClass": "archive"},
                "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 30}}]}
      Images: [{Repository: shop/web, Digest: first, Tags: [v1]}]
    - Resources:  # the template for the repository to come
        primary: *web
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - Prefix: shop
                AppliedFor: [REPLICATION]
                LifecyclePolicy: '{"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 100}}]}'
  fail:
    - primary: {RepositoryName: shop/web}
      standby: &unpulled
        RepositoryName: shop/web
        LifecyclePolicy: {LifecyclePolicyText: '{"rules": [{"rulePriority": 1, "action": {"type": "transition", "targetStorageClass": "archive"}, "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 90}}]}'}
    - primary: {RepositoryName: shop/web}
      standby:  # whatever tag
        RepositoryName: shop/web
        LifecyclePolicy: {LifecyclePolicyText: '{"rules": [{"rulePriority": 1, "action": {"type": "transition", "targetStorageClass": "archive"}, "selection": {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 90}}]}'}
    - Resources: *after-releases  # a tag that the earlier rule is not about
      Images: [{Repository: shop/web, Digest: first, Tags: [v1]}, {Repository: shop/web, Digest: second, Tags: [stable]}]
    - Resources: *previews
      Images: [{Repository: shop/web, Digest: first, Tags: [v1]}, {Repository: shop/web, Digest: second, Tags: [pr-7, v2]}]
    - Resources:  # nothing was pushed yet
        primary: *web
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: *unpulled}
      Images: [{Repository: shop/web}]
    - Resources:  # an untagged rule comes first
        primary: *web
        standby:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            LifecyclePolicy:
              LifecyclePolicyText: >-
                {"rules": [{"rulePriority": 1, "action": {"type": "expire"},
                "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30}},
                {"rulePriority": 2, "action": {"type": "transition", "targetStorageClass": "archive"},
                "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 30}}]}
    - Resources:  # a rule for what is in the archive already comes first
        primary: *web
        standby:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            LifecyclePolicy:
              LifecyclePolicyText: >-
                {"rules": [{"rulePriority": 1, "action": {"type": "expire"},
                "selection": {"tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 365}},
                {"rulePriority": 2, "action": {"type": "transition", "targetStorageClass": "archive"},
                "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 90}}]}
    - Resources: &by-template
        primary: *web
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            RepositoryCreationTemplates:
              - Prefix: shop
                AppliedFor: [REPLICATION]
                LifecyclePolicy: '{"rules": [{"rulePriority": 1, "action": {"type": "transition", "targetStorageClass": "archive"}, "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 90}}]}'
    - Resources:  # the standby's own of a repository that is named after its Region
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: assets-us-east-1}}
        own: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {<<: *unpulled, RepositoryName: assets-us-west-2}}
    - Resources:  # a pilot light does not pull, nor does a warm standby all that it may need
        primary: *web
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: *unpulled}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}]
  unknown:
    - Resources: *previews  # files alone do not say which tags releases have
    - Resources: *after-releases
    - Resources: *previews
      Images: [{Repository: shop/web, Incomplete: "page 1 of ecr:DescribeImages was throttled"}]
    - primary: {RepositoryName: shop/web}
      standby: {RepositoryName: shop/web, LifecyclePolicy: {Unknown: "ecr:GetLifecyclePolicy was denied"}}
    - primary: {RepositoryName: shop/web}
      standby: {RepositoryName: shop/web, LifecyclePolicy: {LifecyclePolicyText: "no JSON"}}
    - Resources:
        primary: *web
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: {Unknown: "ecr:DescribeRepositoryCreationTemplates was denied"}}}
  not_applicable:
    - Resources:
        primary: *web
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: *unpulled}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}, {primary: us-west-2, standby: us-east-1, dr_class: active-active}]
    - Resources: *by-template  # ECR creates nothing there
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
    - Resources: {primary: *web, registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: []}}}
    - Resources: {primary: *web, registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {RepositoryCreationTemplates: [{Prefix: shop, AppliedFor: [REPLICATION]}]}}}
    - primary: {RepositoryName: shop/web}
      standby: null
"""

from scanner.images import RepositoryKey
from scanner.lifecycle import PULLED, claims, selections
from scanner.replication import counterpart, lifecycle_to_come
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

IN_ARCHIVE = "sinceImageTransitioned"
"""The count type of rules for what is in the archive already."""


def check(twin, model, parameters):
    name, standby, there = twin.primary.name, twin.pair.standby, counterpart(twin)
    if there is None:
        text = lifecycle_to_come(model, name, twin.pair)
        if text is None:
            yield NotApplicable("The repository does not exist in the standby, and no template will give it a policy.")
            return
    else:
        policy, name = there["LifecyclePolicy"], there.name
        text = policy["LifecyclePolicyText"] if policy else None
    rules = [rule for rule in selections(text) if rule[1] != "untagged" and rule[2] != IN_ARCHIVE] if text else []
    by_pull = [priority for priority, _, count_type in rules if count_type == PULLED]
    if not by_pull:
        return
    subject = f"The lifecycle policy of repository '{name}' in '{standby}' archives what nobody pulls: its rule"
    expected = f"no rule that counts '{PULLED}' was expected in a standby"
    if rules[0][1] in ("any", "*") and rules[0][2] == PULLED:
        yield Violation(f"{subject} '{by_pull[0]}' is for every image that has a tag; {expected}.")
        return
    tagged = tagged_images(twin, model)
    claimed = claims(text, tagged)
    reached = [image for image in tagged if image.digest in claimed and claimed[image.digest][1] == PULLED]
    yield Evidence(tagged=len(tagged), archived_unless_pulled=len(reached))
    if reached:
        image = reached[0]
        yield Violation(
            f"{subject} '{claimed[image.digest][0]}' is for {len(reached)} of {len(tagged)} tagged images, such as "
            f"'{image.tags[0]}'; {expected}."
        )
    elif not tagged:
        yield Undecided(
            f"Rule '{by_pull[0]}' of the standby's lifecycle policy counts from the last pull; whether it is for tags that "
            "releases have cannot be told without images."
        )


def tagged_images(twin, model):
    """Return the tagged images of the primary that can be pulled; none where only a file speaks of it."""
    key = RepositoryKey.of(twin.primary.place, twin.primary.name)
    if twin.primary.locations and key not in model.images:
        return []
    return [image for image in model.images.images(key) if image.tags and image.status == "ACTIVE"]
