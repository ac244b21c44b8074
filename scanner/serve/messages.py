"""HTTP messages: what a client sent, and what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from scanner.serve.query import Refused

_MOST_FIELDS = 1000


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Return the target without its query string."""
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class Response:
    """One HTTP response.

    With `sent`, the connection ends after so many bytes of the body; with 0, it is reset before anything is said.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: int | None = None


def form_of(text: str) -> dict[str, list[str]]:
    """Return the fields of a form or a query string; raise `Refused`."""
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Refused("InvalidParameterException", "The query string has too many fields.") from None


def unknown_operation(request: Request, what: str = "") -> Refused:
    """Return the refusal of a request that is for no operation of its service."""
    what = what or request.headers.get("x-amz-target") or f"{request.method} {request.target}"
    return Refused("UnknownOperationException", f"{what[:200]} is no operation of this service.", 404)
