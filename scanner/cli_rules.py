"""The commands about rules: list, show, test, and the pages of the documentation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanner import console
from scanner.errors import UsageError

if TYPE_CHECKING:
    from scanner.rule import Rule

OK, FINDINGS = 0, 1


@click.group(name="rules")
def rules() -> None:
    """List, explain, test and write rules."""


@rules.command(name="list")
@console.config_option
@console.rules_options
def list_rules(config_path: str | None, rule_paths: tuple[str, ...], no_python_rules: bool) -> int:
    """List the rules by group, with severity and title.

    Those marked with * run only when they are selected.
    """
    loaded = _loaded(config_path, rule_paths, python=not no_python_rules)
    width = max(len(rule.id) for rule in loaded)
    for group, members in itertools.groupby(loaded, key=lambda rule: rule.group):
        click.echo(group)
        for rule in members:
            mark = "*" if rule.optional else " "
            click.echo(f"{mark} {rule.id:<{width}}  {rule.severity:<8}  {console.printable(rule.title)}")
    return OK


@rules.command()
@click.argument("id")
@console.config_option
@console.rules_options
def show(id: str, config_path: str | None, rule_paths: tuple[str, ...], no_python_rules: bool) -> int:
    """Explain a rule, with its examples.

    Why it is, how it is judged, what it reads, how to fix what it finds, and what each example gives.
    """
    from scanner.docs import rule_page

    loaded = _loaded(config_path, rule_paths, python=not no_python_rules)
    found = next((rule for rule in loaded if rule.id == id), None)
    if found is None:
        raise UsageError(f"no rule '{id}'", console.near_rule(id, [rule.id for rule in loaded]))
    click.echo(console.printable(rule_page(found)), nl=False)
    return OK


def _loaded(config_path: str | None, folders: Sequence[str], *, python: bool) -> list[Rule]:
    """Return every rule that a scan here would know of, those of `rules.paths` among them."""
    configured = console.read_config(config_path).rule_paths
    return console.load_rules([*configured, *folders], python=python)


@rules.command(name="test")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
def try_rules(paths: tuple[str, ...]) -> int:
    """Try rules on their examples, and packs on fixtures.

    Without PATH these are the built-in rules. PATH is a folder of rules, with fixtures in PATH/tests/CASE/ if it has
    any, or the file of one rule.
    """
    from scanner import fixtures, testing
    from scanner.rule import load_rules

    packs = [fixtures.find(Path(path)) for path in paths] or [fixtures.Pack(tuple(load_rules()))]
    wrong = 0
    for pack in packs:
        by_rule = (problem for rule in pack.rules for problem in testing.problems(rule))
        by_case = (problem for case in pack.cases for problem in fixtures.problems(case, pack.rules))
        for problem in itertools.chain(by_rule, by_case):
            wrong += 1
            click.echo(console.printable(problem))
    counts = {
        "rule": sum(len(pack.rules) for pack in packs),
        "example": sum(1 for pack in packs for rule in pack.rules for _ in testing.examples(rule)),
        "fixture": sum(len(pack.cases) for pack in packs),
    }
    for pack in packs:
        if untried := fixtures.without_cases(pack):
            click.echo(f"In no fixture: {', '.join(untried)}.")
    parts = [f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items() if count]
    click.echo(f"{', '.join(parts)}: {wrong} wrong.")
    return FINDINGS if wrong else OK


@rules.command(name="new")
@click.argument("path", metavar="GROUP/NAME")
@click.option("--python", is_flag=True, help="A rule with code, for what an expression cannot say.")
@click.option("--rules", "folder", default="rules", metavar="DIR", show_default=True, help="The folder of rules.")
def new(path: str, python: bool, folder: str) -> int:
    """Draft a rule that works, to be changed.

    Its id is GROUP-NAME.
    """
    from scanner import scaffold

    id = scaffold.rule_id(path)
    taken = next((rule for rule in console.load_rules(()) if rule.id == id), None)
    if taken:
        raise UsageError(f"rule id '{id}' is taken by {taken.path}", "Name another.")
    file = scaffold.write(Path(folder), path, python=python)
    click.echo(f"Wrote {file}: change its header, its examples and what it asserts, then")
    click.echo(f"  regionproof rules test {folder}            tries the examples")
    click.echo(f"  regionproof rules show {id} --rules {folder}")
    click.echo(f"  regionproof scan PATH --rules {folder}     uses it")
    return OK


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
