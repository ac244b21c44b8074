"""The draft of a runbook can be followed without what is lost, and names from accounts stay names in it."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import botocore.session
import drills
import pytest
import reports
from botocore import xform_name
from jsonschema import Draft202012Validator

from scanner.assets import schema
from scanner.cli import main
from scanner.drill import Drill
from scanner.outcome import LinkState, Outcome, State
from scanner.reporters.drill import WRITERS
from scanner.reporters.drill.repairs import Repairs, commands

GOLDEN = Path(__file__).parent / "fixtures" / "drill" / "runbook.md"
BLOCK = re.compile(r"^( *)(`{3,})sh\n(.*?)^\1\2$", re.MULTILINE | re.DOTALL)


def written(report):
    out = io.StringIO()
    WRITERS["markdown"].write(report, out)
    return out.getvalue()


def test_runbook_reads_as_it_was_read():
    text = written(drills.sample())
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_no_command_asks_what_is_lost():
    blocks = [found[3] for found in BLOCK.finditer(written(drills.sample()))]
    assert len(blocks) >= 6
    assert not [line for block in blocks for line in block.splitlines() if "us-east-1" in line]


def test_the_demo_is_drilled_in_every_format(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(demo)
    with pytest.raises(SystemExit) as stop:
        main(
            [
                "drill",
                "snapshot",
                "infra",
                "--lose",
                "us-east-1",
                "--format",
                "table,json,markdown",
                "-o",
                f"{tmp_path}",
            ]
        )
    assert stop.value.code == 1
    files = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert sorted(files) == ["regionproof.drill.json", "regionproof.drill.md", "regionproof.drill.txt"]
    assert Draft202012Validator(schema("drill")).is_valid(json.loads(files["regionproof.drill.json"]))
    blocks = [found[3] for found in BLOCK.finditer(files["regionproof.drill.md"])]
    assert len(blocks) > 30
    assert not [line for block in blocks for line in block.splitlines() if "us-east-1" in line]
    assert not [line for block in blocks for line in block.splitlines() if line.strip().startswith("aws iam")]

    recoveries = json.loads(files["regionproof.drill.json"])["recoveries"]
    given = [each for one in recoveries for each in (*one["actions"], *one["checks"]) if each["command"]]
    assert {shlex.split(each["command"])[0] for each in given} == {"aws", "kubectl"}
    assert [each["command"] for each in given if not is_known_to_the_cli(each["command"])] == []


def is_known_to_the_cli(command: str) -> bool:
    """Tell whether the AWS CLI has the operation and its options; what is for another program is not judged."""
    program, service, operation, *options = shlex.split(command)
    if program != "aws":
        return True
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    members = {xform_name(name, "-") for name in model.operation_model(names[operation]).input_shape.members}
    used = {option.removeprefix("--") for option in options if option.startswith("--")}
    return used <= members | {"region", "query"}


def test_a_tier_comes_after_those_it_needs():
    text = written(drills.sample())
    order = text[text.index("## Order") :]
    assert order.index("1. Tier `data`") < order.index("2. Tier `front`, after `data`") < order.index("3. In no tier")


def test_tiers_that_need_each_other_are_told_all_the_same():
    a, b = (drills.service(n, Outcome.RECOVERS, tier=t, needs=(o,)) for n, t, o in (("a", "x", "y"), ("b", "y", "x")))
    text = written(replace(drills.sample(), drill=Drill(None, (a, b))))
    assert "## Tier `x`" in text
    assert "## Tier `y`" in text


REMEDY = """Copy it:

    aws ecr start-replication-backfill --region <primary> --destination region=<standby>
    aws ecr create-repository --region <standby> --repository-name <name> \\
        --registry-id <account>
    aws ecr set-repository-policy --region <standby> --policy-text '{"Version":
      "2012-10-17"}'
    kubectl --context <standby> get pods
    aws iam attach-role-policy --role-name <role>
    rules: {not: a command}
"""


def test_commands_of_a_remedy_are_filled_in_and_those_that_need_what_is_lost_left_out():
    subject = reports.repository("shop/a b; rm")
    link = drills.broken("digest", "Not there.", subject=subject)
    one = drills.service("shop/db", Outcome.FAILS, links=drills.chain(digest=link))
    rule = replace(drills.DIGEST_RULE, remediation=REMEDY)
    report = replace(drills.sample(), drill=Drill(drills.Loss.parse("us-east-1"), (one,)), rules={rule.id: rule})
    found, others = commands(Repairs([one]).broken[0], report)
    assert others
    assert found == [
        "aws ecr create-repository --region us-west-2 --repository-name 'shop/a b; rm' --registry-id 111122223333",
        'aws ecr set-repository-policy --region us-west-2 --policy-text \'{"Version": "2012-10-17"}\'',
        "kubectl --context <standby> get pods",
    ]
    elsewhere = replace(report, drill=Drill(drills.Loss.parse("eu-west-1"), (one,)))
    assert "aws iam attach-role-policy --role-name <role>" in commands(Repairs([one]).broken[0], elsewhere)[0]
    assert shlex.split(found[0])[6] == "shop/a b; rm"


def test_one_repair_is_told_once_and_referred_to():
    text = written(drills.sample())
    assert text.count("Cluster 'shop' is not in the standby.") == 3  # once as a repair, and as the verdict of two
    assert text.count("- [ ] **R1**") == 3


@pytest.mark.parametrize(
    "name", ["<img src=x>", "`code`", "a|b", "@everyone", "[x](http://y)", "# h", "::set-output::"]
)
def test_names_are_never_markup(name):
    one = drills.service(name, Outcome.UNKNOWN, f"{name} was not seen.", owner=name, tier=name)
    one = replace(one, links=drills.chain(digest=LinkState("digest", State.UNKNOWN, f"{name} is odd.")))
    text = written(replace(drills.sample(), drill=Drill(None, (one,))))
    outside = re.sub(r"`[^`]*`|<code>.*?</code>", "", text)
    assert name not in outside
    assert not re.search(r"<(?!/?code>)[a-z]", outside)
    assert not re.search(r"^\s*::", text, re.MULTILINE)


def test_a_hostile_drill_stays_in_its_fences():
    lines = written(drills.hostile()).splitlines()
    assert all(line.isprintable() for line in lines)
    outside = re.sub(r"`[^`]*`|<code>.*?</code>", "", BLOCK.sub("", "\n".join(lines)))
    assert "<script" not in outside
