"""The roles by which the demo's workloads pull and run, as AWS IAM describes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from scanner.demo.eks import issuer
from scanner.demo.words import Recorder, rfc3339, sha256
from scanner.recorded import Call

_CREATED = rfc3339(datetime.fromisoformat("2026-01-12T09:00:00Z"))
_NAMING = frozenset(
    ("executionRoleArn", "taskRoleArn", "nodeRole", "podExecutionRoleArn", "Role", "customRoleArn")
)  # fmt: skip
"""The members of answers that name roles which are asked for."""


def calls(
    recorder: Recorder, answered: Iterable[Call], described: Mapping[str, Any], clusters: Mapping[str, Any]
) -> Iterator[Call]:
    """Return what IAM answers about the roles that other answers of a place, and accounts of its clusters, name.

    `described` has `roles` and `policies`, the same in every account; a role it does not describe has no policies.
    """
    names = {arn.rpartition("/")[2] for call in answered for arn in _named(call.response)}
    names |= {role for cluster in clusters.values() for role in cluster.get("accounts", {}).values() if role}
    roles = {name: described.get("roles", {}).get(name, {}) for name in sorted(names)}
    for name, role in roles.items():
        yield from _role(recorder, name, role)
    for path in sorted({path for role in roles.values() for path in role.get("attached", ())}):
        yield from _managed(recorder, path, described["policies"][path])


def _named(answer: Any) -> Iterator[str]:
    if isinstance(answer, Mapping):
        for key, value in answer.items():
            if key in _NAMING and isinstance(value, str):
                yield value
            else:
                yield from _named(value)
    elif isinstance(answer, list):
        for item in answer:
            yield from _named(item)


def _role(recorder: Recorder, name: str, described: Mapping[str, Any]) -> Iterator[Call]:
    asked, own = {"RoleName": name}, described.get("own", {})
    trust = {"Version": "2012-10-17", "Statement": list(_trust(recorder, described))}
    role = {
        "Path": "/",
        "RoleName": name,
        "RoleId": f"AROA{sha256(f'{recorder.account} {name}')[:17].upper()}",
        "Arn": recorder.role(name),
        "CreateDate": _CREATED,
        "AssumeRolePolicyDocument": json.dumps(trust),
        "MaxSessionDuration": 3600,
    }
    yield recorder.answered("iam", "GetRole", asked, {"Role": role})
    attached = [
        {"PolicyName": path.rpartition("/")[2], "PolicyArn": _arn(path)} for path in described.get("attached", ())
    ]
    listed = {"AttachedPolicies": attached, "IsTruncated": False}
    yield recorder.answered("iam", "ListAttachedRolePolicies", asked, listed)
    yield recorder.answered("iam", "ListRolePolicies", asked, {"PolicyNames": sorted(own), "IsTruncated": False})
    for policy, statements in sorted(own.items()):
        named = {**asked, "PolicyName": policy}
        yield recorder.answered("iam", "GetRolePolicy", named, {**named, "PolicyDocument": _document(statements)})


def _trust(recorder: Recorder, described: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return whom a role trusts: a service, or the service account of clusters by their issuers."""
    if "account" not in described:
        service = f"{described.get('trusts', 'ecs-tasks')}.amazonaws.com"
        yield {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        return
    subject = f"system:serviceaccount:{described['account'].replace('/', ':')}"
    for region, _, cluster in (name.partition("/") for name in described["clusters"]):
        named = issuer(recorder.account, region, cluster)
        yield {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{recorder.account}:oidc-provider/{named}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{named}:sub": subject, f"{named}:aud": "sts.amazonaws.com"}},
        }


def _managed(recorder: Recorder, path: str, statements: list[Any]) -> Iterator[Call]:
    arn = _arn(path)
    policy = {"PolicyName": path.rpartition("/")[2], "Arn": arn, "DefaultVersionId": "v1", "IsAttachable": True}
    yield recorder.answered("iam", "GetPolicy", {"PolicyArn": arn}, {"Policy": policy})
    version = {"Document": _document(statements), "VersionId": "v1", "IsDefaultVersion": True, "CreateDate": _CREATED}
    asked = {"PolicyArn": arn, "VersionId": "v1"}
    yield recorder.answered("iam", "GetPolicyVersion", asked, {"PolicyVersion": version})


def _arn(path: str) -> str:
    return f"arn:aws:iam::aws:policy/{path}"


def _document(statements: list[Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
