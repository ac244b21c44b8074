"""
title: Keys that encrypt the standby's images and secrets can be used there
severity: high
link: key
resource: [AWS::ECR::Repository, AWS::SecretsManager::Secret]
needs: [AWS::KMS::Key, AWS::KMS::Alias]
rationale: |
  Each pull decrypts, so an image under a key that is disabled, waits for its deletion or is denied to ECR cannot be
  pulled, and a task does not start without its secrets. The key of a repository or of a secret is one of its own Region;
  a multi-Region key is not required, since the standby's copy is encrypted anew.
remediation: |
  Cancel the deletion of the key if there is one, then enable it, since a cancelled deletion leaves it disabled:

      aws kms cancel-key-deletion --region <standby> --key-id <key>
      aws kms enable-key --region <standby> --key-id <key>

  In CloudFormation: `Enabled: true` of `AWS::KMS::Key`; in Terraform: `is_enabled = true` of `aws_kms_key`. Where the key's policy names `kms:ViaService`, let it be `ecr.<standby>.amazonaws.com`
  or `secretsmanager.<standby>.amazonaws.com`. A repository cannot change its key: make
  the right one in a creation template, delete the replica and copy it anew.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
  - https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
  - https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
controls:
  nist-800-53: [SC-12]
traps:
  - A repository without a key of its own uses AES256 or the key that AWS manages, which nobody can disable.
  - A key of another account that may not be described may be fine, so it is undecided.
  - A file may name a key that other code makes, so a key that is not declared beside it is undecided; one that an account does not show is missing.
  - A key is also named by its id or by an alias, which leads to the key of this Region.
  - ECR decrypts by grants that it was given when the repository was created, so a key policy that does not allow it is undecided; one that denies it fails.
  - A key that is Updating, while another Region becomes the primary of its set, can be used.
  - A template replicates a secret under a key of the standby, so the key of each replica is looked for there and not beside the secret.
  - Log groups are not collected, so a key that encrypts logs is not judged.
  - The copy of a multi-Region key in another Region does not open what is here.
examples:
  pass:
    - Resources: &enabled
        web: &web
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-west-2:111122223333:key/west"}}
        key: &key
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyState: Enabled
            KeyPolicy: {Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:root"}, Action: "kms:*", Resource: "*"}]}
    - Resources:  # by its alias, and through ECR of this Region
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: alias/images}}}
        alias: {Type: AWS::KMS::Alias, Region: us-west-2, Properties: {AliasName: alias/images, TargetKeyId: west}}
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyState: Enabled
            KeyPolicy:
              Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: ["kms:Decrypt"], Resource: "*", Condition: {StringEquals: {"kms:ViaService": [ecr.us-east-1.amazonaws.com, ecr.us-west-2.amazonaws.com]}}}]
    - Resources:  # by its id
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS_DSSE, KmsKey: west}}}
        key: *key
    - Resources:  # the primary of its multi-Region set is being changed, which hinders nobody
        web: *web
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyState: Updating
            KeyPolicy: {Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:root"}, Action: "kms:*", Resource: "*"}]}
    - Resources:  # a secret, read through Secrets Manager of this Region
        db: {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: db, KmsKeyId: alias/images}}
        alias: {Type: AWS::KMS::Alias, Region: us-west-2, Properties: {AliasName: alias/images, TargetKeyId: west}}
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyState: Enabled
            KeyPolicy:
              Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: ["kms:Decrypt"], Resource: "*", Condition: {StringEquals: {"kms:ViaService": secretsmanager.us-west-2.amazonaws.com}}}]
    - Resources:  # a template replicates it; the key of the other Region is of no account
        db: {Type: AWS::SecretsManager::Secret, Properties: {Name: db, KmsKeyId: east, ReplicaRegions: [{Region: eu-west-1, KmsKeyId: far}, {Region: us-west-2, KmsKeyId: west}]}}
        key: *key
    - Resources:  # a file shows no state
        web: *web
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyPolicy: {Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:root"}, Action: "kms:*", Resource: "*"}]}
  fail:
    - Resources:
        web: *web
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyState: PendingDeletion, KeyPolicy: null}}
    - Resources:  # the policy denies it
        web: *web
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyState: Enabled
            KeyPolicy:
              Statement:
                - {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "kms:*", Resource: "*"}
                - {Effect: Deny, Principal: "*", Action: ["kms:Decrypt"], Resource: "*", Condition: {StringEquals: {"kms:ViaService": ecr.us-west-2.amazonaws.com}}}
    - Resources:  # a file declares it disabled
        web: *web
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, Enabled: false}}
    - Resources:  # the key of another Region
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-east-1:111122223333:key/mrk-1"}}}
    - Resources:  # a secret
        db: &db {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: db, KmsKeyId: "arn:aws:kms:us-west-2:111122223333:key/west"}}
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyState: Disabled, KeyPolicy: null}}
    - Resources:  # the replica of a secret
        db: {Type: AWS::SecretsManager::Secret, Properties: {Name: db, ReplicaRegions: [{Region: us-west-2, KmsKeyId: west}]}}
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyState: PendingDeletion, KeyPolicy: null}}
  unknown:
    - Resources:  # the policy is that of ECR
        db: *db
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyState: Enabled
            KeyPolicy:
              Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: ["kms:Decrypt"], Resource: "*", Condition: {StringEquals: {"kms:ViaService": ecr.us-west-2.amazonaws.com}}}]
    - Resources: {db: *db}  # other code may make the key
    - Resources: {db: {Type: AWS::SecretsManager::Secret, Properties: {Name: db, ReplicaRegions: {Unknown: "secretsmanager:DescribeSecret was denied"}}}}
    - Resources:  # the policy is that of the primary; the grants of ECR may do without it
        web: *web
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyState: Enabled
            KeyPolicy:
              Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: ["kms:Decrypt"], Resource: "*", Condition: {StringEquals: {"kms:ViaService": ecr.us-east-1.amazonaws.com}}}]
    - Resources:  # who makes repositories may let ECR use the key, and nobody else needs more
        web: *web
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyState: Enabled
            KeyPolicy:
              Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: ["kms:CreateGrant", "kms:RetireGrant", "kms:DescribeKey"], Resource: "*"}]
    - Resources:  # how the service is called in China is not documented
        web: {Type: AWS::ECR::Repository, Region: cn-northwest-1, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: west}}}
        key:
          Type: AWS::KMS::Key
          Region: cn-northwest-1
          Properties: {KeyId: west, KeyState: Enabled, KeyPolicy: {Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: "kms:Decrypt", Resource: "*", Condition: {StringEquals: {"kms:ViaService": ecr.cn-northwest-1.amazonaws.com}}}]}}
      Pairs: [{primary: cn-north-1, standby: cn-northwest-1}]
    - Resources:
        web: *web
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyState: {Unknown: "kms:DescribeKey was denied"}, KeyPolicy: {Unknown: denied}}}
    - Resources:
        web: *web
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyState: Enabled, KeyPolicy: {Unknown: "kms:GetKeyPolicy was denied"}}}
    - Resources: {web: *web}  # a file may name a key that other code makes
    - Resources:  # so it may an alias
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-west-2:111122223333:alias/images"}}}
    - Resources: {web: *web}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::KMS::Key", Operation: "kms:ListKeys", Region: us-west-2}]
    - Resources:  # another account's key
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-west-2:999988887777:key/far"}}}
    - Resources:
        web: *web
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties: {KeyId: west, KeyState: Enabled, KeyPolicy: {Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/images"}, Action: "kms:*", Resource: "*"}]}}
    - Resources:
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {Unknown: denied}}}
    - Resources:
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: alias/images}}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::KMS::Alias", Operation: "kms:ListAliases", Region: us-west-2}]
  not_applicable:
    - Resources: {db: {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: db}}}  # the key that AWS manages
    - Resources: {db: {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: db, KmsKeyId: alias/aws/secretsmanager}}}
    - Resources:  # replicated to no standby
        db: {Type: AWS::SecretsManager::Secret, Properties: {Name: db, KmsKeyId: east, ReplicaRegions: [{Region: eu-west-1, KmsKeyId: far}, {Region: us-west-2}]}}
    - Resources:  # the key that AWS manages, as an account shows it
        web: *web
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyManager: AWS, KeyState: Enabled, KeyPolicy: {Unknown: "kms:GetKeyPolicy was denied"}}}
    - Resources: {web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}}
    - Resources:  # the key that AWS manages
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS}}}
    - Resources: {web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: alias/aws/ecr}}}}
    - Resources:  # in no standby
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: a}}}
    - Resources: {web: *web}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.keys import key_of, named_key
from scanner.model import Place
from scanner.policy import Decision, decide
from scanner.recovery import prepared
from scanner.regions import partition_by_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only

USABLE = ("Enabled", "Updating")
REPOSITORY = "AWS::ECR::Repository"
MANAGED = ("alias/aws/ecr", "alias/aws/secretsmanager")


def check(subject, model, parameters):
    used = [each for each in keys(subject) if prepared(model, each[0])]
    if not used:
        yield NotApplicable("No pair has its prepared standby here.")
    for place, named, pointer in used:
        if named is None or named.endswith(MANAGED):
            yield NotApplicable("It uses no key that somebody could disable.")
        else:
            yield from judge(subject, named, place, pointer, model)


def keys(subject):
    """Yield (place, key, pointer) for what encrypts a repository or a secret, and the replicas that a file declares."""
    if subject.type == REPOSITORY:
        yield subject.place, named_key(subject), "/EncryptionConfiguration"
        return
    yield subject.place, subject["KmsKeyId"], "/KmsKeyId"
    for number, replica in enumerate((subject["ReplicaRegions"] or ()) if subject.locations else ()):
        yield Place(subject.account, replica["Region"]), replica["KmsKeyId"], f"/ReplicaRegions/{number}"


def judge(subject, named, place, pointer, model):
    """Judge whether the key that encrypts something in a place can be used there."""
    kind = "Repository" if subject.type == REPOSITORY else "Secret"
    whose = f"{kind} '{subject.name}' in '{place}' is encrypted with '{named}'"
    if named.startswith("arn:") and named.split(":")[3] != place.region:
        yield Violation(f"{whose}, a key of another Region; one of its own was expected.", pointer)
        return
    key = key_of(model, subject, named, place)
    if key is None:
        yield Violation(f"{whose}, which does not exist; an enabled key was expected.", pointer)
        return
    if live_only(key, "KeyManager") == "AWS":
        yield NotApplicable("AWS manages the key, and nobody else can disable it.")
        return
    state = live_only(key, "KeyState") or ("Enabled" if key["Enabled"] else "Disabled")
    yield Evidence(key=key.id, state=state)
    if state not in USABLE:
        yield Violation(f"{whose}, which is '{state}'; 'Enabled' was expected.", pointer, (key,))
    else:
        yield from allowed(key, whose, "ecr" if kind == "Repository" else "secretsmanager", place, pointer)


def allowed(key, whose, service, place, pointer):
    """Judge whether the policy of a key lets it be used through a service."""
    host = f"{service}.{place.region}.amazonaws.com"  # in partitions of other names it is not documented
    known = {"kms:CallerAccount": place.account}
    if partition_by_name(place.region)[0] in ("aws", "aws-us-gov"):
        known["kms:ViaService"] = host
    answer = decide(key["KeyPolicy"], place.account, "kms:Decrypt", key.id, known)
    if answer.explicit:
        yield Violation(f"{whose}, whose policy denies to decrypt through '{host}'.", pointer, (key,))
    elif answer.decision is not Decision.ALLOWED:
        yield Undecided(
            f"{whose}; whether its policy lets '{host}' use it cannot be told: {answer.reasons[0]}.", pointer
        )
