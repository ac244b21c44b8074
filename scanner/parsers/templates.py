"""The door of CloudFormation: finds the templates among the files."""

from __future__ import annotations

from pathlib import PurePosixPath

from scanner.documents import Document, load
from scanner.errors import DocumentError
from scanner.model import Gap, Location, Resource
from scanner.parsers import cloudformation, cloudformation_exemptions
from scanner.parsers.exemptions import MARK
from scanner.parsers.reading import Reading
from scanner.parsers.registry import Piece
from scanner.parsers.tree import MAX_BYTES, File, Tree
from scanner.recovery import DECLARED
from scanner.vocabulary import TAGS

_SUFFIXES = (".json", ".template", ".yaml", ".yml")
_MARKS = (b"Resources", b"AWS::")


def read(tree: Tree, reading: Reading) -> None:
    """Read every template."""
    for file in tree.files(*_SUFFIXES):
        try:
            data = file.data()
            document = _template(data, file)
        except (DocumentError, OSError) as error:
            message = str(error) if isinstance(error, DocumentError) else f"{file.path}: {error.strerror}"
            reading.failed(file.path, message)
            tree.take(file)
            continue
        if document is not None:
            tree.take(file)
            reading.read(file.path, data)
            _declare(document, data, file, reading)


def _declare(document: Document, data: bytes, file: File, reading: Reading) -> None:
    problems = ""
    if MARK in data.lower():
        text = data.decode("utf-8-sig")
        problems = reading.exempted(cloudformation_exemptions.exemptions(document, text, file.path))
    instances, open = reading.instances(file.path), ""
    for account, region in instances:
        suffix = f"@{account or '*'}/{region or '*'}" if len(instances) > 1 else ""
        declared = cloudformation.declarations(document, file.path, account, region, suffix=suffix)
        gap = reading.add(one for one in declared if not _is_evidence(one))
        open = open or gap
        reading.placed(account, region, Location(file.path, 1))
    reading.done(file.path, problems or open)


def _is_evidence(one: Resource | Piece | Gap) -> bool:
    """Tell what is not for a template to give: drills and tiers, what CI does, where Terraform keeps its state."""
    return isinstance(one, Resource) and one.type.startswith(DECLARED)


def _template(data: bytes, file: File) -> Document | None:
    """Return the template in a file, None if there is none; raise `DocumentError` if it is broken."""
    named, suspect = _is_named_template(file.path), all(mark in data for mark in _MARKS)
    if not (named or suspect or b"Resources" in data):
        return None
    if len(data) > MAX_BYTES and (named or suspect):
        raise DocumentError(file.path, 0, 0, f"larger than {MAX_BYTES} bytes")
    try:
        document = load(data.decode("utf-8-sig"), file.path, TAGS)
    except UnicodeDecodeError:
        if named:
            raise DocumentError(file.path, 0, 0, "not UTF-8 text") from None
        return None
    except DocumentError:
        if named or suspect:
            raise
        return None
    return document if cloudformation.recognises(document.value) else None


def _is_named_template(path: str) -> bool:
    """Tell `stack.template` and `stack.yaml.template` from the templates of other tools, `nginx.conf.template`."""
    name = PurePosixPath(path)
    return name.suffix == ".template" and name.with_suffix("").suffix in ("", ".json", ".yaml", ".yml")
