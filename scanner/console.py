"""What the commands of the command line share: how they read their options, and how they write to the terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from scanner.errors import OutputError, UsageError

if TYPE_CHECKING:
    from scanner.config import Config
    from scanner.drill import DrillReport
    from scanner.executors import Executor
    from scanner.finding import Report, Severity
    from scanner.output import Destination
    from scanner.rule import Rule
    from scanner.storage import Storage


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that names the configuration file."""
    help = "Configuration file; default: regionproof.yaml here, if there is one."
    return click.option("--config", "config_path", metavar="FILE", help=help)(command)


def rules_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which rules there are beside the built-in ones."""
    code = click.option("--no-python-rules", is_flag=True, help="Refuse rules that are code and not built in.")
    folders = click.option("--rules", "rule_paths", multiple=True, metavar="DIR", help="Also the rules in this folder.")
    return folders(code(command))


def render_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that keeps all other programs from being run; `rendering` reads it."""
    help = "Never run helm or kustomize, also where they are installed."
    return click.option("--no-render", is_flag=True, help=help)(command)


def rendering(config: Config, paths: Sequence[Path], *, no_render: bool) -> Config:
    """Return the configuration with the tools of this machine that render charts and overlays."""
    if no_render:
        return config
    from scanner.parsers.kubernetes.tools import find

    return replace(config, tools=find(os.environ.get("PATH", ""), paths))


def executor_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that says where the work runs; `executor` reads it."""
    help = "Where it runs: local, dask (processes on this machine), or dask:tcp://HOST:8786."
    return click.option("--executor", default="local", show_default=True, metavar="E", help=help)(command)


@contextlib.contextmanager
def executor(name: str) -> Iterator[Executor | None]:
    """Give the executor of `--executor`, None for this process; raise `UsageError` and `RegionproofError`."""
    from scanner.executors import executor

    with executor(name) as found:
        if found is not None and found.dashboard:
            click.echo(f"Dask shows what it does at {found.dashboard}", err=True)
        yield found


def format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the table, of Markdown and of SARIF; `of_formats` reads them."""
    grouped, length = click.Choice(["rule", "workload"]), click.Choice(["step", "comment"])
    framework = "Group the table by the controls of a framework, too."
    category = "What an upload replaces; default: by what was scanned."
    anchor = "The inventory at whose lines live findings are shown."
    options = (
        click.option("--controls", multiple=True, metavar="F,..", help=framework),
        click.option("--group-by", type=grouped, default="rule", help="Order of the table."),
        click.option("--markdown-for", type=length, default="step", help="How long it may be."),
        click.option("--sarif-profile", type=click.Choice(["github", "full"]), default="github", show_default=True),
        click.option("--sarif-category", metavar="TEXT", help=category),
        click.option("--sarif-anchor", metavar="FILE", help=anchor),
    )
    for option in reversed(options):
        command = option(command)
    return command


def of_formats(
    controls: Sequence[str], group_by: str, markdown_for: str, profile: str, category: str | None, inventory: str | None
) -> dict[str, dict[str, Any]]:
    """Return the options of each format; raise `UsageError` for a framework, category or inventory that is none."""
    return {
        "markdown": {"markdown_for": markdown_for},
        "sarif": _sarif(profile, category, inventory),
        "table": {"controls": frameworks(controls), "group_by": group_by},
    }


def _sarif(profile: str, category: str | None, inventory: str | None) -> dict[str, Any]:
    from scanner.inventory import read

    if category is not None and not (category.isprintable() and category.strip("/ ")):
        raise UsageError("--sarif-category: no name", "Give one that no other scan of the repository has.")
    listed = read(Path(inventory)) if inventory else None
    if listed and listed.path.startswith("../"):
        raise UsageError(
            f"--sarif-anchor: {inventory} is in no repository", "Commit it: findings are shown at its lines."
        )
    return {
        "profile": profile,
        "category": category.strip("/ ") if category else None,
        "inventory": listed,
    }


def must_be_named(options: Mapping[str, str | None]) -> None:
    """Raise `UsageError` for an option that is given and empty: in a script, the variable was not set."""
    for option, value in options.items():
        if value == "":
            raise UsageError(f"{option}: no name", "Name something, or leave the option out.")


def must_be_here(path: str) -> None:
    """Raise `UsageError` for an s3:// path where only a file or folder can be meant."""
    from scanner.storage import is_remote

    if is_remote(path):
        raise UsageError(f"{path}: this command writes to the disk only", "Name a file or folder.")


def read_config(path: str | None) -> Config:
    """Return the configuration of a file, or of the one in the working directory, or an empty one.

    It is named from here, for reports name it and are read elsewhere.  Raises `ConfigError`.
    """
    from scanner.config import NAMES, Config, read

    if path is None:
        path = next((name for name in NAMES if Path(name).is_file()), None)
    if path is None:
        return Config()
    return read(_from_here(path))


def _from_here(path: str) -> Path:
    """Return what leads to a file from the working directory; the path as it is where links make that another file."""
    found = Path(os.path.relpath(path))
    with contextlib.suppress(OSError):
        if found.samefile(path):
            return found
    return Path(path)


def load_rules(folders: Sequence[str], *, python: bool = True) -> list[Rule]:
    """Return the built-in rules, those of installed packs and those of folders; raise `UsageError` or `RuleError`."""
    from scanner.header import files
    from scanner.packs import installed
    from scanner.rule import load_rules

    where = "Rules live in FOLDER/<group>/<name>.yaml or .py."
    for folder in folders:
        if not Path(folder).is_dir():
            raise UsageError(f"{folder}: no such folder of rules", where)
        if not any(files(Path(folder), python=python)):
            raise UsageError(f"{folder}: no rules in this folder", where)
    return load_rules([*installed(), *dict.fromkeys(map(Path, folders))], python=python)


def chosen_rules(config: Config, folders: Sequence[str], *, python: bool) -> list[Rule]:
    """Return the rules that a configuration enables; raise `UsageError` for a name in it that no rule has."""
    from scanner.engine import selected, unmatched

    rules = load_rules([*config.rule_paths, *folders], python=python)
    ids = [rule.id for rule in rules]
    patterns = {"--select or rules.select": config.select, "--ignore or rules.ignore": config.ignore}
    for where, pattern in unmatched(patterns, rules):
        groups = dict.fromkeys(rule.group for rule in rules)
        raise UsageError(f"{where}: no rule '{pattern}'", near_rule(pattern, [*groups, *ids]))
    exempted = [exemption.rule for exemption in config.exemptions]
    exact = {"rules.severity": config.severity, "rules.parameters": config.parameters, "exemptions": exempted}
    for where, names in exact.items():
        for name in names:
            if name not in ids:
                raise UsageError(f"{where}: no rule '{name}'", near_rule(name, ids))
    return selected(rules, config)


def regions(config: Config) -> tuple[str, ...]:
    """Return the Regions that a configuration means: those it names, else those of its pairs."""
    paired = [place.region for pair in config.pairs or () for place in (pair.primary, pair.standby)]
    return config.regions or tuple(dict.fromkeys(paired))


def frameworks(options: Sequence[str]) -> tuple[str, ...]:
    """Return the frameworks that an option with commas names, each once; raise `UsageError` for one not known."""
    if not options:
        return ()
    from scanner.controls import frameworks

    names = tuple(dict.fromkeys(split(options)))
    for name in names:
        if name not in frameworks():
            raise UsageError(f"--controls: no framework '{name}'", near(name, list(frameworks())))
    return names


def listed(text: str | None) -> tuple[str, ...]:
    """Return the parts of an option that is a list with commas."""
    return split([text]) if text else ()


def split(groups: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of options that may be given several times, each a list with commas."""
    return tuple(part.strip() for group in groups for part in group.split(",") if part.strip())


def near(word: str, known: Sequence[str]) -> str:
    """Return the hint for a word that is not known."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."


def near_rule(word: str, known: Sequence[str]) -> str:
    """Return the hint for a word that names no rule; there are too many to name them all."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1) or [id for id in known if id.startswith(word)]
    return f"Did you mean '{near[0]}'?" if near else "`regionproof rules list` names them."


def complain(message: str, hint: str) -> None:
    """Write an error and its hint to stderr."""
    click.echo(f"error: {printable(message)}", err=True)
    if hint:
        click.echo(f"  {printable(hint)}", err=True)


def warn_of(report: Report, config: str | None) -> None:
    """Write to stderr what of the configuration the scan could not make sense of."""
    for row in report.coverage:
        if row.service == "file" and row.operation == config and row.missed:
            click.echo(f"warning: {printable(f'{row.operation}: {row.message}')}", err=True)


def printable(text: str) -> str:
    """Return text without what a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def color() -> bool:
    """Tell whether standard output takes colours."""
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def unicode() -> bool:
    """Tell whether standard output takes any character."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


SEVERITIES = ("critical", "high", "medium", "low", "info", "never")
"""What `--fail-on` takes."""


def reaches(severity: Severity, fail_on: str) -> bool:
    """Tell whether a failure of this severity counts under `--fail-on`."""
    return fail_on != "never" and severity.rank <= SEVERITIES.index(fail_on)


def write_report(
    report: Report,
    formats: Sequence[str],
    output: str | None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    storage: Storage | None = None,
) -> None:
    """Write a report as `--format` and `-o` ask for, and say where; `options` are those of each format."""
    from scanner.output import destinations, replacing
    from scanner.reporters import REPORTERS
    from scanner.storage import Storage

    storage = storage or Storage()
    asked = destinations(formats, output, located=storage.outgoing)
    for destination in asked:
        reporter = REPORTERS[destination.format]
        given = dict((options or {}).get(destination.format, {}))
        for remark in reporter.remarks(report, **given):
            click.echo(printable(f"{destination.format}: {remark}"), err=True)
        if destination.path is not None:
            for remark in reporter.write_files(report, destination.path, replacing, **given):
                click.echo(printable(storage.shown(remark)), err=True)
            continue
        with standard_output() as out:
            if destination.format == "table":
                given |= {"width": width(), "color": color(), "unicode": unicode()}
            reporter.write(report, out, **given)
    storage.send()
    tell_written([one.path for one in asked if one.path is not None], storage)


def tell_written(paths: Sequence[Path], storage: Storage) -> None:
    """Say on stderr which files were written, if any were."""
    folders = {path.parent for path in paths}
    told = f"Written to {', '.join(map(str, paths))}." if paths else ""
    if len(paths) > 1 and len(folders) == 1 and folders != {Path()}:
        told = f"Written to {folders.pop()}: {', '.join(path.name for path in paths)}."
    if told:
        click.echo(printable(storage.shown(told)), err=True)


@contextlib.contextmanager
def standard_output() -> Iterator[TextIO]:
    """Give standard output to write a result to; raise `OutputError` where it takes no more.

    Somebody who reads the beginning of it and goes away, as `head` does, has what they wanted: the rest is lost, and
    the command goes on to its exit code.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed", "Name a file: -o FILE.")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"standard output: cannot be written: {reason}", "What was written is not whole.") from error


def discard_output() -> None:
    """Let go of standard output, which nobody reads any more, so that closing it does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def drill_destinations(formats: Sequence[str], output: str | None, storage: Storage) -> list[Destination]:
    """Read `--format` and `-o` of a drill; raise `UsageError` as `scanner.output.destinations` does."""
    from scanner.output import destinations
    from scanner.reporters.drill import WRITERS

    return destinations(formats, output, WRITERS, located=storage.outgoing)


def write_drill(report: DrillReport, asked: Sequence[Destination], storage: Storage) -> None:
    """Write a drill where it is asked for, and say where."""
    from scanner.output import replacing
    from scanner.reporters.drill import WRITERS

    for destination in asked:
        write = WRITERS[destination.format].write
        if destination.path is not None:
            with replacing(destination.path) as file:
                write(report, file)
            continue
        given = {"width": width(), "color": color(), "unicode": unicode()} if destination.format == "table" else {}
        with standard_output() as out:
            write(report, out, **given)
    storage.send()
    tell_written([one.path for one in asked if one.path is not None], storage)


def storage(config: Config | None = None, profile: str | None = None) -> Storage:
    """Return what gives files for the s3:// paths of this command, until it ends."""
    from scanner.storage import Storage

    def kms_key() -> str | None:
        return (read_config(None) if config is None else config).kms_key

    return click.get_current_context().with_resource(Storage(profile=profile, kms_key=kms_key))


def now() -> datetime:
    """Return the time, or the one that SOURCE_DATE_EPOCH says it is."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)


def width() -> int:
    """Return the columns of the terminal, 100 if there is none."""
    return shutil.get_terminal_size((100, 24)).columns
