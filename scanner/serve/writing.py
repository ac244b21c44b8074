"""Answers and errors in every protocol: from recorded data to HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from scanner.serve import xml
from scanner.serve.messages import Response
from scanner.serve.models import CBOR, Operation
from scanner.serve.query import Refused

_JSON = {"json": "application/x-amz-json-1.1", "rest-json": "application/json"}
_CBOR = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
_NO_HEADER = re.compile(r"[^\x20-\x7e]")


def answer(protocol: str, operation: Operation, data: Mapping[str, Any]) -> Response:
    """Return an answer: the recorded body of a JSON protocol as it was, anything else by the shape of the output.

    Members that the shape does not have are left out then, as the client would.
    """
    if protocol in _JSON:
        if operation.service.protocols[0] == CBOR:  # recorded as botocore read it, with times as text
            data = _with_epochs(operation.output, data)
        return as_json(data, protocol)
    if protocol == CBOR:
        from botocore.serialize import RpcV2CBORSerializer

        if operation.output is None:
            return Response(200, _CBOR, _said({}))
        known = _known(operation.output, data)
        return Response(200, _CBOR, RpcV2CBORSerializer()._serialize_body_params(known, operation.output))
    headers = _headers(operation.output, data) if protocol == "rest-xml" else {}
    return Response(200, {"Content-Type": "text/xml", **headers}, xml.answer(protocol, operation, data))


def as_json(data: Mapping[str, Any], protocol: str = "json", status: int = 200) -> Response:
    """Return a JSON object."""
    return Response(status, {"Content-Type": _JSON.get(protocol, _JSON["json"])}, json.dumps(data).encode())


def error(refused: Refused, protocol: str = "json") -> Response:
    """Return an error as services of a protocol give it."""
    if protocol in ("query", "ec2", "rest-xml"):
        return Response(refused.status, {"Content-Type": "text/xml"}, xml.error(protocol, refused))
    said = {"__type": refused.code, "message": refused.message}
    if protocol == CBOR:
        return Response(refused.status, _CBOR, _said(said))
    response = as_json({**said, "code": refused.code}, protocol, refused.status)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,128}", refused.code):
        return response
    return Response(response.status, {**response.headers, "x-amzn-errortype": refused.code}, response.body)


def _said(said: Mapping[str, str]) -> bytes:
    from botocore.model import DenormalizedStructureBuilder
    from botocore.serialize import RpcV2CBORSerializer

    text = {name: value.encode("utf-8", "replace").decode() for name, value in said.items()}
    shape = DenormalizedStructureBuilder().with_members({name: {"type": "string"} for name in said}).build_model()
    body: bytes = RpcV2CBORSerializer()._serialize_body_params(text, shape)
    return body


def _known(shape: Any, value: Any) -> Any:
    """Return data without what its shape does not have, and with text as text."""
    if value is None:
        return None
    if shape.type_name == "structure":
        return {name: _known(member, value[name]) for name, member in shape.members.items() if name in value}
    if shape.type_name == "list":
        return [_known(shape.member, item) for item in value if item is not None]
    if shape.type_name == "map":
        return {key: _known(shape.value, item) for key, item in value.items() if item is not None}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _with_epochs(shape: Any, value: Any) -> Any:
    """Return data with the times that are text as epoch seconds, as the JSON protocol has them."""
    if shape is None or value is None:
        return value
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {name: _with_epochs(shape.members.get(name), item) for name, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_with_epochs(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: _with_epochs(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, str):
        return float(xml.time(value, "unixTimestamp"))
    return value


def _headers(shape: Any, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of an answer that are headers."""
    headers: dict[str, str] = {}
    for name, member in shape.members.items() if shape is not None else ():
        value, location = data.get(name), member.serialization.get("location")
        wire = member.serialization.get("name", name)
        if value is None:
            continue
        if location == "header":
            headers[wire] = _header(member, value)
        elif location == "headers":
            headers |= {f"{wire}{_NO_HEADER.sub('', key)}": _header(member.value, item) for key, item in value.items()}
    return headers


def _header(shape: Any, value: Any) -> str:
    if shape.type_name == "timestamp":
        return xml.time(value, shape.serialization.get("timestampFormat") or "rfc822")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _NO_HEADER.sub("", text)
