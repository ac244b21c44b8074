"""CI files as resources: what GitHub Actions and GitLab CI deploy, to which Regions, and on whose machines.

A file says little: what scripts, actions and included files do is not in it.  So what is recognized is certain, and
the rest is unknown.  Nothing is run, and no variable is looked up outside of the file.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
https://docs.gitlab.com/ci/yaml/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from scanner.documents import Document, load
from scanner.errors import DocumentError
from scanner.model import Gap, Location, Resource, Unknown, guard
from scanner.parsers.ci_pushes import pushed_to
from scanner.parsers.reading import Reading
from scanner.parsers.tree import MAX_BYTES, File, Tree
from scanner.regions import is_name
from scanner.vocabulary import complete

GITHUB, GITLAB = "GitHub::Actions::Workflow", "GitLab::CI::Pipeline"
TAGS = {"!reference": "!reference"}
"""The tags of GitLab, for `documents.load`."""

_OPTIONS = r"(?:-\S+\s+(?:\w[\w./-]*\s+)?)*"
_DEPLOYS = re.compile(
    rf"\baws\s+{_OPTIONS}(?:ecs\s+(?:create-service|deploy|run-task|update-service)"
    r"|cloudformation\s+(?:create-stack|create-stack-instances|deploy|execute-change-set|update-stack)"
    r"|deploy\s+create-deployment|lambda\s+(?:create-function|update-function-code))\b"
    r"|\b(?:cdk|copilot|copilot\s+svc|sam|serverless|sls)\s+deploy\b|\bpulumi\s+up\b"
    rf"|\b(?:terraform|terragrunt|tofu)\s+{_OPTIONS}(?:run-all\s+)?apply\b|\bhelmfile\s+{_OPTIONS}(?:apply|sync)\b"
    rf"|\bhelm\s+{_OPTIONS}(?:install|upgrade)\b|\bkubectl\s+{_OPTIONS}(?:apply|set\s+image)\b"
)
_DEPLOYING = (
    "aws-actions/amazon-ecs-deploy-task-definition",
    "aws-actions/aws-cloudformation-github-deploy",
    "aws-actions/aws-lambda-deploy",
)
"""Actions that deploy."""
_AWS = re.compile(r"\baws\b|\bAWS_|aws-actions/|\bamazonaws\.com\b", re.IGNORECASE)
_OPTION = re.compile(r"--region[ =]+['\"]?(\$\{\{.*?\}\}|[^\s'\";|&]+)")
_EXPRESSION = re.compile(r"\$\{\{\s*(?:env|inputs|matrix|github\.event\.inputs)\.([\w-]+)\s*\}\}")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_HOSTED = re.compile(r"(?:ubuntu|windows|macos)-(?:latest|[0-9][\w.]*)(?:-(?:arm|intel|large|xlarge))?")


def read(tree: Tree, reading: Reading) -> None:
    """Read every workflow of GitHub, and the pipeline of GitLab."""
    for file in tree.files():
        type = _type(file.path)
        if type is not None:
            tree.take(file)
            reading.attempt([file.path], _read, file, type, reading)


def _read(file: File, type: str, reading: Reading) -> None:
    try:
        data = file.data()
        if len(data) > MAX_BYTES:
            raise DocumentError(file.path, 0, 0, f"larger than {MAX_BYTES} bytes")
        document = load(data.decode("utf-8-sig"), file.path, TAGS)
    except (DocumentError, UnicodeDecodeError, OSError) as error:
        reading.add([Gap("ParseError", f"{file.path}: {_problem(error)}", type, path=file.path)])
        reading.done(file.path, f"{file.path}: {_problem(error)}")
        return
    reading.read(file.path, data)
    reading.add(resources(document, file.path))
    reading.done(file.path)


def _problem(error: Exception) -> str:
    match error:
        case DocumentError():
            return error.problem
        case OSError():
            return error.strerror or str(error)
    return "not UTF-8 text"


def recognises(path: str, value: Any) -> bool:
    """Tell whether a document at a path is a workflow of GitHub or the pipeline of GitLab."""
    return _type(path) is not None and isinstance(value, dict) and (_type(path) == GITLAB or "jobs" in value)


def _type(path: str) -> str | None:
    file = PurePosixPath(path)
    if file.suffix in (".yml", ".yaml") and file.parts[-3:-1] == (".github", "workflows"):
        return GITHUB
    return GITLAB if file.name == ".gitlab-ci.yml" else None


def resources(document: Document, path: str) -> Iterator[Resource]:
    """Yield what a CI file describes, nothing for another file."""
    if not recognises(path, document.value):
        return
    type, value = str(_type(path)), document.value
    name = PurePosixPath(path).name.removeprefix(".").rpartition(".")[0]
    texts = list(_texts(value))
    hosted = _hosted_by_github(value) if type == GITHUB else _hosted_by_gitlab(value)
    properties = {
        "Name": name,
        "Path": path,
        "Regions": _regions(value, texts),
        "Deploys": _deploys(value, texts, hosted),
        "HostedRunners": hosted,
        "PushesImagesTo": pushed_to(value, lambda part: _regions(part, _texts(part))),
    }
    where = {"": document.locations.get("", Location(path, 1))}
    yield Resource(type, path, name, None, None, guard(complete(type, properties)), locations=where)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of a document, without names and descriptions, which are for people."""
    if isinstance(value, str):
        yield value
    for key, item in value.items() if isinstance(value, dict) else ():
        if key not in ("name", "description"):
            yield from _texts(item)
    for item in value if isinstance(value, list) else ():
        yield from _texts(item)


def _settings(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) for all keys of a document."""
    for key, item in value.items() if isinstance(value, dict) else ():
        yield key, item
        yield from _settings(item)
    for item in value if isinstance(value, list) else ():
        yield from _settings(item)


def _regions(value: Any, texts: Iterable[str]) -> list[Any]:
    """Return the Regions that the file gives to its steps; `Unknown` at the end where it leaves one open."""
    named: dict[str, set[str]] = {}
    used: list[str] = []
    for key, setting in _settings(value):
        if "region" in key.lower():
            given = list(_given(setting))
            named.setdefault(key, set()).update(each for each in given if is_name(each))
            used += given
    used += [option for text in texts for option in _OPTION.findall(text)]
    found = {region for region in used if is_name(region)} | {each for known in named.values() for each in known}
    left = [text for text in used if not is_name(text) and not _is_known(text, named)]
    if left:
        return [*sorted(found), Unknown(f"the file does not say what '{left[0]}' is")]
    return sorted(found) or [Unknown("the file names no Region")]


def _given(setting: Any) -> Iterator[str]:
    """Yield what a setting about a Region may be; of an input of a workflow its default and its options."""
    if isinstance(setting, dict) and ("options" in setting or "default" in setting or "type" in setting):
        yield from _given([setting.get("default"), *(setting.get("options") or ())])
        if "options" not in setting:
            yield "an input that somebody types"
    elif isinstance(setting, dict) and "value" in setting:  # a variable of GitLab with a description
        yield from _given(setting["value"])
    elif isinstance(setting, str):
        yield setting
    elif isinstance(setting, list):
        for item in setting:
            yield from _given(item)


def _is_known(text: str, named: Mapping[str, Iterable[str]]) -> bool:
    """Tell whether a text refers to a setting of the file that names Regions."""
    match = _EXPRESSION.fullmatch(text) or _VARIABLE.fullmatch(text)
    return bool(match and named.get(match[1]))


def _deploys(value: Mapping[str, Any], texts: Iterable[str], hosted: Any) -> Any:
    texts = list(texts)
    if any(_DEPLOYS.search(text) or text.partition("@")[0] in _DEPLOYING for text in texts):
        return True
    calls = [item for key, item in _settings(value) if key == "uses" and _is_elsewhere(item)]
    calls += [key for key in ("include",) if key in value]
    calls += [key for key, _ in _settings(value) if key in ("trigger", "!reference")]
    if calls:
        return Unknown(f"what '{calls[0]}' does is not in the file")
    if hosted is not True or any(_AWS.search(key) for key, _ in _settings(value)) or any(map(_AWS.search, texts)):
        return Unknown("the file has to do with AWS, or may have, and does not say what its steps deploy")
    return False


def _is_elsewhere(action: Any) -> bool:
    """Tell whether a step is a script of the repository or a workflow in another file."""
    return isinstance(action, str) and (action.startswith("./") or ".github/workflows/" in action)


def _hosted_by_github(value: Mapping[str, Any]) -> Any:
    jobs = value["jobs"].values() if isinstance(value["jobs"], dict) else [None]
    labels = [list(_given(job.get("runs-on"))) if isinstance(job, dict) else [] for job in jobs]
    if any("self-hosted" in each for each in labels):
        return False
    if all(len(each) == 1 and _HOSTED.fullmatch(each[0]) for each in labels):
        return True
    return Unknown("the file does not say whose machines its jobs run on")


def _hosted_by_gitlab(value: Mapping[str, Any]) -> Any:
    """An instance decides which runners take jobs without tags; those of GitLab.com have tags of their own."""
    default = (value.get("default") or {}).get("tags") if isinstance(value.get("default"), dict) else None
    jobs = [job for job in value.values() if isinstance(job, dict) and ("script" in job or "trigger" in job)]
    tags = [list(_given(job.get("tags", default))) for job in jobs]
    if tags and all(any(tag.startswith("saas-") for tag in each) for each in tags):
        return True
    return Unknown("the file does not say whose machines its jobs run on")
