"""Which jobs of a CI file push images to registries of ECR, and in which Regions those are.

Only what is written out is recognized: a job that pushes by a script, or by an action of its own, pushes nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from scanner.model import Unknown

RegionsOf = Callable[[Any], list[Any]]
"""Gives the Regions that a part of the file gives to its steps; `Unknown` at the end where it leaves one open."""

_PUSHES = re.compile(
    r"\b(?:docker|podman|nerdctl|buildah)\s+(?:(?:image|manifest|compose)\s+)?push\b"
    r"|\b(?:docker|podman|nerdctl)\s+(?:buildx\s+)?(?:build|bake)\s[^\n;&|]*--push\b"
    r"|\b(?:crane|oras)\s+(?:copy|cp|push)\b|\bskopeo\s+copy\b|\bregctl\s+image\s+copy\b|\bkaniko/executor\s"
)
_ACTIONS = ("docker/build-push-action", "docker/bake-action")
_ECR = re.compile(r"\.dkr[.-]ecr\b|\becr\s+get-login-password\b|\bamazon-ecr-login\b|\becr-login\b")
_HOST = re.compile(r"\.dkr[.-]ecr(?:-fips)?\.(?:(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d{1,2})\.)?")
_WORD = re.compile(r"\w+")


def pushed_to(file: Mapping[str, Any], regions_of: RegionsOf) -> list[Any] | None:
    """Return the Regions whose registries the jobs of a file push images to, sorted; None if no job is seen to push.

    They are those in the names of registries; where these leave one open, those that the job is given.
    """
    shared = {name: file[name] for name in ("env", "variables") if name in file}
    found: set[str] = set()
    open: list[Any] = []
    pushes = False
    for job in _jobs(file):
        texts = list(_texts(job))
        texts += _used(shared, texts)
        if not _is_pushing(job, texts):
            continue
        pushes = True
        for region in _regions(texts, {**shared, "jobs": [job]}, regions_of):
            (open.append if isinstance(region, Unknown) else found.add)(region)
    return [*sorted(found), *open[:1]] if pushes else None


def _jobs(file: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    jobs = file.get("jobs", file)  # those of GitLab are beside its settings
    for job in jobs.values() if isinstance(jobs, dict) else ():
        if isinstance(job, dict) and ("steps" in job or "script" in job):
            yield job


def _is_pushing(job: Mapping[str, Any], texts: Iterable[str]) -> bool:
    steps = job.get("steps")
    pushes = any(map(_PUSHES.search, texts)) or any(map(_is_push, steps if isinstance(steps, list) else ()))
    return pushes and any(map(_ECR.search, texts))


def _is_push(step: Any) -> bool:
    """Tell whether a step is an action that builds an image and pushes it, always or on some events."""
    action, given = (step.get("uses"), step.get("with")) if isinstance(step, dict) else (None, None)
    if not isinstance(action, str) or action.partition("@")[0] not in _ACTIONS or not isinstance(given, dict):
        return False
    return str(given.get("push", False)).lower() != "false"


def _regions(texts: Iterable[str], part: Mapping[str, Any], regions_of: RegionsOf) -> list[Any]:
    hosts = [match["region"] for text in texts for match in _HOST.finditer(text)]
    named = [host for host in hosts if host]
    return named if hosts and None not in hosts else [*named, *regions_of(part)]


def _used(shared: Mapping[str, Any], texts: Iterable[str]) -> list[str]:
    """Return the texts of the settings of the whole file that a job names."""
    words = {word for text in texts for word in _WORD.findall(text)}
    settings = [item for section in shared.values() if isinstance(section, dict) for item in section.items()]
    return [text for name, value in settings if name in words for text in _texts(value)]


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of a part of the file, lines that go on in the next one put together."""
    if isinstance(value, str):
        yield value.replace("\\\n", " ")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(item)
