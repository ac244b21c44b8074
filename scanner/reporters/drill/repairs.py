"""What has to be repaired or found out before the day comes, each thing once, whoever needs it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from scanner.drill import DrillReport
from scanner.loss import Loss
from scanner.model import Resource
from scanner.outcome import LinkState, Recovery, State

_COMMAND = re.compile(r"(?:aws|kubectl|oras|docker|helm|cosign|terraform|kustomize) ")
_IN_PRIMARY = re.compile(r"<(?:primary|other|this Region|another Region)>")
_GLOBAL = re.compile(r"aws (?:iam|account|organizations|route53|cloudfront) ")
GLOBAL_REGION = "us-east-1"
"""Where the control planes of IAM, of account management and of Route 53 are, in the partition `aws`."""
_NAMES = {
    "AWS::ECR::Repository": ("repository", "name"),
    "AWS::Lambda::Function": ("name",),
    "AWS::ECS::Cluster": ("cluster",),
    "AWS::EKS::Cluster": ("cluster",),
    "AWS::ECS::Service": ("cluster", "service"),
    "AWS::EKS::Addon": ("cluster", "add-on"),
}
"""The placeholders of remediations that the name of a subject, part by part, fills."""


@dataclass
class Repair:
    """Something that is broken or not known: `number` is its place among its kind, `recoveries` are who needs it."""

    number: int
    link: LinkState
    recoveries: list[Recovery] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Return what the text calls it: R1 for a repair, Q1 for a question."""
        return f"{'R' if self.link.state is State.BROKEN else 'Q'}{self.number}"


class Repairs:
    """The repairs and the questions of a drill, those that most workloads need first."""

    def __init__(self, recoveries: Iterable[Recovery]) -> None:
        found: dict[tuple[str, ...], Repair] = {}
        for one in recoveries:
            for link in one.links:
                if link.state in (State.BROKEN, State.UNKNOWN):
                    found.setdefault(_key(link), Repair(0, link)).recoveries.append(one)
        self._found = found
        self.broken, self.unknown = (_ranked(found.values(), state) for state in (State.BROKEN, State.UNKNOWN))

    def of(self, one: Recovery) -> Iterator[Repair]:
        """Yield what one workload needs, in the order of its chain."""
        for link in one.links:
            if _key(link) in self._found:
                yield self._found[_key(link)]


def _key(link: LinkState) -> tuple[str, ...]:
    return link.link, link.state.value, link.rule_id, link.subject.id if link.subject else "", link.reason


def _ranked(repairs: Iterable[Repair], state: State) -> list[Repair]:
    found = sorted((one for one in repairs if one.link.state is state), key=lambda one: -len(one.recoveries))
    for number, one in enumerate(found, 1):
        one.number = number
    return found


def commands(repair: Repair, report: DrillReport) -> tuple[list[str], bool]:
    """Return the commands of a rule's remediation, with names filled in, and whether others need what is lost."""
    rule = report.rules.get(repair.link.rule_id)
    known = _known(repair)
    found = [_filled(each, known) for each in _lines(rule.remediation)] if rule else []
    kept = [each for each in found if not _needs_what_is_lost(each, repair, report.drill.loss)]
    return kept, len(kept) < len(found)


def _lines(remediation: str) -> Iterator[str]:
    """Yield the commands of a remediation, each with the lines that go on with it."""
    lines = iter(remediation.splitlines())
    for line in lines:
        if not line.startswith("    ") or not _COMMAND.match(line.strip()):
            continue
        command = line.strip()
        while command.endswith("\\") or command.count("'") % 2:
            following = next(lines, None)
            if following is None:
                break
            command = f"{command.removesuffix(chr(92)).rstrip()} {following.strip()}"
        yield command if "'" in command else " ".join(command.split())


def _known(repair: Repair) -> dict[str, str]:
    standbys = {one.standby for one in repair.recoveries}
    standby = standbys.pop() if len(standbys) == 1 else None
    known = dict(_names_of(repair.link.subject)) if repair.link.subject else {}
    if standby is not None:
        known["standby"] = standby.region
        if standby.account is not None:
            known["account"] = standby.account
        if repair.link.subject and repair.link.subject.region == standby.region:
            known["region"] = standby.region
    return known


def _names_of(subject: Resource) -> Iterator[tuple[str, str]]:
    placeholders = _NAMES.get(subject.type, ())
    parts = [subject.name or ""] if len(placeholders) < 2 or subject.type.startswith("AWS::ECR") else []
    if not parts:
        cluster, _, name = (subject.name or "").partition("/")
        parts = [cluster, name]
    for at, placeholder in enumerate(placeholders):
        name = parts[min(at, len(parts) - 1)]
        if name:
            yield placeholder, name


def _filled(command: str, known: Mapping[str, str]) -> str:
    for placeholder, value in known.items():
        if placeholder == "standby" and command.startswith(("kubectl ", "kustomize ")):
            continue  # there it stands for a cluster, or a folder
        command = command.replace(f"<{placeholder}>", shlex.quote(value))
    return command


def _needs_what_is_lost(command: str, repair: Repair, loss: Loss | None) -> bool:
    if _IN_PRIMARY.search(command):
        return True
    region = loss.region if loss else None
    if region == GLOBAL_REGION and _GLOBAL.match(command):
        return True
    at_subject = "<region>" in command and repair.link.subject is not None  # which is not in the standby
    return at_subject or (region is not None and region in command)
