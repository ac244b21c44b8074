r"""
title: Images of tasks that EventBridge starts are in the standby
severity: medium
resource: AWS::Events::Rule
needs: [AWS::ECS::TaskDefinition, AWS::ECR::Repository, AWS::ECR::Image]
across: standby
rationale: |
  A task that a schedule or an event starts is no service, and between its runs ECS shows nothing of it. It is the
  workload that recovery plans forget: the nightly settlement, the import, the clean-up. Its image has to be in the
  standby's registry as well, though nothing runs at the moment.
remediation: |
  Replicate the repository, and copy what is there already:

      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<account>
      oras cp -r <account>.dkr.ecr.<primary>.amazonaws.com/<repository>@<digest> \
          <account>.dkr.ecr.<standby>.amazonaws.com/<repository>

  and declare the `AWS::Events::Rule` and its task definition in the standby's stack too (`aws_cloudwatch_event_target`
  in Terraform). A job that nobody needs during a failover is declared out by an exemption with the reason.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/tasks-scheduled-eventbridge-rule.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
controls:
  aws-well-architected: [REL13-BP02]
traps:
  - What EventBridge Scheduler, Step Functions and AWS Batch run is not seen here; task definitions that files declare are judged by other rules.
  - A rule that is disabled starts nothing, and one that starts something else than ECS tasks has no images; neither is judged.
  - A target that names a family without a revision runs its newest revision, so that one is judged.
  - A copy that was archived is there and cannot be pulled.
  - A tag stands for the digest it has now, since no task runs that would show one.
parameters:
  grace:
    type: string
    format: duration
    default: 30m
    description: An image pushed less than this before the scan may still be replicating; most take up to 30 minutes.

examples:
  pass:
    - Resources: &nightly
        rule:
          Type: AWS::Events::Rule
          Properties:
            Name: nightly
            ScheduleExpression: cron(0 5 * * ? *)
            Targets:
              - {Id: task, Arn: "arn:aws:ecs:us-east-1:111122223333:cluster/payments", EcsParameters: {TaskDefinitionArn: {Ref: task}}}
              - {Id: log, Arn: "arn:aws:logs:us-east-1:111122223333:log-group:x"}
        task: &task
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: nightly
            ContainerDefinitions:
              - {Name: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job:3"}
              - {Name: proxy, Image: "public.ecr.aws/nginx/nginx:1.27"}
      Images: &copied
        - {Repository: shop/job, Digest: job-3, Tags: ["3"]}
        - {Repository: shop/job, Digest: job-3, Region: us-west-2}
    - Resources: &by-arn  # by the family, as an account shows it; neither another family nor another Region's is meant
        other:
          Type: AWS::ECS::TaskDefinition
          Properties: {Family: other, ContainerDefinitions: [{Name: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/gone:3"}]}
        west:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: nightly, ContainerDefinitions: [{Name: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/gone:3"}]}
        rule:
          Type: AWS::Events::Rule
          Properties:
            Name: nightly
            Targets: [{Id: task, EcsParameters: {TaskDefinitionArn: "arn:aws:ecs:us-east-1:111122223333:task-definition/nightly"}}]
        task: *task
      Images: *copied
  fail:
    - Resources: *nightly
      Images: &alone [{Repository: shop/job, Digest: job-3, Tags: ["3"]}, {Repository: shop/job, Region: us-west-2}]
    - Resources: *by-arn
      Images: *alone
    - Resources: *nightly  # the repository is not there
      Images: [{Repository: shop/job, Digest: job-3, Tags: ["3"]}]
    - Resources: *nightly  # the tag is there, and means another image
      Images:
        - {Repository: shop/job, Digest: job-3, Tags: ["3"], PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/job, Digest: job-2, Tags: ["3"], Region: us-west-2}
    - Resources: *nightly
      Images: &young
        - {Repository: shop/job, Digest: job-3, Tags: ["3"], PushedAt: "2026-10-31T23:31:00Z"}
        - {Repository: shop/job, Region: us-west-2}
      Parameters: {grace: 5m}
    - Resources: *nightly  # the copy was archived, since nobody pulls it
      Images: [{Repository: shop/job, Digest: job-3, Tags: ["3"]}, {Repository: shop/job, Digest: job-3, Status: ARCHIVED, Region: us-west-2}]
  unknown:
    - Resources: *nightly  # it is on its way back
      Images: [{Repository: shop/job, Digest: job-3, Tags: ["3"]}, {Repository: shop/job, Digest: job-3, Status: ACTIVATING, Region: us-west-2}]
    - Resources: *nightly  # it may still be on its way
      Images: *young
    - Resources: *nightly  # nothing says which image the tag means
      Images: [{Repository: shop/job, Digest: job-3}, {Repository: shop/job, Digest: job-3, Region: us-west-2}]
    - Resources:  # the task definition was not seen
        rule:
          Type: AWS::Events::Rule
          Properties: {Name: nightly, Targets: [{Id: task, EcsParameters: {TaskDefinitionArn: {Ref: Definition}}}]}
    - Resources:
        rule:
          Type: AWS::Events::Rule
          Properties:
            Name: nightly
            Targets: [{Id: task, EcsParameters: {TaskDefinitionArn: "arn:aws:ecs:us-east-1:111122223333:task-definition/nightly:7"}}]
    - Resources: {rule: {Type: AWS::Events::Rule, Properties: {Name: nightly, Targets: {Unknown: "events:ListTargetsByRule was denied"}}}}
    - Resources: *nightly
      Images: [{Repository: shop/job, Digest: job-3, Tags: ["3"]}]
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
  not_applicable:
    - {Name: alarm, Targets: [{Id: topic, Arn: "arn:aws:sns:us-east-1:111122223333:alarm"}]}
    - {Name: nightly, State: DISABLED, Targets: [{Id: task, EcsParameters: {TaskDefinitionArn: nightly}}]}
    - Resources:  # nothing of it is in a private registry
        rule:
          Type: AWS::Events::Rule
          Properties: {Name: nightly, Targets: [{Id: task, EcsParameters: {TaskDefinitionArn: {Ref: task}}}]}
        task:
          Type: AWS::ECS::TaskDefinition
          Properties: {Family: nightly, ContainerDefinitions: [{Name: job, Image: "busybox:1"}]}
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import Replica

TASK_DEFINITION = "AWS::ECS::TaskDefinition"


def check(twin, model, parameters):
    rule = twin.primary
    if rule["State"] == "DISABLED":
        yield NotApplicable("The rule is disabled, so it starts nothing.")
        return
    targets = rule["Targets"] or []
    started = [number for number in range(len(targets)) if targets[number]["EcsParameters"]]
    if not started:
        yield NotApplicable("The rule starts no ECS task.")
        return
    rows, outcomes = [], []
    for number in started:
        try:
            pointer = f"/Targets/{number}"
            definition = definition_of(targets[number]["EcsParameters"]["TaskDefinitionArn"], rule, model)
            outcomes += judge(definition, pointer, twin.pair, model, parameters["grace"], rows)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(
                Undecided(f"The images of a task that the rule starts were not all seen: {reason}.", pointer)
            )
    if not rows and not outcomes:
        yield NotApplicable("None of the images it runs is in a private ECR registry of yours.")
        return
    yield Evidence(containers=rows)
    yield from outcomes


def definition_of(id, rule, model):
    """Return a task definition by its id or, for an ARN without a revision, the newest of its family."""
    family, _, revision = id.rpartition("/")[2].partition(":")
    if not revision and id.startswith("arn:"):
        found = [one for one in model.of_type(TASK_DEFINITION) if one.name == family and one.place == rule.place]
        definition = max(found, key=revision_of, default=None)
    else:
        definition = model.get(TASK_DEFINITION, id)
    if definition is None:
        raise InsufficientData(f"the task definition '{id}' was not seen")
    return definition


def revision_of(definition):
    revision = definition.id.rpartition(":")[2]
    return int(revision) if revision.isdecimal() else 0


def judge(definition, pointer, pair, model, grace, rows):
    for container in definition["ContainerDefinitions"] or ():
        image = {"ContainerName": container["Name"], "Image": container["Image"], "ImageDigest": None}
        replica = Replica(model, pair, [image], 0)
        if replica.external:
            continue
        rows.append(
            {
                "container": replica.container,
                "repository": str(replica.source),
                "digest": replica.digest,
                "exists": replica.image is not None,
            }
        )
        if replica.image is None:
            yield absent(definition, replica, model, grace, pointer)
        elif replica.image.status != "ACTIVE":
            yield archived(definition, replica, pointer)


def absent(definition, replica, model, grace, pointer):
    what = f"'{definition.name}' runs '{replica.source.name}@{replica.digest}'"
    where = f"the registry of '{replica.repository.account}/{replica.repository.region}' does not hold"
    pushed_at = replica.original and replica.original.pushed_at
    if pushed_at and pushed_at > model.as_of - grace:
        return Undecided(f"{what}, which {where}; pushed at '{pushed_at.isoformat()}', it may be replicating.", pointer)
    return Violation(f"{what}, which {where}; the job could not start there.", pointer)


def archived(definition, replica, pointer):
    what = f"'{definition.name}' runs '{replica.source.name}@{replica.digest}'"
    where = f"which is '{replica.image.status}' in '{replica.repository.account}/{replica.repository.region}'"
    if replica.image.status == "ACTIVATING":
        return Undecided(f"{what}, {where}; it can be pulled when that is done.", pointer)
    return Violation(f"{what}, {where}; the job could not start there.", pointer)
