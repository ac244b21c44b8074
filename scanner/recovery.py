"""What people declare about recovery: tiers with their objectives, drills that were held, runbooks.

They are resources of the model, of types that begin with `Regionproof::`, and have no account and no Region.  Reading
something here that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any

from scanner import duration
from scanner.model import InsufficientData, Model, Pair, Place, Resource
from scanner.references import WORKLOADS
from scanner.workloads import regions_that_fail_over_to

DECLARED = ("GitHub::", "GitLab::", "Regionproof::", "Terraform::")
"""How the types begin of what no account and no template shows; it has no account and no Region."""
TIER = "Regionproof::Recovery::Tier"
DRILL = "Regionproof::Recovery::Drill"
RUNBOOK = "Regionproof::Recovery::Runbook"

REHEARSALS = ("tabletop", "game-day")
"""Scenarios of drills that lose nothing that runs: on paper, and on a served snapshot."""

PLAN = "AWS::ARCRegionSwitch::Plan"

_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_CLUSTERS = ("AWS::ECS::Cluster", "AWS::EKS::Cluster")
_WILD = re.compile(r"[*?\[]")


def tiers(model: Model) -> list[Resource]:
    """Return the tiers that are declared."""
    if gap := model.hidden(TIER):
        raise InsufficientData(f"tiers may be declared unseen: {gap}")
    return list(model.of_type(TIER))


def tier_of(model: Model, workload: Resource) -> Resource | None:
    """Return the tier that covers a cluster, a service, a function or a Kubernetes workload; None if none does.

    The most specific glob decides: one that names the workload itself before one that names its cluster, a name
    before a pattern, a pattern with more letters before one with fewer.  Raises `InsufficientData` where two tiers
    name it equally well, or its name is not known.
    """
    declared = tiers(model)
    if not declared:
        return None
    if workload.name is None:
        raise InsufficientData(f"the name of '{workload.id}' is not known, so its tier is not either")
    ranked = sorted(
        ((rank, tier) for tier in declared if (rank := _rank(tier, workload.type, workload.name))),
        key=lambda pair: pair[0],
        reverse=True,
    )
    if not ranked:
        return None
    best = [tier for rank, tier in ranked if rank == ranked[0][0]]
    if len(best) > 1:
        names = " and ".join(f"'{tier['Name']}'" for tier in best)
        raise InsufficientData(f"the tiers {names} name '{workload.name}' equally well; name it in one of them")
    return best[0]


def unmatched(model: Model) -> Iterator[tuple[str, str]]:
    """Yield the name of a tier and each of its globs that names nothing that was seen."""
    workloads = (
        (type, one.name) for type in (*_CLUSTERS, *WORKLOADS) for one in model.of_type(type) if one.name is not None
    )
    names = {(_property(type), name) for type, full in workloads for name in _names(type, full)[0]}
    for tier in model.of_type(TIER):
        for property in ("Clusters", "Services", "Functions"):
            known = [name for kind, name in names if kind == property]
            for glob in tier[property] or ():
                if not any(fnmatchcase(name, glob) for name in known):
                    yield str(tier.name), glob


def workloads_by_tier(model: Model) -> dict[str | None, set[str]]:
    """Return the ids of the workloads of each declared tier, by its name; those of no tier are under None."""
    found: dict[str | None, set[str]] = {}
    for type in WORKLOADS if any(model.of_type(TIER)) else ():
        for workload in model.subjects(type):
            with suppress(InsufficientData):
                tier = tier_of(model, workload)
                found.setdefault(tier.name if tier else None, set()).add(workload.id)
    return found


def _rank(tier: Resource, type: str, name: str) -> tuple[bool, bool, int] | None:
    """Return how well a tier names a workload: whether by itself, whether literally, and by how many letters."""
    own, cluster = _names(type, name)
    ranks = [_glob_rank(True, glob) for glob in tier[_property(type)] or () if any(fnmatchcase(n, glob) for n in own)]
    if cluster is not None:
        ranks += [_glob_rank(False, glob) for glob in tier["Clusters"] or () if fnmatchcase(cluster, glob)]
    return max(ranks, default=None)


def _property(type: str) -> str:
    return "Functions" if type == "AWS::Lambda::Function" else "Clusters" if type in _CLUSTERS else "Services"


def _names(type: str, name: str) -> tuple[Sequence[str], str | None]:
    """Return the names a workload goes by, and that of its cluster if it is in one."""
    if type == "AWS::Lambda::Function" or type in _CLUSTERS:
        return (name,), None
    cluster, _, _ = name.partition("/")
    return (name, name.rpartition("/")[2]), cluster


def _glob_rank(itself: bool, glob: str) -> tuple[bool, bool, int]:
    return itself, not _WILD.search(glob), len(_WILD.sub("", glob))


def objective(resource: Resource, name: str) -> timedelta | None:
    """Return a declared duration (`Rto`, `Rpo`) of a tier or a drill, None if it has none."""
    text = resource[name]
    try:
        return None if text is None else duration.parse(text)
    except ValueError as error:
        raise InsufficientData(f"the {name} of '{resource.id}' is no duration: {error}") from error


def iso_duration(text: Any) -> timedelta:
    """Return an ISO 8601 duration of days and less, as ARC Region switch gives them; raise for anything else."""
    match = _ISO.fullmatch(text) if isinstance(text, str) else None
    if match is None or text in ("P", "PT") or text.endswith("T"):
        raise InsufficientData(f"'{text}' is no duration that ISO 8601 knows")
    days, hours, minutes, seconds = (float(part) if part else 0.0 for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def age(model: Model, day: Any) -> timedelta:
    """Return how long before the time of the data a day (YYYY-MM-DD) or a time (RFC 3339) was; negative if after."""
    if day is None:
        raise InsufficientData("when that was is not given")
    try:
        return timedelta(days=(model.as_of.date() - date.fromisoformat(str(day)[:10])).days)
    except ValueError as error:
        raise InsufficientData(f"'{day}' is no date") from error


def covers(record: Resource, tier: Resource, model: Model) -> bool:
    """Tell whether a drill or a runbook is about a whole tier.

    One that names tiers is about those; one that names single workloads is about no whole tier; a drill that names
    a pair alone is about all tiers, if there is but that pair.
    """
    if record["Tiers"]:
        return tier["Name"] in record["Tiers"]
    if record["Workloads"] or not record["Pair"]:
        return False
    regions = record["Pair"]["Primary"], record["Pair"]["Standby"]
    return bool(model.pairs) and all(_is_between(pair, regions) for pair in model.pairs)


def _is_between(pair: Pair, regions: tuple[Any, Any]) -> bool:
    """Tell whether a pair is of a primary and a standby; an active-active one is of both either way."""
    own = pair.primary.region, pair.standby.region
    return own == regions or (pair.dr_class == "active-active" and own == regions[::-1])


def pairs_to(model: Model, place: Place) -> list[Pair]:
    """Return the pairs in which `place` is the standby, accounts filled in where they follow.

    Raises `InsufficientData` where `regions_that_fail_over_to` does.
    """
    if not regions_that_fail_over_to(model, place):
        return []
    return [pair for declared in model.pairs_about(place.account) for pair in _towards(declared, place)]


def _towards(pair: Pair, place: Place) -> Iterator[Pair]:
    directions = [(pair.primary, pair.standby)]
    if pair.dr_class == "active-active":
        directions.append((pair.standby, pair.primary))
    for primary, standby in directions:
        if standby.region == place.region and (standby.account or primary.account) in (None, place.account):
            account = primary.account or pair.primary.account or place.account
            yield replace(pair, primary=Place(account, primary.region), standby=place)


def prepared(model: Model, place: Place) -> list[Pair]:
    """Return the pairs whose standby, here, is kept ready: all but those of class backup-restore."""
    return [pair for pair in pairs_to(model, place) if pair.dr_class != "backup-restore"]


def names_cluster_of(workflows: Any, tier: Resource) -> bool:
    """Tell whether a plan of ARC Region switch scales something in a cluster that a tier names."""
    arns = [arn for workflow in workflows or () for step in workflow["Steps"] or () for arn in _cluster_arns(step)]
    names = {arn.rpartition("/")[2] for arn in arns}
    globs = [*(tier["Clusters"] or ()), *(glob.partition("/")[0] for glob in tier["Services"] or () if "/" in glob)]
    return any(fnmatchcase(name, glob) for name in names for glob in globs)


def _cluster_arns(step: Any) -> Iterator[str]:
    for name in step["ExecutionBlockConfiguration"] or ():
        block = step["ExecutionBlockConfiguration"][name]
        for one in [*(block["Services"] or ()), *(block["EksClusters"] or ())]:
            yield str(one["ClusterArn"])
        for inner in block["Steps"] or ():
            yield from _cluster_arns(inner)


def plans_of(model: Model, tier: Resource) -> tuple[list[Resource], list[str]]:
    """Return the plans of ARC Region switch that scale something of a tier, and why there may be more."""
    found: list[Resource] = []
    # A file holds neither executions nor warnings, so one that cannot be read hides none.
    doubts = [str(gap) for gap in model.gaps_hiding(PLAN) if gap.path is None]
    for plan in model.of_type(PLAN):
        try:
            if names_cluster_of(plan["Workflows"], tier):
                found.append(plan)
        except InsufficientData as gap:
            doubts.append(f"which clusters plan '{plan.name}' scales was not seen: {gap}")
    return found, doubts


def is_failover(drill: Resource) -> bool:
    """Tell whether a drill was a failover that succeeded."""
    return bool(drill["Scenario"] == "failover" and drill["Outcome"] == "success")


def recoveries(plan: Resource) -> list[Mapping[str, Any]]:
    """Return the executions of a plan that completed and did without a Region.

    That is to activate another than the primary; where both are active it is to deactivate one.
    """
    done = ("completed", "completedMonitoringApplicationHealth")
    found = [one for one in plan["Executions"] or () if one["ExecutionState"] in done]
    if plan["RecoveryApproach"] == "activeActive":
        return [one for one in found if one["ExecutionAction"] == "deactivate"]
    primary = plan["PrimaryRegion"]
    away = [one for one in found if not primary or one["ExecutionRegion"] != primary]
    return [one for one in away if one["ExecutionAction"] == "activate"]


def waits(workflows: Any) -> bool:
    """Tell whether a plan has a step in which somebody has to approve."""
    steps = [step for workflow in workflows or () for step in workflow["Steps"] or ()]
    return any(_waits(step) for step in steps)


def _waits(step: Any) -> bool:
    blocks = step["ExecutionBlockConfiguration"] or {}
    inner = [one for name in blocks for one in blocks[name]["Steps"] or ()]
    return step["ExecutionBlockType"] == "ManualApproval" or any(_waits(one) for one in inner)
