"""The validators a SARIF file has to pass; a test that needs one which is not at hand skips, with the reason."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

TOOLS = Path(__file__).parents[2] / "shared" / "tools"


@cache
def _official() -> Draft4Validator:
    return Draft4Validator(json.loads((TOOLS / "sarif-2.1.0.json").read_text(encoding="utf-8")))


def schema_problems(path: Path) -> list[str]:
    """Return what a file breaks in the OASIS schema."""
    if not (TOOLS / "sarif-2.1.0.json").exists():
        pytest.skip("the official SARIF schema is not at hand")
    log = json.loads(path.read_text(encoding="utf-8"))
    return [f"{list(error.path)}: {error.message[:200]}" for error in _official().iter_errors(log)]


def gh_lint(path: Path, profile: str) -> tuple[int, int, str]:
    """Return errors, warnings and the output of the lint of GitHub's documented limits."""
    return _counted("gh_lint.py", str(path), profile)


def multitool(path: Path) -> tuple[int, int, str]:
    """Return errors, warnings and the output of the SARIF Multitool, rules for code scanning switched on."""
    if not os.environ.get("SARIF_MULTITOOL"):
        pytest.skip("SARIF_MULTITOOL does not name a SARIF Multitool")
    return _counted("multitool.py", str(path), "Sarif;Ghas")


def _counted(tool: str, *arguments: str) -> tuple[int, int, str]:
    if not (TOOLS / tool).exists():
        pytest.skip(f"{tool} is not at hand")
    done = subprocess.run([sys.executable, str(TOOLS / tool), *arguments], capture_output=True, text=True, check=False)
    found = re.search(r": (\d+) error\(s\), (\d+) warning\(s\)", done.stdout)
    assert found, done.stdout + done.stderr
    return int(found[1]), int(found[2]), done.stdout
