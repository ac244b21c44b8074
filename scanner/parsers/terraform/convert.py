"""Values of Terraform as values of the model, as an attribute map says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from scanner.documents import Document, load, pointer
from scanner.errors import DocumentError
from scanner.model import Location, Unknown
from scanner.parsers import user_data
from scanner.parsers.terraform.partial import marked, restored
from scanner.parsers.terraform.values import Encoded, Pieces

Refer = Callable[[Any, str, bool], Any]
"""Gives the id (the name, if the last argument is true) of the resource of a type that a value refers to."""

_WORDS = {True: "true", False: "false"}


class Conversion:
    """The conversion of one resource: `value` is made of its attributes.

    `locations` maps JSON Pointers into `value` to where they are written.  In `value` every `Unknown` is a plain one.
    """

    def __init__(
        self,
        described: Mapping[str, Any],
        values: Mapping[str, Any],
        written: Mapping[str, Location],
        refer: Refer,
    ) -> None:
        self._written, self._refer = written, refer
        self._texts: dict[str, Mapping[str, Location]] = {}
        self._origins: dict[str, str] = {}
        self._whole: set[str] = set()
        self.value: Any = {}
        for path, constant in described.get("constants", {}).items():
            _put(self.value, path.split("/"), constant)
        self.value = self._attributes(described.get("attributes", {}), values, "", "", self.value)

    @property
    def locations(self) -> dict[str, Location]:
        """Return where the parts of the value are written."""
        made = {}
        for target, source in self._origins.items():
            if found := self._locate(source):
                made[target] = found
            if target in self._whole:
                below = f"{source}/"
                made |= {target + at[len(source) :]: each for at, each in self._written.items() if at.startswith(below)}
                made |= {target + at: each for at, each in self._texts.get(source, {}).items() if at}
        return made

    def _locate(self, source: str) -> Location | None:
        at = source
        while at and at not in self._written:
            text = self._texts.get(at)
            if text is not None and (found := _nearest(text, source[len(at) :])):
                return found
            at = at.rpartition("/")[0]
        text = self._texts.get(at)
        return (_nearest(text, source[len(at) :]) if text else None) or self._written.get(at)

    def _attributes(
        self, described: Mapping[str, Any], values: Mapping[str, Any], source: str, target: str, made: Any
    ) -> Any:
        """Return `made` with what the attributes of an object are added to it."""
        for name, given in described.items():
            for rule in given if isinstance(given, list) else [given]:
                rule = {"to": rule} if isinstance(rule, str) else rule
                made = self._attribute(rule, values.get(name), source + pointer(name), target, made)
        return made

    def _attribute(self, rule: Mapping[str, Any], value: Any, source: str, target: str, made: Any) -> Any:
        if _is_unset(value):
            if "default" not in rule:
                return made
            value = rule["default"]
        if isinstance(made, Unknown):
            return made
        path = rule["to"].split("/") if rule["to"] else []  # no name in a map needs escapes in a pointer
        at = f"{target}/{rule['to']}" if path else target
        before = _get(made, path)
        value = self._value(rule, value, source, at, before if path else made)
        if value is None:
            return made
        if not path:
            return self._beside(rule, value, source, at, made)
        self._origins.setdefault(at, source)
        _put(made, path, value)
        return made

    def _beside(self, rule: Mapping[str, Any], value: Any, source: str, at: str, made: Any) -> Any:
        """Return the object to which a value without a property of its own belongs."""
        if isinstance(value, Unknown) and rule.get("as") == "object":
            for path in _paths(rule["attributes"]):
                _put(made, path, value)
                self._origins.setdefault("/".join([at, *path]), source)
            return made
        if not isinstance(value, dict):
            self._origins[at] = source
        return value

    def _value(self, rule: Mapping[str, Any], value: Any, source: str, at: str, before: Any) -> Any:
        """Return what a value is in the model; `before` is what other attributes have put in its place."""
        kind = rule.get("as")
        if kind == "json":
            return self._json(rule, value, source, at)
        if kind in ("script", "script64"):
            return _script(value, kind == "script64")
        if "refers" in rule:
            return plain(self._refer(value, rule["refers"], rule.get("by") == "name"))
        if isinstance(value, Unknown):
            return plain(value)
        if kind == "object":
            return self._object(rule, value, source, at, before)
        if kind == "list":
            return self._list(rule, value, source, at, before)
        if kind == "pairs":
            return _pairs(rule["keys"], value)
        if kind == "each":
            return [{rule["keys"][0]: plain(each)} for each in value] if isinstance(value, list) else _odd(value)
        self._whole.add(at)
        words = rule.get("words", {})
        word = _WORDS.get(value, value) if isinstance(value, bool) else value
        return words.get(word, plain(value)) if isinstance(word, str) else plain(value)

    def _object(self, rule: Mapping[str, Any], value: Any, source: str, at: str, before: Any) -> Any:
        blocks = value if isinstance(value, list) else [value]
        for number, each in enumerate(blocks):
            block = {} if each is None else each  # a state has null for a block without attributes
            inside = f"{source}/{number}" if isinstance(value, list) else source
            chosen = _chosen(rule, block)
            if isinstance(chosen, Unknown):
                return plain(chosen)
            if not chosen:
                continue
            if not isinstance(block, dict):
                return plain(block) if isinstance(block, Unknown) else _odd(block)
            made = before if isinstance(before, dict) else {}
            return self._attributes(rule["attributes"], block, inside, at, made)
        return None

    def _list(self, rule: Mapping[str, Any], value: Any, source: str, at: str, before: Any) -> Any:
        made: list[Any] = list(before) if isinstance(before, list) else []
        if isinstance(value, dict):
            value = [value]
        if not isinstance(value, list):
            return _odd(value)
        for number, each in enumerate(value):
            block = {} if each is None else each
            if not isinstance(chosen := _chosen(rule, block), Unknown) and not chosen:
                continue
            here, there = f"{source}/{number}", f"{at}/{len(made)}"
            self._origins[there] = here
            if isinstance(block, dict):
                made.append(self._attributes(rule["attributes"], block, here, there, {}))
            else:
                made.append(plain(block) if isinstance(block, Unknown) else _odd(block))
        return made if made or "with" not in rule else None

    def _json(self, rule: Mapping[str, Any], value: Any, source: str, at: str) -> Any:
        if isinstance(value, Encoded):
            value = value.value
        elif isinstance(value, (str, Pieces)):
            text = marked(value) if isinstance(value, Pieces) else value
            document = _document(text or "")
            if isinstance(document, Unknown):
                return Unknown(value.reason) if isinstance(value, Pieces) else document
            if isinstance(document.value, (dict, list)) and (written := self._written.get(source)):
                self._texts[source] = _Lines(document, text or "", written)
            value = restored(document.value, value) if isinstance(value, Pieces) else document.value
        if isinstance(value, Unknown):
            return plain(value)
        if "attributes" not in rule:
            self._whole.add(at)
            return plain(self._referring(value, rule["refers"]) if "refers" in rule else value)
        if rule.get("caseless"):
            value = _named_alike(value, rule["attributes"])
        if isinstance(value, list):
            return self._list(rule, value, source, at, None)
        return self._object(rule, value, source, at, None)

    def _referring(self, value: Any, type: str) -> Any:
        """Return JSON in which what refers to a resource of a type is its id."""
        if isinstance(value, dict):
            return {key: self._referring(each, type) for key, each in value.items()}
        if isinstance(value, list):
            return [self._referring(each, type) for each in value]
        return self._refer(value, type, False) if isinstance(value, Unknown) else value


def plain(value: Any) -> Any:
    """Return a value in which every `Unknown` is a plain one, which the containers of the model know."""
    if isinstance(value, Unknown):
        return value if type(value) is Unknown else Unknown(value.reason)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def _script(value: Any, in_base64: bool) -> Any:
    """Return what user data names, and nothing else of it."""
    if isinstance(value, Pieces) and not in_base64:
        text = "".join(part if isinstance(part, str) else user_data.OPEN for part in value.parts)
        return user_data.images(text, {"a part of the user data is not known": None})
    if not isinstance(value, str):
        return Unknown("the user data is not known")
    return user_data.encoded(value) if in_base64 else user_data.images(value)


def _document(text: str) -> Document | Unknown:
    if text.lstrip()[:1] not in ("{", "["):
        return Unknown("it is not JSON")
    try:
        return load(text, "text.json")
    except DocumentError as error:
        return Unknown(f"it is not JSON: {error.problem}")


class _Lines(Mapping[str, Location]):
    """Where the parts of a JSON text are written: on lines of their own if the text is a heredoc, else nowhere."""

    def __init__(self, document: Document, text: str, written: Location) -> None:
        lines = text.count("\n")
        spanned = (written.end_line or written.line) - written.line
        # The marks of a heredoc are on the lines around its text; `<<-` takes away columns.
        is_heredoc = lines > 0 and spanned in (lines, lines + 1)
        self._found = document.locations if is_heredoc else {}
        self._path, self._before = written.path, written.line

    def __getitem__(self, at: str) -> Location:
        return Location(self._path, self._before + self._found[at].line)

    def __iter__(self) -> Any:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _nearest(locations: Mapping[str, Location], at: str) -> Location | None:
    while at and at not in locations:
        at = at.rpartition("/")[0]
    return locations.get(at)


def _is_unset(value: Any) -> bool:
    """Tell whether an attribute is left out: a state shows that as empty text or no blocks."""
    return value is None or (isinstance(value, (str, list)) and not value)


def _chosen(rule: Mapping[str, Any], block: Any) -> bool | Unknown:
    """Tell whether a conversion is for a block; where that is not known, the block counts as having the attribute."""
    wanted = "with" in rule
    name = rule.get("with", rule.get("without"))
    if name is None:
        return True
    value = block.get(name) if isinstance(block, dict) else block
    if isinstance(value, Unknown):
        return True if wanted else value
    return (not _is_unset(value)) is wanted


def _pairs(keys: list[str], value: Any) -> Any:
    if not isinstance(value, dict):
        return _odd(value)
    return [{keys[0]: str(name), keys[1]: plain(each)} for name, each in sorted(value.items())]


def _odd(value: Any) -> Unknown:
    return Unknown(
        f"it is {'a list' if isinstance(value, list) else 'an object' if isinstance(value, dict) else 'text'}, "
        "which the provider does not take"
    )


def _named_alike(value: Any, described: Mapping[str, Any]) -> Any:
    """Return JSON whose keys are written as the map writes them, where they differ in case alone."""
    if isinstance(value, list):
        return [_named_alike(each, described) for each in value]
    if not isinstance(value, dict):
        return value
    known = {name.lower(): name for name in described}
    made = {}
    for key, each in value.items():
        name = known.get(str(key).lower(), str(key))
        rule = described.get(name)
        inner = rule.get("attributes") if isinstance(rule, dict) else None
        made[name] = _named_alike(each, inner) if inner else each
    return made


def _paths(described: Mapping[str, Any]) -> Iterator[list[str]]:
    """Return the properties that the attributes of an object may make."""
    for given in described.values():
        for rule in given if isinstance(given, list) else [given]:
            to = rule if isinstance(rule, str) else rule["to"]
            if to:
                yield to.split("/")
            elif isinstance(rule, dict):
                yield from _paths(rule.get("attributes", {}))


def _get(made: Any, path: Iterable[str]) -> Any:
    for part in path:
        made = made.get(part) if isinstance(made, dict) else None
    return made


def _put(made: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = made.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        made = inner
    made[path[-1]] = value
