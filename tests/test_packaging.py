"""What is shipped is what git has, and every promise is a valid schema."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[1]


def tracked(*folders):
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(names.stdout.split())


def test_wheel_holds_the_rules_and_schemas_that_git_tracks(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    shipped = {
        name.removeprefix("scanner/") for name in names if name.startswith(("scanner/rules/", "scanner/schemas/"))
    }
    assert shipped == tracked("rules", "schemas")
    assert {name for name in names if name.startswith("scanner/")} >= tracked("scanner")


SCHEMAS = sorted({*(ROOT / "schemas").rglob("*.json")} - {*(ROOT / "schemas" / "terraform").iterdir()})


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda p: p.stem)
def test_every_schema_is_valid(path):
    Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_files_that_prose_names_exist():
    for page in (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "dependencies.md", ROOT / "README.md"):
        for word in page.read_text().split("`")[1::2]:
            if word.startswith(("scanner/", "rules/", "schemas/", "tests/", "docs/")) and "<" not in word:
                assert (ROOT / word).exists(), f"{page.name} names {word}"
