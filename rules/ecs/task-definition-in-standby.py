r"""
title: What starts single tasks finds their task definitions in the standby
severity: high
link: definition
resource:
  - AWS::ECS::Task
  - AWS::Events::Rule
  - AWS::Scheduler::Schedule
  - AWS::StepFunctions::StateMachine
  - AWS::Batch::JobDefinition
needs: [AWS::ECS::TaskDefinition, AWS::ECS::TaskDefinitionFamily]
across: standby
rationale: |
  Task definitions, schedules, state machines and job definitions belong to one Region, and nothing copies them. A task
  that no service keeps running is looked at by nobody while the standby waits: its image is replicated, and there is no
  task definition to start it from, or nothing that would start it.
remediation: |
  Register the task definition in the standby, with the standby's registry in its images, from the code of the primary's:

      aws ecs register-task-definition --region <standby> --cli-input-json file://<family>.json

  and declare there what starts it, disabled while the primary runs (`State: DISABLED` of `AWS::Events::Rule` and
  `AWS::Scheduler::Schedule`; `aws_cloudwatch_event_rule`, `aws_scheduler_schedule` in Terraform). In CloudFormation
  `AWS::ECS::TaskDefinition`, in Terraform `aws_ecs_task_definition`. A job that nobody needs during a failover is
  declared out by an exemption with the reason.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definitions.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/standalone-tasks.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_disaster_recovery.html
controls:
  aws-well-architected: [REL13-BP02]
traps:
  - A task definition that nothing uses is in no description of a service or task; the families that have an active revision are listed for this.
  - A family may carry the Region in its name, which in the standby is the standby's.
  - A rule or schedule that is disabled in the primary starts nothing; one that is disabled in the standby waits there, and is right.
  - A rule that starts something else than ECS tasks has no task definition, and is not judged.
  - A state machine may make up the task definition while it runs, which is undecided.
  - A task may be started by hand or by a program, so that what starts it is missing is a lesser failure than that its definition is, and is not told beside it.
examples:
  pass:
    - Resources:
        job: &job {Type: AWS::ECS::Task, Properties: {Cluster: shop, Group: "family:nightly", TaskDefinition: {Ref: here}}}
        here: &here {Type: AWS::ECS::TaskDefinition, Properties: {Family: nightly}}
        there: &there {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: nightly}}
    - Resources:  # as an account shows it: nothing in the standby uses it
        job: *job
        here: *here
        there: &family {Type: AWS::ECS::TaskDefinitionFamily, Region: us-west-2, Properties: {Family: nightly}}
    - Resources:  # each is named after its Region
        job: {Type: AWS::ECS::Task, Properties: {Cluster: shop, Group: job, TaskDefinition: {Ref: here}}}
        here: {Type: AWS::ECS::TaskDefinition, Properties: {Family: nightly-us-east-1}}
        there: {Type: AWS::ECS::TaskDefinitionFamily, Region: us-west-2, Properties: {Family: nightly-us-west-2}}
    - Resources:  # the standby's waits
        rule: &rule {Type: AWS::Events::Rule, Properties: {Name: nightly, State: ENABLED, Targets: [{Id: task, EcsParameters: {TaskDefinitionArn: {Ref: here}}}, {Id: log, Arn: "arn:aws:logs:us-east-1:111122223333:log-group:x", EcsParameters: null}]}}
        here: *here
        other: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: nightly, State: DISABLED, Targets: []}}
        there: *family
    - Resources:
        nightly: &schedule {Type: AWS::Scheduler::Schedule, Properties: {Name: nightly, GroupName: default, State: ENABLED, Target: {Arn: "arn:aws:ecs:us-east-1:111122223333:cluster/shop", EcsParameters: {TaskDefinitionArn: "arn:aws:ecs:us-east-1:111122223333:task-definition/nightly:7"}}}}
        other: {Type: AWS::Scheduler::Schedule, Region: us-west-2, Properties: {Name: nightly, GroupName: default}}
        there: *family
    - Resources:
        settle: &machine
          Type: AWS::StepFunctions::StateMachine
          Properties:
            StateMachineName: settle
            DefinitionString: '{"States": {"Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask", "Parameters": {"TaskDefinition": "nightly"}}}}'
        other: {Type: AWS::StepFunctions::StateMachine, Region: us-west-2, Properties: {StateMachineName: settle}}
        there: *family
    - Resources:
        import: &import {Type: AWS::Batch::JobDefinition, Properties: {JobDefinitionName: import, Type: container}}
        other: {Type: AWS::Batch::JobDefinition, Region: us-west-2, Properties: {JobDefinitionName: import, Type: container}}
    - Resources: {job: *job, here: *here, there: *family}  # others were not described
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::TaskDefinition", Operation: "ecs:DescribeTaskDefinition", Region: us-west-2}]
    - Resources: {job: *job, here: *here, there: *there}  # nobody may list families
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::TaskDefinitionFamily", Operation: "ecs:ListTaskDefinitionFamilies", Region: us-west-2}]
  fail:
    - Resources: &alone {job: *job, here: *here}
    - Resources:  # another family
        job: *job
        here: *here
        there: {Type: AWS::ECS::TaskDefinitionFamily, Region: us-west-2, Properties: {Family: weekly}}
    - Resources: {rule: *rule, here: *here, there: *family}  # nothing starts it there
    - Resources: {rule: *rule, here: *here, other: {Type: AWS::Events::Rule, Region: us-west-2, Properties: {Name: nightly, Targets: []}}}
    - Resources: {nightly: *schedule, other: {Type: AWS::Scheduler::Schedule, Region: us-west-2, Properties: {Name: nightly, GroupName: default}}}
    - Resources: {settle: *machine, there: *family}
    - Resources: {import: *import}
  unknown:
    - Resources: *alone
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::TaskDefinitionFamily", Operation: "ecs:ListTaskDefinitionFamilies", Region: us-west-2}]
    - Resources: *alone
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::TaskDefinition", Operation: "ecs:DescribeTaskDefinition", Region: us-west-2}]
    - Resources: {job: {Type: AWS::ECS::Task, Properties: {Cluster: shop, Group: "family:nightly", TaskDefinition: {Ref: Definition}}}}
    - Resources: {rule: {Type: AWS::Events::Rule, Properties: {Name: nightly, Targets: {Unknown: "events:ListTargetsByRule was denied"}}}}
    - Resources: {rule: *rule, here: *here, there: *family}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::Events::Rule", Operation: "events:ListRules", Region: us-west-2}]
    - Resources:  # the task comes from the input
        settle:
          Type: AWS::StepFunctions::StateMachine
          Properties:
            StateMachineName: settle
            DefinitionString: '{"States": {"Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask", "Parameters": {"TaskDefinition.$": "$.task"}}}}'
        other: {Type: AWS::StepFunctions::StateMachine, Region: us-west-2, Properties: {StateMachineName: settle}}
    - Resources: {import: *import}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::Batch::JobDefinition", Operation: "batch:DescribeJobDefinitions", Region: us-west-2}]
  not_applicable:
    - Resources: *alone  # with backup and restore they are registered when they are needed
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources: {alarm: {Type: AWS::Events::Rule, Properties: {Name: alarm, Targets: [{Id: topic, Arn: "arn:aws:sns:us-east-1:111122223333:alarm", EcsParameters: null}]}}}
    - Resources: {nightly: {Type: AWS::Events::Rule, Properties: {Name: nightly, State: DISABLED, Targets: [{Id: task, EcsParameters: {TaskDefinitionArn: nightly}}]}}}
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.starters import JOB_DEFINITION, RULE, SCHEDULE, STATE_MACHINE, Started, family, is_disabled, started
from scanner.workloads import TASK_DEFINITION, definition_of

TASK, FAMILY = "AWS::ECS::Task", "AWS::ECS::TaskDefinitionFamily"
KINDS = {
    RULE: "EventBridge rule",
    SCHEDULE: "schedule",
    STATE_MACHINE: "state machine",
    JOB_DEFINITION: "job definition",
}


def check(twin, model, parameters):
    primary, pair = twin.primary, twin.pair
    if pair.dr_class == "backup-restore":
        yield NotApplicable("With backup and restore it is registered when it is needed.")
        return
    if is_disabled(primary):
        yield NotApplicable("It is disabled, so it starts nothing.")
        return
    tasks = started_by(primary, model)
    if not tasks and primary.type != JOB_DEFINITION:
        yield NotApplicable("It starts no ECS tasks.")
        return
    needed = {}
    for task in tasks:
        if task.definition is None:
            yield Undecided(f"The task definition of a task was not seen: {task.unknown.rstrip('.')}.", task.pointer)
        else:
            needed.setdefault(family(model, task.definition), task.pointer)
    yield Evidence(families=sorted(needed))
    broken = False
    for name, pointer in needed.items():
        for outcome in unless_unseen(judge_family, twin, name, pointer):
            broken = True
            yield outcome
    if primary.type != TASK and not broken:
        yield from unless_unseen(judge_starter, twin)


def started_by(primary, model):
    if primary.type == TASK:
        return [Started("/TaskDefinition", definition_of(primary, model).id)]
    return started(primary)


def unless_unseen(judge, twin, *arguments):
    """Yield what one part of the rule finds; if it cannot judge, the other parts still do."""
    try:
        yield from judge(twin, *arguments)
    except InsufficientData as gap:
        yield Undecided(f"What is in the standby was not seen: {str(gap).rstrip('.')}.")


def judge_family(twin, name, pointer):
    if not exists(twin, name):
        yield Violation(
            f"No task definition of the family '{name}' exists in '{twin.pair.standby}'; one was expected.", pointer
        )


def exists(twin, name):
    """Tell whether a family is in the standby, as one that can be started or as one that something uses."""
    try:
        if twin.find(TASK_DEFINITION, name) is not None:
            return True
    except InsufficientData:
        if twin.find(FAMILY, name) is not None:
            return True
        raise
    return twin.find(FAMILY, name) is not None


def judge_starter(twin):
    """Require what starts tasks, or what jobs are made of, in the standby too."""
    if twin.standby is not None:
        return
    primary = twin.primary
    yield Violation(
        f"No {KINDS[primary.type]} named '{primary.name}' exists in '{twin.pair.standby}'; one was expected.",
        severity=None if primary.type == JOB_DEFINITION else "medium",
    )
