"""Which repositories' images are listed: those that workloads name, and those that a rule about all of them is for.

A registry may hold a thousand repositories of which a dozen run.  What is left out was not asked, which is never read
as empty: the snapshot says how much it is, and why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from scanner.config import matches
from scanner.recorded import service_of
from scanner.references import mentions

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Scope:
    """The repositories whose images are listed although no workload names them.

    None of them unless `every`; then those whose name one of the globs in `patterns` matches, all if there are none.
    """

    every: bool = True
    patterns: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Tell whether every repository is listed, whatever workloads name."""
        return self.every and not self.patterns

    def includes(self, repository: str) -> bool:
        """Tell whether the images of a repository are listed in any case."""
        return self.every and matches(repository, self.patterns)

    @property
    def reason(self) -> str:
        """Return why other repositories are left out, as a clause."""
        others = "they are not in scope.repositories" if self.every else "no enabled rule reads the images of all"
        return f"no workload that was seen names them, and {others}"


@dataclass
class Mentioned:
    """What workloads name, over all accounts and Regions: a standby's copy has the name of the original.

    `tags` are (repository, tag), where no digest stands beside the tag; `digests` are all that any workload shows.
    """

    repositories: set[str] = field(default_factory=set)
    tags: set[tuple[str, str]] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)

    def read(self, lines: Iterable[bytes]) -> None:
        """Take note of what calls name, given as lines of JSON; a registry's own answers do not count.

        What was denied names nothing.  Such a workload has no verdict but `unknown`, so none hangs on its images.
        """
        for line in lines:
            if service_of(line) == b"ecr":
                continue
            text = line.decode("ascii")
            for mention in mentions(text):
                self.repositories.add(mention.repository)
                if mention.tag is not None:
                    self.tags.add((mention.repository, mention.tag))
            if "sha256:" in text:
                self.digests.update(_DIGEST.findall(text))
