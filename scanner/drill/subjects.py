"""What a workload needs: the resources, here and in the standby, about which a verdict is one about the workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from scanner.model import InsufficientData, Model, Pair, Place, Resource, Twin
from scanner.network import on_fargate
from scanner.references import FUNCTION, KUBERNETES, TASK_DEFINITION, Reference
from scanner.secrets import find as find_secret
from scanner.secrets import mentions, source
from scanner.starters import containers_of_job, started, task_definition
from scanner.workloads import containers, definition_of, reference_of, standby_registry

STARTERS = (
    "AWS::Batch::JobDefinition",
    "AWS::Events::Rule",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachine",
)
"""What starts tasks when nobody runs them as a service."""

_REGION, _REGISTRY, _REPOSITORY = "AWS::Account::Region", "AWS::ECR::Registry", "AWS::ECR::Repository"
_ECS, _EKS, _NODES, _PROFILE = (
    "AWS::ECS::Cluster",
    "AWS::EKS::Cluster",
    "AWS::EKS::Nodegroup",
    "AWS::EKS::FargateProfile",
)
_ADDON, _IDENTITY, _ACCOUNT = "AWS::EKS::Addon", "AWS::EKS::PodIdentityAssociation", "Kubernetes::ServiceAccount"
_EXTERNAL, _SECRET, _QUOTA = "Kubernetes::ExternalSecret", "AWS::SecretsManager::Secret", "AWS::ServiceQuotas::Quota"
DELIVERY = (
    "AWS::CodePipeline::Pipeline",
    "AWS::CodeBuild::Project",
    "AWS::CloudFormation::Stack",
    "AWS::CloudFormation::StackSet",
    "GitHub::Actions::Workflow",
    "GitLab::CI::Pipeline",
    "Terraform::Backend",
)
"""What brings workloads to a Region; none of it belongs to one workload."""
_QUOTAS = {"fargate": ("fargate/",), "ecs": ("fargate/", "ec2/"), "lambda": ("lambda/",), "eks": ("eks/", "ec2/")}


class Subjects:
    """The resources that one workload needs, by type, and by type why it may need others.

    `standby` is what stands for the workload there: None if it is known not to exist, or if nobody knows; then
    `doubts` has the type of the workload.
    """

    def __init__(self, workload: Resource, pair: Pair, model: Model) -> None:
        self.workload, self.pair, self._model = workload, pair, model
        self._found: dict[str, dict[str, Resource]] = {}
        self.doubts: dict[str, str] = {}
        self.standby: Resource | None = None
        self._find()

    def of_type(self, type: str) -> Iterator[Resource]:
        """Yield what the workload needs of a type."""
        return iter(self._found.get(type, {}).values())

    def there(self) -> Iterator[Resource]:
        """Yield what the workload needs on the standby's side."""
        return (one for found in self._found.values() for one in found.values() if self.is_there(one))

    def is_there(self, resource: Resource) -> bool:
        """Tell whether a resource is on the standby's side."""
        here = self.workload.place
        return resource.region == self.pair.standby.region and (resource.account, resource.region) != here

    def counts(self, resource: Resource, *, across: bool) -> bool:
        """Tell whether what a rule says of a resource is about this workload.

        A rule that is `across` judges what the primary has.  Any other speaks for what it is asked about: that is what
        the standby has, or the primary's own definition where the standby has none.
        """
        if resource.type in (_REGION, *DELIVERY):
            return True
        if across or self.is_there(resource):
            return across != self.is_there(resource)
        own = resource.type in (self.workload.type, TASK_DEFINITION)
        return own and self.standby is None

    def _add(self, *resources: Resource | None) -> None:
        for resource in resources:
            if resource is not None:
                self._found.setdefault(resource.type, {})[resource.id] = resource

    def _unless_unseen(self, find: Callable[[], object], *types: str) -> None:
        """Look for something; if it was not seen, what there is of `types` is not known."""
        try:
            find()
        except InsufficientData as gap:
            for type in types:
                self.doubts.setdefault(type, str(gap))

    def _find(self) -> None:
        workload = self.workload
        self._add(workload)
        self._in_place(_REGION, workload.place)
        self._unless_unseen(self._find_standby, workload.type, TASK_DEFINITION)
        self._unless_unseen(self._find_definitions, TASK_DEFINITION, _REPOSITORY, _REGISTRY, _SECRET)
        self._unless_unseen(self._find_images, _REPOSITORY, _REGISTRY)
        if workload.type in KUBERNETES:
            self._unless_unseen(self._find_in_cluster, _EKS, _NODES, _PROFILE, _ADDON, _IDENTITY, _ACCOUNT, _EXTERNAL)
        elif workload.type in ("AWS::ECS::Service", "AWS::ECS::Task"):
            self._unless_unseen(self._find_cluster, _ECS)
        self._find_quotas()
        if self.pair.dr_class == "backup-restore":
            self._find_delivery()

    def _find_standby(self) -> None:
        self.standby = Twin(self._model, self.workload, self.pair).standby
        self._add(self.standby)

    def _find_definitions(self) -> None:
        for one in (self.workload, self.standby):
            if one is not None:
                for definition in _definitions(one, self._model):
                    self._add(definition)
                    self._find_secrets(definition)

    def _find_secrets(self, definition: Resource) -> None:
        for mention in mentions(definition):
            with suppress(InsufficientData):  # the rules about secrets judge what the definition says of it
                wanted = source(mention.read(), mention.type, definition.place)
                region = self.pair.standby.region
                place = Place(wanted.account or definition.account, region)
                self._add(find_secret(self._model, wanted.type, wanted.names, place))

    def _find_images(self) -> None:
        for holder in (self.workload, self.standby):
            if holder is not None:
                for reference in references_of(holder, self._model):
                    self._find_repository(reference)

    def _find_repository(self, reference: Reference) -> None:
        if reference.key is None or reference.is_aws_managed:
            return
        model, here = self._model, Place(reference.account, str(reference.region))
        there = standby_registry(model, here, self.pair)
        for place in dict.fromkeys((here, there)):
            self._add(model.find(_REGISTRY, "registry", place))
            self._add(model.find(_REPOSITORY, reference.key.name, place))
            self._in_place(_REGION, place)

    def _find_cluster(self) -> None:
        """Add the ECS cluster; an id leads to it in an account, a name in a file."""
        for one in (self.workload, self.standby):
            name = None if one is None else one["Cluster"]
            if one is not None and name:
                found = self._model.find(_ECS, str(name).rpartition("/")[2], one.place, code=bool(one.locations))
                self._add(found)

    def _find_in_cluster(self) -> None:
        workload, model, standby = self.workload, self._model, self.pair.standby
        twin = Twin(model, workload, self.pair)
        name = str(workload["Cluster"]).rpartition("/")[2]
        self._add(model.find(_EKS, name, workload.place, code=bool(workload.locations)))
        for type in (_ADDON, _IDENTITY, _ACCOUNT, _EXTERNAL):
            self._in_place(type, workload.place, lambda one: self._is_of_workload(one, name))
        others = twin.names(_EKS, name)
        for type in (_NODES, _PROFILE):
            self._in_place(type, standby, lambda one: one["ClusterName"] in others)

    def _is_of_workload(self, one: Resource, cluster: str) -> bool:
        if one.type == _ADDON:
            return bool(one["ClusterName"] == cluster)
        workload = self.workload
        if one.type == _IDENTITY:
            account = (one["ClusterName"], one["Namespace"], one["ServiceAccount"])
            return account == (cluster, workload["Namespace"], workload["ServiceAccountName"] or "default")
        if (str(one["Cluster"]).rpartition("/")[2], one["Namespace"]) != (cluster, workload["Namespace"]):
            return False
        return one.type == _EXTERNAL or bool(one["Name"] == (workload["ServiceAccountName"] or "default"))

    def _find_quotas(self) -> None:
        prefixes = _QUOTAS[self._runs_on()]
        self._in_place(_QUOTA, self.workload.place, lambda one: (one.name or "").startswith(prefixes))

    def _runs_on(self) -> str:
        """Return what counts the quotas of the workload; what does not say that it is Fargate may be both."""
        if self.workload.type == FUNCTION:
            return "lambda"
        if self.workload.type in KUBERNETES:
            return "eks"
        with suppress(InsufficientData):
            if self.workload.type == "AWS::ECS::Service":
                return "fargate" if on_fargate(self.workload) else "ecs"
            definitions = list(self.of_type(TASK_DEFINITION))
            if definitions and all("FARGATE" in (one["RequiresCompatibilities"] or ()) for one in definitions):
                return "fargate"
        return "ecs"

    def _find_delivery(self) -> None:
        for type in DELIVERY:
            place = self.pair.standby if type.startswith("AWS::CloudFormation::") else self.workload.place
            if type.startswith("AWS::"):
                self._in_place(type, place)
            else:
                self._add(*self._model.of_type(type))

    def _in_place(self, type: str, place: Place, wanted: Callable[[Resource], bool] = lambda _: True) -> None:
        """Add what is of a type in a place; where some of it may be hidden, that is a doubt."""
        if gap := self._model.hidden(type, place):
            self.doubts.setdefault(type, str(gap))
        for one in self._model.in_place(type, place):
            try:
                if wanted(one) and one.place == place:
                    self._add(one)
            except InsufficientData as reason:
                self.doubts.setdefault(type, str(reason))


def references_of(workload: Resource, model: Model) -> Iterator[Reference]:
    """Yield where the images of a workload are pulled from; raise `InsufficientData` where that was not seen."""
    if workload.type == "AWS::Batch::JobDefinition":
        for _, described in containers_of_job(workload):
            yield reference_of(described["Image"])
    for holder in _image_holders(workload, model):
        for container in containers(holder):
            yield container.reference


def _image_holders(workload: Resource, model: Model) -> Iterator[Resource]:
    if workload.type in STARTERS:
        yield from _definitions(workload, model)
        return
    with suppress(InsufficientData):  # then what defines it says it
        if workload["ContainerImages"]:
            yield workload
            return
    yield definition_of(workload, model)


def _definitions(workload: Resource, model: Model) -> Iterator[Resource]:
    if workload.type in STARTERS:
        for task in started(workload):
            if task.definition is None:
                raise InsufficientData(task.unknown)
            yield task_definition(model, task.definition, workload)
    elif workload.type in ("AWS::ECS::Service", "AWS::ECS::Task"):
        yield definition_of(workload, model)
