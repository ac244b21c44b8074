"""What Kustomize makes of an overlay all of whose files are in the scanned tree.

Kustomize gets a copy of the files that the overlay names, and of no other.  An overlay that names what is not there,
what would be fetched, a chart, or a plugin that is not built in is not given to it; nor is one that reads the
environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scanner.documents import load_all
from scanner.errors import DocumentError
from scanner.parsers.kubernetes.settled import Part, printed, settle
from scanner.parsers.kubernetes.tools import NotAsked, ToolError, Tools
from scanner.parsers.tree import MAX_BYTES, File, Tree

if TYPE_CHECKING:
    from scanner.parsers.kubernetes.kustomize import Overlay

_MOST = 100_000_000
_FOLDERS = frozenset(("resources", "bases", "components"))
_PLUGINS = frozenset(("transformers", "validators"))
_PATCHES = frozenset(("patches", "patchesJson6902", "replacements"))
_GENERATED = frozenset(("configMapGenerator", "secretGenerator"))
_NAMED = frozenset(("crds", "configurations"))
_HARMLESS = """
    apiVersion kind metadata images namespace namePrefix nameSuffix replicas labels commonLabels commonAnnotations
    generatorOptions vars sortOptions buildMetadata
"""
_MERGED, _SCHEMA = "patchesStrategicMerge", "openapi"
_FIELDS = frozenset((*_HARMLESS.split(), *_FOLDERS, *_PLUGINS, *_PATCHES, *_GENERATED, *_NAMED, _MERGED, _SCHEMA))
_BUILT_IN = """
    AnnotationsTransformer ImageTagTransformer LabelTransformer NamespaceTransformer PatchJson6902Transformer
    PatchStrategicMergeTransformer PatchTransformer PrefixSuffixTransformer PrefixTransformer ReplacementTransformer
    ReplicaCountTransformer SuffixTransformer
"""
_TRANSFORMERS = frozenset(_BUILT_IN.split())
_FILES = frozenset(("path", "paths", "files", "file", "env", "envs"))


Folder = Callable[["Overlay", str], "Overlay | None"]
"""Gives the kustomization in the folder that an overlay names, None if there is none in the tree."""


def by_kustomize(
    tools: Tools, tree: Tree, overlay: Overlay, folder: Folder, part: Part
) -> tuple[Part, str, dict[File, bytes]]:
    """Return what was read of an overlay with what Kustomize makes of it.

    Then the version of Kustomize and the files that it got, both empty if it was not asked or did not answer.
    """
    program = tools.kustomize
    if program is None or not part.is_open:
        return part, "", {}
    inputs = _Inputs(tree, folder)
    try:
        inputs.overlay(overlay)
    except (NotAsked, OSError):
        return part, "", {}
    at = tree.shown(overlay.file).rpartition("/")[0]
    files = {tree.shown(file): data for file, data in inputs.files.items()}
    try:
        text = tools.ask(program, ["--", f"./{at}"], files)
        made = list(printed(text, overlay.file.path, program.name))
    except ToolError as error:
        # What it says of an overlay that makes Secrets may quote one.
        return part.remarked(f"{program.name} fails" if inputs.has_secrets else str(error)), "", {}
    return settle(part, made), tools.version(program), inputs.files


class _Inputs:
    """The files that Kustomize would read for an overlay; each of them is in the tree, or `NotAsked` is raised."""

    def __init__(self, tree: Tree, folder: Folder) -> None:
        self._tree, self._folder = tree, folder
        self.files: dict[File, bytes] = {}
        self.has_secrets = False
        self._size = 0

    def overlay(self, overlay: Overlay) -> None:
        """Take the files of an overlay, and of those that it includes."""
        if overlay.file in self.files:
            return
        self._take(overlay.file, overlay.data)
        for name, value in overlay.fields.items():
            if name not in _FIELDS and value:
                raise NotAsked
            if name == _SCHEMA:
                self._path(overlay.file, _plain(value).get("path"))
            self.has_secrets = self.has_secrets or name == "secretGenerator"
            for entry in _listed(value):
                self._entry(overlay, name, entry)

    def _entry(self, overlay: Overlay, name: str, entry: Any) -> None:
        file = overlay.file
        if name in _FOLDERS:
            other = self._folder(overlay, self._local(entry))
            if other is None:
                self._path(file, entry)
            else:
                self.overlay(other)
        elif name in _NAMED:
            self._path(file, entry)
        elif name == _MERGED:
            if not (isinstance(entry, str) and "\n" in entry.strip()):
                self._path(file, entry)
        elif name in _PATCHES:
            self._path(file, _plain(entry).get("path"))
        elif name in _GENERATED:
            self._generated(file, entry)
        elif name in _PLUGINS:
            self._plugin(file, entry)

    def _generated(self, file: File, entry: Any) -> None:
        for name in _listed(_plain(entry).get("files")):
            self._path(file, name.rpartition("=")[2] if isinstance(name, str) else name)
        for name in (*_listed(entry.get("envs")), *filter(None, [entry.get("env")])):
            lines = self._path(file, name).splitlines()
            # A line without a value takes it from the environment.
            if any(line.strip() and not line.lstrip().startswith(b"#") and b"=" not in line for line in lines):
                raise NotAsked

    def _plugin(self, file: File, entry: Any) -> None:
        inline = isinstance(entry, str) and "\n" in entry.strip()
        text = entry if inline else self._path(file, entry).decode("utf-8", "replace")
        for one in load_all(text, file.path):
            value = one.value if not isinstance(one, DocumentError) else None
            if not isinstance(value, dict) or value.get("apiVersion") != "builtin":
                raise NotAsked
            metadata = value.get("metadata")
            if value.get("kind") not in _TRANSFORMERS or (isinstance(metadata, dict) and "annotations" in metadata):
                raise NotAsked
            copied = [
                each for key, listed in value.items() if key.casefold() == "replacements" for each in listed or ()
            ]
            for each in (value, *copied):
                if not isinstance(each, dict) or any(key.casefold() in _FILES for key in each):
                    raise NotAsked

    def _local(self, name: Any) -> str:
        if not isinstance(name, str) or re.search(r"[:?\n\\]|//", name):
            raise NotAsked
        return name

    def _path(self, beside: File, name: Any) -> bytes:
        """Take the file that another one names, if it names one."""
        if name is None:
            return b""
        file = self._tree.beside(beside, self._local(name))
        if file is None:
            raise NotAsked
        return self.files[file] if file in self.files else self._take(file, file.data())

    def _take(self, file: File, data: bytes) -> bytes:
        self._size += len(data)
        if len(data) > MAX_BYTES or self._size > _MOST:
            raise NotAsked
        self.files[file] = data
        return data


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _plain(entry: Any) -> dict[str, Any]:
    """Return an entry; raise `NotAsked` if it names files by a key that only Kustomize takes for one: it folds case."""
    if not isinstance(entry, dict):
        raise NotAsked
    if any(key.casefold() in _FILES and key not in _FILES for key in entry):
        raise NotAsked
    return entry
