"""The chain from a workload to its start in the standby: the links, in the order in which they would break.

A rule says with `link` in its header which of them it judges; nothing else knows which rules there are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """One thing that has to hold for a workload to start in the standby; `title` is a sentence without a period."""

    id: str
    title: str


CHAIN = (
    Link("pair", "A standby is declared"),
    Link("region", "The standby's Region can be used"),
    Link("cluster", "The cluster is in the standby"),
    Link("addons", "AWS's own images and add-ons of the cluster are those of the standby's Region"),
    Link("definition", "The workload is defined in the standby"),
    Link("external", "Images of other registries are mirrored"),
    Link("reference", "The standby's definition names images of the standby's registry"),
    Link("registry", "The standby's registry refuses nobody who pulls"),
    Link("repository", "The repository is in the standby"),
    Link("digest", "The image is in the standby, by digest"),
    Link("tag", "The tag that the standby would pull means the same image"),
    Link("platform", "Every platform of an image index is in the standby"),
    Link("architecture", "The standby's processors can run the image"),
    Link("status", "The image is not archived in the standby"),
    Link("established", "Which image would be started is known"),
    Link("lifecycle", "No lifecycle policy takes the image away"),
    Link("signature", "The signatures that images are verified by are in the standby"),
    Link("policy", "The repository's policy lets the standby pull"),
    Link("identity", "The role that pulls, or that a pod takes on, works in the standby"),
    Link("key", "The keys that encrypt images and secrets can be used"),
    Link("network", "The registry and what else a start needs can be reached over the network"),
    Link("secrets", "Secrets and parameters are in the standby, and may be read"),
    Link("surroundings", "What else the definition names is in the standby"),
    Link("capacity", "There is something to run it on"),
    Link("quota", "Quotas admit it"),
    Link("launch", "It can be started within the RTO"),
    Link("traffic", "Traffic can be sent to the standby without the primary"),
    Link("delivery", "Code, state and pipelines work without the primary"),
)
"""Every link, in order.  `drill` names the first that is broken."""

NEEDS = Link("needs", "The tiers that it depends on recover")
"""What comes after the chain: no rule judges it, the drill does."""

_TITLES = {link.id: link.title for link in (*CHAIN, NEEDS)}


def title(id: str) -> str:
    """Return the title of a link; of one that is not known, which another version may have had, its id."""
    return _TITLES.get(id, id)
