r"""
title: The secrets and parameters that containers need are in the standby
severity: high
resource: AWS::ECS::TaskDefinition
needs: [AWS::SecretsManager::Secret, AWS::SSM::Parameter]
rationale: |
  ECS fetches secrets before it starts a container, and a task whose secret cannot be fetched does not start. A task
  definition names them by ARN, and an ARN holds a Region: one that was copied to the standby asks the Region that is
  lost. Secrets Manager replicates a secret to other Regions where it is told to; Parameter Store has no replication at
  all.
remediation: |
  Replicate the secret, copy the parameter by infrastructure code, and take the Region of the ARN from where the stack
  is deployed:

      aws secretsmanager replicate-secret-to-regions --region <primary> --secret-id <name> \
          --add-replica-regions Region=<standby>

  In CloudFormation `ReplicaRegions` of `AWS::SecretsManager::Secret`, in Terraform the block `replica` of
  `aws_secretsmanager_secret`; `AWS::SSM::Parameter` and `aws_ssm_parameter` in the stack of each Region. The ARN of a
  replica is that of its secret but for the Region. `aws secretsmanager describe-secret` says why a replica failed.
references:
  - https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
  - https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CP-9, CP-10]
traps:
  - Secrets of one name that were made in each Region have other random endings in their ARNs; they are compared by name.
  - A parameter may be named without its ARN, and is then looked for where the task runs.
  - A standby that has a task definition of its own is judged by what that one names, not by what the primary's does.
  - A replica that was made once may be out of sync, so being listed is not enough.
  - A template that replicates its secret declares no second one in the standby; the replica counts.
  - A secret of another account keeps its account; it is looked for there.
  - Parameters below `/aws/` are AWS's own, or lead to a secret; no account lists them, so they are undecided.
  - What the operators of Kubernetes fetch (an ExternalSecret) is not shown to anybody here, so pods are not judged.
examples:
  pass:
    - Resources:  # the definition of the standby names the replica
        task: &standby
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Secrets:
                  - {Name: DB, ValueFrom: "arn:aws:secretsmanager:us-west-2:111122223333:secret:shop/db-AbCdEf:password::"}
                  - {Name: MODE, ValueFrom: "arn:aws:ssm:us-west-2:111122223333:parameter/shop/mode"}
                LogConfiguration: {LogDriver: splunk, SecretOptions: [{Name: token, ValueFrom: log-token}]}
                RepositoryCredentials: {CredentialsParameter: hub}
        db: &db {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: shop/db, PrimaryRegion: us-east-1}}
        origin: &origin
          Type: AWS::SecretsManager::Secret
          Properties: {Name: shop/db, PrimaryRegion: us-east-1, ReplicaRegions: [{Region: eu-west-1, Status: Failed}, {Region: us-west-2, Status: InSync}]}
        mode: &mode {Type: AWS::SSM::Parameter, Region: us-west-2, Properties: {Name: /shop/mode}}
        token: &token {Type: AWS::SSM::Parameter, Region: us-west-2, Properties: {Name: log-token}}
        hub: &hub {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: hub, PrimaryRegion: null}}
    - Resources:  # the standby has no definition yet, and everything for one; its secret was made there, by its name
        task: &primary
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Secrets: [{Name: DB, ValueFrom: "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db-AbCdEf"}]
        db: &own {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: shop/db, PrimaryRegion: us-west-2}}
    - Resources:  # replicated by a template, which declares it once
        task: *primary
        db: &replicated
          Type: AWS::SecretsManager::Secret
          Properties: {Name: shop/db, ReplicaRegions: [{Region: eu-west-1}, {Region: us-west-2}]}
    - Resources:  # what the primary's names does not matter where the standby has its own
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: old}]}]}}
        there: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: log-token}]}]}}
        token: *token
    - Resources:  # of another account, which stays the same
        task: &shared
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Secrets: [{Name: DB, ValueFrom: "arn:aws:secretsmanager:us-east-1:444455556666:secret:shop/db-AbCdEf"}]
        db: {Type: AWS::SecretsManager::Secret, Account: "444455556666", Region: us-west-2, Properties: {Name: shop/db, PrimaryRegion: null}}
  fail:
    - Resources:  # the standby asks the Region that is lost
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Secrets: [{Name: DB, ValueFrom: "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db-AbCdEf"}]
        db: *db
        origin: *origin
    - Resources: {task: *standby, db: *db, origin: *origin, mode: *mode, token: *token}  # no credentials for the registry
    - Resources: {task: *standby, db: *db, origin: *origin, mode: *mode, hub: *hub}  # no token for the logs
    - Resources: {task: *standby, db: *db, origin: *origin, token: *token, hub: *hub}  # no parameter
    - Resources: {task: *primary}
    - Resources:  # the replica is not what the secret is
        task: *primary
        db: *db
        origin:
          Type: AWS::SecretsManager::Secret
          Properties: {Name: shop/db, PrimaryRegion: us-east-1, ReplicaRegions: [{Region: us-west-2, Status: Failed, StatusMessage: key is disabled}]}
    - Resources:  # a replica elsewhere
        task: *primary
        db: {Type: AWS::SecretsManager::Secret, Properties: {Name: shop/db, ReplicaRegions: [{Region: eu-west-1}]}}
  unknown:
    - Resources: {task: *standby, db: *db, origin: *origin, mode: *mode, token: *token}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::SecretsManager::Secret", Operation: "secretsmanager:ListSecrets", Region: us-west-2}]
    - Resources: {task: *primary}
      Scanned: [us-east-1]
    - Resources: {task: *primary, db: *db, origin: {Type: AWS::SecretsManager::Secret, Properties: {Name: shop/db, ReplicaRegions: [{Region: us-west-2, Status: InProgress}]}}}
    - Resources: {task: *primary, db: *db, origin: {Type: AWS::SecretsManager::Secret, Properties: {Name: shop/db, ReplicaRegions: {Unknown: "secretsmanager:DescribeSecret was denied"}}}}
    - Resources: {task: *primary, db: *db}  # the secret that it is a replica of is nowhere
    - Resources: {task: *shared}
      Scanned: [us-east-1, us-west-2]
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: {Ref: Secret}}]}]}}
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: "arn:aws:s3:::bucket/key"}]}]}}
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: "arn:aws"}]}]}}
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: "arn:aws:ssm:us-east-1:111122223333:document/shop"}]}]}}
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: "arn:aws:secretsmanager:us-east-1:111122223333:policy:shop"}]}]}}
    - Resources:  # AWS keeps it in every Region, or it leads to a secret; neither is listed among the parameters
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Secrets:
                  - {Name: A, ValueFrom: /aws/reference/secretsmanager/shop/db}
                  - {Name: B, ValueFrom: "arn:aws:ssm:us-east-1::parameter/aws/service/global-infrastructure/version"}
  not_applicable:
    - {Family: api, ContainerDefinitions: [{Name: api}]}  # it needs none
    - Resources: {task: {Type: AWS::ECS::TaskDefinition, Region: eu-west-1, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: a}]}]}}}
    - Resources: {task: *primary}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

import re

from scanner.model import InsufficientData, Place
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only, regions_that_fail_over_to, standbys_for

SECRET, PARAMETER, DEFINITION = "AWS::SecretsManager::Secret", "AWS::SSM::Parameter", "AWS::ECS::TaskDefinition"


def check(definition, model, parameters):
    here = definition.place
    lost = regions_that_fail_over_to(model, here, deployed=True) - {here.region}
    places = [place for place in standbys_for(model, here) if place == here or not replaced(definition, place, model)]
    named = list(sources(definition))
    if not named or not standbys_for(model, here):
        yield NotApplicable("It names no secrets, or is not to start in a standby.")
        return
    yield Evidence(secrets=len(named), standbys=[str(place) for place in places])
    for pointer, type, read in named:
        for place in places:
            try:
                yield from judge(read(), type, here, place, lost, model, pointer)
            except InsufficientData as gap:
                reason = str(gap).rstrip(".")
                yield Undecided(f"Whether a secret is in '{place}' is not known: {reason}.", pointer)


def replaced(definition, place, model):
    """Tell whether a standby has a task definition of its own, which is judged by itself."""
    return model.find(DEFINITION, definition.name, place, code=bool(definition.locations)) is not None


def sources(definition):
    """Yield where each secret is named, what a name without an ARN would be of, and how to read it."""
    containers = definition["ContainerDefinitions"] or ()
    for number in range(len(containers)):
        container, at = containers[number], f"/ContainerDefinitions/{number}"
        log = container.get("LogConfiguration") or {}
        for items, path in (
            (container.get("Secrets"), "Secrets"),
            (log.get("SecretOptions"), "LogConfiguration/SecretOptions"),
        ):
            for each in range(len(items or ())):
                yield (
                    f"{at}/{path}/{each}/ValueFrom",
                    PARAMETER,
                    (lambda items=items, each=each: items[each]["ValueFrom"]),
                )
        credentials = container.get("RepositoryCredentials")
        if credentials:
            pointer = f"{at}/RepositoryCredentials/CredentialsParameter"
            yield pointer, SECRET, (lambda credentials=credentials: credentials["CredentialsParameter"])


def judge(source, type, here, place, lost, model, pointer):
    """Judge whether what a definition `here` names can be fetched by one in the standby `place`."""
    type, names, region, account = parsed(source, type, here)
    if place == here and region in lost:
        yield Violation(
            f"'{source}' is in '{region}'; when that is lost, it was expected in '{place.region}'.", pointer
        )
        return
    # A definition of the primary stands for the one that the standby will have: its Region will be the standby's.
    there = Place(
        place.account if account == here.account else account, place.region if region == here.region else region
    )
    found = first(model, type, names, there)
    origins = {region for region in lost | {here.region} if region != there.region}
    if found is None and not declared_replica(model, type, names, there, origins):
        yield Violation(f"'{names[0]}', which '{source}' names, is not in '{there}'; it was expected there.", pointer)
    elif found is not None and type == SECRET:
        yield from in_sync(found, there, model, pointer)


def parsed(source, type, here):
    """Return type, possible names, Region and account of what `valueFrom` names."""
    if source.startswith("/aws/") or ":parameter/aws/" in source:
        raise InsufficientData(f"'{source}' is one of AWS's own parameters, which no account lists")
    if not source.startswith("arn:"):
        return type, [source], here.region, here.account
    _, _, service, region, account, resource = [*source.split(":", 5), "", "", "", ""][:6]
    if service == "ssm" and resource.startswith("parameter/"):
        name = resource.removeprefix("parameter/")
        return PARAMETER, [f"/{name}", name], region, account
    if service == "secretsmanager" and resource.startswith("secret:"):
        name = resource.split(":")[1]  # what follows is a JSON key, a stage, a version
        return SECRET, [re.sub("-[A-Za-z0-9]{6}$", "", name), name], region, account
    raise InsufficientData(f"'{source}' is the ARN of neither a secret nor a parameter")


def first(model, type, names, place):
    """Return what has one of the names in a place, None if nothing has."""
    found = [model.find(type, name, place) for name in dict.fromkeys(names)]
    return next((resource for resource in found if resource is not None), None)


def declared_replica(model, type, names, place, origins):
    """Tell whether a template that declares the secret elsewhere replicates it to `place`, where it is not shown."""
    if type != SECRET:
        return False
    elsewhere = [first(model, type, names, Place(place.account, region)) for region in sorted(origins)]
    replicated = [
        secret
        for secret in elsewhere
        if secret is not None and any(replica["Region"] == place.region for replica in secret["ReplicaRegions"] or ())
    ]
    for secret in replicated:
        if not secret.locations:
            raise InsufficientData(f"'{secret.name}' is replicated to '{place}', which does not list it")
    return bool(replicated)


def in_sync(secret, place, model, pointer):
    """Judge a secret that is there: if it is a replica, whether it holds what its original does."""
    primary = live_only(secret, "PrimaryRegion")
    if primary in (None, place.region):
        return
    original = model.find(SECRET, secret.name, Place(place.account, primary))
    replicas = (original and original["ReplicaRegions"]) or ()
    replica = next((each for each in replicas if each["Region"] == place.region), None)
    status = replica and replica["Status"]
    if status == "Failed":
        why = replica["StatusMessage"] or "Secrets Manager gives no reason"
        yield Violation(f"The replica of '{secret.name}' in '{place}' failed ({why}); it was expected InSync.", pointer)
    elif status != "InSync":
        yield Undecided(f"The replica of '{secret.name}' in '{place}' is not known to be InSync: '{status}'.", pointer)
