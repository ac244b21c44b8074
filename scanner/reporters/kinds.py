"""What people call a type of resource."""

from __future__ import annotations

from scanner.reporters.text import cut

_TYPES = {
    "AWS::ECS::Service": "ECS service",
    "AWS::ECS::Task": "ECS task",
    "AWS::Lambda::Function": "Lambda function",
    "AWS::Account::Region": "Region",
    "AWS::ECR::Repository": "repository",
    "AWS::ECR::Registry": "registry",
    "Regionproof::Recovery::Tier": "tier",
    "Regionproof::Recovery::Drill": "drill",
    "Regionproof::Recovery::Runbook": "runbook",
}


def type_word(type: str) -> str:
    """Return what people call a type: `AWS::EKS::Nodegroup` is an `EKS Nodegroup`."""
    return _TYPES.get(type) or cut(" ".join(type.removeprefix("AWS::").split("::")), 60)
