from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.documents import MAX_DEPTH, Document, load, load_all, pointer
from scanner.errors import DocumentError
from scanner.model import Location

TAGS = {"!Sub": "Fn::Sub", "!Ref": "Ref", "!Join": "Fn::Join"}


def value(text, path="x.yaml", tags=None):
    return load(text, path, tags).value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-03-01", "2027-03-01"),
        ("2027-03-01T10:00:00Z", "2027-03-01T10:00:00Z"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("111122223333", 111122223333),
        ("012345678901", "012345678901"),
        ("-012", "-012"),
        ("0o17", 15),
        ("0xfF", 255),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9" * 5000, "9" * 5000),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars(text, expected):
    found = value(f"a: {text}")["a"]
    assert found == expected
    assert type(found) is type(expected)


def test_keys_are_text():
    assert value("1: a\non: b\n012345678901: c\ntrue: d\n~: e") == {
        "1": "a", "on": "b", "012345678901": "c", "true": "d", "~": "e",
    }  # fmt: skip


def test_tags():
    document = load("a: !Sub x\nb: !Ref 012\nc: !Join ['', [!Ref d]]\ne: !Sub\n  - y\n  - {k: 1}\n", "x.yaml", TAGS)
    assert document.value == {
        "a": {"Fn::Sub": "x"},
        "b": {"Ref": "012"},
        "c": {"Fn::Join": ["", [{"Ref": "d"}]]},
        "e": {"Fn::Sub": ["y", {"k": 1}]},
    }
    assert document.locations["/c/Fn::Join/1/0/Ref"] == Location("x.yaml", 3, 16, 3, 22)
    assert document.locations["/e/Fn::Sub/1/k"] == Location("x.yaml", 6, 9, 6, 10)


def test_locations():
    document = load("a: 1\nb:\n  - x\n  - |\n    hé\n    # no\n\n# c\nc: {d: [1, é]}\n~/x: y\n", "x.yaml")
    assert dict(document.locations) == {
        "": Location("x.yaml", 1, 1, 10, 7),
        "/a": Location("x.yaml", 1, 4, 1, 5),
        "/b": Location("x.yaml", 3, 3, 6, 9),
        "/b/0": Location("x.yaml", 3, 5, 3, 6),
        "/b/1": Location("x.yaml", 4, 5, 6, 9),
        "/c": Location("x.yaml", 9, 4, 9, 15),
        "/c/d": Location("x.yaml", 9, 8, 9, 14),
        "/c/d/0": Location("x.yaml", 9, 9, 9, 10),
        "/c/d/1": Location("x.yaml", 9, 12, 9, 13),
        "/~0~1x": Location("x.yaml", 10, 6, 10, 7),
    }


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("\ufeffa: 1\r\nb: 2\r\n", 2, 4), ("a: 1\rb: 2", 2, 4), ("\n# c\n---\na: 1\nb: 2\n", 5, 4)],
)
def test_line_ends_and_byte_order_mark(text, line, column):
    document = load(text, "x.yaml")
    assert document.value == {"a": 1, "b": 2}
    assert document.locations["/b"] == Location("x.yaml", line, column, line, column + 1)


def test_merge_keys():
    document = load(
        "base: &b {x: 1, y: 2}\nmore: &m {y: 5, z: 6}\nc:\n  y: 3\n  <<: [*b, *m]\nd: {<<: *b, w: *m}", "x.yaml"
    )
    assert document.value["c"] == {"x": 1, "y": 3, "z": 6}
    assert document.value["d"] == {"x": 1, "y": 2, "w": {"y": 5, "z": 6}}
    assert document.locations["/c/x"].line == 1
    assert document.locations["/c/y"].line == 4
    assert document.locations["/c"] == Location("x.yaml", 4, 3, 4, 7)
    assert value("'<<': 1") == {"<<": 1}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null"])
def test_empty(text):
    assert value(text) is None


@pytest.mark.parametrize(
    ("text", "problem", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3", "duplicate key 'a', first on line 1", 3, 1),
        ('{"a": 1,\n "a": 2}', "duplicate key 'a', first on line 1", 2, 2),
        ("a: !!python/object:os.system x", "unknown tag '!!python/object:os.system'", 1, 4),
        ("a: 1\nb: !Foo x", "unknown tag '!Foo'", 2, 4),
        ("a: !!binary aGk=", "unknown tag '!!binary'", 1, 4),
        ("a: 1\n---\nb: 2", "expected a single document", 2, 1),
        ("a: \0", "control characters are not allowed", 1, 4),
        ("a: 1\nb: \ud800", "half a surrogate pair", 2, 4),
        ("a:\n\t- b", "cannot start any token", 2, 1),
        ("a: b: c", "mapping values are not allowed", 1, 5),
        ("a: [1", "did not find expected", 2, 1),
        ("a: *b", "undefined alias", 1, 4),
        ("? [a]\n: 1", "a key must be plain text", 1, 3),
        ("<<: 1", "only mappings can be merged", 1, 5),
        ("a: &a [*a]", "nested deeper than 100", 1, 4),
        ("a: &a {<<: *a}", "nested deeper than 100", 1, 4),
    ],
)
def test_errors(text, problem, line, column):
    with pytest.raises(DocumentError) as caught:
        load(text, "x.yaml")
    assert problem in caught.value.problem
    assert (caught.value.line, caught.value.column) == (line, column)


def test_hints():
    for text, hint in [("a:\n\t- b", "spaces"), ("a: 1\n---\nb: 2", "file of its own"), ("a: 1\na: 2", "Remove")]:
        with pytest.raises(DocumentError) as caught:
            load(text, "x.yaml")
        assert hint in caught.value.hint


@pytest.mark.parametrize("path", ["x.yaml", "x.json"])
@pytest.mark.parametrize(
    "text",
    [
        "[" * 300_000,
        "[" * 300_000 + "]" * 300_000,
        '{"a":' * 500 + "1" + "}" * 500,
        "- " * 100_000 + "x",
        "{a: " * 100_000,
    ],
    ids=["open", "closed", "objects", "block", "flow"],
)
def test_deep_nesting_is_refused(text, path):
    with pytest.raises(DocumentError, match="nested deeper than 100 levels"):
        load(text, path)


def test_depth_limit_is_the_same_for_yaml_and_json():
    for make in (lambda depth: "[" * depth + "]" * depth, lambda depth: "- " * (depth - 1) + "[]"):
        load(make(MAX_DEPTH), "x.yaml")
        with pytest.raises(DocumentError):
            load(make(MAX_DEPTH + 1), "x.yaml")


@pytest.mark.parametrize(("first", "item"), [("[x,x,x,x,x,x,x,x]", "[{}]"), ("{x: 1}", "{{<<: [{}]}}")])
def test_alias_bombs_are_refused(first, item):
    bomb = [f"a0: &a0 {first}"]
    bomb += [f"a{n}: &a{n} {item.format(','.join([f'*a{n - 1}'] * 10))}" for n in range(1, 12)]
    with pytest.raises(DocumentError, match="more than 250000 values"):
        load("\n".join(bomb), "x.yaml")


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('{"a": "\\ud83d\\ude00"}', "x.json", {"a": "😀"}),
        ('{"a": 1e2, "b": 1.30}', "x.json", {"a": 100.0, "b": 1.3}),
        ('{"a": NaN}', "x.json", {"a": "NaN"}),
        ('{"a": 1e999}', "x.json", {"a": "1e999"}),
        ('{"a": 1,}', "x.json", {"a": 1}),
        ("{a: 1}", "x.yaml", {"a": 1}),
        ("\ufeff [1]", "x.yaml", [1]),
    ],
)
def test_json(text, path, expected):
    assert value(text, path) == expected


def test_json_locations():
    document = load('{\n\t"a": [1,\r\n 2],\n "b/c": "x"\n}', "x.json")
    assert document.locations["/a/1"] == Location("x.json", 3, 2, 3, 3)
    assert document.locations["/b~1c"] == Location("x.json", 4, 9, 4, 12)
    assert len(document.locations) == len(list(document.locations)) == 5
    assert len(load('{"a": "\\ud83d\\ude00"}', "x.json").locations) == 0


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ('{"a": ', "x.json", "not JSON: Expecting value"),
        ('{"a": ', "x.yaml", "did not find expected node content"),
        ('{"a": "\\ud83d\\ude00", "b": 1, "b": 2}', "x.json", "duplicate key 'b'"),
        ('{"a": "\\ud83d\\ude00", "b": 1e999}', "x.json", "1e999 is not a number"),
    ],
)
def test_json_errors(text, path, problem):
    with pytest.raises(DocumentError) as caught:
        load(text, path)
    assert problem in caught.value.problem


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON.filter(lambda made: isinstance(made, (dict, list))), st.booleans(), st.sampled_from([None, 2]))
def test_json_round_trip(made, ascii, indent):
    assert value(json.dumps(made, ensure_ascii=ascii, indent=indent), "x.json") == made


@given(st.text() | st.lists(st.sampled_from([*"{}[]:,&*!|>-?#\n \t\"'ab1", "<<", "&a", "*a", ": "])).map("".join))
def test_any_text_is_read_or_refused(text):
    try:
        document = load(text, "x.yaml")
    except DocumentError as error:
        assert error.line >= 0  # noqa: PT017
    else:
        json.dumps(document.value, allow_nan=False)


@pytest.mark.parametrize(("parts", "expected"), [((), ""), (("a", 0, "b/c~d"), "/a/0/b~1c~0d"), (("",), "/")])
def test_pointer(parts, expected):
    assert pointer(*parts) == expected


STREAM = """\
# a comment
%YAML 1.1
---
a: 1
b: [
--- # a comment behind the mark
---
c: |
  x
  --- no mark
d: 2
...
# another
e: 4
--- {f: 1}
---

--- |
 x
---
g: 1
g: 2
---
"""


def test_a_stream_is_read_document_by_document():
    found = list(load_all(STREAM, "p"))
    assert [each.value if isinstance(each, Document) else str(each) for each in found] == [
        "p:6:1: while parsing a flow node did not find expected node content",
        {"c": "x\n--- no mark\n", "d": 2},
        {"e": 4},
        {"f": 1},
        "x\n",
        "p:22:1: duplicate key 'g', first on line 21",
        None,
    ]
    places = {str(each.locations[""]) for each in found if isinstance(each, Document)}
    assert places >= {"p:8:1", "p:14:1", "p:15:5", "p:18:5"}
    end = found[1].locations[""]
    assert (end.end_line, end.end_column) == (11, 5)


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "# a\n...\n# b\n"])
def test_a_stream_may_hold_nothing(text):
    assert list(load_all(text, "p")) == []


@pytest.mark.parametrize("value", [{"a": "b\n---\nc"}, [1, {"a": None}]])
def test_json_is_a_stream_of_one(value):
    (document,) = load_all(json.dumps(value, indent=1), "p.json")
    assert document.value == value


def test_documents_that_are_not_wanted_are_not_read():
    found = load_all("a: 1\n---\nb: [\n---\nc: 3\n", "p", lambda text: "b" not in text)
    assert [(each.value, each.locations[""].line) for each in found] == [({"a": 1}, 1), ({"c": 3}, 5)]


@given(st.lists(st.sampled_from(["---\n", "...\n", "a: 1\n", "- x\n", "# c\n", "\n", "--- b\n", "%Y 1\n", "  z: |\n"])))
def test_a_stream_of_one_document_is_what_load_reads(lines):
    text = "".join(lines)
    found = list(load_all(text, "p"))
    try:
        value = load(text, "p").value
    except DocumentError:
        return
    assert [each.value for each in found if isinstance(each, Document) and each.value is not None] in ([value], [])
