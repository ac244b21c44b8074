"""The text of a drill is read in a minute, fits the terminal, and cannot be made to steer it."""

from __future__ import annotations

import io
import os
import re
import shlex
from datetime import timedelta
from pathlib import Path

import drills
import pytest

from scanner.drill import Drill
from scanner.outcome import Action, Outcome
from scanner.reporters.drill import WRITERS

GOLDEN = Path(__file__).parent / "fixtures" / "drill"


def written(report, **options):
    out = io.StringIO()
    WRITERS["table"].write(report, out, **options)
    return out.getvalue()


@pytest.mark.parametrize(("name", "options"), [("80.txt", {}), ("200-ascii.txt", {"width": 200, "unicode": False})])
def test_table_reads_as_it_was_read(name, options):
    text = written(drills.sample(), **options)
    if os.environ.get("WRITE_GOLDEN"):
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [48, 80, 200])
@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_nothing_is_wider_than_the_terminal_or_steers_it(name, width, unicode):
    lines = written(getattr(drills, name)(), width=width, unicode=unicode).splitlines()
    words_of_commands = [line for line in lines if line.lstrip().startswith("'<script>")]  # one word, never broken
    assert max(len(line) for line in lines if line not in words_of_commands) <= width
    assert all(line.isprintable() and (unicode or line.isascii()) for line in lines)


def test_only_colours_are_escapes_and_they_change_nothing_else():
    plain, coloured = (written(drills.sample(), color=color) for color in (False, True))
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]+m", "", coloured) == plain


@pytest.mark.parametrize("width", [48, 80, 200])
def test_a_command_can_be_pasted(width):
    command = f"aws ecs update-service --service {shlex.quote('a  b --c')} --cluster {'x' * 90} --desired-count 4"
    one = drills.service("shop/web", Outcome.AFTER, actions=(Action("Do it.", command),))
    text = written(drills.replace(drills.sample(), drill=Drill(None, (one,))), width=width)
    pasted = text[text.index("aws ecs") :].partition("nobody can say")[0]
    assert shlex.split(pasted.replace("\\\n", "")) == shlex.split(command)


def test_workloads_that_fail_for_one_reason_say_it_once():
    text = written(drills.sample())
    undone = text[text.index("Does not recover") :]
    assert undone.count("Cluster 'shop' is not in the standby.") == 1


def test_what_several_need_is_told_for_the_most_first_and_then_as_the_chain_breaks():
    links = {id: drills.broken(id, f"{id}.", subject=drills.CLUSTER) for id in ("capacity", "addons", "cluster")}
    both = [drills.pod(name, links=drills.chain(**links)) for name in ("a", "b")]
    third = drills.pod("c", links=drills.chain(capacity=links["capacity"]))
    assert [(each.link, len(each.workloads)) for each in Drill(None, (*both, third)).shared] == [
        ("capacity", 3),
        ("cluster", 2),
        ("addons", 2),
    ]


def test_one_call_takes_no_time_to_speak_of():
    call = Action("Enable it.", "aws events enable-rule --name x", timedelta(), "One call.")
    one = drills.service("shop/web", Outcome.AFTER, actions=(call,))
    text = written(drills.replace(drills.sample(), drill=Drill(None, (one,))))
    assert "at once: One call." in text
    assert "At once: within the RTO of 1 hour." in text
    assert "0 seconds" not in text


def test_very_many_workloads_are_told_in_few_lines():
    assert len(written(drills.many(500)).splitlines()) < 600
