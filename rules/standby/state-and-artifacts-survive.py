"""
title: Artifacts that deployments need are not in the primary alone
severity: high
link: delivery
resource: [AWS::CodePipeline::Pipeline, AWS::CodeBuild::Project]
across: standby
needs: [AWS::S3::Bucket]
rationale: |
  The code that would build the standby is of no use while the bucket with its artifacts or sources is in the Region
  that is gone. S3 copies nothing to another Region unless a replication rule says so, replicates versioned buckets alone,
  and of objects that are encrypted with KMS only where `SourceSelectionCriteria` asks for them.
remediation: |
  Switch versioning on and replicate the bucket to one in the standby, and what is in it already by a batch job:

      aws s3api put-bucket-versioning --bucket <bucket> --versioning-configuration Status=Enabled
      aws s3api put-bucket-replication --bucket <bucket> --replication-configuration file://replication.json

  In Terraform `aws_s3_bucket_replication_configuration`, in CloudFormation `ReplicationConfiguration` of
  `AWS::S3::Bucket`. Or give the standby a bucket of its own, as CDK's bootstrap does.
references:
  - https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
  - https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-create-cross-region.html
controls:
  nist-800-53: [CP-9]
  dora: [Art. 12]
traps:
  - CDK's staging buckets are per Region by design, so a bucket of the same name with the standby's Region in it is as good as a copy.
  - A pipeline of the standby with a bucket of its own, whatever its name, does without the primary's.
  - The bucket of a cross-Region pipeline in another Region is not lost with the primary.
  - A replication rule that is disabled, or of a bucket whose versioning is suspended, copies nothing; one for a prefix copies a part.
  - S3 leaves out what is encrypted with KMS, as artifacts of CodePipeline and CodeBuild are by default, unless the rule selects it; then it is undecided.
  - A rule whose destination is in the primary's own Region protects from no loss of it.
  - The state of Terraform is judged by a rule of its own; artifacts that are kept outside of AWS are no subject here.
examples:
  pass:
    - Resources:
        pipeline: &pipeline {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, ArtifactStore: {Type: S3, Location: artifacts}}}
        bucket: &bucket
          Type: AWS::S3::Bucket
          Properties: &replicated
            BucketName: artifacts
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration: {Rules: [{Status: Enabled, Filter: {Prefix: ""}, SourceSelectionCriteria: {SseKmsEncryptedObjects: {Status: Enabled}}, Destination: {Bucket: "arn:aws:s3:::artifacts-west"}}]}
        copy: &copy {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: artifacts-west}}
    - Resources:  # of two copies one was seen
        pipeline: *pipeline
        bucket:
          Type: AWS::S3::Bucket
          Properties:
            BucketName: artifacts
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration:
              Rules:
                - {Status: Enabled, SourceSelectionCriteria: {SseKmsEncryptedObjects: {Status: Enabled}}, Destination: {Bucket: "arn:aws:s3:::unseen"}}
                - {Status: Enabled, SourceSelectionCriteria: {SseKmsEncryptedObjects: {Status: Enabled}}, Destination: {Bucket: "arn:aws:s3:::artifacts-west"}}
        copy: *copy
    - Resources:  # the standby has one of its own
        pipeline: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, ArtifactStore: {Type: S3, Location: cdk-hnb659fds-assets-111122223333-us-east-1}}}
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: cdk-hnb659fds-assets-111122223333-us-east-1}}
        other: {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: cdk-hnb659fds-assets-111122223333-us-west-2}}
    - Resources:  # of two, one is replicated
        pipeline:
          Type: AWS::CodePipeline::Pipeline
          Properties: {Name: payments, ArtifactStores: [{Region: us-east-1, ArtifactStore: {Type: S3, Location: artifacts}}, {Region: us-west-2, ArtifactStore: {Type: S3, Location: elsewhere}}]}
        bucket: *bucket
        copy: *copy
    - Resources:  # the bucket is in another Region
        build: {Type: AWS::CodeBuild::Project, Properties: {Name: payments, Artifacts: {Type: S3, Location: artifacts-west}, Source: {Type: GITHUB}}}
        copy: *copy
    - Resources:  # the pipeline of the standby has a bucket that AWS named
        pipeline: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, ArtifactStore: {Type: S3, Location: codepipeline-us-east-1-1}}}
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: codepipeline-us-east-1-1}}
        other: {Type: AWS::CodePipeline::Pipeline, Region: us-west-2, Properties: {Name: payments, ArtifactStore: {Type: S3, Location: codepipeline-us-west-2-2}}}
        own: {Type: AWS::S3::Bucket, Region: us-west-2, Properties: {BucketName: codepipeline-us-west-2-2}}
  fail:
    - Resources:  # the build of the standby reads from the primary
        build: {Type: AWS::CodeBuild::Project, Properties: {Name: payments, Artifacts: {Type: NO_ARTIFACTS}, Source: {Type: S3, Location: sources/payments.zip}}}
        other: {Type: AWS::CodeBuild::Project, Region: us-west-2, Properties: {Name: payments, Artifacts: {Type: NO_ARTIFACTS}, Source: {Type: S3, Location: sources/payments.zip}}}
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: sources}}
    - Resources:  # the pipeline of the standby keeps nothing
        build: {Type: AWS::CodeBuild::Project, Properties: {Name: payments, Artifacts: {Type: S3, Location: artifacts}, Source: {Type: GITHUB}}}
        other: {Type: AWS::CodeBuild::Project, Region: us-west-2, Properties: {Name: payments, Artifacts: {Type: NO_ARTIFACTS}, Source: {Type: GITHUB}}}
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: artifacts}}
    - Resources:  # the standby has none of its own
        pipeline: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, ArtifactStore: {Type: S3, Location: cdk-hnb659fds-assets-111122223333-us-east-1}}}
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: cdk-hnb659fds-assets-111122223333-us-east-1}}
    - Resources: {pipeline: *pipeline, bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: artifacts, VersioningConfiguration: {Status: Enabled}}}}
    - Resources:
        pipeline: *pipeline
        bucket:
          Type: AWS::S3::Bucket
          Properties:
            BucketName: artifacts
            VersioningConfiguration: {Status: Suspended}
            ReplicationConfiguration: {Rules: [{Status: Enabled, Destination: {Bucket: "arn:aws:s3:::artifacts-west"}}]}
        copy: *copy
    - Resources:
        pipeline: *pipeline
        bucket:
          Type: AWS::S3::Bucket
          Properties:
            BucketName: artifacts
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration: {Rules: [{Status: Disabled, Destination: {Bucket: "arn:aws:s3:::artifacts-west"}}]}
        copy: *copy
    - Resources:  # to the same Region
        pipeline: *pipeline
        bucket: *bucket
        copy: {Type: AWS::S3::Bucket, Properties: {BucketName: artifacts-west}}
    - Resources:
        build: {Type: AWS::CodeBuild::Project, Properties: {Name: payments, Artifacts: {Type: S3, Location: artifacts}, Source: {Type: GITHUB}}}
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: artifacts}}
    - Resources:  # the source
        build: {Type: AWS::CodeBuild::Project, Properties: {Name: payments, Artifacts: {Type: NO_ARTIFACTS}, Source: {Type: S3, Location: sources/payments.zip}}}
        bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: sources}}
  unknown:
    - Resources:  # what is encrypted with KMS, as pipelines do, is left out unless the rule says so
        pipeline: *pipeline
        bucket:
          Type: AWS::S3::Bucket
          Properties:
            BucketName: artifacts
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration: {Rules: [{Status: Enabled, Destination: {Bucket: "arn:aws:s3:::artifacts-west"}}]}
        copy: *copy
    - Resources:
        pipeline: *pipeline
        bucket:
          Type: AWS::S3::Bucket
          Properties:
            BucketName: artifacts
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration: {Rules: [{Status: Enabled, SourceSelectionCriteria: {SseKmsEncryptedObjects: {Status: Disabled}}, Destination: {Bucket: "arn:aws:s3:::artifacts-west"}}]}
        copy: *copy
    - Resources:  # a part of the bucket
        pipeline: *pipeline
        bucket:
          Type: AWS::S3::Bucket
          Properties:
            BucketName: artifacts
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration: {Rules: [{Status: Enabled, Prefix: payments/, SourceSelectionCriteria: {SseKmsEncryptedObjects: {Status: Enabled}}, Destination: {Bucket: "arn:aws:s3:::artifacts-west"}}]}
        copy: *copy
    - Resources:
        pipeline: *pipeline
        bucket:
          Type: AWS::S3::Bucket
          Properties:
            BucketName: artifacts
            VersioningConfiguration: {Status: Enabled}
            ReplicationConfiguration: {Rules: [{Status: Enabled, Filter: {TagFilter: {Key: a, Value: b}}, SourceSelectionCriteria: {SseKmsEncryptedObjects: {Status: Enabled}}, Destination: {Bucket: "arn:aws:s3:::artifacts-west"}}]}
        copy: *copy
    - Resources: {pipeline: *pipeline, bucket: *bucket}  # where the copy goes was not seen
    - Resources:  # nobody said where the file of the copy is deployed
        pipeline: *pipeline
        bucket: *bucket
        copy: {Type: AWS::S3::Bucket, Region: null, Properties: {BucketName: artifacts-west}}
    - Resources: {pipeline: *pipeline}
    - Resources: {pipeline: *pipeline}
      Gaps: [{Reason: AccessDenied, Type: "AWS::S3::Bucket", Operation: "s3:ListBuckets"}]
    - Resources: {pipeline: *pipeline, bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: artifacts, VersioningConfiguration: {Unknown: denied}, ReplicationConfiguration: {Unknown: denied}}}}
    - Resources: {pipeline: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, ArtifactStore: {Type: S3, Location: {Unknown: a parameter without a value}}}}}
  not_applicable:
    - Resources: {build: {Type: AWS::CodeBuild::Project, Properties: {Name: payments, Artifacts: {Type: CODEPIPELINE}, Source: {Type: CODEPIPELINE}}}}
    - Resources:
        pipeline: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, ArtifactStores: [{Region: us-west-2, ArtifactStore: {Type: S3, Location: elsewhere}}]}}
"""

from scanner.buckets import BUCKET, bucket_of, seen, survives
from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation


def check(twin, model, parameters):
    named = sorted(set(stores(twin.primary)), key=lambda pair: pair[1])
    if not named:
        yield NotApplicable("It keeps nothing in a bucket of the primary's Region.")
        return
    for pointer, name in named:
        try:
            why = kept(name, twin, model)
        except InsufficientData as gap:
            yield Undecided(
                f"Whether bucket '{name}' of '{twin.primary.name}' outlives the primary is not known: {gap}.", pointer
            )
            continue
        if why:
            yield Evidence(**{name: why})
        else:
            yield Violation(
                f"Bucket '{name}' of '{twin.primary.name}' is in '{twin.primary.region}' alone; versioning and a replication "
                f"rule to another Region, or a bucket of its own in '{twin.pair.standby.region}', was expected.",
                pointer,
            )


def stores(subject):
    """Yield (pointer, bucket) for what a pipeline or a build keeps in its own Region."""
    if subject.type == "AWS::CodeBuild::Project":
        for property in ("Artifacts", "Source"):
            if (subject[property] or {}).get("Type") == "S3":
                yield f"/{property}", bucket_name(subject[property]["Location"])
        return
    if subject["ArtifactStore"]:
        yield "/ArtifactStore", bucket_name(subject["ArtifactStore"]["Location"])
    for number, store in enumerate(subject["ArtifactStores"] or ()):
        if store["Region"] == subject.region:
            yield f"/ArtifactStores/{number}", bucket_name(store["ArtifactStore"]["Location"])


def bucket_name(location):
    return str(location).removeprefix("arn:aws:s3:::").partition("/")[0]


def kept(name, twin, model):
    """Return why a bucket, or one in its place, is there when the primary is gone; None if it is not."""
    bucket, lost = bucket_of(model, name, twin.primary.place), twin.primary.region
    if bucket.region == lost and (other := own(name, twin, model)):
        return f"the standby has {other.name}"
    return survives(bucket, model, lost) or of_standby(twin, model)


def own(name, twin, model):
    """Return the standby's bucket of the same name, with its Region and account in it; None if there is none."""
    here, away = twin.primary.place, twin.pair.standby
    if here.region not in name:
        return None
    other = name.replace(here.region, away.region).replace(str(here.account), str(away.account))
    return model.find(BUCKET, other, away)


def of_standby(twin, model):
    """Return why the counterpart does without the primary's bucket: it has one that is not lost; None if not."""
    named = [name for _, name in stores(twin.standby)] if twin.standby else []
    if not named or any(seen(model, name).region == twin.primary.region for name in named):
        return None
    return f"the standby's own uses {named[0]}"
