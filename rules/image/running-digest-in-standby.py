r"""
title: Every image that runs in the primary is in the standby, by digest
severity: critical
link: digest
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
  ECR replicates what is pushed after replication was switched on, makes one hop, promises no time, and reports a
  failure only as an event. A rule that says "replicate" therefore proves nothing about the image that runs. If its
  digest is not in the standby's registry, the first task that starts there after a failover stops with
  CannotPullContainerError, a pod stays in ImagePullBackOff, and a Lambda function cannot be created.
remediation: |
  Copy the exact bytes; a rebuilt image has another digest. For images older than the replication rule, backfill:

      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<account>

  For one image, copy it with all its platforms and signatures:

      oras cp -r <account>.dkr.ecr.<primary>.amazonaws.com/<repository>@<digest> \
          <account>.dkr.ecr.<standby>.amazonaws.com/<repository>

  If it is missing again after the next push, read why replication failed:

      aws ecr describe-image-replication-status --region <primary> --repository-name <repository> \
          --image-id imageDigest=<digest>
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-backfill.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
traps:
  - A tag can be in the standby on other bytes, so digests are compared and tags never are.
  - An image that was pushed less than the grace time ago may still be on its way, so it is undecided.
  - Archived copies are listed too, so they count as being there; image-replica-not-archived judges them.
  - Registries that AWS fills in every Region, those of EKS add-ons, have no replica that could be missing.
  - An image from another vendor's registry is for workload-no-unmirrored-external-image to judge.
  - A registry in another account has its own pair, which says where its images go.
  - A pull-through cache may fetch the image on demand, so it is undecided; Lambda cannot pull through one.
  - A place that was not scanned, or a list that ended early, proves nothing about an absent image.
  - Of a repository named after its Region, as the CDK makes them, the standby has its own; the digest counts there, another build of its tag is undecided.
  - An index and the manifest of one platform are separate images; whichever of them a node says it runs is looked up.
controls:
  aws-well-architected: [REL13-BP02, REL13-BP04]
  nist-800-53: [CP-6, CP-9, CP-10]
  iso-27001-2022: [A.8.14]
  soc-2: [A1.2]
  dora: [Art. 11, Art. 12]
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
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}
    - Resources:  # the tag is elsewhere in the standby, the bytes are there
        nightly:
          Type: AWS::ECS::Task
          Properties:
            Group: family:nightly
            ContainerImages:
              - {ContainerName: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job:latest", ImageDigest: job-7}
      Images:
        - {Repository: shop/job, Digest: job-7, Tags: [latest]}
        - {Repository: shop/job, Digest: job-7, Region: us-west-2}
        - {Repository: shop/job, Digest: job-8, Tags: [latest], Region: us-west-2}
    - Resources:  # no task runs, so AWS established no digest: the tag stands for one
        api:
          Type: AWS::ECS::Service
          Properties: &idle
            Cluster: payments
            ServiceName: api
            DesiredCount: 0
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: null}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2}
    - Resources:  # the primary pulls across Regions, from the standby's own registry
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
      Images: [{Repository: shop/api, Digest: api-12, Region: us-west-2}]
    - Resources:  # images live in an account of their own, which has its own standby
        api: &from-tooling
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "444455556666.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
      Images:
        - {Repository: shop/api, Digest: api-12, Account: "444455556666"}
        - {Repository: shop/api, Digest: api-12, Account: "444455556666", Region: us-west-2}
    - Resources:  # what others keep is not judged here, and needs no digest
        web:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:3", ImageDigest: web-3}
              - {ContainerName: proxy, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: {Unknown: not shown}}
              - {ContainerName: agent, Image: "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/agent:v1", ImageDigest: agent}
      Images:
        - {Repository: shop/web, Digest: web-3}
        - {Repository: shop/web, Digest: web-3, Region: us-west-2}
    - Resources:  # a function: Lambda resolved its tag to a digest when it was deployed
        resize: &function
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages:
              - ContainerName: resize
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3
                ImageDigest: resize-3
      Images:
        - {Repository: shop/resize, Digest: resize-3}
        - {Repository: shop/resize, Digest: resize-3, Region: us-west-2}
    - Resources:  # a Deployment: its node names the index of all platforms, which was pushed under that tag
        web: &deployment
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages:
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:3", ImageDigest: web-3}
      Images:
        - {Repository: shop/web, Digest: web-3, Tags: ["3"], MediaType: application/vnd.oci.image.index.v1+json}
        - {Repository: shop/web, Digest: web-3-arm}
        - {Repository: shop/web, Digest: web-3, Region: us-west-2, Status: ARCHIVED}
    - Resources: &assets  # named after its Region: a stack in the standby pulls from the standby's own
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/cdk-assets-111122223333-us-east-1:5f0d", ImageDigest: asset}
        here: {Type: AWS::ECR::Repository, Properties: {RepositoryName: cdk-assets-111122223333-us-east-1}}
        there: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: cdk-assets-111122223333-us-west-2}}
      Images:
        - &asset {Repository: cdk-assets-111122223333-us-east-1, Digest: asset, Tags: [5f0d]}
        - {Repository: cdk-assets-111122223333-us-west-2, Digest: asset, Region: us-west-2}
    - Resources: *assets  # replicated under the primary's name, which a definition may name as well
      Images:
        - *asset
        - {Repository: cdk-assets-111122223333-us-east-1, Digest: asset, Region: us-west-2}
        - {Repository: cdk-assets-111122223333-us-west-2, Region: us-west-2, Incomplete: ThrottlingException}
  fail:
    - Resources: *assets  # in neither
      Images: [*asset, {Repository: cdk-assets-111122223333-us-west-2, Digest: other, Tags: [01aa], Region: us-west-2}]
    - Resources: *assets  # the build under its tag is archived
      Images: [*asset, {Repository: cdk-assets-111122223333-us-west-2, Digest: other, Tags: [5f0d], Status: ARCHIVED, Region: us-west-2}]
    - Resources: {resize: *function}
      Images: [{Repository: shop/resize, Digest: resize-3}, {Repository: shop/resize, Region: us-west-2}]
    - Resources:  # the standby has a cache of another vendor's registry, and Lambda cannot pull through it
        resize: *function
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: shop, UpstreamRegistryUrl: registry-1.docker.io}
      Images: [{Repository: shop/resize, Digest: resize-3}, {Repository: shop/resize, Region: us-west-2}]
    - Resources: {web: *deployment}  # the manifest of one platform is there, the index that runs is not
      Images:
        - {Repository: shop/web, Digest: web-3}
        - {Repository: shop/web, Digest: web-3-arm, Region: us-west-2}
    - Resources: *api  # exactly as old as the grace time
      Images:
        - {Repository: shop/api, Digest: api-12, PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *api  # the repository is there, the digest is not, although the tag is
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: other-build, Tags: ["1.2"], Region: us-west-2}
    - Resources: *api  # not even the repository is there
      Images: [{Repository: shop/api, Digest: api-12, Tags: ["1.2"]}]
    - Resources: *api  # it runs, but the primary's copy was expired too
      Images: [{Repository: shop/api}, {Repository: shop/api, Region: us-west-2}]
    - Resources: *api  # one minute older than the grace time
      Images:
        - {Repository: shop/api, Digest: api-12, PushedAt: "2026-10-31T23:29:00Z"}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *api  # pushed recently, but longer ago than this estate allows
      Images:
        - {Repository: shop/api, Digest: api-12, PushedAt: "2026-10-31T23:50:00Z"}
        - {Repository: shop/api, Region: us-west-2}
      Parameters: {grace: 5m}
    - Resources: {api: *from-tooling}
      Images:
        - {Repository: shop/api, Digest: api-12, Account: "444455556666"}
        - {Repository: shop/api, Account: "444455556666", Region: us-west-2}
    - Resources:  # the cache would ask the Region that is lost
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties:
            EcrRepositoryPrefix: shop
            UpstreamRegistryUrl: 111122223333.dkr.ecr.us-east-1.amazonaws.com
      Images: [{Repository: shop/api, Digest: api-12}, {Repository: shop/api, Region: us-west-2}]
  unknown:
    - Resources: *assets  # built once more for the standby
      Images: [*asset, {Repository: cdk-assets-111122223333-us-west-2, Digest: other, Tags: [5f0d], Region: us-west-2}]
    - Resources: *assets
      Images: [*asset, {Repository: cdk-assets-111122223333-us-west-2, Region: us-west-2, Incomplete: ThrottlingException}]
    - Resources: *api  # younger than the grace time: it may still be on its way
      Images:
        - {Repository: shop/api, Digest: api-12, PushedAt: "2026-10-31T23:50:00Z"}
        - {Repository: shop/api, Region: us-west-2}
    - Resources:  # the standby's list ended early, and absence from half a list proves nothing
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
        repository: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/api}}
      Images:
        - {Repository: shop/api, Digest: api-12}
        - {Repository: shop/api, Region: us-west-2, Incomplete: ThrottlingException}
    - Resources:  # a node that has not pulled yet shows no digest
        web:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages:
              - ContainerName: web
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:3
                ImageDigest: {Unknown: the container is waiting}
      Images: [{Repository: shop/web, Digest: web-3, Tags: ["3"]}, {Repository: shop/web, Region: us-west-2}]
    - Resources: {web: *deployment}  # the clusters of the Region were not asked, so others may run there
      Images:
        - {Repository: shop/web, Region: us-west-2, Incomplete: ThrottlingException}
    - Resources: *api  # nobody may look into the standby
      Images: [{Repository: shop/api, Digest: api-12}]
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources: *api  # nobody looked
      Images: [{Repository: shop/api, Digest: api-12}]
      Scanned: [us-east-1]
    - Resources: {api: *from-tooling}  # nobody looked into the registry's account
    - Resources: {api: *from-tooling}  # the registry's account has no standby of its own
      Pairs: [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "111122223333", region: us-west-2}}]
      Images: [{Repository: shop/api, Digest: api-12, Account: "444455556666"}]
    - Resources: {api: *from-tooling}  # the registry's account has two standbys in that Region: which one will be asked?
      Pairs:
        - {primary: us-east-1, standby: us-west-2}
        - {primary: {account: "444455556666", region: us-east-1}, standby: {account: "777788889999", region: us-west-2}}
      Images: [{Repository: shop/api, Digest: api-12, Account: "444455556666"}]
    - Resources:  # a service of which AWS names no container
        api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, ContainerImages: []}}
    - Resources: {api: {Type: AWS::ECS::Service, Properties: *idle}}  # nothing has the tag any more
      Images: [{Repository: shop/api, Digest: api-13, Tags: ["1.3"]}]
    - Resources:
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: {Unknown: "the task does not show the digest"}}
      Images: [{Repository: shop/api, Digest: api-12}]
    - Resources:  # in the standby the repository is a cache of a registry elsewhere, which may still serve the image
        proxy:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: proxy
            ContainerImages:
              - {ContainerName: proxy, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/hub/library/nginx:1.27", ImageDigest: nginx}
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}
      Images: [{Repository: hub/library/nginx, Digest: nginx}]
  not_applicable:
    - {Cluster: payments, ServiceName: api}  # a file does not say what runs
    - Resources:  # nothing of it is in a private registry
        proxy:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: proxy
            ContainerImages: [{ContainerName: proxy, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: null}]
"""

from scanner.images import SAMPLE
from scanner.model import InsufficientData, Place
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import FUNCTION, cache_of, live_only, replicas


def check(twin, model, parameters):
    workload = twin.primary
    if workload.locations and live_only(workload, "ContainerImages") is None:
        yield NotApplicable("A file does not say which images run; collect a snapshot to know.")
        return
    rows, missing, outcomes = [], [], []
    for replica in replicas(workload, twin.pair, model):
        row = {}
        rows.append(row)
        try:
            row["container"] = replica.container
            if replica.external:
                row["external"] = str(replica.reference)
                continue
            row["repository"] = str(replica.source)
            row["digest"] = replica.digest
            row["exists"] = replica.image is not None
            if replica.image is None:
                outcome = absent(replica, twin, model, parameters["grace"])
                outcomes.append(outcome)
                if isinstance(outcome, Violation):
                    missing.append(replica)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"What a container runs, or its copy, was not seen: {reason}.", replica.pointer))
    if all("external" in row for row in rows):
        yield NotApplicable("None of its images is in a private ECR registry of yours.")
        return
    yield evidence(rows, missing)
    yield from outcomes


def absent(replica, twin, model, grace):
    """Judge a digest that is known not to be in the standby."""
    what = f"Container '{replica.container}' runs '{replica.source.name}@{replica.digest}'"
    where = f"the registry of '{replica.repository.account}/{replica.repository.region}'"
    cache = cache_of(model, replica.repository)
    fetched = cache and f".{twin.pair.primary.region}." not in cache.upstream
    if fetched and twin.primary.type != FUNCTION:  # Lambda cannot pull through a cache
        return Undecided(f"{what}, which {where} does not hold but may fetch from '{cache.upstream}'.", replica.pointer)
    if rebuilt(replica, model):
        return Undecided(
            f"{what}, which {where} does not hold; '{replica.counterpart.name}' has another build under its tag.",
            replica.pointer,
        )
    if replica.repository == replica.source:
        return Violation(f"{what}, which {where} does not hold any more; no new task can pull it.", replica.pointer)
    if replica.original is None:
        return Violation(f"{what}, which {where} does not hold, and the primary's no longer does.", replica.pointer)
    pushed_at = replica.original.pushed_at
    if pushed_at and pushed_at > model.as_of - grace:
        return Undecided(
            f"{what}, which {where} does not hold; pushed at '{pushed_at.isoformat()}', it may still be replicating.",
            replica.pointer,
        )
    return Violation(f"{what}, which {where} does not hold; no task could pull it there.", replica.pointer)


def rebuilt(replica, model):
    """Tell whether the standby's own counterpart of a repository has an image under a tag of the one that runs."""
    if replica.counterpart is None:
        return False
    place = Place(replica.counterpart.account, replica.counterpart.region)
    there = model.find("AWS::ECR::Repository", replica.counterpart.name, place)
    if there is None:
        return False
    tags = (replica.reference.tag, *(replica.original.tags if replica.original else ()))
    found = [model.images.tagged(replica.counterpart, tag) for tag in tags]
    return any(image is not None and image.status == "ACTIVE" for image in found)


def evidence(rows, missing):
    """Return the counts, the oldest push time and some digests, beside what was found of each container."""
    originals = [replica.original for replica in missing if replica.original]
    pushed = [original.pushed_at for original in originals if original.pushed_at]
    return Evidence(
        images=sum("external" not in row for row in rows),
        missing=len(missing),
        oldest_missing_at=min(pushed).isoformat() if pushed else None,
        sample=sorted({replica.digest for replica in missing})[:SAMPLE],
        containers=rows,
    )
