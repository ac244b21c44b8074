"""What README and docs say is so: the number of rules, the picture, commands and options, configuration, links."""

import re
import shlex
from pathlib import Path

import click
import pytest

from scanner.cli import cli, main
from scanner.config import read
from scanner.rule import load_rules

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "sample-reports" / "README.md"])
BLOCK = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    return [text for name, text in BLOCK.findall(page.read_text(encoding="utf-8")) if name == language]


def commands():
    for page in PAGES:
        for text in [*blocks(page, ""), *blocks(page, "console")]:
            for line in text.replace("\\\n", " ").splitlines():
                at = re.search(r"(?:^|\$ |&& )(regionproof .*)", line)
                if at and not re.match(r"regionproof \d", at[1]):
                    yield page.name, at[1]


def test_the_number_of_rules():
    rules = load_rules()
    optional = sum(rule.optional for rule in rules)
    told = re.search(r"There are (\d+) rules: (\d+) run by default, (\d+) only when they are selected", README)
    assert told, "README says how many rules there are"
    assert tuple(map(int, told.groups())) == (len(rules), len(rules) - optional, optional)


def test_a_snapshot_for_the_default_rules_does_for_the_group_security():
    """docs/permissions.md says so."""
    rules = load_rules()
    default = frozenset().union(*(rule.needs for rule in rules if not rule.optional))
    assert frozenset().union(*(rule.needs for rule in rules if rule.group == "security")) <= default


def test_the_picture_is_from_the_sample_report():
    (picture,) = (text for text in blocks(ROOT / "README.md", "") if text.startswith("regionproof 0"))
    sample = (ROOT / "sample-reports" / "regionproof.txt").read_text(encoding="utf-8")
    at = 0
    for part in picture.split("...\n"):
        assert part in sample[at:], part
        at = sample.index(part, at) + len(part)


def test_the_configuration_is_valid(tmp_path):
    (text,) = blocks(ROOT / "README.md", "yaml")
    (tmp_path / "regionproof.yaml").write_text(text)
    config = read(tmp_path / "regionproof.yaml")
    known = {rule.id for rule in load_rules()}
    assert {exemption.rule for exemption in config.exemptions} <= known
    assert config.tiers
    assert config.evidence


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_commands_and_options_exist(page, line):
    words = shlex.split(line.partition("#")[0].partition(">")[0])[1:]
    command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{page}: {line}"
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    used = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert used <= known, f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("group", [(), ("rules",)])
def test_what_a_command_does_is_not_cut_short_in_help(monkeypatch, capsys, group):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*group, "-h"])
    text = capsys.readouterr().out
    assert "..." not in text.partition("Commands:\n")[2]
    assert max(map(len, text.splitlines())) <= 80
