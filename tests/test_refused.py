"""Packs of rules from strangers: what cannot be used is refused with file and line, and nothing in it runs."""

import ast
import os
import re
from pathlib import Path

import pytest

from scanner import code, header
from scanner.cli import main
from scanner.documents import load, load_value
from scanner.errors import DocumentError, RuleError
from scanner.rule import load_rule, load_rules

GOOD = """\
title: Repositories have a good name
severity: high
resource: AWS::ECR::Repository
rationale: A rule made up to try the loading of rules.
remediation: Nothing to do.
references: [https://example.com/]
assert: RepositoryName
message: Bad.
examples: {pass: [{}], fail: [{}], unknown: [{}]}
"""
PYTHON = GOOD.replace("assert: RepositoryName\nmessage: Bad.\n", "")
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


def python(body, docstring=PYTHON):
    return f'"""\n{docstring}"""\n{body}\n'


def changed(key, value):
    """Return the good rule with one line of it changed, and the number of that line."""
    lines = GOOD.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
    return "".join([*lines[:at], f"{key}: {value}\n", *lines[at + 1 :]])


CHECK = "def check(subject, model, parameters):\n    return iter(())"
REFUSED = {
    "an unsafe tag": ("bad.yaml", GOOD + "x: !!python/object/apply:os.system ['true']\n", r":10:\d+: unknown tag"),
    "an unsafe tag in a docstring": (
        "bad.py",
        python(CHECK, PYTHON + "x: !!python/name:os.system\n"),
        r":9:\d+: unknown",
    ),
    "any other tag": ("bad.yaml", changed("message", "!Sub Bad."), r":8:\d+: unknown tag '!Sub'"),
    "10 MB": ("bad.yaml", GOOD + "#" * 10_000_000, ":1: 10000288 bytes is too large for a rule"),
    "10 MB of Python": ("bad.py", python("#" * 10_000_000), ":1: 10000260 bytes is too large"),
    "no UTF-8": ("bad.yaml", changed("title", "Repositories \udcff"), ":1: not UTF-8 text"),
    "no UTF-8 further down": ("bad.yaml", changed("message", "Bad \udcff."), ":8: not UTF-8 text"),
    "UTF-16": ("bad.yaml", GOOD.encode("utf-16"), ":1: not UTF-8 text"),
    "a bomb of aliases": ("bad.yaml", GOOD + BOMB, r":\d+:\d+: more than 250000 values"),
    "a bomb of merges": (
        "bad.yaml",
        GOOD
        + "a: &a {x: 1}\n"
        + "".join(
            f"{n}: &{n} {{<<: [{', '.join([f'*{o}'] * 10)}]}}\n" for o, n in zip("abcdef", "bcdefg", strict=True)
        ),
        r":\d+:\d+: more than 250000 values",
    ),
    "nesting": ("bad.yaml", GOOD + "x: " + "[" * 5000 + "]" * 5000 + "\n", r":10:\d+: nested deeper than 100"),
    "a duplicate key": ("bad.yaml", GOOD + "title: Again and again\n", ":10:1: duplicate key 'title', first on line 1"),
    "a second document": ("bad.yaml", GOOD + "---\n" + GOOD, ":10:"),
    "an unknown key": ("bad.yaml", GOOD + "asserts: x\n", ":1: Additional properties"),
    "a wrong value": ("bad.yaml", changed("severity", "urgent"), ":2: severity: 'urgent' is not one of"),
    "a wrong value inside": ("bad.yaml", changed("references", "[https://x, ftp://y]"), ":6: references/1: 'ftp://y'"),
    "no mapping": ("bad.yaml", "- a\n", ":1: a mapping of keys was expected, not a list"),
    "nothing": ("bad.yaml", "", ":1: the file is empty"),
    "another ending": ("bad.yml", GOOD, ":1: a rule's file ends in .yaml or .py"),
    "no assertion": ("bad.yaml", PYTHON, ":1: a YAML rule says under `assert`"),
    "no JMESPath": ("bad.yaml", changed("assert", "'RepositoryName ='"), ":7: 'RepositoryName =' is not JMESPath"),
    "no JMESPath for when": ("bad.yaml", GOOD + "when: a b\n", ":10: 'a b' is not JMESPath"),
    "no JMESPath for each": ("bad.yaml", GOOD + "each: '[['\n", ":10: '[[' is not JMESPath"),
    "no JMESPath in a message": ("bad.yaml", changed("message", "'Bad {a b}.'"), ":8: 'a b' is not JMESPath"),
    "an unknown function": ("bad.yaml", changed("assert", "system('true')"), ":7: 'system('true')' is not JMESPath"),
    "a long expression": ("bad.yaml", changed("assert", "a" * 2001), ":7: .* of 2001 characters is too long"),
    "a deep expression": ("bad.yaml", changed("assert", "'" + "!" * 70 + "a'"), ":7: .*nested deeper than 64"),
    "an endless expression": ("bad.yaml", changed("assert", "'" + "(" * 1900 + "'"), ":7: .*is not JMESPath"),
    "an expression that explodes": (
        "bad.yaml",
        changed("assert", "'" + "|".join(["[@,@]"] * 40 + ["to_string(@)"]) + "'"),
        ":7: .*times what it reads",
    ),
    "no docstring": ("bad.py", CHECK, ":1: a Python rule begins with a docstring"),
    "an empty file": ("bad.py", "", ":1: a Python rule begins with a docstring"),
    "a number for a docstring": ("bad.py", "7\n" + CHECK, ":1: a Python rule begins with a docstring"),
    "no Python": ("bad.py", python("def check(:"), ":10: not Python: invalid syntax"),
    "no Python at all": ("bad.py", "\x00\x01", ":1: not Python"),
    "deep Python": ("bad.py", python("x = " + "(" * 5000 + ")" * 5000), r":\d+: not Python"),
    "no check": ("bad.py", python("x = 1"), ":1: the rule does not load: AttributeError"),
    "a check that is no function": (
        "bad.py",
        python("check = 7"),
        ":1: the rule does not load: its `check` is no function",
    ),
    "code that raises": ("bad.py", python("x = 1\n1 / 0"), ":11: the rule does not load: ZeroDivisionError"),
    "code that exits": ("bad.py", python("raise SystemExit(0)"), ":10: the rule does not load: SystemExit: 0"),
    "code that recurses": ("bad.py", python("def f(): f()\nf()"), ":10: the rule does not load: RecursionError"),
    "code that never ends": (
        "bad.py",
        python("while True: pass"),
        ":1: the rule does not load: it takes longer than 0.1 s",
    ),
    "an import that is not there": ("bad.py", python("import nowhere_to_be_found"), ":10: .*ModuleNotFoundError"),
}


@pytest.fixture
def pack(tmp_path):
    def write(name, text):
        file = tmp_path / "pack" / "team" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
        return tmp_path / "pack"

    return write


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_file_and_line(pack, monkeypatch, name):
    monkeypatch.setattr(code, "LOADING_SECONDS", 0.1)
    file, text, message = REFUSED[name]
    folder = pack(file, text)
    with pytest.raises(RuleError) as refused:
        load_rules([folder])
    path = re.escape(str(folder / "team" / file))
    literal = message if re.search(r"\\d|\.\*", message) else re.escape(message)
    assert re.match(path + literal, str(refused.value)), str(refused.value)
    assert refused.value.exit_code == 2


def test_the_good_ones_load(pack):
    pack("good.yaml", GOOD)
    folder = pack("code.py", python(CHECK))
    loaded = {rule.id: rule for rule in load_rules([folder])}
    assert loaded["team-good"].foreign is False
    assert loaded["team-code"].foreign is True
    assert not any(rule.foreign for rule in load_rules())


def test_two_rules_of_one_id_are_refused(pack, tmp_path):
    folder = pack("good.yaml", GOOD)
    pack("good.py", python(CHECK))
    with pytest.raises(RuleError, match=r"good\.yaml:1: rule id 'team-good' is taken by .*good\.py"):
        load_rules([folder])
    other = tmp_path / "other" / "image"
    other.mkdir(parents=True)
    (other / "running-digest-in-standby.yaml").write_text(GOOD)
    with pytest.raises(RuleError, match=r"standby\.yaml:1: rule id 'image-running-digest-in-standby' is taken by"):
        load_rules([other.parent])


class TestOutside:
    @pytest.fixture
    def outside(self, tmp_path):
        file = tmp_path / "elsewhere" / "good.yaml"
        file.parent.mkdir()
        file.write_text(GOOD)
        return file

    def test_a_link_to_a_file_outside_is_refused(self, pack, outside):
        folder = pack("good.yaml", GOOD)
        (folder / "team" / "linked.yaml").symlink_to(outside)
        with pytest.raises(
            RuleError, match=r"linked\.yaml:1: it is a link to '.*elsewhere/good\.yaml', outside the pack"
        ):
            load_rules([folder])

    def test_a_folder_outside_is_refused(self, pack, outside):
        folder = pack("good.yaml", GOOD)
        (folder / "other").symlink_to(outside.parent)
        with pytest.raises(RuleError, match=r"other/good\.yaml:1: it is a link"):
            load_rules([folder])

    def test_a_link_that_climbs_is_refused(self, pack, outside):
        folder = pack("good.yaml", GOOD)
        (folder / "team" / "climbs.yaml").symlink_to("../../elsewhere/good.yaml")
        with pytest.raises(RuleError, match=r"climbs\.yaml:1: it is a link"):
            load_rules([folder])

    def test_a_link_inside_is_allowed_and_so_is_a_link_to_the_pack(self, pack, tmp_path):
        folder = pack("good.yaml", GOOD)
        (folder / "team" / "again.yaml").symlink_to("good.yaml")
        (tmp_path / "link").symlink_to(folder)
        assert {"team-good", "team-again"} <= {rule.id for rule in load_rules([tmp_path / "link"])}

    def test_a_link_to_nothing_is_refused(self, pack):
        folder = pack("good.yaml", GOOD)
        (folder / "team" / "gone.yaml").symlink_to("nowhere.yaml")
        with pytest.raises(RuleError, match=r"gone\.yaml:1: it cannot be read"):
            load_rules([folder])

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_pipe_is_not_waited_for(self, pack):
        folder = pack("good.yaml", GOOD)
        os.mkfifo(folder / "team" / "pipe.yaml")
        with pytest.raises(RuleError, match=r"pipe\.yaml:1: it is no regular file"):
            load_rules([folder])


class TestThroughTheCommandLine:
    @pytest.fixture
    def scan(self, pack, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(code, "LOADING_SECONDS", 0.1)
        Path("web.yaml").write_text(
            "Resources: {web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web}}}\n"
        )

        def run(file, text, *arguments):
            pack(file, text)
            with pytest.raises(SystemExit) as stop:
                main(["scan", "web.yaml", "--rules", "pack", *arguments])
            return stop.value.code, capsys.readouterr().err

        return run

    @pytest.mark.parametrize(
        "name",
        [
            "an unsafe tag",
            "10 MB",
            "no UTF-8 further down",
            "a bomb of aliases",
            "no JMESPath",
            "an expression that explodes",
            "code that exits",
            "code that never ends",
            "no Python",
        ],
    )
    def test_a_bad_pack_ends_the_scan_with_2_and_names_the_line(self, scan, name):
        file, text, message = REFUSED[name]
        exit_code, said = scan(file, text)
        assert exit_code == 2
        assert re.search(rf"error: pack/team/{re.escape(file)}{message}", said), said

    @pytest.mark.parametrize(
        "text", [python("raise SystemExit(77)"), "not Python at all (", "\x00", '"""not: [a header"""']
    )
    def test_code_that_is_refused_is_not_even_parsed(self, scan, text):
        exit_code, said = scan("bad.py", text, "--no-python-rules")
        assert exit_code == 2
        assert "pack/team/bad.py:1: Python rules are refused by --no-python-rules" in said

    def test_a_pack_without_code_is_not_refused(self, scan):
        assert scan("good.yaml", GOOD, "--no-python-rules", "--select", "team")[0] == 0


DOCSTRINGS = [
    '"""a: 1"""\n',
    '"""\na: 1\n"""\nx = 1\n',
    'r"""\na: \\d\n"""\n',
    '"""\na: \\x41\n"""\n',
    '"""\na: "b\\\nc"\n"""\n',
    'r"""\na: \\"""\n"""\n',
    'r"""a: b\\"""\n"""\n',
    "'''a: 1'''\n",
    '"a: 1"\n',
    '# a comment\n\n"""a: 1"""\n',
    '("""a: 1""")\n',
    '"""a: 1""" """ b"""\n',
    '"""a: 1""" + "b"\n',
    'u"""a: 1"""\n',
    'f"""a: 1"""\n',
    'b"""a: 1"""\n',
    '""""a": 1"""\n',
    '"""a: 1\r\nb: 2\r\n"""\r\n',
    '"""a: 1"""; x = 1\n',
    '"""a: 1"""',
]


@pytest.mark.parametrize("text", DOCSTRINGS)
def test_the_docstring_is_the_one_that_python_sees(text):
    try:
        seen = ast.get_docstring(ast.parse(text), clean=False)
    except SyntaxError:
        seen = None
    if seen is None:
        with pytest.raises(RuleError):
            header._docstring(text, "x.py")
    else:
        assert header._docstring(text, "x.py").lstrip("\n") == seen.lstrip("\n")


def test_a_header_reads_as_any_document():
    for file in header.files(Path(__file__).parents[1] / "rules", python=True):
        read = header.read(file)
        whole = load(read.source, read.path)
        assert read.value == whole.value
        assert read.at("title") == f"{read.path}:{whole.locations['/title'].line}"
        assert "title:" in read.text.splitlines()[whole.locations["/title"].line - 1]


@pytest.mark.parametrize(
    "text",
    [
        "a: !x 1",
        "a: [",
        "a: 1\na: 2",
        "{'a': 1}",
        '{"a": 1, "a": 2}',
        "<<: {a: 1}\nb: 0o17",
        "",
        "7",
        "a: &a [*a]",
        "? [a]\n: 1",
    ],
)
def test_a_value_is_read_as_with_its_places(text):
    def of(read):
        try:
            return read()
        except DocumentError as error:
            return str(error)

    assert of(lambda: load_value(text, "x")) == of(lambda: load(text, "x").value)


def test_code_of_a_built_in_rule_runs_when_it_is_asked(tmp_path):
    file = tmp_path / "lazy.py"
    file.write_text(python("raise ValueError('asked')"))
    rule = load_rule("made-up", file, trusted=True)
    with pytest.raises(ValueError, match="asked"):
        rule.check(None, None, {})
