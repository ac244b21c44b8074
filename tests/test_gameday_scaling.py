"""What else scripts that fail over call: scaling, functions, schedules; and what is not simulated says so."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from botocore.exceptions import ClientError
from game import AT, EAST, EU, HOME, LOST, NODES, SCHEDULE, TARGET, UNKNOWN, WEB, WEST, Holder, refusal

SUBNET, VPC = "subnet-c6697354f47a8b643", "vpc-e676505322024939e"
QUICK = {"Delay": 0, "MaxAttempts": 1}
SERVICES = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


@pytest.fixture(scope="module")
def hold(tmp_path_factory):
    holder = Holder(tmp_path_factory)
    yield holder
    holder.end()


@pytest.fixture
def game(hold):
    return hold(EAST)


def saying(ask, **parameters) -> str:
    with pytest.raises(ClientError) as raised:
        ask(**parameters)
    return raised.value.response["Error"]["Message"]


class TestScalableTargets:
    @pytest.mark.parametrize(
        ("service", "low", "high", "desired"),
        [("catalog", 3, 9, 3), ("web", 1, 1, 1), ("basket", 0, 9, 1), ("search", 0, 0, 0)],
    )
    def test_a_service_then_wants_what_is_within_the_bounds(self, game, service, low, high, desired):
        scaling, ecs = game.client("application-autoscaling"), game.client("ecs")
        asked = {**SERVICES, "ResourceId": f"service/storefront/{service}"}
        arn = scaling.register_scalable_target(**asked, MinCapacity=low, MaxCapacity=high)["ScalableTargetARN"]
        now = ecs.describe_services(cluster="storefront", services=[service])["services"][0]
        assert (now["desiredCount"], now["runningCount"]) == (desired, desired)
        (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[asked["ResourceId"]])[
            "ScalableTargets"
        ]
        assert (target["ScalableTargetARN"], target["MinCapacity"], target["MaxCapacity"]) == (arn, low, high)

    def test_one_that_is_known_is_changed_in_part(self, game):
        scaling = game.client("application-autoscaling")
        asked = {**SERVICES, "ResourceId": "service/ledger/authorizer"}
        first = scaling.register_scalable_target(**asked, MinCapacity=1, MaxCapacity=4)
        assert scaling.register_scalable_target(**asked, MinCapacity=2) == first
        both = [asked["ResourceId"], "service/ledger/settlement"]
        assert refusal(scaling.describe_scalable_targets, ServiceNamespace="ecs", ResourceIds=both) == UNKNOWN
        assert refusal(scaling.describe_scalable_targets, ServiceNamespace="ecs") == UNKNOWN

    @pytest.mark.parametrize(
        ("given", "refused"),
        [
            ({"ResourceId": "service/ledger/nobody", "MinCapacity": 1}, ("ValidationException", 400)),
            ({"ResourceId": "service/nowhere/web", "MinCapacity": 1}, ("ValidationException", 400)),
            ({"ResourceId": "ledger/settlement", "MinCapacity": 1}, ("ValidationException", 400)),
            ({"MinCapacity": 3}, ("ValidationException", 400)),
            ({"MaxCapacity": None}, UNKNOWN),
            ({"ServiceNamespace": "dynamodb", "ResourceId": "table/a"}, ("NotSimulated", 501)),
        ],
    )
    def test_what_cannot_be_scaled_is_refused(self, game, given, refused):
        whole = {**SERVICES, "ResourceId": "service/ledger/settlement", "MinCapacity": 1, "MaxCapacity": 2, **given}
        asked = {key: value for key, value in whole.items() if value is not None}
        assert refusal(game.client("application-autoscaling").register_scalable_target, **asked) == refused


class TestNodes:
    def sizes(self, game):
        shown = game.client("eks").describe_nodegroup(clusterName="analytics", nodegroupName="general")["nodegroup"]
        return tuple(shown["scalingConfig"][key] for key in ("minSize", "desiredSize", "maxSize"))

    def test_the_group_of_a_node_group_is_scaled(self, game):
        scaling, name = game.client("autoscaling"), {"AutoScalingGroupName": NODES}
        assert self.sizes(game) == (1, 1, 8)
        scaling.set_desired_capacity(**name, DesiredCapacity=8)
        assert self.sizes(game) == (1, 8, 8)
        for wanted in (0, 9):
            assert refusal(scaling.set_desired_capacity, **name, DesiredCapacity=wanted) == ("ValidationError", 400)
        scaling.update_auto_scaling_group(**name, MaxSize=4)
        assert self.sizes(game) == (1, 4, 4)
        assert refusal(scaling.update_auto_scaling_group, **name, MinSize=5) == ("ValidationError", 400)
        scaling.update_auto_scaling_group(**name, MinSize=2, MaxSize=6, DesiredCapacity=3)
        assert self.sizes(game) == (2, 3, 6)

    def test_others_nobody_knows(self, game):
        scaling = game.client("autoscaling")
        message = saying(scaling.set_desired_capacity, AutoScalingGroupName="ecs-instances", DesiredCapacity=2)
        assert message.startswith("Game day does not simulate autoscaling:SetDesiredCapacity, so nothing was changed")
        asked = {"AutoScalingGroupName": NODES, "DefaultCooldown": 5}
        assert refusal(scaling.update_auto_scaling_group, **asked) == ("NotSimulated", 501)

    def test_an_update_of_a_node_group_can_be_followed(self, game):
        eks, name = game.client("eks"), {"clusterName": "analytics", "nodegroupName": "general"}
        update = eks.update_nodegroup_config(**name, scalingConfig={"minSize": 1, "maxSize": 8, "desiredSize": 2})
        asked = {"name": "analytics", "nodegroupName": "general", "updateId": update["update"]["id"]}
        assert eks.describe_update(**asked)["update"]["status"] == "Successful"
        eks.get_waiter("nodegroup_active").wait(**name, WaiterConfig=QUICK)


class TestFunctions:
    @pytest.mark.parametrize("named", ["receipts", f"arn:aws:lambda:{WEST}:{HOME}:function:receipts"])
    def test_what_a_function_is_can_be_changed(self, game, named):
        function, size = game.client("lambda"), 1024 + len(named)
        given = {"MemorySize": size, "Environment": {"Variables": {"TOKEN": "hunter2"}}}
        begun = function.update_function_configuration(
            FunctionName=named, **given, VpcConfig={"SubnetIds": [SUBNET], "SecurityGroupIds": []}
        )
        assert begun["LastUpdateStatus"] == "InProgress"
        for waiter in ("function_updated", "function_updated_v2", "function_active_v2"):
            function.get_waiter(waiter).wait(FunctionName="receipts", WaiterConfig=QUICK)
        now = function.get_function(FunctionName="receipts")
        assert (now["Configuration"]["MemorySize"], now["Configuration"]["VpcConfig"]["VpcId"]) == (size, VPC)
        assert "hunter2" not in str(now)
        assert now["Code"]["ResolvedImageUri"].startswith(f"{HOME}.dkr.ecr.{WEST}")
        assert function.get_function_configuration(FunctionName="receipts")["MemorySize"] == size

    def test_its_image_follows(self, game):
        function = game.client("lambda")
        function.update_function_code(FunctionName="stock-levels", ImageUri=f"{WEB}:build-0736")
        function.get_waiter("function_updated_v2").wait(FunctionName="stock-levels", WaiterConfig=QUICK)
        assert function.get_function(FunctionName="stock-levels")["Code"]["ImageUri"] == f"{WEB}:build-0736"

    @pytest.mark.parametrize(
        ("given", "refused"),
        [
            ({"FunctionName": "nobody"}, ("ResourceNotFoundException", 404)),
            (
                {"FunctionName": "receipts", "VpcConfig": {"SubnetIds": ["subnet-0"], "SecurityGroupIds": []}},
                ("InvalidParameterValueException", 400),
            ),
        ],
    )
    def test_what_lambda_would_refuse_is_refused(self, game, given, refused):
        assert refusal(game.client("lambda").update_function_configuration, **given) == refused


class TestStarters:
    def test_a_rule_is_switched_on_and_off(self, game):
        events = game.client("events")
        for switch, state in ((events.enable_rule, "ENABLED"), (events.disable_rule, "DISABLED")):
            switch(Name="hourly-prices")
            assert events.describe_rule(Name="hourly-prices")["State"] == state
        assert refusal(events.enable_rule, Name="none") == ("ResourceNotFoundException", 400)
        assert refusal(events.enable_rule, Name="hourly-prices", EventBusName="other") == UNKNOWN

    def test_a_schedule_is_put_in_the_place_of_the_old_one(self, game):
        scheduler = game.client("scheduler")
        rate = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}}
        given = {"Name": "nightly", "Target": {**TARGET, "Input": '{"token": "hunter2"}'}, **rate}
        assert scheduler.update_schedule(**given)["ScheduleArn"] == SCHEDULE["Arn"]
        now = scheduler.get_schedule(Name="nightly")
        assert (now["State"], now["ScheduleExpression"], now["LastModificationDate"]) == ("ENABLED", "rate(1 hour)", AT)
        assert "hunter2" not in str(now)
        assert [one["State"] for one in scheduler.list_schedules()["Schedules"]] == ["ENABLED"]
        assert refusal(scheduler.update_schedule, **{**given, "Name": "none"}) == ("ResourceNotFoundException", 404)


class TestRepairs:
    def test_a_key_that_was_to_be_deleted_is_kept(self, game):
        kms, key = game.client("kms"), "6f1c2a52-90f4-4a1c-8a55-2f3e7b1d9c04"
        arn = f"arn:aws:kms:{WEST}:{HOME}:key/{key}"
        assert refusal(kms.enable_key, KeyId=key) == ("KMSInvalidStateException", 400)
        assert kms.cancel_key_deletion(KeyId=arn)["KeyId"] == arn
        assert kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "Disabled"
        kms.enable_key(KeyId=key)
        assert kms.describe_key(KeyId=arn)["KeyMetadata"]["Enabled"] is True
        assert refusal(kms.cancel_key_deletion, KeyId=key) == ("KMSInvalidStateException", 400)
        assert refusal(kms.enable_key, KeyId="none") == ("NotFoundException", 400)

    def test_a_log_group_that_is_missing_is_made(self, game):
        logs, name = game.client("logs"), "/ecs/storefront-search"
        assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []
        logs.create_log_group(logGroupName=name)
        assert [one["logGroupName"] for one in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]] == [name]
        assert refusal(logs.create_log_group, logGroupName=name) == ("ResourceAlreadyExistsException", 400)
        assert refusal(logs.create_log_group, logGroupName="/who/knows") == UNKNOWN

    def test_a_replica_becomes_a_secret_of_its_own(self, game):
        secrets, name = game.client("secretsmanager"), "basket/session"
        assert refusal(secrets.put_secret_value, SecretId=name, SecretString="a") == ("InvalidRequestException", 400)
        arn = secrets.stop_replication_to_replica(SecretId=name)["ARN"]
        assert "PrimaryRegion" not in secrets.describe_secret(SecretId=arn)
        assert secrets.put_secret_value(SecretId=arn, SecretString="hunter2")["VersionStages"] == ["AWSCURRENT"]
        assert refusal(secrets.stop_replication_to_replica, SecretId=name) == ("InvalidRequestException", 400)
        assert refusal(secrets.put_secret_value, SecretId="none") == ("ResourceNotFoundException", 400)


CHANGES = {
    "Changes": [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": {"Name": "a", "Type": "A", "ResourceRecords": [{"Value": "192.0.2.1"}]},
        }
    ]
}
RECORDS = {"HostedZoneId": "Z1", "ChangeBatch": CHANGES}


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("cloudformation", "create_stack", {"StackName": "web", "TemplateBody": "{}"}),
        ("cloudformation", "update_stack", {"StackName": "web", "TemplateBody": "{}"}),
        ("cloudformation", "create_change_set", {"StackName": "web", "ChangeSetName": "one", "TemplateBody": "{}"}),
        ("cloudformation", "execute_change_set", {"StackName": "web", "ChangeSetName": "one"}),
        ("cloudformation", "delete_stack", {"StackName": "web"}),
        ("ecs", "start_task", {"taskDefinition": "web", "containerInstances": ["a"]}),
        ("ecs", "delete_service", {"cluster": "storefront", "service": "web"}),
        ("lambda", "publish_version", {"FunctionName": "receipts"}),
        ("elbv2", "modify_listener", {"ListenerArn": "arn"}),
        ("rds", "promote_read_replica", {"DBInstanceIdentifier": "orders"}),
        ("autoscaling", "start_instance_refresh", {"AutoScalingGroupName": NODES}),
        ("ecr", "get_authorization_token", {}),
        ("ecr", "initiate_layer_upload", {"repositoryName": "shop/web"}),
        ("ecr", "batch_delete_image", {"repositoryName": "shop/web", "imageIds": [{"imageTag": "a"}]}),
    ],
)
def test_what_is_not_simulated_says_which_operation_in_the_form_of_its_service(game, service, operation, parameters):
    client = game.client(service, attempts=3)
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)(**parameters)
    said, about = raised.value.response["Error"], raised.value.response["ResponseMetadata"]
    name = f"{service}:{client.meta.method_to_api_mapping[operation]}"
    assert said["Message"].startswith(f"Game day does not simulate {name}, so nothing was changed")
    assert (said["Code"], about["HTTPStatusCode"], about["RetryAttempts"]) == ("NotSimulated", 501, 0)


def test_records_of_route_53_are_changed_from_one_region(hold):
    assert refusal(hold(EAST).client("route53").change_resource_record_sets, **RECORDS) == LOST
    assert refusal(hold(EU).client("route53").change_resource_record_sets, **RECORDS) == ("NotSimulated", 501)


def test_stacks_can_be_asked_for_by_name(game):
    formation = game.client("cloudformation")
    name = formation.describe_stacks()["Stacks"][0]["StackName"]
    assert [stack["StackName"] for stack in formation.describe_stacks(StackName=name)["Stacks"]] == [name]
    assert "Stack with id none does not exist" in saying(formation.describe_stacks, StackName="none")


AWS = shutil.which("aws")


@pytest.mark.skipif(AWS is None, reason="the AWS CLI is not installed")
def test_a_script_of_the_aws_cli_runs(game, tmp_path):
    script = f"""
set -eu
aws ecs run-task --cluster ledger --task-definition ledger-authorizer --launch-type FARGATE --started-by cli \
  --network-configuration 'awsvpcConfiguration={{subnets=[{SUBNET}]}}' --query 'tasks[0].taskArn' --output text > arn
aws ecs wait tasks-running --cluster ledger --tasks "$(cat arn)"
aws cloudformation create-stack --stack-name web --template-body '{{}}' 2> refused || echo $? > status
"""
    (tmp_path / "config").write_text("")
    keys = {"AWS_ACCESS_KEY_ID": "game", "AWS_SECRET_ACCESS_KEY": "day", "AWS_DEFAULT_REGION": WEST}
    quiet = {"AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": str(tmp_path / "config")}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    given = {**kept, **keys, **quiet, "AWS_ENDPOINT_URL": game.url}
    subprocess.run(["sh", "-c", script], cwd=tmp_path, env=given, check=True, timeout=120)
    assert "(NotSimulated)" in (tmp_path / "refused").read_text()
    assert (tmp_path / "status").read_text().strip() in ("254", "255")
