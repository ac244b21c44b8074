"""How long the rules take, and how much memory: 100,000 resources, every rule there is.

    python -m benchmarks.evaluation [--resources 100000] [--rules 70] [--quick]

The estate is many accounts alike, each with a primary and a standby Region that hold the same, but for a few resources
that are missing or differ; a part of the accounts has calls that were denied.  While there are fewer rules than
`--rules`, the same rules are asked again under other names until there are as many.  Every part runs in a process of
its own.  Linux only: memory is read from /proc.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tabulate import tabulate

REGIONS = ("us-east-1", "us-west-2")
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
PER_REGION = {
    "AWS::ECR::Repository": 44,
    "AWS::ECS::Service": 40,
    "AWS::ECS::TaskDefinition": 40,
    "AWS::ECS::Task": 10,
    "AWS::ECS::Cluster": 2,
    "AWS::EKS::Cluster": 1,
    "AWS::EKS::Nodegroup": 2,
    "AWS::EKS::Addon": 3,
    "AWS::EKS::FargateProfile": 1,
    "AWS::Lambda::Function": 10,
    "AWS::KMS::Key": 3,
    "AWS::KMS::Alias": 3,
    "AWS::EC2::Subnet": 6,
    "AWS::EC2::RouteTable": 3,
    "AWS::EC2::NatGateway": 2,
    "AWS::EC2::VPCEndpoint": 4,
    "AWS::SecretsManager::Secret": 8,
    "AWS::SSM::Parameter": 8,
    "AWS::S3::Bucket": 2,
    "AWS::CloudFormation::Stack": 2,
    "AWS::CodePipeline::Pipeline": 1,
    "AWS::CodeBuild::Project": 1,
    "AWS::Events::Rule": 2,
    "AWS::ECR::Registry": 1,
    "AWS::Account::Region": 1,
}
"""Resources of one account in one Region: 200."""
IMAGES = 4


def estate(resources: int) -> Any:
    """Return the model of about so many resources."""
    from scanner.images import ImageIndex
    from scanner.model import Gap, Model, Pair, Place

    accounts = [f"{100_000_000_000 + number}" for number in range(max(1, resources // 400))]
    places = [Place(account, region) for account in accounts for region in REGIONS]
    denied = [
        Gap("AccessDeniedException", "not allowed", type, account, region, f"{type.split('::')[1].lower()}:List")
        for account in accounts[::25]
        for region in REGIONS
        for type in ("AWS::ECS::Service", "AWS::ECR::Repository", "AWS::KMS::Key")
    ]
    return Model(
        (resource for place in places for resource in _resources(place)),
        gaps=denied,
        pairs=[Pair(Place(None, REGIONS[0]), Place(None, REGIONS[1]))],
        images=ImageIndex({key: listing for place in places for key, listing in _images(place)}),
        scanned=places,
        as_of=AS_OF,
    )


def _resources(place: Any) -> Iterator[Any]:
    from scanner.model import Resource, Unknown, guard
    from scanner.vocabulary import complete, definition

    for type, count in PER_REGION.items():
        for number in range(count):
            if place.region == REGIONS[1] and number % 33 == 32:
                continue  # some are missing in the standby
            name = f"team-{number % 7}/{type.rpartition('::')[2].lower()}-{number}"
            shown = complete(type, _properties(type, name, number, place))
            properties = {key: value for key, value in shown.items() if not isinstance(value, Unknown)}
            names = [str(properties.get(key)) for key in definition(type).get("x-name", ())]
            service = type.split("::")[1].lower()
            yield Resource(
                type,
                f"arn:aws:{service}:{place.region}:{place.account}:{name}",
                "/".join(names) or {"AWS::ECR::Registry": "registry"}.get(type, "region"),
                *place,
                guard(properties),
                operations=(f"{service}:Describe",),
                observed_at="2026-11-01T00:00:00Z",
            )


def _properties(type: str, name: str, number: int, place: Any) -> dict[str, Any]:
    from scanner.vocabulary import definition

    image = f"{place.account}.dkr.ecr.{place.region}.amazonaws.com/team-{number % 7}/repository-{number}:1"
    primary = f"{place.account}.dkr.ecr.{REGIONS[0]}.amazonaws.com/team-{number % 7}/repository-{number}:1"
    made: dict[str, Any] = dict.fromkeys(definition(type).get("x-name", ()), name)
    containers = [{"Name": "app", "Image": primary if number % 10 == 0 else image, "Essential": True}]
    running = [{"ContainerName": "app", "Image": image, "ImageDigest": _digest(name, 0)}]
    return made | {
        "AWS::ECR::Repository": {"ImageTagMutability": ("MUTABLE", "IMMUTABLE")[number % 2]},
        "AWS::ECR::Registry": {"ReplicationConfiguration": _replication(place), "RegistryId": place.account},
        "AWS::ECS::Service": {
            "Cluster": f"cluster-{number % 2}",
            "TaskDefinition": f"arn:aws:ecs:{place.region}:{place.account}:{name.replace('service', 'taskdefinition')}",
            "ContainerImages": running,
            "DesiredCount": number % 4,
            "RunningCount": number % 4,
        },
        "AWS::ECS::Task": {"ContainerImages": running, "Group": f"family:{name}"},
        "AWS::ECS::TaskDefinition": {"ContainerDefinitions": containers},
        "AWS::EKS::Cluster": {"Version": "1.33", "Status": "ACTIVE"},
        "AWS::Account::Region": {"RegionName": place.region, "OptInStatus": "opt-in-not-required"},
    }.get(type, {})


def _replication(place: Any) -> dict[str, Any]:
    if place.region != REGIONS[0]:
        return {"Rules": []}
    filters = [{"Filter": f"team-{team}/", "FilterType": "PREFIX_MATCH"} for team in range(7)]
    return {
        "Rules": [{"Destinations": [{"Region": REGIONS[1], "RegistryId": place.account}], "RepositoryFilters": filters}]
    }


def _digest(name: str, number: int) -> str:
    import hashlib

    return f"sha256:{hashlib.sha256('/'.join((name.rpartition('-')[2], str(number))).encode()).hexdigest()}"


def _images(place: Any) -> Iterator[tuple[Any, Any]]:
    from scanner.images import Image, Listing, RepositoryKey

    for number in range(PER_REGION["AWS::ECR::Repository"]):
        name = f"team-{number % 7}/repository-{number}"
        count = IMAGES - (place.region == REGIONS[1] and number % 20 == 0)
        images = (
            Image(_digest(name, at), tags=(str(at),), pushed_at=datetime(2026, 10, 1, tzinfo=UTC))
            for at in range(count)
        )
        yield RepositoryKey.of(place, name), Listing(tuple(images))


def memory(what: str) -> float:
    """Return this process's VmRSS (now) or VmHWM (at most, since it was last forgotten), in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {what} in /proc/self/status")


def evaluation(resources: int, wanted: int) -> dict[str, Any]:
    """Measure one evaluation of the estate by `wanted` rules, of those there are if it is 0."""
    from scanner.config import Config
    from scanner.engine import assess
    from scanner.rule import load_rules

    present = load_rules()
    copies = islice(cycle(present), max(wanted, len(present)))
    rules = [replace(rule, id=f"{rule.id}-{number}") for number, rule in enumerate(copies)]
    model = estate(resources)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the most memory held so far
    before, cpu, wall = memory("VmRSS"), time.process_time(), time.perf_counter()
    assessed = assess(model, rules, Config())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    statuses = Counter(finding.status.value for finding in assessed.findings)
    return {
        "resources": sum(1 for place in model.scanned for _ in _resources(place)),
        "rules": len(rules),
        "rules present": len(present),
        "findings": len(assessed.findings),
        "statuses": dict(sorted(statuses.items())),
        "broken": [rule.reason for rule in assessed.broken],
        "wall, s": wall,
        "CPU, s": cpu,
        "us a finding": cpu / len(assessed.findings) * 1e6,
        "model, MB": before,
        "beyond the model, MB": memory("VmHWM") - before,
    }


def loading() -> dict[str, Any]:
    """Measure how long it takes to load every rule, the imports that this needs aside."""
    from scanner.rule import load_rules

    load_rules()
    times = []
    for _ in range(5):
        started = time.process_time()
        count = len(load_rules())
        times.append(time.process_time() - started)
    return {
        "rules loaded": count,
        "loading, CPU ms": min(times) * 1000,
        "as much for 70 rules, CPU ms": min(times) / count * 70_000,
    }


def expressions() -> dict[str, Any]:
    """Compare the expressions of all YAML rules with jmespath.py, on resources of their types."""
    import jmespath

    from scanner.expressions import Expression
    from scanner.rule import load_rules, root

    model = estate(4000)
    theirs = ours = 0.0
    for rule in load_rules():
        for text in filter(None, (rule.header.get("when"), rule.header.get("assert"))):
            subjects = [
                twin for type in rule.resource for resource in model.of_type(type) for twin in model.twins(resource)
            ]
            roots = [root(subject) for subject in subjects]
            theirs += _searching(jmespath.compile(text).search, roots)
            ours += _searching(Expression(text).search, roots)
    return {"jmespath.py / compiled": theirs / ours}


def _searching(search: Any, roots: list[Any]) -> float:
    """Return the CPU seconds of the fastest of five rounds of searches."""
    from scanner.model import InsufficientData

    rounds = []
    for _ in range(5):
        started = time.process_time()
        for value in roots:
            try:
                search(value)
            except InsufficientData:
                continue
        rounds.append(time.process_time() - started)
    return min(rounds)


def main() -> None:
    """Measure, print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--rules", type=int, default=70)
    parser.add_argument("--quick", action="store_true", help="2,000 resources: to see that it runs")
    parser.add_argument("--part", choices=["evaluation", "present", "loading", "expressions"], help="one part, as JSON")
    given = parser.parse_args()
    resources = 2000 if given.quick else given.resources
    parts = {
        "present": lambda: evaluation(resources, 0),
        "evaluation": lambda: evaluation(resources, given.rules),
        "loading": loading,
        "expressions": expressions,
    }
    if given.part:
        print(json.dumps(parts[given.part]()))
        return
    size = ["--resources", str(resources), "--rules", str(given.rules)]
    figures = {}
    for part in parts:
        command = [sys.executable, "-m", "benchmarks.evaluation", "--part", part, *size]
        figures[part] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    for part, found in figures.items():
        rows = [(name, f"{value:,.1f}" if isinstance(value, float) else value) for name, value in found.items()]
        print(f"\n{part}\n{tabulate(rows)}")


if __name__ == "__main__":
    main()
