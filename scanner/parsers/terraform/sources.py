"""Data sources whose answer the code, or the place they are read in, already holds; all others are unknown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scanner.model import Unknown
from scanner.parsers.terraform.computed import computed
from scanner.parsers.terraform.evaluate import evaluate
from scanner.parsers.terraform.providers import Provider
from scanner.parsers.terraform.syntax import parse_template
from scanner.parsers.terraform.values import Encoded
from scanner.parsers.terraform.variables import Nothing
from scanner.regions import partition_by_name
from scanner.resource import Location

Get = Callable[[str], Any]
"""Gives an argument of the data source; None if it is not set."""

_NAMED_BY = {
    "aws_ecr_repository": ("name", "name"),
    "aws_ecs_cluster": ("name", "cluster_name"),
    "aws_eks_cluster": ("name", "name"),
    "aws_s3_bucket": ("bucket", "bucket"),
}
"""Data sources of something whose ARN is made of its name: the argument of the resource, and its own."""


def read(type: str, name: str, get: Get, place: Provider, address: str) -> Any:
    """Return an attribute of a data source; `Unknown` if only a run of Terraform can say it."""
    match type, name:
        case "aws_caller_identity", "account_id" | "id":
            return place.account
        case "aws_region", "name" | "region" | "id":
            return next((given for key in ("region", "name") if (given := get(key)) is not None), place.region)
        case "aws_partition", _ if name in _PARTITION:
            region = place.region
            return region if isinstance(region, Unknown) else _PARTITION[name](*partition_by_name(region))
        case "aws_iam_policy_document", "json" | "minified_json":
            return _encoded(_policy(get))
        case "aws_ecr_lifecycle_policy_document", "json":
            return _encoded({"rules": [_lifecycle(rule) for rule in _blocks(get("rule"))]})
        case "template_file", "rendered":
            return _rendered(get("template"), get("vars"))
        case "terraform_remote_state", _:
            return Unknown(f"'{address}' is the state of other code, which is not read")
    found = _of_resource(type, name, get, place) if type in _NAMED_BY else None
    return Unknown(f"'{address}.{name}' is known only when Terraform runs") if found is None else found


_PARTITION: Mapping[str, Callable[[str, str], str]] = {
    "partition": lambda partition, _: partition,
    "id": lambda partition, _: partition,
    "dns_suffix": lambda _, suffix: suffix,
    "reverse_dns_prefix": lambda _, suffix: ".".join(reversed(suffix.split("."))),
}


def _of_resource(type: str, name: str, get: Get, place: Provider) -> Any:
    """Return what the attribute of the resource would be that the data source finds."""
    own, given = _NAMED_BY[type]
    account, region = place.account, place.region
    if type == "aws_ecr_repository" and get("registry_id") is not None:
        account = get("registry_id")
    return computed(
        type,
        name,
        lambda key: get(given) if key == own else None,
        account if isinstance(account, str) else None,
        region if isinstance(region, str) else None,
    )


def _encoded(value: Any) -> Any:
    """Return a structure as JSON text; `Encoded` if a part of it is unknown."""
    unknown = next(_unknowns(value), None)
    return json.dumps(value) if unknown is None else Encoded(unknown.reason, value)


def _unknowns(value: Any) -> Iterator[Unknown]:
    if isinstance(value, Unknown):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _unknowns(each)
    elif isinstance(value, list):
        for each in value:
            yield from _unknowns(each)


def _blocks(value: Any) -> list[Any]:
    """Return nested blocks; one that is unknown stands for all of them if they are not known."""
    return [] if value is None else value if isinstance(value, list) else [value]


def _policy(get: Get) -> dict[str, Any]:
    statements: list[Any] = []
    _add(statements, [*_blocks(get("source_json")), *_blocks(get("source_policy_documents"))])
    statements += [_statement(block) for block in _blocks(get("statement"))]
    _add(statements, [*_blocks(get("override_json")), *_blocks(get("override_policy_documents"))], override=True)
    version = get("version")
    return {"Version": "2012-10-17" if version is None else version, "Statement": statements}


def _add(statements: list[Any], documents: list[Any], *, override: bool = False) -> None:
    """Add the statements of other documents; those that override take the place of statements of their id."""
    for document in documents:
        for each in _statements(document):
            sid = each.get("Sid") if isinstance(each, dict) else None
            if override and isinstance(sid, str):
                statements[:] = [one for one in statements if not (isinstance(one, dict) and _has(one, sid))]
            statements.append(each)


def _has(statement: Mapping[str, Any], sid: str) -> bool:
    own = statement.get("Sid")
    return isinstance(own, str) and own == sid


def _statements(document: Any) -> list[Any]:
    if isinstance(document, Encoded):
        document = document.value
    elif isinstance(document, str):
        try:
            document = json.loads(document) if document.strip() else {}
        except (ValueError, RecursionError):
            document = Unknown("a policy document is not valid JSON")
    if isinstance(document, Unknown):
        return [document]
    return _blocks(document.get("Statement")) if isinstance(document, dict) else []


_LISTS = {"actions": "Action", "not_actions": "NotAction", "resources": "Resource", "not_resources": "NotResource"}


def _statement(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    made: dict[str, Any] = {"Effect": "Allow" if block.get("effect") is None else block["effect"]}
    if block.get("sid") is not None:
        made["Sid"] = block["sid"]
    for name, key in _LISTS.items():
        if block.get(name) is not None:
            made[key] = _alone(block[name])
    for name, key in {"principals": "Principal", "not_principals": "NotPrincipal"}.items():
        if block.get(name) is not None:
            made[key] = _principals(block[name])
    if block.get("condition") is not None:
        made["Condition"] = _conditions(block["condition"])
    return made


def _alone(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _principals(blocks: Any) -> Any:
    if not isinstance(blocks, list):
        return blocks
    made: dict[str, Any] = {}
    for block in blocks:
        type, names = (block.get("type"), block.get("identifiers")) if isinstance(block, dict) else (None, None)
        if not isinstance(type, str) or not isinstance(names, list):
            return next(_unknowns([type, names, block]), Unknown("principals without type and identifiers"))
        if type == "*":
            return "*"
        made[type] = [*made.get(type, []), *names]
    return {type: _alone(names) for type, names in made.items()}


def _conditions(blocks: Any) -> Any:
    if not isinstance(blocks, list):
        return blocks
    made: dict[str, dict[str, Any]] = {}
    for block in blocks:
        test, variable = (block.get("test"), block.get("variable")) if isinstance(block, dict) else (None, None)
        if not isinstance(test, str) or not isinstance(variable, str):
            return next(_unknowns([test, variable, block]), Unknown("a condition without test and variable"))
        made.setdefault(test, {})[variable] = _alone(block.get("values"))
    return made


_SELECTION = {
    "tag_status": "tagStatus",
    "tag_prefix_list": "tagPrefixList",
    "tag_pattern_list": "tagPatternList",
    "count_type": "countType",
    "count_unit": "countUnit",
    "count_number": "countNumber",
}


def _lifecycle(rule: Any) -> Any:
    if not isinstance(rule, dict):
        return rule
    selection, action = _first(rule.get("selection")), _first(rule.get("action"))
    action = {"type": "expire"} if action is None else action
    if isinstance(selection, dict):
        selection = {key: selection[name] for name, key in _SELECTION.items() if selection.get(name) is not None}
    made = {"rulePriority": rule.get("priority"), "selection": selection, "action": action}
    return made if rule.get("description") is None else {**made, "description": rule["description"]}


def _first(blocks: Any) -> Any:
    return blocks[0] if isinstance(blocks, list) and blocks else None if isinstance(blocks, list) else blocks


class _Vars(Nothing):
    """The scope of a template: the values it is given."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def lookup(self, name: str) -> Any:
        return self._names[name]


def _rendered(template: Any, names: Any) -> Any:
    if not isinstance(template, str):
        return template
    if isinstance(names, Unknown):
        return names
    return evaluate(parse_template(template, Location("", 1)), _Vars(names if isinstance(names, dict) else {}))
