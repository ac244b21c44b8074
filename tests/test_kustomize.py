"""Kustomize: an overlay gives what Kustomize would make of it, and what it leaves open is never a value."""

from __future__ import annotations

import pytest
import yaml
from code_trees import ACCOUNT, WEST, gaps, images, read, status, unknown, workloads, write
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_overlays import AT, DIGEST, OVERLAYS, TREES, overlay
from kubernetes_tools import KUBECTL, kustomize

from scanner.config import IacMapping

ECR = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"
BASE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      initContainers:
        - {name: init, image: "shop/init:1"}
      containers:
        - name: api
          image: shop/api:1.0
        - {name: side, image: "shop/side:1.0@sha256:DIGEST"}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 0 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: run, image: shop/api}]}}}}
""".replace("DIGEST", "a" * 64)
SIDE = f"shop/side:1.0@sha256:{'a' * 64}"
PLAIN = {"api": {"init": "shop/init:1", "api": "shop/api:1.0", "side": SIDE}, "nightly": {"run": "shop/api"}}


def kustomization(**fields):
    return yaml.safe_dump({"resources": ["../../base"], **fields})


def tree(fields, more=None):
    return {
        "base/kustomization.yaml": "resources: [api.yaml]",
        "base/api.yaml": BASE,
        "overlays/west/kustomization.yaml": kustomization(**fields),
        **(more or {}),
    }


def made(parsed):
    return {one["Name"]: images(one) for one in workloads(parsed).values()}


def by_kustomize(root):
    """Return what the real one makes of an overlay, or None where there is none."""
    if not KUBECTL:
        return None
    found = {}
    for one in yaml.safe_load_all(kustomize(root)):
        spec = one["spec"].get("jobTemplate", one)["spec"]["template"]["spec"]
        containers = [*spec.get("initContainers", ()), *spec["containers"]]
        found[one["metadata"]["name"]] = {each["name"]: each.get("image") for each in containers}
    return found


def changed(name="api", **containers):
    return {**PLAIN, name: {**PLAIN[name], **containers}}


def patch(containers, name="api"):
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}}
    return yaml.safe_dump({**body, "spec": {"template": {"spec": {"containers": containers}}}})


def operations(*each):
    return yaml.safe_dump([dict(zip(("op", "path", "value"), one, strict=False)) for one in each])


CASES = {
    "nothing": ({}, PLAIN),
    "name, tag": (
        {"images": [{"name": "shop/api", "newName": f"{ECR}/shop/api", "newTag": "2.0"}]},
        {
            "api": {**PLAIN["api"], "api": f"{ECR}/shop/api:2.0"},
            "nightly": {"run": f"{ECR}/shop/api:2.0"},
        },
    ),
    "only the name": ({"images": [{"name": "shop/side", "newName": "x/side"}]}, changed(side=f"x/{SIDE[5:]}")),
    "a tag takes the digest away": ({"images": [{"name": "shop/side", "newTag": "2"}]}, changed(side="shop/side:2")),
    "a digest takes the tag away": (
        {"images": [{"name": "shop/side", "digest": "sha256:" + "b" * 64}]},
        changed(side="shop/side@sha256:" + "b" * 64),
    ),
    "both": (
        {"images": [{"name": "shop/init", "newTag": "3", "digest": "sha256:" + "b" * 64}]},
        changed(init="shop/init:3@sha256:" + "b" * 64),
    ),
    "one after the other": (
        {"images": [{"name": "shop/init", "newName": "a"}, {"name": "a", "newName": "b"}]},
        changed(init="b:1"),
    ),
    "a part of a name is not the name": ({"images": [{"name": "shop/ap", "newName": "x"}]}, PLAIN),
    "prefix and suffix": (
        {"namePrefix": "west-", "nameSuffix": "-1"},
        {f"west-{name}-1": value for name, value in PLAIN.items()},
    ),
    "a patch of a name that is renamed later": (
        {"namePrefix": "west-", "patches": [{"patch": patch([{"name": "api", "image": "x"}])}]},
        {"west-api": {**PLAIN["api"], "api": "x"}, "west-nightly": PLAIN["nightly"]},
    ),
    "a container more, one less": (
        {"patches": [{"patch": patch([{"name": "new", "image": "m"}, {"name": "side", "$patch": "delete"}])}]},
        {**PLAIN, "api": {"init": "shop/init:1", "new": "m", "api": "shop/api:1.0"}},
    ),
    "an operation by index counts what a patch put before": (
        {
            "patches": [
                {"patch": patch([{"name": "new", "image": "m"}])},
                {"target": {"kind": "Deployment"}, "patch": operations(("replace", f"{AT}/0/image", "first"))},
            ]
        },
        changed(new="first"),
    ),
    "what a patch names comes first": (
        {
            "patches": [
                {"patch": patch([{"name": "side", "image": "s"}, {"name": "new", "image": "m"}])},
                {"target": {"kind": "Deployment"}, "patch": operations(("replace", f"{AT}/2/image", "third"))},
            ]
        },
        changed(side="s", new="m", api="third"),
    ),
    "a patch of a name that a patch changed": (
        {
            "patches": [
                {"target": {"kind": "Deployment"}, "patch": operations(("replace", "/metadata/name", "other"))},
                {"patch": patch([{"name": "api", "image": "x"}])},
            ]
        },
        {"other": {**PLAIN["api"], "api": "x"}, "nightly": PLAIN["nightly"]},
    ),
    "operations": (
        {
            "patches": [
                {
                    "target": {"kind": "Deployment", "name": "api"},
                    "patch": operations(
                        ("add", f"{AT}/0", {"name": "zero", "image": "z"}),
                        ("replace", f"{AT}/1/image", "one"),
                        ("remove", f"{AT}/2"),
                        ("add", f"{AT}/-", {"name": "last", "image": "l"}),
                        ("add", "/metadata/labels", {}),
                    ),
                }
            ]
        },
        {**PLAIN, "api": {"init": "shop/init:1", "zero": "z", "api": "one", "last": "l"}},
    ),
    "images come after patches": (
        {
            "images": [{"name": "shop/api", "newTag": "9"}],
            "patches": [{"patch": patch([{"name": "api", "image": "shop/api:7"}])}],
        },
        {"api": {**PLAIN["api"], "api": "shop/api:9"}, "nightly": {"run": "shop/api:9"}},
    ),
    "a workload that is taken away": (
        {
            "patches": [
                {
                    "patch": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\n$patch: delete\n",
                }
            ]
        },
        {"api": PLAIN["api"]},
    ),
    "the older fields": (
        {
            "patchesStrategicMerge": [patch([{"name": "api", "image": "x"}])],
            "patchesJson6902": [
                {
                    "target": {"group": "apps", "version": "v1", "kind": "Deployment", "name": "api"},
                    "patch": operations(("replace", f"{AT}/1/image", "why")),
                }
            ],
        },
        changed(api="x", side="why"),
    ),
    "what changes no workload": (
        {
            "commonLabels": {"a": "b"},
            "replicas": [{"name": "api", "count": 0}],
            "patches": [{"target": {"kind": "Service"}, "patch": operations(("remove", "/spec"))}],
        },
        PLAIN,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_overlay_gives_what_kustomize_makes_of_it(tmp_path, case):
    fields, expected = CASES[case]
    parsed = read(tmp_path, tree(fields), WEST)
    assert made(parsed) == expected
    assert parsed.gaps == []
    real = by_kustomize(tmp_path / "overlays" / "west")
    assert real is None or expected == real
    assert set(status(parsed).values()) == {"complete"}


def test_names_namespaces_and_replicas_are_those_of_the_overlay(tmp_path):
    fields = {"namespace": "lab", "replicas": [{"name": "api", "count": 0}]}
    found = workloads(read(tmp_path, tree(fields), WEST))
    assert list(found) == ["Deployment shop/lab/api", "CronJob shop/lab/nightly"]
    assert found["Deployment shop/lab/api"]["Replicas"] == 0


def test_each_overlay_is_judged_for_its_own_place_and_the_base_for_none(tmp_path):
    files = tree({}, {"overlays/east/kustomization.yml": kustomization(namePrefix="e-")})
    east = IacMapping("overlays/east", ACCOUNT, "us-east-1", "shop", "web")
    west = IacMapping("overlays/west", ACCOUNT, "us-west-2", "shop", "web")
    found = workloads(read(tmp_path, files, east, west))
    assert {(one.region, name) for name, one in found.items()} == {
        ("us-east-1", "Deployment shop/web/e-api"),
        ("us-east-1", "CronJob shop/web/e-nightly"),
        ("us-west-2", "Deployment shop/web/api"),
        ("us-west-2", "CronJob shop/web/nightly"),
    }


def test_the_name_of_a_folder_places_nothing(tmp_path):
    files = {name.replace("west", "us-west-2"): text for name, text in tree({}).items()}
    found = workloads(read(tmp_path, files))
    assert {(one.account, one.region) for one in found.values()} == {(None, None)}
    assert all("'overlays/us-west-2/kustomization.yaml' is for" in unknown(one, "Cluster") for one in found.values())


def test_an_image_is_written_where_the_overlay_says_it(tmp_path):
    written = """\
resources: [../../base]
images:
  - name: shop/api
    newName: x/api
  - name: shop/init
    newTag: "2"
patches:
  - path: side.yaml
"""
    side = patch([{"name": "side", "image": "z"}])
    files = tree({}, {"overlays/west/kustomization.yaml": written, "overlays/west/side.yaml": side})
    one = workloads(read(tmp_path, files, WEST))["Deployment shop/web/api"]
    assert [str(one.locate(f"/ContainerImages/{number}/Image")) for number in range(3)] == [
        "overlays/west/kustomization.yaml:6:13",
        "overlays/west/side.yaml:9:16",
        "overlays/west/kustomization.yaml:4:14",
    ]
    assert str(one.locate("")) == "base/api.yaml:1:1"


ROLLOUT = """\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: roll}
spec: {template: {spec: {containers: [{name: a, image: "shop/api:1"}, {name: b, image: "b:1"}]}}}
"""


def test_lists_of_kinds_that_kustomize_does_not_know_are_replaced(tmp_path):
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "roll"}}
    body["spec"] = {"template": {"spec": {"containers": [{"name": "a", "image": "shop/api:2"}]}}}
    fields = {"patches": [{"patch": yaml.safe_dump(body)}], "images": [{"name": "shop/api", "newName": "x"}]}
    files = {"kustomization.yaml": yaml.safe_dump({"resources": ["roll.yaml"], **fields}), "roll.yaml": ROLLOUT}
    (found,) = workloads(read(tmp_path, files, WEST)).values()
    assert images(found) == {"a": "x:2"}
    assert by_kustomize(tmp_path) in (None, {"roll": {"a": "x:2"}})


AS_KUSTOMIZE = {
    "a dot in the name": {"api": {"init": "shop/init:1", "api": "shop/api:2"}},
    "a name with a tag": {"api": {"init": "shop/init:1", "api": "shop/api:2"}},
    "merge, a name": {"other": {"init": "shop/init:1", "api": "shop/api:1.0"}},
    "operations, at the end": {"api": {"init": "shop/init:1", "api": "shop/api:1.0", "end": "e"}},
    "image tags of old": {"api": {"init": "shop/init:1", "api": "shop/api:2"}},
}


@pytest.mark.parametrize("name", AS_KUSTOMIZE)
def test_overlays_are_read_as_kustomize_reads_them(tmp_path, name):
    found = workloads(read(tmp_path, overlay(OVERLAYS[name]), WEST))
    known = {one["Name"]: images(one) for each, one in found.items() if each.startswith("Deployment")}
    side = {"side": f"localhost:5000/shop/side:1.0@{DIGEST}"}
    assert known == {each: containers | side for each, containers in AS_KUSTOMIZE[name].items()}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("merge, no such name", "there is not one Deployment 'gone' that the patch is for, which Kustomize refuses"),
        ("merge, an old version", "there is not one Deployment 'api' that the patch is for, which Kustomize refuses"),
        ("a namespace and a patch without it", "there is not one StatefulSet 'db' that the patch is for"),
        ("replicas of another", "there is no 'gone' of which the number of replicas is set, which Kustomize refuses"),
        ("an unknown field", "'imagez' is no field that Kustomize knows, which Kustomize refuses"),
        ("operations, test that fails", f"the test of {AT}/0/name fails"),
        ("merge, the same item twice", f"several items of {AT} have one name"),
        ("merge, an empty target", "a patch that does not say what it is for"),
    ],
)
def test_what_kustomize_refuses_is_not_known(tmp_path, name, reason):
    found = workloads(read(tmp_path, overlay(OVERLAYS[name]), WEST))
    (one,) = [one for each, one in found.items() if each.startswith("Deployment")]
    assert reason in images(one)


@pytest.mark.parametrize(
    ("name", "workload", "account"),
    [
        ("accounts of two namespaces", "Pod shop/b/p-x", "x"),
        ("an account in a namespace that is set", "Pod shop/z/p-x", "p-x"),
        ("the old account", "Pod shop/web/p-x", "x"),
        ("an account of the layer above", "Pod shop/web/x-t", "m-api-t"),
        ("two of one base", "Deployment shop/web/a-api", "a-api"),
    ],
)
def test_a_service_account_is_meant_by_each_name_it_had(tmp_path, name, workload, account):
    assert workloads(read(tmp_path, TREES[name], WEST))[workload]["ServiceAccountName"] == account


@pytest.mark.parametrize(
    ("name", "is_known"), [("a prefix", True), ("a secret with a prefix", False), ("a generated key", False)]
)
def test_the_name_of_a_secret_is_known_where_nothing_renames_it(tmp_path, name, is_known):
    found = workloads(read(tmp_path, TREES[name] if name in TREES else overlay(OVERLAYS[name]), WEST))
    (one,) = [one for each, one in found.items() if each.startswith("Deployment")]
    (secret,) = dict(one.properties.raw())["ImagePullSecrets"].raw()
    assert (type(dict(secret.raw())["Name"]) is str) is is_known


def test_what_kustomize_only_works_with_is_not_applied(tmp_path):
    assert workloads(read(tmp_path, TREES["local config"], WEST)) == {}


COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages: [{name: shop/api, newTag: c}]\n"


def test_components_change_what_is_there(tmp_path):
    fields = {"components": ["../../part"], "images": [{"name": "shop/init", "newTag": "9"}]}
    files = tree(fields, {"part/kustomization.yaml": COMPONENT})
    expected = {"api": {"init": "shop/init:9", "api": "shop/api:c", "side": SIDE}, "nightly": {"run": "shop/api:c"}}
    assert made(read(tmp_path, files, WEST)) == expected
    assert by_kustomize(tmp_path / "overlays" / "west") in (None, expected)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"replacements": [{"path": "r.yaml"}]}, "replacements copy values from one object to others"),
        ({"transformers": ["t.yaml"]}, "plugins may change every object"),
        ({"patches": [{"path": "gone.yaml"}]}, "a patch that is not among the scanned files"),
        ({"patches": [{"target": {"kind": "Dep.*"}, "patch": operations(("remove", f"{AT}/0"))}]}, "cannot be told"),
        (
            {"patches": [{"target": {"labelSelector": "a=b"}, "patch": patch([{"name": "api", "image": "x"}])}]},
            "cannot be told",
        ),
        (
            {"patches": [{"target": {"kind": "Deployment"}, "patch": operations(("copy", f"{AT}/0/image"))}]},
            "the operation 'copy' is not understood",
        ),
        (
            {"patches": [{"target": {"kind": "Deployment"}, "patch": operations(("remove", f"{AT}/7"))}]},
            f"there is nothing at {AT}/7",
        ),
        ({"patches": [{"patch": patch([{"image": "x"}])}]}, "does not say which one it is for"),
        ({"images": [{"name": "shop/api", "newTag": 1.10}]}, "newTag of image 'shop/api' is not text"),
    ],
)
def test_what_an_overlay_leaves_open_is_unknown(tmp_path, fields, reason):
    one = workloads(read(tmp_path, tree(fields), WEST))["Deployment shop/web/api"]
    found = images(one)
    found = found if isinstance(found, str) else found["api"]["unknown"]
    assert reason in found


def test_what_one_overlay_leaves_open_another_may_say(tmp_path):
    files = tree({"images": [{"name": "shop/api", "newTag": 1.10}, {"name": "shop/side", "newTag": 2}]})
    files["top/kustomization.yaml"] = yaml.safe_dump(
        {
            "resources": ["../overlays/west"],
            "images": [{"name": "shop/api", "newTag": "3"}],
            "patches": [{"patch": patch([{"name": "side", "image": "known"}, {"name": "new", "image": "m"}])}],
        }
    )
    found = made(read(tmp_path, files, WEST))["api"]
    assert found.pop("api")["unknown"]
    assert found == {"side": "known", "new": "m", "init": "shop/init:1"}


def test_a_patch_that_may_be_for_it_but_changes_nothing_that_is_read_leaves_nothing_open(tmp_path):
    fields = {
        "patches": [{"target": {"labelSelector": "a=b"}, "patch": operations(("add", "/metadata/labels/c", "d"))}]
    }
    assert made(read(tmp_path, tree(fields), WEST)) == PLAIN


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"resources": ["../../base", "https://example.com/x.git?ref=1"]}, "and nothing is fetched"),
        ({"resources": ["../../base", "gone.yaml"]}, "'gone.yaml' is not among the scanned files"),
        ({"resources": ["../../base", "../../../outside.yaml"]}, "'../../../outside.yaml' is not among"),
        ({"resources": ["../../base", "x" * 5000]}, "x' is not among the scanned files"),
        ({"resources": ["../../base", "x\0/" * 500]}, "is not among the scanned files"),
        ({"resources": ["../../base", "/etc/passwd"]}, "'/etc/passwd' is not among the scanned files"),
        ({"resources": ["../../base", "."]}, "'.' includes itself"),
        ({"helmCharts": [{"name": "x"}]}, "renders charts, which may declare workloads"),
        ({"generators": ["g.yaml"]}, "runs plugins, which may declare workloads"),
        ({"resources": ["../../base", "../../base/api.yaml"]}, "is included twice, which Kustomize refuses"),
    ],
)
def test_what_may_declare_more_is_a_gap_with_its_line(tmp_path, fields, message):
    (tmp_path / "outside.yaml").write_text(BASE)
    parsed = read(tmp_path / "code", tree(fields), WEST)
    assert made(parsed) == PLAIN
    assert any(message in gap and "overlays/west/kustomization.yaml:" in gap for gap in gaps(parsed)), gaps(parsed)
    assert status(parsed)["overlays/west/kustomization.yaml"] == "partial"


def test_overlays_that_include_each_other_are_a_gap(tmp_path):
    files = {"a/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../a]"}
    parsed = read(tmp_path, files, WEST)
    assert any("includes itself" in gap for gap in gaps(parsed))


def test_bases_that_are_included_again_and_again_end(tmp_path):
    files = {"0/kustomization.yaml": "resources: [api.yaml]", "0/api.yaml": BASE}
    for number in range(1, 60):
        files[f"{number}/kustomization.yaml"] = f"resources: [../{number - 1}, ../{number - 1}/.]"
    assert gaps(read(tmp_path, files, WEST))


def test_a_broken_kustomization_hides_what_it_may_declare_and_its_files_are_no_manifests(tmp_path):
    files = tree({}, {"overlays/west/kustomization.yaml": "resources: [", "overlays/west/more.yaml": BASE})
    parsed = read(tmp_path, files, WEST)
    assert {gap.type for gap in parsed.gaps} == {None}
    assert not any("overlays" in str(one.locations[""]) for one in workloads(parsed).values())
    assert status(parsed)["overlays/west/kustomization.yaml"] == "failed"


def test_a_broken_resource_is_a_gap_of_every_overlay_that_has_it(tmp_path):
    files = tree({}, {"base/api.yaml": f"{BASE}---\nkind: [\n"})
    parsed = read(tmp_path, files, WEST)
    assert made(parsed) == PLAIN
    assert {gap.path for gap in parsed.gaps} == {"overlays/west/kustomization.yaml"}
    assert gaps(parsed)[0].startswith("base/api.yaml:")


def test_the_kustomization_of_flux_is_another_kind(tmp_path):
    flux = (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\nspec: {path: ./apps}\n"
    )
    parsed = read(tmp_path, {"kustomization.yaml": flux}, WEST)
    assert "Kustomization 'x' applies what is not in the scanned files" in gaps(parsed)[0]


def test_a_link_out_of_the_tree_is_not_followed(tmp_path):
    write(tmp_path, {"secret.yaml": BASE})
    write(tmp_path / "code", {"kustomization.yaml": "resources: [link.yaml]"})
    (tmp_path / "code" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    parsed = read(tmp_path / "code", None, WEST)
    assert not workloads(parsed)
    assert "'link.yaml' is not among the scanned files" in gaps(parsed)[0]


def test_an_exemption_stands_beside_the_image_of_the_overlay(tmp_path):
    written = """\
resources: [../../base]
images:
  # regionproof:ignore=workload-image-not-pinned-to-primary until=2027-03-01 reason=moves
  - name: shop/api
    newName: x/api
"""
    parsed = read(tmp_path, tree({}, {"overlays/west/kustomization.yaml": written}), WEST)
    (exemption,) = parsed.exemptions
    one = workloads(parsed)["Deployment shop/web/api"]
    assert [exemption.span.holds(one.locate(f"/ContainerImages/{n}")) for n in range(3)] == [False, True, False]


WORDS = "name path target patch kind op value newName newTag digest $patch count metadata"
VALUES = st.sampled_from(["../../base", "x", "", "/spec", "shop/api", "delete"])
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "resources bases components patches patchesStrategicMerge patchesJson6902 images namespace namePrefix replicas "
    "replacements helmCharts generators kind apiVersion"
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(FIELDS.split()), ODD, max_size=5))
def test_whatever_a_kustomization_says_reading_it_ends_well(tmp_path_factory, fields):
    parsed = read(tmp_path_factory.mktemp("fuzz"), tree(fields), WEST)
    assert parsed.files
