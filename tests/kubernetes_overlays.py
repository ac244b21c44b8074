"""Overlays of Kustomize as people write them: the fields of `top/kustomization.yaml`, and what is beside it."""

from __future__ import annotations

from random import Random
from typing import Any

import yaml

DIGEST = "sha256:" + "a" * 64
API = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: api, labels: {{app: api}}, annotations: {{tier: front}}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: api}}}}
  template:
    metadata: {{labels: {{app: api}}}}
    spec:
      serviceAccountName: api
      imagePullSecrets: [{{name: key}}]
      initContainers:
        - {{name: init, image: "shop/init:1"}}
      containers:
        - name: api
          image: shop/api:1.0
          env: [{{name: A, value: b}}]
          ports: [{{containerPort: 80}}]
        - {{name: side, image: "localhost:5000/shop/side:1.0@{DIGEST}"}}
"""
ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: api, annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/x"}}
"""
NIGHTLY = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 0 * * *"
  jobTemplate: {spec: {template: {spec: {serviceAccountName: api, restartPolicy: Never, containers: [{name: run, image: shop/api}]}}}}
"""
OTHERS = """\
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: data}
spec: {replicas: 1, serviceName: db, template: {spec: {containers: [{name: db, image: "r.example:5000/db"}]}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec: {template: {spec: {containers: [{name: agent, image: "agent:v1"}], volumes: [{name: v, image: {reference: "agent:v1"}}]}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: roll}
spec: {replicas: 2, template: {spec: {serviceAccountName: api, containers: [{name: roll, image: "shop/api:1"}]}}}
"""
AT = "/spec/template/spec/containers"


def patch(containers: Any = None, name: str = "api", kind: str = "Deployment", **more: Any) -> str:
    """Return a strategic merge patch."""
    body = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}}
    spec = {} if containers is None else {"spec": {"template": {"spec": {"containers": containers}}}}
    return yaml.safe_dump({**body, **spec, **more})


def ops(*each: Any) -> str:
    """Return a JSON 6902 patch."""
    return yaml.safe_dump([dict(zip(("op", "path", "value"), one, strict=False)) for one in each])


def pods(**spec: Any) -> dict[str, Any]:
    """Return the specification of a workload whose pods say this."""
    return {"spec": {"template": {"spec": spec}}}


def patches(*texts: str, **target: Any) -> dict[str, Any]:
    """Return an overlay with patches for one target."""
    return {"patches": [{"patch": text, **({"target": target} if target else {})} for text in texts]}


OVERLAYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a name, a tag": {"images": [{"name": "shop/api", "newName": "r.example:5000/x/api", "newTag": "2"}]},
    "a name with a port": {"images": [{"name": "localhost:5000/shop/side", "newName": "x"}]},
    "a name without its port": {
        "images": [{"name": "localhost", "newName": "x"}, {"name": "shop/side", "newName": "other"}]
    },
    "a registry with a port and no tag": {
        "images": [{"name": "r.example:5000/db", "newTag": "3"}, {"name": "r.example", "newTag": "4"}]
    },
    "a name with a tag": {"images": [{"name": "shop/api:1.0", "newTag": "2"}]},
    "a digest": {"images": [{"name": "shop/api", "digest": DIGEST}]},
    "a digest and a tag": {"images": [{"name": "shop/api", "digest": DIGEST, "newTag": "2"}]},
    "a new name over a digest": {"images": [{"name": "localhost:5000/shop/side", "newName": "y/side"}]},
    "a new tag over a digest": {"images": [{"name": "localhost:5000/shop/side", "newTag": "2"}]},
    "a suffix of the tag": {"images": [{"name": "shop/api", "tagSuffix": "-x"}]},
    "a new name with a tag": {"images": [{"name": "shop/api", "newName": "y/api:3"}]},
    "a tag that is a number": {"images": [{"name": "shop/api", "newTag": 2}]},
    "a pattern in the name": {"images": [{"name": "shop/.*", "newTag": "2"}]},
    "a dot in the name": {"images": [{"name": "shop.api", "newTag": "2"}]},
    "one after the other": {"images": [{"name": "shop/api", "newName": "a"}, {"name": "a", "newTag": "9"}]},
    "the other before": {"images": [{"name": "a", "newTag": "9"}, {"name": "shop/api", "newName": "a"}]},
    "the same twice": {"images": [{"name": "shop/api", "newTag": "1"}, {"name": "shop/api", "newTag": "2"}]},
    "an image of a volume": {"images": [{"name": "agent", "newTag": "2"}]},
    "an empty tag": {"images": [{"name": "shop/api", "newTag": ""}]},
    "a prefix": {"namePrefix": "p-"},
    "a prefix and a suffix": {"namePrefix": "p-", "nameSuffix": "-s"},
    "a namespace": {"namespace": "lab"},
    "replicas": {"replicas": [{"name": "api", "count": 0}, {"name": "db", "count": 3}]},
    "replicas of another": {"replicas": [{"name": "gone", "count": 7}]},
    "replicas of a rollout": {"replicas": [{"name": "roll", "count": 7}]},
    "replicas by the name before": {"namePrefix": "p-", "replicas": [{"name": "api", "count": 7}]},
    "replicas by the name after": {"namePrefix": "p-", "replicas": [{"name": "p-api", "count": 7}]},
    "labels": {"labels": [{"pairs": {"a": "b"}, "includeSelectors": True}], "commonAnnotations": {"c": "d"}},
    "common labels": {"commonLabels": {"app": "other"}},
    "labels, then a selector": {
        "labels": [{"pairs": {"a": "b"}}],
        **patches(patch([{"name": "api", "image": "new"}]), labelSelector="a=b"),
    },
    "merge, by name": patches(patch([{"name": "side", "image": "s"}, {"name": "new", "image": "new"}])),
    "merge, delete an item": patches(patch([{"name": "side", "$patch": "delete"}])),
    "merge, replace an item": patches(patch([{"name": "api", "$patch": "replace", "image": "new"}])),
    "merge, replace the list": patches(patch([{"name": "only", "image": "new"}, {"$patch": "replace"}])),
    "merge, replace the spec of the pods": patches(
        yaml.safe_dump(
            {**yaml.safe_load(patch()), **pods(**{"$patch": "replace", "containers": [{"name": "z", "image": "z"}]})}
        )
    ),
    "merge, delete what is there": patches(patch(**{"$patch": "delete"})),
    "merge, delete what is not there": patches(patch(name="gone", **{"$patch": "delete"})),
    "merge, null": patches(
        yaml.safe_dump({**yaml.safe_load(patch()), **pods(serviceAccountName=None, initContainers=None)})
    ),
    "merge, null of an image": patches(patch([{"name": "side", "image": None}])),
    "merge, an empty list": patches(patch([])),
    "merge, pull secrets": patches(
        yaml.safe_dump({**yaml.safe_load(patch()), **pods(imagePullSecrets=[{"name": "more"}])})
    ),
    "merge, delete a pull secret": patches(
        yaml.safe_dump({**yaml.safe_load(patch()), **pods(imagePullSecrets=[{"name": "key", "$patch": "delete"}])})
    ),
    "merge, volumes": patches(
        yaml.safe_dump({**yaml.safe_load(patch()), **pods(volumes=[{"name": "v", "image": {"reference": "x"}}])})
    ),
    "merge, init containers": patches(
        yaml.safe_dump(
            {
                **yaml.safe_load(patch()),
                **pods(initContainers=[{"name": "first", "image": "f"}, {"name": "init", "image": "i"}]),
            }
        )
    ),
    "merge, the order": patches(
        yaml.safe_dump(
            {**yaml.safe_load(patch()), **pods(**{"$setElementOrder/containers": [{"name": "side"}, {"name": "api"}]})}
        )
    ),
    "merge, the order and a new one": patches(
        yaml.safe_dump(
            {
                **yaml.safe_load(patch()),
                **pods(
                    **{
                        "$setElementOrder/containers": [{"name": "new"}, {"name": "side"}, {"name": "api"}],
                        "containers": [{"name": "new", "image": "new"}],
                    }
                ),
            }
        )
    ),
    "merge, no such name": patches(patch([], name="gone")),
    "merge, another kind": patches(patch([{"name": "api", "image": "new"}], kind="StatefulSet")),
    "merge, two documents": patches(
        patch([{"name": "api", "image": "new"}]) + "---\n" + patch([{"name": "db", "image": "m"}], "db", "StatefulSet")
    ),
    "merge, two patches": patches(patch([{"name": "api", "image": "new"}]), patch([{"name": "api", "image": "m"}])),
    "merge, a target of another name": patches(
        patch([{"name": "api", "image": "new"}], name="whatever"), kind="Deployment", name="api"
    ),
    "merge, a target by pattern": patches(patch([{"name": "api", "image": "new"}]), kind="Deployment", name="a.*"),
    "merge, a target by a part": patches(patch([{"name": "api", "image": "new"}]), kind="Deployment", name="ap"),
    "merge, a target by kinds": patches(patch([{"name": "api", "image": "new"}]), kind="Deployment|StatefulSet"),
    "merge, a target by label": patches(patch([{"name": "api", "image": "new"}]), labelSelector="app=api"),
    "merge, a target by annotation": patches(patch([{"name": "api", "image": "new"}]), annotationSelector="tier=front"),
    "merge, a target in a namespace": patches(
        patch([{"name": "db", "image": "new"}], "db", "StatefulSet"), kind="StatefulSet", namespace="data"
    ),
    "merge, a target in the default namespace": patches(
        patch([{"name": "api", "image": "new"}]), kind="Deployment", namespace="default"
    ),
    "merge, an empty target": {"patches": [{"patch": patch([{"name": "api", "image": "new"}]), "target": {}}]},
    "merge, a target of a version": patches(
        patch([{"name": "api", "image": "new"}]), group="apps", version="v1", kind="Deployment"
    ),
    "merge, a target of another version": patches(
        patch([{"name": "api", "image": "new"}]), group="apps", version="v1beta1", kind="Deployment"
    ),
    "merge, a target of the group only": patches(patch([{"name": "new", "image": "new"}]), group="apps"),
    "merge, replicas": patches(patch(spec={"replicas": 9})),
    "merge, a name": {
        "patches": [
            {"patch": patch(name="other"), "target": {"kind": "Deployment"}, "options": {"allowNameChange": True}}
        ]
    },
    "merge, a name that may not change": {
        "patches": [{"patch": patch([{"name": "api", "image": "new"}], name="other"), "target": {"kind": "Deployment"}}]
    },
    "merge, a namespace": patches(patch([{"name": "api", "image": "new"}], metadata={"name": "api", "namespace": "n"})),
    "merge, an annotation": patches(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {
                    "name": "api",
                    "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/y"},
                },
            }
        )
    ),
    "merge, annotations away": patches(
        yaml.safe_dump({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "api", "annotations": None}})
    ),
    "merge, a kind of others": patches(
        yaml.safe_dump(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "metadata": {"name": "roll"},
                **pods(containers=[{"name": "two", "image": "t"}]),
            }
        )
    ),
    "merge, an old version": patches(patch([{"name": "api", "image": "new"}]).replace("apps/v1", "apps/v1beta1")),
    "merge, an item without a name": patches(patch([{"image": "new"}])),
    "merge, the same item twice": patches(patch([{"name": "api", "image": "new"}, {"name": "api", "image": "m"}])),
    "merge, text for an object": patches(patch(spec="text")),
    "merge, an object for text": patches(patch([{"name": "api", "image": {"a": "b"}}])),
    "operations": patches(
        ops(
            ("replace", f"{AT}/0/image", "new"),
            ("add", f"{AT}/-", {"name": "last", "image": "l"}),
            ("remove", f"{AT}/1"),
        ),
        kind="Deployment",
    ),
    "operations, insert": patches(ops(("add", f"{AT}/1", {"name": "mid", "image": "m"})), kind="Deployment"),
    "operations, at the end": patches(ops(("add", f"{AT}/2", {"name": "end", "image": "e"})), kind="Deployment"),
    "operations, behind the end": patches(ops(("add", f"{AT}/3", {"name": "end", "image": "e"})), kind="Deployment"),
    "operations, add over": patches(ops(("add", "/spec/replicas", 5)), kind="Deployment"),
    "operations, replace nothing": patches(ops(("replace", "/spec/parallelism", 5)), kind="Deployment"),
    "operations, remove nothing": patches(ops(("remove", "/spec/parallelism")), kind="Deployment"),
    "operations, remove a replica count": patches(ops(("remove", "/spec/replicas")), kind="Deployment"),
    "operations, add below nothing": patches(ops(("add", "/spec/a/b", 5)), kind="Deployment"),
    "operations, negative": patches(ops(("replace", f"{AT}/-1/image", "n")), kind="Deployment"),
    "operations, escaped": patches(
        ops(("replace", "/metadata/annotations/eks.amazonaws.com~1role-arn", "arn:aws:iam::111122223333:role/z")),
        kind="ServiceAccount",
    ),
    "operations, test that holds": patches(
        ops(("test", f"{AT}/0/name", "api"), ("replace", f"{AT}/0/image", "new")), kind="Deployment"
    ),
    "operations, test that fails": patches(
        ops(("test", f"{AT}/0/name", "other"), ("replace", f"{AT}/0/image", "new")), kind="Deployment"
    ),
    "operations, copy": {
        "patches": [
            {
                "target": {"kind": "Deployment"},
                "patch": yaml.safe_dump([{"op": "copy", "from": f"{AT}/0/image", "path": f"{AT}/1/image"}]),
            }
        ]
    },
    "operations, move": {
        "patches": [
            {
                "target": {"kind": "Deployment"},
                "patch": yaml.safe_dump([{"op": "move", "from": f"{AT}/0/image", "path": f"{AT}/1/image"}]),
            }
        ]
    },
    "operations, several targets": patches(ops(("replace", "/spec/replicas", 8)), kind="Deployment|StatefulSet"),
    "operations, no target fits": patches(ops(("replace", f"{AT}/0/image", "new")), kind="Deployment", name="gone"),
    "operations, name": patches(ops(("replace", "/metadata/name", "other")), kind="Deployment"),
    "operations, kind": patches(ops(("replace", "/kind", "StatefulSet")), kind="Deployment"),
    "operations, replace all containers": patches(
        ops(("replace", AT, [{"name": "z", "image": "z"}])), kind="Deployment"
    ),
    "operations, null": patches(ops(("replace", f"{AT}/0/image", None)), kind="Deployment"),
    "operations as JSON": patches('[{"op": "replace", "path": "%s/0/image", "value": "new"}]' % AT, kind="Deployment"),
    "operations, then images": {
        **patches(ops(("replace", f"{AT}/0/image", "shop/new:1")), kind="Deployment"),
        "images": [{"name": "shop/new", "newTag": "2"}],
    },
    "operations, then a prefix": {
        **patches(ops(("replace", "/metadata/name", "other")), kind="Deployment"),
        "namePrefix": "p-",
    },
    "older operations with a prefix": {
        "namePrefix": "p-",
        "patchesJson6902": [
            {
                "target": {"group": "apps", "version": "v1", "kind": "Deployment", "name": "api"},
                "patch": ops(("replace", f"{AT}/0/image", "new")),
            }
        ],
    },
    "older merges": {"patchesStrategicMerge": [patch([{"name": "api", "image": "new"}])]},
    "older before newer": {
        "patchesStrategicMerge": [patch([{"name": "api", "image": "old"}])],
        **patches(patch([{"name": "api", "image": "new"}])),
    },
    "all older and newer": {
        "patchesStrategicMerge": [patch([{"name": "api", "image": "a"}])],
        "patchesJson6902": [
            {
                "target": {"version": "v1", "group": "apps", "kind": "Deployment", "name": "api"},
                "patch": ops(("replace", f"{AT}/0/image", "b")),
            }
        ],
        **patches(patch([{"name": "api", "image": "c"}])),
    },
    "a namespace, then a patch of it": {
        "namespace": "lab",
        **patches(patch([{"name": "api", "image": "new"}], metadata={"name": "api", "namespace": "lab"})),
    },
    "a namespace and a patch without it": {
        "namespace": "lab",
        **patches(patch([{"name": "db", "image": "new"}], "db", "StatefulSet")),
    },
    "a namespace and a patch with the old one": {
        "namespace": "lab",
        **patches(
            patch([{"name": "db", "image": "new"}], "db", "StatefulSet", metadata={"name": "db", "namespace": "data"})
        ),
    },
    "a name of digits": {"namePrefix": "1"},
    "everything": {
        "namePrefix": "p-",
        "nameSuffix": "-s",
        "namespace": "lab",
        "images": [{"name": "shop/api", "newTag": "9"}],
        "replicas": [{"name": "api", "count": 4}],
        "commonLabels": {"x": "z"},
        **patches(patch([{"name": "new", "image": "shop/api"}])),
    },
    "a replacement": {
        "replacements": [
            {
                "source": {"kind": "StatefulSet", "name": "db", "fieldPath": "spec.template.spec.containers.0.image"},
                "targets": [
                    {"select": {"kind": "Deployment"}, "fieldPaths": ["spec.template.spec.containers.0.image"]}
                ],
            }
        ]
    },
    "an unknown field": {"imagez": [{"name": "shop/api", "newTag": "2"}]},
    "image tags of old": {"imageTags": [{"name": "shop/api", "newTag": "2"}]},
    "an annotation that builds": {"buildMetadata": ["originAnnotations"]},
    "the order of kinds": {"sortOptions": {"order": "fifo"}},
    "a generator": {
        "configMapGenerator": [{"name": "conf", "literals": ["a=b"]}],
        "secretGenerator": [{"name": "sec", "literals": ["a=b"]}],
        **patches(
            yaml.safe_dump(
                {
                    **yaml.safe_load(patch()),
                    **pods(imagePullSecrets=[{"name": "sec"}], volumes=[{"name": "c", "configMap": {"name": "conf"}}]),
                }
            )
        ),
    },
    "a generator without a hash": {
        "secretGenerator": [{"name": "sec", "literals": ["a=b"], "options": {"disableNameSuffixHash": True}}],
        **patches(yaml.safe_dump({**yaml.safe_load(patch()), **pods(imagePullSecrets=[{"name": "sec"}])})),
    },
    "a generator with options for all": {
        "generatorOptions": {"disableNameSuffixHash": True},
        "secretGenerator": [{"name": "key", "literals": ["a=b"]}],
    },
    "a generated key": {"secretGenerator": [{"name": "key", "literals": ["a=b"]}]},
    "a generated key with a prefix": {"namePrefix": "p-", "secretGenerator": [{"name": "key", "literals": ["a=b"]}]},
}


def overlay(fields: dict[str, Any]) -> dict[str, str]:
    """Return the files of an overlay over a base."""
    return {
        "base/kustomization.yaml": "resources: [api.yaml, account.yaml, nightly.yaml, others.yaml]",
        "base/api.yaml": API,
        "base/account.yaml": ACCOUNT,
        "base/nightly.yaml": NIGHTLY,
        "base/others.yaml": OTHERS,
        "top/kustomization.yaml": yaml.safe_dump({"resources": ["../base"], **fields}),
    }


def folders(**each: dict[str, Any]) -> dict[str, str]:
    """Return kustomizations by folder, with the base if one of them includes it."""
    made = {f"{name}/kustomization.yaml": yaml.safe_dump(fields) for name, fields in each.items()}
    return ({name: text for name, text in overlay({}).items() if "base" in str(each) and "top" not in name}) | made


SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\n"
TREES: dict[str, dict[str, str]] = {
    "three deep": folders(
        mid={"resources": ["../base"], "namePrefix": "m-", "images": [{"name": "shop/api", "newTag": "m"}]},
        top={
            "resources": ["../mid"],
            "namePrefix": "t-",
            "images": [{"name": "shop/api", "newName": "t/api"}],
            **patches(patch([{"name": "api", "image": "new"}])),
        },
    ),
    "a patch by the name in between": folders(
        mid={"resources": ["../base"], "namePrefix": "m-"},
        top={
            "resources": ["../mid"],
            "namePrefix": "t-",
            **patches(patch([{"name": "api", "image": "new"}], name="m-api")),
        },
    ),
    "two of one base": folders(
        a={"resources": ["../base"], "namePrefix": "a-"},
        b={"resources": ["../base"], "namePrefix": "b-"},
        top={"resources": ["../a", "../b"], "images": [{"name": "shop/api", "newTag": "z"}]},
    ),
    "two of one base, one patched": folders(
        a={"resources": ["../base"], "namePrefix": "a-"},
        b={"resources": ["../base"], "namePrefix": "b-"},
        top={"resources": ["../a", "../b"], **patches(patch([{"name": "api", "image": "new"}], name="a-api"))},
    ),
    "two of one base, patched by the old name": folders(
        a={"resources": ["../base"], "namePrefix": "a-"},
        b={"resources": ["../base"], "namePrefix": "b-"},
        top={"resources": ["../a", "../b"], **patches(patch([{"name": "api", "image": "new"}]))},
    ),
    "two namespaces of one base": folders(
        a={"resources": ["../base"], "namespace": "a"},
        b={"resources": ["../base"], "namespace": "b"},
        top={"resources": ["../a", "../b"]},
    ),
    "one twice": folders(top={"resources": ["../base", "../base/api.yaml"]}),
    "a file twice": folders(top={"resources": ["../base/api.yaml", "../base/api.yaml"]}),
    "a component": folders(
        part={
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "images": [{"name": "shop/api", "newTag": "c"}],
            "resources": ["job.yaml"],
        },
        top={
            "resources": ["../base"],
            "components": ["../part"],
            "images": [{"name": "shop/api", "newName": "top"}],
        },
    )
    | {
        "part/job.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: a, image: shop/api}]}}}\n"
    },
    "components in order": folders(
        one={
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "images": [{"name": "shop/api", "newName": "a"}],
        },
        two={
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "images": [{"name": "a", "newTag": "9"}],
        },
        top={"resources": ["../base"], "components": ["../one", "../two"], "namePrefix": "p-"},
    ),
    "a component with a prefix": folders(
        part={
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "namePrefix": "c-",
            "namespace": "cn",
        },
        top={"resources": ["../base"], "components": ["../part"]},
    ),
    "a component in resources": folders(
        part={
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "images": [{"name": "shop/api", "newTag": "c"}],
        },
        top={"resources": ["../base", "../part"]},
    ),
    "a component that patches what comes later": folders(
        part={
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            **patches(patch([{"name": "api", "image": "new"}])),
        },
        top={
            "resources": ["../base"],
            "components": ["../part"],
            **patches(patch([{"name": "api", "image": "later"}])),
        },
    ),
    "bases": folders(top={"bases": ["../base"], "resources": []}),
    "a secret with a prefix": folders(top={"resources": ["../base", "secret.yaml"], "namePrefix": "p-"})
    | {"top/secret.yaml": SECRET},
    "a secret with a hash": folders(
        mid={"resources": ["../base"]},
        top={"resources": ["../mid"], "secretGenerator": [{"name": "key", "literals": ["a=b"]}]},
    ),
    "a generator that merges": folders(
        mid={"resources": ["../base"], "secretGenerator": [{"name": "key", "literals": ["a=b"]}]},
        top={"resources": ["../mid"], "secretGenerator": [{"name": "key", "behavior": "merge", "literals": ["c=d"]}]},
    ),
    "a patch in a file": folders(top={"resources": ["../base"], "patches": [{"path": "p.yaml"}]})
    | {"top/p.yaml": patch([{"name": "api", "image": "new"}])},
    "a patch in a file with several": folders(top={"resources": ["../base"], "patches": [{"path": "p.yaml"}]})
    | {
        "top/p.yaml": patch([{"name": "api", "image": "new"}])
        + "---\n"
        + patch([{"name": "db", "image": "m"}], "db", "StatefulSet")
    },
    "a patch in a file above": folders(top={"resources": ["../base"], "patches": [{"path": "../p.yaml"}]})
    | {"p.yaml": patch([{"name": "api", "image": "new"}])},
    "operations in a file": folders(
        top={"resources": ["../base"], "patches": [{"path": "p.yaml", "target": {"kind": "Deployment"}}]}
    )
    | {"top/p.yaml": ops(("replace", f"{AT}/0/image", "new"))},
    "operations in JSON": folders(
        top={"resources": ["../base"], "patches": [{"path": "p.json", "target": {"kind": "Deployment"}}]}
    )
    | {"top/p.json": '[{"op": "replace", "path": "%s/0/image", "value": "new"}]' % AT},
    "a list": folders(top={"resources": ["list.yaml"], "namePrefix": "p-"})
    | {
        "top/list.yaml": yaml.safe_dump(
            {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(API), yaml.safe_load(ACCOUNT)]}
        )
    },
    "words": folders(top={"resources": ["job.yaml"]})
    | {
        "top/job.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {suspend: no, parallelism: 010, template: {spec: {containers: [{name: a, image: b}]}}}\n"
    },
    "a name that is a word": folders(top={"resources": ["pod.yaml"]})
    | {
        "top/pod.yaml": 'apiVersion: v1\nkind: Pod\nmetadata: {name: "yes"}\nspec: {containers: [{name: "on", image: b}]}\n'
    },
    "a cluster-wide one in a namespace": folders(top={"resources": ["s.yaml"], "namespace": "lab", "namePrefix": "p-"})
    | {
        "top/s.yaml": "apiVersion: external-secrets.io/v1\nkind: ClusterSecretStore\nmetadata: {name: s}\nspec: {provider: {aws: {service: SecretsManager, region: eu-west-1}}}\n---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: e}\nspec: {secretStoreRef: {name: s, kind: ClusterSecretStore}, data: [{remoteRef: {key: k}}]}\n"
    },
    "store and secret with a prefix": folders(top={"resources": ["s.yaml"], "namePrefix": "p-"})
    | {
        "top/s.yaml": "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: s}\nspec: {provider: {aws: {service: SecretsManager, region: eu-west-1}}}\n---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: e}\nspec: {secretStoreRef: {name: s}, data: [{remoteRef: {key: k}}]}\n"
    },
    "a patch of a list of others": folders(
        top={
            "resources": ["s.yaml"],
            **patches(
                yaml.safe_dump(
                    {
                        "apiVersion": "external-secrets.io/v1",
                        "kind": "ExternalSecret",
                        "metadata": {"name": "e"},
                        "spec": {"data": [{"remoteRef": {"key": "other"}}]},
                    }
                )
            ),
        }
    )
    | {
        "top/s.yaml": "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: e}\nspec: {secretStoreRef: {name: s}, data: [{remoteRef: {key: k}}]}\n"
    },
    "local config": folders(top={"resources": ["p.yaml"]})
    | {
        "top/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x, annotations: {config.kubernetes.io/local-config: 'true'}}\nspec: {containers: [{name: a, image: b}]}\n"
    },
    "the default namespace and none": folders(top={"resources": ["p.yaml"]})
    | {
        "top/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, image: b}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: default}\nspec: {containers: [{name: a, image: c}]}\n"
    },
    "accounts of two namespaces": folders(top={"resources": ["p.yaml"], "namePrefix": "p-"})
    | {
        "top/p.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x, namespace: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: b}\nspec: {serviceAccountName: x, containers: [{name: a, image: c}]}\n"
    },
    "an account in a namespace that is set": folders(
        top={"resources": ["p.yaml"], "namePrefix": "p-", "namespace": "z"}
    )
    | {
        "top/p.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x, namespace: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: b}\nspec: {serviceAccountName: x, containers: [{name: a, image: c}]}\n"
    },
    "the old account": folders(top={"resources": ["p.yaml"], "namePrefix": "p-"})
    | {
        "top/p.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {serviceAccount: x, containers: [{name: a, image: c}]}\n"
    },
    "an account of the layer above": folders(
        mid={"resources": ["../base"], "namePrefix": "m-"}, top={"resources": ["../mid", "p.yaml"], "nameSuffix": "-t"}
    )
    | {
        "top/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {serviceAccountName: api, containers: [{name: a, image: c}]}\n"
    },
    "an account by its new name": folders(
        mid={"resources": ["../base"], "namePrefix": "m-"}, top={"resources": ["../mid", "p.yaml"], "nameSuffix": "-t"}
    )
    | {
        "top/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {serviceAccountName: m-api, containers: [{name: a, image: c}]}\n"
    },
    "a patch that sets an account": folders(
        mid={"resources": ["../base"], "namePrefix": "m-"},
        top={
            "resources": ["../mid"],
            **patches(yaml.safe_dump({**yaml.safe_load(patch()), **pods(serviceAccountName="other")})),
        },
    ),
    "an owned one": folders(top={"resources": ["p.yaml"]})
    | {
        "top/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x, ownerReferences: [{kind: Job, uid: u, controller: true}]}\nspec: {containers: [{name: a, image: b}]}\n"
    },
}


def _containers(random: Random) -> list[dict[str, Any]]:
    return [
        random.choice(
            [
                {"name": name, "image": random.choice(IMAGES)},
                {"name": name, "$patch": "delete"},
                {"name": name, "env": [{"name": "A", "value": "c"}]},
                {"name": name, "image": None},
                {"name": name, "image": random.choice(IMAGES), "$patch": random.choice(["merge", "replace"])},
            ]
        )
        for name in random.sample(["api", "side", "init", "more"], random.choice((1, 1, 2)))
    ]


def _merge(random: Random, prefix: str) -> dict[str, Any]:
    kind, name = random.choice(
        [("Deployment", "api"), ("Deployment", "api"), ("DaemonSet", "agent"), ("StatefulSet", "db")]
    )
    spec = random.choice(
        [
            pods(containers=_containers(random)),
            pods(initContainers=_containers(random)),
            pods(serviceAccountName=random.choice(["api", "other", None])),
            pods(imagePullSecrets=random.choice([[{"name": "more"}], None, []])),
            pods(containers=_containers(random), initContainers=None),
            {"spec": {"replicas": random.choice([0, 3, None])}},
            {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}},
            {"$patch": "delete"},
            {"metadata": {"labels": {"c": "d"}}},
        ]
    )
    metadata = {"name": random.choice([prefix + name, name]), **spec.get("metadata", {})}
    if kind == "StatefulSet" and random.random() < 0.7:
        metadata["namespace"] = "data"
    entry: dict[str, Any] = {
        "patch": yaml.safe_dump({"apiVersion": "apps/v1", "kind": kind, **spec, "metadata": metadata})
    }
    if random.random() < 0.3:
        entry["target"] = random.choice(
            [
                {"kind": "Deployment"},
                {"kind": kind, "name": name},
                {"name": "api"},
                {"kind": "DaemonSet", "namespace": "default"},
            ]
        )
    return entry


def _operations(random: Random) -> dict[str, Any]:
    lists = random.choice([AT, AT.replace("containers", "initContainers")])
    each = [
        random.choice(
            [
                ("replace", f"{lists}/{random.choice((0, 1))}/image", random.choice(IMAGES)),
                ("add", f"{lists}/{random.choice((0, 1, 2, '-'))}", {"name": "added", "image": random.choice(IMAGES)}),
                ("remove", f"{lists}/{random.choice((0, 1))}"),
                ("add", "/spec/replicas", 6),
                ("remove", "/spec/template/spec/serviceAccountName"),
                ("add", "/metadata/labels/x~1y", "z"),
                ("add", "/metadata/annotations", {}),
                ("test", f"{AT}/0/name", "api"),
                ("replace", "/spec/template/spec/serviceAccountName", "other"),
                ("replace", lists, [{"name": "only", "image": "only:1"}]),
                ("replace", "/metadata/name", "renamed"),
            ]
        )
        for _ in range(random.choice((1, 2, 3)))
    ]
    return {
        "patch": ops(*each),
        "target": random.choice([{"kind": "Deployment"}, {"kind": "Deployment", "name": "api"}, {"name": "agent"}]),
    }


IMAGES = [
    "shop/api:7",
    "shop/side",
    "localhost:5000/shop/side:2",
    "agent",
    "r.example:5000/db:1@" + DIGEST,
    "x",
    "shop/api@" + DIGEST,
]


def _fields(random: Random, prefix: str) -> dict[str, Any]:
    names = ["shop/api", "localhost:5000/shop/side", "agent", "r.example:5000/db", "x", "shop/init", "api", "shop.api"]
    entry = {
        "newName": lambda: random.choice(["y.example:443/z", "x", "shop/api"]),
        "newTag": lambda: random.choice(["v2", "3"]),
        "digest": lambda: DIGEST,
    }
    fields: dict[str, Any] = {}
    for name in random.sample(
        ["images", "namePrefix", "nameSuffix", "namespace", "replicas", "patches", "merges", "ops", "labels"], 3
    ):
        match name:
            case "images":
                fields["images"] = [
                    {
                        "name": each,
                        **{key: entry[key]() for key in random.sample(sorted(entry), random.choice((1, 1, 2)))},
                    }
                    for each in random.sample(names, 2)
                ]
            case "namePrefix" | "nameSuffix":
                fields[name] = random.choice(["a-", "-b", "z"])
            case "namespace":
                fields[name] = random.choice(["lab", "data"])
            case "replicas":
                fields[name] = [{"name": random.choice(["api", "db", prefix + "api"]), "count": random.choice((0, 5))}]
            case "patches":
                fields[name] = [
                    random.choice((_merge(random, prefix), _operations(random))) for _ in range(random.choice((1, 2)))
                ]
            case "merges":
                fields["patchesStrategicMerge"] = [_merge(random, prefix)["patch"]]
            case "ops":
                each = _operations(random)
                fields["patchesJson6902"] = [
                    {**each, "target": {"version": "v1", "group": "apps", "kind": "Deployment", "name": "api"}}
                ]
            case "labels":
                fields["commonLabels"] = {"team": "one"}
    return fields


def tree_at_random(random: Random) -> dict[str, str]:
    """Return overlays of one another over the base, in one, two or three layers, and perhaps a component."""
    layers: dict[str, dict[str, Any]] = {}
    below, prefix = "../base", ""
    for name in ("low", "mid", "top")[random.choice((0, 1, 2)) :]:
        layers[name] = {"resources": [below], **_fields(random, prefix)}
        if random.random() < 0.2:
            layers["part"] = {
                "apiVersion": "kustomize.config.k8s.io/v1alpha1",
                "kind": "Component",
                **_fields(random, prefix),
            }
            layers[name]["components"] = ["../part"]
        below, prefix = f"../{name}", layers[name].get("namePrefix", "") + prefix
    return folders(**layers)
