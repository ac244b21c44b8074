"""The drill as JSON, as `schemas/drill.json` promises it.  One workload a line, so that two drills can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from scanner.chain import CHAIN
from scanner.drill import DrillReport, Shared
from scanner.loss import Loss
from scanner.outcome import Outcome, Recovery
from scanner.reporters.json import coverage_data, location_data, rule_data, write_document
from scanner.reporters.objectives import Objective, against_rpo, against_rto
from scanner.reporters.recoveries import action_data, link_data, place_data, resource_data, seconds
from scanner.reporters.text import timestamp

SCHEMA = "https://regionproof.dev/schema/drill-1.json"
SCHEMA_VERSION = "1.0.0"


def write(report: DrillReport, out: TextIO) -> None:
    """Write a drill as JSON."""
    write_document(_document(report), out)


def _document(report: DrillReport) -> Iterator[tuple[str, Any]]:
    drill = report.drill
    yield "$schema", SCHEMA
    yield "schema_version", SCHEMA_VERSION
    yield "tool", {"name": "regionproof", "version": report.tool_version}
    yield "as_of", timestamp(report.as_of)
    yield "config_sha256", report.config_sha256
    yield "inputs", [{"kind": one.kind, "path": one.path, "sha256": one.sha256} for one in report.inputs]
    yield "loss", _loss(drill.loss)
    yield "assumptions", list(report.assumptions)
    yield "summary", _summary(report)
    yield "chain", [{"id": link.id, "title": link.title, "judged": link.id not in report.not_judged} for link in CHAIN]
    yield "rules", {id: rule_data(rule) for id, rule in sorted(report.rules.items())}
    yield "missed", map(coverage_data, sorted(report.missed))
    yield "unmatched", [{"tier": tier, "glob": glob} for tier, glob in report.unmatched]
    yield "unseen", list(report.drill.unseen)
    yield "waiting", map(resource_data, sorted(drill.waiting, key=lambda one: (one.id, one.type)))
    yield "shared", map(_shared, drill.shared)
    yield "recoveries", map(_recovery, drill.recoveries)


def _loss(loss: Loss | None) -> dict[str, Any] | None:
    if loss is None:
        return None
    return {
        "text": str(loss),
        "kind": loss.kind,
        "account_id": loss.account,
        "region": loss.region,
        "service": loss.service,
        "name": loss.name,
    }


def _summary(report: DrillReport) -> dict[str, Any]:
    recoveries = report.drill.recoveries
    outcomes = Counter(one.outcome for one in recoveries)
    return {
        "by_outcome": {outcome.value: outcomes[outcome] for outcome in Outcome},
        "rto": _tally(map(against_rto, recoveries)),
        "rpo": _tally(map(against_rpo, recoveries)),
        "workloads": len({(one.workload.type, one.workload.id) for one in recoveries}),
        "waiting": len(report.drill.waiting),
        "untouched": report.drill.others,
        "complete": not report.missed and not report.not_judged and not report.drill.unseen,
    }


def _tally(found: Iterable[Objective]) -> dict[str, int]:
    counts = Counter(found)
    return {objective.value: counts[objective] for objective in Objective}


def _shared(shared: Shared) -> dict[str, Any]:
    return {
        "link": shared.link,
        "rule_id": shared.rule_id or None,
        "subject": resource_data(shared.subject),
        "reason": shared.reason,
        "workloads": list(dict.fromkeys(one.workload.id for one in shared.workloads)),
    }


def _recovery(one: Recovery) -> dict[str, Any]:
    return {
        "workload": {**resource_data(one.workload), "location": location_data(one.workload.locate(""))},
        "standby": place_data(one.standby) if one.standby else None,
        "dr_class": one.dr_class,
        "outcome": one.outcome.value,
        "reason": one.reason,
        "first_broken": one.broken.link if one.broken else None,
        "tier": one.tier,
        "owner": one.owner,
        "needs": list(one.needs),
        "rto_seconds": seconds(one.rto),
        "rto": against_rto(one).value,
        "estimate_seconds": seconds(one.estimate),
        "estimate_is_whole": one.is_estimate_whole,
        "rpo_seconds": seconds(one.rpo),
        "rpo": against_rpo(one).value,
        "image_age_seconds": seconds(one.image_age),
        "actions": [action_data(action) for action in one.actions],
        "checks": [{"title": check.title, "command": check.command} for check in one.checks],
        "links": [link_data(link) for link in one.links],
    }
