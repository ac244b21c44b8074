"""Manifests: the workloads of a file are those that a cluster would show, and what cannot be read is not silent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from code_trees import ACCOUNT, WEST, gaps, images, read, status, unknown, workloads
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_objects import (
    CLUSTER,
    DIGEST,
    IMAGE,
    REGION,
    SECRET,
    container,
    cronjob,
    estate,
    pod,
    spec,
    thing,
    workload,
)
from test_kubernetes import HERE, read_files
from test_kubernetes import read as collected

from scanner import documents
from scanner.config import Config, IacMapping
from scanner.engine import evaluate
from scanner.finding import Status
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import Location, Model, Pair, Place, Resource, Unknown, guard, plain
from scanner.parsers import MAX_BYTES
from scanner.rule import load_rules
from scanner.scan import scan
from scanner.vocabulary import definition

EAST = IacMapping("*", ACCOUNT, "us-east-1", "shop", "web")


def text(*things):
    return yaml.safe_dump_all(things)


def test_each_kind_of_workload_is_found(tmp_path):
    things = [workload("Deployment", "a"), workload("StatefulSet", "b"), workload("DaemonSet", "c")]
    things += [workload("Job", "d"), cronjob(), thing("Pod", "f", spec=spec()), workload("ReplicaSet", "g")]
    found = workloads(read(tmp_path, {"all.yaml": text(*things)}, WEST))
    assert list(found) == [
        "Deployment shop/web/a",
        "StatefulSet shop/web/b",
        "DaemonSet shop/web/c",
        "Job shop/web/d",
        "CronJob shop/web/api",
        "Pod shop/web/f",
        "Pod all.yaml#web/ReplicaSet/g",  # its pods will have names of their own
    ]
    assert {json.dumps(images(one)) for one in found.values()} == {json.dumps({"api": container()["image"]})}
    assert SECRET not in repr([plain(one.properties) for one in found.values()])
    for one in found.values():
        assert set(one.properties) <= set(definition(one.type)["properties"])


def test_files_give_what_the_same_objects_give_through_the_file_door(tmp_path):
    things = estate()
    listing = {"apiVersion": "v1", "kind": "List", "items": things}
    path = tmp_path / "list.json"
    path.write_text(json.dumps(listing))
    live = {one.id: one for one in collected(read_files([path], CLUSTER, "2026-11-01T00:00:00Z").calls)[0]}
    code = {one.id: one for one in read(tmp_path, None, EAST).resources if one.type.startswith("Kubernetes::")}
    assert code.keys() == live.keys()
    for id, one in code.items():
        other = live[id]
        assert (one.type, one.name, one.account, one.region) == (other.type, other.name, other.account, other.region)
        for name, value in other.properties.raw():
            mine = dict(one.properties.raw())[name]
            if name == "ContainerImages":  # nothing runs from a file, so it establishes no digest
                assert [each["Image"] for each in mine] == list(dict.fromkeys(each["Image"] for each in value))
            elif type(mine) is not Unknown:
                assert plain(mine) == plain(value), name


SAME = (
    "workload-image-not-pinned-to-primary",
    "workload-no-unmirrored-external-image",
    "eks-manifests-render-for-standby",
)
"""Rules for which it does not matter which digest runs."""


TAGS = ("eks-workload-images-exist", "eks-standby-images-pinned-by-digest")
STANDBY_IMAGE = IMAGE.replace(REGION, "us-west-2")
TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: web}
spec: {replicas: 0, template: {spec: {containers: [{name: api, image: "%s"}]}}}
"""
DOORS = {
    "manifest": {"api.yaml": TEMPLATE % STANDBY_IMAGE},
    "kustomize": {
        "base/kustomization.yaml": "resources: [api.yaml]\n",
        "base/api.yaml": TEMPLATE % "shop/api",
        "west/kustomization.yaml": "resources: [../base]\nimages: [{name: shop/api, newTag: '1.2', newName: "
        f"{STANDBY_IMAGE.partition(':')[0]}}}]\n",
    },
    "helm": {
        "Chart.yaml": "{apiVersion: v2, name: api, version: 1.0.0}\n",
        "values.yaml": "image: nothing\n",
        "values-us-west-2.yaml": f"image: {STANDBY_IMAGE}\n",
        "templates/api.yaml": TEMPLATE % "{{ .Values.image }}",
    },
    "live": {},
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("there", "mutability", "expected"),
    [
        ("1.2", "IMMUTABLE", [Status.PASS, Status.PASS]),
        ("1.2", "MUTABLE", [Status.PASS, Status.FAIL]),
        ("1.1", "IMMUTABLE", [Status.FAIL, Status.UNKNOWN]),
        (None, "IMMUTABLE", [Status.UNKNOWN, Status.UNKNOWN]),  # nobody listed the images of the standby
    ],
)
def test_what_the_standby_names_by_tag_is_judged_alike_through_every_door(tmp_path, door, there, mutability, expected):
    west = CLUSTER.replace(REGION, "us-west-2")
    if door == "live":
        waiting = workload("Deployment", pods=spec(container(image=STANDBY_IMAGE)), replicas=0)
        other = workload("StatefulSet", "db", replicas=1)
        items = [waiting, thing("ReplicaSet", owner=waiting), other, pod(other)]  # so that no kind is missing
        (tmp_path / "west.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        standby = collected(
            read_files([tmp_path / "west.json"], west, "2026-11-01T00:00:00Z").calls,
            target=replace(HERE, region="us-west-2"),
        )[0]
    else:
        standby = workloads(read(tmp_path, DOORS[door], WEST)).values()
    here = workload("Deployment", replicas=1)
    items = [here, thing("ReplicaSet", owner=here, uid="set")]
    items.append(pod(items[-1]))
    (tmp_path / "east.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    primary = collected(read_files([tmp_path / "east.json"], CLUSTER, "2026-11-01T00:00:00Z").calls)[0]
    places = [Place(ACCOUNT, region) for region in (REGION, "us-west-2")]
    repositories = [
        Resource(
            "AWS::ECR::Repository",
            f"arn:aws:ecr:{place.region}:{ACCOUNT}:repository/shop/api",
            "shop/api",
            *place,
            guard({"ImageTagMutability": mutability, "ImageTagMutabilityExclusionFilters": None}),
        )
        for place in places
    ]
    tags = dict(zip(places, ("1.2", there), strict=True))
    images = {
        RepositoryKey.of(place, "shop/api"): Listing([Image(DIGEST, tags=(tag,))]) for place, tag in tags.items() if tag
    }
    model = Model(
        [one for one in (*primary, *standby, *repositories) if isinstance(one, Resource)],
        pairs=[Pair(*places)],
        images=ImageIndex(images),
        scanned=places,
        asked=places,
        as_of=datetime(2026, 11, 1, tzinfo=UTC),
    )
    rules = {rule.id: rule for rule in load_rules() if rule.id in TAGS}
    found = {
        (f.rule_id, f.resource.region): f.status
        for f in evaluate(model, list(rules.values()), Config())
        if f.resource.type == "Kubernetes::Deployment"
    }
    assert [found[TAGS[0], "us-west-2"], found[TAGS[1], REGION]] == expected
    assert found[TAGS[0], REGION] is Status.PASS


def test_both_doors_give_the_same_verdicts(tmp_path):
    others = {"here": IMAGE, "there": IMAGE.replace(REGION, "us-west-2"), "elsewhere": "docker.io/library/redis:7"}
    things = estate()
    for name, image in others.items():
        made = workload("StatefulSet", name, pods=spec(container(image=image)), replicas=1)
        things += [made, pod(made, f"{name}-0", pods=spec(container(image=image)))]
    (tmp_path / "list.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": things}))
    live = collected(read_files([tmp_path / "list.json"], CLUSTER, "2026-11-01T00:00:00Z").calls)[0]
    code = workloads(read(tmp_path, None, EAST)).values()
    place = Place(ACCOUNT, REGION)

    def verdicts(resources, asked):
        model = Model(
            resources,
            pairs=[Pair(Place(None, "us-west-2"), Place(None, REGION))],
            images=ImageIndex({}),
            scanned=[place],
            asked=asked,
            as_of=datetime(2026, 11, 1, tzinfo=UTC),
        )
        found = evaluate(model, [rule for rule in load_rules() if rule.id in SAME], Config())
        return {(f.rule_id, f.resource.id, f.status) for f in found if f.resource.type.startswith("Kubernetes::")}

    assert verdicts(live, [place]) == verdicts(code, [])
    assert {status for _, _, status in verdicts(live, [place])} >= {Status.PASS, Status.FAIL}


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: lab}
spec:
  initContainers:
    - {name: first, image: "a:1"}
  containers:
    - name: second
      image: b:2
    - {name: third}
  ephemeralContainers:
    - {name: fourth, image: "d:4"}
  volumes:
    - {name: plain, emptyDir: {}}
    - name: fifth
      image:
        reference: e:5
  serviceAccountName: robot
  imagePullSecrets: [{name: key}]
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_image_has_its_place(tmp_path, newline):
    one = workloads(read(tmp_path, {"pod.yaml": POD.replace("\n", newline)}, WEST))["Pod shop/lab/one"]
    assert {str(one.locate(f"/ContainerImages/{number}")) for number in range(5)} == {
        "pod.yaml:6:28",
        "pod.yaml:9:14",
        "pod.yaml:10:7",
        "pod.yaml:12:29",
        "pod.yaml:17:20",
    }
    assert str(one.locate("/Name")) == "pod.yaml:3:18"
    assert str(one.locate("")) == "pod.yaml:1:1"
    third = images(one).pop("third")
    assert third == {"unknown": "the pod does not show the image of its container"}
    assert (one["ServiceAccountName"], plain(one["ImagePullSecrets"])) == ("robot", [{"Name": "key"}])


def test_a_broken_document_does_not_hide_the_others(tmp_path):
    good = text(workload("Deployment", "a"))
    broken = "apiVersion: apps/v1\nkind: Deployment\nmetadata: [\n"
    parsed = read(tmp_path, {"x.yaml": f"{good}---\n{broken}---\n{text(workload('Job', 'b'))}"}, WEST)
    assert list(workloads(parsed)) == ["Deployment shop/web/a", "Job shop/web/b"]
    lines = good.count("\n") + 4
    assert gaps(parsed) == [f"x.yaml:{lines + 1}: while parsing a flow node did not find expected node content"]
    assert {(gap.account, gap.region, gap.path) for gap in parsed.gaps} == {(ACCOUNT, "us-west-2", "x.yaml")}
    assert status(parsed) == {"x.yaml": "partial"}


TEMPLATED = [
    "apiVersion: apps/v1\nkind: Deployment\nspec: {{ spec }}\ncontainers: []\n",
    "apiVersion: apps/v1\nkind: Deployment\n{% if x %}\nspec:\n  containers: [\n",
]


@pytest.mark.parametrize("written", TEMPLATED)
def test_the_template_of_another_tool_is_no_manifest(tmp_path, written):
    parsed = read(tmp_path, {"x.yaml": written}, WEST)
    assert not workloads(parsed)
    assert "it is a template of another tool, to be rendered first" in gaps(parsed)[0]


def test_an_image_that_is_a_placeholder_is_unknown_to_rules(tmp_path):
    written = text(workload("Deployment", pods=spec(container(image="{{image}}"))))
    report = scanned(tmp_path, {"west/x.yaml": written})
    (finding,) = [f for f in report.findings if f.rule_id == "workload-image-not-pinned-to-primary"]
    assert finding.status is Status.UNKNOWN
    assert "'{{image}}' is not an image reference" in finding.message


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("values.yaml", "apiVersion: 1\nkind: x\n"),
        ("workflow.yaml", "on: push\njobs: {a: {container: {image: x}}}\n"),
        ("compose.yaml", "services: {web: {image: nginx}}\n"),
        ("config.yaml", "apiVersion: v1\nkind: ConfigMap\ndata: {x: 'containers:'}\n"),
        ("list.json", '{"kind": "List", "items": 3, "apiVersion": "v1"}'),
        ("empty.yaml", "---\n---\n# containers apiVersion kind\n"),
        ("binary.yaml", b"\x00\xff\xfe\x01"),
    ],
)
def test_what_runs_nothing_is_not_mentioned(tmp_path, name, written):
    parsed = read(tmp_path, {name: written}, WEST)
    assert (workloads(parsed), parsed.gaps, parsed.files) == ({}, [], [])


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"apiVersion: v1\nkind: Pod\ncontainers: \xff\n", "x.yaml: not UTF-8 text"),
        (b"apiVersion: v1\nkind: Pod\ncontainers: " + b"x" * MAX_BYTES, f"x.yaml: larger than {MAX_BYTES} bytes"),
    ],
)
def test_a_file_that_cannot_be_read_may_declare_anything(tmp_path, written, message):
    parsed = read(tmp_path, {"x.yaml": written}, WEST)
    assert [(gap.message, gap.type, gap.region) for gap in parsed.gaps] == [(message, None, "us-west-2")]
    assert status(parsed) == {"x.yaml": "failed"}


BOMB = "apiVersion: v1\nkind: Pod\ncontainers:\n" + "".join(
    f"  {name}: &{name} [{', '.join([f'*{before}'] * 9) if before else 'x'}]\n"
    for before, name in zip(["", *"abcdefghi"], "abcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (BOMB, "more than 250000 values, aliases expanded"),
        ("apiVersion: v1\nkind: Pod\ncontainers: " + "[" * 5000, "nested deeper than 100 levels"),
        ("apiVersion: v1\nkind: Pod\ncontainers: !!python/object:os.system x\n", "unknown tag"),
        ("apiVersion: v1\nkind: Pod\nkind: Pod\ncontainers: []\n", "duplicate key 'kind', first on line 2"),
    ],
)
def test_hostile_text_is_a_gap_with_its_line(tmp_path, written, problem):
    parsed = read(tmp_path, {"x.yaml": written}, WEST)
    assert not workloads(parsed)
    assert problem in gaps(parsed)[0]
    assert gaps(parsed)[0].startswith("x.yaml:")


def test_many_bombs_in_one_file_end_the_reading_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MAX_NODES", 1000)
    monkeypatch.setattr(documents, "MAX_STREAM_NODES", 3500)
    parsed = read(tmp_path, {"x.yaml": "---\n".join([BOMB] * 50)}, WEST)
    assert len(gaps(parsed)) == 4


def test_other_encodings_are_read(tmp_path):
    written = text(workload("Job", "b"))
    for encoding in ("utf-8-sig", "utf-16"):
        parsed = read(tmp_path, {"x.yaml": written.encode(encoding)}, WEST)
        assert list(workloads(parsed)) == ["Job shop/web/b"]


def test_versions_that_eks_does_not_serve_are_gaps(tmp_path):
    old = {**workload("Deployment"), "apiVersion": "extensions/v1beta1"}
    other = {**workload("Job"), "apiVersion": "batch.volcano.sh/v1alpha1"}
    parsed = read(tmp_path, {"x.yaml": text(old, other)}, WEST)
    assert [gap.type for gap in parsed.gaps] == ["Kubernetes::Deployment"]
    assert "is of 'extensions/v1beta1', which EKS does not serve" in gaps(parsed)[0]
    assert list(workloads(parsed)) == ["Pod x.yaml#web/Job/api"]  # whoever makes them, they are pods


@pytest.mark.parametrize(
    ("mapping", "property", "missing"),
    [
        (None, "Cluster", "nothing says which account, Region and cluster 'x.yaml' is for; say so under 'iac:'"),
        (replace(WEST, cluster=None), "Cluster", "nothing says which account, Region and cluster"),
        (replace(WEST, account=None), "Cluster", "nothing says which account, Region and cluster"),
        (replace(WEST, namespace=None), "Namespace", "nothing says the namespace of 'api'; say so under 'iac:'"),
    ],
)
def test_what_nobody_declares_is_unknown_and_says_what_to_declare(tmp_path, mapping, property, missing):
    one = workload("Deployment")
    del one["metadata"]["namespace"]
    (found,) = workloads(read(tmp_path, {"x.yaml": text(one)}, *filter(None, [mapping]))).values()
    assert found.name is None
    assert (unknown(found, property) or "").startswith(missing)


def test_one_file_may_be_for_several_clusters(tmp_path):
    east = replace(WEST, region="us-east-1", cluster=None)
    found = workloads(read(tmp_path, {"x.yaml": text(workload("Deployment"))}, WEST, east))
    assert list(found) == ["Deployment shop/web/api", f"Deployment x.yaml#web/Deployment/api@{ACCOUNT}/us-east-1"]


@pytest.mark.parametrize(
    ("kind", "more", "replicas"),
    [
        ("Deployment", {"replicas": 0}, 0),
        ("Deployment", {}, None),
        ("DaemonSet", {}, None),
        ("Job", {}, 1),
        ("Job", {"parallelism": 3}, 3),
        ("Job", {"parallelism": 3, "suspend": True}, 0),
    ],
)
def test_replicas_are_those_that_are_declared(tmp_path, kind, more, replicas):
    (found,) = workloads(read(tmp_path, {"x.yaml": text(workload(kind, **more))}, WEST)).values()
    if replicas is None:
        assert unknown(found, "Replicas")
    else:
        assert found["Replicas"] == replicas


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: shop}
spec:
  generators: [{list: {elements: [{cluster: west}]}}]
  template: {spec: {source: {repoURL: "https://example.com/x.git", path: PATH}}}
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop}
spec: {chart: {spec: {chart: PATH}}}
"""


@pytest.mark.parametrize("written", [APPLICATION, RELEASE])
def test_what_a_controller_applies_is_a_gap_unless_it_is_in_the_files(tmp_path, written):
    parsed = read(tmp_path, {"app.yaml": written.replace("PATH", "./deploy/web"), "other/web/x.yaml": "a: 1"}, WEST)
    assert len(parsed.gaps) == 10
    assert "'shop' applies what is not in the scanned files" in gaps(parsed)[0]
    parsed = read(tmp_path, {"deploy/web/base/x.yaml": "a: 1"}, WEST)
    assert parsed.gaps == []


SETTINGS = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, annotations: {eks.amazonaws.com/role-arn: "ROLE"}}
---
apiVersion: external-secrets.io/v1beta1
kind: SecretStore
metadata: {name: store}
spec: {provider: {aws: {service: SecretsManager, region: "REGION"}}}
---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: all}
spec: {provider: {vault: {server: x}}}
"""


def test_what_pods_may_read_is_declared_too(tmp_path):
    role = f"arn:aws:iam::{ACCOUNT}:role/robot"
    written = SETTINGS.replace("ROLE", role).replace("REGION", "us-west-2")
    found = workloads(read(tmp_path, {"x.yaml": written}, WEST))
    assert list(found) == ["ServiceAccount shop/web/robot", "SecretStore shop/web/store", "ClusterSecretStore shop/all"]
    robot, store, everywhere = found.values()
    assert (robot["RoleArn"], store["Aws"]["Region"], everywhere["Aws"]) == (role, "us-west-2", None)
    assert str(robot.locate("/RoleArn")) == "x.yaml:3:67"
    assert everywhere.id == f"arn:aws:eks:us-west-2:{ACCOUNT}:cluster/shop/ClusterSecretStore/all"


def test_what_has_yet_to_be_put_in_is_unknown(tmp_path):
    one = thing("Pod", "${NAME}", spec={"serviceAccountName": "${ROBOT}", **spec(container(image="${HOST}/x:1"))})
    written = f"{text(one)}---\n{SETTINGS.replace('ROLE', '${ROLE}').replace('REGION', '${REGION}')}"
    pod, robot, store, _ = workloads(read(tmp_path, {"x.yaml": written}, WEST)).values()
    assert pod.name is None
    assert unknown(pod, "ServiceAccountName") == "its serviceAccountName is none that Kubernetes takes"
    assert unknown(robot, "RoleArn") == "the role that it names is no ARN"
    assert plain(store["Aws"])["Region"] == {"unknown": "the store does not show it"}


def test_a_manifest_is_enough_where_the_standby_waits():
    def made(region, *, live):
        images = [
            {"ContainerName": "api", "Image": f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/api:1", "ImageDigest": None}
        ]
        cluster = f"arn:aws:eks:{region}:{ACCOUNT}:cluster/shop"
        properties = guard({"Cluster": cluster, "Namespace": "web", "Name": "api", "ContainerImages": images})
        locations = {} if live else {"": Location("x.yaml", 1)}
        id = f"{cluster}/web/Deployment/api"
        return Resource("Kubernetes::Deployment", id, "shop/web/api", ACCOUNT, region, properties, locations=locations)

    def status(resources, dr_class):
        clusters = [
            Resource("AWS::EKS::Cluster", f"arn:aws:eks:{region}::cluster/shop", "shop", ACCOUNT, region, guard({}))
            for region in ("us-east-1", "us-west-2")
        ]
        places = [Place(ACCOUNT, region) for region in ("us-east-1", "us-west-2")]
        pairs = [Pair(Place(None, "us-east-1"), Place(None, "us-west-2"), dr_class)]
        model = Model(
            [*clusters, *resources],
            pairs=pairs,
            images=ImageIndex({}),
            scanned=places,
            asked=places,
            as_of=datetime(2026, 11, 1, tzinfo=UTC),
        )
        rules = [rule for rule in load_rules() if rule.id == "eks-manifests-render-for-standby"]
        return {f.resource.region: f.status for f in evaluate(model, rules, Config())}["us-east-1"]

    primary, standby = made("us-east-1", live=True), made("us-west-2", live=False)
    assert status([primary], None) is Status.FAIL
    assert status([primary, standby], None) is Status.PASS
    assert status([primary, standby], "pilot-light") is Status.PASS
    assert status([primary, standby], "warm-standby") is Status.FAIL  # it has to run, and nothing does
    vague = replace(standby, name=None)
    assert status([primary, vague], None) is Status.UNKNOWN


def scanned(root, files, *, cluster="shop"):
    config = root / "regionproof.yaml"
    config.write_text(
        f"""
version: 1
accounts: ["{ACCOUNT}"]
pairs: [{{primary: us-east-1, standby: us-west-2}}]
iac:
  - {{path: east, region: us-east-1, cluster: {cluster}, namespace: web}}
  - {{path: west, region: us-west-2, cluster: {cluster}, namespace: web}}
"""
    )
    from code_trees import write

    from scanner.config import read as configured

    write(root / "code", files)
    rules = [rule for rule in load_rules() if rule.id.startswith(("eks-manifests", "workload-image-not"))]
    return scan([root / "code"], rules, configured(config), datetime(2026, 11, 1, tzinfo=UTC))


def verdicts(report, rule="eks-manifests-render-for-standby"):
    return {
        f.resource.name: f.status for f in report.findings if f.rule_id == rule and f.resource.region == "us-east-1"
    }


def test_a_manifest_for_the_standby_is_compared_with_that_of_the_primary(tmp_path):
    def deployment(name, region, tag):
        image = f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/shop/{name}:{tag}"
        return workload("Deployment", name, pods=spec(container(name, image)))

    east = text(*(deployment(name, "us-east-1", 1) for name in ("same", "other", "alone", "pinned")))
    pinned = deployment("pinned", "us-east-1", 1)
    west = text(deployment("same", "us-west-2", 1), deployment("other", "us-west-2", 2), pinned)
    west = west.replace("shop/other:2", "shop/another:2")
    report = scanned(tmp_path, {"east/x.yaml": east, "west/x.yaml": west})
    assert verdicts(report) == {
        "shop/web/same": Status.PASS,
        "shop/web/other": Status.FAIL,
        "shop/web/alone": Status.FAIL,
        "shop/web/pinned": Status.PASS,  # that it pulls from the primary is for another rule to say
    }
    pinned = [f for f in report.findings if f.rule_id.startswith("workload-image-not") and f.status is Status.FAIL]
    assert [(f.resource.name, f.location.path) for f in pinned] == [("shop/web/pinned", "west/x.yaml")]


EXEMPTED = """\
# about the whole
# regionproof:ignore=workload-image-not-pinned-to-primary until=2027-03-01 reason=moves soon
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  template:
    spec:
      containers:
        - name: api
          image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1
"""
ANNOTATED = EXEMPTED.replace("regionproof:", "").replace(
    "{name: api}",
    "{name: api, annotations: {regionproof/ignore: 'workload-image-not-pinned-to-primary until=2027-03-01 reason=x'}}",
)


@pytest.mark.parametrize(
    ("written", "used"),
    [
        (EXEMPTED, True),
        (EXEMPTED.replace("kind: Dep", "# regionproof:ignore=x-y until=2027-01-01 reason=z\nkind: Dep"), True),
        (ANNOTATED, True),
        (ANNOTATED.replace("2027-03-01", "2026-03-01"), False),
        (EXEMPTED.replace("# about", "apiVersion: v1\nkind: Secret\n---\n# about"), True),
        (EXEMPTED.replace("# about the whole\n", "").replace("apiVersion", "---\napiVersion"), True),
    ],
)
def test_exemptions_stand_beside_what_they_exempt(tmp_path, written, used):
    report = scanned(tmp_path, {"west/x.yaml": written})
    (finding,) = [f for f in report.findings if f.rule_id == "workload-image-not-pinned-to-primary"]
    assert finding.status is Status.FAIL
    assert (finding.exemption is not None) is used


def test_an_exemption_that_cannot_be_understood_is_said_with_its_line(tmp_path):
    parsed = read(tmp_path, {"x.yaml": ANNOTATED.replace("until=", "by=")}, WEST)
    assert parsed.exemptions == []
    (message,) = [message for _, _, message in parsed.files]
    assert message.startswith("x.yaml:5:")


WORDS = """
    apiVersion kind metadata name namespace spec template containers initContainers volumes image reference replicas
    items ownerReferences annotations jobTemplate imagePullSecrets serviceAccountName source path
"""
KEYS = st.sampled_from(WORDS.split())
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)
NAMES = "Deployment Pod CronJob Job List DaemonSetList Application Kustomization Rollout"
KINDS = st.sampled_from(NAMES.split())
VERSIONS = st.sampled_from(["apps/v1", "v1", "batch/v1", "argoproj.io/v1alpha1", "kustomize.toolkit.fluxcd.io/v1"])


@settings(max_examples=80)
@given(st.lists(st.tuples(VERSIONS, KINDS, st.dictionaries(KEYS, TREES, max_size=5)), max_size=3), st.integers(0, 400))
def test_whatever_the_objects_are_reading_them_ends_well(tmp_path_factory, things, cut):
    root = tmp_path_factory.mktemp("fuzz")
    written = yaml.safe_dump_all([{**body, "apiVersion": version, "kind": kind} for version, kind, body in things])
    for number, each in enumerate((written, written[:cut])):
        Path(root / f"{number}.yaml").write_text(each)
    for one in read(root, None, WEST).resources:
        plain(one.properties)
