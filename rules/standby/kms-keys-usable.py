"""
title: Keys that encrypt the standby's images can be used there
severity: high
resource: AWS::ECR::Repository
needs: [AWS::KMS::Key, AWS::KMS::Alias]
rationale: |
  Each pull decrypts, so an image under a key that is disabled, waits for its deletion or is denied to ECR cannot be
  pulled. The key of a repository is one of its own Region; a multi-Region key is not required,
  since the standby's copy is encrypted anew.
remediation: |
  Cancel the deletion of the key if there is one, then enable it, since a cancelled deletion leaves it disabled:

      aws kms cancel-key-deletion --region <standby> --key-id <key>
      aws kms enable-key --region <standby> --key-id <key>

  In CloudFormation: `Enabled: true` of `AWS::KMS::Key`; in Terraform: `is_enabled = true` of `aws_kms_key`. Where the key's policy names `kms:ViaService`, let it be `ecr.<standby>.amazonaws.com`. A repository cannot change its key: make
  the right one in a creation template, delete the replica and copy it anew.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
  - https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
controls:
  nist-800-53: [SC-12]
traps:
  - A repository without a key of its own uses AES256 or the key that AWS manages, which nobody can disable.
  - A key of another account that may not be described may be fine, so it is undecided.
  - A file may name a key that other code makes, so a key that is not declared beside it is undecided; one that an account does not show is missing.
  - A key is also named by its id or by an alias, which leads to the key of this Region.
  - ECR decrypts by grants that it was given when the repository was created, so a key policy that does not allow it is undecided; one that denies it fails.
  - A key that is Updating, while another Region becomes the primary of its set, can be used.
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
  unknown:
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
from scanner.policy import Decision, decide
from scanner.recovery import prepared
from scanner.regions import partition_by_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only

USABLE = ("Enabled", "Updating")
POINTER = "/EncryptionConfiguration"


def check(repository, model, parameters):
    if not prepared(model, repository.place):
        yield NotApplicable("No pair has its prepared standby here.")
        return
    named = named_key(repository)
    if named is None or named.endswith("alias/aws/ecr"):
        yield NotApplicable("The repository uses no key that somebody could disable.")
        return
    whose = f"Repository '{repository.name}' in '{repository.place}' is encrypted with '{named}'"
    if named.startswith("arn:") and named.split(":")[3] != repository.region:
        yield Violation(f"{whose}, a key of another Region; one of its own was expected.", POINTER)
        return
    key = key_of(model, repository, named)
    if key is None:
        yield Violation(f"{whose}, which does not exist; an enabled key was expected.", POINTER)
        return
    if live_only(key, "KeyManager") == "AWS":
        yield NotApplicable("AWS manages the key, and nobody else can disable it.")
        return
    state = live_only(key, "KeyState") or ("Enabled" if key["Enabled"] else "Disabled")
    yield Evidence(key=key.id, state=state)
    if state not in USABLE:
        yield Violation(f"{whose}, which is '{state}'; 'Enabled' was expected.", POINTER, (key,))
        return
    service = f"ecr.{repository.region}.amazonaws.com"  # in partitions of other names it is not documented
    known = {"kms:CallerAccount": repository.account}
    if partition_by_name(repository.region)[0] in ("aws", "aws-us-gov"):
        known["kms:ViaService"] = service
    answer = decide(key["KeyPolicy"], repository.account, "kms:Decrypt", key.id, known)
    if answer.explicit:
        yield Violation(f"{whose}, whose policy denies to decrypt through '{service}'.", POINTER, (key,))
    elif answer.decision is not Decision.ALLOWED:
        yield Undecided(f"{whose}; whether its policy lets ECR use it cannot be told: {answer.reasons[0]}.", POINTER)
