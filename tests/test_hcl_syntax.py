"""Terraform files as blocks and attributes: what is there, where it is written, and what becomes of broken ones."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from terraform_scope import EXPRESSIONS, Names

from scanner.guarded import Unknown
from scanner.parsers.terraform.evaluate import evaluate
from scanner.parsers.terraform.json_syntax import parse_json
from scanner.parsers.terraform.nodes import Binary, Call, GetAttr, Index, Invalid, Literal, Splat, Template, Variable
from scanner.parsers.terraform.syntax import parse, parse_expression, parse_template
from scanner.resource import Location

ESTATE = """# The registry.
resource "aws_ecr_replication_configuration" this {
  count = var.enabled ? 1 : 0 // a comment

  replication_configuration {
    dynamic "rule" {
      for_each = [for r in var.rules : r if r.enabled /* and more */]
      content {
        destination {
          region      = rule.value.region
          registry_id = data.aws_caller_identity.current.account_id
        }
      }
    }
  }

  tags = { Name = "é ${var.name}", "a.b" = 1 }
}

module "x" { source = "./x" }

locals {
  policy = <<-EOT
    # no comment
    ${jsonencode({ a = local.b })}
  EOT
}
"""


def _read(text):
    return parse(text.encode() if isinstance(text, str) else text, "main.tf")


def _values(body):
    found = {name: evaluate(each.expression, Names()) for name, each in body.attributes.items()}
    return {name: Unknown if isinstance(each, Unknown) else each for name, each in found.items()}


def _blocks(body):
    return [(block.type, *block.labels) for block in body.blocks]


def _written(text, location):
    lines = text.split("\n")[location.line - 1 : location.end_line]
    lines[-1] = lines[-1][: location.end_column - 1]
    return "\n".join(lines)[location.column - 1 :]


def test_blocks_and_attributes():
    body = _read(ESTATE)
    assert body.problems == ()
    assert _blocks(body) == [("resource", "aws_ecr_replication_configuration", "this"), ("module", "x"), ("locals",)]
    resource = body.blocks[0].body
    assert list(resource.attributes) == ["count", "tags"]
    (dynamic,) = resource.named("replication_configuration")[0].body.named("dynamic")
    assert dynamic.labels == ("rule",)
    region = dynamic.body.named("content")[0].body.named("destination")[0].body.attributes["region"]
    rule = Variable(None, "rule")
    assert region.expression == GetAttr(None, GetAttr(None, rule, "value"), "region")


def test_places_are_in_characters_from_one_the_end_exclusive():
    body = _read(ESTATE)
    assert body.blocks[0].location == Location("main.tf", 2, 1, 18, 2)
    tags = body.blocks[0].body.attributes["tags"]
    assert tags.location == Location("main.tf", 17, 3, 17, 47)
    assert tags.name_location == Location("main.tf", 17, 3, 17, 7)
    assert _written(ESTATE, tags.expression.location) == '{ Name = "é ${var.name}", "a.b" = 1 }'
    (_, name), (_, one) = tags.expression.items
    assert _written(ESTATE, name.location) == '"é ${var.name}"'
    assert _written(ESTATE, one.location) == "1"
    policy = body.blocks[2].body.attributes["policy"]
    assert policy.location == Location("main.tf", 23, 3, 26, 6)


@settings(max_examples=40)
@given(EXPRESSIONS)
def test_the_text_at_the_place_of_an_expression_is_that_expression(text):
    whole = parse_expression(f"(é) == [{text}, 1]", "f")
    assert not isinstance(whole, Invalid)
    for each in _inside(whole):
        if not isinstance(each, Invalid):
            written = _written(f"(é) == [{text}, 1]", each.location)
            is_key = isinstance(each, Literal) and each.value == written
            assert is_key or parse_expression(written, "f") == each or written.startswith(("[*]", ".*"))


def _inside(expression):
    yield expression
    for name in expression.__dataclass_fields__:
        found = getattr(expression, name)
        for each in found if isinstance(found, tuple) and name != "span" else [found]:
            for one in each if type(each) is tuple else [each]:
                if type(one).__module__ == Literal.__module__ and hasattr(one, "location") and hasattr(one, "span"):
                    yield from _inside(one)


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_newlines_and_byte_order_marks_change_no_place(prefix, newline):
    body = _read(prefix + ESTATE.encode().replace(b"\n", newline))
    assert body.problems == ()
    assert [block.location for block in body.blocks] == [block.location for block in _read(ESTATE).blocks]


EXPRESSION_TEXTS = {
    "a.0.b": GetAttr(None, Index(None, Variable(None, "a"), Literal(None, 0)), "b"),
    'a["k"]': Index(None, Variable(None, "a"), Literal(None, "k")),
    "1e3": Literal(None, 1000),
    "1.50": Literal(None, 1.5),
    '"1e3"': Literal(None, "1e3"),
    "null": Literal(None, None),
    '"${a}"': Template(None, (Variable(None, "a"),)),
    '"x${a}"': Template(None, ("x", Variable(None, "a"))),
    "a - b - 1": Binary(None, "-", Binary(None, "-", Variable(None, "a"), Variable(None, "b")), Literal(None, 1)),
    "f(a...)": Call(None, "f", (Variable(None, "a"),), expand=True),
    "provider::aws::f()": Call(None, "provider::aws::f", (), expand=False),
    "a-b": Variable(None, "a-b"),
}


@pytest.mark.parametrize("text", EXPRESSION_TEXTS)
def test_expressions(text):
    assert parse_expression(text, "f") == EXPRESSION_TEXTS[text]


def test_an_index_is_inside_a_full_splat_and_after_an_attribute_splat():
    full, attribute = parse_expression("a[*].b[0]", "f"), parse_expression("a.*.b[0]", "f")
    assert isinstance(full, Splat)
    assert isinstance(full.each, Index)
    assert isinstance(attribute, Index)
    assert isinstance(attribute.of, Splat)
    assert (full.kind, attribute.of.kind) == ("full", "attribute")


GOOD = 'resource "a" "after" {\n  x = 1\n}\n'

BROKEN = {
    # text: (attributes, blocks before the good one, line of the first problem)
    'a = 1\nb = "x\nc = 2\n': ({"a": 1}, [], 2),
    "a = [1,\nb = 2\n": ({}, [], 1),
    "a = 1 +\n": ({"a": Unknown}, [], 1),
    "a = ${x}\n": ({}, [], 1),
    "a = 1\na = 2\n": ({"a": Unknown}, [], 2),
    "}\n": ({}, [], 1),
    "a b c\n": ({}, [], 1),
    'resource "a" "b" {\n  x = 1\n': ({}, [("resource", "a", "b")], 1),
    'resource "a" "b" {\n  x = "${a\n}\n': ({}, [("resource", "a", "b")], 2),
    'resource "a" "b" {\n  q q\n  lifecycle {\n  }\n}\n': ({}, [("resource", "a", "b")], 2),
    'resource "a" b" {\n  x = 1\n}\n': ({}, [], 1),
    "\x01\n": ({}, [], 1),
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_broken_is_named_and_the_next_block_is_read(text):
    attributes, before, line = BROKEN[text]
    body = _read(text + "\n" + GOOD)
    assert {name: value for name, value in _values(body).items() if name in attributes} == attributes
    assert not [name for name, value in _values(body).items() if value is not Unknown and name not in attributes]
    assert _blocks(body) == [*before, ("resource", "a", "after")]
    assert body.problems[0].location.line in (line, line + 1)
    assert _values(body.blocks[-1].body) == {"x": 1}
    assert body.blocks[-1].body.problems == ()
    assert all(block.body.problems for block in body.blocks[:-1])


def test_what_is_whole_in_a_broken_block_is_kept():
    body = _read('resource "a" "b" {\n  x = 1\n  y = [1\n  z {\n    w = 2\n  }\n}\n' + GOOD)
    assert _values(body.blocks[0].body)["x"] == 1
    assert body.blocks[0].body.problems
    assert _blocks(body)[-1] == ("resource", "a", "after")


def test_a_heredoc_that_does_not_end_hides_the_blocks_that_it_may_quote():
    body = _read("a = <<EOT\n" + GOOD)
    assert body.blocks == ()
    assert body.problems
    commented = _read("a = ]\n/* not\n" + GOOD + "*/\n" + GOOD)
    assert _blocks(commented) == [("resource", "a", "after")]
    quoted = _read("locals {\n  a = <<EOT\n" + GOOD + "EOT\n  b = [\n}\n" + GOOD)
    assert _blocks(quoted) == [("locals",), ("resource", "a", "after")]


@pytest.mark.parametrize(("data", "message"), [(b"a = \xff", "not UTF-8 text"), (b"PK\x03\x04\0\0", "not text")])
def test_what_is_no_text(data, message):
    body = _read(data)
    assert (body.attributes, body.blocks) == ({}, ())
    assert [problem.message for problem in body.problems] == [message]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "(" * 5000,
        "a = " + "-" * 5000 + "1",
        "a = b" + ".c" * 5000,
        "a = " + "1 + " * 5000 + "1",
        "a = " + '"${' * 300 + "1" + '}"' * 300,
        "a = " + "f(" * 300 + ")" * 300,
        'a = "' + "%{ if true }" * 3000 + "%{ endif }" * 3000 + '"',
        'a = "' + "%{ for x in y }" * 3000 + "%{ endfor }" * 3000 + '"',
        "a = true" + " ? true : true" * 1000,
    ],
)
def test_deep_expressions_are_unknown(text):
    body = _read(text + "\nb = 1\n")
    found = body.attributes.get("a")
    assert found is None or isinstance(evaluate(found.expression, Names()), Unknown)
    assert found is not None or body.problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + " * 100 + "1", 101),
        ("false ? 1 : " * 60 + "2", 2),
        ("[" * 40 + "]" * 40 + "[0]" * 39, []),
        ("max(" * 40 + "1" + ")" * 40, 1),
    ],
)
def test_expressions_may_be_as_deep_as_people_write_them(text, expected):
    assert evaluate(parse_expression(text, "f"), Names()) == expected


def test_deep_blocks_are_a_problem():
    body = _read("a {\n" * 500 + "}\n" * 500)
    assert "nested deeper" in body.problems[0].message


def test_many_broken_blocks_are_each_named():
    text = 'resource "a" "b" {\n  x = "\n}\n' * 300
    body = _read(text)
    assert len(body.blocks) == 300
    assert all(block.body.problems for block in body.blocks)


@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_no_damage_stops_the_parser(random: random.Random, cuts):
    data = bytearray(ESTATE.encode())
    for _ in range(cuts):
        at = random.randrange(len(data))
        match random.randrange(3):
            case 0:
                del data[at : at + random.randrange(1, 12)]
            case 1:
                data[at:at] = random.choice(
                    [b'"', b"{", b"}", b"${", b"<<EOT\n", b"\n", b"[", b"%{ if", b"\xff", b"*/"]
                )
            case _:
                data[at] = random.randrange(256)
    _all(_read(bytes(data)))


def _all(body):
    for attribute in body.attributes.values():
        evaluate(attribute.expression, Names())
        assert attribute.location.line <= attribute.location.end_line
    for block in body.blocks:
        assert block.location.line >= 1
        _all(block.body)


def test_templates_of_other_notations():
    place = Location("x.json", 3, 4)
    assert parse_template("plain $${x}", place) == Literal(None, "plain ${x}")
    assert parse_template("${a}", place) == Template(None, (Variable(None, "a"),))
    assert parse_template("EOT\nEOTT ${a}\n", place) == Template(None, ("EOT\nEOTT ", Variable(None, "a"), "\n"))
    assert parse_template("${a}", place).parts[0].location == place
    assert isinstance(parse_template("${a", place), Invalid)


JSON = {
    "//": "a comment",
    "resource": {
        "aws_ecr_repository": {
            "a": {
                "name": "${var.x}-a",
                "image_scanning_configuration": [{"scan_on_push": True}],
                "lifecycle": {"ignore_changes": ["tags"]},
                "dynamic": {"x": {"for_each": "${var.l}", "content": {"y": 1.0}}},
            }
        }
    },
    "locals": [{"a": "b"}, {"c": ["$${d}"]}],
    "terraform": {"backend": {"s3": {"bucket": "b"}}},
    "provider": {"aws": [{"region": "eu-west-1"}, {"alias": "x", "region": "us-east-1"}]},
}


def test_the_json_notation_is_the_same_language():
    body = parse_json(json.dumps(JSON, indent=2).encode(), "main.tf.json")
    assert body.problems == ()
    assert _blocks(body) == [
        ("resource", "aws_ecr_repository", "a"),
        *[("locals",), ("locals",), ("terraform",)],
        *[("provider", "aws"), ("provider", "aws")],
    ]
    resource = body.blocks[0].body
    assert _blocks(resource) == [("lifecycle",), ("dynamic", "x")]
    assert resource.attributes["name"].expression.parts[1] == "-a"
    assert resource.attributes["name"].location.line == 6
    (scanning,) = resource.named("image_scanning_configuration")
    assert _values(scanning.body) == {"scan_on_push": True}
    assert scanning.location.line in (7, 8)
    assert _values(resource.blocks[1].body.named("content")[0].body) == {"y": 1}
    assert _blocks(body.named("terraform")[0].body) == [("backend", "s3")]
    assert _values(body.blocks[2].body) == {"c": ["${d}"]}


@pytest.mark.parametrize(
    ("data", "line"), [(b'{\n"a": \n', 3), (b"[]", 1), (b'{"a": "\xff"}', 1), (b'{"a": 1, "a": 2}', 1), (b"", 1)]
)
def test_broken_json(data, line):
    body = parse_json(data, "main.tf.json")
    assert [problem.location.line for problem in body.problems] == [line]


def test_expressions_that_nothing_separates_from_what_follows():
    body = _read('a { b = 1}\nc {d="x"}\ne = [1]/**/\nf = -g//h\n')
    assert body.problems == ()
    assert _values(body.blocks[0].body) == {"b": 1}
    assert _values(body.blocks[1].body) == {"d": "x"}
    assert _values(body)["e"] == [1]


def test_values_alone_in_the_json_notation():
    body = parse_json(b'{"resource": {"a": "b"}, "region": "eu-west-1"}', "a.tfvars.json", block=None)
    assert _values(body) == {"resource": {"a": "b"}, "region": "eu-west-1"}
