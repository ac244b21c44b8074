"""Service Quotas: the limits that a failover can run into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import Answer, Answers, Ask, items, structures
from scanner.model import Gap, Resource, Unknown

QUOTA = "AWS::ServiceQuotas::Quota"
TYPES = (QUOTA,)
QUOTAS = (
    ("ec2", "L-1216C47A"),
    ("ecr", "L-03A36CE1"),
    ("ecr", "L-CFEB8E8D"),
    ("eks", "L-1194D53C"),
    ("fargate", "L-3032A538"),
    ("lambda", "L-B99A9384"),
)
"""Service and quota: vCPUs of standard EC2 instances, images in a repository, repositories in a registry, EKS clusters,
vCPUs on Fargate, concurrent Lambda executions."""


def _wanted(answers: Answers) -> Iterable[dict[str, Any]]:  # noqa: ARG001 - the signature of `Ask.each`
    return [{"ServiceCode": service, "QuotaCode": code} for service, code in QUOTAS]


def _without_applied(answers: Answers) -> Iterable[dict[str, Any]]:
    """Ask for the defaults of the services one of whose quotas AWS shows no applied value of."""
    services = {service for service, code in QUOTAS if _listed(answers, service, code) is None}
    return [{"ServiceCode": service} for service in sorted(services)]


_PAGE, _TOKENS = {"MaxResults": 100}, ("NextToken", "NextToken")
_LIST_APPLIED = Ask(
    "ListServiceQuotas",
    "Quotas",
    parameters=_PAGE,
    each=_wanted,
    paged=True,
    tokens=_TOKENS,
    fills=(QUOTA,),
    actions=("servicequotas:ListServiceQuotas",),
)
_LIST_DEFAULTS = Ask(
    "ListAWSDefaultServiceQuotas",
    "Quotas",
    parameters=_PAGE,
    each=_without_applied,
    paged=True,
    tokens=_TOKENS,
    fills=(QUOTA,),
    actions=("servicequotas:ListAWSDefaultServiceQuotas",),
    per="service",
)
CALLS = (_LIST_APPLIED, _LIST_DEFAULTS)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the quotas of `QUOTAS`; a value that could not be read is `Unknown`."""
    for service, code in QUOTAS:
        yield _quota(answers, service, code)


def _listed(answers: Answers, service: str, code: str) -> dict[str, Any] | None:
    """Return a quota among the applied ones, None if AWS lists none; else the quota is empty."""
    answer = answers.get(_LIST_APPLIED, {"ServiceCode": service, "QuotaCode": code})
    return {} if answer is None or answer.error else _find(answer, code)


def _find(answer: Answer, code: str) -> dict[str, Any] | None:
    return next((quota for quota in structures(items(answer, "Quotas")) if quota.get("QuotaCode") == code), None)


def _quota(answers: Answers, service: str, code: str) -> Resource:
    target, asked = answers.target, {"ServiceCode": service, "QuotaCode": code}
    applied = answers.value(_LIST_APPLIED, asked, lambda answer: _find(answer, code))
    found, default = applied, False
    if applied is None:
        found = answers.value(_LIST_DEFAULTS, {"ServiceCode": service}, lambda answer: _find(answer, code))
        default = True
    if found is None:
        found = Unknown(f"AWS lists neither a value nor a default of quota {code} in {target.place}")
    properties = {
        "ServiceCode": service,
        "QuotaCode": code,
        "Value": _value(found),
        "Default": found if type(applied) is Unknown else default,
        **{key: found if type(found) is Unknown else found.get(key) for key in ("QuotaName", "Adjustable", "Unit")},
    }
    answer = answers.get(_LIST_APPLIED, asked)
    id = f"arn:{target.partition}:servicequotas:{target.region}:{target.account}:{service}/{code}"
    at = answer.at if answer else None
    return answers.resource(QUOTA, id, f"{service}/{code}", properties, asks=CALLS, at=at)


def _value(quota: Any) -> Any:
    if type(quota) is Unknown:
        return quota
    value, why = quota.get("Value"), quota.get("ErrorReason")
    if isinstance(why, dict):
        return Unknown(f"Service Quotas could not read the value: {why.get('ErrorCode')}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Unknown("Service Quotas shows no value")
    return value
