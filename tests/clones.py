"""Estates of many accounts, made of copies of the demo: each with its own ids, some of which point at other copies."""

import json
import random
import re
from dataclasses import replace

from scanner.collectors import read
from scanner.recorded import from_line, to_line
from scanner.snapshot import Snapshot, SnapshotWriter

HOME = ("111122223333", "444455556666")
_ACCOUNTS = re.compile("|".join(HOME))


def copies(source: Snapshot, path, *, count, stray=0.0, lost=0.0, seed=0) -> Snapshot:
    """Write a snapshot of `count` copies of an estate.

    A part `stray` of the account ids in answers, and of the names of buckets, are another copy's; a part `lost` of the
    calls was never made.
    """
    chance = random.Random(seed)
    named = [{home: str(int(home) + 7_000_001 * number) for home in HOME} for number in range(count)]
    everybody = [id for each in named for id in each.values()]
    buckets = [one.name for one in read(source)[0] if one.type == "AWS::S3::Bucket"]
    writer, targets = SnapshotWriter(path), []

    def told(line, number):
        def account(match):
            return chance.choice(everybody) if chance.random() < stray else named[number][match[0]]

        for bucket in buckets:
            line = line.replace(bucket, f"{bucket}-{chance.randrange(count) if chance.random() < stray else number}")
        return _ACCOUNTS.sub(account, line)

    for number in range(count):
        for old in source.targets:
            role = old.role_arn and _ACCOUNTS.sub(lambda match, n=number: named[n][match[0]], old.role_arn)
            target = replace(old, account=named[number][old.account], role_arn=role)
            lines = [to_line(call) for call in source.calls_of(old) if chance.random() >= lost]
            calls = [from_line(json.loads(told(line, number)), target) for line in lines]
            asked = {call.parameters.get("repositoryName") for call in calls if call.operation == "DescribeImages"}
            images = {key.name: found for key, found in source.images_of(old).items() if key.name in asked}
            writer.write(target, calls, images, started_at=source.started_at, finished_at=source.finished_at)
            targets.append(target)
    return writer.finish(targets)
