"""Whatever an account or a file calls its things: every report stays readable, and nothing in it does anything."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from functools import cache
from html.parser import HTMLParser

import pytest
import reports

from scanner.reporters import REPORTERS

PAYLOADS = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "terminal": "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J",
    "formula": "=cmd|' /C calc'!A0",
    "formula plus": "+1+1",
    "formula minus": "-1+1",
    "formula at": "@SUM(1)",
    "formula tab": "\t=1+1",
    "formula wide": "\uff1d1+1",
    "right to left": "\u202egnp\u202c\u200f\u2066x\u2069\u061c",
    "nul": "a\x00b",
    "long": "x" * 40_000,
    "lone surrogates": "\udc80\ud800x\udfff",
    "forbidden in xml": "\x01\x0b\x1f\ufffe\uffff]]>&amp;<!--",
    "lines": "a\r\nb\nc\x85d\u2028e\u2029f\x0bg\x0c\x1eh",
    "commands": "::error file=x::boom\n::add-mask::x\n ::stop-commands::x ##[error]x ##vso[task.setvariable]x",
    "colons": ":" * 500,
    "markdown": "a|b\\|c`d``e](http://x) ![i](y) *e* __f__ www.evil.example @team #1 $x$ ~~s~~ </details> :smile:",
    "quotes": '","x":{"a":"]}',
    "template": "${{ github.token }} {{ 7*7 }} %0A::error::x %25",
}
LONG = "y" * 1_000_000
"""What the longest texts are, under `long`."""


@cache
def written(format: str, name: str) -> str:
    out = io.StringIO()
    REPORTERS[format].write(reports.attacked(PAYLOADS.get(name, "harmless"), LONG if name == "long" else "y"), out)
    return out.getvalue()


def lines(text: str) -> list[object]:
    assert text.endswith("\n")
    assert len(text.splitlines()) == text.count("\n")  # no reader sees other lines than were written
    return [json.loads(line) for line in text.splitlines()]


def is_json(format, name, text):
    json.loads(text)


def is_json_lines(format, name, text):
    records = lines(text)
    assert len(records) == len(lines(written(format, "harmless"))) or (format, name) == ("asff", "long")


def is_table(format, name, text):
    assert text.replace("\n", "").isprintable()


def is_csv(format, name, text):
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) == len(list(csv.reader(io.StringIO(written(format, "harmless"), newline=""))))
    cells = [cell for row in rows for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))] == []
    assert not any("\n" in cell for cell in cells)
    assert max(map(len, cells)) < 32_767


def is_junit(format, name, text):
    found, expected = (
        Counter(each.tag for each in ET.fromstring(t).iter()) for t in (text, written(format, "harmless"))
    )
    assert found == expected


def is_github(format, name, text):
    assert len(text) < 65_536
    for line in text.splitlines():
        command = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert command, line[:200]
        names = [part.partition("=")[0] for part in command[2].split(",")]
        assert set(names) <= {"file", "line", "endLine", "title"}
        assert not re.search(r"%(?!25|0A|0D|3A|2C)", command[2] + command[3])


def is_markdown(format, name, text):
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    assert len(text.encode("utf-8")) < 1_024_000
    tokens = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    ours = re.compile(r"</?(details|summary|b|code|br)>")
    for token in tokens:
        if token.type == "html_block":
            assert "<" not in ours.sub("", token.content), token.content[:200]
        for child in token.children or ():
            allowed = {"text", "code_inline", "html_inline", "softbreak", "strong_open", "strong_close"}
            assert child.type in allowed, child
            if child.type == "html_inline":
                assert ours.fullmatch(child.content), child.content
            if child.type == "text" and child.level == 0:
                plain = re.sub(r"&#\d+;", "", child.content)
                assert not re.search(r"www\.|://|(?<!\w)#\d|:\w+:|\$", plain) or in_code(token, child), plain
    blocks = Counter(token.type for token in tokens)
    assert blocks["html_block"] % 2 == 0
    assert blocks["heading_open"] == 7
    cells = [token for at, token in enumerate(tokens) if token.type == "inline" and tokens[at - 1].type == "td_open"]
    assert sum(cell.content.replace(",", "").isdecimal() for cell in cells) >= 7


def in_code(token, child) -> bool:
    before = token.children[: token.children.index(child)]
    opened = sum(each.content == "<code>" for each in before) - sum(each.content == "</code>" for each in before)
    return opened == 1


class Tags(HTMLParser):
    """The tags and the attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[tuple[str, str | None]] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes |= set(attrs)


def is_html(format, name, text):
    page, harmless = Tags(text), Tags(written(format, "harmless"))
    assert page.tags.keys() <= harmless.tags.keys() | {"pre"}  # an indented text reads as commands
    assert page.tags["script"] == harmless.tags["script"]
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    assert not [value for _, value in page.attributes if value and value.strip().lower().startswith("javascript:")]


CHECKS = {
    "asff": is_json_lines,
    "csv": is_csv,
    "github": is_github,
    "gitlab": is_json,
    "html": is_html,
    "json": is_json,
    "jsonl": is_json_lines,
    "junit": is_junit,
    "markdown": is_markdown,
    "ocsf": is_json_lines,
    "sarif": is_json,
    "table": is_table,
}
each_format = pytest.mark.parametrize("format", REPORTERS)
each_payload = pytest.mark.parametrize("name", PAYLOADS)


def test_every_format_is_checked():
    assert REPORTERS.keys() <= CHECKS.keys()


@each_format
@each_payload
def test_every_format_can_be_read(format, name):
    text = written(format, name)
    text.encode("utf-8")
    CHECKS[format](format, name, text)


@each_format
@each_payload
def test_nothing_steers_a_terminal_or_a_build(format, name):
    text = written(format, name)
    ends = "\r\n" if format == "csv" else "\n"
    assert [c for c in PAYLOADS[name] if c in text and not c.isprintable() and c not in ends] == []
    if format != "github":
        assert [line for line in text.split("\n") if line.lstrip().startswith("::")] == []
    assert "##[" not in text
    assert "##vso[" not in text


@pytest.mark.parametrize("format", ["asff", "github", "gitlab", "junit", "markdown", "ocsf", "table"])
def test_texts_of_a_megabyte_do_not_make_a_report_of_many(format):
    assert len(written(format, "long")) < 3_000_000
