"""
title: No part of a registry is declared twice
severity: high
resource: AWS::ECR::Registry
rationale: |
  An account has one registry in a Region, and the registry one replication configuration, one policy and one scanning
  configuration. Each declaration of one stands for the whole of it: to apply it replaces what the other declaration
  wrote, with all its rules. Which one is in force depends on what was deployed last, and the standby loses its copies,
  or the right to receive them, on a day on which nobody touched the code for it.
remediation: |
  Keep one declaration for each account and Region, in the stack or root module that owns the registry, and move the
  rules or statements of the others into it. In Terraform take the other out of the state without destroying what it
  stands for:

      removed {
        from = aws_ecr_replication_configuration.other
        lifecycle { destroy = false }
      }

  In CloudFormation give the resource `DeletionPolicy: Retain` before it leaves the template.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutReplicationConfiguration.html
  - https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-replicationconfiguration.html
  - https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-registrypolicy.html
controls:
  nist-800-53: [CM-2]
traps:
  - One declaration for each Region of one account is what both registries need, and no duplicate.
  - Creation templates and rules of pull through caches are many in a registry; only what it has once counts.
  - One root module in two environments declares nothing twice; where the configuration says that both are for one account and Region, one of them may be elsewhere, so it is undecided.
  - A declaration behind a condition or a count that is not known may not be there beside the other, so it is undecided.
  - Where nothing says which account and Region a declaration is for, it may be the same registry as another's, so it is undecided.
  - An account shows what was applied last, and not that something else will replace it, so the code is judged, also of a registry that an account shows.
examples:
  pass:
    - Resources: &once
        rules: &rules {Type: AWS::ECR::ReplicationConfiguration, Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}}}
        policy: {Type: AWS::ECR::RegistryPolicy, Properties: {PolicyText: {Version: "2012-10-17", Statement: []}}}
        scanning: {Type: AWS::ECR::RegistryScanningConfiguration, Properties: {ScanType: BASIC}}
    - Resources:  # one for each Region, and one for another account
        rules: *rules
        back: {Type: AWS::ECR::ReplicationConfiguration, Region: us-west-2, Properties: {ReplicationConfiguration: {Rules: []}}}
        other: {Type: AWS::ECR::ReplicationConfiguration, Account: "444455556666", Properties: {ReplicationConfiguration: {Rules: []}}}
    - Resources:  # there may be many of these
        one: {Type: AWS::ECR::RepositoryCreationTemplate, Properties: {Prefix: prod, AppliedFor: [REPLICATION]}}
        two: {Type: AWS::ECR::RepositoryCreationTemplate, Properties: {Prefix: ROOT, AppliedFor: [REPLICATION]}}
    - ConflictingDeclarations: []
    - Resources:  # what has no place declares another part
        rules: *rules
        somewhere: {Type: AWS::ECR::RegistryPolicy, Region: null, Properties: {PolicyText: {Version: "2012-10-17", Statement: []}}}
    - Resources:  # of two unknown places only one is of this account, and one declares another part
        rules: &nowhere {Type: AWS::ECR::ReplicationConfiguration, Region: null, Properties: {ReplicationConfiguration: {Rules: []}}}
        other: {Type: AWS::ECR::ReplicationConfiguration, Account: "444455556666", Region: null, Properties: {ReplicationConfiguration: {Rules: []}}}
        policy: {Type: AWS::ECR::RegistryPolicy, Account: null, Properties: {PolicyText: {Version: "2012-10-17", Statement: []}}}
  fail:
    - Resources:
        rules: *rules
        again: {Type: AWS::ECR::ReplicationConfiguration, Properties: {ReplicationConfiguration: {Rules: []}}}
    - Resources:  # alike or not, two of them are two
        policy: &policy {Type: AWS::ECR::RegistryPolicy, Properties: {PolicyText: {Version: "2012-10-17", Statement: []}}}
        again: *policy
        third: *policy
    - Resources:
        rules: *rules
        scanning: {Type: AWS::ECR::RegistryScanningConfiguration, Properties: {ScanType: BASIC}}
        again: {Type: AWS::ECR::RegistryScanningConfiguration, Properties: {ScanType: ENHANCED}}
  unknown:
    - ConflictingDeclarations: [{Property: PolicyText, Places: ["a.tf:3"], Certain: {Unknown: they may be for deployments of which no account has both}}]
    - Resources:  # it is there or not
        rules: *rules
        again: {Type: AWS::ECR::ReplicationConfiguration, Properties: {Unknown: "condition 'IsPrimary' is not known"}}
    - Resources: {rules: *nowhere, again: *nowhere}
    - Resources: {rules: *rules, again: *nowhere}  # it may be for the same registry
    - Resources:  # of the same account, in a Region that nothing says; and of the same Region, in an account
        rules: {Type: AWS::ECR::ReplicationConfiguration, Region: null, Properties: {ReplicationConfiguration: {Rules: []}}}
        again: {Type: AWS::ECR::ReplicationConfiguration, Account: null, Properties: {ReplicationConfiguration: {Rules: []}}}
    - Resources: *once
      Gaps: [{Reason: ParseError, Type: null, Path: infra/other.yaml}]
    - ConflictingDeclarations: {Unknown: a template was not read}
"""

from scanner.model import InsufficientData
from scanner.replication import is_one_declaration
from scanner.rule import NotApplicable, Undecided, Violation

REGISTRY = "AWS::ECR::Registry"
PARTS = {
    "ReplicationConfiguration": "replication configuration",
    "PolicyText": "policy",
    "ScanningConfiguration": "scanning configuration",
}


def check(subject, model, parameters):
    registry = subject if subject.locations else code_of(subject, model)
    if registry is None:
        yield NotApplicable("No code that was read is for it.")
        return
    found = registry["ConflictingDeclarations"] or ()
    for conflict in found:
        name = conflict["Property"]
        places = " and ".join(f"'{place}'" for place in conflict["Places"])
        declared = f"The {PARTS[name]} of registry '{registry.id}' is declared more than once, in {places}"
        try:
            conflict["Certain"]
        except InsufficientData as gap:
            yield Undecided(f"{declared}, and whether both are applied is not known: {gap}.", f"/{name}")
            continue
        yield Violation(
            f"{declared}; what is applied last replaces the other, so one declaration was expected.", f"/{name}"
        )
    if not found:
        yield from doubts(registry, model)


def code_of(subject, model):
    """Return what code makes of a registry that an account shows, None if no code that was read is for it."""
    try:
        return model.declared(REGISTRY, "registry", subject.place)
    except InsufficientData:
        return None


def doubts(registry, model):
    """Yield what else code may declare of the same registry."""
    known = None not in (registry.account, registry.region)
    others = model.in_place(REGISTRY, registry.place) if known else model.of_type(REGISTRY)
    for other in (one for one in others if may_be(one, registry) and not is_one_declaration(one, registry)):
        for name in (name for name in PARTS if f"/{name}" in other.locations and f"/{name}" in registry.locations):
            yield Undecided(
                f"The {PARTS[name]} of '{other.id}' may be for registry '{registry.id}' too; say under 'iac:' in "
                "regionproof.yaml what each is for.",
                f"/{name}",
            )
    if gap := model.hidden(REGISTRY, registry.place if known else None):
        yield Undecided(f"Code that was not read may declare parts of registry '{registry.id}' again: {gap}.")


def may_be(one, other):
    """Tell whether two registries may be one: what is known of where they are is the same."""
    return all(None in sides or len(sides) == 1 for sides in ({one.account, other.account}, {one.region, other.region}))
