"""CloudFormation templates as resources of the model, for each account and Region they are deployed to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scanner.documents import Document, pointer
from scanner.model import Gap, Location, Resource, Unknown, guard
from scanner.parsers import roles, sam, user_data
from scanner.parsers.intrinsics import NO_VALUE, Trace
from scanner.parsers.names import STACK, Names, PlaceOf, properties_of
from scanner.parsers.reading import regions
from scanner.parsers.registry import REGISTRY, Piece, fold
from scanner.parsers.stacks import (
    MAX_NESTED,
    STACK_SET,
    Context,
    Deployment,
    Source,
    deployments,
    inline,
    parameters,
)
from scanner.vocabulary import complete, types

_PIECES = {
    "AWS::ECR::ReplicationConfiguration": ("ReplicationConfiguration", "ReplicationConfiguration"),
    "AWS::ECR::RegistryPolicy": ("PolicyText", "PolicyText"),
    "AWS::ECR::RegistryScanningConfiguration": ("ScanningConfiguration", None),
    "AWS::ECR::RepositoryCreationTemplate": ("RepositoryCreationTemplates", None),
    "AWS::ECR::PullThroughCacheRule": ("PullThroughCacheRules", None),
    REGISTRY: ("", None),
}
"""Type to the property of the registry it declares, and the property of its own that holds the value."""

_HARMLESS = {"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions", "AWS::SecretsManager-2020-07-23"}
_HARMLESS |= {"AWS::SecretsManager-2024-09-16", "AWS::CodeDeployBlueGreen", "AWS::CodeStar"}


def recognises(value: Any) -> bool:
    """Tell whether a document is a CloudFormation template."""
    if not isinstance(value, dict):
        return False
    if "AWSTemplateFormatVersion" in value:
        return True
    bodies = value.get("Resources")
    return isinstance(bodies, dict) and any(
        isinstance(b, dict) and isinstance(b.get("Type"), str) for b in bodies.values()
    )


def resources(
    template: Document | Mapping[str, Any],
    path: str,
    account: str | None,
    region: str | None,
    *,
    place_of: PlaceOf | None = None,
) -> tuple[list[Resource], list[Gap]]:
    """Return what a template declares when it is deployed to one place, and what it leaves open.

    `place_of` gives the place of each resource instead.  Registry-level resources become one registry for each place;
    every place that is known and holds something, and the place of the template itself, is an AWS::Account::Region.
    """
    declared = list(declarations(template, path, account, region, place_of=place_of))
    found = [one for one in declared if isinstance(one, Resource)]
    found += fold(one for one in declared if isinstance(one, Piece))
    places = {} if place_of else {(account, region): Location(path, 1)}
    for one in found:
        places.setdefault((one.account, one.region), one.locations[""])
    return found + regions(places, found), [one for one in declared if isinstance(one, Gap)]


def declarations(
    template: Document | Mapping[str, Any],
    path: str,
    account: str | None,
    region: str | None,
    *,
    place_of: PlaceOf | None = None,
    suffix: str = "",
) -> Iterator[Resource | Piece | Gap]:
    """Return what a template declares, registries still in pieces; `suffix` tells instances of it apart in ids."""
    document = template if isinstance(template, Document) else Document(template, {})
    source = Source(sam.expand(document), path)
    yield from Template(source, place_of or at(account, region), Context(), suffix).declarations()


class Template(Names):
    """One template as it is deployed once, with the stacks it brings.

    `given` are values of its parameters; `through` are the resources, outermost first, that bring it, and `chain`
    the paths of their templates.  `located` is what those that one resource brings share: places in the template.
    """

    def __init__(
        self,
        source: Source,
        place_of: PlaceOf,
        context: Context,
        suffix: str = "",
        given: Mapping[str, Any] | None = None,
        through: tuple[Location, ...] = (),
        chain: tuple[str, ...] = (),
        located: dict[tuple[str, Location | None], Location | None] | None = None,
    ) -> None:
        super().__init__(source.document.value, source.path, place_of, suffix, given, context.budget)
        self.source, self.written, self.context = source, source.document.locations, context
        self.through, self.chain = through, (*chain, source.path)
        self._located = {} if located is None else located
        self._brought: dict[str, list[Template] | str] = {}
        self._outputs: dict[str, Any] = {}

    def declarations(self) -> Iterator[Resource | Piece | Gap]:
        """Return what the template declares, and what the stacks declare that it brings."""
        yield from self._openings()
        known = {*types(), *_PIECES}
        for logical, body in self.resources.items():
            type = body.get("Type") if isinstance(body, dict) else None
            if not isinstance(type, str):
                continue
            if type in known:
                yield from self._declaration(logical, body, type)
            if type in (STACK, STACK_SET):
                yield from self._within(logical, body)
            elif type.endswith("::MODULE"):
                yield self._gap(logical, None, f"the module {type} may declare resources")

    def _openings(self) -> Iterator[Gap]:
        """Return a gap for each way in which resources come into the stack without being written in it."""
        transforms = self.body.get("Transform")
        for transform in transforms if isinstance(transforms, list) else [transforms]:
            name = transform.get("Name") if isinstance(transform, dict) else transform
            if name is not None and str(name) not in _HARMLESS:
                yield self._gap("", None, f"transform {name} may add resources")
        for logical, body in self.resources.items():
            if logical.startswith("Fn::"):
                generated: list[str | None] = [*sorted(_types_in(body))]
                for type in generated or [None]:
                    yield self._gap(logical, type, f"{logical} is not evaluated")

    def _declaration(self, logical: str, body: Mapping[str, Any], type: str) -> Iterator[Resource | Piece | Gap]:
        resolver = self._resolver(logical)
        present = self._present(logical, body)
        if present is False:
            return
        source = pointer("Resources", logical)
        origins: dict[str, str] = {}
        value = resolver.resolve(body.get("Properties", {}), Trace(f"{source}/Properties", "", origins))
        problem = next((one for one in (present, value) if isinstance(one, Unknown)), None)
        origin = self.source.origins.get(logical)
        locations = {target: where for target, at in origins.items() if (where := self._locate(at, origin))}
        locations[""] = self._locate(source, origin) or Location(self.path, 1, through=self.through)
        if type in _PIECES:
            yield self._piece(logical, type, value if problem is None else problem, locations)
        elif problem is not None:
            yield self._gap(logical, type, problem.reason)
        else:
            yield self._resource(logical, type, value, locations)

    def _piece(self, logical: str, type: str, value: Any, locations: Mapping[str, Location]) -> Piece:
        name, inner = _PIECES[type]
        declared = locations[""]
        if not isinstance(value, dict):
            locations = {"": declared}
        elif inner:
            value = value.get(inner, Unknown(f"'{logical}' does not set its {inner}"))
            prefix = pointer(inner)
            locations = {at.removeprefix(prefix): each for at, each in locations.items() if at.startswith(prefix)}
        account, region = self._place(logical)
        return Piece(name, value, self._own_id(logical), account, region, declared, locations)

    def _resource(self, logical: str, type: str, given: Any, locations: Mapping[str, Location]) -> Resource:
        properties = dict(given) if isinstance(given, dict) else {}
        tags = _tags(properties.pop("Tags", None))
        properties |= self._references(logical, type)
        if type == "AWS::Events::Rule" and isinstance(properties.get("Targets"), list):
            written = properties_of(self.resources[logical]).get("Targets")
            properties["Targets"] = self._tasks_started(logical, written, properties["Targets"])
        if type == "AWS::Scheduler::Schedule" and "Target" in properties:
            written = properties_of(self.resources[logical])["Target"]
            (properties["Target"],) = self._tasks_started(logical, [written], [properties["Target"]])
        if type in user_data.HOLDERS:
            written, resolver = properties_of(self.resources[logical]), self._resolver(logical)
            properties, locations = user_data.kept(type, properties, written, locations, resolver, self._type)
        name = self._name(logical)
        account, region = self._place(logical)
        if type == "AWS::Account::Region":
            properties.setdefault("RegionName", region)
        return Resource(
            type,
            self._id(logical),
            name if isinstance(name, str) else None,
            account,
            region,
            guard(complete(type, properties)),
            tags,
            locations,
        )

    # What resources are called, and how they refer to each other.

    def _references(self, logical: str, type: str) -> dict[str, Any]:
        """Return the properties that hold the id of another resource."""
        properties = properties_of(self.resources[logical])
        made = {}
        if type in ("AWS::ECS::Service", "AWS::ECS::Task"):
            made["Cluster"] = self._cluster(logical, properties.get("Cluster", "default"))
            if "TaskDefinition" in properties:
                made["TaskDefinition"] = self._target(
                    logical, properties["TaskDefinition"], "AWS::ECS::TaskDefinition"
                )[1]
        for name in roles.NAMED.get(type, ()):
            if name in properties:
                made[name] = self._target(logical, properties[name], roles.ROLE)[1]
        substituted = properties.get("DefinitionSubstitutions")
        if type == "AWS::StepFunctions::StateMachine" and isinstance(substituted, dict):
            made["DefinitionSubstitutions"] = {
                name: self._target(logical, value, "AWS::ECS::TaskDefinition")[1] for name, value in substituted.items()
            }
        if type == roles.ROLE:
            made["Policies"] = roles.policies(
                logical, self._name(logical), self.resources, self._resolver, lambda at, v: self._target(at, v, type)
            )
        return made

    def _tasks_started(self, logical: str, written: Any, targets: list[Any]) -> list[Any]:
        """Return the targets of a rule, in which references to task definitions of this template are their ids."""
        if not isinstance(written, list) or len(written) != len(targets):  # made by a function, or one is left out
            return targets
        made = []
        for given, target in zip(written, targets, strict=True):
            parameters = given.get("EcsParameters") if isinstance(given, dict) else None
            found = None
            if isinstance(parameters, dict):
                found, id = self._target(logical, parameters.get("TaskDefinitionArn"), "AWS::ECS::TaskDefinition")
            if found is not None and isinstance(target, dict) and isinstance(target.get("EcsParameters"), dict):
                target = {**target, "EcsParameters": {**target["EcsParameters"], "TaskDefinitionArn": id}}
            made.append(target)
        return made

    # The stacks it brings.

    def _within(self, logical: str, body: Mapping[str, Any]) -> Iterator[Resource | Piece | Gap]:
        present = self._present(logical, body)
        if present is False:
            return
        stacks = self._stacks(logical)
        if isinstance(stacks, str):
            yield self._gap(logical, None, stacks)
            return
        for stack in stacks:
            if present is True:
                yield from stack.declarations()
            else:
                yield from stack.doubted(present.reason)

    def doubted(self, reason: str) -> Iterator[Gap]:
        """Return a gap for each type that the template declares, if it is deployed at all."""
        found = list(self.declarations())
        yield from (one for one in found if isinstance(one, Gap))
        declared = (one for one in found if not isinstance(one, Gap))
        places = {(REGISTRY if isinstance(one, Piece) else one.type, one.account, one.region) for one in declared}
        for type, account, region in sorted(places, key=str):
            yield Gap("Unresolved", f"{self.path}: {reason}", type, account, region, path=self.path)

    def _stacks(self, logical: str) -> list[Template] | str:
        """Return the stacks that a resource brings, or why they are not known."""
        if logical not in self._brought:
            self._brought[logical] = "the nested stack refers to itself"
            self._brought[logical] = self._made_stacks(logical)
        return self._brought[logical]

    def _made_stacks(self, logical: str) -> list[Template] | str:
        body, resolver = self.resources[logical], self._resolver(logical)
        source = self._source(logical, body)
        if isinstance(source, str):
            return source
        if source.file is not None and source.path in self.chain:
            return f"{source.path} nests itself"
        if len(self.chain) > MAX_NESTED:
            return f"stacks are nested deeper than {MAX_NESTED}"
        properties = properties_of(body)
        if self._type(logical) == STACK:
            values = parameters(properties.get("Parameters", NO_VALUE), resolver)
            made: list[Deployment] | str = [Deployment(*self._place(logical), values, "")]
        else:
            made = deployments(properties, resolver)
        return made if isinstance(made, str) else self._deployed(logical, source, made)

    def _deployed(self, logical: str, source: Source, made: list[Deployment]) -> list[Template] | str:
        where = self._locate(pointer("Resources", logical), self.source.origins.get(logical))
        where = where or Location(self.path, 1, through=self.through)
        through = (*where.through, replace(where, through=()))
        stacks = []
        located: dict[tuple[str, Location | None], Location | None] = {}
        for one in made:
            if not self.budget.allows_a_stack():
                return "there are too many nested stacks, or too large ones"
            place = (one.account, one.region)
            self.context.places.setdefault(place, where)
            suffix = f"@{self._own_id(logical)}" + (f"@{one.suffix}" if one.suffix else "")
            stacks.append(Template(source, at(*place), self.context, suffix, one.given, through, self.chain, located))
        return stacks

    def _source(self, logical: str, body: Mapping[str, Any]) -> Source | str:
        properties, resolver = properties_of(body), self._resolver(logical)
        if self._type(logical) == STACK_SET and "TemplateBody" in properties:
            at = pointer("Resources", logical, "Properties", "TemplateBody")
            where = self._locate(at) or Location(self.path, 1)
            return inline(resolver.resolve(properties["TemplateBody"]), self.source, replace(where, through=()))
        return self.context.find(self.source, body, resolver.resolve(properties.get("TemplateURL")))

    def _output(self, logical: str, name: str) -> Any:
        stacks = self._stacks(logical)
        if isinstance(stacks, str):
            return Unknown(stacks)
        return stacks[0].output(name)

    def output(self, name: str) -> Any:
        """Return what an output of the stack is worth."""
        if name not in self._outputs:
            self._outputs[name] = Unknown(f"the output '{name}' refers to itself")
            outputs = self.body.get("Outputs")
            body = outputs.get(name) if isinstance(outputs, dict) else None
            if not isinstance(body, dict) or "Value" not in body:
                self._outputs[name] = Unknown(f"{self.path} has no output '{name}'")
            else:
                self._outputs[name] = self._resolver("").resolve(body["Value"])
        return self._outputs[name]

    # Where it is written, and what is not.

    def _locate(self, at: str, origin: Location | None = None) -> Location | None:
        """Return where something is written: in the program that made it, if that is known, then in the template."""
        if (at, origin) in self._located:
            return self._located[at, origin]
        here = at
        while here and here not in self.written:
            here = here.rpartition("/")[0]
        where = self.written.get(here)
        if where is not None and self.through:
            where = Location(where.path, where.line, where.column, where.end_line, where.end_column, self.through)
        if origin is not None:
            there = () if where is None else (replace(where, through=()),)
            where = replace(origin, through=(*self.through, *there))
        self._located[at, origin] = where
        return where

    def _gap(self, logical: str, type: str | None, reason: str) -> Gap:
        account, region = self._place(logical) if logical in self.resources else self.place_of("", {})
        where = self._locate(pointer("Resources", logical) if logical else pointer("Transform"))
        line = f"{self.path}:{where.line}: " if where else ""
        about = f"'{logical}': " if logical else ""
        return Gap("Unresolved", f"{line}{about}{reason}", type, account, region, path=self.path)


def at(account: str | None, region: str | None) -> PlaceOf:
    """Return that everything is in one place."""
    return lambda _, __: (account, region)


def _tags(given: Any) -> dict[str, str]:
    """Return the tags whose key and value are written out; they are a list of Key and Value, or an object."""
    if isinstance(given, list):
        pairs = [(tag.get("Key"), tag.get("Value")) for tag in given if isinstance(tag, dict)]
    else:
        pairs = list(given.items()) if isinstance(given, dict) else []
    return {key: str(value) for key, value in pairs if isinstance(key, str) and isinstance(value, (str, int))}


def _types_in(value: Any) -> set[str]:
    """Return the types of our vocabulary that a text anywhere in `value` names."""
    if isinstance(value, str):
        return {REGISTRY} if value in _PIECES else {value} & types()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_types_in, inner))
