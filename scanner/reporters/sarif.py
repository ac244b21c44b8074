"""The SARIF 2.1.0 report, in two profiles.

`github` holds what code scanning can use: failures nobody has waived, and one `coverage-gap` failure for each account,
Region and service that did not answer in full.  `full` holds every verdict, with suppressions.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, TextIO
from urllib.parse import quote

import sarif_om as om

from scanner.finding import Checkout, Report
from scanner.inventory import Inventory
from scanner.reporters import sarif_anchor as anchor
from scanner.reporters import sarif_encoder
from scanner.reporters.gaps import COVERAGE_GAP
from scanner.reporters.identity import guid, scan_id
from scanner.reporters.limits import narrowed
from scanner.reporters.sarif_anchor import Anchors
from scanner.reporters.sarif_coverage import invocation
from scanner.reporters.sarif_flows import Flows
from scanner.reporters.sarif_results import Profile, Results, Source
from scanner.reporters.sarif_tool import taxonomies_of, tool
from scanner.reporters.text import timestamp

MOST_RESULTS, SHOWN_RESULTS, MOST_BYTES = 25_000, 5_000, 10_000_000
"""What GitHub takes: results of a run, those of them that it keeps, and bytes of a file once it is compressed."""


def write(
    report: Report,
    out: TextIO,
    *,
    profile: Profile = "github",
    scope: str | None = None,
    category: str | None = None,
    inventory: Inventory | None = None,
) -> None:
    """Write a report as SARIF: a run for what accounts showed, a run for what files say, at least one.

    More results than a run may have go on in further runs, each with a category of its own.

    Args:
        report: What to write.
        out: Where to.
        profile: `github` or `full`, see above.
        scope: What was asked to be scanned.  An upload replaces the earlier one of the same scope, so a scan of a part
            must not have the scope of the whole.  Else the accounts or paths are taken, where they are few.
        category: Takes the place of `regionproof/<live|iac>/<scope>`; `/live` or `/iac` is appended.
        inventory: The file that names live resources one a line, at which findings about them are anchored.
    """
    runs = _runs(report, profile, scope, category, inventory)
    sarif_encoder.write(out, (part for run in runs for part in run.parts()))


def write_files(
    report: Report, path: Path, opened: Callable[[Path], AbstractContextManager[TextIO]], **options: Any
) -> list[str]:
    """Write a report as one file, or as several where one would be refused: `name.sarif`, `name.2.sarif` and so on.

    A file with a further number that is there already is written without results, so that uploading all of them closes
    what an earlier, longer report said.  Takes the options of `write`; returns what there is to say about it.
    """
    if path.exists() and not path.is_file():  # a device or a pipe has no second one beside it
        with opened(path) as out:
            write(report, out, **options)
        return []
    defaults = {"profile": "github", "scope": None, "category": None, "inventory": None}
    runs = list(_runs(report, **{**defaults, **options}))
    pending, number = runs, 0
    while pending or _numbered(path, number + 1).exists():
        number += 1
        with opened(_numbered(path, number)) as out:
            gauge = _Gauge(out)
            parts = _share(pending, gauge) if pending else ((run.head(number), ()) for run in runs)
            sarif_encoder.write(gauge, parts)
        pending = [run for run in pending if run.more]
    return list(_remarks(path, runs, number, options.get("profile", "github")))


def remarks(report: Report, *, category: str | None = None, **_: Any) -> list[str]:
    """Return that an upload of a part would close the alerts of the rest, unless it has a category of its own."""
    if not report.not_shown or category:
        return []
    return [
        f"{narrowed(report)}. An upload closes the alerts of its category that it does not repeat, so give this part "
        "one of its own (--sarif-category); or upload the whole scan, with --baseline and without --new-only"
    ]


def _share(pending: list[_Run], gauge: _Gauge) -> Iterator[tuple[om.Run, Iterator[om.Result]]]:
    """Yield the runs that one file has room for."""
    for run in pending:
        run.part += 1
        yield run.head(run.part), run.some(gauge)
        if run.more:
            return


def _remarks(path: Path, runs: list[_Run], files: int, profile: str) -> Iterator[str]:
    if files > 1:
        following = f"{_numbered(path, 2).name}{' and so on' if files > 2 else ''}"
        yield f"{path}: goes on in {following}; upload all {files} files"
    for run in runs:
        if profile == "github" and run.count > SHOWN_RESULTS:
            yield f"{path}: {run.count:,} results ({run.source}); code scanning keeps {SHOWN_RESULTS:,} of an upload"


def _numbered(path: Path, number: int) -> Path:
    return path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")


class _Gauge:
    """A text stream that knows how large what went through it is when it is compressed, or a bit less than that."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._deflate = out, zlib.compressobj(1)
        self.size = 0

    def write(self, text: str) -> int:
        self.size += len(self._deflate.compress(text.encode("utf-8")))
        return self._out.write(text)


def _runs(
    report: Report,
    profile: Profile,
    scope: str | None,
    category: str | None,
    inventory: Inventory | None,
) -> Iterator[_Run]:
    rules = (*sorted(report.rules, key=lambda rule: rule.id), COVERAGE_GAP)
    anchors = Anchors(report.checkout.base if report.checkout else "", inventory)
    flows = Flows(report, anchors)
    for source in _sources(report):
        named = f"{category}/{source}" if category else f"regionproof/{source}/{_scope(report, source, scope)}"
        yield _Run(Results(report, source, rules, profile, anchors, flows), named)


def _sources(report: Report) -> list[Source]:
    live = any(finding.source == "live" for finding in report.findings)
    live = (
        live
        or any(row.service != "file" for row in report.coverage)
        or any(i.kind == "snapshot" for i in report.inputs)
    )
    iac = any(finding.source == "iac" for finding in report.findings)
    iac = iac or any(row.service == "file" for row in report.coverage) or any(i.kind == "iac" for i in report.inputs)
    sources: list[Source] = ["live"] if live or not iac else []
    return [*sources, "iac"] if iac else sources


_FEW = 3


def _scope(report: Report, source: Source, scope: str | None) -> str:
    """Return what was asked: a few accounts or paths by name, `default` for all that is more than that."""
    if scope is None:
        asked = {row.account for row in report.coverage if row.service != "file" and row.account}
        if source == "iac":
            asked = {_named(i.path) for i in report.inputs if i.kind == "iac"}
        scope = "+".join(sorted(asked - {""}))
        if not scope or len(asked) > _FEW or len(scope) > 100:
            scope = "default"
    return quote(scope, safe="+", errors="replace")


def _named(path: str) -> str:
    """Return what a path is called in a category: nothing of where on this machine it is."""
    if Path(path).is_absolute():
        return Path(path).name
    return "/".join(part for part in PurePosixPath(path.replace("\\", "/")).parts if part != "..")


@dataclass
class _Run:
    """One run to be; `part` of it are begun, `count` results are written, `more` are to come."""

    results: Results
    category: str
    part: int = 0
    count: int = 0
    more: bool = True
    _left: Iterator[om.Result] | None = None
    _next: list[om.Result] = field(default_factory=list)

    @property
    def source(self) -> Source:
        """Return whether it is about what is live or about code."""
        return self.results.source

    def parts(self) -> Iterator[tuple[om.Run, Iterator[om.Result]]]:
        """Yield as many runs as it takes, each without its results, and them."""
        while self.more:
            self.part += 1
            yield self.head(self.part), self.some(None)

    def some(self, gauge: _Gauge | None) -> Iterator[om.Result]:
        """Yield the results that come next, as many as a run may have and the gauge allows."""
        if self._left is None:
            self._left = iter(self.results)
            self._next = list(islice(self._left, 1))
        written = 0
        while self._next and written < MOST_RESULTS and (gauge is None or gauge.size < MOST_BYTES * 0.95):
            written += 1
            self.count += 1
            yield self._next.pop()
            self._next = list(islice(self._left, 1))
        self.more = bool(self._next)

    def head(self, part: int) -> om.Run:
        """Return a part of the run without its results."""
        results, report = self.results, self.results.report
        category = self.category if part == 1 else f"{self.category}/{part}"
        taxonomies = taxonomies_of(results.rules)
        return om.Run(
            tool=tool(report.tool_version, results.rules, taxonomies),
            automation_details=om.RunAutomationDetails(
                id=f"{category}/{timestamp(report.as_of)}",
                guid=_guid(scan_id(report), self.source, part),
                correlation_guid=guid("category", category),
                description=om.Message(text=_DESCRIPTION[self.source]),
            ),
            baseline_guid=_guid(report.baseline.scan_id, self.source, part) if report.baseline else None,
            invocations=[invocation(report, self.source, len(results.rules) - 1, results.anchors)],
            taxonomies=taxonomies or None,
            original_uri_base_ids={
                name: om.ArtifactLocation(description=om.Message(text=text)) for name, text in _BASES.items()
            },
            version_control_provenance=_provenance(report.checkout) if self.source == "iac" else None,
            column_kind="unicodeCodePoints",
            default_encoding="utf-8",
        )


def _guid(scan: str, source: Source, part: int) -> str:
    return guid(scan, source) if part == 1 else guid(scan, source, str(part))


def _provenance(checkout: Checkout | None) -> list[om.VersionControlDetails] | None:
    if checkout is None or checkout.repository is None:
        return None
    return [
        om.VersionControlDetails(
            repository_uri=checkout.repository,
            revision_id=checkout.revision,
            branch=checkout.branch,
            mapped_to=om.ArtifactLocation(uri_base_id=anchor.SRCROOT),
        )
    ]


_DESCRIPTION = {
    "live": "What the scanned accounts showed, judged by the rules of regionproof.",
    "iac": "What the scanned infrastructure code says, judged by the rules of regionproof.",
}
_BASES = {
    anchor.LIVE: "Not a file: a path made of account, Region, service and resource.",
    anchor.SRCROOT: "The root of the repository; where there is none, the directory in which the scan began.",
}
