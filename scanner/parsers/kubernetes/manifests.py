"""The door of manifests: finds objects of Kubernetes among the files, and reads files for the other doors."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.documents import Document, load_all
from scanner.errors import DocumentError
from scanner.model import Gap, Location, Resource
from scanner.parsers.exemptions import MARK
from scanner.parsers.kubernetes.comments import in_annotations, in_text
from scanner.parsers.kubernetes.objects import Object, Source, objects
from scanner.parsers.reading import Reading
from scanner.parsers.tree import MAX_BYTES, File, Tree
from scanner.scalars import KUBERNETES, Dialect

_SUFFIXES = (".json", ".yaml", ".yml")
_WORDS = re.compile(
    rb"[cC]ontainers\b|\bServiceAccount\b|\bexternal-secrets\.io\b|\bargoproj\.io\b|\.fluxcd\.io\b|\"?kind\"?\s*:\s*\"?\w*List\b"
)
_KIND = re.compile(r"^kind:[ \t]*(\w+)[ \t]*\r?$", re.MULTILINE)
_PASSED_OVER = frozenset(("CustomResourceDefinition", "ConfigMap", "Secret"))
_TEMPLATED = re.compile(r"\{\{|\{%|<%")


@dataclass(frozen=True)
class Manifests:
    """What is in one file: its objects, and the documents that could not be read."""

    file: File
    text: str
    documents: Sequence[Document]
    objects: Sequence[Object]
    broken: Sequence[DocumentError]


def read(tree: Tree, reading: Reading) -> None:
    """Read every manifest that no chart and no overlay has."""
    folders = tree.folders()
    for file in tree.files(*_SUFFIXES):
        reading.attempt([file.path], _read, file, folders, tree, reading)


def _read(file: File, folders: frozenset[str], tree: Tree, reading: Reading) -> None:
    try:
        data = file.data()
        found = manifests(file, data) if _is_suspect(data) else None
    except (DocumentError, OSError) as error:
        fail(file, error, tree, reading)
        return
    if found and (any(one.matters or _delivers(one) for one in found.objects) or found.broken):
        tree.take(file)
        reading.read(file.path, data)
        _declare(found, folders, reading)


def fail(file: File, error: DocumentError | OSError, tree: Tree, reading: Reading) -> None:
    """Note a file that cannot be read, and keep it from other formats."""
    reading.failed(file.path, str(error) if isinstance(error, DocumentError) else f"{file.path}: {error.strerror}")
    tree.take(file)


def manifests(file: File, data: bytes, dialect: Dialect = KUBERNETES) -> Manifests:
    """Return what is in a file; raise `DocumentError` if it is too large, or no text."""
    if len(data) > MAX_BYTES:
        raise DocumentError(file.path, 0, 0, f"larger than {MAX_BYTES} bytes")
    text = decoded(file, data)
    documents: list[Document] = []
    broken: list[DocumentError] = []
    for one in load_all(text, file.path, _may_matter, dialect):
        if isinstance(one, Document):
            documents.append(one)
        else:
            broken.append(one)
    return Manifests(file, text, documents, [each for one in documents for each in objects(one, file.path)], broken)


def _may_matter(text: str) -> bool:
    """Tell documents of kinds that are long and run nothing from others, before they are read."""
    kinds = _KIND.findall(text)
    return len(kinds) != 1 or kinds[0] not in _PASSED_OVER


def decoded(file: File, data: bytes) -> str:
    """Return the text in a file: YAML may be UTF-8 or UTF-16; raise `DocumentError` if it is neither."""
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentError(file.path, 0, 0, "not UTF-8 text") from None


def exempted(found: Manifests, reading: Reading) -> str:
    """Take the exemptions in the comments of a file; return what is wrong with them."""
    if MARK not in found.text.lower().encode("utf-8", "replace"):
        return ""
    return reading.exempted(in_text(found.documents, found.objects, found.text, found.file.path))


def problems(found: Manifests, source: Source) -> Iterator[Gap]:
    """Yield gaps for the documents that could not be read."""
    for error in found.broken:
        problem = error.problem
        if _TEMPLATED.search(found.text):
            problem = f"it is a template of another tool, to be rendered first ({problem})"
        location = Location(error.path, error.line) if error.line else None
        yield from source.gap(problem, location)


def _declare(found: Manifests, folders: frozenset[str], reading: Reading) -> None:
    path = found.file.path
    wrong, open = exempted(found, reading), ""
    deployments = reading.deployed(path)
    for where in deployments:
        source = Source(path, where, len(deployments) > 1, folders)
        declared: list[Resource | Gap] = [*source.declared(found.objects), *problems(found, source)]
        wrong = wrong or reading.exempted(in_annotations(source, found.objects))
        open = reading.add(declared) or open
        reading.placed(where.account, where.region, Location(path, 1))
    reading.done(path, wrong or open)


def _delivers(one: Object) -> bool:
    return one.group == "argoproj.io" or one.group.endswith(".fluxcd.io")


def _is_suspect(data: bytes) -> bool:
    """Tell whether a file may declare workloads, by words that stand in all that do."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data[: len(data) & ~1].decode("utf-16", "replace").encode("utf-8", "replace")
    return b"apiVersion" in data and b"kind" in data and _WORDS.search(data) is not None
