"""What the templates of a chart give for some values, as far as that is known.

Text that depends on what nobody knows (the name of the release, what a cluster can do) holds a token for it, which
becomes an `Unknown` once the text is read as YAML.  A block of which nobody knows whether it is there is left out; if
it could say what runs, the document around it is in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from scanner.errors import DocumentError
from scanner.guarded import InsufficientData, Unknown
from scanner.model import Location
from scanner.parsers.kubernetes.functions import CARRIERS, FUNCTIONS, MUTATING, STRUCTURE, TEXT
from scanner.parsers.kubernetes.golang import CLOSE, LONGEST, OPEN, TOKEN, Failed, Made, shown, truth
from scanner.parsers.kubernetes.gotemplate import Block, Call, Chain, Include, Literal, Pipeline, Text, parse
from scanner.parsers.kubernetes.rendered import Origin, Rendered, Tree
from scanner.parsers.kubernetes.scopes import (
    Changed,
    Output,
    Scope,
    Template,
    Undecidable,
    assigned,
    must_be_whole,
)

MAX_STEPS = 500_000
"""A template that takes more is not evaluated to its end."""
_MAX_OUTPUT = 5_000_000
_MAX_INCLUDES = 40
_RELEVANT = re.compile(
    rf"\b(?:image|[a-z]*[cC]ontainers|kind|apiVersion|spec|template|imagePullSecrets|serviceAccountName|replicas)\b|{OPEN}"
)
_DOUBT = re.compile(f"#{OPEN}d([0-9]+){CLOSE}")
_KINDS = re.compile(r"^kind:[ \t]*([A-Za-z]+)", re.MULTILINE)


class Renderer:
    """Renders the templates of one chart for one set of values.

    `refusals` are why Helm renders none of them, with where that is written.
    """

    def __init__(self, named: Mapping[str, Template]) -> None:
        """Take the templates that others include, by name."""
        self._named = named
        self._steps = MAX_STEPS
        self._size = self._includes = 0
        self._unknowns: list[str] = []
        self._trace: list[Location] = []
        self._at: Template | None = None
        self._doubts: list[str] = []
        self._absent: list[tuple[Location, str, tuple[str, ...]]] = []
        self._uncertain = 0
        self.refusals: list[tuple[Location, str]] = []

    def render(self, template: Template, context: Mapping[str, Any]) -> Rendered:
        """Return what a template gives; raise `Undecidable`."""
        self._doubts, self._absent = [], []
        out = Output()
        try:
            self._body(template.nodes, template, Scope(context, context, {"$": context}), out)
        except RecursionError:
            raise Undecidable("the template is nested too deeply") from None
        text = "".join(out.parts)
        doubts = [
            (text.count("\n", 0, match.start()) + 1, self._doubts[int(match[1])]) for match in _DOUBT.finditer(text)
        ]
        return Rendered(text, out.starts, out.origins, self._unknowns, doubts, self._absent)

    # Nodes

    def _body(self, nodes: Sequence[Any], template: Template, scope: Scope, out: Output) -> None:
        for node in nodes:
            self._step()
            match node:
                case Text():
                    self._write(out, node.text, (template.path, node.at))
                case Pipeline():
                    self._action(node, template, scope, out)
                case Include():
                    self._included(node, template, scope, out)
                case Block():
                    self._block(node, template, scope, out)

    def _write(self, out: Output, text: str, origin: Origin) -> None:
        self._size += len(text)
        if self._size > _MAX_OUTPUT:
            raise Undecidable(f"the templates give more than {_MAX_OUTPUT} characters")
        out.add(text, origin)

    def _action(self, node: Pipeline, template: Template, scope: Scope, out: Output) -> None:
        self._trace = []
        value = self._pipeline(node, template, scope)
        if node.targets:
            return
        where = self._trace[0] if len({each.path for each in self._trace}) == 1 else None
        overlays = [each for each in self._trace if not each.path.endswith("/values.yaml")]
        where = overlays[0] if overlays else where or template.locate(node.at)
        self._write(out, self._text(value, f"{{{{ {node.source} }}}}"), (where.path, where))

    def _text(self, value: Any, source: str) -> str:
        try:
            return self._token(value.reason, source) if isinstance(value, Unknown) else shown(self._known(value))
        except (Failed, InsufficientData) as problem:
            return self._token(str(problem), source)

    def _token(self, reason: str, source: str = "") -> str:
        text = f"{source}: {reason}" if source and source not in reason else reason
        self._unknowns.append(text)
        return f"{OPEN}{len(self._unknowns) - 1}{CLOSE}"

    def _known(self, value: Any) -> Any:
        """Return a value with tokens for what is not known in it."""
        if isinstance(value, Unknown):
            return self._token(value.reason)
        if reason := getattr(value, "open", ""):
            return self._token(reason)
        if isinstance(value, dict):
            return {key: self._known(each) for key, each in value.items()}
        return [self._known(each) for each in value] if isinstance(value, list) else value

    def _included(self, node: Include, template: Template, scope: Scope, out: Output) -> None:
        dot = self._pipeline(node.pipeline, template, scope) if node.pipeline else None
        text = self._include(node.name, dot)
        where = template.locate(node.at)
        self._write(out, self._text(text, f"{{{{ template {node.name} }}}}"), (where.path, where))

    def _include(self, name: Any, dot: Any) -> Any:
        self._must_be_known(name)
        found = self._named.get(name) if isinstance(name, str) else None
        if found is None:
            return Unknown(f"the template '{name}' is not in the scanned files")
        return self._called(found, dot)

    def _called(self, found: Template, dot: Any) -> str:
        if self._includes >= _MAX_INCLUDES:
            raise Undecidable(f"templates include each other more than {_MAX_INCLUDES} deep")
        self._includes += 1
        out, trace = Output(), self._trace
        self._body(found.nodes, found, Scope(dot, dot, {"$": dot}), out)
        self._trace = trace + self._trace
        self._includes -= 1
        return "".join(out.parts)

    def _block(self, node: Block, template: Template, scope: Scope, out: Output) -> None:
        if node.word == "define":
            return None
        if node.word in ("break", "continue"):
            raise Undecidable(f"'{node.word}' is not evaluated")
        if node.word == "block":
            value = self._pipeline(node.branches[0][0], template, scope) if node.branches[0][0] else None
            self._body(node.branches[0][1], template, scope.inner(value), out)
            return None
        for number, (pipeline, body) in enumerate(node.branches):
            inner = scope.inner(scope.dot)
            trace = self._trace
            value = self._pipeline(pipeline, template, inner) if pipeline else True
            self._trace = trace  # what only decides is not what is written
            try:
                chosen = truth(value)
                if node.word == "range" and pipeline:
                    _must_be_ranged(value, len(pipeline.targets))
                if chosen and node.word == "range" and pipeline:
                    return self._range(pipeline, value, body, template, inner, out)
            except (InsufficientData, Failed) as gap:
                if isinstance(gap, Failed):
                    self._refuse(template.locate(node.at), str(gap))
                return self._open(node, number, str(gap), template, inner, out)
            if chosen:
                if node.word == "with" and pipeline:
                    inner.dot = value
                return self._body(body, template, inner, out)
        return None

    def _range(
        self, pipeline: Pipeline, value: Any, body: list[Any], template: Template, scope: Scope, out: Output
    ) -> None:
        must_be_whole(value)
        if isinstance(value, dict):
            items: list[tuple[Any, Any]] = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, int) and not isinstance(value, bool):
            items = [(each, each) for each in FUNCTIONS["until"](int(value))]
        else:
            items = list(enumerate(value))
        for key, item in items:
            inner = scope.inner(item)
            for name, each in zip(reversed(pipeline.targets), (item, key), strict=False):
                inner.variables[name] = each
            self._body(body, template, inner, out)

    def _open(self, node: Block, first: int, reason: str, template: Template, scope: Scope, out: Output) -> None:
        """Take note of a block of which nobody knows which branch is taken."""
        texts = []
        self._uncertain += 1
        for pipeline, body in node.branches[first:]:
            scratch = Output()
            dot = Unknown(reason) if node.word in ("with", "range") and pipeline else scope.dot
            inner = scope.inner(dot)
            for name in pipeline.targets if pipeline else ():
                inner.variables[name] = Unknown(reason)
            self._body(body, template, inner, scratch)
            texts.append("".join(scratch.parts))
            for name in assigned(body):
                if holder := scope.find(name):
                    holder.variables[name] = Unknown(reason)
        self._uncertain -= 1
        where = template.locate(node.at)
        why = f"{where.path}:{where.line}: whether `{{{{ {node.source} }}}}` holds is not known: {reason}"
        if kinds := tuple(dict.fromkeys(kind for text in texts for kind in _KINDS.findall(text))):
            self._absent.append((where, why, kinds))
            if all("apiVersion:" in text for text in texts if text.strip()):
                return
        elif any(map(str.strip, texts)) and not any("\n" in text for text in texts):
            self._write(out, self._token(why), (where.path, where))
            return
        if any(map(_RELEVANT.search, texts)):
            self._doubts.append(why)
            self._write(out, f"\n#{OPEN}d{len(self._doubts) - 1}{CLOSE}\n", (where.path, where))

    # Values

    def _pipeline(self, pipeline: Pipeline, template: Template, scope: Scope) -> Any:
        source = pipeline.source
        value: Any = None
        for number, command in enumerate(pipeline.commands):
            last = (value,) if number else ()
            try:
                value = self._command(command, last, template, scope)
            except InsufficientData as gap:
                value = Unknown(str(gap))
            except Failed as failed:
                value = Unknown(f"the chart refuses these values: {failed}")
                self._refuse(template.locate(pipeline.at), str(failed))
            except (TypeError, AttributeError, ValueError, LookupError):
                value = Unknown(f"`{{{{ {source} }}}}` is not evaluated")
            if isinstance(value, str) and len(value) > LONGEST:
                raise Undecidable(f"a text of more than {LONGEST} characters is made")
        for name in pipeline.targets[:1]:
            holder = scope if pipeline.declares else scope.find(name)
            (holder or scope).variables[name] = value
        return value

    def _refuse(self, where: Location, reason: str) -> None:
        if not self._uncertain:
            self.refusals.append((where, f"the chart refuses these values: {reason}"))

    def _command(self, command: Any, last: tuple[Any, ...], template: Template, scope: Scope) -> Any:
        self._step()
        if not isinstance(command, Call):
            if last:
                raise Failed("it takes no argument")
            if isinstance(command, Literal) and command.value is None:
                raise Failed("nil is not a command")
            return self._operand(command, template, scope)
        name = command.name
        if name in ("and", "or"):
            return self._until(name == "or", command.arguments, last, template, scope)
        arguments = [self._operand(each, template, scope) for each in command.arguments] + list(last)
        if not isinstance(name, str):
            self._must_be_known(self._operand(name, template, scope))
            raise InsufficientData("methods are not evaluated")
        if name in ("include", "tpl"):
            return self._textual(name, arguments, template)
        if name in MUTATING:
            return self._changed(name, *arguments)
        if name not in FUNCTIONS:
            raise InsufficientData(f"the function '{name}' is not evaluated")
        if name in TEXT:
            arguments = [self._known(each) for each in arguments]
        elif name not in STRUCTURE:
            for each in arguments:
                self._must_be_known(each)
        elif name not in CARRIERS:
            for each in arguments:
                self._must_be_named(each)
        for each in arguments[::2] if name == "dict" else ():
            self._must_be_named(each)
        return FUNCTIONS[name](*arguments)

    def _until(
        self, decisive: bool, operands: Sequence[Any], last: tuple[Any, ...], template: Template, scope: Scope
    ) -> Any:
        """Return the first of some values that is true, or false; those behind it are not evaluated."""
        value: Any = None
        for number, each in enumerate((*operands, *last)):
            value = self._operand(each, template, scope) if number < len(operands) else each
            if number < len(operands) + len(last) - 1 and truth(value) is decisive:
                break
        return value

    def _changed(self, name: str, first: Any, *others: Any) -> Any:
        """Return an object that a template changes; what it then has may not be known."""
        if not isinstance(first, Made):
            raise Changed(f"'{name}' changes the values themselves")
        reason = "whether it is changed is not known" if self._uncertain else first.open
        try:
            if reason or name not in FUNCTIONS:
                raise InsufficientData(reason or f"the function '{name}' is not evaluated")
            for each in others if name == "merge" else others[:1]:
                self._must_be_named(each)
            FUNCTIONS[name](first, *others)
        except InsufficientData as gap:
            first.open = str(gap)
            first.update(dict.fromkeys(first, Unknown(str(gap))))
        return first

    def _textual(self, name: str, arguments: list[Any], template: Template) -> Any:
        first, dot = arguments
        if name == "include":
            return self._include(first, dot)
        self._must_be_known(first)
        if not isinstance(first, str):
            raise Failed("a template in the values is no text")
        if "{{" not in first:
            return first
        try:
            nodes = parse(first, template.path)
        except DocumentError as error:
            raise InsufficientData(f"a template in the values is not understood: {error.problem}") from None
        return self._called(Template(nodes, template.path, first), dot)

    def _must_be_named(self, value: Any) -> None:
        """Raise `InsufficientData` for text that is not known, and for what nobody knows the members of."""
        must_be_whole(value)
        if isinstance(value, str):
            self._must_be_known(value)

    def _must_be_known(self, value: Any) -> None:
        must_be_whole(value)
        if isinstance(value, Unknown):
            raise InsufficientData(value.reason)
        if isinstance(value, str) and (match := TOKEN.search(value)):
            raise InsufficientData(self._unknowns[int(match[1])])
        if isinstance(value, (dict, list)):
            for each in value.values() if isinstance(value, dict) else value:
                self._must_be_known(each)

    def _operand(self, operand: Any, template: Template, scope: Scope) -> Any:
        match operand:
            case Literal():
                return operand.value
            case Chain():
                return self._chain(operand, template, scope)
            case Call():
                return self._command(operand, (), template, scope)
        raise InsufficientData("it is not understood")

    def _chain(self, chain: Chain, template: Template, scope: Scope) -> Any:
        if chain.root is None:
            value = scope.dot
        elif isinstance(chain.root, Pipeline):
            value = self._pipeline(chain.root, template, scope)
        else:
            holder = scope.find(chain.root)
            if holder is None:
                raise Failed(f"the variable {chain.root} is not set")
            value = holder.variables[chain.root]
        for number, name in enumerate(chain.fields):
            if isinstance(value, Unknown):
                return value
            if (
                value is None and number == 0 and isinstance(chain.root, Pipeline)
            ):  # what is in parentheses may be nothing
                return None
            if not isinstance(value, dict):
                at = ".".join(("", *chain.fields[:number]))
                raise Failed(f"'{at}' is not set" if value is None else f"'{at}' has no members")
            if name not in value and (reason := getattr(value, "open", "")):
                return Unknown(reason)
            members, value = value, value.get(name)
            if isinstance(members, Tree) and name in members.where and number == len(chain.fields) - 1:
                self._trace = [*self._trace, members.where[name]]
        return value

    def _step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise Undecidable(f"the templates take more than {MAX_STEPS} steps")


def _must_be_ranged(value: Any, targets: int) -> None:
    """Raise `Failed` if Go does not range over a value, or not with so many variables."""
    if isinstance(value, (bool, float, str)) or (isinstance(value, int) and targets > 1):
        raise Failed("it ranges over no list")
