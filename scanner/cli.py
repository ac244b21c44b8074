"""The command line: the only module that prints, exits, and reads the environment or the clock."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scanner import __version__
from scanner.errors import RegionproofError, UsageError

if TYPE_CHECKING:
    from scanner.config import Config
    from scanner.finding import Report
    from scanner.rule import Rule

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
        _complain(str(error), error.hint)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing does not fail again
        sys.exit(OK)
    except OSError as error:
        _complain(str(error), "Free some space, or check the permissions, and run it again.")
        sys.exit(CRASH)
    except Exception as error:  # noqa: BLE001 - a crash has its own exit code and must read as one
        if "--debug" in arguments:
            traceback.print_exc()
        _complain(f"regionproof crashed: {type(error).__name__}: {error}", "Run again with --debug and report it.")
        sys.exit(CRASH)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="regionproof %(version)s")
@click.option("--debug", is_flag=True, help="Show where a crash happened.")
def cli(debug: bool) -> None:
    """If this Region is gone tonight, can every container workload start in the standby Region?

    `collect` asks AWS and writes a snapshot; `scan` judges snapshots and templates, offline.
    Exit codes: 0 nothing found, 1 findings, 2 usage, 3 incomplete (if asked), 4 nothing scanned or a crash.
    """


def _config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    help = "Configuration file; default: regionproof.yaml here, if there is one."
    return click.option("--config", "config_path", metavar="FILE", help=help)(command)


@cli.command()
@click.option("-o", "--output", default="regionproof-demo", metavar="DIR", show_default=True, help="Where to write.")
def demo(output: str) -> int:
    """Serve an invented estate on loopback, collect from it, scan it, and write every report."""
    from scanner.demo import run

    folder = Path(output)
    inputs = run(folder)
    click.echo(f"Collected an invented estate from a loopback endpoint into {folder / 'snapshot'}.", err=True)
    config = _read_config(str(inputs.config))
    report = _scan(inputs.paths, config, (), (), (), python=True, now=inputs.as_of)
    _write(report, ("table", "json", "sarif"), str(folder) + "/", "github")
    _write(report, ("table",), None, "github")
    click.echo(f"\nWritten to {folder}: regionproof.txt, regionproof.json, regionproof.sarif.", err=True)
    scanned = " ".join(map(str, inputs.paths))
    click.echo(f"Next: regionproof scan {scanned} --config {inputs.config}", err=True)
    return OK


@cli.command()
@click.option("-o", "--output", metavar="SNAPSHOT", help="The folder to write the snapshot to.")
@click.option("--dry-run", is_flag=True, help="Find accounts and Regions, print what would be asked, and stop.")
@_config_option
@click.option("--accounts", metavar="A,B", help="Account ids; default: the account of the credentials.")
@click.option("--organization", "whole", is_flag=True, help="All accounts of the AWS organization.")
@click.option("--regions", metavar="R,..", help="Regions; default: the configuration's, else every enabled one.")
@click.option("--role-name", metavar="N", help="Role to assume in accounts other than one's own.")
@click.option("--services", metavar="S,..", help="These services, whole; default: what the enabled rules need.")
@click.option("--profile", metavar="P", help="Profile of the AWS configuration.")
@click.option("--endpoint-url", metavar="U", help="Ask this endpoint instead of AWS.")
@click.option("--resume", is_flag=True, help="Finish an interrupted snapshot; what it holds is not asked again.")
@click.option("--since", metavar="SNAPSHOT", help="Reuse what can never change from this earlier snapshot.")
@click.option("--max-rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Most requests a second.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def collect(
    output: str | None,
    dry_run: bool,
    config_path: str | None,
    accounts: str | None,
    whole: bool,
    regions: str | None,
    role_name: str | None,
    services: str | None,
    profile: str | None,
    endpoint_url: str | None,
    resume: bool,
    since: str | None,
    max_rate: float | None,
    log_format: str,
) -> int:
    """Ask AWS, read-only, and write a snapshot.  The only command that touches the network."""
    from scanner.collectors.live import collect as collect_live
    from scanner.reporters.progress import narrator

    if whole and accounts:
        raise UsageError("--organization and --accounts exclude each other", "Leave one of them out.")
    config = _read_config(config_path)
    needed = None if services else _needed(_enabled(config))
    asked: dict[str, Any] = {
        "accounts": () if whole else _listed(accounts) or config.accounts,
        "regions": _listed(regions) or _regions(config),
        "whole": whole,
        "services": _listed(services),
        "needed": needed,
    }
    if dry_run:
        return _dry_run(config, role_name, profile, endpoint_url, **asked)
    if output is None:
        raise UsageError("no folder to write the snapshot to", "Name one: -o snapshot.")
    narrates = narrator(log_format, sys.stderr, _now)
    collected = collect_live(
        Path(output),
        **asked,
        organization=config.organization,
        role_name=role_name or config.role_name,
        profile=profile,
        endpoint_url=endpoint_url,
        resume=resume,
        clock=_now,
        config_sha256=config.sha256,
        max_rate=max_rate,
        earlier=Path(since) if since else None,
        progress=narrates,
    )
    left_out = {account.id: reason for account, reason in collected.left_out.items()}
    narrates.close(output, collected.snapshot.coverage(), left_out, shutil.get_terminal_size((100, 24)).columns)
    return OK


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_config_option
@click.option("--format", "formats", multiple=True, metavar="F[=FILE][,..]", help="table (default), json, sarif.")
@click.option("-o", "--output", metavar="PATH", help="A file for one format, a folder for several; - is stdout.")
@click.option(
    "--fail-on", type=click.Choice(SEVERITIES), default="high", show_default=True, help="Exit 1 from here on."
)
@click.option("--fail-on-incomplete", is_flag=True, help="Exit 3 if anything could not be seen or decided.")
@click.option("--select", multiple=True, metavar="RULES", help="Only these rules: ids, groups or globs.")
@click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules.")
@click.option("--rules", "rule_paths", multiple=True, metavar="DIR", help="Also the rules in this folder.")
@click.option("--no-python-rules", is_flag=True, help="Refuse rules of --rules folders that are code.")
@click.option("--sarif-profile", type=click.Choice(["github", "full"]), default="github", show_default=True)
def scan(
    paths: tuple[str, ...],
    config_path: str | None,
    formats: tuple[str, ...],
    output: str | None,
    fail_on: str,
    fail_on_incomplete: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    rule_paths: tuple[str, ...],
    no_python_rules: bool,
    sarif_profile: str,
) -> int:
    """Judge snapshots, templates and folders of templates.  Never touches the network."""
    from scanner.output import destinations

    destinations(formats, output)  # complain before the work is done
    config = _read_config(config_path)
    report = _scan(
        [_from_here(path) for path in paths], config, select, ignore, rule_paths, python=not no_python_rules, now=_now()
    )
    _write(report, formats, output, sarif_profile)
    return _exit_code(report, fail_on, fail_on_incomplete)


@cli.group(name="rules")
def rules_group() -> None:
    """List, explain and test rules."""


@rules_group.command(name="list")
@click.option("--rules", "rule_paths", multiple=True, metavar="DIR", help="Also the rules in this folder.")
def rules_list(rule_paths: tuple[str, ...]) -> int:
    """List the rules: id, severity, title."""
    rules = _load_rules(rule_paths)
    width = max(len(rule.id) for rule in rules)
    for rule in rules:
        click.echo(f"{rule.id:<{width}}  {rule.severity:<8}  {rule.title}")
    return OK


@rules_group.command(name="show")
@click.argument("id")
@click.option("--rules", "rule_paths", multiple=True, metavar="DIR", help="Also the rules in this folder.")
def rules_show(id: str, rule_paths: tuple[str, ...]) -> int:
    """Explain a rule: why, how it is judged, how to fix it, examples with what they give."""
    from scanner.docs import rule_page

    rules = _load_rules(rule_paths)
    found = next((rule for rule in rules if rule.id == id), None)
    if found is None:
        raise UsageError(f"no rule '{id}'", _near(id, [rule.id for rule in rules]))
    click.echo(rule_page(found), nl=False)
    return OK


@rules_group.command(name="test")
@click.argument("folders", nargs=-1, metavar="[DIR...]")
def rules_test(folders: tuple[str, ...]) -> int:
    """Run the examples of the built-in rules, or of the rules in DIR."""
    from scanner.testing import examples, holds, run, undeclared

    rules = _load_rules(folders)
    if folders:
        rules = [rule for rule in rules if any(rule.path.startswith(str(Path(folder))) for folder in folders)]
    count, wrong = 0, 0
    for rule in rules:
        for status, example in examples(rule):
            count += 1
            if not holds(rule, status, example):
                wrong += 1
                given = "; ".join(f"{finding.status}: {finding.message}" for finding in run(rule, example))
                click.echo(f"{rule.path}: example {count} should be {status} but gives {given or 'nothing'}")
        if missing := undeclared(rule):
            wrong += 1
            types = ", ".join(sorted(missing))
            click.echo(f"{rule.path}: reads {types}; name it under `needs`, or it may not be collected")
    click.echo(f"{len(rules)} rules, {count} examples, {wrong} wrong.")
    return FINDINGS if wrong else OK


@cli.command()
@click.option("--organization", is_flag=True, help="List the accounts of the organization, too.")
@click.option(
    "--role-name", default="RegionproofReadOnly", metavar="N", show_default=True, help="Role in each account."
)
@click.option("--profile", metavar="P", help="Profile of the AWS configuration.")
@click.option("--endpoint-url", metavar="U", help="Ask this endpoint instead of AWS.")
@click.option("-o", "--output", metavar="FILE", help="A new file; default: standard output.")
def init(organization: bool, role_name: str, profile: str | None, endpoint_url: str | None, output: str | None) -> int:
    """Draft regionproof.yaml from what the account shows: its Regions, and where its registries replicate to."""
    from scanner.collectors.session import Sessions
    from scanner.init import survey

    if output and os.path.lexists(output):
        raise UsageError(f"{output}: there is something already", "Name another file, or move that one away.")
    sessions = Sessions(profile=profile, endpoint_url=endpoint_url)
    text = survey(sessions, _now, organization=organization, role_name=role_name)
    if output is None:
        click.echo(text, nl=False)
        return OK
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output}: there is something already", "Name another file.") from None
    click.echo(f"Drafted {output}; `regionproof schema config` describes every key.", err=True)
    return OK


@cli.command()
@click.option("--format", type=click.Choice(["json", "terraform", "cloudformation"]), default="json", show_default=True)
@_config_option
@click.option("--rules", "rule_paths", multiple=True, metavar="DIR", help="Also the rules in this folder.")
@click.option("--services", metavar="S,..", help="These services, whole; default: what the enabled rules need.")
@click.option("--role-name", metavar="N", help="Name of the role; default: the configuration's.")
@click.option("--external-id", metavar="X", help="External id; default: the configuration's.")
@click.option("--principal", metavar="ARN|ACCOUNT", help="Who may assume the role.")
@click.option("--central", is_flag=True, help="The policy of who collects, as JSON, and not that of the role.")
def permissions(
    format: str,
    config_path: str | None,
    rule_paths: tuple[str, ...],
    services: str | None,
    role_name: str | None,
    external_id: str | None,
    principal: str | None,
    central: bool,
) -> int:
    """Print the least-privilege policy, or the role, that collecting for the enabled rules needs."""
    import json

    from scanner import permissions as iam
    from scanner.config import Organization
    from scanner.permissions import cloudformation, terraform

    if central and format != "json":
        raise UsageError("--central prints a policy document", "Leave --format out.")
    config = _read_config(config_path)
    entry = config.organization or Organization()
    role = iam.Role(
        role_name or entry.role_name or iam.ROLE_NAME,
        principal,
        external_id or entry.external_id,
        bool(entry.session_tags),
    )
    needed = None if services else _needed(_enabled(config, rule_paths))
    policies = iam.member(iam.actions(needed, _listed(services)))
    if format == "terraform":
        text = terraform.configuration(role, policies)
    elif format == "cloudformation":
        text = cloudformation.template(role, policies)
    else:
        documents = [iam.central(role)] if central else policies
        text = json.dumps(documents[0] if len(documents) == 1 else documents, indent=2) + "\n"
    click.echo(text, nl=False)
    return OK


@cli.command()
@click.argument("name")
def schema(name: str) -> int:
    """Print a JSON Schema: report, config, rule, snapshot, faults."""
    from scanner.assets import asset

    names = sorted(entry.name.removesuffix(".json") for entry in asset("schemas").iterdir() if entry.is_file())
    if name not in names:
        raise UsageError(f"no schema '{name}'", _near(name, names))
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


def _read_config(path: str | None) -> Config:
    from scanner.config import NAMES, Config, read

    if path is None:
        path = next((name for name in NAMES if Path(name).is_file()), None)
    if path is None:
        return Config()
    config = read(Path(path))
    for key in config.unused:
        click.echo(f"{path}: note: '{key}' is accepted but not used by this version.", err=True)
    return config


def _load_rules(folders: Sequence[str], *, python: bool = True) -> list[Rule]:
    from scanner.rule import load_rules

    for folder in folders:
        if not Path(folder).is_dir():
            raise UsageError(f"{folder}: no such folder of rules", "Rules live in FOLDER/<group>/<name>.yaml or .py.")
    return load_rules([Path(folder) for folder in folders], python=python)


def _dry_run(config: Config, role_name: str | None, profile: str | None, endpoint_url: str | None, **asked: Any) -> int:
    from dataclasses import replace

    from scanner.collectors.live import find
    from scanner.collectors.session import Sessions
    from scanner.config import Organization
    from scanner.dry_run import text

    entry = config.organization or Organization()
    sessions = Sessions(profile=profile, endpoint_url=endpoint_url)
    found = find(sessions, _now, organization=replace(entry, role_name=role_name or entry.role_name), **asked)
    click.echo(text(found, asked["needed"], _enabled(config), shutil.get_terminal_size((100, 24)).columns), nl=False)
    return OK


def _enabled(config: Config, rule_paths: Sequence[str] = ()) -> list[Rule]:
    from scanner.engine import selected

    return selected(_load_rules([*config.rule_paths, *rule_paths]), config)


def _needed(rules: Sequence[Rule]) -> frozenset[str]:
    """Return the resource types that rules read."""
    return frozenset[str]().union(*(rule.needs for rule in rules))


def _scan(
    paths: Sequence[Path],
    config: Config,
    select: Sequence[str],
    ignore: Sequence[str],
    rule_paths: Sequence[str],
    *,
    python: bool,
    now: datetime,
) -> Report:
    from dataclasses import replace

    from scanner.engine import selected, unmatched
    from scanner.scan import scan as scan_paths

    rules = _load_rules([*config.rule_paths, *rule_paths], python=python)
    config = replace(config, select=_split(select) or config.select, ignore=config.ignore + _split(ignore))
    named = {
        "--select or rules.select": config.select,
        "--ignore or rules.ignore": config.ignore,
        "rules.severity": config.severity,
        "rules.parameters": config.parameters,
        "exemptions": [exemption.rule for exemption in config.exemptions],
    }
    for where, pattern in unmatched(named, rules):
        raise UsageError(f"{where}: no rule '{pattern}'", _near(pattern, [rule.id for rule in rules]))
    return scan_paths(paths, selected(rules, config), config, now)


def _write(report: Report, formats: Sequence[str], output: str | None, sarif_profile: str) -> None:
    from scanner.output import destinations, replacing
    from scanner.reporters import REPORTERS

    for destination in destinations(formats, output):
        write = REPORTERS[destination.format].write
        options: dict[str, Any] = {"profile": sarif_profile} if destination.format == "sarif" else {}
        if destination.path is not None:
            with replacing(destination.path) as out:
                write(report, out, **options)
            continue
        if destination.format == "table":
            options = {"width": shutil.get_terminal_size((100, 24)).columns, "color": _color(), "unicode": _unicode()}
        write(report, sys.stdout, **options)
        sys.stdout.flush()


def _from_here(path: str) -> Path:
    """Return a path relative to the working directory where it is below it: reports are read elsewhere."""
    return Path(path).relative_to(Path.cwd()) if Path(path).is_relative_to(Path.cwd()) else Path(path)


def _exit_code(report: Report, fail_on: str, fail_on_incomplete: bool) -> int:
    from scanner.finding import Status

    asked = [row for row in report.coverage if row.asked]
    if all(row.status == "failed" for row in asked):
        row = asked[0]
        _complain(
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


def _regions(config: Config) -> tuple[str, ...]:
    paired = [place.region for pair in config.pairs or () for place in (pair.primary, pair.standby)]
    return config.regions or tuple(dict.fromkeys(paired))


def _listed(text: str | None) -> tuple[str, ...]:
    return _split([text]) if text else ()


def _split(groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.strip() for group in groups for part in group.split(",") if part.strip())


def _near(word: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."


def _complain(message: str, hint: str) -> None:
    click.echo(f"error: {_printable(message)}", err=True)
    if hint:
        click.echo(f"  {_printable(hint)}", err=True)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _color() -> bool:
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _now() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
