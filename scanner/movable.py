"""Whether the tag that a workload of the standby names may mean another image on the day of the failover.

Reading something here that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from scanner.images import RepositoryKey
from scanner.model import InsufficientData, Model, Pair, Place, Resource
from scanner.references import Reference
from scanner.workloads import digest_of, undeclared_at_most


def may_change(reference: Reference, user: Resource, pair: Pair, model: Model) -> str | None:
    """Return why the tag that `user` pulls by in the standby may mean another image then, None if it cannot.

    It cannot where nobody may move it, and it means the same image in the primary.
    """
    if reference.place is None or reference.tag is None:
        return "its registry is not yours, and may move the tag"
    repository = model.find("AWS::ECR::Repository", reference.repository, reference.place)
    if repository is None:
        if undeclared_at_most(user, model):
            raise InsufficientData(f"repository '{reference.key}' is not declared in the scanned files")
        return "no such repository exists"
    if is_movable(repository, reference.tag):
        return "the tags of its repository may be moved"
    here = digest_of(model, reference, None)
    account = pair.primary.account if reference.account == pair.standby.account else reference.account
    source = RepositoryKey.of(Place(account, pair.primary.region), reference.repository)
    there = model.images.tagged(source, reference.tag)
    if there is None or there.digest != here:
        return "the tag means another image, or none, in the primary"
    return None


def is_movable(repository: Resource, tag: str) -> bool:
    """Tell whether somebody may move a tag of a repository."""
    mutability = repository["ImageTagMutability"]
    if mutability == "IMMUTABLE":
        return False
    filters = repository["ImageTagMutabilityExclusionFilters"] or ()
    patterns = [each["ImageTagMutabilityExclusionFilterValue"] for each in filters]
    excluded = any(fnmatchcase(tag, pattern) for pattern in patterns)
    return excluded if mutability == "IMMUTABLE_WITH_EXCLUSION" else not excluded
