r"""
title: The standby signs what is pushed to it where the primary does
severity: medium
resource: AWS::ECR::Registry
across: standby
needs: [AWS::ECR::Repository]
rationale: |
  ECR signs images on push by the registry's signing configuration, which is not replicated, with a profile of AWS
  Signer that has to be of the registry's own Region. A standby that is pushed to on its own would hold unsigned images,
  and admission that verifies signatures would refuse them.
remediation: |
  Make a signing profile in the standby's Region and a signing configuration that names it:

      aws signer put-signing-profile --region <standby> --profile-name <name> --platform-id Notation-OCI-SHA384-ECDSA
      aws ecr put-signing-configuration --region <standby> --signing-configuration \
        '{"rules":[{"signingProfileArn":"<profile of the standby>"}]}'

  In CloudFormation `AWS::Signer::SigningProfile` and `AWS::ECR::SigningConfiguration`; in Terraform the profile is an
  `aws_signer_signing_profile`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/managed-signing.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-signing.html
controls:
  nist-800-53: [SI-7]
traps:
  - Signatures are referrers and replicate with their images, so a standby that only receives copies need not sign.
  - A rule of the standby may be about some repositories alone, so each that the primary signs is looked for among them.
  - A profile of another Region cannot sign in the standby, so a rule that names one counts for nothing.
examples:
  pass:
    - Resources:
        east: &signs
          Type: AWS::ECR::Registry
          Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/release"}]}}
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release"}]}}
      Pairs: &both [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources:  # other filters, the same repositories
        east: {Type: AWS::ECR::Registry, Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/release", RepositoryFilters: [{Filter: "shop/*", FilterType: WILDCARD_MATCH}]}]}}}
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release", RepositoryFilters: [{Filter: "s*", FilterType: WILDCARD_MATCH}]}]}}
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        other: {Type: AWS::ECR::Repository, Properties: {RepositoryName: test/web}}
        away: {Type: AWS::ECR::Repository, Region: eu-west-1, Properties: {RepositoryName: shop/away}}
      Pairs: *both
  fail:
    - Resources: &unsigned
        east: *signs
        west: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {SigningConfiguration: null}}
      Pairs: *both
    - Resources: *unsigned  # pipelines push to both, so nothing brings the signatures
      Pairs: &pushed [{primary: us-east-1, standby: us-west-2, dr_class: pilot-light, image_distribution: dual-push}]
    - Resources:  # the profiles are of another Region
        east: {Type: AWS::ECR::Registry, Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release"}]}}}
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release"}]}}
      Pairs: *both
    - Resources:  # what is signed in the primary is not among what the standby signs
        east: {Type: AWS::ECR::Registry, Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/release"}]}}}
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release", RepositoryFilters: [{Filter: "test/*", FilterType: WILDCARD_MATCH}]}]}}
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Pairs: *pushed
    - Resources:  # the rule that signs it in the standby is of another Region
        east: {Type: AWS::ECR::Registry, Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/release", RepositoryFilters: [{Filter: "shop/*", FilterType: WILDCARD_MATCH}]}]}}}
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            SigningConfiguration:
              Rules:
                - {SigningProfileArn: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/release"}
                - {SigningProfileArn: "arn:aws:signer:us-west-2:111122223333:/signing-profiles/test", RepositoryFilters: [{Filter: "test/*", FilterType: WILDCARD_MATCH}]}
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Pairs: *pushed
  unknown:
    - Resources:  # other repositories may exist that only the primary signs
        east: *signs
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release", RepositoryFilters: [{Filter: "test/*", FilterType: WILDCARD_MATCH}]}]}}
      Pairs: *pushed
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
    - Resources:
        east: *signs
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release", RepositoryFilters: [{Filter: "test", FilterType: NOVEL}]}]}}
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
      Pairs: *pushed
    - Resources:
        east: *signs
        west: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {SigningConfiguration: {Unknown: "ecr:GetSigningConfiguration was denied"}}}
      Pairs: *both
    - Resources: {east: *signs}
      Pairs: *both
  not_applicable:
    - Resources:  # the standby receives copies, signatures among them
        east: *signs
        west: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {SigningConfiguration: null}}
    - Resources:
        east: {Type: AWS::ECR::Registry, Properties: {SigningConfiguration: null}}
        west: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {SigningConfiguration: null}}
      Pairs: *both
"""

from fnmatch import fnmatchcase

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Violation


def check(twin, model, parameters):
    standby = twin.pair.standby
    if twin.pair.dr_class != "active-active" and twin.pair.image_distribution != "dual-push":
        yield NotApplicable("Images reach the standby by replication, and their signatures with them.")
        return
    here = rules_of(twin.primary)
    if not here:
        yield NotApplicable("The primary's registry signs nothing.")
        return
    if twin.standby is None:
        raise InsufficientData(f"the registry of '{standby}' was not seen")
    there = rules_of(twin.standby)
    yield Evidence(profiles=sorted(str(rule["SigningProfileArn"]) for rule in there))
    usable = [rule for rule in there if rule["SigningProfileArn"].split(":")[3] == standby.region]
    expected = f"a signing configuration with a profile of '{standby.region}' was expected"
    if not usable:
        yield Violation(
            f"The registry of '{twin.primary.place}' signs images and that of '{standby}' does not; {expected}.",
            "/SigningConfiguration",
        )
    elif left := unsigned(here, usable, twin.primary.place, model):
        yield Violation(
            f"The registry of '{twin.primary.place}' signs images that the one of '{standby}' does not, of '{left[0]}' "
            f"({len(left)} in all); {expected}.",
            "/SigningConfiguration",
        )


def rules_of(registry):
    return (registry["SigningConfiguration"] or {}).get("Rules") or ()


def unsigned(here, there, place, model):
    """Return the repositories of the primary that its rules sign and those of the standby would not."""
    if not all(rule["RepositoryFilters"] for rule in there):
        return []
    found = [one.name for one in model.in_place("AWS::ECR::Repository", place) if (one.account, one.region) == place]
    left = [name for name in found if name and signs(here, name) and not signs(there, name)]
    if not left and (gap := model.hidden("AWS::ECR::Repository", place)):
        raise InsufficientData(f"repositories that only the primary signs may exist unseen: {gap}")
    return sorted(left)


def signs(rules, name):
    """Tell whether one of some signing rules is about a repository; one without filters is about all."""
    return any(not rule["RepositoryFilters"] or covers(rule["RepositoryFilters"], name) for rule in rules)


def covers(filters, name):
    for one in filters:
        if one["FilterType"] not in (None, "WILDCARD_MATCH"):
            raise InsufficientData(f"signing filters of type '{one['FilterType']}' are not understood")
    return any(fnmatchcase(name, one["Filter"]) for one in filters)
