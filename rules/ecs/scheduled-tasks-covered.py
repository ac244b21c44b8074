r"""
title: Images of tasks that schedules, events and jobs start are in the standby
severity: medium
link: digest
resource:
  - AWS::Batch::JobDefinition
  - AWS::Events::Rule
  - AWS::Scheduler::Schedule
  - AWS::StepFunctions::StateMachine
needs: [AWS::ECS::TaskDefinition, AWS::ECR::Repository, AWS::ECR::Image]
across: standby
rationale: |
  A task that a schedule, an event, a state machine or AWS Batch starts is no service, and between its runs ECS shows
  nothing of it. It is the workload that recovery plans forget: the nightly settlement, the import, the clean-up. Its
  image has to be in the standby's registry as well, though nothing runs at the moment.
remediation: |
  Replicate the repository, and copy what is there already:

      aws ecr start-replication-backfill --region <primary> --destination region=<standby>,registryId=<account>
      oras cp -r <account>.dkr.ecr.<primary>.amazonaws.com/<repository>@<digest> \
          <account>.dkr.ecr.<standby>.amazonaws.com/<repository>

  and declare what starts it (`AWS::Events::Rule`, `AWS::Scheduler::Schedule`, `AWS::StepFunctions::StateMachine`,
  `AWS::Batch::JobDefinition`) and its task definition in the standby's stack too (`aws_cloudwatch_event_target`,
  `aws_scheduler_schedule`, `aws_sfn_state_machine`, `aws_batch_job_definition` in Terraform). A job that nobody needs during a failover is declared out by an exemption with the reason.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/tasks-scheduled-eventbridge-rule.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/tasks-scheduled-eventbridge-scheduler.html
  - https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
  - https://docs.aws.amazon.com/batch/latest/userguide/job_definitions.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
controls:
  aws-well-architected: [REL13-BP02]
traps:
  - A rule or schedule that is disabled starts nothing, and one that starts something else than ECS tasks has no images; neither is judged.
  - A schedule that calls the operation RunTask itself names the task in its input, which is not read, so it is undecided.
  - A state machine may make up the task definition while it runs; such a state is undecided, the others are judged.
  - States inside of parallel and map states run tasks like any other, and so do the nodes of a job that has several.
  - Of a job definition the newest active revision is judged; whether jobs are submitted with an older one is not seen.
  - What a program starts by itself (RunTask, SubmitJob) leaves no trace in configuration; of AWS Batch the job definition is there all the same.
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
    - Resources: &schedule
        nightly:
          Type: AWS::Scheduler::Schedule
          Properties:
            Name: nightly
            GroupName: default
            Target: {Arn: "arn:aws:ecs:us-east-1:111122223333:cluster/payments", EcsParameters: {TaskDefinitionArn: {Ref: task}}}
        task: *task
      Images: *copied
    - Resources: &machine  # by the name of the family, by the ARN, and inside of other states
        settle:
          Type: AWS::StepFunctions::StateMachine
          Properties:
            StateMachineName: settle
            DefinitionString: |
              {"StartAt": "Each", "States": {
                "Each": {"Type": "Map", "ItemProcessor": {"States": {
                  "Old": {"Type": "Map", "Iterator": {"States": {
                    "Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Parameters": {"TaskDefinition": "nightly"}}}}}}}},
                "Both": {"Type": "Parallel", "Branches": [{"States": {
                  "Task": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ecs:runTask", "Arguments": {"TaskDefinition": "arn:aws:ecs:us-east-1:111122223333:task-definition/nightly"}}}}]},
                "Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}},
                "Wait": {"Type": "Wait"}}}
        other: {Type: AWS::ECS::TaskDefinition, Properties: {Family: other, ContainerDefinitions: [{Name: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/gone:3"}]}}
        west: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: nightly, ContainerDefinitions: [{Name: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/gone:3"}]}}
        task: *task
      Images: *copied
    - Resources:  # a template that writes the states as an object, and the task as a substitution
        settle: &substituted
          Type: AWS::StepFunctions::StateMachine
          Properties:
            StateMachineName: settle
            DefinitionString: null
            Definition: {States: {Run: {Type: Task, Resource: "arn:aws:states:::ecs:runTask", Parameters: {TaskDefinition: "${Task}"}}}}
            DefinitionSubstitutions: {Task: {Ref: task}}
        task: *task
      Images: *copied
    - Resources: &job
        import:
          Type: AWS::Batch::JobDefinition
          Properties: {JobDefinitionName: import, Type: container, ContainerProperties: {Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job:3"}}
      Images: *copied
    - Resources: &jobs  # as tasks of ECS, as pods of EKS, on several nodes
        tasks: {Type: AWS::Batch::JobDefinition, Properties: {JobDefinitionName: tasks, EcsProperties: {TaskProperties: [{Containers: [{Name: log, Image: "busybox:1"}, {Name: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job:3"}]}]}}}
        pods: {Type: AWS::Batch::JobDefinition, Properties: {JobDefinitionName: pods, EksProperties: {PodProperties: {Containers: [{Name: log, Image: "busybox:1"}], InitContainers: [{Name: job, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job:3"}]}}}}
        nodes: {Type: AWS::Batch::JobDefinition, Properties: {JobDefinitionName: nodes, NodeProperties: {NodeRangeProperties: [{TargetNodes: "0:", Container: {Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/job:3"}}]}}}
      Images: *copied
  fail:
    - Resources: *schedule
      Images: &absent [{Repository: shop/job, Digest: job-3, Tags: ["3"]}, {Repository: shop/job, Region: us-west-2}]
    - {Resources: *machine, Images: *absent}
    - {Resources: *job, Images: *absent}
    - {Resources: *jobs, Images: *absent}
    - Resources: {settle: *substituted, task: *task}
      Images: *absent
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
    - Resources: {nightly: {Type: AWS::Scheduler::Schedule, Properties: {Name: nightly, Target: {Arn: "arn:aws:scheduler:::aws-sdk:ecs:runTask", EcsParameters: null}}}}
    - Resources: {nightly: {Type: AWS::Scheduler::Schedule, Properties: {Name: nightly, Target: {Unknown: "scheduler:GetSchedule was denied"}}}}
    - Resources: {settle: {Type: AWS::StepFunctions::StateMachine, Properties: {StateMachineName: settle, DefinitionString: "[redacted]"}}}
    - Resources: {settle: {Type: AWS::StepFunctions::StateMachine, Properties: {StateMachineName: settle, DefinitionString: "[]"}}}
    - Resources: {settle: {Type: AWS::StepFunctions::StateMachine, Properties: {StateMachineName: settle, DefinitionString: '{"States": {"A": []}}'}}}
    - Resources: {settle: {Type: AWS::StepFunctions::StateMachine, Properties: {StateMachineName: settle, DefinitionString: {"Fn::Sub": '{"States": {"${Some.Attribute}": {}}}'}}}}
    - Resources: {settle: {Type: AWS::StepFunctions::StateMachine, Properties: {StateMachineName: settle, DefinitionString: null, Definition: null, DefinitionS3Location: {Bucket: b, Key: k}}}}
    - Resources:  # the task comes from the input
        settle:
          Type: AWS::StepFunctions::StateMachine
          Properties:
            StateMachineName: settle
            DefinitionString: '{"States": {"Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask", "Parameters": {"TaskDefinition.$": "$.task"}}}}'
    - Resources:  # or is made by an expression
        settle:
          Type: AWS::StepFunctions::StateMachine
          Properties:
            StateMachineName: settle
            DefinitionString: '{"States": {"Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask", "Arguments": {"TaskDefinition": "{% $task %}"}}}}'
    - Resources:  # a revision that was not seen
        settle:
          Type: AWS::StepFunctions::StateMachine
          Properties:
            StateMachineName: settle
            DefinitionString: '{"States": {"Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask", "Parameters": {"TaskDefinition": "nightly:7"}}}}'
        task: *task
      Images: *copied
    - Resources:  # a substitution that nobody made
        settle:
          Type: AWS::StepFunctions::StateMachine
          Properties: {StateMachineName: settle, DefinitionString: null, Definition: {States: {Run: {Type: Task, Resource: "arn:aws:states:::ecs:runTask", Parameters: {TaskDefinition: "${Task}"}}}}}
    - Resources: {import: {Type: AWS::Batch::JobDefinition, Properties: {JobDefinitionName: import, EksProperties: {Unknown: not shown}}}}
  not_applicable:
    - Resources: {nightly: {Type: AWS::Scheduler::Schedule, Properties: {Name: nightly, State: DISABLED, Target: {Arn: "arn:aws:scheduler:::aws-sdk:ecs:runTask"}}}}
    - Resources: {nightly: {Type: AWS::Scheduler::Schedule, Properties: {Name: nightly, Target: {Arn: "arn:aws:lambda:us-east-1:111122223333:function:f", EcsParameters: null}}}}
    - Resources: {settle: {Type: AWS::StepFunctions::StateMachine, Properties: {StateMachineName: settle, DefinitionString: '{"States": {"Wait": {"Type": "Wait"}}}'}}}
    - Resources: {import: {Type: AWS::Batch::JobDefinition, Properties: {JobDefinitionName: import, ContainerProperties: {Image: "busybox:1"}}}}
    - Resources: {alarm: {Type: AWS::Events::Rule, Properties: {Name: alarm, Targets: [{Id: topic, Arn: "arn:aws:sns:us-east-1:111122223333:alarm"}]}}}
    - Resources: {nightly: {Type: AWS::Events::Rule, Properties: {Name: nightly, State: DISABLED, Targets: [{Id: task, EcsParameters: {TaskDefinitionArn: nightly}}]}}}
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
from scanner.starters import containers_of_job, is_disabled, started, task_definition
from scanner.workloads import Replica


def check(twin, model, parameters):
    starter = twin.primary
    if is_disabled(starter):
        yield NotApplicable("It is disabled, so it starts nothing.")
        return
    rows, outcomes = [], []
    for pointer, read in groups(starter, model):
        try:
            for at, name, container in read():
                outcomes += judge(at or pointer, name, container, twin.pair, model, parameters["grace"], rows)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"The images of a task that it starts were not all seen: {reason}.", pointer))
    if not rows and not outcomes:
        yield NotApplicable("It starts nothing whose image is in a private ECR registry of yours.")
        return
    yield Evidence(containers=rows)
    yield from outcomes


def groups(starter, model):
    """Yield what is started together: where it is named, and how to read where each container is, whose, and what."""
    for task in started(starter):
        yield task.pointer, (lambda task=task: of_task(task, starter, model))
    if starter.type == "AWS::Batch::JobDefinition":
        yield "", (lambda: ((at, starter.name, container) for at, container in containers_of_job(starter)))


def of_task(task, starter, model):
    if task.definition is None:
        raise InsufficientData(task.unknown)
    definition = task_definition(model, task.definition, starter)
    for container in definition["ContainerDefinitions"] or ():
        yield None, definition.name, container


def judge(pointer, name, container, pair, model, grace, rows):
    image = {"ContainerName": container["Name"], "Image": container["Image"], "ImageDigest": None}
    replica = Replica(model, pair, [image], 0)
    if replica.external:
        return
    rows.append(
        {
            "container": replica.container,
            "repository": str(replica.source),
            "digest": replica.digest,
            "exists": replica.image is not None,
        }
    )
    if replica.image is None:
        yield absent(name, replica, model, grace, pointer)
    elif replica.image.status != "ACTIVE":
        yield archived(name, replica, pointer)


def absent(name, replica, model, grace, pointer):
    what = f"'{name}' runs '{replica.source.name}@{replica.digest}'"
    where = f"the registry of '{replica.repository.account}/{replica.repository.region}' does not hold"
    pushed_at = replica.original and replica.original.pushed_at
    if pushed_at and pushed_at > model.as_of - grace:
        return Undecided(f"{what}, which {where}; pushed at '{pushed_at.isoformat()}', it may be replicating.", pointer)
    return Violation(f"{what}, which {where}; the job could not start there.", pointer)


def archived(name, replica, pointer):
    what = f"'{name}' runs '{replica.source.name}@{replica.digest}'"
    where = f"which is '{replica.image.status}' in '{replica.repository.account}/{replica.repository.region}'"
    if replica.image.status == "ACTIVATING":
        return Undecided(f"{what}, {where}; it can be pulled when that is done.", pointer)
    return Violation(f"{what}, {where}; the job could not start there.", pointer)
