"""A collection that is split over many runs, none of which knows of the others; `scanner.merging` puts it together.

Each run collects the accounts of its shard.  Which those are follows from the id of an account alone: an account that
joins the organization moves no other one to another shard.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from scanner.errors import UsageError

_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Shard:
    """Shard `index`, counted from 0, of a collection that is split into `of`."""

    index: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return what `--shard` says; raise `UsageError`."""
        match = _SHARD.fullmatch(text)
        if match is None:
            raise UsageError(f"--shard: '{text}' is no shard", "Write INDEX/COUNT, counted from 0: 0/8 to 7/8.")
        index, of = int(match[1]), int(match[2])
        if index >= of:
            last = f"the last of {of} is {of - 1}/{of}" if of else "there is at least one"
            raise UsageError(f"--shard: there is no shard {text}", f"Shards are counted from 0: {last}.")
        return cls(index, of)

    def holds(self, account: str) -> bool:
        """Tell whether an account is of this shard."""
        return int(hashlib.sha256(account.encode()).hexdigest(), 16) % self.of == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"
