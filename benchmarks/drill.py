"""How long a drill takes: 10,000 workloads, each link of each chain.

    python -m benchmarks.drill [--workloads 10000] [--quick]

The estate is that of `benchmarks.evaluation`: many accounts alike, each with a primary and a standby Region.  The rules
that judge links are asked first, as in every scan; then the primary Region is lost.  Every part runs in a process of
its own.  Linux only: memory is read from /proc.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from argparse import ArgumentParser

from tabulate import tabulate

from benchmarks.evaluation import PER_REGION, REGIONS, estate

_WORKLOADS = sum(PER_REGION[type] for type in ("AWS::ECS::Service", "AWS::ECS::Task", "AWS::Lambda::Function"))


def measure(workloads: int) -> dict[str, float]:
    """Return seconds of CPU and counts for about so many workloads of the primary."""
    from scanner.config import Config
    from scanner.drill import simulate
    from scanner.engine import assess
    from scanner.loss import Loss
    from scanner.rule import load_rules

    model = estate(400 * -(-workloads // (_WORKLOADS + 1)))
    rules = [rule for rule in load_rules() if rule.link]
    begin = time.process_time()
    findings = assess(model, rules, Config()).findings
    judged = time.process_time()
    drill = simulate(model, findings, rules, Loss.parse(REGIONS[0]))
    done = time.process_time()
    return {
        "workloads": len(drill.recoveries),
        "links": sum(len(one.links) for one in drill.recoveries),
        "rules_s": judged - begin,
        "drill_s": done - judged,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure a tenth and the whole, and print both."""
    parser = ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--workloads", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="A tenth only.")
    parser.add_argument("--part", type=int, help="Measure so many in this process, and print JSON.")
    given = parser.parse_args()
    if given.part:
        print(json.dumps(measure(given.part)))
        return
    sizes = [given.workloads // 10] if given.quick else [given.workloads // 10, given.workloads]
    rows = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.drill", "--part", str(size)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append({**found, "us_a_link": found["drill_s"] / found["links"] * 1e6})
    print(tabulate(rows, headers="keys", floatfmt=".1f"))


if __name__ == "__main__":
    main()
