"""
title: Runbooks are reviewed, name what exists, and can be read without the primary
severity: medium
resource: Regionproof::Recovery::Runbook
needs: [AWS::ECS::Cluster, AWS::ECS::Service, AWS::EKS::Cluster, AWS::Lambda::Function, AWS::ECR::Repository]
rationale: |
  A runbook ages faster than what it describes: the cluster it names was replaced, the page it is on is served from the
  Region that is gone. A review once a year, and a look whether the resources it names are there, keep it usable.
remediation: |
  Read the runbook against what is deployed, mend it, and record the review: `reviewed`, and for a page `sha256`, in the
  evidence file. Keep it where it can be read without the primary: in the repository, or on a page that is served from
  elsewhere.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
controls:
  nist-800-53: [CP-2]
  iso-27001-2022: [A.5.30]
  dora: [Art. 11]
traps:
  - A wiki page is accepted with its digest; the time of a commit says that somebody touched a file, not that it was reviewed.
  - A page on a host of the primary's Region cannot be read when that Region is gone, whatever its digest.
  - A resource in an account or Region that was not scanned may exist, so it is not missing.
parameters:
  interval: {type: string, format: duration, default: 365d, description: "How old the last review may be."}
examples:
  pass:
    - Resources: &fresh  # reviewed on the last day that counts
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties: &runbook
            Source: runbooks/failover.md
            Reviewed: "2025-11-01"
            Tiers: [tier-0]
            Scenario: failover
            Resources: [{Type: "AWS::ECS::Cluster", Arn: "arn:aws:ecs:us-west-2:111122223333:cluster/payments"}]
        payments: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments}}
    - Resources:
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties: {Source: "https://wiki.example.com/failover", Sha256: ab, Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover}
    - Resources:  # on a host of the standby; a kind of resource that is not looked for
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties:
            Source: https://runbooks.s3.us-west-2.amazonaws.com/failover.md
            Reviewed: "2026-11-01"
            Tiers: [tier-0]
            Scenario: failover
            Resources: [{Type: null, Arn: "arn:aws:sns:us-west-2:111122223333:alarm"}]
  fail:
    - Resources:  # a day too old
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Reviewed: "2025-10-31", Tiers: [tier-0], Scenario: failover}}
    - Resources:  # the cluster is not there
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: *runbook}
    - Resources:  # the page is gone with the primary
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://runbooks.s3.us-east-1.amazonaws.com/failover.md", Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover}}
    - Resources:  # the first host label names the Region too
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://us-east-1.console.example.com/failover", Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover}}
  unknown:
    - Resources: {runbook: {Type: Regionproof::Recovery::Runbook, Properties: *runbook}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Cluster", Operation: "ecs:ListClusters", Region: us-west-2}]
    - Resources:  # nobody looked there
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [a], Resources: [{Type: "AWS::EKS::Cluster", Arn: "arn:aws:eks:eu-west-1:111122223333:cluster/shop"}]}
    - Resources:  # after the data that is judged
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Reviewed: "2026-11-02", Tiers: [tier-0], Scenario: failover}}
    - Resources:
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Reviewed: {Unknown: not read}}}
    - Resources:
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Resources: [{Type: "AWS::ECS::Service", Arn: "arn:aws:ecs:us-west-2:111122223333:service/payments/api"}]}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-west-2}]
    - Resources:
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Resources: [{Type: "AWS::Lambda::Function", Arn: "arn:aws:lambda:us-west-2:111122223333:function:resize"}]}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::Lambda::Function", Operation: "lambda:ListFunctions", Region: us-west-2}]
    - Resources:
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Resources: [{Type: "AWS::ECR::Repository", Arn: "arn:aws:ecr:us-west-2:111122223333:repository/shop/web"}]}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
"""

import re
from datetime import timedelta

from scanner.model import InsufficientData
from scanner.recovery import age
from scanner.rule import Undecided, Violation


def check(runbook, model, parameters):
    source, before = runbook["Source"], age(model, runbook["Reviewed"])
    if before < timedelta(0):
        yield Undecided(f"Runbook '{source}' was reviewed after the data that is judged.", "/Reviewed")
    elif before > parameters["interval"]:
        yield Violation(
            f"Runbook '{source}' was reviewed '{before.days}' days ago; at most '{parameters['interval'].days}' were expected.",
            "/Reviewed",
        )
    lost = sorted({pair.primary.region for pair in model.pairs} & set(host_words(source)))
    if lost:
        yield Violation(
            f"Runbook '{source}' is served from the primary's Region '{lost[0]}'; another was expected.", "/Source"
        )
    for number, named in enumerate(runbook["Resources"] or ()):
        if named["Type"] is None:
            continue
        try:
            if model.get(named["Type"], named["Arn"]) is None:
                yield Violation(
                    f"Runbook '{source}' names '{named['Arn']}', which does not exist; an existing one was expected.",
                    f"/Resources/{number}",
                )
        except InsufficientData as gap:
            yield Undecided(
                f"Whether '{named['Arn']}' of runbook '{source}' exists is not known: {gap}.", f"/Resources/{number}"
            )


def host_words(source):
    """Return the labels of the host that a URL names; none for a path."""
    match = re.match(r"https://([^/:?#]+)", source)
    return match[1].lower().split(".") if match else ()
