"""The door of CloudFormation: finds the templates among the files, and which of them are stacks by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from scanner.documents import Document, load
from scanner.errors import DocumentError
from scanner.finding import Exemption
from scanner.model import Gap, Location, Resource, Unknown
from scanner.parsers import cloudformation, cloudformation_exemptions, parameters, sam
from scanner.parsers.exemptions import MARK, Problem
from scanner.parsers.intrinsics import Resolver
from scanner.parsers.names import STACK, properties_of
from scanner.parsers.reading import Reading
from scanner.parsers.registry import Piece
from scanner.parsers.stacks import ELSEWHERE, STACK_SET, Context, Find, Source
from scanner.parsers.tree import MAX_BYTES, File, Tree
from scanner.recovery import DECLARED
from scanner.vocabulary import TAGS

_SUFFIXES = (".json", ".template", ".yaml", ".yml")
_MARKS = ("Resources", "AWS::")
_BYTE_ORDER = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_REMOTE = ("http:", "https:", "s3:")


def read(tree: Tree, reading: Reading) -> None:
    """Read every template; one that another nests is read as part of that."""
    stacks = Stacks(tree, reading)
    found = [source for file in tree.files(*_SUFFIXES) if (source := stacks.load(file))]
    for source in stacks.roots(found):
        stacks.attempt(source)
    stacks.done()


Instance = tuple[str | None, str | None, Mapping[str, Any]]
"""Account, Region and values of parameters with which a template is deployed."""


class Stacks:
    """The templates that were read, each once, and what is open in them."""

    def __init__(self, tree: Tree, reading: Reading) -> None:
        self._tree, self._reading = tree, reading
        self._loaded: dict[str, Source | None] = {}
        self._open: dict[str, str] = {}

    def load(self, file: File, *, certain: bool = False) -> Source | None:
        """Return the template in a file, None if it holds none or cannot be read; then the reading knows.

        A file that is `certain` to be a template is never passed over.
        """
        if file.path not in self._loaded:
            self._loaded[file.path] = None
            if not self._reading.attempt([file.path], self._load, file, certain):
                self._tree.take(file)
        return self._loaded[file.path]

    def _load(self, file: File, certain: bool) -> None:
        try:
            self._loaded[file.path] = self._read(file, certain)
        except (DocumentError, OSError) as error:
            message = str(error) if isinstance(error, DocumentError) else f"{file.path}: {error.strerror}"
            self._reading.failed(file.path, message)
            self._tree.take(file)
        if self._loaded[file.path] is not None:
            self._tree.take(file)

    def find(self, source: Source, body: Mapping[str, Any], url: Any) -> Source | str:
        """Return the template that another one nests by a path beside it, or why there is none."""
        name = _local(body, url)
        if name is None or source.file is None:
            return url.reason if isinstance(url, Unknown) else ELSEWHERE
        file = self._tree.beside(source.file, name)
        if file is None:
            return f"{ELSEWHERE}: there is no {name}"
        return self.load(file, certain=True) or f"{file.path}, its template, cannot be read"

    def roots(self, found: list[Source]) -> Iterator[Source]:
        """Return the templates that no other one nests, and one of each circle."""
        nested = {source.path: set(self._nested(source)) - {source.path} for source in found}
        inner, reached = set().union(*nested.values()), set()
        for source in [*(one for one in found if one.path not in inner), *found]:
            if source.path in reached:
                continue
            yield source
            waiting = [source.path]
            while waiting:
                path = waiting.pop()
                if path not in reached:
                    reached.add(path)
                    waiting += nested.get(path, ())

    def instances(self, source: Source) -> list[Instance]:
        """Return where a template is deployed, and with which parameters, as the configuration says."""
        if source.file is None:
            return [(None, None, {})]
        found: list[Instance] = []
        for each in dict.fromkeys(self._reading.deployments(source.path)):
            given = parameters.given(self._tree, source.file, each)
            declared = source.document.value.get("Parameters")
            self._reading.uses.take(
                "parameters",
                each.parameters,
                given,
                declared if isinstance(declared, dict) else (),
                parameters.missing(self._tree, source.file, each),
            )
            found.append((each.account, each.region, given))
        return found or [(None, None, {})]

    def attempt(self, source: Source) -> None:
        """Read what a template declares where the configuration says that it is deployed, if that does not crash."""
        loaded = dict(self._loaded)
        if not self._reading.attempt([source.path], self._declare, source):
            self._loaded = loaded  # others read again what they share with it

    def _declare(self, source: Source) -> None:
        self.deploy(source, self.instances(source), self.find)

    def deploy(self, source: Source, instances: list[Instance], find: Find) -> None:
        """Read what a template declares where it is deployed."""
        for number, (account, region, given) in enumerate(instances):
            suffix = f"@{account or '*'}/{region or '*'}" if len(instances) > 1 else ""
            same = sum((account, region) == each[:2] for each in instances[:number])
            suffix += f"@{same + 1}" if same else ""
            context = Context(find)
            place = cloudformation.at(account, region)
            template = cloudformation.Template(source, place, context, suffix, given)
            self._reading.add(self._watched(template.declarations()))
            self._reading.placed(account, region, Location(source.path, 1))
            for each, where in context.places.items():
                self._reading.placed(*each, where)

    def done(self) -> None:
        """Note every template that was read, and what the first thing is that it leaves open."""
        for path, source in self._loaded.items():
            if source is not None:
                self._reading.done(path, self._open.get(path, ""))

    def _watched(self, declared: Iterator[Resource | Piece | Gap]) -> Iterator[Resource | Piece | Gap]:
        for one in declared:
            if isinstance(one, Gap) and one.path:
                self._open.setdefault(one.path, one.message)
            if not _is_evidence(one):
                yield one

    def _read(self, file: File, certain: bool) -> Source | None:
        data = file.data()
        document = _template(data, file, certain)
        if document is None:
            return None
        self._reading.read(file.path, data)
        if problems := self._reading.exempted(_exemptions(document, data, file)):
            self._open[file.path] = problems
        return Source(sam.expand(document), file.path, file)

    def _nested(self, source: Source) -> Iterator[str]:
        """Return the paths of the templates that one may nest, whatever its conditions say."""
        body = source.document.value
        declared = body.get("Resources")
        for resource in declared.values() if isinstance(declared, dict) else ():
            if not isinstance(resource, dict) or resource.get("Type") not in (STACK, STACK_SET):
                continue
            properties = properties_of(resource)
            if resource["Type"] == STACK_SET and "StackInstancesGroup" not in properties:
                continue
            url = properties.get("TemplateURL")
            resolved = Resolver(body, None, None, lambda *_: Unknown("a reference")).resolve(url)
            for each in {*texts(url), *texts(resolved)}:
                name = _local(resource, each)
                file = self._tree.beside(source.file, name) if name and source.file else None
                if file is not None:
                    yield file.path


def _local(body: Mapping[str, Any], url: Any) -> str | None:
    """Return the relative path under which a nested stack has its template; None if it is not beside its parent."""
    metadata = body.get("Metadata")
    asset = metadata.get("aws:asset:path") if isinstance(metadata, dict) else None
    name = asset if isinstance(asset, str) else url
    return name if isinstance(name, str) and name and not name.startswith(_REMOTE) else None


def texts(value: Any) -> Iterator[str]:
    """Return every text in a value."""
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from texts(each)


def _exemptions(document: Document, data: bytes, file: File) -> Iterator[Exemption | Problem]:
    if MARK in data.lower():
        yield from cloudformation_exemptions.exemptions(document, data.decode("utf-8-sig"), file.path)


def _is_evidence(one: Resource | Piece | Gap) -> bool:
    """Tell what is not for a template to give: drills and tiers, what CI does, where Terraform keeps its state."""
    return isinstance(one, Resource) and one.type.startswith(DECLARED)


def _template(data: bytes, file: File, certain: bool) -> Document | None:
    """Return the template in a file, None if there is none; raise `DocumentError` if it is broken."""
    named = certain or _is_named_template(file.path)
    encoding = _BYTE_ORDER.get(data[:2], "ascii")
    marks = [mark.encode(encoding) in data for mark in _MARKS]
    if not (named or marks[0]):
        return None
    suspect = named or all(marks)
    if len(data) > MAX_BYTES and suspect:
        raise DocumentError(file.path, 0, 0, f"larger than {MAX_BYTES} bytes")
    try:
        document = load(data.decode("utf-8-sig"), file.path, TAGS)
    except UnicodeDecodeError as error:
        if suspect:
            raise _not_utf8(data, file.path, error.start) from None
        return None
    except DocumentError:
        if suspect:
            raise
        return None
    if certain and not isinstance(document.value, dict):
        raise DocumentError(file.path, 1, 1, "no template")
    return document if certain or cloudformation.recognises(document.value) else None


def _not_utf8(data: bytes, path: str, at: int) -> DocumentError:
    hint = "Save it as UTF-8."
    if data[:2] in _BYTE_ORDER:
        return DocumentError(path, 0, 0, "UTF-16 text; CloudFormation reads UTF-8", hint)
    line, column = data.count(b"\n", 0, at) + 1, at - data.rfind(b"\n", 0, at)
    return DocumentError(path, line, column, "not UTF-8 text", hint)


def _is_named_template(path: str) -> bool:
    """Tell `stack.template` and `stack.yaml.template` from the templates of other tools, `nginx.conf.template`."""
    name = PurePosixPath(path)
    return name.suffix == ".template" and name.with_suffix("").suffix in ("", ".json", ".yaml", ".yml")
