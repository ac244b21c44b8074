"""JSON text of which some is unknown: only what depends on that is unknown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terraform_trees import PROVIDER, of_type, reader

from scanner.guarded import Unknown, plain
from scanner.parsers.terraform.functions import find
from scanner.parsers.terraform.partial import marked, restored
from scanner.parsers.terraform.values import Encoded, Pieces

SEEN = Unknown("seen")


def pieces(*parts):
    return Pieces("seen", parts)


def read(*parts):
    """Return what is known, with '?' for what is not; None if nothing is."""
    given = pieces(*parts)
    text = marked(given)
    return None if text is None else shown(restored(json.loads(text), given))


def shown(value):
    if isinstance(value, Unknown):
        return "?"
    if isinstance(value, dict):
        return {key: shown(each) for key, each in value.items()}
    return [shown(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("parts", "known"),
    [
        (('{"a": "', SEEN, '", "b": 1}'), {"a": "?", "b": 1}),
        (('{"a": "x/', SEEN, ':1", "b": "y"}'), {"a": "?", "b": "y"}),
        (('{"a": ', SEEN, ', "b": 1}'), {"a": "?", "b": 1}),
        (('[{"a": 1}, ', SEEN, "]"), [{"a": 1}, "?"]),
        (('{"a": ', Encoded("seen", [1, SEEN]), "}"), {"a": [1, "?"]}),
        (('{"a": "', Encoded("seen", [1, SEEN]), '"}'), {"a": "?"}),  # text that encodes it
        (('{"\\"a": "', SEEN, '"}'), {'"a': "?"}),
        (('[{"', SEEN, '": 1, "b": 2}, 3]'), ["?", 3]),  # which member it is may be any
        (("{", SEEN, ': 1, "b": 2}'), "?"),
        (('{"a": 1', SEEN, "}"), None),  # a condition that is not known may add a member here
        (('{"a": 1', SEEN, ', "b": 2}'), None),
        ((SEEN, '{"a": 1}'), None),
        (('{"a": "\\', SEEN, '"}'), None),
        (('{"a": "\ue000', SEEN, '"}'), None),
        (('{"a": "', SEEN, "}"), None),
    ],
)
def test_only_what_depends_on_an_unknown_part_is_unknown(parts, known):
    assert read(*parts) == known


TEXT = st.text(st.characters(exclude_categories=["Cs", "Co"]), max_size=8)


@given(st.dictionaries(TEXT, st.tuples(TEXT, st.booleans()), min_size=1, max_size=5), st.booleans())
def test_known_members_are_read_as_they_are_whatever_is_in_them(members, ascii):
    """Each member is (text, whether it is unknown)."""
    parts = ["{"]
    for number, (name, (text, hidden)) in enumerate(members.items()):
        parts[-1] += f"{',' if number else ''}{json.dumps(name, ensure_ascii=ascii)}: "
        if hidden:
            parts[-1] += '"'
            parts += [SEEN, '"']
        else:
            parts[-1] += json.dumps(text, ensure_ascii=ascii)
    parts[-1] += "}"
    assert read(*parts) == {name: "?" if hidden else text for name, (text, hidden) in members.items()}


def test_what_stands_alone_is_itself_and_the_rest_of_a_text_is_kept():
    given = pieces('["', SEEN, '", "a', SEEN, 'b"]')
    first, second = restored(["\ue0001\ue002", "a\ue0003\ue002b"], given)
    assert first is SEEN
    assert second.parts == ("a", SEEN, "b")


def test_jsondecode_keeps_what_is_known():
    jsondecode = find("jsondecode")
    assert shown(jsondecode([pieces('{"a": "', SEEN, '", "b": 1.0}')], None)) == {"a": "?", "b": 1}
    assert shown(jsondecode([pieces('{"a": 1', SEEN, "}")], None)) == "?"


HEREDOC = """
variable "tag" {}
variable "cpu" {}
resource "aws_ecs_task_definition" "this" {
  family                = "api"
  container_definitions = %s
}
"""
JSON = """[
  {"name": "web", "image": "example.com/web:${tag}", "cpu": ${cpu}},
  {"name": "side", "image": "example.com/side:1"}
]
"""


@pytest.mark.parametrize("way", ["heredoc", "file", "decoded"])
def test_the_other_containers_of_a_definition_are_known(tmp_path, monkeypatch, way):
    scan = reader(tmp_path, monkeypatch)
    heredoc = "<<EOT\n" + JSON.replace("${", "${var.") + "EOT"
    template = 'templatefile("containers.json", { tag = var.tag, cpu = var.cpu })'
    made = {"heredoc": heredoc, "file": template, "decoded": f"jsonencode(jsondecode({template}))"}[way]
    parsed = scan({"main.tf": PROVIDER + HEREDOC % made, "containers.json": JSON})
    (task,) = of_type(parsed, "AWS::ECS::TaskDefinition")
    web, side = plain(task.properties)["ContainerDefinitions"]
    assert (web["Name"], side["Name"], side["Image"]) == ("web", "side", "example.com/side:1")
    assert "var.tag" in web["Image"]["unknown"]
    if way == "heredoc":
        assert task.locate("/ContainerDefinitions/1/Image").line == PROVIDER.count("\n") + 9


def test_a_heredoc_that_is_no_json_without_its_unknown_parts_is_unknown(tmp_path, monkeypatch):
    text = JSON.replace("${cpu}}", '1 %{ if var.cpu }, "memory": 1 %{ endif }}').replace("${tag}", "1")
    parsed = reader(tmp_path, monkeypatch)(PROVIDER + HEREDOC % f"<<EOT\n{text}EOT")
    (task,) = of_type(parsed, "AWS::ECS::TaskDefinition")
    assert "var.cpu" in plain(task.properties)["ContainerDefinitions"]["unknown"]
