"""Less work for the garbage collector where very many objects are made that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def rarely_swept(objects: int = 10_000) -> Iterator[None]:
    """Let the collector of cycles look only when so many new objects have stayed.

    Findings are many, they stay, and there are no cycles in them.
    """
    before = gc.get_threshold()
    gc.set_threshold(objects, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
