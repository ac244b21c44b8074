"""
title: No repository depends on replication in two hops
severity: high
resource: AWS::ECR::Registry
needs: [AWS::ECR::Repository, AWS::ECR::Image]
across: standby
when: pair.image_distribution != 'dual-push'
parameters:
  grace:
    description: A younger image may still be on its way, and is not missing yet.
    type: string
    format: duration
    default: 30m
rationale: |
  ECR copies an image once, by the rules of the registry that it was pushed to. What arrives as a replica is not sent on:
  a rule from A to B and one from B to C never bring an image of A to C. On paper such a chain looks complete, and the
  standby stays empty.
remediation: |
  Add a rule from the primary straight to the standby; then copy what is there already.

      aws ecr describe-registry --region <primary> --query replicationConfiguration > replication.json
      # add {"region": "<standby>", "registryId": "<standby account>"} to the destinations
      aws ecr put-replication-configuration --region <primary> --replication-configuration file://replication.json
      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<standby account>

  In CloudFormation: `Destinations` of `AWS::ECR::ReplicationConfiguration`; in Terraform: `destination` of
  `aws_ecr_replication_configuration`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-backfill.html
controls:
  aws-well-architected: [REL13-BP02]
traps:
  - The second hop may be fed by direct pushes to the registry between, so a chain whose images all are in the standby is no failure.
  - A repository that the primary also sends straight to the standby needs no chain, whatever other registries do with it.
  - The same prefix has to cover the repository in both hops; a rule of the registry between for other names makes no chain.
examples:
  pass:
    - Resources:
        registry: &direct
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}, {Region: eu-west-1, RegistryId: "111122223333"}]}]
        between: &sends-on
          Type: AWS::ECR::Registry
          Region: eu-west-1
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}}
        web: &web {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
    - Resources: &chain-with-images  # every image is in the standby: somebody pushes to the registry between as well
        registry: &detour
          Type: AWS::ECR::Registry
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}]}]}}
        between: *sends-on
        web: *web
        copy: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
      Images:
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
    - Resources: *chain-with-images  # what was pushed minutes ago may still be on its way
      Images:
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Digest: second, PushedAt: "2026-10-31T23:50:00Z"}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
    - Resources:  # the registry between sends other repositories on
        registry: *detour
        between:
          Type: AWS::ECR::Registry
          Region: eu-west-1
          Properties:
            ReplicationConfiguration:
              Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}], RepositoryFilters: [{Filter: base/}]}]
        web: *web
    - Resources:  # the registry between sends it elsewhere
        registry: *detour
        between:
          Type: AWS::ECR::Registry
          Region: eu-west-1
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-east-1, RegistryId: "111122223333"}]}]}}
        web: *web
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
    - Resources: {registry: &simple {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}}}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
  fail:
    - Resources: &chained {registry: *detour, between: *sends-on, web: *web}
    - Resources: *chain-with-images  # nothing has ever arrived
      Images: [{Repository: shop/web, Digest: first, PushedAt: "2026-10-31T23:50:00Z"}, {Repository: shop/web, Region: us-west-2}]
    - Resources: *chained  # nothing was pushed yet
      Images: [{Repository: shop/web}]
    - Resources: *chain-with-images  # the newest image is not there
      Images:
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Digest: second, PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
    - Resources: *chained  # the repository is not in the standby at all
      Images: [{Repository: shop/web, Digest: first}]
    - Resources: *chained
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources:  # over another account
        registry:
          Type: AWS::ECR::Registry
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-east-1, RegistryId: "444455556666"}]}]}}
        between:
          Type: AWS::ECR::Registry
          Account: "444455556666"
          Properties: {ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}}
        web: *web
      Pairs: [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "111122223333", region: us-west-2}}]
  unknown:
    - Resources: {registry: *detour, web: *web}  # the registry between was not looked at
    - Resources: *chain-with-images
      Images:
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Region: us-west-2, Incomplete: "page 2 of ecr:DescribeImages was throttled"}
    - Resources: {registry: *detour, between: *sends-on}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
    - ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}
  not_applicable:
    - Resources: *chained
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
"""

from scanner.images import RepositoryKey
from scanner.model import InsufficientData
from scanner.replication import chains, destinations_of, replicates, repositories_in, rules_of
from scanner.rule import Evidence, Undecided, Violation


def check(twin, model, parameters):
    place, standby, rules = twin.primary.place, twin.pair.standby, rules_of(twin.primary)
    if all(destination == standby for rule in rules for destination in destinations_of(rule)):
        return
    names = [name for name in repositories_in(place, model) if not replicates(rules, name, standby)]
    chained, doubts = {}, []
    for name in names:
        hops = list(chains(twin.primary, name, standby, model))
        found = [hop for hop in hops if not isinstance(hop, InsufficientData)]
        doubts += [f"whether '{name}' takes a detour: {hop}" for hop in hops if isinstance(hop, InsufficientData)]
        try:
            if found and not all_arrived(twin, name, model, model.as_of - parameters["grace"]):
                chained[name] = found[0]
        except InsufficientData as gap:
            doubts.append(f"whether the images of '{name}' arrive all the same: {gap}")
    yield Evidence(not_sent_to_standby=len(names), chained={name: str(hop) for name, hop in chained.items()})

    if chained:
        name = min(chained)
        yield Violation(
            f"Rules lead from '{place}' to '{standby}' only over another registry, '{chained[name]}', for '{name}' "
            f"({len(chained)} in all); a direct rule was expected, since ECR copies an image once.",
            "/ReplicationConfiguration/Rules",
        )
    elif doubts:
        yield Undecided(f"It cannot be told {doubts[0]}.")
    elif gap := model.hidden("AWS::ECR::Repository", place):
        yield Undecided(f"Repositories that take a detour may exist unseen: {gap}.")


def all_arrived(twin, name, model, older_than):
    """Tell whether the standby has every image that is old enough; a file, which names no images, does not say so."""
    primary, standby = RepositoryKey.of(twin.primary.place, name), RepositoryKey.of(twin.pair.standby, name)
    if twin.primary.locations and primary not in model.images:
        return False
    if model.find("AWS::ECR::Repository", name, twin.pair.standby) is None:
        standby = None
    found = model.images.missing(primary, standby, older_than)
    return found.images > found.pending and found.missing == 0
