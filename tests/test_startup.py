"""Commands that need no AWS, no database and no report library do not load them."""

import json
import subprocess
import sys

import pytest

from scanner.reporters import REPORTERS

HEAVY = {"boto3", "botocore", "duckdb", "jsonschema", "sarif_om", "jinja2", "http.server", "dateutil", "urllib3"}
PROBE = """
import json, sys
from scanner.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    print(json.dumps({"code": stop.code, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


def loaded(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, cwd=cwd, check=True
    )
    answer = json.loads(done.stderr.splitlines()[-1])
    return answer["code"], {name for name in HEAVY | {"tabulate", "yaml", "jmespath"} if name in answer["modules"]}


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"], ["--version"]])
def test_help_loads_next_to_nothing(arguments, tmp_path):
    assert loaded(*arguments, cwd=tmp_path) == (0, set())


def test_a_scan_and_the_formats_that_need_no_library_load_none(tmp_path):
    """All at once: what none of them loads together, none loads alone."""
    (tmp_path / "web.yaml").write_text("Resources: {web: {Type: AWS::ECR::Repository}}\n")
    formats = ",".join(sorted(set(REPORTERS) - {"sarif", "html", "table"}))
    code, modules = loaded("scan", "web.yaml", "--format", formats, "-o", "reports/", cwd=tmp_path)
    assert code == 0
    assert modules == {"yaml", "jmespath"}


def test_other_commands_load_what_they_need_only(tmp_path):
    assert loaded("rules", "list", cwd=tmp_path)[1] == {"yaml", "jmespath"}
    assert loaded("schema", "report", cwd=tmp_path)[1] == set()
