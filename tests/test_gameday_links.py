"""What a game day lets start is what the drill says would: broken links fail, unknown ones wait, repairs hold."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from botocore.exceptions import WaiterError
from game import AT, EAST, EU, HOME, OTHER, WEB, WEST, Game

from scanner.chain import CHAIN
from scanner.cli import main
from scanner.cli_drill import rules_of_links
from scanner.collectors import COLLECTORS
from scanner.collectors.live import collect_targets
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.config import read
from scanner.demo import NOBODY
from scanner.drill_record import of_game_day, read_log
from scanner.evidence import read as read_evidence
from scanner.exercise import WhatIf, exercise
from scanner.images import ImageIndex
from scanner.loss import Loss
from scanner.model import Gap, Model, Pair, Place, Resource, guard
from scanner.outcome import LinkState, Outcome, Recovery, State
from scanner.recorded import IMAGES, canonical
from scanner.rehearsal import Rehearsal, _standby
from scanner.serve import Endpoint, gameday
from scanner.serve.gameday import functions
from scanner.serve.gameday.links import STARTING, doubt_of, error_of
from scanner.serve.gameday.retelling import Retelling
from scanner.snapshot import Snapshot, SnapshotWriter

LOSS = Loss.parse(EAST)
QUICK = {"Delay": 0, "MaxAttempts": 1}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-c6697354f47a8b643"]}}


@pytest.fixture(scope="module")
def snapshot(demo):
    return Snapshot.open(demo / "snapshot")


@pytest.fixture(scope="module")
def config(demo):
    return read(demo / "regionproof.yaml")


@pytest.fixture(scope="module")
def rules(config):
    return rules_of_links(config, (), python=True)


@pytest.fixture(scope="module")
def judge(snapshot, config, rules):
    return Rehearsal(rules, config, LOSS, snapshot.as_of)


@pytest.fixture(scope="module")
def shared(snapshot, judge):
    """Return a game day whose tests change different things, and repair nothing."""
    with gameday.serve(snapshot, [LOSS], lambda: AT, judge=judge) as endpoint:
        yield Game(endpoint.url, snapshot.path)


@pytest.fixture
def game(snapshot, judge, tmp_path):
    path = tmp_path / "log.jsonl"
    with gameday.serve(snapshot, [LOSS], lambda: AT, log=path, judge=judge) as endpoint:
        yield Game(endpoint.url, path)


def scaled(ecs, cluster, service, count) -> dict:
    ecs.update_service(cluster=cluster, service=service, desiredCount=count)
    return ecs.describe_services(cluster=cluster, services=[service])["services"][0]


def retold(snapshot) -> Retelling:
    return Retelling(gameday.GameFront(snapshot, [LOSS], lambda: AT).world, snapshot)


def test_it_is_the_drill_that_judges(demo, snapshot, config, rules, judge):
    report = exercise([demo / "snapshot"], rules, config, AT, LOSS, WhatIf())
    told = judge(retold(snapshot))
    compared = 0
    for recovery in report.drill.recoveries:
        if recovery.workload.type == "AWS::ECS::Service" and recovery.standby:
            arn = f"arn:aws:ecs:{WEST}:{recovery.standby.account}:service/{recovery.name}"
            states = {one.link: (one.state, one.reason) for one in told.get((recovery.standby, arn), ())}
            assert not states or states == {one.link: (one.state, one.reason) for one in recovery.links}
            compared += bool(states)
    assert compared == 10


@pytest.mark.parametrize(
    ("cluster", "service", "running", "message"),
    [
        ("storefront", "basket", 4, "(service basket) has reached a steady state."),
        ("storefront", "web", 2, "CannotPullContainerError: 1 of 1 principals"),
        ("storefront", "catalog", 1, "ResourceInitializationError: unable to pull secrets or registry auth: The role"),
        (
            "storefront",
            "search",
            0,
            "ResourceInitializationError: unable to pull secrets or registry auth: From subnet",
        ),
        ("storefront", "cart", 1, "CannotPullContainerError: failed to resolve ref"),
        ("ledger", "authorizer", 1, "CannotPullContainerError: Container 'authorizer' runs"),
        ("ledger", "settlement", 0, "ResourceInitializationError: unable to pull secrets or registry auth: Subnet"),
    ],
)
def test_a_service_starts_what_the_drill_would_let_start(shared, cluster, service, running, message):
    now = scaled(shared.client("ecs"), cluster, service, 4)
    assert message in now["events"][0]["message"]
    assert now["runningCount"] == running


def test_a_task_is_judged_by_its_family(shared):
    ecs = shared.client("ecs")
    told = {}
    for family in ("storefront-hourly-prices", "storefront-catalog"):
        given = {"cluster": "storefront", "taskDefinition": family, "launchType": "FARGATE"}
        (task,) = ecs.run_task(**given, networkConfiguration=NETWORK)["tasks"]
        now = ecs.describe_tasks(cluster="storefront", tasks=[task["taskArn"]])["tasks"][0]
        told[family] = (now["lastStatus"], now.get("stoppedReason", "").partition(":")[0])
    assert told == {
        "storefront-hourly-prices": ("RUNNING", ""),
        "storefront-catalog": ("STOPPED", "ResourceInitializationError"),
    }


def test_a_repair_holds_at_once(game):
    ecs, ec2 = game.client("ecs"), game.client("ec2")
    subnet = "subnet-79a03246099214348"
    service = scaled(ecs, "ledger", "settlement", 2)
    assert "link 'network'" in service["events"][0]["message"]
    (vpc,) = {one["VpcId"] for one in ec2.describe_subnets()["Subnets"] if one["SubnetId"] == subnet}
    groups = service["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"]
    (table,) = {
        one["RouteTableId"]
        for one in ec2.describe_route_tables()["RouteTables"]
        if any(each.get("SubnetId") == subnet for each in one["Associations"])
    }
    for name in ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "kms", "sts"):
        given = {"VpcEndpointType": "Interface", "SubnetIds": [subnet], "SecurityGroupIds": groups}
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{WEST}.{name}", **given)
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{WEST}.s3", RouteTableIds=[table])
    now = ecs.describe_services(cluster="ledger", services=["settlement"])["services"][0]
    assert (now["runningCount"], now["events"][0]["message"]) == (2, "(service settlement) has reached a steady state.")


def test_a_policy_that_is_set_lets_tasks_pull(game):
    ecs, ecr = game.client("ecs"), game.client("ecr")
    scaled(ecs, "storefront", "web", 3)
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    ecr.set_repository_policy(repositoryName="shop/web", policyText=policy)
    ecs.get_waiter("services_stable").wait(
        cluster="storefront", services=["web"], WaiterConfig={"Delay": 0, "MaxAttempts": 1}
    )


def test_a_function_has_an_image_that_it_may_pull(game):
    function, ecr = game.client("lambda"), game.client("ecr")
    given = {"FunctionName": "receipts", "ImageUri": WEB.replace("web", "receipts:1.3.0")}
    before = function.get_function(FunctionName="receipts")["Code"]
    assert function.update_function_code(**given)["LastUpdateStatus"] == "InProgress"
    with pytest.raises(WaiterError, match="terminal failure"):
        function.get_waiter("function_updated_v2").wait(FunctionName="receipts", WaiterConfig=QUICK)
    now = function.get_function(FunctionName="receipts")
    assert now["Configuration"]["LastUpdateStatusReasonCode"] == "ImageAccessDenied"
    assert "link 'policy'" in now["Configuration"]["LastUpdateStatusReason"]
    assert now["Code"] == before
    policy = ecr.get_repository_policy(repositoryName="shop/stock-levels")["policyText"]
    ecr.set_repository_policy(repositoryName="shop/receipts", policyText=policy)
    function.update_function_code(**given)
    function.get_waiter("function_updated_v2").wait(FunctionName="receipts", WaiterConfig=QUICK)
    assert "LastUpdateStatusReason" not in function.get_function_configuration(FunctionName="receipts")


def test_a_function_whose_image_failed_does_not_have_it_after_another_change(snapshot, judge, tmp_path):
    path = tmp_path / "log.jsonl"
    with gameday.serve(snapshot, [LOSS], lambda: AT, log=path, judge=judge) as endpoint:
        function = Game(endpoint.url, path).client("lambda")
        resolved = function.get_function(FunctionName="receipts")["Code"]["ResolvedImageUri"]
        function.update_function_code(FunctionName="receipts", ImageUri=resolved)  # another way to name it
        function.update_function_configuration(FunctionName="receipts", Timeout=9)
        assert function.get_function(FunctionName="receipts")["Configuration"]["LastUpdateStatus"] == "Successful"
    (told,) = read_log(path).workloads
    assert str(told) == "receipts does not have the image that it was given."


@pytest.mark.parametrize(
    ("before", "states", "field", "status", "known"),
    [
        ({"Code": {"ImageUri": "old"}}, [State.UNKNOWN], "LastUpdateStatus", "InProgress", False),
        (None, [State.UNKNOWN], "State", "Pending", False),
        (None, [State.UNKNOWN, State.BROKEN], "State", "Failed", True),
        (None, [State.HOLDS], "State", "Active", True),
    ],
)
def test_a_function_of_which_nobody_knows_waits(snapshot, before, states, field, status, known):
    edits = gameday.GameFront(snapshot, [LOSS], lambda: AT).world.edits(Place(HOME, WEST))
    links = [LinkState(link, state, "Why.") for link, state in zip(("policy", "key"), states, strict=False)]
    arn = f"arn:aws:lambda:{WEST}:{HOME}:function:receipts"
    assert functions.settle(edits, arn, before, [LinkState("network", State.BROKEN, "None."), *links]) is known
    shown = [one for one in edits.record.listed("lambda", "ListFunctions", "Functions") if one["FunctionArn"] == arn]
    assert [one[field] for one in shown] == [status]


def test_a_service_that_is_created_is_judged_as_the_standby_it_becomes(game):
    ecs = game.client("ecs")
    given = {"cluster": "storefront", "launchType": "FARGATE", "desiredCount": 1, "networkConfiguration": NETWORK}
    for name in ("notifier", "stands-in-for-nothing"):
        ecs.create_service(serviceName=name, taskDefinition=notifier(ecs, "catalog-execution"), **given)
    shown = ecs.describe_services(cluster="storefront", services=["notifier", "stands-in-for-nothing"])["services"]
    assert [one["runningCount"] for one in shown] == [0, 1]  # only the image of the other one is tried
    assert "link 'identity'" in shown[0]["events"][0]["message"]
    ecs.update_service(cluster="storefront", service="notifier", taskDefinition=notifier(ecs, "ecs-execution"))
    (now,) = ecs.describe_services(cluster="storefront", services=["notifier"])["services"]
    assert (now["runningCount"], now["events"][0]["message"]) == (1, "(service notifier) has reached a steady state.")


def notifier(ecs, role) -> str:
    answer = ecs.register_task_definition(
        family="storefront-notifier",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        executionRoleArn=f"arn:aws:iam::{HOME}:role/{role}",
        containerDefinitions=[{"name": "notifier", "image": WEB.replace("web", "notifier:1.2.3")}],
    )
    return answer["taskDefinition"]["taskDefinitionArn"]


def test_the_record_holds_what_the_drill_finds_wrong(snapshot, judge, tmp_path):
    path = tmp_path / "log.jsonl"
    with gameday.serve(snapshot, [LOSS], lambda: AT, log=path, judge=judge) as endpoint:
        ecs = Game(endpoint.url, path).client("ecs")
        for service in ("basket", "checkout"):
            assert scaled(ecs, "storefront", service, 2)["runningCount"] == 2
        for name, tag in (("receipts", "1.3.0"), ("stock-levels", "1.1.0")):
            image = WEB.replace("web", f"{name}:{tag}")
            Game(endpoint.url, path).client("lambda").update_function_code(FunctionName=name, ImageUri=image)
    day = read_log(path)
    assert [(one.name, one.recovered) for one in day.workloads] == [
        ("storefront/basket", True),
        ("storefront/checkout", False),  # it runs, but another release than the primary
        ("receipts", False),
        ("stock-levels", True),
    ]
    assert [str(one) for one in day.workloads[2:]] == [
        "receipts does not have the image that it was given.",
        "stock-levels has the image that it was given.",
    ]
    record = of_game_day(day)
    assert record.outcome == "partial"
    assert any("storefront/checkout: link 'definition' is broken" in issue for issue in record.issues)


def test_what_may_stand_in_is_judged_where_others_may_be_unseen():
    """A name that may exist unseen does not hide what is there under the name of the standby's Region."""
    east, west = Place(HOME, EAST), Place(HOME, WEST)
    here, there = (
        Resource("AWS::ECS::Service", f"arn:{each.region}", f"shop/api-{each.region}", *each, guard({}))
        for each in (east, west)
    )
    pairs = [Pair(east, west)]
    gap = Gap("AccessDeniedException", "no", "AWS::ECS::Service", *west)
    recovery = Recovery(here, west, None, Outcome.FAILS, "", ())
    for gaps in ((), (gap,)):
        model = Model([here, there], gaps=gaps, pairs=pairs, images=ImageIndex(), scanned=[east, west], as_of=AT)
        assert _standby(recovery, model) == there


def test_what_the_drill_says_nothing_of_is_not_recorded_as_recovered(snapshot, judge, tmp_path):
    path = tmp_path / "log.jsonl"
    with gameday.serve(snapshot, [LOSS], lambda: AT, log=path, judge=judge) as endpoint:
        ecs = Game(endpoint.url, path).client("ecs")
        given = {"cluster": "storefront", "launchType": "FARGATE", "desiredCount": 1, "networkConfiguration": NETWORK}
        ecs.create_service(serviceName="rescue", taskDefinition=notifier(ecs, "ecs-execution"), **given)
        (now,) = ecs.describe_services(cluster="storefront", services=["rescue"])["services"]
        assert now["runningCount"] == 1
    (told,) = read_log(path).workloads
    assert (told.name, told.recovered) == ("storefront/rescue", False)
    assert any("stands in for" in sentence for sentence in told.wrong)


def test_the_command_serves_judges_and_records(demo, tmp_path, monkeypatch, capsys):
    """From the command to the evidence of `regionproof.yaml`; in place of the wait for Ctrl-C somebody works."""

    def work(endpoint):
        ecs = Game(endpoint.url, tmp_path).client("ecs")
        for service in ("basket", "search"):
            scaled(ecs, "storefront", service, 1)

    monkeypatch.setattr(Endpoint, "wait", work)
    monkeypatch.chdir(tmp_path)
    log, record = tmp_path / "log.jsonl", tmp_path / "record.yaml"
    arguments = ["drill", str(demo / "snapshot"), "--lose", EAST, "--config", str(demo / "regionproof.yaml"), "--serve"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--log", str(log), "--record", str(record)])
    assert ended.value.code == 0
    assert "sign it off" in capsys.readouterr().err
    text = record.read_text()
    assert "# storefront/search ran 0 of 1 tasks.\n" in text
    (tmp_path / "regionproof.yaml").write_text("version: 1\nevidence: [record.yaml]\n")
    found = read_evidence(read(tmp_path / "regionproof.yaml"))
    assert not found.gaps
    (drill,) = found.resources
    assert (drill["Scenario"], drill["Outcome"]) == ("game-day", "partial")
    assert list(drill["Workloads"]) == ["storefront/basket", "storefront/search"]
    assert any("storefront/search: link 'network' is broken" in issue for issue in drill["Issues"])


SECRET = Resource("AWS::SecretsManager::Secret", "arn", "db", HOME, WEST, guard({}))


@pytest.mark.parametrize("link", sorted(STARTING))
def test_no_start_succeeds_by_a_link_that_is_broken_or_unknown(link):
    for state in (State.BROKEN, State.UNKNOWN):
        found = [LinkState(link, state, "Why.")]
        assert error_of(found) or doubt_of(found)
        assert state is State.BROKEN or error_of(found) is None
    assert error_of([LinkState(link, State.HOLDS)]) is doubt_of([LinkState(link, State.HOLDS)]) is None


def test_the_words_are_those_of_ecs():
    broken = LinkState("key", State.BROKEN, "It is gone.")
    assert error_of([broken]) == "CannotPullContainerError: It is gone. (game day: link 'key')"
    of_secret = replace(broken, subject=SECRET)
    assert str(error_of([of_secret])).startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: "
    )
    assert {link.id for link in CHAIN} >= STARTING


def test_what_is_judged_is_what_a_collection_would_find(snapshot, tmp_path):
    """What was changed is asked again as a collector asks it, and answered as over the network."""
    front = gameday.GameFront(snapshot, [Loss.parse(EU)], lambda: AT)
    endpoint = Endpoint(front)
    try:
        change_a_bit_of_everything(Game(endpoint.url, tmp_path))
        target = next(each for each in snapshot.targets if each.place == Place(HOME, WEST))
        changed = front.world.changed(target)
        sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=Limits(max_attempts=1, paced=False))
        again = replace(target, services=tuple(service for service in COLLECTORS if service in changed))
        copy = collect_targets([again], SnapshotWriter(tmp_path / "copy"), sessions, lambda: AT)
        found = {_known(call) for call in copy.calls() if _asked_again(call, changed)}
    finally:
        endpoint.close()
    told = {_known(call) for call in Retelling(front.world, snapshot).calls_of(target) if _asked_again(call, changed)}
    assert changed == {"ec2", "ecr", "ecs", "eks", "events", "kms", "lambda", "logs", "secretsmanager", "ssm"}
    assert told == found
    assert len({operation for _, operation, *_ in told}) > 30


def change_a_bit_of_everything(game):
    ecs, ecr = game.client("ecs"), game.client("ecr")
    ecs.create_cluster(clusterName="rescue")
    ecs.update_service(cluster="storefront", service="basket", desiredCount=3)
    given = {"cluster": "storefront", "launchType": "FARGATE", "networkConfiguration": NETWORK}
    ecs.run_task(taskDefinition="storefront-basket", **given)
    ecs.create_service(serviceName="rescue", taskDefinition="storefront-basket", desiredCount=1, **given)
    ecr.create_repository(repositoryName="rescue/web")
    ecr.put_registry_policy(policyText="{}")
    game.client("ec2").create_vpc_endpoint(VpcId="vpc-e676505322024939e", ServiceName="com.amazonaws.us-west-2.s3")
    game.client("secretsmanager").create_secret(Name="rescue/db", SecretString="hunter2")
    game.client("ssm").put_parameter(Name="/rescue/db", Value="hunter2", Type="String")
    game.client("lambda").update_function_configuration(FunctionName="receipts", Timeout=9)
    game.client("events").enable_rule(Name="hourly-prices")
    game.client("kms").cancel_key_deletion(KeyId="6f1c2a52-90f4-4a1c-8a55-2f3e7b1d9c04")
    game.client("logs").create_log_group(logGroupName="/ecs/storefront-search")
    game.client("eks").update_nodegroup_config(
        clusterName="analytics", nodegroupName="general", scalingConfig={"desiredSize": 2}
    )


def _asked_again(call, changed) -> bool:
    asked = {ask.operation for service in changed for ask in COLLECTORS[service].CALLS} - {IMAGES[1]}
    return call.service in changed and call.operation in asked


def _known(call) -> tuple:
    error = call.error.code if call.error else None
    return call.service, call.operation, canonical(call.parameters), call.page, canonical(call.response), error
