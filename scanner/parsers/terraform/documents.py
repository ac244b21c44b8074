"""The data sources that make JSON documents: policies of IAM, lifecycle policies of ECR."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scanner.documents import load
from scanner.errors import DocumentError
from scanner.model import Unknown
from scanner.parsers.terraform.values import Encoded

TYPES = frozenset({"aws_iam_policy_document", "aws_ecr_lifecycle_policy_document"})

Get = Callable[[str], Any]

_LISTS = {"actions": "Action", "not_actions": "NotAction", "resources": "Resource", "not_resources": "NotResource"}
_SELECTION = {
    "tag_status": "tagStatus",
    "tag_prefix_list": "tagPrefixList",
    "tag_pattern_list": "tagPatternList",
    "count_type": "countType",
    "count_unit": "countUnit",
    "count_number": "countNumber",
    "storage_class": "storageClass",
}


def document(type: str, get: Get) -> Any:
    """Return the JSON text that a data source makes of its attributes; `Encoded` where a part of it is unknown."""
    made = _policy(get) if type == "aws_iam_policy_document" else _lifecycle(get)
    if isinstance(made, Unknown):
        return made
    reason = next(_unknowns(made), None)
    return json.dumps(made, separators=(",", ":")) if reason is None else Encoded(reason, made)


def _policy(get: Get) -> Any:
    """Return the policy: its sources, over them its statements, over these the overriding documents.

    https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
    """
    version, id = get("version"), get("policy_id")
    own = {"Version": "2012-10-17" if version is None else version, "Statement": _statements(get("statement"))}
    if _is_set(id):
        own["Id"] = id
    made: dict[str, Any] = {}
    statements: list[Any] = []
    layers = [*_documents(get("source_policy_documents")), own, *_documents(get("override_policy_documents"))]
    for layer in layers:
        listed = [layer] if isinstance(layer, Unknown) else _listed(layer.get("Statement"))
        for statement in listed:
            statements = _merged(statements, statement)
        if isinstance(layer, dict):
            made |= {key: layer[key] for key in ("Version", "Id") if _is_set(layer.get(key))}
    return {**made, "Statement": statements}


def _merged(statements: list[Any], statement: Any) -> list[Any]:
    """Return statements with one that takes the place of the one with its Sid; if that is unknown, of any."""
    sid = statement.get("Sid") if isinstance(statement, dict) else statement
    if isinstance(sid, Unknown):
        return [sid if isinstance(other, dict) and _is_set(other.get("Sid")) else other for other in statements] + [sid]
    same = [isinstance(other, dict) and _is_text(other.get("Sid"), sid) for other in statements]
    if not any(same):
        return [*statements, statement]
    return [statement if is_same else other for is_same, other in zip(same, statements, strict=True)]


def _is_set(value: Any) -> bool:
    return isinstance(value, Unknown) or bool(value)


def _is_text(value: Any, text: Any) -> bool:
    return isinstance(value, str) and bool(value) and value == text


def _documents(given: Any) -> Iterator[Any]:
    for text in _listed(given):
        if isinstance(text, Encoded):
            text = text.value
        elif isinstance(text, str):
            text = _loaded(text)
        if text is not None:
            yield text if isinstance(text, (dict, Unknown)) else Unknown("a policy document is not an object")


def _loaded(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return load(text, "policy.json").value
    except DocumentError as error:
        return Unknown(f"a policy document is not JSON: {error.problem}")


def _statements(blocks: Any) -> list[Any]:
    return [_statement(block) if isinstance(block, dict) else block for block in _listed(blocks) if block is not None]


def _statement(block: Mapping[str, Any]) -> Any:
    effect, sid = block.get("effect"), block.get("sid")
    made: dict[str, Any] = {"Sid": sid} if _is_set(sid) else {}
    made["Effect"] = "Allow" if effect is None else effect
    for name, key in _LISTS.items():
        if _is_set(value := block.get(name)):
            made[key] = _variables(value) if key.endswith("Resource") else value
    for name, key in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        if (principals := _principals(block.get(name))) is not None:
            made[key] = principals
    if (conditions := _conditions(block.get("condition"))) is not None:
        made["Condition"] = conditions
    return made


def _principals(blocks: Any) -> Any:
    if isinstance(blocks, Unknown) or not blocks:
        return blocks if isinstance(blocks, Unknown) else None
    made: dict[str, Any] = {}
    for block in _listed(blocks):
        type, who = (block.get("type"), block.get("identifiers")) if isinstance(block, dict) else (block, None)
        if isinstance(type, Unknown):
            return type
        if not isinstance(type, str):
            continue
        if type == "*" and isinstance(who, list) and len(who) == 1 and _is_text(who[0], "*"):
            return "*"
        made[type] = who if isinstance(who, Unknown) else [*_listed(made.get(type)), *_variables(_listed(who))]
    return made


def _conditions(blocks: Any) -> Any:
    if isinstance(blocks, Unknown) or not blocks:
        return blocks if isinstance(blocks, Unknown) else None
    made: dict[str, Any] = {}
    for block in _listed(blocks):
        if not isinstance(block, dict):
            return block
        test, variable = block.get("test"), block.get("variable")
        unknown = next((each for each in (test, variable) if isinstance(each, Unknown)), None)
        if unknown is not None:
            return unknown
        made.setdefault(str(test), {})[str(variable)] = _variables(block.get("values"))
    return made


def _variables(value: Any) -> Any:
    """Return texts with the variables of IAM, which Terraform writes `&{aws:username}`."""
    if isinstance(value, list):
        return [_variables(each) for each in value]
    return value.replace("&{", "${") if isinstance(value, str) else value


def _lifecycle(get: Get) -> Any:
    blocks = get("rule")
    if isinstance(blocks, Unknown):
        return blocks
    return {"rules": [_rule(block) if isinstance(block, dict) else block for block in _listed(blocks)]}


def _rule(block: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"rulePriority": block.get("priority")}
    if block.get("description") is not None:
        made["description"] = block["description"]
    selection = _one(block.get("selection"))
    if isinstance(selection, dict):
        selection = {key: v for name, key in _SELECTION.items() if (v := selection.get(name)) is not None}
    action = _one(block.get("action"))
    if isinstance(action, dict):
        names = {"type": "type", "target_storage_class": "targetStorageClass"}
        action = {key: v for name, key in names.items() if (v := action.get(name)) is not None}
    return {**made, "selection": selection, "action": {"type": "expire"} if action is None else action}


def _one(blocks: Any) -> Any:
    return blocks if isinstance(blocks, Unknown) else next(iter(_listed(blocks)), None)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _unknowns(value: Any) -> Iterator[str]:
    if isinstance(value, Unknown):
        yield value.reason
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _unknowns(inner)
