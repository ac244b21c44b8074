"""The commands about rules: list, show, test, and the pages of the documentation."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from scanner import console
from scanner.errors import UsageError

OK, FINDINGS = 0, 1


@click.group(name="rules")
def rules() -> None:
    """List, explain, test and write rules."""


@rules.command(name="list")
@console.rules_options
def list_rules(rule_paths: tuple[str, ...], no_python_rules: bool) -> int:
    """List the rules by group: id, severity, title; those marked with * run only when they are selected."""
    loaded = console.load_rules(rule_paths, python=not no_python_rules)
    width = max(len(rule.id) for rule in loaded)
    for group, members in groupby(loaded, key=lambda rule: rule.group):
        click.echo(group)
        for rule in members:
            mark = "*" if rule.optional else " "
            click.echo(f"{mark} {rule.id:<{width}}  {rule.severity:<8}  {console.printable(rule.title)}")
    return OK


@rules.command()
@click.argument("id")
@console.rules_options
def show(id: str, rule_paths: tuple[str, ...], no_python_rules: bool) -> int:
    """Explain a rule: why, how it is judged, what it reads, how to fix it, examples with what they give."""
    from scanner.docs import rule_page

    loaded = console.load_rules(rule_paths, python=not no_python_rules)
    found = next((rule for rule in loaded if rule.id == id), None)
    if found is None:
        raise UsageError(f"no rule '{id}'", console.near(id, [rule.id for rule in loaded]))
    click.echo(console.printable(rule_page(found)), nl=False)
    return OK


@rules.command(name="test")
@click.argument("folders", nargs=-1, metavar="[DIR...]")
def rules_test(folders: tuple[str, ...]) -> int:
    """Run the examples of the built-in rules, or of the rules in DIR."""
    from scanner.testing import examples, holds, run, undeclared

    loaded = console.load_rules(folders)
    if folders:
        loaded = [rule for rule in loaded if any(rule.path.startswith(str(Path(folder))) for folder in folders)]
    count, wrong = 0, 0
    for rule in loaded:
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
    click.echo(f"{len(loaded)} rules, {count} examples, {wrong} wrong.")
    return FINDINGS if wrong else OK


@rules.command(name="docs", hidden=True)
@click.argument("folder", metavar="DIR")
def write_docs(folder: str) -> int:
    """Write a page about each built-in rule, and an index, and take away the pages of rules that are gone."""
    from scanner.docs import MARK, pages
    from scanner.output import replacing
    from scanner.rule import load_rules

    made = pages(load_rules())
    for name, text in made.items():
        with replacing(Path(folder) / name) as out:
            out.write(text)
    for page in sorted(Path(folder).glob("*.md")):
        if page.name not in made and page.read_text(encoding="utf-8").startswith(MARK):
            page.unlink()
    click.echo(f"Wrote {len(made)} pages to {folder}.", err=True)
    return OK
