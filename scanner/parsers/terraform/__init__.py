"""The door of Terraform code: root modules and their environments, and which resources those declare.

Nothing is executed and nothing is fetched; what only a run of Terraform can know is unknown.
"""

from __future__ import annotations

from dataclasses import replace

from scanner.model import Gap, Location, Unknown
from scanner.parsers.addresses import Addresses
from scanner.parsers.exemptions import MARK, in_comments
from scanner.parsers.reading import Reading
from scanner.parsers.terraform import backend, charts, mapping, providers, remote
from scanner.parsers.terraform.clusters import provider_name
from scanner.parsers.terraform.declared import Declared
from scanner.parsers.terraform.maps import attribute_map
from scanner.parsers.terraform.modules import Module, Modules
from scanner.parsers.terraform.names import Environment, Instance
from scanner.parsers.terraform.providers import DEFAULT, known
from scanner.parsers.terraform.roots import VALUES, Roots
from scanner.parsers.terraform.spans import spans
from scanner.parsers.terraform.walk import Walk
from scanner.parsers.tree import File, Tree


def read(tree: Tree, reading: Reading) -> None:
    """Read every root module in each of its environments."""
    modules = Modules(tree)
    if modules.all():
        door = _Door(modules, reading)
        door.declare()
        door.files()
    for file in tree.files("terragrunt.hcl"):
        if file.name == "terragrunt.hcl":
            _terragrunt(file, reading)
            tree.take(file)


def _terragrunt(file: File, reading: Reading) -> None:
    """Note that Terragrunt applies some module with inputs of its own, which nobody here evaluates."""
    message = f"{file.path}: what Terragrunt makes of it is not evaluated; scan the plan"
    reading.add([Gap("Unresolved", message, path=file.path)])
    reading.done(file.path, message)


class _Door:
    """What is known of the files while they are read: the modules that an estate uses, and what each leaves open."""

    def __init__(self, modules: Modules, reading: Reading) -> None:
        self._modules, self._reading = modules, reading
        self._roots = Roots(modules, reading)
        self._used: dict[str, Module] = {}
        self._open: dict[str, str] = {}
        self._gaps: set[Gap] = set()

    def declare(self) -> None:
        """Give the reading what the root modules declare."""
        for root in self._roots.found():
            gaps = set(self._gaps)
            if not self._reading.attempt(root.files, self._root, root):
                self._gaps = gaps  # what it left open was not kept, and may be open in another root

    def _root(self, root: Module) -> None:
        self._reading.add(backend.resources(root))
        for environment in self._roots.environments(root):
            self._declare(environment)

    def _declare(self, environment: Environment) -> None:
        walk = Walk(environment)
        after = self._reading.after.get(environment.root.folder, Addresses())
        found = [one for one in walk.declared() if isinstance(one, Gap) or not after.is_forgotten(one.address)]
        self._reading.addresses[environment.root.folder] = walk.addresses
        self._places(walk.root, said=bool(found))
        made = [one for one in found if isinstance(one, Gap)]
        resources = [one for one in found if not isinstance(one, Gap)]
        resources = [left for one in resources if (left := self._released(one, environment)) is not None]
        for one in [*made, *mapping.resources(resources, environment.suffix, after.moved)]:
            if isinstance(one, Gap) and one in self._gaps:  # of another environment
                continue
            self._reading.add([one])
            if isinstance(one, Gap) and one.path is not None:
                self._gaps.add(one)
                self._open.setdefault(one.path, one.message)
        self._used |= {folder: module for folder, module in walk.visited.items() if not remote.is_map(module)}

    def _released(self, one: Declared, environment: Environment) -> Declared | None:
        """Note the release of a chart that is read; return what is not one, or why it cannot be."""
        if one.type != charts.RELEASE or one.doubt:
            return one
        made = charts.release(one, environment.root.folder, self._modules.tree)
        if isinstance(made, str):
            return replace(one, doubt=made)
        self._reading.released(made)
        return None

    def _places(self, root: Instance, *, said: bool) -> None:
        """Note what the providers of a root module are for; why that is not known is `said` where it matters."""
        for name, where in _used_providers(root).items():
            provider = root.provider(name)
            account, region = known(provider)
            if region is not None:
                self._reading.placed(account, region, where)
            for unknown in (provider.region, provider.account):
                if said and isinstance(unknown, Unknown):
                    message = f"{where.path}:{where.line}: what provider '{name}' is for: {unknown.reason}"
                    self._open.setdefault(where.path, message)

    def files(self) -> None:
        """Note what came of each file."""
        for path, data in self._modules.contents.items():
            self._reading.read(path, data)
        there = {module.folder: module for module in self._modules.all()}
        for folder, module in {**there, **self._used}.items():
            for path in module.files:
                self._file(path, module, used=folder in self._used)
        for file in self._modules.tree.files(*VALUES):
            self._values(file.path)
            self._modules.tree.take(file)

    def _file(self, path: str, module: Module, *, used: bool) -> None:
        if (file := self._modules.tree.get(path)) is not None:
            self._modules.tree.take(file)
        problems = module.problems.get(path)
        broken = f"{problems[0].location}: {problems[0].message}" if problems else ""
        if used and broken:
            self._reading.failed(path, broken)
        elif broken:
            self._reading.done(path, broken)
        elif used:
            self._reading.done(path, self._exempted(module, path) or self._open.get(path, ""))
        elif self._used:
            self._reading.passed_over(path, self._roots.why_not.get(module.folder, ""))
        else:  # nothing is judged, which must not look well
            self._reading.done(path, f"nothing is judged: {self._roots.why_not.get(module.folder, '')}")

    def _exempted(self, module: Module, path: str) -> str:
        data = self._modules.contents.get(path, b"")
        if MARK not in data.lower():
            return ""
        text = data.decode("utf-8-sig", "replace")
        return self._reading.exempted(in_comments(text, path, lambda: spans(module, path)))

    def _values(self, path: str) -> None:
        roots = self._roots
        if path in roots.broken:
            self._reading.failed(path, roots.broken[path])
        elif path in roots.stray:
            self._reading.passed_over(path, roots.stray[path])
        else:
            self._reading.done(path, roots.nobody.get(path, ""))


def _used_providers(root: Instance) -> dict[str, Location]:
    """Return the configurations of a root module that anything of the model may be declared with."""
    module = root.module
    written = {provider_name(block): block.location for block in module.providers}
    used = [DEFAULT]
    for (type, _), block in module.managed.items():
        attribute = block.body.attributes.get("provider")
        if attribute_map(type) and attribute is not None:
            used.append(providers.named(attribute.expression))
    for block in module.calls.values():
        used += [outer for _, outer in providers.passed(block.body.attributes.get("providers"))]
    here = Location(module.first.path, 1)
    return {name: written.get(name, here) for name in used if name == DEFAULT or name.startswith(f"{DEFAULT}.")}
