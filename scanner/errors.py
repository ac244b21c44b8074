"""The errors a user meets: what is wrong, where, and what to do next.

Each class carries the exit code of the command-line contract; only `scanner.cli` prints and exits.
"""

from __future__ import annotations

AGAIN = "Restore the snapshot from a copy, or collect it again into a new directory."
"""The next step for a snapshot that is damaged."""


class RegionproofError(Exception):
    """Something the user has to act on.

    `message` says what is wrong and where (`file:line`, or account/Region/operation), `hint` the next step to take.
    """

    exit_code = 4

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(RegionproofError):
    """The command line asks for something impossible."""

    exit_code = 2


class DocumentError(RegionproofError):
    """A YAML or JSON text that cannot be read.  `line` and `column` count from 1; 0 where there is no place."""

    exit_code = 2

    def __init__(self, path: str, line: int, column: int, problem: str, hint: str = "") -> None:
        place = f"{path}:{line}:{column}" if line else path
        super().__init__(f"{place}: {problem}", hint)
        self.path, self.line, self.column, self.problem = path, line, column, problem


class ConfigError(RegionproofError):
    """`regionproof.yaml` says something that cannot be meant."""

    exit_code = 2


class RuleError(RegionproofError):
    """A rule file that cannot be used."""

    exit_code = 2


class SnapshotError(RegionproofError):
    """A snapshot that is unfinished, damaged, or of another schema version."""


class ReportError(RegionproofError):
    """A report that was cut short, is damaged, or contradicts itself."""


class CredentialsError(RegionproofError):
    """AWS does not know who is asking, so nothing can be collected."""


class StorageError(RegionproofError):
    """What stands at s3:// could not be read or written."""


class OutputError(RegionproofError):
    """A result could not be written; what stood there before is untouched."""
