"""
title: Replication covers every repository that a workload runs
severity: critical
resource: AWS::ECR::Registry
needs:
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
  - GitHub::Actions::Workflow
  - GitLab::CI::Pipeline
across: standby
when: pair.image_distribution != 'dual-push'
rationale: |
  A replication rule with filters copies only repositories whose names begin with one of them; all others are left out
  without a word. A filter is a plain prefix, not a path: `prod` covers `production/web`, and `prod/` does not cover
  `prod`. A repository that runs in the primary and that no rule to the standby covers will not be there.
remediation: |
  Add a filter for the repository to a rule that names the standby, or remove the filters of that rule to copy
  everything.

      aws ecr describe-registry --region <primary> --query replicationConfiguration > replication.json
      # add {"filter": "<prefix>", "filterType": "PREFIX_MATCH"} to repositoryFilters
      aws ecr put-replication-configuration --region <primary> --replication-configuration file://replication.json

  In CloudFormation: `RepositoryFilters` of the rule in `AWS::ECR::ReplicationConfiguration`; in Terraform:
  `repository_filter` of `aws_ecr_replication_configuration`. Then copy what was pushed before with
  `aws ecr start-replication-backfill`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-settings-examples.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
traps:
  - >-
    A filter is a prefix of characters, not a path: `shop` covers `shopping/web`, and `shop/` does not.
  - A filter that fits counts only in a rule that names the standby.
  - A workload may pull from a registry of another account; each registry answers for its own repositories, whoever
    runs them.
  - A pull through cache that the standby has too needs no replication; image-cached-image-warm-in-standby judges its content.
  - Where no rule names the standby and a CI file pushes images to both Regions, that may be meant instead, so it is undecided and asks to be declared.
  - Replication does not help a repository that is named after its Region; repository-name-has-no-region judges those.
controls:
  aws-well-architected: [REL13-BP02]
  nist-800-53: [CP-6, CP-9]
  iso-27001-2022: [A.8.14]
  soc-2: [A1.2]
  dora: [Art. 12]
examples:
  pass:
    - Resources: &shop
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: &by-prefix
              Rules:
                - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
                  RepositoryFilters: [{Filter: shop/, FilterType: PREFIX_MATCH}]
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.2}
    - Resources:  # no filters: everything is copied
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/any/thing@sha256:0000000000000000000000000000000000000000000000000000000000000000}
    - Resources:  # the filter is a prefix of the name, not a path
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules:
                - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
                  RepositoryFilters: [{Filter: shop, FilterType: PREFIX_MATCH}]
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shopping/web:1.2}
    - Resources:  # the standby has the same cache, and named after its Region is what each Region makes for itself
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: *by-prefix
            PullThroughCacheRules: [&hub {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: registry-1.docker.io}]
        standby: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: [*hub]}}
        web: &cached
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: proxy, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/hub/nginx:1.27}
              - {ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/cdk-hnb659fds-container-assets-111122223333-us-east-1:5f0d"}
  fail:
    - Resources:  # the standby has no cache for it
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix, PullThroughCacheRules: [*hub]}}
        standby: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: []}}
        web: *cached
    - Resources:  # a function
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix}}
        resize:
          Type: AWS::Lambda::Function
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/images/resize:3"}}
    - Resources:  # a pod
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix}}
        web:
          Type: Kubernetes::Deployment
          Properties:
            Cluster: arn:aws:eks:us-east-1:111122223333:cluster/shop
            Namespace: shop
            Name: web
            ContainerImages: [{ContainerName: web, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1", ImageDigest: web-1}]
    - Resources:  # the prefix is that of a path that the name does not begin with
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix}}
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shopping/web:1.2}
    - Resources:  # a workload of another account pulls from this registry
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix}}
        web:
          Type: AWS::ECS::Service
          Account: "444455556666"
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/base/web:1.2}
    - Resources:  # the filter that fits belongs to a rule for another Region
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration:
              Rules:
                - Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}]
                  RepositoryFilters: [{Filter: shop/, FilterType: PREFIX_MATCH}]
        nightly:
          Type: AWS::ECS::Task
          Properties:
            Group: family:nightly
            ContainerImages:
              - {ContainerName: job, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job:7}
    - Resources:  # what the pipeline pushes does not matter where replication is in use
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix}}
        web: &other
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/other/web:1.2}
        ci: &both {Type: GitHub::Actions::Workflow, Properties: {Name: build, Path: .github/workflows/build.yml, PushesImagesTo: [us-east-1, us-west-2]}}
    - Resources: {registry: &none {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: []}}}, web: *other}
  unknown:
    - Resources: {registry: *none, web: *other, ci: *both}
    - Resources:  # whether the standby has the same cache was not seen
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix, PullThroughCacheRules: [*hub]}}
        standby: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: {Unknown: "ecr:DescribePullThroughCacheRules was denied"}}}
        web: *cached
    - Resources: *shop
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources:
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}}}
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.2}
    - Resources:
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix}}
        web: {Type: AWS::ECS::Service, Properties: {ServiceName: web, ContainerImages: {Unknown: "ecs:DescribeTasks was throttled"}}}
  not_applicable:
    - Resources:  # every pipeline pushes to both registries
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: []}}}
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: web, Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.2}
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
    - Resources:  # other registries are judged by their own rules, and AWS itself serves EKS add-ons everywhere
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *by-prefix}}
        web:
          Type: AWS::ECS::Service
          Properties:
            ServiceName: web
            ContainerImages:
              - {ContainerName: a, Image: 444455556666.dkr.ecr.us-east-1.amazonaws.com/base/web:1}
              - {ContainerName: b, Image: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/base/web:1}
              - {ContainerName: c, Image: 602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/pause:3.10}
              - {ContainerName: d, Image: public.ecr.aws/nginx/nginx:1.27}
"""

from scanner.images import RepositoryKey
from scanner.model import InsufficientData
from scanner.references import uses
from scanner.replication import counterpart_name, pushing_to_both, replicates, rules_of, sends_to
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import cached_instead


def check(twin, model, parameters):
    found = uses(model, twin.primary.place)
    rules, standby = rules_of(twin.primary), twin.pair.standby
    if not found.seen and not found.unseen:
        yield NotApplicable("No workload that was seen pulls from this registry.")
        return
    run, doubts = sorted({use.reference.repository for use in found.seen}), list(found.unseen)
    left_out = []
    for name in run:
        try:
            if not replicates(rules, name, standby) and not gets_there_otherwise(name, twin, model):
                left_out.append(name)
        except InsufficientData as gap:
            doubts.append(str(gap))
    yield Evidence(repositories=len(run), left_out=left_out)

    instead = None if any(sends_to(rule, standby) for rule in rules) else pushing_to_both(twin.pair, model)
    if left_out and instead:
        yield Undecided(
            f"No replication rule names '{standby}', and '{instead.id}' pushes images to both Regions; if that is how all of "
            "them get there, declare 'image_distribution: dual-push' for the pair.",
            "/ReplicationConfiguration/Rules",
        )
    elif left_out:
        some = ", ".join(f"'{name}'" for name in left_out[:5])
        yield Violation(
            f"{len(left_out)} of {len(run)} repositories that workloads run are covered by no replication rule from "
            f"'{twin.primary.place}' to '{standby}', among them {some}; a filter for each was expected.",
            "/ReplicationConfiguration/Rules",
            tuple({use.workload.id: use.workload for name in left_out for use in found.of(name)}.values()),
        )
    elif doubts:
        yield Undecided(f"Workloads may run repositories that are not covered: {doubts[0]}.")


def gets_there_otherwise(name, twin, model):
    """Tell whether a repository is none that replication could bring: one of each Region, or a cache on both sides."""
    place, standby = twin.primary.place, twin.pair.standby
    named = counterpart_name(name, place, standby) is not None
    return named or cached_instead(model, RepositoryKey.of(place, name), standby)
