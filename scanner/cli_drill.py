"""The command that loses a Region on paper."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanner import console
from scanner.errors import UsageError

if TYPE_CHECKING:
    from scanner.config import Config
    from scanner.drill import DrillReport
    from scanner.loss import Loss
    from scanner.rule import Rule

RECOVERS, FAILS, INCOMPLETE = 0, 1, 3


@click.command()
@click.argument("paths", nargs=-1, metavar="SNAPSHOT [CODE...]")
@click.option("--lose", metavar="WHAT", help="A Region, or account:, registry:, cluster:, repository:.")
@console.config_option
@click.option("--format", "formats", multiple=True, metavar="F[=FILE][,..]", help="table, json, markdown (a runbook).")
@click.option("-o", "--output", metavar="PATH", help="A file for one format, a folder for several; - is stdout.")
@click.option("--with", "code", multiple=True, metavar="CODE", help="As it would be with this infrastructure code.")
@click.option("--assume", "assumed", multiple=True, metavar="replicated:GLOB", help="As if these repositories were.")
@click.option("--fail-back", is_flag=True, help="Turn every pair round: from the standby back to the primary.")
@click.option(
    "--fail-on-incomplete",
    is_flag=True,
    help="Exit 3 if of some workload nobody can tell, or some may not have been seen.",
)
@console.rules_options
@console.render_option
@click.option("--serve", is_flag=True, help="Serve the snapshot as it would answer then: a game day.")
@click.option("--port", default=0, metavar="N", help="Port of --serve on 127.0.0.1; default: a free one.")
@click.option("--log", metavar="FILE", help="Where a game day is written down, or was.")
@click.option("--record", metavar="FILE", help="Write the record of the drill, as evidence, into this new file.")
def drill(
    paths: tuple[str, ...],
    lose: str | None,
    config_path: str | None,
    formats: tuple[str, ...],
    output: str | None,
    code: tuple[str, ...],
    assumed: tuple[str, ...],
    fail_back: bool,
    fail_on_incomplete: bool,
    rule_paths: tuple[str, ...],
    no_python_rules: bool,
    no_render: bool,
    serve: bool,
    port: int,
    log: str | None,
    record: str | None,
) -> int:
    """Lose a Region on paper: which link breaks first?

    Each workload is taken through its chain.  Offline, but for what stands at s3://.
    Exit codes: 0 all recover, 1 some do not, 3 of some nobody can tell (if asked).
    """
    from scanner.drill.what_if import Assumption
    from scanner.exercise import WhatIf, exercise
    from scanner.loss import Loss

    console.must_be_named({"--log": log, "--record": record})
    for path in (log, record):
        console.must_be_here(path or "")
    if log is not None and record is not None and not serve:
        return _record_game_day(Path(log), Path(record))
    if log is not None and not serve:
        raise UsageError("--log: without --serve or --record", "--serve writes it, --record makes evidence of it.")
    if lose is None or not paths:
        raise UsageError("give a snapshot and what is lost", "regionproof drill SNAPSHOT --lose us-east-1")
    loss = Loss.parse(lose)
    config = console.read_config(config_path)
    if serve:
        if code or assumed or fail_back or formats or output or fail_on_incomplete:
            why = "--serve: takes no --with, --assume, --fail-back, --format, -o or --fail-on-incomplete"
            raise UsageError(why, "Those are of a drill on paper.")
        rules = rules_of_links(config, rule_paths, python=not no_python_rules)
        return _serve(paths, loss, port, log, record, config, rules)
    what_if = WhatIf(tuple(map(Path, code)), tuple(map(Assumption.parse, assumed)), fail_back)
    storage = console.storage(config)
    asked = console.drill_destinations(formats, output, storage)  # complain before the work is done
    rules = rules_of_links(config, rule_paths, python=not no_python_rules)
    held = [storage.snapshot(path) for path in paths]
    config = console.rendering(config, [*held, *what_if.code], no_render=no_render)
    report = exercise(held, rules, config, console.now(), loss, what_if)
    report = replace(report, inputs=storage.inputs(report.inputs))
    console.write_drill(report, asked, storage)
    if record is not None:
        _record(report, Path(record))
    return _exit_code(report, fail_on_incomplete)


def _serve(
    paths: Sequence[str],
    loss: Loss,
    port: int,
    log: str | None,
    record: str | None,
    config: Config,
    rules: Sequence[Rule],
) -> int:
    from scanner.estate import open_whole
    from scanner.rehearsal import Rehearsal
    from scanner.serve.gameday import serve

    if len(paths) != 1:
        raise UsageError("--serve: takes one snapshot", "regionproof drill SNAPSHOT --lose us-east-1 --serve")
    if record is not None and log is None:
        raise UsageError("--record: of a game day without a log", "Give the log a place, --log FILE.")
    snapshot = open_whole(console.storage(config).snapshot(paths[0]))
    about = {"snapshot": paths[0], "sha256": snapshot.sha256}
    where = Path(log) if log is not None else None
    judge = Rehearsal(rules, config, loss, snapshot.as_of)
    with serve(snapshot, [loss], console.now, port=port, log=where, about=about, judge=judge) as endpoint:
        click.echo(f"Serving {paths[0]} without {loss} at {endpoint.url}; Ctrl-C stops.", err=True)
        click.echo(f"Try: AWS_ENDPOINT_URL={endpoint.url} aws ecs list-clusters --region REGION", err=True)
        if record is None:
            endpoint.wait()
        else:
            with suppress(KeyboardInterrupt):  # that is how it ends, and then it is recorded
                endpoint.wait()
    return RECOVERS if record is None or where is None else _record_game_day(where, Path(record))


def _record(report: DrillReport, path: Path) -> None:
    """Write the record of a drill on paper."""
    from scanner.drill_record import draft, of_paper, write

    today = console.now().date()
    text = draft(of_paper(report.drill, today), [f"On paper, of data as of {report.as_of:%Y-%m-%d %H:%M} UTC."])
    write(path, text)
    _say_what_to_do(path)


def _record_game_day(log: Path, path: Path) -> int:
    from scanner.drill_record import draft, of_game_day, read_log, write

    day = read_log(log)
    write(path, draft(of_game_day(day), day.about))
    _say_what_to_do(path)
    return RECOVERS


def _say_what_to_do(path: Path) -> None:
    click.echo(f"Written to {path}; sign it off, and name it under `evidence` of regionproof.yaml.", err=True)


def rules_of_links(config: Config, folders: Sequence[str], *, python: bool) -> list[Rule]:
    """Return the rules that judge links, optional or not, but for those that the configuration ignores."""
    asked = replace(config, select=("*",))
    rules = [rule for rule in console.chosen_rules(asked, folders, python=python) if rule.link]
    if not rules:
        raise UsageError("no rule judges a link of the chain", "rules.ignore leaves none of them.")
    return rules


def _exit_code(report: DrillReport, fail_on_incomplete: bool) -> int:
    from scanner.outcome import Outcome

    outcomes = {recovery.outcome for recovery in report.drill.recoveries}
    if Outcome.FAILS in outcomes:
        return FAILS
    incomplete = Outcome.UNKNOWN in outcomes or report.drill.unseen
    return INCOMPLETE if fail_on_incomplete and incomplete else RECOVERS
