"""Expressions of Terraform in tests: evaluated by us and, where it is installed, by Terraform itself."""

import json
import shutil
import subprocess

import pytest
from hypothesis import strategies as st

from scanner.guarded import Unknown
from scanner.parsers.terraform.evaluate import evaluate
from scanner.parsers.terraform.syntax import parse_expression
from scanner.parsers.terraform.values import Encoded, Pieces


class Names:
    """A scope with these names, and with these files: their paths, and what is in them."""

    def __init__(self, names=None, files=None):
        self._names, self._files = names or {}, files or {}

    def lookup(self, name):
        return self._names[name]

    def read(self, path):
        return self._files.get(path)

    def names(self, path):
        return [name.removeprefix(f"{path}/") for name in self._files if name.startswith(f"{path}/")]


def value(text, names=None, files=None):
    """Return what an expression is worth."""
    return evaluate(parse_expression(text, "main.tf"), Names(names, files))


def console(expressions, folder, main=""):
    """Return what Terraform makes of expressions; skip the test where it is not installed."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("needs the terraform binary")
    (folder / "main.tf").write_text(main, encoding="utf-8")
    asked = f"jsonencode([{', '.join(expressions)}])\n"
    environment = {"HOME": str(folder), "CHECKPOINT_DISABLE": "1", "TF_DATA_DIR": str(folder / "data")}
    done = subprocess.run(
        [terraform, "console"],
        input=asked,
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(json.loads(done.stdout))


def same(one, other):
    """Tell whether two values are equal, unknown parts and all; `True` is not 1."""
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        if isinstance(one, Encoded) and isinstance(other, Encoded):
            return same(one.value, other.value)
        if isinstance(one, Pieces) and isinstance(other, Pieces):
            return same(list(one.parts), list(other.parts))
        return type(one) is type(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def fits(partial, full):
    """Tell whether a value of which parts are unknown can be this one."""
    if isinstance(partial, Encoded):
        return isinstance(full, str) and fits(partial.value, json.loads(full))
    if isinstance(partial, Pieces):
        return isinstance(full, str) and _in_order(partial.parts, full)
    if isinstance(partial, Unknown):
        return True
    if isinstance(partial, dict) and isinstance(full, dict):
        return partial.keys() == full.keys() and all(fits(partial[key], full[key]) for key in full)
    if isinstance(partial, list) and isinstance(full, list):
        return len(partial) == len(full) and all(map(fits, partial, full))
    return same(partial, full) or _text(partial) == _text(full) is not None


def _text(scalar):
    """Return the text of a number or a truth value: the other result of a condition may make it text."""
    return None if isinstance(scalar, (list, dict, Unknown, type(None))) else json.dumps(scalar).strip('"')


def _in_order(parts, text):
    at = 0
    for n, part in enumerate(parts):
        if isinstance(part, str):
            found = text.find(part, at)
            if found < 0 or (n == 0 and found):
                return False
            at = found + len(part)
    return not isinstance(parts[-1], str) or text.endswith(parts[-1])


WORDS = st.sampled_from(["", "a", "b", "eu-west-1", "1", "true", "a/b"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 5), WORDS)
KEYS = st.sampled_from(["x", "y", "a"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
NAMES = ("p", "q", "r")
ENVIRONMENTS = st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))


def _shaped(*shapes):
    """Return a strategy of texts: in each shape, every § is an expression."""

    def compound(inner):
        def one(shape):
            holes = shape.count("§")
            return st.tuples(*[inner] * holes).map(lambda found: _filled(shape, found))

        return st.sampled_from(shapes).flatmap(one)

    return compound


def _filled(shape, found):
    first, *rest = shape.split("§")
    return first + "".join(text + after for text, after in zip(found, rest, strict=True))


_LEAVES = st.sampled_from(
    [
        *NAMES,
        "p.x",
        "q.y",
        'r["x"]',
        "p[0]",
        "q[1]",
        "p[*]",
        "q[*].x",
        "r.*.x",
        "v",
        "k",
        "null",
        "true",
        "false",
        "0",
        "1",
        "2",
        '"a"',
        '"x"',
        '""',
        '"eu-west-1"',
        "[]",
        "{}",
        '["a", "b"]',
        '{x = 1, y = "a"}',
    ]
)
EXPRESSIONS = st.recursive(
    _LEAVES,
    _shaped(
        *("[§, §]", "{x = §, y = §}", "(§ ? § : §)", "(§ == §)", "(§ != null)", "(§ && §)", "(§ || §)", "!(§)"),
        *("(§ + §)", "(§ < §)", '"${§}"', '"a${§}b${§}"', '"%{ if § }${§}%{ else }b%{ endif }"', "(§)[§]", "(§).x"),
        *("[for k, v in § : §]", "{for k, v in § : k => §}", "[for v in § : v if §]", "{for v in § : § => v...}"),
        *("(§)[*].x", "(§)[*]", "try(§, §)", "can(§)", "coalesce(§, §)", "coalescelist(§, §)", "lookup(§, §, §)"),
        *("contains(§, §)", "merge(§, §)", "length(§)", "concat(§, §)", "flatten(§)", "element(§, §)", "one(§)"),
        *("jsonencode(§)", "jsondecode(jsonencode(§))", 'join("-", §)', 'format("%s/%v", §, §)', "toset(§)"),
        *("keys(§)", "values(§)", "distinct(§)", "compact(§)", "tolist(§)", "tomap(§)", "alltrue(§)", "anytrue(§)"),
        *("startswith(§, §)", 'replace(§, "a", §)', "zipmap(§, §)", "setproduct(§, §)", "tostring(§)", "tonumber(§)"),
        *('split("/", §)', "setunion(§, §)", "index(§, §)", "reverse(§)", "slice(§, 0, 1)", "concat(§...)", "sum(§)"),
        *("tobool(§)", "upper(§)", "sort(§)", "chunklist(§, 2)", "transpose(§)", "trimprefix(§, §)", "max(§...)"),
        *('formatlist("%s-%v", §, §)', 'regexall("[a-z]+", §)', "setsubtract(§, §)", "matchkeys(§, §, §)", "range(§)"),
    ),
    max_leaves=8,
)
