"""Compiled JMESPath: the results of jmespath.py, to the letter, and no expression that costs more than it should."""

import json

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import expressions, syntax
from scanner.expressions import Expression, truth
from scanner.model import InsufficientData, Unknown, guard, plain
from scanner.syntax import ExpressionError

NAMES = ("a", "b", "c")
ORDER = {"a": {"b": [{"c": 1, "b": "x"}, {"c": 2}, {"b": "y"}, None, [1, [2]]]}, "b": [3, 1, 2], "c": "text"}


def outcome(search, value):
    """Return what a search gives, as JSON text: true is not 1; or the error that both ways must share."""
    try:
        return json.dumps(shown(search(value)), sort_keys=True)
    except InsufficientData:
        return "unseen"
    except (ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def shown(value):
    if type(value).__name__ == "_Expression":
        return "an expression"
    if type(value) is dict:
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if type(value) is list else plain(value)


def both(text, value):
    guarded = guard(value)
    return outcome(Expression(text).search, guarded), outcome(jmespath.compile(text).search, guarded)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # https://jmespath.org/specification.html, clause by clause
        ("c", "text"),
        ('"c"', "text"),
        ("missing", None),
        ("c.a", None),
        ("a.b[0].c", 1),
        ("b[0]", 3),
        ("b[-1]", 2),
        ("b[9]", None),
        ("c[0]", None),
        ("b[1:]", [1, 2]),
        ("b[::-1]", [2, 1, 3]),
        ("b[:-1:2]", [3]),
        ("c[0:1]", None),
        ("a.b[*].c", [1, 2]),
        ("a.b[*].b", ["x", "y"]),
        ("c[*]", None),
        ("a.*.[c]", [[None]]),
        ("b.*", None),
        ("a.b[4][]", [1, 2]),
        ("b[]", [3, 1, 2]),
        ("c[]", None),
        ("a.b[?c == `1`].b", ["x"]),
        ("a.b[?c > `1`]", [{"c": 2}]),
        ("c[?a]", None),
        ("[b[0], c]", [3, "text"]),
        ("{x: b[0], y: missing}", {"x": 3, "y": None}),
        ("missing.[a, b]", None),
        ("missing.{x: a}", None),
        ("a.b[*].c | [0]", 1),
        ("missing || c", "text"),
        ("c && b[0]", 3),
        ("missing && c", None),
        ("!missing", True),
        ("!b[0]", False),
        ("!`0`", False),
        ("`0` == `false`", False),
        ("`1` == `true`", False),
        ("`true` == `1`", False),
        ("`1` == `1.0`", True),
        ("`[0]` == `[false]`", True),
        ("b[0] > b[1] && b[1] <= b[2]", True),
        ("b[0] < b[1]", False),
        ("a > b[0]", None),
        ("c > 'a'", True),
        ("`true` > `false`", None),
        ("missing == `null`", True),
        ("c != 'text'", False),
        ("'raw'", "raw"),
        ('`{"a": [1]}`', {"a": [1]}),
        ("@.c", "text"),
        ("abs(`-1`)", 1),
        ("avg(b)", 2.0),
        ("avg(`[]`)", None),
        ("ceil(`1.5`)", 2),
        ("floor(`1.5`)", 1),
        ("contains(b, `3`)", True),
        ("contains(c, 'ex')", True),
        ("ends_with(c, 'xt')", True),
        ("starts_with(c, 'xt')", False),
        ("join(', ', ['a', 'b'])", "a, b"),
        ("keys(a)", ["b"]),
        ("values(@)[2]", "text"),
        ("length(b)", 3),
        ("length(c)", 4),
        ("length(@)", 3),
        ("map(&c, a.b[:2])", [1, 2]),
        ("map(&missing, b)", [None, None, None]),
        ("max(b)", 3),
        ("max(`[]`)", None),
        ("min(['b', 'a'])", "a"),
        ("max_by(a.b[:2], &c).c", 2),
        ("min_by(a.b[:2], &c).c", 1),
        ("merge({x: 'a'}, {x: 'b'})", {"x": "b"}),
        ("not_null(missing, c)", "text"),
        ("reverse(b)", [2, 1, 3]),
        ("reverse(c)", "txet"),
        ("sort(b)", [1, 2, 3]),
        ("sort_by(a.b[:2], &c)[0].c", 1),
        ("sort_by(`[]`, &c)", []),
        ("sum(b)", 6),
        ("to_array(c)", ["text"]),
        ("to_number('7')", 7),
        ("to_number('x')", None),
        ("to_string(b)", "[3,1,2]"),
        ("type(b)", "array"),
        ("type(missing)", "null"),
    ],
)
def test_it_says_what_the_specification_says(text, expected):
    ours, theirs = both(text, ORDER)
    assert ours == theirs == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize(
    "text",
    ["length(b[0])", "sum(c)", "join(c, b)", "max(a)", "sort(a.b)", "sort_by(a.b, &c)", "abs(c)", "keys(b)", "ceil(a)"],
)
def test_a_value_of_the_wrong_type_is_the_error_of_jmespath(text):
    ours, theirs = both(text, ORDER)
    assert ours == theirs
    assert ours.startswith("JMESPathTypeError")


scalars = st.none() | st.booleans() | st.sampled_from([0, 1, 2, -1, 0.0, 1.0, 1.5, "", "a", "b", "10"])
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=20,
)
with_unknowns = st.recursive(
    scalars | st.builds(Unknown, st.just("not seen")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=20,
).filter(lambda value: type(value) is not Unknown)
literals = st.builds(lambda value: f"`{json.dumps(value)}`", documents.filter(lambda v: len(json.dumps(v)) < 40))
slices = st.builds(
    "[{}:{}:{}]".format, *[st.sampled_from(["", "-1", "0", "1", "2"])] * 2, st.sampled_from(["", "1", "-1", "2"])
)
ONE = [
    "abs",
    "avg",
    "ceil",
    "floor",
    "keys",
    "length",
    "max",
    "min",
    "reverse",
    "sort",
    "sum",
    "to_array",
    "to_number",
    "to_string",
    "type",
    "values",
]
TWO = ["contains", "ends_with", "starts_with", "join", "merge", "not_null"]
BY = ("sort_by", "min_by", "max_by")


def grown(inner):
    """Build expressions of expressions; parentheses keep the parts apart, and some are left out."""
    part = st.builds("({})".format, inner) | inner
    return st.one_of(
        st.builds("{}.{}".format, part, st.sampled_from(NAMES)),
        st.builds("{}{}".format, part, st.sampled_from(["[0]", "[-1]", "[*]", "[]", ".*", "[1]"]) | slices),
        st.builds("{}[*].{}".format, part, st.sampled_from(NAMES)),
        st.builds("{}[?{}]".format, part, inner),
        st.builds("{}[?{}].{}".format, part, inner, st.sampled_from(NAMES)),
        st.builds("{} | {}".format, part, part),
        st.builds("{}.[{}, {}]".format, part, inner, inner),
        st.builds("{}.{{x: {}, a: {}}}".format, part, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{} || {}".format, part, part),
        st.builds("{} && {}".format, part, part),
        st.builds("!{}".format, part),
        st.builds("{} {} {}".format, part, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), part),
        st.builds("{}({})".format, st.sampled_from(ONE), inner),
        st.builds("{}({}, {})".format, st.sampled_from(TWO), inner, inner),
        st.builds("{}({}, &{})".format, st.sampled_from(BY), inner, part),
        st.builds("map(&{}, {})".format, part, inner),
    )


texts = st.recursive(st.sampled_from([*NAMES, "@", "'a'", "*", "[*]", "[]"]) | literals, grown, max_leaves=8)


@settings(max_examples=500, deadline=None)
@given(texts, documents)
def test_generated_expressions_give_what_jmespath_gives(text, value):
    try:
        compiled = Expression(text)
    except ExpressionError as refused:
        assert "times what it reads" in str(refused) or not parses(text), text  # noqa: PT017
        return
    guarded = guard(value)
    assert outcome(compiled.search, guarded) == outcome(jmespath.compile(text).search, guarded)


def parses(text):
    try:
        jmespath.compile(text)
    except ValueError:
        return False
    return True


@settings(max_examples=500, deadline=None)
@given(texts, with_unknowns)
def test_what_was_not_seen_is_told_exactly_when_jmespath_reads_it(text, value):
    try:
        compiled = Expression(text)
    except ExpressionError:
        return
    guarded = guard(value)
    assert outcome(compiled.search, guarded) == outcome(jmespath.compile(text).search, guarded)


@pytest.mark.parametrize(
    ("text", "value", "seen"),
    [
        ("a || b", {"a": 1, "b": Unknown("no")}, True),
        ("a && b", {"a": 0, "b": Unknown("no")}, False),
        ("a && b", {"a": None, "b": Unknown("no")}, True),
        ("b[0]", {"a": Unknown("no"), "b": [1]}, True),
        ("b[0]", {"b": [1, Unknown("no")]}, True),
        ("b[:1]", {"b": [1, Unknown("no")]}, True),
        ("b[*]", {"b": [1, Unknown("no")]}, False),
        ("length(b)", {"b": [1, Unknown("no")]}, True),
        ("keys(@)", {"b": Unknown("no")}, True),
        ("values(@)", {"b": Unknown("no")}, False),
        ("to_string(@)", {"b": {"c": Unknown("no")}}, False),
        ("@ == `{}`", {"b": Unknown("no")}, True),
        ("not_null(a, b)", {"a": 1, "b": Unknown("no")}, False),
        ("contains(b, `1`)", {"b": [Unknown("no"), 1]}, False),
    ],
)
def test_only_what_is_read_must_have_been_seen(text, value, seen):
    ours, theirs = both(text, value)
    assert (ours != "unseen", ours) == (seen, theirs)


def test_a_value_that_was_not_seen_is_never_null():
    with pytest.raises(InsufficientData, match="denied"):
        Expression("a").search(Unknown("denied"))
    with pytest.raises(InsufficientData, match="denied"):
        truth(Unknown("denied"))


DOUBLE = "[@,@]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a" * 2001, "too long"),
        ("(" * 900 + "a" + ")" * 900, "deeper|Invalid"),
        ("!" * 70 + "a", "deeper"),
        ("!" * 1990 + "a", "deeper"),
        (" || ".join("a" * 66), "deeper"),
        ("[" * 500 + "a" + "]" * 500, "deeper"),
        (f"`{'[' * 70}{']' * 70}`", "deeper"),
        ("|".join([DOUBLE] * 10), "times what it reads"),
        ("|".join([DOUBLE] * 300), "deeper|times what it reads"),
        ("|".join([DOUBLE] * 10 + ["to_string(@)"]), "times what it reads"),
        ("to_string(to_string(to_string(a)))", "times what it reads"),
        ("|".join(["[*].[@,@,@]"] * 8), "times what it reads"),
        ("|".join(["merge({a: @, b: @, c: @}, @)"] * 8), "times what it reads"),
        ("map(&[@,@,@,@], map(&[@,@,@,@], map(&[@,@,@,@], map(&[@,@,@,@], map(&[@,@,@,@], @)))))", "times"),
        ("a[?" + "|".join([DOUBLE] * 10) + "]", "times what it reads"),
        ("|".join([f"map(&'{'x' * 40}', @)"] * 2), "times what it reads"),
        ("a[::0]", "step 0"),
        ("frobnicate(a)", "no function frobnicate"),
        ("a || frobnicate(b)", "no function frobnicate"),
        ("length(a, b)", r"length\(\) takes 1 arguments, not 2"),
        ("length()", "takes 1 arguments, not 0"),
        ("not_null()", "takes 1 or more arguments, not 0"),
        ("", "empty"),
        ("a.", "Invalid|Incomplete|token"),
        ("a b", "token"),
        ('`{"a"}`', "JSON|literal|Bad|token"),
        ("'a", "closed|delimiter"),
        ("`" + "9" * 1900 + "`[0]", None),
    ],
)
def test_what_cannot_be_meant_is_refused(text, problem):
    if problem is None:
        assert Expression(text).search({}) is None
        return
    with pytest.raises(ExpressionError, match=problem):
        Expression(text)


def test_the_limits_themselves_are_allowed():
    assert Expression("a" * 2000).search({"a" * 2000: 7}) == 7
    assert Expression(" || ".join("a" * 64)).search({"a": 7}) == 7
    assert Expression("|".join([DOUBLE] * 6) + " | [0][0][0][0][0][0]").search(7) == 7


def test_join_makes_no_text_without_limit(monkeypatch):
    monkeypatch.setattr(expressions, "MAX_TEXT", 10)
    join = Expression("join(a, b)")
    assert join.search({"a": "--", "b": ["xyz", "xyz"]}) == "xyz--xyz"
    with pytest.raises(ExpressionError, match="12 characters"):
        join.search({"a": "---", "b": ["xyz", "xyz"]})


def test_growth_is_bounded_for_what_is_refused_nowhere():
    """The largest that may be made: the bound of the compiler is one of the values that come out."""
    value = [{"a": "x" * 10}] * 10
    for text in (
        "[*].[@,@,@]",
        "[@,@]|[@,@]|[]",
        "{x: @, y: [@, @]}",
        "[*].{a: a, b: a} | [@, @]",
        "to_string([@, @])",
    ):
        tree = jmespath.compile(text).parsed
        made = json.dumps(Expression(text).search(value))
        assert len(made) <= syntax.growth_of(tree) * len(json.dumps(value))
