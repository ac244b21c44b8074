"""Promise 4: one system, through every door, gives the same findings."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from scanner.collectors import COLLECTORS
from scanner.collectors.live import collect_targets
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.config import Config, IacMapping, pair
from scanner.demo import NOBODY
from scanner.demo.estate import tell
from scanner.exercise import WhatIf, exercise
from scanner.finding import Status
from scanner.loss import Loss
from scanner.outcome import State
from scanner.rule import load_rules
from scanner.scan import scan
from scanner.serve import serve
from scanner.snapshot import SnapshotWriter
from scanner.vocabulary import types

SYSTEM = Path(__file__).parent / "fixtures" / "parity"
CODE = {"cloudformation": SYSTEM / "infra", "terraform": SYSTEM / "terraform", "plan": SYSTEM / "plan"}
CONFIG = Config(
    accounts=("111122223333",),
    pairs=(pair({"primary": "us-east-1", "standby": "us-west-2", "dr_class": "warm-standby"}),),
    iac=(
        IacMapping("east.yaml", None, "us-east-1"),
        IacMapping("west.json", None, "us-west-2"),
        IacMapping("plan.json", None, None),  # the account, which a plan does not say
    ),
)
LIVE_ONLY = {  # about what runs, what is in a repository and what EKS supports, which no file says
    "ecs-idle-service-pinned-by-digest",
    "ecs-revision-digest-exists",
    "eks-aws-image-registry-matches-region",
    "eks-manifests-render-for-standby",
    "eks-standby-images-pinned-by-digest",
    "eks-workload-images-exist",
    "image-cached-image-warm-in-standby",
    "image-index-children-in-standby",
    "image-missing-age-within-rpo",
    "image-referrers-replicated",
    "image-replica-not-archived",
    "image-replication-not-failed",
    "image-running-digest-in-standby",
    "registry-backfill-completed",
    "registry-standby-region-enabled",
    "repository-images-replicated",
    "repository-tag-divergence",
    "security-eks-supported-version",
    "workload-image-pinned-by-digest",
}
CODE_ONLY = {"registry-declared-once", "standby-iac-present"}
UNDECLARED = {  # about parts of a registry, quotas, roles, or older images, that one door shows and the other does not
    "registry-creation-template-has-role",
    "registry-creation-templates-cover-replicas",
    "registry-no-cache-of-primary-registry",
    "registry-pull-through-cache-parity",
    "registry-quota-headroom",
    "repository-exists-in-standby",
    "repository-standby-not-archived-by-pull-time",
    "workload-puller-role-not-region-pinned",
}
DECLARED = {type for service in ("ecr", "ecs", "eks") for type in COLLECTORS[service].TYPES}
DECLARED |= {
    type for type in types() if type.startswith(("AWS::Account::", "GitHub::", "GitLab::", "Regionproof::"))
} | {"AWS::ECR::Image"}
AT = datetime(2026, 11, 1, tzinfo=UTC)  # of a scan without a snapshot
NOT_DECLARED = {rule.id for rule in load_rules() if not rule.needs <= DECLARED}
"""About services of which the files of the system say nothing."""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    described = tell(yaml.safe_load((SYSTEM / "estate.yaml").read_text()))
    snapshot = tmp_path_factory.mktemp("live") / "snapshot"
    with serve(described) as endpoint:
        sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=Limits(paced=False))
        collect_targets(described.targets, SnapshotWriter(snapshot), sessions, lambda: described.at)
    return snapshot


@pytest.fixture(scope="module")
def live(snapshot):
    return scan([snapshot], load_rules(), CONFIG, AT)


@pytest.fixture(scope="module", params=CODE.values(), ids=CODE)
def doors(live, request):
    return live, scan([request.param], load_rules(), CONFIG, live.as_of)


def verdicts(report, leave_out):
    """Return (rule, type, name, place, standby) -> status; a task definition's name is its family in both doors."""
    found = {}
    for finding in report.findings:
        resource, there = finding.resource, finding.counterpart
        if resource.name is None:
            continue  # what was not collected: functions, and what runs in clusters
        if finding.rule_id not in leave_out and finding.status is not Status.NOT_APPLICABLE:
            key = (finding.rule_id, resource.type, resource.name, resource.region, there and there.region)
            found.setdefault(key, set()).add(finding.status)
    return found


def test_the_same_system_gives_the_same_verdicts(doors):
    live, code = doors
    leave_out = LIVE_ONLY | CODE_ONLY | UNDECLARED | NOT_DECLARED
    assert verdicts(code, leave_out) == verdicts(live, leave_out)


def test_what_one_door_does_not_show_is_unknown_there(doors):
    live, code = (verdicts(report, LIVE_ONLY | CODE_ONLY) for report in doors)
    for key in {key for key in {**live, **code} if key[0] in UNDECLARED}:
        seen = live.get(key, set()) | code.get(key, set())
        assert len(seen - {Status.UNKNOWN}) < 2, key


def test_the_system_has_something_to_compare(live):
    compared = verdicts(live, LIVE_ONLY | CODE_ONLY)
    assert len(compared) > 20
    by_rule = {}
    for (rule, *_), statuses in compared.items():
        by_rule.setdefault(rule, set()).update(statuses)
    for rule in (
        "repository-exists-in-standby",
        "repository-tag-mutability-parity",
        "registry-filters-cover-workloads",
        "workload-image-not-pinned-to-primary",
        "ecs-service-in-standby",
        "eks-cluster-version-parity",
    ):
        assert Status.FAIL in by_rule[rule], rule


def test_findings_of_files_have_lines_and_those_of_accounts_have_none(doors):
    live, code = doors
    assert all(finding.location is None for finding in live.findings)
    failures = [finding for finding in code.findings if finding.status is Status.FAIL]
    assert failures
    assert all(finding.location for finding in failures)
    pinned = next(f for f in failures if f.rule_id == "workload-image-not-pinned-to-primary")
    assert str(pinned.location).startswith(("west.json:22:", "modules/service/main.tf:18:", "plan.json:"))


def test_what_a_file_cannot_say_is_no_verdict(doors):
    _, code = doors
    decided = [f for f in code.findings if f.rule_id in LIVE_ONLY and f.status in (Status.PASS, Status.FAIL)]
    assert decided == []


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_drill_is_the_same_through_every_door(snapshot, code):
    leave_out = LIVE_ONLY | CODE_ONLY | UNDECLARED | NOT_DECLARED
    rules = [rule for rule in load_rules() if rule.link and rule.id not in leave_out]

    def chains(path):
        report = exercise([path], rules, CONFIG, AT, Loss.parse("us-east-1"), WhatIf())
        return {
            (one.workload.type, one.name): {link.link: link.state for link in one.links}
            for one in report.drill.recoveries
        }

    there, here = chains(snapshot), chains(code)
    assert len(there) > 2
    assert State.BROKEN in {state for chain in there.values() for state in chain.values()}
    assert here == there


def assembly(folder):
    """Write the system as `cdk synth` would."""
    artifacts = {}
    for name, region in (("east.yaml", "us-east-1"), ("west.json", "us-west-2")):
        shutil.copy(SYSTEM / "infra" / name, folder)
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://111122223333/{region}",
            "properties": {"templateFile": name},
        }
    (folder / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": artifacts}))
    return ()


def nested(folder):
    """Write the system as stacks in stacks."""
    (folder / "in").mkdir()
    mappings = []
    for name, region in (("east.yaml", "us-east-1"), ("west.json", "us-west-2")):
        shutil.copy(SYSTEM / "infra" / name, folder / "in")
        stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": f"in/{name}"}}
        (folder / f"{region}.json").write_text(json.dumps({"Resources": {"Nested": stack}}))
        mappings.append(IacMapping(f"{region}.json", None, region))
    return tuple(mappings)


@pytest.mark.parametrize("write", [assembly, nested])
def test_other_forms_of_the_same_templates_give_the_same_verdicts(doors, write, tmp_path):
    _, code = doors
    config = replace(CONFIG, iac=write(tmp_path))
    other = scan([tmp_path], load_rules(), config, code.as_of)
    # The parents of nested stacks are stacks of their own, which the templates alone are not.
    leave_out = {rule.id for rule in load_rules() if "AWS::CloudFormation::Stack" in rule.resource}
    assert verdicts(other, leave_out) == verdicts(code, leave_out)
