"""How Amazon ECR matches repositories: what a registry replicates to where, and what it does to replicas it creates.

Two kinds of prefix live side by side.  A filter of a replication rule is a plain prefix of the name: `prod` covers
`production/web`.  The prefix of a creation template or of a pull through cache rule covers whole path segments, for
ECR appends a slash to it: `prod` covers `prod/web` alone.  Sources:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-settings-examples.html,
repository-creation-templates.html and pull-through-cache-private-wildcards.html beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from scanner.model import InsufficientData, Model, Pair, Place, Resource, Twin

ROOT = "ROOT"
"""The prefix that stands for every repository that no other one covers."""

# From the model of the API: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_RepositoryFilter.html
_FILTER = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*")


def rules_of(registry: Resource) -> Sequence[Mapping[str, Any]]:
    """Return the replication rules of an AWS::ECR::Registry; raise `InsufficientData` if they were not seen."""
    rules: Sequence[Mapping[str, Any]] = (registry["ReplicationConfiguration"] or {}).get("Rules") or ()
    return rules


def matches_filter(prefix: str, repository: str) -> bool:
    """Tell whether a PREFIX_MATCH filter of a replication rule covers a repository: it is a plain prefix, no path."""
    return repository.startswith(prefix)


def matches_namespace(prefix: str, repository: str) -> bool:
    """Tell whether the prefix of a creation template or a cache rule covers a repository: it ends at a slash."""
    return prefix == ROOT or repository.startswith(f"{prefix.rstrip('/')}/")


def filters_of(rule: Mapping[str, Any]) -> list[str]:
    """Return the filters of a rule, none if it covers every repository; raise `InsufficientData` for a new kind."""
    filters = []
    for item in rule.get("RepositoryFilters") or ():
        if item.get("FilterType") not in (None, "PREFIX_MATCH"):
            raise InsufficientData(f"replication filters of type '{item.get('FilterType')}' are not understood")
        filters.append(item.get("Filter") or "")
    return filters


def is_filter(text: str) -> bool:
    """Tell whether ECR takes a text as a filter: what the names of repositories begin with, 2 to 256 characters."""
    return 2 <= len(text) <= 256 and _FILTER.fullmatch(text) is not None


def idle_filters(registry: Resource, model: Model) -> list[str]:
    """Return the filters that are the beginning of no name, sorted, of an account that showed all its repositories.

    Of code alone there are none: what is not in it may be created by other code, or be there.
    """
    place = Place(registry.account, registry.region or "")
    if model.hidden("AWS::ECR::Repository", place) or not registry.operations:
        return []
    names = repositories_in(registry.place, model)
    filters = {prefix for rule in rules_of(registry) for prefix in filters_of(rule) if is_filter(prefix)}
    return sorted(prefix for prefix in filters if not any(matches_filter(prefix, name) for name in names))


def is_one_declaration(one: Resource, other: Resource) -> bool:
    """Tell whether two registries whose place is not known are the same code, in two environments of it or in one.

    In their ids the environment stands behind an `@`; a stack that brings another has a `#` there.
    """
    (code, _, deployment), (other_code, _, another) = one.id.partition("@"), other.id.partition("@")
    return one.id == other.id or (code == other_code and "#" not in deployment + another)


def destinations_of(rule: Mapping[str, Any]) -> Iterator[Place]:
    """Yield the registries that a rule copies to."""
    for item in rule.get("Destinations") or ():
        yield Place(item.get("RegistryId"), item.get("Region"))


def sends_to(rule: Mapping[str, Any], destination: Place) -> bool:
    """Tell whether a rule names a registry among its destinations."""
    return any(found == destination for found in destinations_of(rule))


def covers(rule: Mapping[str, Any], repository: str) -> bool:
    """Tell whether a rule is for a repository; one without filters is for all."""
    filters = filters_of(rule)
    return not filters or any(matches_filter(prefix, repository) for prefix in filters)


def replicates(rules: Iterable[Mapping[str, Any]], repository: str, destination: Place) -> bool:
    """Tell whether some rule copies a repository to a registry, in the one hop that ECR makes."""
    return any(sends_to(rule, destination) and covers(rule, repository) for rule in rules)


def replicates_once_pushed(twin: Twin, model: Model) -> bool:
    """Tell whether a rule brings a repository, of which only code tells, to the standby with its first image.

    Rules that no scanned file declares are taken for none.  Raises `InsufficientData` for rules that are declared and
    not known in full, and for those of an account that did not show them.
    """
    primary = twin.primary
    registry = model.find("AWS::ECR::Registry", "registry", primary.place)
    try:
        return registry is not None and replicates(rules_of(registry), primary.name or "", twin.pair.standby)
    except InsufficientData as gap:
        if str(gap).endswith("ReplicationConfiguration is not declared in the scanned files"):
            return False
        raise


def reached(rules: Iterable[Mapping[str, Any]], repository: str) -> list[Place]:
    """Return the registries to which the rules copy a repository, in order and once each."""
    found = (place for rule in rules if covers(rule, repository) for place in destinations_of(rule))
    return list(dict.fromkeys(found))


def chains(registry: Resource, repository: str, end: Place, model: Model) -> Iterator[Place | InsufficientData]:
    """Yield each registry that gets a repository from `registry` and has a rule that would copy it on to `end`.

    ECR does not: an image is copied once, by the rules of the registry that it was pushed to.  An `InsufficientData`
    stands for a registry whose rules were not seen.
    """
    for between in reached(rules_of(registry), repository):
        if between == end:
            continue
        try:
            next_registry = model.find("AWS::ECR::Registry", "registry", between)
            if next_registry is not None and replicates(rules_of(next_registry), repository, end):
                yield between
        except InsufficientData as gap:
            yield gap


def replicated(registry: Resource, standby: Place, model: Model) -> list[str]:
    """Return the names of the repositories that a registry copies to `standby`, sorted, of those that were seen.

    `Model.hidden` says whether there may be others.  Raises `InsufficientData` if the name of one is not known.
    """
    rules = rules_of(registry)
    return [name for name in repositories_in(registry.place, model) if replicates(rules, name, standby)]


def pushing_to_both(pair: Pair, model: Model) -> Resource | None:
    """Return a CI file that is seen to push images to the Regions of both sides of a pair, None if none is.

    It says nothing of which images, nor of accounts: whether it stands for replication is for somebody to declare, and
    where `replication` is declared none does.
    """
    if pair.image_distribution is not None:
        return None
    for type in ("GitHub::Actions::Workflow", "GitLab::CI::Pipeline"):
        for workflow in model.of_type(type):
            with suppress(InsufficientData):
                pushed = workflow["PushesImagesTo"] or ()
                if {pair.primary.region, pair.standby.region} <= _known(pushed):
                    return workflow
    return None


def _known(items: Sequence[str]) -> set[str]:
    found = set()
    for number in range(len(items)):
        with suppress(InsufficientData):
            found.add(items[number])
    return found


def repositories_in(place: Place, model: Model) -> list[str]:
    """Return the names of the repositories of a place, sorted; raise `InsufficientData` if that of one is not known."""
    found = repositories_of(place, model)
    if unnamed := next((repository for repository in found if repository.name is None), None):
        raise InsufficientData(f"the name of '{unnamed.id}' is not known, nor whether it is replicated")
    return sorted(str(repository.name) for repository in found)


_by_place: WeakKeyDictionary[Model, dict[Place, list[Resource]]] = WeakKeyDictionary()


def repositories_of(place: Place, model: Model) -> Sequence[Resource]:
    """Return the repositories of a place that were seen; `Model.hidden` says whether there may be others."""
    known = _by_place.setdefault(model, {})
    if place not in known:
        found = model.in_place("AWS::ECR::Repository", place)
        known[place] = [repository for repository in found if (repository.account, repository.region) == place]
    return known[place]


def counterpart_name(repository: str, primary: Place, standby: Place) -> str | None:
    """Return what a repository that is named after the primary's Region is called in the standby, None for any other.

    Tools name so what they create in each Region, as the CDK does with `cdk-...-assets-<account>-<region>`.
    """
    word = rf"(?<![A-Za-z0-9]){re.escape(primary.region)}(?![0-9])"
    if not re.search(word, repository):
        return None
    return re.sub(word, standby.region, repository).replace(str(primary.account), str(standby.account))


def counterpart(twin: Twin) -> Resource | None:
    """Return the repository that stands in for one of the primary, None if it is known not to exist.

    For a repository that is named after its Region that is the standby's own, if there is one; else the replica.
    """
    repository = twin.primary
    name = counterpart_name(repository.name or "", repository.place, twin.pair.standby)
    own = twin.find(repository.type, name) if name else None
    return twin.standby if own is None else own


def template_for(templates: Iterable[Mapping[str, Any]] | None, repository: str) -> Mapping[str, Any] | None:
    """Return the creation template by which ECR would create a repository that it replicates, None if none fits.

    The longest prefix wins, `ROOT` counts as the shortest.  Raises `InsufficientData` where the longest is not for
    replication and a shorter one is: AWS does not say whether ECR then takes that one.
    """
    fitting = by_prefix(templates, "Prefix", repository)
    meant = [template for template in fitting if "REPLICATION" in (template["AppliedFor"] or ())]
    if meant and meant[0] is not fitting[0]:
        raise InsufficientData(
            f"for '{repository}', template '{fitting[0]['Prefix']}' is not for replication and the less specific "
            f"'{meant[0]['Prefix']}' is; AWS does not say whether ECR would use it"
        )
    return meant[0] if meant else None


def lifecycle_to_come(model: Model, repository: str, pair: Pair) -> str | None:
    """Return the text of the lifecycle policy that ECR will give a replica that it creates, None if it gives none.

    Raises `InsufficientData` if the creation templates of the standby were not seen, or as `template_for`.
    """
    if pair.image_distribution == "dual-push":
        return None  # ECR creates nothing
    registry = model.find("AWS::ECR::Registry", "registry", pair.standby)
    template = template_for(registry["RepositoryCreationTemplates"], repository) if registry else None
    text: str | None = template["LifecyclePolicy"] if template else None
    return text


def by_prefix(items: Iterable[Mapping[str, Any]] | None, key: str, repository: str) -> list[Mapping[str, Any]]:
    """Return the creation templates or cache rules whose prefix, under `key`, covers a repository; longest first."""
    fitting = [item for item in items or () if matches_namespace(item[key] or "", repository)]
    return sorted(fitting, key=lambda item: 0 if item[key] == ROOT else len(item[key].rstrip("/")), reverse=True)


def cached_as(rule: Mapping[str, Any], upstream: str) -> str | None:
    """Return where a pull through cache rule keeps an upstream repository, None if the rule is not for it."""
    start = rule["UpstreamRepositoryPrefix"] or ROOT
    if not matches_namespace(start, upstream):
        return None
    rest = upstream if start == ROOT else upstream.removeprefix(f"{start.rstrip('/')}/")
    own = rule["EcrRepositoryPrefix"]
    return rest if own == ROOT else f"{own.rstrip('/')}/{rest}"
