"""
title: Replicas of critical images outlive a compromise of the primary
severity: medium
resource: AWS::ECR::Repository
across: standby
needs:
  - Regionproof::Recovery::Tier
  - AWS::ECR::Registry
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
when: standby
rationale: |
  A Region is lost to weather; images are lost to people. Who may delete images in the primary may delete the replicas
  too where both are in one account and no policy denies it, and where deletions are replicated a deletion in the
  primary is one in the standby. For the most critical workloads the copies should be beyond that reach: in another
  account, or behind a Deny.
remediation: |
  Replicate to a registry of another account; or deny deletions in the replica to everybody, so that who has to delete
  takes the Deny away first, which CloudTrail shows:

      aws ecr set-repository-policy --region <standby> --repository-name <name> --policy-text '{"Version":"2012-10-17",
        "Statement":[{"Sid":"keep","Effect":"Deny","Principal":"*",
        "Action":["ecr:BatchDeleteImage","ecr:DeleteRepository","ecr:PutLifecyclePolicy"]}]}'

  In CloudFormation: `RepositoryPolicyText` of `AWS::ECR::Repository`; in Terraform: `aws_ecr_repository_policy`. The same
  statement with the repositories as its `Resource` does in the registry's policy, whose scope is V2 by default. Switch off
  the replication of deletions: `aws ecr put-replication-configuration --replication-configuration file://rules.json`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-delete.html
controls:
  nist-800-53: [AC-6, CP-9]
  dora: [Art. 12]
traps:
  - A Deny that exempts somebody by a condition may exempt who deploys in the primary, so it is undecided.
  - Functions and workloads of Kubernetes pull critical images as services do, so their tiers count too.
  - A service control policy of the organization may deny deletions and is not visible from an account, so the lack of a Deny in the account is undecided and no failure.
  - What no statement allows is not denied, since within an account identity policies allow it; only an explicit Deny counts.
  - The policy of the registry may deny deletions as well as that of the repository, unless its scope is V1, in which it is not asked about them.
  - A replica in another account is isolated only as long as deletions are not replicated to it.
parameters:
  critical: {type: array, items: {type: string}, default: [tier-0], description: "Tiers whose images are isolated."}
examples:
  pass:
    - Resources:  # in another account
        tier: &tier {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"]}}
        api: &api
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/payments/api:1"}]
        repository: &repository {Type: AWS::ECR::Repository, Properties: {RepositoryName: payments/api}}
        replica: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "444455556666"}], DeleteReplication: {Enabled: false}}]}
      Pairs: &abroad [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "444455556666", region: us-west-2}}]
    - Resources:  # behind a Deny
        tier: *tier
        api: *api
        repository: *repository
        replica:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: payments/api
            RepositoryPolicyText: {Statement: {Effect: Deny, Principal: "*", Action: ["ecr:BatchDeleteImage", "ecr:Delete*", "ecr:PutLifecyclePolicy"]}}
        registry: &registry
          Type: AWS::ECR::Registry
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}}
    - Resources: &by-registry  # behind a Deny of the registry
        tier: *tier
        api: *api
        repository: *repository
        replica: &bare {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: *registry
        there:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            AccountSettings: {REGISTRY_POLICY_SCOPE: V2}
            PolicyText: &keep {Statement: {Effect: Deny, Principal: "*", Action: ["ecr:BatchDeleteImage", "ecr:DeleteRepository", "ecr:PutLifecyclePolicy"], Resource: "arn:aws:ecr:us-west-2:111122223333:repository/payments/*"}}
    - Resources:  # each of the two denies a part
        tier: *tier
        api: *api
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api, RepositoryPolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:Delete*"}}}}
        registry: *registry
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: ["ecr:BatchDeleteImage", "ecr:PutLifecyclePolicy"], Resource: "*"}}}}
    - Resources:  # one that denies all of it is enough, whatever the other says
        tier: *tier
        api: *api
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api, RepositoryPolicyText: *keep}}
        registry: *registry
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Unknown: "ecr:GetRegistryPolicy was denied"}}}
  fail:
    - Resources:  # deletions are replicated, also to another account
        tier: *tier
        api: *api
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "444455556666"}], DeleteReplication: {Enabled: true}}]}
      Pairs: *abroad
    - Resources:  # a critical function pulls it
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Functions: ["resize"]}}
        resize: {Type: AWS::Lambda::Function, Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/payments/api:1"}}}
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: &deleting
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}], DeleteReplication: {Enabled: true}}]}
    - Resources:  # a workload of a critical EKS cluster
        tier: *tier
        api: {Type: "Kubernetes::Deployment", Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/payments", Namespace: shop, Name: api, ContainerImages: [{ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/payments/api:1"}]}}
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: *deleting
  unknown:
    - Resources:  # in scope V1 the registry's policy is asked about replication alone
        tier: *tier
        api: *api
        repository: *repository
        replica: *bare
        registry: *registry
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {AccountSettings: {REGISTRY_POLICY_SCOPE: V1}, PolicyText: *keep}}
    - Resources:  # of other repositories
        tier: *tier
        api: *api
        repository: *repository
        replica: *bare
        registry: *registry
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "arn:aws:ecr:us-west-2:111122223333:repository/shop/*"}}}}
    - Resources:
        tier: *tier
        api: *api
        repository: *repository
        replica: *bare
        registry: *registry
        there: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Unknown: "ecr:GetRegistryPolicy was denied"}}}
    - Resources: &open  # a service control policy may deny it
        tier: *tier
        api: *api
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: *registry
    - Resources:  # one of the three actions is not denied
        tier: *tier
        api: *api
        repository: *repository
        replica:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: payments/api
            RepositoryPolicyText: {Statement: {Effect: Deny, Principal: "*", Action: ["ecr:BatchDeleteImage", "ecr:DeleteRepository"]}}
        registry: *registry
    - Resources:  # the Deny is not for everybody
        tier: *tier
        api: *api
        repository: *repository
        replica:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: payments/api
            RepositoryPolicyText:
              Statement:
                - Effect: Deny
                  Principal: "*"
                  Action: ["ecr:BatchDeleteImage", "ecr:DeleteRepository", "ecr:PutLifecyclePolicy"]
                  Condition: {ArnNotEquals: {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/deploy"}}
        registry: *registry
    - Resources:  # a statement that allows nothing of it denies nothing either
        tier: *tier
        api: *api
        repository: *repository
        replica:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: payments/api
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:BatchGetImage"}}
        registry: *registry
    - Resources:
        tier: *tier
        api: *api
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api, RepositoryPolicyText: {Unknown: denied}}}
        registry: *registry
    - Resources:  # whether deletions are replicated was not seen
        tier: *tier
        api: *api
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Unknown: denied}}}
      Pairs: *abroad
    - Resources:  # who pulls the image was not seen
        tier: *tier
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: *registry
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources:
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
      Gaps: [{Reason: ParseError, Type: "Regionproof::Recovery::Tier", Path: a.yaml, Account: null, Region: null}]
  not_applicable:
    - Resources:  # nothing critical pulls it
        tier: *tier
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: *registry
    - Resources:
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-1, Clusters: ["payments"]}}
        api: *api
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: *registry
    - Resources:  # a service without a tier pulls it
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["shop"]}}
        api: *api
        repository: *repository
        replica: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: payments/api}}
        registry: *registry
    - Resources: {repository: *repository}
"""

from scanner.exposure import forbids
from scanner.model import InsufficientData
from scanner.recovery import tier_of, tiers
from scanner.references import uses
from scanner.regions import partition_by_name
from scanner.replication import replicates, rules_of
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

ACTIONS = ("ecr:BatchDeleteImage", "ecr:DeleteRepository", "ecr:PutLifecyclePolicy")
REGISTRY = "AWS::ECR::Registry"


def check(twin, model, parameters):
    repository, replica = twin.primary, twin.standby
    critical, doubts = critical_users(repository, model, parameters["critical"])
    if not critical:
        if doubts:
            raise InsufficientData(f"which tier pulls '{repository.name}' is not known: {doubts[0]}")
        yield NotApplicable("No critical workload pulls from this repository.")
        return
    yield Evidence(workload=critical.id)
    if deletes(twin, model):
        yield Violation(
            f"Deletions in '{repository.name}', from which critical '{critical.name}' pulls, are replicated to "
            f"'{twin.pair.standby}'; a copy that outlives them was expected."
        )
        return
    if replica.account == repository.account and not denied(replica, model):
        yield Undecided(
            f"Neither another account nor a Deny for everybody keeps the copies of '{repository.name}' in '{replica.place}' from being "
            "deleted by who may delete in the primary; whether a service control policy does was not seen."
        )


def critical_users(repository, model, names):
    """Return a workload of a critical tier that pulls from the repository, None if none is, and why one may be."""
    if not any(tier["Name"] in names for tier in tiers(model)):
        return None, []
    found = uses(model, repository.place)
    doubts = list(found.unseen)
    for workload in {use.workload.id: use.workload for use in found.of(repository.name)}.values():
        if workload.type in ("AWS::ECS::Task", "AWS::ECS::TaskDefinition"):
            continue  # tiers do not name them
        try:
            tier = tier_of(model, workload)
            if tier is not None and tier["Name"] in names:
                return workload, []
        except InsufficientData as gap:
            doubts.append(str(gap))
    return None, doubts


def deletes(twin, model):
    registry = model.find(REGISTRY, "registry", twin.primary.place)
    if registry is None:
        raise InsufficientData(f"the registry of '{twin.primary.place}' was not seen")
    return any(
        (rule["DeleteReplication"] or {}).get("Enabled") is True
        for rule in rules_of(registry)
        if replicates([rule], twin.primary.name, twin.pair.standby)
    )


def denied(replica, model):
    """Tell whether policies deny everybody to delete from a replica; raise `InsufficientData` if one may, unseen."""
    partition, _ = partition_by_name(replica.region)
    arn = f"arn:{partition}:ecr:{replica.region}:{replica.account}:repository/{replica.name}"
    left, unseen = set(ACTIONS), []
    for policy_of in (repository_policy, registry_policy):
        if not left:
            break
        try:
            policy = policy_of(replica, model)
            left -= {action for action in ACTIONS if forbids(policy, replica.account, action, arn)}
        except InsufficientData as gap:
            unseen.append(gap)
    if left and unseen:
        raise unseen[0]
    return not left


def repository_policy(replica, model):
    return replica["RepositoryPolicyText"]


def registry_policy(replica, model):
    """Return the policy of the registry that holds a replica, None where it is not asked about deletions."""
    registry = model.find(REGISTRY, "registry", replica.place)
    policy = registry["PolicyText"] if registry else None
    if policy is None or (registry["AccountSettings"] or {}).get("REGISTRY_POLICY_SCOPE") == "V1":
        return None
    return policy
