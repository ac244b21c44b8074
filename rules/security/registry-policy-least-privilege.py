"""
title: The standby's registry policy lets others replicate and pull, no more
severity: medium
resource: AWS::ECR::Registry
rationale: |
  A registry policy is written so that another account may replicate into the registry: that takes ecr:ReplicateImage,
  ecr:CreateRepository for repositories that are not there yet, and ecr:TagResource for their tags; it may also let
  accounts pull. What goes beyond, ecr:* or principals that nobody named, lets an account that is taken over delete or
  replace the copies that the standby would start from.
remediation: |
  Narrow each statement to source accounts, to the actions of replication and to repositories:

      aws ecr put-registry-policy --region <standby> --policy-text '{"Version":"2012-10-17","Statement":[{"Sid":"replicate",
        "Effect":"Allow","Principal":{"AWS":"arn:aws:iam::<source account>:root"},
        "Action":["ecr:ReplicateImage","ecr:CreateRepository"],
        "Resource":"arn:aws:ecr:<standby>:<account>:repository/*"}]}'

  In Terraform `aws_ecr_registry_policy`, in CloudFormation `AWS::ECR::RegistryPolicy`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions-create-replication.html
controls:
  nist-800-53: [AC-6]
traps:
  - The registry account of an organization may let all its accounts in by aws:PrincipalOrgID; that names them.
  - Denials are no grants, whatever actions and principals they name.
  - A statement for pull-through caches or for a service is no grant of replication, and is judged by its actions alone.
  - A registry policy of scope V2 may let other accounts pull from all repositories; reading changes no copy, so it is accepted.
examples:
  pass:
    - Resources:
        vault: &narrow
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            PolicyText:
              Statement:
                - Effect: Allow
                  Principal: {AWS: "arn:aws:iam::444455556666:root"}
                  Action: ["ecr:ReplicateImage", "ecr:CreateRepository"]
                  Resource: arn:aws:ecr:us-west-2:111122223333:repository/*
    - Resources: {vault: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: null}}}
    - Resources:  # all accounts of the organization
        vault:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            PolicyText:
              Statement:
                - Effect: Allow
                  Principal: "*"
                  Action: "ecr:ReplicateImage"
                  Resource: arn:aws:ecr:us-west-2:111122223333:repository/prod/*
                  Condition: {StringEquals: {"aws:PrincipalOrgID": o-example}}
                - {Effect: Deny, Principal: "*", Action: "ecr:*", Resource: "*"}
    - Resources:
        vault:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            PolicyText:
              Statement:
                Effect: Allow
                Principal: {Service: replication.ecr.amazonaws.com}
                Action: ["ecr:BatchImportUpstreamImage", "ecr:TagResource"]
                Resource: arn:aws:ecr:us-west-2:111122223333:repository/*
    - Resources:  # who may pull from every repository
        vault:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            PolicyText:
              Statement:
                Effect: Allow
                Principal: {AWS: "arn:aws:iam::444455556666:root"}
                Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability", "ecr:DescribeImages"]
                Resource: arn:aws:ecr:us-west-2:111122223333:repository/*
  fail:
    - Resources: {vault: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:*", Resource: "arn:aws:ecr:us-west-2:111122223333:repository/*"}}}}}
    - Resources: {vault: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: ["ecr:ReplicateImage", "ecr:BatchDeleteImage"], Resource: "arn:aws:ecr:us-west-2:111122223333:repository/*"}}}}}
    - Resources: {vault: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, NotAction: "ecr:DeleteRepository", Resource: "arn:aws:ecr:us-west-2:111122223333:repository/*"}}}}}
    - Resources: {vault: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:ReplicateImage", Resource: "arn:aws:ecr:us-west-2:111122223333:repository/*"}}}}}
    - Resources:  # no repository is named
        vault: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: [{Sid: wide, Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:ReplicateImage", Resource: "*"}]}}}
  unknown:
    - Resources: {vault: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Unknown: "ecr:GetRegistryPolicy was denied"}}}}
    - Resources:  # no policy that AWS would accept
        vault: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PolicyText: {Statement: [{Effect: Allow, Principal: {AWS: "444455556666"}}]}}}
    - Resources:  # a condition that leaves open who asks
        vault:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            PolicyText:
              Statement:
                Effect: Allow
                Principal: "*"
                Action: "ecr:ReplicateImage"
                Resource: arn:aws:ecr:us-west-2:111122223333:repository/*
                Condition: {IpAddress: {"aws:SourceIp": "192.0.2.0/24"}}
  not_applicable:
    - Resources: {vault: {Type: AWS::ECR::Registry, Properties: {PolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Resource: "*"}}}}}
"""

from scanner.exposure import Grant, grants
from scanner.rule import NotApplicable, Undecided, Violation
from scanner.workloads import regions_that_fail_over_to

REPLICATES = ("ecr:replicateimage", "ecr:createrepository", "ecr:tagresource", "ecr:batchimportupstreamimage")
READS = (
    "ecr:batchchecklayeravailability",
    "ecr:batchgetimage",
    "ecr:describeimages",
    "ecr:describerepositories",
    "ecr:getdownloadurlforlayer",
    "ecr:listimages",
)


def check(registry, model, parameters):
    if not regions_that_fail_over_to(model, registry.place):
        yield NotApplicable("This Region is the standby of none.")
        return
    for grant in grants(registry["PolicyText"]):
        yield from judged(grant, registry.place)


def judged(grant: Grant, place):
    of = f"of the registry policy of '{place}'"
    named = grant.name[:1].upper() + grant.name[1:]
    if grant.all_but_actions:
        yield Violation(f"{named} {of} allows all actions but some; those of replication were expected.", "/PolicyText")
    for action in grant.actions:
        if action.lower() not in (*REPLICATES, *READS):
            yield Violation(
                f"{named} {of} allows '{action}'; only actions of replication and pulling were expected.", "/PolicyText"
            )
    if grant.everybody:
        yield Violation(f"{named} {of} allows all principals; source accounts were expected.", "/PolicyText")
    elif grant.everybody is None:
        yield Undecided(f"Whom {grant.name} {of} lets in hangs on its condition.", "/PolicyText")
    if "*" in grant.resources:
        yield Violation(f"{named} {of} names no repositories; ARNs of repositories were expected.", "/PolicyText")
