"""What must never reach the disk: secrets in answers, masked before the first write.

Two passes in one walk.  Fields in which people keep secrets (environment values, commands, labels, log options) are
masked whatever they hold; in every other string, what has the form of a credential is cut out.  A mask says which
Regions the masked text named, since a Region that is wrong in the standby is what rules look for.  Redacting what is
redacted changes nothing.
"""

from __future__ import annotations

import json
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
_SUSPECT = (
    "x-amz-",
    "akia",
    "asia",
    "private key",
    "ls0tls1crudjti",
    "secret",
    "session",
    "fwogz",
    "fqogz",
    "iqojb3",
    "aqo",
)
_HARMLESS_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789._/+-\n"
"""What no credential consists of alone: each has a capital letter, or one of `:`, `=` and `%`."""
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


def suspicious(text: str) -> bool:
    """Tell whether `text` may hold what `scrub` cuts out."""
    if text.isascii() and not text.encode().translate(None, _HARMLESS_LETTERS):
        return False
    text = text.lower()  # seven times faster than one case-insensitive expression
    return any(word in text for word in _SUSPECT)


def scrub(text: str) -> str:
    """Return `text` without presigned URLs' signatures, access key ids, private keys and session tokens."""
    if suspicious(text):
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
    return [_named(item, "name") for item in value]


def _variables(value: Any) -> Any:
    if not isinstance(value, list):
        return _mask(value)
    return [_named(item, "name", "type") for item in value]


def _named(item: Any, *members: str) -> Any:
    if not isinstance(item, Mapping):
        return _mask(item)
    kept = {member: scrub(item[member]) for member in members if isinstance(item.get(member), str)}
    return {**_mask(item), **kept}


def _action(value: Any) -> Any:
    """Keep of the configuration of a pipeline's action what `_HARMLESS` names."""
    if not isinstance(value, Mapping):
        return _mask(value)
    return {
        scrub(key): scrub(item) if key in _HARMLESS and isinstance(item, str) else _mask(item)
        for key, item in value.items()
    }


def _url(value: Any) -> Any:
    """Cut out the user and password of a URL."""
    return scrub(_USER.sub("//[redacted]@", value)) if isinstance(value, str) else _mask(value)


def _log_options(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _mask(value)
    return {
        scrub(key): scrub(item) if key.startswith("awslogs-") and isinstance(item, str) else _mask(item)
        for key, item in value.items()
    }


_USER = re.compile(r"//[^/\s]*@")
_HARMLESS = frozenset(
    [
        "ActionMode",
        "AppSpecTemplateArtifact",
        "AppSpecTemplatePath",
        "ApplicationName",
        "Branch",
        "BranchName",
        "BucketName",
        "Capabilities",
        "ChangeSetName",
        "ClusterName",
        "ConnectionArn",
        "DeploymentGroupName",
        "Extract",
        "FileName",
        "FullRepositoryId",
        "FunctionName",
        "Image1ArtifactName",
        "Image1ContainerName",
        "ImageTag",
        "ObjectKey",
        "OutputArtifactFormat",
        "PollForSourceChanges",
        "PrimarySource",
        "ProjectName",
        "Regions",
        "RepositoryName",
        "RoleArn",
        "S3Bucket",
        "S3ObjectKey",
        "ServiceName",
        "StackName",
        "StackSetName",
        "TaskDefinitionTemplateArtifact",
        "TaskDefinitionTemplatePath",
        "TemplatePath",
    ]
)


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


_LONGEST_MANIFEST, _LONGEST_WORD = 1 << 20, 255
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE = "vnd.docker.reference.type"


def _manifest(value: Any) -> Any:
    """Keep of the manifest of an image index what its children are; all else, annotations above all, may say anything.

    What is none, or has more than a mebibyte, is masked as a whole: half a list would read as a whole one.
    """
    if not isinstance(value, str) or len(value) > _LONGEST_MANIFEST:
        return _mask(value)
    try:
        index = json.loads(value)
        kept = {
            **_words(index, "mediaType", "artifactType"),
            "manifests": [_child(each) for each in index["manifests"]],
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _mask(value)
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def _child(child: Any) -> dict[str, Any]:
    if not _DIGEST.fullmatch(child["digest"]):
        raise ValueError("a digest is none")
    kept: dict[str, Any] = {"digest": child["digest"], **_words(child, "mediaType", "artifactType")}
    if child.get("platform") is not None:
        kept["platform"] = _words(child["platform"], "architecture", "os", "variant")
    if (annotations := child.get("annotations")) is not None and _REFERENCE in annotations:
        kept["annotations"] = _words(annotations, _REFERENCE)
    return kept


def _words(structure: Any, *members: str) -> dict[str, str]:
    """Return members that are short texts, without those that are absent; raise for any that is something else."""
    found = {member: structure[member] for member in members if structure.get(member) is not None}
    if not all(isinstance(word, str) and len(word) <= _LONGEST_WORD for word in found.values()):
        raise TypeError("a member is no short text")
    return {member: scrub(word) for member, word in found.items()}


_TASK = ("TaskDefinition", "TaskDefinition.$")


def _machine(value: Any) -> Any:
    """Keep of the definition of a state machine its states, and of those that run ECS tasks which task that is."""
    if not isinstance(value, str) or len(value) > _LONGEST_MANIFEST:
        return _mask(value)
    try:
        return json.dumps(_states(json.loads(value)), sort_keys=True, separators=(",", ":"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _mask(value)


def _task(named: Any) -> Any:
    """Keep the name of a task definition; an expression that makes one while the machine runs may say anything."""
    if not isinstance(named, str) or named.startswith(("$", "{%")) or len(named) > _LONGEST_WORD:
        return "{% redacted %}"
    return scrub(named)


def _states(machine: Any) -> dict[str, Any]:
    return {"States": {scrub(name): _state(state) for name, state in machine["States"].items()}}


def _state(state: Any) -> dict[str, Any]:
    kept: dict[str, Any] = _words(state, "Type", "Resource")
    for key in ("Parameters", "Arguments"):
        given = state.get(key)
        if isinstance(given, Mapping) and any(name in given for name in _TASK):
            kept[key] = {"TaskDefinition": _task(given.get("TaskDefinition"))}
    if state.get("Branches") is not None:
        kept["Branches"] = [_states(branch) for branch in state["Branches"]]
    return kept | {key: _states(state[key]) for key in ("Iterator", "ItemProcessor") if state.get(key) is not None}


_Mask = Callable[[Any], Any]

_FIELDS: Mapping[str, Mapping[str, _Mask]] = {
    "ecs": {
        "environment": _environment,
        "command": _mask,
        "entryPoint": _mask,
        "dockerLabels": _mask,
        "driverOpts": _mask,
    },
    "ecr": {"imageManifest": _manifest},
    "eks": {"configurationValues": _mask, "certificateAuthority": _mask, "externalId": _mask},
    "ec2": {"Description": _mask, "IpPermissions": _mask, "IpPermissionsEgress": _mask},
    "secretsmanager": {"Description": _mask, "ExternalSecretRotationMetadata": _mask},
    "ssm": {"Description": _mask, "AllowedPattern": _mask},
    "codepipeline": {
        "configuration": _action,
        "commands": _mask,
        "environmentVariables": _variables,
        "defaultValue": _mask,
        "description": _mask,
    },
    "codebuild": {
        "environmentVariables": _variables,
        "location": _url,
        "buildspec": _mask,
        "description": _mask,
        "resource": _mask,  # of the authentication at the source
        "secret": _mask,  # of the webhook
        "url": _mask,
        "payloadUrl": _mask,
        "targetUrl": _mask,
        "badgeRequestUrl": _mask,
    },
    "events": {
        "Description": _mask,
        "Input": _mask,
        "InputTemplate": _mask,
        "InputPathsMap": _mask,
        "HttpParameters": _mask,
        "PipelineParameterList": _mask,
        "RunCommandTargets": _mask,
        "Sql": _mask,
        "Sqls": _mask,
        "GraphQLOperation": _mask,
    },
    "scheduler": {"Description": _mask, "Input": _mask, "PipelineParameterList": _mask},
    "stepfunctions": {"definition": _machine, "description": _mask, "variableReferences": _mask},
    "batch": {
        "command": _mask,
        "args": _mask,
        "environment": _environment,
        "env": _environment,
        "parameters": _mask,
        "labels": _mask,
        "annotations": _mask,
        "options": _mask,
    },
    "iam": {"Description": _mask, "sts:ExternalId": _mask},
    "arc-region-switch": {"externalId": _mask, "comment": _mask, "parameters": _mask},
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
