"""AWS Lambda on a game day: functions that are container images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.outcome import LinkState, State
from scanner.redaction import redact
from scanner.references import InvalidReference, parse
from scanner.serve.gameday.pulling import pull
from scanner.serve.gameday.world import Edits, Write, not_simulated, refused
from scanner.serve.record import Record

_LATEST = "$LATEST"


def create_function(write: Write) -> dict[str, Any]:
    """Create a function of an image that is in the registry of its Region."""
    given = write.parameters
    name, code = str(given["FunctionName"]), given["Code"]
    if given.get("PackageType") != "Image":
        raise not_simulated(f"lambda:{write.query.operation} of an archive", "functions are images here")
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
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Version": _LATEST,
    }
    write.edits.append("lambda", "ListFunctions", "Functions", configuration)
    write.edits.answer("lambda", "ListAliases", {"FunctionName": name}, {"Aliases": []})
    _show(write.edits, name, {"Code": location, "Configuration": configuration, "Tags": given.get("Tags") or {}})
    _await(write, configuration, None, location)
    return configuration


def update_function_code(write: Write) -> dict[str, Any]:
    """Let a function have another image."""
    image = write.parameters.get("ImageUri")
    if image is None:
        raise not_simulated("lambda:UpdateFunctionCode of an archive", "functions are images here")
    old = _function(write)
    location, page = _located(write, str(image)), _shown(write, str(old["FunctionName"]))
    _await(write, old, page, location)
    return _updated(write, old, location)


_CONFIGURED = (
    *("Role", "Description", "Timeout", "MemorySize", "KMSKeyArn", "EphemeralStorage", "LoggingConfig"),
    *("DeadLetterConfig", "FileSystemConfigs", "TracingConfig"),
)


def update_configuration(write: Write) -> dict[str, Any]:
    """Change what a function is but its code; values of its environment are forgotten at once."""
    old, given = _function(write), write.parameters
    shown = _shown(write, str(old["FunctionName"]))
    new = {key: given[key] for key in _CONFIGURED if key in given}
    if "ImageConfig" in given:
        new["ImageConfigResponse"] = {"ImageConfig": redact("lambda", given["ImageConfig"])}
    if "Environment" in given:
        new["Environment"] = redact("lambda", {"Environment": given["Environment"]})["Environment"]
    if "VpcConfig" in given:
        new["VpcConfig"] = {**given["VpcConfig"], "VpcId": _vpc(write, given["VpcConfig"].get("SubnetIds") or ())}
    return _updated(write, {**old, **new}, shown["Code"])


def _vpc(write: Write, subnets: Sequence[str]) -> str:
    """Return the VPC of subnets, empty for none; raise Lambda's error if one is not there."""
    known = {one["SubnetId"]: one["VpcId"] for one in write.listed("ec2", "DescribeSubnets", "Subnets")}
    for subnet in subnets:
        if subnet not in known:
            why = "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound."
            message = f"{why} EC2 Error Message: The subnet ID '{subnet}' does not exist"
            raise refused("InvalidParameterValueException", message)
    return str(known[subnets[0]]) if subnets else ""


def _function(write: Write) -> Mapping[str, Any]:
    """Return the function that a call names, by name or ARN; raise Lambda's error if there is none."""
    named = str(write.parameters["FunctionName"])
    name = named.rpartition("function:")[2].partition(":")[0]
    old = next((one for one in _functions(write) if one["FunctionName"] == name), None)
    if old is None:
        arn = write.arn("lambda", f"function:{name}")
        raise refused("ResourceNotFoundException", f"Function not found: {arn}", 404)
    return dict(old)


def _shown(write: Write, name: str) -> Mapping[str, Any]:
    """Return the whole of a function as it is described."""
    page = _page(write.record, name)
    if page is None:
        raise write.query.not_recorded(f"function '{name}' was not described")
    return page


def _page(record: Record, name: str) -> Mapping[str, Any] | None:
    for answer in record.of("lambda", "GetFunction"):
        if answer.parameters in ({"FunctionName": name}, {"FunctionName": name, "Qualifier": _LATEST}) and answer.pages:
            return answer.pages[0]
    return None


def _updated(write: Write, configuration: Mapping[str, Any], code: Mapping[str, Any]) -> dict[str, Any]:
    """Let a function be so: the answer shows that this has begun, whoever asks next sees what came of it."""
    name = str(configuration["FunctionName"])
    new = {**_bare(configuration), "LastModified": _now(write), "LastUpdateStatus": "Successful"}
    _describe(write.edits, name, {**_shown(write, name), "Code": code, "Configuration": new})
    return {**new, "LastUpdateStatus": "InProgress"}


_CODES = {
    "registry": "ImageAccessDenied",
    "policy": "ImageAccessDenied",
    "key": "KMSKeyAccessDenied",
    "platform": "InvalidImage",
    "architecture": "InvalidImage",
}
"""What Lambda says of an image that it cannot have, by the link that is broken."""


def settle(edits: Edits, arn: str, before: Mapping[str, Any] | None, links: Sequence[LinkState]) -> bool:
    """Describe a function as the drill lets it have its image; return whether that is known.

    `before` is what it was, None if it is new: one that cannot have its new image keeps the old one.
    """
    name = arn.rpartition(":")[2]
    page = _page(edits.record, name)
    if page is None:
        return True
    field = "State" if before is None else "LastUpdateStatus"
    deciding = [one for one in links if one.link in _CODES]
    wrong = next((one for one in deciding if one.state is State.BROKEN), None)
    doubt = next((one for one in deciding if one.state is State.UNKNOWN), None)
    said: dict[str, str] = {"State": "Active", "LastUpdateStatus": "Successful"}
    if wrong is not None:
        why = f"{wrong.reason} (game day: link '{wrong.link}')"
        said = {field: "Failed", f"{field}Reason": why, f"{field}ReasonCode": _CODES[wrong.link]}
    elif doubt is not None:
        why = f"Whether it can have its image cannot be told (game day): link '{doubt.link}': {doubt.reason}"
        said = {field: "Pending" if before is None else "InProgress", f"{field}Reason": why}
    code = before["Code"] if wrong is not None and before is not None else page["Code"]
    _describe(edits, name, {**page, "Code": code, "Configuration": {**_bare(page["Configuration"]), **said}})
    return wrong is not None or doubt is None


def is_ready(edits: Edits, arn: str, image: str) -> bool:
    """Tell whether a function has the image that it was given last: one that failed left the former."""
    page = _page(edits.record, arn.rpartition(":")[2])
    if page is None or page["Code"].get("ImageUri") != image:
        return False
    shown = page["Configuration"]
    return (shown.get("State"), shown.get("LastUpdateStatus")) == ("Active", "Successful")


def _await(
    write: Write, configuration: Mapping[str, Any], before: Mapping[str, Any] | None, location: Mapping[str, str]
) -> None:
    """Note that the image of a function is on its way."""
    key = write.place, str(configuration["FunctionArn"])
    write.world.functions[key] = before
    write.world.updated[key] = location["ImageUri"]


def _bare(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function without why its state is what it was."""
    return {
        key: value
        for key, value in configuration.items()
        if not key.endswith(("StateReason", "StatusReason", "ReasonCode"))
    }


def _describe(edits: Edits, name: str, page: Mapping[str, Any]) -> None:
    new = page["Configuration"]
    edits.update("lambda", "ListFunctions", "Functions", lambda one: one["FunctionName"] == name, new)
    _show(edits, name, page)


def _show(edits: Edits, name: str, page: Mapping[str, Any]) -> None:
    for qualifier in ({}, {"Qualifier": _LATEST}):
        edits.answer("lambda", "GetFunction", {"FunctionName": name, **qualifier}, page)


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


WRITES = {
    "CreateFunction": create_function,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_configuration,
}
