"""The draft of a runbook: what to repair beforehand, and what to do on the day, workload by workload.

It is read when what is lost is lost: no command in it asks the lost Region, and nothing links to a console.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from scanner import duration
from scanner.chain import title
from scanner.drill import DrillReport
from scanner.outcome import Outcome, Recovery, State
from scanner.reporters.drill import told
from scanner.reporters.drill.repairs import GLOBAL_REGION, Repair, Repairs, commands
from scanner.reporters.kinds import type_word
from scanner.reporters.markdown_text import code, fenced, prose
from scanner.reporters.objectives import Objective, against_rpo, against_rto
from scanner.reporters.table_parts import first_sentence
from scanner.reporters.text import inert

_NAME, _SENTENCE, _COMMANDS, _MOST_NAMES = 200, 1_000, 20_000, 12
_FILL_IN = "**(fill in)**"
_ROWS = "\n|---|---|\n"


def write(report: DrillReport, out: TextIO) -> None:
    """Write the draft of a runbook as Markdown."""
    repairs = Repairs(report.drill.recoveries)
    sections = [_summary(report), _beforehand(repairs, report), _order(report), _workloads(repairs, report)]
    for section in (*sections, _end(report)):
        out.writelines(f"{line}\n" for line in section)


def _summary(report: DrillReport) -> Iterator[str]:
    drill = report.drill
    as_of = f"{report.as_of:%Y-%m-%d %H:%M} UTC"
    yield f"# Runbook: without {prose(told.lost(drill.loss), _NAME)}"
    yield ""
    yield (
        f"A draft by regionproof {prose(report.tool_version, _NAME)}, out of what was seen as of {as_of}. "
        "Nobody has followed it yet: it was drilled on paper. Fill in what is marked, follow it once, and keep it where"
        " it can be read without what is lost."
    )
    yield ""
    yield prose(told.sentence_of(report), _SENTENCE)
    yield ""
    yield f"- RTO: {told.tally([against_rto(one) for one in drill.recoveries])}."
    yield f"- RPO, of images alone: {told.tally([against_rpo(one) for one in drill.recoveries])}."
    yield f"- Chain: {told.judged(report)}."
    for assumption in report.assumptions:
        yield f"- Taken for granted, and not so today: {prose(assumption, _SENTENCE)}"
    for row in report.missed[:_MOST_NAMES]:
        where = f"{row.account}/{row.region} " if row.account else ""
        yield f"- Not seen in full: {code(f'{where}{row.operation}', _NAME)}"
    if len(report.missed) > _MOST_NAMES:
        yield f"- Not seen in full: {len(report.missed) - _MOST_NAMES:,} more operations and files"
    yield ""


def _beforehand(repairs: Repairs, report: DrillReport) -> Iterator[str]:
    if repairs.broken:
        yield "## Repair beforehand"
        yield ""
        yield (
            "What is broken today. On the day it is too late for most of it. Put in what stands in `<angle brackets>`,"
            " and read the whole remedy with `regionproof rules show RULE`."
        )
        yield ""
    for repair in repairs.broken:
        yield from _repair(repair, report)
    if repairs.unknown:
        yield "## Find out beforehand"
        yield ""
        yield (
            "What nobody could tell from what was seen. It may be broken. `regionproof rules show RULE` says what has"
            " to be seen, and which permissions that takes; collect it, and drill again."
        )
        yield ""
    for repair in repairs.unknown:
        yield from _repair(repair, report)


def _repair(repair: Repair, report: DrillReport) -> Iterator[str]:
    link = repair.link
    rule = report.rules.get(link.rule_id)
    yield f"- [ ] **{repair.label}** {code(link.link, _NAME)}: {prose(told.brief(link.reason), _SENTENCE)}"
    yield f"  - Needed by {_names(repair.recoveries)}"
    if link.accepted_until:
        yield f"  - Accepted until {link.accepted_until}; it is broken all the same."
    if rule is None:
        yield ""
        return
    more = code(f"regionproof rules show {rule.id}", _NAME)
    if link.state is State.UNKNOWN:  # nobody knows that there is anything to mend
        yield from (f"  - Judged by {more}", "")
        return
    yield f"  - Remedy: {prose(first_sentence(rule.remediation), _SENTENCE)} {more}"
    found, others = commands(repair, report)
    if others:
        yield f"  - The remedy has commands that need {prose(told.lost(report.drill.loss), _NAME)}; they are left out."
    yield ""
    if found:
        yield from _block(found, 2)


def _names(recoveries: Sequence[Recovery]) -> str:
    names = list(dict.fromkeys(code(one.name, _NAME) for one in recoveries))
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"


def _order(report: DrillReport) -> Iterator[str]:
    yield "## Order on the day"
    yield ""
    for number, (tier, found) in enumerate(_tiers(report.drill.recoveries), 1):
        counts = Counter(one.outcome for one in found)
        said = ", ".join(f"{counts[each]:,} {told.VERBS[each][counts[each] != 1]}" for each in Outcome if counts[each])
        needs = sorted({name for one in found for name in one.needs})
        after = f", after {', '.join(code(name, _NAME) for name in needs)}" if needs else ""
        yield f"{number}. {f'Tier {code(tier, _NAME)}' if tier else 'In no tier'}{after}: {said}"
    yield ""
    yield "The commands are for a shell with credentials of the account in *To*, and ask its Region alone."
    if report.drill.loss is not None and report.drill.loss.region == GLOBAL_REGION:
        yield (
            f"The control planes of IAM and of Route 53 are in {GLOBAL_REGION}: without it no role, policy or record"
            " can be changed. Roles still work, and so do health checks and routing controls."
        )
    yield ""


def _tiers(recoveries: Iterable[Recovery]) -> list[tuple[str | None, list[Recovery]]]:
    """Return the recoveries by tier, each tier after those it needs; those of no tier come last."""
    by_tier: dict[str | None, list[Recovery]] = {}
    for one in recoveries:
        by_tier.setdefault(one.tier, []).append(one)
    done: dict[str | None, list[Recovery]] = {}

    def visit(tier: str, above: tuple[str, ...]) -> None:
        for need in sorted({name for one in by_tier[tier] for name in one.needs}):
            if need in by_tier and need not in above:
                visit(need, (*above, need))
        done.setdefault(tier, by_tier[tier])

    for tier in sorted(tier for tier in by_tier if tier is not None):
        visit(tier, (tier,))
    if None in by_tier:
        done[None] = by_tier[None]
    return list(done.items())


def _workloads(repairs: Repairs, report: DrillReport) -> Iterator[str]:
    number = 0
    for tier, found in _tiers(report.drill.recoveries):
        yield f"## {f'Tier {code(tier, _NAME)}' if tier else 'In no tier'}"
        yield ""
        for one in sorted(found, key=lambda one: (one.name, one.workload.id)):
            number += 1
            yield from _workload(number, one, repairs, report)


def _workload(number: int, one: Recovery, repairs: Repairs, report: DrillReport) -> Iterator[str]:
    yield f"### {number}. {code(one.name, _NAME)}"
    yield ""
    yield from _facts(one)
    yield ""
    needed = list(repairs.of(one))
    if needed:
        yield "Beforehand:"
        yield ""
        for repair in needed:
            yield f"- [ ] **{repair.label}** {prose(title(repair.link.link), _NAME)}"
        yield ""
    yield from _steps(one)
    if one.checks:
        yield "See that it runs:"
        yield ""
        yield from _block([check.command for check in one.checks])
    yield from _back(one, report)


def _facts(one: Recovery) -> Iterator[str]:
    here = f"{one.workload.account or 'account unknown'}/{one.workload.region or 'Region unknown'}"
    yield f"| | |{_ROWS}| Verdict | **{one.outcome.value}**: {prose(told.brief(one.reason), _SENTENCE)} |"
    yield f"| What | {prose(type_word(one.workload.type), _NAME)} {code(one.workload.id, _NAME)} |"
    yield f"| From | {code(here, _NAME)} |"
    yield f"| To | {code(told.standby_of(one), _NAME) if one.standby else told.standby_of(one)} |"
    yield f"| Who answers for it | {prose(one.owner, _NAME) if one.owner else _FILL_IN} |"
    yield f"| RTO | {_rto(one)} |"
    yield f"| RPO | {_rpo(one)} |"


def _rto(one: Recovery) -> str:
    if one.rto is None:
        return "not declared"
    if one.outcome in (Outcome.AFTER, Outcome.RECOVERS):
        return f"{duration.words(one.rto)}. {told.held_against_rto(one)}"
    why = "it does not recover" if one.outcome is Outcome.FAILS else "nobody can tell whether it recovers"
    return f"{duration.words(one.rto)}, {against_rto(one)}: {why}"


def _rpo(one: Recovery) -> str:
    if one.rpo is None:
        return "not declared"
    if one.image_age is None:
        return f"{duration.words(one.rpo)}; which images are missing was not seen"
    if not one.image_age:
        return f"{duration.words(one.rpo)}; no image is missing"
    verdict = "missed" if against_rpo(one) is Objective.MISSED else "met"
    return (
        f"{duration.words(one.rpo)}, {verdict}: the oldest image that is missing is {duration.words(one.image_age)} old"
    )


def _steps(one: Recovery) -> Iterator[str]:
    if one.outcome is Outcome.RECOVERS:
        yield "Nothing has to be done before it takes over."
        yield ""
        return
    if not one.actions:
        return
    yield "Start it:" if one.outcome is Outcome.AFTER else "Start it, once it can start:"
    yield ""
    for number, action in enumerate(one.actions, 1):
        yield f"{number}. [ ] {prose(action.title, _SENTENCE)} ({prose(told.takes(action), _SENTENCE)})"
        yield ""
        if action.command:
            yield from _block([action.command], 3)
        else:
            yield f"   {_FILL_IN} the command."
            yield ""


def _back(one: Recovery, report: DrillReport) -> Iterator[str]:
    undo = [action.undo for action in reversed(one.actions) if action.undo]
    if not undo:
        return
    yield (
        f"Way back, once {prose(told.lost(report.drill.loss), _NAME)} is there again: drill it first with"
        " `--fail-back`, send traffic back, and then"
    )
    yield ""
    yield from _block(undo)


def _end(report: DrillReport) -> Iterator[str]:
    waiting = report.drill.waiting
    if waiting:
        names = [code(one.name or one.id, _NAME) for one in waiting[:_MOST_NAMES]]
        more = f" and {len(waiting) - _MOST_NAMES:,} more" if len(waiting) > _MOST_NAMES else ""
        yield f"Standbys that run there or pull from there: {', '.join(names)}{more}."
        yield ""
    for sentence in told.unmatched(report):
        yield from (prose(sentence, _SENTENCE), "")
    yield f"Workloads that the loss does not touch: {report.drill.others:,}."


def _block(commands: Sequence[str], indent: int = 0) -> Iterator[str]:
    for line in fenced("\n".join(commands), _COMMANDS, "sh").splitlines():
        yield f"{' ' * indent}{inert(line)}" if indent else line
    yield ""
