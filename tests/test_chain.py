"""The chain of a drill, and the rules that judge its links."""

from scanner.assets import schema
from scanner.chain import CHAIN
from scanner.rule import load_rules

IDS = [link.id for link in CHAIN]


def test_the_header_of_a_rule_knows_every_link():
    assert schema("rule")["properties"]["link"]["enum"] == IDS
    assert len(set(IDS)) == len(IDS)


def test_every_link_is_judged_by_a_rule_and_no_rule_judges_another():
    assert {rule.link for rule in load_rules()} - {None} == set(IDS)
