"""Lose something, and see what becomes of each workload that goes with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from scanner.chain import NEEDS
from scanner.drill.actions import image_age, needed_actions
from scanner.drill.checks import checks
from scanner.drill.judge import Verdicts, judged, links
from scanner.drill.shared import Shared, shared
from scanner.drill.subjects import STARTERS, Subjects, references_of
from scanner.finding import Finding
from scanner.loss import Loss
from scanner.model import InsufficientData, Model, Pair, Resource, Twin
from scanner.outcome import Action, LinkState, Outcome, Recovery, State
from scanner.recovery import TIER, objective, pairs_to, tier_of, workloads_by_tier
from scanner.references import FUNCTION, WORKLOADS
from scanner.rule import Rule
from scanner.starters import is_disabled, started

PAIR = "pair"
"""The link that is judged here where no pair has the workload's place as its primary."""
_REGION = "AWS::Account::Region"


@dataclass(frozen=True)
class Drill:
    """What a loss does: a verdict for each workload that goes with it, worst first.

    `waiting` are workloads of a standby that are lost with it and are to be recovered nowhere, `others` is how many
    workloads the loss does not touch.  `unseen` says why other workloads may go with it that nobody saw.
    """

    loss: Loss | None
    recoveries: tuple[Recovery, ...]
    waiting: tuple[Resource, ...] = ()
    others: int = 0
    unseen: tuple[str, ...] = ()

    @property
    def shared(self) -> tuple[Shared, ...]:
        """Return what is broken for more than one workload, that for the most first."""
        return shared(self.recoveries)


def simulate(
    model: Model,
    findings: Iterable[Finding],
    rules: Sequence[Rule],
    loss: Loss | None = None,
    *,
    fail_back: bool = False,
) -> Drill:
    """Take each workload that goes with a loss through its chain; None loses each primary, one after the other.

    `findings` are those of `rules` about `model`.  Links that none of the rules judges are left out of the chains.
    With `fail_back` the pairs of the model are turned round, and what stands in for a workload goes back to that.
    """
    found = chains(model, findings, rules, loss, fail_back=fail_back)
    tiers = workloads_by_tier(model) if any(one.needs for one in found.recoveries) else {}
    return replace(found, recoveries=settled(found.recoveries, tiers))


def chains(
    model: Model,
    findings: Iterable[Finding],
    rules: Sequence[Rule],
    loss: Loss | None = None,
    *,
    fail_back: bool = False,
) -> Drill:
    """Do what `simulate` does for each workload alone, in no order, whatever becomes of what it depends on.

    So the parts of an estate can be looked at one by one; `settled` makes one of what is found in all of them.
    """
    verdicts = Verdicts(findings, rules)
    found = [one for type in (*WORKLOADS, *STARTERS) for one in _workloads(type, model)]
    stand_ins = _stand_ins(found, model)
    recoveries: dict[tuple[object, ...], Recovery] = {}
    waiting, others = [], 0
    for workload in found:
        hit, unread = _is_hit(workload, loss, model) if loss is not None else (True, "")
        if not hit and not unread:
            others += 1
            continue
        pairs, doubt = _pairs(workload, model)
        if fail_back:
            pairs = _back(workload, pairs, model)
        if not pairs and not doubt and workload.id in stand_ins:
            waiting.append(workload)
            continue
        if not hit:
            reason = f"Whether it pulls from what is lost was not seen: {unread.rstrip('.')}."
            told = [_without_standby(workload, LinkState("established", State.UNKNOWN, reason), model)]
        else:
            told = list(_recoveries(workload, pairs, doubt, model, verdicts, loss))
        for one in told:
            key = (one.workload.type, one.name, one.workload.account, one.workload.region, one.standby)
            known = recoveries.get(key)
            if known is None or _gravity(one) < _gravity(known):  # the tasks of a family are one workload
                recoveries[key] = one
    unseen = tuple(sorted(_unseen(loss, model))) if loss is not None else ()
    return Drill(loss, tuple(recoveries.values()), tuple(waiting), others, unseen)


def settled(recoveries: Sequence[Recovery], tiers: Collection[str | None]) -> tuple[Recovery, ...]:
    """Return the recoveries as they are once what their tiers depend on is counted, worst first.

    `tiers` are those of which a workload was seen, lost or not.
    """
    return tuple(sorted(_with_needs(recoveries, tiers), key=_gravity))


def _unseen(loss: Loss, model: Model) -> set[str]:
    """Return why workloads that go with a loss may not have been seen; what pulls from a registry may be anywhere."""
    gaps = {gap for type in (*WORKLOADS, *STARTERS) for gap in model.gaps_hiding(type)}
    anywhere = loss.kind in ("registry", "repository")
    return {
        str(gap)
        for gap in gaps
        if anywhere
        or (
            (loss.account is None or gap.account in (None, loss.account))
            and (loss.region is None or gap.region in (None, loss.region))
        )
    }


def _workloads(type: str, model: Model) -> Iterator[Resource]:
    """Yield what runs, and what files declare that does not run yet."""
    found = [one for one in model.subjects(type) if _is_workload(one)]
    live = {(one.name, one.account, one.region) for one in found if not one.locations}
    for one in found:
        if model.planned or not one.locations or (one.name, one.account, one.region) not in live:
            yield one


def _is_workload(resource: Resource) -> bool:
    """Tell whether something runs containers: functions may be archives, and rules start other things than tasks."""
    try:
        if resource.type == FUNCTION:
            return bool(resource["PackageType"] == "Image")
        if resource.type == "AWS::Batch::JobDefinition" or resource.type not in STARTERS:
            return True
        return bool(started(resource)) and not is_disabled(resource)
    except InsufficientData:
        return True


def _stand_ins(workloads: Iterable[Resource], model: Model) -> frozenset[str]:
    """Return the ids of what stands for a workload in a standby."""
    found = set()
    for workload in workloads:
        with suppress(InsufficientData):
            for twin in model.twins(workload):
                with suppress(InsufficientData):
                    if twin.standby is not None:
                        found.add(twin.standby.id)
    return frozenset(found)


def _is_hit(workload: Resource, loss: Loss, model: Model) -> tuple[bool, str]:
    """Tell whether a workload is lost, or what it pulls from, and else why that was not seen, empty if it was.

    One of which nobody knows where it is may be.
    """
    if workload.account is None or workload.region is None:
        return True, ""
    if loss.takes(workload.type, workload.id, workload.name, workload.account, workload.region):
        return True, ""
    if loss.kind == "cluster":
        return False, ""
    try:
        keys = (reference.key for reference in references_of(workload, model))
        return any(key is not None and loss.takes_repository(*key) for key in keys), ""
    except InsufficientData as gap:
        return False, str(gap)


def _pairs(workload: Resource, model: Model) -> tuple[Sequence[Pair], str]:
    try:
        return model.pairs_of(workload.place), ""
    except InsufficientData as gap:
        return (), str(gap)


def _back(workload: Resource, pairs: Sequence[Pair], model: Model) -> Sequence[Pair]:
    """Return the pairs whose other side may have the workload; all of them where none has it for certain."""

    def may_have(pair: Pair) -> bool:
        with suppress(InsufficientData):
            return Twin(model, workload, pair).standby is not None
        return True

    return [pair for pair in pairs if may_have(pair)] or pairs


def _recoveries(
    workload: Resource, pairs: Sequence[Pair], doubt: str, model: Model, verdicts: Verdicts, loss: Loss | None
) -> Iterator[Recovery]:
    if not pairs:
        doubt = doubt or _may_stand_in(workload, model)
        state, reason = State.UNKNOWN, f"Which standby it has is not known: {doubt.rstrip('.')}."
        if not doubt:
            state = State.BROKEN
            reason = f"No pair has '{workload.place}' as its primary, so nothing takes over what runs there."
        link = LinkState(PAIR, state, reason, "workload-region-has-standby")
        with suppress(InsufficientData):  # of what is in no place that is known
            link = judged(link, tuple(model.in_place(_REGION, workload.place)), verdicts)
        yield _without_standby(workload, link, model)
    for pair in pairs:
        subjects = Subjects(workload, pair, model)
        chain = tuple(links(subjects, verdicts, loss))
        actions, unseen = needed_actions(subjects, verdicts, model)
        found = _recovery(workload, pair, chain, actions, unseen, model)
        # A scan leaves the checks out of its report.
        yield replace(found, image_age=image_age(subjects, model), checks=checks(subjects, model) if loss else ())


def _may_stand_in(workload: Resource, model: Model) -> str:
    """Return why what is in a standby may stand in for something that nobody saw, empty if it does for nothing."""
    try:
        pairs = pairs_to(model, workload.place)
    except InsufficientData as gap:
        return str(gap)
    hidden = (model.hidden(workload.type, pair.primary) for pair in pairs)
    return next((f"what it may stand in for was not all seen: {gap}" for gap in hidden if gap), "")


def _without_standby(workload: Resource, link: LinkState, model: Model) -> Recovery:
    return _recovery(workload, None, (link,), (), "", model)


def _recovery(
    workload: Resource,
    pair: Pair | None,
    chain: tuple[LinkState, ...],
    actions: tuple[Action, ...],
    unseen: str,
    model: Model,
) -> Recovery:
    tier, doubt = _tier(workload, model)
    if doubt:
        chain = (*chain, LinkState(NEEDS.id, State.UNKNOWN, f"What it depends on is not known: {doubt.rstrip('.')}."))
    outcome, reason = _outcome(chain, actions, unseen)
    rto, rpo = (objective(tier, name) if tier else None for name in ("Rto", "Rpo"))
    return Recovery(
        workload,
        pair.standby if pair else None,
        pair.dr_class if pair else None,
        outcome,
        reason,
        chain,
        actions,
        tier=tier.name if tier else None,
        owner=tier["Owner"] if tier else None,
        needs=tuple(tier["DependsOn"] or ()) if tier else (),
        rto=rto if rto is not None or pair is None else pair.rto,
        rpo=rpo if rpo is not None or pair is None else pair.rpo,
    )


def _tier(workload: Resource, model: Model) -> tuple[Resource | None, str]:
    """Return the tier of a workload, and why that is not known, where it matters: where tiers depend on others."""
    try:
        return tier_of(model, workload), ""
    except InsufficientData as gap:
        return None, str(gap) if any(tier["DependsOn"] for tier in model.of_type(TIER)) else ""


def _outcome(chain: Sequence[LinkState], actions: Sequence[Action], unseen: str) -> tuple[Outcome, str]:
    """Return the verdict and why: a link that is broken decides before one that is unknown, in the chain's order."""
    broken = next((link for link in chain if link.state is State.BROKEN), None)
    if broken is not None:
        return Outcome.FAILS, broken.reason
    unknown = next((link for link in chain if link.state is State.UNKNOWN), None)
    if unknown is not None:
        return Outcome.UNKNOWN, unknown.reason
    if not any(link.state is State.HOLDS for link in chain):
        return Outcome.UNKNOWN, "No rule that was asked applies to it."
    if unseen:
        return Outcome.UNKNOWN, f"What has to be done was not all seen: {unseen.rstrip('.')}."
    if actions:
        return Outcome.AFTER, " ".join(action.title for action in actions)
    return Outcome.RECOVERS, "Every link that it needs and that was judged holds."


def _with_needs(recoveries: Sequence[Recovery], tiers: Collection[str | None]) -> Iterator[Recovery]:
    """Yield each recovery as it is once what its tier depends on is counted; tiers never depend in a circle."""
    by_tier: dict[str | None, list[Recovery]] = {}
    for one in recoveries:
        by_tier.setdefault(one.tier, []).append(one)
    worst: dict[str, Recovery | None] = {}

    def worst_of(tier: str) -> Recovery | None:
        if tier not in worst:
            worst[tier] = None  # what a damaged configuration turns in circles ends here
            found = [_after_needs(one, worst_of, tiers) for one in by_tier.get(tier, ())]
            worst[tier] = min(found, key=_gravity, default=None)
        return worst[tier]

    for one in recoveries:
        yield _after_needs(one, worst_of, tiers)


_LASTING = {Outcome.FAILS: State.BROKEN, Outcome.UNKNOWN: State.UNKNOWN}


def _after_needs(one: Recovery, worst_of: Callable[[str], Recovery | None], tiers: Collection[str | None]) -> Recovery:
    if not one.needs:
        return one
    state, reason = State.HOLDS, ""
    for tier in one.needs:
        other = worst_of(tier)
        found = _LASTING.get(other.outcome, State.HOLDS) if other else State.HOLDS
        if other is None and tier not in tiers:
            found = State.UNKNOWN
        if _SEVERE.index(found) < _SEVERE.index(state):
            verb = "does not recover" if found is State.BROKEN else "may not recover"
            what = f"of which '{other.name}' {verb}" if other else "of which nothing was seen"
            state, reason = found, f"It depends on tier '{tier}', {what}."
    chain = (*one.links, LinkState(NEEDS.id, state, reason))
    if one.outcome in _LASTING:
        return replace(one, links=chain)
    outcome = next((outcome for outcome, lasting in _LASTING.items() if lasting is state), one.outcome)
    return replace(one, links=chain, outcome=outcome, reason=reason or one.reason)


_SEVERE = (State.BROKEN, State.UNKNOWN, State.HOLDS)
_OUTCOMES = list(Outcome)


def _gravity(one: Recovery) -> tuple[object, ...]:
    standby = tuple(map(str, one.standby or ()))
    place = (str(one.workload.account), str(one.workload.region))
    return _OUTCOMES.index(one.outcome), one.name, one.workload.type, place, standby, one.workload.id
