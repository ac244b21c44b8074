"""Amazon Inspector: the images that run on ECS and EKS, by digest, without access to a cluster.

It counts the tasks and pods that use an image where its scanning of ECR is on.  A list without images proves nothing
where it is off, so its status is asked first.  Whose tasks they are would be one more request for each image, and
does not change whether the digest is needed in the standby: nobody asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, moment
from scanner.model import Gap, Resource, Unknown

ACCOUNT, IMAGE = "AWS::InspectorV2::AccountStatus", "AWS::InspectorV2::ImageInUse"
TYPES = (ACCOUNT, IMAGE)

_UNSAID = Unknown("AWS did not say whether Inspector is on")
_ARN = re.compile(r"arn:[^:]+:ecr:([a-z0-9-]+):([0-9]{12}):repository/(.+)/(sha256:[0-9a-f]{64})")


def _own(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"accountIds": [answers.target.account]}]


def _in_use(answers: Answers) -> Iterable[dict[str, Any]]:
    """Ask for the images of this account only: a delegated administrator sees others, which are targets themselves."""
    if any(_state(status.get("resourceState"), "ecr") == "DISABLED" for _, status in _statuses(answers)):
        return []
    return [
        {
            "filterCriteria": {
                "accountId": [{"comparison": "EQUALS", "value": answers.target.account}],
                "resourceType": [{"comparison": "EQUALS", "value": "AWS_ECR_CONTAINER_IMAGE"}],
                "ecrImageInUseCount": [{"lowerInclusive": 1}],
            }
        }
    ]


_GET_STATUS = Ask("BatchGetAccountStatus", "accounts", TYPES, each=_own)
_LIST_COVERAGE = Ask("ListCoverage", "coveredResources", (IMAGE,), {"maxResults": 200}, _in_use, paged=True)
CALLS = (_GET_STATUS, _LIST_COVERAGE)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return whether Inspector is on, and the images in use; a gap where it is neither clearly on nor clearly off."""
    found = _statuses(answers)
    for answer, status in found[:1]:
        yield from _account(answers, status, answer)
    if not found and any(answer.error is None for answer in answers.of(_GET_STATUS)):
        yield from _unsaid(answers, TYPES, _UNSAID.reason)
    for answer, covered in answers.items(_LIST_COVERAGE):
        yield _image(answers, covered, answer)
    yield from answers.gaps(CALLS)


def _statuses(answers: Answers) -> list[tuple[Answer, dict[str, Any]]]:
    account = answers.target.account
    return [(answer, status) for answer, status in answers.items(_GET_STATUS) if status.get("accountId") == account]


def _account(answers: Answers, status: dict[str, Any], answer: Answer) -> Iterator[Resource | Gap]:
    ecr = _state(status.get("resourceState"), "ecr")
    properties = {
        "Status": _state(status, "state") or _UNSAID,
        "ResourceState": {"Ecr": ecr or _UNSAID},
    }
    account, region = answers.target.account, answers.target.region
    id = f"aws://{account}/{region}/inspector2"
    yield answers.resource(ACCOUNT, id, "inspector2", properties, asks=(_GET_STATUS,), at=answer.at)
    if ecr not in ("ENABLED", "DISABLED"):
        yield from _unsaid(answers, (IMAGE,), f"Inspector's scanning of ECR is {ecr}" if ecr else _UNSAID.reason)


def _state(holder: Any, key: str) -> str | None:
    state = holder.get(key) if isinstance(holder, dict) else None
    status = state.get("status") if isinstance(state, dict) else None
    return status if isinstance(status, str) and status else None


def _unsaid(answers: Answers, types: Iterable[str], message: str) -> Iterator[Gap]:
    for type in types:
        yield answers.gap(type, answers.name(_GET_STATUS), "Unspecified", message)


def _image(answers: Answers, covered: dict[str, Any], answer: Answer) -> Resource | Gap:
    match = _ARN.fullmatch(str(covered.get("resourceId")))
    metadata = covered.get("resourceMetadata")
    use = metadata.get("ecrImage") if isinstance(metadata, dict) else None
    if not match or not isinstance(use, dict):
        message = "something was answered that is not an image in a repository"
        return answers.gap(IMAGE, answers.name(_LIST_COVERAGE), MALFORMED, message)
    region, registry, repository, digest = match.groups()
    labels = use.get("tags")
    properties = {
        "Repository": {"RegistryId": registry, "Region": region, "RepositoryName": repository},
        "ImageDigest": digest,
        "ImageTags": labels if isinstance(labels, list) else [],
        "InUseCount": use.get("inUseCount"),
        "LastInUseAt": moment(use.get("lastInUseAt")),
        "ImagePulledAt": moment(use.get("imagePulledAt")),
    }
    name = f"{repository}@{digest}"
    return answers.resource(IMAGE, match.group(), name, properties, asks=(_LIST_COVERAGE,), at=answer.at)
