"""The record of a drill that lost nothing that runs, as a file that `evidence` of regionproof.yaml names.

It is a draft: who accepts the result, and where the full report is, people add.  A drill on paper (`tabletop`) and
one on a served snapshot (`game-day`) count as exercises, never as a tested failover.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from scanner import duration
from scanner.drill import Drill
from scanner.errors import UsageError
from scanner.outcome import Outcome, State
from scanner.recovery import REHEARSALS

_MOST_REFUSALS, _MOST_ISSUES, _LONGEST = 20, 50, 300
_NOT_RECOVERED = (Outcome.FAILS, Outcome.UNKNOWN)
_TO_ADD = (
    "signed_off_by: who accepts this result",
    "link: where the full report is, an https address",
)


@dataclass(frozen=True)
class DrillRecord:
    """What is on record of one drill.

    `scenario` is tabletop or game-day, `outcome` success, partial or failure.  The scope is whole `tiers`, single
    `workloads`, or a `pair` of Regions (primary, standby).  `rto` and `rpo` are measured times, None if nobody
    measured; `issues` are sentences.
    """

    date: date
    scenario: str
    outcome: str
    tiers: Sequence[str] = ()
    workloads: Sequence[str] = ()
    pair: tuple[str, str] | None = None
    rto: timedelta | None = None
    rpo: timedelta | None = None
    issues: Sequence[str] = ()


@dataclass(frozen=True)
class Ran:
    """What a workload came to on a game day: its ARN, how many tasks were `wanted`, and how many `ran` at the end.

    Of tasks that were run alone the ARN is that of their task definition, and those count that had started.  A Lambda
    function that was changed is one that is wanted, and that ran if it has its image.  `wrong` are sentences on the
    links that the drill calls broken, or of which it knows nothing.
    """

    arn: str
    wanted: int
    ran: int
    wrong: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name by which `regionproof.yaml` knows it: `cluster/service`, `family:name`, or its own."""
        family = self.arn.partition(":task-definition/")[2].partition(":")[0]
        named = (part for kind in (":service/", ":function:") if (part := self.arn.partition(kind)[2]))
        return f"family:{family}" if family else next(named, self.arn)

    @property
    def recovered(self) -> bool:
        """Tell whether all tasks ran and nothing is wrong: what runs may be another release, or reached by nobody.

        What wants no tasks has not recovered.
        """
        return 0 < self.wanted <= self.ran and not self.wrong

    def __str__(self) -> str:
        """Return it as a sentence."""
        if ":function:" in self.arn:
            return f"{self.name} {'has' if self.ran else 'does not have'} the image that it was given."
        return f"{self.name} ran {self.ran} of {self.wanted} tasks."


@dataclass(frozen=True)
class GameDay:
    """What the log of a game day says.

    `took` is the time from its beginning to the last change, None if nothing was changed.  `workloads` are those that
    were changed, None if the log has no end.  `refusals` are sentences on the calls that failed, the most frequent
    first.
    """

    began: datetime
    ended: datetime | None
    lost: tuple[str, ...]
    took: timedelta | None
    workloads: tuple[Ran, ...] | None
    refusals: tuple[str, ...]

    @property
    def about(self) -> tuple[str, ...]:
        """Return sentences on what it was and what became of each workload."""
        until = f" to {self.ended:%H:%M:%S}" if self.ended else ""
        when = f"{self.began:%Y-%m-%d %H:%M:%S}{until} UTC"
        what = f"A game day on a served snapshot, without {', '.join(self.lost)}: {when}."
        return (what, *map(str, self.workloads or ()))


def of_paper(drill: Drill, today: date) -> DrillRecord:
    """Return the record of a drill on paper: of the tiers it took to the end, and of workloads that are in none."""
    recoveries = drill.recoveries
    tiers = sorted({one.tier for one in recoveries if one.tier is not None})
    alone = sorted({one.name for one in recoveries if one.tier is None})
    issues = [f"Other workloads may go with it unseen: {reason.rstrip('.')}." for reason in drill.unseen]
    issues += [f"{one.name} {one.outcome}: {one.reason}" for one in recoveries if one.outcome in _NOT_RECOVERED]
    return DrillRecord(
        today,
        "tabletop",
        outcome_of([*(one.outcome not in _NOT_RECOVERED for one in recoveries), *(False for _ in drill.unseen)]),
        tiers,
        alone,
        issues=_shortened(issues),
    )


def of_game_day(day: GameDay, tiers: Sequence[str] = ()) -> DrillRecord:
    """Return the record of a game day: of whole tiers, or else of the services that were changed.

    Raises `UsageError` if its log does not say what became of them.
    """
    if not day.workloads:
        why = (
            "no service or function was created or changed, and no task was run"
            if day.workloads is not None
            else "its log has no end"
        )
        raise UsageError(f"the game day has no result to record: {why}")
    stuck = [str(one) for one in day.workloads if one.ran < max(one.wanted, 1)]
    wrong = [f"{one.name}: {sentence}" for one in day.workloads for sentence in one.wrong]
    return DrillRecord(
        day.began.date(),
        "game-day",
        outcome_of(one.recovered for one in day.workloads),
        tiers=tiers,
        workloads=() if tiers else tuple(sorted({one.name for one in day.workloads})),
        rto=day.took,
        issues=(*stuck, *_shortened(wrong), *day.refusals[:_MOST_REFUSALS]),
    )


def _shortened(sentences: Iterable[str]) -> list[str]:
    return [one if len(one) <= _LONGEST else f"{one[: _LONGEST - 4]} ..." for one in list(sentences)[:_MOST_ISSUES]]


def outcome_of(recovers: Iterable[bool]) -> str:
    """Return the outcome of a drill by whether each workload recovers; of one that nobody can tell, it does not."""
    verdicts = set(recovers)
    if verdicts == {True}:
        return "success"
    return "partial" if True in verdicts else "failure"


def draft(record: DrillRecord, about: Sequence[str] = ()) -> str:
    """Return the text of an evidence file with one drill; `about` are lines of comment at its top.

    Raises `UsageError` if nothing is in its scope, or the scenario is one that only people can have seen.
    """
    if record.scenario not in REHEARSALS:
        raise UsageError(f"a drill here is {' or '.join(REHEARSALS)}, not {record.scenario}")
    comments = "".join(f"# {' '.join(line.split())}\n" for line in about)
    text = yaml.safe_dump({"version": 1, "drills": [_entry(record)]}, sort_keys=False, allow_unicode=True, width=110)
    return comments + text + "".join(f"  # {line}\n" for line in _TO_ADD)


def _entry(record: DrillRecord) -> dict[str, Any]:
    scope: dict[str, Any] = {"tiers": list(record.tiers), "workloads": list(record.workloads)}
    if record.pair:
        scope["pair"] = {"primary": record.pair[0], "standby": record.pair[1]}
    scope = {key: value for key, value in scope.items() if value}
    if not scope:
        raise UsageError("nothing was drilled, so there is nothing to record")
    measured = {"rto": record.rto, "rpo": record.rpo}
    return {
        "date": record.date.isoformat(),
        "scope": scope,
        "scenario": record.scenario,
        "outcome": record.outcome,
        **{key: duration.render(value) for key, value in measured.items() if value is not None},
        **({"issues": list(record.issues)} if record.issues else {}),
    }


def write(path: Path, text: str) -> None:
    """Write a new file; raise `UsageError` if there is one already, or it cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already", "Name a new file: evidence is never written over.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def read_log(path: Path) -> GameDay:
    """Read the log that a game day left; raise `UsageError` if it is none."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return _summed_up(lines[0], lines[1:])
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise UsageError(f"{path} is not the log of a game day") from None


def _summed_up(head: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> GameDay:
    if head["game_day"] != 1:
        raise ValueError("a log of another version")
    began = datetime.fromisoformat(head["at"])
    changes = [datetime.fromisoformat(call["at"]) for call in calls if call.get("changed") is True]
    failed = Counter(
        f"{call['service']}:{call.get('operation', '?')} in {call['region']} ended in {call['outcome']}"
        for call in calls
        if call.get("outcome", "ok") != "ok" and "region" in call
    )
    refusals = tuple(f"{what}, {'once' if count == 1 else f'{count} times'}." for what, count in failed.most_common())
    end = next((call for call in reversed(calls) if call.get("ended") is True), None)
    took = max(changes) - began if changes else None
    return GameDay(
        began,
        datetime.fromisoformat(end["at"]) if end else None,
        tuple(map(str, head["lost"])),
        took,
        tuple(map(_ran, end["services"])) if end else None,
        refusals,
    )


def _ran(state: Mapping[str, Any]) -> Ran:
    wrong = tuple(_wrong(state.get("links", ())))
    return Ran(str(state["arn"]), int(state["desired"]), int(state["running"]), wrong)


def _wrong(links: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield a sentence for each link that is broken, and one for all that are not known: most have the same reason."""
    yield from (f"link '{one['link']}' is broken: {one['reason']}" for one in links if one["state"] == State.BROKEN)
    unknown = [one for one in links if one["state"] != State.BROKEN]
    if unknown:
        names = ", ".join(f"'{one['link']}'" for one in unknown)
        what = f"link {names} is" if len(unknown) == 1 else f"links {names} are"
        yield f"{what} not known: {unknown[0]['reason']}"
