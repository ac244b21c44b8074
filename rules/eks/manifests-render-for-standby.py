r"""
title: Each EKS workload is in the standby's cluster or manifests, at the same release
severity: high
link: definition
resource: [Kubernetes::Deployment, Kubernetes::StatefulSet, Kubernetes::DaemonSet, Kubernetes::CronJob]
needs: [AWS::EKS::Cluster, AWS::ECR::Image]
across: standby
rationale: |
  A cluster in the standby starts what was applied to it. Manifests are rendered for each cluster (an overlay, a values
  file, an entry of an ApplicationSet), and the one that nobody wrote for the standby is missed on the day of the
  failover, when the pipeline that would apply it may be gone with the primary. What runs in the standby has to be in
  its cluster; what only waits may be in the manifests that are scanned.
remediation: |
  Render and apply the workload for the standby as well, with its own registry in the image names, scaled to 0 if it
  shall wait:

      kustomize edit set image <image>=<account>.dkr.ecr.<standby>.amazonaws.com/<repository>@<digest>
      kubectl --context <standby> apply -k overlays/<standby>

  With Terraform: the `kubernetes_*` or `helm_release` resources once more with the provider of the standby's cluster;
  with Argo CD an ApplicationSet that generates both clusters. Workloads are compared by cluster, namespace and name;
  which cluster a manifest, an overlay or a values file is for says `iac:` in regionproof.yaml:

      iac: [{path: overlays/<standby>, region: <standby>, cluster: shop}]
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
  - https://kubernetes.io/docs/tasks/manage-kubernetes-objects/kustomization/
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CP-10]
traps:
  - Charts and overlays are read as they are written and nothing is run; what only Helm, a plugin or the cluster could tell is unknown, and so is a manifest of which nothing says which cluster it is for.
  - A base is not applied by itself, so only the overlays that no other one includes are compared.
  - A manifest that is scanned but not applied is enough for a pilot light; a warm standby and an active-active pair run their workloads, so what was applied counts.
  - A manifest that pulls from the primary's registry is there; workload-image-not-pinned-to-primary judges it, and image-running-digest-in-standby whether the image is there.
  - Where neither cluster is in the scanned code, that the standby's is missing says nothing; the manifests are compared all the same.
  - A workload at 0 replicas is there, and right for a pilot light; only its images are compared.
  - The namespaces of the system belong to the add-ons, which eks-addon-parity compares; nodes of another kind need others.
  - A tag and a digest may be one image, so digests are compared where both are known.
parameters:
  system_namespaces:
    type: array
    items: {type: string}
    default: [kube-system, kube-public, kube-node-lease]
    description: Namespaces whose workloads are not compared.

examples:
  pass:
    - Resources: &both
        primary: &primary
          Type: Kubernetes::Deployment
          Properties: &east
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            Replicas: 4
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: api-12}]
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:  # it waits
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            Replicas: 0
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: null}]
        cluster: &cluster {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop}}
    - Resources:  # another tag of the same bytes
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:stable", ImageDigest: api-12}]
  fail:
    - Resources:  # the clusters are named after their Regions
        primary: {Type: "Kubernetes::Deployment", Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop-us-east-1", Namespace: web, Name: api, ContainerImages: []}}
        cluster: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop-us-west-2}}
    - Resources: &alone {primary: *primary, cluster: *cluster}
    - Resources:  # a Deployment is no StatefulSet
        primary: *primary
        cluster: *cluster
        standby:
          Type: Kubernetes::StatefulSet
          Region: us-west-2
          Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: api, ContainerImages: []}
    - Resources:  # another release
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2", ImageDigest: api-11}]
    - Resources:  # a container is missing
        primary:
          Type: Kubernetes::CronJob
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: nightly
            ContainerImages: [{ContainerName: a, Image: "x:1"}, {ContainerName: b, Image: "y:1"}]
        standby:
          Type: Kubernetes::CronJob
          Region: us-west-2
          Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: nightly, ContainerImages: [{ContainerName: a, Image: "x:1"}]}
    - Resources: {primary: *primary}  # the clusters are declared elsewhere
    - Resources: {agent: {Type: Kubernetes::DaemonSet, Properties: &agent {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: kube-system, Name: agent}}, cluster: *cluster}
      Parameters: {system_namespaces: [kube-public]}
  unknown:
    - Resources: *alone  # nobody could look into the standby's cluster
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::Deployment", Operation: "eks:ListClusters", Region: us-west-2}]
    - Resources: {primary: *primary}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Cluster", Operation: "eks:ListClusters", Region: us-west-2}]
    - Resources:  # what it would run there was not seen
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: {Unknown: "no pod shows what it runs"}
    - Resources:  # different tags, and no list of images that says what they mean
        primary: *primary
        standby:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:stable", ImageDigest: null}]
  not_applicable:
    - Resources: {primary: *primary, cluster: {Type: AWS::EKS::Cluster, Properties: {Name: shop}}}  # the standby's is missing; eks-cluster-version-parity says so
    - Resources: {agent: {Type: Kubernetes::DaemonSet, Properties: *agent}, cluster: *cluster}
    - Resources: *alone
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.releases import by_name, counterpart, differences
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

CLUSTER = "AWS::EKS::Cluster"


def check(twin, model, parameters):
    primary, pair = twin.primary, twin.pair
    cluster, namespace = primary["Cluster"].rpartition("/")[2], primary["Namespace"]
    standby = counterpart(twin, model)
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore workloads are applied when they are needed.")
    elif namespace in parameters["system_namespaces"]:
        yield NotApplicable("The workloads of this namespace come with the cluster and its add-ons.")
    elif standby is not None:
        yield from judge_release(primary, standby, model)
    elif twin.find(CLUSTER, cluster) is None and is_seen(cluster, primary, model):
        yield NotApplicable("The standby has no such cluster; eks-cluster-version-parity judges that.")
    else:
        yield Violation(
            f"Cluster '{cluster}' of '{pair.standby}' has no {primary.type.rpartition(':')[2]} "
            f"'{namespace}/{primary['Name']}'; one was expected, as in the primary.",
            "/Name",
        )


def is_seen(cluster, primary, model):
    """Tell whether the primary's own cluster is in what was scanned; its manifests may be elsewhere."""
    return model.find(CLUSTER, cluster, primary.place, code=bool(primary.locations)) is not None


def judge_release(primary, standby, model):
    """Require the same containers, and of each the same image apart from the registry."""
    here, there = by_name(primary["ContainerImages"] or ()), by_name(standby["ContainerImages"] or ())
    yield Evidence(containers=sorted(here), standby_containers=sorted(there))
    wrong = []
    for difference in differences(here, there, model):
        if isinstance(difference, InsufficientData):
            yield Undecided(f"{str(difference)[:1].upper()}{str(difference)[1:]}.", "/ContainerImages")
        else:
            wrong.append(difference)
    if wrong:
        yield Violation(f"'{standby.id}' is another release: {'; '.join(wrong)}.", "/ContainerImages", (standby,))
