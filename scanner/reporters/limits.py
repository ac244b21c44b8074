"""What limits a report, in sentences: what it leaves out, what nobody scanned, and failures lost sight of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from scanner.finding import UNJUDGED, Baseline, BaselineState, Fate, Former, Report

FATES = {
    Fate.FIXED: "fixed",
    Fate.UNDECIDED: "undecided now",
    Fate.GONE: "gone",
    Fate.NOT_SCANNED: "not looked at",
}
"""What became of a failure of the baseline, in words."""
_MOST_PLACES = 8


def limits(report: Report, *, about_pairs: bool = True) -> Iterator[str]:
    """Yield what a reader has to know before the numbers, one sentence each; those about pairs on request."""
    if report.not_shown:
        yield f"{narrowed(report)}: this is a part of the verdicts and says nothing about the rest."
    if report.baseline:
        yield f"Compared with {compared(report, report.baseline)}."
    if not about_pairs:
        return
    if not report.pairs:
        yield "There are no pairs, so nothing was compared with a standby."
    elif report.pairs_derived:
        yield "The pairs are derived from the registries' replication rules."
    if report.unseen:
        yield not_scanned(report)


def narrowed(report: Report) -> str:
    """Return how many verdicts a report leaves out, and why if it knows."""
    one = report.not_shown == 1
    since = f" that concern{'s' if one else ''} no line changed since {report.changed_since}"
    about = since if report.changed_since else ""
    return f"{report.not_shown:,} verdict{'' if one else 's'}{about} not shown"


def compared(report: Report, baseline: Baseline) -> str:
    """Return what the baseline is, how its failures stand to those of now, and what became of the others.

    Where verdicts are left out, a state that none of those shown is in has no count: it need not be none.
    """
    states = Counter(f.baseline_state for f in report.findings if f.is_open_failure)
    fates = Counter(each.fate for each in baseline.former)
    told = [
        state
        for state in BaselineState
        if states[state] or (not report.not_shown and state is not BaselineState.ABSENT)
    ]
    counts = [f"{states[state]:,} {state.value}" for state in told or [BaselineState.NEW]]
    counts += [f"{fates[fate]:,} {FATES[fate]}" for fate in Fate if fates[fate] or fate is Fate.FIXED]
    return f"{baseline.path}, as of {baseline.as_of:%Y-%m-%d %H:%M} UTC; failures: {', '.join(counts)}"


def not_scanned(report: Report) -> str:
    """Return the primaries of pairs of which nothing was scanned, as a sentence."""
    places = ", ".join(str(place) for place in report.unseen[:_MOST_PLACES])
    what = "the primary of a pair: no verdict is about it"
    if len(report.unseen) > _MOST_PLACES:
        places += f" and {len(report.unseen) - _MOST_PLACES:,} more"
    if len(report.unseen) > 1:
        what = f"which are {len(report.unseen):,} primaries of pairs: no verdict is about them"
    return f"Nothing was scanned of {places}, {what}."


def unjudged(report: Report) -> list[Former]:
    """Return the failures of the baseline of which nobody knows whether they are still there."""
    return [each for each in report.baseline.former if each.fate in UNJUDGED] if report.baseline else []
