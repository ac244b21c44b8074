"""JMESPath, compiled: the parser is jmespath's own, its syntax tree becomes functions that call one another.

The results are those of jmespath.py, and reading what was not seen raises `InsufficientData` as it does there: the
guarded containers of the model see to it.  Three things differ.  Functions that do not exist, a wrong number of
arguments, and a slice of step 0 are refused when the expression is compiled, not when it happens to be reached.  An
expression whose size, depth or possible growth is absurd is refused too.  A text that `join` would make is limited.

A compiled expression reads each part of its input a fixed number of times: there is no recursion in JMESPath, and no
way back to the root.  So its cost is linear in the input, with a factor that `_growth` bounds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from scanner.guarded import InsufficientData, Items, Properties, Unknown

MAX_LENGTH = 2000
"""Characters of an expression: people read them."""
MAX_DEPTH = 64
"""Levels of an expression's syntax tree, and of a literal in it."""
MAX_GROWTH = 1000
"""How many times larger than its input a value may become on the way: `[@,@]|[@,@]|...` doubles it every time."""
MAX_TEXT = 1_000_000
"""Characters that `join` may make: the one function whose result is not bounded by a multiple of its input."""

Run = Callable[[Any], Any]
_Node = Mapping[str, Any]


class ExpressionError(ValueError):
    """A text that is not JMESPath, or asks for too much; the message says why."""


class Expression:
    """A compiled expression."""

    def __init__(self, text: str) -> None:
        """Compile `text`; raise `ExpressionError`."""
        self.text = text
        tree = _parse(text)
        _check(tree)
        self.search: Run = _compiled(tree)


def truth(value: Any) -> bool:
    """Return JMESPath's truth of a value: false for null, false, and empty strings, lists and objects."""
    if value is True:
        return True
    if type(value) is Unknown:
        raise InsufficientData(value.reason)
    return not (value is None or value is False or (isinstance(value, (str, list, dict)) and len(value) == 0))


def _parse(text: str) -> _Node:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression of {len(text)} characters is too long (at most {MAX_LENGTH})")
    try:
        tree: _Node = jmespath.compile(text).parsed
    except JMESPathError as error:
        raise ExpressionError(" ".join(str(error).split())) from error
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # a literal number that Python does not read
        raise ExpressionError(str(error)) from error
    return tree


def _too_deep() -> ExpressionError:
    return ExpressionError(f"nested deeper than {MAX_DEPTH} levels")


def _children(node: _Node) -> list[_Node]:
    return [child for child in node["children"] if isinstance(child, dict)]


def _check(tree: _Node) -> None:
    """Raise `ExpressionError` for what is parsed but cannot be meant."""
    level = [tree]
    for _ in range(MAX_DEPTH):
        for node in level:
            _check_node(node)
        level = [child for node in level for child in _children(node)]
    if level:
        raise _too_deep()
    _growth(tree)


def _check_node(node: _Node) -> None:
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


def _growth(node: _Node) -> int:
    """Return how many times larger than its input a node's value can be, everything it shares counted each time.

    Raises `ExpressionError` if that, or what is made on the way, is more than `MAX_GROWTH`.
    """
    kind, inner = node["type"], [_growth(child) for child in _children(node)]
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


def _compiled(node: _Node) -> Run:
    """Return the function that gives a node's value."""
    return _COMPILERS[node["type"]](node)


def _chain(node: _Node) -> Run:
    runs = [_compiled(child) for child in node["children"] if child["type"] not in ("identity", "current")]
    if len(runs) == 1:
        return runs[0]
    if len(runs) == 2:
        first, second = runs
        return lambda value: second(first(value))

    def chain(value: Any) -> Any:
        for run in runs:
            value = run(value)
        return value

    return chain


def _same(value: Any) -> Any:
    return value


def _field(node: _Node) -> Run:
    name = node["value"]

    def field(value: Any) -> Any:
        if isinstance(value, dict):
            return value.get(name)
        return _unread(value)

    return field


def _unread(value: Any) -> None:
    """Return null, which a field or an index of anything but a container is; raise for what was not seen."""
    if type(value) is Unknown:
        raise InsufficientData(value.reason)


def _literal(node: _Node) -> Run:
    constant = node["value"]
    return lambda _: constant


def _index(node: _Node) -> Run:
    at = node["value"]

    def index(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        try:
            return value[at]
        except IndexError:
            return None

    return index


def _slice(node: _Node) -> Run:
    which = slice(*node["children"])
    return lambda value: value[which] if isinstance(value, list) else None


def _projection(node: _Node) -> Run:
    base, each = (_compiled(child) for child in node["children"])

    def projection(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        return [found for item in items if (found := each(item)) is not None]

    return projection


def _value_projection(node: _Node) -> Run:
    base, each = (_compiled(child) for child in node["children"])

    def projection(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, dict):
            return None
        return [found for item in items.values() if (found := each(item)) is not None]

    return projection


def _filter(node: _Node) -> Run:
    base, each, condition = (_compiled(child) for child in node["children"])

    def projection(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        return [found for item in items if truth(condition(item)) and (found := each(item)) is not None]

    return projection


def _flatten(node: _Node) -> Run:
    base = _compiled(node["children"][0])

    def flatten(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        merged: list[Any] = []
        for item in items:
            if isinstance(item, list):
                merged.extend(item)
            else:
                merged.append(item)
        return merged

    return flatten


def _list(node: _Node) -> Run:
    runs = [_compiled(child) for child in node["children"]]
    return lambda value: None if value is None else [run(value) for run in runs]


def _dict(node: _Node) -> Run:
    runs = [(child["value"], _compiled(child["children"][0])) for child in node["children"]]
    return lambda value: None if value is None else {key: run(value) for key, run in runs}


def _or(node: _Node) -> Run:
    left, right = (_compiled(child) for child in node["children"])

    def either(value: Any) -> Any:
        found = left(value)
        return found if truth(found) else right(value)

    return either


def _and(node: _Node) -> Run:
    left, right = (_compiled(child) for child in node["children"])

    def both(value: Any) -> Any:
        found = left(value)
        return right(value) if truth(found) else found

    return both


def _not(node: _Node) -> Run:
    inner = _compiled(node["children"][0])
    return lambda value: not truth(inner(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(left: Any, right: Any) -> Any:
    """Compare as jmespath.py does, where 0 and 1 equal no boolean."""
    if type(left) is str:  # by far the most common
        return left == right
    if _is_number(left) and left in (0, 1):
        return not isinstance(right, bool) and left == right
    if _is_number(right) and right in (0, 1):
        return not isinstance(left, bool) and left == right
    return left == right


def _comparator(node: _Node) -> Run:
    left, right = (_compiled(child) for child in node["children"])
    if node["value"] == "eq":
        return lambda value: _equal(left(value), right(value))
    if node["value"] == "ne":
        return lambda value: not _equal(left(value), right(value))
    compare = {"lt": operator.lt, "gt": operator.gt, "lte": operator.le, "gte": operator.ge}[node["value"]]

    def ordered(value: Any) -> Any:
        one, other = left(value), right(value)
        return compare(one, other) if _is_ordered(one) and _is_ordered(other) else None

    return ordered


def _is_ordered(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


class _Reference:
    """`&expression`, as the functions of jmespath.py want it: they tell it by the name of its class."""

    def __init__(self, run: Run) -> None:
        self.expression = run

    def visit(self, run: Run, value: Any) -> Any:
        return run(value)


_Reference.__name__ = "_Expression"


def _reference(node: _Node) -> Run:
    reference = _Reference(_compiled(node["children"][0]))
    return lambda _: reference


_functions = Functions()


def _call(node: _Node) -> Run:
    name, runs = node["value"], [_compiled(child) for child in node["children"]]
    spec = Functions.FUNCTION_TABLE[name]
    function, fits = spec["function"], _fits(spec["signature"])

    def call(value: Any) -> Any:
        arguments = [run(value) for run in runs]
        if not fits(arguments):
            return _functions.call_function(name, arguments)  # which says what is wrong with them, or unseen in them
        if name == "join":
            _must_be_short(*arguments)
        return function(_functions, *arguments)

    return call


_TYPES: Mapping[str, frozenset[type]] = {
    "array": frozenset((list, Items)),
    "boolean": frozenset((bool,)),
    "expref": frozenset((_Reference,)),
    "null": frozenset((type(None),)),
    "number": frozenset((int, float)),
    "object": frozenset((dict, Properties)),
    "string": frozenset((str,)),
}


def _fits(signature: Sequence[Mapping[str, Any]]) -> Callable[[list[Any]], bool]:
    """Return a test that arguments fit a signature; jmespath.py works out anew for each call what that means."""
    kinds = []
    for argument in signature:
        outer = [_TYPES[type.partition("-")[0]] for type in argument["types"]]
        inner = [_TYPES[type.partition("-")[2]] for type in argument["types"] if "-" in type]
        kinds.append((frozenset[type]().union(*outer), inner))

    def fits(arguments: list[Any]) -> bool:
        for argument, (outer, inner) in zip(arguments, kinds, strict=False):
            if outer and type(argument) not in outer:
                return False
            if inner:
                items = set(map(type, argument.raw() if type(argument) is Items else argument))
                if not any(items <= allowed for allowed in inner):
                    return False
        return True

    return fits


def _must_be_short(separator: str, texts: Sequence[str]) -> None:
    size = len(separator) * len(texts) + sum(map(len, texts))
    if size > MAX_TEXT:
        raise ExpressionError(f"join() would make a text of {size} characters (at most {MAX_TEXT})")


_COMPILERS: Mapping[str, Callable[[_Node], Run]] = {
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "field": _field,
    "current": lambda _: _same,
    "identity": lambda _: _same,
    "literal": _literal,
    "index": _index,
    "slice": _slice,
    "projection": _projection,
    "value_projection": _value_projection,
    "filter_projection": _filter,
    "flatten": _flatten,
    "multi_select_list": _list,
    "multi_select_dict": _dict,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "comparator": _comparator,
    "expref": _reference,
    "function_expression": _call,
}
