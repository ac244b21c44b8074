"""The JMESPath that a rule may use: parsed by jmespath itself, and refused where its size or growth is absurd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

MAX_LENGTH = 2000
"""Characters of an expression: people read them."""
MAX_DEPTH = 64
"""Levels of an expression's syntax tree, and of a literal in it."""
MAX_GROWTH = 1000
"""How many times larger than its input a value may become on the way: `[@,@]|[@,@]|...` doubles it every time."""

Node = Mapping[str, Any]
"""A node of jmespath's own syntax tree: `type`, `children`, and a `value` where it has one."""


class ExpressionError(ValueError):
    """A text that is not JMESPath, or asks for too much; the message says why."""


def parse(text: str) -> Node:
    """Return the syntax tree of an expression; raise `ExpressionError` for one that no rule may use."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression of {len(text)} characters is too long (at most {MAX_LENGTH})")
    try:
        tree: Node = jmespath.compile(text).parsed
    except JMESPathError as error:
        raise ExpressionError(" ".join(str(error).split())) from error
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # a literal number that Python does not read
        raise ExpressionError(str(error)) from error
    _check(tree)
    return tree


def _too_deep() -> ExpressionError:
    return ExpressionError(f"nested deeper than {MAX_DEPTH} levels")


def _children(node: Node) -> list[Node]:
    return [child for child in node["children"] if isinstance(child, dict)]


def _check(tree: Node) -> None:
    """Raise `ExpressionError` for what is parsed but cannot be meant."""
    level = [tree]
    for _ in range(MAX_DEPTH):
        for node in level:
            _check_node(node)
        level = [child for node in level for child in _children(node)]
    if level:
        raise _too_deep()
    growth_of(tree)


def _check_node(node: Node) -> None:
    if node["type"] == "slice" and node["children"][2] == 0:
        raise ExpressionError("a slice of step 0")
    if node["type"] == "literal":
        _literal_size(node["value"], MAX_DEPTH)
    if node["type"] != "function_expression":
        return
    name, given = node["value"], len(node["children"])
    spec = Functions.FUNCTION_TABLE.get(name)
    if spec is None:
        raise ExpressionError(f"there is no function {name}()")
    wanted = len(spec["signature"])
    variadic = bool(spec["signature"]) and spec["signature"][-1].get("variadic", False)
    if given < wanted or (given > wanted and not variadic):
        raise ExpressionError(f"{name}() takes {wanted}{' or more' if variadic else ''} arguments, not {given}")


def _literal_size(value: Any, depth: int) -> int:
    """Return how many values and characters a literal holds; raise `ExpressionError` if it is nested too deeply."""
    if not depth:
        raise _too_deep()
    if isinstance(value, dict):
        return 1 + sum(len(key) + _literal_size(item, depth - 1) for key, item in value.items())
    if isinstance(value, list):
        return 1 + sum(_literal_size(item, depth - 1) for item in value)
    return max(1, len(value)) if isinstance(value, str) else 1


_SCALAR = frozenset(
    ("abs", "avg", "ceil", "contains", "ends_with", "floor", "length", "starts_with", "sum", "to_number", "type")
)
"""Functions whose result is a number, a boolean or a word."""
_ESCAPED = 12
"""`to_string` writes one character with at most so many: two escapes of a surrogate pair."""


def growth_of(node: Node) -> int:
    """Return how many times larger than its input a node's value can be, everything it shares counted each time.

    Raises `ExpressionError` if that, or what is made on the way, is more than `MAX_GROWTH`.
    """
    kind, inner = node["type"], [growth_of(child) for child in _children(node)]
    if kind == "literal":
        return _literal_size(node["value"], MAX_DEPTH)
    if kind in ("subexpression", "index_expression", "pipe", "projection", "value_projection"):
        growth = inner[0]
        for factor in inner[1:]:
            growth *= factor
    elif kind == "filter_projection":
        growth = inner[0] * max(inner[1:])  # the condition is asked of each element, and forgotten
    elif kind in ("multi_select_list", "multi_select_dict"):
        growth = 1 + sum(inner)
    elif kind == "function_expression":
        growth = _call_growth(node["value"], inner)
    elif kind in ("comparator", "not_expression"):
        growth = 1
    else:
        growth = max(inner, default=1)
    if growth > MAX_GROWTH:
        raise ExpressionError(f"it can make {growth} times what it reads (at most {MAX_GROWTH})")
    return growth


def _call_growth(name: str, inner: Sequence[int]) -> int:
    if name in _SCALAR:
        return 1
    if name == "to_string":
        return _ESCAPED * inner[0]
    if name == "map":
        return inner[0] * inner[1]
    return 1 + sum(inner)
