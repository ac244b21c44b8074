"""An evidence pack: what an auditor asks for about one scan, in one folder whose every file is hashed.

It speaks of the scan's data only: the same scan gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner import output
from scanner.config import Config
from scanner.errors import OutputError
from scanner.finding import Report
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import InsufficientData, Model, Place, Resource, Twin
from scanner.reporters import REPORTERS
from scanner.reporters.json import document
from scanner.reporters.text import dumps, timestamp
from scanner.rule import Rule
from scanner.seal import Manifest, seal

_WHAT = "an evidence pack"
_REPORTS = ("json", "table", "html", "markdown")
_NOT_SLUG = re.compile(r"[^a-z0-9_.-]+")
_ABOUT = """\
What regionproof found in one scan, and what that rests on.

report.*            the report; report.json holds everything, and any other format can be made of it
digests.jsonl       each repository that an account showed, and standby: how many of its images are there
digests/            the images of each, one a line: digest, tags, when pushed, and whether the standby has it
coverage.json       every operation and file that was asked for, and how it was answered
gaps.json           those of them that were denied, throttled or not read: what is unknown for that reason
rules.json          the rules that ran: title, severity, parameters, and the SHA-256 of the file of each
exemptions.json     what somebody decided to live with: reason, owner, last day, and whether it still holds
inputs.json         what was scanned, with its SHA-256; inputs/ has the manifests of snapshots
configuration.json  what was asked for; configuration/ has the file, as it was
manifest.json       the SHA-256 of every file; `regionproof verify` compares
"""


@dataclass(frozen=True)
class Pack:
    """What goes into a pack: a report, the model it is about, and the configuration and rules it was made with.

    `located` gives the folder of a snapshot that the report names.
    """

    report: Report
    model: Model
    config: Config
    rules: Sequence[Rule]
    located: Callable[[str], Path] = Path


def must_be_new(path: Path) -> None:
    """Raise `UsageError` unless a pack can be put at `path`: nothing is there, or an empty folder."""
    output.must_be_new(path, _WHAT)


def write(path: Path, pack: Pack) -> Manifest:
    """Write a pack at `path`, whole or not at all; raise `UsageError` or `OutputError`."""
    with output.new_folder(path, _WHAT) as folder:
        return _write(folder, pack)


def _write(folder: Path, pack: Pack) -> Manifest:
    report = pack.report
    for name in _REPORTS:
        if name in REPORTERS:
            with _open(folder / f"report{REPORTERS[name].suffix}") as out:
                REPORTERS[name].write(report, out)
    parts = dict(document(report))
    _lines(folder / "digests.jsonl", _digest_lists(folder, pack.model))
    coverage = list(parts["coverage"])
    _json(folder / "coverage.json", coverage)
    _json(folder / "gaps.json", [row for row in coverage if row["status"] in ("partial", "failed") or row["left_out"]])
    _json(folder / "exemptions.json", list(parts["exemptions"]))
    _json(folder / "rules.json", [_rule(rule, parts["rules"][rule.id]) for rule in pack.rules])
    _json(folder / "inputs.json", parts["inputs"])
    _inputs(folder / "inputs", pack)
    _json(folder / "configuration.json", _configuration(pack.config, list(parts["pairs"])))
    _config_file(folder / "configuration", pack.config)
    with _open(folder / "README.txt") as out:
        out.write(_ABOUT)
    facts = {"tool_version": report.tool_version, "scan_id": parts["scan_id"], "as_of": timestamp(report.as_of)}
    return seal(folder, **facts)


def _digest_lists(folder: Path, model: Model) -> Iterator[dict[str, Any]]:
    """Write the list of each repository and standby; yield what the lists say together."""
    repositories = sorted(model.of_type("AWS::ECR::Repository"), key=lambda one: one.id)
    for repository in (one for one in repositories if _is_live(one, model)):
        try:
            twins = model.twins(repository)
        except InsufficientData as unseen:
            yield {**_row(repository, repository.place, None), "reason": str(unseen)}
            continue
        for twin in twins:
            yield _digest_list(folder, model, twin)
    for place in sorted(model.scanned, key=str):
        gap = model.hidden("AWS::ECR::Repository", place)
        if gap is not None and _may_be_primary(model, place):
            yield {**_row(None, place, None), "reason": f"Repositories may exist unseen: {gap}"}


def _is_live(repository: Resource, model: Model) -> bool:
    """Tell whether an account showed the repository; with a plan, the code that will change it may stand for it."""
    if not repository.locations:
        return True
    if not model.planned or repository.account is None or repository.region is None or repository.name is None:
        return False
    return model.images.listing(RepositoryKey.of(repository.place, repository.name)) is not None


def _may_be_primary(model: Model, place: Place) -> bool:
    try:
        return bool(model.pairs_of(place))
    except InsufficientData:
        return True


def _digest_list(folder: Path, model: Model, twin: Twin) -> dict[str, Any]:
    repository, place = twin.primary, twin.pair.standby
    row = _row(repository, repository.place, place)
    listing = model.images.listing(RepositoryKey.of(repository.place, str(repository.name)))
    if listing is None:
        return {**row, "reason": "The images of the repository were not listed."}
    standby = _Standby(model, twin)
    key = hashlib.sha256(f"{repository.id}\0{place}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    slug = _NOT_SLUG.sub("-", str(repository.name).lower())[:60].strip(".-") or "repository"
    file = f"digests/{slug}-{key}.jsonl"
    counts: Counter[str] = Counter(yes=0, no=0, unknown=0)
    _lines(folder / file, _counted(map(standby.line, sorted(listing.images, key=lambda one: one.digest)), counts))
    reasons = [listing.incomplete and f"not all images were listed: {listing.incomplete}", standby.unseen]
    return {
        **row,
        "standby_repository": standby.repository,
        "images": len(listing.images),
        "all_listed": listing.incomplete is None,
        "in_standby": dict(counts),
        "reason": "; ".join(filter(None, reasons)) or None,
        "file": file,
    }


def _row(repository: Resource | None, primary: Place, standby: Place | None) -> dict[str, Any]:
    return {
        "repository": repository.name if repository else None,
        "id": repository.id if repository else None,
        "account_id": primary.account,
        "region": primary.region,
        "standby": None if standby is None else {"account_id": standby.account, "region": standby.region},
        "standby_repository": "not seen",
        "images": None,
        "all_listed": False,
        "in_standby": None,
        "reason": None,
        "file": None,
    }


class _Standby:
    """Whether the standby has an image of a repository: it has no such repository, or it does, or nobody knows."""

    def __init__(self, model: Model, twin: Twin) -> None:
        self._images = ImageIndex()
        self._key: RepositoryKey | None = None
        self.unseen: str | None = None
        try:
            found = twin.standby
            self.repository = "absent" if found is None else "exists"
            self._key = RepositoryKey.of(twin.pair.standby, str(twin.primary.name)) if found else None
            listing = model.images.listing(self._key) if self._key else None
            if self._key and listing:
                self._images = ImageIndex({self._key: Listing(listing.images, listing.incomplete)})
        except InsufficientData as gap:
            self.repository, self.unseen = "not seen", str(gap)

    def line(self, image: Image) -> dict[str, Any]:
        there, status = self._look(image.digest)
        return {
            "digest": image.digest,
            "tags": sorted(image.tags),
            "pushed_at": timestamp(image.pushed_at) if image.pushed_at else None,
            "status": image.status,
            "in_standby": there,
            "status_in_standby": status,
        }

    def _look(self, digest: str) -> tuple[str, str | None]:
        if self.repository != "exists" or self._key is None:
            return "no" if self.repository == "absent" else "unknown", None
        try:
            found = self._images.get(self._key, digest)
        except InsufficientData as gap:
            self.unseen = str(gap)
            return "unknown", None
        return ("yes", found.status) if found else ("no", None)


def _counted(lines: Iterable[dict[str, Any]], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        counts[line["in_standby"]] += 1
        yield line


def _rule(rule: Rule, said: Mapping[str, Any]) -> dict[str, Any]:
    text = rule.written.text if rule.written else ""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.value,
        "parameters": said["parameters"],
        "controls": said["controls"],
        "file": f"{rule.group}/{Path(rule.path).name}",
        "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        "code_of_a_pack": rule.foreign,
    }


def _inputs(folder: Path, pack: Pack) -> None:
    """Copy the manifests of the snapshots: they hold the hash of every part, and when it was collected."""
    for each in pack.report.inputs:
        if each.kind not in ("snapshot", "against"):
            continue
        data = (pack.located(each.path) / "snapshot.json").read_bytes()
        if hashlib.sha256(data).hexdigest() != each.sha256:
            raise OutputError(f"{each.path}: the snapshot changed while it was scanned", "Scan it again.")
        folder.mkdir(exist_ok=True)
        (folder / f"snapshot-{each.sha256[:12]}.json").write_bytes(data)


def _configuration(config: Config, pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "file": Path(config.path).name if config.path else None,
        "sha256": config.sha256,
        "select": list(config.select),
        "ignore": list(config.ignore),
        "severity": {id: severity.value for id, severity in sorted(config.severity.items())},
        "repositories": list(config.repositories),
        "pairs": pairs,
    }


def _config_file(folder: Path, config: Config) -> None:
    if config.path is None:
        return
    data = Path(config.path).read_bytes()
    if hashlib.sha256(data).hexdigest() != config.sha256:
        raise OutputError(f"{config.path}: the configuration changed while the scan ran", "Scan again.")
    folder.mkdir()
    (folder / "regionproof.yaml").write_bytes(data)


def _lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with _open(path) as out:
        out.writelines(f"{dumps(row)}\n" for row in rows)


def _json(path: Path, value: Any) -> None:
    with _open(path) as out:
        out.write(f"{_indented(value)}\n")


def _indented(value: Any) -> str:
    return json.dumps(json.loads(dumps(value)), ensure_ascii=False, indent=1)


def _open(path: Path) -> Any:
    return path.open("w", encoding="utf-8", newline="\n")
