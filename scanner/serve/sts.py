"""AWS STS: who asks, and the roles of other accounts."""

from __future__ import annotations

from typing import Any

from scanner.serve.query import Query
from scanner.serve.replay import Replay

_NEVER = "2099-12-31T23:59:59Z"


def answer(replay: Replay, query: Query, *, assumed: bool) -> dict[str, Any]:
    """Return an answer; raise `Refused`.  `assumed` says that the caller's keys came from here."""
    if query.operation == "GetCallerIdentity":
        return replay.caller(str(query.place.account), assumed=assumed)
    if query.operation == "AssumeRole":
        role_arn, session = query.parameters["RoleArn"], query.parameters["RoleSessionName"]
        return _granted(replay.assume(role_arn, query.place.region), role_arn, session)
    raise query.not_recorded()


def _granted(account: str, role_arn: str, session: str) -> dict[str, dict[str, str]]:
    partition, role = role_arn.split(":")[1], role_arn.rpartition("/")[2]
    arn = f"arn:{partition}:sts::{account}:assumed-role/{role}/{session}"
    return {
        "Credentials": {
            "AccessKeyId": f"ASIA{account}",
            "SecretAccessKey": "replay",
            "SessionToken": "replay",
            "Expiration": _NEVER,
        },
        "AssumedRoleUser": {"AssumedRoleId": f"REPLAY:{session}", "Arn": arn},
    }
