"""The validators a SARIF file has to pass; a test that needs one which is not at hand skips, with the reason."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

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


def sarif_tools(path: Path) -> int:
    """Return how many results sarif-tools, which reads what it is given as a table, finds in a file."""
    if not os.environ.get("SARIF_TOOLS"):
        pytest.skip("SARIF_TOOLS does not name the command of sarif-tools")
    out = path.with_suffix(".csv")
    command = [os.environ["SARIF_TOOLS"], "csv", str(path), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with out.open(encoding="utf-8", newline="") as rows:
        return len(list(csv.DictReader(rows)))


def defect_dojo(log: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the findings that DefectDojo's parser makes of a log; raise where it would give up the whole import."""
    found = []
    for run in log["runs"]:
        when = next((each["endTimeUtc"] for each in run.get("invocations", ()) if "endTimeUtc" in each), None)
        rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
        for result in run["results"]:
            if result.get("kind", "fail") == "fail":
                found += _dojo_findings(result, rules[result["ruleId"]], when)
    return found


def _dojo_findings(result: dict[str, Any], rule: dict[str, Any], when: str | None) -> list[dict[str, Any]]:
    for flow in result.get("codeFlows", ()):
        for step in (each for thread in flow["threadFlows"] for each in thread["locations"]):
            step["location"]["physicalLocation"]["artifactLocation"]["uri"]  # it reads these without asking
    for fix in result.get("fixes", ()):
        fix["description"]["text"]
    prints = result.get("fingerprints") or result.get("partialFingerprints", {})
    for key in prints:
        name, _, version = key.partition("/")
        int(version.removeprefix("v")) if version else name
    score = float(rule.get("properties", {}).get("security-severity", 0))
    levels = {"error": "High", "warning": "Medium", "note": "Low", "none": "Medium"}
    bands = ((9.0, "Critical"), (7.0, "High"), (4.0, "Medium"), (0.1, "Low"))
    severity = next((name for least, name in bands if score >= least), levels[result.get("level", "warning")])
    return [
        {
            "title": result["message"]["text"],
            "severity": severity,
            "file_path": location["physicalLocation"]["artifactLocation"]["uri"],
            "line": location["physicalLocation"]["region"]["startLine"],
            "unique_id_from_tool": "|".join(prints.values()),
            "false_positive": bool(result.get("suppressions")),
            "date": when,
        }
        for location in result["locations"]
    ]


def _counted(tool: str, *arguments: str) -> tuple[int, int, str]:
    if not (TOOLS / tool).exists():
        pytest.skip(f"{tool} is not at hand")
    done = subprocess.run([sys.executable, str(TOOLS / tool), *arguments], capture_output=True, text=True, check=False)
    found = re.search(r": (\d+) error\(s\), (\d+) warning\(s\)", done.stdout)
    assert found, done.stdout + done.stderr
    return int(found[1]), int(found[2]), done.stdout
