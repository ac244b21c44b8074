"""Sample reports for the tests of the reporters: one as a real scan gives it, one empty, one hostile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

from scanner.finding import (
    Baseline,
    BaselineState,
    BrokenRule,
    Counterpart,
    Coverage,
    Exemption,
    ExemptionState,
    Fate,
    Finding,
    Former,
    Input,
    Report,
    RuleSummary,
    Severity,
    Status,
    Step,
)
from scanner.model import Location, Pair, Place, Resource, guard
from scanner.outcome import Action, LinkState, Outcome, Recovery, State
from scanner.references import WORKLOADS

ACCOUNT, OTHER = "111122223333", "444455556666"
EAST, WEST = Place(ACCOUNT, "us-east-1"), Place(ACCOUNT, "us-west-2")
AS_OF = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
DIGEST = "sha256:" + "5f" * 32
HOSTILE = (
    "<script>alert(1)</script> \x1b[31mred\x1b[0m \u202egnp\u202c \u200f%00%2e%2e ../../etc"
    " \x00 \udc80 'quo\"ted' |\u2028a](1)"
)


def rule(
    id: str, title: str, severity: Severity, resource: str = "AWS::ECR::Repository", **fields: object
) -> RuleSummary:
    values: dict[str, object] = {
        "rationale": f"{title}; otherwise the standby\ncannot take over.",
        "remediation": "Push the image to the standby, or start a replication backfill.\n\n```\naws ecr help\n```\n",
        "references": ("https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html", "RFC 1925"),
        "controls": {"nist-800-53": ("CP-6", "CP-9(6)"), "aws-well-architected": ("REL13-BP02",)},
        "parameters": {"grace": "60m"},
        "across": True,
    }
    return RuleSummary(id=id, title=title, severity=severity, resource=(resource,), **{**values, **fields})


DIGEST_RULE = rule(
    "image-running-digest-in-standby", "Images that run are in the standby", Severity.CRITICAL, "AWS::ECS::Service"
)
PARITY_RULE = rule("repository-tag-mutability-parity", "Tag mutability is the same in the standby", Severity.MEDIUM)
POLICY_RULE = rule(
    "repository-policy-parity", "The repository policy admits the same accounts in the standby", Severity.HIGH
)
INFO_RULE = rule(
    "registry-scan-type", "The registry scans images", Severity.INFO, controls={"acme": ("A 1",)}, references=()
)


def repository(name: str, place: Place = EAST, **fields: object) -> Resource:
    values: dict[str, object] = {
        "tags": {"team": "payments", "a": "1"},
        "operations": ("ecr:DescribeRepositories",),
        "observed_at": "2026-11-20T05:59:58Z",
    }
    id = f"arn:aws:ecr:{place.region}:{place.account}:repository/{name}"
    return Resource("AWS::ECR::Repository", id, name, *place, guard({"RepositoryName": name}), **{**values, **fields})


def service(name: str, place: Place = EAST) -> Resource:
    id = f"arn:aws:ecs:{place.region}:{place.account}:service/{name}"
    return Resource("AWS::ECS::Service", id, name, *place, guard({}), operations=("ecs:DescribeServices",))


def templated(name: str, path: str, line: int) -> Resource:
    where = {"": Location(path, line, 3, line + 8, 4), "/ImageTagMutability": Location(path, line + 2, 7)}
    return repository(name, operations=(), observed_at=None, locations=where)


def finding(rule: RuleSummary, status: Status, resource: Resource, message: str, **fields: object) -> Finding:
    standby = Counterpart(ACCOUNT, "us-west-2", None, False, "warm-standby")
    counterpart = fields.pop("counterpart", standby)
    key = f"{rule.id}\0{resource.id}\0{counterpart.region if counterpart else ''}\0{fields.get('pointer', '')}"
    fingerprint = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    values = {"counterpart": counterpart, "fingerprint": fingerprint, **fields}
    return Finding(rule.id, status, rule.severity, resource, message, **values)


WAIVED = Exemption(
    PARITY_RULE.id,
    "*:repository/sandbox/*",
    "Sandboxes are not recovered",
    "platform",
    date(2027, 3, 1),
    Location("regionproof.yaml", 12, 5),
)
EXPIRED = replace(WAIVED, resource="*:repository/legacy/*", reason="Goes away in summer", expires=date(2026, 9, 30))
UNUSED = replace(WAIVED, rule=POLICY_RULE.id, resource="*:repository/gone", location=None)
DENIED = "The lifecycle policy was not seen: ecr:GetLifecyclePolicy in 111122223333/us-west-2: AccessDeniedException."
PRESENT = Counterpart(
    ACCOUNT, "us-west-2", f"arn:aws:ecr:us-west-2:{ACCOUNT}:repository/payments/api", True, "warm-standby"
)


PATH = (
    Step(
        "workload",
        "AWS::ECS::Service",
        service("payments/api").id,
        "payments/api",
        *EAST,
        Location("infra/ecs.yaml", 4),
    ),
    Step(
        "definition", "AWS::ECS::TaskDefinition", f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/api:7", "api", *EAST
    ),
    Step("image", "AWS::ECR::Repository", repository("payments/api").id, "payments/api", *EAST, None, DIGEST, True),
    Step("replica", "AWS::ECR::Repository", PRESENT.id, "payments/api", *WEST, None, DIGEST, False),
)
ABROAD = repository("ledger", Place(OTHER, "eu-west-1"))
UNSEEN = Counterpart(OTHER, "eu-central-1", None, None)


def _findings() -> list[Finding]:
    missing = f"The digest '{DIGEST}' that container 'app' runs is not in 'us-west-2'."
    stale = "2 of 3 containers run images that are not in 'us-west-2', the oldest pushed on '2026-10-02'."
    differs = "'ImageTagMutability' is 'IMMUTABLE' here and 'MUTABLE' in the standby"
    same = "The policies admit the same accounts."
    return [
        replace(_digest_failure("payments/api", missing, missing=1, digests=[DIGEST]), path=PATH),
        _digest_failure("payments/worker", stale, missing=2),
        finding(POLICY_RULE, Status.FAIL, ABROAD, "The standby repository has no policy.", counterpart=UNSEEN),
        _parity_failure(repository("payments/api"), differs, counterpart=PRESENT),
        _parity_failure(templated("billing/a b", "infra/stacks/ecr #1.yaml", 14), differs),
        _parity_failure(repository("sandbox/try"), differs, exemption=WAIVED),
        *(finding(POLICY_RULE, Status.UNKNOWN, repository(f"team/{n}"), DENIED) for n in range(3)),
        finding(PARITY_RULE, Status.UNKNOWN, repository("team/9"), DENIED),
        *(finding(POLICY_RULE, Status.PASS, repository(f"ok/{n}"), same) for n in range(4)),
        finding(INFO_RULE, Status.NOT_APPLICABLE, repository("ok/0"), "Nothing replicates here.", counterpart=None),
    ]


def _digest_failure(name: str, message: str, **evidence: object) -> Finding:
    related = (repository(name),)
    return finding(DIGEST_RULE, Status.FAIL, service(name), message, evidence=evidence, related=related)


def _parity_failure(resource: Resource, message: str, **fields: object) -> Finding:
    return finding(PARITY_RULE, Status.FAIL, resource, message, pointer="/ImageTagMutability", **fields)


def _coverage() -> tuple[Coverage, ...]:
    done = [
        Coverage(account, region, service, operation, "complete", 3)
        for account, region in ((ACCOUNT, "us-east-1"), (ACCOUNT, "us-west-2"), (OTHER, "eu-west-1"))
        for service, operation in (("ecr", "ecr:DescribeRegistry"), ("ecs", "ecs:ListClusters"))
    ]
    denied = Coverage(
        ACCOUNT, "us-west-2", "ecr", "ecr:GetLifecyclePolicy", "failed", 9, errors=(("AccessDeniedException", 9),)
    )
    slow = Coverage(
        ACCOUNT,
        "us-east-1",
        "ecs",
        "ecs:DescribeTasks",
        "partial",
        40,
        errors=(("ThrottlingException", 2), ("InternalFailure", 1)),
    )
    broken = Coverage(
        "",
        "",
        "file",
        "infra/broken.yaml",
        "failed",
        1,
        errors=(("ParseError", 1),),
        message="line 3: found a tab where indentation was expected",
    )
    fine = Coverage("", "", "file", "infra/stacks/ecr #1.yaml", "complete", 1)
    return (*done, denied, slow, broken, fine)


def recovery(found: Finding) -> Recovery:
    """Return what becomes of a workload of which but one thing is known."""
    outcome, state = {
        Status.FAIL: (Outcome.FAILS, State.BROKEN),
        Status.UNKNOWN: (Outcome.UNKNOWN, State.UNKNOWN),
    }.get(found.status, (Outcome.RECOVERS, State.HOLDS))
    link = LinkState("digest", state, found.message, found.rule_id, found.fingerprint, found.resource)
    links = (LinkState("pair", State.HOLDS), link, LinkState("delivery", State.NOT_NEEDED))
    return Recovery(found.resource, WEST, "warm-standby", outcome, found.message, links, rto=timedelta(minutes=30))


def recoveries(found: Iterable[Finding]) -> tuple[Recovery, ...]:
    """Return what becomes of the workloads that findings are about, of each the worst, as outlines."""
    about: dict[str, Recovery] = {}
    worst = (Status.FAIL, Status.UNKNOWN)
    for each in sorted(found, key=lambda one: worst.index(one.status) if one.status in worst else len(worst)):
        if each.resource.type in WORKLOADS and each.status is not Status.NOT_APPLICABLE:
            about.setdefault(each.resource.id, recovery(each).outline())
    return tuple(sorted(about.values(), key=lambda one: list(Outcome).index(one.outcome)))


def sample() -> Report:
    """Return a report with every kind of finding, from a snapshot and from files."""
    return Report(
        tool_version="0.1.0",
        as_of=AS_OF,
        inputs=(Input("snapshot", "nightly/2026-11-20", "0f" * 32), Input("iac", "infra", "1e" * 32)),
        pairs=(
            Pair(EAST, WEST, "warm-standby", timedelta(hours=1), timedelta(minutes=30)),
            Pair(Place(None, "eu-west-1"), Place(None, "eu-central-1")),
        ),
        pairs_derived=False,
        rules=(PARITY_RULE, DIGEST_RULE, POLICY_RULE, INFO_RULE),
        findings=tuple(_findings()),
        coverage=_coverage(),
        exemptions=(
            (WAIVED, ExemptionState.ACTIVE),
            (EXPIRED, ExemptionState.EXPIRED),
            (UNUSED, ExemptionState.UNUSED),
        ),
        config_sha256="2d" * 32,
        recoveries=recoveries(_findings()),
    )


def clean() -> Report:
    """Return a report of a live scan in which everything was seen and nothing was found."""
    coverage = tuple(row for row in _coverage() if row.status == "complete" and row.service != "file")
    passed = tuple(each for each in _findings() if each.status is Status.PASS)
    return replace(
        sample(),
        inputs=sample().inputs[:1],
        findings=passed,
        coverage=coverage,
        exemptions=(),
        recoveries=recoveries(passed),
    )


def nothing() -> Report:
    """Return a report of nothing at all."""
    return Report("0.1.0", AS_OF, (), (), True, (), (), (), recoveries=())


def baseline() -> Baseline:
    """Return a baseline of which one failure was mended and another could not be judged again."""
    lost, mended = (finding(DIGEST_RULE, Status.FAIL, service(f"shop/{name}"), "No.") for name in ("lost", "mended"))
    former = (Former(lost, Fate.UNDECIDED, "A call was denied."), Former(mended, Fate.FIXED, "It is there."))
    return Baseline("monday.json", "0" * 64, "scan", AS_OF, former)


FATES = {Fate.FIXED: "mended", Fate.GONE: "sold", Fate.UNDECIDED: "hidden", Fate.NOT_SCANNED: "elsewhere"}


def compared() -> Report:
    """Return a part of a report that was compared with a baseline: each state, each fate, and one that passes now."""
    states = {"payments/api": BaselineState.UPDATED, "payments/worker": BaselineState.UNCHANGED}
    passing = next(each for each in _findings() if each.status is Status.PASS)
    found = tuple(
        replace(each, baseline_state=states.get(each.resource.name or "", BaselineState.NEW)) for each in _findings()
    )
    gone = {fate: finding(DIGEST_RULE, Status.FAIL, service(f"shop/{name}"), "No.") for fate, name in FATES.items()}
    former = [
        Former(replace(each, baseline_state=BaselineState.ABSENT), fate, f"It is {FATES[fate]}.")
        for fate, each in gone.items()
    ]
    former.append(Former(replace(passing, status=Status.FAIL), Fate.FIXED, "It passes."))
    kept = Baseline("monday.json", "0" * 64, "scan", AS_OF, tuple(former))
    return replace(sample(), findings=found, baseline=kept, not_shown=1_200, changed_since="main")


def hostile() -> Report:
    """Return a report in which every text that comes from outside is an attack, and some are very long."""
    return attacked(HOSTILE)


def attacked(text: str, long: str = "x" * 1_000_000) -> Report:
    """Return a report in which every text that comes from outside is one of two."""
    bad = rule(
        text,
        text,
        Severity.HIGH,
        rationale=text * (100 if len(text) < 1000 else 1),
        remediation=text,
        references=(text, "javascript:x"),
        controls={text: (text,)},
    )
    resources = [
        repository(text, tags={text: text}),
        repository(long),
        replace(service(f"..//{text}/\\a:b"), id=f"{text}#Web", name=None, account=None, region=None),
        replace(service(text), id=text, name=text),
        repository("iac", locations={"": Location(f"/abs/../C:\\{text}.tf", 7, 3, 6, 1)}),
        repository("iac", locations={"": Location(long, 1)}),
    ]
    evidence = {
        text: text,
        "nan": float("nan"),
        "when": AS_OF,
        "deep": _deep(text, 500),
        "ids": {"b", "a"},
        "hidden": guard({"A": long[:10_000]}),
    }
    coverage = Coverage(text, text, text, text, "failed", 1, errors=((text, 1),), message=long)
    exemption = Exemption(text, text, text, text, date(2027, 1, 1), Location(text, 1))
    standby = Counterpart(text, text, text, None, text)
    findings = [
        finding(bad, status, each, said, evidence=evidence, counterpart=standby, related=(each,), pointer=f"/{text}")
        for each in resources
        for status in (Status.FAIL, Status.UNKNOWN)
        for said in (text, long)
    ]
    findings.append(replace(findings[0], exemption=exemption))
    step = Step("image", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, Location(f"/..\\../{HOSTILE}", 0), HOSTILE, None)
    findings.append(
        replace(findings[0], path=(step, replace(step, kind="workload", id=long, name=long, location=None)))
    )
    distinct = (replace(each, fingerprint=f"{at:016x}" * 2) for at, each in enumerate(findings))
    lost = [
        Former(replace(findings[at], fingerprint=f"{at:032x}"[::-1]), fate, said)
        for at, (fate, said) in enumerate(product(Fate, (text, long)))
    ]
    return replace(
        nothing(),
        changed_since=text,
        not_shown=3,
        baseline=Baseline(text, "0" * 64, f"{0:08}-0000-4000-8000-{0:012}", AS_OF, tuple(lost)),
        inputs=(Input("snapshot", text, "0" * 64),),
        rules=(bad,),
        findings=tuple(distinct),
        coverage=(coverage, replace(coverage, service="file")),
        exemptions=((exemption, ExemptionState.EXPIRED), (exemption, ExemptionState.ACTIVE)),
        pairs=(Pair(Place(text, text), Place(text, text), text),),
        broken_rules=(BrokenRule(text, long, 2),),
        recoveries=tuple(_attacked_recoveries(text, long, resources)),
    )


def _attacked_recoveries(text: str, long: str, workloads: Sequence[Resource]) -> Iterator[Recovery]:
    link = LinkState("digest", State.BROKEN, text, text, "0" * 32, workloads[0], "2027-03-01", (text,))
    links = (link, LinkState(text, State.UNKNOWN, text))
    actions = (Action(text, text, timedelta(1), text, text),)
    more = {"tier": text, "owner": text, "needs": (text,), "rpo": timedelta(1), "image_age": timedelta(2)}
    for workload in workloads[2:4]:
        for outcome in Outcome:
            yield Recovery(workload, Place(text, text), text, outcome, text, links, actions, **more)
    yield Recovery(workloads[1], None, None, Outcome.FAILS, long, (replace(link, reason=long),))


def _deep(value: object, depth: int) -> object:
    for _ in range(depth):
        value = [value]
    return value
