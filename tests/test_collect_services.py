"""Secrets, parameters, pipelines, builds, buckets, rules, quotas, plans, images in use: what their answers mean."""

from __future__ import annotations

import copy
import json

import botocore.session
import pytest
from stub_aws import ACCOUNT, REGION, SECRET

from scanner.collectors import COLLECTORS, Answers, read, schedules, stepfunctions
from scanner.errors import SnapshotError
from scanner.model import Gap, Resource, Unknown, plain
from scanner.recorded import Call, CallError, Target, redacted
from scanner.redaction import redact
from scanner.snapshot import SnapshotWriter

AT = "2026-11-20T08:00:00Z"
DENIED = CallError("AccessDeniedException", "no", 400, 1)
DIGEST = "sha256:" + "a" * 64
ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf"
TARGETS = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/73e2d6bc24d8a067"
PLAN = f"arn:aws:arc-region-switch::{ACCOUNT}:plan/shop:abc123"
PLAN_ARN = {"planArn": PLAN}
STATE = {"status": "ENABLED", "errorCode": "ALREADY_ENABLED", "errorMessage": "-"}
PLANS = {
    "arn": PLAN,
    "owner": ACCOUNT,
    "name": "shop",
    "regions": [REGION, "us-west-2"],
    "recoveryApproach": "activePassive",
}
STEP = {
    "name": "scale",
    "executionBlockType": "ECSServiceScaling",
    "executionBlockConfiguration": {"ecsCapacityIncreaseConfig": {"services": [{"serviceArn": "arn:svc"}]}},
}
QUOTA = {"QuotaName": "n", "Value": 10.0, "Adjustable": True, "Unit": "None"}
IMAGE = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/api/{DIGEST}"
POLICY = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"
DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}]}

ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:settle"
RUN = {
    "Type": "Task",
    "Resource": "arn:aws:states:::ecs:runTask.sync",
    "Parameters": {"TaskDefinition": "nightly:7", "Overrides": {"ContainerOverrides": [{"Command": [SECRET]}]}},
}
STATES = {
    "Run": RUN,
    "Each": {"Type": "Map", "ItemProcessor": {"States": {"Run": {**RUN, "Comment": SECRET}}}},
    "Both": {"Type": "Parallel", "Branches": [{"States": {"Run": RUN}}]},
    "Made": {
        **RUN,
        "Arguments": {"TaskDefinition": "{% " + SECRET + " %}"},
        "Parameters": {"TaskDefinition.$": SECRET},
    },
    "Pass": {"Type": "Pass", "Result": {"token": SECRET}},
}

HEALTHY = {
    "secretsmanager": {
        "ListSecrets": {
            "SecretList": [
                {"ARN": ARN, "Name": "db", "PrimaryRegion": REGION, "Description": SECRET},
                {"ARN": ARN.replace("db", "alone"), "Name": "alone"},
            ]
        },
        "DescribeSecret": {
            "ARN": ARN,
            "Name": "db",
            "ReplicationStatus": [{"Region": "us-west-2", "Status": "InSync", "LastAccessedDate": 1700000000.0}],
        },
    },
    "ssm": {
        "DescribeParameters": {"Parameters": [{"Name": "/shop/db", "Type": "SecureString", "Description": SECRET}]}
    },
    "elbv2": {
        "DescribeTargetGroups": {
            "TargetGroups": [
                {
                    "TargetGroupArn": TARGETS,
                    "TargetGroupName": "web",
                    "TargetType": "ip",
                    "VpcId": "vpc-1",
                    "LoadBalancerArns": [TARGETS.replace("targetgroup/web", "loadbalancer/app/web")],
                }
            ]
        }
    },
    "logs": {
        "DescribeLogGroups": {
            "logGroups": [
                {"logGroupName": "/ecs/web", "creationTime": 1700000000000},
                {"logGroupName": "/ecs/web-old", "creationTime": 1700000000000},
            ]
        }
    },
    "codepipeline": {
        "ListPipelines": {"pipelines": [{"name": "ship"}]},
        "GetPipeline": {
            "pipeline": {
                "name": "ship",
                "roleArn": "arn:aws:iam::111122223333:role/r",
                "artifactStores": {REGION: {"type": "S3", "location": "store"}},
                "stages": [
                    {
                        "name": "Source",
                        "actions": [
                            {
                                "name": "Image",
                                "actionTypeId": {
                                    "category": "Source",
                                    "owner": "AWS",
                                    "provider": "ECR",
                                    "version": "1",
                                },
                                "configuration": {"RepositoryName": "team/api", "UserParameters": SECRET},
                            }
                        ],
                    }
                ],
            },
            "metadata": {"pipelineArn": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:ship"},
        },
    },
    "codebuild": {
        "ListProjects": {"projects": ["build", "gone"]},
        "BatchGetProjects": {
            "projects": [
                {
                    "name": "build",
                    "arn": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/build",
                    "source": {
                        "type": "GITHUB",
                        "location": f"https://me:{SECRET}@github.com/a/b",
                        "buildspec": SECRET,
                    },
                    "environment": {
                        "type": "LINUX_CONTAINER",
                        "image": "img",
                        "computeType": "BUILD_GENERAL1_SMALL",
                        "environmentVariables": [{"name": "TOKEN", "value": SECRET, "type": "PLAINTEXT"}],
                    },
                    "webhook": {"secret": SECRET, "payloadUrl": SECRET},
                }
            ],
            "projectsNotFound": ["gone"],
        },
    },
    "s3": {
        "ListBuckets": {"Buckets": [{"Name": "state"}]},
        "GetBucketVersioning": {"Status": "Enabled"},
        "GetBucketReplication": {
            "ReplicationConfiguration": {
                "Role": "r",
                "Rules": [
                    {
                        "ID": "all",
                        "Status": "Enabled",
                        "Filter": {"Tag": {"Key": "k", "Value": "v"}},
                        "Destination": {"Bucket": "arn:aws:s3:::copy"},
                    }
                ],
            }
        },
    },
    "events": {
        "ListRules": {
            "Rules": [{"Name": "lag", "EventPattern": '{"source": ["aws.ecr"]}', "State": "ENABLED"}, {"Name": "bad"}]
        },
        "ListTargetsByRule": {
            "Targets": [
                {
                    "Id": "1",
                    "Arn": "arn:aws:ecs:x",
                    "Input": SECRET,
                    "EcsParameters": {
                        "TaskDefinitionArn": "arn:td",
                        "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["s"]}},
                    },
                }
            ]
        },
    },
    "scheduler": {
        "ListSchedules": {
            "Schedules": [
                {
                    "Name": "nightly",
                    "GroupName": "default",
                    "State": "ENABLED",
                    "Target": {"Arn": f"{ECS}:cluster/jobs"},
                },
                {"Name": "call", "GroupName": "default", "Target": {"Arn": "arn:aws:lambda:x:1:function:f"}},
            ]
        },
        "GetSchedule": {
            "Name": "nightly",
            "GroupName": "default",
            "ScheduleExpression": "rate(1 day)",
            "Description": SECRET,
            "Target": {
                "Arn": f"{ECS}:cluster/jobs",
                "RoleArn": "arn:aws:iam::111122223333:role/r",
                "Input": SECRET,
                "EcsParameters": {
                    "TaskDefinitionArn": f"{ECS}:task-definition/nightly",
                    "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["s"]}},
                },
            },
        },
    },
    "stepfunctions": {
        "ListStateMachines": {
            "stateMachines": [{"stateMachineArn": MACHINE, "name": "settle", "type": "STANDARD", "creationDate": 1.0}]
        },
        "DescribeStateMachine": {
            "stateMachineArn": MACHINE,
            "name": "settle",
            "roleArn": "arn:aws:iam::111122223333:role/r",
            "description": SECRET,
            "definition": json.dumps({"StartAt": "Run", "Comment": SECRET, "States": STATES}),
        },
    },
    "batch": {
        "DescribeJobDefinitions": {
            "jobDefinitions": [
                {
                    "jobDefinitionName": "import",
                    "jobDefinitionArn": f"arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/import:{revision}",
                    "revision": revision,
                    "status": "ACTIVE",
                    "type": "container",
                    "parameters": {"token": SECRET},
                    "containerProperties": {
                        "image": f"job:{revision}",
                        "command": [SECRET],
                        "environment": [{"name": "TOKEN", "value": SECRET}],
                        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": SECRET}},
                    },
                }
                for revision in (9, 10, 2)
            ]
        },
    },
    "service-quotas": {
        "ListServiceQuotas": {"Quotas": []},
        "ListAWSDefaultServiceQuotas": {
            "Quotas": [
                {**QUOTA, "QuotaCode": code}
                for code in ("L-1216C47A", "L-03A36CE1", "L-CFEB8E8D", "L-1194D53C", "L-3032A538", "L-B99A9384")
            ]
        },
    },
    "arc-region-switch": {
        "ListPlansInRegion": {"plans": [PLANS]},
        "GetPlanInRegion": {
            "plan": {
                **PLANS,
                "executionRole": "arn:aws:iam::111122223333:role/r",
                "workflows": [{"workflowTargetAction": "activate", "steps": [STEP]}],
            }
        },
        "GetPlanEvaluationStatus": {**PLAN_ARN, "evaluationState": "passed", "lastEvaluationTime": 1700000000},
        "ListPlanExecutions": {
            "items": [
                {
                    **PLAN_ARN,
                    "executionId": "e",
                    "startTime": "2026-11-01T00:00:00+00:00",
                    "mode": "graceful",
                    "executionState": "completed",
                    "executionAction": "activate",
                    "executionRegion": "us-west-2",
                    "actualRecoveryTime": "PT12M",
                    "comment": SECRET,
                }
            ]
        },
    },
    "iam": {
        "GetRole": {
            "Role": {
                "Path": "/",
                "RoleName": "pull",
                "RoleId": "AROA1",
                "Arn": f"arn:aws:iam::{ACCOUNT}:role/pull",
                "CreateDate": "2026-01-02T03:04:05Z",
                "Description": SECRET,
                "AssumeRolePolicyDocument": {
                    "Statement": {"Effect": "Allow", "Condition": {"StringEquals": {"sts:ExternalId": SECRET}}}
                },
                "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": POLICY},
            }
        },
        "ListAttachedRolePolicies": {
            "AttachedPolicies": [{"PolicyName": "p", "PolicyArn": POLICY}],
            "IsTruncated": False,
        },
        "GetPolicy": {"Policy": {"Arn": POLICY, "DefaultVersionId": "v3", "Description": SECRET}},
        "GetPolicyVersion": {"PolicyVersion": {"Document": DOCUMENT, "VersionId": "v3", "IsDefaultVersion": True}},
        "ListRolePolicies": {"PolicyNames": ["own"]},
        "GetRolePolicy": {"RoleName": "pull", "PolicyName": "own", "PolicyDocument": DOCUMENT},
    },
    "inspector2": {
        "BatchGetAccountStatus": {
            "accounts": [{"accountId": ACCOUNT, "state": STATE, "resourceState": {"ecr": STATE, "ec2": STATE}}]
        },
        "ListCoverage": {
            "coveredResources": [
                {
                    "resourceType": "AWS_ECR_CONTAINER_IMAGE",
                    "resourceId": IMAGE,
                    "accountId": ACCOUNT,
                    "scanType": "PACKAGE",
                    "resourceMetadata": {"ecrImage": {"inUseCount": 2, "lastInUseAt": 1700000000}},
                }
            ]
        },
    },
}
"""One right answer for every operation, with secrets where people keep them."""


def told(service: str, operation: str, answer: dict) -> Answers:
    """Return the answers of another service of the target, of which there is one."""
    target = Target(ACCOUNT, REGION, "aws", None, (service,))
    return Answers(target, service, [Call(service, operation, {}, ACCOUNT, REGION, 0, answer, None, None, AT)])


def logging(driver: str, **options: str) -> dict:
    """Return a container that logs."""
    return {"name": "web", "logConfiguration": {"logDriver": driver, "options": options}}


LOGGING = [
    logging("awslogs", **{"awslogs-group": "/ecs/web", "awslogs-region": REGION}),
    logging("awslogs", **{"awslogs-group": "/ecs/web"}),
    logging("awslogs", **{"awslogs-group": "/ecs/far", "awslogs-region": "us-west-2"}),
    logging("splunk", **{"splunk-token": SECRET}),
    {"name": "silent"},
]
OTHERS = {
    "iam": {
        "ecs": told(
            "ecs",
            "DescribeTaskDefinition",
            {
                "taskDefinition": {
                    "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/service/pull",
                    "taskRoleArn": "arn:aws:iam::999988887777:role/foreign",
                }
            },
        )
    },
    "logs": {"ecs": told("ecs", "DescribeTaskDefinition", {"taskDefinition": {"containerDefinitions": LOGGING}})},
}
"""What was asked of other services before, by service."""

ASKS = [(service, ask) for service in HEALTHY for ask in COLLECTORS[service].CALLS]
each_ask = pytest.mark.parametrize(("service", "ask"), ASKS, ids=[f"{s}:{a.operation}" for s, a in ASKS])


def asked(service: str, given: dict | None = None, others: dict[str, Answers] | None = None) -> Answers:
    """Return the answers of a service, collected stage by stage, as the live collector does, and redacted."""
    given, others = {**HEALTHY[service], **(given or {})}, others or OTHERS.get(service)
    target = Target(ACCOUNT, REGION, "aws", None, tuple(HEALTHY))
    calls: list[Call] = []
    for ask in COLLECTORS[service].CALLS:
        for parameters in ask.each(Answers(target, service, calls, others)):
            answer = given[ask.operation]
            pages = answer if isinstance(answer, list) else [answer]
            for number, page in enumerate(pages):
                body, error = (None, page) if isinstance(page, CallError) else (copy.deepcopy(page), None)
                given_to = {**ask.parameters, **parameters}
                call = Call(service, ask.operation, given_to, ACCOUNT, REGION, number, body, error, None, AT)
                calls.append(redacted(call))
    return Answers(target, service, calls, others)


def found(answers: Answers) -> tuple[dict[str, Resource], list[Gap]]:
    items = list(COLLECTORS[answers.service].resources(answers))
    resources = {item.name: item for item in items if isinstance(item, Resource)}
    return resources, [item for item in items if isinstance(item, Gap)]


def see(service: str, **given) -> tuple[dict[str, Resource], list[Gap]]:
    return found(asked(service, given))


def strangers(value, shape) -> list[str]:
    """Return the members of an answer that the SDK's model does not have."""
    if isinstance(value, list):
        return [name for item in value for name in strangers(item, shape.member)]
    if not isinstance(value, dict) or shape.type_name == "string":  # the SDK has decoded the JSON of a policy
        return []
    if shape.type_name == "map":
        return [name for item in value.values() for name in strangers(item, shape.value)]
    unknown = [name for name in value if name not in shape.members]
    known = {name: item for name, item in value.items() if name in shape.members}
    return unknown + [name for key, item in known.items() for name in strangers(item, shape.members[key])]


def test_log_groups_are_looked_for_by_their_names():
    answers = asked("logs")
    parameters = [answer.parameters for answer in answers.of(COLLECTORS["logs"].CALLS[0])]
    assert parameters == [{"limit": 50, "logGroupNamePrefix": "/ecs/web"}]
    resources, _ = found(answers)  # one that begins with the same letters is another one
    assert {name: resource.id for name, resource in resources.items()} == {
        "/ecs/web": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/web"
    }
    assert see("logs", DescribeLogGroups={"logGroups": []}) == ({}, [])


def test_target_groups_say_who_sends_to_them():
    resources, _ = see("elbv2")
    web = resources["web"]
    assert (web.id, web["TargetGroupArn"], web["TargetType"], len(web["LoadBalancerArns"])) == (
        TARGETS,
        TARGETS,
        "ip",
        1,
    )
    _, gaps = see("elbv2", DescribeTargetGroups={"TargetGroups": [{"TargetGroupArn": TARGETS}]})
    assert [gap.reason for gap in gaps] == ["MalformedResponse"]


@each_ask
def test_a_call_agrees_with_the_sdk(service, ask):
    model = botocore.session.get_session().get_service_model(service).operation_model(ask.operation)
    assert not ask.answer or ask.answer in model.output_shape.members
    assert set(ask.parameters) <= set(model.input_shape.members)
    request, answer = ask.tokens
    assert ask.paged == (request in model.input_shape.members and answer in model.output_shape.members)
    assert strangers(HEALTHY[service][ask.operation], model.output_shape) == []
    for name in ("MaxResults", "maxResults", "Limit"):
        if name in ask.parameters:
            assert ask.parameters[name] == model.input_shape.members[name].metadata["max"]
    assert ask.operation.startswith(("List", "Describe", "Get", "BatchGet"))
    assert {*ask.types, *ask.fills} <= set(COLLECTORS[service].TYPES)
    assert ask.types or ask.fills


@each_ask
def test_the_parameters_are_those_the_sdk_takes(service, ask):
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model(service).operation_model(ask.operation)
    parameters = list(ask.each(asked(service)))
    assert parameters
    for each in parameters:
        assert not ParamValidator().validate({**ask.parameters, **each}, model.input_shape).has_errors()


@pytest.mark.parametrize("service", HEALTHY)
def test_right_answers_leave_no_gap_and_no_secret(service):
    resources, gaps = see(service)
    assert gaps == []
    assert {r.type for r in resources.values()} == set(COLLECTORS[service].TYPES)
    answers = asked(service)
    recorded = [page for ask in COLLECTORS[service].CALLS for answer in answers.of(ask) for page in answer.pages]
    assert SECRET not in repr(recorded)
    assert SECRET not in repr([plain(resource.properties) for resource in resources.values()])


@each_ask
def test_a_denied_call_is_never_a_fact(service, ask):
    resources, gaps = see(service, **{ask.operation: DENIED})
    name = f"{service}:{ask.operation}"
    assert {(gap.type, gap.reason, gap.operation) for gap in gaps} == {(t, DENIED.code, name) for t in ask.types}
    if not ask.types:
        said = repr([plain(resource.properties) for resource in resources.values()])
        assert "unknown" in said
        assert f"{name} in {ACCOUNT}/{REGION}: {DENIED.code}" in said


@each_ask
@pytest.mark.parametrize("odd", [None, 7, "", "\0", [], {}, {"a": [1]}, [[]]], ids=repr)
def test_odd_members_are_read_without_a_crash(service, ask, odd):
    answer = HEALTHY[service][ask.operation]

    def twisted(value):
        if isinstance(value, list):
            return [twisted(item) for item in value]
        return dict.fromkeys(value, odd) if isinstance(value, dict) else value

    _, gaps = see(service, **{ask.operation: {key: twisted(value) for key, value in answer.items()}})
    assert all(gap.operation for gap in gaps)


@each_ask
@pytest.mark.parametrize("odd", [7, "x", [7], {"a": 1}], ids=repr)
def test_a_forged_answer_is_read_or_found_damaged(tmp_path, service, ask, odd):
    """What the live collector calls malformed may stand in a snapshot that somebody has changed."""
    forged = {"GetBucketVersioning": {"Status": odd}}.get(ask.operation, {ask.answer: odd})
    good = asked(service)
    calls = []
    for each in COLLECTORS[service].CALLS:
        for answer in good.of(each):
            for number, page in enumerate(answer.pages):
                body = forged if each.operation == ask.operation else page
                call = (service, each.operation, answer.parameters, ACCOUNT, REGION, number, body, None, None, AT)
                calls.append(Call(*call))
    writer = SnapshotWriter(tmp_path / "s")
    target = Target(ACCOUNT, REGION, "aws", None, (service,))
    writer.write(target, calls, {}, started_at=AT, finished_at=AT)
    snapshot = writer.finish([target])
    try:
        said = [str(gap) for gap in read(snapshot)[1]]
    except SnapshotError as error:
        said = [str(error)]
    assert said
    assert all(f"{ACCOUNT}/{REGION}" in message for message in said)


@each_ask
def test_what_is_redacted_stays_as_it_is(service, ask):
    for answer in asked(service).of(ask):
        for page in answer.pages:
            assert redact(service, page) == page
        assert redact(service, answer.parameters) == answer.parameters


def test_a_mask_keeps_the_regions_that_a_text_names():
    given = {"configuration": {"UserParameters": f"{SECRET} us-west-2", "RepositoryName": "r"}}
    masked = redact("codepipeline", given)["configuration"]
    assert masked == {"UserParameters": "[redacted; mentions us-west-2]", "RepositoryName": "r"}


@pytest.mark.parametrize(
    ("service", "operation", "key"),
    [(s, a.operation, a.answer) for s, a in ASKS if a.paged and a.types],
)
def test_what_was_listed_before_a_failure_is_kept_and_the_rest_is_a_gap(service, operation, key):
    resources, gaps = see(service, **{operation: [HEALTHY[service][operation], DENIED]})
    assert resources
    assert DENIED.code in {gap.reason for gap in gaps}


def raw(resource: Resource, name: str):
    return dict(resource.properties.raw())[name]


def test_a_secret_shows_its_replicas_and_what_was_not_described_is_unknown():
    resources, _ = see("secretsmanager")
    assert plain(resources["db"]["ReplicaRegions"])[0]["Status"] == "InSync"
    assert "was not asked" in raw(resources["alone"], "ReplicaRegions").reason


@pytest.mark.parametrize(
    "source", [ARN.replace("db", "alone"), f"{ARN.replace('db', 'alone')}:key::", ARN.replace("db-AbCdEf", "alone")]
)
def test_a_secret_that_a_task_definition_names_is_described(source):
    target = Target(ACCOUNT, REGION, "aws", None, ("ecs",))
    definition = {"taskDefinition": {"containerDefinitions": [{"secrets": [{"name": "A", "valueFrom": source}]}]}}
    call = Call("ecs", "DescribeTaskDefinition", {}, ACCOUNT, REGION, 0, definition, None, None, AT)
    resources, gaps = found(asked("secretsmanager", None, {"ecs": Answers(target, "ecs", [call])}))
    assert gaps == []
    assert not isinstance(raw(resources["alone"], "ReplicaRegions"), Unknown)


def test_a_bucket_that_is_not_replicated_is_a_fact():
    none = CallError("ReplicationConfigurationNotFoundError", "none", 404, 1)
    bucket = see("s3", GetBucketReplication=none, GetBucketVersioning={})[0]["state"]
    assert (bucket["ReplicationConfiguration"], bucket["VersioningConfiguration"]) == (None, None)
    bucket = see("s3")[0]["state"]
    (rule,) = bucket["ReplicationConfiguration"]["Rules"]
    assert (rule["Id"], plain(rule["Filter"])) == ("all", {"TagFilter": {"Key": "k", "Value": "v"}})


def test_a_pipeline_has_cloudformation_s_shape_and_its_harmless_configuration():
    pipeline = see("codepipeline")[0]["ship"]
    assert plain(pipeline["ArtifactStores"]) == [
        {"Region": REGION, "ArtifactStore": {"Type": "S3", "Location": "store"}}
    ]
    (action,) = pipeline["Stages"][0]["Actions"]
    assert action["Region"] == REGION
    assert plain(action["Configuration"]) == {"RepositoryName": "team/api", "UserParameters": "[redacted]"}


def test_a_build_keeps_where_its_source_is_and_the_names_of_its_variables():
    project = see("codebuild")[0]["build"]
    assert project["Source"]["Location"] == "https://[redacted]@github.com/a/b"
    (variable,) = project["Environment"]["EnvironmentVariables"]
    assert plain(variable) == {"Name": "TOKEN", "Value": "[redacted]", "Type": "PLAINTEXT"}


def test_a_project_that_is_neither_described_nor_gone_is_a_gap():
    _, gaps = see("codebuild", BatchGetProjects={"projects": []})
    assert [(gap.reason, gap.message) for gap in gaps] == [("NotAnswered", "build and 1 more could not be described")]


def test_an_event_pattern_is_an_object_or_unknown():
    resources, _ = see("events")
    assert plain(resources["lag"]["EventPattern"]) == {"source": ["aws.ecr"]}
    assert resources["bad"]["EventPattern"] is None
    (target,) = resources["lag"]["Targets"]
    assert plain(target["EcsParameters"]["NetworkConfiguration"]) == {"AwsVpcConfiguration": {"Subnets": ["s"]}}
    broken = see("events", ListRules={"Rules": [{"Name": "lag", "EventPattern": "{"}]})[0]["lag"]
    assert isinstance(raw(broken, "EventPattern"), Unknown)


def test_the_applied_quota_counts_and_the_default_only_where_aws_lists_none():
    applied = {"Quotas": [{**QUOTA, "QuotaCode": "L-CFEB8E8D", "Value": 99.0}]}
    resources, gaps = see("service-quotas", ListServiceQuotas=applied)
    assert gaps == []
    shown = {name: (quota["Value"], quota["Default"]) for name, quota in resources.items()}
    assert shown.pop("ecr/L-CFEB8E8D") == (99.0, False)
    assert set(shown.values()) == {(10.0, True)}
    resources, _ = see("service-quotas", ListServiceQuotas=DENIED)
    assert all(isinstance(raw(quota, "Value"), Unknown) for quota in resources.values())
    unread = {"Quotas": [{**QUOTA, "QuotaCode": "L-CFEB8E8D", "ErrorReason": {"ErrorCode": "X"}}]}
    assert isinstance(raw(see("service-quotas", ListServiceQuotas=unread)[0]["ecr/L-CFEB8E8D"], "Value"), Unknown)


def test_a_plan_shows_its_evaluation_and_what_recovery_took():
    plan = see("arc-region-switch")[0]["shop"]
    assert (plan["Evaluation"]["State"], plan["Evaluation"]["LastEvaluationTime"]) == ("passed", "2023-11-14T22:13:20Z")
    (execution,) = plan["Executions"]
    assert (execution["ActualRecoveryTime"], execution["StartTime"]) == ("PT12M", "2026-11-01T00:00:00Z")
    block = plan["Workflows"][0]["Steps"][0]["ExecutionBlockConfiguration"]
    assert plain(block) == {"EcsCapacityIncreaseConfig": {"Services": [{"ServiceArn": "arn:svc"}]}}


def status(ecr: str | None, account: str = ACCOUNT) -> dict:
    return {"accounts": [{"accountId": account, "state": STATE, "resourceState": {"ecr": {"status": ecr}}}]}


@pytest.mark.parametrize(
    ("answer", "gap"),
    [
        (status("ENABLED"), None),
        (status("DISABLED"), None),
        (status("ENABLING"), "scanning of ECR is ENABLING"),
        (status(None), "did not say"),
        (status("ENABLED", "999988887777"), "did not say"),
    ],
    ids=["enabled", "disabled", "enabling", "unsaid", "another account"],
)
def test_images_in_use_are_known_only_where_inspector_is_clearly_on_or_off(answer, gap):
    resources, gaps = see("inspector2", BatchGetAccountStatus=answer)
    images = [g for g in gaps if g.type == "AWS::InspectorV2::ImageInUse"]
    assert bool(images) == bool(gap)
    assert all(gap in g.message for g in images)
    assert (f"team/api@{DIGEST}" in resources) == (answer != status("DISABLED"))


def test_a_role_shows_its_policies_with_what_they_say():
    role = see("iam")[0]["pull"]
    assert (role.id, role.place) == (f"arn:aws:iam::{ACCOUNT}:role/pull", (ACCOUNT, REGION))
    assert plain(role["ManagedPolicies"]) == [{"PolicyArn": POLICY, "PolicyDocument": DOCUMENT}]
    assert plain(role["Policies"]) == [{"PolicyName": "own", "PolicyDocument": DOCUMENT}]
    assert role["PermissionsBoundary"] == POLICY
    assert "[redacted]" in repr(plain(role["AssumeRolePolicyDocument"]))


@pytest.mark.parametrize(
    ("service", "operation", "answer"),
    [
        ("ecs", "DescribeTaskDefinition", {"taskDefinition": {"taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/a/b/r"}}),
        ("eks", "DescribeNodegroup", {"nodegroup": {"nodeRole": f"arn:aws:iam::{ACCOUNT}:role/r"}}),
        (
            "eks",
            "DescribeFargateProfile",
            {"fargateProfile": {"podExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}},
        ),
        ("lambda", "ListFunctions", {"Functions": [{"Role": 7}, {"Role": f"arn:aws:iam::{ACCOUNT}:role/r"}]}),
        (
            "ecr",
            "DescribeRepositoryCreationTemplates",
            {"repositoryCreationTemplates": [{"customRoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}]},
        ),
    ],
)
def test_whatever_names_a_role_of_the_account_has_it_asked_for(service, operation, answer):
    given = asked("iam", None, {service: told(service, operation, answer)})
    (ask,) = (ask for ask in COLLECTORS["iam"].CALLS if ask.operation == "GetRole")
    assert [answer.parameters for answer in given.of(ask)] == [{"RoleName": "r"}]


def test_a_role_that_does_not_exist_is_a_fact():
    gone = CallError("NoSuchEntity", "no such role", 404, 1)
    assert see("iam", GetRole=gone) == ({}, [])


def test_a_policy_that_the_sdk_did_not_decode_is_decoded():
    role = see("iam", GetRolePolicy={"PolicyName": "own", "PolicyDocument": "%7B%22Statement%22%3A%20%5B%5D%7D"})[0][
        "pull"
    ]
    assert plain(role["Policies"])[0]["PolicyDocument"] == {"Statement": []}


def test_of_a_state_machine_what_runs_tasks_is_kept_and_nothing_else():
    machine = see("stepfunctions")[0]["settle"]
    assert json.loads(machine["DefinitionString"])["States"]["Run"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {"TaskDefinition": "nightly:7"},
    }
    found = stepfunctions.task_definitions(asked("stepfunctions"))
    assert sorted(found, key=str) == [None, "nightly:7", "nightly:7", "nightly:7"]
    assert stepfunctions.task_definitions(None) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"States": 1}', '{"States": {"a": 1}}', "[" * 100000, "x" * (1 << 21)]
)
def test_a_definition_that_is_none_is_masked_and_runs_nothing_known(text):
    given = {"DescribeStateMachine": {**HEALTHY["stepfunctions"]["DescribeStateMachine"], "definition": text}}
    machine = see("stepfunctions", **given)[0]["settle"]
    assert dict(machine.properties.raw())["DefinitionString"] == "[redacted]"
    assert stepfunctions.task_definitions(asked("stepfunctions", given)) == []


def test_only_schedules_that_run_tasks_are_asked_about():
    resources, gaps = see("scheduler")
    assert (list(resources), gaps) == (["nightly"], [])
    assert resources["nightly"]["Target"]["EcsParameters"]["TaskDefinitionArn"] == f"{ECS}:task-definition/nightly"
    assert schedules.task_definitions(asked("scheduler")) == [f"{ECS}:task-definition/nightly"]
    itself = {"Name": "a", "GroupName": "g", "Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask"}}
    assert list(see("scheduler", ListSchedules={"Schedules": [itself, {"Name": "b"}]})[0]) == ["a"]


def test_the_newest_revision_of_a_job_definition_counts():
    resources, _ = see("batch")
    assert resources["import"].id.endswith(":10")
    assert plain(resources["import"].properties) == {
        "JobDefinitionName": "import",
        "Type": "container",
        "ContainerProperties": {"Image": "job:10"},
    }


def test_all_containers_of_a_job_definition_are_told():
    containers = [{"name": "a", "image": "i", "command": [SECRET]}]
    pod = {"podProperties": {"containers": containers, "initContainers": containers}}
    tasks = {"taskProperties": [{"containers": containers}]}
    nodes = {"nodeRangeProperties": [{"targetNodes": "0:", "container": {"image": "i"}, "eksProperties": pod}]}
    shown = {"ecsProperties": tasks, "eksProperties": pod, "nodeProperties": {"numNodes": 1, "mainNode": 0, **nodes}}
    base = {"jobDefinitionName": "j", "jobDefinitionArn": "arn:j:1", "revision": 1}
    found = plain(see("batch", DescribeJobDefinitions={"jobDefinitions": [{**base, **shown}]})[0]["j"].properties)
    named = [{"Name": "a", "Image": "i"}]
    pods = {"PodProperties": {"Containers": named, "InitContainers": named}}
    assert found["EcsProperties"] == {"TaskProperties": [{"Containers": named}]}
    assert found["EksProperties"] == pods
    assert found["NodeProperties"]["NodeRangeProperties"][0]["Container"] == {"Image": "i"}
    assert found["NodeProperties"]["NodeRangeProperties"][0]["EksProperties"] == pods
    hidden = see("batch", DescribeJobDefinitions={"jobDefinitions": [{**base, "eksProperties": {}}]})[0]["j"]
    assert isinstance(dict(hidden.properties.raw())["EksProperties"], Unknown)
