"""The commands about reports that are written already (in another format, compared, sealed), and the inventory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanner import console
from scanner.errors import RegionproofError, UsageError

if TYPE_CHECKING:
    from scanner.config import Config
    from scanner.finding import Report
    from scanner.model import Model
    from scanner.report_file import ReportFile
    from scanner.rule import Rule
    from scanner.storage import Storage

OK, FINDINGS = 0, 1


@click.command()
@click.argument("report", metavar="REPORT.json")
@click.option("--format", "formats", multiple=True, metavar="F[=FILE][,..]", help="As of scan; default: table.")
@click.option("-o", "--output", metavar="PATH", help="A file for one format, a folder for several; - is stdout.")
@console.format_options
def convert(
    report: str,
    formats: tuple[str, ...],
    output: str | None,
    controls: tuple[str, ...],
    group_by: str,
    markdown_for: str,
    sarif_profile: str,
    sarif_category: str | None,
    sarif_anchor: str | None,
) -> int:
    """Write a JSON report in other formats, as the scan would have.

    Nothing is scanned again. REPORT.json is one of any 1.x version of its schema; - is standard input.
    """
    from scanner.output import destinations

    storage = console.storage()
    destinations(formats, output, located=storage.outgoing)  # complain before the work is done
    options = console.of_formats(controls, group_by, markdown_for, sarif_profile, sarif_category, sarif_anchor)
    console.write_report(_read(report, storage).report, formats, output, options, storage)
    return OK


@click.command()
@click.argument("old", metavar="OLD.json")
@click.argument("new", metavar="NEW.json")
@click.option("--format", type=click.Choice(["table", "json", "markdown"]), default="table", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Where to write; default and -: standard output.")
@click.option(
    "--fail-on",
    type=click.Choice(console.SEVERITIES),
    default="high",
    show_default=True,
    help="Exit 1 for new failures from here on.",
)
def diff(old: str, new: str, format: str, output: str | None, fail_on: str) -> int:
    """Compare two JSON reports of one estate.

    Says what is new, fixed, changed, can no longer be decided, is gone, or was not looked at; the last three are
    never called fixed. One of the reports may be -, standard input.
    """
    from scanner.comparison import Kind, compare

    console.must_be_named({"--output": output})
    if old == new == "-":
        raise UsageError("two reports cannot share standard input", "Give a file for one of them.")
    storage = console.storage()
    before, after = _read(old, storage), _read(new, storage)
    if before.report.not_shown:
        raise UsageError(
            f"{old}: a report that leaves out {before.report.not_shown:,} verdicts, so what is new is not known",
            "Give the report of a whole scan, without --new-only and --changed-since.",
        )
    found = compare(before.report, after.report)
    target = None if output in (None, "-") else storage.outgoing(output)
    _write_differences(found, (before, after), format, target)
    storage.send()
    console.tell_written([target] if target is not None else [], storage)
    new_failures = (one.finding for one in found.differences if one.kind is Kind.NEW)
    return FINDINGS if any(console.reaches(each.severity, fail_on) for each in new_failures) else OK


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@console.config_option
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to write; default and -: standard output.")
def inventory(paths: tuple[str, ...], config_path: str | None, output: str) -> int:
    """List the live resources of snapshots in a file to commit.

    `scan --sarif-anchor FILE` shows findings at these lines: code scanning shows little that has no line of a file.
    """
    from scanner.inventory import write
    from scanner.output import replacing
    from scanner.scan import resources

    console.must_be_named({"--output": output})
    config = console.read_config(config_path)
    storage = console.storage(config)
    found = resources([storage.snapshot(path) for path in paths], config)
    if all(each.locations for each in found):
        raise RegionproofError(
            f"{', '.join(paths)}: nothing live to list", "Give a snapshot; `regionproof collect` makes one."
        )
    if output == "-":
        with console.standard_output() as out:
            write(found, out)
        return OK
    with replacing(storage.outgoing(output)) as out:
        lines = write(found, out)
    storage.send()
    click.echo(f"{lines:,} resources in {output}; commit it, and give it to scan --sarif-anchor.", err=True)
    return OK


@click.command()
@click.argument("snapshot", metavar="SNAPSHOT")
@click.option("-o", "--output", metavar="DIR", required=True, help="The new folder, or s3://BUCKET/PREFIX.")
def export(snapshot: str, output: str) -> int:
    """Write the images of a snapshot as tables for SQL.

    One file of Parquet an account, for DuckDB, Athena, Spark and other readers. A digest that is in several Regions is
    stored once.
    """
    from scanner.export import WHAT
    from scanner.export import export as write
    from scanner.output import must_be_new
    from scanner.snapshot import Snapshot

    console.must_be_named({"--output": output})
    storage = console.storage()
    folder = storage.outgoing_pack(output)
    must_be_new(folder, WHAT)
    found = write(Snapshot.open(storage.snapshot(snapshot)), folder)
    storage.send()
    written = f"{found.images:,} images of {found.lists:,} repositories in {found.accounts:,} accounts"
    click.echo(f"{written}, in {output}.", err=True)
    return OK


@click.command()
@click.argument("folder", metavar="DIR")
def verify(folder: str) -> int:
    """Check an evidence pack against its manifest.

    Every file is hashed; what is missing, added, changed or a link is named. Exits 1 if anything differs.
    """
    from scanner.seal import verify as look

    path = console.storage().folder(folder)
    if not path.is_dir():
        raise UsageError(f"{folder}: no such folder", "`regionproof scan --evidence DIR` writes a pack.")
    found = look(path)
    for problem in found.problems:
        click.echo(console.printable(problem))
    if found.problems:
        count = f"{len(found.problems):,} difference{'' if len(found.problems) == 1 else 's'}"
        click.echo(f"{console.printable(folder)}: not as it was sealed: {count}")
        return FINDINGS
    click.echo(f"{console.printable(folder)}: {found.files:,} files, all as they were sealed")
    click.echo(f"seal {console.printable(found.seal)}")
    return OK


def must_be_new(folder: Path) -> None:
    """Raise `UsageError` unless an evidence pack can be put there."""
    from scanner.evidence_pack import must_be_new

    must_be_new(folder)


def write_pack(
    storage: Storage, folder: str, report: Report, model: Model, config: Config, rules: Sequence[Rule]
) -> None:
    """Write the evidence pack of a scan, and say its seal; raise `OutputError`."""
    from scanner.evidence_pack import Pack, write

    manifest = write(storage.outgoing(folder), Pack(report, model, config, rules, storage.snapshot))
    storage.send()
    click.echo(f"Evidence: {len(manifest.files):,} files in {folder}, seal {manifest.seal}", err=True)


def _read(path: str, storage: Storage) -> ReportFile:
    from scanner.report_file import load, read

    if path == "-":
        return read("standard input", sys.stdin.buffer.read())
    found = load(storage.file(path))
    return replace(found, path=storage.shown(found.path))


def _write_differences(found: object, files: tuple[ReportFile, ReportFile], format: str, output: Path | None) -> None:
    from scanner.output import replacing
    from scanner.reporters import differences

    write = getattr(differences, format)
    sides = tuple(differences.Side(each.path, each.sha256, each.scan_id, each.report) for each in files)
    if output is not None:
        with replacing(output) as out:
            write(found, sides, out)
        return
    with console.standard_output() as out:
        options = {"width": console.width(), "color": console.color(), "unicode": console.unicode()}
        write(found, sides, out, **(options if format == "table" else {}))
