r"""
title: Pull through caches that workloads use work in the standby too
severity: medium
resource: AWS::ECR::Registry
needs:
  - AWS::ECR::Image
  - AWS::ECS::Service
  - AWS::ECS::Task
  - AWS::ECS::TaskDefinition
  - AWS::Lambda::Function
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
across: standby
rationale: |
  A pull through cache rule belongs to the registry of one Region. A task definition that names an image under its prefix
  works in the standby only if a rule there has the same prefix and the same upstream, and a credential: the secret has
  to be in the standby's own account and Region. Otherwise the pull fails with an image that does not exist.
remediation: |
  Make the rule in the standby, with a secret of that Region whose name begins with `ecr-pullthroughcache/`.

      aws secretsmanager replicate-secret-to-regions --region <primary> --secret-id <secret> --add-replica-regions Region=<standby>
      aws ecr create-pull-through-cache-rule --region <standby> --ecr-repository-prefix <prefix> \
        --upstream-registry-url <upstream> --credential-arn <secret in the standby>

  In CloudFormation: `AWS::ECR::PullThroughCacheRule`; in Terraform: `aws_ecr_pull_through_cache_rule`. Or replicate the
  cache repositories like any other, so that the standby need not pull from upstream.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-private-wildcards.html
controls:
  aws-well-architected: [REL13-BP04]
traps:
  - Images that are in the standby by digest, because they were replicated or vendored, need no rule there.
  - A rule under whose prefix no workload pulls is not asked for in the standby.
  - A credential of the same name is not enough, for the secret has to be in the standby's own account and Region.
  - Where the upstream is an ECR registry of the primary's Region, that of the same account in the standby's Region is the better one there.
  - A cache of another account's ECR registry needs a role instead of a credential, one of its own account does not.
  - Under the prefix ROOT an image may have been cached or pushed, so what lacks such a rule is unknown.
examples:
  pass:
    - Resources: &hub
        registry: &source
          Type: AWS::ECR::Registry
          Properties:
            PullThroughCacheRules:
              - {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io, CredentialArn: "arn:aws:secretsmanager:us-east-1:111122223333:secret:ecr-pullthroughcache/hub-a1"}
              - {EcrRepositoryPrefix: quay, UpstreamRegistryUrl: quay.io}  # nobody uses it
        target:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties:
            PullThroughCacheRules:
              - {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io, UpstreamRepositoryPrefix: ROOT, CredentialArn: "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/hub-b2"}
        web: &web {Type: AWS::ECS::Service, Properties: {ServiceName: web, ContainerImages: [{ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/hub/library/nginx:1.27, ImageDigest: nginx}]}}
    - Resources:  # no credential on either side, and the upstream is named
        registry: &public {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistry: ecr-public}]}}
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistry: ecr-public, UpstreamRegistryUrl: public.ecr.aws}]}}
        web: *web
    - Resources: &vendored  # the image is there
        registry: *source
        target: &none {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: []}}
        web: *web
        copy: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: hub/library/nginx}}
      Images: [{Repository: hub/library/nginx, Digest: nginx, Region: us-west-2}]
    - Resources: *hub  # what was seen has a rule, and so has what was not
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Task", Operation: "ecs:ListTasks", Region: eu-west-1}]
    - Resources: &regional  # each Region caches the registry of its own, in an account of their own
        registry: &of-ecr {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistry: ecr, UpstreamRegistryUrl: 444455556666.dkr.ecr.us-east-1.amazonaws.com}]}}
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistry: ecr, UpstreamRegistryUrl: 444455556666.dkr.ecr.us-west-2.amazonaws.com}]}}
        web: *web
    - Resources:  # both cache a registry in a third Region
        registry: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [&third {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: 444455556666.dkr.ecr.eu-west-1.amazonaws.com}]}}
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*third]}}
        web: *web
    - Resources:  # a role is needed for another account alone, and IAM is global
        registry: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [&role {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, CustomRoleArn: "arn:aws:iam::111122223333:role/cache"}]}}
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*role]}}
        own: {Type: AWS::ECR::Registry, Account: "444455556666", Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: 444455556666.dkr.ecr.eu-west-1.amazonaws.com}]}}
        web: *web
      Pairs: [{primary: us-east-1, standby: us-west-2}, {primary: us-east-1, standby: {account: "444455556666", region: us-west-2}}]
  fail:
    - Resources:  # the role by which the other account lets it in was forgotten
        registry: &by-role {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistry: ecr, UpstreamRegistryUrl: 444455556666.dkr.ecr.us-east-1.amazonaws.com, CustomRoleArn: "arn:aws:iam::111122223333:role/cache"}]}}
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistry: ecr, UpstreamRegistryUrl: 444455556666.dkr.ecr.us-west-2.amazonaws.com}]}}
        web: *web
    - Resources:  # the registry of another account
        registry: *of-ecr
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: 777788889999.dkr.ecr.us-west-2.amazonaws.com}]}}
        web: *web
    - Resources:  # the primary's is no copy of that of the third Region
        registry: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [*third]}}
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: 444455556666.dkr.ecr.us-west-2.amazonaws.com}]}}
        web: *web
    - Resources:  # nor is that of a third Region
        registry: *of-ecr
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*third]}}
        web: *web
    - Resources: &without {registry: *source, target: *none, web: *web}
    - Resources: *vendored  # other content is there
      Images: [{Repository: hub/library/nginx, Digest: older, Region: us-west-2}]
    - Resources: *vendored  # archived, it cannot be pulled
      Images: [{Repository: hub/library/nginx, Digest: nginx, Region: us-west-2, Status: ARCHIVED}]
    - Resources:  # another upstream
        registry: *source
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: quay.io, CredentialArn: "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/hub-b2"}]}}
        web: *web
    - Resources:  # another folder of it
        registry: *source
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io, UpstreamRepositoryPrefix: library, CredentialArn: "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/hub-b2"}]}}
        web: *web
    - Resources:  # the secret of the primary
        registry: *source
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io, CredentialArn: "arn:aws:secretsmanager:us-east-1:111122223333:secret:ecr-pullthroughcache/hub-a1"}]}}
        web: *web
    - Resources:  # no secret
        registry: *source
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}]}}
        web: *web
  unknown:
    - Resources: *vendored
      Images: [{Repository: hub/library/nginx, Region: us-west-2, Incomplete: "page 2 of ecr:DescribeImages was throttled"}]
    - Resources:  # whether the rule is used was not seen
        registry: *source
        target: *none
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources:
        registry: *source
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}}}
        web: *web
    - Resources: {registry: *source, web: *web}  # the standby's registry was not seen
    - Resources:  # no telling which images were cached
        registry: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: ROOT, UpstreamRegistryUrl: public.ecr.aws}]}}
        target: *none
        web: *web
    - Resources:  # which upstream it is was not declared
        registry: *public
        target: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hub}]}}
        web: *web
  not_applicable:
    - Resources: {registry: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: []}}, target: *none, web: *web}
    - Resources: {registry: *source, target: *none}  # no workload pulls
    - Resources:  # the workload pulls under no prefix of a rule
        registry: {Type: AWS::ECR::Registry, Properties: {PullThroughCacheRules: [{EcrRepositoryPrefix: hu, UpstreamRegistryUrl: quay.io}]}}
        target: *none
        web: *web
"""

from scanner.images import RepositoryKey
from scanner.model import InsufficientData, Place
from scanner.references import InvalidReference, parse, uses
from scanner.replication import ROOT, by_prefix
from scanner.rule import NotApplicable, Undecided, Violation
from scanner.workloads import can_pull


def check(twin, model, parameters):
    standby, rules = twin.pair.standby, twin.primary["PullThroughCacheRules"] or []
    if not rules:
        yield NotApplicable("The registry caches nothing.")
        return
    if twin.standby is None:
        raise InsufficientData(f"the registry of '{standby}' was not seen")
    problems = [(number, problem) for number in range(len(rules)) if (problem := what_is_missing(rules[number], twin))]
    if not problems:
        return
    found, used = uses(model, twin.primary.place), {}
    for use in found.seen:
        for rule in by_prefix(rules, "EcrRepositoryPrefix", use.reference.repository)[:1]:
            used.setdefault(rule["EcrRepositoryPrefix"], []).append(use)
    if not used and not found.unseen:
        yield NotApplicable("No workload that was seen pulls through a cache of this registry.")
        return
    for number, problem in problems:
        yield from judge(rules[number], number, problem, twin, used, found.unseen, model)


def judge(rule, number, problem, twin, used, unseen, model):
    prefix, at = rule["EcrRepositoryPrefix"], f"/PullThroughCacheRules/{number}"
    try:
        lacking = [use for use in used.get(prefix, ()) if not is_there(use, twin, model)]
    except InsufficientData as gap:
        yield Undecided(
            f"Registry '{twin.pair.standby}' {problem}, and whether it has the images is not known: {gap}.", at
        )
        return
    if lacking and prefix != ROOT:
        yield Violation(
            f"Workloads pull '{lacking[0].reference}' through cache '{prefix}', and registry '{twin.pair.standby}' {problem}; "
            "a rule like the primary's was expected.",
            at,
            tuple({use.workload.id: use.workload for use in lacking}.values()),
        )
    elif lacking:
        yield Undecided(
            f"Registry '{twin.pair.standby}' {problem}; what it would cover may have been pushed as well.", at
        )
    elif unseen:
        yield Undecided(f"Registry '{twin.pair.standby}' {problem}; workloads may need it unseen: {unseen[0]}.", at)


def what_is_missing(rule, twin):
    """Return what the standby lacks to cache the same, None if nothing."""
    standby, prefix = twin.pair.standby, rule["EcrRepositoryPrefix"]
    others = twin.standby["PullThroughCacheRules"] or []
    other = next((other for other in others if other["EcrRepositoryPrefix"] == prefix), None)
    if other is None:
        return f"has no cache rule for '{prefix}'"
    if not same_upstream(rule, other, twin):
        return f"caches something else under '{prefix}'"
    upstream = (
        ecr_registry(other["UpstreamRegistryUrl"]) if rule["CustomRoleArn"] and not other["CustomRoleArn"] else None
    )
    if upstream is not None and upstream.account != standby.account:
        return f"has no role for the upstream of '{prefix}'"
    if rule["CredentialArn"] and not other["CredentialArn"]:
        return f"has no credential for the upstream of '{prefix}'"
    if other["CredentialArn"] and other["CredentialArn"].split(":")[3:5] != [standby.region, standby.account]:
        return f"has a credential for '{prefix}' that is not in '{standby}'"
    return None


def same_upstream(rule, other, twin):
    if (rule["UpstreamRepositoryPrefix"] or ROOT) != (other["UpstreamRepositoryPrefix"] or ROOT):
        return False
    url, other_url = rule["UpstreamRegistryUrl"], other["UpstreamRegistryUrl"]
    if url and other_url:
        return url == other_url or (ecr_registry(other_url) == in_the_standby(ecr_registry(url), twin) is not None)
    if rule["UpstreamRegistry"] and other["UpstreamRegistry"]:
        return rule["UpstreamRegistry"] == other["UpstreamRegistry"]
    raise InsufficientData(f"which registry '{rule['EcrRepositoryPrefix']}' caches is not said in the same words")


def ecr_registry(url):
    """Return the account and Region of the registry at a URL, None if it is not one of ECR."""
    try:
        return parse(f"{url}/any").place
    except InvalidReference:
        return None


def in_the_standby(upstream, twin):
    """Return where an account has in the standby's Region what it has in the primary's, None for other Regions."""
    if upstream is None or upstream.region != twin.primary.region:
        return None
    return Place(upstream.account, twin.pair.standby.region)


def is_there(use, twin, model):
    """Tell whether the standby has the image that a workload pulls; without a snapshot of it, it has not."""
    key = RepositoryKey.of(twin.pair.standby, use.reference.repository)
    return not (twin.primary.locations and key not in model.images) and can_pull(model, use, key)
