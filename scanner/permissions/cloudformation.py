"""The role as a CloudFormation template, to deploy as a stack set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from scanner.permissions import ROLE_NAME, Role


def template(role: Role, policies: Sequence[dict[str, Any]]) -> str:
    """Return the template as YAML; what `role` leaves open is a parameter without a default."""
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Ref": "Principal"}},
        "Action": role.entering,
        "Condition": {
            "Fn::If": [
                "HasExternalId",
                {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
                {"Ref": "AWS::NoValue"},
            ]
        },
    }
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role by which regionproof reads this account; it can change nothing.",
        "Parameters": _parameters(role),
        "Conditions": {"HasExternalId": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ExternalId"}, ""]}]}},
        "Resources": {
            ROLE_NAME: {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": {"Ref": "RoleName"},
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                    "ManagedPolicyArns": [{"Ref": _policy(number)} for number in range(len(policies))],
                },
            },
            **{
                _policy(number): {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}
                for number, document in enumerate(policies)
            },
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": [ROLE_NAME, "Arn"]}}},
    }
    return yaml.safe_dump(body, sort_keys=False, width=120)


def _policy(number: int) -> str:
    return f"ReadPolicy{number + 1}"


def _parameters(role: Role) -> dict[str, Any]:
    principal = {"Type": "String", "Description": "Account id, or ARN, that may assume the role"}
    return {
        "RoleName": {"Type": "String", "Default": role.name},
        "Principal": {**principal, **({"Default": role.principal} if role.principal else {})},
        "ExternalId": {
            "Type": "String",
            "Default": role.external_id or "",
            "Description": "What whoever assumes the role has to name; empty for nothing",
        },
    }
