"""
title: Every workload is in a tier, or in a pair that declares objectives
severity: high
resource: AWS::Account::Region
needs: [Regionproof::Recovery::Tier, AWS::ECS::Service, AWS::EKS::Cluster, AWS::Lambda::Function]
rationale: |
  Whether the standby is good enough for a workload cannot be said where nobody said how long it may be gone and how
  much data it may lose. What a team added last month is in no plan until somebody puts it there: it is not tested, has
  no runbook and nobody answers for it.
remediation: |
  Declare tiers in `regionproof.yaml` that name the workload, by clusters, services or functions:

      scope:
        workloads:
          tier-1: {services: ["shop/*"], functions: ["shop-*"], rpo: 1h, rto: 4h, dr_class: pilot-light, owner: shop}

  A pair with `rpo`, `rto` and `dr_class` is the default for workloads that no tier names.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
controls:
  aws-well-architected: [REL13-BP01]
  nist-800-53: [CP-2]
  iso-27001-2022: [A.5.30]
  dora: [Art. 11]
traps:
  - Objectives may be a default of the pair, so a workload that no tier names is not without them.
  - Where pairs follow from replication rules nobody declared anything to us, which does not mean that nothing is declared.
  - A workload of which the name or the tier cannot be told is undecided and not without objectives.
  - A function that is no container image is outside of the question.
examples:
  pass:
    - Resources:
        tier: &tier {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"]}}
        api: &api {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api, DesiredCount: 2}}
        region: &region {Type: AWS::Account::Region, Properties: {RegionName: us-east-1}}
    - Resources: {region: *region, api: *api}  # the objectives are the pair's
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby, rpo: 0s, rto: 15m}]
    - Resources:
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Functions: ["resize"], Services: ["payments/*"]}}
        api: *api
        resize: &resize {Type: AWS::Lambda::Function, Properties: {FunctionName: resize, PackageType: Image}}
        region: *region
    - Resources:  # of two tiers the one that names the service decides
        tier: *tier
        other: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-1, Services: ["api"]}}
        api: *api
        region: *region
  fail:
    - Resources: {region: *region, api: *api}
    - Resources: {region: *region, api: *api}  # the pair lacks one of the three
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby, rpo: 5m}]
    - Resources: {region: *region, api: *api}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby, rto: 5m}]
    - Resources: {region: *region, api: *api}
      Pairs: [{primary: us-east-1, standby: us-west-2, rpo: 5m, rto: 5m}]
    - Resources:  # another cluster is in the tier
        tier: *tier
        shop: {Type: AWS::EKS::Cluster, Properties: {Name: shop}}
        resize: *resize
        region: *region
    - Resources: {region: *region, api: *api}  # what was not seen cannot give this one objectives
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::Cluster", Operation: "eks:ListClusters"}]
  unknown:
    - Resources: {region: *region, api: *api}
      Pairs: derived
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribeRegistry"}]
    - Resources:  # the pair follows from a replication rule
        region: *region
        api: *api
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
      Pairs: derived
    - Resources:  # the name of the service is not known
        tier: *tier
        api: {Type: AWS::ECS::Service, Properties: {Cluster: shop, DesiredCount: 2}}
        region: *region
    - Resources: {tier: *tier, region: *region}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices"}]
    - Resources:  # which of two tiers it is in cannot be told
        tier: *tier
        other: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-1, Clusters: ["payments"]}}
        api: *api
        region: *region
  not_applicable:
    - Resources: {region: *region}
    - Resources: {region: *region, api: *api}  # no pair is declared or follows
      Pairs: derived
    - Resources: {region: *region, api: *api}
      Pairs: [{primary: eu-west-1, standby: eu-central-1}]
    - Resources:
        region: *region
        resize: {Type: AWS::Lambda::Function, Properties: {FunctionName: resize, PackageType: Zip}}
"""

from scanner.model import InsufficientData
from scanner.recovery import tier_of
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

TYPES = ("AWS::ECS::Service", "AWS::EKS::Cluster", "AWS::Lambda::Function")
NAMED = 5


def check(region, model, parameters):
    pairs = model.pairs_of(region.place)
    if not pairs:
        yield NotApplicable("No pair has this account and Region as its primary.")
        return
    without, doubts, found = [], [], 0
    for workload in workloads(region.place, model):
        found += 1
        try:
            if tier_of(model, workload) is None and not has_default(pairs):
                without.append(workload)
        except InsufficientData as gap:
            doubts.append(str(gap))
    hidden = [str(gap) for type in TYPES if (gap := model.hidden(type, region.place))]
    if not found and not hidden:
        yield NotApplicable("No workload runs in this Region.")
        return
    if without and model.pairs_derived:
        raise InsufficientData("neither a pair nor a tier that covers the workloads is declared in regionproof.yaml")
    yield Evidence(workloads=found, without_objectives=len(without))
    if without:
        some = ", ".join(f"'{workload.name or workload.id}'" for workload in without[:NAMED])
        yield Violation(
            f"{len(without)} of {found} workloads in '{region.place}' have no recovery objectives, among them {some}; "
            "a tier, or a pair with rpo, rto and dr_class, was expected.",
            "/RegionName",
            tuple(without[:NAMED]),
        )
    elif doubts:
        yield Undecided(f"The objectives of a workload cannot be told: {doubts[0]}.")
    elif hidden:
        yield Undecided(f"Workloads without objectives may exist unseen: {hidden[0]}.")


def workloads(place, model):
    found = [one for type in TYPES for one in model.in_place(type, place) if (one.account, one.region) == place]
    images = [one for one in found if one.type != "AWS::Lambda::Function" or one["PackageType"] == "Image"]
    return sorted(images, key=lambda workload: workload.id)


def has_default(pairs):
    return all(pair.rpo is not None and pair.rto is not None and pair.dr_class for pair in pairs)
