r"""
title: The replica is encrypted at least as strongly as the primary
severity: high
resource: AWS::ECR::Repository
across: standby
needs: [AWS::KMS::Key]
when: standby
rationale: |
  Replication does not copy encryption: a repository that ECR creates in the standby is encrypted with AES256 unless a
  creation template says otherwise, also where the primary uses a KMS key. A template that says KMS without a key
  takes the key that AWS manages, which is weaker than one of the customer. Encryption is fixed when a repository is
  created; the key has to be one of the repository's own Region.
remediation: |
  Make a creation template in the standby, with a role that may use the key; then delete the replica and copy it anew.

      aws ecr create-repository-creation-template --region <standby> --prefix <prefix> --applied-for REPLICATION \
        --encryption-configuration encryptionType=KMS,kmsKey=<key in the standby> --custom-role-arn <role>
      aws ecr delete-repository --region <standby> --repository-name <name> --force
      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<standby account>

  In CloudFormation: `EncryptionConfiguration` of `AWS::ECR::Repository` or `AWS::ECR::RepositoryCreationTemplate` in the
  standby, in Terraform `encryption_configuration` of `aws_ecr_repository` or `aws_ecr_repository_creation_template`; on a
  repository, a change replaces it. Until the copy is complete the standby lacks the images.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
controls:
  nist-800-53: [SC-28]
  iso-27001-2022: [A.8.24]
  security-hub: [ECR.5]
traps:
  - What is wrong is mended only by deleting the replica and copying it anew, so the remediation says that and not a change of the setting.
  - The key of the standby is another than the primary's by design, so keys are compared by kind and never by name.
  - Both sides may say KMS and one of them use the key that AWS manages; an account shows an ARN in either case.
examples:
  pass:
    - primary: {}  # AWS's default is AES256
      standby: {}
    - Resources: &keys  # keys of the customer, each of its Region
        east: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-east-1:111122223333:key/east"}}}
        west: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-west-2:111122223333:key/west"}}}
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyManager: CUSTOMER}}
    - primary: {EncryptionConfiguration: {EncryptionType: KMS}}
      standby: {EncryptionConfiguration: {EncryptionType: KMS_DSSE}}
    - primary: {EncryptionConfiguration: {EncryptionType: KMS}}
      standby: {EncryptionConfiguration: {EncryptionType: KMS}}
    - primary: {}
      standby: {EncryptionConfiguration: {EncryptionType: KMS}}
    - primary: {EncryptionConfiguration: {EncryptionType: KMS}}
      standby: {EncryptionConfiguration: {EncryptionType: KMS, KmsKey: alias/images}}
  fail:
    - primary: {EncryptionConfiguration: {EncryptionType: KMS}}
      standby: {}
    - primary: {EncryptionConfiguration: {EncryptionType: KMS_DSSE}}
      standby: {EncryptionConfiguration: {EncryptionType: KMS}}
    - primary: {EncryptionConfiguration: {EncryptionType: KMS, KmsKey: alias/images}}  # the key that AWS manages
      standby: {EncryptionConfiguration: {EncryptionType: KMS}}
    - primary: {EncryptionConfiguration: {EncryptionType: KMS_DSSE, KmsKey: alias/images}}
      standby: {EncryptionConfiguration: {EncryptionType: KMS_DSSE, KmsKey: alias/aws/ecr}}
  unknown:
    - primary: {EncryptionConfiguration: {EncryptionType: KMS}}
      standby: {EncryptionConfiguration: {Unknown: "a variable without a value"}}
    - primary: {EncryptionConfiguration: {EncryptionType: {Unknown: "a variable without a value"}}}
      standby: {}
    - primary: {EncryptionConfiguration: {EncryptionType: KMS, KmsKey: alias/images}}  # whose key that is was not seen
      standby: {EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-west-2:111122223333:key/west"}}
    - primary: {EncryptionConfiguration: {EncryptionType: KMS, KmsKey: alias/images}}
      standby: {EncryptionConfiguration: {EncryptionType: ROT13}}
  not_applicable:
    - primary: {EncryptionConfiguration: {EncryptionType: KMS}}
      standby: null
"""

from scanner.keys import is_customers, named_key
from scanner.model import InsufficientData
from scanner.rule import Evidence, Violation

RANKS = ("AES256", "KMS", "KMS_DSSE")


def check(twin, model, parameters):
    primary = kind_of(twin.primary)
    if primary == "AES256":
        return
    standby = kind_of(twin.standby)
    yield Evidence(primary=primary, standby=standby)
    where = f"Repository '{twin.primary.name}' is encrypted with '{standby}' in '{twin.pair.standby}'"
    if RANKS.index(standby) < RANKS.index(primary):
        yield Violation(
            f"{where}; '{primary}' or stronger was expected, as in the primary.",
            "/EncryptionConfiguration",
            (twin.standby,),
        )
    elif named_key(twin.primary) and not is_customers(model, twin.standby) and is_customers(model, twin.primary):
        yield Violation(
            f"{where} and a key that AWS manages; one of the customer was expected, as in the primary.",
            "/EncryptionConfiguration",
            (twin.standby,),
        )


def kind_of(repository):
    kind = (repository["EncryptionConfiguration"] or {}).get("EncryptionType")
    if kind not in RANKS:
        raise InsufficientData(f"the encryption '{kind}' of '{repository.id}' is not understood")
    return kind
