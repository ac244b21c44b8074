"""AWS CodeBuild: what builds from where, in which image, and where it puts the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, chunks, pick, strings, structures, tags
from scanner.model import Gap, Resource

PROJECT = "AWS::CodeBuild::Project"
TYPES = (PROJECT,)


def _batches(answers: Answers) -> Iterable[dict[str, Any]]:
    names = strings(name for _, name in answers.items(_LIST_PROJECTS))
    return [{"names": batch} for batch in chunks(names, 100)]


_LIST_PROJECTS = Ask("ListProjects", "projects", (PROJECT,), paged=True)
_BATCH_GET_PROJECTS = Ask("BatchGetProjects", "projects", (PROJECT,), each=_batches, per="100 projects")
CALLS = (_LIST_PROJECTS, _BATCH_GET_PROJECTS)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the projects, without build specifications and the values of variables, which may be secret."""
    for answer, project in answers.items(_BATCH_GET_PROJECTS):
        yield _project(answers, project, answer)
    yield from answers.gaps(CALLS)
    yield from _not_answered(answers)


def _project(answers: Answers, project: dict[str, Any], answer: Answer) -> Resource | Gap:
    name, arn, target = project.get("name"), project.get("arn"), answers.target
    if not (isinstance(name, str) and name):
        message = "a project without a name was answered"
        return answers.gap(PROJECT, answers.name(_BATCH_GET_PROJECTS), MALFORMED, message)
    made = f"arn:{target.partition}:codebuild:{target.region}:{target.account}:project/{name}"
    id = arn if isinstance(arn, str) and arn else made
    properties = pick(
        project,
        "name",
        "source",
        "secondarySources",
        "sourceVersion",
        "artifacts",
        "secondaryArtifacts",
        "environment",
        "serviceRole",
        "encryptionKey",
        "vpcConfig",
    )
    labels = tags(project.get("tags"))
    return answers.resource(PROJECT, id, name, properties, asks=(_BATCH_GET_PROJECTS,), at=answer.at, tags=labels)


def _not_answered(answers: Answers) -> Iterator[Gap]:
    """Yield a gap for projects that were neither described nor said to be gone since they were listed."""
    for answer in answers.of(_BATCH_GET_PROJECTS):
        if answer.error is None:
            said = [page.get("projectsNotFound") or [] for page in answer.pages]
            known = {name for names in said if isinstance(names, list) for name in strings(names)}
            known |= set(strings(p.get("name") for page in answer.pages for p in structures(page.get("projects"))))
            missed = [name for name in answer.parameters["names"] if name not in known]
            if missed:
                more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
                message = f"{missed[0]}{more} could not be described"
                yield answers.gap(PROJECT, answers.name(_BATCH_GET_PROJECTS), "NotAnswered", message)
