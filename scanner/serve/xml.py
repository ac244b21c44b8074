"""Answers in XML, as the query, EC2 and REST-XML protocols have them, by botocore's shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from scanner.serve.models import Operation
from scanner.serve.query import Refused

_S3 = "http://s3.amazonaws.com/doc/2006-03-01/"
_POLICY = "policyDocumentType"
_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjectsV2": "ListBucketResult",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketLocation": "LocationConstraint",
}
"""What the model of S3 does not say: the names of root elements."""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ID = "replay"


def answer(protocol: str, operation: Operation, data: Mapping[str, Any]) -> bytes:
    """Return the document of an answer of an operation."""
    if protocol == "query":
        return _query(operation, data)
    if protocol == "ec2":
        root = _root(f"{operation.name}Response", _namespace(operation))
        _leaf(root, "requestId", _ID)
        _members(root, operation.output, data)
        return _document(root)
    return _rest(operation, data)


def error(protocol: str, refused: Refused) -> bytes:
    """Return the document of an error."""
    said = {"Code": refused.code, "Message": refused.message}
    if protocol == "ec2":
        root = _root("Response")
        _leaves(ElementTree.SubElement(ElementTree.SubElement(root, "Errors"), "Error"), said)
        _leaf(root, "RequestID", _ID)
    elif protocol == "query":
        root = _root("ErrorResponse")
        kind = "Sender" if refused.status < 500 else "Receiver"
        _leaves(ElementTree.SubElement(root, "Error"), {"Type": kind, **said})
        _leaf(root, "RequestId", _ID)
    else:
        root = _root("Error")
        _leaves(root, {**said, "RequestId": _ID, "HostId": _ID})
    return _document(root)


def _query(operation: Operation, data: Mapping[str, Any]) -> bytes:
    root = _root(f"{operation.name}Response", _namespace(operation))
    if operation.output is not None:
        wrapper = operation.output.serialization.get("resultWrapper")
        _members(ElementTree.SubElement(root, wrapper) if wrapper else root, operation.output, data)
    _leaf(ElementTree.SubElement(root, "ResponseMetadata"), "RequestId", _ID)
    return _document(root)


def _rest(operation: Operation, data: Mapping[str, Any]) -> bytes:
    shape = operation.output
    if shape is None:
        return b""
    payload = shape.serialization.get("payload")
    if payload:
        shape, data = shape.members[payload], data.get(payload) or {}
        if shape.type_name in ("string", "blob"):
            return str(data or "").encode("utf-8", "replace")
    namespace = _S3 if operation.service.name == "s3" else _namespace(operation)
    root = _root(_ROOTS.get(operation.name, shape.serialization.get("name", shape.name)), namespace)
    if root.tag == "LocationConstraint":
        root.text = _text(data.get(root.tag) or "")
    else:
        _fill(root, shape, data)
    return _document(root)


def _namespace(operation: Operation) -> str:
    return str(operation.service.model.metadata.get("xmlNamespace") or "")


def _members(node: ElementTree.Element, shape: Any, data: Mapping[str, Any]) -> None:
    for name, member in shape.members.items() if shape is not None else ():
        value = data.get(name)
        serialization = member.serialization
        if value is None or "location" in serialization:
            continue
        wire = serialization.get("name", name)
        if serialization.get("xmlAttribute"):
            _attribute(node, wire, shape, value)
        elif serialization.get("flattened") and member.type_name == "list":
            for item in value:
                _element(node, member.member.serialization.get("name", wire), member.member, item)
        elif serialization.get("flattened") and member.type_name == "map":
            for key, item in value.items():
                _entry(ElementTree.SubElement(node, wire), member, key, item)
        else:
            _element(node, wire, member, value)


def _element(parent: ElementTree.Element, name: str, shape: Any, value: Any) -> None:
    _fill(ElementTree.SubElement(parent, name), shape, value)


def _fill(node: ElementTree.Element, shape: Any, value: Any) -> None:
    kind = shape.type_name
    if kind == "structure":
        _members(node, shape, value)
    elif kind == "list":
        name = shape.member.serialization.get("name", "member")
        for item in value:
            _element(node, name, shape.member, item)
    elif kind == "map":
        for key, item in value.items():
            _entry(ElementTree.SubElement(node, "entry"), shape, key, item)
    elif kind == "timestamp":
        node.text = time(value, shape.serialization.get("timestampFormat") or "iso8601")
    elif shape.name == _POLICY:
        node.text = quote(_text(value))  # IAM's own way, in which botocore reads it
    else:
        node.text = _text(value)


def _entry(node: ElementTree.Element, shape: Any, key: str, value: Any) -> None:
    _leaf(node, shape.key.serialization.get("name", "key"), key)
    _element(node, shape.value.serialization.get("name", "value"), shape.value, value)


def _attribute(node: ElementTree.Element, name: str, shape: Any, value: Any) -> None:
    """Set an attribute with a prefix (`xsi:type`), and say which namespace that is."""
    namespace = shape.serialization.get("xmlNamespace")
    if isinstance(namespace, dict) and namespace.get("prefix"):
        node.set(f"xmlns:{namespace['prefix']}", namespace["uri"])
    node.set(name, _text(value))


def time(value: Any, form: str) -> str:
    """Return a time (RFC 3339, or epoch seconds) in a format of botocore: iso8601, rfc822, unixTimestamp."""
    if form == "iso8601" and isinstance(value, str):
        return _text(value)
    from botocore.serialize import RestXMLSerializer

    return str(RestXMLSerializer()._convert_timestamp_to_str(value, form))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):  # botocore has decoded the JSON of a document for the recorder
        value = json.dumps(value)
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))


def _root(name: str, namespace: str = "") -> ElementTree.Element:
    return ElementTree.Element(name, {"xmlns": namespace} if namespace else {})


def _leaf(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = _text(text)


def _leaves(parent: ElementTree.Element, leaves: Mapping[str, str]) -> None:
    for name, text in leaves.items():
        _leaf(parent, name, text)


def _document(root: ElementTree.Element) -> bytes:
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document.replace(b"\r", b"&#13;")  # a parser takes a bare one for a line feed
