"""Run the examples that rules carry.  Rule packs use this in their own tests.

An example is one of
- the properties of one resource of the rule's (first) type, in the primary of the default pair;
- `{primary: {...}, standby: {...}}` in an `across` rule: the properties on both sides, `standby: null` for none;
- a template: `Resources` as in CloudFormation, each with optional `Region` and `Account` beside `Type`, and beside
  `Resources` optionally
  `Images`  list of {Repository, Digest (a word is hashed into a digest), Tags, PushedAt (null for none), Status,
            MediaType, ArtifactMediaType, Subject, LastPulledAt, Region, Account}; listed repositories without images
            are given by `{Repository}` alone,
  `Pairs`   as in regionproof.yaml, `derived` for none declared,
  `Gaps`    list of {Reason, Type, Operation, Path, Message, Region, Account},
  `Scanned` list of Regions (default: every Region the example or its pairs name),
  `Parameters` parameter values of the rule, `AsOf` the time of the data (default 2026-11-01T00:00:00Z).
Live-only facts are written as properties too (`ContainerImages`, whose `ImageDigest` may be a word);
`{Unknown: reason}` stands for what was not seen.
The default account is 111122223333, the default pair us-east-1 -> us-west-2.
An example holds if the verdicts about its subjects, those not applicable aside, are exactly the one it stands under,
and the rule did not fail: an error is no way to say `unknown`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from scanner.assets import schema
from scanner.config import Config, pair
from scanner.engine import Assessment, assess, evaluate
from scanner.finding import Finding, Status
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import Gap, Model, Pair, Place, Properties, Resource, Unknown, guard
from scanner.parsers.cloudformation import resources
from scanner.recovery import DECLARED
from scanner.rule import Rule

ACCOUNT, PRIMARY, STANDBY = "111122223333", "us-east-1", "us-west-2"
AS_OF = "2026-11-01T00:00:00Z"
IMAGE = "AWS::ECR::Image"
"""What `needs` calls the image index."""

STATUS = "AWS::ECR::ReplicationStatus"
"""What `needs` calls the `ReplicationStatuses` of registries."""

_Kind = TypeVar("_Kind", bound=Model)


def examples(rule: Rule) -> Iterator[tuple[Status, Mapping[str, Any]]]:
    """Return each example of a rule with the verdict it stands under."""
    for status in Status:
        for example in rule.header["examples"].get(status.value, []):
            yield status, example


def holds(rule: Rule, status: Status, example: Mapping[str, Any]) -> bool:
    """Tell whether an example gives the verdict it stands under; what a rule that failed leaves unknown is none."""
    assessed = _assess(rule, example)
    statuses = {finding.status for finding in assessed.findings}
    return not assessed.broken and (statuses - {Status.NOT_APPLICABLE} or statuses) == {status}


def run(rule: Rule, example: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Evaluate one example and return its findings."""
    return _assess(rule, example).findings


def _assess(rule: Rule, example: Mapping[str, Any]) -> Assessment:
    rule = rule.with_parameters(example.get("Parameters", {}), None)
    return assess(model(rule, example), [rule], Config())


def problems(rule: Rule) -> Iterator[str]:
    """Return what is wrong with a rule by its own examples: where, what should be, and what is."""
    numbers = dict.fromkeys(Status, 0)
    for status, example in examples(rule):
        location = rule.locations.get(f"/examples/{status.value}/{numbers[status]}")
        numbers[status] += 1
        if not holds(rule, status, example):
            where = f"{rule.path}:{location.line}" if location else rule.path
            given = "; ".join(f"{finding.status}: {finding.message}" for finding in run(rule, example))
            yield f"{where}: example {numbers[status]} under `{status.value}` gives {given or 'nothing'}"
    if missing := undeclared(rule):
        types = ", ".join(sorted(missing))
        yield f"{rule.path}: reads {types}; name it under `needs`, or it may not be collected"


def undeclared(rule: Rule) -> frozenset[str]:
    """Return the types that the rule reads in its examples although its header names them not: add them to `needs`."""
    read: frozenset[str] = frozenset()
    for _, example in examples(rule):
        configured = rule.with_parameters(example.get("Parameters", {}), None)
        watched = model(configured, example, _Watched)
        evaluate(watched, [configured], Config())
        read |= watched.read
    return read - rule.needs


class _Noted(Properties):
    """Properties that take note when the replication of single images is read."""

    def __init__(self, resource: Resource, read: set[str]) -> None:
        super().__init__(resource.properties.raw())
        self._read = read

    def __getitem__(self, key: str) -> Any:
        if key == "ReplicationStatuses":
            self._read.add(STATUS)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        value = self[key]
        return default if value is None else value


_Noted.__name__ = Properties.__name__  # by which JMESPath knows what it is


class _Watched(Model):
    """A model that takes note of the types it was asked for."""

    def __init__(self, resources: Iterable[Resource], **rest: Any) -> None:
        self.read: set[str] = set()
        super().__init__([replace(each, properties=_Noted(each, self.read)) for each in resources], **rest)

    @property
    def images(self) -> ImageIndex:
        self.read.add(IMAGE)
        return self._images

    def of_type(self, type: str) -> Iterator[Resource]:
        self.read.add(type)
        return super().of_type(type)

    def in_place(self, type: str, place: Place) -> Iterator[Resource]:
        self.read.add(type)
        return super().in_place(type, place)

    def connected(self, type: str, place: Place) -> Iterator[Resource]:
        self.read.add(type)
        return super().connected(type, place)

    def named(self, type: str, name: str) -> Iterator[Resource]:
        self.read.add(type)
        return super().named(type, name)

    def gaps_hiding(self, type: str) -> tuple[Gap, ...]:
        self.read.add(type)
        return super().gaps_hiding(type)

    def get(self, type: str, id: str) -> Resource | None:
        self.read.add(type)
        return super().get(type, id)

    def find(self, type: str, name: str | None, place: Place, *, code: bool = False) -> Resource | None:
        self.read.add(type)
        return super().find(type, name, place, code=code)

    def declared(self, type: str, name: str, place: Place) -> Resource | None:
        self.read.add(type)
        return super().declared(type, name, place)

    def hidden(self, type: str, place: Place | None = None) -> Gap | None:
        self.read.add(type)
        return super().hidden(type, place)


def model(rule: Rule, example: Mapping[str, Any], kind: type[_Kind] = Model) -> _Kind:  # type: ignore[assignment]
    """Build the model an example describes."""
    template = _template(rule, example)
    pairs = _pairs(template)
    found, gaps = resources(template, "example.yaml", ACCOUNT, PRIMARY, place_of=_place_of)
    places = {Place(r.account or ACCOUNT, r.region) for r in found if r.region}
    if "Scanned" in template:
        places = {Place(ACCOUNT, region) for region in template["Scanned"]}
    else:
        places |= {place for p in pairs or () for place in (_bound(p.primary), _bound(p.standby))}
        places |= {Place(r.get("Account", ACCOUNT), r.get("Region", PRIMARY)) for r in template.get("Images", ())}
    described = [_unknowns(resource) for resource in found]
    given = [_gap(gap) for gap in template.get("Gaps", ())]
    return kind(
        described,
        gaps=[*gaps, *given],
        pairs=pairs,
        images=_images(template.get("Images", ())),
        scanned=places,
        as_of=_time(template.get("AsOf", AS_OF)),
    )


def digest(word: str) -> str:
    """Return `word` if it is a digest, else the digest it stands for in examples."""
    return word if word.startswith("sha256:") else f"sha256:{hashlib.sha256(word.encode()).hexdigest()}"


def _template(rule: Rule, example: Mapping[str, Any]) -> Mapping[str, Any]:
    if "Resources" in example:
        return example
    type = rule.resource[0]
    if rule.across and "primary" in example:
        sides = {"primary": (PRIMARY, example["primary"]), "standby": (STANDBY, example.get("standby"))}
        named = {side: (region, _named(type, given)) for side, (region, given) in sides.items() if given is not None}
        return {"Resources": {s: {"Type": type, "Region": r, "Properties": p} for s, (r, p) in named.items()}}
    return {"Resources": {"example": {"Type": type, "Properties": _named(type, example)}}}


def _named(type: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    names = schema(f"resources/{type.replace('::', '-')}").get("x-name", [])
    return {**dict.fromkeys(names, "example"), **properties}


def _place_of(_: str, body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if str(body.get("Type")).startswith(DECLARED):
        return None, None
    return body.get("Account", ACCOUNT), body.get("Region", PRIMARY)


def _pairs(template: Mapping[str, Any]) -> tuple[Pair, ...] | None:
    given = template.get("Pairs", [{"primary": PRIMARY, "standby": STANDBY}])
    return None if given == "derived" else tuple(pair(entry) for entry in given)


def _bound(place: Place) -> Place:
    return Place(place.account or ACCOUNT, place.region)


def _unknowns(resource: Resource) -> Resource:
    def walk(value: Any) -> Any:
        if type(value) is Unknown:
            return value
        if isinstance(value, dict):
            items = dict(dict.items(value))
            if items.keys() == {"Unknown"}:
                return Unknown(str(items["Unknown"]))
            return {k: digest(v) if k == "ImageDigest" and isinstance(v, str) else walk(v) for k, v in items.items()}
        return [walk(v) for v in list.__iter__(value)] if isinstance(value, list) else value

    return replace(resource, properties=guard(walk(resource.properties)))


def _gap(given: Mapping[str, Any]) -> Gap:
    return Gap(
        given["Reason"],
        given.get("Message", "the example says so"),
        given.get("Type"),
        given.get("Account", ACCOUNT),
        given.get("Region", PRIMARY),
        given.get("Operation"),
        given.get("Path"),
    )


def _images(rows: Any) -> ImageIndex:
    listings: dict[RepositoryKey, list[Image]] = {}
    incomplete: dict[RepositoryKey, str] = {}
    for row in rows:
        key = RepositoryKey(row.get("Account", ACCOUNT), row.get("Region", PRIMARY), row["Repository"])
        images = listings.setdefault(key, [])
        if "Incomplete" in row:
            incomplete[key] = row["Incomplete"]
        if "Digest" in row:
            images.append(_image(row))
    return ImageIndex({key: Listing(tuple(images), incomplete.get(key)) for key, images in listings.items()})


def _image(row: Mapping[str, Any]) -> Image:
    return Image(
        digest=digest(row["Digest"]),
        tags=tuple(row.get("Tags", ())),
        pushed_at=_time(pushed) if (pushed := row.get("PushedAt", "2026-10-01T00:00:00Z")) else None,
        status=row.get("Status", "ACTIVE"),
        media_type=row.get("MediaType", "application/vnd.oci.image.manifest.v1+json"),
        artifact_media_type=row.get("ArtifactMediaType"),
        subject=digest(row["Subject"]) if "Subject" in row else None,
        last_pulled_at=_time(row["LastPulledAt"]) if "LastPulledAt" in row else None,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(re.sub("Z$", "+00:00", text)).astimezone(UTC)
