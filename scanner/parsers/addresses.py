"""Addresses of Terraform that were in use before a change, and what the code now says of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

INDEX = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\]')
"""The key of an instance in an address."""

_MOST_MOVES = 100


@dataclass
class Addresses:
    """Of one root module: `forgotten` are no longer managed and stay where they are; `moves` are (from, to)."""

    forgotten: set[str] = field(default_factory=set)
    moves: list[tuple[str, str]] = field(default_factory=list)

    def is_forgotten(self, address: str) -> bool:
        """Tell whether an instance is left where it is, though the code does not declare it any more."""
        bare = INDEX.sub("", address)
        return any(bare == each or bare.startswith(f"{each}.") for each in self.forgotten)

    def moved(self, address: str) -> str:
        """Return the address that an instance has now."""
        for _ in range(min(len(self.moves), _MOST_MOVES)):
            move = next((one for one in self.moves if _is_at(address, one[0])), None)
            if move is None:
                break
            address = move[1] + address[len(move[0]) :]
        return address


def _is_at(address: str, place: str) -> bool:
    return address == place or address.startswith((f"{place}.", f"{place}["))
