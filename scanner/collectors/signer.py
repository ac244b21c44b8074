"""Signature Version 4 as botocore makes it, without doing the same work twice.

botocore derives the signing key anew for each request, though it holds for a day; and it gathers the headers and
prepares the body once for the signature and once more after it.  The signatures are botocore's, to the letter.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import Any

from botocore.auth import AUTH_TYPE_MAPS, SigV4Auth

_NAME = "v4-regionproof"
_KEYS = 8192  # accounts x Regions x services that are asked side by side


class _SigV4Auth(SigV4Auth):  # type: ignore[misc] # botocore has no types
    """Signs one request: botocore makes an instance for each."""

    _headers: Any = None

    def add_auth(self, request: Any) -> None:
        self._headers = None
        super().add_auth(request)

    def signature(self, string_to_sign: str, request: Any) -> str:
        date = request.context["timestamp"][:8]
        key = _signing_key(self.credentials.secret_key, date, self._region_name, self._service_name)
        return hmac.new(key, string_to_sign.encode(), sha256).hexdigest()

    def headers_to_sign(self, request: Any) -> Any:
        if self._headers is None:
            self._headers = super().headers_to_sign(request)
        return self._headers

    def payload(self, request: Any) -> str:
        signed = self._should_sha256_sign_payload(request) and not self._is_streaming_checksum_payload(request)
        if signed and isinstance(request.data, bytes):
            return sha256(request.data).hexdigest()
        return str(super().payload(request))


@lru_cache(_KEYS)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return key


AUTH_TYPE_MAPS[_NAME] = _SigV4Auth  # beside botocore's own, which stay what they are


def signed_by(signature_version: str, context: Any, **_: Any) -> str | None:
    """Return our name for plain Signature Version 4, None for what botocore decides: a handler of `choose-signer`."""
    plain = signature_version == "v4" and context.get("auth_type") in (None, "v4")
    return _NAME if plain and not context.get("unsigned_payload") else None
