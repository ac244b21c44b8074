"""Promise 1, operation by operation: what is denied never ends as a verdict, and is always named."""

from dataclasses import dataclass, replace

import pytest

from scanner import config as configuration
from scanner import demo as demo_estate
from scanner.collectors import COLLECTORS
from scanner.collectors.live import collect_targets
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.demo import NOBODY
from scanner.engine import selected
from scanner.finding import Status
from scanner.recorded import CallError
from scanner.rule import load_rules
from scanner.scan import scan
from scanner.serve import serve
from scanner.snapshot import SnapshotWriter

OPERATIONS = [(service, ask) for service in ("ecr", "ecs", "eks") for ask in COLLECTORS[service].CALLS]
DENIED = CallError("AccessDeniedException", "User: somebody is not authorized to perform: this", 400)


@dataclass
class Denying:
    """The demo estate, in which one operation is denied everywhere."""

    estate: demo_estate.Estate
    service: str
    operation: str

    @property
    def targets(self):
        return self.estate.targets

    def images(self):
        return {} if self.operation == "DescribeImages" else self.estate.images()

    def calls(self):
        for call in self.estate.calls():
            if (call.service, call.operation) == (self.service, self.operation):
                call = replace(call, response=None, error=DENIED, rows=None, page=0)
            yield call


@pytest.fixture(scope="module")
def report_of(demo, tmp_path_factory):
    config = configuration.read(demo / "regionproof.yaml")
    rules = selected(load_rules(), config)

    def collect_and_scan(recording):
        folder = tmp_path_factory.mktemp("denied")
        with serve(recording) as endpoint:
            sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=Limits(paced=False))
            at = demo_estate.estate().at
            collect_targets(recording.targets, SnapshotWriter(folder / "snapshot"), sessions, lambda: at)
        return scan([folder / "snapshot", demo / "infra"], rules, config, demo_estate.estate().at)

    return collect_and_scan


@pytest.fixture(scope="module")
def baseline(report_of):
    return report_of(demo_estate.estate())


def decided(report):
    return {f.fingerprint: f for f in report.findings if f.status in (Status.PASS, Status.FAIL, Status.NOT_APPLICABLE)}


@pytest.mark.parametrize(("service", "ask"), OPERATIONS, ids=lambda each: getattr(each, "operation", each))
def test_a_denied_operation_decides_nothing_and_is_named(report_of, baseline, service, ask):
    report = report_of(Denying(demo_estate.estate(), service, ask.operation))
    before = decided(baseline)
    changed = [
        (finding.rule_id, finding.resource.id, finding.status, finding.message)
        for fingerprint, finding in decided(report).items()
        if fingerprint not in before or before[fingerprint].status is not finding.status
    ]
    assert changed == []
    rows = [row for row in report.coverage if row.operation == f"{service}:{ask.operation}"]
    assert rows
    assert all(row.status == "failed" for row in rows)
    assert not report.complete


def test_the_denials_of_the_table_do_cost_verdicts(report_of, baseline):
    """The table above would hold of a scanner that decides nothing: this one loses verdicts to what it cannot see."""
    report = report_of(Denying(demo_estate.estate(), "ecr", "DescribeImages"))
    assert len(decided(report)) < len(decided(baseline)) - 20
    unknown = [f for f in report.findings if f.status is Status.UNKNOWN]
    assert any("ecr:DescribeImages" in f.message or "AccessDenied" in f.message for f in unknown)
