"""Where SARIF results point.

Consumers want a file.  What lives in an account has none, so it gets a synthetic relative path, one for each
resource, which keeps alerts apart and lets people filter by account and Region.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import sarif_om as om

from scanner.finding import Counterpart, Finding
from scanner.model import Location, Resource
from scanner.regions import partition_by_name
from scanner.reporters.text import cut, printable, sentence

LIVE, SRCROOT = "LIVE", "SRCROOT"

_LONGEST_MESSAGE = 2000
_LONGEST_PATH = 512
_LONGEST_NAME = 1024


def message(text: str) -> om.Message:
    """Return one sentence of text in which no name can steer a terminal or pose as a link."""
    return om.Message(text=sentence(text, _LONGEST_MESSAGE).replace("](", "] ("))


def location_of(finding: Finding) -> om.Location:
    """Return where a finding is: its place in a file, else its resource's synthetic path."""
    where = finding.location
    return om.Location(
        physical_location=in_file(where) if where else in_account(resource_path(finding.resource)),
        logical_locations=[logical(finding.resource.id, finding.resource.name)],
    )


def related(resource: Resource, id: int) -> om.Location:
    """Return a resource that a finding is also about as related location `id`."""
    where = resource.locate("")
    return om.Location(
        id=id,
        message=message(f"Related resource of type '{resource.type}'."),
        physical_location=in_file(where) if where else in_account(resource_path(resource)),
        logical_locations=[logical(resource.id, resource.name)],
    )


def counterpart_location(finding: Finding, standby: Counterpart) -> om.Location:
    """Return the counterpart of a finding, related location 1; it may well not exist."""
    seen = {True: "present", False: "absent", None: "not seen"}[standby.exists]
    primary = finding.resource
    name = primary.name or primary.id
    path = synthetic_path(standby.id or name, primary.type, standby.account, standby.region)
    return om.Location(
        id=1,
        message=message(f"Expected counterpart in '{standby.region}' ({seen})."),
        physical_location=in_account(path),
        logical_locations=[logical(standby.id or name, name)],
    )


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
        region=om.Region(start_line=1, start_column=1, end_line=1, end_column=2),
    )


def in_file(where: Location) -> om.PhysicalLocation:
    """Return a place in a file of the scanned tree; the end column is the one after the last character."""
    end = (where.end_line or where.line, where.end_column or where.column + 1)
    if end <= (where.line, where.column):
        end = (where.line, where.column + 1)
    return om.PhysicalLocation(
        artifact_location=om.ArtifactLocation(uri=encoded(where.path.replace("\\", "/")), uri_base_id=SRCROOT),
        region=om.Region(start_line=where.line, start_column=where.column, end_line=end[0], end_column=end[1]),
    )


def resource_path(resource: Resource) -> str:
    """Return the synthetic path of a resource."""
    return synthetic_path(resource.id, resource.type, resource.account, resource.region)


def synthetic_path(id: str, type: str, account: str | None, region: str | None) -> str:
    """Return `aws/<account|_>/<region|global>/<service>/<resource path>`, percent-encoded."""
    if id.startswith("arn:") and id.count(":") >= 5:
        _, partition, service, arn_region, arn_account, rest = id.split(":", 5)
        return _path(partition, arn_account or account, arn_region or region, service, rest.replace(":", "/"))
    service, _, kind = type.lower().removeprefix("aws::").partition("::")
    rest = kind if id.startswith("aws://") else f"{kind}/{id}"
    return _path(partition_of(region), account, region, service, rest)


def coverage_path(account: str, region: str, service: str) -> str:
    """Return the synthetic path of what was asked of one service in one account and Region."""
    return _path(partition_of(region), account, region, service, "coverage")


def partition_of(region: str | None) -> str:
    """Return the partition a Region is in, by its prefix; `aws` where the Region is not known."""
    return partition_by_name(region or "")[0]


def encoded(path: str) -> str:
    """Return a path as a relative URI reference: never absolute, never upwards, never longer than consumers bear."""
    if len(path) > _LONGEST_PATH:
        path = f"long/{hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()}"
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    return "/".join(quote("_" if s == ".." else s, safe="", errors="replace") for s in segments) or "_"


def _path(partition: str, account: str | None, region: str | None, service: str, rest: str) -> str:
    place = "/".join(quote(each, safe="", errors="replace") for each in (partition, account or "_", region or "global"))
    return f"{place}/{encoded(f'{service}/{rest}')}"
