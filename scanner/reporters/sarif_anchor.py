"""Where SARIF results point.

Consumers want a file.  What lives in an account has none, so it gets the line of a committed inventory that names it,
else a synthetic relative path, one for each resource, which keeps alerts apart and lets people filter by account and
Region.
"""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import normpath

import sarif_om as om

from scanner.finding import Counterpart, Finding, Step
from scanner.inventory import Inventory
from scanner.model import Location, Resource
from scanner.reporters.paths import encoded, synthetic_path
from scanner.reporters.text import cut, printable, sentence

LIVE, SRCROOT = "LIVE", "SRCROOT"

_LONGEST_MESSAGE = 2000
_LONGEST_NAME = 1024
_FIRST = om.Region(start_line=1, start_column=1, end_line=1, end_column=2)


def message(text: str, links: str = "") -> om.Message:
    """Return one sentence of text in which no name can steer a terminal or pose as a link; `links` are our own."""
    return om.Message(text=sentence(text, _LONGEST_MESSAGE).replace("](", "] (") + links)


@dataclass(frozen=True)
class Anchors:
    """Where the results of a report point: a line of a file, a line of the inventory, else a synthetic path.

    `base` leads from the root of the repository to where the paths of the report begin; `inventory` is the file that
    names live resources one a line.
    """

    base: str = ""
    inventory: Inventory | None = None

    def how(self, finding: Finding) -> str:
        """Return what a finding is anchored at: `iac`, `inventory` or `synthetic`."""
        if finding.location:
            return "iac"
        listed = self.inventory and self.inventory.find(finding.resource.type, finding.resource.id)
        return "inventory" if listed else "synthetic"

    def line_of(self, finding: Finding) -> tuple[object, ...] | None:
        """Return what results at one line of a file have in common, None for a synthetic path."""
        if where := finding.location:
            return finding.rule_id, where.path, where.line
        resource = finding.resource
        listed = self.inventory and self.inventory.find(resource.type, resource.id)
        return (finding.rule_id, listed[0]) if listed else None

    def location_of(self, finding: Finding) -> om.Location:
        """Return where a finding is."""
        resource = finding.resource
        where = finding.location
        return om.Location(
            physical_location=self.of(resource, where),
            logical_locations=[logical(resource.id, resource.name)],
        )

    def related(self, resource: Resource, id: int) -> om.Location:
        """Return a resource that a finding is also about as related location `id`."""
        return om.Location(
            id=id,
            message=message(f"Related resource of type '{resource.type}'."),
            physical_location=self.of(resource, resource.locate("")),
            logical_locations=[logical(resource.id, resource.name)],
        )

    def call(self, where: Location, id: int) -> om.Location:
        """Return the call of a module, or of a nested stack, on the way to a finding as related location `id`."""
        return om.Location(
            id=id,
            message=message("What stands there is made by this call."),
            physical_location=self.in_file(where),
        )

    def cause(self, where: Location, id: int) -> om.Location:
        """Return the code that brings a finding about something else as related location `id`."""
        return om.Location(
            id=id, message=message("Without this change it would not be so."), physical_location=self.in_file(where)
        )

    def subject(self, resource: Resource, id: int) -> om.Location:
        """Return what a finding is about that stands at the code which causes it, as related location `id`."""
        return om.Location(
            id=id,
            message=message(f"It is about this resource of type '{resource.type}', which no code declares."),
            physical_location=self._live(resource),
            logical_locations=[logical(resource.id, resource.name)],
        )

    def counterpart(self, finding: Finding, standby: Counterpart) -> om.Location:
        """Return the counterpart of a finding, related location 1; it may well not exist."""
        seen = {True: "present", False: "absent", None: "not seen"}[standby.exists]
        primary = finding.resource
        name = primary.name or primary.id
        listed = self._listed(primary.type, standby.id) if standby.id else None
        path = synthetic_path(standby.id or name, primary.type, standby.account, standby.region)
        return om.Location(
            id=1,
            message=message(f"Expected counterpart in '{standby.region}' ({seen})."),
            physical_location=listed or in_account(path),
            logical_locations=[logical(standby.id or name, name)],
        )

    def step(self, step: Step) -> om.ThreadFlowLocation:
        """Return one step of the pull path."""
        return om.ThreadFlowLocation(
            location=om.Location(
                message=message(_STEPS[step.kind].format(**_named(step))),
                physical_location=self.of(step, step.location),
                logical_locations=[logical(step.id, step.name)],
            ),
            importance="essential",
        )

    def in_file(self, where: Location) -> om.PhysicalLocation:
        """Return a place in a file of the scanned tree; the end column is the one after the last character."""
        line, column = max(where.line, 1), max(where.column, 1)
        end = (where.end_line or line, where.end_column or column + 1)
        if end <= (line, column):
            end = (line, column + 1)
        return om.PhysicalLocation(
            artifact_location=om.ArtifactLocation(uri=self._uri(where.path), uri_base_id=SRCROOT),
            region=om.Region(start_line=line, start_column=column, end_line=end[0], end_column=end[1]),
        )

    def in_tree(self, where: Location | None) -> om.PhysicalLocation | None:
        """Return a place in a file of the scanned tree, None for one outside, as a configuration may be."""
        if where is None:
            return None
        path = where.path.replace("\\", "/")
        outside = path.startswith("/") or normpath(self.base + path).partition("/")[0] == ".."
        return None if outside else self.in_file(where)

    def of(self, one: Resource | Step, where: Location | None) -> om.PhysicalLocation:
        """Return the place of something that is written `where`, None for what no file declares."""
        return self.in_file(where) if where else self._live(one)

    def _live(self, one: Resource | Step) -> om.PhysicalLocation:
        path = synthetic_path(one.id, one.type, one.account, one.region)
        return self._listed(one.type, one.id) or in_account(path)

    def _listed(self, type: str, id: str) -> om.PhysicalLocation | None:
        listed = self.inventory.find(type, id) if self.inventory else None
        if listed is None or self.inventory is None:
            return None
        line, length = listed
        return om.PhysicalLocation(
            artifact_location=om.ArtifactLocation(uri=encoded(self.inventory.path), uri_base_id=SRCROOT),
            region=om.Region(start_line=line, start_column=1, end_line=line, end_column=length + 1),
        )

    def _uri(self, path: str) -> str:
        path = path.replace("\\", "/")
        if self.base and not path.startswith("/"):
            path = normpath(self.base + path)
        return encoded(path)


_STEPS = {
    "workload": "{type} '{name}' runs a container.",
    "definition": "Task definition '{name}' names its image.",
    "image": "Its image '{image}' is pulled from repository '{name}' in '{region}', where it is {seen}.",
    "replica": "The standby would pull it from repository '{name}' in '{region}', where it is {seen}.",
}


def _named(step: Step) -> dict[str, str]:
    seen = {True: "present", False: "absent", None: "not seen"}[step.exists]
    name = cut(step.name or step.id, 256)
    return {
        "type": step.type.rpartition("::")[2],
        "name": name,
        "image": cut(step.image, 256),
        "region": step.region or "?",
        "seen": seen,
    }


def logical(id: str, name: str | None) -> om.LogicalLocation:
    """Return a resource by its ARN, or whatever else its id is."""
    return om.LogicalLocation(
        name=cut(printable((name or id)[: 2 * _LONGEST_NAME]), _LONGEST_NAME),
        fully_qualified_name=cut(printable(id[: 2 * _LONGEST_NAME]), _LONGEST_NAME),
        kind="resource",
    )


def in_account(path: str) -> om.PhysicalLocation:
    """Return a synthetic path as a location; its line 1 stands for all of it."""
    return om.PhysicalLocation(
        artifact_location=om.ArtifactLocation(uri=path, uri_base_id=LIVE),
        region=_FIRST,
    )
