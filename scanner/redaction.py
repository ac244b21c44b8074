"""What must never reach the disk: secrets in answers, masked before the first write.

Two passes in one walk.  Fields in which people keep secrets (environment values, commands, labels, log options) are
masked whatever they hold; in every other string, what has the form of a credential is cut out.  A mask says which
Regions the masked text named, since a Region that is wrong in the standby is what rules look for.  Redacting what is
redacted changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from scanner.documents import load
from scanner.errors import DocumentError
from scanner.vocabulary import TAGS

_REGION = re.compile(
    r"(?<![A-Za-z0-9])(?:us-gov|(?:us|eu)-iso[a-z]?|eusc-[a-z]{2}|[a-z]{2})"
    r"-(?:central|(?:north|south)(?:east|west)?|east|west)-[0-9]{1,2}(?![0-9])"
)
_SUSPECT = re.compile(r"(?i)X-Amz-|AKIA|ASIA|PRIVATE KEY|LS0tLS1CRUdJTi|secret|session|FwoGZXIvYXdz|FQoGZX|IQoJb3|AQo")
_CREDENTIALS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", "[redacted]"),
        (r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]*", "[redacted]"),  # "-----BEGIN " in base64
        (r"(?i)(X-Amz-(?:Signature|Credential|Security-Token)(?:=|%3D))[^&\s\"'\\]*", r"\1[redacted]"),
        (r"(?i)((?:secret_?access_?key|session_?token)\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\"'&,;\\]+", r"\1[redacted]"),
        (r"(?:FwoGZXIvYXdz|FQoGZXIvYXdz|IQoJb3JpZ2lu|AQo[DE])[A-Za-z0-9+/=%_-]{40,}", "[redacted]"),  # session tokens
        (r"(?:AKIA|ASIA)[A-Z0-9]{16}", "[redacted]"),
    )
)


def redact(service: str, answer: Any) -> Any:
    """Return a copy of an answer of `service` (or of parameters) without secrets; names, ARNs and shape stay."""
    return _walk(answer, _FIELDS.get(service, {}), _CONTAINERS.get(service, {}))


def scrub(text: str) -> str:
    """Return `text` without presigned URLs' signatures, access key ids, private keys and session tokens."""
    if _SUSPECT.search(text):
        for pattern, replacement in _CREDENTIALS:
            text = pattern.sub(replacement, text)
    return text


def _mask(value: Any) -> Any:
    """Return the same shape with every leaf masked."""
    if isinstance(value, Mapping):
        return {scrub(str(key)): _mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    if value is None:
        return None
    named = sorted(set(_REGION.findall(value))) if isinstance(value, str) else []
    return f"[redacted; mentions {', '.join(named)}]" if named else "[redacted]"


def _environment(value: Any) -> Any:
    if not isinstance(value, list):
        return _mask(value)
    return [_named(item) for item in value]


def _named(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return _mask(item)
    name = item.get("name")
    kept = {"name": scrub(name)} if isinstance(name, str) else {}
    return {**_mask(item), **kept}


def _log_options(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _mask(value)
    return {
        scrub(key): scrub(item) if key.startswith("awslogs-") and isinstance(item, str) else _mask(item)
        for key, item in value.items()
    }


def _template(value: Any) -> Any:
    """Return a template of CloudFormation with its logical ids and types; all that it sets is masked."""
    template = _read(value) if isinstance(value, str) else value
    if not isinstance(template, Mapping):
        return _mask(value)
    masked: dict[str, Any] = _mask(template)
    resources = template.get("Resources")
    if isinstance(resources, Mapping):
        masked["Resources"] = {scrub(str(id)): _typed(resource) for id, resource in resources.items()}
    return masked


def _read(text: str) -> Any:
    try:
        return load(text, "template", TAGS).value
    except DocumentError:
        return None


def _typed(resource: Any) -> Any:
    type = resource.get("Type") if isinstance(resource, Mapping) else None
    return {**_mask(resource), "Type": scrub(type)} if isinstance(type, str) else _mask(resource)


_Mask = Callable[[Any], Any]

_FIELDS: Mapping[str, Mapping[str, _Mask]] = {
    "ecs": {
        "environment": _environment,
        "command": _mask,
        "entryPoint": _mask,
        "dockerLabels": _mask,
        "driverOpts": _mask,
    },
    "eks": {"configurationValues": _mask, "certificateAuthority": _mask},
    "cloudformation": {
        "TemplateBody": _template,
        "ParameterValue": _mask,
        "ResolvedValue": _mask,
        "OutputValue": _mask,
    },
}
_CONTAINERS: Mapping[str, Mapping[str, Mapping[str, _Mask]]] = {
    "ecs": {
        "logConfiguration": {"options": _log_options},
        "firelensConfiguration": {"options": _log_options},
    },
    "lambda": {
        "Code": {"Location": _mask},  # a presigned URL
        "Environment": {"Variables": _mask, "Message": _mask},
        "ImageConfigResponse": {"Command": _mask, "EntryPoint": _mask, "Message": _mask},
    },
}


def _walk(value: Any, fields: Mapping[str, _Mask], inner: Mapping[str, Mapping[str, _Mask]]) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, (list, tuple)):
        return [_walk(item, fields, inner) for item in value]
    if isinstance(value, Mapping):
        return {
            scrub(key): fields[key](item) if key in fields else _walk(item, {**fields, **inner.get(key, {})}, inner)
            for key, item in value.items()
        }
    return value
