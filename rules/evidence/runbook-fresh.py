"""
title: Runbooks are reviewed, name what exists, and can be read without the primary
severity: medium
resource: Regionproof::Recovery::Runbook
needs: [AWS::ECS::Cluster, AWS::ECS::Service, AWS::EKS::Cluster, AWS::Lambda::Function, AWS::ECR::Repository]
rationale: |
  A runbook ages faster than what it describes: the cluster it names was replaced, the page it is on is served from the
  Region that is gone. A review once a year, and a look whether the resources it names are there, keep it usable.
remediation: |
  Read the runbook against what is deployed, mend it, and record the review in the evidence file:

      runbooks:
        - url: https://wiki.example.com/failover
          sha256: <of the page>   # instead of `url`: `path`, for a file of the repository
          reviewed: 2026-11-01   # and `covers` and `scenario` as before
          resources: ["arn:aws:ecs:<standby>:<account>:cluster/payments"]   # of the standby, that it names

  Keep it where it can be read without the primary: in the repository, or on a page that is served from
  elsewhere.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
controls:
  nist-800-53: [CP-2]
  iso-27001-2022: [A.5.30]
  dora: [Art. 11]
  nis2: ["4.1"]
traps:
  - A wiki page is accepted with its digest; the time of a commit says that somebody touched a file, not that it was reviewed.
  - A page on a host of the primary's Region cannot be read when that Region is gone, whatever its digest.
  - Where a Region is the primary of one pair and the standby of another it is undecided whether its pages are lost, unless the runbook names its pair.
  - A runbook that names resources of the primary alone tells how to run what is lost; what has no Region in its ARN counts for neither.
  - One of which no resources are recorded may name them all the same, so it is undecided.
  - An alias or a version of a function is that function; an ARN of a service without its cluster may be any of that name.
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
    - Resources:  # a global resource beside it
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties:
            Source: https://wiki.example.com/failover
            Sha256: ab
            Reviewed: "2026-10-31"
            Tiers: [tier-0]
            Scenario: failover
            Resources: &named [{Type: null, Arn: "arn:aws:iam::111122223333:role/failover"}, {Type: null, Arn: "arn:aws:sns:us-west-2:111122223333:alarm"}]
    - Resources:  # one of the primary beside it
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: [{Type: null, Arn: "arn:aws:sns:us-east-1:111122223333:alarm"}, {Type: null, Arn: "arn:aws:sns:us-west-2:111122223333:alarm"}]}}
    - Resources:  # either Region of an active-active pair takes over
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: [{Type: null, Arn: "arn:aws:sns:us-east-1:111122223333:alarm"}]}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources:  # on a host of the standby; a kind of resource that is not looked for
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties:
            Source: https://runbooks.s3.us-west-2.amazonaws.com/failover.md
            Reviewed: "2026-11-01"
            Tiers: [tier-0]
            Scenario: failover
            Resources: [{Type: null, Arn: "arn:aws:sns:us-west-2:111122223333:alarm"}]
    - Resources:  # the name of a bucket is no place
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://docs-us-east-1.s3.us-west-2.amazonaws.com/failover.md", Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: *named}}
    - Resources:  # the runbook is about the other pair
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://runbooks.s3.us-west-2.amazonaws.com/failover.md", Reviewed: "2026-10-31", Pair: {Primary: us-east-1, Standby: us-west-2}, Scenario: failover, Resources: *named}}
      Pairs: &both [{primary: us-east-1, standby: us-west-2}, {primary: us-west-2, standby: us-east-1}]
    - Resources:  # an alias of a function that is there
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties:
            Source: a.md
            Reviewed: "2026-10-31"
            Tiers: [tier-0]
            Resources: [{Type: "AWS::Lambda::Function", Arn: "arn:aws:lambda:us-west-2:111122223333:function:resize:live"}]
        resize: {Type: AWS::Lambda::Function, Region: us-west-2, Properties: {FunctionName: resize}}
    - Resources:
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties:
            Source: a.md
            Reviewed: "2026-10-31"
            Tiers: [tier-0]
            Resources: [{Type: "AWS::ECS::Service", Arn: "arn:aws:ecs:us-west-2:111122223333:service/payments/api"}, {Type: "AWS::ECR::Repository", Arn: "arn:aws:ecr:us-west-2:111122223333:repository/shop/web"}]
        api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api}}
        web: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
  fail:
    - Resources:  # a day too old
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Reviewed: "2025-10-31", Tiers: [tier-0], Scenario: failover, Resources: *named}}
    - Resources:  # the cluster is not there
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: *runbook}
    - Resources:  # the page is gone with the primary
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://runbooks.s3.us-east-1.amazonaws.com/failover.md", Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: *named}}
    - Resources:  # the first host label names the Region too
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://us-east-1.console.example.com/failover", Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: *named}}
    - Resources:  # the host of a bucket with a dash
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://runbooks.s3-website-us-east-1.amazonaws.com/failover.md", Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: *named}}
    - Resources:  # the runbook is about this pair alone
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://runbooks.s3.us-west-2.amazonaws.com/failover.md", Reviewed: "2026-10-31", Pair: {Primary: us-west-2, Standby: us-east-1}, Scenario: failover, Resources: [{Type: null, Arn: "arn:aws:sns:us-east-1:111122223333:alarm"}]}}
      Pairs: *both
    - Resources:  # what it names is lost
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: [{Type: null, Arn: "arn:aws:iam::111122223333:role/failover"}, {Type: null, Arn: "arn:aws:sns:us-east-1:111122223333:alarm"}]}}
    - Resources:  # it is for the other pair
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Pair: {Primary: us-west-2, Standby: us-east-1}, Scenario: failover, Resources: *named}}
      Pairs: *both
  unknown:
    - Resources:  # in which pair its tier is does not follow, and in one of them the page is there
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: "https://runbooks.s3.us-west-2.amazonaws.com/failover.md", Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: *named}}
      Pairs: *both
    - Resources: {runbook: {Type: Regionproof::Recovery::Runbook, Properties: *runbook}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Cluster", Operation: "ecs:ListClusters", Region: us-west-2}]
    - Resources:  # an ARN of the old format, beside a service that it may mean
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [a], Resources: [{Type: "AWS::ECS::Service", Arn: "arn:aws:ecs:us-west-2:111122223333:service/api"}]}
        api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api}}
    - Resources:  # nobody looked there
        runbook:
          Type: Regionproof::Recovery::Runbook
          Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [a], Resources: [{Type: "AWS::EKS::Cluster", Arn: "arn:aws:eks:us-west-2:111122223333:cluster/shop"}]}
      Scanned: [us-east-1]
    - Resources:  # after the data that is judged
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Reviewed: "2026-11-02", Tiers: [tier-0], Scenario: failover, Resources: *named}}
    - Resources:
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: runbooks/failover.md, Reviewed: {Unknown: not read}, Resources: *named}}
    - Resources:
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Resources: [{Type: "AWS::ECS::Service", Arn: "arn:aws:ecs:us-west-2:111122223333:service/payments/api"}]}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::Service", Operation: "ecs:ListServices", Region: us-west-2}]
    - Resources:
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Resources: [{Type: "AWS::Lambda::Function", Arn: "arn:aws:lambda:us-west-2:111122223333:function:resize"}]}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::Lambda::Function", Operation: "lambda:ListFunctions", Region: us-west-2}]
    - Resources:
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Resources: [{Type: "AWS::ECR::Repository", Arn: "arn:aws:ecr:us-west-2:111122223333:repository/shop/web"}]}}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources:  # it may name them all the same
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover}}
    - Resources:  # which is in no Region
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: [{Type: null, Arn: "arn:aws:iam::111122223333:role/failover"}]}}
    - Resources:  # nobody knows which Region is a standby
        runbook: {Type: Regionproof::Recovery::Runbook, Properties: {Source: a.md, Reviewed: "2026-10-31", Tiers: [tier-0], Scenario: failover, Resources: *named}}
      Pairs: []
"""

import re
from datetime import timedelta

from scanner.model import InsufficientData, Place
from scanner.recovery import age
from scanner.rule import Undecided, Violation


def check(runbook, model, parameters):
    source, before = runbook["Source"], age(model, runbook["Reviewed"])
    if before < timedelta(0):
        yield Undecided(f"Runbook '{source}' was reviewed after the data that is judged.", "/Reviewed")
    elif before > parameters["interval"]:
        yield Violation(
            f"Runbook '{source}' was reviewed {before.days} days ago; at most {parameters['interval'].days} were expected.",
            "/Reviewed",
        )
    pairs = [pair for pair in model.pairs if runbook["Pair"] in (None, named_as(pair))]
    yield from judge_host(source, pairs)
    yield from judge_regions(source, runbook, pairs)
    for number, named in enumerate(runbook["Resources"] or ()):
        if named["Type"] is None:
            continue
        try:
            if find(model, named["Type"], named["Arn"]) is None:
                yield Violation(
                    f"Runbook '{source}' names '{named['Arn']}', which does not exist; an existing one was expected.",
                    f"/Resources/{number}",
                )
        except InsufficientData as gap:
            yield Undecided(
                f"Whether '{named['Arn']}' of runbook '{source}' exists is not known: {gap}.", f"/Resources/{number}"
            )


def judge_host(source, pairs):
    """Judge whether the host of a page is in a Region that is lost."""
    primaries, standbys = {pair.primary.region for pair in pairs}, {pair.standby.region for pair in pairs}
    for region in sorted(primaries & set(host_regions(source))):
        if region in standbys:
            yield Undecided(
                f"Runbook '{source}' is served from '{region}', the primary of one pair and the standby of another; which "
                "one it is for was not said.",
                "/Source",
            )
        else:
            yield Violation(
                f"Runbook '{source}' is served from the primary's Region '{region}'; another was expected.", "/Source"
            )


def judge_regions(source, runbook, pairs):
    """Judge whether what a runbook names is in a Region that takes over."""
    standbys = {pair.standby.region for pair in pairs}
    standbys |= {pair.primary.region for pair in pairs if pair.dr_class == "active-active"}
    regions = {each["Arn"].split(":")[3] for each in runbook["Resources"] or ()} - {""}
    if not regions or not pairs:
        yield Undecided(f"Whether runbook '{source}' names what the standby has was not recorded.", "/Resources")
    elif not regions & standbys:
        yield Violation(
            f"Runbook '{source}' names resources of '{', '.join(sorted(regions))}' alone; one of "
            f"'{', '.join(sorted(standbys))}' was expected.",
            "/Resources",
        )


def named_as(pair):
    """Return a pair as evidence files name it."""
    return {"Primary": pair.primary.region, "Standby": pair.standby.region}


def find(model, type, arn):
    """Return what an ARN names, as an account or a file shows it; an alias or a version names its function."""
    _, _, service, region, account, rest = arn.split(":", 5)
    name = rest.split(":")[1] if service == "lambda" else rest.partition("/")[2]
    if type == "AWS::ECS::Service" and "/" not in name:
        raise InsufficientData("an ARN of the old format does not say its cluster")
    return model.find(type, name, Place(account, region))


def host_regions(source):
    """Return what may be Regions in the host that a URL names; none for a path."""
    match = re.match(r"https://([^/:?#]+)", source)
    return [re.sub(r"^s3-(website-)?", "", label) for label in match[1].lower().split(".")] if match else ()
