"""What a root module declares in one environment, module by module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from scanner.documents import pointer
from scanner.model import Gap, Location
from scanner.parsers.addresses import Addresses
from scanner.parsers.terraform import providers, remote
from scanner.parsers.terraform.declared import Declared
from scanner.parsers.terraform.evaluate import allowance, evaluate
from scanner.parsers.terraform.imports import addresses
from scanner.parsers.terraform.instances import steps
from scanner.parsers.terraform.lazy import Node
from scanner.parsers.terraform.maps import attribute_map
from scanner.parsers.terraform.modules import Module, text
from scanner.parsers.terraform.names import Environment, Instance, children, unread
from scanner.parsers.terraform.providers import DEFAULT, known
from scanner.parsers.terraform.resource import ResourceInstance
from scanner.regions import is_name

MOST = 50_000
"""Instances of resources and modules that are looked at in one environment."""


STEPS = 30_000_000
"""Steps of evaluation in one environment, some seconds; what is evaluated after them is unknown."""


class Walk:
    """Goes through the modules of one environment; `visited` are those that it has seen.

    `addresses` is what they say of addresses that were in use before.
    """

    def __init__(self, environment: Environment) -> None:
        self.root = Instance(environment, environment.root, (), "", None)
        self.visited: dict[str, Module] = {}
        self.addresses = Addresses()
        self._left = MOST
        self._barren: dict[str, bool] = {}

    def declared(self) -> Iterator[Declared | Gap]:
        """Yield the instances of resources and data sources, and what is left open."""
        with allowance(STEPS):
            yield from self._module(self.root)
        if self._left < 0:
            path = self.root.module.first.path
            message = f"{path}: more than {MOST} resources and modules are declared; the rest is not looked at"
            yield Gap("Unresolved", message, path=path)

    def _module(self, instance: Instance) -> Iterator[Declared | Gap]:
        self._left -= 1
        here = instance.module
        self.visited[here.folder] = here
        addresses(instance, self.addresses)
        for data, there in ((False, here.managed), (True, here.data)):
            for type, name in there:
                if attribute_map(type):
                    node = instance.node(type, name, data=data)
                    yield from self._instances(node) if isinstance(node, Node) else ()
        for name in here.calls:
            if self._left < 0:
                return
            module = instance.called(name)
            if module is None or remote.is_map(module):
                yield from self._unresolved(instance, name)
        for _, found in children(instance):
            for child in found:
                if self._left >= 0 and not self._declares_nothing(child.module):
                    yield from self._module(child)

    def _instances(self, node: Node) -> Iterator[Declared]:
        for key in node.expansion.keyed:
            self._left -= 1
            if self._left < 0:
                return
            yield declared(node.at(key), "")
        if node.expansion.open:
            yield declared(node.doubtful(), node.expansion.open)

    def _declares_nothing(self, module: Module) -> bool:
        """Tell whether neither a module nor what it calls declares anything of the model."""
        if module.folder not in self._barren:
            self.visited[module.folder] = module
            self._barren[module.folder] = not module.calls and not any(
                attribute_map(type) for type, _ in (*module.managed, *module.data)
            )
        return self._barren[module.folder]

    def _unresolved(self, instance: Instance, name: str) -> Iterator[Gap]:
        """Yield the gaps that a call leaves whose module is not there."""
        block = instance.module.calls[name]
        source = text(block.body.attributes.get("source"))
        hidden = remote.hidden(source or "")
        if hidden is not None and not hidden:
            return
        where, address = block.location, ".".join(filter(None, (instance.address, "module", name)))
        message = f"{where.path}:{where.line}: {address}: {_why(instance, source)}"
        for account, region in sorted(_places(instance, name), key=str):
            for type in hidden or (None,):
                yield Gap("Unresolved", message, type, account, region, path=where.path)


def _why(instance: Instance, source: str | None) -> str:
    if source is None:
        return "its source is not written out"
    if source.startswith(("./", "../")):
        found = instance.environment.modules.beside(instance.module, source)
        return (
            f"module '{source}' is not among the scanned files" if found is None else f"module '{source}' calls itself"
        )
    return f"module '{source}' is not in .terraform/modules; run terraform init, or scan a plan"


def _places(instance: Instance, name: str) -> set[tuple[str | None, str | None]]:
    """Return where a module that nobody has seen may declare something: where its providers are, and what it names."""
    block = instance.module.calls[name]
    given = dict(providers.passed(block.body.attributes.get("providers")))
    found = {known(instance.provider(outer)) for outer in {DEFAULT: DEFAULT, **given}.values()}
    said = (
        evaluate(each.expression, instance)
        for each in block.body.attributes.values()
        if each.name not in remote.OF_CALL
    )
    named = [value for value in said if is_name(value)]
    found |= {(account, region) for account, _ in tuple(found) for region in named}
    return {(None, None)} if any(region is None for _, region in found) else found


def declared(resource: ResourceInstance, doubt: str) -> Declared:
    """Return an instance with all that is written in it; its path is of the root module, which tells it from others."""
    values = resource.values.all()
    account, region = known(resource.place)
    locations = _locations(resource)
    return Declared(
        resource.address,
        resource.type,
        resource.data,
        values,
        account,
        region,
        (*resource.owner.through, locations[""])[0].path,
        locations,
        doubt or unread(resource.block) or resource.owner.doubt,
        resource.imported.unknown,
        resource.cluster,
    )


def _locations(resource: ResourceInstance) -> Mapping[str, Location]:
    """Return where the values of a resource are written; through a map of a known module, that is the call of it."""
    owner, own = resource.owner, resource.values.locations
    if not remote.is_map(owner.module):
        through = owner.through
        return {at: replace(where, through=through) for at, where in own.items()} if through else own
    inputs: dict[str, str] = {}
    while owner.caller is not None and remote.is_map(owner.module):
        call, owner = owner.caller.block, owner.caller.instance
    for name, attribute in resource.block.body.attributes.items():
        path = steps(attribute.expression)
        if path[:1] == ["var"] and len(path) > 1:
            inputs[name] = str(path[1])
    written = {"": call.location}
    for name, given in inputs.items():
        if given in call.body.attributes:
            written[pointer(name)] = call.body.attributes[given].location
    return {at: replace(where, through=owner.through) for at, where in written.items()}
