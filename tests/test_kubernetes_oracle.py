"""What is read of charts and overlays, and what Helm and Kustomize make of them, where they are installed.

Whatever is known must be what the tool makes; what the tool refuses is not known without doubt.  What is unknown may be
anything, so each row that is not known to the end has to be named here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import test_helm
import test_terraform_charts
import yaml
from code_trees import WEST, read, write
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_charts import CHARTS, REFUSED, one, pod
from kubernetes_expressions import HELPERS, template, values
from kubernetes_overlays import OVERLAYS, TREES, overlay, tree_at_random
from kubernetes_tools import HELM, KUBECTL, WHY, Refused, differences, helm, is_open, kustomize, resources, run

pytestmark = pytest.mark.skipif(not (HELM and KUBECTL), reason=WHY)
OPEN_CHARTS = {
    "an object over text",
    "a list over a list",
    "range with break",
    "the release",
    "files",
    "variables of a block",
    "set in a dict",
    "merge",
    "merge of the values",
    "a copy that is changed",
    "a key twice",
    "a key twice in the values",
    "blanks around",
    "required behind what only the cluster knows",
}
OPEN_OVERLAYS = {
    "a suffix of the tag",
    "a pattern in the name",
    "an image of a volume",
    "labels, then a selector",
    "merge, replace an item",
    "merge, replace the list",
    "merge, null of an image",
    "merge, the order",
    "merge, the order and a new one",
    "merge, a target by pattern",
    "merge, a target by kinds",
    "merge, a target by label",
    "merge, a target by annotation",
    "merge, an empty target",
    "merge, an item without a name",
    "merge, the same item twice",
    "operations, replace nothing",
    "operations, negative",
    "operations, copy",
    "operations, move",
    "operations, several targets",
    "operations, null",
    "a replacement",
    "a generator",
    "a generator without a hash",
    "a generator with options for all",
    "a generated key",
    "a generated key with a prefix",
    "a secret with a prefix",
    "a secret with a hash",
    "a generator that merges",
}
REFUSED_CHARTS = {
    "bitnami, no default",
    "dig",
    "chart without a version of the app",
    "a missing field",
    "a missing field of an object",
}
REFUSED_OVERLAYS = {
    "a tag that is a number",
    "replicas of another",
    "replicas of a rollout",
    "merge, delete what is not there",
    "merge, no such name",
    "merge, another kind",
    "merge, two documents",
    "merge, a namespace",
    "merge, an old version",
    "merge, text for an object",
    "merge, an object for text",
    "operations, behind the end",
    "operations, remove nothing",
    "operations, add below nothing",
    "operations, test that fails",
    "a namespace, then a patch of it",
    "a namespace and a patch without it",
    "an unknown field",
    "two of one base, patched by the old name",
    "one twice",
    "a file twice",
    "a component in resources",
    "a patch in a file with several",
    "the default namespace and none",
}


def outcome(folder, make, *arguments):
    """Compare what is read in a folder with what a tool makes of it; return whether that is known, open or refused."""
    parsed = read(folder, None, WEST)
    try:
        text = make(*arguments)
    except Refused as refused:
        return "refused" if is_open(parsed) else f"known, and the tool says: {refused}"
    (folder.parent / "real").mkdir()
    assert differences(parsed, resources(text, folder.parent / "real")) == []
    return "open" if is_open(parsed) else "known"


def expected(name, open_ones, refused):
    return "open" if name in open_ones else "refused" if name in refused else "known"


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_what_helm_makes_of_it(tmp_path, name):
    root = write(tmp_path / "code", CHARTS[name])
    found = outcome(root, helm, root / "c", *sorted((root / "c").glob("values-*.yaml")))
    assert found == expected(name, OPEN_CHARTS, REFUSED_CHARTS)


@pytest.mark.parametrize("name", [*OVERLAYS, *TREES])
def test_an_overlay_is_what_kustomize_makes_of_it(tmp_path, name):
    root = write(tmp_path / "code", TREES[name] if name in TREES else overlay(OVERLAYS[name]))
    found = outcome(root, kustomize, root / "top")
    assert found == expected(name, OPEN_OVERLAYS, REFUSED_OVERLAYS)


@pytest.mark.parametrize("name", REFUSED)
def test_a_chart_that_is_said_to_be_refused_is(tmp_path, name):
    with pytest.raises(Refused):
        helm(write(tmp_path, REFUSED[name][0]) / "c")


@pytest.mark.parametrize("layers", [("a", "b"), ("b", "a")])
def test_values_files_are_laid_over_each_other_as_by_helm(tmp_path, layers):
    expression = '{{ .Values.x | toJson | replace "\\"" "_" }}-{{ .Values.z | default "gone" }}'
    overlays = {"c/a.yaml": "x: null\nz: 1", "c/b.yaml": "x: {k: b, n: null}\nz: null"}
    root = write(tmp_path, one(pod("x", f"'{expression}'"), "x: {k: own, l: own, n: own}\nz: own", **overlays))
    names = tuple(f"{each}.yaml" for each in layers)
    parsed = read(root, None, replace(WEST, path="c", values=names))
    real = helm(root / "c", *(root / "c" / each for each in names))
    (tmp_path / "real").mkdir()
    assert differences(parsed, resources(real, tmp_path / "real")) == []
    assert not is_open(parsed)


def test_the_chart_that_helm_creates_is_what_helm_makes_of_it(tmp_path):
    (tmp_path / "code").mkdir()
    run(HELM, "create", tmp_path / "code" / "shop")
    assert outcome(tmp_path / "code", helm, tmp_path / "code" / "shop") == "known"


def test_the_charts_of_other_tests_are_what_helm_makes_of_them(tmp_path):
    root = write(tmp_path / "code", test_helm.chart(at="c/"))
    assert outcome(root, helm, root / "c") == "known"
    root = write(tmp_path / "two" / "code", test_terraform_charts.CHART)
    assert outcome(root, helm, root / "live" / "charts" / "api") == "known"


def test_the_expressions_of_other_tests_are_worth_what_helm_makes_of_them(tmp_path):
    known = [text for text, value in test_helm.EXPRESSIONS.items() if value is not None]
    pods = {}
    for number, text in enumerate(known):
        pod = test_helm.image(text.replace("'", "''"))["charts/api/templates/pod.yaml"]
        pods[f"p{number}.yaml"] = pod.replace("{name: x}", f"{{name: p{number}}}")
    root = write(tmp_path / "code", one(pods, test_helm.GIVEN))
    assert outcome(root, helm, root / "c") == "known"


def made(chart):
    """Return what Helm makes of a chart, or why it refuses it."""
    try:
        return helm(chart)
    except Refused as refused:
        return refused


@settings(max_examples=4)
@given(st.integers(0, 2**32))
def test_expressions_at_random_are_worth_what_helm_makes_of_them(tmp_path_factory, seed):
    random, root = Random(seed), tmp_path_factory.mktemp("random")
    given = yaml.safe_dump(values(random))
    pods = {f"p{number}.yaml": template(random, f"p{number}") for number in range(20)}
    write(root / "code", one({**pods, "_h.tpl": HELPERS}, given))
    while isinstance(text := made(root / "code" / "c"), Refused):
        name = re.search(r"templates/(p\d+\.yaml)", str(text))[1]
        (root / "code" / "c" / "templates" / name).unlink()
        alone = write(root / name, one({name: pods.pop(name), "_h.tpl": HELPERS}, given))
        assert is_open(read(alone, None, WEST)), str(text)
    (root / "real").mkdir()
    parsed = read(root / "code", None, WEST)
    assert differences(parsed, resources(text, root / "real")) == []


@settings(max_examples=12)
@given(st.integers(0, 2**32))
def test_overlays_at_random_are_what_kustomize_makes_of_them(tmp_path_factory, seed):
    root: Path = tmp_path_factory.mktemp("random")
    write(root / "code", tree_at_random(Random(seed)))
    outcome(root / "code", kustomize, root / "code" / "top")
