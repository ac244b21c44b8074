"""Tasks on a game day: those that are run by themselves, those that stop, and deployments that need new ones."""

from __future__ import annotations

import pytest
from botocore.exceptions import WaiterError
from game import EAST, EU, HOME, OTHER_LEFT, WEB, WEST, Holder, refusal
from game import GONE as LEFT

from scanner.model import Place
from scanner.serve.gameday.starting import Outcome, placed_on
from scanner.serve.gameday.world import Launch

SUBNET, LOST_SUBNET = "subnet-c6697354f47a8b643", "subnet-0123456789abcdef0"
NETWORK = {"awsvpcConfiguration": {"subnets": [SUBNET]}}
QUICK = {"Delay": 0, "MaxAttempts": 2}
GOOD = f"{WEB}:build-0736"
GONE = f"{HOME}.dkr.ecr.{EAST}.amazonaws.com/shop/web:build-0736"
UNSEEN = f"{HOME}.dkr.ecr.{WEST}.amazonaws.com/shop/recommender:1"


@pytest.fixture(scope="module")
def game(tmp_path_factory):
    holder = Holder(tmp_path_factory)
    yield holder(EAST)
    holder.end()


@pytest.fixture
def ecs(game):
    return game.client("ecs")


def defined(ecs, family, image=GOOD, **more) -> str:
    given = {"family": family, "containerDefinitions": [{"name": "main", "image": image}], **more}
    return ecs.register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"]


def run(ecs, definition, **more) -> list:
    given = {"cluster": "ledger", "launchType": "FARGATE", **more}
    answer = ecs.run_task(taskDefinition=definition, **given)
    assert answer["failures"] == []
    return answer["tasks"]


def shown(ecs, arn, cluster="ledger") -> dict:
    return ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]


def stopped(ecs, **asked) -> list:
    return ecs.list_tasks(desiredStatus="STOPPED", **asked)["taskArns"]


class TestRunTask:
    def test_one_that_can_start_runs(self, ecs):
        definition = defined(ecs, "job", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256")
        overrides = {"containerOverrides": [{"name": "main", "environment": [{"name": "A", "value": "hunter2"}]}]}
        given = {"networkConfiguration": NETWORK, "startedBy": "pipeline", "count": 2, "overrides": overrides}
        begun = run(ecs, definition, **given)
        arns = [task["taskArn"] for task in begun]
        assert [task["lastStatus"] for task in begun] == ["PROVISIONING"] * 2
        ecs.get_waiter("tasks_running").wait(cluster="ledger", tasks=arns, WaiterConfig=QUICK)
        now = shown(ecs, arns[0])
        assert (now["group"], now["startedBy"], now["cpu"]) == ("family:job", "pipeline", "256")
        assert now["containers"][0]["imageDigest"].startswith("sha256:")
        assert "hunter2" not in str(now)
        assert set(ecs.list_tasks(cluster="ledger", startedBy="pipeline")["taskArns"]) == set(arns)
        assert ecs.list_tasks(cluster="ledger", family="job", startedBy="other")["taskArns"] == []
        assert ecs.describe_tasks(cluster="ledger", tasks=["0" * 32])["failures"][0]["reason"] == "MISSING"

    def test_what_fails_to_start_says_why(self, ecs):
        (task,) = run(ecs, defined(ecs, "gone", GONE))
        arn = task["taskArn"]
        with pytest.raises(WaiterError, match="terminal failure"):
            ecs.get_waiter("tasks_running").wait(cluster="ledger", tasks=[arn], WaiterConfig=QUICK)
        ecs.get_waiter("tasks_stopped").wait(cluster="ledger", tasks=[arn], WaiterConfig=QUICK)
        now = shown(ecs, arn)
        assert (now["stopCode"], "startedAt" in now) == ("TaskFailedToStart", False)
        assert now["stoppedReason"].startswith("CannotPullContainerError: ")
        assert "us-east-1 is lost" in now["containers"][0]["reason"]
        assert arn in stopped(ecs, cluster="ledger", family="gone")
        assert arn not in ecs.list_tasks(cluster="ledger")["taskArns"]

    def test_what_nobody_can_tell_neither_runs_nor_stops(self, ecs):
        (task,) = run(ecs, defined(ecs, "unseen", UNSEEN))
        for waiter in ("tasks_running", "tasks_stopped"):
            with pytest.raises(WaiterError, match="Max attempts"):
                ecs.get_waiter(waiter).wait(cluster="ledger", tasks=[task["taskArn"]], WaiterConfig=QUICK)
        assert "cannot be told" in shown(ecs, task["taskArn"])["containers"][0]["reason"]
        ecs.stop_task(cluster="ledger", task=task["taskArn"])
        ecs.create_cluster(clusterName="changes-something")
        assert shown(ecs, task["taskArn"])["lastStatus"] == "STOPPED"

    def test_the_same_call_runs_nothing_twice(self, ecs):
        definition = defined(ecs, "once")
        first, second = (run(ecs, definition, clientToken="one") for _ in range(2))
        assert [task["taskArn"] for task in first] == [task["taskArn"] for task in second]
        assert run(ecs, definition, clientToken="two")[0]["taskArn"] != first[0]["taskArn"]

    @pytest.mark.parametrize(
        ("given", "code", "message"),
        [
            ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
            ({"count": 11}, "InvalidParameterException", "between 1 and 10"),
            ({"count": 0}, "InvalidParameterException", "between 1 and 10"),
            (
                {"overrides": {"containerOverrides": [{"name": "other"}]}},
                *("InvalidParameterException", "container named other is not a container in the TaskDefinition"),
            ),
            ({"networkConfiguration": None}, "InvalidParameterException", "Network Configuration must be provided"),
            (
                {"networkConfiguration": {"awsvpcConfiguration": {"subnets": [SUBNET, LOST_SUBNET]}}},
                *("InvalidParameterException", f"Error retrieving subnet information for [{LOST_SUBNET}]"),
            ),
            ({"launchType": "EC2"}, "InvalidParameterException", "does not support launch_type EC2"),
            (
                {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
                *("InvalidParameterException", "Specifying both a launch type and capacity provider"),
            ),
            ({"taskDefinition": "never:1"}, "NotRecorded", "was not described"),
        ],
    )
    def test_what_ecs_would_refuse_is_refused(self, ecs, given, code, message):
        defined(ecs, "strict", requiresCompatibilities=["FARGATE"], networkMode="awsvpc")
        whole = {"cluster": "ledger", "taskDefinition": "strict", "launchType": "FARGATE"}
        whole |= {"networkConfiguration": NETWORK, **given}
        with pytest.raises(ecs.exceptions.ClientError) as raised:
            ecs.run_task(**{key: value for key, value in whole.items() if value is not None})
        assert raised.value.response["Error"]["Code"] == code
        assert message in raised.value.response["Error"]["Message"]

    def test_on_instances_there_have_to_be_some(self, ecs):
        definition = defined(ecs, "on-ec2")
        with pytest.raises(ecs.exceptions.InvalidParameterException, match="No Container Instances were found"):
            ecs.run_task(cluster="ledger", taskDefinition=definition)  # EC2 is what ECS takes where nothing is said
        strategy = [{"capacityProvider": "my-instances"}]
        answer = ecs.run_task(cluster="ledger", taskDefinition=definition, capacityProviderStrategy=strategy)
        (task,) = answer["tasks"]
        assert "capacity provider" in shown(ecs, task["taskArn"])["containers"][0]["reason"]


class TestStopTask:
    def test_one_that_runs_stops(self, ecs):
        (task,) = run(ecs, defined(ecs, "stop-me"))
        id = task["taskArn"].rpartition("/")[2]
        ecs.stop_task(cluster="ledger", task=id, reason="done here")
        ecs.get_waiter("tasks_stopped").wait(cluster="ledger", tasks=[id], WaiterConfig=QUICK)
        now = shown(ecs, id)
        assert (now["stopCode"], now["stoppedReason"]) == ("UserInitiated", "done here")
        assert "exitCode" not in now["containers"][0]
        assert ecs.stop_task(cluster="ledger", task=id, reason="again")["task"]["stoppedReason"] == "done here"

    def test_a_service_starts_another_one(self, ecs):
        asked = {"cluster": "storefront", "serviceName": "web"}
        before = ecs.list_tasks(**asked)["taskArns"]
        ecs.stop_task(cluster="storefront", task=before[0])
        after = ecs.list_tasks(**asked)["taskArns"]
        assert (len(after), before[0] in after, before[1] in after) == (len(before), False, True)
        assert stopped(ecs, **asked) == [before[0]]

    def test_a_service_that_cannot_start_another_one_has_one_less(self, ecs):
        (arn,) = ecs.list_tasks(cluster="storefront", serviceName="cart")["taskArns"]
        ecs.stop_task(cluster="storefront", task=arn)
        service = ecs.describe_services(cluster="storefront", services=["cart"])["services"][0]
        assert (service["desiredCount"], service["runningCount"]) == (1, 0)
        reasons = {
            shown(ecs, each, "storefront")["stopCode"]
            for each in stopped(ecs, cluster="storefront", serviceName="cart")
        }
        assert reasons == {"UserInitiated", "TaskFailedToStart"}

    def test_one_that_is_not_there_is_not_found(self, ecs):
        asked = {"cluster": "ledger", "task": "0" * 32}
        assert refusal(ecs.stop_task, **asked) == ("InvalidParameterException", 400)


class TestDeployments:
    def test_a_release_that_cannot_be_pulled_is_not_rolled_out(self, ecs):
        before = ecs.list_tasks(cluster="storefront", serviceName="basket")["taskArns"]
        definition = defined(ecs, "basket-2", GONE)
        ecs.update_service(cluster="storefront", service="basket", taskDefinition=definition)
        with pytest.raises(WaiterError, match="Max attempts"):
            ecs.get_waiter("services_stable").wait(cluster="storefront", services=["basket"], WaiterConfig=QUICK)
        now = ecs.describe_services(cluster="storefront", services=["basket"])["services"][0]
        assert [(each["status"], each["runningCount"]) for each in now["deployments"]] == [
            ("PRIMARY", 0),
            ("ACTIVE", 1),
        ]
        assert (now["runningCount"], now["deployments"][0]["failedTasks"]) == (1, 1)
        assert "CannotPullContainerError" in now["events"][0]["message"]
        assert ecs.list_tasks(cluster="storefront", serviceName="basket")["taskArns"] == before
        (failed,) = stopped(ecs, cluster="storefront", serviceName="basket")
        assert shown(ecs, failed, "storefront")["stoppedReason"].startswith("CannotPullContainerError")

        ecs.update_service(cluster="storefront", service="basket", taskDefinition=defined(ecs, "basket-2"))
        ecs.get_waiter("services_stable").wait(cluster="storefront", services=["basket"], WaiterConfig=QUICK)
        (arn,) = ecs.list_tasks(cluster="storefront", serviceName="basket")["taskArns"]
        assert arn not in before
        assert len(stopped(ecs, cluster="storefront", serviceName="basket")) == 2

    def test_a_new_deployment_is_forced_or_waits(self, ecs):
        asked = {"cluster": "storefront", "serviceName": "catalog"}
        before = ecs.list_tasks(**asked)["taskArns"]
        force = {"cluster": "storefront", "service": "catalog", "forceNewDeployment": True}
        first, second = (ecs.update_service(**force)["service"]["deployments"][0]["id"] for _ in range(2))
        assert first != second
        ecs.get_waiter("services_stable").wait(cluster="storefront", services=["catalog"], WaiterConfig=QUICK)
        after = ecs.list_tasks(**asked)["taskArns"]
        assert (len(after), set(before) & set(after)) == (1, set())
        assert shown(ecs, after[0], "storefront")["startedBy"] == second
        assert ecs.update_service(cluster="storefront", service="recommender", forceNewDeployment=True)
        with pytest.raises(WaiterError, match="Max attempts"):
            ecs.get_waiter("services_stable").wait(cluster="storefront", services=["recommender"], WaiterConfig=QUICK)

    def test_nothing_is_started_to_have_less(self, ecs):
        definition = defined(ecs, "shrinks")
        given = {"cluster": "ledger", "taskDefinition": definition, "launchType": "FARGATE", "desiredCount": 2}
        ecs.create_service(serviceName="shrinks", **given)
        ecs.update_service(cluster="ledger", service="shrinks", taskDefinition=defined(ecs, "shrinks", GONE))
        ecs.update_service(cluster="ledger", service="shrinks", desiredCount=1)
        now = ecs.describe_services(cluster="ledger", services=["shrinks"])["services"][0]
        assert [each["runningCount"] for each in now["deployments"]] == [0, 1]  # it goes on replacing
        ecs.update_service(cluster="ledger", service="shrinks", desiredCount=0)
        ecs.get_waiter("services_stable").wait(cluster="ledger", services=["shrinks"], WaiterConfig=QUICK)

    def test_more_tasks_pull_what_the_deployment_began_with(self, game, ecs):
        ecr = game.client("ecr")
        ecr.create_repository(repositoryName="rescue/pinned")
        image = {"repositoryName": "rescue/pinned", "imageTag": "now"}
        began = ecr.put_image(**image, imageManifest=LEFT[EU])["image"]["imageId"]["imageDigest"]
        definition = defined(ecs, "pinned", WEB.replace("shop/web", "rescue/pinned:now"))
        given = {"cluster": "ledger", "taskDefinition": definition, "launchType": "FARGATE", "desiredCount": 1}
        ecs.create_service(serviceName="pinned", **given)
        moved = ecr.put_image(**image, imageManifest=OTHER_LEFT)["image"]["imageId"]["imageDigest"]
        for change, digests in (({"desiredCount": 2}, [began, began]), ({"forceNewDeployment": True}, [moved, moved])):
            ecs.update_service(cluster="ledger", service="pinned", **change)
            arns = ecs.list_tasks(cluster="ledger", serviceName="pinned")["taskArns"]
            assert [shown(ecs, arn)["containers"][0]["imageDigest"] for arn in arns] == digests

    def test_what_codedeploy_deploys_ecs_does_not(self, ecs):
        given = {"cluster": "ledger", "taskDefinition": defined(ecs, "blue"), "launchType": "FARGATE"}
        ecs.create_service(serviceName="blue", deploymentController={"type": "CODE_DEPLOY"}, **given)
        ecs.update_service(cluster="ledger", service="blue", desiredCount=1)
        with pytest.raises(ecs.exceptions.InvalidParameterException, match="Use AWS CodeDeploy"):
            ecs.update_service(cluster="ledger", service="blue", taskDefinition=defined(ecs, "blue"))

    @pytest.mark.parametrize("rollback", [True, False])
    def test_a_circuit_breaker_ends_a_deployment(self, ecs, rollback):
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": rollback}}
        given = {"cluster": "ledger", "launchType": "FARGATE", "desiredCount": 1, "deploymentConfiguration": breaker}
        name = f"breaks-{rollback}"
        asked = {"cluster": "ledger", "services": [name], "WaiterConfig": QUICK}
        ecs.create_service(serviceName=name, taskDefinition=defined(ecs, name), **given)
        ecs.update_service(cluster="ledger", service=name, taskDefinition=defined(ecs, name, GONE))
        for change in ({}, {"desiredCount": 1}):  # to ask for the count that it has makes no success of it
            if change:
                ecs.update_service(cluster="ledger", service=name, **change)
            newest, older = ecs.describe_services(cluster="ledger", services=[name])["services"][0]["deployments"]
            assert (newest["rolloutState"], newest["runningCount"], older["runningCount"]) == ("FAILED", 0, 1)
            assert ("does not roll back" in newest["rolloutStateReason"]) is rollback
            with pytest.raises(WaiterError, match="Max attempts"):
                ecs.get_waiter("services_stable").wait(**asked)
        ecs.update_service(cluster="ledger", service=name, taskDefinition=defined(ecs, name))
        ecs.get_waiter("services_stable").wait(**asked)


ON_EC2, BY_FARGATE = {"launchType": "EC2"}, {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}
MIXED = {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}, {"capacityProvider": "mine"}]}


@pytest.mark.parametrize(
    ("kind", "instances", "outcome"),
    [
        ({"launchType": "FARGATE"}, None, Outcome()),
        (BY_FARGATE, 0, Outcome()),
        (ON_EC2, 1, Outcome()),
        (MIXED, 1, Outcome()),
        (ON_EC2, None, Outcome(doubt="how many instances its cluster has was not seen")),
        ({"launchType": "EXTERNAL"}, None, Outcome(doubt="how many instances its cluster has was not seen")),
    ],
)
def test_what_runs_on_instances_needs_some_that_were_seen(kind, instances, outcome):
    assert placed_on(Launch(Place(HOME, WEST), {}, kind, instances)) == outcome


@pytest.mark.parametrize(("kind", "says"), [(ON_EC2, "error"), (MIXED, "doubt")])
def test_without_instances_nothing_is_placed(kind, says):
    found = placed_on(Launch(Place(HOME, WEST), {}, kind, 0))
    assert (bool(found.error), bool(found.doubt), found.unplaced) == (says == "error", says == "doubt", says == "error")


def test_the_log_tells_how_many_tasks_started(tmp_path_factory):
    holder = Holder(tmp_path_factory)
    game = holder(EAST)
    ecs = game.client("ecs")
    for image in (GOOD, GONE):
        run(ecs, defined(ecs, "tally", image), count=2)
    (task,) = run(ecs, "tally:1")
    ecs.stop_task(cluster="ledger", task=task["taskArn"])
    holder.end()
    arn = f"arn:aws:ecs:{WEST}:{HOME}:task-definition/tally"
    ended = {one["arn"]: (one["running"], one["desired"]) for one in game.log()[-1]["services"]}
    assert ended == {f"{arn}:1": (3, 3), f"{arn}:2": (0, 2)}
