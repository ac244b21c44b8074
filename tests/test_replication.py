"""What a registry replicates to where, and which template makes a replica."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.images import ImageIndex
from scanner.model import Gap, InsufficientData, Model, Place, Resource, Unknown, guard
from scanner.replication import (
    by_prefix,
    cached_as,
    chains,
    counterpart_name,
    covers,
    filters_of,
    idle_filters,
    is_filter,
    is_one_declaration,
    matches_filter,
    matches_namespace,
    reached,
    replicated,
    replicates,
    repositories_in,
    sends_to,
    template_for,
)

ACCOUNT, OTHER = "111122223333", "444455556666"
EAST, WEST, EU = Place(ACCOUNT, "us-east-1"), Place(ACCOUNT, "us-west-2"), Place(ACCOUNT, "eu-west-1")
VAULT = Place(OTHER, "us-west-2")


def rule(*places, filters=None, **more):
    given = {"Destinations": [{"Region": place.region, "RegistryId": place.account} for place in places], **more}
    if filters is not None:
        given["RepositoryFilters"] = [{"Filter": text, "FilterType": "PREFIX_MATCH"} for text in filters]
    return guard(given)


def registry(place, *rules):
    properties = guard({"ReplicationConfiguration": {"Rules": list(rules)}})
    return Resource("AWS::ECR::Registry", f"aws://{place}/ecr", "registry", place.account, place.region, properties)


def repository(place, name, **changes):
    arn = f"arn:aws:ecr:{place.region}:{place.account}:repository/{name}"
    return Resource("AWS::ECR::Repository", arn, name, place.account, place.region, guard({}), **changes)


def model(*resources, gaps=(), scanned=(EAST, WEST, EU, VAULT)):
    as_of = datetime(2026, 11, 1, tzinfo=UTC)
    return Model(resources, gaps=gaps, pairs=(), images=ImageIndex(), scanned=scanned, as_of=as_of)


@pytest.mark.parametrize(
    ("prefix", "name", "as_filter", "as_namespace"),
    [
        ("prod", "prod", True, False),
        ("prod", "prod/web", True, True),
        ("prod", "production/web", True, False),
        ("prod", "prod-old/web", True, False),
        ("prod/", "production/web", False, False),
        ("prod/", "prod/web", True, True),
        ("prod/", "prod", False, False),
        ("team-", "team-a/web", True, False),
        ("web", "prod/web", False, False),
        ("ROOT", "prod/web", False, True),
    ],
)
def test_a_filter_is_a_plain_prefix_and_a_template_covers_whole_segments(prefix, name, as_filter, as_namespace):
    assert matches_filter(prefix, name) is as_filter
    assert matches_namespace(prefix, name) is as_namespace


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (rule(WEST), True),
        (rule(EU, WEST), True),
        (rule(WEST, filters=[]), True),
        (rule(WEST, filters=["prod/", "shop/"]), True),
        (rule(WEST, filters=["prod/"]), False),
        (rule(EU), False),
        (rule(VAULT), False),
        (rule(), False),
    ],
)
def test_which_rule_copies_a_repository(given, expected):
    assert replicates([given], "shop/web", WEST) is expected
    assert replicates([rule(EU), given], "shop/web", WEST) is expected


def test_a_rule_that_was_not_seen_decides_nothing():
    hidden = Unknown("no access")
    with pytest.raises(InsufficientData, match="no access"):
        sends_to(guard({"Destinations": hidden}), WEST)
    with pytest.raises(InsufficientData, match="no access"):
        replicates([rule(WEST, RepositoryFilters=hidden)], "shop/web", WEST)
    with pytest.raises(InsufficientData, match="SUFFIX_MATCH"):
        covers(rule(WEST, RepositoryFilters=[{"Filter": "x", "FilterType": "SUFFIX_MATCH"}]), "shop/web")


def test_a_rule_for_elsewhere_need_not_be_understood():
    vague = rule(EU, RepositoryFilters=[{"Filter": "x", "FilterType": "SUFFIX_MATCH"}])
    assert not replicates([vague], "shop/web", WEST)


def test_filters_are_prefixes_unless_another_kind_is_said():
    assert filters_of(
        guard({"RepositoryFilters": [{"Filter": "a"}, {"Filter": "b", "FilterType": "PREFIX_MATCH"}]})
    ) == [
        "a",
        "b",
    ]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("prod", True),
        ("prod/", True),
        ("team-", True),
        ("a.b_c-d/e", True),
        ("ab", True),
        ("a", False),
        ("", False),
        ("a" * 256, True),
        ("a" * 257, False),
        ("prod/*", False),
        ("prod?", False),
        ("Prod", False),
        ("/prod", False),
        ("a//b", False),
    ],
)
def test_what_ecr_takes_as_a_filter(text, taken):
    assert is_filter(text) is taken


def test_a_filter_is_idle_only_where_an_account_showed_every_repository():
    code = registry(EAST, rule(WEST, filters=["shop/", "gone/", "w*"]), rule(VAULT, filters=["team-"]))
    live = replace(code, operations=("ecr:DescribeRegistry",))
    found = [repository(EAST, "shop/web"), repository(WEST, "gone/web")]
    denied = Gap(
        "AccessDeniedException", "no", "AWS::ECR::Repository", ACCOUNT, "us-east-1", "ecr:DescribeRepositories"
    )
    assert idle_filters(live, model(live, *found)) == ["gone/", "team-"]
    assert idle_filters(code, model(code, *found)) == []
    assert idle_filters(live, model(live, *found, gaps=[denied])) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.tf#x@dev", "a.tf#x@prod", True),
        ("a.tf#x@dev", "a.tf#x@dev", True),
        ("a.tf#x@dev", "a.tf#y@dev", False),
        ("a.tf#x", "b.tf#x", False),
        ("a.yaml#X@main.yaml#One", "a.yaml#X@main.yaml#Two", False),  # a template that a stack brings twice
    ],
)
def test_environments_of_one_declaration_are_one(one, other, expected):
    first, second = (replace(registry(EAST), id=id) for id in (one, other))
    assert is_one_declaration(first, second) is expected


def test_a_repository_reaches_each_destination_once():
    rules = [rule(WEST, EU), rule(WEST, VAULT, filters=["shop/"]), rule(EU, filters=["prod/"])]
    assert reached(rules, "shop/web") == [WEST, EU, VAULT]
    assert reached(rules, "prod/web") == [WEST, EU]


class TestChains:
    def test_a_chain_is_found_and_is_no_replication(self):
        east, eu = registry(EAST, rule(EU)), registry(EU, rule(WEST))
        assert list(chains(east, "shop/web", WEST, model(east, eu, registry(WEST)))) == [EU]
        assert not replicates([rule(EU)], "shop/web", WEST)

    def test_the_end_itself_is_no_chain(self):
        east, west = registry(EAST, rule(WEST)), registry(WEST, rule(WEST))
        assert list(chains(east, "shop/web", WEST, model(east, west))) == []

    @pytest.mark.parametrize("second", [rule(EAST), rule(VAULT), rule(WEST, filters=["prod/"])])
    def test_a_second_hop_has_to_be_for_this_repository_and_place(self, second):
        east = registry(EAST, rule(EU))
        assert list(chains(east, "shop/web", WEST, model(east, registry(EU, second)))) == []

    def test_two_hops_more_are_not_followed(self):
        east, eu = registry(EAST, rule(EU)), registry(EU, rule(VAULT))
        assert list(chains(east, "shop/web", WEST, model(east, eu, registry(VAULT, rule(WEST))))) == []

    def test_a_registry_between_that_nobody_saw_is_said(self):
        east = registry(EAST, rule(EU, VAULT))
        denied = Gap("AccessDeniedException", "no", "AWS::ECR::Registry", EU.account, EU.region)
        found = list(chains(east, "shop/web", WEST, model(east, registry(VAULT, rule(WEST)), gaps=[denied])))
        assert isinstance(found[0], InsufficientData)
        assert found[1:] == [VAULT]


class TestRepositories:
    def test_only_those_of_the_place_that_a_rule_covers(self):
        east = registry(EAST, rule(WEST, filters=["shop/"]))
        found = model(
            east, *(repository(EAST, name) for name in ("shop/web", "shop/api", "base")), repository(EU, "shop/x")
        )
        assert repositories_in(EAST, found) == ["base", "shop/api", "shop/web"]
        assert replicated(east, WEST, found) == ["shop/api", "shop/web"]
        assert replicated(east, EU, found) == []

    def test_one_without_a_name_leaves_it_open(self):
        with pytest.raises(InsufficientData, match="is not known"):
            repositories_in(EAST, model(repository(EAST, None)))


@pytest.mark.parametrize(
    ("name", "standby", "expected"),
    [
        ("shop/web", WEST, None),
        ("assets-us-west-2", WEST, None),
        ("assets-us-east-1", WEST, "assets-us-west-2"),
        ("us-east-1/web", WEST, "us-west-2/web"),
        ("web.us-east-1", EU, "web.eu-west-1"),
        ("assets-us-east-10", WEST, None),
        ("bus-east-1", WEST, None),
        (
            f"cdk-hnb659fds-container-assets-{ACCOUNT}-us-east-1",
            VAULT,
            f"cdk-hnb659fds-container-assets-{OTHER}-us-west-2",
        ),
    ],
)
def test_what_is_named_after_its_region_has_another_name_elsewhere(name, standby, expected):
    assert counterpart_name(name, EAST, standby) == expected


def template(prefix, *applied):
    return {"Prefix": prefix, "AppliedFor": list(applied or ("REPLICATION",))}


TEMPLATES = guard([template("ROOT"), template("prod/eu"), template("prod"), template("shop/")])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prod/web", "prod"),
        ("prod/eu/web", "prod/eu"),
        ("prod/europe/web", "prod"),
        ("production/web", "ROOT"),
        ("prod", "ROOT"),
        ("shop/web", "shop/"),
    ],
)
def test_the_longest_template_of_whole_segments_wins(name, expected):
    assert template_for(TEMPLATES, name)["Prefix"] == expected


@pytest.mark.parametrize(
    ("templates", "expected"),
    [
        (None, None),
        ([], None),
        ([template("prod")], None),
        ([template("shop", "PULL_THROUGH_CACHE")], None),
        ([template("shop", "PULL_THROUGH_CACHE", "REPLICATION")], "shop"),
        ([template("shop"), template("ROOT", "CREATE_ON_PUSH")], "shop"),
    ],
)
def test_only_templates_for_replication_make_replicas(templates, expected):
    found = template_for(guard(templates), "shop/web")
    assert (found and found["Prefix"]) == expected


def test_whether_a_less_specific_template_steps_in_is_not_known():
    with pytest.raises(InsufficientData, match="'shop' is not for replication and the less specific 'ROOT' is"):
        template_for(guard([template("ROOT"), template("shop", "CREATE_ON_PUSH")]), "shop/web")


@pytest.mark.parametrize("hidden", [{"Prefix": Unknown("x")}, {"Prefix": "shop", "AppliedFor": Unknown("x")}])
def test_a_template_that_was_not_seen_decides_nothing(hidden):
    with pytest.raises(InsufficientData):
        template_for(guard([hidden, template("ROOT")]), "shop/web")


def cache(own, upstream=None):
    return guard({"EcrRepositoryPrefix": own, "UpstreamRepositoryPrefix": upstream})


@pytest.mark.parametrize(
    ("rule", "upstream", "expected"),
    [  # the table of pull-through-cache-private-wildcards.html
        (cache("ecr-public", "ROOT"), "my-app/image1", "ecr-public/my-app/image1"),
        (cache("ecr-public"), "my-app/image2", "ecr-public/my-app/image2"),
        (cache("ROOT"), "my-app/image1", "my-app/image1"),
        (cache("team-a", "team-a"), "team-a/myapp/image1", "team-a/myapp/image1"),
        (cache("my-app", "upstream-app"), "upstream-app/image1", "my-app/image1"),
        (cache("my-app/", "upstream-app/"), "upstream-app/image1", "my-app/image1"),
        (cache("my-app", "upstream-app"), "upstream-apple/image1", None),
        (cache("my-app", "upstream-app"), "other/image1", None),
    ],
)
def test_where_a_cache_keeps_an_upstream_repository(rule, upstream, expected):
    assert cached_as(rule, upstream) == expected


segment = st.text("ab-", min_size=1, max_size=3).filter(lambda text: text.strip("-") == text)
names = st.lists(segment, min_size=1, max_size=3).map("/".join)
prefixes = st.lists(names, max_size=5, unique=True)


@given(names, names)
def test_what_a_template_covers_a_filter_of_the_same_text_covers_too_and_not_the_other_way(prefix, name):
    if matches_namespace(prefix, name):
        assert matches_filter(prefix, name)
    assert matches_namespace(prefix, name) == matches_filter(f"{prefix}/", name)
    assert matches_filter(prefix, f"{prefix}uction/{name}")
    assert not matches_namespace(prefix, f"{prefix}uction/{name}")


@given(prefixes, names)
def test_root_steps_in_exactly_where_nothing_else_fits(found, name):
    templates = guard([template(prefix) for prefix in found])
    chosen = template_for(templates, name)
    with_root = template_for(guard([template("ROOT"), *(template(prefix) for prefix in found)]), name)
    assert with_root["Prefix"] == (chosen["Prefix"] if chosen else "ROOT")


@given(prefixes, names, st.randoms())
def test_the_chosen_template_is_the_longest_that_fits_whatever_the_order(found, name, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    fitting = [prefix for prefix in found if name.startswith(f"{prefix}/")]
    chosen = template_for(guard([template(prefix) for prefix in shuffled]), name)
    assert (chosen and chosen["Prefix"]) == max(fitting, key=len, default=None)
    assert [item["Prefix"] for item in by_prefix(TEMPLATES, "Prefix", name)][-1] == "ROOT"


places = st.sampled_from([EAST, WEST, EU, VAULT])
rules = st.lists(
    st.builds(lambda to, only: rule(*to, filters=only), st.lists(places, max_size=3), prefixes), max_size=3
)


@given(rules, st.dictionaries(places, rules), names, places)
def test_the_graph_has_one_hop(first, others, name, end):
    """What is sent on is a chain, never a copy: rules of other registries change nothing about what arrives."""
    graph = {**others, EAST: first}
    registries = {place: registry(place, *given) for place, given in graph.items()}
    found = list(chains(registries[EAST], name, end, model(*registries.values())))
    expected = [hop for hop in reached(graph[EAST], name) if hop != end and end in reached(graph.get(hop, ()), name)]
    assert found == expected
    assert replicates(graph[EAST], name, end) == (end in reached(graph[EAST], name))
