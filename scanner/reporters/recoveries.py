"""A recovery as JSON data: the outline that a report carries, and the parts that a drill has, too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scanner.model import Place, Resource
from scanner.outcome import Action, LinkState, Recovery, State


def recovery_data(one: Recovery) -> dict[str, Any]:
    """Return a recovery as a report has it: each link with its state, and why for those that do not hold."""
    return {
        "workload": resource_data(one.workload),
        "standby": place_data(one.standby) if one.standby else None,
        "dr_class": one.dr_class,
        "outcome": one.outcome.value,
        "reason": one.reason,
        "tier": one.tier,
        "owner": one.owner,
        "needs": list(one.needs),
        "rto_seconds": seconds(one.rto),
        "rpo_seconds": seconds(one.rpo),
        "image_age_seconds": seconds(one.image_age),
        "actions": [action_data(action) for action in one.actions],
        "links": {link.link: link.state.value for link in one.links},
        "because": [
            link_data(link) for link in one.links if link.state in (State.BROKEN, State.UNKNOWN) or link.reason
        ],
    }


def link_data(link: LinkState) -> dict[str, Any]:
    """Return a link with what decided it."""
    return {
        "link": link.link,
        "state": link.state.value,
        "reason": link.reason or None,
        "rule_id": link.rule_id or None,
        "fingerprint": link.fingerprint or None,
        "subject": resource_data(link.subject) if link.subject else None,
        "accepted_until": link.accepted_until,
        "also": list(link.also),
    }


def action_data(action: Action) -> dict[str, Any]:
    """Return an action."""
    return {
        "title": action.title,
        "command": action.command or None,
        "estimate_seconds": seconds(action.estimate),
        "basis": action.basis or None,
        "undo": action.undo or None,
    }


def resource_data(resource: Resource) -> dict[str, Any]:
    """Return what a resource is called, and where it is."""
    return {
        "id": resource.id,
        "type": resource.type,
        "name": resource.name,
        "account_id": resource.account,
        "region": resource.region,
    }


def place_data(place: Place) -> dict[str, Any]:
    """Return an account and Region."""
    return {"account_id": place.account, "region": place.region}


def seconds(duration: timedelta | None) -> int | None:
    """Return a duration in whole seconds."""
    return None if duration is None else int(duration.total_seconds())
