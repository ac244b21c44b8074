"""AWS STS: who asks, and the roles of other accounts; the query protocol, in XML."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from scanner.model import Place
from scanner.serve.query import Refused, not_recorded
from scanner.serve.replay import Replay

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_NEVER = "2099-12-31T23:59:59Z"


def answer(replay: Replay, body: bytes, account: str, region: str, *, assumed: bool) -> str:
    """Return the XML of an answer; raise `Refused`.  `assumed` says that the caller's keys came from here."""
    try:
        form = {name: values[-1] for name, values in parse_qs(body.decode("ascii"), max_num_fields=100).items()}
    except ValueError:
        raise Refused("MalformedQueryString", "The body is not a form.") from None
    action = form.get("Action", "")
    if action == "GetCallerIdentity":
        return _result(action, replay.caller(account, assumed=assumed))
    if action == "AssumeRole":
        role_arn, session = form.get("RoleArn", ""), form.get("RoleSessionName", "")
        if not role_arn or not session:
            raise Refused("ValidationError", "RoleArn and RoleSessionName are required.")
        return _result(action, _granted(replay.assume(role_arn, region), role_arn, session))
    if not action.isalnum():
        raise Refused("InvalidAction", "The request names no action.")
    raise not_recorded(Place(account, region), "sts", action[:100])


def error(refused: Refused) -> str:
    """Return the XML of an error."""
    kind = "Sender" if refused.status < 500 else "Receiver"
    inner = _elements({"Error": {"Type": kind, "Code": refused.code, "Message": refused.message}})
    return f'<ErrorResponse xmlns="{_NAMESPACE}">{inner}<RequestId>replay</RequestId></ErrorResponse>'


def _granted(account: str, role_arn: str, session: str) -> dict[str, str | dict[str, str]]:
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


def _result(action: str, members: Mapping[str, str | dict[str, str]]) -> str:
    result = f"<{action}Result>{_elements(members)}</{action}Result>"
    return (
        f'<{action}Response xmlns="{_NAMESPACE}">{result}'
        f"<ResponseMetadata><RequestId>replay</RequestId></ResponseMetadata></{action}Response>"
    )


def _elements(members: Mapping[str, str | dict[str, str]]) -> str:
    return "".join(
        f"<{name}>{_elements(value) if isinstance(value, dict) else escape(value)}</{name}>"
        for name, value in members.items()
    )
