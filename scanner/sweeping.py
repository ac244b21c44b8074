"""Less work for the garbage collector where very many objects are made that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def rarely_swept() -> Iterator[None]:
    """Let the collector of cycles look less often: findings are many, they stay, and there are no cycles in them."""
    before = gc.get_threshold()
    gc.set_threshold(10_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
