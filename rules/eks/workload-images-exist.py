r"""
title: Images of EKS workloads can still be pulled from their registry
severity: high
link: established
resource:
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
needs: [AWS::ECR::Repository, AWS::ECR::Image]
rationale: |
  Kubernetes keeps no digest. Each node that starts a pod asks the registry for what its definition names: the digest if
  it names one, else the tag. If a lifecycle policy, or somebody, deleted it meanwhile, or nobody brought it to this
  Region, the pods that run go on running and none starts on another node: the workload cannot scale out, move off a
  node that is lost, or come up in the standby.
remediation: |
  Push the exact image again, or copy it from the other Region with its tag, and apply a release that exists:

      oras cp -r <account>.dkr.ecr.<other>.amazonaws.com/<repository>:<tag> \
          <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>
      kubectl --context <region> -n <namespace> rollout restart deployment/<name>

  Then relax what deleted it: `LifecyclePolicy` of `AWS::ECR::Repository`, `aws_ecr_lifecycle_policy` in Terraform.
references:
  - https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
controls:
  nist-800-53: [CP-10]
traps:
  - Images outside private ECR registries, and those that AWS keeps for EKS, are not yours to keep; they are left out.
  - A node that has the image starts pods without asking; one that is new, as all are in a failover, has to pull.
  - The digest that a pod runs is not what the next one pulls, unless the definition names it, so what the definition names is looked for.
  - Of a reference with tag and digest the digest is pulled, whatever became of the tag.
  - An image that was archived is still listed and cannot be pulled.
  - The registry asked is the one that the workload itself names; a copy in the other Region does not help a pod here.
  - A pull-through cache brings the image of a tag when it is first pulled, so a tag that it does not have yet is undecided.
  - A tag that nothing runs and no Region has may be pushed only when the change is merged, so it is undecided; one that pods run was there.
  - A tag that was pushed in the other Region less than the grace time ago may still be on its way, so it is undecided.
  - Manifests alone do not say which images a registry holds, so without a snapshot nothing is judged, and a Region that the snapshot left out is undecided.
parameters:
  grace:
    type: string
    format: duration
    default: 30m
    description: An image pushed less than this before the scan may still be replicating; most take up to 30 minutes.
examples:
  pass:
    - Resources: &running  # the tag is there, on whatever image
        api:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
      Images: [{Repository: shop/api, Digest: api-13, Tags: ["1.2"]}]
    - Resources:  # what others keep is not looked for
        web:
          Type: Kubernetes::StatefulSet
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: web
            ContainerImages:
              - {ContainerName: proxy, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: nginx}
              - {ContainerName: agent, Image: "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/agent:v1", ImageDigest: agent}
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/web:3", ImageDigest: web-3}
      Images: [{Repository: shop/web, Digest: web-3, Tags: ["3"], Region: us-west-2}]
    - Resources: &waiting  # nothing runs: its pods will pull what the tag names
        api:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            Replicas: 0
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: null}
      Images: [{Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}]
    - Resources: &pinned  # the digest decides, though the tag is gone
        api:
          Type: Kubernetes::CronJob
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - ContainerName: api
                Image: 111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2@sha256:00000000000000000000000000000000000000000000000000000000000000aa
                ImageDigest: null
      Images: [{Repository: shop/api, Digest: "sha256:00000000000000000000000000000000000000000000000000000000000000aa", Region: us-west-2}]
  fail:
    - Resources: *waiting  # the primary has the tag, and the standby all others
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-11, Tags: ["1.1"], Region: us-west-2}
    - Resources: *waiting  # the standby has no such repository; the image is exactly as old as the grace time
      Images: [{Repository: shop/api, Digest: api-12, Tags: ["1.2"], PushedAt: "2026-10-31T23:30:00Z"}, {Repository: shop/other, Region: us-west-2}]
    - Resources: *waiting  # replicated without its tag
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Region: us-west-2}
    - Resources: *waiting  # what is archived cannot be pulled by its tag either
      Images: [{Repository: shop/api, Digest: api-12, Tags: ["1.2"], Status: ARCHIVED, Region: us-west-2}]
    - Resources:  # named after its Region, as the CDK makes them
        api:
          Type: Kubernetes::Job
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/assets-us-west-2:5f0d", ImageDigest: null}
      Images:
        - {Repository: assets-us-east-1, Digest: asset, Tags: [5f0d]}
        - {Repository: assets-us-west-2, Region: us-west-2}
    - Resources: *running  # pods run it, and the tag is gone, though its image is there
      Images: [{Repository: shop/api, Digest: api-12}]
    - Resources: *running  # the whole repository is gone
      Images: [{Repository: shop/other}]
    - Resources: &digest  # the digest that pods run is in no Region, though the tag is there
        api:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - ContainerName: api
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2@sha256:00000000000000000000000000000000000000000000000000000000000000aa
                ImageDigest: sha256:00000000000000000000000000000000000000000000000000000000000000aa
      Images: [{Repository: shop/api, Digest: other, Tags: ["1.2"]}]
    - Resources: *running  # the tag that pods started by is gone, whatever the other Region has
      Images: [{Repository: shop/api, Digest: api-12}, {Repository: shop/api, Region: us-west-2, Incomplete: ThrottlingException}]
    - Resources: *pinned  # only the other Region has the digest
      Images:
        - {Repository: shop/api, Digest: "sha256:00000000000000000000000000000000000000000000000000000000000000aa"}
        - {Repository: shop/api, Region: us-west-2}
  unknown:
    - Resources: *digest  # a digest that the other Region may have, and has since a moment
      Images:
        - {Repository: shop/api, Digest: other, Tags: ["1.2"]}
        - {Repository: shop/api, Region: us-west-2, Incomplete: ThrottlingException}
    - Resources: *pinned  # the digest that a manifest names may be pushed when it is merged
      Images: [{Repository: shop/api, Digest: other, Tags: ["1.2"], Region: us-west-2}]
    - Resources: *pinned  # a digest that was pushed to the other Region a moment ago
      Images:
        - {Repository: shop/api, Digest: "sha256:00000000000000000000000000000000000000000000000000000000000000aa", PushedAt: "2026-10-31T23:31:00Z"}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *waiting  # nobody has pushed it
      Images: [{Repository: shop/api, Digest: api-11, Tags: ["1.1"]}, {Repository: shop/api, Region: us-west-2}]
    - Resources:  # a cache fetches it
        api:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
        cache: {Type: AWS::ECR::PullThroughCacheRule, Region: us-west-2, Properties: {EcrRepositoryPrefix: shop, UpstreamRegistryUrl: registry-1.docker.io}}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *waiting  # pushed a moment ago
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], PushedAt: "2026-10-31T23:31:00Z"}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *waiting  # the list of the standby ended early
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Region: us-west-2, Incomplete: ThrottlingException}
    - Resources: *waiting  # that of the primary did
      Images:
        - {Repository: shop/api, Incomplete: ThrottlingException}
        - {Repository: shop/api, Region: us-west-2}
    - Resources: *waiting  # it is on its way back
      Images: [{Repository: shop/api, Digest: api-12, Tags: ["1.2"], Status: ACTIVATING, Region: us-west-2}]
    - Resources:  # whether a pod ever started it was not seen, and no Region has it
        api:
          Type: Kubernetes::Pod
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: {Unknown: the container is waiting}}
      Images: [{Repository: shop/api}]
    - Resources: *running
      Images: [{Repository: shop/other}]
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
    - Resources: *waiting  # only the primary was asked
      Scanned: [us-east-1]
      Images: [{Repository: shop/api, Digest: api-12, Tags: ["1.2"]}]
    - Resources:  # the registry is in an account that nobody scanned
        api:
          Type: Kubernetes::DaemonSet
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - {ContainerName: api, Image: "444455556666.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}
    - Resources:  # manifests of which one names a registry that nobody asked
        api:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: null}
              - {ContainerName: log, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/log:9", ImageDigest: null}
      Images: [{Repository: shop/log, Digest: log-9, Tags: ["9"]}]
    - Resources:
        api:
          Type: Kubernetes::Deployment
          Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: web, Name: api, ContainerImages: [{Unknown: "no pod shows what it runs"}]}
    - Resources:
        api:
          Type: Kubernetes::Deployment
          Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: web, Name: api, ContainerImages: []}
  not_applicable:
    - Resources: *waiting  # a manifest alone
    - Resources:  # others keep its images
        api:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - {ContainerName: api, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: null}
"""

from scanner.model import InsufficientData
from scanner.pushes import held, will_not_come
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import cache_of, containers


def check(workload, model, parameters):
    listed = containers(workload)
    if not listed:
        raise InsufficientData(f"which containers '{workload.id}' runs was not seen")
    if workload.locations and nobody_asked(listed, model):
        yield NotApplicable("Files do not say which images registries hold; collect a snapshot to know.")
        return
    rows, outcomes = [], []
    for container in listed:
        try:
            outcomes += judge(container, model, rows, parameters["grace"])
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(
                Undecided(f"Whether an image of the workload still exists was not seen: {reason}.", container.pointer)
            )
    if not rows and not outcomes:
        yield NotApplicable("None of its images is in a private ECR registry of yours.")
        return
    yield Evidence(images=rows)
    yield from outcomes


def is_of_others(container):
    """Tell whether somebody else keeps the image: another vendor, the ECR Public Gallery, or AWS for EKS."""
    return not container.reference.is_ecr or container.reference.is_aws_managed


def nobody_asked(listed, model):
    """Tell whether files alone speak of all the registries that are yours, and no snapshot of any other."""
    try:
        own = [container.reference.place for container in listed if not is_of_others(container)]
    except InsufficientData:
        return False
    return bool(own) and not model.images and all(model.is_only_declared(place) for place in own)


def judge(container, model, rows, grace):
    reference = container.reference
    if is_of_others(container):
        return
    wanted = reference.digest or reference.tag
    found = held(model, reference.key, wanted)
    rows.append({"image": str(reference), "exists": found is not None})
    if found is not None and found.status == "ACTIVE":
        return
    mark = "@" if reference.digest else ":"
    names = f"Container '{container}' names '{reference.repository}{mark}{wanted}'"
    if found is None:
        yield absent(names, container, (reference.key, wanted), model, grace)
    elif found.status == "ACTIVATING":
        yield Undecided(f"{names}, which '{reference.place}' is restoring; then it can be pulled.", container.pointer)
    else:
        yield Violation(
            f"{names}, which '{reference.place}' holds as '{found.status}'; no node could pull it.", container.pointer
        )


def absent(names, container, wanted, model, grace):
    """Judge what its registry does not hold under the tag or digest that a definition names."""
    reference, started = container.reference, has_started(container)
    if started and not reference.digest and not cache_of(model, reference.key):
        certain, why = True, f"which '{reference.place}' does not hold any more"
    else:
        certain, why = will_not_come(model, *wanted, grace, started=started)
    if certain:
        return Violation(f"{names}, {why}; no node that starts could pull it.", container.pointer)
    return Undecided(f"{names}, {why}.", container.pointer)


def has_started(container):
    """Tell whether a pod is known to have started its image: then that was in the registry."""
    try:
        return container.digest is not None
    except InsufficientData:
        return False
