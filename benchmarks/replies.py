"""Whole HTTP responses, and the errors of AWS's protocols."""

from __future__ import annotations

import json


def response(status: int, body: bytes, kind: str = "application/x-amz-json-1.1", headers: str = "") -> bytes:
    """Return a whole HTTP/1.1 response."""
    reason = {200: "OK", 400: "Bad Request", 403: "Forbidden"}.get(status, "Not Found")
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def error(status: int, code: str, message: str) -> bytes:
    """Return an error of the JSON protocols."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return response(status, body, headers=f"x-amzn-errortype: {code}\r\n")


def query_error(status: int, code: str, message: str) -> bytes:
    """Return an error of the query protocol."""
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return response(status, body.encode(), "text/xml")
