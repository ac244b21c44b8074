"""The part of a SARIF run that says who speaks: the tool, its rules, and the frameworks they are mapped to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import sarif_om as om

from scanner import controls
from scanner.finding import RuleSummary, Severity
from scanner.reporters.identity import guid
from scanner.reporters.text import cut, printable, printable_lines, sentence

LEVEL = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
RANK = {
    Severity.CRITICAL: 95.0,
    Severity.HIGH: 80.0,
    Severity.MEDIUM: 55.0,
    Severity.LOW: 20.0,
    Severity.INFO: 5.0,
}
NOTIFICATIONS = {
    "access-denied": "AWS denied the call, so what it would have shown is not known",
    "call-throttled": "AWS throttled the call until the attempts were used up",
    "call-failed": "the call failed, so what it would have shown is not known",
    "file-not-read": "the file could not be read, or not all of it",
    "exemption-expired": "the exemption is past its last day and suppresses nothing",
    "exemption-unused": "the exemption matches no failing finding",
    "rule-failed": "the rule raised an error, took too long or changed what it read, so what it judges is not known",
    "region-not-enabled": "the account has not opted in to the Region, so nothing was asked there and nothing can run",
    "report-narrowed": "this is a part of the verdicts, and to upload it as the whole closes the alerts of the rest",
}

_SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
}
_PROBLEM_SEVERITY = {"error": "error", "warning": "warning", "note": "recommendation"}
_TEXT, _HELP, _TAGS = 1024, 20_000, 10
_WEB = re.compile(r"https?://[A-Za-z0-9\-._~:/?#@!$&'()*+,;=]+")


def tool(version: str, rules: Sequence[RuleSummary], taxonomies: Sequence[om.ToolComponent]) -> om.Tool:
    """Return the tool with every rule that ran, in the order of `rules`."""
    return om.Tool(
        driver=om.ToolComponent(
            name="regionproof",
            full_name=f"regionproof {version}",
            organization="The regionproof maintainers",
            information_uri="https://regionproof.dev",
            guid=guid("tool"),
            version=version,
            semantic_version=semantic(version),
            short_description=_text("Finds what keeps container workloads from starting in the standby Region."),
            rules=[_descriptor(rule, taxonomies) for rule in rules],
            notifications=[_notification(id, about) for id, about in NOTIFICATIONS.items()],
            supported_taxonomies=[_component(at, each) for at, each in enumerate(taxonomies)] or None,
        )
    )


def taxonomies_of(rules: Iterable[RuleSummary]) -> list[om.ToolComponent]:
    """Return the frameworks that rules are mapped to, each with just the controls that some rule names."""
    used: dict[str, set[str]] = {}
    for rule in rules:
        for framework, ids in rule.controls.items():
            used.setdefault(framework, set()).update(ids)
    return [_taxonomy(framework, sorted(ids)) for framework, ids in sorted(used.items()) if ids]


def semantic(version: str) -> str:
    """Return a PEP 440 version as SemVer: `1.0.0rc1` is `1.0.0-rc.1`."""
    match = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?(?:(a|b|rc|\.dev|\.post)(\d+))?(?:\+([0-9A-Za-z.-]+))?", version)
    if match is None:
        return "0.0.0"
    major, minor, patch, kind, number, build = match.groups()
    names = {"a": "alpha", "b": "beta", "rc": "rc", ".dev": "dev", ".post": "post"}
    before = f"-{names[kind]}.{int(number)}" if kind else ""
    return f"{major}.{minor}.{patch or 0}{before}{f'+{build}' if build else ''}"


def _taxonomy(framework: str, ids: Sequence[str]) -> om.ToolComponent:
    known = controls.frameworks().get(framework)
    name = known.title if known else printable(framework)
    return om.ToolComponent(
        name=name,
        version=(known and known.version) or None,
        guid=guid("taxonomy", framework),
        organization=known.organization if known else None,
        information_uri=known.link if known else None,
        short_description=_text(known.description if known else f"Controls of {name}."),
        is_comprehensive=False,
        properties={"regionproof/framework": framework},
        taxa=[_taxon(framework, name, id) for id in ids],
    )


def _taxon(framework: str, name: str, id: str) -> om.ReportingDescriptor:
    title = controls.title(framework, id)
    id = printable(id)
    about = f"{name} {id}: {title}." if title else f"{name} {id}."
    return om.ReportingDescriptor(id=id, guid=guid("taxon", framework, id), name=id, short_description=_text(about))


def _component(at: int, taxonomy: om.ToolComponent) -> om.ToolComponentReference:
    return om.ToolComponentReference(name=taxonomy.name, guid=taxonomy.guid, index=at)


def _descriptor(rule: RuleSummary, taxonomies: Sequence[om.ToolComponent]) -> om.ReportingDescriptor:
    web = next((each for each in rule.references if _WEB.fullmatch(each)), None)
    return om.ReportingDescriptor(
        id=rule.id,
        name=pascal_case(rule.id),
        guid=guid("rule", rule.id),
        short_description=_text(sentence(rule.title, 256)),
        full_description=_text(sentence(rule.rationale or rule.title, _TEXT)),
        help=om.MultiformatMessageString(text=_help_text(rule), markdown=_help_markdown(rule)),
        help_uri=web,
        default_configuration=om.ReportingConfiguration(level=LEVEL[rule.severity], rank=RANK[rule.severity]),
        relationships=_relationships(rule, taxonomies) or None,
        properties=_rule_properties(rule),
    )


def _relationships(
    rule: RuleSummary, taxonomies: Sequence[om.ToolComponent]
) -> list[om.ReportingDescriptorRelationship]:
    found = []
    for at, taxonomy in enumerate(taxonomies):
        named = {printable(id) for id in rule.controls.get(taxonomy.properties["regionproof/framework"], ())}
        for index, taxon in enumerate(taxonomy.taxa):
            if taxon.id in named:
                target = om.ReportingDescriptorReference(
                    id=taxon.id, guid=taxon.guid, index=index, tool_component=_component(at, taxonomy)
                )
                found.append(om.ReportingDescriptorRelationship(target=target, kinds=["relevant"]))
    return found


def _rule_properties(rule: RuleSummary) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "tags": _tags(rule),
        "precision": "high",
        "problem.severity": _PROBLEM_SEVERITY[LEVEL[rule.severity]],
        "regionproof/severity": rule.severity.value,
    }
    if rule.severity in _SECURITY_SEVERITY:
        properties["security-severity"] = _SECURITY_SEVERITY[rule.severity]
    return properties


def _tags(rule: RuleSummary) -> list[str]:
    tags = ["disaster-recovery", "availability", *(["security"] if rule.severity in _SECURITY_SEVERITY else [])]
    tags += [type.lower().split("::")[1] for type in rule.resource if type.count("::") == 2]
    tags += [f"{framework}/{id}".lower() for framework, ids in sorted(rule.controls.items()) for id in ids]
    return list(dict.fromkeys(map(printable, tags)))[:_TAGS]


def _help_text(rule: RuleSummary) -> str:
    parts = [rule.rationale or rule.title, f"Fix: {rule.remediation}" if rule.remediation else ""]
    if rule.references:
        parts.append("References:\n" + "\n".join(rule.references))
    return cut(printable_lines("\n\n".join(part.strip() for part in parts if part)), _HELP)


def _help_markdown(rule: RuleSummary) -> str:
    parts = [f"## Why\n\n{rule.rationale or rule.title}"]
    if rule.remediation:
        parts.append(f"## Fix\n\n{rule.remediation}")
    if rule.references:
        parts.append("## References\n\n" + "\n".join(f"- {_link(each)}" for each in rule.references))
    if rule.controls:
        rows = (f"| {_name(framework)} | {', '.join(ids)} |" for framework, ids in sorted(rule.controls.items()))
        parts.append("## Controls\n\n| Framework | Controls |\n| --- | --- |\n" + "\n".join(rows))
    return cut(printable_lines("\n\n".join(part.strip() for part in parts)), _HELP)


def _link(reference: str) -> str:
    return f"<{reference}>" if _WEB.fullmatch(reference) else reference


def _name(framework: str) -> str:
    known = controls.frameworks().get(framework)
    return known.title if known else framework


def _notification(id: str, about: str) -> om.ReportingDescriptor:
    text = f"{about[0].upper()}{about[1:]}."
    return om.ReportingDescriptor(
        id=id,
        name=pascal_case(id),
        guid=guid("notification", id),
        short_description=_text(text),
        full_description=_text(text),
        help=_text("Repair the cause and scan again; `regionproof permissions` prints the IAM policy that is needed."),
        default_configuration=om.ReportingConfiguration(level="note" if id == "exemption-unused" else "warning"),
    )


def pascal_case(id: str) -> str:
    """Return a rule id as SARIF wants its name: `image-tag-parity` is `ImageTagParity`."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", id))[:255] or "Rule"


def _text(text: str) -> om.MultiformatMessageString:
    return om.MultiformatMessageString(text=text)
