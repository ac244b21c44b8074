"""
title: Whoever may pull from the primary's repository may pull from the standby's
severity: high
link: policy
resource: AWS::ECR::Repository
across: standby
rationale: |
  Replication does not copy repository policies. Other accounts, and AWS Lambda, pull by the policy of the repository
  alone; a replica that ECR created has none, unless a creation template gave it one. The image is there in the standby,
  and the function or the cluster of the other account is refused.
remediation: |
  Give the standby's repository the policy of the primary's, with the standby's Region in every ARN of its conditions.

      aws ecr get-repository-policy --region <primary> --repository-name <name> --query policyText --output text > policy.json
      # replace the Region in aws:SourceArn and the like
      aws ecr set-repository-policy --region <standby> --repository-name <name> --policy-text file://policy.json

  In CloudFormation: `RepositoryPolicyText` of `AWS::ECR::Repository`, and `RepositoryPolicy` of
  `AWS::ECR::RepositoryCreationTemplate` for repositories to come; in Terraform: `aws_ecr_repository_policy`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
  - https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
controls:
  nist-800-53: [AC-3]
traps:
  - Identities of the repository's own account may pull by their own policies, so those that the policy names are not compared.
  - An account, its number and its root ARN are one and the same principal.
  - A condition on the source ARN is met in the standby by sources of that Region, so a policy copied word for word refuses them.
  - A condition that cannot be worked out is undecided, unless the standby's policy is the primary's with the Region replaced.
  - A condition may list several accounts or organizations; each of them has to be let in.
  - Only a principal that may do both, `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer`, can pull, wherever the statements stand.
examples:
  pass:
    - primary: {}  # no policy
      standby: {}
    - primary: &shared
        RepositoryPolicyText:
          Statement:
            - {Effect: Allow, Principal: {AWS: "arn:aws:iam::444455556666:root"}, Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}
      standby:  # the same account in other words, among others
        RepositoryPolicyText:
          Statement: {Effect: Allow, Principal: {AWS: ["444455556666", "777788889999"]}, Action: "ecr:*"}
    - primary:  # an identity of its own account
        RepositoryPolicyText:
          Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/ci"}, Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}
      standby: {}
    - primary: &lambda
        RepositoryPolicyText:
          Statement:
            - Sid: LambdaECRImageCrossAccountRetrievalPolicy
              Effect: Allow
              Principal: {Service: lambda.amazonaws.com}
              Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
              Condition: {StringLike: {"aws:sourceArn": "arn:aws:lambda:us-east-1:444455556666:function:*"}}
      standby:
        RepositoryPolicyText:
          Statement:
            - Effect: Allow
              Principal: {Service: lambda.amazonaws.com}
              Action: ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
              Condition: {ArnLike: {"aws:SourceArn": "arn:aws:lambda:us-west-2:*:function:*"}}
    - primary: *lambda
      standby: {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*"}}}
    - primary:  # functions of every Region here, those of the standby there
        RepositoryPolicyText:
          Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {ArnLike: {"aws:SourceArn": "arn:aws:lambda:*:444455556666:function"}}}
      standby:
        RepositoryPolicyText:
          Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {ArnLike: {"aws:SourceArn": "arn:aws:lambda:us-west-2:444455556666:*"}}}
    - primary:  # nobody can work out the condition, and it is the same
        RepositoryPolicyText: &by-path
          Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Condition: {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": o-example/*}}}
      standby: {RepositoryPolicyText: *by-path}
    - primary:  # it may not pull in the primary either
        RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: ["ecr:BatchGetImage", "ecr:DescribeImages"]}}
      standby: {}
    - Resources:  # the standby's own account needs no policy there
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web, RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:*"}}}}
        standby: {Type: AWS::ECR::Repository, Account: "444455556666", Region: us-west-2, Properties: {RepositoryName: shop/web}}
      Pairs: [{primary: us-east-1, standby: {account: "444455556666", region: us-west-2}}]
    - Resources:  # functions of the account itself, which in the standby is another one
        primary:
          Type: AWS::ECR::Repository
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {StringEquals: {"aws:SourceAccount": "111122223333"}}}}
        standby:
          Type: AWS::ECR::Repository
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryName: shop/web
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], Condition: {StringEquals: {"aws:SourceAccount": "444455556666"}}}}
      Pairs: [{primary: us-east-1, standby: {account: "444455556666", region: us-west-2}}]
  fail:
    - primary: *shared
      standby: {}
    - primary: *shared
      standby: {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:BatchGetImage"}}}
    - primary: *shared
      standby:
        RepositoryPolicyText:
          Statement:
            - {Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:*"}
            - {Effect: Deny, Principal: "*", Action: "ecr:GetDownloadUrlForLayer"}
    - primary: *lambda
      standby: *lambda  # word for word: the functions of the standby's Region are refused
    - primary: *lambda
      standby: {}
    - primary: {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*"}}}
      standby: {}
    - primary:  # the functions of one account of two were forgotten
        RepositoryPolicyText:
          Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {StringEquals: {"aws:SourceAccount": ["444455556666", "777788889999"]}}}
      standby:
        RepositoryPolicyText:
          Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {StringEquals: {"aws:SourceAccount": ["444455556666"]}}}
    - primary:  # and one organization of two
        RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Condition: {StringEquals: {"aws:PrincipalOrgID": [o-first, o-second]}}}}
      standby: {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Condition: {StringEquals: {"aws:PrincipalOrgID": o-first}}}}}
    - primary: {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {StringEquals: {"aws:SourceAccount": "444455556666"}}}}}
      standby: {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {StringEquals: {"aws:SourceAccount": "777788889999"}}}}}
  unknown:
    - primary: {RepositoryPolicyText: {Unknown: "ecr:GetRepositoryPolicy was denied"}}
      standby: {}
    - primary: *shared
      standby: {RepositoryPolicyText: {Unknown: "ecr:GetRepositoryPolicy was denied"}}
    - primary: *shared
      standby: {RepositoryPolicyText: {Statement: {Effect: Permit, Principal: "*", Action: "ecr:*"}}}
    - primary: {RepositoryPolicyText: {Statement: {Effect: Permit, Principal: "*", Action: "ecr:*"}}}
      standby: *shared
    - primary: {RepositoryPolicyText: *by-path}
      standby: {}
    - primary: {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*"}}}
      standby: *shared  # who of all those pulls is not known
    - primary: *lambda
      standby:  # some functions, and which ones pull is not known
        RepositoryPolicyText:
          Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {ArnLike: {"aws:SourceArn": "arn:aws:lambda:us-west-2:444455556666:function:web-*"}}}
    - primary: *shared
      standby: {RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {AWS: "444455556666"}, Action: "ecr:*", Condition: {Bool: {"aws:SecureTransport": "true"}}}}}
  not_applicable:
    - primary: *shared
      standby: null
"""

from scanner.policy import Decision, decide_all, grants
from scanner.regions import partition_by_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def check(twin, model, parameters):
    if twin.standby is None:
        yield NotApplicable("The repository does not exist in the standby, so it has no policy there.")
        return
    here, there = twin.primary["RepositoryPolicyText"], twin.standby["RepositoryPolicyText"]
    if here is None or moved(here, twin) == there:
        return
    name, primary, standby = twin.primary.name, twin.primary.place, twin.pair.standby
    at = arn(name, standby)
    refused, unclear, pullers = [], {}, 0
    for grant in grants(here, PULL, arn(name, primary)):
        if account_of(grant.principal) in (primary.account, standby.account):
            continue
        pullers += 1
        answer = decide_all(there, grant.principal, PULL, at, conditions(grant, twin))
        if answer.decision is Decision.ALLOWED:
            continue
        if grant.answer.decision is Decision.UNDECIDED:
            unclear[grant.principal] = grant.answer.reasons[0]
        elif answer.decision is Decision.DENIED:
            refused.append(grant.principal)
        else:
            unclear[grant.principal] = answer.reasons[0]
    yield Evidence(pullers=pullers, refused=refused)

    if refused:
        some = ", ".join(f"'{principal}'" for principal in refused[:5])
        yield Violation(
            f"{len(refused)} of {pullers} principals that may pull from repository '{name}' in '{primary}' may not in "
            f"'{standby}', among them {some}; an Allow for each was expected there.",
            "/RepositoryPolicyText",
            (twin.standby,),
        )
    elif unclear:
        principal = min(unclear)
        yield Undecided(
            f"Whether '{principal}' may pull from repository '{name}' in '{standby}' as in the primary cannot be decided: "
            f"{unclear[principal]}.",
            "/RepositoryPolicyText",
        )


def account_of(principal):
    """Return the account of an account id or an IAM ARN, None for a service and for anyone."""
    if principal.startswith("arn:"):
        return principal.split(":")[4]
    return principal if principal.isdecimal() else None


def moved(value, twin):
    """Return a part of a policy as it would be in the standby: the primary's Region and account replaced."""
    if isinstance(value, dict):
        return {key: moved(item, twin) for key, item in value.items()}
    if isinstance(value, list):
        return [moved(item, twin) for item in value]
    if not isinstance(value, str):
        return value
    primary, standby = twin.primary.place, twin.pair.standby
    to = {primary.region: standby.region, primary.account: standby.account}
    return ":".join(to.get(part, part) for part in value.split(":"))


def conditions(grant, twin):
    """Return the values that conditions will see in the standby, where what is true of all Regions is of its own."""
    values = {}
    for key, value in moved(grant.context, twin).items():
        parts = value.split(":")
        if parts[3:4] == ["*"]:
            parts[3] = twin.pair.standby.region
        values[key] = ":".join(parts)
    return values


def arn(name, place):
    return f"arn:{partition_by_name(place.region)[0]}:ecr:{place.region}:{place.account}:repository/{name}"
