"""Terraform's functions: a table that Terraform itself confirms where it is installed, and what is unknown."""

import time

import pytest
from terraform_scope import Names, console, same, value

from scanner.guarded import Unknown
from scanner.parsers.terraform.evaluate import evaluate
from scanner.parsers.terraform.functions.table import FUNCTIONS
from scanner.parsers.terraform.syntax import parse_expression
from scanner.parsers.terraform.values import Encoded, Pieces

# fmt: off
KNOWN = [
    # numbers
    ("abs(-12.4)", 12.4),
    ("ceil(5.1)", 6),
    ("floor(-4.9)", -5),
    ("max(12, 54, 3)", 54),
    ("min([12, 54, 3]...)", 3),
    ("max(7)", 7),
    ("signum(-13)", -1),
    ("sum([10, 13, 6, 4.5])", 33.5),
    ("0.1 + 0.2", 0.3),
    ("pow(3, 2)", 9),
    ("pow(2, -1)", 0.5),
    ("log(16, 2)", 4),
    ('parseint("-ff", 16)', -255),
    ('parseint("1011", 2)', 11),
    # text
    ('format("Hello, %s!", "Ander")', "Hello, Ander!"),
    ('format("%s %d %q %v %5.2f %%", "a", 3, "b", [1, { a = 1 }], 1.234)', 'a 3 "b" [1,{"a":1}]  1.23 %'),
    (
        'format("%05d|%-5s|%5s|%x|%X|%o|%b|%t|%e|%g|%+d", 42, "ab", "c", 255, 255, 8, 5, true, 1.5, 2.50, 7)',
        "00042|ab   |    c|ff|FF|10|101|true|1.500000e+00|2.5|+7",
    ),
    ('format("%[2]s-%[1]s", "a", "b")', "b-a"),
    ('format("%#v %v %.2s", "a", true, "abc")', '"a" true ab'),
    ('format("%06.2f|%06d|% d", -1.5, -42, 3)', "-01.50|-00042| 3"),
    ('formatlist("%s-%s", ["a", "b"], "c")', ["a-c", "b-c"]),
    ('join(", ", ["foo", "bar"], ["baz", 1])', "foo, bar, baz, 1"),
    ('split(",", "foo,bar,")', ["foo", "bar", ""]),
    ('split(",", "")', [""]),
    ('split("", "abc")', ["a", "b", "c"]),
    ('replace("1 + 2 + 3", "+", "-")', "1 - 2 - 3"),
    ('replace("hello world", "/w.*d/", "everybody")', "hello everybody"),
    ('replace("ab-cd", "/(?P<l>[a-z]+)-([a-z]+)/", "$2:$${l}$$")', "cd:ab$"),
    ('replace("baac", "/a*/", "x")', "xbxcx"),
    ('replace("abc", "", "-")', "-a-b-c-"),
    ('substr("hello world", 1, 4)', "ello"),
    ('substr("hello", -3, -1)', "llo"),
    ('substr("hello", 9, 1)', ""),
    ('strrev("hello")', "olleh"),
    ('upper("héllo ß")', "HÉLLO ß"),
    ('lower("HÉLLO")', "héllo"),
    ('title("hello world-foo bar_baz")', "Hello World-Foo Bar_baz"),
    ('indent(2, "a\\nb\\n\\nc")', "a\n  b\n  \n  c"),
    ('chomp("hello\\r\\n\\n")', "hello"),
    ('trim("?!hello?!", "!?")', "hello"),
    ('trimprefix("helloworld", "hello")', "world"),
    ('trimsuffix("helloworld", "world")', "hello"),
    ('trimspace("  hello\\n\\n")', "hello"),
    ('startswith("hello world", "hello")', True),
    ('endswith("hello world", "hello")', False),
    ('strcontains("hello world", "wor")', True),
    ('regex("[a-z]+", "53453453.345345aaabbbccc23454")', "aaabbbccc"),
    ('regex("(\\\\d\\\\d\\\\d\\\\d)-(\\\\d\\\\d)(x)?", "2019-02-01")', ["2019", "02", None]),
    (
        'regex("^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?", "https://terraform.io/docs/")',
        {"scheme": "https", "authority": "terraform.io"},
    ),
    ('regexall("[a-z]+", "1234abcd5678efgh9")', ["abcd", "efgh"]),
    ('regexall("a$", "a\\n")', []),
    # lists
    ('concat(["a", ""], ["b", "c"])', ["a", "", "b", "c"]),
    ('contains(["a", "b"], "a")', True),
    ('contains([1], "1")', False),
    ('element(["a", "b", "c"], 4)', "b"),
    ('flatten([["a", "b"], [], [["c"], "d"]])', ["a", "b", "c", "d"]),
    ('distinct(["a", "b", "a", 1, "1"])', ["a", "b", "1"]),
    ('compact(["a", "", null, "b"])', ["a", "b"]),
    ("reverse([1, 2, 3])", [3, 2, 1]),
    ('sort(["e", "d", "a", "x"])', ["a", "d", "e", "x"]),
    ('slice(["a", "b", "c", "d"], 1, 3)', ["b", "c"]),
    ('chunklist(["a", "b", "c"], 2)', [["a", "b"], ["c"]]),
    ("range(3)", [0, 1, 2]),
    ("range(1, 8, 3)", [1, 4, 7]),
    ("range(5, 0, -2)", [5, 3, 1]),
    ("range(3, 1)", [3, 2]),
    ('index(["a", "b", "c"], "b")', 1),
    ("one([])", None),
    ('one(["a"])', "a"),
    ('alltrue(["true", true])', True),
    ("alltrue([])", True),
    ("anytrue([false, true])", True),
    ("anytrue([])", False),
    ('matchkeys(["i-1", "i-2", "i-3"], ["west", "east", "east"], ["east"])', ["i-2", "i-3"]),
    ('coalescelist([], ["c", "d"])', ["c", "d"]),
    ('setproduct(["a", "b"], [1, 2])', [["a", 1], ["a", 2], ["b", 1], ["b", 2]]),
    ('setunion(["b"], ["a", "b"])', ["a", "b"]),
    ('setintersection(["a", "b"], ["b", "c"])', ["b"]),
    ('setsubtract(["a", "b", "c"], ["a", "c"])', ["b"]),
    ("length([1, 2])", 2),
    ('length("héllo")', 5),
    ("length({ a = 1 })", 1),
    # maps
    ('lookup({ a = "ay" }, "a", "what?")', "ay"),
    ('lookup({ a = "ay" }, "c", "what?")', "what?"),
    ('merge({ a = "b", c = "d" }, null, { e = "f", c = "z" })', {"a": "b", "c": "z", "e": "f"}),
    ("keys({ c = 1, a = 2 })", ["a", "c"]),
    ("values({ c = 1, a = 2 })", [2, 1]),
    ('zipmap(["a", "b"], [1, 2])', {"a": 1, "b": 2}),
    ('transpose({ a = ["1", "2"], b = ["2", "3"] })', {"1": ["a"], "2": ["a", "b"], "3": ["b"]}),
    # conversions
    ("tostring(1.50)", "1.5"),
    ("tostring(null)", None),
    ('tonumber("1e3")', 1000),
    ('tobool("1")', True),
    ('tolist(["a", 1, true])', ["a", "1", "true"]),
    ('toset(["b", "a", "b", 1])', ["1", "a", "b"]),
    ("toset([3, 20, 1])", [1, 3, 20]),
    ("toset([true, false])", [False, True]),
    ('tomap({ a = 1, b = "x" })', {"a": "1", "b": "x"}),
    ('coalesce("", null, "b")', "b"),
    ('coalesce(1, "a")', "1"),
    ('try(tonumber("x"), "d")', "d"),
    ('can(regex("a", "b"))', False),
    ('nonsensitive(sensitive("a"))', "a"),
    # encodings
    (
        'jsonencode({ b = [1, 1.5, null, true], a = "<&>é\\"" })',
        '{"a":"\\u003c\\u0026\\u003eé\\"","b":[1,1.5,null,true]}',
    ),
    ('jsondecode("{\\"a\\": [1.0, 2.5, \\"x\\"]}")', {"a": [1, 2.5, "x"]}),
    (
        'yamlencode({ a = "b", c = [1, { d = null, e = true }], f = {}, g = [] })',
        '"a": "b"\n"c":\n- 1\n- "d": null\n  "e": true\n"f": {}\n"g": []\n',
    ),
    (
        'yamlencode({ "h i" = "l1\\nl2\\n", k = [[1], ["x\\ny"]], "0" = "a\\n\\n" })',
        '"0": |+\n  a\n\n"h i": |\n  l1\n  l2\n"k":\n- - 1\n- - |-\n    x\n    y\n',
    ),
    ('yamldecode("a: [1, x]\\nb: {c: true}")', {"a": [1, "x"], "b": {"c": True}}),
    ('csvdecode("a,b\\n1,\\"x,y\\"\\n")', [{"a": "1", "b": "x,y"}]),
    ('base64encode("Hello Wörld")', "SGVsbG8gV8O2cmxk"),
    ('base64decode("SGVsbG8gV8O2cmxk")', "Hello Wörld"),
    ('urlencode("a b&c/é~")', "a+b%26c%2F%C3%A9~"),
    ('md5("hello world")', "5eb63bbbe01eeed093cb22bb8f5acdc3"),
    ('sha1("hello world")', "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"),
    ('sha256("hello world")', "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"),
    ('base64sha256("hello world")', "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="),
    ('uuidv5("dns", "www.terraform.io")', "a5008fae-b28c-5ba5-96cd-82b4c53552d6"),
    # networks
    ('cidrsubnet("172.16.0.0/12", 4, 2)', "172.18.0.0/16"),
    ('cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)', "fd00:fd12:3456:7800:a200::/72"),
    ('cidrhost("10.12.112.0/20", -2)', "10.12.127.254"),
    ('cidrhost("10.12.112.0/20", 16)', "10.12.112.16"),
    ('cidrnetmask("172.16.0.0/12")', "255.240.0.0"),
    ('cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)', ["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]),
    # paths
    ('basename("foo/bar/baz.txt")', "baz.txt"),
    ('dirname("foo/bar/baz.txt")', "foo/bar"),
    ('dirname("baz.txt")', "."),
]
# fmt: on

MISTAKES = [
    'csvdecode("a\\n1,2")',
    'csvdecode("a,a\\n1,2")',
    'uuidv5("nothing", "x")',
    'jsondecode("NaN")',
    'cidrsubnet("10.0.0.0", 4, 0)',
    'cidrnetmask("fd00::/56")',
    'cidrsubnets("10.0.0.0/30", 4)',
    'format("%y", 1)',
    'format("a%", 1)',
    'format("%t", "x")',
    'formatlist("%s%s", ["a"], ["b", "c"])',
    "sum([])",
    'formatlist(null, ["a"])',
    'parseint("1", 1)',
    'parseint("1.5", 10)',
    'flatten("a")',
    'keys(["a"])',
    "setproduct([1])",
    "range()",
    "range(1, 2, 3, 4)",
    "chunklist([1], -1)",
    'matchkeys(["a"], [], [])',
    "tolist(5)",
    "tomap([])",
    'tonumber("0x10")',
    "coalescelist(1, [2])",
    'regex("(a)(?P<b>b)", "ab")',
    'regex("a**", "a")',
    "max(5...)",
    'substr("a", 0.5, 1)',
    'templatefile("t.tpl", 5)',
    "{ a = 1 }[null]",
    'toset(["a"])[0]',
    '"a"[0]',
    '"%{ if null }a%{ endif }"',
    "[for x in [1] : x if null]",
    "{ for x in [[]] : x => 1 }",
    "lookup([], 1, 2)",
    'lookup({ a = 1 }, "b")',
    "one([1, 2])",
    "element([], 0)",
    'tonumber("x")',
    "tobool(1)",
    'coalesce("", null)',
    "coalescelist([])",
    "slice([1], 0, 2)",
    'zipmap(["a"], [])',
    'regex("a", "b")',
    'format("%d", "x")',
    'format("%s")',
    'format("a", 1)',
    'join(",", [null])',
    'jsondecode("{")',
    'base64decode("?")',
    'cidrsubnet("10.0.0.0/30", 4, 0)',
    'cidrhost("10.0.0.0/30", 4)',
    "range(0, 5, -1)",
    "range(2000)",
    'parseint("z", 10)',
    'index(["a"], "b")',
    'file("nowhere.txt")',
    "concat([1], null)",
    "length(5)",
    "upper(null)",
    "{}.x",
    "[1][1]",
    "[1][-1]",
    "null.x",
    '"a${null}"',
    '"a${[]}"',
    "-null",
    '!"x"',
    '"a" && true',
    "[for x in 5 : x]",
    '{ for x in ["a", "a"] : x => 1 }',
]

UNKNOWN = [
    ("contains([], u)", False),
    ('contains(["a", u], "a")', True),
    ('contains(["b", u], "a")', Unknown),
    ('contains(u, "a")', Unknown),
    ("length([u, u])", 2),
    ("length(u)", Unknown),
    ("length(toset([u, u]))", Unknown),
    ("lookup({ a = 1 }, u, 1)", 1),
    ("lookup({ a = 1 }, u, 2)", Unknown),
    ("lookup({ a = 1 }, u)", Unknown),
    ('lookup({ a = u }, "a", 1)', Unknown),
    ('lookup({ a = u }, "b", 1)', 1),
    ('lookup({ a = u }, "b", u)', Unknown),
    ('element(["a", "a"], u)', "a"),
    ('element(["a", "b"], u)', Unknown),
    ('coalesce(u, "a")', Unknown),
    ('coalesce(null, "a", u)', "a"),
    ("coalescelist([u], [])", [Unknown]),
    ('try(u, "a")', Unknown),
    ('try(u.x, "a")', Unknown),
    ('try({ x = u }.y, "a")', "a"),
    ('try(o.known, "a")', "b"),
    ("try(o, {})", {"known": "b", "open": Unknown}),
    ('try([u.x], "a")', Unknown),
    ("can(u.x)", Unknown),
    ("can({}.x)", False),
    ("can(o)", True),
    ("merge({ a = 1 }, { b = u })", {"a": 1, "b": Unknown}),
    ("merge({ a = 1 }, u)", Unknown),
    ("concat([u], [1])", [Unknown, 1]),
    ("concat([1], u)", Unknown),
    ("flatten([[1], u])", Unknown),
    ("flatten([[{ a = u }], [2]])", [{"a": Unknown}, 2]),
    ("keys({ a = u })", ["a"]),
    ("values({ a = u, b = 1 })", [Unknown, 1]),
    ('zipmap(["a"], [u])', {"a": Unknown}),
    ("zipmap([u], [1])", Unknown),
    ("alltrue([u, false])", False),
    ("alltrue([u, true])", Unknown),
    ("anytrue([u, true])", True),
    ("anytrue([u, false])", Unknown),
    ("one([u])", Unknown),
    ("toset([u])", Unknown),
    ("distinct([1, u])", Unknown),
    ("reverse([1, u])", [Unknown, 1]),
    ("tolist([1, u])", [1, Unknown]),
    ("[1, 2, u][1]", 2),
    ("upper(u)", Unknown),
    ("nonsensitive(u)", Unknown),
    ("uuid()", Unknown),
    ("timestamp()", Unknown),
    ('provider::aws::arn_parse("arn")', Unknown),
    ('abspath("x")', Unknown),
    ('pathexpand("~/x")', Unknown),
    ('file("open.txt")', Unknown),
    ('fileexists("open.txt")', Unknown),
]


class Files(Names):
    def read(self, path):
        return Unknown("outside the tree") if path == "open.txt" else super().read(path)


def _shape(found):
    if isinstance(found, dict):
        return {key: _shape(each) for key, each in found.items()}
    if isinstance(found, list):
        return [_shape(each) for each in found]
    return Unknown if isinstance(found, Unknown) else found


@pytest.mark.parametrize(("text", "expected"), KNOWN, ids=[text for text, _ in KNOWN])
def test_known(text, expected):
    assert same(value(text), expected)


def test_terraform_says_the_same(tmp_path):
    found = console([text for text, _ in KNOWN], tmp_path)
    assert [(text, got) for (text, expected), got in zip(KNOWN, found, strict=True) if not same(got, expected)] == []


@pytest.mark.parametrize("text", MISTAKES)
def test_what_terraform_refuses_is_caught_by_can_and_unknown_otherwise(text):
    assert value(f"can({text})") is False
    assert isinstance(value(text), Unknown)


def test_terraform_refuses_the_same(tmp_path):
    dynamic = [text for text in MISTAKES if not text.startswith(("file(", "{}", "null", "-null"))]
    found = console([f"can({text})" for text in dynamic], tmp_path)
    assert [text for text, allowed in zip(dynamic, found, strict=True) if allowed] == []


@pytest.mark.parametrize(("text", "expected"), UNKNOWN, ids=[text for text, _ in UNKNOWN])
def test_unknown(text, expected):
    names = {"u": Unknown("var.u is not set"), "o": {"known": "b", "open": Unknown("var.open is not set")}}
    assert _shape(evaluate(parse_expression(text, "f"), Files(names))) == expected


def test_the_reason_is_that_of_what_is_unknown():
    assert value("upper(join(u, []))", {"u": Unknown("var.u is not set")}).reason == "var.u is not set"


def test_what_is_encoded_can_be_read_although_a_part_is_unknown():
    found = value('jsonencode([{ image = "a:1" }, { image = u }])', {"u": Unknown("why")})
    assert isinstance(found, Encoded)
    assert found.reason == "why"
    assert _shape(found.value) == [{"image": "a:1"}, {"image": Unknown}]
    assert value("jsondecode(jsonencode({ a = 1, b = u })).a", {"u": Unknown("why")}) == 1


@pytest.mark.parametrize("text", ['"${u}.dkr.ecr.eu-west-1.amazonaws.com/${n}"',
                                  'format("%s.dkr.ecr.eu-west-1.amazonaws.com/%s", u, n)',
                                  'join("", [u, ".dkr.ecr.eu-west-1.amazonaws.com/", n])'])  # fmt: skip
def test_the_known_pieces_of_text_are_kept(text):
    found = value(text, {"u": Unknown("why"), "n": "app"})
    assert isinstance(found, Pieces)
    assert _shape(list(found.parts)) == [Unknown, ".dkr.ecr.eu-west-1.amazonaws.com/app"]


@pytest.mark.parametrize(
    "text",
    [
        'join("", [u])',
        '"${u}"',
        "tostring(u)",
        "one([u])",
        "element(concat([u], [1]), 0)",
        "try(o.u, 1)",
        "(o[*].u)[0]",
    ],
)
def test_what_is_unknown_and_all_there_is_is_handed_on_as_it_is(text):
    u = Unknown("why")
    assert value(text, {"u": u, "o": {"u": u}}) is u


def test_the_beginning_of_text_may_be_enough():
    names = {"u": Unknown("why")}
    assert value('startswith("arn:${u}", "arn:")', names) is True
    assert value('startswith("arn:${u}", "urn:long")', names) is False
    assert isinstance(value('startswith("arn:${u}", "arn:aws")', names), Unknown)
    assert value("jsonencode([u]) == null", names) is False


def test_files():
    files = {"m/a.txt": b"a\xc3\xa9", "m/b.json": b'{"x": 1}', "m/d/c.json": b"", "m/bad": b"\xff"}
    assert value('file("m/a.txt")', files=files) == "aé"
    assert value('jsondecode(file("m/b.json")).x', files=files) == 1
    assert value('fileexists("m/none")', files=files) is False
    assert value('try(file("m/bad"), "no text")', files=files) == "no text"
    assert value('filebase64("m/bad")', files=files) == "/w=="
    assert value('filemd5("m/d/c.json")', files=files) == "d41d8cd98f00b204e9800998ecf8427e"
    assert value('filebase64sha256("m/d/c.json")', files=files) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    for pattern, expected in {
        "*.json": ["b.json"],
        "**/*.json": ["b.json", "d/c.json"],
        "**": ["a.txt", "b.json", "bad", "d/c.json"],
        "{a,b}.*": ["a.txt", "b.json"],
        "?.txt": ["a.txt"],
    }.items():
        assert value(f'fileset("m", "{pattern}")', files=files) == expected


def test_template_files(tmp_path):
    template = "a\n  %{ for x in l ~}\n\n  v ${x}${u}\n  %{~ endfor ~}\n$${end}%{ if n == 1 }!%{ endif }\n"
    call = 'templatefile("t.tpl", { l = ["x", "y"], u = "", n = 1 })'
    expected = "a\n  \n  v x\n\n  v y\n${end}!\n"
    assert value(call, files={"t.tpl": template.encode()}) == expected
    assert value('templatefile("t.tpl", { n = upper("a") })', files={"t.tpl": b"<${n}>"}) == "<A>"
    assert isinstance(value('templatefile("t.tpl", {})', {"n": "a"}, {"t.tpl": b"<${n}>"}), Unknown)
    assert isinstance(value('templatefile("t.tpl", {})', files={"t.tpl": b"<${"}), Unknown)
    (tmp_path / "t.tpl").write_text(template, encoding="utf-8")
    assert console([call], tmp_path) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        'replace(join("", range(1000)), "", join("", range(1000)))',
        'format("%999999999d", 1)',
        'indent(99999999999, "a")',
        'indent(1000000, join("\\n", range(1000)))',
        "setproduct(range(1000), range(1000))",
        "[for a in range(1024) : [for b in range(1024) : [for c in range(1024) : c]]]",
        "pow(10, 100000)",
        "1 / 0",
        "10000000000 * " * 40 + "1",
        'jsondecode("' + "[" * 500 + "]" * 500 + '")',
        'regex("^(a+)+$", "' + "a" * 60 + '!")',
        'regex("^(a|a)*$", "' + "a" * 60 + '!")',
        'regex("' + "a?" * 40 + "a" * 40 + '", "' + "a" * 40 + '")',
        'regex(".*.*.*.*.*.*=", "' + "a" * 300 + '")',
        'parseint("' + "9" * 5000 + '", 10)',
        'tonumber("1e9999")',
        'tonumber("' + "9" * 5000 + '")',
        'fileset("m", "' + "{a,b}" * 30 + '")',
        'formatlist(join("", range(1000)), ' + "range(1000), " * 3 + "1)",
    ],
)
def test_what_grows_without_bounds_is_unknown(text):
    started = time.process_time()
    assert isinstance(value(text, files={"m/a": b""}), Unknown)
    assert time.process_time() - started < 10  # a bound on hanging, not on speed


@pytest.mark.parametrize("pattern", [r"(?i)a", r"\\pL", "[[:alpha:]]", "(?=a)", r"a\\Qb\\E", "(?m)^a$", "a*+"])
def test_regular_expressions_that_python_reads_otherwise_are_left_undecided(pattern):
    assert isinstance(value(f'regex("{pattern}", "a")'), Unknown)


@pytest.mark.parametrize(
    "text",
    [
        "10 / 3 == tonumber(tostring(10 / 3))",
        "range(0.5)",
        "element([1, 2], -1)",
        'parseint("z", 62)',
        'format("%x", "a")',
        'format("%.3g", 1.5)',
        'length("e\\u0301\\u0302")',
        'substr("a\\r\\nb", 0, 1)',
        'yamldecode("a: [")',
        'cidrhost("010.0.0.0/8", 1)',
        'fileset("m", "[ab].txt")',
        'base64gzip("a")',
        'regex("[a", "a")',
        "nobody(1)",
        "log(0, 10)",
    ],
)
def test_what_is_not_worked_out_is_neither_a_value_nor_a_mistake(text):
    assert isinstance(value(f'try({text}, "wrong")', files={"m/a.txt": b""}), Unknown)


def test_an_undecided_result_is_no_mistake_that_try_may_catch():
    assert isinstance(value('try(regex("(?i)a", "A"), "wrong")'), Unknown)


def test_most_functions_of_terraform_are_there():
    assert len(FUNCTIONS) > 95
