"""
title: Replicas and the registry that holds them are not open to everybody
severity: critical
resource: [AWS::ECR::Repository, AWS::ECR::Registry]
rationale: |
  Policies are not replicated, so those of the standby are written by hand or by a creation template, once, and looked
  at by nobody until the failover. A principal '*' without a condition lets every account of AWS pull the images, or
  push into the registry that the standby would start from.
remediation: |
  Name the accounts, or leave over those of the organization by a condition:

      "Principal": {"AWS": "arn:aws:iam::111122223333:root"}
      "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-example"}}

      aws ecr set-repository-policy --region <standby> --repository-name <name> --policy-text file://policy.json
      aws ecr put-registry-policy --region <standby> --policy-text file://policy.json

  In Terraform `aws_ecr_repository_policy` and `aws_ecr_registry_policy`, in CloudFormation `RepositoryPolicyText` of
  `AWS::ECR::Repository` and `AWS::ECR::RegistryPolicy`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
controls:
  nist-800-53: [AC-3, SC-7]
  soc-2: [CC6.1]
traps:
  - A principal '*' with aws:PrincipalOrgID, aws:SourceAccount or another condition on who asks is not everybody.
  - A condition that everybody can fulfil, as aws:PrincipalOrgID like 'o-*' or a role of some name in any account, narrows nothing.
  - A condition on something else, as the time or the address, is no answer to who may, so it is undecided.
  - A denial for everybody outside the organization closes what another statement opens, so the two are undecided.
examples:
  pass:
    - Resources: &closed
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
    - Resources:
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {StringEquals: {"aws:PrincipalOrgID": o-example}}}}
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            PolicyText:
              Statement:
                - {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "ecr:ReplicateImage", Resource: "*"}
                - {Effect: Allow, Principal: {AWS: "*"}, Action: "ecr:ReplicateImage", Resource: "*", Condition: {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-example/*"]}}}
                - {Effect: Deny, Principal: "*", Action: "ecr:DeleteRepository", Resource: "*"}
    - Resources:
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:BatchGetImage"}}
    - Resources:  # a service of AWS, on behalf of one account
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {StringEquals: {"aws:SourceAccount": "111122223333"}}}}
    - Resources:  # the roles of one account
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {ArnLike: {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/*"}}}}
    - Resources:
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {ArnLike: {"aws:SourceArn": "arn:aws:s3:::bucket"}}}}
  fail:
    - Resources:
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/web, RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage"}}}
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {PolicyText: {Statement: [{Sid: all, Effect: Allow, Principal: {AWS: ["111122223333", "*"]}, Action: "ecr:*", Resource: "*"}]}}
    - Resources:  # everybody but one
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties: {RepositoryName: shop/web, RepositoryPolicyText: {Statement: {Effect: Allow, NotPrincipal: {AWS: "111122223333"}, Action: "ecr:BatchGetImage"}}}
  unknown:
    - Resources:
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, RepositoryPolicyText: {Unknown: "ecr:GetRepositoryPolicy was denied"}}}
    - Resources:  # a role of that name can be made in any account
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {ArnLike: {"aws:PrincipalArn": "arn:aws:iam::*:role/deploy"}}}}
    - Resources:  # every organization's id begins so, and one of two values suffices
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {StringLike: {"aws:PrincipalOrgID": [o-example, "o-*"]}}}}
    - Resources:  # whoever asks is in the account that asks
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {StringEquals: {"aws:SourceAccount": "${aws:PrincipalAccount}"}}}}
    - Resources:  # anything of anybody's; the bucket alone would be somebody's
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {ArnLike: {"aws:SourceArn": "arn:aws:s3:::b*"}}}}
    - Resources:  # any organization
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {StringLike: {"aws:PrincipalOrgID": "*"}}}}
    - Resources:
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {IpAddress: {"aws:SourceIp": "192.0.2.0/24"}}}}
    - Resources:
        web:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText:
              Statement:
                - {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage"}
                - {Effect: Deny, Principal: "*", Action: "ecr:*", Condition: {StringNotEquals: {"aws:PrincipalOrgID": o-example}}}
    - Resources:  # which Regions are standbys follows from registries that were not seen
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
      Pairs: derived
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribeRegistry"}]
  not_applicable:
    - Resources:  # not in a standby
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web, RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage"}}}}
"""

from scanner.exposure import public
from scanner.rule import NotApplicable, Undecided, Violation
from scanner.workloads import regions_that_fail_over_to


def check(resource, model, parameters):
    if not regions_that_fail_over_to(model, resource.place):
        yield NotApplicable("This Region is the standby of none.")
        return
    name = "RepositoryPolicyText" if resource.type == "AWS::ECR::Repository" else "PolicyText"
    answer, which = public(resource[name])
    whose = f"The policy of '{resource.name}' in '{resource.place}'"
    if answer:
        yield Violation(
            f"{whose} lets everybody in: {which} allows all principals; named ones were expected.", f"/{name}"
        )
    elif answer is None:
        yield Undecided(f"{whose} cannot be decided: {which}.", f"/{name}")
