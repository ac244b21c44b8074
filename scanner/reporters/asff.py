"""The report as requests of Security Hub's BatchImportFindings, one a line, each about one account and Region."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, TextIO

from scanner import controls as catalogue
from scanner.finding import UNJUDGED, Exemption, Finding, Report, RuleSummary, Severity, Status
from scanner.model import Resource, guard
from scanner.reporters.former import absent, verdict
from scanner.reporters.limits import narrowed
from scanner.reporters.paths import partition_of
from scanner.reporters.text import cut, dumps, jsonable, printable, sentence, timestamp, written_at
from scanner.reporters.verdicts import is_wanting, rules_of, shown_severity, verdicts

_PER_BATCH, _BATCH_BYTES = 100, 6_000_000
"""What a request may hold; a finding may have 240 kB, which the limits below keep it from."""
_RESOURCES, _TAGS, _REQUIREMENTS = 32, 50, 32
_ID, _TITLE, _DESCRIPTION, _RECOMMENDATION, _NOTE, _FIELD = 512, 256, 1_024, 512, 512, 2_048
_TAG_KEY, _TAG_VALUE, _REGION = 128, 256, 16
_ACCOUNT = re.compile(r"[0-9]{12}")
_PLACE = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
"""Those that ASFF has a word for."""
_TYPES = {
    "AWS::CloudFormation::Stack": "AwsCloudFormationStack",
    "AWS::CodeBuild::Project": "AwsCodeBuildProject",
    "AWS::EC2::NetworkAcl": "AwsEc2NetworkAcl",
    "AWS::EC2::RouteTable": "AwsEc2RouteTable",
    "AWS::EC2::SecurityGroup": "AwsEc2SecurityGroup",
    "AWS::EC2::Subnet": "AwsEc2Subnet",
    "AWS::EC2::VPC": "AwsEc2Vpc",
    "AWS::ECR::Repository": "AwsEcrRepository",
    "AWS::ECS::Cluster": "AwsEcsCluster",
    "AWS::ECS::Service": "AwsEcsService",
    "AWS::ECS::Task": "AwsEcsTask",
    "AWS::ECS::TaskDefinition": "AwsEcsTaskDefinition",
    "AWS::EKS::Cluster": "AwsEksCluster",
    "AWS::IAM::Role": "AwsIamRole",
    "AWS::KMS::Key": "AwsKmsKey",
    "AWS::Lambda::Function": "AwsLambdaFunction",
    "AWS::S3::Bucket": "AwsS3Bucket",
    "AWS::SecretsManager::Secret": "AwsSecretsManagerSecret",
}
_SEVERITIES = {severity: severity.value.upper() for severity in Severity} | {Severity.INFO: "INFORMATIONAL"}
_STATUSES = {
    Status.PASS: "PASSED",
    Status.FAIL: "FAILED",
    Status.UNKNOWN: "WARNING",
    Status.NOT_APPLICABLE: "NOT_AVAILABLE",
}
_TYPE = "Software and Configuration Checks/Industry and Regulatory Standards"
_NOT_TOLD = RuleSummary(
    "not-in-security-hub", "Every verdict is about what is in an account", Severity.INFO, (), "", "", (), {}, {}
)


def write(report: Report, out: TextIO) -> None:
    """Write the requests.  What is in no account and Region Security Hub has no place for: one finding counts it.

    A failure of the baseline that was mended, or whose resource is gone, is archived.
    """
    rules = rules_of(report) | {_NOT_TOLD.id: _NOT_TOLD}
    placed: dict[tuple[str, str], list[Finding]] = {}
    left_out = 0
    former = list(absent(report))
    archived = {each.finding.fingerprint for each in former if each.fate not in UNJUDGED}
    for finding in (*verdicts(report), *map(verdict, former)):
        account, region = finding.resource.account or "", finding.resource.region or ""
        if _ACCOUNT.fullmatch(account) and _PLACE.fullmatch(region) and len(region) <= _REGION:
            placed.setdefault((account, region), []).append(finding)
        else:
            left_out += 1
    if left_out and placed:
        first = min(placed)
        placed[first].append(_not_told(left_out, *first))
    for _, findings in sorted(placed.items()):
        told = (_finding(each, rules[each.rule_id], report, archived) for each in findings)
        for batch in _batches(map(dumps, told)):
            out.write(f'{{"Findings":[{",".join(batch)}]}}\n')


def _batches(findings: Iterable[str]) -> Iterator[Sequence[str]]:
    batch: list[str] = []
    size = 0
    for finding in findings:
        bytes = len(finding.encode("utf-8")) + 1
        if len(batch) == _PER_BATCH or (batch and size + bytes > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(finding)
        size += bytes
    if batch:
        yield batch


def _not_told(count: int, account: str, region: str) -> Finding:
    place = Resource("Regionproof::Report", f"aws://{account}/{region}", "regionproof", account, region, guard({}))
    text = f"{count:,} more verdicts are about what is in no known account and Region; the JSON report has them."
    return Finding(_NOT_TOLD.id, Status.UNKNOWN, _NOT_TOLD.severity, place, text, fingerprint=_NOT_TOLD.id)


def _finding(finding: Finding, rule: RuleSummary, report: Report, archived: Container[str]) -> dict[str, Any]:
    resource, when = finding.resource, timestamp(report.as_of)
    account, region, partition = resource.account, resource.region, partition_of(resource.region)
    label = _SEVERITIES[shown_severity(finding)]
    graded = {"Severity": {"Label": label, "Original": finding.severity.value}, "Types": [_TYPE]}
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"regionproof/{account}/{region}/{finding.fingerprint}",
        "ProductArn": f"arn:{partition}:securityhub:{region}:{account}:product/{account}/default",
        "GeneratorId": f"regionproof/{_text(finding.rule_id, _ID - 16)}",
        "AwsAccountId": account,
        "CreatedAt": when,
        "UpdatedAt": when,
        "LastObservedAt": when,
        **graded,
        "FindingProviderFields": graded,
        "Title": _text(rule.title, _TITLE),
        "Description": sentence(finding.message, _DESCRIPTION),
        **(_remediation(rule) if is_wanting(finding) else {}),
        "ProductFields": _fields(finding, report),
        "Resources": _resources(finding),
        "Compliance": _compliance(finding, rule),
        "RecordState": "ARCHIVED" if finding.fingerprint in archived else "ACTIVE",
        **(_suppressed(finding.exemption, when) if finding.exemption else {}),
    }


def _suppressed(exemption: Exemption, when: str) -> dict[str, Any]:
    text = f"Exempted until {exemption.expires.isoformat()} by {exemption.owner}: {exemption.reason}"
    note = {"Text": _text(text, _NOTE), "UpdatedBy": "regionproof", "UpdatedAt": when}
    return {"Workflow": {"Status": "SUPPRESSED"}, "Note": note}


def _compliance(finding: Finding, rule: RuleSummary) -> dict[str, Any]:
    found: dict[str, Any] = {"Status": _STATUSES[finding.status]}
    mapped = sorted(rule.controls.items())
    known = catalogue.frameworks()
    titles = {framework: known[framework].title if framework in known else framework for framework, _ in mapped}
    requirements = [_text(f"{titles[framework]} {id}", _TITLE) for framework, ids in mapped for id in ids]
    if requirements:
        found["RelatedRequirements"] = requirements[:_REQUIREMENTS]
    if finding.status in (Status.UNKNOWN, Status.NOT_APPLICABLE):
        code = {Status.UNKNOWN: "INSUFFICIENT_DATA"}.get(finding.status, "NOT_APPLICABLE")
        found["StatusReasons"] = [{"ReasonCode": code, "Description": sentence(finding.message, _DESCRIPTION)}]
    return found


def _remediation(rule: RuleSummary) -> dict[str, Any]:
    if not rule.remediation.strip():
        return {}
    paragraph = rule.remediation.strip().partition("\n\n")[0].removesuffix(":")  # what follows are commands
    link = next((each for each in rule.references if each.startswith("https://")), None)
    url = {"Url": _text(link, _FIELD)} if link else {}
    return {"Remediation": {"Recommendation": {"Text": sentence(paragraph, _RECOMMENDATION), **url}}}


def _resources(finding: Finding) -> list[dict[str, Any]]:
    found = {_text(each.id, _ID): each for each in (finding.resource, *finding.related)}
    return [_resource(id, each) for id, each in found.items()][:_RESOURCES]


def _resource(id: str, resource: Resource) -> dict[str, Any]:
    partition, region = partition_of(resource.region), resource.region or ""
    tags = {
        _text(key, _TAG_KEY): _text(value, _TAG_VALUE)
        for key, value in list(jsonable(resource.tags).items())[:_TAGS]
        if key.strip() and isinstance(value, str)
    }
    name = {"ResourceType": resource.type, "Name": resource.name or ""}
    return {
        "Type": _TYPES.get(resource.type, "Other"),
        "Id": id or "unknown",
        **({"Partition": partition} if partition in _PARTITIONS else {}),
        **({"Region": region} if _PLACE.fullmatch(region) and len(region) <= _REGION else {}),
        **({"Tags": tags} if tags else {}),
        "Details": {"Other": {key: _text(value, _DESCRIPTION) for key, value in name.items() if value}},
    }


def _fields(finding: Finding, report: Report) -> dict[str, str]:
    standby, where = finding.counterpart, finding.location
    evidence = dumps(jsonable(finding.evidence)) if finding.evidence else ""
    fields = {
        "Version": report.tool_version,
        "Fingerprint": finding.fingerprint,
        "Standby": f"{standby.account or finding.resource.account}/{standby.region}" if standby else "",
        "Pointer": finding.pointer,
        "File": written_at(where) if where else "",
        "Origin": finding.origin.value if finding.origin else "",
        "BaselineState": finding.baseline_state.value if finding.baseline_state else "",
        "NotShown": narrowed(report) if report.not_shown else "",
        "Evidence": evidence if len(evidence) <= _FIELD else "too long; the JSON report has it",
    }
    return {f"regionproof/{key}": _text(value, _FIELD) for key, value in fields.items() if value.strip()}


def _text(text: str, limit: int) -> str:
    return cut(printable(text[: 2 * limit]).strip(), limit)
