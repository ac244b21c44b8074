"""The log of a game day: every call, when it came and how it ended; values of secrets are not in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from scanner import __version__
from scanner.errors import UsageError
from scanner.loss import Loss
from scanner.redaction import scrub

_SUBJECT = frozenset(
    (
        *("cluster", "service", "serviceName", "clusterName", "taskDefinition", "family", "desiredCount", "name"),
        *("repositoryName", "imageTag", "imageDigest", "registryId", "targetStorageClass", "nodegroupName"),
        *("FunctionName", "ImageUri", "Name", "SecretId", "VpcId", "ServiceName", "RoleArn", "RoleName"),
        *("task", "count", "ResourceId", "MinCapacity", "MaxCapacity", "AutoScalingGroupName", "DesiredCapacity"),
        *("MinSize", "MaxSize", "StackName", "ChangeSetName", "HostedZoneId"),
    )
)
"""The parameters that are written down: names and numbers of what a call is about."""
_LONGEST = 300


class Log:
    """JSON Lines: first what the game day is about, then a line for each call.  Any thread may write."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._lock = file, threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Log:
        """Begin a log; raise `UsageError` if there is a file already, or it cannot be written."""
        try:
            return cls(path.open("x", encoding="utf-8"))
        except FileExistsError:
            raise UsageError(f"{path} exists already", "Each game day has a log of its own: name another.") from None
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from None

    def begin(self, at: datetime, losses: Sequence[Loss], about: Mapping[str, Any]) -> None:
        """Write what is lost, and which snapshot is served."""
        lost = [str(loss) for loss in losses]
        self._write({"at": time(at), "game_day": 1, "lost": lost, "tool": f"regionproof {__version__}", **about})

    def call(self, at: datetime, noted: Mapping[str, Any]) -> None:
        """Write how a call ended."""
        self._write({"at": time(at), **noted})

    def end(self, at: datetime, services: Sequence[Mapping[str, Any]]) -> None:
        """Write what became of the services that were changed."""
        self._write({"at": time(at), "ended": True, "services": services})

    def close(self) -> None:
        """Write nothing more."""
        with self._lock:
            self._file.close()

    def _write(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry) + "\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()


def time(at: datetime) -> str:
    """Return a time as the log has it: RFC 3339, in milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def subject(parameters: Any) -> dict[str, Any]:
    """Return the parameters that say what a call is about."""
    if not isinstance(parameters, dict):
        return {}
    kept = {key: value for key, value in parameters.items() if key in _SUBJECT and isinstance(value, str | int)}
    image = parameters.get("imageId")
    if isinstance(image, dict):
        kept |= {key: value for key, value in image.items() if key in _SUBJECT and isinstance(value, str)}
    return {key: scrub(value)[:_LONGEST] if isinstance(value, str) else value for key, value in sorted(kept.items())}
