"""The estate of a game day: what was recorded, and what was done since, in memory only."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from scanner.images import Image, Listing, RepositoryKey
from scanner.model import Place
from scanner.recorded import CallError, Target
from scanner.serve.gameday.lost import Lost
from scanner.serve.models import Catalogue
from scanner.serve.query import Query, Refused
from scanner.serve.record import Answer, Record
from scanner.serve.replay import Recording, Replay


class World(Replay):
    """A recording that can be changed.  Any thread may read; one at a time may change."""

    def __init__(self, recording: Recording, catalogue: Catalogue) -> None:
        super().__init__(recording, catalogue)
        self.catalogue = catalogue
        self._changed: dict[Target, Record] = {}
        self.pushed: dict[RepositoryKey, Listing] = {}
        """The images of the repositories that were changed."""
        self.manifests: dict[str, str] = {}
        """The manifests that were put, by digest."""
        self.services: dict[tuple[Place, str], Service] = {}
        """The ECS services that were created or changed, by place and ARN."""
        self.waiting: set[tuple[Place, str]] = set()
        """Those of them that do not run as many tasks as they want."""
        self.tasks: dict[tuple[Place, str], Task] = {}
        """The tasks that were run without a service, by place and ARN."""
        self.starting: set[tuple[Place, str]] = set()
        """Those of them of which it is not known yet how their start ends."""
        self.functions: dict[tuple[Place, str], Mapping[str, Any] | None] = {}
        """What Lambda functions were, by place and ARN, whose image is on its way; None for new ones."""
        self.updated: dict[tuple[Place, str], str] = {}
        """The images that Lambda functions were to have when they were created or changed last, by place and ARN."""
        self.scalable: Mapping[tuple[Place, str], Mapping[str, Any]] = {}
        """The scalable targets that were registered, by place and id of the resource."""
        self.numbers = count(1)
        """What tells apart what is begun in one moment."""
        self.ran: dict[tuple[Place, str], tuple[str, ...]] = {}
        """The ARNs of the tasks that a call ran, by place and its client token: asked again, it runs no others."""

    def record(self, target: Target) -> Record:
        """Return the calls of a target as they would be answered now."""
        return self._changed.get(target) or super().record(target)

    def images(self, target: Target) -> Mapping[RepositoryKey, Listing]:
        """Return the images of a target's repositories as they are now."""
        return ChainMap(self.pushed, super().images(target))  # type: ignore[arg-type]

    def changed(self, target: Target) -> frozenset[str]:
        """Return the services of a target that answer something else than was recorded."""
        found = self._changed.get(target)
        return found.changed if found else frozenset()

    def version(self, account: str) -> int:
        """Return a number that is another one once something was changed in an account."""
        return sum(record.version for target, record in self._changed.items() if target.account == account)

    def there(self, place: Place) -> Record | None:
        """Return the calls of a place, None if it was not collected."""
        target = self.target(place)
        return None if target is None else self.record(target)

    def listing(self, key: RepositoryKey) -> Listing | None:
        """Return the images of a repository, None if they were not listed."""
        target = self.target(Place(key.account, key.region))
        return None if target is None else self.images(target).get(key)

    def edits(self, place: Place) -> Edits | None:
        """Return what changes the answers of a place, None if it was not collected; they are kept from now on."""
        target = self.target(place)
        return None if target is None else Edits(self._changed.setdefault(target, self.record(target)))

    def everywhere(self, digest: str) -> Iterator[tuple[RepositoryKey, Image]]:
        """Yield the repositories in which an image was seen."""
        for target in self.targets:
            for key, listing in self.images(target).items():
                if (key.account, key.region) == target.place:
                    yield from ((key, image) for image in listing.images if image.digest == digest)

    def push(self, key: RepositoryKey, listing: Listing) -> None:
        """Let a repository have these images."""
        self.pushed = {**self.pushed, key: listing}


@dataclass(frozen=True)
class Launch:
    """What is to be started, and on what: a task definition, and `kind`, the launch type or capacity providers.

    `instances` is how many EC2 instances its cluster has, None if that was not seen.  `digests` are those that its
    service began with, by container; what they say is pulled, whatever tags mean now.
    """

    place: Place
    definition: Mapping[str, Any]
    kind: Mapping[str, Any]
    instances: int | None
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """An ECS service that was changed: how many tasks ran `before`, and what a new task of its is.

    `deployment` is the id of the newest one, `revision` its service revision.  If it `replaces` what ran before, all
    tasks are new; `older` is the deployment that those before belong to, with its service revision.
    """

    arn: str
    launch: Launch
    deployment: str
    revision: str
    before: int
    replaces: bool
    older: tuple[Mapping[str, Any], str | None] | None

    @property
    def place(self) -> Place:
        """Return the account and Region."""
        return self.launch.place


@dataclass(frozen=True)
class Task:
    """A task that was run without a service."""

    arn: str
    launch: Launch


@dataclass(frozen=True)
class Edits:
    """Changes what one account and Region answers."""

    record: Record

    def answer(self, service: str, operation: str, parameters: Mapping[str, Any], page: Mapping[str, Any]) -> None:
        """Let a question be answered so from now on."""
        self.record.put(service, operation, Answer(parameters, None, (page,), None))

    def fail(self, service: str, operation: str, parameters: Mapping[str, Any], code: str, message: str) -> None:
        """Let a question be refused so from now on."""
        self.record.put(service, operation, Answer(parameters, None, (), CallError(code, message, 400)))

    def append(self, service: str, operation: str, member: str, item: Any, **parameters: Any) -> None:
        """Add an item to the end of a list, if it was recorded."""

        def longer(answer: Answer) -> Answer:
            if answer.parameters != parameters:
                return answer
            *before, last = answer.pages or ({member: []},)
            return replace(answer, pages=(*before, {**last, member: [*(last.get(member) or ()), item]}))

        self.record.change(service, operation, longer)

    def update(self, service: str, operation: str, member: str, is_it: Callable[[Any], bool], new: Any) -> None:
        """Put something in the place of an item wherever an operation lists it, or answers it alone."""

        def changed(value: Any) -> Any:
            if isinstance(value, list):
                return [new if is_it(item) else item for item in value]
            return new if value is not None and is_it(value) else value

        def page(old: Mapping[str, Any]) -> Mapping[str, Any]:
            return {**old, member: changed(old[member])} if member in old else old

        self.record.change(service, operation, lambda one: replace(one, pages=tuple(page(old) for old in one.pages)))


@dataclass(frozen=True)
class Write:
    """One call that changes the estate: where it is done, what it asks for, and when it came."""

    world: World
    lost: Lost
    query: Query
    edits: Edits
    at: datetime

    @property
    def place(self) -> Place:
        """Return the account and Region."""
        return self.query.place

    @property
    def record(self) -> Record:
        """Return what the place answers."""
        return self.edits.record

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Return what is asked for."""
        return self.query.parameters

    @property
    def now(self) -> float:
        """Return the time of the call in seconds of the epoch, as JSON protocols give it."""
        return self.at.timestamp()

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in the place of the call."""
        return f"arn:{self.record.partition}:{service}:{self.place.region}:{self.place.account}:{resource}"

    def listed(self, service: str, operation: str, member: str, **parameters: Any) -> list[Any]:
        """Return a whole list; raise `Refused` if it was not seen to its end, for what exists is then not known."""
        found = self.record.listed(service, operation, member, **parameters)
        if found is None:
            raise self.query.not_recorded(f"it hangs on {service}:{operation}, which was not answered to its end")
        return list(found)


def refused(code: str, message: str, status: int = 400) -> Refused:
    """Return an error of AWS's."""
    return Refused(code, message, status)


def not_simulated(operation: str, why: str = "") -> Refused:
    """Return the refusal of what would change something that nobody pretends here, `why` a clause."""
    message = f"Game day does not simulate {operation}, so nothing was changed"
    return Refused("NotSimulated", f"{message}: {why}." if why else f"{message}.", 501)
