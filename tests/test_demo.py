"""The demo estate is what AWS would answer, is the same each time, and shows every rule at work."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session as Botocore
from botocore.validate import ParamValidator

from scanner.collectors import COLLECTORS
from scanner.collectors.ask import once
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.config import read
from scanner.demo import NOBODY, estate, run
from scanner.demo.estate import SERVICES
from scanner.errors import UsageError
from scanner.finding import ExemptionState, Status
from scanner.model import Place
from scanner.rule import load_rules
from scanner.scan import scan
from scanner.serve import serve
from scanner.snapshot import Snapshot

CORE = {
    "registry-replication-to-standby",
    "registry-filters-cover-workloads",
    "registry-destination-policy-allows-replication",
    "registry-delete-replication-to-standby",
    "repository-exists-in-standby",
    "repository-images-replicated",
    "repository-tag-divergence",
    "repository-tag-mutability-parity",
    "repository-encryption-parity",
    "repository-standby-keeps-needed-images",
    "image-running-digest-in-standby",
    "image-replica-not-archived",
    "workload-region-has-standby",
    "workload-image-not-pinned-to-primary",
    "ecs-service-in-standby",
    "eks-cluster-version-parity",
    "standby-iac-present",
}
BIG = ("111122223333", "us-east-1", "shop/web")


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """Ambient AWS settings are none of our business."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        return run(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def report(written):
    return scan(written.paths, load_rules([]), read(written.config), written.as_of)


def problems(value, shape, where) -> list[str]:
    """Return how a raw answer differs from its shape: members AWS does not have, and values of another type."""
    match shape.type_name:
        case "structure":
            unknown = [f"{where}.{key}" for key in value.keys() - shape.members.keys()]
            inner = [problems(v, shape.members[k], f"{where}.{k}") for k, v in value.items() if k in shape.members]
            return unknown + [problem for found in inner for problem in found]
        case "list":
            return [p for n, item in enumerate(value) for p in problems(item, shape.member, f"{where}[{n}]")]
        case "map":
            return [p for key, item in value.items() for p in problems(item, shape.value, f"{where}.{key}")]
        case "string":
            wrong = not isinstance(value, str) or (shape.enum and value not in shape.enum)
        case "timestamp" | "double" | "float":
            wrong = isinstance(value, bool) or not isinstance(value, (int, float))
        case "integer" | "long":
            wrong = type(value) is not int
        case "boolean":
            wrong = type(value) is not bool
        case other:
            wrong = f"nobody expects a {other}"
    return [f"{where}: {value!r} is no {shape.type_name}"] if wrong else []


def test_every_answer_has_the_shape_that_aws_gives_it():
    session, validator = Botocore(), ParamValidator()
    models = {name: session.get_service_model(name) for name in SERVICES}
    asked = set()
    for call in estate().calls():
        operation = models[call.service].operation_model(call.operation)
        asked.add(call.operation)
        assert not validator.validate(call.parameters, operation.input_shape).has_errors()
        if call.response is not None:
            assert problems(call.response, operation.output_shape, call.operation) == []
        elif call.error:
            codes = {shape.name for shape in operation.error_shapes} | {"AccessDeniedException"}
            assert call.error.code in codes
    asks = [ask for service in SERVICES for ask in COLLECTORS[service].CALLS]
    assert asked <= {ask.operation for ask in asks}
    assert asked >= {ask.operation for service in ("ecr", "ecs", "eks") for ask in COLLECTORS[service].CALLS}
    assert asked >= {ask.operation for ask in asks if ask.each is once}


def test_every_answer_reaches_the_sdk_whole():
    """Paged lists come in one page each, images in pages of a thousand."""
    clients = {}
    with serve(estate()) as endpoint:
        sessions = Sessions(
            endpoint_url=endpoint.url, credentials=NOBODY, limits=Limits(max_attempts=1, max_throttles=1, paced=False)
        )
        for call in estate().calls():
            key = (call.service, call.account, call.region)
            if key not in clients:
                keys = {"aws_access_key_id": f"ASIA{call.account}", "aws_secret_access_key": "x"}
                clients[key] = sessions.client(call.service, call.region, keys)
            ask = getattr(clients[key], xform_name(call.operation))
            if call.error:
                with pytest.raises(clients[key].exceptions.ClientError, match=call.error.code):
                    ask(**call.parameters)
            elif call.rows is not None:
                pages = (
                    clients[key]
                    .get_paginator("describe_images")
                    .paginate(**call.parameters, PaginationConfig={"PageSize": 1000})
                )
                assert sum(len(page["imageDetails"]) for page in pages) == call.rows
            else:
                answer = ask(**call.parameters)
                del answer["ResponseMetadata"]
                assert answer == parsed(call.response)


def parsed(raw):
    """Return a raw answer with its times as the SDK gives them."""
    if isinstance(raw, dict):
        times = ("createdAt", "updatedAt", "modifiedAt", "registeredAt", "startedAt")
        return {k: datetime.fromtimestamp(v, UTC) if k in times else parsed(v) for k, v in raw.items()}
    return [parsed(item) for item in raw] if isinstance(raw, list) else raw


def test_the_collected_snapshot_is_the_estate(written):
    told, snapshot = estate(), Snapshot.open(written.paths[0])
    assert snapshot.images() == told.images()
    assert snapshot.targets == told.targets
    assert snapshot.as_of == told.at == written.as_of
    refused = [call for call in snapshot.calls() if call.error and not call.not_configured]
    assert [(call.operation, call.error.code) for call in refused] == [("DescribeImages", "AccessDeniedException")]
    assert len(snapshot.images()[BIG].images) == 1200


def test_the_demo_writes_the_same_bytes_each_time(written, tmp_path):
    first, second = written.config.parent, run(tmp_path).config.parent
    names = {path.relative_to(first) for path in first.rglob("*") if path.is_file()}
    assert names == {path.relative_to(second) for path in second.rglob("*") if path.is_file()}
    assert {Path("snapshot/snapshot.json"), Path("infra/us-west-2/standby.yaml"), Path("regionproof.yaml")} <= names
    assert [name for name in sorted(names) if (first / name).read_bytes() != (second / name).read_bytes()] == []


def test_the_demo_runs_again_where_it_ran_but_takes_no_other_snapshot(tmp_path):
    before = run(tmp_path).paths[0] / "snapshot.json"
    text = before.read_text()
    assert run(tmp_path).paths[0] == before.parent
    assert before.read_text() == text
    (tmp_path / "regionproof.yaml").write_text("version: 1\n")
    with pytest.raises(UsageError, match="finished snapshot"):
        run(tmp_path)
    assert before.read_text() == text


def test_every_core_rule_passes_and_fails_somewhere(report):
    statuses = defaultdict(Counter)
    for finding in report.findings:
        statuses[finding.rule_id][finding.status] += 1
    assert {rule for rule, seen in statuses.items() if {Status.PASS, Status.FAIL} <= seen.keys()} >= CORE


def test_what_is_unknown_is_what_was_denied(report):
    unknown = [finding for finding in report.findings if finding.status is Status.UNKNOWN]
    elsewhere = [finding for finding in unknown if "its code may be elsewhere" in finding.message]
    assert {finding.rule_id for finding in elsewhere} == {"standby-iac-present"}
    named = {finding.resource.name for finding in unknown if finding not in elsewhere}
    assert named == {"shop/recommender", "storefront/recommender"}
    assert not [row for row in report.coverage if row.status != "complete" and row.operation != "ecr:DescribeImages"]


def test_one_exemption_holds_and_one_has_expired(report):
    assert sorted(state.value for _, state in report.exemptions) == ["active", "expired"]
    exempted = [finding for finding in report.findings if finding.exemption]
    assert [finding.resource.name for finding in exempted] == ["shop/cart"]
    assert {state for _, state in report.exemptions} == {ExemptionState.ACTIVE, ExemptionState.EXPIRED}


def test_one_region_is_in_no_pair(report):
    paired = {place for pair in report.pairs for place in (pair.primary, pair.standby)}
    assert {target.place for target in estate().targets} - paired == {Place("111122223333", "eu-west-1")}
    assert any(pair.primary.account != pair.standby.account for pair in report.pairs)
