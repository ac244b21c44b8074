"""`collect --since`: what can never change is not asked again, is marked, and is told; everything else is asked."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from stub_aws import ACCOUNT, DEFINITION, HEALTHY, REGION, error, serve

from scanner.cli import main
from scanner.collectors import read
from scanner.collectors.live import collect
from scanner.collectors.session import Limits
from scanner.errors import SnapshotError
from scanner.recorded import Call, Target
from scanner.snapshot import Snapshot, SnapshotWriter

THEN, NOW = datetime(2026, 11, 1, 8, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC)
DESCRIBE = "ecs:DescribeTaskDefinition"
ONCE = Limits(20, 20, 1, 1, paced=False)


@pytest.fixture(autouse=True)
def here(credentials, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def endpoint():
    with serve() as stub:
        yield stub


@pytest.fixture
def stub(endpoint):
    endpoint.reset()
    return endpoint


def run(stub, path, *, at=NOW, regions=(REGION,), **rest):
    """Collect, and return the snapshot and how often each operation was asked for it."""
    stub.asked.clear()
    settings = {"regions": regions, "endpoint_url": stub.url, "limits": ONCE, "clock": lambda: at}
    settings["services"] = ("ecr", "ecs")  # what is reused is of one, what the other shows is asked for again
    snapshot = collect(path, **settings, **rest).snapshot
    return snapshot, Counter(operation for operation, _ in stub.asked)


def running(definition):
    """Return a script in which the service and the task run this task definition."""
    service = {**HEALTHY["ecs:DescribeServices"]["services"][0], "taskDefinition": definition}
    task = {**HEALTHY["ecs:DescribeTasks"]["tasks"][0], "taskDefinitionArn": definition}
    found = {**HEALTHY[DESCRIBE]["taskDefinition"], "taskDefinitionArn": definition}
    answers = {
        "ecs:DescribeServices": {"services": [service], "failures": []},
        "ecs:DescribeTasks": {"tasks": [task], "failures": []},
        DESCRIBE: {"taskDefinition": found},
    }
    return lambda operation, parameters: answers.get(operation)


def definitions(snapshot):
    return [call for call in snapshot.calls() if call.operation == "DescribeTaskDefinition"]


def test_a_task_definition_is_not_asked_for_again(stub, tmp_path):
    before, asked = run(stub, tmp_path / "before", at=THEN)
    assert asked[DESCRIBE] == 1
    after, again = run(stub, tmp_path / "after", earlier=tmp_path / "before")
    assert again == asked - Counter({DESCRIBE: 1})
    (old,), (new,) = definitions(before), definitions(after)
    assert new == replace(old, reused=before.sha256)
    assert new.at == "2026-11-01T08:00:00.000000Z"
    others = [call for call in after.calls() if call not in (new,)]
    assert {call.reused for call in others} == {None}
    assert {call.at for call in others} == {"2026-11-23T08:00:00.000000Z"}
    assert after.as_of == NOW


def test_what_is_reused_means_what_it_meant(stub, tmp_path):
    run(stub, tmp_path / "before", at=THEN)
    fresh, _ = run(stub, tmp_path / "fresh")
    reused, _ = run(stub, tmp_path / "reused", earlier=tmp_path / "before")
    (resources, gaps), (expected, expected_gaps) = read(reused), read(fresh)
    assert gaps == expected_gaps
    observed = {resource.type: resource.observed_at for resource in resources}
    assert observed["AWS::ECS::TaskDefinition"] == "2026-11-01T08:00:00.000000Z"  # evidence tells its age
    undated = [[repr(replace(one, observed_at=None)) for one in found] for found in (resources, expected)]
    assert undated[0] == undated[1]


def test_what_was_reused_is_reused_again(stub, tmp_path):
    run(stub, tmp_path / "1", at=THEN)
    second, _ = run(stub, tmp_path / "2", earlier=tmp_path / "1")
    third, asked = run(stub, tmp_path / "3", earlier=tmp_path / "2")
    assert asked[DESCRIBE] == 0
    assert [(call.reused, call.at) for call in definitions(third)] == [(second.sha256, "2026-11-01T08:00:00.000000Z")]


def test_a_new_revision_is_asked_for(stub, tmp_path):
    run(stub, tmp_path / "before", at=THEN)
    stub.script = running(DEFINITION.replace(":7", ":8"))
    after, asked = run(stub, tmp_path / "after", earlier=tmp_path / "before")
    assert asked[DESCRIBE] == 1
    assert [(call.parameters["taskDefinition"], call.reused) for call in definitions(after)] == [
        (DEFINITION.replace(":7", ":8"), None)
    ]


@pytest.mark.parametrize("name", ["api", DEFINITION.removesuffix(":7"), "api:7"])
def test_only_a_whole_arn_with_a_revision_can_never_change(stub, tmp_path, name):
    stub.script = running(name)
    run(stub, tmp_path / "before", at=THEN)
    _, asked = run(stub, tmp_path / "after", earlier=tmp_path / "before")
    assert asked[DESCRIBE] == 1


def test_an_error_is_never_reused(stub, tmp_path):
    stub.script = lambda operation, _: error(403, "AccessDeniedException") if operation == DESCRIBE else None
    before, _ = run(stub, tmp_path / "before", at=THEN)
    assert [call.error.code for call in definitions(before)] == ["AccessDeniedException"]
    stub.script = lambda operation, _: None
    after, asked = run(stub, tmp_path / "after", earlier=tmp_path / "before")
    assert asked[DESCRIBE] == 1
    assert [(call.error, call.reused) for call in definitions(after)] == [(None, None)]


def test_other_regions_and_accounts_make_no_difference(stub, tmp_path):
    run(stub, tmp_path / "before", at=THEN, regions=("us-west-2",))
    after, asked = run(stub, tmp_path / "after", regions=(REGION, "us-west-2"), earlier=tmp_path / "before")
    assert asked[DESCRIBE] == 1  # what us-east-1 says in the one was never asked in the other
    assert {(call.region, call.reused is None) for call in definitions(after)} == {(REGION, True), ("us-west-2", False)}


def test_a_snapshot_of_another_version_is_asked_for_again(stub, tmp_path):
    """What one version redacts, the next may read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanner.snapshot.__version__", "0.0.1")
        run(stub, tmp_path / "before", at=THEN)
    _, asked = run(stub, tmp_path / "after", earlier=tmp_path / "before")
    assert asked[DESCRIBE] == 1


@pytest.mark.parametrize("damage", ["tampered", "unfinished", "missing"])
def test_an_earlier_snapshot_that_cannot_be_trusted_is_refused(stub, tmp_path, damage):
    run(stub, tmp_path / "before", at=THEN)
    part = tmp_path / "before" / "targets" / ACCOUNT / REGION / "calls.jsonl.gz"
    if damage == "tampered":
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
    else:
        (part if damage == "missing" else tmp_path / "before" / "snapshot.json").unlink()
    stub.asked.clear()
    with pytest.raises(SnapshotError, match="before"):
        run(stub, tmp_path / "after", earlier=tmp_path / "before")
    assert stub.asked == []
    assert not (tmp_path / "after").exists()


def test_a_call_that_holds_nonsense_is_not_reused(stub, tmp_path):
    target = Target(ACCOUNT, REGION, "aws", None, ("ecs",))
    at = "2026-01-01T00:00:00Z"
    names = (7, None, ["x"])
    calls = [
        Call("ecs", "DescribeTaskDefinition", {"taskDefinition": name}, ACCOUNT, REGION, 0, {}, None, None, at)
        for name in names
    ]
    writer = SnapshotWriter(tmp_path / "before")
    writer.write(target, calls, {}, started_at=at, finished_at=at)
    writer.finish([target])
    _, asked = run(stub, tmp_path / "after", earlier=tmp_path / "before")
    assert asked[DESCRIBE] == 1


def test_the_command_and_every_report_tell_it(stub, tmp_path, capsys):
    run(stub, tmp_path / "before", at=THEN)
    services = ["--services", "ecr,ecs"]
    options = ["--endpoint-url", stub.url, "--regions", REGION, "--since", str(tmp_path / "before"), *services]
    with pytest.raises(SystemExit) as stop:
        main(["collect", "-o", "after", *options])
    said = capsys.readouterr().err
    assert stop.value.code == 0, said
    told = "1 answer reused from an earlier snapshot, the oldest of 2026-11-01"
    assert told in said
    (row,) = [row for row in Snapshot.open(tmp_path / "after").coverage() if row.reused]
    assert (row.operation, row.reused, row.reused_from) == (DESCRIBE, 1, "2026-11-01T08:00:00.000000Z")
    with pytest.raises(SystemExit):
        main(["scan", "after", "--format", "table,json=report.json"])
    assert told in " ".join(capsys.readouterr().out.split())
    assert '"reused":1,"reused_from":"2026-11-01T08:00:00.000000Z"' in (tmp_path / "report.json").read_text()
