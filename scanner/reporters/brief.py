"""Messages made short enough for a card: digests, ARNs and registries as people say them."""

from __future__ import annotations

import re

_DIGEST = re.compile(r"sha256:([0-9a-f]{12})[0-9a-f]{52}")
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]*:([a-z0-9-]*):[0-9]*:")


def short_digests(text: str) -> str:
    """Return text with twelve digits of each digest, as `docker images` shows them."""
    return _DIGEST.sub(r"sha256:\1…", text)


def brief(text: str) -> str:
    """Return text with short digests, and each ARN without what stands before its resource but the Region."""
    return _ARN.sub(lambda found: f"{found[1]}:" if found[1] else "", short_digests(text))
