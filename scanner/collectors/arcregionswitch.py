"""ARC Region switch: the plans that a Region knows, how they were evaluated, and what executing them took.

The operations of the data plane are asked, since they answer in each Region by itself, also when another is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from scanner.collectors.ask import (
    MALFORMED,
    Answer,
    Answers,
    Ask,
    cloudformation,
    items,
    moment,
    pick,
    strings,
    structures,
)
from scanner.model import Gap, Resource, Unknown

PLAN = "AWS::ARCRegionSwitch::Plan"
TYPES = (PLAN,)


def _plans(member: str) -> Callable[[Answers], Iterable[dict[str, Any]]]:
    return lambda answers: [{member: arn} for arn in strings(p.get("arn") for _, p in answers.items(_LIST_PLANS))]


_PAGE = {"maxResults": 100}
_LIST_PLANS = Ask("ListPlansInRegion", "plans", (PLAN,), _PAGE, paged=True)
_GET_PLAN = Ask("GetPlanInRegion", "plan", each=_plans("arn"), fills=(PLAN,), per="plan")
_GET_EVALUATION = Ask(
    "GetPlanEvaluationStatus", "planArn", (), _PAGE, _plans("planArn"), paged=True, fills=(PLAN,), per="plan"
)
_LIST_EXECUTIONS = Ask(
    "ListPlanExecutions", "items", (), _PAGE, _plans("planArn"), paged=True, fills=(PLAN,), per="plan"
)
CALLS = (_LIST_PLANS, _GET_PLAN, _GET_EVALUATION, _LIST_EXECUTIONS)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the plans, once for each Region that knows them."""
    for answer, plan in answers.items(_LIST_PLANS):
        yield _plan(answers, plan, answer)
    yield from answers.gaps(CALLS)


def _plan(answers: Answers, plan: dict[str, Any], answer: Answer) -> Resource | Gap:
    arn, name, target = plan.get("arn"), plan.get("name"), answers.target
    if not (isinstance(arn, str) and arn and isinstance(name, str) and name):
        return answers.gap(PLAN, answers.name(_LIST_PLANS), MALFORMED, "a plan without a name was answered")
    properties = {
        **pick(plan, "name", "regions", "recoveryApproach", "primaryRegion", "recoveryTimeObjectiveMinutes"),
        "Arn": arn,
        "Workflows": answers.value(_GET_PLAN, {"arn": arn}, _workflows),
        "Evaluation": answers.value(_GET_EVALUATION, {"planArn": arn}, _evaluation),
        "Executions": answers.value(_LIST_EXECUTIONS, {"planArn": arn}, _executions),
    }
    # The ARN of a plan names no Region, and what two Regions say of one plan are two observations.
    id = f"aws://{target.account}/{target.region}/arc-region-switch/{arn.rpartition('/')[2]}"
    return answers.resource(PLAN, id, name, properties, asks=CALLS, at=answer.at)


def _workflows(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            **pick(workflow, "workflowTargetAction", "workflowTargetRegion"),
            "Steps": [_step(step) for step in structures(workflow.get("steps"))],
        }
        for workflow in structures(answer.pages[0]["plan"].get("workflows"))
    ]


def _step(step: dict[str, Any]) -> dict[str, Any]:
    """Return a step; of its configuration what it scales or calls is kept, maps that a user has keyed are not."""
    configuration = step.get("executionBlockConfiguration")
    blocks = configuration if isinstance(configuration, dict) else {}
    return {
        **pick(step, "name", "executionBlockType"),
        "ExecutionBlockConfiguration": {
            key[:1].upper() + key[1:]: _block(block) for key, block in blocks.items() if isinstance(block, dict)
        },
    }


_KEYED = frozenset(
    {
        "dbInstanceArnMap",
        "instanceArns",
        "regionAndRoutingControls",
        "regionDatabaseClusterArns",
        "regionDocuments",
        "regionEventSourceMappings",
        "scalingResources",
    }
)


def _block(block: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in block.items() if key not in _KEYED and key != "steps"}
    inner = {"Steps": [_step(step) for step in structures(block.get("steps"))]} if "steps" in block else {}
    return {**cloudformation(kept), **inner}


def _evaluation(answer: Answer) -> dict[str, Any]:
    first = answer.pages[0]
    warnings = structures(items(answer, "warnings"))
    return {
        "State": first.get("evaluationState") or Unknown("AWS did not say how the plan was evaluated"),
        "LastEvaluationTime": moment(first.get("lastEvaluationTime")),
        "LastEvaluatedVersion": first.get("lastEvaluatedVersion"),
        "Warnings": [
            {
                **pick(warning, "warningStatus", "warningMessage", "stepName", "resourceArn"),
                "WarningUpdatedTime": moment(warning.get("warningUpdatedTime")),
            }
            for warning in warnings
        ],
    }


def _executions(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            **pick(
                execution,
                "executionId",
                "mode",
                "executionState",
                "executionAction",
                "executionRegion",
                "actualRecoveryTime",
            ),
            "StartTime": moment(execution.get("startTime")),
            "EndTime": moment(execution.get("endTime")),
        }
        for execution in structures(items(answer, "items"))
    ]
