"""Stacks that a stack brings with it: what AWS::CloudFormation::Stack and AWS::CloudFormation::StackSet deploy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from scanner.documents import Document, load
from scanner.errors import DocumentError
from scanner.model import Location, Unknown
from scanner.parsers import sam
from scanner.parsers.budget import MAX_STACKS, Budget
from scanner.parsers.intrinsics import NO_VALUE, Resolver
from scanner.parsers.tree import File
from scanner.vocabulary import TAGS

STACK_SET = "AWS::CloudFormation::StackSet"
MAX_NESTED = 16
"""Stacks nested deeper than this are not read."""

ELSEWHERE = "the template of the nested stack is not in the scanned files"


@dataclass(frozen=True)
class Source:
    """A template as it is read: what it says, and the file it stands in, None if it stands in none.

    `origins` gives, for a logical id, the line of the program that wrote the resource into the template.
    """

    document: Document
    path: str
    file: File | None = None
    origins: Mapping[str, Location] = field(default_factory=dict)


Find = Callable[[Source, Mapping[str, Any], Any], Source | str]
"""Gives the template of a nested stack, or why there is none: from the template that nests it, the body of the
resource and what its TemplateURL is worth."""


def nowhere(_: Source, __: Mapping[str, Any], ___: Any) -> str:
    """Find no template: the one that nests them is all there is."""
    return ELSEWHERE


@dataclass(frozen=True)
class Context:
    """What a stack shares with those it brings: where templates are found, what all may cost, where they are for."""

    find: Find = nowhere
    budget: Budget = field(default_factory=Budget)
    places: dict[tuple[str | None, str | None], Location] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployment:
    """One stack of a stack set: where it is, what it is given, and what tells it apart."""

    account: str | None
    region: str | None
    given: Mapping[str, Any]
    suffix: str


class Given(Mapping[str, Any]):
    """Values of parameters as the template above writes them, evaluated when somebody asks: few are used."""

    def __init__(self, written: Mapping[str, Any], resolver: Resolver) -> None:
        self._written, self._resolver = written, resolver
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._resolver.resolve(self._written[name])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)


class Unsaid(Mapping[str, Any]):
    """Values of parameters of which nobody knows which are given."""

    def __init__(self, unknown: Unknown) -> None:
        self._unknown = unknown

    def __getitem__(self, _: str) -> Any:
        return self._unknown

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1  # true: a resolver asks for every name


def parameters(written: Any, resolver: Resolver) -> Mapping[str, Any]:
    """Return what the Parameters of a nested stack give."""
    written, _ = resolver.pick(written)
    if isinstance(written, dict) and not any(name == "Ref" or name.startswith("Fn::") for name in written):
        return Given(written, resolver)
    value = resolver.resolve(written)
    return value if isinstance(value, dict) else {} if value is NO_VALUE else Unsaid(_unknown(value))


def inline(text: Any, source: Source, where: Location) -> Source | str:
    """Return the template that stands in a TemplateBody of another one, or why there is none.

    Everything in it is `where` the text is, unless that is a block of YAML, which keeps its lines.
    """
    if not isinstance(text, str):
        return text.reason if isinstance(text, Unknown) else "its TemplateBody is no text"
    try:
        document = load(text, source.path, TAGS)
    except DocumentError as error:
        return f"its TemplateBody: {error.problem}"
    if not isinstance(document.value, dict):
        return "its TemplateBody is no template"
    indent = _indent(text, source, where)
    written = {"": where} if indent is None else _shifted(document.locations, where.line, indent)
    return Source(sam.expand(Document(document.value, written)), source.path)


def _indent(text: str, source: Source, where: Location) -> int | None:
    """Return by how much a text is indented that stands as a block under the line `where`; None if it does not."""
    try:
        lines = source.file.data().decode("utf-8-sig").splitlines() if source.file else []
    except (OSError, UnicodeDecodeError):
        return None
    own = text.rstrip().splitlines()
    block = lines[where.line : where.line + len(own)]
    indent = len(block[0]) - len(own[0]) if block and own else 0
    return indent if indent > 0 and [line[indent:] for line in block] == own else None


def _shifted(locations: Mapping[str, Location], lines: int, columns: int) -> Mapping[str, Location]:
    return {
        at: replace(
            one,
            line=one.line + lines,
            column=one.column + columns,
            end_line=one.end_line and one.end_line + lines,
            end_column=one.end_column and one.end_column + columns,
        )
        for at, one in locations.items()
    }


def deployments(properties: Mapping[str, Any], resolver: Resolver) -> list[Deployment] | str:
    """Return the stacks that a stack set declares, or why they are not known."""
    groups = resolver.resolve(properties.get("StackInstancesGroup", []))
    if isinstance(groups, Unknown):
        return groups.reason
    if not isinstance(groups, list) or not groups:
        return (
            "the stack set declares no StackInstancesGroup; declare it there, or declare under 'iac:' in "
            "regionproof.yaml where its template is deployed"
        )
    base = _by_key(resolver.resolve(properties.get("Parameters", [])))
    found = (each for number, group in enumerate(groups) for each in _group(number, group, base))
    return list(islice(found, MAX_STACKS + 1))


def _group(number: int, group: Any, base: Mapping[str, Any]) -> Iterator[Deployment]:
    group = group if isinstance(group, dict) else {}
    overrides = _by_key(group.get("ParameterOverrides", []))
    values = overrides if isinstance(overrides, Unsaid) else base if not overrides else {**base, **overrides}
    for account in _accounts(group.get("DeploymentTargets")):
        for region in _texts(group.get("Regions")):
            yield Deployment(account, region, values, f"{account or f'*{number or str()}'}/{region or '*'}")


def _accounts(targets: Any) -> list[str | None]:
    """Return the accounts of a group; None stands for those that only the organization knows."""
    if not isinstance(targets, dict):
        return [None]
    units, kind = targets.get("OrganizationalUnitIds"), targets.get("AccountFilterType", "NONE")
    if "AccountsUrl" in targets or (units and kind != "UNION"):
        return [None]
    return [*_texts(targets.get("Accounts")), None] if units else _texts(targets.get("Accounts"))


def _texts(value: Any) -> list[str | None]:
    if not isinstance(value, list) or not value:
        return [None]
    return list(dict.fromkeys(str(each) if isinstance(each, (str, int)) else None for each in value))


def _by_key(entries: Any) -> Mapping[str, Any]:
    """Return what a list of ParameterKey and ParameterValue gives."""
    if entries is NO_VALUE:
        return {}
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        return Unsaid(_unknown(entries))
    return {str(each.get("ParameterKey")): each.get("ParameterValue", NO_VALUE) for each in entries}


def _unknown(value: Any) -> Unknown:
    return value if isinstance(value, Unknown) else Unknown("the parameters of the nested stack are not known")
