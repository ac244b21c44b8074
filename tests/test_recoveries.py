"""What a scan says of each workload is of the whole estate, and rests on the rules that ran."""

from datetime import UTC, datetime

import pytest

from scanner import console
from scanner.config import Config
from scanner.outcome import State
from scanner.scan import Change, scan

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def config(demo):
    return console.read_config(str(demo / "regionproof.yaml"))


@pytest.fixture(scope="module")
def rules(config):
    return [rule for rule in console.chosen_rules(config, (), python=True) if rule.link in ("digest", "definition")]


def outcomes(report):
    return [(one.name, one.workload.id, one.outcome, one.reason) for one in report.recoveries]


def test_recoveries_are_of_the_whole_estate_whatever_findings_are_narrowed_to(demo, config, rules):
    whole, narrowed = (
        scan([demo / "infra"], rules, config, NOW, Change(against=demo / "snapshot", new_only=new_only))
        for new_only in (False, True)
    )
    assert narrowed.not_shown
    assert outcomes(narrowed) == outcomes(whole)


def test_recoveries_rest_on_the_links_of_the_rules_that_ran_and_are_outlines(demo, config, rules):
    report = scan([demo / "snapshot"], rules, config, NOW)
    paired = [one for one in report.recoveries if one.standby is not None]
    assert {link.link for one in paired for link in one.links} == {"definition", "digest", "delivery"}
    held = [link for one in paired for link in one.links if link.state in (State.HOLDS, State.NOT_NEEDED)]
    assert {(link.rule_id, link.fingerprint, link.subject) for link in held} == {("", "", None)}
    assert not any(one.checks for one in report.recoveries)
    told = {finding.fingerprint for finding in report.findings}
    broken = [link for one in paired for link in one.links if link.state is State.BROKEN]
    assert broken
    assert {link.fingerprint for link in broken} <= told


def test_code_of_no_known_place_cannot_be_told(demo):
    report = scan([demo / "infra"], console.chosen_rules(Config(), (), python=True), Config(), NOW)
    assert {one.outcome.value for one in report.recoveries} == {"cannot tell"}
    assert "say so under 'iac:'" in report.recoveries[0].reason
