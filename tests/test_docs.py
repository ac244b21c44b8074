"""docs/rules/ is what the rules say, and a page says all of it."""

from pathlib import Path

import pytest

from scanner import docs, testing
from scanner.cli import main
from scanner.controls import frameworks
from scanner.finding import Status
from scanner.rule import load_rules

ROOT = Path(__file__).parents[1]
RULES = load_rules()
PAGES = docs.pages(RULES)

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def test_the_pages_in_git_are_those_of_the_rules():
    written = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "rules").iterdir()}
    assert sorted(written) == sorted(PAGES), "run `regionproof rules docs docs/rules`"
    for name, text in PAGES.items():
        assert written[name] == text, f"{name}: run `regionproof rules docs docs/rules`"


@every_rule
def test_a_page_says_what_the_header_says(rule):
    page, header = PAGES[f"{rule.id}.md"], rule.header
    for text in (header["rationale"], header["remediation"], *header["references"], *header.get("traps", ())):
        assert " ".join(text.split()) in " ".join(page.split())
    for name in header.get("parameters", {}):
        assert f"`{name}` (" in page
    for ids in header.get("controls", {}).values():
        for id in ids:
            assert f" {id}: " in page
    for expression in (header.get("assert"), header.get("when")):
        assert expression is None or expression.strip() in page
    assert "\n\n\n" not in page
    assert all(line == line.rstrip() for line in page.splitlines())


@every_rule
def test_a_page_shows_what_each_failing_and_undecided_example_gives(rule):
    page = PAGES[f"{rule.id}.md"]
    for status, example in testing.examples(rule):
        if status in (Status.FAIL, Status.UNKNOWN):
            for finding in testing.run(rule, example):
                assert finding.status is not status or f"> **{status}**: {finding.message}" in page


@every_rule
def test_a_page_names_the_calls_that_a_live_account_has_to_allow(rule):
    page = PAGES[f"{rule.id}.md"]
    assert "\necr:DescribeRegistry\n" in page  # pairs follow from it
    assert ("\necr:DescribeImages\n" in page) is ("AWS::ECR::Image" in rule.needs)
    assert "\necs:ListServices\n" in page or "AWS::ECS::Service" not in rule.needs


@every_rule
def test_every_control_of_a_rule_has_a_title(rule):
    for framework, ids in rule.header.get("controls", {}).items():
        assert set(ids) <= set(frameworks()[framework].controls), framework


@every_rule
def test_every_rule_names_its_traps(rule):
    assert all(trap.endswith(".") for trap in rule.header["traps"])


@every_rule
def test_a_header_has_the_lines_of_its_file(rule):
    """Python takes a backslash and the end of its line away, and the comments of examples would move."""
    header = Path(rule.path).read_text(encoding="utf-8").partition('\n"""')[0]
    assert header.startswith('r"""') or "\\" not in header or rule.path.endswith(".yaml")


def test_the_index_has_every_rule_under_its_group():
    index = PAGES[docs.INDEX]
    for rule in RULES:
        assert f"\n## {rule.group}\n" in index
        marks = f"{rule.severity}, optional" if rule.optional else rule.severity
        assert f"| [{rule.id}]({rule.id}.md) | {marks} | {rule.title} |" in index


def test_writing_the_pages_takes_away_only_pages_that_it_made(tmp_path):
    (tmp_path / "gone.md").write_text(docs.MARK + "\n")
    (tmp_path / "mine.md").write_text("# Mine\n")
    with pytest.raises(SystemExit) as stop:
        main(["rules", "docs", str(tmp_path)])
    assert stop.value.code == 0
    assert {page.name for page in tmp_path.iterdir()} == {*PAGES, "mine.md"}


def test_a_rule_of_a_pack_may_know_its_own_framework_and_be_optional(tmp_path):
    folder = tmp_path / "team"
    folder.mkdir()
    (folder / "owned.yaml").write_text("""\
title: Repositories are immutable
severity: low
resource: AWS::ECR::Repository
optional: true
rationale: Because the team has agreed on it.
remediation: Set the tag.
references: ["https://example.com"]
controls: {acme: [A-1]}
assert: ImageTagMutability == 'IMMUTABLE'
message: It is not.
examples:
  pass:
    - {ImageTagMutability: IMMUTABLE}
    - {ImageTagMutability: IMMUTABLE}
    - {ImageTagMutability: IMMUTABLE}  # said once more
  fail: [{}]
  unknown: [{ImageTagMutability: {Unknown: denied}}]
""")
    (rule,) = (rule for rule in load_rules([tmp_path]) if rule.id == "team-owned")
    page = docs.rule_page(rule)
    assert "It is optional: it runs only when it is selected." in page
    assert "- acme A-1\n" in page
    assert page.count("{ImageTagMutability: IMMUTABLE}") == 2  # the first, and the one with something to say
    assert "\n\nSaid once more.\n\n```yaml\n" in page
    assert "| low, optional |" in docs.index([rule])


def test_a_comment_belongs_to_its_own_example(tmp_path):
    """An example that ends with an alias ends, for YAML, where the next one begins."""
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "immutable.yaml").write_text("""\
title: Repositories are immutable
severity: low
resource: AWS::ECR::Repository
rationale: Because the team has agreed on it.
remediation: Set the tag to be immutable.
references: ["https://example.com"]
assert: ImageTagMutability == 'IMMUTABLE'
message: It is not.
examples:
  pass: [{ImageTagMutability: IMMUTABLE}]
  fail:
    - ImageTagMutability: &bad MUTABLE  # the first
    - ImageTagMutability: *bad
    - ImageTagMutability: *bad  # the third
  unknown: [{ImageTagMutability: {Unknown: denied}}]
""")
    (rule,) = (rule for rule in load_rules([tmp_path]) if rule.id == "team-immutable")
    _, _, failing = docs.rule_page(rule).partition("### Fails")
    shown = failing.partition("### Undecided")[0]
    captions = [line for line in shown.splitlines() if line.startswith("The ")]
    assert captions == ["The first.", "The third."]
