"""The command that loses a Region on paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanner import console
from scanner.errors import UsageError

if TYPE_CHECKING:
    from scanner.config import Config
    from scanner.drill import DrillReport
    from scanner.rule import Rule

RECOVERS, FAILS, INCOMPLETE = 0, 1, 3


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="SNAPSHOT [CODE...]")
@click.option("--lose", required=True, metavar="WHAT", help="A Region, or account:, registry:, cluster:, repository:.")
@console.config_option
@click.option("--format", "formats", multiple=True, metavar="F[=FILE][,..]", help="table, json, markdown (a runbook).")
@click.option("-o", "--output", metavar="PATH", help="A file for one format, a folder for several; - is stdout.")
@click.option("--with", "code", multiple=True, metavar="CODE", help="As it would be with this infrastructure code.")
@click.option("--assume", "assumed", multiple=True, metavar="replicated:GLOB", help="As if these repositories were.")
@click.option("--fail-back", is_flag=True, help="Turn every pair round: from the standby back to the primary.")
@click.option("--fail-on-incomplete", is_flag=True, help="Exit 3 if of some workload nobody can tell.")
@console.rules_options
def drill(
    paths: tuple[str, ...],
    lose: str,
    config_path: str | None,
    formats: tuple[str, ...],
    output: str | None,
    code: tuple[str, ...],
    assumed: tuple[str, ...],
    fail_back: bool,
    fail_on_incomplete: bool,
    rule_paths: tuple[str, ...],
    no_python_rules: bool,
) -> int:
    """Lose a Region on paper: which link breaks first?

    Never touches the network.  Exit codes: 0 all recover, 1 some do not, 3 of some nobody can tell (if asked).
    """
    from scanner.drill.what_if import Assumption
    from scanner.exercise import WhatIf, exercise
    from scanner.loss import Loss

    loss = Loss.parse(lose)
    what_if = WhatIf(tuple(map(Path, code)), tuple(map(Assumption.parse, assumed)), fail_back)
    config = console.read_config(config_path)
    rules = _rules_of_links(config, rule_paths, python=not no_python_rules)
    report = exercise([Path(path) for path in paths], rules, config, console.now(), loss, what_if)
    console.write_drill(report, formats, output)
    return _exit_code(report, fail_on_incomplete)


def _rules_of_links(config: Config, folders: Sequence[str], *, python: bool) -> list[Rule]:
    """Return the rules that judge links, optional or not, but for those that the configuration ignores."""
    from dataclasses import replace

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
    return INCOMPLETE if fail_on_incomplete and Outcome.UNKNOWN in outcomes else RECOVERS
