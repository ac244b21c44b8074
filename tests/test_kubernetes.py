"""Kubernetes workloads: whoever listed them, what runs is told right, and what nobody saw is not told at all."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from kubernetes_objects import (
    ACCOUNT,
    CLUSTER,
    DIGEST,
    IMAGE,
    OTHER,
    REGION,
    REPOSITORY,
    ROLE,
    SECRET,
    container,
    cronjob,
    estate,
    pod,
    spec,
    status,
    thing,
    workload,
)

from scanner.collectors import Answers, kubernetes, kubernetes_file
from scanner.collectors.kubernetes_file import COMMAND, read_files
from scanner.config import Config
from scanner.engine import evaluate
from scanner.errors import DocumentError, UsageError
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.kubernetes_objects import KINDS, Cluster, call, reduced
from scanner.model import Gap, Model, Pair, Place, Resource, Unknown, plain
from scanner.recorded import Call, CallError, Target, redacted, to_line
from scanner.rule import load_rules
from scanner.vocabulary import definition, types

AT = "2026-11-01T00:00:00Z"
HERE = Target(ACCOUNT, REGION, "aws", None, ("eks",))
THERE = Cluster.of(CLUSTER)


def eks(clusters=("shop",), error=None):
    response = None if error else {"clusters": list(clusters)}
    listing = Call("eks", "ListClusters", {"maxResults": 100}, ACCOUNT, REGION, 0, response, error, None, AT)
    return {"eks": Answers(HERE, "eks", [listing])}


def listed(things, without=(), errors=None):
    """Return the calls that list `things`; nobody asked for kinds in `without`, `errors` end the lists of theirs."""
    calls = []
    for kind in KINDS.values():
        items = [reduced(kind, item) for item in things if item["kind"] == kind.name]
        if kind.name not in without:
            calls.append(call(THERE, kind, 0, AT, items, None))
        if error := (errors or {}).get(kind.name):
            calls.append(call(THERE, kind, 1, AT, None, error))
    return calls


def read(calls, others=None, target=HERE):
    others = eks() if others is None else others
    found = list(kubernetes.resources(Answers(target, "kubernetes", calls, others)))
    assert all(isinstance(item, Resource | Gap) for item in found)
    return [r for r in found if isinstance(r, Resource)], [g for g in found if isinstance(g, Gap)]


SETTINGS = {f"Kubernetes::{kind}" for kind in ("ServiceAccount", "ExternalSecret", "SecretStore", "ClusterSecretStore")}
"""The types of what runs nothing."""


def images(resource):
    return plain(dict(resource.properties.raw())["ContainerImages"])


def running(resources):
    return [resource for resource in resources if resource.type not in SETTINGS]


def only(things, type=None, **given):
    resources, _ = read(listed(things, **given))
    (found,) = [r for r in resources if type in (None, r.type)]
    return found


def entry(digest=DIGEST, name="api", image=IMAGE):
    return {"ContainerName": name, "Image": image, "ImageDigest": digest}


def reason(resource):
    """Return why an image, or all of them, were not seen."""
    found = images(resource)
    return found["unknown"] if isinstance(found, dict) else found[0]["ImageDigest"]["unknown"]


def test_each_pod_counts_to_what_made_it():
    resources, gaps = read(listed(estate()))
    assert gaps == []
    assert {(r.type, r.name): images(r) for r in running(resources)} == {
        ("Kubernetes::Deployment", "shop/web/api"): [entry()],
        ("Kubernetes::StatefulSet", "shop/web/api"): [entry()],
        ("Kubernetes::DaemonSet", "shop/web/api"): [entry()],
        ("Kubernetes::CronJob", "shop/web/api"): [entry(None), entry()],
        ("Kubernetes::Job", "shop/web/once"): [entry()],
        ("Kubernetes::Pod", "shop/web/alone"): [entry()],
    }
    assert {r.type for r in resources} == set(kubernetes.TYPES)
    assert {r.place for r in resources} == {Place(ACCOUNT, REGION)}
    assert f"{CLUSTER}/web/Deployment/api" in {r.id for r in resources}


def test_a_resource_is_what_its_schema_says():
    extended = spec(serviceAccountName="runner", imagePullSecrets=[{"name": "hub"}])
    resources, _ = read(listed([*estate(), workload("Deployment", "more", replicas=0, pods=extended)]))
    for resource in resources:
        schema = definition(resource.type)
        Draft202012Validator(schema).validate(plain(resource.properties))
        assert set(resource.properties) <= set(schema["properties"])
        assert set(resource.operations) == set(schema["x-source"])
    (more,) = [r for r in resources if r.name == "shop/web/more"]
    assert (more["ServiceAccountName"], more["ImagePullSecrets"]) == ("runner", [{"Name": "hub"}])
    assert set(kubernetes.TYPES) == {type for type in types() if type.startswith("Kubernetes::")}


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        (f"{REPOSITORY}@{DIGEST}", DIGEST),
        (f"docker-pullable://{REPOSITORY}@{DIGEST}", DIGEST),
        (DIGEST, "configuration"),
        (f"docker://{DIGEST}", "configuration"),
        ("", "does not show the digest"),
        (None, "does not show the digest"),
        (7, "does not show the digest"),
        (f"{REPOSITORY}@{DIGEST[:-1]}", "configuration"),
        (f"{REPOSITORY}@{DIGEST}0", "configuration"),
        (f"{REPOSITORY}@{DIGEST.upper()}", "configuration"),
        (f"{REPOSITORY}-copy@{DIGEST}", "another repository"),
        (f"x@y@{DIGEST}", "configuration"),
        (f"not//an//image@{DIGEST}", "another repository"),
    ],
    ids=str,
)
def test_only_the_digest_of_a_manifest_is_one(image_id, expected):
    found = only([pod(statuses=[status(image_id=image_id)])])
    if expected == DIGEST:
        assert images(found) == [entry()]
    else:
        assert expected in reason(found)


@pytest.mark.parametrize(
    ("image", "image_id"),
    [
        ("nginx:1.27", "docker.io/library/nginx"),
        ("nginx", "docker-pullable://nginx"),
        (IMAGE.replace(".dkr.ecr.", ".dkr-ecr.").replace("amazonaws.com", "on.aws"), REPOSITORY),
    ],
    ids=["short", "docker", "dual-stack"],
)
def test_a_repository_may_be_written_in_two_ways(image, image_id):
    running = pod(pods=spec(container(image=image)), statuses=[status(image_id=f"{image_id}@{DIGEST}")])
    assert images(only([running])) == [entry(image=image)]


@pytest.mark.parametrize(
    "shown",
    [[], [status(image_id="")], [status(state={"waiting": {"reason": "ErrImagePull"}})], [status("other")]],
    ids=["pending", "no-id", "waiting", "another"],
)
def test_what_is_pinned_cannot_run_as_anything_else(shown):
    pinned = f"{REPOSITORY}@{DIGEST}"
    assert images(only([pod(pods=spec(container(image=pinned)), statuses=shown)])) == [entry(image=pinned)]


@pytest.mark.parametrize("waiting", ["ImagePullBackOff", "ErrImagePull", "ContainerCreating", "PodInitializing", None])
def test_a_container_that_waits_for_its_image_has_no_digest(waiting):
    # After its image was changed in place, a container may still show the id of the former.
    found = only([pod(phase="Pending", statuses=[status(state={"waiting": {"reason": waiting}})])])
    assert (waiting or "no reason") in reason(found)


def test_a_container_that_crashes_has_its_image():
    crashing = [status(state={"waiting": {"reason": "CrashLoopBackOff"}})]
    assert images(only([pod(statuses=crashing)])) == [entry()]


def test_all_kinds_of_containers_count():
    pods = spec(
        initContainers=[container("init")],
        ephemeralContainers=[container("debug")],
        volumes=[
            {"name": "model", "image": {"reference": f"{REPOSITORY}:m"}},
            {"name": "pinned", "image": {"reference": f"{REPOSITORY}@{OTHER}"}},
            {"name": "key", "secret": {"secretName": "key"}},
        ],
    )
    found = only(
        [
            pod(
                pods=pods,
                initContainerStatuses=[status("init", state={"terminated": {}})],
                ephemeralContainerStatuses=[status("debug")],
            )
        ]
    )
    volume = {"unknown": "Kubernetes does not show the digest of an image volume"}
    assert images(found) == [
        entry(name="init"),
        entry(),
        entry(name="debug"),
        entry(volume, "model", f"{REPOSITORY}:m"),
        entry(OTHER, "pinned", f"{REPOSITORY}@{OTHER}"),
    ]


def test_two_digests_of_one_container_are_two_entries():
    stateful = workload("StatefulSet", replicas=3)
    other = [status(image_id=f"{REPOSITORY}@{OTHER}")]
    pods = [pod(stateful, "a"), pod(stateful, "b"), pod(stateful, "c", statuses=other)]
    assert images(only([stateful, *pods])) == [entry(), entry(OTHER)]


@pytest.mark.parametrize(
    "idle",
    [
        workload("Deployment", replicas=0),
        workload("StatefulSet", replicas=0),
        workload("DaemonSet", status={"desiredNumberScheduled": 0}),
        workload("Job", parallelism=1, suspend=True),
        workload("Job", parallelism=0),
        cronjob(),
    ],
    ids=["Deployment", "StatefulSet", "DaemonSet", "suspended", "no-parallelism", "CronJob"],
)
def test_what_runs_no_pods_shows_its_template(idle):
    assert images(only([idle])) == [entry(None)]


@pytest.mark.parametrize(
    "unseen",
    [
        workload("Deployment", replicas=1),
        workload("Deployment"),
        workload("Deployment", replicas="0"),
        workload("StatefulSet", replicas=True),
        workload("DaemonSet"),
        workload("Job", parallelism=1),
    ],
    ids=["no-pods", "no-replicas", "text", "boolean", "daemon", "job"],
)
def test_what_should_run_but_shows_no_pod_is_unknown(unseen):
    assert reason(only([unseen])) == "no pod shows what it runs"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_what_has_ended_runs_nothing(phase):
    stateful = workload("StatefulSet", replicas=1)
    ended = [status(image_id=f"{REPOSITORY}@{OTHER}")]
    conditions = {"conditions": [{"type": "Complete" if phase == "Succeeded" else "Failed", "status": "True"}]}
    job = workload("Job", "once", parallelism=1, status=conditions)
    things = [stateful, pod(stateful), pod(stateful, "old", statuses=ended, phase=phase), pod(phase=phase), job]
    assert images(only(things)) == [entry()]


def test_a_job_that_goes_on_is_there():
    going = workload("Job", parallelism=0, status={"conditions": [{"type": "Complete", "status": "False"}]})
    assert only([going]).type == "Kubernetes::Job"


def test_a_pod_of_something_else_speaks_for_itself():
    things = [pod(thing("Rollout"), "a"), pod(thing("ReplicaSet", owner=thing("Rollout")), "b")]
    things.append(pod(replica := thing("ReplicaSet"), "c"))
    resources, gaps = read(listed([*things, replica]))
    assert ([(r.type, images(r)) for r in resources], gaps) == ([("Kubernetes::Pod", [entry()])] * 3, [])


def test_owners_in_a_circle_end():
    one, two = thing("ReplicaSet"), thing("ReplicaSet")
    one, two = thing("ReplicaSet", owner=two, uid=one["metadata"]["uid"]), thing("ReplicaSet", owner=one)
    assert only([one, two, pod(one)]).type == "Kubernetes::Pod"


DENIED = CallError("Forbidden", "not for you", 403)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["denied", "ended-early", "not-asked"])
def test_a_list_that_was_not_seen_is_a_gap_and_nothing_it_tells_is_a_fact(kind, how):
    things = estate()
    absent = how != "ended-early"
    errors = {} if how == "not-asked" else {kind: DENIED}
    resources, gaps = read(listed(things, without=(kind,) if absent else (), errors=errors))
    ask = next(ask for ask in kubernetes.CALLS if ask.operation == f"List{kind}s")
    code = "NotCollected" if how == "not-asked" else "Forbidden"
    assert {(gap.type, gap.reason) for gap in gaps} == {(type, code) for type in ask.types}
    assert all(gap.operation == f"kubernetes:List{kind}s" for gap in gaps)
    by_type = {r.type: r for r in resources}
    resources = running(resources)
    assert len(ask.types) + len(ask.fills) > 0
    for type in ask.fills:
        assert f"kubernetes:List{kind}s" in reason(by_type[type])
    expected = (
        2 if absent and kind != "CronJob" and f"Kubernetes::{kind}" not in SETTINGS else 1
    )  # a Job whose CronJob was not seen stands for itself
    if kind != "Pod":  # what runs is still there, if only as pods
        assert sum(images(r) == [entry()] for r in resources if r.type == "Kubernetes::Pod") >= expected
    assert all(images(r) == [entry()] for r in resources if r.type not in (*ask.types, *ask.fills, CRON))


CRON = "Kubernetes::CronJob"


def test_a_cluster_nobody_asked_is_a_gap_that_says_what_to_do():
    resources, gaps = read([], eks(["shop", "other"]))
    assert resources == []
    assert {(gap.type, gap.reason) for gap in gaps} == {(type, "NotCollected") for type in kubernetes.TYPES}
    assert {gap.message for gap in gaps} == {
        f"what runs in '{CLUSTER[:-4]}other' (and of 1 more) was not collected; "
        f"add --kubernetes-api, or --kubernetes {CLUSTER[:-4]}other=FILE"
    }


def test_one_cluster_of_two_leaves_a_gap_for_the_other():
    resources, gaps = read(listed(estate()), eks(["shop", "other"]))
    assert len(resources) == len(gaps) == len(kubernetes.TYPES)
    assert all("cluster/other" in gap.message for gap in gaps)


def test_no_clusters_is_a_fact():
    assert read([], eks([])) == ([], [])


@pytest.mark.parametrize(
    ("others", "reason"),
    [({}, "NotCollected"), (eks(error=CallError("AccessDeniedException", "no", 403)), "AccessDeniedException")],
    ids=["not-asked", "denied"],
)
@pytest.mark.parametrize("calls", [[], listed(estate())], ids=["none", "one-cluster"])
def test_clusters_that_nobody_listed_are_a_gap(others, reason, calls):
    _, gaps = read(calls, others)
    assert {(gap.type, gap.reason) for gap in gaps} == {(type, reason) for type in kubernetes.TYPES}


@pytest.mark.parametrize("missing", ["name", "namespace"])
def test_something_without_a_name_is_a_gap(missing):
    for kind in ("Deployment", "Pod"):
        item = workload(kind, replicas=0) if kind == "Deployment" else pod()
        item["metadata"][missing] = {"not": "text"}
        resources, gaps = read(listed([item]))
        assert (resources, [(gap.type, gap.reason) for gap in gaps]) == (
            [],
            [(f"Kubernetes::{kind}", "MalformedResponse")],
        )


def test_without_its_uid_a_workload_shows_nothing():
    item = workload("Deployment", replicas=0)
    item["metadata"]["uid"] = 7
    assert "uid" in reason(only([item]))


@pytest.mark.parametrize("containers", [None, "text", [], ["text"], [{}], [{"name": 1, "image": 2}], {"a": 1}], ids=str)
def test_a_pod_that_shows_no_container_hides_one(containers):
    for item in (pod(pods={"containers": containers}), cronjob({"containers": containers})):
        assert images(only([item]))[0]["Image"] == {"unknown": "the pod does not show the image of its container"}


def test_nothing_but_the_allowlist_is_kept():
    things = [*estate(), workload("Deployment", "x", replicas=0)]
    text = json.dumps([reduced(KINDS[item["kind"]], item) for item in things])
    assert SECRET in json.dumps(things)
    assert SECRET not in text
    assert not re.search(r"env|args|command|last-applied|labels|PASSWORD|auth|property|vault", text)


def test_redaction_changes_nothing_more():
    for made in listed(estate()):
        assert redacted(made) == made


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
WORDS = LEAVES | st.sampled_from(["api", "True", "Complete", IMAGE, f"{REPOSITORY}@{DIGEST}", DIGEST, "uid-1", "uid-2"])
KEYS = [
    "metadata",
    "name",
    "namespace",
    "uid",
    "ownerReferences",
    "controller",
    "spec",
    "status",
    "template",
    "jobTemplate",
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
    "image",
    "reference",
    "imageID",
    "state",
    "waiting",
    "reason",
    "phase",
    "containerStatuses",
    "conditions",
    "type",
    "replicas",
    "parallelism",
    "suspend",
    "serviceAccountName",
    "imagePullSecrets",
    "env",
    "value",
]
TREES = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)
METADATA = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"]), "namespace": st.just("web")},
    optional={
        "uid": st.sampled_from(["uid-1", "uid-2"]) | TREES,
        "ownerReferences": TREES
        | st.lists(st.fixed_dictionaries({"uid": st.sampled_from(["uid-1", "uid-2"]), "controller": st.just(True)})),
    },
)
THINGS = st.fixed_dictionaries(
    {"kind": st.sampled_from(sorted(KINDS))},
    optional={"metadata": METADATA | TREES, "spec": TREES, "status": TREES},
)


@settings(max_examples=300, deadline=None)
@given(st.lists(THINGS, max_size=6))
def test_any_answer_gives_resources_and_gaps(things):
    resources, gaps = read(listed(things))
    for resource in running(resources):
        found = images(resource)
        for image in found if isinstance(found, list) else ():
            digest = image["ImageDigest"]
            assert digest is None or "unknown" in digest or re.fullmatch("sha256:[0-9a-f]{64}", digest)
    assert {gap.reason for gap in gaps} <= {"MalformedResponse"}


@settings(max_examples=200, deadline=None)
@given(document=TREES | st.fixed_dictionaries({"kind": st.sampled_from(["List", "PodList"]), "items": TREES}))
def test_any_file_is_read_or_refused(document, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(document))
    with suppress(DocumentError):
        read(read_files([path], CLUSTER, AT).calls)


def write(path: Path, things, kind="List", version="v1", **more) -> Path:
    path.write_text(json.dumps({"apiVersion": version, "kind": kind, "items": things, "metadata": {}, **more}))
    return path


def test_a_file_is_what_an_api_answers(tmp_path):
    found = read_files([write(tmp_path / "all.json", estate())], CLUSTER, AT)
    assert (found.ignored, found.calls) == (0, listed(estate_of(tmp_path)))
    assert SECRET not in "".join(to_line(made) for made in found.calls)


def estate_of(tmp_path):
    return json.loads((tmp_path / "all.json").read_text())["items"]


def test_a_kind_of_which_a_file_shows_none_may_not_have_been_asked_for(tmp_path):
    things = [item for item in estate() if item["kind"] in ("Deployment", "ReplicaSet", "Pod")]
    found = read_files([write(tmp_path / "some.json", things)], CLUSTER, AT)
    resources, gaps = read(found.calls)
    assert {(gap.type, gap.reason) for gap in gaps} == {
        *((f"Kubernetes::{kind}", "NotCollected") for kind in ("StatefulSet", "DaemonSet", "Job", "CronJob")),
        *((type, "NotCollected") for type in SETTINGS),
    }
    assert not [made for made in found.calls if made.operation == "ListSecretStores"]  # kubectl would have failed
    (cron,) = [gap for gap in gaps if gap.type == CRON]
    assert "kubectl get --raw /apis/batch/v1/cronjobs" in cron.message
    assert images(next(r for r in resources if r.type == "Kubernetes::Deployment")) == [entry()]


def test_a_list_of_one_kind_says_that_there_are_none(tmp_path):
    paths = []
    for kind in KINDS.values():
        items = [
            {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
            for item in estate()
            if item["kind"] == kind.name != "CronJob"
        ]
        if kind.name == "CronJob":
            nothing = tmp_path / kind.plural
        paths.append(write(tmp_path / kind.plural, items, f"{kind.name}List", kind.api_version))
    write(nothing, None, "CronJobList", "batch/v1")
    resources, gaps = read(read_files(paths, CLUSTER, AT).calls)
    assert (gaps, {r.type for r in resources}) == ([], {*kubernetes.TYPES} - {CRON})


def test_files_may_show_the_same_twice(tmp_path):
    path = write(tmp_path / "all.json", estate())
    assert read_files([path, path], CLUSTER, AT).calls == read_files([path], CLUSTER, AT).calls


def test_other_kinds_are_passed_over_and_counted(tmp_path):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"x": SECRET}}
    custom = {**workload("Deployment", "other"), "apiVersion": "core.oam.dev/v1"}
    path = write(tmp_path / "all.json", [*estate(), secret, custom, {"kind": 1}, {}])
    secrets = write(tmp_path / "secrets.json", [secret], "SecretList")
    found = read_files([path, secrets], CLUSTER, AT)
    assert (found.ignored, found.calls) == (5, listed(estate_of(tmp_path)[:-4]))
    assert SECRET not in "".join(to_line(made) for made in found.calls)


def test_the_first_part_of_a_list_is_not_the_list(tmp_path):
    for kind, version in (("List", "v1"), ("PodList", "v1")):
        path = write(tmp_path / "part.json", [pod()], kind, version, metadata={"continue": "token"})
        resources, gaps = read(read_files([path], CLUSTER, AT).calls)
        assert [r.type for r in resources] == ["Kubernetes::Pod"]
        assert ("Kubernetes::Pod", "IncompleteList") in {(gap.type, gap.reason) for gap in gaps}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: not JSON"),
        ('{"kind": "List",\n "items": [}', "2:12: not JSON"),
        ("[]", "not a JSON object"),
        ("7", "not a JSON object"),
        ('{"kind": "Pod", "metadata": {}}', "this is a Pod, not a List"),
        ('{"kind": "Table of\\nsecrets"}', "this is no kind, not a List"),
        ('{"items": []}', "this is no kind"),
        ('{"kind": "List"}', "'items' are not a list"),
        ('{"kind": "List", "items": {}}', "'items' are not a list"),
        ('{"kind": "List", "items": [{}, 7]}', "'items' are not a list"),
        ('{"kind": "List", "items": NaN}', "a number that JSON does not know"),
        ('{"kind": "List", "items": ' + "9" * 5000 + "}", "a number that JSON does not know"),
        ('{"items": ' * 100_000, "nested too deeply"),
        ('{"kind": "List", "items": []}{}', "not JSON: Extra data"),
        (b"\xff\xfe{\x00", "not UTF-8"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_file_that_is_no_list_is_refused(text, problem, tmp_path):
    path = tmp_path / "bad.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DocumentError, match=re.escape(problem)) as caught:
        read_files([path], CLUSTER, AT)
    assert str(path) in str(caught.value)
    assert COMMAND in caught.value.hint


def test_a_file_that_is_too_large_or_not_there_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DocumentError, match="No such file"):
        read_files([tmp_path / "none.json"], CLUSTER, AT)
    path = write(tmp_path / "all.json", estate())
    monkeypatch.setattr(kubernetes_file, "MAX_BYTES", path.stat().st_size)
    assert read_files([path], CLUSTER, AT).calls
    monkeypatch.setattr(kubernetes_file, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(DocumentError, match="larger than") as caught:
        read_files([path], CLUSTER, AT)
    assert "for each kind" in caught.value.hint


@pytest.mark.parametrize(
    "arn",
    ["", "shop", f"{CLUSTER}/x", f"{CLUSTER}\n", CLUSTER.replace("eks", "ecs"), CLUSTER.replace("1111", "\u0661" * 4)],
)
def test_an_arn_of_no_cluster_is_refused(arn):
    with pytest.raises(UsageError, match="is not the ARN of an EKS cluster"):
        read_files([], arn, AT)


@pytest.mark.parametrize(
    ("standby", "running", "verdict"),
    [
        ([DIGEST], None, "pass"),
        ([OTHER], None, "fail"),
        ([DIGEST], [status(image_id="")], "unknown"),
        ([OTHER], [status(image_id=f"other/name@{DIGEST}")], "unknown"),
    ],
    ids=["there", "missing", "no-digest", "another-name"],
)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Pod"])
def test_the_rule_about_running_digests_judges_workloads_right(kind, standby, running, verdict):
    if kind == "Pod":
        things = [pod(statuses=running)]
    else:
        owner = workload(kind, replicas=1)
        between = [thing("ReplicaSet", owner=owner)] if kind == "Deployment" else []
        things = [owner, *between, pod((between or [owner])[0], statuses=running)]
    assert judged(read(listed(things))[0], standby) == [verdict]


def test_the_rule_about_running_digests_judges_a_template_by_its_tag():
    assert judged([only([workload("Deployment", replicas=0)])], [DIGEST]) == ["pass"]
    assert judged([only([workload("Deployment", replicas=0)])], [OTHER]) == ["fail"]


def judged(resources, standby):
    (rule,) = [rule for rule in load_rules() if rule.id == "image-running-digest-in-standby"]
    rule = replace(rule, resource=kubernetes.TYPES).with_parameters({}, None)
    pushed = datetime(2026, 10, 1, tzinfo=UTC)

    def listing(digests):
        return Listing(
            tuple(Image(digest, tuple(["1.2"] if digest == DIGEST else []), pushed, "ACTIVE") for digest in digests)
        )

    primary, second = Place(ACCOUNT, REGION), Place(ACCOUNT, "us-west-2")
    index = ImageIndex(
        {
            RepositoryKey.of(primary, "shop/api"): listing([DIGEST]),
            RepositoryKey.of(second, "shop/api"): listing(standby),
        }
    )
    registry = Resource("AWS::ECR::Registry", "aws://r", "registry", ACCOUNT, "us-west-2", resources[0].properties)
    model = Model(
        [*resources, registry],
        pairs=[Pair(primary, second)],
        images=index,
        scanned=[primary, second],
        as_of=datetime(2026, 11, 1, tzinfo=UTC),
    )
    return [finding.status.value for finding in evaluate(model, [rule], Config())]


def test_the_page_about_it_names_every_command_and_allows_no_more():
    page = (Path(__file__).parents[1] / "docs" / "kubernetes.md").read_text()
    assert f"{COMMAND} > " in page
    assert all(f"| {kind.name} | `{kind.path}` |" in page for kind in KINDS.values())
    role, _ = yaml.safe_load_all(page.split("```yaml")[1].split("```")[0])
    allowed = {(rule["apiGroups"][0], plural) for rule in role["rules"] for plural in rule["resources"]}
    assert allowed == {(kind.api_version.rpartition("/")[0], kind.plural) for kind in KINDS.values()}
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list"}


def test_unknown_is_never_a_digest():
    found = only([pod(statuses=[])])
    (image,) = found["ContainerImages"]
    assert type(dict(image.raw())["ImageDigest"]) is Unknown


def test_what_pods_may_read_is_told_without_values():
    resources, _ = read(listed(estate()))
    told = {r.type.rpartition(":")[2]: (r.name, plain(r.properties)) for r in resources if r.type in SETTINGS}
    here = {"Cluster": CLUSTER, "Name": "api"}
    assert told["ServiceAccount"] == ("shop/web/api", {**here, "Namespace": "web", "RoleArn": ROLE})
    assert told["SecretStore"] == ("shop/web/api", {**here, "Namespace": "web"})  # of somebody else
    aws = {"Service": "SecretsManager", "Region": REGION, "Role": ROLE}
    assert told["ClusterSecretStore"] == ("shop/api", {**here, "Aws": aws})
    assert told["ExternalSecret"][1]["RemoteRefs"] == [
        {"Key": "shop/db", "StoreName": "api", "StoreKind": "SecretStore"},
        {"Key": "shop/all", "StoreName": "all", "StoreKind": "ClusterSecretStore"},
    ]


def test_what_settings_do_not_show_is_unknown():
    searched = thing("ExternalSecret", spec={"dataFrom": [{"find": {"name": {"regexp": "x"}}}]})
    (reference,) = only([searched])["RemoteRefs"]
    shown = dict(reference.raw())
    assert (type(shown["Key"]), type(shown["StoreName"]), shown["StoreKind"]) == (Unknown, Unknown, "SecretStore")
    assert type(dict(only([thing("SecretStore", spec={})]).properties.raw())["Aws"]) is Unknown
    half = dict(only([thing("SecretStore", spec={"provider": {"aws": "?"}})])["Aws"].raw())
    assert (type(half["Region"]), type(half["Service"])) == (Unknown, Unknown)


def test_a_kind_that_a_cluster_does_not_know_is_there_in_none():
    absent = CallError("NotServed", "the cluster does not know this kind of object", 404)
    calls = [made for made in listed(estate()) if made.operation != "ListSecretStores"]
    resources, gaps = read([*calls, call(THERE, KINDS["SecretStore"], 0, AT, None, absent)])
    assert (gaps, [r for r in resources if r.type == "Kubernetes::SecretStore"]) == ([], [])
