"""The demo's workloads, as Amazon ECS describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from scanner.demo.registry import Registries
from scanner.demo.surroundings import isolated_subnet, secret_arn, security_group, subnets, target_group
from scanner.demo.words import Recorder, epoch, sha256, uuid
from scanner.recorded import Call

_CREATED = datetime.fromisoformat("2026-01-12T09:00:00Z")
_INCLUDED = {"include": ["CONFIGURATIONS", "SETTINGS", "TAGS"]}
_TAGGED = {"include": ["TAGS"]}


def ecs_calls(recorder: Recorder, clusters: Mapping[str, Any], registries: Registries) -> Iterator[Call]:
    """Return what ECS answers about the clusters of one place."""
    arns = [recorder.arn("ecs", f"cluster/{name}") for name in sorted(clusters)]
    yield recorder.answered("ecs", "ListClusters", {}, {"clusterArns": arns})
    if arns:
        answer = {"clusters": [_cluster(recorder, name, clusters[name]) for name in sorted(clusters)], "failures": []}
        yield recorder.answered("ecs", "DescribeClusters", {"clusters": arns, **_INCLUDED}, answer)
    for name in sorted(clusters):
        yield from _Cluster(recorder, name, clusters[name], registries).calls()
    families = [
        f"{name}-{workload}"
        for name in clusters
        for kind in ("services", "tasks", "registered")
        for workload in clusters[name].get(kind, ())
    ]
    yield recorder.answered("ecs", "ListTaskDefinitionFamilies", {"status": "ACTIVE"}, {"families": sorted(families)})


def _cluster(recorder: Recorder, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    services, tasks = described["services"], described.get("tasks", {})
    return {
        "clusterArn": recorder.arn("ecs", f"cluster/{name}"),
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": len(tasks) + sum(service["desired"] for service in services.values()),
        "pendingTasksCount": 0,
        "activeServicesCount": len(services),
        "statistics": [],
        "tags": [{"key": "team", "value": name}],
        "settings": [{"name": "containerInsights", "value": "enabled"}],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
    }


class _Cluster:
    """One ECS cluster, its services and tasks."""

    def __init__(self, recorder: Recorder, name: str, described: Mapping[str, Any], registries: Registries) -> None:
        self._recorder, self._name, self._registries = recorder, name, registries
        self._services, self._tasks = described["services"], described.get("tasks", {})
        self._registered = described.get("registered", {})
        self._arn = recorder.arn("ecs", f"cluster/{name}")

    def calls(self) -> Iterator[Call]:
        record, scope = self._recorder.answered, {"cluster": self._arn}
        services = {name: self._service_arn(name) for name in sorted(self._services)}
        yield record("ecs", "ListServices", scope, {"serviceArns": list(services.values())})
        answer = {"services": [self._service(name) for name in services], "failures": []}
        yield record("ecs", "DescribeServices", {**scope, "services": list(services.values()), **_TAGGED}, answer)
        revisions = {"serviceRevisions": [self._revision(name) for name in services], "failures": []}
        arns = [self._revision_arn(name) for name in services]
        yield record("ecs", "DescribeServiceRevisions", {"serviceRevisionArns": arns}, revisions)
        tasks = [
            *self._service_tasks(),
            *(self._task(f"family:{name}", name, self._tasks[name]) for name in self._tasks),
        ]
        found = [task["taskArn"] for task in tasks]
        yield record("ecs", "ListTasks", scope, {"taskArns": found})
        if found:
            described = {"tasks": tasks, "failures": []}
            yield record("ecs", "DescribeTasks", {**scope, "tasks": found, **_TAGGED}, described)
        for name, described in (*self._services.items(), *self._tasks.items(), *self._registered.items()):
            definition = self._definition(name, described)
            asked = {"taskDefinition": definition["taskDefinitionArn"], **_TAGGED}
            yield record("ecs", "DescribeTaskDefinition", asked, {"taskDefinition": definition, "tags": []})

    def _service_arn(self, name: str) -> str:
        return self._recorder.arn("ecs", f"service/{self._name}/{name}")

    def _revision_arn(self, name: str) -> str:
        number = int(sha256(f"revision of {self._service_arn(name)}")[:15], 16)
        return self._recorder.arn("ecs", f"service-revision/{self._name}/{name}/{number:019}")

    def _definition_arn(self, name: str, described: Mapping[str, Any]) -> str:
        return self._recorder.arn("ecs", f"task-definition/{self._name}-{name}:{described['revision']}")

    def _service(self, name: str) -> dict[str, Any]:
        described, running = self._services[name], self._services[name]["desired"]
        revision = {"arn": self._revision_arn(name), "requestedTaskCount": running, "runningTaskCount": running}
        return {
            "serviceArn": self._service_arn(name),
            "serviceName": name,
            "clusterArn": self._arn,
            "loadBalancers": [
                {
                    "targetGroupArn": target_group(self._recorder.place, name),
                    "containerName": name,
                    "containerPort": 8080,
                }
            ]
            if described.get("public")
            else [],
            "serviceRegistries": [],
            "status": "ACTIVE",
            "desiredCount": running,
            "runningCount": running,
            "pendingCount": 0,
            "launchType": "FARGATE",
            "platformVersion": "LATEST",
            "platformFamily": "Linux",
            "taskDefinition": self._definition_arn(name, described),
            "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
            "deployments": [],
            "events": [],
            "createdAt": epoch(_CREATED),
            "currentServiceRevisions": [{**revision, "pendingTaskCount": 0}],
            "placementConstraints": [],
            "placementStrategy": [],
            "networkConfiguration": self._network(described),
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "ECS"},
            "enableECSManagedTags": True,
            "propagateTags": "SERVICE",
            "enableExecuteCommand": False,
            "tags": [{"key": "team", "value": self._name}],
        }

    def _revision(self, name: str) -> dict[str, Any]:
        described = self._services[name]
        return {
            "serviceRevisionArn": self._revision_arn(name),
            "serviceArn": self._service_arn(name),
            "clusterArn": self._arn,
            "taskDefinition": self._definition_arn(name, described),
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "networkConfiguration": self._network(described),
            "containerImages": [self._image(c, i, described) for c, i in described["containers"].items()],
            "guardDutyEnabled": False,
            "createdAt": epoch(described["since"]),
        }

    def _image(self, container: str, image: str, described: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a service revision says of a container; no digest before a task has run."""
        shown = {"containerName": container, "image": self._registries.uri(self._recorder.place, image)}
        return (
            {**shown, "imageDigest": self._registries.digest(self._recorder.place, image)}
            if described["desired"]
            else shown
        )

    def _service_tasks(self) -> Iterator[dict[str, Any]]:
        for name in sorted(self._services):
            for number in range(self._services[name]["desired"]):
                yield self._task(f"service:{name}", name, self._services[name], number)

    def _task(self, group: str, name: str, described: Mapping[str, Any], number: int = 0) -> dict[str, Any]:
        id = sha256(f"task {number} of {self._arn} {group}")[:32]
        arn = self._recorder.arn("ecs", f"task/{self._name}/{id}")
        return {
            "taskArn": arn,
            "clusterArn": self._arn,
            "taskDefinitionArn": self._definition_arn(name, described),
            "group": group,
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "connectivity": "CONNECTED",
            "cpu": "512",
            "memory": "1024",
            "createdAt": epoch(described["since"]),
            "startedAt": epoch(described["since"]) + 40,
            "version": 4,
            "attachments": [],
            "attributes": [],
            "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
            "tags": [],
            "containers": [self._container(arn, c, i) for c, i in described["containers"].items()],
        }

    def _container(self, task: str, name: str, image: str) -> dict[str, Any]:
        return {
            "containerArn": self._recorder.arn("ecs", f"container/{uuid(f'{name} of {task}')}"),
            "taskArn": task,
            "name": name,
            "image": self._registries.uri(self._recorder.place, image),
            "imageDigest": self._registries.digest(self._recorder.place, image),
            "lastStatus": "RUNNING",
            "networkInterfaces": [],
        }

    def _definition(self, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
        family = f"{self._name}-{name}"
        return {
            "taskDefinitionArn": self._definition_arn(name, described),
            "family": family,
            "revision": described["revision"],
            "status": "ACTIVE",
            "containerDefinitions": [
                self._defined(family, c, i, described) for c, i in described["containers"].items()
            ],
            "executionRoleArn": self._recorder.role(described.get("execution_role", "ecs-execution")),
            "taskRoleArn": self._recorder.role(family),
            "networkMode": "awsvpc",
            "volumes": [],
            "placementConstraints": [],
            "compatibilities": ["EC2", "FARGATE"],
            "runtimePlatform": {
                "cpuArchitecture": described.get("architecture", "ARM64"),
                "operatingSystemFamily": "LINUX",
            },
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "512",
            "memory": "1024",
            "registeredAt": epoch(described["since"]),
        }

    def _defined(self, family: str, name: str, image: str, described: Mapping[str, Any]) -> dict[str, Any]:
        region = self._recorder.place.region
        options = {"awslogs-group": f"/ecs/{family}", "awslogs-region": region, "awslogs-stream-prefix": name}
        environment, secrets = described.get("environment", {}), described.get("secrets", {})
        place = self._recorder.place
        return {
            "name": name,
            "image": self._registries.uri(self._recorder.place, image),
            "cpu": 0,
            "portMappings": [],
            "essential": name != "telemetry",
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
            "secrets": [
                *({"name": key, "valueFrom": secret_arn(place, name)} for key, name in secrets.items()),
                *({"name": key, "valueFrom": name} for key, name in described.get("parameters", {}).items()),
            ],
            "mountPoints": [],
            "volumesFrom": [],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        }

    def _network(self, described: Mapping[str, Any]) -> dict[str, Any]:
        place = self._recorder.place
        inside = [isolated_subnet(place)] if described.get("isolated") else subnets(place)
        network = {"subnets": inside, "securityGroups": [security_group(place)]}
        return {"awsvpcConfiguration": {**network, "assignPublicIp": "DISABLED"}}
