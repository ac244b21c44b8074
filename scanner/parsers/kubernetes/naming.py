"""What a kustomization makes of names and namespaces, and of what refers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanner.model import Unknown
from scanner.parsers.kubernetes.objects import Object

if TYPE_CHECKING:
    from scanner.parsers.kubernetes.kustomize import Built, Overlay

_WIDE = ("ClusterSecretStore",)
"""Kinds that are read and have no namespace."""


def rename(overlay: Overlay, built: Built) -> None:
    """Set the namespace and the names of objects."""
    namespace = overlay.fields.get("namespace")
    prefix, suffix = (overlay.fields.get(key) or "" for key in ("namePrefix", "nameSuffix"))
    for one in built.objects:
        metadata = one.value.setdefault("metadata", {}) if one.matters else None
        if not isinstance(metadata, dict):
            continue
        if isinstance(namespace, str) and namespace and one.kind not in _WIDE:
            _become(one, metadata, "namespace", namespace)
            one.locations["/metadata/namespace"] = overlay.locate("namespace")
        if (prefix or suffix) and one.named("name"):  # each change makes a name that others may mean
            one.affixes += ((prefix, suffix),)
            _become(one, metadata, "name", f"{prefix}{one.named('name')}")
            _become(one, metadata, "name", f"{one.named('name')}{suffix}")
    built.secrets |= bool(overlay.fields.get("secretGenerator"))
    built.renames |= bool(prefix or suffix or overlay.fields.get("secretGenerator"))


def refer(built: Built) -> list[Object]:
    """Return the objects of an overlay that no other one includes, with the names that they mean by former ones."""
    found = [one.copy() for one in built.objects]
    accounts = [one for one in found if one.kind == "ServiceAccount"]
    for one in found:
        spec = one.pod_spec()
        if isinstance(spec, dict):
            if isinstance(spec.get("serviceAccountName"), str):
                spec["serviceAccountName"] = _account(spec["serviceAccountName"], one, accounts)
            if built.renames and built.secrets:
                _forget_secrets(spec)
    return found


def _become(one: Object, metadata: dict[str, Any], key: str, value: str) -> None:
    before = one.id
    metadata[key] = value
    if before != one.id:
        one.former += (before,)


def _account(name: str, one: Object, accounts: list[Object]) -> Any:
    """Return the name of the service account that pods mean, which it may have had before."""
    beside = [account for account in accounts if account.id[0] == one.id[0]]
    meant = [account for account in beside if name in {former for _, former in account.ids}]
    if len(meant) > 1:
        meant = [account for account in meant if account.affixes == one.affixes] or meant
    names = {account.id[1] for account in meant} or {name}
    return names.pop() if len(names) == 1 else Unknown(f"which of several service accounts '{name}' is cannot be told")


def _forget_secrets(spec: dict[str, Any]) -> None:
    """Take away the names of secrets, which may be among those that are generated or renamed and are not read."""
    listed = spec.get("imagePullSecrets")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and each.get("name") is not None:
            each["name"] = Unknown("whether the kustomization names the secret otherwise is not known")
