"""
title: The standby signs what is pushed to it where the primary does
severity: medium
resource: AWS::ECR::Registry
across: standby
rationale: |
  ECR signs images on push by the registry's signing configuration, which is not replicated, with a profile of AWS
  Signer that has to be of the registry's own Region. A standby that is pushed to on its own would hold unsigned images,
  and admission that verifies signatures would refuse them.
remediation: |
  Make a signing profile in the standby's Region and a signing configuration that names it:

      aws signer put-signing-profile --region <standby> --profile-name <name> --platform-id Notation-OCI-SHA384-ECDSA
      aws ecr put-signing-configuration --region <standby> --signing-configuration \
        '{"rules":[{"signingProfileArn":"<profile of the standby>"}]}'

  In CloudFormation `AWS::ECR::SigningConfiguration`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/managed-signing.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-signing.html
controls:
  nist-800-53: [SI-7]
traps:
  - Signatures are referrers and replicate with their images, so a standby that only receives copies need not sign.
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
  fail:
    - Resources: &unsigned
        east: *signs
        west: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {SigningConfiguration: null}}
      Pairs: *both
    - Resources: *unsigned  # pipelines push to both, so nothing brings the signatures
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: pilot-light, image_distribution: dual-push}]
    - Resources:  # the profiles are of another Region
        east: {Type: AWS::ECR::Registry, Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release"}]}}}
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {SigningConfiguration: {Rules: [{SigningProfileArn: "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release"}]}}
      Pairs: *both
  unknown:
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

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Violation


def check(twin, model, parameters):
    standby = twin.pair.standby
    if twin.pair.dr_class != "active-active" and twin.pair.image_distribution != "dual-push":
        yield NotApplicable("Images reach the standby by replication, and their signatures with them.")
        return
    if not profiles(twin.primary):
        yield NotApplicable("The primary's registry signs nothing.")
        return
    if twin.standby is None:
        raise InsufficientData(f"the registry of '{standby}' was not seen")
    found = profiles(twin.standby)
    yield Evidence(profiles=found)
    if not any(arn.split(":")[3] == standby.region for arn in found):
        yield Violation(
            f"The registry of '{twin.primary.place}' signs images and that of '{standby}' does not; a signing "
            f"configuration with a profile of '{standby.region}' was expected.",
            "/SigningConfiguration",
        )


def profiles(registry):
    """Return the ARNs of the signing profiles that a registry uses."""
    rules = (registry["SigningConfiguration"] or {}).get("Rules") or ()
    return sorted(str(rule["SigningProfileArn"]) for rule in rules)
