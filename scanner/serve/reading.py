"""Requests of every protocol: from HTTP to an operation and its parameters, in the names botocore has for them.

Nothing is left out: a field that the operation does not have stays among the parameters, where it is refused.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from scanner.serve.messages import Request, form_of, unknown_operation
from scanner.serve.models import CBOR, Operation, Route, Service
from scanner.serve.query import Refused

_DEEPEST = 32
_INTEGER = re.compile(r"-?\d{1,18}")

Asked = tuple[Operation, Any]


def protocol_of(service: Service, request: Request) -> str:
    """Return the protocol that a client chose to ask a service in."""
    if CBOR in service.protocols and "smithy-protocol" in request.headers:
        return CBOR
    if "json" in service.protocols and "x-amz-target" in request.headers:
        return "json"
    return next((protocol for protocol in service.protocols if protocol != CBOR), CBOR)


def read(request: Request, service: Service, protocol: str) -> Asked:
    """Return what a request asks for, and its parameters; raise `Refused` if nobody can tell."""
    return _READERS[protocol](request, service)


def _json(request: Request, service: Service) -> Asked:
    prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
    operation = service.operation(name)
    right = request.method == "POST" and request.path == "/" and prefix == service.model.metadata["targetPrefix"]
    if operation is None or not right:
        raise unknown_operation(request)
    return operation, _json_body(request)


def _json_body(request: Request) -> Any:
    try:
        return json.loads(request.body or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused("SerializationException", "The body is not JSON.") from None


def _cbor(request: Request, service: Service) -> Asked:
    prefix = f"/service/{service.model.metadata.get('targetPrefix')}/operation/"
    operation = service.operation(request.path.removeprefix(prefix))
    if operation is None or request.method != "POST" or not request.path.startswith(prefix):
        raise unknown_operation(request, f"{request.method} {request.target}")
    return operation, _cbor_body(request.body) if request.body else {}


def _cbor_body(body: bytes) -> Any:
    from botocore.parsers import ResponseParserError, RpcV2CBORParser

    try:
        read = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
        return json.loads(json.dumps(read, default=_as_text))
    except (ResponseParserError, ValueError, TypeError, OverflowError, MemoryError, RuntimeError):
        raise Refused("SerializationException", "The body is not CBOR.") from None


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError("a byte string")


def _query(request: Request, service: Service) -> Asked:
    return _form(request, service, _query_name)


def _ec2(request: Request, service: Service) -> Asked:
    return _form(request, service, _ec2_name)


_Name = Callable[[str, Any], str]


def _form(request: Request, service: Service, name: _Name) -> Asked:
    fields = form_of(request.body.decode("latin-1"))
    action = fields.pop("Action", [""])[-1]
    fields.pop("Version", None)
    operation = service.operation(action)
    if operation is None or request.method != "POST" or request.path != "/":
        raise Refused("InvalidAction", f"{action[:200] or 'Nothing'} is no action of this service.")
    return operation, _structure(operation.input, _tree(fields), name)


def _tree(fields: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return fields with dots in their names as a tree."""
    tree: dict[str, Any] = {}
    for field, values in fields.items():
        *path, last = field.split(".", _DEEPEST)
        node: Any = tree
        for part in path:
            node = node.setdefault(part, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last in node:
            raise Refused("MalformedQueryString", f"'{field[:200]}' is given as a value and as more than one.")
        node[last] = values[-1]
    return tree


def _query_name(name: str, shape: Any) -> str:
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        name = shape.member.serialization.get("name") or shape.serialization.get("name", name)
        return str(name)
    return str(shape.serialization.get("name", name))


def _ec2_name(name: str, shape: Any) -> str:
    own = shape.serialization.get("name")
    capital = own[:1].upper() + own[1:] if own else name
    return str(shape.serialization.get("queryName", capital))


def _of_form(shape: Any, node: Any, name: _Name) -> Any:
    """Return a value of a form in the type of its shape; what does not fit stays as it is, to be refused."""
    if shape.type_name == "list":
        if node == "":
            return []
        flat = shape.serialization.get("flattened") or name is _ec2_name
        items = (
            node if flat or not isinstance(node, dict) else node.get(shape.member.serialization.get("name", "member"))
        )
        return [_of_form(shape.member, item, name) for item in _numbered(items)]
    if shape.type_name == "map":
        entries = node if shape.serialization.get("flattened") or not isinstance(node, dict) else node.get("entry")
        return _map(shape, _numbered(entries), name)
    if not isinstance(node, dict):
        return typed(shape, node)
    return _structure(shape, node, name) if shape.type_name == "structure" else node


def _structure(shape: Any, node: Mapping[str, Any], name: _Name) -> dict[str, Any]:
    members = {name(member, inner): (member, inner) for member, inner in shape.members.items()} if shape else {}
    read: dict[str, Any] = {}
    for wire, value in node.items():
        member, inner = members.get(wire, (wire, None))
        read[member] = value if inner is None else _of_form(inner, value, name)
    return read


def _map(shape: Any, entries: list[Any], name: _Name) -> dict[str, Any]:
    key, value = (inner.serialization.get("name", own) for inner, own in ((shape.key, "key"), (shape.value, "value")))
    if any(not isinstance(entry, dict) or entry.keys() != {key, value} for entry in entries):
        raise Refused("MalformedQueryString", "A map is not made of keys and values.")
    return {str(entry[key]): _of_form(shape.value, entry[value], name) for entry in entries}


def _numbered(node: Any) -> list[Any]:
    """Return the items of a list in the order of their numbers."""
    if not isinstance(node, dict) or not all(key.isascii() and key.isdecimal() and len(key) < 9 for key in node):
        raise Refused("MalformedQueryString", "The items of a list are not numbered.")
    return [node[key] for key in sorted(node, key=int)]


def _rest(request: Request, service: Service) -> Asked:
    form = form_of(request.target.partition("?")[2])
    for route in service.routes:
        fits = route.method == request.method and all(form.get(key) == [value] for key, value in route.fixed.items())
        if fits and (match := route.pattern.fullmatch(request.path)):
            operation = service.operation(route.operation)
            if operation is not None:
                return operation, _rest_parameters(operation, route, match.groupdict(), form, request)
    raise unknown_operation(request)


def _rest_parameters(
    operation: Operation, route: Route, labels: Mapping[str, str], form: dict[str, list[str]], request: Request
) -> Any:
    members = operation.input.members if operation.input else {}
    parameters = _body_parameters(operation, members, request)
    fields = {name: values for name, values in form.items() if name not in route.fixed and name != "x-id"}
    for name, shape in members.items():
        location, wire = shape.serialization.get("location"), shape.serialization.get("name", name)
        if location == "uri":
            parameters[name] = unquote(labels[wire])
        elif location == "querystring" and wire in fields:
            parameters[name] = _typed_list(shape, fields.pop(wire))
        elif location == "header" and wire.lower() in request.headers:
            parameters[name] = typed(shape, request.headers[wire.lower()])
    return {**fields, **parameters}


def _body_parameters(operation: Operation, members: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """Return the parameters that a JSON body holds; XML bodies are those of writes, which nobody recorded."""
    if not request.body or "rest-json" not in operation.service.protocols:
        return {}
    body = _json_body(request)
    payload = operation.input.serialization.get("payload") if operation.input else None
    if payload:
        return {payload: body}
    if not isinstance(body, dict):
        raise Refused("SerializationException", "The parameters are not an object.")
    names = {shape.serialization.get("name", name): name for name, shape in members.items()}
    return {names.get(key) or key: value for key, value in body.items()}


def _typed_list(shape: Any, values: list[str]) -> Any:
    return [typed(shape.member, value) for value in values] if shape.type_name == "list" else typed(shape, values[-1])


def typed(shape: Any, text: str) -> Any:
    """Return text in the type of a scalar shape; text that is not of the type stays, to be refused."""
    if shape.type_name in ("integer", "long"):
        return int(text) if _INTEGER.fullmatch(text) else text
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if shape.type_name in ("float", "double"):
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_READERS: Mapping[str, Callable[[Request, Service], Asked]] = {
    "json": _json,
    "rest-json": _rest,
    "rest-xml": _rest,
    "query": _query,
    "ec2": _ec2,
    CBOR: _cbor,
}
