"""AWS IAM: the roles by which images are pulled and functions run, and what their policies say.

IAM is global: a role is asked for in each Region in which something names it.  Only those that task definitions, node
groups, Fargate profiles, functions and repository creation templates name are asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

from scanner.collectors import awslambda, ecr_registry, ecs, eks, kubernetes
from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, document, items, strings, structures, tags
from scanner.model import Gap, Resource, Unknown

ROLE = "AWS::IAM::Role"
TYPES = (ROLE,)

_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):role/(?:[!-~]+/)?(?P<name>[\w+=,.@-]{1,64})", re.ASCII)
_POLICY_ARN = re.compile(r"arn:[!-~]{10,2000}")
_PAGE = {"MaxItems": 1000}
_TOKENS = ("Marker", "Marker")


def _roles(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"RoleName": name} for name in sorted(_named(answers))]


def _named(answers: Answers) -> set[str]:
    """Return the names of the account's roles that other services of the target name."""
    matches = (_ROLE_ARN.fullmatch(arn) for arn in strings(_arns(answers.others)))
    return {match["name"] for match in matches if match and match["account"] == answers.target.account}


def _arns(others: Mapping[str, Answers]) -> Iterator[Any]:
    for service, ask, member, keys in (
        ("ecs", _DESCRIBE_DEFINITION, "taskDefinition", ("executionRoleArn", "taskRoleArn")),
        ("eks", _DESCRIBE_NODEGROUP, "nodegroup", ("nodeRole",)),
        ("eks", _DESCRIBE_PROFILE, "fargateProfile", ("podExecutionRoleArn",)),
        ("lambda", _LIST_FUNCTIONS, "Functions", ("Role",)),
        ("ecr", _DESCRIBE_TEMPLATES, "repositoryCreationTemplates", ("customRoleArn",)),
    ):
        for answer in others[service].of(ask) if service in others else ():
            for page in answer.pages:
                found = page.get(member)
                for each in structures(found if isinstance(found, list) else [found]):
                    yield from (each.get(key) for key in keys)
    yield from kubernetes.roles(others.get("kubernetes"))


def _ask_of(calls: Iterable[Ask], operation: str) -> Ask:
    return next(ask for ask in calls if ask.operation == operation)


_DESCRIBE_DEFINITION = _ask_of(ecs.CALLS, "DescribeTaskDefinition")
_DESCRIBE_NODEGROUP = _ask_of(eks.CALLS, "DescribeNodegroup")
_DESCRIBE_PROFILE = _ask_of(eks.CALLS, "DescribeFargateProfile")
_LIST_FUNCTIONS = _ask_of(awslambda.CALLS, "ListFunctions")
_DESCRIBE_TEMPLATES = _ask_of(ecr_registry.CALLS, "DescribeRepositoryCreationTemplates")


def _described(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"RoleName": answer.parameters["RoleName"]} for answer in answers.of(_GET_ROLE) if answer.pages]


def _attached(answers: Answers) -> list[str]:
    """Return the ARNs of the managed policies of all roles."""
    listed = structures([policy for _, policy in answers.items(_LIST_ATTACHED)])
    return [arn for arn in strings(policy.get("PolicyArn") for policy in listed) if _POLICY_ARN.fullmatch(arn)]


def _policies(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"PolicyArn": arn} for arn in _attached(answers)]


def _versions(answers: Answers) -> Iterable[dict[str, Any]]:
    return [version for arn in _attached(answers) if (version := _default(answers, arn))]


def _default(answers: Answers, arn: str) -> dict[str, str] | None:
    """Return the version of a managed policy that is in force, None if it was not seen."""
    answer = answers.get(_GET_POLICY, {"PolicyArn": arn})
    version = answer.pages[0]["Policy"].get("DefaultVersionId") if answer and answer.pages else None
    return {"PolicyArn": arn, "VersionId": version} if isinstance(version, str) and version else None


def _inline(answers: Answers) -> Iterable[dict[str, Any]]:
    for answer in answers.of(_LIST_INLINE):
        for name in strings(items(answer, _LIST_INLINE.answer)):
            yield {"RoleName": answer.parameters["RoleName"], "PolicyName": name}


_GET_ROLE = Ask(
    "GetRole",
    "Role",
    (ROLE,),
    each=_roles,
    absent=frozenset({"NoSuchEntity"}),
    per="role in use",
    reads=(
        ecs.TASK_DEFINITION,
        eks.NODEGROUP,
        eks.FARGATE_PROFILE,
        awslambda.FUNCTION,
        ecr_registry.REGISTRY,
        kubernetes.SERVICE_ACCOUNT,
    ),
)
_LIST_ATTACHED = Ask(
    "ListAttachedRolePolicies",
    "AttachedPolicies",
    parameters=_PAGE,
    each=_described,
    paged=True,
    tokens=_TOKENS,
    fills=(ROLE,),
    per="role in use",
)
_GET_POLICY = Ask("GetPolicy", "Policy", each=_policies, fills=(ROLE,), per="managed policy in use")
_GET_VERSION = Ask("GetPolicyVersion", "PolicyVersion", each=_versions, fills=(ROLE,), per="managed policy in use")
_LIST_INLINE = Ask(
    "ListRolePolicies",
    "PolicyNames",
    parameters=_PAGE,
    each=_described,
    paged=True,
    tokens=_TOKENS,
    fills=(ROLE,),
    per="role in use",
)
_GET_INLINE = Ask("GetRolePolicy", "PolicyName", each=_inline, fills=(ROLE,), per="inline policy of a role in use")
CALLS = (_GET_ROLE, _LIST_ATTACHED, _GET_POLICY, _GET_VERSION, _LIST_INLINE, _GET_INLINE)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the roles that something names; one that does not exist is none, which is not a gap."""
    for answer in answers.of(_GET_ROLE):
        for page in answer.pages:
            yield _role(answers, page["Role"], answer)
    yield from answers.gaps(CALLS)


def _role(answers: Answers, role: Mapping[str, Any], answer: Answer) -> Resource | Gap:
    arn, name = role.get("Arn"), answer.parameters["RoleName"]
    if not isinstance(arn, str) or not _ROLE_ARN.fullmatch(arn):
        return answers.gap(ROLE, answers.name(_GET_ROLE), MALFORMED, f"the role '{name}' was answered without its ARN")
    boundary = role.get("PermissionsBoundary")
    properties = {
        "RoleName": name,
        "Arn": arn,
        "AssumeRolePolicyDocument": _document(role.get("AssumeRolePolicyDocument"), f"the trust policy of '{name}'"),
        "Policies": answers.value(_LIST_INLINE, {"RoleName": name}, lambda listed: _own(answers, name, listed)),
        "ManagedPolicyArns": answers.value(_LIST_ATTACHED, {"RoleName": name}, _arns_of),
        "ManagedPolicies": answers.value(_LIST_ATTACHED, {"RoleName": name}, lambda listed: _managed(answers, listed)),
        "PermissionsBoundary": boundary.get("PermissionsBoundaryArn") if isinstance(boundary, dict) else boundary,
    }
    return answers.resource(ROLE, arn, name, properties, asks=CALLS, at=answer.at, tags=tags(role.get("Tags")))


def _own(answers: Answers, role: str, listed: Answer) -> list[Any]:
    """Return the policies that are written into a role."""
    found = []
    for name in items(listed, _LIST_INLINE.answer):
        parameters = {"RoleName": role, "PolicyName": name}
        text = answers.value(_GET_INLINE, parameters, _member("PolicyDocument", f"the policy '{name}' of '{role}'"))
        found.append({"PolicyName": name, "PolicyDocument": text})
    return found


def _arns_of(listed: Answer) -> list[Any]:
    found = items(listed, _LIST_ATTACHED.answer)
    arns = [policy.get("PolicyArn") if isinstance(policy, dict) else None for policy in found]
    return [arn if isinstance(arn, str) and arn else Unknown("a managed policy has no ARN") for arn in arns]


def _managed(answers: Answers, listed: Answer) -> list[Any]:
    """Return the managed policies that are attached to a role."""
    found: list[Any] = []
    for arn in _arns_of(listed):
        if isinstance(arn, Unknown):
            found.append(arn)
            continue
        version = _default(answers, arn)
        text = answers.value(_GET_POLICY, {"PolicyArn": arn}, lambda _: Unknown("AWS shows no default version of it"))
        if version is not None:
            text = answers.value(_GET_VERSION, version, partial(_version, arn=arn))
        found.append({"PolicyArn": arn, "PolicyDocument": text})
    return found


def _version(answer: Answer, arn: str) -> Any:
    return _document(answer.pages[0]["PolicyVersion"].get("Document"), f"the policy '{arn}'")


def _member(member: str, what: str) -> Callable[[Answer], Any]:
    return lambda answer: _document(answer.pages[0].get(member), what)


def _document(value: Any, what: str) -> Any:
    """Return a policy, which the SDK has decoded, or not if it could not."""
    return document(json.dumps(value) if isinstance(value, dict) else unquote(str(value)), what)
