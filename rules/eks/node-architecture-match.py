r"""
title: The standby's nodes can run the images that the primary's cluster runs
severity: high
link: architecture
resource: AWS::EKS::Cluster
needs:
  - AWS::ECR::Image
  - AWS::ECR::ImageManifest
  - AWS::ECR::Repository
  - AWS::EKS::FargateProfile
  - AWS::EKS::Nodegroup
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
across: standby
optional: true
when: pair.dr_class != 'backup-restore'
rationale: |
  An image holds machine code for one processor, unless it is an index of several. Where the node groups of the standby
  were made of another processor than the primary's, pods are scheduled, pull the right digest, and crash with `exec
  format error`. Nothing in the cluster warns of it beforehand. The rule reads what the indexes hold, which costs a
  request for each, so it is off unless it is selected.
remediation: |
  Build for both processors and push one index:

      docker buildx build --platform linux/amd64,linux/arm64 --push -t <registry>/<repository>:<tag> .

  or give the standby a node group of the primary's processor: `AmiType` and `InstanceTypes` of `AWS::EKS::Nodegroup`
  (`ami_type` and `instance_types` of `aws_eks_node_group` in Terraform); it may wait at size 0.
references:
  - https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html
  - https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html
controls:
  aws-well-architected: [REL13-BP04]
traps:
  - An index may hold an image for either processor; what it holds is read, and where nobody read it the verdict is unknown.
  - An image for one platform does not say which; it is taken to be for the primary's nodes only if all of those are of one processor.
  - Karpenter and Auto Mode choose a processor when pods wait, and Fargate runs some of them elsewhere; where the standby has one of these beside node groups of another processor, it is undecided.
  - Whether Karpenter runs in the standby is seen inside its cluster alone; where nobody looked there, it is undecided.
  - Nodes that manage themselves are shown by no API of EKS; a cluster with managed node groups is judged by those.
  - An AMI of your own says nothing of its processor, so the instance types are read; nodes of Windows are left out.
  - Node groups that cannot have a node run nothing, and do not count.
examples:
  pass:
    - Resources: &both
        primary: &primary {Type: AWS::EKS::Cluster, Properties: {Name: shop}}
        nodes: &amd {Type: AWS::EKS::Nodegroup, Properties: {ClusterName: shop, NodegroupName: general, AmiType: AL2023_x86_64_STANDARD, ScalingConfig: {MaxSize: 8}}}
        windows: {Type: AWS::EKS::Nodegroup, Properties: {ClusterName: shop, NodegroupName: windows, AmiType: WINDOWS_CORE_2022_x86_64, ScalingConfig: {MaxSize: 8}}}
        standby: &standby {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, ComputeConfig: null}}
        nodes-there:  # an AMI of their own
          Type: AWS::EKS::Nodegroup
          Region: us-west-2
          Properties: {ClusterName: shop, NodegroupName: general, AmiType: CUSTOM, InstanceTypes: [m7i-flex.large, g4dn.xlarge], ScalingConfig: {MaxSize: 1}}
        tool: {Type: Kubernetes::Pod, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: shop, Name: tool, ContainerImages: [{ContainerName: tool, Image: "quay.io/tool:3", ImageDigest: tool}]}}
    - Resources: &other  # the image is for both
        primary: *primary
        nodes: *amd
        standby: *standby
        nodes-there: &arm
          Type: AWS::EKS::Nodegroup
          Region: us-west-2
          Properties: {ClusterName: shop, NodegroupName: general, AmiType: CUSTOM, InstanceTypes: [m7g.large, c6gn.xlarge, a1.large], ScalingConfig: {MaxSize: 8}}
        none-there: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: none, AmiType: AL2023_x86_64_STANDARD, ScalingConfig: {MaxSize: 0}}}
        web: &web
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages: [{ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:3", ImageDigest: sha256:9f11eb4e46c514454c7c520ce8cd6bca8198c19721d08f34d24a471e4d365a96}]
        elsewhere:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/tools
            Namespace: shop
            Name: web
            ContainerImages: [{ContainerName: web, Image: "quay.io/tool:3", ImageDigest: tool}]
        manifest: &manifest
          Type: AWS::ECR::ImageManifest
          Properties:
            RepositoryName: shop/web
            ImageDigest: sha256:9f11eb4e46c514454c7c520ce8cd6bca8198c19721d08f34d24a471e4d365a96
            Manifests:
              - {Digest: web-3-amd, Platform: {Os: linux, Architecture: amd64}}
              - {Digest: web-3-arm, Platform: {Os: linux, Architecture: arm64}}
      Images: &index [{Repository: shop/web, Digest: sha256:9f11eb4e46c514454c7c520ce8cd6bca8198c19721d08f34d24a471e4d365a96, MediaType: application/vnd.oci.image.index.v1+json}]
  fail:
    - Resources: &single {primary: *primary, nodes: *amd, standby: *standby, nodes-there: *arm, web: *web}
      Images: &image [{Repository: shop/web, Digest: sha256:9f11eb4e46c514454c7c520ce8cd6bca8198c19721d08f34d24a471e4d365a96}]
    - Resources:  # an index of one processor
        primary: *primary
        nodes: *amd
        standby: *standby
        nodes-there: *arm
        web: *web
        manifest:
          Type: AWS::ECR::ImageManifest
          Properties: {RepositoryName: shop/web, ImageDigest: sha256:9f11eb4e46c514454c7c520ce8cd6bca8198c19721d08f34d24a471e4d365a96, Manifests: [{Digest: web-3-amd, Platform: {Os: linux, Architecture: amd64}}]}
      Images: *index
    - Resources:  # of two processors of the primary one is there, and not that of the index
        primary: *primary
        nodes: *amd
        nodes-arm: &arm-here {Type: AWS::EKS::Nodegroup, Properties: {ClusterName: shop, NodegroupName: arm, AmiType: BOTTLEROCKET_ARM_64, ScalingConfig: {MaxSize: 8}}}
        standby: *standby
        nodes-there: *arm
        web: *web
        manifest:
          Type: AWS::ECR::ImageManifest
          Properties: {RepositoryName: shop/web, ImageDigest: sha256:9f11eb4e46c514454c7c520ce8cd6bca8198c19721d08f34d24a471e4d365a96, Manifests: [{Digest: web-3-amd, Platform: {Os: linux, Architecture: amd64}}]}
      Images: *index
  unknown:
    - Resources: {primary: *primary, nodes: *amd, nodes-arm: *arm-here, standby: *standby, nodes-there: *arm, web: *web}  # of which processor the image is
      Images: *image
    - Resources: *single  # an index that nobody read
      Images: *index
    - Resources: *single  # an image that nobody listed
    - Resources: *single  # or that is gone
      Images: [{Repository: shop/web}]
    - Resources:  # somebody else's image
        primary: *primary
        nodes: *amd
        standby: *standby
        nodes-there: *arm
        web: {Type: Kubernetes::Pod, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: shop, Name: web, ContainerImages: [{ContainerName: web, Image: "quay.io/tool:3", ImageDigest: tool}]}}
    - Resources:  # Karpenter may bring other nodes
        primary: *primary
        nodes: *amd
        standby: *standby
        nodes-there: *arm
        web: *web
        karpenter:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: kube-system
            Name: karpenter
            ContainerImages: [{ContainerName: controller, Image: "public.ecr.aws/karpenter/controller:1", ImageDigest: karpenter}]
      Images: *image
    - Resources: *single  # nobody looked into the standby's cluster
      Images: *image
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::Deployment", Operation: "eks:ListClusters", Region: us-west-2}]
    - Resources:  # Auto Mode
        primary: *primary
        nodes: *amd
        standby: {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop, ComputeConfig: {Enabled: true, NodePools: [general-purpose]}}}
        nodes-there: *arm
        web: *web
      Images: *image
    - Resources:  # Fargate
        primary: *primary
        nodes: *amd
        standby: *standby
        nodes-there: *arm
        profile: {Type: AWS::EKS::FargateProfile, Region: us-west-2, Properties: {ClusterName: shop, FargateProfileName: f, Selectors: [{Namespace: shop}]}}
        web: *web
      Images: *image
    - Resources: *single  # what else the primary runs was not seen
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::Pod", Operation: "eks:ListClusters"}]
    - Resources: *other
      Images: *index
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::Pod", Operation: "eks:ListClusters"}]
    - Resources:  # an AMI of their own on instances that a launch template names
        primary: *primary
        nodes: *amd
        standby: *standby
        nodes-there: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: general, AmiType: CUSTOM, InstanceTypes: null, ScalingConfig: {MaxSize: 8}}}
    - Resources:
        primary: *primary
        nodes: *amd
        standby: *standby
        nodes-there: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: general, AmiType: CUSTOM, InstanceTypes: [mac2.metal], ScalingConfig: {MaxSize: 8}}}
    - Resources: {primary: *primary, nodes: *amd, standby: *standby}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Nodegroup", Operation: "eks:ListNodegroups", Region: us-west-2}]
  not_applicable:
    - Resources: {primary: *primary, nodes: *amd}  # eks-cluster-version-parity says that it is missing
    - Resources: {primary: *primary, standby: *standby, nodes-there: *arm}  # the primary has no node groups
    - Resources: {primary: *primary, nodes: *amd, standby: *standby}  # nor does the standby, which eks-node-capacity-in-standby judges
    - Resources: *single
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.clusters import auto_mode, growing, parts
from scanner.model import InsufficientData
from scanner.platforms import node_processors, platforms
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import KUBERNETES, containers, digest_of, find_image


def check(twin, model, parameters):
    primary, standby = twin.primary, twin.standby
    if standby is None:
        yield NotApplicable("The standby has no such cluster; eks-cluster-version-parity judges that.")
        return
    here, there = processors(primary, model), processors(standby, model)
    if not here or not there:
        yield NotApplicable("One of the clusters has no managed node group for Linux, whose processor could differ.")
        return
    yield Evidence(primary=sorted(here), standby=sorted(there))
    if here <= there:
        return
    wrong, doubts = judge_images(primary, here, there, model)
    for gap in unseen(primary, model):
        doubts.append(f"what else runs in '{primary.name}' was not seen: {gap}")
    what = f"The node groups of '{standby.id}' are for '{', '.join(sorted(there))}'"
    if wrong:
        other = other_nodes(standby, model)
        if other:
            yield Undecided(f"{what}, and {wrong[0]}, but {other}.")
        else:
            yield Violation(f"{what}, and {wrong[0]}; nodes that can run it were expected.", "", (standby,))
    elif doubts:
        yield Undecided(f"{what}, and whether they can run all that the primary runs is not known: {doubts[0]}.")


def processors(cluster, model):
    """Return the processors of the node groups that may have a node."""
    return frozenset().union(*(node_processors(group) for group in growing(cluster, model)))


def unseen(cluster, model):
    return [str(gap).rstrip(".") for type in KUBERNETES if (gap := model.hidden(type, cluster.place))]


def judge_images(cluster, here, there, model):
    """Return, as clauses, which images the standby's nodes cannot run, and of which that is not known."""
    wrong, doubts = [], []
    for workload in workloads(cluster, model):
        try:
            for container in containers(workload):
                digest = digest_of(model, container.reference, container.digest)
                needs = of_image(container.reference, digest, here, model)
                if not needs & there:
                    wrong.append(f"'{workload.name}' runs '{digest}', which is for '{', '.join(sorted(needs))}' alone")
        except InsufficientData as gap:
            doubts.append(str(gap).rstrip("."))
    return wrong, doubts


def workloads(cluster, model):
    for type in KUBERNETES:
        for workload in model.in_place(type, cluster.place):
            if workload["Cluster"] == cluster.id:
                yield workload


def of_image(reference, digest, here, model):
    """Return the processors that an image is for."""
    image = reference.key and find_image(model, reference.key, digest)
    if not image:
        raise InsufficientData(f"'{reference}' is in no registry of yours, or gone")
    if image.is_index:
        return {platform.rpartition("/")[2] for platform in platforms(model, reference.key, digest).values()}
    if len(here) > 1:
        raise InsufficientData(f"'{digest}' is an image for one platform, and the primary has nodes of several")
    return here


def other_nodes(cluster, model):
    """Return what may bring a cluster nodes of another processor than its node groups, None if nothing is seen to."""
    if auto_mode(cluster):
        return "it is in Auto Mode, which brings others"
    if any(True for _ in parts(model, "AWS::EKS::FargateProfile", cluster)):
        return "its Fargate profiles run some pods elsewhere"
    for workload in workloads(cluster, model):
        if "karpenter" in workload["Name"]:
            return "Karpenter runs in it, which may bring others"
    hidden = unseen(cluster, model)
    return f"whether Karpenter runs in it was not seen: {hidden[0]}" if hidden else None
