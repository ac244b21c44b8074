r"""
title: Images of ECS services can still be pulled from their registry
severity: high
link: established
resource: AWS::ECS::Service
needs: [AWS::ECR::Repository, AWS::ECR::Image]
rationale: |
  A deployment fixes the digests of its images, and every task that starts later pulls exactly those. A service that
  has not started yet, as code declares it for the standby, pulls what its tag names then. If a lifecycle
  policy, or somebody, deleted the image meanwhile, or nobody brought it to this Region, the tasks that run go on running and no new one starts: the
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
  - A pull-through cache brings the image of a tag when it is first pulled, so a tag that it does not have yet is undecided.
  - A tag that code names and no Region has may be pushed only when the change is merged, so it is undecided.
  - A tag or a digest that was pushed in the other Region less than the grace time ago may still be on its way, so it is undecided.
parameters:
  grace:
    type: string
    format: duration
    default: 30m
    description: An image pushed less than this before the scan may still be replicating; most take up to 30 minutes.
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
    - Resources: &planned  # no task has started: it will pull what its tag names
        api:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: null}
      Images: [{Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}]
  fail:
    - Resources: *planned  # the primary has the tag, and the standby all others
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-11, Tags: ["1.1"], Region: us-west-2}
    - Resources: *planned  # the standby has no such repository; the image is exactly as old as the grace time
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/other, Region: us-west-2}
    - Resources: *planned  # what is archived cannot be pulled by its tag either
      Images: [{Repository: shop/api, Digest: api-12, Tags: ["1.2"], Status: ARCHIVED, Region: us-west-2}]
    - Resources:  # a service of the primary whose image was pushed to the standby alone
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: null}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}
        - {Repository: shop/api}
    - Resources:  # named after its Region, as the CDK makes them
        api:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/assets-us-west-2:5f0d", ImageDigest: null}
      Images:
        - {Repository: assets-us-east-1, Digest: asset, Tags: [5f0d]}
        - {Repository: assets-us-west-2, Region: us-west-2}
    - Resources: *api  # the tag is there, the digest is gone
      Images: [{Repository: shop/api, Digest: api-13, Tags: ["1.2"]}]
    - Resources: *api  # the copy is in the other Region
      Images: [{Repository: shop/api}, {Repository: shop/api, Digest: api-12, Region: us-west-2}]
    - Resources: *api  # the whole repository is gone
      Images: [{Repository: shop/other}]
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
    - Resources:  # a digest that was pushed in the other Region a moment ago
        api:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api@sha256:00000000000000000000000000000000000000000000000000000000000000aa", ImageDigest: null}
      Images:
        - {Repository: shop/api, Digest: "sha256:00000000000000000000000000000000000000000000000000000000000000aa", PushedAt: "2026-10-31T23:31:00Z"}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *planned  # nobody has pushed it
      Images: [{Repository: shop/api, Digest: api-11, Tags: ["1.1"]}, {Repository: shop/api, Region: us-west-2}]
    - Resources:  # a cache fetches it
        api:
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: null}
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: shop, UpstreamRegistryUrl: registry-1.docker.io}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *planned  # pushed a moment ago
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], PushedAt: "2026-10-31T23:31:00Z"}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *planned  # the list of the standby ended early
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Region: us-west-2, Incomplete: ThrottlingException}
    - Resources: *planned  # that of the primary did
      Images:
        - {Repository: shop/api, Incomplete: ThrottlingException}
        - {Repository: shop/api, Region: us-west-2}
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
    - Resources:  # others keep its images
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: null}
"""

from scanner.model import InsufficientData
from scanner.pushes import held, will_not_come
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only, reference_of


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
        pointer = f"/ContainerImages/{number}"
        try:
            outcomes += judge(images[number], pointer, replaced, model, rows, parameters["grace"])
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(
                Undecided(f"Whether an image of the service still exists was not seen: {reason}.", "/ContainerImages")
            )
    if not rows and not outcomes:
        yield NotApplicable("None of its images is in a private ECR registry of yours.")
        return
    yield Evidence(containers=rows)
    yield from outcomes


def judge(image, pointer, replaced, model, rows, grace):
    name, reference = image["ContainerName"], reference_of(image["Image"])
    if reference.key is None or reference.is_aws_managed:
        return
    row = {"container": name, "repository": str(reference.key)}
    established = image["ImageDigest"]
    digest = established or reference.digest
    wanted = digest or reference.tag
    found, what = held(model, reference.key, wanted), f"{reference.repository}{'@' if digest else ':'}{wanted}"
    rows.append(row | {"digest" if digest else "tag": wanted, "exists": found is not None})
    if found is not None and found.status == "ACTIVE":
        return
    if found is None and not established:
        yield absent(f"Container '{name}' would run '{what}'", (reference.key, wanted), pointer, model, grace)
        return
    gone = "does not hold any more" if found is None else f"holds as '{found.status}'"
    runs = f"Container '{name}' runs '{what}', which '{reference.place}' {gone}"
    if found is not None and found.status == "ACTIVATING":
        yield Undecided(f"{runs}; it can be pulled when that is done.", pointer)
    elif replaced:
        yield Undecided(f"{runs}, but a deployment is under way that may replace it.", pointer)
    else:
        yield Violation(f"{runs}; no new task could pull it.", pointer)


def absent(runs, wanted, pointer, model, grace):
    """Judge a tag or a digest that no image of the registry has, and by which nothing was started yet."""
    certain, why = will_not_come(model, *wanted, grace)
    if certain:
        return Violation(f"{runs}, {why}; no task could pull it.", pointer)
    return Undecided(f"{runs}, {why}.", pointer)
