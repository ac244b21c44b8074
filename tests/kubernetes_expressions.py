"""Templates of Helm at random: expressions of the functions that are evaluated, over values of every type."""

from __future__ import annotations

from random import Random
from typing import Any

TEXTS = ["", "a", "A-b", "x/y:1", "1", "true", "yes", "a-", "1.50", "010", "null", "a\nb", " c ", "it's", 'say "x"']
NUMBERS = [0, 1, 7, 2.5, -3, 100000, 1000000, 1e-7]
LITERALS = ['"a"', '"-"', '""', '"x/y"', "`b`", '"1"', '"A-b"', '"a-"']


def values(random: Random) -> dict[str, Any]:
    """Return values of every type, some of them empty."""
    texts = [random.choice(TEXTS) for _ in range(4)]
    return {
        "s": texts[0],
        "t": texts[1],
        "num": random.choice(NUMBERS),
        "flag": random.choice([True, False]),
        "nothing": None,
        "list": random.choice([[], texts[:2], ["a", 1, True], [None, "b"], [{"k": "v"}], [[1], []]]),
        "map": random.choice([{}, {"a": texts[2]}, {"a": 1, "b": {"c": texts[3]}}, {"k": None, "a": [1, "x"]}]),
        "tpl": random.choice(["{{ .Values.s }}", "x-{{ .Release.Name }}", "plain", "{{ if .Values.flag }}y{{ end }}"]),
    }


def _any(random: Random, depth: int) -> str:
    kinds = (text, number, flag, listed, mapped, _member)
    return random.choice(kinds)(random, depth)


def _member(random: Random, _: int) -> str:
    return random.choice(
        (
            ".Values.missing",
            ".Values.nothing",
            ".Values.num",
            ".Values.s",
            ".Values.map.a",
            "(.Values.map).b.c",
            ".Values.map.b",
            "nil",
            ".Values.flag",
            ".Chart.Name",
            ".Release.Name",
            "$.Values.t",
            "(.Values.none).x.y",
            ".Values.map.a.x",
        )
    )


def text(random: Random, depth: int) -> str:
    """Return an expression that gives text."""
    if depth <= 0:
        return random.choice([".Values.s", ".Values.t", ".Release.Name", ".Chart.Version", *LITERALS])
    s, d = (lambda: text(random, depth - 1)), depth - 1
    return random.choice(
        [
            lambda: f"(lower {s()})",
            lambda: f"({s()} | upper)",
            lambda: f"(trunc {random.choice([0, 1, 3, 63, -2])} {s()})",
            lambda: f"({s()} | trimSuffix {s()})",
            lambda: f"(trimPrefix {s()} {s()})",
            lambda: f"(trimAll {s()} {s()})",
            lambda: f"(trim {s()})",
            lambda: f"(nospace {s()})",
            lambda: f"(replace {s()} {s()} {s()})",
            lambda: f'(printf "%s-%v" {s()} {_any(random, d)})',
            lambda: f'(printf "%s/%s:%d" {s()} {s()} {number(random, d)})',
            lambda: f'(printf "%q" {s()})',
            lambda: f"(print {_any(random, d)} {_any(random, d)})",
            lambda: f"(default {s()} {_any(random, d)})",
            lambda: f"({_any(random, d)} | default {s()})",
            lambda: f"(coalesce {_any(random, d)} {_any(random, d)} {s()})",
            lambda: f"(ternary {s()} {s()} {flag(random, d)})",
            lambda: f"({flag(random, d)} | ternary {s()} {s()})",
            lambda: f"(quote {_any(random, d)})",
            lambda: f"(squote {_any(random, d)} {s()})",
            lambda: f"(toString {_any(random, d)})",
            lambda: f"(join {s()} {listed(random, d)})",
            lambda: f"(join {s()} {_any(random, d)})",
            lambda: f'(include "h" {random.choice([".", "$"])})',
            lambda: f'(include "g" (dict "x" {_any(random, d)} "y" {s()}))',
            lambda: "(tpl .Values.tpl $)",
            lambda: f"(nindent {random.choice([0, 2])} {s()})",
            lambda: f"(toYaml {_any(random, d)})",
            lambda: f"(toJson {_any(random, d)})",
            lambda: f"(get {mapped(random, d)} {s()})",
            lambda: f"(index {listed(random, d)} {number(random, 0)})",
            lambda: f"(index {mapped(random, d)} {s()})",
            lambda: f'(required "say it" {_any(random, d)})',
            lambda: f"(kindOf {_any(random, d)})",
            lambda: f"(typeOf {_any(random, d)})",
            lambda: f"(first {listed(random, d)})",
            lambda: f"(last {listed(random, d)})",
            lambda: f"(or {_any(random, d)} {s()})",
            lambda: f"(and {_any(random, d)} {s()})",
            lambda: f"({_member(random, d)} | lower)",
            lambda: f"(splitList {s()} {s()} | first)",
        ]
    )()


def number(random: Random, depth: int) -> str:
    """Return an expression that gives a number."""
    if depth <= 0:
        return random.choice(["0", "1", "3", "-2", ".Values.num", "1.5"])
    d = depth - 1
    return random.choice(
        [
            lambda: f"(int {_any(random, d)})",
            lambda: f"(int64 {number(random, d)})",
            lambda: f"(len {random.choice((listed, mapped, text))(random, d)})",
            lambda: f"(add {number(random, d)} {number(random, d)})",
            lambda: f"(sub {number(random, d)} {number(random, d)})",
            lambda: f"(add1 {number(random, d)})",
            lambda: f"(default 3 {_any(random, d)})",
        ]
    )()


def flag(random: Random, depth: int) -> str:
    """Return an expression that gives true or false."""
    if depth <= 0:
        return random.choice(["true", "false", ".Values.flag"])
    d = depth - 1
    kind = random.choice((text, number, flag, _any))
    compared = random.choice(("eq", "ne", "lt", "le", "gt", "ge"))
    return random.choice(
        [
            lambda: f"({compared} {kind(random, d)} {kind(random, d)})",
            lambda: f"(eq {kind(random, d)} {kind(random, d)} {kind(random, d)})",
            lambda: f"(not {_any(random, d)})",
            lambda: f"(empty {_any(random, d)})",
            lambda: f"(hasKey {mapped(random, d)} {text(random, d)})",
            lambda: f"(contains {text(random, d)} {text(random, d)})",
            lambda: f"(hasPrefix {text(random, d)} {text(random, d)})",
            lambda: f"(hasSuffix {text(random, d)} {text(random, d)})",
            lambda: (
                f'(kindIs "{random.choice(("string", "map", "slice", "bool", "float64", "int", "invalid"))}" {_any(random, d)})'
            ),
            lambda: (
                f'(typeIs "{random.choice(("string", "[]interface {}", "bool", "float64", "map[string]interface {}"))}" {_any(random, d)})'
            ),
            lambda: f"(has {_any(random, d)} {listed(random, d)})",
            lambda: f"(and {flag(random, d)} {flag(random, d)})",
            lambda: f"(or {flag(random, d)} {flag(random, d)})",
        ]
    )()


def listed(random: Random, depth: int) -> str:
    """Return an expression that gives a list."""
    if depth <= 0:
        return random.choice([".Values.list", "(list 1 2)", '(list "a" "b" "a")', "list"])
    d = depth - 1
    return random.choice(
        [
            lambda: f"(list {_any(random, d)} {_any(random, d)})",
            lambda: f"(append {listed(random, d)} {_any(random, d)})",
            lambda: f"(prepend {listed(random, d)} {_any(random, d)})",
            lambda: f"(concat {listed(random, d)} {listed(random, d)})",
            lambda: f"(uniq {listed(random, d)})",
            lambda: f"(splitList {text(random, d)} {text(random, d)})",
            lambda: "(until 3)",
            lambda: f"(keys {mapped(random, d)})",
        ]
    )()


def mapped(random: Random, depth: int) -> str:
    """Return an expression that gives an object."""
    if depth <= 0:
        return random.choice([".Values.map", "dict", '(dict "a" 1)', '(dict "a" .Values.s "b" (dict "c" 2))'])
    d = depth - 1
    return random.choice(
        [
            lambda: f"(dict {text(random, d)} {_any(random, d)})",
            lambda: f'(dict "a" {_any(random, d)} "b" {_any(random, d)})',
            lambda: f"(merge (dict {text(random, d)} {_any(random, d)}) {mapped(random, d)})",
            lambda: f'(set (dict "a" 1) {text(random, d)} {_any(random, d)})',
            lambda: f'(unset (dict "a" 1 "b" 2) {text(random, d)})',
            lambda: f'(pick {mapped(random, d)} "a" "b")',
            lambda: f'(omit {mapped(random, d)} "a")',
            lambda: f"(deepCopy {mapped(random, d)})",
            lambda: f"(fromYaml (toYaml {mapped(random, d)}))",
        ]
    )()


def _shown(value: str) -> str:
    """Return an action that writes what an expression gives so that it may stand in single quotes of YAML."""
    return f'{{{{ {value} | toJson | replace "\'" "^" | replace " " "_" }}}}'


def template(random: Random, name: str) -> str:
    """Return the template of a pod whose image is what a statement gives."""
    depth = random.choice((1, 1, 2, 2, 3))
    value, is_so = _any(random, depth), flag(random, 1)
    ranged = random.choice((listed, mapped, _any))(random, depth)
    key, other = text(random, 0), _any(random, 1)
    image = random.choice(
        [
            _shown(value),
            _shown(f"{value} | quote"),
            _shown(f"{value} | toString"),
            f"{{{{ {value} | int }}}}",
            f"{{{{ if {value} }}}}yes{{{{ else if {is_so} }}}}maybe{{{{ else }}}}none{{{{ end }}}}",
            f"{{{{ with {value} }}}}{_shown('.')}{{{{ else }}}}none{{{{ end }}}}",
            f"{{{{ with $x := {value} }}}}{_shown('$x')}{{{{ $.Chart.Name }}}}{{{{ end }}}}",
            f"{{{{ range {ranged} }}}}-{_shown('.')}{{{{- end }}}}",
            f"{{{{ range $k, $v := {ranged} }}}}-{_shown('$k')}{_shown('$v')}{{{{ else }}}}none{{{{ end }}}}",
            f"{{{{ $x := {value} }}}}{{{{ if {is_so} }}}}{{{{ $x = {other} }}}}{{{{ end }}}}{_shown('$x')}",
            f'{{{{ $d := dict "a" {value} }}}}{{{{ if {is_so} }}}}{{{{ $_ := set $d {key} {other} }}}}{{{{ end }}}}{_shown("$d")}',
            f'{{{{- template "g" (dict "x" {value} "y" "z") -}}}}',
        ]
    )
    containers = f"containers:\n    - name: a\n      image: 'v{image}'\n"
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  {containers}"


HELPERS = f"""\
{{{{- define "h" -}}}}{{{{ default .Chart.Name .Values.s | trunc 63 | trimSuffix "-" }}}}{{{{- end -}}}}
{{{{- define "g" -}}}}{_shown(".x")}{{{{- if .y -}}}} -{_shown(".y")} {{{{- end }}}}{{{{- end -}}}}
"""
