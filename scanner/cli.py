"""The command line: it, `cli_aws`, `cli_rules` and `console` alone print, exit, and read environment and clock."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scanner import __version__, cli_aws, cli_drill, cli_reports, cli_rules, console
from scanner.errors import RegionproofError, UsageError

if TYPE_CHECKING:
    from scanner.config import Config
    from scanner.finding import Checkout, Report

OK, FINDINGS, USAGE, INCOMPLETE, CRASH, INTERRUPTED, UNREAD = 0, 1, 2, 3, 4, 130, 141
"""The exit codes of the contract; the last two are those of SIGINT and SIGPIPE, as a shell gives them."""


class _Commands(click.Group):
    """The commands.  click ends with 1 if nobody reads what one says, and here that means findings."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            console.discard_output()
            return UNREAD


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code of the contract."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = cli.main(args=list(arguments), prog_name="regionproof", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else OK)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted; a snapshot that was begun is finished by `collect --resume`.", err=True)
        sys.exit(INTERRUPTED)
    except RegionproofError as error:
        console.complain(str(error), error.hint)
        sys.exit(error.exit_code)
    except OSError as error:
        console.complain(
            f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error),
            "Free some space, or check the permissions, and run it again.",
        )
        sys.exit(CRASH)
    except Exception as error:  # noqa: BLE001 - a crash has its own exit code and must read as one
        if "--debug" in arguments:
            traceback.print_exc()
        console.complain(
            f"regionproof crashed: {type(error).__name__}: {error}", "Run again with --debug and report it."
        )
        sys.exit(CRASH)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="regionproof %(version)s")
@click.option("--debug", is_flag=True, help="Show where a crash happened.")
def cli(debug: bool) -> None:
    """If this Region is gone tonight, can every container workload start in the standby Region?

    `collect` asks AWS and writes a snapshot; `scan` judges snapshots and templates, offline.
    Exit codes: 0 nothing found, 1 findings, 2 usage, 3 incomplete (if asked), 4 nothing scanned or a crash.
    """


for _command in (
    cli_aws.collect,
    cli_aws.init,
    cli_aws.permissions,
    cli_drill.drill,
    cli_reports.convert,
    cli_reports.diff,
    cli_reports.export,
    cli_reports.inventory,
    cli_reports.verify,
    cli_rules.rules,
):
    cli.add_command(_command)


@cli.command()
@click.option("-o", "--output", default="regionproof-demo", metavar="DIR", show_default=True, help="Where to write.")
def demo(output: str) -> int:
    """Show the whole flow on an invented estate.

    It is served on loopback, collected from, scanned, and drilled, and every report is written.
    """
    from scanner.demo import LOST, run
    from scanner.exercise import WhatIf, exercise
    from scanner.loss import Loss
    from scanner.reporters import REPORTERS
    from scanner.reporters.drill import WRITERS
    from scanner.scan import scan as scan_paths

    console.must_be_named({"--output": output})
    console.must_be_here(output)
    folder = Path(output)
    inputs = run(folder)
    click.echo(f"Collected an invented estate from a loopback endpoint into {folder / 'snapshot'}.", err=True)
    config = console.read_config(str(inputs.config))
    report = scan_paths(inputs.paths, console.chosen_rules(config, (), python=True), config, inputs.as_of)
    console.write_report(report, ("table",), None)
    click.echo(err=True)
    console.write_report(report, tuple(REPORTERS), str(folder) + "/")
    lost = Loss.parse(LOST)
    told = exercise(
        inputs.paths, cli_drill.rules_of_links(config, (), python=True), config, inputs.as_of, lost, WhatIf()
    )
    storage = console.storage(config)
    console.write_drill(told, console.drill_destinations(tuple(WRITERS), str(folder) + "/", storage), storage)
    scanned = " ".join(map(str, inputs.paths))
    click.echo(f"Next: regionproof scan {scanned} --config {inputs.config}", err=True)
    click.echo(f"  or: regionproof drill {scanned} --config {inputs.config} --lose {lost}", err=True)
    return OK


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@console.config_option
@click.option("--format", "formats", multiple=True, metavar="F[=FILE][,..]", help="table (default), json, ...")
@click.option("-o", "--output", metavar="PATH", help="A file for one format, a folder for several; - is stdout.")
@click.option(
    "--fail-on", type=click.Choice(console.SEVERITIES), default="high", show_default=True, help="Exit 1 from here on."
)
@click.option("--fail-on-incomplete", is_flag=True, help="Exit 3 if anything could not be seen or decided.")
@click.option("--against", metavar="SNAPSHOT", help="Lay the code over this live estate, and judge what comes of it.")
@click.option("--changed-since", metavar="REV", help="Only what concerns lines that differ from this git revision.")
@click.option("--baseline", metavar="REPORT", help="Compare with this earlier JSON report.")
@click.option("--new-only", is_flag=True, help="Only what the change brings, or what is new since the baseline.")
@click.option("--select", multiple=True, metavar="RULES", help="Only these rules: ids, groups or globs.")
@click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules.")
@console.rules_options
@console.render_option
@console.format_options
@click.option("--evidence", "pack", metavar="DIR", help="Write what an auditor asks for into this new folder, too.")
@console.executor_option
def scan(
    paths: tuple[str, ...],
    config_path: str | None,
    formats: tuple[str, ...],
    output: str | None,
    fail_on: str,
    fail_on_incomplete: bool,
    against: str | None,
    changed_since: str | None,
    baseline: str | None,
    new_only: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    rule_paths: tuple[str, ...],
    no_python_rules: bool,
    no_render: bool,
    controls: tuple[str, ...],
    group_by: str,
    markdown_for: str,
    sarif_profile: str,
    sarif_category: str | None,
    sarif_anchor: str | None,
    pack: str | None,
    executor: str,
) -> int:
    """Judge snapshots and infrastructure code, mixed freely.  Offline, but for what stands at s3://."""
    from scanner.output import destinations
    from scanner.scan import Change, examine
    from scanner.scan import scan as scan_paths

    console.must_be_named(
        {
            "--against": against,
            "--baseline": baseline,
            "--changed-since": changed_since,
            "--sarif-anchor": sarif_anchor,
            "--evidence": pack,
        }
    )
    if new_only and against is None and baseline is None:
        hint = "Give the live estate, --against SNAPSHOT, or an earlier report, --baseline REPORT."
        raise UsageError("--new-only: new compared with what?", hint)

    if pack is not None and executor != "local":
        raise UsageError("--evidence and --executor exclude each other", "Write the evidence pack on one machine.")
    config = _selected(console.read_config(config_path), select, ignore)
    storage = console.storage(config)
    destinations(formats, output, located=storage.outgoing)  # complain before the work is done
    if pack is not None:
        cli_reports.must_be_new(storage.outgoing_pack(pack))
    options = console.of_formats(controls, group_by, markdown_for, sarif_profile, sarif_category, sarif_anchor)
    rules = console.chosen_rules(config, rule_paths, python=not no_python_rules)
    laid_over = _near(against, storage.snapshot) if against else None
    change = Change(laid_over, changed_since, new_only, _near(baseline, storage.file) if baseline else None)
    near = [_near(path, storage.snapshot) for path in paths]
    config = console.rendering(config, near, no_render=no_render)
    work = near, rules, config, console.now(), change
    model = None
    if pack is None:
        with console.executor(executor) as runs:
            report = scan_paths(*work, runs)
    else:
        report, model, _ = examine(*work)
    report = replace(storage.named(report), checkout=_checkout(near))
    console.warn_of(report, config.path)
    console.write_report(report, formats, output, options, storage)
    if pack is not None and model is not None:
        cli_reports.write_pack(storage, pack, report, model, config, rules)
    return _exit_code(report, config.path, fail_on, fail_on_incomplete)


@cli.command()
@click.argument("name")
def schema(name: str) -> int:
    """Print a JSON Schema.

    NAME is report, report-line, diff, config, evidence, rule, fixture, snapshot, faults or terraform-map.
    """
    from scanner.assets import asset

    names = sorted(entry.name.removesuffix(".json") for entry in asset("schemas").iterdir() if entry.is_file())
    if name not in names:
        raise UsageError(f"no schema '{name}'", console.near(name, names))
    click.echo((asset("schemas") / f"{name}.json").read_text(encoding="utf-8"), nl=False)
    return OK


@cli.command()
@click.argument("snapshot")
@click.option("--port", default=0, metavar="N", help="Port on 127.0.0.1; default: a free one.")
@click.option("--faults", metavar="FILE", help="Fail on purpose, as this file says; `regionproof schema faults`.")
def serve(snapshot: str, port: int, faults: str | None) -> int:
    """Serve a snapshot as a read-only AWS endpoint on loopback."""
    from scanner.serve import serve as serve_snapshot
    from scanner.serve.faults import read
    from scanner.snapshot import Snapshot

    broken = read(Path(faults)) if faults else None
    with serve_snapshot(Snapshot.open(console.storage().snapshot(snapshot)), port=port, faults=broken) as endpoint:
        click.echo(f"Serving {snapshot} at {endpoint.url}; Ctrl-C stops.", err=True)
        click.echo(f"Try: aws ecr describe-repositories --endpoint-url {endpoint.url} --region REGION", err=True)
        endpoint.wait()
    return OK


def _selected(config: Config, select: Sequence[str], ignore: Sequence[str]) -> Config:
    ignored = config.ignore + console.split(ignore)
    return replace(config, select=console.split(select) or config.select, ignore=ignored)


def _checkout(paths: Sequence[Path]) -> Checkout | None:
    """Return the git repository of the code among paths; where there is none, of the working directory."""
    from scanner.checkout import checkout
    from scanner.estate import is_snapshot

    code = [path for path in paths if not is_snapshot(path)]
    return checkout(code or [Path()])


def _near(text: str, located: Callable[[str], Path]) -> Path:
    """Return a path relative to the working directory where it is below it: reports are read elsewhere."""
    from scanner.storage import is_remote

    path = located(text)
    below = not is_remote(text) and path.is_relative_to(Path.cwd())
    return path.relative_to(Path.cwd()) if below else path


def _exit_code(report: Report, config: str | None, fail_on: str, fail_on_incomplete: bool) -> int:
    from scanner.finding import Status

    asked = [row for row in report.coverage if row.asked and not (row.service == "file" and row.operation == config)]
    if all(row.status == "failed" for row in asked):
        row = asked[0]
        console.complain(
            f"nothing could be scanned: {row.message if row.service == 'file' else f'{row.operation}: {row.message}'}",
            "The report lists everything that was not answered; mend that, and scan again.",
        )
        return CRASH
    if any(finding.is_open_failure and console.reaches(finding.severity, fail_on) for finding in report.findings):
        return FINDINGS
    undecided = not report.complete or any(finding.status is Status.UNKNOWN for finding in report.findings)
    return INCOMPLETE if fail_on_incomplete and undecided else OK
