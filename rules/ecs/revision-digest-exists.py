r"""
title: Images of ECS services can still be pulled from their registry
severity: high
link: established
resource: AWS::ECS::Service
needs: [AWS::ECR::Repository, AWS::ECR::Image]
rationale: |
  A deployment fixes the digests of its images, and every task that starts later pulls exactly those. If a lifecycle
  policy, or somebody, deleted the digest meanwhile, the tasks that run go on running and no new one starts: the
  service cannot scale out, replace a failed task, or come up in the standby.
remediation: |
  Push the exact image again, or copy it back from the other Region, and deploy a release that exists:

      oras cp -r <account>.dkr.ecr.<other>.amazonaws.com/<repository>@<digest> \
          <account>.dkr.ecr.<region>.amazonaws.com/<repository>
      aws ecs update-service --region <region> --cluster <cluster> --service <service> --force-new-deployment

  Then relax what deleted it: `LifecyclePolicy` of `AWS::ECR::Repository`, `aws_ecr_lifecycle_policy` in Terraform.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
controls:
  nist-800-53: [CP-10]
traps:
  - Images outside private ECR registries, and those that AWS keeps for EKS, are not yours to keep; they are left out.
  - While a deployment replaces the revision, a digest that is gone may be the old one's; the verdict is unknown then.
  - An image that was archived is still listed and cannot be pulled.
  - A service that is being deleted starts nothing any more, so it is not judged.
  - The registry asked is the one the service pulls from; a copy in the other Region does not help a task here.
examples:
  pass:
    - Resources: &api
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            Status: ACTIVE
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
      Images: [{Repository: shop/api, Digest: api-12}]
    - Resources:  # what others keep is not looked for
        web:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: web
            ContainerImages:
              - {ContainerName: proxy, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: nginx}
              - {ContainerName: agent, Image: "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/agent:v1", ImageDigest: agent}
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/web:3", ImageDigest: web-3}
      Images: [{Repository: shop/web, Digest: web-3, Region: us-west-2}]
  fail:
    - Resources: *api  # the tag is there, the digest is gone
      Images: [{Repository: shop/api, Digest: api-13, Tags: ["1.2"]}]
    - Resources: *api  # the copy is in the other Region
      Images: [{Repository: shop/api}, {Repository: shop/api, Digest: api-12, Region: us-west-2}]
    - Resources: *api  # the whole repository is gone
    - Resources:  # in the standby
        api:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            Deployments: [{Status: PRIMARY, RolloutState: COMPLETED}]
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
      Images: [{Repository: shop/api, Region: us-west-2}]
    - Resources: *api  # what is archived cannot be pulled
      Images: [{Repository: shop/api, Digest: api-12, Status: ARCHIVED}]
  unknown:
    - Resources: *api  # it is on its way back
      Images: [{Repository: shop/api, Digest: api-12, Status: ACTIVATING}]
    - Resources:  # about to be replaced
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            Deployments: [{Status: PRIMARY, RolloutState: IN_PROGRESS}, {Status: ACTIVE, RolloutState: COMPLETED}]
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.3", ImageDigest: api-13}
      Images: [{Repository: shop/api, Digest: api-13}]
    - Resources: *api
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
    - Resources: *api  # the list ended early
      Images: [{Repository: shop/api, Incomplete: ThrottlingException}]
    - Resources:  # the registry is in an account that nobody scanned
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "444455556666.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
    - Resources:
        api:
          Type: AWS::ECS::Service
          Properties: {Cluster: payments, ServiceName: api, ContainerImages: [{Unknown: "ecs:DescribeTasks was throttled"}]}
  not_applicable:
    - {Cluster: payments, ServiceName: api}  # a file does not say what runs
    - Resources:
        api:
          Type: AWS::ECS::Service
          Properties: {Cluster: payments, ServiceName: api, Status: DRAINING, ContainerImages: []}
    - Resources:  # no digest was established, so no task depends on one
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: null}
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import find_image, live_only, reference_of


def check(service, model, parameters):
    if live_only(service, "Status") in ("DRAINING", "INACTIVE"):
        yield NotApplicable("The service is being deleted.")
        return
    images = live_only(service, "ContainerImages")
    if images is None:
        yield NotApplicable("A file does not say which images run; collect a snapshot to know.")
        return
    replaced = "IN_PROGRESS" in [each["RolloutState"] for each in live_only(service, "Deployments") or ()]
    rows, outcomes = [], []
    for number in range(len(images)):
        try:
            outcomes += judge(images[number], f"/ContainerImages/{number}", replaced, model, rows)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(
                Undecided(f"Whether an image of the service still exists was not seen: {reason}.", "/ContainerImages")
            )
    if not rows and not outcomes:
        yield NotApplicable("None of its images has an established digest in a private ECR registry of yours.")
        return
    yield Evidence(containers=rows)
    yield from outcomes


def judge(image, pointer, replaced, model, rows):
    name, reference = image["ContainerName"], reference_of(image["Image"])
    if reference.key is None or reference.is_aws_managed:
        return
    digest = image["ImageDigest"] or reference.digest
    if not digest:
        return
    found = find_image(model, reference.key, digest)
    rows.append({"container": name, "repository": str(reference.key), "digest": digest, "exists": found is not None})
    if found is not None and found.status == "ACTIVE":
        return
    what = "does not hold any more" if found is None else f"holds as '{found.status}'"
    runs = f"Container '{name}' runs '{reference.repository}@{digest}', which '{reference.place}' {what}"
    if found is not None and found.status == "ACTIVATING":
        yield Undecided(f"{runs}; it can be pulled when that is done.", pointer)
    elif replaced:
        yield Undecided(f"{runs}, but a deployment is under way that may replace it.", pointer)
    else:
        yield Violation(f"{runs}; no new task could pull it.", pointer)
