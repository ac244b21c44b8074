"""
title: Every replication rule copies what it seems to copy
severity: high
resource: AWS::ECR::Registry
needs: [AWS::ECR::Repository]
rationale: |
  A replication rule that copies nothing looks like one that works. A filter is a plain prefix and knows no wildcards:
  `prod/*` is the beginning of no name, because no name holds an asterisk, and ECR refuses it when it is applied. A rule
  whose only destination is its own registry sends images to where they are.
remediation: |
  Write the beginning of the names, without a wildcard; leave the filters out to copy everything.

      aws ecr describe-registry --region <primary> --query replicationConfiguration > replication.json
      # {"filter": "prod/", "filterType": "PREFIX_MATCH"} instead of {"filter": "prod/*", ...}
      aws ecr put-replication-configuration --region <primary> --replication-configuration file://replication.json

  In CloudFormation: `Rules` of `AWS::ECR::ReplicationConfiguration`; in Terraform: `rule` of
  `aws_ecr_replication_configuration`. Where one template is deployed to both Regions, let a condition, or a variable for
  the other Region, decide the destination.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_RepositoryFilter.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-settings-examples.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
controls:
  nist-800-53: [CM-6]
traps:
  - A filter is a prefix already, so `prod/` means what people write `prod/*` for, and a filter without a wildcard is no exact name.
  - A filter of code that fits no repository of the code may be for one that is created elsewhere; only where the account showed all its repositories it is idle.
  - A destination in the registry's own Region is another registry if it is of another account.
  - A registry that names itself beside others copies to the others all the same, so that is a low failure.
  - An account that is not known matters only for a destination in the registry's own Region.
  - How many rules, destinations and filters there are is registry-quota-headroom's affair, and whether a filter says too much registry-filters-end-at-a-segment's.
examples:
  pass:
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules:
                - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}, {Region: us-east-1, RegistryId: "444455556666"}]
                  RepositoryFilters: [{Filter: prod/}, {Filter: team-}, {Filter: ab}]
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: prod/web}}
        api: {Type: AWS::ECR::Repository, Properties: {RepositoryName: team-a/api}}
        other: {Type: AWS::ECR::Repository, Properties: {RepositoryName: abc}}
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}  # no filters: everything
    - Resources:  # the Region is another, whatever the account
        registry: {Type: AWS::ECR::Registry, Account: null, Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: {Ref: "AWS::AccountId"}}]}]}}}
  fail:
    - ReplicationConfiguration: {Rules: [{Destinations: &standby [{Region: us-west-2, RegistryId: "111122223333"}], RepositoryFilters: [{Filter: "prod/*"}]}]}
    - ReplicationConfiguration: {Rules: [{Destinations: *standby}, {Destinations: *standby, RepositoryFilters: [{Filter: prod/}, {Filter: "*"}]}]}
    - ReplicationConfiguration: {Rules: [{Destinations: *standby, RepositoryFilters: [{Filter: a}]}]}  # ECR takes no fewer than two characters
    - ReplicationConfiguration: {Rules: [{Destinations: *standby, RepositoryFilters: [{Filter: /prod}]}]}  # names begin with no slash
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-east-1, RegistryId: "111122223333"}]}]}  # to itself
    - ReplicationConfiguration: {Rules: [{Destinations: []}]}
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-east-1, RegistryId: "111122223333"}, {Region: us-west-2, RegistryId: "111122223333"}]}]}  # to itself, too
    - ReplicationConfiguration: {Rules: [{Destinations: *standby, RepositoryFilters: [{Filter: "Prod/"}]}]}  # no name has capitals
  unknown:
    - ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: {Ref: Standby}, RegistryId: "111122223333"}]}]}
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-east-1, RegistryId: {Ref: Account}}]}]}
    - ReplicationConfiguration: {Rules: [{Destinations: *standby, RepositoryFilters: [{Filter: {Ref: Prefix}}]}]}
    - ReplicationConfiguration: {Rules: [{Destinations: *standby, RepositoryFilters: [{Filter: prod, FilterType: SUFFIX_MATCH}]}]}
    - Resources:  # the account is not known, and may be that of the registry
        registry: {Type: AWS::ECR::Registry, Account: null, Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-east-1, RegistryId: "111122223333"}]}]}}}
    - Resources:
        registry: {Type: AWS::ECR::Registry, Region: null, Properties: {ReplicationConfiguration: {Rules: [{Destinations: *standby}]}}}
  not_applicable:
    - ReplicationConfiguration: {Rules: []}
"""

import re

from scanner.model import InsufficientData, Place
from scanner.replication import filters_of, idle_filters, is_filter, rules_of
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

FOREIGN = re.compile(r"[^a-z0-9._/-]")
"""What is in no name of a repository."""


def check(registry, model, parameters):
    rules = rules_of(registry)
    if not rules:
        yield NotApplicable("It has no replication rules.")
        return
    for number, rule in enumerate(rules):
        for judge in (destinations, filters):
            try:
                yield from judge(registry, rule, number)
            except InsufficientData as gap:
                yield Undecided(f"Whether {called(registry, number)} copies anything is not known: {gap}.", at(number))
    try:
        yield from idle(registry, model)
    except InsufficientData as gap:
        yield Undecided(f"Whether the filters of registry '{registry.id}' cover a repository is not known: {gap}.")


def idle(registry, model):
    """Yield the filters that are the beginning of no name, where an account showed them all."""
    found = idle_filters(registry, model)
    yield Evidence(rules=len(rules_of(registry)), idle_filters=found)
    for prefix in found:
        yield Violation(
            f"No repository of registry '{registry.id}' has a name that begins with filter '{prefix}' of its replication "
            "rules, so it copies nothing; at least one was expected.",
            "/ReplicationConfiguration/Rules",
            severity="low",
        )


def destinations(registry, rule, number):
    """Yield what is wrong with where a rule copies to."""
    itself = [is_itself(item, registry) for item in rule.get("Destinations") or ()]
    where = f"{at(number)}/Destinations"
    if not itself:
        yield Violation(f"No destination is named by {called(registry, number)}; one was expected.", where)
    elif all(itself):
        yield Violation(
            f"The only destination of {called(registry, number)} is the registry itself, where the images are; another was "
            "expected.",
            where,
        )
    elif any(itself):
        yield Violation(
            f"Among the destinations of {called(registry, number)} is the registry itself, where the images are; only others "
            "were expected.",
            where,
            severity="low",
        )


def is_itself(destination, registry):
    """Tell whether a destination is the registry that copies."""
    region = destination.get("Region")
    if registry.region is not None and region != registry.region:
        return False
    return Place(destination.get("RegistryId"), region) == registry.place


def filters(registry, rule, number):
    """Yield the filters of a rule that no name can begin with."""
    for position, prefix in enumerate(filters_of(rule)):
        if is_filter(prefix):
            continue
        foreign = FOREIGN.search(prefix)
        why = f"no name holds '{foreign[0]}'" if foreign else "ECR takes 2 to 256 characters that a name can begin with"
        meant = prefix[: foreign.start()] if foreign else ""
        expected = f"'{meant}'" if is_filter(meant) else "the beginning of a name"
        yield Violation(
            f"Filter '{prefix}' of {called(registry, number)} covers no repository: it is a plain prefix, and "
            f"{why}; {expected} was expected.",
            f"{at(number)}/RepositoryFilters/{position}/Filter",
        )


def called(registry, number):
    return f"replication rule '{number + 1}' of registry '{registry.id}'"


def at(number):
    return f"/ReplicationConfiguration/Rules/{number}"
