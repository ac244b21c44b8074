"""AWS CodePipeline: what each pipeline does, where its actions run, and where it keeps its artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, cloudformation, pick, strings, structures
from scanner.model import Gap, Resource

PIPELINE = "AWS::CodePipeline::Pipeline"
TYPES = (PIPELINE,)


def _pipelines(answers: Answers) -> Iterable[dict[str, Any]]:
    names = strings(pipeline.get("name") for _, pipeline in answers.items(_LIST_PIPELINES))
    return [{"name": name} for name in names]


_LIST_PIPELINES = Ask("ListPipelines", "pipelines", (PIPELINE,), {"maxResults": 1000}, paged=True)
_GET_PIPELINE = Ask("GetPipeline", "pipeline", (PIPELINE,), each=_pipelines, per="pipeline")
CALLS = (_LIST_PIPELINES, _GET_PIPELINE)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the pipelines, without the parts of their configuration that may be secret."""
    for _, listed in answers.items(_LIST_PIPELINES):
        if not strings([listed.get("name")]):
            message = "a pipeline without a name was answered"
            yield answers.gap(PIPELINE, answers.name(_LIST_PIPELINES), MALFORMED, message)
    for answer in answers.of(_GET_PIPELINE):
        for page in answer.pages:
            yield _pipeline(answers, page, answer)
    yield from answers.gaps(CALLS)


def _pipeline(answers: Answers, page: Any, answer: Answer) -> Resource:
    target, name, pipeline = answers.target, answer.parameters["name"], page["pipeline"]
    made = f"arn:{target.partition}:codepipeline:{target.region}:{target.account}:{name}"
    metadata = page.get("metadata")
    id = (metadata.get("pipelineArn") if isinstance(metadata, dict) else None) or made
    stores = pipeline.get("artifactStores")
    properties = {
        **pick(pipeline, "roleArn", "artifactStore", "pipelineType", "executionMode"),
        "Name": name,
        "ArtifactStores": _stores(stores) if isinstance(stores, dict) else None,
        "Stages": [
            {
                "Name": stage.get("name"),
                "Actions": [_action(action, target.region) for action in structures(stage.get("actions"))],
            }
            for stage in structures(pipeline.get("stages"))
        ],
    }
    return answers.resource(PIPELINE, str(id), name, properties, asks=(_GET_PIPELINE,), at=answer.at)


def _stores(stores: dict[str, Any]) -> list[dict[str, Any]]:
    """Return CloudFormation's list of what the API keys by Region."""
    return [{"Region": region, "ArtifactStore": cloudformation(store)} for region, store in sorted(stores.items())]


def _action(action: dict[str, Any], region: str) -> dict[str, Any]:
    return {
        # An action that names no Region runs in the pipeline's.
        "Region": region,
        **pick(action, "name", "actionTypeId", "region", "runOrder", "roleArn", "namespace"),
        "Configuration": action.get("configuration") or {},
    }
