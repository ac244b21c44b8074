"""Every comparison of a rule, turned round: does an example notice?

    python tests/mutants.py [RULE-ID-PREFIX ...]

A mutant is a rule in which one comparison, `not`, `and` or `or` says the opposite, or takes its boundary in or out.
It is noticed when an example no longer gives the findings it gave before: verdicts, severities, messages, evidence.
What
survives is decided by no example: it wants one, or simpler code.
"""

from __future__ import annotations

import ast
import copy
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner import testing
from scanner.config import Config
from scanner.engine import evaluate
from scanner.errors import RegionproofError
from scanner.model import Model
from scanner.rule import Rule, load_rule, load_rules

OTHERS = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
WORDS = {
    "==": ("!=",),
    "!=": ("==",),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "&&": ("||",),
    "||": ("&&",),
}
TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"|==|!=|<=|>=|&&|\|\||<|>|!")
EXPRESSIONS = ("when", "each", "assert")


@dataclass(frozen=True)
class Mutant:
    """A changed rule: where and how it was changed, and its source."""

    where: str
    change: str
    source: str


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Yield every mutant of a rule."""
    text = Path(rule.path).read_text(encoding="utf-8")
    yield from _of_python(text) if rule.path.endswith(".py") else _of_yaml(rule, text)


def _of_python(text: str) -> Iterator[Mutant]:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for number, operator in enumerate(node.ops):
                for other in OTHERS.get(type(operator), ()):
                    node.ops[number] = other()
                    yield _mutant(tree, node, type(operator).__name__, other.__name__)
                node.ops[number] = operator
        elif isinstance(node, ast.BoolOp):
            operator = node.op
            for other in OTHERS[type(operator)]:
                node.op = other()
                yield _mutant(tree, node, type(operator).__name__, other.__name__)
            node.op = operator
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            changed = copy.copy(node)
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
            yield _mutant(tree, changed, "not x", "x")
            node.op, node.operand = changed.op, changed.operand


def _mutant(tree: ast.Module, node: ast.expr, before: str, after: str) -> Mutant:
    return Mutant(f"line {node.lineno}: {ast.unparse(node)}", f"{before} -> {after}", ast.unparse(tree))


def _of_yaml(rule: Rule, text: str) -> Iterator[Mutant]:
    import yaml

    header = yaml.safe_load(text)
    for name in EXPRESSIONS:
        expression = header.get(name, "")
        for token in TOKEN.finditer(expression):
            for other in WORDS.get(token[0], ("",) if token[0] == "!" else ()):
                changed = expression[: token.start()] + other + expression[token.end() :]
                source = yaml.safe_dump({**header, name: changed}, sort_keys=False, allow_unicode=True)
                yield Mutant(f"{name}: {' '.join(expression.split())}", f"{token[0]} -> {other or 'nothing'}", source)


def survivors(rule: Rule) -> list[Mutant]:
    """Return the mutants of a rule that every example takes for the rule itself."""
    cases = [(example, testing.model(rule, example)) for _, example in testing.examples(rule)]
    before = [_findings(rule, example, model) for example, model in cases]
    alive = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(rule.path).name
        for mutant in mutants(rule):
            file.write_text(mutant.source, encoding="utf-8")
            try:
                changed = load_rule(rule.id, file, trusted=True)
            except RegionproofError:
                continue  # a rule that does not load judges nothing
            if all(_findings(changed, *case) == found for case, found in zip(cases, before, strict=True)):
                alive.append(mutant)
    return alive


def _findings(rule: Rule, example: Mapping[str, Any], model: Model) -> list[tuple[str, ...]]:
    configured = rule.with_parameters(example.get("Parameters", {}), None)
    found = evaluate(model, [configured], Config())
    return [
        (f.resource.id, str(f.counterpart), f.status, f.severity, f.message, f.pointer, repr(f.evidence)) for f in found
    ]


def main(prefixes: Sequence[str]) -> int:
    """Print the survivors among the mutants of the rules whose ids begin so; return 1 if there are any."""
    alive = every = 0
    for rule in load_rules():
        if prefixes and not rule.id.startswith(tuple(prefixes)):
            continue
        every += sum(1 for _ in mutants(rule))
        for mutant in survivors(rule):
            alive += 1
            print(f"{rule.id}: {mutant.change} in {mutant.where}")
    print(f"{every} mutants, {alive} survive")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
