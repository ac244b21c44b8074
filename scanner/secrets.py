"""What a definition names of Secrets Manager and Parameter Store, and whether it is in another Region too.

Values are never read.  Reading something that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from scanner.model import InsufficientData, Model, Place, Resource
from scanner.workloads import live_only

SECRET, PARAMETER = "AWS::SecretsManager::Secret", "AWS::SSM::Parameter"


class Source(NamedTuple):
    """A secret or parameter as something names it: its type, the names it may have, and where it is."""

    type: str
    names: tuple[str, ...]
    region: str | None
    account: str | None


class Mention(NamedTuple):
    """One place in a task definition that names a secret: where, what a name without an ARN is of, how to read it."""

    pointer: str
    type: str
    read: Callable[[], str]


def mentions(definition: Resource) -> Iterator[Mention]:
    """Yield what a task definition takes secrets from: variables, options of logs, credentials of registries."""
    containers = definition["ContainerDefinitions"] or ()
    for number in range(len(containers)):
        container, at = containers[number], f"/ContainerDefinitions/{number}"
        log = container.get("LogConfiguration") or {}
        yield from _listed(container.get("Secrets"), f"{at}/Secrets")
        yield from _listed(log.get("SecretOptions"), f"{at}/LogConfiguration/SecretOptions")
        credentials = container.get("RepositoryCredentials")
        if credentials:
            pointer = f"{at}/RepositoryCredentials/CredentialsParameter"
            yield Mention(pointer, SECRET, partial(_member, credentials, "CredentialsParameter"))


def _listed(items: Any, pointer: str) -> Iterator[Mention]:
    for number in range(len(items or ())):
        yield Mention(f"{pointer}/{number}/ValueFrom", PARAMETER, partial(_member, items, number, "ValueFrom"))


def _member(structure: Any, *path: str | int) -> Any:
    for key in path:
        structure = structure[key]
    return structure


def source(text: str, type: str, here: Place) -> Source:
    """Return what a name or an ARN means to something in `here`; a name without an ARN is of `type`."""
    if text.startswith("/aws/") or ":parameter/aws/" in text:
        raise InsufficientData(f"'{text}' is one of AWS's own parameters, which no account lists")
    if not text.startswith("arn:"):
        return Source(type, (text,), here.region, here.account)
    _, _, service, region, account, resource = [*text.split(":", 5), "", "", "", ""][:6]
    if service == "ssm" and resource.startswith("parameter/"):
        name = resource.removeprefix("parameter/")
        return Source(PARAMETER, (f"/{name}", name), region, account)
    if service == "secretsmanager" and resource.startswith("secret:"):
        name = resource.split(":")[1]  # what follows is a JSON key, a stage, a version
        return Source(SECRET, tuple(dict.fromkeys((re.sub("-[A-Za-z0-9]{6}$", "", name), name))), region, account)
    raise InsufficientData(f"'{text}' is the ARN of neither a secret nor a parameter")


def find(model: Model, type: str, names: Sequence[str], place: Place) -> Resource | None:
    """Return what has one of the names in a place, None if nothing has."""
    found = [model.find(type, name, place) for name in names]
    return next((resource for resource in found if resource is not None), None)


def problem(model: Model, wanted: Source, place: Place, origins: Iterable[str | None]) -> str | None:
    """Return what is wrong with a secret or parameter in a place, a clause; None if it is there and up to date.

    `origins` are the Regions from which a template may replicate it there without saying so in the place itself.
    """
    found = find(model, wanted.type, wanted.names, place)
    if found is None:
        if _declared_replica(model, wanted, place, origins):
            return None
        return f"is not in '{place}'; it was expected there"
    return _out_of_sync(found, place, model) if wanted.type == SECRET else None


def _declared_replica(model: Model, wanted: Source, place: Place, origins: Iterable[str | None]) -> bool:
    """Tell whether a template that declares the secret elsewhere replicates it to `place`, where it is not shown."""
    if wanted.type != SECRET:
        return False
    others = sorted({region for region in origins if region and region != place.region})
    elsewhere = [find(model, wanted.type, wanted.names, Place(place.account, region)) for region in others]
    replicated = [
        secret
        for secret in elsewhere
        if secret is not None and any(replica["Region"] == place.region for replica in secret["ReplicaRegions"] or ())
    ]
    for secret in replicated:
        if not secret.locations:
            raise InsufficientData(f"'{secret.name}' is replicated to '{place}', which does not list it")
    return bool(replicated)


def _out_of_sync(secret: Resource, place: Place, model: Model) -> str | None:
    """Return why a secret that is a replica does not hold what its original does, None if it does."""
    primary = live_only(secret, "PrimaryRegion")
    if primary in (None, place.region):
        return None
    original = model.find(SECRET, str(secret.name), Place(place.account, primary))
    replicas = (original and original["ReplicaRegions"]) or ()
    replica = next((each for each in replicas if each["Region"] == place.region), None)
    status = replica and replica["Status"]
    if replica and status == "Failed":
        why = replica["StatusMessage"] or "Secrets Manager gives no reason"
        return f"has a replica in '{place}' that failed ({why}); it was expected InSync"
    if status != "InSync":
        raise InsufficientData(f"its replica there is not known to be InSync: '{status}'")
    return None
