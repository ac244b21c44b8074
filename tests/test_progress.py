"""Whoever waits for a collection sees how far it is: on a terminal, in a log that people read, and in one of JSON."""

import io
import json
import os
import re
import subprocess
import sys
import termios
import threading
from datetime import UTC, datetime

import pytest
from stub_aws import ACCOUNT, REGION, error, serve

from scanner.cli import main
from scanner.collectors.live import collect
from scanner.collectors.session import Limits
from scanner.model import Place
from scanner.progress import Finished, State
from scanner.reporters import progress
from scanner.reporters.progress import narrator
from scanner.snapshot import Snapshot

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WEST, MILAN = "us-west-2", "eu-south-1"
ONCE = Limits(20, 20, 1, 3, paced=False)
STATE = State(1500, 12, 2, 4321, 3, 1_200_000)
HOSTILE = Finished(Place(ACCOUNT, REGION), ("ecr",), 7, 5, 0, 1.23456, {"\x1b[2JEvil\x9b\x7f\n{}": 2})


@pytest.fixture(autouse=True)
def here(credentials, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def endpoint():
    with serve() as stub:
        yield stub


@pytest.fixture
def stub(endpoint):
    endpoint.reset()
    return endpoint


class Terminal:
    """A terminal of a hundred columns, and what was written to it."""

    def __enter__(self):
        self._master, self.slave = os.openpty()
        termios.tcsetwinsize(self.slave, (24, 100))
        self._said, self._reader = b"", threading.Thread(target=self._read)
        self._reader.start()
        return self

    def _read(self):
        try:
            while piece := os.read(self._master, 4096):
                self._said += piece
        except OSError:  # everybody has hung up
            pass

    def __exit__(self, *_):
        os.close(self.slave)
        self._reader.join()
        os.close(self._master)
        self.said = self._said.decode()


def test_on_a_terminal_one_line_is_written_over_and_gives_way_to_the_table(stub, tmp_path):
    command = [sys.executable, "-m", "scanner", "collect", "-o", "s", "--endpoint-url", stub.url]
    with Terminal() as terminal:
        command += ["--regions", f"{REGION},{WEST}", "--services", "ecr,ecs,eks"]
        code = subprocess.run(command, stderr=terminal.slave, stdout=subprocess.DEVNULL, check=False).returncode
    assert code == 0, terminal.said
    *drawn, last = terminal.said.split("\r\n", 1)[0].split("\r")
    assert any(re.match(r"  0/2 accounts x Regions \|.*\|", line) for line in drawn)
    line = next(line for line in drawn if line.startswith("  2/2 accounts x Regions |"))
    assert re.search(r"[\d,]+ calls(/s)?, 0 throttled, 2 images, [\d:]+ left", line)
    assert last.startswith("s: ")
    assert "2 of 2 accounts x Regions were answered in full" in terminal.said
    assert "\x1b" not in terminal.said.replace("\x1b[A", "")


def test_the_line_of_a_terminal_shows_the_numbers_and_nothing_that_aws_said():
    with Terminal() as terminal, os.fdopen(os.dup(terminal.slave), "w") as out:
        told = narrator("text", out, lambda: NOW)
        told.begin(State(1500, 2, 2))
        told.finished(HOSTILE, STATE)
        told.end()
    line = next(line for line in terminal.said.split("\r") if line.startswith("  12/1500 accounts x Regions |"))
    assert "3 throttled, 1,200,000 images" in line
    assert len(line) <= 100
    assert not {"\x1b", "\x9b"} & set(terminal.said)
    assert "Evil" not in terminal.said


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_of_json_is_an_event(stub, tmp_path, capsys):
    stub.script = lambda operation, parameters: {
        "ecs:ListServices": error(403, "AccessDeniedException", "no"),
        "account:ListRegions": {
            "Regions": [
                {"RegionName": REGION, "RegionOptStatus": "ENABLED"},
                {"RegionName": WEST, "RegionOptStatus": "ENABLED"},
                {"RegionName": MILAN, "RegionOptStatus": "DISABLED"},
            ]
        },
    }.get(operation)
    with pytest.raises(SystemExit) as stop:
        main(["collect", "-o", "s", "--endpoint-url", stub.url, "--log-format", "json", "--services", "ecr,ecs,eks"])
    said = capsys.readouterr()
    assert (stop.value.code, said.out) == (0, ""), said.err
    events = lines(said.err)
    assert [event["event"] for event in events] == [
        "begin", "target-finished", "target-finished", "not-answered", "not-answered", "not-enabled", "end",
    ]  # fmt: skip
    assert all(datetime.fromisoformat(event["at"]).tzinfo is UTC for event in events)
    assert (events[0]["done"], events[0]["targets"]) == (0, 2)
    finished = sorted(events[1:3], key=lambda event: event["region"])
    assert [(event["account"], event["region"]) for event in finished] == [(ACCOUNT, REGION), (ACCOUNT, WEST)]
    assert [event["done"] for event in events[1:3]] == [1, 2]
    snapshot = Snapshot.open(tmp_path / "s")
    for event, target in zip(finished, snapshot.targets, strict=True):
        assert event["services"] == ["ecr", "ecs", "eks"]
        assert event["calls"] == len(list(snapshot.calls_of(target)))
        assert event["errors"] == {"AccessDeniedException": 1}
        assert event["target_images"] == 1
        assert event["seconds"] >= 0
    asked = [name for name, _ in stub.asked if not name.startswith(("sts:", "account:"))]
    assert max(event["requests"] for event in finished) == len(asked)
    assert max(event["images"] for event in finished) == 2
    denied = {"account": ACCOUNT, "service": "ecs", "errors": {"AccessDeniedException": 1}}
    assert [denied.items() <= event.items() for event in events[3:5]] == [True, True]
    assert events[5].items() >= {"account": ACCOUNT, "region": MILAN, "status": "DISABLED"}.items()
    assert events[6].items() >= {"targets": 2, "calls": sum(event["calls"] for event in finished)}.items()
    assert events[6]["complete"] is False


def test_nothing_that_aws_said_can_break_a_line_of_json():
    out = io.StringIO()
    narrator("json", out, lambda: NOW).finished(HOSTILE, STATE)
    (event,) = lines(out.getvalue())
    assert not {"\x1b", "\x9b", "\x7f"} & set(out.getvalue())
    assert event["at"] == "2026-11-23T08:00:00.000Z"
    assert event["seconds"] == 1.235
    assert sum(event["errors"].values()) == 2


def test_throttled_requests_are_counted(stub, tmp_path):
    stub.script = lambda operation, _: (
        error(400, "ThrottlingException") if operation == "eks:ListClusters" and stub.count(operation) < 3 else None
    )
    out = io.StringIO()
    told = narrator("json", out, lambda: NOW)
    collect(
        tmp_path / "s",
        regions=[REGION],
        endpoint_url=stub.url,
        limits=ONCE,
        clock=lambda: NOW,
        progress=told,
    )
    assert lines(out.getvalue())[-1]["throttled"] == 2


@pytest.mark.parametrize(("waited", "count"), [(3600.0, 0), (0.0, 1)], ids=["not yet a minute", "a minute"])
def test_without_a_terminal_there_is_a_line_a_minute(monkeypatch, waited, count):
    monkeypatch.setattr(progress, "_MINUTE", waited)
    out = io.StringIO()
    told = narrator("text", out, lambda: NOW)
    told.begin(State(1500, 2, 2))
    told.finished(HOSTILE, STATE)
    told.end()
    said = out.getvalue().splitlines()
    assert len(said) == count
    for line in said:
        assert re.fullmatch(
            r"12 of 1,500 accounts x Regions; 4,321 calls, 3 throttled, 1,200,000 images; about 0 min left", line
        )


def test_progress_comes_between_the_targets_too(monkeypatch):
    monkeypatch.setattr(progress, "_JSON_EVERY", 0.0)
    out = io.StringIO()
    narrator("json", out, lambda: NOW).tick(STATE)
    (event,) = lines(out.getvalue())
    assert event == {
        "at": "2026-11-23T08:00:00.000Z", "event": "progress", "done": 12, "targets": 1500, "requests": 4321,
        "throttled": 3, "images": 1_200_000,
    }  # fmt: skip


def test_accounts_that_were_left_out_are_told():
    left_out = {"111111111111": "SUSPENDED", "222222222222": "SUSPENDED", "333333333333": "excluded\x1b"}
    text, events = io.StringIO(), io.StringIO()
    told = narrator("text", text, lambda: NOW)
    told.close("s", (), left_out, 100)
    assert "left out: 2 SUSPENDED, 1 excluded" in text.getvalue()
    narrator("json", events, lambda: NOW).close("s", (), left_out, 100)
    assert [event["account"] for event in lines(events.getvalue()) if event["event"] == "left-out"] == sorted(left_out)
    assert "\x1b" not in text.getvalue() + events.getvalue()


def test_a_resumed_run_begins_where_the_first_one_ended(stub, tmp_path):
    settings = {"regions": [REGION, WEST], "endpoint_url": stub.url, "limits": ONCE, "clock": lambda: NOW}
    collect(tmp_path / "s", **settings)
    (tmp_path / "s" / "snapshot.json").unlink()
    (tmp_path / "s" / "targets" / ACCOUNT / WEST / "target.json").unlink()
    out = io.StringIO()
    collect(tmp_path / "s", **settings, resume=True, progress=narrator("json", out, lambda: NOW))
    begin, finished = lines(out.getvalue())
    assert (begin["done"], begin["targets"]) == (1, 2)
    assert (finished["region"], finished["done"]) == (WEST, 2)


def test_all_regions_of_all_accounts_of_the_organization(stub, tmp_path, capsys):
    (tmp_path / "regionproof.yaml").write_text(
        "version: 1\norganization: {role_name: Reader, exclude: ['333333333333']}\n"
    )
    members = [
        {"Id": ACCOUNT, "Name": "own", "Status": "ACTIVE"},
        {"Id": "222222222222", "Name": "shop", "Status": "ACTIVE"},
        {"Id": "333333333333", "Name": "lab", "Status": "ACTIVE"},
        {"Id": "444444444444", "Name": "old", "Status": "SUSPENDED"},
    ]
    stub.script = lambda operation, _: {"organizations:ListAccounts": {"Accounts": members}}.get(operation)
    with pytest.raises(SystemExit) as stop:
        main(["collect", "-o", "s", "--organization", "--endpoint-url", stub.url, "--services", "eks"])
    said = capsys.readouterr().err
    assert stop.value.code == 0, said
    places = {(target.account, target.region) for target in Snapshot.open(tmp_path / "s").targets}
    assert {account for account, _ in places} == {ACCOUNT, "222222222222"}
    assert {region for _, region in places} >= {REGION, WEST}
    assert "left out: 1 SUSPENDED, 1 excluded" in said
