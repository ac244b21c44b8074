"""What names mean inside a module that is called: variables, locals, outputs, resources, data sources."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scanner.model import Location, Unknown
from scanner.parsers.terraform import clusters, providers, remote
from scanner.parsers.terraform.clusters import Cluster, provider_name
from scanner.parsers.terraform.evaluate import Scope, evaluate
from scanner.parsers.terraform.imports import Imports, imports
from scanner.parsers.terraform.instances import Values, expansion
from scanner.parsers.terraform.lazy import Names, Node
from scanner.parsers.terraform.modules import Module, Modules, text
from scanner.parsers.terraform.providers import Fallback, Provider
from scanner.parsers.terraform.resource import ResourceInstance
from scanner.parsers.terraform.scope import Bound
from scanner.parsers.terraform.syntax import Block
from scanner.parsers.terraform.variables import MISSING, is_secret, value

DEEPEST = 24
"""Calls of modules inside each other are followed so far."""


@dataclass(frozen=True)
class Environment:
    """A root module and what it is applied with.

    `given` are the values of its variables, `unset` says why another has none, `suffix` tells environments apart in
    ids (empty if there is one), `installed` are the modules that `terraform init` has fetched.
    """

    root: Module
    modules: Modules
    given: Mapping[str, Any]
    unset: str
    suffix: str
    fallback: Fallback
    workspace: str | None = None
    installed: Mapping[str, Module] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """How a module is called: by which block of which instance, in which scope; `doubt` says why it may not be."""

    block: Block
    instance: Instance
    scope: Scope
    doubt: str


class Instance:
    """A module as it is called once; a scope for what is written in it."""

    def __init__(
        self, environment: Environment, module: Module, path: tuple[str, ...], address: str, caller: Caller | None
    ) -> None:
        self.environment, self.module, self.path, self.address, self.caller = environment, module, path, address, caller
        self._memo: dict[tuple[str, ...], Any] = {}
        self._nodes: dict[tuple[str, ...], Node] = {}
        self._providers: dict[str, Provider] = {}
        self._clusters: dict[str, Cluster] = {}
        self.clusters: dict[str, ResourceInstance] = {}  # by address, in the root module: those that something names

    @cached_property
    def through(self) -> tuple[Location, ...]:
        """Return the calls that lead here, outermost first."""
        return (*self.caller.instance.through, self.caller.block.location) if self.caller else ()

    @cached_property
    def imports(self) -> Imports:
        """Return what the root module imports; while that is evaluated, nothing."""
        if self.caller is not None:
            return self.caller.instance.imports
        self.__dict__["imports"] = Imports()
        return imports(self)

    @property
    def doubt(self) -> str:
        """Return why this call may not be there; empty if it is."""
        return self.module.doubt or ((self.caller.doubt or self.caller.instance.doubt) if self.caller else "")

    # The scope.

    def lookup(self, name: str) -> Any:
        """Return what a name means here; raise `KeyError` for one that means nothing."""
        match name:
            case "var":
                return Names(self.variable, lambda: list(self.module.variables))
            case "local":
                return Names(self.local, lambda: list(self.module.locals))
            case "module":
                return Names(self.call, lambda: list(self.module.calls))
            case "data":
                return Names(lambda type: self._of_type(type, data=True), list)
            case "path":
                return self._paths
            case "terraform":
                why = "terraform.workspace is not known: declare it under 'iac:' in regionproof.yaml"
                return {"workspace": self.environment.workspace or Unknown(why)}
            case "each" | "count" | "self" | "ephemeral":
                raise KeyError(name)
        return self._of_type(name, data=False)

    def read(self, path: str) -> bytes | Unknown | None:
        """Return the bytes of a file by its path from the root module's folder."""
        file = self.environment.modules.tree.beside(self.environment.root.first, path)
        if file is None:
            return Unknown(f"'{path}' is not among the scanned files")
        try:
            data = self.environment.modules.contents[file.path] = file.data()
        except OSError as error:
            return Unknown(f"{file.path}: {error.strerror}")
        return data

    def names(self, path: str) -> list[str] | Unknown:
        """Return the files below a folder, by its path from the root module's folder."""
        found = self.environment.modules.tree.below(self.environment.root.first, path)
        return Unknown(f"'{path}' is not among the scanned files") if found is None else found

    @cached_property
    def _paths(self) -> Mapping[str, Any]:
        root = self.environment.root.folder or "."
        here = posixpath.relpath(self.module.folder or ".", root)
        return {"module": here, "root": ".", "cwd": Unknown("path.cwd is known only where Terraform runs")}

    def variable(self, name: str) -> Any:
        """Return the value of a variable; raise `KeyError` if it is not declared."""
        if self.module.problems and name not in self.module.variables:
            return self._unread(f"var.{name}")
        block = self.module.variables[name]
        return self._once(("var", name), lambda: self._variable(name, block))

    def _variable(self, name: str, block: Block) -> Any:
        if self.caller is None:
            unset = f"var.{name} has no default, and {self.environment.unset}"
            return value(block, self.environment.given.get(name, MISSING), unset)
        attribute = self.caller.block.body.attributes.get(name)
        given = MISSING if attribute is None else evaluate(attribute.expression, self.caller.scope)
        return value(block, given, f"{self.address} does not set '{name}', which has no default")

    def local(self, name: str) -> Any:
        """Return the value of a local; raise `KeyError` if it is not declared."""
        if self.module.problems and name not in self.module.locals:
            return self._unread(f"local.{name}")
        attribute = self.module.locals[name]
        return self._once(("local", name), lambda: evaluate(attribute.expression, self))

    def output(self, name: str) -> Any:
        """Return the value of an output; raise `KeyError` if it is not declared."""
        if self.module.problems and name not in self.module.outputs:
            return self._unread(f"output '{name}'")
        attributes = self.module.outputs[name].body.attributes
        if "value" not in attributes:
            return Unknown(f"output '{name}' has no value")
        if is_secret(self.module.outputs[name]):
            return Unknown(f"output '{name}' is sensitive, so its value is not used")
        return self._once(("output", name), lambda: evaluate(attributes["value"].expression, self))

    def attribute(self, name: str) -> Any:
        """Return an attribute; raise `KeyError` if there certainly is none."""
        return self.output(name)

    def index(self, key: Any) -> Any:
        """Return an element; raise `KeyError` if there certainly is none."""
        if isinstance(key, Unknown):
            return key
        if not isinstance(key, str):
            raise KeyError(str(key))
        return self.output(key)

    def whole(self) -> Any:
        """Return all of it as a value."""
        return {name: self.output(name) for name in self.module.outputs}

    def _once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        if key not in self._memo:
            self._memo[key] = Unknown(f"{'.'.join(key)} refers to itself")
            self._memo[key] = make()
        return self._memo[key]

    # Resources and data sources.

    def _unread(self, what: str) -> Unknown:
        return Unknown(f"{what} may be in a part of '{next(iter(self.module.problems))}' that could not be read")

    def _of_type(self, type: str, *, data: bool) -> Names | Unknown:
        names = self.module.types.get((type, data), [])
        if not names and self.module.problems:
            return self._unread(type)
        if not names:
            raise KeyError(type)
        return Names(lambda name: self.node(type, name, data=data), lambda: names)

    def node(self, type: str, name: str, *, data: bool) -> Node | Unknown:
        """Return a resource or a data source; raise `KeyError` if there is none."""
        if self.module.problems and (type, name) not in (self.module.data if data else self.module.managed):
            return self._unread(f"{type}.{name}")
        key = ("data" if data else "resource", type, name)
        if key not in self._nodes:
            block = (self.module.data if data else self.module.managed)[type, name]
            address = ".".join(filter(None, (self.address, *(key if data else key[1:]))))
            self._nodes[key] = Node(
                lambda: expansion(block, self),
                lambda at, names: ResourceInstance(
                    block, address + _bracketed(at), self, Bound(self, names), data=data
                ),
            )
        return self._nodes[key]

    # Calls of modules.

    def call(self, name: str) -> Any:
        """Return a call of a module; raise `KeyError` if there is none, `Unknown` if the module is not there."""
        if self.module.problems and name not in self.module.calls:
            return self._unread(f"module.{name}")
        block = self.module.calls[name]
        module = self.called(name)
        if module is None:
            return Unknown(f"module.{name} is not among the scanned files")
        key = ("module", name)
        if key not in self._nodes:
            address = ".".join(filter(None, (self.address, *key)))

            def make(at: Any, names: Mapping[str, Any]) -> Instance:
                doubt = self.call(name).expansion.open if at == "*" else unread(block) or remote.doubt(module, block)
                caller = Caller(block, self, Bound(self, names), doubt)
                return Instance(self.environment, module, (*self.path, name), address + _bracketed(at), caller)

            self._nodes[key] = Node(lambda: expansion(block, self), make)
        return self._nodes[key]

    def called(self, name: str) -> Module | None:
        """Return the module that a call names, None if it is not there, or calls itself."""
        key = ("called", name)
        if key not in self._memo:
            self._memo[key] = self._found(name)
        found: Module | None = self._memo[key]
        return found

    def _found(self, name: str) -> Module | None:
        source = text(self.module.calls[name].body.attributes.get("source"))
        if source is None or len(self.path) >= DEEPEST:
            return None
        if source.startswith(("./", "../")):
            found = self.environment.modules.beside(self.module, source)
        else:
            found = self.environment.installed.get(".".join((*self.path, name))) or remote.mapped_module(source)
        return None if found is not None and self._inside(found) else found

    def _inside(self, module: Module) -> bool:
        return self.module is module or (self.caller is not None and self.caller.instance._inside(module))

    # Providers.

    def provider(self, name: str) -> Provider:
        """Return what a configuration that is referred to here, `aws` or `aws.<alias>`, is for."""
        if name not in self._providers:
            circular = Unknown(f"provider '{name}' refers to itself")
            self._providers[name] = Provider(circular, circular)
            self._providers[name] = self._provider(name)
        return self._providers[name]

    def _provider(self, name: str) -> Provider:
        caller = self.caller
        if caller is not None:
            for inner, outer in providers.passed(caller.block.body.attributes.get("providers")):
                if inner == name:
                    return caller.instance.provider(outer)
        block = next((each for each in self.module.providers if provider_name(each) == name), None)
        if block is not None and unread(block):
            return Provider(Unknown(unread(block)), Unknown(unread(block)))
        if block is not None and (caller is None or block.body.attributes):
            return self._configured(name, Values(block, self).all())
        if "." in name:
            missing = Unknown(f"provider '{name}' is not configured")
            return Provider(missing, missing)
        return caller.instance.provider(name) if caller is not None else self._configured(name, {})

    def _configured(self, name: str, values: Mapping[str, Any]) -> Provider:
        default = self.provider(name.partition(".")[0]) if "." in name else None
        return providers.configured(name, values, default, self.environment.fallback)

    def cluster(self, name: str) -> Cluster:
        """Return what a configuration of another provider that is referred to here, such as `helm`, speaks to."""
        if name not in self._clusters:
            circular = Unknown(f"provider '{name}' refers to itself")
            self._clusters[name] = Cluster(circular, Provider(circular, circular))
            self._clusters[name] = clusters.of(self, name)
        return self._clusters[name]

    @property
    def root(self) -> Instance:
        """Return the root module that it is called in."""
        return self.caller.instance.root if self.caller else self


def unread(block: Block) -> str:
    """Return that a part of a block could not be read, where more may be said; empty if all of it was."""
    problems = block.body.problems
    return f"a part of it could not be read: {problems[0].location}: {problems[0].message}" if problems else ""


def _bracketed(key: Any) -> str:
    return "" if key is None else f"[{key if key == '*' else json.dumps(key)}]"


def children(instance: Instance) -> Iterator[tuple[str, list[Instance]]]:
    """Yield the calls of modules that can be followed, with the instances of each; also one that may be there."""
    for name in instance.module.calls:
        node = instance.call(name)
        if isinstance(node, Node):
            found = [node.at(key) for key in node.expansion.keyed]
            yield name, [*found, node.doubtful()] if node.expansion.open else found
