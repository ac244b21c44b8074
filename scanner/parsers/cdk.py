"""The door of the AWS CDK: the cloud assemblies that `cdk synth` writes, and the programs they are made of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scanner.documents import load
from scanner.errors import DocumentError
from scanner.model import Gap, Location, Unknown
from scanner.parsers.names import properties_of
from scanner.parsers.reading import Reading
from scanner.parsers.stacks import Source, Unsaid
from scanner.parsers.templates import Instance, Stacks, texts
from scanner.parsers.tree import MAX_BYTES, File, Tree

_MANIFEST = "manifest.json"
_STACK = "aws:cloudformation:stack"
_ASSEMBLY = "cdk:cloud-assembly"
_ENVIRONMENT = re.compile(r"aws://([^/]+)/([^/]+)")
_FRAME = re.compile(r"(?:.*\()?(?:file://)?([^()]+):([0-9]{1,9}):([0-9]{1,9})\)?")
_ASSET = re.compile(r"/([0-9a-f]{64})\.[a-z.]+")
_MAX_PARTS = 100


def read(tree: Tree, reading: Reading) -> None:
    """Read every assembly; also that of a `cdk.json`, though `.gitignore` leaves it out."""
    stacks, seen = Stacks(tree, reading), set[str]()
    for file in tree.files(_MANIFEST):
        _assembly(tree, reading, stacks, file, seen)
    for file in tree.files("cdk.json"):
        settings = _json(file) if file.name == "cdk.json" else {}
        manifest = tree.beside(file, f"{settings.get('output', 'cdk.out')}/{_MANIFEST}")
        if manifest is not None:
            _assembly(tree, reading, stacks, manifest, seen)
        if "app" in settings and not any(path.startswith(f"{file.folder}/".lstrip("/")) for path in seen):
            _not_synthesized(file, reading)
    stacks.done()


def _not_synthesized(file: File, reading: Reading) -> None:
    reading.read(file.path, file.data())
    message = f"{file.path}: what the program declares is not known before `cdk synth` has written it"
    reading.add(Gap("Unresolved", message, None, *place, path=file.path) for place in reading.instances(file.path))
    reading.done(file.path, message)


def _assembly(tree: Tree, reading: Reading, stacks: Stacks, manifest: File, seen: set[str]) -> None:
    """Read an assembly and those inside it."""
    app = manifest.folder.rpartition("/")[0]
    waiting = [manifest]
    while waiting:
        file = waiting.pop()
        if file.path in seen or (artifacts := _artifacts(file, reading)) is None:
            continue
        seen.add(file.path)
        assembly = _Assembly(tree, reading, stacks, file, app, artifacts)
        if not reading.attempt([file.path], assembly.read, waiting):
            tree.take_below(file.folder)


def _artifacts(file: File, reading: Reading) -> Mapping[str, Mapping[str, Any]] | None:
    """Return the artifacts of an assembly; None if the file is not the manifest of one."""
    if file.name != _MANIFEST:
        return None
    try:
        data = file.data()
    except OSError as error:
        reading.failed(file.path, f"{file.path}: {error.strerror}")
        return None
    if not any(mark in data for mark in (_STACK.encode(), _ASSEMBLY.encode())):
        return None
    try:
        if len(data) > MAX_BYTES:
            raise DocumentError(file.path, 0, 0, f"larger than {MAX_BYTES} bytes")
        body = load(data.decode("utf-8-sig"), file.path).value
    except (DocumentError, UnicodeDecodeError) as error:
        reading.failed(file.path, str(error) if isinstance(error, DocumentError) else f"{file.path}: not UTF-8 text")
        return None
    artifacts = body.get("artifacts") if isinstance(body, dict) else None
    if not isinstance(artifacts, dict) or "version" not in body:
        return None
    reading.read(file.path, data)
    reading.done(file.path)
    return {name: each for name, each in artifacts.items() if isinstance(each, dict)}


class _Assembly:
    """One assembly: a folder with a manifest, and the stacks that the manifest names."""

    def __init__(
        self,
        tree: Tree,
        reading: Reading,
        stacks: Stacks,
        manifest: File,
        app: str,
        artifacts: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.tree, self.reading, self.stacks = tree, reading, stacks
        self.manifest, self.app, self.artifacts = manifest, app, artifacts
        self._assets: dict[str, str] = {}
        self._origins: dict[str, Mapping[str, Location]] = {}

    def read(self, waiting: list[File]) -> None:
        """Read the stacks, and put the manifests inside this assembly among the `waiting` ones.

        The folder is theirs, and nothing else in it is read.
        """
        self._assets = dict(self._read_assets())
        for artifact in self.artifacts.values():
            if artifact.get("type") == _STACK:
                self._origins |= self._programs(artifact)
                self._stack(artifact)
        self._take()
        waiting += self._inner()

    def _inner(self) -> Iterator[File]:
        """Return the manifests of the assemblies inside this one."""
        for artifact in self.artifacts.values():
            if artifact.get("type") == _ASSEMBLY:
                file = self._named(f"{_properties(artifact).get('directoryName')}/{_MANIFEST}")
                if file is not None:
                    yield file

    def _stack(self, artifact: Mapping[str, Any]) -> None:
        name = _properties(artifact).get("templateFile")
        file = self._named(name)
        if file is None:
            self.reading.failed(
                self.manifest.path, f"{self.manifest.path}: there is no {name}, the template of a stack"
            )
            return
        source = self.stacks.load(file, certain=True)
        if source is not None:
            self.stacks.deploy(self._written(source), self._instances(artifact, source), self._find)

    def _instances(self, artifact: Mapping[str, Any], source: Source) -> list[Instance]:
        """Return where a stack is deployed: as the program says, and else as the configuration does."""
        match = _ENVIRONMENT.fullmatch(str(artifact.get("environment")))
        account, region = match.groups() if match else ("unknown-account", "unknown-region")
        account, region = (None if each.startswith("unknown-") else each for each in (account, region))
        own = _properties(artifact).get("parameters")
        own = own if isinstance(own, dict) else {}
        made: dict[tuple[str | None, str | None], Mapping[str, Any]] = {}
        for other, another, given in self.stacks.instances(source):
            place = (account or other, region or another)
            agrees = other in (None, place[0]) and another in (None, place[1])
            given = given if isinstance(given, Unsaid) else {**own, **given}
            made.setdefault(place, given if agrees else own)
        return [(*place, given) for place, given in made.items()]

    def _find(self, source: Source, body: Mapping[str, Any], url: Any) -> Source | str:
        """Return the template of a nested stack, which the assembly holds under the hash of the asset."""
        written = properties_of(body).get("TemplateURL") if isinstance(url, Unknown) else url
        for text in texts(written):
            for asset in _ASSET.findall(text):
                file = self._named(self._assets.get(asset))
                if file is not None:
                    return self._loaded(file)
        found = self.stacks.find(source, body, url)
        return found if isinstance(found, str) else self._written(found)

    def _loaded(self, file: File) -> Source | str:
        found = self.stacks.load(file, certain=True)
        return self._written(found) if found else f"{file.path}, its template, cannot be read"

    def _written(self, source: Source) -> Source:
        name = source.file.name if source.file else ""
        return replace(source, origins=self._origins.get(name, {}))

    def _read_assets(self) -> Iterator[tuple[str, str]]:
        """Return the files of the assembly by the hashes of assets."""
        for artifact in self.artifacts.values():
            file = self._named(_properties(artifact).get("file"))
            if artifact.get("type") != "cdk:asset-manifest" or file is None:
                continue
            files = _json(file).get("files")
            for hash, asset in files.items() if isinstance(files, dict) else ():
                source = asset.get("source") if isinstance(asset, dict) else None
                if isinstance(source, dict) and isinstance(source.get("path"), str):
                    yield hash, source["path"]

    def _programs(self, artifact: Mapping[str, Any]) -> Mapping[str, Mapping[str, Location]]:
        """Return, for each template file of a stack, where the program makes the resources in it."""
        metadata = artifact.get("metadata")
        file = self._named(artifact.get("additionalMetadataFile"))
        if file is not None:
            metadata = {**(metadata if isinstance(metadata, dict) else {}), **_json(file)}
        constructs = list(_constructs(metadata))
        programs = _Programs(self.tree, self.app, (frame for each in constructs for frame in each.frames))
        templates = {each.path: each.template for each in constructs if each.template}
        stack = str(_properties(artifact).get("templateFile"))
        made: dict[str, dict[str, Location | None]] = {}
        for each in constructs:
            where = programs.locate(each.frames) if each.logical else None
            if each.logical and where is not None:
                above = (each.path[:at] for at in range(len(each.path), 0, -1) if each.path[at : at + 1] in ("/", ""))
                name = next((templates[path] for path in above if path in templates), stack)
                found = made.setdefault(name, {})
                # Older versions do not say which template an id is in; one that nested stacks share is in neither.
                found[each.logical] = None if each.logical in found else where
        return {name: {id: where for id, where in each.items() if where} for name, each in made.items()}

    def _named(self, name: Any) -> File | None:
        return self.tree.beside(self.manifest, name) if isinstance(name, str) and name else None

    def _take(self) -> None:
        """Keep what belongs to the assembly from being read as anything else: copies of assets may be templates."""
        folder = f"{self.manifest.folder}/" if self.manifest.folder else ""
        names = {_MANIFEST, *self._assets.values(), *self._origins}
        for artifact in self.artifacts.values():
            properties = _properties(artifact)
            names |= {str(properties.get(key)) for key in ("templateFile", "file")}
            names.add(str(artifact.get("additionalMetadataFile")))
        for file in list(self.tree.files()):
            inside = file.path.removeprefix(folder)
            if file.path.startswith(folder) and (inside in names or inside.startswith("asset.")):
                self.tree.take(file)


@dataclass(frozen=True)
class _Construct:
    """What the metadata say of one construct: its logical id, its template file, and the calls that made it."""

    path: str
    logical: str | None
    template: str | None
    frames: tuple[str, ...]


def _constructs(metadata: Any) -> Iterator[_Construct]:
    for path, entries in metadata.items() if isinstance(metadata, dict) else ():
        found: dict[str, Any] = {}
        frames: list[Any] = []
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("type"), str):
                found[entry["type"]] = entry.get("data")
                frames += entry["trace"] if isinstance(entry.get("trace"), list) else []
        stack = found.get("aws:cdk:creationStack")
        calls = [frame for frame in (stack if isinstance(stack, list) else frames) if isinstance(frame, str)]
        logical, template = found.get("aws:cdk:logicalId"), found.get("aws:cdk:templateFile")
        yield _Construct(
            path,
            logical if isinstance(logical, str) else None,
            template if isinstance(template, str) else None,
            tuple(calls),
        )


class _Programs:
    """The files of a program as calls name them, by absolute paths of the machine on which it ran."""

    def __init__(self, tree: Tree, app: str, frames: Iterable[str]) -> None:
        self._tree, self._app = tree, f"{app}/" if app else ""
        paths = {call[0] for frame in frames if (call := _call(frame))}
        homes = Counter(home for path in sorted(paths) if (home := self._home(path)) is not None)
        most = max(homes.values(), default=0)
        # The folder from which most files are found is the one that holds the assembly here.
        self._root = max((home for home, count in homes.items() if count == most), key=len, default=None)

    def locate(self, frames: Iterable[str]) -> Location | None:
        """Return the innermost call that is written in a file of the tree."""
        for call in map(_call, frames):
            if call and self._root is not None and call[0].startswith(self._root):
                path = self._app + call[0].removeprefix(self._root)
                if self._tree.get(path) is not None:
                    return Location(path, call[1], call[2])
        return None

    def _home(self, path: str) -> str | None:
        """Return the beginning of an absolute path of which the longest rest is a file here."""
        parts = path.split("/")[:_MAX_PARTS]
        for at in range(len(parts)):
            if self._tree.get(self._app + "/".join(parts[at:])) is not None:
                return "".join(f"{part}/" for part in parts[:at])
        return None


def _call(frame: str) -> tuple[str, int, int] | None:
    match = _FRAME.fullmatch(frame) if len(frame) < 4096 else None
    if match is None or "node_modules" in match[1]:
        return None
    return match[1].replace("\\", "/"), max(int(match[2]), 1), max(int(match[3]), 1)


def _properties(artifact: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = artifact.get("properties")
    return properties if isinstance(properties, dict) else {}


def _json(file: File) -> Mapping[str, Any]:
    """Return the object in a file; empty if there is none."""
    try:
        data = file.data()
        value = load(data.decode("utf-8-sig"), file.path).value if len(data) <= MAX_BYTES else None
    except (DocumentError, UnicodeDecodeError, OSError):
        return {}
    return value if isinstance(value, dict) else {}
