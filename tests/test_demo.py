"""The demo estate is what AWS would answer, is the same each time, and shows every rule at work."""

from __future__ import annotations

import gc
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session as Botocore
from botocore.validate import ParamValidator

from scanner.collectors import COLLECTORS
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.config import read
from scanner.demo import NOBODY, estate, run
from scanner.engine import selected
from scanner.errors import UsageError
from scanner.finding import ExemptionState, Status
from scanner.model import Place
from scanner.rule import load_rules
from scanner.scan import scan
from scanner.serve import serve
from scanner.snapshot import Snapshot

NEITHER = {
    "security-signing-parity": "no pair is active-active or pushes to both",
    "standby-ci-deploys-to-standby": "its repository has no CI files",
    "standby-terraform-state-survives": "its code is CloudFormation",
    "workload-user-data-not-pinned-to-primary": "its code makes no instances",
}
"""Rules that find nothing to judge in the estate, and why."""
NEVER_FAILS = {
    "registry-policy-denies-no-puller": "nobody denies anything in a registry policy",
    "ecs-launch-rate-fits-rto": "it takes services of thousands of tasks",
    "registry-declared-once": "a registry whose code disagrees with itself could be shown no other way",
    "registry-replication-rules-effective": "rules that copy nothing would leave nothing else to show",
    "registry-quota-headroom": "it takes tens of thousands of repositories or images",
    "workload-secrets-readable-in-standby": "the role that reads secrets may read them in every Region",
    "registry-standby-region-enabled": "a Region that is not enabled answers nothing that could be shown",
}
"""Rules of which no company of this size shows a failure, and why."""
EXPLAINED = {
    "shop/recommender were not all listed": "its listing is denied, the one call that is",
    "its code may be elsewhere": "only the code of the shop is scanned",
    "declare `rpo` of the pair": "the pair of identity declares no objectives",
    "ECR lists no backfill": "replication of the reports never had one",
}
"""What stands in each message of what is unknown, and why that is in the estate."""
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
    config = read(written.config)
    return scan(written.paths, selected(load_rules([]), config), config, written.as_of)


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
            enum = {word.lower() for word in shape.enum}  # EC2 answers its words in small letters
            wrong = not isinstance(value, str) or (enum and value.lower() not in enum)
            wrong = wrong and shape.name != "TemplateBody"  # which the SDK reads, where it is JSON
        case "timestamp":
            wrong = isinstance(value, bool) or not isinstance(moment(value), datetime)
        case "double" | "float":
            wrong = isinstance(value, bool) or not isinstance(value, (int, float))
        case "integer" | "long":
            wrong = type(value) is not int
        case "boolean":
            wrong = type(value) is not bool
        case other:
            wrong = f"nobody expects a {other}"
    return [f"{where}: {value!r} is no {shape.type_name}"] if wrong else []


def moment(value):
    """Return a time that AWS's JSON has in seconds, and what is kept of its XML as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)


def test_every_answer_has_the_shape_that_aws_gives_it():
    session, validator = Botocore(), ParamValidator()
    models = {name: session.get_service_model(name) for name in (*COLLECTORS, "account")}
    asked = set()
    for call in estate().calls():
        operation = models[call.service].operation_model(call.operation)
        asked.add(call.operation)
        assert not validator.validate(call.parameters, operation.input_shape).has_errors()
        if call.response is not None:
            assert problems(call.response, operation.output_shape, call.operation) == []
        elif call.error:
            codes = {shape.name for shape in operation.error_shapes} | {"AccessDeniedException"}
            assert call.error.code in codes or call.service == "s3"  # the model of S3 names no errors
    assert asked >= {ask.operation for service in ("ecr", "ecs", "eks", "iam") for ask in COLLECTORS[service].CALLS}


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
                shape = clients[key].meta.service_model.operation_model(call.operation).output_shape
                assert answer == parsed(call.response, shape)


def parsed(raw, shape):
    """Return a raw answer as the SDK gives it: times, and policies of IAM, which it reads."""
    match shape.type_name:
        case "structure":
            return {key: parsed(value, shape.members[key]) for key, value in raw.items()}
        case "list":
            return [parsed(item, shape.member) for item in raw]
        case "timestamp":
            return moment(raw)
        case "string" if shape.name == "policyDocumentType":
            return json.loads(raw)
    return raw


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
    assert {Path("kubernetes/us-west-2-fulfilment.json"), Path("recovery/drills.yaml")} <= names
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


def test_every_rule_that_is_on_passes_and_fails_somewhere(report):
    """What is excepted is so for a reason that still holds: it is exactly what never does."""
    statuses = defaultdict(Counter)
    for finding in report.findings:
        statuses[finding.rule_id][finding.status] += 1
    on = {rule.id for rule in report.rules}
    assert {rule for rule in on if not statuses[rule][Status.PASS]} == set(NEITHER)
    assert {rule for rule in on if not statuses[rule][Status.FAIL]} == {*NEITHER, *NEVER_FAILS}


def test_the_report_is_short_enough_to_be_read(report):
    statuses = Counter(finding.status for finding in report.findings if not finding.exemption)
    assert 60 <= statuses[Status.FAIL] < 110
    assert statuses[Status.UNKNOWN] < 30


def test_what_is_unknown_is_explained(report):
    unknown = [finding for finding in report.findings if finding.status is Status.UNKNOWN]
    reasons = {words for words in EXPLAINED for finding in unknown if words in finding.message}
    assert reasons == EXPLAINED.keys()
    assert [f.message for f in unknown if not any(words in f.message for words in EXPLAINED)] == []
    assert [row.operation for row in report.coverage if row.status != "complete"] == ["ecr:DescribeImages"]


def test_what_runs_in_every_cluster_was_read_whole(written):
    calls = [call for call in Snapshot.open(written.paths[0]).calls() if call.service == "kubernetes"]
    assert {call.parameters["cluster"] for call in calls} == estate().clusters.keys()
    assert len(estate().clusters) == 4
    assert [call for call in calls if call.error or not call.response["items"]] == []


def test_the_standby_of_a_cluster_lacks_a_deployment_and_an_image(report):
    failed = {(f.rule_id, f.resource.name) for f in report.findings if f.status is Status.FAIL}
    assert ("eks-manifests-render-for-standby", "fulfilment/orders/importer") in failed
    assert ("image-running-digest-in-standby", "fulfilment/orders/orders") in failed
    assert ("eks-manifests-render-for-standby", "fulfilment/orders/orders") not in failed


def test_tiers_are_judged_by_what_people_recorded(report):
    judged = {(f.rule_id, f.resource.name): f.status for f in report.findings if f.rule_id.startswith("evidence-")}
    tested = {tier: judged["evidence-failover-tested", tier] for tier in ("tier-0", "tier-1", "tier-2")}
    assert tested == {"tier-0": Status.FAIL, "tier-1": Status.PASS, "tier-2": Status.PASS}
    assert judged["evidence-measured-rto-within-objective", "tier-2"] is Status.FAIL
    assert judged["evidence-runbook-present", "tier-2"] is Status.FAIL
    assert judged["evidence-runbook-fresh", "ledger.md"] is Status.PASS


def test_one_role_may_pull_from_the_primary_alone(report):
    pinned = [f for f in report.findings if f.rule_id == "workload-puller-role-not-region-pinned"]
    assert [f.resource.name for f in pinned if f.status is Status.FAIL] == ["storefront-catalog"]
    assert not [f for f in pinned if f.status is Status.UNKNOWN]


def test_exemptions_hold_until_they_expire(report):
    assert sorted(state.value for _, state in report.exemptions) == ["active", "active", "expired"]
    exempted = [finding for finding in report.findings if finding.exemption]
    assert {finding.resource.name for finding in exempted} == {"shop/cart"}
    assert {state for _, state in report.exemptions} == {ExemptionState.ACTIVE, ExemptionState.EXPIRED}


def test_one_region_is_in_no_pair(report):
    paired = {place for pair in report.pairs for place in (pair.primary, pair.standby)}
    assert {target.place for target in estate().targets} - paired == {Place("111122223333", "eu-west-1")}
    assert any(pair.primary.account != pair.standby.account for pair in report.pairs)


def test_after_a_run_the_garbage_collector_sees_everything_again(written):
    assert written.paths[0].exists()
    assert gc.get_freeze_count() == 0
