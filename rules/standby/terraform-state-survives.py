"""
title: Terraform's state outlives the loss of the primary
severity: high
link: delivery
resource: Terraform::Backend
needs: [AWS::S3::Bucket]
rationale: |
  Terraform changes nothing without its state: what it knows of the standby is in the file that the backend keeps. In a
  bucket of the Region that is gone it cannot be read, and code that would scale the standby up plans to create
  everything anew beside what is there. S3 copies a bucket to no other Region unless it is versioned and a replication
  rule says so.
remediation: |
  Keep the state in a third Region or in the standby, or replicate its bucket there:

      aws s3api put-bucket-versioning --bucket <bucket> --versioning-configuration Status=Enabled
      aws s3api put-bucket-replication --bucket <bucket> --replication-configuration file://replication.json
      terraform init -migrate-state   # after `bucket` and `region` of the backend were changed

  In Terraform `aws_s3_bucket_versioning` and `aws_s3_bucket_replication_configuration`, in CloudFormation
  `VersioningConfiguration` and `ReplicationConfiguration` of `AWS::S3::Bucket`.
references:
  - https://developer.hashicorp.com/terraform/language/backend/s3
  - https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
controls:
  nist-800-53: [CP-9]
  dora: [Art. 12]
traps:
  - State in HCP Terraform, on gitlab.com or in another cloud is not lost with a Region of AWS, so it passes.
  - A server of one's own (Terraform Enterprise, self-managed GitLab, Consul, PostgreSQL) may run in the primary, and no code shows where, so it is undecided.
  - A backend of type local keeps the state beside the code or in a cache of CI, which no code shows, so it is undecided.
  - A bucket outside of every primary is not lost with one, whether it is replicated or not.
  - In an active-active pair either Region may be lost, so a bucket in one of them needs a copy.
  - What is left to `-backend-config` or to the environment is not in the code, so where the state is stays undecided.
  - A lock table of DynamoDB may be lost with the primary, but a plan can be made without a lock, so it is not judged.
  - S3 leaves out what is encrypted with KMS unless a rule selects it; what the state is encrypted with was not seen, so it is undecided.
examples:
  pass:
    - Resources:
        state: &state {Type: Terraform::Backend, Properties: {Type: s3, Bucket: state, Key: prod, Region: us-east-1}}
        bucket: &bucket
          Type: AWS::S3::Bucket
          Properties:
            BucketName: state
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration: {Rules: [{Status: Enabled, SourceSelectionCriteria: {SseKmsEncryptedObjects: {Status: Enabled}}, Destination: {Bucket: "arn:aws:s3:::state-copy"}}]}
        copy: &copy {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: state-copy}}
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: cloud}}}  # HCP Terraform
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: remote, Address: app.terraform.io}}}
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: gcs, Bucket: state}}}
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: http, Address: "https://gitlab.com/api/v4/projects/1/terraform/state/prod"}}}
    - Resources:  # in the standby; nobody had to see the bucket
        state: {Type: Terraform::Backend, Properties: {Type: s3, Bucket: state, Key: prod, Region: us-west-2}}
    - Resources:  # the environment names the Region, and the bucket was seen in the standby
        state: {Type: Terraform::Backend, Properties: {Type: s3, Bucket: state-copy, Key: prod}}
        copy: *copy
    - Resources: &replicated  # a lock table in the primary
        state: {Type: Terraform::Backend, Properties: {Type: s3, Bucket: state, Key: prod, Region: us-east-1, DynamoDBTable: lock}}
        bucket: *bucket
        copy: *copy
  fail:
    - Resources:
        state: *state
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: state}}
    - Resources:  # versioned, and nowhere else
        state: *state
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: state, VersioningConfiguration: {Status: Enabled}}}
    - Resources:  # the environment names the Region
        state: {Type: Terraform::Backend, Properties: {Type: s3, Bucket: state, Key: prod}}
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: state}}
    - Resources:  # either Region of an active-active pair may be lost
        state: {Type: Terraform::Backend, Properties: {Type: s3, Bucket: state, Key: prod, Region: us-west-2}}
        bucket: {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: state}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources:  # to the same Region
        state: *state
        bucket: *bucket
        copy: {Type: AWS::S3::Bucket, Properties: {BucketName: state-copy}}
  unknown:
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: local, Key: terraform.tfstate}}}
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: pg}}}  # a database of one's own
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: http, Address: "https://gitlab.example.com/api/v4/projects/1/terraform/state/prod"}}}
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: remote, Address: terraform.example.com}}}
    - Resources: {state: *state}  # the bucket was not seen
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: s3, Bucket: state, Key: prod}}}
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: s3, Bucket: {Unknown: the command line gives it}, Key: prod}}}
    - Resources: {state: {Type: Terraform::Backend, Properties: {Type: s3, Bucket: state, Key: prod, Region: {Unknown: a variable without a value}}}}
    - Resources:  # a bucket that the code names not at all
        state: {Type: Terraform::Backend, Properties: {Type: s3, Key: prod, Region: us-east-1}}
    - Resources:  # the Region of the code is not that of the bucket of this name
        state: *state
        bucket: {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: state}}
    - Resources:  # what is encrypted with KMS is left out
        state: *state
        bucket:
          Type: AWS::S3::Bucket
          Properties:
            BucketName: state
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration: {Rules: [{Status: Enabled, Destination: {Bucket: "arn:aws:s3:::state-copy"}}]}
        copy: *copy
  not_applicable:
    - Resources: {state: *state}
      Pairs: []
"""

import re

from scanner.buckets import seen, survives
from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

CLOUDS = ("azurerm", "cos", "gcs", "oci", "oss")
HOSTED = {"cloud": "app.terraform.io", "http": "gitlab.com", "remote": "app.terraform.io"}
"""Backends to the host of the service that many use."""


def check(backend, model, parameters):
    kind = backend["Type"]
    if not model.pairs:
        yield NotApplicable("No pair of Regions is known, so none that may be lost.")
    elif kind == "s3":
        yield from of_bucket(backend, model)
    elif kind in CLOUDS or (kind in HOSTED and host(backend) == HOSTED[kind]):
        yield Evidence(kept=f"{kind}, which is no Region of AWS")
    else:
        yield Undecided(
            f"The state is kept by a backend of type '{kind}'; whether it is lost with the primary is not in the code.",
            "/Type",
        )


def host(backend):
    """Return the host that a backend names; HCP Terraform is meant where a `remote` or a `cloud` names none."""
    address = backend["Address"]
    if address is None:
        return None if backend["Type"] == "http" else HOSTED[backend["Type"]]
    return re.sub(r"^https?://", "", str(address)).partition("/")[0].lower()


def of_bucket(backend, model):
    """Judge whether a bucket outlives each primary that it is in."""
    name, said = backend["Bucket"], backend["Region"]
    if name is None:
        raise InsufficientData("which bucket keeps the state is not said in the code")
    region = said or seen(model, name).region
    if region not in lost(model):
        yield Evidence(kept=f"{name} in {region}, which is no primary")
        return
    bucket = seen(model, name)
    if bucket.region != region:
        raise InsufficientData(f"bucket '{name}' is in '{bucket.region}' and not in '{region}', as the code says")
    why = survives(bucket, model, region)
    if why:
        yield Evidence(kept=f"{name}: {why}")
    else:
        yield Violation(
            f"Bucket '{name}', which keeps the state, is in '{region}' alone, a primary; versioning and a replication rule "
            "to another Region were expected.",
            "/Bucket",
            (bucket,),
        )


def lost(model):
    """Return the Regions whose loss a pair is for."""
    either = {pair.standby.region for pair in model.pairs if pair.dr_class == "active-active"}
    return either | {pair.primary.region for pair in model.pairs}
