"""Tiers of regionproof.yaml and evidence files: what they become, and what cannot be read is never nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scanner import recovery
from scanner.config import read as read_config
from scanner.errors import ConfigError
from scanner.evidence import read
from scanner.images import ImageIndex
from scanner.model import Gap, InsufficientData, Model, Pair, Place, Resource, guard, plain
from scanner.parsers import parse
from scanner.scan import scan

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CONFIG = """\
version: 1
scope:
  workloads:
    tier-0: {clusters: ["payments-*"], rpo: 5m, rto: 15m, owner: payments, dr_class: warm-standby}
    tier-1: {services: [shop/*], functions: [shop-*]}
evidence: [docs/*.yaml]
"""
EVIDENCE = """\
version: 1
drills:
  - date: 2026-09-14
    scope: {tiers: [tier-0], pair: {primary: us-east-1, standby: us-west-2}}
    scenario: failover
    outcome: success
    rto: 12m
    issues: [DNS was slow.]
    signed_off_by: Head of platform
    link: https://wiki.example.com/dr
runbooks:
  - path: failover.md
    reviewed: 2026-08-01
    covers: {tiers: [tier-0]}
    scenario: failover
    resources:
      - arn:aws:ecs:us-west-2:111122223333:cluster/payments
      - arn:aws:lambda:us-west-2:111122223333:function:resize
      - arn:aws:sns:us-west-2:111122223333:alarm
  - url: https://wiki.example.com/failback
    sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    reviewed: 2026-08-01
    covers: {workloads: [shop/web]}
    scenario: failback
    traffic: {by: dns-failover, control_plane: global}
"""
DRILL = "    scope: {tiers: [tier-0], pair: {primary: us-east-1, standby: us-west-2}}"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "failover.md").write_text("Do this.\n")
    (tmp_path / "docs" / "dr.yaml").write_text(EVIDENCE)
    (tmp_path / "regionproof.yaml").write_text(CONFIG)
    return tmp_path


def evidence_of(folder: Path, text: str | None = None, config: str = CONFIG):
    if text is not None:
        (folder / "docs" / "dr.yaml").write_text(text)
    (folder / "regionproof.yaml").write_text(config)
    return read(read_config(folder / "regionproof.yaml"))


class TestTiers:
    def test_a_tier_is_a_resource_at_its_line(self, folder):
        tier, other = read_config(folder / "regionproof.yaml").tiers
        assert (tier.type, tier.name, tier.account, tier.region) == (recovery.TIER, "tier-0", None, None)
        assert {key: tier[key] for key in ("Rto", "Rpo", "Owner", "DrClass")} == {
            "Rto": "15m", "Rpo": "5m", "Owner": "payments", "DrClass": "warm-standby",
        }  # fmt: skip
        assert (tier.locate("/Rto").line, other.locate("").line, other.locate("/Owner").line) == (4, 5, 5)
        assert (other["Clusters"], other["Services"], other["Functions"], other["Rto"]) == (
            [],
            ["shop/*"],
            ["shop-*"],
            None,
        )

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("tier-0: {owner: a}", "scope.workloads.tier-0: at least one of 'clusters', or 'services', or 'functions'"),
            ("tier-0: {clusters: [a], dr_class: hot}", "dr_class: 'hot' is not one of"),
            ("tier-0: {clusters: [a], rto: soon}", "rto: 'soon' is not a duration"),
            ("tier-0: {clusters: [a], servces: [b]}", "unknown key 'servces'"),
            ('"": {clusters: [a]}', "scope.workloads"),
        ],
    )
    def test_what_cannot_be_meant_is_an_error_with_its_line(self, tmp_path, line, message):
        (tmp_path / "regionproof.yaml").write_text(f"version: 1\nscope:\n  workloads:\n    {line}\n")
        with pytest.raises(ConfigError) as error:
            read_config(tmp_path / "regionproof.yaml")
        assert message in str(error.value)
        assert f"{tmp_path / 'regionproof.yaml'}:4" in str(error.value)


def tier(name, **globs):
    return Resource(recovery.TIER, name, name, None, None, guard({"Name": name, **globs}))


def workload(type, name):
    return Resource(type, f"arn:{name}", name, "111122223333", "us-east-1", guard({}))


def model(*resources, gaps=(), pairs=()):
    return Model(resources, gaps=gaps, pairs=pairs, images=ImageIndex({}), as_of=NOW)


SERVICE, CLUSTER, FUNCTION = "AWS::ECS::Service", "AWS::EKS::Cluster", "AWS::Lambda::Function"


@pytest.mark.parametrize(
    ("type", "name", "expected"),
    [
        (SERVICE, "payments/api", "cluster"),
        (SERVICE, "payments/ledger", "service"),  # itself before its cluster
        (SERVICE, "payments/batch-1", "pattern"),
        (SERVICE, "payments/batch-night", "longer"),  # more letters
        (SERVICE, "shop/ledger", "service"),  # by its last part
        ("AWS::ECS::Cluster", "payments", "cluster"),
        (CLUSTER, "payments", "cluster"),
        (CLUSTER, "shop", None),
        ("Kubernetes::Deployment", "eks/web/front", "kubernetes"),
        (FUNCTION, "resize", "function"),
        (FUNCTION, "payments", None),  # the name of a cluster
        (SERVICE, "shop/web", None),
    ],
)
def test_the_most_specific_tier_covers_a_workload(type, name, expected):
    declared = [
        tier("cluster", Clusters=["pay*"]),
        tier("service", Services=["ledger"]),
        tier("pattern", Services=["payments/batch-*"]),
        tier("longer", Services=["payments/batch-night*"]),
        tier("kubernetes", Services=["eks/web/*"]),
        tier("function", Functions=["re*"]),
    ]
    found = recovery.tier_of(model(*declared), workload(type, name))
    assert (found and found.name) == expected


def test_a_name_goes_before_a_pattern_of_more_letters():
    declared = [tier("name", Services=["api"]), tier("pattern", Services=["payments/api*"])]
    assert recovery.tier_of(model(*declared), workload(SERVICE, "payments/api")).name == "name"


@pytest.mark.parametrize(
    ("resources", "gaps", "name", "message"),
    [
        ([tier("a", Clusters=["p*"]), tier("b", Clusters=["p*"])], (), "p/x", "'a' and 'b' name 'p/x' equally well"),
        ([tier("a", Clusters=["p*"])], (), None, "the name of 'arn:None' is not known"),
        ([], [Gap("ParseError", "broken", recovery.TIER, path="a.yaml")], "p/x", "tiers may be declared unseen"),
    ],
)
def test_a_tier_that_cannot_be_told_is_not_none(resources, gaps, name, message):
    with pytest.raises(InsufficientData, match=message):
        recovery.tier_of(model(*resources, gaps=gaps), workload(SERVICE, name))


class TestEvidence:
    def test_drills_and_runbooks_are_resources(self, folder):
        found = evidence_of(folder)
        assert (found.gaps, [file[1] for file in found.files]) == ([], ["complete"])
        drill, runbook, page = found.resources
        assert (drill.type, drill.name, drill.locate("").line) == (recovery.DRILL, "2026-09-14/failover", 3)
        assert (drill["Tiers"], drill["Pair"]) == (["tier-0"], {"Primary": "us-east-1", "Standby": "us-west-2"})
        assert (drill["SignedOffBy"], drill["Link"]) == ("Head of platform", "https://wiki.example.com/dr")
        assert (drill["Rto"], drill["Rpo"], drill["Issues"]) == ("12m", None, ["DNS was slow."])
        assert (runbook["Source"], len(runbook["Sha256"]), runbook["Reviewed"]) == ("failover.md", 64, "2026-08-01")
        assert [each["Type"] for each in runbook["Resources"]] == ["AWS::ECS::Cluster", "AWS::Lambda::Function", None]
        assert (runbook["Traffic"], page["Traffic"]) == (None, {"By": "dns-failover", "ControlPlane": "global"})
        assert (page["Source"], page["Workloads"]) == ("https://wiki.example.com/failback", ["shop/web"])

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("version: 1", "version: 2", "dr.yaml:1: version"),
            ("outcome: success", "outcome: fine", "dr.yaml:6: drills.0.outcome"),
            ("rto: 12m", "rto: PT12M", "dr.yaml:7: drills.0.rto: 'PT12M' is not a duration"),
            ("date: 2026-09-14", "date: yesterday", "dr.yaml:3: drills.0.date: 'yesterday' is not a date"),
            ("scenario: failover\n    out", "senario: failover\n    out", "dr.yaml:5: unknown key 'senario'"),
            ("tiers: [tier-0], pair", "tiers: [tier-9], pair", "dr.yaml:4: no tier 'tier-9' is declared"),
            (DRILL, "    scope: {}", "dr.yaml:4: drills.0.scope"),
            ("path: failover.md", "path: gone.md", "dr.yaml:12: there is no such runbook"),
            ("path: failover.md", "path: ../../etc/passwd", "dr.yaml:12: the runbook is outside"),
            ("path: failover.md", "path: /etc/passwd", "dr.yaml:12: the runbook is outside"),
            ("path: failover.md\n", "url: https://a.example\n", "dr.yaml:12: runbooks.0: one of 'path'"),
            ("https://wiki.example.com/failback", "http://wiki.example.com", "dr.yaml:20: runbooks.1.url"),
            ("https://wiki.example.com/dr", "https://user:word@wiki.example.com", "dr.yaml:10: drills.0.link"),
            ("by: dns-failover", "by: magic", "dr.yaml:25: runbooks.1.traffic.by"),
            ("control_plane: global", "control_plane: everywhere", "dr.yaml:25: runbooks.1.traffic.control_plane"),
            ("version: 1", "version: !!python/none 1", "dr.yaml:1"),
            ("version: 1", "version: 1\nversion: 1", "duplicate key 'version'"),
            ("version: 1", "version: [", "dr.yaml:"),
        ],
    )  # fmt: skip
    def test_a_file_that_is_wrong_is_a_gap_and_not_an_absence(self, folder, old, new, message):
        assert old in EVIDENCE
        found = evidence_of(folder, EVIDENCE.replace(old, new))
        assert found.resources == []
        assert {gap.type for gap in found.gaps} == {recovery.DRILL, recovery.RUNBOOK}
        assert all(message in gap.message and gap.reason == "ParseError" for gap in found.gaps), found.gaps
        assert [file[1] for file in found.files] == ["failed"]

    def test_a_runbook_may_be_for_one_pair(self, folder):
        pair = "covers: {tiers: [tier-0], pair: {primary: us-east-1, standby: us-west-2}}"
        found = evidence_of(folder, EVIDENCE.replace("covers: {tiers: [tier-0]}", pair))
        one, other = (each for each in found.resources if each.type == recovery.RUNBOOK)
        assert (plain(one["Pair"]), other["Pair"]) == ({"Primary": "us-east-1", "Standby": "us-west-2"}, None)

    def test_bytes_that_are_no_text_are_a_gap(self, folder):
        (folder / "docs" / "dr.yaml").write_bytes(b"\xff\xfe")
        assert "not UTF-8" in read(read_config(folder / "regionproof.yaml")).gaps[0].message

    def test_a_file_that_is_too_large_is_a_gap(self, folder, monkeypatch):
        monkeypatch.setattr("scanner.evidence.MAX_BYTES", 100)
        assert "larger than 100 bytes" in evidence_of(folder).gaps[0].message

    def test_a_glob_that_finds_nothing_is_a_gap(self, folder):
        found = evidence_of(folder, config=CONFIG.replace("docs/*.yaml", "docs/none-*.yaml"))
        assert [gap.reason for gap in found.gaps] == ["NotFound", "NotFound"]
        assert "no file is 'docs/none-*.yaml'" in found.gaps[0].message
        assert [file[1] for file in found.files] == ["failed"]

    def test_that_nobody_named_evidence_is_a_gap_where_there_are_tiers(self, folder):
        nothing = evidence_of(folder, config=CONFIG.replace("evidence: [docs/*.yaml]\n", ""))
        assert [gap.reason for gap in nothing.gaps] == ["NotDeclared", "NotDeclared"]
        assert evidence_of(folder, config="version: 1\n").gaps == []

    def test_an_empty_list_says_that_there_is_none(self, folder):
        found = evidence_of(folder, config=CONFIG.replace("[docs/*.yaml]", "[]"))
        assert (found.gaps, found.files, found.resources) == ([], [], [])

    @pytest.mark.parametrize("glob", ["../*.yaml", "docs/../../*.yaml", "/etc/*"])
    def test_a_glob_stays_in_the_folder(self, folder, glob):
        with pytest.raises(ConfigError, match="leads out of the folder"):
            evidence_of(folder, config=CONFIG.replace("docs/*.yaml", glob))

    def test_a_link_that_leads_out_is_not_followed(self, folder, tmp_path_factory):
        outside = tmp_path_factory.mktemp("outside") / "dr.yaml"
        outside.write_text(EVIDENCE)
        (folder / "docs" / "dr.yaml").unlink()
        (folder / "docs" / "dr.yaml").symlink_to(outside)
        found = read(read_config(folder / "regionproof.yaml"))
        assert (found.resources, found.gaps[0].reason) == ([], "NotFound")

    def test_a_file_that_two_globs_name_is_read_once(self, folder):
        found = evidence_of(folder, config=CONFIG.replace("[docs/*.yaml]", '[docs/*.yaml, "**/dr.yaml"]'))
        assert len(found.resources) == 3


def test_no_template_can_give_evidence(tmp_path):
    body = "Resources: {d: {Type: 'Regionproof::Recovery::Drill'}, c: {Type: 'AWS::ECS::Cluster'}}"
    (tmp_path / "a.yaml").write_text(f"AWSTemplateFormatVersion: 2010-09-09\n{body}\n")
    types = {resource.type for resource in parse(tmp_path, lambda _: []).resources}
    assert "AWS::ECS::Cluster" in types
    assert not any(type.startswith(recovery.DECLARED) for type in types)


def test_tiers_are_no_infrastructure_code(folder):
    tiers = read_config(folder / "regionproof.yaml").tiers
    with pytest.raises(InsufficientData, match="no infrastructure code was scanned"):
        model(*tiers).declared("AWS::ECS::Cluster", "payments", Place("111122223333", "us-west-2"))


def test_a_scan_judges_and_covers_evidence(folder):
    from scanner.rule import load_rules

    (folder / "docs" / "broken.yaml").write_text("version: 3\n")
    (folder / "stack.yaml").write_text("AWSTemplateFormatVersion: 2010-09-09\nResources: {}\n")
    rules = [rule for rule in load_rules() if rule.id == "evidence-failover-tested"]
    report = scan([folder / "stack.yaml"], rules, read_config(folder / "regionproof.yaml"), NOW)
    assert {finding.resource.name: finding.status.value for finding in report.findings} == {
        "tier-0": "pass",
        "tier-1": "unknown",
    }
    rows = {Path(row.operation).name: row.status for row in report.coverage}
    assert rows == {"stack.yaml": "complete", "dr.yaml": "complete", "broken.yaml": "failed"}
    assert [each.kind for each in report.inputs] == ["iac", "evidence"]
    assert not report.complete


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT42M", 2520), ("PT1H0M0.5S", 3600.5), ("P1DT1S", 86401), ("PT0S", 0), ("P2D", 172800)],
)
def test_iso_durations(text, seconds):
    assert recovery.iso_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "42m", "P1Y", "-PT1S", None, 42, "PT1M1H"])
def test_what_is_no_iso_duration_is_unknown(text):
    with pytest.raises(InsufficientData):
        recovery.iso_duration(text)


def test_pairs_to_a_place():
    both = Pair(Place(None, "us-east-1"), Place(None, "us-west-2"), "active-active")
    vault = Pair(Place("1", "eu-west-1"), Place("2", "us-west-2"))
    found = recovery.pairs_to(model(pairs=[both, vault]), Place("2", "us-west-2"))
    assert [str(pair) for pair in found] == ["1/eu-west-1 -> 2/us-west-2", "2/us-east-1 -> 2/us-west-2"]
    assert [str(p) for p in recovery.pairs_to(model(pairs=[both]), Place("2", "us-east-1"))] == [
        "2/us-west-2 -> 2/us-east-1"
    ]
    assert recovery.pairs_to(model(pairs=[both]), Place("2", "eu-west-1")) == []


def step(kind, *inner):
    blocks = {"ParallelConfig": {"Steps": list(inner)}} if inner else {}
    return {"ExecutionBlockType": kind, "ExecutionBlockConfiguration": blocks}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], False),
        ([step("ECSServiceScaling")], False),
        ([step("ECSServiceScaling"), step("ManualApproval")], True),
        ([step("Parallel", step("ECSServiceScaling"), step("ManualApproval"))], True),
        ([step("Parallel", step("ECSServiceScaling"))], False),
    ],
)
def test_a_plan_waits_where_somebody_has_to_approve(steps, expected):
    assert recovery.waits(guard([{"Steps": steps}])) is expected
