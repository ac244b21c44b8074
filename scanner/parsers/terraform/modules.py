"""Modules: the files of a folder put together, each folder read once, and what the calls of modules lead to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from scanner.parsers.terraform import nodes
from scanner.parsers.terraform.json_syntax import parse_json
from scanner.parsers.terraform.syntax import Attr, Block, Body, Problem, parse
from scanner.parsers.tree import MAX_BYTES, File, Tree
from scanner.resource import Location

SUFFIXES = (".tf", ".tf.json")

_OVERRIDES = ("override.tf", "override.tf.json", "_override.tf", "_override.tf.json")
_INSTALLED = ".terraform/modules/modules.json"


@dataclass(frozen=True)
class Module:
    """One folder.  Blocks are by their names: resources and data sources by type and name.

    `first` is one of its files, beside which others are found; `problems` are by the path of the file.
    """

    folder: str
    first: File
    files: tuple[str, ...]
    variables: Mapping[str, Block] = field(default_factory=dict)
    locals: Mapping[str, Attr] = field(default_factory=dict)
    outputs: Mapping[str, Block] = field(default_factory=dict)
    calls: Mapping[str, Block] = field(default_factory=dict)
    managed: Mapping[tuple[str, str], Block] = field(default_factory=dict)
    data: Mapping[tuple[str, str], Block] = field(default_factory=dict)
    providers: tuple[Block, ...] = ()
    settings: tuple[Block, ...] = ()
    imports: tuple[Block, ...] = ()
    moved: tuple[Block, ...] = ()
    removed: tuple[Block, ...] = ()
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)

    @cached_property
    def types(self) -> Mapping[tuple[str, bool], list[str]]:
        """Return the names of the resources (with False) and data sources (with True) of each type."""
        made: dict[tuple[str, bool], list[str]] = {}
        for data, there in ((False, self.managed), (True, self.data)):
            for type, name in there:
                made.setdefault((type, data), []).append(name)
        return made

    @property
    def doubt(self) -> str:
        """Return why what the blocks say may not count: an override file could not be read; empty if nothing is."""
        broken = next((path for path in self.problems if path.endswith(_OVERRIDES)), None)
        return f"'{broken}' changes it and could not be read" if broken else ""

    def required(self) -> list[str]:
        """Return the variables that somebody has to set."""
        return [name for name, block in self.variables.items() if "default" not in block.body.attributes]


class Modules:
    """The modules of a tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._bodies: dict[str, Body] = {}
        self._modules: dict[str, Module] = {}
        self._beside: dict[tuple[str, str], Module | None] = {}
        self.contents: dict[str, bytes] = {}
        folders: dict[str, list[File]] = {}
        for file in tree.files(*SUFFIXES):
            if file.name.endswith(SUFFIXES) and not file.name.startswith("."):
                folders.setdefault(file.folder, []).append(file)
        for folder, files in folders.items():
            self._modules[folder] = self._module(folder, files)
        self._walked = tuple(self._modules.values())

    def all(self) -> list[Module]:
        """Return the modules in the folders that were walked; those that Terraform installed are not."""
        return list(self._walked)

    def beside(self, module: Module, source: str) -> Module | None:
        """Return the module in a folder that another one names by a relative path, if it is inside the tree."""
        key = (module.folder, source)
        if key not in self._beside:
            self._beside[key] = self._found(module, source)
        return self._beside[key]

    def _found(self, module: Module, source: str) -> Module | None:
        files = [file for file in self.tree.inside(module.first, source) if file.name.endswith(SUFFIXES)]
        if not files:
            return None
        folder = files[0].folder
        if folder not in self._modules:
            self._modules[folder] = self._module(folder, files)
        return self._modules[folder]

    def installed(self, root: Module) -> Mapping[str, Module]:
        """Return the modules that `terraform init` has put under a root module, by the names of the calls to them."""
        file = self.tree.beside(root.first, _INSTALLED)
        if file is None:
            return {}
        try:
            listed = json.loads(file.data())["Modules"]
            named = [(str(one["Key"]), str(one["Dir"])) for one in listed]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return {}
        found = ((key, self.beside(root, folder)) for key, folder in named if key)
        return {key: module for key, module in found if module is not None}

    def _module(self, folder: str, files: Sequence[File]) -> Module:
        ordered = sorted(files, key=lambda file: (file.name.endswith(_OVERRIDES), file.name))
        bodies = [(file, self._body(file)) for file in ordered]
        return _put_together(folder, ordered, bodies)

    def _body(self, file: File) -> Body:
        if file.path not in self._bodies:
            self._bodies[file.path] = self._parsed(file)
        return self._bodies[file.path]

    def _parsed(self, file: File) -> Body:
        try:
            data = self.contents[file.path] = file.data()
        except OSError as error:
            return Body({}, (), (Problem(Location(file.path, 1), str(error.strerror)),))
        if len(data) > MAX_BYTES:
            return Body({}, (), (Problem(Location(file.path, 1), f"larger than {MAX_BYTES} bytes"),))
        return (parse_json if file.name.endswith(".json") else parse)(data, file.path)


def of_one_file(folder: str, file: File, data: bytes) -> Module:
    """Return a module that is one file, whose bytes are given."""
    return _put_together(folder, [file], [(file, parse(data, file.path))])


def _put_together(folder: str, files: Sequence[File], bodies: Sequence[tuple[File, Body]]) -> Module:
    blocks = _Blocks()
    for file, body in bodies:
        for block in body.blocks:
            blocks.add(block, override=file.name.endswith(_OVERRIDES))
    problems = {file.path: body.problems for file, body in bodies if body.problems}
    names = tuple(file.path for file in files)
    return Module(folder, files[0], names, problems=problems, **blocks.result())


class _Blocks:
    """The blocks of a folder, by what they declare; override files change those that are there."""

    def __init__(self) -> None:
        self._named: dict[tuple[str, ...], Block] = {}
        self._locals: dict[str, Attr] = {}
        self._settings: list[Block] = []
        self._of_state: dict[str, list[Block]] = {"import": [], "moved": [], "removed": []}

    def add(self, block: Block, *, override: bool) -> None:
        if block.type == "locals":
            self._locals |= block.body.attributes
        elif block.type == "terraform":
            self._settings = [*self._overridden(block), block] if override else [*self._settings, block]
        elif block.type in self._of_state:
            self._of_state[block.type].append(block)
        elif block.labels:
            key = (block.type, *block.labels, *(_alias(block) if block.type == "provider" else ()))
            there = self._named.get(key)
            if there is None:
                self._named[key] = block
            elif override:
                self._named[key] = _merged(there, block)

    def _overridden(self, override: Block) -> Iterator[Block]:
        """Return the settings without the backends that an override replaces."""
        backends = {"backend", "cloud"}
        replaced = backends if backends & {block.type for block in override.body.blocks} else set()
        for block in self._settings:
            kept = tuple(each for each in block.body.blocks if each.type not in replaced)
            yield replace(block, body=replace(block.body, blocks=kept))

    def result(self) -> dict[str, Any]:
        return {
            "variables": self._of("variable"),
            "locals": self._locals,
            "outputs": self._of("output"),
            "calls": self._of("module"),
            "managed": self._typed("resource"),
            "data": self._typed("data"),
            "providers": tuple(block for key, block in self._named.items() if key[0] == "provider"),
            "settings": tuple(self._settings),
            "imports": tuple(self._of_state["import"]),
            "moved": tuple(self._of_state["moved"]),
            "removed": tuple(self._of_state["removed"]),
        }

    def _of(self, kind: str) -> dict[str, Block]:
        return {key[1]: block for key, block in self._named.items() if key[0] == kind}

    def _typed(self, kind: str) -> dict[tuple[str, str], Block]:
        return {(key[1], key[2]): block for key, block in self._named.items() if key[0] == kind and len(key) == 3}


def _alias(provider: Block) -> tuple[str, ...]:
    alias = text(provider.body.attributes.get("alias"))
    return () if alias is None else (alias,)


def _merged(block: Block, override: Block) -> Block:
    types = {_kind(each) for each in override.body.blocks}
    kept = [each for each in block.body.blocks if _kind(each) not in types]
    attributes = {**block.body.attributes, **override.body.attributes}
    return replace(block, body=replace(block.body, attributes=attributes, blocks=(*kept, *override.body.blocks)))


def _kind(block: Block) -> str:
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type


def text(attribute: Attr | None) -> str | None:
    """Return the text that an attribute is, if it is written as such."""
    if attribute is None or not isinstance(attribute.expression, nodes.Literal):
        return None
    value = attribute.expression.value
    return value if isinstance(value, str) else None


def sub_blocks(body: Body, type: str) -> Iterable[Block]:
    """Return the blocks of a type directly inside a body."""
    return (block for block in body.blocks if block.type == type)
