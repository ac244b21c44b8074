"""A Region that an account has not opted in to is told by every report, and is no gap: nothing can run there."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import reports
from jsonschema import Draft202012Validator

from scanner.assets import schema
from scanner.cli import main
from scanner.collectors.live import collect
from scanner.errors import SnapshotError, UsageError
from scanner.finding import NOT_ENABLED, Coverage
from scanner.model import Place
from scanner.recorded import Call, CallError, Target
from scanner.reporters import REPORTERS
from scanner.snapshot import Snapshot, SnapshotWriter

ACCOUNT, OTHER, EAST, MILAN = "111122223333", "222233334444", "us-east-1", "eu-south-1"
AT = "2026-11-20T08:00:00Z"
TARGET = Target(ACCOUNT, EAST, "aws", None, ("ecr",))
OFF = {Place(ACCOUNT, MILAN): "DISABLED", Place(OTHER, MILAN): "DISABLED", Place(OTHER, "me-south-1"): "ENABLING"}


def write(path, not_enabled=None, error=None):
    writer = SnapshotWriter(path)
    response = None if error else {"registryId": ACCOUNT}
    writer.write(
        TARGET,
        [Call("ecr", "DescribeRegistry", {}, ACCOUNT, EAST, 0, response, error, None, AT)],
        {},
        started_at=AT,
        finished_at=AT,
    )
    return writer.finish([TARGET], not_enabled=not_enabled)


def row(region=MILAN, account=ACCOUNT):
    return Coverage(account, region, "account", "account:ListRegions", NOT_ENABLED, 0, message="DISABLED")


def report(format, *rows, **changes):
    out = io.StringIO()
    fine = Coverage(ACCOUNT, EAST, "account", "account:ListRegions", "complete", 1)
    REPORTERS[format].write(replace(reports.nothing(), coverage=(fine, *rows), **changes), out)
    return out.getvalue()


def test_the_snapshot_keeps_it(tmp_path):
    snapshot = write(tmp_path / "s", OFF)
    assert Snapshot.open(tmp_path / "s").not_enabled == OFF == snapshot.not_enabled
    told = [(row.account, row.region, row.message, row.calls) for row in snapshot.coverage() if not row.asked]
    assert told == [
        (ACCOUNT, MILAN, "DISABLED", 0), (OTHER, MILAN, "DISABLED", 0), (OTHER, "me-south-1", "ENABLING", 0),
    ]  # fmt: skip
    assert not any(row.missed for row in snapshot.coverage())
    assert snapshot != write(tmp_path / "other")


def test_a_snapshot_without_the_list_can_be_read(tmp_path):
    write(tmp_path / "s", OFF)
    manifest = tmp_path / "s" / "snapshot.json"
    document = json.loads(manifest.read_text())
    del document["not_enabled"]
    manifest.write_text(json.dumps(document))
    assert Snapshot.open(tmp_path / "s").not_enabled == {}


@pytest.mark.parametrize("entry", [{"account": "1"}, {"status": "\x1b[2J"}, {"region": "../.."}], ids=str)
def test_a_list_that_is_nonsense_is_refused(tmp_path, entry):
    write(tmp_path / "s", OFF)
    manifest = tmp_path / "s" / "snapshot.json"
    document = json.loads(manifest.read_text())
    document["not_enabled"][0] |= entry
    manifest.write_text(json.dumps(document))
    with pytest.raises(SnapshotError, match="not_enabled"):
        Snapshot.open(tmp_path / "s")


def test_the_table_tells_it_and_is_complete():
    text = " ".join(report("table", row(), row(account=OTHER), row("me-south-1")).split())
    assert f"not enabled: {MILAN} in 2 accounts (DISABLED), me-south-1 in {ACCOUNT} (DISABLED)" in text
    assert "1 Region, 1 operation asked" in text
    assert "Coverage gaps" not in text
    assert "incomplete" not in text


def test_the_json_report_tells_it_and_is_complete():
    document = json.loads(report("json", row()))
    Draft202012Validator(schema("report")).validate(document)
    assert document["summary"]["complete"] is True
    (told,) = [each for each in document["coverage"] if each["status"] == "not enabled"]
    assert (told["account_id"], told["region"], told["calls"], told["message"]) == (ACCOUNT, MILAN, 0, "DISABLED")


def test_sarif_tells_it_once_a_region_and_has_no_gap():
    (run,) = json.loads(report("sarif", row(), row(account=OTHER), row("me-south-1")))["runs"]
    told = run["invocations"][0]["toolExecutionNotifications"]
    assert [(each["descriptor"]["id"], each["level"]) for each in told] == [("region-not-enabled", "note")] * 2
    assert [each["message"]["text"] for each in told] == [
        "Region 'eu-south-1' is not enabled in 2 accounts.",
        f"Region 'me-south-1' is not enabled in account '{ACCOUNT}'.",
    ]
    descriptors = run["tool"]["driver"]["notifications"]
    assert all(descriptors[each["descriptor"]["index"]]["id"] == "region-not-enabled" for each in told)
    assert run["results"] == []


def test_a_gap_counts_the_operations_that_were_asked():
    denied = Coverage(ACCOUNT, MILAN, "account", "account:X", "failed", 1, errors=(("AccessDenied", 1),))
    (result,) = json.loads(report("sarif", row(), denied))["runs"][0]["results"]
    assert result["message"]["text"].startswith("1 of 1 operations of 'account'")


def test_nothing_answered_is_no_success_whatever_is_not_enabled(tmp_path, capsys):
    write(tmp_path / "s", OFF, CallError("AccessDenied", "no"))
    with pytest.raises(SystemExit) as stop:
        main(["scan", str(tmp_path / "s")])
    assert stop.value.code == 4
    assert "nothing could be scanned: ecr:DescribeRegistry: no" in capsys.readouterr().err


def test_without_any_region_that_is_enabled_there_is_nothing_to_collect(tmp_path, monkeypatch):
    from stub_aws import serve

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    disabled = {"Regions": [{"RegionName": MILAN, "RegionOptStatus": "DISABLED"}]}
    settings = {"regions": [MILAN], "clock": lambda: datetime(2026, 1, 1, tzinfo=UTC)}
    with serve() as stub:
        stub.script = lambda operation, _: disabled if operation == "account:ListRegions" else None
        with pytest.raises(UsageError, match="none of the Regions is enabled"):
            collect(tmp_path / "s", endpoint_url=stub.url, **settings)
    assert not (tmp_path / "s").exists()
