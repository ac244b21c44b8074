"""
title: The standby registry's policy refuses nobody who pulls
severity: high
link: registry
resource: AWS::ECR::Registry
needs:
  - AWS::ECS::Service
  - AWS::ECS::Task
  - AWS::ECS::TaskDefinition
  - AWS::Lambda::Function
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
rationale: |
  Since its scope is V2, the default, a registry policy is asked about every request to ECR, pulls included, and an
  explicit Deny wins over whatever a role or a repository's policy allows. A Deny that was written for the primary, for
  all but its own VPC endpoints or for all but some accounts, refuses every pull of the standby.
remediation: |
  Take the actions of a pull, `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer`, out of the Deny, or except those who
  pull in the standby from it.

      aws ecr get-registry-policy --region <standby> --query policyText --output text > policy.json
      aws ecr put-registry-policy --region <standby> --policy-text file://policy.json

  In CloudFormation `PolicyText` of `AWS::ECR::RegistryPolicy`, in Terraform `aws_ecr_registry_policy`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions-examples.html
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
controls:
  nist-800-53: [AC-3, CP-10]
traps:
  - A policy of scope V1 is asked about replicating and creating alone, so a Deny of everything in it refuses no pull.
  - A Deny of other actions, such as `ecr:ReplicateImage`, refuses no pull; registry-destination-policy-allows-replication judges that.
  - "`ecr:BatchCheckLayerAvailability` is asked by pushes; AWS's own policy for pulling does without it, so a Deny of it alone passes."
  - A Deny matters only on the repositories that workloads pull from, and only to the roles that pull.
  - A Deny of plain HTTP refuses nobody, since ECR is reached over TLS alone.
  - A condition on a VPC endpoint or an organization cannot be worked out, so it is undecided.
  - On EC2 and EKS the instances pull with a role that no definition names, so a Deny that names a role leaves them undecided.
examples:
  pass:
    - Resources:
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: null}}
        task: &task
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            RequiresCompatibilities: [FARGATE]
            ExecutionRoleArn: arn:aws:iam::111122223333:role/pull
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1"}]
    - Resources:  # it only allows
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:*", Resource: "*"}}}}
    - Resources:  # it denies replication alone, and what a push asks
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: [{Effect: Deny, Principal: "*", Action: "ecr:ReplicateImage", Resource: "*"}, {Effect: Deny, Principal: "*", Action: "ecr:BatchCheckLayerAvailability", Resource: "*"}]}}}
        task: *task
    - Resources:  # plain HTTP
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*", Condition: {Bool: {"aws:SecureTransport": "false"}}}}}}
        task: *task
    - Resources:  # another role, other repositories, all but this account
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            AccountSettings: {REGISTRY_POLICY_SCOPE: V2}
            PolicyText:
              Statement:
                - {Effect: Deny, Principal: {AWS: "arn:aws:iam::111122223333:role/ci"}, Action: "ecr:*", Resource: "*"}
                - {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "arn:aws:ecr:us-west-2:111122223333:repository/secret/*"}
                - {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*", Condition: {StringNotEquals: {"aws:PrincipalAccount": "111122223333"}}}
        task: *task
    - Resources:  # a workload of the standby, with an image from elsewhere beside its own
        registry: &ci-only {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: {AWS: "arn:aws:iam::111122223333:role/ci"}, Action: "ecr:*", Resource: "*"}}}}
        there-task: &there-task
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            RequiresCompatibilities: [FARGATE]
            ExecutionRoleArn: arn:aws:iam::111122223333:role/pull
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1"}, {Name: log, Image: "public.ecr.aws/x/y:1"}]
    - Resources:  # a function; Lambda is no role
        registry: *ci-only
        function: &function {Type: AWS::Lambda::Function, Properties: {FunctionName: f, PackageType: Image, ContainerImages: [{ContainerName: f, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/f:1", ImageDigest: f-1}]}}
  fail:
    - Resources:
        registry: &closed {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Sid: Closed, Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*"}}}}
        api: &api {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: task}}}
        task: *task
    - Resources: {registry: *closed, there: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: there-task}}}, there-task: *there-task}
    - Resources: {registry: *closed, function: *function}
    - Resources:  # the role that pulls, one action of two, one repository
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: {AWS: "arn:aws:iam::111122223333:role/pull"}, Action: "ecr:GetDownloadUrlForLayer", Resource: "arn:aws:ecr:us-west-2:111122223333:repository/shop/*"}}}}
        api: *api
        task: *task
    - Resources:  # all but the primary's account, and the workload's standby is in another one
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:BatchGetImage", Resource: "*", Condition: {StringNotEquals: {"aws:PrincipalAccount": "111122223333"}}}}}}
        api: {Type: AWS::ECS::Service, Account: "777788889999", Properties: {Cluster: payments, ServiceName: api, TaskDefinition: {Ref: task}}}
        task:
          Type: AWS::ECS::TaskDefinition
          Account: "777788889999"
          Properties:
            Family: api
            RequiresCompatibilities: [FARGATE]
            ExecutionRoleArn: arn:aws:iam::777788889999:role/pull
            ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1"}]
    - Resources:  # all but one role
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*", Condition: {ArnNotLike: {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/ci"}}}}}}
        api: *api
        task: *task
  unknown:
    - {Resources: {registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Unknown: "ecr:GetRegistryPolicy was denied"}}}}}
    - Resources:  # is it V2?
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {AccountSettings: {REGISTRY_POLICY_SCOPE: {Unknown: "ecr:GetAccountSetting was denied"}}, PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*"}}}}
        api: *api
        task: *task
    - Resources:  # through which endpoint the standby pulls is not known
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*", Condition: {StringNotEquals: {"aws:SourceVpce": vpce-1}}}}}}
        api: *api
        task: *task
    - Resources:  # on instances, whose role is not known
        registry: *ci-only
        api: *api
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [EC2], ExecutionRoleArn: "arn:aws:iam::111122223333:role/pull", ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1"}]}}
    - Resources:  # on Fargate or on instances
        registry: *ci-only
        api: *api
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [EC2, FARGATE], ExecutionRoleArn: "arn:aws:iam::111122223333:role/pull", ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1"}]}}
    - Resources:  # the standby is in another account, which has roles of its own
        registry: {Type: AWS::ECR::Registry, Account: "444455556666", Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: {AWS: "arn:aws:iam::444455556666:role/ci"}, Action: "ecr:*", Resource: "*"}}}}
        api: *api
        task: *task
      Pairs: [{primary: us-east-1, standby: {account: "444455556666", region: us-west-2}}]
    - Resources: {registry: *ci-only, api: *api, task: *task}  # there may be others
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Task", Operation: "ecs:ListTasks"}]
    - Resources: {registry: *closed}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Task", Operation: "ecs:ListTasks"}]
    - Resources: {registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: [{Effect: Deny, Principal: "*", Action: {Ref: Actions}, Resource: "*"}]}}}, api: *api, task: *task}
    - Resources: {registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: [{Effect: Permit, Principal: "*", Action: "ecr:*", Resource: "*"}]}}}, api: *api, task: *task}
  not_applicable:
    - Resources:  # of scope V1
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {AccountSettings: {REGISTRY_POLICY_SCOPE: V1}, PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*"}}}}
        api: *api
        task: *task
    - {PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*"}}}  # of no standby
    - {Resources: {registry: *closed}}  # nobody pulls
"""

from scanner.exposure import denial, denies_some
from scanner.model import InsufficientData
from scanner.recovery import pairs_to
from scanner.references import uses
from scanner.regions import partition_by_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import FUNCTION, KUBERNETES, definition_of, live_only

PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
LAMBDA = "lambda.amazonaws.com"
AT = "/PolicyText"


def check(registry, model, parameters):
    pairs = pairs_to(model, registry.place)
    if not pairs:
        yield NotApplicable("It is the registry of no standby.")
        return
    policy = registry["PolicyText"]
    if policy is None or denies_some(policy, PULL) is False:
        yield Evidence(denies_pulls=False)
        return
    scope = (live_only(registry, "AccountSettings") or {}).get("REGISTRY_POLICY_SCOPE") or "V2"
    if scope == "V1":
        yield NotApplicable("A registry policy of scope V1 is not asked about pulls.")
        return
    must_be_seen(policy)
    asked, unseen = pullers(registry, pairs, model)
    if not asked and not unseen:
        yield NotApplicable("Nothing is known to pull from it.")
        return
    yield Evidence(scope=scope, pullers=len(asked))
    yield from judge(registry, policy, asked)
    if unseen:
        yield Undecided(f"Others may pull that the policy refuses: {unseen[0]}.", AT)


def must_be_seen(value):
    """Raise if a part of a policy was not seen, other than of a statement that allows."""
    if isinstance(value, dict) and value.get("Effect") != "Allow":
        for key in value:
            must_be_seen(value[key])
    elif isinstance(value, list):
        for number in range(len(value)):
            must_be_seen(value[number])


def judge(registry, policy, asked):
    refused, unclear = {}, {}
    for principal, account, repository in sorted(asked):
        for action in PULL:
            hit, reason = denial(policy, principal, action, arn(registry, repository), context(principal, account))
            if hit:
                refused.setdefault(principal, f"'{action}' on '{repository}', since {reason}")
            elif hit is None:
                unclear.setdefault(principal, reason)
    where = f"The registry policy of '{registry.place}'"
    if refused:
        first = min(refused)
        yield Violation(
            f"{where} refuses '{len(refused)}' of those that pull there, such as '{first}' {refused[first]}; "
            "no Deny that meets them was expected.",
            AT,
        )
    elif unclear:
        first = min(unclear)
        yield Undecided(f"{where} may refuse a pull of '{first}': {unclear[first]}.", AT)


def pullers(registry, pairs, model):
    """Return who pulls in the standby, as (principal, account, repository), and why there may be others."""
    found, unseen = set(), []
    for place in {registry.place, *(pair.primary for pair in pairs)}:
        used = uses(model, place)
        unseen += used.unseen
        for use in used.seen:
            try:
                found |= {(*who, use.reference.repository) for who in principals(use, registry, model)}
            except InsufficientData as gap:
                unseen.append(f"who pulls for '{use.workload.id}' was not seen: {gap}".rstrip("."))
    return found, unseen


def principals(use, registry, model):
    """Yield (principal, account) of a workload in the standby: a role where one is known, else its whole account."""
    workload = use.workload
    if workload.region == registry.region:
        accounts = {workload.account}
    else:
        pairs = model.pairs_of(workload.place)
        accounts = {pair.standby.account for pair in pairs if pair.standby.region == registry.region}
    role = None if workload.type in (FUNCTION, *KUBERNETES) else role_of(definition_of(workload, model))
    for account in accounts:
        if workload.type == FUNCTION:
            yield LAMBDA, account
        else:
            yield (role if role and account == workload.account else account), account


def role_of(definition):
    """Return the ARN of the role that Fargate pulls with, None where instances do, or it is not known yet."""
    if list(definition["RequiresCompatibilities"] or ()) != ["FARGATE"]:
        return None
    role = definition["ExecutionRoleArn"] or ""
    return role if ":role/" in role else None


def context(principal, account):
    """Return what conditions will see of a pull, whoever makes it."""
    known = {"aws:SecureTransport": "true"}
    if principal == LAMBDA:
        return known
    known["aws:PrincipalAccount"] = account
    if principal != account:
        known["aws:PrincipalArn"] = principal
    return known


def arn(registry, name):
    partition, _ = partition_by_name(registry.region)
    return f"arn:{partition}:ecr:{registry.region}:{registry.account}:repository/{name}"
