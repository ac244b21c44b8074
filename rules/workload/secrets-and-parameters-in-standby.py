r"""
title: The secrets and parameters that containers need are in the standby
severity: high
link: secrets
resource: AWS::ECS::TaskDefinition
needs: [AWS::SecretsManager::Secret, AWS::SSM::Parameter, AWS::S3::Bucket]
rationale: |
  ECS fetches secrets before it starts a container, and a task whose secret cannot be fetched does not start. A task
  definition names them by ARN, and an ARN holds a Region: one that was copied to the standby asks the Region that is
  lost. Secrets Manager replicates a secret to other Regions where it is told to; Parameter Store has no replication at
  all. A file of variables in S3 is fetched before the start as well, from a bucket that is in one Region.
remediation: |
  Replicate the secret, copy the parameter by infrastructure code, and take the Region of the ARN from where the stack
  is deployed:

      aws secretsmanager replicate-secret-to-regions --region <primary> --secret-id <name> \
          --add-replica-regions Region=<standby>

  In CloudFormation `ReplicaRegions` of `AWS::SecretsManager::Secret`, in Terraform the block `replica` of
  `aws_secretsmanager_secret`; `AWS::SSM::Parameter` and `aws_ssm_parameter` in the stack of each Region. The ARN of a
  replica is that of its secret but for the Region. `aws secretsmanager describe-secret` says why a replica failed.
  For environment files replicate the bucket (`ReplicationConfiguration` of `AWS::S3::Bucket`,
  `aws_s3_bucket_replication_configuration`), and name the copy in the standby's task definition.
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
  - An environment file of the primary's definition may be kept in any bucket of the standby, and objects are never listed; it passes by a replication rule or a bucket named after the standby, else it is undecided.
  - A bucket in a third Region is lost with neither, so a file in it is fetched all the same.
  - What pods take from `secretKeyRef` or `envFrom` is an object of their own cluster and no secret of AWS; what an operator fetches from AWS for them is for eks-external-secrets-in-standby.
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
    - Resources:  # a file of variables that is replicated
        task: &with-file
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, EnvironmentFiles: [{Type: s3, Value: "arn:aws:s3:::shop-config/api/prod.env"}]}]
        config: &config
          Type: AWS::S3::Bucket
          Properties:
            BucketName: shop-config
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration:
              Rules:
                - Status: Enabled
                  Prefix: null
                  Filter: {Prefix: api/}
                  SourceSelectionCriteria: {SseKmsEncryptedObjects: {Status: Enabled}}
                  Destination: {Bucket: "arn:aws:s3:::shop-config-copy"}
        copy: &copy {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: shop-config-copy}}
    - Resources:  # the standby's definition names the copy
        task: &file-there
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, EnvironmentFiles: [{Type: s3, Value: "arn:aws:s3:::shop-config-copy/api/prod.env"}]}]
        copy: *copy
    - Resources:  # each Region has a bucket that is named after it
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, EnvironmentFiles: [{Type: s3, Value: "arn:aws:s3:::shop-us-east-1/api.env"}]}]
        config: {Type: AWS::S3::Bucket, Properties: {BucketName: shop-us-east-1}}
        own: {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: shop-us-west-2}}
    - Resources:  # a bucket of a third Region
        task: *with-file
        config: {Type: AWS::S3::Bucket, Region: eu-west-1, Properties: {BucketName: shop-config}}
    - Resources:  # and one that the standby's definition names
        task: *file-there
        copy: {Type: AWS::S3::Bucket, Region: eu-west-1, Properties: {BucketName: shop-config-copy}}
  fail:
    - Resources:  # the standby's definition fetches its variables from the Region that is lost, replicated or not
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, EnvironmentFiles: [{Type: s3, Value: "arn:aws:s3:::shop-config/api/prod.env"}]}]
        config: *config
        copy: *copy
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
    - Resources:  # nothing says that the standby gets a copy of the file
        task: *with-file
        config: {Type: AWS::S3::Bucket, Properties: {BucketName: shop-config, VersioningConfiguration: null}}
    - Resources:  # the name says nothing of a Region, and a bucket there none of the file
        task: *with-file
        config: {Type: AWS::S3::Bucket, Properties: {BucketName: shop-config, VersioningConfiguration: {Status: Enabled}, ReplicationConfiguration: null}}
        other: {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: other}}
    - Resources:  # named after the primary, and none after the standby
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, EnvironmentFiles: [{Type: s3, Value: "arn:aws:s3:::shop-us-east-1/api.env"}]}]
        config: {Type: AWS::S3::Bucket, Properties: {BucketName: shop-us-east-1, VersioningConfiguration: null}}
    - Resources: {task: *with-file, config: *config}  # where the copy is was not seen
    - Resources: {task: *with-file, config: *config, copy: {Type: AWS::S3::Bucket, Region: eu-west-1, Properties: {BucketName: shop-config-copy}}}
    - Resources: {task: *with-file}
    - Resources: {task: *file-there}
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ContainerDefinitions: [{Name: api, EnvironmentFiles: [{Type: s3, Value: "arn:aws:s3:us-east-1:111122223333:accesspoint/config/object/api.env"}]}]}}
  not_applicable:
    - {Family: api, ContainerDefinitions: [{Name: api}]}  # it needs none
    - Resources: {task: {Type: AWS::ECS::TaskDefinition, Region: eu-west-1, Properties: {Family: api, ContainerDefinitions: [{Name: api, Secrets: [{Name: A, ValueFrom: a}]}]}}}
    - Resources: {task: *primary}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

import re

from scanner.buckets import BUCKET, copied, seen
from scanner.model import InsufficientData, Place
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.secrets import mentions, problem, source
from scanner.workloads import regions_that_fail_over_to, standbys_for

DEFINITION = "AWS::ECS::TaskDefinition"


def check(definition, model, parameters):
    here = definition.place
    lost = regions_that_fail_over_to(model, here, deployed=True) - {here.region}
    places = [place for place in standbys_for(model, here) if place == here or not replaced(definition, place, model)]
    named, files = list(mentions(definition)), list(environment_files(definition))
    if not (named or files) or not standbys_for(model, here):
        yield NotApplicable("It names no secrets, or is not to start in a standby.")
        return
    yield Evidence(secrets=len(named), environment_files=len(files), standbys=[str(place) for place in places])
    for place in places:
        for mention in named:
            yield from unless_unseen("a secret", mention.pointer, place, judge, mention, here, place, lost, model)
        for pointer, read in files:
            yield from unless_unseen(
                "an environment file", pointer, place, judge_file, read, pointer, here, place, lost, model
            )


def replaced(definition, place, model):
    """Tell whether a standby has a task definition of its own, which is judged by itself."""
    return model.find(DEFINITION, definition.name, place, code=bool(definition.locations)) is not None


def unless_unseen(what, pointer, place, judge, *arguments):
    try:
        yield from judge(*arguments)
    except InsufficientData as gap:
        reason = str(gap).rstrip(".")
        yield Undecided(f"Whether {what} is in '{place}' is not known: {reason}.", pointer)


def environment_files(definition):
    """Yield where each environment file is named, and how to read its ARN."""
    containers = definition["ContainerDefinitions"] or ()
    for number in range(len(containers)):
        files = containers[number].get("EnvironmentFiles") or ()
        for each in range(len(files)):
            pointer = f"/ContainerDefinitions/{number}/EnvironmentFiles/{each}/Value"
            yield pointer, (lambda files=files, each=each: files[each]["Value"])


def judge(mention, here, place, lost, model):
    """Judge whether what a definition `here` names can be fetched by one in the standby `place`."""
    text = mention.read()
    wanted = source(text, mention.type, here)
    if place == here and wanted.region in lost:
        yield elsewhere(text, wanted.region, place, mention.pointer)
        return
    # A definition of the primary stands for the one that the standby will have: its Region will be the standby's.
    account = place.account if wanted.account == here.account else wanted.account
    region = place.region if wanted.region == here.region else wanted.region
    found = problem(model, wanted, Place(account, region), lost | {here.region})
    if found:
        yield Violation(f"'{wanted.names[0]}', which '{text}' names, {found}.", mention.pointer)


def elsewhere(what, region, place, pointer):
    return Violation(f"'{what}' is in '{region}'; when that is lost, it was expected in '{place.region}'.", pointer)


def judge_file(read, pointer, here, place, lost, model):
    """Judge whether an environment file that a definition `here` names can be fetched in the standby `place`."""
    text = read()
    named = re.fullmatch(r"arn:[a-z-]+:s3:::([^/]+)/(.+)", text)
    if named is None:
        raise InsufficientData(f"'{text}' is not the ARN of an object in a bucket")
    name, key = named.groups()
    bucket = seen(model, name)
    if place == here and bucket.region in lost:
        yield elsewhere(text, bucket.region, place, pointer)
    elif place != here and bucket.region == here.region and not has_own(name, here, place, model):
        copy = copied(bucket, model, key)
        if copy is None or copy.region != place.region:
            raise InsufficientData(f"'{name}' is in '{here.region}', and no replication rule brings '{key}' there")


def has_own(name, here, place, model):
    """Tell whether a standby has a bucket that is named after it as the primary's is."""
    own = name.replace(here.region, place.region).replace(str(here.account), str(place.account))
    return here.region in name and model.find(BUCKET, own, place) is not None
