"""A recovery held against its objectives: how long it takes against RTO, and what would be lost against RPO."""

from __future__ import annotations

from enum import StrEnum

from scanner.outcome import Outcome, Recovery


class Objective(StrEnum):
    """Whether an objective is met."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "not known"
    NONE = "not declared"


def against_rto(one: Recovery) -> Objective:
    """Return whether a workload is back within its RTO: one that does not recover is not."""
    if one.rto is None:
        return Objective.NONE
    if one.outcome is Outcome.FAILS or one.within_rto is False:
        return Objective.MISSED
    return Objective.MET if one.within_rto else Objective.UNKNOWN


def against_rpo(one: Recovery) -> Objective:
    """Return whether what is missing in the standby is younger than the RPO."""
    if one.rpo is None:
        return Objective.NONE
    if one.image_age is None:
        return Objective.UNKNOWN
    return Objective.MISSED if one.image_age > one.rpo else Objective.MET
