"""How long each report takes to write, and how much memory: 100,000 findings.

    python -m benchmarks.reports [--findings 100000] [--only FORMAT] [--quick]

The report is invented: 500 accounts with two Regions, 70 rules, of the findings 8 % fail and 2 % are unknown, a gap in
every twentieth account, and a workload for each two findings that are no passes, which are links of its chain.  Every
format is written in a process of its own, to a file or as many as it takes, as `scan -o` does, and measured from the
report in memory to the last closed file; what is held beyond the report is the most that the process held meanwhile,
less what it held before.  JSON Lines are written twice, the second time of a tenth: the memory is to be the same.
Where the machine is busy, CPU says more than seconds.  Linux only: memory is read from /proc.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tabulate import tabulate

REGIONS = ("us-east-1", "us-west-2")
ACCOUNTS = [f"{100_000_000_000 + number}" for number in range(500)]
RULES = 70
GOALS = {"sarif, full": "< 10 s, < 200 MB", "jsonl": "constant memory"}
VARIANTS: dict[str, dict[str, Any]] = {
    "sarif, full": {"profile": "full"},
    "markdown, comment": {"markdown_for": "comment"},
}
"""Other options of a format, under the name of a row of its own."""


def report(findings: int) -> Any:
    """Return a report with so many findings."""
    from scanner.finding import Input, Report
    from scanner.model import Pair, Place

    rules = tuple(_rule(number) for number in range(RULES))
    found = sorted(
        _findings(findings, rules), key=lambda f: (f.status.value, f.severity.rank, f.rule_id, f.fingerprint)
    )
    return Report(
        tool_version="0.1.0",
        as_of=datetime(2026, 11, 1, tzinfo=UTC),
        inputs=(Input("snapshot", "nightly", "0" * 64),),
        pairs=(Pair(Place(None, REGIONS[0]), Place(None, REGIONS[1])),),
        pairs_derived=False,
        rules=rules,
        findings=tuple(found),
        coverage=tuple(_coverage()),
        recoveries=tuple(_recoveries(found)),
    )


def _rule(number: int) -> Any:
    from scanner.finding import RuleSummary, Severity

    return RuleSummary(
        id=f"group{number % 7}-rule-{number}",
        title=f"What rule {number} asserts holds in the standby",
        severity=list(Severity)[number % 5],
        resource=("AWS::ECR::Repository",),
        rationale="Why this matters, said in about as many words as the rules that ship say it. " * 6,
        remediation="What to do about it.\n\n```\naws ecr put-replication-configuration --cli-input-json file://x\n```\n",
        references=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html",),
        controls={"nist-800-53": ("CP-6", "CP-9"), "aws-well-architected": ("REL13-BP02",)},
        parameters={},
        across=True,
    )


def _findings(count: int, rules: tuple[Any, ...]) -> Iterator[Any]:
    from scanner.finding import Counterpart, Finding, Status
    from scanner.model import Resource, guard

    for number in range(count):
        account, name = ACCOUNTS[number % 500], f"team-{number % 97}/service-{number}"
        status = Status.FAIL if number % 100 < 8 else Status.UNKNOWN if number % 100 < 10 else Status.PASS
        rule = rules[number % RULES]
        arn = f"arn:aws:ecr:{REGIONS[0]}:{account}:repository/{name}"
        twin = f"arn:aws:ecr:{REGIONS[1]}:{account}:repository/{name}"
        resource = Resource(
            "AWS::ECR::Repository",
            arn,
            name,
            account,
            REGIONS[0],
            guard({}),
            tags={"team": f"team-{number % 97}", "tier": "1"},
            operations=("ecr:DescribeRepositories", "ecr:DescribeImages"),
            observed_at="2026-11-01T00:00:00Z",
        )
        yield Finding(
            rule.id,
            status,
            rule.severity,
            resource,
            f"The digest 'sha256:{number:064x}' that '{name}' runs was looked for in '{account}/{REGIONS[1]}'.",
            counterpart=Counterpart(account, REGIONS[1], twin, status is Status.PASS, "warm-standby"),
            pointer="/ImageTagMutability",
            evidence={"digests": [f"sha256:{number:064x}"], "missing": 1, "expected": "IMMUTABLE"},
            fingerprint=f"{number:032x}",
        )


def _recoveries(findings: list[Any]) -> Iterator[Any]:
    """Yield a workload for each two findings that are no passes; of its other links half hold, half are not needed."""
    from scanner.chain import CHAIN
    from scanner.finding import Status
    from scanner.model import Place
    from scanner.outcome import LinkState, Outcome, Recovery, State

    states = {Status.FAIL: State.BROKEN, Status.UNKNOWN: State.UNKNOWN}
    open = [finding for finding in findings if finding.status in states]
    held = {link.id: LinkState(link.id, State.HOLDS if at % 2 else State.NOT_NEEDED) for at, link in enumerate(CHAIN)}
    for digest, network in zip(open[::2], open[1::2], strict=False):
        links = dict(held)
        for id, one in (("digest", digest), ("network", network)):
            links[id] = LinkState(id, states[one.status], one.message, one.rule_id, one.fingerprint, one.resource)
        resource = digest.resource
        standby = Place(resource.account, REGIONS[1])
        yield Recovery(
            resource, standby, "warm-standby", Outcome.FAILS, digest.message, tuple(links.values()), tier="tier-1"
        )


def _coverage() -> Iterator[Any]:
    from scanner.finding import Coverage

    for at, account in enumerate(ACCOUNTS):
        for region in REGIONS:
            for service in ("ecr", "ecs", "eks", "lambda"):
                gap = at % 20 == 0 and service == "ecr"
                errors = (("AccessDeniedException", 3),) if gap else ()
                status = "partial" if gap else "complete"
                yield Coverage(account, region, service, f"{service}:Describe", status, 12, errors=errors)


def measure(name: str, findings: int) -> dict[str, float]:
    """Write a report of so many findings as the format of a row; return seconds, and MB held beyond it and written."""
    from scanner.output import replacing
    from scanner.reporters import REPORTERS

    subject = report(findings)
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        format = name.partition(",")[0]
        path = Path(folder) / f"report{REPORTERS[format].suffix}"
        before = _forget_peak()
        start, used = time.perf_counter(), time.process_time()
        REPORTERS[format].write_files(subject, path, replacing, **VARIANTS.get(name, {}))
        seconds, cpu = time.perf_counter() - start, time.process_time() - used
        held = (_status("VmHWM") - before) / 1e3
        size = sum(each.stat().st_size for each in Path(folder).iterdir()) / 1e6
        return {"seconds": seconds, "cpu": cpu, "held": held, "size": size}


def _forget_peak() -> int:
    """Make what is held now the most that was ever held; return it in kB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(key: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1])


def _in_process(name: str, findings: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.reports", "--measure", name, "--findings", str(findings)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure every format, or one, and print the table."""
    from scanner.reporters import REPORTERS

    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--only", choices=sorted(REPORTERS))
    parser.add_argument("--quick", action="store_true", help="show that it runs; the figures mean nothing")
    parser.add_argument("--measure", help="measure one format in this process, as JSON")
    options = parser.parse_args()
    findings = 1_000 if options.quick else options.findings
    if options.measure:
        print(json.dumps(measure(options.measure, findings)))
        return
    names = [name for name in (*REPORTERS, *VARIANTS) if options.only in (None, name.partition(",")[0])]
    rows = [_row(name, count) for name in names for count in (findings, *([findings // 10] if name == "jsonl" else []))]
    print(
        tabulate(
            rows,
            headers=["format", "findings", "seconds", "CPU", "MB held", "MB written", "goal"],
            disable_numparse=True,
        )
    )


def _row(name: str, findings: int) -> list[str]:
    found = _in_process(name, findings)
    numbers = [f"{found['seconds']:.1f}", f"{found['cpu']:.1f}", f"{found['held']:.0f}", f"{found['size']:.1f}"]
    return [name, f"{findings:,}", *numbers, GOALS.get(name, "")]


if __name__ == "__main__":
    main()
