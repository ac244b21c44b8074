"""What README and docs say is so: the number of rules, the picture, commands and options, configuration, links."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from scanner import executors
from scanner.assets import schema
from scanner.chain import CHAIN
from scanner.cli import cli, main
from scanner.collectors import ecr_registry, kubernetes_file, objects
from scanner.config import read
from scanner.outcome import Outcome, State
from scanner.recorded import Stage
from scanner.reporters import REPORTERS, asff, csv, differences, github, markdown, ocsf, sarif, sarif_flows
from scanner.reporters import drill as drill_reporters
from scanner.reporters.html import findings as html_findings
from scanner.rule import load_rules
from scanner.serve import gameday, replay

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


def test_which_rules_have_to_be_selected():
    optional = [rule.group for rule in load_rules() if rule.optional]
    told = re.search(r"Those to be selected are (\d+) checks of .*?, and (\d+) more", README, re.DOTALL)
    assert told, "README says which rules have to be selected"
    security = optional.count("security")
    assert tuple(map(int, told.groups())) == (security, len(optional) - security)


FIGURES = [
    ("README.md", r"a chain of (\d+) links", len(CHAIN)),
    ("docs/collecting.md", r"at most (\d+) a registry", ecr_registry.MOST_STATUSES),
    ("docs/collecting.md", r"asks in (\w+) stages", len(Stage)),
    ("docs/comparing.md", r"show at most (\d+) of a kind", differences._MOST_ROWS),
    ("docs/kubernetes.md", r"A file may have up to (\d+) MiB", kubernetes_file.MAX_BYTES >> 20),
    ("docs/permissions.md", r"at most (\d+) a registry", ecr_registry.MOST_STATUSES),
    ("docs/reports.md", r"the worst ([\d,]+) findings", html_findings.MOST),
    ("docs/reports.md", r"([\d,]+) results and 10 MB compressed a file", sarif.MOST_RESULTS),
    ("docs/reports.md", r"25,000 results and (\d+) MB compressed a file", sarif.MOST_BYTES // 10**6),
    ("docs/reports.md", r"([\d,]+) kB, 60 kB for a comment", markdown.LIMITS["step"] // 1000),
    ("docs/reports.md", r"1,000 kB, (\d+) kB for a comment", markdown.LIMITS["comment"] // 1000),
    ("docs/reports.md", r"for a comment; (\d+) failures", markdown._MOST_FINDINGS),
    ("docs/reports.md", r"(\d+) of a level", github._PER_LEVEL),
    ("docs/reports.md", r"([\d,]+) characters a cell", csv._LONGEST),
    ("docs/reports.md", r"evidence above (\d+) kB", ocsf._EVIDENCE // 1000),
    ("docs/reports.md", r"(\d+) findings and 6 MB a request", asff._PER_BATCH),
    ("docs/reports.md", r"100 findings and (\d+) MB a request", asff._BATCH_BYTES // 10**6),
    ("docs/sarif.md", r"a run of more than ([\d,]+) results", sarif.MOST_RESULTS),
    ("docs/sarif.md", r"a file of more than (\d+) MB", sarif.MOST_BYTES // 10**6),
    ("docs/sarif.md", r"keeps ([\d,]+) results of a run", sarif.SHOWN_RESULTS),
    ("docs/sarif.md", r"Up to (\w+) accounts, or paths", sarif._FEW),
    ("docs/sarif.md", r"has flows for (\w+) of them", sarif_flows._MOST_CHAINS),
    ("docs/scale.md", r"About (\d+) accounts x Regions are one task", executors.TARGETS),
    ("docs/serve.md", r"the last (\d+) are kept", replay._RECORDS),
    ("docs/serve.md", r"with the images of (\d+)", replay._LISTINGS),
    ("docs/storage.md", r"larger than (\d+) MiB goes in pieces", objects._LARGE >> 20),
    ("docs/storage.md", r"the SDK tried (\d+) times", objects._ATTEMPTS),
]
WORDS = {"three": 3}


@pytest.mark.parametrize(("page", "pattern", "figure"), FIGURES)
def test_figures_are_those_of_the_code(page, pattern, figure):
    told = re.findall(pattern, (ROOT / page).read_text(encoding="utf-8"))
    assert [WORDS.get(each) or int(each.replace(",", "")) for each in told] == [figure], pattern


def test_versions_are_those_of_the_code():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.findall(r"Python ([\d.]+) or newer", README) == [project["requires-python"].removeprefix(">=")]
    assert README.rstrip().endswith(f"{project['license']}.")
    assert re.findall(r"OCSF ([\d.]+)", (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")) == [ocsf.VERSION]


def first_column(page, header):
    """Return the names in the first column of the table of a page that has this header."""
    _, _, table = (ROOT / page).read_text(encoding="utf-8").partition(f"{header}\n")
    rows = table.partition("\n\n")[0].splitlines()[1:]
    return [name for row in rows for name in row.split(" | ")[0].strip("| `").split("`, `")]


NAMES = [
    ("docs/reports.md", "| format | who reads it | how | limits, and what is left out |", set(REPORTERS)),
    (
        "docs/reports.md",
        "| format | what is left out | a finding's `baseline_state` | failures of the baseline that are none now |",
        set(REPORTERS),
    ),
    ("docs/drill.md", "| format | what it is |", set(drill_reporters.WRITERS)),
    ("docs/drill.md", "| state of a link | what it means |", set(State)),
    ("docs/drill.md", "| verdict | when |", set(Outcome)),
    (
        "docs/serve.md",
        "| kind | what the client gets |",
        set(schema("faults")["$defs"]["fault"]["properties"]["kind"]["enum"]),
    ),
]


@pytest.mark.parametrize(("page", "header", "names"), NAMES)
def test_tables_have_a_row_for_each(page, header, names):
    told = first_column(page, header)
    assert set(told) == names
    assert len(told) == len(names)


def test_the_table_of_commands_has_each():
    told = first_column("README.md", "| command | does |")
    assert {words.removeprefix("regionproof ").split()[0] for words in told if words.startswith("regionproof ")} == set(
        cli.commands
    )


def test_the_writes_of_a_game_day_are_those_that_it_simulates():
    header = "| service | operations |"
    _, _, table = (ROOT / "docs" / "game-day.md").read_text(encoding="utf-8").partition(header)
    told = re.findall(r"`(\w+)`", table.partition("\n\n")[0])
    assert sorted(told) == sorted(operation for writes in gameday.WRITES.values() for operation in writes)


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
