"""Expressions to values, three-valued: what depends on something unknown is unknown, and nothing else is.

Nothing is executed.  An expression that would take too long, or make too much, is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scanner.guarded import Unknown
from scanner.parsers.terraform import functions, nodes, operators
from scanner.parsers.terraform.access import Settling, attribute, element, joined, opened, pairs, unknown_in
from scanner.parsers.terraform.nodes import Expr
from scanner.parsers.terraform.scope import Bound, Lazy, Scope
from scanner.parsers.terraform.values import (
    Encoded,
    Mistake,
    Pieces,
    Undecided,
    agree,
    kind,
    text_of,
    truth_of,
)

__all__ = ["Lazy", "Scope", "evaluate"]

_STEPS = 400_000
_CHARACTERS_A_STEP = 100


def evaluate(expression: Expr, scope: Scope) -> Any:
    """Return the value of an expression; `Unknown` also for one that Terraform would refuse to evaluate."""
    if type(expression) is nodes.Literal:
        return expression.value
    run = Run(min(_STEPS, _allowed.steps))
    before = run.left
    try:
        return run.settled(run.visit(expression, scope))
    except (Mistake, Undecided) as error:
        return Unknown(str(error))
    except RecursionError:
        return Unknown("the expression refers to too much that refers to more")
    finally:
        _allowed.steps -= before - run.left


@contextmanager
def allowance(steps: int) -> Iterator[None]:
    """Let all that is evaluated inside take so many steps together; what comes after them is unknown."""
    before, _allowed.steps = _allowed.steps, steps
    try:
        yield
    finally:
        _allowed.steps = before


class _Allowed:
    steps = 1_000_000_000


_allowed = _Allowed()


class Run:
    """The evaluation of one expression; counts steps, so that it ends."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Count steps; raise `Undecided` when they are used up."""
        self.left -= steps
        if self.left < 0:
            raise Undecided("the expression takes too long to evaluate")

    def visit(self, expression: Expr, scope: Scope) -> Any:
        """Return the value of an expression, or a `Lazy`."""
        self.spend(1)
        return _VISITORS[type(expression)](self, expression, scope)

    def value(self, expression: Expr, scope: Scope) -> Any:
        """Return the value of an expression; what it holds may be lazy."""
        return opened(self.visit(expression, scope))

    def settled(self, value: Any) -> Any:
        """Return a value with nothing lazy in it; raise `Undecided` if it is too large."""
        if type(value) in (str, bool, int, type(None)):
            return value
        settling = Settling()
        made = settling.value(value)
        self.spend(settling.items + settling.characters // _CHARACTERS_A_STEP)
        return made

    # -- references -----------------------------------------------------------------------------------------------

    def _literal(self, node: nodes.Literal, _: Scope) -> Any:
        return node.value

    def _invalid(self, node: nodes.Invalid, _: Scope) -> Any:
        return Unknown(node.reason)

    def _variable(self, node: nodes.Variable, scope: Scope) -> Any:
        try:
            return scope.lookup(node.name)
        except KeyError:
            return Unknown(f"nothing says what '{node.name}' is")

    def _item(self, _: nodes.Item, scope: Scope) -> Any:
        return scope.lookup("")

    def _get_attr(self, node: nodes.GetAttr, scope: Scope) -> Any:
        return attribute(self.visit(node.of, scope), node.name)

    def _index(self, node: nodes.Index, scope: Scope) -> Any:
        of, key = self.visit(node.of, scope), self.value(node.key, scope)
        if isinstance(of, Unknown) or isinstance(key, Unknown):
            return Unknown((of if isinstance(of, Unknown) else key).reason)
        return element(of, key)

    def _splat(self, node: nodes.Splat, scope: Scope) -> Any:
        lazy = self.visit(node.of, scope)
        of = opened(lazy)
        if of is None:
            return []
        if isinstance(of, Unknown) and not isinstance(of, (Encoded, Pieces)):
            return Unknown(of.reason)
        items = of if isinstance(of, list) else [lazy]
        return [self.visit(node.each, Bound(scope, {"": item})) for item in items]

    # -- calculation ----------------------------------------------------------------------------------------------

    def _parts(self, node: nodes.Template, scope: Scope) -> Any:
        if len(node.parts) == 1 and isinstance(node.parts[0], Expr):
            return self.visit(node.parts[0], scope)
        return joined(list(self._texts(node, scope)))

    def _texts(self, node: nodes.Template, scope: Scope) -> Iterator[str | Unknown]:
        for part in node.parts:
            match part:
                case str():
                    yield part
                case nodes.If():
                    yield self._if(part, scope)
                case nodes.Loop():
                    yield from self._loop(part, scope)
                case _:
                    value = self.value(part, scope)
                    yield value if isinstance(value, Unknown) else self._text(value)

    def _text(self, value: Any) -> str:
        text = text_of(value)
        self.spend(len(text) // _CHARACTERS_A_STEP)
        return text

    def _if(self, node: nodes.If, scope: Scope) -> str | Unknown:
        condition = self.value(node.condition, scope)
        if not isinstance(condition, Unknown):
            return joined(list(self._texts(node.then if truth_of(condition) else node.otherwise, scope)))
        then, otherwise = (joined(list(self._texts(each, scope))) for each in (node.then, node.otherwise))
        made: str | Unknown = agree(then, otherwise, condition.reason)
        return made

    def _loop(self, node: nodes.Loop, scope: Scope) -> Iterator[str | Unknown]:
        of = self.value(node.of, scope)
        if isinstance(of, Unknown):
            yield Unknown(of.reason)
            return
        for key, value in pairs(of):
            yield from self._texts(node.body, Bound(scope, _names(node.key, node.value, key, value)))

    def _conditional(self, node: nodes.Conditional, scope: Scope) -> Any:
        condition = self.value(node.condition, scope)
        if isinstance(condition, Unknown):
            then, otherwise = (self.settled(self.visit(each, scope)) for each in (node.then, node.otherwise))
            return agree(then, otherwise, condition.reason)
        taken, left = (node.then, node.otherwise) if truth_of(condition) else (node.otherwise, node.then)
        value = self.visit(taken, scope)
        return self._text(value) if type(value) in (bool, int, float) and self._is_text(left, scope) else value

    def _is_text(self, expression: Expr, scope: Scope) -> bool:
        """Tell whether the result that a condition does not choose is text, which makes the other one text too."""
        try:
            return isinstance(self.visit(expression, scope), (str, Encoded, Pieces))
        except (Mistake, Undecided):
            return False

    def _binary(self, node: nodes.Binary, scope: Scope) -> Any:
        left = self.settled(self.visit(node.left, scope))
        if operators.decides(node.operator, left):
            return left if isinstance(left, bool) else truth_of(left)
        return operators.binary(node.operator, left, self.settled(self.visit(node.right, scope)))

    def _unary(self, node: nodes.Unary, scope: Scope) -> Any:
        return operators.unary(node.operator, self.value(node.of, scope))

    # -- structures -----------------------------------------------------------------------------------------------

    def _tuple(self, node: nodes.Tuple, scope: Scope) -> Any:
        return [self.visit(item, scope) for item in node.items]

    def _object(self, node: nodes.Object, scope: Scope) -> Any:
        made = {}
        for key, value in node.items:
            name = self.value(key, scope)
            if isinstance(name, Unknown):
                return Unknown(name.reason)
            made[text_of(name)] = self.visit(value, scope)
        return made

    def _for(self, node: nodes.For, scope: Scope) -> Any:
        of = self.value(node.of, scope)
        if isinstance(of, Unknown):
            return Unknown(of.reason)
        results: list[tuple[Any, Any]] = []
        for key, value in pairs(of):
            inner = Bound(scope, _names(node.key, node.value, key, value))
            kept = True if node.condition is None else self.value(node.condition, inner)
            if isinstance(kept, Unknown):
                return Unknown(kept.reason)
            if truth_of(kept):
                name = None if node.result_key is None else self.value(node.result_key, inner)
                if isinstance(name, Unknown):
                    return Unknown(name.reason)
                results.append((name, self.visit(node.result, inner)))
        return [value for _, value in results] if node.result_key is None else _keyed(results, group=node.group)

    # -- functions ------------------------------------------------------------------------------------------------

    def _call(self, node: nodes.Call, scope: Scope) -> Any:
        if node.name in ("try", "can") and not node.expand:
            return getattr(self, f"_{node.name}")(node.arguments, scope)
        function = functions.find(node.name)
        if isinstance(function, Unknown):
            return function
        arguments = [self.settled(self.visit(each, scope)) for each in node.arguments]
        if node.expand:
            last = arguments.pop()
            if isinstance(last, Unknown):
                return Unknown(last.reason)
            if not isinstance(last, list):
                raise Mistake(f"{kind(last)} cannot be expanded into arguments")
            arguments += last
        if node.name == "templatefile":
            return self._template_file(arguments, scope)
        return function(arguments, scope)

    def _try(self, arguments: tuple[Expr, ...], scope: Scope) -> Any:
        for argument in arguments:
            try:
                value = self.settled(self.visit(argument, scope))
            except Mistake:
                continue
            reason = None if is_reference(argument) else unknown_in(value)
            return value if reason is None else Unknown(reason)
        raise Mistake("no argument of 'try' can be evaluated")

    def _can(self, arguments: tuple[Expr, ...], scope: Scope) -> Any:
        if len(arguments) != 1:
            raise Mistake("'can' takes one argument")
        try:
            value = self.settled(self.visit(arguments[0], scope))
        except Mistake:
            return False
        if isinstance(value, Unknown):
            return Unknown(value.reason)
        reason = None if is_reference(arguments[0]) else unknown_in(value)
        return True if reason is None else Unknown(reason)

    def _template_file(self, arguments: list[Any], scope: Scope) -> Any:
        template = functions.template(arguments, scope)
        if isinstance(template, Unknown):
            return template
        expression, names = template
        made = self.value(expression, Bound(scope, names, only=True))
        return made if isinstance(made, Unknown) else text_of(made)


_VISITORS: dict[type[Expr], Callable[[Run, Any, Scope], Any]] = {
    nodes.Literal: Run._literal,
    nodes.Invalid: Run._invalid,
    nodes.Variable: Run._variable,
    nodes.Item: Run._item,
    nodes.GetAttr: Run._get_attr,
    nodes.Index: Run._index,
    nodes.Splat: Run._splat,
    nodes.Template: Run._parts,
    nodes.Conditional: Run._conditional,
    nodes.Binary: Run._binary,
    nodes.Unary: Run._unary,
    nodes.Tuple: Run._tuple,
    nodes.Object: Run._object,
    nodes.For: Run._for,
    nodes.Call: Run._call,
}


def is_reference(expression: Expr) -> bool:
    """Tell whether an expression only follows names: then what is unknown in its value is there, and no mistake."""
    match expression:
        case nodes.GetAttr(of=of):
            return is_reference(of)
        case nodes.Index(of=of, key=nodes.Literal() | nodes.Variable() | nodes.GetAttr()):
            return is_reference(of)
        case nodes.Template(parts=(Expr() as inner,)):
            return is_reference(inner)
    return isinstance(expression, (nodes.Variable, nodes.Literal))


def _names(key_name: str | None, value_name: str, key: Any, value: Any) -> dict[str, Any]:
    return {value_name: value} if key_name is None else {key_name: key, value_name: value}


def _keyed(results: list[tuple[Any, Any]], *, group: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in results:
        name = text_of(key)
        if group:
            made.setdefault(name, []).append(value)
        elif name in made:
            raise Mistake(f"the key '{name}' comes twice")
        else:
            made[name] = value
    return made
