"""
title: Every repository is encrypted with a key of the customer
severity: medium
optional: true
resource: AWS::ECR::Repository
needs: [AWS::KMS::Key]
rationale: |
  With a key of one's own one decides who may decrypt, sees each use in CloudTrail, and can take the images out of use.
  The encryption of a repository is fixed when it is created.
remediation: |
  Create the repository anew, with a key of its Region, and copy the images:

      aws ecr create-repository --repository-name <name> --encryption-configuration encryptionType=KMS,kmsKey=<key>

  In Terraform `encryption_configuration`, in CloudFormation `EncryptionConfiguration`; a change replaces the repository.
references:
  - https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
controls:
  security-hub: [ECR.5]
  nist-800-53: [SC-28]
traps:
  - Encryption of type KMS without a key uses the key that AWS manages, of which an account shows the ARN as of any other; what manages the key decides.
  - A file may name a key that other code makes, so whose it is is undecided.
examples:
  pass:
    - Resources:
        web: &web {Type: AWS::ECR::Repository, Properties: {RepositoryName: web, EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-east-1:111122223333:key/east"}}}
        key: {Type: AWS::KMS::Key, Properties: {KeyId: east, KeyManager: CUSTOMER}}
    - {EncryptionConfiguration: {EncryptionType: KMS_DSSE, KmsKey: alias/images}}
  fail:
    - {}
    - {EncryptionConfiguration: {EncryptionType: KMS}}
    - {EncryptionConfiguration: {EncryptionType: KMS, KmsKey: "arn:aws:kms:us-east-1:111122223333:alias/aws/ecr"}}
    - {EncryptionConfiguration: {EncryptionType: AES256, KmsKey: "arn:aws:kms:us-east-1:111122223333:key/east"}}
  unknown:
    - {EncryptionConfiguration: {Unknown: "a parameter without a value"}}
    - {EncryptionConfiguration: {EncryptionType: KMS, KmsKey: {Unknown: "known only after deployment"}}}
    - Resources: {web: *web}
"""

from scanner.keys import is_customers
from scanner.rule import Violation


def check(repository, model, parameters):
    if not is_customers(model, repository):
        kind = (repository["EncryptionConfiguration"] or {}).get("EncryptionType")
        yield Violation(
            f"Repository '{repository.name}' is encrypted with '{kind}' and no key of the customer; one was expected.",
            "/EncryptionConfiguration",
        )
