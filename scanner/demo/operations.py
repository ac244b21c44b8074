"""What deploys, starts and recovers the demo's workloads, as AWS describes it: stacks, pipelines, events, functions.

A service of which a place tells nothing answers that it has nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from scanner.demo.registry import Registries
from scanner.demo.words import Recorder, epoch, rfc3339, sha256, uuid
from scanner.recorded import Call

_CREATED = datetime.fromisoformat("2026-01-12T09:00:00Z")


def calls(recorder: Recorder, described: Mapping[str, Any], registries: Registries) -> Iterator[Call]:
    """Return what these services answer about one place."""
    yield from _functions(recorder, described.get("functions", {}), registries)
    yield from _stacks(recorder, described.get("stacks", {}))
    yield from _pipelines(recorder, described.get("pipelines", {}))
    yield from _rules(recorder, described.get("events", {}))
    yield from _plans(recorder, described.get("plans", {}))
    yield from _jobs(recorder, described.get("schedules", {}))


def _functions(recorder: Recorder, functions: Mapping[str, Any], registries: Registries) -> Iterator[Call]:
    found = [_function(recorder, name, described) for name, described in sorted(functions.items())]
    yield recorder.answered("lambda", "ListFunctions", {}, {"Functions": found})
    for function in found:
        name, image = function["FunctionName"], functions[function["FunctionName"]]["image"]
        yield recorder.answered("lambda", "ListAliases", {"FunctionName": name}, {"Aliases": []})
        repository, _, tag = image.partition(":")
        uri = f"{recorder.account}.dkr.ecr.{recorder.place.region}.amazonaws.com/{repository}"
        digest = registries.digest_of(recorder.place, repository, tag)
        code = {"RepositoryType": "ECR", "ImageUri": f"{uri}:{tag}", "ResolvedImageUri": f"{uri}@{digest}"}
        asked = {"FunctionName": name, "Qualifier": "$LATEST"}
        yield recorder.answered("lambda", "GetFunction", asked, {"Configuration": function, "Code": code, "Tags": {}})


def _function(recorder: Recorder, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "FunctionName": name,
        "FunctionArn": recorder.arn("lambda", f"function:{name}"),
        "Role": recorder.role(f"lambda-{name}"),
        "PackageType": "Image",
        "Architectures": [described.get("architecture", "arm64")],
        "Version": "$LATEST",
        "CodeSize": 0,
        "Timeout": 30,
        "MemorySize": 512,
        "LastModified": "2026-09-14T08:00:00.000+0000",
        "State": "Active",
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""},
    }


def _stacks(recorder: Recorder, stacks: Mapping[str, Any]) -> Iterator[Call]:
    ids = {name: recorder.arn("cloudformation", f"stack/{name}/{uuid(f'{recorder.place} {name}')}") for name in stacks}
    found = [
        {
            "StackId": ids[name],
            "StackName": name,
            "CreationTime": rfc3339(_CREATED),
            "StackStatus": described["status"],
            "DriftInformation": {
                "StackDriftStatus": described["drift"],
                "LastCheckTimestamp": rfc3339(described["looked_at"]),
            },
            "Tags": [],
        }
        for name, described in sorted(stacks.items())
    ]
    yield recorder.answered("cloudformation", "DescribeStacks", {}, {"Stacks": found})
    for name in sorted(stacks):
        asked = {"StackName": ids[name], "TemplateStage": "Processed"}
        resources = {id: {"Type": type} for id, type in stacks[name].get("resources", {}).items()}
        yield recorder.answered("cloudformation", "GetTemplate", asked, {"TemplateBody": {"Resources": resources}})
    asked = {"Status": "ACTIVE", "CallAs": "SELF"}
    yield recorder.answered("cloudformation", "ListStackSets", asked, {"Summaries": []})


def _pipelines(recorder: Recorder, pipelines: Mapping[str, Any]) -> Iterator[Call]:
    listed = [{"name": name, "version": 1, "pipelineType": "V2"} for name in sorted(pipelines)]
    yield recorder.answered("codepipeline", "ListPipelines", {}, {"pipelines": listed})
    for name in sorted(pipelines):
        answer = {
            "pipeline": _pipeline(recorder, name, pipelines[name]),
            "metadata": {"pipelineArn": recorder.arn("codepipeline", name)},
        }
        yield recorder.answered("codepipeline", "GetPipeline", {"name": name}, answer)
    yield recorder.answered("codebuild", "ListProjects", {}, {"projects": []})


def _pipeline(recorder: Recorder, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    repository, _, tag = described["image"].partition(":")
    source = {
        "name": "Image",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "ECR", "version": "1"},
        "runOrder": 1,
        "configuration": {"RepositoryName": repository, "ImageTag": tag},
    }
    deploys = [
        {
            "name": f"Deploy-{region}",
            "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "ECS", "version": "1"},
            "runOrder": 1,
            "region": region,
            "configuration": {"ClusterName": described["cluster"], "ServiceName": described["service"]},
        }
        for region in described["regions"]
    ]
    store = {"type": "S3", "location": described["bucket"]}
    return {
        "name": name,
        "roleArn": recorder.role("codepipeline"),
        "artifactStore": store,
        "stages": [{"name": "Source", "actions": [source]}, {"name": "Deploy", "actions": deploys}],
        "version": 1,
        "pipelineType": "V2",
    }


def _rules(recorder: Recorder, rules: Mapping[str, Any]) -> Iterator[Call]:
    found = [
        {
            "Name": name,
            "Arn": recorder.arn("events", f"rule/{name}"),
            "State": described.get("state", "ENABLED"),
            "EventBusName": "default",
            **({"ScheduleExpression": described["schedule"]} if "schedule" in described else {}),
            **({"EventPattern": json.dumps(described["pattern"])} if "pattern" in described else {}),
        }
        for name, described in sorted(rules.items())
    ]
    yield recorder.answered("events", "ListRules", {}, {"Rules": found})
    for name in sorted(rules):
        targets = [_target(recorder, name, rules[name])]
        yield recorder.answered("events", "ListTargetsByRule", {"Rule": name}, {"Targets": targets})


def _target(recorder: Recorder, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    if "topic" in described:
        return {"Id": "topic", "Arn": recorder.arn("sns", described["topic"])}
    cluster, _, family = described["task"].partition("/")
    definition = recorder.arn("ecs", f"task-definition/{cluster}-{family}")
    parameters = {"TaskDefinitionArn": definition, "TaskCount": 1, "LaunchType": "FARGATE"}
    arn = recorder.arn("ecs", f"cluster/{cluster}")
    return {"Id": name, "Arn": arn, "RoleArn": recorder.role("events"), "EcsParameters": parameters}


def _jobs(recorder: Recorder, schedules: Mapping[str, Any]) -> Iterator[Call]:
    """Return the schedules of EventBridge Scheduler; nobody here uses Step Functions or AWS Batch."""
    found = {name: _target(recorder, name, described) for name, described in sorted(schedules.items())}
    listed = [
        {"Name": name, "GroupName": "default", "State": "ENABLED", "Target": {"Arn": target["Arn"]}}
        for name, target in found.items()
    ]
    yield recorder.answered("scheduler", "ListSchedules", {}, {"Schedules": listed})
    for name, target in found.items():
        named = {"Name": name, "GroupName": "default"}
        told = {key: value for key, value in target.items() if key != "Id"}
        answer = {**named, "State": "ENABLED", "ScheduleExpression": schedules[name]["schedule"], "Target": told}
        yield recorder.answered("scheduler", "GetSchedule", named, answer)
    yield recorder.answered("stepfunctions", "ListStateMachines", {}, {"stateMachines": []})
    yield recorder.answered("batch", "DescribeJobDefinitions", {"status": "ACTIVE"}, {"jobDefinitions": []})


def _plans(recorder: Recorder, plans: Mapping[str, Any]) -> Iterator[Call]:
    arns = {name: f"arn:aws:arc-region-switch::{recorder.account}:plan/{name}:{sha256(name)[:6]}" for name in plans}
    found = [_plan(recorder, name, arns[name], plans[name]) for name in sorted(plans)]
    yield recorder.answered("arc-region-switch", "ListPlansInRegion", {}, {"plans": found})
    for plan in found:
        described, arn = plans[plan["name"]], plan["arn"]
        workflows = [
            {
                "workflowTargetAction": "activate",
                "steps": [
                    {
                        "name": "Scale the services",
                        "executionBlockType": "ECSServiceScaling",
                        "executionBlockConfiguration": {
                            "ecsCapacityIncreaseConfig": {
                                "timeoutMinutes": 20,
                                "services": _scaled(recorder, described),
                            }
                        },
                    }
                ],
            }
        ]
        answer = {"plan": {**plan, "workflows": workflows, "executionRole": recorder.role("region-switch")}}
        yield recorder.answered("arc-region-switch", "GetPlanInRegion", {"arn": arn}, answer)
        evaluation = {
            "planArn": arn,
            "evaluationState": "passed",
            "lastEvaluationTime": recorder.at,
            "lastEvaluatedVersion": "3",
            "region": recorder.place.region,
            "warnings": [],
        }
        yield recorder.answered("arc-region-switch", "GetPlanEvaluationStatus", {"planArn": arn}, evaluation)
        executions = [_execution(arn, execution) for execution in described.get("executions", ())]
        yield recorder.answered("arc-region-switch", "ListPlanExecutions", {"planArn": arn}, {"items": executions})


def _scaled(recorder: Recorder, described: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the services that a plan scales, in each of its Regions."""
    arns = [
        (f"arn:aws:ecs:{region}:{recorder.account}", cluster, service)
        for region in described["regions"]
        for cluster, _, service in (name.partition("/") for name in described["services"])
    ]
    return [
        {"clusterArn": f"{arn}:cluster/{cluster}", "serviceArn": f"{arn}:service/{cluster}/{service}"}
        for arn, cluster, service in arns
    ]


def _plan(recorder: Recorder, name: str, arn: str, described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": arn,
        "owner": recorder.account,
        "name": name,
        "regions": list(described["regions"]),
        "recoveryApproach": "activePassive",
        "primaryRegion": described["regions"][0],
        "recoveryTimeObjectiveMinutes": described["rto_minutes"],
        "version": "3",
        "updatedAt": epoch(_CREATED),
        "description": "",
    }


def _execution(arn: str, described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "planArn": arn,
        "executionId": uuid(f"{arn} {described['at']}"),
        "version": "3",
        "mode": described.get("mode", "graceful"),
        "executionState": "completed",
        "executionAction": "activate",
        "executionRegion": described["region"],
        "startTime": epoch(described["at"]),
        "endTime": epoch(described["at"]) + described["took_seconds"],
        "updatedAt": epoch(described["at"]) + described["took_seconds"],
        "actualRecoveryTime": f"PT{described['took_seconds'] // 60}M{described['took_seconds'] % 60}S",
    }
