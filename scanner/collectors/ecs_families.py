"""The families of task definitions that ECS could start, whether anything uses them or not.

What nothing uses is not described, so only its family is known; a standby may start it all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.collectors.ask import MALFORMED, Answers, Ask, Rate
from scanner.model import Gap, Resource

FAMILY = "AWS::ECS::TaskDefinitionFamily"

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
DEFINITION_READ = Rate("task definition read", 20, 50)

LIST_FAMILIES = Ask(
    "ListTaskDefinitionFamilies",
    "families",
    (FAMILY,),
    {"maxResults": 100, "status": "ACTIVE"},
    paged=True,
    rate=DEFINITION_READ,
)


def families(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the families that have an active revision.

    AWS gives a family no ARN; its id is that of its revisions, without the number.
    """
    target = answers.target
    for answer, name in answers.items(LIST_FAMILIES):
        if not (isinstance(name, str) and name):
            yield answers.gap(FAMILY, answers.name(LIST_FAMILIES), MALFORMED, "a family without a name was answered")
            continue
        id = f"arn:{target.partition}:ecs:{target.region}:{target.account}:task-definition/{name}"
        yield answers.resource(FAMILY, id, name, {"Family": name}, asks=(LIST_FAMILIES,), at=answer.at)
