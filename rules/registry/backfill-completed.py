"""
title: A backfill brought the older images to the standby
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
  A replication rule copies what is pushed after it was made. What was there before, or became part of a rule later, comes
  over by a backfill alone, which somebody has to start and which may fail or be stopped: ECR gives it up when half of its
  copies fail. A standby whose backfill never finished has the newest images and lacks those that run.
remediation: |
  Start a backfill, and look at what it could not copy.

      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<standby account>
      aws ecr list-replication-backfills --region <primary>
      aws ecr describe-replication-backfill-results --region <primary> --replication-backfill-id <id>

  Neither CloudFormation nor Terraform starts one. Where copies fail, look at the registry policy, the creation templates
  and the KMS keys of the standby first.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-backfill.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
controls:
  nist-800-53: [CP-9]
  soc-2: [A1.2]
traps:
  - ECR forgets a backfill 90 days after its end, so that none is listed is never a failure by itself.
  - When every image is in the standby, what became of the backfills does not matter.
  - When a rule was changed is not to be read from ECR, so a complete backfill before which missing images were pushed leaves it open whether it covered them.
  - Images pushed after the last backfill began come by replication, and are not its business however it ended.
  - A backfill to another destination says nothing about this one.
examples:
  pass:
    - Resources: &both  # nothing is missing, and no backfill is listed
        registry: &never
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: &all {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]}]}
            ReplicationBackfills: []
        web: &web {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        copy: &copy {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
      Images: &same
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
    - Resources:  # it failed, and the images came all the same
        registry: &failed
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: *all
            ReplicationBackfills: [{ReplicationBackfillId: b1, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: FAILED, StartedAt: "2026-10-10T00:00:00Z"}]
        web: *web
        copy: *copy
      Images: *same
    - Resources: &completed  # what is missing was pushed as the backfill began, or later
        registry: &complete
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: *all
            ReplicationBackfills:
              - {ReplicationBackfillId: b1, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: FAILED, StartedAt: "2026-10-09T00:00:00Z"}
              - {ReplicationBackfillId: b2, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: COMPLETE, StartedAt: "2026-10-10T00:00:00Z", Progress: {FailedReplicationCount: 0}}
              - {ReplicationBackfillId: b3, Destination: {Region: eu-west-1, RegistryId: "111122223333"}, Status: FAILED, StartedAt: "2026-10-11T00:00:00Z"}
        web: *web
        copy: *copy
      Images:
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Digest: second, PushedAt: "2026-10-10T00:00:00Z"}
        - {Repository: shop/web, Digest: first, Region: us-west-2}
    - Resources: {registry: *failed, web: *web, copy: *copy}  # pushed minutes ago
      Images:
        - {Repository: shop/web, Digest: first, PushedAt: "2026-10-31T23:50:00Z"}
        - {Repository: shop/web, Region: us-west-2}
    - Resources:  # a repository that no rule copies
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: {Rules: [{Destinations: [{Region: us-west-2, RegistryId: "111122223333"}], RepositoryFilters: [{Filter: prod/}]}]}
            ReplicationBackfills: [{ReplicationBackfillId: b1, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: FAILED, StartedAt: "2026-10-10T00:00:00Z"}]
        web: *web
      Images: [{Repository: shop/web, Digest: first}]
    - Resources: {registry: *failed, web: *web, copy: *copy}  # it failed, and what is missing was pushed after it began
      Images:
        - {Repository: shop/web, Digest: second, PushedAt: "2026-10-20T00:00:00Z"}
        - {Repository: shop/web, Region: us-west-2}
  fail:
    - Resources: {registry: *failed, web: *web, copy: *copy}
      Images: &missing
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: {registry: *failed, web: *web}  # the repository is not there at all
      Images: [{Repository: shop/web, Digest: first}]
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: *all
            ReplicationBackfills:  # the older one was complete
              - {ReplicationBackfillId: b2, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: STOPPED, StartedAt: "2026-10-20T00:00:00Z"}
              - {ReplicationBackfillId: b1, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: COMPLETE, StartedAt: "2026-09-01T00:00:00Z"}
        web: *web
        copy: *copy
      Images: *missing
    - Resources:  # complete, but for two copies
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: *all
            ReplicationBackfills: [{ReplicationBackfillId: b1, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: COMPLETE, StartedAt: "2026-10-10T00:00:00Z", Progress: {FailedReplicationCount: 2}}]
        web: *web
        copy: *copy
      Images: *missing
    - Resources:  # at the grace time exactly
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: *all
            ReplicationBackfills: [{ReplicationBackfillId: b1, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: FAILED, StartedAt: "2026-10-31T23:40:00Z"}]
        web: *web
        copy: *copy
      Images:
        - {Repository: shop/web, Digest: first, PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/web, Region: us-west-2}
  unknown:
    - Resources: {registry: *failed, web: *web, copy: *copy}  # nobody knows when it was pushed
      Images:
        - {Repository: shop/web, Digest: first, PushedAt: null}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: {registry: *complete, web: *web, copy: *copy}  # nor whether that was before the complete one
      Images:
        - {Repository: shop/web, Digest: first, PushedAt: null}
        - {Repository: shop/web, Region: us-west-2}
    - Resources: *both  # none is listed: it may have run more than 90 days ago
      Images: *missing
    - Resources: *completed  # complete, and yet an older image is missing
      Images: *missing
    - Resources:  # the same, beside a repository that lacks a newer one
        registry: *complete
        web: *web
        copy: *copy
        api: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/api}}
        base: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/base}}
      Images:
        - {Repository: shop/api, Digest: newer, PushedAt: "2026-10-20T00:00:00Z"}
        - {Repository: shop/base, Digest: newest, PushedAt: "2026-10-21T00:00:00Z"}
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Region: us-west-2}
    - Resources:
        registry:
          Type: AWS::ECR::Registry
          Properties:
            ReplicationConfiguration: *all
            ReplicationBackfills: [{ReplicationBackfillId: b1, Destination: {Region: us-west-2, RegistryId: "111122223333"}, Status: IN_PROGRESS, StartedAt: "2026-10-31T00:00:00Z"}]
        web: *web
        copy: *copy
      Images: *missing
    - Resources:
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: *all, ReplicationBackfills: {Unknown: "ecr:ListReplicationBackfills was denied"}}}
        web: *web
        copy: *copy
      Images: *missing
    - Resources: {registry: *complete, web: *web, copy: *copy}
      Images:
        - {Repository: shop/web, Digest: first}
        - {Repository: shop/web, Region: us-west-2, Incomplete: "page 2 of ecr:DescribeImages was throttled"}
    - Resources: *both
      Images: *same
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories"}]
  not_applicable:
    - Resources: {registry: *never, web: *web}  # files alone
    - Resources:
        registry: {Type: AWS::ECR::Registry, Properties: {ReplicationConfiguration: {Rules: []}, ReplicationBackfills: []}}
        web: *web
      Images: [{Repository: shop/web, Digest: first}]
    - Resources: {registry: *failed, web: *web, copy: *copy}
      Images: *missing
      Pairs: [{primary: us-east-1, standby: us-west-2, image_distribution: dual-push}]
"""

from datetime import datetime

from scanner.images import RepositoryKey
from scanner.model import InsufficientData
from scanner.replication import replicated, rules_of, sends_to
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

ENDED_BADLY = ("FAILED", "STOPPED")


def check(twin, model, parameters):
    place, standby = twin.primary.place, twin.pair.standby
    if not any(sends_to(rule, standby) for rule in rules_of(twin.primary)):
        yield NotApplicable(f"No replication rule names '{standby}', so there is nothing to backfill.")
        return
    names = replicated(twin.primary, standby, model)
    if twin.primary.locations and not any((key.account, key.region) == place for key in model.images):
        yield NotApplicable("A file does not say which images a repository holds; collect a snapshot to know.")
        return
    compared, doubts = [], []
    for name in names:
        try:
            compared.append(compare(twin, name, model, model.as_of - parameters["grace"]))
        except InsufficientData as gap:
            doubts.append(str(gap))
    missing = sum(found.missing for found in compared)
    times = [found.oldest_missing_at for found in compared if found.missing]
    oldest = None if None in times else min(times, default=None)
    yield Evidence(missing=missing, oldest_missing_at=oldest.isoformat() if oldest else None)

    if missing:
        yield from judge(twin, missing, times)
    if gap := model.hidden("AWS::ECR::Repository", place):
        doubts.append(str(gap))
    if doubts:
        yield Undecided(f"Other images may be missing in '{standby}' unseen: {doubts[0]}.")


def compare(twin, name, model, older_than):
    primary, standby = RepositoryKey.of(twin.primary.place, name), RepositoryKey.of(twin.pair.standby, name)
    if model.find("AWS::ECR::Repository", name, twin.pair.standby) is None:
        standby = None
    return model.images.missing(primary, standby, older_than)


def judge(twin, missing, times):
    standby = twin.pair.standby
    backfills = [b for b in twin.primary["ReplicationBackfills"] or [] if is_for(b, standby)]
    if not backfills:
        yield Undecided(
            f"'{standby}' lacks images ({missing}), and ECR lists no backfill to it; it forgets them after 90 days, so "
            "whether one was ever complete is not known."
        )
        return
    last = max(backfills, key=lambda backfill: datetime.fromisoformat(backfill["StartedAt"]))
    status, began = last["Status"], datetime.fromisoformat(last["StartedAt"])
    failed = (last["Progress"] or {}).get("FailedReplicationCount", 0)
    yield Evidence(backfill=last["ReplicationBackfillId"], status=status, failed=failed)
    older, undated = any(pushed is not None and pushed < began for pushed in times), None in times
    if not older and not undated:
        return  # all of it was pushed since, and comes by replication
    if older and (status in ENDED_BADLY or (status == "COMPLETE" and failed)):
        yield Violation(
            f"The last backfill from '{twin.primary.place}' to '{standby}', '{last['ReplicationBackfillId']}', is '{status}' "
            f"(failed copies: '{failed}', images missing: '{missing}'); a complete one without failures was expected.",
            "/ReplicationBackfills",
        )
    elif older and status == "COMPLETE":
        yield Undecided(
            f"'{standby}' lacks images ({missing}), some older than its complete backfill "
            f"'{last['ReplicationBackfillId']}'; whether a rule was changed since, or they were removed there, is not known."
        )
    else:
        yield Undecided(
            f"The last backfill to '{standby}' has the status '{status}', and images are missing so far ('{missing}'), of "
            "which not all are known to be its business."
        )


def is_for(backfill, standby):
    destination = backfill["Destination"]
    return (destination["RegistryId"], destination["Region"]) == standby
