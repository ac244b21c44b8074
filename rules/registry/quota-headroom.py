"""
title: The registries stay clear of the quotas of ECR
severity: medium
resource: AWS::ECR::Registry
needs: [AWS::ECR::Repository, AWS::ECR::Image, AWS::ServiceQuotas::Quota]
across: standby
parameters:
  share:
    description: So many percent of a quota may be used.
    type: integer
    minimum: 1
    maximum: 100
    default: 80
rationale: |
  A registry takes 25 replication rules, 25 destinations over all rules and 100 filters in a rule; AWS raises none of
  them. The standby takes 100,000 repositories, and each repository 100,000 images, unless AWS raised that: in the primary
  alone, as often as not, for quotas are Regional. At a quota, nothing new is replicated, and a configuration that goes
  beyond one is refused as a whole: none of its rules comes into force.
remediation: |
  Merge replication rules with the same destinations, or shorten filters to a common prefix. For repositories and images,
  ask for the primary's quotas in the standby too, and give its repositories a lifecycle policy.

      aws service-quotas request-service-quota-increase --region <standby> --service-code ecr --quota-code L-CFEB8E8D --desired-value <repositories>
      aws service-quotas request-service-quota-increase --region <standby> --service-code ecr --quota-code L-03A36CE1 --desired-value <images>

  In Terraform: `aws_servicequotas_service_quota`. Its provider accepted no more than 10 replication rules for long; there,
  merge rules earlier.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
traps:
  - Signatures, SBOMs and the images that an index lists count as images too, so every digest of a repository is counted.
  - Destinations count once over all rules, not once for each rule that names them.
  - The quotas that were raised in the primary are not those of the standby, whose own are read.
  - Terraform's provider refused more than 10 replication rules for long; that is no quota of AWS, whose own of 25 counts.
  - To come near a quota is a low failure; a configuration beyond one is refused by AWS, and that counts in full.
  - Files alone show no quota and no images, so only the replication rules in them are counted.
examples:
  pass:
    - ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
    - ReplicationConfiguration:  # 20 of 25 rules: exactly 80 percent, and one destination
        Rules: &twenty [&one {Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one]
    - ReplicationConfiguration:  # 4 of 100 filters, 2 of 25 destinations
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}, {Region: us-west-2, RegistryId: "444455556666"}]
            RepositoryFilters: [{Filter: aa/}, {Filter: bb/}, {Filter: cc/}, {Filter: dd/}]
      Parameters: {share: 8}
    - Resources: &four-of-five  # exactly 80 percent
        registry: &source {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: []}}}
        r1: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/1}}
        r2: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/2}}
        r3: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/3}}
        r4: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/4}}
        elsewhere: {Type: AWS::ECR::Repository, Properties: {RepositoryName: a/1}}
        repositories: &five {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: ecr, QuotaCode: L-CFEB8E8D, Value: 5}}
        raised: {Type: AWS::ServiceQuotas::Quota, Properties: {ServiceCode: ecr, QuotaCode: L-CFEB8E8D, Value: 1}}
    - Resources: &images-of-five
        registry: *source
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
        api: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/api}}
        images: {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: ecr, QuotaCode: L-03A36CE1, Value: 5}}
      Images: &four-images
        - {Repository: shop/api, Digest: other, Region: us-west-2}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
        - {Repository: shop/web, Digest: second, Region: us-west-2}
        - {Repository: shop/web, Digest: third, Region: us-west-2}
        - &signature {Repository: shop/web, Digest: first.sig, Subject: first, Region: us-west-2}
    - Resources: *images-of-five  # no account was asked for the images
  fail:
    - ReplicationConfiguration:  # 21 rules
        Rules: [*one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one]
    - ReplicationConfiguration:  # 25 rules: all that there are
        Rules: [*one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one]
    - ReplicationConfiguration:  # 26 rules, which AWS refuses
        Rules: [*one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one, *one]
    - ReplicationConfiguration:  # 2 rules are 8 percent, 3 destinations 12, 4 filters 4
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}, {Region: us-west-2, RegistryId: "444455556666"}]
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}, {Region: eu-west-1, RegistryId: "111122223333"}]
      Parameters: {share: 11}
    - ReplicationConfiguration:  # 1 rule, 1 destination, 5 filters
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
            RepositoryFilters: [{Filter: aa/}, {Filter: bb/}, {Filter: cc/}, {Filter: dd/}, {Filter: ee/}]
      Parameters: {share: 4}
    - Resources:
        registry: *source
        r1: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/1}}
        r2: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/2}}
        r3: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/3}}
        r4: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/4}}
        r5: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: a/5}}
        repositories: *five
    - Resources: *images-of-five  # signatures count
      Images:
        - {Repository: shop/api, Digest: other, Region: us-west-2}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
        - {Repository: shop/web, Digest: second, Region: us-west-2}
        - {Repository: shop/web, Digest: third, Region: us-west-2}
        - *signature
        - {Repository: shop/web, Digest: second.sig, Subject: second, Region: us-west-2}
  unknown:
    - ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}
    - Resources: *four-of-five
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources:
        registry: *source
        repositories:
          Type: AWS::ServiceQuotas::Quota
          Region: us-west-2
          Properties: {ServiceCode: ecr, QuotaCode: L-CFEB8E8D, Value: {Unknown: "service-quotas:ListServiceQuotas was denied"}}
    - Resources:
        registry: *source
        repositories: {Type: AWS::ServiceQuotas::Quota, Region: us-west-2, Properties: {ServiceCode: ecr, QuotaCode: L-CFEB8E8D, Value: null}}
    - Resources: {registry: *source}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ServiceQuotas::Quota", Operation: "service-quotas:ListServiceQuotas", Region: us-west-2}]
    - Resources: *images-of-five
      Images: [{Repository: shop/web, Region: us-west-2, Incomplete: "page 2 of ecr:DescribeImages was throttled"}, {Repository: shop/api, Region: us-west-2}]
  not_applicable:
    - Resources: {registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {ReplicationConfiguration: {Rules: [*one]}}}}
"""

from scanner.images import RepositoryKey
from scanner.model import InsufficientData
from scanner.replication import destinations_of, filters_of, repositories_in, repositories_of, rules_of
from scanner.rule import Evidence, Undecided, Violation

# Not adjustable: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
RULES, DESTINATIONS, FILTERS = 25, 25, 100
REPOSITORIES, IMAGES = "L-CFEB8E8D", "L-03A36CE1"


def check(twin, model, parameters):
    used_of = {}
    for measure in (replication_rules, destinations, filters, repositories, images):
        try:
            found = measure(twin, model)
        except InsufficientData as gap:
            yield Undecided(f"How much of a quota is used cannot be told: {gap}.")
            continue
        for what, used, quota in found:
            used_of[what] = f"{used} of {quota:.12g}"
            if used * 100 > quota * parameters["share"]:
                expected = f"at most '{parameters['share']}' percent was expected"
                refused = " AWS refuses more than there are." if used > quota else ""
                yield Violation(
                    f"In use are {used} of {quota:.12g} {what}; {expected}.{refused}",
                    severity=None if refused else "low",
                )
    yield Evidence(used=used_of)


def replication_rules(twin, model):
    return [(f"replication rules of registry '{twin.primary.place}'", len(rules_of(twin.primary)), RULES)]


def destinations(twin, model):
    found = {place for rule in rules_of(twin.primary) for place in destinations_of(rule)}
    return [(f"replication destinations of registry '{twin.primary.place}'", len(found), DESTINATIONS)]


def filters(twin, model):
    most = max((len(filters_of(rule)) for rule in rules_of(twin.primary)), default=0)
    return [(f"filters of a replication rule of registry '{twin.primary.place}'", most, FILTERS)]


def repositories(twin, model):
    standby = twin.pair.standby
    allowed = quota(REPOSITORIES, standby, model)
    if allowed is None:
        return []
    names = repositories_in(standby, model)
    if gap := model.hidden("AWS::ECR::Repository", standby):
        raise InsufficientData(str(gap))
    return [(f"repositories of registry '{standby}'", len(names), allowed)]


def images(twin, model):
    """Return the fullest repository of the standby; one of a file alone, which names no images, is left out."""
    standby = twin.pair.standby
    allowed = quota(IMAGES, standby, model)
    if allowed is None:
        return []
    counts = []
    for repository in repositories_of(standby, model):
        key = RepositoryKey.of(standby, repository.name or "")
        if key in model.images or not repository.locations:
            counts.append((model.images.count(key), key.name))
    return [(f"images in repository '{name}' of '{standby}'", used, allowed) for used, name in sorted(counts)[-1:]]


def quota(code, place, model):
    """Return the value of a quota of ECR, None if no account was asked."""
    found = model.find("AWS::ServiceQuotas::Quota", f"ecr/{code}", place)
    if found is not None and found["Value"] is None:
        raise InsufficientData(f"Service Quotas shows no value of quota '{code}' in '{place}'")
    return found["Value"] if found else None
