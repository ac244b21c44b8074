"""Functions that write values as text, read them back, or make digests of them."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus
from uuid import NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500, UUID, uuid5

from scanner.documents import load_value
from scanner.errors import DocumentError
from scanner.guarded import Unknown
from scanner.parsers.terraform.access import unknown_in
from scanner.parsers.terraform.functions import jsons, yamls
from scanner.parsers.terraform.functions.table import function
from scanner.parsers.terraform.partial import marked, restored
from scanner.parsers.terraform.templates import normal
from scanner.parsers.terraform.values import Encoded, Mistake, Pieces, Undecided, number, text_of

DIGESTS: dict[str, Callable[[bytes], Any]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
}
_NAMESPACES = {"dns": NAMESPACE_DNS, "oid": NAMESPACE_OID, "url": NAMESPACE_URL, "x500": NAMESPACE_X500}


@function(raw=True, nulls=True)
def jsonencode(value: Any) -> Any:
    """Return JSON text; `Encoded` where a part of it is unknown."""
    return _encoded(value, jsons.encoded)


@function(raw=True, nulls=True)
def yamlencode(value: Any) -> Any:
    """Return YAML text; `Encoded` where a part of it is unknown."""
    return _encoded(value, yamls.encoded)


def _encoded(value: Any, write: Callable[[Any], str]) -> Any:
    reason = unknown_in(value)
    if reason is not None:
        return Encoded(reason, value)
    try:
        return write(value)
    except Undecided as error:
        return Encoded(str(error), value)


@function(raw=True)
def jsondecode(text: Any) -> Any:
    """Return what JSON text says; also what is known of text of which a part is unknown."""
    if isinstance(text, Pieces):
        return _json_of(text)
    if isinstance(text, Unknown):
        return text.value if isinstance(text, Encoded) else Unknown(text.reason)
    return _from_json(text_of(text))


def _json_of(pieces: Pieces) -> Any:
    text = marked(pieces)
    return Unknown(pieces.reason) if text is None else restored(_from_json(text), pieces)


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=_decimal, parse_int=_decimal, parse_constant=_refused)
    except RecursionError:
        raise Undecided("the JSON text is nested too deeply") from None
    except ValueError:
        raise Mistake("the text is not JSON") from None


def _decimal(text: str) -> int | float:
    if len(text) > 200:
        raise Undecided("the number is too long")
    return number(Decimal(text))


def _refused(_: str) -> Any:
    raise Mistake("the text is not JSON")


@function(raw=True)
def yamldecode(text: Any) -> Any:
    """Return what YAML text says; unknown rather than a mistake where it is not understood."""
    if isinstance(text, Unknown):
        return text.value if isinstance(text, Encoded) else Unknown(text.reason)
    try:
        return load_value(text_of(text), "")
    except DocumentError:
        raise Undecided("the text is not understood as YAML") from None


@function()
def csvdecode(text: str) -> list[dict[str, str]]:
    try:
        header, *rows = [row for row in csv.reader(text.splitlines(keepends=True), strict=True) if row] or [[]]
    except csv.Error:
        raise Mistake("the text is not CSV") from None
    if any(len(row) != len(header) for row in rows) or len(set(header)) < len(header):
        raise Mistake("the rows of the CSV text do not fit its header")
    return [dict(zip(header, row, strict=True)) for row in rows]


@function()
def base64encode(text: str) -> str:
    return base64.b64encode(utf8(text)).decode()


@function()
def base64decode(text: str) -> str:
    try:
        return normal(base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True).decode())
    except (binascii.Error, ValueError):
        raise Mistake("the text is not base64 of text") from None


@function()
def urlencode(text: str) -> str:
    return quote_plus(utf8(text))


@function()
def uuidv5(namespace: str, name: str) -> str:
    try:
        return str(uuid5(_NAMESPACES.get(namespace) or UUID(namespace), name))
    except ValueError:
        raise Mistake("the namespace is not a UUID") from None


def utf8(text: str) -> bytes:
    """Return the bytes of text; raise `Undecided` for half of a surrogate pair."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Undecided("the text has half of a surrogate pair") from None


def _declare(name: str, digest: Callable[[bytes], Any]) -> None:
    def in_hexadecimal(text: str) -> str:
        found: str = digest(utf8(text)).hexdigest()
        return found

    def in_base64(text: str) -> str:
        return base64.b64encode(digest(utf8(text)).digest()).decode()

    function(name=name)(in_hexadecimal)
    if name in ("sha256", "sha512"):
        function(name=f"base64{name}")(in_base64)


for _name, _digest in DIGESTS.items():
    _declare(_name, _digest)
