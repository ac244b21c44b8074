"""What machines are told to do when they boot: which registries of ECR their user data names.

User data may hold secrets, so the text is looked through and let go; no part of it but the names is kept or reported.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from scanner.documents import pointer
from scanner.model import Location, Unknown
from scanner.parsers.intrinsics import MAX_DEPTH, MAX_TEXT, NO_VALUE, Resolver
from scanner.vocabulary import definition

HOLDERS = {
    "AWS::AutoScaling::LaunchConfiguration": ("UserData",),
    "AWS::EC2::Instance": ("UserData",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateData", "UserData"),
}
"""Types with user data, and the keys that lead to it."""

IMAGES = "UserDataImages"

TypeOf = Callable[[str], str]
"""Gives the type of the resource of a logical id, empty if there is none."""

OPEN = "\N{REPLACEMENT CHARACTER}"
"""Stands in a text for what is not known."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REGISTRY = re.compile(
    r"(?P<account>(?<!\d)\d{12})?\.dkr[.-]ecr(?:-fips)?\."
    r"(?:(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d{1,2})\.(?:[a-z0-9.-]*[a-z])?(?::443)?"
    rf"(?:/{_COMPONENT}(?:/{_COMPONENT})*(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{{64}})?)?)?"
)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DYNAMIC = re.compile(r"\{\{resolve:[^}]*\}\}")
_ENCODED = re.compile(r"content-transfer-encoding:\s*base64|^[\s-]*encoding:\s*['\"]?(?:b64|base64|gz)", re.I | re.M)
_HASH = re.compile(r"[0-9a-f]{40}")
"""What a state of Terraform may hold instead of the text."""
_GZIP = b"\x1f\x8b"
_SERVICES = "AutoScaling EC2 ECS EFS EKS IAM Logs RDS S3 SQS SecretsManager"
_NO_IMAGE = tuple(f"AWS::{service}::" for service in _SERVICES.split())
"""What refers to resources of these holds no image."""


def images(text: str, doubts: Mapping[str, None] | None = None) -> list[Any]:
    """Return {Image, Region} of each registry of ECR that user data names, sorted; `Unknown` at the end for the rest.

    `doubts` are reasons why the text, in which U+FFFD stands for what is not known, may name others.
    """
    found, open = {}, dict(doubts or {})
    if _HASH.fullmatch(text):
        open["only a hash of the user data is kept"] = None
    if _ENCODED.search(text):
        open["a part of the user data is encoded"] = None
    for match in _REGISTRY.finditer(text):
        if match["region"]:
            named = f"{'' if match['account'] else '*'}{match[0].rstrip('.')}"
            found[named] = {"Image": named, "Region": match["region"]}
        else:
            open["the user data names a registry whose Region is put in elsewhere, or when the machine boots"] = None
    made: list[Any] = [found[name] for name in sorted(found)]
    return [*made, Unknown(next(iter(open)))] if open else made


def encoded(text: str) -> list[Any] | Unknown:
    """Return the `images` of user data in base64, as the API of EC2 takes it."""
    if len(text) > MAX_TEXT:
        return Unknown("the user data is too long")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return Unknown("the user data is not base64")
    return Unknown("the user data is compressed") if data.startswith(_GZIP) else images(data.decode("utf-8", "replace"))


def kept(
    type: str,
    given: Mapping[str, Any],
    written: Mapping[str, Any],
    locations: Mapping[str, Location],
    resolver: Resolver,
    type_of: TypeOf,
) -> tuple[dict[str, Any], dict[str, Location]]:
    """Return what is kept of a resource with user data, and where: what the vocabulary has, and nothing of the text."""
    made = {name: value for name, value in given.items() if name in definition(type)["properties"]}
    at = {where: one for where, one in locations.items() if where.split("/")[1:2] in ([], *([name] for name in made))}
    value: Any = written
    for key in HOLDERS[type]:
        value, _ = resolver.pick(value)
        value = value.get(key) if isinstance(value, dict) else value if isinstance(value, Unknown) else None
    if value is not None:
        made[IMAGES] = _Text(resolver, type_of).images(value)
        if where := locations.get(pointer(*HOLDERS[type]), locations.get("")):
            at[pointer(IMAGES)] = where
    return made, at


class _Text:
    """Puts a text together as CloudFormation does, with a mark for each part that the template does not say."""

    def __init__(self, resolver: Resolver, type_of: TypeOf) -> None:
        self._resolver, self._type_of = resolver, type_of
        self._doubts: dict[str, None] = {}

    def images(self, value: Any) -> list[Any] | Unknown:
        """Return the images of the value of `UserData`."""
        value, _ = self._resolver.pick(value)
        if isinstance(value, dict) and value.keys() == {"Fn::Base64"}:
            text = self._of(value["Fn::Base64"], 0)
            return images(text, self._doubts) if len(text) <= MAX_TEXT else Unknown("the user data is too long")
        text = self._resolver.resolve(value)
        if text is NO_VALUE:
            return []
        return encoded(text) if isinstance(text, str) else Unknown("the user data is not known")

    def _of(self, value: Any, depth: int) -> str:
        value, _ = self._resolver.pick(value)
        if isinstance(value, str):
            return self._plain(value)
        if isinstance(value, dict) and len(value) == 1 and depth < MAX_DEPTH:
            ((function, argument),) = value.items()
            if function == "Fn::Sub":
                return self._sub(argument)
            if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
                delimiter, items = argument
                if isinstance(delimiter, str) and isinstance(items, list):
                    return delimiter.join(self._of(item, depth + 1) for item in items)
        return self._resolved(value, "a part of the user data is not known")

    def _sub(self, argument: Any) -> str:
        template, given = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(template, str) or not isinstance(given, dict):
            return self._open("a part of the user data is not known")
        parts = _VARIABLE.split(template)
        for at in range(0, len(parts), 2):
            parts[at] = self._plain(parts[at])
        for at in range(1, len(parts), 2):
            name = parts[at].strip()
            about = f"what '${{{name}}}' stands for in the user data is not known"
            harmless = name not in given and self._is_no_image(name)
            parts[at] = self._resolved({"Fn::Sub": [f"${{{parts[at]}}}", given]}, "" if harmless else about)
        return "".join(parts)

    def _plain(self, text: str) -> str:
        dynamic = _DYNAMIC.sub(OPEN, text)
        return text if dynamic == text else self._open("a part of the user data is resolved by AWS alone", dynamic)

    def _resolved(self, value: Any, doubt: str) -> str:
        referred = value.get("Ref") if isinstance(value, dict) else None
        text = self._resolver.resolve(value)
        if isinstance(text, (str, int)):
            return str(text)
        return OPEN if isinstance(referred, str) and self._is_no_image(referred) else self._open(doubt)

    def _open(self, doubt: str, text: str = OPEN) -> str:
        if doubt:
            self._doubts[doubt] = None
        return text

    def _is_no_image(self, name: str) -> bool:
        return name.startswith("AWS::") or self._type_of(name.partition(".")[0]).startswith(_NO_IMAGE)
