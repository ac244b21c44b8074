"""Instances of resources and modules: `count`, `for_each`, and what a block is worth in one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from scanner.documents import pointer
from scanner.model import Location, Unknown
from scanner.parsers.terraform import nodes
from scanner.parsers.terraform.evaluate import Scope, evaluate
from scanner.parsers.terraform.scope import Bound
from scanner.parsers.terraform.syntax import Attr, Block, Body
from scanner.parsers.terraform.values import Set

MOST = 10_000
"""More instances of one block are not looked at: no estate has them."""

MOST_PARTS = 100_000
"""Blocks and arguments of one resource; more are not made."""

_OF_TERRAFORM = {"count", "for_each", "provider", "depends_on"}
_BLOCKS_OF_TERRAFORM = {"lifecycle", "provisioner", "connection", "timeouts"}


@dataclass(frozen=True)
class Expansion:
    """The instances of a block: their keys, and what `each` or `count` is in them.

    The key of a block with neither is None.  `open` says why there may be others; `unknown` holds then.
    """

    keyed: Mapping[Any, Mapping[str, Any]]
    open: str = ""
    single: bool = False
    numbered: bool = False

    @property
    def unknown(self) -> Mapping[str, Any]:
        """Return what `each` and `count` are in an instance that may be there."""
        seen = Unknown(self.open)
        return {"each": {"key": seen, "value": seen}, "count": {"index": seen}}


_SINGLE = Expansion({None: {}}, single=True)


def expansion(block: Block, scope: Scope) -> Expansion:
    """Return the instances of a resource, a data source or a call of a module."""
    attributes = block.body.attributes
    if "count" in attributes:
        return _counted(evaluate(attributes["count"].expression, scope))
    if "for_each" in attributes:
        return _each(evaluate(attributes["for_each"].expression, scope))
    return _SINGLE


def _counted(count: Any) -> Expansion:
    if isinstance(count, Unknown):
        return Expansion({}, f"its count is not known: {count.reason}", numbered=True)
    number = _whole(count)
    if number is None or number < 0:
        return Expansion({}, "its count is not a number", numbered=True)
    if number > MOST:
        return Expansion({}, f"its count is {number}; up to {MOST} are looked at", numbered=True)
    return Expansion({index: {"count": {"index": index}} for index in range(number)}, numbered=True)


def _whole(value: Any) -> int | None:
    """Return a whole number, written as Terraform converts it; None if it is none."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 20 else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        return None
    return int(value)


def _each(over: Any) -> Expansion:
    pairs, open = _pairs(over)
    if len(pairs) > MOST:
        return Expansion({}, f"its for_each has {len(pairs)} keys; up to {MOST} are looked at")
    return Expansion({key: {"each": {"key": key, "value": value}} for key, value in pairs}, open)


def _pairs(over: Any) -> tuple[list[tuple[Any, Any]], str]:
    """Return the keys and values that `for_each` of a resource goes over, and why there may be others."""
    if isinstance(over, Unknown):
        return [], f"its for_each is not known: {over.reason}"
    if isinstance(over, dict):
        return list(over.items()), ""
    if not isinstance(over, list):
        return [], "its for_each is neither a map nor a set"
    unknown = next((item for item in over if isinstance(item, Unknown)), None)
    known = dict.fromkeys(item for item in over if isinstance(item, str))
    open = "" if unknown is None else f"a key of its for_each is not known: {unknown.reason}"
    return [(item, item) for item in known], open


class Values:
    """What a block is worth: as `terraform show -json` has it, nested blocks being lists of objects.

    `locations` maps JSON Pointers to where the values that were asked for are written.  `others` are values by their
    names that hold where the block does not say.
    """

    def __init__(self, block: Block, scope: Scope, others: Callable[[], Mapping[str, str]] | None = None) -> None:
        self._block, self._scope, self._others = block, scope, others
        self._made: dict[str, Any] = {}
        self._ignored = dict(_ignored(block))
        self.locations: dict[str, Location] = {"": block.location}

    def names(self) -> list[str]:
        """Return the attributes and the nested blocks that are written."""
        body = self._block.body
        return list(
            dict.fromkeys(
                [
                    *(name for name in body.attributes if name not in _OF_TERRAFORM),
                    *(kind for each in body.blocks if (kind := _kind(each)) not in _BLOCKS_OF_TERRAFORM),
                ]
            )
        )

    def get(self, name: str) -> Any:
        """Return an attribute, or the blocks of a name; None if there is none."""
        if name not in self._made:
            self._made[name] = Unknown(f"'{name}' refers to itself")
            made = self._changed(name, self._get(name))
            if (made is None or isinstance(made, Unknown)) and self._others:
                made = self._others().get(name, made)
            self._made[name] = made
        return self._made[name]

    def all(self) -> dict[str, Any]:
        """Return everything that is written."""
        others = self._others() if self._others else {}
        return {name: self.get(name) for name in dict.fromkeys((*self.names(), *others))}

    def _get(self, name: str) -> Any:
        body = self._block.body
        if name in body.attributes:
            locate(body.attributes[name], pointer(name), self.locations)
            return evaluate(body.attributes[name].expression, self._scope)
        blocks = [each for each in body.blocks if _kind(each) == name]
        return _nested(blocks, self._scope, pointer(name), self.locations) if blocks else None

    def _changed(self, name: str, value: Any) -> Any:
        """Return a value without what `ignore_changes` leaves to others: the code says only how it began."""
        why = Unknown(f"'{name}' is left to others by ignore_changes: the code says only what it was created with")
        ignored = self._ignored.get(name, self._ignored.get("*") if name not in _IDENTITY else None)
        if ignored is None or value is None:
            return value
        return _without(value, ignored, why)


_IDENTITY = {"name", "name_prefix", "family", "cluster", "cluster_name", "repository", "region", "function_name"}
"""What cannot change without becoming another resource: `ignore_changes = all` leaves it."""


def _ignored(block: Block) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the attributes that `lifecycle.ignore_changes` names, and the path inside them; "*" stands for all."""
    for lifecycle in block.body.blocks:
        attribute = lifecycle.body.attributes.get("ignore_changes") if lifecycle.type == "lifecycle" else None
        if attribute is None:
            continue
        if isinstance(attribute.expression, nodes.Tuple):
            for item in attribute.expression.items:
                path = steps(item)
                if path:
                    yield str(path[0]), path[1:]
        elif steps(attribute.expression) == ["all"]:
            yield "*", ()


def steps(expression: nodes.Expr) -> list[Any]:
    """Return the names and keys of a reference, `[a, 0, b]` for `a[0].b`; empty for anything else."""
    match expression:
        case nodes.Variable(name=name):
            return [name]
        case nodes.GetAttr(of=of, name=name):
            return [*before, name] if (before := steps(of)) else []
        case nodes.Index(of=of, key=nodes.Literal(value=key)):
            return [*before, key] if (before := steps(of)) else []
        case nodes.Literal(value=str(text)):  # in the JSON syntax
            return list(text.split("."))
    return []


def references(expression: nodes.Expr) -> Iterator[list[Any]]:
    """Yield the references in an expression, as `steps` has them."""
    path = steps(expression) if not isinstance(expression, nodes.Literal) else []
    if path:
        yield path
        return
    waiting: list[Any] = [getattr(expression, each.name) for each in fields(expression) if each.name != "span"]
    while waiting:
        one = waiting.pop()
        if isinstance(one, nodes.Expr):
            yield from references(one)
        elif isinstance(one, tuple):
            waiting += one


def _without(value: Any, path: Sequence[Any], why: Unknown) -> Any:
    if not path:
        return why
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, step: _without(value.get(step), rest, why)}
    if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
        return [_without(each, rest, why) if n == step else each for n, each in enumerate(value)]
    return why


def _nested(blocks: Sequence[Block], scope: Scope, at: str, locations: dict[str, Location]) -> Any:
    """Return nested blocks of one name as a list of objects; `Unknown` where how many there are is not known."""
    made: list[Any] = []
    locations[at] = blocks[0].location
    for block, inner in _written(blocks, scope):
        if isinstance(inner, Unknown):
            return inner
        if len(locations) > MOST_PARTS:
            return Unknown(f"more than {MOST_PARTS} blocks and arguments are made")
        below = f"{at}/{len(made)}"
        locations[below] = block.location
        made.append(_object(block.body, inner, below, locations))
    return made


def _written(blocks: Sequence[Block], scope: Scope) -> Iterator[tuple[Block, Scope | Unknown]]:
    """Yield the blocks that are really there and the scope of each: dynamic ones as often as their `for_each` says."""
    for block in blocks:
        if block.type != "dynamic":
            yield block, scope
            continue
        content = next((each for each in block.body.blocks if each.type == "content"), None)
        over = block.body.attributes.get("for_each")
        if content is None or over is None or not block.labels:
            yield block, Unknown("a dynamic block has no name, no for_each or no content")
            continue
        pairs = _iterated(evaluate(over.expression, scope))
        if isinstance(pairs, Unknown):
            yield content, pairs
            continue
        iterator = block.body.attributes.get("iterator")
        name = "".join(map(str, steps(iterator.expression))) if iterator else block.labels[0]
        for key, value in pairs:
            yield content, Bound(scope, {name: {"key": key, "value": value}})


def _iterated(over: Any) -> list[tuple[Any, Any]] | Unknown:
    """Return the keys and values that a dynamic block goes over."""
    if isinstance(over, Unknown):
        return Unknown(f"the for_each of a dynamic block is not known: {over.reason}")
    if isinstance(over, dict):
        pairs = list(over.items())
    elif isinstance(over, Set):
        pairs = [(item, item) for item in over]
    elif isinstance(over, list):
        pairs = list(enumerate(over))
    else:
        return Unknown("the for_each of a dynamic block is neither a map nor a list")
    return pairs if len(pairs) <= MOST else Unknown(f"a dynamic block makes more than {MOST} blocks")


def _object(body: Body, scope: Scope, at: str, locations: dict[str, Location]) -> dict[str, Any]:
    made = {}
    for name, attribute in body.attributes.items():
        locate(attribute, at + pointer(name), locations)
        made[name] = evaluate(attribute.expression, scope)
    kinds: dict[str, list[Block]] = {}
    for block in body.blocks:
        kinds.setdefault(_kind(block), []).append(block)
    for kind, blocks in kinds.items():
        made[kind] = _nested(blocks, scope, at + pointer(kind), locations)
    return made


def locate(attribute: Attr, at: str, locations: dict[str, Location]) -> None:
    """Note where an attribute is written, and the parts of what is written out in it, also as JSON."""
    locations[at] = attribute.location
    _locate_parts(attribute.expression, at, locations)


def _locate_parts(expression: nodes.Expr, at: str, locations: dict[str, Location]) -> None:
    match expression:
        case nodes.Call(name="jsonencode", arguments=(inner,)):
            _locate_parts(inner, at, locations)
        case nodes.Tuple(items=items):
            for number, item in enumerate(items):
                _locate_part(item, f"{at}/{number}", locations)
        case nodes.Object(items=pairs):
            for key, value in pairs:
                if isinstance(key, nodes.Literal):
                    _locate_part(value, at + pointer(key.value), locations)


def _locate_part(expression: nodes.Expr, at: str, locations: dict[str, Location]) -> None:
    locations[at] = expression.location
    _locate_parts(expression, at, locations)


def _kind(block: Block) -> str:
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type
