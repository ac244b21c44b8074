"""
title: Every tier has declared recovery objectives, an owner and a strategy
severity: high
resource: Regionproof::Recovery::Tier
rationale: |
  Whether a standby is good enough cannot be said without saying good enough for what: how long the workload may be
  gone (RTO), how much data may be lost (RPO), by which strategy, and who answers for it. Each strategy has its reach:
  Well-Architected gives hours for backup and restore, tens of minutes for a pilot light, minutes for a warm standby.
  An objective of 15 minutes with backups alone is a wish.
remediation: |
  Declare tiers in `regionproof.yaml`, by clusters, services or functions:

      scope:
        workloads:
          tier-0: {clusters: ["payments-*"], rpo: 5m, rto: 15m, dr_class: warm-standby, owner: payments}
          tier-1: {services: ["shop/*"], functions: ["shop-*"], rpo: 1h, rto: 4h, dr_class: pilot-light, owner: shop}
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
  - https://docs.aws.amazon.com/whitepapers/latest/disaster-recovery-workloads-on-aws/disaster-recovery-options-in-the-cloud.html
controls:
  aws-well-architected: [REL13-BP01]
  nist-800-53: [CP-2]
  iso-27001-2022: [A.5.30]
  soc-2: [A1.2]
  dora: [Art. 11]
  nis2: ["4.1"]
traps:
  - A tier may leave the strategy to the pair; only where no pair says it either is it missing.
  - An objective that is exactly as long as the strategy takes is within its reach.
examples:
  pass:
    - {Name: tier-0, Clusters: ["payments"], Rpo: 5m, Rto: 15m, Owner: payments, DrClass: warm-standby}
    - {Name: tier-1, Clusters: ["shop"], Rpo: 1m, Rto: 10m, Owner: shop, DrClass: pilot-light}  # the shortest it can do
    - {Name: tier-2, Clusters: ["shop"], Rpo: 1h, Rto: 1h, Owner: shop, DrClass: backup-restore}
    - {Name: tier-0, Clusters: ["shop"], Rpo: 0s, Rto: 0s, Owner: shop, DrClass: active-active}
    - Resources:  # the strategy is the pair's
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"], Rpo: 5m, Rto: 15m, Owner: payments}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}]
    - Resources:  # the strategies of the pairs differ, and which of them the tier is in is another question
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"], Rpo: 1m, Rto: 5m, Owner: payments}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}, {primary: eu-west-1, standby: eu-central-1, dr_class: backup-restore}]
  fail:
    - {Name: tier-0, Clusters: ["payments"], Owner: payments, DrClass: warm-standby, Rto: 15m}
    - {Name: tier-0, Clusters: ["payments"], Owner: payments, DrClass: warm-standby, Rpo: 15m}
    - {Name: tier-0, Clusters: ["payments"], DrClass: warm-standby, Rpo: 15m, Rto: 15m}
    - {Name: tier-0, Clusters: ["payments"], Owner: payments, Rpo: 15m, Rto: 15m}  # neither the tier nor the pair has a strategy
    - {Name: tier-0, Clusters: ["payments"], Rpo: 1h, Rto: 59m59s, Owner: payments, DrClass: backup-restore}
    - {Name: tier-0, Clusters: ["payments"], Rpo: 59s, Rto: 20m, Owner: payments, DrClass: pilot-light}
    - Resources:  # the strategy is the pair's, and too slow
        tier: {Type: Regionproof::Recovery::Tier, Properties: {Name: tier-0, Clusters: ["payments"], Rpo: 5m, Rto: 15m, Owner: payments}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
  unknown:
    - {Name: tier-0, Rto: {Unknown: not read}, Rpo: 15m, Owner: a, DrClass: warm-standby}
    - {Name: tier-0, Rto: 15m, Rpo: 15m, Owner: a, DrClass: {Unknown: not read}}
"""

from datetime import timedelta

from scanner.duration import words
from scanner.recovery import objective
from scanner.rule import Violation

REACH = {
    "backup-restore": ("backup and restore", timedelta(hours=1), timedelta(hours=1)),
    "pilot-light": ("a pilot light", timedelta(minutes=10), timedelta(minutes=1)),
    "warm-standby": ("a warm standby", timedelta(minutes=1), timedelta(seconds=1)),
    "active-active": ("active-active", timedelta(0), timedelta(0)),
}


def check(tier, model, parameters):
    rto, rpo = objective(tier, "Rto"), objective(tier, "Rpo")
    for name, value in (("Rto", rto), ("Rpo", rpo), ("Owner", tier["Owner"])):
        if value is None:
            yield Violation(f"Tier '{tier['Name']}' declares no {name.lower()}; one was expected.", f"/{name}")
    classes = {tier["DrClass"]} if tier["DrClass"] else {pair.dr_class for pair in model.pairs if pair.dr_class}
    if not classes:
        yield Violation(
            f"Neither tier '{tier['Name']}' nor a pair declares a dr_class; a strategy was expected.", "/DrClass"
        )
    for dr_class in sorted(classes) if len(classes) == 1 else ():
        strategy, shortest_rto, shortest_rpo = REACH[dr_class]
        for name, value, shortest in (("Rto", rto, shortest_rto), ("Rpo", rpo, shortest_rpo)):
            if value is not None and value < shortest:
                yield Violation(
                    f"Tier '{tier['Name']}' has the {name.lower()} '{words(value)}', out of reach for {strategy}; "
                    f"'{words(shortest)}' or more was expected.",
                    f"/{name}",
                )
