"""docs/writing-rules.md, done as it says: its files are written, its commands run, their output compared."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "writing-rules.md"
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks():
    text = PAGE.read_text(encoding="utf-8")
    found = FENCE.findall(text)
    assert len(found) * 2 == len(re.findall(r"^```", text, re.MULTILINE)), "a block that is not read"
    return found


def commands(block):
    """Return (command, expected output) for each `$ ` line."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def run(command, here):
    words = shlex.split(command)
    site = here.parent / "site"
    path = os.pathsep.join([str(ROOT), str(site)])
    environment = {**os.environ, "PYTHONPATH": path, "SOURCE_DATE_EPOCH": "1793491200", "PYTHONIOENCODING": "utf-8"}
    environment.pop("COLUMNS", None)
    if words[0] == "regionproof":
        words = [sys.executable, "-m", "scanner", *words[1:]]
    elif words[:2] == ["pip", "install"]:
        offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
        words = [sys.executable, "-m", "pip", "install", *offline, "--target", str(site), *words[2:]]
    else:
        assert words[0] in ("mv", "rm"), command
    done = subprocess.run(
        words, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    return done.stdout


def matches(expected, output):
    pattern = "".join(r"(?:.*\n)*?" if line == "...\n" else re.escape(line) for line in expected.splitlines(True))
    return re.fullmatch(pattern, output)


def test_every_block_does_what_the_page_says(tmp_path):
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("this Python has no pip")
    here = tmp_path / "here"
    here.mkdir()
    for kind, name, text in blocks():
        if kind == "console":
            for command, expected in commands(text):
                output = run(command, here)
                assert matches(expected, output), f"$ {command}\n{output}"
        else:
            assert name, f"a block of {kind} without the name of its file"
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(text, encoding="utf-8")


def test_a_change_of_the_output_would_be_noticed():
    assert matches("a\n...\nb\n", "a\nx\ny\nb\n")
    assert matches("...\nb\n", "b\n")
    assert not matches("a\nb\n", "a\nx\nb\n")
    assert not matches("a.\n", "ab\n")
