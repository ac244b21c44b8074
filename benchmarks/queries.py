"""The answers that are XML: of AWS STS and IAM (the query protocol), Amazon EC2 and Amazon S3."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from benchmarks.estate import REGIONS, Estate, account_number
from benchmarks.replies import query_error, response

ROLE = "execution"
"""The role that every task definition names."""
_MANAGED = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
_DENIED = query_error(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole")
_NO_BUCKETS = response(
    200,
    b'<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets/></ListAllMyBucketsResult>',
    "application/xml",
)
_TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
_PULL = {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken", "ecr:BatchGetImage"], "Resource": "*"}
_Parameters = Mapping[str, Any]


def result(operation: str, content: str, wrapped: bool = True) -> bytes:
    """Return a response whose result holds `content`; EC2 does not wrap it."""
    inner = f"<{operation}Result>{content}</{operation}Result>" if wrapped else content
    return response(200, f"<{operation}Response>{inner}</{operation}Response>".encode(), "text/xml")


def answer(estate: Estate, account: str, service: str, operation: str, parameters: _Parameters) -> bytes | None:
    """Return the response to a call; None for what is answered as if there were nothing."""
    if service == "ec2" and operation == "DescribeRegions":
        return _regions(estate, account)
    if service == "s3":
        return _NO_BUCKETS
    if service == "sts":
        return _sts(estate, account, operation, parameters)
    if service == "iam" and operation in _IAM:
        return result(operation, _element(_IAM[operation](account)))
    return None


def _element(value: Any) -> str:
    """Return members as XML."""
    if isinstance(value, dict):
        return "".join(f"<{name}>{_element(member)}</{name}>" for name, member in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_element(item)}</member>" for item in value)
    return str(value)


def _document(statement: Mapping[str, Any]) -> str:
    return quote(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def _role(account: str) -> dict[str, Any]:
    arn = f"arn:aws:iam::{account}:role/{ROLE}"
    made = {"Path": "/", "RoleName": ROLE, "RoleId": "AROALOAD", "Arn": arn, "CreateDate": "2025-01-01T00:00:00Z"}
    return {"Role": {**made, "AssumeRolePolicyDocument": _document(_TRUST)}}


_IAM: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "GetRole": _role,
    "ListAttachedRolePolicies": lambda _: {
        "AttachedPolicies": [{"PolicyName": _MANAGED.rpartition("/")[2], "PolicyArn": _MANAGED}],
        "IsTruncated": "false",
    },
    "ListRolePolicies": lambda _: {"PolicyNames": [], "IsTruncated": "false"},
    "GetPolicy": lambda _: {"Policy": {"Arn": _MANAGED, "DefaultVersionId": "v1"}},
    "GetPolicyVersion": lambda _: {
        "PolicyVersion": {"Document": _document(_PULL), "VersionId": "v1", "IsDefaultVersion": "true"}
    },
}


def _regions(estate: Estate, account: str) -> bytes:
    number = account_number(account)
    names = [region for region in REGIONS if not estate.is_opted_out(number, region)]
    items = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>opt-in-not-required</optInStatus></item>" for name in names
    )
    return result("DescribeRegions", f"<regionInfo>{items}</regionInfo>", wrapped=False)


def _sts(estate: Estate, account: str, operation: str, parameters: _Parameters) -> bytes:
    if operation == "GetCallerIdentity":
        arn = f"arn:aws:iam::{account}:user/load"
        return result(operation, _element({"Arn": arn, "UserId": "AIDA", "Account": account}))
    if operation != "AssumeRole":
        return result(operation, "")
    entered = parameters["RoleArn"].split(":")[4]
    if estate.is_denied(account_number(entered)):
        return _DENIED
    keys = {"AccessKeyId": f"ASIA{entered}", "SecretAccessKey": "s", "SessionToken": "t"}
    user = {"AssumedRoleId": "AROA:run", "Arn": f"arn:aws:sts::{entered}:assumed-role/load/run"}
    credentials = {**keys, "Expiration": "2099-01-01T00:00:00Z"}
    return result(operation, _element({"Credentials": credentials, "AssumedRoleUser": user}))
