r"""
title: What pods of the standby fetch from Secrets Manager and Parameter Store is there
severity: high
link: secrets
resource: Kubernetes::ExternalSecret
needs:
  - AWS::EKS::Cluster
  - AWS::SecretsManager::Secret
  - AWS::SSM::Parameter
  - Kubernetes::ClusterSecretStore
  - Kubernetes::SecretStore
across: standby
optional: true
when: pair.dr_class != 'backup-restore'
rationale: |
  The External Secrets Operator copies secrets of AWS into a cluster, from the Region that its store names. A store that
  was applied to the standby as it was written for the primary asks the Region that is lost; one that asks its own
  Region finds only what was replicated there. Either way the pods wait for a Secret that never comes. The objects are
  those of an operator which not every cluster has, so the rule is off unless it is selected.
remediation: |
  Give the store of each cluster its own Region (an overlay of Kustomize, a value of Helm):

      spec: {provider: {aws: {service: SecretsManager, region: <standby>}}}

  and replicate what it fetches:

      aws secretsmanager replicate-secret-to-regions --region <primary> --secret-id <name> \
          --add-replica-regions Region=<standby>

  In CloudFormation `ReplicaRegions` of `AWS::SecretsManager::Secret`, in Terraform the block `replica` of
  `aws_secretsmanager_secret`; parameters belong in the stack of each Region.
references:
  - https://external-secrets.io/latest/provider/aws-secrets-manager/
  - https://external-secrets.io/latest/provider/aws-parameter-store/
  - https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CP-9, CP-10]
traps:
  - The store belongs to the cluster, so it is the one in the standby's cluster that has to name the standby's Region.
  - A standby without the external secret yet is judged by what the primary's fetches, from the standby's Region.
  - A store of another provider (Vault, say) is none of AWS, and what is fetched through it is not judged.
  - What is searched for by name or tag (`find`) is nowhere written, so it is undecided.
  - A store may assume a role of another account; what it fetches is then looked for there.
  - A store in a third Region is lost with neither.
  - The generators of the operator fetch no secret.
examples:
  pass:
    - Resources: &both
        primary: &primary
          Type: Kubernetes::ExternalSecret
          Properties: &fetches
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            RemoteRefs: [{Key: shop/db, StoreName: aws, StoreKind: ClusterSecretStore}, {Key: /shop/mode, StoreName: parameters, StoreKind: SecretStore}]
        store: &store {Type: Kubernetes::ClusterSecretStore, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Name: aws, Aws: {Service: SecretsManager, Region: us-east-1, Role: null}}}
        parameters: &parameters {Type: Kubernetes::SecretStore, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: web, Name: parameters, Aws: {Service: ParameterStore, Region: us-east-1, Role: null}}}
        cluster: &cluster {Type: AWS::EKS::Cluster, Region: us-west-2, Properties: {Name: shop}}
        standby: &standby
          Type: Kubernetes::ExternalSecret
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            RemoteRefs: [{Key: shop/db, StoreName: aws, StoreKind: ClusterSecretStore}, {Key: /shop/mode, StoreName: parameters, StoreKind: SecretStore}]
        store-there: &store-there {Type: Kubernetes::ClusterSecretStore, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Name: aws, Aws: {Service: SecretsManager, Region: us-west-2, Role: null}}}
        parameters-there: &parameters-there {Type: Kubernetes::SecretStore, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: parameters, Aws: {Service: ParameterStore, Region: us-west-2, Role: null}}}
        db: &db {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: shop/db, PrimaryRegion: null}}
        mode: &mode {Type: AWS::SSM::Parameter, Region: us-west-2, Properties: {Name: /shop/mode}}
    - Resources: {primary: *primary, store: *store, parameters: *parameters, cluster: *cluster, db: *db, mode: *mode}  # not applied yet
    - Resources:  # another account, and a third Region, and somebody else's store
        primary: *primary
        cluster: *cluster
        standby:
          Type: Kubernetes::ExternalSecret
          Region: us-west-2
          Properties:
            Cluster: arn:aws:eks:us-west-2:111122223333:cluster/shop
            Namespace: web
            Name: api
            RemoteRefs:
              - {Key: shop/shared, StoreName: shared, StoreKind: SecretStore}
              - {Key: shop/far, StoreName: far, StoreKind: SecretStore}
              - {Key: kv/db, StoreName: vault, StoreKind: SecretStore}
        shared: {Type: Kubernetes::SecretStore, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: shared, Aws: {Service: SecretsManager, Region: us-west-2, Role: "arn:aws:iam::444455556666:role/read"}}}
        far: {Type: Kubernetes::SecretStore, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: far, Aws: {Service: SecretsManager, Region: eu-west-1, Role: null}}}
        vault: {Type: Kubernetes::SecretStore, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: vault, Aws: null}}
        theirs: {Type: AWS::SecretsManager::Secret, Account: "444455556666", Region: us-west-2, Properties: {Name: shop/shared, PrimaryRegion: null}}
        ours: {Type: AWS::SecretsManager::Secret, Region: eu-west-1, Properties: {Name: shop/far, PrimaryRegion: null}}
    - Resources:  # not applied yet: from a third Region, and from another account
        primary:
          Type: Kubernetes::ExternalSecret
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: web
            Name: api
            RemoteRefs: [{Key: shop/far, StoreName: far, StoreKind: SecretStore}, {Key: shop/shared, StoreName: shared, StoreKind: SecretStore}]
        cluster: *cluster
        far: {Type: Kubernetes::SecretStore, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: web, Name: far, Aws: {Service: SecretsManager, Region: eu-west-1, Role: null}}}
        shared: {Type: Kubernetes::SecretStore, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: web, Name: shared, Aws: {Service: SecretsManager, Region: us-east-1, Role: "arn:aws:iam::444455556666:role/read"}}}
        ours: {Type: AWS::SecretsManager::Secret, Region: eu-west-1, Properties: {Name: shop/far, PrimaryRegion: null}}
        theirs: {Type: AWS::SecretsManager::Secret, Account: "444455556666", Region: us-west-2, Properties: {Name: shop/shared, PrimaryRegion: null}}
    - Resources:  # the standby is another account
        primary: *primary
        store: *store
        parameters: *parameters
        cluster: {Type: AWS::EKS::Cluster, Account: "444455556666", Region: us-west-2, Properties: {Name: shop}}
        db: {Type: AWS::SecretsManager::Secret, Account: "444455556666", Region: us-west-2, Properties: {Name: shop/db, PrimaryRegion: null}}
        mode: {Type: AWS::SSM::Parameter, Account: "444455556666", Region: us-west-2, Properties: {Name: /shop/mode}}
      Pairs: [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "444455556666", region: us-west-2}}]
  fail:
    - Resources:  # the ARN is of the primary
        primary: *primary
        cluster: *cluster
        standby: {Type: Kubernetes::ExternalSecret, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: api, RemoteRefs: [{Key: "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db-AbCdEf", StoreName: aws, StoreKind: ClusterSecretStore}]}}
        store-there: *store-there
        db: *db
        origin: {Type: AWS::SecretsManager::Secret, Properties: {Name: shop/db, PrimaryRegion: null}}
    - Resources:  # the store asks the primary
        primary: *primary
        cluster: *cluster
        standby: *standby
        store-there: {Type: Kubernetes::ClusterSecretStore, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Name: aws, Aws: {Service: SecretsManager, Region: us-east-1, Role: null}}}
        parameters-there: *parameters-there
        db: *db
        mode: *mode
    - Resources: {primary: *primary, cluster: *cluster, standby: *standby, store-there: *store-there, parameters-there: *parameters-there, mode: *mode}  # not replicated
    - Resources: {primary: *primary, cluster: *cluster, standby: *standby, store-there: *store-there, parameters-there: *parameters-there, db: *db}
    - Resources: {primary: *primary, cluster: *cluster, standby: *standby, store-there: *store-there, db: *db, mode: *mode}  # no such store
    - Resources: {primary: *primary, store: *store, parameters: *parameters, cluster: *cluster, mode: *mode}  # not applied yet, and not replicated
  unknown:
    - Resources: {primary: *primary, store: *store, parameters: *parameters, cluster: *cluster, db: *db, mode: *mode}
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::ExternalSecret", Operation: "eks:ListClusters", Region: us-west-2}]
    - Resources: {primary: *primary}  # whether the cluster is there
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Cluster", Operation: "eks:ListClusters", Region: us-west-2}]
    - Resources:  # a kind of store that nobody knows
        primary: {Type: Kubernetes::ExternalSecret, Properties: {Cluster: "arn:aws:eks:us-east-1:111122223333:cluster/shop", Namespace: web, Name: api, RemoteRefs: [{Key: a, StoreName: b, StoreKind: Other}]}}
        cluster: *cluster
    - Resources: {primary: *primary, cluster: *cluster, standby: *standby, store-there: *store-there, parameters-there: *parameters-there, mode: *mode}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::SecretsManager::Secret", Operation: "secretsmanager:ListSecrets", Region: us-west-2}]
    - Resources:  # searched for
        primary: *primary
        cluster: *cluster
        standby: {Type: Kubernetes::ExternalSecret, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: api, RemoteRefs: [{Key: {Unknown: "what it fetches is searched for"}, StoreName: aws, StoreKind: ClusterSecretStore}]}}
        store-there: *store-there
    - Resources:  # a service that nobody knows
        primary: *primary
        cluster: *cluster
        standby: *standby
        store-there: {Type: Kubernetes::ClusterSecretStore, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Name: aws, Aws: {Service: Other, Region: us-west-2, Role: null}}}
        parameters-there: *parameters-there
        db: *db
        mode: *mode
  not_applicable:
    - Resources: {primary: *primary}  # the cluster is missing; eks-cluster-version-parity says so
    - Resources:  # nothing of AWS
        primary: *primary
        cluster: *cluster
        standby: {Type: Kubernetes::ExternalSecret, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: web, Name: api, RemoteRefs: []}}
    - Resources: *both
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData, Place
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.secrets import PARAMETER, SECRET, problem, source

SERVICES = {"SecretsManager": SECRET, "ParameterStore": PARAMETER}


def check(twin, model, parameters):
    external = twin.primary
    if twin.find("AWS::EKS::Cluster", external["Cluster"].rpartition("/")[2]) is None:
        yield NotApplicable("The standby has no such cluster; eks-cluster-version-parity judges that.")
        return
    judged = external if twin.standby is None else twin.standby
    rows, outcomes = [], []
    references = judged["RemoteRefs"] or ()
    for number in range(len(references)):
        pointer = f"/RemoteRefs/{number}"
        try:
            outcomes += judge(references[number], judged, twin.pair, model, pointer, rows)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"Whether it can be fetched in the standby is not known: {reason}.", pointer))
    if not rows and not outcomes:
        yield NotApplicable("It fetches nothing from AWS.")
        return
    yield Evidence(fetched=rows)
    yield from outcomes


def judge(reference, external, pair, model, pointer, rows):
    """Judge one thing that an external secret fetches: of the primary's, as if it had been applied to the standby."""
    store = store_of(reference, external, model)
    if store is None:
        what = (
            f"'{external.name}' fetches through '{reference['StoreName']}', which '{external['Cluster']}' does not have"
        )
        yield Violation(f"{what}; a store was expected.", pointer)
        return
    aws = store["Aws"]
    if aws is None:
        return
    key, region, primary = reference["Key"], aws["Region"], pair.primary
    rows.append({"key": key, "store": store.name, "region": region})
    if aws["Service"] not in SERVICES:
        raise InsufficientData(f"the service '{aws['Service']}' of '{store.name}' is not known here")
    account = aws["Role"].split(":")[4] if aws["Role"] else external.account
    wanted = source(key, SERVICES[aws["Service"]], Place(account, region))
    there = Place(wanted.account, wanted.region)
    if external.region == primary.region:  # it stands for the one that the standby will have
        there = moved(there, pair)
    elif primary.region in (region, wanted.region):
        what = f"'{key}' is fetched through '{store.name}' from '{primary.region}'"
        yield Violation(f"{what}; when that is lost, '{pair.standby.region}' was expected.", pointer, (store,))
        return
    found = problem(model, wanted, there, {primary.region})
    if found:
        yield Violation(f"'{key}', which '{external.name}' fetches, {found}.", pointer)


def moved(place, pair):
    """Return where in the standby something is looked for that is in a place of the primary."""
    primary, standby = pair.primary, pair.standby
    return Place(
        standby.account if place.account == primary.account else place.account,
        standby.region if place.region == primary.region else place.region,
    )


def store_of(reference, external, model):
    """Return the store through which something is fetched, None if its cluster has none of that name."""
    cluster, namespace = external["Cluster"].rpartition("/")[2], external["Namespace"]
    name, kind = reference["StoreName"], reference["StoreKind"]
    if kind not in ("ClusterSecretStore", "SecretStore"):
        raise InsufficientData(f"'{kind}' is no store that is known here")
    path = f"{cluster}/{name}" if kind == "ClusterSecretStore" else f"{cluster}/{namespace}/{name}"
    return model.find(f"Kubernetes::{kind}", path, external.place)
