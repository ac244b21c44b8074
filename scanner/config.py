"""`regionproof.yaml`: which accounts and pairs, which rules, which exemptions.  schemas/config.json describes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner import duration
from scanner.conformity import at, validate
from scanner.documents import Document, load, pointer
from scanner.errors import ConfigError, DocumentError
from scanner.finding import Exemption, Severity
from scanner.model import Location, Pair, Place, Resource, guard
from scanner.recovery import TIER
from scanner.vocabulary import complete

if TYPE_CHECKING:
    from scanner.parsers.kubernetes.tools import Tools

NAMES = ("regionproof.yaml", ".regionproof.yaml")
"""Looked for in the working directory when `--config` is not given."""
_LONGEST_POLICY = 2048


@dataclass(frozen=True)
class IacMapping:
    """Where the code under a path is deployed: a glob over the end of its paths, or a folder.

    For a template of CloudFormation, `parameters` are what it is given, by their names, or the path of a file with
    them, relative to the template.  For a root module of Terraform, `var_files` are what `-var-file` is given, relative
    to its folder, and `workspace` is the workspace it is applied in.  For Kubernetes, `cluster` is the name of the EKS
    cluster, `namespace` that of what names none, `release` the name that a chart is installed as, and `values` the
    files that are laid over its own, by their paths relative to the chart.  `location` is where the entry is written.
    """

    path: str
    account: str | None
    region: str | None
    cluster: str | None = None
    namespace: str | None = None
    release: str | None = None
    values: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] | str = ()
    var_files: tuple[str, ...] = ()
    workspace: str | None = None
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Organization:
    """How the accounts of an organization are found and entered.

    `session_policy` is JSON text, `delegated_role` the ARN of the role that may list the accounts and enter them,
    `include_ous` the organizational units and roots to collect from; none means all accounts.
    """

    role_name: str | None = None
    external_id: str | None = None
    session_tags: Mapping[str, str] = field(default_factory=dict)
    session_policy: str | None = None
    delegated_role: str | None = None
    exclude: tuple[str, ...] = ()
    include_ous: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """What `regionproof.yaml` says.

    `pairs` None means: derive them from the registries' replication rules.  `tiers` are `Regionproof::Recovery::Tier`.
    `evidence` are globs relative to the file and where each is written; None means that nobody named any, which is
    not the same as none.  `kms_key` encrypts what is written to s3://, None leaves that to the bucket.  `tools` render
    charts and overlays: which, says whoever scans, and never the file, which may be that of a stranger.
    """

    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    organization: Organization | None = None
    pairs: tuple[Pair, ...] | None = None
    repositories: tuple[str, ...] = ()
    rule_paths: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    exemptions: tuple[Exemption, ...] = ()
    iac: tuple[IacMapping, ...] = ()
    tiers: tuple[Resource, ...] = ()
    evidence: tuple[tuple[str, Location | None], ...] | None = None
    kms_key: str | None = None
    path: str | None = None
    sha256: str | None = None
    tools: Tools | None = None

    def in_scope(self, resource: Resource) -> bool:
        """Tell whether `scope.repositories` includes a resource; only repositories can be left out."""
        if resource.type != "AWS::ECR::Repository" or resource.name is None:
            return True
        return matches(resource.name, self.repositories)

    def places(self, path: str) -> list[tuple[str | None, str | None]]:
        """Return the (account, Region) instances the code at `path` is deployed to; empty if none is declared."""
        return [(mapping.account, mapping.region) for mapping in self.deployments(path)]

    def deployments(self, path: str) -> list[IacMapping]:
        """Return the entries of `iac` that the code at `path` is deployed by.

        One without an account takes the one account the configuration names, if it names exactly one.
        """
        only = self.accounts[0] if len(self.accounts) == 1 else None
        return [
            replace(mapping, account=mapping.account or only)
            for mapping in self.iac
            if any(fnmatchcase(f"/{path}", pattern) for pattern in patterns(mapping.path))
        ]


def patterns(path: str) -> tuple[str, str]:
    """Return the globs of a path of `iac`: of itself, and of what is below it; `.` is all that is scanned."""
    named = path.removeprefix("./").strip("/")
    return ("*", "*") if named in ("", ".") else (f"*/{named}", f"*/{named}/*")


def matches(repository: str, patterns: Sequence[str]) -> bool:
    """Tell whether one of the globs of `scope.repositories` matches a name; none of them means every name."""
    return not patterns or any(fnmatchcase(repository, pattern) for pattern in patterns)


def read(path: Path) -> Config:
    """Read a configuration file; raise `ConfigError` with file:line for anything that cannot be meant."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", "Give an existing file with --config."
        ) from error
    return parse(data, str(path))


def parse(data: bytes, path: str) -> Config:
    """Return what a configuration says; raise as `read` does."""
    try:
        document = load(data.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text") from error
    except DocumentError as error:
        raise ConfigError(str(error), error.hint) from error
    validate(document, "config", path)
    return _config(document, path, hashlib.sha256(data).hexdigest())


def pair(entry: Mapping[str, Any]) -> Pair:
    """Return one entry of `pairs:` as a Pair; a Region alone means that Region in every account."""
    return Pair(
        primary=_place(entry["primary"]),
        standby=_place(entry["standby"]),
        dr_class=entry.get("dr_class"),
        rpo=_duration(entry.get("rpo")),
        rto=_duration(entry.get("rto")),
        image_distribution=entry.get("image_distribution"),
    )


def _pairs(document: Document, path: str) -> Iterator[Pair]:
    for number, entry in enumerate(document.value.get("pairs", ())):
        found = pair(entry)
        alike = found.primary.account is None or found.primary.account == found.standby.account
        if alike and found.primary.region == found.standby.region:
            raise ConfigError(
                f"{at(document, path, ['pairs', number])}: pairs.{number}: "
                f"'{found.primary.region}' cannot be its own standby",
                "Name the Region that takes over when the primary is lost.",
            )
        yield found


def _place(value: str | Mapping[str, str]) -> Place:
    return Place(None, value) if isinstance(value, str) else Place(value.get("account"), value["region"])


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else duration.parse(text)


def _config(document: Document, path: str, sha256: str) -> Config:
    value = document.value or {}
    rules, scope = value.get("rules", {}), value.get("scope", {})
    return Config(
        accounts=tuple(value.get("accounts", ())),
        regions=tuple(value.get("regions", ())),
        organization=_organization(document, path) if "organization" in value else None,
        pairs=tuple(_pairs(document, path)) or None,
        repositories=tuple(scope.get("repositories", ())),
        rule_paths=tuple(str(Path(path).parent / folder) for folder in rules.get("paths", ())),
        select=tuple(rules.get("select", ())),
        ignore=tuple(rules.get("ignore", ())),
        severity={id: Severity(name) for id, name in rules.get("severity", {}).items()},
        parameters=rules.get("parameters", {}),
        exemptions=tuple(
            _exemption(entry, document.locations.get(pointer("exemptions", number)))
            for number, entry in enumerate(value.get("exemptions", ()))
        ),
        iac=tuple(
            _mapping(entry, document.locations.get(pointer("iac", number)))
            for number, entry in enumerate(value.get("iac", ()))
        ),
        tiers=tuple(_tiers(scope.get("workloads", {}), document, path)),
        evidence=_evidence(document, value["evidence"]) if "evidence" in value else None,
        kms_key=value.get("storage", {}).get("kms_key"),
        path=path,
        sha256=sha256,
    )


def _organization(document: Document, path: str) -> Organization:
    entry = document.value["organization"]
    policy = json.dumps(entry["session_policy"], separators=(",", ":")) if "session_policy" in entry else None
    if policy and len(policy) > _LONGEST_POLICY:
        where = at(document, path, ["organization", "session_policy"])
        raise ConfigError(
            f"{where}: organization.session_policy: it has {len(policy)} characters, STS takes {_LONGEST_POLICY}",
            "Let the role itself be narrow, or use wildcards.",
        )
    return Organization(
        role_name=entry.get("role_name"),
        external_id=entry.get("external_id"),
        session_tags=entry.get("session_tags", {}),
        session_policy=policy,
        delegated_role=entry.get("delegated_role"),
        exclude=tuple(entry.get("exclude", ())),
        include_ous=tuple(entry.get("include_ous", ())),
    )


def _exemption(entry: Mapping[str, str], location: Location | None) -> Exemption:
    expires = date.fromisoformat(entry["expires"])
    return Exemption(entry["rule"], entry["resource"], entry["reason"], entry["owner"], expires, location)


def _mapping(entry: Mapping[str, Any], location: Location | None) -> IacMapping:
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    given["location"] = location
    parameters = given.get("parameters")
    if isinstance(parameters, dict):
        given["parameters"] = tuple((name, _parameter(value)) for name, value in parameters.items())
    return IacMapping(given.pop("path"), given.pop("account", None), given.pop("region", None), **given)


def _parameter(value: Any) -> str:
    """Return the value of a parameter as CloudFormation takes it."""
    if isinstance(value, list):
        return ",".join(map(_parameter, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _evidence(document: Document, globs: list[str]) -> tuple[tuple[str, Location | None], ...]:
    return tuple((glob, document.locations.get(pointer("evidence", number))) for number, glob in enumerate(globs))


_TIER_KEYS = {
    "clusters": "Clusters",
    "services": "Services",
    "functions": "Functions",
    "rpo": "Rpo",
    "rto": "Rto",
    "owner": "Owner",
    "dr_class": "DrClass",
    "depends_on": "DependsOn",
}


def _tiers(declared: Mapping[str, Any], document: Document, path: str) -> Iterator[Resource]:
    """Yield `scope.workloads` as resources, which rules judge like any other."""
    _must_depend_on_what_there_is(declared, document, path)
    for name, entry in declared.items():
        whole = pointer("scope", "workloads", name)
        written = {"": whole, **{f"/{_TIER_KEYS[key]}": f"{whole}/{key}" for key in entry}}
        locations = {to: place for to, at_ in written.items() if (place := document.locations.get(at_))}
        properties = complete(TIER, {"Name": name, **{_TIER_KEYS[key]: value for key, value in entry.items()}})
        yield Resource(TIER, f"{path}#{name}", name, None, None, guard(properties), locations=locations)


def _must_depend_on_what_there_is(declared: Mapping[str, Any], document: Document, path: str) -> None:
    """Raise `ConfigError` for a tier that depends on one that is not declared, or, however indirectly, on itself."""
    needs = {name: entry.get("depends_on", []) for name, entry in declared.items()}
    for name, wanted in needs.items():
        for number, other in enumerate(wanted):
            if other not in declared:
                where = at(document, path, ["scope", "workloads", name, "depends_on", number])
                known = ", ".join(sorted(declared))
                raise ConfigError(f"{where}: tier '{name}' depends on '{other}', which is none", f"Tiers are: {known}.")
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = error.args[1]
        where = at(document, path, ["scope", "workloads", circle[0], "depends_on"])
        raise ConfigError(
            f"{where}: tiers depend on each other in a circle: {' -> '.join(reversed(circle))}",
            "Say of one of them that it starts without the others.",
        ) from None
