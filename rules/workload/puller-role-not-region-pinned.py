r"""
title: The role that pulls images may pull them in the standby
severity: high
link: identity
resource: [AWS::ECS::TaskDefinition, AWS::EKS::Nodegroup, AWS::EKS::FargateProfile]
needs:
  - AWS::IAM::Role
  - AWS::ECR::Repository
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
rationale: |
  IAM is global and the resources in its policies are not: a policy that allows a pull from
  `arn:aws:ecr:<primary>:<account>:repository/*` looks like least privilege, and refuses every pull in the standby. The
  first task there stops with CannotPullContainerError although the image is in the registry.
remediation: |
  Write the Region of the ARN as a wildcard, or once for each Region:

      {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
      {"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
       "Resource": "arn:aws:ecr:*:<account>:repository/shop/*"}

  (`Policies` of `AWS::IAM::Role`, `aws_iam_role_policy`), or attach a managed policy of AWS:

      aws iam attach-role-policy --role-name <role> \
          --policy-arn arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_EKS.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
controls:
  nist-800-53: [AC-6]
traps:
  - ECR decrypts by grants of its own, so a role that pulls from a repository with a customer key needs no permission for the key; that of secrets is for workload-secrets-readable-in-standby.
  - Managed policies of AWS allow the pull everywhere; they are read like any other, and known by name in a file.
  - A policy that was not seen may also deny, so nothing passes beside one.
  - A permissions boundary may take away what a policy allows and is not evaluated, so a role with one is undecided.
  - Service control policies cannot be seen from a member account and are not evaluated; a pass says that the role's own policies allow the pull.
  - A condition on `aws:RequestedRegion` pins a Region too; it is met by the Region of the repository.
  - A token for the registry is of no resource, so it must be allowed on `*`.
  - The policy of a repository may let a role of its account pull; where it has one, a role without permission is undecided.
  - On EC2 the instances pull with a role of their own, which no task definition names, so it is undecided.
  - A standby that has a counterpart of its own is judged by the role that one names.
  - Pods of a cluster may never run on some of its nodes, so only a role that may pull none of their images fails.
examples:
  pass:
    - Resources: &wide
        task: &task
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            RequiresCompatibilities: [FARGATE]
            ExecutionRoleArn: {"Fn::GetAtt": [role, Arn]}
            ContainerDefinitions:
              - {Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}
              - {Name: log, Image: "quay.io/log:1"}
        role: &narrow
          Type: AWS::IAM::Role
          Properties:
            Policies:
              - PolicyName: pull
                PolicyDocument:
                  Statement:
                    - {Effect: Allow, Action: "ecr:GetAuthorizationToken", Resource: "*"}
                    - {Effect: Allow, Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], Resource: "arn:aws:ecr:*:111122223333:repository/shop/*"}
            ManagedPolicies: []
        api: &api {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/api}}
    - Resources:  # a managed policy of AWS
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"], ManagedPolicies: [{PolicyDocument: {Statement: {Effect: Allow, Action: "ecr:*", Resource: "*"}}}]}}
        api: *api
    - Resources:  # the standby has its own task definition, and the role of that one may pull
        task: *task
        role: &pinned
          Type: AWS::IAM::Role
          Properties:
            Policies:
              - PolicyName: pull
                PolicyDocument:
                  Statement:
                    - {Effect: Allow, Action: "ecr:GetAuthorizationToken", Resource: "*"}
                    - {Effect: Allow, Action: "ecr:*", Resource: "arn:aws:ecr:us-east-1:111122223333:repository/*"}
            ManagedPolicies: []
        there: &there
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            RequiresCompatibilities: [FARGATE]
            ExecutionRoleArn: {"Fn::GetAtt": [other, Arn]}
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2"}]
        other: {Type: AWS::IAM::Role, Region: us-west-2, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}}], ManagedPolicies: []}}
        api: *api
    - Resources:  # a key of the customer, which ECR itself decrypts with
        task: *task
        role: *narrow
        api: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/api, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-west-2:111122223333:key/west"}}}
    - Resources: &nodes
        nodes: &group {Type: AWS::EKS::Nodegroup, Properties: {ClusterName: shop, NodegroupName: main, NodeRole: {"Fn::GetAtt": [role, Arn]}}}
        web: &web
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages: [{ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: web-3}]
        elsewhere: &elsewhere
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/other
            Namespace: shop
            Name: web
            ContainerImages: [{ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/other/api:1", ImageDigest: other}]
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: "ecr:Get*", Resource: "*"}, {Effect: Allow, Action: "ecr:*", Resource: "arn:aws:ecr:*:*:repository/shop/*"}]}}], ManagedPolicies: []}}
        api: *api
        other: &other {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: other/api}}
    - Resources:  # both Regions are admitted
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "ecr:*", Resource: "*", Condition: {StringEquals: {"aws:RequestedRegion": [us-east-1, us-west-2]}}}}}], ManagedPolicies: []}}
        api: *api
  fail:
    - Resources: {task: *task, role: *pinned, api: *api}
    - Resources:  # the token is of no repository
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "ecr:*", Resource: "arn:aws:ecr:*:*:repository/*"}}}], ManagedPolicies: []}}
        api: *api
    - Resources:  # denied, whatever the repository's policy says
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: "*", Resource: "*"}, {Effect: Deny, Action: "ecr:*", Resource: "arn:aws:ecr:us-west-2:*:*"}]}}], ManagedPolicies: []}}
        api: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/api, RepositoryPolicyText: {Statement: []}}}
    - Resources:  # the Region is not in the ARN but in a condition
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "ecr:*", Resource: "*", Condition: {StringEquals: {"aws:RequestedRegion": [us-east-1, eu-west-1]}}}}}], ManagedPolicies: []}}
        api: *api
    - Resources:  # or what is elsewhere is denied
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: "*", Resource: "*"}, {Effect: Deny, NotAction: "iam:*", Resource: "*", Condition: {StringNotEquals: {"aws:RequestedRegion": [us-east-1, eu-west-1]}}}]}}], ManagedPolicies: []}}
        api: *api
    - Resources: {there: *there, other: {Type: AWS::IAM::Role, Region: us-west-2, Properties: {Policies: [], ManagedPolicies: []}}, api: *api}
    - Resources: {nodes: *group, web: *web, role: *pinned, api: *api}
    - Resources:
        pods: &profile {Type: AWS::EKS::FargateProfile, Properties: {ClusterName: shop, FargateProfileName: main, PodExecutionRoleArn: {"Fn::GetAtt": [role, Arn]}}}
        web: *web
        role: *pinned
        api: *api
    - Resources:  # nobody told Fargate which role to pull with
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [FARGATE], ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]}}
        api: *api
  unknown:
    - Resources:  # a boundary
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {PermissionsBoundary: "arn:aws:iam::111122223333:policy/b", Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}}], ManagedPolicies: []}}
        api: *api
    - Resources:  # a policy that nobody saw
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}}], ManagedPolicyArns: ["arn:aws:iam::111122223333:policy/deny"], ManagedPolicies: [{PolicyDocument: {Unknown: denied}}]}}
        api: *api
    - Resources:  # the repository's own policy may let the role pull
        task: *task
        role: *pinned
        api: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/api, RepositoryPolicyText: {Statement: []}}}
    - Resources:  # instances have their own roles
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [EC2], ExecutionRoleArn: {"Fn::GetAtt": [role, Arn]}, ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]}}
        role: *pinned
        api: *api
    - Resources: {task: *task, role: *pinned}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources:  # the role is elsewhere
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [FARGATE], ExecutionRoleArn: "arn:aws:iam::111122223333:role/pull", ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]}}
        api: *api
    - Resources:  # nobody may read roles
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [FARGATE], ExecutionRoleArn: "arn:aws:iam::111122223333:role/pull", ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]}}
        api: *api
      Gaps: [{Reason: AccessDenied, Type: "AWS::IAM::Role", Operation: "iam:GetRole"}]
    - Resources: {task: *task, role: *pinned, api: *api}  # another account has its own roles
      Pairs: [{primary: us-east-1, standby: {account: "444455556666", region: us-west-2}}]
    - Resources: {nodes: *group, web: *web, role: *pinned, api: *api}  # what else runs in the cluster was not seen
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::Pod", Operation: "eks:ListClusters"}]
    - Resources:  # of two images it may pull one, and a pod of the other may never get here
        nodes: *group
        web: *web
        more:
          Type: Kubernetes::Pod
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: more
            ContainerImages: [{ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/other/api:1", ImageDigest: other}]
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: "ecr:GetAuthorizationToken", Resource: "*"}, {Effect: Allow, Action: "ecr:*", Resource: "arn:aws:ecr:*:*:repository/shop/*"}]}}], ManagedPolicies: []}}
        api: *api
        other: *other
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [FARGATE], ExecutionRoleArn: {"Fn::GetAtt": [role, Arn]}, ContainerDefinitions: [{Name: api, Image: {Ref: Image}}]}}
        role: *pinned
        api: *api
  not_applicable:
    - {Family: api, ContainerDefinitions: [{Name: log, Image: "quay.io/log:1"}]}
    - Resources: {task: *task, role: *pinned}  # no repository there: repository-exists-in-standby judges that
    - Resources: {task: *task, role: *pinned, api: *api}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData, Place
from scanner.policy import Decision, permits
from scanner.roles import policies_of, role_of
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import KUBERNETES, containers, regions_that_fail_over_to, repository_there

DEFINITION = "AWS::ECS::TaskDefinition"
ROLES = {
    DEFINITION: "ExecutionRoleArn",
    "AWS::EKS::Nodegroup": "NodeRole",
    "AWS::EKS::FargateProfile": "PodExecutionRoleArn",
}
REGION = "aws:RequestedRegion"
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def check(puller, model, parameters):
    repositories, doubts = needed(puller, model)
    yield Evidence(repositories=sorted(repositories))
    yield from doubts
    if not repositories:
        if not doubts:
            yield NotApplicable("It pulls from no repository of yours that is in the standby.")
        return
    name = ROLES[puller.type]
    if puller.type == DEFINITION and not {"FARGATE", "EXTERNAL"} & set(puller["RequiresCompatibilities"] or ()):
        yield Undecided("On EC2 the instances pull with a role of their own, which no task definition names.")
        return
    arn = puller[name]
    if not arn:
        yield Violation(f"'{puller.name}' names no role to pull with; one was expected.", f"/{name}")
        return
    yield from judge(puller, role_of(model, arn, puller.place), repositories, whole=not doubts)


def needed(puller, model):
    """Return the repositories of the standby, by id, that are pulled from, and what could not be told of others."""
    pairs = pairs_to_judge(puller, model)
    found, unseen = pulled(puller, model) if pairs else ([], [])
    repositories, doubts = {}, [Undecided(f"What its nodes pull was not all seen: {reason}.") for reason in unseen]
    for pair in pairs:
        if pair is not None and pair.standby.account != puller.account:
            doubts.append(Undecided(f"The standby is in account '{pair.standby.account}', which has roles of its own."))
            continue
        for container in found:
            try:
                repository = repository_of(container.reference, pair, puller.place, model)
            except InsufficientData as gap:
                reason = str(gap).rstrip(".")
                doubts.append(Undecided(f"Where container '{container}' would be pulled from is not known: {reason}."))
            else:
                if repository is not None:
                    repositories[repository.id] = repository
    return repositories, list(dict.fromkeys(doubts))


def pairs_to_judge(puller, model):
    """Return the pairs whose standby has no counterpart, and None for the subject itself if it is in a standby."""
    pairs = [
        pair
        for pair in model.pairs_of(puller.place)
        if pair.dr_class != "backup-restore"
        and model.find(puller.type, puller.name, pair.standby, code=bool(puller.locations)) is None
    ]
    return pairs + ([None] if regions_that_fail_over_to(model, puller.place, deployed=True) else [])


def pulled(puller, model):
    """Return the containers that are pulled with the role, and why there may be more."""
    if puller.type == DEFINITION:
        return containers(puller), []
    found, unseen = [], [str(gap) for type in KUBERNETES if (gap := model.hidden(type, puller.place))]
    for type in KUBERNETES:
        for workload in model.in_place(type, puller.place):
            if (workload.account, workload.region) == puller.place and in_cluster(workload, puller):
                found += containers(workload)
    return found, unseen[:1]


def in_cluster(workload, puller):
    return workload["Cluster"].rpartition("/")[2] == puller["ClusterName"]


def repository_of(reference, pair, here, model):
    """Return the repository of a standby from which an image is pulled, None if it is not there, or not yours."""
    if not reference.is_ecr or reference.is_aws_managed:
        return None
    key = repository_there(model, reference, pair) if pair else reference.key
    place = Place(key.account, key.region)
    if place.region != (pair.standby if pair else here).region:
        return None  # another Region: workload-image-not-pinned-to-primary
    return model.find("AWS::ECR::Repository", key.name, place)


def judge(puller, role, repositories, *, whole):
    """Judge what the policies of a role say of a pull from the repositories; `whole`: there are no others."""
    policies, pointer = policies_of(role), f"/{ROLES[puller.type]}"
    regions = {repository.region for repository in repositories.values()}
    tokens = [permits(policies, "ecr:GetAuthorizationToken", "*", {REGION: region}) for region in sorted(regions)]
    token = min(tokens, key=lambda answer: list(Decision).index(answer.decision))
    refused, unclear = {}, {}
    for repository in repositories.values():
        answer = pull(policies, repository)
        if answer.decision is Decision.DENIED and (answer.explicit or repository["RepositoryPolicyText"] is None):
            refused[repository.id] = answer.reasons[0]
        elif answer.decision is not Decision.ALLOWED:
            unclear[repository.id] = answer.reasons[0]
    who = f"The role '{role.name or role.id}' of '{puller.name}'"
    if token.decision is Decision.DENIED:
        yield Violation(f"{who} may not get a token for the registry; an Allow on '*' was expected.", pointer, (role,))
    elif token.decision is Decision.UNDECIDED:
        yield Undecided(f"Whether '{role.name or role.id}' may get a token is not known: {token.reasons[0]}.", pointer)
    if refused:
        first = min(refused)
        what = f"{who} may not pull from {len(refused)} of {len(repositories)} repositories, such as '{repositories[first].name}'"
        if puller.type != DEFINITION and not (whole and len(refused) == len(repositories)):
            yield Undecided(f"{what}, and whether their pods get here is not known.", pointer)
        else:
            yield Violation(f"{what}; an Allow was expected: {refused[first]}.", pointer, (role,))
    elif unclear:
        first = min(unclear)
        yield Undecided(
            f"Whether '{role.name or role.id}' may pull from '{first}' is not known: {unclear[first]}.", pointer
        )
    elif role["PermissionsBoundary"]:
        yield Undecided(
            f"{who} has a permissions boundary, which may not allow the pull and is not evaluated.", pointer
        )


def pull(policies, repository):
    """Return the answer to the first action of a pull that is not allowed, or to the last."""
    for action in PULL:
        answer = permits(policies, action, repository.id, {REGION: repository.region})
        if answer.decision is not Decision.ALLOWED:
            break
    return answer
