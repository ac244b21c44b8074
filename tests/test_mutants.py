"""No comparison of a rule can be turned round without an example that notices."""

import pytest
from mutants import mutants, survivors

from scanner.rule import load_rule, load_rules

RULES = load_rules()

LENIENT = '''\
"""
title: Repositories have a short name
severity: low
resource: AWS::ECR::Repository
rationale: A rule made up to try the mutants.
remediation: Nothing to do.
references: [https://example.com/]
examples:
  pass: [{RepositoryName: a}]
  fail: [{RepositoryName: abcdef}]
  unknown: [{RepositoryName: {Ref: Name}}]
"""

from scanner.rule import Violation


def check(repository, model, parameters):
    if len(repository["RepositoryName"]) > 5:
        yield Violation("It is long.", "/RepositoryName")
'''


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_example_notices_every_comparison_that_is_turned_round(rule):
    assert survivors(rule) == []


def test_a_boundary_that_no_example_stands_on_survives(tmp_path):
    path = tmp_path / "short.py"
    path.write_text(LENIENT)
    rule = load_rule("made-up-short", path)
    assert [mutant.change for mutant in mutants(rule)] == ["Gt -> GtE", "Gt -> LtE"]
    assert [mutant.change for mutant in survivors(rule)] == ["Gt -> GtE"]
    path.write_text(LENIENT.replace("{RepositoryName: a}", "{RepositoryName: abcde}"))
    assert survivors(load_rule("made-up-short", path)) == []


def test_expressions_are_turned_round_but_not_what_they_quote(tmp_path):
    path = tmp_path / "quoted.yaml"
    header = LENIENT.split('"""')[1]
    path.write_text(
        f"{header}assert: ImageTagMutability != 'a == b' && !(RepositoryName == `\"x || y\"`)\nmessage: Bad.\n"
    )
    found = [mutant.change for mutant in mutants(load_rule("made-up-quoted", path))]
    assert found == ["!= -> ==", "&& -> ||", "! -> nothing", "== -> !="]
