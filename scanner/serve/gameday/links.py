"""What the drill says of the start of a task, in the words of ECS.

The drill judges what cannot be tried here, by the rules that judge everything else.  A link that is broken stops the
start of a task, and one that nobody knows leaves it pending.  What is started may be new, so images are tried.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from scanner.model import Place
from scanner.outcome import LinkState, State
from scanner.serve.gameday.retelling import Retelling

Verdicts = Mapping[tuple[Place, str], Sequence[LinkState]]
"""The links of workloads, by the place of their standby and its name: the ARN of a service or function, or a family."""

_PULL = "CannotPullContainerError"
_START = "ResourceInitializationError"
_READ = f"{_START}: unable to pull secrets or registry auth"
_WORDS = {
    "registry": _PULL,
    "policy": _PULL,
    "platform": _PULL,
    "architecture": _PULL,
    "key": _PULL,
    "identity": _READ,
    "network": _READ,
    "secrets": _READ,
    "surroundings": _START,
}
_UNCERTAIN = frozenset({"quota"})
"""Links that stop some of many tasks, and nobody knows which."""
STARTING = frozenset(_WORDS) | _UNCERTAIN
"""The links that decide whether a task starts and that are not tried here."""


class Judge(Protocol):
    """What judges an estate as it is now."""

    def __call__(self, estate: Retelling, links: Collection[str] | None = None) -> Verdicts:
        """Return the states of these links, or of all of them, for whatever stands in for what is lost."""


def error_of(links: Sequence[LinkState]) -> str | None:
    """Return how the start of a task fails, None if no link that is broken stops it."""
    for one in links:
        if one.state is State.BROKEN and one.link in _WORDS:
            words = _WORDS[one.link]
            if one.subject is not None and one.subject.type == "AWS::SecretsManager::Secret":
                words = _READ
            return f"{words}: {one.reason} (game day: link '{one.link}')"
    return None


def doubt_of(links: Sequence[LinkState]) -> str | None:
    """Return why nobody knows whether a task starts, None if somebody does."""
    for one in links:
        if one.link in STARTING and (one.state is State.UNKNOWN or one.state is State.BROKEN):
            return f"link '{one.link}': {one.reason}"
    return None
