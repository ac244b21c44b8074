"""Expressions of Terraform, as Terraform evaluates them, and in three values where something is unknown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from terraform_scope import ENVIRONMENTS, EXPRESSIONS, console, fits, same, value

from scanner.guarded import Unknown
from scanner.parsers.terraform.access import unknown_in
from scanner.parsers.terraform.evaluate import evaluate
from scanner.parsers.terraform.syntax import parse, parse_expression

U = Unknown("var.u is not set")

KNOWN = [
    # operators
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("10 - 2 - 3", 5),
    ("2 * 3 % 4", 2),
    ("-5 % 3", -2),
    ("7 / 2", 3.5),
    ("10 / 3 * 3", 10),
    ("-2 * -3", 6),
    ("1e3 + 1.50", 1001.5),
    ("1 + 2 * 3 == 7 && true || false", True),
    ("true || false && false", True),
    ("!true == false", True),
    ("1 < 2 == true", True),
    ("1 <= 1 && 2 >= 2 && 3 > 2", True),
    ('"5" > 3', True),
    ('1 + "2"', 3),
    ('true && "true"', True),
    ('1 == "1"', False),
    ('true == "true"', False),
    ("1 == 1.0", True),
    ("null == null", True),
    ('"a" != null', True),
    ("[] == null", False),
    ("[1] == [2]", False),
    ("[1] == [1, 2]", False),
    ("{ a = 1 } == { b = 1 }", False),
    # conditions
    ('true ? "a" : "b"', "a"),
    ('false ? "a" : true ? "b" : "c"', "b"),
    ('true ? 1 : "a"', "1"),
    ("true ? 1 : null", 1),
    ('"true" ? 1 : 2', 1),
    # references
    ('{ a = [{ b = "x" }] }.a[0].b', "x"),
    ('{ a = [{ b = "x" }] }["a"][0]["b"]', "x"),
    ('{ a = ["a", "b"] }.a.1', "b"),
    ('["a", "b"]["1"]', "b"),
    ('{ "1" = "a" }[1]', "a"),
    ("{ a = 1, a = 2 }", {"a": 2}),
    ('{ (upper("a")) = 1, "b" : 2, 3 = 4, "${"c"}" = 5 }', {"A": 1, "b": 2, "3": 4, "c": 5}),
    # splats
    ("[{ a = 1 }, { a = 2 }][*].a", [1, 2]),
    ("[{ a = [1] }, { a = [2] }][*].a[0]", [1, 2]),
    ("[{ a = [1] }, { a = [2] }].*.a[0]", [1]),
    ("{ a = 1 }[*].a", [1]),
    ("null[*]", []),
    ('"a"[*]', ["a"]),
    ("[[1], [2]][*][0]", [1, 2]),
    ("length([1, 2][*])", 2),
    # for
    ('[for s in ["a", "b"] : upper(s)]', ["A", "B"]),
    ('[for i, s in ["a", "b"] : "${i}${s}" if s != "a"]', ["1b"]),
    ("[for k, v in { b = 1, a = 2 } : k]", ["a", "b"]),
    ('[for k, v in toset(["b", "a"]) : "${k}${v}"]', ["aa", "bb"]),
    ('{ for s in ["a", "b"] : s => upper(s) }', {"a": "A", "b": "B"}),
    ('{ for s in ["x1", "y1", "x2"] : substr(s, 0, 1) => s... }', {"x": ["x1", "x2"], "y": ["y1"]}),
    ("[for a in [1, 2] : [for b in [a] : a + b]]", [[2], [4]]),
    # templates
    ('"a${1}b${true}${"x"}"', "a1btruex"),
    ('"${1}"', 1),
    ('"${[1]}"', [1]),
    ('"$${a} %%{b} $ % \\u00e9 \\\\ \\" \\t"', '${a} %{b} $ % é \\ " \t'),
    ('" ${~ 1 ~} "', "1"),
    ('"  ${1}  ${2}  "', "  1  2  "),
    ('"${"a"} # ${"b"} // c"', "a # b // c"),
    ('"%{ if true }a%{ else }b%{ endif }%{ if false }c%{ endif }"', "a"),
    ('"%{ for i, x in ["a", "b"] }${i}${x},%{ endfor }"', "0a,1b,"),
    ('"%{ for x in [] }x%{ endfor }"', ""),
    ('"${"nested ${"deep"}"}"', "nested deep"),
    # calls
    ('format([for x in ["%s-%s", "a", "b"] : x]...)', "a-b"),
    ("max([1, 5, 3]...)", 5),
    ("max(1, [5, 3]...)", 5),
]

FILE = """locals {
  plain = <<EOT
  a ${"b"}
    c $${d} \\n
EOT
  indented = <<-EOT
      hello ${"x"}
        world

      %{ if true ~}
      yes
      %{ endif ~}
    end
    EOT
  empty = <<EOT
EOT
  loop = <<-EOT
    %{ for a in ["x", "y"] ~}
      v ${a}
    %{ endfor ~}
    end

   z
  EOT
  first = <<-EOT
    ${"x"}
      y
  EOT
  object = {
    a = 1 # one
    /* two */ b : 2, "c-${1}" = [1, # x
      2,
    ]
  }
  crlf = <<EOT\r
one\r
  two\r
EOT\r
  wrapped = (
    true
    ? "é" : "e\u0301"
  )
  composed = "e\u0301"
}
"""


# All that the notation allows and few write.
ODD = r"""/* head */ locals {
  a = [1, 2, 3,]
  b = [
    # first
    1, // one
    2 /* two */
    , 3
  ]
  c = { a = 1, b = 2, }
  d = {
    a : 1
    "b" = 2
    (upper("c")) = 3, d = { e = [] }
    1 = "one"
    true = "t"
    null = "n"
    for = "f"
    if = 1
  }
  e = format(
    "%s-%s",
    "a", # c
    <<-EOT
      b
    EOT
    ,
  )
  f = (
    1 +
    2
    * 3
  )
  g = !!true
  h = - -1
  i = "${"${"a"}"}"
  j = "${lookup({ "k" = "v" }, "k")}/${format("%s", "x}y")}"
  k = [
    for x in [1, 2] :
    x * 2
    if x > 1
  ]
  l = { for k, v in { a = 1 } :
    k => v
  }
  m-n_o = 1
  é = "é"
  p = "%%{x} $${y} %$ $% $$ %% $$$${z}"
  q = <<EOT
"quoted" \n ${"x"} $${y} %%{z}
  "un-closed
EOT
  s = true ? [] : null
  t = [[1, 2], [3]][0][1]
  u = { "a.b" = 1 }["a.b"]
  v = "a${1 == 1 ? "b" : "c"}d"
  w = "line1\nline2\ttab \"q\" \\ \u00e9 \U0001F600"
  x = 1 == 1 && 2 != 3 || false
  y = [for i in range(3) : i][*]
  z = try({}.a.b, [][0], "z")
  aa = "${1}${""}"
  ab = "$"
  ac = "a $"
  ad = "%"
  ae = "~${1}~"
  af = <<-EOT
    tab
      two
  EOT
  ag = <<-EOT

    a

  b
  EOT
  ah = {}
  ai = <<-EOT
    ${jsonencode({
      a = 1
    })}
  EOT
  aj = "${<<-EOT
    in
  EOT
  }"
  ak = [{ a = 1 }, { a = 2 }].*.a
  al = 0.10
  am = 100000000000000000000
  an = 1.5e-7
  ao = "${0.0000001}"
  ap = "${100000000000000000000}"
  aq = 5 / 2 * 2
  ar = { a = "x" }.a == "x" ? "y" : "n"
  as = [1, "a", true, null]
  at = "%{ if false }x%{ else }%{ if true }y%{ endif }%{ endif }"
  au = "a%{ for x in [1,2] ~}   b ${x}   %{~ endfor }c"
  av = <<EOT
%{ for x in ["a", "b"] ~}
- ${x}
%{ if x == "a" ~}
  first
%{ else ~}
  other
%{ endif ~}
%{ endfor ~}
end
EOT
}
"""

ODD_VALUES = {
    "a": [1, 2, 3],
    "b": [1, 2, 3],
    "c": {"a": 1, "b": 2},
    "d": {"1": "one", "C": 3, "a": 1, "b": 2, "d": {"e": []}, "for": "f", "if": 1, "null": "n", "true": "t"},
    "e": "a-b\n",
    "f": 7,
    "g": True,
    "h": 1,
    "i": "a",
    "j": "v/x}y",
    "k": [4],
    "l": {"a": 1},
    "m-n_o": 1,
    "é": "é",
    "p": "%{x} ${y} %$ $% $$ %% $$${z}",
    "q": '"quoted" \\n x ${y} %{z}\n  "un-closed\n',
    "s": [],
    "t": 2,
    "u": 1,
    "v": "abd",
    "w": 'line1\nline2\ttab "q" \\ é 😀',
    "x": True,
    "y": [0, 1, 2],
    "z": "z",
    "aa": "1",
    "ab": "$",
    "ac": "a $",
    "ad": "%",
    "ae": "~1~",
    "af": "tab\n  two\n",
    "ag": "\n  a\n\nb\n",
    "ah": {},
    "ai": '{"a":1}\n',
    "aj": "in\n",
    "ak": [1, 2],
    "al": 0.1,
    "am": 100000000000000000000,
    "an": 1.5e-07,
    "ao": 1e-07,
    "ap": 100000000000000000000,
    "aq": 5,
    "ar": "y",
    "as": [1, "a", True, None],
    "at": "y",
    "au": "ab 1b 2c",
    "av": "- a\n  first\n- b\n  other\nend\n",
}


@pytest.mark.parametrize(("text", "expected"), KNOWN, ids=[text for text, _ in KNOWN])
def test_known(text, expected):
    assert same(value(text), expected)


def test_terraform_says_the_same(tmp_path):
    found = console([text for text, _ in KNOWN], tmp_path)
    assert [(text, got) for (text, expected), got in zip(KNOWN, found, strict=True) if not same(got, expected)] == []


def _locals(text):
    body = parse(text.encode(), "main.tf")
    assert body.problems == ()
    return {name: evaluate(each.expression, {}) for name, each in body.blocks[0].body.attributes.items()}


def test_heredocs_and_what_spans_lines():
    found = _locals(FILE)
    assert found["plain"] == "  a b\n    c ${d} \\n\n"
    assert found["indented"] == "hello x\n  world\n\n      yes\n    end\n"
    assert found["empty"] == ""
    assert found["first"] == "x\n  y\n"
    assert found["object"] == {"a": 1, "b": 2, "c-1": [1, 2]}
    assert found["crlf"] == "one\r\n  two\r\n"
    assert found["composed"] == found["wrapped"] == "é"


def test_what_few_write():
    found = _locals(ODD)
    assert found.keys() == ODD_VALUES.keys()
    assert [(name, each) for name, each in found.items() if not same(each, ODD_VALUES[name])] == []


@pytest.mark.parametrize("text", [FILE, ODD], ids=["file", "odd"])
def test_terraform_reads_the_file_so(text, tmp_path):
    found = _locals(text)
    said = console([f"local.{name}" for name in found], tmp_path, text)
    assert [(name, got) for (name, ours), got in zip(found.items(), said, strict=True) if not same(ours, got)] == []


UNKNOWN = [
    ("u", Unknown),
    ("u.x[0]", Unknown),
    ("[1, u]", [1, Unknown]),
    ("{ a = 1, b = u }", {"a": 1, "b": Unknown}),
    ("{ (u) = 1 }", Unknown),
    ("u ? 1 : 1", 1),
    ("u ? 1 : 2", Unknown),
    ("u ? { a = 1, b = 2 } : { a = 1, b = 3 }", {"a": 1, "b": Unknown}),
    ("u ? [1] : []", Unknown),
    ("true ? 1 : u", 1),
    ("true || u", True),
    ("u || true", True),
    ("u || false", Unknown),
    ("u && false", False),
    ("false && u", False),
    ("u && true", Unknown),
    ("u == null", Unknown),
    ("[u] == null", False),
    ("[u, 1] == [2, 2]", False),
    ("[u, 2] == [2, 2]", Unknown),
    ("{ a = u } == { b = u }", False),
    ("[1] == [1]", Unknown),  # a list and a tuple are not equal, and we do not tell them apart
    ("-u", Unknown),
    ("!u", Unknown),
    ("u + 1", Unknown),
    ('"a${u}"', Unknown),
    ('"${u}"', Unknown),
    ('"%{ if u }a%{ else }a%{ endif }"', "a"),
    ('"%{ if u }a%{ else }b%{ endif }"', Unknown),
    ('"%{ for x in u }a%{ endfor }"', Unknown),
    ("[for x in u : 1]", Unknown),
    ("[for x in [1, u] : x]", [1, Unknown]),
    ("[for x in [1, 2] : x if u]", Unknown),
    ("[for x in [1, u] : 1]", [1, 1]),
    ("{ for x in [1, u] : x => 1 }", Unknown),
    ("{ for k, x in { a = u } : k => x }", {"a": Unknown}),
    ("u[*]", Unknown),
    ("[{ a = u }, { a = 1 }][*].a", [Unknown, 1]),
    ("[1, 2][u]", Unknown),
    ("max(u...)", Unknown),
    ("undeclared.x", Unknown),
]


def _shape(found):
    if isinstance(found, dict):
        return {key: _shape(each) for key, each in found.items()}
    if isinstance(found, list):
        return [_shape(each) for each in found]
    return Unknown if isinstance(found, Unknown) else found


@pytest.mark.parametrize(("text", "expected"), UNKNOWN, ids=[text for text, _ in UNKNOWN])
def test_unknown(text, expected):
    assert _shape(value(text, {"u": U})) == expected


def test_reasons():
    assert value('"a${u}"', {"u": U}).reason == "var.u is not set"
    assert value("nobody.x").reason == "nothing says what 'nobody' is"
    assert value("{}.x").reason == "there is no attribute 'x'"
    assert value("1 +").reason == "the text is not an expression"


def _hidden(draw, found):
    if draw(st.integers(0, 3)) == 0:
        return Unknown("hidden")
    if isinstance(found, dict):
        return {key: _hidden(draw, each) for key, each in found.items()}
    return [_hidden(draw, each) for each in found] if isinstance(found, list) else found


@settings(max_examples=60)
@given(EXPRESSIONS, ENVIRONMENTS, st.data())
def test_what_is_known_although_something_is_hidden_is_what_it_would_be(text, names, data):
    full = value(text, names)
    if unknown_in(full) is None:
        hidden = {name: _hidden(data.draw, each) for name, each in names.items()}
        assert fits(value(text, hidden), full)


class Lazy:
    """A lazy object that notes what is read of it."""

    def __init__(self, items, read):
        self._items, self._read = items, read

    def _get(self, key):
        found = self._items[key]
        self._read.append(key)
        return Lazy(found, self._read) if isinstance(found, dict) else found

    def attribute(self, name):
        return self._get(name)

    def index(self, key):
        return self._get(key)

    def whole(self):
        self._read.append("*")
        return {key: self._get(key) for key in self._items}


@pytest.mark.parametrize(
    ("text", "expected", "read"),
    [
        ("m.a", 1, ["a"]),
        ("m.b.c", 2, ["b", "c"]),
        ('m["b"].c', 2, ["b", "c"]),
        ("m.b", {"c": 2}, ["b", "*", "c"]),
        ("m.b[*].c", [2], ["b", "*", "c", "c"]),
        ("[for k, v in m : k]", ["a", "b"], ["*", "a", "b"]),
        ("keys(m.b)", ["c"], ["b", "*", "c"]),
        ('try(m.nothing, "d")', "d", []),
        ("can(m.a)", True, ["a"]),
        ("true ? m.a : m.b", 1, ["a", "b"]),
        ("m.nothing", Unknown, []),
        ("m == null", False, ["*", "a", "b", "*", "c"]),
    ],
)
def test_what_is_lazy_is_read_when_it_is_needed(text, expected, read):
    seen = []
    found = value(text, {"m": Lazy({"a": 1, "b": {"c": 2}}, seen)})
    assert _shape(found) == expected
    assert seen == read


@pytest.mark.parametrize(("first", "text"), [(["x"], "[a, a, a]"), ("x" * 1000, '"${a}${a}"')])
def test_references_to_references_do_not_exhaust_the_memory(first, text):
    names = {"a": first}
    while not isinstance(names["a"], Unknown):
        names["a"] = value(text, names)
    assert names["a"].reason in ("the value is too large", "the text is too long")


def test_references_that_never_end_are_unknown():
    class Endless:
        def lookup(self, name):
            return evaluate(parse_expression("a", "f"), self)

    assert isinstance(evaluate(parse_expression("a", "f"), Endless()), Unknown)
