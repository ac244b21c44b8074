r"""
title: Every platform of an image index that runs is in the standby
severity: high
link: platform
optional: true
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
needs: [AWS::ECS::TaskDefinition, AWS::ECR::Repository, AWS::ECR::Image, AWS::ECR::ImageManifest]
across: standby
rationale: |
  An image for several processors is an index that names one manifest for each of them. The index is a small document:
  it can be in the standby while a manifest it names was deleted there, or failed to be copied. The pull of the index
  then works and that of the image does not. Only the index itself says which manifests it names, and to read it takes
  the permission to pull (`ecr:BatchGetImage`), so this rule is off unless it is selected. Without it the rule can tell
  only where the standby has everything that the primary's repository has.
remediation: |
  Copy the index again with everything it names:

      oras cp -r <account>.dkr.ecr.<primary>.amazonaws.com/<repository>@<digest> \
          <account>.dkr.ecr.<standby>.amazonaws.com/<repository>

  or start a backfill and read its `subImageFailureCodes`. For an archived manifest:

      aws ecr update-image-storage-class --region <standby> --repository-name <repository> \
          --image-id imageDigest=<digest> --target-storage-class STANDARD
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/delete_image.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-backfill.html
traps:
  - Builders attach attestations to an index under the platform unknown/unknown; nothing starts from them, so they may be missing.
  - Only the platform that the workload runs on is needed; a missing one that a task definition rules out is no failure.
  - Which nodes a pod may get is not known, so a platform that is missing there is undecided unless all of them are.
  - Lambda takes no index, so a function is not judged.
  - An index means the same in every registry, so the standby's own copy may be read, or the primary's.
  - Where nobody read the index, its manifests are there all the same if whatever the primary's repository holds can be pulled in the standby, for ECR refuses to delete what an index names.
  - An index that is missing altogether is for image-running-digest-in-standby to judge.
controls:
  nist-800-53: [SI-7, CP-10]
examples:
  pass:
    - Resources: &arm-on-fargate
        api: &api
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            TaskDefinition: {Ref: task}
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        task: &task
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            RuntimePlatform: {CpuArchitecture: ARM64, OperatingSystemFamily: LINUX}
        index: &index
          Type: AWS::ECR::ImageManifest
          Region: us-west-2
          Properties:
            RepositoryName: shop/api
            ImageDigest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            Manifests:
              - {Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Platform: {Architecture: amd64, Os: linux}}
              - {Digest: "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", Platform: {Architecture: arm64, Os: linux}}
              - {Digest: "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", Platform: {Architecture: unknown, Os: unknown}}
              - {Digest: "sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", Platform: {Architecture: arm64, Os: linux}, ReferenceType: attestation-manifest}
      Images: &whole
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: &oci application/vnd.oci.image.index.v1+json, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", Region: us-west-2}
    - Resources: &amd-by-default  # Fargate runs on X86_64 unless told otherwise
        api: &fargate
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            LaunchType: FARGATE
            TaskDefinition: {Ref: task}
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [FARGATE]}}
        index: &elsewhere  # read in the primary
          Type: AWS::ECR::ImageManifest
          Properties:
            RepositoryName: shop/api
            ImageDigest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            Manifests:
              - {Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Platform: {Architecture: amd64, Os: linux}}
              - {Digest: "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", Platform: {Architecture: arm64, Os: linux}}
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: application/vnd.docker.distribution.manifest.list.v2+json, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Region: us-west-2}
    - Resources:  # a pod, and both platforms are there
        web: &deployment
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages:
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
              - {ContainerName: envoy, Image: "public.ecr.aws/envoy:1", ImageDigest: {Unknown: not shown}}
        index: *elsewhere
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", Region: us-west-2}
    - Resources: {api: *api, task: *task}  # nobody read the index, and all that the primary has is there
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: &index-type application/vnd.oci.image.index.v1+json}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *index-type, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Region: us-west-2}
  fail:
    - Resources: *arm-on-fargate  # the manifest for its processor is not there
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Region: us-west-2}
    - Resources: *arm-on-fargate  # it is archived
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", Region: us-west-2, Status: ARCHIVED}
    - Resources: *amd-by-default
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", Region: us-west-2}
    - Resources: {web: *deployment, index: *elsewhere}  # whatever node a pod gets, nothing is there for it
      Images: [{Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}]
  unknown:
    - Resources: {api: *api, task: *task}  # nobody read the index
      Images: *whole
    - Resources: {api: *api, task: *task}  # of what the primary has, something is not there
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}
    - Resources: {api: *api, task: *task}  # or cannot be pulled
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Region: us-west-2, Status: ARCHIVED}
    - Resources: {api: *api, task: *task}  # or the primary's was not listed to the end
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Incomplete: ThrottlingException}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}
    - Resources: {api: *api, task: *task}  # or does not show the index any more, so may lack what it names
      Images:
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2}
        - {Repository: shop/api, Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Region: us-west-2}
    - Resources:  # on EC2 the instances decide, and one platform is missing
        api: *api
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [EC2]}}
        index: *elsewhere
      Images: *whole
    - Resources: {web: *deployment, index: *elsewhere}  # which nodes there will be is not known
      Images: *whole
    - Resources:  # the index names nothing for this processor that would be read here
        api: *api
        task: *task
        index:
          Type: AWS::ECR::ImageManifest
          Properties:
            RepositoryName: shop/api
            ImageDigest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            Manifests: [{Digest: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Platform: {Architecture: amd64, Os: linux}}]
      Images: *whole
    - Resources: *arm-on-fargate  # what kind of image it is was not seen
      Images: [{Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: null, Region: us-west-2}]
    - Resources: {api: *api, task: *task, index: *index}
      Images: [{Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", MediaType: *oci, Region: us-west-2, Incomplete: ThrottlingException}]
    - Resources: {api: *api, task: *task, index: *index}
      Scanned: [us-east-1]
  not_applicable:
    - {Cluster: payments, ServiceName: api}  # a file does not say what runs
    - Resources: *arm-on-fargate  # it is no index
      Images: [{Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}]
    - Resources: *arm-on-fargate  # it is not there at all
      Images: [{Repository: shop/api, Region: us-west-2}]
    - Resources:  # Lambda takes no index
        resize:
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages:
              - {ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
      Images: *whole
"""

from contextlib import suppress

from scanner.model import InsufficientData
from scanner.platforms import platforms, processor
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import FUNCTION, find_image, live_only, replicas


def check(twin, model, parameters):
    workload = twin.primary
    if workload.locations and live_only(workload, "ContainerImages") is None:
        yield NotApplicable("A file does not say which images run; collect a snapshot to know.")
        return
    if workload.type == FUNCTION:
        yield NotApplicable("Lambda takes no image index.")
        return
    rows, outcomes = [], []
    for replica in replicas(workload, twin.pair, model):
        try:
            if replica.external or replica.image is None or not replica.image.is_index:
                continue
            rows.append({"container": replica.container, "digest": replica.digest})
            if all_there(replica, model):
                rows[-1]["children"] = "all that the primary's repository has"
                continue
            rows[-1]["children"] = found = children(replica, model)
            outcomes += judge(replica, found, processor(workload, model))
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(
                Undecided(f"Which platforms of an image are there is not known: {reason}.", replica.pointer)
            )
    if not rows and not outcomes:
        yield NotApplicable("None of its images that are in the standby is an index.")
        return
    yield Evidence(containers=rows)
    yield from outcomes


def children(replica, model):
    """Return the manifests that an index names, by digest: what each runs on, and whether it can be pulled."""
    found = {}
    for digest, platform in platforms(model, replica.repository, replica.digest, replica.source).items():
        image = find_image(model, replica.repository, digest)
        found[digest] = {"platform": platform, "status": image.status if image else "missing"}
    return found


def all_there(replica, model):
    """Tell whether nobody read the index, and whatever the primary's repository holds can be pulled in the standby.

    ECR takes no index without what it names, and deletes nothing that an index names.
    """
    with suppress(InsufficientData):
        platforms(model, replica.repository, replica.digest, replica.source)
        return False
    with suppress(InsufficientData):
        ready = {image.digest for image in model.images.images(replica.repository) if image.status == "ACTIVE"}
        held = {image.digest for image in model.images.images(replica.source)}
        return replica.digest in held <= ready
    return False


def judge(replica, found, runs_on):
    """Judge the manifests for the workload's processor, or for any if nobody knows it."""
    needed = {d: child for d, child in found.items() if runs_on in (None, child["platform"].split("/")[1])}
    if not needed:
        raise InsufficientData(f"'{replica.digest}' names no manifest for '{runs_on or 'any platform'}'")
    lost = {digest: child for digest, child in needed.items() if child["status"] != "ACTIVE"}
    if not lost:
        return []
    digest = min(lost)
    what = (
        f"Container '{replica.container}' runs '{replica.source.name}@{replica.digest}', of which "
        f"'{replica.repository.account}/{replica.repository.region}' lacks {len(lost)} of {len(needed)} manifests: "
        f"'{digest}' for '{lost[digest]['platform']}' is {lost[digest]['status'].lower()}"
    )
    if runs_on is None and len(lost) < len(needed):
        return [Undecided(f"{what}; whether a node needs it is not known.", replica.pointer)]
    return [Violation(f"{what}; all were expected to be there.", replica.pointer)]
