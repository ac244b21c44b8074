"""
title: Replication filters end where a part of the name ends
severity: low
resource: AWS::ECR::Registry
needs: [AWS::ECR::Repository]
across: standby
when: pair.image_distribution != 'dual-push'
rationale: |
  A replication filter is a plain prefix of the repository's name, not a path: `prod` also covers `production/web` and
  `prod-old/web`. The prefix of a repository creation template is one of whole segments, so the same word means fewer
  repositories there. A filter that ends in a slash means the same in both places and copies no more than was meant.
remediation: |
  End the filter with a slash, and name the repositories outside that folder in filters of their own. Leave it as it is
  if a repository has exactly that name: with a slash the filter would not cover it.

      aws ecr describe-registry --region <primary> --query replicationConfiguration > replication.json
      # {"filter": "prod/", "filterType": "PREFIX_MATCH"} instead of {"filter": "prod", ...}
      aws ecr put-replication-configuration --region <primary> --replication-configuration file://replication.json

  In CloudFormation: `RepositoryFilters` of the rule in `AWS::ECR::ReplicationConfiguration`; in Terraform:
  `repository_filter` of `aws_ecr_replication_configuration`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-settings-examples.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
controls:
  nist-800-53: [CM-6]
traps:
  - A filter that ends in a hyphen, a dot or an underscore (`team-`) means a family of names and is left as it is.
  - ECR has no exact filter, so one that is the whole name of a repository cannot be written better, whatever else it covers.
  - Without filters a rule covers every repository, which is clear enough.
  - A repository that was not seen may be the one that a filter names exactly, so such a filter is unknown and not bad; so is one in code that is no folder of what the code declares.
examples:
  pass:
    - ReplicationConfiguration:
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
            RepositoryFilters: [{Filter: prod/, FilterType: PREFIX_MATCH}]
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}  # no filters
    - Resources:  # families of names
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules:
                - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
                  RepositoryFilters: [{Filter: team-}, {Filter: lib.}, {Filter: x_}]
        api: {Type: AWS::ECR::Repository, Properties: {RepositoryName: team-a/api}}
    - Resources: &exact  # the name of a repository, although another one begins with it
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules:
                - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
                  RepositoryFilters: [{Filter: prod/web}]
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: prod/web}}
        worker: {Type: AWS::ECR::Repository, Properties: {RepositoryName: prod/web-worker}}
    - Resources: *exact  # what was seen is enough
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
    - Resources:  # the vague filter belongs to a rule for another Region
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules:
                - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
                - Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}]
                  RepositoryFilters: [{Filter: prod}]
  fail:
    - Resources:  # it covers more than the folder
        registry: &vague
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules:
                - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
                  RepositoryFilters: [{Filter: base/}, {Filter: prod}]
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: prod/web}}
        other: {Type: AWS::ECR::Repository, Properties: {RepositoryName: production/web}}
    - Resources:  # so far nothing else begins with it
        registry: *vague
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: prod/web}}
    - Resources:  # the repository of that name is in another Region
        registry: *vague
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: prod/web}}
        prod: {Type: AWS::ECR::Repository, Region: eu-west-1, Properties: {RepositoryName: prod}}
  unknown:
    - Resources:  # the code declares nothing in such a folder, and other code may declare a repository of that name
        registry: *vague
        other: {Type: AWS::ECR::Repository, Properties: {RepositoryName: production/web}}
    - Resources:
        registry: *vague
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: prod/web}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
    - ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}
    - ReplicationConfiguration:  # a kind of filter that came later
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
            RepositoryFilters: [{Filter: prod, FilterType: SUFFIX_MATCH}]
  not_applicable:
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}], RepositoryFilters: [{Filter: prod}]}]}
    - Resources: {registry: *vague}
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
"""

from scanner.replication import filters_of, repositories_in, rules_of, sends_to
from scanner.rule import NotApplicable, Undecided, Violation
from scanner.workloads import undeclared_at_most

ENDS = ("/", "-", "_", ".")
"""What ends a part of a name: a folder, or the common beginning of a family."""


def check(twin, model, parameters):
    place, standby = twin.primary.place, twin.pair.standby
    sending = [(number, rule) for number, rule in enumerate(rules_of(twin.primary)) if sends_to(rule, standby)]
    if not sending:
        yield NotApplicable(f"No replication rule names '{standby}'.")
        return
    vague = [
        (number, position, prefix)
        for number, rule in sending
        for position, prefix in enumerate(filters_of(rule))
        if not prefix.endswith(ENDS)
    ]
    names = repositories_in(place, model) if vague else []
    for number, position, prefix in vague:
        if prefix in names:
            continue
        at = f"/ReplicationConfiguration/Rules/{number}/RepositoryFilters/{position}/Filter"
        if gap := model.hidden("AWS::ECR::Repository", place):
            yield Undecided(f"Filter '{prefix}' may be the name of a repository that was not seen: {gap}.", at)
            continue
        is_folder = any(name.startswith(f"{prefix}/") for name in names)
        if not is_folder and undeclared_at_most(twin.primary, model):  # with a slash it would leave that one out
            yield Undecided(f"Filter '{prefix}' may be the name of a repository that no scanned file declares.", at)
            continue
        others = [name for name in names if name.startswith(prefix) and not name.startswith(f"{prefix}/")]
        covered = "would also cover" if not others else f"also covers other repositories ('{len(others)}'), such as"
        yield Violation(
            f"Filter '{prefix}' of replication rule '{number + 1}' of registry '{place}' {covered} "
            f"'{others[0] if others else f'{prefix}-x'}', which is not in '{prefix}/'; '{prefix}/' was expected.",
            at,
        )
