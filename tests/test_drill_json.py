"""The JSON of a drill keeps what `schemas/drill.json` promises."""

from __future__ import annotations

import io
import json
from collections import Counter

import drills
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from scanner.assets import schema
from scanner.chain import CHAIN, NEEDS
from scanner.outcome import Outcome, State
from scanner.reporters.drill import WRITERS
from scanner.reporters.objectives import Objective


def written(report):
    out = io.StringIO()
    WRITERS["json"].write(report, out)
    return out.getvalue()


def loaded(report):
    return json.loads(written(report))


def problems(document):
    return [
        error.message
        for error in Draft202012Validator(schema("drill"), format_checker=FormatChecker()).iter_errors(document)
    ]


def test_schema_is_valid_and_knows_every_link_state_outcome_and_objective():
    Draft202012Validator.check_schema(schema("drill"))
    assert '"additionalProperties": false' not in json.dumps(schema("drill"))
    parts = schema("drill")["$defs"]
    assert parts["link_id"]["enum"] == [link.id for link in (*CHAIN, NEEDS)]
    assert parts["link"]["properties"]["state"]["enum"] == [state.value for state in State]
    assert parts["recovery"]["properties"]["outcome"]["enum"] == [outcome.value for outcome in Outcome]
    assert parts["recovery"]["properties"]["rto"]["enum"] == [objective.value for objective in Objective]


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_drill_validates_and_is_the_same_each_time(name):
    report = getattr(drills, name)()
    assert problems(loaded(report)) == []
    assert written(report) == written(getattr(drills, name)())


def test_what_is_required_is_what_is_written():
    document = loaded(drills.sample())
    one = document["recoveries"][0]
    parts = schema("drill")["$defs"]
    assert sorted(document) == sorted(schema("drill")["required"])
    assert sorted(one) == sorted(parts["recovery"]["required"])
    assert sorted(one["links"][0]) == sorted(parts["link"]["required"])
    assert sorted(document["recoveries"][4]["actions"][0]) == sorted(parts["action"]["required"])
    assert sorted(document["shared"][0]) == sorted(parts["shared"]["required"])


def test_every_link_is_there_with_what_decided_it():
    recoveries = loaded(drills.sample())["recoveries"]
    db, api = recoveries[:2]
    assert [link["link"] for link in db["links"]] == [link.id for link in CHAIN]
    (digest,) = [link for link in db["links"] if link["state"] == "broken"]
    assert (db["outcome"], db["first_broken"], db["reason"]) == ("does not recover", "digest", digest["reason"])
    assert (digest["rule_id"], digest["fingerprint"]) == ("image-running-digest-in-standby", drills.PRINT)
    assert digest["subject"]["name"] == "shop/db"
    assert api["first_broken"] == "cluster"
    assert recoveries[4]["links"][-1]["link"] == "needs"


def test_summary_counts_outcomes_and_objectives():
    document = loaded(drills.sample())
    summary = document["summary"]
    assert summary["by_outcome"] == dict(Counter(one["outcome"] for one in document["recoveries"]))
    assert summary["rto"] == {"met": 2, "missed": 3, "not known": 1, "not declared": 2}
    assert summary["rpo"] == {"met": 3, "missed": 1, "not known": 1, "not declared": 3}
    assert (summary["workloads"], summary["waiting"], summary["untouched"], summary["complete"]) == (8, 1, 7, False)
    assert {link["id"] for link in document["chain"] if not link["judged"]} == {"traffic"}


def test_what_several_need_names_the_workloads():
    cluster, digest = loaded(drills.sample())["shared"]
    assert (cluster["link"], cluster["subject"]["name"]) == ("cluster", "shop")
    assert [id.rpartition("/")[2] for id in cluster["workloads"]] == ["api", "worker"]
    assert [id.rpartition("/")[2] for id in digest["workloads"]] == ["db", "api"]
