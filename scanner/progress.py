"""How far a collection is: what a long run tells whoever waits for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from scanner.model import Place


@dataclass(frozen=True)
class State:
    """How far a collection is.  A target is an account and Region; `resumed` were done before this run began.

    `requests` were made so far, and `throttled` of them turned away; `images` were listed.
    """

    targets: int
    done: int = 0
    resumed: int = 0
    requests: int = 0
    throttled: int = 0
    images: int = 0


@dataclass(frozen=True)
class Finished:
    """A target that was finished: how many `calls` its part of the snapshot holds, and the `errors` among them by code.

    `reused` of the calls were taken from an earlier snapshot; `seconds` were spent on it, without those in which it
    waited for others.
    """

    place: Place
    services: tuple[str, ...]
    calls: int
    images: int
    reused: int
    seconds: float
    errors: Mapping[str, int] = field(default_factory=dict)

    def and_then(self, later: Finished) -> Finished:
        """Return what there is to tell after a later stage of the same target."""
        return Finished(
            self.place,
            self.services,
            self.calls + later.calls,
            self.images + later.images,
            self.reused + later.reused,
            self.seconds + later.seconds,
            Counter(self.errors) + Counter(later.errors),
        )


class Progress(Protocol):
    """Somebody who waits.  Every method is called from one thread."""

    def begin(self, state: State) -> None:
        """Take note that a collection begins."""

    def finished(self, target: Finished, state: State) -> None:
        """Take note that a target was finished."""

    def tick(self, state: State) -> None:
        """Take note that some time went by: about half a second without a target that was finished."""

    def end(self) -> None:
        """Take note that the collection is over, or was interrupted."""


class Silent:
    """Nobody waits."""

    def begin(self, state: State) -> None:
        """Do nothing."""

    def finished(self, target: Finished, state: State) -> None:
        """Do nothing."""

    def tick(self, state: State) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""
