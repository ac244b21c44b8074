r"""
title: Task definitions of the standby name nothing in the primary's Region
severity: medium
resource: AWS::ECS::TaskDefinition
rationale: |
  A task definition that was copied from the primary brings the primary's Region along: in `awslogs-region`, in ARNs of
  secrets, in endpoints that variables hold, in ids of file systems. The task starts in the standby as long as the
  primary is there, and stops or writes into nowhere when it is not.
remediation: |
  Take the Region from where the stack is deployed:

      LogConfiguration:
        LogDriver: awslogs
        Options: {awslogs-group: /ecs/api, awslogs-region: !Ref AWS::Region}

  in Terraform `awslogs-region = data.aws_region.current.name` in `container_definitions`. Replicate secrets to the
  standby and name its replicas; give the standby a file system of its own. A reference to the primary that is meant
  (the source of a replication, say) goes into the parameter `allowed_variables`.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CM-6]
traps:
  - A variable may name the primary on purpose, as the source of a replication does; list it in `allowed_variables`.
  - Values of variables are masked in a snapshot, which keeps only the Regions they name; that is all the rule reads.
  - The name of another Region that begins alike, and a Region of no pair, are not the primary.
  - The id of a file system names no Region, so the rule compares it with those that task definitions of the primary mount.
parameters:
  allowed_variables:
    type: array
    items: {type: string}
    default: []
    description: Names of environment variables that may name the primary's Region, with `*` for any characters.

examples:
  pass:
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: &well
            Family: api
            ContainerDefinitions:
              - Name: api
                Image: api
                Command: [serve, --region, us-west-2]
                Environment: [{Name: QUEUE, Value: "https://sqs.us-west-2.amazonaws.com/111122223333/q"}, {Name: EMPTY}]
                Secrets:
                  - {Name: A, ValueFrom: "arn:aws:secretsmanager:us-west-2:111122223333:secret:db-x"}
                  - {Name: B, ValueFrom: /shop/db}  # a parameter's name has no Region
                LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: api, awslogs-region: us-west-2}}
            Volumes: [{Name: data, EFSVolumeConfiguration: {FilesystemId: fs-west}}, {Name: scratch}]
        east:
          Type: AWS::ECS::TaskDefinition
          Properties: {Family: api, Volumes: [{Name: data, EFSVolumeConfiguration: {FilesystemId: fs-east}}]}
    - Resources:  # us-east-10 is not us-east-1, and eu-west-1 is in no pair
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: api, Environment: [{Name: A, Value: us-east-10}, {Name: B, Value: eu-west-1}, {Name: C, Value: plus-east-1}]}
    - Resources: &replicator  # on purpose
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: copy
            ContainerDefinitions:
              - {Name: copy, Image: copy, Environment: [{Name: REPLICATION_SOURCE_BUCKET, Value: "[redacted; mentions us-east-1]"}]}
      Parameters: {allowed_variables: [REPLICATION_SOURCE_*]}
  fail:
    - Resources: *replicator  # an allowance is needed
    - Resources: *replicator
      Parameters: {allowed_variables: [SOURCE_*]}
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: api, LogConfiguration: {LogDriver: awslogs, Options: {awslogs-region: us-east-1}}}
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Image: api
                Secrets: [{Name: DB, ValueFrom: "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-x"}]
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Image: api
                LogConfiguration:
                  LogDriver: splunk
                  SecretOptions: [{Name: splunk-token, ValueFrom: "arn:aws:ssm:us-east-1:111122223333:parameter/splunk"}]
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                Image: api
                RepositoryCredentials: {CredentialsParameter: "arn:aws:secretsmanager:us-east-1:111122223333:secret:hub"}
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, Image: api, EnvironmentFiles: [{Type: s3, Value: "arn:aws:s3:::config-us-east-1/api.env"}]}
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: api, EntryPoint: [sh], Command: [serve, "--zone=us-east-1a"]}]
    - Resources: &mounted
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, Volumes: [{Name: data, EFSVolumeConfiguration: {FilesystemId: fs-east}}]}
        east:
          Type: AWS::ECS::TaskDefinition
          Properties: {Family: other, Volumes: [{Name: data, EFSVolumeConfiguration: {FilesystemId: fs-east}}]}
  unknown:
    - Resources:
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: api, Environment: [{Name: QUEUE, Value: {Ref: Queue}}]}]
    - Resources:  # what the primary mounts was not seen
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, Volumes: [{Name: data, EFSVolumeConfiguration: {FilesystemId: fs-1}}]}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECS::TaskDefinition", Operation: "ecs:DescribeTaskDefinition"}]
    - Resources:  # nobody looked into the primary
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, Volumes: [{Name: data, EFSVolumeConfiguration: {FilesystemId: fs-1}}]}
      Scanned: [us-west-2]
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ContainerDefinitions: {Ref: All}}}
  not_applicable:
    - Resources:  # nothing fails over to the primary
        task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ContainerDefinitions: [{Name: api, Image: api, Environment: [{Name: A, Value: us-east-1}]}]
"""

import re
from fnmatch import fnmatchcase

from scanner.model import InsufficientData
from scanner.recovery import pairs_to
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import regions_that_fail_over_to

TASK_DEFINITION = "AWS::ECS::TaskDefinition"


def check(definition, model, parameters):
    place = definition.place
    lost = regions_that_fail_over_to(model, place) - {place.region}
    if not lost:
        yield NotApplicable("No other Region fails over to this one.")
        return
    yield Evidence(primary_regions=sorted(lost))
    containers = definition["ContainerDefinitions"] or []
    for number in range(len(containers)):
        for read in (variables, log_options, secrets, files, words):
            yield from judge(read, containers, number, lost, parameters["allowed_variables"])
    primaries = {pair.primary for pair in pairs_to(model, place) if pair.primary.region in lost}
    yield from judge_volumes(definition, lost, sorted(primaries), model)


def judge(read, containers, number, lost, allowed):
    """Yield what one kind of field of a container names in the primary; values themselves are not shown."""
    at = f"/ContainerDefinitions/{number}"
    try:
        for what, text, pointer in read(containers[number], allowed):
            named = sorted(region for region in lost if names(text, region))
            if named:
                yield Violation(
                    f"{what} of container '{containers[number]['Name']}' names '{named[0]}', which the standby has to do "
                    "without; its own Region was expected.",
                    f"{at}{pointer}",
                )
    except InsufficientData as gap:
        reason = str(gap).rstrip(".")
        yield Undecided(f"What container {number + 1} of {len(containers)} names was not all seen: {reason}.", at)


def names(text, region):
    return re.search(rf"(?<![A-Za-z0-9]){region}(?![0-9])", text or "") is not None


def variables(container, allowed):
    for number, variable in enumerate(container["Environment"] or ()):
        name = variable["Name"]
        if not any(fnmatchcase(name, pattern) for pattern in allowed):
            yield f"Variable '{name}'", variable["Value"], f"/Environment/{number}"


def log_options(container, _):
    options = (container["LogConfiguration"] or {}).get("Options") or {}
    for key, value in options.items():
        yield f"Log option '{key}'", value, "/LogConfiguration"


def secrets(container, _):
    logging = container["LogConfiguration"] or {}
    given = ((container["Secrets"], "/Secrets"), (logging.get("SecretOptions"), "/LogConfiguration/SecretOptions"))
    for found, pointer in given:
        for number, secret in enumerate(found or ()):
            yield f"Secret '{secret['Name']}'", secret["ValueFrom"], f"{pointer}/{number}"
    credentials = container["RepositoryCredentials"] or {}
    yield "The registry credential", credentials.get("CredentialsParameter"), "/RepositoryCredentials"


def files(container, _):
    for number, file in enumerate(container["EnvironmentFiles"] or ()):
        yield "An environment file", file["Value"], f"/EnvironmentFiles/{number}"


def words(container, _):
    for member in ("Command", "EntryPoint"):
        for number, word in enumerate(container[member] or ()):
            yield f"The {member}", word, f"/{member}/{number}"


def judge_volumes(definition, lost, primaries, model):
    """Yield the file systems that the primaries' task definitions mount too: each exists in one Region alone."""
    for number, volume in enumerate(definition["Volumes"] or ()):
        id = (volume["EFSVolumeConfiguration"] or {}).get("FilesystemId")
        if not id:
            continue
        other = next((one for one in mounting(id, primaries, model)), None)
        if other or any(names(id, region) for region in lost):
            yield Violation(
                f"Volume '{volume['Name']}' is the file system '{id}', which is in the primary's Region; one in the "
                "standby was expected.",
                f"/Volumes/{number}",
                (other,) if other else (),
            )


def mounting(id, primaries, model):
    """Yield the task definitions of the primaries that mount a file system; raise if there may be others."""
    for other in (one for place in primaries for one in model.in_place(TASK_DEFINITION, place)):
        for volume in other["Volumes"] or ():
            if (volume["EFSVolumeConfiguration"] or {}).get("FilesystemId") == id:
                yield other
    for place in primaries:
        if place not in model.scanned:
            raise InsufficientData(f"which file systems '{place}' mounts was not seen: it was not scanned")
        if gap := model.hidden(TASK_DEFINITION, place):
            raise InsufficientData(f"which file systems the primary mounts was not all seen: {gap}")
