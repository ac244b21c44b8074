r"""
title: No image that runs in the primary is archived in the standby
severity: critical
link: status
resource:
  - AWS::ECS::Service
  - AWS::ECS::Task
  - AWS::Lambda::Function
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
needs: [AWS::ECR::Repository, AWS::ECR::Image]
across: standby
rationale: |
  An image in the archive storage class of ECR is listed like any other, but a pull of it is answered with 404. To
  restore it takes up to about 20 minutes, longer than many recovery time objectives. Nothing pulls from a standby, so
  a lifecycle rule that archives what was not pulled for a while archives there what production runs.
remediation: |
  Restore the image, and wait until its status is ACTIVE:

      aws ecr update-image-storage-class --region <standby> --repository-name <repository> \
          --image-id imageDigest=<digest> --target-storage-class STANDARD

  Then remove what archived it: a rule with `"countType": "sinceImagePulled"` in the lifecycle policy of the standby's
  repository, or in the repository creation template it came from (`LifecyclePolicy` in CloudFormation; in Terraform
  `aws_ecr_lifecycle_policy`, and `lifecycle_policy` of `aws_ecr_repository_creation_template`).
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html
traps:
  - A copy that is being restored is listed as ACTIVATING; a pull of it still fails, so the rule does too, at medium severity since that ends by itself.
  - Archiving is per Region, so the state of the primary's copy says nothing and is not looked at.
  - Images that nothing runs may rest in the archive, so only what runs is judged.
  - An image that is missing altogether is for image-running-digest-in-standby to judge.
  - A list that leaves archived images out, as that of ECR does by default, would call them missing; all are listed.
controls:
  aws-well-architected: [REL13-BP02]
  nist-800-53: [CP-10]
examples:
  pass:
    - Resources: &api
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
      Images:
        - {Repository: shop/api, Digest: api-12}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2}
    - Resources: *api  # what nobody runs may rest in the archive, on both sides
      Images:
        - {Repository: shop/api, Digest: api-12}
        - {Repository: shop/api, Digest: api-11, Status: ARCHIVED}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2}
        - {Repository: shop/api, Digest: api-11, Region: us-west-2, Status: ARCHIVED}
    - Resources: *api  # archiving is per Region: the primary's copy says nothing about the standby's
      Images:
        - {Repository: shop/api, Digest: api-12, Status: ARCHIVED}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2}
    - Resources:  # an image that is missing is a finding of image-running-digest-in-standby, and of that rule only
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
              - {ContainerName: log, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/log:9", ImageDigest: log-9}
      Images:
        - {Repository: shop/api, Digest: api-12, Region: us-west-2}
        - {Repository: shop/log, Region: us-west-2}
    - Resources:  # a function and a Deployment
        resize:
          Type: AWS::Lambda::Function
          Properties: &function
            FunctionName: resize
            PackageType: Image
            ContainerImages:
              - ContainerName: resize
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3
                ImageDigest: resize-3
        web:
          Type: Kubernetes::Deployment
          Properties: &deployment
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages:
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:3", ImageDigest: web-3}
      Images:
        - {Repository: shop/resize, Digest: resize-3, Region: us-west-2}
        - {Repository: shop/web, Digest: web-3, Region: us-west-2}
  fail:
    - Resources: {resize: {Type: AWS::Lambda::Function, Properties: *function}}
      Images: [{Repository: shop/resize, Digest: resize-3, Region: us-west-2, Status: ARCHIVED}]
    - Resources: {web: {Type: Kubernetes::Deployment, Properties: *deployment}}
      Images: [{Repository: shop/web, Digest: web-3, Region: us-west-2, Status: ARCHIVED}]
    - Resources: *api
      Images:
        - {Repository: shop/api, Digest: api-12}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2, Status: ARCHIVED}
    - Resources: *api  # being restored, but a pull still fails
      Images:
        - {Repository: shop/api, Digest: api-12}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2, Status: ACTIVATING}
    - Resources:  # named after its Region: a stack in the standby pulls from the standby's own
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/assets-us-east-1:1", ImageDigest: asset}
      Images: [{Repository: assets-us-west-2, Digest: asset, Region: us-west-2, Status: ARCHIVED}]
    - Resources:  # a task of no service
        nightly:
          Type: AWS::ECS::Task
          Properties:
            Group: family:nightly
            ContainerImages:
              - {ContainerName: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job:7", ImageDigest: job-7}
      Images: [{Repository: shop/job, Digest: job-7, Region: us-west-2, Status: ARCHIVED}]
  unknown:
    - Resources: *api
      Scanned: [us-east-1]
    - Resources: *api
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources: *api  # a status that ECR did not have when this rule was written
      Images: [{Repository: shop/api, Digest: api-12, Region: us-west-2, Status: FROZEN}]
    - Resources:
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages: [{Unknown: "ecs:DescribeTasks was throttled"}]
  not_applicable:
    - {Cluster: payments, ServiceName: api}  # a file does not say what runs
    - Resources: *api  # nothing of it is in the standby at all
      Images: [{Repository: shop/api, Digest: api-12}, {Repository: shop/api, Region: us-west-2}]
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only, replicas

RESTORE = "a pull is answered with 404, and to restore it takes up to about 20 minutes"


def check(twin, model, parameters):
    workload = twin.primary
    if workload.locations and live_only(workload, "ContainerImages") is None:
        yield NotApplicable("A file does not say which images run; collect a snapshot to know.")
        return
    rows, outcomes = [], []
    for replica in replicas(workload, twin.pair, model):
        try:
            if replica.external or replica.image is None:
                continue
            rows.append(
                {
                    "container": replica.container,
                    "repository": str(replica.repository),
                    "digest": replica.digest,
                    "status": replica.image.status,
                }
            )
            outcomes += judge(replica)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"What a container runs, or its copy, was not seen: {reason}.", replica.pointer))
    if not rows and not outcomes:
        yield NotApplicable("None of its images is in the standby; image-running-digest-in-standby judges that.")
        return
    yield Evidence(images=len(rows), containers=rows)
    yield from outcomes


def judge(replica):
    """Return what is wrong with a copy that is in the standby, if anything."""
    what = f"Container '{replica.container}' runs '{replica.source.name}@{replica.digest}'"
    where = f"in '{replica.repository.account}/{replica.repository.region}'"
    match replica.image.status:
        case "ACTIVE":
            return []
        case "ARCHIVED":
            return [Violation(f"{what}, which is archived {where}: {RESTORE}.", replica.pointer)]
        case "ACTIVATING":
            restoring = f"{what}, which is still being restored {where}: until it is, {RESTORE}."
            return [Violation(restoring, replica.pointer, severity="medium")]
        case status:
            return [Undecided(f"{what}, whose status {where} is '{status}', which is not known here.", replica.pointer)]
