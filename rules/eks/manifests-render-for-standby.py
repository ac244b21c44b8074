r"""
title: Each EKS workload is in the standby's cluster, at the same release
severity: high
resource: [Kubernetes::Deployment, Kubernetes::StatefulSet, Kubernetes::DaemonSet, Kubernetes::CronJob]
needs: [AWS::EKS::Cluster, AWS::ECR::Image]
across: standby
rationale: |
  A cluster in the standby starts what was applied to it. Manifests are rendered for each cluster (an overlay, a values
  file, an entry of an ApplicationSet), and the one that nobody wrote for the standby is missed on the day of the
  failover, when the pipeline that would apply it may be gone with the primary.
remediation: |
  Render and apply the workload for the standby as well, with its own registry in the image names, scaled to 0 if it
  shall wait:

      kustomize edit set image shop/api=<account>.dkr.ecr.<standby>.amazonaws.com/shop/api@<digest>
      kubectl --context <standby> apply -k overlays/<standby>

  With Terraform: the `kubernetes_*` or `helm_release` resources once more with the provider of the standby's cluster;
  with Argo CD an ApplicationSet that generates both clusters. Workloads are compared by cluster, namespace and name.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
  - https://kubernetes.io/docs/tasks/manage-kubernetes-objects/kustomization/
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CP-10]
traps:
  - Charts and overlays are not rendered here; what was applied to the standby's cluster is read, and where nobody could look the verdict is unknown.
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
    - Resources: {primary: *primary}  # the cluster is missing; eks-cluster-version-parity says so
    - Resources: {agent: {Type: Kubernetes::DaemonSet, Properties: *agent}, cluster: *cluster}
    - Resources: *alone
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.releases import by_name, differences
from scanner.rule import Evidence, NotApplicable, Undecided, Violation


def check(twin, model, parameters):
    primary, standby, pair = twin.primary, twin.standby, twin.pair
    cluster = primary["Cluster"].rpartition("/")[2]
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore workloads are applied when they are needed.")
    elif primary["Namespace"] in parameters["system_namespaces"]:
        yield NotApplicable("The workloads of this namespace come with the cluster and its add-ons.")
    elif standby is not None:
        yield from judge_release(primary, standby, model)
    elif twin.find("AWS::EKS::Cluster", cluster) is None:
        yield NotApplicable("The standby has no such cluster; eks-cluster-version-parity judges that.")
    else:
        yield Violation(
            f"Cluster '{cluster}' of '{pair.standby}' has no {primary.type.rpartition(':')[2]} "
            f"'{primary['Namespace']}/{primary['Name']}'; one was expected, as in the primary.",
            "/Name",
        )


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
