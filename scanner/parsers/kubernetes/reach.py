"""Which templates of a chart give what its files decide, whoever renders them.

Helm prints something definite also for what only the cluster, the release at hand or the moment decides: what a
cluster can do, whether this is the first time, a random password.  A template that may ask for it, itself or through
what it includes, is told apart here, by the words in it: each function that is not known to give the same at any time
counts, and so does each way to such a value whose end is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from scanner.errors import DocumentError
from scanner.parsers.kubernetes.functions import MUTATING
from scanner.parsers.kubernetes.gotemplate import Block, Call, Chain, Include, Literal, Pipeline, parse

_OF_THE_CLUSTER = """
    Capabilities KubeVersion APIVersions HelmVersion IsInstall IsUpgrade Revision Files Subcharts Dependencies
"""
_ASKED = frozenset(_OF_THE_CLUSTER.split())
"""Fields of what Helm gives to templates that the files which were read do not decide."""
_OF_GO = """
    and or not eq ne lt le gt ge len index slice print printf println html js urlquery
"""
_OF_SPRIG_AND_HELM = """
    abbrev abbrevboth camelcase cat contains hasPrefix hasSuffix indent nindent initials kebabcase lower nospace
    plural quote repeat replace snakecase squote substr swapcase title trim trimAll trimall trimPrefix trimSuffix
    trunc untitle upper wrap wrapWith toString toStrings join split splitList splitn sortAlpha regexMatch regexFind
    regexFindAll regexReplaceAll regexReplaceAllLiteral regexSplit regexQuoteMeta mustRegexMatch mustRegexFind
    mustRegexFindAll mustRegexReplaceAll mustRegexSplit mustRegexReplaceAllLiteral atoi int int64 float64 toDecimal
    add add1 sub div mod mul max min biggest addf add1f subf divf mulf maxf minf ceil floor round until untilStep seq
    default empty coalesce ternary all any required fail list first mustFirst rest mustRest last mustLast initial
    mustInitial append mustAppend push mustPush prepend mustPrepend concat reverse mustReverse uniq mustUniq without
    mustWithout has mustHas compact mustCompact mustSlice chunk mustChunk tuple dict get set unset hasKey pluck dig
    pick omit merge mustMerge mergeOverwrite mustMergeOverwrite deepCopy mustDeepCopy deepEqual kindOf kindIs typeOf
    typeIs typeIsLike b64enc b64dec b32enc b32dec sha1sum sha256sum sha512sum adler32sum base dir clean ext isAbs
    semver semverCompare urlParse urlJoin toYaml toYamlPretty mustToYaml fromYaml
    fromYamlArray toJson mustToJson toPrettyJson mustToPrettyJson toRawJson mustToRawJson fromJson mustFromJson
    fromJsonArray toToml mustToToml fromToml tpl include
"""
_DECIDED = frozenset((*_OF_GO.split(), *_OF_SPRIG_AND_HELM.split()))
"""Functions that give the same for the same arguments, at any time and everywhere.

https://pkg.go.dev/text/template#hdr-Functions and https://masterminds.github.io/sprig/, without what is random, of the
moment or of the network.
"""
_FRESH = frozenset(("dict", "deepCopy", "mustDeepCopy", "fromYaml", "fromJson"))
_SORTED = "sortAlpha"
_ANY_ORDER = frozenset(("keys", "values"))


@dataclass
class Unit:
    """What the body of a template asks for: `why` it is not decided by files, and what it includes.

    `files` are the ends of the paths of templates that it includes by their path.  `mutates` tells whether it may
    change values that others read, `evaluates` whether it evaluates texts, `braces` whether it has texts that look like
    templates.
    """

    why: str = ""
    includes: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    mutates: bool = False
    evaluates: bool = False
    braces: bool = False


class Reach:
    """The templates of a chart, and what each of them reaches."""

    def __init__(self, known: Iterable[str], values: Iterable[str], lacking: Iterable[str] = ()) -> None:
        """Take what is known of the release (`Name`, ...), the texts among the values, and the charts that are missing.

        Those would lay values of their own into those of the chart, under their names.
        """
        self._known, self._lacking = frozenset(known), frozenset(lacking)
        self._named: dict[str, list[Unit]] = {}
        self._files: dict[str, Unit] = {}
        self._values = [self._of_text(text) for text in values if "{{" in text]

    def add(self, path: str, nodes: list[Any], *, counts: bool = True) -> None:
        """Take the nodes of a template; where it does not count, nobody knows whose templates of a name are taken."""
        self._files[path] = self._unit(nodes)
        for name, body in _defined(nodes):
            unit = self._unit(body)
            unit.why = unit.why or ("" if counts else "another chart may say it otherwise")
            self._named.setdefault(name, []).append(unit)

    def shares(self, nodes: list[Any]) -> bool:
        """Tell whether a file defines a template that another one defines: their order says which counts."""
        return any(len(self._named[name]) > 1 for name, _ in _defined(nodes))

    def why(self, path: str) -> str:
        """Return why the files do not decide what a template gives, empty if they do."""
        return next((unit.why for unit in self._reached(self._files[path]) if unit.why), "")

    def mutates(self, path: str) -> bool:
        """Tell whether a template may change values that others read."""
        return any(unit.mutates for unit in self._reached(self._files[path]))

    def _reached(self, first: Unit) -> list[Unit]:
        reached, ahead = [first], [first]
        while ahead:
            for unit in self._next(ahead.pop()):
                if not any(unit is each for each in reached):
                    reached.append(unit)
                    ahead.append(unit)
        if any(unit.evaluates for unit in reached) and any(unit.braces for unit in reached):
            reached.append(Unit("it makes a template and evaluates it"))
        return reached

    def _next(self, unit: Unit) -> Iterator[Unit]:
        for name in unit.includes:
            yield from self._named.get(name, [Unit(f"the template '{name}' is not in the scanned files")])
        for end in unit.files:
            found = [each for path, each in self._files.items() if path.endswith(end)]
            yield from found or [Unit(f"the template '{end}' is not in the scanned files")]
        if unit.evaluates:
            yield from self._values

    def _of_text(self, text: str) -> Unit:
        try:
            nodes = parse(text, "")
        except DocumentError:
            return Unit("a text of the values is not understood as a template")
        return Unit("a text of the values defines templates") if any(_defined(nodes)) else self._unit(nodes)

    def _unit(self, nodes: list[Any]) -> Unit:
        return _Survey(self._known, self._lacking).of(nodes)


def _defined(nodes: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    for node in nodes:
        if isinstance(node, Block):
            for _, body in node.branches:
                if node.word in ("define", "block"):
                    yield node.name, body
                yield from _defined(body)


class _Survey:
    """Reads the body of one template; templates that are defined in it have bodies of their own."""

    def __init__(self, known: frozenset[str], lacking: frozenset[str]) -> None:
        self._known, self._lacking, self._asked = known, lacking, _ASKED | lacking
        self._unit = Unit()
        self._fresh: dict[str, bool] = {}
        self._changed: set[str] = set()

    def of(self, nodes: Iterable[Any]) -> Unit:
        self._body(nodes)
        if any(not self._fresh.get(name) for name in self._changed):
            self._unit.mutates = True
        return self._unit

    def _refuse(self, why: str) -> None:
        self._unit.why = self._unit.why or why

    def _body(self, nodes: Iterable[Any]) -> None:
        for node in nodes:
            match node:
                case Pipeline():
                    self._pipeline(node)
                case Include():
                    self._unit.includes.add(node.name)
                    self._pipeline(node.pipeline)
                case Block():
                    self._block(node)

    def _block(self, node: Block) -> None:
        if node.word == "define":
            return
        if node.word == "block":
            self._unit.includes.add(node.name)
        for pipeline, body in node.branches:
            self._pipeline(pipeline)
            if node.word != "block":
                self._body(body)

    def _pipeline(self, pipeline: Pipeline | None) -> None:
        if pipeline is None:
            return
        is_fresh = len(pipeline.targets) == 1 and _is_fresh(pipeline.commands[-1])
        for name in pipeline.targets:
            self._fresh[name] = self._fresh.get(name, True) and is_fresh
        for command, following in pairwise((*pipeline.commands, None)):
            if isinstance(command, Call) and command.name in _ANY_ORDER:
                if not (isinstance(following, Call) and following.name == _SORTED):
                    self._refuse(f"'{command.name}' has no order")
                self._operands(command.arguments)
            else:
                self._operand(command)

    def _operands(self, operands: Iterable[Any]) -> None:
        for each in operands:
            self._operand(each)

    def _operand(self, operand: Any) -> None:
        match operand:
            case Literal():
                self._literal(operand.value)
            case Chain():
                self._fields(operand.fields)
                if isinstance(operand.root, Pipeline):
                    self._pipeline(operand.root)
            case Call():
                self._call(operand)

    def _literal(self, value: Any) -> None:
        if isinstance(value, str):
            self._unit.braces = self._unit.braces or "{{" in value
            if value in self._asked or value == "Release":
                self._refuse(f"it may ask for '{value}'")

    def _fields(self, fields: tuple[str, ...]) -> None:
        for name, following in pairwise((*fields, "")):
            is_open = name == "Release" and following not in self._known
            is_open |= bool(self._lacking) and (name, following) == ("Values", "")
            if name in self._asked or is_open:
                self._refuse(f"it asks for '{'.'.join(filter(None, (name, following)))}'")

    def _call(self, call: Call) -> None:
        name, arguments = call.name, call.arguments
        self._operands(arguments)
        if not isinstance(name, str):
            self._operand(name)
            self._refuse("it calls a method")
        elif name not in _DECIDED:
            self._refuse(f"what '{name}' gives is not decided by files")
        elif name == "include":
            self._include(arguments[0] if arguments else None)
        elif name == "tpl":
            self._unit.evaluates = True
        elif name in MUTATING:
            self._mutation(name, arguments[0] if arguments else None)

    def _include(self, named: Any) -> None:
        if isinstance(named, Literal) and isinstance(named.value, str):
            self._unit.includes.add(named.value)
        elif end := _end_of_path(named):
            self._unit.files.add(end)
        else:
            self._refuse("it includes a template whose name is not written in it")

    def _mutation(self, function: str, target: Any) -> None:
        if function not in ("set", "unset"):  # what is merged may be a part of what others have
            self._unit.mutates = True
        elif isinstance(target, Chain) and isinstance(target.root, str) and not target.fields:
            self._changed.add(target.root)
        elif not _is_fresh(target):
            self._unit.mutates = True


def _is_fresh(operand: Any) -> bool:
    """Tell whether a value is made by the command itself, so that nobody else has it."""
    if isinstance(operand, Chain) and isinstance(operand.root, Pipeline) and not operand.fields:
        operand = operand.root.commands[-1]
    return isinstance(operand, Call) and operand.name in _FRESH


def _end_of_path(operand: Any) -> str:
    """Return what `print .Template.BasePath "/x.yaml"` ends with, as charts name templates to make sums of them."""
    root = operand.root if isinstance(operand, Chain) and not operand.fields else None
    command = root.commands[0] if isinstance(root, Pipeline) and len(root.commands) == 1 else None
    if not isinstance(command, Call) or command.name != "print" or len(command.arguments) != 2:
        return ""
    base, end = command.arguments
    is_base = isinstance(base, Chain) and base.fields[-2:] == ("Template", "BasePath")
    is_end = isinstance(end, Literal) and isinstance(end.value, str) and end.value.startswith("/")
    return f"/templates{end.value}" if is_base and is_end else ""


def texts(value: Any) -> Iterator[str]:
    """Yield all texts in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from texts(each)
