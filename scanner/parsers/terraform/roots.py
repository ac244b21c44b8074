"""Which modules are root modules, and the environments that each is applied in."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scanner.config import IacMapping
from scanner.model import Unknown
from scanner.parsers.reading import Reading
from scanner.parsers.terraform import backend
from scanner.parsers.terraform.evaluate import evaluate
from scanner.parsers.terraform.json_syntax import parse_json
from scanner.parsers.terraform.modules import Module, Modules, text
from scanner.parsers.terraform.names import Environment, Instance
from scanner.parsers.terraform.providers import DEFAULT, Fallback, known
from scanner.parsers.terraform.syntax import parse
from scanner.parsers.terraform.variables import NOTHING
from scanner.parsers.tree import MAX_BYTES, File

VALUES = (".tfvars", ".tfvars.json")

_OF_ROOT = ("terraform.tfvars", "terraform.tfvars.json")
_AUTO = (".auto.tfvars", ".auto.tfvars.json")
_NO_ESTATE = {"example", "examples", "test", "tests", "testdata", "fixture", "fixtures"}
_SAMPLES = ("example", "sample", "template")


@dataclass
class Roots:
    """The root modules of a tree, why each other module is none, and the files of variables of each root.

    Of the files of variables, those in `stray` are for no estate, those in `nobody` for one that is not known, and
    those in `broken` cannot be read, each with the reason.
    """

    modules: Modules
    reading: Reading
    why_not: dict[str, str] = field(default_factory=dict)
    stray: dict[str, str] = field(default_factory=dict)
    nobody: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    _values: dict[str, list[File]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._called = self._calls()
        files = [file for file in self.modules.tree.files(*VALUES) if file.name.endswith(VALUES)]
        folders = {module.folder for module in self.modules.all()}
        for file in files:
            above = next((each for each in _up(file.folder) if each in folders), None)
            if above is not None:
                self._values.setdefault(above, []).append(file)
        for module in self.modules.all():
            if why := self._why_not(module):
                self.why_not[module.folder] = why
        self._settle(files)

    def found(self) -> list[Module]:
        """Return the root modules."""
        return [module for module in self.modules.all() if module.folder not in self.why_not]

    def _calls(self) -> dict[str, str]:
        """Return the folders that calls of modules lead to, each with the file of one that does."""
        called: dict[str, str] = {}
        for module in self.modules.all():
            for block in module.calls.values():
                source = text(block.body.attributes.get("source"))
                local = source is not None and source.startswith(("./", "../"))
                found = self.modules.beside(module, source) if source is not None and local else None
                if found is not None and found is not module:
                    called.setdefault(found.folder, block.location.path)
        return called

    def _why_not(self, module: Module) -> str:
        """Return why a module is no estate by itself; empty for a root module."""
        if any(type != "local" for type, _ in backend.blocks(module)):
            return ""
        parts = self.modules.tree.shown(module.first).split("/")[:-1]
        if part := next((part for part in parts if part in _NO_ESTATE), None):
            return f"not an estate: it is under '{part}' and has no backend"
        if module.folder in self._called:
            return f"a module that '{self._called[module.folder]}' calls"
        if module.providers or self._values.get(module.folder):
            return ""
        if "modules" in parts:
            return "a module that nothing here calls"
        if not (module.managed or module.calls):
            return "it declares no resources"
        if self._deployments(module):
            return ""
        if required := module.required():
            return f"a module that nothing here calls: var.{required[0]} has to be set, and nothing sets it"
        return ""

    def _settle(self, files: Sequence[File]) -> None:
        """Give each file of variables to the root module above it, or to the only one below a folder above it."""
        self._values.clear()
        roots = [module.folder for module in self.found()]
        folders = {*roots, *self.why_not}
        for file in files:
            above = next((each for each in _up(file.folder) if each in folders), None)
            owner = _only_below(file.folder, roots) if above is None else above
            shown = self.modules.tree.shown(file).split("/")[:-1]
            if any(word in file.name.partition(".")[0].lower().split("-") for word in _SAMPLES):
                self.stray[file.path] = "a sample"
            elif above in self.why_not:
                self.stray[file.path] = f"of a module that is no estate: {self.why_not[above]}"
            elif above != file.folder and _NO_ESTATE & set(shown):
                self.stray[file.path] = "of no estate"
            elif owner is None:
                self.nobody[file.path] = "no one root module here takes it; name it in var_files under 'iac:'"
            else:
                self._values.setdefault(owner, []).append(file)

    def _deployments(self, module: Module) -> list[IacMapping]:
        return list(dict.fromkeys(one for path in module.files for one in self.reading.deployments(path)))

    # Environments.

    def environments(self, root: Module) -> Iterator[Environment]:
        """Yield the environments of a root module: one for each file of variables that does not apply always."""
        files = self._values.get(root.folder, [])
        always = [file for file in files if file.folder == root.folder and _applies(file)]
        always.sort(key=lambda file: (not file.name.startswith(_OF_ROOT), file.name))
        base = self._given(root, always)
        installed = self.modules.installed(root)
        deployed = self._deployments(root)
        chosen = [one for one in deployed if one.var_files or one.workspace]
        for names, given, unset, mappings in (
            self._declared(root, base, chosen) if chosen else self._discovered(root, base, files, always)
        ):
            fallbacks = [Fallback(one.account, one.region, one.cluster) for one in mappings] or [Fallback()]
            workspace = next((one.workspace for one in mappings if one.workspace), None)
            for fallback in self._needed(root, given, fallbacks):
                marks = [*names, *(_place(fallback) if len(fallbacks) > 1 else ())]
                suffix = f"@{','.join(marks)}" if marks else ""
                yield Environment(root, self.modules, given, unset, suffix, fallback, workspace, installed)

    def _needed(self, root: Module, given: Mapping[str, Any], fallbacks: Sequence[Fallback]) -> Sequence[Fallback]:
        """Return the fallbacks that make a difference: one, if the code says by itself what `aws` is for."""
        if len(fallbacks) > 1:
            alone = Environment(root, self.modules, given, "", "", Fallback())
            if None not in known(Instance(alone, root, (), "", None).provider(DEFAULT)):
                clusters = {one.cluster for one in fallbacks}
                return [replace(fallbacks[0], cluster=clusters.pop() if len(clusters) == 1 else None)]
        return fallbacks

    def _discovered(
        self, root: Module, base: Mapping[str, Any], files: Sequence[File], always: Sequence[File]
    ) -> Iterator[tuple[list[str], Mapping[str, Any], str, list[IacMapping]]]:
        named = [file for file in files if file not in always]
        for file in named:
            name = posixpath.relpath(file.path, root.folder or ".")
            mappings = self.reading.deployments(file.path) or self._deployments(root)
            given = {**base, **self._given(root, [file])}
            yield [name], given, f"{name} does not set it", mappings
        if not named:
            yield [], base, "no tfvars sets it", self._deployments(root)

    def _declared(
        self, root: Module, base: Mapping[str, Any], chosen: Sequence[IacMapping]
    ) -> Iterator[tuple[list[str], Mapping[str, Any], str, list[IacMapping]]]:
        for one in chosen:
            found = {name: self.modules.tree.beside(root.first, name) for name in one.var_files}
            own = self._given(root, [file for file in found.values() if file is not None])
            given = {**base, **own}
            self.reading.uses.take("workspace", one.workspace)
            self.reading.uses.take("var_files", one.var_files, own, root.variables)
            if missing := next((name for name, file in found.items() if file is None), None):
                given = _unsure(root, f"var_files names '{missing}', which is not there")
                self.reading.uses.take("var_files", one.var_files, missing=missing)
            marks = [*one.var_files, *filter(None, [one.workspace])]
            yield marks, given, "no tfvars sets it", [one]

    def _given(self, root: Module, files: Sequence[File]) -> dict[str, Any]:
        """Return the values in files of variables; of one that is broken, any variable may be set in another way."""
        made: dict[str, Any] = {}
        for file in files:
            made |= self._values_of(file)
        broken = next((file.path for file in files if file.path in self.broken), None)
        return _unsure(root, f"'{broken}' may set it and could not be read") if broken else made

    def _values_of(self, file: File) -> Mapping[str, Any]:
        """Return the values in a file of variables, and note that it was read."""
        try:
            data = file.data()
        except OSError as error:
            self.broken[file.path] = f"{file.path}: {error.strerror}"
            return {}
        self.modules.contents[file.path] = data
        if len(data) > MAX_BYTES:
            self.broken[file.path] = f"{file.path}: larger than {MAX_BYTES} bytes"
            return {}
        body = parse_json(data, file.path, block=None) if file.name.endswith(".json") else parse(data, file.path)
        if body.problems:
            self.broken[file.path] = f"{body.problems[0].location}: {body.problems[0].message}"
        return {name: evaluate(each.expression, NOTHING) for name, each in body.attributes.items()}


def _unsure(root: Module, why: str) -> dict[str, Any]:
    return {name: Unknown(f"var.{name}: {why}") for name in root.variables}


def _applies(file: File) -> bool:
    return file.name in _OF_ROOT or file.name.endswith(_AUTO)


def _place(fallback: Fallback) -> tuple[str, ...]:
    return (f"{fallback.account or '*'}/{fallback.region or '*'}",)


def _up(folder: str) -> Iterator[str]:
    """Yield a folder and those above it."""
    yield folder
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _only_below(folder: str, roots: Sequence[str]) -> str | None:
    """Return the one root module below the nearest folder above that has any."""
    for above in _up(folder):
        below = [root for root in roots if root.startswith(f"{above}/" if above else "")]
        if below:
            return below[0] if len(below) == 1 else None
    return None
