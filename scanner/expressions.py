"""JMESPath, compiled: the parser is jmespath's own, its syntax tree becomes functions that call one another.

The results are those of jmespath.py, and reading what was not seen raises `InsufficientData` as it does there: the
guarded containers of the model see to it.  Three things differ.  Functions that do not exist, a wrong number of
arguments, and a slice of step 0 are refused when the expression is compiled, not when it happens to be reached.  An
expression whose size, depth or possible growth is absurd is refused too.  A text that `join` would make is limited.

A compiled expression reads each part of its input a fixed number of times: there is no recursion in JMESPath, and no
way back to the root.  So its cost is linear in the input, with a factor that `syntax` bounds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jmespath.functions import Functions

from scanner.guarded import InsufficientData, Items, Properties, Unknown
from scanner.syntax import ExpressionError, Node, parse

MAX_TEXT = 1_000_000
"""Characters that `join` may make: the one function whose result is not bounded by a multiple of its input."""

Run = Callable[[Any], Any]


class Expression:
    """A compiled expression."""

    def __init__(self, text: str) -> None:
        """Compile `text`; raise `ExpressionError`."""
        self.text = text
        self.search: Run = _compiled(parse(text))


def truth(value: Any) -> bool:
    """Return JMESPath's truth of a value: false for null, false, and empty strings, lists and objects."""
    if value is True:
        return True
    if type(value) is Unknown:
        raise InsufficientData(value.reason)
    return not (value is None or value is False or (isinstance(value, (str, list, dict)) and len(value) == 0))


def _compiled(node: Node) -> Run:
    """Return the function that gives a node's value."""
    return _COMPILERS[node["type"]](node)


def _chain(node: Node) -> Run:
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


def _field(node: Node) -> Run:
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


def _literal(node: Node) -> Run:
    constant = node["value"]
    return lambda _: constant


def _index(node: Node) -> Run:
    at = node["value"]

    def index(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        try:
            return value[at]
        except IndexError:
            return None

    return index


def _slice(node: Node) -> Run:
    which = slice(*node["children"])
    return lambda value: value[which] if isinstance(value, list) else None


def _projection(node: Node) -> Run:
    base, each = (_compiled(child) for child in node["children"])

    def projection(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        return [found for item in items if (found := each(item)) is not None]

    return projection


def _value_projection(node: Node) -> Run:
    base, each = (_compiled(child) for child in node["children"])

    def projection(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, dict):
            return None
        return [found for item in items.values() if (found := each(item)) is not None]

    return projection


def _filter(node: Node) -> Run:
    base, each, condition = (_compiled(child) for child in node["children"])

    def projection(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        return [found for item in items if truth(condition(item)) and (found := each(item)) is not None]

    return projection


def _flatten(node: Node) -> Run:
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


def _list(node: Node) -> Run:
    runs = [_compiled(child) for child in node["children"]]
    return lambda value: None if value is None else [run(value) for run in runs]


def _dict(node: Node) -> Run:
    runs = [(child["value"], _compiled(child["children"][0])) for child in node["children"]]
    return lambda value: None if value is None else {key: run(value) for key, run in runs}


def _or(node: Node) -> Run:
    left, right = (_compiled(child) for child in node["children"])

    def either(value: Any) -> Any:
        found = left(value)
        return found if truth(found) else right(value)

    return either


def _and(node: Node) -> Run:
    left, right = (_compiled(child) for child in node["children"])

    def both(value: Any) -> Any:
        found = left(value)
        return right(value) if truth(found) else found

    return both


def _not(node: Node) -> Run:
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


def _comparator(node: Node) -> Run:
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


def _reference(node: Node) -> Run:
    reference = _Reference(_compiled(node["children"][0]))
    return lambda _: reference


_functions = Functions()


def _call(node: Node) -> Run:
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


_COMPILERS: Mapping[str, Callable[[Node], Run]] = {
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
