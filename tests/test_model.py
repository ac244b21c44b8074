"""The model: what was seen, what is known not to exist, and what nobody has seen, never mixed up."""

import json
from datetime import UTC, datetime

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.images import ImageIndex
from scanner.model import (
    Gap,
    InsufficientData,
    Location,
    Model,
    Pair,
    Place,
    Properties,
    Resource,
    Unknown,
    guard,
    plain,
)
from scanner.testing import _Watched

ACCOUNT, OTHER = "111122223333", "444455556666"
EAST, WEST, EU = Place(ACCOUNT, "us-east-1"), Place(ACCOUNT, "us-west-2"), Place(ACCOUNT, "eu-west-1")
DECLARED = (Pair(EAST, WEST),)
REPOSITORY, REGISTRY = "AWS::ECR::Repository", "AWS::ECR::Registry"
HIDDEN = Unknown("ecr:GetLifecyclePolicy was denied")


def resource(name="shop", place=EAST, type=REPOSITORY, id=None, declared=False, **properties):
    account, region = place or (None, None)
    locations = {"": Location("infra/shop.yaml", 3)} if declared else {}
    id = id or f"arn:aws:ecr:{region}:{account}:repository/{name}"
    return Resource(type, id, name, account, region, guard(properties), locations=locations)


def registry(place=EAST, **properties):
    return resource("registry", place, REGISTRY, f"aws://{place.account}/{place.region}/ecr", **properties)


def model(*resources, scanned=(EAST, WEST), pairs=DECLARED, gaps=()):
    as_of = datetime(2026, 11, 1, tzinfo=UTC)
    return Model(resources, gaps=gaps, pairs=pairs, images=ImageIndex(), scanned=scanned, as_of=as_of)


def gap(type=REPOSITORY, place=EAST, **more):
    return Gap("AccessDeniedException", "no", type, place and place.account, place and place.region, **more)


class TestGuardedContainers:
    """Whatever way a rule takes to a value that was not seen, it does not get there."""

    @pytest.mark.parametrize(
        "read",
        [
            lambda d: d["Bad"],
            lambda d: d.get("Bad"),
            lambda d: d.get("Bad", "default"),
            lambda d: d.values(),
            lambda d: d.items(),
            lambda d: dict(d.items()),
            lambda d: d in [{"Good": 1, "Bad": 2}],
            lambda d: d == {"Good": 1, "Bad": 2},
            lambda d: d != {"Good": 1, "Bad": 2},
            lambda d: json.dumps(d),
            lambda d: "{Bad}".format_map(d),
            lambda d: jmespath.search("Bad", d),
            lambda d: jmespath.search("Bad == `null`", d),
            lambda d: jmespath.search("Bad || `1`", d),
            lambda d: jmespath.search("not_null(Bad, Good)", d),
            lambda d: jmespath.search("values(@)", d),
            lambda d: jmespath.search("[Good, Bad]", d),
            lambda d: jmespath.search("{a: Bad}", d),
            lambda d: jmespath.search("*", d),
        ],
    )
    def test_an_unknown_value_of_an_object_cannot_be_read(self, read):
        with pytest.raises(InsufficientData, match="denied"):
            read(guard({"Good": 1, "Bad": HIDDEN}))

    @pytest.mark.parametrize(
        "read",
        [
            lambda x: x[1],
            lambda x: x[-1],
            lambda x: x[:],
            list,
            tuple,
            sorted,
            set,
            all,
            sum,
            lambda x: [*x],
            lambda x: [].extend(x),
            lambda x: dict(enumerate(x)),
            lambda x: list(zip(x, x, strict=True)),
            lambda x: x == [1, 2],
            lambda x: x in [[1, 2]],
            lambda x: x != [1, 2],
            lambda x: 7 in x,
            lambda x: (lambda *a: a)(*x),
            lambda x: jmespath.search("[1]", x),
            lambda x: jmespath.search("[*]", x),
            lambda x: jmespath.search("[?@ == `7`]", x),
            lambda x: jmespath.search("[]", x),
            lambda x: jmespath.search("[1:]", x),
            lambda x: jmespath.search("contains(@, `7`)", x),
            lambda x: jmespath.search("max(@)", x),
        ],
    )
    def test_an_unknown_item_of_a_list_cannot_be_read(self, read):
        with pytest.raises(InsufficientData, match="denied"):
            read(guard([1, HIDDEN]))

    @pytest.mark.parametrize(
        "use",
        [bool, str, len, iter, hash, lambda u: u == 1, lambda u: u != 1, lambda u: u[0], lambda u: 1 in u, "{}".format],
    )
    def test_an_unknown_that_slipped_out_is_good_for_nothing(self, use):
        with pytest.raises((InsufficientData, TypeError)):
            use(HIDDEN)

    @pytest.mark.parametrize(
        "copied",
        [
            lambda d: dict(d),
            lambda d: {**d},
            lambda d: {}.update(d),
            lambda d: d.copy(),
            lambda d: d | {},
            lambda d: {} | d,
            lambda d: jmespath.search("merge(@, @)", d),
            lambda d: d["List"].copy(),
            lambda d: d["List"] + [1],
            lambda d: [1] + d["List"],
            lambda d: d["List"] * 2,
            lambda d: list(reversed(d["List"])),
            lambda d: jmespath.search("reverse(List)", d),
        ],
    )
    def test_a_copy_holds_no_unknown_either(self, copied):
        with pytest.raises(InsufficientData, match="denied"):
            copied(guard({"List": [1, HIDDEN], "Bad": HIDDEN}))

    def test_null_is_as_absent_as_a_missing_key(self):
        assert guard({"KmsKey": None}).get("KmsKey", "default") == "default"

    def test_what_stands_beside_an_unknown_can_be_read(self):
        properties = guard({"Good": [{"Name": "api"}], "Bad": HIDDEN})
        assert properties["Good"][0]["Name"] == "api"
        assert jmespath.search("Good[?Name == 'api'] | length(@)", properties) == 1
        assert sorted(properties) == ["Bad", "Good"]
        assert len(guard([1, HIDDEN])) == 2
        assert 1 in guard([1, HIDDEN])

    def test_an_absent_property_is_known_not_to_be_set(self):
        properties = guard({})
        assert properties["LifecyclePolicy"] is None
        assert properties.get("LifecyclePolicy", "default") == "default"

    @pytest.mark.parametrize(
        "change",
        [
            lambda d: d.__setitem__("a", 1),
            lambda d: d.__delitem__("list"),
            lambda d: d.update(a=1),
            lambda d: d.pop("list"),
            lambda d: d.popitem(),
            lambda d: d.setdefault("a", 1),
            lambda d: d.clear(),
            lambda d: d["list"].append(1),
            lambda d: d["list"].extend([1]),
            lambda d: d["list"].insert(0, 1),
            lambda d: d["list"].pop(),
            lambda d: d["list"].remove(2),
            lambda d: d["list"].sort(),
            lambda d: d["list"].reverse(),
            lambda d: d["list"].clear(),
            lambda d: d["list"].__setitem__(0, 1),
            lambda d: d["list"].__delitem__(0),
            lambda d: d["list"].__iadd__([1]),
            lambda d: d["list"].__imul__(2),
            lambda d: d.__ior__({"a": 1}),
        ],
    )
    def test_nothing_can_be_changed(self, change):
        properties = guard({"list": [2, 3]})
        with pytest.raises(TypeError, match="cannot be changed"):
            change(properties)
        assert plain(properties) == {"list": [2, 3]}

    def test_guarding_copies(self):
        given_data = {"list": [1]}
        properties = guard(given_data)
        given_data["list"].append(2)
        assert properties == {"list": [1]}


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(json_data)
def test_guarded_data_is_equal_to_what_it_was_made_of(data):
    guarded = guard(data)
    assert guarded == data
    assert data == guarded
    assert (guarded != data) is False
    assert plain(guarded) == data
    assert json.loads(json.dumps(plain(guarded))) == data


@given(json_data, json_data)
def test_guarded_data_compares_as_plain_data_does(left, right):
    assert (guard(left) == guard(right)) == (left == right)
    assert (guard(left) != right) == (left != right)


@given(
    st.recursive(
        st.just(HIDDEN) | st.integers(),
        lambda i: st.lists(i, max_size=3) | st.dictionaries(st.text(max_size=3), i, max_size=3),
    )
)
def test_what_is_unknown_says_so_in_a_report(data):
    reported = repr(plain(guard(data)))
    assert reported.count(repr({"unknown": HIDDEN.reason})) == repr(data).count(repr(HIDDEN))


class TestLookUp:
    """find and get: a resource, None that is certain, or an exception."""

    def test_what_was_seen_is_found(self):
        shop = resource()
        assert model(shop).find(REPOSITORY, "shop", EAST) is shop
        assert model(shop).get(REPOSITORY, shop.id) is shop
        assert list(model(shop).of_type(REPOSITORY)) == [shop]

    def test_what_was_looked_for_and_not_found_does_not_exist(self):
        assert model().find(REPOSITORY, "shop", WEST) is None
        assert model().get(REPOSITORY, resource(place=WEST).id) is None

    def test_what_has_no_known_name_cannot_be_looked_for(self):
        with pytest.raises(InsufficientData, match="name is not known"):
            model().find(REPOSITORY, None, WEST)

    @pytest.mark.parametrize("where", [WEST, Place(ACCOUNT, None), Place(None, "us-west-2"), None])
    @pytest.mark.parametrize("type", [REPOSITORY, None])
    def test_a_gap_may_hide_it(self, type, where):
        gappy = model(gaps=[gap(type, where)])
        with pytest.raises(InsufficientData, match="AccessDenied"):
            gappy.find(REPOSITORY, "shop", WEST)
        with pytest.raises(InsufficientData, match="AccessDenied"):
            gappy.get(REPOSITORY, resource(place=WEST).id)

    @pytest.mark.parametrize(
        "elsewhere", [gap("AWS::ECS::Service", WEST), gap(place=EAST), gap(place=Place(OTHER, "us-west-2"))]
    )
    def test_a_gap_of_another_kind_or_place_does_not(self, elsewhere):
        assert model(gaps=[elsewhere]).find(REPOSITORY, "shop", WEST) is None

    def test_a_gap_does_not_hide_what_was_seen(self):
        shop = resource()
        assert model(shop, gaps=[gap()]).find(REPOSITORY, "shop", EAST) is shop
        assert model(shop, gaps=[gap()]).get(REPOSITORY, shop.id) is shop

    def test_nothing_is_known_of_a_place_that_was_not_scanned(self):
        with pytest.raises(InsufficientData, match="not scanned"):
            model().find(REPOSITORY, "shop", EU)
        with pytest.raises(InsufficientData, match="not scanned"):
            model().get(REPOSITORY, resource(place=EU).id)

    @pytest.mark.parametrize("vague", [{"name": None}, {"place": None}, {"place": Place(None, "us-west-2")}])
    def test_a_resource_without_name_or_place_may_be_the_one(self, vague):
        unclear = resource(**{"name": "shop", "place": WEST, "id": "shop.yaml#Shop", "declared": True, **vague})
        with pytest.raises(InsufficientData, match=r"shop\.yaml#Shop"):
            model(unclear).find(REPOSITORY, "shop", WEST)

    @pytest.mark.parametrize(
        "clear", [{"name": "web"}, {"place": Place(None, "eu-west-1")}, {"type": "AWS::ECS::Cluster"}]
    )
    def test_a_resource_of_which_enough_is_known_is_not(self, clear):
        other = resource(**{"name": "shop", "place": None, "id": "shop.yaml#Shop", "declared": True, **clear})
        assert model(other).find(REPOSITORY, "shop", WEST) is None

    def test_a_live_resource_stands_over_the_file_that_declares_it(self):
        live, written = resource(declared=False), resource(declared=True)
        for order in ([live, written], [written, live]):
            both = model(*order)
            assert both.find(REPOSITORY, "shop", EAST) is live
            assert list(both.of_type(REPOSITORY)) == [live]
            assert both.declared(REPOSITORY, "shop", EAST) is written

    @pytest.mark.parametrize(
        ("place", "missing"),
        [(None, "account and Region"), (Place(None, "us-east-1"), "account"), (Place(ACCOUNT, None), "Region")],
    )
    def test_a_place_that_is_not_known_raises(self, place, missing):
        with pytest.raises(InsufficientData, match=f"nothing says which {missing} "):
            resource(place=place).place  # noqa: B018


class TestDeclared:
    """Whether infrastructure code creates a resource, whatever an account shows."""

    def test_what_code_creates_and_what_it_does_not(self):
        shop = resource(declared=True)
        assert model(shop).declared(REPOSITORY, "shop", EAST) is shop
        assert model(shop).declared(REPOSITORY, "shop", WEST) is None

    def test_a_live_resource_is_not_declared_by_being_there(self):
        assert model(resource(), resource("web", declared=True)).declared(REPOSITORY, "shop", EAST) is None

    def test_without_any_code_nothing_can_be_said(self):
        with pytest.raises(InsufficientData, match="no infrastructure code was scanned"):
            model(resource()).declared(REPOSITORY, "shop", EAST)

    def test_a_live_resource_without_a_name_is_no_code(self):
        with pytest.raises(InsufficientData, match="no infrastructure code was scanned"):
            model(resource(None, id="arn:aws:ecs:us-east-1:111122223333:task/x")).declared(REPOSITORY, "shop", EAST)

    def test_a_file_that_was_not_read_may_declare_it(self):
        with pytest.raises(InsufficientData, match=r"broken\.yaml"):
            model(resource(declared=True), gaps=[Gap("ParseError", "no", path="broken.yaml")]).declared(
                REPOSITORY, "web", WEST
            )

    def test_a_denied_call_says_nothing_about_code(self):
        assert model(resource(declared=True), gaps=[gap(place=WEST)]).declared(REPOSITORY, "shop", WEST) is None

    def test_code_without_a_place_may_declare_it(self):
        with pytest.raises(InsufficientData, match="may be 'shop'"):
            model(resource(place=None, id="shop.yaml#Shop", declared=True)).declared(REPOSITORY, "shop", WEST)


def test_of_the_revisions_of_a_task_definition_the_newest_stands_for_its_family():
    arn = "arn:aws:ecs:us-west-2:111122223333:task-definition/api:{}"
    family = [resource("api", WEST, "AWS::ECS::TaskDefinition", arn.format(n)) for n in (10, 2, 9)]
    for order in (family, family[::-1]):
        assert model(*order).find("AWS::ECS::TaskDefinition", "api", WEST).id == arn.format(10)


@pytest.mark.parametrize(
    "change",
    [
        lambda model, shop: shop.tags.update(team="x"),
        lambda model, shop: shop.locations.clear(),
        lambda model, shop: setattr(model, "gaps", ()),
        lambda model, shop: setattr(model, "pairs", ()),
    ],
)
def test_the_model_itself_cannot_be_changed(change):
    shop = resource(declared=True)
    with pytest.raises((TypeError, AttributeError)):
        change(model(shop, gaps=[gap()]), shop)


class TestPairs:
    """Which standby stands for which primary."""

    @pytest.mark.parametrize(
        ("pair", "place", "standbys"),
        [
            (Pair(EAST, WEST), EAST, [WEST]),
            (Pair(EAST, WEST), WEST, []),
            (Pair(EAST, WEST), Place(OTHER, "us-east-1"), []),
            (Pair(EAST, Place(OTHER, "us-west-2")), EAST, [Place(OTHER, "us-west-2")]),
            (Pair(Place(None, "us-east-1"), Place(None, "us-west-2")), EAST, [WEST]),
            (
                Pair(Place(None, "us-east-1"), Place(None, "us-west-2")),
                Place(OTHER, "us-east-1"),
                [Place(OTHER, "us-west-2")],
            ),
            (Pair(EAST, Place(None, "us-west-2")), EAST, [WEST]),
            (Pair(EAST, WEST, "warm-standby"), WEST, []),
            (Pair(EAST, WEST, "active-active"), WEST, [EAST]),
            (Pair(Place(None, "us-east-1"), Place(None, "us-west-2"), "active-active"), WEST, [EAST]),
        ],
    )
    def test_declared(self, pair, place, standbys):
        bound = model(pairs=[pair]).pairs_of(place)
        assert [p.standby for p in bound] == standbys
        assert all(p.primary == place for p in bound)
        assert all(p.dr_class == pair.dr_class for p in bound)

    def test_the_standby_without_an_account_is_in_its_primarys_account_in_both_directions(self):
        both_ways = model(pairs=[Pair(EAST, Place(None, "us-west-2"), "active-active")])
        assert both_ways.pairs_of(Place(OTHER, "us-west-2")) == ()
        assert [p.standby for p in both_ways.pairs_of(WEST)] == [EAST]

    def test_one_primary_may_have_several_standbys(self):
        assert [p.standby for p in model(pairs=[Pair(EAST, WEST), Pair(EAST, EU)]).pairs_of(EAST)] == [EU, WEST]

    @pytest.mark.parametrize(
        ("rules", "standbys"),
        [
            ([{"Destinations": [{"Region": "us-west-2", "RegistryId": ACCOUNT}]}], [WEST]),
            ([{"Destinations": [{"Region": "us-west-2", "RegistryId": OTHER}]}], [Place(OTHER, "us-west-2")]),
            ([{"Destinations": [{"Region": "us-east-1", "RegistryId": OTHER}]}], []),
            ([], []),
            (None, []),
        ],
    )
    def test_derived_from_replication_rules(self, rules, standbys):
        derived = model(registry(ReplicationConfiguration={"Rules": rules}), pairs=None)
        assert [p.standby for p in derived.pairs_of(EAST)] == standbys
        assert derived.pairs_of(WEST) == ()

    def test_derived_from_no_replication_at_all(self):
        assert model(registry(), pairs=None).pairs_of(EAST) == ()

    @pytest.mark.parametrize(
        "configuration",
        [
            HIDDEN,
            pytest.param({"Rules": HIDDEN}),
            pytest.param({"Rules": [HIDDEN]}),
            pytest.param({"Rules": [{"Destinations": HIDDEN}]}),
            pytest.param({"Rules": [{"Destinations": [HIDDEN]}]}),
            pytest.param({"Rules": [{"Destinations": [{"Region": HIDDEN, "RegistryId": ACCOUNT}]}]}),
            pytest.param({"Rules": [{"Destinations": [{"Region": "us-west-2", "RegistryId": HIDDEN}]}]}),
        ],
    )
    def test_replication_rules_not_seen_leave_the_pairs_unknown(self, configuration):
        hidden = model(registry(ReplicationConfiguration=configuration), pairs=None)
        with pytest.raises(InsufficientData, match="denied"):
            hidden.pairs_of(EAST)

    @pytest.mark.parametrize("rules", ["none", [{}], ["rule"], [{"Destinations": None}], [{"Destinations": [None]}], 7])
    def test_replication_rules_that_make_no_sense_stop_nothing(self, rules):
        model(registry(ReplicationConfiguration={"Rules": rules}), pairs=None)

    def test_a_registry_not_seen_leaves_the_pairs_unknown(self):
        with pytest.raises(InsufficientData, match="AccessDenied"):
            model(gaps=[gap(REGISTRY)], pairs=None).pairs_of(EAST)

    def test_declared_pairs_need_no_registry(self):
        assert len(model(gaps=[gap(REGISTRY)]).pairs_of(EAST)) == 1


CLUSTER = "AWS::ECS::Cluster"


class TestTwins:
    """What stands for a resource in the standby."""

    def test_there(self):
        here, there = resource(), resource(place=WEST)
        (twin,) = model(here, there).twins(here)
        assert (twin.primary, twin.standby, twin.pair) == (here, there, Pair(EAST, WEST))

    def test_known_not_to_be_there(self):
        here = resource()
        (twin,) = model(here, resource(place=EU), resource("web", WEST)).twins(here)
        assert twin.standby is None

    def test_not_seen(self):
        here = resource()
        (twin,) = model(here, gaps=[gap(place=WEST)]).twins(here)
        with pytest.raises(InsufficientData, match="AccessDenied"):
            twin.standby  # noqa: B018

    def test_of_a_resource_whose_name_is_not_known(self):
        here = resource(None, id="shop.yaml#Shop", declared=True)
        (twin,) = model(here).twins(here)
        with pytest.raises(InsufficientData, match=r"shop\.yaml#Shop"):
            twin.standby  # noqa: B018

    def test_clusters_may_be_named_after_their_regions(self):
        here, there = (
            Resource(CLUSTER, f"shop-{place.region}", f"shop-{place.region}", *place, Properties())
            for place in (EAST, WEST)
        )
        made = model(here, there)
        (twin,) = made.twins(here)
        assert twin.standby is there
        assert twin.find(CLUSTER, here.name) is there
        assert twin.names(CLUSTER, "shop-us-east-1") == ("shop-us-east-1", "shop-us-west-2")
        assert twin.names(CLUSTER, "shop") == ("shop",)

    def test_a_name_that_is_the_same_comes_first(self):
        here, there, other = (
            Resource(CLUSTER, f"{place.region}/{name}", name, *place, Properties())
            for place, name in ((EAST, "shop-us-east-1"), (WEST, "shop-us-east-1"), (WEST, "shop-us-west-2"))
        )
        (twin,) = model(here, there, other).twins(here)
        assert twin.standby is there

    def test_a_repository_keeps_its_name(self):
        here, there = resource("web-us-east-1"), resource("web-us-west-2", WEST)
        (twin,) = model(here, there).twins(here)
        assert twin.standby is None

    def test_of_a_resource_in_no_pair(self):
        there = resource(place=WEST)
        assert model(there).twins(there) == []

    def test_of_a_resource_whose_place_is_not_known(self):
        with pytest.raises(InsufficientData, match="Region"):
            model().twins(resource(place=None))


@pytest.mark.parametrize(
    ("pointer", "line"), [("/Rules/0/Region", 9), ("/Rules/0/Other", 5), ("/Rules/7", 3), ("/Else", 1), ("", 1)]
)
def test_a_pointer_leads_to_where_it_is_written_or_to_its_nearest_parent(pointer, line):
    lines = {"": 1, "/Rules": 3, "/Rules/0": 5, "/Rules/0/Region": 9}
    locations = {at: Location("a.yaml", line) for at, line in lines.items()}
    found = Resource(REPOSITORY, "a.yaml#R", "r", ACCOUNT, "us-east-1", Properties(), locations=locations).locate(
        pointer
    )
    assert found == Location("a.yaml", line)
    assert resource().locate(pointer) is None


PLACES = (EAST, WEST, EU, Place(OTHER, "us-east-1"))
TYPES = (REPOSITORY, REGISTRY, "AWS::ECS::Service")
some_gaps = st.lists(
    st.builds(
        Gap,
        st.sampled_from(["AccessDeniedException", "ThrottlingException", "ParseError"]),
        st.just("no"),
        st.sampled_from([None, *TYPES]),
        st.sampled_from([None, ACCOUNT, OTHER]),
        st.sampled_from([None, "us-east-1", "us-west-2", "eu-west-1"]),
        st.sampled_from([None, "ecr:DescribeRepositories"]),
        st.sampled_from([None, "infra/shop.yaml"]),
    ),
    max_size=8,
)


@given(some_gaps, st.sampled_from(TYPES), st.sampled_from([None, *PLACES, Place(None, "us-east-1")]))
def test_the_gap_that_hides_something_is_the_first_that_does(gaps, type, place):
    whole = model(gaps=gaps)
    account, region = place or (None, None)
    expected = [each for each in whole.gaps if each.hides(type, account, region)]
    assert whole.hidden(type, place) == (expected[0] if expected else None)


@given(some_gaps, st.sampled_from(TYPES), st.sampled_from(PLACES))
def test_where_an_account_was_asked_only_its_gaps_count(gaps, type, place):
    as_of = datetime(2026, 11, 1, tzinfo=UTC)
    whole = Model([], gaps=gaps, pairs=DECLARED, images=ImageIndex(), scanned=PLACES, asked=PLACES, as_of=as_of)
    expected = [each for each in whole.gaps if each.path is None and each.hides(type, *place)]
    assert whole.hidden(type, place) == (expected[0] if expected else None)


some_resources = st.lists(
    st.builds(
        lambda number, type, account, region, declared: Resource(
            type,
            f"id-{number}",
            "shop",
            account,
            region,
            guard({}),
            locations={"": Location("infra/shop.yaml", 3)} if declared else {},
        ),
        st.integers(0, 20),
        st.sampled_from(TYPES),
        st.sampled_from([None, ACCOUNT, OTHER]),
        st.sampled_from([None, "us-east-1", "us-west-2"]),
        st.booleans(),
    ),
    max_size=12,
)


@given(some_resources, some_gaps, st.sampled_from(TYPES), st.sampled_from(PLACES))
def test_what_is_in_a_place_is_what_is_there_and_what_may_be(resources, gaps, type, place):
    whole = model(*resources, gaps=gaps)
    found = list(whole.in_place(type, place))
    assert found == list(whole.in_place(type, place))
    expected = [
        each for each in whole.of_type(type) if (each.account or place.account, each.region or place.region) == place
    ]
    assert sorted(found, key=id) == sorted(expected, key=id)
    known = [each.account is not None and each.region is not None for each in found]
    assert known == sorted(known, reverse=True)


def test_pairs_of_a_place_that_were_not_seen_are_not_seen_the_second_time():
    whole = model(pairs=None, gaps=[gap(REGISTRY)])
    for _ in range(2):
        with pytest.raises(InsufficientData, match="may exist unseen"):
            whole.pairs_of(EAST)
    declared = model()
    assert declared.pairs_of(EAST) == declared.pairs_of(EAST) == DECLARED
    assert declared.pairs_of(WEST) == ()


def test_examples_note_what_is_read_by_place():
    watched = _Watched([], pairs=DECLARED, images=ImageIndex(), scanned=[EAST], as_of=datetime(2026, 11, 1, tzinfo=UTC))
    assert list(watched.in_place("AWS::ECS::Service", EAST)) == []
    assert watched.read == {"AWS::ECS::Service"}
