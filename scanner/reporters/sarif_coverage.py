"""What a scan did not see, as SARIF: notifications of the invocation, and the gaps that become results."""

from __future__ import annotations

from collections.abc import Iterator

import sarif_om as om

from scanner.finding import Coverage, ExemptionState, Report
from scanner.model import Location
from scanner.reporters import sarif_anchor as anchor
from scanner.reporters.gaps import COVERAGE_GAP, Gap, errors_of, rows_of, short
from scanner.reporters.identity import guid
from scanner.reporters.limits import narrowed
from scanner.reporters.paths import coverage_path
from scanner.reporters.sarif_tool import NOTIFICATIONS
from scanner.reporters.text import printable


def location_of(gap: Gap, anchors: anchor.Anchors) -> om.Location:
    """Return the file that was not read, or a synthetic path."""
    row = gap.rows[0]
    if gap.is_file:
        name = row.operation
        physical = anchors.in_file(Location(row.operation, 1))
    else:
        name = f"{row.account}/{row.region}/{row.service}"
        physical = anchor.in_account(coverage_path(row.account, row.region, row.service))
    return om.Location(physical_location=physical, logical_locations=[anchor.logical(name, None)])


def invocation(report: Report, source: str, coverage_rule_index: int, anchors: anchor.Anchors) -> om.Invocation:
    """Return what happened in the scan.  It was successful: gaps are said one by one, and only a crash is a failure."""
    return om.Invocation(
        execution_successful=True,
        start_time_utc=report.as_of,
        end_time_utc=report.as_of,
        tool_execution_notifications=[
            *(_gap_notification(row, report, coverage_rule_index) for row in rows_of(report, source) if row.missed),
            *_region_notifications(report, source),
            *_rule_notifications(report),
        ],
        tool_configuration_notifications=[
            *_narrowing_notifications(report),
            *_exemption_notifications(report, anchors),
        ],
    )


def descriptor_of(row: Coverage) -> str:
    """Return which notification a row of coverage that is not complete asks for."""
    codes = " ".join(code.lower() for code, _ in row.errors)
    if row.service == "file":
        return "file-not-read"
    if any(word in codes for word in ("denied", "unauthorized", "notauthorized", "forbidden")):
        return "access-denied"
    if any(word in codes for word in ("throttl", "toomanyrequests", "limitexceeded", "slowdown")):
        return "call-throttled"
    return "call-failed"


def _gap_notification(row: Coverage, report: Report, coverage_rule_index: int) -> om.Notification:
    where = "" if row.service == "file" else f" in account '{row.account}', Region '{row.region}'"
    text = f"'{short(row.operation)}'{where}: {errors_of(row)}{f'; {row.message}' if row.message else ''}"
    properties = {
        "regionproof/account": row.account,
        "regionproof/region": row.region,
        "regionproof/service": row.service,
        "regionproof/operation": printable(row.operation),
        "regionproof/errors": {printable(code): count for code, count in sorted(row.errors)},
    }
    return om.Notification(
        descriptor=_reference(descriptor_of(row)),
        associated_rule=om.ReportingDescriptorReference(
            id=COVERAGE_GAP.id, guid=guid("rule", COVERAGE_GAP.id), index=coverage_rule_index
        ),
        level="warning",
        message=anchor.message(text),
        time_utc=report.as_of,
        properties={key: value for key, value in properties.items() if value},
    )


def _region_notifications(report: Report, source: str) -> Iterator[om.Notification]:
    """Yield one notification for each Region: an organization has thousands of accounts."""
    accounts: dict[str, list[str]] = {}
    for row in rows_of(report, source):
        if not row.asked:
            accounts.setdefault(row.region, []).append(row.account)
    for region, names in sorted(accounts.items()):
        which = f"account '{short(names[0])}'" if len(names) == 1 else f"{len(names)} accounts"
        yield om.Notification(
            descriptor=_reference("region-not-enabled"),
            level="note",
            message=anchor.message(f"Region '{short(region)}' is not enabled in {which}."),
            time_utc=report.as_of,
            properties={"regionproof/region": printable(region)},
        )


def _rule_notifications(report: Report) -> Iterator[om.Notification]:
    """Yield one notification for each rule that failed; rules are listed in the order of their ids."""
    index = {rule.id: at for at, rule in enumerate(sorted(report.rules, key=lambda rule: rule.id))}
    for rule in sorted(report.broken_rules):
        subjects = "1 subject" if rule.subjects == 1 else f"{rule.subjects} subjects"
        yield om.Notification(
            descriptor=_reference("rule-failed"),
            associated_rule=om.ReportingDescriptorReference(
                id=rule.rule_id, guid=guid("rule", rule.rule_id), index=index[rule.rule_id]
            ),
            level="warning",  # an error would mean that the whole run failed (SARIF 3.20.21)
            message=anchor.message(f"Rule '{rule.rule_id}' failed for {subjects}: {short(rule.reason)}"),
            time_utc=report.as_of,
        )


def _narrowing_notifications(report: Report) -> Iterator[om.Notification]:
    """Yield that verdicts are left out, if they are: an upload in the place of a whole scan closes their alerts."""
    if report.not_shown:
        yield om.Notification(
            descriptor=_reference("report-narrowed"),
            level="warning",
            message=anchor.message(f"{narrowed(report)}. {NOTIFICATIONS['report-narrowed'].capitalize()}."),
            time_utc=report.as_of,
            properties={"regionproof/notShown": report.not_shown},
        )


def _exemption_notifications(report: Report, anchors: anchor.Anchors) -> Iterator[om.Notification]:
    for exemption, state in sorted(report.exemptions, key=lambda row: (row[0].rule, row[0].resource, row[0].expires)):
        if state is ExemptionState.ACTIVE:
            continue
        expired = state is ExemptionState.EXPIRED
        ran = any(rule.id == exemption.rule for rule in report.rules)
        unused = "matches no failing finding" if ran else "is about a rule that did not run"
        what = f"expired on '{exemption.expires.isoformat()}'" if expired else unused
        text = f"The exemption of '{short(exemption.rule)}' for '{short(exemption.resource)}' {what}."
        where = anchors.in_tree(exemption.location)
        yield om.Notification(
            descriptor=_reference("exemption-expired" if expired else "exemption-unused"),
            level="warning" if expired else "note",
            message=anchor.message(text),
            time_utc=report.as_of,
            locations=[om.Location(physical_location=where)] if where else None,
        )


def _reference(descriptor: str) -> om.ReportingDescriptorReference:
    at = list(NOTIFICATIONS).index(descriptor)
    return om.ReportingDescriptorReference(id=descriptor, guid=guid("notification", descriptor), index=at)
