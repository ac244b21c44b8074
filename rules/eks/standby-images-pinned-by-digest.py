r"""
title: EKS workloads in the standby name images by digest or by a fixed tag
severity: high
link: established
resource: [Kubernetes::Deployment, Kubernetes::StatefulSet, Kubernetes::DaemonSet, Kubernetes::CronJob]
needs: [AWS::ECR::Repository, AWS::ECR::Image]
across: standby
rationale: |
  Kubernetes keeps no digest. What a tag means is decided on each node when it starts a pod, and in a failover all nodes
  start pods: the standby runs whatever its registry holds under the tag on that day. A digest in its definition decides
  it when it is applied.
remediation: |
  Resolve the tag in the pipeline and apply the digest to the standby's definition:

      aws ecr describe-images --region <standby> --repository-name <repository> --image-ids imageTag=<tag> \
          --query 'imageDetails[0].imageDigest'
      kustomize edit set image shop/api=<account>.dkr.ecr.<standby>.amazonaws.com/shop/api@<digest>

  In Helm give `repository@digest`, or the value of the chart for a digest; in Terraform read it with `aws_ecr_image`.
  Immutable tags come close: see the traps.
references:
  - https://kubernetes.io/docs/concepts/containers/images/#image-names
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
controls:
  nist-800-53: [CM-2]
  aws-well-architected: [REL13-BP04]
traps:
  - A tag that nobody can move, and that means the same image in both Regions already, is as good as a digest; the rule passes.
  - Immutability with exclusions counts only for tags that no exclusion matches; where tags may move with exclusions it is the other way round.
  - What the standby's own definition names counts, in its cluster or in manifests for it, not what the primary's does.
  - A pod that runs in the standby by tag shows a digest, and the next pod on another node asks for the tag again.
  - Where both a tag and a digest are written, the digest decides.
  - A registry in an account of its own is compared with the same account's in the primary's Region.
  - Images that AWS itself puts into every Region, those of EKS add-ons, are left out, and so are the namespaces of the system.
parameters:
  system_namespaces:
    type: array
    items: {type: string}
    default: [kube-system, kube-public, kube-node-lease]
    description: Namespaces whose workloads are not judged.
examples:
  pass:
    - Resources:
        primary: &primary  # it names a tag
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}]
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - ContainerName: api
                Image: 111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2@sha256:00000000000000000000000000000000000000000000000000000000000000aa
                ImageDigest: null
              - {ContainerName: agent, Image: "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/agent:v1", ImageDigest: null}
    - Resources:  # a tag of an immutable repository, which means one image on both sides
        primary: *primary
        standby: &tagged
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            Replicas: 0
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: null}]
        repository: &immutable
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/api, ImageTagMutability: IMMUTABLE}
      Images: &same
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}
    - Resources:  # the tag is none of those that may still move
        primary: *primary
        standby: *tagged
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/api
            ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
            ImageTagMutabilityExclusionFilters:
              - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: dev-*}
      Images: *same
    - Resources:  # the registry is another account's, in both Regions
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: [{ContainerName: api, Image: "444455556666.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: null}]
        repository: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: shop/api, ImageTagMutability: IMMUTABLE}}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Account: "444455556666"}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Account: "444455556666", Region: us-west-2}
  fail:
    - Resources: {primary: *primary, standby: *tagged, repository: &mutable {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/api}}}
      Images: *same
    - Resources:  # it runs in the standby, and shows the digest
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: api-12}]
        repository: *mutable
      Images: *same
    - Resources:  # the primary names a digest, and the standby's own definition a tag
        primary:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages:
              - ContainerName: api
                Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:00000000000000000000000000000000000000000000000000000000000000aa
                ImageDigest: sha256:00000000000000000000000000000000000000000000000000000000000000aa
        standby: *tagged
        repository: *mutable
      Images: *same
    - Resources: {primary: *primary, standby: *tagged, repository: *immutable}  # nobody can move the tag, but it means another image in the primary
      Images:
        - {Repository: shop/api, Digest: api-13, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}
    - Resources:  # an exclusion matches the tag
        primary: *primary
        standby: *tagged
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/api
            ImageTagMutability: IMMUTABLE_WITH_EXCLUSION
            ImageTagMutabilityExclusionFilters:
              - {ImageTagMutabilityExclusionFilterType: WILDCARD, ImageTagMutabilityExclusionFilterValue: 1.*}
      Images: *same
    - Resources:  # the tags of other registries move as their owners like
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: [{ContainerName: proxy, Image: "public.ecr.aws/nginx/nginx:1.27", ImageDigest: null}]
    - Resources: {primary: *primary, standby: *tagged, repository: *mutable}
      Parameters: {system_namespaces: [kube-system]}
  unknown:
    - Resources: {primary: *primary, standby: *tagged}  # code elsewhere may declare the repository
    - Resources: {primary: *primary, standby: *tagged}  # whether the tag may move was not seen
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources: {primary: *primary, standby: *tagged, repository: *immutable}  # no list of images
    - Resources:  # what it would run there was not seen
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: api, ContainerImages: {Unknown: "no pod shows what it runs"}}
    - Resources:
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: api, ContainerImages: []}
    - Resources: {primary: *primary}
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::Deployment", Operation: "eks:ListClusters", Region: us-west-2}]
  not_applicable:
    - Resources: {primary: *primary}  # nothing is there; eks-manifests-render-for-standby says so
    - Resources: {primary: *primary, standby: *tagged, repository: *mutable}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources: {primary: *primary, standby: *tagged, repository: *mutable}
      Parameters: {system_namespaces: [web]}
    - Resources:  # AWS keeps all that it runs
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: [{ContainerName: agent, Image: "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/agent:v1", ImageDigest: null}]
"""

from scanner.model import InsufficientData
from scanner.movable import may_change
from scanner.releases import counterpart
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import containers


def check(twin, model, parameters):
    primary, pair = twin.primary, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore workloads are applied when they are needed.")
        return
    if primary["Namespace"] in parameters["system_namespaces"]:
        yield NotApplicable("The workloads of this namespace come with the cluster and its add-ons.")
        return
    standby = counterpart(twin, model)
    if standby is None:
        yield NotApplicable("The standby has no such workload; eks-manifests-render-for-standby judges that.")
        return
    listed = containers(standby)
    if not listed:
        raise InsufficientData(f"which containers '{standby.id}' runs was not seen")
    rows, outcomes = [], []
    for container in listed:
        try:
            outcomes += judge(container, standby, pair, model, rows)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"What a container of '{standby.id}' starts with was not seen: {reason}."))
    if not rows and not outcomes:
        yield NotApplicable("All of its images are those that AWS keeps for EKS.")
        return
    yield Evidence(images=rows)
    yield from outcomes


def judge(container, standby, pair, model, rows):
    reference = container.reference
    if reference.is_aws_managed:
        return
    rows.append({"image": str(reference), "pinned": bool(reference.digest)})
    why = None if reference.digest else may_change(reference, standby, pair, model)
    if why:
        yield Violation(
            f"Container '{container}' of '{standby.id}' starts with '{reference}': {why}; a digest was expected.",
            "/ContainerImages",
            (standby,),
        )
