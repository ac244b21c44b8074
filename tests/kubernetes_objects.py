"""Kubernetes objects as an API server gives them, with secrets where people keep them."""

from __future__ import annotations

from itertools import count

ACCOUNT, REGION = "111122223333", "us-east-1"
CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/shop"
SECRET = "correct-horse-battery-staple"
DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop/api"
IMAGE = f"{REPOSITORY}:1.2"
VERSIONS = {"Pod": "v1", "Job": "batch/v1", "CronJob": "batch/v1", "ServiceAccount": "v1"}
VERSIONS |= dict.fromkeys(("ExternalSecret", "SecretStore", "ClusterSecretStore"), "external-secrets.io/v1")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/api"
_uids = count(1)


def container(name="api", image=IMAGE):
    environment = [{"name": "PASSWORD", "value": SECRET}]
    return {"name": name, "image": image, "env": environment, "args": [SECRET], "command": [SECRET]}


def spec(*containers, **more):
    return {"containers": list(containers or [container()]), **more}


def status(name="api", image_id=f"{REPOSITORY}@{DIGEST}", **more):
    return {"name": name, "image": IMAGE, "imageID": image_id, "state": {"running": {}}, **more}


def thing(kind, name="api", *, owner=None, uid=None, **more):
    """Return an object of a kind; `owner` is the object that made it."""
    owners = [
        {"apiVersion": "v1", "kind": owner["kind"], "name": "x", "uid": owner["metadata"]["uid"], "controller": True}
        for owner in [owner]
        if owner
    ]
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": SECRET}
    metadata = {"name": name, "namespace": "web", "uid": uid or f"uid-{next(_uids)}", "annotations": annotations}
    version = VERSIONS.get(kind, "apps/v1")
    metadata |= {"labels": {"x": SECRET}, "ownerReferences": owners}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def workload(kind, name="api", *, pods=None, owner=None, **more):
    """Return a Deployment, StatefulSet, DaemonSet or Job that has a template."""
    template = {"metadata": {"annotations": {"x": SECRET}}, "spec": pods or spec()}
    status = more.pop("status", {})
    return thing(kind, name, owner=owner, spec={"template": template, **more}, status=status)


def cronjob(pods=None):
    return thing("CronJob", spec={"jobTemplate": {"spec": {"template": {"spec": pods or spec()}}}})


def pod(owner=None, name="api-1", pods=None, statuses=None, phase="Running", **more):
    shown = {"phase": phase, "containerStatuses": [status()] if statuses is None else statuses, **more}
    return thing("Pod", name, owner=owner, spec=pods or spec(), status=shown)


def estate():
    """Return a cluster in which one of each kind runs, with the kinds of owners between."""
    deployment = workload("Deployment", replicas=1)
    replicas = thing("ReplicaSet", "api-7f", owner=deployment)
    stateful = workload("StatefulSet", replicas=1)
    daemon = workload("DaemonSet", status={"desiredNumberScheduled": 1})
    cron = cronjob()
    run = workload("Job", "api-123", owner=cron, parallelism=1)
    job = workload("Job", "once", parallelism=1)
    owners = [replicas, stateful, daemon, run, job]
    pods = [pod(owner, f"api-{number}") for number, owner in enumerate(owners)]
    return [deployment, *owners, cron, *pods, pod(name="alone"), *settings()]


def settings():
    """Return what runs nothing, one of each kind."""
    account = thing("ServiceAccount")
    account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] = ROLE
    secret = {"secretRef": {"accessKeyIDSecretRef": {"name": SECRET}}}
    aws = {"aws": {"service": "SecretsManager", "region": REGION, "role": ROLE, "auth": secret}}
    everywhere = thing("ClusterSecretStore", spec={"provider": aws})
    del everywhere["metadata"]["namespace"]
    external = {
        "secretStoreRef": {"name": "api"},
        "data": [{"secretKey": SECRET, "remoteRef": {"key": "shop/db", "property": SECRET}}],
        "dataFrom": [
            {"extract": {"key": "shop/all"}, "sourceRef": {"storeRef": {"name": "all", "kind": "ClusterSecretStore"}}},
            {"sourceRef": {"generatorRef": {"kind": "Password", "name": SECRET}}},
        ],
    }
    vault = {"vault": {"server": SECRET}}
    return [
        account,
        thing("ExternalSecret", spec=external),
        thing("SecretStore", spec={"provider": vault}),
        everywhere,
    ]
