"""AWS Lambda: the functions that are container images, and the images that calls of them may start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, Rate, items, pick, structures, tags
from scanner.model import Gap, Resource, Unknown

FUNCTION = "AWS::Lambda::Function"
TYPES = (FUNCTION,)

LATEST = "$LATEST"
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests
_READ, _GET = Rate("control plane", 15, 15), Rate("GetFunction", 100, 100)
_TOKENS = ("Marker", "NextMarker")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_UNRESOLVED = "AWS does not show which digest the image was resolved to"


def _image_functions(answers: Answers) -> Iterable[dict[str, Any]]:
    return [{"FunctionName": name} for name in sorted(_names(answers))]


def _versions(answers: Answers) -> Iterable[dict[str, Any]]:
    for name in sorted(_names(answers)):
        aliases = answers.get(_LIST_ALIASES, {"FunctionName": name})
        for version in [LATEST, *filter(_published, _aliased(aliases) if aliases else ())]:
            yield {"FunctionName": name, "Qualifier": version}


_LIST_FUNCTIONS = Ask(
    "ListFunctions", "Functions", (FUNCTION,), {"MaxItems": 50}, paged=True, tokens=_TOKENS, rate=_READ
)
_LIST_ALIASES = Ask(
    "ListAliases",
    "Aliases",
    parameters={"MaxItems": 50},
    each=_image_functions,
    paged=True,
    tokens=_TOKENS,
    fills=(FUNCTION,),
    rate=_READ,
    per="function",
)
_GET_FUNCTION = Ask("GetFunction", "Code", each=_versions, fills=(FUNCTION,), rate=_GET, per="function version")
CALLS = (_LIST_FUNCTIONS, _LIST_ALIASES, _GET_FUNCTION)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return the functions that are container images; those that are archives have nothing to replicate in ECR."""
    for answer, function in answers.items(_LIST_FUNCTIONS):
        package, name = function.get("PackageType") or "Zip", _name(function)
        if package != "Zip" and (name is None or package != "Image"):
            message = "a function was answered without its name or the type of its package"
            yield answers.gap(FUNCTION, answers.name(_LIST_FUNCTIONS), MALFORMED, message)
        elif package != "Zip":
            yield _function(answers, function, str(name), answer.at)
    yield from answers.gaps(CALLS)


def _names(answers: Answers) -> set[str]:
    images = [function for _, function in answers.items(_LIST_FUNCTIONS) if function.get("PackageType") == "Image"]
    return {name for name in map(_name, images) if name}


def _name(function: Mapping[str, Any]) -> str | None:
    name = function.get("FunctionName")
    return name if isinstance(name, str) and name and name.isascii() and name.isprintable() else None


def _aliased(answer: Answer) -> list[str]:
    """Return the versions that aliases send calls to."""
    named: set[str] = set()
    for alias in structures(items(answer, _LIST_ALIASES.answer)):
        routing = alias.get("RoutingConfig")
        weights = routing.get("AdditionalVersionWeights") if isinstance(routing, dict) else None
        named |= {str(alias.get("FunctionVersion")), *(weights if isinstance(weights, dict) else ())}
    return sorted(named)


def _published(version: str) -> bool:
    return version.isascii() and version.isdecimal()


def _function(answers: Answers, function: Mapping[str, Any], name: str, at: str) -> Resource:
    target = answers.target
    latest = {"FunctionName": name, "Qualifier": LATEST}
    properties = {
        "FunctionName": name,
        **pick(function, "PackageType", "Role", "Architectures", "VpcConfig"),
        "Code": answers.value(_GET_FUNCTION, latest, lambda answer: pick(answer.pages[0]["Code"], "ImageUri")),
        "ResolvedImageUri": answers.value(_GET_FUNCTION, latest, _resolved),
        "Aliases": answers.value(_LIST_ALIASES, {"FunctionName": name}, _aliases),
        "ContainerImages": _images(answers, name),
    }
    arn = function.get("FunctionArn")
    id = arn if isinstance(arn, str) and arn else _arn(target.partition, target.region, target.account, name)
    got = answers.get(_GET_FUNCTION, latest)
    labels = tags(got.pages[0].get("Tags")) if got and got.pages else {}
    return answers.resource(FUNCTION, id, name, properties, asks=CALLS, at=at, tags=labels)


def _arn(partition: str, region: str, account: str, name: str) -> str:
    return f"arn:{partition}:lambda:{region}:{account}:function:{name}"


def _aliases(answer: Answer) -> list[dict[str, Any]]:
    aliases = structures(items(answer, _LIST_ALIASES.answer))
    return [pick(alias, "Name", "FunctionVersion", "RoutingConfig") for alias in aliases]


def _resolved(answer: Answer) -> Any:
    uri = answer.pages[0]["Code"].get("ResolvedImageUri")
    return uri if isinstance(uri, str) and uri else Unknown(_UNRESOLVED)


def _images(answers: Answers, name: str) -> Any:
    """Return the images that calls may start: of the latest version, and of those that aliases name."""
    versions = answers.value(_LIST_ALIASES, {"FunctionName": name}, _aliased)
    if isinstance(versions, Unknown):
        return versions
    found: dict[str, Any] = {}
    for version in sorted({LATEST, *versions}):
        parameters = {"FunctionName": name, "Qualifier": version}
        image = answers.value(_GET_FUNCTION, parameters, lambda answer: _image(name, answer))
        found[repr(image)] = image
    return list(found.values())


def _image(name: str, answer: Answer) -> dict[str, Any]:
    image, resolved = answer.pages[0]["Code"].get("ImageUri"), _resolved(answer)
    digest = resolved.rpartition("@")[2] if isinstance(resolved, str) else ""
    return {
        "ContainerName": name,
        "Image": image or Unknown("AWS does not show the image of the function"),
        "ImageDigest": digest if _DIGEST.fullmatch(digest) else Unknown(_UNRESOLVED),
    }
