"""The command line: it, the other `cli_` modules and `console` alone print, exit, and read environment and clock."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scanner import __version__, cli_aws, cli_inventory, cli_rules, console
from scanner.errors import RegionproofError, UsageError

if TYPE_CHECKING:
    from scanner.config import Config
    from scanner.finding import Report
    from scanner.scan import Change

SEVERITIES = ("critical", "high", "medium", "low", "info", "never")
OK, FINDINGS, USAGE, INCOMPLETE, CRASH, INTERRUPTED = 0, 1, 2, 3, 4, 130


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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing does not fail again
        sys.exit(OK)
    except OSError as error:
        console.complain(str(error), "Free some space, or check the permissions, and run it again.")
        sys.exit(CRASH)
    except Exception as error:  # noqa: BLE001 - a crash has its own exit code and must read as one
        if "--debug" in arguments:
            traceback.print_exc()
        console.complain(
            f"regionproof crashed: {type(error).__name__}: {error}", "Run again with --debug and report it."
        )
        sys.exit(CRASH)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="regionproof %(version)s")
@click.option("--debug", is_flag=True, help="Show where a crash happened.")
def cli(debug: bool) -> None:
    """If this Region is gone tonight, can every container workload start in the standby Region?

    `collect` asks AWS and writes a snapshot; `scan` judges snapshots and templates, offline.
    Exit codes: 0 nothing found, 1 findings, 2 usage, 3 incomplete (if asked), 4 nothing scanned or a crash.
    """


for _command in (cli_aws.collect, cli_aws.init, cli_aws.permissions, cli_inventory.inventory, cli_rules.rules):
    cli.add_command(_command)


@cli.command()
@click.option("-o", "--output", default="regionproof-demo", metavar="DIR", show_default=True, help="Where to write.")
def demo(output: str) -> int:
    """Show the whole flow on an invented estate.

    It is served on loopback, collected from and scanned, and every report is written.
    """
    from scanner.demo import run

    folder = Path(output)
    inputs = run(folder)
    click.echo(f"Collected an invented estate from a loopback endpoint into {folder / 'snapshot'}.", err=True)
    config = console.read_config(str(inputs.config))
    report = _scan(inputs.paths, config, (), (), (), python=True, now=inputs.as_of)
    _write(report, ("table", "json", "sarif"), str(folder) + "/", {})
    _write(report, ("table",), None, {})
    click.echo(f"\nWritten to {folder}: regionproof.txt, regionproof.json, regionproof.sarif.", err=True)
    scanned = " ".join(map(str, inputs.paths))
    click.echo(f"Next: regionproof scan {scanned} --config {inputs.config}", err=True)
    return OK


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@console.config_option
@click.option("--format", "formats", multiple=True, metavar="F[=FILE][,..]", help="table (default), json, sarif.")
@click.option("-o", "--output", metavar="PATH", help="A file for one format, a folder for several; - is stdout.")
@click.option(
    "--fail-on", type=click.Choice(SEVERITIES), default="high", show_default=True, help="Exit 1 from here on."
)
@click.option("--fail-on-incomplete", is_flag=True, help="Exit 3 if anything could not be seen or decided.")
@click.option("--against", metavar="SNAPSHOT", help="Lay the code over this live estate, and judge what comes of it.")
@click.option("--changed-since", metavar="REV", help="Only what concerns lines that differ from this git revision.")
@click.option("--new-only", is_flag=True, help="Only what the change brings, not what is so without it.")
@click.option("--select", multiple=True, metavar="RULES", help="Only these rules: ids, groups or globs.")
@click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules.")
@console.rules_options
@click.option("--controls", multiple=True, metavar="F,..", help="Group the table by the controls of a framework, too.")
@click.option("--sarif-profile", type=click.Choice(["github", "full"]), default="github", show_default=True)
@click.option("--sarif-category", metavar="TEXT", help="What an upload replaces; default: by what was scanned.")
@click.option("--sarif-anchor", metavar="FILE", help="The inventory at whose lines live findings are shown.")
def scan(
    paths: tuple[str, ...],
    config_path: str | None,
    formats: tuple[str, ...],
    output: str | None,
    fail_on: str,
    fail_on_incomplete: bool,
    against: str | None,
    changed_since: str | None,
    new_only: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    rule_paths: tuple[str, ...],
    no_python_rules: bool,
    controls: tuple[str, ...],
    sarif_profile: str,
    sarif_category: str | None,
    sarif_anchor: str | None,
) -> int:
    """Judge snapshots and infrastructure code, mixed freely.  Never touches the network."""
    from scanner.output import destinations
    from scanner.scan import Change

    if new_only and against is None:
        raise UsageError("--new-only: new compared with what?", "Give the live estate: --against SNAPSHOT.")

    destinations(formats, output)  # complain before the work is done
    options = {
        "sarif": _sarif(paths, sarif_profile, sarif_category, sarif_anchor),
        "table": {"controls": console.frameworks(controls)},
    }
    config = console.read_config(config_path)
    report = _scan(
        [_from_here(path) for path in paths],
        config,
        select,
        ignore,
        rule_paths,
        python=not no_python_rules,
        now=console.now(),
        change=Change(_from_here(against) if against else None, changed_since, new_only),
    )
    _write(report, formats, output, options)
    return _exit_code(report, fail_on, fail_on_incomplete)


@cli.command()
@click.argument("name")
def schema(name: str) -> int:
    """Print a JSON Schema.

    NAME is report, config, evidence, rule, fixture, snapshot or faults.
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
    with serve_snapshot(Snapshot.open(Path(snapshot)), port=port, faults=broken) as endpoint:
        click.echo(f"Serving {snapshot} at {endpoint.url}; Ctrl-C stops.", err=True)
        click.echo(f"Try: aws ecr describe-repositories --endpoint-url {endpoint.url} --region REGION", err=True)
        endpoint.wait()
    return OK


def _scan(
    paths: Sequence[Path],
    config: Config,
    select: Sequence[str],
    ignore: Sequence[str],
    rule_paths: Sequence[str],
    *,
    python: bool,
    now: datetime,
    change: Change | None = None,
) -> Report:
    from dataclasses import replace

    from scanner.scan import scan as scan_paths

    config = replace(
        config, select=console.split(select) or config.select, ignore=config.ignore + console.split(ignore)
    )
    return scan_paths(paths, console.chosen_rules(config, rule_paths, python=python), config, now, change)


def _sarif(paths: Sequence[str], profile: str, category: str | None, inventory: str | None) -> dict[str, Any]:
    """Return the options of the SARIF report; raise `UsageError` for a category or an inventory that is none."""
    from scanner.checkout import checkout
    from scanner.inventory import read
    from scanner.scan import is_snapshot

    if category is not None and not (category.isprintable() and category.strip("/ ")):
        raise UsageError("--sarif-category: no name", "Give one that no other scan of the repository has.")
    code = [path for path in map(_from_here, paths) if not is_snapshot(path)]
    return {
        "profile": profile,
        "category": category.strip("/ ") if category else None,
        "inventory": read(_from_here(inventory)) if inventory else None,
        "checkout": checkout(code or [Path()]),
    }


def _write(
    report: Report, formats: Sequence[str], output: str | None, by_format: Mapping[str, Mapping[str, Any]]
) -> None:
    from scanner.output import destinations, replacing
    from scanner.reporters import REPORTERS

    for destination in destinations(formats, output):
        reporter = REPORTERS[destination.format]
        options = dict(by_format.get(destination.format, {}))
        if destination.path is not None:
            for remark in reporter.write_files(report, destination.path, replacing, **options):
                click.echo(console.printable(remark), err=True)
            continue
        if destination.format == "table":
            options |= {"width": console.width(), "color": console.color(), "unicode": console.unicode()}
        reporter.write(report, sys.stdout, **options)
        sys.stdout.flush()


def _from_here(path: str) -> Path:
    """Return a path relative to the working directory where it is below it: reports are read elsewhere."""
    return Path(path).relative_to(Path.cwd()) if Path(path).is_relative_to(Path.cwd()) else Path(path)


def _exit_code(report: Report, fail_on: str, fail_on_incomplete: bool) -> int:
    from scanner.finding import Status

    asked = [row for row in report.coverage if row.asked]
    if all(row.status == "failed" for row in asked):
        row = asked[0]
        console.complain(
            f"nothing could be scanned: {row.message if row.service == 'file' else f'{row.operation}: {row.message}'}",
            "The report lists everything that was not answered; mend that, and scan again.",
        )
        return CRASH
    threshold = -1 if fail_on == "never" else SEVERITIES.index(fail_on)
    failures = [f for f in report.findings if f.status is Status.FAIL and f.exemption is None]
    if any(finding.severity.rank <= threshold for finding in failures):
        return FINDINGS
    undecided = not report.complete or any(finding.status is Status.UNKNOWN for finding in report.findings)
    return INCOMPLETE if fail_on_incomplete and undecided else OK
