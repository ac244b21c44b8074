"""AWS Lambda on a game day: functions that are container images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.references import InvalidReference, parse
from scanner.serve.gameday.pulling import pull
from scanner.serve.gameday.world import Write, not_simulated, refused

_LATEST = "$LATEST"


def create_function(write: Write) -> dict[str, Any]:
    """Create a function of an image that is in the registry of its Region."""
    given = write.parameters
    name, code = str(given["FunctionName"]), given["Code"]
    if given.get("PackageType") != "Image":
        raise not_simulated("functions are made of images here, not of archives")
    if any(one["FunctionName"] == name for one in _functions(write)):
        raise refused("ResourceConflictException", f"Function already exist: {name}", 409)
    location = _located(write, str(code.get("ImageUri")))
    kept = {key: value for key, value in given.items() if key not in ("Code", "Publish", "Tags", "Environment")}
    configuration = {
        "Architectures": ["x86_64"],
        "CodeSize": 0,
        "MemorySize": 128,
        "Timeout": 3,
        **kept,
        "FunctionArn": write.arn("lambda", f"function:{name}"),
        "LastModified": _now(write),
        "State": "Active",
        "Version": _LATEST,
    }
    write.edits.append("lambda", "ListFunctions", "Functions", configuration)
    write.edits.answer("lambda", "ListAliases", {"FunctionName": name}, {"Aliases": []})
    _show(write, name, {"Code": location, "Configuration": configuration, "Tags": given.get("Tags") or {}})
    return configuration


def update_function_code(write: Write) -> dict[str, Any]:
    """Let a function have another image."""
    name = str(write.parameters["FunctionName"]).rpartition(":")[2]
    image = write.parameters.get("ImageUri")
    if image is None:
        raise not_simulated("functions are made of images here, not of archives")
    old = next((one for one in _functions(write) if one["FunctionName"] == name), None)
    if old is None:
        arn = write.arn("lambda", f"function:{name}")
        raise refused("ResourceNotFoundException", f"Function not found: {arn}", 404)
    location = _located(write, str(image))
    configuration = {**old, "LastModified": _now(write), "LastUpdateStatus": "Successful"}
    write.edits.update("lambda", "ListFunctions", "Functions", lambda one: one["FunctionName"] == name, configuration)
    _show(write, name, {"Code": location, "Configuration": configuration, "Tags": {}})
    return configuration


def _show(write: Write, name: str, page: Mapping[str, Any]) -> None:
    for qualifier in ({}, {"Qualifier": _LATEST}):
        write.edits.answer("lambda", "GetFunction", {"FunctionName": name, **qualifier}, page)


def _located(write: Write, image: str) -> dict[str, str]:
    """Return where the code of a function is; raise Lambda's error if it could not be pulled."""
    try:
        reference = parse(image)
    except InvalidReference as error:
        raise _invalid(image, str(error)) from None
    if reference.region != write.place.region:
        raise _invalid(image, "it is not in the registry of the function's Region")
    pulled = pull(write.world, write.lost, image)
    if pulled.doubt:
        raise write.query.not_recorded(pulled.doubt)
    if pulled.error or not pulled.digest:
        raise _invalid(image, pulled.error or "its digest is not known")
    resolved = f"{reference.host}/{reference.repository}@{pulled.digest}"
    return {"ImageUri": image, "ResolvedImageUri": resolved, "RepositoryType": "ECR"}


def _invalid(image: str, why: str) -> Exception:
    return refused("InvalidParameterValueException", f"Source image {image} is not valid. {why}")


def _functions(write: Write) -> list[Any]:
    return write.listed("lambda", "ListFunctions", "Functions")


def _now(write: Write) -> str:
    return write.at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


WRITES = {"CreateFunction": create_function, "UpdateFunctionCode": update_function_code}
