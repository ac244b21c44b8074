"""What people call a type of resource."""

from __future__ import annotations

from scanner.reporters.text import cut

_TYPES = {
    "AWS::ECS::Cluster": "ECS cluster",
    "AWS::ECS::Service": "ECS service",
    "AWS::ECS::Task": "ECS task",
    "AWS::ECS::TaskDefinition": "task definition",
    "AWS::EKS::Addon": "EKS add-on",
    "AWS::EKS::Cluster": "EKS cluster",
    "AWS::EKS::Nodegroup": "EKS node group",
    "AWS::Events::Rule": "EventBridge rule",
    "AWS::Scheduler::Schedule": "EventBridge schedule",
    "AWS::StepFunctions::StateMachine": "state machine",
    "AWS::Batch::JobDefinition": "Batch job definition",
    "AWS::Lambda::Function": "Lambda function",
    "AWS::Account::Region": "Region",
    "AWS::ECR::Repository": "repository",
    "AWS::ECR::Registry": "registry",
    "Regionproof::Recovery::Tier": "tier",
    "Regionproof::Recovery::Drill": "drill",
    "Regionproof::Recovery::Runbook": "runbook",
}


def type_word(type: str) -> str:
    """Return what people call a type: `AWS::EKS::Nodegroup` is an `EKS node group`, `AWS::KMS::Key` a `KMS Key`."""
    return _TYPES.get(type) or cut(" ".join(type.removeprefix("AWS::").split("::")), 60)
