"""
title: No repository is open to everybody
severity: critical
optional: true
resource: AWS::ECR::Repository
rationale: |
  A private repository whose policy allows the principal '*' without a condition can be pulled from by every account of
  AWS, or pushed to. Repositories of the ECR Public Gallery are public by design and another service, which is not
  collected: so no rule answers control ECR.4 of Security Hub, which asks for tags on them.
remediation: |
  Name the accounts, or leave over those of the organization by a condition on `aws:PrincipalOrgID`:

      aws ecr set-repository-policy --repository-name <name> --policy-text file://policy.json

  In Terraform `aws_ecr_repository_policy`, in CloudFormation `RepositoryPolicyText` of `AWS::ECR::Repository`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html
controls:
  nist-800-53: [AC-3]
traps:
  - A principal '*' with a condition on the organization, the account or the VPC is not everybody.
  - A policy that nobody may read, or that AWS would not accept, is undecided and neither open nor closed.
examples:
  pass:
    - {}
    - {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage", Condition: {StringEquals: {"aws:SourceVpce": vpce-1}}}}}
    - {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:*"}}}
  fail:
    - {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage"}}}
    - {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {AWS: "*"}, Action: "ecr:*"}}}
  unknown:
    - {RepositoryPolicyText: {Unknown: "ecr:GetRepositoryPolicy was denied"}}
    - {RepositoryPolicyText: {Statement: {Effect: Permit, Principal: "*", Action: "ecr:*"}}}
"""

from scanner.exposure import public
from scanner.rule import Undecided, Violation


def check(repository, model, parameters):
    answer, which = public(repository["RepositoryPolicyText"])
    whose = f"The policy of repository '{repository.name}'"
    if answer:
        yield Violation(
            f"{whose} lets everybody in: {which} allows all principals; named ones were expected.",
            "/RepositoryPolicyText",
        )
    elif answer is None:
        yield Undecided(f"{whose} cannot be decided: {which}.", "/RepositoryPolicyText")
