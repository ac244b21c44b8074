"""What a rule says it needs is what it reads; what the rules need, and nothing else, is asked."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from scanner import testing
from scanner.cli import main
from scanner.rule import load_rules

RULES = load_rules()
TYPE = re.compile(r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+")

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


@every_rule
def test_no_rule_reads_a_type_that_it_does_not_declare(rule):
    assert testing.undeclared(rule) == frozenset()


@every_rule
def test_no_rule_declares_more_than_it_may_read(rule):
    """What the header needs beside the subjects is read in one of the examples: else it would be asked for nothing."""
    alone = replace(rule, needs=frozenset())
    read = testing.undeclared(alone)
    assert set(rule.header.get("needs", ())) <= read
    assert not set(rule.header.get("needs", ())) & set(rule.resource)


@every_rule
def test_types_that_the_code_names_are_declared(rule):
    if not rule.path.endswith(".py"):
        return
    code = ast.parse(Path(rule.path).read_text(encoding="utf-8")).body[1:]
    named = {
        node.value
        for statement in code
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and TYPE.fullmatch(node.value)
    }
    assert named <= rule.needs


@pytest.fixture
def forgetful(tmp_path):
    """A folder with a rule that does not say what it needs."""
    text = Path(next(rule.path for rule in RULES if rule.id == "ecs-service-in-standby")).read_text(encoding="utf-8")
    (tmp_path / "ecs").mkdir()
    (tmp_path / "ecs" / "copy.py").write_text(re.sub("^needs: .*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    return tmp_path


def test_a_type_that_is_not_declared_is_found(forgetful):
    (copy,) = (rule for rule in load_rules([forgetful]) if rule.id == "ecs-copy")
    assert testing.undeclared(copy) == {"AWS::ECS::TaskDefinition", "AWS::ECR::Image"}


def test_rules_test_says_which_type_is_missing(forgetful, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["rules", "test", str(forgetful)])
    assert stop.value.code == 1
    assert "reads AWS::ECR::Image, AWS::ECS::TaskDefinition; name it under `needs`" in capsys.readouterr().out
