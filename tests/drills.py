"""Sample drills for the tests of how they are told: one with every outcome, one of hostile names, one of very many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import reports
from reports import ACCOUNT, AS_OF, DIGEST_RULE, EAST, HOSTILE, PARITY_RULE, WEST

from scanner.chain import CHAIN
from scanner.drill import Drill, DrillReport
from scanner.finding import Coverage, Input
from scanner.loss import Loss
from scanner.model import Place, Resource, guard
from scanner.outcome import Action, LinkState, Outcome, Recovery, State

HOUR = timedelta(hours=1)
PRINT = "0123456789abcdef" * 2
CLUSTER = Resource("AWS::EKS::Cluster", f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/shop", "shop", *EAST, guard({}))
NOT_SEEN = "The images of shop/web were not all listed: AccessDeniedException."
SCALE = Action(
    "Scale 'shop/web' up by 3 to 4 tasks.",
    "aws ecs update-service --region us-west-2 --cluster shop --service web --desired-count 4",
    timedelta(minutes=2),
    "The slowest launch rate of Fargate, by ecs-launch-rate-fits-rto.",
    "aws ecs update-service --region us-west-2 --cluster shop --service web --desired-count 1",
)
CHECK = Action(
    "See the state of 'shop/web'.", "aws ecs describe-services --region us-west-2 --cluster shop --services web"
)
TRAFFIC = Action("Send its traffic to the standby.", basis="The runbook of its tier says how.")


def chain(**states: LinkState) -> tuple[LinkState, ...]:
    """Return a chain of which everything holds but what is given."""
    held = (states.get(link.id, LinkState(link.id, State.HOLDS, rule_id=DIGEST_RULE.id)) for link in CHAIN)
    return tuple(held) + ((states["needs"],) if "needs" in states else ())


def broken(link: str, reason: str, rule: str = DIGEST_RULE.id, subject: Resource | None = None) -> LinkState:
    return LinkState(link, State.BROKEN, reason, rule, PRINT, subject)


def pod(name: str, **fields: object) -> Recovery:
    """Return a workload of a cluster that is not there."""
    id = f"{CLUSTER.id}/{name}"
    workload = Resource("Kubernetes::Deployment", id, f"shop/orders/{name}", *EAST, guard({"Namespace": "orders"}))
    link = broken("cluster", "Cluster 'shop' is not in the standby.", subject=CLUSTER)
    fails = Recovery(workload, WEST, "pilot-light", Outcome.FAILS, link.reason, chain(cluster=link))
    return replace(fails, **fields)


def service(name: str, outcome: Outcome, reason: str = "", **fields: object) -> Recovery:
    values: dict[str, object] = {
        "links": chain(),
        "rto": HOUR,
        "rpo": HOUR,
        "image_age": timedelta(),
        "checks": (CHECK,),
    }
    return Recovery(reports.service(name), WEST, "warm-standby", outcome, reason, **{**values, **fields})


def sample() -> DrillReport:
    """Return a drill with every outcome, and two workloads that fail for one reason."""
    digest = broken(
        "digest", f"The image {reports.DIGEST} is not in the standby.", subject=reports.repository("shop/db")
    )
    unknown = LinkState("digest", State.UNKNOWN, NOT_SEEN, DIGEST_RULE.id, PRINT)
    needs = LinkState("needs", State.HOLDS)
    recoveries = (
        service("shop/db", Outcome.FAILS, digest.reason, links=chain(digest=digest), image_age=3 * HOUR, tier="data"),
        pod("api", tier="front", owner="shop", rto=HOUR, links=chain(cluster=pod("api").links[2], digest=digest)),
        pod("worker"),
        service("shop/web", Outcome.UNKNOWN, NOT_SEEN, links=chain(digest=unknown), image_age=None),
        service(
            "shop/cart",
            Outcome.AFTER,
            SCALE.title,
            actions=(SCALE,),
            tier="front",
            owner="shop",
            needs=("data",),
            links=chain(needs=needs),
        ),
        service(
            "shop/pay",
            Outcome.AFTER,
            f"{SCALE.title} {TRAFFIC.title}",
            actions=(replace(SCALE, estimate=2 * HOUR), TRAFFIC),
        ),
        service("shop/idle", Outcome.RECOVERS, "Every link that it needs and that was judged holds."),
        service(
            "shop/mail", Outcome.RECOVERS, "Every link that it needs and that was judged holds.", rto=None, rpo=None
        ),
    )
    missed = Coverage(ACCOUNT, "us-west-2", "ecr", "ecr:DescribeImages", "partial", 3, 0, (("AccessDenied", 1),))
    waiting = (reports.service("shop/old", WEST),)
    return DrillReport(
        "0.1.0",
        AS_OF,
        (Input("snapshot", "snapshot", "5f" * 32),),
        Drill(Loss.parse("us-east-1"), recoveries, waiting, 7),
        {rule.id: rule for rule in (DIGEST_RULE, PARITY_RULE)},
        ("What 'infra' declares is in place.",),
        ("traffic",),
        (missed,),
    )


def hostile() -> DrillReport:
    """Return a drill in which every text that comes from outside is hostile."""
    evil = Resource("AWS::ECS::Service", HOSTILE, HOSTILE, HOSTILE, HOSTILE, guard({}))
    link = LinkState("digest", State.BROKEN, HOSTILE, HOSTILE, PRINT, evil, also=(HOSTILE,))
    action = Action(HOSTILE, f"aws ecs update-service --cluster '{HOSTILE.replace(chr(39), '')}'", HOUR, HOSTILE)
    one = Recovery(evil, Place(HOSTILE, HOSTILE), HOSTILE, Outcome.FAILS, HOSTILE, chain(digest=link))
    others = (
        replace(one, outcome=Outcome.UNKNOWN, links=chain(digest=replace(link, state=State.UNKNOWN))),
        replace(one, outcome=Outcome.AFTER, links=chain(), actions=(action,), tier=HOSTILE, owner=HOSTILE),
        replace(one, outcome=Outcome.RECOVERS, links=chain()),
    )
    drill = Drill(Loss("account", account=HOSTILE), (one, one, *others), (evil,), 1)
    rule = replace(DIGEST_RULE, id=HOSTILE, title=HOSTILE, remediation=HOSTILE)
    gap = Coverage(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "failed", 1, 0, ((HOSTILE, 1),), HOSTILE)
    inputs, missed = (Input(HOSTILE, HOSTILE, HOSTILE),), (gap,)
    return DrillReport(HOSTILE, AS_OF, inputs, drill, {HOSTILE: rule}, (HOSTILE,), (), missed)


def many(number: int) -> DrillReport:
    """Return a drill of so many workloads of each outcome, none of which fails for the reason of another."""
    few = sample()
    found = []
    for each in few.drill.recoveries:
        for at in range(number):
            reason = f"{each.reason} {at}"
            links = tuple(replace(link, reason=f"{link.reason} {at}") if link.reason else link for link in each.links)
            found.append(replace(each, reason=reason, links=links))
    return replace(few, drill=Drill(few.drill.loss, tuple(found)))
