r"""
title: ECR reports no failed replication of an image that runs
severity: high
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
needs: [AWS::ECR::Repository, AWS::ECR::Image, AWS::ECR::ReplicationStatus]
across: standby
rationale: |
  ECR tells of a replication that failed by an event in the destination's Region, delivered on a best effort basis, and
  in the answer to a question about one image. Nobody who asks neither of them hears of it, and ECR does not try again
  for ever: an image that failed stays away until it is copied by a backfill or pushed again.
remediation: |
  Read the reason that ECR gives, mend the cause, and copy the image again. AWS publishes no list of failure codes;
  CloudTrail in the standby's account holds the call that was refused.

      aws ecr describe-image-replication-status --region <primary> --repository-name <repository> \
          --image-id imageDigest=<digest>

  Usual causes are the registry policy of the standby (`AWS::ECR::RegistryPolicy`, `aws_ecr_registry_policy`), the role
  of a repository creation template, and a KMS key that is disabled. When it is mended, copy what is missing:

      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<account>
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageReplicationStatus.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
traps:
  - A failure of the past stays in the answer after a backfill copied the image, so an image that is there passes.
  - ECR is only asked about images that are missing; for others no answer is needed, and none is missed.
  - The failure code is free text without a published list, so it is shown and never compared.
  - A status that is still in progress, or complete for an image that was deleted since, is no failure.
  - An image that nobody asked about has no status, which is undecided and not a success.
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CP-9]
examples:
  pass:
    - Resources: &deleted
        api: &api
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
        registry:  # it was copied, and somebody deleted it since: another rule's matter
          Type: AWS::ECR::Registry
          Properties:
            ReplicationStatuses:
              - &status
                RepositoryName: shop/api
                ImageDigest: api-12
                Region: us-west-2
                RegistryId: "111122223333"
                Status: COMPLETE
      Images: &missing [{Repository: shop/api, Digest: api-12}, {Repository: shop/api, Region: us-west-2}]
    - Resources:  # it failed once, and a backfill brought it
        api: *api
        registry: &failed
          Type: AWS::ECR::Registry
          Properties:
            ReplicationStatuses:
              - RepositoryName: shop/api
                ImageDigest: api-12
                Region: us-west-2
                RegistryId: "111122223333"
                Status: FAILED
                FailureCode: Destination registry policy
      Images:
        - {Repository: shop/api, Digest: api-12}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2}
    - Resources: {api: *api}  # all are there, so ECR was asked about none
      Images:
        - {Repository: shop/api, Digest: api-12}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2}
    - Resources:  # ECR was asked, and never began to copy it: it is older than the rule
        api: *api
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
            ReplicationStatuses: [{RepositoryName: shop/api, ImageDigest: api-12}]
      Images: *missing
    - Resources:  # on its way
        api: *api
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationStatuses:
              - {RepositoryName: shop/api, ImageDigest: api-12, Region: us-west-2, RegistryId: "111122223333", Status: IN_PROGRESS}
      Images: *missing
    - Resources:  # it failed to reach another Region, another account, and another image failed too
        api: *api
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationStatuses:
              - {RepositoryName: shop/api, ImageDigest: api-12, Region: eu-west-1, RegistryId: "111122223333", Status: FAILED}
              - {RepositoryName: shop/api, ImageDigest: api-12, Region: us-west-2, RegistryId: "444455556666", Status: FAILED}
              - {RepositoryName: shop/api, ImageDigest: api-11, Region: us-west-2, RegistryId: "111122223333", Status: FAILED}
              - {RepositoryName: shop/web, ImageDigest: api-12, Region: us-west-2, RegistryId: "111122223333", Status: FAILED}
              - *status
      Images: *missing
    - Resources:  # another vendor's image is none of ours, whatever it lacks
        api:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
              - {ContainerName: proxy, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: {Unknown: not shown}}
      Images: [{Repository: shop/api, Digest: api-12, Region: us-west-2}]
  fail:
    - Resources: {api: *api, registry: *failed}
      Images: *missing
    - Resources:  # a function, a failure without a code, and a status of yesterday beside it
        resize:
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages:
              - ContainerName: resize
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3
                ImageDigest: resize-3
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationStatuses:
              - {RepositoryName: shop/resize, ImageDigest: resize-3, Region: us-west-2, RegistryId: "111122223333", Status: COMPLETE}
              - {RepositoryName: shop/resize, ImageDigest: resize-3, Region: us-west-2, RegistryId: "111122223333", Status: FAILED}
      Images: [{Repository: shop/resize, Digest: resize-3}, {Repository: shop/resize, Region: us-west-2}]
  unknown:
    - Resources:  # nobody asked
        api: *api
        registry:
          Type: AWS::ECR::Registry
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}}
      Images: *missing
    - Resources:  # of this image ECR said nothing
        api: *api
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
            ReplicationStatuses:
              - {RepositoryName: shop/web, ImageDigest: api-12, Region: us-west-2, RegistryId: "111122223333", Status: FAILED}
      Images: *missing
    - Resources:  # the question was refused
        api: *api
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
            ReplicationStatuses:
              - RepositoryName: shop/api
                ImageDigest: api-12
                Region: {Unknown: "ecr:DescribeImageReplicationStatus: AccessDeniedException"}
      Images: *missing
    - Resources: {api: *api}
      Images: [{Repository: shop/api, Digest: api-12}, {Repository: shop/api, Region: us-west-2, Incomplete: ThrottlingException}]
    - Resources: {api: *api}  # whether the copy is missing was not seen
      Images: [{Repository: shop/api, Digest: api-12}]
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources: {api: *api}  # nothing is known of the registry that the image is pulled from
      Images: *missing
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribeRegistry"}]
  not_applicable:
    - {Cluster: payments, ServiceName: api}  # a file does not say what runs
    - Resources:  # no rule copies it, which another rule judges
        api: *api
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationStatuses: []}}
      Images: *missing
    - Resources:  # nothing of it is in a private registry
        proxy:
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: proxy
            ContainerImages: [{ContainerName: proxy, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: null}]
"""

from scanner.model import InsufficientData, Place
from scanner.replication import replicates, rules_of
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only, replicas


def check(twin, model, parameters):
    workload = twin.primary
    if workload.locations and live_only(workload, "ContainerImages") is None:
        yield NotApplicable("A file does not say which images run; collect a snapshot to know.")
        return
    rows, outcomes = [], []
    for replica in replicas(workload, twin.pair, model):
        try:
            if replica.external:
                continue
            row = {"container": replica.container, "repository": str(replica.source), "digest": replica.digest}
            rows.append(row)
            if replica.image is None:
                row["status"] = status = status_of(replica, model)
                outcomes += failure(replica, status or ())
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"Whether an image failed to replicate is not known: {reason}.", replica.pointer))
    if not rows and not outcomes:
        yield NotApplicable("None of its images is in a private ECR registry of yours.")
        return
    if not outcomes and all(row.get("status", ()) is None for row in rows):
        yield NotApplicable("No rule of the registry copies its images to the standby, so no replication can fail.")
        return
    yield Evidence(containers=rows)
    yield from outcomes


def status_of(replica, model):
    """Return what ECR says of the copy that is missing, None if no rule makes one.

    Raises `InsufficientData` if ECR was not asked about it.
    """
    source, copy = replica.source, replica.repository
    registry = model.find("AWS::ECR::Registry", "registry", Place(source.account, source.region))
    asked = f"ECR was not asked about '{source.name}@{replica.digest}'"
    try:
        statuses = (registry and registry["ReplicationStatuses"]) or ()
        of_image = [s for s in statuses if (s["RepositoryName"], s["ImageDigest"]) == (source.name, replica.digest)]
        there = [s for s in of_image if (s["Region"], s["RegistryId"]) == (copy.region, copy.account)]
    except InsufficientData as gap:
        of_image, asked = [], str(gap)
    if of_image:
        return [{"status": s["Status"], "code": s["FailureCode"]} for s in there]
    if registry and not replicates(rules_of(registry), source.name, Place(copy.account, copy.region)):
        return None
    raise InsufficientData(asked)


def failure(replica, statuses):
    """Return a violation if one of the attempts to copy an image that is missing failed."""
    failed = [each for each in statuses if each["status"] == "FAILED"]
    if not failed:
        return []
    why = f"ECR gives the reason '{failed[0]['code']}'" if failed[0]["code"] else "ECR gives no reason"
    where = f"'{replica.repository.account}/{replica.repository.region}'"
    return [
        Violation(
            f"Container '{replica.container}' runs '{replica.source.name}@{replica.digest}', whose replication to {where} "
            f"failed, and which is not there; {why}.",
            replica.pointer,
        )
    ]
