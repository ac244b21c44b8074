"""What a repository's lifecycle policy will do to which image, worked out offline from the list of its images.

Follows https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html and, beside it,
lifecycle_policy_parameters.html.  What the list of images cannot tell is undecided, never kept and never removed.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from scanner.images import Image
from scanner.model import InsufficientData

INDEX_TYPES = frozenset(
    ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
)
"""Media types of manifests that list other manifests."""

MAX_WILDCARDS = 4
"""ECR allows this many `*` in one tag pattern."""

MAX_REFERRALS = 8
"""A chain of referrers (a signature of a list of parts of an image) longer than this is not followed."""

MIN_DAYS_ARCHIVED = 90
"""A lifecycle policy cannot delete an image that has been in the archive for less."""

PULLED = "sinceImagePulled"
"""The count type of rules that archive what nobody has pulled for so many days."""

_AGES = ("sinceImagePushed", PULLED, "sinceImageTransitioned")
_SELECTION = {"tagStatus", "tagPrefixList", "tagPatternList", "storageClass", "countType", "countUnit", "countNumber"}


@dataclass(frozen=True)
class Removal:
    """What will happen to one image: `action` is `expire`, or `transition` to the archive, from where no pull works.

    `on_or_after` is when the rule of this priority selects the image; ECR acts within 24 hours of it.
    """

    digest: str
    rule_priority: int
    action: str
    on_or_after: datetime


@dataclass(frozen=True)
class Outcome:
    """What a policy does, by digest: images it reaches, now or some day, and images it may reach.

    `undecided` maps a digest to the reason, a clause.  A digest in neither is not reached, as things stand.
    """

    removals: Mapping[str, Removal]
    undecided: Mapping[str, str]

    def due(self, until: datetime) -> Mapping[str, Removal]:
        """Return the removals whose time has come by `until`."""
        return {digest: removal for digest, removal in self.removals.items() if removal.on_or_after <= until}


@dataclass(frozen=True)
class _Rule:
    """A rule of a policy; `storage_class` is that of the images it is about, archive for `sinceImageTransitioned`."""

    priority: int
    tag_status: str
    patterns: tuple[str, ...]
    storage_class: str
    count_type: str
    count: int
    action: str

    def requires(self, image: Image) -> bool:
        """Tell whether the image meets the rule's storage class and tag requirement."""
        if (self.storage_class == "archive") != (image.status == "ARCHIVED"):
            return False
        if self.tag_status == "any":
            return True
        if self.tag_status == "untagged":
            return not image.tags
        # Every pattern has to match some tag, not every tag some pattern.
        return bool(image.tags) and all(any(fnmatchcase(tag, p) for tag in image.tags) for p in self.patterns)


_Verdict = Removal | str | None
"""Removed; undecided, with the reason; or kept."""


def evaluate(
    policy_text: str, images: Sequence[Image], as_of: datetime, asked: Collection[str] | None = None
) -> Outcome:
    """Return what the policy does to the images of its repository, as they were at `as_of`, or to those `asked` about.

    `policy_text` is the JSON text that ecr:GetLifecyclePolicy gives, `images` the whole repository.  An image that
    refers to another (a signature) shares that one's fate.  An image beside a younger index may be one of its
    children, which the index protects: it is undecided.  Raises `InsufficientData` for a policy that cannot be read or
    says something that is not known here.
    """
    children = _possible_children(images)
    by_digest = {image.digest: image for image in images}
    wanted = [by_digest[digest] for digest in by_digest.keys() & asked] if asked is not None else images
    decisive = _with_subjects(wanted, by_digest)
    verdicts: dict[str, _Verdict] = {}
    # A rule counts every image that meets its requirement, also those that an earlier rule acts on; but each image is
    # left to the first rule whose requirement it meets, even if that rule keeps it.
    for rule in _rules(policy_text):
        matched = [image for image in images if rule.requires(image)]
        if rule.count_type in _AGES:
            judged = _by_age(rule, matched, decisive)
        else:
            judged = _by_count(rule, matched, decisive, children, as_of)
        for digest, verdict in judged.items():
            if verdict is not None and digest in children:
                verdict = "it may belong to an index, which would protect it"
            verdicts.setdefault(digest, verdict)
    fates = {image.digest: _fate(image, by_digest, verdicts) for image in wanted}
    return Outcome(
        {digest: fate for digest, fate in fates.items() if isinstance(fate, Removal)},
        {digest: fate for digest, fate in fates.items() if isinstance(fate, str)},
    )


def as_copied(images: Sequence[Image], at: datetime) -> list[Image]:
    """Return the copies that a new replica would hold: all pushed `at` one time, in whatever order, and never pulled.

    Archived images are not copied.
    """
    return [
        replace(image, pushed_at=at, last_pulled_at=None, last_archived_at=None, last_activated_at=None)
        for image in images
        if image.status == "ACTIVE"
    ]


def claims(policy_text: str, images: Sequence[Image]) -> Mapping[str, tuple[int, str]]:
    """Return digest -> priority and count type of the rule that an image is left to, whatever that does with it.

    Only the first rule whose tag requirement an image meets may act on it.  Raises `InsufficientData` as `evaluate`.
    """
    found: dict[str, tuple[int, str]] = {}
    for rule in _rules(policy_text):
        for image in images:
            if rule.requires(image):
                found.setdefault(image.digest, (rule.priority, rule.count_type))
    return found


def selections(policy_text: str) -> list[tuple[int, str, str]]:
    """Return priority, tag status and count type of each rule, in the order in which they claim images.

    The tag status of a rule for whatever tag is `*`.  Raises `InsufficientData` as `evaluate`.
    """
    rules = _rules(policy_text)
    return [(rule.priority, "*" if set(rule.patterns) == {"*"} else rule.tag_status, rule.count_type) for rule in rules]


def _possible_children(images: Sequence[Image]) -> frozenset[str]:
    """Return the images that may be listed by an index: the manifests that would say so were not seen.

    Tools tag the platforms' images as often as not.  An index is pushed after what it lists.
    """
    indexes = [image for image in images if image.media_type in INDEX_TYPES or image.media_type is None]
    newest = sorted(indexes, key=_time_or_latest, reverse=True)[:2]

    def listed(image: Image) -> bool:
        times = ((index.pushed_at, image.pushed_at) for index in newest if index.digest != image.digest)
        return any(index is None or own is None or index >= own for index, own in times)

    return frozenset(image.digest for image in images if image.subject is None and listed(image))


def _time_or_latest(image: Image) -> tuple[bool, float]:
    return image.pushed_at is None, image.pushed_at.timestamp() if image.pushed_at else 0.0


def _fate(image: Image, by_digest: Mapping[str, Image], verdicts: Mapping[str, _Verdict]) -> _Verdict:
    """Return the verdict on an image, which for a referrer is the verdict on its subject."""
    current = image
    for _ in range(MAX_REFERRALS):
        if current.subject is None:
            verdict = verdicts.get(current.digest)
            return replace(verdict, digest=image.digest) if isinstance(verdict, Removal) else verdict
        if current.subject not in by_digest:
            return f"the image it refers to, '{current.subject}', is not in the repository"
        current = by_digest[current.subject]
    return "it refers to another image through too many others"


def _with_subjects(images: Iterable[Image], by_digest: Mapping[str, Image]) -> frozenset[str]:
    """Return the images by which the fate of some is decided: these, and what they refer to."""
    found: set[str] = set()
    for image in images:
        current: Image | None = image
        while current is not None and current.digest not in found:
            found.add(current.digest)
            current = by_digest.get(current.subject) if current.subject else None
    return frozenset(found)


def _by_age(rule: _Rule, matched: Sequence[Image], decisive: Collection[str]) -> dict[str, _Verdict]:
    return {image.digest: _aged(rule, image) for image in matched if image.digest in decisive}


def _aged(rule: _Rule, image: Image) -> _Verdict:
    since = _since(rule.count_type, image)
    if since is None:
        return f"the time that '{rule.count_type}' counts from is not known"
    try:
        return Removal(image.digest, rule.priority, rule.action, since + timedelta(days=rule.count))
    except OverflowError:
        return None  # a time beyond the calendar is never


def _since(count_type: str, image: Image) -> datetime | None:
    if count_type == "sinceImageTransitioned":
        return image.last_archived_at
    used = [time for time in (image.last_pulled_at, image.last_activated_at) if time is not None]
    return max(used) if used and count_type == PULLED else image.pushed_at


def _by_count(
    rule: _Rule, matched: Sequence[Image], decisive: Collection[str], children: frozenset[str], as_of: datetime
) -> dict[str, _Verdict]:
    """Keep the newest `count` images.

    Whether ECR counts the children of an index and the referrers of an image is not documented, and images of one
    moment have no order: an image is removed or kept only if it is so either way.
    """
    counted = [i for i in matched if i.digest not in children and i.subject is None]
    certain = sorted(image.pushed_at for image in counted if image.pushed_at is not None)
    possible = sorted(image.pushed_at for image in matched if image.pushed_at is not None)
    undated = len(matched) - len(possible)

    def verdict(image: Image) -> _Verdict:
        at = image.pushed_at
        fewest_newer = 0 if at is None else len(certain) - bisect_right(certain, at)
        most_newer = len(matched) if at is None else len(possible) - bisect_left(possible, at) + undated
        if fewest_newer >= rule.count:
            return Removal(image.digest, rule.priority, rule.action, as_of)
        return f"it may or may not be among the newest {rule.count}" if most_newer - 1 >= rule.count else None

    return {image.digest: verdict(image) for image in matched if image.digest in decisive}


def _rules(text: str) -> list[_Rule]:
    try:
        policy = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InsufficientData("the lifecycle policy is not JSON") from error
    rules = _object(policy, {"rules"}).get("rules")
    if not isinstance(rules, list):
        raise InsufficientData("the lifecycle policy has no list of rules")
    parsed = sorted(map(_rule, rules), key=lambda rule: rule.priority)
    if len({rule.priority for rule in parsed}) != len(parsed):
        raise InsufficientData("two rules of the lifecycle policy have one priority")
    for storage_class in ("standard", "archive"):
        _check_order([rule.tag_status for rule in parsed if rule.storage_class == storage_class])
    return parsed


def _check_order(statuses: Sequence[str]) -> None:
    """Refuse what AWS refuses among the rules for one storage class, given in the order of their priorities."""
    if "any" in statuses[:-1]:
        raise InsufficientData("a rule of the lifecycle policy comes after one for any tag status")
    if statuses.count("untagged") > 1:
        raise InsufficientData("two rules of the lifecycle policy are for untagged images")


def _rule(value: Any) -> _Rule:
    given = _object(value, {"rulePriority", "description", "selection", "action"})
    selection = _object(given.get("selection"), _SELECTION)
    action = _object(given.get("action"), {"type", "targetStorageClass"})
    _choice(action, "targetStorageClass", ("archive",), "archive")
    count_type = _choice(selection, "countType", ("imageCountMoreThan", *_AGES))
    if count_type in _AGES:
        _choice(selection, "countUnit", ("days",))
    # Only `sinceImageTransitioned` is about the archive, where it deletes; `sinceImagePulled` does nothing but archive.
    transitioned = count_type == "sinceImageTransitioned"
    actions = ("expire",) if transitioned else ("transition",) if count_type == PULLED else ("expire", "transition")
    tag_status = _choice(selection, "tagStatus", ("tagged", "untagged", "any"))
    return _Rule(
        priority=_number(given, "rulePriority"),
        tag_status=tag_status,
        patterns=_patterns(selection, tag_status),
        storage_class=_choice(selection, "storageClass", ("archive" if transitioned else "standard",), "standard"),
        count_type=count_type,
        count=_number(selection, "countNumber", MIN_DAYS_ARCHIVED if transitioned else 1),
        action=_choice(action, "type", actions),
    )


def _patterns(selection: Mapping[str, Any], tag_status: str) -> tuple[str, ...]:
    prefixes, patterns = _texts(selection, "tagPrefixList"), _texts(selection, "tagPatternList")
    if (len(prefixes) > 0) + (len(patterns) > 0) != (tag_status == "tagged"):
        raise InsufficientData(f"the lifecycle policy has no usable tag list for the tag status '{tag_status}'")
    if any(pattern.count("*") > MAX_WILDCARDS for pattern in patterns):
        raise InsufficientData(f"a tag pattern of the lifecycle policy has more than {MAX_WILDCARDS} wildcards")
    return tuple(_literal(prefix).replace("*", "[*]") + "*" for prefix in prefixes) + tuple(map(_literal, patterns))


def _literal(text: str) -> str:
    return text.replace("[", "[[]").replace("?", "[?]")


def _texts(selection: Mapping[str, Any], name: str) -> list[str]:
    value = selection.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InsufficientData(f"'{name}' of the lifecycle policy is not a list of texts")
    return value


def _object(value: Any, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InsufficientData("a part of the lifecycle policy is not an object")
    if unknown := value.keys() - known:
        raise InsufficientData(f"the lifecycle policy has the unknown property '{min(unknown)}'")
    return value


def _choice(value: Mapping[str, Any], name: str, known: Sequence[str], default: str | None = None) -> str:
    given = value.get(name, default)
    if given not in known:
        raise InsufficientData(f"the lifecycle policy has the unknown {name} '{given}'")
    return str(given)


def _number(value: Mapping[str, Any], name: str, least: int = 1) -> int:
    given = value.get(name)
    if type(given) is not int or given < least:
        raise InsufficientData(f"'{name}' of the lifecycle policy is not a number of at least {least}")
    return given
