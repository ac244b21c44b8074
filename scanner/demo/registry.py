"""The demo's registries, as Amazon ECR describes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from scanner import duration
from scanner.collectors.ask import chunks
from scanner.demo.words import Recorder, digest, epoch, place, sha256, uuid
from scanner.images import Image, Listing
from scanner.model import Place
from scanner.recorded import Call

LAG = timedelta(minutes=4)
"""How long a replica takes."""
ANY = {"filter": {"imageStatus": "ANY"}}
_CREATED = datetime.fromisoformat("2026-01-12T09:00:00Z")
_SETTINGS = {"REGISTRY_POLICY_SCOPE": "V2", "BLOB_MOUNTING": "DISABLED", "BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_UPSTREAMS = {"docker-hub": "registry-1.docker.io", "ecr-public": "public.ecr.aws"}
_SIGNATURE = "application/vnd.cncf.notary.signature"
_URI = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[^:@]+):(?P<tag>.+)")


class Registries:
    """Every registry of the estate; a replica needs its origin."""

    def __init__(self, places: Mapping[str, Any]) -> None:
        self._places = {place(name): described for name, described in places.items()}

    def repositories(self, where: Place) -> Mapping[str, Any]:
        """Return the descriptions of the repositories of a registry, by name."""
        return self._places.get(where, {}).get("repositories") or {}

    def uri(self, where: Place, image: str) -> str:
        """Return what deployments call an image; one without a registry is in that of the place."""
        if "." in image.partition("/")[0]:
            return image
        name, at, version = image.partition("@")
        name = f"{name}@{digest(name, version)}" if at else name
        return f"{where.account}.dkr.ecr.{where.region}.amazonaws.com/{name}"

    def digest(self, where: Place, image: str) -> str:
        """Return the digest that a place runs of an image."""
        name, at, version = image.partition("@")
        if at:
            return digest(name, version)
        found = _URI.fullmatch(self.uri(where, image))
        if found is None:
            return f"sha256:{sha256(image)}"
        return self.digest_of(Place(found["account"], found["region"]), found["name"], found["tag"])

    def digest_of(self, where: Place, name: str, tag: str) -> str:
        """Return the digest a tag has in a repository."""
        tags = self._tags(where, name) if name in self.repositories(where) else {}
        return digest(name, tags.get(tag, tag))

    def listing(self, where: Place, name: str) -> Listing:
        """Return the images of a repository, by digest."""
        described = self.repositories(where)[name]
        if described.get("denied"):
            return Listing((), f"AccessDeniedException: {denial(where, name)}")
        images = [self._image(where, name, version, pushed) for version, pushed in self._versions(where, name).items()]
        images += [_signature(name, version, pushed) for version, pushed in self._signed(where, name).items()]
        return Listing(tuple(sorted(images, key=lambda image: image.digest)))

    def _image(self, where: Place, name: str, version: str, pushed_at: datetime) -> Image:
        described = self.repositories(where)[name]
        replica, archived_at = "replica_of" in described, described.get("archived", {}).get(version)
        moving = [tag for tag, named in self._tags(where, name).items() if named == version]
        return Image(
            digest=digest(name, version),
            tags=tuple(sorted([version, *moving])),
            pushed_at=pushed_at,
            size=40_000_000 + int(sha256(f"size of {name}")[:6], 16),
            status="ARCHIVED" if archived_at else "ACTIVE",
            media_type=_MANIFEST,
            last_pulled_at=None if replica else pushed_at + timedelta(hours=2),
            last_archived_at=archived_at,
        )

    def _versions(self, where: Place, name: str) -> dict[str, datetime]:
        """Return when each version was pushed to a repository."""
        described = self.repositories(where)[name]
        if "replica_of" in described:
            origin = self._versions(place(described["replica_of"]), name)
            return {v: pushed + LAG for v, pushed in origin.items() if v not in described.get("lacks", ())}
        return {**described.get("releases", {}), **_builds(described.get("builds"))}

    def _signed(self, where: Place, name: str) -> dict[str, datetime]:
        """Return when each signature was pushed; replication copies what refers to an image."""
        described = self.repositories(where)[name]
        if "replica_of" in described:
            origin = self._signed(place(described["replica_of"]), name)
            return {v: pushed + LAG for v, pushed in origin.items() if v not in described.get("unsigned", ())}
        return dict(described.get("signed", {}))

    def statuses(self, where: Place, name: str) -> dict[str, list[dict[str, Any]]]:
        """Return by digest the replication statuses of the images that a registry a repository is copied to lacks."""
        found: dict[str, list[dict[str, Any]]] = {}
        for rule in self._places[where].get("replication", ()):
            if not name.startswith(tuple(rule["prefixes"])):
                continue
            to = place(rule["to"])
            replica = self.repositories(to).get(name, {})
            known = {"IN_PROGRESS": replica.get("underway", ()), "FAILED": replica.get("failed", ())}
            words = {digest(name, version): word for word, versions in known.items() for version in versions}
            held = {image.digest for image in self.listing(to, name).images} if replica else set()
            for lacking in {image.digest for image in self.listing(where, name).images} - held:
                word = words.get(lacking)
                status = [{"region": to.region, "registryId": to.account, "status": word}] if word else []
                found.setdefault(lacking, []).extend(status)
        return found

    def _tags(self, where: Place, name: str) -> dict[str, str]:
        described = self.repositories(where)[name]
        origin = self._tags(place(described["replica_of"]), name) if "replica_of" in described else {}
        return {**origin, **described.get("tags", {})}


def _signature(name: str, version: str, pushed_at: datetime) -> Image:
    """Return the signature of a version, which refers to it."""
    return Image(
        digest=digest(name, f"signature of {version}"),
        pushed_at=pushed_at,
        size=2_048,
        media_type=_MANIFEST,
        artifact_media_type=_SIGNATURE,
        subject=digest(name, version),
    )


def _builds(described: Mapping[str, Any] | None) -> dict[str, datetime]:
    if described is None:
        return {}
    every = duration.parse(described["every"])
    return {
        f"{described['prefix']}{number + 1:04}": described["first"] + number * every
        for number in range(described["count"])
    }


def denial(where: Place, name: str) -> str:
    """Return what AWS says to somebody who may not list a repository's images."""
    user = f"arn:aws:sts::{where.account}:assumed-role/RegionproofReadOnly/regionproof"
    repository = f"arn:aws:ecr:{where.region}:{where.account}:repository/{name}"
    why = "with an explicit deny in a resource-based policy"
    return f"User: {user} is not authorized to perform: ecr:DescribeImages on resource: {repository} {why}"


def calls(recorder: Recorder, described: Mapping[str, Any], registries: Registries) -> Iterator[Call]:
    """Return what ECR answers about one registry."""
    yield from _registry_calls(recorder, described)
    repositories = registries.repositories(recorder.place)
    found = [_repository(recorder, name, settings) for name, settings in sorted(repositories.items())]
    yield recorder.answered("ecr", "DescribeRepositories", {}, {"repositories": found})
    for name, settings in sorted(repositories.items()):
        yield _text(recorder, "RepositoryPolicy", "policyText", name, settings.get("policy"))
        yield _text(recorder, "LifecyclePolicy", "lifecyclePolicyText", name, settings.get("lifecycle"))
        asked = {"repositoryName": name, **ANY}
        if settings.get("denied"):
            message = denial(recorder.place, name)
            yield recorder.refused("ecr", "DescribeImages", asked, "AccessDeniedException", message)
        else:
            yield recorder.counted("ecr", "DescribeImages", asked, len(registries.listing(recorder.place, name).images))
    yield from _scan_frequencies(recorder, repositories)
    yield from _replication_statuses(recorder, registries)


def _replication_statuses(recorder: Recorder, registries: Registries) -> Iterator[Call]:
    """Return what became of the replication of each image that a replica lacks; ECR names none that was never begun."""
    for name in sorted(registries.repositories(recorder.place)):
        for lacking, statuses in sorted(registries.statuses(recorder.place, name).items()):
            asked = {"repositoryName": name, "imageId": {"imageDigest": lacking}}
            answer = {**asked, "replicationStatuses": statuses}
            yield recorder.answered("ecr", "DescribeImageReplicationStatus", asked, answer)


def _scan_frequencies(recorder: Recorder, repositories: Mapping[str, Any]) -> Iterator[Call]:
    for names in chunks(sorted(repositories), 25):
        frequencies = {name: "SCAN_ON_PUSH" if repositories[name].get("scan_on_push") else "MANUAL" for name in names}
        found = [
            {
                "repositoryArn": recorder.arn("ecr", f"repository/{name}"),
                "repositoryName": name,
                "scanOnPush": frequency == "SCAN_ON_PUSH",
                "scanFrequency": frequency,
                "appliedScanFilters": [],
            }
            for name, frequency in frequencies.items()
        ]
        answer = {"scanningConfigurations": found, "failures": []}
        yield recorder.answered("ecr", "BatchGetRepositoryScanningConfiguration", {"repositoryNames": names}, answer)


def _registry_calls(recorder: Recorder, described: Mapping[str, Any]) -> Iterator[Call]:
    id = {"registryId": recorder.account}
    rules = [_rule(rule) for rule in described.get("replication", ())]
    yield recorder.answered("ecr", "DescribeRegistry", {}, {**id, "replicationConfiguration": {"rules": rules}})
    policy = described.get("registry_policy")
    if policy:
        yield recorder.answered("ecr", "GetRegistryPolicy", {}, {**id, "policyText": json.dumps(policy)})
    else:
        message = f"Registry policy does not exist in the registry with id '{recorder.account}'"
        yield recorder.refused("ecr", "GetRegistryPolicy", {}, "RegistryPolicyNotFoundException", message)
    scanning = {"scanType": "BASIC", "rules": []}
    yield recorder.answered("ecr", "GetRegistryScanningConfiguration", {}, {**id, "scanningConfiguration": scanning})
    templates = {
        **id,
        "repositoryCreationTemplates": [_template(template) for template in described.get("templates", ())],
    }
    yield recorder.answered("ecr", "DescribeRepositoryCreationTemplates", {}, templates)
    caches = [_cache(recorder, prefix, upstream) for prefix, upstream in described.get("caches", {}).items()]
    yield recorder.answered("ecr", "DescribePullThroughCacheRules", {}, {"pullThroughCacheRules": caches})
    message = f"Signing configuration does not exist in the registry with id '{recorder.account}'"
    yield recorder.refused("ecr", "GetSigningConfiguration", {}, "SigningConfigurationNotFoundException", message)
    yield recorder.answered("ecr", "ListPullTimeUpdateExclusions", {}, {"pullTimeUpdateExclusions": []})
    backfills = [_backfill(recorder, backfill) for backfill in described.get("backfills", ())]
    yield recorder.answered("ecr", "ListReplicationBackfills", {}, {**id, "backfills": backfills})
    for name, value in _SETTINGS.items():
        yield recorder.answered("ecr", "GetAccountSetting", {"name": name}, {"name": name, "value": value})


def _rule(described: Mapping[str, Any]) -> dict[str, Any]:
    to = place(described["to"])
    rule: dict[str, Any] = {
        "destinations": [{"region": to.region, "registryId": to.account}],
        "repositoryFilters": [{"filter": prefix, "filterType": "PREFIX_MATCH"} for prefix in described["prefixes"]],
    }
    return {**rule, "deleteReplication": {"enabled": True}} if described.get("delete") else rule


def _backfill(recorder: Recorder, described: Mapping[str, Any]) -> dict[str, Any]:
    to, total, failed = place(described["to"]), described["total"], described["failed"]
    return {
        "replicationBackfillId": uuid(f"{recorder.place} {described}"),
        "destination": {"region": to.region, "registryId": to.account},
        "status": "COMPLETE",
        "progress": {
            "totalReplicationCount": total,
            "completedReplicationCount": total - failed,
            "failedReplicationCount": failed,
            "failureCodes": ["InternalError"] if failed else [],
        },
        "startedAt": epoch(described["started"]),
        "endedAt": epoch(described["started"] + timedelta(hours=2)),
    }


def _cache(recorder: Recorder, prefix: str, upstream: str) -> dict[str, Any]:
    """Return a pull-through cache of a public registry or of an ECR registry, `<account>/<region>`."""
    rule = {"ecrRepositoryPrefix": prefix, "registryId": recorder.account, "createdAt": epoch(_CREATED)}
    if upstream in _UPSTREAMS:
        return {**rule, "upstreamRegistry": upstream, "upstreamRegistryUrl": _UPSTREAMS[upstream]}
    origin = place(upstream)
    url = f"{origin.account}.dkr.ecr.{origin.region}.amazonaws.com"
    return {**rule, "upstreamRegistry": "ecr", "upstreamRegistryUrl": url, "upstreamRepositoryPrefix": prefix}


def _template(described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "prefix": described["prefix"],
        "description": "Repositories that replication creates",
        "encryptionConfiguration": described.get("encryption", {"encryptionType": "AES256"}),
        "imageTagMutability": described["mutability"],
        "appliedFor": ["REPLICATION"],
        "createdAt": epoch(_CREATED),
        "updatedAt": epoch(_CREATED),
    }


def _repository(recorder: Recorder, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "repositoryArn": recorder.arn("ecr", f"repository/{name}"),
        "registryId": recorder.account,
        "repositoryName": name,
        "repositoryUri": f"{recorder.account}.dkr.ecr.{recorder.place.region}.amazonaws.com/{name}",
        "createdAt": epoch(_CREATED),
        "imageTagMutability": settings.get("mutability", "MUTABLE"),
        "imageScanningConfiguration": {"scanOnPush": settings.get("scan_on_push", False)},
        "encryptionConfiguration": settings.get("encryption", {"encryptionType": "AES256"}),
    }


def _text(recorder: Recorder, what: str, member: str, name: str, document: Any) -> Call:
    """Return the answer to GetRepositoryPolicy or GetLifecyclePolicy."""
    operation, asked = f"Get{what}", {"repositoryName": name}
    if document is None:
        words = what.replace("Policy", " policy")
        message = (
            f"{words} does not exist for the repository with name '{name}' in the registry with id '{recorder.account}'"
        )
        return recorder.refused("ecr", operation, asked, f"{what}NotFoundException", message)
    answer = {"registryId": recorder.account, **asked, member: json.dumps(document)}
    return recorder.answered("ecr", operation, asked, answer)
