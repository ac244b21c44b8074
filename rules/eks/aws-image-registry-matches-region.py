r"""
title: AWS's own images for EKS come from the registry of the standby's Region
severity: medium
link: addons
resource:
  - Kubernetes::Deployment
  - Kubernetes::StatefulSet
  - Kubernetes::DaemonSet
  - Kubernetes::CronJob
  - Kubernetes::Job
  - Kubernetes::Pod
rationale: |
  AWS keeps the images of add-ons and controllers in a registry in each Region, under an account that is not the same
  everywhere. A manifest or Helm value that was copied from the primary pulls from the primary's Region, which fails
  when it is lost; one whose account does not belong to the Region never worked at all.
remediation: |
  Let EKS manage the add-on, or derive the registry from the Region in the values of each cluster:

      helm upgrade aws-load-balancer-controller eks/aws-load-balancer-controller \
          --set image.repository=<account>.dkr.ecr.<standby>.amazonaws.com/amazon/aws-load-balancer-controller

  The account of each Region is in the table of the reference below. In CloudFormation (`AWS::EKS::Addon`) and
  Terraform (`aws_eks_addon`) no registry is named, so an add-on cannot be wrong.
references:
  - https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html
controls:
  aws-well-architected: [REL13-BP04]
traps:
  - Most Regions share the account 602401143452, so an image with the right account may be another Region's; both are compared.
  - AWS may open a registry for a Region that is not in the table here; then the Region decides and its account is not judged.
  - Only Regions that others fail over to are judged; a primary may pull from where it likes.
examples:
  pass:
    - Resources:
        lbc:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties: &fine
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: kube-system
            Name: lbc
            ContainerImages:
              - {ContainerName: lbc, Image: "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon/aws-load-balancer-controller:v2.8.1"}
              - {ContainerName: own, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/own:1"}  # judged elsewhere
              - {ContainerName: web, Image: "nginx:1"}
    - Resources:  # a Region with an account of its own
        agent:
          Type: Kubernetes::DaemonSet
          Region: me-south-1
          Properties: &agent
            Cluster: arn:aws:eks:me-south-1:111122223333:cluster/shop
            Namespace: kube-system
            Name: agent
            ContainerImages: [{ContainerName: a, Image: "558608220178.dkr.ecr.me-south-1.amazonaws.com/eks/agent:1"}]
      Pairs: &bahrain [{primary: us-east-1, standby: me-south-1}]
    - Resources:  # a Region that is not in the table
        agent:
          Type: Kubernetes::DaemonSet
          Region: us-south-9
          Properties:
            Cluster: arn:aws:eks:us-south-9:111122223333:cluster/shop
            Namespace: kube-system
            Name: agent
            ContainerImages: [{ContainerName: a, Image: "602401143452.dkr.ecr.us-south-9.amazonaws.com/eks/agent:1"}]
      Pairs: [{primary: us-east-1, standby: us-south-9}]
  fail:
    - Resources:  # only the Region differs
        lbc:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties: &copied
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: kube-system
            Name: lbc
            ContainerImages: [{ContainerName: lbc, Image: "602401143452.dkr.ecr.us-east-1.amazonaws.com/amazon/aws-load-balancer-controller:v2.8.1"}]
    - Resources:  # a third Region is another dependency
        agent:
          Type: Kubernetes::CronJob
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: kube-system
            Name: agent
            ContainerImages: [{ContainerName: a, Image: "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/agent:1"}]
    - Resources:  # the account has no registry in this Region
        agent:
          Type: Kubernetes::DaemonSet
          Region: me-south-1
          Properties:
            Cluster: arn:aws:eks:me-south-1:111122223333:cluster/shop
            Namespace: kube-system
            Name: agent
            ContainerImages: [{ContainerName: a, Image: "602401143452.dkr.ecr.me-south-1.amazonaws.com/eks/agent:1"}]
      Pairs: *bahrain
  unknown:
    - Resources:
        lbc:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: kube-system
            Name: lbc
            ContainerImages: {Unknown: "kubernetes:ListPods was denied"}
    - Resources:
        lbc:
          Type: Kubernetes::Deployment
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: kube-system
            Name: lbc
            ContainerImages:
              - {ContainerName: a, Image: {Unknown: "the pod does not show the image of its container"}}
              - {ContainerName: b, Image: "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/agent:1"}
  not_applicable:
    - Resources: {lbc: {Type: Kubernetes::Deployment, Properties: *copied}}  # the primary
    - Resources: {lbc: {Type: Kubernetes::Deployment, Region: us-west-2, Properties: *fine}, agent: {Type: Kubernetes::DaemonSet, Properties: *agent}}
      Pairs: [{primary: eu-west-1, standby: eu-central-1}]
    - Resources:  # nothing of AWS's
        web:
          Type: Kubernetes::Pod
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: web
            ContainerImages: [{ContainerName: web, Image: "nginx:1"}]
"""

from scanner.model import InsufficientData
from scanner.references import eks_registry_account
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import reference_of, regions_that_fail_over_to


def check(workload, model, parameters):
    place = workload.place
    if not regions_that_fail_over_to(model, place) - {place.region}:
        yield NotApplicable("No other Region fails over to this one.")
        return
    images = workload["ContainerImages"] or []
    found, outcomes = [], []
    for number in range(len(images)):
        pointer = f"/ContainerImages/{number}"
        try:
            reference = reference_of(images[number]["Image"])
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(
                Undecided(f"Where image {number + 1} of {len(images)} is pulled from is not known: {reason}.", pointer)
            )
            continue
        if reference.is_aws_managed:
            found.append(str(reference))
            outcomes += judge(reference, place.region, pointer)
    if not found and not outcomes:
        yield NotApplicable("None of its images comes from AWS's own registries for EKS.")
        return
    yield Evidence(aws_images=found)
    yield from outcomes


def judge(reference, region, pointer):
    """Yield what is wrong with an image of AWS's in a Region."""
    account = eks_registry_account(region)
    if reference.region != region:
        yield Violation(
            f"'{reference}' is pulled from '{reference.region}'; AWS's registry in '{region}' was expected.", pointer
        )
    elif account not in (None, reference.account):
        yield Violation(
            f"'{reference}' names account '{reference.account}', but AWS's registry in '{region}' is that of "
            f"'{account}'; no node can pull it.",
            pointer,
        )
