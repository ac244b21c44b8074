"""
title: Deletions are not replicated to the standby
severity: high
resource: AWS::ECR::Registry
across: standby
rationale: |
  By default ECR replicates pushes and not deletions, so the standby outlives a mistake, an attack or a lifecycle policy
  in the primary. A rule with `deleteReplication` enabled also carries removed tags, deleted digests and lifecycle
  expiries to each of its destinations. Where nothing else backs the registry up, the replica is the only second copy.
remediation: |
  Take `deleteReplication` out of the rules that name the standby, and give the standby's repositories a lifecycle
  policy of their own to bound their growth.

      aws ecr describe-registry --region <primary> --query replicationConfiguration > replication.json
      # set "deleteReplication": {"enabled": false} in every rule that names the standby
      aws ecr put-replication-configuration --region <primary> --replication-configuration file://replication.json

  If a third, protected copy exists and the deletion is meant, say so in an exemption.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-delete.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
traps:
  - An SDK that does not know `deleteReplication` leaves it out of the answer; that is unknown, not off.
  - Deletions may be replicated to a Region that stands by for nobody.
  - Where a third copy is kept, deletions may be replicated for the cost of it; that the copy is protected nothing in AWS says, so it fails until an exemption does.
controls:
  iso-27001-2022: [A.8.13]
  dora: [Art. 12]
examples:
  pass:
    - ReplicationConfiguration:
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
            DeleteReplication: {Enabled: false}
    - ReplicationConfiguration:
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
          - Destinations: [{Region: eu-west-1, RegistryId: "111122223333"}]  # not a standby
            DeleteReplication: {Enabled: true}
  fail:
    - ReplicationConfiguration:
        Rules:
          - Destinations:
              - {Region: eu-west-1, RegistryId: "111122223333"}
              - {Region: us-west-2, RegistryId: "111122223333"}
            DeleteReplication: {Enabled: true}
    - ReplicationConfiguration:  # a third copy that keeps everything is not declared to be protected
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
            DeleteReplication: {Enabled: true}
          - Destinations: [{Region: eu-west-1, RegistryId: "444455556666"}]
            DeleteReplication: {Enabled: false}
  unknown:
    - ReplicationConfiguration: {Unknown: "ecr:DescribeRegistry was denied"}
    - ReplicationConfiguration:
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
            DeleteReplication: {Unknown: the installed botocore does not know deleteReplication}
"""

from scanner.replication import rules_of, sends_to
from scanner.rule import Violation


def check(twin, model, parameters):
    for number, rule in enumerate(rules_of(twin.primary)):
        if sends_to(rule, twin.pair.standby) and (rule["DeleteReplication"] or {}).get("Enabled"):
            yield Violation(
                f"Replication rule '{number + 1}' of registry '{twin.primary.place}' also deletes what it copied to "
                f"'{twin.pair.standby}'; delete replication was expected to be off.",
                f"/ReplicationConfiguration/Rules/{number}/DeleteReplication/Enabled",
            )
