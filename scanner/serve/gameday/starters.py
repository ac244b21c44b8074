"""EventBridge on a game day: rules and schedules that are switched on and off.  Nothing is started by them here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanner.redaction import redact
from scanner.serve.gameday.world import Write, refused

_DEFAULT = "default"


def enable_rule(write: Write) -> dict[str, Any]:
    """Switch a rule on."""
    return _switched(write, "ENABLED")


def disable_rule(write: Write) -> dict[str, Any]:
    """Switch a rule off."""
    return _switched(write, "DISABLED")


def _switched(write: Write, state: str) -> dict[str, Any]:
    name, bus = write.parameters["Name"], str(write.parameters.get("EventBusName") or _DEFAULT).rpartition("/")[2]
    if bus != _DEFAULT:
        raise write.query.not_recorded(f"the rules of event bus '{bus}' were not listed")
    rules = write.listed("events", "ListRules", "Rules")
    old = next((rule for rule in rules if rule.get("Name") == name), None)
    if old is None:
        raise refused("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.")
    new = {**old, "State": state}
    write.edits.update("events", "ListRules", "Rules", lambda rule: rule.get("Name") == name, new)
    return {}


def update_schedule(write: Write) -> dict[str, Any]:
    """Put a schedule in the place of an old one: what is not given is as if it had never been."""
    given = {key: value for key, value in write.parameters.items() if key != "ClientToken"}
    asked = {"Name": given["Name"], "GroupName": given.get("GroupName", _DEFAULT)}
    answers = (one for one in write.record.of("scheduler", "GetSchedule") if one.parameters == asked and one.pages)
    old = next((answer.pages[0] for answer in answers), None)
    if old is None:
        listed = write.listed("scheduler", "ListSchedules", "Schedules")
        if any(_is(one, asked) for one in listed):
            raise write.query.not_recorded(f"schedule '{asked['Name']}' was not described")
        raise refused("ResourceNotFoundException", f"Schedule {asked['Name']} does not exist.", 404)
    new = {
        "State": "ENABLED",
        "ScheduleExpressionTimezone": "UTC",
        "ActionAfterCompletion": "NONE",
        **asked,
        **redact("scheduler", given),
        **{key: old[key] for key in ("Arn", "CreationDate") if key in old},
        "LastModificationDate": write.now,
    }
    write.edits.answer("scheduler", "GetSchedule", asked, new)
    kept = ("Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate")
    shown = {**{key: new[key] for key in kept if key in new}, "Target": {"Arn": given["Target"]["Arn"]}}
    write.edits.update("scheduler", "ListSchedules", "Schedules", lambda one: _is(one, asked), shown)
    return {"ScheduleArn": old["Arn"]}


def _is(schedule: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    return (schedule.get("Name"), schedule.get("GroupName", _DEFAULT)) == (asked["Name"], asked["GroupName"])


RULE_WRITES = {"EnableRule": enable_rule, "DisableRule": disable_rule}
SCHEDULE_WRITES = {"UpdateSchedule": update_schedule}
