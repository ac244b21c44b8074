"""Blocks that say what became of live objects: `import`, `moved` and `removed`.

https://developer.hashicorp.com/terraform/language/block/import, .../moved, .../removed
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from scanner.model import Unknown
from scanner.parsers.addresses import INDEX, Addresses
from scanner.parsers.terraform import nodes
from scanner.parsers.terraform.evaluate import Scope, evaluate
from scanner.parsers.terraform.instances import expansion
from scanner.parsers.terraform.maps import attribute_map
from scanner.parsers.terraform.modules import sub_blocks
from scanner.parsers.terraform.scope import Bound
from scanner.parsers.terraform.syntax import Block
from scanner.regions import is_name

if TYPE_CHECKING:
    from scanner.parsers.terraform.names import Instance

_PART = re.compile(r"\\\{(\w+)\\\}")
_ANY = "[*]"
_REFERENCE = re.compile(r"\[[A-Za-z_][^\]]*\]")
"""A key that is an expression."""
_OF_ARN = {"partition", "region", "account", "revision"}


@dataclass(frozen=True)
class Imported:
    """What tells which live object a resource is: values of its attributes, or why that is not known."""

    values: Mapping[str, str]
    unknown: str = ""


_NOTHING = Imported({})


@dataclass
class Imports:
    """The identifiers of what a root module imports, by the address of the instance; `[*]` where that is not known."""

    _by_address: dict[str, Any] = field(default_factory=dict)

    def of(self, address: str, type: str) -> Imported:
        """Return what is known of the live object that an instance of a type is made to stand for."""
        if not self._by_address:
            return _NOTHING
        if address in self._by_address:
            return _imported(self._by_address[address], address, type)
        if INDEX.sub(_ANY, address) in self._by_address:
            return Imported({}, f"which object '{address}' imports is not known: a key in 'to' is not")
        return _NOTHING


def imports(root: Instance) -> Imports:
    """Return what the import blocks of a root module say."""
    return Imports(dict(found for block in root.module.imports for found in _blocks(block, root)))


def _blocks(block: Block, root: Instance) -> Iterator[tuple[str, Any]]:
    attributes = block.body.attributes
    if "to" not in attributes:
        return
    expanded = expansion(block, root)
    each = [Bound(root, names) for names in expanded.keyed.values()]
    for scope in [*each, *([Bound(root, expanded.unknown)] if expanded.open else [])]:
        address = _address(attributes["to"].expression, scope)
        told = attributes.get("id") or attributes.get("identity")
        if address and told is not None:
            yield address, evaluate(told.expression, scope)


def _address(expression: nodes.Expr, scope: Scope) -> str:
    """Return the address that an expression names, `[*]` for a key that is not known; empty if it is none."""
    match expression:
        case nodes.Variable(name=name):
            return name
        case nodes.Literal(value=str(text)):  # in the JSON syntax
            return _REFERENCE.sub(_ANY, text)
        case nodes.GetAttr(of=of, name=name):
            return f"{before}.{name}" if (before := _address(of, scope)) else ""
        case nodes.Index(of=of, key=key):
            found, before = evaluate(key, scope), _address(of, scope)
            known = isinstance(found, (str, int, float)) and not isinstance(found, bool)
            return before and before + (f"[{json.dumps(found)}]" if known else _ANY)
    return ""


def _imported(told: Any, address: str, type: str) -> Imported:
    if isinstance(told, dict):  # the identity
        known = {name: value for name, value in told.items() if isinstance(value, str) and name != "account_id"}
        unknown = next((each.reason for each in told.values() if isinstance(each, Unknown)), "")
        return Imported(known, unknown and f"which object '{address}' imports is not known: {unknown}")
    if not isinstance(told, str):
        why = told.reason if isinstance(told, Unknown) else "its id is no text"
        return Imported({}, f"which object '{address}' imports is not known: {why}")
    id, sign, region = told.rpartition("@")
    place = {"region": region} if sign and is_name(region) else {}
    id = id if place else told
    template = (attribute_map(type) or {}).get("import", "")
    if id.startswith("arn:") and not template.startswith("arn:"):
        return Imported({**place, "arn": id})
    match = _pattern(template).fullmatch(id)
    if match is None:
        return Imported(place, f"which object '{address}' imports by '{id}' is not understood")
    return Imported({**place, **{name: each for name, each in match.groupdict().items() if name not in _OF_ARN}})


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """Return what an id of this template looks like: of its parts, the last one may hold anything."""
    pieces = _PART.split(re.escape(template)) if template else ["(?!)"]
    last = len(pieces) - 2
    made = [f"(?P<{each}>{'.+' if n == last else '[^/:]+'})" if n % 2 else each for n, each in enumerate(pieces)]
    return re.compile("".join(made), re.DOTALL)


def addresses(instance: Instance, into: Addresses) -> None:
    """Note what one instance of a module says of the addresses in it that were in use before."""
    prefix = f"{instance.address}." if instance.address else ""
    for block in instance.module.removed:
        address = _end(block, "from", instance)
        if address and not _is_destroyed(block, instance):
            into.forgotten.add(INDEX.sub("", prefix + address))
    for block in instance.module.moved:
        before, after = (_end(block, name, instance) for name in ("from", "to"))
        if before and after:
            into.moves.append((prefix + before, prefix + after))


def _end(block: Block, name: str, scope: Scope) -> str:
    attribute = block.body.attributes.get(name)
    return "" if attribute is None else _address(attribute.expression, scope)


def _is_destroyed(block: Block, scope: Scope) -> bool:
    """Tell whether `removed` deletes the live object too; the argument is required, and OpenTofu takes false for it."""
    said: Sequence[Any] = [
        evaluate(each.body.attributes["destroy"].expression, scope)
        for each in sub_blocks(block.body, "lifecycle")
        if "destroy" in each.body.attributes
    ]
    return bool(said) and said[-1] is True
